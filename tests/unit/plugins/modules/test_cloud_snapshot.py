# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The summary and the diff (the module as a whole is tested against a real Nova, in tests/integration)."""

from __future__ import annotations

import dataclasses

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import (
    Aggregate,
    Flavor,
    Host,
    Inventory,
    Provider,
    Snapshot,
)
from ansible_collections.scaleout.nova.plugins.modules import cloud_snapshot

BEFORE = Snapshot(
    taken_at="2026-11-25T00:00:00Z",
    parts=("providers", "hosts", "aggregates", "flavors"),
    providers=[Provider("u1", "h1", inventories={"VCPU": Inventory(16, 4)})],
    hosts=[Host("h1", "h1", "u1"), Host("h2", "h2", status="disabled")],
    aggregates=[Aggregate(1, "a", "ssd", metadata={"ssd": "true"}, hosts=("h1",))],
    flavors=[Flavor("1", "small", 1, 512, 10, extra_specs={"hw:x": "y"})],
)


def test_the_summary_says_what_was_not_read() -> None:
    found = cloud_snapshot.summary(BEFORE)
    assert found["hosts"] == 2 and found["accepting"] == 1 and found["servers"] is None
    assert found["resources"] == {"VCPU": {"capacity": 16, "used": 4}}


def test_another_time_is_no_difference() -> None:
    assert cloud_snapshot.same(BEFORE, dataclasses.replace(BEFORE, taken_at="2027-01-01T00:00:00Z"))
    assert not cloud_snapshot.same(BEFORE, dataclasses.replace(BEFORE, hosts=[]))


def test_the_diff_has_what_came_and_went() -> None:
    after = dataclasses.replace(
        BEFORE,
        hosts=[BEFORE.hosts[0], Host("h3", "h3")],
        flavors=[dataclasses.replace(BEFORE.flavors[0], vcpus=2)],
    )
    found = cloud_snapshot.difference("f", BEFORE, after)
    assert found["before"].splitlines() == [
        "host h2: disabled, up, zone nova",
        "flavor small: 1 VCPU, 512 MiB, 10 GiB hw:x=y",
    ]
    assert found["after"].splitlines() == [
        "host h3: enabled, up, zone nova",
        "flavor small: 2 VCPU, 512 MiB, 10 GiB hw:x=y",
    ]
    assert "aggregate ssd: h1; ssd=true\n" in cloud_snapshot.difference("f", None, after)["after"]
