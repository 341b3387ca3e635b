# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Declarations of every type of YAML, and rules."""

from __future__ import annotations

import datetime
import typing as t
from fractions import Fraction

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.declaration import needs, parse
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import (
    AggregatesError,
    HostFacts,
    Needs,
    ObservedHost,
)
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.rules import hosts_of


def one(**options: t.Any) -> t.Any:
    return parse({"aggregates": [{"name": "ssd", **options}]}).aggregates[0]


def test_metadata_is_as_the_api_has_it() -> None:
    metadata = {"yes": True, "no": False, "one": 1, "ratio": 1.5, "text": "a", "empty": "", "gone": None, 7: "key"}
    metadata["day"] = datetime.date(2026, 2, 1)
    assert one(metadata=metadata).metadata == {
        "yes": "true",
        "no": "false",
        "one": "1",
        "ratio": "1.5",
        "text": "a",
        "empty": "",
        "gone": None,
        "7": "key",
        "day": "2026-02-01",
    }


def test_names_are_those_of_nova() -> None:
    assert one(name="\u6771\u4eac\u3000a\u00a0b").name == "\u6771\u4eac\u3000a\u00a0b"


def test_a_zone_of_null_is_not_a_zone_that_is_left_out() -> None:
    assert not one().sets_zone
    assert one(zone=None).sets_zone and one(zone=None).zone is None


def test_options_of_null_are_not_given() -> None:
    options = ("metadata", "traits", "hosts", "rule", "goal", "images", "apart_from", "extra_hosts")
    assert one(**dict.fromkeys(options)) == one()
    assert not one(hosts=None).selects and one(hosts=[]).selects


def test_a_share_is_exact() -> None:
    assert one(goal={"share": "12.5 %"}).goal.share == Fraction(1, 8)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"goal": {"share": 20}},
            "aggregates[0] (ssd).goal.share is 20: it must be a percentage above 0% and up to 100",
        ),
        ({"goal": {"share": "0%"}}, "aggregates[0] (ssd).goal.share is"),
        ({"goal": {"share": "101%"}}, "aggregates[0] (ssd).goal.share is"),
        ({"goal": {}}, "aggregates[0] (ssd).goal is {}: it must be a goal with at least one of"),
        ({"goal": {"count": True}}, "aggregates[0] (ssd).goal.count is true: it must be a whole number, 0 or more"),
        ({"goal": {"count": 1.5}}, "aggregates[0] (ssd).goal.count is 1.5"),
        ({"goal": {"room_for": {"flavor": "m1"}}}, "aggregates[0] (ssd).goal.room_for.count is missing"),
        ({"goal": {"distinct": ["rack"]}}, "aggregates[0] (ssd).goal.distinct is"),
        ({"metadata": {"a": {"b": 1}}}, 'aggregates[0] (ssd).metadata.a is {"b": 1}: it must be a text'),
        ({"metadata": {"a": "x" * 256}}, "aggregates[0] (ssd).metadata.a is"),
        ({"metadata": {"rack/1": "x"}}, '(ssd).metadata: the key is "rack/1": it must be 1 to 255 of'),
        ({"metadata": {"k" * 256: "x"}}, "aggregates[0] (ssd).metadata: the key is"),
        ({"metadata": {"availability_zone": "az1"}}, "is set with the option zone"),
        ({"metadata": {"scaleout:owner": "me"}}, "keeps for itself"),
        ({"zone": "a:b"}, 'aggregates[0] (ssd).zone is "a:b": it must be a name without a colon'),
        ({"zone": False}, "aggregates[0] (ssd).zone is false"),
        ({"hosts": "cpu1"}, 'aggregates[0] (ssd).hosts is "cpu1": it must be a list'),
        ({"hosts": ["a", 1]}, "aggregates[0] (ssd).hosts[1] is 1"),
        ({"hosts": ["a", "a"]}, 'aggregates[0] (ssd).hosts[1] is "a": it must be named once'),
        ({"hosts": [], "rule": {}}, "has hosts as well as a rule or a goal"),
        ({"isolate": True}, "needs traits"),
        ({"traits": ["ssd"]}, "aggregates[0] (ssd).traits[0] is"),
        ({"extra_hosts": "drop"}, 'aggregates[0] (ssd).extra_hosts is "drop": it must be keep or remove'),
        ({"apart_from": "ssd"}, "another aggregate"),
        ({"host": []}, "aggregates[0] (ssd).host is no option (similar: hosts"),
        ({"rule": {"vars": {"rack": None}}}, "aggregates[0] (ssd).rule.vars.rack is null"),
        ({"rule": {"any": [{"nam": "x"}]}}, "aggregates[0] (ssd).rule.any[0].nam is no option (similar: name"),
        ({"name": 3}, "aggregates[0].name is 3"),
        ({"name": " ssd"}, "aggregates[0] ( ssd).name is"),
        ({"name": "s\nd"}, "printable characters"),
    ],
)
def test_what_is_wrong_is_named_with_its_path(options: dict[str, t.Any], message: str) -> None:
    with pytest.raises(AggregatesError) as error:
        one(**options)
    assert message in str(error.value)


def test_names_are_there_once_and_known() -> None:
    with pytest.raises(AggregatesError, match=r"aggregates\[1\].name is \"a\""):
        parse({"aggregates": [{"name": "a"}, {"name": "a"}]})
    with pytest.raises(AggregatesError, match=r"exactly_one_of\[0\]\[1\] is 'sdd'.* \(similar: ssd\)"):
        parse({"aggregates": [{"name": "ssd"}], "exactly_one_of": [["ssd", "sdd"]]})
    with pytest.raises(AggregatesError, match="the declaration is"):
        parse(t.cast(t.Any, []))


def test_what_has_to_be_read() -> None:
    assert needs(parse({"aggregates": [{"name": "a", "hosts": ["b"]}]})) == Needs()
    declared = parse(
        {
            "aggregates": [{"name": "a", "goal": {"room_for": {"flavor": "m1", "count": 1}}, "resources": {"VCPU": 1}}],
            "exactly_one_of": [{"aggregates": ["a"], "rule": {"not": {"any": [{"traits": ["X"]}, {"cell": "c"}]}}}],
        }
    )
    assert needs(declared) == Needs(traits=True, inventory=True, cell=True, snapshot=True)


HOSTS = {
    "cpu1": ObservedHost("cpu1", True, "QEMU", "cell1", frozenset({"CUSTOM_SSD"}), {"MEMORY_MB": 2048}),
    "cpu2": ObservedHost("cpu2", False, "ironic", "cell2", frozenset(), {"MEMORY_MB": 1024}),
    "gpu1": ObservedHost("gpu1", True, "QEMU", "cell1"),
}
FACTS = {
    "cpu1": HostFacts({"rack": 1, "fast": True, "uses": ["db", "web"]}, frozenset({"computes"})),
    "cpu2": HostFacts({"rack": "2"}, frozenset({"old"})),
}


@pytest.mark.parametrize(
    ("rule", "hosts"),
    [
        ({}, "cpu1 cpu2 gpu1"),
        ({"name": "cpu*"}, "cpu1 cpu2"),
        ({"name": ["gpu?", "*2"]}, "cpu2 gpu1"),
        ({"groups": ["computes", "old"]}, "cpu1 cpu2"),
        ({"vars": {"rack": 1}}, "cpu1"),
        ({"vars": {"rack": ["1", 2]}}, "cpu1 cpu2"),
        ({"vars": {"fast": True, "uses": "web"}}, "cpu1"),
        ({"traits": ["CUSTOM_SSD"]}, "cpu1"),
        ({"inventory": {"MEMORY_MB": 1025}}, "cpu1"),
        ({"hypervisor_type": "QEMU", "service": "up"}, "cpu1 gpu1"),
        ({"cell": ["cell2"]}, "cpu2"),
        ({"service": "down"}, "cpu2"),
        ({"not": {"name": "cpu*"}}, "gpu1"),
        ({"any": []}, ""),
        ({"any": [{"name": "gpu*"}, {"vars": {"rack": 2}}]}, "cpu2 gpu1"),
        ({"all": [{"name": "cpu*"}, {"not": {"groups": "old"}}]}, "cpu1"),
    ],
)
def test_the_hosts_of_a_rule(rule: dict[str, t.Any], hosts: str) -> None:
    assert hosts_of(one(rule=rule).rule, HOSTS, FACTS) == set(hosts.split())
