# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The EXAMPLES of the plugins run as they stand there, against a real Nova and Placement.

What changes something is run in check mode first, which has to predict it, and once more afterwards, which has to
change nothing. What cannot run here is in ELSEWHERE, with the reason.
"""

from __future__ import annotations

import importlib
import sys
import typing as t
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("doc_examples")
doc: t.Any = importlib.import_module("doc_examples")
Aggregate, Given, HOST, HOSTS = doc.Aggregate, doc.Given, doc.HOST, doc.HOSTS
SSD, ZONES, GENERAL, SAVED = doc.SSD, doc.ZONES, doc.GENERAL, doc.SAVED

#: what does not run here (a name may be a pattern), and why
ELSEWHERE = {
    "modules/apt_held: *": HOST,
    "modules/guest_image: *": "downloads a kernel with apt, as root, which Molecule does",
    "modules/kvm_info: *": "needs QEMU and KVM, or their absence, which Molecule has",
    "modules/nova_cells: *": HOST,
    "modules/oslo_config: *": HOST,
    "modules/preflight: *": "looks at the hosts of a deployment, which Molecule has",
    "modules/secrets_file: *": "runs on a host of an inventory; the playbook secrets has the same task, and runs here",
    "modules/rabbitmq_accounts: *": HOST,
    "modules/schema_sync: *": HOST,
    "modules/systemd_units: *": HOST,
}

RACKS = {
    "rack %s" % rack: Aggregate([host for host in HOSTS if rack in host], metadata={"rack": rack})
    for rack in ("a1", "a2", "b1", "b2")
}
DECLARED = "inventories/mine/group_vars/all/aggregates.yml"
NEVER = (False, False, False)

#: what is there before, where that is more than eight hosts
STAGES = {
    "modules/capacity_info: *": SAVED,
    "modules/compute_hosts: *": Given(
        unmapped=["cpu-a1-3"],
        changes={
            "Wait for a compute whose nova-compute has just been restarted": NEVER,
            "Have a look from anywhere whether two hosts are in order": NEVER,
        },
    ),
    "modules/compute_service: *": Given(aggregates=SSD, dead=["cpu-b2-4"]),
    "modules/guest_check: *": Given(
        images=["tiny", "debian-13"],
        console="guest is up\nlogin:",
        changes={
            "Boot a guest on each compute host": NEVER,
            # each run boots guests of its own
            "Try two hosts with a flavor that exists, and leave the guests there": (True, True, True),
        },
    ),
    "modules/host_aggregates_info: *": Given(aggregates={**ZONES, **SSD}, changes={"They change nothing": NEVER}),
    "modules/resource_provider_inventory: *": Given(
        aggregates=GENERAL,
        traits={"CUSTOM_REALTIME": ["cpu-b2-2"]},
        ratios={"VCPU": 16.0, "MEMORY_MB": 1.5},
        providers=["license-pool"],
        instead={"    watch: 400\n": "    watch: 1\n"},
    ),
    "modules/resource_provider_traits: *": Given(traits={"CUSTOM_OLD": HOSTS[2:], "CUSTOM_RACK_7": ["cpu-b1-2"]}),
    "filter/capacity_rows: *": SAVED,
    "filter/host_facts: *": Given(files={DECLARED: "docs/aggregates.md: # " + DECLARED}),
    "inventory/computes: # With *": Given(aggregates={**ZONES, **RACKS}, traits={"CUSTOM_FAST_DISK": ["cpu-a1-1"]}),
}
CATALOGUE = doc.Catalogue({example.key: example for example in doc.of_plugins()}, ELSEWHERE, STAGES)


def test_no_example_is_left_out() -> None:
    CATALOGUE.nothing_is_left_out()


@pytest.fixture(scope="module")
def running_cloud(new_cloud: t.Any) -> t.Iterator[t.Any]:
    with doc.example_cloud(new_cloud) as cloud:
        yield cloud


@pytest.fixture
def stage(key: str, cloud: t.Any, nova: t.Any, tmp_path: Path) -> t.Iterator[t.Any]:
    with CATALOGUE.stage(key, cloud, nova, tmp_path) as made:
        yield made


@pytest.mark.parametrize("key", CATALOGUE.here("tasks"))
def test_tasks(key: str, stage: t.Any) -> None:
    CATALOGUE.play_tasks(key, stage)


@pytest.mark.parametrize("key", CATALOGUE.here("inventory"))
def test_inventory(key: str, stage: t.Any) -> None:
    CATALOGUE.play_inventory(key, stage)
