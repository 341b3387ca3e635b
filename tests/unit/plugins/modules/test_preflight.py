# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the preflight module reads from a host."""

from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from ansible_collections.scaleout.nova.plugins.modules import preflight


def test_os_release() -> None:
    text = (
        'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\n# ID=no\nID=debian\nVERSION_ID="13"\n\nHOME_URL=https://x/?a=b\n'
    )
    assert preflight.os_release(text) == {"id": "debian", "version": "13", "name": "Debian GNU/Linux 13 (trixie)"}
    assert preflight.os_release("") == {"id": "linux", "version": "", "name": ""}


def test_memory() -> None:
    assert preflight.memory_mib("MemTotal:        2048000 kB\nMemFree: 1 kB\n") == 2000
    assert preflight.memory_mib("") == 0


def test_disk_is_that_of_the_directory_there_will_be(tmp_path: Path) -> None:
    there = preflight.disk(str(tmp_path), None)
    later = preflight.disk(str(tmp_path / "not" / "yet"), str(tmp_path))
    assert abs(there["free_mib"] - later["free_mib"]) < 1024
    assert there["exists"] is False and later["exists"] is True
    assert preflight.disk(str(tmp_path), str(tmp_path / "absent"))["exists"] is False


def test_names() -> None:
    found = preflight.resolve(["localhost", "no-such-host.invalid", "x" * 300, "localhost"])
    assert set(found["localhost"]["addresses"]) <= {"127.0.0.1", "::1"} and found["localhost"]["addresses"]
    for name in ("no-such-host.invalid", "x" * 300):
        assert found[name]["addresses"] == [] and found[name]["error"]


def test_a_dead_name_server_costs_its_timeout_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preflight, "RESOLVE_TIMEOUT", 0.3)
    monkeypatch.setattr(preflight, "lookup", lambda name: time.sleep(5))
    began = time.monotonic()
    found = preflight.resolve([f"host{number}" for number in range(20)])
    assert time.monotonic() - began < 2
    assert all(entry["error"].startswith("no answer") for entry in found.values())


def test_local_addresses() -> None:
    assert preflight.is_local("127.0.0.1")
    assert not preflight.is_local("192.0.2.1")
    assert not preflight.is_local("2001:db8::1")


def test_listening_sockets_are_read_from_the_table() -> None:
    table = (
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n"
        "   0: 0100007F:0CEA 00000000:0000 0A 00000000:00000000 00:00000000 00000000   104        0 12345 1 0 100 0\n"
        "   1: 0100007F:0CEB 00000000:0000 01 00000000:00000000 00:00000000 00000000   104        0 12346 1 0 100 0\n"
    )
    assert preflight.listening(table) == {3306: {"12345"}}
    assert preflight.listening("") == {}


def test_the_process_that_listens_is_named() -> None:
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        port = server.getsockname()[1]
        found = preflight.listeners({port})
        assert [entry["pid"] for entry in found[str(port)]] == [os.getpid()]
        assert any("py" in name for name in found[str(port)][0]["names"])
    assert preflight.listeners({port}) == {str(port): []}


def test_all_facts_are_read_in_one_go_and_quickly() -> None:
    began = time.monotonic()
    facts = preflight.facts(
        {
            "resolve": ["localhost"],
            "local_addresses": ["127.0.0.1", "192.0.2.1", "localhost"],
            "disk_mib": [{"path": "/", "mib": 1, "unless_exists": None}],
            "ports": [],
        }
    )
    assert time.monotonic() - began < 3
    assert facts["local"] == {"127.0.0.1": True, "192.0.2.1": False, "localhost": True}
    assert facts["memory_mib"] > 0 and facts["disk"]["/"]["free_mib"] >= 0
    assert abs(facts["time"] - time.time()) < 5
    assert facts["hostname"] in facts["names"]
    machine_id = Path("/etc/machine-id")
    if machine_id.exists() and machine_id.read_text().strip():
        assert machine_id.read_text().strip() not in str(facts)
