#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make users, virtual hosts and permissions of RabbitMQ what they should be, without a password on a command line."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_accounts
version_added: 0.1.0
short_description: Users, virtual hosts and permissions of RabbitMQ
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Makes sure that users exist with their passwords, tags and permissions, that the virtual hosts exist on which they
    have them, and that other users do not exist.
  - All accounts together take one reading of the definitions of the server, and one import of definitions where
    something differs, which is then verified. A password is compared with the salted hash that the server keeps, and
    only a salted hash is handed over. It is on no command line, in no file, in no result and in no diff.
  - Works through C(rabbitmqctl) on a host of the RabbitMQ cluster, or, with O(login), through the HTTP API of a server
    that somebody else runs.
  - Virtual hosts and permissions that are not given are left alone, also those of a given user.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where C(rabbitmqctl) is not installed yet, or RabbitMQ is not running yet, everything is predicted to change.
  diff_mode:
    support: full
    details:
      - Of a password it is only said that it changes.
  idempotent:
    support: full
options:
  accounts:
    description:
      - Who may use which virtual host. A user with several virtual hosts is given several times, with the same
        password; its tags are those of all the entries together.
    type: list
    elements: dict
    default: []
    suboptions:
      user:
        description:
          - Name of the user.
        type: str
        required: true
      password:
        description:
          - Its password.
        type: str
        required: true
      vhost:
        description:
          - The virtual host. It is made if it does not exist.
        type: str
        required: true
      tags:
        description:
          - Tags of the user, for example V(administrator) or V(monitoring). They replace the tags that it has.
        type: list
        elements: str
        default: []
      configure:
        description:
          - Regular expression of the names that the user may declare and delete.
        type: str
        default: .*
      write:
        description:
          - Regular expression of the names that the user may write to.
        type: str
        default: .*
      read:
        description:
          - Regular expression of the names that the user may read from.
        type: str
        default: .*
  absent_users:
    description:
      - Users that must not exist, for example V(guest), which every new server has, with a password that everybody
        knows.
    type: list
    elements: str
    default: []
  login:
    description:
      - How to reach the HTTP API of a server that somebody else runs. The plugin C(rabbitmq_management) provides it.
      - Without this option, C(rabbitmqctl) is used, which has to be run by root or by the user rabbitmq.
    type: dict
    suboptions:
      url:
        description:
          - Where the API is, without user and password, for example C(https://mq.example.com:15671).
        type: str
        required: true
      user:
        description:
          - Who logs in. The user needs the tag V(administrator).
        type: str
        required: true
      password:
        description:
          - The password of O(login.user).
        type: str
        required: true
      validate_certs:
        description:
          - Whether the certificate of the server must be valid.
        type: bool
        default: true
      ca_cert:
        description:
          - File with the certificates of the authorities that may have signed that of the server, in PEM format.
            The authorities of the system by default.
        type: path
  timeout:
    description:
      - Seconds to wait for a server that is starting, and seconds that one call may take.
    type: int
    default: 60
requirements:
  - RabbitMQ 3.8.2
  - Python 3.11
seealso:
  - name: Definitions of RabbitMQ
    description: What is read and imported.
    link: https://www.rabbitmq.com/docs/definitions
"""

EXAMPLES = r"""
- name: Accounts of Nova on the RabbitMQ of this host
  become: true
  scaleout.nova.rabbitmq_accounts:
    accounts:
      - user: nova
        password: "{{ nova_rabbitmq_password }}"
        vhost: nova
      - user: nova
        password: "{{ nova_rabbitmq_password }}"
        vhost: nova_cell1
    absent_users: [guest]

- name: An account on a RabbitMQ that another team runs
  scaleout.nova.rabbitmq_accounts:
    accounts:
      - user: nova
        password: "{{ nova_rabbitmq_password }}"
        vhost: nova
    login:
      url: https://mq.example.com:15671
      user: admin
      password: "{{ rabbitmq_admin_password }}"
      ca_cert: /etc/ssl/certs/example.pem
"""

RETURN = r"""
vhosts_created:
  description: The virtual hosts that were made.
  returned: success
  type: list
  elements: str
  sample: [nova]
users_created:
  description: The users that were made.
  returned: success
  type: list
  elements: str
  sample: [nova]
users_updated:
  description: The users whose password or tags were corrected.
  returned: success
  type: list
  elements: str
users_removed:
  description: The users of O(absent_users) that were deleted.
  returned: success
  type: list
  elements: str
  sample: [guest]
permissions_set:
  description: The permissions that were made or corrected.
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: Name of the user.
      type: str
      sample: nova
    vhost:
      description: Name of the virtual host.
      type: str
      sample: nova
"""

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

from ansible.module_utils.basic import AnsibleModule
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
SAFE_NAME = re.compile(r"[A-Za-z0-9_.@:/+][A-Za-z0-9_.@:/+-]*")
APP_STOPPED = "requires the 'rabbit' app to be running"

Definitions = dict[str, list[dict[str, t.Any]]]


class Failure(Exception):
    """What the user is told."""


class NotYet(Failure):
    """The server is not there or not running; check mode lets it pass."""


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


# --- what is wanted and what is there --------------------------------------------------------------------------------


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


@dataclasses.dataclass
class Account:
    """A user that must exist."""

    password: str = dataclasses.field(repr=False)
    tags: list[str]


@dataclasses.dataclass
class Wanted:
    """What the parameters ask for."""

    vhosts: list[str] = dataclasses.field(default_factory=list)
    users: dict[str, Account] = dataclasses.field(default_factory=dict)
    permissions: dict[tuple[str, str], Permission] = dataclasses.field(default_factory=dict)
    absent: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Plan:
    """What differs."""

    vhosts: list[str]
    created: list[str]
    passwords: list[str]  # users that exist with another password
    tags: list[str]  # users that exist with other tags
    permissions: list[tuple[str, str]]
    absent: list[str]

    @property
    def updated(self) -> list[str]:
        return [*self.passwords, *(name for name in self.tags if name not in self.passwords)]

    @property
    def imports(self) -> bool:
        return bool(self.vhosts or self.created or self.passwords or self.tags or self.permissions)

    def __bool__(self) -> bool:
        return self.imports or bool(self.absent)

    def __str__(self) -> str:
        parts = [f"vhost {name}" for name in self.vhosts]
        parts += [f"user {name}" for name in [*self.created, *self.updated, *self.absent]]
        return ", ".join([*parts, *(f"permissions of {user} on {vhost}" for user, vhost in self.permissions)])


def wanted(params: dict[str, t.Any]) -> Wanted:
    """The parameters, put together.

    :raises Failure: where they contradict each other
    """
    result = Wanted(absent=list(dict.fromkeys(params["absent_users"])))
    for item in params["accounts"]:
        name, vhost = item["user"], item["vhost"]
        for key in ("user", "password", "vhost"):
            if not item[key]:
                raise Failure(f"the {key} of an account in accounts is empty (user '{name}', vhost '{vhost}')")
        if name in result.absent:
            raise Failure(f"the user {name} is both in accounts and in absent_users")
        account = result.users.setdefault(name, Account(item["password"], []))
        if account.password != item["password"]:
            raise Failure(f"the user {name} is in accounts with different passwords: a user has one for all its vhosts")
        account.tags += [tag for tag in item["tags"] if tag not in account.tags]
        if vhost not in result.vhosts:
            result.vhosts.append(vhost)
        permission = Permission(item["configure"], item["write"], item["read"])
        if result.permissions.setdefault((name, vhost), permission) != permission:
            raise Failure(f"the user {name} is in accounts with different permissions on the vhost {vhost}")
    if "" in result.absent:
        raise Failure("a name in absent_users is empty")
    login = params["login"]
    if login and login["user"] in result.absent:
        raise Failure(f"the user {login['user']}, who logs in, cannot delete itself: take it out of absent_users")
    if login and "administrator" not in result.users.get(login["user"], Account("", ["administrator"])).tags:
        raise Failure(f"the user {login['user']}, who logs in, would lose its tag administrator: add it in accounts")
    return result


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
        raise Failure("the definitions of the server are not as RabbitMQ 3.8.2 and newer export them") from None
    return state


def compare(want: Wanted, state: State) -> Plan:
    """What differs."""
    there = {name: (account, state.users[name]) for name, account in want.users.items() if name in state.users}
    return Plan(
        vhosts=[name for name in want.vhosts if name not in state.vhosts],
        created=[name for name in want.users if name not in state.users],
        passwords=[
            name for name, (account, user) in there.items() if not matches(account.password, user.algorithm, user.hash)
        ],
        tags=[name for name, (account, user) in there.items() if set(account.tags) != set(user.tags)],
        permissions=[key for key, permission in want.permissions.items() if state.permissions.get(key) != permission],
        absent=[name for name in want.absent if name in state.users or not state.known],
    )


def definitions_for(plan: Plan, want: Wanted, state: State) -> Definitions:
    """What is to be imported: only what differs."""
    result: Definitions = {}
    if plan.vhosts:
        result["vhosts"] = [{"name": name} for name in plan.vhosts]
    for name in [*plan.created, *plan.updated]:
        user = state.users.get(name)
        algorithm, kept = USUAL, ""
        if user and name not in plan.passwords:
            algorithm, kept = user.algorithm, user.hash
        elif user and user.algorithm == "rabbit_password_hashing_sha512":
            algorithm = user.algorithm
        result.setdefault("users", []).append(
            {
                "name": name,
                "password_hash": kept or password_hash(want.users[name].password, algorithm, os.urandom(SALT)),
                "hashing_algorithm": algorithm,
                "tags": want.users[name].tags,
            }
        )
    for user_name, vhost in plan.permissions:
        result.setdefault("permissions", []).append(
            {"user": user_name, "vhost": vhost, **want.permissions[user_name, vhost]._asdict()}
        )
    return result


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
                raise Failure(
                    "RabbitMQ on this host does not let rabbitmqctl in: its Erlang cookie is not that of the server"
                )
            if code == EX_USAGE and APP_STOPPED not in said:
                raise Failure(f"rabbitmqctl export_definitions failed: {brief(said)}")
            raise Starting(f"RabbitMQ is not running on this host: {brief(said)}")
        start = max(output.find("{"), 0)
        try:
            return json.JSONDecoder().raw_decode(output[start:])[0]
        except ValueError:
            raise Failure("rabbitmqctl export_definitions - --format json did not write JSON") from None

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
            raise Failure(f"rabbitmqctl import_definitions failed: {brief(said or output)}")

    def delete(self, user: str) -> None:
        code, output, said = self._run(["delete_user", user, "--silent"])
        if code != 0:
            raise Failure(f"rabbitmqctl delete_user {user} failed: {brief(said or output)}")

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
            raise Failure(f"{self.executable} could not be started: {error.strerror}") from None
        try:
            output, said = process.communicate(timeout=self.timeout)
        except subprocess.TimeoutExpired:
            stop(process)
            raise Failure(f"rabbitmqctl {arguments[0]} was stopped: it had not ended after {self.timeout} s") from None
        texts = (output.decode("utf-8", "replace"), said.decode("utf-8", "replace"))
        if process.returncode != 0 and "Only root or rabbitmq" in "".join(texts):
            raise Failure("only root or the user rabbitmq can run rabbitmqctl: use become")
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
            raise Failure("login.url has a user or password in it: give them as login.user and login.password")
        if not complete or parts.query or parts.fragment:
            raise Failure(f"login.url is {login['url']}, but must be like http://host:15672 or https://host:15671")

    def export(self) -> t.Any:
        text = self._ask("GET", "/api/definitions")
        try:
            return json.loads(text)
        except ValueError:
            raise Failure(
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
        except (SSLValidationError, ssl.SSLError) as error:
            raise Failure(f"the certificate of {self.url} is not accepted: {brief(str(error))}") from None
        except (URLError, OSError) as error:
            reason = getattr(error, "reason", error)
            if isinstance(reason, ssl.SSLError):
                raise Failure(f"the certificate of {self.url} is not accepted: {brief(str(reason))}") from None
            text = getattr(reason, "strerror", None) or str(reason)
            message = f"the RabbitMQ management API at {self.url} cannot be reached: {brief(text)}"
            raise (Failure if isinstance(reason, socket.gaierror) else Starting)(message) from None
        except Exception as error:  # what http.client raises for an answer that is not HTTP
            raise Failure(f"{self.url} does not answer as an HTTP API: {type(error).__name__}") from None

    def _refusal(self, error: HTTPError, method: str, path: str) -> Failure:
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
        if error.code in (401, 403):
            if "administrator" in reason.lower() or error.code == 403:
                return Failure(
                    f"{self.url} lets the user {self.user} in, but not change accounts: "
                    f"it needs the tag administrator ({method} {path}: {brief(reason)})"
                )
            return Failure(
                f"{self.url} does not let the user {self.user} in: login.password is wrong, or the user "
                f"does not exist or has no tag management or administrator ({method} {path}: {brief(reason)})"
            )
        if error.code == 404:
            return Failure(f"{self.url}{path} does not exist: is it the RabbitMQ management API?")
        message = f"{self.url} refuses {method} {path} with HTTP {error.code}: {brief(reason)}"
        return Starting(message) if error.code in (502, 503, 504) else Failure(message)


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
    except Failure as error:
        text = str(error)
        for user in definitions.get("users", []):
            text = text.replace(user["password_hash"], "(hidden)")
        raise Failure(text) from None


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


# --- the module ------------------------------------------------------------------------------------------------------


def server_of(module: AnsibleModule) -> Server:
    """The server that is meant."""
    login, timeout = module.params["login"], module.params["timeout"]
    if login:
        return Api(login, timeout)
    executable = module.get_bin_path("rabbitmqctl")
    if executable is None:
        raise NotYet("rabbitmqctl is not installed on this host: install rabbitmq-server, or give login")
    return Ctl(executable, timeout)


def run(module: AnsibleModule) -> tuple[Plan, Wanted, State]:
    """Do what the parameters ask for.

    :returns: what was changed, what was asked for, and what was there before
    """
    params = module.params
    want = wanted(params)
    if not want.users and not want.absent:
        return compare(want, State()), want, State()
    if not params["login"]:
        for name in want.absent:
            if not SAFE_NAME.fullmatch(name):
                raise Failure(
                    f"the user '{name}' in absent_users cannot be deleted with rabbitmqctl, whose launcher is a shell "
                    f"script: delete it through the HTTP API (login)"
                )
    predicts = module.check_mode and not params["login"]
    try:
        server = server_of(module)
        state = read(server, 0 if predicts else params["timeout"])
    except NotYet as error:
        if not predicts:
            raise
        if isinstance(error, Starting):
            module.warn("rabbitmq_accounts: RabbitMQ is not running on this host: everything is predicted to change")
        state = State(known=False)
        return compare(want, state), want, state
    plan = compare(want, state)
    if module.check_mode or not plan:
        return plan, want, state
    if plan.imports:
        load(server, definitions_for(plan, want, state))
    if isinstance(server, Api) and server.user in want.users:
        server.password = want.users[server.user].password
    for name in plan.absent:
        server.delete(name)
    left = compare(want, read(server, params["timeout"]))
    if left:
        raise Failure(f"RabbitMQ accepted the changes, but these are not as they should be: {left}")
    return plan, want, state


def diff_of(plan: Plan, want: Wanted, state: State) -> dict[str, str]:
    """Before and after, without passwords."""
    before, after = [], [f"vhost {name}\n" for name in plan.vhosts]
    for name, account in want.users.items():
        tags = f"user {name}: tags = {', '.join(account.tags) or '(none)'}\n"
        if name in plan.created:
            after += [tags, f"user {name}: password: (set)\n"]
        if name in plan.tags:
            before.append(f"user {name}: tags = {', '.join(state.users[name].tags) or '(none)'}\n")
            after.append(tags)
        if name in plan.passwords:
            before.append(f"user {name}: password: (another)\n")
            after.append(f"user {name}: password: (changed)\n")
    for key in plan.permissions:
        text = f"permissions of {key[0]} on {key[1]}: "
        if key in state.permissions:
            before.append(f"{text}{state.permissions[key]}\n")
        after.append(f"{text}{want.permissions[key]}\n")
    before += [f"user {name}\n" for name in plan.absent]
    return {
        "before_header": "RabbitMQ accounts",
        "after_header": "RabbitMQ accounts",
        "before": "".join(before),
        "after": "".join(after),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "accounts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "user": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "vhost": {"type": "str", "required": True},
                    "tags": {"type": "list", "elements": "str", "default": []},
                    "configure": {"type": "str", "default": ".*"},
                    "write": {"type": "str", "default": ".*"},
                    "read": {"type": "str", "default": ".*"},
                },
            },
            "absent_users": {"type": "list", "elements": "str", "default": []},
            "login": {
                "type": "dict",
                "options": {
                    "url": {"type": "str", "required": True},
                    "user": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "validate_certs": {"type": "bool", "default": True},
                    "ca_cert": {"type": "path"},
                },
            },
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    try:
        plan, want, state = run(module)
    except Failure as error:
        module.fail_json(msg=f"rabbitmq_accounts: {error}")
    module.exit_json(
        changed=bool(plan),
        vhosts_created=plan.vhosts,
        users_created=plan.created,
        users_updated=plan.updated,
        users_removed=plan.absent,
        permissions_set=[{"user": user, "vhost": vhost} for user, vhost in plan.permissions],
        diff=diff_of(plan, want, state),
    )


if __name__ == "__main__":
    main()
