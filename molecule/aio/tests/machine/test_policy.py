# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Huge pages, CPU sets and provider configuration (group_vars/all/policy.yml) have come true."""

from __future__ import annotations

import json

import pytest


@pytest.fixture(scope="module")
def provider(cloud):
    """Path of the machine's resource provider."""
    (found,) = cloud.get("placement", "/resource_providers")["resource_providers"]
    return f"/resource_providers/{found['uuid']}"


def test_huge_pages_are_there_and_some_are_nobodys(controller):
    """By what nova-compute has reported: KiB, all of the machine, and those that it leaves alone."""
    assert controller.run("cat /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages") == "3"
    assert "nr_hugepages - - - - 3" in controller.run("cat /etc/tmpfiles.d/scaleout-huge-pages.conf")
    ((text,),) = controller.sql("select numa_topology from nova_cell1.compute_nodes where deleted = 0")
    nodes = [node["nova_object.data"] for node in json.loads(text)["nova_object.data"]["cells"]]
    pages = [page["nova_object.data"] for node in nodes for page in node["mempages"]]
    pages = [page for page in pages if page["size_kb"] == 2048]
    assert sum(page["total"] for page in pages) == 3
    assert sum(page["reserved"] for page in pages) == 1


def test_cpu_sets_are_inventories(cloud, provider):
    inventories = cloud.get("placement", f"{provider}/inventories")["inventories"]
    assert {name: inventories[name]["total"] for name in ("VCPU", "PCPU")} == {"VCPU": 1, "PCPU": 1}
    assert inventories["MEMORY_MB"]["reserved"] == 4096


def test_provider_configuration_is_a_trait(cloud, provider):
    traits = cloud.get("placement", f"{provider}/traits", "placement 1.6")["traits"]
    assert "CUSTOM_AIO" in traits and "COMPUTE_NODE" in traits
