# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The tables in the roles' READMEs."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).resolve().parents[2] / "tools" / "readme_tables.py"
spec = importlib.util.spec_from_file_location("readme_tables", PATH)
assert spec is not None and spec.loader is not None
readme_tables = importlib.util.module_from_spec(spec)
spec.loader.exec_module(readme_tables)

SPECS = """
argument_specs:
  main:
    short_description: A database
    description:
      - Sets O(db_port), or leaves it at V(3306).
    options:
      db_port: {type: int, default: 3306, description: "The port, C(a|b)."}
      db_password: {type: str, description: The secret.}
      db_users:
        type: list
        elements: dict
        description: Who may come in.
        options:
          name: {required: true, description: The name., choices: [a, b]}
"""
DEFAULTS = """
db_port: 3306
db_password: "{{ undef(hint='a password') }}"
db_users: []
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """A collection of one role."""
    role = tmp_path / "roles" / "db"
    for name, text in (("meta/argument_specs.yml", SPECS), ("defaults/main.yml", DEFAULTS)):
        (role / name).parent.mkdir(parents=True)
        (role / name).write_text(text)
    return tmp_path


def test_a_missing_readme_is_written_and_then_current(root: Path) -> None:
    assert readme_tables.main(["--check"], root) == 1
    assert not (root / "roles/db/README.md").exists()
    assert readme_tables.main([], root) == 0
    assert readme_tables.main(["--check"], root) == 0
    lines = (root / "roles/db/README.md").read_text().splitlines()
    assert lines[0] == "# scaleout.nova.db"
    assert "Sets `db_port`, or leaves it at `3306`." in lines
    assert "| `db_port` | int | `3306` | The port, `a\\|b`. |" in lines
    assert "| `db_password` | str | **required** | The secret. |" in lines
    assert "| `db_users` | list of dict | `[]` | Who may come in. |" in lines
    assert "| `db_users[].name` | str | **required** | The name. One of `a`, `b`. |" in lines


def test_what_was_written_around_the_table_is_kept(root: Path) -> None:
    readme = root / "roles/db/README.md"
    readme.write_text("# My words\n\nBefore.\n")
    readme_tables.main([], root)
    readme.write_text(readme.read_text() + "\nAfter.\n")
    before = readme.read_text()
    specs = root / "roles/db/meta/argument_specs.yml"
    specs.write_text(specs.read_text().replace("The secret.", "The key."))
    assert readme_tables.main(["--check"], root) == 1
    readme_tables.main([], root)
    assert readme.read_text() == before.replace("The secret.", "The key.")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("db_port: 3306", "db_port: 3307", "db_port is 3307 in defaults/main.yml and 3306"),
        ("db_users: []", "db_users: []\ndb_extra: 1", "db_extra is in defaults/main.yml and not in"),
    ],
)
def test_contradictions_fail(root: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, problem: str) -> None:
    defaults = root / "roles/db/defaults/main.yml"
    defaults.write_text(defaults.read_text().replace(old, new))
    assert readme_tables.main([], root) == 1
    assert problem in capsys.readouterr().out
