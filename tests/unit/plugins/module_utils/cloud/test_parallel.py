# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Many changes side by side: what is done, what failed, and when one stops."""

from __future__ import annotations

import threading
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import parallel
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import (
    AuthError,
    ConflictError,
    HttpError,
    UnavailableError,
)
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud


class Fake:
    """As much of a Cloud as it takes."""

    each = Cloud.each


def settle(change: Any, items: Any, **options: Any) -> Any:
    fake: Any = Fake()
    return parallel.settle(fake, change, items, **options)


def fails_for(*bad: int, error: Exception) -> Any:
    def change(item: int) -> None:
        if item in bad:
            raise error

    return change


def test_all_are_done() -> None:
    seen = []
    settled = settle(seen.append, range(20))
    assert settled.done == list(range(20)) and sorted(seen) == settled.done and settled.failed == []


def test_others_are_done_where_one_fails() -> None:
    settled = settle(fails_for(2, 4, error=HttpError("No.", 500)), range(6))
    assert settled.done == [0, 1, 3, 5] and [item for item, _error in settled.failed] == [2, 4]
    assert settled.message("hosts could not be changed") == "2 of 6 hosts could not be changed. No."


@pytest.mark.parametrize("error", [UnavailableError("Gone.", 503), AuthError("Gone.")])
def test_where_the_cloud_is_gone_no_more_are_begun(error: Exception) -> None:
    seen: list[int] = []
    lock = threading.Lock()

    def change(item: int) -> None:
        with lock:
            seen.append(item)
        raise error

    settled = settle(change, range(50), workers=4)
    assert len(seen) <= 4 and settled.done == [] and len(settled.failed) == 50
    assert settled.message("hosts failed") == "50 of 50 hosts failed. Gone."


def test_many_reasons_are_not_all_told() -> None:
    def change(item: int) -> None:
        raise HttpError("Reason %d." % item, 500)

    assert settle(change, range(9)).message("hosts", 2).endswith("Reason 0. Reason 1. There are 7 more errors.")


@pytest.fixture
def pauses(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    made: list[float] = []
    monkeypatch.setattr(parallel.time, "sleep", made.append)
    return made


@pytest.mark.parametrize(
    "conflict", [ConflictError("busy", 409), HttpError("x", 500, "Another thread concurrently updated the data.")]
)
def test_again_after_a_conflict(pauses: list[float], conflict: HttpError) -> None:
    answers = [conflict] * 3

    def attempt() -> str:
        if answers:
            raise answers.pop()
        return "done"

    assert parallel.despite_conflicts(attempt) == "done" and len(pauses) == 3


def test_a_conflict_each_time(pauses: list[float]) -> None:
    tries = []

    def attempt() -> None:
        tries.append(1)
        raise ConflictError("busy", 409)

    with pytest.raises(ConflictError):
        parallel.despite_conflicts(attempt)
    assert len(tries) == parallel.TRIES and max(pauses) <= 8 * parallel.PAUSE


def test_another_error_is_final(pauses: list[float]) -> None:
    with pytest.raises(HttpError):
        parallel.despite_conflicts(lambda: fails_for(1, error=HttpError("No.", 500))(1))
    assert pauses == []
