# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Labs of the benchmarks' own, made from inventories/lab, and what runs on them: playbooks and bare scripts."""

from __future__ import annotations

import concurrent.futures
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

from . import timings
from .measure import containers_cpu

ROOT = Path(__file__).resolve().parents[3]
LAB = ROOT / "inventories" / "lab"
BARE = ROOT / "tests" / "bench" / "bare"
OUTPUT = ROOT / "tests" / "output" / "bench"
CONTROLLER = "ctl1"
SSH = (
    "ssh", "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
    "-o", "BatchMode=yes", "-o", "ServerAliveInterval=15",
)  # fmt: skip


class BenchError(Exception):
    """Something that the user is told in one sentence."""


def cache() -> Path:
    """Where the lab keeps its key."""
    return Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-nova")


def compute_names(first: int, count: int) -> list[str]:
    """The names of so many computes, from that number on."""
    return [f"cpu{number}" for number in range(first, first + count)]


@dataclass(frozen=True)
class Run:
    """A run of ansible-playbook."""

    records: list[timings.Record]
    plays: dict[str, float]  # name -> seconds


class Cloud:
    """A lab of its own, and the inventory of a cloud on it; as a context manager it is removed whatever happens."""

    def __init__(self, name: str, network: int, computes: int, keep: bool, say: Callable[[str], None]) -> None:
        self.name = f"bench-{name}"
        self.computes = compute_names(1, computes)
        self._network = f"10.75.{network}"
        self._keep = keep
        self._say = say
        self._runs = 0
        self._running: set[subprocess.Popen[str]] = set()
        self.inventory = Path(tempfile.mkdtemp(prefix=f"{self.name}-"))  # there will be secrets in it: mode 0700

    def __enter__(self) -> Cloud:
        self._remove()  # what a killed run may have left
        shutil.copytree(LAB / "group_vars", self.inventory / "group_vars", ignore=shutil.ignore_patterns("secrets.yml"))
        self.start()
        self._logged("secrets", ["ansible-playbook", "-i", str(self.inventory), "playbooks/secrets.yml"])
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keep:
            self._say(f"kept: lab {self.name}, inventory {self.inventory} (tests/lab/lab.py clean --lab {self.name})")
            return
        self._remove()
        shutil.rmtree(self.inventory, ignore_errors=True)

    def _remove(self) -> None:
        self._logged("clean", [sys.executable, "tests/lab/lab.py", "clean", "--lab", self.name])

    def start(self) -> None:
        """Write the inventory and start the hosts that are missing."""
        lab = (LAB / "hosts.yml").read_text(encoding="utf-8").partition("  children:\n")[0]
        for variable, value in (("lab_name", self.name), ("lab_subnet", f"{self._network}.0/24")):
            lab, found = re.subn(rf"^( +{variable}): .*$", rf"\1: {value}", lab, flags=re.MULTILINE)
            if found != 1:
                raise BenchError(f"{LAB}/hosts.yml should set {variable} once, before its children")
        groups = {"controllers": [CONTROLLER], "computes": self.computes}
        children = "".join(
            f"    {group}:\n      hosts:\n"
            + "".join(f"        {name}: {{ansible_host: {self.address(name)}}}\n" for name in names)
            for group, names in groups.items()
        )
        (self.inventory / "hosts.yml").write_text(f"{lab}  children:\n{children}", encoding="utf-8")
        self._logged("lab", [sys.executable, "tests/lab/lab.py", "up", "-i", str(self.inventory)])

    def add(self, count: int) -> list[str]:
        """So many blank computes more; their names."""
        new = compute_names(len(self.computes) + 1, count)
        self.computes += new
        self.start()
        return new

    def address(self, host: str) -> str:
        """The address of a host."""
        return f"{self._network}.{11 if host == CONTROLLER else 20 + int(host.removeprefix('cpu'))}"

    def cpu(self) -> float:
        """Processor seconds of the hosts so far."""
        return containers_cpu(f"scaleout.lab={self.name}")

    # -- playbooks -----------------------------------------------------------------------------------------------

    def play(self, *arguments: str) -> Run:
        """Run ansible-playbook; what its tasks took."""
        name = "-".join(Path(argument).stem for argument in arguments if argument.endswith(".yml"))
        file = self.inventory / f"timing-{self._runs}"
        began = time.time()
        self._logged(name, ["ansible-playbook", "-i", str(self.inventory), *arguments], SCALEOUT_TIMING_FILE=str(file))
        records = timings.read(file)
        return Run(records, timings.plays(records, began, time.time()))

    def packages(self) -> dict[str, list[str]]:
        """Host -> the packages that the playbook would install on it."""
        command = ["ansible-playbook", "-i", str(self.inventory), "playbooks/packages.yml", "--check"]
        environment = self._environment(ANSIBLE_STDOUT_CALLBACK="ansible.posix.json")
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=environment, check=False)
        if done.returncode:
            raise BenchError(f"`{shlex.join(command)}` failed: {(done.stderr or done.stdout).strip()[-500:]}")
        found: dict[str, list[str]] = {}
        for play in json.loads(done.stdout[done.stdout.index("{") :])["plays"]:
            for task in play["tasks"]:
                for host, result in task["hosts"].items():
                    if "packages" in result:
                        found[host] = result["packages"]
        if set(found) != {CONTROLLER, *self.computes}:
            raise BenchError(
                f"playbooks/packages.yml says what it would install on {', '.join(found) or 'no host'} only"
            )
        return found

    def variables(self, host: str) -> dict[str, Any]:
        """What the inventory says of a host."""
        command = ["ansible-inventory", "-i", str(self.inventory), "--list"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT, env=self._environment(), check=True)
        return dict(json.loads(done.stdout)["_meta"]["hostvars"][host])

    # -- bare scripts --------------------------------------------------------------------------------------------

    def bare(self, packages: dict[str, list[str]], virt_type: str) -> dict[str, list[tuple[float, str]]]:
        """Run the scripts of all hosts at once; for each host when (seconds since 1970) which phase began."""
        settings = self.variables(CONTROLLER)
        common = {
            "CONTROLLER": self.address(CONTROLLER),
            "IDENTITY_URL": f"http://{self.address(CONTROLLER)}:5000/v3",
            "COMPUTES": " ".join(self.computes),
            "WORKERS": str(settings.get("service_workers", 1)),
            "RESERVED_MEMORY": str(settings.get("nova_compute_reserved_memory", 512)),
            "VIRT_TYPE": virt_type,
            "ADMIN_PASSWORD": settings["keystone_admin_password"],
            **{key: value for key, value in settings.items() if key.endswith(("_password", "_secret"))},
        }

        def run(host: str) -> list[tuple[float, str]]:
            own = {"HOST": host, "ADDRESS": self.address(host), "PACKAGES": " ".join(packages[host])}
            exports = "".join(f"export {key}={shlex.quote(value)}\n" for key, value in {**common, **own}.items())
            parts = [exports, (BARE / "common.sh").read_text(encoding="utf-8")]
            if host == CONTROLLER:
                program = (BARE / "cloud_api.py").read_text(encoding="utf-8")
                parts.append(f"cat > /run/cloud_api.py << 'PROGRAM'\n{program}PROGRAM\n")
            script = "controller.sh" if host == CONTROLLER else "compute.sh"
            parts.append((BARE / script).read_text(encoding="utf-8"))
            output = self._logged(f"bare-{host}", self._ssh(host, "bash -s"), stdin="\n".join(parts))
            found = re.findall(r"^PHASE ([\d.]+) (.+)$", output, re.MULTILINE)
            return [(float(when), what) for when, what in found]

        hosts = [CONTROLLER, *self.computes]
        with concurrent.futures.ThreadPoolExecutor(max_workers=len(hosts)) as pool:
            jobs = {host: pool.submit(run, host) for host in hosts}
            try:
                for job in concurrent.futures.as_completed(jobs.values()):
                    job.result()
            except BaseException:
                self._stop()  # the others would wait for the one that failed
                raise
        return {host: job.result() for host, job in jobs.items()}

    def ask(self, host: str, command: str) -> str:
        """What a command on a host prints."""
        done = subprocess.run(self._ssh(host, command), capture_output=True, text=True, check=False)
        return done.stdout.strip()

    def _ssh(self, host: str, command: str) -> list[str]:
        return [*SSH, "-i", str(cache() / "lab" / "id_ed25519"), f"root@{self.address(host)}", command]

    # -- what all of them need -----------------------------------------------------------------------------------

    def _environment(self, **more: str) -> dict[str, str]:
        return {
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
            "SCALEOUT_CACHE": str(cache()),
            "LC_ALL": "C.UTF-8",
            **more,
        }

    def _logged(self, name: str, command: list[str], stdin: str | None = None, **environment: str) -> str:
        """Run a command with its output in a file; a failure shows the end of it."""
        OUTPUT.mkdir(parents=True, exist_ok=True)
        self._runs += 1
        log = OUTPUT / f"{self.name}-{self._runs:02d}-{name}.log"
        with log.open("w", encoding="utf-8") as stream:
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL if stdin is None else subprocess.PIPE, stdout=stream,
                stderr=subprocess.STDOUT, text=True, cwd=ROOT, env=self._environment(**environment),
            )  # fmt: skip
            self._running.add(process)
            try:
                process.communicate(stdin)
            except BaseException:
                self._stop()
                raise
            finally:
                self._running.discard(process)
        output = log.read_text(encoding="utf-8", errors="replace")
        if process.returncode:
            tail = "\n".join(output.rstrip().splitlines()[-25:])
            raise BenchError(f"{self.name}: {name} failed with {process.returncode}; the end of {log}:\n{tail}")
        return output

    def _stop(self) -> None:
        """End what is running for this cloud."""
        for process in list(self._running):
            process.terminate()
        for process in list(self._running):
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                process.kill()
