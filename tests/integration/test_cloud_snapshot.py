# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloud_snapshot against a real Nova and Placement: the file has what the services say one by one."""

from __future__ import annotations

import dataclasses
import json
import os
import re
import stat
import time
import typing as t
import uuid
from pathlib import Path

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import snapshot as reader
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cloud.json"


@dataclasses.dataclass
class Taken:
    """A snapshot as a document, what the reading took, and the paths that were asked for."""

    document: dict[str, t.Any]
    readings: reader.Readings
    log: list[str]

    def provider(self, name: str) -> dict[str, t.Any]:
        (found,) = [each for each in self.document["providers"] if each["name"] == name]
        return t.cast("dict[str, t.Any]", found)


@pytest.fixture
def snapshot(cloud: t.Any) -> t.Callable[..., Taken]:
    """Takes one in this process; parameters as those of snapshot.Options."""

    def take(**options: t.Any) -> Taken:
        cloud.control("log")
        session = Cloud(CloudOptions(auth=cloud.auth(), region_name="RegionOne"))
        found, readings = reader.read(session, reader.Options(**options))
        return Taken(model.dump(found), readings, calls_of(cloud))

    return take


class Placement:
    """Bare calls to Placement, and what it says of every provider on that one's own pages."""

    def __init__(self, api: t.Any) -> None:
        self.api = api
        self.made: list[str] = []
        self.consumers: list[str] = []

    def __call__(self, method: str, path: str, body: t.Any = None) -> t.Any:
        return self.api(method, path, body, service="placement")

    def make(
        self,
        name: str,
        inventories: dict[str, t.Any] | None = None,
        traits: t.Sequence[str] = (),
        aggregates: t.Sequence[str] = (),
        parent: str | None = None,
    ) -> str:
        """A provider of these; an inventory is a total or all of it."""
        made = str(uuid.uuid4())
        self("POST", "/resource_providers", {"name": name, "uuid": made, "parent_provider_uuid": parent})
        self.made.append(made)
        for each in (*(inventories or ()), *traits):
            if each.startswith("CUSTOM_"):
                self("PUT", "/%s/%s" % ("traits" if each in traits else "resource_classes", each))
        self.put(made, "inventories", {
            name: held if isinstance(held, dict) else {"total": held} for name, held in (inventories or {}).items()
        })  # fmt: skip
        if traits:
            self.put(made, "traits", list(traits))
        if aggregates:
            self.put(made, "aggregates", list(aggregates))
        return made

    def make_hosts(self, count: int) -> list[str]:
        """So many flat hosts that are alike and have room."""
        shape = {"VCPU": 64, "MEMORY_MB": 65536, "DISK_GB": 1000}
        return [self.make("host%d" % number, shape) for number in range(count)]

    def generation(self, provider: str) -> int:
        return int(self("GET", "/resource_providers/" + provider)["generation"])

    def put(self, provider: str, page: str, value: t.Any) -> None:
        body = {page: value, "resource_provider_generation": self.generation(provider)}
        self("PUT", "/resource_providers/%s/%s" % (provider, page), body)

    def allocate(self, provider: str, **resources: int) -> str:
        """One more consumer."""
        consumer = str(uuid.uuid4())
        body = {
            "allocations": {provider: {"resources": resources}},
            "project_id": "p", "user_id": "u", "consumer_generation": None,
        }  # fmt: skip
        self("PUT", "/allocations/" + consumer, body)
        self.consumers.append(consumer)
        return consumer

    def release(self, consumer: str) -> None:
        self("DELETE", "/allocations/" + consumer)
        self.consumers.remove(consumer)

    def remove(self, provider: str) -> None:
        self("DELETE", "/resource_providers/" + provider)
        self.made.remove(provider)

    def clean(self) -> None:
        for consumer in list(self.consumers):
            self.release(consumer)
        for provider in list(reversed(self.made)):
            self.remove(provider)

    def truth(self) -> dict[str, dict[str, t.Any]]:
        """Everything about every provider by name, from its own pages."""
        found = {}
        for row in self("GET", "/resource_providers")["resource_providers"]:
            pages = {
                page: self("GET", "/resource_providers/%s/%s" % (row["uuid"], page))[page]
                for page in ("inventories", "usages", "traits", "aggregates")
            }
            found[row["name"]] = {"uuid": row["uuid"], "parent": row["parent_provider_uuid"], **pages}
            found[row["name"]]["generation"] = row["generation"]
        return found


@pytest.fixture
def placement(nova: t.Any) -> t.Iterator[Placement]:
    made = Placement(nova)
    yield made
    made.clean()


def check(document: dict[str, t.Any], placement: Placement, known_aggregates: t.Collection[str] = ()) -> None:
    """The providers of the file are those that Placement has, in every respect that the file speaks of."""
    truth = placement.truth()
    providers = {provider["name"]: provider for provider in document["providers"]}
    assert set(providers) == set(truth)
    for name, provider in providers.items():
        right = truth[name]
        assert provider["uuid"] == right["uuid"], name
        assert provider.get("parent") == right["parent"], name
        assert provider.get("generation", 0) == right["generation"], name
        assert sorted(provider.get("traits", [])) == sorted(right["traits"]), name
        assert set(provider.get("aggregates", [])) == set(right["aggregates"]) & set(known_aggregates), name
        assert set(provider.get("inventories", {})) == set(right["inventories"]), name
        for rc, held in provider.get("inventories", {}).items():
            whole = right["inventories"][rc]
            assert held["capacity"] == int((whole["total"] - whole["reserved"]) * whole["allocation_ratio"])
            assert held["used"] == right["usages"][rc]
            for key in ("total", "reserved", "allocation_ratio", "min_unit", "max_unit", "step_size"):
                assert held.get(key) in (None, whole[key]), (name, rc, key)
            for amount in held.get("admits", []):
                assert whole["min_unit"] <= amount <= whole["max_unit"] and amount % whole["step_size"] == 0


def calls_of(cloud: t.Any) -> list[str]:
    return [path for method, path, _status in cloud.control("log") if "/identity" not in path]


# ---- what is in it


def test_the_snapshot_is_what_the_services_say_one_by_one(snapshot: t.Any, placement: Placement, nova: t.Any) -> None:
    made = nova("POST", "/os-aggregates", {"aggregate": {"name": "ssd", "availability_zone": "east"}})["aggregate"]
    nova("POST", "/os-aggregates/%d/action" % made["id"], {"add_host": {"host": "cmp1"}})
    nova("POST", "/os-aggregates/%d/action" % made["id"], {"set_metadata": {"metadata": {"ssd": "true"}}})
    try:
        result = snapshot(servers=True)
        assert result.readings.calls == len(result.log)
        document = result.document
        check(document, placement, [made["uuid"]])
        hosts = {host["name"]: host for host in document["hosts"]}
        services = {row["host"]: row for row in nova("GET", "/os-services?binary=nova-compute")["services"]}
        assert set(hosts) <= set(services)
        for name, host in hosts.items():
            assert host["zone"] == services[name]["zone"] if "zone" in host else services[name]["zone"] == "nova"
            assert (host["status"], host["state"]) == (services[name]["status"], services[name]["state"])
            assert host["provider"] == nova.provider(host["node"])
        assert hosts["cmp1"]["zone"] == "east"
        (aggregate,) = [each for each in document["aggregates"] if each["name"] == "ssd"]
        assert aggregate["hosts"] == ["cmp1"] and aggregate["zone"] == "east" and aggregate["metadata"]["ssd"] == "true"
        flavors = nova("GET", "/flavors/detail?is_public=None")["flavors"]
        assert {each["name"]: each["vcpus"] for each in document["flavors"]} == {
            each["name"]: each["vcpus"] for each in flavors
        }
        assert document["servers"] == []
    finally:
        nova("POST", "/os-aggregates/%d/action" % made["id"], {"remove_host": {"host": "cmp1"}})
        nova("DELETE", "/os-aggregates/%d" % made["id"])


def test_full_hosts(snapshot: t.Any, placement: Placement) -> None:
    for number in range(8):
        full = placement.make("full%d" % number, {"VCPU": 4, "MEMORY_MB": 1024, "DISK_GB": 10})
        placement.allocate(full, MEMORY_MB=1024, VCPU=4, **({} if number % 2 else {"DISK_GB": 10}))
    result = snapshot()
    check(result.document, placement)
    # half of them have disk left, so that a wide question brings them; the others are read from their own pages
    wide = [path for path in result.log if "allocation_candidates" in path]
    assert 2 <= len(wide) <= 3
    singles = {path.split("/")[3] for path in result.log if path.endswith("/usages")}
    by_uuid = {provider["uuid"]: provider["name"] for provider in result.document["providers"]}
    assert {by_uuid[uuid] for uuid in singles} == {"full0", "full2", "full4", "full6"}
    # of which all is known
    assert all(held["total"] for held in result.provider("full0")["inventories"].values())


def test_trees_and_sharing_providers(snapshot: t.Any, placement: Placement) -> None:
    pool = str(uuid.uuid4())
    placement.make(
        "pool", {"DISK_GB": {"total": 5000, "reserved": 100}}, ["MISC_SHARES_VIA_AGGREGATE"], aggregates=[pool]
    )
    for number in range(6):
        root = placement.make(
            "numa%d" % number, {"DISK_GB": 50} if number % 2 else {}, ["CUSTOM_RACK"], aggregates=[pool]
        )
        for node in range(2):
            child = placement.make(
                "numa%d-%d" % (number, node),
                {"VCPU": {"total": 8, "allocation_ratio": 2.5}, "MEMORY_MB": 8192},
                ["HW_NUMA_ROOT"],
                parent=root,
            )
            placement.make("numa%d-%d-gpu" % (number, node), {"CUSTOM_GPU": 2}, ["CUSTOM_A100"], parent=child)
            placement.allocate(child, VCPU=3)
    result = snapshot()
    check(result.document, placement, [pool])
    assert result.provider("pool")["aggregates"] == [pool]
    assert result.provider("numa0")["aggregates"] == [pool]
    assert result.provider("numa0-1-gpu")["parent"] == result.provider("numa0-1")["uuid"]


def test_units_are_proven_or_read(snapshot: t.Any, placement: Placement, nova: t.Any) -> None:
    odd = {
        "step": {"MEMORY_MB": {"total": 65536, "step_size": 512}},
        "least": {"MEMORY_MB": {"total": 65536, "min_unit": 256}},
        "most": {"MEMORY_MB": {"total": 65536, "max_unit": 1024}},
        "vcpus": {"VCPU": {"total": 64, "max_unit": 2}},
        "tight": {"MEMORY_MB": 300},
    }
    for name, inventories in odd.items():
        placement.make(name, {"VCPU": 64, "MEMORY_MB": 65536, "DISK_GB": 1000, **inventories})
    for number in range(5):
        placement.make("plain%d" % number, {"VCPU": 64, "MEMORY_MB": 65536, "DISK_GB": 1000})
    result = snapshot()
    check(result.document, placement)
    truth = placement.truth()
    amounts = {flavor["ram_mib"] for flavor in result.document["flavors"]}
    for provider in result.document["providers"]:
        for rc, held in provider["inventories"].items():
            whole = truth[provider["name"]]["inventories"][rc]
            if rc == "MEMORY_MB":
                for amount in amounts:
                    if amount > held["capacity"] - held["used"]:
                        continue
                    right = whole["min_unit"] <= amount <= whole["max_unit"] and amount % whole["step_size"] == 0
                    known = "max_unit" in held
                    said = (
                        held["min_unit"] <= amount <= held["max_unit"] and amount % held["step_size"] == 0
                        if known
                        else amount in held["admits"]
                    )  # fmt: skip
                    assert said == right, (provider["name"], amount, held)
    assert result.provider("most")["inventories"]["MEMORY_MB"]["max_unit"] == 1024
    # nothing was read singly of those that are like the others
    assert "max_unit" not in result.provider("plain0")["inventories"]["MEMORY_MB"]


def test_all_inventories(snapshot: t.Any, placement: Placement) -> None:
    placement.make("reserving", {"VCPU": {"total": 16, "reserved": 3, "allocation_ratio": 1.7}})
    result = snapshot(everything=True)
    check(result.document, placement)
    for provider in result.document["providers"]:
        assert all({"total", "reserved", "allocation_ratio", "max_unit"} <= set(held) | {"allocation_ratio", "reserved"}
                   and "total" in held for held in provider["inventories"].values())  # fmt: skip
    held = result.provider("reserving")["inventories"]["VCPU"]
    assert (held["total"], held["reserved"], held["allocation_ratio"], held["capacity"]) == (16, 3, 1.7, 22)


def test_few_calls_when_no_host_is_full(snapshot: t.Any, placement: Placement) -> None:
    placement.make_hosts(30)
    result = snapshot()
    check(result.document, placement)
    assert not set(placement.made) & {path.split("/")[3].split("?")[0] for path in result.log if path.count("/") > 2}


# ---- while things move


def until_asked(cloud: t.Any, pattern: str, process: t.Any) -> None:
    """Wait until a request has been answered."""
    for _try in range(2400):
        if any(re.search(pattern, path) for path in calls_of(cloud)):
            return
        assert process.poll() is None, process.communicate()
        time.sleep(0.05)
    raise AssertionError("nobody asked " + pattern)


def test_a_generation_that_moves_while_it_is_read(run: t.Any, cloud: t.Any, placement: Placement, path: Path) -> None:
    made = placement.make_hosts(6)[2]
    cloud.control("log")
    # what is asked for after the candidates waits
    cloud.control("faults", [{"path": "/resource_providers[?]resources=", "hang": 2, "times": 1}])
    process = run.start("cloud_snapshot", path=str(path))
    until_asked(cloud, "allocation_candidates", process)
    placement.allocate(made, VCPU=7, MEMORY_MB=512)
    result = run.finish(process)
    assert result.code == 0 and result.moved == 1
    (limit,) = result.limits
    assert limit.startswith("These resource providers have no hypervisor, and are not counted: host0, host1, ")
    check(json.loads(path.read_text()), placement)


def test_a_provider_that_comes_and_one_that_goes_while_it_is_read(
    run: t.Any, cloud: t.Any, placement: Placement, path: Path
) -> None:
    placement.make_hosts(6)
    root = placement.make("going", {"VCPU": 64, "MEMORY_MB": 65536, "DISK_GB": 1000})
    child = placement.make("going-gpu", {"VGPU": 4}, parent=root)
    cloud.control("log")
    cloud.control("faults", [{"path": "/resource_providers[?]resources=", "hang": 2, "times": 1}])
    process = run.start("cloud_snapshot", path=str(path))
    until_asked(cloud, "allocation_candidates", process)
    placement.remove(child)
    placement.remove(root)
    placement.make("coming", {"VCPU": 2, "MEMORY_MB": 65536, "DISK_GB": 1000}, ["CUSTOM_NEW"])
    result = run.finish(process)
    assert result.code == 0 and result.moved == 1
    check(json.loads(path.read_text()), placement)


def test_a_provider_that_goes_before_its_own_pages_are_read(
    run: t.Any, cloud: t.Any, placement: Placement, path: Path
) -> None:
    made = placement.make("full", {"VCPU": 1})
    placement.allocate(made, VCPU=1)
    cloud.control("log")
    cloud.control("faults", [{"path": made + "/inventories", "hang": 2, "times": 1}])
    process = run.start("cloud_snapshot", path=str(path))
    until_asked(cloud, "allocation_candidates", process)
    time.sleep(0.3)
    placement.release(placement.consumers[0])
    placement.remove(made)
    assert run.finish(process).code == 0
    check(json.loads(path.read_text()), placement)


def test_one_that_changes_faster_than_it_can_be_read(
    run: t.Any, cloud: t.Any, placement: Placement, path: Path
) -> None:
    made = placement.make("restless", {"VCPU": 1})
    placement.allocate(made, VCPU=1)
    cloud.control("faults", [{"path": made + "/usages", "hang": 0.4}])
    process = run.start("cloud_snapshot", path=str(path))
    while process.poll() is None:
        placement.put(made, "inventories", {"VCPU": {"total": 1}})
        time.sleep(0.05)
    result = run.finish(process)
    assert result.code == 0
    limit, _no_hypervisor = result.limits
    assert limit == (
        "These resource providers changed while they were read, time and again, and may not be quite right: restless."
    )


def test_a_capped_answer_is_not_taken_for_the_whole(snapshot: t.Any, cloud: t.Any, placement: Placement) -> None:
    placement.make_hosts(6)
    cloud.control("placement", {"max_allocation_candidates": 2})
    try:
        result = snapshot()
        check(result.document, placement)
    finally:
        cloud.control("placement", {"max_allocation_candidates": -1})


# ---- an earlier one


def test_only_what_has_changed_is_read_again(snapshot: t.Any, placement: Placement) -> None:
    made = placement.make_hosts(6)
    full = placement.make("full", {"VCPU": 2})
    placement.allocate(full, VCPU=2)
    first = snapshot(everything=True)
    assert first.readings.kept == 0
    placement.allocate(made[2], VCPU=2)
    placement.remove(made.pop())
    new = placement.make("new", {"CUSTOM_NEW": 8})
    second = snapshot(previous=model.parse(first.document), everything=True)
    check(second.document, placement)
    assert second.readings.kept == len(second.document["providers"]) - 2
    pages = sorted(url.split("/")[3:] for url in second.log if re.search("/(usages|traits|inventories)$", url))
    assert pages == sorted([
        [full, "usages"],  # nothing but what is used
        [made[2], "inventories"],  # the candidates have the rest
        *([new, page] for page in ("inventories", "usages", "traits")),
    ])  # fmt: skip
    # this does not make another generation
    for consumer in list(placement.consumers):
        placement.release(consumer)
    check(snapshot(previous=model.parse(second.document)).document, placement)


def test_an_earlier_one_of_another_cloud_or_none_at_all(run: t.Any, cloud: t.Any, path: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    result = run("cloud_snapshot", path=str(path), previous=str(other))
    assert result.code == 0 and result.kept == 0
    text = path.read_text().replace(cloud.auth_url, "http://elsewhere/v3")
    other.write_text(text)
    result = run("cloud_snapshot", path=str(path), previous=str(other))
    assert result.failed and result.msg == (
        "The snapshot %s of the option previous is of another cloud: "
        "http://elsewhere/v3 RegionOne instead of %s RegionOne." % (other, cloud.auth_url)
    )
    other.write_text(text[: len(text) // 2])
    result = run("cloud_snapshot", path=str(path), previous=str(other))
    assert result.failed and str(other) in result.msg and "is not JSON, or not all of it" in result.msg


# ---- the file


def test_changed_is_exact_and_check_mode_says_the_same(run: t.Any, placement: Placement, path: Path) -> None:
    predicted = run("cloud_snapshot", path=str(path), check=True, diff=True)
    assert predicted.changed is True and not path.exists()
    result = run("cloud_snapshot", path=str(path), diff=True)
    assert result.changed is True and result.diff == predicted.diff
    assert "host cmp1: enabled, up, zone nova\n" in result.diff["after"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    assert run("cloud_snapshot", path=str(path), check=True).changed is False
    again = run("cloud_snapshot", path=str(path), diff=True)
    assert again.changed is False and again.diff["before"] == again.diff["after"] == ""
    assert path.read_bytes() == before

    placement.make("other", {"VCPU": 3})
    predicted = run("cloud_snapshot", path=str(path), check=True, diff=True)
    result = run("cloud_snapshot", path=str(path), mode="0640", diff=True)
    assert predicted.changed is True and result.changed is True
    for line in ("providers: ", "VCPU: "):
        assert line in result.diff["before"] and line in result.diff["after"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert run("cloud_snapshot", path=str(path), mode="0640").changed is False
    assert run("cloud_snapshot", path=str(path), mode="0600", check=True).changed is True
    assert run("cloud_snapshot", path=str(path), mode="0600").changed is True
    assert os.listdir(path.parent) == [path.name]


@pytest.mark.parametrize(
    ("where", "text"),
    [
        ("gone/cloud.json", "The folder {0}/gone of the option path is not there."),
        (".", "The path {0} is a folder: it has to be a file."),
    ],
)
def test_a_path_that_cannot_be_written(run: t.Any, cloud: t.Any, tmp_path: Path, where: str, text: str) -> None:
    cloud.control("log")
    result = run("cloud_snapshot", path=str(tmp_path / where))
    assert result.failed and result.msg == text.format(tmp_path)
    assert calls_of(cloud) == []


# ---- what goes wrong


@pytest.fixture
def failing(run: t.Any, path: Path) -> t.Callable[..., t.Any]:
    """Runs the module, which has to fail and to leave the file as it is."""

    def attempt(**params: t.Any) -> t.Any:
        path.write_text("what was there", encoding="utf-8")
        result = run("cloud_snapshot", path=str(path), **params)
        assert result.failed and result.code == 1
        assert path.read_text(encoding="utf-8") == "what was there" and os.listdir(path.parent) == [path.name]
        return result

    return attempt


def test_no_permission_for_placement(failing: t.Any, cloud: t.Any) -> None:
    result = failing(auth=cloud.auth("demo"))
    assert "refused GET /resource_providers to user 'demo' in project 'loopback' (403)" in result.msg
    assert "it takes the role 'admin' (these credentials have: member, reader)" in result.msg


@pytest.mark.parametrize("where", ["allocation_candidates", "/resource_providers", "/os-services", "/flavors"])
def test_an_answer_that_is_cut_off(failing: t.Any, run: t.Any, cloud: t.Any, path: Path, where: str) -> None:
    cloud.control("faults", [{"path": where, "status": 200, "body": {"cut": "off"}}])
    result = failing()
    assert re.search("answered GET /[a-z_/-]+ without [a-z_]+: the answer is cut off, or something else", result.msg)
    cloud.control("faults", [{"path": where, "cut": True, "times": 1}])
    assert run("cloud_snapshot", path=str(path)).code == 0


@pytest.mark.parametrize("where", ["allocation_candidates", "/os-aggregates"])
def test_a_service_that_is_restarted_meanwhile(
    failing: t.Any, run: t.Any, cloud: t.Any, path: Path, where: str
) -> None:
    cloud.control("faults", [{"path": where, "status": 503, "times": 2}])
    assert run("cloud_snapshot", path=str(path)).code == 0
    cloud.control("faults", [{"path": where, "status": 503}])
    assert re.search("answered 503 to GET /[a-z_-]+, 4 times in [34] s: it is down", failing().msg)


def test_a_service_that_never_answers(failing: t.Any, cloud: t.Any) -> None:
    cloud.control("faults", [{"path": "allocation_candidates", "hang": 20}])
    started = time.monotonic()
    assert "did not answer GET /allocation_candidates within 1 s (option api_timeout)." in failing(api_timeout=1).msg
    assert time.monotonic() - started < 6


def test_a_cloud_without_placement(failing: t.Any, cloud: t.Any) -> None:
    cloud.control("catalog", {"without": ["placement"]})
    assert "has no Placement (service type placement" in failing().msg
