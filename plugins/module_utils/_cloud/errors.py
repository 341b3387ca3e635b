# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can go wrong between us and a cloud. The text of each is one sentence for the operator."""

from __future__ import annotations

import difflib
import typing as t


class CloudError(Exception):
    """Something that the operator has to know; str() of it is the message."""


class ConfigError(CloudError):
    """The cloud that was asked for is not defined, or its definition is not usable."""


class AuthError(CloudError):
    """Keystone refused the login, or a service refused the token."""


class NoServiceError(CloudError):
    """The catalog has no such service in this region with this interface."""


class UnreachableError(CloudError):
    """No answer: connection refused or cut, time-out, or a reply that is not complete.

    ``sent`` says whether the request may have been carried out all the same.
    """

    def __init__(self, message: str, sent: bool = True) -> None:
        super().__init__(message)
        self.sent = sent


class HttpError(CloudError):
    """A service answered with an error. ``detail`` is its own text."""

    def __init__(self, message: str, status: int, detail: str = "") -> None:
        super().__init__(message)
        self.status = status
        self.detail = detail


class ForbiddenError(HttpError):
    """403: the user lacks a role."""


class NotFoundError(HttpError):
    """404"""


class ConflictError(HttpError):
    """409: somebody else was faster, or the thing is in another state."""


class UnavailableError(HttpError):
    """429, 502, 503, 504, also after retries."""


# What passes if one waits: a service that is being restarted, or is too busy.
TRANSIENT = (UnreachableError, UnavailableError)


def near(name: str, known: t.Iterable[str]) -> str:
    """The names like this one, as an addition to a message (empty when there is none)."""
    known = sorted(set(known))
    like = difflib.get_close_matches(name, known, n=3, cutoff=0.6)
    like += [other for other in known if other.split(".")[0] == name.split(".")[0] and other not in like]
    return " (similar: %s)" % ", ".join(like[:3]) if like else ""


def listed(names: t.Iterable[str], limit: int = 10) -> str:
    """'a, b and 3 more', sorted; 'none' for nothing."""
    ordered = sorted(names)
    if not ordered:
        return "none"
    text = ", ".join(ordered[:limit])
    return text if len(ordered) <= limit else "%s and %d more" % (text, len(ordered) - limit)
