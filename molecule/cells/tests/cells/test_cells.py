# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Two cells: each has its own servers, its own conductor and its own computes."""

from __future__ import annotations

import pytest

FAKES = ["sim1-1", "sim1-2", "sim1-3"]


@pytest.fixture(scope="module")
def sim1(host):
    return host("sim1")


def test_mappings_name_the_servers_of_each_cell(database, sim1, secrets):
    rows = database.sql("select name, database_connection, transport_url from nova_api.cell_mappings")
    urls = {name: (connection, queue) for name, connection, queue in rows if name != "cell0"}
    assert set(urls) == {"cell1", "cell2"}
    for cell, server in (("cell1", database), ("cell2", sim1)):
        user = f"nova_{cell}:{secrets[f'nova_controller_{cell}_database_password']}"
        assert urls[cell][0].startswith(f"mysql+pymysql://{user}@{server.address}:3306/nova_{cell}"), cell
        user = f"nova_{cell}:{secrets[f'nova_controller_{cell}_messaging_password']}"
        assert urls[cell][1] == f"rabbit://{user}@{server.address}:5672/nova_{cell}"


def test_each_cell_keeps_its_services_in_its_own_database(database, sim1):
    """nova-conductor of the cell and its computes: by its queue, into its database, and no other's."""
    query = "select host, topic from nova_%s.services where topic is not null and deleted = 0"
    assert sorted(database.sql(query % "cell1")) == [("ctl1", "conductor"), ("lxc1", "compute")]
    expected = [("ctl1", "conductor"), *((name, "compute") for name in FAKES)]
    assert sorted(sim1.sql(query % "cell2")) == expected
    super_conductor = sorted(database.sql(query % "cell0"))
    assert super_conductor == [("ctl1", "conductor"), ("ctl1", "scheduler")]


@pytest.mark.parametrize(("cell", "port", "member"), [("cell1", 6080, "lxc1"), ("cell2", 6081, "sim1")])
def test_console_proxy_of_each_cell_has_its_own_port(controller, host, cell, port, member):
    pid = controller.run(f"systemctl show -p MainPID --value nova-novncproxy@{cell}")
    assert f"pid={pid}," in controller.run(f"ss -Hltnp 'sport = :{port}'")
    assert f":{port}/vnc_auto.html" in host(member).run("cat /etc/nova/nova-compute.conf")


def test_no_cell_is_on_the_server_of_another(database, sim1):
    names = {name for (name,) in database.sql("show databases")}
    assert "nova_cell1" in names and "nova_cell2" not in names
    names = {name for (name,) in sim1.sql("show databases")}
    assert names & {"nova_cell1", "nova_cell2", "nova_api", "keystone"} == {"nova_cell2"}
    assert set(sim1.run("rabbitmqctl -q list_vhosts --no-table-headers").split()) == {"/", "nova_cell2"}
    vhosts = set(database.run("rabbitmqctl -q list_vhosts --no-table-headers").split())
    assert vhosts == {"/", "neutron", "nova", "nova_cell1"}


def test_given_servers_are_used_and_not_installed(controller):
    """The controller has been given addresses: it has none of these servers itself."""
    installed = controller.run("dpkg-query -W -f '${binary:Package}\\n'").splitlines()
    assert "nova-conductor" in installed
    assert {"mariadb-server", "rabbitmq-server", "memcached"} & set(installed) == set()


def test_server_of_the_cell_has_no_guest_account(sim1):
    users = {line.split("\t")[0] for line in sim1.run("rabbitmqctl -q list_users --no-table-headers").splitlines()}
    assert users == {"nova_cell2"}


def test_types_of_the_hypervisors(cloud):
    found = cloud.get("nova", "/v2.1/os-hypervisors/detail", "compute 2.53")["hypervisors"]
    types = {item["hypervisor_hostname"]: item["hypervisor_type"] for item in found}
    assert types == {"lxc1": "LXC", **dict.fromkeys(FAKES, "fake")}


def test_a_fake_host_needs_no_hypervisor(sim1):
    assert not sim1.host.package("libvirt-daemon").is_installed
    assert not sim1.host.package("qemu-system-x86").is_installed


def test_a_fake_compute_is_itself_after_a_restart(cloud, sim1, eventually):
    """It keeps the UUID of its node, without which it would never come back as the hypervisor that it was."""

    def look():
        found = cloud.get("nova", "/v2.1/os-hypervisors/detail", "compute 2.53")["hypervisors"]
        return {item["hypervisor_hostname"]: item["id"] for item in found if item["hypervisor_hostname"] in FAKES}

    before = look()
    sim1.run("systemctl restart nova-compute@sim1-2")
    began = sim1.run("date -u +%FT%T")

    def check():
        services = cloud.get("nova", "/v2.1/os-services?binary=nova-compute&host=sim1-2")["services"]
        assert [(item["state"], item["updated_at"] > began) for item in services] == [("up", True)]

    eventually(check)
    assert sim1.run("systemctl show -p NRestarts --value nova-compute@sim1-2") == "0"
    assert look() == before


def test_a_fake_compute_takes_guests(cloud, sim1, eventually):
    """By all of its cell: API, super conductor, queue, compute, conductor and database of the cell."""
    name = FAKES[0]
    image = cloud.ask(
        "POST", "glance", "/v2/images", body={"name": name, "container_format": "bare", "disk_format": "raw"}
    )
    flavor = {"name": f"of-{name}", "ram": 64, "vcpus": 1, "disk": 1, "id": f"of-{name}"}
    cloud.ask("POST", "nova", "/v2.1/flavors", body={"flavor": flavor})
    try:
        answer = cloud.call(
            "glance", f"/v2/images/{image['id']}/file", body=b"\0" * 512, method="PUT",
            headers={"X-Auth-Token": cloud.token, "Content-Type": "application/octet-stream"},
        )  # fmt: skip
        assert answer.status == 204
        wanted = {"name": name, "imageRef": image["id"], "flavorRef": flavor["id"], "networks": "none", "host": name}
        guest = cloud.ask("POST", "nova", "/v2.1/servers", "compute 2.74", {"server": wanted})["server"]["id"]

        def active():
            found = cloud.get("nova", f"/v2.1/servers/{guest}")["server"]
            assert (found["status"], found["OS-EXT-SRV-ATTR:host"]) == ("ACTIVE", name), found.get("fault")

        eventually(active, 60)
        assert sim1.sql(f"select host from nova_cell2.instances where uuid = '{guest}'") == [(name,)]
        cloud.ask("DELETE", "nova", f"/v2.1/servers/{guest}")

        def gone():
            assert cloud.call(
                "nova", f"/v2.1/servers/{guest}", headers={"X-Auth-Token": cloud.token}
            ).status == 404  # fmt: skip

        eventually(gone, 60)
    finally:
        cloud.ask("DELETE", "nova", f"/v2.1/flavors/{flavor['id']}")
        cloud.ask("DELETE", "glance", f"/v2/images/{image['id']}")
