# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Zones and host aggregates on real hosts: declared, planned, applied, and heeded by guests."""

from __future__ import annotations

import json

import pytest

DECLARED = {"az1": {"cpu1"}, "az2": {"cpu2"}, "ssd": {"cpu1"}, "hdd": {"cpu2"}}


@pytest.fixture
def members(cloud):
    """The hosts of each aggregate, by Nova."""
    return lambda: {row["name"]: set(row["hosts"]) for row in rows(cloud)}


def rows(cloud):
    return cloud.get("nova", "/v2.1/os-aggregates", "compute 2.41")["aggregates"]


@pytest.fixture
def apply(playbook):
    """Runs scaleout.nova.aggregates; what the module answers."""

    def run(*arguments, **variables):
        result = playbook("scaleout.nova.aggregates", *arguments, "--extra-vars", json.dumps(variables))
        tasks = [task for play in result["plays"] for task in play["tasks"]]
        (answer,) = (
            answer for task in tasks if task["task"]["name"] == "Host aggregates" for answer in task["hosts"].values()
        )
        return answer

    return run


def test_hosts_are_where_the_inventory_says(cloud, members):
    assert members() == DECLARED
    zones = {row["name"]: row["availability_zone"] for row in rows(cloud)}
    assert zones == {"az1": "az1", "az2": "az2", "ssd": None, "hdd": None}


def test_placement_knows_the_members(cloud):
    """Nova's mirror: the aggregates of a host's resource provider."""
    providers = cloud.get("placement", "/resource_providers", "placement 1.29")["resource_providers"]
    uuids = {row["uuid"]: row["name"] for row in rows(cloud)}
    for provider in providers:
        found = cloud.get("placement", f"/resource_providers/{provider['uuid']}/aggregates", "placement 1.29")
        names = {uuids[each] for each in found["aggregates"] if each in uuids}
        assert names == {name for name, hosts in DECLARED.items() if provider["name"].split(".")[0] in hosts}


def test_the_plan_of_check_mode_is_what_is_done(apply, members):
    """A host goes from one aggregate to the other, and back by what the inventory says."""
    wanted = [{"name": "ssd", "hosts": ["cpu1", "cpu2"]}, {"name": "hdd", "hosts": [], "extra_hosts": "remove"}]
    planned = apply("--check", nova_aggregates=wanted)
    assert planned["changed"] and members() == DECLARED
    assert {(step["aggregate"], step["host"]) for step in planned["plan"]} == {("ssd", "cpu2"), ("hdd", "cpu2")}
    done = apply(nova_aggregates=wanted)
    assert done["changed"] and done["plan"] == planned["plan"]
    assert members() == {**DECLARED, "ssd": {"cpu1", "cpu2"}, "hdd": set()}
    assert not apply(nova_aggregates=wanted)["changed"]
    assert apply()["changed"] and members() == DECLARED
    again = apply()
    assert not again["changed"] and again["plan"] == []


def test_a_host_with_a_server_does_not_change_its_zone(module, servers, members):
    """It is refused before Nova is asked, with the number of servers and what to do."""
    (server,) = servers.boot(servers.flavor(), zone="az1")
    assert server["OS-EXT-SRV-ATTR:host"] == "cpu1"
    wanted = [{"name": "az1", "hosts": [], "extra_hosts": "remove"}, {"name": "az2", "hosts": ["cpu1", "cpu2"]}]
    answer = module("host_aggregates", aggregates=wanted)
    assert answer["failed"] and "cpu1 (1)" in answer["msg"] and "Move the servers away first" in answer["msg"]
    assert members() == DECLARED


def test_guests_heed_the_metadata(playbook):
    """A guest that asks for ssd comes up on cpu1, and cpu2 does not take it."""
    playbook("scaleout.nova.verify_aggregates")
