# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nova adds to Placement: which hosts the scheduler refuses, and how many servers it allows on one.

A rule is a function of a place and a demand. Hosts of one place are alike for all rules, so a rule is asked once for
each place, not for each host. Sources: nova/scheduler/filters/ and nova/scheduler/request_filter.py (2026.1).
"""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import functools
import typing as t

from .errors import QuestionError, UnknownNameError
from .groups import Request
from .model import SHARING, Aggregate, Host, ServerGroup, Snapshot
from .request import STATUS_DISABLED, Demand, is_true
from .scheduler import AGGREGATE_SCOPE, FILTER_TENANT_ID, Scheduler

POLICIES = ("affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity")


#: ``ImageMetaProps.fields`` that are booleans
IMAGE_SWITCHES = frozenset(
    (
        "hw_boot_menu",
        "hw_ephemeral_encryption",
        "hw_firmware_stateless",
        "hw_ipxe_boot",
        "hw_locked_memory",
        "hw_mem_encryption",
        "hw_pmu",
        "hw_qemu_guest_agent",
        "hw_time_hpet",
        "hw_vif_multiqueue_enabled",
        "hw_virtio_packed_ring",
        "img_bdm_v2",
        "img_bittorrent",
        "img_cache_in_nova",
        "img_hide_hypervisor_id",
        "img_linked_clone",
        "img_use_agent",
        "os_require_quiesce",
        "os_skip_agent_inject_files_at_boot",
        "os_skip_agent_inject_ssh",
    )
)
#: others of them that begin with os_
IMAGE_OS_PROPERTIES = frozenset(("os_admin_user", "os_command_line", "os_distro", "os_secure_boot", "os_type"))


@dataclasses.dataclass(frozen=True)
class Place:
    """All that the rules look at of a host.

    :param aggregates: host aggregates of Nova's that it is in
    :param in_placement: uuids of the aggregates that its resource provider is in
    """

    enabled: bool
    up: bool
    zone: str
    hypervisor_type: str
    has_provider: bool
    aggregates: tuple[Aggregate, ...]
    in_placement: frozenset[str]

    @functools.cached_property
    def metadata(self) -> dict[str, set[str]]:
        """Values by key, split at commas (``filters/utils.py aggregate_metadata_get_by_host``)."""
        found: dict[str, set[str]] = collections.defaultdict(set)
        for aggregate in self.aggregates:
            for key, value in _metadata(aggregate).items():
                found[key].update(part.strip() for part in value.split(","))
        return dict(found)

    def values(self, key: str) -> set[str]:
        """Values of one key, as they are (``filters/utils.py aggregate_values_from_key``)."""
        return {metadata[key] for aggregate in self.aggregates if key in (metadata := _metadata(aggregate))}


def _metadata(aggregate: Aggregate) -> dict[str, str]:
    """The metadata with the zone, which is metadata for Nova itself."""
    return {**aggregate.metadata, "availability_zone": aggregate.zone} if aggregate.zone else aggregate.metadata


class Places:
    """The hosts of a snapshot and their places.

    :ivar hosts: the hosts, in the order of the snapshot
    :ivar places: the different places
    :ivar of: for each host the number of its place
    """

    def __init__(self, snapshot: Snapshot) -> None:
        self.hosts = snapshot.hosts
        self.places: list[Place] = []
        self.of: list[int] = []
        by_host: dict[str, list[Aggregate]] = collections.defaultdict(list)
        for aggregate in snapshot.aggregates:
            for name in aggregate.hosts:
                by_host[name].append(aggregate)
        providers = {provider.uuid: provider for provider in snapshot.providers}
        mirrored = any(provider.aggregates for provider in snapshot.providers)
        known: dict[t.Any, int] = {}
        for host in snapshot.hosts:
            aggregates = by_host.get(host.name, [])
            provider = providers.get(host.provider or "")
            enabled = host.status == "enabled" and not (provider and STATUS_DISABLED in provider.traits)
            up = host.state == "up" and not host.forced_down
            ids = tuple(aggregate.id for aggregate in aggregates)
            in_placement = (
                provider.aggregates
                if mirrored and provider is not None
                else frozenset(aggregate.uuid for aggregate in aggregates)
            )
            key = (enabled, up, host.zone, host.hypervisor_type, provider is not None, ids, in_placement)
            number = known.get(key)
            if number is None:
                number = known[key] = len(self.places)
                self.places.append(
                    Place(enabled, up, host.zone, host.hypervisor_type, key[4], tuple(aggregates), in_placement)
                )
            self.of.append(number)


@dataclasses.dataclass(frozen=True, slots=True)
class Group:
    """A server group as far as the scheduler is concerned.

    :param members: how many members there are, by the name of the host
    """

    policy: str
    max_server_per_host: int = 1
    members: t.Mapping[str, int] = dataclasses.field(default_factory=dict)

    @property
    def one_host(self) -> bool:
        """Whether all that is asked for has to go to one host, and any will do."""
        return self.policy == "affinity" and not self.members


def existing_group(snapshot: Snapshot, name: str) -> Group:
    """The server group of that uuid or name.

    :raises UnknownNameError: there is none
    :raises QuestionError: several have the name, or the snapshot has no servers
    """
    need(snapshot, "server_groups", "the server group %s" % name)
    need(snapshot, "servers", "the server group %s" % name)
    found = [each for each in snapshot.server_groups if name in (each.uuid, each.name)]
    if not found:
        raise UnknownNameError("server group", name, [each.name for each in snapshot.server_groups])
    if len(found) > 1:
        raise QuestionError(
            "there are %d server groups '%s': give the uuid, one of %s"
            % (len(found), name, ", ".join(sorted(each.uuid for each in found)))
        )
    return _group(snapshot, found[0])


def _group(snapshot: Snapshot, group: ServerGroup) -> Group:
    members = set(group.members)
    hosts = collections.Counter(
        server.host
        for server in snapshot.servers
        if server.host and (server.uuid in members or server.group == group.uuid)
    )
    return Group(group.policy, group.max_server_per_host or 1, dict(hosts))


def new_group(policy: str, max_server_per_host: int | None = None) -> Group:
    """A server group that there is not yet.

    :raises QuestionError: no such policy, or a number that Nova would refuse
    """
    if policy not in POLICIES:
        raise QuestionError("a server group has one of the policies %s, not '%s'" % (", ".join(POLICIES), policy))
    if max_server_per_host is not None and (policy != "anti-affinity" or max_server_per_host < 1):
        raise QuestionError("max_server_per_host is for the policy anti-affinity, and 1 at least")
    return Group(policy, max_server_per_host or 1)


def need(snapshot: Snapshot, part: str, what: str) -> None:
    """Nothing, if the snapshot has all of that part.

    :raises QuestionError: it has not
    """
    if part not in snapshot.parts:
        raise QuestionError("the snapshot has no %s, which %s needs" % (part.replace("_", " "), what))


@dataclasses.dataclass(frozen=True, slots=True)
class Terms:
    """What is asked for beside the flavor.

    :param project: its id; None for a project that no aggregate is reserved for
    :param zone: the availability zone asked for
    :param aggregate: only hosts of this host aggregate count (which is our question; Nova knows no such request)
    """

    scheduler: Scheduler = dataclasses.field(default_factory=Scheduler)
    project: str | None = None
    zone: str | None = None
    aggregate: str | None = None
    group: Group | None = None


class Rules:
    """The rules for one question."""

    def __init__(self, snapshot: Snapshot, terms: Terms) -> None:
        self.terms = terms
        self.places = Places(snapshot)
        self.aggregates = snapshot.aggregates
        self.sharing = any(SHARING in provider.traits for provider in snapshot.providers)
        self.zone_aggregates = frozenset(
            aggregate.uuid for aggregate in snapshot.aggregates if terms.zone and aggregate.zone == terms.zone
        )
        self.tenant_aggregates = frozenset(
            aggregate.uuid
            for aggregate in snapshot.aggregates
            if any(
                key.startswith(FILTER_TENANT_ID) and value == terms.project for key, value in aggregate.metadata.items()
            )
        )
        self.servers: dict[str, int] = {}
        if terms.scheduler.has("NumInstancesFilter") or terms.scheduler.has("AggregateNumInstancesFilter"):
            need(snapshot, "servers", "max_instances_per_host")
            nodes = {host.name: host.node for host in snapshot.hosts}
            self.servers = collections.Counter(
                server.node or nodes.get(server.host, "") for server in snapshot.servers if server.host
            )

    def isolated_aggregates(self, demand: Demand) -> frozenset[str]:
        """``request_filter.isolate_aggregates``: those that require a trait which is not asked for."""
        if not self.terms.scheduler.enable_isolated_aggregate_filtering:
            return frozenset()
        asked = {
            "trait:%s" % trait
            for group in demand.request.groups
            for alternatives in group.required
            for trait in alternatives
        }
        return frozenset(
            aggregate.uuid
            for aggregate in self.aggregates
            if any(
                key.startswith("trait:") and value == "required" and key not in asked
                for key, value in aggregate.metadata.items()
            )
        )

    def refusals(self, demand: Demand) -> list[tuple[str, ...]]:
        """For each place the names of all rules that refuse it."""
        scheduler = self.terms.scheduler
        ask = Ask(self.terms, demand, self.zone_aggregates, self.tenant_aggregates, self.isolated_aggregates(demand))
        rules = [(name, rule) for name, enabled_by, rule in RULES if not enabled_by or scheduler.has(enabled_by)]
        return [tuple(name for name, rule in rules if rule(place, ask)) for place in self.places.places]

    def request(self, demand: Demand) -> Request:
        """The request with the aggregates that the prefilters add; they matter to sharing providers only.

        The host's own aggregates, and whether it is disabled, are up to the rules.
        """
        request = dataclasses.replace(demand.request, root_forbidden=demand.request.root_forbidden - {STATUS_DISABLED})
        if not self.sharing:
            return request
        wanted = [self.zone_aggregates]
        if self.terms.scheduler.limit_tenants_to_placement_aggregate:
            wanted.append(self.tenant_aggregates)
        member_of = tuple(filter(None, wanted))
        isolated = self.isolated_aggregates(demand)
        groups = tuple(
            group if group.suffix else dataclasses.replace(group, member_of=member_of, not_member_of=isolated)
            for group in request.groups
        )
        return dataclasses.replace(request, groups=groups)

    def caps(self) -> dict[str, c.Callable[[Host, Place], int]]:
        """How many more servers each rule on numbers allows on a host; by the names of the rules."""
        scheduler, group = self.terms.scheduler, self.terms.group
        found: dict[str, c.Callable[[Host, Place], int]] = {}
        if scheduler.has("NumInstancesFilter") or scheduler.has("AggregateNumInstancesFilter"):
            found["max_instances_per_host"] = self._instances_left
        if group is not None and group.policy == "anti-affinity":
            found["anti-affinity"] = lambda host, place: max(
                0, group.max_server_per_host - group.members.get(host.name, 0)
            )
        if group is not None and group.policy == "affinity" and group.members:
            found["affinity"] = lambda host, place: UNLIMITED if host.name in group.members else 0
        return found

    def _instances_left(self, host: Host, place: Place) -> int:
        """NumInstancesFilter, AggregateNumInstancesFilter: the least value of the aggregates, else nova.conf's."""
        most = self.terms.scheduler.max_instances_per_host
        limit = most
        if self.terms.scheduler.has("AggregateNumInstancesFilter"):
            try:
                limit = min((int(value) for value in place.values("max_instances_per_host")), default=most)
            except ValueError:
                limit = most  # as Nova does, with a warning in its log
        if self.terms.scheduler.has("NumInstancesFilter"):
            limit = min(limit, most)
        return max(0, limit - self.servers.get(host.node, 0))


#: More than any host holds.
UNLIMITED = 1 << 62


@dataclasses.dataclass(frozen=True, slots=True)
class Ask:
    """What the rules get to know of a demand."""

    terms: Terms
    demand: Demand
    zone_aggregates: frozenset[str]
    tenant_aggregates: frozenset[str]
    isolated_aggregates: frozenset[str]


def no_provider(place: Place, ask: Ask) -> bool:
    """Placement does not know the host, so it is in no candidate."""
    return not place.has_provider


def host_disabled(place: Place, ask: Ask) -> bool:
    """``compute_status_filter`` with the trait COMPUTE_STATUS_DISABLED, which cannot be turned off; ComputeFilter"""
    return not place.enabled


def host_down(place: Place, ask: Ask) -> bool:
    """ComputeFilter"""
    return not place.up


def flavor_disabled(place: Place, ask: Ask) -> bool:
    """nova/compute/api.py: no server is created of a disabled flavor."""
    return ask.demand.flavor.disabled


def other_zone(place: Place, ask: Ask) -> bool:
    """AvailabilityZoneFilter up to 2023.2, ``map_az_to_placement_aggregate`` since."""
    return ask.terms.zone is not None and place.zone != ask.terms.zone


def zone_not_in_placement(place: Place, ask: Ask) -> bool:
    """``map_az_to_placement_aggregate``, where the aggregate of the zone was not mirrored to Placement."""
    return (
        place.zone == ask.terms.zone
        and bool(ask.zone_aggregates)
        and place.has_provider
        and ask.zone_aggregates.isdisjoint(place.in_placement)
    )


def other_aggregate(place: Place, ask: Ask) -> bool:
    """The question is about the hosts of one aggregate."""
    name = ask.terms.aggregate
    return name is not None and all(aggregate.name != name for aggregate in place.aggregates)


def tenant_isolation(place: Place, ask: Ask) -> bool:
    """AggregateMultiTenancyIsolation"""
    tenants: set[str] = set()
    for key, values in place.metadata.items():
        if key.startswith(FILTER_TENANT_ID):
            tenants |= values
    return bool(tenants) and ask.terms.project not in tenants


def tenant_aggregate(place: Place, ask: Ask) -> bool:
    """``require_tenant_aggregate``"""
    scheduler = ask.terms.scheduler
    if not scheduler.limit_tenants_to_placement_aggregate:
        return False
    if ask.tenant_aggregates:
        return ask.tenant_aggregates.isdisjoint(place.in_placement)
    return scheduler.placement_aggregate_required_for_tenants


def isolated_aggregate(place: Place, ask: Ask) -> bool:
    """``isolate_aggregates``"""
    return not ask.isolated_aggregates.isdisjoint(place.in_placement)


def aggregate_extra_specs(place: Place, ask: Ask) -> bool:
    """AggregateInstanceExtraSpecsFilter"""
    for key, wanted in ask.demand.flavor.extra_specs.items():
        if ":" in key:
            if not key.startswith(AGGREGATE_SCOPE):
                continue
            key = key.removeprefix(AGGREGATE_SCOPE)
        values = place.metadata.get(key)
        if not values or not any(matches(value, wanted) for value in values):
            return True
    return False


def aggregate_image_properties(place: Place, ask: Ask) -> bool:
    """AggregateImagePropertiesIsolation, without a namespace"""
    properties = ask.demand.image.properties
    for key, values in place.metadata.items():
        value = properties.get(key, "")
        if key in IMAGE_SWITCHES:
            value = str(is_true(value) or "")  # Nova has it as a boolean, and compares str() of it
        elif not key.startswith(("hw_", "img_")) and key not in IMAGE_OS_PROPERTIES:
            continue  # Nova does not keep properties of one's own, nor os_version
        if value and value not in values:
            return True
    return False


def aggregate_instance_type(place: Place, ask: Ask) -> bool:
    """AggregateTypeAffinityFilter"""
    values = place.values("instance_type")
    names = {name.strip() for value in values for name in value.split(",")}
    return bool(values) and ask.demand.flavor.name not in names


def hypervisor_type(place: Place, ask: Ask) -> bool:
    """ComputeCapabilitiesFilter, of which no other capability can be seen"""
    wanted = ask.demand.flavor.extra_specs.get("capabilities:hypervisor_type")
    return bool(wanted) and not matches(place.hypervisor_type, wanted or "")


Rule = c.Callable[[Place, Ask], bool]

#: Name in the answer, the filter that has to be enabled for it, and the rule.
RULES: tuple[tuple[str, str, Rule], ...] = (
    ("no resource provider", "", no_provider),
    ("host disabled", "", host_disabled),
    ("host down", "ComputeFilter", host_down),
    ("flavor disabled", "", flavor_disabled),
    ("zone", "", other_zone),
    ("zone not in Placement", "", zone_not_in_placement),
    ("aggregate", "", other_aggregate),
    ("tenant isolation", "AggregateMultiTenancyIsolation", tenant_isolation),
    ("tenant aggregate", "", tenant_aggregate),
    ("isolated aggregate", "", isolated_aggregate),
    ("aggregate extra specs", "AggregateInstanceExtraSpecsFilter", aggregate_extra_specs),
    ("aggregate image properties", "AggregateImagePropertiesIsolation", aggregate_image_properties),
    ("aggregate instance type", "AggregateTypeAffinityFilter", aggregate_instance_type),
    ("hypervisor type", "ComputeCapabilitiesFilter", hypervisor_type),
)


def closed(place: Place) -> str | None:
    """Why no guest at all goes to the hosts of this place; None when they are open."""
    if not place.has_provider:
        return "no resource provider"
    if not place.enabled:
        return "host disabled"
    return None if place.up else "host down"


_NUMBERS: t.Mapping[str, c.Callable[[float, float], bool]] = {
    "=": lambda value, wanted: value >= wanted,
    "==": lambda value, wanted: value == wanted,
    "!=": lambda value, wanted: value != wanted,
    ">=": lambda value, wanted: value >= wanted,
    "<=": lambda value, wanted: value <= wanted,
}
_TEXTS: t.Mapping[str, c.Callable[[str, str], bool]] = {
    "s==": lambda value, wanted: value == wanted,
    "s!=": lambda value, wanted: value != wanted,
    "s<": lambda value, wanted: value < wanted,
    "s<=": lambda value, wanted: value <= wanted,
    "s>": lambda value, wanted: value > wanted,
    "s>=": lambda value, wanted: value >= wanted,
    "<in>": lambda value, wanted: wanted in value,
}


def matches(value: str, wanted: str) -> bool:
    """``extra_specs_ops.match``: whether a value is as an extra spec wants it, ``>= 4`` or ``<or> a <or> b``.

    Nova stops with an error at a number that is none; here it does not match.
    """
    operator, *words = wanted.split() or [""]
    if operator == "<or>":
        return value in words[::2]
    if operator == "<all-in>":
        return bool(words) and all(word in value for word in words)
    if operator in _TEXTS:
        return bool(words) and _TEXTS[operator](value, words[0])
    if operator in _NUMBERS:
        try:
            return bool(words) and _NUMBERS[operator](float(value), float(words[0]))
        except ValueError:
            return False
    return value == wanted
