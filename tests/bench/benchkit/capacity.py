# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot and the fits of all flavors, against one bare GET /allocation_candidates of the same cloud; and the
answers to a large snapshot without a cloud.

The cloud is a real Placement over HTTP with flat hosts (flatcloud.py). The bare call and the snapshot are measured in
turn, in the same run.
"""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median
from typing import Any

from . import plot, snapshots
from .clouds import ROOT, BenchError
from .measure import cores, machine_cpu

COLLECTIONS = ROOT / "build" / "collections"
sys.path[:0] = [str(COLLECTIONS), str(ROOT / "tests" / "integration" / "loopback")]

FLAVORS = 50
ROUNDS = 7
#: hosts, and of 1000 how many have no CPU and memory left, and how many no disk either
CLOUDS = ((1000, 0, 0), (4000, 0, 0), (1000, 50, 0), (1000, 200, 0), (1000, 50, 50))
#: hosts, flavors of the snapshots without a cloud, with 20 servers a host; the last one is the largest
OFFLINE = ((1000, 25), (1000, 100), (2500, 50), (5000, 25), (5000, 100), (10_000, 50), (10_000, 100))
SERVERS_PER_HOST = 20
BARE = "/placement/allocation_candidates?resources=DISK_GB:1,MEMORY_MB:1,VCPU:1"

RATIO_GOAL, CALLS_GOAL, SECONDS_GOAL, MEMORY_GOAL = 3.0, 10, 10.0, 1024.0


@dataclass(frozen=True)
class Live:
    """One cloud: seconds as medians over the rounds; ``ratio`` is the median of the rounds' own ratios."""

    hosts: int
    full: int
    empty: int
    bare: float
    read: float
    answer: float
    ratio: float
    calls: int
    fits: int


@dataclass(frozen=True)
class Offline:
    """One snapshot without a cloud."""

    hosts: int
    servers: int
    flavors: int
    read: float
    answer: float
    peak_mib: float


@dataclass(frozen=True)
class Figures:
    """All of it; ``others`` is the share of the processors that something else used meanwhile."""

    live: list[Live]
    offline: list[Offline]
    others: float


def measure(say: Callable[[str], None]) -> Figures:
    """Everything."""
    began, machine, own = time.monotonic(), machine_cpu(), os.times()
    live = [_live(*cloud, say) for cloud in CLOUDS]
    offline = _offline(say)
    now = os.times()
    used = sum(now[:4]) - sum(own[:4])
    others = (machine_cpu() - machine - used) / (cores() * (time.monotonic() - began))
    return Figures(live, offline, max(0.0, others))


# ---- with a cloud


def _live(hosts: int, full: int, empty: int, say: Callable[[str], None]) -> Live:
    from ansible_collections.scaleout.nova.plugins.module_utils._capacity.fits import fits
    from ansible_collections.scaleout.nova.plugins.module_utils._cloud import snapshot as reader
    from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions

    say(f"{hosts} hosts, {full} of 1000 full, {empty} of 1000 without a GiB of disk")
    with _cloud(hosts, full, empty) as (url, options):
        headers = {"X-Auth-Token": _token(url, options), "OpenStack-API-Version": "placement 1.29"}
        rounds = []
        for _round in range(ROUNDS):
            began = time.perf_counter()
            with urllib.request.urlopen(urllib.request.Request(url + BARE, headers=headers)) as reply:
                reply.read()
            bare = time.perf_counter()
            snapshot, readings = reader.read(Cloud(CloudOptions(**options)))
            read = time.perf_counter()
            answer = fits(snapshot)
            rounds.append((bare - began, read - bare, time.perf_counter() - read))
    return Live(
        hosts, full, empty,
        *(median(column) for column in zip(*rounds, strict=True)),
        ratio=median((read + answered) / bare for bare, read, answered in rounds),
        calls=readings.calls,
        fits=sum(flavor["fits"] for flavor in answer["flavors"].values()),
    )  # fmt: skip


@contextlib.contextmanager
def _cloud(hosts: int, full: int, empty: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """The address of a cloud, and the options to reach it."""
    import launcher

    command = [launcher.venv(), Path(__file__).with_name("flatcloud.py"), hosts, FLAVORS, full, empty]
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))}
    process = subprocess.Popen(
        [str(word) for word in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    )
    assert process.stdin is not None and process.stdout is not None
    try:
        url = process.stdout.readline().strip()
        if not url:
            raise BenchError("the cloud for the benchmark does not start")
        auth = {
            "auth_url": url + "/identity/v3", "username": "admin", "password": "loopback-admin-secret",
            "project_name": "loopback", "user_domain_name": "Default", "project_domain_name": "Default",
        }  # fmt: skip
        yield url, {"auth": auth, "region_name": "RegionOne"}
    finally:
        process.stdin.close()
        process.wait(30)


def _token(url: str, options: dict[str, Any]) -> str:
    user = {"name": "admin", "password": options["auth"]["password"], "domain": {"name": "Default"}}
    body = {"auth": {"identity": {"methods": ["password"], "password": {"user": user}}}}
    request = urllib.request.Request(url + "/identity/v3/auth/tokens", json.dumps(body).encode())
    with urllib.request.urlopen(request) as reply:
        return str(reply.headers["X-Subject-Token"])


# ---- without one


def _offline(say: Callable[[str], None]) -> list[Offline]:
    found = []
    environment = {**os.environ, "PYTHONPATH": str(COLLECTIONS)}
    with tempfile.TemporaryDirectory(prefix="scaleout-bench-") as folder:
        path = Path(folder) / "snapshot.json"
        for hosts, flavors in OFFLINE:
            servers = hosts * SERVERS_PER_HOST
            say(f"without a cloud: {hosts} hosts, {servers} servers, {flavors} flavors")
            path.write_text(json.dumps(snapshots.snapshot(hosts, servers, flavors)), encoding="utf-8")
            command = [sys.executable, str(Path(__file__).with_name("offline.py")), str(path)]
            done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
            if done.returncode:
                raise BenchError(f"{' '.join(command)} failed:\n{done.stderr[-2000:]}")
            found.append(Offline(**json.loads(done.stdout)))
    return found


# ---- what was measured, for people


def goals_table(figures: Figures) -> list[list[str]]:
    """The goals, and whether they were reached."""
    rows = [["goal", "measured", "aim", ""]]

    def row(text: str, value: float, form: str, aim: float) -> None:
        rows.append([text, form % value, "at most " + form % aim, "reached" if value <= aim else "missed"])

    for live in figures.live:
        if not live.full and not live.empty:
            what = f"{live.hosts} hosts, none full"
            row(f"{what}: snapshot and all fits / one bare call", live.ratio, "%.1f", RATIO_GOAL)
            row(f"{what}: calls", live.calls, "%d", CALLS_GOAL)
    largest = figures.offline[-1]
    what = f"{largest.hosts} hosts, {largest.servers} servers, {largest.flavors} flavors, without a cloud"
    row(f"{what}: read, check and answer everything", largest.read + largest.answer, "%.1f s", SECONDS_GOAL)
    row(f"{what}: most memory", largest.peak_mib, "%.0f MiB", MEMORY_GOAL)
    return rows


def live_table(figures: Figures) -> list[list[str]]:
    """A row for each cloud."""
    rows = [["hosts", "full", "of those not a GiB of disk", "bare call, ms", "snapshot, ms", f"{FLAVORS} fits, ms",
             "ratio", "calls"]]  # fmt: skip
    for each in figures.live:
        milliseconds = [f"{seconds * 1000:.0f}" for seconds in (each.bare, each.read, each.answer)]
        shares = [f"{share / 10:g}%" for share in (each.full, each.empty)]
        rows.append([str(each.hosts), *shares, *milliseconds, f"{each.ratio:.1f}", str(each.calls)])
    return rows


def offline_table(figures: Figures) -> list[list[str]]:
    """A row for each snapshot without a cloud."""
    rows = [["hosts", "servers", "flavors", "read and check, s", "answer, s", "most memory, MiB"]]
    for each in figures.offline:
        rows.append([
            str(each.hosts), str(each.servers), str(each.flavors), f"{each.read:.2f}", f"{each.answer:.2f}",
            f"{each.peak_mib:.0f}",
        ])  # fmt: skip
    return rows


def growth(figures: Figures) -> str:
    """Seconds of the answer over hosts times flavors, as SVG."""
    points = [(each.hosts * each.flavors, each.answer) for each in figures.offline]
    return plot.scatter(points, "hosts × flavors", "seconds to answer everything")


def as_data(figures: Figures) -> dict[str, Any]:
    """For JSON."""
    return asdict(figures)


def of_data(data: dict[str, Any]) -> Figures:
    """Of JSON."""
    live: Sequence[dict[str, Any]] = data["live"]
    return Figures([Live(**each) for each in live], [Offline(**each) for each in data["offline"]], data["others"])
