# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of one inventory, as Placement does it (placement objects/inventory.py, research_context.py).

Amounts are in the units of the resource class: VCPU in CPUs, MEMORY_MB in MiB, DISK_GB in GiB.

A lean snapshot has no units (min_unit, max_unit, step_size) where nobody asked for them. Placement's defaults are then
assumed, which allow every amount; :func:`proven` says whether that assumption is made.
"""

from __future__ import annotations

from .model import Inventory


def capacity(total: int, reserved: int, ratio: float) -> int:
    """What can be allocated in all: the reserved part goes off *before* overcommitment."""
    return int((total - reserved) * ratio)


def wrong_units(inventory: Inventory, amount: int) -> tuple[str, ...]:
    """Which of min_unit, max_unit and step_size forbid a single allocation of this amount, as far as they are known."""
    if amount in inventory.admits:
        return ()
    wrong = []
    if inventory.min_unit is not None and amount < inventory.min_unit:
        wrong.append("min_unit")
    if inventory.max_unit is not None and amount > inventory.max_unit:
        wrong.append("max_unit")
    if inventory.step_size is not None and amount % inventory.step_size:
        wrong.append("step_size")
    return tuple(wrong)


def proven(inventory: Inventory, amount: int) -> bool:
    """Whether the snapshot knows, rather than assumes, what :func:`wrong_units` says."""
    if amount in inventory.admits or wrong_units(inventory, amount):
        return True
    return None not in (inventory.min_unit, inventory.max_unit, inventory.step_size)


def admits(inventory: Inventory, used: int, amount: int) -> bool:
    """Whether one more allocation of ``amount`` is accepted when ``used`` is taken already."""
    return used + amount <= inventory.capacity and not wrong_units(inventory, amount)


def most(inventory: Inventory, used: int, amount: int) -> int:
    """How many allocations of ``amount`` (at least 1) are accepted one after the other."""
    if wrong_units(inventory, amount):
        return 0
    return max(0, inventory.capacity - used) // amount
