# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The solver against a search through all assignments, and what it says where goals contradict."""

from __future__ import annotations

import collections
import itertools
import random
from fractions import Fraction

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import Goal, RoomFor
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.solve import (
    Constraint,
    OneOf,
    Option,
    Seat,
    Solution,
    Task,
    solve,
)

SEEDS = range(120)

Members = dict[str, frozenset[str]]


def constraints_of(task: Task) -> list[Constraint]:
    found: list[Constraint] = []
    for seat in task.seats:
        for kind in ("share", "count", "at_least", "at_most", "spread", "room_for"):
            if getattr(seat.goal, kind) is not None:
                found.append((kind, seat.name))
        found += [("distinct", seat.name, name) for name, _least in seat.goal.distinct]
    found += [each for each in task.apart.values() if each is not None]
    return found + [each.constraint for each in task.one_of]


def goal_holds(seat: Seat, constraint: Constraint, hosts: frozenset[str]) -> bool:
    """One goal, by its definition."""
    kind, goal = constraint[0], seat.goal
    if kind == "share":
        assert goal.share is not None
        return len(hosts) == int(goal.share * seat.pool + Fraction(1, 2))
    if kind == "count":
        return len(hosts) == goal.count
    if kind == "at_least":
        return len(hosts) >= (goal.at_least or 0)
    if kind == "at_most":
        assert goal.at_most is not None
        return len(hosts) <= goal.at_most
    if kind == "distinct":
        values = seat.values[constraint[2]]
        return len({values[host] for host in hosts if host in values}) >= dict(goal.distinct)[constraint[2]]
    if kind == "spread":
        values = seat.values[goal.spread or ""]
        possible = {values[host] for host, option in seat.options.items() if option.inside or option.may_be_in}
        counts = collections.Counter(values[host] for host in hosts)
        numbers = [counts[value] for value in possible]
        return not numbers or max(numbers) - min(numbers) <= 1
    assert goal.room_for is not None
    rooms = sorted((seat.room.get(host, 0) for host in hosts), reverse=True)
    return sum(rooms[goal.room_for.failures :]) >= goal.room_for.count


def holds(task: Task, members: Members, enabled: frozenset[Constraint]) -> bool:
    for seat in task.seats:
        for constraint in enabled:
            is_goal = constraint[1] == seat.name and constraint[0] not in ("apart_from", "exactly_one_of")
            if is_goal and not goal_holds(seat, constraint, members[seat.name]):
                return False
    for (first, second), needed in task.apart.items():
        if (needed is None or needed in enabled) and members[first] & members[second]:
            return False
    for each in task.one_of:
        if each.constraint in enabled:
            for host in each.hosts:
                if sum(host in members[name] for name in each.seats) != 1:
                    return False
    return True


def all_assignments(task: Task) -> list[Members]:
    """Every choice of hosts that the options allow."""
    choices = []
    for seat in task.seats:
        sets = [frozenset[str]()]
        for host, option in seat.options.items():
            sets = [
                *(each | {host} for each in sets if option.may_be_in or not option.may_be_out),
                *(each for each in sets if option.may_be_out),
            ]
        choices.append(sets)
    names = [seat.name for seat in task.seats]
    return [dict(zip(names, chosen, strict=True)) for chosen in itertools.product(*choices)]


def moves(task: Task, members: Members, groups: list[tuple[str, ...]]) -> int:
    """Hosts whose membership changes, once for each group of aggregates that exclude one another."""
    seats = {seat.name: seat for seat in task.seats}
    found = 0
    for group in groups:
        hosts = {host for name in group for host in seats[name].options}
        for host in hosts:
            before = {name for name in group if host in seats[name].options and seats[name].options[host].inside}
            after = {name for name in group if host in members[name]}
            found += before != after
    return found


def generated(seed: int) -> Task:
    rng = random.Random(seed)
    hosts = ["h%d" % number for number in range(rng.randint(2, 5))]
    racks = {host: "r%d" % rng.randint(1, 3) for host in hosts}
    rows = {host: "row%d" % rng.randint(1, 2) for host in hosts}
    names = ["a", "b", "c"][: rng.randint(1, 3)]
    seats = []
    for name in names:
        options = {}
        for host in hosts:
            if rng.random() < 0.85:
                inside = rng.random() < 0.4
                fixed = rng.random()
                options[host] = Option(inside, may_be_in=fixed < 0.9, may_be_out=not (inside and 0.8 < fixed < 0.9))
        goals = [
            Goal(share=Fraction(rng.choice([20, 50, 60]), 100)),
            Goal(count=rng.randint(0, 3)),
            Goal(at_least=rng.randint(0, 3), at_most=rng.randint(1, 4)),
            Goal(spread="rack"),
            Goal(spread="rack", at_least=rng.randint(0, 3)),
            Goal(distinct=(("rack", rng.randint(1, 3)),)),
            Goal(distinct=(("row", 2),), spread="rack"),
            Goal(room_for=RoomFor("m1", rng.randint(1, 6), rng.randint(0, 1)), at_most=rng.randint(1, 4)),
            Goal(room_for=RoomFor("m1", rng.randint(1, 6), 0), spread="rack", distinct=(("row", 2),)),
            Goal(),
        ]
        room = {host: rng.randint(0, 3) for host in hosts}
        seats.append(Seat(name, options, rng.choice(goals), len(options), {"rack": racks, "row": rows}, room))
    apart: dict[tuple[str, str], Constraint | None] = {}
    for pair in itertools.combinations(names, 2):
        chance = rng.random()
        if chance < 0.25:
            apart[pair] = None
        elif chance < 0.5:
            apart[pair] = ("apart_from", *pair)
    one_of = []
    if len(names) > 1 and rng.random() < 0.4:
        able = [
            host
            for host in hosts
            if any(host in seat.options and seat.options[host].may_be_in for seat in seats[:2]) and rng.random() < 0.8
        ]
        one_of.append(OneOf(("exactly_one_of", "0"), ("a", "b"), frozenset(able)))
    return Task(tuple(seats), apart, tuple(one_of))


@pytest.mark.parametrize("seed", SEEDS)
def test_no_solution_has_fewer_moves(seed: int) -> None:
    task = generated(seed)
    solution = solve(task)
    every = frozenset(constraints_of(task))
    valid = [members for members in all_assignments(task) if holds(task, members, every)]
    if solution.conflicts:
        assert not valid
        check_conflicts(task, solution)
        return
    assert not solution.unsolved
    assert holds(task, solution.members, every)
    assert all(members <= task.seats[number].options.keys() for number, members in enumerate(solution.members.values()))
    assert moves(task, solution.members, solution.groups) == solution.moves
    if solution.proven:
        assert solution.moves == min(moves(task, members, solution.groups) for members in valid)


def check_conflicts(task: Task, solution: Solution) -> None:
    """Each set contradicts, and no smaller one of the same aggregates does."""
    assignments = all_assignments(task)
    for conflict in solution.conflicts:
        assert not any(holds(task, members, frozenset(conflict)) for members in assignments)
    if len(solution.conflicts) == 1:
        size = len(solution.conflicts[0])
        for smaller in itertools.combinations(constraints_of(task), size - 1) if size else ():
            assert any(holds(task, members, frozenset(smaller)) for members in assignments)


def test_the_generator_makes_all_kinds() -> None:
    solutions = [solve(generated(seed)) for seed in SEEDS]
    assert sum(bool(each.conflicts) for each in solutions) > 25
    assert sum(each.moves > 1 for each in solutions) > 12
    assert sum(not each.proven for each in solutions) < len(SEEDS) // 50
    assert {len(conflict) for each in solutions for conflict in each.conflicts} >= {1, 2, 3}


def test_a_search_that_is_given_up_says_so() -> None:
    hosts = ["h%d" % number for number in range(40)]
    values = {"x": {host: "x%d" % (int(host[1:]) % 7) for host in hosts}, "y": {host: host[1:2] for host in hosts}}
    seat = Seat(
        "a",
        dict.fromkeys(hosts, Option(False)),
        Goal(distinct=(("x", 7), ("y", 9)), room_for=RoomFor("m1", 30, 1), at_most=9),
        len(hosts),
        values,
        {host: 1 + int(host[1:]) % 5 for host in hosts},
    )
    solution = solve(Task((seat,)), work=0)
    assert solution.members or solution.unsolved
    assert not solution.proven or not solution.unsolved


def disturbed(goal: Goal, pools: int = 20, racks: int = 10, each: int = 3) -> tuple[Task, Members]:
    """Exclusive pools with as many hosts of each rack, of whose hosts some were moved, some are new and some are gone.

    :return: the task, and the members now
    """
    rng = random.Random(7)
    hosts = ["h%03d" % number for number in range(pools * racks * each)]
    names = ["p%02d" % number for number in range(pools)]
    at = {host: names[number // racks % pools] for number, host in enumerate(hosts)}
    at.update((host, rng.choice(names)) for host in rng.sample(hosts, 60))
    for host in rng.sample(hosts, 40):
        del at[host]
    gone = {host for number, host in enumerate(hosts) if number // racks < 3}  # of three pools, a host of each rack
    values = {"rack": {host: "r%d" % (number % racks) for number, host in enumerate(hosts)}}
    left = [host for host in hosts if host not in gone]
    seats = tuple(Seat(name, {host: Option(at.get(host) == name) for host in left}, goal, 0, values) for name in names)
    members = {name: frozenset(host for host in left if at.get(host) == name) for name in names}
    return Task(seats, {}, (OneOf(("exactly_one_of", "0"), tuple(names), frozenset(left)),)), members


@pytest.mark.parametrize("rack", [False, True])
def test_pools_that_were_disturbed_get_the_fewest_moves(rack: bool) -> None:
    """Within a rack as many hosts come as some pools lack, or as are new or too many in others."""
    task, members = disturbed(Goal(at_least=20, at_most=30, spread="rack" if rack else None))
    solution = solve(task)
    assert solution.proven
    assert holds(task, solution.members, frozenset(constraints_of(task)))
    low, high = (2, 3) if rack else (20, 30)
    cell = task.seats[0].values["rack"] if rack else dict.fromkeys(task.one_of[0].hosts, "all")
    counts = [collections.Counter(cell[host] for host in hosts) for hosts in members.values()]
    new = collections.Counter(cell[host] for host in task.one_of[0].hosts.difference(*members.values()))
    fewest = 0
    for name in set(cell.values()):
        lacking = sum(max(0, low - count[name]) for count in counts)
        surplus = sum(max(0, count[name] - high) for count in counts)
        fewest += max(lacking, surplus + new[name])
    assert solution.moves == fewest > 20
