# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_aggregates and host_aggregates_info against a real Nova and Placement.

The module as such is run where its face is tested. Where many runs are made, they are made in this process.
"""

from __future__ import annotations

import collections.abc as c
import concurrent.futures
import dataclasses
import os
import subprocess
import time
import typing as t
import urllib.error
from pathlib import Path

import pytest
import yaml

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import Plan, Step
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import aggregates
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions
from ansible_collections.scaleout.nova.plugins.modules import host_aggregates

ROOT = Path(__file__).resolve().parents[2]
HOSTS = ["cmp1", "cmp2", "cmp3"]
RACKS = {"cmp1": "r1", "cmp2": "r1", "cmp3": "r2"}
FACTS = {host: {"vars": {"rack": RACKS[host]}, "groups": ["computes", "rack_" + RACKS[host]]} for host in HOSTS}
IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
OWNED = {"scaleout:owner": "scaleout.nova"}

Declared = list[dict[str, t.Any]]
#: aggregate -> zone, metadata, hosts
Picture = dict[str, tuple[t.Any, dict[str, t.Any], set[str]]]


class Aggregates:
    """Bare calls about aggregates, by name."""

    def __init__(self, api: t.Any) -> None:
        self.api = api

    def rows(self) -> dict[str, dict[str, t.Any]]:
        return {row["name"]: row for row in self.api("GET", "/os-aggregates")["aggregates"]}

    def picture(self) -> Picture:
        return {
            name: (
                row["availability_zone"],
                {key: value for key, value in row["metadata"].items() if key != "availability_zone"},
                set(row["hosts"]),
            )
            for name, row in self.rows().items()
        }

    def hosts(self, name: str) -> list[str]:
        return sorted(self.rows()[name]["hosts"])

    def metadata(self, name: str) -> dict[str, t.Any]:
        return self.picture()[name][1]

    def make(self, name: str, *hosts: str, zone: str | None = None, **metadata: str) -> None:
        """One that somebody else made."""
        body: dict[str, t.Any] = {"name": name, **({"availability_zone": zone} if zone else {})}
        self.api("POST", "/os-aggregates", {"aggregate": body})
        if metadata:
            self.action(name, "set_metadata", metadata=metadata)
        for host in hosts:
            self.action(name, "add_host", host=host)

    def action(self, name: str, what: str, **values: t.Any) -> None:
        self.api("POST", "/os-aggregates/%d/action" % self.rows()[name]["id"], {what: values})

    def mirrored(self, name: str) -> list[str]:
        """The resource providers that Placement has in it."""
        path = "/resource_providers?member_of=" + self.rows()[name]["uuid"]
        return sorted(row["name"] for row in self.api("GET", path, service="placement")["resource_providers"])

    def forget(self, host: str) -> None:
        """Placement forgets all aggregates of a host."""
        path = "/resource_providers/%s/aggregates" % self.api.provider(host)
        self.api("PUT", path, {**self.api("GET", path, service="placement"), "aggregates": []}, service="placement")

    def clean(self) -> None:
        for row in self.rows().values():
            path = "/os-aggregates/%d" % row["id"]
            for host in row["hosts"]:
                self.api("POST", path + "/action", {"remove_host": {"host": host}})
            self.api("DELETE", path)


@pytest.fixture
def there(nova: t.Any, cloud: t.Any) -> c.Iterator[Aggregates]:
    """No aggregates, before and afterwards."""
    made = Aggregates(nova)
    made.clean()
    cloud.control("log")
    yield made
    cloud.control("faults", [])
    nova.clear()
    made.clean()
    for host in HOSTS:
        made.forget(host)


@dataclasses.dataclass
class Did:
    """What became of a declaration."""

    plan: Plan
    outcome: aggregates.Outcome | None

    @property
    def texts(self) -> list[str]:
        return [step.words for step in self.plan.steps]


@pytest.fixture
def declare(cloud: t.Any, monkeypatch: pytest.MonkeyPatch) -> c.Callable[..., Did]:
    """Plans, and applies unless there is a problem or ``check``. The scope is the three hosts of the loopback."""
    monkeypatch.setattr(aggregates, "PAUSE", 0.02)
    monkeypatch.setattr(Cloud, "retry_delays", (0.02, 0.02, 0.02))

    def run(declared: Declared, check: bool = False, api_timeout: int = 60, **params: t.Any) -> Did:
        given = {
            "aggregates": declared, "exactly_one_of": [], "extra_hosts": "keep", "scope": HOSTS, "host_facts": FACTS,
            "purge": False, "owner": "scaleout.nova", "verify_placement": "changed", **params,
        }  # fmt: skip
        options = CloudOptions(auth=cloud.auth(), region_name="RegionOne", api_timeout=api_timeout)
        manager = aggregates.Manager(Cloud(options), host_aggregates.wanted(given))
        plan = manager.plan()
        return Did(plan, None if check or plan.problems else manager.apply(plan))

    return run


@pytest.fixture
def traits(nova: t.Any) -> c.Iterator[c.Callable[..., None]]:
    """Sets custom traits of a host."""

    def put(host: str, *names: str) -> None:
        for name in names:
            nova("PUT", "/traits/" + name, service="placement")
        path = "/resource_providers/%s/traits" % nova.provider(host)
        now = nova("GET", path, service="placement")
        kept = [name for name in now["traits"] if not name.startswith("CUSTOM_")]
        nova("PUT", path, {**now, "traits": [*kept, *names]}, service="placement")

    yield put
    for host in HOSTS:
        put(host)


def boot(nova: t.Any, host: str) -> str:
    """A server on that host."""
    flavor = next(row["id"] for row in nova("GET", "/flavors")["flavors"] if row["name"] == "m1.tiny")
    body = {"name": "guest", "flavorRef": flavor, "networks": "none", "imageRef": IMAGE, "host": host}
    made = str(nova("POST", "/servers", {"server": body})["server"]["id"])
    nova.until(lambda: nova("GET", "/servers/" + made)["server"]["status"] == "ACTIVE")
    return made


def calls(cloud: t.Any, *methods: str) -> list[str]:
    """The paths that were asked for with these methods, all without any."""
    return [
        path
        for method, path, _status in cloud.control("log")
        if "/identity" not in path and (not methods or method in methods)
    ]


def played(before: Picture, steps: c.Iterable[Step]) -> Picture:
    """What the steps make of a picture."""
    now = {name: (zone, dict(metadata), set(hosts)) for name, (zone, metadata, hosts) in before.items()}
    for step in steps:
        after = step.after or {}
        if step.kind == "create":
            now[step.aggregate] = (after["zone"], {}, set())
        elif step.kind == "delete":
            del now[step.aggregate]
        elif step.kind == "metadata":
            for key, value in after.items():
                if value is None:
                    del now[step.aggregate][1][key]
                else:
                    now[step.aggregate][1][key] = value
        elif step.kind == "zone":
            now[step.aggregate] = (after["zone"], *now[step.aggregate][1:])
        elif step.kind == "add_host":
            now[step.aggregate][2].add(step.host)
        elif step.kind == "remove_host":
            now[step.aggregate][2].remove(step.host)
    return now


# ---- the module


WHOLE: Declared = [
    {"name": "az1", "zone": "az1", "rule": {"vars": {"rack": "r1"}}},
    {"name": "az2", "zone": "az2", "rule": {"not": {"groups": "rack_r1"}}},
    {"name": "ssd", "metadata": {"ssd": True, "level": 1, "ratio": 1.5, "note": "yes"}, "hosts": ["cmp2", "cmp3"]},
]


def test_a_whole_picture_in_one_call(run: t.Any, there: Aggregates, cloud: t.Any) -> None:
    task = {"aggregates": WHOLE, "host_facts": FACTS}
    predicted = run("host_aggregates", check=True, diff=True, **task)
    assert predicted.changed is True and there.rows() == {} and calls(cloud, "PUT", "POST", "DELETE") == []
    result = run("host_aggregates", diff=True, **task)
    assert result.code == 0 and result.changed is True and result.pending == []
    assert (result.plan, result.diff, result.memberships) == (predicted.plan, predicted.diff, predicted.memberships)
    assert sorted(step["text"] for step in result.applied) == sorted(step["text"] for step in result.plan)
    assert there.picture() == {
        "az1": ("az1", OWNED, {"cmp1", "cmp2"}),
        "az2": ("az2", OWNED, {"cmp3"}),
        "ssd": (None, {**OWNED, "ssd": "true", "level": "1", "ratio": "1.5", "note": "yes"}, {"cmp2", "cmp3"}),
    }
    assert result.diff["before"] == ""
    assert result.diff["after"].startswith(
        "aggregate az1\n  zone: az1\n  metadata: scaleout:owner=scaleout.nova\n  host: cmp1\n  host: cmp2\naggregate"
    )
    assert there.mirrored("az1") == ["cmp1", "cmp2"]
    assert len(calls(cloud, "POST", "PUT", "DELETE")) == len(result.plan) == 11
    again = run("host_aggregates", diff=True, **task)
    assert again.code == 0 and again.changed is False and again.plan == [] and again.calls == 2
    assert again.diff == {"before": "", "after": ""} and len(calls(cloud)) == 2
    assert again.memberships == {"az1": ["cmp1", "cmp2"], "az2": ["cmp3"], "ssd": ["cmp2", "cmp3"]}


def test_all_that_is_wrong_is_said_at_once_and_nothing_is_sent(
    run: t.Any, there: Aggregates, nova: t.Any, cloud: t.Any
) -> None:
    there.make("old", "cmp1", zone="old")
    boot(nova, "cmp1")
    cloud.control("log")
    result = run(
        "host_aggregates",
        aggregates=[
            {"name": "az1", "zone": "az1", "hosts": ["cmp1"]},
            {"name": "ssd", "hosts": ["cpm2"]},
            {"name": "gpu", "traits": ["CUSTOM_GPU"], "hosts": ["cmp2"]},
        ],
    )
    assert result.failed and result.plan == result.applied == result.pending == []
    one, two, three, four = result.problems
    assert one.startswith("Host cmp1 would be in the zones az1 (aggregate az1) and old (aggregate old)")
    assert two == "Hosts of aggregate gpu do not have CUSTOM_GPU: cmp2."
    assert three.startswith("Hosts with servers would move from zone old to zone az1") and "cmp1 (1)" in three
    assert "cpm2 (similar: cmp2)" in four and result.msg == " ".join(result.problems)
    assert calls(cloud, "POST", "PUT", "DELETE") == []


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"aggregates": [{"name": "a", "zon": "x"}]}, "aggregates[0] (a).zon is no option"),
        ({"aggregates": [], "host_facts": {"cmp1": []}}, "host_facts.cmp1 has to be a dictionary with vars"),
        ({"aggregates": [], "owner": ""}, "owner marks aggregates, and has to be"),
    ],
)
def test_what_cannot_be_read(run: t.Any, params: dict[str, t.Any], message: str) -> None:
    result = run("host_aggregates", **params)
    assert result.failed and result.msg.startswith(message) and result.msg.endswith(".")


def test_no_permission(run: t.Any, there: Aggregates, cloud: t.Any) -> None:
    result = run("host_aggregates", auth=cloud.auth("demo"), aggregates=WHOLE)
    assert result.failed and "(403)" in result.msg and "role 'admin'" in result.msg


def test_a_step_that_fails_for_good(run: t.Any, there: Aggregates, cloud: t.Any) -> None:
    cloud.control("faults", [{"method": "POST", "path": r"os-aggregates/\d+/action", "skip": 5, "status": 500}])
    task = {"aggregates": WHOLE, "host_facts": FACTS}
    result = run("host_aggregates", **task)
    assert result.failed and result.changed is True
    assert "could not be changed. Nova at " in result.msg and "answered 500 to POST" in result.msg
    assert len(result.applied) == 8 and len(result.pending) == 3
    texts = [step["text"] for step in result.applied + result.pending]
    assert sorted(texts) == sorted(step["text"] for step in result.plan)
    cloud.control("faults", [])
    result = run("host_aggregates", **task)
    assert result.code == 0 and result.pending == [] and len(result.applied) == 3
    assert run("host_aggregates", **task).changed is False


# ---- reading a cloud, and adopting it


def test_the_round_trip_changes_nothing(run: t.Any, there: Aggregates) -> None:
    there.make("zone one", "cmp1", "cmp2", zone="one", ssd="true", empty="")
    there.make("nothing in it")
    there.make("ours", "cmp2", **OWNED, **{"scaleout:images": "cirros,debian"})
    there.make("many", "cmp3", **{"scaleout:images": "sha256:" + 64 * "0"})
    info = run("host_aggregates_info")
    assert info.changed is False and info.calls == 2 and info.owned == {"scaleout.nova": ["ours"]}
    assert info.aggregates == [
        {"name": "many", "zone": None, "metadata": {}, "hosts": ["cmp3"]},
        {"name": "nothing in it", "zone": None, "metadata": {}, "hosts": []},
        {"name": "ours", "zone": None, "metadata": {}, "hosts": ["cmp2"], "images": ["cirros", "debian"]},
        {"name": "zone one", "zone": "one", "metadata": {"empty": "", "ssd": "true"}, "hosts": ["cmp1", "cmp2"]},
    ]
    before = there.picture()
    through_yaml = yaml.safe_load(yaml.safe_dump(info.aggregates))
    result = run("host_aggregates", aggregates=through_yaml, verify_placement="declared", diff=True)
    assert result.code == 0 and result.changed is False and result.plan == [] and there.picture() == before
    # it is the same as what somebody would write for an empty cloud
    there.clean()
    again = [{**each, "images": []} for each in info.aggregates]
    assert run("host_aggregates", aggregates=again).changed is True
    made = run("host_aggregates_info", names=["zone*", "many"]).aggregates
    assert made == [info.aggregates[0], info.aggregates[3]]
    assert run("host_aggregates_info", names=["zon"]).msg.startswith("There is no host aggregate 'zon'")


def test_adopted_and_one_thing_changed(run: t.Any, there: Aggregates, cloud: t.Any) -> None:
    there.make("az1", "cmp1", "cmp2", zone="az1", pinned="true")
    there.make("az2", "cmp3", zone="az2")
    declared = run("host_aggregates_info").aggregates
    declared[0]["hosts"].remove("cmp2")
    declared[1]["hosts"].append("cmp2")
    cloud.control("log")
    result = run("host_aggregates", aggregates=declared)
    assert [step["text"] for step in result.applied] == [
        "remove host cmp2 from aggregate az1",
        "add host cmp2 to aggregate az2",
    ]
    assert there.picture() == {
        "az1": ("az1", {"pinned": "true"}, {"cmp1"}),  # without a mark: never purged
        "az2": ("az2", {}, {"cmp2", "cmp3"}),
    }
    assert run("host_aggregates", aggregates=[], purge=True).changed is False


def test_members_without_a_service(
    run: t.Any, declare: t.Any, there: Aggregates, nova: t.Any, cloud: t.Any, compute: t.Any
) -> None:
    compute("agg-gone")
    there.make("old", "cmp1")
    with_sql(
        cloud, "insert into aggregate_hosts (host, aggregate_id) values ('agg-lost', %d)" % there.rows()["old"]["id"]
    )
    info = run("host_aggregates_info")
    assert info.gone == {"old": ["agg-lost"]} and info.aggregates[0]["hosts"] == ["cmp1"]
    assert declare(info.aggregates).plan.steps == ()
    with_sql(cloud, "delete from aggregate_hosts where host = 'agg-lost'")


def with_sql(cloud: t.Any, statement: str) -> None:
    """Have Nova's database as no API makes it."""
    import sqlite3

    with sqlite3.connect(Path(cloud.directory) / "nova_api.sqlite", timeout=30) as connection:
        connection.execute(statement)


# ---- the defects of others


def test_metadata_of_every_type_is_reported_once(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    metadata: dict[str, t.Any] = {
        "yes": True, "no": False, "one": 1, "half": 0.5, "text": "true", "none": None, "empty": "", "word": "no",
    }  # fmt: skip
    declared = [{"name": "a", "metadata": metadata, "hosts": ["cmp1"]}]
    assert declare(declared).plan.changed
    assert there.metadata("a") == {
        **OWNED, "yes": "true", "no": "false", "one": "1", "half": "0.5", "text": "true", "empty": "", "word": "no",
    }  # fmt: skip
    assert not declare(declared).plan.changed
    for changes in ({"one": 2}, {"yes": False}, {"new": "x"}, {"text": None}):
        metadata.update(changes)
        cloud.control("log")
        did = declare(declared)
        assert len(did.plan.steps) == 1 and did.plan.steps[0].kind == "metadata"
        assert len(calls(cloud, "POST")) == 1  # the others are not sent again
        assert not declare(declared).plan.changed
    assert "text" not in there.metadata("a")
    there.action("a", "set_metadata", metadata={"by-hand": "1"})
    assert not declare(declared).plan.changed
    declared[0]["metadata_exact"] = True
    assert declare(declared).texts == ["metadata of aggregate a: unset by-hand"]
    assert "by-hand" not in there.metadata("a") and "scaleout:owner" in there.metadata("a")


def test_a_conflict_of_zones_leaves_no_empty_aggregate_behind(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    there.make("theirs", "cmp1", zone="theirs")
    before = there.picture()
    cloud.control("log")
    did = declare([{"name": "ours", "zone": "ours", "hosts": ["cmp1", "cmp2"]}])
    assert did.outcome is None and len(did.plan.problems) == 1 and there.picture() == before
    assert calls(cloud, "POST") == []


def test_an_aggregate_is_never_without_its_zone(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    cloud.control("faults", [{"method": "POST", "path": "action", "status": 500}])
    did = declare([{"name": "az1", "zone": "az1", "hosts": ["cmp1"]}])
    assert did.outcome is not None and did.outcome.error and there.picture() == {"az1": ("az1", {}, set())}
    assert [step.words for step in did.outcome.applied] == ["create aggregate az1 in zone az1"]
    cloud.control("faults", [])


def test_purge_is_for_what_we_made_and_no_longer_declare(declare: t.Any, there: Aggregates) -> None:
    there.make("by hand", "cmp1")
    there.make("of another inventory", "cmp2", **{"scaleout:owner": "cell2"})
    declare([{"name": "ours", "hosts": ["cmp3"]}, {"name": "wide", "hosts": ["cmp3"]}])
    before = there.picture()
    assert not declare([], purge=False).plan.changed
    assert not declare([{"name": "by hand"}, {"name": "ours"}, {"name": "wide"}], purge=True).plan.changed
    assert there.picture() == before
    # a host out of scope keeps it
    did = declare([{"name": "ours"}], purge=True, scope=["cmp1", "cmp2"])
    assert not did.plan.changed and [(kept.aggregate, kept.host) for kept in did.plan.kept] == [("wide", "")]
    did = declare([{"name": "ours"}], purge=True)
    assert did.texts == ["remove host cmp3 from aggregate wide", "delete aggregate wide"]
    assert sorted(there.rows()) == ["by hand", "of another inventory", "ours"]
    assert declare([], purge=True, owner="cell2").texts[-1] == "delete aggregate of another inventory"
    assert there.hosts("by hand") == ["cmp1"]


def test_hosts_of_others_stay(declare: t.Any, there: Aggregates) -> None:
    there.make("shared", "cmp1", "cmp3")
    # out of scope, as with --limit or in the inventory of another cell
    declared = [{"name": "shared", "hosts": ["cmp2"], "extra_hosts": "remove"}]
    did = declare(declared, scope=["cmp2"], host_facts={})
    assert did.texts == ["add host cmp2 to aggregate shared"]
    assert there.hosts("shared") == HOSTS
    did = declare([{"name": "new", "hosts": ["cmp1", "cmp2"]}], scope=["cmp2"], host_facts={}, check=True)
    assert did.plan.waiting == {"new": ("cmp1",)}
    # in scope, put there by a hand
    declared[0]["extra_hosts"] = "keep"
    did = declare(declared, extra_hosts="remove")
    assert not did.plan.changed and [kept.host for kept in did.plan.kept] == ["cmp1", "cmp3"]
    del declared[0]["extra_hosts"]
    assert len(declare(declared, extra_hosts="remove").plan.steps) == 2 and there.hosts("shared") == ["cmp2"]


@pytest.mark.parametrize("few", [8, 0])
def test_a_host_with_servers_does_not_change_its_zone(
    declare: t.Any, there: Aggregates, nova: t.Any, monkeypatch: pytest.MonkeyPatch, few: int
) -> None:
    monkeypatch.setattr(aggregates, "FEW_HOSTS", few)  # counted host by host, and in the list of all servers
    there.make("az1", "cmp1", "cmp2", zone="az1")
    there.make("az2", zone="az2")
    boot(nova, "cmp1")
    before = there.picture()
    declared = [{"name": "az1", "hosts": []}, {"name": "az2", "hosts": ["cmp1", "cmp2"]}]
    did = declare(declared)
    assert did.plan.problems == (
        "Hosts with servers would move from zone az1 to zone az2, which Nova refuses. Move the servers away first, "
        "whose number is in brackets: cmp1 (1).",
    )
    assert there.picture() == before
    # an aggregate without a zone may take it, and another one of its zone
    there.make("same", zone="az1")
    did = declare([{"name": "plain", "hosts": ["cmp1"]}, {"name": "same", "hosts": ["cmp1"]}])
    assert did.outcome is not None and not did.outcome.error and there.hosts("same") == ["cmp1"]
    # and leaves its zone's one without a moment in no zone
    did = declare([{"name": "az1", "hosts": ["cmp2"], "extra_hosts": "remove"}])
    assert did.outcome is not None and not did.outcome.error and there.hosts("az1") == ["cmp2"]
    nova.clear()
    did = declare([{"name": "same", "hosts": [], "extra_hosts": "remove"}, *declared])
    assert did.outcome is not None and not did.outcome.error and there.hosts("az2") == ["cmp1", "cmp2"]


def test_another_zone_for_an_aggregate(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    there.make("az1", "cmp1", "cmp2", zone="old")
    did = declare([{"name": "az1", "zone": "new"}])
    assert did.texts == ["aggregate az1: zone new"] and there.rows()["az1"]["availability_zone"] == "new"
    # two aggregates of one zone, with a host in both
    there.make("other", "cmp1", zone="new")
    both = [{"name": "az1", "zone": "newer", "hosts": HOSTS[:2]}, {"name": "other", "zone": "newer", "hosts": ["cmp1"]}]
    did = declare(both)
    assert did.outcome is not None and not did.outcome.error
    assert there.picture() == {"az1": ("newer", {}, {"cmp1", "cmp2"}), "other": ("newer", {}, {"cmp1"})}
    assert not declare(both).plan.changed
    did = declare([{"name": "az1", "zone": None}])
    assert "Nova does not take a zone off an aggregate" in did.plan.problems[0]
    assert not declare([{"name": "az1"}]).plan.changed  # not named, as it is


# ---- rules, goals and what members need


def test_rules(declare: t.Any, there: Aggregates, traits: t.Any, nova: t.Any) -> None:
    traits("cmp3", "CUSTOM_GPU")
    facts = {**FACTS, "cmp2": {"vars": {"rack": "r1", "nova_compute_cell": 2}}}
    rules: dict[str, dict[str, t.Any]] = {
        "by name": {"name": "cmp[12]"},
        "by group": {"groups": ["rack_r2", "elsewhere"]},
        "by variable": {"vars": {"rack": ["r2", "r9"]}},
        "by trait": {"traits": ["CUSTOM_GPU"]},
        "by cell": {"cell": "2"},
        "by type": {"hypervisor_type": "fake"},
        "by other type": {"hypervisor_type": "QEMU"},
        "by size": {"inventory": {"MEMORY_MB": 8192}},
        "too large": {"inventory": {"MEMORY_MB": 8193}},
        "up": {"service": "up"},
        "both": {"all": [{"name": "cmp*"}, {"not": {"traits": ["CUSTOM_GPU"]}}]},
        "either": {"any": [{"name": "cmp1"}, {"traits": ["CUSTOM_GPU"]}]},
    }
    declared = [{"name": name, "rule": rule} for name, rule in rules.items()]
    did = declare(declared, host_facts=facts)
    assert did.outcome is not None and not did.outcome.error
    assert {name: there.hosts(name) for name in rules} == {
        "by name": ["cmp1", "cmp2"],
        "by group": ["cmp3"],
        "by variable": ["cmp3"],
        "by trait": ["cmp3"],
        "by cell": ["cmp2"],
        "by type": HOSTS,
        "by other type": [],
        "by size": HOSTS,
        "too large": [],
        "up": HOSTS,
        "both": ["cmp1", "cmp2"],
        "either": ["cmp1", "cmp3"],
    }
    assert not declare(declared, host_facts=facts).plan.changed


def test_what_members_need(declare: t.Any, there: Aggregates, traits: t.Any) -> None:
    traits("cmp1", "CUSTOM_SSD")
    declared = [{"name": "ssd", "traits": ["CUSTOM_SSD"], "isolate": True, "hosts": ["cmp1", "cmp2"]}]
    assert declare(declared).plan.problems == ("Hosts of aggregate ssd do not have CUSTOM_SSD: cmp2.",)
    traits("cmp2", "CUSTOM_SSD")
    declared[0]["resources"] = {"VCPU": 1, "CUSTOM_FPGA": 1}
    assert "CUSTOM_FPGA 1 (has 0): cmp1, cmp2" in declare(declared).plan.problems[0]
    declared[0]["resources"] = {"VCPU": 1}
    declare(declared)
    assert there.metadata("ssd") == {**OWNED, "trait:CUSTOM_SSD": "required"}
    assert not declare(declared).plan.changed


def test_goals(declare: t.Any, there: Aggregates) -> None:
    there.make("third", "cmp3")
    declared: Declared = [
        {"name": "third", "goal": {"share": "33%"}},
        {"name": "racks", "goal": {"count": 2, "spread": "rack"}, "apart_from": ["lone"]},
        {"name": "lone", "goal": {"at_least": 1, "at_most": 1}},
        {"name": "left", "rule": {"name": "cmp*"}, "goal": {"at_least": 1}},
        {"name": "right"},
    ]
    did = declare(declared, exactly_one_of=[["left", "right"]])
    assert did.plan.problems == () and did.plan.proven and did.outcome is not None and not did.outcome.error
    assert there.hosts("third") == ["cmp3"]  # it was there
    assert {RACKS[host] for host in there.hosts("racks")} == {"r1", "r2"} and len(there.hosts("racks")) == 2
    assert len(there.hosts("lone")) == 1 and not {*there.hosts("lone")} & {*there.hosts("racks")}
    assert sorted(there.hosts("left") + there.hosts("right")) == HOSTS
    assert not declare(declared, exactly_one_of=[["left", "right"]]).plan.changed
    did = declare([{"name": "a", "goal": {"count": 2}}, {"name": "b", "goal": {"count": 2}, "apart_from": ["a"]}])
    assert did.plan.problems and "a" in did.plan.problems[0] and there.rows().keys() >= {"third"}
    assert "a" not in there.rows()


def test_room_for_servers(declare: t.Any, there: Aggregates) -> None:
    goal = {"room_for": {"flavor": "m1.medium", "count": 1}}
    did = declare([{"name": "large", "goal": goal}])
    assert did.plan.problems == () and len(there.hosts("large")) == 1
    assert not declare([{"name": "large", "goal": goal}]).plan.changed
    goal["room_for"]["failures"] = 1
    assert len(declare([{"name": "large", "goal": goal}]).plan.steps) == 1 and len(there.hosts("large")) == 2
    goal["room_for"]["count"] = 5000
    assert "5000" in declare([{"name": "large", "goal": goal}]).plan.problems[0]


def test_an_isolated_aggregate_keeps_room_for_its_servers(
    declare: t.Any, there: Aggregates, nova: t.Any, cloud: t.Any
) -> None:
    guest = boot(nova, "cmp1")
    project = nova("GET", "/servers/" + guest)["server"]["tenant_id"]
    there.make("mine", *HOSTS, filter_tenant_id=project)
    cloud.control("log")
    did = declare([{"name": "mine", "hosts": ["cmp1", "cmp2"], "extra_hosts": "remove"}], check=True)
    assert [step.host for step in did.plan.steps] == ["cmp3"]  # it has no servers: nothing else is asked
    assert not [path for path in calls(cloud) if "allocation_candidates" in path]
    leaves = [{"name": "mine", "hosts": ["cmp2", "cmp3"], "extra_hosts": "remove"}]
    assert [step.host for step in declare(leaves, check=True).plan.steps] == ["cmp1"]
    services = [row for row in nova("GET", "/os-services?binary=nova-compute")["services"] if row["host"] != "cmp1"]
    try:
        for row in services:
            nova("PUT", "/os-services/" + row["id"], {"status": "disabled"})
        did = declare(leaves)
    finally:
        for row in services:
            nova("PUT", "/os-services/" + row["id"], {"status": "enabled"})
    assert did.outcome is None and len(did.plan.problems) == 1
    assert "cmp1 (1). No place is left for 1 of 1 of m1.tiny." in did.plan.problems[0]
    assert there.hosts("mine") == HOSTS
    did = declare(leaves)
    assert did.outcome is not None and not did.outcome.error and there.hosts("mine") == ["cmp2", "cmp3"]
    assert not declare(leaves).plan.changed


def test_images_are_cached_when_they_change(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    declared: Declared = [{"name": "twice", "images": ["a440c04b-79fa-479c-bed1-0b816eaec379", "fakeimage6"]}]
    did = declare(declared)
    assert did.outcome is not None and not did.outcome.error and not declare(declared).plan.changed
    declared = [{"name": "a", "images": [IMAGE], "hosts": ["cmp1"]}]
    cloud.control("log")
    declare(declared)
    assert len([path for path in calls(cloud, "POST") if path.endswith("/images")]) == 1
    assert there.metadata("a") == {**OWNED, "scaleout:images": IMAGE}
    assert not declare(declared).plan.changed
    declared[0]["hosts"] = ["cmp1", "cmp2"]
    assert [step.kind for step in declare(declared).plan.steps] == ["metadata", "add_host", "images", "metadata"]
    before = there.picture()
    declared[0]["images"] = [IMAGE, "nothing-like-that"]
    did = declare(declared)
    assert "There is no image 'nothing-like-that'" in did.plan.problems[0] and there.picture() == before


# ---- Placement


def test_what_placement_forgot_is_repaired(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    declared: Declared = [{"name": "a", "hosts": ["cmp1", "cmp2"]}, {"name": "b", "hosts": ["cmp1"]}]
    declare(declared)
    there.forget("cmp1")
    assert not declare(declared).plan.changed  # nobody looks
    did = declare(declared, verify_placement="declared")
    assert did.texts == [
        "Placement: put host cmp1 into aggregate a",
        "Placement: put host cmp1 into aggregate b",
    ]
    assert (there.mirrored("a"), there.mirrored("b")) == (["cmp1", "cmp2"], ["cmp1"])
    assert "hosts_in_placement" in did.plan.before["a"]
    # what Nova could not do while it moved hosts comes up when the outcome is looked at
    there.forget("cmp1")
    declared[0]["hosts"].append("cmp3")
    cloud.control("log")
    did = declare(declared)
    assert did.texts == ["add host cmp3 to aggregate a"] and did.outcome is not None
    assert [step.words for step in did.outcome.applied] == [*did.texts, "Placement: put host cmp1 into aggregate a"]
    assert there.mirrored("a") == HOSTS and there.mirrored("b") == []
    # and what is too much there goes
    there.make("c")
    path = "/resource_providers/%s/aggregates" % there.api.provider("cmp2")
    body = there.api("GET", path, service="placement")
    body["aggregates"].append(there.rows()["c"]["uuid"])
    there.api("PUT", path, body, service="placement")
    did = declare([{"name": "c", "hosts": []}], verify_placement="declared")
    assert did.texts == ["Placement: take host cmp2 out of aggregate c"] and there.mirrored("c") == []
    assert there.mirrored("a") == HOSTS


# ---- faults, and others at the same time


FAULTS = {
    "500": {"status": 500, "body": {"computeFault": {"message": "a bad day"}}},
    "409": {"status": 409, "body": {"conflictingRequest": {"message": "somebody was faster"}}},
    "cut": {"cut": True},
    "lost": {"lose": True},
}
MOVED: Declared = [
    {"name": "az1", "zone": "az1", "hosts": [], "extra_hosts": "remove"},
    {"name": "az2", "zone": "az2", "hosts": ["cmp1"]},
    {"name": "ssd", "metadata": {"ssd": True}, "hosts": ["cmp2", "cmp3"]},
]
AFTERWARDS: Picture = {
    "az1": ("az1", OWNED, set()),
    "az2": ("az2", OWNED, {"cmp1"}),
    "ssd": (None, {**OWNED, "ssd": "true"}, {"cmp2", "cmp3"}),
}


@pytest.mark.parametrize(("kind", "stride"), [("500", 1), ("409", 2), ("cut", 3), ("lost", 2)])
def test_a_fault_at_any_request_and_a_second_run(
    declare: t.Any, there: Aggregates, cloud: t.Any, kind: str, stride: int
) -> None:
    """With a host that moves between zones, an aggregate to make, one to delete, and metadata: whatever is answered to
    any one request, the account is exact, and the run itself or the next one gets there."""
    number, hit = 0, True
    while hit:
        there.clean()
        there.make("az1", "cmp1", zone="az1", **OWNED)
        there.make("old", "cmp2", **OWNED)
        before = there.picture()
        cloud.control("faults", [{"path": "compute|placement", "skip": number, "times": 1, **FAULTS[kind]}])
        cloud.control("log")
        try:
            outcome = declare(MOVED, purge=True).outcome
        except CloudError as error:  # nothing could be read
            outcome = aggregates.Outcome(error=str(error))
        hit = len(calls(cloud)) > number
        cloud.control("faults", [])
        now = there.picture()
        assert outcome is not None and played(before, outcome.applied) == now, (number, outcome)
        if outcome.error:
            assert played(now, outcome.pending) == AFTERWARDS or not outcome.applied, (number, outcome)
            second = declare(MOVED, purge=True)
            assert second.outcome is not None and not second.outcome.error, number
        assert there.picture() == AFTERWARDS, number
        assert not declare(MOVED, purge=True, check=True).plan.changed
        number += stride
    assert number > 12


def test_no_answer_in_time(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    there.make("az1", "cmp1", zone="az1", **OWNED)
    before = there.picture()
    cloud.control("faults", [{"method": "POST", "path": "action", "skip": 1, "hang": 2.5, "times": 1}])
    did = declare(MOVED, api_timeout=1)
    time.sleep(2)
    if did.outcome is None or did.outcome.error:
        cloud.control("faults", [])
        did = declare(MOVED)
    assert did.outcome is not None and not did.outcome.error and there.picture() == AFTERWARDS
    assert before["az1"][2] == {"cmp1"} and not declare(MOVED).plan.changed


def test_one_host_fails_for_good_and_the_others_are_done(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    """As when a host loses its zone: what is left is what the next run does."""
    there.make("az1", *HOSTS, zone="az1")
    there.make("az2", zone="az2")
    number = there.rows()["az2"]["id"]
    cloud.control("faults", [{"method": "POST", "path": "/os-aggregates/%d/action" % number, "skip": 2, "status": 409}])
    declared = [{"name": "az1", "hosts": [], "extra_hosts": "remove"}, {"name": "az2", "hosts": HOSTS}]
    did = declare(declared)
    assert did.outcome is not None and "answered 409 to POST" in did.outcome.error
    assert len(did.outcome.applied) == 5 and [step.kind for step in did.outcome.pending] == ["add_host"]
    assert len(there.hosts("az2")) == 2 and there.hosts("az1") == []
    cloud.control("faults", [])
    assert declare(declared).texts == [did.outcome.pending[0].words]
    assert there.hosts("az2") == HOSTS


def test_a_cloud_that_goes_while_steps_are_carried_out(declare: t.Any, there: Aggregates, cloud: t.Any) -> None:
    cloud.control(
        "faults",
        [
            {"method": "POST", "path": "action", "skip": 2, "status": 503},
            {"method": "GET", "path": "os-aggregates", "skip": 1, "status": 503},
        ],
    )
    did = declare(WHOLE)
    assert did.outcome is not None and "503" in did.outcome.error
    assert len(did.outcome.applied) == 5
    assert {step.words for step in did.outcome.applied + list(did.outcome.pending)} == set(did.texts)


def test_two_runs_at_once(declare: t.Any, there: Aggregates) -> None:
    with concurrent.futures.ThreadPoolExecutor() as pool:
        same = [pool.submit(declare, WHOLE) for _run in range(2)]
    for each in same:
        outcome = each.result().outcome
        assert outcome is not None and not outcome.error, outcome
    assert not declare(WHOLE).plan.changed
    # with different hosts each, as of two inventories
    wide = [{"name": "wide", "rule": {"name": "cmp*"}}, {"name": "az1"}, {"name": "az2"}, {"name": "ssd"}]
    with concurrent.futures.ThreadPoolExecutor() as pool:
        parts = [pool.submit(declare, wide, scope=[host], host_facts={}) for host in HOSTS]
    for each in parts:
        outcome = each.result().outcome
        assert outcome is not None and not outcome.error, outcome
    assert there.hosts("wide") == HOSTS


def test_somebody_undoes_what_is_done(declare: t.Any, there: Aggregates, cloud: t.Any, monkeypatch: t.Any) -> None:
    undone: list[str] = []
    again = aggregates.Reader.again

    def undo_first(reader: t.Any, *args: t.Any) -> t.Any:
        if not undone:
            undone.append("cmp2")
            there.action("ssd", "remove_host", host="cmp2")
        return again(reader, *args)

    monkeypatch.setattr(aggregates.Reader, "again", undo_first)
    did = declare(WHOLE)
    assert did.outcome is not None and not did.outcome.error and there.hosts("ssd") == ["cmp2", "cmp3"]
    assert len(did.outcome.applied) == len(did.plan.steps) + 1


def test_a_host_that_gets_a_server_meanwhile(
    declare: t.Any, there: Aggregates, nova: t.Any, monkeypatch: t.Any
) -> None:
    there.make("az1", "cmp1", zone="az1")
    write = aggregates.Manager._write

    def boot_first(manager: t.Any, steps: t.Any) -> t.Any:
        if not nova.servers():
            boot(nova, "cmp1")
        return write(manager, steps)

    monkeypatch.setattr(aggregates.Manager, "_write", boot_first)
    declared = [
        {"name": "az1", "hosts": [], "extra_hosts": "remove"},
        {"name": "az2", "zone": "az2", "hosts": ["cmp1"]},
    ]
    outcome = declare(declared).outcome
    assert outcome is not None and "already has 1 instance(s)" in outcome.error
    assert there.hosts("az1") == ["cmp1"]
    assert [step.words for step in outcome.pending][:1] == ["remove host cmp1 from aggregate az1"]


# ---- the playbook


def play(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the playbook by its name with the inventory of that folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return subprocess.run(
        ["ansible-playbook", "-i", str(folder / "hosts.yml"), "scaleout.nova.aggregates", *arguments],
        cwd=folder,
        env={
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
            "OS_CLIENT_CONFIG_FILE": str(folder / "clouds.yaml"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_playbook(there: Aggregates, cloud: t.Any, tmp_path: Path) -> None:
    """No host of the inventory is connected to: none of them can be."""
    (tmp_path / "clouds.yaml").write_text(
        yaml.safe_dump({"clouds": {"loopback": {"auth": cloud.auth(), "region_name": "RegionOne"}}})
    )
    computes = {
        host.upper(): {"nova_compute_host": host, "rack": RACKS[host], "ansible_host": "192.0.2.1"} for host in HOSTS
    }
    inventory: dict[str, t.Any] = {
        "vars": {
            "nova_aggregates_cloud": "loopback",
            "nova_aggregates": WHOLE,
            "ansible_python_interpreter": "/nowhere/python",
        },
        "children": {
            "computes": {"children": {"rack_r1": {"hosts": {"CMP1": computes["CMP1"], "CMP2": computes["CMP2"]}}}},
        },
    }
    inventory["children"]["computes"]["hosts"] = {"CMP3": computes["CMP3"]}
    (tmp_path / "hosts.yml").write_text(yaml.safe_dump({"all": inventory}))
    done = play(tmp_path, "--check", "--diff")
    assert done.returncode == 0 and there.rows() == {}, done.stdout
    assert "create aggregate az1 in zone az1" in done.stdout and "+  host: cmp3" in done.stdout
    done = play(tmp_path, "--limit", "CMP1,CMP3")
    assert done.returncode == 0, done.stdout
    assert there.hosts("az1") == ["cmp1"] and there.hosts("ssd") == ["cmp3"]
    assert "add host cmp1 to aggregate az1" in done.stdout and "1 hosts out of scope wait" in done.stdout
    done = play(tmp_path)
    assert done.returncode == 0 and there.hosts("az1") == ["cmp1", "cmp2"], done.stdout
    assert "changed=1" in done.stdout


def test_bare_refusal_of_nova(there: Aggregates) -> None:
    """What the plan has to know before: if Nova ever allows it, the plan need not refuse it."""
    there.make("az1", "cmp1", zone="az1")
    there.make("az2", zone="az2")
    with pytest.raises(urllib.error.HTTPError, match="409"):
        there.action("az2", "add_host", host="cmp1")
