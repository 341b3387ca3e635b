# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Numbers, resources and limits as people read them, and names as they may be shown."""

from __future__ import annotations

import math
import re
import typing as t
import unicodedata

_RESOURCES = {
    "VCPU": "vCPUs",
    "PCPU": "dedicated CPUs",
    "MEMORY_MB": "memory",
    "DISK_GB": "disk",
    "VGPU": "virtual GPUs",
    "NUMA_CORE": "NUMA cores",
}
#: what has a plural; it decides "run" or "runs out"
_PLURALS = frozenset(("VCPU", "PCPU", "VGPU", "NUMA_CORE"))
#: classes in this order come first, all others by name
_ORDER = ("VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "VGPU")
#: MiB or GiB of one unit of these classes
_SIZES = {"MEMORY_MB": 0, "DISK_GB": 1}
_UNITS = ("MiB", "GiB", "TiB", "PiB")
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Zl", "Zp"))


def clean(text: str) -> str:
    """The text on one line, with a replacement character for each that cannot be seen or turns the direction around."""
    if text.isascii() and text.isprintable():
        return text
    return "".join("\N{REPLACEMENT CHARACTER}" if unicodedata.category(char) in _HIDDEN else char for char in text)


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts ``cpu2`` before ``cpu10``."""
    parts = re.split(r"([0-9]+)", text)
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in parts if part]


def count(number: int) -> str:
    """1204 as ``1,204``."""
    return f"{number:,}"


def counted(number: int, one: str, many: str = "") -> str:
    """``1 host``, ``2 hosts``, ``no hosts``."""
    return f"{count(number) if number else 'no'} {one if number == 1 else many or one + 's'}"


def share(part: float, whole: float) -> int | None:
    """A share in percent: 1 to 99 where it is neither nothing nor all. None where there is no whole."""
    if whole <= 0:
        return None
    if part in (0, whole):
        return round(100 * part / whole)
    return max(1, min(99, round(100 * part / whole)))


def percent(part: float, whole: float) -> str:
    """A share as ``12 %``; what is not quite nothing or all never reads as such. A dash where there is no whole."""
    number = share(part, whole)
    if number is None:
        return "-"
    small = 0 < part < whole / 100
    large = whole > part > 0.99 * whole
    return f"{'< ' if small else '> ' if large else ''}{number} %"


def resource(name: str) -> str:
    """A resource class in words: ``memory``; a class that has none keeps its name."""
    return _RESOURCES.get(name, name)


def resource_key(name: str) -> tuple[int, str]:
    """A sort key: the common classes first."""
    return (_ORDER.index(name) if name in _ORDER else len(_ORDER), name)


def amount(resource_class: str, number: int) -> str:
    """An amount in the unit that suits it: 2048 of MEMORY_MB as ``2 GiB``, 2048 of VCPU as ``2,048``."""
    name = unit(resource_class, number)
    if not name:
        return count(number)
    value = scaled(resource_class, number, name)
    return f"{value:,.{0 if value == int(value) else 1}f} {name}"


def unit(resource_class: str, number: int) -> str:
    """The unit that suits an amount: ``GiB`` for 2048 of MEMORY_MB; empty for a class that is counted."""
    if resource_class not in _SIZES:
        return ""
    index = _SIZES[resource_class]
    while abs(number) >= 1024 and index < len(_UNITS) - 1:
        number //= 1024
        index += 1
    return _UNITS[index]


def scaled(resource_class: str, number: int, name: str) -> int | float:
    """An amount in a unit that :func:`unit` gave, with one digit after the point where that says more."""
    if not name:
        return number
    value = number / 1024 ** (_UNITS.index(name) - _SIZES[resource_class])
    return int(value) if value == int(value) else round(value) if value >= 100 else round(value, 1)


def limit(name: str, kind: str) -> str:
    """What limits a flavor, in words."""
    return resource(name) if kind == "resource" else name


def runs_out(resource_class: str) -> str:
    """``memory runs out``, ``vCPUs run out``."""
    return f"{resource(resource_class)} {'run' if resource_class in _PLURALS else 'runs'} out"


def has_run_out(resource_class: str) -> str:
    """``memory has run out``, ``vCPUs have run out``."""
    return f"{resource(resource_class)} {'have' if resource_class in _PLURALS else 'has'} run out"


def is_or_are(resource_class: str) -> str:
    """The verb that goes with the words for a resource class."""
    return "are" if resource_class in _PLURALS else "is"


def too_little(resource_class: str) -> str:
    """``too little memory``, ``too few vCPUs``."""
    return f"too {'few' if resource_class in _PLURALS else 'little'} {resource(resource_class)}"


def listed(names: t.Sequence[str], most: int = 6) -> str:
    """``a, b and c``; of a long list the first, and how many more there are."""
    if len(names) > most + 1:
        names = [*names[:most], f"{count(len(names) - most)} more"]
    return ", ".join(names[:-1]) + " and " + names[-1] if len(names) > 1 else "".join(names)


def capital(text: str) -> str:
    """The words with a capital letter, except where the small one belongs to a name."""
    return text if text.startswith("vCPU") else text[:1].upper() + text[1:]


def decades(highest: int) -> int:
    """How many powers of ten a logarithmic axis needs from 1 up to that number; at least one."""
    return max(1, math.ceil(math.log10(highest))) if highest > 1 else 1
