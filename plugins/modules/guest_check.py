#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_check
short_description: Boot a guest on each compute host to see that it works
version_added: 0.1.0
description:
  - Boots one guest on each of the given hosts, waits until it is C(ACTIVE), reads its console until it says that it is
    up, and removes it again. Several hosts are tried at a time.
  - The guests have no network. They are pinned to their host and still go through Nova's scheduler, so what is tried is
    what a user would get.
  - Whatever happens, the guests are removed, also after a failure and on SIGTERM, SIGINT and SIGHUP. Should the module
    be killed for good, its next run recognises what was left behind, by the metadata key C(scaleout_guest_check), and
    removes that first. Guests of another run that is still at work are left alone.
  - Fails when the guest of one host does not come up or cannot be removed, after all have been removed.
notes:
  - The credentials need the role C(admin), since only that may choose a host.
  - Needs Nova of Train (2.74) or later.
extends_documentation_fragment:
  - scaleout.nova.attributes
  - scaleout.nova.cloud
attributes:
  check_mode:
    support: full
    details:
      - Nothing is booted and nothing removed. The hosts, the image and the flavor are looked up, and the hosts that
        would be tried are returned. Where the cloud cannot be asked there is a warning instead.
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - What it makes it takes away, so a run that went well has not changed the cloud. It reports a change when guests
        are kept (O(keep=true)), or when leftovers of a killed run were removed.
options:
  hosts:
    description:
      - Names of the hosts, as C(nova-compute) gives them.
      - When empty, all hosts that are enabled and up.
    type: list
    elements: str
    default: []
  image:
    description: Name or ID of the image.
    type: str
    required: true
  flavor:
    description:
      - Name or ID of a flavor,
      - or a dictionary with C(vcpus), C(ram) (MiB), C(disk) (GiB) and optionally C(extra_specs), for a private flavor
        that exists only as long as the module runs.
    type: raw
    default:
      vcpus: 1
      ram: 128
      disk: 1
  marker:
    description:
      - A text that the guest writes to its serial console when it is up.
      - Without it, a guest that is C(ACTIVE) will do.
    type: str
  timeout:
    description: Seconds that one guest may take until it is up.
    type: int
    default: 300
  delete_timeout:
    description: Seconds that one guest may take to be gone.
    type: int
    default: 120
  interval:
    description: Seconds between two looks at a guest.
    type: float
    default: 1.0
  concurrency:
    description: How many guests there are at a time at most.
    type: int
    default: 8
  keep:
    description: Whether to leave the guests there, to look at them. They are then not removed by later runs either.
    type: bool
    default: false
  name_prefix:
    description: The guests are called this and the name of their host.
    type: str
    default: guest-check-
seealso:
  - module: scaleout.nova.compute_hosts
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Boot a guest on each compute host
  scaleout.nova.guest_check:
    cloud: admin
    image: tiny
    flavor:
      vcpus: 1
      ram: 128
      disk: 1
    marker: guest is up
  register: check

- name: Try two hosts with a flavor that exists, and leave the guests there
  scaleout.nova.guest_check:
    cloud: admin
    hosts: [cpu-a1-1, cpu-a1-2]
    image: debian-13
    flavor: m1.small
    marker: "login:"
    timeout: 600
    keep: true
"""

RETURN = r"""
guests:
  description: One entry for each host, also when the module fails because of guests.
  type: list
  elements: dict
  returned: success
  contains:
    host:
      description: Name of the host.
      type: str
    server:
      description: ID that the guest has or had. Null when Nova did not make one.
      type: str
    ok:
      description: Whether it came up and went away.
      type: bool
    result:
      description: V(ok), or in words why not, with the fault that Nova gives. In check mode, what would be done.
      type: str
    active_seconds:
      description: Seconds from the request until it was C(ACTIVE).
      type: float
    marker_seconds:
      description: Seconds from the request until the marker was on its console.
      type: float
    gone:
      description: Whether nothing is left of it.
      type: bool
  sample:
    - host: cpu1
      server: 4a7c7c2c-0b1f-4c0a-9d6e-6a0c4f2a4b1e
      ok: true
      result: ok
      active_seconds: 3.1
      marker_seconds: 6.2
      gone: true
summary:
  description: Counted up.
  type: dict
  returned: success
  sample:
    hosts: 3
    ok: 3
    failed: 0
    seconds: 11.4
removed:
  description: Names of guests and temporary flavors of killed runs that were removed first (in check mode, would be).
  type: list
  elements: str
  returned: success
  sample: []
"""

import signal
import time
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError, listed, near
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.glance import Glance
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.guests import Guest, GuestCheck, Plan, Shape
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import ComputeService, Nova

SHAPE = {"vcpus": 1, "ram": 1, "disk": 0}  # with the least that Nova takes


def shape(flavor: t.Mapping[str, t.Any]) -> Shape:
    """A flavor given as a dictionary.

    :raises CloudError: with all that is wrong with it
    """
    wrong = ["unknown key %s%s" % (key, near(str(key), [*SHAPE, "extra_specs"])) for key in flavor if key not in SHAPE]
    wrong = [text for text in wrong if not text.startswith("unknown key extra_specs")]
    sizes: dict[str, int] = {}
    for key, least in SHAPE.items():
        value = flavor.get(key, 1 if key == "vcpus" else None)
        try:
            if isinstance(value, (bool, float)):
                raise ValueError
            sizes[key] = int(value)
        except (TypeError, ValueError):
            wrong.append("%s has to be a whole number" % key if key in flavor else "%s is missing" % key)
            continue
        if sizes[key] < least:
            wrong.append("%s has to be at least %d" % (key, least))
    specs = flavor.get("extra_specs") or {}
    if not isinstance(specs, dict):
        wrong.append("extra_specs has to be a dictionary")
        specs = {}
    if wrong:
        raise CloudError("The flavor given in the option flavor is not usable: %s." % "; ".join(wrong))
    return Shape(extra_specs={str(key): _spec(value) for key, value in specs.items()}, **sizes)


def _spec(value: t.Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


class Run:
    """One run of the module."""

    def __init__(self, module: AnsibleModule) -> None:
        self.module = module
        self.started = time.monotonic()
        self.signalled = ""
        self.skipped: list[Guest] = []

    def prepare(self) -> tuple[GuestCheck, list[ComputeService]]:
        """Look everything up, before anything is made."""
        params = self.module.params
        flavor = params["flavor"]
        wanted: str | Shape = shape(flavor) if isinstance(flavor, dict) else str(flavor)
        cloud = cloud_module.connect(self.module)
        nova = Nova(cloud)
        services = self.choose(nova)
        plan = Plan(
            image=str(Glance(cloud).find(params["image"])["id"]),
            flavor=self.find_flavor(nova, wanted) if isinstance(wanted, str) else wanted,
            marker=params["marker"] or None,
            timeout=params["timeout"],
            delete_timeout=params["delete_timeout"],
            interval=max(0.1, params["interval"]),
            concurrency=params["concurrency"],
            keep=params["keep"],
            name_prefix=params["name_prefix"],
        )
        return GuestCheck(nova, plan), services

    def choose(self, nova: Nova) -> list[ComputeService]:
        """The hosts to try; those that Nova would not use get a row that says so."""
        names = list(dict.fromkeys(self.module.params["hosts"]))
        known = nova.compute_services(names or None)
        if not names:
            chosen = [service for service in known.values() if service.enabled and service.up]
            if not chosen:
                raise CloudError("There is no compute host in %s that is enabled and up." % nova.cloud.name)
            return sorted(chosen, key=lambda service: service.host)
        unknown = [name for name in names if name not in known]
        if unknown:
            raise CloudError(
                "There is no compute host %s in %s."
                % (listed("'%s'%s" % (name, near(name, known)) for name in unknown), nova.cloud.name)
            )
        chosen = []
        for name in names:
            service = known[name]
            if service.enabled and service.up:
                chosen.append(service)
            elif not service.up:
                self.skipped.append(Guest(name, result="not tried: its nova-compute is down"))
            else:
                reason = service.disabled_reason or "no reason given"
                self.skipped.append(Guest(name, result="not tried: it is disabled (%s)" % reason))
        return chosen

    @staticmethod
    def find_flavor(nova: Nova, name: str) -> str:
        """ID of the flavor of that name or ID."""
        flavors = nova.flavors()
        for key in ("name", "id"):
            for flavor in flavors:
                if str(flavor[key]) == name:
                    return str(flavor["id"])
        names = [str(flavor["name"]) for flavor in flavors]
        raise CloudError("There is no flavor '%s' in %s%s." % (name, nova.cloud.name, near(name, names)))

    def result(self, guests: t.Sequence[Guest], removed: t.Sequence[str], changed: bool) -> dict[str, t.Any]:
        """All that the module returns, in the order of the option hosts."""
        order = {name: index for index, name in enumerate(self.module.params["hosts"])}
        rows = [guest.row() for guest in sorted([*guests, *self.skipped], key=lambda guest: order.get(guest.host, 0))]
        good = sum(1 for row in rows if row["ok"])
        return {
            "changed": changed,
            "guests": rows,
            "removed": list(removed),
            "summary": {
                "hosts": len(rows),
                "ok": good,
                "failed": 0 if self.module.check_mode else len(rows) - good,
                "seconds": round(time.monotonic() - self.started, 1),
            },
        }

    def predict(self) -> None:
        """Check mode."""
        try:
            check, services = self.prepare()
            servers, flavors = check.leftovers()
        except CloudError as error:
            self.module.warn("%s In check mode no guests are looked for." % error)
            self.module.exit_json(**self.result([], [], False))
            return
        guests = [Guest(service.host, result="would be tried") for service in services]
        removed = [server.name for server in servers] + [str(flavor["name"]) for flavor in flavors]
        self.module.exit_json(**self.result(guests, removed, bool(removed) or self.module.params["keep"]))

    def boot(self) -> None:
        """The real thing."""
        check, services = self.prepare()

        def stop(number: int, _frame: object) -> None:
            self.signalled = signal.Signals(number).name
            check.stop.set()

        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, stop)
        check.remove_leftovers()
        guests = check.run(services)
        changed = bool(check.removed) or (check.plan.keep and any(guest.server for guest in guests))
        result = self.result(guests, check.removed, changed)
        bad = [row for row in result["guests"] if not row["ok"]]
        if self.signalled:
            left = [str(row["server"]) for row in bad if not row["gone"]]
            text = "Stopped by %s; " % self.signalled
            text += "these guests could not be removed: %s." % listed(left) if left else "all guests have been removed."
            self.module.fail_json(msg=text, **result)
        if bad:
            text = "The guest check failed on %d of %d compute hosts. %s." % (
                len(bad),
                len(result["guests"]),
                "; ".join("%s: %s" % (row["host"], row["result"].rstrip(".")) for row in bad),
            )
            self.module.fail_json(msg=text, **result)
        self.module.exit_json(**result)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            **cloud_module.CLOUD_ARGUMENTS,
            "hosts": {"type": "list", "elements": "str", "default": []},
            "image": {"type": "str", "required": True},
            "flavor": {"type": "raw", "default": {"vcpus": 1, "ram": 128, "disk": 1}},
            "marker": {"type": "str"},
            "timeout": {"type": "int", "default": 300},
            "delete_timeout": {"type": "int", "default": 120},
            "interval": {"type": "float", "default": 1.0},
            "concurrency": {"type": "int", "default": 8},
            "keep": {"type": "bool", "default": False},
            "name_prefix": {"type": "str", "default": "guest-check-"},
        },
        supports_check_mode=True,
    )
    run = Run(module)
    try:
        if module.check_mode:
            run.predict()
        else:
            run.boot()
    except CloudError as error:
        cloud_module.fail(module, error)


if __name__ == "__main__":
    main()
