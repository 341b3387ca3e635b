# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which names and globs mean what."""

from __future__ import annotations

from typing import Any, ClassVar

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import selection
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import Hypervisor
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import ProviderRow
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.selection import Options, Target

KNOWN = ["cpu1", "cpu10", "cpu2", "odd[1]"]


@pytest.mark.parametrize(
    ("patterns", "found"),
    [
        ([], []),
        (["cpu2", "cpu1"], ["cpu1", "cpu2"]),
        (["cpu1*", "cpu1"], ["cpu1", "cpu10"]),
        (["*"], KNOWN),
        (["cpu[12]"], ["cpu1", "cpu2"]),
        (["odd[1]"], ["odd[1]"]),
    ],
)
def test_names_and_globs(patterns: list[str], found: list[str]) -> None:
    assert selection.choose(patterns, KNOWN, "compute host") == (found, [])


def test_what_means_nothing_is_a_problem_each() -> None:
    found, problems = selection.choose(["cpu3", "gpu*", "cpu1"], KNOWN, "compute host")
    assert found == ["cpu1"]
    assert problems[0].startswith("There is no compute host 'cpu3' (similar: cpu")
    assert problems[1] == "No compute host matches 'gpu*'."


def test_all_of_nothing_is_a_problem() -> None:
    assert selection.choose(["*"], [], "compute host") == ([], ["No compute host matches '*'."])


def test_hosts_of_aggregates() -> None:
    members = {"ssd": ["cpu2", "left-behind"], "hdd": ["cpu10"]}
    assert selection.choose_hosts(["cpu1"], ["hdd"], KNOWN, members) == (["cpu1", "cpu10"], [])
    found, problems = selection.choose_hosts(None, ["s*", "nvme"], KNOWN, members)
    assert found == ["cpu2"]
    assert problems == [
        "There is no host aggregate 'nvme'.",
        "The host 'left-behind' of an aggregate is no compute host.",
    ]


def test_hosts_of_a_rule_add_to_the_others_and_those_without_a_node_are_passed_over() -> None:
    assert selection.choose_hosts(["cpu1"], None, KNOWN, {}, ["cpu2", "no-node"]) == (["cpu1", "cpu2"], [])
    assert selection.choose_hosts(None, None, KNOWN, {}, []) == ([], [])


def test_many_problems_are_not_all_listed() -> None:
    text = str(selection.ProblemsError(["A%d." % number for number in range(25)]))
    assert "A19." in text and "A20." not in text and text.endswith("There are 5 more problems.")


class Cloud:
    """A Nova and a Placement with a tree, a pool, and a compute node that lost its provider."""

    rows: ClassVar = {
        uuid: ProviderRow(uuid, name, parent, 0)
        for uuid, name, parent in (
            ("u1", "cpu1.lab", None),
            ("u2", "cpu1.lab_pci_0000", "u3"),
            ("u3", "cpu1.lab_numa0", "u1"),
            ("u4", "pool", None),
        )
    }
    nodes: ClassVar = {
        "cpu1": [Hypervisor("u1", "cpu1.lab", "QEMU", "cpu1")],
        "lost": [Hypervisor("u9", "lost.lab", "QEMU", "lost")],
    }

    def providers(self) -> dict[str, ProviderRow]:
        return self.rows

    def hypervisors(self) -> dict[str, list[Hypervisor]]:
        return self.nodes


def choose(**options: Any) -> list[Target]:
    cloud: Any = Cloud()
    return selection.choose_providers(cloud, cloud, Options(**options))


def test_a_host_is_its_root_and_a_provider_knows_its_compute_node() -> None:
    (root,) = choose(hosts=["cpu1"])
    assert root == Target("u1", "cpu1.lab", "cpu1.lab") and root.is_compute_node
    nested, pool = choose(providers=["*_pci_*", "u4"])
    assert nested == Target("u2", "cpu1.lab_pci_0000", "cpu1.lab") and not nested.is_compute_node
    assert pool == Target("u4", "pool", None) and not pool.is_compute_node


def test_options_add_to_each_other_and_empty_ones_mean_nothing() -> None:
    assert [target.name for target in choose(hosts=["cpu1"], providers=["pool", "u1"])] == ["cpu1.lab", "pool"]
    assert choose(hosts=[]) == []


def test_a_compute_node_without_a_provider() -> None:
    with pytest.raises(selection.ProblemsError, match=r"The compute node 'lost\.lab' has no resource provider\."):
        choose(hosts=["*"])
