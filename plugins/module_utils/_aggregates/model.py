# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The values that planning is about: what is declared, what is observed, and the plan.

Hosts go by the name of their compute service, aggregates by their name, which Nova keeps unique. Amounts of resource
classes are in the units of the class (VCPU in CPUs, MEMORY_MB in MiB, DISK_GB in GiB).
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import typing as t
from fractions import Fraction

from .._capacity.model import Aggregate, Snapshot

#: Who made an aggregate; only those with this key are ever purged.
OWNER_KEY = "scaleout:owner"
#: What the images of an aggregate were when Nova was last told to cache them.
IMAGES_KEY = "scaleout:images"
OWNER = "scaleout.nova"


class AggregatesError(Exception):
    """A declaration that cannot be read; str() of it is one sentence for the operator."""


# ---- what is declared


@dataclasses.dataclass(frozen=True, slots=True)
class Rule:
    """A condition on a host; all that is given has to hold. A rule of nothing holds for every host.

    :param all: rules that all have to hold
    :param any: rules of which one has to hold; None for no such condition
    :param none: the rule below ``not``
    :param name: patterns as of a shell, one of which the name has to match
    :param groups: inventory groups, in one of which the host has to be
    :param vars: texts by variable, one of which its value has to be
    :param traits: all of which the root resource provider has to have
    :param inventory: least total by resource class
    :param service: "up" or "down"
    """

    all: tuple[Rule, ...] = ()
    any: tuple[Rule, ...] | None = None
    none: Rule | None = None
    name: tuple[str, ...] | None = None
    groups: tuple[str, ...] | None = None
    vars: tuple[tuple[str, tuple[str, ...]], ...] = ()
    traits: tuple[str, ...] = ()
    inventory: tuple[tuple[str, int], ...] = ()
    hypervisor_type: tuple[str, ...] | None = None
    cell: tuple[str, ...] | None = None
    service: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class RoomFor:
    """Room for more servers of a flavor, also with any ``failures`` hosts of the aggregate down."""

    flavor: str
    count: int
    failures: int = 0


@dataclasses.dataclass(frozen=True, slots=True)
class Goal:
    """What the hosts of an aggregate are to be like, of those that its rule holds for.

    :param share: of the hosts that the rule holds for, above 0 and at most 1; rounded to the nearest number of hosts
    :param spread: variable over whose values the hosts are spread, with counts that differ by 1 at most
    :param distinct: least number of values by variable
    """

    share: Fraction | None = None
    count: int | None = None
    at_least: int | None = None
    at_most: int | None = None
    spread: str | None = None
    distinct: tuple[tuple[str, int], ...] = ()
    room_for: RoomFor | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class DeclaredAggregate:
    """One aggregate of the declaration.

    :param zone: availability zone, None for none; means something only with ``sets_zone``
    :param sets_zone: whether the zone is declared; otherwise it stays as it is
    :param metadata: values as the API's strings; None for a key that is not to be there
    :param metadata_exact: whether keys that are not named go away
    :param isolate: whether the traits are required of servers too (``trait:X=required``)
    :param images: names or IDs; None where the declaration does not say
    :param hosts: by list; None where the declaration has a rule, a goal or nothing on the hosts
    """

    name: str
    zone: str | None = None
    sets_zone: bool = False
    metadata: c.Mapping[str, str | None] = dataclasses.field(default_factory=dict)
    metadata_exact: bool = False
    traits: tuple[str, ...] = ()
    isolate: bool = False
    resources: c.Mapping[str, int] = dataclasses.field(default_factory=dict)
    images: tuple[str, ...] | None = None
    remove_extra_hosts: bool = False
    hosts: tuple[str, ...] | None = None
    rule: Rule | None = None
    goal: Goal | None = None
    apart_from: tuple[str, ...] = ()

    @property
    def selects(self) -> bool:
        """Whether the declaration says anything on the hosts."""
        return self.hosts is not None or self.rule is not None or self.goal is not None


@dataclasses.dataclass(frozen=True, slots=True)
class ExactlyOneOf:
    """Aggregates of which each host (that the rule holds for) is in exactly one."""

    aggregates: tuple[str, ...]
    rule: Rule | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Declaration:
    """All that is declared."""

    aggregates: tuple[DeclaredAggregate, ...] = ()
    exactly_one_of: tuple[ExactlyOneOf, ...] = ()


@dataclasses.dataclass(frozen=True, slots=True)
class Needs:
    """What has to be read of the hosts for a declaration, beside aggregates and services."""

    traits: bool = False
    inventory: bool = False
    hypervisor_type: bool = False
    cell: bool = False
    snapshot: bool = False


# ---- what is observed


@dataclasses.dataclass(frozen=True, slots=True)
class ObservedHost:
    """A compute host of the cloud. What was not read has its default.

    :param up: state of the compute service
    :param traits: of the root resource provider
    :param inventory: totals of the root resource provider by resource class
    :param servers: how many are on the host; None where they were not counted
    """

    name: str
    up: bool = True
    hypervisor_type: str = ""
    cell: str | None = None
    traits: frozenset[str] = frozenset()
    inventory: c.Mapping[str, int] = dataclasses.field(default_factory=dict)
    servers: int | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Observed:
    """The cloud as it is.

    :param hosts: by name
    :param aggregates: all that Nova has, ``metadata`` without the availability zone
    :param mirror: hosts by uuid of an aggregate whose resource providers are in it in Placement; None: not read
    :param snapshot: of the cloud with providers, hosts, aggregates and flavors, where a goal asks for room; with
        servers, where a plan asked for them
    """

    hosts: c.Mapping[str, ObservedHost] = dataclasses.field(default_factory=dict)
    aggregates: tuple[Aggregate, ...] = ()
    mirror: c.Mapping[str, c.Set[str]] | None = None
    snapshot: Snapshot | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class HostFacts:
    """What the inventory says of a host."""

    vars: c.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    groups: frozenset[str] = frozenset()


#: What the inventory says, by host; hosts that the cloud does not have are passed over.
Facts = c.Mapping[str, HostFacts]


# ---- the plan

#: In this order. Each kind with what ``before`` and ``after`` of a step hold.
KINDS = (
    "create",  # None; {"zone": zone or None}; the zone goes into the same request
    "metadata",  # the keys that change with their values, None for those that are not there; POST set_metadata
    "zone",  # {"zone": zone or None}; PUT availability_zone
    "add_host",  # None; None
    "remove_host",  # None; None
    "mirror_add",  # None; None; the provider of the host is to be in the aggregate in Placement
    "mirror_remove",  # None; None
    "images",  # None; {"images": [names or ids]}
    "delete",  # {"zone": ..., "metadata": ...}; None
)


@dataclasses.dataclass(frozen=True, slots=True)
class Step:
    """One write.

    :param kind: one of :data:`KINDS`
    :param stage: steps of one stage may go in parallel, as long as those of one host, and those of one aggregate, keep
        their order; a stage begins when the one before it is through
    """

    kind: str
    stage: int
    aggregate: str
    host: str = ""
    before: c.Mapping[str, t.Any] | None = None
    after: c.Mapping[str, t.Any] | None = None

    @property
    def words(self) -> str:
        """The step in words, for a report."""
        return _WORDS[self.kind](self)


def _create(step: Step) -> str:
    zone = (step.after or {}).get("zone")
    return "create aggregate %s%s" % (step.aggregate, " in zone %s" % zone if zone else "")


def _metadata(step: Step) -> str:
    after = step.after or {}
    changes = ["unset %s" % key if after[key] is None else "%s=%s" % (key, after[key]) for key in sorted(after)]
    return "metadata of aggregate %s: %s" % (step.aggregate, ", ".join(changes))


_WORDS: dict[str, c.Callable[[Step], str]] = {
    "create": _create,
    "metadata": _metadata,
    "zone": lambda step: "aggregate %s: zone %s" % (step.aggregate, (step.after or {}).get("zone")),
    "add_host": lambda step: "add host %s to aggregate %s" % (step.host, step.aggregate),
    "remove_host": lambda step: "remove host %s from aggregate %s" % (step.host, step.aggregate),
    "mirror_add": lambda step: "Placement: put host %s into aggregate %s" % (step.host, step.aggregate),
    "mirror_remove": lambda step: "Placement: take host %s out of aggregate %s" % (step.host, step.aggregate),
    "images": lambda step: (
        "cache images on aggregate %s: %s" % (step.aggregate, ", ".join((step.after or {})["images"]))
    ),
    "delete": lambda step: "delete aggregate %s" % step.aggregate,
}


@dataclasses.dataclass(frozen=True, slots=True)
class Kept:
    """A host that stays in an aggregate, or an aggregate that stays, though the declaration does not have it.

    :param host: empty for the whole aggregate
    """

    aggregate: str
    host: str
    reason: str


@dataclasses.dataclass(frozen=True, slots=True)
class Plan:
    """What there is to do, and what is wrong.

    :param steps: in order; none where there are problems
    :param problems: sentences, sorted; nothing may be sent while there is one
    :param kept: what stays though the declaration does not have it
    :param waiting: hosts by aggregate that the declaration moves in or out, and that are out of scope
    :param count_servers: hosts whose servers have to be counted; where there are any, count and plan again
    :param wants_servers: a snapshot with servers has to be taken, and planned again
    :param memberships: hosts by declared aggregate, as they will be
    :param proven: whether it is proven that no assignment moves fewer hosts
    :param before: the managed part of the cloud as it is: zone, metadata and hosts by aggregate, for a diff
    :param after: the same as it will be
    """

    steps: tuple[Step, ...] = ()
    problems: tuple[str, ...] = ()
    kept: tuple[Kept, ...] = ()
    waiting: c.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    count_servers: tuple[str, ...] = ()
    wants_servers: bool = False
    memberships: c.Mapping[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)
    proven: bool = True
    before: c.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)
    after: c.Mapping[str, t.Any] = dataclasses.field(default_factory=dict)

    @property
    def changed(self) -> bool:
        """Whether there is anything to do."""
        return bool(self.steps)
