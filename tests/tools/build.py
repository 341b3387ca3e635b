# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Builds the collection, checks the archive as Galaxy does, installs it into an empty place and uses it from there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

import tree

EMPTY = tree.ROOT / "build" / "empty.cfg"


def run(name: str, *command: str | Path, cwd: Path, show: str = "", **environment: str) -> str:
    """Runs a step without the checkout's settings; its output is shown when it fails, or where SHOW matches."""
    clean = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")}
    done = subprocess.run(
        [str(item) for item in command],
        cwd=cwd,
        env={**clean, "ANSIBLE_CONFIG": str(EMPTY), "ANSIBLE_NOCOLOR": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    print(f"{'ok' if done.returncode == 0 else 'FAILED':7} {name}", flush=True)
    if done.returncode != 0:
        print(done.stdout, flush=True)
        raise SystemExit(1)
    for line in done.stdout.splitlines():
        if show and re.search(show, line):
            print(f"        {line}", flush=True)
    return done.stdout


def main() -> int:
    """Returns the exit code."""
    EMPTY.parent.mkdir(exist_ok=True)
    EMPTY.write_text("", encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="scaleout-build-") as folder:
        place = Path(folder)
        source = tree.copy(place / "source")
        artifacts = tree.ROOT / "build" / "dist"
        run("build", "ansible-galaxy", "collection", "build", "--force", "--output-path", artifacts, source, cwd=place)
        archive = max(artifacts.glob("scaleout-nova-*.tar.gz"), key=lambda path: path.stat().st_mtime)

        settings = place / "galaxy-importer.cfg"
        settings.write_text(
            "[galaxy-importer]\nrun_ansible_test = false\nrun_ansible_lint = true\nrun_flake8 = false\n"
            "run_ansible_doc = true\ncheck_required_tags = true\n",
            encoding="utf-8",
        )
        run(
            f"galaxy-importer {archive.name}",
            sys.executable,
            *("-m", "galaxy_importer.main", archive),
            cwd=place,
            show="^(WARNING|ERROR)",
            GALAXY_IMPORTER_CONFIG=str(settings),
        )

        elsewhere = place / "elsewhere"
        elsewhere.mkdir()
        run(
            "install",
            *("ansible-galaxy", "collection", "install", "--offline", "--no-deps", "-p", elsewhere, archive),
            cwd=place,
            ANSIBLE_COLLECTIONS_PATH=str(elsewhere),
        )
        here = {"cwd": elsewhere, "ANSIBLE_COLLECTIONS_PATH": str(elsewhere)}
        installed = elsewhere / "ansible_collections" / "scaleout" / "nova"
        if any((installed / "plugins" / "modules").glob("*.py")):
            listed = run("modules by name", "ansible-doc", "--list", "--json", "scaleout.nova", **here)  # type: ignore[arg-type]
            names = json.loads(listed[listed.index("{") : listed.rindex("}") + 1])
            for path in sorted((installed / "plugins" / "modules").glob("*.py")):
                if f"scaleout.nova.{path.stem}" not in names:
                    print(f"FAILED  ansible-doc does not list scaleout.nova.{path.stem}")
                    return 1
        for path in sorted((installed / "playbooks").glob("*.yml")):
            name = f"scaleout.nova.{path.stem}"
            run(name, "ansible-playbook", "-i", "localhost,", "--syntax-check", name, **here)  # type: ignore[arg-type]
    return 0


if __name__ == "__main__":
    sys.exit(main())
