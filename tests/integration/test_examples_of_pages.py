# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of README.md and docs run as they stand there, against a real Nova and Placement: tasks, plays,
inventories and commands. What cannot run here is in ELSEWHERE, with the reason.
"""

from __future__ import annotations

import importlib
import json
import re
import sys
import typing as t
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("doc_examples")
doc: t.Any = importlib.import_module("doc_examples")
Given, HOST = doc.Given, doc.HOST
SSD, ZONES, GENERAL, SAVED = doc.SSD, doc.ZONES, doc.GENERAL, doc.SAVED

CLOUD = "deploys a cloud, which Molecule does"
VARIABLES = "variables of roles, which Molecule deploys with"

#: what does not run here (a name may be a pattern), and why
ELSEWHERE = {
    "README.md: make *": "make itself runs these tests; its targets are tried on a fresh machine",
    "README.md: ansible-galaxy *": "needs Galaxy; `make build` installs what would be uploaded there",
    "README.md: ansible-playbook -i inventories/mine scaleout.nova.[!s]*": CLOUD,
    "README.md: ansible-playbook -i inventories/mine scaleout.nova.site": CLOUD,
    "docs/capacity.md: make report": "make itself runs these tests, and tests/unit the script behind it",
    "docs/capacity.md: ansible-playbook -i inventories/mine scaleout.nova.capacity": "asks a controller, as Molecule",
    "docs/capacity.md: scaleout_nova_capacity_flavor_fits*": "a rule for Prometheus, which is not here",
    "docs/deploy.md: ansible-galaxy *": "needs Galaxy; `make build` installs what would be uploaded there",
    "docs/deploy.md: ansible-playbook -i inventories/mine scaleout.nova.[!s]*": CLOUD,
    "docs/deploy.md: ansible-playbook -i inventories/mine scaleout.nova.site*": CLOUD,
    "docs/deploy.md: ansible-playbook -i inventories/aio *": CLOUD,
    "docs/deploy.md: ansible-vault *": "asks for a password on the terminal",
    "docs/deploy.md: export *": CLOUD,
    "docs/deploy.md: openstack *": CLOUD,
    "docs/deploy.md: oslo_config: *": "a message of oslo_config, which tests/unit has by heart",
    "docs/deploy.md: nova_compute_*": VARIABLES,
    "docs/deploy.md: service_*": VARIABLES,
    "docs/deploy.md: # *": VARIABLES,
    "docs/lab.md: *": "the lab needs podman and root",
    "docs/molecule.md: *": "it is Molecule",
    "docs/operations.md: openstack compute service delete *": "ID stands for what the command before it has shown",
    "docs/operations.md: systemctl *": HOST,
    "roles/*": VARIABLES,
}

COPIED = Given(inventory="copied")
DECLARATION = "docs/aggregates.md: # inventories/mine/group_vars/all/aggregates.yml"
DECLARED = Given(files={"inventories/mine/group_vars/all/aggregates.yml": DECLARATION})
PLAYED = Given(
    files={"inventories/mine/group_vars/all/aggregates.yml": DECLARATION},
    lines={"inventories/mine/group_vars/all/cloud.yml": "nova_aggregates_cloud: admin\n"},
)
INVENTORY = "docs/placement.md: # inventories/cloud/computes.yml"

#: what is there before, where that is more than eight hosts
STAGES = {
    "README.md: cp *": Given(inventory="to be copied"),
    "README.md: ansible-playbook -i inventories/mine scaleout.nova.secrets": COPIED,
    "docs/deploy.md: cp *": Given(inventory="to be copied"),
    "docs/deploy.md: ansible-playbook -i inventories/mine scaleout.nova.secrets": COPIED,
    "docs/aggregates.md: ansible-playbook -i inventories/mine *": PLAYED,
    "docs/aggregates.md: ansible-playbook -i inventories/cloud *": Given(
        aggregates={**ZONES, **SSD},
        files={"inventories/cloud/computes.yml": INVENTORY},
        lines={"aggregates.yml": "nova_aggregates: [{name: ssd, metadata: {ssd: true}}]\n"},
    ),
    "docs/aggregates.md: Read what there is": Given(aggregates={**ZONES, **SSD}),
    "docs/aggregates.md: Aggregates by variables of the inventory": DECLARED,
    "docs/capacity.md: ansible-playbook scaleout.nova.capacity -e capacity_snapshot=cloud.json": SAVED,
    **{"docs/capacity.md: " + name: SAVED for name in ("Ask", "Ask for *", "See *", "Would *", "Write *")},
    "docs/placement.md: Overcommit *": Given(
        aggregates=GENERAL, traits={"CUSTOM_REALTIME": ["cpu-b1-2"]}, ratios={"VCPU": 16.0}
    ),
    "docs/placement.md: The general purpose *": Given(traits={"CUSTOM_REALTIME": ["cpu-b1-2"]}),
    "docs/placement.md: No new servers": Given(dead=["cpu-b2-3"]),
    "docs/placement.md: ansible-inventory *": Given(
        aggregates=ZONES, files={"inventories/cloud/computes.yml": INVENTORY}
    ),
}
CATALOGUE = doc.Catalogue({example.key: example for example in doc.of_pages()}, ELSEWHERE, STAGES)
#: what the playbook capacity is said to print
TABLE = "docs/capacity.md: Room for 756 more m1.large; memory runs out first in zone b."


def test_no_example_is_left_out() -> None:
    CATALOGUE.nothing_is_left_out(TABLE)


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


@pytest.mark.parametrize("key", CATALOGUE.here("plays"))
def test_plays(key: str, stage: t.Any) -> None:
    CATALOGUE.play_plays(key, stage)


@pytest.mark.parametrize("key", CATALOGUE.here("inventory"))
def test_inventory(key: str, stage: t.Any) -> None:
    CATALOGUE.play_inventory(key, stage)


@pytest.mark.parametrize("key", CATALOGUE.here("command"))
def test_command(key: str, stage: t.Any) -> None:
    CATALOGUE.play_command(key, stage)
    if "capacity_snapshot=cloud.json" in key:
        command = CATALOGUE.examples[key].text + " -e capacity_flavors=m1.large,gpu.small"
        (message,) = re.findall(r'"msg": (".*")', stage.run("bash", "-euc", command).stdout)
        assert set(doc.words(CATALOGUE.examples[TABLE].text)) <= set(doc.words(json.loads(message)))
