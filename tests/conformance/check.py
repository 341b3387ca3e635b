# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One request on one world: the engine's answers beside Placement's."""

from __future__ import annotations

import collections
import pprint
import random
import typing as t

from clouds import Cloud, World
from real import Placement, Vector
from search import Left, TooManyError, longest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.groups import Request
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.trees import Count, Forest


class Mismatch(Exception):
    """The engine and Placement disagree."""

    def __init__(self, message: str, details: t.Any) -> None:
        super().__init__(message)
        self.details = pprint.pformat(details, width=150)


class Checker:
    """Checks cases and counts what it did."""

    def __init__(self, placement: Placement) -> None:
        self._placement = placement
        self.cases = 0
        self._kinds: collections.Counter[str] = collections.Counter()
        self._done: collections.Counter[str] = collections.Counter()

    def summary(self) -> str:
        """What was checked, in words."""
        kinds = ", ".join("%d %s" % (number, kind) for kind, number in self._kinds.most_common())
        done = ", ".join("%d %s" % (number, what) for what, number in sorted(self._done.items()))
        return "%d cases (%s): %s" % (self.cases, kinds, done)

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
        plans: list[_Filling] = []
        for cloud in world.clouds:
            found = {host: candidates[host] for host in cloud.hosts if candidates[host]}
            if not found:
                continue
            self.cases += 1
            self._kinds[cloud.kind] += 1
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

    def _root(self, uuid: str) -> str:
        while (parent := self._providers[uuid].parent) is not None:
            uuid = parent
        return uuid

    def sort(self, vectors: list[Vector]) -> dict[str, list[Vector]]:
        """Candidates by the host that Nova would take them for: the root of a provider of an allocation."""
        found: dict[str, list[Vector]] = {host: [] for host in self.all}
        for vector in vectors:
            for root in {self._root(provider) for provider, _name, _amount in vector}:
                if root in found:
                    found[root].append(vector)
        return found

    def describe(self, host: str, forest: Forest) -> t.Any:
        """All there is to know about a host."""
        own = [provider for provider in self._providers.values() if self._root(provider.uuid) == host]
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
