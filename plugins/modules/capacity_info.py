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
  - scaleout.nova.question
options:
  snapshot:
    description:
      - File with a snapshot of a cloud, on the host that the module runs on.
      - Without it, the cloud itself is read.
    type: path
  image:
    description:
      - Name or ID of the image that the servers boot from, whose properties matter to the scheduler.
      - It is looked up in the cloud, so not with O(snapshot). Give O(image_properties) there.
      - Together with it, O(image_properties) replaces single properties of it.
    type: str
  mix:
    description:
      - Whether so many servers of each of these flavors fit together, as a dictionary of flavor and number.
      - The flavor may be the one in O(flavor).
      - Without O(flavors), the rest of the answer is about the flavors of the mix.
    type: dict
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
    snapshot: "{{ playbook_dir }}/cloud.json"
    zone: a
    mix:
      m1.large: 40
      m1.small: 200
  register: launch
  failed_when: not launch.mix.fits

- name: Ask for a flavor that there is not yet, in a group of servers that keep apart
  scaleout.nova.capacity_info:
    snapshot: "{{ playbook_dir }}/cloud.json"
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
    snapshot: "{{ playbook_dir }}/cloud.json"
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
          description:
            - On how many hosts it is in the way, so that more would fit there without it, or no more even if there was
              nothing else.
          type: int
        more:
          description:
            - How many more servers would fit without it, and with everything else as it is. Null when nothing else
              would be a limit.
            - Without a resource class means that the hosts have it without end, without C(max_unit of) one that no
              inventory has this unit, without a trait or a rule that nobody asks for it.
          type: int
    unknown:
      description: Sentences on what decides as well and could not be taken into account.
      type: list
      elements: str
  sample:
    m1.large:
      fits: 128
      proven: true
      zones: {a: 40, b: 88}
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
      description: Sentences that prove the no. Empty when it is not proven.
      type: list
      elements: str
  sample:
    fits: false
    proven: true
    placement:
      cpu-a01: {m1.large: 40}
    missing: {m1.small: 20}
    reasons: ["60 of m1.small are asked for, and 40 fit even without the others."]
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
      zone: a
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
from ansible_collections.scaleout.nova.plugins.module_utils._question import MUTUALLY_EXCLUSIVE, QUESTION_ARGUMENTS


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
            **QUESTION_ARGUMENTS,
            "image": {"type": "str"},
            "mix": {"type": "dict"},
            "detail": {"type": "str", "choices": ["summary", "flavors", "hosts"], "default": "flavors"},
        },
        mutually_exclusive=MUTUALLY_EXCLUSIVE,
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
