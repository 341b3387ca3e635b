# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""HTML and SVG, put together so that a text cannot become a tag."""

from __future__ import annotations

import html
import typing as t


class Markup(str):
    """Text that is HTML already. All other text is escaped where it goes into an element."""

    __slots__ = ()


Part: t.TypeAlias = "str | int | t.Iterable[Part] | None"


def join(*parts: Part) -> Markup:
    """The parts one after the other: escaped, except where they are markup; None is nothing."""
    return Markup("".join(_pieces(parts)))


def _pieces(parts: t.Iterable[Part]) -> t.Iterator[str]:
    for part in parts:
        if part is None:
            continue
        if isinstance(part, Markup):
            yield part
        elif isinstance(part, (str, int)):
            yield html.escape(str(part))
        else:
            yield from _pieces(part)


def element(tag: str, /, *parts: Part, **attributes: str | int | float | None) -> Markup:
    """An element with its content.

    :param attributes: underscores stand for hyphens, one at the end is dropped (``class_``); None leaves it out
    """
    return Markup(f"<{tag}{_attributes(attributes)}>{join(*parts)}</{tag}>")


def empty(tag: str, /, **attributes: str | int | float | None) -> Markup:
    """An element of HTML that has no content and no end (``meta``, ``input``)."""
    return Markup(f"<{tag}{_attributes(attributes)}>")


def _attributes(attributes: t.Mapping[str, str | int | float | None]) -> str:
    return "".join(
        f' {name.rstrip("_").replace("_", "-")}="{html.escape(str(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
