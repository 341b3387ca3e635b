# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traits of resource providers as they are wanted: which change, and who else has a say in them."""

from __future__ import annotations

import collections
import dataclasses
import re
import typing as t

from .errors import NotFoundError
from .parallel import despite_conflicts
from .placement import Placement
from .selection import ProblemsError, Target, known_traits, unknown_traits, with_traits

CUSTOM = "CUSTOM_"
#: how many calls there are at a time
WORKERS = 8
# What nova-compute reports of itself and of its processor, and takes back where it is not so (resource_tracker.py,
# _get_traits; libvirt/driver.py, static_traits).
OWNED = ("COMPUTE_", "HW_CPU_", "OWNER_")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the operator wrote: ``state`` is present, absent or exact."""

    traits: frozenset[str]
    state: str

    def change(self, held: t.Collection[str]) -> tuple[set[str], set[str]]:
        """What of these traits is to come and to go. Only traits of our own (CUSTOM_) go without being named."""
        if self.state == "absent":
            return set(), set(self.traits & set(held))
        extra = {trait for trait in held if trait.startswith(CUSTOM)} - self.traits
        return set(self.traits - set(held)), extra if self.state == "exact" else set()


@dataclasses.dataclass(frozen=True)
class Change:
    """What changes of one provider."""

    target: Target
    added: frozenset[str]
    removed: frozenset[str]


def problems(names: t.Iterable[str]) -> list[str]:
    """What is wrong with the names of traits."""
    found = []
    for name in names:
        if name == CUSTOM:
            found.append("A trait of your own has a name after CUSTOM_.")
        elif not re.fullmatch("[A-Z0-9_]{1,255}", name):
            right = re.sub("[^A-Z0-9_]", "_", name.upper())
            text = "'%s' cannot be a trait: capital letters, digits and _ are allowed (%s)."
            found.append(text % (name, right))
    return found


class Traits:
    """The traits that Placement knows, and who has them.

    :raises ProblemsError: standard traits that Placement does not know
    """

    def __init__(self, placement: Placement, wanted: Wanted) -> None:
        self.placement = placement
        self.wanted = wanted
        self.known = set(known_traits(placement, "in:" + ",".join(sorted(wanted.traits)))) if wanted.traits else set()
        unknown = unknown_traits(
            placement, (name for name in wanted.traits - self.known if not name.startswith(CUSTOM))
        )
        if unknown:
            raise ProblemsError([text + " A trait of your own begins with CUSTOM_." for text in unknown])

    @property
    def missing(self) -> list[str]:
        """Traits of our own that have to be made first."""
        return [] if self.wanted.state == "absent" else sorted(self.wanted.traits - self.known)

    def changes(self, targets: t.Sequence[Target]) -> list[Change]:
        """What has to change. Takes a call for each trait in question, or for each provider where these are fewer."""
        held = self._held(targets)
        found = []
        for target in targets:
            added, removed = self.wanted.change(held[target.uuid])
            if added or removed:
                found.append(Change(target, frozenset(added), frozenset(removed)))
        return found

    def _held(self, targets: t.Sequence[Target]) -> dict[str, set[str]]:
        """UUID -> those of its traits that matter."""
        each = self.placement.cloud.each
        names = set(self.known)
        if self.wanted.state == "exact" and targets:
            names.update(known_traits(self.placement, "startswith:" + CUSTOM, associated="true"))
        if len(names) > len(targets):
            pages = each(lambda target: read(self.placement, target)[1], targets, WORKERS)
            return {target.uuid: set(page) for target, page in zip(targets, pages, strict=True)}
        held: dict[str, set[str]] = collections.defaultdict(set)
        ordered = sorted(names) if targets else []
        for name, holders in zip(
            ordered, each(lambda name: with_traits(self.placement, [name]), ordered, WORKERS), strict=True
        ):
            for uuid in holders:
                held[uuid].add(name)
        return held

    def unused(self, changes: t.Sequence[Change]) -> list[str]:
        """Traits of our own that no provider has after these changes: those that are absent by name or taken away."""
        names = {name for each in changes for name in each.removed}
        names |= self.known if self.wanted.state == "absent" else set()
        found = []
        for name in sorted(names):
            losing = {each.target.uuid for each in changes if name in each.removed}
            if name.startswith(CUSTOM) and with_traits(self.placement, [name]) <= losing:
                found.append(name)
        return found


def warnings(changes: t.Iterable[Change]) -> list[str]:
    """What nova-compute will undo, in a sentence for each trait."""
    concerned: dict[str, list[str]] = {}
    for each in changes:
        for name in each.added | each.removed:
            if name.startswith(OWNED) and each.target.compute_node is not None:
                concerned.setdefault(name, []).append(each.target.name)
    text = (
        "nova-compute decides itself about %s of its compute nodes, and may undo this at its next update on %d resource"
        " provider(s), such as %s."
    )
    return [text % (name, len(providers), providers[0]) for name, providers in sorted(concerned.items())]


# ---- carrying it out


def make(placement: Placement, name: str) -> None:
    """Make a trait of our own, if it is not there."""
    placement.request("PUT", "/traits/" + name)


def remove(placement: Placement, name: str) -> None:
    """Delete a trait of our own, if it is there.

    :raises ConflictError: somebody has begun to use it
    """
    try:
        placement.delete("/traits/" + name)
    except NotFoundError:
        pass


def apply(placement: Placement, target: Target, wanted: Wanted) -> None:
    """Make the provider as it is wanted; after a conflict from what there is then.

    :raises ProblemsError: the provider has gone meanwhile
    :raises CloudError: see Service
    """

    def attempt() -> None:
        generation, held = read(placement, target)
        added, removed = wanted.change(held)
        if added or removed:
            traits = sorted((set(held) | added) - removed)
            body = {"resource_provider_generation": generation, "traits": traits}
            placement.put("/resource_providers/%s/traits" % target.uuid, body)

    despite_conflicts(attempt)


def read(placement: Placement, target: Target) -> tuple[int, list[str]]:
    """Generation and traits.

    :raises ProblemsError: the provider is gone
    """
    try:
        body = placement.get("/resource_providers/%s/traits" % target.uuid)
    except NotFoundError as error:
        raise ProblemsError(["The resource provider %s has been deleted meanwhile." % target.name]) from error
    return body["resource_provider_generation"], body["traits"]
