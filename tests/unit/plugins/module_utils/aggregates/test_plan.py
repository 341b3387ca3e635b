# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Plans in particular: what is said of what is wrong, and what is done in which order."""

from __future__ import annotations

import dataclasses
import typing as t

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.declaration import parse
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import (
    IMAGES_KEY,
    OWNER,
    OWNER_KEY,
    Declaration,
    HostFacts,
    Observed,
    ObservedHost,
    Plan,
)
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.named import doubts
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.plan import plan
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.steps import remembered
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import (
    PARTS,
    Aggregate,
    Flavor,
    Host,
    Inventory,
    Provider,
    Server,
    Snapshot,
)

NAMES = ["cpu%d" % number for number in range(1, 7)]


def cloud(*aggregates: Aggregate, servers: dict[str, int | None] | None = None, **changes: t.Any) -> Observed:
    counts: dict[str, int | None] = {**dict.fromkeys(NAMES, 0), **(servers or {})}
    return Observed({name: ObservedHost(name, servers=counts[name]) for name in NAMES}, aggregates, **changes)


def there(number: int, name: str, zone: str | None, *hosts: str, **metadata: str) -> Aggregate:
    return Aggregate(number, "uuid-%d" % number, name, zone, metadata, hosts)


def planned(observed: Observed, *aggregates: dict[str, t.Any], **more: t.Any) -> Plan:
    facts = more.pop("facts", None)
    data: dict[str, t.Any] = {"aggregates": list(aggregates), "exactly_one_of": more.pop("exactly_one_of", [])}
    return plan(parse(data), observed, facts, **more)


def words(found: Plan) -> list[str]:
    assert not found.problems
    return [step.words for step in found.steps]


def test_a_new_aggregate_has_its_zone_and_metadata_before_its_hosts() -> None:
    found = planned(cloud(), {"name": "ssd", "zone": "az1", "metadata": {"ssd": True}, "hosts": ["cpu2", "cpu1"]})
    assert words(found) == [
        "create aggregate ssd in zone az1",
        "metadata of aggregate ssd: scaleout:owner=scaleout.nova, ssd=true",
        "add host cpu1 to aggregate ssd",
        "add host cpu2 to aggregate ssd",
    ]
    assert found.before == {}
    assert found.after == {
        "ssd": {"zone": "az1", "metadata": {"scaleout:owner": OWNER, "ssd": "true"}, "hosts": ["cpu1", "cpu2"]}
    }


def test_metadata_compares_as_texts_and_keeps_what_is_not_named() -> None:
    ssd = there(1, "ssd", None, ssd="true", other="x")
    declared = {"name": "ssd", "metadata": {"ssd": True}}
    assert words(planned(cloud(ssd), declared)) == []
    assert words(planned(cloud(ssd), {**declared, "metadata_exact": True})) == [
        "metadata of aggregate ssd: unset other"
    ]


def test_a_move_between_zones_is_back_to_back() -> None:
    observed = cloud(there(1, "a", "az1", "cpu1", "cpu2"), there(2, "b", "az2", "cpu3"))
    found = planned(observed, {"name": "a", "hosts": []}, {"name": "b", "hosts": ["cpu1", "cpu2"]})
    assert words(found) == [
        "remove host cpu1 from aggregate a",
        "add host cpu1 to aggregate b",
        "remove host cpu2 from aggregate a",
        "add host cpu2 to aggregate b",
    ]
    assert [(kept.aggregate, kept.host) for kept in found.kept] == [("b", "cpu3")]


def test_a_host_with_servers_that_keeps_its_zone_enters_before_it_leaves() -> None:
    observed = cloud(there(1, "a", "az1", "cpu1"), servers={"cpu1": 3})
    found = planned(
        observed, {"name": "a", "hosts": [], "extra_hosts": "remove"}, {"name": "z", "zone": "az1", "hosts": ["cpu1"]}
    )
    assert words(found)[-2:] == ["add host cpu1 to aggregate z", "remove host cpu1 from aggregate a"]


def test_servers_hold_a_host_in_its_zone() -> None:
    observed = cloud(there(1, "a", "az1", "cpu1", "cpu2"), servers={"cpu1": 3, "cpu2": 4})
    found = planned(observed, {"name": "a"}, {"name": "b", "zone": "az2", "hosts": ["cpu1", "cpu2"]})
    assert found.problems == (
        "Hosts with servers would move from zone az1 to zone az2, which Nova refuses. Move the servers away first, "
        "whose number is in brackets: cpu1 (3), cpu2 (4).",
    )
    assert not found.steps


def test_servers_that_were_not_counted_are_asked_for() -> None:
    found = planned(cloud(servers={"cpu1": None}), {"name": "b", "zone": "az2", "hosts": ["cpu1", "cpu2"]})
    assert (found.count_servers, found.steps, found.problems) == (("cpu1",), (), ())
    goal = {"name": "b", "zone": "az2", "goal": {"count": 1}}
    found = planned(cloud(servers=dict.fromkeys(NAMES)), goal)
    assert found.count_servers == tuple(NAMES)
    found = planned(cloud(servers={"cpu1": 5}), goal)
    assert found.memberships == {"b": ("cpu2",)}


def test_a_host_would_be_in_two_zones() -> None:
    found = planned(cloud(there(1, "hand", "az9", "cpu1")), {"name": "a", "zone": "az1", "hosts": ["cpu1"]})
    assert found.problems == (
        "Host cpu1 would be in the zones az1 (aggregate a) and az9 (aggregate hand): a host is in one at most.",
    )


def test_unknown_hosts_are_named_with_those_like_them() -> None:
    found = planned(cloud(), {"name": "a", "hosts": ["cpu1", "cqu2"]})
    assert found.problems == (
        "The list of hosts of aggregate a names compute hosts that the cloud does not have: cqu2 (similar: cpu2).",
    )


def test_traits_and_resources_that_hosts_lack() -> None:
    found = planned(cloud(), {"name": "a", "traits": ["CUSTOM_SSD"], "resources": {"DISK_GB": 9}, "hosts": ["cpu1"]})
    assert found.problems == ("Hosts of aggregate a do not have CUSTOM_SSD, DISK_GB 9 (has 0): cpu1.",)


def test_hosts_out_of_scope_wait() -> None:
    found = planned(cloud(), {"name": "a", "hosts": ["cpu1", "cpu2"]}, scope=["cpu2"])
    assert words(found)[-1:] == ["add host cpu2 to aggregate a"]
    assert found.waiting == {"a": ("cpu1",)}


def test_only_what_is_ours_is_purged_and_never_with_hosts_out_of_scope() -> None:
    mine = {OWNER_KEY: OWNER}
    observed = cloud(there(1, "hand", None, "cpu1"), Aggregate(2, "u2", "mine", None, mine, ("cpu1", "cpu2")))
    assert words(planned(observed)) == []
    assert words(planned(observed, purge=True)) == [
        "remove host cpu1 from aggregate mine",
        "remove host cpu2 from aggregate mine",
        "delete aggregate mine",
    ]
    found = planned(observed, purge=True, scope=["cpu1"])
    assert words(found) == []
    assert [kept.aggregate for kept in found.kept] == ["mine"]


def test_a_zone_is_not_taken_off() -> None:
    found = planned(cloud(there(1, "a", "az1")), {"name": "a", "zone": None})
    assert "Nova does not take a zone off" in found.problems[0]


def test_an_isolated_aggregate_is_not_emptied_under_its_servers() -> None:
    metadata = {"trait:CUSTOM_SSD": "required"}
    observed = cloud(Aggregate(1, "u1", "a", None, metadata, ("cpu1",)), servers={"cpu1": 2})
    found = planned(observed, {"name": "a", "hosts": [], "extra_hosts": "remove"})
    assert "would be left without hosts while there are 2 servers" in found.problems[0]


def isolated(servers: list[Server] | None, used: int = 0, **metadata: str) -> Plan:
    """cpu2 with two servers leaves an isolated aggregate, in which cpu3 stays; each host has room for 3 m1 when empty.

    :param servers: what a snapshot says of the servers; None for no snapshot
    :param used: servers that take room on cpu3
    """
    inventories = {"VCPU": Inventory(99), "MEMORY_MB": Inventory(3072)}
    providers = [Provider(name, name, inventories=inventories, traits=frozenset({"CUSTOM_SSD"})) for name in NAMES]
    taken = {**inventories, "MEMORY_MB": Inventory(3072, 1024 * used)}
    providers = [dataclasses.replace(each, inventories=taken) if each.name == "cpu3" else each for each in providers]
    hosts = [Host(name, name, name) for name in NAMES]
    flavors = [
        Flavor("1", "m1", 1, 1024, 0),
        Flavor("2", "ssd", 1, 1024, 0, extra_specs={"trait:CUSTOM_SSD": "required"}),
    ]
    snapshot = Snapshot(parts=PARTS, providers=providers, hosts=hosts, flavors=flavors, servers=servers or [])
    there = Aggregate(1, "u1", "a", None, metadata, ("cpu2", "cpu3"))
    observed = cloud(there, servers={"cpu2": 2}, snapshot=None if servers is None else snapshot)
    return planned(observed, {"name": "a", "hosts": ["cpu3"], "extra_hosts": "remove"})


def test_an_isolated_aggregate_keeps_room_for_the_servers_on_hosts_that_leave() -> None:
    mine = {"filter_tenant_id": "p1, p2", "filter_tenant_id_more": "p3"}
    unknown = isolated(None, **mine)
    assert (unknown.wants_servers, unknown.steps, unknown.problems) == (True, (), ())
    servers = [Server("s1", "cpu2", flavor="m1", project="p1"), Server("s2", "cpu2", flavor="m1", project="p3")]
    assert words(isolated(servers, used=1, **mine)) == ["remove host cpu2 from aggregate a"]
    assert isolated(servers, used=2, **mine).problems == (
        "Aggregate a is isolated, and what is left of it has no room for its servers on the hosts that leave, whose "
        "number is in brackets: cpu2 (2). No place is left for 1 of 2 of m1. "
        "2 of m1 are asked for, and 1 fit even without the others.",
    )
    others = [servers[0], dataclasses.replace(servers[1], project="p4")]
    assert words(isolated(others, used=2, **mine)) == ["remove host cpu2 from aggregate a"]
    elsewhere = [servers[0], dataclasses.replace(servers[1], host="cpu4")]
    assert words(isolated(elsewhere, used=2, **mine)) == ["remove host cpu2 from aggregate a"]
    assert words(isolated(servers, used=3, ssd="true")) == ["remove host cpu2 from aggregate a"]


def test_the_servers_of_an_aggregate_that_requires_a_trait_are_those_that_ask_for_it() -> None:
    trait = {"trait:CUSTOM_SSD": "required"}
    ssd, plain = (Server(name, "cpu2", flavor=name, project="p1") for name in ("ssd", "m1"))
    gone = Server("gone", "cpu2", flavor="gone", vcpus=1, ram_mib=2048)
    assert words(isolated([ssd, plain], used=2, **trait)) == ["remove host cpu2 from aggregate a"]
    assert "No place is left for 1 of 1 of ssd." in isolated([ssd, plain], used=3, **trait).problems[0]
    assert words(isolated([gone], used=1, **trait)) == ["remove host cpu2 from aggregate a"]
    assert "No place is left for 1 of 1 of gone." in isolated([gone], used=2, **trait).problems[0]


def test_an_aggregate_that_is_isolated_no_more_may_lose_hosts() -> None:
    there = Aggregate(1, "u1", "a", None, {"filter_tenant_id": "p1"}, ("cpu1", "cpu2"))
    declared = {"name": "a", "hosts": ["cpu2"], "extra_hosts": "remove", "metadata": {"filter_tenant_id": None}}
    found = planned(cloud(there, servers={"cpu1": 2}), declared)
    assert words(found) == ["metadata of aggregate a: unset filter_tenant_id", "remove host cpu1 from aggregate a"]


def test_images_are_cached_when_they_change_or_hosts_come() -> None:
    declared = {"name": "a", "images": ["debian", "alpine"], "hosts": ["cpu1"]}
    known = {IMAGES_KEY: "alpine,debian"}
    assert words(planned(cloud(Aggregate(1, "u", "a", None, known, ("cpu1",))), declared)) == []
    assert words(planned(cloud(Aggregate(1, "u", "a", None, known, ())), declared)) == [
        "metadata of aggregate a: unset scaleout:images",
        "add host cpu1 to aggregate a",
        "cache images on aggregate a: alpine, debian",
        "metadata of aggregate a: scaleout:images=alpine,debian",
    ]
    assert len(remembered(["x" * 100, "y" * 100, "z" * 100])) < 255
    assert remembered(["a,b"]).startswith("sha256:") and remembered(["a,b"]) != remembered(["a", "b"])


def test_placement_is_mended_where_it_is_not_as_nova() -> None:
    observed = cloud(there(1, "a", None, "cpu1", "cpu2"), mirror={"uuid-1": {"cpu2", "cpu3"}})
    found = planned(observed, {"name": "a", "hosts": ["cpu1", "cpu2"]})
    assert words(found) == [
        "Placement: put host cpu1 into aggregate a",
        "Placement: take host cpu3 out of aggregate a",
    ]
    assert found.after["a"]["hosts_in_placement"] == ["cpu1", "cpu2"]
    assert [step.host for step in planned(observed, {"name": "a"}, scope=["cpu3"]).steps] == ["cpu3"]


def test_goals_that_contradict_are_named_and_no_others() -> None:
    found = planned(
        cloud(),
        {"name": "a", "goal": {"count": 4, "at_most": 5}},
        {"name": "b", "goal": {"share": "50%", "at_least": 1}, "apart_from": ["a"]},
        {"name": "c", "goal": {"count": 2}},
    )
    assert found.problems == (
        "These cannot be met together: a.goal.count 4; b.goal.share 50% (3 of 6 hosts); a apart from b "
        "(a has 6 hosts to choose from; b has 6 hosts to choose from).",
    )


def test_a_spread_needs_the_variable() -> None:
    facts = {name: HostFacts({"rack": "r1"} if name != "cpu1" else {}) for name in NAMES}
    found = planned(cloud(), {"name": "a", "goal": {"spread": "rack", "count": 2}}, facts=facts)
    assert "which these hosts have no single value of: cpu1." in found.problems[0]


def snapshot() -> Snapshot:
    """Hosts with room for 1, 2, 3 ... servers."""
    providers = [
        Provider(name, name, inventories={"VCPU": Inventory(99), "MEMORY_MB": Inventory(number * 1024)})
        for number, name in enumerate(NAMES, 1)
    ]
    hosts = [Host(name, name, name) for name in NAMES]
    flavors = [Flavor("1", "m1", 1, 1024, 0, extra_specs={"aggregate_instance_extra_specs:ssd": "true"})]
    return Snapshot(parts=PARTS, providers=providers, hosts=hosts, flavors=flavors)


def test_room_for_is_counted_as_if_the_hosts_were_in_already() -> None:
    observed = cloud(snapshot=snapshot())
    declared = {
        "name": "a",
        "zone": "az1",
        "metadata": {"ssd": True},
        "goal": {"room_for": {"flavor": "m1", "count": 9, "failures": 1}},
    }
    found = planned(observed, declared)
    assert found.problems == ()
    assert found.memberships == {"a": ("cpu4", "cpu5", "cpu6")}
    big = {**declared, "goal": {"room_for": {"flavor": "m1", "count": 16, "failures": 1}}}
    assert planned(observed, big).problems == (
        "This cannot be met: a.goal.room_for 16 m1, 1 down (a has 6 hosts to choose from).",
    )
    unknown = {**declared, "goal": {"room_for": {"flavor": "m2", "count": 1}}}
    assert "there is no flavor 'm2'" in planned(observed, unknown).problems[0]
    assert "no snapshot" in planned(dataclasses.replace(observed, snapshot=None), declared).problems[0]


def test_exactly_one_of_fills_what_has_no_goal() -> None:
    found = planned(
        cloud(),
        {"name": "a", "hosts": ["cpu1"]},
        {"name": "b", "goal": {"count": 2}},
        {"name": "c"},
        exactly_one_of=[["a", "b", "c"]],
    )
    assert [len(found.memberships[name]) for name in "abc"] == [1, 2, 3]
    both = planned(
        cloud(), {"name": "a", "hosts": ["cpu1"]}, {"name": "b", "hosts": NAMES}, exactly_one_of=[["a", "b"]]
    )
    assert "Host cpu1 is declared in a and b" in both.problems[0]


def test_a_host_that_has_to_leave_takes_its_value_along() -> None:
    racks = dict(zip(NAMES, ("r1", "r1", "r2", "r2", "r3", "r1"), strict=True))
    hosts = {name: ObservedHost(name, traits=frozenset({"X"} if name != "cpu5" else ()), servers=0) for name in NAMES}
    observed = Observed(hosts, (there(1, "a", None, "cpu5"),))
    facts = {name: HostFacts({"rack": rack}) for name, rack in racks.items()}
    declared = {"name": "a", "traits": ["X"], "goal": {"count": 4, "spread": "rack"}}
    found = planned(observed, declared, facts=facts)
    assert not found.problems and found.memberships["a"] == ("cpu1", "cpu2", "cpu3", "cpu4")


def test_facts_of_no_host_are_about_no_host() -> None:
    declared = {"name": "a", "rule": {"not": {"groups": "x"}}}
    assert not [text for text in words(planned(cloud(), declared, facts={})) if text.startswith("add host")]
    assert words(planned(cloud(), declared))[-1] == "add host cpu6 to aggregate a"


def test_groups_and_variables_that_no_host_has_are_doubted() -> None:
    rules: list[dict[str, t.Any]] = [
        {"groups": ["zone_a", "zone_aa"]},
        {"any": [{"vars": {"rack": "r9"}}, {"not": {"vars": {"rak": "r1"}}}]},
    ]
    declaration = parse(
        {
            "aggregates": [{"name": f"a{number}", "rule": rule} for number, rule in enumerate(rules)],
            "exactly_one_of": [{"aggregates": ["a0", "a1"], "rule": {"groups": "elsewhere"}}],
        }
    )
    facts = {name: HostFacts({"rack": "r1"}, frozenset({"zone_a"})) for name in NAMES}
    assert doubts(declaration, facts) == [
        "A rule names the group elsewhere, which no host is in.",
        "A rule names the group zone_aa, which no host is in (similar: zone_a).",
        "A rule names the variable rak, which no host has (similar: rack).",
    ]
    assert doubts(Declaration(declaration.aggregates[:1]), {}) == [
        "A rule names the group zone_a, which no host is in.",
        "A rule names the group zone_aa, which no host is in.",
    ]
