#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: systemd_units
short_description: Define systemd units, and keep them running with what is on disk now
version_added: 0.1.0
description:
  - Writes unit files and drop-ins, enables units and starts them, any number of them in one go.
  - A running service is restarted when, and only when, something that it reads is newer than its process. There is no
    handler to be notified and so none to be lost. A play that was killed between the change of a file and the restart
    is made good by the next one.
  - A unit that does not come up is an error that names it, with its result and the last lines of its journal.
notes:
  - What a process reads is its unit file with all drop-ins, its C(EnvironmentFile)s, O(units[].reads), and the lists of
    files of O(packages) and O(units[].packages), which C(dpkg) writes anew with each version of a package.
  - A file is newer by the later of its modification time and its inode change time. The latter also sees a file that
    was moved into place or copied with its old time, and one that the process was not allowed to read before. The price
    is a restart after a C(chmod) or C(chown) by hand.
  - A file from the future (the clock was set back) cannot be compared. It is left out, with a warning.
  - Services of type C(oneshot) are started and never restarted. One without C(RemainAfterExit) counts as started once
    it has run well since boot. Timers, sockets and other units without a process are restarted when their unit files
    change, and with a socket the service behind it, if that is running.
  - Unit files are checked by C(systemd-analyze verify) before they are put in place. A directive that systemd would
    ignore (misspelt, or with a value that it cannot parse) is an error, and nothing is touched.
  - Unit files can be read by everyone and are shown in diffs. No secrets in them.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
    details:
      - A unit that does not exist yet (its package is not installed) is predicted to be started.
      - Files that other tasks would change are not changed in check mode. Say so with O(stale).
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  units:
    description:
      - The units. They are started together, in the order that systemd finds from their dependencies.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the unit. Without a suffix it is a service.
          - An instance (C(nova-conductor@cell1.service)) may be used together with its template
            (C(nova-conductor@.service)), which can be defined by an entry of its own with O(units[].state=present).
        type: str
        required: true
      definition:
        description:
          - Content of the unit file C(/etc/systemd/system/NAME), as sections of directives.
          - A list is a directive that is repeated, V(null) one that is left out. Booleans become V(yes) and V(no).
          - Without it the unit is one that a package has brought.
        type: dict
      override:
        description:
          - Content of the drop-in C(/etc/systemd/system/NAME.d/scaleout.conf), as for O(units[].definition).
          - To replace a directive that may be repeated, begin its list with an empty string.
          - An empty dictionary removes the drop-in. Without this option, it is left as it is.
        type: dict
      reads:
        description:
          - Absolute paths of files, directories and shell patterns that the process reads when it starts.
          - A directory stands for everything below it. What is missing is passed over.
        type: list
        elements: str
        default: []
      packages:
        description:
          - As O(packages), for this unit.
        type: list
        elements: str
        default: []
      enabled:
        description:
          - Whether the unit starts at boot.
          - The default is V(true) for O(units[].state=started), V(false) for O(units[].state=stopped), and to leave it
            alone otherwise.
          - A unit that has nothing to enable (static, generated, indirect, an alias) is left alone.
        type: bool
      state:
        description:
          - V(started) and V(stopped) speak for themselves.
          - V(present) only defines the unit. It is meant for templates, and for services that a timer starts.
          - V(absent) stops and disables the unit, and removes what O(units[].definition) and O(units[].override) made.
        type: str
        choices: [started, stopped, present, absent]
        default: started
      stale:
        description:
          - As O(stale), for this unit.
        type: bool
        default: false
  packages:
    description:
      - Debian packages whose code all the services run. A service that is older than one of them is restarted.
    type: list
    elements: str
    default: []
  stale:
    description:
      - The caller knows that something which the services read is going to be changed. Pass whether the task that
        writes the configuration has changed it. In check mode the services are then predicted to be restarted.
      - Outside check mode it has no effect. The files themselves tell.
    type: bool
    default: false
  timeout:
    description:
      - Seconds that all units together may take to come up.
    type: int
    default: 120
  settle:
    description:
      - Seconds after which a service is looked at again that systemd calls active as soon as it has forked
        (C(Type=simple), C(exec) and C(idle)), to see whether it has survived.
    type: float
    default: 0.5
seealso:
  - module: ansible.builtin.systemd_service
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Run the compute service, restarted when its configuration or its code has changed
  scaleout.nova.systemd_units:
    units:
      - name: nova-compute
        reads: [/etc/nova/nova.conf, /etc/nova/nova-compute.conf, /etc/nova/provider_config]
        override:
          Service:
            Restart: always
            RestartSec: 5
    packages: [nova-compute, nova-common, python3-nova]

- name: A conductor for each cell, and a timer that archives deleted rows
  scaleout.nova.systemd_units:
    units:
      - name: nova-conductor@.service
        state: present
        definition:
          Unit:
            Description: OpenStack Nova conductor of %i
          Service:
            Type: notify
            User: nova
            ExecStart: /usr/bin/nova-conductor --config-file /etc/nova/%i.conf
          Install:
            WantedBy: multi-user.target
      - name: nova-conductor@cell1.service
        reads: [/etc/nova/cell1.conf]
      - name: nova-archive.service
        state: present
        definition:
          Service:
            Type: oneshot
            User: nova
            ExecStart: /usr/bin/nova-manage db archive_deleted_rows --until-complete
      - name: nova-archive.timer
        definition:
          Timer:
            OnCalendar: daily
            RandomizedDelaySec: 1h
          Install:
            WantedBy: timers.target
    stale: "{{ nova_configuration is changed }}"
"""

RETURN = r"""
units:
  description: What was done with each unit (in check mode, what would be), by the name that was given.
  type: dict
  returned: always
  contains:
    action:
      description: V(unchanged), V(started), V(restarted), V(stopped) or V(removed).
      type: str
    reason:
      description: Why; empty where nothing was to be done.
      type: str
    files:
      description: The unit files that were written or removed.
      type: list
      elements: str
    enablement:
      description: V(enabled) or V(disabled) where that was changed, empty otherwise.
      type: str
  sample:
    nova-compute:
      action: restarted
      reason: /etc/nova/nova.conf is newer
      files: []
      enablement: ''
"""

import dataclasses
import datetime
import glob
import os
import re
import shutil
import subprocess
import tempfile
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

UNIT_DIR = "/etc/systemd/system"
DROP_IN = "scaleout.conf"
DPKG_INFO = "/var/lib/dpkg/info"
HEADER = "# Managed by scaleout.nova: changes by hand are lost. Use a drop-in of your own (systemctl edit).\n"

SUFFIXES = frozenset(
    ("service", "socket", "timer", "path", "mount", "automount", "swap", "target", "slice", "scope", "device")
)
UNIT_NAME = re.compile(r"[A-Za-z0-9:_.\\@-]+")
WORD = re.compile(r"[A-Za-z][A-Za-z0-9-]*")
OCTAL = re.compile(r"(Mode|UMask)$")
# Rewritten by systemd itself with each daemon-reload, or in force without a restart.
VOLATILE = (
    "/run/systemd/generator",
    "/run/systemd/transient",
    "/run/systemd/system.control",
    "/etc/systemd/system.control",
)
# A file is stamped with the last tick of the clock, up to this many seconds before a process that was there already.
TICK = 0.01
FUTURE = 2.0

PROPERTIES = (
    "Id",
    "LoadState",
    "LoadError",
    "ActiveState",
    "SubState",
    "Result",
    "Type",
    "RemainAfterExit",
    "UnitFileState",
    "FragmentPath",
    "SourcePath",
    "DropInPaths",
    "EnvironmentFiles",
    "NeedDaemonReload",
    "ExecMainStartTimestamp",
    "ExecMainStartTimestampMonotonic",
    "ExecMainCode",
    "ExecMainStatus",
    "InactiveExitTimestamp",
    "InactiveExitTimestampMonotonic",
    "NRestarts",
    "Triggers",
)

ENABLED = frozenset(("enabled", "enabled-runtime"))
RUNNING = frozenset(("active", "reloading", "refreshing", "maintenance"))
QUICK_TYPES = frozenset(("simple", "exec", "idle"))


class Failure(Exception):
    """Something that the user is told."""


class Problems(Failure):
    """All that is wrong with what was asked for, so that it is mended in one go."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems) + ". Nothing was touched.")


@dataclasses.dataclass
class Unit:
    """A unit as it is wanted."""

    given: str
    name: str
    state: str
    definition: dict[str, t.Any] | None
    override: dict[str, t.Any] | None
    reads: list[str]
    packages: list[str]
    enabled: bool | None
    stale: bool

    @property
    def is_service(self) -> bool:
        return self.name.endswith(".service")

    @property
    def is_template(self) -> bool:
        return "@." in self.name

    @property
    def template(self) -> str | None:
        """Name of the template that this unit is an instance of."""
        stem, at, rest = self.name.partition("@")
        return f"{stem}@.{rest.rpartition('.')[2]}" if at and not self.is_template else None

    @property
    def unit_file(self) -> str:
        return os.path.join(UNIT_DIR, self.name)

    @property
    def drop_in(self) -> str:
        return os.path.join(UNIT_DIR, f"{self.name}.d", DROP_IN)


@dataclasses.dataclass
class Seen:
    """A unit as systemd has it."""

    properties: dict[str, str] = dataclasses.field(default_factory=dict)

    def __getitem__(self, name: str) -> str:
        return self.properties.get(name, "")

    @property
    def exists(self) -> bool:
        return self["LoadState"] not in ("", "not-found")

    @property
    def masked(self) -> bool:
        return self["LoadState"] == "masked" or self["UnitFileState"].startswith("masked")

    @property
    def running(self) -> bool:
        return self["ActiveState"] in RUNNING

    @property
    def looping(self) -> bool:
        """Whether systemd starts it time and again, and in vain."""
        return self["ActiveState"] == "activating" and self["SubState"].startswith("auto-restart")

    @property
    def at_rest(self) -> bool:
        return self["ActiveState"] in ("", "inactive", "failed")

    @property
    def ran_well(self) -> bool:
        """Whether a oneshot service has done its work since boot."""
        started = bool(self["ExecMainStartTimestamp"])
        return started and self["Result"] == "success" and self["ActiveState"] == "inactive"

    @property
    def restarts(self) -> int:
        """How often systemd has restarted it by itself since the last start by somebody."""
        return int(self["NRestarts"] or 0)

    def started_at(self) -> float | None:
        """Seconds since the epoch at which the unit's process, or else the unit, was started.

        The monotonic clock tells it as well, and differently where the clock was set in between: the earlier is right,
        in that no change is missed.
        """
        if self["Type"] == "forking":  # the main process is only known once the first one has gone
            names = ["ExecMainStartTimestamp", "InactiveExitTimestamp"]
        elif self["ExecMainStartTimestamp"]:
            names = ["ExecMainStartTimestamp"]
        else:
            names = ["InactiveExitTimestamp"]
        times = []
        for name in names:
            if self[name]:
                times.append(parse_time(self[name]))
            monotonic = int(self[f"{name}Monotonic"] or 0)
            if monotonic:
                times.append(time.time() - (time.monotonic() - monotonic / 1e6))
        return min(times, default=None)

    def files(self) -> list[str]:
        """The files that systemd has read for this unit, as far as a change of them wants a restart."""
        paths = [self["FragmentPath"], self["SourcePath"], *self["DropInPaths"].split()]
        paths = [path for path in paths if path and not path.startswith(VOLATILE)]
        return paths + [line.partition(" (")[0] for line in self["EnvironmentFiles"].splitlines()]

    def why_not(self) -> str:
        """How it ended, for an error message."""
        state = f"{self['ActiveState']} ({self['SubState']})"
        code, status = self["ExecMainCode"], self["ExecMainStatus"]
        if code == "1" and status not in ("", "0"):
            return f"{state}, exit code {status}"
        if code in ("2", "3"):
            return f"{state}, killed by signal {status}"
        result = self["Result"]
        return f"{state}, result {result}" if result not in ("", "success") else state


@dataclasses.dataclass
class FileChange:
    """A unit file before and after; None where there is no file."""

    path: str
    before: str | None
    after: str | None


@dataclasses.dataclass
class Step:
    """What is to be done with one unit."""

    unit: Unit
    seen: Seen
    action: str = "unchanged"
    reason: str = ""
    enable: str = ""  # enable, disable or reenable
    files: list[FileChange] = dataclasses.field(default_factory=list)
    wait: bool = False  # somebody else is starting it

    @property
    def changed(self) -> bool:
        return self.action != "unchanged" or bool(self.enable) or bool(self.files)

    @property
    def enablement(self) -> str:
        return {"enable": "enabled", "reenable": "enabled", "disable": "disabled"}.get(self.enable, "")


def parse_time(text: str) -> float:
    """Seconds since the epoch of systemd's C(Tue 2026-11-24 20:46:59.304590 UTC)."""
    _day, date, clock = text.split()[:3]
    return datetime.datetime.fromisoformat(f"{date}T{clock}+00:00").timestamp()


class Systemd:
    """The commands of systemd, as few of them as possible."""

    def __init__(self) -> None:
        self._environment = {**os.environ, "LC_ALL": "C.UTF-8", "SYSTEMD_COLORS": "0", "SYSTEMD_PAGER": ""}

    def run(self, *argv: str, timeout: float | None = None) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                argv,
                capture_output=True,
                text=True,
                stdin=subprocess.DEVNULL,
                env=self._environment,
                timeout=timeout,
                check=False,
            )
        except FileNotFoundError:
            raise Failure(f"{argv[0]} is not on this host: systemd_units is for hosts that run systemd.") from None

    def do(self, verb: str, names: list[str], *options: str, timeout: float | None = None) -> None:
        """A verb on all units at once; no error where there is none."""
        if names or verb == "daemon-reload":
            done = self.run("systemctl", "--no-ask-password", *options, verb, "--", *names, timeout=timeout)
            if done.returncode:
                words = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
                raise Failure(f"systemctl {verb} {' '.join(names)} failed: {words}")

    def show(self, names: list[str]) -> dict[str, Seen]:
        if not names:
            return {}
        argv = ["systemctl", "show", "--no-pager", "--timestamp=us+utc", "--property=" + ",".join(PROPERTIES), "--"]
        shown = self.run(*argv, *names)
        blocks = shown.stdout.strip("\n").split("\n\n")
        if shown.returncode or len(blocks) != len(names):
            words = " ".join(shown.stderr.split()) or f"{len(blocks)} answers for {len(names)} units"
            raise Failure(f"systemctl show does not tell the state of the units: {words}")
        return {name: self._parse(block) for name, block in zip(names, blocks, strict=True)}

    @staticmethod
    def _parse(block: str) -> Seen:
        properties: dict[str, str] = {}
        for line in block.splitlines():
            name, equals, value = line.partition("=")
            if equals:
                properties[name] = f"{properties[name]}\n{value}" if name in properties else value
        return Seen(properties)

    def verify(self, unit_files: list[str]) -> list[str]:
        """What C(systemd-analyze) has to say about these unit files."""
        if not unit_files or not shutil.which("systemd-analyze"):
            return []
        options = ("--man=no", "--generators=no", "--recursive-errors=no")
        return self.run("systemd-analyze", "verify", *options, *unit_files).stderr.splitlines()

    def journal(self, name: str, since: float) -> str:
        self.run("journalctl", "--sync")
        options = ("--no-pager", "--output=cat", "--lines=15", f"--since=@{since:.6f}")
        lines = self.run("journalctl", *options, f"--unit={name}").stdout.splitlines()
        return "\n".join(f"    {line}" for line in lines) or "    (its journal is empty)"


class Clock:
    """The newest of the things that a process reads. Asked about the same path by many units, it looks once."""

    def __init__(self, warn: t.Callable[[str], None]) -> None:
        self._warn = warn
        self._known: dict[str, tuple[float, str]] = {}
        self._limit = time.time() + FUTURE

    def newest(self, paths: list[str]) -> tuple[float, str]:
        return max((self._look(path) for path in paths), default=(0.0, ""))

    def _look(self, pattern: str) -> tuple[float, str]:
        if pattern not in self._known:
            paths = glob.glob(pattern) if glob.has_magic(pattern) and not os.path.lexists(pattern) else [pattern]
            self._known[pattern] = max((self._tree(path) for path in paths), default=(0.0, ""))
        return self._known[pattern]

    def _tree(self, path: str) -> tuple[float, str]:
        newest = self._file(path)
        if os.path.isdir(path):
            for directory, _directories, files in os.walk(path):
                newest = max(
                    [newest, self._file(directory)] + [self._file(os.path.join(directory, name)) for name in files]
                )
        return newest

    def _file(self, path: str) -> tuple[float, str]:
        newest = 0.0
        for stat in (os.stat, os.lstat):  # the content, and a link that leads to another one
            try:
                status = stat(path)
            except OSError:
                continue
            newest = max(newest, status.st_mtime, status.st_ctime)
        if newest > self._limit:
            self._warn(f"{path} has a time in the future, so nobody can tell whether it is newer than a process.")
            return 0.0, path
        return newest, path


def package_lists(packages: list[str]) -> list[str]:
    paths = []
    for package in packages:
        paths += [os.path.join(DPKG_INFO, f"{package}.list"), os.path.join(DPKG_INFO, f"{package}:*.list")]
    return paths


def read(path: str) -> str | None:
    try:
        with open(path, encoding="utf-8", errors="surrogateescape") as stream:
            return stream.read()
    except FileNotFoundError:
        return None


def write(path: str, content: str) -> None:
    """Put a file in place in one move."""
    directory = os.path.dirname(path)
    os.makedirs(directory, mode=0o755, exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(prefix=".scaleout-", dir=directory)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            stream.write(content)
            stream.flush()
            os.fchmod(stream.fileno(), 0o644)
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def remove(path: str) -> None:
    os.unlink(path)
    if os.path.basename(path) == DROP_IN:
        try:
            os.rmdir(os.path.dirname(path))
        except OSError:
            pass  # there are other drop-ins


def render(unit: Unit, option: str, sections: dict[str, t.Any]) -> tuple[str, list[str]]:
    """The text of a unit file, and what is wrong with it."""
    problems: list[str] = []
    text = HEADER
    for section, directives in sections.items():
        where = f"{option} of {unit.given}"
        if not WORD.fullmatch(str(section)):
            problems.append(f"{where} has a section {section!r}, which is no name of one")
            continue
        if not isinstance(directives, (dict, type(None))):
            problems.append(f"{where}: [{section}] must be a dictionary of directives, not {directives!r}")
            continue
        lines = []
        for name, value in (directives or {}).items():
            if not WORD.fullmatch(str(name)):
                problems.append(f"{where} has {name!r} in [{section}], which is no name of a directive")
            for one in value if isinstance(value, list) else [value]:
                if one is None:
                    continue
                if isinstance(one, bool):
                    one = "yes" if one else "no"
                elif isinstance(one, int) and OCTAL.search(str(name)):
                    problems.append(
                        f"{where}: {name} in [{section}] is the number {one}; quote it, it is octal to systemd"
                    )
                elif not isinstance(one, (str, int, float)) or "\n" in str(one):
                    problems.append(f"{where}: {name} in [{section}] must be one line or a list of them, not {one!r}")
                lines.append(f"{name}={one}\n")
        if lines:
            text += f"\n[{section}]\n" + "".join(lines)
    return text, problems


def section_of(text: str | None, wanted: str) -> list[str]:
    """The lines of one section of a unit file."""
    lines: list[str] = []
    inside = False
    for line in (text or "").splitlines():
        line = line.strip()
        if line.startswith("["):
            inside = line == f"[{wanted}]"
        elif inside and line and line[0] not in "#;":
            lines.append(line)
    return lines


def read_units(parameters: list[dict[str, t.Any]]) -> tuple[list[Unit], list[str]]:
    """The units that are asked for, and what is wrong with the asking."""
    units: list[Unit] = []
    problems: list[str] = []
    for entry in parameters:
        given = entry["name"]
        name = given if given.rpartition(".")[2] in SUFFIXES and "." in given else f"{given}.service"
        if not UNIT_NAME.fullmatch(name) or name.startswith(("-", ".", "@")):
            problems.append(f"{given!r} is no name of a unit")
            continue
        enabled = entry["enabled"]
        if enabled is None:
            enabled = {"started": True, "stopped": False}.get(entry["state"])
        fields = {field: entry[field] for field in ("state", "definition", "override", "reads", "packages", "stale")}
        unit = Unit(given=given, name=name, enabled=enabled, **fields)
        if any(other.name == name for other in units):
            problems.append(f"{name} is in units twice")
        if unit.is_template and unit.state not in ("present", "absent"):
            problems.append(
                f"{name} is a template, of which only an instance can be {unit.state}; its state can be present"
            )
        problems += [
            f"reads of {given} has {path!r}, which is no absolute path" for path in unit.reads if path[:1] != "/"
        ]
        units.append(unit)
    return units, problems


class Planner:
    """Compares what is wanted with what is there. Changes nothing."""

    def __init__(self, systemd: Systemd, module: AnsibleModule) -> None:
        self._units, self._problems = read_units(module.params["units"])
        self._systemd = systemd
        self._check_mode: bool = module.check_mode
        self._stale: bool = module.params["stale"]
        self._packages: list[str] = module.params["packages"]
        self._clock = Clock(module.warn)
        self._changes: dict[str, FileChange] = {}
        self._wanted: dict[str, str] = {}
        self._seen: dict[str, Seen] = {}

    def plan(self) -> list[Step]:
        for unit in self._units:
            self._compare_files(unit)
        self._raise()
        self._seen = self._systemd.show([unit.name for unit in self._units if not unit.is_template])
        self._verify()
        steps = [self._step(unit) for unit in self._units]
        self._raise()
        return steps

    def _raise(self) -> None:
        if self._problems:
            raise Problems(self._problems)

    # unit files

    def _compare_files(self, unit: Unit) -> None:
        pairs = (("definition", unit.definition, unit.unit_file), ("override", unit.override, unit.drop_in))
        for option, sections, path in pairs:
            if unit.state == "absent":
                if os.path.islink(path) or not os.path.lexists(path):
                    continue  # an alias or a mask, not ours
                self._note(path, None)
            elif sections is not None:
                text, problems = render(unit, option, sections)
                self._problems += problems
                if os.path.islink(path):
                    target = os.readlink(path)
                    what = "masked" if target == "/dev/null" else f"a link to {target}"
                    self._problems.append(f"{unit.given} cannot be defined, since {path} is {what}")
                elif sections:
                    self._wanted[path] = text
                    self._note(path, text)
                elif option == "definition":
                    self._problems.append(f"definition of {unit.given} is empty")
                else:
                    self._note(path, None)

    def _note(self, path: str, after: str | None) -> None:
        before = read(path)
        if before != after:
            self._changes[path] = FileChange(path, before, after)

    def _verify(self) -> None:
        """Let systemd read the new files before anybody depends on them."""
        concerned = [unit for unit in self._units if unit.state != "absent" and self._own_changes(unit)]
        concerned = [unit for unit in concerned if any(change.after is not None for change in self._own_changes(unit))]
        if not concerned:
            return
        with tempfile.TemporaryDirectory(prefix="systemd-units-") as directory:
            complete = set()
            for unit in self._units:  # all of them: an instance needs its template
                text = self._wanted.get(unit.unit_file)
                if text is None and unit in concerned:
                    text = read(self._seen.get(unit.name, Seen())["FragmentPath"] or unit.unit_file)
                if text is not None:
                    complete.add(unit.name)
                elif unit in concerned:  # an override for a unit that is still to come
                    text = "[Service]\nExecStart=/bin/true\n" if unit.is_service else ""
                if text is not None:
                    with open(
                        os.path.join(directory, unit.name), "w", encoding="utf-8", errors="surrogateescape"
                    ) as stream:
                        stream.write(text)
                if unit.drop_in in self._wanted:
                    write(os.path.join(directory, f"{unit.name}.d", DROP_IN), self._wanted[unit.drop_in])
            told = self._systemd.verify([os.path.join(directory, unit.name) for unit in concerned])
        for line in dict.fromkeys(told):
            place, _space, words = line.partition(" ")
            words = re.sub(r"[.,]? (ignoring|Ignoring|Refusing)(?=[.:]|$)\.?", "", words).rstrip(".")
            match = re.fullmatch(re.escape(directory) + r"/(.+?)(\.d/" + re.escape(DROP_IN) + r")?:\d+:", place)
            if match:
                option = "override" if match.group(2) else "definition"
                if option == "override" or os.path.join(UNIT_DIR, match.group(1)) in self._wanted:  # not the package's
                    self._problems.append(f"{option} of {match.group(1)}: {words}")
            elif line.endswith("Refusing.") and place.rstrip(":") in complete:
                self._problems.append(f"{place} {words}")

    def _own_changes(self, unit: Unit) -> list[FileChange]:
        return [self._changes[path] for path in (unit.unit_file, unit.drop_in) if path in self._changes]

    def _changes_for(self, unit: Unit) -> list[FileChange]:
        """Also those of its template."""
        changes = self._own_changes(unit)
        template = self._entry(unit.template)
        return changes + self._own_changes(template) if template else changes

    def _entry(self, name: str | None) -> Unit | None:
        return next((unit for unit in self._units if unit.name == name), None)

    def _defined_by(self, unit: Unit) -> Unit | None:
        """The entry that defines this unit: itself or its template."""
        for entry in (unit, self._entry(unit.template)):
            if entry is not None and entry.definition is not None and entry.state != "absent":
                return entry
        return None

    # states

    def _step(self, unit: Unit) -> Step:
        step = Step(unit, self._seen.get(unit.name, Seen()), files=self._own_changes(unit))
        if unit.is_template:
            if unit.state == "present" and unit.definition is None and unit.override is None:
                self._problems.append(f"{unit.given} has nothing to be present: it needs a definition or an override")
            if unit.state == "absent" and step.files:
                step.action, step.reason = "removed", "it was there"
            return step
        will_exist = step.seen.exists or self._defined_by(unit) is not None
        if unit.state == "started":
            self._plan_start(step, will_exist)
        elif unit.state in ("stopped", "absent"):
            if not step.seen.at_rest:
                step.action, step.reason = "stopped", "it was running"
        elif not will_exist and not self._check_mode and not unit.override:
            self._problems.append(f"there is no unit {unit.name} on this host, and no definition of it in units")
        self._plan_enable(step, will_exist)
        if unit.state == "absent" and step.changed:
            step.action, step.reason = "removed", "it was there"
        return step

    def _plan_start(self, step: Step, will_exist: bool) -> None:
        unit, seen = step.unit, step.seen
        changes = self._changes_for(unit)
        if not will_exist:
            if self._check_mode:
                step.action, step.reason = "started", "it does not exist yet"
            else:
                packages = ", ".join(unit.packages + self._packages)
                from_where = f" (one of {packages} should bring it)" if packages else ""
                self._problems.append(
                    f"there is no unit {unit.name} on this host{from_where}, and no definition of it in units"
                )
            return
        if seen.masked:
            self._problems.append(f"{unit.name} is masked; if that is no longer wanted, systemctl unmask {unit.name}")
            return
        if seen["LoadState"] in ("bad-setting", "error") and not changes and seen["NeedDaemonReload"] != "yes":
            self._problems.append(
                f"systemd cannot load {unit.name}: {seen['LoadError'].partition(' ')[2] or seen['LoadState']}"
            )
            return
        oneshot = self._type(unit, seen) == "oneshot"
        state = seen["ActiveState"]
        if seen.looping:
            step.action, step.reason = "restarted", f"it kept failing ({seen['Result']})"
        elif seen.running or (state == "activating" and not oneshot):
            step.wait = state == "activating"
            reason = "" if oneshot else self._why_restart(unit, seen, changes)
            if reason:
                step.action, step.reason = "restarted", reason
        elif state == "activating" or (oneshot and seen.ran_well and seen["RemainAfterExit"] != "yes"):
            pass  # a oneshot service at work, or one that has done it
        elif state == "failed":
            step.action, step.reason = "started", f"it had failed ({seen['Result']})"
        else:
            step.action, step.reason = "started", "it was not running" if seen.exists else "it is new"

    def _type(self, unit: Unit, seen: Seen) -> str:
        """The type that the service is going to have."""
        kind = seen["Type"]
        for entry in (self._entry(unit.template), unit):
            for sections in (entry.definition, entry.override) if entry else ():
                kind = str(((sections or {}).get("Service") or {}).get("Type", kind))
        return kind

    def _why_restart(self, unit: Unit, seen: Seen, changes: list[FileChange]) -> str:
        if changes:
            return f"{changes[0].path} {'is removed' if changes[0].after is None else 'is changed'}"
        if seen["NeedDaemonReload"] == "yes":
            return "its unit files have changed, and systemd was not told"
        if self._check_mode and unit.is_service and (self._stale or unit.stale):
            return "what it reads is going to be changed"
        paths = seen.files()
        if unit.is_service:
            paths += unit.reads + package_lists(unit.packages + self._packages)
        newest, path = self._clock.newest(paths)
        started = seen.started_at()
        if started is not None and newest > started - TICK:
            if path.startswith(DPKG_INFO + "/"):
                return f"package {os.path.basename(path).removesuffix('.list')} is newer"
            return f"{path} is newer"
        return ""

    def _plan_enable(self, step: Step, will_exist: bool) -> None:
        unit, state = step.unit, step.seen["UnitFileState"]
        enabled = state in ENABLED
        if step.seen.masked:
            return
        if unit.state == "absent" or unit.enabled is False:
            step.enable = "disable" if enabled else ""
        elif unit.enabled and not will_exist:
            step.enable = "enable"  # a unit that is still to come; most can be enabled
        elif unit.enabled:
            changes = self._changes_for(unit)
            if any(section_of(change.before, "Install") != section_of(change.after, "Install") for change in changes):
                if self._can_be_enabled(unit, step.seen):
                    step.enable = "reenable" if enabled else "enable"
                elif enabled:
                    step.enable = "disable"
            elif state in ("disabled", "enabled-runtime"):
                step.enable = "enable"

    def _can_be_enabled(self, unit: Unit, seen: Seen) -> bool:
        """Whether any file of the unit is going to have an [Install] section."""
        paths = [
            path for entry in (unit, self._entry(unit.template)) if entry for path in (entry.unit_file, entry.drop_in)
        ]
        texts = [self._wanted.get(path) for path in paths]
        if self._defined_by(unit) is None and seen["FragmentPath"]:
            texts.append(read(seen["FragmentPath"]))
        return any(section_of(text, "Install") for text in texts)


class Runner:
    """Carries a plan out."""

    def __init__(self, systemd: Systemd, timeout: float, settle: float) -> None:
        self._systemd = systemd
        self._timeout = timeout
        self._deadline = time.monotonic() + timeout
        self._settle = settle

    def apply(self, steps: list[Step]) -> None:
        leaving = [step for step in steps if step.action in ("stopped", "removed") and not step.seen.at_rest]
        self._systemd.do("stop", [step.unit.name for step in leaving], timeout=self._left())
        self._enable(steps, "disable")
        for step in steps:
            for change in step.files:
                if change.after is None:
                    remove(change.path)
                else:
                    write(change.path, change.after)
        self._enable(steps, "enable")
        self._enable(steps, "reenable")
        if any(step.files or step.enable or step.seen["NeedDaemonReload"] == "yes" for step in steps):
            self._systemd.do("daemon-reload", [])
        gone = [step.unit.name for step in steps if step.action == "removed" and step.seen["ActiveState"] == "failed"]
        if gone:
            self._systemd.run("systemctl", "reset-failed", "--", *gone)
        self._start([step for step in steps if step.action in ("started", "restarted") or step.wait])

    def _enable(self, steps: list[Step], verb: str) -> None:
        self._systemd.do(verb, [step.unit.name for step in steps if step.enable == verb], "--no-reload", "--quiet")

    def _start(self, steps: list[Step]) -> None:
        if not steps:
            return
        began = time.time()
        fresh = [step for step in steps if step.action in ("started", "restarted")]
        names = [step.unit.name for step in fresh]
        failed = [step.unit.name for step in fresh if step.seen["ActiveState"] == "failed" or step.seen.looping]
        if failed:  # so that a start limit does not stand in the way
            self._systemd.run("systemctl", "reset-failed", "--", *failed)
        for step in fresh:
            if step.action == "restarted" and step.unit.name.endswith(".socket"):
                behind = self._behind(step.seen["Triggers"].split())
                if behind:  # systemd refuses to open a socket whose service is up, and restarts the two in any order
                    self._systemd.do("stop", [step.unit.name, *behind], timeout=self._left())
                    names += behind
        words = ""
        try:
            if names:  # restart starts what is not running; systemd puts them into order
                self._systemd.do("restart", list(dict.fromkeys(names)), timeout=self._left())
        except subprocess.TimeoutExpired:
            pass  # what is not up by now is found below
        except Failure as failure:
            words = str(failure)
        self._await(steps, began, words)

    def _behind(self, triggered: list[str]) -> list[str]:
        """The running services behind a socket, without which it cannot be restarted."""
        return [
            name for name, seen in self._systemd.show(triggered).items() if seen.running and name.endswith(".service")
        ]

    def _await(self, steps: list[Step], began: float, words: str) -> None:
        names = [step.unit.name for step in steps]
        fresh = {step.unit.name for step in steps if step.action != "unchanged"}
        seen = self._systemd.show(names)
        if self._settle and any(seen[name]["Type"] in QUICK_TYPES for name in fresh):
            time.sleep(self._settle)
            seen = self._systemd.show(names)
        while time.monotonic() < self._deadline and any(self._coming(one) for one in seen.values()):
            time.sleep(0.2)
            seen = self._systemd.show(names)
        reports = []
        for name, one in seen.items():
            if not self._up(one) or (name in fresh and one.restarts):
                late = f" within {self._timeout:g} s" if self._coming(one) else ""
                crashed = f", after {one.restarts} crashes" if one.restarts else ""
                journal = self._systemd.journal(name, began)
                reports.append(f"{name} did not come up{late}: {one.why_not()}{crashed}.\n{journal}")
        if reports:
            raise Failure("\n".join(reports))
        if words:
            raise Failure(words)

    @staticmethod
    def _coming(seen: Seen) -> bool:
        return seen["ActiveState"] in ("activating", "deactivating") and not seen.looping

    @staticmethod
    def _up(seen: Seen) -> bool:
        done = seen["Type"] == "oneshot" and seen["ActiveState"] == "inactive" and seen["Result"] == "success"
        return seen.running or done

    def _left(self) -> float:
        return max(1.0, self._deadline - time.monotonic())


def diffs(steps: list[Step]) -> list[dict[str, str]]:
    out = []
    for step in steps:
        for change in step.files:
            out.append(
                {
                    "before_header": change.path,
                    "after_header": change.path,
                    "before": change.before or "",
                    "after": change.after or "",
                }
            )
    before = after = ""
    for step in steps:
        if step.action == "unchanged" and not step.enable:
            continue
        name, seen = step.unit.name, step.seen
        was = seen["ActiveState"] if seen.exists else "absent"
        now = {"started": "active", "restarted": "active", "stopped": "inactive", "removed": "absent"}.get(
            step.action, was
        )
        why = f" ({step.action}, because {step.reason})" if step.action != "unchanged" else ""
        boot = f", {step.enablement}" if step.enable and step.action != "removed" else ""
        before += f"{name}: {was}{', ' + seen['UnitFileState'] if boot and seen['UnitFileState'] else ''}\n"
        after += f"{name}: {now}{boot}{why}\n"
    if after:
        out.append({"before_header": "units", "after_header": "units", "before": before, "after": after})
    return out


def run(module: AnsibleModule) -> dict[str, t.Any]:
    systemd = Systemd()
    steps = Planner(systemd, module).plan()
    result: dict[str, t.Any] = {
        "changed": any(step.changed for step in steps),
        "units": {
            step.unit.given: {
                "action": step.action,
                "reason": step.reason,
                "files": [change.path for change in step.files],
                "enablement": step.enablement,
            }
            for step in steps
        },
    }
    if module._diff:
        result["diff"] = diffs(steps)
    if not module.check_mode:
        Runner(systemd, module.params["timeout"], module.params["settle"]).apply(steps)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "units": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "definition": {"type": "dict"},
                    "override": {"type": "dict"},
                    "reads": {"type": "list", "elements": "str", "default": []},
                    "packages": {"type": "list", "elements": "str", "default": []},
                    "enabled": {"type": "bool"},
                    "state": {
                        "type": "str",
                        "choices": ["started", "stopped", "present", "absent"],
                        "default": "started",
                    },
                    "stale": {"type": "bool", "default": False},
                },
            },
            "packages": {"type": "list", "elements": "str", "default": []},
            "stale": {"type": "bool", "default": False},
            "timeout": {"type": "int", "default": 120},
            "settle": {"type": "float", "default": 0.5},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except Failure as failure:
        module.fail_json(msg=str(failure))
    except subprocess.TimeoutExpired as expired:
        module.fail_json(msg=f"{' '.join(map(str, expired.cmd))} did not end in time (timeout).")
    except OSError as error:
        module.fail_json(msg=f"{error.filename}: {error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
