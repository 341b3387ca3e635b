# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a declaration names, so that nothing else has to be looked up of the hosts."""

from __future__ import annotations

import collections.abc as c

from .._capacity.errors import near
from .model import Declaration, Facts, Rule


def variables(declaration: Declaration) -> frozenset[str]:
    """Inventory variables that rules and goals are about."""
    goals = [each.goal for each in declaration.aggregates if each.goal is not None]
    return frozenset(
        [
            *(name for rule in _rules(declaration) for name, _wanted in rule.vars),
            *(goal.spread for goal in goals if goal.spread is not None),
            *(name for goal in goals for name, _count in goal.distinct),
        ]
    )


def traits(declaration: Declaration) -> frozenset[str]:
    """Traits that rules are about, or that members have to have."""
    return traits_of_rules(declaration).union(*(each.traits for each in declaration.aggregates))


def traits_of_rules(declaration: Declaration) -> frozenset[str]:
    """Traits that rules are about."""
    return frozenset(trait for rule in _rules(declaration) for trait in rule.traits)


def classes_of_rules(declaration: Declaration) -> frozenset[str]:
    """Resource classes that rules are about."""
    return frozenset(name for rule in _rules(declaration) for name, _least in rule.inventory)


def doubts(declaration: Declaration, facts: Facts) -> list[str]:
    """Groups and variables of rules that no host has, in sentences: they may be mistyped, or have no hosts yet."""
    groups = frozenset(group for each in facts.values() for group in each.groups)
    names = frozenset(name for each in facts.values() for name in each.vars)
    wanted = frozenset(group for rule in _rules(declaration) for group in rule.groups or ())
    asked = frozenset(name for rule in _rules(declaration) for name, _values in rule.vars)
    groupless = ["the group %s, which no host is in%s" % (each, near(each, groups)) for each in sorted(wanted - groups)]
    unset = ["the variable %s, which no host has%s" % (each, near(each, names)) for each in sorted(asked - names)]
    return ["A rule names %s." % each for each in groupless + unset]


def _rules(declaration: Declaration) -> c.Iterator[Rule]:
    """All rules, those within rules too."""
    pending = [each.rule for each in declaration.aggregates] + [each.rule for each in declaration.exactly_one_of]
    while pending:
        rule = pending.pop()
        if rule is not None:
            yield rule
            pending += [*rule.all, *(rule.any or ()), rule.none]
