# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Generated worlds: a few small clouds that one Placement holds together, and requests for them.

A world is made from a seed alone, so a failing case can be made again. All is small (a host holds a dozen guests at
most), so that every choice of candidates can be tried.
"""

from __future__ import annotations

import random
import typing as t
import uuid
from dataclasses import dataclass, field

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.groups import (
    NOTHING,
    AllOfAny,
    Request,
    RequestGroup,
    amounts,
)
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import (
    SHARING,
    Inventory,
    Provider,
    Snapshot,
)

CLASSES = ("VCPU", "MEMORY_MB", "DISK_GB", "PCPU", "VGPU", "CUSTOM_PF", "CUSTOM_BW")
TRAITS = ("CUSTOM_A", "CUSTOM_B", "CUSTOM_C", "CUSTOM_D", SHARING)
ORDINARY = TRAITS[:4]
WORLDS = ("flat", "nested", "sharing", "mixed")  # what a whole Placement has decides which code it runs
CLOUDS = 16
REQUESTS = 6


@dataclass
class Cloud:
    """Hosts that have nothing to do with those of other clouds.

    :param hosts: roots of the trees that are hosts
    :param shares: whether there are providers that several hosts use
    """

    kind: str
    providers: list[Provider] = field(default_factory=list)
    hosts: list[str] = field(default_factory=list)
    shares: bool = False
    aggregates: list[str] = field(default_factory=list)


class World:
    """What one Placement holds, and what is asked of it."""

    def __init__(self, seed: str) -> None:
        self.random = random.Random(seed)
        self.kind = self.random.choice(WORLDS)
        self.clouds = [self._cloud() for _number in range(CLOUDS)]
        self.snapshot = Snapshot(
            parts=("providers",), providers=[provider for cloud in self.clouds for provider in cloud.providers]
        )
        self.requests = [self._request() for _number in range(REQUESTS)]

    # ---- clouds

    def _uuid(self) -> str:
        return str(uuid.UUID(int=self.random.getrandbits(128), version=4))

    def _cloud(self) -> Cloud:
        kinds = {
            "flat": ["flat"],
            "nested": ["flat", "numa", "gpu", "pci", "deep"],
            "sharing": ["flat", "disk", "disks", "services"],
            "mixed": ["flat", "numa", "gpu", "pci", "deep", "disk", "disks", "gpu disk"],
        }
        cloud = Cloud(self.random.choice(kinds[self.kind]))
        cloud.aggregates = [self._uuid() for _number in range(3)]
        shared = self.random.choice(cloud.aggregates)
        local = self.random.random() < 0.3  # hosts with a disk of their own beside one that is shared
        for _host in range(self.random.randint(1, 4)):
            classes = {"VCPU", "MEMORY_MB", "DISK_GB"}
            if "disk" in cloud.kind and not (local and self.random.random() < 0.6):
                classes.remove("DISK_GB")
            if cloud.kind in ("numa", "deep"):
                classes -= {"VCPU", "MEMORY_MB"} if self.random.random() < 0.7 else {"VCPU"}
            root = self._provider(cloud, None, classes)
            if "disk" in cloud.kind or cloud.kind == "services":
                root = self._change(cloud, root, aggregates=root.aggregates | {shared})
            cloud.hosts.append(root.uuid)
            if cloud.kind in ("numa", "deep"):
                for _node in range(self.random.randint(1, 2)):
                    node = self._provider(cloud, root, {"VCPU", "MEMORY_MB", "PCPU"})
                    if cloud.kind == "deep":
                        self._cards(cloud, node, self.random.randint(0, 2))
            elif "gpu" in cloud.kind:
                for _card in range(self.random.randint(0, 3)):
                    self._provider(cloud, root, {"VGPU"})
            elif cloud.kind == "pci":
                self._cards(cloud, root, self.random.randint(0, 3))
        if "disk" in cloud.kind:
            cloud.shares = True
            for _pool in range(self.random.randint(1, 3) if cloud.kind == "disks" else 1):
                pool = self._provider(cloud, None, {"DISK_GB"}, SHARING)
                self._change(cloud, pool, aggregates=frozenset((shared, self.random.choice(cloud.aggregates))))
        elif cloud.kind == "services":
            cloud.shares = True
            self._change(cloud, self._provider(cloud, None, {"VGPU", "CUSTOM_BW"}, SHARING), aggregates={shared})
        return cloud

    def _cards(self, cloud: Cloud, parent: Provider, number: int) -> None:
        """Network cards, perhaps below an agent that has traits but no resources."""
        if number and self.random.random() < 0.5:
            parent = self._provider(cloud, parent, set())
        for _card in range(number):
            self._provider(cloud, parent, {"CUSTOM_PF", "CUSTOM_BW"})

    def _provider(self, cloud: Cloud, parent: Provider | None, classes: set[str], *traits: str) -> Provider:
        chance = self.random.random
        name = "%s-%d" % (cloud.kind.replace(" ", "-"), self.random.getrandbits(64))
        provider = Provider(
            uuid=self._uuid(),
            name=name,
            parent=parent.uuid if parent else None,
            inventories={rc: self._inventory(rc) for rc in CLASSES if rc in classes},
            traits=frozenset(trait for trait in ORDINARY if chance() < 0.45) | set(traits),
            aggregates=frozenset(name for name in cloud.aggregates if chance() < (0.15 if parent else 0.5)),
        )
        cloud.providers.append(provider)
        return provider

    def _change(self, cloud: Cloud, provider: Provider, aggregates: t.Collection[str]) -> Provider:
        changed = Provider(
            provider.uuid,
            provider.name,
            provider.parent,
            provider.generation,
            provider.inventories,
            provider.traits,
            frozenset(aggregates),
        )
        cloud.providers[cloud.providers.index(provider)] = changed
        return changed

    def _inventory(self, name: str) -> Inventory:
        pick = self.random
        scale = {"MEMORY_MB": 512, "DISK_GB": 10, "CUSTOM_BW": 100}.get(name, 1)
        total = pick.randint(1, 4) if name in ("VGPU", "CUSTOM_PF") else scale * pick.randint(1, 10)
        reserved = pick.choice([0, 0, 0, 1, scale, total // 2])
        reserved = min(reserved, total)
        ratio = pick.choice([1.0, 1.0, 1.0, 1.5, 2.0, 0.7, 1.1, 1.3333, 4.0 if total <= 3 else 1.0])
        capacity = int((total - reserved) * ratio)
        min_unit = pick.choice([1, 1, 1, 1, 1, 2, scale])
        step = pick.choice([1, 1, 1, 1, 1, 2, scale])
        max_unit = pick.choice([total, total, total, 2147483647, max(1, total // 2)])
        used = pick.choice([0, 0, 0, pick.randint(0, capacity), capacity, capacity + 1])
        return Inventory(capacity, used, total, reserved, ratio, min_unit, max(max_unit, min_unit), step)

    # ---- requests

    def _request(self) -> Request:
        chance = self.random.random
        present = {name for provider in self.snapshot.providers for name in provider.inventories}
        groups = []
        if chance() < 0.9:
            wanted = {"VCPU": 0.9, "MEMORY_MB": 0.8, "DISK_GB": 0.6, "PCPU": 0.1, "VGPU": 0.12, "CUSTOM_BW": 0.05}
            names = [name for name, share in wanted.items() if name in present and chance() < share]
            if names:
                groups.append(self._group("", names))
        isolate = chance() < 0.4
        same_subtree: list[frozenset[str]] = []
        if self.kind != "flat" and (chance() < 0.5 or not groups):
            groups += self._granular(present, {name for group in groups for name, _a in group.resources}, isolate)
            suffixes = [group.suffix for group in groups if group.suffix]
            if suffixes and chance() < 0.3:
                if chance() < 0.6:
                    required = self._required(0.8)
                    forbidden = self._some_traits(0.15).difference(*required)
                    if required or forbidden:
                        groups.append(RequestGroup("9", (), required, forbidden))
                        suffixes.append("9")
                same_subtree.append(frozenset(suffixes))
        if not groups:
            groups.append(self._group("", [self.random.choice(sorted(present))]))
        root_required = self._some_traits(0.07)
        return Request(
            tuple(groups), isolate, tuple(same_subtree), root_required, self._some_traits(0.05) - root_required
        )

    def _granular(self, present: set[str], taken: set[str], isolate: bool) -> list[RequestGroup]:
        sets = [
            ["VGPU"],
            ["CUSTOM_PF"],
            ["CUSTOM_PF", "CUSTOM_BW"],
            ["CUSTOM_BW"],
            ["VCPU", "MEMORY_MB"],
            ["PCPU"],
            ["DISK_GB"],
        ]
        # With isolate Placement adds up what groups take from one provider in an object that candidates have in common
        # (AllocationRequestResource, copy_arr_if_needed), and then refuses what fits: no class twice.
        sets = [names for names in sets if present.issuperset(names) and not (isolate and taken.intersection(names))]
        if not sets:
            return []
        first = self.random.choice(sets)
        groups = []
        for number in range(self.random.choice([1, 1, 2, 2, 3])):
            names = first if self.random.random() < 0.7 else self.random.choice(sets)
            groups.append(self._group(str(number + 1), names))
        if self.random.random() < 0.5:  # all alike, as devices of one alias are
            groups = [
                RequestGroup(
                    group.suffix,
                    groups[0].resources,
                    groups[0].required,
                    groups[0].forbidden,
                    groups[0].member_of,
                    groups[0].not_member_of,
                )
                for group in groups
            ]
        return groups

    def _group(self, suffix: str, names: list[str]) -> RequestGroup:
        chance = self.random.random
        resources = {}
        for name in names:
            scale = {"MEMORY_MB": 256, "DISK_GB": 5, "CUSTOM_BW": 50}.get(name, 1)
            resources[name] = scale * self.random.choice([1, 1, 2, 2, 3, 4]) + (1 if chance() < 0.05 else 0)
        if "VGPU" in resources or "CUSTOM_PF" in resources:
            for name in ("VGPU", "CUSTOM_PF"):
                if name in resources:
                    resources[name] = self.random.choice([1, 1, 1, 2])
        required = self._required(0.3)
        forbidden = self._some_traits(0.06).difference(*required)
        member_of: AllOfAny = ()
        not_member_of = NOTHING
        in_tree = None
        cloud = self.random.choice(self.clouds)
        if chance() < 0.15:
            every = [name for other in self.clouds for name in other.aggregates]
            share = self.random.choice([1, 2, 3])
            member_of = (frozenset(self.random.sample(every, len(every) * share // 4)),)
            if chance() < 0.3:
                member_of += (frozenset(self.random.sample(every, len(every) * 3 // 4)),)
        if chance() < 0.1:
            not_member_of = frozenset(other.aggregates[0] for other in self.clouds if chance() < 0.5)
        if chance() < 0.04:
            in_tree = self.random.choice(cloud.providers).uuid
        return RequestGroup(suffix, amounts(resources), required, forbidden, member_of, not_member_of, in_tree)

    def _required(self, share: float) -> AllOfAny:
        """Required traits: none, one, several, one of several."""
        chance = self.random.random
        if chance() >= share:
            return ()
        found = [frozenset(self.random.sample(ORDINARY, 1 if chance() < 0.6 else 2))]
        if chance() < 0.25:
            found.append(frozenset(self.random.sample(ORDINARY, 1)))
        return tuple(sorted(set(found), key=sorted))

    def _some_traits(self, share: float) -> frozenset[str]:
        return frozenset(trait for trait in ORDINARY if self.random.random() < share)
