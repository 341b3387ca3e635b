# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""This checkout as a tree of files: what is tracked, and what is new and not ignored."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
CACHE = Path(os.environ.get("SCALEOUT_CACHE") or Path(os.environ.get("HOME") or "/root", ".cache", "scaleout-nova"))
LEFT_OUT = {".ansible", ".git", ".mypy_cache", ".pytest_cache", ".ruff_cache", ".venv", "__pycache__", "build"}


def files(root: Path = ROOT) -> list[Path]:
    """The files of the checkout, relative to it."""
    listed = subprocess.run(
        # As root in somebody else's checkout git refuses to list; listing runs no code of the repository.
        ["git", "-c", f"safe.directory={root}", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
        cwd=root,
        capture_output=True,
        check=False,
    )
    if listed.returncode == 0:
        found = [Path(os.fsdecode(name)) for name in listed.stdout.split(b"\0") if name]
    else:  # an unpacked archive
        found = [
            path
            for path in (item.relative_to(root) for item in root.rglob("*"))
            if not LEFT_OUT.intersection(path.parts)
        ]
    return sorted({path for path in found if (root / path).is_file() or (root / path).is_symlink()})


def copy(target: Path, root: Path = ROOT) -> Path:
    """Copies the files to TARGET/ansible_collections/scaleout/nova, and returns that."""
    collection = target / "ansible_collections" / "scaleout" / "nova"
    for path in files(root):
        (collection / path).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(root / path, collection / path, follow_symlinks=False)
    return collection
