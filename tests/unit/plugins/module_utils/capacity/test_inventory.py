# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The arithmetic of one inventory."""

from __future__ import annotations

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import inventory
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Inventory


@pytest.mark.parametrize(
    ("total", "reserved", "ratio", "capacity"),
    [(10, 2, 2.0, 16), (10, 2, 1.0, 8), (3, 0, 0.5, 1), (7, 7, 16.0, 0), (10, 1, 1.1, 9), (8, 1, 1.5, 10)],
)
def test_capacity(total: int, reserved: int, ratio: float, capacity: int) -> None:
    assert inventory.capacity(total, reserved, ratio) == capacity


UNITS = Inventory(100, min_unit=4, max_unit=12, step_size=4)


@pytest.mark.parametrize(
    ("held", "amount", "wrong", "proven"),
    [
        (UNITS, 4, (), True),
        (UNITS, 12, (), True),
        (UNITS, 3, ("min_unit", "step_size"), True),
        (UNITS, 16, ("max_unit",), True),
        (UNITS, 6, ("step_size",), True),
        (Inventory(100), 7, (), False),
        (Inventory(100, admits=(7,)), 7, (), True),
        (Inventory(100, admits=(7,)), 6, (), False),
        (Inventory(100, max_unit=6, admits=(7,)), 7, (), True),
        (Inventory(100, max_unit=6), 7, ("max_unit",), True),
        (Inventory(100, max_unit=6), 6, (), False),
    ],
)
def test_units(held: Inventory, amount: int, wrong: tuple[str, ...], proven: bool) -> None:
    assert inventory.wrong_units(held, amount) == wrong
    assert inventory.proven(held, amount) is proven
    assert (inventory.most(held, 0, amount) > 0) is (not wrong)


@pytest.mark.parametrize(
    ("used", "amount", "most"),
    [(0, 4, 5), (1, 4, 4), (16, 4, 1), (17, 4, 0), (20, 4, 0), (30, 4, 0), (0, 21, 0), (19, 1, 1)],
)
def test_most(used: int, amount: int, most: int) -> None:
    assert inventory.most(Inventory(20), used, amount) == most
    assert inventory.admits(Inventory(20), used, amount) is (most > 0)


def test_admits_looks_at_units() -> None:
    assert not inventory.admits(UNITS, 0, 6)
