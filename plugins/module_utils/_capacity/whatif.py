# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What-if: a snapshot with changes made to it. The snapshot that is given stays as it is, and no cloud is touched."""

from __future__ import annotations

import collections.abc as c
import dataclasses
import math
import typing as t

from .errors import QuestionError, UnknownNameError
from .inventory import capacity
from .model import Aggregate, Inventory, Provider, Snapshot
from .request import STATUS_DISABLED
from .rules import need

#: ``[DEFAULT] default_availability_zone`` of an untouched nova.conf: the zone of hosts that no aggregate gives one
DEFAULT_ZONE = "nova"


@dataclasses.dataclass(frozen=True, slots=True)
class MoreHosts:
    """Empty hosts like one that there is.

    :param like: its name
    :param zone: another availability zone than that of the host; its aggregates with a zone are then left out
    """

    like: str
    count: int = 1
    zone: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class Ratio:
    """Another allocation ratio of a resource class, on these hosts and those of that aggregate; on all by default."""

    resource_class: str
    allocation_ratio: float
    hosts: tuple[str, ...] | None = None
    aggregate: str | None = None


@dataclasses.dataclass(frozen=True, slots=True)
class ChangedAggregate:
    """A host aggregate, there already or new, and what is different about it.

    :param new: it is not there yet
    :param zone: its availability zone; None for no change, "" for none
    :param metadata: keys to set; those of None are removed
    """

    name: str
    new: bool = False
    add_hosts: tuple[str, ...] = ()
    remove_hosts: tuple[str, ...] = ()
    zone: str | None = None
    metadata: t.Mapping[str, str | None] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True, slots=True)
class Changes:
    """What is different. They are made in this order."""

    remove_hosts: tuple[str, ...] = ()
    disable_hosts: tuple[str, ...] = ()
    enable_hosts: tuple[str, ...] = ()
    ratios: tuple[Ratio, ...] = ()
    aggregates: tuple[ChangedAggregate, ...] = ()
    add_hosts: tuple[MoreHosts, ...] = ()


def changed(snapshot: Snapshot, changes: Changes) -> Snapshot:
    """The snapshot with the changes made.

    :raises UnknownNameError: a host, aggregate or resource class that there is not
    :raises QuestionError: the snapshot has not what a change needs, or Nova would refuse it
    """
    draft = _Draft(snapshot)
    draft.remove(changes.remove_hosts)
    draft.enable(changes.disable_hosts, False)
    draft.enable(changes.enable_hosts, True)
    for ratio in changes.ratios:
        draft.ratio(ratio)
    for aggregate in changes.aggregates:
        draft.aggregate(aggregate)
    for more in changes.add_hosts:
        draft.add(more)
    return draft.snapshot()


class _Draft:
    """A snapshot that is being changed. Records are replaced, never altered, since the given snapshot has them too."""

    def __init__(self, snapshot: Snapshot) -> None:
        need(snapshot, "providers", "a what-if")
        need(snapshot, "hosts", "a what-if")
        self._given = snapshot
        self.hosts = list(snapshot.hosts)
        self.providers = {provider.uuid: provider for provider in snapshot.providers}
        self.aggregates = list(snapshot.aggregates)
        self.removed: set[str] = set()
        self._mirrored = any(provider.aggregates for provider in snapshot.providers)

    def snapshot(self) -> Snapshot:
        """What has become of it. The servers of removed hosts are gone with them."""
        servers = self._given.servers
        if self.removed:
            servers = [server for server in servers if server.host not in self.removed]
        return dataclasses.replace(
            self._given,
            providers=list(self.providers.values()),
            hosts=self.hosts,
            aggregates=self.aggregates,
            servers=servers,
        )

    def remove(self, names: c.Iterable[str]) -> None:
        """Take hosts away with their provider trees."""
        gone = set(self._known(names))
        roots = {host.provider for host in self.hosts if host.name in gone}
        for uuid in [uuid for uuid in self.providers if self._root(uuid) in roots]:
            del self.providers[uuid]
        self.hosts = [host for host in self.hosts if host.name not in gone]
        self.aggregates = [
            dataclasses.replace(aggregate, hosts=tuple(name for name in aggregate.hosts if name not in gone))
            for aggregate in self.aggregates
        ]
        self.removed |= gone

    def enable(self, names: c.Iterable[str], enabled: bool) -> None:
        """Enable or disable the services of hosts; those that are down stay down."""
        chosen = set(self._known(names))
        for number, host in enumerate(self.hosts):
            if host.name not in chosen:
                continue
            status = "enabled" if enabled else "disabled"
            self.hosts[number] = dataclasses.replace(host, status=status, disabled_reason="")
            provider = self.providers.get(host.provider or "")
            if enabled and provider is not None:
                self.providers[provider.uuid] = dataclasses.replace(
                    provider, traits=provider.traits - {STATUS_DISABLED}
                )

    def ratio(self, change: Ratio) -> None:
        """Give the inventories of a class another ratio, in all the tree of each host."""
        if not (math.isfinite(change.allocation_ratio) and change.allocation_ratio > 0):
            raise QuestionError("an allocation ratio is a number above 0, not %r" % change.allocation_ratio)
        chosen = self._chosen(change)
        roots = {host.provider: host.name for host in self.hosts if host.name in chosen}
        found = False
        for uuid, provider in self.providers.items():
            name = roots.get(self._root(uuid))
            inventory = provider.inventories.get(change.resource_class)
            if name is None or inventory is None:
                continue
            found = True
            inventories = {
                **provider.inventories,
                change.resource_class: _with_ratio(inventory, change, name),
            }
            self.providers[uuid] = dataclasses.replace(provider, inventories=inventories)
        if not found:
            classes = {name for provider in self.providers.values() for name in provider.inventories}
            if change.resource_class not in classes:
                raise UnknownNameError("resource class", change.resource_class, classes)
            raise QuestionError("none of the hosts whose ratio is to change has %s" % change.resource_class)

    def _chosen(self, change: Ratio) -> set[str]:
        if change.hosts is None and change.aggregate is None:
            return {host.name for host in self.hosts}
        chosen = set(self._known(change.hosts or ()))
        if change.aggregate is not None:
            chosen |= set(self.aggregates[self._aggregate(change.aggregate)].hosts)
        return chosen

    def aggregate(self, change: ChangedAggregate) -> None:
        """Make or change an aggregate, as Nova does with its mirror in Placement.

        :raises QuestionError: a host would be in two zones, which Nova refuses
        """
        if change.new:
            if any(aggregate.name == change.name for aggregate in self.aggregates):
                raise QuestionError("there is an aggregate '%s' already, which is to be new" % change.name)
            number = len(self.aggregates)
            ids = [aggregate.id for aggregate in self.aggregates]
            self.aggregates.append(Aggregate(max(ids, default=0) + 1, "what-if-%s" % change.name, change.name))
        else:
            number = self._aggregate(change.name)
        before = self.aggregates[number]
        add, remove = self._known(change.add_hosts), self._known(change.remove_hosts)
        for name in remove:
            if name not in before.hosts:
                raise QuestionError("host %s is not in the aggregate %s" % (name, change.name))
        metadata = {**before.metadata, **change.metadata}
        after = dataclasses.replace(
            before,
            zone=before.zone if change.zone is None else change.zone or None,
            metadata={key: value for key, value in metadata.items() if value is not None},
            hosts=tuple(name for name in dict.fromkeys([*before.hosts, *add]) if name not in remove),
        )
        self.aggregates[number] = after
        self._rezone({*before.hosts, *after.hosts})
        if self._mirrored:
            self._mirror(after.uuid, add, remove)

    def _rezone(self, names: set[str]) -> None:
        """Give hosts the zone of their aggregates."""
        zones: dict[str, Aggregate] = {}
        for aggregate in self.aggregates:
            for name in names.intersection(aggregate.hosts) if aggregate.zone else ():
                first = zones.setdefault(name, aggregate)
                if first.zone != aggregate.zone:
                    raise QuestionError(
                        "host %s would be in the zone %s by the aggregate %s and in %s by %s, which Nova refuses"
                        % (name, first.zone, first.name, aggregate.zone, aggregate.name)
                    )
        had_zone = {
            name for aggregate in self._given.aggregates if aggregate.zone for name in names & set(aggregate.hosts)
        }
        for number, host in enumerate(self.hosts):
            if host.name in zones:
                self.hosts[number] = dataclasses.replace(host, zone=zones[host.name].zone or host.zone)
            elif host.name in had_zone:
                self.hosts[number] = dataclasses.replace(host, zone=DEFAULT_ZONE)

    def _mirror(self, uuid: str, add: list[str], remove: list[str]) -> None:
        for host in self.hosts:
            provider = self.providers.get(host.provider or "")
            if provider is None or host.name not in {*add, *remove}:
                continue
            aggregates = provider.aggregates - {uuid} if host.name in remove else provider.aggregates | {uuid}
            self.providers[provider.uuid] = dataclasses.replace(provider, aggregates=aggregates)

    def add(self, more: MoreHosts) -> None:
        """Add empty hosts like one, in the same aggregates, enabled and up.

        :raises QuestionError: the host has no resource provider to copy
        """
        if more.count < 1:
            raise QuestionError("hosts are added 1 at least at a time, not %d" % more.count)
        self._known([more.like])
        model = next(host for host in self.hosts if host.name == more.like)
        tree = [provider for uuid, provider in self.providers.items() if self._root(uuid) == model.provider]
        if not tree:
            raise QuestionError("host %s has no resource provider, so there can be none like it" % more.like)
        zone = model.zone if more.zone is None else more.zone
        leave = {each.uuid for each in self.aggregates if each.zone and each.zone != zone}
        join = [each for each in self.aggregates if more.like in each.hosts and each.uuid not in leave]
        if zone != model.zone:
            same = [each for each in self.aggregates if each.zone == zone]
            if not same:
                raise UnknownNameError("availability zone", zone, [each.zone for each in self.aggregates if each.zone])
            join.append(same[0])
        names = self._new_names(more)
        for name in names:
            self.providers.update(
                (copy.uuid, copy) for copy in _copies(tree, name, leave, {each.uuid for each in join})
            )
            self.hosts.append(
                dataclasses.replace(
                    model,
                    name=name,
                    node=name,
                    provider=_copied(model.provider or "", name),
                    zone=zone,
                    status="enabled",
                    state="up",
                    disabled_reason="",
                    forced_down=False,
                )
            )
        joined = {each.id for each in join}
        self.aggregates = [
            dataclasses.replace(each, hosts=(*each.hosts, *names)) if each.id in joined else each
            for each in self.aggregates
        ]

    def _new_names(self, more: MoreHosts) -> list[str]:
        known = {host.name for host in self.hosts}
        names: list[str] = []
        number = 0
        while len(names) < more.count:
            number += 1
            if (name := "%s+%d" % (more.like, number)) not in known:
                names.append(name)
        return names

    def _known(self, names: c.Iterable[str]) -> list[str]:
        """The names, if there are such hosts."""
        names = list(names)
        known = {host.name for host in self.hosts} if names else set()
        for name in names:
            if name not in known:
                raise UnknownNameError("host", name, known)
        return names

    def _aggregate(self, name: str) -> int:
        for number, aggregate in enumerate(self.aggregates):
            if aggregate.name == name:
                return number
        raise UnknownNameError("aggregate", name, [each.name for each in self.aggregates])

    def _root(self, uuid: str) -> str:
        while (parent := self.providers[uuid].parent) is not None and parent in self.providers:
            uuid = parent
        return uuid


def _with_ratio(inventory: Inventory, change: Ratio, host: str) -> Inventory:
    if inventory.total is None or inventory.reserved is None:
        raise QuestionError(
            "another ratio needs total and reserved of %s on host %s, which the snapshot does not have: "
            "take it with the inventories read singly (inventories: all)" % (change.resource_class, host)
        )
    return dataclasses.replace(
        inventory,
        allocation_ratio=float(change.allocation_ratio),
        capacity=capacity(inventory.total, inventory.reserved, change.allocation_ratio),
    )


def _copied(uuid: str, name: str) -> str:
    """The uuid of a provider's copy for the host of that name."""
    return "%s of %s" % (uuid, name)


def _copies(tree: c.Sequence[Provider], name: str, leave: set[str], join: set[str]) -> c.Iterator[Provider]:
    """A provider tree as it would be on a new host, with nothing allocated."""
    for provider in tree:
        mirrored = bool(provider.aggregates) and provider.parent is None
        yield dataclasses.replace(
            provider,
            uuid=_copied(provider.uuid, name),
            name="%s (%s)" % (provider.name, name),
            parent=None if provider.parent is None else _copied(provider.parent, name),
            traits=provider.traits - {STATUS_DISABLED},
            aggregates=(provider.aggregates - leave) | (join if mirrored else set()),
            inventories={
                each: dataclasses.replace(inventory, used=0) for each, inventory in provider.inventories.items()
            },
        )
