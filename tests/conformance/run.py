# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Compares the capacity engine with a real Placement, on generated clouds that are filled until nothing fits.

    make conformance CASES=10000 SEED=7
    python tests/conformance/run.py --seed 7 --world 12 --request 3      one world, one request

A case is a small cloud and a request of which at least one fits. For each

* the hosts that the engine says can take one more are the roots of Placement's candidates, at the start and after every
  allocation until there is no candidate left;
* the counts that it predicts, for every host alone and for all together, are those of the longest sequence of
  allocations, found by trying every choice of candidates; and that sequence is then allocated.

Of some requests, the limits are then taken away in Placement itself (lifts.py), and what fits more is what the engine
has said (all of them with --all-limits).

Half of the clouds are filled by that longest sequence, half by candidates at random. Runs in the venv of the loopback
cloud (requirements/loopback.txt).
"""

from __future__ import annotations

import argparse
import collections
import concurrent.futures
import functools
import importlib.util
import itertools
import os
import random
import sys
import time
import traceback
import typing as t
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]
INSIDE = "SCALEOUT_CONFORMANCE"  # set in the venv
FAILURES = 5  # stop after so many
REPORT = 500  # cases


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    parser.add_argument("--cases", type=int, default=2000, help="stop after so many cases (default: %(default)s)")
    parser.add_argument("--seed", default="1", help="another seed, other worlds (default: %(default)s)")
    parser.add_argument("--world", type=int, help="this world alone")
    parser.add_argument("--request", type=int, help="this request of each world alone")
    parser.add_argument("--all-limits", action="store_true", help="all limits of all requests, rather than some")
    return parser.parse_args()


def enter_venv() -> t.NoReturn:
    """Start again with the Python of the loopback venv."""
    spec = importlib.util.spec_from_file_location("launcher", ROOT / "tests/integration/loopback/launcher.py")
    assert spec is not None and spec.loader is not None
    launcher = importlib.util.module_from_spec(spec)
    sys.modules["launcher"] = launcher
    spec.loader.exec_module(launcher)
    python = str(launcher.venv())
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))}
    environment[INSIDE] = "1"
    os.execve(python, [python, *sys.argv], environment)


@functools.cache
def placement() -> t.Any:
    """The Placement of this process."""
    from clouds import CLASSES, TRAITS
    from real import Placement

    return Placement(CLASSES, TRAITS)


def check(options: argparse.Namespace, number: int) -> t.Any:
    """Check the requests of a world; a Tally."""
    from check import Checker, Mismatch
    from clouds import World

    world = World("%s/%d" % (options.seed, number))
    placement().load(world.snapshot)
    checker = Checker(placement(), options.all_limits)
    for position, request in enumerate(world.requests):
        if options.request not in (None, position):
            continue
        try:
            checker.check(world, request, random.Random("%s/%d/%d" % (options.seed, number, position)))
        except Exception as error:
            text = "%s\n%s" % (error, error.details) if isinstance(error, Mismatch) else traceback.format_exc()
            again = (text, options.seed, number, position)
            checker.tally.failures.append(
                "%s\nagain: python tests/conformance/run.py --seed %s --world %d --request %d" % again
            )
        placement().forget()
    return checker.tally


def main() -> int:
    options = arguments()
    if INSIDE not in os.environ:
        enter_venv()
    sys.path[:0] = [str(ROOT / "build" / "collections"), str(HERE)]
    from check import Tally

    started = time.monotonic()
    print("conformance: seed %s" % options.seed, flush=True)
    tally = Tally()
    reported = 0
    numbers = itertools.count() if options.world is None else iter([options.world])
    workers = len(os.sched_getaffinity(0))
    with concurrent.futures.ProcessPoolExecutor(workers) as pool:
        # Worlds count in their order, so that a seed means the same ones however many workers there are.
        waiting: collections.deque[concurrent.futures.Future[t.Any]] = collections.deque()
        while tally.cases < options.cases and len(tally.failures) < FAILURES:
            ahead = itertools.islice(numbers, 2 * workers - len(waiting))
            waiting.extend(pool.submit(check, options, number) for number in ahead)
            if not waiting:
                break
            world = waiting.popleft().result()
            tally.add(world)
            for failure in world.failures:
                print("FAILED: %s" % failure, flush=True)
            if tally.cases >= reported + REPORT:
                reported = tally.cases
                print("%d cases, %.0f s" % (tally.cases, time.monotonic() - started), flush=True)
        pool.shutdown(cancel_futures=True)
    print(tally)
    passed, failed, seconds = tally.cases - len(tally.failures), len(tally.failures), time.monotonic() - started
    print("==== %d passed, %d failed in %.1fs ====" % (passed, failed, seconds), flush=True)
    return int(failed > 0)


if __name__ == "__main__":
    sys.exit(main())
