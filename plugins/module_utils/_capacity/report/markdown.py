# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as Markdown, for a wiki, a ticket or a merge request."""

from __future__ import annotations

import re
import typing as t

from . import words
from .facts import Facts

# An underscore between letters is none of Markdown's: MEMORY_MB stays readable.
_SPECIAL = re.compile(r"([\\`*\[\]<>|~&#])|(?<![A-Za-z0-9])(_)|(_)(?![A-Za-z0-9])")


def escaped(text: str) -> str:
    """The text so that Markdown and the HTML in it take it as text."""
    return _SPECIAL.sub(lambda match: "\\" + match.group(0), text)


def render(facts: Facts) -> str:
    """The text, with a newline at its end."""
    blocks = [
        f"# {escaped(facts.title)}",
        f"**{escaped(facts.headline)}**",
        _list(facts.remarks),
        *(f"> {escaped(note)}" for note in facts.notes),
        "## How many more fit",
        "Each number is for this flavor alone: what one takes, the others no longer have.",
        _flavors(facts),
        "## Resources",
        _resources(facts),
        "## Zones and aggregates",
        _groups(facts),
        *_closed(facts),
        *_limits(facts),
        escaped(f"Data of {facts.source}, taken {facts.taken_at}." if facts.source else f"Data of {facts.taken_at}."),
    ]
    return "\n\n".join(block for block in blocks if block) + "\n"


def _list(items: t.Iterable[str]) -> str:
    return "\n".join(f"- {escaped(item)}" for item in items)


def _table(heads: t.Sequence[str], rows: t.Iterable[t.Sequence[str]]) -> str:
    """A table; a ``#`` before a heading means numbers."""
    lines = [
        [escaped(head.removeprefix("#")) for head in heads],
        ["---:" if head.startswith("#") else "---" for head in heads],
        *([escaped(cell) for cell in row] for row in rows),
    ]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def _flavors(facts: Facts) -> str:
    rows = []
    for flavor in facts.flavors:
        first = flavor.limits[0] if flavor.limits else None
        zones = ", ".join(f"{zone}: {words.count(flavor.zones.get(zone, 0))}" for zone in facts.columns)
        rows.append(
            (
                flavor.name,
                flavor.size,
                flavor.fits_text,
                zones,
                f"{first.text} ({words.counted(first.hosts, 'host')})" if first else "nothing",
                first.more_text if first else "",
            )
        )
    return _table(("Flavor", "Size", "#Fits", "By zone", "Limited by", "#More without it"), rows)


def _resources(facts: Facts) -> str:
    rows = [
        (
            one.name,
            words.percent(one.used, one.capacity),
            *(
                words.amount(one.name, number)
                for number in (one.capacity, one.used, one.free, one.usable, one.stranded)
            ),
            words.resource(one.without) if one.stranded else "",
        )
        for one in facts.resources
    ]
    heads = ("Resource class", "#Share used", "#Capacity", "#Used", "#Free", "#Usable", "#Stranded", "For lack of")
    return _table(heads, rows)


def _groups(facts: Facts) -> str:
    names = [one.name for one in facts.resources]
    rows = [
        (
            group.zone,
            group.name,
            words.count(len(group.hosts)),
            words.count(group.closed),
            *(words.amount(name, group.totals[name].free) if name in group.totals else "-" for name in names),
        )
        for group in facts.groups
    ]
    heads = ("Zone", "Aggregates", "#Hosts", "#Take no guests", *(f"#Free {words.resource(name)}" for name in names))
    return _table(heads, rows)


def _closed(facts: Facts) -> t.Iterator[str]:
    rows = [(host.name, host.zone, host.why_not) for host in facts.hosts if not host.accepts]
    if rows:
        yield "## Hosts that take no guests"
        yield _table(("Host", "Zone", "Why"), rows)


def _limits(facts: Facts) -> t.Iterator[str]:
    if facts.caveats:
        yield "## What this cannot know"
        yield _list(facts.caveats)
