# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What docs/capacity.md says can be typed as it stands."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[3]
GUIDE = (ROOT / "docs" / "capacity.md").read_text(encoding="utf-8")
PLAYBOOK = (ROOT / "playbooks" / "capacity.yml").read_text(encoding="utf-8")


def tasks() -> list[dict[str, Any]]:
    """The tasks of the guide that need no cloud, in their order."""
    found: list[dict[str, Any]] = []
    for block in re.findall(r"```yaml\n(.*?)```", GUIDE, re.DOTALL):
        found += yaml.safe_load(block)
    return [task for task in found if "cloud" not in task.get("scaleout.nova.cloud_snapshot", {})]


def test_the_tasks_run(tmp_path: Path) -> None:
    shutil.copy(ROOT / "playbooks" / "files" / "example-cloud.json", tmp_path / "cloud.json")
    wanted = tasks()
    assert len(wanted) > 10
    results = {"ansible.builtin.copy": {"content": "{{ [capacity, tonight, cluster, without, more] | to_json }}"}}
    results["ansible.builtin.copy"]["dest"] = str(tmp_path / "results.json")
    play = {"hosts": "localhost", "gather_facts": False, "tasks": [*wanted, results]}
    (tmp_path / "play.yml").write_text(yaml.safe_dump([play]), encoding="utf-8")
    done = subprocess.run(
        ["ansible-playbook", "play.yml"],
        cwd=tmp_path,
        env={
            **os.environ,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    capacity, tonight, cluster, without, more = json.loads((tmp_path / "results.json").read_text())
    now, then = (answer["flavors"]["m1.large"]["fits"] for answer in (capacity, more))
    assert f"Room for {now} more m1.large" in GUIDE
    assert without["flavors"]["m1.large"]["fits"] < now < then
    assert 40 <= tonight["flavors"]["m1.large"]["fits"] < now
    assert cluster["mix"]["fits"]
    assert {path.name for path in tmp_path.glob("*/*")} == {"index.html", "nova_capacity.prom"}


def test_the_variables_of_the_playbook_are_all_in_the_guide() -> None:
    used = set(re.findall(r"(?<![_\w])capacity_\w+", PLAYBOOK)) - {"capacity_report"}
    assert used == set(re.findall(r"`(capacity_\w+)`", GUIDE.split("## The playbook")[1].split("## In your own")[0]))


def test_the_metrics_are_all_in_the_guide() -> None:
    table = GUIDE.split("| metric |")[1].split("\n\n")[0]
    source = (ROOT / "plugins/module_utils/_capacity/report/prometheus.py").read_text(encoding="utf-8")
    names = set(re.findall(r'_family\(\s*"([a-z_]+)"', source))
    names |= {f"resource_{name}" for name in ("capacity", "used", "free", "usable", "stranded")}
    assert names == set(re.findall(r"`([a-z_]+)`", "\n".join(line.split("|")[1] for line in table.splitlines()[2:])))
