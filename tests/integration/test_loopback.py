# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The loopback cloud itself."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

LAUNCHER = Path(__file__).resolve().parent / "loopback" / "launcher.py"


def test_it_is_a_real_nova_and_a_real_placement(nova: Any) -> None:
    names = {row["hypervisor_hostname"] for row in nova("GET", "/os-hypervisors/detail")["hypervisors"]}
    providers = {row["name"] for row in nova("GET", "/resource_providers", service="placement")["resource_providers"]}
    assert {"cmp1", "cmp2", "cmp3"} <= names & providers


def test_it_ends_with_its_parent_however_that_ends() -> None:
    parent = subprocess.Popen([sys.executable, str(LAUNCHER), "--computes", "1"], stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    line = parent.stdout.readline()
    found = re.search(r"OS_CLIENT_CONFIG_FILE=(\S+)", line)
    assert found, line
    clouds = Path(found.group(1))
    assert "auth_url" in json.loads(clouds.read_text(encoding="utf-8"))["clouds"]["loopback"]["auth"]
    children = Path("/proc/%d/task/%d/children" % (parent.pid, parent.pid)).read_text(encoding="ascii").split()
    assert len(children) == 1
    parent.kill()
    parent.communicate()
    limit = time.monotonic() + 30
    while (os.path.exists("/proc/" + children[0]) or clouds.exists()) and time.monotonic() < limit:
        time.sleep(0.1)
    assert not os.path.exists("/proc/" + children[0]) and not clouds.parent.exists()
