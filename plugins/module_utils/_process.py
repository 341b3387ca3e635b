# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Run the management command of a service as the service's user, and keep two runs apart."""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import fcntl
import hashlib
import os
import pwd
import signal
import subprocess
import tempfile
import time
import typing as t

LAST_LINES = 20
LOCK_FOLDERS = ("/run",)  # where we may write: not where everybody may, and could keep us out
_PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")


class ProcessError(Exception):
    """The command could not be run or failed; the message says which and how."""


@dataclasses.dataclass
class Finished:
    """A command that has ended."""

    code: int
    output: str
    seconds: float

    def last_lines(self, count: int = LAST_LINES) -> str:
        """The end of what it wrote."""
        return "\n".join(self.output.strip().splitlines()[-count:])


def find(command: str) -> str | None:
    """Path of an executable, as a login of root would find it."""
    for directory in _PATH:
        path = os.path.join(directory, command)
        if os.access(path, os.X_OK):
            return path
    return command if os.path.isabs(command) and os.access(command, os.X_OK) else None


def run_as(user: str | None, command: t.Sequence[str], timeout: float, keep_open: t.Sequence[int] = ()) -> Finished:
    """Run a command as another user and wait for it. Safe to call from threads.

    :param timeout: seconds, after which the command and its children are killed
    :param keep_open: file descriptors that it inherits: a lock is then held as long as it runs, also when we are killed
    :raises ProcessError: when it cannot be started or takes too long
    """
    environment = {
        "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        "LANG": "C.UTF-8",
        "LC_ALL": "C.UTF-8",
    }
    options: dict[str, t.Any] = {}
    if user is not None:
        try:
            account = pwd.getpwnam(user)
        except KeyError:
            raise ProcessError(f"the user {user}, who is to run {command[0]}, does not exist on this host") from None
        environment.update(HOME=account.pw_dir, USER=user, LOGNAME=user)
        if account.pw_uid != os.geteuid():
            if os.geteuid() != 0:
                raise ProcessError(f"only root can run {command[0]} as user {user}: use become")
            options.update(
                user=account.pw_uid, group=account.pw_gid, extra_groups=os.getgrouplist(user, account.pw_gid)
            )
    executable = find(command[0])
    if executable is None:
        raise ProcessError(f"the command {command[0]} is not installed on this host")
    start = time.monotonic()
    try:
        process = subprocess.Popen(
            [executable, *command[1:]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd="/",
            env=environment,
            start_new_session=True,
            pass_fds=tuple(keep_open),
            **options,
        )
    except OSError as error:
        raise ProcessError(f"{command[0]} could not be started: {error.strerror}") from None
    try:
        output, _none = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
        raise ProcessError(f"{' '.join(command)} was killed: it had not ended after {timeout:.0f} s") from None
    return Finished(process.returncode, output.decode("utf-8", "replace"), time.monotonic() - start)


@contextlib.contextmanager
def exclusive(purpose: str, timeout: float) -> t.Iterator[int]:
    """Hold the lock of a purpose on this host (flock); gives its file descriptor.

    :param purpose: what must not be done twice at a time, for example the name of a database
    :param timeout: seconds to wait for whoever has it
    :raises ProcessError: when the other one keeps it for longer
    """
    digest = hashlib.sha256(purpose.encode()).hexdigest()[:16]
    directory = next((folder for folder in LOCK_FOLDERS if os.access(folder, os.W_OK)), tempfile.gettempdir())
    path = os.path.join(directory, f"scaleout-nova-{os.geteuid()}-{digest}.lock")
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        deadline = time.monotonic() + timeout
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError as error:
                if error.errno not in (errno.EAGAIN, errno.EACCES):
                    raise
            if time.monotonic() > deadline:
                raise ProcessError(f"another run has been working on {purpose} for {timeout:.0f} s (lock {path})")
            time.sleep(0.2)
        yield descriptor
    finally:
        os.close(descriptor)
