# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The inventory plugin scaleout.nova.computes against a real Nova, as Ansible's own commands run it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import typing as t
from pathlib import Path

import pytest
import yaml

COLLECTIONS = Path(__file__).resolve().parents[2] / "build" / "collections"
COMMANDS = Path(sys.executable).parent


class Inventory:
    """A configuration file of the plugin in a folder with a clouds.yaml."""

    def __init__(self, folder: Path, auth: dict[str, t.Any]) -> None:
        self.folder = folder
        clouds = {"clouds": {"loopback": {"auth": auth, "region_name": "RegionOne"}}}
        (folder / "clouds.yaml").write_text(yaml.safe_dump(clouds), encoding="utf-8")
        (folder / "ansible.cfg").write_text("", encoding="utf-8")

    def command(self, *command: str, **options: t.Any) -> subprocess.CompletedProcess[str]:
        path = self.folder / "computes.yml"
        given = {"plugin": "scaleout.nova.computes", "cloud": "loopback", **options}
        path.write_text(yaml.safe_dump(given), encoding="utf-8")
        environment = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "ANSIBLE_"))}
        environment |= {"ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS), "ANSIBLE_NOCOLOR": "1"}
        return subprocess.run(
            [str(COMMANDS / command[0]), *command[1:], "-i", str(path)],
            cwd=self.folder, env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
        )  # fmt: skip

    def __call__(self, **options: t.Any) -> dict[str, t.Any]:
        done = self.command("ansible-inventory", "--list", **options)
        assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
        return parsed(done.stdout)


def parsed(text: str) -> dict[str, t.Any]:
    """What ansible-inventory prints, without its marks on strings that are no templates."""

    def unmarked(value: dict[str, t.Any]) -> t.Any:
        return value.get("__ansible_unsafe", value)

    return t.cast("dict[str, t.Any]", json.loads(text, object_hook=unmarked))


@pytest.fixture
def inventory(cloud: t.Any, nova: t.Any, tmp_path: Path) -> t.Iterator[Inventory]:
    """With two aggregates, of which one is a zone, a trait, and a host that is disabled."""
    made = []
    for name, zone, metadata, hosts in (
        ("az 1", "az-1", {"rack": "r7"}, ["cmp1", "cmp2"]),
        ("ssd", None, {"ssd": "true"}, ["cmp2"]),
    ):
        aggregate = nova("POST", "/os-aggregates", {"aggregate": {"name": name, "availability_zone": zone}})
        number = aggregate["aggregate"]["id"]
        nova("POST", "/os-aggregates/%d/action" % number, {"set_metadata": {"metadata": metadata}})
        for host in hosts:
            nova("POST", "/os-aggregates/%d/action" % number, {"add_host": {"host": host}})
        made.append((number, hosts))
    nova("PUT", "/os-services/" + nova.service("cmp3"), {"status": "disabled", "disabled_reason": "memory"})
    provider = "/resource_providers/" + nova.provider("cmp2")
    nova("PUT", "/traits/CUSTOM_SSD", service="placement")
    held = nova("GET", provider + "/traits", service="placement")
    nova("PUT", provider + "/traits", {**held, "traits": [*held["traits"], "CUSTOM_SSD"]}, service="placement")
    cloud.control("log")
    yield Inventory(tmp_path, cloud.auth())
    cloud.control("faults", [])
    now = nova("GET", provider + "/traits", service="placement")
    nova("PUT", provider + "/traits", {**now, "traits": held["traits"]}, service="placement")
    nova("DELETE", "/traits/CUSTOM_SSD", service="placement")
    nova("PUT", "/os-services/" + nova.service("cmp3"), {"status": "enabled"})
    for number, hosts in made:
        for host in hosts:
            nova("POST", "/os-aggregates/%d/action" % number, {"remove_host": {"host": host}})
        nova("DELETE", "/os-aggregates/%d" % number)


def calls(cloud: t.Any) -> list[str]:
    return [path for _method, path, _status in cloud.control("log") if "/identity" not in path]


def test_groups_and_variables(inventory: Inventory, cloud: t.Any, nova: t.Any) -> None:
    found = inventory()
    assert len(calls(cloud)) == 3
    services = {row["host"]: row for row in nova("GET", "/os-services?binary=nova-compute")["services"]}
    assert set(found["_meta"]["hostvars"]) == set(services) == set(found["nova_computes"]["hosts"])
    assert sorted(found["zone_az_1"]["hosts"]) == sorted(found["aggregate_az_1"]["hosts"]) == ["cmp1", "cmp2"]
    assert found["aggregate_ssd"]["hosts"] == ["cmp2"] and found["status_disabled"]["hosts"] == ["cmp3"]
    assert "cmp3" in found["zone_nova"]["hosts"] and "cmp1" in found["state_up"]["hosts"]
    assert "cmp1" in found["hypervisor_fake"]["hosts"]
    variables = found["_meta"]["hostvars"]["cmp2"]
    assert variables["nova_host_aggregates"] == ["az 1", "ssd"] and variables["nova_zone"] == "az-1"
    assert variables["nova_aggregate_metadata"] == {"rack": "r7", "ssd": "true"}
    assert variables["nova_provider"] == nova.provider("cmp2") == variables["nova_hypervisors"][0]["uuid"]
    assert variables["nova_traits"] == [] and "nova_cell" not in variables
    assert found["_meta"]["hostvars"]["cmp3"]["nova_disabled_reason"] == "memory"


def test_traits_cells_and_constructed_groups(inventory: Inventory, cloud: t.Any) -> None:
    found = inventory(
        traits=["CUSTOM_*"],
        cells={"east": ["cmp1", "cmp2"], "rest": ["*"]},
        compose={"ansible_host": "nova_host_ip", "slots": "nova_hypervisors[0].vcpus * 2"},
        groups={"usable": "nova_status == 'enabled' and nova_state == 'up'"},
        keyed_groups=[{"key": "nova_aggregate_metadata.rack", "prefix": "rack"}],
    )
    assert len([path for path in calls(cloud) if "/placement" in path]) == 2
    assert found["trait_CUSTOM_SSD"]["hosts"] == ["cmp2"]
    assert found["cell_east"]["hosts"] == ["cmp1", "cmp2"] and "cmp3" in found["cell_rest"]["hosts"]
    assert {"cmp1", "cmp2"} <= set(found["usable"]["hosts"]) and "cmp3" not in found["usable"]["hosts"]
    assert found["rack_r7"]["hosts"] == ["cmp1", "cmp2"]
    variables = found["_meta"]["hostvars"]["cmp2"]
    assert variables["slots"] == 20 and variables["ansible_host"] == variables["nova_host_ip"]
    assert variables["nova_cell"] == "east" and variables["nova_traits"] == ["CUSTOM_SSD"]


def test_only_the_groups_that_are_asked_for(inventory: Inventory) -> None:
    found = inventory(group_by=["status"], parent_group="metal")
    assert set(found) == {"_meta", "all", "metal", "status_enabled", "status_disabled"}


def test_two_values_that_make_one_group_are_told(inventory: Inventory, nova: t.Any) -> None:
    made = nova("POST", "/os-aggregates", {"aggregate": {"name": "az-1"}})["aggregate"]["id"]
    nova("POST", "/os-aggregates/%d/action" % made, {"add_host": {"host": "cmp3"}})
    try:
        done = inventory.command("ansible-inventory", "--list")
    finally:
        nova("POST", "/os-aggregates/%d/action" % made, {"remove_host": {"host": "cmp3"}})
        nova("DELETE", "/os-aggregates/%d" % made)
    assert done.returncode == 0
    text = " ".join(done.stderr.split())
    assert "The group aggregate_az_1 has the hosts of both aggregate_az 1 and aggregate_az-1." in text
    assert parsed(done.stdout)["aggregate_az_1"]["hosts"] == ["cmp1", "cmp2", "cmp3"]


def test_the_cache(inventory: Inventory, cloud: t.Any) -> None:
    cache = {
        "cache": True,
        "cache_plugin": "ansible.builtin.jsonfile",
        "cache_connection": str(inventory.folder / "cache"),
        "cache_timeout": 300,
    }
    first = inventory(**cache)
    assert len(calls(cloud)) == 3
    assert inventory(**cache) == first
    assert calls(cloud) == []
    # other contents are another entry
    inventory(**cache, traits=["CUSTOM_*"])
    assert len(calls(cloud)) == 5
    done = inventory.command("ansible-inventory", "--list", "--flush-cache", **cache)
    assert done.returncode == 0 and len(calls(cloud)) == 3


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"path": "/os-hypervisors", "status": 500, "body": {"error": {"message": "no"}}}, "answered 500 to GET"),
        ({"path": "/os-aggregates", "status": 200, "body": {"cut": "off"}}, "the answer is cut off"),
        ({"path": "/auth/tokens", "status": 401}, "refused the login of user 'admin'"),
    ],
)
@pytest.mark.parametrize("command", [["ansible-inventory", "--list"], ["ansible", "all", "--list-hosts"]])
def test_a_cloud_that_cannot_be_read_ends_ansible(
    inventory: Inventory, cloud: t.Any, command: list[str], fault: dict[str, t.Any], text: str
) -> None:
    (inventory.folder / "other").write_text("elsewhere\n", encoding="utf-8")
    cloud.control("faults", [fault])
    both = [*command, "-i", str(inventory.folder / "other")]
    done = inventory.command(*both)
    assert done.returncode != 0 and done.stdout == "", done.stdout
    assert done.stderr.splitlines()[0].count(text) == 1 and text in " ".join(done.stderr.split())
    # Ansible's own way
    done = inventory.command(*both, on_error="warn")
    assert done.returncode == 0 and "elsewhere" in done.stdout and "WARNING" in done.stderr


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"cloud": "nowhere"}, "There is no cloud 'nowhere' (option cloud)"),
        ({"group_by": ["colour"]}, "colour"),
        ({"strict": True, "compose": {"x": "nova_nothing + 1"}}, "nova_nothing"),
        ({"name_from": "host_ip"}, "have the same host_ip"),
        ({"cells": {"east": None}}, "The cell east in the option cells is None: it has to be a list of hosts."),
    ],
)
def test_a_configuration_that_cannot_be(inventory: Inventory, options: dict[str, t.Any], text: str) -> None:
    done = inventory.command("ansible-inventory", "--list", **options)
    assert done.returncode != 0 and done.stdout == ""
    assert text in " ".join(done.stderr.split())
