# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""rabbitmq_accounts against a rabbitmqctl and an HTTP API that answer as those of RabbitMQ 4.0.5 do."""

from __future__ import annotations

import base64
import http.server
import json
import shutil
import ssl
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils import _rabbitmq
from ansible_collections.scaleout.nova.plugins.modules import rabbitmq_accounts as accounts

NOVA = {"user": "nova", "password": "nova-pässword $1", "vhost": "nova"}
CELL1 = {**NOVA, "vhost": "/nova/cell1"}
# Made by RabbitMQ 4.0.5: the password guest of a new server, and rabbit_password:hash(Algorithm, "guést").
GUEST = "ObGfGEOi2RXHQ3TBLQGZxN30HBT5i9tt2f//A5mX4eHY963o"
VECTORS = [
    ("guest", "sha256", GUEST),
    ("test12", "sha256", "kI3GCqW5JLMJa4iX1lo7X4D6XbYqlLgxIs30+P6tENUV2POR"),  # from RabbitMQ's documentation
    ("guést", "sha256", "/SnCkuyRXW/3zBf+NGLKEP8BtPeyNLOl9sT8oFVhnvRy6N+O"),
    (
        "guést",
        "sha512",
        "DkwHa6Or7MzdORHLJ8IPPtbym8ZZjoPWvsZwyCY9Td0CmqV1GogMj46tU98GO6gTVeP9fkkriNdl2a3vpui9fEogj14=",
    ),
    ("guést", "md5", "e9mKAX8MwbzC19qf8GBlqV/VmPE="),
]

# State is {"vhosts": [], "users": [], "permissions": []}; "mood" makes it behave like a server in trouble.
RABBITMQCTL = r"""#!PYTHON -IS
import json, os, sys
path = "STATE"
state = json.load(open(path))
stdin = os.stat("/dev/stdin")
state["calls"].append({"argv": sys.argv[1:], "stdin_mode": stdin.st_mode & 0o777})
def end(code, said=""):
    json.dump(state, open(path, "w"))
    sys.stderr.write(said)
    sys.exit(code)
def same(kind, one, other):
    keys = ("user", "vhost") if kind == "permissions" else ("name",)
    return all(one[key] == other[key] for key in keys)
command, mood = sys.argv[1], state["mood"]
if mood.get("down", 0) > 0:
    mood["down"] -= 1
    end(69, "Error: unable to perform an operation on node 'rabbit@ctl1'. Please see diagnostics information and "
            "suggestions below.\n\nMost common reasons for this are:\n\n * Target node is unreachable\n")
if mood.get("stopped", 0) > 0:
    mood["stopped"] -= 1
    end(64, "Error: this command requires the 'rabbit' app to be running on the target node. Start it with "
            "'rabbitmqctl start_app'.\nArguments given:\n\texport_definitions\n")
if command in mood:
    end(mood[command][0], mood[command][1])
if command == "export_definitions":
    shown = {key: state[key] for key in ("vhosts", "users", "permissions")}
    print(json.dumps({**shown, "queues": [], "rabbit_version": "4.0.5"}), end="")
elif command == "import_definitions":
    text = open(sys.argv[2], encoding="utf-8").read()
    state["imported"].append(json.loads(text))
    if "deaf" in mood:
        end(0)
    if "refuses" in mood:
        end(69, "Error:\n{bad_definition," + text + "}\n")
    for kind, items in json.loads(text).items():
        for item in items:
            if kind == "users" and "tags" not in item:
                end(69, "Error:\ntags_not_present\n")
            if kind == "permissions" and item["user"] not in [user["name"] for user in state["users"]]:
                end(69, 'Error:\n{no_such_user,<<"%s">>}\n' % item["user"])
            if kind == "permissions" and item["vhost"] not in [vhost["name"] for vhost in state["vhosts"]]:
                end(69, 'Error:\n{no_such_vhost,<<"%s">>}\n' % item["vhost"])
            state[kind] = [other for other in state[kind] if not same(kind, item, other)] + [item]
elif command == "delete_user":
    state["users"] = [user for user in state["users"] if user["name"] != sys.argv[2]]
    state["permissions"] = [item for item in state["permissions"] if item["user"] != sys.argv[2]]
end(0)
"""


class Rabbit:
    """The fake server, a new one at first: the user guest and the vhost /."""

    def __init__(self, path: Path, tool: Callable[[str, str], Path]) -> None:
        self.path = path
        guest = {"name": "guest", "password_hash": GUEST, "hashing_algorithm": _rabbitmq.USUAL}
        everything = {"configure": ".*", "write": ".*", "read": ".*"}
        self.state: dict[str, Any] = {
            "vhosts": [{"name": "/", "default_queue_type": "classic", "limits": [], "metadata": {}}],
            "users": [{**guest, "tags": ["administrator"], "limits": {}}],
            "permissions": [{"user": "guest", "vhost": "/", **everything}],
            "calls": [],
            "imported": [],
            "mood": {},
        }
        self.save()
        self.ctl = tool("rabbitmqctl", RABBITMQCTL.replace("PYTHON", sys.executable).replace("STATE", str(path)))

    def save(self) -> None:
        self.path.write_text(json.dumps(self.state), encoding="utf-8")

    def load(self) -> dict[str, Any]:
        self.state = json.loads(self.path.read_text(encoding="utf-8"))
        return self.state

    def feels(self, **mood: Any) -> None:
        self.load()["mood"] = mood
        self.save()

    def called(self) -> list[str]:
        """The commands of rabbitmqctl since the last time."""
        calls = self.load()["calls"]
        self.state["calls"] = []
        self.save()
        return [call["argv"][0].removesuffix("_definitions") for call in calls]

    def user(self, name: str) -> dict[str, Any]:
        found: dict[str, Any] = next(user for user in self.load()["users"] if user["name"] == name)
        return found

    def logs_in(self, name: str, password: str) -> bool:
        user = self.user(name)
        return _rabbitmq.matches(password, user["hashing_algorithm"], user["password_hash"])

    def permissions(self) -> list[tuple[str, ...]]:
        keys = ("user", "vhost", "configure", "write", "read")
        return [tuple(item[key] for key in keys) for item in self.load()["permissions"]]


@pytest.fixture
def rabbit(tmp_path: Path, tool: Any, monkeypatch: pytest.MonkeyPatch) -> Rabbit:
    monkeypatch.setattr(_rabbitmq, "PAUSE", 0.01)
    return Rabbit(tmp_path / "state.json", tool)


# --- passwords -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("password", "digest", "kept"), VECTORS)
def test_hashes_are_those_of_rabbitmq(password: str, digest: str, kept: str) -> None:
    algorithm = f"rabbit_password_hashing_{digest}"
    assert _rabbitmq.password_hash(password, algorithm, base64.b64decode(kept)[:4]) == kept
    assert _rabbitmq.matches(password, algorithm, kept)
    assert not _rabbitmq.matches(password + "x", algorithm, kept)


@pytest.mark.parametrize("kept", ["", "AAAA", "not base64!", GUEST[:-4]])
def test_what_is_no_hash_matches_nothing(kept: str) -> None:
    assert not _rabbitmq.matches("guest", _rabbitmq.USUAL, kept)


def test_unknown_algorithm_matches_nothing() -> None:
    assert not _rabbitmq.matches("guest", "my_password_hashing", GUEST)


# --- rabbitmqctl -----------------------------------------------------------------------------------------------------


def test_new_accounts(run_module: Any, rabbit: Rabbit) -> None:
    arguments = {"accounts": [NOVA, {**CELL1, "read": "^nova"}], "absent_users": ["guest", "nobody"]}
    result = run_module("rabbitmq_accounts", **arguments)
    assert result["changed"] and result["vhosts_created"] == ["nova", "/nova/cell1"]
    assert result["users_created"] == ["nova"] and result["users_removed"] == ["guest"]
    assert result["users_updated"] == []
    assert result["permissions_set"] == [{"user": "nova", "vhost": "nova"}, {"user": "nova", "vhost": "/nova/cell1"}]
    assert rabbit.called() == ["export", "import", "delete_user", "export"]
    assert rabbit.logs_in("nova", NOVA["password"])
    assert rabbit.permissions() == [
        ("nova", "nova", ".*", ".*", ".*"),
        ("nova", "/nova/cell1", ".*", ".*", "^nova"),
    ]
    (imported,) = rabbit.state["imported"]
    assert imported["vhosts"] == [{"name": "nova"}, {"name": "/nova/cell1"}]

    again = run_module("rabbitmq_accounts", **arguments)
    assert not again["changed"] and again["diff"]["before"] == again["diff"]["after"] == ""
    assert rabbit.called() == ["export"]


def test_check_mode_predicts_what_is_done(run_module: Any, rabbit: Rabbit) -> None:
    arguments = {"accounts": [NOVA, CELL1], "absent_users": ["guest", "nobody"]}
    before = rabbit.load()
    predicted = run_module("rabbitmq_accounts", check=True, diff=True, **arguments)
    assert rabbit.called() == ["export"]
    assert rabbit.load() == before
    done = run_module("rabbitmq_accounts", diff=True, **arguments)
    assert {**predicted, "invocation": 0} == {**done, "invocation": 0}
    assert predicted["diff"]["before"] == "user guest\n"
    assert predicted["diff"]["after"].splitlines() == [
        "vhost nova",
        "vhost /nova/cell1",
        "user nova: tags = (none)",
        "user nova: password: (set)",
        "permissions of nova on nova: configure = .*, write = .*, read = .*",
        "permissions of nova on /nova/cell1: configure = .*, write = .*, read = .*",
    ]


def test_another_password_changes_nothing_else(run_module: Any, rabbit: Rabbit) -> None:
    run_module("rabbitmq_accounts", accounts=[NOVA])
    old = rabbit.user("nova")
    rabbit.called()
    result = run_module("rabbitmq_accounts", accounts=[{**NOVA, "password": "another-one"}], diff=True)
    assert result["changed"] and result["users_updated"] == ["nova"] and result["users_created"] == []
    assert result["vhosts_created"] == result["permissions_set"] == []
    assert result["diff"]["before"] == "user nova: password: (another)\n"
    assert result["diff"]["after"] == "user nova: password: (changed)\n"
    assert list(rabbit.load()["imported"][-1]) == ["users"]
    assert rabbit.logs_in("nova", "another-one") and not rabbit.logs_in("nova", NOVA["password"])
    assert rabbit.user("nova")["password_hash"][:5] != old["password_hash"][:5], "the salt is another one"


def test_other_tags_keep_the_hash(run_module: Any, rabbit: Rabbit) -> None:
    guest = {"user": "guest", "password": "guest", "vhost": "/"}
    result = run_module("rabbitmq_accounts", accounts=[{**guest, "tags": ["monitoring"]}], diff=True)
    assert result["users_updated"] == ["guest"] and result["permissions_set"] == []
    assert result["diff"]["before"] == "user guest: tags = administrator\n"
    assert result["diff"]["after"] == "user guest: tags = monitoring\n"
    assert rabbit.user("guest") == {
        "name": "guest",
        "password_hash": GUEST,
        "hashing_algorithm": _rabbitmq.USUAL,
        "tags": ["monitoring"],
    }


def test_tags_of_all_entries_count_in_any_order(run_module: Any, rabbit: Rabbit) -> None:
    entries = [{**NOVA, "tags": ["b", "a"]}, {**CELL1, "tags": ["a", "c"]}]
    run_module("rabbitmq_accounts", accounts=entries)
    assert sorted(rabbit.user("nova")["tags"]) == ["a", "b", "c"]
    assert not run_module("rabbitmq_accounts", accounts=entries[::-1])["changed"]


def test_permissions_are_corrected(run_module: Any, rabbit: Rabbit) -> None:
    guest = {"user": "guest", "password": "guest", "vhost": "/", "tags": ["administrator"], "configure": "^$"}
    result = run_module("rabbitmq_accounts", accounts=[guest], diff=True)
    assert result["permissions_set"] == [{"user": "guest", "vhost": "/"}] and result["users_updated"] == []
    assert list(rabbit.load()["imported"][-1]) == ["permissions"]
    assert rabbit.permissions() == [("guest", "/", "^$", ".*", ".*")]
    assert result["diff"]["before"] == "permissions of guest on /: configure = .*, write = .*, read = .*\n"


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("rabbit_password_hashing_sha512", "rabbit_password_hashing_sha512"),
        ("rabbit_password_hashing_md5", "rabbit_password_hashing_sha256"),
        ("of_a_plugin", "rabbit_password_hashing_sha256"),
    ],
)
def test_new_hashes_are_never_weaker(run_module: Any, rabbit: Rabbit, before: str, after: str) -> None:
    rabbit.state["users"][0]["hashing_algorithm"] = before
    rabbit.save()
    run_module("rabbitmq_accounts", accounts=[{"user": "guest", "password": "new-password", "vhost": "/"}])
    assert rabbit.user("guest")["hashing_algorithm"] == after
    assert rabbit.logs_in("guest", "new-password")


def test_old_servers_give_tags_as_text_and_no_algorithm(run_module: Any, rabbit: Rabbit) -> None:
    rabbit.state["users"] = [{"name": "guest", "password_hash": VECTORS[4][2], "tags": "administrator,monitoring"}]
    rabbit.save()
    tags = ["monitoring", "administrator"]
    entry = {"user": "guest", "password": "guést", "vhost": "/", "tags": tags}
    assert not run_module("rabbitmq_accounts", accounts=[entry])["changed"]


def test_no_password_leaves_the_module(run_module: Any, rabbit: Rabbit) -> None:
    outputs = [
        run_module("rabbitmq_accounts", accounts=[NOVA], absent_users=["guest"], diff=True),
        run_module("rabbitmq_accounts", accounts=[{**NOVA, "password": "another-one"}], diff=True, check=True),
    ]
    rabbit.feels(refuses=True)
    outputs.append(run_module("rabbitmq_accounts", accounts=[{**NOVA, "password": "another-one"}]))
    assert outputs[-1]["failed"] and "import_definitions failed: {bad_definition," in outputs[-1]["msg"]
    state = rabbit.load()
    seen = json.dumps([outputs, [call["argv"] for call in state["calls"]]], ensure_ascii=False)
    hashes = [user["password_hash"] for one in state["imported"] for user in one.get("users", [])]
    assert len(hashes) == 2
    for secret in (NOVA["password"], "another-one", *hashes):
        assert secret not in seen
    assert NOVA["password"] not in json.dumps(state["imported"], ensure_ascii=False)
    modes = [call["stdin_mode"] for call in state["calls"] if call["argv"][0] == "import_definitions"]
    assert modes == [0o600, 0o600]


def test_short_passwords_are_not_shown_and_hide_no_names(run_module: Any, rabbit: Rabbit) -> None:
    entry = {"user": "guest", "password": "guest", "vhost": "/", "tags": ["monitoring"]}
    login = {"url": "x", "user": "root", "password": "root"}
    result = run_module("rabbitmq_accounts", accounts=[entry])
    assert result["users_updated"] == ["guest"]
    assert result["invocation"]["module_args"]["accounts"][0]["password"] == accounts.MASKED
    failed = run_module("rabbitmq_accounts", accounts=[entry], login=login)
    assert failed["failed"] and failed["invocation"]["module_args"]["login"]["password"] == accounts.MASKED
    assert failed["invocation"]["module_args"]["accounts"][0]["password"] == accounts.MASKED


def test_a_change_that_does_not_arrive_is_an_error(run_module: Any, rabbit: Rabbit) -> None:
    rabbit.feels(deaf=True)
    result = run_module("rabbitmq_accounts", accounts=[NOVA])
    assert result["failed"]
    assert result["msg"] == (
        "rabbitmq_accounts: RabbitMQ accepted the changes, but these are not as they should be: "
        "vhost nova, user nova, permissions of nova on nova"
    )


@pytest.mark.parametrize("trouble", ["down", "stopped"])
def test_waits_for_a_server_that_starts(run_module: Any, rabbit: Rabbit, trouble: str) -> None:
    rabbit.feels(**{trouble: 2})
    assert run_module("rabbitmq_accounts", accounts=[NOVA])["changed"]
    assert rabbit.called() == ["export", "export", "export", "import", "export"]


def test_a_server_that_does_not_start(run_module: Any, rabbit: Rabbit) -> None:
    rabbit.feels(down=1000)
    result = run_module("rabbitmq_accounts", accounts=[NOVA], timeout=1)
    assert result["msg"] == (
        "rabbitmq_accounts: RabbitMQ is not running on this host: unable to perform an operation on node "
        "'rabbit@ctl1' (waited for 1 s)"
    )
    rabbit.called()
    check = run_module("rabbitmq_accounts", accounts=[NOVA], absent_users=["guest"], check=True)
    assert check["changed"] and check["users_created"] == ["nova"] and check["users_removed"] == ["guest"]
    assert rabbit.called() == ["export"], "check mode does not wait"


def test_without_rabbitmqctl(run_module: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(AnsibleModule, "get_bin_path", lambda *_args, **_options: None)
    arguments = {"accounts": [NOVA], "absent_users": ["guest"]}
    check = run_module("rabbitmq_accounts", check=True, **arguments)
    assert check["changed"] and check["vhosts_created"] == check["users_created"] == ["nova"]
    assert check["users_removed"] == ["guest"]
    result = run_module("rabbitmq_accounts", **arguments)
    assert result["msg"] == (
        "rabbitmq_accounts: rabbitmqctl is not installed on this host: install rabbitmq-server, or give login"
    )


@pytest.mark.parametrize(
    ("command", "code", "said", "message"),
    [
        ("export_definitions", 1, "\nOnly root or rabbitmq should run rabbitmqctl\n", "use become"),
        ("export_definitions", 69, "Error: unable\n * Authentication failed (rejected)", "Erlang cookie is not that"),
        ("export_definitions", 64, "Error: no such command\n", "export_definitions failed: no such command"),
        ("export_definitions", 0, "", "did not write JSON"),
        ("delete_user", 70, "Error:\nbad\n", "rabbitmqctl delete_user guest failed: bad"),
    ],
)
def test_other_failures_are_told_at_once(
    run_module: Any, rabbit: Rabbit, command: str, code: int, said: str, message: str
) -> None:
    rabbit.feels(**{command: (code, said)})
    result = run_module("rabbitmq_accounts", accounts=[], absent_users=["guest"])
    assert result["failed"] and message in result["msg"] and "\n" not in result["msg"]
    assert rabbit.called().count("export") == 1


def test_a_call_that_does_not_end(run_module: Any, tool: Any) -> None:
    tool("rabbitmqctl", "#!/bin/sh\nexec sleep 60\n")
    result = run_module("rabbitmq_accounts", accounts=[NOVA], timeout=1)
    assert result["msg"].endswith("rabbitmqctl export_definitions was stopped: it had not ended after 1 s")


def test_nothing_to_do_asks_nobody(run_module: Any, rabbit: Rabbit) -> None:
    assert not run_module("rabbitmq_accounts", accounts=[])["changed"]
    assert rabbit.called() == []


LOGIN = {"url": "http://127.0.0.1:9", "user": "guest", "password": "guest"}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"accounts": [NOVA, {**CELL1, "password": "x1"}]}, "the user nova is in accounts with different passwords"),
        ({"accounts": [NOVA, {**NOVA, "read": "^$"}]}, "different permissions on the vhost nova"),
        ({"accounts": [NOVA], "absent_users": ["nova"]}, "the user nova is both in accounts and in absent_users"),
        ({"accounts": [{**NOVA, "password": ""}]}, "the password of an account in accounts is empty (user 'nova'"),
        ({"accounts": [{**NOVA, "vhost": ""}]}, "the vhost of an account in accounts is empty (user 'nova'"),
        ({"absent_users": [""]}, "a name in absent_users is empty"),
        ({"absent_users": ["$(reboot)"]}, "the user '$(reboot)' in absent_users cannot be deleted with rabbitmqctl"),
        ({"absent_users": ["--help"]}, "the user '--help' in absent_users cannot be deleted with rabbitmqctl"),
        ({"absent_users": ["guest"], "login": LOGIN}, "the user guest, who logs in, cannot delete itself"),
        (
            {"accounts": [{"user": "guest", "password": "guest", "vhost": "/"}], "login": LOGIN},
            "the user guest, who logs in, would lose its tag administrator",
        ),
        ({"accounts": [NOVA], "login": {**LOGIN, "url": "127.0.0.1:15672"}}, "login.url is 127.0.0.1:15672, but must"),
        ({"accounts": [NOVA], "login": {**LOGIN, "url": "http://h:x"}}, "login.url is http://h:x, but must be like"),
        ({"accounts": [NOVA], "login": {**LOGIN, "url": "http://u:p@h"}}, "login.url has a user or password in it"),
    ],
)
def test_contradictions(run_module: Any, rabbit: Rabbit, arguments: dict[str, Any], message: str) -> None:
    result = run_module("rabbitmq_accounts", **arguments)
    assert result["failed"] and message in result["msg"]
    assert rabbit.called() == []


# --- the HTTP API ----------------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    """The management API; what it does is done by the rabbitmqctl from above."""

    server: Web

    def _do(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        self.server.requests.append((self.command, self.path, body.decode()))
        if self.server.answers:
            return self._answer(*self.server.answers.pop(0))
        name, _colon, password = base64.b64decode(self.headers["Authorization"].split()[1]).decode().partition(":")
        if name == "plain":
            return self._answer(401, {"error": "not_authorised", "reason": "Not management user"})
        if not self.server.rabbit.logs_in(name, password):
            return self._answer(401, {"error": "not_authorized", "reason": "Not_Authorized"})
        if "administrator" not in self.server.rabbit.user(name)["tags"]:
            return self._answer(401, {"error": "not_authorised", "reason": "Not administrator user"})
        if self.path == "/api/definitions" and self.command == "GET":
            return self._answer(200, json.loads(self._ctl("export_definitions", "-")))
        if self.path == "/api/definitions" and self.command == "POST":
            self._ctl("import_definitions", "/dev/stdin", text=body.decode())
            return self._answer(204)
        if self.path.startswith("/api/users/") and self.command == "DELETE":
            user = unquote(self.path.removeprefix("/api/users/"))
            if user not in [item["name"] for item in self.server.rabbit.load()["users"]]:
                return self._answer(404, {"error": "Object Not Found", "reason": "Not Found"})
            self._ctl("delete_user", user)
            return self._answer(204)
        return self._answer(404, {"error": "Object Not Found", "reason": "Not Found"})

    do_GET = do_POST = do_DELETE = _do

    def _ctl(self, *arguments: str, text: str = "") -> str:
        argv = [str(self.server.rabbit.ctl), *arguments]
        return subprocess.run(argv, input=text, capture_output=True, text=True, check=True).stdout

    def _answer(self, code: int, content: Any = None) -> None:
        self.send_response(code)
        text = b"" if content is None else content if isinstance(content, bytes) else json.dumps(content).encode()
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_args: Any) -> None:
        pass


class Web(http.server.ThreadingHTTPServer):
    """A server that somebody else runs."""

    def __init__(self, rabbit: Rabbit) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.rabbit = rabbit
        self.requests: list[tuple[str, str, str]] = []
        self.answers: list[tuple[int, Any]] = []
        self.url = f"http://127.0.0.1:{self.server_address[1]}"
        password = _rabbitmq.password_hash("admin-password", _rabbitmq.USUAL, b"salt")
        self.admin = {"name": "admin", "password_hash": password, "hashing_algorithm": _rabbitmq.USUAL}
        rabbit.state["users"].append({**self.admin, "tags": ["administrator"]})
        rabbit.save()

    def login(self, user: str = "admin", password: str = "admin-password", **options: Any) -> dict[str, Any]:
        return {"url": self.url, "user": user, "password": password, **options}

    def asked(self) -> list[tuple[str, str]]:
        """Methods and paths since the last time."""
        asked = [request[:2] for request in self.requests]
        self.requests.clear()
        return asked


@pytest.fixture
def web(rabbit: Rabbit, monkeypatch: pytest.MonkeyPatch) -> Iterator[Web]:
    for name in ("http_proxy", "https_proxy", "all_proxy", "HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with Web(rabbit) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


READ, WRITE = ("GET", "/api/definitions"), ("POST", "/api/definitions")


def test_api(run_module: Any, rabbit: Rabbit, web: Web) -> None:
    rabbit.load()["users"].append({**web.admin, "name": "a/b ü", "tags": []})
    rabbit.save()
    arguments = {"accounts": [NOVA, CELL1], "absent_users": ["a/b ü", "nobody"], "login": web.login()}
    predicted = run_module("rabbitmq_accounts", check=True, **arguments)
    assert web.asked() == [READ]
    result = run_module("rabbitmq_accounts", **arguments)
    assert {**predicted, "invocation": 0} == {**result, "invocation": 0}
    assert result["changed"] and result["users_created"] == ["nova"] and result["users_removed"] == ["a/b ü"]
    assert web.asked() == [READ, WRITE, ("DELETE", "/api/users/a%2Fb%20%C3%BC"), READ]
    assert rabbit.logs_in("nova", NOVA["password"])
    assert not run_module("rabbitmq_accounts", **arguments)["changed"]
    assert web.asked() == [READ]
    for secret in (NOVA["password"], "admin-password"):
        assert secret not in json.dumps([predicted, result], ensure_ascii=False)


def test_api_may_change_the_password_of_who_logs_in(run_module: Any, rabbit: Rabbit, web: Web) -> None:
    entry = {"user": "admin", "password": "new-password", "vhost": "/", "tags": ["administrator"]}
    assert run_module("rabbitmq_accounts", accounts=[entry], login=web.login())["users_updated"] == ["admin"]
    assert rabbit.logs_in("admin", "new-password")


def test_api_user_that_is_gone_already(run_module: Any, rabbit: Rabbit, web: Web) -> None:
    seen = {**rabbit.load(), "users": [*rabbit.state["users"], {**web.admin, "name": "gone", "tags": []}]}
    web.answers = [(200, seen)]
    result = run_module("rabbitmq_accounts", absent_users=["gone"], login=web.login())
    assert "failed" not in result and web.asked() == [READ, ("DELETE", "/api/users/gone"), READ]


@pytest.mark.parametrize("user", ["plain", "mon"])
def test_api_says_which_tag_is_missing(run_module: Any, rabbit: Rabbit, web: Web, user: str) -> None:
    rabbit.load()["users"].append({**web.admin, "name": "mon", "tags": ["monitoring"]})
    rabbit.save()
    result = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login(user), check=True)
    assert result["failed"]
    assert f"lets the user {user} in, but not change accounts: it needs the tag administrator" in result["msg"]
    assert web.asked() == [READ]


def test_api_says_that_the_password_is_wrong(run_module: Any, web: Web) -> None:
    result = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login(password="nonsense"))
    assert result["msg"] == (
        f"rabbitmq_accounts: {web.url} does not let the user admin in: it does not exist there, or login.password "
        "is not its password (GET /api/definitions: Not_Authorized)"
    )


@pytest.mark.parametrize(
    ("code", "content", "message"),
    [
        (403, {"reason": "no"}, "it needs the tag administrator"),
        (404, {}, "/api/definitions does not exist: is it the RabbitMQ management API?"),
        (200, b"<html>", "does not give JSON: is it the RabbitMQ management API?"),
        (200, [], "not as RabbitMQ 3.8.2 and newer export them"),
        (200, {"users": []}, "not as RabbitMQ 3.8.2 and newer export them"),
        (500, b"<html>", "refuses GET /api/definitions with HTTP 500: (it does not say why)"),
    ],
)
def test_api_that_is_another_one(run_module: Any, web: Web, code: int, content: Any, message: str) -> None:
    web.answers = [(code, content)]
    result = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login())
    assert result["failed"] and message in result["msg"] and "\n" not in result["msg"]
    assert web.asked() == [READ]


def test_api_shows_no_hash_in_an_error(run_module: Any, rabbit: Rabbit, web: Web) -> None:
    kept = _rabbitmq.password_hash(NOVA["password"], _rabbitmq.USUAL, b"\0\0\0\0")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("os.urandom", lambda _count: b"\0\0\0\0")
        web.answers = [(200, rabbit.load()), (400, {"error": "bad_request", "reason": f"bad {kept}"})]
        result = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login())
    assert "refuses POST /api/definitions with HTTP 400: bad (hidden)" in result["msg"]


def test_api_is_waited_for(run_module: Any, web: Web) -> None:
    web.answers = [(503, {}), (502, b"")]
    assert run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login())["changed"]
    assert web.asked() == [READ, READ, READ, WRITE, READ]


def test_api_that_nobody_serves(run_module: Any, rabbit: Rabbit, web: Web) -> None:
    web.server_close()
    result = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login(), timeout=1, check=True)
    assert result["msg"] == (
        f"rabbitmq_accounts: the RabbitMQ management API at {web.url} cannot be reached: Connection refused "
        "(waited for 1 s)"
    )


@pytest.mark.skipif(not shutil.which("openssl"), reason="openssl makes the certificate")
def test_api_certificates(run_module: Any, web: Web, tmp_path: Path) -> None:
    pem = tmp_path / "server.pem"
    names = ["-subj", "/CN=mq", "-addext", "subjectAltName=IP:127.0.0.1"]
    make = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *names]
    subprocess.run([*make, "-days", "2", "-keyout", str(pem), "-out", f"{pem}.crt"], check=True, capture_output=True)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(f"{pem}.crt", pem)
    plain = web.url.replace("http:", "https:")
    spoken = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login(url=plain))
    assert f"{plain} does not answer with TLS" in spoken["msg"]

    web.socket = context.wrap_socket(web.socket, server_side=True)
    web.url = plain
    result = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login())
    assert f"the certificate of {web.url} is not accepted: self-signed certificate" in result["msg"]
    trusted = web.login(ca_cert=f"{pem}.crt")
    assert run_module("rabbitmq_accounts", accounts=[NOVA], login=trusted)["changed"]
    assert not run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login(validate_certs=False))["changed"]
    missing = run_module("rabbitmq_accounts", accounts=[NOVA], login=web.login(ca_cert="/no/such.pem"))
    assert "login.ca_cert is /no/such.pem, which does not exist on this host" in missing["msg"]
