# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The same change on many things: side by side, each again after a conflict, and an exact account of what was done."""

from __future__ import annotations

import dataclasses
import random
import threading
import time
import typing as t

from .errors import TRANSIENT, AuthError, CloudError, ConflictError, ForbiddenError, HttpError
from .session import Cloud

T = t.TypeVar("T")
R = t.TypeVar("R")

#: how often a change is tried that somebody else's changes get in the way of
TRIES = 8
#: longest pause after the first conflict, in seconds; it doubles up to eight times of that
PAUSE = 0.1
#: what happens to one thing will happen to the next one as well
HOPELESS = (AuthError, ForbiddenError, *TRANSIENT)


class NotTriedError(CloudError):
    """This one was not begun, since an earlier one failed in a way that this one would have failed in, too."""


@dataclasses.dataclass(frozen=True)
class Settled(t.Generic[T]):
    """What became of all of them: those that are done, and each of the others with its error."""

    done: list[T]
    failed: list[tuple[T, CloudError]]

    def message(self, what: str, limit: int = 5) -> str:
        """That some failed, and why, each reason once.

        :param what: as in "resource providers could not be changed"
        """
        reasons = [str(error) for _item, error in self.failed if not isinstance(error, NotTriedError)]
        texts = list(dict.fromkeys(reasons))
        more = len(texts) - limit
        return "%d of %d %s. %s%s" % (
            len(self.failed),
            len(self.done) + len(self.failed),
            what,
            " ".join(texts[:limit]),
            " There are %d more errors." % more if more > 0 else "",
        )


def settle(cloud: Cloud, change: t.Callable[[T], object], items: t.Iterable[T], workers: int = 8) -> Settled[T]:
    """Change every item, in at most that many threads. One that fails does not keep the others from being done, unless
    the cloud itself has gone, or does not let us in any more."""
    items = list(items)
    gone = threading.Event()

    def one(item: T) -> CloudError | None:
        if gone.is_set():
            return NotTriedError("not tried")
        try:
            change(item)
        except CloudError as error:
            if isinstance(error, HOPELESS):
                gone.set()
            return error
        return None

    settled: Settled[T] = Settled([], [])
    for item, error in zip(items, cloud.each(one, items, workers), strict=True):
        if error is None:
            settled.done.append(item)
        else:
            settled.failed.append((item, error))
    return settled


def despite_conflicts(attempt: t.Callable[[], R]) -> R:
    """What the attempt returns, which is made again after a conflict. It has to read anew what it changes.

    :raises HttpError: there was a conflict each time, or something else
    """
    for number in range(TRIES - 1):
        try:
            return attempt()
        except HttpError as error:
            if not is_conflict(error):
                raise
            time.sleep(random.uniform(0, PAUSE * 2 ** min(number, 3)))
    return attempt()


def is_conflict(error: HttpError) -> bool:
    """Whether somebody else was faster. Placement has a 409 for that, but for traits that change in the very same
    moment, where it answers 500 (handlers/trait.py does not catch ConcurrentUpdateDetected)."""
    return isinstance(error, ConflictError) or (error.status == 500 and "concurrently updated" in error.detail)
