# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Each rule of the scheduler, by the hosts that are left."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import QuestionError, UnknownNameError
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.fits import fits
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import ServerGroup
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.request import Image
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.rules import existing_group, matches, new_group
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.scheduler import DEFAULT_FILTERS, configured


def hosts(cloud: Any, asked: Any, **terms: Any) -> dict[str, int]:
    """How many fit on each host."""
    return fits(cloud.snapshot, [asked], **terms)["flavors"][asked.name]["hosts"]


def limits(cloud: Any, asked: Any, **terms: Any) -> dict[str, tuple[int, int | None]]:
    """Limit -> on how many hosts, and how many more."""
    found = fits(cloud.snapshot, [asked], **terms)["flavors"][asked.name]["limits"]
    return {each["limit"]: (each["hosts"], each["more"]) for each in found}


def test_services(cloud: Any, flavor: Any) -> None:
    cloud.host("good").host("off", status="disabled").host("dead", state="down").host("forced", forced_down=True)
    cloud.host("trait", traits=("COMPUTE_STATUS_DISABLED",))
    assert hosts(cloud, flavor()) == {"good": 4}
    assert limits(cloud, flavor())["host disabled"] == (2, 8)
    assert limits(cloud, flavor())["host down"] == (2, 8)


def test_a_host_that_two_rules_refuse_would_not_be_won_by_one(cloud: Any, flavor: Any) -> None:
    cloud.host("both", status="disabled", state="down")
    assert limits(cloud, flavor()) == {"host disabled": (1, 0), "host down": (1, 0)}


def test_a_host_without_provider(cloud: Any, flavor: Any) -> None:
    cloud.host("good").host("lost")
    cloud.snapshot.hosts[1] = replace(cloud.snapshot.hosts[1], provider=None)
    assert hosts(cloud, flavor()) == {"good": 4}
    assert limits(cloud, flavor())["no resource provider"] == (1, 0)


def test_zone(cloud: Any, flavor: Any) -> None:
    cloud.host("a1", zone="a").host("a2", zone="a").host("b1", zone="b")
    cloud.aggregate("zone-a", "a1", "a2", zone="a").aggregate("zone-b", "b1", zone="b")
    assert hosts(cloud, flavor(), zone="a") == {"a1": 4, "a2": 4}
    assert limits(cloud, flavor(), zone="a")["zone"] == (1, 4)


def test_a_zone_whose_aggregate_is_not_in_placement(cloud: Any, flavor: Any) -> None:
    cloud.host("a1", zone="a").host("a2", zone="a").aggregate("zone-a", "a1", "a2", zone="a")
    first = cloud.snapshot.providers[0]
    cloud.snapshot.providers[0] = replace(first, aggregates=frozenset({"uuid-zone-a"}))
    assert hosts(cloud, flavor(), zone="a") == {"a1": 4}
    assert limits(cloud, flavor(), zone="a")["zone not in Placement"] == (1, 4)
    assert hosts(cloud, flavor()) == {"a1": 4, "a2": 4}


def test_aggregate_of_the_question(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b").aggregate("fast", "b")
    assert hosts(cloud, flavor(), aggregate="fast") == {"b": 4}


def test_multitenancy_isolation(cloud: Any, flavor: Any) -> None:
    cloud.host("free").host("kept").aggregate("for-p1", "kept", filter_tenant_id="p1, p2")
    assert hosts(cloud, flavor(), project="p2") == {"free": 4, "kept": 4}
    assert hosts(cloud, flavor(), project="p3") == {"free": 4}
    assert hosts(cloud, flavor()) == {"free": 4}
    assert limits(cloud, flavor())["tenant isolation"] == (1, 4)
    assert hosts(cloud, flavor(), scheduler={"enabled_filters": list(DEFAULT_FILTERS)}) == {"free": 4, "kept": 4}


def test_tenant_aggregates_of_placement(cloud: Any, flavor: Any) -> None:
    cloud.host("free").host("kept").aggregate("for-p1", "kept", filter_tenant_id="p1")
    terms = {"enabled_filters": list(DEFAULT_FILTERS), "limit_tenants_to_placement_aggregate": True}
    assert hosts(cloud, flavor(), project="p1", scheduler=terms) == {"kept": 4}
    assert hosts(cloud, flavor(), project="p2", scheduler=terms) == {"free": 4, "kept": 4}
    terms["placement_aggregate_required_for_tenants"] = True
    assert hosts(cloud, flavor(), project="p2", scheduler=terms) == {}


def test_isolated_aggregates(cloud: Any, flavor: Any) -> None:
    cloud.host("free").host("gpu", traits=("CUSTOM_GPU",)).aggregate("gpus", "gpu", trait__CUSTOM_GPU="required")
    assert hosts(cloud, flavor()) == {"free": 4}
    assert hosts(cloud, flavor(trait__CUSTOM_GPU="required")) == {"gpu": 4}
    image = Image({"trait:CUSTOM_GPU": "required"})
    assert hosts(cloud, flavor(), image=image) == {"gpu": 4}
    assert hosts(cloud, flavor(), scheduler={"enable_isolated_aggregate_filtering": False}) == {"free": 4, "gpu": 4}


def test_aggregate_extra_specs(cloud: Any, flavor: Any) -> None:
    cloud.host("plain").host("ssd").host("nvme")
    cloud.aggregate("one", "ssd", disk="ssd").aggregate("two", "nvme", disk="nvme,ssd")
    asked = flavor(aggregate_instance_extra_specs__disk="ssd")
    cloud.flavors(asked)
    assert hosts(cloud, asked) == {"ssd": 4, "nvme": 4}
    assert limits(cloud, asked)["aggregate extra specs"] == (1, 4)
    assert hosts(cloud, flavor(aggregate_instance_extra_specs__disk="<or> nvme <or> tape")) == {"nvme": 4}
    # without a scope it counts as well, which is how the filter came to refuse all flavors with a group_policy
    assert hosts(cloud, flavor(group_policy="none")) == {}


def test_aggregate_image_properties(cloud: Any, flavor: Any) -> None:
    cloud.host("linux").host("any").aggregate("l", "linux", os_distro="debian,ubuntu")
    terms = {"enabled_filters": [*DEFAULT_FILTERS, "AggregateImagePropertiesIsolation"]}
    assert hosts(cloud, flavor(), image=Image({"os_distro": "debian"}), scheduler=terms) == {"linux": 4, "any": 4}
    assert hosts(cloud, flavor(), image=Image({"os_distro": "windows"}), scheduler=terms) == {"any": 4}
    assert hosts(cloud, flavor(), scheduler=terms) == {"linux": 4, "any": 4}


@pytest.mark.parametrize(
    ("key", "metadata", "value", "passes"),
    [
        ("os_version", "12", "13", True),  # a property that Nova does not keep
        ("mine", "a", "b", True),
        ("hw_machine_type", "q35", "pc", False),
        ("hw_qemu_guest_agent", "true", "true", False),  # as str(True) is True
        ("hw_qemu_guest_agent", "True", "yes", True),
        ("hw_qemu_guest_agent", "True", "no", True),
        ("hw_architecture", "x86_64", "amd64", True),
    ],
)
def test_image_properties_as_nova_compares_them(
    cloud: Any, flavor: Any, key: str, metadata: str, value: str, passes: bool
) -> None:
    cloud.host("a").aggregate("x", "a", **{key: metadata})
    terms = {"enabled_filters": [*DEFAULT_FILTERS, "AggregateImagePropertiesIsolation"]}
    found = hosts(cloud, flavor(), image=Image({key: value}), scheduler=terms)
    assert found == ({"a": 4} if passes else {})


def test_instance_types_of_aggregates(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b").aggregate("only", "b", instance_type="m1, m2")
    assert hosts(cloud, flavor("m1")) == {"a": 4, "b": 4}
    assert hosts(cloud, flavor("m3")) == {"a": 4}


def test_hypervisor_type(cloud: Any, flavor: Any) -> None:
    cloud.host("kvm", hypervisor_type="QEMU").host("esx", hypervisor_type="VMware vCenter Server")
    assert hosts(cloud, flavor(capabilities__hypervisor_type="s== QEMU")) == {"kvm": 4}


def test_disabled_flavor(cloud: Any, flavor: Any) -> None:
    cloud.host("a")
    assert limits(cloud, replace(flavor(), disabled=True))["flavor disabled"] == (1, 4)


def test_instances_per_host(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b").servers("a", "1", "2").aggregate("few", "b", max_instances_per_host="1")
    by_number = {"enabled_filters": ["ComputeFilter", "NumInstancesFilter"], "max_instances_per_host": 4}
    assert hosts(cloud, flavor(), scheduler=by_number) == {"a": 2, "b": 4}
    assert limits(cloud, flavor(), scheduler=by_number)["max_instances_per_host"] == (1, 2)
    assert hosts(cloud, flavor()) == {"a": 4, "b": 1}, "the metadata says that the aggregate's filter is in use"
    cloud.snapshot.parts = ("providers", "hosts", "aggregates", "flavors")
    with pytest.raises(QuestionError, match="no servers"):
        hosts(cloud, flavor(), scheduler=by_number)
    answer = fits(cloud.snapshot, [flavor()])
    assert answer["flavors"]["m1"]["hosts"] == {"a": 4, "b": 4}
    assert any("max_instances_per_host" in sentence for sentence in answer["limits"])


def group(cloud: Any, policy: str, *members: str, **more: Any) -> Any:
    cloud.snapshot.server_groups.append(ServerGroup("uuid-g", "g", policy, members=members, **more))
    return existing_group(cloud.snapshot, "g")


def test_anti_affinity(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b").host("c").servers("a", "1").servers("b", "other")
    asked = flavor()
    answer = fits(cloud.snapshot, [asked], group=group(cloud, "anti-affinity", "1"))["flavors"]["m1"]
    assert answer["hosts"] == {"b": 1, "c": 1}
    assert answer["fits"] == 2
    assert {each["limit"]: each["more"] for each in answer["limits"]}["anti-affinity"] == 4 + 3 + 3


def test_anti_affinity_with_several_on_a_host(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b").servers("a", "1")
    found = group(cloud, "anti-affinity", "1", max_server_per_host=3)
    assert hosts(cloud, flavor(), group=found) == {"a": 2, "b": 3}


def test_affinity_with_members(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b").servers("b", "1")
    assert hosts(cloud, flavor(), group=group(cloud, "affinity", "1")) == {"b": 4}
    assert limits(cloud, flavor(), group=existing_group(cloud.snapshot, "uuid-g"))["affinity"] == (1, 4)


def test_affinity_without_members(cloud: Any, flavor: Any) -> None:
    cloud.host("small", vcpus=2).host("large", zone="b")
    answer = fits(cloud.snapshot, [flavor()], group=new_group("affinity"))["flavors"]["m1"]
    assert answer["fits"] == 4, "all on one host, the best"
    assert answer["zones"] == {"nova": 1, "b": 4}
    assert {each["limit"]: each["more"] for each in answer["limits"]}["affinity"] == 1


@pytest.mark.parametrize("policy", ["soft-affinity", "soft-anti-affinity"])
def test_soft_policies_limit_nothing(cloud: Any, flavor: Any, policy: str) -> None:
    cloud.host("a").host("b").servers("a", "1")
    assert hosts(cloud, flavor(), group=group(cloud, policy, "1")) == {"a": 4, "b": 4}


def test_groups_that_are_wrong(cloud: Any) -> None:
    group(cloud, "affinity")
    group_again = replace(cloud.snapshot.server_groups[0], uuid="other")
    with pytest.raises(UnknownNameError, match="no server group 'h'"):
        existing_group(cloud.snapshot, "h")
    cloud.snapshot.server_groups.append(group_again)
    with pytest.raises(QuestionError, match="2 server groups 'g': give the uuid, one of other, uuid-g"):
        existing_group(cloud.snapshot, "g")
    with pytest.raises(QuestionError, match="one of the policies affinity"):
        new_group("together")
    with pytest.raises(QuestionError, match="max_server_per_host"):
        new_group("affinity", 2)


def test_the_scheduler_that_is_assumed(cloud: Any, flavor: Any) -> None:
    cloud.host("a").aggregate("x", "a", filter_tenant_id="p", trait__T="required")
    cloud.flavors(flavor(aggregate_instance_extra_specs__a="b"))
    found = configured(None, cloud.snapshot)
    assert found.has("AggregateMultiTenancyIsolation")
    assert found.has("AggregateInstanceExtraSpecsFilter")
    assert found.enable_isolated_aggregate_filtering
    assert len(found.assumed) == 3
    given = configured({"enabled_filters": ["ComputeFilter", "IoOpsFilter"]}, cloud.snapshot)
    assert not given.has("AggregateMultiTenancyIsolation")
    assert given.unseen(5) == ["IoOpsFilter looks at servers that are being built, which no API shows."]


@pytest.mark.parametrize("key", ["aggregate_instance_extra_specs__ssd", "ssd"])
def test_the_filter_that_a_flavor_to_be_needs_is_assumed(cloud: Any, flavor: Any, key: str) -> None:
    cloud.host("a").host("b").aggregate("x", "a", ssd="true")
    answer = fits(cloud.snapshot, [flavor(**{key: "true"})])
    assert answer["flavors"]["m1"]["hosts"] == {"a": 4}
    (sentence,) = answer["limits"]
    assert "has the filter AggregateInstanceExtraSpecsFilter, since" in sentence
    assert fits(cloud.snapshot, [flavor(other="true")])["limits"] == []


def test_filters_that_see_only_some_of_the_candidates(cloud: Any) -> None:
    cloud.host("a").aggregate("x", "a", filter_tenant_id="p")
    found = configured(None, cloud.snapshot)
    assert found.unseen(1000) == []
    (sentence,) = found.unseen(1001)
    assert "takes 1000 candidates" in sentence and "AggregateMultiTenancyIsolation" in sentence


def test_a_scheduler_that_is_wrong(cloud: Any) -> None:
    with pytest.raises(QuestionError, match=r"no option 'max_instances' \(similar: max_instances_per_host\)"):
        configured({"max_instances": 3}, cloud.snapshot)
    with pytest.raises(QuestionError, match=r"'ComputFilter' in enabled_filters .*similar: ComputeFilter"):
        configured({"enabled_filters": ["ComputFilter"]}, cloud.snapshot)


@pytest.mark.parametrize(
    ("value", "wanted", "outcome"),
    [
        ("a", "a", True),
        ("a", "b", False),
        ("5", ">= 4", True),
        ("5", "= 6", False),
        ("5", "== 5.0", True),
        ("5", "!= 5", False),
        ("3", "<= 4", True),
        ("x", ">= 4", False),
        ("b", "s> a", True),
        ("a", "s== a", True),
        ("abc", "<in> bc", True),
        ("a b c", "<all-in> a c", True),
        ("a b c", "<all-in> a d", False),
        ("b", "<or> a <or> b", True),
        ("c", "<or> a <or> b", False),
        ("", "", True),
        ("a", "s==", False),
    ],
)
def test_operators_of_extra_specs(value: str, wanted: str, outcome: bool) -> None:
    assert matches(value, wanted) is outcome
