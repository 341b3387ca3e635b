# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Snapshot files in which something was changed at random: they are refused by a sentence, or there is an answer."""

from __future__ import annotations

import copy
import json
import random
import re
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import CapacityError, SnapshotError
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.questions import Question

EXAMPLE = Path(__file__).resolve().parents[5] / "playbooks" / "files" / "example-cloud.json"
HOSTS = 8
CASES = 400

VALUES = (
    None, True, False, 0, 1, -1, 2**31, 2**63, 10**30, 10**400, 0.5, -0.5, 1e308, float("nan"), float("inf"),
    "", "x", " ", "1", "\0", "\ud800", "\N{SNOWMAN}" * 50, [], [None], [[]], ["x", "x"], {}, {"": ""}, {"VCPU": 1},
)  # fmt: skip


def small() -> dict[str, Any]:
    """A few hosts of the example, with whatever belongs to them."""
    document: dict[str, Any] = json.loads(EXAMPLE.read_text(encoding="utf-8"))
    with_children = {each["parent"] for each in document["providers"] if each.get("parent")}
    hosts = sorted(document["hosts"], key=lambda host: (host["provider"] not in with_children, host["name"]))
    document["hosts"] = hosts[: HOSTS // 4] + hosts[-3 * HOSTS // 4 :]
    names = {host["name"] for host in document["hosts"]}
    roots = {host["provider"] for host in document["hosts"]}
    document["providers"] = [
        each
        for each in document["providers"]
        if each["uuid"] in roots or each.get("parent") in roots or model.SHARING in each.get("traits", ())
    ]
    document["servers"] = [each for each in document["servers"] if each["host"] in names][:40]
    document["server_groups"] = document["server_groups"][:4]
    return document


def places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """The paths of all that is in a document."""
    found = [path] if path else []
    if isinstance(value, (dict, list)):
        for key, below in value.items() if isinstance(value, dict) else enumerate(value):
            found += places(below, (*path, key))
    return found


def below(document: Any, path: tuple[Any, ...]) -> Any:
    for step in path:
        document = document[step]
    return document


class Vandal:
    """Changes documents at random, from a seed."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)

    def change(self, document: dict[str, Any]) -> None:
        """One thing; rarely where it is of no use, as lists are long and keys are few."""
        everywhere = places(document)
        by_kind: dict[tuple[Any, ...], list[tuple[Any, ...]]] = {}
        for path in everywhere:
            by_kind.setdefault(tuple(step for step in path if isinstance(step, str)), []).append(path)
        path = self.chance.choice(by_kind[self.chance.choice(sorted(by_kind))])
        parent, key = below(document, path[:-1]), path[-1]
        what = self.chance.choice(("delete", "replace", "replace", "number", "swap", "copy", "add", "nest", "parent"))
        if what == "delete":
            del parent[key]
        elif what == "replace":
            parent[key] = copy.deepcopy(self.chance.choice(VALUES))
        elif what == "number" and isinstance(parent[key], (int, float)) and not isinstance(parent[key], bool):
            parent[key] = self.chance.choice(
                (-parent[key], parent[key] * 10**12, parent[key] + 0.5, parent[key] // 2, 0)
            )
        elif what == "swap":
            parent[key] = copy.deepcopy(below(document, self.chance.choice(everywhere)))
        elif what == "copy" and isinstance(parent, list):
            parent.append(copy.deepcopy(parent[key]))
        elif what == "add" and isinstance(parent, dict):
            parent[self.chance.choice(("more", "", "VCPU", "parent", "admits"))] = self.chance.choice(VALUES)
        elif what == "nest":
            for _level in range(self.chance.choice((1, 50, 150))):
                parent[key] = [parent[key]]
        elif what == "parent":  # other trees, loops among them
            providers = [each for each in document.get("providers") or () if isinstance(each, dict)]
            if len(providers) > 1:
                one, other = self.chance.sample(providers, 2)
                one["parent"] = other.get("uuid")
                if self.chance.random() < 0.5:
                    other["parent"] = one.get("uuid")

    def text(self, document: dict[str, Any]) -> bytes:
        """As a file, which may be cut off or be in another encoding."""
        text = json.dumps(document)
        how = self.chance.random()
        if how < 0.03:
            return text.encode()[: self.chance.randrange(len(text))]
        if how < 0.06:
            return text.encode(self.chance.choice(("utf-16", "utf-32", "utf-8-sig")))
        if how < 0.09:
            raw = bytearray(text.encode())
            for _byte in range(self.chance.choice((1, 20))):
                raw[self.chance.randrange(len(raw))] = self.chance.randrange(256)
            return bytes(raw)
        if how < 0.12:
            depth = self.chance.choice((500, 900, 2000, 100_000))
            return text.replace('"nova"', "[" * depth + "]" * depth, 1).replace('"a"', "[" * depth).encode()
        return text.encode()


def answer(snapshot: model.Snapshot) -> None:
    """Whatever capacity_info can be asked."""
    for params in (
        {"detail": "hosts"},
        {"detail": "flavors", "boot_from_volume": True, "zone": snapshot.hosts[0].zone if snapshot.hosts else "a"},
        {"project": "p", "mix": {each.name: 2 for each in snapshot.flavors[:3]} or None},
        {"new_server_group": {"policy": "anti-affinity"}},
        {"server_group": snapshot.server_groups[0].uuid if snapshot.server_groups else "none"},
        {"what_if": {"add_hosts": [{"like": snapshot.hosts[0].name, "count": 2}]} if snapshot.hosts else None},
    ):
        try:
            result = Question(params).answer(snapshot)
        except CapacityError as error:
            check_words(str(error))
        else:
            json.dumps(result)


def check_words(text: str) -> None:
    assert text and not re.search(r"Traceback|KeyError|TypeError|NoneType|object has no", text)


def run(seed: int, document: dict[str, Any], path: Path) -> bool:
    """One changed file; whether it was read."""
    vandal = Vandal(seed)
    for _change in range(vandal.chance.choice((1, 1, 1, 2, 5))):
        vandal.change(document)
    path.write_bytes(vandal.text(document))
    try:
        snapshot = model.load(path)
    except SnapshotError as error:
        assert str(path) in str(error)
        check_words(str(error))
        return False
    assert model.dump(model.parse(model.dump(snapshot))) == model.dump(snapshot)
    answer(snapshot)
    return True


@pytest.fixture(scope="module")
def document() -> dict[str, Any]:
    return small()


def test_it_is_an_answer_without_changes(document: dict[str, Any]) -> None:
    snapshot = model.parse(document)
    assert len(snapshot.hosts) == HOSTS
    answer(snapshot)


@pytest.mark.parametrize("part", range(8))
def test_changed_at_random(document: dict[str, Any], tmp_path: Path, part: int) -> None:
    read = 0
    for seed in range(part, CASES, 8):
        try:
            read += run(seed, copy.deepcopy(document), tmp_path / "cloud.json")
        except Exception as error:
            raise AssertionError("seed %d" % seed) from error
    assert 0 < read < CASES // 8
