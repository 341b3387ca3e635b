# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""guest_check against a real Nova, whose fake driver's guests write LAST LINE to their console."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from typing import Any

import pytest

IMAGE = "fakeimage7"
HOSTS = ["cmp1", "cmp2", "cmp3"]
GUEST = {"image": IMAGE, "flavor": "m1.tiny", "hosts": HOSTS, "marker": "LAST LINE", "interval": 0.3, "timeout": 60}


@pytest.fixture(autouse=True)
def nothing_is_left(cloud: Any, nova: Any) -> Iterator[None]:
    """Whatever a test does: no guest and no temporary flavor afterwards."""
    yield
    cloud.control("faults", [])
    cloud.control("guests/reset", {})
    assert nova.clear() == []
    names = [flavor["name"] for flavor in nova("GET", "/flavors/detail?is_public=None")["flavors"]]
    assert not [name for name in names if name.startswith("scaleout")]


def test_all_is_well(cloud: Any, run: Any) -> None:
    result = run("guest_check", **{**GUEST, "hosts": []})
    assert result.code == 0 and result.changed is False
    rows = {row["host"]: row for row in result.guests}
    assert set(HOSTS) <= set(rows)
    for row in rows.values():
        assert row["ok"] is True and row["result"] == "ok" and row["gone"] is True
        assert 0 < row["active_seconds"] <= row["marker_seconds"] < 60
    assert result.summary["ok"] == result.summary["hosts"] == len(rows) and result.summary["failed"] == 0
    assert result.removed == []


def test_each_guest_is_on_its_host_without_a_network(cloud: Any, run: Any, nova: Any) -> None:
    cloud.control("guests", {"console": "", "host": "*"})
    process = run.start("guest_check", **{**GUEST, "timeout": 15, "name_prefix": "probe-"})
    servers = nova.until(lambda: [s for s in nova.servers() if s["status"] == "ACTIVE"][2:] and nova.servers())
    assert {server["name"]: server["OS-EXT-SRV-ATTR:host"] for server in servers} == {
        "probe-" + host: host for host in HOSTS
    }
    for server in servers:
        assert server["addresses"] == {}
        assert server["metadata"]["scaleout_guest_check"] == "temporary"
    result = run.finish(process)
    assert result.failed and result.code == 1
    assert "The guest check failed on 3 of 3 compute hosts. cmp1: ACTIVE, but 'LAST LINE' was not on" in result.msg
    assert "its console is empty" in result.msg
    assert all(row["gone"] and row["active_seconds"] and row["marker_seconds"] is None for row in result.guests)


def test_a_temporary_flavor(cloud: Any, run: Any, nova: Any) -> None:
    shape = {"vcpus": 1, "ram": 64, "disk": 1, "extra_specs": {"hw:cpu_shares": 3}}
    cloud.control("guests", {"host": "*", "console_seconds": 3})
    process = run.start("guest_check", **{**GUEST, "flavor": shape, "hosts": ["cmp1"]})
    nova.until(nova.servers)
    flavors = nova("GET", "/flavors/detail?is_public=None")["flavors"]
    (flavor,) = [each for each in flavors if each["name"].startswith("scaleout-guest-check-")]
    assert (flavor["vcpus"], flavor["ram"], flavor["disk"]) == (1, 64, 1)
    assert flavor["os-flavor-access:is_public"] is False
    assert flavor["extra_specs"] == {"hw:cpu_shares": "3"}
    result = run.finish(process)
    assert result.code == 0 and result.guests[0]["marker_seconds"] >= 2


def test_without_a_marker_active_will_do(run: Any, cloud: Any) -> None:
    result = run("guest_check", **{**GUEST, "marker": ..., "hosts": ["cmp1"]})
    assert result.code == 0 and result.guests[0]["marker_seconds"] is None
    assert not [call for call in cloud.control("log") if call[1].endswith("/action")]


def test_one_host_that_cannot_build(cloud: Any, run: Any) -> None:
    cloud.control("guests", {"host": "cmp2", "spawn_error": "no room in this test"})
    result = run("guest_check", **GUEST)
    assert result.failed
    assert [row["ok"] for row in result.guests] == [True, False, True]
    bad = result.guests[1]
    assert bad["result"] == "Nova could not build it there: see the log of nova-compute on cmp2 about " + bad["server"]
    assert "1 of 3 compute hosts. cmp2: Nova could not build it there" in result.msg
    assert result.summary["ok"] == 2 and result.summary["failed"] == 1
    assert all(row["gone"] for row in result.guests)


def test_a_flavor_that_fits_nowhere(run: Any) -> None:
    result = run("guest_check", **{**GUEST, "flavor": {"vcpus": 1, "ram": 40_000, "disk": 1}, "hosts": ["cmp1"]})
    assert result.failed and "cmp1: No valid host was found" in result.msg and "nova-scheduler" in result.msg


def test_a_guest_that_is_slow_to_build(cloud: Any, run: Any) -> None:
    cloud.control("guests", {"host": "cmp1", "spawn_seconds": 4})
    result = run("guest_check", **{**GUEST, "hosts": ["cmp1"], "timeout": 1})
    assert result.failed and "cmp1: not ACTIVE within 1 s: BUILD" in result.msg
    assert result.guests[0]["gone"] is True


def test_the_bound_on_how_many_at_a_time(cloud: Any, run: Any, nova: Any) -> None:
    cloud.control("guests", {"host": "*", "console_seconds": 1})
    process = run.start("guest_check", **{**GUEST, "concurrency": 1})
    most = 0
    while process.poll() is None:
        most = max(most, len([server for server in nova.servers() if server["OS-EXT-STS:task_state"] != "deleting"]))
        time.sleep(0.2)
    assert run.finish(process).code == 0
    assert most == 1


def test_hosts_that_nova_would_not_use(compute: Any, run: Any, nova: Any) -> None:
    compute("idle1")
    nova("PUT", "/os-services/" + nova.service("idle1"), {"status": "disabled", "disabled_reason": "new disk"})
    compute("dead1")
    nova("PUT", "/os-services/" + nova.service("dead1"), {"forced_down": True})
    result = run("guest_check", **{**GUEST, "hosts": ["idle1", "cmp1", "dead1"]})
    assert result.failed
    assert [(row["host"], row["ok"], row["server"] is None) for row in result.guests] == [
        ("idle1", False, True),
        ("cmp1", True, False),
        ("dead1", False, True),
    ]
    assert "idle1: not tried: it is disabled (new disk); dead1: not tried: its nova-compute is down" in result.msg
    # neither is among all hosts
    result = run("guest_check", check=True, **{**GUEST, "hosts": []})
    assert not {"idle1", "dead1"} & {row["host"] for row in result.guests}


def test_keeping_the_guests(run: Any, nova: Any) -> None:
    result = run("guest_check", **{**GUEST, "hosts": ["cmp1"], "keep": True})
    assert result.code == 0 and result.changed is True and result.guests[0]["gone"] is False
    # not taken for a leftover
    assert run("guest_check", **{**GUEST, "hosts": ["cmp1"]}).removed == []
    (server,) = nova.servers()
    assert server["id"] == result.guests[0]["server"]
    nova.clear()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_takes_all_guests_away(cloud: Any, run: Any, nova: Any, number: signal.Signals) -> None:
    cloud.control("guests", {"host": "*", "console": "still booting"})
    shape = {"vcpus": 1, "ram": 64, "disk": 1}
    process = run.start("guest_check", **{**GUEST, "flavor": shape, "concurrency": 2, "timeout": 300})
    nova.until(lambda: len(nova.servers()) == 2)
    process.send_signal(number)
    result = run.finish(process)
    assert result.failed and result.msg == "Stopped by %s; all guests have been removed." % number.name
    assert "not tried" in result.guests[2]["result"]
    assert nova.servers() == []


def test_leftovers_of_a_run_that_was_killed(cloud: Any, run: Any, nova: Any) -> None:
    cloud.control("guests", {"host": "*", "console": "still booting"})
    shape = {"vcpus": 1, "ram": 64, "disk": 1}
    killed = run.start("guest_check", **{**GUEST, "flavor": shape, "timeout": 300})
    nova.until(lambda: len([server for server in nova.servers() if server["status"] == "ACTIVE"]) == 3)

    # while it is alive another run leaves its guests alone
    assert run("guest_check", **{**GUEST, "marker": ..., "hosts": ["cmp1"]}).removed == []
    # somebody else's guest that looks similar, and one of the same name
    body = {
        "name": "guest-check-cmp1",
        "imageRef": nova.servers()[0]["image"]["id"],
        "flavorRef": "1",
        "networks": "none",
    }
    other = nova("POST", "/servers", {"server": body})["server"]["id"]
    assert len(nova.servers()) >= 3

    killed.kill()
    killed.communicate()
    cloud.control("guests/reset", {})
    predicted = run("guest_check", check=True, **{**GUEST, "hosts": ["cmp1"]})
    assert predicted.changed is True and len(predicted.removed) == 4
    assert len(nova.servers()) == 4

    result = run("guest_check", **{**GUEST, "hosts": ["cmp1"]})
    assert result.code == 0 and result.changed is True
    assert sorted(result.removed[:3]) == ["guest-check-" + host for host in HOSTS]
    assert result.removed[3].startswith("scaleout-guest-check-")
    assert [server["id"] for server in nova.servers()] == [other]
    nova.clear()


def test_check_mode_boots_nothing(cloud: Any, run: Any, nova: Any) -> None:
    cloud.control("log")
    result = run("guest_check", check=True, **GUEST)
    assert result.code == 0 and result.changed is False
    assert [row["result"] for row in result.guests] == ["would be tried"] * 3
    calls = [call for call in cloud.control("log") if call[0] != "GET"]
    assert [call[1] for call in calls] == ["/identity/v3/auth/tokens"]


def test_check_mode_before_there_is_a_cloud(run: Any) -> None:
    result = run("guest_check", check=True, **{**GUEST, "auth": ..., "cloud": "not-yet"})
    assert result.code == 0 and result.changed is False and result.guests == []
    assert "There is no cloud 'not-yet'" in str(result.warnings)


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"hosts": ["cmp1", "cmp9"]}, "There is no compute host 'cmp9' (similar: cmp"),
        ({"image": "fakeimage8"}, "There is no image 'fakeimage8' in the cloud at "),
        ({"image": "fakeimage123456"}, "images called 'fakeimage123456' in the cloud at "),
        ({"flavor": "m1.tny"}, "There is no flavor 'm1.tny' in the cloud at "),
        ({"flavor": {"ram": 1}}, "The flavor given in the option flavor is not usable: disk is missing."),
    ],
)
def test_what_is_not_there(cloud: Any, run: Any, changes: dict[str, Any], text: str) -> None:
    result = run("guest_check", **{**GUEST, **changes})
    assert result.failed and text in result.msg
    assert not [call for call in cloud.control("log") if call[0] == "POST" and "tokens" not in call[1]]


# ---- faults


def test_a_nova_that_is_restarted_meanwhile(cloud: Any, run: Any) -> None:
    cloud.control("faults", [{"path": "/servers/[0-9a-f]+-", "status": 503, "times": 9}])
    assert run("guest_check", **{**GUEST, "hosts": ["cmp1"]}).code == 0


def test_a_nova_that_has_bugs_now_and_then(cloud: Any, run: Any) -> None:
    cloud.control(
        "faults",
        [
            {"method": "GET", "path": "/servers/[0-9a-f]+-", "status": 500, "times": 2},
            {"method": "DELETE", "path": "/servers/[0-9a-f]+-", "status": 500, "times": 2},
        ],
    )
    assert run("guest_check", **{**GUEST, "hosts": ["cmp1"]}).code == 0


def test_a_request_that_was_carried_out_although_its_answer_was_lost(cloud: Any, run: Any) -> None:
    cloud.control("faults", [{"method": "POST", "path": "/compute/v2.1/servers$", "lose": True, "times": 1}])
    result = run("guest_check", **{**GUEST, "hosts": ["cmp1"]})
    assert result.code == 0 and result.guests[0]["ok"] is True


def test_a_request_whose_answer_comes_too_late(cloud: Any, run: Any) -> None:
    cloud.control("faults", [{"method": "POST", "path": "/compute/v2.1/servers$", "hang": 9, "times": 1}])
    result = run("guest_check", api_timeout=6, **{**GUEST, "hosts": ["cmp1"]})
    assert result.code == 0 and result.guests[0]["ok"] is True


def test_a_gateway_that_loses_requests(cloud: Any, run: Any) -> None:
    cloud.control("faults", [{"method": "POST", "path": "/compute/v2.1/servers$", "status": 504}])
    result = run("guest_check", **{**GUEST, "hosts": ["cmp1"], "timeout": 2})
    assert result.failed and "answered 504 to POST /servers, once: it is down, restarting or overloaded" in result.msg


def test_a_user_without_the_role(run: Any, cloud: Any) -> None:
    result = run("guest_check", auth=cloud.auth("demo"), **GUEST)
    assert result.failed and "refused GET /os-services to user 'demo'" in result.msg


def test_a_cloud_without_glance(run: Any, cloud: Any) -> None:
    cloud.control("catalog", {"without": ["image"]})
    result = run("guest_check", **GUEST)
    assert result.failed and "has no Glance (service type image" in result.msg


def test_a_guest_that_cannot_be_removed(cloud: Any, run: Any, nova: Any) -> None:
    cloud.control("guests", {"host": "cmp1", "destroy_error": "the disk is stuck"})
    result = run("guest_check", **{**GUEST, "hosts": ["cmp1", "cmp2"], "delete_timeout": 12})
    assert result.failed and "cmp1: it came up, but it cannot be removed: it is in ERROR (" in result.msg
    assert [(row["ok"], row["gone"]) for row in result.guests] == [(False, False), (True, True)]
    # the next run takes it away
    cloud.control("guests/reset", {})
    result = run("guest_check", **{**GUEST, "hosts": ["cmp1"]})
    assert result.code == 0 and result.removed == ["guest-check-cmp1"]
