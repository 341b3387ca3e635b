# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Starts server.py in a venv of its own, which is made once and cached. Standard library only.

For tests: ``with Loopback(computes=3) as cloud: ...``. By hand, until Ctrl-C, with a clouds.yaml to use it by::

    python tests/integration/loopback/launcher.py --computes 10
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
import typing as t
import urllib.request
from pathlib import Path

HERE = Path(__file__).resolve().parent
REQUIREMENTS = HERE.parents[2] / "requirements" / "loopback.txt"
CACHE = Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-nova")
START_TIMEOUT = 120


class LoopbackError(RuntimeError):
    """The loopback cloud cannot be made or started; the message has the end of its log."""


def venv() -> Path:
    """Python of the cached venv, which is made now if it is not there."""
    key = hashlib.sha256(REQUIREMENTS.read_bytes() + sys.version.encode() + sys.base_prefix.encode()).hexdigest()[:12]
    place = CACHE / ("venv-loopback-" + key)
    python = place / "bin" / "python"
    stamp = place / ".complete"
    CACHE.mkdir(parents=True, exist_ok=True)
    with open(CACHE / ".loopback.lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if stamp.exists() and subprocess.run([python, "-c", ""], check=False, capture_output=True).returncode == 0:
            return python
        print("loopback: Python packages of %s, into %s" % (REQUIREMENTS.name, place), file=sys.stderr)
        shutil.rmtree(place, ignore_errors=True)
        base = sys._base_executable if sys.prefix != sys.base_prefix else sys.executable  # type: ignore[attr-defined]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
        commands = ([base, "-m", "venv", place], [python, "-m", "pip", "install", "-q", "-r", REQUIREMENTS])
        for command in commands:
            done = subprocess.run(
                [str(word) for word in command], check=False, env=environment, capture_output=True, text=True
            )
            if done.returncode:
                raise LoopbackError(
                    "%s failed:\n%s" % (" ".join(map(str, command)), (done.stdout + done.stderr)[-2000:])
                )
        # Nova's tests look for api-paste.ini beside the package, as in a source tree
        packages = next((place / "lib").glob("python3.*/site-packages"))
        (packages / "etc").symlink_to(place / "etc")
        stamp.touch()
    return python


class Loopback:
    """A running cloud. Attributes as server.py announces them.

    :param computes: how many nova-compute services to start with: cmp1, cmp2, ...
    """

    url: str
    auth_url: str
    users: dict[str, str]
    project: str
    config_file: str
    nova_manage: str
    directory: str
    pid: int

    def __init__(self, computes: int = 3, *arguments: str) -> None:
        self.arguments = ["--computes", str(computes), *arguments]
        self.process: subprocess.Popen[bytes] | None = None
        self._log: t.IO[bytes] | None = None

    def __enter__(self) -> Loopback:
        command = [str(venv()), str(HERE / "server.py"), *self.arguments]
        log = self._log = tempfile.TemporaryFile(prefix="loopback-log-")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "PYTHON"))}
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=log, env=environment, start_new_session=True
        )
        assert self.process.stdout is not None
        line = b""
        limit = time.monotonic() + START_TIMEOUT
        # (readline would wait for ever for a process that hangs)
        os.set_blocking(self.process.stdout.fileno(), False)
        while not line.endswith(b"\n"):
            line += self.process.stdout.read() or b""
            if self.process.poll() is not None or time.monotonic() > limit:
                text = self.log()
                self.close()
                raise LoopbackError("the loopback cloud did not start:\n" + text)
            time.sleep(0.05)
        for name, value in json.loads(line).items():
            setattr(self, name, value)
        return self

    def __exit__(self, *_exc: object) -> None:
        self.close()

    def log(self) -> str:
        """The end of what it wrote to its standard error."""
        assert self._log is not None
        self._log.seek(0)
        return self._log.read()[-4000:].decode("utf-8", "replace")

    def close(self) -> None:
        """End it."""
        if self.process is None:
            return
        assert self.process.stdin is not None
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(timeout=15)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process = None

    # ---- use

    def auth(self, user: str = "admin", **changes: t.Any) -> dict[str, t.Any]:
        """What belongs below ``auth`` in clouds.yaml."""
        return {
            "auth_url": self.auth_url,
            "username": user,
            "password": self.users[user],
            "project_name": self.project,
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            **changes,
        }

    def control(self, what: str, body: t.Any = None) -> t.Any:
        """POST (or with no body GET) to /_loopback/..., see server.py."""
        data = None if body is None else json.dumps(body).encode()
        with urllib.request.urlopen(urllib.request.Request(self.url + "/_loopback/" + what, data), timeout=60) as reply:
            return json.load(reply)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--computes", type=int, default=3)
    arguments = parser.parse_args()
    with Loopback(arguments.computes) as cloud:
        clouds = {"clouds": {"loopback": {"auth": cloud.auth(), "region_name": "RegionOne"}}}
        path = Path(cloud.directory) / "clouds.yaml"
        path.write_text(json.dumps(clouds, indent=2), encoding="utf-8")
        print("export OS_CLIENT_CONFIG_FILE=%s OS_CLOUD=loopback" % path, flush=True)
        assert cloud.process is not None
        with contextlib.suppress(KeyboardInterrupt):
            cloud.process.wait()
    return 0


if __name__ == "__main__":
    sys.exit(main())
