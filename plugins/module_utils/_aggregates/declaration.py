# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration of the values of YAML.

Every value is looked at, whatever its type; the first that is wrong is named with its path. An option of null is one
that is not given, except the zone, where it means none, and metadata, where it means no such key.
"""

from __future__ import annotations

import collections.abc as c
import datetime
import json
import re
import typing as t
import unicodedata
from fractions import Fraction

from .._capacity.errors import near
from .model import (
    AggregatesError,
    Declaration,
    DeclaredAggregate,
    ExactlyOneOf,
    Goal,
    Needs,
    RoomFor,
    Rule,
)

#: Longest name of an aggregate or a zone, key or value of metadata (nova/api/validation/parameter_types.py).
LONGEST = 255

_ZONE_KEY = "availability_zone"
_OWN_KEYS = "scaleout:"
_PERCENTAGE = re.compile(r"(\d+(?:\.\d+)?)\s*%")
_TRAIT = re.compile(r"[A-Z0-9_]+")
_KEY = re.compile(r"[a-zA-Z0-9_:. -]{1,%d}" % LONGEST)  # of metadata, as Nova takes it


def parse(data: c.Mapping[str, t.Any]) -> Declaration:
    """The declaration of ``{"aggregates": [...], "exactly_one_of": [...]}``.

    :raises AggregatesError: names the path of the first bad value: ``aggregates[2] (ssd).goal.share``
    """
    top = _Options("", data, ("aggregates", "exactly_one_of"))
    aggregates = tuple(
        _aggregate(_labelled("aggregates[%d]" % number, item), item)
        for number, item in enumerate(_list("aggregates", top.get("aggregates", [])))
    )
    names: dict[str, int] = {}
    for number, aggregate in enumerate(aggregates):
        if (first := names.setdefault(aggregate.name, number)) != number:
            raise _bad("aggregates[%d].name" % number, aggregate.name, "another name: aggregates[%d] has it" % first)
    groups = tuple(
        _exactly_one_of("exactly_one_of[%d]" % number, item, names)
        for number, item in enumerate(_list("exactly_one_of", top.get("exactly_one_of", [])))
    )
    return Declaration(aggregates, groups)


def parse_rule(data: t.Any) -> Rule:
    """A rule by itself.

    :raises AggregatesError: names the path of the first bad value, from ``rule`` on
    """
    return _rule("rule", data)


def needs(declaration: Declaration) -> Needs:
    """What has to be read of the hosts."""
    aggregates = declaration.aggregates
    tops = [*(each.rule for each in aggregates), *(each.rule for each in declaration.exactly_one_of)]
    rules = [rule for top in tops if top is not None for rule in _below(top)]
    return Needs(
        traits=any(each.traits for each in aggregates) or any(rule.traits for rule in rules),
        inventory=any(each.resources for each in aggregates) or any(rule.inventory for rule in rules),
        hypervisor_type=any(rule.hypervisor_type is not None for rule in rules),
        cell=any(rule.cell is not None for rule in rules),
        snapshot=any(each.goal is not None and each.goal.room_for is not None for each in aggregates),
    )


def text(value: t.Any) -> str | None:
    """A value of YAML as the API has it: ``true`` for a boolean, ``1`` for a number; None if it is no single value."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, datetime.date):
        return value.isoformat()  # as Ansible hands it to a module
    return str(value) if isinstance(value, (str, int, float)) else None


def _below(rule: Rule) -> c.Iterator[Rule]:
    """The rule and all that it is made of."""
    yield rule
    for part in [*rule.all, *(rule.any or ()), *([rule.none] if rule.none is not None else [])]:
        yield from _below(part)


# ---- values


def _bad(path: str, value: t.Any, wanted: str) -> AggregatesError:
    shown = json.dumps(value, default=str)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return AggregatesError("%s is %s: it must be %s" % (path or "the declaration", shown, wanted))


class _Options:
    """A dictionary of options, of which null means not given."""

    def __init__(self, path: str, value: t.Any, keys: c.Collection[str]) -> None:
        if not isinstance(value, c.Mapping):
            raise _bad(path, value, "a dictionary of options")
        for key in value:
            if key not in keys:
                raise AggregatesError(
                    "%s is no option%s: there are %s"
                    % (_under(path, str(key)), near(str(key), keys), ", ".join(sorted(keys)))
                )
        self.path = path
        self.values = value

    def get(self, key: str, default: t.Any = None) -> t.Any:
        """The value, the default where it is not given."""
        value = self.values.get(key)
        return default if value is None else value

    def read(self, key: str, reader: c.Callable[[str, t.Any], t.Any], default: t.Any = None) -> t.Any:
        """What the reader makes of the value, the default where it is not given."""
        value = self.values.get(key)
        return default if value is None else reader(_under(self.path, key), value)


def _under(path: str, key: str) -> str:
    return "%s.%s" % (path, key) if path else key


def _labelled(path: str, item: t.Any) -> str:
    """The path with the name of the aggregate, where there is one."""
    name = item.get("name") if isinstance(item, c.Mapping) else None
    return "%s (%s)" % (path, name) if isinstance(name, str) and name else path


def _list(path: str, value: t.Any) -> list[t.Any]:
    if not isinstance(value, (list, tuple)):
        raise _bad(path, value, "a list")
    return list(value)


def _is_printable(sign: str) -> bool:
    """As Nova has it: blanks of other scripts, which Python does not count, are printable as well."""
    return sign.isprintable() or unicodedata.category(sign) == "Zs"


def _name(path: str, value: t.Any) -> str:
    """A name that Nova takes."""
    if not isinstance(value, str) or not value:
        raise _bad(path, value, "a text that is not empty; put a number or true in quotes")
    if value != value.strip() or len(value) > LONGEST or not all(map(_is_printable, value)):
        raise _bad(path, value, "a text of %d printable characters at most with no blank at its ends" % LONGEST)
    return str(value)


def _names(path: str, value: t.Any) -> tuple[str, ...]:
    """A list of different names."""
    names: dict[str, int] = {}
    for number, item in enumerate(_list(path, value)):
        name = _name("%s[%d]" % (path, number), item)
        if (first := names.setdefault(name, number)) != number:
            raise _bad("%s[%d]" % (path, number), name, "named once, and [%d] is it already" % first)
    return tuple(names)


def _name_or_names(path: str, value: t.Any) -> tuple[str, ...]:
    return (_name(path, value),) if isinstance(value, str) else _names(path, value)


def _zone(path: str, value: t.Any) -> str | None:
    """An availability zone; Nova has no colon in them, as it divides zone, host and node."""
    if value is None:
        return None
    zone = _name(path, value)
    if ":" in zone:
        raise _bad(path, value, "a name without a colon, which Nova takes for the host in that zone")
    return zone


def _flag(path: str, value: t.Any) -> bool:
    if not isinstance(value, bool):
        raise _bad(path, value, "true or false")
    return value


def _number(least: int) -> c.Callable[[str, t.Any], int]:
    def read(path: str, value: t.Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or value < least:
            raise _bad(path, value, "a whole number, %d or more" % least)
        return value

    return read


def _numbers(least: int) -> c.Callable[[str, t.Any], dict[str, int]]:
    def read(path: str, value: t.Any) -> dict[str, int]:
        if not isinstance(value, c.Mapping):
            raise _bad(path, value, "a dictionary of numbers")
        number = _number(least)
        return {_name(path, key): number(_under(path, str(key)), amount) for key, amount in value.items()}

    return read


def _traits(path: str, value: t.Any) -> tuple[str, ...]:
    names = _names(path, value)
    for number, name in enumerate(names):
        if not _TRAIT.fullmatch(name):
            raise _bad("%s[%d]" % (path, number), name, "a trait, of capital letters, digits and underscores")
    return names


def _one_word(*words: str) -> c.Callable[[str, t.Any], str]:
    def read(path: str, value: t.Any) -> str:
        if value not in words:
            raise _bad(path, value, " or ".join(words))
        return str(value)

    return read


# ---- aggregates

_AGGREGATE = (
    "name",
    "zone",
    "metadata",
    "metadata_exact",
    "traits",
    "isolate",
    "resources",
    "images",
    "extra_hosts",
    "hosts",
    "rule",
    "goal",
    "apart_from",
)


def _aggregate(path: str, item: t.Any) -> DeclaredAggregate:
    options = _Options(path, item, _AGGREGATE)
    aggregate = DeclaredAggregate(
        name=_name(_under(path, "name"), options.values.get("name")),
        zone=_zone(_under(path, "zone"), options.values.get("zone")),
        sets_zone="zone" in options.values,
        metadata=options.read("metadata", _metadata, {}),
        metadata_exact=options.read("metadata_exact", _flag, False),
        traits=options.read("traits", _traits, ()),
        isolate=options.read("isolate", _flag, False),
        resources=options.read("resources", _numbers(0), {}),
        images=options.read("images", _names),
        remove_extra_hosts=options.read("extra_hosts", _one_word("keep", "remove"), "keep") == "remove",
        hosts=options.read("hosts", _names),
        rule=options.read("rule", _rule),
        goal=options.read("goal", _goal),
        apart_from=options.read("apart_from", _name_or_names, ()),
    )
    if aggregate.hosts is not None and (aggregate.rule is not None or aggregate.goal is not None):
        raise AggregatesError("%s has hosts as well as a rule or a goal: it must have one of them" % path)
    if aggregate.isolate and not aggregate.traits:
        raise AggregatesError("%s.isolate is true, which needs traits that servers have to ask for" % path)
    if aggregate.name in aggregate.apart_from:
        raise _bad("%s.apart_from" % path, aggregate.name, "another aggregate")
    return aggregate


def _metadata(path: str, value: t.Any) -> dict[str, str | None]:
    """Metadata as the API's strings."""
    if not isinstance(value, c.Mapping):
        raise _bad(path, value, "a dictionary")
    found: dict[str, str | None] = {}
    for key, given in value.items():
        name = text(key)
        if not name or not _KEY.fullmatch(name):
            raise _bad("%s: the key" % path, key, "1 to %d of a-z, A-Z, digits, and - _ : . blank" % LONGEST)
        if name == _ZONE_KEY:
            raise AggregatesError("%s.%s is set with the option zone, not with metadata" % (path, name))
        if name.startswith(_OWN_KEYS):
            raise AggregatesError("%s.%s is a key that this collection keeps for itself" % (path, name))
        found[name] = None if given is None else text(given)
        if given is not None and (found[name] is None or len(found[name] or "") > LONGEST):
            raise _bad(_under(path, name), given, "a text, a number, true, false or null, of %d characters" % LONGEST)
    return found


def _exactly_one_of(path: str, item: t.Any, known: c.Collection[str]) -> ExactlyOneOf:
    """A list of aggregates, or a dictionary with the list and a rule for the hosts."""
    rule = None
    names_path = path
    if isinstance(item, c.Mapping):
        options = _Options(path, item, ("aggregates", "rule"))
        item = options.get("aggregates", [])
        rule = options.read("rule", _rule)
        names_path = _under(path, "aggregates")
    names = _names(names_path, item)
    if not names:
        raise _bad(names_path, item, "a list of one aggregate at least")
    for number, name in enumerate(names):
        if name not in known:
            raise AggregatesError(
                "%s[%d] is %r, which is not among the declared aggregates%s"
                % (names_path, number, name, near(name, known))
            )
    return ExactlyOneOf(names, rule)


# ---- rules and goals

_RULE = ("all", "any", "not", "name", "groups", "vars", "traits", "inventory", "hypervisor_type", "cell", "service")


def _rule(path: str, item: t.Any) -> Rule:
    options = _Options(path, item, _RULE)
    return Rule(
        all=options.read("all", _rules, ()),
        any=options.read("any", _rules),
        none=options.read("not", _rule),
        name=options.read("name", _name_or_names),
        groups=options.read("groups", _name_or_names),
        vars=options.read("vars", _variables, ()),
        traits=options.read("traits", _traits, ()),
        inventory=tuple(sorted(options.read("inventory", _numbers(0), {}).items())),
        hypervisor_type=options.read("hypervisor_type", _name_or_names),
        cell=options.read("cell", _name_or_names),
        service=options.read("service", _one_word("up", "down")),
    )


def _rules(path: str, value: t.Any) -> tuple[Rule, ...]:
    return tuple(_rule("%s[%d]" % (path, number), item) for number, item in enumerate(_list(path, value)))


def _variables(path: str, value: t.Any) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """Texts by variable."""
    if not isinstance(value, c.Mapping):
        raise _bad(path, value, "a dictionary of variables")
    found = []
    for key, wanted in value.items():
        name = _name(path, key)
        texts = [text(each) for each in (wanted if isinstance(wanted, (list, tuple)) else [wanted])]
        if any(each is None for each in texts):
            raise _bad(_under(path, name), wanted, "a text, a number, true or false, or a list of them")
        found.append((name, tuple(each for each in texts if each is not None)))
    return tuple(sorted(found))


_GOAL = ("share", "count", "at_least", "at_most", "spread", "distinct", "room_for")


def _goal(path: str, item: t.Any) -> Goal:
    options = _Options(path, item, _GOAL)
    goal = Goal(
        share=options.read("share", _share),
        count=options.read("count", _number(0)),
        at_least=options.read("at_least", _number(0)),
        at_most=options.read("at_most", _number(0)),
        spread=options.read("spread", _name),
        distinct=tuple(sorted(options.read("distinct", _numbers(1), {}).items())),
        room_for=options.read("room_for", _room_for),
    )
    if goal == Goal():
        raise _bad(path, item, "a goal with at least one of %s" % ", ".join(_GOAL))
    return goal


def _share(path: str, value: t.Any) -> Fraction:
    """A share of hosts from a percentage."""
    match = _PERCENTAGE.fullmatch(value.strip()) if isinstance(value, str) else None
    share = Fraction(match[1]) / 100 if match else Fraction(0)
    if not 0 < share <= 1:
        raise _bad(path, value, "a percentage above 0% and up to 100%, as 20%")
    return share


def _room_for(path: str, item: t.Any) -> RoomFor:
    options = _Options(path, item, ("flavor", "count", "failures"))
    for key in ("flavor", "count"):
        if options.get(key) is None:
            raise AggregatesError("%s is missing" % _under(path, key))
    return RoomFor(
        flavor=options.read("flavor", _name),
        count=options.read("count", _number(1)),
        failures=options.read("failures", _number(0), 0),
    )
