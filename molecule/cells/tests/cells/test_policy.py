# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""CPU sets, reserved memory and provider configuration (host_vars of lxc1) have come true."""

from __future__ import annotations

import pytest


@pytest.fixture(scope="module")
def provider(cloud):
    """Path of the host's resource provider."""
    (found,) = cloud.get("placement", "/resource_providers?name=lxc1")["resource_providers"]
    return f"/resource_providers/{found['uuid']}"


def test_cpu_sets_and_reserved_memory_are_inventories(cloud, provider):
    inventories = cloud.get("placement", f"{provider}/inventories")["inventories"]
    assert {name: inventories[name]["total"] for name in ("VCPU", "PCPU")} == {"VCPU": 1, "PCPU": 1}
    assert inventories["MEMORY_MB"]["reserved"] == 1500


def test_provider_configuration_is_an_inventory_and_a_trait(cloud, provider):
    inventories = cloud.get("placement", f"{provider}/inventories")["inventories"]
    assert {name: inventories["CUSTOM_LICENCE"][name] for name in ("total", "reserved", "max_unit")} == {
        "total": 7,
        "reserved": 1,
        "max_unit": 2,
    }
    traits = cloud.get("placement", f"{provider}/traits", "placement 1.6")["traits"]
    assert "CUSTOM_RACK_A" in traits and "COMPUTE_NODE" in traits
