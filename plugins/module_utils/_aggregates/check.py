# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Everything that is wrong with a picture, before anything is sent: what Nova would refuse, and what would hurt.

Nova's rules are those of nova/compute/api.py, class AggregateAPI (2026.1): ``is_safe_to_update_az``,
``ensure_no_instances_need_to_move_az_when_host_added`` and ``..._removed``.
"""

from __future__ import annotations

import collections
import collections.abc as c

from .._capacity.errors import CapacityError
from .assign import Assignment, shown
from .room import isolates, pictured, room, shortage
from .view import View


class Check:
    """The problems of an assignment.

    :ivar uncounted: hosts whose servers have to be counted before it is known whether there is a problem
    :ivar wants_servers: whether it is not known without a snapshot with servers
    """

    def __init__(self, view: View, assignment: Assignment) -> None:
        self.view = view
        self.members = assignment.members
        self.assignment = assignment
        self.problems: list[str] = []
        self.uncounted: set[str] = set()
        self.wants_servers = False
        self._aggregates_of = self._memberships()
        self._zones()
        self._apart()
        self._requirements()
        if assignment.problems:
            return  # hosts are missing where goals are not met, and whatever else is said would follow from that
        self._moves_between_zones()
        self._exactly_one_of()
        self._isolated()
        if not self.problems:
            self._room()

    def _memberships(self) -> dict[str, list[str]]:
        """The aggregates of each host as they will be."""
        found: dict[str, list[str]] = collections.defaultdict(list)
        for name in sorted({*self.view.there, *self.view.declared}):
            for host in self.members.get(name, self.view.members[name]):
                found[host].append(name)
        return found

    def _zones(self) -> None:
        """A host is in one zone at most, and Nova does not take a zone off an aggregate."""
        zones = self.view.zones
        touched = {
            host for name in self.members for host in self.members[name] | self.view.members.get(name, frozenset())
        }
        for host in sorted(touched):
            mine = {zones[name]: name for name in reversed(self._aggregates_of.get(host, [])) if name in zones}
            if len(mine) > 1:
                places = " and ".join("%s (aggregate %s)" % pair for pair in sorted(mine.items()))
                self.problems.append("Host %s would be in the zones %s: a host is in one at most." % (host, places))
        for name in sorted(self.view.declared):
            before, after = self.view.zone_now(name), zones.get(name)
            if before and not after:
                self.problems.append(
                    "Aggregate %s has the zone %s, and Nova does not take a zone off an aggregate: leave the zone as "
                    "it is, or delete the aggregate first." % (name, before)
                )
            elif name in self.view.there and before != after:
                self.uncounted.update(host for host in self.members[name] if self._servers(host) is None)
                outside = self.view.members[name] - self.view.scope
                if outside:
                    self.problems.append(
                        "Aggregate %s is to be in zone %s, which would move hosts that are out of scope: %s."
                        % (name, after, shown(outside))
                    )

    def _zone_of(self, names: c.Iterable[str], zones: c.Mapping[str, str]) -> str | None:
        return next((zones[name] for name in names if name in zones), None)

    def _moves_between_zones(self) -> None:
        """No host with servers moves to another zone. The message has the hosts together that move alike."""
        view = self.view
        zones_now = {name: each.zone for name, each in view.there.items() if each.zone}
        moving: dict[tuple[str, str], list[str]] = collections.defaultdict(list)
        moves_by_choice = False
        for host in sorted({*view.aggregates_of, *self._aggregates_of}):
            before = self._zone_of(view.aggregates_of.get(host, []), zones_now)
            after = self._zone_of(self._aggregates_of.get(host, []), view.zones)
            there = view.observed.hosts.get(host)
            if before == after or there is None:
                continue
            if there.servers is None:
                self.uncounted.add(host)
                moves_by_choice |= any(host in hosts for hosts in self.assignment.chosen.values())
            elif there.servers:
                moving[before or "(none)", after or "(none)"].append("%s (%d)" % (host, there.servers))
        if moves_by_choice:
            self._count_all_choices()
        for (before, after), hosts in sorted(moving.items()):
            self.problems.append(
                "Hosts with servers would move from zone %s to zone %s, which Nova refuses. Move the servers away "
                "first, whose number is in brackets: %s." % (before, after, shown(hosts))
            )

    def _count_all_choices(self) -> None:
        """Where the solver chooses hosts for zones, it has to know which of them have servers."""
        view = self.view
        for name, hosts in self.assignment.chosen.items():
            if name in view.zones:
                self.uncounted.update(host for host in hosts & view.scope if view.observed.hosts[host].servers is None)

    def _apart(self) -> None:
        for name in sorted(self.view.declared):
            for other in sorted(self.view.declared[name].apart_from):
                if other in self.view.purged:
                    continue
                mine = self.members[name]
                common = mine & self.members.get(other, self.view.members.get(other, frozenset()))
                if common & self.view.scope:
                    self.problems.append(
                        "Aggregates %s and %s are to have no host in common, and the declaration leaves both: %s."
                        % (name, other, shown(common & self.view.scope))
                    )

    def _exactly_one_of(self) -> None:
        for number, group in enumerate(self.view.declaration.exactly_one_of):
            counts: collections.Counter[str] = collections.Counter()
            for name in group.aggregates:
                counts.update(self.members[name])
            hosts = self.view.hosts_of(group.rule) & self.view.scope
            wrong = [host for host in hosts if counts[host] != 1]
            if wrong:
                self.problems.append(
                    "Hosts are to be in exactly one of %s (exactly_one_of[%d]), and are not: %s."
                    % (
                        ", ".join(group.aggregates),
                        number,
                        shown("%s (in %d)" % (host, counts[host]) for host in wrong),
                    )
                )

    def _requirements(self) -> None:
        """Every member has the traits and the resources."""
        for name, each in sorted(self.view.declared.items()):
            if not each.traits and not each.resources:
                continue
            lacking: dict[str, list[str]] = collections.defaultdict(list)
            for host in self.members[name] & self.view.scope & self.view.observed.hosts.keys():
                if missing := self.view.lacks(each, host):
                    lacking[", ".join(missing)].append(host)
            for words, hosts in sorted(lacking.items()):
                self.problems.append("Hosts of aggregate %s do not have %s: %s." % (name, words, shown(hosts)))

    def _isolated(self) -> None:
        """An isolated aggregate keeps room for the servers on the hosts that leave it, as they can go nowhere else."""
        for name in sorted(self.members):
            there = self.view.there.get(name)
            metadata = self.view.metadata(name) if name in self.view.declared else None
            if there is None or not isolates(there.metadata) or not (metadata is None or isolates(metadata)):
                continue
            leaving = self.view.members[name] - self.members[name]
            counts = {host: self._servers(host) for host in leaving}
            self.uncounted.update(host for host, count in counts.items() if count is None)
            with_servers = {host: count for host, count in counts.items() if count}
            if with_servers and self.members[name]:
                self._keeps_room(name, with_servers)
            elif with_servers:
                self.problems.append(
                    "Aggregate %s is isolated, and would be left without hosts while there are %d servers on those "
                    "that leave: %s. Move the servers away first, or take off the metadata that isolates it."
                    % (name, sum(with_servers.values()), shown(with_servers))
                )

    def _keeps_room(self, name: str, leaving: c.Mapping[str, int]) -> None:
        """What is left of an isolated aggregate has room for its servers on the hosts that leave."""
        taken = self.view.observed.snapshot
        if taken is None or "servers" not in taken.parts:
            self.wants_servers = True
            return
        aggregates = self.view.picture(self.members)
        (own,) = [each for each in aggregates if each.name == name]
        hosts = shown("%s (%d)" % pair for pair in leaving.items())
        try:
            lacking = shortage(pictured(taken, aggregates), own, leaving.keys())
        except CapacityError as error:
            lacking = str(error).rstrip(".")
        if lacking:
            self.problems.append(
                "Aggregate %s is isolated, and what is left of it has no room for its servers on the hosts that leave, "
                "whose number is in brackets: %s. %s." % (name, hosts, lacking)
            )

    def _servers(self, host: str) -> int | None:
        there = self.view.observed.hosts.get(host)
        return 0 if there is None else there.servers

    def _room(self) -> None:
        """The goals of room, in the whole picture: there a host may be in other aggregates with rules of their own."""
        view = self.view
        wanted = [
            (name, each.goal.room_for)
            for name, each in sorted(view.declared.items())
            if each.goal is not None and each.goal.room_for is not None
        ]
        if not wanted or view.observed.snapshot is None:
            return
        aggregates = view.picture(self.members)
        snapshot = pictured(view.observed.snapshot, aggregates)
        by_name = {each.name: each for each in aggregates}
        for name, room_for in wanted:
            try:
                rooms = sorted(room(snapshot, by_name[name], room_for.flavor).values(), reverse=True)
            except CapacityError as error:
                self.problems.append("Aggregate %s, goal room_for: %s." % (name, str(error).rstrip(".")))
                continue
            found = sum(rooms[room_for.failures :])
            if found < room_for.count:
                self.problems.append(
                    "Aggregate %s would have room for %d %s with %d hosts down, and not for %d, as its hosts are in "
                    "other aggregates too." % (name, found, room_for.flavor, room_for.failures, room_for.count)
                )
