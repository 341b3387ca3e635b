# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes playbooks/files/example-cloud.json: the snapshot of a cloud that does not exist, to try the report on.

300 hosts in three zones, of five kinds; zone b is the oldest and the fullest, zone c has just got new racks. Everything
follows from one seed, so that the file can be made again, byte for byte. With --check nothing is written, and the exit
code says whether the file is current.
"""

from __future__ import annotations

import argparse
import collections
import dataclasses
import json
import random
import sys
import uuid
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, TypeVar

PATH = Path(__file__).resolve().parents[2] / "playbooks" / "files" / "example-cloud.json"
SEED = 2026
Document = dict[str, Any]
T = TypeVar("T")

# How full the hosts of a zone are meant to be, at least and at most.
ZONES = {"a": (0.55, 0.95), "b": (0.86, 1.0), "c": (0.15, 0.85)}
PROJECTS = 9
GROUPS = 24
MEMBERS = 5  # of a server group


@dataclasses.dataclass(frozen=True)
class Kind:
    """Hosts that were bought together."""

    aggregate: str
    prefix: str
    hosts: dict[str, int]  # in each zone
    inventories: dict[str, tuple[int, int, float]]  # total, reserved, allocation ratio
    flavors: dict[str, float]  # how often each is found there
    traits: tuple[str, ...] = ()
    metadata: dict[str, str] = dataclasses.field(default_factory=dict)
    gpus: int = 0


def flavor(name: str, vcpus: int, ram_gib: float, root_gib: int, **extra_specs: str) -> Document:
    """A flavor of the snapshot; underscores of the extra specs stand for colons."""
    return {
        "id": name.replace(".", "-"),
        "name": name,
        "vcpus": vcpus,
        "ram_mib": int(ram_gib * 1024),
        "root_gib": root_gib,
        "extra_specs": {key.replace("__", ":"): value for key, value in extra_specs.items()},
    }


GPU = {"trait__CUSTOM_GPU_HOST": "required"}
MEMORY = {"trait__CUSTOM_HIGH_MEMORY": "required"}
DEDICATED = {"hw__cpu_policy": "dedicated"}
FLAVORS = [
    flavor("m1.tiny", 1, 0.5, 1),
    flavor("m1.small", 1, 2, 20),
    flavor("m1.medium", 2, 4, 40),
    flavor("m1.large", 4, 8, 80),
    flavor("m1.xlarge", 8, 16, 160),
    flavor("r1.large", 4, 64, 80, **MEMORY),
    flavor("r1.xlarge", 8, 128, 80, **MEMORY),
    flavor("c1.large", 4, 8, 80, **DEDICATED),
    flavor("c1.xlarge", 16, 32, 80, **DEDICATED),
    flavor("s1.large", 4, 16, 400, aggregate_instance_extra_specs__ssd="true"),
    flavor("gpu.small", 4, 16, 80, resources__VGPU="1", **GPU),
    flavor("gpu.large", 8, 64, 160, resources__VGPU="4", **GPU),
]
TRAITS = ("COMPUTE_NODE", "COMPUTE_VOLUME_MULTI_ATTACH", "HW_CPU_X86_AVX2")
GENERAL = {"m1.tiny": 2.0, "m1.small": 9.0, "m1.medium": 21.0, "m1.large": 38.0, "m1.xlarge": 30.0}
KINDS = [
    Kind(
        aggregate="general",
        prefix="cpu",
        hosts={"a": 76, "b": 80, "c": 64},
        inventories={"VCPU": (32, 0, 4.0), "MEMORY_MB": (131072, 8192, 1.0), "DISK_GB": (1800, 100, 1.0)},
        flavors=GENERAL,
    ),
    Kind(
        aggregate="high-memory",
        prefix="mem",
        hosts={"a": 12, "b": 10, "c": 8},
        inventories={"VCPU": (64, 0, 2.0), "MEMORY_MB": (1048576, 16384, 1.0), "DISK_GB": (1800, 100, 1.0)},
        flavors={"r1.large": 60.0, "r1.xlarge": 40.0},
        traits=("CUSTOM_HIGH_MEMORY",),
        metadata={"trait:CUSTOM_HIGH_MEMORY": "required"},
    ),
    Kind(
        aggregate="dedicated-cpu",
        prefix="ded",
        hosts={"a": 8, "b": 8, "c": 8},
        inventories={"PCPU": (56, 0, 1.0), "MEMORY_MB": (262144, 8192, 1.0), "DISK_GB": (1800, 100, 1.0)},
        flavors={"c1.large": 75.0, "c1.xlarge": 25.0},
    ),
    Kind(
        aggregate="ssd",
        prefix="ssd",
        hosts={"a": 6, "b": 4, "c": 4},
        inventories={"VCPU": (64, 0, 2.0), "MEMORY_MB": (524288, 16384, 1.0), "DISK_GB": (7200, 200, 1.0)},
        flavors={"s1.large": 100.0},
        metadata={"ssd": "true"},
    ),
    Kind(
        aggregate="gpu",
        prefix="gpu",
        hosts={"a": 4, "b": 4, "c": 4},
        inventories={"VCPU": (64, 0, 2.0), "MEMORY_MB": (524288, 16384, 1.0), "DISK_GB": (3600, 100, 1.0)},
        flavors={"gpu.small": 80.0, "gpu.large": 20.0},
        traits=("CUSTOM_GPU_HOST",),
        metadata={"trait:CUSTOM_GPU_HOST": "required"},
        gpus=2,
    ),
]
VGPUS = 8  # of one GPU
# Hosts that take no guests, and why.
SERVICES: dict[str, dict[str, Any]] = {
    "cpu-a03": {"status": "disabled", "disabled_reason": "memory module to be replaced"},
    "cpu-a41": {"status": "disabled", "disabled_reason": "memory module to be replaced"},
    "cpu-b12": {"state": "down"},
    "cpu-b55": {"status": "disabled", "disabled_reason": "to be taken out: 7 years old"},
    "cpu-b56": {"status": "disabled", "disabled_reason": "to be taken out: 7 years old"},
    "cpu-b57": {"status": "disabled", "disabled_reason": "to be taken out: 7 years old"},
    "cpu-c30": {"state": "down", "forced_down": True},
    "cpu-c64": {"status": "disabled", "disabled_reason": "burn-in until Monday"},
    "ded-b07": {"status": "disabled", "disabled_reason": "firmware update"},
    "gpu-a02": {"state": "down"},
}


class Generator:
    """The cloud while it is being made."""

    def __init__(self, seed: int = SEED) -> None:
        # Only random() and getrandbits(): what they give is the same in all versions of Python.
        self.random = random.Random(seed)
        self.flavors = {one["name"]: one for one in FLAVORS}
        self.providers: list[Document] = []
        self.hosts: list[Document] = []
        self.servers: list[Document] = []
        self.aggregates: list[Document] = []
        self.projects = [self.hex() for _number in range(PROJECTS)]

    def hex(self) -> str:
        """32 hexadecimal digits, as Keystone names projects."""
        return f"{self.random.getrandbits(128):032x}"

    def uuid(self) -> str:
        """A UUID."""
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def between(self, low: float, high: float) -> float:
        """A number, evenly distributed."""
        return low + (high - low) * self.random.random()

    def one_of(self, choices: Sequence[T]) -> T:
        """One of them, all being as likely."""
        return choices[int(self.random.random() * len(choices))]

    def weighted(self, weights: dict[str, float]) -> str:
        """A key, as likely as its weight."""
        point = self.random.random() * sum(weights.values())
        for name, weight in weights.items():
            point -= weight
            if point < 0:
                return name
        return list(weights)[-1]

    def make(self) -> Document:
        """The whole document."""
        for zone in ZONES:
            for kind in KINDS:
                for number in range(1, kind.hosts[zone] + 1):
                    self.add_host(kind, zone, f"{kind.prefix}-{zone}{number:02d}")
        self.add_aggregates()
        groups = list(self.server_groups())
        return {
            "format": "scaleout.nova/cloud-snapshot",
            "version": 1,
            "taken_at": "2026-11-25T06:00:00Z",
            "source": {"cloud": "example", "auth_url": "https://cloud.example.org:5000/v3", "region": "RegionOne"},
            "parts": ["providers", "hosts", "aggregates", "flavors", "servers", "server_groups"],
            "providers": self.providers,
            "hosts": self.hosts,
            "aggregates": self.aggregates,
            "flavors": FLAVORS,
            "servers": self.servers,
            "server_groups": groups,
        }

    def add_host(self, kind: Kind, zone: str, name: str) -> None:
        """A host with its provider tree and its guests."""
        root = self.provider(name, None, kind.inventories, (*TRAITS, *kind.traits))
        gpus = [
            self.provider(
                f"{name}_pci_0000_{0x3B + 0x40 * number:02x}_00_0",
                root["uuid"],
                {"VGPU": (VGPUS, 0, 1.0)},
                ("CUSTOM_NVIDIA_A40",),
            )
            for number in range(kind.gpus)
        ]
        self.providers += [root, *gpus]
        self.hosts.append(
            {
                "name": name,
                "node": name,
                "provider": root["uuid"],
                "zone": zone,
                "cell": "cell1",
                "hypervisor_type": "QEMU",
                "status": "enabled",
                "state": "up",
                **SERVICES.get(name, {}),
            }
        )
        self.fill(kind, zone, name, [root, *gpus])

    def provider(
        self, name: str, parent: str | None, inventories: dict[str, tuple[int, int, float]], traits: Iterable[str]
    ) -> Document:
        """An empty resource provider, with every inventory read singly."""
        return {
            "uuid": self.uuid(),
            "name": name,
            "parent": parent,
            "generation": int(self.between(3, 90)),
            "inventories": {
                resource_class: {
                    "capacity": int((total - reserved) * ratio),
                    "used": 0,
                    "total": total,
                    "reserved": reserved,
                    "allocation_ratio": ratio,
                    "min_unit": 1,
                    "max_unit": total,
                    "step_size": 1,
                }
                for resource_class, (total, reserved, ratio) in inventories.items()
            },
            "traits": sorted(traits),
        }

    def fill(self, kind: Kind, zone: str, host: str, tree: list[Document]) -> None:
        """Boots guests on the host until its fullest resource is as full as is meant."""
        goal = self.between(*ZONES[zone])
        # Some hosts have stayed empty, and some have all they can take; now and then it is a disk that is small.
        lot = self.random.random()
        goal = 0.0 if lot < 0.02 and zone == "c" else 1.0 if lot > 0.93 else goal
        misses = 0
        while misses < 4 and self.fullest(tree) < goal:
            chosen = self.flavors[self.weighted(kind.flavors)]
            if self.allocate(tree, self.amounts(chosen)):
                self.add_server(chosen, zone, host)
            else:
                misses += 1

    @staticmethod
    def fullest(tree: list[Document]) -> float:
        """The used share of the resource of which most is used."""
        used: collections.Counter[str] = collections.Counter()
        capacity: collections.Counter[str] = collections.Counter()
        for provider in tree:
            for resource_class, inventory in provider["inventories"].items():
                used[resource_class] += inventory["used"]
                capacity[resource_class] += inventory["capacity"]
        return max(used[name] / capacity[name] for name in capacity)

    @staticmethod
    def amounts(chosen: Document) -> dict[str, int]:
        """What a guest takes of each resource class."""
        specs = chosen["extra_specs"]
        cpu = "PCPU" if specs.get("hw:cpu_policy") == "dedicated" else "VCPU"
        found = {cpu: chosen["vcpus"], "MEMORY_MB": chosen["ram_mib"], "DISK_GB": chosen["root_gib"]}
        if "resources:VGPU" in specs:
            found["VGPU"] = int(specs["resources:VGPU"])
        return found

    @staticmethod
    def allocate(tree: list[Document], amounts: dict[str, int]) -> bool:
        """Takes each amount from the first provider of the tree that has it, or nothing at all."""
        inventories = []
        for resource_class, amount in amounts.items():
            for provider in tree:
                inventory = provider["inventories"].get(resource_class)
                if inventory and inventory["used"] + amount <= inventory["capacity"]:
                    inventories.append((inventory, amount))
                    break
            else:
                return False
        for inventory, amount in inventories:
            inventory["used"] += amount
        return True

    def add_server(self, chosen: Document, zone: str, host: str) -> None:
        """A guest on the host."""
        self.servers.append(
            {
                "uuid": self.uuid(),
                "host": host,
                "flavor": chosen["name"],
                "project": self.one_of(self.projects),
                "status": "SHUTOFF" if self.random.random() < 0.06 else "ACTIVE",
                "zone": zone,
                "vcpus": chosen["vcpus"],
                "ram_mib": chosen["ram_mib"],
                "disk_gib": chosen["root_gib"],
            }
        )

    def add_aggregates(self) -> None:
        """One for each zone, one for each kind of hosts; Placement has them as well."""
        for zone in ZONES:
            names = [host["name"] for host in self.hosts if host["zone"] == zone]
            self.add_aggregate(f"zone-{zone}", zone, {"availability_zone": zone}, names)
        for kind in KINDS:
            names = [host["name"] for host in self.hosts if host["name"].startswith(f"{kind.prefix}-")]
            self.add_aggregate(kind.aggregate, None, kind.metadata, names)

    def add_aggregate(self, name: str, zone: str | None, metadata: dict[str, str], hosts: list[str]) -> None:
        """An aggregate, in Nova and in Placement."""
        aggregate = {
            "id": len(self.aggregates) + 1,
            "uuid": self.uuid(),
            "name": name,
            "zone": zone,
            "metadata": metadata,
            "hosts": hosts,
        }
        self.aggregates.append(aggregate)
        members = set(hosts)
        for provider in self.providers:
            if provider["name"] in members:
                provider["aggregates"] = sorted([*provider.get("aggregates", []), aggregate["uuid"]])

    def server_groups(self) -> Iterator[Document]:
        """Groups of guests that are on different hosts already."""
        for number in range(GROUPS):
            project = self.one_of(self.projects)
            group = self.uuid()
            members: dict[str, Document] = {}
            for _try in range(400):
                server = self.one_of(self.servers)
                if len(members) < MEMBERS and server["project"] == project and "group" not in server:
                    members.setdefault(server["host"], server)
            for server in members.values():
                server["group"] = group
            yield {
                "uuid": group,
                "name": f"cluster-{number + 1}",
                "policy": "soft-anti-affinity" if number % 4 == 3 else "anti-affinity",
                "project": project,
                "members": sorted(server["uuid"] for server in members.values()),
            }


def compact(document: Document) -> str:
    """The document as JSON with a line for each thing in it, so that versions of it can be compared."""
    dump = json.JSONEncoder(separators=(",", ":")).encode
    parts = []
    for key, value in document.items():
        if isinstance(value, list) and value and isinstance(value[0], dict):
            text = "[\n" + ",\n".join(map(dump, value)) + "\n]"
        else:
            text = dump(value)
        parts.append(f"{dump(key)}:{text}")
    return "{" + ",\n".join(parts) + "}\n"


def main(arguments: Sequence[str]) -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail when the file is not current")
    options = parser.parse_args(arguments)
    text = compact(Generator().make())
    if options.check:
        return 0 if PATH.is_file() and PATH.read_text(encoding="utf-8") == text else 1
    PATH.parent.mkdir(exist_ok=True)
    PATH.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
