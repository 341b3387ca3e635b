# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What of a compute service has to be changed (the module as a whole is tested against a real Nova)."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import ComputeService
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.selection import ProblemsError
from ansible_collections.scaleout.nova.plugins.modules.compute_service import Step, Wanted, line

OPEN = ComputeService("s", "cpu1", "az1", "enabled", "up", "", False, "2026-11-24T20:00:00")
CLOSED = ComputeService("s", "cpu1", "az1", "disabled", "up", "memory", False, "2026-11-24T20:00:00")


@pytest.mark.parametrize(
    ("wanted", "service", "changes"),
    [
        (("enabled", None, None), OPEN, {}),
        (("enabled", None, None), CLOSED, {"status": "enabled"}),
        (("disabled", None, None), OPEN, {"status": "disabled"}),
        (("disabled", None, None), CLOSED, {}),
        (("disabled", "memory", None), CLOSED, {}),
        (("disabled", "disk", None), CLOSED, {"status": "disabled", "disabled_reason": "disk"}),
        (("disabled", "", None), CLOSED, {"status": "disabled"}),
        ((None, None, True), CLOSED, {"forced_down": True}),
        ((None, None, False), CLOSED, {}),
        (
            ("disabled", "dead", True),
            OPEN,
            {"status": "disabled", "disabled_reason": "dead", "forced_down": True},
        ),
    ],
)
def test_changes(wanted: tuple[Any, Any, Any], service: ComputeService, changes: dict[str, Any]) -> None:
    assert Wanted(*wanted).changes(service) == changes


def test_lines() -> None:
    after = Step(OPEN, {"status": "disabled", "disabled_reason": "dead", "forced_down": True}).after
    assert line(OPEN) == "cpu1: enabled\n" and line(after) == "cpu1: disabled (dead), forced down\n"
    assert line(Step(CLOSED, {"status": "enabled"}).after) == "cpu1: enabled\n"
    assert line(Step(CLOSED, {"forced_down": True}).after) == "cpu1: disabled (memory), forced down\n"
    assert line(Step(OPEN, None).after) == ""


def test_what_does_not_go_together() -> None:
    with pytest.raises(ProblemsError) as caught:
        Wanted.from_params({"state": "absent", "disabled_reason": "x" * 256, "forced_down": True})
    for text in ("needs state=disabled", "more than 255", "cannot be forced down as well"):
        assert text in str(caught.value)
