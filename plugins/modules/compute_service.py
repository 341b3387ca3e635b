#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: compute_service
short_description: Enable, disable, force down and delete compute services
version_added: 0.2.0
description:
  - Says for compute hosts whether Nova may schedule servers there, whether their service counts as down whatever it
    reports, or that they are gone for good.
  - All hosts are looked at before anything is changed. What is wrong is said in one message. Then several hosts at a
    time are changed, in one request each, and none that is as it should be.
  - When the change of one host fails, the others are changed all the same. The module fails then, and returns what it
    did (RV(hosts)) and what not (RV(pending)). A second run does the rest.
notes:
  - The credentials need the role C(admin), or policies that allow to read and update services and, for O(state=absent),
    to read the servers of all projects and Placement.
  - Needs Nova of Pike (2.53) or later.
  - Servers stay where they are when a host is disabled. They are not moved when it is forced down either, but can
    be evacuated from then on.
extends_documentation_fragment:
  - scaleout.nova.attributes.writer
  - scaleout.nova.cloud
  - scaleout.nova.providers.rule
options:
  hosts:
    description:
      - Compute hosts, by the names of their services (C(openstack compute service list)), or globs such as V(cpu-1*).
      - A name or glob that no compute host has is an error, except with O(state=absent). An empty list means no host.
    type: list
    elements: str
  aggregates:
    description: Host aggregates, by name or glob. Their hosts are meant in addition to O(hosts).
    type: list
    elements: str
  state:
    description:
      - V(enabled) lets Nova schedule servers there. A reason is removed.
      - V(disabled) keeps it from that.
      - V(absent) deletes the service, its compute nodes and their resource providers, the host's membership in
        aggregates and its mapping to a cell. Stop C(nova-compute) on the host before. A host that is not there is none
        to delete.
      - Without it, the service is left as it is in that respect.
    type: str
    choices: [enabled, disabled, absent]
  disabled_reason:
    description:
      - Why the hosts are disabled, at most 255 characters. Needs O(state=disabled).
      - Without it, the reason of a host that is disabled already stays as it is.
    type: str
  forced_down:
    description:
      - Whether the service counts as down, whatever it reports. Do that when the host is known to be dead (fenced).
      - Nova refuses V(false) until C(nova-compute) has been started again after an evacuation.
    type: bool
  force:
    description:
      - With O(state=absent), delete services that are still up, and those of hosts in whose resource providers
        something is allocated that belongs to none of their servers.
      - Nova then leaves such a resource provider behind. C(nova-manage placement heal_allocations) and
        C(nova-manage placement audit) help to find out about these.
      - A host with servers, or with a migration in progress, is never deleted. Nova itself refuses that.
    type: bool
    default: false
seealso:
  - module: scaleout.nova.compute_service_info
  - module: scaleout.nova.compute_hosts
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: No new servers on these hosts
  scaleout.nova.compute_service:
    cloud: admin
    hosts: [cpu-a1-1, 'cpu-b1-*']
    state: disabled
    disabled_reason: new memory on Thursday

- name: All hosts of an aggregate are open again
  scaleout.nova.compute_service:
    cloud: admin
    aggregates: [ssd]
    state: enabled

- name: No new servers on hosts with little memory
  scaleout.nova.compute_service:
    cloud: admin
    rule: {not: {inventory: {MEMORY_MB: 16384}}}
    state: disabled
    disabled_reason: too small

- name: This host has been fenced, so its servers may be evacuated
  scaleout.nova.compute_service:
    cloud: admin
    hosts: [cpu-b2-4]
    state: disabled
    disabled_reason: dead
    forced_down: true

- name: It does not come back
  scaleout.nova.compute_service:
    cloud: admin
    hosts: [cpu-b2-4]
    state: absent
"""

RETURN = r"""
hosts:
  description: The hosts that are meant, as they are now, or would be in check mode.
  type: list
  elements: dict
  returned: when the plan could be made
  contains:
    host:
      description: Name of the host.
      type: str
    changed:
      description: Whether it was changed.
      type: bool
    present:
      description: Whether it has a service.
      type: bool
    zone:
      description: Its availability zone.
      type: str
    status:
      description: V(enabled) or V(disabled).
      type: str
    state:
      description: V(up) or V(down), as it was when the module began.
      type: str
    disabled_reason:
      description: Why it is disabled. Empty where no reason was given.
      type: str
    forced_down:
      description: Whether it was forced down.
      type: bool
  sample:
    - host: cpu1
      changed: true
      present: true
      zone: az1
      status: disabled
      state: up
      disabled_reason: new memory on Thursday
      forced_down: false
pending:
  description: Names of the hosts whose change failed, or was not begun.
  type: list
  elements: str
  returned: when a change failed
  sample: [cpu2]
"""

import dataclasses
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import computes, selection
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import listed
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.hosts import RULE_ARGUMENTS, ByRule
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import ComputeService, Nova
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.parallel import settle
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import Placement

#: longest reason that Nova keeps
REASON_LENGTH = 255


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the operator wrote; None for what is left as it is."""

    state: str | None
    disabled_reason: str | None
    forced_down: bool | None

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> Wanted:
        """Out of the module's parameters.

        :raises ProblemsError: they do not go together
        """
        wanted = cls(params["state"], params["disabled_reason"], params["forced_down"])
        problems = []
        if wanted.disabled_reason is not None and wanted.state != "disabled":
            problems.append("A disabled_reason needs state=disabled.")
        if len(wanted.disabled_reason or "") > REASON_LENGTH:
            problems.append("The disabled_reason has more than %d characters." % REASON_LENGTH)
        if wanted.state == "absent" and wanted.forced_down is not None:
            problems.append("A service that is absent cannot be forced down as well.")
        if wanted.state is None and wanted.forced_down is None:
            problems.append("Neither state nor forced_down says what is wanted of the services.")
        if problems:
            raise selection.ProblemsError(problems)
        return wanted

    def changes(self, service: ComputeService) -> dict[str, t.Any]:
        """What of a service has to be changed, as Nova's API calls it."""
        found: dict[str, t.Any] = {}
        if self.state == "enabled" and not service.enabled:
            found["status"] = "enabled"
        if self.state == "disabled":
            reason = service.disabled_reason if self.disabled_reason is None else self.disabled_reason
            if service.enabled or reason != service.disabled_reason:
                found["status"] = "disabled"
                if reason:
                    found["disabled_reason"] = reason
        if self.forced_down is not None and self.forced_down != service.forced_down:
            found["forced_down"] = self.forced_down
        return found


@dataclasses.dataclass(frozen=True)
class Step:
    """A service and what is to be changed of it, None where it is to be deleted."""

    service: ComputeService
    changes: t.Mapping[str, t.Any] | None

    @property
    def after(self) -> ComputeService | None:
        """The service as it will be."""
        if self.changes is None:
            return None
        changes = dict(self.changes)
        if "status" in changes:
            changes.setdefault("disabled_reason", "")
        return dataclasses.replace(self.service, **changes)


def row(service: ComputeService, changed: bool, present: bool = True) -> dict[str, t.Any]:
    """What is returned of a host."""
    return {
        "host": service.host,
        "changed": changed,
        "present": present,
        "zone": service.zone,
        "status": service.status,
        "state": service.state,
        "disabled_reason": service.disabled_reason,
        "forced_down": service.forced_down,
    }


def line(service: ComputeService | None) -> str:
    """A service in the diff."""
    if service is None:
        return ""
    words = [service.status]
    if service.disabled_reason:
        words[0] += " (%s)" % service.disabled_reason
    if service.forced_down:
        words.append("forced down")
    return "%s: %s\n" % (service.host, ", ".join(words))


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.wanted = Wanted.from_params(module.params)
        self.by_rule = ByRule(module.params)
        self.cloud = cloud_module.connect(module)
        self.nova = Nova(self.cloud)

    def choose(self, services: t.Mapping[str, ComputeService]) -> list[str]:
        """The hosts that are meant."""
        params = self.module.params
        names = params["hosts"] or []
        if self.wanted.state == "absent":
            names = [name for name in names if name in services or selection.is_glob(name)]
        members = selection.aggregate_members(self.nova, params["aggregates"])
        by_rule = self.by_rule.hosts(self.cloud)
        found, problems = selection.choose_hosts(names, params["aggregates"], sorted(services), members, by_rule)
        if problems and self.wanted.state != "absent":
            raise selection.ProblemsError(problems)
        return found

    def plan(self, services: t.Iterable[ComputeService]) -> list[Step]:
        """What has to be done.

        :raises ProblemsError: something stands against it
        """
        if self.wanted.state == "absent":
            steps = [Step(service, None) for service in services]
            problems = self.obstacles([step.service for step in steps])
            if problems:
                raise selection.ProblemsError(problems)
            return steps
        changes = [(service, self.wanted.changes(service)) for service in services]
        return [Step(service, change) for service, change in changes if change]

    def obstacles(self, services: t.Sequence[ComputeService]) -> list[str]:
        """Why services cannot be deleted."""
        nodes = self.nova.hypervisors() if services else {}
        placement = Placement(self.cloud)
        force = self.module.params["force"]

        def of_one(service: ComputeService) -> list[str]:
            servers = computes.servers_of(self.nova, service.host)
            if servers:
                text = "The host %s has %d server(s): %s. Migrate, evacuate or delete them first."
                return [text % (service.host, len(servers), listed(servers, 3))]
            found = []
            if service.up and not force:
                text = "The service of %s is up. Stop nova-compute there first (or say force)."
                found.append(text % service.host)
            for node in [] if force else nodes.get(service.host, []):
                left = computes.allocated(placement, node.id)
                if left:
                    amounts = listed("%d %s" % (used, name) for name, used in left.items())
                    text = (
                        "The host %s has no servers, but %s of its resource provider %s are allocated, perhaps by a"
                        " migration: its resource provider would stay behind (or say force)."
                    )
                    found.append(text % (service.host, amounts, node.hostname))
            return found

        return [text for texts in self.cloud.each(of_one, services) for text in texts]

    def apply(self, step: Step) -> None:
        """Do it."""
        if step.changes is None:
            computes.delete_service(self.nova, step.service.id)
        else:
            computes.update_service(self.nova, step.service.id, step.changes)

    def result(self, chosen: t.Iterable[ComputeService], steps: t.Iterable[Step]) -> dict[str, t.Any]:
        """What is returned when these steps have been done, or would be."""
        of_host = {step.service.host: step for step in steps}
        hosts = []
        for service in chosen:
            step = of_host.get(service.host)
            after = step.after if step else service
            hosts.append(row(after or service, step is not None, after is not None))
        result = {"changed": bool(of_host), "hosts": hosts}
        if self.module._diff:
            result["diff"] = {
                "before": "".join(line(step.service) for step in of_host.values()),
                "after": "".join(line(step.after) for step in of_host.values()),
                "before_header": "compute services",
                "after_header": "compute services",
            }
        return result

    def run(self) -> dict[str, t.Any]:
        """What the module returns.

        :raises CloudError: nothing has been changed
        """
        services = self.nova.compute_services()
        chosen = [services[host] for host in self.choose(services)]
        steps = self.plan(chosen)
        if self.module.check_mode:
            return self.result(chosen, steps)
        settled = settle(self.cloud, self.apply, steps)
        result = self.result(chosen, settled.done)
        if settled.failed:
            pending = [step.service.host for step, _error in settled.failed]
            self.module.fail_json(
                msg=settled.message("compute services could not be changed"), pending=pending, **result
            )
        return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            "hosts": {"type": "list", "elements": "str"},
            "aggregates": {"type": "list", "elements": "str"},
            **RULE_ARGUMENTS,
            "state": {"type": "str", "choices": ["enabled", "disabled", "absent"]},
            "disabled_reason": {"type": "str"},
            "forced_down": {"type": "bool"},
            "force": {"type": "bool", "default": False},
        },
        required_one_of=[("hosts", "aggregates", "rule")],
        supports_check_mode=True,
    )
    cloud_module.finish(module, lambda: Run(module).run())


if __name__ == "__main__":
    main()
