# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshots of large clouds, made up from a seed: hosts of several kinds, filled with servers of the flavors there are.

python tests/bench/benchkit/snapshots.py FILE [--hosts 10000] [--servers 200000] [--flavors 100] [--seed 1]
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path
from typing import Any, NamedTuple

Document = dict[str, Any]

ZONES = ("az-1", "az-2", "az-3", "az-4")
HOSTS_PER_RACK = 40
#: of so many hosts one is disabled, and one is down
DISABLED, DOWN = 100, 250


class Kind(NamedTuple):
    """A kind of host: its share of all, its inventories (total, reserved, ratio), and its trait."""

    share: float
    inventories: dict[str, tuple[int, int, float]]
    trait: str | None = None
    gpus: int = 0


KINDS = (
    Kind(0.70, {"VCPU": (64, 0, 4.0), "MEMORY_MB": (393216, 8192, 1.0), "DISK_GB": (3600, 100, 1.0)}),
    Kind(
        0.15,
        {"VCPU": (128, 0, 2.0), "MEMORY_MB": (1572864, 16384, 1.0), "DISK_GB": (7200, 100, 1.0)},
        "CUSTOM_BIG_MEMORY",
    ),
    Kind(0.10, {"PCPU": (120, 0, 1.0), "MEMORY_MB": (524288, 8192, 1.0), "DISK_GB": (3600, 100, 1.0)}),
    Kind(
        0.05,
        {"VCPU": (64, 0, 2.0), "MEMORY_MB": (524288, 8192, 1.0), "DISK_GB": (3600, 100, 1.0)},
        "CUSTOM_GPU",
        gpus=4,
    ),
)


def uuid(number: int) -> str:
    """A uuid that says which record it is of."""
    return "00000000-0000-4000-8000-%012x" % number


def flavors(count: int) -> list[Document]:
    """Flavors of several families, the larger the higher their number."""
    found = []
    for number in range(count):
        vcpus = 1 << (number // 4 % 5)
        ratio = (2048, 4096, 8192, 4096)[number % 4]
        extra_specs: dict[str, str] = {}
        family = ("m", "m", "m", "m", "m", "m", "r", "c", "g", "d")[number % 10]
        if family == "r":
            extra_specs, ratio = {"trait:CUSTOM_BIG_MEMORY": "required"}, 16384
        elif family == "c":
            extra_specs = {"hw:cpu_policy": "dedicated"}
        elif family == "g":
            extra_specs = {"resources:VGPU": "1", "trait:CUSTOM_GPU": "required"}
        elif family == "d":
            extra_specs = {"aggregate_instance_extra_specs:rack": "odd"}
        found.append(
            {
                "id": str(number),
                "name": "%s%d.%d" % (family, vcpus, number),
                "vcpus": vcpus,
                "ram_mib": vcpus * ratio,
                "root_gib": 10 + number % 7 * 10,
                "extra_specs": extra_specs,
            }
        )
    return found


class _Cloud:
    """A cloud in the making."""

    def __init__(self, hosts: int, servers: int, flavor_count: int, seed: int) -> None:
        self.random = random.Random(seed)
        self.flavors = flavors(flavor_count)
        self.servers_wanted = servers
        self.providers: list[Document] = []
        self.hosts: list[Document] = []
        self.servers: list[Document] = []
        self.racks: dict[str, list[str]] = {}
        self.kinds = [self._kind(number / hosts) for number in range(hosts)]
        self.random.shuffle(self.kinds)
        for number, kind in enumerate(self.kinds):
            self._host(number, kind)

    @staticmethod
    def _kind(position: float) -> Kind:
        for kind in KINDS:
            position -= kind.share
            if position < 0:
                return kind
        return KINDS[0]

    def _host(self, number: int, kind: Kind) -> None:
        name = "host-%05d" % number
        zone = ZONES[number * len(ZONES) // len(self.kinds)]
        rack = "rack-%04d" % (number // HOSTS_PER_RACK)
        self.racks.setdefault(rack, []).append(name)
        used = dict.fromkeys([*kind.inventories, *(["VGPU"] if kind.gpus else [])], 0)
        self._fill(number, name, zone, kind, used)
        inventories = {
            rc: _inventory(total, reserved, ratio, used[rc])
            for rc, (total, reserved, ratio) in kind.inventories.items()
        }
        traits = sorted(["COMPUTE_NODE", "HW_CPU_X86_AVX2", *([kind.trait] if kind.trait else [])])
        aggregates = sorted([uuid(0x1000000 + ZONES.index(zone)), uuid(0x2000000 + number // HOSTS_PER_RACK)])
        self.providers.append(_provider(uuid(number), name, None, inventories, traits, aggregates))
        for gpu in range(kind.gpus):
            taken = min(8, max(0, used["VGPU"] - 8 * gpu))
            child = {"VGPU": _inventory(8, 0, 1.0, taken)}
            self.providers.append(
                _provider(uuid(0x3000000 + number * 8 + gpu), "%s_gpu%d" % (name, gpu), uuid(number), child, [], [])
            )
        self.hosts.append(
            {
                "name": name,
                "node": name,
                "provider": uuid(number),
                "zone": zone,
                "hypervisor_type": "QEMU",
                "status": "disabled" if number % DISABLED == DISABLED - 1 else "enabled",
                "state": "down" if number % DOWN == DOWN - 1 else "up",
            }
        )

    def _fill(self, number: int, name: str, zone: str, kind: Kind, used: dict[str, int]) -> None:
        """Servers on one host, so that all the hosts together have as many as are wanted."""
        wanted = (number + 1) * self.servers_wanted // len(self.kinds) - len(self.servers)
        capacity = {rc: int((total - reserved) * ratio) for rc, (total, reserved, ratio) in kind.inventories.items()}
        if kind.gpus:
            capacity["VGPU"] = 8 * kind.gpus
        choice = [flavor for flavor in self.flavors if self._suits(flavor, kind)]
        for _server in range(wanted):
            flavor = self.random.choice(choice)
            need = self._need(flavor, kind)
            if any(used[rc] + amount > capacity[rc] for rc, amount in need.items()):
                flavor = min(choice, key=lambda each: each["ram_mib"])
                need = self._need(flavor, kind)
            if any(used[rc] + amount > capacity[rc] for rc, amount in need.items()):
                continue
            for rc, amount in need.items():
                used[rc] += amount
            self.servers.append(
                {
                    "uuid": uuid(0x4000000 + len(self.servers)),
                    "host": name,
                    "node": name,
                    "flavor": flavor["name"],
                    "project": "project-%03d" % self.random.randrange(200),
                    "status": "ACTIVE",
                    "zone": zone,
                    "vcpus": flavor["vcpus"],
                    "ram_mib": flavor["ram_mib"],
                    "disk_gib": flavor["root_gib"],
                }
            )

    @staticmethod
    def _suits(flavor: Document, kind: Kind) -> bool:
        wanted = {"r": "CUSTOM_BIG_MEMORY", "g": "CUSTOM_GPU"}.get(flavor["name"][0])
        return wanted in (None, kind.trait) and (flavor["name"][0] == "c") == ("PCPU" in kind.inventories)

    @staticmethod
    def _need(flavor: Document, kind: Kind) -> dict[str, int]:
        cpus = "PCPU" if "PCPU" in kind.inventories else "VCPU"
        need = {cpus: flavor["vcpus"], "MEMORY_MB": flavor["ram_mib"], "DISK_GB": flavor["root_gib"]}
        return {**need, "VGPU": 1} if flavor["name"][0] == "g" else need

    def aggregates(self) -> list[Document]:
        """One for each zone, and one for each rack."""
        by_zone: dict[str, list[str]] = {zone: [] for zone in ZONES}
        for host in self.hosts:
            by_zone[host["zone"]].append(host["name"])
        found = [
            {"id": number + 1, "uuid": uuid(0x1000000 + number), "name": zone, "zone": zone, "hosts": by_zone[zone]}
            for number, zone in enumerate(ZONES)
        ]
        for number, (name, hosts) in enumerate(self.racks.items()):
            found.append(
                {
                    "id": len(ZONES) + number + 1,
                    "uuid": uuid(0x2000000 + number),
                    "name": name,
                    "metadata": {"rack": "odd" if number % 2 else "even"},
                    "hosts": hosts,
                }
            )
        return found


def _inventory(total: int, reserved: int, ratio: float, used: int) -> Document:
    return {
        "capacity": int((total - reserved) * ratio),
        "used": used,
        "total": total,
        "reserved": reserved,
        "allocation_ratio": ratio,
        "min_unit": 1,
        "max_unit": total,
        "step_size": 1,
    }


def _provider(
    uuid_: str, name: str, parent: str | None, inventories: Document, traits: list[str], aggregates: list[str]
) -> Document:
    return {
        "uuid": uuid_,
        "name": name,
        "parent": parent,
        "generation": 1,
        "inventories": inventories,
        "traits": traits,
        "aggregates": aggregates,
    }


def snapshot(hosts: int = 10_000, servers: int = 200_000, flavor_count: int = 100, seed: int = 1) -> Document:
    """The document of a snapshot, with all parts."""
    cloud = _Cloud(hosts, servers, flavor_count, seed)
    return {
        "format": "scaleout.nova/cloud-snapshot",
        "version": 1,
        "taken_at": "2026-11-25T06:00:00Z",
        "source": {"cloud": "made up", "seed": seed},
        "parts": ["providers", "hosts", "aggregates", "flavors", "servers", "server_groups"],
        "providers": cloud.providers,
        "hosts": cloud.hosts,
        "aggregates": cloud.aggregates(),
        "flavors": cloud.flavors,
        "servers": cloud.servers,
        "server_groups": [],
        "limits": [],
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--hosts", type=int, default=10_000)
    parser.add_argument("--servers", type=int, default=200_000)
    parser.add_argument("--flavors", type=int, default=100)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    document = snapshot(options.hosts, options.servers, options.flavors, options.seed)
    options.file.write_text(json.dumps(document), encoding="utf-8")
    print("%d hosts, %d servers, %d flavors" % (len(document["hosts"]), len(document["servers"]), options.flavors))


if __name__ == "__main__":
    main()
