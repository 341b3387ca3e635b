# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Whether servers of several flavors fit together: the search against trying everything, and the whole question."""

from __future__ import annotations

import collections
import itertools
import random
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.fits import Survey
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.mix import MixAnswer, mix
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import SHARING, Inventory, Provider
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.rules import new_group
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.search import Bin, Item, search


def possible(items: list[Item], bins: list[Bin]) -> bool:
    """Try everything, one item at a time."""
    flat = [item.amounts for item in items for _each in range(item.number)]
    kinds = [kind for kind, item in enumerate(items) for _each in range(item.number)]
    for choice in itertools.product(range(len(bins)), repeat=len(flat)):
        used = [[0] * len(each.free) for each in bins]
        counts: collections.Counter[tuple[int, int]] = collections.Counter()
        for where, amounts, kind in zip(choice, flat, kinds, strict=True):
            counts[where, kind] += 1
            for dimension, amount in enumerate(amounts):
                used[where][dimension] += amount
        if all(
            taken <= free
            for held, each in zip(used, bins, strict=True)
            for taken, free in zip(held, each.free, strict=True)
        ) and all(number <= bins[where].most[kind] for (where, kind), number in counts.items()):
            return True
    return False


@pytest.mark.parametrize("seed", range(300))
def test_the_search_finds_what_trying_everything_finds(seed: int) -> None:
    dice = random.Random(seed)
    dimensions = dice.randint(1, 3)
    items = [
        Item(tuple(dice.randint(0, 4) for _each in range(dimensions)), dice.randint(1, 3))
        for _kind in range(dice.randint(1, 3))
    ]
    while sum(item.number for item in items) > 6:
        items.pop()
    bins = []
    for _bin in range(dice.randint(1, 3)):
        free = tuple(dice.randint(2, 9) for _each in range(dimensions))
        most = tuple(dice.choice((0, 1, 9, 9)) for _item in items)
        bins += [Bin(free, most)] * dice.randint(1, 2)
    bins = bins[:4]
    found, proven = search(items, bins)
    assert proven
    assert (found is not None) == possible(items, bins)
    if found is not None:
        assert [sum(held[kind] for held in found) for kind in range(len(items))] == [item.number for item in items]
        for held, each in zip(found, bins, strict=True):
            assert all(number <= most for number, most in zip(held, each.most, strict=True))
            for dimension, free in enumerate(each.free):
                assert sum(n * item.amounts[dimension] for n, item in zip(held, items, strict=True)) <= free


def test_a_search_that_is_cut_off_says_so() -> None:
    items = [Item((3,), 7), Item((5,), 7), Item((7,), 7)]
    assert search(items, [Bin((11,), (9, 9, 9))] * 10, steps=5) == (None, False)


def ask(cloud: Any, *wanted: tuple[Any, int], **terms: Any) -> MixAnswer:
    survey = Survey(cloud.snapshot, **terms)
    answer = mix(survey, [(survey.demand(flavor, None, False), number) for flavor, number in wanted])
    placed: collections.Counter[str] = collections.Counter()
    for numbers in answer["placement"].values():
        placed.update(numbers)
    for flavor, number in wanted:
        assert placed[flavor.name] + answer["missing"].get(flavor.name, 0) == number
    assert answer["fits"] == (not answer["missing"])
    return answer


def test_what_fits_comes_with_a_placement(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b")
    answer = ask(cloud, (flavor("large", 6, 1024), 2), (flavor("small", 2, 1024), 2))
    assert answer["fits"] and answer["proven"]
    assert answer["placement"] == {"a": {"large": 1, "small": 1}, "b": {"large": 1, "small": 1}}
    assert answer["missing"] == {} and answer["reasons"] == []


def test_one_flavor_that_is_too_many_by_itself(cloud: Any, flavor: Any) -> None:
    cloud.host("a")
    answer = ask(cloud, (flavor("m", 2), 5), (flavor("n", 1), 0))
    assert not answer["fits"] and answer["proven"]
    assert answer["reasons"] == ["5 of m are asked for, and 4 fit even without the others."]


def test_a_resource_that_is_too_little_for_all(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b")
    answer = ask(cloud, (flavor("m", 2, 1024), 5), (flavor("n", 4, 1024), 2))
    assert not answer["fits"] and answer["proven"]
    assert answer["reasons"] == [
        "18 of VCPU are asked for (m, n), and 16 can be used on the hosts that take any of these."
    ]


def test_a_shortage_on_the_hosts_of_two_flavors_among_three(cloud: Any, flavor: Any) -> None:
    cloud.host("gpu", traits=("GPU",)).host("b").host("c")
    gpus = [(flavor(name, 4, 512, trait__GPU="required"), number) for name, number in (("g1", 1), ("g2", 2))]
    answer = ask(cloud, *gpus, (flavor("m", 1, 512), 4))
    assert answer["proven"]
    assert answer["reasons"] == [
        "12 of VCPU are asked for (g1, g2), and 8 can be used on the hosts that take any of these."
    ]


def test_a_mix_that_only_an_exact_search_refuses(cloud: Any, flavor: Any) -> None:
    # 5+5+5 and 3+3+3+3 in three bins of 9 come to 27 in all, and yet each bin with a 5 has room for only one 3
    for name in "abc":
        cloud.host(name, vcpus=9)
    answer = ask(cloud, (flavor("five", 5, 64, 1), 3), (flavor("three", 3, 64, 1), 4))
    assert not answer["fits"] and answer["proven"]
    assert answer["missing"] == {"three": 1}
    assert answer["reasons"] == ["An exact search found that there is no way to place them all."]


def test_a_mix_that_the_simple_orders_miss(cloud: Any, flavor: Any) -> None:
    # 6+6 and 4+4+4 do it; whoever puts a 6 beside a 4 does not
    cloud.host("a", vcpus=12).host("b", vcpus=12)
    assert ask(cloud, (flavor("six", 6, 64, 1), 2), (flavor("four", 4, 64, 1), 3))["fits"]


def test_without_a_proof_it_says_so(cloud: Any, flavor: Any) -> None:
    for name in "abc":
        cloud.host(name, vcpus=0).child(name, name + "-numa", VCPU=9)
    answer = ask(cloud, (flavor("five", 5, 64, 1), 3), (flavor("three", 3, 64, 1), 4))
    assert not answer["fits"] and not answer["proven"]


def test_rules_and_groups_hold_for_a_mix(cloud: Any, flavor: Any) -> None:
    cloud.host("a").host("b").host("c", status="disabled")
    wanted = [(flavor("m", 1, 512), 2), (flavor("n", 2, 512), 1)]
    assert ask(cloud, *wanted)["fits"]
    apart = ask(cloud, *wanted, group=new_group("anti-affinity"))
    assert not apart["fits"] and apart["proven"]
    assert apart["reasons"] == ["3 servers (m, n) are asked for, and rules allow 2 on their hosts."]
    together = ask(cloud, *wanted, group=new_group("affinity"))
    assert together["fits"] and len(together["placement"]) == 1
    many = ask(cloud, (flavor("m", 1, 512), 6), (flavor("n", 2, 512), 2), group=new_group("affinity"))
    assert not many["fits"] and many["proven"], "they fit on two hosts, but not on one"


def test_a_shared_disk_is_counted_once(cloud: Any, flavor: Any) -> None:
    cloud.host("a", disk=0).host("b", disk=0)
    shared = frozenset({"pool"})
    cloud.snapshot.providers[:] = [
        Provider(each.uuid, each.name, None, 1, each.inventories, each.traits, shared)
        for each in cloud.snapshot.providers
    ]
    disk = {"DISK_GB": Inventory(50, 0, 50, 0, 1.0, 1, 50, 1)}
    cloud.snapshot.providers.append(Provider("nfs", "nfs", None, 1, disk, frozenset({SHARING}), shared))
    assert ask(cloud, (flavor("m", 1, 512, 10), 3), (flavor("n", 2, 512, 20), 1))["fits"]
    answer = ask(cloud, (flavor("m", 1, 512, 10), 4), (flavor("n", 2, 512, 20), 1))
    assert not answer["fits"] and answer["proven"]
    assert "60 of DISK_GB" in answer["reasons"][0]


def test_nothing_is_asked_for(cloud: Any, flavor: Any) -> None:
    cloud.host("a")
    assert ask(cloud)["fits"]
    assert ask(cloud, (flavor(), 0))["fits"]
