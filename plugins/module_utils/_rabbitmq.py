# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The definitions of a RabbitMQ server through rabbitmqctl or the HTTP API: read, import, delete, no secret in argv."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import hmac
import json
import os
import pwd
import re
import signal
import socket
import ssl
import subprocess
import time
import typing as t
from urllib.error import HTTPError, URLError
from urllib.parse import quote, urlsplit

from ansible.module_utils.urls import SSLValidationError, open_url

ALGORITHMS = {
    "rabbit_password_hashing_sha256": "sha256",
    "rabbit_password_hashing_sha512": "sha512",
    "rabbit_password_hashing_md5": "md5",  # read only: what is written is never weaker than SHA-256
}
USUAL = "rabbit_password_hashing_sha256"
FIRST = "rabbit_password_hashing_md5"  # of the servers that did not say yet which one it is
SALT = 4  # bytes
EX_USAGE = 64
PAUSE = 1.0  # seconds between two attempts to reach a server that is starting
APP_STOPPED = "requires the 'rabbit' app to be running"

Definitions = dict[str, list[dict[str, t.Any]]]


class RabbitError(Exception):
    """What the user is told, in one sentence."""


class NotYet(RabbitError):
    """The server is not there or not running."""


class Starting(NotYet):
    """It may be there in a moment."""


# --- passwords -------------------------------------------------------------------------------------------------------


def password_hash(password: str, algorithm: str, salt: bytes) -> str:
    """How RabbitMQ keeps a password: base64 of the salt and of the digest of salt and password."""
    digest = hashlib.new(ALGORITHMS[algorithm], salt + password.encode(), usedforsecurity=False).digest()
    return base64.b64encode(salt + digest).decode()


def matches(password: str, algorithm: str, kept: str) -> bool:
    """Whether a kept hash is that of the password. One of an unknown algorithm is not."""
    if algorithm not in ALGORITHMS:
        return False
    try:
        salt = base64.b64decode(kept, validate=True)[:SALT]
    except ValueError:
        return False
    return hmac.compare_digest(password_hash(password, algorithm, salt), kept)


# --- what is there ---------------------------------------------------------------------------------------------------


class Permission(t.NamedTuple):
    """What a user may do on a virtual host."""

    configure: str
    write: str
    read: str

    def __str__(self) -> str:
        return f"configure = {self.configure}, write = {self.write}, read = {self.read}"


@dataclasses.dataclass
class User:
    """A user, as it is kept."""

    hash: str = dataclasses.field(repr=False)
    algorithm: str
    tags: list[str]


@dataclasses.dataclass
class State:
    """What the server has. Where it cannot be asked in check mode, everything is taken to differ."""

    vhosts: set[str] = dataclasses.field(default_factory=set)
    users: dict[str, User] = dataclasses.field(default_factory=dict)
    permissions: dict[tuple[str, str], Permission] = dataclasses.field(default_factory=dict)
    known: bool = True


def state_of(definitions: t.Any) -> State:
    """What exported definitions say."""
    state = State()
    try:
        state.vhosts = {item["name"] for item in definitions["vhosts"]}
        for item in definitions["users"]:
            tags = item.get("tags") or []
            if isinstance(tags, str):  # before RabbitMQ 3.9
                tags = [tag.strip() for tag in tags.split(",") if tag.strip()]
            state.users[item["name"]] = User(
                item.get("password_hash") or "", item.get("hashing_algorithm") or FIRST, list(tags)
            )
        for item in definitions["permissions"]:
            permission = Permission(item["configure"], item["write"], item["read"])
            state.permissions[item["user"], item["vhost"]] = permission
    except (KeyError, TypeError, AttributeError):
        raise RabbitError("the definitions of the server are not as RabbitMQ 3.8.2 and newer export them") from None
    return state


# --- the server ------------------------------------------------------------------------------------------------------


class Server(t.Protocol):
    """A way to a server."""

    def export(self) -> t.Any:
        """All definitions."""

    def load(self, definitions: Definitions) -> None:
        """Import definitions; what they do not name stays as it is."""

    def delete(self, user: str) -> None:
        """Delete a user."""


class Ctl:
    """RabbitMQ on this host, through rabbitmqctl."""

    def __init__(self, executable: str, timeout: int) -> None:
        self.executable = executable
        self.timeout = timeout

    def export(self) -> t.Any:
        code, output, said = self._run(["export_definitions", "-", "--format", "json", "--silent"])
        if code != 0:
            if "Authentication failed" in said:
                raise RabbitError(
                    "RabbitMQ on this host does not let rabbitmqctl in: its Erlang cookie is not that of the server"
                )
            if code == EX_USAGE and APP_STOPPED not in said:
                raise RabbitError(f"rabbitmqctl export_definitions failed: {brief(said)}")
            raise Starting(f"RabbitMQ is not running on this host: {brief(said)}")
        start = max(output.find("{"), 0)
        try:
            return json.JSONDecoder().raw_decode(output[start:])[0]
        except ValueError:
            raise RabbitError("rabbitmqctl export_definitions - --format json did not write JSON") from None

    def load(self, definitions: Definitions) -> None:
        # rabbitmqctl reads from a path alone: the launcher of 4.0 closes the standard input of this command for its
        # Erlang, which then waits for ever. The path of a file in memory leaves nothing behind, however we end.
        stream = os.memfd_create("definitions")
        try:
            if os.geteuid() == 0:
                try:
                    account = pwd.getpwnam("rabbitmq")  # the launcher changes to this user
                    os.fchown(stream, account.pw_uid, account.pw_gid)
                except KeyError:
                    pass
            os.fchmod(stream, 0o600)
            with open(stream, "w", encoding="utf-8", closefd=False) as text:
                json.dump(definitions, text)
            os.lseek(stream, 0, os.SEEK_SET)
            code, output, said = self._run(["import_definitions", "/dev/stdin", "--format", "json", "--silent"], stream)
        finally:
            os.close(stream)
        if code != 0:
            raise RabbitError(f"rabbitmqctl import_definitions failed: {brief(said or output)}")

    def delete(self, user: str) -> None:
        code, output, said = self._run(["delete_user", user, "--silent"])
        if code != 0:
            raise RabbitError(f"rabbitmqctl delete_user {user} failed: {brief(said or output)}")

    def _run(self, arguments: list[str], stdin: int = subprocess.DEVNULL) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        try:
            process = subprocess.Popen(
                [self.executable, *arguments],
                stdin=stdin,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                cwd="/",
                env={**os.environ, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8"},
                start_new_session=True,
            )
        except OSError as error:
            raise RabbitError(f"{self.executable} could not be started: {error.strerror}") from None
        try:
            output, said = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            stop(process)
            raise RabbitError(
                f"rabbitmqctl {arguments[0]} was stopped: it had not ended after {self.timeout} s"
            ) from None
        texts = (output.decode("utf-8", "replace"), said.decode("utf-8", "replace"))
        if process.returncode != 0 and "Only root or rabbitmq" in "".join(texts):
            raise RabbitError("only root or the user rabbitmq can run rabbitmqctl: use become")
        return process.returncode, *texts


def stop(process: subprocess.Popen[bytes]) -> None:
    """End rabbitmqctl. Its su is asked first, since it hands the signal on into another session."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.communicate(timeout=5)
            return
        except ProcessLookupError:
            return
        except subprocess.TimeoutExpired:
            continue


class Api:
    """A server that somebody else runs, through its HTTP API."""

    def __init__(self, login: dict[str, t.Any], timeout: int) -> None:
        self.login = login
        self.timeout = timeout
        self.password: str = login["password"]
        self.user: str = login["user"]
        self.url: str = login["url"].rstrip("/").removesuffix("/api")
        try:
            parts = urlsplit(self.url)
            complete = parts.scheme in ("http", "https") and bool(parts.hostname) and (parts.port or 1) > 0
        except ValueError:
            complete = False
            parts = urlsplit("")
        if "@" in self.url:
            raise RabbitError("login.url has a user or password in it: give them as login.user and login.password")
        if not complete or parts.query or parts.fragment:
            raise RabbitError(f"login.url is {login['url']}, but must be like http://host:15672 or https://host:15671")
        authorities = login["ca_cert"]
        if authorities and not os.access(authorities, os.R_OK):
            raise RabbitError(f"login.ca_cert is {authorities}, which does not exist on this host or cannot be read")

    def export(self) -> t.Any:
        text = self._ask("GET", "/api/definitions")
        try:
            return json.loads(text)
        except ValueError:
            raise RabbitError(
                f"{self.url}/api/definitions does not give JSON: is it the RabbitMQ management API?"
            ) from None

    def load(self, definitions: Definitions) -> None:
        self._ask("POST", "/api/definitions", json.dumps(definitions))

    def delete(self, user: str) -> None:
        self._ask("DELETE", f"/api/users/{quote(user, safe='')}", missing_is_fine=True)

    def _ask(self, method: str, path: str, data: str | None = None, missing_is_fine: bool = False) -> str:
        try:
            with open_url(
                self.url + path,
                method=method,
                data=data,
                headers={"Accept": "application/json", "Content-Type": "application/json"},
                timeout=self.timeout,
                validate_certs=self.login["validate_certs"],
                ca_path=self.login["ca_cert"],
                url_username=self.user,
                url_password=self.password,
                force_basic_auth=True,
                use_netrc=False,
                follow_redirects="safe",
                http_agent="scaleout.nova",
            ) as response:
                return response.read().decode("utf-8", "replace")
        except HTTPError as error:
            if error.code == 404 and missing_is_fine:
                return ""
            raise self._refusal(error, method, path) from None
        except SSLValidationError as error:
            raise RabbitError(f"the certificate of {self.url} is not accepted: {brief(str(error))}") from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLCertVerificationError):
                raise RabbitError(f"the certificate of {self.url} is not accepted: {reason.verify_message}") from None
            if isinstance(reason, ssl.SSLError):
                raise RabbitError(f"{self.url} does not answer with TLS: {brief(str(reason))}") from None
            text = getattr(reason, "strerror", None) or str(reason)
            message = f"the RabbitMQ management API at {self.url} cannot be reached: {brief(text)}"
            raise (RabbitError if isinstance(reason, socket.gaierror) else Starting)(message) from None
        except Exception as error:  # what http.client raises for an answer that is not HTTP
            raise RabbitError(f"{self.url} does not answer as an HTTP API: {type(error).__name__}") from None

    def _refusal(self, error: HTTPError, method: str, path: str) -> RabbitError:
        """What an HTTP status means."""
        try:
            body = error.read().decode("utf-8", "replace")
        except OSError:
            body = ""
        try:
            answer = json.loads(body)
            reason = str(answer.get("reason") or answer.get("error") or "")
        except (ValueError, AttributeError):
            reason = ""
        if error.code == 403 or (error.code == 401 and "user" in reason):  # "Not administrator user"
            return RabbitError(
                f"{self.url} lets the user {self.user} in, but not change accounts: it needs the tag administrator "
                f"({method} {path}: {brief(reason)})"
            )
        if error.code == 401:
            return RabbitError(
                f"{self.url} does not let the user {self.user} in: it does not exist there, or login.password is not "
                f"its password ({method} {path}: {brief(reason)})"
            )
        if error.code == 404:
            return RabbitError(f"{self.url}{path} does not exist: is it the RabbitMQ management API?")
        message = f"{self.url} refuses {method} {path} with HTTP {error.code}: {brief(reason)}"
        return Starting(message) if error.code in (502, 503, 504) else RabbitError(message)


def brief(text: str) -> str:
    """What a program said, as the end of a sentence."""
    lines = [line.strip() for line in text.splitlines()]
    lines = [line for line in lines if line and line not in ("Error:", "{")]
    said = " ".join(lines[:3]) if lines and len(lines[0]) < 40 else "".join(lines[:1])
    said = re.sub(r"[. ]*Please see diagnostics.*", "", said.removeprefix("Error: "))
    return said[:300] or "(it does not say why)"


def load(server: Server, definitions: Definitions) -> None:
    """Import definitions; a server that refuses them may not show the hashes."""
    try:
        server.load(definitions)
    except RabbitError as error:
        text = str(error)
        for user in definitions.get("users", []):
            text = text.replace(user["password_hash"], "(hidden)")
        raise RabbitError(text) from None


def read(server: Server, timeout: int) -> State:
    """What the server has; waits for one that is starting."""
    deadline = time.monotonic() + timeout
    while True:
        try:
            return state_of(server.export())
        except Starting as error:
            if time.monotonic() + PAUSE > deadline:
                raise Starting(f"{error} (waited for {timeout} s)") from None
        time.sleep(PAUSE)
