# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Small clouds, made of a few words."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import (
    PARTS,
    Aggregate,
    Flavor,
    Host,
    Inventory,
    Provider,
    Server,
    Snapshot,
)


class CloudInWords:
    """A snapshot that grows host by host. Hosts are alike unless something else is said."""

    def __init__(self) -> None:
        self.snapshot = Snapshot(taken_at="2026-11-25T06:00:00Z", parts=PARTS)

    def host(self, name: str, vcpus: int = 8, ram: int = 8192, disk: int = 100, **more: Any) -> CloudInWords:
        """A host with a provider of the same name; ``used`` by class, ``traits``, and fields of Host."""
        used = more.pop("used", {})
        traits = frozenset(more.pop("traits", ()))
        amounts = {"VCPU": vcpus, "MEMORY_MB": ram, "DISK_GB": disk, **more.pop("more", {})}
        inventories = {
            rc: Inventory(amount, used.get(rc, 0), amount, 0, 1.0, 1, amount, 1)
            for rc, amount in amounts.items()
            if amount
        }
        self.snapshot.providers.append(Provider(name, name, None, 1, inventories, traits))
        self.snapshot.hosts.append(Host(name, name, name, **more))
        return self

    def child(self, host: str, name: str, **amounts: int) -> CloudInWords:
        """A nested provider of a host."""
        inventories = {rc: Inventory(amount, 0, amount, 0, 1.0, 1, amount, 1) for rc, amount in amounts.items()}
        self.snapshot.providers.append(Provider(name, name, host, 1, inventories))
        return self

    def aggregate(self, name: str, *hosts: str, zone: str | None = None, **metadata: str) -> CloudInWords:
        """A host aggregate; underscores of the metadata stay, two of them are a colon."""
        keys = {key.replace("__", ":"): value for key, value in metadata.items()}
        number = len(self.snapshot.aggregates) + 1
        self.snapshot.aggregates.append(Aggregate(number, "uuid-" + name, name, zone, keys, hosts))
        return self

    def servers(self, host: str, *uuids: str, **fields: Any) -> CloudInWords:
        """Servers on a host."""
        self.snapshot.servers += [Server(uuid, host, host, **fields) for uuid in uuids]
        return self

    def flavors(self, *flavors: Flavor) -> CloudInWords:
        """Flavors."""
        self.snapshot.flavors += flavors
        return self


@pytest.fixture
def cloud() -> CloudInWords:
    """A cloud without hosts."""
    return CloudInWords()


def flavor(name: str = "m1", vcpus: int = 2, ram: int = 2048, disk: int = 10, **extra_specs: str) -> Flavor:
    """A flavor; two underscores of the extra specs are a colon."""
    specs = {key.replace("__", ":"): value for key, value in extra_specs.items()}
    return Flavor(name, name, vcpus, ram, disk, extra_specs=specs)


@pytest.fixture(name="flavor")
def flavor_maker() -> Any:
    """flavor(name, vcpus, MiB, GiB, hw__cpu_policy="dedicated")"""
    return flavor
