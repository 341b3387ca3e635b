# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Goals: which hosts an aggregate gets, with the fewest moved from where they are.

Aggregates that exclude one another are solved together, all others by themselves. Hosts that are alike for such a set
of aggregates are one class, and only numbers are decided: how many hosts of which class are in which aggregate. Where
each host is in one aggregate of the set at most, that is a flow of least cost, which is found exactly (flow.py).
What a flow cannot express is added by branch and bound: a solution that violates it is split into narrower bounds that
together still contain every solution. A move is a host whose membership changes among aggregates that exclude one
another; fewer changes of membership are preferred between solutions with as many moves.
"""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import itertools
import math
import typing as t
from fractions import Fraction

from .flow import Network
from .model import Goal

#: A demand on the solution that can be given up, to find out which ones contradict: a kind and names of aggregates.
Constraint = tuple[str, ...]

MOVE = 10**14
CHANGE = 10**7  # above all that preferences between hosts may add up to

#: Arcs looked at before the search for fewer moves is given up, in all; some seconds.
WORK = 6_000_000
#: How many times that until it is given up to find any solution.
PATIENCE = 10
#: How many times what is wrong with the first solution is put right before the search.
GUESSES = 4
#: Sets of constraints tried in search of a conflict smaller than the one at hand.
SMALLER_SETS = 300


class Option(t.NamedTuple):
    """What a host may do about an aggregate.

    :param inside: whether it is in now
    :param may_be_in: whether it may be in
    :param may_be_out: whether it may be out
    :param drops: how many other memberships end when it is in
    """

    inside: bool
    may_be_in: bool = True
    may_be_out: bool = True
    drops: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Seat:
    """An aggregate with a choice of hosts.

    :param options: by host; others are out and stay out
    :param pool: how many hosts a share is of
    :param values: by variable of the goal, the values of hosts
    :param room: how many servers of the goal's flavor a host takes
    """

    name: str
    options: c.Mapping[str, Option]
    goal: Goal
    pool: int = 0
    values: c.Mapping[str, c.Mapping[str, str]] = dataclasses.field(default_factory=dict)
    room: c.Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def share(self) -> int:
        """The share of the goal in hosts, rounded to the nearest number, a half up."""
        return math.floor((self.goal.share or 0) * self.pool + Fraction(1, 2))


@dataclasses.dataclass(frozen=True, slots=True)
class OneOf:
    """Hosts of which each is in exactly one of the seats."""

    constraint: Constraint
    seats: tuple[str, ...]
    hosts: frozenset[str]


@dataclasses.dataclass(frozen=True, slots=True)
class Task:
    """What is to be decided.

    :param apart: pairs of seats without common hosts, with the constraint that says so; None: it cannot be given up
    """

    seats: tuple[Seat, ...]
    apart: c.Mapping[tuple[str, str], Constraint | None] = dataclasses.field(default_factory=dict)
    one_of: tuple[OneOf, ...] = ()


@dataclasses.dataclass(slots=True)
class Solution:
    """What was decided.

    :ivar members: hosts by seat
    :ivar moves: how many, in the sense of this module
    :ivar groups: the sets of seats that each host is in one of at most
    :ivar proven: whether no solution has fewer moves
    :ivar conflicts: sets of constraints that contradict, each as small as possible
    :ivar unsolved: sets of seats for which no solution was found, and not proven that there is none
    """

    members: dict[str, frozenset[str]] = dataclasses.field(default_factory=dict)
    moves: int = 0
    groups: list[tuple[str, ...]] = dataclasses.field(default_factory=list)
    proven: bool = True
    conflicts: list[tuple[Constraint, ...]] = dataclasses.field(default_factory=list)
    unsolved: list[tuple[str, ...]] = dataclasses.field(default_factory=list)


def solve(task: Task, work: int = WORK) -> Solution:
    """The assignment with the fewest moves, or what contradicts.

    :param work: bound of the search, see :data:`WORK`; the result depends on it, not on the speed of the machine
    """
    solution = Solution()
    budget = _Budget(work)
    for part in _parts(task):
        component = _Component(part)
        constraints = component.constraints()
        outcome = _Search(component, frozenset(constraints), budget).best()
        if outcome.assignment is not None:
            solution.members.update(outcome.assignment)
            solution.moves += outcome.moves
            solution.groups += outcome.groups
            solution.proven &= outcome.proven
        elif outcome.proven:
            solution.conflicts.append(_conflict(component, constraints))
        else:
            solution.unsolved.append(tuple(seat.name for seat in part.seats))
    solution.proven &= not solution.unsolved
    return solution


class _Budget:
    """Work that is left, shared by all searches."""

    def __init__(self, work: int) -> None:
        self.left = work
        self.patience = work * (PATIENCE - 1)

    def spend(self, work: int) -> None:
        self.left -= work

    @property
    def spent(self) -> bool:
        return self.left < 0

    @property
    def hopeless(self) -> bool:
        return self.left < -self.patience


def _parts(task: Task) -> list[Task]:
    """The task in parts that have nothing to do with one another, in the order of names."""
    leader = {seat.name: seat.name for seat in task.seats}

    def find(name: str) -> str:
        while leader[name] != name:
            name = leader[name]
        return name

    for names in [*task.apart, *(each.seats for each in task.one_of)]:
        for name in names[1:]:
            first, second = sorted((find(names[0]), find(name)))
            leader[second] = first
    parts: dict[str, list[Seat]] = collections.defaultdict(list)
    for seat in sorted(task.seats, key=lambda seat: seat.name):
        parts[find(seat.name)].append(seat)
    apart: dict[str, dict[tuple[str, str], Constraint | None]] = collections.defaultdict(dict)
    for pair in sorted(task.apart):
        apart[find(pair[0])][pair] = task.apart[pair]
    one_of: dict[str, list[OneOf]] = collections.defaultdict(list)
    for each in task.one_of:
        one_of[find(each.seats[0])].append(each)
    return [Task(tuple(seats), apart[name], tuple(one_of[name])) for name, seats in parts.items()]


# ---- classes of hosts


@dataclasses.dataclass(slots=True)
class _Class:
    """Hosts that are alike.

    :ivar options: by number of a seat
    :ivar values: by seat and variable
    :ivar room: by seat
    :ivar one_of: numbers of the demands on exactly one membership
    """

    hosts: list[str]
    options: dict[int, Option]
    values: dict[tuple[int, str], str]
    room: dict[int, int]
    one_of: tuple[int, ...]

    @property
    def size(self) -> int:
        return len(self.hosts)


class _Component:
    """Seats that are solved together, and the classes of hosts."""

    def __init__(self, task: Task) -> None:
        self.seats = task.seats
        self.one_of = task.one_of
        self.number = {seat.name: number for number, seat in enumerate(task.seats)}
        self.apart = {
            (self.number[first], self.number[second]): constraint for (first, second), constraint in task.apart.items()
        }
        self.variables = [(number, name) for number, seat in enumerate(task.seats) for name in sorted(seat.values)]
        self.classes = self._classes()

    def _classes(self) -> list[_Class]:
        columns = self._columns()
        found: dict[t.Any, list[str]] = collections.defaultdict(list)
        for host in sorted({host for seat in self.seats for host in seat.options}):
            found[tuple([column(host) for column in columns])].append(host)
        return [self._class(hosts) for hosts in found.values()]

    def _columns(self) -> list[c.Callable[[str], t.Any]]:
        """All that the solution can depend on, each as a function of the host."""
        return [
            *(seat.options.get for seat in self.seats),
            *(seat.room.get for seat in self.seats if seat.room),
            *(self.seats[number].values[name].get for number, name in self.variables),
            *(each.hosts.__contains__ for each in self.one_of),
        ]

    def _class(self, hosts: list[str]) -> _Class:
        host = hosts[0]
        seats = [(number, seat) for number, seat in enumerate(self.seats) if host in seat.options]
        numbers = {number for number, _seat in seats}
        return _Class(
            hosts,
            {number: seat.options[host] for number, seat in seats},
            {
                (number, name): self.seats[number].values[name][host]
                for number, name in self.variables
                if number in numbers and host in self.seats[number].values[name]
            },
            {number: seat.room.get(host, 0) for number, seat in seats if seat.room},
            tuple(number for number, each in enumerate(self.one_of) if host in each.hosts),
        )

    def constraints(self) -> list[Constraint]:
        """All that can be given up, in a fixed order."""
        found: list[Constraint] = []
        for seat in self.seats:
            goal = seat.goal
            for kind in ("share", "count", "at_least", "at_most", "spread", "room_for"):
                if getattr(goal, kind) is not None:
                    found.append((kind, seat.name))
            found += [("distinct", seat.name, variable) for variable, _least in goal.distinct]
        found += dict.fromkeys(constraint for constraint in self.apart.values() if constraint is not None)
        found += dict.fromkeys(each.constraint for each in self.one_of)
        return found


# ---- the search


class _Bounds(t.NamedTuple):
    """Bounds beside those of the goals: by seat and value of its spread variable, by class and seat, by seat."""

    values: dict[tuple[int, str], tuple[int, int]]
    cells: dict[tuple[int, int], tuple[int, int]]
    totals: dict[int, tuple[int, int]]


_Counts = dict[tuple[int, int], int]  # by class and seat
_Terms = tuple[tuple[int, str, int], ...]  # seat, value and preference


class _Node(t.NamedTuple):
    """A solution of the flows within bounds.

    :ivar costs: by group of seats
    """

    bounds: _Bounds
    costs: tuple[int, ...]
    counts: tuple[_Counts, ...]

    @property
    def moves(self) -> int:
        return sum(cost // MOVE for cost in self.costs)

    @property
    def all_counts(self) -> _Counts:
        """The counts of all groups together."""
        found: _Counts = {}
        for each in self.counts:
            found.update(each)
        return found


class _Outcome(t.NamedTuple):
    assignment: dict[str, frozenset[str]] | None
    proven: bool
    moves: int = 0
    groups: tuple[tuple[str, ...], ...] = ()


class _Search:
    """Branch and bound over flows, with the constraints that are enabled."""

    def __init__(self, component: _Component, enabled: frozenset[Constraint], budget: _Budget) -> None:
        self.seats = component.seats
        self.classes = component.classes
        self.enabled = enabled
        self.budget = budget
        self.apart = {
            frozenset(pair) for pair, constraint in component.apart.items() if constraint in enabled or not constraint
        }
        self.one_of = {
            number: tuple(component.number[name] for name in each.seats)
            for number, each in enumerate(component.one_of)
            if each.constraint in enabled
        }
        self.spread = [seat.goal.spread if seat.goal.spread and self.on("spread", seat) else "" for seat in self.seats]
        self.groups = self._groups()
        self.group_of = {number: place for place, group in enumerate(self.groups) for number in group}
        self.spread_values = [self._spread_values(number) for number in range(len(self.seats))]
        self.terms: dict[tuple[int, ...], _Terms] = {}  # by class and seats, what the flows know it by
        self._unrealised = False

    def best(self, any_solution: bool = False) -> _Outcome:
        """The solution with the fewest moves; with ``any_solution`` the first that is found."""
        bounds = self._first_bounds()
        root = None if bounds is None else self._solved(bounds)
        if root is None:
            return _Outcome(None, True)
        least = root.moves
        found: _Outcome | None = None
        stack: list[c.Iterator[_Node]] = [iter([root]), self._guessed(root)]
        while stack:
            if self.budget.hopeless or (found is not None and self.budget.spent):
                return found._replace(proven=False) if found else _Outcome(None, False)
            node = next(stack[-1], None)
            if node is None:
                stack.pop()
            elif found is None or node.moves < found.moves:
                children = self._children(node)
                if children is None:
                    found = self._outcome(node)
                    if any_solution or node.moves == least:
                        return found
                else:
                    stack.append(self._solved_children(node, children))
        if found is None:
            return _Outcome(None, not self._unrealised)
        return found._replace(proven=not self._unrealised)

    def _outcome(self, node: _Node) -> _Outcome:
        names = tuple(tuple(self.seats[number].name for number in group) for group in self.groups)
        return _Outcome(self._assignment(node), True, node.moves, names)

    def on(self, kind: str, seat: Seat, *more: str) -> bool:
        return (kind, seat.name, *more) in self.enabled

    # -- what excludes what

    def _excludes(self, one_of: c.Iterable[int], first: int, second: int) -> bool:
        """Whether a host with these demands on exactly one membership cannot be in both seats."""
        return frozenset((first, second)) in self.apart or any(
            first in self.one_of[number] and second in self.one_of[number] for number in one_of if number in self.one_of
        )

    def _groups(self) -> list[list[int]]:
        """Groups of seats such that no host can be in two of a group."""
        shared: dict[frozenset[int], bool] = {}  # by two seats with common hosts, whether they exclude one another
        for seats, one_of in {(tuple(sorted(entry.options)), entry.one_of) for entry in self.classes}:
            for first, second in itertools.combinations(seats, 2):
                pair = frozenset((first, second))
                if shared.get(pair, True):
                    shared[pair] = self._excludes(one_of, first, second)
        groups: list[list[int]] = []
        for number in range(len(self.seats)):
            for group in groups:
                if all(shared.get(frozenset((number, other)), True) for other in group):
                    group.append(number)
                    break
            else:
                groups.append([number])
        return groups

    # -- bounds of the goals

    def _spread_values(self, number: int) -> list[str]:
        """The values over which a seat is spread: those of all hosts that it can have."""
        name = self.spread[number]
        return sorted(
            {
                entry.values[number, name]
                for entry in self.classes
                if (number, name) in entry.values and entry.options[number].may_be_in
            }
        )

    def _first_bounds(self) -> _Bounds | None:
        """The bounds that follow from the goals; None if they contradict."""
        totals: dict[int, tuple[int, int]] = {}
        values: dict[tuple[int, str], tuple[int, int]] = {}
        for number in range(len(self.seats)):
            supply = sum(entry.size for entry in self.classes if number in entry.options)
            least, most = self._total(number, supply)
            if least > most:
                return None
            totals[number] = (least, most)
            parts = len(self.spread_values[number])
            for value in self.spread_values[number]:
                values[number, value] = (least // parts, -(-most // parts))
        return _Bounds(values, {}, totals)

    def _total(self, number: int, supply: int) -> tuple[int, int]:
        """How many hosts a seat can have."""
        seat, goal = self.seats[number], self.seats[number].goal
        least, most = [0], [supply]
        if self.on("share", seat):
            least.append(seat.share)
            most.append(seat.share)
        if goal.count is not None and self.on("count", seat):
            least.append(goal.count)
            most.append(goal.count)
        if goal.at_least is not None and self.on("at_least", seat):
            least.append(goal.at_least)
        if goal.at_most is not None and self.on("at_most", seat):
            most.append(goal.at_most)
        least += [amount for name, amount in goal.distinct if self.on("distinct", seat, name)]
        if goal.room_for is not None and self.on("room_for", seat):
            least.append(self._least_for_room(number, supply))
        return max(least), min(most)

    def _least_for_room(self, number: int, supply: int) -> int:
        """How many hosts it takes at least, those with the most room; more than there are, if all are too few."""
        every = {(place, number): entry.size for place, entry in enumerate(self.classes) if number in entry.options}
        if self._room(number, every) < self._wanted_room(number):
            return supply + 1
        least, most = 0, supply
        rooms = sorted((room for room, size in self._rooms(number, every) for _host in range(size)), reverse=True)
        failures = self._failures(number)
        while least < most:
            middle = (least + most) // 2
            if sum(rooms[failures:middle]) >= self._wanted_room(number):
                most = middle
            else:
                least = middle + 1
        return least

    def _wanted_room(self, number: int) -> int:
        room_for = self.seats[number].goal.room_for
        return room_for.count if room_for is not None else 0

    def _failures(self, number: int) -> int:
        room_for = self.seats[number].goal.room_for
        return room_for.failures if room_for is not None else 0

    def _rooms(self, number: int, counts: _Counts) -> list[tuple[int, int]]:
        """Room of a host and number of such hosts, most room first."""
        rooms = [
            (self.classes[place].room.get(number, 0), count)
            for (place, seat), count in counts.items()
            if seat == number and count
        ]
        return sorted(rooms, reverse=True)

    def _room(self, number: int, counts: _Counts) -> int:
        """The room of a seat without the hosts that have the most, as many as may fail."""
        failures = self._failures(number)
        total = 0
        for room, count in self._rooms(number, counts):
            failing = min(failures, count)
            failures -= failing
            total += room * (count - failing)
        return total

    # -- flows

    def _solved(self, bounds: _Bounds) -> _Node | None:
        costs, counts = [], []
        for group in self.groups:
            result = _GroupFlow(self, group, bounds).result()
            if result is None:
                return None
            costs.append(result[0])
            counts.append(result[1])
        return _Node(bounds, tuple(costs), tuple(counts))

    def _solved_children(self, node: _Node, children: c.Iterable[tuple[int, _Bounds]]) -> c.Iterator[_Node]:
        """The nodes below one, each with the group whose bounds are different solved anew."""
        for place, bounds in children:
            result = _GroupFlow(self, self.groups[place], bounds).result()
            if result is not None:
                yield _Node(
                    bounds,
                    (*node.costs[:place], result[0], *node.costs[place + 1 :]),
                    (*node.counts[:place], result[1], *node.counts[place + 1 :]),
                )

    # -- what flows do not see

    def _children(self, node: _Node) -> c.Iterator[tuple[int, _Bounds]] | None:
        """None if nothing is violated; otherwise bounds that leave this solution out, and no valid one."""
        counts = node.all_counts
        for number, seat in enumerate(self.seats):
            if self.spread[number] and self._uneven(number, counts):
                return self._even_bounds(number, node, counts)
            for name, least in seat.goal.distinct:
                if self.on("distinct", seat, name):
                    missing = self._missing_values(number, name, least, counts)
                    if missing is not None:
                        return self._more_of(number, node, counts, missing)
            if self.on("room_for", seat) and self._room(number, counts) < self._wanted_room(number):
                return self._more_room(number, node, counts)
        for place, entry in enumerate(self.classes):
            children = self._violated_class(place, entry, node, counts)
            if children is not None:
                return children
        return None

    def _by_value(self, number: int, name: str, counts: _Counts) -> collections.Counter[str]:
        found: collections.Counter[str] = collections.Counter()
        for (place, seat), count in counts.items():
            if seat == number and (value := self.classes[place].values.get((number, name))) is not None:
                found[value] += count
        return found

    def _uneven(self, number: int, counts: _Counts) -> bool:
        found = self._by_value(number, self.spread[number], counts)
        numbers = [found[value] for value in self.spread_values[number]]
        return bool(numbers) and max(numbers) - min(numbers) > 1

    def _even_bounds(self, number: int, node: _Node, counts: _Counts) -> c.Iterator[tuple[int, _Bounds]]:
        """Every solution has some least number of hosts with each value; the likely ones first."""
        found = self._by_value(number, self.spread[number], counts)
        values = self.spread_values[number]
        middle = sum(found.values()) // len(values)
        highest = min(high for value in values for high in [node.bounds.values[number, value][1]])
        for least in sorted(range(highest + 1), key=lambda least: (abs(least - middle), least)):
            narrowed = {}
            for value in values:
                low, high = node.bounds.values[number, value]
                narrowed[number, value] = (max(low, least), min(high, least + 1))
            if all(low <= high for low, high in narrowed.values()):
                bounds = node.bounds._replace(values={**node.bounds.values, **narrowed})
                yield self.group_of[number], bounds

    def _guessed(self, root: _Node) -> c.Iterator[_Node]:
        """A guess that saves the search a level for each thing that is wrong: all of them put right at once."""
        node = root
        for _round in range(GUESSES):
            bounds = self._put_right(node)
            solved = None if bounds == node.bounds else self._solved(bounds)
            if solved is None:
                break
            node = solved
        if node is not root:
            yield node

    def _put_right(self, node: _Node) -> _Bounds:
        """Bounds with all seats evened out around what they have, and a host of each value that is missing."""
        counts = node.all_counts
        values, cells = dict(node.bounds.values), dict(node.bounds.cells)
        left = [entry.size for entry in self.classes]  # without the hosts that are bound to a seat
        for (place, _number), (low, _high) in cells.items():
            left[place] -= low
        for number, seat in enumerate(self.seats):
            if self.spread[number] and self._uneven(number, counts):
                present = self._by_value(number, self.spread[number], counts)
                middle = sum(present.values()) // len(self.spread_values[number])
                for value in self.spread_values[number]:
                    low, high = values[number, value]
                    values[number, value] = (max(low, min(middle, high)), max(low, min(high, middle + 1)))
            for name, least in seat.goal.distinct:
                missing = self._missing_values(number, name, least, counts) if self.on("distinct", seat, name) else None
                wanted = least - sum(count > 0 for count in self._by_value(number, name, counts).values())
                for place in self._one_of_each_value(number, name, missing or (), left)[:wanted]:
                    cells[place, number] = (1, self.classes[place].size)
                    left[place] -= 1
        return node.bounds._replace(values=values, cells=cells)

    def _one_of_each_value(self, number: int, name: str, places: c.Iterable[int], left: list[int]) -> list[int]:
        """For each value that the classes have of a variable, one that has hosts left."""
        found: dict[str, int] = {}
        for place in sorted(places):
            entry = self.classes[place]
            if left[place] > 0 and entry.options[number].may_be_in:
                found.setdefault(entry.values[number, name], place)
        return list(found.values())

    def _missing_values(self, number: int, name: str, least: int, counts: _Counts) -> set[int] | None:
        """Classes with values that a seat does not have yet, if it has too few; None if it has enough."""
        found = self._by_value(number, name, counts)
        present = {value for value, count in found.items() if count}
        if len(present) >= least:
            return None
        return {
            place
            for place, entry in enumerate(self.classes)
            if (value := entry.values.get((number, name))) is not None and value not in present
        }

    def _more_of(
        self, number: int, node: _Node, counts: _Counts, places: c.Collection[int]
    ) -> c.Iterator[tuple[int, _Bounds]]:
        """Every valid solution has more hosts of one of these classes."""
        for place in sorted(places, key=lambda place: (-self.classes[place].room.get(number, 0), place)):
            bounds = self._at_least(place, number, counts.get((place, number), 0) + 1, node.bounds)
            if bounds is not None:
                yield self.group_of[number], bounds

    def _more_room(self, number: int, node: _Node, counts: _Counts) -> c.Iterator[tuple[int, _Bounds]]:
        """Every valid solution has more hosts, or as many and more of a class with more room than the least used."""
        total = sum(count for (_place, seat), count in counts.items() if seat == number)
        low, high = node.bounds.totals[number]
        if total < high:
            totals = {**node.bounds.totals, number: (max(low, total + 1), high)}
            yield self.group_of[number], node.bounds._replace(totals=totals)
        rooms = self._rooms(number, counts)
        least = rooms[-1][0] if rooms else 0
        better = [place for place, entry in enumerate(self.classes) if entry.room.get(number, 0) > least]
        same = node.bounds._replace(totals={**node.bounds.totals, number: (low, total)})
        yield from self._more_of(number, node._replace(bounds=same), counts, better)

    def _at_least(self, place: int, number: int, least: int, bounds: _Bounds) -> _Bounds | None:
        """Bounds with at least so many of a class in a seat."""
        entry = self.classes[place]
        option = entry.options.get(number)
        low, high = bounds.cells.get((place, number), (0, entry.size))
        if option is None or not option.may_be_in or least > high:
            return None
        return bounds._replace(cells={**bounds.cells, (place, number): (max(low, least), high)})

    def _at_most(self, place: int, number: int, most: int, bounds: _Bounds) -> _Bounds | None:
        """Bounds with at most so many of a class in a seat."""
        low, high = bounds.cells.get((place, number), (0, self.classes[place].size))
        if most < low:
            return None
        return bounds._replace(cells={**bounds.cells, (place, number): (low, min(high, most))})

    def _violated_class(
        self, place: int, entry: _Class, node: _Node, counts: _Counts
    ) -> c.Iterator[tuple[int, _Bounds]] | None:
        """Demands on the hosts of a class that concern several groups of seats."""
        if len(self.groups) == 1:
            return None
        taken = [number for number in entry.options if counts.get((place, number))]
        for first, second in itertools.combinations(taken, 2):
            too_many = counts[place, first] + counts[place, second] - entry.size
            if too_many > 0 and self._excludes(entry.one_of, first, second):
                return self._fewer_of(place, (first, second), too_many, node, counts)
        for demand in entry.one_of:
            seats = self.one_of.get(demand, ())
            if seats and sum(counts.get((place, number), 0) for number in seats) < entry.size:
                return self._more_in(place, seats, node, counts)
        if self._seated(entry, place, counts) is None:
            self._unrealised = True
            return self._fewer_of(place, taken, 1, node, counts)
        return None

    def _fewer_of(
        self, place: int, numbers: c.Sequence[int], too_many: int, node: _Node, counts: _Counts
    ) -> c.Iterator[tuple[int, _Bounds]]:
        """Every valid solution has fewer of the class in one of the seats: much fewer in the last, or in another."""
        for number in numbers:
            fewer = too_many if number == numbers[-1] else 1
            bounds = self._at_most(place, number, counts[place, number] - fewer, node.bounds)
            if bounds is not None:
                yield self.group_of[number], bounds

    def _more_in(
        self, place: int, seats: c.Sequence[int], node: _Node, counts: _Counts
    ) -> c.Iterator[tuple[int, _Bounds]]:
        """Every valid solution has more of the class in one of the seats."""
        for number in seats:
            bounds = self._at_least(place, number, counts.get((place, number), 0) + 1, node.bounds)
            if bounds is not None:
                yield self.group_of[number], bounds

    # -- from numbers to hosts

    def _seated(self, entry: _Class, place: int, counts: _Counts) -> dict[int, list[str]] | None:
        """The hosts of a class in its seats, the first names first; None if that was not found."""
        seats_of: dict[str, list[int]] = {host: [] for host in entry.hosts}
        found: dict[int, list[str]] = {}
        for number in sorted(entry.options):
            count = counts.get((place, number), 0)
            if not count:
                continue
            fit = [
                host
                for host, seats in seats_of.items()
                if not any(self._excludes(entry.one_of, number, other) for other in seats)
            ]
            fit.sort(key=lambda host: -len(seats_of[host]))  # hosts that are taken anyway: keep the others free
            if len(fit) < count:
                return None
            found[number] = fit[:count]
            for host in found[number]:
                seats_of[host].append(number)
        return found

    def _assignment(self, node: _Node) -> dict[str, frozenset[str]]:
        members: dict[int, list[str]] = {number: [] for number in range(len(self.seats))}
        counts = node.all_counts
        for place, entry in enumerate(self.classes):
            for number, hosts in (self._seated(entry, place, counts) or {}).items():
                members[number] += hosts
        return {self.seats[number].name: frozenset(hosts) for number, hosts in members.items()}


class _GroupFlow:
    """The flow for one group of seats: from classes of hosts through values to seats, and to none of them.

    A class that stays where it is costs nothing. Classes that may go to the same seats on the same terms share a node,
    or there would be an arc for each class and seat.
    """

    def __init__(self, search: _Search, group: list[int], bounds: _Bounds) -> None:
        self.search = search
        self.group = group
        self.bounds = bounds
        self.network = Network()
        self.end = self.network.node()
        self.possible = True
        self._entries = self._seat_nodes()
        self._ranks = {number: self._room_ranks(number) for number in group}
        self._stays: dict[tuple[int, int], int] = {}  # arcs by class and seat
        self._shares: dict[_Terms, tuple[int, dict[int, int], list[tuple[int, int]]]] = {}
        self._everybody = sum(entry.size for entry in search.classes)
        for place, entry in enumerate(search.classes):
            if any(number in entry.options for number in group):
                self._add(place, entry)

    def result(self) -> tuple[int, _Counts] | None:
        """Cost and numbers by class and seat; None if it is impossible."""
        solved = self.possible and self.network.solve()
        self.search.budget.spend(self.network.work + len(self.search.classes))
        if not solved:
            return None
        counts: _Counts = {key: count for key, arc in self._stays.items() if (count := self.network.flow(arc))}
        for _node, arcs, members in self._shares.values():
            self._divide(arcs, members, counts)
        return self.network.cost, counts

    def _divide(self, arcs: dict[int, int], members: list[tuple[int, int]], counts: _Counts) -> None:
        """What goes through a shared node, divided between the classes."""
        left = {number: self.network.flow(arc) for number, arc in arcs.items()}
        for place, arc in members:
            amount = self.network.flow(arc)
            for number in left if amount else ():
                taken = min(amount, left[number])
                if taken:
                    left[number] -= taken
                    amount -= taken
                    counts[place, number] = counts.get((place, number), 0) + taken

    def _seat_nodes(self) -> dict[tuple[int, str], int]:
        """Nodes by seat and value of its spread variable, "" where it has none."""
        entries: dict[tuple[int, str], int] = {}
        for number in self.group:
            seat = self.network.node()
            entries[number, ""] = seat
            self._bounded(seat, self.end, *self.bounds.totals[number])
            for value in self.search.spread_values[number]:
                node = self.network.node()
                entries[number, value] = node
                self._bounded(node, seat, *self.bounds.values[number, value])
        return entries

    def _bounded(self, tail: int, head: int, lower: int, upper: int, cost: int = 0) -> int:
        if lower > upper:
            self.possible = False
            upper = lower
        return self.network.arc(tail, head, lower, upper, cost)

    def _room_ranks(self, number: int) -> dict[int, int]:
        """The more room a host has, the lower its rank, where room is wanted."""
        search = self.search
        if not search.on("room_for", search.seats[number]):
            return {}
        rooms = {entry.room[number] for entry in search.classes if number in entry.room}
        return {room: rank for rank, room in enumerate(sorted(rooms, reverse=True))}

    def _value(self, entry: _Class, number: int) -> str:
        """The value that hosts of the class count for in the spread of a seat, "" where there is none."""
        return entry.values.get((number, self.search.spread[number]), "")

    def _entry(self, entry: _Class, number: int) -> int:
        """The node that hosts of the class enter a seat by."""
        return self._entries[number, self._value(entry, number)]

    def _preference(self, entry: _Class, number: int) -> int:
        return entry.options[number].drops * CHANGE + self._ranks[number].get(entry.room.get(number, 0), 0)

    def _add(self, place: int, entry: _Class) -> None:
        """The arcs of a class."""
        network = self.network
        node = network.node()
        network.supply(node, entry.size)
        network.supply(self.end, -entry.size)
        inside = [number for number in self.group if number in entry.options and entry.options[number].inside]
        seats = self._open_seats(entry)
        anywhere = []
        for number in seats:
            option = entry.options[number]
            bounds = self.bounds.cells.get((place, number))
            if bounds is None:
                anywhere.append(number)  # also where it is inside, or each such class would need a node of its own
                if number not in inside:
                    continue
            lower, upper = bounds or (0, entry.size)
            if not option.may_be_out:
                lower = entry.size
            changes = len(set(inside) ^ {number})
            cost = (MOVE + CHANGE * changes if changes else 0) + self._preference(entry, number)
            self._stays[place, number] = self._bounded(node, self._entry(entry, number), lower, upper, cost)
        if any(not entry.options[number].may_be_out and number not in seats for number in inside):
            self.possible = False
        if anywhere:
            self._share(place, entry, node, anywhere, MOVE + CHANGE * (len(inside) + 1))
        if self._may_be_in_none(entry):
            network.arc(node, self.end, 0, entry.size, MOVE + CHANGE * len(inside) if inside else 0)

    def _share(self, place: int, entry: _Class, node: int, seats: list[int], cost: int) -> None:
        """An arc to the node of all classes that may go to the same seats on the same terms."""
        terms = self.search.terms.get((place, *seats))
        if terms is None:
            terms = tuple((number, self._value(entry, number), self._preference(entry, number)) for number in seats)
            self.search.terms[place, *seats] = terms
        if terms not in self._shares:
            shared = self.network.node()
            arcs = {
                number: self.network.arc(shared, self._entries[number, value], 0, self._everybody, preference)
                for number, value, preference in terms
            }
            self._shares[terms] = (shared, arcs, [])
        shared, _arcs, members = self._shares[terms]
        members.append((place, self.network.arc(node, shared, 0, entry.size, cost)))

    def _demands(self, entry: _Class) -> list[set[int]]:
        """Seats of this group of which the hosts have to be in one."""
        demands = [set(self.search.one_of[number]) for number in entry.one_of if number in self.search.one_of]
        return [seats for seats in demands if seats <= set(self.group)]

    def _open_seats(self, entry: _Class) -> list[int]:
        """Seats of the group that hosts of the class may be in."""
        seats = [number for number in self.group if number in entry.options and entry.options[number].may_be_in]
        for demand in self._demands(entry):
            seats = [number for number in seats if number in demand]
        return seats

    def _may_be_in_none(self, entry: _Class) -> bool:
        return not self._demands(entry)


# ---- contradictions


def _conflict(component: _Component, constraints: list[Constraint]) -> tuple[Constraint, ...]:
    """Constraints that contradict, none of which can be left out; the smallest set if there are few.

    Where that takes long, there may be some that can be left out.
    """
    total = _Budget(WORK)

    def contradict(chosen: c.Iterable[Constraint]) -> bool:
        if total.spent:
            return False  # unknown: then more is said to be needed than is
        one = _Budget(WORK // 10)
        outcome = _Search(component, frozenset(chosen), one).best(any_solution=True)
        total.spend(WORK // 10 - one.left)
        return outcome.assignment is None and outcome.proven

    found = _irreducible([], constraints, contradict) if not contradict([]) else []
    for size in range(1, len(found)):
        if math.comb(len(constraints), size) > SMALLER_SETS:
            break
        for chosen in itertools.combinations(constraints, size):
            if contradict(chosen):
                return chosen
    return tuple(each for each in constraints if each in found)


def _irreducible(
    kept: list[Constraint], constraints: list[Constraint], contradict: c.Callable[[list[Constraint]], bool]
) -> list[Constraint]:
    """Those of the constraints that are needed for a contradiction with the kept ones (Junker: QuickXplain, 2004)."""
    if len(constraints) <= 1:
        return list(constraints)
    middle = len(constraints) // 2
    left, right = constraints[:middle], constraints[middle:]
    if contradict(kept + left):
        return _irreducible(kept, left, contradict)
    if contradict(kept + right):
        return _irreducible(kept, right, contradict)
    of_right = _irreducible(kept + left, right, contradict)
    of_left = _irreducible(kept + of_right, left, contradict)
    return of_left + of_right
