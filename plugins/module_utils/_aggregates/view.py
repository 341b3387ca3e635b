# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A declaration next to the cloud that it is about: what is there, what may be moved, which hosts a rule is about."""

from __future__ import annotations

import collections
import collections.abc as c
import functools

from .._capacity.errors import near
from .._capacity.model import Aggregate
from .model import IMAGES_KEY, OWNER_KEY, Declaration, DeclaredAggregate, Facts, Observed, Rule
from .rules import hosts_of

_OWN_KEYS = "scaleout:"


class View:
    """The declaration and the cloud.

    :ivar declared: by name
    :ivar there: aggregates of the cloud by name
    :ivar purged: names of aggregates that are deleted
    :ivar domain: hosts that rules and goals are about: those that the facts name, or all of the cloud
    :ivar scope: hosts that may be moved
    :ivar problems: what is wrong with names
    """

    def __init__(
        self,
        declaration: Declaration,
        observed: Observed,
        facts: Facts | None,
        scope: c.Iterable[str] | None,
        purge: bool,
        owner: str,
    ) -> None:
        self.declaration = declaration
        self.observed = observed
        self.facts = facts or {}
        self.owner = owner
        self.problems: list[str] = []
        self.declared = {each.name: each for each in declaration.aggregates}
        self.there = {each.name: each for each in observed.aggregates}
        named = observed.hosts.keys() & facts.keys() if facts is not None else observed.hosts.keys()
        self.scope = frozenset(named if scope is None else self._known("the scope", scope))
        self.domain = self.scope | named
        self.purged, self.kept_whole = self._purge(purge)
        self._rules: dict[Rule | None, frozenset[str]] = {}
        for each in declaration.aggregates:
            for name in each.apart_from:
                if name not in self.declared and name not in self.there:
                    names = [*self.declared, *self.there]
                    self.problems.append(
                        "Aggregate %s is to be apart from %s, which there is not%s."
                        % (each.name, name, near(name, names))
                    )

    def _known(self, where: str, names: c.Iterable[str]) -> list[str]:
        """The names of hosts that there are; the others become a problem."""
        hosts = self.observed.hosts
        names = list(names)
        unknown = sorted(name for name in names if name not in hosts)
        if unknown:
            shown = ["%s%s" % (name, near(name, hosts)) for name in unknown[:5]]
            more = ["and %d more" % (len(unknown) - 5)] if len(unknown) > 5 else []
            self.problems.append(
                "%s names compute hosts that the cloud does not have: %s."
                % (where[:1].upper() + where[1:], ", ".join(shown + more))
            )
        return [name for name in names if name in hosts]

    def _purge(self, purge: bool) -> tuple[frozenset[str], list[str]]:
        """Aggregates to delete: our own that are not declared; and those of them that hosts out of scope are in."""
        own = [
            each
            for each in self.observed.aggregates
            if purge and each.metadata.get(OWNER_KEY) == self.owner and each.name not in self.declared
        ]
        held = [each.name for each in own if not self.scope.issuperset(each.hosts)]
        return frozenset(each.name for each in own) - frozenset(held), held

    @property
    def managed(self) -> list[str]:
        """Names of aggregates that the plan is about: declared ones, in order, and those that are deleted."""
        return [*self.declared, *sorted(self.purged)]

    @functools.cached_property
    def members(self) -> dict[str, frozenset[str]]:
        """The hosts of each aggregate now; of a declared one that is not there yet, none."""
        found = {name: frozenset[str]() for name in self.declared}
        found.update((name, frozenset(each.hosts)) for name, each in self.there.items())
        return found

    @functools.cached_property
    def aggregates_of(self) -> dict[str, list[str]]:
        """The aggregates that each host is in now."""
        found: dict[str, list[str]] = collections.defaultdict(list)
        for name in sorted(self.there):
            for host in self.there[name].hosts:
                found[host].append(name)
        return found

    def zone_now(self, name: str) -> str | None:
        """The availability zone of an aggregate as it is."""
        return self.there[name].zone if name in self.there else None

    @functools.cached_property
    def zones(self) -> dict[str, str]:
        """The availability zones as they will be, by aggregate, of those that have one."""
        zones = {name: each.zone for name, each in self.there.items()}
        zones.update((name, each.zone) for name, each in self.declared.items() if each.sets_zone)
        return {name: zone for name, zone in zones.items() if zone and name not in self.purged}

    def hosts_of(self, rule: Rule | None) -> frozenset[str]:
        """The hosts of the domain that the rule holds for."""
        if rule not in self._rules:
            hosts = {name: self.observed.hosts[name] for name in sorted(self.domain)}
            self._rules[rule] = hosts_of(rule, hosts, self.facts)
        return self._rules[rule]

    @functools.cached_property
    def selected(self) -> dict[str, frozenset[str]]:
        """Hosts by aggregate, of those that have a list, or a rule and no goal."""
        found = {}
        for name, each in self.declared.items():
            if each.hosts is not None:
                found[name] = frozenset(self._known("the list of hosts of aggregate %s" % name, each.hosts))
            elif each.rule is not None and each.goal is None:
                found[name] = self.hosts_of(each.rule)
        return found

    @functools.cached_property
    def apart(self) -> dict[str, frozenset[str]]:
        """By aggregate, those that it has no host in common with because the declaration says so, both ways."""
        found: dict[str, set[str]] = collections.defaultdict(set)
        for name, each in self.declared.items():
            for other in each.apart_from:
                found[name].add(other)
                found[other].add(name)
        return {name: frozenset(others - self.purged) for name, others in found.items()}

    def excludes(self, first: str, second: str) -> bool:
        """Whether no host can be in both: they are in different zones, or apart."""
        zone, other = self.zones.get(first), self.zones.get(second)
        return bool(zone and other and zone != other) or second in self.apart.get(first, ())

    def lacks(self, each: DeclaredAggregate, host: str) -> list[str]:
        """What a host does not have of what every member must have, in words."""
        there = self.observed.hosts[host]
        missing = [trait for trait in each.traits if trait not in there.traits]
        missing += [
            "%s %d (has %d)" % (name, least, there.inventory.get(name, 0))
            for name, least in sorted(each.resources.items())
            if there.inventory.get(name, 0) < least
        ]
        return missing

    def metadata(self, name: str) -> dict[str, str]:
        """The metadata of a declared aggregate as it will be, but for what is remembered of images."""
        each = self.declared[name]
        there = self.there.get(name)
        found = dict(there.metadata) if there is not None else {OWNER_KEY: self.owner}
        wanted: dict[str, str | None] = dict(each.metadata)
        if each.isolate:
            wanted.update(("trait:%s" % trait, "required") for trait in each.traits)
        if each.metadata_exact:
            found = {key: value for key, value in found.items() if key in wanted or key.startswith(_OWN_KEYS)}
        for key, value in wanted.items():
            if value is None:
                found.pop(key, None)
            else:
                found[key] = value
        if each.images is not None and not each.images:
            found.pop(IMAGES_KEY, None)
        return found

    def picture(self, members: c.Mapping[str, c.Collection[str]]) -> list[Aggregate]:
        """All aggregates as they will be, with these hosts; the others with those that they have."""
        found = []
        number = max((each.id for each in self.observed.aggregates), default=0)
        for name in sorted({*self.there, *self.declared} - self.purged):
            there = self.there.get(name)
            if there is None:
                number += 1
            found.append(
                Aggregate(
                    id=number if there is None else there.id,
                    uuid="planned: %s" % name if there is None else there.uuid,
                    name=name,
                    zone=self.zones.get(name),
                    metadata=self.metadata(name) if name in self.declared else there.metadata if there else {},
                    hosts=tuple(sorted(members.get(name, self.members[name]))),
                )
            )
        return found
