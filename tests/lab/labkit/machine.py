# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What touches this machine: commands as root, podman, limits of the kernel, files that are shared."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import platform
import resource
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from .plan import LabError

LABEL_LAB, LABEL_HOST, LABEL_ADDRESS, LABEL_CACHE = (
    "scaleout.lab",
    "scaleout.host",
    "scaleout.address",
    "scaleout.cache",
)
ARCHITECTURES = {"x86_64": "amd64", "aarch64": "arm64"}
INOTIFY_INSTANCES = 2048  # systemd and its daemons take about ten per host, and all hosts are one user to the kernel


class Machine:
    """The machine that the lab runs on."""

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        self.is_root = os.geteuid() == 0

    def say(self, text: str) -> None:
        """One line for people."""
        if not self.quiet:
            print(text, flush=True)

    def architecture(self) -> str:
        """The name that Debian gives to this machine's processor."""
        return ARCHITECTURES.get(platform.machine(), platform.machine())

    def check(self) -> None:
        """All reasons why no lab can run here, in one LabError."""
        problems = []
        if platform.system() != "Linux" or platform.machine() not in ARCHITECTURES:
            problems.append(f"a lab needs Linux on amd64 or arm64, this is {platform.system()} on {platform.machine()}")
        path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
        missing = [
            name for name in ("podman", "debootstrap", "ip", "ssh", "ssh-keygen") if not shutil.which(name, path=path)
        ]
        if missing:
            problems.append(f"not installed: {', '.join(missing)} (`make setup` installs them)")
        if not self.is_root and not shutil.which("sudo"):
            problems.append("containers with systemd need root: run this as root or install sudo")
        if problems:
            raise LabError("; ".join(problems))

    def root(
        self,
        command: Sequence[str],
        *,
        stdin: bytes | None = None,
        stdout: IO[bytes] | None = None,
        log: Path | None = None,
    ) -> bytes:
        """Run a command as root; a failure becomes a LabError with the end of what it said."""
        full = [*self.as_root(), *command]
        # The locale of the caller may not exist in a new root.
        environment = {**os.environ, "LC_ALL": "C.UTF-8", "PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin"}
        try:
            done = subprocess.run(
                full, input=stdin, stdout=stdout or subprocess.PIPE, stderr=subprocess.PIPE,
                env=environment, umask=0o022, check=False,
            )  # fmt: skip
        except FileNotFoundError as error:
            raise LabError(f"{full[0]} is not installed (`make setup` installs what the lab needs)") from error
        output = (done.stdout or b"") + (done.stderr or b"")
        if log:
            with log.open("ab") as out:
                out.write(output)
        if done.returncode:
            tail = " | ".join(output.decode(errors="replace").strip().splitlines()[-4:]) or "no output"
            where = f" (all of it in {log})" if log else ""
            raise LabError(f"`{' '.join(command[:6])}` failed with {done.returncode}: {tail}{where}")
        return done.stdout or b""

    def as_root(self) -> list[str]:
        """What to put before a command so that root runs it."""
        return [] if self.is_root else ["sudo"]

    def authenticate(self) -> None:
        """Let sudo ask for a password once, before anything runs in parallel."""
        if not self.is_root and subprocess.run(["sudo", "-v"], check=False).returncode:
            raise LabError("containers with systemd need root, and sudo refused")

    def output(self, command: Sequence[str], default: str | None = None) -> str:
        """What a command prints, run as this user."""
        try:
            return subprocess.run(command, capture_output=True, text=True, check=True).stdout
        except (FileNotFoundError, subprocess.CalledProcessError) as error:
            if default is not None:
                return default
            detail = getattr(error, "stderr", None) or str(error)
            raise LabError(f"`{' '.join(command)}` failed: {detail.strip()}") from error

    def inventory(self, source: Path) -> Mapping[str, Any]:
        """`ansible-inventory --list` of a directory or file."""
        if not source.exists():
            raise LabError(f"inventory {source} does not exist")
        beside = Path(sys.executable).parent / "ansible-inventory"
        tool = str(beside) if beside.exists() else shutil.which("ansible-inventory")
        if not tool:
            raise LabError("ansible-inventory is not installed (`make setup` makes a virtual environment that has it)")
        # Its output has the secrets of the inventory: into no log, whatever ansible.cfg says.
        command = ["env", "ANSIBLE_LOG_PATH=/dev/null", tool, "-i", str(source), "--list"]
        return dict(json.loads(self.output(command)))

    def limits(self) -> dict[str, int]:
        """The hard limits that a container can have at most: podman raises no limit that this shell cannot."""
        files = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        processes = resource.getrlimit(resource.RLIMIT_NPROC)[1]
        unlimited = 2**20
        pid_max = int(Path("/proc/sys/kernel/pid_max").read_text())
        return {
            "nofile": unlimited if files == resource.RLIM_INFINITY else min(files, unlimited),
            # podman lowers its own limit to pid_max first, and cannot go above it afterwards
            "nproc": min(unlimited if processes == resource.RLIM_INFINITY else processes, pid_max),
        }

    def raise_inotify(self) -> None:
        """Many daemons of one user want more inotify instances than the kernel's 128."""
        path = Path("/proc/sys/fs/inotify/max_user_instances")
        now = int(path.read_text())
        if now >= INOTIFY_INSTANCES:
            return
        self.say(f"machine: fs.inotify.max_user_instances {now} -> {INOTIFY_INSTANCES}, until the next boot")
        self.root(["sysctl", "-qw", f"fs.inotify.max_user_instances={INOTIFY_INSTANCES}"])

    def routes(self) -> list[dict[str, Any]]:
        """`ip -j route`."""
        return list(json.loads(self.output(["ip", "-j", "-4", "route", "show", "table", "main"]) or "[]"))

    def memory_available(self) -> int:
        """Bytes that programs can have without swapping."""
        for line in Path("/proc/meminfo").read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
        return 0


@dataclass(frozen=True)
class Existing:
    """A container of a lab."""

    id: str
    lab: str
    host: str
    address: str
    cache: str  # where its key and hosts file come from
    state: str
    image: str
    created: int

    @property
    def running(self) -> bool:
        """Whether its systemd runs."""
        return self.state == "running"


class Podman:
    """podman as root."""

    def __init__(self, machine: Machine) -> None:
        self.machine = machine

    def run(self, *args: str) -> str:
        """One podman command; its output."""
        return self.machine.root(["podman", *args]).decode(errors="replace").strip()

    def ok(self, *args: str) -> bool:
        """Whether a podman command succeeds."""
        try:
            self.run(*args)
        except LabError:
            return False
        return True

    def json(self, *args: str) -> list[dict[str, Any]]:
        """The list that a podman command prints as JSON."""
        return list(json.loads(self.run(*args) or "[]") or [])

    def hosts(self, lab: str | None = None) -> dict[str, Existing]:
        """Containers of one lab by host name; of all labs by container name."""
        label = LABEL_LAB + (f"={lab}" if lab else "")
        found = {}
        for entry in self.json("ps", "-a", "--filter", f"label={label}", "--format", "json"):
            labels = entry["Labels"]
            item = Existing(
                entry["Id"], labels[LABEL_LAB], labels[LABEL_HOST], labels[LABEL_ADDRESS], labels.get(LABEL_CACHE, ""),
                entry["State"], entry["Image"], int(entry["Created"]),
            )  # fmt: skip
            found[item.host if lab else entry["Names"][0]] = item
        return found

    def networks(self, lab: str | None = None) -> dict[str, str]:
        """Name of each network of a lab, or of all labs -> its lab."""
        label = LABEL_LAB + (f"={lab}" if lab else "")
        found = self.json("network", "ls", "--filter", f"label={label}", "--format", "json")
        return {entry["name"]: entry["labels"][LABEL_LAB] for entry in found}

    def disk_free(self) -> int:
        """Bytes that are free where images and containers lie; only root may look there."""
        root = self.run("info", "--format", "{{.Store.GraphRoot}}")
        return int(self.machine.root(["df", "-B1", "--output=avail", root]).split()[-1])

    def find_runtime(self, image: str, flags: Sequence[str]) -> str:
        """The first OCI runtime that really starts a container with these flags here."""
        unified = Path("/sys/fs/cgroup/cgroup.controllers").exists()
        failures = []
        # Some versions of crun refuse hybrid cgroups: there the other one first.
        for name in ("crun", "runc") if unified else ("runc", "crun"):
            if not shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin"):
                failures.append(f"{name}: not installed")
                continue
            try:
                # With a limit on memory, so that cgroups are tried; without init, so that it ends by itself.
                self.run(
                    "--runtime", name, "run", "--rm", "--network=none", "--memory=256m", *flags, image, "/bin/true"
                )
            except LabError as error:
                failures.append(f"{name}: {error}")
            else:
                return name
        raise LabError("no container runtime works on this machine: " + "; ".join(failures))


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold a lock file; another lab tool waits."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def write_in_place(path: Path, text: str) -> None:
    """Change a file that containers have mounted: same inode, new content, readable for all in there."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()
    path.chmod(0o644)
    with path.open("r+") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        if handle.read() != text:
            handle.seek(0)
            handle.write(text)
            handle.truncate()
