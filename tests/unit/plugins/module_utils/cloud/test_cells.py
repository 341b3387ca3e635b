# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The mappings of a controller with a small database, and a nova-manage of our own."""

from __future__ import annotations

import sqlite3
import threading
from pathlib import Path

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import cells
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError

ONE = cells.Cell("cell1", "11111111-0000-0000-0000-000000000000")
TWO = cells.Cell("cell2", "22222222-0000-0000-0000-000000000000")

# maps the host of its file, as nova-manage would what it finds
NOVA_MANAGE = """#!/bin/sh
echo "$@" >> {home}/calls
sleep 0.2
echo "a warning that is none"
python3 - "$@" <<'END'
import sqlite3, sys, os
home = "{home}"
code = int(open(home + "/code").read()) if os.path.exists(home + "/code") else 0
if code in (0, 2):
    database = sqlite3.connect(home + "/api.sqlite", timeout=10)
    for line in open(home + "/found"):
        database.execute("INSERT OR IGNORE INTO host_mappings VALUES (?, 2)", (line.strip(),))
    database.commit()
else:
    print("CRITICAL cannot reach mysql+pymysql://nova:opensesame@db/nova_cell1")
sys.exit(code)
END
"""


class Controller:
    def __init__(self, home: Path) -> None:
        self.home = home
        self.config = home / "nova.conf"
        self.config.write_text("[api_database]\nconnection = sqlite:///%s/api.sqlite\n" % home, encoding="utf-8")
        database = sqlite3.connect(home / "api.sqlite")
        database.executescript(
            "CREATE TABLE cell_mappings (id INTEGER, uuid TEXT, name TEXT, disabled INTEGER);"
            "CREATE TABLE host_mappings (host TEXT UNIQUE, cell_id INTEGER);"
        )
        database.executemany(
            "INSERT INTO cell_mappings VALUES (?, ?, ?, 0)",
            [(1, cells.CELL0, "cell0"), (2, ONE.uuid, "cell1"), (3, TWO.uuid, "cell2")],
        )
        database.execute("INSERT INTO host_mappings VALUES ('old', 3)")
        database.commit()
        database.close()
        self.command = home / "nova-manage"
        self.command.write_text(NOVA_MANAGE.replace("{home}", str(home)), encoding="utf-8")
        self.command.chmod(0o755)

    def finds(self, *hosts: str) -> None:
        (self.home / "found").write_text("".join(host + "\n" for host in hosts), encoding="utf-8")

    @property
    def calls(self) -> list[str]:
        path = self.home / "calls"
        return path.read_text(encoding="utf-8").splitlines() if path.exists() else []

    @property
    def mappings(self) -> cells.Mappings:
        return cells.Mappings([str(self.config)], str(self.command), None)


@pytest.fixture
def controller(tmp_path: Path) -> Controller:
    return Controller(tmp_path)


def test_what_is_mapped_and_where(controller: Controller) -> None:
    assert controller.mappings.read() == {"old": TWO}
    assert controller.mappings.cell("cell1") == ONE
    assert controller.mappings.cell(TWO.uuid) == TWO


def test_cells_that_will_not_do(controller: Controller) -> None:
    with pytest.raises(CloudError) as caught:
        controller.mappings.cell("cell3")
    assert str(caught.value) == (
        "There is no cell 'cell3' (option cell); there are: cell0, cell1, cell2 (similar: cell2, cell1, cell0)."
    )
    with pytest.raises(CloudError, match="is cell0, which has no hosts"):
        controller.mappings.cell("cell0")


def test_a_controller_that_is_not_set_up(controller: Controller, tmp_path: Path) -> None:
    (tmp_path / "api.sqlite").write_bytes(b"")
    with pytest.raises(cells.NotThereError, match="no such table"):
        controller.mappings.read()
    (tmp_path / "api.sqlite").unlink()
    with pytest.raises(cells.NotThereError, match=r"api\.sqlite does not exist \(\[api_database\] of "):
        controller.mappings.read()
    controller.config.unlink()
    with pytest.raises(cells.NotThereError, match=r"There is no .*nova\.conf on this host"):
        controller.mappings.read()


def test_a_configuration_without_a_database(controller: Controller) -> None:
    controller.config.write_text("[DEFAULT]\ndebug = true\n", encoding="utf-8")
    with pytest.raises(CloudError, match=r"does not set \[api_database\] connection"):
        controller.mappings.read()


def test_mapping(controller: Controller) -> None:
    controller.finds("new", "other")
    assert controller.mappings.discover(ONE, ["new"], 5) == {"old": TWO, "new": ONE, "other": ONE}
    assert controller.calls == [
        "--config-file %s cell_v2 discover_hosts --cell_uuid %s --by-service" % (controller.config, ONE.uuid)
    ]
    # nothing to do: not run at all
    controller.mappings.discover(ONE, ["new", "old"], 5)
    assert len(controller.calls) == 1


def test_two_at_a_time_run_nova_manage_once(controller: Controller) -> None:
    controller.finds("new")
    results = []
    threads = [
        threading.Thread(target=lambda: results.append(controller.mappings.discover(ONE, ["new"], 20)))
        for _number in range(3)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert results == [{"old": TWO, "new": ONE}] * 3
    assert len(controller.calls) == 1


def test_another_discoverer_in_between_is_no_error(controller: Controller) -> None:
    controller.finds("new")
    (controller.home / "code").write_text("2", encoding="utf-8")
    assert "new" in controller.mappings.discover(ONE, ["new"], 5)


def test_a_failure_in_words_and_without_the_password(controller: Controller) -> None:
    controller.finds("new")
    (controller.home / "code").write_text("1", encoding="utf-8")
    with pytest.raises(
        CloudError, match=r"^nova-manage cell_v2 discover_hosts failed \(1\): .*nova:\*\*\*@db"
    ) as caught:
        controller.mappings.discover(ONE, ["new"], 5)
    assert "opensesame" not in str(caught.value)


def test_no_nova_manage(controller: Controller) -> None:
    mappings = cells.Mappings([str(controller.config)], "no-such-nova-manage", None)
    with pytest.raises(CloudError, match="the command no-such-nova-manage is not installed on this host"):
        mappings.discover(ONE, ["new"], 5)
