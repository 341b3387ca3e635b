# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The face of host_aggregates; what it does is tested against a real Nova, in tests/integration."""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import (
    AggregatesError,
    HostFacts,
    Plan,
    Step,
)
from ansible_collections.scaleout.nova.plugins.modules import host_aggregates

DEFAULTS: dict[str, Any] = {
    "exactly_one_of": [], "extra_hosts": "keep", "scope": None, "host_facts": None, "purge": False,
    "owner": "scaleout.nova", "verify_placement": "changed",
}  # fmt: skip
EXAMPLES = [task["scaleout.nova.host_aggregates"] for task in yaml.safe_load(host_aggregates.EXAMPLES)]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: "-".join(sorted(example)))
def test_the_examples_can_be_read(example: dict[str, Any]) -> None:
    wanted = host_aggregates.wanted({**DEFAULTS, **example})
    assert len(wanted.declaration.aggregates) == len(example["aggregates"])


def test_what_is_documented_is_what_is_returned() -> None:
    documented = yaml.safe_load(host_aggregates.RETURN)
    assert set(host_aggregates.answer(Plan())) | {"calls", "problems"} == {*documented, "changed"}
    assert set(documented["plan"]["contains"]) == set(host_aggregates.row(Step("create", 0, "a", after={"zone": None})))


def test_extra_hosts_is_a_default() -> None:
    aggregates = [{"name": "a"}, {"name": "b", "extra_hosts": "keep"}, {"name": "c", "extra_hosts": None}]
    wanted = host_aggregates.wanted({**DEFAULTS, "aggregates": aggregates, "extra_hosts": "remove"})
    assert [each.remove_extra_hosts for each in wanted.declaration.aggregates] == [True, False, True]


def test_an_empty_scope_is_no_host_and_none_is_all() -> None:
    assert host_aggregates.wanted({**DEFAULTS, "aggregates": [], "scope": []}).scope == ()
    assert host_aggregates.wanted({**DEFAULTS, "aggregates": []}).scope is None
    assert host_aggregates.wanted({**DEFAULTS, "aggregates": [], "host_facts": {}}).facts == {}


def test_an_owner_that_nova_would_not_keep() -> None:
    for wrong in ("", "x" * 256):
        with pytest.raises(AggregatesError, match="owner marks aggregates, and has to be a text of 1 to 255"):
            host_aggregates.wanted({**DEFAULTS, "aggregates": [], "owner": wrong})


def test_host_facts() -> None:
    given = {"a": {"vars": {"rack": 1}, "groups": ["x"]}, "b": {}, "c": {"vars": None, "groups": None}}
    assert host_aggregates.host_facts(given) == {
        "a": HostFacts({"rack": 1}, frozenset(["x"])),
        "b": HostFacts(),
        "c": HostFacts(),
    }
    for wrong in (None, [], {"vars": ["x"]}, {"groups": "x"}, {"rack": "r1"}):
        with pytest.raises(AggregatesError, match=r"host_facts\.a has to be a dictionary"):
            host_aggregates.host_facts({"a": wrong})


def test_the_diff_is_sorted_and_one_thing_a_line() -> None:
    picture = {
        "b": {"zone": None, "metadata": {"y": "2", "x": "1"}, "hosts": ["h1"], "hosts_in_placement": ["h2"]},
        "a": {"zone": "az1", "metadata": {}, "hosts": []},
    }
    assert host_aggregates.lines(picture).splitlines() == [
        "aggregate a",
        "  zone: az1",
        "aggregate b",
        "  zone: (none)",
        "  metadata: x=1",
        "  metadata: y=2",
        "  host: h1",
        "  host in Placement: h2",
    ]
