# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A cloud on loopback for all tests here, and a way to run a module against it as Ansible does."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.util
import json
import sys
import time
import typing as t
import urllib.error
import urllib.request
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
COLLECTIONS = HERE.parents[1] / "build" / "collections"


def _beside(name: str, path: str) -> t.Any:
    spec = importlib.util.spec_from_file_location(name, HERE / path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


launcher = _beside("loopback_launcher", "loopback/launcher.py")
module_server_file = _beside("module_server", "module_server.py")


@pytest.fixture(scope="module")
def new_cloud() -> t.Any:
    """new_cloud(computes=3): a context manager, the cloud is there within it."""
    return launcher.Loopback


@pytest.fixture(scope="module")
def running_cloud(new_cloud: t.Any) -> t.Iterator[t.Any]:
    with new_cloud(computes=3) as cloud:
        yield cloud


@pytest.fixture
def cloud(running_cloud: t.Any) -> t.Iterator[t.Any]:
    """The cloud without any faults. Other tests' hosts may be there; use names of your own for more."""
    _calm(running_cloud)
    yield running_cloud
    _calm(running_cloud)


def _calm(cloud: t.Any) -> None:
    cloud.control("faults", [])
    cloud.control("guests/reset", {})
    cloud.control("catalog", {"without": []})
    cloud.control("log")


@dataclasses.dataclass
class Result:
    """What a module printed."""

    data: dict[str, t.Any]
    code: int
    text: str

    def __getattr__(self, name: str) -> t.Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self.data.get(name)


@pytest.fixture(scope="session")
def module_server() -> t.Iterator[t.Any]:
    server = module_server_file.Server(COLLECTIONS)
    yield server
    server.close()


@dataclasses.dataclass
class ModuleRunner:
    """Runs a module of the collection in a process of its own, with its parameters on standard input."""

    server: t.Any
    defaults: dict[str, t.Any] = dataclasses.field(default_factory=dict)

    def start(self, module: str, check: bool = False, diff: bool = False, **params: t.Any) -> t.Any:
        given = {**self.defaults, **params, "_ansible_check_mode": check, "_ansible_diff": diff}
        arguments = {"ANSIBLE_MODULE_ARGS": {name: value for name, value in given.items() if value is not Ellipsis}}
        return self.server.start(module, json.dumps(arguments).encode())

    @staticmethod
    def finish(process: t.Any, timeout: float = 120) -> Result:
        output, errors = process.communicate(timeout=timeout)
        assert "Traceback" not in output + errors, output + errors
        return Result(json.loads(output), process.returncode, output + errors)

    def __call__(self, module: str, check: bool = False, diff: bool = False, **params: t.Any) -> Result:
        """``...`` as a value takes a default parameter away."""
        return self.finish(self.start(module, check, diff, **params))


@pytest.fixture
def run(cloud: t.Any, module_server: t.Any) -> ModuleRunner:
    """Modules with the credentials of the loopback's admin."""
    return ModuleRunner(module_server, {"auth": cloud.auth(), "region_name": "RegionOne"})


class Api:
    """Bare calls, for what a test changes behind the modules' backs."""

    def __init__(self, cloud: t.Any) -> None:
        body = {
            "auth": {
                "identity": {
                    "methods": ["password"],
                    "password": {
                        "user": {"name": "admin", "password": cloud.users["admin"], "domain": {"name": "Default"}}
                    },
                },
                "scope": {"project": {"name": cloud.project, "domain": {"name": "Default"}}},
            }
        }
        request = urllib.request.Request(cloud.auth_url + "/auth/tokens", json.dumps(body).encode())
        with urllib.request.urlopen(request, timeout=30) as reply:
            self.token = reply.headers["X-Subject-Token"]
        self.cloud = cloud

    def __call__(self, method: str, path: str, body: t.Any = None, service: str = "compute") -> t.Any:
        version = {"compute": "compute 2.90", "placement": "placement 1.36"}[service]
        root = self.cloud.url + ("/compute/v2.1" if service == "compute" else "/placement")
        headers = {"X-Auth-Token": self.token, "OpenStack-API-Version": version, "Content-Type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(root + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as reply:
            text = reply.read()
        return json.loads(text) if text else None

    def service(self, host: str) -> str:
        """ID of the nova-compute service of a host."""
        return str(self("GET", "/os-services?binary=nova-compute&host=" + host)["services"][0]["id"])

    def provider(self, name: str) -> str:
        """UUID of a resource provider."""
        found = self("GET", "/resource_providers?name=" + name, service="placement")["resource_providers"]
        return str(found[0]["uuid"])

    @staticmethod
    def until(what: t.Callable[[], t.Any]) -> t.Any:
        """What this gives, once it is something; within 120 seconds."""
        limit = time.monotonic() + 120
        while not (found := what()):
            assert time.monotonic() < limit, "it did not happen"
            time.sleep(0.1)
        return found

    def servers(self) -> list[dict[str, t.Any]]:
        """All servers."""
        return list(self("GET", "/servers/detail?all_tenants=1")["servers"])

    def clear(self) -> list[dict[str, t.Any]]:
        """The servers that there were; there are none afterwards."""
        found = self.servers()
        for server in found:
            self("DELETE", "/servers/" + server["id"])
        self.until(lambda: not self.servers())
        return found

    def consumers(self) -> set[str]:
        """Who has allocations in Placement: servers, migrations, and for a moment those that are gone already."""
        providers = self("GET", "/resource_providers", service="placement")["resource_providers"]
        paths = ["/resource_providers/%s/allocations" % provider["uuid"] for provider in providers]
        return {consumer for path in paths for consumer in self("GET", path, service="placement")["allocations"]}


@pytest.fixture
def nova(cloud: t.Any) -> Api:
    api = Api(cloud)
    cloud.control("log")
    return api


@pytest.fixture
def compute(cloud: t.Any, nova: Api) -> t.Iterator[t.Callable[..., None]]:
    """Starts one more nova-compute for a test; afterwards nobody is to take it for a host that works."""
    started = []

    def start(host: str, cell: str = "cell1", mapped: bool = True) -> None:
        cloud.control("computes", {"host": host, "cell": cell, "mapped": mapped})
        started.append(host)

    yield start
    for host in started:
        cloud.control("computes/stop", {"host": host})
        with contextlib.suppress(urllib.error.HTTPError):  # one that was never mapped
            nova("PUT", "/os-services/" + nova.service(host), {"forced_down": True})
