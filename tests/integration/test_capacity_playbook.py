# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The playbook capacity against a real Nova and Placement, by the name of the cloud and from a controller."""

from __future__ import annotations

import json
import os
import subprocess
import typing as t
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
FLAVOR = '{"capacity_flavor": {"name": "tiny", "vcpus": 1, "ram": 128, "disk": 1}}'


def play(folder: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Runs the playbook by its name in that folder."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    return subprocess.run(
        ["ansible-playbook", "scaleout.nova.capacity", "-e", FLAVOR, *arguments],
        cwd=folder,
        env={
            **kept,
            "ANSIBLE_CONFIG": str(ROOT / "ansible.cfg"),
            "ANSIBLE_COLLECTIONS_PATH": str(ROOT / "build" / "collections"),
            "PWD": str(folder),
            **environment,
        },
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )


def test_by_the_name_of_the_cloud(cloud: t.Any, tmp_path: Path) -> None:
    (tmp_path / "clouds.yaml").write_text(
        yaml.safe_dump({"clouds": {"loopback": {"auth": cloud.auth(), "region_name": "RegionOne"}}})
    )
    done = play(tmp_path, "-e", "capacity_cloud=loopback", "--check")
    assert done.returncode == 0, done.stdout
    assert "no snapshot was taken" in done.stdout and [path.name for path in tmp_path.iterdir()] == ["clouds.yaml"]
    done = play(tmp_path, "-e", "capacity_cloud=loopback")
    assert done.returncode == 0, done.stdout
    answer = json.loads((tmp_path / "capacity-report" / "capacity.json").read_text())
    assert answer["flavors"]["tiny"]["fits"] > 0 and len(answer["hosts"]) >= 3
    assert f"Room for {answer['flavors']['tiny']['fits']:,} more tiny" in done.stdout
    again = play(tmp_path, OS_CLOUD="loopback")
    assert again.returncode == 0 and "changed=0" in again.stdout, again.stdout


def test_secrets_in_the_folder_and_the_cloud_elsewhere(cloud: t.Any, tmp_path: Path) -> None:
    auth = cloud.auth()
    secret = {"auth": {"password": auth.pop("password")}}
    home, here = tmp_path / "home", tmp_path / "here"
    (home / ".config" / "openstack").mkdir(parents=True)
    here.mkdir()
    public = {"auth": auth, "region_name": "RegionOne"}
    (home / ".config" / "openstack" / "clouds.yaml").write_text(yaml.safe_dump({"clouds": {"loopback": public}}))
    (here / "secure.yaml").write_text(yaml.safe_dump({"clouds": {"loopback": secret}}))
    done = play(here, "-e", "capacity_cloud=loopback", HOME=str(home))
    assert done.returncode == 0, done.stdout
    (here / "secure.yaml").write_text("clouds: [")
    done = play(here, "-e", "capacity_cloud=loopback", HOME=str(home))
    assert done.returncode != 0 and "%s/secure.yaml is not valid YAML" % here in done.stdout
