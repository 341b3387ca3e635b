# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer as a whole: totals, limits, resources, what is stranded."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import (
    FlavorError,
    QuestionError,
    UnknownNameError,
)
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.fits import Survey, fits
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import SHARING, Inventory, Provider
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.rules import new_group

EXAMPLE = Path(__file__).resolve().parents[5] / "playbooks" / "files" / "example-cloud.json"


@pytest.fixture
def three(cloud: Any, flavor: Any) -> Any:
    """a and b in zone 1, c in zone 2; b has little memory left."""
    cloud.host("a", zone="1").host("b", zone="1", used={"MEMORY_MB": 7168}).host("c", zone="2", status="disabled")
    cloud.aggregate("all", "a", "b", "c").aggregate("one", "a", "b", zone="1")
    return cloud.flavors(flavor("m1"), flavor("m2", 4, 512, 1))


def test_totals(three: Any) -> None:
    answer = fits(three.snapshot)
    assert list(answer["flavors"]) == ["m1", "m2"]
    first = answer["flavors"]["m1"]
    assert first["fits"] == 4 and first["proven"]
    assert first["hosts"] == {"a": 4}
    assert first["zones"] == {"1": 4}
    assert first["aggregates"] == {"all": 4, "one": 4}
    assert answer["flavors"]["m2"]["hosts"] == {"a": 2, "b": 2}
    assert answer["taken_at"] == "2026-11-25T06:00:00Z"


def test_limits_are_sorted_by_what_would_be_won(three: Any) -> None:
    found = fits(three.snapshot, ["m1"])["flavors"]["m1"]["limits"]
    # a has CPUs and memory for 4, so neither is won alone; without memory b takes 4 by its CPUs
    assert [(each["limit"], each["kind"], each["hosts"], each["more"]) for each in found] == [
        ("MEMORY_MB", "resource", 2, 4),
        ("host disabled", "rule", 1, 4),
        ("VCPU", "resource", 1, 0),
    ]


def test_the_limit_that_is_left_away_gives_as_many_more_as_it_says(three: Any) -> None:
    """Without the limit, the answer is what was foretold."""
    before = fits(three.snapshot, ["m1"])["flavors"]["m1"]
    more = {each["limit"]: each["more"] for each in before["limits"]}
    provider = three.snapshot.providers[1]
    plenty = replace(provider.inventories["MEMORY_MB"], capacity=1 << 30, total=1 << 30, max_unit=1 << 30)
    three.snapshot.providers[1] = replace(provider, inventories={**provider.inventories, "MEMORY_MB": plenty})
    assert fits(three.snapshot, ["m1"])["flavors"]["m1"]["fits"] == before["fits"] + more["MEMORY_MB"]
    three.snapshot.hosts[2] = replace(three.snapshot.hosts[2], status="enabled")
    after = fits(three.snapshot, ["m1"])["flavors"]["m1"]["fits"]
    assert after == before["fits"] + more["MEMORY_MB"] + more["host disabled"]


def test_resources_and_what_is_usable(three: Any) -> None:
    assert fits(three.snapshot)["resources"]["MEMORY_MB"] == {
        "total": 24576,
        "capacity": 24576,
        "used": 7168,
        "free": 17408,
        "usable": 9216,
    }
    assert fits(three.snapshot, zone="2")["resources"]["VCPU"]["capacity"] == 8
    assert fits(three.snapshot, aggregate="one")["resources"]["VCPU"]["capacity"] == 16


def test_a_total_that_the_snapshot_does_not_have_is_null(three: Any) -> None:
    three.snapshot.providers[0].inventories["VCPU"] = Inventory(8)
    assert fits(three.snapshot)["resources"]["VCPU"]["total"] is None
    assert fits(three.snapshot)["resources"]["MEMORY_MB"]["total"] == 24576


def test_stranded(three: Any) -> None:
    # the least that is asked for is 512 MiB with both flavors, and 2048 MiB with m1 alone
    assert fits(three.snapshot)["stranded"] == {}
    assert fits(three.snapshot, ["m1"])["stranded"] == {
        "VCPU": {"amount": 8, "hosts": 1, "without": "MEMORY_MB"},
        "DISK_GB": {"amount": 100, "hosts": 1, "without": "MEMORY_MB"},
    }


def test_hosts(three: Any) -> None:
    three.snapshot.hosts[2] = replace(three.snapshot.hosts[2], disabled_reason="broken fan")
    found = fits(three.snapshot, hosts=True)["hosts"]
    assert found["b"]["resources"]["MEMORY_MB"] == {"capacity": 8192, "used": 7168, "free": 1024}
    assert found["b"]["aggregates"] == ["all", "one"]
    assert found["a"]["accepts"] and found["a"]["why_not"] is None
    assert not found["c"]["accepts"] and found["c"]["why_not"] == "host disabled: broken fan"
    assert "hosts" not in fits(three.snapshot)


def test_a_host_with_several_hypervisors_has_what_they_have_together(cloud: Any, flavor: Any) -> None:
    cloud.host("n1", used={"VCPU": 8}).host("n2").host("n3").servers("n1", "1", "2")
    cloud.snapshot.hosts[:] = [replace(host, name="ironic") for host in cloud.snapshot.hosts]
    cloud.snapshot.servers[:] = [replace(server, host="ironic") for server in cloud.snapshot.servers]
    answer = fits(cloud.snapshot, [flavor()], hosts=True)
    assert answer["flavors"]["m1"]["hosts"] == {"ironic": 8}
    assert answer["hosts"]["ironic"]["resources"]["VCPU"] == {"capacity": 24, "used": 8, "free": 16}
    limited = {"enabled_filters": ["NumInstancesFilter"], "max_instances_per_host": 2}
    assert fits(cloud.snapshot, [flavor()], scheduler=limited)["flavors"]["m1"]["fits"] == 2 + 2, "each has its own"
    (sentence,) = fits(cloud.snapshot, [flavor()], group=new_group("anti-affinity"))["limits"]
    assert sentence.startswith("Some hosts have several hypervisors")


def test_nested_providers_count_for_their_host(cloud: Any, flavor: Any) -> None:
    cloud.host("a").child("a", "gpu0", VGPU=2).child("a", "gpu1", VGPU=3)
    answer = fits(
        cloud.snapshot, [flavor("g", 1, 512, 1, resources__VGPU="1"), flavor("h", 1, 512, 1, resources__VGPU="2")]
    )
    assert answer["flavors"]["g"]["fits"] == 5
    assert answer["flavors"]["h"]["fits"] == 2
    assert answer["resources"]["VGPU"]["capacity"] == 5


def test_a_shared_disk_is_counted_once(cloud: Any, flavor: Any) -> None:
    cloud.host("a", disk=0, zone="1").host("b", disk=0, zone="2")
    pool = frozenset({"pool"})
    cloud.snapshot.providers[:] = [replace(each, aggregates=pool) for each in cloud.snapshot.providers]
    inventory = Inventory(50, 0, 50, 0, 1.0, 1, 50, 1)
    cloud.snapshot.providers.append(Provider("nfs", "nfs", None, 1, {"DISK_GB": inventory}, frozenset({SHARING}), pool))
    answer = fits(cloud.snapshot, [flavor()])
    assert answer["flavors"]["m1"]["hosts"] == {"a": 4, "b": 4}, "each by itself"
    assert answer["flavors"]["m1"]["fits"] == 5
    assert answer["flavors"]["m1"]["zones"] == {"1": 4, "2": 4}
    assert answer["resources"]["DISK_GB"]["capacity"] == 50
    apart = fits(cloud.snapshot, [flavor(disk=30)], group=new_group("anti-affinity"))["flavors"]["m1"]
    assert apart["fits"] == 1


def test_what_would_be_won_has_to_share_too(cloud: Any, flavor: Any) -> None:
    for name in ("a", "b", "c", "d"):
        cloud.host(name, ram=4096, disk=0, status="disabled" if name == "d" else "enabled")
    pool = Provider("pool", "pool", None, 1, {"DISK_GB": Inventory(80, 0, 80, 0, 1.0, 1, 80, 1)}, frozenset({SHARING}))
    cloud.snapshot.providers.append(pool)
    cloud.snapshot.providers[:] = [replace(each, aggregates=frozenset({"p"})) for each in cloud.snapshot.providers]
    answer = fits(cloud.snapshot, [flavor()])["flavors"]["m1"]
    assert answer["fits"] == 6, "two by memory on each"
    more = {each["limit"]: each["more"] for each in answer["limits"]}
    assert more["MEMORY_MB"] == 2 and more["host disabled"] == 2, "the disk is for eight"
    roomy = [
        replace(each, inventories={**each.inventories, "MEMORY_MB": Inventory(10**6)}) if each is not pool else each
        for each in cloud.snapshot.providers
    ]
    assert fits(replace(cloud.snapshot, providers=roomy), [flavor()])["flavors"]["m1"]["fits"] == 6 + 2


def test_a_sharing_provider_outside_of_the_zone_s_aggregate_is_not_used(cloud: Any, flavor: Any) -> None:
    cloud.host("a", disk=0, zone="1").aggregate("zone-1", "a", zone="1")
    host = cloud.snapshot.providers[0]
    cloud.snapshot.providers[0] = replace(host, aggregates=frozenset({"pool", "uuid-zone-1"}))
    inventory = Inventory(50, 0, 50, 0, 1.0, 1, 50, 1)
    nfs = Provider("nfs", "nfs", None, 1, {"DISK_GB": inventory}, frozenset({SHARING}), frozenset({"pool"}))
    cloud.snapshot.providers.append(nfs)
    assert fits(cloud.snapshot, [flavor()])["flavors"]["m1"]["fits"] == 4
    assert fits(cloud.snapshot, [flavor()], zone="1")["flavors"]["m1"]["fits"] == 0
    cloud.snapshot.providers[1] = replace(nfs, aggregates=frozenset({"pool", "uuid-zone-1"}))
    assert fits(cloud.snapshot, [flavor()], zone="1")["flavors"]["m1"]["fits"] == 4


def test_one_bad_flavor_among_all_does_not_spoil_the_rest(three: Any, flavor: Any) -> None:
    three.flavors(flavor("bad", hw__cpu_policy="pinned"))
    answer = fits(three.snapshot)["flavors"]
    assert answer["m1"]["fits"] == 4
    assert answer["bad"]["fits"] == 0
    assert answer["bad"]["unknown"] == [
        "Nova refuses it: hw:cpu_policy has to be one of dedicated, shared, mixed, not 'pinned'."
    ]
    with pytest.raises(FlavorError):
        fits(three.snapshot, ["bad"])


def test_names_that_there_are_not(three: Any) -> None:
    for terms, words in (
        ({"flavors": ["m3"]}, r"no flavor 'm3' in the snapshot \(there are: m1, m2\)"),
        ({"zone": "3"}, "no availability zone '3'"),
        ({"aggregate": "ones"}, r"no aggregate 'ones' in the snapshot \(similar: one\)"),
    ):
        with pytest.raises(UnknownNameError, match=words):
            fits(three.snapshot, **terms)  # type: ignore[arg-type]


def test_parts_that_the_snapshot_does_not_have(three: Any, flavor: Any) -> None:
    three.snapshot.parts = ("providers", "hosts")
    assert fits(three.snapshot, [flavor()])["limits"] == [
        "The snapshot has no aggregates: their rules are passed over."
    ]
    with pytest.raises(QuestionError, match="the snapshot has no flavors, which the question for all flavors needs"):
        fits(three.snapshot)
    three.snapshot.parts = ("hosts",)
    with pytest.raises(QuestionError, match="the snapshot has no providers"):
        fits(three.snapshot, [flavor()])


def test_an_empty_cloud(cloud: Any, flavor: Any) -> None:
    answer = fits(cloud.snapshot, [flavor()])
    assert answer["flavors"]["m1"]["fits"] == 0
    assert answer["flavors"]["m1"]["limits"] == []
    assert answer["resources"] == {} and answer["stranded"] == {}


@pytest.mark.parametrize("seed", range(30))
def test_hosts_add_up(cloud: Any, flavor: Any, seed: int) -> None:
    """Whatever the cloud: without shared providers the parts are the whole, and each limit is a real one."""
    dice = random.Random(seed)
    for number in range(12):
        used = {"VCPU": dice.randint(0, 8), "MEMORY_MB": dice.randint(0, 8192)}
        cloud.host("h%d" % number, zone=dice.choice("12"), status=dice.choice(("enabled", "disabled")), used=used)
    cloud.aggregate("even", *("h%d" % number for number in range(0, 12, 2)))
    asked = flavor(vcpus=dice.randint(1, 3), ram=dice.choice((256, 1024, 2048)))
    found = fits(cloud.snapshot, [asked])["flavors"]["m1"]
    assert found["fits"] == sum(found["hosts"].values()) == sum(found["zones"].values())
    assert found["aggregates"].get("even", 0) == sum(
        number for host, number in found["hosts"].items() if int(host[1:]) % 2 == 0
    )
    for provider in cloud.snapshot.providers:
        free = {rc: each.capacity - each.used for rc, each in provider.inventories.items()}
        room = min(free["VCPU"] // asked.vcpus, free["MEMORY_MB"] // asked.ram_mib, free["DISK_GB"] // 10)
        enabled = next(host for host in cloud.snapshot.hosts if host.name == provider.name).status == "enabled"
        assert found["hosts"].get(provider.name, 0) == (room if enabled else 0)


def test_limits_added_up_are_those_of_each_host() -> None:
    """Adding up many hosts at a time is a short cut, and no other answer."""
    snapshot = model.load(EXAMPLE)
    survey = Survey(snapshot)
    for each in snapshot.flavors:
        request = survey.rules.request(survey.demand(each, None, False))
        expected: dict[str, tuple[int, int | None]] = {}
        for limits in survey.forest.limits_each(request).values():
            for limit in limits:
                trees, more = expected.get(limit.limit, (0, 0))
                total = None if more is None or limit.more is None else more + limit.more
                expected[limit.limit] = (trees + 1, total)
        added = survey.forest.limits_added(request)
        assert {limit.limit: (limit.trees, limit.more) for limit in added} == expected


def test_dedicated_cpus_on_hosts_that_have_no_pcpu(cloud: Any, flavor: Any) -> None:
    cloud.host("new", vcpus=0, more={"PCPU": 4}).host("old")
    pinned, explicit = flavor(hw__cpu_policy="dedicated"), flavor(resources__PCPU="2")
    answer = fits(cloud.snapshot, [pinned])["flavors"]["m1"]
    assert answer["hosts"] == {"new": 2}
    assert any(sentence.startswith("Hosts without PCPU are not counted") for sentence in answer["unknown"])
    assert not any(
        "Hosts without PCPU" in each for each in fits(cloud.snapshot, [explicit])["flavors"]["m1"]["unknown"]
    )
    cloud.snapshot.hosts.pop()
    assert not any("Hosts without PCPU" in each for each in fits(cloud.snapshot, [pinned])["flavors"]["m1"]["unknown"])


def test_a_zone_that_no_aggregate_has_does_not_confine(cloud: Any, flavor: Any) -> None:
    cloud.host("a", zone="east").host("b").aggregate("e", "a", zone="east")
    assert fits(cloud.snapshot, [flavor()], zone="east")["limits"] == []
    (sentence,) = fits(cloud.snapshot, [flavor()], zone="nova")["limits"]
    assert sentence.startswith("No aggregate has the zone nova.")
    cloud.snapshot.hosts.pop(0)
    assert fits(cloud.snapshot, [flavor()], zone="nova")["limits"] == [], "there is no other zone"


def test_a_forbidden_trait_that_placement_may_not_know(cloud: Any, flavor: Any) -> None:
    cloud.host("a", traits=["CUSTOM_OLD"])
    asked = flavor(trait__CUSTOM_OLD="forbidden", trait__CUSTOM_ODD="forbidden", trait__HW_CPU_X86_AVX="forbidden")
    (sentence,) = fits(cloud.snapshot, [asked])["flavors"]["m1"]["unknown"]
    assert sentence.startswith("No provider has CUSTOM_ODD, which the flavor forbids")
