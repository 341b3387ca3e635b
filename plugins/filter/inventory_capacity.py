# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be allocated of an inventory."""

from __future__ import annotations

DOCUMENTATION = r"""
name: inventory_capacity
short_description: What Placement allocates of an inventory in all
version_added: 0.2.0
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - The capacity of an inventory of a resource provider, C((total - reserved) * allocation_ratio), rounded down. What is
    reserved goes off before the overcommitment.
options:
  _input:
    description:
      - An inventory as Placement's API shows it, with C(total), and by default nothing C(reserved) and an
        C(allocation_ratio) of 1.
      - Or a dictionary of resource class and inventory, as below C(inventories) in the reply for a provider.
    type: dict
    required: true
"""

EXAMPLES = r"""
- name: Say what a host holds
  ansible.builtin.debug:
    msg: "{{ {'total': 32, 'reserved': 2, 'allocation_ratio': 4.0} | scaleout.nova.inventory_capacity }}"
  # 120

- name: Say what a provider holds of each class
  ansible.builtin.debug:
    msg: "{{ {'VCPU': {'total': 32}, 'DISK_GB': {'total': 100, 'reserved': 10}} | scaleout.nova.inventory_capacity }}"
  # VCPU: 32, DISK_GB: 90
"""

RETURN = r"""
_value:
  description: The capacity in the unit of the class, or a dictionary of resource class and capacity.
  type: raw
"""

import collections.abc as c
import math
import typing as t

from ansible.errors import AnsibleFilterError

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.inventory import capacity


def inventory_capacity(inventory: t.Any) -> int | dict[str, int]:
    """Return the capacity of an inventory, or of each inventory of a dictionary.

    :raises AnsibleFilterError: something is no inventory
    """
    if (
        isinstance(inventory, c.Mapping)
        and inventory
        and all(isinstance(each, c.Mapping) for each in inventory.values())
    ):
        return {str(name): _capacity(each) for name, each in inventory.items()}
    return _capacity(inventory)


def _capacity(inventory: t.Any) -> int:
    if not isinstance(inventory, c.Mapping) or "total" not in inventory:
        raise AnsibleFilterError("inventory_capacity wants an inventory with total, reserved and allocation_ratio")
    total = _number(inventory, "total", 0)
    reserved = _number(inventory, "reserved", 0)
    ratio = _number(inventory, "allocation_ratio", 1)
    if total < 0 or reserved < 0 or ratio <= 0:
        raise AnsibleFilterError("an inventory has no negative numbers, and a ratio above 0")
    return capacity(int(total), int(reserved), ratio)


def _number(inventory: c.Mapping[str, t.Any], key: str, default: float) -> float:
    value = inventory.get(key, default)
    try:
        if isinstance(value, bool) or not math.isfinite(float(value)):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise AnsibleFilterError(f"{key} of an inventory is a number, not {value!r}") from None


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"inventory_capacity": inventory_capacity}
