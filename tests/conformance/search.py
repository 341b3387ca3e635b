# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The most allocations that can be made one after the other, by trying every choice of candidates."""

from __future__ import annotations

import typing as t

from real import Vector

Left = dict[tuple[str, str], int]  # what is free, by provider and resource class
STATES = 30_000


class TooManyError(Exception):
    """More states than can be looked at."""


def longest(candidates: t.Iterable[Vector], left: Left) -> list[Vector]:
    """A longest sequence of allocations.

    :raises TooManyError: there are too many to try
    """
    choices = sorted(set(candidates))
    cells = sorted({(provider, name) for vector in choices for provider, name, _amount in vector})
    needs = [[(cells.index((provider, name)), amount) for provider, name, amount in vector] for vector in choices]
    known: dict[tuple[int, ...], tuple[int, int]] = {}  # by what is left: how many, and the first of them

    def best(free: tuple[int, ...]) -> int:
        if free in known:
            return known[free][0]
        if len(known) > STATES:
            raise TooManyError
        found = (0, -1)
        for number, need in enumerate(needs):
            if all(free[cell] >= amount for cell, amount in need):
                after = list(free)
                for cell, amount in need:
                    after[cell] -= amount
                count = 1 + best(tuple(after))
                if count > found[0]:
                    found = (count, number)
        known[free] = found
        return found[0]

    free = tuple(left[cell] for cell in cells)
    path: list[Vector] = []
    for _step in range(best(free)):
        number = known[free][1]
        path.append(choices[number])
        after = list(free)
        for cell, amount in needs[number]:
            after[cell] -= amount
        free = tuple(after)
    return path
