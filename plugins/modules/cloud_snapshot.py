#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: cloud_snapshot
short_description: Save what a cloud has and what is used of it
version_added: 0.2.0
description:
  - Writes one consistent picture of a cloud to a JSON file. In it are the resource providers with their trees,
    inventories, usages, traits and aggregates, the hosts with the state of their services, the host aggregates, the
    flavors, and on request the servers and server groups.
  - Questions about capacity can then be answered without the cloud, as often as you like, and with changes that nobody
    has made yet. See M(scaleout.nova.capacity_info).
  - Takes as few calls as it can. About ten are enough for a thousand hosts when none of them is full.
  - What comes, goes or changes while the cloud is read is noticed and read again.
  - The file is replaced in one step, after everything has been read. When anything goes wrong it stays as it was.
notes:
  - The credentials need the role C(admin), or roles and policies that allow to read all of Placement, and of Nova the
    services, hypervisors, aggregates and, for O(servers=true), the servers of all projects.
  - Needs Placement of Rocky (1.29), Nova of Rocky (2.64), or later.
  - The cells of hosts are not visible through the API, so the file does not have them.
extends_documentation_fragment:
  - scaleout.nova.attributes
  - scaleout.nova.cloud
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
    details:
      - The cloud is read, and the file is left as it is.
  diff_mode:
    support: full
    details:
      - A summary. It names hosts, aggregates and flavors that have come, gone or changed, and the sums of each resource
        class.
  idempotent:
    support: full
    details:
      - A file that would differ in nothing but the time is left as it is.
options:
  path:
    description:
      - The file to write. Its folder has to be there.
    type: path
    required: true
  servers:
    description:
      - Whether to read the servers and server groups of all projects as well, which takes a call for each thousand.
      - Questions about server groups, and about what happens when a host is lost, need them.
    type: bool
    default: false
  inventories:
    description:
      - V(needed) reads capacity and usage of every inventory, and makes sure that what the flavors of the cloud ask for
        is allowed by its V(min_unit), V(max_unit) and V(step_size).
      - V(all) reads total, reserved, allocation ratio and units of every inventory, which takes one more call for each
        resource provider. What-if questions about other ratios need them.
    type: str
    choices: [needed, all]
    default: needed
  previous:
    description:
      - An earlier snapshot of the same cloud. Of resource providers that have not changed since, nothing is read again.
      - It may be the same file as O(path), and it need not be there.
    type: path
  mode:
    description:
      - The permissions of the file, such as V('0640').
    type: raw
    default: '0600'
seealso:
  - module: scaleout.nova.capacity_info
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Save a picture of the cloud
  scaleout.nova.cloud_snapshot:
    cloud: admin
    path: "{{ playbook_dir }}/cloud.json"
  register: snapshot

- name: Keep it up to date, with servers, and read only what has changed since
  scaleout.nova.cloud_snapshot:
    cloud: admin
    path: "{{ playbook_dir }}/cloud.json"
    previous: "{{ playbook_dir }}/cloud.json"
    servers: true

- name: With all that what-if questions may need
  scaleout.nova.cloud_snapshot:
    cloud: admin
    path: "{{ playbook_dir }}/everything.json"
    inventories: all
    servers: true
    mode: '0640'
"""

RETURN = r"""
path:
  description: The file.
  type: str
  returned: success
  sample: /var/lib/capacity/cloud.json
summary:
  description: What was read, counted up. C(servers) and C(server_groups) are null when they were not read.
  type: dict
  returned: success
  contains:
    taken_at:
      description: When the reading began, in UTC.
      type: str
    providers:
      description: Resource providers.
      type: int
    hosts:
      description: Compute nodes.
      type: int
    accepting:
      description: Compute nodes whose service is enabled and up.
      type: int
    aggregates:
      description: Host aggregates.
      type: int
    flavors:
      description: Flavors.
      type: int
    servers:
      description: Servers of all projects.
      type: int
    server_groups:
      description: Server groups of all projects.
      type: int
    resources:
      description: Resource class to C(capacity) and C(used).
      type: dict
  sample:
    taken_at: '2026-11-25T00:10:50Z'
    providers: 3
    hosts: 3
    accepting: 3
    aggregates: 1
    flavors: 5
    servers: null
    server_groups: null
    resources:
      MEMORY_MB: {capacity: 24576, used: 6144}
      VCPU: {capacity: 48, used: 12}
calls:
  description: How many HTTP calls it took, the login not counted.
  type: int
  returned: success
  sample: 8
seconds:
  description: How many seconds the reading took.
  type: float
  returned: success
  sample: 0.412
kept:
  description: Resource providers that were taken over from O(previous).
  type: int
  returned: success
  sample: 0
moved:
  description: Resource providers that came or changed while the cloud was read, and were read again.
  type: int
  returned: success
  sample: 0
limits:
  description: What could not be read as it should, in sentences.
  type: list
  elements: str
  returned: success
  sample: []
"""

import os
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model, questions
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import CapacityError, SnapshotError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import snapshot as reader
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud


def resources(snapshot: model.Snapshot) -> dict[str, dict[str, int]]:
    """Capacity and usage of all providers together, by resource class."""
    sums: dict[str, dict[str, int]] = {}
    for provider in snapshot.providers:
        for name, inventory in provider.inventories.items():
            entry = sums.setdefault(name, {"capacity": 0, "used": 0})
            entry["capacity"] += inventory.capacity
            entry["used"] += inventory.used
    return dict(sorted(sums.items()))


def summary(snapshot: model.Snapshot) -> dict[str, t.Any]:
    """What the module returns of a snapshot."""
    return {
        "taken_at": snapshot.taken_at,
        "providers": len(snapshot.providers),
        "hosts": len(snapshot.hosts),
        "accepting": sum(1 for host in snapshot.hosts if host.status == "enabled" and host.state == "up"),
        "aggregates": len(snapshot.aggregates),
        "flavors": len(snapshot.flavors),
        "servers": len(snapshot.servers) if "servers" in snapshot.parts else None,
        "server_groups": len(snapshot.server_groups) if "server_groups" in snapshot.parts else None,
        "resources": resources(snapshot),
    }


def lines(snapshot: model.Snapshot) -> list[str]:
    """The snapshot in lines, for the diff."""
    counts = summary(snapshot)
    found = [
        "%s: %s" % (name, "not read" if counts[name] is None else counts[name])
        for name in ("providers", "hosts", "aggregates", "flavors", "servers", "server_groups")
    ]
    found += [
        "%s: %d of %d used" % (name, sums["used"], sums["capacity"]) for name, sums in counts["resources"].items()
    ]
    found += ["host %s: %s, %s, zone %s" % (each.node, each.status, each.state, each.zone) for each in snapshot.hosts]
    for aggregate in snapshot.aggregates:
        metadata = " ".join("%s=%s" % item for item in sorted(aggregate.metadata.items()))
        found.append("aggregate %s: %s; %s" % (aggregate.name, ", ".join(aggregate.hosts) or "no hosts", metadata))
    for flavor in snapshot.flavors:
        shape = "%d VCPU, %d MiB, %d GiB" % (flavor.vcpus, flavor.ram_mib, flavor.root_gib + flavor.ephemeral_gib)
        specs = " ".join("%s=%s" % item for item in sorted(flavor.extra_specs.items()))
        found.append(("flavor %s: %s %s" % (flavor.name, shape, specs)).rstrip())
    return found


def difference(path: str, before: model.Snapshot | None, after: model.Snapshot) -> dict[str, str]:
    """The lines that are not in both."""
    old = lines(before) if before else []
    new = lines(after)
    only_old, only_new = set(old) - set(new), set(new) - set(old)
    return {
        "before_header": path,
        "after_header": path,
        "before": "".join(line + "\n" for line in old if line in only_old),
        "after": "".join(line + "\n" for line in new if line in only_new),
    }


def same(one: model.Snapshot, other: model.Snapshot) -> bool:
    """Whether they differ in nothing but the time."""
    documents = [model.dump(each) for each in (one, other)]
    for document in documents:
        del document["taken_at"]
    return documents[0] == documents[1]


def load(path: str) -> model.Snapshot | None:
    """The snapshot of a file, None when there is no such file.

    :raises SnapshotError: it is no snapshot
    """
    return model.load(path) if os.path.exists(path) else None


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.path: str = module.params["path"]

    def check_path(self) -> None:
        """Whether the file can be written at all, before the cloud is asked."""
        folder = os.path.dirname(os.path.abspath(self.path))
        if os.path.isdir(self.path):
            raise SnapshotError("the path %s is a folder: it has to be a file" % self.path)
        if not os.path.isdir(folder):
            raise SnapshotError("the folder %s of the option path is not there" % folder)
        if not os.access(folder, os.W_OK):
            raise SnapshotError("the folder %s of the option path cannot be written to by this user" % folder)

    def previous(self, cloud: Cloud) -> model.Snapshot | None:
        """The earlier snapshot, which has to be of the same cloud."""
        path = self.module.params["previous"]
        found = load(path) if path else None
        if found is not None:
            theirs, ours = (
                (source.get("auth_url"), source.get("region")) for source in (found.source, cloud.described)
            )
            if theirs != ours:
                text = "the snapshot %s of the option previous is of another cloud: %s instead of %s"
                raise SnapshotError(text % (path, *(" ".join(filter(None, each)) for each in (theirs, ours))))
        return found

    def existing(self) -> model.Snapshot | None:
        """What the file holds now, None when there is none, or it is no snapshot."""
        try:
            return load(self.path)
        except SnapshotError:
            return None

    def run(self) -> dict[str, t.Any]:
        """What the module returns.

        :raises CloudError, CapacityError: nothing has been written
        """
        params = self.module.params
        self.check_path()
        cloud = cloud_module.connect(self.module)
        options = reader.Options(
            servers=params["servers"], everything=params["inventories"] == "all", previous=self.previous(cloud)
        )
        snapshot, readings = reader.read(cloud, options)
        before = self.existing()
        changed = before is None or not same(before, snapshot)
        if changed and not self.module.check_mode:
            temporary = os.path.join(self.module.tmpdir, "snapshot.json")
            model.write(temporary, snapshot)
            self.module.atomic_move(temporary, self.path)
        if os.path.exists(self.path):
            attributes = self.module.load_file_common_arguments(params, path=self.path)
            changed = self.module.set_fs_attributes_if_different(attributes, changed)
        result = {
            "changed": changed,
            "path": self.path,
            "summary": summary(snapshot),
            "calls": readings.calls,
            "seconds": readings.seconds,
            "kept": readings.kept,
            "moved": readings.moved,
            "limits": list(snapshot.limits),
        }
        if self.module._diff:
            result["diff"] = difference(self.path, before, snapshot)
        return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            "path": {"type": "path", "required": True},
            "servers": {"type": "bool", "default": False},
            "inventories": {"type": "str", "choices": ["needed", "all"], "default": "needed"},
            "previous": {"type": "path"},
            "mode": {"type": "raw", "default": "0600"},
        },
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        result = Run(module).run()
    except CloudError as error:
        cloud_module.fail(module, error)
    except CapacityError as error:
        module.fail_json(msg=questions.sentence(error))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
