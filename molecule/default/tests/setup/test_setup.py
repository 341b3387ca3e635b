# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts are set up as the roles say."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import pytest
import yaml

ROLES = Path(__file__).resolve().parents[4] / "roles"
TIMERS = ["scaleout-fernet-rotate", "scaleout-nova-archive", "scaleout-nova-purge"]


def test_services_start_at_boot_and_come_back_whatever_ends_them(node):
    # libvirtd is started by its socket.
    for unit in node.services + [name for name in node.backends if name != "libvirtd"]:
        shown = node.unit(unit, "UnitFileState", "Restart", "StartLimitIntervalUSec")
        assert shown == {"UnitFileState": "enabled", "Restart": "always", "StartLimitIntervalUSec": "0"}, unit


def test_libvirt_is_started_by_its_socket(compute):
    assert compute.unit("libvirtd.socket", "UnitFileState", "ActiveState") == {
        "UnitFileState": "enabled",
        "ActiveState": "active",
    }


def test_units_run_with_what_is_on_disk(node):
    """systemd has read every unit file as it is."""
    for unit in node.services + node.backends:
        assert node.unit(unit, "NeedDaemonReload") == {"NeedDaemonReload": "no"}, unit


def test_console_proxy_belongs_to_its_cell(controller):
    assert controller.run("systemctl is-active nova-novncproxy@cell1") == "active"
    for unit in ("nova-novncproxy", "nova-serialproxy", "nova-spicehtml5proxy"):
        shown = controller.unit(f"{unit}.service", "ActiveState", "UnitFileState")
        assert shown["ActiveState"] == "inactive"
        assert shown["UnitFileState"] in ("disabled", "")


def test_conductor_of_the_cell_knows_no_api_database(controller):
    text = controller.run("cat /etc/nova/nova-cell1.conf")
    assert "nova_cell1" in text
    assert "nova_api" not in text
    assert "nova-cell1.conf" in controller.run("systemctl show -p ExecStart nova-conductor@cell1")


def test_mapping_of_a_cell_holds_what_the_services_use(controller, secrets):
    query = "select name, database_connection, transport_url from nova_api.cell_mappings"
    rows = {name: (url, queue) for name, url, queue in controller.sql(query)}
    assert secrets["nova_controller_cell1_database_password"] in rows["cell1"][0]
    assert secrets["nova_controller_cell1_messaging_password"] in rows["cell1"][1]
    # A password is in no template: it comes from the files of the service that reads it.
    assert rows["cell0"][0].startswith(("mysql+pymysql://", "{scheme}://"))


@pytest.mark.parametrize("name", TIMERS)
def test_timer_is_armed_and_its_work_succeeds(controller, name):
    shown = controller.unit(f"{name}.timer", "UnitFileState", "ActiveState", "NextElapseUSecRealtime")
    assert (shown["UnitFileState"], shown["ActiveState"]) == ("enabled", "active")
    assert shown["NextElapseUSecRealtime"]
    controller.run(f"systemctl start {name}.service")
    ended = controller.unit(f"{name}.service", "Result", "ActiveState")
    assert ended == {"Result": "success", "ActiveState": "inactive"}


def test_a_token_survives_the_rotation_of_the_keys(controller, cloud):
    def newest():
        return max(int(name) for name in controller.run("ls /etc/keystone/fernet-keys").split())

    token, before = cloud.login(), newest()
    controller.run("systemctl start scaleout-fernet-rotate.service")
    assert newest() == before + 1
    assert cloud.call("keystone", "/v3/users", headers={"X-Auth-Token": token}).status == 200
    declared = yaml.safe_load((ROLES / "keystone" / "defaults" / "main.yml").read_text())["keystone_fernet_keys"]
    assert len(controller.run("ls /etc/keystone/fernet-keys").split()) <= declared


def test_workers_are_few(controller):
    """service_workers is 1: a master and one worker (glance: one process more)."""
    processes = Counter(line.strip() for line in controller.run("ps -eo unit= ").splitlines())
    for service in controller.services:
        assert 1 <= processes[f"{service}.service"] <= 3, service


def test_scheduler_filters_are_those_declared(controller):
    declared = yaml.safe_load((ROLES / "nova_controller" / "defaults" / "main.yml").read_text())
    used = controller.run("sed -n 's/^enabled_filters *= *//p' /etc/nova/nova.conf")
    assert used.split(",") == declared["nova_controller_scheduler_filters"]


def test_schema_of_every_database_is_current(controller):
    """By each service's own word."""
    controller.run("su -s /bin/sh -c 'glance-manage db check' glance")
    controller.run("su -s /bin/sh -c 'keystone-manage db_sync --check' keystone")
    assert controller.run("su -s /bin/sh -c 'nova-status upgrade check >/dev/null; echo $?' nova") in ("0", "1")


def test_guests_are_emulated_only_where_kvm_does_not_work(compute):
    driver = compute.run("cat /etc/nova/nova.conf /etc/nova/nova-compute.conf")
    assert "libvirt.LibvirtDriver" in driver
    assert "virt_type = qemu" in driver or "virt_type = kvm" in driver


def test_a_compute_knows_no_database(compute):
    """Nor anything else of the package's example of a configuration."""
    found = compute.run("cat /etc/nova/nova.conf /etc/nova/nova-compute.conf")
    for word in ("connection =", "localhost", "sqlite", "spice"):
        assert word not in found, word


# Packages that were killed half-way, and packages of a play that was: nothing may stay without bytecode.
UNCOMPILED = """
import importlib.util, pathlib
for path in pathlib.Path("/usr/lib/python3/dist-packages").rglob("*.py"):
    if "tests" not in path.parts and not pathlib.Path(importlib.util.cache_from_source(path)).exists():
        print(path)
"""


def test_every_python_module_is_compiled(node):
    assert node.feed("python3 -", UNCOMPILED) == ""
