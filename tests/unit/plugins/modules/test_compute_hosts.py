# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host lacks, in words (the module as a whole is tested against a real Nova, in tests/integration)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud.cells import Cell
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import ComputeService, Hypervisor
from ansible_collections.scaleout.nova.plugins.modules.compute_hosts import Sight, lacks, where_to_look

CELL = Cell("cell1", "11111111-0000-0000-0000-000000000000")
NODE = Hypervisor("aaaa", "cpu1.lab", "QEMU", "cpu1")


def service(**changes: Any) -> ComputeService:
    given = {
        "id": "s",
        "host": "cpu1",
        "zone": "nova",
        "status": "enabled",
        "state": "up",
        "disabled_reason": "",
        "forced_down": False,
        "updated_at": "2026-11-24T20:00:00",
    }
    return ComputeService(**{**given, **changes})


def sight(**changes: Any) -> Sight:
    given: dict[str, Any] = {
        "mappings": {"cpu1": CELL},
        "services": {"cpu1": service()},
        "hypervisors": {"cpu1": [NODE]},
        "providers": {"aaaa": {"VCPU", "MEMORY_MB"}},
    }
    return Sight(**{**given, **changes})


def test_nothing() -> None:
    assert lacks("cpu1", sight(), True) == []


@pytest.mark.parametrize("classes", [{"VCPU"}, {"PCPU", "MEMORY_MB"}])
def test_either_kind_of_cpu_will_do(classes: set[str]) -> None:
    assert lacks("cpu1", sight(providers={"aaaa": classes}), True) == []


def test_ironic_has_its_own_classes() -> None:
    node = Hypervisor("aaaa", "node-7", "ironic", "cpu1")
    assert lacks("cpu1", sight(hypervisors={"cpu1": [node]}, providers={"aaaa": {"CUSTOM_BM"}}), True) == []
    assert lacks("cpu1", sight(hypervisors={"cpu1": [node]}, providers={"aaaa": set()}), True)


@pytest.mark.parametrize(
    ("seen", "text"),
    [
        ({"services": {}}, "its nova-compute has not registered"),
        (
            {"services": {"cpu1.lab": service(host="cpu1.lab")}},
            "its nova-compute has not registered (similar: cpu1.lab)",
        ),
        ({"mappings": {}, "hypervisors": {}}, "it is not mapped to a cell"),
        (
            {"services": {"cpu1": service(state="down")}},
            "its service is down (last heard of at 2026-11-24T20:00:00)",
        ),
        (
            {"services": {"cpu1": service(state="down", forced_down=True)}},
            "an operator has forced its service down",
        ),
        (
            {"services": {"cpu1": service(status="disabled", disabled_reason="AUTO: Connection to libvirt lost")}},
            "its service is disabled (AUTO: Connection to libvirt lost)",
        ),
        ({"hypervisors": {}}, "Nova does not list it as a hypervisor"),
        ({"providers": {"aaaa": None}}, "Placement has no resource provider cpu1.lab (aaaa)"),
        ({"providers": {"aaaa": {"DISK_GB"}}}, "its resource provider cpu1.lab has no inventory of VCPU or PCPU"),
    ],
)
def test_each_thing(seen: dict[str, Any], text: str) -> None:
    assert lacks("cpu1", sight(**seen), False) == [text]


def test_a_host_that_an_operator_disabled() -> None:
    disabled = sight(services={"cpu1": service(status="disabled", disabled_reason="maintenance")})
    assert lacks("cpu1", disabled, False) == []
    assert lacks("cpu1", disabled, True) == ["its service is disabled (maintenance)"]


def test_several_things_at_once() -> None:
    seen = sight(services={"cpu1": service(state="down")}, mappings={}, hypervisors={})
    assert lacks("cpu1", seen, False) == [
        "it is not mapped to a cell",
        "its service is down (last heard of at 2026-11-24T20:00:00)",
    ]


def test_without_the_database_the_list_of_hypervisors_tells_what_is_mapped() -> None:
    assert lacks("cpu1", sight(mappings=None), False) == []
    assert lacks("cpu1", sight(mappings=None, hypervisors={}), False) == ["it is not mapped to a cell"]


def test_where_to_look() -> None:
    assert where_to_look("cpu1", ["its nova-compute has not registered"]) == "journalctl -u nova-compute on cpu1"
    assert "controller" in where_to_look("cpu1", ["it is not mapped to a cell"])
    assert "service list" in where_to_look("cpu1", ["its service is disabled (maintenance)"])
    assert "journalctl" in where_to_look("cpu1", ["its service is disabled (AUTO: Connection to libvirt lost)"])
