# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement's API in types."""

from __future__ import annotations

import dataclasses
import typing as t

from .errors import NotFoundError
from .rest import Service
from .session import Cloud
from .shapes import ANYTHING, COUNT, NAME, RATIO, UNIT, Answers, Nullable, Row, Rows, Table


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderRow:
    """A resource provider as lists have it.

    Every change of its inventories, traits and aggregates makes another generation, and so does an allocation that is
    made. One that is taken away does not (placement objects/allocation.py, ``delete_all``).
    """

    uuid: str
    name: str
    parent: str | None
    generation: int


@dataclasses.dataclass(frozen=True, slots=True)
class Summary:
    """A resource provider as allocation candidates have it: resource class -> (capacity, used), and traits.

    ``gives`` tells whether it is this one of its tree that can give what was asked for.
    """

    resources: dict[str, tuple[int, int]]
    traits: list[str]
    gives: bool


@dataclasses.dataclass(frozen=True, slots=True)
class ProviderState:
    """A resource provider as its own pages have it, all of the same generation unless ``torn``.

    ``inventories`` have total, reserved, allocation_ratio, min_unit, max_unit and step_size; ``aggregates`` is None
    where they were not asked for.
    """

    generation: int
    inventories: dict[str, dict[str, t.Any]]
    usages: dict[str, int]
    traits: list[str]
    aggregates: list[str] | None = None
    torn: bool = False


# ---- what its rows have

_PROVIDER = Row({"uuid": NAME, "name": NAME, "parent_provider_uuid": Nullable(NAME), "generation": COUNT})
_INVENTORY = Row(
    {
        "total": COUNT,
        "reserved": COUNT,
        "allocation_ratio": RATIO,
        "min_unit": UNIT,
        "max_unit": UNIT,
        "step_size": UNIT,
    }
)
_SUMMARY = Row({"resources": Table(Row({"capacity": COUNT, "used": COUNT})), "traits": Rows(NAME)})
_GENERATION = {"resource_provider_generation": COUNT}

#: the own pages of a provider, and what they are
PAGES = {"inventories": dict, "usages": dict, "traits": list, "aggregates": list}


class Placement(Service):
    """The placement API. The microversion 1.29 came with Rocky."""

    ANSWERS: t.ClassVar[Answers] = {
        "GET /resource_providers": {"resource_providers": Rows(_PROVIDER)},
        "GET /resource_providers/*/inventories": {**_GENERATION, "inventories": Table(_INVENTORY)},
        "GET /resource_providers/*/usages": {**_GENERATION, "usages": Table(COUNT)},
        "GET /resource_providers/*/traits": {**_GENERATION, "traits": Rows(NAME)},
        "GET /resource_providers/*/aggregates": {**_GENERATION, "aggregates": Rows(NAME)},
        "GET /allocation_candidates": {
            "allocation_requests": Rows(Row({"allocations": Table(ANYTHING)})),
            "provider_summaries": Table(_SUMMARY),
        },
        "GET /resource_classes": {"resource_classes": Rows(Row({"name": NAME}))},
        "GET /traits": {"traits": Rows(NAME)},
    }
    #: how often the pages of one provider are read until they are of one generation
    TRIES = 4

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "placement", "1.29")

    def inventories(self, provider: str) -> dict[str, dict[str, t.Any]] | None:
        """The inventories of one provider by resource class, None when there is no such provider."""
        try:
            found = self.part("/resource_providers/%s/inventories" % provider, "inventories", dict)
        except NotFoundError:
            return None
        return t.cast("dict[str, dict[str, t.Any]]", found)

    def inventories_at(self, provider: str) -> tuple[int, dict[str, dict[str, t.Any]]] | None:
        """The generation of a provider and its inventories by resource class, None when there is no such provider."""
        return self._page_if_there(provider, "inventories")

    def usages_at(self, provider: str) -> tuple[int, dict[str, int]] | None:
        """The generation of a provider and what is used of it by resource class, None when there is no such
        provider."""
        return self._page_if_there(provider, "usages")

    def aggregates_at(self, provider: str) -> tuple[int, list[str]] | None:
        """The generation of a provider and the UUIDs of its aggregates, None when there is no such provider."""
        return self._page_if_there(provider, "aggregates")

    def _page(self, provider: str, name: str) -> tuple[int, t.Any]:
        path = "/resource_providers/%s/%s" % (provider, name)
        body = self.get(path)
        generation = self._part(body, path, "resource_provider_generation", int)
        return generation, self._part(body, path, name, PAGES[name])

    def _page_if_there(self, provider: str, name: str) -> tuple[int, t.Any] | None:
        try:
            return self._page(provider, name)
        except NotFoundError:
            return None

    def providers(
        self, resources: t.Mapping[str, int] | None = None, member_of: str | None = None
    ) -> dict[str, ProviderRow]:
        """Resource providers by UUID.

        :param resources: only those that by themselves can give these amounts now, their units considered
        :param member_of: only those of this aggregate
        """
        params = {}
        if resources:
            params["resources"] = _amounts(resources)
        if member_of:
            params["member_of"] = member_of
        rows = self.part("/resource_providers", "resource_providers", params=params)
        return {
            row["uuid"]: ProviderRow(row["uuid"], row["name"], row["parent_provider_uuid"], row["generation"])
            for row in rows
        }

    def candidates(self, resources: t.Mapping[str, int]) -> dict[str, Summary]:
        """Every provider of all trees in which one provider can give these amounts now, by UUID.

        The amounts are a numbered group: one provider has to give them all, and Placement need not look at sharing
        providers. A Placement that caps candidates answers with a part of the trees, and does not say so.
        """
        path = "/allocation_candidates"
        body = self.get(path, params={"resources1": _amounts(resources)})
        givers: set[str] = set()
        for candidate in self._part(body, path, "allocation_requests", list):
            givers.update(candidate["allocations"])
        return {
            uuid: Summary(
                {name: (held["capacity"], held["used"]) for name, held in summary["resources"].items()},
                summary["traits"],
                uuid in givers,
            )
            for uuid, summary in self._part(body, path, "provider_summaries", dict).items()
        }

    def state(self, provider: str, aggregates: bool = False) -> ProviderState | None:
        """All about one provider, from its own pages; they are read again, a few times, until they are of one
        generation. None when there is no such provider."""
        wanted = [name for name in PAGES if aggregates or name != "aggregates"]
        try:
            for attempt in range(self.TRIES):
                pages = {name: self._page(provider, name) for name in wanted}
                generations = {generation for generation, _content in pages.values()}
                if len(generations) == 1 or attempt + 1 == self.TRIES:
                    break
        except NotFoundError:
            return None
        content = {name: content for name, (_generation, content) in pages.items()}
        return ProviderState(generation=min(generations), torn=len(generations) > 1, **content)


def _amounts(resources: t.Mapping[str, int]) -> str:
    return ",".join("%s:%d" % item for item in sorted(resources.items()))
