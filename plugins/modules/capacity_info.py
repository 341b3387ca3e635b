#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capacity_info
short_description: How many more servers of each flavor fit into a cloud, where, and what is the limit
version_added: 0.2.0
description:
  - Answers how many more servers of a flavor fit, in all and per zone, aggregate and host, which resource or rule is
    the limit where, and how many more would fit without it. It also says what there is of each resource class, and
    what of it is stranded.
  - The answer is that of Placement and of Nova's scheduler. It knows about allocation ratios and units, dedicated CPUs,
    nested and sharing providers, traits, C(resources) and C(trait) extra specs and their numbered groups, and the
    rules for disabled hosts, availability zones, aggregates and server groups. What decides as well, and is shown by
    no API, is named in the answer.
  - With O(mix), whether given numbers of servers of several flavors fit together. With O(what_if), all this for a cloud
    that is a little different.
  - Asks the cloud, or with O(snapshot) a file that M(scaleout.nova.cloud_snapshot) wrote. With a file it needs no cloud
    and no library.
extends_documentation_fragment:
  - scaleout.nova.attributes
  - scaleout.nova.attributes.info
  - scaleout.nova.cloud
options:
  snapshot:
    description:
      - File with a snapshot of a cloud, on the host that the module runs on.
      - Without it, the cloud itself is read.
    type: path
  flavors:
    description:
      - Names or IDs of the flavors in question.
      - By default all that there are. With O(flavor) or O(mix), only those named there.
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
  image:
    description:
      - Name or ID of the image that the servers boot from, whose properties matter to the scheduler.
      - It is looked up in the cloud, so not with O(snapshot). Give O(image_properties) there.
    type: str
  image_properties:
    description:
      - Properties of the image, such as C(hw_cpu_policy) or C(trait:HW_CPU_X86_AVX2).
      - Together with O(image) they replace single properties of it.
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
  mix:
    description:
      - Whether so many servers of each of these flavors fit together, as a dictionary of flavor and number.
      - The flavor may be the one in O(flavor).
    type: dict
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
  detail:
    description:
      - How much to return. V(summary) leaves out the numbers per host, which are many in a large cloud.
      - V(flavors) has them for each flavor, V(hosts) the resources of each host as well.
    type: str
    choices: [summary, flavors, hosts]
    default: flavors
notes:
  - To read a cloud, the credentials need the role C(admin), since Placement answers nobody else.
requirements:
  - openstacksdk >= 4.4, unless O(snapshot) is given
seealso:
  - module: scaleout.nova.cloud_snapshot
  - plugin: scaleout.nova.table
    plugin_type: filter
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: See how many more of each flavor fit
  scaleout.nova.capacity_info:
    cloud: admin
  register: capacity

- name: Show it as a table
  ansible.builtin.debug:
    msg: "{{ capacity.flavors | scaleout.nova.capacity_rows | scaleout.nova.table }}"

- name: Stop before the launch of a cluster that does not fit
  scaleout.nova.capacity_info:
    snapshot: cloud.json
    zone: az-a
    mix:
      m1.large: 40
      m1.small: 200
  register: launch
  failed_when: not launch.mix.fits

- name: Ask for a flavor that there is not yet, in a group of servers that keep apart
  scaleout.nova.capacity_info:
    snapshot: cloud.json
    flavor:
      name: db.large
      vcpus: 16
      ram: 65536
      disk: 100
      extra_specs:
        hw:cpu_policy: dedicated
    new_server_group:
      policy: anti-affinity

- name: See what ten hosts more would bring
  scaleout.nova.capacity_info:
    snapshot: cloud.json
    flavors: [m1.large]
    what_if:
      add_hosts:
        - like: cpu-a01
          count: 10
    detail: summary
"""

RETURN = r"""
flavors:
  description: The answer for each flavor, by its name.
  type: dict
  returned: success
  contains:
    fits:
      description: How many more fit.
      type: int
    proven:
      description: Whether C(fits) is exact. When it is V(false), at least so many fit.
      type: bool
    zones:
      description: How many fit in each availability zone, where any do.
      type: dict
    aggregates:
      description: How many fit on the hosts of each host aggregate, where any do. A host may be in several.
      type: dict
    hosts:
      description:
        - How many fit on each host by itself, where any do. Hosts that share a resource provider may not be able to
          hold so many all at once.
      type: dict
      returned: O(detail) is not V(summary)
    limits:
      description: What limits the number, with that on top whose removal would give most.
      type: list
      elements: dict
      contains:
        limit:
          description:
            - A resource class, C(max_unit of) or C(step_size of) one, C(trait) and its name, or the name of a rule,
              such as C(host disabled), C(zone), C(tenant isolation) or C(anti-affinity).
          type: str
        kind:
          description: One of V(resource), V(unit), V(trait), V(aggregate), V(tree) and V(rule).
          type: str
        hosts:
          description: On how many hosts it is the limit.
          type: int
        more:
          description:
            - How many more servers would fit without it, and with everything else as it is. Null when nothing else
              would be a limit.
          type: int
    unknown:
      description: Sentences on what decides as well and could not be taken into account.
      type: list
      elements: str
  sample:
    m1.large:
      fits: 128
      proven: true
      zones: {az-a: 40, az-b: 88}
      aggregates: {general: 128}
      hosts: {cpu-a01: 40, cpu-b01: 88}
      limits:
        - {limit: MEMORY_MB, kind: resource, hosts: 2, more: 61}
        - {limit: host disabled, kind: rule, hosts: 1, more: 12}
      unknown: []
resources:
  description:
    - What there is of each resource class on the hosts in the zone and aggregate in question, in its own unit. A
      provider that several hosts share counts once.
  type: dict
  returned: success
  contains:
    total:
      description: All of it, without reserve and ratio. Null when the snapshot does not say.
      type: int
    capacity:
      description: What can be allocated in all, C((total - reserved) * allocation_ratio).
      type: int
    used:
      description: What is allocated.
      type: int
    free:
      description: What is not allocated.
      type: int
    usable:
      description: What is free on hosts that take guests.
      type: int
  sample:
    VCPU: {total: 64, capacity: 256, used: 100, free: 156, usable: 120}
stranded:
  description:
    - By resource class, what is free of it on hosts that have too little of another one for any of the flavors in
      question.
  type: dict
  returned: success
  contains:
    amount:
      description: How much, in the unit of the class.
      type: int
    hosts:
      description: On how many hosts.
      type: int
    without:
      description: What most of it lacks.
      type: str
  sample:
    VCPU: {amount: 37, hosts: 4, without: MEMORY_MB}
mix:
  description: Whether the servers of O(mix) fit together.
  type: dict
  returned: O(mix) is given
  contains:
    fits:
      description: Whether they do.
      type: bool
    proven:
      description:
        - Whether that is certain. A yes always is. A no that is V(false) here means that no way was found, though there
          may be one.
      type: bool
    placement:
      description: By host and flavor, one way to place them; as many of them as were placed, if they do not all fit.
      type: dict
    missing:
      description: By flavor, how many found no place.
      type: dict
    reasons:
      description: Sentences that prove the no.
      type: list
      elements: str
  sample:
    fits: false
    proven: true
    placement:
      cpu-a01: {m1.large: 40}
    missing: {m1.small: 20}
    reasons: ["240 GiB of MEMORY_MB are asked for, and 200 are free on the hosts that take any of it."]
hosts:
  description: The hosts in the zone and aggregate in question.
  type: dict
  returned: O(detail=hosts)
  contains:
    zone:
      description: Its availability zone.
      type: str
    aggregates:
      description: Names of the host aggregates that it is in.
      type: list
      elements: str
    accepts:
      description: Whether it takes guests at all.
      type: bool
    why_not:
      description: Why it does not.
      type: str
    resources:
      description: Capacity, used and free of each resource class in its own provider tree.
      type: dict
  sample:
    cpu-a01:
      zone: az-a
      aggregates: [general]
      accepts: true
      why_not:
      resources:
        VCPU: {capacity: 128, used: 100, free: 28}
limits:
  description: Sentences on what is assumed or not known, whatever the flavor.
  type: list
  elements: str
  returned: success
  sample: ["The snapshot has no aggregates: their rules are passed over."]
taken_at:
  description: When the snapshot was taken, UTC.
  type: str
  returned: success
  sample: "2026-11-25T06:00:00Z"
"""

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model, questions
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import CapacityError, QuestionError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import snapshot as cloud_snapshot
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.glance import Glance


def load(module: AnsibleModule, question: questions.Question) -> model.Snapshot:
    """The snapshot of the file or of the cloud, and into the question the image of the cloud.

    :raises CapacityError: the file is no snapshot
    :raises CloudError: see _cloud
    """
    params = module.params
    if params["snapshot"] is not None:
        if params["image"] is not None:
            raise QuestionError("an image is looked up in the cloud: with a snapshot, give image_properties")
        return model.load(params["snapshot"])
    cloud = cloud_module.connect(module)
    if params["image"] is not None:
        question.set_image(Glance(cloud).find(params["image"]))
    options = cloud_snapshot.Options(
        servers=question.needs_servers, everything=question.needs_totals, flavors=question.new_flavors
    )
    return cloud_snapshot.read(cloud, options)[0]


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            "snapshot": {"type": "path"},
            "flavors": {"type": "list", "elements": "str"},
            "flavor": {
                "type": "dict",
                "options": {
                    "name": {"type": "str", "default": "flavor"},
                    "vcpus": {"type": "int", "required": True},
                    "ram": {"type": "int", "required": True},
                    "disk": {"type": "int", "default": 0},
                    "ephemeral": {"type": "int", "default": 0},
                    "swap": {"type": "int", "default": 0},
                    "extra_specs": {"type": "dict", "default": {}},
                },
            },
            "project": {"type": "str"},
            "zone": {"type": "str"},
            "aggregate": {"type": "str"},
            "image": {"type": "str"},
            "image_properties": {"type": "dict", "default": {}},
            "image_format": {"type": "str"},
            "boot_from_volume": {"type": "bool", "default": False},
            "server_group": {"type": "str"},
            "new_server_group": {
                "type": "dict",
                "options": {
                    "policy": {
                        "type": "str",
                        "required": True,
                        "choices": ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"],
                    },
                    "max_server_per_host": {"type": "int"},
                },
            },
            "scheduler": {
                "type": "dict",
                "options": {
                    "enabled_filters": {"type": "list", "elements": "str"},
                    "max_instances_per_host": {"type": "int"},
                    "enable_isolated_aggregate_filtering": {"type": "bool"},
                    "limit_tenants_to_placement_aggregate": {"type": "bool"},
                    "placement_aggregate_required_for_tenants": {"type": "bool"},
                    "query_placement_for_image_type_support": {"type": "bool"},
                    "image_metadata_prefilter": {"type": "bool"},
                },
            },
            "mix": {"type": "dict"},
            "what_if": {
                "type": "dict",
                "options": {
                    "remove_hosts": {"type": "list", "elements": "str", "default": []},
                    "disable_hosts": {"type": "list", "elements": "str", "default": []},
                    "enable_hosts": {"type": "list", "elements": "str", "default": []},
                    "ratios": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "resource_class": {"type": "str", "required": True},
                            "allocation_ratio": {"type": "float", "required": True},
                            "hosts": {"type": "list", "elements": "str"},
                            "aggregate": {"type": "str"},
                        },
                    },
                    "aggregates": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "name": {"type": "str", "required": True},
                            "new": {"type": "bool", "default": False},
                            "add_hosts": {"type": "list", "elements": "str", "default": []},
                            "remove_hosts": {"type": "list", "elements": "str", "default": []},
                            "zone": {"type": "str"},
                            "metadata": {"type": "dict", "default": {}},
                        },
                    },
                    "add_hosts": {
                        "type": "list",
                        "elements": "dict",
                        "default": [],
                        "options": {
                            "like": {"type": "str", "required": True},
                            "count": {"type": "int", "default": 1},
                            "zone": {"type": "str"},
                        },
                    },
                },
            },
            "detail": {"type": "str", "choices": ["summary", "flavors", "hosts"], "default": "flavors"},
        },
        mutually_exclusive=[("server_group", "new_server_group")],
        supports_check_mode=True,
    )
    try:
        question = questions.Question(module.params)
        result = question.answer(load(module, question))
    except CloudError as error:
        cloud_module.fail(module, error)
    except CapacityError as error:
        module.fail_json(msg=questions.sentence(error))
    module.exit_json(changed=False, **result)


if __name__ == "__main__":
    main()
