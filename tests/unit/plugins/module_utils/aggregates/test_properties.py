# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What holds of every plan, over generated clouds and declarations, applied to a small model of Nova."""

from __future__ import annotations

import dataclasses
import itertools
import random
import typing as t

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.declaration import parse
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import (
    OWNER,
    OWNER_KEY,
    Facts,
    HostFacts,
    Observed,
    ObservedHost,
    Plan,
    Step,
)
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.plan import plan
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Aggregate

SEEDS = range(150)


class Conflict(Exception):
    """Nova answers 409."""


class Nova:
    """The rules of Nova's aggregates (nova/compute/api.py, class AggregateAPI)."""

    def __init__(self, hosts: dict[str, ObservedHost], aggregates: tuple[Aggregate, ...]) -> None:
        self.hosts = hosts
        self.aggregates = {each.name: each for each in aggregates}

    def observed(self) -> Observed:
        return Observed(self.hosts, tuple(self.aggregates.values()))

    def zone_of(self, host: str, without: str = "") -> str | None:
        zones = {
            each.zone for each in self.aggregates.values() if each.zone and host in each.hosts and each.name != without
        }
        assert len(zones) <= 1, "host %s is in the zones %s" % (host, zones)
        return zones.pop() if zones else None

    def apply(self, step: Step) -> None:
        getattr(self, step.kind)(step)
        for host in self.hosts:
            self.zone_of(host)

    def create(self, step: Step) -> None:
        if step.aggregate in self.aggregates:
            raise Conflict(step.words)
        number = len(self.aggregates) + 100
        zone = (step.after or {})["zone"]
        self.aggregates[step.aggregate] = Aggregate(number, "uuid-%d" % number, step.aggregate, zone)

    def _replace(self, name: str, **changes: t.Any) -> None:
        self.aggregates[name] = dataclasses.replace(self.aggregates[name], **changes)

    def metadata(self, step: Step) -> None:
        metadata = dict(self.aggregates[step.aggregate].metadata)
        for key, value in (step.after or {}).items():
            assert metadata.get(key) == (step.before or {})[key]
            if value is None:
                del metadata[key]
            else:
                assert isinstance(value, str)
                metadata[key] = value
        self._replace(step.aggregate, metadata=metadata)

    def zone(self, step: Step) -> None:
        zone = (step.after or {})["zone"]
        for host in self.aggregates[step.aggregate].hosts:
            if self.zone_of(host, step.aggregate) not in (None, zone):
                raise Conflict("%s: %s is in another zone" % (step.words, host))
            if self.hosts[host].servers:
                raise Conflict("%s: %s has servers" % (step.words, host))
        self._replace(step.aggregate, zone=zone)

    def add_host(self, step: Step) -> None:
        there = self.aggregates[step.aggregate]
        zone = self.zone_of(step.host)
        if step.host in there.hosts or step.host not in self.hosts:
            raise Conflict(step.words)
        if there.zone and zone not in (None, there.zone):
            raise Conflict("%s: it is in zone %s" % (step.words, zone))
        if there.zone and zone != there.zone and self.hosts[step.host].servers:
            raise Conflict("%s: it has servers" % step.words)
        self._replace(step.aggregate, hosts=(*there.hosts, step.host))

    def remove_host(self, step: Step) -> None:
        there = self.aggregates[step.aggregate]
        if step.host not in there.hosts:
            raise Conflict(step.words)
        if self.zone_of(step.host) != self.zone_of(step.host, step.aggregate) and self.hosts[step.host].servers:
            raise Conflict("%s: it has servers" % step.words)
        self._replace(step.aggregate, hosts=tuple(host for host in there.hosts if host != step.host))

    def images(self, step: Step) -> None:
        assert (step.after or {})["images"]

    def delete(self, step: Step) -> None:
        if self.aggregates.pop(step.aggregate).hosts:
            raise Conflict(step.words)


@dataclasses.dataclass
class Case:
    """A cloud, and what is declared for it."""

    nova: Nova
    facts: Facts
    data: dict[str, t.Any]
    scope: list[str] | None
    purge: bool

    def plan(self) -> Plan:
        return plan(parse(self.data), self.nova.observed(), self.facts, self.scope, self.purge)


def generated(seed: int) -> Case:
    """A random case: zones, lists, rules, goals, hands that were there before, and hosts out of scope."""
    rng = random.Random(seed)
    names = ["cpu%02d" % number for number in range(rng.randint(3, 12))]
    hosts = {
        name: ObservedHost(
            name,
            traits=frozenset(rng.sample(["CUSTOM_SSD", "CUSTOM_GPU"], rng.randint(0, 2))),
            inventory={"MEMORY_MB": rng.choice([1024, 2048])},
            servers=rng.choice([0, 0, 0, rng.randint(1, 3)]),
        )
        for name in names
    }
    facts = {name: HostFacts({"rack": "r%d" % rng.randint(1, 3)}, frozenset({"computes"})) for name in names}
    zones = ["az1", "az2", None]
    declared = []
    for number in range(rng.randint(1, 5)):
        entry: dict[str, t.Any] = {"name": "a%d" % number, "metadata": {"key": rng.choice([True, 1, "x", None, 2.5])}}
        if (zone := rng.choice(zones)) is not None:
            entry["zone"] = zone
        kind = rng.choice(["hosts", "rule", "goal", "goal", "nothing"])
        if kind == "hosts":
            entry["hosts"] = rng.sample(names, rng.randint(0, len(names) // 2))
        elif kind == "rule":
            entry["rule"] = {"vars": {"rack": rng.choice(["r1", "r2", "r3"])}}
        elif kind == "goal":
            entry["goal"] = rng.choice(
                [
                    {"share": "%d%%" % rng.choice([20, 30, 50])},
                    {"count": rng.randint(0, 4)},
                    {"at_least": rng.randint(0, 3), "at_most": rng.randint(3, 6)},
                    {"at_least": 2, "spread": "rack"},
                    {"spread": "rack"},
                    {"count": 3, "distinct": {"rack": 2}},
                ]
            )
        if rng.random() < 0.3:
            entry["extra_hosts"] = "remove"
        if rng.random() < 0.2 and number:
            entry["apart_from"] = ["a%d" % rng.randrange(number)]
        if rng.random() < 0.15:
            entry["images"] = ["debian"]
        declared.append(entry)
    data: dict[str, t.Any] = {"aggregates": declared}
    if rng.random() < 0.3 and len(declared) > 1:
        data["exactly_one_of"] = [[entry["name"] for entry in rng.sample(declared, 2)]]
    nova = Nova(hosts, ())
    existing = [entry["name"] for entry in declared if rng.random() < 0.7] + ["hand", "old"]
    for number, name in enumerate(existing):
        metadata = {OWNER_KEY: OWNER} if name == "old" else {}
        there = Aggregate(number, "uuid-%d" % number, name, rng.choice(zones), metadata)
        nova.aggregates[name] = there
        members = []
        for host in rng.sample(names, rng.randint(0, len(names))):
            if not there.zone or nova.zone_of(host, name) in (None, there.zone):
                members.append(host)
        nova.aggregates[name] = dataclasses.replace(there, hosts=tuple(members))
    scope = rng.sample(names, rng.randint(1, len(names))) if rng.random() < 0.3 else None
    return Case(nova, facts, data, scope, rng.random() < 0.3)


def planned(seed: int) -> tuple[Case, Plan]:
    case = generated(seed)
    return case, case.plan()


def test_the_generator_makes_plans_and_problems() -> None:
    plans = [planned(seed)[1] for seed in SEEDS]
    assert sum(bool(each.problems) for each in plans) > 15
    assert sum(not each.problems and len(each.steps) > 5 for each in plans) > 15
    kinds = {step.kind for each in plans for step in each.steps}
    assert kinds == {"create", "metadata", "zone", "add_host", "remove_host", "images", "delete"}


@pytest.mark.parametrize("seed", SEEDS)
def test_nova_takes_every_step_and_a_second_plan_is_empty(seed: int) -> None:
    case, first = planned(seed)
    if first.problems:
        assert not first.steps
        return
    for step in first.steps:
        case.nova.apply(step)
    for name, hosts in first.memberships.items():
        assert set(case.nova.aggregates[name].hosts) == set(hosts)
    second = case.plan()
    assert not second.problems
    assert [step.words for step in second.steps] == []


@pytest.mark.parametrize("seed", SEEDS)
def test_after_any_interruption_a_second_run_finishes(seed: int) -> None:
    case, first = planned(seed)
    if first.problems or not first.steps:
        return
    for step in first.steps[: random.Random(seed).randrange(len(first.steps))]:
        case.nova.apply(step)
    second = case.plan()
    assert not second.problems
    for step in second.steps:
        case.nova.apply(step)
    assert not case.plan().steps
    for kept in first.kept:
        assert kept.host in ("", *case.nova.aggregates[kept.aggregate].hosts)


@pytest.mark.parametrize("seed", SEEDS)
def test_nobody_elses_hosts_are_touched(seed: int) -> None:
    case, first = planned(seed)
    scope = set(case.nova.hosts if case.scope is None else case.scope)
    declared = {entry["name"] for entry in case.data["aggregates"]}
    for step in first.steps:
        assert not step.host or step.host in scope
        assert step.aggregate in declared or (case.purge and step.aggregate == "old")


@pytest.mark.parametrize("seed", SEEDS)
def test_the_goals_are_met(seed: int) -> None:
    case, first = planned(seed)
    if first.problems:
        return
    scope = set(case.nova.hosts if case.scope is None else case.scope)
    for entry in case.data["aggregates"]:
        members = set(first.memberships[entry["name"]])
        goal = entry.get("goal", {})
        if "count" in goal:
            assert len(members) == goal["count"]
        assert goal.get("at_least", 0) <= len(members) <= goal.get("at_most", len(members))
        if "share" in goal:
            assert abs(len(members) - int(goal["share"][:-1]) / 100 * len(case.nova.hosts)) <= 0.5
        if "distinct" in goal:
            assert len({case.facts[host].vars["rack"] for host in members}) >= goal["distinct"]["rack"]
        if "hosts" in entry:
            assert scope & set(entry["hosts"]) <= members
        for other in entry.get("apart_from", ()):
            assert not scope & members & set(first.memberships[other])
    for group in case.data.get("exactly_one_of", ()):
        for host in scope:
            assert sum(host in first.memberships[name] for name in group) == 1


@pytest.mark.parametrize("seed", SEEDS)
def test_the_order_of_the_input_does_not_matter(seed: int) -> None:
    case, first = planned(seed)
    rng = random.Random(seed)

    def shuffled(values: t.Iterable[t.Any]) -> list[t.Any]:
        values = list(values)
        rng.shuffle(values)
        return values

    nova = Nova(
        {name: case.nova.hosts[name] for name in shuffled(case.nova.hosts)},
        tuple(
            dataclasses.replace(each, hosts=tuple(shuffled(each.hosts)))
            for each in shuffled(case.nova.aggregates.values())
        ),
    )
    data = {**case.data, "aggregates": shuffled(case.data["aggregates"])}
    facts = {name: case.facts[name] for name in shuffled(case.facts)}
    again = Case(nova, facts, data, case.scope and shuffled(case.scope), case.purge).plan()
    assert again == first


@pytest.mark.parametrize("seed", SEEDS)
def test_no_host_is_without_its_zone_longer_than_needed(seed: int) -> None:
    """Between leaving a zone and entering the next there is no step of another host, unless a zone has to change."""
    case, first = planned(seed)
    if any(step.kind == "zone" for step in first.steps):
        return
    zoned = {each.name for each in case.nova.aggregates.values() if each.zone}
    zoned |= {step.aggregate for step in first.steps if step.kind == "create" and (step.after or {})["zone"]}
    moves = [step for step in first.steps if step.host and step.aggregate in zoned]
    for before, after in itertools.pairwise(moves):
        leaves = before.kind == "remove_host"
        enters = any(step.kind == "add_host" and step.host == before.host for step in moves)
        if leaves and enters and after.host != before.host:
            assert moves.index(before) > max(
                place for place, step in enumerate(moves) if step.host == before.host and step.kind == "add_host"
            )
