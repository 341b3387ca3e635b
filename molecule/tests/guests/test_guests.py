# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a cloud is for."""

from __future__ import annotations


def test_a_guest_boots_on_each_compute(playbook, computes):
    """By the playbook scaleout.nova.verify: pinned to its compute, ACTIVE, and up by what its console says."""
    result = playbook("scaleout.nova.verify")
    tasks = [task for play in result["plays"] for task in play["tasks"]]
    (booted,) = (
        answer
        for task in tasks
        if task["task"]["name"] == "Boot a guest on each compute host"
        for answer in task["hosts"].values()
    )
    assert {guest["host"]: guest["marker_seconds"] is not None for guest in booted["guests"]} == dict.fromkeys(
        computes, True
    )
