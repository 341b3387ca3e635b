#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: apt_held
short_description: Install Debian packages without starting their services
version_added: 0.1.0
description:
  - Installs packages in one transaction, with their services held. A service that is not running yet is not started by
    its package, so that its first start is the one with its own configuration.
  - A service that is already running is not held. The upgrade of a library restarts it as Debian always does.
  - Packages that are there already are left as they are; this module upgrades nothing that it does not have to.
notes:
  - The hold is a C(/usr/sbin/policy-rc.d) that answers 101 (forbidden), and only to the maintainer scripts of this very
    installation, which it knows by a mark in their environment. An installation by somebody else is not affected at any
    time, and a policy that was left behind by a killed run holds nothing. The next run of this module removes it.
  - A C(/usr/sbin/policy-rc.d) of the operator is kept, asked whenever ours has no objection, and put back afterwards.
  - On SIGTERM, SIGHUP and SIGINT the module asks C(apt-get) to stop after the step that it is at, and lifts the hold.
    On SIGKILL C(apt-get) carries on by itself, still held. The next run waits for it.
  - An installation that was interrupted is finished first (C(dpkg --configure -a)), with the services held as well.
  - Nothing is masked. A service that its package enables starts at the next boot.
  - Maintainer scripts that call C(systemctl start) themselves, against Debian Policy 9.3.3, are not held.
  - Python modules are compiled to bytecode at the end, all in one go and on all cores, instead of package by package.
    Those in folders named C(tests), which no service imports, are left out.
    That is the larger part of the time that OpenStack's packages take. The maintainer scripts of this installation
    find a C(py3compile) in their path that writes down what is to be done. If the installation is killed, the next run
    of this module does it.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
    details:
      - C(apt-get) is not consulted, so a package that it does not know is reported as one that would be installed.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  packages:
    description:
      - Names of the packages, as in C(nova-compute) or C(libc6:i386).
      - A package that an installed one provides counts as installed.
    type: list
    elements: str
    required: true
  cache_max_age:
    description:
      - Age in seconds from which the package lists are fetched anew, before something is installed.
      - They are also fetched when there are none, when the sources of apt have been changed since, and when apt does
        not know a package or the mirror does not have its file any more.
      - The lists are never fetched when nothing has to be installed.
    type: int
    default: 3600
  lock_timeout:
    description:
      - Seconds to wait for another package manager to finish (an unattended upgrade, for example).
    type: int
    default: 300
seealso:
  - module: ansible.builtin.apt
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Install the compute service, and do not start it yet
  scaleout.nova.apt_held:
    packages:
      - nova-compute
      - libvirt-daemon-system
      - qemu-system-x86
"""

RETURN = r"""
packages:
  description: The packages of O(packages) that were missing and have been installed (in check mode, that would be).
  type: list
  elements: str
  returned: always
  sample: [nova-compute, libvirt-daemon-system]
count:
  description: How many packages have been installed, dependencies included. In check mode the ones that were asked for.
  type: int
  returned: always
  sample: 217
upgraded:
  description: Names of the packages that had to be upgraded for the sake of the new ones.
  type: list
  elements: str
  returned: always
  sample: []
finished:
  description: Names of the packages that an interrupted installation had left half done.
  type: list
  elements: str
  returned: always
  sample: []
cache_updated:
  description: Whether the package lists were fetched.
  type: bool
  returned: always
seconds:
  description: How long it took.
  type: float
  returned: always
  sample: 31.4
"""

import difflib
import fcntl
import os
import re
import signal
import subprocess
import tempfile
import time
import typing as t
from subprocess import Popen, TimeoutExpired

from ansible.module_utils.basic import AnsibleModule

POLICY = "/usr/sbin/policy-rc.d"
KEPT = "/usr/sbin/policy-rc.d.kept-by-apt_held"
LOCK = "/run/scaleout-nova-apt-held.lock"
LISTS = "/var/lib/apt/lists"
UPDATE_STAMPS = (LISTS, "/var/lib/apt/periodic/update-success-stamp")
SOURCES = ("/etc/apt/sources.list", "/etc/apt/sources.list.d")
DPKG_UPDATES = "/var/lib/dpkg/updates"

MARK = "SCALEOUT_APT_HELD"
SIGNATURE = "put here by scaleout.nova.apt_held"
POLICY_SCRIPT = """\
#!/bin/sh
# This file was {signature} for the time of one installation. If you can
# read this and nothing is being installed, that installation was killed: the file holds nothing and can be removed.
# Only an installation that carries the mark in its environment is held, and of its services only those not running.
kept={kept}
if [ -n "${{{mark}:-}}" ]; then
    for word in "$@"; do
        case "$word" in -*) ;; *) unit=$word; break ;; esac
    done
    systemctl --quiet is-active -- "${{unit:-}}" 2>/dev/null || exit 101
fi
if [ -x "$kept" ]; then exec "$kept" "$@"; fi
exit 0
"""

PACKAGE_NAME = re.compile(r"[a-z0-9][a-z0-9+.-]+(:[a-z0-9-]+)?")
UNFINISHED = frozenset(("half-installed", "unpacked", "half-configured", "triggers-awaited", "triggers-pending"))
UNKNOWN = re.compile(
    r"^E: (?:Unable to locate package |Package '|Couldn't find any package by (?:glob|regex) ')([^\s']+)", re.MULTILINE
)
LOCKED = re.compile(r"^(?:E: Could not get lock|E: Unable to (?:lock|acquire)|dpkg: error: .*lock).*$", re.MULTILINE)
GONE = re.compile(r"^E: Failed to fetch ", re.MULTILINE)


STATE = "/var/lib/scaleout-apt-held"
PENDING = os.path.join(STATE, "pending")
MODULES = "/usr/lib/python3/dist-packages/"
#: what apt gives dpkg as its path, whatever the environment says
DPKG_PATH = "/usr/sbin:/usr/bin:/sbin:/bin"
#: for the public modules of one package: everything else is left to the real one
PY3COMPILE_SCRIPT = """\
#!/bin/sh
# Put here by scaleout.nova.apt_held: compiles nothing now, and everything at the end of the installation.
if [ $# = 2 ] && [ "$1" = -p ]; then echo "$2" >> {pending}; exit; fi
exec /usr/bin/py3compile "$@"
"""


class Failure(Exception):
    """Something that the user is told in one sentence."""

    def __init__(self, message: str, **details: t.Any) -> None:
        super().__init__(message)
        self.details = details


class Packages:
    """What dpkg knows at one moment."""

    def __init__(self) -> None:
        self.versions: dict[str, str] = {}
        self.unfinished: list[str] = []
        self._provided: str = ""
        form = "${Package}\t${Architecture}\t${db:Status-Status}\t${db:Status-Eflag}\t${Version}\t${Provides}\n"
        try:
            query = ask("dpkg-query", "--show", f"--showformat={form}")
        except FileNotFoundError:
            raise Failure("dpkg-query is not on this host: apt_held is for Debian and its relatives.") from None
        if query.returncode:
            raise Failure(f"dpkg-query cannot read the list of installed packages: {query.stderr.strip()}")
        provided = []
        for line in query.stdout.splitlines():
            name, arch, status, flag, version, provides = line.split("\t", 5)
            if status == "installed" and flag == "ok":
                self.versions[name] = self.versions[f"{name}:{arch}"] = version
                provided.append(provides)
            elif status in UNFINISHED:
                self.unfinished.append(name)
        self._provided = ", ".join(provided)

    def missing(self, names: list[str]) -> list[str]:
        """The names that are neither installed nor provided by something that is."""
        missing = [name for name in names if name not in self.versions]
        if missing:
            provided = set(re.findall(r"(?:^|, )([^\s,(]+)", self._provided))
            missing = [name for name in missing if name not in provided]
        return missing

    def interrupted(self) -> bool:
        """Whether dpkg has been stopped half-way through something."""
        if self.unfinished:
            return True
        try:
            return any(entry.isdigit() for entry in os.listdir(DPKG_UPDATES))
        except OSError:
            return False


class Stop:
    """Remembers that somebody wants us to stop; the one at work looks here between two steps."""

    def __init__(self) -> None:
        self.signal: int | None = None

    def install(self) -> None:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            signal.signal(number, self._note)

    def _note(self, number: int, _frame: t.Any) -> None:
        self.signal = number

    def check(self) -> None:
        if self.signal is not None:
            name = signal.Signals(self.signal).name
            raise Failure(f"The installation was stopped by {name}; the hold is lifted. Run it again to finish.")


class Hold:
    """The policy that keeps services from being started; as a context manager it is lifted whatever happens."""

    def __init__(self, deadline: float, stop: Stop) -> None:
        self._deadline = deadline
        self._stop = stop
        self._descriptor = -1

    @property
    def descriptor(self) -> int:
        """The lock, for apt-get to inherit: it stays taken until the last of us two is gone."""
        return self._descriptor

    def __enter__(self) -> Hold:
        try:
            self._descriptor = os.open(LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._lock()
            self._put()
        except OSError as error:
            where = error.filename or LOCK
            raise Failure(f"Services cannot be held ({where}: {error.strerror}); this must run as root.") from None
        return self

    def __exit__(self, *_exception: object) -> None:
        lift()
        os.close(self._descriptor)

    def _lock(self) -> None:
        while not try_lock(self._descriptor):
            self._stop.check()
            if time.monotonic() > self._deadline:
                raise Failure("Another apt_held is still installing packages on this host; lock_timeout has run out.")
            time.sleep(0.2)

    @staticmethod
    def _put() -> None:
        if os.path.lexists(POLICY) and not is_ours(POLICY):
            if os.path.lexists(KEPT):  # older than the policy in use, so nobody's any more
                os.unlink(KEPT)
            os.link(POLICY, KEPT, follow_symlinks=False)
        script = POLICY_SCRIPT.format(signature=SIGNATURE, kept=KEPT, mark=MARK)
        descriptor, temporary = tempfile.mkstemp(prefix=".policy-rc.d.", dir=os.path.dirname(POLICY))
        try:
            with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
                stream.write(script)
            os.chmod(temporary, 0o755)
            os.replace(temporary, POLICY)
        except BaseException:
            os.unlink(temporary)
            raise


class Bytecode:
    """Compiles the Python modules of all new packages at once, in place of py3compile, which does one at a time."""

    @staticmethod
    def pending() -> bool:
        """Whether modules of an installation that was killed are not compiled yet."""
        return os.path.exists(PENDING)

    @staticmethod
    def path() -> str:
        """Put our py3compile in its place; returns the search path in which it comes first."""
        os.makedirs(STATE, mode=0o755, exist_ok=True)
        script = os.path.join(STATE, "py3compile")
        with open(script, "w", encoding="utf-8") as stream:
            stream.write(PY3COMPILE_SCRIPT.format(pending=PENDING))
        os.chmod(script, 0o755)
        return f"{STATE}:{environment()['PATH']}"

    @staticmethod
    def compile() -> None:
        """Do what is pending. A module that cannot be compiled is left as it is, as py3compile leaves it."""
        try:
            with open(PENDING, encoding="utf-8") as stream:
                names = list(dict.fromkeys(stream.read().split()))
        except FileNotFoundError:
            return
        listed = ask("dpkg-query", "--listfiles", *names).stdout.splitlines()
        # No service imports the tests that a third of the modules are.
        files = sorted(
            {path for path in listed if path.startswith(MODULES) and path.endswith(".py") and "/tests/" not in path}
        )
        workers = max(1, min(os.cpu_count() or 1, 8))
        subprocess.run(
            ["/usr/bin/python3", "-m", "compileall", "-q", "-j", str(workers), "-i", "-"],
            input="".join(path + "\n" for path in files),
            capture_output=True,
            text=True,
            env=environment(),
            check=False,
        )
        os.unlink(PENDING)


def try_lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def is_ours(path: str) -> bool:
    try:
        with open(path, encoding="utf-8", errors="replace") as stream:
            return SIGNATURE in stream.read(400)
    except OSError:
        return False


def lift() -> None:
    """Take our policy away, and put the operator's back."""
    if is_ours(POLICY):
        if os.path.lexists(KEPT):
            os.replace(KEPT, POLICY)
        else:
            os.unlink(POLICY)


def leftover() -> bool:
    """Whether a policy of ours lies here of which nobody has need any more."""
    if not is_ours(POLICY):
        return False
    try:
        descriptor = os.open(LOCK, os.O_RDWR | os.O_CLOEXEC)
    except FileNotFoundError:
        return True
    except OSError:
        return False
    try:
        return try_lock(descriptor)
    finally:
        os.close(descriptor)


def environment(**more: str) -> dict[str, str]:
    path = os.environ.get("PATH", "")
    sbin = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    return {**os.environ, "PATH": f"{path}:{sbin}" if path else sbin, "LC_ALL": "C.UTF-8", **more}


def ask(*argv: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(argv, capture_output=True, text=True, env=environment(), check=False)


class Apt:
    """Runs apt-get and dpkg, held, and waits for those who are at it already."""

    def __init__(self, hold: Hold, stop: Stop, deadline: float) -> None:
        self._hold = hold
        self._stop = stop
        self._deadline = deadline

    def update(self) -> None:
        code, output = self._get("update", "-o", "APT::Update::Error-Mode=any")
        if code:
            raise Failure(f"The package lists cannot be fetched. {explain(output)}", output=tail(output))
        os.utime(LISTS)

    def install(self, names: list[str], repair: bool) -> tuple[int, str]:
        fix = ["--fix-broken"] if repair else []
        return self._get("install", "--no-install-recommends", *fix, *names)

    def configure(self) -> tuple[int, str]:
        return self._run(["dpkg", "--configure", "-a", "--force-confdef", "--force-confold"], inherit=False)

    def _get(self, *words: str) -> tuple[int, str]:
        wait = max(0, round(self._deadline - time.monotonic()))
        options = (
            f"DPkg::Lock::Timeout={wait}",
            "Dpkg::Use-Pty=0",
            "Dpkg::Options::=--force-confdef",
            "Dpkg::Options::=--force-confold",
            "Acquire::Retries=3",
            f"DPkg::Path={STATE}:{DPKG_PATH}",
        )
        argv = ["apt-get", "--yes", "--quiet=2"]
        for option in options:
            argv += ["-o", option]
        return self._run(argv + list(words), inherit=True)

    def _run(self, argv: list[str], inherit: bool) -> tuple[int, str]:
        """Exit code and output, of the attempt that was not turned away by a lock."""
        while True:
            self._stop.check()
            code, output = self._attempt(argv, inherit)
            self._stop.check()
            locked = LOCKED.search(output) if code else None
            if not locked:
                return code, output
            if time.monotonic() >= self._deadline:
                raise Failure(f"Another package manager did not finish before lock_timeout ran out: {locked.group(0)}")
            time.sleep(1)

    def _attempt(self, argv: list[str], inherit: bool) -> tuple[int, str]:
        env = environment(
            DEBIAN_FRONTEND="noninteractive",
            APT_LISTCHANGES_FRONTEND="none",
            NEEDRESTART_SUSPEND="1",
            UCF_FORCE_CONFFOLD="1",
            PATH=Bytecode.path(),
            **{MARK: "1"},
        )
        # Output goes to a file and the session is apt-get's own: if we are killed, it carries on and does not notice.
        # With module.run_command it would be left writing to a pipe that nobody reads.
        with tempfile.TemporaryFile() as output:
            try:
                process = Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=subprocess.STDOUT,
                    env=env,
                    cwd="/",
                    start_new_session=True,
                    pass_fds=(self._hold.descriptor,) if inherit else (),
                )
            except FileNotFoundError:
                raise Failure(f"{argv[0]} is not on this host: apt_held is for Debian and its relatives.") from None
            told = False
            while True:
                try:
                    code = process.wait(timeout=0.5)
                    break
                except TimeoutExpired:
                    if self._stop.signal is not None and not told and argv[0] == "apt-get":
                        process.send_signal(signal.SIGINT)  # it ends after the running dpkg, never in its middle
                        told = True
            output.seek(0)
            return code, output.read().decode("utf-8", errors="replace")


def lists_are_stale(max_age: int) -> bool:
    """Whether the package lists are absent, too old, or older than the sources that they come from."""
    try:
        if not any("_Packages" in entry for entry in os.listdir(LISTS)):
            return True
    except OSError:
        return True
    fetched = max((os.stat(stamp).st_mtime for stamp in UPDATE_STAMPS if os.path.exists(stamp)), default=0.0)
    sources = [SOURCES[0], SOURCES[1]]
    if os.path.isdir(SOURCES[1]):
        sources += [os.path.join(SOURCES[1], entry) for entry in os.listdir(SOURCES[1])]
    changed = max((os.stat(source).st_mtime for source in sources if os.path.exists(source)), default=0.0)
    return fetched < changed or time.time() - fetched > max_age


def tail(output: str, lines: int = 15) -> list[str]:
    return [line.rstrip() for line in output.splitlines() if line.strip()][-lines:]


def explain(output: str) -> str:
    """The errors in apt's output; without any, its last words."""
    errors = [line for line in tail(output, 1000) if re.match(r"(E: |dpkg: error|Err:| .*\[IP:)", line)]
    return " ".join(line.strip() for line in errors[-6:] or tail(output, 5))


def near(name: str) -> str:
    """A hint at the name that was meant, from those that apt knows."""
    known = ask("apt-cache", "pkgnames", name[:3]).stdout.split()
    close = difflib.get_close_matches(name, known, n=1, cutoff=0.75)
    return f" (did you mean {close[0]}?)" if close else ""


def check_names(names: list[str]) -> None:
    wrong = [name for name in names if not PACKAGE_NAME.fullmatch(name)]
    if wrong:
        listed = ", ".join(repr(name) for name in wrong)
        raise Failure(
            f"packages takes names of Debian packages, without versions or options; these are none: {listed}."
        )


def install(names: list[str], max_age: int, apt: Apt, warn: t.Callable[[str], None]) -> bool:
    """Bring everything to the state installed; returns whether the package lists were fetched."""
    now = Packages()  # again, since we may have waited for somebody who was installing the very same
    repair = now.interrupted()
    code, output = 0, ""
    if repair:
        code, output = apt.configure()
        now = Packages()
    missing = now.missing(names)
    updated = False
    if missing and lists_are_stale(max_age):
        try:
            apt.update()
            updated = True
        except Failure as failure:
            if not any("_Packages" in entry for entry in os.listdir(LISTS)):
                raise
            warn(f"{failure} (Going on with the lists that are there.)")
    if missing or now.unfinished:
        code, output = apt.install(missing, repair)
        if code and not updated and (UNKNOWN.search(output) or GONE.search(output)):
            apt.update()
            updated = True
            code, output = apt.install(missing, repair)
        now = Packages()
    still = now.missing(names)
    if still:
        unknown = list(dict.fromkeys(UNKNOWN.findall(output)))
        if unknown:
            listed = ", ".join(name + near(name) for name in unknown)
            raise Failure(f"apt knows no such package: {listed}. Nothing was installed.")
        if code:
            raise Failure(f"apt-get could not install {', '.join(still)}. {explain(output)}", output=tail(output))
        raise Failure(f"apt-get ended well, and yet these are not installed: {', '.join(still)}.", output=tail(output))
    if now.unfinished:
        warn(f"Half installed, and not asked for here: {', '.join(now.unfinished)}. {explain(output)}")
    return updated


def run(module: AnsibleModule) -> dict[str, t.Any]:
    started = time.monotonic()
    names = list(dict.fromkeys(module.params["packages"]))
    check_names(names)
    before = Packages()
    missing = before.missing(names)
    interrupted = before.interrupted()
    stray = leftover()
    uncompiled = Bytecode.pending()
    updated = False
    after = before
    if not module.check_mode and (missing or interrupted or uncompiled):
        stop = Stop()
        stop.install()
        deadline = started + module.params["lock_timeout"]
        with Hold(deadline, stop) as hold:
            try:
                updated = install(names, module.params["cache_max_age"], Apt(hold, stop, deadline), module.warn)
            finally:
                if stop.signal is None:
                    Bytecode.compile()
        after = Packages()
    elif not module.check_mode and stray:
        lift()
    qualified = [name for name in after.versions if ":" in name]
    new = [name for name in qualified if name not in before.versions]
    upgraded = [name for name in qualified if before.versions.get(name, after.versions[name]) != after.versions[name]]
    finished = [name for name in before.unfinished if module.check_mode or name not in after.unfinished]
    result: dict[str, t.Any] = {
        "changed": bool(missing or finished or stray or uncompiled or new) or (interrupted and not before.unfinished),
        "packages": missing,
        "count": len(missing) if module.check_mode else len(new),
        "upgraded": sorted({name.partition(":")[0] for name in upgraded}),
        "finished": finished,
        "cache_updated": updated,
        "seconds": round(time.monotonic() - started, 2),
    }
    if module._diff and result["changed"]:
        was = [f"{name}: half installed" for name in finished] + ([f"{POLICY}: left behind"] if stray else [])
        was += ["Python modules: not compiled"] if uncompiled else []
        becomes = [f"{name}: installed" for name in dict.fromkeys(finished + missing)]
        result["diff"] = {
            "before_header": "packages",
            "after_header": "packages",
            "before": "".join(line + "\n" for line in was),
            "after": "".join(line + "\n" for line in becomes),
        }
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "packages": {"type": "list", "elements": "str", "required": True},
            "cache_max_age": {"type": "int", "default": 3600},
            "lock_timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except Failure as failure:
        module.fail_json(msg=str(failure), **failure.details)
    except OSError as error:
        module.fail_json(msg=f"{error.strerror}: {error.filename}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
