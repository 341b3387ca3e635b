# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The snapshot and its file."""

from __future__ import annotations

import copy
import json
import os
import stat
import typing as t
from pathlib import Path

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import errors, model

# Nothing in it has its default.
FULL = model.Snapshot(
    taken_at="2026-11-25T00:10:50Z",
    source={"cloud": "lab", "anything": [1]},
    parts=model.PARTS,
    providers=[
        model.Provider(
            "p1",
            "cpu1",
            None,
            3,
            {
                "VCPU": model.Inventory(16, 3, 10, 2, 2.0, 2, 8, 2, (3, 5)),
                "DISK_GB": model.Inventory(100, 0),
            },
            frozenset(["T2", "T1"]),
            frozenset(["a2", "a1"]),
        ),
        model.Provider("p2", "cpu1_gpu", "p1"),
    ],
    hosts=[model.Host("cpu1", "cpu1.lab", "p1", "z1", "cell1", "QEMU", "disabled", "down", "broken", True)],
    aggregates=[model.Aggregate(1, "a1", "fast", "z1", {"ssd": "true"}, ("cpu1",))],
    flavors=[model.Flavor("f1", "m1.small", 1, 512, 1, 2, 3, False, True, {"trait:T1": "required"})],
    servers=[model.Server("s1", "cpu1", "cpu1.lab", "m1.small", "p", "g1", "SHUTOFF", "z1", 1, 512, 3)],
    server_groups=[model.ServerGroup("g1", "web", "anti-affinity", 2, "p", ("s1",))],
    limits=("no servers of other projects",),
)
DOCUMENT = model.dump(FULL)
HEAD = {"format": model.FORMAT, "version": 1, "taken_at": "", "parts": []}


def test_round_trip() -> None:
    assert model.parse(json.loads(json.dumps(DOCUMENT))) == FULL


def test_dump_is_sorted_and_short() -> None:
    assert DOCUMENT["providers"][0]["traits"] == ["T1", "T2"]
    assert DOCUMENT["providers"][0]["aggregates"] == ["a1", "a2"]
    assert list(DOCUMENT["providers"][0]["inventories"]) == ["DISK_GB", "VCPU"]
    assert DOCUMENT["providers"][0]["inventories"]["DISK_GB"] == {"capacity": 100, "used": 0}
    assert DOCUMENT["providers"][1] == {"uuid": "p2", "name": "cpu1_gpu", "parent": "p1"}


def test_defaults() -> None:
    snapshot = model.parse({**HEAD, "hosts": [{"name": "h", "node": "n", "status": "enabled", "state": "up"}]})
    assert snapshot == model.Snapshot(hosts=[model.Host("h", "n")])
    snapshot.source["mine"] = 1
    assert model.parse(HEAD).source == {}


def changed(way: str, value: t.Any) -> dict[str, t.Any]:
    """The whole document with another value at a path; ... takes it away."""
    document = copy.deepcopy(DOCUMENT)
    *steps, last = [int(step) if step.isdigit() else step for step in way.split(".")]
    place: t.Any = document
    for step in steps:
        place = place[step]
    if value is ...:
        del place[last]
    else:
        place[last] = value
    return document


COUNT = "it must be a whole number, 0 or more"


@pytest.mark.parametrize(
    ("way", "value", "message"),
    [
        ("providers.0.inventories.VCPU.used", "4", 'providers[0].inventories.VCPU.used is "4": ' + COUNT),
        ("providers.0.inventories.VCPU.used", True, "providers[0].inventories.VCPU.used is true: " + COUNT),
        ("providers.0.inventories.VCPU.used", -1, "providers[0].inventories.VCPU.used is -1: " + COUNT),
        ("providers.0.inventories.VCPU.used", ..., "providers[0].inventories.VCPU.used is missing: " + COUNT),
        (
            "providers.0.inventories.VCPU.capacity",
            20,
            "providers[0].inventories.VCPU.capacity is 20: total, reserved and allocation_ratio make 16",
        ),
        (
            "providers.0.inventories.VCPU.step_size",
            0,
            "providers[0].inventories.VCPU.step_size is 0: it must be a whole number, 1 or more, or null",
        ),
        (
            "providers.0.inventories.VCPU.allocation_ratio",
            float("nan"),
            "providers[0].inventories.VCPU.allocation_ratio is NaN: it must be a number above 0, or null",
        ),
        (
            "providers.0.inventories.VCPU.admits",
            [0],
            "providers[0].inventories.VCPU.admits is [0]: it must be a list of whole numbers, 1 or more",
        ),
        ("providers.0.inventories.VCPU", [], "providers[0].inventories.VCPU is []: it must be an object"),
        ("providers.0.inventories", None, "providers[0].inventories is null: it must be an object"),
        ("providers.0.traits", ["A", 1], 'providers[0].traits is ["A", 1]: it must be a list of texts'),
        ("providers.1.parent", "p9", 'providers[1].parent is "p9": there is no such provider'),
        ("providers.0.parent", "p2", "providers[0].parent makes a loop of parents"),
        ("providers.1.uuid", "p1", 'providers[1].uuid is "p1": [0] has it already'),
        ("providers.1.naem", "x", "providers[1].naem is unknown: the keys are uuid, name, parent, generation, "),
        ("hosts.0.provider", "p9", 'hosts[0].provider is "p9": there is no such provider'),
        ("hosts.0.provider", "p2", 'hosts[0].provider is "p2": this provider is not the root of a tree'),
        ("providers.0.inventories.VCPU.total", 10**400, "providers[0].inventories.VCPU.total is a number of more than"),
        (
            "providers.0.inventories.VCPU.allocation_ratio",
            1e300,
            "providers[0].inventories.VCPU.allocation_ratio is 1e+300",
        ),
        ("hosts.0.status", "on", 'hosts[0].status is "on": it must be "enabled" or "disabled"'),
        ("hosts.0.forced_down", 1, "hosts[0].forced_down is 1: it must be true or false"),
        ("hosts.0.zone", "", 'hosts[0].zone is "": it must be a text that is not empty'),
        ("hosts.0.cell", "", 'hosts[0].cell is "": it must be a text that is not empty, or null'),
        ("hosts.0", 7, "hosts[0] is 7: it must be an object"),
        ("hosts", {}, "hosts is {}: it must be a list"),
        ("aggregates.0.metadata", {"ssd": True}, 'aggregates[0].metadata is {"ssd": true}: it must be an object whose'),
        ("server_groups.0.max_server_per_host", 0, "server_groups[0].max_server_per_host is 0: it must be a whole"),
        ("parts", ["hosts", "guests"], 'parts is ["hosts", "guests"]: it must be a list of some of providers, hosts'),
        ("limits", "none", 'limits is "none": it must be a list of texts'),
        ("guests", [], "guests is unknown: the keys are taken_at, "),
        ("taken_at", ..., "taken_at is missing: it must be a text"),
        ("format", "other", 'this is no snapshot of a cloud: it has no format "scaleout.nova/cloud-snapshot"'),
        ("version", 2, "the snapshot has version 2, and this release of scaleout.nova reads versions up to 1"),
        ("version", "1", 'version is "1": it must be a whole number, 1 or less'),
    ],
)
def test_bad_values(way: str, value: t.Any, message: str) -> None:
    with pytest.raises(errors.SnapshotError) as caught:
        model.parse(changed(way, value))
    assert str(caught.value).startswith(message)


def test_a_long_value_is_cut() -> None:
    with pytest.raises(errors.SnapshotError) as caught:
        model.parse(changed("hosts.0.name", ["x" * 100]))
    assert len(str(caught.value)) < 120


@pytest.mark.parametrize("document", [None, [], "text", 3, {}])
def test_foreign_documents(document: t.Any) -> None:
    with pytest.raises(errors.SnapshotError, match="this is no snapshot of a cloud"):
        model.parse(document)


def test_hosts_without_providers_read() -> None:
    assert model.parse({**changed("parts", ["hosts"]), "providers": []}).hosts[0].provider == "p1"


def test_write_and_load(tmp_path: Path) -> None:
    path = tmp_path / "cloud.json"
    model.write(path, FULL)
    assert model.load(path) == FULL
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    model.write(path, model.Snapshot(), mode=0o644)
    assert model.load(path) == model.Snapshot()
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["cloud.json"]


def test_one_line_a_record(tmp_path: Path) -> None:
    path = tmp_path / "cloud.json"
    model.write(path, FULL)
    lines = path.read_text().splitlines()
    assert sum(line.startswith('{"uuid": "p') for line in lines) == 2


def test_a_failed_write_leaves_the_earlier_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "cloud.json"
    model.write(path, FULL)

    def full(*_args: t.Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(errors.SnapshotError, match=r"cloud\.json cannot be written: No space left on device"):
        model.write(path, model.Snapshot())
    assert model.load(path) == FULL
    assert os.listdir(tmp_path) == ["cloud.json"]


def test_write_into_nowhere(tmp_path: Path) -> None:
    with pytest.raises(errors.SnapshotError, match="cannot be written: No such file or directory"):
        model.write(tmp_path / "no" / "cloud.json", FULL)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "cloud.json cannot be read: No such file or directory"),
        (b"", "is not JSON, or not all of it"),
        (json.dumps(DOCUMENT).encode()[:-20], "is not JSON, or not all of it"),
        (b"\xff\xfe", "is not JSON, or not all of it"),
        (b"[" * 100_000, "is not JSON, or not all of it"),
        (json.dumps(changed("hosts.0.name", 1)).encode(), "cloud.json: hosts[0].name is 1"),
    ],
)
def test_bad_files(tmp_path: Path, content: bytes | None, message: str) -> None:
    path = tmp_path / "cloud.json"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(errors.SnapshotError) as caught:
        model.load(path)
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "known", "hint"),
    [
        ("m1.smal", ["m1.small", "m1.smaller", "c5"], " (similar: m1.small, m1.smaller)"),
        ("M1.SMALL", ["m1.small"], " (similar: m1.small)"),
        ("zzz", ["m1.small"], " (there are: m1.small)"),
        ("x", [], ""),
    ],
)
def test_near_matches(name: str, known: list[str], hint: str) -> None:
    error = errors.UnknownNameError("flavor", name, known)
    assert str(error) == "there is no flavor %r in the snapshot%s" % (name, hint)


def test_two_hosts_with_one_provider() -> None:
    document = copy.deepcopy(DOCUMENT)
    document["hosts"].append({**document["hosts"][0], "name": "other", "node": "other"})
    with pytest.raises(errors.SnapshotError, match=r'hosts\[\d\]\.provider is "p1": \[0\] has it already'):
        model.parse(document)
