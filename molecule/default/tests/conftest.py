# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Servers in the cloud of the scenario."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

#: the tiny guest of scaleout.nova.guest_image
IMAGE = "scaleout-guest"


class Servers:
    """Servers of the tiny guest; all that is made here is removed in the end."""

    def __init__(self, cloud: Any, eventually: Callable[..., Any]) -> None:
        self.cloud = cloud
        self.eventually = eventually
        self.image = self.find("glance", "/v2/images?name=" + IMAGE, "images")
        self.flavors: list[str] = []
        self.groups: list[str] = []
        self.made: set[str] = set()

    def find(self, service: str, path: str, name: str) -> str:
        (row,) = self.cloud.get(service, path)[name]
        return str(row["id"])

    def flavor(self, **specs: str) -> str:
        """A flavor of the tiny guest with these extra specs, by its name."""
        name = "filling-" + uuid.uuid4().hex[:8]
        body = {"flavor": {"id": name, "name": name, "vcpus": 1, "ram": 128, "disk": 1}}
        self.cloud.ask("POST", "nova", "/v2.1/flavors", body=body)
        self.flavors.append(name)
        if specs:
            self.cloud.ask("POST", "nova", f"/v2.1/flavors/{name}/os-extra_specs", body={"extra_specs": specs})
        return name

    def group(self, policy: str) -> str:
        """A server group, by its ID."""
        body = {"server_group": {"name": "filling-" + uuid.uuid4().hex[:8], "policy": policy}}
        made = self.cloud.ask("POST", "nova", "/v2.1/os-server-groups", "compute 2.64", body)["server_group"]["id"]
        self.groups.append(made)
        return str(made)

    def boot(self, flavor: str, count: int = 1, zone: str | None = None, group: str | None = None) -> list[Any]:
        """So many servers in one request; they are ACTIVE or in ERROR when this returns."""
        server: dict[str, Any] = {
            "name": "filling", "imageRef": self.image, "flavorRef": flavor, "networks": "none",
            "min_count": count, "max_count": count, "return_reservation_id": True,
        }  # fmt: skip
        if zone:
            server["availability_zone"] = zone
        body: dict[str, Any] = {"server": server}
        if group:
            body["os:scheduler_hints"] = {"group": group}
        made = self.cloud.ask("POST", "nova", "/v2.1/servers", "compute 2.74", body)["reservation_id"]

        def settled() -> list[Any]:
            found = self.cloud.get("nova", f"/v2.1/servers/detail?reservation_id={made}", "compute 2.74")["servers"]
            self.made |= {server["id"] for server in found}
            assert len(found) == count and {server["status"] for server in found} <= {"ACTIVE", "ERROR"}, found
            return list(found)

        return list(self.eventually(settled))

    def settle(self) -> None:
        """Wait until Placement has followed: allocations of servers and migrations go after these do."""

        def check() -> None:
            assert self.cloud.consumers() <= self.there()

        self.eventually(check)

    def there(self) -> set[str]:
        """All servers, by their IDs."""
        return {server["id"] for server in self.cloud.get("nova", "/v2.1/servers?all_tenants=1")["servers"]}

    def delete(self, servers: Iterable[str]) -> None:
        """They are gone when this returns, and so is what they had of Placement."""
        wanted = set(servers)
        for server in wanted:
            self.cloud.ask("DELETE", "nova", "/v2.1/servers/" + server)

        def gone() -> None:
            assert not wanted & self.there()

        self.eventually(gone)
        self.settle()
        self.made -= wanted

    def resize(self, server: str, flavor: str) -> None:
        """To another flavor, confirmed."""
        for action, status in (
            ({"resize": {"flavorRef": flavor}}, "VERIFY_RESIZE"),
            ({"confirmResize": None}, "ACTIVE"),
        ):
            self.cloud.ask("POST", "nova", f"/v2.1/servers/{server}/action", body=action)

            def done(status: str = status) -> None:
                now = self.cloud.get("nova", "/v2.1/servers/" + server)["server"]
                assert (now["status"], now["OS-EXT-STS:task_state"]) == (status, None), now

            self.eventually(done)
        self.settle()

    def clean(self) -> None:
        """Remove all that was made."""
        self.delete(self.made)
        for group in self.groups:
            self.cloud.ask("DELETE", "nova", "/v2.1/os-server-groups/" + group)
        for flavor in self.flavors:
            self.cloud.ask("DELETE", "nova", "/v2.1/flavors/" + flavor)


@pytest.fixture
def servers(cloud: Any, eventually: Callable[..., Any], playbook: Callable[..., Any]) -> Iterator[Servers]:
    """Servers, and what they are made of; gone afterwards."""
    if not cloud.get("glance", "/v2/images?name=" + IMAGE)["images"]:
        playbook("scaleout.nova.verify")  # which brings the image
    made = Servers(cloud, eventually)
    made.settle()  # after other tests' servers
    try:
        yield made
    finally:
        made.clean()
