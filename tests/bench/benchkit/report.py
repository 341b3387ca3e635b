# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What was measured: as a table for people, as JSON, and as a section of docs/benchmarks.md."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median
from typing import Any

from . import aggregates, capacity
from .deployment import GUEST_PLAYS
from .measure import Figure

BUSY = 0.1  # when something else used more than this share of the processors, the figures say little
Rounds = Sequence[Sequence[Figure]]


def values(rounds: Rounds, part: str) -> list[float]:
    """The seconds of a part in all rounds."""
    return [figure.seconds for figures in rounds for figure in figures if figure.part == part]


def middle(numbers: Sequence[float]) -> float:
    """The median; 0 of nothing."""
    return median(numbers) if numbers else 0.0


def spread(numbers: Sequence[float]) -> str:
    """The median, and where there are several the range."""
    if len(numbers) == 1:
        return f"{numbers[0]:.1f}"
    return f"{middle(numbers):.1f} ({min(numbers):.1f} to {max(numbers):.1f})"


def figures_table(rounds: Rounds) -> list[list[str]]:
    """A row for each part."""
    rows = [["part", "what", "seconds", "hosts' CPU s", "control node's CPU s", "used by others"]]
    for figure in rounds[0]:
        same = [other for figures in rounds for other in figures if other.part == figure.part]
        rows.append([
            figure.part,
            figure.name,
            spread([other.seconds for other in same]),
            f"{middle([other.hosts_cpu for other in same]):.0f}",
            f"{middle([other.control_cpu for other in same]):.0f}",
            f"{middle([other.others for other in same]):.0%}",
        ])  # fmt: skip
    return rows


def goals_table(rounds: Rounds) -> list[list[str]]:
    """What was aimed at, and whether it was reached, as far as it was measured."""
    part = {figure.part: middle(values(rounds, figure.part)) for figure in rounds[0]}
    rows = [["goal", "measured", "aim", ""]]

    def goal(what: str, measured: float, aim: float, unit: str) -> None:
        reached = "reached" if measured <= aim else "missed"
        rows.append([what, f"{measured:.2f}{unit}".replace(".00 s", " s"), f"at most {aim:g}{unit}", reached])

    if "a" in part:
        goal("a: blank hosts to a guest on each compute", round(part["a"]), 360, " s")
    if "a" in part and "b" in part:
        goal("a / b, the guests in both", part["a"] / (part["b"] + part["b2"]), 1.5, "")
        goal(
            "a / b, the guests in neither",
            middle([_without_guests(figures) for figures in rounds]) / part["b"],
            1.5,
            "",
        )
        goal("a / b, the guests in a alone", part["a"] / part["b"], 1.5, "")
    if "c" in part:
        goal("c: the second run", round(part["c"]), 60, " s")
    if "d1" in part:
        goal("d1: one compute more", round(part["d1"]), 75, " s")
    if "d1" in part and "d4" in part:
        goal("d4 / d1: four computes against one", part["d4"] / part["d1"], 2, "")
    return rows


def _without_guests(figures: Iterable[Figure]) -> float:
    first = next(figure for figure in figures if figure.part == "a")
    return first.seconds - sum(first.steps.get(play, 0.0) for play in GUEST_PLAYS)


def steps_table(rounds: Rounds) -> list[list[str]]:
    """Where the time of each part goes, by play or phase."""
    rows = [["part", "play or phase", "seconds"]]
    for figure in rounds[0]:
        for step in figure.steps:
            same = [
                other.steps[step]
                for figures in rounds
                for other in figures
                if other.part == figure.part and step in other.steps
            ]
            rows.append([figure.part, step, f"{middle(same):.1f}"])
    return rows


def slowest_table(figures: Iterable[Figure], part: str) -> list[list[str]]:
    """The slowest tasks of a part."""
    rows = [["task", "seconds"]]
    for figure in figures:
        if figure.part == part:
            rows += [[name, f"{seconds:.1f}"] for name, seconds in figure.slowest if seconds >= 0.5]
    return rows


def tasks_table(figures: Iterable[Figure]) -> list[list[str]]:
    """Tasks executed per host: e."""
    rows = [["part", "per controller", "per compute (most)", "all hosts"]]
    for figure in figures:
        computes = [count for host, count in figure.tasks.items() if host.startswith("cpu")]
        controllers = [count for host, count in figure.tasks.items() if host.startswith("ctl")]
        if figure.tasks:
            row = [max(controllers, default=0), max(computes, default=0), sum(figure.tasks.values())]
            rows.append([figure.part, *(str(count) for count in row)])
    return rows


def as_text(rows: Sequence[Sequence[str]]) -> str:
    """Rows in columns, for a terminal."""
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    lines = ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    return "\n".join([lines[0], "  ".join("-" * width for width in widths), *lines[1:]])


def as_markdown(rows: Sequence[Sequence[str]]) -> str:
    """Rows as a table of Markdown."""
    lines = ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join([lines[0], "|" + "---|" * len(rows[0]), *lines[1:]])


def conditions(machine: dict[str, Any], rounds: Rounds) -> str:
    """What the figures hold for, in a sentence or two."""
    installed = ", ".join(f"{name} {machine[name]}" for name in ("debian", "nova", "libvirt") if machine.get(name))
    text = (
        f"{_measured_on(machine)}; "
        f"ansible-core {machine['ansible_core']} on Python {machine['python']}, podman {machine['podman']}; "
        f"on the hosts {installed}. "
    )
    many = len(rounds) > 1
    text += f"Medians of {len(rounds)} rounds, with their range." if many else "One round."
    return text + _busy(max((figure.others for figures in rounds for figure in figures), default=0.0))


def _measured_on(machine: dict[str, Any]) -> str:
    return (
        f"{machine['date']}, revision {machine['revision']}: {machine['cores']} cores ({machine['processor']}), "
        f"{machine['memory_gib']} GiB, {machine['system']}, kernel {machine['kernel']}"
    )


def _busy(others: float) -> str:
    """A warning, where something else used too much of the processors."""
    if others <= BUSY:
        return ""
    return f" **The machine was busy: up to {others:.0%} of its processors were used by something else.**"


def capacity_conditions(machine: dict[str, Any], figures: capacity.Figures) -> str:
    """What the figures hold for, in a sentence or two."""
    text = f"{_measured_on(machine)}; Python {machine['python']}. With a cloud, medians of {capacity.ROUNDS} rounds."
    return text + _busy(figures.others)


def capacity_terminal(machine: dict[str, Any], figures: capacity.Figures) -> str:
    """All of it, for people."""
    tables = [capacity.live_table(figures), capacity.offline_table(figures), capacity.goals_table(figures)]
    return "\n\n".join([capacity_conditions(machine, figures).replace("**", ""), *map(as_text, tables)])


def capacity_markdown(machine: dict[str, Any], figures: capacity.Figures) -> str:
    """The section of the documentation."""
    return "\n\n".join([
        f"Measured by `{machine['command']}`.",
        capacity_conditions(machine, figures),
        as_markdown(capacity.goals_table(figures)),
        "With a cloud:",
        as_markdown(capacity.live_table(figures)),
        "Without a cloud:",
        as_markdown(capacity.offline_table(figures)),
        "![Seconds to answer everything over hosts times flavors: the points lie along a straight line]"
        "(capacity-growth.svg)",
    ])  # fmt: skip


def aggregates_conditions(machine: dict[str, Any], figures: aggregates.Figures) -> str:
    """What the figures hold for, in a sentence or two."""
    versions = f"ansible-core {machine['ansible_core']} on Python {machine['python']}"
    return f"{_measured_on(machine)}; {versions}. One run of each.{_busy(figures.others)}"


def aggregates_terminal(machine: dict[str, Any], figures: aggregates.Figures) -> str:
    """All of it, for people."""
    tables = [aggregates.runs_table(figures), aggregates.goals_table(figures)]
    return "\n\n".join([aggregates_conditions(machine, figures).replace("**", ""), *map(as_text, tables)])


def aggregates_markdown(machine: dict[str, Any], figures: aggregates.Figures) -> str:
    """The section of the documentation."""
    return "\n\n".join([
        f"Measured by `{machine['command']}`.",
        aggregates_conditions(machine, figures),
        as_markdown(aggregates.goals_table(figures)),
        as_markdown(aggregates.runs_table(figures)),
    ])  # fmt: skip


def terminal(machine: dict[str, Any], rounds: Rounds) -> str:
    """All of it, for people."""
    tables = [
        figures_table(rounds),
        steps_table(rounds),
        slowest_table(rounds[0], "a"),
        tasks_table(rounds[0]),
        goals_table(rounds),
    ]
    parts = [conditions(machine, rounds).replace("**", ""), *(as_text(table) for table in tables if len(table) > 1)]
    return "\n\n".join(parts)


def markdown(machine: dict[str, Any], rounds: Rounds, command: str) -> str:
    """The section of the documentation."""
    commands = [["part", "measured command"]] + [[figure.part, f"`{figure.command}`"] for figure in rounds[0]]
    return "\n\n".join([
        f"Measured by `{command}`; a single part by `tests/bench/bench.py deployment --only PART`.",
        conditions(machine, rounds),
        as_markdown(goals_table(rounds)),
        as_markdown(figures_table(rounds)),
        as_markdown(commands),
        "Where the time goes:",
        as_markdown(steps_table(rounds)),
        "The slowest tasks of a, from their start on the first host to their end on the last:",
        as_markdown(slowest_table(rounds[0], "a")),
        "e: tasks executed per host, skipped ones not counted:",
        as_markdown(tasks_table(rounds[0])),
    ])  # fmt: skip


def write_json(path: Path, machine: dict[str, Any], rounds: Rounds) -> None:
    """Everything, for programs."""
    path.parent.mkdir(parents=True, exist_ok=True)
    data = {"machine": machine, "rounds": [[asdict(figure) for figure in figures] for figures in rounds]}
    path.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")


def read_json(path: Path) -> tuple[dict[str, Any], list[list[Figure]]]:
    """What `write_json` wrote."""
    data = json.loads(path.read_text(encoding="utf-8"))
    rounds = [[Figure(**{**figure, "slowest": [tuple(item) for item in figure["slowest"]]}) for figure in figures]
              for figures in data["rounds"]]  # fmt: skip
    return data["machine"], rounds


def put_between(path: Path, name: str, text: str) -> None:
    """Replace what lies between the markers of that name in a file."""
    begin, end = f"<!-- {name}: begin -->", f"<!-- {name}: end -->"
    content = path.read_text(encoding="utf-8")
    head, found, rest = content.partition(begin)
    _old, found_end, tail = rest.partition(end)
    if not (found and found_end):
        raise ValueError(f"{path} has no {begin} and {end} after it")
    path.write_text(f"{head}{begin}\n\n{text}\n\n{end}{tail}", encoding="utf-8")
