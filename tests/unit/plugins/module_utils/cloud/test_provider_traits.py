# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Traits as they are wanted."""

from __future__ import annotations

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import provider_traits as traits
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.selection import Target

HELD = ["COMPUTE_NODE", "CUSTOM_A", "CUSTOM_B", "STORAGE_DISK_SSD"]


@pytest.mark.parametrize(
    ("state", "wanted", "added", "removed"),
    [
        ("present", ["CUSTOM_A", "CUSTOM_C"], {"CUSTOM_C"}, set()),
        ("absent", ["CUSTOM_A", "CUSTOM_C", "STORAGE_DISK_SSD"], set(), {"CUSTOM_A", "STORAGE_DISK_SSD"}),
        ("exact", ["CUSTOM_A", "CUSTOM_C"], {"CUSTOM_C"}, {"CUSTOM_B"}),
        ("exact", ["HW_GPU_API_VULKAN"], {"HW_GPU_API_VULKAN"}, {"CUSTOM_A", "CUSTOM_B"}),
        ("exact", [], set(), {"CUSTOM_A", "CUSTOM_B"}),
        ("present", [], set(), set()),
    ],
)
def test_what_comes_and_goes(state: str, wanted: list[str], added: set[str], removed: set[str]) -> None:
    assert traits.Wanted(frozenset(wanted), state).change(HELD) == (added, removed)


def test_names() -> None:
    assert traits.problems(["CUSTOM_A", "HW_CPU_X86_AVX"]) == []
    assert traits.problems(["CUSTOM_"]) == ["A trait of your own has a name after CUSTOM_."]
    assert traits.problems(["custom-a", ""]) == [
        "'custom-a' cannot be a trait: capital letters, digits and _ are allowed (CUSTOM_A).",
        "'' cannot be a trait: capital letters, digits and _ are allowed ().",
    ]


def test_what_nova_compute_decides_itself() -> None:
    def of(target: Target) -> traits.Change:
        return traits.Change(target, frozenset(["CUSTOM_A", "STORAGE_DISK_SSD"]), frozenset(["COMPUTE_NODE"]))

    (text,) = traits.warnings([of(Target("u1", "cpu1", "cpu1")), of(Target("u3", "pool", None))])
    assert "about COMPUTE_NODE of" in text and text.endswith("on 1 resource provider(s), such as cpu1.")
