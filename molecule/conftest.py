# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of the scenario, reached by SSH, and the cloud that they are, reached by its APIs."""

from __future__ import annotations

import json
import os
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from functools import cache, cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import pytest
import testinfra
import yaml

SCENARIO = Path(os.environ.get("MOLECULE_SCENARIO_DIRECTORY") or Path(__file__).parent / "default")
INVENTORY = SCENARIO / "inventory"  # of the scenario's own; there may be another before it
CACHE = Path(os.environ.get("SCALEOUT_CACHE") or Path.home() / ".cache" / "scaleout-nova")
KEY = CACHE / "lab" / "id_ed25519"
SSH_OPTIONS = (
    "-o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR -o ConnectTimeout=10 "
    "-o ServerAliveInterval=5 -o PreferredAuthentications=publickey"
)
OURS = ("controllers", "backends", "computes")
PATIENCE = 150  # seconds that a cloud may take to be whole again, on a machine that has other work to do


@cache
def sources() -> list[str]:
    """Options that name the inventories, as the scenario gives them to ansible-playbook."""
    settings = yaml.safe_load((SCENARIO / "molecule.yml").read_text())
    given = settings["ansible"]["executor"]["args"]["ansible_playbook"]
    return [os.path.expandvars(option) for option in given if option.startswith("--inventory=")]


@cache
def inventory() -> dict[str, Any]:
    """`ansible-inventory --list`; templates in it stay templates."""
    command = ["ansible-inventory", *sources(), "--list"]
    quiet = {**os.environ, "ANSIBLE_LOG_PATH": "/dev/null"}  # what it prints has the secrets
    return dict(json.loads(subprocess.run(command, check=True, capture_output=True, text=True, env=quiet).stdout))


def members(group: str) -> list[str]:
    """Names of the hosts of a group; those of all our groups, each once."""
    if group == "all":
        return list(dict.fromkeys(name for group in OURS for name in members(group)))
    return list(inventory().get(group, {"hosts": []})["hosts"])


def computes_of(name: str) -> dict[str, str]:
    """Names of the nova-computes of a host, each with that of its cell."""
    values = inventory()["_meta"]["hostvars"][name]
    cell = values.get("nova_compute_cell", "cell1")
    if values.get("nova_compute_driver") != "fake":
        return {name: cell}
    return {f"{name}-{number}": cell for number in range(1, values["nova_compute_fake_count"] + 1)}


class Node:
    """A host of the scenario."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.vars: Mapping[str, Any] = inventory()["_meta"]["hostvars"][name]
        self.address: str = self.vars.get("scenario_address", self.vars["ansible_host"])
        self.host = testinfra.get_host(
            f"ssh://root@{self.address}", ssh_identity_file=str(KEY), ssh_extra_args=SSH_OPTIONS
        )
        self.services: list[str] = self.vars.get("scenario_services", [])
        self.backends: list[str] = self.vars.get("scenario_backends", [])

    def run(self, command: str) -> str:
        """What a shell command prints; the test fails when the command does."""
        return str(self.host.check_output(command))

    def feed(self, command: str, text: str) -> str:
        """The same, with something to read, which no list of processes can show."""
        full = ["ssh", *SSH_OPTIONS.split(), "-i", str(KEY), f"root@{self.address}", command]
        return subprocess.run(full, input=text, check=True, capture_output=True, text=True).stdout

    def sql(self, query: str) -> list[tuple[str, ...]]:
        """Rows of the cloud's database."""
        return [tuple(line.split("\t")) for line in self.run(f'mariadb -N -B -e "{query}"').splitlines()]

    def unit(self, unit: str, *properties: str) -> dict[str, str]:
        """Properties of a unit."""
        shown = self.run(f"systemctl show -p {','.join(properties)} -- {unit}")
        return dict(line.split("=", 1) for line in shown.splitlines())


class Answer(NamedTuple):
    """What a service says."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Cloud:
    """The cloud's APIs, as the administrator."""

    ports: ClassVar = {
        "keystone": 5000,
        "glance": 9292,
        "placement": 8778,
        "neutron": 9696,
        "nova": 8774,
        "metadata": 8775,
        "console": 6080,
    }

    def __init__(self, address: str, password: str) -> None:
        self.address = address
        self.password = password
        self.opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))

    def url(self, service: str, path: str) -> str:
        """Address of a resource."""
        return f"http://{self.address}:{self.ports[service]}{path}"

    def call(
        self,
        service: str,
        path: str,
        *,
        body: bytes | None = None,
        headers: Mapping[str, str] | None = None,
        method: str | None = None,
    ) -> Answer:
        """What the service answers, to one without a token unless the headers have it."""
        request = urllib.request.Request(self.url(service, path), data=body, headers=dict(headers or {}), method=method)
        try:
            with self.opener.open(request, timeout=30) as answer:
                return Answer(answer.status, dict(answer.headers), answer.read())
        except urllib.error.HTTPError as error:
            return Answer(error.code, dict(error.headers), error.read())

    def login(self) -> str:
        """A new token."""
        user = {"name": "admin", "domain": {"id": "default"}, "password": self.password}
        wanted = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": {"id": "default"}}},
        }
        body = json.dumps({"auth": wanted}).encode()
        answer = self.call("keystone", "/v3/auth/tokens", body=body, headers={"Content-Type": "application/json"})
        assert answer.status == 201, f"no token: {answer.status} {answer.body[:200]!r}"
        return {name.lower(): value for name, value in answer.headers.items()}["x-subject-token"]

    @cached_property
    def token(self) -> str:
        """The token of this session, which outlives every fault: it is kept by nobody but the one who uses it."""
        return self.login()

    def get(self, service: str, path: str, microversion: str = "") -> dict[str, Any]:
        """A resource."""
        return self.ask("GET", service, path, microversion)

    def ask(
        self, method: str, service: str, path: str, microversion: str = "", body: Mapping[str, Any] | None = None
    ) -> dict[str, Any]:
        """What a service answers to the administrator; an error fails the test."""
        headers = {"X-Auth-Token": self.token, "Accept": "application/json", "Content-Type": "application/json"}
        if microversion:
            headers["OpenStack-API-Version"] = microversion
        data = None if body is None else json.dumps(body).encode()
        answer = self.call(service, path, body=data, headers=headers, method=method)
        assert answer.status < 300, f"{method} {service} {path}: {answer.status} {answer.body[:200]!r}"
        return dict(json.loads(answer.body or b"{}"))

    def consumers(self) -> set[str]:
        """Who has allocations in Placement: servers, migrations, and for a moment those that are gone already."""
        providers = self.get("placement", "/resource_providers")["resource_providers"]
        paths = [f"/resource_providers/{provider['uuid']}/allocations" for provider in providers]
        return {consumer for path in paths for consumer in self.get("placement", path)["allocations"]}


def wait_for(attempt: Callable[[], Any], seconds: float = PATIENCE) -> Any:
    """The result of a check that may need some time to come true."""
    deadline = time.monotonic() + seconds
    while True:
        try:
            return attempt()
        except (AssertionError, OSError):
            if time.monotonic() > deadline:
                raise
            time.sleep(1)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that has the argument `node` or `compute` is run for each of them."""
    for argument, group in (("node", "all"), ("compute", "computes")):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, members(group), indirect=True, scope="session")


@cache
def connect(name: str) -> Node:
    """One connection per host."""
    return Node(name)


@pytest.fixture(scope="session")
def node(request: pytest.FixtureRequest) -> Node:
    """Each host of the scenario."""
    return connect(request.param)


@pytest.fixture(scope="session")
def compute(request: pytest.FixtureRequest) -> Node:
    """Each compute."""
    return connect(request.param)


@pytest.fixture(scope="session")
def controller() -> Node:
    """The controller."""
    return connect(members("controllers")[0])


@pytest.fixture(scope="session")
def database(controller: Node) -> Node:
    """The host with the cloud's database, which need not be one of ours."""
    address = controller.vars.get("service_database_address")
    hostvars = inventory()["_meta"]["hostvars"]
    return next((connect(name) for name in hostvars if hostvars[name].get("ansible_host") == address), controller)


@pytest.fixture(scope="session")
def host() -> Callable[[str], Node]:
    """A host by its name."""
    return connect


@pytest.fixture(scope="session")
def cells() -> dict[str, str]:
    """Names of all nova-computes, each with that of its cell."""
    return {compute: cell for name in members("computes") for compute, cell in computes_of(name).items()}


@pytest.fixture(scope="session")
def computes() -> set[str]:
    """Names of the computes whose guests come up: all but the fake ones."""
    return {name for name in members("computes") if name in computes_of(name)}


@pytest.fixture(scope="session")
def hypervisors(cells: Mapping[str, str]) -> dict[str, str]:
    """Names of all nova-computes, each with that of its hypervisor: for libvirt, the name that the host has itself."""
    own = {name: connect(name).run("hostname") for name in members("computes")}
    return {compute: own.get(compute, compute) for compute in cells}


@pytest.fixture(scope="session")
def secrets() -> dict[str, str]:
    """The secrets of the cloud by name."""
    found = yaml.safe_load((INVENTORY / "group_vars" / "all" / "secrets.yml").read_text())
    assert len(found) > 10
    return dict(found)


@pytest.fixture(scope="session")
def cloud(controller: Node, secrets: Mapping[str, str]) -> Cloud:
    """The cloud."""
    return Cloud(controller.address, secrets["keystone_admin_password"])


@pytest.fixture(scope="session")
def eventually() -> Callable[..., Any]:
    """See wait_for."""
    return wait_for


@pytest.fixture(scope="session")
def playbook() -> Callable[..., dict[str, Any]]:
    """Runs a playbook on the scenario's hosts; returns what the callback ansible.posix.json tells of it."""

    def run(*arguments: str) -> dict[str, Any]:
        done = subprocess.run(
            ["ansible-playbook", *sources(), *arguments],
            env={**os.environ, "ANSIBLE_STDOUT_CALLBACK": "ansible.posix.json"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert "{" in done.stdout, done.stderr[-2000:]
        # Another callback may have something to add at the end.
        result: dict[str, Any] = json.JSONDecoder().raw_decode(done.stdout, done.stdout.index("{"))[0]
        tasks = [task for play in result["plays"] for task in play["tasks"]]
        failures = [answer["msg"] for task in tasks for answer in task["hosts"].values() if answer.get("failed")]
        assert (done.returncode, failures) == (0, [])
        return result

    return run


@pytest.fixture(scope="session")
def module() -> Callable[..., dict[str, Any]]:
    """Runs a module of the collection on the first controller, as the administrator; returns what it answers."""

    def run(name: str, **options: Any) -> dict[str, Any]:
        given = json.dumps({"cloud": "scaleout", **options})
        done = subprocess.run(
            ["ansible", "controllers[0]", *sources(), "-m", f"scaleout.nova.{name}", "-a", given],
            env={**os.environ, "ANSIBLE_LOG_PATH": "/dev/null", "ANSIBLE_FORCE_COLOR": "0", "ANSIBLE_NOCOLOR": "1"},
            capture_output=True,
            text=True,
            check=False,
        )
        assert " => {" in done.stdout, done.stdout + done.stderr
        outcome, _arrow, answer = done.stdout.partition(" => ")
        return {**json.JSONDecoder().raw_decode(answer)[0], "failed": "FAILED" in outcome}

    return run


@pytest.fixture(scope="session")
def scratch() -> Iterator[Path]:
    """Molecule's folder of this scenario, with the logs of the plays."""
    yield Path(os.environ["MOLECULE_EPHEMERAL_DIRECTORY"])
