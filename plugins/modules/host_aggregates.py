#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_aggregates
short_description: Have all host aggregates of a cloud as declared
version_added: 0.2.0
description:
  - Takes the whole picture in one call. For each host aggregate it knows the availability zone, metadata, the images to
    cache, and which hosts are in it, by list, by rule, or by goal.
  - Goals are met with the fewest hosts moved. The same input always gives the same assignment. Goals that cannot be met
    together are named, as few of them as conflict.
  - The plan is computed and checked as a whole before anything is sent. A host in two zones, a move of a host with
    servers to another zone, a host without the traits that its aggregate needs, names that nobody has, and much more,
    are all said in one message.
  - Hosts that are out of scope, and aggregates that are not declared, are never touched. They are looked at, as a zone
    of theirs may stand in the way.
  - After the last step the aggregates are read again. What is left to do by then is done, a few times, whether a
    request failed, or somebody else changed something, or Nova could not tell Placement.
  - When a step fails for good, RV(applied) and RV(pending) say exactly what was done and what not. A second run does
    the rest.
notes:
  - The credentials need the role C(admin), or policies that allow to read services, and to read and change aggregates;
    to see the servers of all projects where hosts change zones; and those of Placement for O(verify_placement).
  - Needs Nova of Pike (2.53), for images that of Ussuri (2.81), and Placement of Rocky (1.29), or later.
  - A run that has nothing to do takes two calls to the API. What asks for more is in the guide of the collection
    (docs/aggregates.md).
  - Nova's policy for soft-deleted servers differs between its lists and its checks, so a host that has only such
    servers may pass the check here, and be refused by Nova. The error then says so, with what is pending.
extends_documentation_fragment:
  - scaleout.nova.attributes.writer
  - scaleout.nova.cloud
options:
  aggregates:
    description:
      - The aggregates that there are to be, each a dictionary. Only C(name) is required. An option that is missing
        leaves that part of the aggregate as it is.
      - C(zone) is the availability zone. An aggregate that is created gets it in the same request. V(null) means none.
        Nova gives no way to take a zone off an aggregate.
      - C(metadata) is a dictionary. Values are compared as the strings that the API has, so that V(true) is C("true")
        and V(1) is C("1"). V(null) removes a key. Keys that are not named stay, unless C(metadata_exact) is V(true).
      - C(traits) is a list of traits that every member has to have in Placement. Whoever lacks one is named, and
        nothing is sent. M(scaleout.nova.resource_provider_traits) sets them. With C(isolate=true) the metadata
        C(trait:X=required) is written for each, which keeps other servers off these hosts where Nova has
        C(enable_isolated_aggregate_filtering).
      - C(resources) is a dictionary of resource class and least total that every member has to have.
      - C(images) is a list of names or IDs of images that Nova caches on the hosts. It is told when the list has
        changed or hosts have come, and the list is remembered in the metadata C(scaleout:images).
      - C(hosts) is a list of compute services. C(rule) and C(goal) choose them instead.
      - C(rule) is a dictionary of conditions that all have to hold. C(all) and C(any) are lists of rules, C(not) is one
        rule. C(name) is a glob or a list of them, C(groups) inventory groups, C(vars) a dictionary of variable and
        value or values, C(traits) traits, C(inventory) a dictionary of resource class and least total,
        C(hypervisor_type) a type, C(cell) the value of the variable C(nova_compute_cell), C(service) V(up) or V(down).
        A trait or resource class that Placement does not know is an error. A group or variable that no host has gives a
        warning.
      - C(goal) is a dictionary about the hosts that the rule holds for, or all in scope. C(share) is a percentage,
        C(count), C(at_least) and C(at_most) are numbers of hosts, C(spread) is a variable over whose values the hosts
        are spread evenly, C(distinct) a dictionary of variable and least number of different values, C(room_for) a
        dictionary with C(flavor), C(count), and C(failures), the hosts that may be down at the same time.
      - C(apart_from) is a list of aggregates that it has no host in common with.
      - C(extra_hosts) is V(keep) or V(remove), for members in scope that are not declared. Those that stay are in
        RV(kept). Those that another membership excludes are removed in any case. The default is O(extra_hosts).
    type: list
    elements: dict
    required: true
  exactly_one_of:
    description:
      - Lists of aggregates. Each host in scope is in exactly one of each list.
      - A dictionary with C(aggregates) and C(rule) says that for the hosts of the rule alone.
    type: list
    elements: raw
    default: []
  extra_hosts:
    description:
      - What becomes of members in scope that are not declared, for aggregates that do not say it themselves with
        C(extra_hosts).
    type: str
    choices: [keep, remove]
    default: keep
  scope:
    description:
      - The compute services that this call may move. Members that are not among them stay where they are.
      - By default all that O(host_facts) names, and none where that is empty. Without it, all of the cloud.
    type: list
    elements: str
  host_facts:
    description:
      - What the inventory knows of the compute hosts. A dictionary of the name of the compute service to a dictionary
        with C(vars) and C(groups). The filter P(scaleout.nova.host_facts#filter) makes it.
      - Hosts that the cloud does not have are passed over.
    type: dict
  purge:
    description:
      - Whether to delete aggregates that carry the mark of the O(owner) and are not declared.
      - No others are deleted, and none with hosts that are out of scope.
    type: bool
    default: false
  owner:
    description:
      - What aggregates that are created here are marked with, in their metadata C(scaleout:owner).
      - An aggregate that was there before is not marked, and so never deleted.
    type: str
    default: scaleout.nova
  verify_placement:
    description:
      - For which aggregates to compare the members that Nova has with those that Placement has, which are repaired.
      - V(changed) looks at aggregates whose hosts have been changed by this run, V(declared) at all that are declared,
        with a call for each and one for the hypervisors.
    type: str
    choices: [changed, declared, never]
    default: changed
seealso:
  - module: scaleout.nova.host_aggregates_info
  - module: scaleout.nova.resource_provider_traits
  - plugin: scaleout.nova.host_facts
    plugin_type: filter
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Two zones by name, and the hosts with fast disks
  scaleout.nova.host_aggregates:
    cloud: admin
    aggregates:
      - name: az1
        zone: az1
        rule: {name: 'cpu-a*'}
      - name: az2
        zone: az2
        rule: {not: {name: 'cpu-a*'}}
      - name: ssd
        metadata: {ssd: true}
        hosts: [cpu-a1-1, cpu-b1-1]

- name: Half of the hosts of two racks for one project, as many of each, and not those with fast disks
  scaleout.nova.host_aggregates:
    cloud: admin
    host_facts:
      cpu-a1-1: {vars: {rack: a1}}
      cpu-a1-2: {vars: {rack: a1}}
      cpu-a2-1: {vars: {rack: a2}}
      cpu-a2-2: {vars: {rack: a2}}
    aggregates:
      - name: ssd
      - name: project-a
        metadata: {filter_tenant_id: 5f2ad9a0a3e14b2b9c3c7c2f8d9f1a10}
        rule: {vars: {rack: [a1, a2]}}
        goal: {share: 50%, spread: rack}
        apart_from: [ssd]

- name: Every host has either local or shared disks
  scaleout.nova.host_aggregates:
    cloud: admin
    aggregates:
      - name: local
        rule: {name: cpu-a1-1}
        extra_hosts: remove
      - name: shared
        goal: {at_least: 1}
    exactly_one_of: [[local, shared]]

- name: No aggregates but those that others made
  scaleout.nova.host_aggregates:
    cloud: admin
    aggregates: []
    purge: true
"""

RETURN = r"""
plan:
  description: The steps, in their order. In check mode they are the same.
  type: list
  elements: dict
  returned: when the cloud could be read
  contains: &step
    kind:
      description:
        - V(create), V(metadata), V(zone), V(add_host), V(remove_host), V(mirror_add), V(mirror_remove), V(images) or
          V(delete).
        - V(mirror_add) and V(mirror_remove) are about Placement alone.
      type: str
    aggregate:
      description: Name of the aggregate.
      type: str
    host:
      description: Name of the compute service, empty where the step is about none.
      type: str
    text:
      description: The step in words.
      type: str
  sample:
    - kind: create
      aggregate: az1
      host: ''
      text: create aggregate az1 in zone az1
    - kind: add_host
      aggregate: az1
      host: cmp1
      text: add host cmp1 to aggregate az1
applied:
  description: The steps that were carried out, with those that were necessary in addition.
  type: list
  elements: dict
  returned: when the cloud could be read
  contains: *step
pending:
  description: The steps that are left. There are some only where the module failed.
  type: list
  elements: dict
  returned: when the cloud could be read
  contains: *step
problems:
  description: What is wrong, in sentences.
  type: list
  elements: str
  returned: when there is something
  sample:
    - 'Host cmp1 would be in the zones az1 (aggregate az1) and az2 (aggregate old): a host is in one at most.'
kept:
  description: Hosts that stay in an aggregate, and aggregates that stay, though they are not declared.
  type: list
  elements: dict
  returned: when the cloud could be read
  contains:
    aggregate:
      description: Name of the aggregate.
      type: str
    host:
      description: Name of the compute service. Empty where the whole aggregate is meant.
      type: str
    reason:
      description: Why it stays.
      type: str
waiting:
  description: Hosts by aggregate that the declaration moves in or out, and that are out of scope.
  type: dict
  returned: when the cloud could be read
  sample: {ssd: [cmp9]}
memberships:
  description: The hosts of each declared aggregate, as they are now, or would be in check mode.
  type: dict
  returned: when the cloud could be read
  sample: {az1: [cmp1], az2: [cmp2, cmp3], ssd: [cmp2]}
proven:
  description: Whether it is proven that no other assignment moves fewer hosts.
  type: bool
  returned: when the cloud could be read
calls:
  description: How many HTTP calls it took, the login not counted.
  type: int
  returned: when the cloud could be read
  sample: 2
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.declaration import LONGEST, parse
from ansible_collections.scaleout.nova.plugins.module_utils._aggregates.model import (
    OWNER,
    AggregatesError,
    Plan,
    Step,
)
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.aggregates import VERIFY, Manager, Wanted
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.hosts import host_facts, unreadable
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.selection import ProblemsError


def wanted(params: t.Mapping[str, t.Any]) -> Wanted:
    """Out of the module's parameters.

    :raises AggregatesError: they cannot be read
    """
    if not 0 < len(params["owner"]) <= LONGEST:
        raise AggregatesError("owner marks aggregates, and has to be a text of 1 to %d characters" % LONGEST)
    aggregates = [
        {**each, "extra_hosts": params["extra_hosts"]} if each.get("extra_hosts") is None else each
        for each in params["aggregates"]
    ]
    return Wanted(
        declaration=parse({"aggregates": aggregates, "exactly_one_of": params["exactly_one_of"]}),
        facts=host_facts(params["host_facts"]),
        scope=None if params["scope"] is None else tuple(params["scope"]),
        purge=params["purge"],
        owner=params["owner"],
        verify=params["verify_placement"],
    )


def row(step: Step) -> dict[str, str]:
    """What is returned of a step."""
    return {"kind": step.kind, "aggregate": step.aggregate, "host": step.host, "text": step.words}


def lines(picture: t.Mapping[str, t.Any]) -> str:
    """Aggregates in lines, for the diff."""
    found = []
    for name, each in sorted(picture.items()):
        found += ["aggregate %s" % name, "  zone: %s" % (each["zone"] or "(none)")]
        found += ["  metadata: %s=%s" % item for item in sorted(each["metadata"].items())]
        found += ["  host: %s" % host for host in each["hosts"]]
        found += ["  host in Placement: %s" % host for host in each.get("hosts_in_placement", ())]
    return "".join(line + "\n" for line in found)


def answer(plan: Plan) -> dict[str, t.Any]:
    """What is returned of a plan."""
    return {
        "changed": plan.changed,
        "plan": [row(step) for step in plan.steps],
        "applied": [],
        "pending": [],
        "kept": [{"aggregate": each.aggregate, "host": each.host, "reason": each.reason} for each in plan.kept],
        "waiting": {name: list(hosts) for name, hosts in plan.waiting.items()},
        "memberships": {name: list(hosts) for name, hosts in plan.memberships.items()},
        "proven": plan.proven,
    }


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """What the module returns; with ``msg`` where it failed after the cloud was read.

    :raises CloudError: nothing has been changed
    """
    try:
        declared = wanted(module.params)
    except AggregatesError as error:
        raise unreadable(error) from None
    cloud = cloud_module.connect(module)
    manager = Manager(cloud, declared)
    plan = manager.plan()
    result = answer(plan)
    if module._diff:
        result["diff"] = {"before": lines(plan.before), "after": lines(plan.after)}
    if plan.problems:
        result.update(problems=list(plan.problems), msg=str(ProblemsError(plan.problems)))
    elif plan.steps and not module.check_mode:
        outcome = manager.apply(plan)
        result["applied"] = [row(step) for step in outcome.applied]
        result["pending"] = [row(step) for step in outcome.pending]
        result["changed"] = bool(outcome.applied)
        if outcome.error:
            result["msg"] = outcome.error
    if plan.steps and not plan.proven:
        module.warn("It is not proven that no other assignment moves fewer hosts.")
    result["calls"] = cloud.calls
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            "aggregates": {"type": "list", "elements": "dict", "required": True},
            "exactly_one_of": {"type": "list", "elements": "raw", "default": []},
            "extra_hosts": {"type": "str", "choices": ["keep", "remove"], "default": "keep"},
            "scope": {"type": "list", "elements": "str"},
            "host_facts": {"type": "dict"},
            "purge": {"type": "bool", "default": False},
            "owner": {"type": "str", "default": OWNER},
            "verify_placement": {"type": "str", "choices": list(VERIFY), "default": VERIFY[0]},
        },
        supports_check_mode=True,
    )
    cloud_module.finish(module, lambda: run(module))


if __name__ == "__main__":
    main()
