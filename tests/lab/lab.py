#!/usr/bin/env python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Blank Debian 13 hosts that run systemd, as containers on this machine, from an Ansible inventory.

See docs/lab.md. Works as root, and through sudo when not.
"""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent))
from labkit.commands import Tool
from labkit.image import ensure_image
from labkit.machine import Machine
from labkit.plan import LabError, parse_inventory

ROOT = Path(__file__).resolve().parents[2]


def parse_arguments(argv: list[str] | None) -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="lab.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("-q", "--quiet", action="store_true", help="say nothing unless something fails")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")

    def command(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    def with_inventory(name: str, text: str) -> argparse.ArgumentParser:
        sub = command(name, text)
        default = ROOT / "inventories" / "lab"
        sub.add_argument("-i", "--inventory", type=Path, default=default, help="inventory that describes the lab")
        return sub

    command("image", "build the image of a blank host, if it is not there")
    for name, text in (
        ("up", "start the hosts of the inventory, wait until they answer"),
        ("down", "remove the hosts"),
    ):
        with_inventory(name, text).add_argument("-l", "--limit", help="these hosts or groups only, separated by commas")
    clean = with_inventory("clean", "remove the lab: hosts and network")
    clean.add_argument("--lab", metavar="NAME", help="the lab of this name, whatever the inventory says")
    clean.add_argument("--all", action="store_true", help="every lab on this machine, the images and the cache too")
    command("status", "list the hosts of all labs on this machine")
    for name, text in (
        ("restart", "reboot a host and wait for it"),
        ("kill", "take the power from a host; `up` restores it"),
    ):
        with_inventory(name, text).add_argument("host")
    ssh = with_inventory("ssh", "log in, or run a command, on a host")
    ssh.add_argument("host")
    ssh.add_argument("remote", nargs=argparse.REMAINDER, metavar="command")
    return parser.parse_args(argv)


def main(argv: list[str] | None = None) -> int:
    """Returns the exit code."""
    args = parse_arguments(argv)
    home = os.environ.get("SCALEOUT_CACHE") or str(Path.home() / ".cache" / "scaleout-nova")
    machine = Machine(quiet=args.quiet)
    tool = Tool(machine, Path(home))
    try:
        machine.check()
        if args.command == "image":
            machine.authenticate()
            machine.say(ensure_image(machine, tool.podman, tool.cache))
        elif args.command == "status":
            tool.status()
        elif args.command == "clean" and args.all:
            tool.clean()
        elif args.command == "clean" and args.lab:
            tool.down(args.lab, None)
        else:
            lab = parse_inventory(machine.inventory(args.inventory), str(args.inventory))
            if args.command == "up":
                tool.up(lab, lab.select(args.limit))
            elif args.command == "down":
                tool.down(lab.name, {host.name for host in lab.select(args.limit)} if args.limit else None)
            elif args.command == "clean":
                tool.down(lab.name, None)
            elif args.command == "ssh":
                tool.ssh(lab.name, args.host, args.remote)
            else:
                tool.power(lab.name, args.host, args.command)
    except LabError as error:
        print(f"lab: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
