# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The pictures of the page, as SVG that takes its colours from the style sheet."""

from __future__ import annotations

import math
import typing as t

from . import words
from .facts import HostFacts, HostGroup, ResourceFacts
from .markup import Markup, element, join

#: from which used share on a host is drawn in the next colour; what has nothing left gets the last one
STEPS = (0.25, 0.5, 0.75, 0.9)
LEVELS = ("under 25 %", "25 to 50 %", "50 to 75 %", "75 to 90 %", "90 % and more", "all")
FULL = len(LEVELS) - 1
_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_CELL, _GAP = 14, 2
_COLUMNS = 20  # of a small group of hosts: as wide as a telephone


def _svg(*parts: Markup, title: str = "", **attributes: str | int) -> Markup:
    """A picture; one without a title is an ornament to what stands beside it."""
    if title:
        return element("svg", element("title", title), *parts, role="img", **attributes)
    return element("svg", *parts, aria_hidden="true", **attributes)


def patterns() -> Markup:
    """What surfaces are filled with where a colour alone would not do. Once for a page."""
    return _svg(
        element(
            "defs",
            _stripes("closed", 4, 1.4, 45),
            _stripes("lost", 6, 2.4, -45),
        ),
        width=0,
        height=0,
        class_="patterns",
    )


def _stripes(name: str, size: int, width: float, angle: int) -> Markup:
    return element(
        "pattern",
        element("rect", width=size, height=size, class_=f"{name}-ground"),
        element("rect", width=width, height=size, class_=f"{name}-stripe"),
        id=f"p-{name}",
        width=size,
        height=size,
        patternUnits="userSpaceOnUse",
        patternTransform=f"rotate({angle})",
    )


# ---- bars


def axis(decades: int) -> Markup:
    """The numbers above the bars of :func:`bar`."""
    texts = [
        element(
            "text",
            _short(10**power),
            x=f"{100 * power / decades:.4g}%",
            y=11,
            text_anchor="start" if power == 0 else "end" if power == decades else "middle",
        )
        for power in range(decades + 1)
    ]
    return _svg(*texts, class_="axis", width="100%", height=14)


def _short(number: int) -> str:
    """1000 as ``1k``."""
    for size, unit in ((10**9, "G"), (10**6, "M"), (10**3, "k")):
        if number >= size:
            return f"{number // size}{unit}"
    return str(number)


def length(number: int, decades: int) -> Markup:
    """A bar on a logarithmic axis from 1 to ten to the power of ``decades``; none for 0, a thin one for 1."""
    lines = [
        element("line", x1=f"{100 * power / decades:.4g}%", x2=f"{100 * power / decades:.4g}%", y1=0, y2=18)
        for power in range(1, decades)
    ]
    width = max(0.8, 100 * math.log10(number) / decades) if number > 0 else 0.0
    filled = [element("rect", width=f"{width:.4g}%", y=3, height=12, rx=2)] if width else []
    return _svg(*lines, *filled, class_="bar", width="100%", height=18)


def strip(resource: ResourceFacts) -> Markup:
    """The capacity of a resource class as used, usable, stranded, and free where no guests are taken."""
    whole = max(resource.capacity, resource.used, 1)
    parts = (
        ("used", resource.used),
        ("usable", resource.usable - resource.stranded),
        ("lost", resource.stranded),
        ("closed", resource.closed),
    )
    pieces, start = [], 0.0
    for name, number in parts:
        width = 100 * max(0, number) / whole
        if width:
            pieces.append(element("rect", x=f"{start:.5g}%", width=f"{width:.5g}%", height=20, class_=f"s-{name}"))
        start += width
    title = ", ".join(f"{words.amount(resource.name, max(0, number))} {_STRIP_WORDS[name]}" for name, number in parts)
    return _svg(*pieces, title=f"{resource.name}: {title}", class_="strip", width="100%", height=20)


_STRIP_WORDS = {
    "used": "used",
    "usable": "free and usable",
    "lost": "stranded",
    "closed": "free on hosts that take no guests",
}


def strip_legend() -> Markup:
    """What the parts of :func:`strip` mean."""
    return element("p", *(_key(f"s-{name}", text) for name, text in _STRIP_WORDS.items()), class_="legend")


def _key(class_: str, text: str) -> Markup:
    swatch = _svg(element("rect", width=14, height=14, rx=2, class_=class_), width=14, height=14)
    return element("span", swatch, text, class_="key")


# ---- the heat map


def level(share: float) -> int:
    """The number of the colour for a used share."""
    return FULL if share >= 1 else sum(share >= step for step in STEPS)


def heat_styles(choices: t.Sequence[str]) -> str:
    """The style rules that colour the cells by the resource that is chosen, with no script."""
    rules = [f".a{number}{{fill:var(--heat{number})}}" for number in range(FULL + 1)]
    for letter in _LETTERS[1 : len(choices) + 1]:
        chosen = f".hosts:has(#by-{letter}:checked) "
        rules.append(f"{chosen}.cell:not(.off){{fill:none;stroke:var(--line)}}")
        rules += [
            f"{chosen}.{letter}{number}:not(.off){{fill:var(--heat{number});stroke:none}}" for number in range(FULL + 1)
        ]
    return "".join(rules)


def heat_choice(choices: t.Sequence[str]) -> Markup:
    """The buttons that choose what the cells of the heat map show."""
    names = ["the tightest resource", *map(words.resource, choices)]
    buttons = [
        element(
            "label",
            Markup(f'<input type="radio" name="by" id="by-{letter}"{" checked" if letter == "a" else ""}>'),
            element("span", name),
        )
        for letter, name in zip(_LETTERS, names, strict=False)
    ]
    return element("fieldset", element("legend", "Show how much is used of"), *buttons, class_="choice")


def heat_legend() -> Markup:
    """What the colours of the cells mean."""
    keys = [_key(f"a{number}", text) for number, text in enumerate(LEVELS)]
    return element("p", *keys, _key("off", "takes no guests"), class_="legend")


def heat_map(group: HostGroup, choices: t.Sequence[str]) -> Markup:
    """A cell for each host of the group, in the order of their names."""
    number = len(group.hosts)
    columns = min(number, _COLUMNS) if number <= 10 * _COLUMNS else math.ceil(math.sqrt(3 * number))
    pitch = _CELL + _GAP
    width, height = columns * pitch - _GAP, math.ceil(number / columns) * pitch - _GAP
    cells = [
        element(
            "rect",
            element("title", _host_title(host)),
            class_=_cell_class(host, choices),
            x=index % columns * pitch,
            y=index // columns * pitch,
            width=_CELL,
            height=_CELL,
            rx=2,
        )
        for index, host in enumerate(group.hosts)
    ]
    shown = width if columns <= _COLUMNS else min(width, 30 * pitch)
    return _svg(*cells, title=_map_title(group), viewBox=f"0 0 {width} {height}", width=shown, class_="heat")


def _cell_class(host: HostFacts, choices: t.Sequence[str]) -> str:
    if not host.accepts:
        return "cell off"
    shown = [host.tightest, *choices]
    return "cell " + " ".join(
        f"{letter}{level(host.resources[name].share)}"
        for letter, name in zip(_LETTERS, shown, strict=False)
        if name in host.resources
    )


def _host_title(host: HostFacts) -> str:
    """What is shown while the pointer is over a cell."""
    lines = [host.name if host.accepts else f"{host.name} takes no guests: {host.why_not}"]
    lines += [
        f"{words.resource(name)}: {words.amount(name, amounts.used)} of {words.amount(name, amounts.capacity)} used"
        f" ({words.percent(amounts.used, amounts.capacity)})"
        for name, amounts in host.resources.items()
    ]
    return "\n".join(lines)


def _map_title(group: HostGroup) -> str:
    full = sum(
        host.accepts and level(host.resources[host.tightest].share) == FULL for host in group.hosts if host.tightest
    )
    return (
        f"Zone {group.zone}, {group.name}: {words.counted(len(group.hosts), 'host')}, {words.count(full)} of them with"
        f" nothing left of a resource, {words.count(group.closed)} taking no guests"
    )


def figure(group: HostGroup, choices: t.Sequence[str]) -> Markup:
    """The heat map of a group with its caption."""
    caption = [element("b", group.name), f" {words.counted(len(group.hosts), 'host')}"]
    if group.closed:
        caption.append(f", {words.count(group.closed)} closed")
    return element("figure", element("figcaption", join(caption)), heat_map(group, choices))
