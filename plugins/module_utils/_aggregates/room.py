# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""How much room the hosts of an aggregate have for a flavor, once they are in it. The capacity engine decides."""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses

from .._capacity.fits import fits
from .._capacity.model import Aggregate, Snapshot
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
    projects = [value for key, value in sorted(aggregate.metadata.items()) if key.startswith(FILTER_TENANT_ID)]
    project = projects[0].split(",")[0].strip() if projects else None
    answer = fits(snapshot, [flavor], project=project, aggregate=aggregate.name)
    (found,) = answer["flavors"].values()
    members = frozenset(aggregate.hosts)
    return {host: count for host, count in found["hosts"].items() if host in members}
