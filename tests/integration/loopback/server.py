# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""A real Nova and a real Placement on one loopback port, for tests.

Nova's API, scheduler, conductor and any number of nova-compute services with the fake driver run in this process on
SQLite files; Placement runs beside them. Keystone and Glance are stubs: a password, a catalog, a list of images.
The process prints one line of JSON (address, passwords, paths) when it is ready, and ends when its standard input is
closed, which happens when its parent ends in whatever way.

It is driven over HTTP by tests, below ``/_loopback``:

======  ==============  =====================================================================================
method  path            what
======  ==============  =====================================================================================
POST    /computes       ``{"host", "cell", "mapped"}``: start one more nova-compute
POST    /computes/stop  ``{"host"}``: stop it, so that its service is down
POST    /guests         ``{"host", "spawn_error", "spawn_seconds", "console", "console_seconds", "destroy_error"}``
POST    /guests/reset   forget them
POST    /catalog        ``{"without": [service types]}``: what the catalog lacks for logins from now on
POST    /faults         a list of ``{"method", "path", "status", "body", "hang", "cut", "lose", "times", "skip"}``
POST    /flags          ``{"group", "values"}``: Nova options, changed while it runs
POST    /placement      ``{option: value}`` of Placement's section ``placement``, changed while it runs
GET     /errors         what Nova logged from its first error on
GET     /log            the requests served since the last time it was asked for: ``[method, path, status]``
======  ==============  =====================================================================================
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import importlib
import json
import os
import re
import shutil
import signal
import socketserver
import sys
import tempfile
import threading
import time
import traceback
import typing as t
import unittest
from wsgiref import simple_server
from wsgiref.util import request_uri, shift_path_info

os.environ["OS_NOVA_DISABLE_EVENTLET_PATCHING"] = "1"
os.environ.setdefault("OS_DEBUG", "0")

import fixtures

# (before all else of Nova: this decides about eventlet)
importlib.import_module("nova.tests.functional")

from futurist import _thread as futurist_thread  # noqa: E402
from nova import context as nova_context  # noqa: E402
from nova import objects  # noqa: E402
from nova.tests.functional import integrated_helpers  # noqa: E402
from nova.virt import fake as fake_driver  # noqa: E402
from oslo_config import cfg  # noqa: E402
from oslo_utils.fixture import uuidsentinel  # noqa: E402
from placement import deploy as placement_deploy  # noqa: E402

# (the package has another thing of this name)
nova_fixtures: t.Any = importlib.import_module("nova.tests.fixtures.nova")

StartResponse = t.Callable[..., t.Any]
Environ = dict[str, t.Any]

USERS = {
    "admin": {"password": "loopback-admin-secret", "roles": ["admin", "member", "reader"]},
    "demo": {"password": "loopback-demo-secret", "roles": ["member", "reader"]},
}
REGION = "RegionOne"
MEMORY = "/dev/shm"
FILTERS = [
    "AggregateInstanceExtraSpecsFilter",
    "AggregateMultiTenancyIsolation",
    "AggregateNumInstancesFilter",
    "AggregateTypeAffinityFilter",
]
STATUS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    400: "Bad Request",
    401: "Unauthorized",
    403: "Forbidden",
    404: "Not Found",
    409: "Conflict",
    429: "Too Many Requests",
    500: "Internal Server Error",
    502: "Bad Gateway",
    503: "Service Unavailable",
    504: "Gateway Timeout",
}


def _reply(
    start_response: StartResponse, status: int, body: t.Any = None, headers: dict[str, str] | None = None
) -> list[bytes]:
    data = b"" if body is None else json.dumps(body).encode()
    start_response(
        "%d %s" % (status, STATUS.get(status, "Status")),
        [("Content-Type", "application/json"), ("Content-Length", str(len(data))), *(headers or {}).items()],
    )
    return [data]


def _json_body(environ: Environ) -> t.Any:
    length = int(environ.get("CONTENT_LENGTH") or 0)
    return json.loads(environ["wsgi.input"].read(length) or b"null")


class Keystone:
    """Passwords, tokens and a catalog; nothing else of Keystone."""

    def __init__(self) -> None:
        self.tokens: dict[str, str] = {}
        self.catalog_without: set[str] = set()

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        path = environ["PATH_INFO"].rstrip("/")
        root = request_uri(environ, include_query=False).split("/identity")[0]
        if path in ("", "/v3") and environ["REQUEST_METHOD"] == "GET":
            version = {
                "id": "v3.14",
                "status": "stable",
                "media-types": [],
                "links": [{"rel": "self", "href": root + "/identity/v3/"}],
            }
            if path:
                return _reply(start_response, 200, {"version": version})
            return _reply(start_response, 300, {"versions": {"values": [version]}})
        if path == "/v3/auth/tokens" and environ["REQUEST_METHOD"] == "POST":
            return self.login(_json_body(environ), root, start_response)
        return _reply(
            start_response, 404, {"error": {"code": 404, "title": "Not Found", "message": "no such thing here"}}
        )

    def login(self, body: t.Any, root: str, start_response: StartResponse) -> list[bytes]:
        identity = body["auth"]["identity"]
        user = identity.get("password", {}).get("user", {})
        known = USERS.get(user.get("name", ""))
        if known is None or user.get("password") != known["password"]:
            message = "The request you have made requires authentication."
            return _reply(start_response, 401, {"error": {"code": 401, "title": "Unauthorized", "message": message}})
        token = "loopback-token-of-%s-%d" % (user["name"], len(self.tokens))
        self.tokens[token] = user["name"]
        stamp = "%Y-%m-%dT%H:%M:%S.000000Z"
        services = {
            "identity": "/identity",
            "compute": "/compute/v2.1",
            "placement": "/placement",
            "image": "/image",
        }
        catalog = [
            {
                "type": kind,
                "name": kind,
                "id": kind,
                "endpoints": [
                    {
                        "interface": interface,
                        "region": REGION,
                        "region_id": REGION,
                        "url": root + where,
                        "id": "%s-%s" % (kind, interface),
                    }
                    for interface in ("public", "internal")
                ],
            }
            for kind, where in services.items()
            if kind not in self.catalog_without
        ]
        project = {"id": nova_fixtures.PROJECT_ID, "name": "loopback", "domain": {"id": "default", "name": "Default"}}
        reply = {
            "token": {
                "methods": ["password"],
                "catalog": catalog,
                "project": project,
                "is_domain": False,
                "user": {"id": user["name"], "name": user["name"], "domain": {"id": "default", "name": "Default"}},
                "roles": [{"id": role, "name": role} for role in known["roles"]],
                "issued_at": time.strftime(stamp, time.gmtime()),
                "expires_at": time.strftime(stamp, time.gmtime(time.time() + 86400)),
            }
        }
        return _reply(start_response, 201, reply, {"X-Subject-Token": token})


class WithToken:
    """What keystonemiddleware does in front of a service: a token becomes headers, an unknown one a 401."""

    def __init__(self, keystone: Keystone, app: t.Callable[..., t.Any], placement: bool = False) -> None:
        self.keystone = keystone
        self.app = app
        self.placement = placement

    def __call__(self, environ: Environ, start_response: StartResponse) -> t.Any:
        # version documents are public
        if environ["PATH_INFO"].strip("/") not in ("", "v2.1"):
            user = self.keystone.tokens.get(environ.get("HTTP_X_AUTH_TOKEN", ""))
            if user is None:
                return _reply(start_response, 401, {"error": {"code": 401, "message": "unknown token"}})
            environ["HTTP_X_AUTH_USER"] = environ["HTTP_X_USER_ID"] = user
            environ["HTTP_X_AUTH_PROJECT_ID"] = environ["HTTP_X_PROJECT_ID"] = nova_fixtures.PROJECT_ID
            environ["HTTP_X_ROLES"] = ",".join(t.cast("list[str]", USERS[user]["roles"]))
            if self.placement:
                environ["HTTP_X_AUTH_TOKEN"] = "%s:%s" % (user, nova_fixtures.PROJECT_ID)
        return self.app(environ, start_response)


class Glance:
    def __init__(self, fixture: t.Any) -> None:
        self.fixture = fixture

    def __call__(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        images = [
            {"id": image["id"], "name": image["name"], "status": image["status"], "visibility": "public"}
            for image in self.fixture.images.values()
        ]
        path = environ["PATH_INFO"].rstrip("/")
        if path == "/v2/images":
            wanted = re.search(r"(?:^|&)name=([^&]*)", environ.get("QUERY_STRING", ""))
            if wanted:
                images = [image for image in images if image["name"] == wanted.group(1).replace("+", " ")]
            return _reply(start_response, 200, {"images": images})
        for image in images:
            if path == "/v2/images/" + image["id"]:
                return _reply(start_response, 200, image)
        if path == "":
            here = request_uri(environ, include_query=False).rstrip("/")
            version = {"id": "v2.16", "status": "CURRENT", "links": [{"rel": "self", "href": here + "/v2/"}]}
            return _reply(start_response, 300, {"versions": [version]})
        return _reply(start_response, 404, {"message": "No image found"})


class Faults:
    """The door of all services: counts what comes in and spoils what it is told to spoil."""

    def __init__(self, apps: dict[str, t.Callable[..., t.Any]]) -> None:
        self.apps = apps
        self.rules: list[dict[str, t.Any]] = []
        self.log: list[list[t.Any]] = []
        self.lock = threading.Lock()

    def _rule(self, method: str, path: str) -> dict[str, t.Any] | None:
        with self.lock:
            for rule in self.rules:
                if rule.get("method", method) != method or not re.search(rule.get("path", ""), path):
                    continue
                if rule.get("skip", 0) > 0:
                    rule["skip"] -= 1
                    continue
                if rule.get("times", 1) == 0:
                    continue
                rule["times"] = rule.get("times", -1) - 1
                return rule
        return None

    def __call__(self, environ: Environ, start_response: StartResponse) -> t.Any:
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        head = path.split("/")[1] if "/" in path else ""
        query = environ.get("QUERY_STRING", "")
        full = path + ("?" + query if query else "")

        def note(status: str, headers: t.Any, exc_info: t.Any = None) -> t.Any:
            if head != "_loopback":
                with self.lock:
                    self.log.append([method, full, int(status.split()[0])])
            return start_response(status, headers, exc_info)

        rule = None if head == "_loopback" else self._rule(method, full)
        if rule is not None:
            if rule.get("hang"):
                time.sleep(rule["hang"])
            if rule.get("cut"):
                with self.lock:
                    self.log.append([method, full, 0])
                raise ConnectionAbortedError("cut off by a test")
            if rule.get("status"):
                return _reply(note, rule["status"], rule.get("body"), rule.get("headers"))
        app = self.apps.get(head)
        if app is None:
            return _reply(note, 404, {"message": "no service lives here"})
        shift_path_info(environ)
        answer = app(environ, note)
        if rule is not None and rule.get("lose"):
            raise ConnectionAbortedError("answer lost for a test")
        return answer


class Guests:
    """What the fake driver does with a guest, by host."""

    def __init__(self) -> None:
        self.rules: dict[str, dict[str, t.Any]] = collections.defaultdict(dict)
        self.spawned: dict[str, float] = {}

    def rule(self, host: str) -> dict[str, t.Any]:
        return {**self.rules.get("*", {}), **self.rules.get(host, {})}

    def install(self) -> None:
        driver = fake_driver.FakeDriver
        spawn, destroy, console = driver.spawn, driver.destroy, driver.get_console_output

        def new_spawn(this: t.Any, context: t.Any, instance: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
            rule = self.rule(instance.host)
            if rule.get("spawn_seconds"):
                time.sleep(rule["spawn_seconds"])
            if rule.get("spawn_error"):
                raise RuntimeError(rule["spawn_error"])
            self.spawned[instance.uuid] = time.monotonic()
            return spawn(this, context, instance, *args, **kwargs)

        def new_destroy(this: t.Any, context: t.Any, instance: t.Any, *args: t.Any, **kwargs: t.Any) -> t.Any:
            rule = self.rule(instance.host)
            if rule.get("destroy_error"):
                raise RuntimeError(rule["destroy_error"])
            return destroy(this, context, instance, *args, **kwargs)

        def new_console(this: t.Any, context: t.Any, instance: t.Any) -> t.Any:
            rule = self.rule(instance.host)
            if time.monotonic() - self.spawned.get(instance.uuid, 0.0) < rule.get("console_seconds", 0):
                return "booting\n"
            return rule["console"] if "console" in rule else console(this, context, instance)

        driver.spawn, driver.destroy, driver.get_console_output = new_spawn, new_destroy, new_console


class CellDatabases(nova_fixtures.CellDatabases):  # type: ignore[misc]
    """Nova's own fixture has one current cell for the whole process, and a lock around whatever is done in it: a call
    from one service to another while a third waits for the lock ends in a deadlock. Here every thread has its own."""

    def __init__(self) -> None:
        super().__init__()
        self._thread = threading.local()

    @contextlib.contextmanager
    def _wrap_target_cell(self, context: t.Any, cell_mapping: t.Any) -> t.Iterator[t.Any]:
        before = getattr(self._thread, "manager", None)
        self._thread.manager = self._ctxt_mgrs[cell_mapping.database_connection] if cell_mapping else None
        try:
            with self._real_target_cell(context, cell_mapping) as targeted:
                yield targeted
        finally:
            self._thread.manager = before

    def _wrap_get_context_manager(self, context: t.Any) -> t.Any:
        targeted = getattr(context, "db_connection", None)
        return targeted or getattr(self._thread, "manager", None) or self._default_ctxt_mgr


class Loopback(integrated_helpers.ProviderUsageBaseTestCase):
    compute_driver = "fake.MediumFakeDriver"
    NUMBER_OF_CELLS = 2

    args: t.ClassVar[argparse.Namespace]
    directory: t.ClassVar[str]

    def __init__(self) -> None:
        super().__init__("runTest")

    def setUp(self) -> None:
        # besides the default ones those that look at aggregates, and no quotas in the way of filling the cloud
        self.flags(enabled_filters=[*cfg.CONF.filter_scheduler.enabled_filters, *FILTERS], group="filter_scheduler")
        self.flags(instances=-1, cores=-1, ram=-1, server_groups=-1, server_group_members=-1, group="quota")
        super().setUp()

    def _setup_cells(self) -> None:
        """The cells of Nova's own test class, but with databases that nova-manage in another process can open."""
        databases = CellDatabases()
        context = nova_context.get_context()
        for number in range(self.NUMBER_OF_CELLS + 1):
            name = "cell%d" % number
            url = "sqlite:///%s/%s.sqlite" % (self.directory, name)
            uuid = getattr(uuidsentinel, name) if number else objects.CellMapping.CELL0_UUID
            cell = objects.CellMapping(
                context=context, uuid=uuid, name=name, transport_url="fake://nowhere/", database_connection=url
            )
            cell.create()
            self.cell_mappings[name] = cell
            databases.add_cell_database(url, default=number == 1)
        self.useFixture(databases)

    def start_compute(self, host: str, cell: str = "cell1", mapped: bool = True) -> None:
        if host in self.computes:
            self.computes[host].stop()
        if not mapped:
            # the test class makes the mapping unless it believes that there is one
            self.host_mappings[host] = objects.HostMapping(host=host, cell_mapping=self.cell_mappings[cell])
        self._start_compute(host, cell_name=cell)

    def control(self, environ: Environ, start_response: StartResponse) -> list[bytes]:
        what = "%s %s" % (environ["REQUEST_METHOD"], environ["PATH_INFO"])
        try:
            with self.lock:
                body = _json_body(environ)
                if what == "POST /computes":
                    self.start_compute(body["host"], body.get("cell", "cell1"), body.get("mapped", True))
                elif what == "POST /computes/stop":
                    self.computes[body["host"]].stop()
                elif what == "POST /guests":
                    self.guests.rules[body.pop("host", "*")] = body
                elif what == "POST /guests/reset":
                    self.guests.rules.clear()
                elif what == "POST /faults":
                    self.door.rules = body
                elif what == "POST /catalog":
                    self.keystone.catalog_without = set(body["without"])
                elif what == "POST /flags":
                    self.flags(group=body.get("group"), **body["values"])
                elif what == "POST /placement":
                    self.placement.fixture.conf_fixture.config(group="placement", **body)
                elif what == "GET /errors":
                    lines = self.stdlog.logger.output.splitlines()
                    found = [number for number, line in enumerate(lines) if " ERROR " in line or "Traceback" in line]
                    return _reply(start_response, 200, lines[found[0] :][:400] if found else [])
                elif what == "GET /log":
                    with self.door.lock:
                        log, self.door.log = self.door.log, []
                    return _reply(start_response, 200, log)
                else:
                    return _reply(start_response, 404, {"message": what})
            return _reply(start_response, 200, {})
        except Exception:
            return _reply(start_response, 500, {"message": traceback.format_exc()})

    def write_config(self) -> str:
        """A nova.conf with which nova-manage finds the same databases."""
        path = os.path.join(self.directory, "nova.conf")
        with open(path, "w", encoding="utf-8") as stream:
            stream.write(
                "[DEFAULT]\nstate_path = {0}\ntransport_url = fake://nowhere/\n"
                "[oslo_concurrency]\nlock_path = {0}/lock\n"
                "[database]\nconnection = sqlite:///{0}/cell0.sqlite\n"
                "[api_database]\nconnection = sqlite:///{0}/nova_api.sqlite\n".format(self.directory)
            )
        return path

    def runTest(self) -> None:
        # Nova's test class has just made it 0.01: hundreds of idle workers would wake up a hundred times a second.
        # (A service that is stopped waits for its workers so long.)
        futurist_thread.ThreadWorker.MAX_IDLE_FOR = 1
        self.lock = threading.RLock()
        self.guests = Guests()
        self.guests.install()
        cfg.CONF.set_override("max_local_block_devices", 3)
        for number in range(1, self.args.computes + 1):
            self.start_compute("cmp%d" % number)
        self.keystone = Keystone()
        placement = placement_deploy.loadapp(self.placement.fixture.conf_fixture.conf)
        self.door = Faults(
            {
                "identity": self.keystone,
                "compute": WithToken(self.keystone, self.api_fixture.app()),
                "placement": WithToken(self.keystone, placement, placement=True),
                "image": WithToken(self.keystone, Glance(self.glance)),
                "_loopback": self.control,
            }
        )
        with _serve(self.door) as port:
            ready = {
                "url": "http://127.0.0.1:%d" % port,
                "auth_url": "http://127.0.0.1:%d/identity/v3" % port,
                "users": {name: user["password"] for name, user in USERS.items()},
                "project": "loopback",
                "config_file": self.write_config(),
                "nova_manage": os.path.join(sys.prefix, "bin", "nova-manage"),
                "directory": self.directory,
                "pid": os.getpid(),
            }
            sys.__stdout__.write(json.dumps(ready) + "\n")  # type: ignore[union-attr]
            sys.__stdout__.flush()  # type: ignore[union-attr]
            sys.stdin.buffer.read()


class _Handler(simple_server.WSGIRequestHandler):
    def log_message(self, format: str, *args: t.Any) -> None:
        pass

    def handle(self) -> None:
        with contextlib.suppress(ConnectionError):
            super().handle()


class _Server(socketserver.ThreadingMixIn, simple_server.WSGIServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request: t.Any, client_address: t.Any) -> None:
        pass


@contextlib.contextmanager
def _serve(app: t.Callable[..., t.Any]) -> t.Iterator[int]:
    server = simple_server.make_server("127.0.0.1", 0, app, server_class=_Server, handler_class=_Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()


def _own_database_files(directory: str) -> None:
    """Nova's fixtures make SQLite files with random names; ours have known ones."""

    import sqlite3

    def named(name: str) -> tuple[str, str]:
        path = name[len("sqlite:///") :] if name.startswith("sqlite:///") else "%s/nova_%s.sqlite" % (directory, name)
        with sqlite3.connect(path) as connection:
            connection.execute("PRAGMA journal_mode=WAL")
        return "sqlite:///" + path, path

    nova_fixtures._use_file_backed_sqlite_with_wal = named


def main() -> None:
    parser = argparse.ArgumentParser(description="a Nova and a Placement on loopback, for tests")
    parser.add_argument("--computes", type=int, default=3, help="nova-compute services to start with (cmp1, cmp2, ...)")
    parser.add_argument("--no-neutron", action="store_true", help="leave Nova's network calls as they are")
    Loopback.args = parser.parse_args()
    # databases in memory where that is possible: nobody needs them on a disk
    Loopback.directory = tempfile.mkdtemp(
        prefix="scaleout-loopback-", dir=MEMORY if os.access(MEMORY, os.W_OK) else None
    )
    _own_database_files(Loopback.directory)
    if Loopback.args.no_neutron:
        # the fixture's place is taken by one that does nothing: Nova then calls a Neutron that is not there
        integrated_helpers.nova_fixtures.NeutronFixture = lambda test: fixtures.Fixture()

    def end(code: int) -> None:
        shutil.rmtree(Loopback.directory, ignore_errors=True)
        # threads of stopped services would keep the process
        os._exit(code)

    signal.signal(signal.SIGTERM, lambda *_args: end(0))
    result = unittest.TestResult()
    try:
        Loopback().run(result)
        for _test, text in result.errors + result.failures:
            sys.stderr.write(text)
    finally:
        end(0 if result.wasSuccessful() else 1)


if __name__ == "__main__":
    main()
