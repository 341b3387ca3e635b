#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: compute_hosts
short_description: Map compute hosts to their cell and wait until each is usable
version_added: 0.1.0
description:
  - Runs on a controller, where C(nova-manage) is. For each of the named hosts it waits until its C(nova-compute) has
    registered, has it mapped to its cell, and waits until it is an enabled hypervisor with a resource provider.
  - Mapping is done by C(nova-manage cell_v2 discover_hosts), one run at a time, also between several controllers, and
    verified host by host in Nova's API database. One run maps all that have registered. A host that comes late gets
    another one.
  - A host counts as usable when its service is up, when Nova lists it as a hypervisor, and when Placement has a
    resource provider for it with an inventory of C(VCPU) or C(PCPU) (for Ironic, any inventory).
  - Where not all hosts become usable in time, those that can be are mapped all the same, and the error says of each
    other one what it lacks and where to look.
notes:
  - C(discover_hosts) maps every host of the cell that has registered, also hosts that are not in O(hosts).
  - With O(map=false) it only looks, by API calls that work with any OpenStack and from any host. O(cell) has no say
    then, and on a controller the cells of the hosts are returned all the same.
extends_documentation_fragment:
  - scaleout.nova.attributes
  - scaleout.nova.cloud
attributes:
  check_mode:
    support: full
    details:
      - A host that is not mapped, or has not registered yet, is predicted to be mapped. Nothing is waited for.
      - Where Nova is not installed yet or its API does not answer, all the hosts that are not known to be mapped are
        predicted, with a warning.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  hosts:
    description:
      - Names of the hosts, as C(nova-compute) gives them (C([DEFAULT] host) in its C(nova.conf), by default the host's
        name).
    type: list
    elements: str
    required: true
  cell:
    description:
      - Name or UUID of the cell that the hosts belong to.
      - A host that is mapped to another cell is an error.
    type: str
    default: cell1
  map:
    description: Whether to map hosts that are not mapped. Otherwise it is waited for somebody else to do that.
    type: bool
    default: true
  require_enabled:
    description:
      - Whether a host that has been disabled (by an operator, or from the start by C([DEFAULT] enable_new_services)) is
        an error. By default it is a warning, since it is deliberate.
      - A host that C(nova-compute) itself has disabled (C(AUTO:)) is waited for in any case.
    type: bool
    default: false
  started:
    description:
      - Those of O(hosts) whose C(nova-compute) has just been started or restarted.
      - What Nova and Placement know of such a host may still be that of the process, or of the machine, which was there
        before. So a sign of life is waited for that is newer than this task, namely a report to Nova (one each
        C([DEFAULT] report_interval), by default 10 seconds) or a resource provider that comes into being.
    type: list
    elements: str
    default: []
  timeout:
    description: Seconds to wait for all the hosts.
    type: int
    default: 120
  interval:
    description: Seconds between two looks.
    type: float
    default: 2.0
  config_files:
    description: Configuration files of Nova, for the connection to the API database and for C(nova-manage).
    type: list
    elements: path
    default: [/etc/nova/nova.conf]
  nova_manage:
    description: The command C(nova-manage), as a name or a path.
    type: str
    default: nova-manage
  nova_user:
    description:
      - The user that C(nova-manage) runs as.
      - An empty string means the user of the module.
    type: str
    default: nova
seealso:
  - module: scaleout.nova.guest_check
  - name: nova-manage cell_v2 discover_hosts
    description: What Nova says about mapping hosts.
    link: https://docs.openstack.org/nova/latest/cli/nova-manage.html#cell-v2-discover-hosts
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Wait until the new computes can be used
  scaleout.nova.compute_hosts:
    cloud: admin
    hosts: "{{ groups['computes'] }}"
  delegate_to: "{{ groups['controllers'][0] }}"
  run_once: true

- name: Wait for a compute whose nova-compute has just been restarted
  scaleout.nova.compute_hosts:
    cloud: admin
    hosts: [cpu-b2-1]
    started: [cpu-b2-1]
  delegate_to: "{{ groups['controllers'][0] }}"

- name: Have a look from anywhere whether two hosts are in order
  scaleout.nova.compute_hosts:
    cloud: admin
    hosts: [cpu-b2-1, cpu-b2-2]
    map: false
    timeout: 0
  delegate_to: localhost
"""

RETURN = r"""
hosts:
  description: One entry for each of O(hosts), in their order. Also returned when the module fails because of hosts.
  type: list
  elements: dict
  returned: success
  contains:
    host:
      description: Name of the host.
      type: str
    cell:
      description: Name of its cell. Null when it is not mapped, and with O(map=false) elsewhere than on a controller.
      type: str
    status:
      description: V(enabled) or V(disabled). Null when C(nova-compute) has not registered.
      type: str
    state:
      description: V(up) or V(down). Null when C(nova-compute) has not registered.
      type: str
    disabled_reason:
      description: Why it is disabled, as whoever did it said.
      type: str
    hypervisor_type:
      description: As in V(QEMU). Where a host has several compute nodes, that of the first.
      type: str
    hypervisor_hostname:
      description: Name of the compute node, which is also that of the resource provider.
      type: str
    resource_provider:
      description: UUID of the resource provider in Placement.
      type: str
    mapped_now:
      description: Whether it was mapped by this run (in check mode, would be).
      type: bool
    lacks:
      description: What it lacks, in words. Empty when it is usable.
      type: list
      elements: str
    seconds:
      description: How long it took until it was usable. Null when it is not.
      type: float
  sample:
    - host: cpu1
      cell: cell1
      status: enabled
      state: up
      disabled_reason: ""
      hypervisor_type: QEMU
      hypervisor_hostname: cpu1
      resource_provider: 9c9b3f3e-62b0-4cf8-8e1f-0f3c0f6b3f5c
      mapped_now: true
      lacks: []
      seconds: 9.8
seconds:
  description: How long the whole took.
  type: float
  returned: success
  sample: 9.8
"""

import dataclasses
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.cells import BusyError, Cell, Mappings, NotThereError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import TRANSIENT, CloudError, listed, near
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import ComputeService, Hypervisor, Nova
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import Placement
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.waiting import Deadline

#: seconds to wait for hosts that are still to register before nova-manage is run for those that have
SETTLE = 8.0
#: seconds between two runs of nova-manage that map nothing
RETRY = 5.0


@dataclasses.dataclass
class Sight:
    """What was seen at one time."""

    mappings: dict[str, Cell] | None
    services: dict[str, ComputeService] = dataclasses.field(default_factory=dict)
    hypervisors: dict[str, list[Hypervisor]] = dataclasses.field(default_factory=dict)
    #: UUID of the resource provider -> resource classes, None when there is no such provider
    providers: dict[str, set[str] | None] = dataclasses.field(default_factory=dict)

    def mapped(self, host: str) -> bool:
        """Whether the host is mapped to a cell; without the database, Nova's list of hypervisors shows it."""
        return host in self.hypervisors if self.mappings is None else host in self.mappings


def lacks(host: str, sight: Sight, require_enabled: bool, silent: t.Container[str] = ()) -> list[str]:
    """What a host lacks to be usable, in words. Later things are not listed when they follow from earlier ones.

    ``silent`` are the hosts that have to give a sign of life and have not.
    """
    service = sight.services.get(host)
    if service is None:
        like = near(host, sight.services)
        return ["its nova-compute has not registered" + like]
    found = []
    if not sight.mapped(host):
        found.append("it is not mapped to a cell")
    if not service.up:
        if service.forced_down:
            found.append("an operator has forced its service down")
        else:
            since = " (last heard of at %s)" % service.updated_at if service.updated_at else ""
            found.append("its service is down%s" % since)
    if not service.enabled and (require_enabled or service.disabled_by_itself):
        found.append("its service is disabled (%s)" % (service.disabled_reason or "no reason given"))
    if not sight.mapped(host):
        return found
    nodes = sight.hypervisors.get(host, [])
    if not nodes:
        found.append("Nova does not list it as a hypervisor")
    for node in nodes:
        classes = sight.providers.get(node.id)
        if classes is None:
            found.append("Placement has no resource provider %s (%s)" % (node.hostname, node.id))
        elif not classes & {"VCPU", "PCPU"} and not (node.type == "ironic" and classes):
            found.append("its resource provider %s has no inventory of VCPU or PCPU" % node.hostname)
    if not found and host in silent:
        found.append("its nova-compute has not reported since it was started, all that is known of it is older")
    return found


def where_to_look(host: str, what: t.Sequence[str]) -> str:
    """Where the operator finds the reason."""
    text = " ".join(what)
    if "not mapped" in text and len(what) == 1:
        return "the log of nova-manage on the controller"
    if "forced its service down" in text or ("is disabled" in text and "AUTO" not in text):
        return "openstack compute service list --long"
    return "journalctl -u nova-compute on %s" % host


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        params = module.params
        self.hosts: list[str] = list(dict.fromkeys(params["hosts"]))
        self.do_map: bool = params["map"]
        self.require_enabled: bool = params["require_enabled"]
        self.interval: float = max(0.2, params["interval"])
        self.deadline = Deadline(params["timeout"])
        self.database = Mappings(params["config_files"], params["nova_manage"], params["nova_user"] or None)
        stray = [host for host in params["started"] if host not in self.hosts]
        if stray:
            module.fail_json(msg="started has %s, which is not in hosts%s" % (stray[0], near(stray[0], self.hosts)))
        self.began = time.monotonic()
        self.seconds: dict[str, float] = {}
        self.mapped_now: set[str] = set()
        #: those that were just started and have given no sign of life yet
        self.silent: set[str] = set() if module.check_mode else set(params["started"])
        #: what was known at the first look: when each host had reported, and the resource providers
        self.before: tuple[dict[str, str], t.Container[str]] | None = None
        self.trouble: CloudError | None = None
        self.cell_name: str = params["cell"]
        self.cell: Cell | None = None

    # ---- looking

    def connect(self) -> None:
        """Find the cloud."""
        self.cloud = cloud_module.connect(self.module)
        self.nova = Nova(self.cloud)
        self.placement = Placement(self.cloud)

    def look(self, sight: Sight) -> None:
        """Ask the APIs, as far as it makes sense."""
        sight.services = self.nova.compute_services()
        if any(host in sight.services for host in self.hosts):
            sight.hypervisors = self.nova.hypervisors()
        nodes = [node.id for host in self.hosts for node in sight.hypervisors.get(host, [])]

        def classes(node: str) -> set[str] | None:
            inventories = self.placement.inventories(node)
            if inventories is None:
                return None
            return {name for name, inventory in inventories.items() if inventory.get("total")}

        sight.providers = dict(zip(nodes, self.cloud.each(classes, nodes), strict=True))
        self.listen(sight)

    def listen(self, sight: Sight) -> None:
        """Note which of the hosts that were just started have given a sign of life since the first look."""
        reports = {host: service.updated_at for host, service in sight.services.items()}  # '' before the first one
        if self.before is None:
            self.before = reports, self.placement.providers() if self.silent else ()
        reported, providers = self.before
        for host in list(self.silent):
            nodes = sight.hypervisors.get(host, [])
            new = any(sight.providers.get(node.id) and node.id not in providers for node in nodes)
            if new or reports.get(host, "") != reported.get(host, ""):
                self.silent.remove(host)

    def read_mappings(self) -> dict[str, Cell] | None:
        """The mappings in the database; a named host in another cell is an error. None where there is no database."""
        if not self.do_map:
            return self.database.read_if_there()
        self.cell = self.database.cell(self.cell_name)
        return self.checked(self.database.read(), self.cell)

    def checked(self, mappings: dict[str, Cell], cell: Cell) -> dict[str, Cell]:
        """The same, after a look whether a named host is in another cell."""
        elsewhere = {host: mappings[host] for host in self.hosts if mappings.get(host, cell).uuid != cell.uuid}
        if elsewhere:
            text = listed("%s to '%s'" % (host, other) for host, other in elsewhere.items())
            raise CloudError(
                "Asked for the cell '%s' (option cell), but already mapped: %s. Nova cannot move a host between cells:"
                " it has to be emptied and deleted from its cell first (nova-manage cell_v2 delete_host)."
                % (cell, text)
            )
        return mappings

    def lacks(self, host: str, sight: Sight) -> list[str]:
        """What a host still lacks."""
        return lacks(host, sight, self.require_enabled, self.silent)

    # ---- results

    def row(self, host: str, sight: Sight) -> dict[str, t.Any]:
        """The entry of a host in the result."""
        service = sight.services.get(host)
        nodes = sight.hypervisors.get(host, [])
        node = nodes[0] if nodes else None
        cell = (sight.mappings or {}).get(host)
        if cell is None and host in self.mapped_now:
            cell = self.cell
        return {
            "host": host,
            "cell": str(cell) if cell else None,
            "status": service.status if service else None,
            "state": service.state if service else None,
            "disabled_reason": service.disabled_reason if service else "",
            "hypervisor_type": node.type if node else None,
            "hypervisor_hostname": node.hostname if node else None,
            "resource_provider": node.id if node and sight.providers.get(node.id) is not None else None,
            "mapped_now": host in self.mapped_now,
            "lacks": self.lacks(host, sight),
            "seconds": self.seconds.get(host),
        }

    def result(self, sight: Sight) -> dict[str, t.Any]:
        """All that the module returns."""
        new = [host for host in self.hosts if host in self.mapped_now]
        result: dict[str, t.Any] = {
            "changed": bool(new),
            "hosts": [self.row(host, sight) for host in self.hosts],
            "seconds": round(time.monotonic() - self.began, 1),
        }
        if self.module._diff:
            cell = self.cell or self.cell_name
            after = "".join("%s: %s\n" % (host, cell) for host in new)
            result["diff"] = {
                "before": "",
                "after": after,
                "before_header": "host mappings",
                "after_header": "host mappings",
            }
        return result

    # ---- check mode

    def predict(self) -> None:
        """What would be mapped, without waiting for anything."""
        sight = Sight(mappings=None)
        known = False
        try:
            sight.mappings = self.read_mappings()
            known = self.do_map
        except NotThereError as error:
            self.module.warn("%s In check mode its hosts are taken as not mapped." % error)
            sight.mappings = {}
        try:
            self.connect()
            self.look(sight)
        except CloudError as error:
            self.module.warn("%s In check mode the hosts are then not looked at." % error)
        if self.do_map:
            self.mapped_now = {host for host in self.hosts if host not in (sight.mappings or {})}
            if not known:
                # the list of hypervisors shows as much
                self.mapped_now -= set(sight.hypervisors)
        self.module.exit_json(**self.result(sight))

    # ---- the real thing

    def wait(self) -> None:
        """Map and wait until every host is usable, or the time is up."""
        if not self.hosts:
            self.module.exit_json(changed=False, hosts=[], seconds=0.0)
        self.connect()
        sight = Sight(mappings=self.read_mappings())
        last_arrival = time.monotonic()
        registered = 0
        while True:
            try:
                self.look(sight)
                self.trouble = None
            except TRANSIENT as error:
                self.trouble = error
            arrived = [host for host in self.hosts if host in sight.services]
            if len(arrived) > registered:
                registered, last_arrival = len(arrived), time.monotonic()
            if self.do_map and self.trouble is None:
                unmapped = [host for host in arrived if not sight.mapped(host)]
                settled = len(arrived) == len(self.hosts) or time.monotonic() - last_arrival >= SETTLE
                if unmapped and (settled or self.deadline.over):
                    self.discover(unmapped, sight)
                    continue
            now = round(time.monotonic() - self.began, 1)
            usable = [] if self.trouble else [host for host in self.hosts if not self.lacks(host, sight)]
            for host in usable:
                self.seconds.setdefault(host, now)
            if len(usable) == len(self.hosts):
                break
            if self.deadline.over or self.hopeless(sight):
                self.fail(sight)
            self.deadline.pause(self.interval)
        for host in self.hosts:
            service = sight.services[host]
            if not service.enabled:
                reason = service.disabled_reason or "no reason given"
                self.module.warn("Nova schedules nothing on the compute host %s: it is disabled (%s)." % (host, reason))
        self.module.exit_json(**self.result(sight))

    def discover(self, unmapped: t.Sequence[str], sight: Sight) -> None:
        """Have the hosts mapped."""
        cell, before = self.cell, sight.mappings
        if cell is None or before is None:
            return
        try:
            mappings = self.database.discover(cell, unmapped, timeout=max(30.0, self.deadline.remaining))
        except BusyError as error:
            self.module.fail_json(msg=str(error), **self.result(sight))
            return
        sight.mappings = self.checked(mappings, cell)
        self.mapped_now |= {host for host in self.hosts if host in mappings and host not in before}
        still = [host for host in unmapped if host not in mappings]
        if still:
            if self.deadline.over:
                text = "nova-manage did not map %s; is it configured with the database of another cell than '%s'?"
                self.module.fail_json(msg=text % (listed(still), cell), **self.result(sight))
            self.deadline.pause(max(self.interval, RETRY))

    def hopeless(self, sight: Sight) -> bool:
        """Nothing is left but hosts that an operator has disabled, which no waiting changes."""
        if self.trouble or not self.require_enabled:
            return False
        for host in self.hosts:
            service = sight.services.get(host)
            if service is None:
                return False
            if lacks(host, sight, False):
                return False
        return True

    def fail(self, sight: Sight) -> None:
        """Say of each host what it lacks."""
        result = self.result(sight)
        if self.trouble is not None and not sight.services:
            self.module.fail_json(msg="The compute hosts could not be looked at: %s" % self.trouble, **result)
        lacking = [row for row in result["hosts"] if row["lacks"]]
        parts = [
            "%s: %s (see %s)" % (row["host"], ", ".join(row["lacks"]), where_to_look(row["host"], row["lacks"]))
            for row in lacking
        ]
        text = "%d of %d compute hosts %s not usable after %.0f s. %s." % (
            len(lacking),
            len(self.hosts),
            "is" if len(lacking) == 1 else "are",
            self.deadline.elapsed,
            "; ".join(parts),
        )
        if self.trouble is not None:
            text += " The last look failed: %s" % self.trouble
        self.module.fail_json(msg=text, **result)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            "hosts": {"type": "list", "elements": "str", "required": True},
            "cell": {"type": "str", "default": "cell1"},
            "map": {"type": "bool", "default": True},
            "require_enabled": {"type": "bool", "default": False},
            "started": {"type": "list", "elements": "str", "default": []},
            "timeout": {"type": "int", "default": 120},
            "interval": {"type": "float", "default": 2.0},
            "config_files": {"type": "list", "elements": "path", "default": ["/etc/nova/nova.conf"]},
            "nova_manage": {"type": "str", "default": "nova-manage"},
            "nova_user": {"type": "str", "default": "nova"},
        },
        supports_check_mode=True,
    )
    run = Run(module)
    try:
        if module.check_mode:
            run.predict()
        run.wait()
    except CloudError as error:
        cloud_module.fail(module, error)


if __name__ == "__main__":
    main()
