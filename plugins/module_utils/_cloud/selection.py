# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Which compute hosts and resource providers the options of a module mean.

The options are those of the documentation fragment scaleout.nova.providers: ``hosts``, ``aggregates``, ``rule`` and
``providers`` add to each other, ``required_traits`` and ``forbidden_traits`` choose among what they give. An option
that is not there is None. An empty list means nothing at all, and never everything. Rules are read in hosts.py.
"""

from __future__ import annotations

import dataclasses
import fnmatch
import typing as t

from .errors import CloudError, near
from .nova import Hypervisor, Nova
from .placement import Placement, ProviderRow

ARGUMENTS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    name: {"type": "list", "elements": "str"}
    for name in ("hosts", "aggregates", "providers", "required_traits", "forbidden_traits")
}
#: at least one of these has to say what is meant
REQUIRED_ONE_OF = [("hosts", "aggregates", "rule", "providers", "required_traits")]

Names = t.Optional[t.Sequence[str]]  # noqa: UP045


class ProblemsError(CloudError):
    """All that stands against a plan, before anything has been changed."""

    def __init__(self, problems: t.Sequence[str], limit: int = 20) -> None:
        more = len(problems) - limit
        super().__init__(" ".join(problems[:limit]) + (" There are %d more problems." % more if more > 0 else ""))


@dataclasses.dataclass(frozen=True)
class Options:
    """What the operator wrote.

    :param by_rule: the compute hosts that the rule holds for
    """

    hosts: Names = None
    aggregates: Names = None
    providers: Names = None
    required_traits: Names = None
    forbidden_traits: Names = None
    by_rule: Names = None

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any], by_rule: Names = None) -> Options:
        """Out of a module's parameters."""
        return cls(**{name: params.get(name) for name in ARGUMENTS}, by_rule=by_rule)


@dataclasses.dataclass(frozen=True)
class Target:
    """A resource provider that is meant. ``compute_node`` is the name of the compute node in whose tree it is, None
    for one that nova-compute has nothing to do with."""

    uuid: str
    name: str
    compute_node: str | None = None

    @property
    def is_compute_node(self) -> bool:
        """Whether it is the root of the tree, which nova-compute itself makes."""
        return self.name == self.compute_node


def choose(patterns: t.Iterable[str], known: t.Collection[str], what: str) -> tuple[list[str], list[str]]:
    """The known names that these names and globs mean, in the order of the known ones; and what means nothing.

    :param what: for the message, as in "compute host"
    """
    found: set[str] = set()
    problems = []
    for pattern in patterns:
        if pattern in known:
            found.add(pattern)
        elif is_glob(pattern):
            matched = fnmatch.filter(known, pattern)
            found.update(matched)
            if not matched:
                problems.append("No %s matches '%s'." % (what, pattern))
        else:
            problems.append("There is no %s '%s'%s." % (what, pattern, near(pattern, known)))
    return [name for name in known if name in found], problems


def is_glob(pattern: str) -> bool:
    """Whether it may mean more than one name."""
    return any(sign in pattern for sign in "*?[")


def choose_hosts(
    hosts: Names,
    aggregates: Names,
    known: t.Collection[str],
    members: t.Mapping[str, t.Collection[str]],
    by_rule: Names = None,
) -> tuple[list[str], list[str]]:
    """The compute hosts that the options mean, sorted; and what means nothing.

    :param known: the compute hosts that there are
    :param members: host aggregate -> its hosts
    :param by_rule: hosts that a rule holds for; those that are not known are passed over
    """
    found, problems = choose(hosts or (), known, "compute host")
    names, unknown = choose(aggregates or (), members, "host aggregate")
    grouped = {host for name in names for host in members[name]}
    strange = sorted(grouped - set(known))
    problems += unknown + ["The host '%s' of an aggregate is no compute host." % host for host in strange]
    return sorted({*found, *grouped, *(by_rule or ())}.intersection(known)), problems


def aggregate_members(nova: Nova, aggregates: Names) -> dict[str, list[str]]:
    """Host aggregate -> its hosts. Nova is only asked where the option names some."""
    if not aggregates:
        return {}
    return {each["name"]: list(each.get("hosts") or ()) for each in nova.aggregates()}


def choose_providers(nova: Nova, placement: Placement, options: Options) -> list[Target]:
    """The resource providers that the options mean, sorted by name. Takes two calls, and one more for aggregates and
    for traits where they are asked for.

    :raises ProblemsError: something in the options means nothing
    """
    rows = placement.providers()
    nodes = nova.hypervisors()
    chosen, problems = _named(nova, rows, nodes, options)
    problems += _untold(placement, options)
    if problems:
        raise ProblemsError(problems)
    if options.required_traits or options.forbidden_traits:
        chosen &= with_traits(placement, options.required_traits or (), options.forbidden_traits or ())
    of_tree = _compute_nodes(rows, nodes)
    return sorted((Target(uuid, rows[uuid].name, of_tree.get(uuid)) for uuid in chosen), key=lambda target: target.name)


def with_traits(placement: Placement, required: t.Iterable[str], forbidden: t.Iterable[str] = ()) -> set[str]:
    """UUIDs of the providers that have all these traits themselves, and none of those. Placement has to know them."""
    terms = [*required, *("!" + name for name in forbidden)]
    path = "/resource_providers"
    rows = placement.part(path, "resource_providers", params={"required": ",".join(terms)})
    return {row["uuid"] for row in rows}


def known_traits(placement: Placement, query: str | None = None, **params: str) -> list[str]:
    """The traits that Placement knows: all, or those of a query such as ``in:A,B`` or ``startswith:CUSTOM_``."""
    if query:
        params["name"] = query
    return list(placement.part("/traits", "traits", params=params))


def _named(
    nova: Nova,
    rows: t.Mapping[str, ProviderRow],
    nodes: t.Mapping[str, t.Sequence[Hypervisor]],
    options: Options,
) -> tuple[set[str], list[str]]:
    """UUIDs of what hosts, aggregates, rule and providers mean, of all providers where none of these is given."""
    if all(each is None for each in (options.hosts, options.aggregates, options.providers, options.by_rule)):
        return set(rows), []
    members = aggregate_members(nova, options.aggregates)
    hosts, problems = choose_hosts(options.hosts, options.aggregates, sorted(nodes), members, options.by_rule)
    chosen = {node.id for host in hosts for node in nodes[host]}
    homeless = sorted(node.hostname for host in hosts for node in nodes[host] if node.id not in rows)
    problems += ["The compute node '%s' has no resource provider." % name for name in homeless]
    by_name = {row.name: row.uuid for row in rows.values()}
    by_name.update((uuid, uuid) for uuid in options.providers or () if uuid in rows)
    names, unknown = choose(options.providers or (), by_name, "resource provider")
    return chosen | {by_name[name] for name in names}, problems + unknown


def _untold(placement: Placement, options: Options) -> list[str]:
    """Traits to choose by that Placement does not know."""
    wanted = {*(options.required_traits or ()), *(options.forbidden_traits or ())}
    if not wanted:
        return []
    unknown = wanted.difference(known_traits(placement, "in:" + ",".join(sorted(wanted))))
    return unknown_traits(placement, unknown)


def unknown_traits(placement: Placement, unknown: t.Iterable[str]) -> list[str]:
    """What is to be said of traits that Placement does not know; it is only asked when there are any."""
    names = sorted(unknown)
    every = known_traits(placement) if names else []
    return ["Placement knows no trait '%s'%s." % (name, near(name, every)) for name in names]


def _compute_nodes(rows: t.Mapping[str, ProviderRow], nodes: t.Mapping[str, t.Sequence[Hypervisor]]) -> dict[str, str]:
    """UUID of every provider in the tree of a compute node -> name of that node."""
    found = {node.id: node.hostname for each in nodes.values() for node in each}

    def node_of(row: ProviderRow) -> str | None:
        parent = rows.get(row.parent) if row.parent else None
        if row.uuid not in found and parent is not None:
            above = node_of(parent)
            if above is not None:
                found[row.uuid] = above
        return found.get(row.uuid)

    for row in rows.values():
        node_of(row)
    return found
