# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The example cloud is what its generator makes, and what it is said to be."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model

PATH = Path(__file__).resolve().parents[2] / "tools" / "example_cloud.py"
spec = importlib.util.spec_from_file_location("example_cloud", PATH)
assert spec is not None and spec.loader is not None
example_cloud = importlib.util.module_from_spec(spec)
sys.modules["example_cloud"] = example_cloud
spec.loader.exec_module(example_cloud)


def test_the_file_is_what_the_generator_makes() -> None:
    assert example_cloud.main(["--check"]) == 0
    other = example_cloud.compact(example_cloud.Generator(seed=1).make())
    assert other != example_cloud.PATH.read_text(encoding="utf-8")


def test_it_is_what_it_is_said_to_be() -> None:
    assert example_cloud.PATH.stat().st_size < 1_000_000
    cloud = model.load(example_cloud.PATH)
    assert (len(cloud.hosts), len(cloud.flavors)) == (300, 12) and len(cloud.servers) > 3000
    assert {host.zone for host in cloud.hosts} == {"a", "b", "c"}
    assert sum(host.status == "disabled" or host.state == "down" for host in cloud.hosts) == 10


def test_what_is_used_is_what_the_servers_take() -> None:
    cloud = model.load(example_cloud.PATH)
    memory = {
        provider.name: provider.inventories["MEMORY_MB"].used for provider in cloud.providers if not provider.parent
    }
    for server in cloud.servers:
        memory[server.host or ""] -= server.ram_mib
    assert set(memory.values()) == {0}
    assert all(
        inventory.used <= inventory.capacity
        for provider in cloud.providers
        for inventory in provider.inventories.values()
    )


def test_groups_keep_their_members_apart() -> None:
    cloud = model.load(example_cloud.PATH)
    hosts = {server.uuid: server.host for server in cloud.servers}
    for group in cloud.server_groups:
        assert len({hosts[member] for member in group.members}) == len(group.members) == 5
