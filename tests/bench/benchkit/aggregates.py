# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration of host aggregates, applied by one task of scaleout.nova.host_aggregates and by a loop of
openstack.cloud.host_aggregate, to the same Nova in the same run; and the plan alone for a large cloud with goals.

The Nova is that of the integration tests, on loopback. Its hosts are copies of one fake host in its databases, with
resource providers in Placement. Each way is a run of ansible-playbook, start and login included.
"""

from __future__ import annotations

import contextlib
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .clouds import ROOT, BenchError
from .measure import cores, machine_cpu

COLLECTIONS = ROOT / "build" / "collections"
sys.path[:0] = [str(COLLECTIONS), str(ROOT / "tests" / "integration" / "loopback")]

HOSTS = 1000
#: as many with a zone as without
AGGREGATES = 20
#: hosts that go from one aggregate to another: two writes each
MOVED = 10
PLANNED_HOSTS, PLANNED_AGGREGATES = 10_000, 100

CALLS_GOAL, SECONDS_GOAL = 3, 10.0
Declared = list[dict[str, Any]]


@dataclass(frozen=True)
class Run:
    """One run of ansible-playbook: what it did, seconds, reads and writes without those of the login."""

    way: str
    changes: int
    seconds: float
    reads: int
    writes: int


@dataclass(frozen=True)
class Figures:
    """All of it; ``plan`` is the seconds of the plan alone, ``others`` the share of the processors that something else
    used, as far as that can be told apart from the Nova of the benchmark, which is not counted among them."""

    runs: list[Run]
    plan: float
    proven: bool
    others: float


def measure(say: Callable[[str], None]) -> Figures:
    """Everything."""
    import launcher

    say(f"planning alone: {PLANNED_HOSTS} hosts, {PLANNED_AGGREGATES} aggregates with goals")
    began, machine, own = time.monotonic(), machine_cpu(), os.times()
    plan, proven = _plan()
    now = os.times()
    others = (machine_cpu() - machine - sum(now[:4]) + sum(own[:4])) / (cores() * (time.monotonic() - began))
    with launcher.Loopback(computes=1) as cloud, tempfile.TemporaryDirectory(prefix="scaleout-bench-") as folder:
        say(f"a Nova with {HOSTS} hosts")
        _Hosts(cloud).make()
        bench = _Bench(cloud, Path(folder))
        first, second = _declaration(moved=False), _declaration(moved=True)
        bench.prepare(first)
        runs = []
        for name, changes, one, other in (("nothing to do", 0, first, first), ("", 2 * MOVED, second, first)):
            say(name or f"{changes} changes")
            runs += [bench.run("one task", changes, one), bench.run("loop", changes, other)]
    return Figures(runs, plan, proven, max(0.0, others))


def _plan() -> tuple[float, bool]:
    """Seconds to plan for a large cloud, and whether no better assignment exists for sure."""
    from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.declaration import parse
    from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import (
        HostFacts,
        Observed,
        ObservedHost,
    )
    from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.plan import plan

    names = ["cpu%05d" % number for number in range(PLANNED_HOSTS)]
    facts = {name: HostFacts({"rack": number % 200, "row": number % 20}) for number, name in enumerate(names)}
    declared: Declared = []
    for number in range(PLANNED_AGGREGATES):
        goal: dict[str, Any] = {"share": "%d%%" % (1 + number % 3), "spread": "rack"}
        if number % 2:
            goal = {"at_least": 50, "distinct": {"row": 10}}
        declared.append({"name": "a%03d" % number, "goal": goal, "apart_from": ["a%03d" % (number - 1)][: number % 5]})
    observed = Observed({name: ObservedHost(name, servers=0) for name in names})
    began = time.perf_counter()
    made = plan(parse({"aggregates": declared}), observed, facts)
    if made.problems:
        raise BenchError(f"the plan of the benchmark has problems: {made.problems[0]}")
    return time.perf_counter() - began, made.proven


def _declaration(moved: bool) -> Declared:
    """Every host in one aggregate with a zone and in one without; some of the first of the latter moved to the last.
    The metadata are texts, as the other module does not turn YAML's other values into them."""
    hosts = [_host(number) for number in range(HOSTS)]
    half = AGGREGATES // 2
    found: Declared = [
        {"name": "zone%02d" % number, "zone": "zone%02d" % number, "metadata": {"number": str(number), "ours": "true"},
         "hosts": hosts[number::half]}
        for number in range(half)
    ]  # fmt: skip
    size = HOSTS // half
    plain = [hosts[number * size : (number + 1) * size] for number in range(half)]
    if moved:
        plain[-1] += plain[0][:MOVED]
        del plain[0][:MOVED]
    found += [
        {"name": "plain%02d" % number, "metadata": {"ssd": "true" if number % 2 else "false"}, "hosts": members}
        for number, members in enumerate(plain)
    ]
    return found


def _host(number: int) -> str:
    return "bench%04d" % number


class _Hosts:
    """Copies of the first host of a loopback cloud."""

    def __init__(self, cloud: Any) -> None:
        self.cloud = cloud
        self.uuids = {_host(number): str(uuid.uuid4()) for number in range(HOSTS)}

    def make(self) -> None:
        """All of them."""
        self._copy("nova_api", "host_mappings", "host", [{"host": host} for host in self.uuids])
        services = [{"host": host, "uuid": str(uuid.uuid4())} for host in self.uuids]
        self._copy("cell1", "services", "host", services)
        nodes = [{"host": host, "hypervisor_hostname": host, "uuid": each} for host, each in self.uuids.items()]
        self._copy("cell1", "compute_nodes", "host", nodes)
        client = _client(self.cloud)
        client.each(self._provider, self.uuids.items())

    def _copy(self, database: str, table: str, key: str, rows: Iterable[dict[str, str]]) -> None:
        with _database(self.cloud, database) as connection:
            connection.row_factory = sqlite3.Row
            first = dict(connection.execute(f"select * from {table} where {key} = 'cmp1'").fetchone())
            del first["id"]
            statement = "insert into %s (%s) values (%s)" % (
                table, ", ".join(first), ", ".join(":" + column for column in first),
            )  # fmt: skip
            connection.executemany(statement, [{**first, **row} for row in rows])

    def _provider(self, item: tuple[str, str]) -> None:
        from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import Placement

        Placement(_client(self.cloud)).post("/resource_providers", {"name": item[0], "uuid": item[1]})


_CLIENTS: dict[str, Any] = {}


def _client(cloud: Any) -> Any:
    from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions

    if cloud.url not in _CLIENTS:
        _CLIENTS[cloud.url] = Cloud(CloudOptions(auth=cloud.auth(), region_name="RegionOne"))
    return _CLIENTS[cloud.url]


@contextlib.contextmanager
def _database(cloud: Any, name: str) -> Iterator[sqlite3.Connection]:
    """A database of Nova. What is done in it is committed at the end."""
    connection = sqlite3.connect(Path(cloud.directory) / f"{name}.sqlite", timeout=60)
    with contextlib.closing(connection):
        yield connection
        connection.commit()


class _Bench:
    """Runs of ansible-playbook against a cloud."""

    def __init__(self, cloud: Any, folder: Path) -> None:
        self.cloud = cloud
        self.folder = folder
        clouds = {"clouds": {"bench": {"auth": cloud.auth(), "region_name": "RegionOne"}}}
        (folder / "clouds.yaml").write_text(json.dumps(clouds), encoding="utf-8")

    def prepare(self, declared: Declared) -> None:
        """Have the cloud as declared: the aggregates by the module, their hosts in the databases, for which Nova would
        take minutes."""
        self._play("one task", [{**each, "hosts": []} for each in declared])
        with _database(self.cloud, "nova_api") as nova:
            numbers = dict(nova.execute("select name, id from aggregates").fetchall())
            rows = [(host, numbers[each["name"]]) for each in declared for host in each["hosts"]]
            nova.executemany("insert into aggregate_hosts (host, aggregate_id) values (?, ?)", rows)
        self._play("one task", declared, verify_placement="declared")

    def run(self, way: str, changes: int, declared: Declared) -> Run:
        """One run, which has to make so many changes."""
        self.cloud.control("log")
        began = time.perf_counter()
        self._play(way, declared)
        seconds = time.perf_counter() - began
        log = [method for method, path, _status in self.cloud.control("log") if "/identity" not in path]
        reads = log.count("GET")
        if way == "one task" and len(log) - reads != changes:
            raise BenchError(f"{len(log) - reads} writes where {changes} were to be made")
        return Run(way, changes, seconds, reads, len(log) - reads)

    def _play(self, way: str, declared: Declared, **options: Any) -> None:
        if way == "loop":
            task: dict[str, Any] = {
                "openstack.cloud.host_aggregate": {
                    "cloud": "bench", "name": "{{ item.name }}", "availability_zone": "{{ item.zone | default(omit) }}",
                    "metadata": "{{ item.metadata | combine(mark) }}", "hosts": "{{ item.hosts }}",
                },
                "vars": {"mark": {"scaleout:owner": "scaleout.nova"}},  # it would take away what is not named
                "loop": "{{ declared }}",
                "loop_control": {"label": "{{ item.name }}"},
            }  # fmt: skip
        else:
            arguments = {"cloud": "bench", "aggregates": "{{ declared }}", "extra_hosts": "remove", **options}
            task = {"scaleout.nova.host_aggregates": arguments}
        play = {"hosts": "localhost", "gather_facts": False, "vars": {"declared": declared}, "tasks": [task]}
        path = self.folder / "play.yml"
        path.write_text(json.dumps([play]), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        environment.update(
            OS_CLIENT_CONFIG_FILE=str(self.folder / "clouds.yaml"),
            ANSIBLE_CONFIG=str(ROOT / "ansible.cfg"),
            ANSIBLE_COLLECTIONS_PATH=str(COLLECTIONS),
        )
        done = subprocess.run(
            ["ansible-playbook", str(path)], cwd=self.folder, env=environment, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip
        if done.returncode:
            raise BenchError(f"the {way} failed:\n{(done.stdout + done.stderr)[-2000:]}")


# ---- what was measured, for people


def ratio(figures: Figures, changes: int) -> float:
    """The seconds of the loop by those of the task."""
    seconds = {run.way: run.seconds for run in figures.runs if run.changes == changes}
    return seconds["loop"] / seconds["one task"]


def goals_table(figures: Figures) -> list[list[str]]:
    """The goals, and whether they were reached."""
    rows = [["goal", "measured", "aim", ""]]

    def row(text: str, value: float, form: str, aim: float) -> None:
        rows.append([text, form % value, "at most " + form % aim, "reached" if value <= aim else "missed"])

    for run in figures.runs:
        if run.way == "one task":
            row(f"{run.changes} changes: writes", run.writes, "%d", run.changes)
            if not run.changes:
                row("nothing to do: reads", run.reads, "%d", CALLS_GOAL)
    what = f"plan alone, {PLANNED_HOSTS} hosts, {PLANNED_AGGREGATES} aggregates with goals"
    row(what + (", proven" if figures.proven else ""), figures.plan, "%.1f s", SECONDS_GOAL)
    return rows


def runs_table(figures: Figures) -> list[list[str]]:
    """A row for each run."""
    rows = [["changes", "way", "seconds", "reads", "writes", "loop / one task"]]
    for run in figures.runs:
        rows.append([
            str(run.changes), run.way, f"{run.seconds:.1f}", str(run.reads), str(run.writes),
            f"{ratio(figures, run.changes):.1f}" if run.way == "loop" else "",
        ])  # fmt: skip
    return rows


def as_data(figures: Figures) -> dict[str, Any]:
    """For JSON."""
    return asdict(figures)


def of_data(data: dict[str, Any]) -> Figures:
    """Of JSON."""
    return Figures([Run(**each) for each in data["runs"]], data["plan"], data["proven"], data["others"])
