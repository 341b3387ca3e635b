# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Packing, against the answers found by trying everything."""

from __future__ import annotations

import functools
import itertools
import random
import typing as t

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import packing, sharing
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.packing import Amounts, Component, Option, Program


def longest(columns: t.Collection[Amounts], free: t.Sequence[int]) -> int:
    """How many of these can be taken one after the other, by trying everything."""

    @functools.cache
    def best(left: tuple[int, ...]) -> int:
        found = 0
        for column in columns:
            if all(left[cell] >= amount for cell, amount in column):
                after = list(left)
                for cell, amount in column:
                    after[cell] -= amount
                found = max(found, 1 + best(tuple(after)))
        return found

    return best(tuple(free))


def every_placement(component: Component) -> set[Amounts]:
    """What all placements take that keep the rules, whatever is free: written down as plainly as it goes."""
    found = set()
    for options in itertools.product(*component.items):
        places = [option.place for option in options]
        taken: dict[int, int] = {}
        for option in options:
            for cell, amount in option.takes:
                taken[cell] = taken.get(cell, 0) + amount
        apart = [places[item] for item in component.apart]
        if (
            len(set(apart)) == len(apart)
            and all(amount <= component.most.get(cell, amount) for cell, amount in taken.items())
            and all(any(places[item] in where for item in items) for items, where in component.covers)
            and all(
                any(
                    all(top in component.ancestors[places[item]] for item in items)
                    for top in {places[i] for i in items}
                )
                for items in component.subtrees
            )
        ):
            found.add(tuple(sorted(taken.items())))
    return found


def components(seed: int) -> tuple[Component, list[int]]:
    """A component at random: a root (place 0) with children, one or two cells each."""
    chance = random.Random(seed)
    places = chance.randint(1, 4)
    free = [chance.randint(0, 7) for _cell in range(2 * places)]
    alike = chance.random() < 0.4
    items: list[tuple[Option, ...]] = []
    for number in range(chance.randint(1, 3)):
        if alike and number:
            items.append(items[0])
            continue
        cells = [(which, chance.randint(1, 3)) for which in range(2) if which == 0 or chance.random() < 0.4]
        where = sorted(chance.sample(range(places), chance.randint(1, places)))
        items.append(tuple(Option(place, tuple((2 * place + c, a) for c, a in cells)) for place in where))
    some = frozenset(number for number in range(len(items)) if chance.random() < 0.7)
    rules = not alike and chance.random() < 0.6
    twins: list[int | None] = [number - 1 if alike and number else None for number in range(len(items))]
    return (
        Component(
            tuple(items),
            {cell: chance.randint(2, 5) for cell in range(2 * places) if chance.random() < 0.4},
            ((some, frozenset((0,))),) if rules and some and chance.random() < 0.5 else (),
            frozenset(range(len(items))) if len(items) > 1 and chance.random() < 0.4 else frozenset(),
            (some,) if rules and some and chance.random() < 0.5 else (),
            tuple(frozenset((0, place)) for place in range(places)),
            tuple(twins),
        ),
        free,
    )


@pytest.mark.parametrize("start", range(0, 600, 100))
def test_pack_and_take(start: int) -> None:
    for seed in range(start, start + 100):
        component, free = components(seed)
        if len(component.items) == 1:  # (its options were checked against max_unit when they were made)
            component = Component(component.items, {}, component.covers, ancestors=component.ancestors, alike=(None,))
        placements = every_placement(component)
        right = longest(placements, free)
        packed = packing.pack(component, free)
        assert (packed.fits, packed.bound) == (right, right), seed
        assert packing.fits_once(component, free) is (right > 0), seed
        for count in range(right + 1):
            left = list(free)
            packing.take(component, left, count, packed)
            assert min(left) >= 0, seed
            assert longest(placements, left) == right - count, (seed, count)


def test_nothing_to_take_is_unlimited() -> None:
    free = [Option(0, ())]
    assert packing.pack(Component((tuple(free),), alike=(None,)), [1]).fits == packing.UNLIMITED
    both = Component((tuple(free), tuple(free)), alike=(None, 0))
    assert packing.pack(both, [1]).fits == packing.UNLIMITED


def test_many_devices_alike() -> None:
    """Eight groups of one GPU each on sixteen: far too many placements to list, but there is a formula."""
    options = tuple(Option(place, ((place, 1),)) for place in range(16))
    component = Component((options,) * 8, alike=(None, *range(7)), apart=frozenset(range(8)))
    assert packing.pack(component, [3] * 16) == packing.Packing(6, 6)
    assert packing.pack(component, [3] * 7 + [0] * 9) == packing.Packing(0, 0)


def test_what_is_too_much_to_list_has_bounds() -> None:
    wide = tuple(Option(place, ((place, 1),)) for place in range(12))
    narrow = wide[:11]
    component = Component((wide, narrow) * 3, alike=(None, None, 0, 1, 2, 3))
    found = packing.pack(component, [2] * 12)
    assert found.fits <= 4 <= found.bound
    assert found.fits >= 1


@pytest.mark.parametrize(
    ("columns", "free", "fits"),
    [
        ([], [5], 0),
        ([((0, 2),)], [5], 2),
        ([((0, 2),), ((0, 3),)], [5], 2),
        ([((0, 1), (1, 1)), ((1, 1), (2, 1)), ((0, 1), (2, 1))], [1, 1, 1], 1),  # the relaxation says 1.5
        ([((0, 1), (1, 1)), ((1, 1), (2, 1)), ((0, 1), (2, 1))], [3, 3, 3], 4),
        ([((0, 4096), (1, 1)), ((0, 6144),)], [16384, 1], 3),
        ([((0, 1),)], [-3], 0),
    ],
)
def test_program(columns: list[Amounts], free: list[int], fits: int) -> None:
    program = Program(columns, free)
    program.solve(packing.UNLIMITED)
    assert (program.fits, program.bound) == (fits, fits)
    assert sum(number for number, _takes in program.steps) == fits


def test_program_at_random() -> None:
    chance = random.Random(3)
    for _number in range(300):
        cells = chance.randint(1, 4)
        free = [chance.randint(0, 9) for _cell in range(cells)]
        columns = {
            tuple(sorted({chance.randrange(cells): chance.randint(1, 5) for _take in range(3)}.items()))
            for _column in range(chance.randint(1, 6))
        }
        feasible = [column for column in sorted(columns) if all(free[cell] >= amount for cell, amount in column)]
        program = Program(feasible, free)
        program.solve(packing.UNLIMITED)
        right = longest(feasible, free)
        assert (program.fits, program.bound) == (right, right), (feasible, free)


def test_a_wrong_dual_proves_nothing_false() -> None:
    rows, room = [[2, 1], [0, 1]], [10, 3]
    assert packing.proven_bound(rows, room, [0.5, 0.5], 99) == 6
    assert packing.proven_bound(rows, room, [0.1, 0.1], 99) == 6
    assert packing.proven_bound(rows, room, [-1.0, 0.0], 99) == 99
    assert packing.proven_bound(rows, room, [0.0, 1.0], 99) == 99


def test_flow_at_random() -> None:
    chance = random.Random(5)
    for _number in range(200):
        nodes = list("abcd")
        room = {node: chance.randint(0, 6) for node in nodes}
        supplies = {frozenset(chance.sample(nodes, chance.randint(1, 3))): chance.randint(0, 8) for _group in range(4)}
        cut = min(  # the least cut: the nodes on the side of the source are paid for, the groups that reach others too
            sum(room[node] for node in side)
            + sum(supply for group, supply in supplies.items() if not group <= set(side))
            for size in range(5)
            for side in itertools.combinations(nodes, size)
        )
        assert sharing.flow(supplies, room) == cut
