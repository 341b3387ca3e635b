# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Looks for secrets in the arguments of all processes, again and again, until the file with the secrets is removed.

    watch_arguments.py SECRETS RESULT

The scenario's hosts are containers, so that their processes are seen from here too. It is a sample: a process that
lives less than the interval may be missed; the commands of OpenStack live a second and longer.
"""

from __future__ import annotations

import json
import os
import re
import sys
import time
from collections import Counter
from pathlib import Path

import yaml

INTERVAL = 0.25
LOOKS = 40  # at one process: what it was started with, and what it executes in its place
NAME = re.compile(r"[\w.@-]+")
LIMIT = 3600.0  # should nobody remove the secrets


def command_of(arguments: list[str]) -> str:
    """The program that a command line runs."""
    names = [os.path.basename(argument) for argument in arguments if not argument.startswith("-")][:2]
    if len(names) == 2 and names[0].startswith(("python", "sh", "bash", "perl")):
        return names[1]
    return names[0] if names else ""


def main(secrets: Path, result: Path) -> None:
    """Writes what has been seen whenever there is something new."""
    wanted = {name: str(value).encode() for name, value in yaml.safe_load(secrets.read_text()).items()}
    seen: set[tuple[str, str]] = set()
    looks: Counter[str] = Counter()
    commands: Counter[str] = Counter()
    found: list[dict[str, str]] = []
    written, ends = 0.0, time.monotonic() + LIMIT
    while secrets.exists() and time.monotonic() < ends:
        now: set[tuple[str, str]] = set()
        pids = [pid for pid in os.listdir("/proc") if pid.isdigit()]
        looks = Counter({pid: looks[pid] + 1 for pid in pids})
        for pid in pids:
            if looks[pid] > LOOKS:
                continue
            try:
                raw = Path("/proc", pid, "cmdline").read_bytes()
            except OSError:
                continue
            if not raw:
                continue
            command = command_of(raw.decode(errors="replace").split("\0"))
            now.add((pid, command))
            if (pid, command) not in seen and NAME.fullmatch(command):
                commands[command] += 1
            for name, value in wanted.items():
                if value in raw and {"command": command, "secret": name} not in found:
                    found.append({"command": command, "secret": name})
                    written = 0.0
        seen = now
        if time.monotonic() - written > 5:
            partial = result.with_suffix(".part")
            partial.write_text(json.dumps({"commands": commands, "found": found}))
            partial.replace(result)
            written = time.monotonic()
        time.sleep(INTERVAL)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
