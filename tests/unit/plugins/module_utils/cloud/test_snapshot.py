# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's rows, and the amounts that flavors ask for."""

from __future__ import annotations

from typing import Any

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import (
    SHARING,
    Flavor,
    Inventory,
    Provider,
    Server,
    ServerGroup,
)
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import snapshot
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import ComputeService


def flavor(name: str, **specs: str) -> Flavor:
    return Flavor(name, name, 4, 2048, 10, ephemeral_gib=2, swap_mib=1500, extra_specs=specs)


def service(host: str, **changes: Any) -> ComputeService:
    given: dict[str, Any] = {"zone": "east", "status": "enabled", "state": "up", "disabled_reason": ""}
    return ComputeService("id", host, forced_down=False, updated_at="", **{**given, **changes})


def test_amounts_with_and_without_a_root_disk() -> None:
    assert snapshot.amounts([flavor("plain")]) == {"VCPU": [4], "MEMORY_MB": [2048], "DISK_GB": [4, 14]}


def test_amounts_of_groups_and_their_sum() -> None:
    asked = snapshot.amounts(
        [
            flavor(
                "gpus",
                **{"resources1:VGPU": "1", "resources2:VGPU": "2", "group_policy": "none", "resources:DISK_GB": "0"},
            )
        ]
    )
    assert asked["VGPU"] == [1, 2, 3] and "DISK_GB" not in asked


def test_a_flavor_that_nova_refuses_asks_for_nothing() -> None:
    assert snapshot.amounts([flavor("bad", **{"hw:cpu_policy": "what"})]) == {}


def test_rows_of_nova() -> None:
    made = snapshot._flavor({"id": 7, "name": "f", "vcpus": 1, "ram": 2, "disk": 3, "swap": ""})
    assert made == Flavor("7", "f", 1, 2, 3)
    row = {
        "id": "s", "status": "ACTIVE", "tenant_id": "p", "OS-EXT-SRV-ATTR:host": "h", "OS-EXT-AZ:availability_zone": "",
        "flavor": {"original_name": "f", "vcpus": 1, "ram": 2, "disk": 3, "ephemeral": 4},
    }  # fmt: skip
    assert snapshot._server(row) == Server("s", "h", None, "f", "p", vcpus=1, ram_mib=2, disk_gib=7)
    group = snapshot._group(
        {"id": "g", "name": "n", "policy": "anti-affinity", "rules": {"max_server_per_host": 3}, "members": ["b", "a"]}
    )
    assert group == ServerGroup("g", "n", "anti-affinity", 3, members=("a", "b"))
    assert snapshot._with_groups([Server("a"), Server("c")], [group]) == [Server("a", group="g"), Server("c")]


def test_hosts_and_what_does_not_go_together() -> None:
    services = {
        "h1": service("h1"),
        "h2": service("h2", status="disabled", state="down", disabled_reason="why", zone=""),
        "h3": service("h3"),
    }
    nodes = [
        snapshot._Node("h1", "h1.lab", "QEMU"),
        snapshot._Node("h2", "h2.lab", ""),
        snapshot._Node("gone", "x", ""),
    ]
    computing = {"VCPU": Inventory(4), "MEMORY_MB": Inventory(4096)}
    providers = [
        Provider("u1", "h1.lab", inventories=computing),
        Provider("u2", "h2.lab", parent="u1"),
        Provider("u4", "h4.lab", inventories=computing),  # of a cell that is down
        Provider("u5", "pool", inventories={"DISK_GB": Inventory(100)}),
        Provider("u6", "shared", inventories=computing, traits=frozenset((SHARING,))),
        Provider("u7", "node", parent="u4", inventories=computing),
    ]
    hosts, limits = snapshot._hosts(services, nodes, providers)
    assert [(host.name, host.node, host.provider, host.zone) for host in hosts] == [
        ("h1", "h1.lab", "u1", "east"),
        ("h2", "h2.lab", None, "nova"),
    ]
    assert (hosts[1].status, hosts[1].state, hosts[1].disabled_reason) == ("disabled", "down", "why")
    assert limits == [
        "These compute services have no hypervisor, as they are not mapped to a cell: h3.",
        "These hypervisors have no resource provider: h2.lab.",
        "These resource providers have no hypervisor, and are not counted: h4.lab. "
        "They are not mapped to a cell, or were left over.",
    ]
