# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a flavor fits into what is free."""

from __future__ import annotations

DOCUMENTATION = r"""
name: flavor_fit
short_description: How often a flavor fits into what is free on a host
version_added: 0.2.0
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - How many servers of a flavor fit into free amounts of resource classes. What a server asks for is what Nova asks
    Placement for, with dedicated CPUs, C(resources) extra specs and all.
  - It looks at amounts alone, as if they came from one resource provider with all traits. For the rules of a whole
    cloud there is M(scaleout.nova.capacity_info).
options:
  _input:
    description: Resource class and what is free of it. A class that is not there has nothing free.
    type: dict
    required: true
  flavor:
    description:
      - The flavor, with C(vcpus), C(ram) (MiB), C(disk) (GiB), and optionally C(ephemeral) (GiB), C(swap) (MiB) and
        C(extra_specs).
    type: dict
    required: true
  boot_from_volume:
    description: Whether the root disk is a volume, which needs no disk of the host.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: See how many fit
  ansible.builtin.debug:
    msg: "{{ free | scaleout.nova.flavor_fit({'vcpus': 2, 'ram': 4096, 'disk': 20}) }}"
  vars:
    free:
      VCPU: 28
      MEMORY_MB: 16384
      DISK_GB: 500
  # 4
"""

RETURN = r"""
_value:
  description: How many fit.
  type: int
"""

import collections.abc as c
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import CapacityError
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.questions import described_flavor, sentence
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.request import demand


def flavor_fit(free: t.Any, flavor: t.Any, boot_from_volume: bool = False) -> int:
    """Return how often the flavor fits.

    :param free: resource class -> what is free of it
    :raises AnsibleFilterError: the flavor is none that Nova would accept, or the amounts are no numbers
    """
    if not isinstance(free, c.Mapping):
        raise AnsibleFilterError(
            f"flavor_fit wants a dictionary of resource class and amount, not {type(free).__name__}"
        )
    if not isinstance(flavor, c.Mapping):
        raise AnsibleFilterError(f"the flavor of flavor_fit is a dictionary, not {type(flavor).__name__}")
    try:
        amounts = demand(described_flavor(flavor), boot_from_volume=boot_from_volume).amounts
        return min(max(0, int(free.get(name, 0))) // amount for name, amount in amounts.items())
    except CapacityError as error:
        raise AnsibleFilterError(sentence(error)) from None
    except (TypeError, ValueError):
        raise AnsibleFilterError("flavor_fit wants whole numbers of what is free") from None


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"flavor_fit": flavor_fit}
