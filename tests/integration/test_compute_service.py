# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""compute_service and compute_service_info against a real Nova."""

from __future__ import annotations

import typing as t
import uuid
from pathlib import Path

import pytest

HOSTS = ["cmp1", "cmp2", "cmp3"]


def service(nova: t.Any, host: str) -> dict[str, t.Any]:
    (found,) = nova("GET", "/os-services?binary=nova-compute&host=" + host)["services"]
    return t.cast("dict[str, t.Any]", found)


def hosts(nova: t.Any) -> set[str]:
    return {row["host"] for row in nova("GET", "/os-services?binary=nova-compute")["services"]}


def writes(cloud: t.Any) -> list[str]:
    return [
        path
        for method, path, _status in cloud.control("log")
        if method in ("PUT", "POST", "DELETE") and "/identity" not in path
    ]


@pytest.fixture(autouse=True)
def all_enabled(nova: t.Any, cloud: t.Any) -> t.Iterator[None]:
    """Whatever a test does, the hosts are enabled afterwards."""
    yield
    cloud.control("faults", [])
    for host in HOSTS:
        nova("PUT", "/os-services/" + nova.service(host), {"status": "enabled", "forced_down": False})


def test_disabled_with_a_reason_and_enabled_again(run: t.Any, nova: t.Any, cloud: t.Any) -> None:
    task = {"hosts": ["cmp1", "cmp[2]"], "state": "disabled", "disabled_reason": "new memory"}
    cloud.control("log")
    predicted = run("compute_service", check=True, diff=True, **task)
    assert writes(cloud) == []
    result = run("compute_service", diff=True, **task)
    assert result.code == 0 and result.changed is True and len(writes(cloud)) == 2
    assert (result.hosts, result.diff) == (predicted.hosts, predicted.diff)
    assert result.diff["before"] == "cmp1: enabled\ncmp2: enabled\n"
    assert result.diff["after"] == "cmp1: disabled (new memory)\ncmp2: disabled (new memory)\n"
    for row in result.hosts:
        now = service(nova, row["host"])
        assert {key: row[key] for key in ("status", "state", "disabled_reason", "forced_down", "zone")} == {
            key: now[key] for key in ("status", "state", "disabled_reason", "forced_down", "zone")
        }
    assert service(nova, "cmp3")["status"] == "enabled"
    cloud.control("log")
    assert run("compute_service", **task).changed is False
    # without a reason, the one that is there stays
    assert run("compute_service", hosts=["cmp1"], state="disabled").changed is False
    assert writes(cloud) == []
    assert run("compute_service", hosts=["cmp1"], state="disabled", disabled_reason="").changed is True
    assert run("compute_service", hosts=["cmp1"], state="disabled", disabled_reason="").changed is False
    result = run("compute_service", hosts=["cmp?"], state="enabled")
    assert [(row["host"], row["changed"]) for row in result.hosts if row["host"] in HOSTS] == [
        ("cmp1", True),
        ("cmp2", True),
        ("cmp3", False),
    ]
    assert service(nova, "cmp2")["disabled_reason"] is None


def test_forced_down_in_the_same_request(run: t.Any, nova: t.Any, cloud: t.Any) -> None:
    task = {"hosts": ["cmp1"], "state": "disabled", "disabled_reason": "dead", "forced_down": True}
    cloud.control("log")
    assert run("compute_service", **task).changed is True
    assert len(writes(cloud)) == 1
    now = service(nova, "cmp1")
    assert (now["status"], now["forced_down"], now["state"]) == ("disabled", True, "down")
    assert run("compute_service", **task).changed is False
    result = run("compute_service", hosts=["cmp1"], forced_down=False, diff=True)
    assert result.changed is True and result.diff["before"] == "cmp1: disabled (dead), forced down\n"
    assert service(nova, "cmp1")["status"] == "disabled"


def test_by_aggregate(run: t.Any, nova: t.Any) -> None:
    made = nova("POST", "/os-aggregates", {"aggregate": {"name": "ssd"}})["aggregate"]
    nova("POST", "/os-aggregates/%d/action" % made["id"], {"add_host": {"host": "cmp2"}})
    try:
        result = run("compute_service", aggregates=["ssd"], state="disabled")
        assert [row["host"] for row in result.hosts] == ["cmp2"] and result.changed is True
        (row,) = run("compute_service_info", aggregates=["ssd"]).hosts
        assert (row["host"], row["status"], row["aggregates"]) == ("cmp2", "disabled", ["ssd"])
    finally:
        nova("POST", "/os-aggregates/%d/action" % made["id"], {"remove_host": {"host": "cmp2"}})
        nova("DELETE", "/os-aggregates/%d" % made["id"])


def test_by_rule(run: t.Any, nova: t.Any) -> None:
    facts = {host: {"vars": {"rack": "r1" if host == "cmp3" else "r2"}} for host in ("cmp1", "cmp2", "cmp3")}
    task = {"rule": {"vars": {"rack": "r1"}, "service": "up"}, "host_facts": facts, "state": "disabled"}
    result = run("compute_service", hosts=["cmp1"], **task)
    assert [row["host"] for row in result.hosts] == ["cmp1", "cmp3"] and result.changed is True
    assert [service(nova, host)["status"] for host in ("cmp1", "cmp2", "cmp3")] == ["disabled", "enabled", "disabled"]
    assert run("compute_service", **task).changed is False
    assert run("compute_service", rule={"service": "down"}, state="disabled").hosts == []
    assert run("compute_service", rule={}, host_facts={}, state="disabled", check=True).hosts == []
    assert "rule.service is" in run("compute_service", rule={"service": "dead"}, state="disabled").msg


@pytest.mark.parametrize(
    ("rule", "message"),
    [
        ({"traits": ["HW_CPU_X86_AVX512FF"]}, "knows no trait 'HW_CPU_X86_AVX512FF' (similar: HW_CPU_X86_AVX512F"),
        ({"inventory": {"MEMRY_MB": 16384}}, "knows no resource class 'MEMRY_MB' (similar: MEMORY_MB"),
    ],
)
def test_a_mistyped_rule_is_not_about_the_other_hosts(
    run: t.Any, nova: t.Any, rule: dict[str, t.Any], message: str
) -> None:
    for given in (rule, {"not": rule}, {"any": [{"name": "cmp1"}, {"all": [rule]}]}):
        assert message in run("compute_service", rule=given, state="disabled").msg
    aggregates = [{"name": "all", "rule": {"not": rule}}]
    assert message in run("host_aggregates", check=True, aggregates=aggregates).msg
    assert message in run("resource_provider_traits", rule=rule, traits=["CUSTOM_A"]).msg
    assert {service(nova, host)["status"] for host in HOSTS} == {"enabled"}
    assert run("compute_service", rule={"inventory": {"VGPU": 1}}, state="disabled").hosts == []


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"hosts": ["cmp9"], "state": "disabled"}, "There is no compute host 'cmp9' (similar: cmp"),
        ({"hosts": ["x*", "cmp1"], "state": "disabled"}, "No compute host matches 'x*'."),
        ({"hosts": ["cmp1"]}, "Neither state nor forced_down says what is wanted of the services."),
        ({"hosts": ["cmp1"], "state": "enabled", "disabled_reason": "x"}, "A disabled_reason needs state=disabled."),
        (
            {"hosts": ["cmp1"], "state": "disabled", "disabled_reason": "x" * 256},
            "The disabled_reason has more than 255 characters.",
        ),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_touched(
    run: t.Any, cloud: t.Any, task: dict[str, t.Any], message: str
) -> None:
    cloud.control("log")
    result = run("compute_service", **task)
    assert result.failed and message in result.msg
    assert writes(cloud) == []


def test_a_host_that_is_gone_for_good(run: t.Any, nova: t.Any, cloud: t.Any, compute: t.Callable[..., None]) -> None:
    compute("gone1")
    try:
        result = run("compute_service", hosts=["gone1"], state="absent")
        assert result.failed and result.msg == (
            "The service of gone1 is up. Stop nova-compute there first (or say force)."
        )
        cloud.control("computes/stop", {"host": "gone1"})
        run("compute_service", hosts=["gone1"], forced_down=True)
        task = {"hosts": ["gone1", "never-there"], "state": "absent"}
        predicted = run("compute_service", check=True, diff=True, **task)
        assert "gone1" in hosts(nova)
        result = run("compute_service", diff=True, **task)
        assert (
            result.code == 0
            and result.changed is True
            and (result.hosts, result.diff)
            == (
                predicted.hosts,
                predicted.diff,
            )
        )
        assert result.diff["after"] == "" and result.hosts[0]["present"] is False
        assert "gone1" not in hosts(nova)
        names = [row["name"] for row in nova("GET", "/resource_providers", service="placement")["resource_providers"]]
        assert "gone1" not in names
        again = run("compute_service", **task)
        assert again.code == 0 and again.changed is False and again.hosts == []
    finally:
        compute("gone1")  # for the fixture, which looks for it


def test_a_host_with_servers_is_not_deleted(run: t.Any, nova: t.Any, cloud: t.Any) -> None:
    body = {
        "name": "guest", "flavorRef": flavor(nova), "networks": "none", "host": "cmp3",
        "imageRef": "155d900f-4e14-4e4c-a73d-069cbf4541e6",
    }  # fmt: skip
    made = nova("POST", "/servers", {"server": body})["server"]["id"]
    try:
        nova.until(lambda: nova("GET", "/servers/" + made)["server"]["status"] == "ACTIVE")
        cloud.control("log")
        result = run("compute_service", hosts=["cmp3"], state="absent", force=True)
        assert result.failed and writes(cloud) == []
        assert result.msg == "The host cmp3 has 1 server(s): guest. Migrate, evacuate or delete them first."
        assert {row["host"]: row["servers"] for row in run("compute_service_info", hosts=HOSTS).hosts} == {
            "cmp1": 0,
            "cmp2": 0,
            "cmp3": 1,
        }
    finally:
        nova.clear()


def flavor(nova: t.Any) -> str:
    return next(str(row["id"]) for row in nova("GET", "/flavors")["flavors"] if row["name"] == "m1.tiny")


def test_allocations_without_servers_are_noticed(
    run: t.Any, nova: t.Any, cloud: t.Any, compute: t.Callable[..., None]
) -> None:
    compute("gone2")
    cloud.control("computes/stop", {"host": "gone2"})
    run("compute_service", hosts=["gone2"], forced_down=True)
    consumer = str(uuid.uuid4())
    body = {
        "allocations": {nova.provider("gone2"): {"resources": {"VCPU": 2}}},
        "project_id": "p", "user_id": "u", "consumer_generation": None,
    }  # fmt: skip
    nova("PUT", "/allocations/" + consumer, body, service="placement")
    result = run("compute_service", hosts=["gone2"], state="absent")
    nova("DELETE", "/allocations/" + consumer, service="placement")
    assert result.failed and result.msg == (
        "The host gone2 has no servers, but 2 VCPU of its resource provider gone2 are allocated, perhaps by a"
        " migration: its resource provider would stay behind (or say force)."
    )


# ---- faults


def test_one_that_fails_does_not_keep_the_others(run: t.Any, nova: t.Any, cloud: t.Any) -> None:
    path = "/os-services/" + nova.service("cmp2")
    cloud.control("faults", [{"method": "PUT", "path": path, "status": 500}])
    task = {"hosts": HOSTS, "state": "disabled"}
    result = run("compute_service", diff=True, **task)
    assert result.failed and result.changed is True and result.pending == ["cmp2"]
    assert result.msg.startswith("1 of 3 compute services could not be changed. Nova at ")
    assert [(row["changed"], row["status"]) for row in result.hosts] == [
        (True, "disabled"),
        (False, "enabled"),
        (True, "disabled"),
    ]
    assert "cmp2" not in result.diff["after"]
    cloud.control("faults", [])
    result = run("compute_service", **task)
    assert [row["host"] for row in result.hosts if row["changed"]] == ["cmp2"]
    assert run("compute_service", **task).changed is False


@pytest.mark.parametrize("fault", [{"status": 503}, {"cut": True}, {"lose": True}])
def test_faults_that_pass(run: t.Any, nova: t.Any, cloud: t.Any, fault: dict[str, t.Any]) -> None:
    for number in range(3):
        cloud.control("faults", [{"path": "/compute/", "skip": number, "times": 1, **fault}])
        result = run("compute_service", hosts=["cmp1", "cmp2"], state=["disabled", "enabled"][number % 2])
        assert result.code == 0 and len([row for row in result.hosts if row["changed"]]) == 2
    cloud.control("faults", [])
    assert service(nova, "cmp1")["status"] == "disabled"


def test_two_runs_at_once(run: t.Any, nova: t.Any) -> None:
    processes = [
        run.start("compute_service", hosts=HOSTS, state="disabled", disabled_reason="one"),
        run.start("compute_service", hosts=["cmp1"], forced_down=True),
    ]
    assert [run.finish(process).code for process in processes] == [0, 0]
    now = service(nova, "cmp1")
    assert (now["status"], now["disabled_reason"], now["forced_down"]) == ("disabled", "one", True)


# ---- reading


def test_all_hosts_in_three_calls(run: t.Any, nova: t.Any, cloud: t.Any) -> None:
    cloud.control("log")
    result = run("compute_service_info")
    asked = [path.split("?")[0].rsplit("/v2.1", 1)[-1] for _m, path, _s in cloud.control("log") if "/compute" in path]
    assert sorted(asked) == ["/os-aggregates", "/os-hypervisors/detail", "/os-services"]
    assert result.code == 0 and result.changed is False
    assert {row["host"] for row in result.hosts} == hosts(nova)
    row = next(row for row in result.hosts if row["host"] == "cmp1")
    (node,) = row["hypervisors"]
    assert (node["hypervisor_hostname"], node["uuid"], node["vcpus"]) == ("cmp1", nova.provider("cmp1"), 10)
    assert (row["zone"], row["status"], row["state"], row["aggregates"]) == ("nova", "enabled", "up", [])
    assert run("compute_service_info", hosts=[]).hosts == []
    assert "There is no compute host 'cmp9'" in run("compute_service_info", hosts=["cmp9"]).msg


def test_a_cell_that_cannot_be_reached_is_no_cell_without_hosts(
    run: t.Any, cloud: t.Any, compute: t.Callable[..., None], tmp_path: Path
) -> None:
    compute("lost1", cell="cell2")
    database = Path(cloud.directory) / "cell2.sqlite"
    saved = database.read_bytes()
    database.write_bytes(b"")
    try:
        results = [
            run("compute_service", hosts=["lost1"], state="absent"),
            run("host_aggregates", check=True, aggregates=[{"name": "pair", "goal": {"count": 2}}]),
            run("host_aggregates_info"),
            run("cloud_snapshot", path=str(tmp_path / "snapshot.json")),
        ]
    finally:
        database.write_bytes(saved)
    for result in results:
        assert result.failed and "cannot reach the cell of these compute hosts" in result.msg and "lost1" in result.msg
    assert not (tmp_path / "snapshot.json").exists()
    assert "lost1" in {row["host"] for row in run("compute_service_info").hosts}
