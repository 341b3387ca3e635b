# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""resource_provider_inventory and resource_provider_traits against a real Nova and Placement."""

from __future__ import annotations

import time
import typing as t
import urllib.error
import uuid

import pytest


class Providers:
    """Bare calls to Placement about providers, by name; what is made is taken away again."""

    def __init__(self, api: t.Any) -> None:
        self.api = api
        self.uuids: dict[str, str] = {}
        self.consumers: list[str] = []

    def __call__(self, method: str, path: str, body: t.Any = None) -> t.Any:
        return self.api(method, path, body, service="placement")

    def make(self, name: str, parent: str | None = None, **inventories: t.Any) -> str:
        """A provider; an inventory is its total, or all of it."""
        made = self.uuids[name] = str(uuid.uuid4())
        self("POST", "/resource_providers", {"name": name, "uuid": made, "parent_provider_uuid": parent})
        self.put(
            name,
            "inventories",
            {each: held if isinstance(held, dict) else {"total": held} for each, held in inventories.items()},
        )
        return made

    def uuid(self, name: str) -> str:
        return self.uuids.get(name) or str(self.api.provider(name))

    def get(self, name: str, page: str) -> t.Any:
        """Its inventories, traits or usages."""
        return self("GET", "/resource_providers/%s/%s" % (self.uuid(name), page))[page]

    def put(self, name: str, page: str, value: t.Any) -> None:
        path = "/resource_providers/" + self.uuid(name)
        generation = self("GET", path)["generation"]
        self("PUT", path + "/" + page, {page: value, "resource_provider_generation": generation})

    def allocate(self, name: str, **resources: int) -> None:
        consumer = str(uuid.uuid4())
        body = {
            "allocations": {self.uuid(name): {"resources": resources}},
            "project_id": "p", "user_id": "u", "consumer_generation": None,
        }  # fmt: skip
        self("PUT", "/allocations/" + consumer, body)
        self.consumers.append(consumer)

    def release(self) -> None:
        """Nothing is allocated any more."""
        while self.consumers:
            self("DELETE", "/allocations/" + self.consumers.pop())

    def traits(self) -> list[str]:
        """The CUSTOM_ traits that Placement knows."""
        return list(self("GET", "/traits?name=startswith:CUSTOM_")["traits"])

    def clean(self) -> None:
        self.release()
        for each in reversed(self.uuids.values()):
            self("DELETE", "/resource_providers/" + each)
        for row in self("GET", "/resource_providers")["resource_providers"]:
            held = self.get(row["name"], "traits")
            if any(name.startswith("CUSTOM_") for name in held):
                self.put(row["name"], "traits", [name for name in held if not name.startswith("CUSTOM_")])
        for name in self.traits():
            self("DELETE", "/traits/" + name)
        for row in self("GET", "/resource_classes")["resource_classes"]:
            if row["name"].startswith("CUSTOM_"):
                self("DELETE", "/resource_classes/" + row["name"])


@pytest.fixture
def providers(nova: t.Any, cloud: t.Any) -> t.Iterator[Providers]:
    """The inventories and traits of the three computes are afterwards as they were."""
    made = Providers(nova)
    hosts = ["cmp1", "cmp2", "cmp3"]
    before = {host: made.get(host, "inventories") for host in hosts}
    cloud.control("log")
    yield made
    cloud.control("faults", [])
    made.clean()
    for host in hosts:
        if made.get(host, "inventories") != before[host]:
            made.put(host, "inventories", before[host])


def calls(cloud: t.Any, *methods: str) -> list[str]:
    """The paths that were asked for with these methods."""
    return [path for method, path, _status in cloud.control("log") if method in methods and "/identity" not in path]


def warnings(result: t.Any) -> list[str]:
    """The texts of a module's warnings."""
    return [each if isinstance(each, str) else each["event"]["msg"] for each in result.warnings or []]


def ratio(providers: Providers, host: str, resource_class: str = "VCPU") -> float:
    return float(providers.get(host, "inventories")[resource_class]["allocation_ratio"])


# ---- inventories


def test_a_ratio_by_host_and_nothing_else(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    before = providers.get("cmp1", "inventories")
    task = {"hosts": ["cmp1", "cmp[2]"], "inventories": {"VCPU": {"allocation_ratio": 3.3}}}
    cloud.control("log")
    predicted = run("resource_provider_inventory", check=True, diff=True, **task)
    assert calls(cloud, "PUT", "POST", "DELETE") == [] and predicted.changed is True
    result = run("resource_provider_inventory", diff=True, **task)
    assert result.code == 0 and result.changed is True and result.matched == ["cmp1", "cmp2"]
    assert (result.diff, result.changes) == (predicted.diff, predicted.changes)
    assert [row["provider"] for row in result.changes] == ["cmp1", "cmp2"]
    assert result.changes[0]["before"] == before["VCPU"]
    assert providers.get("cmp1", "inventories") == {**before, "VCPU": {**before["VCPU"], "allocation_ratio": 3.3}}
    assert ratio(providers, "cmp3") == before["VCPU"]["allocation_ratio"]
    assert 'cmp1 VCPU: {"allocation_ratio": 3.3, ' in result.diff["after"]
    assert len(calls(cloud, "PUT")) == 2
    assert not warnings(result)  # a ratio lasts
    again = run("resource_provider_inventory", diff=True, **task)
    assert again.changed is False and again.changes == [] and again.diff["after"] == ""
    assert calls(cloud, "PUT") == []


def test_by_aggregate_and_by_traits(run: t.Any, providers: Providers, nova: t.Any) -> None:
    made = nova("POST", "/os-aggregates", {"aggregate": {"name": "general"}})["aggregate"]
    for host in ("cmp1", "cmp3"):
        nova("POST", "/os-aggregates/%d/action" % made["id"], {"add_host": {"host": host}})
    try:
        providers("PUT", "/traits/CUSTOM_SLOW")
        providers.put("cmp3", "traits", [*providers.get("cmp3", "traits"), "CUSTOM_SLOW"])
        task = {"aggregates": ["gen*"], "inventories": {"VCPU": {"allocation_ratio": "2"}}}
        assert run("resource_provider_inventory", **task, required_traits=["CUSTOM_SLOW"]).matched == ["cmp3"]
        assert run("resource_provider_inventory", **task, forbidden_traits=["CUSTOM_SLOW"]).matched == ["cmp1"]
        del task["aggregates"]
        result = run("resource_provider_inventory", **task, required_traits=["CUSTOM_SLOW"])
        assert result.matched == ["cmp3"] and result.changed is False
        assert [ratio(providers, host) == 2.0 for host in ("cmp1", "cmp2", "cmp3")] == [True, False, True]
    finally:
        for host in ("cmp1", "cmp3"):
            nova("POST", "/os-aggregates/%d/action" % made["id"], {"remove_host": {"host": host}})
        nova("DELETE", "/os-aggregates/%d" % made["id"])


def test_by_rule(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    providers("PUT", "/traits/CUSTOM_SLOW")
    providers.put("cmp3", "traits", [*providers.get("cmp3", "traits"), "CUSTOM_SLOW"])
    facts = {"cmp1": {"vars": {"rack": 1}, "groups": ["computes"]}, "cmp3": {"vars": {"rack": 2}, "groups": []}}
    task: dict[str, t.Any] = {"inventories": {"VCPU": {"allocation_ratio": 2.5}}, "check": True}
    for rule, matched in (
        ({"traits": ["CUSTOM_SLOW"]}, ["cmp3"]),
        ({"not": {"traits": ["CUSTOM_SLOW"]}}, ["cmp1", "cmp2"]),
        ({"inventory": {"MEMORY_MB": 8192}, "hypervisor_type": "fake"}, ["cmp1", "cmp2", "cmp3"]),
        ({"traits": ["CUSTOM_SLOW"], "name": "cmp1"}, []),
    ):
        result = run("resource_provider_inventory", rule=rule, **task)
        assert (result.code, result.matched) == (0, matched)
    cloud.control("log")
    result = run("resource_provider_inventory", rule={"vars": {"rack": 2}}, hosts=["cmp2"], host_facts=facts, **task)
    assert result.matched == ["cmp2", "cmp3"]
    assert len(calls(cloud, "GET")) == 7  # services for the rule, providers, hypervisors; two for each of the two
    everybody = run("resource_provider_inventory", rule={"service": "up"}, host_facts=facts, **task)
    assert everybody.matched == ["cmp1", "cmp3"]  # of those that the inventory names
    nobody = run("resource_provider_inventory", rule={"groups": "computes"}, required_traits=["CUSTOM_SLOW"], **task)
    assert warnings(nobody) == ["A rule names the group computes, which no host is in."]
    assert (nobody.code, nobody.matched) == (0, [])
    wrong = run("resource_provider_inventory", rule={"any": [{"trait": ["X"]}]}, **task)
    assert wrong.msg.startswith("rule.any[0].trait is no option (similar: traits): there are ")
    wrong = run("resource_provider_inventory", rule={"service": "up"}, host_facts={"cmp1": ["r1"]}, **task)
    assert wrong.msg == "host_facts.cmp1 has to be a dictionary with vars, a dictionary, and groups, a list."


def test_traits_by_rule(run: t.Any, providers: Providers) -> None:
    facts = {host: {"groups": ["fast" if host == "cmp2" else "slow"]} for host in ("cmp1", "cmp2", "cmp3")}
    task = {"rule": {"groups": ["fast"]}, "host_facts": facts, "traits": ["CUSTOM_FAST"]}
    predicted = run("resource_provider_traits", check=True, **task)
    result = run("resource_provider_traits", **task)
    assert result.changed is True and result.matched == ["cmp2"] and result.changes == predicted.changes
    assert "CUSTOM_FAST" in providers.get("cmp2", "traits") and "CUSTOM_FAST" not in providers.get("cmp1", "traits")
    assert run("resource_provider_traits", **task).changed is False
    gone = run("resource_provider_traits", rule={"traits": ["CUSTOM_FAST"]}, traits=["CUSTOM_FAST"], state="absent")
    assert gone.changed is True and gone.matched == ["cmp2"]


def test_an_empty_list_is_nobody(run: t.Any, providers: Providers) -> None:
    providers("PUT", "/traits/CUSTOM_SLOW")
    providers.put("cmp3", "traits", [*providers.get("cmp3", "traits"), "CUSTOM_SLOW"])
    for chosen in ({"hosts": []}, {"hosts": [], "required_traits": ["CUSTOM_SLOW"]}, {"aggregates": []}):
        result = run("resource_provider_inventory", **chosen, inventories={"VCPU": {"allocation_ratio": 2.5}})
        assert result.code == 0 and result.changed is False and result.matched == []


def test_a_class_of_our_own_comes_and_goes(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    providers.make("pool", DISK_GB=100)
    task = {"providers": ["pool"], "inventories": {"CUSTOM_LICENSE": {"total": 30, "max_unit": 1}}}
    predicted = run("resource_provider_inventory", check=True, diff=True, **task)
    result = run("resource_provider_inventory", diff=True, **task)
    assert result.code == 0 and result.resource_classes == predicted.resource_classes == ["CUSTOM_LICENSE"]
    assert result.diff == predicted.diff and "resource class CUSTOM_LICENSE\n" in result.diff["after"]
    held = providers.get("pool", "inventories")
    assert set(held) == {"DISK_GB", "CUSTOM_LICENSE"} and held["CUSTOM_LICENSE"] == result.changes[0]["after"]
    assert not warnings(result)  # nova-compute has nothing to do with this provider
    assert run("resource_provider_inventory", **task).changed is False

    providers.allocate("pool", CUSTOM_LICENSE=1)
    gone = {"providers": [providers.uuid("pool")], "absent": ["CUSTOM_LICENSE"]}
    refused = run("resource_provider_inventory", **gone)
    assert refused.msg == "pool: the inventory of CUSTOM_LICENSE cannot be removed, as 1 of it are allocated."
    providers.release()
    assert run("resource_provider_inventory", **gone).changed is True
    assert run("resource_provider_inventory", **gone).changed is False
    assert set(providers.get("pool", "inventories")) == {"DISK_GB"}


def test_capacity_below_what_is_allocated(run: t.Any, providers: Providers) -> None:
    providers.make("busy", VCPU={"total": 10, "allocation_ratio": 2.0})
    providers.allocate("busy", VCPU=12)
    task = {"providers": ["busy"], "inventories": {"VCPU": {"allocation_ratio": 1.0}}}
    for check in (True, False):
        refused = run("resource_provider_inventory", check=check, **task)
        assert refused.msg == (
            "busy: the capacity of VCPU would be 10, and 12 are allocated (option allow_below_usage)."
        )
    assert run("resource_provider_inventory", **task, allow_below_usage=True).changed is True
    # it is too little already, and what gives more is no offence
    task["inventories"] = {"VCPU": {"allocation_ratio": 1.1}}
    assert run("resource_provider_inventory", **task).changed is True


@pytest.mark.parametrize(
    ("task", "message"),
    [
        ({"hosts": ["cmp9", "cmp1"]}, "There is no compute host 'cmp9' (similar: cmp"),
        ({"hosts": ["x*"]}, "No compute host matches 'x*'."),
        ({"aggregates": ["ssd"]}, "There is no host aggregate 'ssd'"),
        ({"providers": ["cmp1_gpu"]}, "There is no resource provider 'cmp1_gpu' (similar: cmp1"),
        (
            {"required_traits": ["COMPUTE_NOD"]},
            "Placement knows no trait 'COMPUTE_NOD' (similar: ",
        ),
        ({"inventories": {"VCPU": {"reserved": 11}}}, "cmp1: reserved of VCPU is 11, and its total only 10."),
        ({"inventories": {"PCPU": {"allocation_ratio": 1}}}, "cmp1: there is no inventory of PCPU yet, so total"),
        ({"inventories": {"VCPUS": {"total": 4}}}, "Placement knows no resource class 'VCPUS' (similar: "),
    ],
)
def test_what_is_wrong_is_said_before_anything_is_touched(
    run: t.Any, providers: Providers, cloud: t.Any, task: dict[str, t.Any], message: str
) -> None:
    given = {"inventories": {"VCPU": {"allocation_ratio": 2.0}}, **task}
    if not set(task) & {"hosts", "aggregates", "providers", "required_traits"}:
        given["hosts"] = ["cmp1"]
    cloud.control("log")
    result = run("resource_provider_inventory", **given)
    assert result.failed and message in result.msg, result.msg
    assert calls(cloud, "PUT", "POST", "DELETE") == []


# ---- what nova-compute makes of it


def restarted(cloud: t.Any, compute: t.Callable[..., None], host: str) -> None:
    """nova-compute of that host looks at Placement anew, as it does within some minutes anyway."""
    option = "resource_provider_association_refresh"
    cloud.control("flags", {"group": "compute", "values": {option: 1}})
    try:
        time.sleep(1.1)
        compute(host)
    finally:
        cloud.control("flags", {"group": "compute", "values": {option: 300}})


def test_what_nova_compute_keeps_and_what_it_undoes_is_what_the_module_says(
    run: t.Any, providers: Providers, cloud: t.Any, compute: t.Callable[..., None]
) -> None:
    compute("owner1")
    providers.make("owner1-nested", parent=providers.uuid("owner1"), FPGA=1)
    try:
        result = run(
            "resource_provider_inventory",
            hosts=["owner1"],
            inventories={
                "VCPU": {"allocation_ratio": 3.0},
                "MEMORY_MB": {"allocation_ratio": 1.2, "reserved": 100},
                "CUSTOM_LICENSE": {"total": 5},
            },
        )
        assert result.code == 0 and len(result.changes) == 3
        assert [text.split(", so")[0] for text in warnings(result)] == [
            "nova-compute writes reserved of MEMORY_MB anew at its next update",
            "nova-compute removes inventories of its compute nodes that it does not know",
        ]
        assert "set reserved_host_memory_mb in the nova.conf" in warnings(result)[0]
        nested = run("resource_provider_inventory", providers=["owner1-*"], inventories={"CUSTOM_BELOW": {"total": 2}})
        assert nested.changed is True and not warnings(nested)
        providers.allocate("owner1", CUSTOM_LICENSE=1)
        with pytest.raises(urllib.error.HTTPError):
            restarted(cloud, compute, "owner1")  # it does not even start
        providers.release()
        restarted(cloud, compute, "owner1")
        held = providers.get("owner1", "inventories")
        assert held["VCPU"]["allocation_ratio"] == 3.0 and held["MEMORY_MB"]["allocation_ratio"] == 1.2
        assert held["MEMORY_MB"]["reserved"] == 512 and "CUSTOM_LICENSE" not in held
        assert providers.get("owner1-nested", "inventories")["CUSTOM_BELOW"]["total"] == 2
    finally:
        providers("DELETE", "/resource_providers/" + providers.uuids.pop("owner1-nested"))


def test_a_ratio_that_nova_conf_sets_is_noticed_by_watching(
    run: t.Any, providers: Providers, cloud: t.Any, compute: t.Callable[..., None]
) -> None:
    compute("owner2")
    cloud.control("flags", {"group": None, "values": {"cpu_allocation_ratio": 7.0}})
    try:
        process = run.start(
            "resource_provider_inventory",
            hosts=["owner2"],
            inventories={"VCPU": {"allocation_ratio": 3.0}},
            watch=12,
        )
        providers.api.until(lambda: ratio(providers, "owner2") == 3.0)
        restarted(cloud, compute, "owner2")
        assert ratio(providers, "owner2") == 7.0
        result = run.finish(process)
        assert result.code == 0 and result.changed is True
        (row,) = result.undone
        assert (row["provider"], row["resource_class"], row["inventory"]["allocation_ratio"]) == ("owner2", "VCPU", 7.0)
        (warning,) = warnings(result)
        assert warning.endswith("on the resource provider owner2: see its nova.conf for cpu_allocation_ratio.")
    finally:
        cloud.control("flags", {"group": None, "values": {"cpu_allocation_ratio": None}})


def test_what_was_changed_is_told_where_it_cannot_be_watched(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    made = providers.make("pool", DISK_GB=100)
    faults = [{"method": "GET", "path": made + "/inv", "skip": 2, "status": 500}]
    cloud.control("faults", faults)
    result = run("resource_provider_inventory", providers=["pool"], inventories={"DISK_GB": {"reserved": 7}}, watch=1)
    assert result.failed and result.changed is True and [row["provider"] for row in result.changes] == ["pool"]
    assert result.msg.startswith("All was changed, and whether it lasts cannot be seen. Placement at ")


# ---- other writers and faults


def test_somebody_else_changes_the_provider_between_reading_and_writing(
    run: t.Any, providers: Providers, cloud: t.Any
) -> None:
    providers.make("pool", DISK_GB=100)
    cloud.control("log")
    cloud.control("faults", [{"method": "PUT", "path": providers.uuid("pool") + "/inv", "hang": 2, "times": 1}])
    process = run.start("resource_provider_inventory", providers=["pool"], inventories={"DISK_GB": {"reserved": 7}})
    providers.api.until(lambda: any("usages" in path for path in calls(cloud, "GET")))
    time.sleep(0.5)
    providers.put("pool", "inventories", {"DISK_GB": {"total": 200}, "VCPU": {"total": 3}})
    result = run.finish(process)
    assert result.code == 0 and result.changed is True
    held = providers.get("pool", "inventories")
    assert (held["DISK_GB"]["total"], held["DISK_GB"]["reserved"], held["VCPU"]["total"]) == (200, 7, 3)


def test_two_runs_at_once_lose_nothing_of_each_other(run: t.Any, providers: Providers) -> None:
    for number in range(8):
        providers.make("pool%d" % number, DISK_GB=100, VCPU=10, MEMORY_MB=100)
    fields = {"DISK_GB": {"reserved": 7}, "VCPU": {"allocation_ratio": 2.5}, "MEMORY_MB": {"max_unit": 50}}
    processes = [
        run.start(
            "resource_provider_inventory",
            providers=["pool*"],
            inventories={name: wanted, "CUSTOM_LICENSE": {"total": 3}},
        )
        for name, wanted in fields.items()
    ]
    for process in processes:
        result = run.finish(process)
        assert result.code == 0 and len({row["provider"] for row in result.changes}) == 8, result.text
    for number in range(8):
        held = providers.get("pool%d" % number, "inventories")
        for name, wanted in fields.items():
            assert wanted.items() <= held[name].items()


def test_a_conflict_each_time_ends_after_a_while_and_the_others_are_done(
    run: t.Any, providers: Providers, cloud: t.Any
) -> None:
    for name in ("pool1", "pool2", "pool3"):
        providers.make(name, DISK_GB=100)
    task = {"providers": ["pool*"], "inventories": {"DISK_GB": {"reserved": 7}}}
    cloud.control(
        "faults",
        [{"method": "PUT", "path": providers.uuid("pool2"), "status": 409, "body": {"errors": [{"detail": "busy"}]}}],
    )
    cloud.control("log")
    result = run("resource_provider_inventory", diff=True, **task)
    assert result.failed and result.changed is True and result.pending == ["pool2"]
    assert result.msg.startswith("1 of 3 resource providers could not be changed. Placement at ")
    assert [row["provider"] for row in result.changes] == ["pool1", "pool3"] and "pool2" not in result.diff["after"]
    assert 2 < len(calls(cloud, "PUT")) < 14
    cloud.control("faults", [])
    result = run("resource_provider_inventory", **task)
    assert result.code == 0 and [row["provider"] for row in result.changes] == ["pool2"]
    assert run("resource_provider_inventory", **task).changed is False


@pytest.mark.parametrize("fault", [{"status": 500}, {"lose": True}])
def test_faults_at_each_request_and_a_second_run(
    run: t.Any, providers: Providers, cloud: t.Any, fault: dict[str, t.Any]
) -> None:
    task = {"providers": ["pool"], "inventories": {"CUSTOM_LICENSE": {"total": 3}, "DISK_GB": {"reserved": 7}}}
    for number in range(8):
        providers.make("pool", DISK_GB=100)
        cloud.control("faults", [{"path": "placement|os-hyp", "skip": number, "times": 1, **fault}])
        result = run("resource_provider_inventory", **task)
        held = providers.get("pool", "inventories")
        cloud.control("faults", [])
        if result.failed:
            assert fault == {"status": 500} and "answered 500" in result.msg
            result = run("resource_provider_inventory", **task)
            held = providers.get("pool", "inventories")
        assert result.code == 0 and result.changed is True, result.text
        assert held["DISK_GB"]["reserved"] == 7 and held["CUSTOM_LICENSE"]["total"] == 3
        providers.clean()
        providers.uuids.clear()


def test_a_cloud_that_goes_is_not_asked_for_every_host(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    for number in range(24):
        providers.make("pool%02d" % number, DISK_GB=100)
    cloud.control("faults", [{"method": "PUT", "path": "/inventories", "status": 503}])
    cloud.control("log")
    result = run("resource_provider_inventory", providers=["pool*"], inventories={"DISK_GB": {"reserved": 7}})
    assert result.failed and len(result.pending) == 24 and result.changed is False
    assert len(calls(cloud, "PUT")) <= 8 * 4


def test_no_permission(run: t.Any, cloud: t.Any) -> None:
    result = run(
        "resource_provider_inventory",
        auth=cloud.auth("demo"),
        hosts=["cmp1"],
        inventories={"VCPU": {"allocation_ratio": 2.0}},
    )
    assert result.failed and "(403)" in result.msg


# ---- traits


def test_traits_come_and_go_and_those_of_the_driver_stay(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    own = providers.get("cmp1", "traits")
    assert "COMPUTE_NODE" in own
    task = {"hosts": ["cmp1", "cmp2"], "traits": ["CUSTOM_SSD", "STORAGE_DISK_SSD"]}
    cloud.control("log")
    predicted = run("resource_provider_traits", check=True, diff=True, **task)
    assert calls(cloud, "PUT", "POST", "DELETE") == []
    result = run("resource_provider_traits", diff=True, **task)
    assert result.code == 0 and result.changed is True and result.created == ["CUSTOM_SSD"] and not warnings(result)
    assert (result.diff, result.changes) == (predicted.diff, predicted.changes)
    assert result.diff["after"] == (
        "trait CUSTOM_SSD\ncmp1: CUSTOM_SSD\ncmp1: STORAGE_DISK_SSD\ncmp2: CUSTOM_SSD\ncmp2: STORAGE_DISK_SSD\n"
    )
    assert sorted(providers.get("cmp1", "traits")) == sorted([*own, "CUSTOM_SSD", "STORAGE_DISK_SSD"])
    cloud.control("log")
    assert run("resource_provider_traits", **task).changed is False
    assert calls(cloud, "PUT") == []

    result = run("resource_provider_traits", hosts=["cmp1"], traits=["CUSTOM_SSD", "CUSTOM_NONE"], state="absent")
    assert result.changed is True and result.changes[0]["removed"] == ["CUSTOM_SSD"] and result.purged == []
    assert sorted(providers.get("cmp1", "traits")) == sorted([*own, "STORAGE_DISK_SSD"])
    assert "CUSTOM_SSD" in providers.get("cmp2", "traits")

    result = run("resource_provider_traits", hosts=["cmp*"], traits=["CUSTOM_RACK_7"], state="exact")
    assert {row["provider"]: (row["added"], row["removed"]) for row in result.changes if row["removed"]} == {
        "cmp2": (["CUSTOM_RACK_7"], ["CUSTOM_SSD"])
    }
    assert sorted(providers.get("cmp2", "traits")) == sorted([*own, "CUSTOM_RACK_7", "STORAGE_DISK_SSD"])
    result = run("resource_provider_traits", hosts=["cmp1", "cmp2"], traits=["STORAGE_DISK_SSD"], state="absent")
    assert result.changed is True


def test_an_unused_trait_is_forgotten_and_a_used_one_is_not(run: t.Any, providers: Providers) -> None:
    run("resource_provider_traits", hosts=["cmp1", "cmp2"], traits=["CUSTOM_OLD"])
    task = {"traits": ["CUSTOM_OLD"], "state": "absent", "purge_unused": True}
    assert run("resource_provider_traits", hosts=["cmp1"], **task).purged == []
    everywhere = {"required_traits": ["CUSTOM_OLD"], **task}
    predicted = run("resource_provider_traits", check=True, diff=True, **everywhere)
    result = run("resource_provider_traits", diff=True, **everywhere)
    assert result.purged == predicted.purged == ["CUSTOM_OLD"] and result.diff == predicted.diff
    assert result.diff["before"] == "trait CUSTOM_OLD\ncmp2: CUSTOM_OLD\n"
    assert "CUSTOM_OLD" not in providers.traits()
    again = run("resource_provider_traits", **everywhere)
    assert again.code == 0 and again.changed is False and again.matched == []
    # chosen by a rule about the trait that goes: nobody, as above; about another that is not there: a mistake
    again = run("resource_provider_traits", rule={"traits": ["CUSTOM_OLD"]}, **task)
    assert again.code == 0 and again.changed is False and again.matched == []
    wrong = run("resource_provider_traits", rule={"traits": ["CUSTOM_OLDER"]}, **task)
    assert wrong.failed and "Placement knows no trait 'CUSTOM_OLDER'" in wrong.msg
    # one that only exists
    providers("PUT", "/traits/CUSTOM_OLD")
    result = run("resource_provider_traits", hosts=["cmp1"], **task)
    assert result.changed is True and result.changes == [] and result.purged == ["CUSTOM_OLD"]


def test_nova_compute_keeps_traits_of_others_and_takes_back_its_own(
    run: t.Any, providers: Providers, cloud: t.Any, compute: t.Callable[..., None]
) -> None:
    compute("owner3")
    result = run("resource_provider_traits", hosts=["owner3"], traits=["CUSTOM_SSD", "STORAGE_DISK_SSD"])
    assert result.changed is True and not warnings(result)
    result = run("resource_provider_traits", hosts=["owner3"], traits=["COMPUTE_NODE"], state="absent")
    assert result.changed is True and warnings(result) == [
        "nova-compute decides itself about COMPUTE_NODE of its compute nodes, and may undo this at its next update on"
        " 1 resource provider(s), such as owner3."
    ]
    restarted(cloud, compute, "owner3")
    assert {"CUSTOM_SSD", "STORAGE_DISK_SSD", "COMPUTE_NODE"} <= set(providers.get("owner3", "traits"))
    run("resource_provider_traits", hosts=["owner3"], traits=["CUSTOM_SSD", "STORAGE_DISK_SSD"], state="absent")


@pytest.mark.parametrize(
    ("traits", "message"),
    [
        (["custom_ssd"], "'custom_ssd' cannot be a trait: capital letters, digits and _ are allowed (CUSTOM_SSD)."),
        (["STORAGE_DISK_SDD"], "Placement knows no trait 'STORAGE_DISK_SDD' (similar: "),
    ],
)
def test_traits_that_cannot_be(run: t.Any, providers: Providers, cloud: t.Any, traits: list[str], message: str) -> None:
    cloud.control("log")
    result = run("resource_provider_traits", hosts=["cmp1"], traits=traits)
    assert result.failed and message in result.msg
    assert calls(cloud, "PUT") == []


def test_traits_take_a_call_for_each_trait_and_not_for_each_host(
    run: t.Any, providers: Providers, cloud: t.Any
) -> None:
    for number in range(20):
        providers.make("pool%02d" % number, DISK_GB=100)
    task = {"providers": ["pool*"], "traits": ["CUSTOM_SSD", "CUSTOM_RAID"]}
    assert len(run("resource_provider_traits", **task).changes) == 20
    cloud.control("log")
    for state in ("present", "exact"):
        assert run("resource_provider_traits", **task, state=state).changed is False
        assert len(calls(cloud, "GET")) <= 6


def test_two_runs_with_different_traits(run: t.Any, providers: Providers) -> None:
    for number in range(8):
        providers.make("pool%d" % number, DISK_GB=100)
    processes = [
        run.start("resource_provider_traits", providers=["pool*"], traits=["CUSTOM_ALL", "CUSTOM_" + name])
        for name in "ABC"
    ]
    for process in processes:
        result = run.finish(process)
        assert result.code == 0 and len(result.changes) == 8, result.text
    for number in range(8):
        assert sorted(providers.get("pool%d" % number, "traits")) == [
            "CUSTOM_" + name for name in ("A", "ALL", "B", "C")
        ]


@pytest.mark.parametrize("fault", [{"status": 500}, {"lose": True}])
def test_traits_with_faults_at_each_request_and_a_second_run(
    run: t.Any, providers: Providers, cloud: t.Any, fault: dict[str, t.Any]
) -> None:
    task = {"providers": ["pool"], "traits": ["CUSTOM_NEW"], "state": "exact"}
    for number in range(8):
        providers.make("pool", DISK_GB=100)
        providers("PUT", "/traits/CUSTOM_OLD")
        providers.put("pool", "traits", ["CUSTOM_OLD", "HW_CPU_X86_AVX"])
        cloud.control("faults", [{"path": "placement|os-hyp", "skip": number, "times": 1, **fault}])
        result = run("resource_provider_traits", **task)
        cloud.control("faults", [])
        if result.failed:
            assert "status" in fault, result.msg
            result = run("resource_provider_traits", **task)
        assert result.code == 0 and result.changed is True, result.text
        assert sorted(providers.get("pool", "traits")) == ["CUSTOM_NEW", "HW_CPU_X86_AVX"]
        providers.clean()
        providers.uuids.clear()


def test_a_provider_that_goes_meanwhile(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    providers.make("pool", DISK_GB=100)
    cloud.control("log")
    cloud.control("faults", [{"method": "PUT", "path": "/traits/CUSTOM_SSD", "hang": 2, "times": 1}])
    process = run.start("resource_provider_traits", providers=["pool"], traits=["CUSTOM_SSD"])
    providers.api.until(lambda: any("required=" in path or "/traits" in path for path in calls(cloud, "GET")))
    time.sleep(0.7)
    providers("DELETE", "/resource_providers/" + providers.uuids.pop("pool"))
    result = run.finish(process)
    assert result.failed and result.pending == ["pool"] and result.created == ["CUSTOM_SSD"]
    assert "The resource provider pool has been deleted meanwhile." in result.msg


def test_what_was_done_before_a_failure_is_told(run: t.Any, providers: Providers, cloud: t.Any) -> None:
    providers.make("pool", DISK_GB=100)
    task = {"providers": ["pool"], "traits": ["CUSTOM_A", "CUSTOM_B"]}
    cloud.control("faults", [{"method": "PUT", "path": "/traits/CUSTOM_B", "status": 500}])
    result = run("resource_provider_traits", **task)
    assert result.failed and result.changed is True and result.created == ["CUSTOM_A"] and result.changes == []
    assert result.pending == ["pool"] and result.msg.startswith("1 of 2 traits could not be made. Placement at ")
    cloud.control("faults", [{"method": "DELETE", "path": "/traits/", "status": 500}])
    assert run("resource_provider_traits", **task).created == ["CUSTOM_B"]
    result = run("resource_provider_traits", **task, state="absent", purge_unused=True)
    assert result.failed and result.changed is True and result.purged == result.pending == []
    assert result.changes[0]["removed"] == ["CUSTOM_A", "CUSTOM_B"]
    cloud.control("faults", [])
    result = run("resource_provider_traits", **task, state="absent", purge_unused=True)
    assert result.code == 0 and result.purged == ["CUSTOM_A", "CUSTOM_B"] and result.changes == []
