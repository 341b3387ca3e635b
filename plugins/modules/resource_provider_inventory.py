#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: resource_provider_inventory
short_description: Allocation ratios and other inventory of resource providers
version_added: 0.2.0
description:
  - Sets fields of the inventories of resource providers in Placement, such as the allocation ratio of C(VCPU) on all
    hosts of an aggregate. Fields and resource classes that are not named stay as they are.
  - All providers are read and the whole plan is checked before anything is written. What is wrong is said in one
    message.
  - Each provider is then changed in one request, several at a time. When somebody else changed it meanwhile (a server
    was scheduled there), it is read again and the change is made again, a few times.
  - When the change of one provider fails, the others are changed all the same. The module fails then, and returns what
    it did (RV(changes)) and what not (RV(pending)). A second run does the rest.
notes:
  - The credentials need the role C(admin), or policies that allow to read and update Placement and to list hypervisors.
  - Needs Placement of Rocky (1.29), Nova of Pike (2.53), or later.
  - "nova-compute has a say in the inventories of its compute nodes. It compares them with its configuration each minute
    (C(update_resources_interval)), and looks at least every 5 minutes
    (C([compute] resource_provider_association_refresh)) at what Placement has. What lasts and what does not is this."
  - The C(allocation_ratio) of C(VCPU), C(MEMORY_MB) and C(DISK_GB) lasts as long as C(cpu_allocation_ratio),
    C(ram_allocation_ratio) and C(disk_allocation_ratio) are B(not set) in the C(nova.conf) of the host. Where one is
    set, nova-compute writes it again. No API shows whether it is, which is what O(watch) is for. The options
    C(initial_cpu_allocation_ratio) and so on are used only when the inventory is first made, and are no obstacle.
  - All other fields of C(VCPU), C(PCPU), C(MEMORY_MB), C(DISK_GB), C(VGPU) and C(MEM_ENCRYPTION_CONTEXT) in the tree of
    a compute node are written again by nova-compute. For C(reserved) set C(reserved_host_cpus),
    C(reserved_host_memory_mb) or C(reserved_host_disk_mb) in its C(nova.conf). The module does what it is told, and
    warns.
  - Other resource classes, such as C(CUSTOM_LICENSE), are removed from a compute node by nova-compute, unless they are
    in its C(provider.yaml), which is the place to declare them. While such a class is allocated, nova-compute cannot
    update its inventories, and may not even start. On nested and sharing providers they last. The module warns.
extends_documentation_fragment:
  - scaleout.nova.attributes.writer
  - scaleout.nova.cloud
  - scaleout.nova.providers
  - scaleout.nova.providers.rule
options:
  inventories:
    description:
      - Resource class to the fields that it is to have. These are C(total), C(reserved), C(min_unit), C(max_unit),
        C(step_size) (whole numbers) and C(allocation_ratio) (greater than 0).
      - A provider that has no inventory of a class yet gets one, for which C(total) has to be given. Placement's
        defaults for the other fields are no reservation, a ratio of 1, and any amount.
      - Resource classes that begin with C(CUSTOM_) are made where they are not there.
      - Ratios are compared with the precision that Placement keeps, which is about six digits.
    type: dict
    default: {}
  absent:
    description: Resource classes of which the providers are to have no inventory. What is allocated cannot be removed.
    type: list
    elements: str
    default: []
  allow_below_usage:
    description:
      - Whether the capacity, that is (total - reserved) * allocation_ratio, may become less than what is allocated
        already. The servers stay, and there is no room for more until enough of them have gone.
    type: bool
    default: false
  watch:
    description:
      - Seconds to watch, after a change, whether nova-compute undoes it. What it has undone is returned
        (RV(undone)) and warned of.
      - With the defaults of Nova, 400 seconds are enough. Without it the module does not wait.
    type: int
    default: 0
seealso:
  - module: scaleout.nova.resource_provider_traits
  - module: scaleout.nova.compute_service
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Four virtual CPUs for each real one, in the aggregate of general purpose hosts
  scaleout.nova.resource_provider_inventory:
    cloud: admin
    aggregates: [general]
    inventories:
      VCPU: {allocation_ratio: 4.0}
      MEMORY_MB: {allocation_ratio: 1.0}

- name: The same for all hosts without a trait, and see whether their nova.conf says otherwise
  scaleout.nova.resource_provider_inventory:
    cloud: admin
    hosts: ['*']
    forbidden_traits: [CUSTOM_REALTIME]
    inventories:
      VCPU: {allocation_ratio: 4.0}
    watch: 400

- name: Other ratios in a rack, by a group of the inventory
  scaleout.nova.resource_provider_inventory:
    cloud: admin
    rule: "{{ dense }}"
    host_facts: "{{ groups['computes'] | scaleout.nova.host_facts(hostvars, [{'name': 'dense', 'rule': dense}]) }}"
    inventories:
      VCPU: {allocation_ratio: 8.0}
  vars:
    dense: {groups: rack_b1}

- name: Thirty licenses for whoever shares this pool
  scaleout.nova.resource_provider_inventory:
    cloud: admin
    providers: [license-pool]
    inventories:
      CUSTOM_LICENSE: {total: 30, max_unit: 1}

- name: No licenses any more
  scaleout.nova.resource_provider_inventory:
    cloud: admin
    providers: [license-pool]
    absent: [CUSTOM_LICENSE]
"""

RETURN = r"""
matched:
  description: Names of the resource providers that the options mean.
  type: list
  elements: str
  returned: success
  sample: [cpu1, cpu2]
changes:
  description: What was changed, or would be in check mode. On a failure, what was changed before it.
  type: list
  elements: dict
  returned: when the plan could be made
  contains:
    provider:
      description: Name of the resource provider.
      type: str
    uuid:
      description: UUID of the resource provider.
      type: str
    resource_class:
      description: The resource class.
      type: str
    before:
      description: The inventory as it was, null where there was none.
      type: dict
    after:
      description: The inventory as it is, null where there is none any more.
      type: dict
  sample:
    - provider: cpu1
      uuid: 6a5a51a8-6d0e-4bd8-8e1f-0f3c0f6b3f5c
      resource_class: VCPU
      before: {total: 64, reserved: 0, min_unit: 1, max_unit: 64, step_size: 1, allocation_ratio: 16.0}
      after: {total: 64, reserved: 0, min_unit: 1, max_unit: 64, step_size: 1, allocation_ratio: 4.0}
resource_classes:
  description: Resource classes that were made.
  type: list
  elements: str
  returned: when the plan could be made
  sample: []
pending:
  description: Names of the resource providers whose change failed, or was not begun.
  type: list
  elements: str
  returned: when a change failed
  sample: [cpu2]
undone:
  description: What nova-compute changed back while O(watch) lasted.
  type: list
  elements: dict
  returned: when something was changed and O(watch) is greater than 0
  contains:
    provider:
      description: Name of the resource provider.
      type: str
    resource_class:
      description: The resource class.
      type: str
    inventory:
      description: The inventory as nova-compute has it, null where it removed it.
      type: dict
  sample: []
"""

import json
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import provider_inventories, selection
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.hosts import RULE_ARGUMENTS, ByRule
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import Nova
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.parallel import settle
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import Placement
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.provider_inventories import Change
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.waiting import Deadline

#: seconds between two looks at what nova-compute does
WATCH_INTERVAL = 5.0


def rows(changes: t.Iterable[Change]) -> list[dict[str, t.Any]]:
    """What is returned of changes."""
    return [
        {
            "provider": each.target.name,
            "uuid": each.target.uuid,
            "resource_class": name,
            "before": each.before[name],
            "after": after,
        }
        for each in changes
        for name, after in each.after.items()
    ]


def difference(changes: t.Iterable[Change], classes: t.Sequence[str]) -> dict[str, str]:
    """A line for each inventory that changes and each resource class that is made."""
    sides: dict[str, list[str]] = {"before": [], "after": ["resource class %s\n" % name for name in classes]}
    for row in rows(changes):
        for side, lines in sides.items():
            if row[side] is not None:
                fields = json.dumps(row[side], sort_keys=True)
                lines.append("%s %s: %s\n" % (row["provider"], row["resource_class"], fields))
    return {
        **{side: "".join(lines) for side, lines in sides.items()},
        "before_header": "inventories",
        "after_header": "inventories",
    }


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        params = module.params
        self.wanted = provider_inventories.parse(params["inventories"], params["absent"])
        self.allow_below_usage: bool = params["allow_below_usage"]
        self.by_rule = ByRule(params)
        self.cloud = cloud_module.connect(module)
        self.placement = Placement(self.cloud)

    def plan(self, targets: t.Sequence[selection.Target]) -> list[Change]:
        """What has to change.

        :raises ProblemsError: something stands against it
        """
        inventories = self.cloud.each(lambda target: provider_inventories.read(self.placement, target)[1], targets)
        changes = [
            provider_inventories.change(target, held, self.wanted)
            for target, held in zip(targets, inventories, strict=True)
        ]
        changes = [change for change in changes if change]
        usages = self.cloud.each(lambda change: provider_inventories.usages(self.placement, change.target), changes)
        problems = [
            problem
            for change, used in zip(changes, usages, strict=True)
            for problem in provider_inventories.problems(change, used, self.allow_below_usage)
        ]
        if problems:
            raise selection.ProblemsError(problems)
        return changes

    def apply(self, changes: t.Sequence[Change], classes: t.Sequence[str]) -> dict[str, t.Any]:
        """Carry the plan out; what is returned of it. Ends the module when something fails."""
        made = settle(self.cloud, lambda name: provider_inventories.make_class(self.placement, name), classes)
        changed = settle(
            self.cloud,
            lambda change: provider_inventories.apply(
                self.placement, change.target, self.wanted, self.allow_below_usage
            ),
            [] if made.failed else changes,
        )
        result = self.result(changed.done, made.done)
        pending = [change.target.name for change in changes if change not in changed.done]
        for settled, what in (
            (made, "resource classes could not be made"),
            (changed, "resource providers could not be changed"),
        ):
            if settled.failed:
                self.module.fail_json(msg=settled.message(what), pending=pending, **result)
        return result

    def result(self, changes: t.Sequence[Change], classes: t.Sequence[str]) -> dict[str, t.Any]:
        """What is returned of changes that were made, or would be."""
        result: dict[str, t.Any] = {
            "changed": bool(changes or classes),
            "changes": rows(changes),
            "resource_classes": list(classes),
        }
        if self.module._diff:
            result["diff"] = difference(changes, classes)
        return result

    def watch(self, changes: t.Sequence[Change], seconds: int) -> list[dict[str, t.Any]]:
        """What of the changes is undone within that time."""
        undone: dict[tuple[str, str], dict[str, t.Any]] = {}
        deadline = Deadline(seconds)
        while not deadline.over:
            deadline.pause(WATCH_INTERVAL)
            targets = [change.target for change in changes]
            inventories = self.cloud.each(lambda target: provider_inventories.read(self.placement, target)[1], targets)
            for target, held in zip(targets, inventories, strict=True):
                for name in provider_inventories.change(target, held, self.wanted).after:
                    row = {"provider": target.name, "resource_class": name, "inventory": held.get(name)}
                    undone[target.name, name] = row
        return list(undone.values())

    def run(self) -> dict[str, t.Any]:
        """What the module returns.

        :raises CloudError: nothing has been changed
        """
        params = self.module.params
        options = selection.Options.from_params(params, self.by_rule.hosts(self.cloud))
        targets = selection.choose_providers(Nova(self.cloud), self.placement, options)
        changes = self.plan(targets)
        classes = provider_inventories.missing_classes(self.placement, changes)
        for text in provider_inventories.warnings(changes):
            self.module.warn(text)
        result = self.result(changes, classes) if self.module.check_mode else self.apply(changes, classes)
        if changes and params["watch"] > 0 and not self.module.check_mode:
            try:
                result["undone"] = self.watch(changes, params["watch"])
            except CloudError as error:
                self.module.fail_json(msg="All was changed, and whether it lasts cannot be seen. %s" % error, **result)
            for row in result["undone"]:
                text = "nova-compute has undone the change of %s on the resource provider %s: see its nova.conf for %s."
                option = provider_inventories.RATIO_OPTIONS.get(row["resource_class"], "what it says of this class")
                self.module.warn(text % (row["resource_class"], row["provider"], option))
        return {**result, "matched": [target.name for target in targets]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            **selection.ARGUMENTS,
            **RULE_ARGUMENTS,
            "inventories": {"type": "dict", "default": {}},
            "absent": {"type": "list", "elements": "str", "default": []},
            "allow_below_usage": {"type": "bool", "default": False},
            "watch": {"type": "int", "default": 0},
        },
        required_one_of=selection.REQUIRED_ONE_OF,
        supports_check_mode=True,
    )
    cloud_module.finish(module, lambda: Run(module).run())


if __name__ == "__main__":
    main()
