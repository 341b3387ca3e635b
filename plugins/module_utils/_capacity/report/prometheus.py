# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The numbers for Prometheus: a file for the textfile collector of node_exporter.

The format is https://prometheus.io/docs/instrumenting/exposition_formats/ (text, version 0.0.4). Names and labels are
part of what the collection promises: alerts depend on them. Hosts are only counted, since a time series for each host
and resource class would be too many.
"""

from __future__ import annotations

import calendar
import collections
import time
import typing as t

from .facts import Facts

PREFIX = "scaleout_nova_capacity_"
Sample = tuple[t.Mapping[str, str], int]


def render(facts: Facts) -> str:
    """The text, with a newline at its end."""
    return "".join(_families(facts))


def _families(facts: Facts) -> t.Iterator[str]:
    taken = timestamp(facts.taken_at)
    if taken is not None:
        yield _family("taken_timestamp_seconds", "When the data was taken, in seconds of Unix time.", [({}, taken)])
    yield from _flavor_families(facts)
    yield from _resource_families(facts)
    yield from _host_families(facts)


def _flavor_families(facts: Facts) -> t.Iterator[str]:
    fits = [({"flavor": one.name}, one.fits) for one in facts.flavors]
    yield _family("flavor_fits", "Servers of the flavor that still fit, if nothing else is booted.", fits)
    by_zone = [
        ({"flavor": one.name, "zone": zone}, one.zones.get(zone, 0)) for one in facts.flavors for zone in facts.zones
    ]
    yield _family("flavor_zone_fits", "Servers of the flavor that still fit into the availability zone.", by_zone)
    limits = [(one.name, limit) for one in facts.flavors for limit in one.limits]
    yield _family(
        "flavor_limit_hosts",
        "Hosts on which this is what keeps more servers of the flavor from fitting.",
        [({"flavor": name, "limit": limit.name, "kind": limit.kind}, limit.hosts) for name, limit in limits],
    )
    yield _family(
        "flavor_limit_more",
        "Servers of the flavor that would fit in addition without this limit.",
        [
            ({"flavor": name, "limit": limit.name, "kind": limit.kind}, limit.more)
            for name, limit in limits
            if limit.more is not None
        ],
    )


def _resource_families(facts: Facts) -> t.Iterator[str]:
    unit = "in the unit of the resource class (MEMORY_MB: MiB, DISK_GB: GiB)."
    for name, what in (
        ("capacity", f"Capacity, {unit}"),
        ("used", f"Used, {unit}"),
        ("free", f"Free, {unit}"),
        ("usable", f"Free on hosts that take guests, {unit}"),
        ("stranded", f"Free on hosts with too little of another resource class, {unit}"),
    ):
        samples = [({"resource_class": one.name}, getattr(one, name)) for one in facts.resources]
        yield _family(f"resource_{name}", what, samples)
    free, capacity = _zone_samples(facts)
    yield _family("resource_zone_capacity", f"Capacity of the zone's hosts that take guests, {unit}", capacity)
    yield _family("resource_zone_free", f"Free on the zone's hosts that take guests, {unit}", free)


def _zone_samples(facts: Facts) -> tuple[list[Sample], list[Sample]]:
    """For each zone and resource class what is free, and the capacity."""
    sums: dict[tuple[str, str], list[int]] = collections.defaultdict(lambda: [0, 0])
    for group in facts.groups:
        for name, amounts in group.totals.items():
            found = sums[group.zone, name]
            found[0] += amounts.free
            found[1] += amounts.capacity
    samples: tuple[list[Sample], list[Sample]] = ([], [])
    for (zone, name), found in sums.items():
        for number in (0, 1):
            samples[number].append(({"zone": zone, "resource_class": name}, found[number]))
    return samples


def _host_families(facts: Facts) -> t.Iterator[str]:
    counts: collections.Counter[tuple[str, bool]] = collections.Counter()
    for group in facts.groups:
        counts[group.zone, True] += len(group.hosts) - group.closed
        counts[group.zone, False] += group.closed
    samples = [
        ({"zone": zone, "takes_guests": "true" if accepts else "false"}, number)
        for (zone, accepts), number in counts.items()
    ]
    yield _family("hosts", "Compute hosts by whether they take guests.", samples)
    if facts.servers is not None:
        yield _family("servers", "Servers that there are.", [({}, facts.servers)])


def _family(name: str, what: str, samples: t.Iterable[Sample]) -> str:
    """A metric with its samples; nothing where it has none."""
    name = PREFIX + name
    # Two names that are shown alike must not become one series twice: Prometheus would refuse the whole file.
    values: dict[str, int] = {}
    for labels, number in samples:
        values.setdefault(_labels(labels), number)
    lines = [f"{name}{labels} {number}\n" for labels, number in values.items()]
    return f"# HELP {name} {_escaped(what)}\n# TYPE {name} gauge\n{''.join(lines)}" if lines else ""


def _labels(labels: t.Mapping[str, str]) -> str:
    inner = ",".join('%s="%s"' % (key, _escaped(value).replace('"', '\\"')) for key, value in labels.items())
    return f"{{{inner}}}" if inner else ""


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("\n", "\\n")


def timestamp(taken_at: str) -> int | None:
    """Unix time of ``2026-11-25T06:00:00Z``; None for what is not such a time."""
    try:
        return calendar.timegm(time.strptime(taken_at, "%Y-%m-%dT%H:%M:%SZ"))
    except ValueError:
        return None
