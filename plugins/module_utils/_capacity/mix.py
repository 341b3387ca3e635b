# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question "do these servers fit together": so many of this flavor, so many of that.

That is vector bin packing, for which nobody knows a method that is both fast and exact. So there are three steps:

1. Bounds that prove a no: what some of the flavors ask for of a resource class is more than all the hosts have that
   take any of them.
2. Greedy placement in several orders, which finds a yes for nearly all mixes that fit with something to spare.
3. An exact search, where the hosts have no nested and no sharing providers and are not too many. It is cut off after a
   number of steps; a no is not proven then.
"""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import itertools
import math
import typing as t

from .fits import FlavorFit, Survey
from .model import SHARING, Host
from .request import Demand
from .rules import UNLIMITED
from .search import Bin, Item, search

#: for so many flavors at most there is a bound on each set of them
SETS_OF_FLAVORS = 6
#: the exact search takes so many hosts at most
SEARCHED_HOSTS = 200

Placement = dict[int, dict[str, int]]  # position of the host -> flavor -> servers


class MixAnswer(t.TypedDict):
    """``placement``: by host and flavor. ``missing``: by flavor. ``reasons``: sentences that prove a no."""

    fits: bool
    proven: bool
    placement: dict[str, dict[str, int]]
    missing: dict[str, int]
    reasons: list[str]


def mix(survey: Survey, demands: c.Iterable[tuple[Demand, int]]) -> MixAnswer:
    """Whether so many servers of each flavor fit together, on the terms of the survey.

    A yes is always proven, as it comes with a placement.
    """
    puzzle = _Puzzle(survey, demands)
    placement, missing = puzzle.greedy()
    reasons: list[str] = []
    proven = not missing
    if missing:
        reasons = puzzle.reasons()
        proven = bool(reasons)
        if not proven and puzzle.searchable():
            found, proven = puzzle.search()
            if found is not None:
                placement, missing = found, {}
            elif proven:
                reasons = ["An exact search found that there is no way to place them all."]
    by_name: dict[str, dict[str, int]] = collections.defaultdict(lambda: collections.defaultdict(int))
    for position, numbers in sorted(placement.items()):
        for name, number in numbers.items():
            by_name[puzzle.hosts[position].name][name] += number
    return {
        "fits": not missing,
        "proven": proven,
        "placement": {host: dict(numbers) for host, numbers in by_name.items()},
        "missing": missing,
        "reasons": reasons,
    }


@dataclasses.dataclass(frozen=True, slots=True)
class _Kind:
    """The servers of one flavor.

    :param alone: the answer if there were no others
    :param sites: positions of the hosts that take any, and how many of this kind alone
    """

    demand: Demand
    number: int
    alone: FlavorFit
    sites: t.Mapping[int, int]

    @property
    def name(self) -> str:
        return self.demand.flavor.name


class _Puzzle:
    """A mix, and the hosts that any of it may go to."""

    def __init__(self, survey: Survey, demands: c.Iterable[tuple[Demand, int]]) -> None:
        self.survey = survey
        self.hosts: list[Host] = []
        self.caps: list[int] = []
        caps = survey.rules.caps().values()
        for place, members in zip(survey.places, survey.members, strict=True):
            self.hosts += members
            self.caps += [min((left(host, place) for left in caps), default=UNLIMITED) for host in members]
        self._positions = {host.provider: position for position, host in enumerate(self.hosts)}
        group = survey.terms.group
        self.together = group is not None and group.policy == "affinity"
        self.kinds = [self._kind(demand, number) for demand, number in demands if number]
        self.amounts = [kind.demand.amounts for kind in self.kinds]
        self.classes = sorted({name for amounts in self.amounts for name in amounts})

    def _kind(self, demand: Demand, number: int) -> _Kind:
        alone = FlavorFit(self.survey, demand)
        rows = [row for rows in alone.rows.values() for row in rows]
        sites = {self._positions[row.root]: row.bound for row in rows if row.bound}
        return _Kind(demand, number, alone, sites)

    # Greedy

    def greedy(self) -> tuple[Placement, dict[str, int]]:
        """The placement of several orders that misses fewest servers, and what it misses by flavor."""
        best: tuple[Placement, dict[str, int]] | None = None
        for order, roomy in itertools.product(self._orders(), (False, True)):
            for hosts in [[position] for position in self._union()] if self.together else [None]:
                found = self._place(order, roomy, hosts)
                if best is None or sum(found[1].values()) < sum(best[1].values()):
                    best = found
                if not best[1]:
                    return best
        return best or ({}, {kind.name: kind.number for kind in self.kinds})

    def _union(self) -> list[int]:
        """All hosts that take any."""
        return sorted({position for kind in self.kinds for position in kind.sites})

    def _orders(self) -> list[list[_Kind]]:
        """Orders of the flavors: that with the fewest hosts first, and that with the largest share of a host first."""
        scarce = sorted(self.kinds, key=lambda kind: (len(kind.sites), kind.alone.fits.fits / kind.number))
        large = sorted(self.kinds, key=lambda kind: kind.alone.fits.fits / max(1, len(kind.sites)))
        return [scarce] if scarce == large else [scarce, large]

    def _place(self, order: c.Sequence[_Kind], roomy: bool, only: list[int] | None) -> tuple[Placement, dict[str, int]]:
        """Place one flavor after the other.

        :param roomy: fill the hosts with most room first, rather than nearly full ones, or those of few flavors
        :param only: no other hosts than these
        """
        forest = self.survey.forest.copy()
        caps = list(self.caps)
        rivals = collections.Counter(position for kind in order for position in kind.sites)
        placement: Placement = {}
        missing: dict[str, int] = {}
        for kind in order:
            left = kind.number
            sites = kind.sites if only is None else {each: kind.sites[each] for each in only if each in kind.sites}
            ranked = sorted(sites, key=lambda each: -sites[each] if roomy else (rivals[each] << 32) + sites[each])
            for position in ranked:
                if not left:
                    break
                wanted = min(left, caps[position])
                if not wanted:
                    continue
                taken = forest.claim(self.hosts[position].provider or "", kind.alone.request, wanted)
                if taken:
                    placement.setdefault(position, {})[kind.name] = taken
                    caps[position] -= taken
                    left -= taken
            if left:
                missing[kind.name] = left
        return placement, missing

    # Bounds

    def reasons(self) -> list[str]:
        """Sentences that prove that the servers do not fit together; none where that is not so simple."""
        found = [
            "%d of %s are asked for, and %d fit even without the others." % (kind.number, kind.name, bound)
            for kind in self.kinds
            if kind.number > (bound := kind.alone.fits.bound)
        ]
        return found or next(filter(None, map(self._shortage, self._sets())), [])

    def _sets(self) -> c.Iterator[tuple[int, ...]]:
        """Sets of kinds to bound, the small ones first."""
        everything = tuple(range(len(self.kinds)))
        if len(everything) > SETS_OF_FLAVORS:
            yield everything
            return
        for size in range(2, len(everything) + 1):
            yield from itertools.combinations(everything, size)

    def _shortage(self, chosen: tuple[int, ...]) -> list[str]:
        """What these kinds ask for that is not there on all the hosts that take any of them."""
        positions = {position for number in chosen for position in self.kinds[number].sites}
        names = ", ".join(self.kinds[number].name for number in chosen)
        found = []
        room = sum(self.caps[position] for position in positions)
        servers = sum(self.kinds[number].number for number in chosen)
        if room < servers:
            found.append("%d servers (%s) are asked for, and rules allow %d on their hosts." % (servers, names, room))
        for name in self.classes:
            asked = sum(self.amounts[number].get(name, 0) * self.kinds[number].number for number in chosen)
            free = self._free(positions, name, self._step(chosen, name)) if asked else 0
            if asked > free:
                found.append(
                    "%d of %s are asked for (%s), and %d can be used on the hosts that take any of these."
                    % (asked, name, names, free)
                )
        return found

    def _step(self, chosen: tuple[int, ...], resource_class: str) -> int:
        """Every allocation of the class is a multiple of this."""
        return math.gcd(
            *(
                amount
                for number in chosen
                for group in self.kinds[number].demand.request.groups
                for name, amount in group.resources
                if name == resource_class
            )
        )

    def _free(self, positions: c.Iterable[int], name: str, step: int) -> int:
        """What is free of a class in the trees of these hosts, and in all that share, in whole steps."""
        trees = self.survey.trees
        roots = {self.hosts[position].provider or "" for position in positions}
        providers = [provider for root in roots for provider in trees[root]]
        if self.survey.rules.sharing:
            providers += [
                provider
                for root, tree in trees.items()
                if root not in roots
                for provider in tree
                if SHARING in provider.traits
            ]
        inventories = [provider.inventories[name] for provider in providers if name in provider.inventories]
        return sum(max(0, each.capacity - each.used) // step * step for each in inventories)

    # Exact search

    def searchable(self) -> bool:
        """Whether the hosts are few enough, and each of them is one provider and takes from no other."""
        positions = self._union()
        return (
            len(positions) <= SEARCHED_HOSTS
            and not self.survey.rules.sharing
            and all(len(self.survey.trees[self.hosts[each].provider or ""]) == 1 for each in positions)
        )

    def search(self) -> tuple[Placement | None, bool]:
        """A placement of all, if there is one; and whether the answer is certain."""
        items = [
            Item((*(amounts.get(name, 0) for name in self.classes), 1), kind.number)
            for kind, amounts in zip(self.kinds, self.amounts, strict=True)
        ]
        positions = self._union()
        bins = [self._bin(position) for position in positions]
        if not self.together:
            found, proven = search(items, bins)
            return (None if found is None else self._placement(positions, found)), proven
        proven = True
        for position, each in zip(positions, bins, strict=True):
            found, certain = search(items, [each])
            if found is not None:
                return self._placement([position], found), True
            proven = proven and certain
        return None, proven

    def _bin(self, position: int) -> Bin:
        (provider,) = self.survey.trees[self.hosts[position].provider or ""]
        free = [
            max(0, inventory.capacity - inventory.used) if (inventory := provider.inventories.get(name)) else 0
            for name in self.classes
        ]
        most = tuple(kind.sites.get(position, 0) for kind in self.kinds)
        return Bin((*free, self.caps[position]), most)

    def _placement(self, positions: c.Sequence[int], found: c.Sequence[tuple[int, ...]]) -> Placement:
        return {
            position: {kind.name: number for kind, number in zip(self.kinds, numbers, strict=True) if number}
            for position, numbers in zip(positions, found, strict=True)
            if any(numbers)
        }
