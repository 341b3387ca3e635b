# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The filters on capacity, by the examples of their documentation and by what they refuse."""

from __future__ import annotations

import re
from types import ModuleType
from typing import Any

import pytest
import yaml
from ansible.errors import AnsibleFilterError
from ansible.parsing.dataloader import DataLoader
from ansible.template import Templar, trust_as_template

from ansible_collections.scaleout.nova.plugins.filter import capacity_rows, flavor_fit, inventory_capacity


def rendered(task: dict[str, Any]) -> Any:
    templar = Templar(DataLoader(), variables=task.get("vars", {}))
    return templar.template(trust_as_template(task["ansible.builtin.debug"]["msg"]))


@pytest.mark.parametrize(
    "module", [flavor_fit, inventory_capacity], ids=lambda module: module.__name__.rsplit(".", maxsplit=1)[-1]
)
def test_the_examples(module: ModuleType) -> None:
    tasks = yaml.safe_load(module.EXAMPLES)
    promised = [
        yaml.safe_load("{%s}" % text if ":" in text else text)
        for text in re.findall(r"^  # (.*)$", module.EXAMPLES, re.M)
    ]
    assert [rendered(task) for task in tasks] == promised


def test_the_capacity_of_an_inventory() -> None:
    capacity = inventory_capacity.inventory_capacity
    assert capacity({"total": 7, "reserved": 2, "allocation_ratio": 1.5}) == 7, "rounded down, after the reserve is off"
    assert capacity({"total": 8}) == 8
    assert capacity({"VCPU": {"total": 4, "allocation_ratio": 16.0}}) == {"VCPU": 64}


@pytest.mark.parametrize(
    "bad", [3, {}, {"used": 1}, {"total": "x"}, {"total": -1}, {"total": 1, "allocation_ratio": 0}]
)
def test_what_is_no_inventory(bad: Any) -> None:
    with pytest.raises(AnsibleFilterError):
        inventory_capacity.inventory_capacity(bad)


def test_the_fit_of_a_flavor() -> None:
    fit = flavor_fit.flavor_fit
    free = {"VCPU": 8, "MEMORY_MB": 8192, "DISK_GB": 5}
    small = {"vcpus": 1, "ram": 1024, "disk": 10}
    assert fit(free, small) == 0
    assert fit(free, small, boot_from_volume=True) == 8
    assert fit(free, {**small, "disk": 0, "extra_specs": {"hw:cpu_policy": "dedicated"}}) == 0
    assert fit({**free, "PCPU": 3}, {**small, "disk": 0, "extra_specs": {"hw:cpu_policy": "dedicated"}}) == 3
    assert fit({"VCPU": -1, "MEMORY_MB": 8192}, {"vcpus": 1, "ram": 1}) == 0


@pytest.mark.parametrize(
    ("free", "flavor", "message"),
    [
        (1, {}, "dictionary of resource class and amount"),
        ({}, "m1", "is a dictionary"),
        ({}, {"vcpu": 1, "ram": 1}, "Flavor flavor: it has no vcpu (similar: vcpus)."),
        ({}, {"vcpus": 1}, "ram has to be a whole number from 1 on"),
        ({"VCPU": "x"}, {"vcpus": 1, "ram": 1}, "whole numbers"),
        ({}, {"vcpus": 1, "ram": 1, "extra_specs": []}, None),
        ({}, {"vcpus": 1, "ram": 1, "extra_specs": [1]}, "extra_specs has to be a dictionary"),
    ],
)
def test_what_does_not_fit_because_it_is_wrong(free: Any, flavor: Any, message: str | None) -> None:
    if message is None:
        assert flavor_fit.flavor_fit(free, flavor) == 0
        return
    with pytest.raises(AnsibleFilterError, match=re.escape(message)):
        flavor_fit.flavor_fit(free, flavor)


def test_rows() -> None:
    limits = [{"limit": "VCPU", "more": 3, "hosts": 1, "kind": "resource"}, {"limit": "zone", "more": 1}]
    answer = {"m1": {"fits": 5, "hosts": {"a": 5}, "limits": limits}, "m2": {"fits": 0, "limits": []}}
    assert capacity_rows.capacity_rows(answer) == [
        {"flavor": "m1", "fits": 5, "hosts": 1, "limit": "VCPU", "more": 3},
        {"flavor": "m2", "fits": 0, "hosts": None, "limit": None, "more": None},
    ]
    for bad in (3, [], {"m1": {}}, {"m1": 3}):
        with pytest.raises(AnsibleFilterError):
            capacity_rows.capacity_rows(bad)
