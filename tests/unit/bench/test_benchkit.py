# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmarks make of the times that they measured."""

from __future__ import annotations

import json
import subprocess
import time
from pathlib import Path

import pytest
from benchkit import measure, report, timings
from benchkit.measure import Figure
from benchkit.timings import Record

RECORDS = [
    Record("Packages", "_service", "Install", "ctl1", 101.0, 50.0, "changed"),
    Record("Packages", "_service", "Install", "cpu1", 101.0, 30.0, "changed"),
    Record("Controllers", "_service", "Install", "ctl1", 152.0, 1.0, "ok"),
    Record("Controllers", "_service", "Units", "ctl1", 153.0, 4.0, "changed"),
    Record("Controllers", "_service", "Install", "ctl1", 158.0, 2.0, "ok"),
    Record("Controllers", "_service", "Wait", "ctl1", 160.0, 0.0, "skipped"),
]


def test_plays_add_up_to_the_whole() -> None:
    found = timings.plays(RECORDS, 100.0, 163.0)
    assert found == {"Packages": 50.0, "Controllers": 9.0, "start and end of ansible-playbook": 4.0}
    assert sum(found.values()) == 63.0
    assert timings.plays([], 100.0, 101.5) == {"start and end of ansible-playbook": 1.5}


def test_a_task_that_comes_again_is_another_one() -> None:
    assert timings.slowest(RECORDS, 3) == [
        ("Packages: Install", 50.0),
        ("Controllers: Units", 4.0),
        ("Controllers: Install", 2.0),
    ]


def test_skipped_tasks_are_not_executed() -> None:
    assert timings.executed(RECORDS) == {"ctl1": 4, "cpu1": 1}


def test_changes_and_failures_are_named() -> None:
    assert timings.changed(RECORDS[2:4]) == ["ctl1: Controllers: Units (changed)"]
    assert timings.changed([Record("P", "", "T", "cpu1", 1.0, 1.0, "failed")]) == ["cpu1: P: T (failed)"]


def test_reading_leaves_out_what_is_not_needed(tmp_path: Path) -> None:
    line = {
        "play": "P",
        "role": "r",
        "task": "T",
        "action": "x",
        "path": "y",
        "host": "h",
        "start": 1.5,
        "seconds": 2,
        "status": "ok",
    }
    (tmp_path / "timing").write_text(json.dumps(line) + "\n")
    assert timings.read(tmp_path / "timing") == [Record("P", "r", "T", "h", 1.5, 2, "ok")]
    assert timings.read(tmp_path / "absent") == []


@pytest.mark.parametrize(
    ("text", "wanted"),
    [("1m47.69s", 107.69), ("1h2m3s", 3723.0), ("12.5ms", 0.0125), ("2d1h", 176400.0), ("850µs", 0.00085), ("0s", 0.0)],
)
def test_durations_of_podman(text: str, wanted: float) -> None:
    assert measure.seconds(text) == pytest.approx(wanted)


def test_the_meter_tells_ours_from_that_of_others() -> None:
    hosts = iter((10.0, 12.5))
    with measure.Meter(Figure("x", "", ""), lambda: next(hosts)) as figure:
        subprocess.run(["python3", "-c", "sum(range(3_000_000))"], check=True)
        time.sleep(0.2)
    assert figure.seconds > 0.2
    assert figure.hosts_cpu == 2.5
    assert figure.control_cpu > 0.01
    assert 0.0 <= figure.others <= 1.0


def test_a_part_that_fails_has_no_figure() -> None:
    with pytest.raises(OSError), measure.Meter(Figure("x", "", ""), lambda: 0.0) as figure:
        raise OSError
    assert figure.seconds == 0.0


def rounds(*seconds: dict[str, float]) -> list[list[Figure]]:
    made = [[Figure(part, f"part {part}", "cmd", value) for part, value in one.items()] for one in seconds]
    for figures in made:
        figures[0].steps = {"Packages": 100.0, "Guest image": 5.0, "Guests": 35.0}
        figures[0].tasks = {"ctl1": 150, "cpu1": 20, "cpu2": 22}
    return made


MEASURED = rounds(
    {"a": 300.0, "b": 180.0, "b2": 40.0, "c": 50.0, "d1": 80.0, "d4": 150.0},
    {"a": 320.0, "b": 200.0, "b2": 40.0, "c": 70.0, "d1": 60.0, "d4": 130.0},
)


def test_goals_are_about_medians() -> None:
    rows = {row[0]: row[1:] for row in report.goals_table(MEASURED)[1:]}
    assert rows["a: blank hosts to a guest on each compute"] == ["310 s", "at most 360 s", "reached"]
    assert rows["a / b, the guests in both"] == ["1.35", "at most 1.5", "reached"]
    assert rows["a / b, the guests in neither"] == ["1.42", "at most 1.5", "reached"]
    assert rows["a / b, the guests in a alone"] == ["1.63", "at most 1.5", "missed"]
    assert rows["c: the second run"] == ["60 s", "at most 60 s", "reached"]
    assert rows["d4 / d1: four computes against one"] == ["2.00", "at most 2", "reached"]


def test_goals_that_were_not_measured_are_left_out() -> None:
    assert len(report.goals_table(rounds({"b": 1.0, "b2": 1.0}))) == 1


def test_several_rounds_show_their_range() -> None:
    assert report.figures_table(MEASURED)[1][2] == "310.0 (300.0 to 320.0)"
    assert report.figures_table(MEASURED[:1])[1][2] == "300.0"


def test_tasks_per_kind_of_host() -> None:
    assert report.tasks_table(MEASURED[0])[1:] == [["a", "150", "22", "192"]]


def test_json_comes_back(tmp_path: Path) -> None:
    MEASURED[0][0].slowest = [("Packages: Install", 50.0)]
    report.write_json(tmp_path / "sub" / "figures.json", {"cores": 2}, MEASURED)
    assert report.read_json(tmp_path / "sub" / "figures.json") == ({"cores": 2}, MEASURED)


def test_only_what_is_between_the_markers_is_replaced(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Title\n<!-- x: begin -->\nold\n<!-- x: end -->\nrest\n")
    report.put_between(page, "x", "new")
    report.put_between(page, "x", "newer")
    assert page.read_text() == "# Title\n<!-- x: begin -->\n\nnewer\n\n<!-- x: end -->\nrest\n"
    with pytest.raises(ValueError, match="no <!-- y: begin -->"):
        report.put_between(page, "y", "new")


def test_a_busy_machine_is_named() -> None:
    about = dict.fromkeys(
        (
            "date",
            "revision",
            "cores",
            "processor",
            "memory_gib",
            "system",
            "kernel",
            "ansible_core",
            "python",
            "podman",
        ),
        "?",
    )
    assert "busy" not in report.conditions(about, MEASURED)
    MEASURED[1][2].others = 0.4
    assert "up to 40% of its processors" in report.conditions(about, MEASURED)
    MEASURED[1][2].others = 0.0
