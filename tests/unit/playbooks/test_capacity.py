# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook capacity, with ansible-playbook, where it needs no cloud."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[3]


def play(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Runs the playbook by its name, in another folder, as users of the installed collection do."""
    environment = {
        **os.environ,
        "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
        "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
        "ANSIBLE_NOCOLOR": "1",
        "PWD": str(folder),
        "COLUMNS": "160",
    }
    return subprocess.run(
        ["ansible-playbook", "scaleout.nova.capacity", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_example(tmp_path: Path) -> None:
    done = play(tmp_path, "-e", "capacity_snapshot=example", "-e", "capacity_flavors=m1.large,gpu.small")
    assert done.returncode == 0, done.stdout
    assert "Room for " in done.stdout and "changed=1" in done.stdout and "m1.tiny" not in done.stdout
    assert str(tmp_path / "capacity-report" / "capacity.html") in done.stdout
    assert len(list((tmp_path / "capacity-report").iterdir())) == 4
    again = play(tmp_path, "-e", "capacity_snapshot=example", "-e", "capacity_flavors=m1.large,gpu.small")
    assert "changed" not in again.stdout.replace("changed=0", "")


def test_root_disks_on_volumes(tmp_path: Path) -> None:
    fits = []
    for on_volumes in ("false", "true"):
        done = play(tmp_path, "-e", "capacity_snapshot=example", "-e", f"capacity_boot_from_volume={on_volumes}")
        assert done.returncode == 0, done.stdout
        report = tmp_path / "capacity-report"
        assert ("boot from volumes" in (report / "capacity.md").read_text()) == (on_volumes == "true")
        answer = json.loads((report / "capacity.json").read_text())
        fits.append({name: flavor["fits"] for name, flavor in answer["flavors"].items()})
    on_hosts, on_volumes_too = fits
    assert on_hosts != on_volumes_too
    assert all(on_volumes_too[name] >= count for name, count in on_hosts.items())


@pytest.mark.parametrize("inventory", [[], ["-i", str(ROOT / "inventories" / "example")]])
def test_a_saved_snapshot_needs_no_host(tmp_path: Path, inventory: list[str]) -> None:
    done = play(tmp_path, *inventory, "-e", "capacity_snapshot=mine/cloud.json", "-e", "capacity_directory=out")
    assert done.returncode != 0
    assert f"The snapshot {tmp_path / 'mine' / 'cloud.json'} cannot be read: No such file" in " ".join(
        done.stdout.split()
    )
