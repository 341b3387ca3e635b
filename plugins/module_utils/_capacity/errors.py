# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be wrong with a snapshot or a question. The text of each is one sentence for the operator."""

from __future__ import annotations

import difflib
import typing as t


class CapacityError(Exception):
    """Something that the operator has to know; str() of it is the message."""


class SnapshotError(CapacityError):
    """A file that is no snapshot, or one with a bad value. The message names the path of the value."""


class UnknownNameError(CapacityError):
    """A flavor, host, zone, aggregate ... that the snapshot does not have.

    :param what: the kind of thing, "flavor"
    :param name: as it was asked for
    :param known: the names that there are
    """

    def __init__(self, what: str, name: str, known: t.Iterable[str]) -> None:
        known = sorted(set(known))
        super().__init__("there is no %s %r in the snapshot%s" % (what, name, near(name, known) or _among(known)))


class FlavorError(CapacityError):
    """A flavor that Nova would refuse, or whose extra specs cannot be read."""


class QuestionError(CapacityError):
    """A question that makes no sense, or that the snapshot has not the parts for."""


def near(name: str, known: t.Iterable[str]) -> str:
    """The names like this one, as an addition to a message (empty when there is none)."""
    by_lower = {other.lower(): other for other in sorted(set(known), reverse=True)}
    like = difflib.get_close_matches(name.lower(), sorted(by_lower), n=3, cutoff=0.6)
    return " (similar: %s)" % ", ".join(by_lower[other] for other in like) if like else ""


def _among(known: list[str], most: int = 8) -> str:
    """The first of the names that there are, as an addition to a message."""
    more = " and %d more" % (len(known) - most) if len(known) > most else ""
    return " (there are: %s%s)" % (", ".join(known[:most]), more) if known else ""
