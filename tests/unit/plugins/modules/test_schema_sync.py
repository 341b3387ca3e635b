# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""schema_sync: the service's command runs when, and only when, the database is behind the code."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils import _process
from ansible_collections.scaleout.nova.plugins.modules import schema_sync

Run = Callable[..., dict[str, Any]]

LINEAR = {
    "aaa_first.py": "revision = 'aaa'\ndown_revision = None\nbranch_labels = None\n",
    "bbb_second.py": 'from alembic import op\nrevision: str = "bbb"\ndown_revision: str | None = "aaa"\n',
}
BRANCHES = {
    "initial.py": "revision = 'init'\ndown_revision = None\n",
    "yoga/expand/e1.py": "revision = 'e1'\ndown_revision = 'init'\nbranch_labels = ('expand',)\n",
    "yoga/contract/c1.py": "revision = 'c1'\ndown_revision = (\n    'init',\n)\ndepends_on = 'e1'\n",
    "yoga/expand/e2.py": "revision = 'e2'\ndown_revision = 'e1'\ndepends_on = None\n",
    "yoga/CONTRACT_HEAD": "c1\n",
    "yoga/__init__.py": "",
    "yoga/expand/__pycache__/e9.py": "revision = 'e9'\ndown_revision = 'e2'\n",
}

# What a service's command does, for these tests: note that it ran, and set the version.
UPGRADE = """
import sqlite3, sys
path, versions = sys.argv[1], sys.argv[2:]
open(path + ".ran", "a").write("x")
with sqlite3.connect(path) as database:
    database.execute("CREATE TABLE IF NOT EXISTS alembic_version (version_num TEXT)")
    database.execute("DELETE FROM alembic_version")
    database.executemany("INSERT INTO alembic_version VALUES (?)", [(version,) for version in versions])
"""


@pytest.fixture(autouse=True)
def own_locks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "LOCK_FOLDERS", (str(tmp_path),))


class Service:
    """A service with code, configuration and a database."""

    def __init__(self, folder: Path, files: dict[str, str], versions: list[str] | None) -> None:
        self.migrations = folder / "migrations" / "versions"
        for name, text in files.items():
            (self.migrations / name).parent.mkdir(parents=True, exist_ok=True)
            (self.migrations / name).write_text(text)
        (folder / "migrations" / "env.py").write_text("revision = 'not a migration'\n")
        self.path = folder / "service.db"
        self.config = folder / "service.conf"
        self.config.write_text(f"[database]\nconnection = sqlite:///{self.path}\n")
        with sqlite3.connect(self.path) as database:
            if versions is not None:
                database.execute("CREATE TABLE alembic_version (version_num TEXT)")
                database.executemany("INSERT INTO alembic_version VALUES (?)", [(version,) for version in versions])

    def schema(self, *versions: str, **options: Any) -> dict[str, Any]:
        """The parameter, with a command that brings the database to these versions."""
        return {
            "name": "main",
            "migrations": str(self.migrations.parent),
            "config": str(self.config),
            "command": [sys.executable, "-c", UPGRADE, str(self.path), *versions],
        } | options

    @property
    def runs(self) -> int:
        ran = Path(f"{self.path}.ran")
        return len(ran.read_text()) if ran.exists() else 0


@pytest.fixture
def make(tmp_path: Path) -> Callable[..., Service]:
    return lambda files, versions: Service(tmp_path, files, versions)


@pytest.mark.parametrize(
    ("files", "heads"), [(LINEAR, ["bbb"]), (BRANCHES, ["c1", "e2"]), ({"x.py": "revision = 'x'\n"}, ["x"])]
)
def test_heads_of_the_code(make: Callable[..., Service], files: dict[str, str], heads: list[str]) -> None:
    assert schema_sync.read_migrations(str(make(files, []).migrations)).heads == heads


@pytest.mark.parametrize(
    ("files", "versions", "current"),
    [
        (LINEAR, None, False),
        (LINEAR, [], False),
        (LINEAR, ["aaa"], False),
        (LINEAR, ["bbb"], True),
        (BRANCHES, ["init"], False),
        (BRANCHES, ["c1"], False),  # e1 is implied, e2 is not
        (BRANCHES, ["e2"], False),
        (BRANCHES, ["c1", "e2"], True),
    ],
)
def test_the_command_runs_only_when_the_database_is_behind(
    make: Callable[..., Service], run_module: Run, files: dict[str, str], versions: list[str] | None, current: bool
) -> None:
    service = make(files, versions)
    heads = ["bbb"] if files is LINEAR else ["c1", "e2"]
    predicted = run_module("schema_sync", check=True, diff=True, name="x", schemas=[service.schema(*heads)])
    assert service.runs == 0
    result = run_module("schema_sync", diff=True, name="x", schemas=[service.schema(*heads)])
    assert result["changed"] is predicted["changed"] is not current
    assert service.runs == (0 if current else 1)
    assert result["schemas"]["main"]["before"] == sorted(versions or [])
    assert result["schemas"]["main"]["after"] == predicted["schemas"]["main"]["after"] == heads
    assert result["diff"] == predicted["diff"]
    assert not run_module("schema_sync", name="x", schemas=[service.schema(*heads)])["changed"]
    assert service.runs == (0 if current else 1)


def test_a_dependency_makes_a_head_implied(make: Callable[..., Service], run_module: Run) -> None:
    """Glance: only the head of the contract branch is in the table, the expand branch is what it depends on."""
    files = {**BRANCHES, "yoga/contract/c1.py": "revision = 'c1'\ndown_revision = 'init'\ndepends_on = ('e2',)\n"}
    service = make(files, ["c1"])
    result = run_module("schema_sync", name="x", schemas=[service.schema()])
    assert (result["changed"], service.runs) == (False, 0)


def test_a_command_that_does_not_reach_the_head(make: Callable[..., Service], run_module: Run) -> None:
    service = make(LINEAR, [])
    message = run_module("schema_sync", name="nova", schemas=[service.schema("aaa")])["msg"]
    assert message.startswith("schema_sync of nova: main: ")
    assert "ended well, but the database" in message and "is at aaa and not at bbb" in message


def test_a_command_that_fails(make: Callable[..., Service], run_module: Run) -> None:
    service = make(LINEAR, None)
    command = ["sh", "-c", "echo it went wrong; echo mysql://u:secretpw@h/x >&2; exit 7"]
    message = run_module("schema_sync", name="x", schemas=[service.schema(command=command)])["msg"]
    assert "failed with code 7" in message and "it went wrong" in message
    assert "secretpw" not in message
    assert "cut off" not in message


def test_a_first_run_that_was_cut_off(make: Callable[..., Service], run_module: Run) -> None:
    service = make(LINEAR, None)
    with sqlite3.connect(service.path) as database:
        database.execute("CREATE TABLE services (id)")
    message = run_module("schema_sync", name="x", schemas=[service.schema(command=["false"])])["msg"]
    assert "had tables but no version before, as after a first run that was cut off" in message


@pytest.mark.parametrize("check", [True, False])
def test_a_database_of_a_newer_release(make: Callable[..., Service], run_module: Run, check: bool) -> None:
    service = make(LINEAR, ["zzz"])
    message = run_module("schema_sync", check=check, name="x", schemas=[service.schema("bbb")])["msg"]
    assert "is at version zzz, which the installed code" in message and "newer release" in message
    assert service.runs == 0


@pytest.mark.parametrize("missing", ["migrations", "config", "section", "database"])
def test_what_is_not_there_yet(make: Callable[..., Service], run_module: Run, tmp_path: Path, missing: str) -> None:
    service = make(LINEAR, [])
    schema = service.schema("bbb")
    reason = {
        "migrations": "install the service first",
        "config": "configure the service first",
        "section": "[api_database] connection in",
        "database": "does not exist",
    }[missing]
    if missing == "section":
        schema["section"] = "api_database"
    elif missing == "database":
        service.path.unlink()
    else:
        schema[missing] = str(tmp_path / "nothing")
    assert reason in run_module("schema_sync", name="x", schemas=[schema])["msg"]
    result = run_module("schema_sync", check=True, name="x", schemas=[schema])
    assert result["changed"] and result["schemas"]["main"]["changed"]
    assert reason in result["schemas"]["main"]["reason"]
    assert service.runs == 0


def test_a_url_that_is_none_is_told_without_its_password(make: Callable[..., Service], run_module: Run) -> None:
    service = make(LINEAR, [])
    service.config.write_text("[database]\nconnection = postgresql://u:secretpw@h/x\n")
    message = run_module("schema_sync", check=True, name="x", schemas=[service.schema("bbb")])["msg"]
    assert "[database] connection in" in message and "only mysql (MariaDB) and sqlite" in message
    assert "secretpw" not in message


def test_all_problems_are_told_before_anything_runs(make: Callable[..., Service], run_module: Run) -> None:
    service = make(LINEAR, [])
    schemas = [service.schema("bbb"), service.schema("bbb", name="other", migrations="/nothing")]
    assert "/nothing do not exist" in run_module("schema_sync", name="x", schemas=schemas)["msg"]
    schemas = [service.schema("bbb"), service.schema("bbb", version_table="x; DROP"), service.schema(command=[])]
    message = run_module("schema_sync", name="x", schemas=schemas)["msg"]
    assert message.count("\n- ") == 3 and "is given twice" in message and "cannot be the name" in message
    assert service.runs == 0


def test_a_migration_that_cannot_be_read(make: Callable[..., Service], run_module: Run) -> None:
    service = make({"x.py": "revision = compute()\n"}, [])
    message = run_module("schema_sync", name="x", schemas=[service.schema()])["msg"]
    assert "revision in the migration" in message and "x.py is not written as a constant" in message


def test_several_schemas_and_only_those_that_are_behind(tmp_path: Path, run_module: Run) -> None:
    services = []
    for number, versions in enumerate([["bbb"], ["aaa"], []]):
        (tmp_path / str(number)).mkdir()
        services.append(Service(tmp_path / str(number), LINEAR, versions))
    schemas = [service.schema("bbb", name=f"s{number}") for number, service in enumerate(services)]
    result = run_module("schema_sync", diff=True, name="x", schemas=schemas)
    assert [service.runs for service in services] == [0, 1, 1]
    assert [result["schemas"][f"s{number}"]["changed"] for number in range(3)] == [False, True, True]
    assert result["diff"]["before"] == "s1: aaa\ns2: (no schema)\n"
    assert result["diff"]["after"] == "s1: bbb\ns2: bbb\n"


def test_waits_for_another_run_and_sees_what_it_did(
    make: Callable[..., Service], run_module: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    service = make(LINEAR, [])
    exclusive = _process.exclusive

    def after_the_other(purpose: str, timeout: float) -> Any:
        with sqlite3.connect(service.path) as database:
            database.execute("INSERT INTO alembic_version VALUES ('bbb')")
        return exclusive(purpose, timeout)

    monkeypatch.setattr(_process, "exclusive", after_the_other)
    result = run_module("schema_sync", name="x", schemas=[service.schema("bbb")])
    assert (result["changed"], service.runs) == (False, 0)
