# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Puts kvm_probe.S, assembled, into the module kvm_info; with --check only says whether that would change it.

Wants as, ld and objcopy (Debian: binutils) on x86_64.
"""

from __future__ import annotations

import base64
import re
import subprocess
import sys
import tempfile
import textwrap
from pathlib import Path

SOURCE = Path(__file__).resolve().with_name("kvm_probe.S")
MODULE = Path(__file__).resolve().parents[4] / "plugins" / "modules" / "kvm_info.py"
EMBEDDED = re.compile(r'(b64decode\(\n    """\n).*?(""")', re.DOTALL)


def assembled() -> bytes:
    """Return the bytes of the guest."""
    with tempfile.TemporaryDirectory() as folder:
        for command in (
            ["as", "--64", "-o", "probe.o", str(SOURCE)],
            ["ld", "-m", "elf_x86_64", "-e", "0", "-Ttext=0x100000", "-o", "probe.elf", "probe.o"],
            ["objcopy", "-O", "binary", "-j", ".text", "probe.elf", "probe.bin"],
        ):
            subprocess.run(command, cwd=folder, check=True)
        return Path(folder, "probe.bin").read_bytes()


def main() -> None:
    """Entry point."""
    lines = [f"    {line}\n" for line in textwrap.wrap(base64.b64encode(assembled()).decode(), 112)]
    old = MODULE.read_text(encoding="utf-8")
    new, count = EMBEDDED.subn(rf"\g<1>{''.join(lines)}\g<2>", old)
    if count != 1:
        sys.exit(f"{MODULE} has no place for the bytes")
    if "--check" not in sys.argv[1:]:
        MODULE.write_text(new, encoding="utf-8")
    elif new != old:
        sys.exit(f"{MODULE} does not hold the bytes of {SOURCE}")


if __name__ == "__main__":
    main()
