#!/usr/bin/env python3
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blank Debian 13 hosts that run systemd, as containers on this machine, from an Ansible inventory.

See docs/lab.md. Works as root, and through sudo when not.
"""

from __future__ import annotations

import argparse
import concurrent.futures
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from labkit.image import ensure_image, forget_images  # noqa: E402
from labkit.machine import Machine, Podman, locked, write_in_place  # noqa: E402
from labkit.plan import Host, Lab, LabError, colliding_route, hosts_file, mac_address, parse_inventory, parse_size  # noqa: E402

ROOT = Path(__file__).resolve().parents[2]
READY_TIMEOUT = 90  # seconds until a host has to answer
LABEL_LAB, LABEL_HOST, LABEL_ADDRESS = "scaleout.lab", "scaleout.host", "scaleout.address"
SSH_OPTIONS = (
    "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR",
    "-o", "ConnectTimeout=3", "-o", "BatchMode=yes", "-o", "PreferredAuthentications=publickey",
)  # fmt: skip


@dataclass(frozen=True)
class Existing:
    """A container of a lab."""

    id: str
    lab: str
    host: str
    address: str
    state: str
    image: str
    created: int

    @property
    def running(self) -> bool:
        """Whether its systemd runs."""
        return self.state == "running"


class Tool:
    """The commands."""

    def __init__(self, machine: Machine, cache: Path) -> None:
        self.machine = machine
        self.podman = Podman(machine)
        self.cache = cache / "lab"
        self.key = self.cache / "id_ed25519"

    # -- what is there -------------------------------------------------------------------------------------------

    def existing(self, lab: str | None = None) -> dict[str, Existing]:
        """Containers of one lab by host name; of all labs by container name."""
        label = LABEL_LAB + (f"={lab}" if lab else "")
        found = {}
        for entry in self.podman.json("ps", "-a", "--filter", f"label={label}", "--format", "json"):
            labels = entry["Labels"]
            item = Existing(
                entry["Id"], labels[LABEL_LAB], labels[LABEL_HOST], labels[LABEL_ADDRESS],
                entry["State"], entry["Image"], int(entry["Created"]),
            )  # fmt: skip
            found[item.host if lab else entry["Names"][0]] = item
        return found

    def hosts_path(self, lab: str) -> Path:
        """The /etc/hosts of a lab."""
        return self.cache / lab / "hosts"

    # -- up ------------------------------------------------------------------------------------------------------

    def up(self, lab: Lab, hosts: Iterable[Host]) -> None:
        """Start what is missing, wait until all answer."""
        self.machine.authenticate()
        with locked(self.cache / f"{lab.name}.lock"):
            there = self.existing(lab.name)
            hosts = list(hosts)
            missing = [host for host in hosts if host.name not in there]
            self._check_addresses(lab, hosts, there)
            self._ensure_key()
            self._ensure_network(lab)
            if missing:
                self._check_room(missing)
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
                self._wait(host.name, host.address)
                self.machine.say(f"{host.name:<8} {host.address:<15} {done} ({time.monotonic() - began:.1f} s)")

            in_parallel(start, hosts)

    def _check_addresses(self, lab: Lab, hosts: Iterable[Host], there: dict[str, Existing]) -> None:
        owners = {item.address: item.host for item in there.values()}
        problems = []
        for host in hosts:
            item = there.get(host.name)
            if item and item.address != host.address:
                problems.append(f"{host.name} runs with {item.address}, the inventory says {host.address}: take it down first")
            elif owners.get(host.address, host.name) != host.name:
                problems.append(f"{host.name}: {host.address} is in use by {owners[host.address]}, which this inventory lacks")
        if problems:
            raise LabError(f"lab {lab.name}: " + "; ".join(problems))

    def _check_room(self, missing: list[Host]) -> None:
        """Blank hosts are small; what is going to be installed on them is not."""
        memory = sum(parse_size(host.memory) if host.memory else 2**30 for host in missing)
        disk = (1 + 2 * len(missing)) * 2**30
        free = shutil.disk_usage(self.podman.storage()).free
        available = self.machine.memory_available()
        problems = []
        if available < memory:
            problems.append(f"{len(missing)} more hosts want {memory >> 20} MiB of memory, {available >> 20} MiB are available")
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
        found = self.podman.json("network", "inspect", lab.name) if self.podman.ok("network", "exists", lab.name) else []
        subnets = [entry["subnet"] for entry in found[0].get("subnets", [])] if found else []
        if found and subnets != [str(lab.subnet)]:
            raise LabError(f"network {lab.name} has {subnets}, the inventory says lab_subnet {lab.subnet}: take the lab down first")
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
        if not local_resolver():
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
        command += ["--label", f"{LABEL_ADDRESS}={host.address}"]
        command += ["-v", f"{self.hosts_path(lab.name)}:/etc/hosts:ro"]
        command += ["-v", f"{self.key}.pub:/etc/ssh/lab_authorized_keys:ro"]
        command += [f"--memory={host.memory}"] if host.memory else []
        command += [f"--cpus={host.cpus}"] if host.cpus else []
        self.podman.run(*command, *flags, image, "/sbin/init")

    def _ssh(self, address: str, *command: str) -> list[str]:
        return ["ssh", *SSH_OPTIONS, "-i", str(self.key), f"root@{address}", *command]

    def _wait(self, name: str, address: str) -> None:
        """Until sshd answers and systemd has started everything."""
        deadline = time.monotonic() + READY_TIMEOUT
        state = "no answer on port 22"
        while time.monotonic() < deadline:
            command = self._ssh(address, "systemctl is-system-running --wait; systemctl --failed --plain --no-legend")
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            lines = done.stdout.splitlines()
            if lines and lines[0] in ("running", "degraded"):
                failed = [line.split()[0] for line in lines[1:] if line.strip()]
                if failed:
                    raise LabError(f"{name}: failed units: {', '.join(failed)}")
                return
            state = (lines[0] if lines else done.stderr.strip().splitlines()[-1:] or state) or state
            time.sleep(0.2)
        raise LabError(f"{name} ({address}) was not ready after {READY_TIMEOUT} s: {state}")

    # -- down, clean, power --------------------------------------------------------------------------------------

    def down(self, lab: str, names: set[str] | None) -> None:
        """Remove hosts, and the network with the last of them."""
        self.machine.authenticate()
        with locked(self.cache / f"{lab}.lock"):
            there = self.existing(lab)
            going = [item for item in there.values() if names is None or item.host in names]

            def remove(item: Existing) -> None:
                self.podman.run("rm", "-f", "-v", "-t", "0", item.id)
                self.machine.say(f"{item.host:<8} {item.address:<15} removed")

            in_parallel(remove, going)
            staying = {item.host: item.address for item in there.values() if item not in going}
            if staying:
                write_in_place(self.hosts_path(lab), hosts_file(staying))
            else:
                for network in self.podman.json("network", "ls", "--filter", f"label={LABEL_LAB}={lab}", "--format", "json"):
                    self.podman.run("network", "rm", "-f", str(network.get("name") or network.get("Name")))
                shutil.rmtree(self.hosts_path(lab).parent, ignore_errors=True)

    def clean(self) -> None:
        """Every lab on this machine, the images and the cache."""
        self.machine.authenticate()
        networks = self.podman.json("network", "ls", "--filter", f"label={LABEL_LAB}", "--format", "json")
        labs = {item.lab for item in self.existing().values()}
        labs |= {(network.get("labels") or network.get("Labels"))[LABEL_LAB] for network in networks}
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
        self._wait(name, item.address)
        self.machine.say(f"{name:<8} {item.address:<15} restarted ({time.monotonic() - began:.1f} s)")

    def _find(self, lab: str, name: str) -> Existing:
        there = self.existing(lab)
        if name not in there:
            raise LabError(f"lab {lab} has no host {name} (it has: {', '.join(sorted(there)) or 'none, `up` starts them'})")
        return there[name]

    def status(self) -> None:
        """All hosts of all labs on this machine."""
        rows = sorted(self.existing().values(), key=lambda item: (item.lab, item.host))
        for item in rows:
            age = (time.time() - item.created) / 60
            print(f"{item.lab:<12} {item.host:<8} {item.address:<15} {item.state:<9} {age:6.0f} min  {item.image}")
        if not rows:
            print("no lab on this machine")

    def ssh(self, lab: str, name: str, command: list[str]) -> None:
        """Become an ssh to a host."""
        arguments = self._ssh(self._find(lab, name).address, *command)
        os.execvp(arguments[0], arguments)


def local_resolver() -> bool:
    """Whether this machine resolves through itself; then containers need podman's forwarder."""
    path = Path("/etc/resolv.conf")
    lines = path.read_text().splitlines() if path.exists() else []
    servers = [line.split()[1] for line in lines if line.startswith("nameserver") and len(line.split()) > 1]
    return any(server.startswith("127.") and server != "127.0.0.53" for server in servers)


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


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="lab.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing unless something fails")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(name, help=text, description=text)
        return sub

    def with_inventory(name: str, text: str) -> argparse.ArgumentParser:
        sub = command(name, text)
        default = ROOT / "inventories" / "lab"
        sub.add_argument("-i", "--inventory", type=Path, default=default, help="inventory that describes the lab")
        return sub

    command("image", "build the image of a blank host, if it is not there")
    for name, text in (("up", "start the hosts of the inventory, wait until they answer"), ("down", "remove the hosts")):
        with_inventory(name, text).add_argument("-l", "--limit", help="these hosts or groups only, separated by commas")
    with_inventory("clean", "remove the lab: hosts and network").add_argument(
        "--all", action="store_true", help="every lab on this machine, the images and the cache too"
    )
    command("status", "list the hosts of all labs on this machine")
    for name, text in (("restart", "reboot a host and wait for it"), ("kill", "take the power from a host; `up` restores it")):
        with_inventory(name, text).add_argument("host")
    ssh = with_inventory("ssh", "log in, or run a command, on a host")
    ssh.add_argument("host")
    ssh.add_argument("remote", nargs=argparse.REMAINDER, metavar="command")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code."""
    args = parse_arguments(argv)
    home = os.environ.get("SCALEOUT_CACHE") or str(Path.home() / ".cache" / "scaleout-nova")
    machine = Machine(quiet=args.quiet)
    tool = Tool(machine, Path(home))
    try:
        machine.check()
        if args.command == "image":
            machine.authenticate()
            machine.say(ensure_image(machine, tool.podman, tool.cache))
        elif args.command == "status":
            tool.status()
        elif args.command == "clean" and args.all:
            tool.clean()
        else:
            lab = parse_inventory(machine.inventory(args.inventory), str(args.inventory))
            if args.command == "up":
                tool.up(lab, lab.select(args.limit))
            elif args.command == "down":
                tool.down(lab.name, {host.name for host in lab.select(args.limit)} if args.limit else None)
            elif args.command == "clean":
                tool.down(lab.name, None)
            elif args.command == "ssh":
                tool.ssh(lab.name, args.host, args.remote)
            else:
                tool.power(lab.name, args.host, args.command)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
