# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer of capacity_info as rows of a table."""

from __future__ import annotations

DOCUMENTATION = r"""
name: capacity_rows
short_description: What capacity_info says of flavors, as rows of a table
version_added: 0.2.0
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Makes a list of dictionaries, one for each flavor, that P(scaleout.nova.table#filter) shows as a table.
options:
  _input:
    description: What M(scaleout.nova.capacity_info) returns as C(flavors).
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Ask
  scaleout.nova.capacity_info:
    snapshot: "{{ playbook_dir }}/cloud.json"
  register: capacity

- name: Show
  ansible.builtin.debug:
    msg: "{{ capacity.flavors | scaleout.nova.capacity_rows | scaleout.nova.table }}"
  # flavor    fits  hosts  limit      more
  # m1.large   756    149  MEMORY_MB  1317
"""

RETURN = r"""
_value:
  description:
    - For each flavor its name, how many more fit, on how many hosts, and what the first limit is, without which so many
      C(more) would fit. The hosts are null where the answer does not have them.
  type: list
  elements: dict
"""

import collections.abc as c
import typing as t

from ansible.errors import AnsibleFilterError


def capacity_rows(flavors: t.Any) -> list[dict[str, t.Any]]:
    """Return a row for each flavor.

    :raises AnsibleFilterError: it is not what capacity_info returns
    """
    if not isinstance(flavors, c.Mapping):
        raise AnsibleFilterError(f"capacity_rows wants the flavors of capacity_info, not {type(flavors).__name__}")
    try:
        return [_row(str(name), answer) for name, answer in flavors.items()]
    except (KeyError, TypeError):
        raise AnsibleFilterError("capacity_rows wants the flavors as capacity_info returns them") from None


def _row(name: str, answer: c.Mapping[str, t.Any]) -> dict[str, t.Any]:
    limit = next(iter(answer["limits"]), {"limit": None, "more": None})
    return {
        "flavor": name,
        "fits": answer["fits"],
        "hosts": len(answer["hosts"]) if "hosts" in answer else None,
        "limit": limit["limit"],
        "more": limit["more"],
    }


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"capacity_rows": capacity_rows}
