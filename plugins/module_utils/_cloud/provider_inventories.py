# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Inventories of resource providers as they are wanted: what is wrong with that, what changes, what will not last."""

from __future__ import annotations

import dataclasses
import math
import re
import typing as t

from .._capacity import inventory as arithmetic
from .errors import near
from .parallel import despite_conflicts
from .placement import Placement
from .selection import ProblemsError, Target

Inventory = dict[str, t.Any]
Inventories = dict[str, Inventory]

#: field -> the smallest value that Placement takes (placement schemas/inventory.py)
INTEGERS = {"total": 1, "reserved": 0, "min_unit": 1, "max_unit": 1, "step_size": 1}
FIELDS = (*INTEGERS, "allocation_ratio")
LARGEST = 2147483647
LARGEST_RATIO = 3.40282e38
#: what Placement takes for fields of a new inventory that are not given
DEFAULTS: Inventory = {
    "reserved": 0,
    "min_unit": 1,
    "max_unit": LARGEST,
    "step_size": 1,
    "allocation_ratio": 1.0,
}
#: Placement keeps ratios as single precision numbers
PRECISION = 1e-6

# nova-compute writes the inventories of these classes anew with every update (update_provider_tree of the drivers).
OWNED = frozenset(("VCPU", "PCPU", "MEMORY_MB", "DISK_GB", "VGPU", "MEM_ENCRYPTION_CONTEXT"))
#: class -> the option of nova.conf that must not be set for a ratio in Placement to last (virt/driver.py,
#: _get_allocation_ratios); the ratios of all other classes above are always 1
RATIO_OPTIONS = {
    "VCPU": "cpu_allocation_ratio",
    "MEMORY_MB": "ram_allocation_ratio",
    "DISK_GB": "disk_allocation_ratio",
}
RESERVED_OPTIONS = {
    "VCPU": "reserved_host_cpus",
    "MEMORY_MB": "reserved_host_memory_mb",
    "DISK_GB": "reserved_host_disk_mb",
}


@dataclasses.dataclass(frozen=True)
class Wanted:
    """Resource class -> the fields that it is to have, and classes that are not to be there."""

    present: t.Mapping[str, Inventory]
    absent: frozenset[str]


@dataclasses.dataclass(frozen=True)
class Change:
    """What changes of one provider: resource class -> its inventory before and after, None where there is none."""

    target: Target
    before: t.Mapping[str, Inventory | None]
    after: t.Mapping[str, Inventory | None]

    def __bool__(self) -> bool:
        return bool(self.after)


# ---- what is wanted


def parse(inventories: t.Mapping[str, t.Any], absent: t.Sequence[str]) -> Wanted:
    """The options of the module, checked.

    :raises ProblemsError: everything that is wrong with them
    """
    problems: list[str] = []
    present = {}
    for name, fields in inventories.items():
        problems += class_problems(name)
        if not isinstance(fields, dict) or not fields:
            problems.append("The inventory of %s has to be a dictionary of its fields (%s)." % (name, _known()))
            continue
        present[name] = _parse_fields(name, fields, problems)
    for name in absent:
        problems += class_problems(name)
        if name in present:
            problems.append("%s is both in inventories and in absent." % name)
    if problems:
        raise ProblemsError(problems)
    return Wanted(present, frozenset(absent))


def class_problems(name: str) -> list[str]:
    """What is wrong with the name of a resource class."""
    if name == "CUSTOM_":
        return ["A resource class of your own has a name after CUSTOM_."]
    if re.fullmatch("[A-Z0-9_]{1,255}", name):
        return []
    right = re.sub("[^A-Z0-9_]", "_", name.upper())
    return ["'%s' cannot be a resource class: capital letters, digits and _ are allowed (%s)." % (name, right)]


def _parse_fields(name: str, fields: t.Mapping[str, t.Any], problems: list[str]) -> Inventory:
    found: Inventory = {}
    for field, value in fields.items():
        where = "%s of %s" % (field, name)
        try:
            if field in INTEGERS:
                found[field] = _whole(value, INTEGERS[field])
            elif field == "allocation_ratio":
                found[field] = _ratio(value)
            else:
                text = "An inventory has no field %s (given for %s)%s; its fields: %s."
                problems.append(text % (field, name, near(field, FIELDS), _known()))
        except ValueError as error:
            problems.append("%s is %s: it has to be %s." % (where, value, error))
    problems += _contradictions(name, found)
    return found


def _whole(value: t.Any, least: int) -> int:
    text = "a whole number from %d to %d" % (least, LARGEST)
    if isinstance(value, bool) or not re.fullmatch("-?[0-9]+", str(value)) or not least <= int(value) <= LARGEST:
        raise ValueError(text)
    return int(value)


def _ratio(value: t.Any) -> float:
    text = "a number greater than 0, and %g at most" % LARGEST_RATIO
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise ValueError(text) from None
    if isinstance(value, bool) or not 0 < number <= LARGEST_RATIO:
        raise ValueError(text)
    return number


def _contradictions(name: str, inventory: Inventory) -> list[str]:
    """Fields that do not go together, as far as they are known."""
    problems = []
    if inventory.get("reserved", 0) > inventory.get("total", LARGEST):
        text = "reserved of %s is %d, and its total only %d."
        problems.append(text % (name, inventory["reserved"], inventory["total"]))
    if inventory.get("min_unit", 1) > inventory.get("max_unit", LARGEST):
        text = "min_unit of %s is %d, and its max_unit only %d."
        problems.append(text % (name, inventory["min_unit"], inventory["max_unit"]))
    return problems


def _known() -> str:
    return ", ".join(FIELDS)


# ---- what changes


def change(target: Target, held: Inventories, wanted: Wanted) -> Change:
    """What has to change of a provider that holds these inventories."""
    before: dict[str, Inventory | None] = {}
    after: dict[str, Inventory | None] = {}
    for name, fields in sorted(wanted.present.items()):
        old = held.get(name)
        new = {**(old or DEFAULTS), **fields}
        if old is None or any(not _same(field, old[field], new[field]) for field in fields):
            before[name], after[name] = old, new
    for name in sorted(wanted.absent & set(held)):
        before[name], after[name] = held[name], None
    return Change(target, before, after)


def _same(field: str, one: float, other: float) -> bool:
    return one == other or (field == "allocation_ratio" and math.isclose(one, other, rel_tol=PRECISION))


def problems(change: Change, used: t.Mapping[str, int], allow_below_usage: bool) -> list[str]:
    """Why Placement, or good sense, would refuse this change."""
    found = []
    name = change.target.name
    for resource_class, new in change.after.items():
        old = change.before[resource_class]
        taken = used.get(resource_class, 0)
        if new is None:
            if taken:
                text = "%s: the inventory of %s cannot be removed, as %d of it are allocated."
                found.append(text % (name, resource_class, taken))
        elif "total" not in new:
            text = "%s: there is no inventory of %s yet, so total has to be given."
            found.append(text % (name, resource_class))
        elif contradictions := _contradictions(resource_class, new):
            found += ["%s: %s" % (name, text) for text in contradictions]
        else:
            capacity = _capacity(new)
            if taken > capacity and not allow_below_usage and (old is None or capacity < _capacity(old)):
                text = "%s: the capacity of %s would be %d, and %d are allocated (option allow_below_usage)."
                found.append(text % (name, resource_class, capacity, taken))
    return found


def _capacity(inventory: Inventory) -> int:
    return arithmetic.capacity(inventory["total"], inventory["reserved"], inventory["allocation_ratio"])


# ---- what will not last


def fleeting(change: Change) -> dict[str, list[str]]:
    """What of a change nova-compute undoes whatever its configuration: resource class -> fields.

    A class of ours in the tree's root goes as a whole, as the drivers write all inventories of that provider at once;
    it stays where provider.yaml has it (resource_tracker.py, _merge_provider_configs). The ratios of RATIO_OPTIONS
    are kept, unless nova.conf sets them.
    """
    found = {}
    if change.target.compute_node is None:
        return {}
    for name, new in change.after.items():
        old = change.before[name]
        if name in OWNED:
            fields = [
                field
                for field in FIELDS
                if (new or {}).get(field) != (old or {}).get(field)
                and not (field == "allocation_ratio" and name in RATIO_OPTIONS)
            ]
            if fields:
                found[name] = fields
        elif change.target.is_compute_node and new is not None:
            found[name] = list(FIELDS)
    return found


def warnings(changes: t.Iterable[Change]) -> list[str]:
    """The same of many providers, in sentences."""
    owned: dict[tuple[str, tuple[str, ...]], list[str]] = {}
    foreign: dict[str, list[str]] = {}
    for each in changes:
        for name, fields in fleeting(each).items():
            if name in OWNED:
                owned.setdefault((name, tuple(fields)), []).append(each.target.name)
            else:
                foreign.setdefault(name, []).append(each.target.name)
    found = []
    for (name, lost), providers in sorted(owned.items()):
        text = (
            "nova-compute writes %s of %s anew at its next update, so this does not last on %d resource provider(s),"
            " such as %s"
        )
        text %= (" and ".join(lost), name, len(providers), providers[0])
        if "reserved" in lost and name in RESERVED_OPTIONS:
            text += ": set %s in the nova.conf of these hosts" % RESERVED_OPTIONS[name]
        found.append(text + ".")
    for name, providers in sorted(foreign.items()):
        text = (
            "nova-compute removes inventories of its compute nodes that it does not know, so that of %s does not last"
            " on %d resource provider(s), such as %s, and while it is allocated nova-compute cannot update its"
            " inventories and may not even start: declare it in provider.yaml of these hosts"
            " ([compute] provider_config_location) or give it to a nested or sharing provider."
        )
        found.append(text % (name, len(providers), providers[0]))
    return found


# ---- carrying it out


def apply(placement: Placement, target: Target, wanted: Wanted, allow_below_usage: bool) -> None:
    """Make the provider as it is wanted, all classes in one request; after a conflict from what there is then.

    :raises ProblemsError: meanwhile something stands against it
    :raises CloudError: see Service
    """

    def attempt() -> None:
        generation, held = read(placement, target)
        now = change(target, held, wanted)
        if not now:
            return
        against = problems(now, usages(placement, target), allow_below_usage)
        if against:
            raise ProblemsError(against)
        inventories = {**held, **now.after}
        body = {
            "resource_provider_generation": generation,
            "inventories": {name: inventory for name, inventory in inventories.items() if inventory is not None},
        }
        placement.put("/resource_providers/%s/inventories" % target.uuid, body)

    despite_conflicts(attempt)


def read(placement: Placement, target: Target) -> tuple[int, Inventories]:
    """Generation and inventories.

    :raises ProblemsError: the provider is gone
    """
    found = placement.inventories_at(target.uuid)
    if found is None:
        raise _gone(target)
    return found


def usages(placement: Placement, target: Target) -> dict[str, int]:
    """What is allocated, by resource class."""
    found = placement.usages_at(target.uuid)
    if found is None:
        raise _gone(target)
    return found[1]


def _gone(target: Target) -> ProblemsError:
    return ProblemsError(["The resource provider %s has been deleted meanwhile." % target.name])


# ---- resource classes


def missing_classes(placement: Placement, changes: t.Iterable[Change]) -> list[str]:
    """Resource classes of our own that have to be made first. Placement is only asked where a provider gets a class
    that it does not have yet.

    :raises ProblemsError: standard classes that Placement does not know
    """
    added = {name for each in changes for name, old in each.before.items() if old is None}
    if not added:
        return []
    rows = placement.part("/resource_classes", "resource_classes")
    known = {row["name"] for row in rows}
    unknown = sorted(name for name in added - known if not name.startswith("CUSTOM_"))
    if unknown:
        text = "Placement knows no resource class '%s'%s; a class of your own begins with CUSTOM_."
        raise ProblemsError([text % (name, near(name, known)) for name in unknown])
    return sorted(added - known)


def make_class(placement: Placement, name: str) -> None:
    """Make a resource class, if it is not there."""
    placement.request("PUT", "/resource_classes/" + name)
