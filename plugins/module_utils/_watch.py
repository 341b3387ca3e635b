# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run a command that may never end."""

from __future__ import annotations

import os
import re
import selectors
import subprocess
import time
import typing as t

# Seconds for a command to go once it is killed.
_KILL_TIMEOUT = 5


def run_until(command: t.Sequence[str], pattern: re.Pattern[str], timeout: float) -> tuple[int | None, str, str]:
    """Run a command until it ends, and kill it when stderr says what is not worth waiting for, or the time is over.

    :param pattern: what ends it when stderr contains it
    :param timeout: seconds
    :returns: exit code (None: it was killed here), stdout and stderr
    :raises OSError: when it cannot be started
    """
    deadline = time.monotonic() + timeout
    said = {"stdout": b"", "stderr": b""}
    code = None
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    stdout, stderr = t.cast("t.IO[bytes]", process.stdout), t.cast("t.IO[bytes]", process.stderr)
    with stdout, stderr, selectors.DefaultSelector() as selector:
        selector.register(stdout, selectors.EVENT_READ, "stdout")
        selector.register(stderr, selectors.EVENT_READ, "stderr")
        try:
            while selector.get_map() and not pattern.search(said["stderr"].decode(errors="replace")):
                left = deadline - time.monotonic()
                if left <= 0:
                    break
                for key, _events in selector.select(left):
                    data = os.read(key.fd, 65536)
                    said[key.data] += data
                    if not data:
                        selector.unregister(key.fileobj)
            if not selector.get_map():
                code = process.wait(max(0.1, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            pass
        finally:
            process.kill()
            try:
                process.wait(_KILL_TIMEOUT)
            except subprocess.TimeoutExpired:
                pass  # stuck in the kernel: there is no more to be done
    return code, said["stdout"].decode(errors="replace"), said["stderr"].decode(errors="replace")
