# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Limits, each taken away from what Placement holds or from what it is asked: as an operator would find out.

What is here is written without a look at the engine's limits.py, which it is compared with:

* A resource class is no limit when every provider of the host has practically endless amounts of it, in units of one.
* A unit (min_unit, max_unit, step_size) of a class is none when no inventory of the class has it.
* A trait, aggregates and group rules are none when nobody asks for them.

What is the limit *by itself* is tried with everything else taken away in the same manner.
"""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.groups import NOTHING, Request, RequestGroup
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.inventory import capacity
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import (
    SHARING,
    Inventory,
    Provider,
    Snapshot,
)

ENDLESS = 2**31 - 1  # the most that Placement keeps
FREE_UNITS = {"min_unit": 1, "max_unit": ENDLESS, "step_size": 1}


@dataclasses.dataclass(frozen=True)
class Held:
    """What is changed of inventories.

    :param everywhere: classes of which every provider has endless amounts, but those that share only where they have
        some already. (Where one gives all that the group without a suffix asks for, Placement takes the candidates of
        the hosts that it shares with for one and the same, and offers one of them: AllocationRequest.__eq__.)
    :param amounts: classes of which those that have them have endless amounts, in the units that they have
    :param units: (class, unit) that are taken away
    """

    everywhere: frozenset[str] = NOTHING
    amounts: frozenset[str] = NOTHING
    units: frozenset[tuple[str, str]] = frozenset()

    @property
    def endless(self) -> frozenset[str]:
        """Classes that do not run out."""
        return self.everywhere | self.amounts

    def apply(self, snapshot: Snapshot) -> Snapshot:
        """A snapshot with these changes."""
        if self == Held():
            return snapshot
        providers = [dataclasses.replace(each, inventories=self._inventories(each)) for each in snapshot.providers]
        return dataclasses.replace(snapshot, providers=providers)

    def _inventories(self, provider: Provider) -> dict[str, Inventory]:
        found = {}
        for name, held in provider.inventories.items():
            free = {unit: value for unit, value in FREE_UNITS.items() if (name, unit) in self.units}
            total = {"total": ENDLESS, "reserved": 0, "allocation_ratio": 1.0} if name in self.amounts else {}
            changed = dataclasses.replace(held, **{**free, **total}, admits=())
            assert changed.total is not None and changed.reserved is not None and changed.allocation_ratio is not None
            right = capacity(changed.total, changed.reserved, changed.allocation_ratio)
            found[name] = dataclasses.replace(changed, capacity=right)
        lends = SHARING in provider.traits and provider.parent is None and bool(provider.aggregates)
        for name in self.everywhere:
            if lends and name not in provider.inventories:
                continue
            used = provider.inventories[name].used if name in provider.inventories else 0
            found[name] = Inventory(ENDLESS, used, ENDLESS, 0, 1.0, **FREE_UNITS)
        return found


@dataclasses.dataclass(frozen=True)
class Trial:
    """What is held, and what is asked of it."""

    held: Held
    request: Request


@dataclasses.dataclass(frozen=True)
class Lift:
    """A limit taken away, and everything but this limit taken away.

    A class is a limit by itself where no more fit than do now, anything else where nothing fits at all.
    """

    limit: str
    kind: str
    without: Trial
    alone: Trial
    nothing: Trial | None = None  # without that as well, if even then there may be nothing to be had


def lifts(request: Request) -> list[Lift]:
    """Whatever may be the limit of a request."""
    found = []
    classes = sorted({name for group in request.groups for name, _amount in group.resources})
    units = frozenset((name, unit) for name in classes for unit in FREE_UNITS)
    bare = reduced(request)
    for name in classes:
        others = frozenset(classes) - {name}
        alone = Trial(Held(everywhere=others, units=units), bare)
        found.append(Lift(name, "resource", Trial(Held(everywhere=frozenset((name,))), request), alone))
        for unit in FREE_UNITS:
            own = {(name, unit)}
            alone = Trial(Held(others, frozenset((name,)), units - own), bare)
            without = Trial(Held(units=frozenset(own)), request)
            nothing = Trial(Held(others, frozenset((name,)), units), bare)
            found.append(Lift("%s of %s" % (unit, name), "unit", without, alone, nothing))
    anything = Held(everywhere=frozenset(classes))
    required = {one_of for group in request.groups for one_of in group.required}
    required |= {frozenset((trait,)) for trait in request.root_required}
    for one_of in sorted(required, key=sorted):
        less = reduced(request, required - {one_of}, ALL, True, True)
        alone = Trial(anything, reduced(request, {one_of}))
        found.append(Lift("trait " + " or ".join(sorted(one_of)), "trait", Trial(Held(), less), alone))
    forbidden = request.root_forbidden.union(*(group.forbidden for group in request.groups))
    for trait in sorted(forbidden):
        less = reduced(request, ALL, forbidden - {trait}, True, True)
        alone = Trial(anything, reduced(request, (), {trait}))
        found.append(Lift("trait !" + trait, "trait", Trial(Held(), less), alone))
    if any(group.member_of or group.not_member_of for group in request.groups):
        less = reduced(request, ALL, ALL, False, True)
        found.append(
            Lift("aggregates", "aggregate", Trial(Held(), less), Trial(anything, reduced(request, aggregates=True)))
        )
    if request.isolate or request.same_subtree or any(group.in_tree for group in request.groups):
        asking = dataclasses.replace(request, groups=tuple(group for group in request.groups if group.resources))
        less = reduced(asking, ALL, ALL, True, False)
        alone = Trial(Held(amounts=frozenset(classes), units=units), reduced(request, rules=True))
        found.append(Lift("group rules", "tree", Trial(Held(), less), alone))
    return found


class _All:
    """A set of everything."""

    def __contains__(self, _each: object) -> bool:
        return True


ALL = _All()


def reduced(
    request: Request,
    required: t.Container[frozenset[str]] = (),
    forbidden: t.Container[str] = (),
    aggregates: bool = False,
    rules: bool = False,
) -> Request:
    """What is asked, with no other traits, aggregates and group rules than these."""
    groups: list[RequestGroup] = []
    for group in request.groups:
        less = dataclasses.replace(
            group,
            required=tuple(one_of for one_of in group.required if one_of in required),
            forbidden=frozenset(trait for trait in group.forbidden if trait in forbidden),
        )
        if not aggregates:
            less = dataclasses.replace(less, member_of=(), not_member_of=NOTHING)
        if not rules:
            less = dataclasses.replace(less, in_tree=None)
        if less.resources or less.required or less.member_of:  # Placement takes no group that asks for nothing
            groups.append(less)
    there = {group.suffix for group in groups}
    # without resources a group has to be in one; where every provider has everything, that is no rule
    idle = {group.suffix for group in groups if not group.resources}
    subtrees = (frozenset(suffixes & there) for suffixes in request.same_subtree if rules or suffixes & idle)
    return Request(
        tuple(groups),
        request.isolate and rules,
        tuple(suffixes for suffixes in subtrees if suffixes),
        frozenset(trait for trait in request.root_required if frozenset((trait,)) in required),
        frozenset(trait for trait in request.root_forbidden if trait in forbidden),
    )
