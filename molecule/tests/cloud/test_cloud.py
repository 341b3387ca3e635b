# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The cloud is whole. Cheap, and so asked again after each fault; what a fault has broken may take its time to mend."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

# What each service answers to somebody who has not said who they are.
GREETINGS = {
    "keystone": ("/v3", 200),
    "glance": ("/healthcheck", 200),
    "placement": ("/", 200),
    "neutron": ("/", 200),
    "nova": ("/", 200),
    "metadata": ("/", 200),
    "console": ("/vnc_lite.html", 200),
}


def test_all_services_run(node, eventually):
    units = node.backends + node.services

    def check():
        states = node.host.run("systemctl is-active -- " + " ".join(units)).stdout.split()
        assert dict(zip(units, states, strict=True)) == dict.fromkeys(units, "active")

    def lasts():
        check()
        # One that fails again and again is active for a moment each time.
        command = f"systemctl show -p Id,InvocationID -- {' '.join(units)}"
        assert node.run(f"{command} > /tmp/units; sleep 4; {command} | diff /tmp/units - || true") == ""
        check()

    eventually(lasts)


def test_no_unit_has_failed(node):
    assert node.run("systemctl --failed --plain --no-legend") == ""


@pytest.mark.parametrize("service", GREETINGS)
def test_api_answers(cloud, eventually, service):
    path, expected = GREETINGS[service]

    def check():
        assert cloud.call(service, path).status == expected

    eventually(check)


def test_identity_gives_tokens(cloud, eventually):
    eventually(cloud.login)


def test_image_service_knows_its_images(cloud, eventually):
    eventually(lambda: cloud.get("glance", "/v2/images")["images"])


def test_network_service_knows_its_ports(cloud, eventually):
    eventually(lambda: cloud.get("neutron", "/v2.0/ports")["ports"])


def test_every_nova_service_reports(cloud, controller, cells, eventually):
    """Each has written to the database after this test began: by the message queue and the conductor of its cell."""
    began = datetime.now(UTC).replace(microsecond=0)
    own = controller.run("hostname")

    def check():
        services = cloud.get("nova", "/v2.1/os-services")["services"]
        assert {(item["binary"], item["host"]) for item in services} == {
            ("nova-scheduler", own),
            ("nova-conductor", own),
            *(("nova-compute", name) for name in cells),
        }
        assert {item["status"] for item in services} == {"enabled"}
        # One conductor for the cloud, and one for each cell, on the same host.
        conductors = sorted(item["binary"] for item in services).count("nova-conductor")
        assert conductors == 1 + len([name for name in controller.services if name.startswith("nova-conductor@")])
        late = {
            f"{item['binary']} {item['host']}": item["updated_at"]
            for item in services
            if item["state"] != "up"
            or datetime.fromisoformat(item["updated_at"] + "+00:00") < began - timedelta(seconds=1)
        }
        assert not late

    eventually(check)


def test_each_compute_is_an_enabled_hypervisor(cloud, hypervisors, eventually):
    def check():
        found = cloud.get("nova", "/v2.1/os-hypervisors/detail", "compute 2.53")["hypervisors"]
        assert sorted(
            (item["service"]["host"], item["hypervisor_hostname"], item["state"], item["status"]) for item in found
        ) == sorted((name, hypervisor, "up", "enabled") for name, hypervisor in hypervisors.items())

    eventually(check)


def test_each_compute_is_a_resource_provider(cloud, hypervisors):
    providers = cloud.get("placement", "/resource_providers")["resource_providers"]
    assert sorted(item["name"] for item in providers) == sorted(hypervisors.values())
    for item in providers:
        inventories = cloud.get("placement", f"/resource_providers/{item['uuid']}/inventories")["inventories"]
        assert {"MEMORY_MB", "DISK_GB"} <= set(inventories)
        assert {"VCPU", "PCPU"} & set(inventories)


def test_each_compute_is_mapped_exactly_once(database, cells):
    rows = database.sql(
        "select h.host, c.name from nova_api.host_mappings h join nova_api.cell_mappings c on c.id = h.cell_id"
    )
    assert sorted(rows) == sorted(cells.items())


def test_each_cell_is_mapped_exactly_once(database, cells):
    names = database.sql("select name from nova_api.cell_mappings")
    assert sorted(names) == [(name,) for name in sorted({"cell0", *cells.values()})]


def test_no_guest_and_no_allocation_is_left_behind(cloud, eventually):
    assert cloud.get("nova", "/v2.1/servers?all_tenants=1")["servers"] == []

    def check():
        assert cloud.consumers() == set()

    eventually(check)


def test_packages_are_whole(node):
    assert node.run("dpkg --audit") == ""
    assert not node.host.file("/usr/sbin/policy-rc.d").exists
