# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The commands of the lab: what is there, what should be there, and the way from the one to the other."""

from __future__ import annotations

import concurrent.futures
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from .image import ensure_image, forget_images
from .machine import (
    LABEL_ADDRESS,
    LABEL_CACHE,
    LABEL_HOST,
    LABEL_LAB,
    Existing,
    Machine,
    Podman,
    locked,
    write_in_place,
)
from .plan import Host, Lab, LabError, colliding_route, hosts_file, mac_address, parse_size, resolves_through_itself

READY_TIMEOUT = 120  # seconds until a host has to answer
SSH_OPTIONS = (
    "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
    "-o", "ConnectTimeout=3", "-o", "BatchMode=yes", "-o", "PreferredAuthentications=publickey",
)  # fmt: skip


class Tool:
    """The commands."""

    def __init__(self, machine: Machine, cache: Path) -> None:
        self.machine = machine
        self.podman = Podman(machine)
        self.cache = cache / "lab"
        self.key = self.cache / "id_ed25519"

    def hosts_path(self, lab: str) -> Path:
        """The /etc/hosts of a lab."""
        return self.cache / lab / "hosts"

    # -- up ------------------------------------------------------------------------------------------------------

    def up(self, lab: Lab, hosts: Iterable[Host]) -> None:
        """Start what is missing, wait until all answer."""
        self.machine.authenticate()
        with locked(self.cache / f"{lab.name}.lock"):
            there = self.podman.hosts(lab.name)
            hosts = list(hosts)
            missing = [host for host in hosts if host.name not in there]
            self._check_existing(lab, hosts, there)
            self._ensure_key()
            self._ensure_network(lab)
            if missing:
                self._check_room(missing)
            if missing or not all(item.running for item in there.values()):
                self.machine.raise_inotify()
            entries = {item.host: item.address for item in there.values()}
            write_in_place(self.hosts_path(lab.name), hosts_file({**entries, **{h.name: h.address for h in lab.hosts}}))
            image = flags = runtime = None
            if missing:
                image = ensure_image(self.machine, self.podman, self.cache)
                flags = self._flags()
                runtime = self.podman.find_runtime(image, flags)

            def start(host: Host) -> None:
                began = time.monotonic()
                item = there.get(host.name)
                if item is None:
                    assert image and flags and runtime
                    self._create(lab, host, image, flags, runtime)
                    done = "started"
                elif not item.running:
                    self.podman.run("start", item.id)
                    done = "started again"
                else:
                    done = "is up"
                failed = self._wait(host.name, host.address)
                if failed and item is None:
                    raise LabError(f"{host.name}: a blank host with failed units: {', '.join(failed)}")
                self._report(host.name, host.address, done, began, failed)

            in_parallel(start, hosts)

    def _check_existing(self, lab: Lab, hosts: Iterable[Host], there: dict[str, Existing]) -> None:
        others = {item.cache for item in there.values()} - {str(self.cache)}
        if others:
            raise LabError(
                f"lab {lab.name} runs already, with the cache {', '.join(others)} instead of {self.cache}: "
                "remove it (`clean`), set SCALEOUT_CACHE, or choose another lab_name and lab_subnet"
            )
        if there and not (self.key.exists() and self.hosts_path(lab.name).exists()):
            raise LabError(
                f"the key of lab {lab.name} is gone from {self.cache}: remove the lab (`clean`), then start it anew"
            )
        owners = {item.address: item.host for item in there.values()}
        problems = []
        for host in hosts:
            item = there.get(host.name)
            if item and item.address != host.address:
                problems.append(
                    f"{host.name} runs with {item.address}, the inventory says {host.address}: take it down first"
                )
            elif owners.get(host.address, host.name) != host.name:
                problems.append(
                    f"{host.name}: {host.address} is in use by {owners[host.address]}, which this inventory lacks"
                )
        if problems:
            raise LabError(f"lab {lab.name}: " + "; ".join(problems))

    def _check_room(self, missing: list[Host]) -> None:
        """Blank hosts are small; what is going to be installed on them is not."""
        memory = sum(parse_size(host.memory) if host.memory else 2**30 for host in missing)
        disk = (1 + 2 * len(missing)) * 2**30
        free = self.podman.disk_free()
        available = self.machine.memory_available()
        problems = []
        if available < memory:
            problems.append(
                f"{len(missing)} more hosts want {memory >> 20} MiB of memory, {available >> 20} MiB are available"
            )
        if free < disk:
            problems.append(f"{len(missing)} more hosts want {disk >> 20} MiB of disk, {free >> 20} MiB are free")
        if problems:
            raise LabError("; ".join(problems) + " (fewer hosts with --limit, or lab_memory, may fit)")

    def _ensure_key(self) -> None:
        with locked(self.cache / "key.lock"):
            if not self.key.exists():
                self.cache.chmod(0o700)
                command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "scaleout-lab", "-f", str(self.key)]
                self.machine.output(command)

    def _ensure_network(self, lab: Lab) -> None:
        found = (
            self.podman.json("network", "inspect", lab.name) if self.podman.ok("network", "exists", lab.name) else []
        )
        subnets = [entry["subnet"] for entry in found[0].get("subnets", [])] if found else []
        if found and subnets != [str(lab.subnet)]:
            raise LabError(
                f"network {lab.name} has {subnets}, the inventory says lab_subnet {lab.subnet}: take the lab down first"
            )
        device = found[0].get("network_interface") if found else None
        route = colliding_route(lab.subnet, self.machine.routes(), device)
        if route:
            raise LabError(
                f"lab_subnet {lab.subnet} collides with this machine's route {route}: "
                "choose another lab_subnet (and ansible_host of each host) in the inventory"
            )
        if found:
            return
        command = ["network", "create", "--subnet", str(lab.subnet), "--label", f"{LABEL_LAB}={lab.name}"]
        if not resolves_through_itself(Path("/etc/resolv.conf").read_text()):
            command.append("--disable-dns")
        try:
            self.podman.run(*command, lab.name)
        except LabError as error:
            raise LabError(f"no network for lab_subnet {lab.subnet}: {error}") from error

    def _flags(self) -> list[str]:
        limits = [f"--ulimit={name}={value}:{value}" for name, value in self.machine.limits().items()]
        return ["--systemd=always", "--privileged", "--pids-limit=-1", "--http-proxy=false", *limits]

    def _create(self, lab: Lab, host: Host, image: str, flags: list[str], runtime: str) -> None:
        command = ["--runtime", runtime, "run", "-d", "--name", lab.container(host.name), "--hostname", host.name]
        command += ["--network", lab.name, "--ip", host.address, "--mac-address", mac_address(host.address)]
        command += ["--label", f"{LABEL_LAB}={lab.name}", "--label", f"{LABEL_HOST}={host.name}"]
        command += ["--label", f"{LABEL_ADDRESS}={host.address}", "--label", f"{LABEL_CACHE}={self.cache}"]
        command += ["-v", f"{self.hosts_path(lab.name)}:/etc/hosts:ro"]
        command += ["-v", f"{self.key}.pub:/etc/ssh/lab_authorized_keys:ro"]
        command += [f"--memory={host.memory}"] if host.memory else []
        command += [f"--cpus={host.cpus}"] if host.cpus else []
        self.podman.run(*command, *flags, image, "/sbin/init")

    def _ssh(self, address: str, *command: str) -> list[str]:
        return ["ssh", *SSH_OPTIONS, "-i", str(self.key), f"root@{address}", *command]

    def _wait(self, name: str, address: str) -> list[str]:
        """Until sshd answers and systemd has started everything; returns the units that failed."""
        deadline = time.monotonic() + READY_TIMEOUT
        command = self._ssh(address, "systemctl is-system-running --wait; systemctl --failed --plain --no-legend")
        state = "no answer"
        while (left := deadline - time.monotonic()) > 0:
            try:
                done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=left)
            except subprocess.TimeoutExpired:
                state = "systemd is still starting units"
                break
            lines = done.stdout.splitlines()
            if lines and lines[0] in ("running", "degraded"):
                return [line.split()[0] for line in lines[1:] if line.strip()]
            said = lines or done.stderr.strip().splitlines()
            state = said[-1] if said else state
            time.sleep(0.2)
        raise LabError(f"{name} ({address}) was not ready after {READY_TIMEOUT} s: {state}")

    def _report(self, name: str, address: str, done: str, began: float, failed: list[str]) -> None:
        note = f"; failed units: {', '.join(failed)}" if failed else ""
        self.machine.say(f"{name:<8} {address:<15} {done} ({time.monotonic() - began:.1f} s){note}")

    # -- down, clean, power --------------------------------------------------------------------------------------

    def down(self, lab: str, names: set[str] | None) -> None:
        """Remove hosts, and the network with the last of them."""
        self.machine.authenticate()
        with locked(self.cache / f"{lab}.lock"):
            there = self.podman.hosts(lab)
            going = [item for item in there.values() if names is None or item.host in names]

            def remove(item: Existing) -> None:
                self.podman.run("rm", "-f", "-v", "-t", "0", item.id)
                self.machine.say(f"{item.host:<8} {item.address:<15} removed")

            in_parallel(remove, going)
            staying = {item.host: item.address for item in there.values() if item not in going}
            if staying:
                write_in_place(self.hosts_path(lab), hosts_file(staying))
            else:
                for network in self.podman.networks(lab):
                    self.podman.run("network", "rm", "-f", network)
                shutil.rmtree(self.hosts_path(lab).parent, ignore_errors=True)

    def clean(self) -> None:
        """Every lab on this machine, the images and the cache."""
        self.machine.authenticate()
        labs = {item.lab for item in self.podman.hosts().values()} | set(self.podman.networks().values())
        for lab in sorted(labs):
            self.down(lab, None)
        forget_images(self.podman, self.cache, keep=0)
        if self.cache.exists():
            self.machine.root(["rm", "-rf", "--one-file-system", str(self.cache)])
        self.machine.say("images, network and cache of the lab removed")

    def power(self, lab: str, name: str, action: str) -> None:
        """restart: an orderly reboot; kill: the power is gone, `up` brings it back."""
        item = self._find(lab, name)
        began = time.monotonic()
        if action == "kill":
            self.podman.run("kill", "-s", "KILL", item.id)
            self.machine.say(f"{name} killed")
            return
        self.podman.run("restart", "-t", "30", item.id)
        self._report(name, item.address, "restarted", began, self._wait(name, item.address))

    def _find(self, lab: str, name: str) -> Existing:
        there = self.podman.hosts(lab)
        if name not in there:
            raise LabError(
                f"lab {lab} has no host {name} (it has: {', '.join(sorted(there)) or 'none, `up` starts them'})"
            )
        return there[name]

    def status(self) -> None:
        """All hosts of all labs on this machine."""
        rows = sorted(self.podman.hosts().values(), key=lambda item: (item.lab, item.host))
        for item in rows:
            age = (time.time() - item.created) / 60
            print(f"{item.lab:<12} {item.host:<8} {item.address:<15} {item.state:<9} {age:6.0f} min  {item.image}")
        if not rows:
            print("no lab on this machine")

    def ssh(self, lab: str, name: str, command: list[str]) -> None:
        """Become an ssh to a host."""
        arguments = self._ssh(self._find(lab, name).address, *command)
        os.execvp(arguments[0], arguments)


def in_parallel(function: Callable[[Any], None], items: Iterable[Any]) -> None:
    """Call for all at once; problems of all in one LabError."""
    items = list(items)
    if not items:
        return
    with concurrent.futures.ThreadPoolExecutor(max_workers=min(len(items), 16)) as pool:
        futures = [pool.submit(function, item) for item in items]
    problems = [str(error) for error in (future.exception() for future in futures) if error is not None]
    if problems:
        raise LabError("; ".join(problems))
