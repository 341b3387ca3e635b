#!/usr/bin/env python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Benchmarks, on labs and servers of their own that are removed again. See docs/benchmarks.md.

Without a command: all of them.
"""

from __future__ import annotations

import argparse
import fcntl
import json
import shutil
import signal
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
from benchkit import aggregates, capacity, deployment, report
from benchkit.clouds import ROOT, BenchError, cache
from benchkit.measure import machine

JSON = ROOT / "tests" / "output" / "bench-deployment.json"
CAPACITY_JSON = ROOT / "tests" / "output" / "bench-capacity.json"
AGGREGATES_JSON = ROOT / "tests" / "output" / "bench-aggregates.json"
GROWTH = ROOT / "docs" / "capacity-growth.svg"
DOCUMENT = ROOT / "docs" / "benchmarks.md"
BENCHMARKS = ("capacity", "aggregates", "deployment")


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="bench.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="benchmark", metavar="COMMAND")
    sub = commands.add_parser(
        "deployment", help="from blank hosts to guests", description=deployment.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sub.add_argument(
        "--only", metavar="PARTS", default=deployment.PARTS, help="such as b or a,c (c and d need a, and do it)"
    )
    sub.add_argument("--repeat", metavar="N", type=int, default=1, help="so many rounds; the medians are reported")
    sub.add_argument("--computes", metavar="N", type=int, default=3, help="computes of the cloud (default: 3)")
    sub.add_argument("--add", metavar="N,N", default="1,4", help="how many computes d adds, in turn (default: 1,4)")
    sub.add_argument("--virt-type", default="qemu", help="virt_type of the bare script's computes (default: qemu)")
    sub.add_argument("--keep", action="store_true", help="leave the labs there, to look into them")
    sub.add_argument(
        "--document",
        action="store_true",
        help="write to docs/benchmarks.md, even if not all was measured as documented",
    )
    sub.add_argument(
        "--show", action="store_true", help="measure nothing, show the last figures (with --document: write)"
    )
    sub = commands.add_parser(
        "capacity", help="a snapshot and all its answers", description=capacity.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sub.add_argument("--show", action="store_true", help="measure nothing, write the last figures again")
    sub = commands.add_parser(
        "aggregates", help="host aggregates, by one task and by a loop", description=aggregates.__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    sub.add_argument("--show", action="store_true", help="measure nothing, write the last figures again")
    return parser.parse_args(argv)


def plan_of(args: argparse.Namespace) -> deployment.Plan:
    """What the command line asks for."""
    parts = "".join(sorted(set(args.only) - set(", ")))
    unknown = sorted(set(parts) - set(deployment.PARTS))
    if unknown or not parts:
        raise BenchError(f"--only takes parts of {', '.join(deployment.PARTS)}; this is none: {', '.join(unknown)}")
    try:
        add = tuple(int(count) for count in args.add.split(","))
    except ValueError:
        raise BenchError(f"--add takes numbers, such as 1,4; {args.add!r} has others") from None
    if min(args.repeat, args.computes, *add) < 1:
        raise BenchError("--repeat, --computes and --add take numbers from 1 on")
    if args.repeat > 100 or args.computes + sum(add) > 200:
        raise BenchError("--repeat is at most 100, and there is room for 200 computes")
    return deployment.Plan(parts, args.computes, add, args.virt_type, args.keep, say)


def say(text: str) -> None:
    """One line for people."""
    print(f"{time.strftime('%H:%M:%S')}  {text}", flush=True)


def stop(number: int, _frame: FrameType | None) -> None:
    """A signal ends the benchmark as an exception does, so that the labs are removed."""
    raise KeyboardInterrupt(signal.Signals(number).name)


def started_as(name: str) -> str:
    """The command line of one benchmark."""
    return " ".join(["tests/bench/bench.py", *(sys.argv[1:] or [name])])


def about_machine() -> dict[str, Any]:
    """What the figures are measured on; a warning where something else is at work."""
    about = machine()
    if about["load_before"] > 0.3 * about["cores"]:
        say(f"this machine is busy (load {about['load_before']:.1f}): the figures will tell little")
    return about


def run_capacity(args: argparse.Namespace) -> None:
    """Measure what a snapshot takes, and tell."""
    if args.show:
        if not CAPACITY_JSON.exists():
            raise BenchError("nothing has been measured yet")
        data = json.loads(CAPACITY_JSON.read_text(encoding="utf-8"))
    else:
        about = {**about_machine(), "command": started_as("capacity")}
        data = {"machine": about, **capacity.as_data(capacity.measure(say))}
        CAPACITY_JSON.parent.mkdir(parents=True, exist_ok=True)
        CAPACITY_JSON.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    figures = capacity.of_data(data)
    print("\n" + report.capacity_terminal(data["machine"], figures) + "\n")
    GROWTH.write_text(capacity.growth(figures), encoding="utf-8")
    report.put_between(DOCUMENT, "capacity", report.capacity_markdown(data["machine"], figures))
    say(f"written to {DOCUMENT.relative_to(ROOT)} and {GROWTH.relative_to(ROOT)}")


def run_aggregates(args: argparse.Namespace) -> None:
    """Measure what host aggregates take, and tell."""
    if args.show:
        if not AGGREGATES_JSON.exists():
            raise BenchError("nothing has been measured yet")
        data = json.loads(AGGREGATES_JSON.read_text(encoding="utf-8"))
    else:
        about = {**about_machine(), "command": started_as("aggregates")}
        data = {"machine": about, **aggregates.as_data(aggregates.measure(say))}
        AGGREGATES_JSON.parent.mkdir(parents=True, exist_ok=True)
        AGGREGATES_JSON.write_text(json.dumps(data, indent=2) + "\n", encoding="utf-8")
    figures = aggregates.of_data(data)
    print("\n" + report.aggregates_terminal(data["machine"], figures) + "\n")
    report.put_between(DOCUMENT, "aggregates", report.aggregates_markdown(data["machine"], figures))
    say(f"written to {DOCUMENT.relative_to(ROOT)}")


def run_deployment(args: argparse.Namespace, plan: deployment.Plan) -> None:
    """Measure a deployment, and tell."""
    command = started_as("deployment")
    if args.show:
        if not JSON.exists():
            raise BenchError("nothing has been measured yet")
        about, rounds = report.read_json(JSON)
        command = about.get("command", command)
    else:
        about = {**about_machine(), "command": command}
        rounds = []
        for number in range(args.repeat):
            if args.repeat > 1:
                say(f"round {number + 1} of {args.repeat}")
            figures, versions = deployment.measure(plan, number)
            about.update(versions)
            rounds.append(figures)
            report.write_json(JSON, about, rounds)
    print("\n" + report.terminal(about, rounds) + "\n")
    if args.document or (plan.whole and not args.show):
        report.put_between(DOCUMENT, "deployment", report.markdown(about, rounds, command))
        say(f"written to {DOCUMENT.relative_to(ROOT)}")


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code."""
    given = sys.argv[1:] if argv is None else argv
    commands = [parse_arguments(given)] if given else [parse_arguments([name]) for name in BENCHMARKS]
    for number in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, stop)
    try:
        plans = [plan_of(args) if args.benchmark == "deployment" else None for args in commands]
        if not shutil.which("ansible-playbook"):
            raise BenchError(
                "ansible-playbook is not in PATH: use `make bench`, or .venv/bin, which `make setup` makes"
            )
        cache().mkdir(parents=True, exist_ok=True)
        with (cache() / ".bench.lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise BenchError("another benchmark runs on this machine") from None
            for args, plan in zip(commands, plans, strict=True):
                if plan is not None:
                    run_deployment(args, plan)
                elif args.benchmark == "aggregates":
                    run_aggregates(args)
                else:
                    run_capacity(args)
    except BenchError as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt as error:
        print(f"bench: stopped{f' by {error}' if error.args else ''}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
