# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: progress
type: stdout
short_description: Shows a deployment as what changes on which hosts
version_added: 0.1.0
author:
  - scaleout.nova contributors (@scaleout-nova)
description:
  - For people who watch a cloud being built, and for the logs of CI.
  - Plays are headings. A task is one line, and only when it changed something or took long, with the hosts
    where that happened and the time. Hosts with the same result share a line.
  - A failure is its message as text, with the host, the task and the file and line that it stands in.
  - Warnings and deprecations are shown once.
  - At the end there is one line per host, the time of each play, and the slowest tasks.
  - In check mode everything that says C(changed) says C(would change).
  - With C(-v) every task is shown, with its result as in P(ansible.builtin.default#callback).
  - On a terminal the last line tells what is being worked on, and for how long. In a log a line says so
    now and then, so that a log that stands still tells what it waits for.
  - A playbook sets its own closing words with M(ansible.builtin.set_stats), C(per_host=false) and a value named
    C(progress_message).
extends_documentation_fragment:
  - ansible.builtin.result_format_callback
requirements:
  - set as stdout callback in configuration
options:
  slow_task:
    description:
      - Tasks that took at least this many seconds on some host are shown although they changed nothing.
    type: float
    default: 1.0
    env:
      - name: SCALEOUT_PROGRESS_SLOW_TASK
    ini:
      - section: callback_progress
        key: slow_task
  live:
    description:
      - On a terminal, keep a last line that tells what is being worked on.
      - It waits until every host concerned has answered once, so that a question of C(ssh) is never written over.
    type: bool
    default: true
    env:
      - name: SCALEOUT_PROGRESS_LIVE
    ini:
      - section: callback_progress
        key: live
  heartbeat:
    description:
      - Where there is no live line, say what is being worked on after this many seconds, and again after twice
        the time. V(0) for never.
    type: int
    default: 30
    env:
      - name: SCALEOUT_PROGRESS_HEARTBEAT
    ini:
      - section: callback_progress
        key: heartbeat
  width:
    description:
      - Columns to lay the output out for. V(0) takes those of the terminal, at most 120, and 100 where there is none.
    type: int
    default: 0
    env:
      - name: SCALEOUT_PROGRESS_WIDTH
    ini:
      - section: callback_progress
        key: width
  time_summary:
    description:
      - At the end, tell how long each play took and which tasks took longest.
      - Runs of less than five seconds have no summary.
    type: bool
    default: true
    env:
      - name: SCALEOUT_PROGRESS_TIME_SUMMARY
    ini:
      - section: callback_progress
        key: time_summary
  time_summary_tasks:
    description:
      - How many of the slowest tasks to name; with C(-v) four times as many.
    type: int
    default: 5
    env:
      - name: SCALEOUT_PROGRESS_TIME_SUMMARY_TASKS
    ini:
      - section: callback_progress
        key: time_summary_tasks
  unchanged_message:
    description:
      - What to say at the end of a run that changed nothing on any host. Empty for nothing.
    type: str
    default: "Nothing to do: every host is as declared."
    env:
      - name: SCALEOUT_PROGRESS_UNCHANGED_MESSAGE
    ini:
      - section: callback_progress
        key: unchanged_message
  show_custom_stats:
    description:
      - Show the values of M(ansible.builtin.set_stats) at the end.
    type: bool
    default: false
    env:
      - name: ANSIBLE_SHOW_CUSTOM_STATS
    ini:
      - section: defaults
        key: show_custom_stats
  timing_file:
    description:
      - A file that gets one JSON object per task and host appended, with the keys C(play), C(role), C(task),
        C(action), C(path), C(host), C(start) (seconds since 1970), C(seconds) and C(status) (C(ok), C(changed),
        C(skipped), C(failed), C(ignored) or C(unreachable)).
      - For benchmarks. Results are not written, so nothing secret can be.
    type: path
    env:
      - name: SCALEOUT_TIMING_FILE
    ini:
      - section: callback_progress
        key: timing_file
"""

import atexit
import dataclasses
import functools
import json
import os
import re
import shutil
import sys
import textwrap
import threading
import time
import typing as t
from collections.abc import Callable, Mapping

from ansible import constants as C
from ansible import context
from ansible.playbook.task_include import TaskInclude
from ansible.plugins.callback import CallbackBase
from ansible.utils.color import stringc

from ansible_collections.scaleout.nova.plugins.plugin_utils import _progress as words

_DEBUG_ACTIONS = ("debug", "ansible.builtin.debug", "ansible.legacy.debug")
_ERASE = "\r\033[K"
_TICK = 0.5
_LIVE_AFTER = 1.0
_SUMMARY_AFTER = 5.0
_ORDER = ("failed", "unreachable", "ignored", "changed", "ok", "skipped")

_Text = tuple[str, "str | None"]
_Method = t.TypeVar("_Method", bound=Callable[..., t.Any])


#: the pattern of a play that is for no host
NOBODY = "all:!all"


@dataclasses.dataclass
class _Task:
    """A task of the play that is on its way, or has just ended."""

    name: str
    full_name: str
    action: str
    role: str
    path: str
    check: bool
    no_log: bool
    interactive: bool
    delegate: str
    play: str
    began: float
    ended: float = 0.0
    starts: dict[str, float] = dataclasses.field(default_factory=dict)
    done: set[str] = dataclasses.field(default_factory=set)
    results: list[words.HostResult] = dataclasses.field(default_factory=list)
    changed_items: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    failed_items: dict[str, list[tuple[str, list[str]]]] = dataclasses.field(default_factory=dict)
    diffs: dict[str, str] = dataclasses.field(default_factory=dict)
    details: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    messages: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    failures: dict[tuple[str, ...], list[words.HostResult]] = dataclasses.field(default_factory=dict)
    attempt: str = ""
    said_waiting: bool = False
    next_beat: float = 0.0

    @property
    def pending(self) -> list[str]:
        return [host for host in self.starts if host not in self.done]


@dataclasses.dataclass
class _Play:
    name: str
    began: float
    ended: float = 0.0
    shown: int = 0
    tasks: int = 0
    hosts: set[str] = dataclasses.field(default_factory=set)
    matched: bool = True


class _LastLine:
    """The live line at the end of a terminal's output. All its methods want the display's lock to be held."""

    def __init__(self, lock: t.Any) -> None:
        self.on = False
        self._shown = False
        self._at_start = True
        self._drawing = False
        self._lock = lock
        self._stream: t.Any = None

    def attach(self) -> None:
        """Take over the writing to the terminal, so that whatever is written first takes the live line away."""
        self._stream = sys.stdout
        for stream in (sys.stdout, sys.stderr):
            if stream.isatty():
                stream.write = self._guarded(stream.write)  # type: ignore[method-assign]
        os.register_at_fork(after_in_child=self._in_child)
        self.on = True

    def _in_child(self) -> None:
        """A worker has no live line, and the thread that draws it is not there."""
        self.on = self._shown = False

    def _guarded(self, write: Callable[[str], int]) -> Callable[[str], int]:
        @functools.wraps(write)
        def guarded(text: str) -> int:
            if not self.on or self._drawing:
                return write(text)
            with self._lock:
                self.clear()
                if text:
                    self._at_start = text.endswith("\n")
                return write(text)

        return guarded

    def clear(self) -> None:
        """Take the line away."""
        if self._shown:
            self._shown = False
            self._put(_ERASE)

    def draw(self, name: str, rest: str, color: str | None) -> None:
        """Show the line, unless somebody has left the cursor within a line (a prompt). What is too long is cut."""
        if not self.on or not (self._at_start or self._shown):
            return
        try:
            columns = os.get_terminal_size(self._stream.fileno()).columns
        except OSError:
            columns = 80
        head = "  working  "
        name = words.cut(name, max(10, columns - 1 - len(head) - words.text_width(rest)))
        text = words.cut(head + name + rest, max(10, columns - 1))
        self._put(_ERASE + (stringc(text, color) if color else text))
        self._shown = True

    def _put(self, text: str) -> None:
        self._drawing = True
        try:
            self._stream.write(text)
            self._stream.flush()
        except (OSError, ValueError):
            self.on = False
        finally:
            self._drawing = False


def _locked(method: _Method) -> _Method:
    """A callback and the ticker never run at once. The display's own lock: it is the one that is held over a fork."""

    @functools.wraps(method)
    def locked(self: CallbackModule, *args: t.Any, **kwargs: t.Any) -> t.Any:
        with self._lock:
            return method(self, *args, **kwargs)

    return t.cast(_Method, locked)


class CallbackModule(CallbackBase):
    """Progress in terms of the cloud: see DOCUMENTATION."""

    CALLBACK_VERSION = 2.0
    CALLBACK_TYPE = "stdout"
    CALLBACK_NAME = "scaleout.nova.progress"

    def __init__(self) -> None:
        super().__init__()
        self._lock: t.Any = getattr(self._display, "_lock", None) or threading.RLock()
        self._last_line = _LastLine(self._lock)
        self._began = time.monotonic()
        self._check = False
        self._in_lockstep = True
        self._plays: list[_Play] = []
        self._tasks: dict[str, _Task] = {}
        self._slowest: list[tuple[float, str, str, str]] = []
        self._failed: dict[str, str] = {}
        self._answered: set[str] = set()
        self._said: set[str] = set()
        self._timing_broken = False
        self._stop = threading.Event()
        self._ticker: threading.Thread | None = None

    # ---- what is seen

    @property
    def _width(self) -> int:
        asked = int(self.get_option("width") or 0)
        if asked > 0:
            return max(60, asked)
        if sys.stdout.isatty():
            return max(60, min(120, shutil.get_terminal_size((100, 24)).columns - 1))
        return 100

    @property
    def _verbosity(self) -> int:
        return int(self._display.verbosity)

    def _say(self, *parts: _Text) -> None:
        """One piece of output, coloured on the screen and plain in the log file."""
        self._display.display(
            "".join(stringc(text, color) if color else text for text, color in parts), screen_only=True
        )
        self._display.display("".join(text for text, _color in parts), log_only=True)

    def _flush_screen(self) -> None:
        """Python keeps the output of a pipe back; whoever follows a log wants the line when it is there."""
        try:
            sys.stdout.flush()
        except (OSError, ValueError):
            pass

    def _color(self, status: str) -> str | None:
        colors = {
            "changed": C.COLOR_CHANGED,
            "ok": C.COLOR_OK,
            "skipped": C.COLOR_SKIP,
            "ignored": C.COLOR_WARN,
            "failed": C.COLOR_ERROR,
            "unreachable": C.COLOR_UNREACHABLE,
            "working": C.COLOR_SKIP,
            "waiting": C.COLOR_SKIP,
            "warning": C.COLOR_WARN,
        }
        return t.cast("str | None", colors.get(status))

    def _status_word(self, status: str, check: bool) -> str:
        if status == "changed" and check:
            return "would change"
        return {"failed": "FAILED", "unreachable": "UNREACHABLE"}.get(status, status)

    def _line(self, status: str, name: str, hosts: str, seconds: str, check: bool = False) -> None:
        word = self._status_word(status, check)
        fit = self._verbosity == 0 and sys.stdout.isatty()
        line = words.task_line(word, name, hosts, seconds, self._width, self._check or check, fit)
        cut = 2 + len(word)
        whole = status in ("failed", "unreachable", "working", "waiting", "skipped")
        line = line.rstrip()
        self._say((line[:cut], self._color(status)), (line[cut:], self._color(status) if whole else None))
        self._mark_shown()

    def _mark_shown(self) -> None:
        if self._plays:
            self._plays[-1].shown += 1

    def _indented(self, lines: list[str], color: str | None = None, indent: int = 0) -> None:
        margin = " " * (indent or (words.CHECK_STATUS_WIDTH if self._check else words.STATUS_WIDTH) + 3)
        for line in lines:
            self._say(((margin + line).rstrip(), color))

    # ---- the beginning

    @_locked
    def v2_playbook_on_start(self, playbook: t.Any) -> None:
        self._check = bool(context.CLIARGS.get("check"))
        if self._verbosity > 1:
            self._say((f"Playbook: {words.short_path(str(playbook._file_name))}", C.COLOR_VERBOSE))
        if self._check:
            self._say(("Check mode: nothing is changed, only what would change is shown.", C.COLOR_HIGHLIGHT))
        self._start_ticker()

    @_locked
    def v2_playbook_on_play_start(self, play: t.Any) -> None:
        self._end_play()
        name = play.get_name().strip() or "Play"
        self._in_lockstep = not re.search(
            r"(^|\.)(free|host_pinned|mitogen_free|mitogen_host_pinned)$", play.strategy or ""
        )
        self._plays.append(_Play(name=name, began=time.monotonic()))
        if play.hosts in (NOBODY, [NOBODY]):  # a play that knows from the inventory that it has nothing to do
            self._plays[-1].matched = False
            return
        mark = " (check mode)" if play.check_mode and not self._check else ""
        self._say(("\n" + name + mark, C.COLOR_HIGHLIGHT))
        self._flush_screen()

    @_locked
    def v2_playbook_on_no_hosts_matched(self) -> None:
        if self._plays:
            if not self._plays[-1].matched:
                return
            self._plays[-1].matched = False
        self._say(("  no host of the inventory matches", C.COLOR_SKIP))
        self._mark_shown()

    @_locked
    def v2_playbook_on_no_hosts_remaining(self) -> None:
        self._show_all()
        self._say(("  No host is left to go on with.", C.COLOR_ERROR))
        self._mark_shown()

    @_locked
    def v2_playbook_on_task_start(self, task: t.Any, is_conditional: bool) -> None:
        self._begin_task(task)

    @_locked
    def v2_playbook_on_handler_task_start(self, task: t.Any) -> None:
        self._begin_task(task)

    def _begin_task(self, task: t.Any) -> None:
        if self._in_lockstep:
            self._show_all()
        if task._uuid not in self._tasks:
            self._tasks[task._uuid] = self._new_task(task)

    def _new_task(self, task: t.Any) -> _Task:
        if self._plays:
            self._plays[-1].tasks += 1
        role = getattr(task, "_role", None)
        name = str(task.name or "").strip() or str(task.action)
        delegate = task.delegate_to if isinstance(task.delegate_to, str) else ""
        return _Task(
            name=name,
            full_name=f"{role.get_name()} : {name}" if role else name,
            action=str(task.action),
            role=str(role.get_name()) if role else "",
            path=str(task.get_path() or ""),
            check=bool(task.check_mode),
            no_log=task.no_log is True,
            interactive=bool(task.debugger) or bool(C.ENABLE_TASK_DEBUGGER),
            delegate=delegate,
            play=self._plays[-1].name if self._plays else "",
            began=time.monotonic(),
        )

    def _task_of(self, task: t.Any) -> _Task:
        found = self._tasks.get(task._uuid)
        if found is None:
            found = self._tasks[task._uuid] = self._new_task(task)
        return found

    @_locked
    def v2_runner_on_start(self, host: t.Any, task: t.Any) -> None:
        record = self._task_of(task)
        record.starts[host.get_name()] = time.monotonic()
        record.done.discard(host.get_name())

    @_locked
    def v2_playbook_on_include(self, included_file: t.Any) -> None:
        if self._verbosity > 0:
            hosts = ", ".join(host.name for host in included_file._hosts)
            self._say((f"  included {words.short_path(str(included_file._filename))} for {hosts}", C.COLOR_INCLUDED))

    @_locked
    def v2_playbook_on_notify(self, handler: t.Any, host: t.Any) -> None:
        if self._verbosity > 1:
            self._say((f"  notified {handler.get_name()} for {host}", C.COLOR_VERBOSE))

    # ---- items of a loop

    @staticmethod
    def host_label(result: t.Any) -> str:
        """The host, and the one that did its work, where the core knows its name: of a loop it has the template."""
        label = str(CallbackBase.host_label(result))
        return str(result.host.get_name()) if "{{" in label else label

    def _label(self, result: t.Any) -> str:
        label = result.result.get(
            "_ansible_item_label", result.result.get(result.result.get("ansible_loop_var", "item"))
        )
        if result.result.get("_ansible_no_log") or "censored" in result.result:
            return words.HIDDEN
        return words.item_label(label)

    def _item(self, result: t.Any, status: str) -> None:
        record = self._task_of(result.task)
        host = result.host.get_name()
        if isinstance(result.task, TaskInclude):
            return
        self._tell_warnings(result)
        label = self._label(result)
        if status == "changed":
            record.changed_items.setdefault(host, []).append(label)
        elif status == "failed":
            record.failed_items.setdefault(host, []).append((label, words.failure_text(result.result)))
        if record.action in _DEBUG_ACTIONS and status == "ok":
            record.messages.setdefault(host, []).extend(self._debug_message(result))
        elif self._run_is_verbose(result) or self._verbosity > 2:
            dump = f"{status} [{self.host_label(result)}] => (item={label}) => {self._dump_results(result.result)}"
            record.details.setdefault(host, []).append(dump)

    @_locked
    def v2_runner_item_on_ok(self, result: t.Any) -> None:
        self._item(result, "changed" if result.is_changed() else "ok")

    @_locked
    def v2_runner_item_on_failed(self, result: t.Any) -> None:
        self._item(result, "failed")

    @_locked
    def v2_runner_item_on_skipped(self, result: t.Any) -> None:
        self._item(result, "skipped")

    # ---- results of hosts

    @_locked
    def v2_runner_on_ok(self, result: t.Any) -> None:
        if isinstance(result.task, TaskInclude):
            self._close(result, "ok", quiet=True)
            return
        self._close(result, "changed" if result.is_changed() else "ok")

    @_locked
    def v2_runner_on_skipped(self, result: t.Any) -> None:
        self._close(result, "skipped", quiet=isinstance(result.task, TaskInclude))

    @_locked
    def v2_runner_on_failed(self, result: t.Any, ignore_errors: bool = False) -> None:
        self._close(result, "ignored" if ignore_errors else "failed")

    @_locked
    def v2_runner_on_unreachable(self, result: t.Any) -> None:
        ignored = result.task.ignore_unreachable is True
        self._close(result, "ignored" if ignored else "unreachable")

    def _close(self, result: t.Any, status: str, quiet: bool = False) -> None:
        """Take the final result of a task on a host."""
        record = self._task_of(result.task)
        host = result.host.get_name()
        now = time.monotonic()
        seconds = now - record.starts.get(host, record.began)
        record.ended = now
        record.done.add(host)
        if status != "unreachable":
            self._answered.add(host)
            if record.delegate:
                self._answered.add(record.delegate)
        if self._plays:
            self._plays[-1].hosts.add(host)
        self._write_timing(record, host, seconds, status)
        if quiet:
            return
        self._tell_warnings(result)
        if not self._in_lockstep and len(record.starts) == 1 and result.task_name:
            record.name = str(result.task_name).removeprefix(f"{record.role} : ")
        note = ""
        lines: list[str] = []
        if status in ("failed", "ignored", "unreachable"):
            lines = self._failure_lines(record, host, result)
            note = lines[0] if status == "ignored" else ""
        shown = words.HostResult(
            host=host,
            label=self.host_label(result),
            status=status,
            seconds=seconds,
            items=tuple(record.changed_items.get(host, ())),
            diff=record.diffs.get(host, ""),
            note=note,
        )
        self._collect_details(record, result, status)
        if status in ("failed", "unreachable"):
            self._failed[host] = record.name
            self._show_failure(record, shown, result, lines)
        else:
            record.results.append(shown)
        if not self._in_lockstep and not record.pending:
            self._show(record)
            del self._tasks[result.task._uuid]

    def _collect_details(self, record: _Task, result: t.Any, status: str) -> None:
        """What is shown below the line: the message of a debug task, the whole result with -v."""
        host = result.host.get_name()
        looped = bool(result.task.loop) and "results" in result.result
        if record.action in _DEBUG_ACTIONS and status in ("ok", "changed"):
            if not looped:
                record.messages.setdefault(host, []).extend(self._debug_message(result))
        elif self._run_is_verbose_now(result):
            shown = {key: value for key, value in result.result.items() if not (looped and key == "results")}
            if not looped:
                dump = words.HIDDEN if "censored" in shown else self._dump_results(shown)
                record.details.setdefault(host, []).append(f"{status} [{self.host_label(result)}] => {dump}")

    def _run_is_verbose_now(self, result: t.Any) -> bool:
        """As the base class has it, save that actions which always want to be verbose have to wait for -v."""
        return self._verbosity > 0 and result.result.get("_ansible_verbose_override", False) is False

    def _debug_message(self, result: t.Any) -> list[str]:
        if "censored" in result.result:
            return [words.HIDDEN]
        if "msg" in result.result:
            return [line.rstrip() for line in words.as_text(result.result["msg"]).rstrip().splitlines()]
        data = dict(result.result)
        self._clean_results(data, result.task.action)
        hidden = ("warnings", "deprecations", "exception", "item", data.get("ansible_loop_var"))
        data = {key: value for key, value in data.items() if not key.startswith("_ansible") and key not in hidden}
        return [line for key, value in data.items() for line in f"{key}: {self._dump_value(value)}".splitlines()]

    def _dump_value(self, value: t.Any) -> str:
        if isinstance(value, str):
            return value
        dump = self._dump_results({"value": value}, indent=2)
        if dump.lstrip().startswith("{"):
            return json.dumps(json.loads(dump)["value"], indent=2, ensure_ascii=False)
        return dump.replace("value:", "", 1)

    def _failure_lines(self, record: _Task, host: str, result: t.Any) -> list[str]:
        items = record.failed_items.get(host)
        if not items:
            return words.failure_text(result.result)
        lines: list[str] = []
        for label, text in items:
            lines.append(f"{label}: {text[0]}")
            lines.extend(f"  {line}" for line in text[1:])
        return lines

    def _show_failure(self, record: _Task, shown: words.HostResult, result: t.Any, lines: list[str]) -> None:
        """A failure is shown at once. Further hosts with the same one are only named, once the task is over."""
        alike = record.failures.setdefault(tuple(lines), [])
        alike.append(shown)
        if len(alike) > 1:
            return
        self._line(shown.status, self._name_of(record), shown.label, words.duration(shown.seconds))
        self._indented(self._where(record, result), None)
        width = max(40, self._width - 12)
        for line in lines:
            self._indented(self._wrapped(line, width), self._color(shown.status))
        for dump in record.details.pop(shown.host, []):
            self._say((f"  {dump}", self._color(shown.status)))
        if self._verbosity > 2:
            self._handle_warnings_and_exception(result)
        self._flush_screen()

    def _where(self, record: _Task, result: t.Any) -> list[str]:
        places = [f"task at {words.short_path(record.path)}"] if record.path else []
        origin = words.origin_of(getattr(result, "exception", None))
        if origin and not origin.startswith(record.path + ":") and "censored" not in result.result:
            places.append(f"error in {words.short_path(origin)}")
        return places

    def _wrapped(self, line: str, width: int) -> list[str]:
        """Prose is wrapped on a terminal; a log, and what is laid out in columns, stays as it is."""
        if not sys.stdout.isatty() or len(line) <= width or "  " in line.strip():
            return [line]
        indent = line[: len(line) - len(line.lstrip())]
        return textwrap.wrap(line, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False)

    @_locked
    def v2_on_file_diff(self, result: t.Any) -> None:
        record = self._task_of(result.task)
        parts = result.result.get("results") if result.task.loop else None
        found = []
        for part in parts if isinstance(parts, list) else [result.result]:
            if isinstance(part, Mapping) and part.get("diff") and part.get("changed", False):
                found.append(self._get_diff(part["diff"]))
        if "censored" not in result.result:
            record.diffs[result.host.get_name()] = "".join(found)

    # ---- waiting

    @_locked
    def v2_runner_retry(self, result: t.Any) -> None:
        record = self._task_of(result.task)
        tries = result.result.get("retries")
        record.attempt = f"try {result.result.get('attempts')} of {tries}"
        if self._verbosity > 1:
            dump = words.HIDDEN if "censored" in result.result else self._dump_results(result.result)
            self._say((f"  waiting [{self.host_label(result)}] {record.attempt} => {dump}", self._color("waiting")))
        self._say_waiting(record)

    @_locked
    def v2_runner_on_async_poll(self, result: t.Any) -> None:
        record = self._task_of(result.task)
        record.attempt = "in the background"
        if self._verbosity > 1:
            job = result.result.get("ansible_job_id")
            self._say((f"  waiting [{self.host_label(result)}] job {job}", self._color("waiting")))

    def _say_waiting(self, record: _Task) -> None:
        if record.said_waiting or self._last_line.on:
            return
        record.said_waiting = True
        names = [name for name in record.starts if name in record.pending] or list(record.starts)
        self._line("waiting", self._name_of(record) + "...", words.hosts_text(names), "")
        self._flush_screen()

    # ---- lines

    def _name_of(self, record: _Task) -> str:
        return record.full_name if self._verbosity > 0 else record.name

    def _show_all(self) -> None:
        for record in self._tasks.values():
            self._show(record)
        self._tasks.clear()

    def _show(self, record: _Task) -> None:
        """Show what a task did on the hosts that have ended, and forget these."""
        for alike in record.failures.values():
            if len(alike) > 1:
                others = alike[1:]
                hosts = words.hosts_text([shown.label for shown in others])
                time_text, _remark = words.times_text(others)
                self._line(others[0].status, f"{self._name_of(record)}: the same", hosts, time_text)
            for shown in alike[1:]:
                for dump in record.details.pop(shown.host, []):
                    self._say((f"  {dump}", self._color(shown.status)))
        groups: dict[tuple[t.Any, ...], list[words.HostResult]] = {}
        for shown in record.results:
            groups.setdefault(shown.same, []).append(shown)
        for group in groups.values():
            group.sort(key=lambda shown: words.natural(shown.host))
        for group in sorted(
            groups.values(), key=lambda group: (_ORDER.index(group[0].status), words.natural(group[0].host))
        ):
            self._show_group(record, group)
        self._show_messages(record)
        if record.ended:
            self._slowest.append((record.ended - record.began, record.play, record.name, record.path))
        record.results.clear()
        record.failures.clear()
        record.messages.clear()
        self._flush_screen()

    def _show_group(self, record: _Task, group: list[words.HostResult]) -> None:
        first = group[0]
        slow = first.status in ("ok", "changed") and max(shown.seconds for shown in group) >= self.get_option(
            "slow_task"
        )
        seen = first.status in ("changed", "ignored") or slow
        if record.action in _DEBUG_ACTIONS and first.status == "ok":
            seen = False
        if not seen and self._verbosity == 0:
            return
        hosts = words.hosts_text([shown.label for shown in group])
        time_text, remark = words.times_text(group)
        self._line(first.status, self._name_of(record), hosts, time_text, record.check)
        if self._verbosity > 1 and record.path:
            self._indented([f"task at {words.short_path(record.path)}"], None)
        if remark:
            self._indented([remark], None)
        if first.items and not record.no_log:
            self._indented(words.items_text(first.items, self._width - 16), None)
        elif first.items:
            self._indented([words.HIDDEN], None)
        if first.note:
            self._indented(self._wrapped(first.note, max(40, self._width - 12)), self._color(first.status))
        if first.diff:
            self._display.display(first.diff.rstrip("\n"))
        for shown in group:
            for dump in record.details.pop(shown.host, []):
                self._say((f"  {dump}", self._color(shown.status)))

    def _show_messages(self, record: _Task) -> None:
        """What debug tasks have to say: as it is, once where several hosts say the same."""
        alike: dict[tuple[str, ...], list[str]] = {}
        for host in sorted(record.messages, key=words.natural):
            alike.setdefault(tuple(record.messages[host]), []).append(host)
        for said, hosts in alike.items():
            who = f"  {words.hosts_text(hosts, self._width - 4)}:" if len(alike) > 1 else ""
            if who and len(said) == 1:
                self._say((who, None), (f" {said[0]}", None))
            else:
                if who:
                    self._say((who, None))
                for line in said:
                    self._say((f"{'    ' if who else '  '}{line}".rstrip(), None))
            self._mark_shown()

    def _tell_warnings(self, result: t.Any) -> None:
        """Each warning once in a run, in one line. At -vvv the base class shows where it comes from."""
        if "censored" in result.result:
            return
        texts = [str(text) for text in result.result.get("warnings") or []]
        if C.config.get_config_value("DEPRECATION_WARNINGS"):
            for found in result.result.get("deprecations") or []:
                texts.append("deprecated: " + str(found.get("msg") if isinstance(found, Mapping) else found))
        for text in texts:
            if text in self._said:
                continue
            self._said.add(text)
            lines = text.strip().splitlines() or [""]
            self._say(("  warning  ", self._color("warning")), (lines[0], self._color("warning")))
            self._indented(lines[1:], self._color("warning"), 11)
            self._mark_shown()
        if self._verbosity > 2:
            self._handle_warnings(result.result)

    # ---- the end

    def _end_play(self) -> None:
        self._show_all()
        if not self._plays:
            return
        play = self._plays[-1]
        if play.ended:
            return
        play.ended = time.monotonic()
        if not play.shown and play.matched:
            hosts = words.hosts_text(sorted(play.hosts, key=words.natural), 40)
            what = "nothing would change" if self._check else "nothing to change"
            where = f" on {hosts}" if hosts else ""
            self._say((f"  {what}{where} ({words.duration(play.ended - play.began)})", C.COLOR_OK))

    @_locked
    def v2_playbook_on_stats(self, stats: t.Any) -> None:
        self._end_play()
        self._stop_ticker()
        total = time.monotonic() - self._began
        hosts = sorted(stats.processed, key=words.natural)
        self._recap(stats, hosts, total)
        if self.get_option("time_summary") and total >= _SUMMARY_AFTER:
            self._time_summary(total)
        self._closing_words(stats, hosts)
        self._plays.clear()
        self._slowest.clear()
        self._failed.clear()
        self._began = time.monotonic()
        self._flush_screen()

    def _recap(self, stats: t.Any, hosts: list[str], total: float) -> None:
        head = "Recap (check mode)" if self._check else "Recap"
        self._say((f"\n{head}, {words.duration(total)}", C.COLOR_HIGHLIGHT))
        name_width = max([words.text_width(host) for host in hosts] or [0])
        changed = "would_change" if self._check else "changed"
        rows = []
        for host in hosts:
            found = stats.summarize(host)
            counts = {"ok": found["ok"], changed: found["changed"]}
            for key, name in (
                ("unreachable", "unreachable"),
                ("failures", "failed"),
                ("rescued", "rescued"),
                ("ignored", "ignored"),
            ):
                if found[key]:
                    counts[name] = found[key]
            if self._verbosity > 0:
                counts["skipped"] = found["skipped"]
            bad = found["failures"] or found["unreachable"]
            status = (
                "failed" if found["failures"] else "unreachable" if bad else "changed" if found["changed"] else "ok"
            )
            rows.append((host, counts, status, self._failed.get(host, "") if bad else ""))
        widths: dict[str, int] = {}
        for _host, counts, _status, _where in rows:
            for name, count in counts.items():
                widths[name] = max(widths.get(name, 0), len(f"{name}={count}"))
        for host, counts, status, where in rows:
            text = "  ".join(
                f"{name}={counts[name]}".ljust(width) if name in counts else " " * width
                for name, width in widths.items()
            )
            failed = f"  {where}" if where else ""
            self._say((f"  {words.pad(host, name_width)}  ", self._color(status)), (f"{text}{failed}".rstrip(), None))

    def _time_summary(self, total: float) -> None:
        self._say(("\nWhere the time went", C.COLOR_HIGHLIGHT))
        plays: dict[str, float] = {}
        for play in self._plays:
            if play.matched:
                plays[play.name] = plays.get(play.name, 0.0) + play.ended - play.began
        shown = {name: seconds for name, seconds in plays.items() if seconds >= 0.05}
        width = max([words.text_width(name) for name in shown] or [0])
        for name, seconds in shown.items():
            gauge = words.gauge(seconds / total if total else 0.0)
            self._say((f"  {words.duration(seconds):>12}  {words.pad(name, width)}  ", None), (gauge, None))
        count = max(0, int(self.get_option("time_summary_tasks"))) * (4 if self._verbosity > 0 else 1)
        tasks = [task for task in sorted(self._slowest, reverse=True)[:count] if task[0] >= 0.5]
        if tasks:
            self._say(("  of that, the slowest tasks:", None))
        for seconds, play_name, name, path in tasks:
            of_play = f"  ({play_name})" if len(shown) > 1 else ""
            where = f"  {words.short_path(path)}" if self._verbosity > 0 else ""
            self._say((f"  {words.duration(seconds):>12}  {name}", None), (of_play + where, None))

    def _closing_words(self, stats: t.Any, hosts: list[str]) -> None:
        custom = getattr(stats, "custom", None) or {}
        run = custom.get("_run") or {}
        message = run.get("progress_message") if isinstance(run, Mapping) else None
        if self.get_option("show_custom_stats") and custom:
            self._say(("\nCustom stats", C.COLOR_HIGHLIGHT))
            for name in sorted(custom):
                values = custom[name]
                if name == "_run":
                    values = {key: value for key, value in values.items() if key != "progress_message"}
                if values:
                    label = "run" if name == "_run" else name
                    self._say((f"  {label}: {self._dump_results(values, indent=1).strip()}".replace("\n", ""), None))
        summary = [stats.summarize(host) for host in hosts]
        clean = hosts and not any(
            found[key] for found in summary for key in ("changed", "failures", "unreachable", "ignored")
        )
        if message:
            self._say(("\n" + words.as_text(message).rstrip(), None))
        elif clean:
            text = self.get_option("unchanged_message")
            if text:
                self._say(("\n" + text, C.COLOR_OK))

    # ---- the record for benchmarks

    def _write_timing(self, record: _Task, host: str, seconds: float, status: str) -> None:
        path = self.get_option("timing_file")
        if not path or self._timing_broken:
            return
        line = {
            "play": record.play,
            "role": record.role,
            "task": record.name,
            "action": record.action,
            "path": record.path,
            "host": host,
            "start": round(time.time() - seconds, 3),
            "seconds": round(seconds, 3),
            "status": status,
        }
        try:
            with open(path, "a", encoding="utf-8") as file:
                file.write(json.dumps(line, ensure_ascii=False) + "\n")
        except OSError as error:
            self._timing_broken = True
            self._display.warning(f"The timing file {path} cannot be written: {error.strerror}.")

    # ---- what goes on meanwhile

    def _start_ticker(self) -> None:
        if self._ticker:
            return
        dumb = os.environ.get("TERM", "") in ("", "dumb")
        if self.get_option("live") and sys.stdout.isatty() and not dumb and self._verbosity < 3:
            self._last_line.attach()
        if not self._last_line.on and not self.get_option("heartbeat"):
            return
        self._ticker = threading.Thread(target=self._tick_forever, name="progress", daemon=True)
        self._ticker.start()
        atexit.register(self._stop_ticker)

    def _stop_ticker(self) -> None:
        self._stop.set()
        with self._lock:
            self._last_line.clear()
            self._last_line.on = False

    def _tick_forever(self) -> None:
        while not self._stop.wait(_TICK):
            # Somebody who asks a question holds the lock until it is answered: then there is nothing to draw.
            if not self._lock.acquire(timeout=_TICK):
                continue
            try:
                if not self._stop.is_set():
                    self._tick()
            except (OSError, ValueError):
                return  # nobody is there to see it
            finally:
                self._lock.release()

    def _tick(self) -> None:
        now = time.monotonic()
        running = [record for record in self._tasks.values() if record.pending]
        if not running:
            self._last_line.clear()
            return
        record = min(running, key=lambda record: record.began)
        since = now - min(record.starts[host] for host in record.pending)
        hosts = words.hosts_text(record.pending)
        if self._last_line.on:
            known = set(record.pending) | ({record.delegate} if record.delegate else set()) <= self._answered
            if since >= _LIVE_AFTER and known and not record.interactive:
                self._last_line.draw(record.name, self._live_text(record, hosts, since), C.COLOR_SKIP)
            else:
                self._last_line.clear()
            return
        beat = float(self.get_option("heartbeat"))
        if beat > 0 and since >= max(beat, record.next_beat):
            record.next_beat = 2 * since
            self._line("working", self._name_of(record), hosts, words.duration(since))
            self._flush_screen()

    def _live_text(self, record: _Task, hosts: str, since: float) -> str:
        extra = f", {record.attempt}" if record.attempt else ""
        failed = f", FAILED on {sum(len(alike) for alike in record.failures.values())}" if record.failures else ""
        return f"  {hosts}  {int(since)} s{extra}{failed}"
