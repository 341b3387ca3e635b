# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the progress callback wrote down (its option `timing_file`), by play, by task and by host."""

from __future__ import annotations

import json
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path


@dataclass(frozen=True)
class Record:
    """One task on one host."""

    play: str
    role: str
    task: str
    host: str
    start: float  # seconds since 1970
    seconds: float
    status: str

    @property
    def end(self) -> float:
        """Seconds since 1970."""
        return self.start + self.seconds


def read(path: Path) -> list[Record]:
    """All records of a file, in the order of their ends."""
    wanted = Record.__dataclass_fields__
    lines = path.read_text(encoding="utf-8").splitlines() if path.exists() else []
    return [Record(**{key: value for key, value in json.loads(line).items() if key in wanted}) for line in lines]


def plays(records: list[Record], began: float, ended: float) -> dict[str, float]:
    """Seconds of each play, and what lies before the first task and after the last under a name of its own.

    The plays follow each other without a gap: a play lasts from the end of the one before to its own end.
    """
    if not records:
        return {"start and end of ansible-playbook": ended - began}
    found: dict[str, float] = {}
    before = min(record.start for record in records)
    outside = before - began
    for play, members in groupby(records, key=lambda record: record.play):
        end = max(record.end for record in members)
        found[play] = found.get(play, 0.0) + max(0.0, end - before)
        before = max(before, end)
    found["start and end of ansible-playbook"] = outside + max(0.0, ended - before)
    return found


def executed(records: list[Record]) -> dict[str, int]:
    """Host -> how many tasks were executed, skipped ones left out."""
    found: dict[str, int] = {}
    for record in records:
        found.setdefault(record.host, 0)
        if record.status != "skipped":
            found[record.host] += 1
    return found


def slowest(records: list[Record], count: int) -> list[tuple[str, float]]:
    """The tasks that took longest, from their start on the first host to their end on the last.

    A task that comes again, in another role or another round of a loop, counts as another one.
    """
    found = []
    for (play, _role, task), members in groupby(records, key=lambda record: (record.play, record.role, record.task)):
        again = list(members)
        found.append((f"{play}: {task}", max(record.end for record in again) - min(record.start for record in again)))
    return sorted(found, key=lambda item: -item[1])[:count]


def changed(records: list[Record]) -> list[str]:
    """What changed something or failed, as text."""
    return [
        f"{record.host}: {record.play}: {record.task} ({record.status})"
        for record in records
        if record.status not in ("ok", "skipped")
    ]
