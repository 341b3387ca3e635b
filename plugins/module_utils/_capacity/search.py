# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Vector bin packing, exactly: do all items of several kinds go into bins of several dimensions?

Depth-first over the bins. Two facts keep the tree small:

* If there is a packing, there is one in which each bin is *full*: none of the items that are left for later bins would
  go in as well. (Move such an item forward; the later bin has no less room than before.)
* If there is a packing, there is one in which equal bins hold their items in descending order. (Take that packing of
  which the first bin is the greatest in that order; it is full, and so on for the rest.)

And a branch ends where the later bins together cannot hold what is left, of a kind or in a dimension.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t

#: After so many contents of bins that were tried, the search is cut off.
STEPS = 100_000

Numbers = tuple[int, ...]


class Item(t.NamedTuple):
    """A kind of item.

    :param amounts: by dimension
    :param number: how many there are
    """

    amounts: Numbers
    number: int


class Bin(t.NamedTuple):
    """A bin.

    :param free: by dimension
    :param most: by kind, how many go in when there are no others
    """

    free: Numbers
    most: Numbers


def search(items: c.Sequence[Item], bins: c.Sequence[Bin], steps: int = STEPS) -> tuple[list[Numbers] | None, bool]:
    """What each bin holds of each kind, or None; and whether that is certain.

    :param steps: the search is cut off after so many
    """
    order = sorted(range(len(bins)), key=lambda number: bins[number], reverse=True)
    hunt = _Hunt(items, [bins[number] for number in order], steps)
    found = hunt.run()
    if found is None:
        return None, hunt.steps > 0
    contents: list[Numbers] = [()] * len(bins)
    for number, held in zip(order, found, strict=True):
        contents[number] = held
    return contents, True


@dataclasses.dataclass(slots=True)
class _Level:
    """The search at one bin: what is left for it and the later ones, and the contents still to be tried."""

    left: Numbers
    contents: c.Iterator[Numbers]


class _Hunt:
    """One search over bins in descending order, so that equal ones stand together."""

    def __init__(self, items: c.Sequence[Item], bins: c.Sequence[Bin], steps: int) -> None:
        self.items = items
        self.bins = bins
        self.steps = steps
        self.dead: set[tuple[int, Numbers, Numbers]] = set()
        kinds, dimensions = range(len(items)), range(len(items[0].amounts) if items else 0)
        # of all bins from each on: how many go in of a kind, and how much is free in a dimension
        self.rooms: list[Numbers] = [tuple(0 for _kind in kinds)]
        self.frees: list[Numbers] = [tuple(0 for _dimension in dimensions)]
        for each in reversed(bins):
            self.rooms.append(tuple(self.rooms[-1][kind] + each.most[kind] for kind in kinds))
            self.frees.append(tuple(self.frees[-1][dimension] + each.free[dimension] for dimension in dimensions))
        self.rooms.reverse()
        self.frees.reverse()

    def run(self) -> list[Numbers] | None:
        """The contents of the bins, or None; ``steps`` is 0 where it was cut off."""
        start = tuple(item.number for item in self.items)
        if not any(start):
            return [start] * len(self.bins)
        held: list[Numbers] = []
        levels = [self._level(0, start, None)]
        while levels:
            content = next(levels[-1].contents, None) if self.steps > 0 else None
            if content is None:
                levels.pop()
                if held:
                    held.pop()
                if self.steps <= 0:
                    return None
                continue
            self.steps -= 1
            left = tuple(number - taken for number, taken in zip(levels[-1].left, content, strict=True))
            held.append(content)
            if not any(left):
                return held + [tuple(0 for _item in self.items)] * (len(self.bins) - len(held))
            if self._hopeless(len(held), left, content):
                held.pop()
            else:
                levels.append(self._level(len(held), left, content))
        return None

    def _level(self, number: int, left: Numbers, before: Numbers | None) -> _Level:
        same = number > 0 and self.bins[number] == self.bins[number - 1]
        return _Level(left, self._contents(self.bins[number], left, before if same else None))

    def _hopeless(self, number: int, left: Numbers, before: Numbers) -> bool:
        """Whether the bins from ``number`` on cannot hold what is left: by a simple bound, or as was seen before."""
        if any(each > room for each, room in zip(left, self.rooms[number], strict=True)):
            return True
        for dimension, free in enumerate(self.frees[number]):
            if sum(each * item.amounts[dimension] for each, item in zip(left, self.items, strict=True)) > free:
                return True
        same = number < len(self.bins) and self.bins[number] == self.bins[number - 1]
        key = (number, left, before if same else ())
        if key in self.dead:
            return True
        self.dead.add(key)  # it is searched only once, and whoever comes back here did so in vain
        return False

    def _contents(self, where: Bin, left: Numbers, at_most: Numbers | None) -> c.Iterator[Numbers]:
        """The full contents of a bin in descending order, none greater than ``at_most``."""
        items = self.items

        def descend(kind: int, free: list[int], held: list[int], below: bool) -> c.Iterator[Numbers]:
            if kind == len(items):
                if not any(
                    held[other] < min(left[other], where.most[other]) and _fits(items[other].amounts, free)
                    for other in range(kind)
                ):
                    yield tuple(held)
                return
            amounts = items[kind].amounts
            most = min([left[kind], where.most[kind]] + [f // a for f, a in zip(free, amounts, strict=True) if a])
            if at_most is not None and not below:
                most = min(most, at_most[kind])
            for number in range(most, -1, -1):
                rest = [f - number * a for f, a in zip(free, amounts, strict=True)]
                smaller = below or at_most is None or number < at_most[kind]
                yield from descend(kind + 1, rest, [*held, number], smaller)

        return descend(0, list(where.free), [], False)


def _fits(amounts: Numbers, free: c.Sequence[int]) -> bool:
    return all(amount <= each for amount, each in zip(amounts, free, strict=True))
