# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Host aggregates: read what a plan has to know, carry out its steps, and plan again until nothing is left to do.

Nova keeps the members of an aggregate in its own database and, for the scheduler, in Placement. When the latter fails,
Nova logs a warning and goes on (nova/compute/api.py, ``AggregateAPI.add_host_to_aggregate``): so it is looked at here.
"""

from __future__ import annotations

import collections
import collections.abc as c
import dataclasses
import functools
import itertools
import random
import time
import typing as t

from .._aggregates.model import IMAGES_KEY, OWNER_KEY, Declaration, Facts, Observed, Plan, Step
from .._aggregates.plan import plan
from .._capacity.model import Aggregate
from . import snapshot
from .computes import read_aggregates, servers_of
from .errors import TRANSIENT, CloudError, ConflictError, HttpError, NotFoundError
from .glance import Glance
from .hosts import HostReader
from .nova import Nova
from .parallel import NotTriedError, despite_conflicts, settle
from .placement import Placement
from .session import Cloud

#: so many hosts are changed at the same time
WORKERS = 8
#: how often steps are planned and carried out that something gets in the way of
ROUNDS = 5
#: longest pause after the first of these rounds, in seconds; it doubles
PAUSE = 0.3
#: of so many hosts the servers are counted by a question for each, of more in the list of all servers
FEW_HOSTS = 8
#: what this collection remembers in metadata begins so
OWN_KEYS = "scaleout:"
#: the images of an aggregate, where they are remembered by a digest
DIGEST = "sha256:"
#: images to cache (Ussuri)
IMAGES = "2.81"

#: When membership in Placement is compared with that in Nova: of aggregates whose hosts were changed, of all declared
#: ones, or never.
VERIFY = ("changed", "declared", "never")


@dataclasses.dataclass(frozen=True)
class Wanted:
    """What the operator declares.

    :param scope: hosts that may be moved; None for all that the facts name, or without facts all of the cloud
    :param verify: one of :data:`VERIFY`
    """

    declaration: Declaration
    facts: Facts | None
    scope: tuple[str, ...] | None
    purge: bool
    owner: str
    verify: str = VERIFY[0]


@dataclasses.dataclass
class Outcome:
    """What became of a plan.

    :param applied: steps that were carried out, repairs of Placement among them
    :param pending: steps that are left
    :param error: why they are left; empty where none is
    """

    applied: list[Step] = dataclasses.field(default_factory=list)
    pending: tuple[Step, ...] = ()
    error: str = ""


# ---- reading


def read_declarable(cloud: Cloud) -> tuple[list[Aggregate], frozenset[str]]:
    """All aggregates, sorted by name, and the compute hosts that there are."""
    nova = Nova(cloud)
    parts: list[c.Callable[[], t.Any]] = [lambda: read_aggregates(nova), nova.compute_services]
    found, services = cloud.each(lambda part: part(), parts)
    return list(found), frozenset(services)


def as_declared(each: Aggregate, hosts: c.Container[str]) -> dict[str, t.Any]:
    """The declaration that an aggregate is as it is.

    :param hosts: compute hosts that there are; others cannot be declared
    """
    metadata = {key: value for key, value in sorted(each.metadata.items()) if not key.startswith(OWN_KEYS)}
    declared = {
        "name": each.name,
        "zone": each.zone,
        "metadata": metadata,
        "hosts": [host for host in each.hosts if host in hosts],
    }
    images = each.metadata.get(IMAGES_KEY, "")
    if images and not images.startswith(DIGEST):
        declared["images"] = images.split(",")
    return declared


def by_owner(aggregates: c.Iterable[Aggregate]) -> dict[str, list[str]]:
    """Names of aggregates by the owner that they are marked with."""
    found: dict[str, list[str]] = collections.defaultdict(list)
    for each in aggregates:
        if owner := each.metadata.get(OWNER_KEY):
            found[owner].append(each.name)
    return dict(sorted(found.items()))


class Reader:
    """Reads of a cloud what the plan for a declaration has to know, and no more.

    Two calls for aggregates and services; more only for what the declaration asks about hosts.
    """

    def __init__(self, cloud: Cloud, wanted: Wanted) -> None:
        self.cloud = cloud
        self.wanted = wanted
        self.nova = Nova(cloud)
        self.placement = Placement(cloud)
        self.hosts = HostReader(cloud, wanted.declaration, wanted.facts or {})
        self.nodes = self.hosts.nodes

    def read(self) -> Observed:
        """The cloud as it is."""
        parts: list[c.Callable[[], t.Any]] = [lambda: read_aggregates(self.nova), self.hosts.read, self._snapshot]
        aggregates, hosts, taken = self.cloud.each(lambda part: part(), parts)
        observed = Observed(hosts=hosts, aggregates=aggregates, snapshot=taken)
        if self.wanted.verify == "declared":
            observed = self._with_mirror(observed, {each.name for each in self.wanted.declaration.aggregates})
        return observed

    def again(self, before: Observed, changed: c.Set[str]) -> Observed:
        """The aggregates as they are now, with what was read of the hosts before.

        :param changed: names of aggregates whose hosts were changed
        """
        observed = dataclasses.replace(before, aggregates=read_aggregates(self.nova))
        return observed if self.wanted.verify == "never" else self._with_mirror(observed, changed)

    def with_counts(self, observed: Observed, hosts: c.Collection[str]) -> Observed:
        """With the number of servers on these hosts."""
        if len(hosts) <= FEW_HOSTS:
            names = sorted(hosts)
            found = self.cloud.each(lambda host: len(servers_of(self.nova, host)), names)
            counts: c.Mapping[str, int] = dict(zip(names, found, strict=True))
        else:
            counts = collections.Counter(row.get("OS-EXT-SRV-ATTR:host") or "" for row in self.nova.servers_of_all())
        counted = {
            host: dataclasses.replace(each, servers=counts.get(host, 0)) if host in hosts else each
            for host, each in observed.hosts.items()
        }
        return dataclasses.replace(observed, hosts=counted)

    def with_servers(self, observed: Observed) -> Observed:
        """With a snapshot that has all servers, and what they take."""
        taken, _readings = snapshot.read(self.cloud, snapshot.Options(servers=True))
        return dataclasses.replace(observed, snapshot=taken)

    def _snapshot(self) -> t.Any:
        return snapshot.read(self.cloud)[0] if self.hosts.needs.snapshot else None

    def _with_mirror(self, observed: Observed, names: c.Set[str]) -> Observed:
        """With what Placement has of the named aggregates; of the others with what was known, or with what Nova has."""
        before = observed.mirror or {}
        mirror: dict[str, c.Set[str]] = {
            each.uuid: before.get(each.uuid, frozenset(each.hosts)) for each in observed.aggregates
        }
        uuids = [each.uuid for each in observed.aggregates if each.name in names]
        if uuids:
            self.nodes()  # once, and not in every thread
        members = self.cloud.each(lambda uuid: self.hosts.of_providers(self.placement.providers(member_of=uuid)), uuids)
        mirror.update(zip(uuids, members, strict=True))
        return dataclasses.replace(observed, mirror=mirror)


# ---- writing


class Writer:
    """Carries out steps; threads may share it.

    :param aggregates: those that there are
    :param images: IDs by what the declaration calls them
    """

    def __init__(self, reader: Reader, aggregates: c.Iterable[Aggregate], images: c.Mapping[str, str]) -> None:
        self.nova = reader.nova
        self.placement = reader.placement
        self.nodes = reader.nodes
        self.images = images
        self._ids = {each.name: each.id for each in aggregates}
        self._uuids = {each.name: each.uuid for each in aggregates}

    def write(self, step: Step) -> None:
        """One step.

        :raises CloudError: it may have been carried out all the same, where the answer was lost
        """
        writers: dict[str, c.Callable[[Step], None]] = {
            "create": self._create,
            "metadata": self._metadata,
            "zone": self._zone,
            "add_host": lambda step: self._action(step, {"add_host": {"host": step.host}}),
            "remove_host": lambda step: self._action(step, {"remove_host": {"host": step.host}}),
            "mirror_add": lambda step: self._mirror(step, present=True),
            "mirror_remove": lambda step: self._mirror(step, present=False),
            "images": self._images,
            "delete": self._delete,
        }
        writers[step.kind](step)

    def _path(self, step: Step) -> str:
        return "/os-aggregates/%d" % self._ids[step.aggregate]

    def _action(self, step: Step, body: t.Mapping[str, t.Any], repeat: bool | None = None) -> None:
        self.nova.request("POST", self._path(step) + "/action", body=body, repeat=repeat)

    def _create(self, step: Step) -> None:
        """With its zone in the same request: there is no moment in which it has none."""
        body = {"name": step.aggregate}
        if zone := (step.after or {}).get("zone"):
            body["availability_zone"] = zone
        made = self.nova.post("/os-aggregates", {"aggregate": body})["aggregate"]
        self._ids[step.aggregate] = made["id"]

    def _metadata(self, step: Step) -> None:
        self._action(step, {"set_metadata": {"metadata": dict(step.after or {})}}, repeat=True)

    def _zone(self, step: Step) -> None:
        zone = (step.after or {})["zone"]
        self.nova.put(self._path(step), {"aggregate": {"availability_zone": zone}})

    def _images(self, step: Step) -> None:
        ids = dict.fromkeys(self.images[name] for name in (step.after or {})["images"])  # Nova takes each only once
        cache = [{"id": image} for image in ids]
        self.nova.request("POST", self._path(step) + "/images", body={"cache": cache}, microversion=IMAGES, repeat=True)

    def _delete(self, step: Step) -> None:
        try:
            self.nova.delete(self._path(step))
        except NotFoundError:
            pass  # somebody else did, or we, and the answer was lost

    def _mirror(self, step: Step, present: bool) -> None:
        """Have the host's resource provider in the aggregate, or not in it."""
        nodes = self.nodes().get(step.host, [])
        if not nodes:
            raise CloudError("The host %s has no hypervisor, and so no resource provider." % step.host)
        uuid = self._uuids[step.aggregate]
        for node in nodes[:1] if present else nodes:
            despite_conflicts(functools.partial(_set_member, self.placement, node.id, uuid, present))


def _set_member(placement: Placement, provider: str, uuid: str, present: bool) -> None:
    """Have a resource provider in an aggregate, or not in it, and in all others as it is.

    :raises ConflictError: somebody else changed the provider meanwhile
    """
    path = "/resource_providers/%s/aggregates" % provider
    body = placement.get(path)
    aggregates = set(body["aggregates"])
    if present != (uuid in aggregates):
        body["aggregates"] = sorted(aggregates ^ {uuid})
        placement.put(path, body)


# ---- planning, and what follows


@dataclasses.dataclass
class Written:
    """Steps that were carried out, those that failed, and why."""

    done: list[Step] = dataclasses.field(default_factory=list)
    failed: list[tuple[Step, CloudError]] = dataclasses.field(default_factory=list)
    error: str = ""

    @property
    def passing(self) -> bool:
        """Whether another attempt may go better."""
        return all(
            isinstance(error, (ConflictError, NotFoundError, NotTriedError, *TRANSIENT)) or _internal(error)
            for _step, error in self.failed
        )

    def done_after_all(self, observed: Observed) -> list[Step]:
        """Steps whose answer was lost, or an error, and that were carried out all the same."""
        return [
            step
            for step, error in self.failed
            if (isinstance(error, TRANSIENT) or _internal(error)) and _holds(step, observed)
        ]


def _internal(error: CloudError) -> bool:
    return isinstance(error, HttpError) and error.status >= 500


def _holds(step: Step, observed: Observed) -> bool:
    """Whether the cloud is as the step makes it. Of images nobody can tell."""
    there = {each.name: each for each in observed.aggregates}.get(step.aggregate)
    if there is None or step.kind == "delete":
        return there is None and step.kind == "delete"
    after = dict(step.after or {})
    mirrored = (observed.mirror or {}).get(there.uuid, frozenset())
    holds: dict[str, c.Callable[[], bool]] = {
        "create": lambda: after["zone"] == there.zone,
        "metadata": lambda: all(there.metadata.get(key) == value for key, value in after.items()),
        "zone": lambda: after["zone"] == there.zone,
        "add_host": lambda: step.host in there.hosts,
        "remove_host": lambda: step.host not in there.hosts,
        "mirror_add": lambda: step.host in mirrored,
        "mirror_remove": lambda: step.host not in mirrored,
    }
    return step.kind in holds and holds[step.kind]()


class Manager:
    """Plans what makes a cloud as declared, and does it."""

    def __init__(self, cloud: Cloud, wanted: Wanted) -> None:
        self.cloud = cloud
        self.wanted = wanted
        self.reader = Reader(cloud, wanted)
        self._observed = Observed()
        self._created: set[str] = set()
        self._images: dict[str, str] = {}

    def plan(self) -> Plan:
        """The whole plan; nothing is sent.

        :raises CloudError: the cloud cannot be read
        """
        self._observed = self.reader.read()
        return self._plan()

    def _plan(self) -> Plan:
        while True:
            wanted = self.wanted
            made = plan(self._declaration(), self._observed, wanted.facts, wanted.scope, wanted.purge, wanted.owner)
            if made.count_servers:
                self._observed = self.reader.with_counts(self._observed, frozenset(made.count_servers))
            elif made.wants_servers:
                self._observed = self.reader.with_servers(self._observed)
            else:
                problems = self._find_images(made)
                return dataclasses.replace(made, steps=(), problems=problems) if problems else made

    def _declaration(self) -> Declaration:
        """What is declared, with the mark of the owner for what this run has created: the request that creates an
        aggregate cannot carry it."""
        declaration, mark = self.wanted.declaration, {OWNER_KEY: self.wanted.owner}
        aggregates = tuple(
            dataclasses.replace(each, metadata={**each.metadata, **mark}) if each.name in self._created else each
            for each in declaration.aggregates
        )
        return dataclasses.replace(declaration, aggregates=aggregates)

    def _find_images(self, made: Plan) -> tuple[str, ...]:
        """Find the images of the steps; what is wrong with them."""
        names = {name for step in made.steps if step.kind == "images" for name in (step.after or {})["images"]}
        glance = Glance(self.cloud)
        problems = []
        for name in sorted(names - self._images.keys()):
            try:
                self._images[name] = glance.find(name)["id"]
            except TRANSIENT:
                raise
            except CloudError as error:
                problems.append(str(error))
        return tuple(problems)

    def apply(self, made: Plan) -> Outcome:
        """Carry the plan out, read what has become of it, and do what is left, a few times.

        What is left may be a step that failed, one that somebody else undid, or what Nova did not tell Placement.
        """
        outcome = Outcome(pending=made.steps)
        for attempt in range(ROUNDS):
            if attempt:
                time.sleep(random.uniform(0.5, 1) * PAUSE * 2 ** (attempt - 1))
            written = self._write(outcome.pending)
            self._note(outcome, written.done)
            outcome.error = written.error
            done = {id(step) for step in written.done}
            outcome.pending = tuple(step for step in outcome.pending if id(step) not in done)
            try:
                self._observed = self.reader.again(self._observed, {step.aggregate for step in made.steps if step.host})
                self._note(outcome, written.done_after_all(self._observed))
                made = self._plan()
            except CloudError as error:
                outcome.error = outcome.error or "What has become of the aggregates could not be read. %s" % error
                return outcome
            if made.problems:
                outcome.error = " ".join(["Meanwhile something else changed.", *made.problems, outcome.error]).strip()
                return outcome
            outcome.pending = made.steps
            if not made.steps:
                outcome.error = ""
                return outcome
            if not written.passing:
                return outcome
        outcome.error = outcome.error or "Something else changes these aggregates all the time."
        return outcome

    def _note(self, outcome: Outcome, steps: c.Iterable[Step]) -> None:
        """These steps were carried out."""
        for step in steps:
            outcome.applied.append(step)
            if step.kind == "create":
                self._created.add(step.aggregate)

    def _write(self, steps: c.Iterable[Step]) -> Written:
        """Stage by stage. A stage in which something failed is the last one."""
        writer = Writer(self.reader, self._observed.aggregates, self._images)
        written = Written()
        for _number, stage in itertools.groupby(steps, key=lambda step: step.stage):
            chains: dict[str, list[Step]] = collections.defaultdict(list)
            for step in stage:
                chains[step.host or step.aggregate].append(step)
            self._write_chains(writer, list(chains.values()), written)
            if written.failed:
                break
        return written

    def _write_chains(self, writer: Writer, chains: c.Sequence[c.Sequence[Step]], written: Written) -> None:
        """Steps of one host, or of one aggregate, one after the other; those of different ones at the same time."""
        counts = [0] * len(chains)

        def carry_out(number: int) -> None:
            for step in chains[number]:
                writer.write(step)
                counts[number] += 1

        settled = settle(self.cloud, carry_out, range(len(chains)), WORKERS)
        for chain, count in zip(chains, counts, strict=True):
            written.done += chain[:count]
        written.failed = [(chains[number][counts[number]], error) for number, error in settled.failed]
        written.error = settled.message("hosts and aggregates could not be changed") if settled.failed else ""
