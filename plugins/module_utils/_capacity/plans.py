# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From a request and the shape of a tree to what has to be packed.

The shape of a tree is all that does not change when something is allocated: which providers there are, with which
classes, units, traits and aggregates. Trees alike have one shape, so that a request is looked at once for all of them.

The rules are those of Placement 16.0.0. Where they may surprise:

* A class of the unnumbered group comes from a provider of the tree, or from a sharing provider that has an aggregate in
  common with *any* provider of the tree (research_context.py, anchors_for_sharing_providers).
* Required traits of the unnumbered group are met by all the providers together that give its resources, and by nobody
  else; none of these may have a forbidden one (allocation_candidate.py, _check_traits_for_alloc_request).
* An aggregate of the root counts for all providers of its tree, but only for the unnumbered group; the sharing provider
  has to be in it by itself (get_trees_matching_all). A granular group looks at its provider alone
  (get_provider_ids_matching).
* What several groups take from one inventory together is measured against max_unit, not against min_unit and step_size,
  which it meets when the parts do (RequestWideSearchContext.exceeds_capacity).
* A granular group without resources has candidates only when it requires a trait or an aggregate.
* A candidate that takes nothing from the tree itself is no candidate for its host: Nova goes by the providers of the
  allocations (nova scheduler/manager.py).
"""

from __future__ import annotations

import typing as t
from dataclasses import dataclass

from .groups import AllOfAny, Request, RequestGroup
from .inventory import wrong_units
from .model import SHARING, Inventory
from .packing import Component, Option


@dataclass(frozen=True, slots=True)
class Node:
    """A provider in a shape.

    :param cells: by resource class, the number of its cell
    :param units: by resource class, an inventory of which only the units count
    :param above: places of the providers above it, and its own
    :param foreign: it belongs to another tree, and shares with this one
    """

    cells: dict[str, int]
    units: dict[str, Inventory]
    traits: frozenset[str]
    aggregates: frozenset[str]
    above: frozenset[int]
    foreign: bool

    @property
    def lends(self) -> bool:
        """Whether other trees may get resources from it."""
        return SHARING in self.traits and bool(self.aggregates)


Shape = tuple[Node, ...]  # the root first, the sharing providers of other trees last
Located: t.TypeAlias = "tuple[frozenset[int] | None, ...]"  # by group: the places of the tree that in_tree names
Waived = frozenset[tuple[str, str]]  # (resource class, unit) that are not looked at; EVERYTHING for the class itself
EVERYTHING = "*"


@dataclass(frozen=True, slots=True)
class Plan:
    """What has to be packed.

    :param components: parts that have nothing in common
    :param simple: all of it as (cell, amount) where there is no choice of providers at all
    """

    components: tuple[Component, ...]
    simple: tuple[tuple[int, int], ...] | None


def plan(shape: Shape, request: Request, located: Located, waived: Waived = frozenset()) -> Plan | None:
    """What has to be packed for one of the request; None when it can never fit, whatever is free.

    :param waived: limits that are left out, to see what they cost: units of a class, or the class itself, which every
        provider of the tree then has without end
    """
    root = shape[0]
    if not request.root_required <= root.traits or request.root_forbidden & root.traits:
        return None
    items: list[_Item] = []
    for group, within in zip(request.groups, located, strict=True):
        items += (_granular if group.suffix else _unnumbered)(shape, group, within, waived)
    if not items or not all(item.options for item in items):
        return None
    covers = _covers(shape, request, items)
    if covers is None or not all(item.options for item in items):
        return None
    components = _components(shape, request, items, covers, waived)
    return Plan(components, _simple(components))


# ---- items


@dataclass(slots=True)
class _Item:
    """What goes to one provider whole.

    :param resources: what is asked
    :param demands: what of that is looked at
    """

    suffix: str
    resources: tuple[tuple[str, int], ...]
    demands: tuple[tuple[str, int], ...]
    options: list[int]


def _unnumbered(shape: Shape, group: RequestGroup, within: frozenset[int] | None, waived: Waived) -> list[_Item]:
    """Each class of the unnumbered group is an item."""
    root = shape[0]

    def allowed(node: Node) -> bool:
        if node.traits & group.forbidden or (node.aggregates | root.aggregates) & group.not_member_of:
            return False
        if _meets(node.aggregates, group.member_of):
            return True
        return not node.foreign and _meets(root.aggregates, group.member_of)

    places = [
        place
        for place, node in enumerate(shape)
        if allowed(node) and (within is None or (place in within and not node.foreign))
    ]
    return [
        _Item(
            "",
            (entry,),
            _demands((entry,), waived),
            [place for place in places if _accepts(shape[place], *entry, waived)],
        )
        for entry in group.resources
    ]


def _granular(shape: Shape, group: RequestGroup, within: frozenset[int] | None, waived: Waived) -> list[_Item]:
    """A granular group is one item."""
    places = []
    if group.resources or group.required or group.member_of:
        for place, node in enumerate(shape):
            if (
                (within is None or place in within or not group.resources)
                and all(_accepts(node, name, amount, waived) for name, amount in group.resources)
                and _meets(node.traits, group.required)
                and not node.traits & group.forbidden
                and _meets(node.aggregates, group.member_of)
                and not node.aggregates & group.not_member_of
            ):
                places.append(place)
    return [_Item(group.suffix, group.resources, _demands(group.resources, waived), places)]


def _demands(resources: t.Iterable[tuple[str, int]], waived: Waived) -> tuple[tuple[str, int], ...]:
    return tuple((name, amount) for name, amount in resources if (name, EVERYTHING) not in waived)


def _accepts(node: Node, name: str, amount: int, waived: Waived) -> bool:
    """Whether a provider has the class, and its units allow the amount."""
    if (name, EVERYTHING) in waived and not node.foreign:
        return True
    if name not in node.units:
        return False
    return all({(name, unit), (name, EVERYTHING)} & waived for unit in wrong_units(node.units[name], amount))


def _meets(has: frozenset[str], wanted: AllOfAny) -> bool:
    return all(has & one_of for one_of in wanted)


# ---- rules over several items

_Cover = tuple[frozenset[int], frozenset[int]]  # at least one of these items is at one of these places


def _covers(shape: Shape, request: Request, items: list[_Item]) -> list[_Cover] | None:
    """Rules of the kind "at least one of the providers"; None when one cannot be met.

    A rule that holds by itself is left out, and one that only one item can meet narrows the options of that item.
    """
    wanted = []
    unnumbered = [number for number, item in enumerate(items) if not item.suffix]
    for group in request.groups:
        if not group.suffix:
            for one_of in group.required:
                having = frozenset(place for place, node in enumerate(shape) if node.traits & one_of)
                wanted.append((unnumbered, having))
    own = frozenset(place for place, node in enumerate(shape) if not node.foreign)
    wanted.append(([number for number, item in enumerate(items) if item.resources], own))
    covers: list[_Cover] = []
    for numbers, places in wanted:
        able = [number for number in numbers if not places.isdisjoint(items[number].options)]
        if not able:
            return None
        if len(able) == 1:
            item = items[able[0]]
            item.options = [place for place in item.options if place in places]
        else:
            covers.append((frozenset(able), places))
    # (once the options are as narrow as they get)
    return [
        (numbers, places)
        for numbers, places in covers
        if not any(places.issuperset(items[number].options) for number in numbers)
    ]


def _subtrees(shape: Shape, request: Request, items: list[_Item]) -> list[frozenset[int]]:
    """Sets of items that same_subtree binds, without those that can only be at one place all together."""
    numbers = {item.suffix: number for number, item in enumerate(items)}
    found = []
    for suffixes in request.same_subtree:
        bound = frozenset(numbers[suffix] for suffix in suffixes if suffix in numbers)
        if len(bound) > 1 and len({place for number in bound for place in items[number].options}) > 1:
            found.append(bound)
    return found


# ---- components


def _components(
    shape: Shape, request: Request, items: list[_Item], covers: list[_Cover], waived: Waived
) -> tuple[Component, ...]:
    """The parts that have no cell and no rule in common."""
    granular = [number for number, item in enumerate(items) if item.suffix]
    apart = frozenset(granular) if request.isolate and len(granular) > 1 else frozenset()
    subtrees = _subtrees(shape, request, items)
    bound = [numbers for numbers, _places in covers] + subtrees
    part = list(range(len(items)))  # the first item of the part that an item belongs to

    def join(first: int, second: int) -> None:
        low, high = sorted((part[first], part[second]))
        part[:] = [low if number == high else number for number in part]

    for numbers in bound:
        for number in numbers:
            join(min(numbers), number)
    for first in range(len(items)):
        for second in range(first):
            common = set(items[first].options).intersection(items[second].options)
            same_class = {name for name, _amount in items[first].demands} & {
                name for name, _amount in items[second].demands
            }
            if common and (same_class or (first in apart and second in apart)):
                join(first, second)
    return tuple(
        _component(
            shape,
            items,
            [number for number in range(len(items)) if part[number] == first],
            covers,
            apart,
            subtrees,
            waived,
        )
        for first in sorted(set(part))
    )


def _component(
    shape: Shape,
    items: list[_Item],
    numbers: list[int],
    covers: list[_Cover],
    apart: frozenset[int],
    subtrees: list[frozenset[int]],
    waived: Waived,
) -> Component:
    """One part, with its items numbered from 0."""
    renumbered = {number: position for position, number in enumerate(numbers)}

    def own(members: t.Iterable[int]) -> frozenset[int]:
        return frozenset(renumbered[member] for member in members if member in renumbered)

    options = tuple(
        tuple(
            Option(place, tuple(sorted((shape[place].cells[name], amount) for name, amount in items[number].demands)))
            for place in items[number].options
        )
        for number in numbers
    )
    own_covers = tuple((own(members), places) for members, places in covers if own(members))
    own_subtrees = tuple(own(members) for members in subtrees if own(members))
    own_apart = own(apart)
    if len(own_apart) < 2:
        own_apart = frozenset()
    rules = [
        (
            options[item],
            item in own_apart,
            [item in members for members, _places in own_covers],
            [item in members for members in own_subtrees],
        )
        for item in range(len(numbers))
    ]
    alike = tuple(
        next((other for other in range(item - 1, -1, -1) if rules[other] == rules[item]), None)
        for item in range(len(numbers))
    )
    cells = sorted({cell for item in options for option in item for cell, _amount in option.takes})
    most = {}
    if len(numbers) > 1:
        for node in shape:
            for name, cell in node.cells.items():
                limit = node.units[name].max_unit
                if cell in cells and limit is not None and (name, "max_unit") not in waived:
                    most[cell] = limit
    ancestors = tuple(node.above for node in shape) if own_subtrees else ()
    pools = _pools(shape, [items[number] for number in numbers])
    return Component(options, most, own_covers, own_apart, own_subtrees, ancestors, alike, tuple(cells), pools)


def _pools(shape: Shape, items: list[_Item]) -> tuple[tuple[tuple[int, ...], int], ...]:
    """By resource class, all the cells that the items may take it from, and how much they take together."""
    cells: dict[str, set[int]] = {}
    wanted: dict[str, int] = {}
    for item in items:
        for name, amount in item.demands:
            wanted[name] = wanted.get(name, 0) + amount
            cells.setdefault(name, set()).update(shape[place].cells[name] for place in item.options)
    return tuple((tuple(sorted(cells[name])), amount) for name, amount in sorted(wanted.items()))


def _simple(components: tuple[Component, ...]) -> tuple[tuple[int, int], ...] | None:
    """What is taken, where every item has one option, or one that takes nothing, and no cell is taken from twice."""
    takes: list[tuple[int, int]] = []
    for component in components:
        if len(component.items) != 1:
            return None
        (options,) = component.items
        if not component.covers and not all(option.takes for option in options):
            continue  # it fits any number of times
        if len(options) != 1:
            return None
        takes += options[0].takes
    return tuple(takes)
