# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on one world: the engine's answers beside Placement's."""

from __future__ import annotations

import collections
import dataclasses
import pprint
import random
import typing as t

from clouds import Cloud, World
from lifts import Held, Lift, Trial, lifts
from real import Placement, Vector
from search import Left, TooManyError, longest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.groups import Request
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import SHARING, Snapshot
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.trees import Count, Forest, Limit

#: of so many requests one is looked at for its limits, for so many of these
LIMITS_OF, LIMITS = 8, 2
#: with more than so many parts Placement has millions of candidates where every provider has everything
CHOICES = 4
ENDLESS, PLENTY = 1 << 60, 1 << 50


class Mismatch(Exception):
    """The engine and Placement disagree."""

    def __init__(self, message: str, details: t.Any) -> None:
        super().__init__(message)
        self.details = pprint.pformat(details, width=150)


@dataclasses.dataclass
class Tally:
    """What was checked."""

    cases: int = 0
    kinds: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    done: collections.Counter[str] = dataclasses.field(default_factory=collections.Counter)
    failures: list[str] = dataclasses.field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Count what another one has as well."""
        self.cases += other.cases
        self.kinds += other.kinds
        self.done += other.done
        self.failures += other.failures

    def __str__(self) -> str:
        kinds = ", ".join("%d %s" % (number, kind) for kind, number in self.kinds.most_common())
        done = ", ".join("%d %s" % (number, what) for what, number in sorted(self.done.items()))
        return "%d cases (%s): %s" % (self.cases, kinds, done)


class Checker:
    """Checks cases and counts what it did."""

    def __init__(self, placement: Placement, all_limits: bool = False) -> None:
        """
        :param all_limits: all limits of all requests, rather than some
        """
        self._placement = placement
        self._all_limits = all_limits
        self.tally = Tally()
        self._done = self.tally.done

    def check(self, world: World, request: Request, chance: random.Random) -> None:
        """All the clouds of a world with one request.

        :raises Mismatch: at the first disagreement
        """
        forest = Forest(world.snapshot)
        hosts = _Hosts(world)
        left: Left = {
            (provider.uuid, name): held.capacity - held.used
            for provider in world.snapshot.providers
            for name, held in provider.inventories.items()
        }
        candidates = hosts.sort(self._placement.candidates(request))
        self._same_hosts(forest, request, hosts, candidates)
        self._same_limits(world.snapshot, forest, request, hosts, candidates, chance)
        plans: list[_Filling] = []
        for cloud in world.clouds:
            found = {host: candidates[host] for host in cloud.hosts if candidates[host]}
            if not found:
                continue
            self.tally.cases += 1
            self.tally.kinds[cloud.kind] += 1
            plans += self._predict(cloud, forest, request, found, left, chance)
        while plans:
            vectors = [plan.next(candidates, chance, request) for plan in plans]
            self._placement.allocate(vectors)
            for vector in vectors:
                for provider, name, amount in vector:
                    forest.book(provider, name, amount)
            self._done["allocations"] += len(vectors)
            candidates = hosts.sort(self._placement.candidates(request))
            self._same_hosts(forest, request, hosts, candidates)
            plans = [plan for plan in plans if plan.more(candidates, request)]

    def _same_hosts(self, forest: Forest, request: Request, hosts: _Hosts, candidates: dict[str, list[Vector]]) -> None:
        """The hosts that can take one more are the same for both, whichever of the engine's doors is asked."""
        self._done["comparisons"] += 1
        right = {host for host in hosts.all if candidates[host]}
        answers = {
            "admits": {host for host in hosts.all if forest.admits(host, request)},
            "most_each": set(forest.most_each(request, hosts.all)),
        }
        for name, answer in answers.items():
            if answer != right:
                wrong = sorted(answer ^ right)
                raise Mismatch(
                    "%s: the engine has %s, Placement %s"
                    % (name, sorted(answer & set(wrong)), sorted(right & set(wrong))),
                    (request, [hosts.describe(host, forest) for host in wrong]),
                )

    # ---- limits

    def _same_limits(
        self,
        snapshot: Snapshot,
        forest: Forest,
        request: Request,
        hosts: _Hosts,
        candidates: dict[str, list[Vector]],
        chance: random.Random,
    ) -> None:
        """Take limits away in Placement itself: what fits then, and where, is what the engine says."""
        every = lifts(request)
        names = {(each.limit, each.kind) for each in every}
        engine = forest.limits_each(request, hosts.all)
        for host, found in engine.items():
            for limit in found:
                if (limit.limit, limit.kind) not in names:
                    raise Mismatch("%s has a limit that is none: %s" % (host, limit), request)
        if sum(1 if group.suffix else len(group.resources) for group in request.groups) > CHOICES:
            self._done["requests with too many choices"] += 1
            return
        if not self._all_limits:
            if chance.randrange(LIMITS_OF):
                return
            every = chance.sample(every, min(LIMITS, len(every)))
        now = {host: self._most(vectors, Trial(Held(), request), snapshot) for host, vectors in candidates.items()}
        added = {(each.limit, each.kind): (each.trees, each.more) for each in forest.limits_added(request, hosts.all)}
        try:
            for lift in every:
                self._same_limit(lift, snapshot, request, hosts, now, engine, added)
        finally:
            self._placement.load(snapshot)

    def _same_limit(
        self,
        lift: Lift,
        snapshot: Snapshot,
        request: Request,
        hosts: _Hosts,
        now: dict[str, int | None],
        engine: dict[str, tuple[Limit, ...]],
        added: dict[tuple[str, str], tuple[int, int | None]],
    ) -> None:
        """One limit on all hosts."""
        without, unproven = self._trial(lift.without, snapshot, hosts)
        some = lift.kind != "resource"
        alone, unsure = self._trial(lift.alone, snapshot, hosts, some)
        nothing = self._trial(lift.nothing, snapshot, hosts, True)[0] if lift.nothing else dict.fromkeys(hosts.all, 1)
        # a group without resources needs same_subtree, which is a limit of its own
        idle = any(not group.resources for group in lift.alone.request.groups)
        trees = more = 0
        known = not idle
        for host, found in engine.items():
            before, after, own = now[host], without[host], alone[host]
            if before is None or after is None or own is None or host in unproven | unsure:
                self._done["limits not searched"] += 1
                known = False
                continue
            gain = max(0, after - before)
            if not gain and idle:
                continue
            binds = gain > 0 or (own <= before if lift.kind == "resource" else own == 0 and nothing[host] != 0)
            right = [Limit(lift.limit, lift.kind, None if gain > PLENTY else gain)] if binds else []
            said = [each for each in found if (each.limit, each.kind) == (lift.limit, lift.kind)]
            if said != right:
                raise Mismatch(
                    "%s: the engine says %s, Placement %s (now %d, without %d, alone %d)"
                    % (lift.limit, said, right, before, after, own),
                    (host, request, lift, [each for each in snapshot.providers if hosts.root(each.uuid) == host]),
                )
            self._done["limits"] += binds
            self._done["no limits"] += not binds
            trees += binds
            more += gain
        if known:
            sums = added.get((lift.limit, lift.kind), (0, 0))
            if sums != (trees, None if more > PLENTY else more):
                raise Mismatch("%s: added up it is %s instead of %d, %d" % (lift.limit, sums, trees, more), request)

    def _trial(
        self, trial: Trial, snapshot: Snapshot, hosts: _Hosts, some: bool = False
    ) -> tuple[dict[str, int | None], set[str]]:
        """How many fit on each host, or whether any does; and the hosts of which that is not sure."""
        changed = trial.held.apply(snapshot)
        if not any(group.resources for group in trial.request.groups):
            return dict.fromkeys(hosts.all, 0), set()
        self._placement.load(changed)
        candidates = hosts.sort(self._placement.candidates(trial.request))
        unproven = hosts.confused(changed, trial.request)
        if some:
            return {host: min(1, len(vectors)) for host, vectors in candidates.items()}, unproven
        forest = Forest(changed)
        unproven |= {host for host in hosts.all if not forest.most(host, trial.request).proven}
        return {host: self._most(vectors, trial, changed) for host, vectors in candidates.items()}, unproven

    @staticmethod
    def _most(vectors: list[Vector], trial: Trial, snapshot: Snapshot) -> int | None:
        """How many fit on a host with these candidates, None when that is too much to search."""
        left = {
            (provider.uuid, name): held.capacity - held.used
            for provider in snapshot.providers
            for name, held in provider.inventories.items()
        }
        limited = {tuple(each for each in vector if each[1] not in trial.held.endless) for vector in vectors}
        if () in limited:
            return ENDLESS
        try:
            return len(longest(limited, left))
        except TooManyError:
            return None

    def _predict(
        self,
        cloud: Cloud,
        forest: Forest,
        request: Request,
        found: dict[str, list[Vector]],
        left: Left,
        chance: random.Random,
    ) -> list[_Filling]:
        """The counts of each host and of all together; and how the cloud is to be filled."""
        paths: dict[str, list[Vector] | None] = {}
        for host, vectors in found.items():
            paths[host] = self._count(forest.most(host, request), vectors, left, cloud, forest, request, host)
        everything = [vector for vectors in found.values() for vector in vectors]
        together = forest.together(request, cloud.hosts)
        if cloud.shares:
            path = self._count(together, everything, left, cloud, forest, request, "all hosts")
            fillings = [_Filling(list(found), path)]
        else:
            alone = [forest.most(host, request) for host in found]
            if together != Count(sum(count.fits for count in alone), sum(count.bound for count in alone)):
                raise Mismatch("together is %s, alone are %s" % (together, alone), request)
            fillings = [_Filling([host], paths[host]) for host in found]
        if chance.random() < 0.5:
            for filling in fillings:
                filling.path = None
        return fillings

    def _count(
        self, count: Count, vectors: list[Vector], left: Left, cloud: Cloud, forest: Forest, request: Request, what: str
    ) -> list[Vector] | None:
        """Compare a count with that of the longest sequence, and return this (None when it was too much to search)."""
        try:
            path = longest(vectors, left)
        except TooManyError:
            self._done["counts not searched"] += 1
            return None
        self._done["counts"] += 1
        if not count.proven:
            self._done["counts not proven"] += 1
        if not count.fits <= len(path) <= count.bound:
            raise Mismatch(
                "%s of a %s cloud: the engine says %s, %d fit" % (what, cloud.kind, count, len(path)),
                (request, cloud, path),
            )
        if count.fits < len(path):
            self._done["counts too low"] += 1
        return path


class _Hosts:
    """The hosts of a world, and which providers are in the trees of which."""

    def __init__(self, world: World) -> None:
        self.all = [host for cloud in world.clouds for host in cloud.hosts]
        self._providers = {provider.uuid: provider for provider in world.snapshot.providers}

    def root(self, uuid: str) -> str:
        """The root of the tree of a provider."""
        while (parent := self._providers[uuid].parent) is not None:
            uuid = parent
        return uuid

    def sort(self, vectors: list[Vector]) -> dict[str, list[Vector]]:
        """Candidates by the host that Nova would take them for: the root of a provider of an allocation."""
        found: dict[str, list[Vector]] = {host: [] for host in self.all}
        for vector in vectors:
            for root in {self.root(provider) for provider, _name, _amount in vector}:
                if root in found:
                    found[root].append(vector)
        return found

    def confused(self, snapshot: Snapshot, request: Request) -> set[str]:
        """Hosts of which Placement may offer one for all: those whose sharing providers alone can give all that the
        group without a suffix asks for, so that its candidates are equal (AllocationRequest.__eq__ knows no root)."""
        plain = {name for group in request.groups if not group.suffix for name, _amount in group.resources}
        if not plain or not any(group.suffix and group.resources for group in request.groups):
            return set()
        shared: dict[str, set[str]] = {}  # by aggregate
        for provider in snapshot.providers:
            for aggregate in provider.aggregates if SHARING in provider.traits else ():
                shared.setdefault(aggregate, set()).update(provider.inventories)
        given: dict[str, set[str]] = {}
        for provider in snapshot.providers:
            for aggregate in provider.aggregates:
                given.setdefault(self.root(provider.uuid), set()).update(shared.get(aggregate, ()))
        return {host for host in self.all if plain <= given.get(host, set())}

    def describe(self, host: str, forest: Forest) -> t.Any:
        """All there is to know about a host."""
        own = [provider for provider in self._providers.values() if self.root(provider.uuid) == host]
        return [(provider, forest.free(provider.uuid)) for provider in own]


class _Filling:
    """How some hosts are filled: by a path that is known to be the longest, or at random."""

    def __init__(self, hosts: list[str], path: list[Vector] | None) -> None:
        self._hosts = hosts
        self.path = path

    def next(self, candidates: dict[str, list[Vector]], chance: random.Random, request: Request) -> Vector:
        """What to allocate now; Placement has it among its candidates."""
        offered = [vector for host in self._hosts for vector in candidates[host]]
        if self.path is None:
            return chance.choice(sorted(offered))
        vector = self.path.pop(0)
        if vector not in offered:
            raise Mismatch("the search was wrong: %s is no candidate" % (vector,), request)
        return vector

    def more(self, candidates: dict[str, list[Vector]], request: Request) -> bool:
        """Whether there is more to allocate; at the end of a path nothing is."""
        offered = any(candidates[host] for host in self._hosts)
        if self.path is not None and offered != bool(self.path):
            raise Mismatch("the search was wrong: %d are left" % len(self.path), request)
        return offered
