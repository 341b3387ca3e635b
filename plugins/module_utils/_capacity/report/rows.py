# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as rows for the ``table`` filter: each key is the heading of a column."""

from __future__ import annotations

import typing as t

from . import words
from .facts import Facts, FlavorFacts, HostGroup, ResourceFacts

Row = dict[str, t.Any]


def tables(facts: Facts) -> dict[str, list[Row]]:
    """``flavors``, ``resources``, ``hosts`` (by zone and aggregates) and ``closed`` (hosts that take no guests)."""
    common = [one.name for one in facts.resources if one.name in ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB")]
    return {
        "flavors": [_flavor(one, facts.columns) for one in facts.flavors],
        "resources": [_resource(one) for one in facts.resources],
        "hosts": [_group(one, common) for one in facts.groups],
        "closed": [{"host": one.name, "zone": one.zone, "why": one.why_not} for one in facts.hosts if not one.accepts],
    }


def _flavor(flavor: FlavorFacts, zones: t.Sequence[str]) -> Row:
    first = flavor.limits[0] if flavor.limits else None
    return {
        "flavor": flavor.name,
        "fits": flavor.fits if flavor.proven else flavor.fits_text,
        **{f"zone {zone}": flavor.zones.get(zone, 0) for zone in zones},
        "limited by": first.text if first else None,
        "on hosts": first.hosts if first else None,
        "more without it": (first.more if first.more is not None else first.more_text) if first else None,
    }


def _resource(resource: ResourceFacts) -> Row:
    """Amounts of a row are in one unit, that of the capacity."""
    unit = words.unit(resource.name, resource.capacity)
    numbers = {
        "capacity": resource.capacity,
        "used": resource.used,
        "free": resource.free,
        "usable": resource.usable,
        "stranded": resource.stranded,
    }
    return {
        "resource class": resource.name,
        "used %": words.share(resource.used, resource.capacity),
        **{name: words.scaled(resource.name, number, unit) for name, number in numbers.items()},
        "unit": unit or None,
    }


def _group(group: HostGroup, names: t.Sequence[str]) -> Row:
    shares = {
        f"free {words.resource(name)} %": words.share(group.totals[name].free, group.totals[name].capacity)
        if name in group.totals
        else None
        for name in names
    }
    return {
        "zone": group.zone,
        "aggregates": group.name,
        "hosts": len(group.hosts),
        "take no guests": group.closed,
        **shares,
    }
