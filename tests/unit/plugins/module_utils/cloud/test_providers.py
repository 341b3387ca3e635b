# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan of calls (what comes of them against a real Placement is tested in tests/integration)."""

from __future__ import annotations

import dataclasses
import typing as t
from collections.abc import Callable, Mapping

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Provider
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import (
    ProviderRow,
    ProviderState,
    Summary,
)
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.providers import ProviderReader, few

SHAPE = {"VCPU": 64, "MEMORY_MB": 65536, "DISK_GB": 1000}
AMOUNTS = {"VCPU": [1, 2, 8], "MEMORY_MB": [512, 2048, 4096], "DISK_GB": [10, 20]}


@dataclasses.dataclass
class Host:
    """A flat host of the fake."""

    total: dict[str, int] = dataclasses.field(default_factory=lambda: dict(SHAPE))
    used: dict[str, int] = dataclasses.field(default_factory=dict)
    units: dict[str, dict[str, int]] = dataclasses.field(default_factory=dict)
    traits: tuple[str, ...] = ()
    generation: int = 1

    def gives(self, resources: Mapping[str, int]) -> bool:
        for name, amount in resources.items():
            page = self.page(name) if name in self.total else None
            if page is None or self.used.get(name, 0) + amount > page["total"]:
                return False
            if not page["min_unit"] <= amount <= page["max_unit"] or amount % page["step_size"]:
                return False
        return True

    def page(self, name: str) -> dict[str, t.Any]:
        units = {"min_unit": 1, "max_unit": self.total[name], "step_size": 1, **self.units.get(name, {})}
        return {"total": self.total[name], "reserved": 0, "allocation_ratio": 1.0, **units}


class FakePlacement:
    """As much of Placement as the reader uses, with a log of what it was asked."""

    def __init__(self, **hosts: Host) -> None:
        self.hosts = hosts
        self.log: list[str] = []
        self.cap: int | None = None
        #: called before each answer
        self.meanwhile: Callable[[str], None] = lambda call: None
        self.cloud = self

    def each(self, function: t.Any, items: t.Iterable[t.Any], workers: int = 8) -> list[t.Any]:
        return [function(item) for item in items]

    def ask(self, call: str) -> None:
        self.meanwhile(call)
        self.log.append(call)

    def providers(
        self, resources: Mapping[str, int] | None = None, member_of: str | None = None
    ) -> dict[str, ProviderRow]:
        self.ask("probe" if resources else "members" if member_of else "list")
        return {
            name: ProviderRow(name, name, None, host.generation)
            for name, host in self.hosts.items()
            if (not resources or host.gives(resources)) and (not member_of or member_of in name)
        }

    def candidates(self, resources: Mapping[str, int]) -> dict[str, Summary]:
        self.ask("candidates " + ",".join(sorted(resources)))
        found = [name for name, host in self.hosts.items() if host.gives(resources)][: self.cap]
        return {
            name: Summary(
                {rc: (total, self.hosts[name].used.get(rc, 0)) for rc, total in self.hosts[name].total.items()},
                list(self.hosts[name].traits),
                True,
            )
            for name in found
        }

    def state(self, name: str, aggregates: bool = False) -> ProviderState | None:
        self.ask("state " + name)
        host = self.hosts.get(name)
        if host is None:
            return None
        pages = {rc: host.page(rc) for rc in host.total}
        return ProviderState(host.generation, pages, host.used, list(host.traits), [] if aggregates else None)

    def inventories_at(self, name: str) -> tuple[int, dict[str, dict[str, t.Any]]] | None:
        self.ask("inventories " + name)
        host = self.hosts.get(name)
        return (host.generation, {rc: host.page(rc) for rc in host.total}) if host else None

    def usages_at(self, name: str) -> tuple[int, dict[str, int]] | None:
        self.ask("usages " + name)
        host = self.hosts.get(name)
        return (host.generation, {rc: host.used.get(rc, 0) for rc in host.total}) if host else None

    def aggregates_at(self, name: str) -> tuple[int, list[str]] | None:
        self.ask("aggregates " + name)
        host = self.hosts.get(name)
        return (host.generation, []) if host else None


def read(placement: FakePlacement, aggregates: t.Iterable[str] = (), **options: t.Any) -> dict[str, Provider]:
    reader = ProviderReader(t.cast("t.Any", placement), **options)
    return {provider.name: provider for provider in reader.read(lambda: AMOUNTS, lambda: aggregates)}


def hosts(count: int) -> dict[str, Host]:
    return {"host%d" % number: Host() for number in range(count)}


def test_three_calls_when_no_host_is_full() -> None:
    placement = FakePlacement(**hosts(200))
    found = read(placement)
    assert placement.log == ["list", "candidates DISK_GB,MEMORY_MB,VCPU", "probe"]
    held = found["host7"].inventories["MEMORY_MB"]
    assert (held.min_unit, held.step_size, held.max_unit, held.admits) == (1, 1, None, (512, 2048, 4096))


def test_full_hosts_are_found_by_what_they_have_left() -> None:
    full = {"full%d" % number: Host(used={"VCPU": 64, "MEMORY_MB": 65536}) for number in range(50)}
    placement = FakePlacement(**hosts(200), **full)
    found = read(placement)
    assert len(found) == 250 and found["full3"].inventories["VCPU"].used == 64
    assert placement.log[1:3] == ["candidates DISK_GB,MEMORY_MB,VCPU", "candidates DISK_GB"]
    assert not [call for call in placement.log if call.startswith(("state", "inventories"))]


def test_few_hosts_are_read_singly() -> None:
    placement = FakePlacement(**hosts(200), full=Host(used=dict(SHAPE)))
    assert read(placement)["full"].inventories["VCPU"].max_unit == 64
    assert placement.log.count("state full") == 1 and len(placement.log) == 4
    assert few(10) == 4 and few(10_000) == 100


def test_a_capped_answer_is_made_up_for() -> None:
    placement = FakePlacement(**hosts(30))
    placement.cap = 10
    assert len(read(placement)) == 30
    assert len([call for call in placement.log if call.startswith("state")]) == 20


def test_odd_units_are_read() -> None:
    odd = Host(units={"MEMORY_MB": {"step_size": 1024}})
    low = Host(units={"VCPU": {"max_unit": 4}})
    placement = FakePlacement(**hosts(20), odd=odd, low=low)
    found = read(placement)
    assert found["odd"].inventories["MEMORY_MB"].step_size == 1024
    assert found["low"].inventories["VCPU"].max_unit == 4
    assert found["host1"].inventories["VCPU"].max_unit is None
    singles = [call for call in placement.log if call.startswith(("state", "inventories"))]
    assert sorted(singles) == ["inventories low", "state odd"]


def test_what_moves_after_it_was_read_is_read_again() -> None:
    placement = FakePlacement(**hosts(20))

    def move(call: str) -> None:
        if call == "probe":
            placement.hosts["host3"].used["VCPU"] = 60
            placement.hosts["host3"].generation += 1
            del placement.hosts["host4"]
            placement.hosts["new"] = Host()
            placement.meanwhile = lambda call: None

    placement.meanwhile = move
    found = read(placement)
    assert "host4" not in found and found["new"].inventories["VCPU"].total == 64
    assert (found["host3"].inventories["VCPU"].used, found["host3"].generation) == (60, 2)
    assert placement.log[-3:] == ["list", "state host3", "state new"]


def test_a_change_is_seen_in_any_answer() -> None:
    placement = FakePlacement(**hosts(20))

    def move(call: str) -> None:
        if call == "members":
            placement.hosts["host3"].generation += 1

    placement.meanwhile = move
    found = read(placement, aggregates=["host3"])
    assert found["host3"].generation == 2 and placement.log[-1] == "state host3"


def test_an_earlier_reading_saves_all_but_usage() -> None:
    placement = FakePlacement(**hosts(20), full=Host(used=dict(SHAPE)))
    first = read(placement, everything=True)
    placement.hosts["host5"].used["VCPU"] = 3  # as if one had been taken away: the same generation
    placement.hosts["full"].used = {"VCPU": 64, "MEMORY_MB": 65536, "DISK_GB": 999}
    placement.hosts["host6"].generation += 1
    placement.log.clear()
    second = read(placement, previous=list(first.values()), everything=True)
    assert placement.log == ["list", "candidates DISK_GB,MEMORY_MB,VCPU", "usages full", "inventories host6", "list"]
    assert second["host5"].inventories["VCPU"].used == 3 and second["host5"].inventories["VCPU"].total == 64
    assert second["full"].inventories["DISK_GB"].used == 999


def test_what_was_proven_is_not_asked_again() -> None:
    placement = FakePlacement(**hosts(20))
    first = read(placement)
    placement.log.clear()
    read(placement, previous=list(first.values()))
    assert placement.log == ["list", "candidates DISK_GB,MEMORY_MB,VCPU", "list"]


def test_a_tree_that_loses_its_root_is_left_out() -> None:
    placement = FakePlacement(**hosts(3))
    rows = placement.providers

    def with_parent(*args: t.Any, **kwargs: t.Any) -> dict[str, ProviderRow]:
        found = rows(*args, **kwargs)
        return {
            name: dataclasses.replace(row, parent="gone") if name == "host1" else row for name, row in found.items()
        }

    placement.providers = with_parent  # type: ignore[method-assign]
    assert sorted(read(placement)) == ["host0", "host2"]


def test_candidates_that_leave_out_a_class() -> None:
    class Forgetful(FakePlacement):
        def candidates(self, resources: Mapping[str, int]) -> dict[str, Summary]:
            found = super().candidates(resources)
            for summary in found.values():
                del summary.resources["VCPU"]
            return found

    placement = Forgetful(**hosts(2))
    found = read(placement, everything=True)
    assert [found[name].inventories["VCPU"].total for name in found] == [
        host.total["VCPU"] for host in hosts(2).values()
    ]
    assert "state host0" in placement.log
