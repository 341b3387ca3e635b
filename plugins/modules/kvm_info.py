#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Find out whether KVM really works on a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: kvm_info
short_description: Find out whether KVM really works on a host
version_added: 0.1.0
description:
  - A C(/dev/kvm) that is there proves little. In nested virtualisation, in containers and on some clouds it opens, may
    even run some instructions, and then never boots an operating system. This module runs a guest and looks whether it
    ends as it should.
  - The guest is a firmware of 2 KiB that does what a kernel and its programs do. It goes through real and protected
    mode into long mode with paging, takes exceptions and timer interrupts, uses BMI2 and AVX where the CPU has them,
    changes page tables, writes and reads back memory, and makes system calls from ring 3. It verifies each step, and
    the reason names the step that failed. Where all is well, that takes a fraction of a second.
  - The guest needs 16 MiB of memory, and no disk and no network.
author: scaleout.nova contributors (@scaleout)
extends_documentation_fragment:
  - scaleout.nova.attributes
  - scaleout.nova.attributes.info
options:
  qemu:
    description: The QEMU system emulator to use. Where it is not installed, KVM does not work.
    type: str
    default: qemu-system-x86_64
  accelerator:
    description: The accelerator to try. V(tcg) tries the probe itself on a host without KVM.
    type: str
    choices: [kvm, tcg]
    default: kvm
  cpu:
    description:
      - The CPU model of the guest, as for QEMU's option C(-cpu).
      - By default V(host) under KVM, for this is what guests get from Nova unless told otherwise, and V(max) under TCG.
    type: str
  timeout:
    description: Seconds after which a guest that did not end counts as one that does not run.
    type: float
    default: 2
"""

EXAMPLES = r"""
- name: Does KVM work here?
  scaleout.nova.kvm_info:
  register: kvm

- name: Say why not
  ansible.builtin.debug:
    msg: "{{ kvm.reason }}"
  when: not kvm.works
"""

RETURN = r"""
works:
  description: Whether a guest ran and ended under the accelerator.
  returned: success
  type: bool
  sample: false
reason:
  description: What was seen, in words.
  returned: success
  type: str
  sample: "a guest under kvm failed at step 6 of 12 (BMI2 instructions): it did not end within 2 s"
"""

import base64
import os
import re
import signal
import tempfile

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._watch import run_until

# The guest: tests/unit/plugins/modules/kvm_probe.S, assembled.
_CODE = base64.b64decode(
    """
    +vywQebpMcCO0LwAcLs0EugdAIH7NRJ1HS5mDwEWyAgPIMAMAQ8iwGbqOwAPAEAAU1pCidPDsAHm9PS4EAAAAI7YjsCO0LwA4CAAMcC/AAAgALkA
    QAAA86uwAqIAkCAABEDm6b4AAA8AvwAAEAC5OgIAAPOluHwAEAD/4McFAAAgAAcQIADHBfgPIAAHQCAAxwUAECAAByAgAMcFCBAgAAdQIADHBRgQ
    IAAHMCAAxwXwTyAAByAgAMcFAFAgAAdgIADHBbg/IACbAOD+xwX4PyAAgwDg/7iDAAAAvwAgIAC5CAAAAIkHBQAAIACDxwji9LADogCQIAAEQObp
    uCAAAAAPIuC4AAAgAA8i2LmAAADADzINAQEAAA8wuDMAAYAPIsAPARXOCBAA6jABEAAIALmAAADADzKpAAQAAA+EXAYAAEi4TgEQgP//////4EjH
    xADgIIAPARV4BwAAvgAA//+/AAAQALk6AgAA86cPhSsGAACwBIgEJQCQIAAEQObpvwBwIAC5MAAAAEiNBecGAADoHAYAAOLyv2BwIABIjQUyBgAA
    6AkGAAC/0HAgAEiNBToGAADo+AUAAEiNBVIGAADo7AUAAL8AciAASI0FiwYAAOjbBQAAv/ByIABIjQWTBgAA6MoFAAAPAR3vBgAAxgQlCJAgAAEP
    C4A8JQiQIAAAD4WXBQAASMcEJRCQIAADADAAxgQlCJAgAAFIxwQlAAAAQBERAACAPCUIkCAAAA+FaQUAAEiDPCUYkCAAAg+FWgUAAEiBPCUgkCAA
    AAAAQA+FSAUAAEiBPCUAADAAEREAAA+FNgUAALAFiAQlAJAgAARA5ukxwA+ig/gBD4IcBQAAQYnEuAEAAAAPovfCEAAAAA+EBgUAAEGJzQ8xSMHi
    IEgJwkiJ07lkAAAADzFIweIgSAnCSDnaD4LgBAAA4uxIOdoPhNUEAACwBogEJQCQIAAEQObpQYP8B3I+uAcAAAAxyQ+i98MAAQAAdC26DQAAAEG4
    AQAAAMRC6ffASYH4ACAAAA+FlAQAAMTD+/DADEiD+AIPhYQEAACwB4gEJQCQIAAEQObpDyDgDQAGAAAPIuC4FQAAAGYPbshmD3DJAGYP/snzD38M
    JQAAMACDPCUMADAAKg+FQwQAAESJ6CUAAAAUPQAAABR1Zw8g4A0AAAQADyLgMckPAdCDyAcPAdG4AQAAAA+i98EAAAAID4QLBAAAuAMAAADyDyrI
    Zg/WDCVAADAAxOJ9GRQlQAAwAMXtWNrF/REcJQAAMADF+HfyDywEJRgAMACD+AYPhc0DAACwCIgEJQCQIAAEQObpSMcEJQAAMAAiIgAASMcEJQAQ
    MAAzMwAASIE8JQAAAEAiIgAAD4WWAwAASMcEJQBgIAADEDAADwE8JQAAAEBIgTwlAAAAQDMzAAAPhXADAABIxwQlAGAgAAEAMAAPATwlAAAAQEiB
    PCUAAABAIiIAAA+FSgMAAMYEJQiQIAABSMcEJQAAAEBERAAAgDwlCJAgAAAPhSgDAABIgzwlGJAgAAMPhRkDAABIgTwlAAAwAEREAAAPhQcDAABI
    iwQlAGAgAIPgYIP4YA+F8wIAADHJicjB4AxnjZADAEAASIkUzQBgIAD/wYH5AAIAAHLiDyDYDyLYMcmJyMHgDImIAAAAQDmIAABAAA+FtAIAAP/B
    gfkAAgAAct8xybj/AQAAKcjB4AxnjZADAEAASIkUzQBgIAD/wYH5AAIAAHLdDyDYDyLYMcmJyMHgDIuQAAAAQAHKgfr/AQAAD4VkAgAA/8GB+QAC
    AABy3bAJiAQlAJAgAARA5ulIuhV8Sn+5eTeevwAAYABIifhID6/CSIkHSIPHCIH/AADgAHLqvwAAYABIifhID6/CSDkHD4UTAgAASIPHCIH/AADg
    AHLksAqIBCUAkCAABEDm6Ui6LX+VTC30UVgxwLngkwQA6PABAAD/yXX3SLqgRlnxp4OdcUg50A+FzQEAALALiAQlAJAgAARA5umw/+Yh5qG7AADg
    /seD8AAAAC8BAADHg+ADAAALAAAAx4MgAwAAIAACAMeDgAMAAFDDAAD6SIM8JSiQIAAUcwT79Ovwx4MgAwAAAAABAMeDgAMAAAAAAACwDIgEJQCQ
    IAAEQObpSMcEJQhgIAAFIDAASMcEJRBgIAAHMDAASMcEJQBgIAAAAAAADyDYDyLYSI01hwAAAL8AIDAAuTEAAADzpEi4APAggP////9IiQQlBIAg
    AGbHBCVmgCAAaAC4MAAAAA8A2LmBAADAMcC6CAAbAA8wuYIAAMBIjQVuAAAASInCSMHqIA8wuYQAAMC4AAcAADHSDzBIxwQlEJAgAAcAMADGBCUI
    kCAAAWojaAAwAEBqAmoraAAQAEBIz0jHBCUAAABAVVUAADHbid9TDwVb/8M52HUQgfvoAwAAcuy//////w8F9L/+////DwVIieJIx8QA4CCAg//+
    dEeD//90EUj/BCUwkCAAjUcBSInUSA8HgDwlCJAgAAB1REiDPCUYkCAABnU5SIE8JQAAMABVVQAAdSvGBCUIkCAAAUiJ1EgPB4A8JQiQIAAAdRNI
    gTwlMJAgAOgDAAB1BbAq5vT0igQlAJAgAOb09Ov9SA+vwkj/wMNmiQfHRwIIAACOSMHoEGaJRwZIwegQiUcIx0cMAAAAAIPHEMOAPCUIkCAAAXW+
    xgQlCJAgAABIgwQkAkjPgDwlCJAgAAF1pUiDfCQQK3WdxgQlCJAgAABIg8QISP8EJEjPgDwlCJAgAAF1gcYEJQiQIAAAUEiLRCQISIkEJRiQIAAP
    INBIiQQlIJAgAEiLBCUQkCAASIkEJQBgIAAPATwlAAAAQFhIg8QISM9I/wQlKJAgAFO7AADg/seDsAAAAAAAAABbSM/pIf///w8fAAAAAAAAAAAA
    //8AAACbrwD//wAAAJPPAP//AAAA+88A//8AAADzzwD//wAAAPuvAGcAAIAgiQAAAAAAAAAAAAD//wAAAJvPAEcAgAgPAEcAgAgQAEcAgAgQgP//
    ////AgBwIAAAAAAA
"""
)
# jmp f000:0000, at the reset vector, 16 bytes below the end of the firmware.
_RESET = bytes([0xEA, 0x00, 0x00, 0x00, 0xF0])
_FIRMWARE_SIZE = 65536
# The guest's last word, and how isa-debug-exit makes an exit code of it.
_SUCCESS = 0x2A
# The guest writes a letter when it begins a step: A, B, ...
_STEPS = (
    "real mode",
    "protected mode",
    "long mode with paging",
    "exceptions",
    "CPUID and the time stamp counter",
    "BMI2 instructions",
    "SSE and AVX instructions",
    "changes of page tables",
    "8 MiB of memory",
    "300,000 calls",
    "timer interrupts",
    "ring 3 and system calls",
)
# QEMU prints the registers when KVM could not go on, and this last. The guest has stopped then; QEMU has not.
_STOPPED = re.compile(r"^Code=(?P<code>.*)\n", re.MULTILINE)


def firmware(code: bytes = _CODE) -> bytes:
    """Return the image of a firmware with this code, which runs at f000:0000."""
    image = code.ljust(_FIRMWARE_SIZE - 16, b"\xf4") + _RESET
    return image.ljust(_FIRMWARE_SIZE, b"\xf4")


def exit_code(value: int) -> int:
    """Return the exit code of QEMU when the guest writes this value to the isa-debug-exit device."""
    return value << 1 | 1


def complaints(stderr: str) -> str:
    """Return what QEMU said that is more than a warning, in one line."""
    lines = [re.sub(r"^\S*qemu\S*: ", "", line.strip()) for line in stderr.splitlines()]
    return "; ".join([line for line in lines if line and not line.startswith("warning:")][-2:])


def judge(accelerator: str, timeout: float, code: int | None, stdout: str, stderr: str) -> tuple[bool, str]:
    """Return whether the guest ended as it should, and what was seen, from what run_until() returned."""
    if code == exit_code(_SUCCESS):
        return True, f"a guest ran under {accelerator}"
    step = len(stdout)
    stopped = _STOPPED.search(stderr)
    if stopped:
        lines = stderr.splitlines()
        errors = [line for line in lines if re.search(r"internal error|error: kvm|entry failed", line)]
        what = re.sub(r"\. Suberror: \d+$", "", errors[0]) if errors else "KVM could not go on"
        if "emulation failure" in lines:
            what += " (emulation failure)"
        instruction = re.search(r"<(..)>((?: ..){,4})", stopped["code"])
        if instruction:
            what += f" at {instruction[1]}{instruction[2]}"
    elif code is None:
        what = f"it did not end within {timeout:g} s"
    elif step > 0 and code == exit_code(step):
        what = "a result was wrong"
    elif step > 0 and code == 0:
        what = "it reset itself"
    else:
        what = f"QEMU ended with exit code {code}"
        if code < 0:
            what = f"QEMU died ({signal.strsignal(-code) or -code})"
        said = complaints(stderr)
        if said:
            what += f": {said}"
    if not 0 < step <= len(_STEPS):
        return False, f"no guest starts under {accelerator}: {what}"
    return False, f"a guest under {accelerator} failed at step {step} of {len(_STEPS)} ({_STEPS[step - 1]}): {what}"


def probe(qemu: str, accelerator: str, cpu: str | None, timeout: float, code: bytes = _CODE) -> tuple[bool, str]:
    """Run the guest; return whether it ended as it should, and what was seen."""
    if accelerator == "kvm" and not os.path.exists("/dev/kvm"):
        return False, "there is no /dev/kvm"
    cpu = cpu or ("host" if accelerator == "kvm" else "max")
    with tempfile.NamedTemporaryFile(suffix=".bin") as image:
        image.write(firmware(code))
        image.flush()
        command = [qemu, "-accel", accelerator, "-cpu", cpu, "-machine", "pc", "-m", "16", "-bios", image.name]
        command += ["-nodefaults", "-no-user-config", "-display", "none", "-no-reboot", "-debugcon", "stdio"]
        command += ["-device", "isa-debug-exit,iobase=0xf4,iosize=0x04"]
        try:
            seen = run_until(command, _STOPPED, timeout)
        except FileNotFoundError:
            return False, f"{qemu} is not installed"
        except OSError as error:
            return False, f"{qemu} cannot be run: {error.strerror}"
    return judge(accelerator, timeout, *seen)


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "qemu": {"type": "str", "default": "qemu-system-x86_64"},
            "accelerator": {"type": "str", "choices": ["kvm", "tcg"], "default": "kvm"},
            "cpu": {"type": "str"},
            "timeout": {"type": "float", "default": 2},
        },
        supports_check_mode=True,
    )
    params = module.params
    works, reason = probe(params["qemu"], params["accelerator"], params["cpu"], params["timeout"])
    module.exit_json(changed=False, works=works, reason=reason)


if __name__ == "__main__":
    main()
