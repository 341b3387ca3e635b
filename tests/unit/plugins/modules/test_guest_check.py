# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The option flavor (the module as a whole is tested against a real Nova, in tests/integration)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.guests import Shape
from ansible_collections.scaleout.nova.plugins.modules.guest_check import shape


def test_a_flavor_given_as_a_dictionary() -> None:
    assert shape({"ram": "64", "disk": 0}) == Shape(1, 64, 0)
    specs = {"hw:cpu_policy": "dedicated", "hw:numa_nodes": 1, "trait:HW_CPU_X86_AVX2": True}
    assert shape({"vcpus": 2, "ram": 128, "disk": 1, "extra_specs": specs}) == Shape(
        2, 128, 1, {"hw:cpu_policy": "dedicated", "hw:numa_nodes": "1", "trait:HW_CPU_X86_AVX2": "true"}
    )


@pytest.mark.parametrize(
    ("flavor", "texts"),
    [
        ({}, ["ram is missing", "disk is missing"]),
        ({"ram": 0, "disk": 1}, ["ram has to be at least 1"]),
        ({"ram": 64, "disk": -1, "vcpus": 0}, ["disk has to be at least 0", "vcpus has to be at least 1"]),
        ({"ram": "much", "disk": 1.5}, ["ram has to be a whole number", "disk has to be a whole number"]),
        ({"ram": True, "disk": 1}, ["ram has to be a whole number"]),
        ({"ram": 64, "disk": 1, "vcpu": 2}, ["unknown key vcpu (similar: vcpus)"]),
        ({"ram": 64, "disk": 1, "extra_specs": ["a"]}, ["extra_specs has to be a dictionary"]),
    ],
)
def test_all_that_is_wrong_with_it_at_once(flavor: dict[str, Any], texts: list[str]) -> None:
    with pytest.raises(CloudError) as caught:
        shape(flavor)
    for text in texts:
        assert text in str(caught.value)
