# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions come true on real hosts: predict, then boot until there is no valid host."""

from __future__ import annotations

from collections import Counter

import pytest

#: as the inventory of the scenario has it in nova.conf
SCHEDULER = {"enable_isolated_aggregate_filtering": True}


@pytest.fixture
def done(module):
    """Runs a module that has to succeed; what it answers."""

    def run(name, **options):
        answer = module(name, **options)
        assert not answer["failed"], answer["msg"]
        return answer

    return run


@pytest.fixture
def predict(done):
    """What capacity_info says of a flavor."""

    def ask(flavor, zone=None, group=None):
        question = {"flavors": [flavor], "scheduler": SCHEDULER, "zone": zone, "server_group": group}
        answer = done("capacity_info", **{key: value for key, value in question.items() if value is not None})
        return answer["flavors"][flavor]

    return ask


@pytest.fixture
def fill(predict, servers):
    """Predict, boot so many, see that they are where it was said, and that there is no valid host for one more."""

    def run(flavor, zone=None, group=None):
        predicted = predict(flavor, zone, group)
        assert predicted["proven"]
        booted = servers.boot(flavor, predicted["fits"], zone, group) if predicted["fits"] else []
        assert [server.get("fault") for server in booted if server["status"] != "ACTIVE"] == []
        assert Counter(server["OS-EXT-SRV-ATTR:host"] for server in booted) == predicted["hosts"]
        (refused,) = servers.boot(flavor, 1, zone, group)
        assert refused["status"] == "ERROR" and "No valid host" in refused["fault"]["message"], refused
        servers.delete([refused["id"]])
        return [server["id"] for server in booted]

    return run


def test_predictions_come_true(done, predict, fill, servers):
    """Zones, a group that keeps apart, a disabled host, a trait, an isolated aggregate; servers deleted and resized in
    between. A host has room for two servers of the flavor, which take its disk in Placement only; not its memory, as a
    kernel that sets that up when it is needed (deferred_init=lazy) has more of it each time libvirt looks."""
    free = done("capacity_info", detail="hosts", flavors=[servers.flavor()])["hosts"]
    # two of them leave a GiB for a small server, and no room for a third
    part = {"resources:DISK_GB": str((min(host["resources"]["DISK_GB"]["free"] for host in free.values()) - 1) // 2)}
    large = servers.flavor(**part)
    assert predict(large)["zones"] == {"az1": 2, "az2": 2}

    in_az1 = fill(large, zone="az1")
    assert len(in_az1) == 2

    assert len(fill(large, group=servers.group("anti-affinity"))) == 1  # cpu1 is full

    done("compute_service", hosts=["cpu2"], state="disabled", disabled_reason="tried by a test")
    try:
        assert fill(large) == []
    finally:
        done("compute_service", hosts=["cpu2"], state="enabled")

    done("resource_provider_traits", hosts=["cpu2"], traits=["CUSTOM_LICENSED"])
    isolated = {"name": "licensed", "hosts": ["cpu2"], "traits": ["CUSTOM_LICENSED"], "isolate": True}
    done("host_aggregates", aggregates=[isolated])
    try:
        assert fill(large) == []  # servers that do not ask for the trait stay out
        assert len(fill(servers.flavor(**part, **{"trait:CUSTOM_LICENSED": "required"}))) == 1
    finally:
        # Not to be deleted at once: there are servers on the host of an isolated aggregate.
        done("host_aggregates", aggregates=[{"name": "licensed", "metadata": {"trait:CUSTOM_LICENSED": None}}])
        done("host_aggregates", aggregates=[{"name": name} for name in ("az1", "az2", "ssd", "hdd")], purge=True)
        done("resource_provider_traits", hosts=["cpu2"], traits=["CUSTOM_LICENSED"], state="absent")

    servers.delete(in_az1[:1])
    servers.resize(in_az1[1], servers.flavor())
    assert len(fill(large)) == 2, free  # one in the place of each
