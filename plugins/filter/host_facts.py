# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the inventory knows of compute hosts, as far as a declaration of host aggregates asks for it."""

from __future__ import annotations

DOCUMENTATION = r"""
name: host_facts
short_description: What the inventory knows of compute hosts, for host_aggregates
version_added: 0.2.0
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Makes the option O(scaleout.nova.host_aggregates#module:host_facts) of M(scaleout.nova.host_aggregates) out of the
    inventory. No host is connected to.
  - Of the variables of a host, only those are taken that rules or goals of the declaration name, and
    C(nova_compute_cell). No others, such as secrets, get to the module.
  - A host goes by its variable C(nova_compute_host), which is the name of its compute service in Nova, and without that
    by its name in the inventory.
options:
  _input:
    description: Names of hosts in the inventory.
    type: list
    elements: str
    required: true
  hostvars:
    description: The variable C(hostvars).
    type: dict
    required: true
  aggregates:
    description: The declaration, as O(scaleout.nova.host_aggregates#module:aggregates).
    type: list
    elements: dict
    required: true
  exactly_one_of:
    description: As O(scaleout.nova.host_aggregates#module:exactly_one_of).
    type: list
    elements: raw
    default: []
  defaults:
    description: Values of variables that a host does not have.
    type: dict
    default: {}
seealso:
  - module: scaleout.nova.host_aggregates
"""

EXAMPLES = r"""
- name: Aggregates by the variables and groups of the inventory
  scaleout.nova.host_aggregates:
    cloud: admin
    aggregates: "{{ nova_aggregates }}"
    host_facts: "{{ groups['computes'] | scaleout.nova.host_facts(hostvars, nova_aggregates) }}"
"""

RETURN = r"""
_value:
  description: Name of the compute service to C(vars) and C(groups).
  type: dict
"""

import collections.abc as c
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates import named
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.declaration import parse
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import AggregatesError

#: variables that are always taken: the cell, which no API tells
ALWAYS = ("nova_compute_cell",)


def host_facts(
    hosts: t.Any,
    hostvars: t.Any,
    aggregates: t.Any,
    exactly_one_of: t.Any = (),
    defaults: c.Mapping[str, t.Any] | None = None,
) -> dict[str, dict[str, t.Any]]:
    """Return what the inventory knows of the hosts.

    :param hosts: names in the inventory
    :raises AnsibleFilterError: the declaration cannot be read, or there is no such host
    """
    try:
        names = named.variables(parse({"aggregates": aggregates, "exactly_one_of": exactly_one_of}))
    except AggregatesError as error:
        raise AnsibleFilterError(f"{error}.") from None
    found: dict[str, dict[str, t.Any]] = {}
    owners: dict[str, str] = {}
    for host in hosts:
        if host not in hostvars:
            raise AnsibleFilterError(f"host_facts: there is no host {host!r} in the inventory.")
        values = hostvars[host]
        known = {**(defaults or {}), **{name: values[name] for name in sorted({*names, *ALWAYS}) if name in values}}
        name = str(values.get("nova_compute_host", host))
        if owners.setdefault(name, host) != host:
            raise AnsibleFilterError(f"host_facts: the hosts {owners[name]} and {host} are both {name} in Nova.")
        found[name] = {
            "vars": known,
            "groups": sorted(values.get("group_names", [])),
        }
    return found


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"host_facts": host_facts}
