# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words and columns of the ``progress`` callback.

Only text: results go in, strings come out. Nothing here knows of plays, callbacks or the terminal.
"""

from __future__ import annotations

import dataclasses
import json
import os
import re
import typing as t
import unicodedata
from collections.abc import Iterable, Mapping, Sequence

STATUS_WIDTH = 8
CHECK_STATUS_WIDTH = 12
HOSTS_WIDTH = 28
TAIL_LINES = 20
ITEM_WIDTH = 48
HIDDEN = "(hidden)"

# Two hosts of one task differ much when the slowest took this many times, and this many seconds, more than the fastest.
SPREAD_FACTOR = 1.5
SPREAD_SECONDS = 2.0

_SAYS_NOTHING = (
    "non-zero return code",
    "the command exited with a non-zero",
    "one or more items failed",
    "module failure",
)


@dataclasses.dataclass(frozen=True)
class HostResult:
    """What one task gave on one host, as far as it is shown."""

    host: str
    label: str
    status: str
    seconds: float
    items: tuple[str, ...] = ()
    diff: str = ""
    note: str = ""

    @property
    def same(self) -> tuple[str, tuple[str, ...], str, str]:
        """Hosts with equal values share a line."""
        return (self.status, self.items, self.diff, self.note)


def text_width(text: str) -> int:
    """Columns that the text takes on a terminal."""
    width = 0
    for char in text:
        if unicodedata.combining(char):
            continue
        width += 2 if unicodedata.east_asian_width(char) in "WF" else 1
    return width


def pad(text: str, width: int) -> str:
    """The text, followed by spaces up to the width; never cut."""
    return text + " " * max(0, width - text_width(text))


def cut(text: str, width: int) -> str:
    """The text in at most so many columns, with an ellipsis where something was left out."""
    if text_width(text) <= width:
        return text
    kept = ""
    for char in text:
        if text_width(kept + char) > max(0, width - 3):
            break
        kept += char
    return kept + "..." if width > 3 else kept[:width]


def duration(seconds: float) -> str:
    """Seconds as people say them: ``0.4 s``, ``12 s``, ``3 min 02 s``, ``1 h 05 min``."""
    if seconds < 0.05:
        return "0 s"
    if seconds < 9.95:
        return f"{seconds:.1f} s"
    whole = int(seconds + 0.5)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60:02d} s"
    return f"{whole // 3600} h {whole % 3600 // 60:02d} min"


def natural(text: str) -> list[tuple[int, int, str]]:
    """A sort key that puts ``cpu2`` before ``cpu10``."""
    return [(0, int(part), "") if part.isdigit() else (1, 0, part) for part in re.split(r"(\d+)", text) if part]


def fold_hosts(hosts: Iterable[str]) -> str:
    """Host names with runs of numbers folded: ``cpu[1:4] ctl1``, as an Ansible inventory writes them."""
    runs: list[tuple[str, str, str, str]] = []
    for host in sorted(hosts, key=natural):
        match = re.fullmatch(r"(.*?)(\d+)(\D*)", host)
        if not match:
            runs.append((host, "", "", ""))
            continue
        head, number, tail = match.groups()
        if runs:
            before = runs[-1]
            follows = before[0] == head and before[3] == tail and before[2] != ""
            if follows and int(number) == int(before[2]) + 1 and (len(number) == len(before[2]) or before[1][0] != "0"):
                runs[-1] = (head, before[1], number, tail)
                continue
        runs.append((head, number, number, tail))
    return " ".join(
        head if not first else f"{head}{first}{tail}" if first == last else f"{head}[{first}:{last}]{tail}"
        for head, first, last, tail in runs
    )


def hosts_text(labels: Sequence[str], width: int = HOSTS_WIDTH) -> str:
    """The hosts of a line: their names if these fit, else folded, else how many.

    A label may carry a delegate (``cpu1 -> ctl1``); it is said once where all have the same.
    """
    delegates = {label.partition(" -> ")[2] for label in labels}
    if len(labels) > 1 and len(delegates) == 1 and "" not in delegates:
        delegate = f" -> {delegates.pop()}"
        names = [label.partition(" -> ")[0] for label in labels]
        return hosts_text(names, max(8, width - len(delegate))) + delegate
    names = sorted(labels, key=natural)
    text = (", " if any(" -> " in name for name in names) else " ").join(names)
    if text_width(text) <= width or len(names) == 1:
        return text
    text = fold_hosts(names)
    if text_width(text) <= width:
        return text
    return f"{len(names)} hosts"


def differ_much(seconds: Sequence[float]) -> bool:
    """Whether the hosts of a line took so different times that the line should say so."""
    if len(seconds) < 2:
        return False
    low, high = min(seconds), max(seconds)
    return high - low > SPREAD_SECONDS and high > low * SPREAD_FACTOR


def times_text(results: Sequence[HostResult]) -> tuple[str, str]:
    """How long the hosts of a line took: the text for the line, and a remark where they differ much."""
    seconds = [result.seconds for result in results]
    slowest = duration(max(seconds))
    if not differ_much(seconds):
        return slowest, ""
    ordered = sorted(results, key=lambda result: result.seconds)
    if len(ordered) > 6:
        remark = f"{ordered[0].label} {duration(ordered[0].seconds)}, slowest " + ", ".join(
            f"{result.label} {duration(result.seconds)}" for result in reversed(ordered[-3:])
        )
        return slowest, remark
    return slowest, ", ".join(f"{result.label} {duration(result.seconds)}" for result in ordered)


def task_line(status: str, name: str, hosts: str, time: str, width: int, check: bool = False, fit: bool = False) -> str:
    """One line of progress, in columns as long as everything fits.

    When it does not fit, nothing is cut (a log keeps everything), or with ``fit`` the name is.
    """
    status_width = CHECK_STATUS_WIDTH if check else STATUS_WIDTH
    head = "  " + pad(status, status_width) + " "
    time_width = max(len(time), 12)
    hosts_width = max(HOSTS_WIDTH, text_width(hosts))
    name_width = width - text_width(head) - hosts_width - time_width - 4
    if fit and name_width < text_width(name):
        hosts_width, time_width = text_width(hosts), len(time)
        name_width = max(20, width - text_width(head) - hosts_width - time_width - 4)
        name = cut(name, name_width)
    elif name_width < text_width(name):
        hosts_width = max(text_width(hosts), hosts_width - (text_width(name) - name_width))
    line = head + pad(name, name_width) + "  " + pad(hosts, hosts_width) + "  "
    return line + time.rjust(max(len(time), width - text_width(line)))


def item_label(item: t.Any) -> str:
    """A short name for the item of a loop. Of a dictionary only what names it: the rest may be long, or secret."""
    if isinstance(item, Mapping):
        for key in ("name", "key", "label", "path", "dest", "id"):
            value = item.get(key)
            if isinstance(value, (str, int)) and not isinstance(value, bool):
                return cut(str(value), ITEM_WIDTH)
        return "{...}"
    if isinstance(item, (list, tuple)):
        return cut(item_label(item[0]) + ", ...", ITEM_WIDTH) if item else "[]"
    if isinstance(item, str):
        first = item.strip().splitlines()
        return cut(first[0] if first else "", ITEM_WIDTH)
    return cut(str(item), ITEM_WIDTH)


def items_text(items: Sequence[str], width: int) -> list[str]:
    """Item labels as lines of at most that width."""
    lines: list[str] = []
    line = ""
    for number, item in enumerate(items):
        piece = item + ("," if number + 1 < len(items) else "")
        if line and text_width(line) + 1 + text_width(piece) > width:
            lines.append(line)
            line = piece
        else:
            line = f"{line} {piece}" if line else piece
    return [*lines, line] if line else lines


def as_text(value: t.Any) -> str:
    """A message of a result as text: strings as they are, lists of strings as lines, all else as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, (list, tuple)) and all(isinstance(part, str) for part in value):
        return "\n".join(value)
    return json.dumps(value, indent=2, ensure_ascii=False, sort_keys=True, default=str)


def _tail(text: t.Any) -> list[str]:
    """The last lines of an output."""
    lines = [line.rstrip() for line in as_text(text or "").strip().splitlines()]
    if len(lines) > TAIL_LINES:
        return [f"... ({len(lines) - TAIL_LINES} lines before)", *lines[-TAIL_LINES:]]
    return lines


def failure_text(result: Mapping[str, t.Any]) -> list[str]:
    """What a person needs to read of a failed result, as lines: the message, and for a command its output."""
    if result.get("_ansible_no_log") or "censored" in result:
        return [f"{HIDDEN} the task has no_log: its message is not shown"]
    message = as_text(result.get("msg") or result.get("reason") or "").strip()
    while message.startswith("Task failed: "):
        message = message[len("Task failed: ") :]
    empty = not message or message.lower().startswith(_SAYS_NOTHING)
    lines: list[str] = []
    command = result.get("cmd")
    code = result.get("rc")
    if empty and command is not None and code is not None:
        shown = " ".join(str(part) for part in command) if isinstance(command, (list, tuple)) else str(command)
        lines.append(f"exit code {code} from: {cut(shown.strip().splitlines()[0] if shown.strip() else '', 160)}")
    elif not empty:
        lines.extend(line.rstrip() for line in message.splitlines())
    if "assertion" in result:
        lines.append(f"does not hold: {result['assertion']}")
    errors = _tail(result.get("stderr") or result.get("module_stderr"))
    output = _tail(result.get("stdout") or result.get("module_stdout"))
    for extra in (errors, output if empty or not errors else []):
        if extra and "\n".join(extra) not in message:
            lines.extend(extra)
    return lines or [message or "failed without a message"]


def origin_of(exception: t.Any) -> str:
    """``path:line:column`` of the deepest cause of an error, if ansible-core knows one; else an empty string."""
    event = getattr(exception, "event", None)
    found = ""
    for _depth in range(20):
        if event is None:
            break
        context = getattr(event, "formatted_source_context", None)
        match = re.match(r"Origin: (\S+?:\d+(?::\d+)?)(?:\s|$)", context or "")
        if match:
            found = match.group(1)
        event = getattr(getattr(event, "chain", None), "event", None)
    return found


def short_path(path: str) -> str:
    """A path as seen from here; of a collection's file only what comes after ``ansible_collections/``."""
    if not path:
        return ""
    marker = "/ansible_collections/"
    if marker in path:
        return path.rpartition(marker)[2]
    here = os.getcwd() + os.sep
    return path[len(here) :] if path.startswith(here) else path


def gauge(share: float, width: int = 24) -> str:
    """A bar of at most that many characters."""
    return "#" * max(1 if share > 0.005 else 0, round(share * width))
