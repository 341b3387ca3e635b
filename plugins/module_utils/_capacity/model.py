# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot of a cloud: one value that every question is asked of, and its JSON file.

Amounts are in the units of the resource class (VCPU in CPUs, MEMORY_MB in MiB, DISK_GB in GiB), memory of flavors and
servers in MiB, disks in GiB, swap in MiB. Unknown keys are errors, except below ``source``.
"""

from __future__ import annotations

import functools
import json
import os
import tempfile
import typing as t
from dataclasses import dataclass, field

from .errors import SnapshotError

FORMAT = "scaleout.nova/cloud-snapshot"
VERSION = 1
SHARING = "MISC_SHARES_VIA_AGGREGATE"  # the trait of a provider that gives to all trees of its aggregates


@dataclass(frozen=True, slots=True)
class Inventory:
    """What a provider has of one resource class.

    :param capacity: ``int((total - reserved) * allocation_ratio)``
    :param used: the sum of all allocations
    :param admits: amounts that Placement was seen to accept as far as units go
    """

    capacity: int
    used: int = 0
    total: int | None = None
    reserved: int | None = None
    allocation_ratio: float | None = None
    min_unit: int | None = None
    max_unit: int | None = None
    step_size: int | None = None
    admits: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class Provider:
    """A resource provider.

    :param parent: uuid, None for the root of a tree
    :param aggregates: uuids of Placement aggregates
    """

    uuid: str
    name: str
    parent: str | None = None
    generation: int = 0
    inventories: dict[str, Inventory] = field(default_factory=dict)
    traits: frozenset[str] = frozenset()
    aggregates: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Host:
    """A compute node with its service.

    :param name: host of the service
    :param node: hypervisor_hostname
    :param provider: uuid of the root provider
    :param status: "enabled" or "disabled"
    :param state: "up" or "down"
    """

    name: str
    node: str
    provider: str | None = None
    zone: str = "nova"
    cell: str | None = None
    hypervisor_type: str = ""
    status: str = "enabled"
    state: str = "up"
    disabled_reason: str = ""
    forced_down: bool = False


@dataclass(frozen=True, slots=True)
class Aggregate:
    """A host aggregate of Nova's; ``hosts`` are names of services."""

    id: int
    uuid: str
    name: str
    zone: str | None = None
    metadata: dict[str, str] = field(default_factory=dict)
    hosts: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flavor:
    """A flavor of Nova's."""

    id: str
    name: str
    vcpus: int
    ram_mib: int
    root_gib: int
    ephemeral_gib: int = 0
    swap_mib: int = 0
    public: bool = True
    disabled: bool = False
    extra_specs: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)  # not frozen only because there are hundreds of thousands, and that takes twice the time
class Server:
    """A server; ``flavor`` and ``zone`` are names, ``project`` and ``group`` ids."""

    uuid: str
    host: str | None = None
    node: str | None = None
    flavor: str | None = None
    project: str = ""
    group: str | None = None
    status: str = "ACTIVE"
    zone: str | None = None
    vcpus: int = 0
    ram_mib: int = 0
    disk_gib: int = 0


@dataclass(frozen=True, slots=True)
class ServerGroup:
    """A server group; ``members`` are uuids of servers."""

    uuid: str
    name: str
    policy: str
    max_server_per_host: int | None = None
    project: str = ""
    members: tuple[str, ...] = ()


@dataclass(slots=True)
class Snapshot:
    """A cloud at a moment.

    :param taken_at: UTC, ISO 8601
    :param parts: which of the lists are complete; what is not named there was not read
    :param limits: what the reader could not see, in words
    """

    taken_at: str = ""
    source: dict[str, t.Any] = field(default_factory=dict)
    parts: tuple[str, ...] = ()
    providers: list[Provider] = field(default_factory=list)
    hosts: list[Host] = field(default_factory=list)
    aggregates: list[Aggregate] = field(default_factory=list)
    flavors: list[Flavor] = field(default_factory=list)
    servers: list[Server] = field(default_factory=list)
    server_groups: list[ServerGroup] = field(default_factory=list)
    limits: tuple[str, ...] = ()


# More than a Placement can have (its numbers have 32 bits, its ratios are single precision), and little enough for sums
# and products to be numbers still.
LARGEST = 10**60
LARGEST_RATIO = 1e39

PARTS = ("providers", "hosts", "aggregates", "flavors", "servers", "server_groups")


# ---- validation: by hand, because a snapshot may have hundreds of thousands of records


class _Bad(Exception):
    """A bad value: the way to it (innermost first) and what is wrong with it."""

    def __init__(self, wrong: str, *way: str) -> None:
        super().__init__(wrong)
        self.wrong = wrong
        self.way = list(way)

    def below(self, step: str) -> _Bad:
        self.way.append(step)
        return self


class _Kind(t.NamedTuple):
    """A kind of value: what it must be, in words; the test; what makes the value in memory of that in the document."""

    words: str
    test: t.Callable[[t.Any], bool]
    convert: t.Callable[[t.Any], t.Any] | None = None


class _Field(t.NamedTuple):
    name: str
    kind: _Kind
    default: t.Any = ...  # ... for a field that must be there


# The class itself is looked at: true is no whole number, and a subclass does not come out of JSON.
def _is_texts(value: t.Any) -> bool:
    return value.__class__ is list and all(item.__class__ is str for item in value)


def _is_text_map(value: t.Any) -> bool:
    return value.__class__ is dict and all(item.__class__ is str for item in value.values())


def _is_ratio(value: t.Any) -> bool:
    return value.__class__ in (int, float) and 0 < value < LARGEST_RATIO


def _is_amounts(value: t.Any) -> bool:
    return value.__class__ is list and all(item.__class__ is int and 0 < item < LARGEST for item in value)


@functools.lru_cache(maxsize=4096)
def _text_set(values: tuple[str, ...]) -> frozenset[str]:
    """The set of these, one for all records that have the same: hosts have dozens of traits, all alike."""
    return frozenset(values)


def _choice(*words: str) -> _Kind:
    return _Kind(" or ".join(json.dumps(word) for word in words), words.__contains__)


_TEXT = _Kind("a text", lambda value: value.__class__ is str)
_NAME = _Kind("a text that is not empty", lambda value: value.__class__ is str and value != "")
_MAYBE_NAME = _Kind("a text that is not empty, or null", lambda value: value is None or _NAME.test(value))
_FLAG = _Kind("true or false", lambda value: value.__class__ is bool)
_COUNT = _Kind("a whole number, 0 or more", lambda value: value.__class__ is int and 0 <= value < LARGEST)
_MAYBE_COUNT = _Kind("a whole number, 0 or more, or null", lambda value: value is None or _COUNT.test(value))
_MAYBE_UNIT = _Kind(
    "a whole number, 1 or more, or null",
    lambda value: value is None or (value.__class__ is int and 0 < value < LARGEST),
)
_MAYBE_RATIO = _Kind(
    "a number above 0, or null",
    lambda value: value is None or _is_ratio(value),
    lambda value: None if value is None else float(value),
)
_AMOUNTS = _Kind("a list of whole numbers, 1 or more", _is_amounts, tuple)
_TEXTS = _Kind("a list of texts", _is_texts, tuple)
_TEXT_SET = _Kind("a list of texts", _is_texts, lambda value: _text_set(tuple(value)))
_TEXT_MAP = _Kind("an object whose values are texts", _is_text_map, dict)
_OBJECT = _Kind("an object", lambda value: value.__class__ is dict, dict)
_STATUS = _choice("enabled", "disabled")
_STATE = _choice("up", "down")

_INVENTORY = (
    _Field("capacity", _COUNT),
    _Field("used", _COUNT),
    _Field("total", _MAYBE_COUNT, None),
    _Field("reserved", _MAYBE_COUNT, None),
    _Field("allocation_ratio", _MAYBE_RATIO, None),
    _Field("min_unit", _MAYBE_UNIT, None),
    _Field("max_unit", _MAYBE_UNIT, None),
    _Field("step_size", _MAYBE_UNIT, None),
    _Field("admits", _AMOUNTS, []),
)
_PROVIDER = (
    _Field("uuid", _NAME),
    _Field("name", _NAME),
    _Field("parent", _MAYBE_NAME, None),
    _Field("generation", _COUNT, 0),
    _Field("inventories", _OBJECT, {}),
    _Field("traits", _TEXT_SET, []),
    _Field("aggregates", _TEXT_SET, []),
)
_HOST = (
    _Field("name", _NAME),
    _Field("node", _NAME),
    _Field("provider", _MAYBE_NAME, None),
    _Field("zone", _NAME, "nova"),
    _Field("cell", _MAYBE_NAME, None),
    _Field("hypervisor_type", _TEXT, ""),
    _Field("status", _STATUS),
    _Field("state", _STATE),
    _Field("disabled_reason", _TEXT, ""),
    _Field("forced_down", _FLAG, False),
)
_AGGREGATE = (
    _Field("id", _COUNT),
    _Field("uuid", _NAME),
    _Field("name", _NAME),
    _Field("zone", _MAYBE_NAME, None),
    _Field("metadata", _TEXT_MAP, {}),
    _Field("hosts", _TEXTS, []),
)
_FLAVOR = (
    _Field("id", _NAME),
    _Field("name", _NAME),
    _Field("vcpus", _COUNT),
    _Field("ram_mib", _COUNT),
    _Field("root_gib", _COUNT),
    _Field("ephemeral_gib", _COUNT, 0),
    _Field("swap_mib", _COUNT, 0),
    _Field("public", _FLAG, True),
    _Field("disabled", _FLAG, False),
    _Field("extra_specs", _TEXT_MAP, {}),
)
_SERVER = (
    _Field("uuid", _NAME),
    _Field("host", _MAYBE_NAME, None),
    _Field("node", _MAYBE_NAME, None),
    _Field("flavor", _MAYBE_NAME, None),
    _Field("project", _TEXT, ""),
    _Field("group", _MAYBE_NAME, None),
    _Field("status", _NAME),
    _Field("zone", _MAYBE_NAME, None),
    _Field("vcpus", _COUNT, 0),
    _Field("ram_mib", _COUNT, 0),
    _Field("disk_gib", _COUNT, 0),
)
_SERVER_GROUP = (
    _Field("uuid", _NAME),
    _Field("name", _NAME),
    _Field("policy", _NAME),
    _Field("max_server_per_host", _MAYBE_UNIT, None),
    _Field("project", _TEXT, ""),
    _Field("members", _TEXTS, []),
)
_LISTS: tuple[tuple[str, type, tuple[_Field, ...], str], ...] = (  # name, class, fields, what is unique
    ("providers", Provider, _PROVIDER, "uuid"),
    ("hosts", Host, _HOST, "node"),
    ("aggregates", Aggregate, _AGGREGATE, "id"),
    ("flavors", Flavor, _FLAVOR, "name"),
    ("servers", Server, _SERVER, "uuid"),
    ("server_groups", ServerGroup, _SERVER_GROUP, "uuid"),
)
_PARTS = _Kind(
    "a list of some of " + ", ".join(PARTS), lambda value: _is_texts(value) and set(value) <= set(PARTS), tuple
)
_TOP = (
    _Field("taken_at", _TEXT),
    _Field("source", _OBJECT, {}),
    _Field("parts", _PARTS),
    _Field("limits", _TEXTS, []),
)


def _values(item: t.Any, fields: tuple[_Field, ...]) -> list[t.Any]:
    """The values of an object of the document in the order of the fields."""
    if item.__class__ is not dict:
        raise _Bad("is %s: it must be an object" % _shown(item))
    values = []
    found = 0
    for name, kind, default in fields:
        if name in item:
            found += 1
            value = item[name]
            if not kind.test(value):
                raise _Bad("is %s: it must be %s" % (_shown(value), kind.words), name)
        elif default is ...:
            raise _Bad("is missing: it must be %s" % kind.words, name)
        else:
            value = default
        values.append(kind.convert(value) if kind.convert else value)
    if found != len(item):
        known = [entry.name for entry in fields]
        raise _Bad("is unknown: the keys are %s" % ", ".join(known), next(key for key in item if key not in known))
    return values


def _shown(value: t.Any) -> str:
    if value.__class__ is int and abs(value) >= LARGEST:
        return "a number of more than 60 digits"
    try:
        text = json.dumps(value)
    except RecursionError:
        return "nested too deeply"
    return text if len(text) <= 60 else text[:57] + "..."


def _inventory(item: t.Any) -> Inventory:
    inventory = Inventory(*_values(item, _INVENTORY))
    total, reserved, ratio = inventory.total, inventory.reserved, inventory.allocation_ratio
    if total is not None and reserved is not None and ratio is not None:
        right = int((total - reserved) * ratio)
        if inventory.capacity != right:
            wrong = "is %d: total, reserved and allocation_ratio make %d" % (inventory.capacity, right)
            raise _Bad(wrong, "capacity")
    return inventory


def _inventories(items: dict[str, t.Any]) -> dict[str, Inventory]:
    found = {}
    for name, item in items.items():
        try:
            found[name] = _inventory(item)
        except _Bad as bad:
            raise bad.below(name).below("inventories") from None
    return found


def _records(items: t.Any, cls: type, fields: tuple[_Field, ...], key: str) -> list[t.Any]:
    """The records of one list; ``key`` is the attribute that no two may have in common."""
    if items.__class__ is not list:
        raise _Bad("is %s: it must be a list" % _shown(items))
    records = []
    seen: dict[t.Any, int] = {}
    for number, item in enumerate(items):
        try:
            values = _values(item, fields)
            if cls is Provider:
                values[4] = _inventories(values[4])
            record = cls(*values)
            if (first := seen.setdefault(getattr(record, key), number)) != number:
                raise _Bad("is %s: [%d] has it already" % (_shown(getattr(record, key)), first), key)
        except _Bad as bad:
            raise bad.below("[%d]" % number) from None
        records.append(record)
    return records


def _check_parents(providers: list[Provider]) -> None:
    """Every parent is there, and no provider is its own ancestor."""
    parents = {provider.uuid: provider.parent for provider in providers}
    rooted: set[str] = set()
    for number, provider in enumerate(providers):
        way: dict[str, None] = {}
        uuid: str | None = provider.uuid
        while uuid is not None and uuid not in rooted:
            if uuid in way:
                raise _Bad("makes a loop of parents", "parent", "[%d]" % number, "providers")
            if uuid not in parents:
                raise _Bad("is %s: there is no such provider" % _shown(uuid), "parent", "[%d]" % number, "providers")
            way[uuid] = None
            uuid = parents[uuid]
        rooted.update(way)


def _check_hosts(snapshot: Snapshot) -> None:
    """The provider of every host is there, is the root of a tree, and belongs to no other host."""
    parents = {provider.uuid: provider.parent for provider in snapshot.providers}
    taken: dict[str, int] = {}
    for number, host in enumerate(snapshot.hosts):
        if host.provider is None:
            continue
        if host.provider not in parents:
            wrong = "there is no such provider"
        elif parents[host.provider] is not None:
            wrong = "this provider is not the root of a tree"
        elif (first := taken.setdefault(host.provider, number)) != number:
            wrong = "[%d] has it already" % first
        else:
            continue
        raise _Bad("is %s: %s" % (_shown(host.provider), wrong), "provider", "[%d]" % number, "hosts")


def _check_format(document: t.Any) -> None:
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        raise SnapshotError("this is no snapshot of a cloud: it has no format %s" % json.dumps(FORMAT))
    version = document.get("version")
    if version.__class__ is not int or version < 1:
        raise SnapshotError("version is %s: it must be a whole number, %d or less" % (_shown(version), VERSION))
    if version > VERSION:
        raise SnapshotError(
            "the snapshot has version %d, and this release of scaleout.nova reads versions up to %d"
            % (version, VERSION)
        )


def parse(document: t.Any) -> Snapshot:
    """The snapshot of a JSON document.

    :raises SnapshotError: names the path of the first bad value: ``providers[3].inventories.VCPU.used``
    """
    _check_format(document)
    lists = {name for name, _cls, _fields, _key in _LISTS}
    top = {key: value for key, value in document.items() if key not in lists and key not in ("format", "version")}
    try:
        taken_at, source, parts, limits = _values(top, _TOP)
        snapshot = Snapshot(taken_at=taken_at, source=source, parts=parts, limits=limits)
        for name, cls, fields, key in _LISTS:
            try:
                setattr(snapshot, name, _records(document.get(name, []), cls, fields, key))
            except _Bad as bad:
                raise bad.below(name) from None
        _check_parents(snapshot.providers)
        if "providers" in snapshot.parts:
            _check_hosts(snapshot)
    except _Bad as bad:
        raise SnapshotError("%s %s" % (_path(bad.way), bad.wrong)) from None
    return snapshot


def _path(way: list[str]) -> str:
    """``["used", "VCPU", "inventories", "[3]", "providers"]`` as ``providers[3].inventories.VCPU.used``."""
    return ".".join(reversed(way)).replace(".[", "[")


def load(path: str | os.PathLike[str]) -> Snapshot:
    """The snapshot of a file.

    :raises SnapshotError: also when the file cannot be read, or is not JSON
    """
    try:
        with open(path, encoding="utf-8") as file:
            document = json.load(file)
    except OSError as error:
        raise SnapshotError("the snapshot %s cannot be read: %s" % (path, error.strerror)) from error
    except (ValueError, RecursionError) as error:
        raise SnapshotError("the snapshot %s is not JSON, or not all of it: %s" % (path, error)) from error
    try:
        return parse(document)
    except SnapshotError as error:
        raise SnapshotError("%s: %s" % (path, error)) from error


# ---- writing


def _record(value: t.Any, fields: tuple[_Field, ...]) -> dict[str, t.Any]:
    """An object of the document; what has its default is left out."""
    record = {}
    for name, kind, default in fields:
        held = getattr(value, name)
        if kind is _TEXT_SET:
            held = sorted(held)
        elif held.__class__ is tuple:
            held = list(held)
        if held != default:
            record[name] = held
    return record


def dump(snapshot: Snapshot) -> dict[str, t.Any]:
    """The JSON document of a snapshot: what :func:`parse` reads."""
    document: dict[str, t.Any] = {"format": FORMAT, "version": VERSION, **_record(snapshot, _TOP)}
    for name, cls, fields, _key in _LISTS:
        records = [_record(value, fields) for value in getattr(snapshot, name)]
        if cls is Provider:
            for record in records:
                if "inventories" in record:
                    record["inventories"] = {
                        rc: _record(inventory, _INVENTORY) for rc, inventory in sorted(record["inventories"].items())
                    }
        document[name] = records
    return document


def _text(document: dict[str, t.Any]) -> t.Iterator[str]:
    """The document as JSON with one record a line, which diffs and greps well."""
    separator = "{\n"
    for key, value in document.items():
        yield "%s%s: " % (separator, json.dumps(key))
        separator = ",\n"
        if key in PARTS and value:
            yield "[\n" + ",\n".join(json.dumps(record) for record in value) + "\n]"
        else:
            yield json.dumps(value)
    yield "\n}\n"


def write(path: str | os.PathLike[str], snapshot: Snapshot, mode: int = 0o600) -> None:
    """Write the file of a snapshot; an earlier one stays whole until the new one takes its place.

    :raises SnapshotError: the file cannot be written
    """
    path = os.fspath(path)
    temporary = None
    try:
        descriptor, temporary = tempfile.mkstemp(prefix=".snapshot-", dir=os.path.dirname(path) or ".")
        with open(descriptor, "w", encoding="utf-8") as file:
            file.writelines(_text(dump(snapshot)))
        os.chmod(temporary, mode)
        os.replace(temporary, path)
    except OSError as error:
        if temporary is not None:
            os.unlink(temporary)
        raise SnapshotError("the snapshot %s cannot be written: %s" % (path, error.strerror)) from error
