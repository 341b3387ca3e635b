# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
name: computes
short_description: The compute hosts of a running cloud
version_added: 0.2.0
description:
  - Makes an inventory of the compute hosts that Nova knows, grouped by availability zone, host aggregate, state of
    their service, type of hypervisor and, where asked for, traits and cells.
  - Takes three calls for the first thousand hosts, and one for each trait in O(traits) that some host has.
  - The configuration file has to have a name that ends with C(computes.yml) or C(computes.yaml).
  - "When the cloud cannot be read, Ansible stops with the reason: there is never an empty or partial inventory in its
    place (see O(on_error))."
  - "The variables of a host, all of which begin with the prefix C(nova_), are
    C(nova_host) (name of the host in Nova),
    C(nova_zone),
    C(nova_host_aggregates) (list of names),
    C(nova_aggregate_metadata) (dictionary; of two aggregates that disagree, the later one by name),
    C(nova_status) (V(enabled) or V(disabled)),
    C(nova_disabled_reason),
    C(nova_state) (V(up) or V(down)),
    C(nova_forced_down),
    C(nova_updated_at) (UTC),
    C(nova_servers) (their number, as nova-compute has last reported),
    C(nova_cell) (with O(cells)),
    C(nova_traits) (list, those of O(traits)),
    C(nova_hypervisors) (list of dictionaries with C(uuid), C(hypervisor_hostname), C(hypervisor_type),
    C(hypervisor_version), C(host_ip), C(vcpus), C(memory_mb), C(local_gb) and C(running_vms)); and of the first
    of these C(nova_hypervisor_hostname), C(nova_hypervisor_type), C(nova_host_ip) and C(nova_provider), which is the
    UUID of its resource provider."
notes:
  - The credentials need the role C(admin), or policies that allow to list services, hypervisors and aggregates, and
    resource providers for O(traits).
  - Needs Nova of Pike (2.53), and Placement of Rocky (1.29) for O(traits), or later.
extends_documentation_fragment:
  - scaleout.nova.cloud
  - ansible.builtin.constructed
  - ansible.builtin.inventory_cache
options:
  plugin:
    description: The name of this plugin.
    type: str
    required: true
    choices: [scaleout.nova.computes]
  name_from:
    description:
      - What a host is called in the inventory. V(host) is the name of its service in Nova.
      - Where an address other than that is wanted for the connection, O(compose) can set C(ansible_host), for example
        to C(nova_host_ip).
    type: str
    choices: [host, hypervisor_hostname, host_ip]
    default: host
  parent_group:
    description: A group with all compute hosts.
    type: str
    default: nova_computes
  group_by:
    description:
      - By what to make groups. V(zone) gives groups such as C(zone_az1), V(aggregate) C(aggregate_ssd), V(status)
        C(status_disabled), V(state) C(state_up), V(hypervisor_type) C(hypervisor_QEMU), V(trait) C(trait_CUSTOM_SSD)
        and V(cell) C(cell_cell1).
      - Characters that cannot be in the name of a group are replaced, as Ansible's setting
        C(TRANSFORM_INVALID_GROUP_CHARS) says.
    type: list
    elements: str
    choices: [zone, aggregate, status, state, hypervisor_type, trait, cell]
    default: [zone, aggregate, status, state, hypervisor_type, trait, cell]
  traits:
    description: Which traits to read, by name or glob, such as V(CUSTOM_*). The default is none.
    type: list
    elements: str
    default: []
  cells:
    description:
      - Cell to the hosts that are in it, by name or glob. Nova's API does not show cells, so that this is what
        you know of them. C(nova-manage cell_v2 list_hosts) on a controller lists it.
    type: dict
    default: {}
  on_error:
    description:
      - V(stop) ends Ansible when the cloud cannot be read. V(warn) is Ansible's own way. It warns, and goes on with
        what the other inventories have.
    type: str
    choices: [stop, warn]
    default: stop
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
# inventories/cloud/computes.yml, for the cloud "admin" of clouds.yaml
plugin: scaleout.nova.computes
cloud: admin

---
# With the addresses of the hosts, groups by trait and of your own, and a cache
plugin: scaleout.nova.computes
cloud: admin
traits: [CUSTOM_*]
compose:
  ansible_host: nova_host_ip
groups:
  usable: nova_status == 'enabled' and nova_state == 'up'
  empty: nova_servers == 0
keyed_groups:
  - key: nova_aggregate_metadata.rack
    prefix: rack
cache: true
cache_plugin: ansible.builtin.jsonfile
cache_connection: ~/.cache/scaleout-nova/inventory
cache_timeout: 300
"""

import dataclasses
import fnmatch
import hashlib
import json
import typing as t

from ansible import constants as C
from ansible.errors import AnsibleParserError
from ansible.plugins.inventory import BaseInventoryPlugin, Cacheable, Constructable
from ansible.utils.display import Display

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Aggregate
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import computes, session
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError

Row = dict[str, t.Any]

display = Display()


def rows(hosts: t.Iterable[computes.ComputeHost], aggregates: t.Iterable[Aggregate]) -> list[Row]:
    """The variables of each host, without their prefix; cells are not among them."""
    found = []
    metadata_of = {aggregate.name: aggregate.metadata for aggregate in aggregates}
    for host in hosts:
        row = dataclasses.asdict(host)
        del row["service_id"]
        row["host_aggregates"] = row.pop("aggregates")  # nova_aggregates is what a playbook declares
        first = host.hypervisors[0] if host.hypervisors else {}
        metadata: dict[str, str] = {}
        for name in host.aggregates:
            metadata.update(metadata_of[name])
        found.append(
            {
                **row,
                "aggregate_metadata": metadata,
                "servers": host.servers,
                "provider": first.get("uuid"),
                **{name: first.get(name) for name in ("hypervisor_hostname", "hypervisor_type", "host_ip")},
            }
        )
    return found


def cells_of(given: t.Mapping[t.Any, t.Any]) -> dict[str, list[str]]:
    """The option ``cells``; a single name need not be in a list.

    :raises CloudError: it has something else
    """
    found = {}
    for cell, names in given.items():
        patterns = [names] if isinstance(names, str) else names
        if not isinstance(patterns, list) or not all(isinstance(each, str) for each in patterns):
            raise CloudError("The cell %s in the option cells is %s: it has to be a list of hosts." % (cell, names))
        found[str(cell)] = patterns
    return found


def cell_of(host: str, cells: t.Mapping[str, t.Sequence[str]]) -> str | None:
    """The first cell that names the host."""
    for cell, patterns in cells.items():
        if any(fnmatch.fnmatchcase(host, pattern) for pattern in patterns):
            return cell
    return None


def group_names(row: Row, group_by: t.Collection[str]) -> list[str]:
    """The groups of a host, not sanitized."""
    values: dict[str, tuple[str, list[str | None]]] = {
        "zone": ("zone", [row["zone"]]),
        "aggregate": ("aggregate", row["host_aggregates"]),
        "status": ("status", [row["status"]]),
        "state": ("state", [row["state"]]),
        "hypervisor_type": ("hypervisor", [row["hypervisor_type"]]),
        "trait": ("trait", row["traits"]),
        "cell": ("cell", [row.get("cell")]),
    }
    return [
        "%s_%s" % (prefix, value)
        for kind, (prefix, found) in values.items()
        if kind in group_by
        for value in found
        if value
    ]


class InventoryModule(BaseInventoryPlugin, Constructable, Cacheable):
    """The inventory plugin."""

    NAME = "scaleout.nova.computes"

    def verify_file(self, path: str) -> bool:
        """Whether the file is ours, by its name."""
        return bool(super().verify_file(path)) and path.endswith(("computes.yml", "computes.yaml"))

    def parse(self, inventory: t.Any, loader: t.Any, path: str, cache: bool = True) -> None:
        """Fill the inventory."""
        super().parse(inventory, loader, path, cache)
        self._groups: dict[str, str] = {}
        on_error = "stop"  # also for a file that does not get as far as saying so
        try:
            self._read_config_data(path)
            on_error = self.get_option("on_error")
            self._cells = cells_of(self.get_option("cells"))
            found = self._rows(path, cache)
            for name, row in zip(self._names(found), found, strict=True):
                self._add(name, row)
        except Exception as error:
            if on_error == "stop":
                # Ansible would go on with a warning and without these hosts: "all but the disabled ones" would be all.
                C.INVENTORY_ANY_UNPARSED_IS_FAILED = True
            if isinstance(error, CloudError):
                raise AnsibleParserError(str(error)) from None  # Ansible would say it once more, and its cause
            raise

    # ---- reading

    def _rows(self, path: str, cache: bool) -> list[Row]:
        """The hosts, from the cache where that is wanted and has them."""
        cloud = self._cloud()
        traits: list[str] = self.get_option("traits")
        key = self._cache_key(path, cloud, traits)
        wanted = bool(self.get_option("cache"))
        if wanted:
            self.load_cache_plugin()
            if cache:
                try:
                    return t.cast("list[Row]", self._cache[key])
                except KeyError:
                    pass  # none yet, or too old
        found = rows(*computes.read(cloud, traits))
        if wanted:
            self._cache[key] = found
        return found

    def _cloud(self) -> session.Cloud:
        if session.SDK_IMPORT_ERROR is not None:
            raise CloudError("openstacksdk is not installed for the Python that runs Ansible.")
        options = {field.name: self.get_option(field.name) for field in dataclasses.fields(session.CloudOptions)}
        return session.Cloud(session.CloudOptions.from_params(options))

    def _cache_key(self, path: str, cloud: session.Cloud, traits: t.Sequence[str]) -> str:
        """Another one for each cloud, as the environment may say which it is, and for whatever else is read."""
        about = json.dumps([cloud.described, list(traits)], sort_keys=True)
        return "%s_%s" % (self.get_cache_key(path), hashlib.sha256(about.encode()).hexdigest()[:12])

    # ---- writing

    def _names(self, found: t.Iterable[Row]) -> list[str]:
        """What the hosts are called here.

        :raises CloudError: a host has no such name, or two have the same
        """
        by: str = self.get_option("name_from")
        owners: dict[str, str] = {}
        for row in found:
            name = row[by]
            if not name:
                raise CloudError("The compute host %s has no %s (option name_from)." % (row["host"], by))
            if name in owners:
                text = "The compute hosts %s and %s have the same %s, %s (option name_from)."
                raise CloudError(text % (owners[name], row["host"], by, name))
            owners[name] = row["host"]
        return list(owners)

    def _add(self, name: str, row: Row) -> None:
        cell = cell_of(row["host"], self._cells)
        if cell:
            row = {**row, "cell": cell}
        self.inventory.add_host(name)
        variables = {"nova_" + key: value for key, value in row.items()}
        for key, value in variables.items():
            self.inventory.set_variable(name, key, value)
        for group in [self.get_option("parent_group"), *group_names(row, self.get_option("group_by"))]:
            self.inventory.add_host(name, group=self._group(group))
        strict = self.get_option("strict")
        self._set_composite_vars(self.get_option("compose"), variables, name, strict=strict)
        self._add_host_to_composed_groups(self.get_option("groups"), variables, name, strict=strict)
        self._add_host_to_keyed_groups(self.get_option("keyed_groups"), variables, name, strict=strict)

    def _group(self, wanted: str) -> str:
        """A group by that name, as far as a group can have it."""
        name: str = self._sanitize_group_name(wanted)
        earlier = self._groups.setdefault(name, wanted)
        if earlier != wanted:
            display.warning("The group %s has the hosts of both %s and %s." % (name, earlier, wanted))
        return str(self.inventory.add_group(name))
