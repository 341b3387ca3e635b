# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The variables and groups of the inventory plugin (which as a whole is tested against a real Nova)."""

from __future__ import annotations

from ansible_collections.scaleout.nova.plugins.inventory.computes import cell_of, cells_of, group_names, rows
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Aggregate
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.computes import ComputeHost

NODE = {
    "uuid": "u1", "hypervisor_hostname": "cpu1.lab", "hypervisor_type": "QEMU", "hypervisor_version": 10000000,
    "host_ip": "192.0.2.1", "vcpus": 8, "memory_mb": 1024, "local_gb": 10, "running_vms": 2,
}  # fmt: skip
HOST = ComputeHost(
    "cpu1", "s", "az1", "enabled", "up", "", False, "2026-11-24T20:00:00", [NODE], ["a", "b"], ["CUSTOM_SSD"]
)
UNMAPPED = ComputeHost("cpu2", "t", "internal", "disabled", "down", "new", False, "")
AGGREGATES = [
    Aggregate(1, "u1", "a", "az1", {"rack": "r1", "ssd": "true"}, ("cpu1",)),
    Aggregate(2, "u2", "b", None, {"rack": "r2"}, ("cpu1",)),
    Aggregate(3, "u3", "c", None, {"rack": "r3"}, ()),
]


def test_variables() -> None:
    first, second = rows([HOST, UNMAPPED], AGGREGATES)
    assert first["servers"] == 2 and first["provider"] == "u1" and first["host_ip"] == "192.0.2.1"
    assert first["aggregate_metadata"] == {"rack": "r2", "ssd": "true"}
    assert second["hypervisors"] == [] and second["provider"] is None and second["servers"] == 0
    assert "service_id" not in first


def test_groups() -> None:
    first, second = rows([HOST, UNMAPPED], AGGREGATES)
    every = ["zone", "aggregate", "status", "state", "hypervisor_type", "trait", "cell"]
    assert group_names({**first, "cell": "cell1"}, every) == [
        "zone_az1", "aggregate_a", "aggregate_b", "status_enabled", "state_up", "hypervisor_QEMU", "trait_CUSTOM_SSD",
        "cell_cell1",
    ]  # fmt: skip
    assert group_names(second, every) == ["zone_internal", "status_disabled", "state_down"]
    assert group_names(first, ["state"]) == ["state_up"]


def test_cells() -> None:
    cells = {"cell1": ["cpu1", "r7-*"], "cell2": ["*"]}
    assert [cell_of(host, cells) for host in ("cpu1", "r7-3", "cpu2")] == ["cell1", "cell1", "cell2"]
    assert cell_of("cpu1", {}) is None
    assert cells_of({"cell1": "cpu1*", 2: ["*"]}) == {"cell1": ["cpu1*"], "2": ["*"]}
