#!/usr/bin/env python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The calls to the APIs that a bare cloud cannot do without: it runs on the controller, with Debian's Python alone.

cloud_api.py register          users, roles, catalog and endpoints of the services
cloud_api.py wait-apis         until each API answers
cloud_api.py wait-computes     until the computes in $COMPUTES are up
cloud_api.py wait-hypervisors  until they are hypervisors
"""

from __future__ import annotations

import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from typing import Any

HOST = os.environ["CONTROLLER"]
IDENTITY = os.environ["IDENTITY_URL"]
TIMEOUT = float(os.environ.get("TIMEOUT", "600"))
SERVICES = {
    "placement": ("placement", f"http://{HOST}:8778", "placement_service_password"),
    "glance": ("image", f"http://{HOST}:9292", "glance_service_password"),
    "neutron": ("network", f"http://{HOST}:9696", "neutron_service_password"),
    "nova": ("compute", f"http://{HOST}:8774/v2.1", "nova_controller_service_password"),
}
APIS = [IDENTITY, f"http://{HOST}:9292/healthcheck", *(f"http://{HOST}:{port}/" for port in (8778, 9696, 8774, 8775))]


class Api:
    """REST, with a token of the administrator."""

    def __init__(self) -> None:
        user = {"name": "admin", "domain": {"name": "Default"}, "password": os.environ["ADMIN_PASSWORD"]}
        auth = {
            "identity": {"methods": ["password"], "password": {"user": user}},
            "scope": {"project": {"name": "admin", "domain": {"name": "Default"}}},
        }
        request = urllib.request.Request(f"{IDENTITY}/auth/tokens", json.dumps({"auth": auth}).encode())
        request.add_header("Content-Type", "application/json")
        with urllib.request.urlopen(request, timeout=60) as answer:
            self.token = answer.headers["X-Subject-Token"]

    def call(self, method: str, url: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """One request; the answer's JSON."""
        data = None if body is None else json.dumps(body).encode()
        headers = {"X-Auth-Token": self.token, "Content-Type": "application/json"}
        request = urllib.request.Request(url, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=60) as answer:
            text = answer.read()
        return dict(json.loads(text)) if text else {}

    def create(self, kind: str, **values: Any) -> str:
        """A new object of keystone; its id."""
        return str(self.call("POST", f"{IDENTITY}/{kind}s", {kind: values})[kind]["id"])


def until(what: str, done: Callable[[], bool], pause: float) -> None:
    """Ask again and again, for TIMEOUT seconds at most."""
    deadline = time.monotonic() + TIMEOUT
    last: object = "no"
    while time.monotonic() < deadline:
        try:
            if done():
                return
            last = "not yet"
        except OSError as error:  # also what urllib raises
            last = error
        time.sleep(pause)
    sys.exit(f"{what}: not within {TIMEOUT:g} s ({last})")


def answers(url: str) -> bool:
    """Whether an API answers, be it by asking who we are."""
    try:
        urllib.request.urlopen(url, timeout=30).close()
    except urllib.error.HTTPError as error:
        return error.code < 500
    return True


def register() -> None:
    """What every service needs to be found and to sign in."""
    until("the identity API", lambda: answers(IDENTITY), 0.2)
    api = Api()
    project = api.create("project", name="service", domain_id="default")
    roles = {role["name"]: role["id"] for role in api.call("GET", f"{IDENTITY}/roles")["roles"]}
    for name, (kind, url, password) in SERVICES.items():
        user = api.create("user", name=name, password=os.environ[password], domain_id="default")
        for role in ("admin", "service"):
            api.call("PUT", f"{IDENTITY}/projects/{project}/users/{user}/roles/{roles[role]}")
        service = api.create("service", name=name, type=kind)
        for interface in ("public", "internal"):
            api.create("endpoint", service_id=service, interface=interface, url=url, region_id="RegionOne")


def wait_apis() -> None:
    """Until each API answers."""
    for url in APIS:
        until(url, lambda url=url: answers(url), 0.2)  # type: ignore[misc]


def wait_computes() -> None:
    """Until the computes report that they are up."""
    wanted, api = set(os.environ["COMPUTES"].split()), Api()

    def done() -> bool:
        services = api.call("GET", f"{SERVICES['nova'][1]}/os-services?binary=nova-compute")["services"]
        return wanted <= {service["host"] for service in services if service["state"] == "up"}

    until("computes that are up", done, 0.5)


def wait_hypervisors() -> None:
    """Until the computes are hypervisors of the cloud."""
    wanted, api = set(os.environ["COMPUTES"].split()), Api()

    def done() -> bool:
        found = api.call("GET", f"{SERVICES['nova'][1]}/os-hypervisors/detail")["hypervisors"]
        return wanted <= {hypervisor["service"]["host"] for hypervisor in found}

    until("hypervisors", done, 0.5)


if __name__ == "__main__":
    commands = {
        "register": register,
        "wait-apis": wait_apis,
        "wait-computes": wait_computes,
        "wait-hypervisors": wait_hypervisors,
    }
    commands[sys.argv[1]]()
