# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs the make targets that are named, in order, and tells at the end how each went and how long it took.

Output goes to the terminal and to build/logs/TARGET.log. The quick layers run two at a time, each has its output at its
end. When one of them fails the other quick ones still run, the slow ones do not.
"""

from __future__ import annotations

import re
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SLOW = ("integration", "conformance", "molecule")
PYTEST = re.compile(r"^=+ (.*?\d+ (?:passed|failed|skipped|error).*?) in [0-9.]+s.*=+$", re.MULTILINE)
COLOUR = re.compile(r"\x1b\[[0-9;]*m")
REASON = re.compile(
    r"^(?:FAILED (?!- RETRYING)|ERROR |E   |fatal: |failed: |\[ERROR\]"
    r"|make(?:\[\d+\])?: \*\*\* |error: |\S+:\d+(?::\d+)?: error)"
)
REASONS = 12
PRINTING = threading.Lock()


@dataclass
class Result:
    """How a layer went."""

    name: str
    state: str  # passed, failed, skipped, not run
    seconds: float = 0.0
    passed: int = 0
    failed: int = 0
    skipped: int = 0
    remark: str = ""
    reasons: list[str] = field(default_factory=list)

    def line(self) -> str:
        """One line for the summary."""
        counts = f"{self.passed} passed" if self.passed else ""
        if self.failed:
            counts += f", {self.failed} failed" if counts else f"{self.failed} failed"
        if self.skipped:
            counts += f", {self.skipped} skipped" if counts else f"{self.skipped} skipped"
        return f"{self.name:12} {self.state:8} {self.seconds:6.0f} s  {self.remark or counts}".rstrip()


def judge(name: str, code: int, output: str, seconds: float) -> Result:
    """What a layer's exit code and output mean. Where pytest ran its tests are counted, otherwise the layer is one."""
    output = COLOUR.sub("", output)
    result = Result(name, "passed" if code == 0 else "failed", seconds)
    skipped = re.search(r"^skipped: (.*)$", output, re.MULTILINE)
    summaries = PYTEST.findall(output)
    if code == 0 and skipped and not summaries:
        result.state, result.remark = "skipped", skipped[1]
        return result
    for summary in summaries:
        for number, word in re.findall(r"(\d+) (passed|failed|skipped|error)", summary):
            if word == "error":
                word = "failed"
            setattr(result, word, getattr(result, word) + int(number))
    if code == 0 and result.passed == 0:
        result.passed = 1
    if code != 0 and result.failed == 0:
        result.failed = 1
    if code != 0:
        result.reasons = reasons(output)
    return result


def reasons(output: str) -> list[str]:
    """The lines that most likely say why: what Ansible, pytest and make mark as an error, or else the last ones."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    found = [line for line in lines if REASON.match(line)] or lines
    return [line if len(line) <= 600 else f"{line[:600]} …" for line in found[-REASONS:]]


def run(name: str, logs: Path, follow: bool) -> Result:
    """Runs one target. It writes to a file, so that a process left behind (ssh, conmon) cannot hold up the end."""
    log = logs / f"{name}.log"
    started = time.monotonic()
    if follow:
        print(f"\n=== {name}", flush=True)
    with log.open("wb") as writer:
        child = subprocess.Popen(
            ["make", "--no-print-directory", name], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=writer, stderr=writer
        )
    with log.open("rb") as reader:
        ended = threading.Event()

        def copy() -> None:
            while True:
                finished = ended.is_set()
                if part := reader.read():
                    sys.stdout.buffer.write(part)
                    sys.stdout.buffer.flush()
                elif finished:
                    return
                else:
                    time.sleep(0.1)

        follower = threading.Thread(target=copy)
        if follow:
            follower.start()
        try:
            code = child.wait()
        except KeyboardInterrupt:
            code = child.wait()  # it has had the same signal
        ended.set()
        if follow:
            follower.join()
        else:
            with PRINTING:
                print(f"\n=== {name}", flush=True)
                copy()
    return judge(name, code, log.read_text(encoding="utf-8", errors="replace"), time.monotonic() - started)


def main(names: Sequence[str]) -> int:
    """Returns the exit code."""
    logs = ROOT / "build" / "logs"
    logs.mkdir(parents=True, exist_ok=True)
    started = time.monotonic()
    quick = [name for name in names if name not in SLOW]
    if quick:
        print(f"\n=== {', '.join(quick)}: two at a time, the output of each comes at its end", flush=True)
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda name: run(name, logs, follow=False), quick))
    for name in names:
        if name in quick:
            continue
        if any(result.state == "failed" for result in results):
            results.append(Result(name, "not run", remark="because of the failures before it"))
        else:
            results.append(run(name, logs, follow=True))
    print("\n=== summary")
    for result in results:
        print(result.line())
    print(f"{'total':21} {time.monotonic() - started:6.0f} s")
    print(
        f"{sum(result.passed for result in results)} passed, {sum(result.failed for result in results)} failed",
        flush=True,
    )
    for result in results:
        if result.reasons:
            print(f"\n{result.name} failed (all of it is in {logs / result.name}.log):")
            print(*(f"  {line}" for line in result.reasons), sep="\n", flush=True)
    return int(any(result.state == "failed" for result in results))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
