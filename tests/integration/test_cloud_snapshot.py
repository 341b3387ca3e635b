# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""cloud_snapshot against a real Nova and Placement: the file has what the services say one by one."""

from __future__ import annotations

import json
import os
import re
import stat
import typing as t
import uuid
from pathlib import Path

import pytest


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "cloud.json"


@pytest.fixture
def snapshot(run: t.Any, path: Path) -> t.Callable[..., t.Any]:
    """Runs the module; what is in the file is added to the result as ``document``."""

    def take(**params: t.Any) -> t.Any:
        result = run("cloud_snapshot", path=str(path), **params)
        assert result.code == 0, result.text
        result.data["document"] = json.loads(path.read_text(encoding="utf-8"))
        return result

    return take


class Placement:
    """Bare calls to Placement, and what it says of every provider on that one's own pages."""

    def __init__(self, api: t.Any) -> None:
        self.api = api
        self.made: list[str] = []

    def __call__(self, method: str, path: str, body: t.Any = None) -> t.Any:
        return self.api(method, path, body, service="placement")

    def make(
        self,
        name: str,
        inventories: dict[str, t.Any] | None = None,
        traits: t.Sequence[str] = (),
        aggregates: t.Sequence[str] = (),
        parent: str | None = None,
    ) -> str:
        """A provider of these; an inventory is a total or all of it."""
        made = str(uuid.uuid4())
        self("POST", "/resource_providers", {"name": name, "uuid": made, "parent_provider_uuid": parent})
        self.made.append(made)
        for each in (*(inventories or ()), *traits):
            if each.startswith("CUSTOM_"):
                self("PUT", "/%s/%s" % ("traits" if each in traits else "resource_classes", each))
        self.put(made, "inventories", {
            name: held if isinstance(held, dict) else {"total": held} for name, held in (inventories or {}).items()
        })  # fmt: skip
        if traits:
            self.put(made, "traits", list(traits))
        if aggregates:
            self.put(made, "aggregates", list(aggregates))
        return made

    def generation(self, provider: str) -> int:
        return int(self("GET", "/resource_providers/" + provider)["generation"])

    def put(self, provider: str, page: str, value: t.Any) -> None:
        body = {page: value, "resource_provider_generation": self.generation(provider)}
        self("PUT", "/resource_providers/%s/%s" % (provider, page), body)

    def allocate(self, provider: str, **resources: int) -> str:
        """One more consumer."""
        consumer = str(uuid.uuid4())
        body = {
            "allocations": {provider: {"resources": resources}},
            "project_id": "p", "user_id": "u", "consumer_generation": None, "consumer_type": "INSTANCE",
        }  # fmt: skip
        self("PUT", "/allocations/" + consumer, body)
        self.made.insert(0, consumer)
        return consumer

    def clean(self) -> None:
        for provider in reversed(self.made):
            for consumer in self.get_allocations(provider):
                self("DELETE", "/allocations/" + consumer)
        for provider in reversed(self.made):
            if self("GET", "/resource_providers?uuid=" + provider)["resource_providers"]:
                self("DELETE", "/resource_providers/" + provider)

    def get_allocations(self, provider: str) -> list[str]:
        if not self("GET", "/resource_providers?uuid=" + provider)["resource_providers"]:
            return []
        return list(self("GET", "/resource_providers/%s/allocations" % provider)["allocations"])

    def truth(self) -> dict[str, dict[str, t.Any]]:
        """Everything about every provider by name, from its own pages."""
        found = {}
        for row in self("GET", "/resource_providers")["resource_providers"]:
            pages = {
                page: self("GET", "/resource_providers/%s/%s" % (row["uuid"], page))[page]
                for page in ("inventories", "usages", "traits", "aggregates")
            }
            found[row["name"]] = {"uuid": row["uuid"], "parent": row["parent_provider_uuid"], **pages}
            found[row["name"]]["generation"] = row["generation"]
        return found


@pytest.fixture
def placement(nova: t.Any) -> t.Iterator[Placement]:
    made = Placement(nova)
    yield made
    made.clean()


def check(document: dict[str, t.Any], placement: Placement, known_aggregates: t.Collection[str] = ()) -> None:
    """The providers of the file are those that Placement has, in every respect that the file speaks of."""
    truth = placement.truth()
    providers = {provider["name"]: provider for provider in document["providers"]}
    assert set(providers) == set(truth)
    for name, provider in providers.items():
        right = truth[name]
        assert provider["uuid"] == right["uuid"], name
        assert provider.get("parent") == right["parent"], name
        assert provider.get("generation", 0) == right["generation"], name
        assert sorted(provider.get("traits", [])) == sorted(right["traits"]), name
        assert set(provider.get("aggregates", [])) == set(right["aggregates"]) & set(known_aggregates), name
        assert set(provider.get("inventories", {})) == set(right["inventories"]), name
        for rc, held in provider.get("inventories", {}).items():
            whole = right["inventories"][rc]
            assert held["capacity"] == int((whole["total"] - whole["reserved"]) * whole["allocation_ratio"])
            assert held["used"] == right["usages"][rc]
            for key in ("total", "reserved", "allocation_ratio", "min_unit", "max_unit", "step_size"):
                assert held.get(key) in (None, whole[key]), (name, rc, key)
            for amount in held.get("admits", []):
                assert whole["min_unit"] <= amount <= whole["max_unit"] and amount % whole["step_size"] == 0


def calls_of(cloud: t.Any) -> list[str]:
    return [path for method, path, _status in cloud.control("log") if "/identity" not in path]


# ---- what is in it


def test_the_snapshot_is_what_the_services_say_one_by_one(
    snapshot: t.Any, placement: Placement, nova: t.Any, cloud: t.Any
) -> None:
    made = nova("POST", "/os-aggregates", {"aggregate": {"name": "ssd", "availability_zone": "east"}})["aggregate"]
    nova("POST", "/os-aggregates/%d/action" % made["id"], {"add_host": {"host": "cmp1"}})
    nova("POST", "/os-aggregates/%d/action" % made["id"], {"set_metadata": {"metadata": {"ssd": "true"}}})
    try:
        cloud.control("log")
        result = snapshot(servers=True)
        assert result.calls == len(calls_of(cloud))
        document = result.document
        check(document, placement, [made["uuid"]])
        hosts = {host["name"]: host for host in document["hosts"]}
        services = {row["host"]: row for row in nova("GET", "/os-services?binary=nova-compute")["services"]}
        assert set(hosts) <= set(services)
        for name, host in hosts.items():
            assert host["zone"] == services[name]["zone"] if "zone" in host else services[name]["zone"] == "nova"
            assert (host["status"], host["state"]) == (services[name]["status"], services[name]["state"])
            assert host["provider"] == nova.provider(host["node"])
        assert hosts["cmp1"]["zone"] == "east"
        (aggregate,) = [each for each in document["aggregates"] if each["name"] == "ssd"]
        assert aggregate["hosts"] == ["cmp1"] and aggregate["zone"] == "east" and aggregate["metadata"]["ssd"] == "true"
        flavors = nova("GET", "/flavors/detail?is_public=None")["flavors"]
        assert {each["name"]: each["vcpus"] for each in document["flavors"]} == {
            each["name"]: each["vcpus"] for each in flavors
        }
        assert result.summary["hosts"] == len(hosts) and result.summary["servers"] == 0
    finally:
        nova("POST", "/os-aggregates/%d/action" % made["id"], {"remove_host": {"host": "cmp1"}})
        nova("DELETE", "/os-aggregates/%d" % made["id"])
