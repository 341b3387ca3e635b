# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Controller and compute share a machine, and do not get into each other's way."""

from __future__ import annotations

import re


def test_controller_keeps_its_own_configuration(controller):
    """The compute's half has not taken the place of the controller's, nor the other way round."""
    top, compute = (controller.run(f"cat /etc/nova/{name}.conf") for name in ("nova", "nova-compute"))
    assert "[api_database]" in top and "enabled_filters" in top
    assert "compute_driver" not in top
    assert "compute_driver = libvirt.LibvirtDriver" in compute


def test_compute_reads_nothing_of_the_controller(controller):
    """It has the message queue of its cell, and no database; Nova warns of one that it may not use."""
    pid = controller.run("systemctl show -p MainPID --value nova-compute")
    arguments = controller.run(f"tr '\\0' ' ' < /proc/{pid}/cmdline")
    assert re.findall(r"--config-file[ =](\S+)", arguments) == ["/etc/nova/nova-compute.conf"]
    compute = controller.run("cat /etc/nova/nova-compute.conf")
    for word in ("connection =", "sqlite", "nova_api"):
        assert word not in compute, word
    assert "API database" not in controller.run("cat /var/log/nova/nova-compute.log")


def test_only_the_machine_itself_is_in_the_catalog(controller):
    """Whoever wants it to be reached by others says so (ansible_host in the inventory)."""
    urls = controller.run("openstack --os-cloud aio endpoint list -f value -c URL").split()
    assert urls and all(url.startswith("http://127.0.0.1:") for url in urls)
