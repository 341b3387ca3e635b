# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The compute hosts with what rules ask about them, and the hosts of a rule."""

from __future__ import annotations

import collections.abc as c
import typing as t

from ansible.module_utils.common.warnings import warn

from .._aggregates import declaration as declarations
from .._aggregates import named, rules
from .._aggregates.model import AggregatesError, Declaration, DeclaredAggregate, Facts, HostFacts, ObservedHost
from .errors import near
from .nova import Hypervisor, Nova
from .placement import Placement
from .selection import ProblemsError, known_traits, unknown_traits, with_traits
from .session import Cloud

#: inventory variable with the cell of a host, which no API tells
CELL_VARIABLE = "nova_compute_cell"

#: options of a module that takes hosts by a rule
RULE_ARGUMENTS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "rule": {"type": "dict"},
    "host_facts": {"type": "dict"},
}


class HostReader:
    """Reads what a declaration asks about hosts, and no more: the services, and what else there are rules about."""

    def __init__(self, cloud: Cloud, declaration: Declaration, facts: Facts, gone: c.Set[str] = frozenset()) -> None:
        self.cloud = cloud
        self.facts = facts
        #: traits that Placement need not know any more: no host has them then
        self.gone = gone
        self.nova = Nova(cloud)
        self.placement = Placement(cloud)
        self.needs = declarations.needs(declaration)
        self.declaration = declaration
        self._nodes: dict[str, list[Hypervisor]] | None = None

    def read(self) -> dict[str, ObservedHost]:
        """All hosts by name. There is a warning for what rules name of the inventory and no host has."""
        for doubt in named.doubts(self.declaration, self.facts):
            warn(doubt)
        services = self.nova.compute_services()
        traits, inventories, types = self._traits(), self._inventories(), self._types()
        return {
            host: ObservedHost(
                name=host,
                up=service.up,
                hypervisor_type=types.get(host, ""),
                cell=self._cell(host),
                traits=frozenset(trait for trait, holders in traits.items() if host in holders),
                inventory=inventories.get(host, {}),
            )
            for host, service in sorted(services.items())
        }

    def nodes(self) -> dict[str, list[Hypervisor]]:
        """The compute nodes by host, read once. Of a host with several, Nova only takes the first into aggregates."""
        if self._nodes is None:
            self._nodes = self.nova.hypervisors()
        return self._nodes

    def of_providers(self, uuids: c.Container[str]) -> frozenset[str]:
        """Hosts whose resource providers are among these."""
        return frozenset(host for host, nodes in self.nodes().items() if any(node.id in uuids for node in nodes))

    def _cell(self, host: str) -> str | None:
        facts = self.facts.get(host)
        return rules.variable(facts, CELL_VARIABLE) if facts is not None else None

    def _types(self) -> dict[str, str]:
        """The type of hypervisor by host, where the declaration asks for it."""
        if not self.needs.hypervisor_type:
            return {}
        return {host: nodes[0].type for host, nodes in self.nodes().items()}

    def _traits(self) -> dict[str, frozenset[str]]:
        """The hosts of each trait that the declaration names; one call for each that Placement knows.

        :raises ProblemsError: a rule is about one that it does not know: ``not`` would make that every host
        """
        if not (names := named.traits(self.declaration)):
            return {}
        known = known_traits(self.placement, "in:" + ",".join(sorted(names)))
        if unknown := named.traits_of_rules(self.declaration).difference(known, self.gone):
            raise ProblemsError(unknown_traits(self.placement, unknown))
        holders = self.cloud.each(lambda name: self.of_providers(with_traits(self.placement, [name])), known)
        return dict(zip(known, holders, strict=True))

    def _inventories(self) -> dict[str, dict[str, int]]:
        """Totals by resource class and host, where the declaration asks for them; one call for each host.

        :raises ProblemsError: a rule is about a class that no host has and Placement does not know
        """
        if not self.needs.inventory:
            return {}
        nodes = self.nodes()
        found = self.cloud.each(lambda host: self.placement.inventories(nodes[host][0].id) or {}, nodes)
        if unseen := named.classes_of_rules(self.declaration).difference(*found):
            known = {row["name"] for row in self.placement.part("/resource_classes", "resource_classes")}
            if unknown := sorted(unseen - known):
                text = "Placement knows no resource class '%s'%s."
                raise ProblemsError([text % (name, near(name, known)) for name in unknown])
        return {
            host: {name: held["total"] for name, held in inventories.items()}
            for host, inventories in zip(nodes, found, strict=True)
        }


def host_facts(given: t.Mapping[str, t.Any] | None) -> dict[str, HostFacts] | None:
    """What the inventory says, by host, out of the option of a module; None where it is not given.

    :raises AggregatesError: it has another shape
    """
    if given is None:
        return None
    found = {}
    for host, facts in given.items():
        known = isinstance(facts, dict) and facts.keys() <= {"vars", "groups"}
        variables, groups = (facts.get("vars") or {}, facts.get("groups") or []) if known else (0, 0)
        if not isinstance(variables, dict) or not isinstance(groups, list):
            raise AggregatesError(
                "host_facts.%s has to be a dictionary with vars, a dictionary, and groups, a list" % host
            )
        found[host] = HostFacts(variables, frozenset(str(group) for group in groups))
    return found


def unreadable(error: AggregatesError) -> ProblemsError:
    """The error as a module reports it."""
    return ProblemsError(["%s." % str(error).rstrip(".")])


class ByRule:
    """The options ``rule`` and ``host_facts`` of a module.

    :raises ProblemsError: they cannot be read
    """

    def __init__(self, params: t.Mapping[str, t.Any]) -> None:
        self._rule = None
        try:
            self._facts = host_facts(params["host_facts"])
            if params["rule"] is not None:
                self._rule = declarations.parse_rule(params["rule"])
        except AggregatesError as error:
            raise unreadable(error) from None

    def hosts(self, cloud: Cloud, gone: c.Set[str] = frozenset()) -> list[str] | None:
        """The compute hosts that the rule holds for, of those that the facts name or else of all; None without a rule.

        :param gone: traits that Placement need not know any more
        :raises CloudError: the cloud cannot be read
        """
        if self._rule is None:
            return None
        declaration = Declaration((DeclaredAggregate("rule", rule=self._rule),))
        facts = self._facts or {}
        there = HostReader(cloud, declaration, facts, gone).read()
        domain = {name: host for name, host in there.items() if self._facts is None or name in facts}
        return sorted(rules.hosts_of(self._rule, domain, facts))
