# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much room the hosts of an aggregate have, once they are in it. The capacity engine decides."""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses

from .._capacity.fits import Survey, fits
from .._capacity.mix import mix
from .._capacity.model import Aggregate, Flavor, Server, Snapshot
from .._capacity.scheduler import FILTER_TENANT_ID
from .._capacity.whatif import DEFAULT_ZONE


def pictured(snapshot: Snapshot, aggregates: c.Sequence[Aggregate]) -> Snapshot:
    """The snapshot with these aggregates in the place of its own, as Nova would mirror them in Placement."""
    zones: dict[str, str] = {}
    uuids: dict[str, set[str]] = collections.defaultdict(set)
    for each in aggregates:
        for host in each.hosts:
            uuids[host].add(each.uuid)
            if each.zone:
                zones[host] = each.zone
    had_zone = {host for each in snapshot.aggregates if each.zone for host in each.hosts}
    hosts = []
    for entry in snapshot.hosts:
        zone = zones.get(entry.name, DEFAULT_ZONE if entry.name in had_zone else entry.zone)
        hosts.append(entry if zone == entry.zone else dataclasses.replace(entry, zone=zone))
    providers = snapshot.providers
    if any(provider.aggregates for provider in providers):
        of_nova = {each.uuid for each in snapshot.aggregates}
        names = {entry.provider: entry.name for entry in snapshot.hosts if entry.provider}
        providers = [
            dataclasses.replace(
                provider, aggregates=(provider.aggregates - of_nova) | frozenset(uuids.get(names[provider.uuid], ()))
            )
            if provider.uuid in names
            else provider
            for provider in providers
        ]
    return dataclasses.replace(snapshot, hosts=hosts, providers=providers, aggregates=list(aggregates))


def room(snapshot: Snapshot, aggregate: Aggregate, flavor: str) -> dict[str, int]:
    """How many more servers of the flavor each host of the aggregate takes; the snapshot has the aggregate as given.

    An aggregate that is reserved for projects is asked for one of them.

    :raises CapacityError: there is no such flavor, or the snapshot has not what the question needs
    """
    answer = fits(snapshot, [flavor], project=_one_of(_projects(aggregate)), aggregate=aggregate.name)
    (found,) = answer["flavors"].values()
    members = frozenset(aggregate.hosts)
    return {host: count for host, count in found["hosts"].items() if host in members}


def isolates(metadata: c.Mapping[str, str]) -> bool:
    """Whether metadata keeps other servers away (nova/scheduler/request_filter.py, AggregateMultiTenancyIsolation)."""
    return any(key.startswith(FILTER_TENANT_ID) or _requires(key, value) for key, value in metadata.items())


def shortage(snapshot: Snapshot, aggregate: Aggregate, leaving: c.Container[str]) -> str:
    """What an isolated aggregate lacks to take its servers on other hosts; empty if they fit.

    Its servers are those of the projects that it is reserved for whose flavors ask for the traits that it requires.

    :param snapshot: with servers, and with the aggregate as given
    :param leaving: names of the other hosts
    :raises CapacityError: the question cannot be answered
    """
    projects = _projects(aggregate)
    traits = [key.partition(":")[2] for key, value in aggregate.metadata.items() if _requires(key, value)]
    flavors = {flavor.name: flavor for flavor in snapshot.flavors}
    counts: collections.Counter[str] = collections.Counter()
    for server in snapshot.servers:
        if server.host in leaving and (not projects or server.project in projects):
            flavor = flavors.get(server.flavor or "") or _deleted(server, traits)
            if all(_asks(flavor, trait) for trait in traits):
                counts[flavor.name] += 1
                flavors[flavor.name] = flavor
    if not counts:
        return ""
    survey = Survey(snapshot, project=_one_of(projects), aggregate=aggregate.name)
    demands = [(survey.demand(flavors[name], None, False), count) for name, count in sorted(counts.items())]
    answer = mix(survey, demands)
    if answer["fits"]:
        return ""
    missing = ", ".join("%d of %d of %s" % (count, counts[name], name) for name, count in answer["missing"].items())
    verb = "is left" if answer["proven"] else "was found (that there is none is not proven)"
    return " ".join(["No place %s for %s." % (verb, missing), *answer["reasons"]]).rstrip(".")


def _projects(aggregate: Aggregate) -> list[str]:
    """The projects that an aggregate is reserved for."""
    values = [value for key, value in sorted(aggregate.metadata.items()) if key.startswith(FILTER_TENANT_ID)]
    return [project.strip() for value in values for project in value.split(",")]


def _one_of(projects: c.Sequence[str]) -> str | None:
    return projects[0] if projects else None


def _requires(key: str, value: str) -> bool:
    """Whether metadata keeps away servers that do not ask for a trait."""
    return key.startswith("trait:") and value == "required"


def _asks(flavor: Flavor, trait: str) -> bool:
    """Whether a flavor asks for a trait, be it in a numbered group."""
    return any(
        key.startswith("trait") and key.partition(":")[2] == trait and value == "required"
        for key, value in flavor.extra_specs.items()
    )


def _deleted(server: Server, traits: c.Iterable[str]) -> Flavor:
    """The flavor of a server, which there is no more, of what Nova says of the server."""
    specs = {"trait:%s" % trait: "required" for trait in traits}
    name = server.flavor or "a flavor that was deleted"
    return Flavor(name, name, server.vcpus, server.ram_mib, server.disk_gib, extra_specs=specs)
