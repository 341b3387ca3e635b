# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""kvm_info: its guest, and what it makes of QEMU's words."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.modules import kvm_info

Run = Callable[..., dict[str, Any]]

SOURCE = Path(__file__).with_name("kvm_probe.S")

needs_qemu = pytest.mark.skipif(not shutil.which("qemu-system-x86_64"), reason="qemu-system-x86_64 is not installed")

# What QEMU prints when KVM meets an instruction that it cannot do, shortened.
INTERNAL_ERROR = """\
qemu-system-x86_64: warning: host doesn't support requested feature: CPUID.01H:ECX.pni [bit 0]
KVM internal error. Suberror: 1
extra data[0]: 0x0000000000000001
extra data[1]: 0xf88149c0f7e942c4
emulation failure
RAX=0000000000000046 RBX=00000000219c97ab RCX=0000000018400000 RDX=000000000000000d
EFER=0000000000000501
Code=a2 f7 c3 00 01 00 00 74 2d ba 0d 00 00 00 41 b8 01 00 00 00 <c4> 42 e9 f7 c0 49 81 f8 00 20 00 00
"""


def test_bytes_are_the_source() -> None:
    missing = [tool for tool in ("as", "ld", "objcopy") if not shutil.which(tool)]
    if missing or os.uname().machine != "x86_64":
        pytest.skip(f"needs binutils for x86_64: {', '.join(missing) or os.uname().machine}")
    command = [sys.executable, str(SOURCE.with_suffix(".py")), "--check"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_every_step_has_a_name() -> None:
    numbers = re.findall(r"^    step    (\d+)$", SOURCE.read_text(encoding="utf-8"), re.MULTILINE)
    assert [1, *map(int, numbers)] == list(range(1, len(kvm_info._STEPS) + 1))


def test_firmware() -> None:
    image = kvm_info.firmware()
    assert len(image) == 65536 and image.startswith(kvm_info._CODE)
    assert image[-16:-11] == b"\xea\x00\x00\x00\xf0"
    assert kvm_info.exit_code(kvm_info._SUCCESS) == 85


@pytest.mark.parametrize(
    ("code", "stdout", "stderr", "works", "reason"),
    [
        (85, "ABCDEFGHIJKL", "", True, "a guest ran under kvm"),
        (
            None,
            "ABCDEF",
            INTERNAL_ERROR,
            False,
            "a guest under kvm failed at step 6 of 12 (BMI2 instructions): "
            "KVM internal error (emulation failure) at c4 42 e9 f7 c0",
        ),
        (
            None,
            "",
            "error: kvm run failed Bad address\nEAX=00000000\nCode=?? ?? <??> ??\n",
            False,
            "no guest starts under kvm: error: kvm run failed Bad address at ?? ??",
        ),
        (
            None,
            "A",
            "KVM: entry failed, hardware error 0x80000021\n\nIf you're running a guest ...\nCode=<ea>\n",
            False,
            "a guest under kvm failed at step 1 of 12 (real mode): KVM: entry failed, hardware error 0x80000021 at ea",
        ),
        (None, "", "", False, "no guest starts under kvm: it did not end within 2 s"),
        (
            None,
            "ABC",
            "",
            False,
            "a guest under kvm failed at step 3 of 12 (long mode with paging): it did not end within 2 s",
        ),
        (19, "ABCDEFGHI", "", False, "a guest under kvm failed at step 9 of 12 (8 MiB of memory): a result was wrong"),
        (0, "AB", "", False, "a guest under kvm failed at step 2 of 12 (protected mode): it reset itself"),
        (
            -6,
            "",
            "qemu-system-x86_64: error: failed to set MSR 0x10a to 0x1\n"
            "qemu-system-x86_64: kvm.c:3877: kvm_buf_set_msrs: Assertion `ret' failed.\n",
            False,
            "no guest starts under kvm: QEMU died (Aborted): error: failed to set MSR 0x10a to 0x1; "
            "kvm.c:3877: kvm_buf_set_msrs: Assertion `ret' failed.",
        ),
        (
            1,
            "",
            "Could not access KVM kernel module: Permission denied\n"
            "qemu-system-x86_64: failed to initialize kvm: Permission denied\n",
            False,
            "no guest starts under kvm: QEMU ended with exit code 1: "
            "Could not access KVM kernel module: Permission denied; failed to initialize kvm: Permission denied",
        ),
        (0, "", "qemu-system-x86_64: warning: x\n", False, "no guest starts under kvm: QEMU ended with exit code 0"),
    ],
)
def test_judge(code: int | None, stdout: str, stderr: str, works: bool, reason: str) -> None:
    assert kvm_info.judge("kvm", 2, code, stdout, stderr) == (works, reason)


def test_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.path.exists", lambda path: path != "/dev/kvm")
    assert kvm_info.probe("/bin/false", "kvm", None, 2) == (False, "there is no /dev/kvm")


def test_no_qemu(run_module: Run, tmp_path: Path) -> None:
    result = run_module("kvm_info", accelerator="tcg", qemu=str(tmp_path / "qemu"), check=True)
    assert result["works"] is False and result["reason"] == f"{tmp_path / 'qemu'} is not installed"
    result = run_module("kvm_info", accelerator="tcg", qemu=str(tmp_path))
    assert result["works"] is False and result["reason"] == f"{tmp_path} cannot be run: Permission denied"


@pytest.mark.parametrize(
    ("script", "reason"),
    [
        (
            "printf ABCD; exec sleep 60",
            r"a guest under tcg failed at step 4 of 12 \(exceptions\): it did not end within",
        ),
        ("exec >&- 2>&-; exec sleep 60", r"no guest starts under tcg: it did not end within 0.5 s"),
        ("exit 1", r"no guest starts under tcg: QEMU ended with exit code 1"),
        ("kill -9 $$", r"no guest starts under tcg: QEMU died \(Killed\)"),
    ],
    ids=["spins", "silent", "fails", "dies"],
)
def test_qemu_that_does_other_things(tool: Callable[[str, str], Path], script: str, reason: str) -> None:
    started = time.monotonic()
    works, said = kvm_info.probe(str(tool("qemu", f"#!/bin/sh\n{script}\n")), "tcg", None, 0.5)
    assert not works and re.match(reason, said)
    assert time.monotonic() - started < 3


def test_a_stopped_guest_is_not_waited_for(tool: Callable[[str, str], Path]) -> None:
    script = tool("qemu", f"#!/bin/sh\nprintf ABCDEF\ncat >&2 << 'END'\n{INTERNAL_ERROR}END\nexec sleep 60\n")
    started = time.monotonic()
    works, said = kvm_info.probe(str(script), "tcg", None, 30)
    assert not works and "step 6 of 12" in said and "emulation failure" in said
    assert time.monotonic() - started < 5


@needs_qemu
@pytest.mark.parametrize("cpu", [None, "qemu64", "Nehalem", "Haswell"])
def test_runs_under_tcg(run_module: Run, cpu: str | None) -> None:
    result = run_module("kvm_info", accelerator="tcg", timeout=20, **({"cpu": cpu} if cpu else {}))
    assert result == {
        "changed": False,
        "works": True,
        "reason": "a guest ran under tcg",
        "invocation": result["invocation"],
    }


@needs_qemu
@pytest.mark.parametrize(
    ("old", "new", "step"),
    [
        (bytes.fromhex("a04659f1a7839d71"), bytes(8), 10),  # the result of the 300,000 calls
        (bytes.fromhex("0f013c2500000040"), b"\x90" * 8, 8),  # INVLPG
        (bytes.fromhex("0f05"), b"\x90\x90", 12),  # SYSCALL
    ],
    ids=["result", "invlpg", "syscall"],
)
def test_notices_what_is_wrong(old: bytes, new: bytes, step: int) -> None:
    code = kvm_info._CODE.replace(old, new)
    assert code != kvm_info._CODE
    works, reason = kvm_info.probe("qemu-system-x86_64", "tcg", None, 20, code)
    assert not works and reason.startswith(f"a guest under tcg failed at step {step} of 12")
