# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""From an inventory and the machine's settings to what should be there."""

from __future__ import annotations

import ipaddress
from typing import Any

import pytest
from labkit import plan

SUBNET = ipaddress.IPv4Network("10.71.0.0/24")


def inventory(**hosts: dict[str, Any]) -> dict[str, Any]:
    common = {"lab_name": "scaleout", "lab_subnet": "10.71.0.0/24"}
    return {
        "_meta": {"hostvars": {name: {**common, **values} for name, values in hosts.items()}},
        "all": {"children": ["ungrouped", "controllers", "computes"]},
        "controllers": {"hosts": [name for name in hosts if name.startswith("ctl")]},
        "computes": {"children": ["zone_a"]},
        "zone_a": {"hosts": [name for name in hosts if name.startswith("cpu")]},
    }


def lab(**hosts: dict[str, Any]) -> plan.Lab:
    return plan.parse_inventory(inventory(**hosts), "inv")


FOUR = {
    "ctl1": {"ansible_host": "10.71.0.11", "lab_memory": "6g", "lab_cpus": "1.5"},
    "cpu1": {"ansible_host": "10.71.0.21"},
    "cpu2": {"ansible_host": "10.71.0.22"},
}


def test_inventory_becomes_a_lab() -> None:
    found = lab(**FOUR)
    assert (found.name, found.subnet) == ("scaleout", SUBNET)
    assert [host.name for host in found.hosts] == ["cpu1", "cpu2", "ctl1"]
    assert found.hosts[2] == plan.Host("ctl1", "10.71.0.11", "6g", 1.5)
    assert found.container("cpu1") == "scaleout-cpu1"


def test_hosts_without_lab_name_are_somebody_elses() -> None:
    data = inventory(**FOUR)
    data["_meta"]["hostvars"]["real"] = {"ansible_host": "192.0.2.1"}
    data["zone_a"]["hosts"].append("real")
    found = plan.parse_inventory(data, "inv")
    assert "real" not in {host.name for host in found.select("computes")}


def test_inventory_without_a_lab() -> None:
    with pytest.raises(plan.LabError, match="inv: no host has the variable lab_name"):
        plan.parse_inventory({"_meta": {"hostvars": {"real": {}}}}, "inv")


@pytest.mark.parametrize(
    ("limit", "expected"),
    [
        (None, ["cpu1", "cpu2", "ctl1"]),
        ("cpu2,ctl1", ["cpu2", "ctl1"]),
        ("computes", ["cpu1", "cpu2"]),
        ("c*1", ["cpu1", "ctl1"]),
        ("all", ["cpu1", "cpu2", "ctl1"]),
    ],
)
def test_select(limit: str | None, expected: list[str]) -> None:
    assert [host.name for host in lab(**FOUR).select(limit)] == expected


def test_select_names_what_is_unknown() -> None:
    with pytest.raises(plan.LabError, match=r"--limit cpu9: no such host .*cpu1, cpu2, ctl1"):
        lab(**FOUR).select("cpu1,cpu9")


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"ansible_host": "cpu1.example"}, "ansible_host 'cpu1.example' is not an IPv4 address in 10.71.0.0/24"),
        ({}, "ansible_host '' is not an IPv4 address"),
        ({"ansible_host": "10.72.0.5"}, "10.72.0.5 is not an address of lab_subnet"),
        ({"ansible_host": "10.71.0.255"}, "10.71.0.255 is not an address of lab_subnet"),
        ({"ansible_host": "10.71.0.1"}, "gateway"),
        ({"ansible_host": "10.71.0.5", "lab_memory": "much"}, "lab_memory 'much' is not a size such as 6g"),
        ({"ansible_host": "10.71.0.5", "lab_cpus": "two"}, "lab_cpus 'two' is not a number"),
        ({"ansible_host": "10.71.0.5", "lab_name": "Lab One"}, "lab_name 'Lab One'"),
        ({"ansible_host": "10.71.0.5", "lab_subnet": "10.71.0.9/24"}, "lab_subnet has to be one IPv4 network"),
    ],
)
def test_problems_of_a_host(values: dict[str, Any], message: str) -> None:
    with pytest.raises(plan.LabError) as caught:
        lab(cpu1=values)
    assert message in str(caught.value)


def test_all_problems_in_one_message() -> None:
    with pytest.raises(plan.LabError) as caught:
        lab(
            cpu1={"ansible_host": "10.71.0.21"},
            cpu2={"ansible_host": "10.71.0.21"},
            Cpu_3={"ansible_host": "10.9.0.1"},
        )
    for part in ("cpu2: ansible_host 10.71.0.21 already belongs to cpu1", "10.9.0.1", "Cpu_3: not a host name"):
        assert part in str(caught.value)


def test_one_lab_per_inventory() -> None:
    with pytest.raises(plan.LabError, match="same for all hosts, not other, scaleout"):
        lab(cpu1={"ansible_host": "10.71.0.21"}, cpu2={"ansible_host": "10.71.0.22", "lab_name": "other"})


@pytest.mark.parametrize(("text", "size"), [("6g", 6 * 2**30), ("512M", 512 * 2**20), ("1024", 1024), ("3k", 3072)])
def test_sizes(text: str, size: int) -> None:
    assert plan.parse_size(text) == size


def test_hosts_file_is_sorted_by_address() -> None:
    text = plan.hosts_file({"cpu1": "10.71.0.21", "ctl1": "10.71.0.3"})
    assert text.splitlines()[2:] == ["10.71.0.3 ctl1", "10.71.0.21 cpu1"]
    assert text.splitlines()[0] == "127.0.0.1 localhost"


def test_mac_follows_from_the_address() -> None:
    assert plan.mac_address("10.71.0.11") == "02:42:0a:47:00:0b"


@pytest.mark.parametrize(
    ("destination", "device", "collides"),
    [
        ("default", "eth0", False),
        ("192.168.1.0/24", "eth0", False),
        ("10.0.0.0/8", "tun0", True),
        ("10.71.0.128/25", "br0", True),
        ("10.71.0.9", "eth0", True),
        ("10.71.0.0/24", "podman7", False),
    ],
)
def test_routes_that_collide(destination: str, device: str, collides: bool) -> None:
    found = plan.colliding_route(SUBNET, [{"dst": destination, "dev": device}], own_device="podman7")
    assert (found is not None) is collides


SOURCES = """\
Types: deb
# a comment
URIs: http://mirror.example/debian/
Suites: bookworm
 bookworm-updates
Components: main contrib

Types: deb
URIs: http://mirror.example/debian-security
Suites: bookworm-security
Components: main

Types: deb
URIs: https://off.example/debian
Suites: bookworm
Components: main
Enabled: no

Types: deb-src
URIs: http://source.example/debian
Suites: bookworm
Components: main
"""


def test_deb822_sources() -> None:
    found = plan.parse_apt_sources({"debian.sources": SOURCES})
    assert found[0] == plan.AptSource(
        "http://mirror.example/debian/", ("bookworm", "bookworm-updates"), ("main", "contrib")
    )
    assert [source.uri for source in found[1:]] == ["http://mirror.example/debian-security"]
    assert plan.pick_mirrors(found) == ("http://mirror.example/debian", "http://mirror.example/debian-security")


def test_one_line_sources() -> None:
    text = """\
# deb http://commented.example/debian trixie main
deb-src http://source.example/debian trixie main
deb https://vendor.example/apt stable main
deb [arch=amd64 signed-by=/k.gpg] https://near.example/debian trixie main non-free-firmware # ours
deb http://near.example/security trixie-security main
"""
    found = plan.parse_apt_sources({"sources.list": text})
    assert plan.pick_mirrors(found) == ("https://near.example/debian", "http://near.example/security")


def test_a_machine_without_debian_sources_uses_the_well_known_ones() -> None:
    found = plan.parse_apt_sources({"ubuntu.list": "deb http://archive.ubuntu.com/ubuntu noble main\n"})
    assert plan.pick_mirrors(found) == (plan.DEFAULT_MIRROR, plan.DEFAULT_SECURITY_MIRROR)


def test_sources_that_hosts_cannot_use_are_passed_over() -> None:
    found = plan.parse_apt_sources({"a.list": "deb file:/srv/debian trixie main\ndeb cdrom:[x]/ trixie main\n"})
    assert plan.pick_mirrors(found)[0] == plan.DEFAULT_MIRROR


def test_proxies() -> None:
    dump = 'Acquire "";\nAcquire::http "";\nAcquire::http::Proxy "http://apt.example:3142";\n'
    environment = {"http_proxy": "http://other.example:1", "HTTPS_PROXY": "http://env.example:8080"}
    assert plan.parse_apt_proxies(dump, environment) == {
        "http": "http://apt.example:3142",
        "https": "http://env.example:8080",
    }
    assert plan.parse_apt_proxies('Acquire::http::Proxy "DIRECT";\n', {}) == {}


def test_certificates_are_split_once_each() -> None:
    one = "-----BEGIN CERTIFICATE-----\nAA\n-----END CERTIFICATE-----"
    two = "-----BEGIN CERTIFICATE-----\nBB\n-----END CERTIFICATE-----"
    assert plan.split_certificates(f"# name\n{one}\n{two}\n{one}\n") == [one, two]


@pytest.mark.parametrize(
    ("text", "itself"),
    [
        ("nameserver 192.0.2.53\n", False),
        ("# nameserver 127.0.0.1\nnameserver 192.0.2.53\n", False),
        ("nameserver 127.0.0.53\noptions edns0\n", False),
        ("search x\nnameserver 127.0.0.1\n", True),
        ("nameserver ::1\n", True),
    ],
)
def test_resolver(text: str, itself: bool) -> None:
    assert plan.resolves_through_itself(text) is itself
