# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The steps from one picture to another, in an order that Nova accepts.

New aggregates come first, with their zone in the same request; then metadata, so that no host is ever in an aggregate
that does not say yet whom it is for; then zones of aggregates that there are, for which hosts that would be in two
zones leave first; then the hosts, each with all its steps back to back; then Placement, images, and deletions.
"""

from __future__ import annotations

import collections.abc as c
import hashlib
import typing as t

from .assign import Assignment
from .model import IMAGES_KEY, Step
from .view import View

_LONGEST_VALUE = 255  # of metadata


class Steps:
    """The steps that make the members of the managed aggregates what they are to be.

    :ivar problems: hosts that a failure between two steps could lose
    """

    def __init__(self, view: View, assignment: Assignment) -> None:
        self.view = view
        self.members = assignment.members
        self.problems: list[str] = []
        self._chosen = assignment.chosen
        self.steps: list[Step] = []
        self._now = {name: set(view.members.get(name, ())) for name in sorted(view.managed)}
        self._zones = {name: each.zone for name, each in view.there.items() if each.zone}
        self._stage = 0
        self._images = [name for name in sorted(view.declared) if self._sends_images(name)]
        self._create()
        self._change_zones()
        self._begin_stage()
        moving = {host for name, hosts in self._now.items() for host in hosts ^ self.members[name]}
        for host in sorted(moving):
            self._move(host)
        self._begin_stage()
        self._mirror()
        self._begin_stage()
        self._cache_images()
        self._begin_stage()
        self._delete()

    def _begin_stage(self) -> None:
        if self.steps and self.steps[-1].stage == self._stage:
            self._stage += 1

    def _add(
        self,
        kind: str,
        aggregate: str,
        host: str = "",
        before: c.Mapping[str, t.Any] | None = None,
        after: c.Mapping[str, t.Any] | None = None,
    ) -> None:
        self.steps.append(Step(kind, self._stage, aggregate, host, before, after))

    # -- aggregates

    def _create(self) -> None:
        view = self.view
        for name in sorted(view.declared):
            there = view.there.get(name)
            if there is None:
                zone = view.zones.get(name)
                self._add("create", name, after={"zone": zone})
                if zone:
                    self._zones[name] = zone
            before = dict(there.metadata) if there is not None else {}
            after = view.metadata(name)
            if name in self._images:
                after.pop(IMAGES_KEY, None)  # until Nova was told again
            self._set_metadata(name, before, after)

    def _set_metadata(self, name: str, before: c.Mapping[str, str], after: c.Mapping[str, str]) -> None:
        keys = sorted(key for key in before.keys() | after.keys() if before.get(key) != after.get(key))
        if keys:
            self._add(
                "metadata",
                name,
                before={key: before.get(key) for key in keys},
                after={key: after.get(key) for key in keys},
            )

    def _change_zones(self) -> None:
        view = self.view
        changing = [name for name in sorted(view.declared) if self._zones.get(name) != view.zones.get(name)]
        while changing:
            name = changing.pop(0)
            zone = view.zones[name]
            self._begin_stage()
            for host in sorted(self._now[name] - self.members[name]):
                self._move(host, waiting=[name, *changing])
            for host in sorted(self._now[name]):
                for other in self._in_other_zone(host, name, zone):
                    self._leave_for_zone(host, other, name)
                if self._has_servers(host):
                    self._leave_for_zone(host, name, name)
            self._begin_stage()
            self._add("zone", name, before={"zone": self._zones.get(name)}, after={"zone": zone})
            self._zones[name] = zone

    def _leave_for_zone(self, host: str, name: str, changing: str) -> None:
        """Take a host out until another aggregate has its zone. A second run puts it back only if it is declared."""
        self._remove(host, name)
        declared = self.view.selected.get(name, frozenset()) | self._chosen.get(name, frozenset())
        if host in self.members[name] - declared:
            self.problems.append(
                "Host %s has to leave aggregate %s while aggregate %s gets its zone, and the declaration does not have "
                "it there: declare it, or take it out first." % (host, name, changing)
            )

    def _has_servers(self, host: str) -> bool:
        """Nova gives no zone to an aggregate with servers on its hosts, though they be in that zone already."""
        there = self.view.observed.hosts.get(host)
        return there is not None and bool(there.servers)

    def _in_other_zone(self, host: str, name: str, zone: str) -> list[str]:
        """Other managed aggregates that a host is in now, with another zone than this."""
        return [
            other
            for other in self._now
            if other != name and host in self._now[other] and self._zones.get(other, zone) != zone
        ]

    def _delete(self) -> None:
        for name in sorted(self.view.purged):
            there = self.view.there[name]
            self._add("delete", name, before={"zone": there.zone, "metadata": dict(sorted(there.metadata.items()))})

    # -- hosts

    def _move(self, host: str, waiting: c.Collection[str] = ()) -> None:
        """All steps of a host, without those into aggregates that are still to get another zone.

        A host that keeps its zone enters before it leaves, since Nova does not let go of a host with servers that
        would be without a zone in between; all others leave before they enter.
        """
        leave, enter = [], []
        for name, hosts in self._now.items():
            if host in hosts:
                if host not in self.members[name]:
                    leave.append(name)
            elif host in self.members[name] and name not in waiting:
                enter.append(name)
        zones_left = {self._zones[name] for name in leave if name in self._zones}
        same_zone = [name for name in enter if self._zones.get(name) in zones_left]
        for name in same_zone:
            self._enter(host, name)
        for name in sorted(leave, key=lambda name: name in self._zones):
            self._remove(host, name)
        for name in sorted(set(enter).difference(same_zone), key=lambda name: (name not in self._zones, name)):
            self._enter(host, name)

    def _enter(self, host: str, name: str) -> None:
        self._now[name].add(host)
        self._add("add_host", name, host)

    def _remove(self, host: str, name: str) -> None:
        self._now[name].discard(host)
        self._add("remove_host", name, host)

    def _mirror(self) -> None:
        """Nova puts hosts that it moves into the aggregate in Placement; those that stay may have been forgotten."""
        mirror = self.view.observed.mirror
        if mirror is None:
            return
        for name in sorted(self.view.declared):
            there = self.view.there.get(name)
            if there is None:
                continue
            mirrored = mirror.get(there.uuid, frozenset())
            settled = self.view.scope - (self.view.members[name] ^ self.members[name])
            for host in sorted(settled & (self.members[name] - mirrored)):
                self._add("mirror_add", name, host)
            for host in sorted(settled & (mirrored - self.members[name])):
                self._add("mirror_remove", name, host)

    # -- images

    def _sends_images(self, name: str) -> bool:
        """Whether Nova has to be told to cache images: others than the last time, or on hosts that were not there."""
        images = self.view.declared[name].images
        if not images:
            return False
        there = self.view.there.get(name)
        before = there.metadata.get(IMAGES_KEY) if there is not None else None
        return before != remembered(images) or bool(self.members[name] - self.view.members[name])

    def _cache_images(self) -> None:
        for name in self._images:
            images = self.view.declared[name].images or ()
            self._add("images", name, after={"images": sorted(images)})
            self._set_metadata(name, {}, {IMAGES_KEY: remembered(images)})


def remembered(images: c.Iterable[str]) -> str:
    """The images as they are remembered in metadata; by their digest where a value cannot hold or divide them."""
    names = sorted(images)
    joined = ",".join(names)
    if len(joined) <= _LONGEST_VALUE and joined.count(",") < len(names):
        return joined
    return "sha256:%s" % hashlib.sha256(joined.encode()).hexdigest()
