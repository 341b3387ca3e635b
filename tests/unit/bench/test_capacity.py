# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the benchmark of the capacity part makes of its figures."""

from __future__ import annotations

import json
from xml.etree import ElementTree

import pytest
from benchkit import capacity, plot, report
from benchkit.capacity import Figures, Live, Offline

FIGURES = Figures(
    live=[
        Live(1000, 0, 0, 0.1, 0.2, 0.08, 2.8, 10, 123),
        Live(1000, 50, 0, 0.1, 0.4, 0.08, 4.8, 12, 100),
    ],
    offline=[Offline(1000, 20_000, 25, 0.1, 0.2, 100.0), Offline(10_000, 200_000, 100, 2.0, 9.0, 300.0)],
    others=0.3,
)


def test_goals() -> None:
    rows = [row[1:] for row in capacity.goals_table(FIGURES)[1:]]
    assert rows == [
        ["2.8", "at most 3.0", "reached"],
        ["10", "at most 10", "reached"],
        ["11.0 s", "at most 10.0 s", "missed"],
        ["300 MiB", "at most 1024 MiB", "reached"],
    ]


def test_tables() -> None:
    assert capacity.live_table(FIGURES)[2] == ["1000", "5%", "0%", "100", "400", "80", "4.8", "12"]
    assert capacity.offline_table(FIGURES)[1] == ["1000", "20000", "25", "0.10", "0.20", "100"]


def test_json_comes_back() -> None:
    assert capacity.of_data(json.loads(json.dumps(capacity.as_data(FIGURES)))) == FIGURES


def test_the_section_of_the_documentation() -> None:
    machine = dict.fromkeys(
        ("date", "revision", "cores", "processor", "memory_gib", "system", "kernel", "python", "command"), "x"
    )
    text = report.capacity_markdown(machine, FIGURES)
    assert "used by something else" in text and "(capacity-growth.svg)" in text


def test_the_plot_is_xml_with_all_points() -> None:
    tree = ElementTree.fromstring(capacity.growth(FIGURES))
    assert len(tree.findall("{http://www.w3.org/2000/svg}circle")) == 2


@pytest.mark.parametrize(("value", "wanted"), [(0.03, 0.05), (1.0, 1.0), (1.1, 2.0), (7.0, 10.0), (1_000_000, 1e6)])
def test_the_ends_of_the_axes(value: float, wanted: float) -> None:
    assert plot.ceiling(value) == pytest.approx(wanted)


def test_the_line_through_the_origin() -> None:
    assert plot.slope([(1, 2), (2, 4), (3, 6)]) == pytest.approx(2.0)
