# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What may limit how often a request fits, each as the request without it, and as the request with nothing else."""

from __future__ import annotations

import typing as t
from dataclasses import dataclass, replace

from .groups import NOTHING, Request
from .inventory import wrong_units
from .plans import EVERYTHING, Shape, Waived

UNITS = ("min_unit", "max_unit", "step_size")


@dataclass(frozen=True, slots=True)
class Suspect:
    """Something that may be the limit.

    :param limit: its name, and ``kind`` as in :class:`trees.Limit`
    :param without: the request without it, where also ``waived`` is not looked at
    :param alone: the request with nothing else, where also ``others`` is not looked at
    """

    limit: str
    kind: str
    without: Request
    waived: Waived
    alone: Request
    others: Waived


def suspects(request: Request, shape: Shape) -> t.Iterator[Suspect]:
    """All that may limit a request in trees of this shape."""
    resources = [entry for group in request.groups for entry in group.resources]
    classes = sorted({name for name, _amount in resources})
    units = frozenset((name, unit) for name in classes for unit in UNITS)
    bare = _only(request)
    for name in classes:
        others = _waive(other for other in classes if other != name) | units
        yield Suspect(name, "resource", request, _waive([name]), bare, others)
    offended = {
        (name, unit)
        for name, amount in resources
        for node in shape
        if name in node.units
        for unit in wrong_units(node.units[name], amount)
    }
    offended |= {(name, "max_unit") for name in classes if _exceeds_together(request, shape, name)}
    for name, unit in sorted(offended):
        others = _waive(other for other in classes if other != name) | units - {(name, unit)}
        yield Suspect("%s of %s" % (unit, name), "unit", request, frozenset([(name, unit)]), bare, others)
    anything = _waive(classes)
    wanted = {one_of for group in request.groups for one_of in group.required}
    wanted |= {frozenset((trait,)) for trait in request.root_required}
    for one_of in sorted(wanted, key=sorted):
        without = _only(request, wanted - {one_of}, None, True, True)
        name = "trait " + " or ".join(sorted(one_of))
        yield Suspect(name, "trait", without, frozenset(), _only(request, {one_of}), anything)
    unwanted = request.root_forbidden.union(*(group.forbidden for group in request.groups))
    for trait in sorted(unwanted):
        without = _only(request, None, unwanted - {trait}, True, True)
        yield Suspect("trait !" + trait, "trait", without, frozenset(), _only(request, (), {trait}), anything)
    if any(group.member_of or group.not_member_of for group in request.groups):
        without = _only(request, None, None, False, True)
        yield Suspect("aggregates", "aggregate", without, frozenset(), _only(request, aggregates=True), anything)
    if request.isolate or request.same_subtree or any(group.in_tree for group in request.groups):
        without = _only(request, None, None, True, False)
        without = replace(without, groups=tuple(group for group in without.groups if group.resources))
        yield Suspect("group rules", "tree", without, frozenset(), _only(request, rules=True), units)


def _exceeds_together(request: Request, shape: Shape, name: str) -> bool:
    """Whether what several groups ask of a class is too much for the max_unit of one provider."""
    wanted = [amount for group in request.groups for other, amount in group.resources if other == name]
    if len(wanted) < 2:
        return False
    units = [node.units[name].max_unit for node in shape if name in node.units]
    return any(limit is not None and sum(wanted) > limit for limit in units)


def _waive(classes: t.Iterable[str]) -> Waived:
    return frozenset((name, EVERYTHING) for name in classes)


def _only(
    request: Request,
    required: t.Collection[frozenset[str]] | None = (),
    forbidden: t.Collection[str] | None = (),
    aggregates: bool = False,
    rules: bool = False,
) -> Request:
    """A request with these of its required (sets of) traits and forbidden traits (None for all), and with its
    aggregates and group rules or without them. Groups that ask for nothing are left out.
    """
    groups = []
    for group in request.groups:
        group = replace(
            group,
            required=tuple(one_of for one_of in group.required if required is None or one_of in required),
            forbidden=frozenset(trait for trait in group.forbidden if forbidden is None or trait in forbidden),
            member_of=group.member_of if aggregates else (),
            not_member_of=group.not_member_of if aggregates else NOTHING,
            in_tree=group.in_tree if rules else None,
        )
        if group.resources or group.required or group.member_of:
            groups.append(group)
    return Request(
        groups=tuple(groups),
        isolate=request.isolate and rules,
        same_subtree=request.same_subtree if rules else (),
        root_required=frozenset(
            trait for trait in request.root_required if required is None or frozenset((trait,)) in required
        ),
        root_forbidden=frozenset(trait for trait in request.root_forbidden if forbidden is None or trait in forbidden),
    )
