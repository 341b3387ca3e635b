#!/usr/bin/python

# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
---
module: preflight
short_description: Find everything that stands against a deployment, before its first change
version_added: 0.1.0
author:
  - scaleout.nova contributors (@scaleout-nova)
description:
  - Looks at each host and at its variables and collects all problems, without failing. One connection per host,
    and no gathered facts are needed.
  - A second task with O(report), run once, puts the problems of all hosts into one message and fails with it.
  - Only what is asked for is checked. What is always checked are the variables of the roles of this collection, see
    O(role_variables).
  - Nothing is ever changed, so it does the same in check mode.
  - No value of a secret is shown, neither by itself nor within another message.
extends_documentation_fragment:
  - scaleout.nova.attributes.info
options:
  report:
    description:
      - The name of the variable in which an earlier task with this module has registered its result.
      - The results of all hosts of the play are read, compared with each other, and reported.
        Two inventory names with the same address, hosts with the same machine id, and hosts with the same host name
        are problems too.
      - Give it alone and with C(run_once=true). No connection is made.
      - A host that could not be reached is named, but does not make the report fail.
    type: str
  os:
    description: Operating systems that are supported. Without it any is.
    type: list
    elements: dict
    suboptions:
      id:
        description: The C(ID) in C(/etc/os-release).
        type: str
        required: true
      version:
        description: The C(VERSION_ID) in C(/etc/os-release). Without it every version is supported.
        type: str
  python:
    description: The oldest version of Python that will do on the host, such as V(3.11).
    type: str
  systemd:
    description: Whether the host must have been started by systemd.
    type: bool
    default: false
  memory_mib:
    description:
      - Memory in MiB that the host must have in total.
      - The kernel keeps some per cent for itself, so leave room below the round figure.
    type: int
  disk_mib:
    description: Free disk space that the host must have.
    type: list
    elements: dict
    suboptions:
      path:
        description: A directory. If it is not there yet, the one that it will be in counts.
        type: path
        required: true
      mib:
        description: Free space in MiB, as an ordinary user gets it.
        type: int
        required: true
      unless_exists:
        description:
          - A path. If it exists, the space is not asked for.
          - For space that is needed once, to install something, so that a second run does not ask for it again.
        type: path
  max_clock_skew:
    description:
      - By how many seconds the clock of the host may differ from that of the control node.
      - The time that it takes to ask the host is not counted as a difference.
    type: float
  resolve:
    description: Names that must resolve on the host, such as those of the controllers.
    type: list
    elements: str
    default: []
  own_name:
    description:
      - What must be true of the host's own name.
      - V(resolves) wants it to resolve on the host. V(reachable) wants that too, and not only to the loopback
        interface, because then a service tells others an address that leads each of them to itself.
      - V(auto) is V(reachable) if the inventory has several hosts, otherwise V(resolves).
    type: str
    choices: [auto, reachable, resolves, ignore]
    default: ignore
  addresses:
    description:
      - Names of variables. Where one is defined, its value, or each one of a list, must be an IP address or a name
        that resolves on the host.
    type: list
    elements: str
    default: []
  local_addresses:
    description: As O(addresses), and the host itself must have the address.
    type: list
    elements: str
    default: []
  ports:
    description: TCP ports that the deployment will listen on.
    type: list
    elements: dict
    suboptions:
      port:
        description: The port.
        type: int
        required: true
      by:
        description: Names of the processes that may have it already. Everything else that listens there is a problem.
        type: list
        elements: str
        default: []
  groups:
    description: What the inventory's groups must look like.
    type: list
    elements: dict
    suboptions:
      name:
        description: The group.
        type: str
        required: true
      min:
        description: How many hosts it has at least.
        type: int
        default: 0
      max:
        description: How many hosts it has at most.
        type: int
      not_with:
        description: Groups that no host of this group may be in too.
        type: list
        elements: str
        default: []
  secrets:
    description:
      - Names of variables that hold secrets. Each must be defined, be at least 16 characters long, and not be one
        of those that everybody tries first.
    type: list
    elements: str
    default: []
  role_variables:
    description:
      - Whether to check the variables of this collection's roles against their argument specifications.
      - A variable that begins with the name of a role but is none of its options is a problem, and so is a value of
        the wrong type, or one that is not among the choices, or one that cannot be evaluated.
      - Values that refer to facts, to results of tasks or to other hosts are only checked if they can be evaluated
        already.
    type: bool
    default: true
  roles:
    description: Roles that the host is going to run. Their required options must be defined.
    type: list
    elements: str
    default: []
  ignore_variables:
    description: Names of variables, with C(*) and C(?), that O(role_variables) leaves alone.
    type: list
    elements: str
    default: []
"""

EXAMPLES = r"""
- name: Preflight
  hosts: controllers:computes
  gather_facts: false
  tasks:
    - name: Look at every host
      scaleout.nova.preflight:
        os:
          - id: debian
            version: "13"
        python: "3.11"
        systemd: true
        memory_mib: "{{ 3500 if 'controllers' in group_names else 1500 }}"
        disk_mib:
          - path: /var
            mib: 4096
            unless_exists: /etc/nova/nova.conf
        max_clock_skew: 5
        own_name: auto
        resolve: "{{ groups['controllers'] | default([]) }}"
        local_addresses: [nova_compute_my_ip]
        ports:
          - port: 3306
            by: [mariadbd]
        groups:
          - name: controllers
            min: 1
          - name: computes
        secrets: [mariadb_root_password, keystone_admin_password]
      register: __preflight

    - name: Report everything that stands in the way
      scaleout.nova.preflight:
        report: __preflight
      run_once: true
"""

RETURN = r"""
problems:
  description:
    - Everything that was found.
    - With O(report), each problem once, with C(hosts) instead of C(scope).
  returned: always
  type: list
  elements: dict
  contains:
    check:
      description: What was checked, for example C(memory) or C(variables).
      type: str
      sample: memory
    text:
      description: What is wrong, and what would be right.
      type: str
      sample: 512 MiB of memory, at least 1500 MiB are wanted
    scope:
      description: V(host), or V(inventory) if it is the same whichever host one asks.
      type: str
      sample: host
    hosts:
      description: The hosts that have the problem; none for a problem of the inventory.
      type: list
      elements: str
      sample: [cpu1, cpu2]
facts:
  description: What was read from the host.
  returned: without O(report)
  type: dict
  contains:
    os:
      description: C(id), C(version) and C(name) from C(/etc/os-release).
      type: dict
    python:
      description: The version of Python that runs modules.
      type: str
    pid1:
      description: The name of the process with the number 1.
      type: str
    systemd:
      description: Whether systemd manages the host.
      type: bool
    memory_mib:
      description: Memory in total, in MiB.
      type: int
    disk:
      description: For each path C(free_mib), and whether C(unless_exists) C(exists).
      type: dict
    time:
      description: The host's clock, in seconds since 1970.
      type: float
    hostname:
      description: The host's own name.
      type: str
    machine:
      description: A digest of the machine id, to tell machines apart. The id itself is not shown.
      type: str
    names:
      description: For each name the C(addresses) that it resolves to, or the C(error).
      type: dict
    local:
      description: For each address whether it is one of the host's own.
      type: dict
    ports:
      description: For each port the processes that listen on it, with C(name), C(names) and C(pid).
      type: dict
msg:
  description: The report.
  returned: with O(report)
  type: str
"""

import hashlib
import os
import platform
import socket
import threading
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

# Seconds that all names together may take to resolve.
RESOLVE_TIMEOUT = 6.0

ARGUMENT_SPEC: dict[str, dict[str, t.Any]] = {
    "report": {"type": "str"},
    "os": {
        "type": "list",
        "elements": "dict",
        "options": {"id": {"type": "str", "required": True}, "version": {"type": "str"}},
    },
    "python": {"type": "str"},
    "systemd": {"type": "bool", "default": False},
    "memory_mib": {"type": "int"},
    "disk_mib": {
        "type": "list",
        "elements": "dict",
        "options": {
            "path": {"type": "path", "required": True},
            "mib": {"type": "int", "required": True},
            "unless_exists": {"type": "path"},
        },
    },
    "max_clock_skew": {"type": "float"},
    "resolve": {"type": "list", "elements": "str", "default": []},
    "own_name": {"type": "str", "choices": ["auto", "reachable", "resolves", "ignore"], "default": "ignore"},
    "addresses": {"type": "list", "elements": "str", "default": []},
    "local_addresses": {"type": "list", "elements": "str", "default": []},
    "ports": {
        "type": "list",
        "elements": "dict",
        "options": {
            "port": {"type": "int", "required": True},
            "by": {"type": "list", "elements": "str", "default": []},
        },
    },
    "groups": {
        "type": "list",
        "elements": "dict",
        "options": {
            "name": {"type": "str", "required": True},
            "min": {"type": "int", "default": 0},
            "max": {"type": "int"},
            "not_with": {"type": "list", "elements": "str", "default": []},
        },
    },
    # Names of variables, which are no secret.
    "secrets": {"type": "list", "elements": "str", "default": [], "no_log": False},
    "role_variables": {"type": "bool", "default": True},
    "roles": {"type": "list", "elements": "str", "default": []},
    "ignore_variables": {"type": "list", "elements": "str", "default": []},
}


def read(path: str) -> str:
    """The text of a file; empty if it cannot be read."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except OSError:
        return ""


def os_release(text: str) -> dict[str, str]:
    """C(id), C(version) and C(name) of an os-release file."""
    found: dict[str, str] = {}
    for line in text.splitlines():
        key, mark, value = line.strip().partition("=")
        if mark and not key.startswith("#"):
            found[key] = value.strip().strip("\"'")
    return {
        "id": found.get("ID", "linux"),
        "version": found.get("VERSION_ID", ""),
        "name": found.get("PRETTY_NAME", "") or found.get("NAME", ""),
    }


def memory_mib(meminfo: str) -> int:
    """The total of C(/proc/meminfo), in MiB."""
    for line in meminfo.splitlines():
        if line.startswith("MemTotal:"):
            return int(line.split()[1]) // 1024
    return 0


def disk(path: str, unless_exists: str | None) -> dict[str, t.Any]:
    """Free space where the path is, or will be."""
    place = os.path.abspath(path)
    while not os.path.isdir(place) and place != "/":
        place = os.path.dirname(place)
    found = os.statvfs(place)
    return {
        "free_mib": found.f_bavail * found.f_frsize // 1048576,
        "exists": bool(unless_exists) and os.path.exists(unless_exists or ""),
    }


def lookup(name: str) -> dict[str, t.Any]:
    """What the host's resolver says about a name."""
    try:
        found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as error:
        return {"addresses": [], "error": getattr(error, "strerror", None) or str(error)}
    return {"addresses": sorted({str(entry[4][0]).partition("%")[0] for entry in found}), "error": ""}


def resolve(names: t.Iterable[str]) -> dict[str, dict[str, t.Any]]:
    """All names at once: a dead name server costs its timeout once."""
    found: dict[str, dict[str, t.Any]] = {}

    def ask(name: str) -> None:
        found[name] = lookup(name)

    threads = [threading.Thread(target=ask, args=(name,), daemon=True) for name in dict.fromkeys(names)]
    for thread in threads:
        thread.start()
    end = time.monotonic() + RESOLVE_TIMEOUT
    for thread in threads:
        thread.join(max(0.0, end - time.monotonic()))
    late = {"addresses": [], "error": "no answer within %d s" % RESOLVE_TIMEOUT}
    return {name: found.get(name, late) for name in names}


def is_local(address: str) -> bool:
    """Whether the host itself has the address: only then can something be bound to it."""
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.bind((address, 0))
    except OSError:
        return False
    return True


def listening(table: str) -> dict[int, set[str]]:
    """Ports and inodes of the listening sockets in a table like C(/proc/net/tcp)."""
    found: dict[int, set[str]] = {}
    for line in table.splitlines()[1:]:
        fields = line.split()
        if len(fields) > 9 and fields[3] == "0A":
            found.setdefault(int(fields[1].rpartition(":")[2], 16), set()).add(fields[9])
    return found


def sockets(pid: str) -> list[str]:
    """The sockets that a process has open, as C(socket:[INODE]); none if it has ended or is not ours to look at."""
    folder = "/proc/%s/fd" % pid
    found = []
    try:
        for descriptor in os.listdir(folder):
            try:
                found.append(os.readlink("%s/%s" % (folder, descriptor)))
            except OSError:
                continue  # closed in the meantime
    except OSError:
        pass
    return [link for link in found if link.startswith("socket:[")]


def process(pid: str) -> dict[str, t.Any]:
    """A process, with all the names that it is known by."""
    arguments = [part for part in read("/proc/%s/cmdline" % pid).split("\0") if part]
    name = read("/proc/%s/comm" % pid).strip()
    names = {name} | {os.path.basename(part) for part in arguments[:2]}
    try:
        names.add(os.path.basename(os.readlink("/proc/%s/exe" % pid)))
    except OSError:
        pass
    return {"pid": int(pid), "name": name, "names": sorted(names - {""})}


def listeners(ports: t.Collection[int]) -> dict[str, list[dict[str, t.Any]]]:
    """Who listens on the ports. A process that cannot be found out (without root) has no name."""
    wanted: dict[str, int] = {}
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        for port, inodes in listening(read(table)).items():
            if port in ports:
                wanted.update(dict.fromkeys(inodes, port))
    found: dict[str, list[dict[str, t.Any]]] = {str(port): [] for port in ports}
    if not wanted:
        return found
    seen: set[tuple[int, str]] = set()
    named: set[int] = set()
    for pid in filter(str.isdigit, os.listdir("/proc")):
        for link in sockets(pid):
            owned = wanted.get(link[8:-1])
            if owned is not None and (owned, pid) not in seen:
                seen.add((owned, pid))
                named.add(owned)
                found[str(owned)].append(process(pid))
    for port in set(wanted.values()) - named:
        found[str(port)].append({"pid": 0, "name": "", "names": []})
    return found


def facts(parameters: dict[str, t.Any]) -> dict[str, t.Any]:
    """All that is asked for, in one go."""
    now = time.time()
    hostname = socket.gethostname()
    machine_id = read("/etc/machine-id").strip()
    literal = [address for address in parameters["local_addresses"] if not _is_name(address)]
    named = [address for address in parameters["local_addresses"] if _is_name(address)]
    names = resolve([hostname, *parameters["resolve"], *named])
    local = {address: is_local(address) for address in literal}
    for name in named:
        local[name] = any(is_local(address) for address in names[name]["addresses"])
    return {
        "os": os_release(read("/etc/os-release") or read("/usr/lib/os-release")),
        "python": platform.python_version(),
        "pid1": read("/proc/1/comm").strip(),
        "systemd": os.path.isdir("/run/systemd/system"),
        "memory_mib": memory_mib(read("/proc/meminfo")),
        "disk": {entry["path"]: disk(entry["path"], entry["unless_exists"]) for entry in parameters["disk_mib"] or []},
        "time": now,
        "hostname": hostname,
        "machine": hashlib.sha256(machine_id.encode()).hexdigest()[:16] if machine_id else "",
        "names": names,
        "local": local,
        "ports": listeners({entry["port"] for entry in parameters["ports"] or []}),
    }


def _is_name(address: str) -> bool:
    return ":" not in address and not address.replace(".", "").isdigit()


def main() -> None:
    """Read; what it means is decided on the control node, by the action plugin of the same name."""
    module = AnsibleModule(argument_spec=ARGUMENT_SPEC, supports_check_mode=True)
    module.exit_json(changed=False, problems=[], facts=facts(module.params))


if __name__ == "__main__":
    main()
