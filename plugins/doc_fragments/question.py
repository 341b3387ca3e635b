# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What can be asked of a snapshot (plugins/module_utils/_question.py has the specification of these options)."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment for the options of a question about capacity."""

    DOCUMENTATION = r"""
options:
  flavors:
    description:
      - Names or IDs of the flavors in question.
      - By default all that there are. With O(flavor), only that one.
    type: list
    elements: str
  flavor:
    description: A flavor that there need not be, to be asked for besides those in O(flavors).
    type: dict
    suboptions:
      name:
        description: What it is called in the answer.
        type: str
        default: flavor
      vcpus:
        description: CPUs.
        type: int
        required: true
      ram:
        description: Memory in MiB.
        type: int
        required: true
      disk:
        description: Root disk in GiB.
        type: int
        default: 0
      ephemeral:
        description: Ephemeral disk in GiB.
        type: int
        default: 0
      swap:
        description: Swap disk in MiB.
        type: int
        default: 0
      extra_specs:
        description: Extra specs. One that Nova would refuse or ignore is an error.
        type: dict
        default: {}
  project:
    description:
      - ID of the project that the servers are for. It matters where aggregates are reserved for projects.
      - Without it, the servers are those of a project that no aggregate is reserved for.
    type: str
  zone:
    description: The availability zone that is asked for.
    type: str
  aggregate:
    description: Count only hosts of this host aggregate.
    type: str
  image_properties:
    description:
      - Properties of the image, such as C(hw_cpu_policy) or C(trait:HW_CPU_X86_AVX2).
      - So are C(min_ram) (MiB), C(min_disk) (GiB) and C(size) (bytes), which keep small flavors from it.
    type: dict
    default: {}
  image_format:
    description: Disk format of the image. It matters with O(scheduler.query_placement_for_image_type_support).
    type: str
  boot_from_volume:
    description: Whether the root disks are volumes, which need no disk of the host.
    type: bool
    default: false
  server_group:
    description: Name or UUID of the server group that the servers are put into. Needs the servers in the snapshot.
    type: str
  new_server_group:
    description: A server group that there is not yet, for all the servers in question.
    type: dict
    suboptions:
      policy:
        description: Its policy.
        type: str
        required: true
        choices: [affinity, anti-affinity, soft-affinity, soft-anti-affinity]
      max_server_per_host:
        description: How many members one host may have. Only with the policy V(anti-affinity), and then 1 by default.
        type: int
  scheduler:
    description:
      - Options in the C(nova.conf) of the scheduler, which no API shows, under their names there.
      - What is not given has Nova's default, except that a filter is taken to be enabled when there is metadata that
        only this filter reads. The answer says what was assumed.
    type: dict
    suboptions:
      enabled_filters:
        description: Names of the filters in C([filter_scheduler]).
        type: list
        elements: str
      max_instances_per_host:
        description: Servers on one host, for the filters on their number. Nova's default is 50.
        type: int
      enable_isolated_aggregate_filtering:
        description: Whether aggregates that require traits are closed to servers that do not ask for these.
        type: bool
      limit_tenants_to_placement_aggregate:
        description: Whether a project that aggregates name is confined to them.
        type: bool
      placement_aggregate_required_for_tenants:
        description: Whether a project that no aggregate names has no hosts.
        type: bool
      query_placement_for_image_type_support:
        description: Whether hosts have to support the disk format of the image.
        type: bool
      image_metadata_prefilter:
        description: Whether properties of the image become required traits.
        type: bool
  what_if:
    description:
      - Answer for a cloud that is different in this. No cloud is touched.
      - The changes are made in this order, so that hosts can be added like one that has another ratio.
    type: dict
    suboptions:
      remove_hosts:
        description: Hosts that are not there, nor the servers on them.
        type: list
        elements: str
        default: []
      disable_hosts:
        description: Hosts that are disabled.
        type: list
        elements: str
        default: []
      enable_hosts:
        description: Hosts that are enabled.
        type: list
        elements: str
        default: []
      ratios:
        description:
          - Other allocation ratios. The snapshot has to have total and reserved, as it does when it is taken with
            all inventories read.
        type: list
        elements: dict
        default: []
        suboptions:
          resource_class:
            description: The resource class, such as V(VCPU).
            type: str
            required: true
          allocation_ratio:
            description: The ratio.
            type: float
            required: true
          hosts:
            description: On these hosts. By default on all, or on those of O(what_if.ratios[].aggregate).
            type: list
            elements: str
          aggregate:
            description: On the hosts of this aggregate.
            type: str
      aggregates:
        description: Host aggregates that are different.
        type: list
        elements: dict
        default: []
        suboptions:
          name:
            description: Name of the aggregate.
            type: str
            required: true
          new:
            description: Whether it is not there yet.
            type: bool
            default: false
          add_hosts:
            description: Hosts to add.
            type: list
            elements: str
            default: []
          remove_hosts:
            description: Hosts to take out.
            type: list
            elements: str
            default: []
          zone:
            description: Its availability zone. The empty string takes it away.
            type: str
          metadata:
            description: Keys to set. A value of null removes the key.
            type: dict
            default: {}
      add_hosts:
        description: Empty hosts more, like one that there is.
        type: list
        elements: dict
        default: []
        suboptions:
          like:
            description: Name of the host that they are like, and whose aggregates they are in.
            type: str
            required: true
          count:
            description: How many.
            type: int
            default: 1
          zone:
            description: Another availability zone than that of the host.
            type: str
"""
