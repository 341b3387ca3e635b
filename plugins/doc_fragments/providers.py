# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options by which modules choose resource providers (see plugins/module_utils/_cloud/selection.py)."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment for the options that say which resource providers."""

    DOCUMENTATION = r"""
options:
  hosts:
    description:
      - Compute hosts, by the names that their services have in Nova (C(openstack compute service list)), or globs of
        these such as V(cpu-1*). Meant are the resource providers of their compute nodes, not those nested in them.
      - A name or glob that no compute host has is an error. An empty list means no host.
      - O(hosts), O(aggregates), O(rule) and O(providers) add to each other.
    type: list
    elements: str
  aggregates:
    description: Host aggregates of Nova, by name or glob. Meant are their hosts.
    type: list
    elements: str
  providers:
    description:
      - Resource providers, by name, glob or UUID. They may be nested (a GPU of a host) or sharing (a storage pool), and
        nova-compute may have nothing to do with them.
    type: list
    elements: str
  required_traits:
    description:
      - Of the providers that the other options mean, only those with all of these traits.
      - Alone, all providers of the cloud with these traits.
    type: list
    elements: str
  forbidden_traits:
    description: Of the providers that the other options mean, only those with none of these traits.
    type: list
    elements: str
"""

    RULE = r"""
options:
  rule:
    description:
      - Compute hosts by what is known of them, in addition to those of the other options. The dictionary is that of the
        rules of M(scaleout.nova.host_aggregates), where all that it may hold is described, such as
        C(traits), C(inventory), C(hypervisor_type), C(service), or C(vars) and C(groups) of the inventory.
      - Only what the rule asks for is read. A rule that no host matches means no host. A trait or resource class that
        Placement does not know is an error. A group or variable that no host has gives a warning.
      - Hosts without a compute node have nothing in Placement, and are passed over there.
    type: dict
  host_facts:
    description:
      - What the inventory knows of the hosts, for O(rule), made by the filter P(scaleout.nova.host_facts#filter). As in
        M(scaleout.nova.host_aggregates), the rule is then about the hosts that it names, and without it about all.
      - An empty dictionary, of an empty inventory group perhaps, names no host.
    type: dict
"""
