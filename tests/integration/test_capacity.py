# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Predictions come true: predict, then boot until NoValidHost against a real Nova and Placement."""

from __future__ import annotations

import collections
import contextlib
import typing as t
import uuid

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import fits, model, rules
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import snapshot as reader
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions

IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
#: the hosts of these tests, 10 CPUs (40 VCPU) and 8192 MiB (7680 for guests) each
HOSTS = ["cap1", "cap2", "cap3", "cap4"]
#: the project of the loopback cloud's users
PROJECT = "6f70656e737461636b20342065766572"


class Lab:
    """The cloud, as far as it is filled here."""

    def __init__(self, cloud: t.Any, nova: t.Any) -> None:
        self.cloud = cloud
        self.nova = nova
        self.undo = contextlib.ExitStack()

    # ---- what there is

    def flavor(self, vcpus: int = 1, ram: int = 2000, disk: int = 10, **specs: str) -> str:
        """A flavor of that shape, by its name."""
        name = "capacity-" + uuid.uuid4().hex[:8]
        body = {"flavor": {"id": name, "name": name, "vcpus": vcpus, "ram": ram, "disk": disk}}
        self.nova("POST", "/flavors", body)
        self.undo.callback(self.nova, "DELETE", "/flavors/" + name)
        if specs:
            self.nova("POST", "/flavors/%s/os-extra_specs" % name, {"extra_specs": specs})
        return name

    def aggregate(self, *hosts: str, zone: str | None = None, **metadata: str) -> None:
        """A host aggregate."""
        name = "capacity-" + uuid.uuid4().hex[:8]
        made = self.nova("POST", "/os-aggregates", {"aggregate": {"name": name, "availability_zone": zone}})
        path = "/os-aggregates/%d" % made["aggregate"]["id"]
        self.undo.callback(self.nova, "DELETE", path)
        if metadata:
            self.nova("POST", path + "/action", {"set_metadata": {"metadata": metadata}})
        for host in hosts:
            self.nova("POST", path + "/action", {"add_host": {"host": host}})
            self.undo.callback(self.nova, "POST", path + "/action", {"remove_host": {"host": host}})

    def traits(self, host: str, *traits: str) -> None:
        """More traits for a host."""
        path = "/resource_providers/%s/traits" % self.nova.provider(host)
        before = self.nova("GET", path, service="placement")
        for trait in traits:
            if trait.startswith("CUSTOM_"):
                self.nova("PUT", "/traits/" + trait, service="placement")

        def put(wanted: list[str]) -> None:
            now = self.nova("GET", path, service="placement")
            self.nova("PUT", path, {**now, "traits": wanted}, service="placement")

        put([*before["traits"], *traits])
        self.undo.callback(put, before["traits"])

    def group(self, policy: str, **rules: int) -> str:
        """A server group."""
        body = {"name": "capacity-" + uuid.uuid4().hex[:8], "policy": policy, **({"rules": rules} if rules else {})}
        made = self.nova("POST", "/os-server-groups", {"server_group": body})["server_group"]["id"]
        self.undo.callback(self.nova, "DELETE", "/os-server-groups/" + made)
        return str(made)

    def switch(self, host: str, status: str) -> None:
        """Enable or disable a host."""
        self.nova("PUT", "/os-services/" + self.nova.service(host), {"status": status})

    def flags(self, **values: t.Any) -> None:
        """Options of nova.conf's section scheduler, off again afterwards."""
        self.cloud.control("flags", {"group": "scheduler", "values": values})
        self.undo.callback(self.cloud.control, "flags", {"group": "scheduler", "values": dict.fromkeys(values, False)})

    # ---- servers

    def boot(self, flavor: str, count: int = 1, zone: str | None = None, group: str | None = None) -> list[t.Any]:
        """So many servers in one request; they are ACTIVE or in ERROR when this returns."""
        body: dict[str, t.Any] = {
            "name": "capacity", "imageRef": IMAGE, "flavorRef": flavor, "networks": "none",
            "min_count": count, "max_count": count, "return_reservation_id": True,
        }  # fmt: skip
        if zone:
            body["availability_zone"] = zone
        request: dict[str, t.Any] = {"server": body}
        if group:
            request["os:scheduler_hints"] = {"group": group}
        reservation = self.nova("POST", "/servers", request)["reservation_id"]
        path = "/servers/detail?all_tenants=1&reservation_id=" + reservation

        def settled() -> list[t.Any]:
            servers: list[t.Any] = self.nova("GET", path)["servers"]
            done = len(servers) == count and {server["status"] for server in servers} <= {"ACTIVE", "ERROR"}
            return servers if done else []

        return self.nova.until(settled)

    def delete(self, servers: t.Iterable[t.Any]) -> None:
        """They are gone when this returns, and so is what they had of Placement."""
        gone = {server["id"] for server in servers}
        for server in gone:
            self.nova("DELETE", "/servers/" + server)
        self.nova.until(lambda: not gone & {server["id"] for server in self.nova.servers()})
        self.settle()

    def settle(self) -> None:
        """Wait until Placement has followed: allocations of servers and migrations go after these do."""
        self.nova.until(lambda: self.nova.consumers() <= {server["id"] for server in self.nova.servers()})

    def resize(self, server: t.Any, flavor: str) -> None:
        """To another flavor, confirmed."""
        path = "/servers/" + server["id"]
        for action, status in (
            ({"resize": {"flavorRef": flavor}}, "VERIFY_RESIZE"),
            ({"confirmResize": None}, "ACTIVE"),
        ):
            self.nova("POST", path + "/action", action)

            def done(status: str = status) -> bool:
                now = self.nova("GET", path)["server"]
                return (now["status"], now["OS-EXT-STS:task_state"]) == (status, None)

            self.nova.until(done)
        self.settle()

    # ---- prediction and outcome

    def predict(self, flavor: str, zone: str | None = None, group: str | None = None, **options: t.Any) -> t.Any:
        """What the engine says of a snapshot of now."""
        session = Cloud(CloudOptions(auth=self.cloud.auth(), region_name="RegionOne"))
        snapshot = model.parse(model.dump(reader.read(session, reader.Options(servers=True))[0]))
        of_group = rules.existing_group(snapshot, group) if group else None
        answer = fits.fits(snapshot, [flavor], project=PROJECT, zone=zone, group=of_group, scheduler=options)
        return answer["flavors"][flavor]

    def fill(self, flavor: str, zone: str | None = None, group: str | None = None, **options: t.Any) -> list[t.Any]:
        """Predict, boot that many, see that not one more fits, and that they are where it was said."""
        predicted = self.predict(flavor, zone, group, **options)
        servers = self.boot(flavor, predicted["fits"], zone, group) if predicted["fits"] else []
        assert [server.get("fault") for server in servers if server["status"] != "ACTIVE"] == []
        hosts = collections.Counter(server["OS-EXT-SRV-ATTR:host"] for server in servers)
        assert dict(hosts) == predicted["hosts"]
        (refused,) = self.boot(flavor, 1, zone, group)
        assert refused["status"] == "ERROR" and "No valid host" in refused["fault"]["message"], refused
        self.delete([refused])
        assert self.predict(flavor, zone, group, **options)["fits"] == 0
        return servers


@pytest.fixture
def running_cloud(new_cloud: t.Any) -> t.Iterator[t.Any]:
    """A new one for each test, with its hosts: a compute's own count of its servers may be that of another test."""
    with new_cloud(computes=1) as cloud:
        for host in HOSTS:
            cloud.control("computes", {"host": host})
        yield cloud


@pytest.fixture
def lab(cloud: t.Any, nova: t.Any) -> t.Iterator[Lab]:
    made = Lab(cloud, nova)
    services = nova("GET", "/os-services?binary=nova-compute")["services"]
    others = [row["host"] for row in services if row["host"] not in HOSTS and row["status"] == "enabled"]
    for host in others:
        made.switch(host, "disabled")
    for host in HOSTS:
        nova("PUT", "/os-services/" + nova.service(host), {"forced_down": False})
    try:
        yield made
    finally:
        made.delete(nova.servers())
        made.undo.close()
        for host in others:
            made.switch(host, "enabled")
        for host in HOSTS:
            nova("PUT", "/os-services/" + nova.service(host), {"forced_down": True})


@pytest.mark.parametrize(
    ("shape", "fitting"), [({"vcpus": 3, "ram": 2560}, 12), ({"vcpus": 10, "ram": 64}, 16), ({"disk": 400}, 8)]
)
def test_plain_flavors(lab: Lab, shape: dict[str, int], fitting: int) -> None:
    flavor = lab.flavor(**shape)
    assert lab.predict(flavor)["fits"] == fitting
    lab.fill(flavor)


def test_servers_deleted_and_resized_in_between(lab: Lab) -> None:
    small, large = lab.flavor(ram=1280), lab.flavor(ram=3840)
    servers = lab.fill(large)
    lab.delete(servers[:2])
    assert lab.predict(large)["fits"] == 2
    lab.resize(servers[2], small)
    assert lab.predict(large)["fits"] == 2 and lab.predict(small)["fits"] == 8
    assert len(lab.fill(small)) == 8


def test_zones(lab: Lab) -> None:
    lab.aggregate("cap1", "cap2", zone="east")
    flavor = lab.flavor(ram=2560)
    whole = lab.predict(flavor)
    assert whole["fits"] == 12 and whole["zones"] == {"east": 6, "nova": 6}
    assert len(lab.fill(flavor, zone="east")) == 6
    assert lab.predict(flavor)["fits"] == 6
    assert len(lab.fill(flavor)) == 6


def test_a_zone_that_no_aggregate_has(lab: Lab) -> None:
    lab.aggregate("cap1", "cap2", zone="east")
    flavor = lab.flavor(ram=2560)
    assert lab.predict(flavor, zone="nova")["fits"] == 6, "and the answer says that Nova does not keep to them"
    assert {server["OS-EXT-AZ:availability_zone"] for server in lab.boot(flavor, 7, zone="nova")} == {"nova", "east"}


def test_aggregates_of_other_projects(lab: Lab) -> None:
    lab.aggregate("cap1", filter_tenant_id="somebody-else")
    lab.aggregate("cap2", filter_tenant_id="somebody-else,%s" % PROJECT)
    servers = lab.fill(lab.flavor(ram=3840))
    assert {server["OS-EXT-SRV-ATTR:host"] for server in servers} == {"cap2", "cap3", "cap4"}


def test_aggregates_of_projects_in_placement(lab: Lab) -> None:
    lab.flags(limit_tenants_to_placement_aggregate=True)
    lab.aggregate("cap1", "cap2", filter_tenant_id=PROJECT)
    servers = lab.fill(lab.flavor(ram=3840), limit_tenants_to_placement_aggregate=True)
    assert {server["OS-EXT-SRV-ATTR:host"] for server in servers} == {"cap1", "cap2"}


def test_extra_specs_of_aggregates(lab: Lab) -> None:
    lab.aggregate("cap1", "cap2", ssd="true", rack="7")
    lab.aggregate("cap3", ssd="false")
    lab.aggregate("cap4", max_instances_per_host="1")
    key = "aggregate_instance_extra_specs:"
    assert len(lab.fill(lab.flavor(ram=3840, **{key + "ssd": "true", key + "rack": "<or> 7 <or> 8"}))) == 4
    # not more than one on cap4
    assert len(lab.fill(lab.flavor(ram=3840))) == 3


def test_traits(lab: Lab) -> None:
    lab.traits("cap1", "CUSTOM_FAST")
    lab.traits("cap2", "CUSTOM_FAST", "CUSTOM_OLD")
    flavor = lab.flavor(ram=3840, **{"trait:CUSTOM_FAST": "required", "trait:CUSTOM_OLD": "forbidden"})
    assert len(lab.fill(flavor)) == 2
    assert len(lab.fill(lab.flavor(ram=3840, **{"trait:CUSTOM_FAST": "required"}))) == 2


def test_dedicated_cpus_of_hosts_that_do_not_set_any_apart(lab: Lab) -> None:
    flavor = lab.flavor(ram=2560, **{"hw:cpu_policy": "dedicated"})
    predicted = lab.predict(flavor)
    assert predicted["fits"] == 0 and any("Hosts without PCPU" in doubt for doubt in predicted["unknown"])
    (server,) = lab.boot(flavor)
    assert server["status"] == "ACTIVE"


def test_a_forbidden_trait_that_placement_does_not_know(lab: Lab) -> None:
    flavor = lab.flavor(ram=3840, **{"trait:CUSTOM_UNHEARD_OF": "forbidden"})
    (doubt,) = lab.predict(flavor)["unknown"]
    assert "CUSTOM_UNHEARD_OF" in doubt
    (refused,) = lab.boot(flavor)
    assert refused["status"] == "ERROR"


def test_aggregates_that_require_traits(lab: Lab) -> None:
    lab.flags(enable_isolated_aggregate_filtering=True)
    lab.traits("cap1", "CUSTOM_LICENSED")
    lab.aggregate("cap1", **{"trait:CUSTOM_LICENSED": "required"})
    servers = lab.fill(lab.flavor(ram=3840))
    assert {server["OS-EXT-SRV-ATTR:host"] for server in servers} == {"cap2", "cap3", "cap4"}
    assert len(lab.fill(lab.flavor(ram=3840, **{"trait:CUSTOM_LICENSED": "required"}))) == 2


def test_disabled_hosts(lab: Lab) -> None:
    lab.switch("cap1", "disabled")
    lab.undo.callback(lab.switch, "cap1", "enabled")
    lab.nova("PUT", "/os-services/" + lab.nova.service("cap2"), {"forced_down": True})
    servers = lab.fill(lab.flavor(ram=3840))
    assert {server["OS-EXT-SRV-ATTR:host"] for server in servers} == {"cap3", "cap4"}


@pytest.mark.parametrize(
    ("policy", "limits", "fitting"),
    [("anti-affinity", {}, 4), ("anti-affinity", {"max_server_per_host": 2}, 8), ("soft-anti-affinity", {}, 12)],
)
def test_anti_affinity(lab: Lab, policy: str, limits: dict[str, int], fitting: int) -> None:
    flavor, group = lab.flavor(ram=2560), lab.group(policy, **limits)
    (first,) = lab.boot(flavor, group=group)
    assert first["status"] == "ACTIVE"
    assert len(lab.fill(flavor, group=group)) == fitting - 1


def test_affinity(lab: Lab) -> None:
    flavor, group = lab.flavor(ram=2560), lab.group("affinity")
    assert lab.predict(flavor, group=group)["fits"] == 3
    lab.boot(flavor, group=group)
    assert len(lab.fill(flavor, group=group)) == 2


def test_overridden_resources(lab: Lab) -> None:
    flavor = lab.flavor(vcpus=4, ram=1280, **{"resources:VCPU": "10", "resources:DISK_GB": "0"})
    assert len(lab.fill(flavor)) == 16
    # there is room for 20, but no guest may have more than the host has
    assert lab.fill(lab.flavor(vcpus=4, ram=64, **{"resources:VCPU": "20"})) == []


def test_the_module_says_the_same(lab: Lab, run: t.Any, tmp_path: t.Any) -> None:
    path = str(tmp_path / "cloud.json")
    lab.aggregate("cap1", zone="east")
    flavor, group = lab.flavor(ram=2560), lab.group("anti-affinity")
    lab.boot(flavor, 2, group=group)
    assert run("cloud_snapshot", path=path, servers=True).summary["servers"] == 2
    for where in ({"snapshot": path, "auth": ..., "region_name": ...}, {}):
        answer = run("capacity_info", flavors=[flavor], server_group=group, **where).flavors[flavor]
        assert answer["fits"] == 2 and answer["hosts"] == lab.predict(flavor, group=group)["hosts"]
    lab.fill(flavor, group=group)
