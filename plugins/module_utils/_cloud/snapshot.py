# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read the snapshot of a cloud: Placement's providers (see the module providers) and Nova's lists, at the same time."""

from __future__ import annotations

import collections
import concurrent.futures
import dataclasses
import time
import typing as t

from .._capacity.errors import FlavorError
from .._capacity.model import (
    SHARING,
    Aggregate,
    Flavor,
    Host,
    Provider,
    Server,
    ServerGroup,
    Snapshot,
)
from .._capacity.request import demand
from .errors import listed
from .nova import ComputeService, Nova
from .placement import Placement
from .providers import ProviderReader
from .session import Cloud

#: from so many hosts on, Nova's list of compute nodes is read in pages: the whole would take too long for one call
HOSTS_IN_ONE_CALL = 5000
#: Nova has so many lists to read at a time
NOVA_WORKERS = 4


@dataclasses.dataclass(frozen=True)
class Options:
    """What to read.

    :param servers: servers and server groups as well
    :param everything: total, reserved, ratio and units of every inventory, which takes a call for each provider
    :param previous: an earlier snapshot of the same cloud; only providers that have changed since are read
    :param flavors: flavors besides the cloud's own that will be asked for
    """

    servers: bool = False
    everything: bool = False
    previous: Snapshot | None = None
    flavors: tuple[Flavor, ...] = ()


@dataclasses.dataclass(frozen=True)
class Readings:
    """What the reading took: HTTP calls without the login, seconds, providers taken over from the earlier snapshot and
    providers that changed while it went on, which were read again."""

    calls: int
    seconds: float
    kept: int
    moved: int


def read(cloud: Cloud, options: Options | None = None) -> tuple[Snapshot, Readings]:
    """The snapshot of a cloud.

    :raises CloudError: see Cloud and rest.Service; nothing is left half read
    """
    options = options or Options()
    started, calls = time.monotonic(), cloud.calls
    taken_at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    cloud.login()
    nova = Nova(cloud)
    reader = ProviderReader(
        Placement(cloud), options.previous.providers if options.previous else (), options.everything
    )
    pool = concurrent.futures.ThreadPoolExecutor(max_workers=NOVA_WORKERS)
    try:
        flavors = pool.submit(lambda: [_flavor(row) for row in nova.flavors()])
        aggregates = pool.submit(lambda: [aggregate(row) for row in nova.aggregates()])
        services = pool.submit(nova.compute_services)
        nodes = pool.submit(lambda: _nodes(nova, services.result()))
        servers = pool.submit(lambda: [_server(row) for row in nova.servers_of_all()] if options.servers else [])
        groups = pool.submit(lambda: [_group(row) for row in nova.server_groups()] if options.servers else [])
        providers = reader.read(
            lambda: amounts([*flavors.result(), *options.flavors]),
            lambda: [aggregate.uuid for aggregate in aggregates.result()],
        )
        hosts, limits = _hosts(services.result(), nodes.result(), providers)
        parts = ["providers", "hosts", "aggregates", "flavors"] + (
            ["servers", "server_groups"] if options.servers else []
        )
        snapshot = Snapshot(
            taken_at=taken_at,
            source=cloud.described,
            parts=tuple(parts),
            providers=providers,
            hosts=hosts,
            aggregates=aggregates.result(),
            flavors=flavors.result(),
            servers=_with_groups(servers.result(), groups.result()),
            server_groups=groups.result(),
            limits=(*reader.limits, *limits),
        )
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
    readings = Readings(cloud.calls - calls, round(time.monotonic() - started, 3), reader.kept, reader.moved)
    return snapshot, readings


def amounts(flavors: t.Iterable[Flavor]) -> dict[str, list[int]]:
    """Resource class -> the amounts that servers of these flavors ask of one provider, ascending, with their root disk
    on the host or on a volume. What Nova refuses asks for nothing."""
    found: dict[str, set[int]] = collections.defaultdict(set)
    for flavor in flavors:
        for boot_from_volume in (False, True):
            try:
                request = demand(flavor, boot_from_volume=boot_from_volume).request
            except FlavorError:
                continue
            together: dict[str, int] = collections.defaultdict(int)
            for group in request.groups:
                for name, amount in group.resources:
                    found[name].add(amount)
                    together[name] += amount  # groups may come from one provider, which gives the sum
            for name, amount in together.items():
                found[name].add(amount)
    return {name: sorted(values) for name, values in found.items()}


# ---- Nova's rows


def _flavor(row: t.Mapping[str, t.Any]) -> Flavor:
    return Flavor(
        id=str(row["id"]),
        name=row["name"],
        vcpus=row["vcpus"],
        ram_mib=row["ram"],
        root_gib=row["disk"],
        ephemeral_gib=row.get("OS-FLV-EXT-DATA:ephemeral") or 0,
        swap_mib=row.get("swap") or 0,  # '' for none, before 2.75
        public=bool(row.get("os-flavor-access:is_public", True)),
        disabled=bool(row.get("OS-FLV-DISABLED:disabled")),
        extra_specs=dict(row.get("extra_specs") or {}),
    )


def aggregate(row: t.Mapping[str, t.Any]) -> Aggregate:
    """An aggregate of Nova's row, with all its metadata."""
    return Aggregate(
        id=row["id"],
        uuid=row["uuid"],
        name=row["name"],
        zone=row.get("availability_zone") or None,
        metadata=dict(row.get("metadata") or {}),
        hosts=tuple(sorted(row.get("hosts") or ())),
    )


def _server(row: t.Mapping[str, t.Any]) -> Server:
    flavor = row["flavor"]
    return Server(
        uuid=row["id"],
        host=row.get("OS-EXT-SRV-ATTR:host") or None,
        node=row.get("OS-EXT-SRV-ATTR:hypervisor_hostname") or None,
        flavor=flavor.get("original_name"),
        project=row.get("tenant_id") or "",
        status=row.get("status") or "UNKNOWN",
        zone=row.get("OS-EXT-AZ:availability_zone") or None,
        vcpus=flavor.get("vcpus") or 0,
        ram_mib=flavor.get("ram") or 0,
        disk_gib=(flavor.get("disk") or 0) + (flavor.get("ephemeral") or 0),
    )


def _group(row: t.Mapping[str, t.Any]) -> ServerGroup:
    most = (row.get("rules") or {}).get("max_server_per_host")
    return ServerGroup(
        uuid=row["id"],
        name=row["name"],
        policy=row["policy"],
        max_server_per_host=int(most) if most else None,
        project=row.get("project_id") or "",
        members=tuple(sorted(row.get("members") or ())),
    )


def _with_groups(servers: list[Server], groups: t.Iterable[ServerGroup]) -> list[Server]:
    """The servers, each with its group."""
    of_member = {member: group.uuid for group in groups for member in group.members}
    for server in servers:
        server.group = of_member.get(server.uuid)
    return servers


@dataclasses.dataclass(frozen=True)
class _Node:
    """A compute node: the host of its service, its name, and the kind of hypervisor."""

    host: str
    name: str
    kind: str


def _nodes(nova: Nova, services: t.Mapping[str, ComputeService]) -> list[_Node]:
    if len(services) <= HOSTS_IN_ONE_CALL:
        return [
            _Node(row["service"]["host"], row["hypervisor_hostname"], row.get("hypervisor_type") or "")
            for row in nova.compute_nodes()
        ]
    return [_Node(each.host, each.hostname, each.type) for found in nova.hypervisors().values() for each in found]


def _hosts(
    services: t.Mapping[str, ComputeService], nodes: t.Iterable[_Node], providers: t.Iterable[Provider]
) -> tuple[list[Host], list[str]]:
    """The compute nodes with their services and root providers; and what does not go together, in sentences."""
    roots = {provider.name: provider.uuid for provider in providers if provider.parent is None}
    hosts = []
    for node in sorted(nodes, key=lambda node: node.name):
        service = services.get(node.host)
        if service is not None:  # otherwise it was removed, or came, a moment ago
            hosts.append(
                Host(
                    name=node.host,
                    node=node.name,
                    provider=roots.get(node.name),
                    zone=service.zone or "nova",
                    hypervisor_type=node.kind,
                    status="enabled" if service.enabled else "disabled",
                    state="up" if service.up else "down",
                    disabled_reason=service.disabled_reason,
                    forced_down=service.forced_down,
                )
            )
    limits = []
    nameless = {host for host, service in services.items() if service.up} - {host.name for host in hosts}
    if nameless:
        limits.append(
            "These compute services have no hypervisor, as they are not mapped to a cell: %s." % listed(nameless)
        )
    homeless = [host.node for host in hosts if host.provider is None]
    if homeless:
        limits.append("These hypervisors have no resource provider: %s." % listed(homeless))
    # Nova lists no hypervisor that is not mapped to a cell.
    known = {host.provider for host in hosts}
    orphans = [each.name for each in providers if each.parent is None and each.uuid not in known and _is_compute(each)]
    if orphans:
        limits.append(
            "These resource providers have no hypervisor, and are not counted: %s. "
            "They are not mapped to a cell, or were left over." % listed(orphans)
        )
    return hosts, limits


def _is_compute(provider: Provider) -> bool:
    """Whether a provider has what a hypervisor has, and does not share it."""
    return SHARING not in provider.traits and not {"VCPU", "PCPU", "MEMORY_MB"}.isdisjoint(provider.inventories)
