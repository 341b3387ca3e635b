# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a report says, worked out once for all its formats.

The numbers are those of an answer of :mod:`..fits` with ``hosts``; here they are only sorted, added up and put into
words. Amounts are in the units of their resource class.
"""

from __future__ import annotations

import collections
import dataclasses
import typing as t

from . import words

if t.TYPE_CHECKING:
    from ..model import Server, Snapshot

Answer = t.Mapping[str, t.Any]
#: more zones than that do not stand side by side in a table of flavors any more
MOST_ZONES = 6
#: less than this share of what is free, being stranded, is not worth a remark
NOTABLE = 0.02


@dataclasses.dataclass(frozen=True, slots=True)
class Amounts:
    """What there is of one resource class, somewhere."""

    capacity: int = 0
    used: int = 0
    free: int = 0

    @property
    def share(self) -> float:
        """The used share, from 0 to 1; 1 where nothing is free, also because nothing was ever there."""
        if self.free <= 0 or self.capacity <= 0:
            return 1.0
        return min(1.0, max(0.0, 1 - self.free / self.capacity))


@dataclasses.dataclass(frozen=True, slots=True)
class HostFacts:
    """A compute host."""

    name: str
    zone: str
    accepts: bool
    why_not: str
    resources: t.Mapping[str, Amounts]

    @property
    def tightest(self) -> str:
        """The resource class of which the largest share is used; empty where the host has none."""
        return max(sorted(self.resources), key=lambda name: self.resources[name].share, default="")


@dataclasses.dataclass(frozen=True, slots=True)
class HostGroup:
    """The hosts of a zone that are in the same aggregates (those apart that are the zone)."""

    zone: str
    aggregates: tuple[str, ...]
    hosts: tuple[HostFacts, ...]
    totals: t.Mapping[str, Amounts]

    @property
    def name(self) -> str:
        """The aggregates as a heading."""
        return " + ".join(self.aggregates) or "in no aggregate"

    @property
    def closed(self) -> int:
        """How many take no guests."""
        return sum(not host.accepts for host in self.hosts)


@dataclasses.dataclass(frozen=True, slots=True)
class LimitFacts:
    """Something that keeps a flavor from fitting more often.

    :param hosts: on how many hosts it is what does
    :param more: how many more would fit without it; None for any number
    """

    name: str
    kind: str
    hosts: int
    more: int | None

    @property
    def text(self) -> str:
        """The limit in words."""
        return words.limit(self.name, self.kind)

    @property
    def more_text(self) -> str:
        """How many more, in words."""
        return "any number" if self.more is None else words.count(self.more)


@dataclasses.dataclass(frozen=True, slots=True)
class FlavorFacts:
    """How often a flavor still fits.

    :param servers: how many there are of it
    :param homes: the zones that they are in
    :param proven: whether it is certain that no more fit
    """

    name: str
    size: str
    servers: int
    homes: frozenset[str]
    fits: int
    proven: bool
    zones: t.Mapping[str, int]
    aggregates: t.Mapping[str, int]
    limits: tuple[LimitFacts, ...]
    unknown: tuple[str, ...]

    @property
    def fits_text(self) -> str:
        """How often it fits, in words."""
        if not self.proven:
            return f"at least {words.count(self.fits)}"
        return words.count(self.fits) if self.fits else "none"


@dataclasses.dataclass(frozen=True, slots=True)
class ResourceFacts:
    """A resource class in the whole cloud.

    :param usable: what is free on hosts that accept guests
    :param stranded: of that, what lies on hosts where ``without`` is gone
    """

    name: str
    total: int | None
    capacity: int
    used: int
    free: int
    usable: int
    stranded: int = 0
    stranded_hosts: int = 0
    without: str = ""

    @property
    def closed(self) -> int:
        """What is free on hosts that take no guests."""
        return max(0, self.free - self.usable)


@dataclasses.dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a report says.

    :param notes: what was asked for, where it was not the whole cloud as it is
    :param servers: how many there are on the hosts; None where the snapshot does not say
    :param zones: names of the zones, in order
    :param limits: what the answer cannot know
    """

    title: str
    taken_at: str
    source: str
    notes: tuple[str, ...]
    headline: str
    remarks: tuple[str, ...]
    servers: int | None
    zones: tuple[str, ...]
    flavors: tuple[FlavorFacts, ...]
    resources: tuple[ResourceFacts, ...]
    groups: tuple[HostGroup, ...]
    limits: tuple[str, ...]

    @property
    def hosts(self) -> list[HostFacts]:
        """All hosts."""
        return [host for group in self.groups for host in group.hosts]

    @property
    def columns(self) -> tuple[str, ...]:
        """The zones, where they are worth a column each."""
        return self.zones if 1 < len(self.zones) <= MOST_ZONES else ()

    @property
    def unknown(self) -> dict[str, list[str]]:
        """What the answer cannot know of single flavors, and of which."""
        found: dict[str, list[str]] = {}
        for flavor in self.flavors:
            for text in flavor.unknown:
                found.setdefault(text, []).append(flavor.name)
        return found

    @property
    def caveats(self) -> list[str]:
        """All that the answer cannot know, as sentences."""
        return [*self.limits, *(f"{words.listed(names)}: {text}" for text, names in self.unknown.items())]


def gather(snapshot: Snapshot, answer: Answer, title: str = "", notes: t.Sequence[str] = ()) -> Facts:
    """The facts of a snapshot and of the answer to a question that was asked of it.

    :param answer: of ``fits`` with ``hosts``
    :param title: a heading; by default it names the cloud
    :param notes: what the question narrowed down or assumed, one sentence each
    """
    servers = [server for server in snapshot.servers if server.host in answer["hosts"]]
    flavors = _flavors(snapshot, answer, servers)
    groups = _groups(answer)
    resources = _resources(answer)
    cloud = words.clean(str(snapshot.source.get("cloud") or ""))
    return Facts(
        title=words.clean(title) or (f"Capacity of {cloud}" if cloud else "Capacity"),
        taken_at=words.clean(str(answer.get("taken_at") or snapshot.taken_at)),
        source=_source(snapshot.source),
        notes=tuple(map(words.clean, notes)),
        headline=_headline(flavors),
        remarks=tuple(_remarks(flavors, groups, resources)),
        servers=len(servers) if "servers" in snapshot.parts else None,
        zones=tuple(sorted({group.zone for group in groups}, key=words.natural)),
        flavors=flavors,
        resources=resources,
        groups=groups,
        limits=tuple(map(words.clean, answer.get("limits", ()))),
    )


def _source(source: t.Mapping[str, t.Any]) -> str:
    """Where the data came from: ``example, region RegionOne, https://...``."""
    region = source.get("region")
    parts = [source.get("cloud"), f"region {region}" if region else None, source.get("auth_url")]
    return words.clean(", ".join(str(part) for part in parts if part))


def _flavors(snapshot: Snapshot, answer: Answer, servers: t.Iterable[Server]) -> tuple[FlavorFacts, ...]:
    """The flavors, the most numerous first."""
    sizes = {flavor.name: _size(flavor.vcpus, flavor.ram_mib, flavor.root_gib) for flavor in snapshot.flavors}
    zones = {name: words.clean(host["zone"]) for name, host in answer["hosts"].items()}
    counts = collections.Counter((server.flavor or "", zones[server.host or ""]) for server in servers)
    numbers: collections.Counter[str] = collections.Counter()
    homes: dict[str, set[str]] = collections.defaultdict(set)
    for (name, zone), number in counts.items():
        numbers[name] += number
        homes[name].add(zone)
    found = [
        FlavorFacts(
            name=words.clean(name),
            size=sizes.get(name, ""),
            servers=numbers[name],
            homes=frozenset(homes[name]),
            fits=given["fits"],
            proven=given["proven"],
            zones={words.clean(zone): number for zone, number in given["zones"].items()},
            aggregates={words.clean(aggregate): number for aggregate, number in given["aggregates"].items()},
            limits=tuple(
                LimitFacts(words.clean(one["limit"]), one["kind"], one["hosts"], one["more"]) for one in given["limits"]
            ),
            unknown=tuple(map(words.clean, given.get("unknown", ()))),
        )
        for name, given in answer["flavors"].items()
    ]
    return tuple(sorted(found, key=lambda flavor: (-flavor.fits, words.natural(flavor.name))))


def _size(vcpus: int, ram_mib: int, root_gib: int) -> str:
    memory, disk = words.amount("MEMORY_MB", ram_mib), words.amount("DISK_GB", root_gib)
    return f"{words.count(vcpus)} vCPU, {memory}" + (f", {disk} disk" if root_gib else "")


def _groups(answer: Answer) -> tuple[HostGroup, ...]:
    """The hosts by zone and by aggregates, the largest groups of a zone first."""
    zones: dict[str, set[str]] = collections.defaultdict(set)
    members: dict[str, set[str]] = collections.defaultdict(set)
    for name, host in answer["hosts"].items():
        zones[host["zone"]].add(name)
        for aggregate in host["aggregates"]:
            members[aggregate].add(name)
    same_as_zone = {name for name, hosts in members.items() if hosts in zones.values()} if len(zones) > 1 else set()

    found: dict[tuple[str, tuple[str, ...]], list[HostFacts]] = collections.defaultdict(list)
    for name in sorted(answer["hosts"], key=words.natural):
        host = answer["hosts"][name]
        aggregates = [words.clean(one) for one in host["aggregates"] if one not in same_as_zone]
        found[words.clean(host["zone"]), tuple(sorted(aggregates, key=words.natural))].append(
            HostFacts(
                name=words.clean(name),
                zone=words.clean(host["zone"]),
                accepts=host["accepts"],
                why_not=words.clean(host["why_not"] or ""),
                resources={
                    resource: Amounts(given["capacity"], given["used"], given["free"])
                    for resource, given in sorted(
                        host["resources"].items(), key=lambda item: words.resource_key(item[0])
                    )
                },
            )
        )
    groups = [HostGroup(zone, names, tuple(hosts), _totals(hosts)) for (zone, names), hosts in found.items()]
    return tuple(sorted(groups, key=lambda group: (words.natural(group.zone), -len(group.hosts), group.aggregates)))


def _totals(hosts: t.Iterable[HostFacts]) -> dict[str, Amounts]:
    """The amounts of the hosts that take guests, added up."""
    sums: dict[str, list[int]] = collections.defaultdict(lambda: [0, 0, 0])
    for host in hosts:
        if host.accepts:
            for name, amounts in host.resources.items():
                total = sums[name]
                total[0] += amounts.capacity
                total[1] += amounts.used
                total[2] += amounts.free
    return {name: Amounts(*sums[name]) for name in sorted(sums, key=words.resource_key)}


def _resources(answer: Answer) -> tuple[ResourceFacts, ...]:
    stranded = answer.get("stranded", {})
    nothing = {"amount": 0, "hosts": 0, "without": ""}
    found = []
    for name in sorted(answer["resources"], key=words.resource_key):
        given, lost = answer["resources"][name], stranded.get(name, nothing)
        found.append(
            ResourceFacts(
                name=words.clean(name),
                total=given.get("total"),
                capacity=given["capacity"],
                used=given["used"],
                free=given["free"],
                usable=given["usable"],
                stranded=lost["amount"],
                stranded_hosts=lost["hosts"],
                without=words.clean(lost["without"]),
            )
        )
    return tuple(found)


def _headline(flavors: t.Sequence[FlavorFacts]) -> str:
    """The sentence that comes first: about the flavor that most servers have, or of which there is most room."""
    if not flavors:
        return "There are no flavors to count."
    flavor = max(flavors, key=lambda one: (one.servers, one.fits))
    first = next((one for one in flavor.limits if one.kind == "resource"), None)
    if not flavor.fits:
        reason = f": {words.has_run_out(first.name)}" if first else ""
        return f"No room for another {flavor.name}{reason}."
    return f"Room for {flavor.fits_text} more {flavor.name}{_first_to_go(flavor, first)}."


def _first_to_go(flavor: FlavorFacts, limit: LimitFacts | None) -> str:
    """What runs out first, and in which of the zones where the flavor is at home, as the rest of a sentence."""
    if limit is None:
        return ""
    zones = {zone: flavor.zones.get(zone, 0) for zone in flavor.homes | set(flavor.zones)}
    if len(zones) < 2:
        return f"; {words.runs_out(limit.name)} first"
    gone = sorted((zone for zone, number in zones.items() if not number), key=words.natural)
    if gone:
        return f"; {words.has_run_out(limit.name)} in {'zone' if len(gone) == 1 else 'zones'} {words.listed(gone)}"
    return f"; {words.runs_out(limit.name)} first in zone {min(zones, key=lambda zone: (zones[zone], zone))}"


def _remarks(
    flavors: t.Sequence[FlavorFacts], groups: t.Sequence[HostGroup], resources: t.Sequence[ResourceFacts]
) -> t.Iterator[str]:
    """What else has to be known at first sight."""
    without = sorted((flavor.name for flavor in flavors if not flavor.fits), key=words.natural)
    if without:
        yield f"No room at all for {words.listed(without)}."
    hosts, closed = sum(len(group.hosts) for group in groups), sum(group.closed for group in groups)
    if closed:
        yield f"{words.count(closed)} of {words.counted(hosts, 'host')} {'takes' if closed == 1 else 'take'} no guests."
    worst = max((one for one in resources if one.free), key=lambda one: one.stranded / one.free, default=None)
    if worst and worst.stranded > NOTABLE * worst.free:
        yield (
            f"{words.percent(worst.stranded, worst.free)} of the free {words.resource(worst.name)}"
            f" {words.is_or_are(worst.name)} stranded on hosts with {words.too_little(worst.without)}."
        )
