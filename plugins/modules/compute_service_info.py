#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: compute_service_info
short_description: The compute hosts of a cloud
version_added: 0.2.0
description:
  - Returns compute hosts with the state of their services, their zones, aggregates and hypervisors, and how many
    servers they have. Takes three calls for the first thousand hosts.
  - M(scaleout.nova.compute_service) changes what this module returns. As an inventory there is
    P(scaleout.nova.computes#inventory).
notes:
  - The credentials need the role C(admin), or policies that allow to list services, hypervisors and aggregates.
  - Needs Nova of Pike (2.53) or later.
  - The cell of a host is not visible through the API. When Nova cannot reach a cell, the module fails, and names hosts
    of it. A Nova before Stein (2.69) does not say so, and the hosts are missing.
extends_documentation_fragment:
  - scaleout.nova.attributes
  - scaleout.nova.attributes.info
  - scaleout.nova.cloud
options:
  hosts:
    description:
      - Compute hosts, by the names of their services, or globs such as V(cpu-1*). The default is all.
      - A name or glob that no compute host has is an error.
    type: list
    elements: str
  aggregates:
    description: Host aggregates, by name or glob. Their hosts are meant in addition to O(hosts).
    type: list
    elements: str
seealso:
  - module: scaleout.nova.compute_service
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Which hosts are there
  scaleout.nova.compute_service_info:
    cloud: admin
  register: computes

- name: Those that are disabled and empty
  ansible.builtin.debug:
    msg: >-
      {{ computes.hosts | selectattr('status', 'eq', 'disabled') | selectattr('servers', 'eq', 0)
         | map(attribute='host') }}
"""

RETURN = r"""
hosts:
  description: The compute hosts, sorted by name.
  type: list
  elements: dict
  returned: success
  contains:
    host:
      description: Name of the host.
      type: str
    zone:
      description: Its availability zone.
      type: str
    aggregates:
      description: The host aggregates that it is in, sorted.
      type: list
      elements: str
    status:
      description: V(enabled) or V(disabled).
      type: str
    state:
      description: V(up) or V(down).
      type: str
    disabled_reason:
      description:
        - Why it is disabled. Empty where no reason was given. One that begins with C(AUTO) is of nova-compute itself.
      type: str
    forced_down:
      description: Whether it was forced down.
      type: bool
    updated_at:
      description: When its service was last heard of, or changed, in UTC.
      type: str
    servers:
      description: How many servers there are, as nova-compute has last reported. Those that are shut off count as well.
      type: int
    hypervisors:
      description:
        - Its compute nodes, of which Ironic has many and others one. Empty where the host is not mapped to a cell.
        - C(vcpus), C(memory_mb) (MiB) and C(local_gb) (GiB) are totals. C(uuid) is that of the resource provider.
      type: list
      elements: dict
  sample:
    - host: cpu1
      zone: az1
      aggregates: [ssd]
      status: enabled
      state: up
      disabled_reason: ''
      forced_down: false
      updated_at: '2026-11-25T00:10:50.000000'
      servers: 3
      hypervisors:
        - uuid: 6a5a51a8-6d0e-4bd8-8e1f-0f3c0f6b3f5c
          hypervisor_hostname: cpu1.example.org
          hypervisor_type: QEMU
          hypervisor_version: 10000000
          host_ip: 192.0.2.11
          vcpus: 64
          memory_mb: 262144
          local_gb: 1000
          running_vms: 3
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import computes, selection
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module


def row(host: computes.ComputeHost) -> dict[str, t.Any]:
    """What is returned of a host."""
    return {
        "host": host.host,
        "zone": host.zone,
        "aggregates": host.aggregates,
        "status": host.status,
        "state": host.state,
        "disabled_reason": host.disabled_reason,
        "forced_down": host.forced_down,
        "updated_at": host.updated_at,
        "servers": host.servers,
        "hypervisors": host.hypervisors,
    }


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """What the module returns.

    :raises CloudError: see Cloud and rest.Service
    """
    hosts, aggregates = computes.read(cloud_module.connect(module))
    named, grouped = module.params["hosts"], module.params["aggregates"]
    if named is not None or grouped is not None:
        members = {each.name: each.hosts for each in aggregates}
        chosen, problems = selection.choose_hosts(named, grouped, [each.host for each in hosts], members)
        if problems:
            raise selection.ProblemsError(problems)
        hosts = [each for each in hosts if each.host in chosen]
    return {"changed": False, "hosts": [row(each) for each in hosts]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            "hosts": {"type": "list", "elements": "str"},
            "aggregates": {"type": "list", "elements": "str"},
        },
        supports_check_mode=True,
    )
    cloud_module.finish(module, lambda: run(module))


if __name__ == "__main__":
    main()
