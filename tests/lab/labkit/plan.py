# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What should be there: pure functions from an inventory and the machine's settings to data."""

from __future__ import annotations

import fnmatch
import ipaddress
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_MIRROR = "http://deb.debian.org/debian"
DEFAULT_SECURITY_MIRROR = "http://deb.debian.org/debian-security"
_UNITS = {"": 1, "b": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


class LabError(Exception):
    """Something that the user can mend; the message says what and how."""


@dataclass(frozen=True)
class Host:
    """A host as the inventory wants it."""

    name: str
    address: str
    memory: str | None = None  # a limit, as podman writes it: 6g
    cpus: float | None = None


@dataclass(frozen=True)
class Lab:
    """The part of an inventory that is made of containers on this machine."""

    name: str
    subnet: ipaddress.IPv4Network
    hosts: tuple[Host, ...]
    groups: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def container(self, host: str) -> str:
        """The name of a host's container."""
        return f"{self.name}-{host}"

    def select(self, patterns: str | None) -> tuple[Host, ...]:
        """The hosts that comma-separated names, groups or globs mean; all without."""
        if not patterns:
            return self.hosts
        wanted: set[str] = set()
        for pattern in filter(None, re.split(r"[,\s]+", patterns)):
            found = {name for name in (host.name for host in self.hosts) if fnmatch.fnmatchcase(name, pattern)}
            found |= self.groups.get(pattern, frozenset())
            if not found:
                known = ", ".join(host.name for host in self.hosts)
                raise LabError(f"--limit {pattern}: no such host or group in lab {self.name} (hosts: {known})")
            wanted |= found
        return tuple(host for host in self.hosts if host.name in wanted)


def parse_size(text: str) -> int:
    """Bytes in '6g', '512m' or '1024'."""
    match = re.fullmatch(r"(\d+)([bkmgt]?)", text.strip().lower())
    if not match:
        raise ValueError(text)
    return int(match[1]) * _UNITS[match[2]]


def parse_inventory(data: Mapping[str, Any], source: str) -> Lab:
    """The lab of an `ansible-inventory --list`; all problems in one LabError."""
    hostvars: Mapping[str, Mapping[str, Any]] = data.get("_meta", {}).get("hostvars", {})
    ours = {name: values for name, values in hostvars.items() if values.get("lab_name")}
    if not ours:
        raise LabError(f"{source}: no host has the variable lab_name, so there is nothing to start here")
    problems: list[str] = []
    names = {str(values["lab_name"]) for values in ours.values()}
    subnets = {str(values.get("lab_subnet", "")) for values in ours.values()}
    if len(names) > 1:
        problems.append(f"lab_name has to be the same for all hosts, not {', '.join(sorted(names))}")
    elif not re.fullmatch(r"[a-z][a-z0-9-]{0,30}", min(names)):
        problems.append(f"lab_name {min(names)!r}: small letters, digits and hyphens only")
    subnet = ipaddress.IPv4Network("0.0.0.0/32")
    try:
        if len(subnets) > 1:
            raise ValueError
        subnet = ipaddress.IPv4Network(min(subnets))
    except ValueError:
        problems.append(
            f"lab_subnet has to be one IPv4 network such as 10.71.0.0/24, not {', '.join(sorted(subnets))!r}"
        )
    else:
        problems += _address_problems(ours, subnet)
    hosts: list[Host] = []
    for name, values in sorted(ours.items()):
        if not re.fullmatch(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?", name):
            problems.append(f"{name}: not a host name (small letters, digits and hyphens)")
        memory, cpus = values.get("lab_memory"), values.get("lab_cpus")
        try:
            if memory is not None:
                parse_size(str(memory))
        except ValueError:
            problems.append(f"{name}: lab_memory {memory!r} is not a size such as 6g")
        try:
            cpus = None if cpus is None else float(cpus)
        except ValueError:
            problems.append(f"{name}: lab_cpus {cpus!r} is not a number")
            cpus = None
        hosts.append(Host(name, str(values.get("ansible_host", "")), None if memory is None else str(memory), cpus))
    if problems:
        raise LabError(f"{source}: " + "; ".join(problems))
    groups = {group: frozenset(_members(data, group) & set(ours)) for group in data if group != "_meta"}
    return Lab(min(names), subnet, tuple(hosts), groups)


def _address_problems(ours: Mapping[str, Mapping[str, Any]], subnet: ipaddress.IPv4Network) -> list[str]:
    problems: list[str] = []
    owners: dict[str, str] = {}
    gateway = subnet.network_address + 1
    for name, values in sorted(ours.items()):
        text = str(values.get("ansible_host", ""))
        try:
            address = ipaddress.IPv4Address(text)
        except ValueError:
            problems.append(f"{name}: ansible_host {text!r} is not an IPv4 address in {subnet}")
            continue
        if address not in subnet or address in (subnet.network_address, subnet.broadcast_address):
            problems.append(f"{name}: ansible_host {address} is not an address of lab_subnet {subnet}")
        elif address == gateway:
            problems.append(f"{name}: ansible_host {address} is the gateway of the lab's network")
        elif text in owners:
            problems.append(f"{name}: ansible_host {address} already belongs to {owners[text]}")
        owners.setdefault(text, name)
    return problems


def _members(data: Mapping[str, Any], group: str) -> set[str]:
    entry = data.get(group, {})
    found = set(entry.get("hosts", ()))
    for child in entry.get("children", ()):
        found |= _members(data, child)
    return found


def mac_address(address: str) -> str:
    """A MAC that follows from the address: after a restart the neighbours still know it."""
    return "02:42:" + ":".join(f"{octet:02x}" for octet in ipaddress.IPv4Address(address).packed)


def hosts_file(entries: Mapping[str, str]) -> str:
    """The /etc/hosts that all hosts of a lab share; entries are name -> address."""
    lines = ["127.0.0.1 localhost", "::1 localhost ip6-localhost ip6-loopback"]
    ordered = sorted(entries.items(), key=lambda entry: (ipaddress.IPv4Address(entry[1]), entry[0]))
    return "\n".join(lines + [f"{address} {name}" for name, address in ordered]) + "\n"


def colliding_route(
    subnet: ipaddress.IPv4Network, routes: Iterable[Mapping[str, Any]], own_device: str | None
) -> str | None:
    """The first route of `ip -j route` that overlaps with the subnet, other than the lab's own and the default."""
    for route in routes:
        destination, device = str(route.get("dst", "")), str(route.get("dev", ""))
        if destination in ("", "default") or (own_device and device == own_device):
            continue
        try:
            network = ipaddress.IPv4Network(destination, strict=False)
        except ValueError:
            continue
        if network.prefixlen and network.overlaps(subnet):
            return f"{destination} (device {device})"
    return None


def resolves_through_itself(resolv_conf: str) -> bool:
    """Whether a machine's name server is on its own loopback; then its containers need podman's forwarder.

    systemd-resolved's is not counted: podman knows where the real servers of that are.
    """
    servers = re.findall(r"^nameserver\s+(\S+)", resolv_conf, re.MULTILINE)
    return any(server == "::1" or (server.startswith("127.") and server != "127.0.0.53") for server in servers)


@dataclass(frozen=True)
class AptSource:
    """One archive that apt knows."""

    uri: str
    suites: tuple[str, ...]
    components: tuple[str, ...]


def parse_apt_sources(files: Mapping[str, str]) -> list[AptSource]:
    """The archives in sources.list and *.sources files (name -> text)."""
    found: list[AptSource] = []
    for name, text in sorted(files.items()):
        found += _parse_deb822(text) if name.endswith(".sources") else _parse_one_line(text)
    return found


def _parse_one_line(text: str) -> list[AptSource]:
    found = []
    for line in text.splitlines():
        match = re.match(r"deb\s+(?:\[[^\]]*\]\s+)?(\S+)\s+(\S+)\s*([^#]*)", line.strip())
        if match:
            found.append(AptSource(match[1], (match[2],), tuple(match[3].split())))
    return found


def _parse_deb822(text: str) -> list[AptSource]:
    found = []
    for stanza in re.split(r"\n\s*\n", "\n".join(line for line in text.splitlines() if not line.startswith("#"))):
        fields: dict[str, str] = {}
        key = ""
        for line in stanza.splitlines():
            if line[:1].isspace():
                fields[key] = fields.get(key, "") + " " + line.strip()
            elif ":" in line:
                key, value = line.split(":", 1)
                key = key.strip().lower()
                fields[key] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false") or "deb" not in fields.get("types", "").split():
            continue
        for uri in fields.get("uris", "").split():
            found.append(
                AptSource(uri, tuple(fields.get("suites", "").split()), tuple(fields.get("components", "").split()))
            )
    return found


def pick_mirrors(sources: Sequence[AptSource]) -> tuple[str, str]:
    """The archive and the security archive of Debian that this machine uses, or the well-known ones."""
    main = security = ""
    for source in sources:
        uri = source.uri.rstrip("/")
        if "main" not in source.components or not re.match(r"https?://", uri):
            continue
        if re.search(r"/debian-security$", uri) or any("security" in suite for suite in source.suites):
            security = security or uri
        elif re.search(r"/debian$", uri):
            main = main or uri
    return main or DEFAULT_MIRROR, security or DEFAULT_SECURITY_MIRROR


def parse_apt_proxies(dump: str, environment: Mapping[str, str]) -> dict[str, str]:
    """The proxies for http and https: those of `apt-config dump`, else those of the environment."""
    found = {}
    for scheme in ("http", "https"):
        name = f"{scheme}_proxy"
        value = environment.get(name) or environment.get(name.upper()) or ""
        match = re.search(rf'^Acquire::{scheme}::Proxy "([^"]*)";', dump, re.MULTILINE | re.IGNORECASE)
        value = match[1] if match and match[1] else value
        if value and value != "DIRECT":
            found[scheme] = value
    return found


def split_certificates(bundle: str) -> list[str]:
    """The PEM certificates in a bundle, each once."""
    found = re.findall(r"-----BEGIN CERTIFICATE-----\n.*?\n-----END CERTIFICATE-----", bundle, re.DOTALL)
    return list(dict.fromkeys(found))
