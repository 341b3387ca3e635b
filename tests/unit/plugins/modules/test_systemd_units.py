# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""systemd_units on real files, with a small systemctl of our own and the real systemd-analyze.

What only a real systemd can tell is in tests/integration/targets/systemd_units.
"""

from __future__ import annotations

import datetime
import os
import re
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.modules import systemd_units

Run = Callable[..., dict[str, Any]]
Tool = Callable[[str, str], Path]

# Keeps a unit in a file of its properties, and has as much of a mind as the tests need.
SYSTEMCTL = f"""#!{sys.executable} -SE
import os, sys
from datetime import datetime, timezone
from pathlib import Path
home = Path(os.environ["HOME"])
words = [word for word in sys.argv[1:] if not word.startswith("-")]
verb, names = words[0], words[1:]
if verb != "show":
    with open(home / "calls", "a") as calls:
        calls.write(" ".join(words) + "\\n")
def load(name):
    path = home / "units" / name
    lines = path.read_text().splitlines() if path.exists() else ["LoadState=not-found", "ActiveState=inactive"]
    return dict(line.split("=", 1) for line in lines)
def save(name, **properties):
    known = {{"LoadState": "loaded", "UnitFileState": "disabled", "Result": "success"}}
    if (home / "units" / name).exists():
        known.update(load(name))
    known.update(properties)
    (home / "units" / name).write_text("".join(f"{{key}}={{value}}\\n" for key, value in known.items()))
now = datetime.now(timezone.utc).strftime("%a %Y-%m-%d %H:%M:%S.%f UTC")
if verb == "show":
    print("\\n\\n".join("\\n".join(f"{{key}}={{value}}" for key, value in load(name).items()) for name in names))
for name in names:
    if verb == "restart" and (home / "fails" / name).exists():
        save(name, ActiveState="failed", SubState="failed", Result="exit-code", ExecMainCode=1, ExecMainStatus=3)
    elif verb == "restart":
        save(name, ActiveState="active", SubState="running", LoadState="loaded", ExecMainStartTimestamp=now)
    elif verb == "stop":
        save(name, ActiveState="inactive", SubState="dead")
    elif verb in ("enable", "reenable", "disable"):
        save(name, UnitFileState=verb.removeprefix("re") + "d", ActiveState=load(name)["ActiveState"])
"""
JOURNALCTL = """#!/bin/sh
case "$*" in *--unit=*) echo "the last words of ${*##*--unit=}" ;; esac
"""
SERVICE = {"Service": {"ExecStart": "/bin/true"}}
needs_analyze = pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="systemd-analyze is not installed")


class Host:
    """Where the module believes to be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.system = root / "system"
        for name in ("units", "fails", "system", "info"):
            (root / name).mkdir()
        (root / "calls").touch()

    def unit(self, name: str, started: float = 0.0, **properties: str) -> None:
        """A unit that systemd knows; a running one was started so many seconds ago."""
        then = datetime.datetime.fromtimestamp(time.time() - started, datetime.UTC)
        known = {
            "Id": name,
            "LoadState": "loaded",
            "ActiveState": "active",
            "SubState": "running",
            "Result": "success",
            "Type": "notify",
            "UnitFileState": "enabled",
            "NeedDaemonReload": "no",
        }
        if started:
            known["ExecMainStartTimestamp"] = f"{then:%a %Y-%m-%d %H:%M:%S.%f} UTC"
        known |= properties
        (self.root / "units" / name).write_text("".join(f"{key}={value}\n" for key, value in known.items()))

    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tool) -> Host:
    home = tmp_path / "host"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    tool("systemctl", SYSTEMCTL)
    tool("journalctl", JOURNALCTL)
    monkeypatch.setattr(systemd_units, "UNIT_DIR", str(home / "system"))
    monkeypatch.setattr(systemd_units, "DPKG_INFO", str(home / "info"))
    return Host(home)


@pytest.fixture
def ensure(host: Host, run_module: Run) -> Run:
    """Predicts, does, compares the two, and does it again, which must not change anything."""

    def run(*units: dict[str, Any], **options: Any) -> dict[str, Any]:
        options = {"units": list(units), "settle": 0, "diff": True, **options}
        predicted = run_module("systemd_units", check=True, **options)
        assert host.calls() == []
        result = run_module("systemd_units", **options)
        for key in ("changed", "units", "diff"):
            assert result.get(key) == predicted.get(key), key
        calls = host.calls()
        if not result.get("failed"):
            assert not run_module("systemd_units", **options)["changed"]
            assert host.calls() == calls
        return result

    return run


def actions(result: dict[str, Any]) -> dict[str, str]:
    return {name: unit["action"] for name, unit in result["units"].items()}


def file(path: Path, age: float) -> Path:
    """A file that was modified so many seconds ago; its inode is changed now, and nobody can help that."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")
    os.utime(path, (time.time() - age, time.time() - age))
    return path


# --- files -----------------------------------------------------------------------------------------------------------


def test_a_unit_file(host: Host, ensure: Run) -> None:
    definition = {
        "Unit": {"Description": "An example", "After": ["a.service", "b.service"], "Wants": None},
        "Service": {"ExecStart": "/bin/true", "Restart": False, "RemainAfterExit": True, "RestartSec": 5},
        "Install": {"WantedBy": "multi-user.target"},
    }
    result = ensure({"name": "example", "definition": definition})
    assert (host.system / "example.service").read_text() == systemd_units.HEADER + (
        "\n[Unit]\nDescription=An example\nAfter=a.service\nAfter=b.service\n"
        "\n[Service]\nExecStart=/bin/true\nRestart=no\nRemainAfterExit=yes\nRestartSec=5\n"
        "\n[Install]\nWantedBy=multi-user.target\n"
    )
    assert (host.system / "example.service").stat().st_mode & 0o777 == 0o644
    assert host.calls() == ["enable example.service", "daemon-reload", "restart example.service"]
    assert result["units"] == {
        "example": {
            "action": "started",
            "reason": "it is new",
            "files": [str(host.system / "example.service")],
            "enablement": "enabled",
        }
    }
    assert result["diff"][-1]["after"] == "example.service: active, enabled (started, because it is new)\n"


def test_many_units_in_few_calls(host: Host, ensure: Run) -> None:
    install = {"Install": {"WantedBy": "multi-user.target"}}
    names = ["one.service", "two.service", "t@.service", "t@a.service", "t@b.service", "x.timer"]
    units: list[dict[str, Any]] = [{"name": name, "definition": SERVICE | install} for name in names[:2]]
    units += [{"name": "t@.service", "state": "present", "definition": SERVICE | install}]
    units += [{"name": "t@a.service"}, {"name": "t@b.service"}]
    units += [{"name": "x.timer", "definition": {"Timer": {"OnCalendar": "daily"}} | install}]
    units += [{"name": "x", "state": "present", "definition": SERVICE}]
    result = ensure(*units)
    assert host.calls() == [
        "enable one.service two.service t@a.service t@b.service x.timer",
        "daemon-reload",
        "restart one.service two.service t@a.service t@b.service x.timer",
    ]
    assert actions(result) == dict.fromkeys(names, "started") | {"t@.service": "unchanged", "x": "unchanged"}


def test_override_comes_and_goes(host: Host, ensure: Run) -> None:
    host.unit("nova.service", started=100)
    drop_in = host.system / "nova.service.d" / "scaleout.conf"
    override = {"Service": {"ExecStart": ["", "/bin/true --x"], "Restart": "always"}}
    result = ensure({"name": "nova", "override": override})
    assert drop_in.read_text() == systemd_units.HEADER + (
        "\n[Service]\nExecStart=\nExecStart=/bin/true --x\nRestart=always\n"
    )
    assert result["units"]["nova"]["reason"] == f"{drop_in} is changed"
    assert host.calls() == ["daemon-reload", "restart nova.service"]
    (host.root / "calls").write_text("")
    assert actions(ensure({"name": "nova"})) == {"nova": "unchanged"}  # left as it is
    assert drop_in.exists() and host.calls() == []
    result = ensure({"name": "nova", "override": {}})
    assert actions(result) == {"nova": "restarted"} and not drop_in.parent.exists()
    assert host.calls() == ["daemon-reload", "restart nova.service"]


def test_a_directory_with_other_drop_ins_stays(host: Host, ensure: Run) -> None:
    host.unit("nova.service", started=100)
    other = file(host.system / "nova.service.d" / "other.conf", 0)
    (host.system / "nova.service.d" / "scaleout.conf").write_text("[Service]\n")
    ensure({"name": "nova", "override": {}})
    assert [path.name for path in other.parent.iterdir()] == ["other.conf"]


def test_a_template_that_changes_restarts_its_instances(host: Host, ensure: Run) -> None:
    (host.system / "t@.service").write_text("[Service]\nExecStart=/bin/false\n")
    host.unit("t@a.service", started=100)
    host.unit("other.service", started=100)
    result = ensure(
        {"name": "t@.service", "state": "present", "definition": SERVICE}, {"name": "t@a.service"}, {"name": "other"}
    )
    assert actions(result) == {"t@.service": "unchanged", "t@a.service": "restarted", "other": "unchanged"}
    assert host.calls() == ["daemon-reload", "restart t@a.service"]


# --- restarts --------------------------------------------------------------------------------------------------------


def test_reads(host: Host, ensure: Run, tmp_path: Path) -> None:
    etc = tmp_path / "etc"
    config, deep = file(etc / "nova.conf", 0), file(etc / "conf.d" / "deep" / "x.conf", 0)
    reads = {"one": [str(config)], "two": [str(etc / "conf.d")], "three": [str(etc / "*.conf"), str(etc / "no" / "x")]}
    units = [{"name": name, "reads": paths} for name, paths in reads.items()]
    time.sleep(0.05)
    started = time.time()
    for name in reads:
        host.unit(f"{name}.service", started=time.time() - started + 0.001)
    assert actions(ensure(*units)) == dict.fromkeys(reads, "unchanged")
    assert host.calls() == []

    time.sleep(0.05)
    deep.write_text("changed")
    result = ensure(*units)
    assert actions(result) == {"one": "unchanged", "two": "restarted", "three": "unchanged"}
    assert result["units"]["two"]["reason"] == f"{deep} is newer"

    (host.root / "calls").write_text("")
    old = file(etc / "old", 1e6)  # as an atomic replacement by something that was made long ago
    old.rename(config)
    result = ensure(*units)
    assert actions(result) == {"one": "restarted", "two": "unchanged", "three": "restarted"}
    assert host.calls() == ["restart one.service three.service"]

    (host.root / "calls").write_text("")
    time.sleep(0.05)
    deep.unlink()
    assert actions(ensure(*units)) == {"one": "unchanged", "two": "restarted", "three": "unchanged"}


def test_a_link_that_leads_elsewhere(host: Host, ensure: Run, tmp_path: Path) -> None:
    first, second = file(tmp_path / "first", 0), file(tmp_path / "second", 0)
    link = tmp_path / "link"
    link.symlink_to(first)
    time.sleep(0.05)
    host.unit("nova.service", started=0.01)
    link.unlink()
    link.symlink_to(second)
    assert ensure({"name": "nova", "reads": [str(link)]})["units"]["nova"]["reason"] == f"{link} is newer"


def test_packages(host: Host, ensure: Run) -> None:
    file(host.root / "info" / "nova-common.list", 0)
    file(host.root / "info" / "libvirt0:amd64.list", 0)
    for name in ("one", "two", "three"):
        host.unit(f"{name}.service", started=100)
    host.unit("t.timer", started=100)
    units: list[dict[str, Any]] = [{"name": "one", "packages": ["libvirt0"]}, {"name": "two"}]
    result = ensure(*units, {"name": "t.timer", "packages": ["libvirt0"]}, packages=["not-installed"])
    assert actions(result) == {"one": "restarted", "two": "unchanged", "t.timer": "unchanged"}
    assert result["units"]["one"]["reason"] == "package libvirt0:amd64 is newer"
    (host.root / "calls").write_text("")
    result = ensure({"name": "three"}, packages=["nova-common"])
    assert result["units"]["three"]["reason"] == "package nova-common is newer"


def test_unit_files_and_environment_files(host: Host, ensure: Run) -> None:
    fragment, drop_in = file(host.root / "f", 0), file(host.root / "d", 0)
    environment, generated = file(host.root / "e", 0), file(host.root / "g", 0)
    host.unit("one.service", started=100, FragmentPath=str(fragment))
    host.unit("two.service", started=100, DropInPaths=f"/nowhere {drop_in}")
    host.unit("three.service", started=100, EnvironmentFiles=f"{environment} (ignore_errors=yes)")
    host.unit("four.service", started=100, FragmentPath="/run/systemd/generator/x", SourcePath=str(generated))
    result = ensure(*({"name": name} for name in ("one", "two", "three", "four")))
    reasons = {name: unit["reason"] for name, unit in result["units"].items()}
    assert reasons == {
        "one": f"{fragment} is newer",
        "two": f"{drop_in} is newer",
        "three": f"{environment} is newer",
        "four": f"{generated} is newer",
    }


def test_stale_is_for_check_mode(host: Host, run_module: Run) -> None:
    for name in ("one.service", "two.service", "t.timer"):
        host.unit(name, started=100)
    units: list[dict[str, Any]] = [{"name": "one", "stale": True}, {"name": "two"}, {"name": "t.timer"}]
    predicted = run_module("systemd_units", units=units, check=True)
    assert actions(predicted) == {"one": "restarted", "two": "unchanged", "t.timer": "unchanged"}
    predicted = run_module("systemd_units", units=units, stale=True, check=True)
    assert actions(predicted) == {"one": "restarted", "two": "restarted", "t.timer": "unchanged"}
    assert not run_module("systemd_units", units=units, stale=True)["changed"]


def test_a_file_from_the_future(host: Host, run_module: Run, tmp_path: Path) -> None:
    host.unit("one.service", started=100)
    path = file(tmp_path / "x", -1000)
    result = run_module("systemd_units", units=[{"name": "one", "reads": [str(path)]}])
    assert not result["changed"] and f"{path} has a time in the future" in str(result["warnings"])


def test_systemd_was_not_told(host: Host, run_module: Run) -> None:
    """A drop-in was removed by a run that was killed: there is no file that could be newer."""
    host.unit("one.service", started=100, NeedDaemonReload="yes")
    result = run_module("systemd_units", units=[{"name": "one"}])
    assert result["units"]["one"]["reason"] == "its unit files have changed, and systemd was not told"
    assert host.calls() == ["daemon-reload", "restart one.service"]


@pytest.mark.parametrize(("offset", "started"), [(0, 100), (3600, 100), (-3600, 3700)])
def test_the_clock_was_set(offset: float, started: float) -> None:
    """The start in real time is an hour off, and the monotonic clock knows better, or it is the other way round."""
    then = datetime.datetime.fromtimestamp(time.time() - 100 + offset, datetime.UTC)
    seen = systemd_units.Seen(
        {
            "ExecMainStartTimestamp": f"{then:%a %Y-%m-%d %H:%M:%S.%f} UTC",
            "ExecMainStartTimestampMonotonic": str(round((time.monotonic() - 100) * 1e6)),
        }
    )
    assert seen.started_at() == pytest.approx(time.time() - started, abs=1)


def test_oneshots_are_not_restarted(host: Host, ensure: Run, tmp_path: Path) -> None:
    path = file(tmp_path / "x", 0)
    host.unit("stays.service", started=100, Type="oneshot", RemainAfterExit="yes", SubState="exited")
    host.unit("ran.service", started=100, Type="oneshot", RemainAfterExit="no", ActiveState="inactive")
    host.unit("at-it.service", started=100, Type="oneshot", ActiveState="activating", SubState="start")
    units: list[dict[str, Any]] = [{"name": name, "reads": [str(path)]} for name in ("stays", "ran", "at-it")]
    assert actions(ensure(*units)) == {"stays": "unchanged", "ran": "unchanged", "at-it": "unchanged"}
    host.unit("failed.service", Type="oneshot", ActiveState="failed", Result="exit-code")
    assert actions(ensure({"name": "failed"})) == {"failed": "started"}


# --- states ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("properties", "action", "reason", "reset"),
    [
        ({"ActiveState": "inactive"}, "started", "it was not running", False),
        ({"ActiveState": "deactivating"}, "started", "it was not running", False),
        ({"ActiveState": "failed", "Result": "oom-kill"}, "started", "it had failed (oom-kill)", True),
        (
            {"ActiveState": "activating", "SubState": "auto-restart", "Result": "exit-code"},
            "restarted",
            "it kept failing (exit-code)",
            True,
        ),
        ({"ActiveState": "reloading"}, "unchanged", "", False),
    ],
)
def test_started(host: Host, ensure: Run, properties: dict[str, str], action: str, reason: str, reset: bool) -> None:
    host.unit("one.service", started=100, **properties)
    result = ensure({"name": "one"})
    assert result["units"]["one"] == {"action": action, "reason": reason, "files": [], "enablement": ""}
    expected = [] if action == "unchanged" else ["restart one.service"]
    assert host.calls() == (["reset-failed one.service"] if reset else []) + expected


def test_one_that_somebody_is_starting_is_waited_for(host: Host, run_module: Run) -> None:
    host.unit("one.service", started=100, ActiveState="activating", SubState="start")
    result = run_module("systemd_units", units=[{"name": "one"}], timeout=1, settle=0)
    assert result["failed"] and "one.service did not come up within 1 s: activating (start)" in result["msg"]
    assert host.calls() == []


def test_stopped_and_absent(host: Host, ensure: Run) -> None:
    for name in ("one", "two", "three"):
        host.unit(f"{name}.service", started=100)
        (host.system / f"{name}.service").write_text("[Service]\n")
    host.unit("four.service", ActiveState="failed", UnitFileState="static")
    file(host.system / "two.service.d" / "scaleout.conf", 0)
    file(host.system / "t@.service", 0)
    result = ensure(
        {"name": "one", "state": "stopped"},
        {"name": "two", "state": "absent"},
        {"name": "three", "state": "stopped", "enabled": True},
        {"name": "four", "state": "stopped"},
        {"name": "t@.service", "state": "absent"},
        {"name": "never-was", "state": "absent"},
        {"name": "never-was-either", "state": "stopped"},
    )
    assert actions(result) == {
        "one": "stopped",
        "two": "removed",
        "three": "stopped",
        "four": "unchanged",
        "t@.service": "removed",
        "never-was": "unchanged",
        "never-was-either": "unchanged",
    }
    assert result["units"]["two"]["enablement"] == "disabled" and result["units"]["three"]["enablement"] == ""
    assert host.calls() == [
        "stop one.service two.service three.service",
        "disable one.service two.service",
        "daemon-reload",
    ]
    assert sorted(path.name for path in host.system.iterdir()) == ["one.service", "three.service"]


def test_a_unit_that_is_still_to_come(host: Host, run_module: Run) -> None:
    options: dict[str, Any] = {"units": [{"name": "nova-compute"}], "packages": ["nova-compute"]}
    result = run_module("systemd_units", check=True, diff=True, **options)
    assert result["units"]["nova-compute"] == {
        "action": "started",
        "reason": "it does not exist yet",
        "files": [],
        "enablement": "enabled",
    }
    assert result["diff"][-1]["before"] == "nova-compute.service: absent\n"
    result = run_module("systemd_units", **options)
    assert result["failed"]
    assert "there is no unit nova-compute.service on this host (one of nova-compute should bring it)" in result["msg"]


@pytest.mark.parametrize(
    ("state", "enabled", "verb"),
    [
        ("enabled", True, ""),
        ("disabled", True, "enable"),
        ("enabled-runtime", True, "enable"),
        ("static", True, ""),
        ("generated", True, ""),
        ("indirect", True, ""),
        ("alias", True, ""),
        ("transient", True, ""),
        ("enabled", False, "disable"),
        ("disabled", False, ""),
        ("static", False, ""),
        ("indirect", False, ""),
        ("enabled", None, ""),
        ("disabled", None, "enable"),
    ],
)
def test_enabled(host: Host, ensure: Run, state: str, enabled: bool | None, verb: str) -> None:
    host.unit("one.service", started=100, UnitFileState=state)
    result = ensure({"name": "one", **({} if enabled is None else {"enabled": enabled})})
    assert host.calls() == ([f"{verb} one.service", "daemon-reload"] if verb else [])
    assert result["changed"] == bool(verb)


@pytest.mark.parametrize(
    ("old", "new", "state", "verb"),
    [
        ("a.target", "b.target", "enabled", "reenable"),
        ("a.target", None, "enabled", "disable"),
        (None, "a.target", "static", "enable"),
        (None, None, "static", ""),
        ("a.target", "a.target", "enabled", ""),
    ],
)
def test_install_section_that_changes(
    host: Host, run_module: Run, old: str | None, new: str | None, state: str, verb: str
) -> None:
    def definition(wanted_by: str | None, command: str) -> dict[str, Any]:
        install = {"Install": {"WantedBy": wanted_by}} if wanted_by else {}
        return {"Service": {"ExecStart": command}} | install

    unit = systemd_units.Unit("one", "one.service", "started", None, None, [], [], True, False)
    text, _problems = systemd_units.render(unit, "definition", definition(old, "/bin/true"))
    (host.system / "one.service").write_text(text)
    host.unit("one.service", started=100, UnitFileState=state)
    run_module("systemd_units", units=[{"name": "one", "definition": definition(new, "/bin/false")}])
    assert host.calls() == ([f"{verb} one.service"] if verb else []) + ["daemon-reload", "restart one.service"]


def test_a_killed_run_is_made_good(host: Host, run_module: Run) -> None:
    """The unit file was written, and then nothing more."""
    options: dict[str, Any] = {"units": [{"name": "one", "definition": SERVICE}], "settle": 0}
    run_module("systemd_units", **options)
    host.unit("one.service", started=100, UnitFileState="static", NeedDaemonReload="yes")
    with (host.root / "units" / "one.service").open("a") as stream:
        stream.write(f"FragmentPath={host.system / 'one.service'}\n")
    (host.root / "calls").write_text("")
    assert run_module("systemd_units", **options)["changed"]
    assert host.calls() == ["daemon-reload", "restart one.service"]


def test_a_socket_takes_its_service_along(host: Host, run_module: Run) -> None:
    host.unit("x.socket", started=100, Triggers="x.service")
    host.unit("x.service", started=100)
    definition = {"Socket": {"ListenStream": "/run/x"}}
    run_module("systemd_units", units=[{"name": "x.socket", "definition": definition}])
    assert host.calls() == ["daemon-reload", "stop x.socket x.service", "restart x.socket x.service"]


# --- errors ----------------------------------------------------------------------------------------------------------


def test_a_unit_that_does_not_come_up(host: Host, run_module: Run) -> None:
    for name in ("good", "bad", "worse"):
        host.unit(f"{name}.service", ActiveState="inactive", Type="simple")
    for name in ("bad", "worse"):
        (host.root / "fails" / f"{name}.service").touch()
    units = [{"name": name} for name in ("good", "bad", "worse")]
    result = run_module("systemd_units", units=units, settle=0)
    assert result["failed"]
    assert result["msg"] == (
        "bad.service did not come up: failed (failed), exit code 3.\n    the last words of bad.service\n"
        "worse.service did not come up: failed (failed), exit code 3.\n    the last words of worse.service"
    )


def test_masked_and_broken(host: Host, run_module: Run) -> None:
    host.unit("one.service", LoadState="masked", UnitFileState="masked", ActiveState="inactive")
    host.unit(
        "two.service", LoadState="bad-setting", LoadError='x.BadUnitSetting "it has a flaw"', ActiveState="inactive"
    )
    (host.system / "three.service").symlink_to("/dev/null")
    result = run_module("systemd_units", units=[{"name": "one"}, {"name": "two"}], check=True)
    assert "one.service is masked; if that is no longer wanted, systemctl unmask one.service" in result["msg"]
    assert 'systemd cannot load two.service: "it has a flaw"' in result["msg"]
    result = run_module("systemd_units", units=[{"name": "three", "definition": SERVICE}])
    assert "three.service is masked" in result["msg"] and (host.system / "three.service").is_symlink()
    assert not run_module("systemd_units", units=[{"name": "one", "state": "stopped"}])["changed"]


def test_all_mistakes_in_one_message(host: Host, run_module: Run) -> None:
    wrong = {
        "Service": {"UMask": 0o27, "Environment": "A=1\nB=2", "Exec Start": "/bin/true", "User": {"a": 1}},
        "Ser vice": {},
        "Unit": "text",
    }
    units = [
        {"name": "one", "definition": wrong, "reads": ["etc/x"]},
        {"name": "t@.service"},
        {"name": "a/b"},
        {"name": "two", "definition": {}},
        {"name": "two.service"},
    ]
    message = run_module("systemd_units", units=units, check=True)["msg"]
    for told in (
        "reads of one has 'etc/x', which is no absolute path",
        "t@.service is a template, of which only an instance can be started",
        "'a/b' is no name of a unit",
        "two.service is in units twice",
        "definition of one: UMask in [Service] is the number 23; quote it",
        "definition of one: Environment in [Service] must be one line or a list of them, not 'A=1\\nB=2'",
        "definition of one has 'Exec Start' in [Service], which is no name of a directive",
        "definition of one: User in [Service] must be one line",
        "definition of one has a section 'Ser vice'",
        "definition of one: [Unit] must be a dictionary of directives, not 'text'",
        "definition of two is empty",
        "Nothing was touched.",
    ):
        assert told in message, told
    assert list(host.system.iterdir()) == []


@needs_analyze
def test_what_systemd_would_ignore_is_an_error(host: Host, run_module: Run) -> None:
    fragment = host.root / "packaged.service"
    fragment.write_text("[Service]\nExecStart=/bin/true\nBogus=in the package, not ours\n")
    host.unit("packaged.service", started=100, FragmentPath=str(fragment))
    bad = {
        "Service": {"ExecStart": "/not/installed/yet", "Restrat": "always", "RestartSec": "soon"},
        "Sevice": {"A": 1},
    }
    units = [
        {"name": "bad", "definition": bad},
        {"name": "good", "definition": {"Service": {"ExecStart": "/not/installed/yet"}}},
        {"name": "t@.service", "state": "present", "definition": {"Service": {"ExecStart": "/bin/true", "Foo": 1}}},
        {"name": "packaged", "override": {"Service": {"Usr": "nova", "ExecStart": "/bin/false"}}},
        {"name": "to-come", "override": {"Service": {"Usr": "nova", "ExecStart": ["", "/bin/false"]}}},
    ]
    message = run_module("systemd_units", units=units, check=True)["msg"]
    for pattern in (
        r"definition of bad\.service: Unknown key.* 'Restrat' in section",
        r"definition of bad\.service: Failed to parse .*soon",
        r"definition of bad\.service: Unknown section 'Sevice'",
        r"definition of t@\.service: Unknown key.* 'Foo'",
        r"override of packaged\.service: Unknown key.* 'Usr'",
        r"packaged\.service: Service has more than one ExecStart=",
        r"override of to-come\.service: Unknown key.* 'Usr'",
    ):
        assert re.search(pattern, message), (pattern, message)
    assert "Bogus" not in message and "good" not in message and "executable" not in message
    assert list(host.system.iterdir()) == []
