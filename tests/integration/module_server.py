# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Runs modules in processes of their own without the second that each needs to import what all of them import.

A server has it imported and forks. What a module finds is what Ansible gives it: parameters on standard input, output
and errors on pipes, / as working directory, and no variable of OpenStack in the environment.
"""

from __future__ import annotations

import contextlib
import functools
import importlib.abc
import importlib.util
import json
import os
import pkgutil
import selectors
import signal
import socket
import subprocess
import sys
import time
import types
from pathlib import Path

PACKAGE = "ansible_collections.scaleout.nova.plugins."
#: what modules have in common is below these, they are imported with all that they import
COMMON = (PACKAGE + "module_utils._cloud", PACKAGE + "module_utils._aggregates", PACKAGE + "module_utils._capacity")


class Process:
    """A module that runs: as much of subprocess.Popen as a test needs."""

    def __init__(self, server: Server, pid: int, output: int, errors: int) -> None:
        self.server, self.pid = server, pid
        self.returncode: int | None = None
        self._pipes = {output: bytearray(), errors: bytearray()}

    def poll(self) -> int | None:
        """The exit code, if it has ended; minus the signal's number where one killed it."""
        if self.returncode is None:
            self.returncode = self.server.ended(self.pid, 0)
        return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)

    def communicate(self, timeout: float = 120) -> tuple[str, str]:
        """Output and errors, when both are at their ends and the process at its own."""
        limit = time.monotonic() + timeout
        with selectors.DefaultSelector() as selector:
            for pipe in self._pipes:
                selector.register(pipe, selectors.EVENT_READ)
            while selector.get_map():
                ready = selector.select(max(0.0, limit - time.monotonic()))
                if not ready:
                    raise subprocess.TimeoutExpired("module %d" % self.pid, timeout)
                for key, _events in ready:
                    part = os.read(key.fd, 65536)
                    self._pipes[key.fd] += part
                    if not part:
                        selector.unregister(key.fd)
        while self.returncode is None:
            if time.monotonic() > limit:
                raise subprocess.TimeoutExpired("module %d" % self.pid, timeout)
            self.returncode = self.server.ended(self.pid, 0.5)
        for pipe in self._pipes:
            with contextlib.suppress(OSError):
                os.close(pipe)
        output, errors = (bytes(text).decode() for text in self._pipes.values())
        return output, errors


class Server:
    """The process that forks. It ends with the socket to it, that is with the process that made it."""

    def __init__(self, collections: Path) -> None:
        self._socket, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        environment = {name: value for name, value in os.environ.items() if not name.startswith("OS_")}
        # the working directory has no clouds.yaml, and the modules are found as Ansible would lay them out
        environment["PYTHONPATH"] = str(collections)
        self._process = subprocess.Popen(
            [sys.executable, str(Path(__file__).resolve()), str(theirs.fileno())],
            stdin=subprocess.DEVNULL,
            pass_fds=[theirs.fileno()],
            cwd="/",
            env=environment,
        )
        theirs.close()
        self._codes: dict[int, int] = {}

    def start(self, module: str, parameters: bytes) -> Process:
        """Start a module with JSON for its standard input."""
        given, give = os.pipe()
        output, to_output = os.pipe()
        errors, to_errors = os.pipe()
        socket.send_fds(self._socket, [module.encode()], [given, to_output, to_errors])
        for pipe in (given, to_output, to_errors):
            os.close(pipe)
        message = self._receive(None)
        while "pid" not in message:
            message = self._receive(None)
        with os.fdopen(give, "wb") as writer, contextlib.suppress(BrokenPipeError):
            writer.write(parameters)
        return Process(self, message["pid"], output, errors)

    def ended(self, pid: int, seconds: float) -> int | None:
        """The exit code of a process, which is waited for so long."""
        while pid not in self._codes and self._receive(seconds):
            pass
        return self._codes.pop(pid, None)

    def _receive(self, seconds: float | None) -> dict[str, int]:
        self._socket.settimeout(seconds)
        try:
            text = self._socket.recv(1000)
        except (TimeoutError, BlockingIOError):
            return {}
        if not text:
            raise RuntimeError("the server of the modules has ended with %s" % self._process.wait())
        message: dict[str, int] = json.loads(text)
        if "ended" in message:
            self._codes[message["ended"]] = message["code"]
        return message

    def close(self) -> None:
        self._socket.close()
        self._process.wait(timeout=30)


@functools.cache
def code_of(module: str) -> types.CodeType:
    """A module, compiled."""
    spec = importlib.util.find_spec(PACKAGE + "modules." + module)
    assert spec is not None and isinstance(spec.loader, importlib.abc.InspectLoader)
    code = spec.loader.get_code(spec.name)
    assert code is not None
    return code


def serve(number: int) -> types.CodeType:
    """In the server: fork for each request. In the child: returns the module's code, with its pipes in their places."""
    for name in COMMON:
        for found in pkgutil.iter_modules(importlib.import_module(name).__path__, name + "."):
            importlib.import_module(found.name)
    asked = socket.socket(fileno=number)
    woken, wake = os.pipe()
    os.set_blocking(wake, False)
    signal.set_wakeup_fd(wake)
    signal.signal(signal.SIGCHLD, lambda *_signal: None)
    with selectors.DefaultSelector() as selector:
        selector.register(asked, selectors.EVENT_READ)
        selector.register(woken, selectors.EVENT_READ)
        while True:
            ready = {key.fd for key, _events in selector.select()}
            if woken in ready:
                os.read(woken, 4096)
                with contextlib.suppress(ChildProcessError, BrokenPipeError):
                    while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                        code = os.waitstatus_to_exitcode(ended[1])
                        asked.send(json.dumps({"ended": ended[0], "code": code}).encode())
            if number not in ready:
                continue
            module, pipes, _flags, _address = socket.recv_fds(asked, 1000, 3)
            if not module:
                os._exit(0)
            compiled = code_of(module.decode())
            child = os.fork()
            if child:
                for pipe in pipes:
                    os.close(pipe)
                asked.send(json.dumps({"pid": child}).encode())
                continue
            signal.set_wakeup_fd(-1)
            signal.signal(signal.SIGCHLD, signal.SIG_DFL)
            for pipe, place in zip(pipes, (0, 1, 2), strict=True):
                os.dup2(pipe, place)
                os.close(pipe)
            for left in (number, woken, wake):
                os.close(left)
            asked.detach()
            return compiled


def main() -> None:
    code = serve(int(sys.argv[1]))
    sys.argv = ["module"]
    sys.modules["__main__"] = module = types.ModuleType("__main__")
    exec(code, module.__dict__)


if __name__ == "__main__":
    main()
