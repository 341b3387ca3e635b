# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Placement in this process, on SQLite in memory, with clouds that come and go.

Clouds are written straight into its tables; what is asked of it, and the allocations, go through its API.
"""

from __future__ import annotations

import typing as t
import urllib.parse
import uuid

import sqlalchemy as sa
import webob
from oslo_config import cfg
from placement import conf as placement_conf
from placement import db_api, deploy
from placement.db.sqlalchemy import models

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.groups import Request
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Snapshot

Vector = tuple[tuple[str, str, int], ...]  # what a candidate takes: (provider, resource class, amount), sorted

MICROVERSION = "placement 1.39"
BEFORE = str(uuid.UUID(int=1))  # the consumer of what is used from the start
PROJECT = str(uuid.UUID(int=2))


class Placement:
    """A Placement, called as a WSGI application."""

    def __init__(self, classes: t.Collection[str], traits: t.Collection[str]) -> None:
        """``classes`` and ``traits`` are all that clouds and requests may name."""
        config = cfg.ConfigOpts()
        placement_conf.register_opts(config)
        config.set_override("connection", "sqlite://", group="placement_database")
        config.set_override("sync_on_startup", True, group="placement_database")
        config([], default_config_files=[])
        config.set_override("max_allocation_candidates", -1, group="placement")
        config.set_override("auth_strategy", "noauth2", group="api")
        self._app = deploy.loadapp(config)  # this makes the schema as well
        self._ids: dict[str, int] = {}
        for name in classes:
            if name.startswith("CUSTOM_"):
                self._call("PUT", "/resource_classes/" + name)
        for name in traits:
            if name.startswith("CUSTOM_"):
                self._call("PUT", "/traits/" + name)
        self._engine = db_api.get_placement_engine()
        with self._engine.begin() as connection:
            for what, names in ((models.ResourceClass, classes), (models.Trait, traits)):
                table = what.__table__
                rows = connection.execute(sa.select(table.c.name, table.c.id).where(table.c.name.in_(names)))
                self._ids.update({row.name: row.id for row in rows})

    def _call(self, method: str, path: str, body: t.Any = None) -> t.Any:
        request = webob.Request.blank(path, method=method)
        request.headers.update({"X-Auth-Token": "admin", "OpenStack-API-Version": MICROVERSION})
        if body is not None:
            request.json = body
            request.content_type = "application/json"
        reply = request.get_response(self._app)
        if reply.status_code >= 300:
            raise RuntimeError("%s %s: %d %s" % (method, path, reply.status_code, reply.text))
        return reply.json if reply.body else None

    def load(self, snapshot: Snapshot) -> None:
        """Have these providers, and no others."""
        numbers = {provider.uuid: number for number, provider in enumerate(snapshot.providers, 1)}
        parents = {provider.uuid: provider.parent for provider in snapshot.providers}

        def root(provider: str) -> int:
            while (parent := parents[provider]) is not None:
                provider = parent
            return numbers[provider]

        aggregates = sorted({aggregate for provider in snapshot.providers for aggregate in provider.aggregates})
        rows: list[tuple[t.Any, list[dict[str, t.Any]]]] = [
            (
                models.ResourceProvider,
                [
                    {
                        "id": numbers[provider.uuid],
                        "uuid": provider.uuid,
                        "name": provider.name,
                        "generation": 0,
                        "root_provider_id": root(provider.uuid),
                        "parent_provider_id": None if provider.parent is None else numbers[provider.parent],
                    }
                    for provider in snapshot.providers
                ],
            ),
            (
                models.Inventory,
                [
                    {
                        "resource_provider_id": numbers[provider.uuid],
                        "resource_class_id": self._ids[name],
                        "total": held.total,
                        "reserved": held.reserved,
                        "allocation_ratio": held.allocation_ratio,
                        "min_unit": held.min_unit,
                        "max_unit": held.max_unit,
                        "step_size": held.step_size,
                    }
                    for provider in snapshot.providers
                    for name, held in provider.inventories.items()
                ],
            ),
            (
                models.Allocation,
                [
                    {
                        "resource_provider_id": numbers[provider.uuid],
                        "resource_class_id": self._ids[name],
                        "consumer_id": BEFORE,
                        "used": held.used,
                    }
                    for provider in snapshot.providers
                    for name, held in provider.inventories.items()
                    if held.used
                ],
            ),
            (
                models.ResourceProviderTrait,
                [
                    {"resource_provider_id": numbers[provider.uuid], "trait_id": self._ids[trait]}
                    for provider in snapshot.providers
                    for trait in sorted(provider.traits)
                ],
            ),
            (models.PlacementAggregate, [{"id": n, "uuid": name} for n, name in enumerate(aggregates, 1)]),
            (
                models.ResourceProviderAggregate,
                [
                    {
                        "resource_provider_id": numbers[provider.uuid],
                        "aggregate_id": aggregates.index(aggregate) + 1,
                    }
                    for provider in snapshot.providers
                    for aggregate in sorted(provider.aggregates)
                ],
            ),
        ]
        with self._engine.begin() as connection:
            for what, _values in reversed(rows):
                connection.execute(what.__table__.delete())
            connection.execute(models.Consumer.__table__.delete())
            for what, values in rows:
                if values:
                    connection.execute(what.__table__.insert(), values)

    def forget(self) -> None:
        """Free everything that :meth:`allocate` took."""
        with self._engine.begin() as connection:
            table = models.Allocation.__table__
            connection.execute(table.delete().where(table.c.consumer_id != BEFORE))
            connection.execute(models.Consumer.__table__.delete())

    def candidates(self, request: Request) -> list[Vector]:
        """All the candidates there are for a request."""
        reply = self._call("GET", "/allocation_candidates?" + query(request))
        return [
            tuple(
                sorted(
                    (provider, name, amount)
                    for provider, given in candidate["allocations"].items()
                    for name, amount in given["resources"].items()
                )
            )
            for candidate in reply["allocation_requests"]
        ]

    def allocate(self, vectors: t.Iterable[Vector]) -> None:
        """Allocate, each to a consumer of its own. Placement refuses what does not fit."""
        body: dict[str, t.Any] = {}
        for vector in vectors:
            allocations: dict[str, t.Any] = {}
            for provider, name, amount in vector:
                allocations.setdefault(provider, {"resources": {}})["resources"][name] = amount
            body[str(uuid.uuid4())] = {
                "allocations": allocations,
                "project_id": PROJECT,
                "user_id": PROJECT,
                "consumer_generation": None,
                "consumer_type": "INSTANCE",
            }
        self._call("POST", "/allocations", body)


def query(request: Request) -> str:
    """The query string of a request, as Nova would write it."""
    pairs = []
    for group in request.groups:
        if group.resources:
            wanted = ",".join("%s:%d" % entry for entry in group.resources)
            pairs.append(("resources" + group.suffix, wanted))
        single = sorted(trait for one_of in group.required if len(one_of) == 1 for trait in one_of)
        single += sorted("!" + trait for trait in group.forbidden)
        if single:
            pairs.append(("required" + group.suffix, ",".join(single)))
        for one_of in group.required:
            if len(one_of) > 1:
                pairs.append(("required" + group.suffix, "in:" + ",".join(sorted(one_of))))
        for one_of in group.member_of:
            pairs.append(("member_of" + group.suffix, "in:" + ",".join(sorted(one_of))))
        if group.not_member_of:
            pairs.append(("member_of" + group.suffix, "!in:" + ",".join(sorted(group.not_member_of))))
        if group.in_tree:
            pairs.append(("in_tree" + group.suffix, group.in_tree))
    if any(group.suffix for group in request.groups):
        pairs.append(("group_policy", "isolate" if request.isolate else "none"))
    for suffixes in request.same_subtree:
        pairs.append(("same_subtree", ",".join(sorted(suffixes))))
    root = sorted(request.root_required) + sorted("!" + trait for trait in request.root_forbidden)
    if root:
        pairs.append(("root_required", ",".join(root)))
    return urllib.parse.urlencode(pairs)
