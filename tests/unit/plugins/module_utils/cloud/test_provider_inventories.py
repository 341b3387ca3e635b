# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories as they are wanted: what is wrong, what changes, what does not last."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import provider_inventories as inventories
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.selection import ProblemsError, Target

ROOT = Target("u1", "cpu1", "cpu1")
NESTED = Target("u2", "cpu1_pci", "cpu1")
POOL = Target("u3", "pool", None)


def held(total: int = 10, **fields: Any) -> dict[str, Any]:
    return {**inventories.DEFAULTS, "total": total, **fields}


def change(target: Target, before: dict[str, Any], absent: tuple[str, ...] = (), **wanted: Any) -> inventories.Change:
    return inventories.change(target, before, inventories.parse(wanted, absent))


# ---- what the operator may write


@pytest.mark.parametrize(
    ("name", "fields", "message"),
    [
        ("vcpu", {"total": 1}, "'vcpu' cannot be a resource class: capital letters, digits and _ are allowed (VCPU)."),
        ("VCPU", {}, "The inventory of VCPU has to be a dictionary of its fields (total, reserved,"),
        ("VCPU", 4, "The inventory of VCPU has to be a dictionary"),
        ("VCPU", {"ratio": 4}, "An inventory has no field ratio (given for VCPU); its fields: total,"),
        ("VCPU", {"allocation_ration": 4}, "no field allocation_ration (given for VCPU) (similar: allocation_ratio)"),
        ("VCPU", {"total": 0}, "total of VCPU is 0: it has to be a whole number from 1 to 2147483647."),
        ("VCPU", {"reserved": -1}, "reserved of VCPU is -1: it has to be a whole number from 0"),
        ("VCPU", {"reserved": 1.5}, "reserved of VCPU is 1.5: it has to be a whole number"),
        ("VCPU", {"reserved": True}, "reserved of VCPU is True: it has to be a whole number"),
        ("VCPU", {"allocation_ratio": 0}, "allocation_ratio of VCPU is 0: it has to be a number greater than 0, and"),
        ("CUSTOM_", {"total": 1}, "A resource class of your own has a name after CUSTOM_."),
        ("VCPU", {"allocation_ratio": 1e39}, "has to be a number greater than 0, and 3.40282e+38 at most."),
        ("VCPU", {"allocation_ratio": "nan"}, "allocation_ratio of VCPU is nan: it has to be a number greater than 0"),
        ("VCPU", {"allocation_ratio": None}, "allocation_ratio of VCPU is None: it has to be a number greater than 0"),
        ("VCPU", {"total": 4, "reserved": 5}, "reserved of VCPU is 5, and its total only 4."),
        ("VCPU", {"min_unit": 4, "max_unit": 2}, "min_unit of VCPU is 4, and its max_unit only 2."),
    ],
)
def test_what_cannot_be(name: str, fields: Any, message: str) -> None:
    with pytest.raises(ProblemsError) as caught:
        inventories.parse({name: fields}, [])
    assert message in str(caught.value)


def test_all_that_is_wrong_is_said_at_once() -> None:
    with pytest.raises(ProblemsError) as caught:
        inventories.parse({"VCPU": {"total": 0}, "x": {"total": 1}}, ["VCPU", "y"])
    for text in ("total of VCPU", "'x' cannot be", "VCPU is both in inventories and in absent.", "'y' cannot be"):
        assert text in str(caught.value)


def test_numbers_as_templates_give_them() -> None:
    wanted = inventories.parse({"VCPU": {"total": "16", "allocation_ratio": "2"}}, [])
    assert wanted.present == {"VCPU": {"total": 16, "allocation_ratio": 2.0}}


# ---- what changes


def test_nothing_but_what_is_named_changes() -> None:
    found = change(ROOT, {"VCPU": held(), "DISK_GB": held()}, VCPU={"allocation_ratio": 4})
    assert found.before == {"VCPU": held()} and found.after == {"VCPU": held(allocation_ratio=4.0)}
    assert not change(ROOT, {"VCPU": held(allocation_ratio=4.0)}, VCPU={"allocation_ratio": 4, "total": 10})


def test_ratios_differ_in_what_placement_keeps_of_them() -> None:
    assert not change(ROOT, {"VCPU": held(allocation_ratio=1.12346)}, VCPU={"allocation_ratio": 1.1234601})
    assert change(ROOT, {"VCPU": held(allocation_ratio=1.12346)}, VCPU={"allocation_ratio": 1.1235})


def test_whole_numbers_differ_by_one() -> None:
    assert change(ROOT, {"MEMORY_MB": held(2097152)}, MEMORY_MB={"total": 2097153})
    assert change(ROOT, {"MEMORY_MB": held()}, MEMORY_MB={"max_unit": inventories.LARGEST - 1})


def test_a_class_that_comes_and_one_that_goes() -> None:
    found = change(POOL, {"DISK_GB": held()}, ("DISK_GB", "VCPU"), CUSTOM_LICENSE={"total": 3})
    assert found.before == {"CUSTOM_LICENSE": None, "DISK_GB": held()}
    assert found.after == {"CUSTOM_LICENSE": held(3), "DISK_GB": None}


@pytest.mark.parametrize(
    ("wanted", "used", "allowed", "count"),
    [
        ({"allocation_ratio": 1.0}, 11, False, 1),
        ({"allocation_ratio": 1.0}, 10, False, 0),
        ({"allocation_ratio": 1.0}, 11, True, 0),
        ({"reserved": 3}, 15, False, 1),
        ({"reserved": 3}, 14, False, 0),
        ({"allocation_ratio": 3.0}, 99, False, 0),
        ({"reserved": 11}, 0, True, 1),
        ({"reserved": 11}, 0, False, 1),
        ({"min_unit": 7, "max_unit": 7}, 0, True, 0),
    ],
)
def test_what_stands_against_it(wanted: dict[str, Any], used: int, allowed: bool, count: int) -> None:
    found = change(POOL, {"VCPU": held(allocation_ratio=2.0)}, VCPU=wanted)
    assert len(inventories.problems(found, {"VCPU": used}, allowed)) == count


def test_a_class_that_is_used_does_not_go_and_a_new_one_needs_a_total() -> None:
    found = change(POOL, {"VCPU": held()}, ("VCPU",), DISK_GB={"reserved": 1})
    assert inventories.problems(found, {"VCPU": 2}, True) == [
        "pool: there is no inventory of DISK_GB yet, so total has to be given.",
        "pool: the inventory of VCPU cannot be removed, as 2 of it are allocated.",
    ]


# ---- what does not last


@pytest.mark.parametrize(
    ("target", "wanted", "lost"),
    [
        (ROOT, {"VCPU": {"allocation_ratio": 4}}, {}),
        (ROOT, {"VCPU": {"allocation_ratio": 4, "reserved": 1}}, {"VCPU": ["reserved"]}),
        (ROOT, {"PCPU": {"allocation_ratio": 2}}, {"PCPU": ["allocation_ratio"]}),
        (NESTED, {"VGPU": {"total": 4}}, {"VGPU": ["total"]}),
        (NESTED, {"CUSTOM_LICENSE": {"total": 4}}, {}),
        (ROOT, {"CUSTOM_LICENSE": {"total": 4}}, {"CUSTOM_LICENSE": list(inventories.FIELDS)}),
        (POOL, {"VCPU": {"reserved": 1}, "CUSTOM_LICENSE": {"total": 4}}, {}),
    ],
)
def test_what_nova_compute_undoes(target: Target, wanted: dict[str, Any], lost: dict[str, list[str]]) -> None:
    before = {name: held() for name in ("VCPU", "PCPU", "VGPU")}
    assert inventories.fleeting(change(target, before, (), **wanted)) == lost


def test_a_warning_for_all_hosts_together() -> None:
    targets = [Target("u%d" % number, "cpu%d" % number, "cpu%d" % number) for number in range(3)]
    changes = [change(target, {"MEMORY_MB": held()}, MEMORY_MB={"reserved": 5}) for target in targets]
    assert inventories.warnings(changes) == [
        "nova-compute writes reserved of MEMORY_MB anew at its next update, so this does not last on 3 resource"
        " provider(s), such as cpu0: set reserved_host_memory_mb in the nova.conf of these hosts."
    ]
    assert inventories.warnings([change(ROOT, {"CUSTOM_X": held()}, ("CUSTOM_X",))]) == []
