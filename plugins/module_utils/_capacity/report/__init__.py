# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports: an answer as a page, as Markdown, as JSON and as metrics.

words          numbers, resources and limits as people read them
asked          the question in words
facts          what a report says, worked out once
markup         HTML in which no text can become a tag
picture        the pictures, as SVG
style, page    the HTML page
markdown, prometheus, document      the other formats
rows           the report for the table filter, on a terminal
"""

from __future__ import annotations

import typing as t

from . import document, markdown, page, prometheus
from .asked import notes
from .facts import Answer, Facts, gather
from .rows import tables

__all__ = ["FORMATS", "Answer", "Facts", "gather", "notes", "render", "tables"]

#: the formats, with what their files are called by default
FORMATS = {
    "html": "capacity.html",
    "markdown": "capacity.md",
    "json": "capacity.json",
    "prometheus": "capacity.prom",
}

_RENDERERS: dict[str, t.Callable[[Facts], str]] = {
    "html": page.render,
    "markdown": markdown.render,
    "prometheus": prometheus.render,
}


def render(name: str, facts: Facts, answer: Answer) -> str:
    """The whole text of a file of that format; the same text for the same facts and answer.

    :param name: one of FORMATS
    """
    if name == "json":
        return document.render(answer)
    return _RENDERERS[name](facts)
