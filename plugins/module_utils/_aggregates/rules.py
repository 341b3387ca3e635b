# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The hosts of a rule."""

from __future__ import annotations

import collections.abc as c
import fnmatch
import re
import typing as t

from .declaration import text
from .model import Facts, HostFacts, ObservedHost, Rule

NO_FACTS = HostFacts()

_Test = c.Callable[[ObservedHost, HostFacts], bool]


def hosts_of(rule: Rule | None, hosts: c.Mapping[str, ObservedHost], facts: Facts) -> frozenset[str]:
    """The names of the hosts that the rule holds for; of all hosts, if there is no rule."""
    if rule is None:
        return frozenset(hosts)
    holds = _test(rule)
    return frozenset(name for name, host in hosts.items() if holds(host, facts.get(name, NO_FACTS)))


def variable(facts: HostFacts, name: str) -> str | None:
    """The value of an inventory variable as text; None if there is none, or it is no single value."""
    return text(facts.vars.get(name))


def _test(rule: Rule) -> _Test:
    """The rule as one function; the cheap conditions first."""
    tests = list(_tests(rule))
    if len(tests) == 1:
        return tests[0]
    return lambda host, facts: all(test(host, facts) for test in tests)


def _tests(rule: Rule) -> c.Iterator[_Test]:
    if rule.service is not None:
        up = rule.service == "up"
        yield lambda host, facts: host.up == up
    if rule.hypervisor_type is not None:
        types = frozenset(rule.hypervisor_type)
        yield lambda host, facts: host.hypervisor_type in types
    if rule.cell is not None:
        cells = frozenset(rule.cell)
        yield lambda host, facts: host.cell in cells
    if rule.groups is not None:
        groups = frozenset(rule.groups)
        yield lambda host, facts: not groups.isdisjoint(facts.groups)
    if rule.traits:
        traits = frozenset(rule.traits)
        yield lambda host, facts: traits <= host.traits
    for name, wanted in rule.vars:
        yield _has_variable(name, frozenset(wanted))
    for name, least in rule.inventory:
        yield _has_inventory(name, least)
    if rule.name is not None:
        pattern = re.compile("|".join(fnmatch.translate(each) for each in rule.name))
        yield lambda host, facts: pattern.match(host.name) is not None
    for part in rule.all:
        yield _test(part)
    if rule.any is not None:
        tests = [_test(part) for part in rule.any]
        yield lambda host, facts: any(test(host, facts) for test in tests)
    if rule.none is not None:
        unwanted = _test(rule.none)
        yield lambda host, facts: not unwanted(host, facts)


def _has_variable(name: str, wanted: frozenset[str]) -> _Test:
    """A variable has one of the values; if it is a list, one of its items."""

    def test(_host: ObservedHost, facts: HostFacts) -> bool:
        value: t.Any = facts.vars.get(name)
        if isinstance(value, (list, tuple)):
            return any(text(item) in wanted for item in value)
        return text(value) in wanted

    return test


def _has_inventory(name: str, least: int) -> _Test:
    return lambda host, facts: host.inventory.get(name, 0) >= least
