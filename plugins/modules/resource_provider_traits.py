#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: resource_provider_traits
short_description: Traits of resource providers
version_added: 0.2.0
description:
  - Gives traits to resource providers in Placement, or takes them away. Traits of your own (C(CUSTOM_...)) are made
    where Placement does not know them yet.
  - The traits that the hypervisor driver reports are never lost by that. Nothing but C(CUSTOM_) traits is removed
    without being named.
  - The plan is made and checked before anything is written. Providers are changed several at a time, and read again
    when somebody else changed them meanwhile.
  - When the change of one provider fails, the others are changed all the same. The module fails then, and returns what
    it did (RV(changes)) and what not (RV(pending)). A second run does the rest.
notes:
  - The credentials need the role C(admin), or policies that allow to read and update Placement and to list hypervisors.
  - Needs Placement of Rocky (1.29), Nova of Pike (2.53), or later.
  - nova-compute keeps C(CUSTOM_) traits that others have set on its compute nodes, also when it restarts. It sets and
    removes the traits by which it describes itself and its processor (C(COMPUTE_...), C(HW_CPU_...), C(OWNER_NOVA)), at
    the latest some 6 minutes after somebody changed them. The module warns of that. C(COMPUTE_STATUS_DISABLED) follows
    the state of the service, for which there is M(scaleout.nova.compute_service).
  - nova-compute puts traits of its C(provider.yaml) back.
extends_documentation_fragment:
  - scaleout.nova.attributes.writer
  - scaleout.nova.cloud
  - scaleout.nova.providers
  - scaleout.nova.providers.rule
options:
  traits:
    description: Traits, of your own (V(CUSTOM_SSD)) or standard ones (V(STORAGE_DISK_SSD)).
    type: list
    elements: str
    required: true
  state:
    description:
      - V(present) makes sure that the providers have O(traits).
      - V(absent) makes sure that they have none of them.
      - V(exact) makes sure that they have O(traits) and no other C(CUSTOM_) traits. Standard traits that are not named
        stay as they are.
    type: str
    choices: [present, absent, exact]
    default: present
  purge_unused:
    description:
      - Whether to delete those C(CUSTOM_) traits from Placement that this task takes away, or names with
        O(state=absent), and that no resource provider has any more.
      - A flavor or image that requires a trait which Placement does not know cannot be scheduled at all.
    type: bool
    default: false
seealso:
  - module: scaleout.nova.resource_provider_inventory
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: These hosts have fast local disks
  scaleout.nova.resource_provider_traits:
    cloud: admin
    hosts: "{{ groups['fast_disks'] }}"
    traits: [CUSTOM_FAST_DISK]

- name: The hosts of a rack have the trait of the rack, and no other of our own
  scaleout.nova.resource_provider_traits:
    cloud: admin
    hosts: ['cpu-b1-*']
    traits: [CUSTOM_RACK_B1]
    state: exact

- name: All hosts that are up and have 4 GiB of memory or more
  scaleout.nova.resource_provider_traits:
    cloud: admin
    rule: {service: up, inventory: {MEMORY_MB: 4096}}
    traits: [CUSTOM_LARGE]

- name: Forget about a trait
  scaleout.nova.resource_provider_traits:
    cloud: admin
    required_traits: [CUSTOM_OLD]
    traits: [CUSTOM_OLD]
    state: absent
    purge_unused: true
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
    added:
      description: Traits that it got.
      type: list
      elements: str
    removed:
      description: Traits that were taken away.
      type: list
      elements: str
  sample:
    - provider: cpu1
      uuid: 6a5a51a8-6d0e-4bd8-8e1f-0f3c0f6b3f5c
      added: [CUSTOM_FAST_DISK]
      removed: []
created:
  description: Traits that were made.
  type: list
  elements: str
  returned: when the plan could be made
  sample: [CUSTOM_FAST_DISK]
purged:
  description: Traits that were deleted.
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
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import provider_traits, selection
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.hosts import RULE_ARGUMENTS, ByRule
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import Nova
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.parallel import settle
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import Placement
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.provider_traits import Change, Traits, Wanted


def rows(changes: t.Iterable[Change]) -> list[dict[str, t.Any]]:
    """What is returned of changes."""
    return [
        {
            "provider": each.target.name,
            "uuid": each.target.uuid,
            "added": sorted(each.added),
            "removed": sorted(each.removed),
        }
        for each in changes
    ]


def difference(result: t.Mapping[str, t.Any]) -> dict[str, str]:
    """A line for each trait that a provider gets or loses, and for each that is made or deleted."""
    before = ["%s: %s\n" % (row["provider"], name) for row in result["changes"] for name in row["removed"]]
    after = ["%s: %s\n" % (row["provider"], name) for row in result["changes"] for name in row["added"]]
    return {
        "before": "".join(["trait %s\n" % name for name in result["purged"]] + before),
        "after": "".join(["trait %s\n" % name for name in result["created"]] + after),
        "before_header": "traits",
        "after_header": "traits",
    }


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        params = module.params
        self.wanted = Wanted(frozenset(params["traits"]), params["state"])
        problems = provider_traits.problems(params["traits"])
        if problems:
            raise selection.ProblemsError(problems)
        self.by_rule = ByRule(params)
        self.cloud = cloud_module.connect(module)
        self.placement = Placement(self.cloud)

    def targets(self) -> list[selection.Target]:
        """The providers that are meant. By a trait that is to go and that Placement does not know, none is."""
        gone = self.wanted.traits if self.wanted.state == "absent" else frozenset()
        options = selection.Options.from_params(self.module.params, self.by_rule.hosts(self.cloud, gone))
        going = gone & set(options.required_traits or ())
        if going:
            known = selection.known_traits(self.placement, "in:" + ",".join(sorted(going)))
            if going - set(known):
                return []
        return selection.choose_providers(Nova(self.cloud), self.placement, options)

    def result(
        self, changes: t.Iterable[Change], created: t.Sequence[str], purged: t.Sequence[str]
    ) -> dict[str, t.Any]:
        """What is returned of changes that were made, or would be."""
        result: dict[str, t.Any] = {"changes": rows(changes), "created": list(created), "purged": list(purged)}
        result["changed"] = any(result.values())
        if self.module._diff:
            result["diff"] = difference(result)
        return result

    def apply(self, changes: t.Sequence[Change], created: t.Sequence[str], unused: t.Sequence[str]) -> dict[str, t.Any]:
        """Carry the plan out; what is returned of it. Ends the module when something fails."""
        made = settle(self.cloud, lambda name: provider_traits.make(self.placement, name), created)
        changed = settle(
            self.cloud,
            lambda change: provider_traits.apply(self.placement, change.target, self.wanted),
            [] if made.failed else changes,
        )
        gone = settle(
            self.cloud,
            lambda name: provider_traits.remove(self.placement, name),
            [] if made.failed or changed.failed else unused,
        )
        result = self.result(changed.done, made.done, gone.done)
        pending = [change.target.name for change in changes if change not in changed.done]
        for settled, what in (
            (made, "traits could not be made"),
            (changed, "resource providers could not be changed"),
            (gone, "traits could not be deleted"),
        ):
            if settled.failed:
                self.module.fail_json(msg=settled.message(what), pending=pending, **result)
        return result

    def run(self) -> dict[str, t.Any]:
        """What the module returns.

        :raises CloudError: nothing has been changed
        """
        targets = self.targets()
        traits = Traits(self.placement, self.wanted)
        changes = traits.changes(targets)
        created = traits.missing if targets else []
        unused = traits.unused(changes) if self.module.params["purge_unused"] else []
        for text in provider_traits.warnings(changes):
            self.module.warn(text)
        carry_out = self.result if self.module.check_mode else self.apply
        return {**carry_out(changes, created, unused), "matched": [target.name for target in targets]}


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            **selection.ARGUMENTS,
            **RULE_ARGUMENTS,
            "traits": {"type": "list", "elements": "str", "required": True},
            "state": {"type": "str", "choices": ["present", "absent", "exact"], "default": "present"},
            "purge_unused": {"type": "bool", "default": False},
        },
        required_one_of=selection.REQUIRED_ONE_OF,
        supports_check_mode=True,
    )
    cloud_module.finish(module, lambda: Run(module).run())


if __name__ == "__main__":
    main()
