# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""host_facts: what the declaration names, and nothing else."""

from __future__ import annotations

from typing import Any

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.scaleout.nova.plugins.filter.host_facts import FilterModule, host_facts

HOSTVARS: dict[str, dict[str, Any]] = {
    "a": {"rack": "r1", "row": 1, "password": "correct-horse", "group_names": ["computes", "zone_a"]},
    "b": {"row": 2, "disk": "ssd", "nova_compute_host": "b.example.org", "nova_compute_cell": "cell2"},
}
DECLARED: list[dict[str, Any]] = [
    {"name": "one", "rule": {"any": [{"vars": {"rack": "r1"}}, {"not": {"vars": {"unknown": 1}}}]}},
    {"name": "two", "goal": {"spread": "row", "distinct": {"disk": 1}}},
]


def test_only_what_is_named() -> None:
    assert host_facts(["a", "b"], HOSTVARS, DECLARED) == {
        "a": {"vars": {"rack": "r1", "row": 1}, "groups": ["computes", "zone_a"]},
        "b.example.org": {"vars": {"row": 2, "disk": "ssd", "nova_compute_cell": "cell2"}, "groups": []},
    }


def test_a_variable_of_exactly_one_of() -> None:
    groups = [{"aggregates": ["one"], "rule": {"vars": {"password": "x"}}}]
    assert "password" in host_facts(["a"], HOSTVARS, [{"name": "one"}], groups)["a"]["vars"]


def test_defaults() -> None:
    found = host_facts(["a", "b"], HOSTVARS, [], defaults={"nova_compute_cell": "cell1"})
    assert [each["vars"] for each in found.values()] == [{"nova_compute_cell": "cell1"}, {"nova_compute_cell": "cell2"}]


@pytest.mark.parametrize(
    ("hosts", "declared", "message"),
    [(["c"], DECLARED, "no host 'c'"), (["a"], [{"name": "x", "rul": {}}], r"aggregates\[0\] \(x\).rul is no option")],
)
def test_what_is_wrong(hosts: list[str], declared: Any, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        host_facts(hosts, HOSTVARS, declared)


def test_two_hosts_of_the_same_name_in_nova() -> None:
    with pytest.raises(AnsibleFilterError, match=r"the hosts b and c are both b\.example\.org in Nova"):
        host_facts(["a", "a", "b", "c"], {**HOSTVARS, "c": {"nova_compute_host": "b.example.org"}}, DECLARED)


def test_the_filter_has_its_name() -> None:
    assert FilterModule().filters() == {"host_facts": host_facts}
