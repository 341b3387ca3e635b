# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's API in types."""

from __future__ import annotations

import dataclasses
import typing as t

from .errors import HttpError, UnreachableError, listed
from .rest import Service
from .session import Cloud
from .shapes import BOOLEAN, COUNT, ID, NAME, STRING, WHOLE, Answers, Leaf, Maybe, Row, Rows, Table

# 2.53 (Pike): services and hypervisors by UUID, which is that of the resource provider as well.
READ = "2.53"
# 2.33 brought pages of hypervisors.
UNPAGED = "2.32"
# 2.69 (Stein): hosts of a cell that Nova cannot reach are listed, by name and with this status; before, not at all.
LOST_CELLS = "2.69"
LOST = "UNKNOWN"
# 2.74 (Train): a server pinned to a host that still goes through the scheduler.
PINNED = "2.74"
#: most rows of one page, which is what Nova gives unless it is configured otherwise
PAGE = 1000

# ---- what its rows have

_LOST_SERVICE = Row({"host": NAME})


class _ComputeService(Row):
    """Of a host whose cell Nova cannot reach there is little more than the name."""

    def check(self, value: t.Any) -> None:
        if isinstance(value, dict) and value.get("status") == LOST:
            _LOST_SERVICE.check(value)
        else:
            super().check(value)


_COMPUTE_SERVICE = _ComputeService(
    {
        "id": ID,
        "host": NAME,
        "zone": Maybe(STRING),
        "status": NAME,
        "state": NAME,
        "disabled_reason": Maybe(STRING),
        "forced_down": BOOLEAN,
        "updated_at": Maybe(STRING),
    }
)
_HYPERVISOR = Row(
    {
        "id": ID,
        "hypervisor_hostname": NAME,
        "hypervisor_type": Maybe(STRING),
        "hypervisor_version": Maybe(WHOLE),
        "host_ip": Maybe(STRING),
        "service": Row({"host": NAME}),
        # numbers for people, which Nova leaves out from 2.88 on
        "vcpus": Maybe(COUNT),
        "memory_mb": Maybe(COUNT),
        "local_gb": Maybe(COUNT),
        "running_vms": Maybe(COUNT),
    }
)
_AGGREGATE = Row(
    {
        "id": COUNT,
        "uuid": NAME,
        "name": NAME,
        "availability_zone": Maybe(STRING),
        "metadata": Table(STRING),
        "hosts": Rows(NAME),
    }
)
_SERVER = Row(
    {
        "id": NAME,
        "name": Maybe(STRING),
        "status": NAME,
        "tenant_id": Maybe(STRING),
        "OS-EXT-STS:task_state": Maybe(STRING),
        "OS-EXT-SRV-ATTR:host": Maybe(STRING),
        "OS-EXT-SRV-ATTR:hypervisor_hostname": Maybe(STRING),
        "OS-EXT-AZ:availability_zone": Maybe(STRING),
        "metadata": Maybe(Table(STRING)),
        "fault": Maybe(Row({"message": Maybe(STRING)})),
        "flavor": Row(
            {
                "original_name": Maybe(STRING),
                "vcpus": COUNT,
                "ram": COUNT,
                "disk": COUNT,
                "ephemeral": COUNT,
            }
        ),
    }
)
_FLAVOR = Row(
    {
        "id": ID,
        "name": NAME,
        "description": Maybe(STRING),
        "vcpus": COUNT,
        "ram": COUNT,
        "disk": COUNT,
        "OS-FLV-EXT-DATA:ephemeral": Maybe(COUNT),
        # '' for none, before 2.75
        "swap": Maybe(Leaf("a whole number, 0 or more", lambda value: value == "" or COUNT.right(value))),
        "os-flavor-access:is_public": Maybe(BOOLEAN),
        "OS-FLV-DISABLED:disabled": Maybe(BOOLEAN),
        "extra_specs": Maybe(Table(STRING)),
    }
)


def _is_limit(value: t.Any) -> bool:
    return COUNT.right(value) or (isinstance(value, str) and value.isdecimal() and len(value) < 10)


_SERVER_GROUP = Row(
    {
        "id": NAME,
        "name": NAME,
        "policy": NAME,
        "rules": Maybe(Row({"max_server_per_host": Maybe(Leaf("a whole number, 0 or more", _is_limit))})),
        "project_id": Maybe(STRING),
        "members": Rows(NAME),
    }
)
_MADE = Row({"id": ID})


@dataclasses.dataclass(frozen=True)
class ComputeService:
    """A nova-compute service, also one that is not mapped to its cell yet."""

    id: str
    host: str
    zone: str
    status: str
    state: str
    disabled_reason: str
    forced_down: bool
    updated_at: str

    @property
    def enabled(self) -> bool:
        """Not disabled, by an operator or by nova-compute itself."""
        return self.status == "enabled"

    @property
    def up(self) -> bool:
        """It reported itself lately."""
        return self.state == "up"

    @property
    def disabled_by_itself(self) -> bool:
        """nova-compute disabled itself (no connection to libvirt, too many failed builds) and means to come back."""
        return not self.enabled and self.disabled_reason.startswith("AUTO:")


@dataclasses.dataclass(frozen=True)
class Hypervisor:
    """A compute node; ``id`` is its UUID and that of its resource provider, ``host`` its nova-compute service."""

    id: str
    hostname: str
    type: str
    host: str


@dataclasses.dataclass(frozen=True)
class Server:
    """What we need of a server."""

    id: str
    name: str
    status: str
    task: str
    host: str
    fault: str
    metadata: t.Mapping[str, str]


class Nova(Service):
    """The compute API."""

    ANSWERS: t.ClassVar[Answers] = {
        "GET /os-services": {"services": Rows(_COMPUTE_SERVICE)},
        "GET /os-hypervisors/detail": {"hypervisors": Rows(_HYPERVISOR)},
        "GET /os-aggregates": {"aggregates": Rows(_AGGREGATE)},
        "POST /os-aggregates": {"aggregate": Row({"id": COUNT})},
        "GET /os-server-groups": {"server_groups": Rows(_SERVER_GROUP)},
        "GET /servers/detail": {"servers": Rows(_SERVER)},
        "GET /servers/*": {"server": _SERVER},
        "POST /servers": {"server": _MADE},
        "GET /flavors/detail": {"flavors": Rows(_FLAVOR)},
        "POST /flavors": {"flavor": _MADE},
    }

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "compute", READ)

    def compute_services(self, needed: t.Container[str] | None = None) -> dict[str, ComputeService]:
        """All nova-compute services by host, of all cells.

        :param needed: the hosts that must not be missing, all of the cloud without it
        :raises UnreachableError: Nova cannot reach the cell of one of them. Before Stein it does not say so.
        """
        found = {}
        path, params = "/os-services", {"binary": "nova-compute"}
        try:
            rows = self.part(path, "services", params=params, microversion=LOST_CELLS)
        except HttpError as error:
            if error.status != 406:
                raise
            rows = self.part(path, "services", params=params)
        lost = {row["host"] for row in rows if row["status"] == LOST}
        if missed := lost if needed is None else {host for host in lost if host in needed}:
            text = "%s cannot reach the cell of these compute hosts, and so knows nothing of them: %s."
            raise UnreachableError(text % (self.where, listed(missed)))
        for row in rows:
            if row["host"] in lost:
                continue
            found[row["host"]] = ComputeService(
                id=str(row["id"]),
                host=row["host"],
                zone=row.get("zone") or "",
                status=row.get("status") or "",
                state=row.get("state") or "",
                disabled_reason=row.get("disabled_reason") or "",
                forced_down=bool(row.get("forced_down")),
                updated_at=row.get("updated_at") or "",
            )
        return found

    def hypervisors(self) -> dict[str, list[Hypervisor]]:
        """All compute nodes by the host of their service. A host that is not mapped to a cell is not in it."""
        found: dict[str, list[Hypervisor]] = {}
        for row in self.pages("/os-hypervisors/detail", "hypervisors"):
            host = row["service"]["host"]
            found.setdefault(host, []).append(
                Hypervisor(
                    id=str(row["id"]),
                    hostname=row["hypervisor_hostname"],
                    type=row.get("hypervisor_type") or "",
                    host=host,
                )
            )
        return found

    def compute_nodes(self) -> list[dict[str, t.Any]]:
        """All compute nodes in one answer, as of an API that had no pages yet: with the host of their service, and
        without the UUIDs, for which :meth:`hypervisors` takes a call for every thousand."""
        return list(self.part("/os-hypervisors/detail", "hypervisors", microversion=UNPAGED))

    def aggregates(self) -> list[dict[str, t.Any]]:
        """All host aggregates."""
        return list(self.part("/os-aggregates", "aggregates"))

    def server_groups(self) -> list[dict[str, t.Any]]:
        """The server groups of all projects."""
        found: list[dict[str, t.Any]] = []
        while True:
            params = {"all_projects": "True", "limit": PAGE, "offset": len(found)}
            rows = self.part("/os-server-groups", "server_groups", params=params, microversion="2.64")
            found += rows
            if not rows:
                return found

    def servers_of_all(self) -> t.Iterator[dict[str, t.Any]]:
        """The servers of all projects as Nova has them, a thousand at a time."""
        return self.pages("/servers/detail", "servers", {"all_tenants": "True", "limit": PAGE})

    def server(self, server_id: str) -> Server:
        """One server.

        :raises NotFoundError: it is gone
        """
        return _server(self.get("/servers/" + server_id)["server"])

    def servers(self, params: t.Mapping[str, t.Any]) -> list[Server]:
        """Servers of this project (with ``all_tenants`` in the query, of all)."""
        return [_server(row) for row in self.pages("/servers/detail", "servers", params)]

    def console(self, server_id: str) -> str:
        """What the guest wrote to its serial console, as much as the hypervisor keeps."""
        path = "/servers/%s/action" % server_id
        body = self.request("POST", path, body={"os-getConsoleOutput": {}}, repeat=True).body
        self._check("POST " + path, body, {"output": Maybe(STRING)})
        return body.get("output") or ""

    def flavors(self) -> list[dict[str, t.Any]]:
        """All flavors, private ones too where the credentials may see them."""
        return list(self.pages("/flavors/detail", "flavors", {"is_public": "None"}, microversion="2.61"))


def _server(row: t.Mapping[str, t.Any]) -> Server:
    return Server(
        id=row["id"],
        name=row.get("name") or "",
        status=row.get("status") or "",
        task=row.get("OS-EXT-STS:task_state") or "",
        host=row.get("OS-EXT-SRV-ATTR:host") or "",
        fault=" ".join(str((row.get("fault") or {}).get("message") or "").split()),
        metadata=row.get("metadata") or {},
    )
