# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compute hosts of a cloud with all that Nova's API says of them, its host aggregates; and changes of services."""

from __future__ import annotations

import collections
import dataclasses
import fnmatch
import typing as t

from .._capacity.model import Aggregate
from . import snapshot
from .errors import NotFoundError
from .nova import ComputeService, Nova
from .placement import Placement
from .selection import known_traits, with_traits
from .session import Cloud

#: columns of a hypervisor that are numbers for people; Nova leaves them out from 2.88 on
NUMBERS = ("vcpus", "memory_mb", "local_gb", "running_vms")


@dataclasses.dataclass
class ComputeHost:
    """A nova-compute service with its hypervisors (of Ironic there are many) and aggregates.

    ``servers`` is the number of servers as nova-compute has last reported it.
    """

    host: str
    service_id: str
    zone: str
    status: str
    state: str
    disabled_reason: str
    forced_down: bool
    updated_at: str
    hypervisors: list[dict[str, t.Any]] = dataclasses.field(default_factory=list)
    aggregates: list[str] = dataclasses.field(default_factory=list)
    traits: list[str] = dataclasses.field(default_factory=list)

    @property
    def servers(self) -> int:
        """Servers of all its hypervisors."""
        return sum(each["running_vms"] or 0 for each in self.hypervisors)


def read(cloud: Cloud, traits: t.Sequence[str] = ()) -> tuple[list[ComputeHost], list[Aggregate]]:
    """All compute hosts, sorted by name, and all aggregates. Three calls for the first thousand hosts, and one for each
    trait that some provider has.

    :param traits: which traits to read, as names or globs; without any, Placement is not asked
    :raises CloudError: see Cloud and rest.Service; there is no half result
    """
    nova = Nova(cloud)
    parts: list[t.Callable[[], t.Any]] = [
        nova.compute_services,
        lambda: hypervisors(nova),
        lambda: read_aggregates(nova),
    ]
    services, nodes, aggregates = cloud.each(lambda part: part(), parts)
    names: dict[str, list[str]] = collections.defaultdict(list)
    for each in aggregates:
        for host in each.hosts:
            names[host].append(each.name)
    hosts = [_host(service, nodes, names[host]) for host, service in sorted(services.items())]
    if traits:
        _add_traits(Placement(cloud), hosts, traits)
    return hosts, list(aggregates)


def hypervisors(nova: Nova) -> dict[str, list[dict[str, t.Any]]]:
    """All compute nodes by the host of their service, with what they are and how large they are."""
    found: dict[str, list[dict[str, t.Any]]] = collections.defaultdict(list)
    for row in nova.pages("/os-hypervisors/detail", "hypervisors"):
        found[row["service"]["host"]].append(
            {
                "uuid": str(row["id"]),
                "hypervisor_hostname": row["hypervisor_hostname"],
                "hypervisor_type": row.get("hypervisor_type") or "",
                "hypervisor_version": row.get("hypervisor_version"),
                "host_ip": row.get("host_ip"),
                **{name: row.get(name) for name in NUMBERS},
            }
        )
    return found


def aggregate(row: t.Mapping[str, t.Any]) -> Aggregate:
    """An aggregate of Nova's row, the availability zone not in its metadata."""
    found = snapshot.aggregate(row)
    metadata = {key: value for key, value in found.metadata.items() if key != "availability_zone"}
    return dataclasses.replace(found, metadata=metadata)


def read_aggregates(nova: Nova) -> tuple[Aggregate, ...]:
    """All aggregates, sorted by name."""
    return tuple(sorted((aggregate(row) for row in nova.aggregates()), key=lambda each: each.name))


def _host(
    service: ComputeService,
    nodes: t.Mapping[str, list[dict[str, t.Any]]],
    aggregates: t.Sequence[str],
) -> ComputeHost:
    return ComputeHost(
        host=service.host,
        service_id=service.id,
        zone=service.zone,
        status=service.status,
        state=service.state,
        disabled_reason=service.disabled_reason,
        forced_down=service.forced_down,
        updated_at=service.updated_at,
        hypervisors=sorted(nodes.get(service.host, ()), key=lambda node: str(node["hypervisor_hostname"])),
        aggregates=list(aggregates),
    )


def _add_traits(placement: Placement, hosts: t.Iterable[ComputeHost], patterns: t.Sequence[str]) -> None:
    """Have each host know which of these traits its compute nodes have."""
    names = [
        name
        for name in known_traits(placement, associated="true")
        if any(fnmatch.fnmatchcase(name, pattern) for pattern in patterns)
    ]
    holders = placement.cloud.each(lambda name: with_traits(placement, [name]), names)
    for host in hosts:
        own = {node["uuid"] for node in host.hypervisors}
        host.traits = sorted(name for name, uuids in zip(names, holders, strict=True) if own & uuids)


# ---- changes of services


def update_service(nova: Nova, service_id: str, changes: t.Mapping[str, t.Any]) -> None:
    """Change status, disabled_reason and forced_down of a service in one request."""
    nova.put("/os-services/" + service_id, dict(changes))


def delete_service(nova: Nova, service_id: str) -> None:
    """Delete a service with its compute nodes, its membership in aggregates, its resource providers and its mapping to
    a cell. Nova refuses (409) as long as there are servers or migrations. One that is gone already is none to delete.
    """
    try:
        nova.delete("/os-services/" + service_id)
    except NotFoundError:
        pass


def servers_of(nova: Nova, host: str) -> list[str]:
    """Names of the servers of all projects on a host, deleted ones left out."""
    return [server.name or server.id for server in nova.servers({"all_tenants": "True", "host": host})]


def allocated(placement: Placement, provider: str) -> dict[str, int]:
    """What is allocated in the whole tree of a compute node, by resource class; nothing of one that is gone."""
    sums: dict[str, int] = collections.defaultdict(int)
    rows = placement.part("/resource_providers", "resource_providers", params={"in_tree": provider})
    for row in rows:
        found = placement.usages_at(row["uuid"])
        for name, used in (found[1] if found else {}).items():
            sums[name] += used
    return {name: used for name, used in sums.items() if used}
