# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How often a request can be packed into what the providers of one tree have left.

A *component* is a part of a request that has nothing in common with the rest of it: no resource of a provider, and no
rule. So the whole request fits as often as its component that fits least often.

A component has *items*. An item goes to one provider whole: a resource class of the unnumbered group, or a granular
group. What a provider has of a resource class is a *cell*; ``free`` is what is left in each cell. A *placement* gives
every item of the component a provider, and thus takes something from some cells. The question is how many placements,
equal or not, there can be one after the other: a packing problem in whole numbers,

    maximise sum(x)  subject to  sum(x[c] * amount[c][cell]) <= free[cell],  x whole and >= 0

Where the structure is simple (one item, or items that are interchangeable) a formula gives it. Otherwise the placements
are listed and the problem is solved by branch and bound over its linear relaxation. Every upper bound is computed in
whole or rational numbers from a dual solution, so that it is a proof whatever the floating point arithmetic did.
"""

from __future__ import annotations

import math
import typing as t
from dataclasses import dataclass, field, replace
from fractions import Fraction

UNLIMITED = 1 << 62  # a count with nothing that limits it
PLACEMENTS = 800  # list no more than so many placements that differ
STEPS = 40_000  # try no more than so many choices while listing them
WORK = 3_000_000  # put no more than so many numbers into linear programs
STATES = 300  # look at no more than so many states when a solution is made whole

Amounts = tuple[tuple[int, int], ...]  # (cell, amount) pairs in the order of the cells
Free = t.Sequence[int]


@dataclass(frozen=True, slots=True)
class Option:
    """A provider that may get an item, and what the item takes there.

    :param place: the provider's position in its tree
    """

    place: int
    takes: Amounts


@dataclass(frozen=True, slots=True)
class Component:
    """A part of a request, as it is for one tree.

    :param items: the options of each item
    :param most: by cell, the most that one placement may take (max_unit), where that is known
    :param covers: (items, places): at least one of the items is at one of the places
    :param apart: items of which no two are at the same place
    :param subtrees: sets of items whose places have one of them as an ancestor of all
    :param ancestors: by place, the places above it and itself
    :param alike: by item, the nearest item before it that it could change places with
    :param cells: all that it may take from; what a packing can be remembered by
    :param pools: (cells, amount): of one resource class, a placement takes so much from these cells in all
    """

    items: tuple[tuple[Option, ...], ...]
    most: t.Mapping[int, int] = field(default_factory=dict)
    covers: tuple[tuple[frozenset[int], frozenset[int]], ...] = ()
    apart: frozenset[int] = frozenset()
    subtrees: tuple[frozenset[int], ...] = ()
    ancestors: tuple[frozenset[int], ...] = ()
    alike: tuple[int | None, ...] = ()
    cells: tuple[int, ...] = ()
    pools: tuple[tuple[tuple[int, ...], int], ...] = ()

    @property
    def key(self) -> t.Hashable:
        """Equal for components that are equal."""
        most = tuple(sorted(self.most.items()))
        return (self.items, most, self.covers, self.apart, self.subtrees, self.ancestors, self.alike, self.pools)


@dataclass(frozen=True, slots=True)
class Packing:
    """How often a component fits.

    :param fits: so often it does
    :param bound: and no more often than this
    :param steps: how, where no formula says so: (times, what each takes)
    """

    fits: int
    bound: int
    steps: tuple[tuple[int, Amounts], ...] = ()


def pack(component: Component, free: Free) -> Packing:
    """How often a component fits into ``free``."""
    alike = _alike(component)
    if alike is not None:
        fits = _most_alike(alike, len(component.items), free)
        return Packing(fits, fits)
    return _solve(component, free)


def fits_once(component: Component, free: Free) -> bool:
    """Whether a component fits at all; False where that was not found out in time (``pack`` then has the bound)."""
    return next(_placements(component, free, [STEPS]), None) is not None


def take(component: Component, free: list[int], count: int, packing: Packing) -> None:
    """Take ``count`` placements from ``free``, such that what is left still has the others.

    :param packing: of this component and ``free``; it has as many
    """
    alike = _alike(component)
    if alike is not None:
        _take_alike(alike, len(component.items), free, count)
        return
    for number, takes in packing.steps:
        part = min(number, count)
        count -= part
        for cell, amount in takes:
            free[cell] -= part * amount


def times(takes: Amounts, free: Free) -> int:
    """How often ``free`` has these amounts."""
    return max(0, min((free[cell] // amount for cell, amount in takes), default=UNLIMITED))


# ---- items that are alike: a formula


def _alike(component: Component) -> list[tuple[Option, int]] | None:
    """The options of a component whose items are all alike, and how many items one placement may put at each.

    None where the items are not alike, or where a rule looks at several of them.
    """
    width = len(component.items)
    if component.covers or component.subtrees or None in component.alike[1:]:
        return None
    if width > 1 and not all(option.takes for option in component.items[0]):
        return None
    together = 1 if component.apart else width
    return [(option, _share(component, option, together)) for option in component.items[0]]


def _share(component: Component, option: Option, items: int) -> int:
    """How many items, ``items`` at most, one placement may put where this option is."""
    return min([items, *(component.most[cell] // amount for cell, amount in option.takes if cell in component.most)])


def _most_alike(options: list[tuple[Option, int]], width: int, free: Free) -> int:
    """How many placements of ``width`` items that are alike.

    A provider has room for ``slots`` items, and one placement may use ``share`` of these. N placements exist if, and
    only if, ``sum(min(slots, N * share)) >= N * width``: spread evenly, each gets at most its share of every provider
    and ``width`` in all, and flows with whole capacities have whole solutions.
    """
    slots = [(times(option.takes, free), share) for option, share in options]
    if width == 1:
        return min(UNLIMITED, sum(number for number, _share in slots))
    low, high = 0, sum(number for number, _share in slots) // width
    while low < high:
        middle = (low + high + 1) // 2
        if sum(min(number, middle * share) for number, share in slots) >= middle * width:
            low = middle
        else:
            high = middle - 1
    return low


def _take_alike(options: list[tuple[Option, int]], width: int, free: list[int], count: int) -> None:
    """Take what ``count`` placements take in all, such that what is left fits as often as it can.

    For the most, ``total``, the providers give ``shares``. Of these the first ``count`` placements have to use what the
    others cannot, and may use what they can themselves; by the argument above only the sums matter.
    """
    total = _most_alike(options, width, free)
    wanted = total * width
    shares = []
    for option, share in options:
        shares.append(min(wanted, times(option.takes, free), total * share))
        wanted -= shares[-1]
    wanted = count * width
    numbers = [max(0, part - (total - count) * share) for part, (_option, share) in zip(shares, options, strict=True)]
    wanted -= sum(numbers)
    for position, (option, share) in enumerate(options):
        more = min(wanted, min(shares[position], count * share) - numbers[position])
        wanted -= more
        for cell, amount in option.takes:
            free[cell] -= (numbers[position] + more) * amount


# ---- any component: placements one by one


def _placements(component: Component, free: Free, steps: list[int]) -> t.Iterator[Amounts]:
    """What each possible placement takes, not without repetitions.

    :param steps: how many choices may still be tried; 0 at the end where there may be more placements
    """
    places: list[int] = []
    choices: list[int] = []
    taken: dict[int, int] = {}

    def feasible(option: Option) -> bool:
        for cell, amount in option.takes:
            total = taken.get(cell, 0) + amount
            if total > free[cell] or total > component.most.get(cell, total):
                return False
        return True

    def descend(item: int) -> t.Iterator[Amounts]:
        if item == len(component.items):
            if _rules_met(component, places):
                yield tuple(sorted((cell, amount) for cell, amount in taken.items() if amount))
            return
        twin = component.alike[item]  # of the ways to give out places among items alike, one is enough
        for choice in range(0 if twin is None else choices[twin], len(component.items[item])):
            if steps[0] <= 0:
                return
            steps[0] -= 1
            option = component.items[item][choice]
            if item in component.apart and any(
                places[other] == option.place for other in component.apart if other < item
            ):
                continue
            if not feasible(option):
                continue
            places.append(option.place)
            choices.append(choice)
            for cell, amount in option.takes:
                taken[cell] = taken.get(cell, 0) + amount
            yield from descend(item + 1)
            for cell, amount in option.takes:
                taken[cell] -= amount
            places.pop()
            choices.pop()

    yield from descend(0)


def _rules_met(component: Component, places: list[int]) -> bool:
    """Whether the places of all items meet the rules that look at several of them."""
    for items, covering in component.covers:
        if not any(places[item] in covering for item in items):
            return False
    for items in component.subtrees:
        used = {places[item] for item in items}
        if not used & frozenset.intersection(*(component.ancestors[place] for place in used)):
            return False
    return True


def _solve(component: Component, free: Free) -> Packing:
    """How often any component fits."""
    bound = _simple_bound(component, free)
    found = _greedy(component, free, bound, 1)
    if found.fits < found.bound:
        found = max(found, _greedy(component, free, bound, -1), key=lambda packing: packing.fits)
    if found.fits == found.bound:
        return found
    steps = [STEPS]
    columns: dict[Amounts, None] = {}
    for takes in _placements(component, free, steps):
        columns[takes] = None
        if len(columns) > PLACEMENTS:
            break
    if len(columns) > PLACEMENTS or steps[0] <= 0:
        return found
    program = Program(_undominated(list(columns)), free)
    program.solve(bound, found)
    return Packing(program.fits, program.bound, program.steps)


def _greedy(component: Component, free: Free, bound: int, order: int) -> Packing:
    """Always from where least (``order`` 1) or most (-1) is left; each choice several times where many fit."""
    left = list(free)
    fits = 0
    steps: list[tuple[int, Amounts]] = []
    while fits < bound:
        items = tuple(
            tuple(sorted(options, key=lambda option: order * times(option.takes, left))) for options in component.items
        )
        tries = [STEPS // 10]
        takes = next(_placements(replace(component, items=items), left, tries), None)
        if takes is None:
            proven = fits == 0 and tries[0] > 0  # that there is none
            return Packing(fits, fits if proven else bound, tuple(steps))
        if not takes:
            return Packing(UNLIMITED, UNLIMITED, ((UNLIMITED, takes),))
        number = min(bound - fits, max(1, times(takes, left) // 8))
        for cell, amount in takes:
            left[cell] -= number * amount
        fits += number
        steps.append((number, takes))
    return Packing(fits, bound, tuple(steps))


def _undominated(columns: list[Amounts]) -> list[Amounts]:
    """Placements without those that take at least as much of everything as another."""
    maps = [dict(column) for column in columns]
    kept = []
    for number, column in enumerate(columns):
        for other, smaller in enumerate(maps):
            if other != number and all(amount <= maps[number].get(cell, 0) for cell, amount in smaller.items()):
                break
        else:
            kept.append(column)
    return kept


def _simple_bound(component: Component, free: Free) -> int:
    """At most so many: each set of items alike by itself, each resource class by itself."""
    widths = [1] * len(component.items)
    for item in range(len(component.items) - 1, 0, -1):
        twin = component.alike[item]
        if twin is not None:
            widths[twin] += widths[item]
    bounds = [
        sum(times(option.takes, free) for option in options) // widths[item]
        for item, options in enumerate(component.items)
        if component.alike[item] is None
    ]
    bounds += [sum(max(0, free[cell]) for cell in cells) // amount for cells, amount in component.pools]
    return min(UNLIMITED, *bounds)


# ---- the packing problem in whole numbers


class Program:
    """Maximise ``sum(x)`` where ``columns`` taken ``x`` times stay within ``free``; x whole, 0 or more.

    :ivar fits: the best that was found
    :ivar steps: how: (times, what each takes)
    :ivar bound: no more than this is possible
    """

    def __init__(self, columns: t.Sequence[Amounts], free: Free) -> None:
        self.columns = [dict(column) for column in columns]
        self.cells = sorted({cell for column in self.columns for cell in column})
        scale = {cell: math.gcd(*(column[cell] for column in self.columns if cell in column)) for cell in self.cells}
        # dividing by what all amounts have in common also cuts off what nobody can use
        self.rows = [[column.get(cell, 0) // scale[cell] for column in self.columns] for cell in self.cells]
        self.room = [max(0, free[cell]) // scale[cell] for cell in self.cells]
        self.fits = 0
        self.steps: tuple[tuple[int, Amounts], ...] = ()
        self.bound = 0
        self._work = WORK

    def solve(self, bound: int, known: Packing | None = None) -> None:
        """Branch and bound, depth first.

        :param bound: one that is known already
        :param known: a solution that is
        """
        if known is not None:
            self.fits, self.steps = known.fits, known.steps
        open_nodes = [_Node(bound, self.room, [0] * len(self.columns), {})] if self.columns else []
        while open_nodes and self._work > 0:
            node = open_nodes.pop()
            if node.bound > self.fits:
                open_nodes += self._branch(node)
        self.bound = max([self.fits, *(node.bound for node in open_nodes)])

    def _branch(self, node: _Node) -> list[_Node]:
        """Look at a node; what is to be looked at below it, the most promising last."""
        extra = list(node.at_most.items())
        rows = self.rows + [
            [int(position == column) for position in range(len(self.columns))] for column, _most in extra
        ]
        room = node.room + [most for _column, most in extra]
        x, y, pivots = simplex(rows, room)
        self._work -= (pivots + 1) * len(rows) * (len(rows) + len(self.columns))
        bound = min(node.bound, sum(node.start) + proven_bound(rows, room, y, UNLIMITED))
        self._round(node, x, bound)
        if bound <= self.fits:
            return []
        column = max(range(len(x)), key=lambda position: min(x[position] % 1.0, -x[position] % 1.0))
        lower = math.floor(x[column] + 1e-9)
        left, start = node.room.copy(), node.start.copy()
        for position, row in enumerate(self.rows):
            left[position] -= (lower + 1) * row[column]
        start[column] += lower + 1
        limited = dict(node.at_most)
        if column in limited:
            limited[column] -= lower + 1
        below = [_Node(bound, node.room, node.start, {**node.at_most, column: lower})]
        if min(left) >= 0 and limited.get(column, 0) >= 0:
            below.append(_Node(bound, left, start, limited))
        return below

    def _round(self, node: _Node, x: list[float], bound: int) -> None:
        """Make a whole solution of one that is not, and keep it when it is the best so far."""
        left = node.room.copy()
        whole = node.start.copy()
        order = sorted(range(len(x)), key=lambda column: -(x[column] % 1.0))
        for column in order:
            self._add(whole, left, column, math.floor(x[column] + 1e-9))
        for column in self._rest(left, order, bound - sum(whole)):
            whole[column] += 1
        if sum(whole) > self.fits:
            self.fits = sum(whole)
            self.steps = tuple(
                (number, tuple(takes.items())) for number, takes in zip(whole, self.columns, strict=True) if number
            )

    def _rest(self, room: list[int], order: list[int], target: int) -> list[int]:
        """The columns that fit into what is left: the longest sequence that a short search finds."""
        seen: set[tuple[int, ...]] = set()
        longest: list[int] = []
        path: list[int] = []

        def search(left: tuple[int, ...]) -> bool:
            """Whether there is no need to search on."""
            nonlocal longest
            if len(path) > len(longest):
                longest = path.copy()
            seen.add(left)
            for column in order:
                after = tuple([space - row[column] for space, row in zip(left, self.rows, strict=True)])
                if min(after) >= 0 and after not in seen:
                    path.append(column)
                    done = search(after)
                    path.pop()
                    if done:
                        return True
            return len(longest) >= target or len(seen) > STATES

        search(tuple(room))
        return longest

    def _add(self, whole: list[int], left: list[int], column: int, number: int) -> None:
        """Take a column up to ``number`` times, as far as there is room."""
        for position, row in enumerate(self.rows):
            if row[column]:
                number = min(number, left[position] // row[column])
        whole[column] += number
        for position, row in enumerate(self.rows):
            left[position] -= number * row[column]


@dataclass(frozen=True, slots=True)
class _Node:
    """A part of the whole solutions: those with ``start``, and of some columns ``at_most`` so many more."""

    bound: int
    room: list[int]
    start: list[int]
    at_most: dict[int, int]


def simplex(rows: list[list[int]], room: list[int]) -> tuple[list[float], list[float], int]:
    """Maximise ``sum(x)`` subject to ``rows * x <= room``, x >= 0, where room >= 0.

    The result is x, the dual solution y, both approximately, and the number of pivots.
    """
    height, width = len(rows), len(rows[0])
    table = [
        [float(value) for value in row] + [float(line == other) for other in range(height)] + [float(room[line])]
        for line, row in enumerate(rows)
    ]
    costs = [-1.0] * width + [0.0] * (height + 1)
    basis = list(range(width, width + height))
    pivots = 0
    while pivots < 20 * (height + width):
        entering = [column for column in range(width + height) if costs[column] < -1e-9]
        if not entering:
            break
        # the steepest first; in the long run Bland's rule, which cannot go in circles
        enter = min(entering, key=costs.__getitem__) if pivots < 4 * (height + width) else entering[0]
        ratios = [
            (line[-1] / line[enter], basis[number], number) for number, line in enumerate(table) if line[enter] > 1e-9
        ]
        if not ratios:
            break
        leave = min(ratios)[2]
        pivot = table[leave][enter]
        table[leave] = [value / pivot for value in table[leave]]
        for number, line in enumerate(table):
            if number != leave and line[enter]:
                factor = line[enter]
                table[number] = [value - factor * other for value, other in zip(line, table[leave], strict=True)]
        factor = costs[enter]
        costs = [value - factor * other for value, other in zip(costs, table[leave], strict=True)]
        basis[leave] = enter
        pivots += 1
    x = [0.0] * width
    for number, column in enumerate(basis):
        if column < width:
            x[column] = max(0.0, table[number][-1])
    return x, costs[width : width + height], pivots


def proven_bound(rows: list[list[int]], room: list[int], y: list[float], otherwise: int) -> int:
    """The bound on ``sum(x)`` that a dual solution proves, in exact arithmetic (weak duality).

    Any y >= 0 whose weighted rows sum to at least 1 in every column will do; y is scaled until they do.
    """
    weights = [Fraction(max(0.0, value)).limit_denominator(1_000_000) for value in y]
    lines = [(weight, row) for weight, row in zip(weights, rows, strict=True) if weight]
    least = min(
        sum((weight * row[column] for weight, row in lines if row[column]), Fraction(0))
        for column in range(len(rows[0]))
    )
    if least <= 0:
        return otherwise
    return math.floor(sum(weight * left for weight, left in zip(weights, room, strict=True)) / least)
