# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The question "how many more": per flavor, where, and what is the limit; and what there is of each resource class.

The answer is made of dictionaries, as it is what the module capacity_info returns.
"""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import functools
import typing as t

from .errors import FlavorError, UnknownNameError
from .groups import Request
from .inventory import proven
from .model import SHARING, Flavor, Host, Inventory, Provider, Snapshot
from .request import Demand, Image, demand
from .rules import Group, Rules, Terms, closed, need
from .scheduler import Scheduler, configured
from .trees import Count, Forest

#: The classes whose lack strands the others.
MAIN_CLASSES = ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB")


class LimitAnswer(t.TypedDict):
    """``hosts``: on how many it is the limit. ``more``: how many more would fit without it, None for any number."""

    limit: str
    kind: str
    hosts: int
    more: int | None


class FlavorAnswer(t.TypedDict):
    """How many more servers of a flavor fit."""

    fits: int
    proven: bool
    hosts: dict[str, int]
    zones: dict[str, int]
    aggregates: dict[str, int]
    limits: list[LimitAnswer]
    unknown: list[str]


class ResourceAnswer(t.TypedDict):
    """In the unit of the class. ``usable`` is what is free on hosts that take guests."""

    total: int | None
    capacity: int
    used: int
    free: int
    usable: int


class StrandedAnswer(t.TypedDict):
    """What is free of a class on hosts where another one is gone."""

    amount: int
    hosts: int
    without: str


class HostAnswer(t.TypedDict):
    """One host."""

    zone: str
    aggregates: list[str]
    accepts: bool
    why_not: str | None
    resources: dict[str, dict[str, int]]


class Answer(t.TypedDict):
    """The whole answer."""

    flavors: dict[str, FlavorAnswer]
    resources: dict[str, ResourceAnswer]
    stranded: dict[str, StrandedAnswer]
    hosts: t.NotRequired[dict[str, HostAnswer]]
    limits: list[str]
    taken_at: str


def fits(
    snapshot: Snapshot,
    flavors: c.Iterable[str | Flavor] | None = None,
    project: str | None = None,
    zone: str | None = None,
    aggregate: str | None = None,
    image: Image | None = None,
    group: Group | None = None,
    boot_from_volume: bool = False,
    scheduler: t.Mapping[str, t.Any] | None = None,
    hosts: bool = False,
) -> Answer:
    """How many more servers of each flavor fit.

    :param flavors: names or IDs, or flavors that there are not yet; None for all
    :param project: ID of the project that the servers are for; None for one that no aggregate is reserved for
    :param group: the server group that they are put into
    :param scheduler: options of nova.conf, see scheduler.py
    :param hosts: whether to add the hosts with their resources
    :raises UnknownNameError: a flavor, zone or aggregate that there is not
    :raises FlavorError: Nova would refuse a flavor that was named
    :raises QuestionError: the snapshot has not what the question needs
    """
    chosen = find_flavors(snapshot, flavors)
    survey = Survey(snapshot, scheduler, project, zone, aggregate, group, chosen)
    answers: dict[str, FlavorAnswer] = {}
    demands: list[Demand] = []
    for flavor in chosen:
        try:
            asked = survey.demand(flavor, image, boot_from_volume)
        except FlavorError as error:
            if flavors is not None:
                raise
            answers[flavor.name] = _refused(survey, str(error).removeprefix("flavor %s: " % flavor.name))
            continue
        demands.append(asked)
        answers[flavor.name] = FlavorFit(survey, asked).answer()
    stock = Stock(survey)
    answer: Answer = {
        "flavors": answers,
        "resources": stock.resources(),
        "stranded": stock.stranded(demands),
        "limits": survey.limits(),
        "taken_at": snapshot.taken_at,
    }
    if hosts:
        answer["hosts"] = stock.hosts()
    return answer


def find_flavors(snapshot: Snapshot, wanted: c.Iterable[str | Flavor] | None) -> list[Flavor]:
    """The flavors of those names or IDs; all by default.

    :raises UnknownNameError: there is no such flavor
    """
    if wanted is None:
        need(snapshot, "flavors", "the question for all flavors")
        return list(snapshot.flavors)
    by_id = {flavor.id: flavor for flavor in snapshot.flavors}
    by_name = {flavor.name: flavor for flavor in snapshot.flavors}
    found = []
    for each in wanted:
        flavor = each if isinstance(each, Flavor) else by_name.get(each) or by_id.get(each)
        if flavor is None:
            need(snapshot, "flavors", "the flavor %s" % each)
            raise UnknownNameError("flavor", str(each), by_name)
        found.append(flavor)
    return found


def _refused(survey: Survey, reason: str) -> FlavorAnswer:
    """The answer for one of all flavors that Nova would refuse."""
    limit: LimitAnswer = {"limit": "flavor", "kind": "rule", "hosts": len(survey.hosts), "more": 0}
    return {
        "fits": 0,
        "proven": True,
        "hosts": {},
        "zones": {},
        "aggregates": {},
        "limits": [limit],
        "unknown": ["Nova refuses it: %s." % reason],
    }


class Survey:
    """A snapshot prepared for questions about servers on the same terms.

    :param flavors: those in question, of which the snapshot need not know
    :ivar hosts: the hosts, and ``places`` for each the number of its place
    :ivar members: for each place its hosts
    """

    def __init__(
        self,
        snapshot: Snapshot,
        scheduler: t.Mapping[str, t.Any] | None = None,
        project: str | None = None,
        zone: str | None = None,
        aggregate: str | None = None,
        group: Group | None = None,
        flavors: t.Collection[Flavor] = (),
    ) -> None:
        need(snapshot, "providers", "every question")
        need(snapshot, "hosts", "every question")
        self.snapshot = snapshot
        zones = {host.zone for host in snapshot.hosts} | {each.zone for each in snapshot.aggregates if each.zone}
        if zone is not None and zone not in zones:
            raise UnknownNameError("availability zone", zone, zones)
        names = {each.name for each in snapshot.aggregates}
        if aggregate is not None and aggregate not in names:
            raise UnknownNameError("aggregate", aggregate, names)
        self.scheduler: Scheduler = configured(scheduler, snapshot, flavors)
        self.terms = Terms(self.scheduler, project, zone, aggregate, group)
        self.rules = Rules(snapshot, self.terms)
        self.forest = Forest(snapshot if self.rules.sharing else _without_aggregates(snapshot))
        self.hosts = snapshot.hosts
        self.places = self.rules.places.places
        self.members: list[list[Host]] = [[] for _place in self.places]
        for host, number in zip(self.hosts, self.rules.places.of, strict=True):
            self.members[number].append(host)
        self.traits = frozenset(trait for provider in snapshot.providers for trait in provider.traits)

    @functools.cached_property
    def trees(self) -> dict[str, list[Provider]]:
        """The providers of each tree, by the uuid of its root."""
        parents = {provider.uuid: provider.parent for provider in self.snapshot.providers}
        found: dict[str, list[Provider]] = {}
        for provider in self.snapshot.providers:
            root = provider.uuid
            while (parent := parents[root]) is not None:
                root = parent
            found.setdefault(root, []).append(provider)
        return found

    @functools.cached_property
    def _units(self) -> dict[str, set[Inventory]]:
        """The different units by resource class, as inventories that have nothing else."""
        found: dict[str, set[Inventory]] = collections.defaultdict(set)
        for provider in self.snapshot.providers:
            for name, each in provider.inventories.items():
                units = (each.min_unit, each.max_unit, each.step_size, each.admits)
                found[name].add(Inventory(0, 0, None, None, None, *units))
        return found

    def units_assumed(self, asked: Demand) -> list[str]:
        """The resource classes of which the snapshot does not say whether units allow what is asked for."""
        return sorted(
            {
                name
                for group in asked.request.groups
                for name, amount in group.resources
                if not all(proven(each, amount) for each in self._units.get(name, ()))
            }
        )

    @functools.cached_property
    def hosts_without_pcpu(self) -> bool:
        """Whether there are hosts that have VCPU and no PCPU in their trees."""
        trees = [self.trees[host.provider] for host in self.hosts if host.provider]
        names = ({name for each in tree for name in each.inventories} for tree in trees)
        return any("VCPU" in found and "PCPU" not in found for found in names)

    def demand(self, flavor: Flavor, image: Image | None, boot_from_volume: bool) -> Demand:
        """What a server of the flavor asks for, see request.py."""
        return demand(flavor, image, boot_from_volume, self.scheduler, self.traits)

    def in_scope(self, number: int) -> bool:
        """Whether the hosts of a place are in the zone and the aggregate that the question is about."""
        place = self.places[number]
        return self.terms.zone in (None, place.zone) and (
            self.terms.aggregate is None or any(each.name == self.terms.aggregate for each in place.aggregates)
        )

    def limits(self) -> list[str]:
        """What the answer does not know, or assumes, whatever the flavor."""
        found = [*self.snapshot.limits, *self.scheduler.assumed, *self.scheduler.unseen(len(self.hosts))]
        if self.terms.project is None and self.scheduler.has("AggregateMultiTenancyIsolation"):
            found.append("No project was given: hosts that aggregates reserve for projects count as closed.")
        if "aggregates" not in self.snapshot.parts:
            found.append("The snapshot has no aggregates: their rules are passed over.")
        if self.terms.group and len({host.name for host in self.hosts}) < len(self.hosts):
            found.append(
                "Some hosts have several hypervisors: server groups are counted by hypervisor, and by Nova by host."
            )
        zones = {host.zone for host in self.hosts} - {self.terms.zone}
        if self.terms.zone and "aggregates" in self.snapshot.parts and zones and not self.rules.zone_aggregates:
            found.append(  # as map_az_to_placement_aggregate finds nothing to ask Placement for
                "No aggregate has the zone %s. Its hosts are counted, but from 2024.1 on Nova puts servers that ask "
                "for such a zone into any zone." % self.terms.zone
            )
        return found


def _without_aggregates(snapshot: Snapshot) -> Snapshot:
    """The snapshot without Placement's aggregates, so that hosts that differ in nothing else are alike.

    They matter to providers that share. What the aggregates of a host are good for, the rules look after.
    """
    providers = [
        dataclasses.replace(provider, aggregates=frozenset()) if provider.aggregates else provider
        for provider in snapshot.providers
    ]
    return dataclasses.replace(snapshot, providers=providers)


@dataclasses.dataclass(slots=True)
class _Tally:
    """A limit, added up over hosts."""

    kind: str
    hosts: int = 0
    more: int | None = 0

    def add(self, more: int) -> None:
        """One host more that has this limit, and would take so many without it."""
        self.hosts += 1
        self.more = None if self.more is None else self.more + more


class FlavorFit:
    """How many more servers of one flavor fit on the terms of a survey.

    :ivar fits: how many in all, with what is proven of it
    :ivar rows: for each place that no rule refuses, those of its hosts that take some
    :ivar hosts: how many on each host by itself, where any do
    """

    def __init__(self, survey: Survey, asked: Demand) -> None:
        self.survey = survey
        self.asked = asked
        self.request = survey.rules.request(asked)
        self.hosts: dict[str, int] = {}
        self.one_host = survey.terms.group is not None and survey.terms.group.one_host
        self.rows: dict[int, list[_Row]] = {}
        self._refusals = survey.rules.refusals(asked)
        self._caps = survey.rules.caps()
        # whether hosts share; with rules on numbers each is looked at as if it had all that is shared
        self._shares = survey.rules.sharing and not self._caps and not self.one_host
        self._tallies: dict[str, _Tally] = {}
        self._roots = self._roots_of(number for number, refusals in enumerate(self._refusals) if not refusals)
        self._open_hosts()
        self._sums = {number: self._sum(rows) for number, rows in self.rows.items()}
        self.fits = self._join(self.rows)
        self._open_limits()
        self._closed_limits()

    def answer(self) -> FlavorAnswer:
        """The part of the answer for the flavor."""
        zones, aggregates = self._by_name()
        limits: list[LimitAnswer] = [
            {"limit": name, "kind": tally.kind, "hosts": tally.hosts, "more": tally.more}
            for name, tally in self._tallies.items()
        ]
        limits.sort(key=lambda each: (each["more"] is not None, -(each["more"] or 0), -each["hosts"], each["limit"]))
        return {
            "fits": self.fits.fits,
            "proven": self.fits.proven,
            "hosts": self.hosts,
            "zones": zones,
            "aggregates": aggregates,
            "limits": limits,
            "unknown": self._unknown(),
        }

    def _roots_of(self, numbers: c.Iterable[int]) -> list[str]:
        """The provider trees of the hosts of places."""
        members = self.survey.members
        return [host.provider for number in numbers for host in members[number] if host.provider]

    def _open_hosts(self) -> None:
        """Count on the hosts that no rule refuses."""
        counts = self.survey.forest.most_each(self.request, self._roots)
        for number, refusals in enumerate(self._refusals):
            rows: list[_Row] = []
            for host in () if refusals else self.survey.members[number]:
                count = counts.get(host.provider or "")
                if count is None:
                    continue
                row = self._capped(host, number, count) if self._caps else _Row(host, count, count.fits)
                rows.append(row)
                if row.fits:
                    self.hosts[host.name] = self.hosts.get(host.name, 0) + row.fits
            if rows:
                self.rows[number] = rows

    def _capped(self, host: Host, number: int, count: Count) -> _Row:
        """A host with the rules on numbers: the least of them is the limit; without it, the next would be."""
        place = self.survey.places[number]
        (least, name), *others = sorted((left(host, place), name) for name, left in self._caps.items())
        if least >= count.fits:
            return _Row(host, count, count.fits)
        without = min([count.fits, *(other for other, _name in others)])
        return _Row(host, count, least, name, without - least)

    def _sum(self, rows: list[_Row]) -> Count:
        """How many fit on hosts that have nothing in common."""
        if self.one_host:
            return Count(max(row.fits for row in rows), max(row.bound for row in rows))
        return Count(sum([row.fits for row in rows]), sum([row.bound for row in rows]))

    def _join(self, numbers: c.Collection[int]) -> Count:
        """How many fit on all hosts of these places together."""
        sums = [self._sums[number] for number in numbers]
        if self.one_host:
            return Count(max((each.fits for each in sums), default=0), max((each.bound for each in sums), default=0))
        if not self.survey.rules.sharing:
            return Count(sum(each.fits for each in sums), sum(each.bound for each in sums))
        rows = [row for number in numbers for row in self.rows[number]]
        if not self._caps:
            return self.survey.forest.together(self.request, [row.root for row in rows])
        forest = self.survey.forest.copy()
        claimed = sum(forest.claim(row.root, self.request, row.fits) for row in rows)
        return Count(claimed, sum(each.bound for each in sums))

    def _by_name(self) -> tuple[dict[str, int], dict[str, int]]:
        """How many fit in each zone and in each aggregate, where any do."""
        zones: dict[str, list[int]] = collections.defaultdict(list)
        aggregates: dict[str, list[int]] = collections.defaultdict(list)
        for number in self.rows:
            place = self.survey.places[number]
            zones[place.zone].append(number)
            for aggregate in place.aggregates:
                aggregates[aggregate.name].append(number)
        return self._joined(zones), self._joined(aggregates)

    def _joined(self, places: t.Mapping[str, list[int]]) -> dict[str, int]:
        return {name: count for name, numbers in sorted(places.items()) if (count := self._join(numbers).fits)}

    def _rule(self, name: str) -> _Tally:
        """The tally of a rule."""
        return self._tallies.setdefault(name, _Tally("rule"))

    def _open_limits(self) -> None:
        """What keeps the hosts that no rule refuses from taking more."""
        rows = [row for rows in self.rows.values() for row in rows] if self.one_host or self._caps else []
        roots: c.Collection[str] = self._roots
        if self.one_host and (taking := [row for row in rows if row.fits]):
            if len(taking) > 1:
                elsewhere = sum(row.fits for row in taking) - self.fits.fits
                self._tallies["affinity"] = _Tally("rule", len(taking), elsewhere)
            rows = [max(taking, key=lambda row: row.fits)]
            roots = [rows[0].root]
        capped = {row.root: row for row in rows if row.limit}
        for row in capped.values():
            self._rule(row.limit).add(row.more)
        roots = [root for root in roots if root not in capped]
        forest = self.survey.forest
        if self._shares:
            added = forest.more_together(self.request, roots, self.fits.fits)
        else:
            added = forest.limits_added(self.request, roots)
        for each in added:
            self._tallies[each.limit] = _Tally(each.kind, each.trees, each.more)

    def _closed_limits(self) -> None:
        """The rules that refuse hosts. Where only one does, the host would take some without it."""
        survey = self.survey
        plain = dataclasses.replace(self.asked.request, root_forbidden=self.request.root_forbidden)
        single = (number for number, refusals in enumerate(self._refusals) if len(refusals) == 1)
        counts = survey.forest.most_each(plain, self._roots_of(single))
        for number, refusals in enumerate(self._refusals):
            for host in survey.members[number] if refusals else ():
                count = counts.get(host.provider or "", NONE)
                more = self._capped(host, number, count).fits if self._caps else count.fits
                if self.one_host:
                    more = max(0, more - self.fits.fits)
                for name in refusals:
                    self._rule(name).add(more if len(refusals) == 1 else 0)
        if self._shares:
            self._share_closed(plain)

    def _share_closed(self, plain: Request) -> None:
        """What the hosts that a single rule refuses would add to the open ones, with which they share providers."""
        numbers: dict[str, list[int]] = collections.defaultdict(list)
        for number, refusals in enumerate(self._refusals):
            if len(refusals) == 1:
                numbers[refusals[0]].append(number)
        if not numbers:
            return
        now = self.fits.fits if plain == self.request else self.survey.forest.together(plain, self._roots).fits
        for name, closed_by_it in numbers.items():
            roots = [*self._roots, *self._roots_of(closed_by_it)]
            self._rule(name).more = self.survey.forest.together(plain, roots).fits - now

    def _unknown(self) -> list[str]:
        found = [*self.asked.unknown, *self.asked.ignored]
        if self.asked.pinned and self.survey.hosts_without_pcpu:
            found.append(
                "Hosts without PCPU are not counted. Unless disable_fallback_pcpu_query is set, Nova asks them for "
                "VCPU, and those with neither cpu_dedicated_set nor cpu_shared_set take the guest."
            )
        assumed = self.survey.units_assumed(self.asked)
        if assumed:
            found.append(
                "The snapshot does not have min_unit, max_unit and step_size of %s for all providers: "
                "they are taken to allow what is asked for." % ", ".join(assumed)
            )
        forbidden = {trait for group in self.request.groups for trait in group.forbidden} - self.survey.traits
        unused = sorted(trait for trait in forbidden if trait.startswith("CUSTOM_"))
        if unused:
            found.append(
                "No provider has %s, which the flavor forbids: where Placement has never heard of a trait, "
                "no server of the flavor can be created." % ", ".join(unused)
            )
        if not self.asked.flavor.public and self.survey.terms.project is not None:
            found.append("The flavor is private, and the snapshot does not say which projects may use it.")
        return found


NONE = Count(0, 0)


class _Row(t.NamedTuple):
    """A host that no rule refuses.

    :param tree: how many fit into its tree
    :param fits: how many of them the rules on numbers allow
    :param limit: the rule that allows no more, and how many ``more`` there would be without it
    """

    host: Host
    tree: Count
    fits: int
    limit: str = ""
    more: int = 0

    @property
    def root(self) -> str:
        return self.host.provider or ""

    @property
    def bound(self) -> int:
        return min(self.fits, self.tree.bound) if self.limit else self.tree.bound


class Stock:
    """What there is of each resource class on the hosts that a survey is about."""

    def __init__(self, survey: Survey) -> None:
        self.survey = survey
        self._closed = [closed(place) for place in survey.places]
        self._trees = survey.trees

    def _hosts(self) -> c.Iterator[tuple[Host, int, bool]]:
        """The hosts in question, the number of their place, and whether they take guests."""
        for number, members in enumerate(self.survey.members):
            if self.survey.in_scope(number):
                for host in members:
                    yield host, number, self._closed[number] is None

    def _sharing(self) -> c.Iterator[tuple[Provider, bool]]:
        """Providers that share with a host in question, and whether with one that takes guests."""
        reached: set[str] = set()
        usable: set[str] = set()
        roots = set()
        for host, _number, takes in self._hosts():
            roots.add(host.provider)
            for provider in self._trees.get(host.provider or "", ()):
                reached |= provider.aggregates
                if takes:
                    usable |= provider.aggregates
        for root, tree in self._trees.items():
            for provider in tree:
                if root not in roots and SHARING in provider.traits and not reached.isdisjoint(provider.aggregates):
                    yield provider, not usable.isdisjoint(provider.aggregates)

    def resources(self) -> dict[str, ResourceAnswer]:
        """By resource class; each provider counts once."""
        found: dict[str, ResourceAnswer] = {}
        hosts = {host.provider: takes for host, _number, takes in self._hosts() if host.provider}
        providers = [(provider, takes) for root, takes in hosts.items() for provider in self._trees[root]]
        for provider, takes in [*providers, *self._sharing()]:
            for name, inventory in provider.inventories.items():
                entry = found.get(name)
                if entry is None:
                    entry = found[name] = {"total": 0, "capacity": 0, "used": 0, "free": 0, "usable": 0}
                free = max(0, inventory.capacity - inventory.used)
                entry["capacity"] += inventory.capacity
                entry["used"] += inventory.used
                entry["free"] += free
                if takes:
                    entry["usable"] += free
                if entry["total"] is not None:
                    entry["total"] = None if inventory.total is None else entry["total"] + inventory.total
        return dict(sorted(found.items()))

    def _amounts(self, *hosts: Host) -> dict[str, dict[str, int]]:
        """Capacity, used and free by resource class, of the whole trees of hosts."""
        found: dict[str, dict[str, int]] = {}
        for provider in [each for host in hosts for each in self._trees.get(host.provider or "", ())]:
            for name, inventory in provider.inventories.items():
                entry = found.setdefault(name, {"capacity": 0, "used": 0, "free": 0})
                entry["capacity"] += inventory.capacity
                entry["used"] += inventory.used
                entry["free"] += max(0, inventory.capacity - inventory.used)
        return found

    def stranded(self, demands: c.Sequence[Demand]) -> dict[str, StrandedAnswer]:
        """By resource class, what is free of it on hosts that take guests and have too little of another for any.

        Too little is less than the flavors in question ask for at least.
        """
        least: dict[str, int] = {}
        for each in demands:
            for name, amount in each.amounts.items():
                least[name] = min(amount, least.get(name, amount))
        classes = [name for name in MAIN_CLASSES if name in least]
        amounts: collections.Counter[tuple[str, str]] = collections.Counter()
        hosts: collections.Counter[tuple[str, str]] = collections.Counter()
        for host, _number, takes in self._hosts():
            if not takes:
                continue
            free = {name: entry["free"] for name, entry in self._amounts(host).items()}
            gone = [name for name in classes if name in free and free[name] < least[name]]
            for name in classes if gone else ():
                if name not in gone and free.get(name):
                    amounts[name, gone[0]] += free[name]
                    hosts[name, gone[0]] += 1
        return {
            name: _stranded(
                {without: amount for (each, without), amount in amounts.items() if each == name},
                sum(number for (each, _without), number in hosts.items() if each == name),
            )
            for name in classes
            if any(each == name for each, _without in amounts)
        }

    def hosts(self) -> dict[str, HostAnswer]:
        """The hosts in question, by name; one with several hypervisors (Ironic) has all of theirs."""
        nodes: dict[str, list[tuple[Host, int, bool]]] = {}
        for host, number, takes in self._hosts():
            nodes.setdefault(host.name, []).append((host, number, takes))
        return {name: self._host(found) for name, found in nodes.items()}

    def _host(self, nodes: list[tuple[Host, int, bool]]) -> HostAnswer:
        """One host. It takes guests where any of its nodes does."""
        host, number, takes = next((each for each in nodes if each[2]), nodes[0])
        return {
            "zone": host.zone,
            "aggregates": [aggregate.name for aggregate in self.survey.places[number].aggregates],
            "accepts": takes,
            "why_not": self._why_not(host, number),
            "resources": self._amounts(*(node for node, _number, _takes in nodes)),
        }

    def _why_not(self, host: Host, number: int) -> str | None:
        reason = self._closed[number]
        if reason == "host disabled" and host.disabled_reason:
            return "%s: %s" % (reason, host.disabled_reason)
        return reason


def _stranded(by_cause: t.Mapping[str, int], hosts: int) -> StrandedAnswer:
    """All that is stranded of one class, with the cause of most of it."""
    return {
        "amount": sum(by_cause.values()),
        "hosts": hosts,
        "without": max(by_cause, key=lambda without: by_cause[without]),
    }
