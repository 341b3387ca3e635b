# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute_hosts against a real Nova with its real nova-manage, and a real Placement."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import pytest


@pytest.fixture
def params(cloud: Any) -> dict[str, Any]:
    """What it takes on this controller."""
    return {
        "config_files": [cloud.config_file],
        "nova_manage": cloud.nova_manage,
        "nova_user": "",
        "timeout": 60,
        "interval": 0.5,
    }


def mappings(cloud: Any) -> list[str]:
    database = sqlite3.connect(cloud.directory + "/nova_api.sqlite")
    try:
        return [row[0] for row in database.execute("SELECT host FROM host_mappings ORDER BY host")]
    finally:
        database.close()


def writes(cloud: Any) -> list[Any]:
    return [call for call in cloud.control("log") if call[0] != "GET" and "/auth/tokens" not in call[1]]


def test_hosts_that_are_mapped_and_well(cloud: Any, run: Any, params: dict[str, Any]) -> None:
    result = run("compute_hosts", hosts=["cmp2", "cmp1"], **params)
    assert result.code == 0 and result.changed is False
    assert [row["host"] for row in result.hosts] == ["cmp2", "cmp1"]
    row = result.hosts[1]
    assert row["cell"] == "cell1" and row["status"] == "enabled" and row["state"] == "up"
    assert row["hypervisor_type"] == "fake" and row["hypervisor_hostname"] == "cmp1"
    assert len(row["resource_provider"]) == 36
    assert row["mapped_now"] is False and row["lacks"] == [] and row["seconds"] < 10
    assert writes(cloud) == []
    # two for the login, services, hypervisors, and one per host
    run("compute_hosts", hosts=["cmp2", "cmp1"], **params)
    assert len(cloud.control("log")) == 6


def test_a_new_host_is_mapped_once(compute: Any, cloud: Any, run: Any, params: dict[str, Any]) -> None:
    compute("fresh1", mapped=False)
    assert "fresh1" not in mappings(cloud)

    predicted = run("compute_hosts", check=True, diff=True, hosts=["cmp1", "fresh1"], **params)
    assert predicted.code == 0 and predicted.changed is True
    assert [row["mapped_now"] for row in predicted.hosts] == [False, True]
    assert predicted.hosts[1]["state"] == "up"
    assert "fresh1" not in mappings(cloud)

    result = run("compute_hosts", diff=True, hosts=["cmp1", "fresh1"], **params)
    assert result.code == 0 and result.changed is True
    assert [row["mapped_now"] for row in result.hosts] == [False, True]
    assert result.hosts[1]["cell"] == "cell1" and result.hosts[1]["lacks"] == []
    assert result.diff == predicted.diff
    assert "fresh1: cell1" in result.diff["after"] and "cmp1" not in result.diff["after"]
    assert mappings(cloud).count("fresh1") == 1

    again = run("compute_hosts", hosts=["cmp1", "fresh1"], **params)
    assert again.changed is False
    assert run("compute_hosts", check=True, hosts=["cmp1", "fresh1"], **params).changed is False


def test_two_plays_at_once_do_not_collide(compute: Any, cloud: Any, run: Any, params: dict[str, Any]) -> None:
    for host in ("twin1", "twin2"):
        compute(host, mapped=False)
    both = [run.start("compute_hosts", hosts=["twin1", "twin2"], **params) for _number in range(2)]
    results = [run.finish(process) for process in both]
    assert [result.code for result in results] == [0, 0], results
    assert any(result.changed for result in results)
    assert mappings(cloud).count("twin1") == mappings(cloud).count("twin2") == 1


def test_a_host_that_comes_late(compute: Any, cloud: Any, run: Any, params: dict[str, Any]) -> None:
    started = time.monotonic()
    process = run.start("compute_hosts", hosts=["cmp1", "late1"], **params)
    time.sleep(3)
    compute("late1", mapped=False)
    result = run.finish(process)
    assert result.code == 0 and result.changed is True
    first, second = result.hosts
    assert first["seconds"] < second["seconds"] < time.monotonic() - started
    assert second["mapped_now"] is True


def test_hosts_that_never_come(compute: Any, cloud: Any, run: Any, params: dict[str, Any]) -> None:
    compute("there1", mapped=False)
    result = run("compute_hosts", hosts=["there1", "nowhere1", "cmp1.lab"], **{**params, "timeout": 2})
    assert result.failed
    assert result.msg.startswith("2 of 3 compute hosts are not usable after ")
    assert (
        "nowhere1: its nova-compute has not registered (similar: there1) (see journalctl -u nova-compute on nowhere1)"
        in result.msg
        or "nowhere1: its nova-compute has not registered (see journalctl -u nova-compute on nowhere1)" in result.msg
    )
    assert "cmp1.lab: its nova-compute has not registered (similar: cmp1" in result.msg
    # the one that can be is mapped all the same
    assert result.changed is True and "there1" in mappings(cloud)
    assert [bool(row["lacks"]) for row in result.hosts] == [False, True, True]


def test_check_mode_does_not_wait_for_what_cannot_come(cloud: Any, run: Any, params: dict[str, Any]) -> None:
    started = time.monotonic()
    result = run("compute_hosts", check=True, hosts=["cmp1", "not-yet"], **params)
    assert time.monotonic() - started < 15
    assert result.code == 0 and result.changed is True
    assert [row["mapped_now"] for row in result.hosts] == [False, True]
    assert result.hosts[1]["status"] is None


def test_a_host_of_another_cell(compute: Any, cloud: Any, run: Any, params: dict[str, Any]) -> None:
    compute("second1", cell="cell2")
    result = run("compute_hosts", hosts=["second1", "cmp1"], **params)
    assert result.failed
    assert "Asked for the cell 'cell1' (option cell), but already mapped: second1 to 'cell2'." in result.msg
    assert run("compute_hosts", hosts=["second1"], cell="cell2", **params).code == 0


def test_a_host_whose_nova_compute_writes_to_another_cell(
    compute: Any, cloud: Any, run: Any, params: dict[str, Any]
) -> None:
    compute("stray1", cell="cell2", mapped=False)
    result = run("compute_hosts", hosts=["stray1"], **{**params, "timeout": 3})
    assert result.failed
    assert (
        "nova-manage did not map stray1; is it configured with the database of another cell than 'cell1'?" in result.msg
    )
    assert "stray1" not in mappings(cloud)
    assert run("compute_hosts", hosts=["stray1"], cell="cell2", **params).changed is True


def test_a_cell_that_is_not_there(run: Any, params: dict[str, Any]) -> None:
    result = run("compute_hosts", hosts=["cmp1"], cell="cell7", **params)
    assert result.failed and "There is no cell 'cell7' (option cell); there are: cell0, cell1, cell2" in result.msg


def test_a_disabled_host(compute: Any, cloud: Any, run: Any, params: dict[str, Any], nova: Any) -> None:
    compute("resting1")
    nova("PUT", "/os-services/%s" % nova.service("resting1"), {"status": "disabled", "disabled_reason": "new disk"})
    result = run("compute_hosts", hosts=["resting1"], **params)
    assert result.code == 0 and result.hosts[0]["status"] == "disabled"
    assert result.hosts[0]["disabled_reason"] == "new disk"
    assert any("resting1: it is disabled (new disk)" in str(warning) for warning in result.warnings)

    started = time.monotonic()
    result = run("compute_hosts", hosts=["resting1"], require_enabled=True, **params)
    assert result.failed and "resting1: its service is disabled (new disk) (see openstack compute service" in result.msg
    assert time.monotonic() - started < 20, "no waiting makes it enabled"

    nova(
        "PUT",
        "/os-services/%s" % nova.service("resting1"),
        {"status": "disabled", "disabled_reason": "AUTO: no libvirt"},
    )
    result = run("compute_hosts", hosts=["resting1"], **{**params, "timeout": 1})
    assert result.failed and "its service is disabled (AUTO: no libvirt) (see journalctl" in result.msg


def test_a_host_that_is_down(compute: Any, cloud: Any, run: Any, params: dict[str, Any], nova: Any) -> None:
    compute("fallen1")
    nova("PUT", "/os-services/%s" % nova.service("fallen1"), {"forced_down": True})
    result = run("compute_hosts", hosts=["fallen1"], **{**params, "timeout": 1})
    assert result.failed and "fallen1: an operator has forced its service down" in result.msg


def test_a_host_that_was_started_gives_a_sign_of_life(
    compute: Any, cloud: Any, run: Any, params: dict[str, Any]
) -> None:
    compute("alive1")
    assert run("compute_hosts", hosts=["cmp1", "alive1"], started=["alive1"], **params).code == 0
    # ended, and Nova takes it for well: up for another minute, mapped, with a resource provider
    cloud.control("computes/stop", {"host": "alive1"})
    assert run("compute_hosts", hosts=["alive1"], **params).code == 0
    result = run("compute_hosts", hosts=["cmp1", "alive1"], started=["alive1"], **{**params, "timeout": 12})
    assert result.failed and "1 of 2 compute hosts is not usable" in result.msg
    assert "alive1: its nova-compute has not reported since it was started" in result.msg
    assert "(see journalctl -u nova-compute on alive1)" in result.msg
    # in check mode nothing has been started
    predicted = run("compute_hosts", check=True, hosts=["alive1"], started=["alive1"], **params)
    assert predicted.code == 0 and predicted.hosts[0]["lacks"] == []


def test_a_new_host_need_not_report_since_its_provider_is_new(
    compute: Any, cloud: Any, run: Any, params: dict[str, Any]
) -> None:
    process = run.start("compute_hosts", hosts=["new1"], started=["new1"], **params)
    time.sleep(3)
    compute("new1", mapped=False)
    result = run.finish(process)
    assert result.code == 0 and result.hosts[0]["mapped_now"] is True


def test_started_that_is_not_among_the_hosts(run: Any, params: dict[str, Any]) -> None:
    result = run("compute_hosts", hosts=["cmp1"], started=["cmp12"], **params)
    assert result.failed and result.msg == "started has cmp12, which is not in hosts (similar: cmp1)"


def test_a_host_without_a_resource_provider(
    compute: Any, cloud: Any, run: Any, params: dict[str, Any], nova: Any
) -> None:
    compute("bare1")
    provider = nova.provider("bare1")
    generation = nova("GET", "/resource_providers/" + provider, service="placement")["generation"]
    empty = {"resource_provider_generation": generation, "inventories": {}}
    nova("PUT", "/resource_providers/%s/inventories" % provider, empty, service="placement")
    result = run("compute_hosts", hosts=["bare1"], **{**params, "timeout": 1})
    assert result.failed and "bare1: its resource provider bare1 has no inventory of VCPU or PCPU" in result.msg
    nova("DELETE", "/resource_providers/" + provider, service="placement")
    result = run("compute_hosts", hosts=["bare1"], **{**params, "timeout": 1})
    assert result.failed and "bare1: Placement has no resource provider bare1 (%s)" % provider in result.msg
    assert result.hosts[0]["resource_provider"] is None


def test_looking_only_on_a_controller(compute: Any, run: Any, params: dict[str, Any]) -> None:
    """The hosts may then be of several cells."""
    compute("far1", cell="cell2")
    result = run("compute_hosts", hosts=["cmp1", "far1"], map=False, **params)
    assert result.code == 0 and [row["cell"] for row in result.hosts] == ["cell1", "cell2"]


def test_looking_only(compute: Any, cloud: Any, run: Any) -> None:
    """With map=false nothing of a controller is needed."""
    compute("seen1", mapped=False)
    result = run("compute_hosts", hosts=["cmp1", "cmp3"], map=False, timeout=0)
    assert result.code == 0 and result.changed is False and result.hosts[0]["cell"] is None
    result = run("compute_hosts", hosts=["cmp1", "seen1"], map=False, timeout=0)
    assert result.failed and "seen1: it is not mapped to a cell (see the log of nova-manage" in result.msg
    assert result.changed is False and "seen1" not in mappings(cloud)
    assert run("compute_hosts", check=True, hosts=["seen1"], map=False, timeout=0).changed is False


def test_no_hosts(run: Any, params: dict[str, Any]) -> None:
    result = run("compute_hosts", hosts=[], **params)
    assert result.code == 0 and result.changed is False and result.hosts == []


def test_check_mode_before_there_is_a_cloud(run: Any, params: dict[str, Any], tmp_path: Any) -> None:
    blank = {**params, "config_files": [str(tmp_path / "nova.conf")], "auth": ..., "cloud": "not-yet"}
    result = run("compute_hosts", check=True, hosts=["new1", "new2"], **blank)
    assert result.code == 0 and result.changed is True
    assert [row["mapped_now"] for row in result.hosts] == [True, True]
    assert len(result.warnings) == 2
    result = run("compute_hosts", hosts=["new1"], **blank)
    assert result.failed and result.msg.startswith("There is no cloud 'not-yet' (option cloud)")


# ---- faults


def test_a_nova_that_is_being_restarted_is_waited_for(cloud: Any, run: Any, params: dict[str, Any]) -> None:
    cloud.control("faults", [{"path": "/compute/", "status": 503, "times": 6}])
    assert run("compute_hosts", hosts=["cmp1"], **params).code == 0


def test_a_nova_that_stays_away(cloud: Any, run: Any, params: dict[str, Any]) -> None:
    cloud.control("faults", [{"path": "/compute/", "status": 503}])
    result = run("compute_hosts", hosts=["cmp1"], **{**params, "timeout": 5})
    assert result.failed
    assert result.msg.startswith("The compute hosts could not be looked at: Nova at http://127.0.0.1:")
    assert "answered 503 to GET /os-services, 4 times" in result.msg


def test_a_nova_that_hangs(cloud: Any, run: Any, params: dict[str, Any]) -> None:
    cloud.control("faults", [{"path": "/os-hypervisors", "hang": 4}])
    result = run("compute_hosts", hosts=["cmp1"], api_timeout=1, **{**params, "timeout": 1})
    assert result.failed
    assert "did not answer GET /os-hypervisors/detail within 1 s (option api_timeout)" in result.msg


def test_a_keystone_that_refuses(run: Any, params: dict[str, Any], cloud: Any) -> None:
    result = run("compute_hosts", hosts=["cmp1"], auth=cloud.auth(password="wrong-password"), **params)
    assert result.failed and "refused the login of user 'admin' in project 'loopback'" in result.msg
    assert "wrong-password" not in result.text


def test_a_user_without_the_role(run: Any, params: dict[str, Any], cloud: Any) -> None:
    result = run("compute_hosts", hosts=["cmp1"], auth=cloud.auth("demo"), **params)
    assert result.failed
    assert (
        "refused GET /os-services to user 'demo' in project 'loopback' (403): it takes the role 'admin'" in result.msg
    )
    assert "os_compute_api:os-services:list" in result.msg


def test_a_cloud_without_placement(run: Any, params: dict[str, Any], cloud: Any) -> None:
    cloud.control("catalog", {"without": ["placement"]})
    result = run("compute_hosts", hosts=["cmp1"], **params)
    assert result.failed
    assert (
        "has no Placement (service type placement, interface public, region RegionOne); it has: compute" in result.msg
    )


def test_no_secret_is_shown(run: Any, params: dict[str, Any], cloud: Any) -> None:
    result = run("compute_hosts", hosts=["cmp1"], **params)
    assert cloud.users["admin"] not in result.text
    # and what is none is not masked
    assert result.hosts[0]["cell"] == "cell1" and "********" not in result.text
