# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which hosts each aggregate gets: what is listed or follows from a rule, then the goals, then those that may stay."""

from __future__ import annotations

import collections
import collections.abc as c
import typing as t

from .._capacity.errors import CapacityError
from .model import DeclaredAggregate, ExactlyOneOf, Goal, Kept
from .room import pictured, room
from .rules import NO_FACTS, variable
from .solve import WORK, Constraint, OneOf, Option, Seat, Task, solve
from .view import View


def shown(names: c.Iterable[str], most: int = 10) -> str:
    """Names for a message, the first of them if there are many."""
    names = sorted(names)
    more = ["and %d more" % (len(names) - most)] if len(names) > most else []
    return ", ".join(names[:most] + more)


class Assignment:
    """The hosts of the managed aggregates as they will be.

    :ivar members: by aggregate
    :ivar chosen: for each aggregate whose hosts the solver chose among, those that it chose among
    :ivar waiting: by aggregate, hosts that are declared there and out of scope
    """

    def __init__(self, view: View, work: int = WORK) -> None:
        self.view = view
        self.problems: list[str] = []
        self.kept: list[Kept] = []
        self.proven = True
        self._firm = self._firm_memberships()
        self._firm_zones = self._zones_of(self._firm)
        self._zones_now = {
            host: zone
            for host, names in view.aggregates_of.items()
            for name in names
            if (zone := view.zone_now(name)) is not None
        }
        self.waiting = {
            name: tuple(sorted(hosts - view.scope - view.members[name]))
            for name, hosts in view.selected.items()
            if hosts - view.scope - view.members[name]
        }
        self._demands = [self._demand(number, each) for number, each in enumerate(view.declaration.exactly_one_of)]
        self._values_by_variable: dict[str, dict[str, str]] = {}
        self._seats = self._all_seats()
        self.chosen = {name: frozenset(seat.options) for name, seat in self._seats.items()}
        self._solved: dict[str, frozenset[str]] = {}
        if not self.problems:
            self._solve(work)
        self.members = self._members()

    # -- what does not have to be decided

    def _firm_memberships(self) -> dict[str, set[str]]:
        """By host, the aggregates that it is in whatever the goals: listed ones, and those that are not ours."""
        view = self.view
        firm: dict[str, set[str]] = collections.defaultdict(set)
        for host, names in view.aggregates_of.items():
            for name in names:
                if host not in view.scope or (name not in view.declared and name not in view.purged):
                    firm[host].add(name)
        for name, hosts in view.selected.items():
            for host in hosts & view.scope:
                firm[host].add(name)
        return firm

    def _zones_of(self, memberships: c.Mapping[str, c.Iterable[str]]) -> dict[str, set[str]]:
        zones = self.view.zones
        return {host: {zones[name] for name in names if name in zones} for host, names in memberships.items()}

    def _servers(self, host: str) -> int:
        return self.view.observed.hosts[host].servers or 0

    # -- seats

    def _all_seats(self) -> dict[str, Seat]:
        """The aggregates whose hosts have to be chosen."""
        view = self.view
        seats: dict[str, Seat] = {}
        free: dict[str, set[str]] = collections.defaultdict(set)
        for group, hosts in self._demands:
            for name in group.aggregates:
                if not view.declared[name].selects:
                    free[name] |= hosts
                elif view.declared[name].goal is None and not view.declared[name].remove_extra_hosts:
                    free[name] |= (hosts & view.members[name]) - view.selected[name]
        for name, each in view.declared.items():
            if each.goal is not None:
                seats[name] = self._seat(each, view.hosts_of(each.rule), each.goal)
            elif free.get(name):
                seats[name] = self._seat(each, frozenset(free[name]), Goal())
        return seats

    def _seat(self, each: DeclaredAggregate, pool: frozenset[str], goal: Goal) -> Seat:
        barred = self._barred_by_demands(each.name)
        decide = self._decider(each)
        options = {host: option for host in pool - barred if (option := decide(host)) is not None}
        for host in sorted(pool & barred & self.view.members[each.name] & self.view.scope):
            options[host] = Option(True, may_be_in=False)
        return Seat(
            each.name,
            options,
            goal,
            len(pool),
            {name: self._values(each, name, options.keys()) for name in _variables(goal)},
            self._room(each, goal, options),
        )

    def _decider(self, each: DeclaredAggregate) -> c.Callable[[str], Option | None]:
        """What a host of the pool may do about an aggregate; None if it is out and stays out."""
        view, name = self.view, each.name
        members, scope = view.members[name], view.scope
        if name in view.zones or view.apart.get(name) or each.traits or each.resources:
            return lambda host: self._option(each, host)
        # Nothing else depends on the host, of which there may be ten thousand for each of a hundred aggregates.
        inside, outside, fixed = Option(True), Option(False), Option(True, may_be_out=False)

        def decide(host: str) -> Option | None:
            if host in scope:
                return inside if host in members else outside
            return fixed if host in members else None

        return decide

    def _option(self, each: DeclaredAggregate, host: str) -> Option | None:
        view = self.view
        inside = host in view.members[each.name]
        if host not in view.scope:
            return Option(True, may_be_out=False) if inside else None
        may_be_in = self._may_be_in(each, host)
        if not inside:
            return Option(False, drops=self._drops(each.name, host)) if may_be_in else None
        pinned = self._is_pinned(each.name, host)
        if pinned and not may_be_in:
            self.problems.append(
                "Host %s has to leave aggregate %s, and with it the zone %s: it has %d servers, which have to be moved "
                "away first." % (host, each.name, view.zones[each.name], self._servers(host))
            )
        return Option(True, may_be_in, not pinned, self._drops(each.name, host))

    def _may_be_in(self, each: DeclaredAggregate, host: str) -> bool:
        view = self.view
        zone = view.zones.get(each.name)
        if zone and self._servers(host) and self._zones_now.get(host) != zone:
            return False
        if (each.traits or each.resources) and view.lacks(each, host):
            return False
        return not any(view.excludes(each.name, other) for other in self._firm.get(host, ()) if other != each.name)

    def _is_pinned(self, name: str, host: str) -> bool:
        """Whether a host has servers and would lose the zone that the aggregate gives it."""
        zone = self.view.zones.get(name)
        if not zone or zone != self.view.zone_now(name) or not self._servers(host):
            return False
        return zone not in self._firm_zones.get(host, ())

    def _drops(self, name: str, host: str) -> int:
        """How many memberships that are not declared end when the host is in the aggregate."""
        return sum(
            other != name and other in self.view.selected and self.view.excludes(name, other)
            for other in self.view.aggregates_of.get(host, ())
            if host not in self.view.selected.get(other, ())
        )

    def _values(self, each: DeclaredAggregate, name: str, hosts: c.Set[str]) -> dict[str, str]:
        """The values of a variable by host, of all hosts of the domain that have one."""
        if name not in self._values_by_variable:
            values = {host: variable(self.view.facts.get(host, NO_FACTS), name) for host in self.view.domain}
            self._values_by_variable[name] = {host: value for host, value in values.items() if value is not None}
        found = self._values_by_variable[name]
        missing = hosts - found.keys()
        if missing and each.goal is not None and name == each.goal.spread:
            self.problems.append(
                "Aggregate %s is to be spread over the variable %s, which these hosts have no single value of: %s."
                % (each.name, name, shown(missing))
            )
        return found

    def _room(self, each: DeclaredAggregate, goal: Goal, options: c.Mapping[str, Option]) -> dict[str, int]:
        """Servers that each host would take if it were in the aggregate, and out of those that it excludes."""
        if goal.room_for is None:
            return {}
        view = self.view
        members = {
            name: hosts.difference(options) if view.excludes(each.name, name) else hosts
            for name, hosts in view.members.items()
        }
        members[each.name] = members[each.name] | options.keys()
        if view.observed.snapshot is None:
            self.problems.append("Aggregate %s is to have room, and no snapshot of the cloud was taken." % each.name)
            return {}
        aggregates = view.picture(members)
        (own,) = [entry for entry in aggregates if entry.name == each.name]
        try:
            return room(pictured(view.observed.snapshot, aggregates), own, goal.room_for.flavor)
        except CapacityError as error:
            self.problems.append("Aggregate %s, goal room_for: %s." % (each.name, str(error).rstrip(".")))
            return {}

    # -- exactly one of

    def _demand(self, number: int, group: ExactlyOneOf) -> tuple[ExactlyOneOf, frozenset[str]]:
        """A demand with the hosts in scope that are not in one of the aggregates in any case."""
        view = self.view
        names = frozenset(group.aggregates)
        undecided = []
        for host in sorted(view.hosts_of(group.rule) & view.scope):
            firm = sorted(names.intersection(self._firm.get(host, ())))
            if len(firm) > 1:
                self.problems.append(
                    "Host %s is declared in %s, and is to be in exactly one of them (exactly_one_of[%d])."
                    % (host, " and ".join(firm), number)
                )
            elif not firm:
                undecided.append(host)
        return group, frozenset(undecided)

    def _barred_by_demands(self, name: str) -> frozenset[str]:
        """Hosts that cannot be in an aggregate, as they are firmly in another of which they are in exactly one."""
        barred: set[str] = set()
        for group, undecided in self._demands:
            if name in group.aggregates:
                others = set(group.aggregates) - {name}
                decided = (self.view.hosts_of(group.rule) & self.view.scope) - undecided
                barred.update(host for host in decided if not others.isdisjoint(self._firm[host]))
        return frozenset(barred)

    def _one_of(self) -> list[OneOf]:
        found = []
        for number, (group, hosts) in enumerate(self._demands):
            seats = tuple(name for name in group.aggregates if name in self._seats)
            lost = [
                host
                for host in hosts
                if not any(
                    host in self._seats[name].options and self._seats[name].options[host].may_be_in for name in seats
                )
            ]
            if lost:
                self.problems.append(
                    "No one of the aggregates %s can take these hosts, which are to be in exactly one of them: %s."
                    % (", ".join(group.aggregates), shown(lost))
                )
            if seats and hosts:
                found.append(OneOf(("exactly_one_of", str(number)), seats, hosts))
        return found

    # -- the solution

    def _solve(self, work: int) -> None:
        one_of = self._one_of()
        if self.problems:
            return
        solution = solve(Task(tuple(self._seats.values()), self._apart_seats(), tuple(one_of)), work)
        self._solved = solution.members
        self.proven = solution.proven
        for conflict in solution.conflicts:
            self.problems.append(self._conflict_words(conflict))
        for names in solution.unsolved:
            self.problems.append(
                "No hosts were found for the aggregates %s that meet their goals, and it is not proven that there are "
                "none: the search was given up." % ", ".join(names)
            )

    def _apart_seats(self) -> dict[tuple[str, str], Constraint | None]:
        found: dict[tuple[str, str], Constraint | None] = {}
        names = sorted(self._seats)
        for place, first in enumerate(names):
            for second in names[place + 1 :]:
                if self.view.excludes(first, second):
                    apart = second in self.view.apart.get(first, ())
                    found[first, second] = ("apart_from", first, second) if apart else None
        return found

    def _conflict_words(self, conflict: tuple[Constraint, ...]) -> str:
        words = [self._constraint_words(each) for each in conflict]
        names = sorted({name for each in conflict if each[0] != "exactly_one_of" for name in each[1:2]})
        candidates = [
            "%s has %d hosts to choose from"
            % (name, sum(option.may_be_in for option in self._seats[name].options.values()))
            for name in names
        ]
        text = "; ".join(words) if words else "where hosts have to stay, and where they cannot be"
        start = "This cannot be met" if len(words) == 1 else "These cannot be met together"
        return "%s: %s%s." % (start, text, " (%s)" % "; ".join(candidates) if candidates else "")

    def _constraint_words(self, constraint: Constraint) -> str:
        kind, name = constraint[:2]
        if kind == "exactly_one_of":
            group = self.view.declaration.exactly_one_of[int(name)]
            return "exactly_one_of[%s] (%s)" % (name, ", ".join(group.aggregates))
        if kind == "apart_from":
            return "%s apart from %s" % (name, constraint[2])
        seat = self._seats[name]
        return "%s.goal.%s" % (name, _goal_words(seat, constraint))

    # -- everything together

    def _members(self) -> dict[str, frozenset[str]]:
        view = self.view
        found: dict[str, set[str]] = {name: set() for name in view.managed}
        for host, names in self._firm.items():
            for name in names:
                if name in found and name not in view.purged:
                    found[name].add(host)
        for name, hosts in self._solved.items():
            found[name] |= hosts
        now: dict[str, set[str]] = collections.defaultdict(set)
        for name in [*found, *(name for name in view.there if name not in found)]:
            for host in found.get(name, view.members.get(name, ())):
                now[host].add(name)
        for name in view.declared:
            self._keep(name, found[name], now)
        self.kept.sort(key=lambda kept: (kept.aggregate, kept.host))
        return {name: frozenset(hosts) for name, hosts in found.items()}

    def _keep(self, name: str, hosts: set[str], memberships: dict[str, set[str]]) -> None:
        """Let the hosts stay that the declaration does not have in an aggregate, unless it has them elsewhere."""
        view = self.view
        each = view.declared[name]
        decided = self.chosen.get(name, frozenset()) if not self.problems or name in self._solved else frozenset()
        for host in sorted((view.members[name] & view.scope) - hosts - decided):
            if each.selects and each.remove_extra_hosts:
                continue
            if any(view.excludes(name, other) for other in memberships[host]) or self._is_elsewhere(name, host):
                continue
            hosts.add(host)
            if each.selects:
                self.kept.append(Kept(name, host, "not declared there"))

    def _is_elsewhere(self, name: str, host: str) -> bool:
        """Whether the host is in another aggregate of which it is in exactly one."""
        for group, _hosts in self._demands:
            if name in group.aggregates and host in self.view.hosts_of(group.rule):
                others = set(group.aggregates) - {name}
                if any(host in self._solved.get(other, ()) or other in self._firm.get(host, ()) for other in others):
                    return True
        return False


def _variables(goal: Goal) -> list[str]:
    return sorted({name for name, _least in goal.distinct} | ({goal.spread} if goal.spread is not None else set()))


def _goal_words(seat: Seat, constraint: Constraint) -> str:
    """A goal in words, as it is declared."""
    goal = seat.goal
    kind = constraint[0]
    if kind == "share" and goal.share is not None:
        return "share %s%% (%d of %d hosts)" % (_plain(goal.share * 100), seat.share, seat.pool)
    if kind == "distinct":
        return "distinct %s %d" % (constraint[2], dict(goal.distinct)[constraint[2]])
    if kind == "room_for" and goal.room_for is not None:
        failures = ", %d down" % goal.room_for.failures if goal.room_for.failures else ""
        return "room_for %d %s%s" % (goal.room_for.count, goal.room_for.flavor, failures)
    return "%s %s" % (kind, getattr(goal, kind))


def _plain(number: t.Any) -> str:
    return "%g" % float(number)
