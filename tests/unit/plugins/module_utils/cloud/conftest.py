# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud of a few lines: it answers over HTTP what a test tells it to."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
import time
from collections import defaultdict
from collections.abc import Iterator
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions

PASSWORD = "correct-horse"


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeCloud

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def answer(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        body = json.loads(self.rfile.read(length) or b"null")
        path = self.path.split("?")[0]
        cloud = self.server
        cloud.log.append((self.command, self.path, dict(self.headers)))
        script = cloud.script[self.command, path]
        step = script.pop(0) if len(script) > 1 else (script[0] if script else cloud.keystone(self.command, path, body))
        if step.get("delay"):
            time.sleep(step["delay"])
        if step.get("cut"):
            self.close_connection = True
            return
        data = step.get("raw")
        if data is None:
            data = b"" if step.get("body") is None else json.dumps(step["body"]).encode()
        self.send_response(step.get("status", 200))
        for name, value in step.get("headers", {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(step.get("length", len(data))))
        self.end_headers()
        with contextlib.suppress(ConnectionError):
            self.wfile.write(data)
        if "length" in step:
            self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = answer


class FakeCloud(http.server.ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        #: what to answer to (method, path), in order, the last one for ever
        self.script: dict[tuple[str, str], list[dict[str, Any]]] = defaultdict(list)
        self.log: list[tuple[str, str, dict[str, str]]] = []
        self.endpoints = {"compute": "/compute/v2.1", "placement": "/placement/", "image": "/image"}
        self.region = "north"

    @property
    def url(self) -> str:
        return "http://127.0.0.1:%d" % self.server_port

    def calls(self, path: str) -> int:
        return sum(1 for _method, called, _headers in self.log if called.split("?")[0] == path)

    def says(self, method: str, path: str, *steps: dict[str, Any]) -> None:
        self.script[method, path] = list(steps)

    def keystone(self, method: str, path: str, body: Any) -> dict[str, Any]:
        if path == "/v3":
            link = {"rel": "self", "href": self.url + "/v3/"}
            return {"body": {"version": {"id": "v3.14", "status": "stable", "links": [link], "media-types": []}}}
        if (method, path) == ("POST", "/v3/auth/tokens"):
            user = body["auth"]["identity"]["password"]["user"]
            if user["password"] != PASSWORD:
                return {"status": 401, "body": {"error": {"code": 401, "message": "no", "title": "Unauthorized"}}}
            catalog = [
                {
                    "type": kind,
                    "endpoints": [
                        {
                            "interface": "public",
                            "region": self.region,
                            "url": where if "://" in where else self.url + where,
                            "id": kind,
                        }
                    ],
                }
                for kind, where in self.endpoints.items()
            ]
            token = {
                "methods": ["password"],
                "expires_at": "2999-01-01T00:00:00.000000Z",
                "issued_at": "2026-01-01T00:00:00.000000Z",
                "user": {"id": "u", "name": user["name"], "domain": {"id": "default", "name": "Default"}},
                "project": {"id": "p", "name": "demo", "domain": {"id": "default", "name": "Default"}},
                "roles": [{"id": "m", "name": "member"}],
                "catalog": catalog,
            }
            return {"status": 201, "body": {"token": token}, "headers": {"X-Subject-Token": "a-token"}}
        return {"status": 404, "body": {"itemNotFound": {"code": 404, "message": "nothing scripted"}}}

    def auth(self, **changes: Any) -> dict[str, Any]:
        return {
            "auth_url": self.url + "/v3",
            "username": "demo",
            "password": PASSWORD,
            "project_name": "demo",
            "user_domain_name": "Default",
            "project_domain_name": "Default",
            **changes,
        }

    def session(self, **options: Any) -> Cloud:
        """A session with it, as fast in its retries as a test wants."""
        cloud = Cloud(CloudOptions(**{"auth": self.auth(), "api_timeout": 5, **options}))
        cloud.retry_delays = (0.01, 0.01, 0.01)
        return cloud


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> Iterator[FakeCloud]:
    for name in ("OS_CLOUD", "OS_AUTH_URL", "OS_USERNAME", "OS_PASSWORD", "OS_CLIENT_CONFIG_FILE"):
        monkeypatch.delenv(name, raising=False)
    # the lists of places are made once, when openstacksdk is imported
    monkeypatch.setattr("openstack.config.loader.CONFIG_FILES", [str(tmp_path / "clouds.yaml")])
    monkeypatch.setattr("openstack.config.loader.SECURE_FILES", [str(tmp_path / "secure.yaml")])
    cloud = FakeCloud()
    thread = threading.Thread(target=cloud.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
    thread.start()
    yield cloud
    cloud.shutdown()
    cloud.server_close()
