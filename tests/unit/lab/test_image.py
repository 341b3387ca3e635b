# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The recipe of a blank host, the tool's files and its command line."""

from __future__ import annotations

import dataclasses
import io
import tarfile
from pathlib import Path

import pytest
from labkit import commands, image, machine, plan

RECIPE = image.Recipe("trixie", "amd64", "http://m/debian", "http://m/s", ("systemd",), ("a.service",), {"x": "y"}, "")


@pytest.mark.parametrize(
    "change",
    [{"mirror": "http://n/debian"}, {"packages": ("systemd", "sudo")}, {"files": {"x": "z"}}, {"finish": "true"}],
)
def test_the_tag_is_the_content(change: dict[str, object]) -> None:
    assert dataclasses.replace(RECIPE).tag == RECIPE.tag
    assert dataclasses.replace(RECIPE, **change).tag != RECIPE.tag  # type: ignore[arg-type]


def test_the_image_is_blank() -> None:
    words = " ".join(image.PACKAGES)
    assert not [name for name in ("nova", "libvirt", "qemu", "mariadb", "rabbitmq", "uwsgi") if name in words]
    assert "rm -f /etc/ssh/ssh_host_*" in image.FINISH  # no key that all hosts would share
    assert "/var/lib/dbus/machine-id" in image.FINISH  # systemd would take every host's machine-id from it


def test_files_belong_to_root_and_are_readable() -> None:
    with tarfile.open(fileobj=io.BytesIO(image._overlay({"etc/a": "text\n"}))) as tar:
        entry = tar.getmember("etc/a")
        assert (entry.uid, entry.gid, entry.mode) == (0, 0, 0o644)
        content = tar.extractfile(entry)
        assert content is not None
        assert content.read() == b"text\n"


def test_apt_sources_read_back() -> None:
    text = image.apt_sources({"trixie": "http://m/debian", "trixie-security": "http://m/debian-security"})
    found = plan.parse_apt_sources({"debian.sources": text})
    assert [(source.uri, source.suites) for source in found] == [
        ("http://m/debian", ("trixie",)),
        ("http://m/debian-security", ("trixie-security",)),
    ]


def test_write_in_place_keeps_the_inode(tmp_path: Path) -> None:
    path = tmp_path / "lab" / "hosts"
    machine.write_in_place(path, "a longer text\n")
    inode = path.stat().st_ino
    machine.write_in_place(path, "short\n")
    assert path.read_text() == "short\n"
    assert path.stat().st_ino == inode
    assert path.stat().st_mode & 0o777 == 0o644


def test_in_parallel_reports_every_problem() -> None:
    def odd(number: int) -> None:
        if number % 2:
            raise plan.LabError(f"host {number}")

    commands.in_parallel(odd, [2, 4])
    with pytest.raises(plan.LabError, match="host 1; host 3"):
        commands.in_parallel(odd, [1, 2, 3])


def test_a_failed_command_says_what_it_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = machine.Machine()
    monkeypatch.setattr(here, "is_root", True)
    log = tmp_path / "log"
    with pytest.raises(plan.LabError, match=r"`sh -c .*` failed with 3: no such mirror .*all of it in"):
        here.root(["sh", "-c", "echo no such mirror >&2; exit 3"], log=log)
    assert log.read_text() == "no such mirror\n"
    with pytest.raises(plan.LabError, match="make setup"):
        here.root(["no-such-program-of-the-lab"])


class FakePodman(machine.Podman):
    """Answers with what it is told."""

    def __init__(self, failing: set[str]) -> None:
        super().__init__(machine.Machine())
        self.failing = failing

    def run(self, *args: str) -> str:
        if args[1] in self.failing:
            raise plan.LabError("refused")
        return ""


def test_the_runtime_that_works_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shutil.which", lambda name, path=None: f"/usr/bin/{name}")
    assert FakePodman({"crun"}).find_runtime("image", []) == "runc"
    assert FakePodman({"runc"}).find_runtime("image", []) == "crun"
    with pytest.raises(plan.LabError, match="no container runtime works"):
        FakePodman({"crun", "runc"}).find_runtime("image", [])
