# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Provider trees: cases whose answers can be seen. That they are Placement's is what tests/conformance shows."""

from __future__ import annotations

import typing as t

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import packing
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import SnapshotError
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.groups import (
    Request,
    RequestGroup,
    all_of,
    amounts,
)
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import (
    SHARING,
    Inventory,
    Provider,
    Snapshot,
)
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.trees import Count, Forest, Limit


def provider(uuid: str, parent: str | None = None, traits: str = "", aggregates: str = "", **held: t.Any) -> Provider:
    """A provider; ``VCPU=4`` or ``VCPU=Inventory(...)``."""
    inventories = {name: value if isinstance(value, Inventory) else Inventory(value) for name, value in held.items()}
    return Provider(uuid, uuid, parent, 0, inventories, frozenset(traits.split()), frozenset(aggregates.split()))


def group(suffix: str = "", required: str = "", forbidden: str = "", **resources: int) -> RequestGroup:
    return RequestGroup(suffix, amounts(resources), all_of(required.split()), frozenset(forbidden.split()))


def forest(*providers: Provider) -> Forest:
    return Forest(Snapshot(providers=list(providers)))


SMALL = Request((group(VCPU=1, MEMORY_MB=512, DISK_GB=5),))
FLAT = provider("h", VCPU=Inventory(8, 2), MEMORY_MB=4096, DISK_GB=100)
POOL = provider("pool", traits=SHARING, aggregates="a", DISK_GB=30)
GPU = [
    provider("h", VCPU=16, MEMORY_MB=16384, DISK_GB=100, traits="HOST"),
    provider("g1", "h", VGPU=2, traits="FAST"),
    provider("g2", "h", VGPU=4, traits="SLOW"),
]
NUMA = [
    provider("h", DISK_GB=100),
    provider("n0", "h", VCPU=4, MEMORY_MB=4096),
    provider("n1", "h", VCPU=4, MEMORY_MB=4096),
    provider("nic0", "n0", VF=3),
    provider("nic1", "n1", VF=1),
]

COUNTS: list[tuple[str, list[Provider], Request, int]] = [
    ("the scarcest class", [FLAT], SMALL, 6),
    ("a class that is not there", [FLAT], Request((group(VCPU=1, VGPU=1),)), 0),
    ("more used than there is", [provider("h", VCPU=Inventory(4, 9))], Request((group(VCPU=1),)), 0),
    ("max_unit", [provider("h", VCPU=Inventory(8, max_unit=2))], Request((group(VCPU=3),)), 0),
    ("a class of the unnumbered group is whole", GPU, Request((group(VCPU=1, VGPU=3),)), 1),
    ("from either card", GPU, Request((group(VCPU=1, VGPU=1),)), 6),
    ("the trait of a card", GPU, Request((group("1", "FAST", VGPU=1), group(VCPU=1))), 2),
    ("not that card", GPU, Request((group("1", "", "SLOW", VGPU=1), group(VCPU=1))), 2),
    ("the traits of all together", GPU, Request((group("", "HOST FAST", VCPU=1, VGPU=1),)), 2),
    ("a trait only others have", GPU, Request((group("", "FAST", VCPU=1),)), 0),
    ("two groups", GPU, Request((group("1", VGPU=1), group("2", VGPU=1), group(VCPU=1))), 3),
    ("on two cards", GPU, Request((group("1", VGPU=1), group("2", VGPU=1), group(VCPU=1)), isolate=True), 2),
    ("classes from different nodes", NUMA, Request((group(VCPU=3, MEMORY_MB=3072),)), 2),
    ("a group from one node", NUMA, Request((group("1", VCPU=3, MEMORY_MB=1024), group(DISK_GB=1))), 2),
    ("sums", NUMA, Request((group("1", VCPU=3), group("2", VCPU=2))), 1),
    (
        "the node of its card",
        NUMA,
        Request((group("1", VCPU=2), group("2", VF=1)), same_subtree=(frozenset("12"),)),
        3,
    ),
    (
        "and all from that node",
        NUMA,
        Request((group("1", VCPU=3), group("2", VF=1)), same_subtree=(frozenset("12"),)),
        2,
    ),
    ("the root has it", GPU, Request((group(VCPU=1),), root_required=frozenset(["HOST"])), 16),
    ("the root has it not", GPU, Request((group(VCPU=1),), root_required=frozenset(["FAST"])), 0),
    ("the root has what it may not", GPU, Request((group(VGPU=1),), root_forbidden=frozenset(["HOST"])), 0),
    ("a group without anything", GPU, Request((group(VCPU=1), group("1")), same_subtree=(frozenset("1"),)), 0),
    ("a shared disk", [provider("h", aggregates="a", VCPU=9, MEMORY_MB=9216), POOL], SMALL, 6),
    ("in another aggregate", [provider("h", aggregates="b", VCPU=9, MEMORY_MB=9216), POOL], SMALL, 0),
    ("nothing of its own", [provider("h", aggregates="a", VCPU=9), POOL], Request((group(DISK_GB=1),)), 0),
]


@pytest.mark.parametrize(("what", "providers", "request_", "fits"), COUNTS, ids=[row[0] for row in COUNTS])
def test_counts(what: str, providers: list[Provider], request_: Request, fits: int) -> None:
    trees = forest(*providers)
    assert trees.most("h", request_) == Count(fits, fits)
    assert trees.most_each(request_, ["h"]) == ({"h": Count(fits, fits)} if fits else {})
    assert trees.admits("h", request_) is (fits > 0)
    assert trees.together(request_, ["h"]) == Count(fits, fits)
    for left in range(fits - 1, -1, -1):  # one after the other, what was promised is kept
        assert trees.claim("h", request_) == 1
        assert trees.most("h", request_) == Count(left, left)
    assert trees.claim("h", request_) == 0


MEMBER = RequestGroup("", (("VCPU", 1),), member_of=(frozenset("a"), frozenset("bc")))


@pytest.mark.parametrize(
    ("aggregates", "asked", "fits"),
    [
        ("a b", MEMBER, 4),
        ("a c", MEMBER, 4),
        ("a", MEMBER, 0),
        ("b c", MEMBER, 0),
        ("a", RequestGroup("", (("VCPU", 1),), not_member_of=frozenset("ab")), 0),
        ("c", RequestGroup("", (("VCPU", 1),), not_member_of=frozenset("ab")), 4),
        ("a", RequestGroup("", (("VCPU", 1),), in_tree="h"), 4),
        ("a", RequestGroup("", (("VCPU", 1),), in_tree="child"), 4),
        ("a", RequestGroup("", (("VCPU", 1),), in_tree="other"), 0),
        ("a", RequestGroup("", (("VCPU", 1),), in_tree="nobody"), 0),
        ("a", RequestGroup("", (("VGPU", 1),), member_of=(frozenset("a"),)), 2),  # the root's counts for its tree
        ("a", RequestGroup("1", (("VGPU", 1),), member_of=(frozenset("a"),)), 0),  # but not for granular groups
        ("a", RequestGroup("", (("VGPU", 1),), not_member_of=frozenset("a")), 0),
        ("a", RequestGroup("1", (("VGPU", 1),), not_member_of=frozenset("a")), 2),
    ],
)
def test_aggregates_and_trees(aggregates: str, asked: RequestGroup, fits: int) -> None:
    trees = forest(
        provider("h", aggregates=aggregates, VCPU=4), provider("child", "h", VGPU=2), provider("other", VCPU=4)
    )
    assert trees.most("h", Request((asked,))) == Count(fits, fits)


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({}, 4),
        ({"member_of": (frozenset("b"),)}, 0),  # the host's aggregate is not the pool's
        ({"member_of": (frozenset("a"),)}, 4),
        ({"not_member_of": frozenset("b")}, 0),
        ({"in_tree": "h"}, 0),
    ],
)
def test_a_pool_and_the_aggregates_of_its_hosts(asked: dict[str, t.Any], fits: int) -> None:
    trees = forest(provider("h", aggregates="a b", VCPU=4), POOL)
    assert trees.most("h", Request((RequestGroup("", (("DISK_GB", 1), ("VCPU", 1)), **asked),))) == Count(fits, fits)


def test_one_of_the_groups_wants_a_tree() -> None:
    trees = forest(provider("1", VCPU=2, VGPU=2), provider("2", VCPU=2, VGPU=2))
    asked = Request((group(VCPU=1), RequestGroup("1", (("VGPU", 1),), in_tree="2")))
    assert trees.most_each(asked) == {"2": Count(2, 2)}
    assert trees.limits_each(asked)["1"] == (Limit("group rules", "tree", 2),)


def test_any_of_several_traits() -> None:
    asked = Request((RequestGroup("", (("VCPU", 1),), (frozenset(["A", "B"]), frozenset(["C"]))),))
    trees = forest(
        provider("1", traits="A C", VCPU=1), provider("2", traits="B C", VCPU=2), provider("3", traits="A B")
    )
    assert trees.most_each(asked) == {"1": Count(1, 1), "2": Count(2, 2)}


def hosts_with(number: int, pools: str, **held: int) -> list[Provider]:
    return [
        provider("%s%d" % (pools, n), aggregates=" ".join(pools), VCPU=4, MEMORY_MB=4096, **held) for n in range(number)
    ]


JOINT: list[tuple[str, list[Provider], int]] = [
    ("the pool is the limit", [*hosts_with(3, "a"), POOL], 6),
    ("their own disks first", [*hosts_with(3, "a", DISK_GB=5), POOL], 9),
    ("the hosts are the limit", [*hosts_with(1, "a", DISK_GB=5), POOL], 4),
    (
        "two pools, and hosts that reach both",
        [*hosts_with(1, "a"), *hosts_with(2, "ab"), POOL, provider("q", traits=SHARING, aggregates="b", DISK_GB=25)],
        11,
    ),
    ("a host that has nothing to do with it", [*hosts_with(3, "a"), *hosts_with(1, "c", DISK_GB=15), POOL], 9),
]


@pytest.mark.parametrize(("what", "providers", "fits"), JOINT, ids=[row[0] for row in JOINT])
def test_together(what: str, providers: list[Provider], fits: int) -> None:
    trees = forest(*providers)
    hosts = [root for root in trees.roots if root not in ("pool", "q")]
    assert trees.together(SMALL, hosts) == Count(fits, fits)
    if "pools" not in what:  # (there the order matters)
        assert sum(trees.claim(host, SMALL, 99) for host in hosts) == fits
        assert trees.together(SMALL, hosts) == Count(0, 0)


def test_two_classes_from_pools_have_bounds() -> None:
    pool = provider("pool", traits=SHARING, aggregates="a", DISK_GB=30, VGPU=2)
    count = forest(*hosts_with(3, "a"), pool).together(Request((group(VCPU=1, DISK_GB=5, VGPU=1),)), ["a0", "a1", "a2"])
    assert count.fits == 2 <= count.bound
    assert not count.proven


LIMITS: list[tuple[str, list[Provider], Request, list[Limit]]] = [
    ("one class", [FLAT], SMALL, [Limit("VCPU", "resource", 2)]),
    (
        "nothing of one, little of another",
        [provider("h", VCPU=0, DISK_GB=1)],
        Request((group(VCPU=1, DISK_GB=1),)),
        [Limit("VCPU", "resource", 1)],
    ),
    ("the only class", [FLAT], Request((group(VCPU=1),)), [Limit("VCPU", "resource", None)]),
    (
        "two classes as scarce",
        [provider("h", VCPU=2, MEMORY_MB=1024, DISK_GB=50)],
        SMALL,
        [Limit("MEMORY_MB", "resource", 0), Limit("VCPU", "resource", 0)],
    ),
    (
        "a class that is not there",
        [provider("h", VCPU=2, MEMORY_MB=1024)],
        SMALL,
        [Limit("DISK_GB", "resource", 2)],
    ),
    (
        "a unit",
        [provider("h", VCPU=Inventory(8, max_unit=2), MEMORY_MB=4096)],
        Request((group(VCPU=4, MEMORY_MB=1024),)),
        [Limit("VCPU", "resource", 4), Limit("max_unit of VCPU", "unit", 2)],
    ),
    (
        "a trait, and one too many",
        [provider("h", traits="B", VCPU=2, MEMORY_MB=4096)],
        Request((group("", "A", "B", VCPU=1, MEMORY_MB=512),)),
        [Limit("trait !B", "trait", 0), Limit("trait A", "trait", 0)],
    ),
    (
        "a trait of the root",
        [provider("h", VCPU=2, MEMORY_MB=4096)],
        Request((group(VCPU=1, MEMORY_MB=512),), root_required=frozenset("A")),
        [Limit("trait A", "trait", 2)],
    ),
    (
        "a trait, and nothing left",
        [provider("h", VCPU=Inventory(2, 2), MEMORY_MB=4096)],
        Request((group("", "A", VCPU=1, MEMORY_MB=512),)),
        [Limit("VCPU", "resource", 0), Limit("trait A", "trait", 0)],
    ),
    (
        "an aggregate",
        [provider("h", VCPU=2, MEMORY_MB=4096)],
        Request((RequestGroup("", amounts({"VCPU": 1, "MEMORY_MB": 512}), member_of=(frozenset("a"),)),)),
        [Limit("aggregates", "aggregate", 2)],
    ),
    (
        "cards apart",
        GPU,
        Request((group("1", VGPU=1), group("2", VGPU=1), group(VCPU=1)), isolate=True),
        [Limit("VGPU", "resource", 14), Limit("group rules", "tree", 1)],
    ),
    (
        "the trait of a card",
        GPU,
        Request((group("1", "FAST", "BROKEN", VGPU=1), group(VCPU=1))),
        [Limit("VGPU", "resource", 14), Limit("trait FAST", "trait", 4)],
    ),
    (
        "cards apart, and nothing left",
        [provider("h", VCPU=0), provider("g", "h", VGPU=2)],
        Request((group("1", VGPU=1), group("2", VGPU=1), group(VCPU=1)), isolate=True),
        [Limit("VCPU", "resource", 0), Limit("group rules", "tree", 0)],
    ),
    (
        "a unit that only groups together exceed",
        [provider("h", VCPU=9, VGPU=Inventory(4, max_unit=1))],
        Request((group("1", VGPU=1), group("2", VGPU=1), group(VCPU=1))),
        [Limit("VGPU", "resource", 9), Limit("max_unit of VGPU", "unit", 2)],
    ),
    (
        "a class that is there in another unit",
        [provider("h", VCPU=9, VGPU=Inventory(4, max_unit=1))],
        Request((group("1", VGPU=1), group("2", VGPU=1), group("3", VGPU=1), group(VCPU=3))),
        [Limit("VGPU", "resource", 3), Limit("max_unit of VGPU", "unit", 1)],
    ),
    (
        "a unit of a pool that is no help without anything of the host",
        [
            provider("h", VCPU=2, aggregates="a"),
            provider("pool", traits=SHARING, aggregates="a", DISK_GB=Inventory(30, max_unit=1)),
        ],
        Request((group(DISK_GB=5),)),
        [Limit("DISK_GB", "resource", None)],
    ),
    (
        "a class without limit on the host, and not on what shares another one with it",
        [provider("h", VCPU=2, MEMORY_MB=512, traits="BAD", aggregates="a"), POOL],
        Request((group("", "", "BAD", VCPU=1, DISK_GB=5), group("1", MEMORY_MB=512))),
        [Limit("trait !BAD", "trait", 1)],
    ),
    (
        "a subtree with a trait that is nowhere",
        [provider("h", VCPU=2), provider("g", "h", VGPU=2)],
        Request((group("1", VGPU=1), group("2", "FAST"), group(VCPU=1)), same_subtree=(frozenset("12"),)),
        [Limit("group rules", "tree", 2), Limit("trait FAST", "trait", 2)],
    ),
]


@pytest.mark.parametrize(("what", "providers", "request_", "limits"), LIMITS, ids=[row[0] for row in LIMITS])
def test_limits(what: str, providers: list[Provider], request_: Request, limits: list[Limit]) -> None:
    assert list(forest(*providers).limits("h", request_)) == limits


def test_limits_of_hosts_alike_but_for_what_is_free() -> None:
    trees = forest(provider("1", VCPU=2, MEMORY_MB=4096), provider("2", VCPU=8, MEMORY_MB=512))
    assert trees.limits_each(Request((group(VCPU=1, MEMORY_MB=512),))) == {
        "1": (Limit("VCPU", "resource", 6),),
        "2": (Limit("MEMORY_MB", "resource", 7),),
    }


def test_flat_trees_are_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are many: one division a class is all that they may cost."""
    monkeypatch.delattr(packing, "pack")
    assert forest(FLAT).most_each(SMALL) == {"h": Count(6, 6)}


def test_copies_are_independent() -> None:
    trees = forest(*hosts_with(2, "a"), POOL)
    other = trees.copy()
    assert other.claim("a0", SMALL, 3) == 3
    assert other.free("pool") == {"DISK_GB": 15}
    assert other.free("a0") == {"VCPU": 1, "MEMORY_MB": 2560}
    assert trees.free("pool") == {"DISK_GB": 30}
    assert other.most("a1", SMALL) == Count(3, 3)
    assert trees.most("a1", SMALL) == Count(4, 4)


def test_book() -> None:
    trees = forest(*GPU)
    trees.book("g2", "VGPU", 5)
    assert trees.free("g2") == {"VGPU": -1}
    assert trees.most("h", Request((group(VGPU=1, VCPU=1),))) == Count(2, 2)
    trees.book("g2", "VGPU", -5)
    assert trees.most("h", Request((group(VGPU=1, VCPU=1),))) == Count(6, 6)


@pytest.mark.parametrize(
    ("held", "proven"),
    [
        (Inventory(8), False),
        (Inventory(8, admits=(2,)), True),
        (Inventory(8, min_unit=1, max_unit=8, step_size=1), True),
        (Inventory(8, max_unit=1), True),
    ],
)
def test_proven(held: Inventory, proven: bool) -> None:
    trees = forest(provider("h", VCPU=held, DISK_GB=Inventory(5, admits=(1,))))
    assert trees.proven("h", Request((group(VCPU=2, DISK_GB=1),))) is proven


def test_a_parent_that_is_not_there() -> None:
    with pytest.raises(SnapshotError, match="provider c has a parent h that is not there"):
        forest(provider("c", "h", VCPU=1))


def test_children_before_their_parents() -> None:
    trees = forest(*reversed(NUMA))
    assert trees.roots == ["h"]
    assert trees.most("h", Request((group("1", VCPU=3), group(DISK_GB=10)))) == Count(2, 2)
