# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""All resource providers of a cloud, in as few calls as that takes, each as it is at one generation.

Placement has no page with everything. The reader puts it together from

* the list of all providers with their generations, first;
* wide questions for allocation candidates, each of which brings capacity, usage and traits of every tree with room;
* the own pages of providers that those leave out (full hosts, sharing providers, a capped answer);
* probes, that is lists of the providers that can give certain amounts, which prove that ``min_unit``, ``max_unit`` and
  ``step_size`` allow what the flavors ask for;
* the list of all providers again, unless every generation was seen again meanwhile. Whatever has moved, come or gone
  since the first list is read from its own pages.

An allocation that is taken away does not make another generation. What is used is therefore always read, also of
providers that an earlier reading has, and is right as of the call that brought it.
"""

from __future__ import annotations

import bisect
import collections
import dataclasses
import typing as t

from .._capacity import inventory as arithmetic
from .._capacity.model import SHARING, Inventory, Provider
from .errors import listed
from .placement import Placement, ProviderRow, Summary

T = t.TypeVar("T")
#: resource class -> the amounts that flavors ask of one provider, ascending
Amounts = t.Mapping[str, t.Sequence[int]]
#: what of one provider is not proven yet, or what a probe asks for
Wants = dict[str, int]

# The wide questions, in their order. The first proves at once that one unit of each may be had; the others find hosts
# that have run out of something, and hosts with dedicated CPUs only.
QUESTIONS: tuple[Wants, ...] = (
    {"VCPU": 1, "MEMORY_MB": 1, "DISK_GB": 1},
    {"DISK_GB": 1},
    {"VCPU": 1},
    {"MEMORY_MB": 1},
    {"PCPU": 1},
)
#: how many calls there are at a time
WORKERS = 8
#: a probe that proves something of fewer providers than this is not worth it: their inventories are read
WORTH_A_PROBE = 4


def few(providers: int) -> int:
    """How many of so many providers are read from their own pages (three small calls each) rather than by one more wide
    question, which brings all the others again."""
    return max(4, providers // 100)


@dataclasses.dataclass(slots=True)
class _State:
    """What is known of a provider so far, and of which generation that is."""

    generation: int
    inventories: dict[str, Inventory]
    traits: frozenset[str]
    aggregates: set[str] = dataclasses.field(default_factory=set)


class ProviderReader:
    """One reading.

    :param previous: providers of an earlier reading; of those whose generation is still the same only what is used is
        read
    :param everything: total, reserved, ratio and units of every inventory, instead of proofs of what is asked for
    """

    def __init__(self, placement: Placement, previous: t.Iterable[Provider] = (), everything: bool = False) -> None:
        self.placement = placement
        self.everything = everything
        self._previous = {provider.uuid: provider for provider in previous}
        #: what could not be read as it should, in sentences
        self.limits: list[str] = []
        #: how many providers were taken over from the earlier reading, and how many moved while this one went on
        self.kept = self.moved = 0
        self._rows: dict[str, ProviderRow] = {}
        self._states: dict[str, _State] = {}
        self._confirmed: set[str] = set()
        self._changed: set[str] = set()
        self._trait_sets: dict[frozenset[str], frozenset[str]] = {}

    def read(self, amounts: t.Callable[[], Amounts], aggregates: t.Callable[[], t.Iterable[str]]) -> list[Provider]:
        """All providers, sorted by name.

        :param amounts: called when it is needed, so that the flavors can be fetched meanwhile
        :param aggregates: UUIDs of the aggregates whose members are wanted; those of sharing providers are read anyway
        """
        self._rows = self.placement.providers()
        self._ask_widely(amounts)
        self._read_usages([uuid for uuid in self._missing() if self._earlier(uuid)])
        self._read_pages(self._missing())
        if self.everything:
            self._read_units(uuid for uuid, state in self._states.items() if _lacks_totals(state))
        else:
            self._prove_units(amounts())
        self._read_aggregates(aggregates())
        self._verify()
        return self._result()

    # ---- capacity, usage and traits

    def _missing(self) -> list[str]:
        return [uuid for uuid in self._rows if uuid not in self._states]

    def _earlier(self, uuid: str) -> Provider | None:
        """The provider as the earlier reading has it, if it has not changed since (but for what is used of it)."""
        earlier = self._previous.get(uuid)
        return earlier if earlier is not None and earlier.generation == self._rows[uuid].generation else None

    def _ask_widely(self, amounts: t.Callable[[], Amounts]) -> None:
        """Wide questions, as long as there are many providers of which nothing is known."""
        enough = 0
        for question in self._questions(amounts):
            if len(self._missing()) <= enough:
                return
            self._ask(question)
            enough = few(len(self._rows))

    @staticmethod
    def _questions(amounts: t.Callable[[], Amounts]) -> t.Iterator[Wants]:
        yield from QUESTIONS
        yield from ({name: 1} for name in amounts() if name.startswith("CUSTOM_"))

    def _ask(self, question: Wants) -> None:
        for uuid, summary in self.placement.candidates(question).items():
            if uuid in self._rows and uuid not in self._states:
                known = self._earlier(uuid)
                used = {name: used for name, (_capacity, used) in summary.resources.items()}
                if known is None or not self._take_over(known, used):
                    self._states[uuid] = self._of_summary(self._rows[uuid], summary, question)

    def _of_summary(self, row: ProviderRow, summary: Summary, question: Wants) -> _State:
        inventories = {}
        for name, (capacity, used) in summary.resources.items():
            unit = 1 if summary.gives and question.get(name) == 1 else None
            inventories[name] = Inventory(capacity, used, min_unit=unit, step_size=unit)
        return _State(row.generation, inventories, self._same(frozenset(summary.traits)))

    def _take_over(self, earlier: Provider, used: t.Mapping[str, int]) -> bool:
        """A provider as it was, but for what is used of it. Whether that goes together."""
        if set(used) != set(earlier.inventories):
            return False
        inventories = {
            name: dataclasses.replace(inventory, used=used[name]) for name, inventory in earlier.inventories.items()
        }
        self._states[earlier.uuid] = _State(earlier.generation, inventories, self._same(earlier.traits))
        self.kept += 1
        return True

    def _read_usages(self, uuids: t.Sequence[str]) -> None:
        """What is used of providers that an earlier reading has."""
        for uuid, found in self._pages(self.placement.usages_at, uuids):
            earlier = self._previous[uuid]
            if found is not None and found[0] == earlier.generation and self._take_over(earlier, found[1]):
                self._confirmed.add(uuid)

    def _read_pages(self, uuids: t.Sequence[str], aggregates: bool = False) -> None:
        """Providers from their own pages, as they are now; one that is gone is forgotten."""
        torn = []
        states = self.placement.cloud.each(lambda uuid: self.placement.state(uuid, aggregates), uuids, WORKERS)
        for uuid, state in zip(uuids, states, strict=True):
            if state is None:
                self._forget(uuid)
                continue
            if state.torn:
                torn.append(self._rows[uuid].name)
            inventories = {
                name: _inventory(held, state.usages.get(name, 0)) for name, held in state.inventories.items()
            }
            self._states[uuid] = _State(
                state.generation, inventories, self._same(frozenset(state.traits)), set(state.aggregates or ())
            )
            self._confirmed.add(uuid)
            self._changed.discard(uuid)
        if torn:
            text = (
                "These resource providers changed while they were read, time and again, and may not be quite right: %s."
            )
            self.limits.append(text % listed(torn))

    def _pages(
        self, page: t.Callable[[str], tuple[int, T] | None], uuids: t.Sequence[str]
    ) -> t.Iterator[tuple[str, tuple[int, T] | None]]:
        """One page of each provider, with its generation; None for one that is gone."""
        return zip(uuids, self.placement.cloud.each(page, uuids, WORKERS), strict=True)

    def _same(self, traits: frozenset[str]) -> frozenset[str]:
        """One object for all hosts with the same traits."""
        return self._trait_sets.setdefault(traits, traits)

    def _forget(self, uuid: str) -> None:
        self._states.pop(uuid, None)
        self._rows.pop(uuid, None)
        self._confirmed.discard(uuid)
        self._changed.discard(uuid)

    # ---- units

    def _prove_units(self, amounts: Amounts) -> None:
        """Have Placement say of every provider that it may give what flavors ask for, as far as it has room for that.

        That one unit may be had proves ``min_unit`` and ``step_size``, the largest amount that there is room for the
        rest. What is not proven by probes is read.
        """
        for state in self._states.values() if self.kept else ():  # what was proven then may tell of other amounts now
            for name, inventory in state.inventories.items():
                if inventory.admits and name in amounts:
                    state.inventories[name] = _admitting(inventory, inventory.admits[-1], amounts[name])
        self._probe(self._wants(amounts, _unit_wanted), amounts)
        self._probe(self._wants(amounts, _largest_wanted), amounts)

    def _wants(
        self, amounts: Amounts, wanted: t.Callable[[Inventory, t.Sequence[int]], int | None]
    ) -> dict[str, Wants]:
        """Provider -> resource class -> the amount that is wanted of it."""
        found: dict[str, Wants] = {}
        for uuid, state in self._states.items():
            wants = {}
            for name, inventory in state.inventories.items():
                if name in amounts and (amount := wanted(inventory, amounts[name])) is not None:
                    wants[name] = amount
            if wants:
                found[uuid] = wants
        return found

    def _probe(self, wants: t.Mapping[str, Wants], amounts: Amounts) -> None:
        """Ask for what is wanted of many at once, and read the inventories of the others."""
        alike = collections.defaultdict(list)
        for uuid, wanted in wants.items():
            alike[tuple(sorted(wanted.items()))].append(uuid)
        probes = [probe for probe, uuids in alike.items() if len(uuids) >= WORTH_A_PROBE]
        answers = self.placement.cloud.each(lambda probe: self.placement.providers(dict(probe)), probes, WORKERS)
        unproven = [uuid for probe, uuids in alike.items() if len(uuids) < WORTH_A_PROBE for uuid in uuids]
        for probe, rows in zip(probes, answers, strict=True):
            self._note(rows)
            for uuid in alike[probe]:
                if uuid in rows:
                    self._prove(self._states[uuid], probe, amounts)
                else:
                    unproven.append(uuid)
        self._read_units(unproven)

    @staticmethod
    def _prove(state: _State, probe: t.Iterable[tuple[str, int]], amounts: Amounts) -> None:
        for name, amount in probe:
            state.inventories[name] = _admitting(state.inventories[name], amount, amounts[name])

    def _read_units(self, uuids: t.Iterable[str]) -> None:
        """Total, reserved, ratio and units of the inventories of these providers."""
        uuids = [uuid for uuid in uuids if uuid not in self._changed]
        for uuid, found in self._pages(self.placement.inventories_at, uuids):
            state = self._states[uuid]
            if found is None or set(found[1]) != set(state.inventories):
                self._changed.add(uuid)  # reading it singly shows whether it is gone for good, or what is right
            elif self._note_generation(uuid, found[0]):
                state.inventories = {
                    name: _inventory(held, state.inventories[name].used) for name, held in found[1].items()
                }

    # ---- aggregates

    def _read_aggregates(self, wanted: t.Iterable[str]) -> None:
        """The members of these aggregates, and of those by which providers share."""
        sharing = [uuid for uuid, state in self._states.items() if SHARING in state.traits]
        shared = [
            aggregate
            for _uuid, found in self._pages(self.placement.aggregates_at, sharing)
            if found
            for aggregate in found[1]
        ]
        uuids = sorted({*wanted, *shared})
        members = self.placement.cloud.each(lambda uuid: self.placement.providers(member_of=uuid), uuids, WORKERS)
        for aggregate, rows in zip(uuids, members, strict=True):
            self._note(rows)
            for uuid in rows:
                if uuid in self._states:
                    self._states[uuid].aggregates.add(aggregate)

    # ---- one moment

    def _note(self, rows: t.Mapping[str, ProviderRow]) -> None:
        """Compare generations with what has been read."""
        for uuid, row in rows.items():
            self._note_generation(uuid, row.generation)

    def _note_generation(self, uuid: str, generation: int) -> bool:
        """Whether what has been read of the provider is of that generation."""
        state = self._states.get(uuid)
        if state is None:
            return False  # it has come meanwhile: the last list has it
        same = state.generation == generation
        (self._confirmed if same else self._changed).add(uuid)
        return same

    def _verify(self) -> None:
        """Compare everything with the list of now, where it has not been seen again yet, and read again what moved."""
        if self._changed or len(self._confirmed) < len(self._states):
            rows = self.placement.providers()
            self._note(rows)
            for uuid in set(self._rows) - set(rows):
                self._forget(uuid)
            self._changed.update(uuid for uuid in rows if uuid not in self._states)
            self._changed &= set(rows)
            self._rows = rows
        self.moved = len(self._changed)
        self._read_pages(sorted(self._changed), aggregates=True)

    def _result(self) -> list[Provider]:
        while orphans := [uuid for uuid in self._states if not self._has_parent(uuid)]:
            for uuid in orphans:  # the tree was taken away while it was read
                self._forget(uuid)
        found = []
        for uuid, state in self._states.items():
            row, aggregates = self._rows[uuid], frozenset(state.aggregates)
            found.append(
                Provider(uuid, row.name, row.parent, state.generation, state.inventories, state.traits, aggregates)
            )
        return sorted(found, key=lambda provider: provider.name)

    def _has_parent(self, uuid: str) -> bool:
        parent = self._rows[uuid].parent
        return parent is None or parent in self._states


def _inventory(held: t.Mapping[str, t.Any], used: int) -> Inventory:
    """Of Placement's own page, and what is used."""
    return Inventory(
        capacity=arithmetic.capacity(held["total"], held["reserved"], held["allocation_ratio"]),
        used=used,
        total=held["total"],
        reserved=held["reserved"],
        allocation_ratio=float(held["allocation_ratio"]),
        min_unit=held["min_unit"],
        max_unit=held["max_unit"],
        step_size=held["step_size"],
    )


def _admitting(held: Inventory, amount: int, amounts: t.Sequence[int]) -> Inventory:
    """With the proof that this amount may be had; where one unit may be had too, so may whatever lies between."""
    least, step = (1, 1) if amount == 1 else (held.min_unit, held.step_size)
    admits: t.Iterable[int] = {*held.admits, amount}
    if least == step == 1:
        admits = {*admits, *amounts[: bisect.bisect_right(amounts, amount)]}
    # (dataclasses.replace takes ten times as long, and there may be tens of thousands)
    return Inventory(
        held.capacity, held.used, held.total, held.reserved, held.allocation_ratio, least, held.max_unit, step,
        tuple(sorted(admits)),
    )  # fmt: skip


def _lacks_totals(state: _State) -> bool:
    return any(inventory.total is None for inventory in state.inventories.values())


def _unit_wanted(inventory: Inventory, amounts: t.Sequence[int]) -> int | None:
    """1 where it is not known whether one unit may be had, and there is room for what is asked for."""
    unknown = inventory.min_unit is None or inventory.step_size is None
    return 1 if unknown and inventory.capacity - inventory.used >= amounts[0] else None


def _largest_wanted(inventory: Inventory, amounts: t.Sequence[int]) -> int | None:
    """The largest amount that there is room for, unless it is known whether it may be had."""
    fitting = bisect.bisect_right(amounts, inventory.capacity - inventory.used)
    if not fitting or arithmetic.proven(inventory, amounts[fitting - 1]):
        return None
    return amounts[fitting - 1]
