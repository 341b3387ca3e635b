# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A snapshot with changes, and the same snapshot without them."""

from __future__ import annotations

import copy
from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import QuestionError, UnknownNameError
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.fits import fits
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.whatif import (
    ChangedAggregate,
    Changes,
    MoreHosts,
    Ratio,
    changed,
)


@pytest.fixture
def two(cloud: Any) -> Any:
    """Hosts a and b, each in a zone of its name, with mirrored aggregates; a has a nested GPU."""
    cloud.host("a", zone="za", used={"VCPU": 4}).host("b", zone="zb").child("a", "a-gpu", VGPU=4)
    cloud.aggregate("agg-a", "a", zone="za").aggregate("agg-b", "b", zone="zb").aggregate("all", "a", "b")
    cloud.servers("a", "1", "2").servers("b", "3")
    for number, own in ((0, "agg-a"), (1, "agg-b")):
        provider = cloud.snapshot.providers[number]
        cloud.snapshot.providers[number] = replace(provider, aggregates=frozenset({"uuid-" + own, "uuid-all"}))
    return cloud


def after(cloud: Any, **changes: Any) -> model.Snapshot:
    """The changed snapshot, after it was seen to be a valid one and the given one to be as it was."""
    before = copy.deepcopy(cloud.snapshot)
    found = changed(cloud.snapshot, Changes(**changes))
    assert cloud.snapshot == before
    assert model.dump(model.parse(model.dump(found))) == model.dump(found)
    return found


def count(snapshot: model.Snapshot, flavor: Any, **terms: Any) -> dict[str, int]:
    return fits(snapshot, [flavor], **terms)["flavors"][flavor.name]["hosts"]


def test_nothing_changes(two: Any) -> None:
    assert after(two) == two.snapshot


def test_hosts_more_are_empty_and_alike(two: Any, flavor: Any) -> None:
    found = after(two, add_hosts=(MoreHosts("a", 2),))
    assert count(found, flavor()) == {"a": 2, "b": 4, "a+1": 4, "a+2": 4}
    assert count(found, flavor(), zone="za") == {"a": 2, "a+1": 4, "a+2": 4}
    assert [each.hosts for each in found.aggregates] == [("a", "a+1", "a+2"), ("b",), ("a", "b", "a+1", "a+2")]
    assert count(found, flavor(resources__VGPU="2")) == {"a": 2, "a+1": 2, "a+2": 2}


def test_hosts_more_in_another_zone(two: Any, flavor: Any) -> None:
    found = after(two, add_hosts=(MoreHosts("a", 1, "zb"),))
    assert count(found, flavor(), zone="zb") == {"b": 4, "a+1": 4}
    assert found.aggregates[1].hosts == ("b", "a+1")
    with pytest.raises(UnknownNameError, match="no availability zone 'zc'"):
        after(two, add_hosts=(MoreHosts("a", 1, "zc"),))


def test_hosts_like_a_disabled_one_are_enabled(cloud: Any, flavor: Any) -> None:
    cloud.host("off", status="disabled", state="down", traits=("COMPUTE_STATUS_DISABLED",))
    assert count(after(cloud, add_hosts=(MoreHosts("off"),)), flavor()) == {"off+1": 4}


def test_a_host_less(two: Any, flavor: Any) -> None:
    found = after(two, remove_hosts=("a",))
    assert count(found, flavor()) == {"b": 4}
    assert [server.uuid for server in found.servers] == ["3"]
    assert [provider.uuid for provider in found.providers] == ["b"]


def test_disable_and_enable(two: Any, flavor: Any) -> None:
    assert count(after(two, disable_hosts=("a",)), flavor()) == {"b": 4}
    two.snapshot.hosts[1] = replace(two.snapshot.hosts[1], status="disabled")
    provider = two.snapshot.providers[1]
    two.snapshot.providers[1] = replace(provider, traits=frozenset({"COMPUTE_STATUS_DISABLED"}))
    assert count(after(two, enable_hosts=("b",)), flavor()) == {"a": 2, "b": 4}


def test_ratios(two: Any, flavor: Any) -> None:
    small = flavor(ram=64, disk=1)
    assert count(after(two, ratios=(Ratio("VCPU", 2.0),)), small) == {"a": 6, "b": 8}
    assert count(after(two, ratios=(Ratio("VCPU", 2.0, ("a",)),)), small) == {"a": 6, "b": 4}
    assert count(after(two, ratios=(Ratio("VCPU", 2.0, aggregate="agg-b"),)), small) == {"a": 2, "b": 8}
    assert count(after(two, ratios=(Ratio("VCPU", 0.5),)), small) == {"b": 2}, "what is used stays"


def test_a_new_ratio_is_that_of_hosts_like_it(two: Any, flavor: Any) -> None:
    found = after(two, ratios=(Ratio("VCPU", 2.0, ("b",)),), add_hosts=(MoreHosts("b"),))
    assert count(found, flavor(ram=64, disk=1)) == {"a": 2, "b": 8, "b+1": 8}


def test_ratios_that_cannot_be(two: Any) -> None:
    with pytest.raises(UnknownNameError, match=r"no resource class 'VCPUS' in the snapshot \(similar: VCPU"):
        after(two, ratios=(Ratio("VCPUS", 2.0),))
    with pytest.raises(QuestionError, match="none of the hosts whose ratio is to change has VGPU"):
        after(two, ratios=(Ratio("VGPU", 2.0, ("b",)),))
    with pytest.raises(QuestionError, match="above 0"):
        after(two, ratios=(Ratio("VCPU", 0.0),))
    lean = replace(two.snapshot.providers[0].inventories["VCPU"], total=None)
    two.snapshot.providers[0].inventories["VCPU"] = lean
    with pytest.raises(QuestionError, match=r"total and reserved of VCPU on host a.*inventories: all"):
        after(two, ratios=(Ratio("VCPU", 2.0),))


def test_aggregates(two: Any, flavor: Any) -> None:
    moved = ChangedAggregate("agg-b", remove_hosts=("b",))
    joined = ChangedAggregate("agg-a", add_hosts=("b",))
    found = after(two, aggregates=(moved, joined))
    assert count(found, flavor(), zone="za") == {"a": 2, "b": 4}
    assert found.hosts[1].zone == "za"
    assert count(after(two, aggregates=(moved,)), flavor(), zone="nova") == {"b": 4}


def test_a_new_aggregate_with_metadata(two: Any, flavor: Any) -> None:
    reserve = ChangedAggregate("vip", new=True, add_hosts=("b",), metadata={"filter_tenant_id": "p"})
    assert count(after(two, aggregates=(reserve,)), flavor()) == {"a": 2}
    assert count(after(two, aggregates=(reserve,)), flavor(), project="p") == {"a": 2, "b": 4}


def test_metadata_that_goes_away(two: Any, flavor: Any) -> None:
    two.aggregate("vip", "b", filter_tenant_id="p")
    free = ChangedAggregate("vip", metadata={"filter_tenant_id": None})
    assert count(two.snapshot, flavor()) == {"a": 2}
    assert count(after(two, aggregates=(free,)), flavor()) == {"a": 2, "b": 4}


def test_zone_of_an_aggregate(two: Any, flavor: Any) -> None:
    found = after(two, aggregates=(ChangedAggregate("agg-b", zone="zc"),))
    assert count(found, flavor(), zone="zc") == {"b": 4}
    assert after(two, aggregates=(ChangedAggregate("agg-b", zone=""),)).hosts[1].zone == "nova"


def test_aggregates_that_cannot_be(two: Any) -> None:
    with pytest.raises(QuestionError, match="host b would be in the zone za by the aggregate agg-a and in zb by agg-b"):
        after(two, aggregates=(ChangedAggregate("agg-a", add_hosts=("b",)),))
    with pytest.raises(QuestionError, match="host b is not in the aggregate agg-a"):
        after(two, aggregates=(ChangedAggregate("agg-a", remove_hosts=("b",)),))
    with pytest.raises(QuestionError, match="an aggregate 'all' already"):
        after(two, aggregates=(ChangedAggregate("all", new=True),))
    with pytest.raises(UnknownNameError, match=r"no aggregate 'agg-c' .*similar: agg-"):
        after(two, aggregates=(ChangedAggregate("agg-c"),))


@pytest.mark.parametrize("change", ["remove_hosts", "disable_hosts", "enable_hosts"])
def test_hosts_that_there_are_not(two: Any, change: str) -> None:
    with pytest.raises(UnknownNameError, match="no host 'x'"):
        after(two, **{change: ("x",)})


def test_no_hosts_more(two: Any) -> None:
    with pytest.raises(QuestionError, match="1 at least"):
        after(two, add_hosts=(MoreHosts("a", 0),))
