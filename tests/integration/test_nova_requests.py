# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What we take for Nova's request is the request that Nova's own code makes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
SCRIPT = HERE / "nova_requests.py"
COLLECTIONS = HERE.parents[1] / "build" / "collections"
VENV = "import sys; sys.path.insert(0, sys.argv[1]); import launcher; print(launcher.venv())"
FIRST = int(os.environ.get("SEED", "0"))
CASES = int(os.environ.get("CASES", "2000"))


def _python_with_nova() -> str:
    command = [sys.executable, "-c", VENV, str(HERE / "loopback")]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_flavors_and_images_made_up_from_seeds() -> None:
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
    environment.update(PYTHONPATH=str(COLLECTIONS), OS_NOVA_DISABLE_EVENTLET_PATCHING="1")
    done = subprocess.run(
        [_python_with_nova(), "-W", "ignore", str(SCRIPT), str(FIRST), str(CASES)],
        check=False,
        capture_output=True,
        text=True,
        env=environment,
        timeout=600,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    *differences, summary = [json.loads(line) for line in done.stdout.splitlines()]
    assert not differences, "%d differences, the first is %s" % (len(differences), json.dumps(differences[0]))
    # neither side may be right by refusing, or accepting, everything
    assert summary["accepted"] + summary["refused"] == CASES
    assert min(summary.values()) > CASES // 5
