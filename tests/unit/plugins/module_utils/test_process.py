# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Commands of a service, and the lock between two runs."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils import _process


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "LOCK_FOLDERS", (str(tmp_path),))


def test_output_and_code() -> None:
    ended = _process.run_as(None, ["sh", "-c", "echo out; echo err >&2; exit 3"], 10)
    assert (ended.code, ended.output) == (3, "out\nerr\n")
    assert ended.last_lines(1) == "err"


def test_the_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_PASSWORD", "secret")
    output = _process.run_as(None, ["env"], 10).output
    assert "secret" not in output
    assert "LANG=C.UTF-8" in output


def test_a_command_that_does_not_end_is_killed_with_its_children(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    start = time.monotonic()
    with pytest.raises(_process.ProcessError, match="had not ended after 1 s"):
        _process.run_as(None, ["sh", "-c", f"sleep 60 & echo $! > {note}; wait"], 1)
    assert time.monotonic() - start < 10
    child = int(note.read_text())
    for _attempt in range(50):
        if not os.path.exists(f"/proc/{child}") or " Z " in Path(f"/proc/{child}/stat").read_text():
            return
        time.sleep(0.1)
    pytest.fail(f"{child} is still running")


@pytest.mark.parametrize(
    ("user", "command", "message"),
    [(None, "no-such-command", "is not installed"), ("no-such-user", "true", "does not exist on this host")],
)
def test_what_cannot_be_run(user: str | None, command: str, message: str) -> None:
    with pytest.raises(_process.ProcessError, match=message):
        _process.run_as(user, [command], 10)


def test_two_runs_exclude_each_other() -> None:
    with (
        _process.exclusive("a", 0),
        _process.exclusive("b", 0),
        pytest.raises(_process.ProcessError, match="another run has been working on a for"),
        _process.exclusive("a", 0.3),
    ):
        pass
    with _process.exclusive("a", 0):
        pass


def test_a_command_keeps_the_lock_when_its_run_is_killed() -> None:
    with _process.exclusive("a", 0) as lock:
        child = subprocess.Popen(["sleep", "60"], pass_fds=(lock,))
    # The run is over, what it started is not.
    with pytest.raises(_process.ProcessError), _process.exclusive("a", 0):
        pass
    child.kill()
    child.wait()
    with _process.exclusive("a", 1):
        pass
