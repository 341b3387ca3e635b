# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: steps in an order that Nova accepts, and everything that is wrong, before the first of them."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .assign import Assignment
from .check import Check
from .model import IMAGES_KEY, OWNER, Declaration, Facts, Kept, Observed, Plan, Step
from .solve import WORK
from .steps import Steps, remembered
from .view import View


def plan(
    declaration: Declaration,
    observed: Observed,
    facts: Facts | None,
    scope: c.Iterable[str] | None = None,
    purge: bool = False,
    owner: str = OWNER,
    work: int = WORK,
) -> Plan:
    """What makes the cloud as declared.

    :param scope: hosts that may be moved; None for all that the facts name, or without facts all of the cloud
    :param purge: whether aggregates that carry the mark of the owner and are not declared are deleted
    :param owner: what aggregates that are created are marked with
    :param work: bound of the search for fewer moves, see solve.py
    """
    view = View(declaration, observed, facts, scope, purge, owner)
    assignment = Assignment(view, work)
    check = Check(view, assignment)
    problems = {*view.problems, *assignment.problems, *check.problems}
    steps: tuple[Step, ...] = ()
    if not problems and not check.uncounted and not check.wants_servers:
        made = Steps(view, assignment)
        problems.update(made.problems)
        steps = () if problems else tuple(made.steps)
    before, after = _pictures(view, assignment.members, steps)
    whole = [Kept(name, "", "it is ours, but hosts are in it that are out of scope") for name in view.kept_whole]
    return Plan(
        steps=steps,
        problems=tuple(sorted(problems)),
        kept=(*whole, *assignment.kept),
        waiting=dict(sorted(assignment.waiting.items())),
        count_servers=tuple(sorted(check.uncounted)),
        wants_servers=check.wants_servers,
        memberships={name: tuple(sorted(assignment.members[name])) for name in sorted(view.declared)},
        proven=assignment.proven,
        before=before,
        after=after,
    )


def _pictures(
    view: View, members: c.Mapping[str, frozenset[str]], steps: c.Collection[Step]
) -> tuple[dict[str, t.Any], dict[str, t.Any]]:
    """The aggregates that the steps change, as they are and as they will be."""
    before: dict[str, t.Any] = {}
    after: dict[str, t.Any] = {}
    mirrored = {step.aggregate for step in steps if step.kind in ("mirror_add", "mirror_remove")}
    for name in sorted({step.aggregate for step in steps}):
        there = view.there.get(name)
        if there is not None:
            before[name] = _picture(there.zone, there.metadata, there.hosts)
        if name in view.declared:
            metadata = view.metadata(name)
            if images := view.declared[name].images:
                metadata[IMAGES_KEY] = remembered(images)
            after[name] = _picture(view.zones.get(name), metadata, members[name])
        if there is not None and name in mirrored:
            hosts = (view.observed.mirror or {}).get(there.uuid, ())
            before[name]["hosts_in_placement"] = sorted(hosts)
            after[name]["hosts_in_placement"] = sorted((members[name] & view.scope) | (set(hosts) - view.scope))
    return before, after


def _picture(zone: str | None, metadata: c.Mapping[str, str], hosts: c.Iterable[str]) -> dict[str, t.Any]:
    return {"zone": zone, "metadata": dict(sorted(metadata.items())), "hosts": sorted(hosts)}
