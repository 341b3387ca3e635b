# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Time, processor time, and what the machine was busy with besides."""

from __future__ import annotations

import json
import os
import platform
import re
import resource
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

UNITS = {"d": 86400.0, "h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "µs": 1e-6, "us": 1e-6, "ns": 1e-9}


@dataclass
class Figure:
    """What one part took. All in seconds; `steps` in their order."""

    part: str
    name: str
    command: str
    seconds: float = 0.0
    hosts_cpu: float = 0.0
    control_cpu: float = 0.0
    others: float = 0.0  # share of the machine's processors, 0 to 1, that something else used meanwhile
    steps: dict[str, float] = field(default_factory=dict)
    tasks: dict[str, int] = field(default_factory=dict)  # host -> tasks executed
    slowest: list[tuple[str, float]] = field(default_factory=list)


class Meter:
    """Measures what happens in a `with` block, into a figure. `hosts_cpu` gives the hosts' processor seconds so far."""

    def __init__(self, figure: Figure, hosts_cpu: Callable[[], float]) -> None:
        self.figure = figure
        self._hosts_cpu = hosts_cpu

    def __enter__(self) -> Figure:
        self._hosts = self._hosts_cpu()
        self._control, self._machine, self._began = children_cpu(), machine_cpu(), time.monotonic()
        return self.figure

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is not None:
            return
        figure = self.figure
        figure.seconds = time.monotonic() - self._began
        figure.control_cpu = children_cpu() - self._control
        busy = machine_cpu() - self._machine
        figure.hosts_cpu = self._hosts_cpu() - self._hosts
        others = busy - figure.control_cpu - figure.hosts_cpu
        figure.others = max(0.0, others / (cores() * figure.seconds))


def cores() -> int:
    """Processors that this process may use."""
    return len(os.sched_getaffinity(0))


def children_cpu() -> float:
    """Processor seconds of the processes that were started from here and have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def machine_cpu() -> float:
    """Processor seconds that the machine was busy, since it was started."""
    user, nice, system, _idle, _wait, irq, softirq = map(int, Path("/proc/stat").read_text().split(None, 8)[1:8])
    return (user + nice + system + irq + softirq) / os.sysconf("SC_CLK_TCK")


def containers_cpu(label: str) -> float:
    """Processor seconds of all containers that have this label."""
    root = [] if os.geteuid() == 0 else ["sudo"]
    listed = subprocess.run(
        [*root, "podman", "ps", "--quiet", "--filter", f"label={label}"], capture_output=True, text=True, check=True
    )
    names = listed.stdout.split()
    if not names:
        return 0.0
    done = subprocess.run(
        [*root, "podman", "stats", "--no-stream", "--format", "json", *names],
        capture_output=True,
        text=True,
        check=True,
    )
    return sum(seconds(entry["cpu_time"]) for entry in json.loads(done.stdout))


def seconds(text: str) -> float:
    """Seconds of a duration such as `1h2m3.5s`."""
    return sum(float(number) * UNITS[unit] for number, unit in re.findall(r"([\d.]+)([a-zµ]+)", text))


def machine() -> dict[str, Any]:
    """What the figures were measured on and with."""
    memory = re.search(r"MemTotal:\s+(\d+)", Path("/proc/meminfo").read_text())
    model = re.search(r"model name\s*:\s*(.+)", Path("/proc/cpuinfo").read_text())
    system = re.search(r'PRETTY_NAME="?([^"\n]+)', Path("/etc/os-release").read_text())
    return {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "cores": cores(),
        "memory_gib": round(int(memory[1]) / 2**20) if memory else 0,
        "processor": model[1].strip() if model else platform.machine(),
        "system": system[1] if system else platform.system(),
        "kernel": platform.release(),
        "python": platform.python_version(),
        "ansible_core": _output("ansible", "--version").partition("]")[0].rpartition(" ")[2],
        "podman": _output("podman", "--version").rpartition(" ")[2],
        "revision": _output("git", "describe", "--always", "--dirty"),
        "load_before": os.getloadavg()[0],
    }


def _output(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=Path(__file__).parent)
    return done.stdout.strip()
