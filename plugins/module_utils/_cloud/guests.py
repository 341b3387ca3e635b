# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Boot a guest on each of some hosts, see it come up, and take it away again, whatever happens.

Every guest carries who made it in its metadata, so that what a killed run left behind is recognised by the next one. A
temporary flavor carries the same in its description.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import os
import re
import socket
import threading
import time
import typing as t
import uuid

from .errors import TRANSIENT, CloudError, ConflictError, HttpError, NotFoundError, UnavailableError, UnreachableError
from .nova import PINNED, ComputeService, Nova, Server
from .waiting import Deadline

KEY = "scaleout_guest_check"
#: what KEY is set to: guests that are ours to remove, and guests that the operator wanted to keep
TEMPORARY = "temporary"
KEPT = "kept"
RUN_KEY = "scaleout_guest_check_run"
# Nova cannot search by metadata, but by tag; what counts is the metadata
TAG = "scaleout-guest-check"
FLAVOR_PREFIX = "scaleout-guest-check-"
#: seconds after its deadline from which on a run on another machine is taken for dead
GRACE = 600
CONSOLE_LINES = 3
#: so many 500s in a row are borne while a guest is watched
BORNE = 3
#: seconds to look for a guest of which it is not known whether Nova made it
LOST = 30.0


@dataclasses.dataclass(frozen=True)
class Owner:
    """A run: where it runs and until when at most (Unix time). As text it is at most 255 characters."""

    run: str
    node: str
    pid: int
    started: str
    until: int

    @classmethod
    def this(cls, seconds: float) -> Owner:
        """This process, for that many seconds."""
        pid = os.getpid()
        return cls(uuid.uuid4().hex[:12], socket.gethostname()[:64], pid, _started(pid), int(time.time() + seconds))

    def __str__(self) -> str:
        return "run=%s node=%s pid=%d started=%s until=%d" % (self.run, self.node, self.pid, self.started, self.until)

    @classmethod
    def parse(cls, text: str) -> Owner | None:
        """The owner that a text contains, None when there is none."""
        found = re.search(r"run=(\w+) node=(\S+) pid=(\d+) started=(\d*) until=(\d+)", text)
        return cls(found[1], found[2], int(found[3]), found[4], int(found[5])) if found else None

    @property
    def alive(self) -> bool:
        """Whether that run may still be at work: on this machine, if its process is there; on another, by its time."""
        if self.node == socket.gethostname()[:64]:
            return bool(_started(self.pid)) and _started(self.pid) == self.started
        return time.time() < self.until + GRACE


def _started(pid: int) -> str:
    """When a process was started, in ticks since the boot; '' when there is none."""
    try:
        with open("/proc/%d/stat" % pid, encoding="utf-8", errors="replace") as stream:
            fields = stream.read().rpartition(")")[2].split()
    except OSError:
        return ""
    return "" if fields[0] in ("Z", "X") else fields[19]


@dataclasses.dataclass(frozen=True)
class Shape:
    """A temporary flavor: memory in MiB, disks in GiB."""

    vcpus: int
    ram: int
    disk: int
    extra_specs: t.Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass
class Guest:
    """What became of the guest of one host. Times in seconds since the request."""

    host: str
    server: str | None = None
    ok: bool = False
    result: str = "not tried"
    active_seconds: float | None = None
    marker_seconds: float | None = None
    gone: bool = True

    def row(self) -> dict[str, t.Any]:
        """For the result of a module."""
        return {
            "host": self.host,
            "server": self.server,
            "ok": self.ok,
            "result": self.result,
            "active_seconds": self.active_seconds,
            "marker_seconds": self.marker_seconds,
            "gone": self.gone,
        }


@dataclasses.dataclass(frozen=True)
class Plan:
    """What to boot, and how long to wait for it (seconds)."""

    image: str
    flavor: str | Shape
    marker: str | None = None
    timeout: float = 300
    delete_timeout: float = 120
    interval: float = 1.0
    concurrency: int = 8
    keep: bool = False
    name_prefix: str = "guest-check-"


class GuestCheck:
    """One run. ``stop`` may be set from a signal handler: nothing new is begun then, all that there is is removed."""

    def __init__(self, nova: Nova, plan: Plan) -> None:
        self.nova = nova
        self.plan = plan
        self.stop = threading.Event()
        self.owner = Owner.this(plan.timeout + plan.delete_timeout)
        self.flavor_id: str | None = None
        self.temporary_flavor = False
        self.removed: list[str] = []

    # ---- before

    def leftovers(self) -> tuple[list[Server], list[dict[str, t.Any]]]:
        """Guests and flavors of runs that are not alive any more."""
        servers = [server for server in self.nova.servers({"tags": TAG}) if self._abandoned(server.metadata)]
        flavors = []
        for flavor in self.nova.flavors():
            if str(flavor["name"]).startswith(FLAVOR_PREFIX):
                owner = Owner.parse(str(flavor.get("description") or ""))
                if owner is not None and not owner.alive:
                    flavors.append(flavor)
        return servers, flavors

    @staticmethod
    def _abandoned(metadata: t.Mapping[str, str]) -> bool:
        owner = Owner.parse(metadata.get(RUN_KEY, ""))
        return metadata.get(KEY) == TEMPORARY and owner is not None and not owner.alive

    def remove_leftovers(self) -> None:
        """Remove them; their names are in ``removed``.

        :raises CloudError: one does not go away
        """
        servers, flavors = self.leftovers()
        troubles = self.nova.cloud.each(lambda server: self._remove(server.id), servers, self.plan.concurrency)
        for server, trouble in zip(servers, troubles, strict=True):
            if trouble:
                text = "The guest %s (%s) that an earlier run left on %s cannot be removed: %s."
                raise CloudError(text % (server.name, server.id, server.host or "no host", trouble.rstrip(".")))
            self.removed.append(server.name)
        for flavor in flavors:
            self._remove_flavor(str(flavor["id"]))
            self.removed.append(str(flavor["name"]))

    # ---- the run

    def run(self, hosts: t.Sequence[ComputeService]) -> list[Guest]:
        """Boot a guest on each, at most ``concurrency`` at a time. Everything made is gone when this returns or raises
        (unless it is to be kept, or a row says that it could not be removed).
        """
        guests = [Guest(service.host) for service in hosts]
        try:
            self._prepare_flavor()
            with concurrent.futures.ThreadPoolExecutor(max_workers=max(1, self.plan.concurrency)) as pool:
                futures = [pool.submit(self._one, guest, hosts[index]) for index, guest in enumerate(guests)]
                for future in futures:
                    future.result()
        finally:
            self.stop.set()
            self._sweep(guests)
        return guests

    def _prepare_flavor(self) -> None:
        flavor = self.plan.flavor
        if isinstance(flavor, str):
            self.flavor_id = flavor
            return
        wanted = {
            "name": FLAVOR_PREFIX + self.owner.run,
            "description": "temporary, made by scaleout.nova.guest_check: %s" % self.owner,
            "vcpus": flavor.vcpus,
            "ram": flavor.ram,
            "disk": flavor.disk,
            "os-flavor-access:is_public": False,
        }
        self.temporary_flavor = True
        made = self.nova.post("/flavors", {"flavor": wanted}, microversion="2.55")["flavor"]
        self.flavor_id = str(made["id"])
        if flavor.extra_specs:
            self.nova.post("/flavors/%s/os-extra_specs" % self.flavor_id, {"extra_specs": dict(flavor.extra_specs)})

    def _one(self, guest: Guest, service: ComputeService) -> None:
        if self.stop.is_set():
            guest.result = "not tried: the run was stopped"
            return
        deadline = Deadline(self.plan.timeout, self.stop)
        try:
            guest.result = self._boot(guest, service, deadline) or "ok"
            guest.ok = guest.result == "ok"
        except CloudError as error:
            guest.result = str(error)
        except Exception as error:
            guest.result = "unexpected: %s: %s" % (type(error).__name__, error)
        finally:
            if guest.server and not self.plan.keep:
                trouble = self._remove(guest.server)
                guest.gone = not trouble
                if trouble:
                    guest.result = (
                        "it came up, but it cannot be removed: "
                        if guest.ok
                        else "%s; it cannot be removed: " % guest.result
                    ) + trouble
                    guest.ok = False

    def _boot(self, guest: Guest, service: ComputeService, deadline: Deadline) -> str:
        """Boot and watch. Returns why not, '' when it came up."""
        body = {
            "name": self._name(guest.host),
            "imageRef": self.plan.image,
            "flavorRef": self.flavor_id,
            "networks": "none",
            "host": guest.host,
            "metadata": {KEY: KEPT if self.plan.keep else TEMPORARY, RUN_KEY: str(self.owner)},
            "tags": [TAG, self._tag],
        }
        if service.zone:
            body["availability_zone"] = service.zone
        try:
            guest.server = str(self.nova.post("/servers", {"server": body}, microversion=PINNED)["server"]["id"])
        except (UnreachableError, UnavailableError) as error:
            if not getattr(error, "sent", True):
                raise
            # it may have been made all the same, or will be in a moment
            guest.server = self._find(guest.host, Deadline(min(LOST, deadline.remaining), self.stop))
            if guest.server is None:
                raise
        guest.gone = False
        trouble = self._until_active(guest.server, guest.host, deadline)
        if trouble:
            return trouble
        guest.active_seconds = round(deadline.elapsed, 1)
        if self.plan.marker is not None:
            trouble = self._until_marker(guest.server, self.plan.marker, deadline)
            guest.marker_seconds = None if trouble else round(deadline.elapsed, 1)
        return trouble

    @property
    def _tag(self) -> str:
        return "%s-%s" % (TAG, self.owner.run)

    def _name(self, host: str) -> str:
        return re.sub(r"[^\w.-]", "-", self.plan.name_prefix + host)[:255]

    def _find(self, host: str, deadline: Deadline) -> str | None:
        """The guest of a host by its marks, None when there is none within the time."""
        while True:
            try:
                for server in self._own():
                    if server.name == self._name(host):
                        return server.id
            except TRANSIENT:
                pass
            if deadline.over:
                return None
            deadline.pause(max(1.0, self.plan.interval))

    def _own(self) -> list[Server]:
        """The guests of this run that there are."""
        return [
            server
            for server in self.nova.servers({"tags": self._tag})
            if server.metadata.get(RUN_KEY) == str(self.owner)
        ]

    def _until_active(self, server_id: str, host: str, deadline: Deadline) -> str:
        """'' when it is ACTIVE, otherwise why not."""
        seen = "no state"
        borne = 0
        while True:
            try:
                server = self.nova.server(server_id)
                borne = 0
                seen = server.status + (" (%s)" % server.task if server.task else "")
                if server.status == "ACTIVE":
                    return ""
                if server.status == "ERROR":
                    return self._why(server, host)
                if server.status not in ("BUILD", "UNKNOWN"):
                    return "it is %s instead of ACTIVE" % server.status
            except NotFoundError:
                return "somebody removed it while it was being built"
            except TRANSIENT as error:
                seen = str(error).rstrip(".")
            except HttpError as error:
                borne += 1
                if error.status < 500 or borne > BORNE:
                    raise
            if deadline.over:
                if self.stop.is_set():
                    return "the run was stopped while it was %s" % seen
                return "not ACTIVE within %.0f s: %s" % (self.plan.timeout, seen)
            deadline.pause(self.plan.interval)

    @staticmethod
    def _why(server: Server, host: str) -> str:
        """The fault in Nova's words, and where the rest of it is."""
        reason = server.fault.rstrip(".") or "it is in ERROR, and Nova does not say why"
        if "No valid host" in reason:
            reason += " (the host is full, or a scheduler filter rules it out: see the log of nova-scheduler)"
        elif "Exceeded maximum number of retries" in reason:
            # the fault of the only attempt, which Nova's API does not give
            reason = "Nova could not build it there: see the log of nova-compute on %s about %s" % (host, server.id)
        return reason[:600]

    def _until_marker(self, server_id: str, marker: str, deadline: Deadline) -> str:
        """'' when the marker is on its console, otherwise why not."""
        text = ""
        trouble = ""
        while True:
            try:
                text, trouble = self.nova.console(server_id), ""
                if marker in text:
                    return ""
            except (ConflictError, *TRANSIENT) as error:
                trouble = str(error).rstrip(".")
            except NotFoundError as error:
                if "Instance" in error.detail and server_id in error.detail:
                    return "somebody removed it before it came up"
                trouble = str(error).rstrip(".")
            except HttpError as error:
                return "its console cannot be read: %s" % (error.detail or error)
            if deadline.over:
                break
            deadline.pause(self.plan.interval)
        if self.stop.is_set():
            return "the run was stopped before it came up"
        last = [line.strip() for line in text.splitlines() if line.strip()][-CONSOLE_LINES:]
        reason = "ACTIVE, but '%s' was not on its console within %.0f s" % (marker, self.plan.timeout)
        reason += "; its last lines: %s" % " / ".join(last) if last else "; its console is empty"
        return (reason + (" (%s)" % trouble if trouble else ""))[:900]

    # ---- after

    def _remove(self, server_id: str) -> str:
        """Delete and wait until it is gone. Returns why it is not, '' when it is."""
        deadline = Deadline(self.plan.delete_timeout)
        asked = False
        seen = "not asked"
        borne = 0
        while True:
            try:
                if not asked:
                    self.nova.delete("/servers/" + server_id)
                    asked = True
                server = self.nova.server(server_id)
                seen = server.status + (" (%s)" % server.task if server.task else "")
                if server.status == "ERROR" and not server.task and deadline.elapsed > 2 * self.plan.interval:
                    reason = server.fault.rstrip(".") or "no reason given"
                    if deadline.elapsed > self.plan.delete_timeout / 4:
                        return "it is in ERROR (%s)" % reason
                    asked = False  # once more
            except NotFoundError:
                return ""
            except (ConflictError, *TRANSIENT) as error:
                seen = str(error).rstrip(".")
            except HttpError as error:
                borne += 1
                if error.status < 500 or borne > BORNE:
                    return str(error).rstrip(".")
            except CloudError as error:
                return str(error).rstrip(".")
            if deadline.over:
                return "it is not gone within %.0f s: %s" % (self.plan.delete_timeout, seen)
            deadline.pause(self.plan.interval)

    def _remove_flavor(self, flavor_id: str) -> None:
        try:
            self.nova.delete("/flavors/" + flavor_id)
        except NotFoundError:
            pass

    def _sweep(self, guests: t.Sequence[Guest]) -> None:
        """What was made without our knowing: a request that was answered too late. And the temporary flavor."""
        known = {guest.server for guest in guests}
        if not self.plan.keep and any(guest.server is None and guest.result != "not tried" for guest in guests):
            try:
                for server in self._own():
                    if server.id not in known:
                        self._remove(server.id)
            except CloudError:
                pass  # the next run finds it
        if self.temporary_flavor:
            try:
                if self.flavor_id is not None:
                    self._remove_flavor(self.flavor_id)
                else:
                    for flavor in self.nova.flavors():
                        if flavor["name"] == FLAVOR_PREFIX + self.owner.run:
                            self._remove_flavor(str(flavor["id"]))
            except CloudError:
                pass  # the next run finds it
