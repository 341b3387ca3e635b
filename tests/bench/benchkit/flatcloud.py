# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A real Placement with any number of flat hosts on one loopback port, and what Nova would say of them.

Runs with the Python of the loopback cloud of tests/integration, whose Keystone and HTTP server it uses; Placement's
database is an SQLite file. Nova's lists are made beforehand: it is Placement and the reader that are measured. Prints
its address when it is ready, and ends when its standard input is closed::

    PYTHON flatcloud.py HOSTS FLAVORS FULL EMPTY

FULL of 1000 hosts have no CPU and no memory left, EMPTY of 1000 no disk either.
"""

from __future__ import annotations

import json
import logging
import os
import random
import re
import shutil
import sys
import tempfile
import uuid
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parents[2] / "integration" / "loopback"))
import server
import sqlalchemy as sa
from oslo_config import cfg
from placement import conf as placement_conf
from placement import db_api, deploy
from placement.db.sqlalchemy import models

ZONES = 3
#: total and allocation ratio
HOST = {"VCPU": (64, 4.0), "MEMORY_MB": (524288, 1.0), "DISK_GB": (3600, 1.0)}
#: of the capacity of a host that has room
LEAST_USED, MOST_USED = 0.2, 0.8
TRAITS = 40


def name(number: int) -> str:
    """Of a host."""
    return "host%05d" % number


def provider(number: int) -> str:
    """UUID of a host's resource provider."""
    return str(uuid.UUID(int=number + 1))


def aggregate(zone: int) -> str:
    """UUID of a zone's aggregate."""
    return str(uuid.UUID(int=10**9 + zone))


def flavors(count: int) -> list[dict[str, Any]]:
    """Flavors of all sizes that fit on a host with room."""
    return [
        {
            "id": str(number), "name": "flavor%d" % number, "vcpus": 1 << number % 5, "swap": "",
            "ram": (1 << number % 5) * (1024, 2048, 4096)[number % 3], "disk": number % 6 * 20,
            "OS-FLV-EXT-DATA:ephemeral": 0, "os-flavor-access:is_public": True, "extra_specs": {},
        }
        for number in range(count)
    ]  # fmt: skip


def fill(hosts: int, full: int, empty: int) -> None:
    """Write the hosts into Placement's database."""
    chance = random.Random(1)
    rows: dict[Any, list[dict[str, Any]]] = {
        table: []
        for table in (
            models.ResourceProvider, models.Inventory, models.Allocation, models.ResourceProviderTrait,
            models.ResourceProviderAggregate,
        )
    }  # fmt: skip
    with db_api.get_placement_engine().begin() as connection:
        classes = dict(connection.execute(sa.select(models.ResourceClass.name, models.ResourceClass.id)).tuples().all())
        of_cpus = sa.select(models.Trait.id).where(models.Trait.name.like("HW_CPU_%")).order_by(models.Trait.name)
        traits = connection.execute(of_cpus.limit(TRAITS)).scalars().all()
        zones = [{"id": zone + 1, "uuid": aggregate(zone)} for zone in range(ZONES)]
        connection.execute(sa.insert(models.PlacementAggregate), zones)
        for number in range(hosts):
            key = {"resource_provider_id": number + 1}
            rows[models.ResourceProvider].append({
                "id": number + 1, "uuid": provider(number), "name": name(number), "root_provider_id": number + 1,
                "generation": chance.randint(1, 200),
            })  # fmt: skip
            rows[models.ResourceProviderAggregate].append({**key, "aggregate_id": number % ZONES + 1})
            rows[models.ResourceProviderTrait] += [{**key, "trait_id": trait} for trait in traits]
            share = chance.uniform(LEAST_USED, MOST_USED)
            exhausted, taken = number % 1000 < empty, number % 1000 < full
            for rc, (total, ratio) in HOST.items():
                whole = exhausted or (taken and rc != "DISK_GB")
                rows[models.Inventory].append({
                    **key, "resource_class_id": classes[rc], "total": total, "reserved": 0, "min_unit": 1,
                    "max_unit": total, "step_size": 1, "allocation_ratio": ratio,
                })  # fmt: skip
                rows[models.Allocation].append({
                    **key, "resource_class_id": classes[rc], "consumer_id": str(uuid.UUID(int=10**6 + number)),
                    "used": int(total * ratio * (1.0 if whole else share)),
                })  # fmt: skip
        for table, values in rows.items():
            connection.execute(sa.insert(table), values)


class CannedNova:
    """Nova's lists of these hosts."""

    def __init__(self, hosts: int, flavor_count: int) -> None:
        names = [name(number) for number in range(hosts)]
        zones = [names[zone::ZONES] for zone in range(ZONES)]
        answers: dict[str, Any] = {
            "/os-services": {"services": [
                {"id": str(number), "host": host, "zone": "zone%d" % (number % ZONES), "status": "enabled",
                 "state": "up", "disabled_reason": None, "forced_down": False}
                for number, host in enumerate(names)
            ]},
            "/os-hypervisors/detail": {"hypervisors": [
                {"id": number, "hypervisor_hostname": host, "hypervisor_type": "QEMU", "service": {"host": host}}
                for number, host in enumerate(names)
            ]},
            "/os-aggregates": {"aggregates": [
                {"id": zone, "uuid": aggregate(zone), "name": "zone%d" % zone, "availability_zone": "zone%d" % zone,
                 "metadata": {"availability_zone": "zone%d" % zone}, "hosts": members}
                for zone, members in enumerate(zones)
            ]},
            "/flavors/detail": {"flavors": flavors(flavor_count)},
        }  # fmt: skip
        self.answers = {path: json.dumps(body).encode() for path, body in answers.items()}

    def __call__(self, environ: dict[str, Any], start_response: Any) -> list[bytes]:
        body = self.answers.get(re.sub("^/v2.1", "", environ["PATH_INFO"]))
        if body is None:
            start_response("404 Not Found", [("Content-Length", "0")])
            return [b""]
        start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
        return [body]


def main(hosts: int, flavor_count: int, full: int, empty: int) -> None:
    """Serve until standard input is closed."""
    logging.disable(logging.WARNING)
    folder = tempfile.mkdtemp(prefix="scaleout-flatcloud-")
    try:
        conf = cfg.ConfigOpts()
        placement_conf.register_opts(conf)
        conf.set_default("connection", "sqlite:///%s/placement.sqlite" % folder, group="placement_database")
        conf([], default_config_files=[])
        conf.set_override("sync_on_startup", True, group="placement_database")
        conf.set_override("auth_strategy", "noauth2", group="api")
        db_api.configure(conf)
        placement = deploy.loadapp(conf)
        fill(hosts, full, empty)
        keystone = server.Keystone()
        door = server.Faults({
            "identity": keystone,
            "compute": server.WithToken(keystone, CannedNova(hosts, flavor_count)),
            "placement": server.WithToken(keystone, placement, placement=True),
        })  # fmt: skip
        with server._serve(door) as port:
            print("http://127.0.0.1:%d" % port, flush=True)
            sys.stdin.buffer.read()
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        sys.stdout.flush()
        os._exit(0)  # the threads of connections would keep it


if __name__ == "__main__":
    main(*map(int, sys.argv[1:5]))
