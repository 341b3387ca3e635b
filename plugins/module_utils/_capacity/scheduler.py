# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the ``nova.conf`` of the scheduler says. No API shows it, so it is given, or assumed from what is in use."""

from __future__ import annotations

import dataclasses
import typing as t

from .errors import QuestionError, near
from .model import Flavor, Snapshot

#: ``[filter_scheduler] enabled_filters`` of an untouched nova.conf (nova/conf/scheduler.py).
DEFAULT_FILTERS = (
    "ComputeFilter",
    "ComputeCapabilitiesFilter",
    "ImagePropertiesFilter",
    "ServerGroupAntiAffinityFilter",
    "ServerGroupAffinityFilter",
)
#: Filters whose outcome follows from the snapshot.
KNOWN_FILTERS = (
    *DEFAULT_FILTERS,
    "AggregateInstanceExtraSpecsFilter",
    "AggregateImagePropertiesIsolation",
    "AggregateMultiTenancyIsolation",
    "AggregateNumInstancesFilter",
    "AggregateTypeAffinityFilter",
    "NumInstancesFilter",
)
#: Filters that make no difference to how many fit, or that look at what no snapshot has.
OTHER_FILTERS = (
    "AggregateIoOpsFilter",
    "AllHostsFilter",
    "AvailabilityZoneFilter",
    "DifferentHostFilter",
    "IoOpsFilter",
    "IsolatedHostsFilter",
    "JsonFilter",
    "MetricsFilter",
    "NUMATopologyFilter",
    "PciPassthroughFilter",
    "SameHostFilter",
    "SimpleCIDRAffinityFilter",
)
#: Those of them that may refuse a host for a reason which cannot be seen from outside.
UNSEEN_FILTERS = {
    "AggregateIoOpsFilter": "servers that are being built",
    "IoOpsFilter": "servers that are being built",
    "IsolatedHostsFilter": "isolated_hosts in nova.conf",
    "MetricsFilter": "metrics of the hosts",
}

#: Those that refuse a host for a reason which Placement does not know.
AFTER_PLACEMENT = frozenset(KNOWN_FILTERS) - frozenset(DEFAULT_FILTERS)
#: ``[scheduler] max_placement_results`` of an untouched nova.conf
MAX_PLACEMENT_RESULTS = 1000

FILTER_TENANT_ID = "filter_tenant_id"
AGGREGATE_SCOPE = "aggregate_instance_extra_specs:"


@dataclasses.dataclass(frozen=True, slots=True)
class Scheduler:
    """Options of the sections ``[scheduler]`` and ``[filter_scheduler]``, under their own names and defaults."""

    enabled_filters: frozenset[str] = frozenset(DEFAULT_FILTERS)
    max_instances_per_host: int = 50
    enable_isolated_aggregate_filtering: bool = False
    limit_tenants_to_placement_aggregate: bool = False
    placement_aggregate_required_for_tenants: bool = False
    query_placement_for_image_type_support: bool = False
    image_metadata_prefilter: bool = False
    #: sentences on what was assumed
    assumed: tuple[str, ...] = ()

    def has(self, name: str) -> bool:
        """Whether the filter of that name is enabled."""
        return name in self.enabled_filters

    def unseen(self, hosts: int) -> list[str]:
        """Sentences on what the scheduler may find otherwise among so many hosts."""
        found = [
            "%s looks at %s, which no API shows." % (name, what)
            for name, what in UNSEEN_FILTERS.items()
            if name in self.enabled_filters
        ]
        after = sorted(AFTER_PLACEMENT & self.enabled_filters)
        if hosts > MAX_PLACEMENT_RESULTS and after:
            found.append(
                "By default Nova's scheduler takes %d candidates from Placement before it applies %s, "
                "and may so miss hosts that are counted here." % (MAX_PLACEMENT_RESULTS, ", ".join(after))
            )
        return found


def configured(
    options: t.Mapping[str, t.Any] | None, snapshot: Snapshot, flavors: t.Collection[Flavor] = ()
) -> Scheduler:
    """The scheduler as given, by the names in nova.conf; the rest as assumed from the snapshot.

    :param flavors: those in question, of which the snapshot need not know
    :raises QuestionError: an unknown option or filter
    """
    given = {key: value for key, value in (options or {}).items() if value is not None}
    fields = [field.name for field in dataclasses.fields(Scheduler) if field.name != "assumed"]
    for key in given:
        if key not in fields:
            raise QuestionError(
                "the scheduler has no option '%s'%s; it has %s" % (key, near(key, fields), ", ".join(fields))
            )
    filters = given.pop("enabled_filters", None)
    assumed: list[str] = []
    if filters is None:
        extra = _filters_in_use(snapshot, [*snapshot.flavors, *flavors])
        if "servers" not in snapshot.parts and extra.pop("AggregateNumInstancesFilter", ""):
            assumed.append("max_instances_per_host of aggregates is passed over, since the snapshot has no servers.")
        filters = [*DEFAULT_FILTERS, *extra]
        assumed += ["It is assumed that the scheduler has the filter %s, since %s." % pair for pair in extra.items()]
    else:
        for name in filters:
            if name not in KNOWN_FILTERS and name not in OTHER_FILTERS:
                raise QuestionError(
                    "'%s' in enabled_filters is no filter of Nova%s"
                    % (name, near(name, [*KNOWN_FILTERS, *OTHER_FILTERS]))
                )
    if "enable_isolated_aggregate_filtering" not in given and _has_isolating_traits(snapshot):
        given["enable_isolated_aggregate_filtering"] = True
        assumed.append(
            "It is assumed that the scheduler has enable_isolated_aggregate_filtering, since aggregates require traits."
        )
    return Scheduler(enabled_filters=frozenset(filters), assumed=tuple(assumed), **given)


def _filters_in_use(snapshot: Snapshot, flavors: t.Collection[Flavor]) -> dict[str, str]:
    """Filters that somebody must have enabled, for otherwise there would be no such metadata; and why."""
    keys = {key for aggregate in snapshot.aggregates for key in aggregate.metadata}
    found: dict[str, str] = {}
    if any(key.startswith(FILTER_TENANT_ID) for key in keys):
        found["AggregateMultiTenancyIsolation"] = "aggregates have %s" % FILTER_TENANT_ID
    if "max_instances_per_host" in keys:
        found["AggregateNumInstancesFilter"] = "aggregates have max_instances_per_host"
    if "instance_type" in keys:
        found["AggregateTypeAffinityFilter"] = "aggregates have instance_type"
    specs = {key for flavor in flavors for key in flavor.extra_specs}
    both = sorted(keys & specs)  # without a scope, as in older documents of Nova: ssd=true
    if any(key.startswith(AGGREGATE_SCOPE) for key in specs):
        found["AggregateInstanceExtraSpecsFilter"] = "flavors have %s" % AGGREGATE_SCOPE.rstrip(":")
    elif both:
        found["AggregateInstanceExtraSpecsFilter"] = "both flavors and aggregates have %s" % ", ".join(both)
    return found


def _has_isolating_traits(snapshot: Snapshot) -> bool:
    return any(
        key.startswith("trait:") and value == "required"
        for aggregate in snapshot.aggregates
        for key, value in aggregate.metadata.items()
    )
