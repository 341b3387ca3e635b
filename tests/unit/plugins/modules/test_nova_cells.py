# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""nova_cells: the mappings follow the configuration files, through nova-manage, and no password leaves it."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils import _ini, _process
from ansible_collections.scaleout.nova.plugins.modules import nova_cells

Run = Callable[..., dict[str, Any]]

PASSWORDS = ("rabbitpw1", "databasepw1", "otherpw1")
QUEUE = "rabbit://nova:rabbitpw1@192.0.2.1:5672/"
DATABASE = "mysql+pymysql://nova:databasepw1@192.0.2.1:3306"
TEMPLATE = "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell0?{query}"


class Nova:
    """A Nova API database in sqlite, and a nova-manage that does what the real one does with it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.database = folder / "nova_api.db"
        self.calls: list[list[str]] = []
        self.fails: str | None = None
        self.execute(
            "CREATE TABLE cell_mappings (id INTEGER PRIMARY KEY, uuid TEXT, name TEXT, transport_url TEXT,"
            " database_connection TEXT, disabled BOOL)"
        )
        self.configure("nova.conf", QUEUE, f"{DATABASE}/nova_cell0?charset=utf8mb4")
        self.configure("cell1.conf", f"{QUEUE}cell1", f"{DATABASE}/nova_cell1?charset=utf8mb4")

    def configure(self, name: str, queue: str, database: str) -> None:
        api = f"[api_database]\nconnection = sqlite:///{self.database}\n" if name == "nova.conf" else ""
        (self.folder / name).write_text(
            f"[DEFAULT]\ntransport_url = {queue}\n[database]\nconnection = {database}\n{api}"
        )

    def execute(self, statement: str, *values: object) -> list[tuple[Any, ...]]:
        with sqlite3.connect(self.database) as connection:
            return connection.execute(statement, values).fetchall()

    def rows(self) -> list[tuple[Any, ...]]:
        return self.execute("SELECT name, transport_url, database_connection FROM cell_mappings ORDER BY name")

    def add(self, uuid: str, name: str | None, queue: str, database: str) -> None:
        self.execute(
            "INSERT INTO cell_mappings (uuid, name, transport_url, database_connection) VALUES (?, ?, ?, ?)",
            uuid, name, queue, database,
        )  # fmt: skip

    def manage(
        self, user: str | None, command: Sequence[str], timeout: float, keep_open: Sequence[int] = ()
    ) -> _process.Finished:
        assert user == "nova" and command[0] == "nova-manage" and keep_open
        self.calls.append(list(command))
        if self.fails:
            return _process.Finished(255, self.fails, 0.1)
        files = [command[n + 1] for n, word in enumerate(command) if word == "--config-file"]
        settings = _ini.merge(*map(_ini.load, files))
        options = {word: command[n + 1] for n, word in enumerate(command) if word.startswith("--")}
        queue = options.get("--transport-url", settings["DEFAULT"]["transport_url"][0])
        database = options.get("--database_connection", settings["database"]["connection"][0])
        if "map_cell0" in command:
            self.add(nova_cells.CELL0_UUID, "cell0", "none:///", database)
        elif "create_cell" in command:
            self.add(f"uuid-of-{options['--name']}", options["--name"], queue, database)
        else:
            assert "update_cell" in command
            self.execute(
                "UPDATE cell_mappings SET transport_url = ?, database_connection = ? WHERE uuid = ?",
                queue, database, options["--cell_uuid"],
            )  # fmt: skip
        return _process.Finished(0, "", 0.1)


@pytest.fixture
def nova(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Nova:
    made = Nova(tmp_path)
    monkeypatch.setattr(_process, "LOCK_FOLDERS", (str(tmp_path),))
    monkeypatch.setattr(_process, "run_as", made.manage)
    return made


@pytest.fixture
def cells(run_module: Run, nova: Nova) -> Run:
    """cells("cell1", ...): run the module for these cells; no secret may be in what it returns or calls."""

    def run(*names: str, **options: Any) -> dict[str, Any]:
        wanted = [{"name": name, "config_file": str(nova.folder / f"{name}.conf")} for name in names]
        parameters = {"config_file": str(nova.folder / "nova.conf"), "cells": wanted, "diff": True} | options
        result = run_module("nova_cells", **parameters)
        for password in PASSWORDS:
            assert password not in str(result)
            assert password not in str(nova.calls)
        return result

    return run


def test_maps_cell0_and_cell1_once(cells: Run, nova: Nova) -> None:
    predicted = cells("cell1", check=True)
    assert nova.calls == [] and nova.rows() == []
    result = cells("cell1")
    assert result["created"] == predicted["created"] == ["cell0", "cell1"]
    assert result["diff"] == predicted["diff"]
    assert nova.rows() == [
        ("cell0", "none:///", TEMPLATE),
        ("cell1", f"{QUEUE}cell1", f"{DATABASE}/nova_cell1?charset=utf8mb4"),
    ]
    assert result["cells"] == [
        {"name": "cell0", "uuid": nova_cells.CELL0_UUID},
        {"name": "cell1", "uuid": "uuid-of-cell1"},
    ]
    again = cells("cell1")
    assert (again["changed"], again["created"], again["updated"], len(nova.calls)) == (False, [], [], 2)
    assert again["cells"] == result["cells"]


def test_the_configuration_of_a_cell_is_read_on_top_of_that_of_the_api(cells: Run, nova: Nova) -> None:
    (nova.folder / "cell1.conf").write_text(f"[database]\nconnection = {DATABASE}/nova_cell1\n")
    cells("cell1")
    assert nova.rows()[1] == ("cell1", QUEUE, f"{DATABASE}/nova_cell1")
    assert not cells("cell1")["changed"]


@pytest.mark.parametrize(
    ("url", "template"),
    [
        (f"{DATABASE}/x?charset=utf8", TEMPLATE),
        (f"{DATABASE}/nova_cell0", "{scheme}://{username}:{password}@{hostname}:{port}/nova_cell0"),
        ("mysql://u:p@h/x", "{scheme}://{username}:{password}@{hostname}/nova_cell0"),
        ("mysql://u@h/x", "{scheme}://{username}@{hostname}/nova_cell0"),
        ("mysql://u:p%40@[fd00::1]:1/x", "{scheme}://{username}:{password}@[{hostname}]:{port}/nova_cell0"),
    ],
)
def test_the_template_of_cell0_gives_the_url_of_its_database(url: str, template: str) -> None:
    assert nova_cells.cell0_template(url, "nova_cell0") == template
    head, _slash, tail = url.rpartition("/")
    query = f"?{tail.partition('?')[2]}" if "?" in tail else ""
    assert nova_cells.fill_in(template, url) == f"{head}/nova_cell0{query}"


def test_templates_with_several_hosts() -> None:
    url = "rabbit://a:p1@h1:5672,b:p2@h2:5673/v"
    template = "rabbit://{username1}:{password1}@{hostname1}:{port1},{username2}:{password2}@{hostname2}:{port2}/{path}"
    assert nova_cells.fill_in(template, url) == url
    assert nova_cells.fill_in("rabbit://u:pa{ss@h/", url) == "rabbit://u:pa{ss@h/"


def test_cell0_with_the_whole_url_is_as_good_as_the_template(cells: Run, nova: Nova) -> None:
    nova.add(nova_cells.CELL0_UUID, "cell0", "none:/", f"{DATABASE}/nova_cell0?charset=utf8mb4")
    result = cells()
    assert (result["changed"], nova.calls) == (False, [])


def test_puts_right_what_differs(cells: Run, nova: Nova) -> None:
    nova.add(nova_cells.CELL0_UUID, "cell0", "none:///", "mysql+pymysql://nova:otherpw1@192.0.2.9/nova_cell0")
    other = QUEUE.replace("rabbitpw1", "otherpw1")
    nova.add("uuid-1", "cell1", f"{other}cell1", f"{DATABASE}/nova_cell1?charset=utf8mb4")
    nova.add("uuid-9", "of somebody else", "rabbit://h/x", "mysql://h/x")
    predicted = cells("cell1", check=True)
    assert nova.calls == []
    result = cells("cell1")
    assert result["updated"] == predicted["updated"] == ["cell0", "cell1"]
    assert result["created"] == []
    assert "cell1: transport_url = rabbit://nova:***@192.0.2.1:5672/cell1\n" in result["diff"]["before"]
    assert "rabbit://nova:***@192.0.2.1:5672/cell1 (another password)\n" in result["diff"]["after"]
    assert nova.rows() == [
        ("cell0", "none:///", TEMPLATE),
        ("cell1", f"{QUEUE}cell1", f"{DATABASE}/nova_cell1?charset=utf8mb4"),
        ("of somebody else", "rabbit://h/x", "mysql://h/x"),
    ]
    assert not cells("cell1")["changed"]


def test_another_cell_uses_the_database_or_the_queue(cells: Run, nova: Nova) -> None:
    nova.add("uuid-9", None, "rabbit://h/x", f"{DATABASE}/nova_cell1?charset=utf8mb4")
    for check in (True, False):
        message = cells("cell1", check=check)["msg"]
        assert "the database of cell1" in message and "is that of the cell without a name (uuid-9)" in message
    nova.execute("UPDATE cell_mappings SET database_connection = 'mysql://h/x', transport_url = ?", f"{QUEUE}cell1")
    assert "the message queue of cell1" in cells("cell1")["msg"]
    nova.configure("cell2.conf", f"{QUEUE}cell2", f"{DATABASE}/nova_cell1?charset=utf8mb4")
    nova.execute("DELETE FROM cell_mappings")
    assert "the database of cell1" in cells("cell1", "cell2")["msg"]
    assert nova.calls == []


def test_names_that_are_there_twice(cells: Run, nova: Nova) -> None:
    assert "the cell cell1 is given twice" in cells("cell1", "cell1")["msg"]
    assert "cell0 needs not be given" in cells("cell0")["msg"]
    nova.add("uuid-1", "cell1", "rabbit://h/1", "mysql://h/1")
    nova.add("uuid-2", "cell1", "rabbit://h/2", "mysql://h/2")
    assert "2 cells have the name cell1: uuid-1, uuid-2" in cells("cell1")["msg"]


@pytest.mark.parametrize(
    ("name", "message"),
    [("nova.conf", "nova.conf does not exist"), ("schema", "has no schema yet"), ("nova_api.db", "does not exist")],
)
def test_a_blank_host(cells: Run, nova: Nova, name: str, message: str) -> None:
    if name == "schema":
        nova.execute("DROP TABLE cell_mappings")
    else:
        (nova.folder / name).unlink()
    assert message in cells("cell1")["msg"]
    result = cells("cell1", check=True)
    assert result["changed"] and result["created"] == ["cell0", "cell1"]
    assert result["cells"][1] == {"name": "cell1", "uuid": ""}
    assert nova.calls == []


def test_check_mode_before_a_further_cell_is_configured(cells: Run, nova: Nova) -> None:
    cells("cell1")
    (nova.folder / "cell2.conf").unlink(missing_ok=True)
    result = cells("cell1", "cell2", check=True)
    assert (result["created"], result["updated"]) == (["cell2"], [])
    assert "cell2.conf does not exist" in cells("cell1", "cell2")["msg"]


def test_a_configuration_without_what_is_needed(cells: Run, nova: Nova) -> None:
    (nova.folder / "cell1.conf").write_text("[DEFAULT]\ntransport_url =\n")
    message = cells("cell1")["msg"]
    assert "[DEFAULT] transport_url in" in message and "cell1.conf is not set" in message


def test_nova_manage_fails(cells: Run, nova: Nova) -> None:
    nova.fails = f"Traceback\nDBError: {QUEUE} databasepw1"
    message = cells("cell1")["msg"]
    assert "failed with code 255" in message and "DBError: rabbit://nova:***@192.0.2.1:5672/ ***" in message


def test_nova_manage_does_nothing(cells: Run, nova: Nova, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_process, "run_as", lambda *_args, **_options: _process.Finished(0, "", 0.1))
    assert "ended well, but the mapping of cell0, cell1 is not what" in cells("cell1")["msg"]
