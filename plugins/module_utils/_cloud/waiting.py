# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Deadlines."""

from __future__ import annotations

import threading
import time


class Deadline:
    """So many seconds from now. ``stop`` ends every wait early (a signal, for example)."""

    def __init__(self, seconds: float, stop: threading.Event | None = None) -> None:
        self.seconds = seconds
        self.started = time.monotonic()
        self._stop = stop or threading.Event()

    @property
    def elapsed(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    @property
    def remaining(self) -> float:
        """Seconds left, 0 when it has passed."""
        return max(0.0, self.seconds - self.elapsed)

    @property
    def over(self) -> bool:
        """Whether the time is up, or somebody said stop."""
        return self._stop.is_set() or self.elapsed >= self.seconds

    def pause(self, seconds: float) -> None:
        """Sleep that long, or until the deadline, or until somebody says stop."""
        self._stop.wait(min(seconds, self.remaining))
