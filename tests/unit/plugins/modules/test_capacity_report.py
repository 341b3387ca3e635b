# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""capacity_report on the example cloud and on files that are none."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Run = Callable[..., dict[str, Any]]
EXAMPLE = Path(__file__).resolve().parents[4] / "playbooks" / "files" / "example-cloud.json"
NAMES = {"html": "capacity.html", "markdown": "capacity.md", "json": "capacity.json", "prometheus": "capacity.prom"}


@pytest.fixture
def run(run_module: Run) -> Run:
    def run_it(**options: Any) -> dict[str, Any]:
        return run_module("capacity_report", snapshot=str(EXAMPLE), **options)

    return run_it


def told(result: dict[str, Any]) -> dict[str, Any]:
    """What a result says of the report; file attributes are only known of files that there are."""
    return {name: result[name] for name in ("changed", "summary", "remarks", "tables", "limits", "files")}


def written(path: Path) -> tuple[int, int]:
    """Differs when the file was replaced or written to."""
    return path.stat().st_ino, path.stat().st_mtime_ns


def test_a_directory(tmp_path: Path, run: Run) -> None:
    folder = tmp_path / "new" / "report"
    predicted = run(directory=str(folder), check=True, diff=True)
    assert not folder.exists()
    result = run(directory=str(folder), diff=True)
    assert told(predicted) == told(result) and predicted["diff"] == result["diff"]
    assert result["changed"] and all(file["changed"] for file in result["files"])
    assert {file["format"]: file["path"] for file in result["files"]} == {
        name: str(folder / file_name) for name, file_name in NAMES.items()
    }
    for file in result["files"]:
        assert Path(file["path"]).stat().st_size == file["size"]
    assert result["diff"]["before"] == "".join(f"{folder / name}: absent\n" for name in NAMES.values())
    assert len(result["diff"]["after"].splitlines()) == 4
    before = {path: written(path) for path in folder.iterdir()}
    again = run(directory=str(folder), diff=True)
    assert not again["changed"] and "diff" not in again
    assert {path: written(path) for path in folder.iterdir()} == before


def test_what_is_returned(tmp_path: Path, run: Run) -> None:
    result = run(json=str(tmp_path / "answer.json"))
    assert result["summary"].startswith("Room for ") and result["summary"].endswith(" first in zone b.")
    assert result["taken_at"] == "2026-11-25T06:00:00Z"
    assert len(result["tables"]["flavors"]) == 12 and len(result["tables"]["closed"]) == 10
    answer = json.loads((tmp_path / "answer.json").read_text())
    assert {row["flavor"]: row["fits"] for row in result["tables"]["flavors"]} == {
        name: flavor["fits"] for name, flavor in answer["flavors"].items()
    }


def test_single_files(tmp_path: Path, run: Run) -> None:
    metrics, page = tmp_path / "textfile" / "nova.prom", tmp_path / "page.html"
    result = run(prometheus=str(metrics), html=str(page), mode="0640")
    assert {Path(file["path"]) for file in result["files"]} == {metrics, page}
    assert {path for path in tmp_path.rglob("*") if path.is_file()} == {metrics, page}
    assert stat.S_IMODE(metrics.stat().st_mode) == 0o640
    assert run(prometheus=str(metrics), html=str(page), mode="0600")["changed"]
    again = run(prometheus=str(metrics), html=str(page), mode="0600")
    assert not again["changed"] and stat.S_IMODE(page.stat().st_mode) == 0o600


def test_only_what_differs_is_written(tmp_path: Path, run: Run) -> None:
    run(directory=str(tmp_path))
    metrics = written(tmp_path / "capacity.prom")
    result = run(directory=str(tmp_path), title="Another title", diff=True)
    assert {file["format"]: file["changed"] for file in result["files"]} == {
        "html": True,
        "markdown": True,
        "json": False,
        "prometheus": False,
    }
    assert "capacity.prom" not in result["diff"]["after"]
    assert written(tmp_path / "capacity.prom") == metrics
    assert "<h1>Another title</h1>" in (tmp_path / "capacity.html").read_text()


def test_a_question(tmp_path: Path, run: Run) -> None:
    result = run(directory=str(tmp_path), flavors=["m1.large"], zone="b", aggregate="general")
    assert [row["flavor"] for row in result["tables"]["flavors"]] == ["m1.large"]
    text = (tmp_path / "capacity.md").read_text()
    assert "> The question is about the availability zone b and the aggregate general only." in text
    everywhere = run(directory=str(tmp_path), flavors=["m1.large"])
    assert everywhere["tables"]["flavors"][0]["fits"] > result["tables"]["flavors"][0]["fits"] > 0


def test_what_if_and_a_flavor_that_there_is_not(tmp_path: Path, run: Run) -> None:
    flavor = {"name": "db", "vcpus": 8, "ram": 32768, "disk": 100}
    now = run(directory=str(tmp_path), flavor=flavor)
    then = run(directory=str(tmp_path), flavor=flavor, what_if={"remove_hosts": ["cpu-c10"]})
    assert 0 < then["tables"]["flavors"][0]["fits"] <= now["tables"]["flavors"][0]["fits"]
    text = (tmp_path / "capacity.md").read_text()
    assert "> As if cpu-c10 was not there." in text and "| db | 8 vCPU, 32 GiB, 100 GiB disk |" in text
    assert run(directory=str(tmp_path), what_if={"remove_host": []})["failed"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"flavors": ["m1.larg"]},
            "There is no flavor 'm1.larg' in the snapshot (similar: m1.large, m1.xlarge, s1.large)",
        ),
        ({"zone": "z"}, "There is no availability zone 'z' in the snapshot"),
        ({"scheduler": {"enabled_filter": []}}, "enabled_filter"),
    ],
)
def test_questions_that_cannot_be_answered(tmp_path: Path, run: Run, options: dict[str, Any], message: str) -> None:
    result = run(directory=str(tmp_path / "report"), **options)
    assert result["failed"] and message in result["msg"]
    assert not (tmp_path / "report").exists()


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cannot be read: No such file or directory"),
        ('{"format": "scaleout.nova/cloud-snap', "is not JSON, or not all of it"),
        ("[]", "this is no snapshot of a cloud"),
        ('{"format": "scaleout.nova/cloud-snapshot", "version": 99}', "has version 99"),
    ],
)
def test_files_that_are_no_snapshot(tmp_path: Path, run_module: Run, content: str | None, message: str) -> None:
    path = tmp_path / "cloud.json"
    if content is not None:
        path.write_text(content)
    result = run_module("capacity_report", snapshot=str(path), directory=str(tmp_path / "report"))
    assert result["failed"] and str(path) in result["msg"] and message in result["msg"]


def test_a_place_that_cannot_be_written(tmp_path: Path, run: Run) -> None:
    (tmp_path / "file").write_text("")
    result = run(directory=str(tmp_path / "file"))
    assert result["failed"] and str(tmp_path / "file") in result["msg"]


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"html": "page", "markdown": "./page"}, "The options html and markdown cannot both be the file"),
        (
            {"directory": ".", "prometheus": "capacity.md"},
            "The options markdown and prometheus cannot both be the file",
        ),
        ({"json": "cloud.json"}, "The options snapshot and json cannot both be the file"),
    ],
)
def test_one_file_for_two_things(
    tmp_path: Path, run_module: Run, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], message: str
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "cloud.json").write_bytes(EXAMPLE.read_bytes())
    result = run_module("capacity_report", snapshot="cloud.json", **options)
    assert result["failed"] and message in result["msg"]
    assert [path.name for path in tmp_path.iterdir()] == ["cloud.json"]


def test_somewhere_it_has_to_go(run: Run) -> None:
    result = run()
    assert result["failed"] and "one of the following is required: directory, html" in result["msg"]
