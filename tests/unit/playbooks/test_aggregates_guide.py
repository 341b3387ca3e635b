# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/aggregates.md and the inventories declare can be read, and the guide has all that there is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates import declaration

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "aggregates.md").read_text(encoding="utf-8")
PLAYBOOK = (ROOT / "playbooks" / "aggregates.yml").read_text(encoding="utf-8")


def parsed(variables: dict[str, Any]) -> declaration.Declaration:
    """What the variables of an inventory declare."""
    groups = variables.get("nova_aggregates_exactly_one_of", [])
    return declaration.parse({"aggregates": variables["nova_aggregates"], "exactly_one_of": groups})


def test_the_declaration_of_the_guide() -> None:
    first = re.search(r"```yaml\n(.*?)```", GUIDE, re.DOTALL)
    assert first is not None and len(parsed(yaml.safe_load(first[1])).aggregates) == 4


def test_the_declarations_of_the_inventories() -> None:
    folder = ROOT / "inventories"
    lab = parsed(yaml.safe_load((folder / "lab/group_vars/all/aggregates.yml").read_text(encoding="utf-8")))
    assert len(lab.aggregates) == 4 and len(lab.exactly_one_of) == 1
    example = (folder / "example/group_vars/all/aggregates.yml").read_text(encoding="utf-8")
    commented = example.split("# nova_aggregates:\n")[1]
    text = "nova_aggregates:\n" + "".join(line[2:] + "\n" for line in commented.splitlines())
    assert len(parsed(yaml.safe_load(text)).aggregates) == 4


def test_every_option_is_in_the_guide() -> None:
    words = set(re.findall(r"`(\w+)[:`]", GUIDE))
    assert {*declaration._AGGREGATE, *declaration._RULE, *declaration._GOAL} <= words


def test_every_variable_of_the_playbook_is_in_the_guide() -> None:
    used = set(re.findall(r"(?<![_\w])nova_aggregates\w*", PLAYBOOK))
    assert used == set(re.findall(r"`(nova_aggregates\w*)`", GUIDE.split("## The playbook")[1]))
