# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts a play and kills it, as a lost terminal or the kernel would, some seconds after a task has begun.

Succeeds when it was killed; a play that ends before is a failure, since then nothing has been tried.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path


def main() -> int:
    """Returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--after", required=True, help="text in the heading of a task")
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--log", type=Path, required=True)
    parser.add_argument("command", nargs=argparse.REMAINDER)
    args = parser.parse_args()
    heading, line, blow = "", "", float("inf")
    with args.log.open("w") as output, args.log.open() as log:
        command = [item for item in args.command if item != "--"]
        play = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)
        while play.poll() is None and time.monotonic() < blow:
            time.sleep(0.05)
            while part := log.readline():
                line += part
                if not line.endswith("\n"):
                    break
                if line.startswith("TASK ["):
                    heading = line.strip(" *\n")
                    if args.after in heading and blow == float("inf"):
                        blow = time.monotonic() + args.seconds
                line = ""
        play.kill()
        code = play.wait()
    if code != -9:
        print(f"the play ended by itself with {code}, its last task was {heading or 'none'}", file=sys.stderr)
        lines = args.log.read_text(errors="replace").splitlines()
        said = [line for line in lines if line.startswith(("fatal:", "failed:", "[ERROR]"))] or lines
        print(*(line[:1000] for line in said[-5:]), sep="\n", file=sys.stderr)
        return 1
    print(f"killed {args.seconds} s after {args.after!r} had begun, at {heading}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
