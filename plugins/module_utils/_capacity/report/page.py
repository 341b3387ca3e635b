# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The report as one HTML page that needs nothing else: no script, no font, no picture from elsewhere."""

from __future__ import annotations

import collections
import typing as t

from . import picture, style, words
from .facts import Facts, FlavorFacts, HostFacts, HostGroup, LimitFacts
from .markup import Markup, Part, element, empty

#: resource classes among which the heat map lets one choose
MOST_CHOICES = 7
#: tables with more rows than that are folded away at first
MOST_ROWS = 24
#: hosts that are named one by one as taking no guests
MOST_CLOSED = 500


def render(facts: Facts) -> str:
    """The page."""
    choices = _choices(facts)
    head = element(
        "head",
        empty("meta", charset="utf-8"),
        empty("meta", name="viewport", content="width=device-width, initial-scale=1"),
        empty("meta", name="color-scheme", content="light dark"),
        empty("meta", name="generator", content="scaleout.nova"),
        element("title", facts.title),
        element("style", Markup(style.sheet(picture.heat_styles(choices)))),
    )
    body = element(
        "body",
        picture.patterns(),
        _header(facts),
        element(
            "main",
            _flavors(facts),
            _resources(facts),
            _hosts(facts, choices),
            _stranded(facts),
            _limits(facts),
        ),
        _footer(facts),
    )
    return f"<!DOCTYPE html>\n{element('html', head, body, lang='en')}\n"


def _section(name: str, heading: str, *parts: Part) -> Markup:
    return element("section", element("h2", heading, id=f"h-{name}"), *parts, class_=name, aria_labelledby=f"h-{name}")


def _header(facts: Facts) -> Markup:
    counts = [words.counted(len(facts.hosts), "host")]
    if facts.servers is not None:
        counts.append(words.counted(facts.servers, "server"))
    counts.append(words.counted(len(facts.flavors), "flavor"))
    taken = element("time", _moment(facts.taken_at), datetime=facts.taken_at)
    return element(
        "header",
        element("h1", facts.title),
        element("p", facts.headline, class_="lead"),
        element("ul", *(element("li", remark) for remark in facts.remarks), class_="remarks")
        if facts.remarks
        else None,
        [element("p", note, class_="note") for note in facts.notes],
        element("p", words.listed(counts), ", as they were on ", taken, class_="meta"),
    )


def _moment(taken_at: str) -> str:
    """``2026-11-25T06:00:00Z`` as ``2026-11-25 06:00:00 UTC``; another text as it is."""
    return f"{taken_at[:10]} {taken_at[11:-1]} UTC" if taken_at[10:11] == "T" and taken_at.endswith("Z") else taken_at


# ---- flavors


def _flavors(facts: Facts) -> Markup:
    decades = words.decades(max((flavor.fits for flavor in facts.flavors), default=0))
    heads = [
        element("th", "Flavor", scope="col"),
        element("td", picture.axis(decades), class_="wide"),
        element("th", "Fits", scope="col", class_="n"),
        [element("th", f"zone {zone}", scope="col", class_="n") for zone in facts.columns],
        element("th", "Limited by", scope="col"),
        element("th", "More without it", scope="col", class_="n"),
    ]
    return _section(
        "flavors",
        "How many more fit",
        element(
            "p",
            "Each number is for this flavor alone: what one takes, the others no longer have. Bars are logarithmic.",
            class_="soft",
        ),
        element(
            "div",
            element(
                "table",
                element("thead", element("tr", *heads)),
                element("tbody", *(_flavor_row(flavor, facts.columns, decades) for flavor in facts.flavors)),
                class_="cards",
            ),
            class_="scroll",
        ),
        _all_limits(facts),
    )


def _flavor_row(flavor: FlavorFacts, zones: t.Sequence[str], decades: int) -> Markup:
    first = flavor.limits[0] if flavor.limits else None
    by_zone = ", ".join(f"{zone}: {words.count(flavor.zones.get(zone, 0))}" for zone in zones)
    return element(
        "tr",
        element("th", flavor.name, element("span", flavor.size, class_="size") if flavor.size else None, scope="row"),
        element("td", picture.length(flavor.fits, decades), class_="wide across"),
        element("td", flavor.fits_text, class_="n fits"),
        [_count(flavor.zones.get(zone, 0), class_="optional") for zone in zones],
        element("td", by_zone, class_="across narrow", data_label="by zone") if zones else None,
        element("td", _limit_text(first), class_="across", data_label="limited by"),
        element("td", first.more_text if first else None, class_="n optional"),
    )


def _count(number: int, class_: str = "") -> Markup:
    """A cell with a number; nothing is there, but does not strike the eye."""
    return element("td", words.count(number), class_=f"n {class_}{'' if number else ' zero'}".replace("  ", " "))


def _limit_text(limit: LimitFacts | None) -> str:
    return f"{limit.text} ({words.counted(limit.hosts, 'host')})" if limit else "nothing"


def _all_limits(facts: Facts) -> Markup | None:
    """Every limit of every flavor, and where there is room, folded away."""
    rows = [
        element(
            "tr",
            element("th", flavor.name, scope="row", rowspan=len(flavor.limits)) if not number else None,
            element("td", limit.text),
            _count(limit.hosts),
            element("td", limit.more_text, class_="n" if limit.more != 0 else "n zero"),
        )
        for flavor in facts.flavors
        for number, limit in enumerate(flavor.limits)
    ]
    return _folded("Every limit of every flavor", _table(("Flavor", "Limit", "#Hosts", "#More without it"), rows))


# ---- resources


def _resources(facts: Facts) -> Markup:
    rows = [
        element(
            "tr",
            element("th", words.capital(words.resource(one.name)), _class_name(one.name), scope="row"),
            element("td", picture.strip(one), class_="strips across"),
            element("td", words.percent(one.used, one.capacity), class_="n fits"),
            *(
                element("td", words.amount(one.name, number), class_="n", data_label=label)
                for label, number in (
                    ("capacity", one.capacity),
                    ("used", one.used),
                    ("free", one.free),
                    ("usable", one.usable),
                )
            ),
        )
        for one in facts.resources
    ]
    heads = ("Resource", "", "#Used", "#Capacity", "#Used", "#Free", "#Usable")
    return _section(
        "resources",
        "Resources",
        element(
            "p",
            "Capacity counts allocation ratios and what is reserved, as Placement does. Usable is what is free on hosts"
            " that take guests.",
            class_="soft",
        ),
        picture.strip_legend(),
        _table(heads, rows, class_="cards"),
    )


def _class_name(name: str) -> Markup | None:
    """The name of a resource class below the words for it."""
    return element("span", name, class_="size") if words.resource(name) != name else None


def _stranded(facts: Facts) -> Markup:
    rows = [
        element(
            "tr",
            element("th", words.capital(words.resource(one.name)), scope="row"),
            element("td", words.amount(one.name, one.stranded), class_="n"),
            element("td", words.percent(one.stranded, one.free), class_="n"),
            element("td", words.count(one.stranded_hosts), class_="n"),
            element("td", words.resource(one.without)),
        )
        for one in facts.resources
        if one.stranded
    ]
    explanation = "What is free of one resource on hosts that have too little of another one for any of these flavors."
    heads = ("Resource", "#Stranded", "#Of what is free", "#Hosts", "For lack of")
    return _section(
        "stranded",
        "Stranded capacity",
        element("p", explanation, class_="soft"),
        _table(heads, rows) if rows else element("p", "There is none."),
    )


# ---- hosts


def _choices(facts: Facts) -> list[str]:
    """The resource classes that most hosts have, in the usual order."""
    counts = collections.Counter(name for host in facts.hosts for name in host.resources)
    return sorted((name for name, _number in counts.most_common(MOST_CHOICES)), key=words.resource_key)


def _hosts(facts: Facts, choices: t.Sequence[str]) -> Markup:
    zones = [[group for group in facts.groups if group.zone == zone] for zone in facts.zones]
    return _section(
        "hosts",
        "Hosts",
        element("p", "A cell is a host; point at it for its numbers.", class_="soft"),
        picture.heat_choice(choices),
        picture.heat_legend(),
        [_zone(groups, choices) for groups in zones],
        _group_table(facts.groups, choices),
        _closed_table(facts.hosts),
    )


def _zone(groups: t.Sequence[HostGroup], choices: t.Sequence[str]) -> Markup:
    hosts = sum(len(group.hosts) for group in groups)
    return element(
        "div",
        element(
            "div",
            element("h3", "Zone ", groups[0].zone),
            element("p", words.counted(hosts, "host"), class_="small soft"),
        ),
        element("div", *(picture.figure(group, choices) for group in groups), class_="groups"),
        class_="zone",
    )


def _group_table(groups: t.Sequence[HostGroup], choices: t.Sequence[str]) -> Markup | None:
    """The same in numbers: what the hosts that take guests have left."""
    rows = [
        element(
            "tr",
            element("td", group.zone),
            element("th", group.name, scope="row"),
            _count(len(group.hosts)),
            _count(group.closed),
            [_left(group, name) for name in choices],
        )
        for group in groups
    ]
    heads = ("Zone", "Aggregates", "#Hosts", "#Closed", *(f"#Free {words.resource(name)}" for name in choices))
    return _folded("Zones and aggregates in numbers", _table(heads, rows), opened=len(rows) <= MOST_ROWS)


def _left(group: HostGroup, name: str) -> Markup:
    amounts = group.totals.get(name)
    if amounts is None:
        return element("td", "-", class_="n zero")
    share = words.percent(amounts.free, amounts.capacity)
    return element("td", words.amount(name, amounts.free), element("span", share, class_="size"), class_="n")


def _closed_table(hosts: t.Sequence[HostFacts]) -> Markup | None:
    closed = [host for host in hosts if not host.accepts]
    rows = [
        element("tr", element("th", host.name, scope="row"), element("td", host.zone), element("td", host.why_not))
        for host in closed[:MOST_CLOSED]
    ]
    if len(closed) > MOST_CLOSED:
        rest = f"and {words.count(len(closed) - MOST_CLOSED)} more"
        rows.append(element("tr", element("td", rest, colspan=3)))
    return _folded("Hosts that take no guests", _table(("Host", "Zone", "Why"), rows), opened=len(rows) <= MOST_ROWS)


# ---- the end


def _limits(facts: Facts) -> Markup | None:
    """What the answer cannot know: for all flavors, then flavor by flavor."""
    items = [element("li", text) for text in facts.limits]
    items += [element("li", element("b", words.listed(names)), ": ", text) for text, names in facts.unknown.items()]
    if not items:
        return None
    return _section("limits", "What this cannot know", element("ul", *items, class_="list"))


def _footer(facts: Facts) -> Markup:
    source = f"Data of {facts.source}, taken" if facts.source else "Data taken"
    return element(
        "footer", f"{source} {_moment(facts.taken_at)}. Made by scaleout.nova, which asked Nova and Placement only."
    )


# ---- tables


def _table(heads: t.Sequence[str], rows: t.Sequence[Markup], class_: str | None = None) -> Markup | None:
    """A table that scrolls where it does not fit; a ``#`` before a heading means numbers. None without rows."""
    if not rows:
        return None
    cells = [
        element("th", head.removeprefix("#"), scope="col", class_="n" if head.startswith("#") else None)
        for head in heads
    ]
    table = element("table", element("thead", element("tr", *cells)), element("tbody", *rows), class_=class_)
    return element("div", table, class_="scroll")


def _folded(summary: str, content: Markup | None, opened: bool = False) -> Markup | None:
    """Something that unfolds when it is clicked on; nothing when there is nothing in it."""
    if content is None:
        return None
    mark = {"open": "open"} if opened else {}
    return element("details", element("summary", summary), content, **mark)
