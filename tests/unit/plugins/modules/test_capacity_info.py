# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""capacity_info on a saved snapshot, as Ansible runs it; and the examples of its documentation."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.scaleout.nova.plugins.modules import capacity_info

Run = Callable[..., dict[str, Any]]
CLOUD = Path(__file__).resolve().parents[4] / "playbooks" / "files" / "example-cloud.json"
EXAMPLES = [
    task["scaleout.nova.capacity_info"]
    for task in yaml.safe_load(capacity_info.EXAMPLES)
    if "snapshot" in task.get("scaleout.nova.capacity_info", {})
]


def ask(run_module: Run, **options: Any) -> dict[str, Any]:
    return run_module("capacity_info", **{"snapshot": str(CLOUD), **options})


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: "-".join(sorted(example)))
def test_the_examples_run(run_module: Run, example: dict[str, Any]) -> None:
    result = ask(run_module, **{**example, "snapshot": str(CLOUD)})
    assert not result.get("failed"), result
    assert result["changed"] is False


def test_what_is_documented_is_what_is_returned(run_module: Run) -> None:
    documented = yaml.safe_load(capacity_info.RETURN)
    result = ask(run_module, detail="hosts", mix={"m1.large": 2})
    assert set(documented) == set(result) - {"changed", "invocation"}
    for name in ("flavors", "resources", "stranded", "hosts"):
        for answer in result[name].values():
            assert set(documented[name]["contains"]) == set(answer), name
    assert set(documented["mix"]["contains"]) == set(result["mix"])
    limits = [limit for answer in result["flavors"].values() for limit in answer["limits"]]
    fields = documented["flavors"]["contains"]["limits"]["contains"]
    assert limits and all(set(fields) == set(limit) for limit in limits)


def test_a_flavor_to_be_that_only_an_aggregate_takes_is_confined_in_the_mix_too(run_module: Run) -> None:
    extra_specs = {"aggregate_instance_extra_specs:nobody": "has it"}
    result = ask(run_module, flavor={"name": "x", "vcpus": 1, "ram": 1, "extra_specs": extra_specs}, mix={"x": 1})
    assert result["flavors"]["x"]["fits"] == 0 and not result["mix"]["fits"]


def test_check_mode_is_the_same(run_module: Run) -> None:
    assert ask(run_module, flavors=["m1.large"], check=True) == {**ask(run_module, flavors=["m1.large"])}


@pytest.mark.parametrize(
    ("detail", "per_host", "hosts"), [("summary", False, False), ("flavors", True, False), ("hosts", True, True)]
)
def test_detail(run_module: Run, detail: str, per_host: bool, hosts: bool) -> None:
    result = ask(run_module, flavors=["m1.large"], detail=detail)
    assert ("hosts" in result["flavors"]["m1.large"]) is per_host
    assert ("hosts" in result) is hosts


def test_which_flavors(run_module: Run) -> None:
    new = {"name": "new", "vcpus": 1, "ram": 512}
    assert len(ask(run_module)["flavors"]) == 12
    assert list(ask(run_module, flavor=new)["flavors"]) == ["new"]
    assert list(ask(run_module, flavors=["m1.tiny"], flavor=new)["flavors"]) == ["m1.tiny", "new"]
    assert list(ask(run_module, mix={"m1.tiny": 1, "new": 2}, flavor=new)["flavors"]) == ["m1.tiny", "new"]
    assert list(ask(run_module, mix={"m1.tiny": 1}, flavors=["m1.large"])["flavors"]) == ["m1.large", "m1.tiny"]


def test_values_of_yaml_are_texts(run_module: Run) -> None:
    new = {"vcpus": 4, "ram": 16384, "disk": 400, "extra_specs": {"aggregate_instance_extra_specs:ssd": True}}
    result = ask(run_module, flavor=new, flavors=["s1.large"])
    assert result["flavors"]["flavor"]["fits"] == result["flavors"]["s1.large"]["fits"] > 0


def test_what_if(run_module: Run) -> None:
    now = ask(run_module, flavors=["m1.large"])["flavors"]["m1.large"]
    more = ask(run_module, flavors=["m1.large"], what_if={"add_hosts": [{"like": "cpu-a01", "count": 3}]})
    assert more["flavors"]["m1.large"]["fits"] == now["fits"] + 3 * 15
    less = ask(run_module, flavors=["m1.large"], what_if={"disable_hosts": list(now["hosts"])})
    assert less["flavors"]["m1.large"]["fits"] == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"flavors": ["m1.larg"]}, "There is no flavor 'm1.larg' in the snapshot (similar: m1.large, "),
        ({"aggregate": "generl"}, "There is no aggregate 'generl' in the snapshot (similar: general"),
        ({"zone": "x"}, "There is no availability zone 'x' in the snapshot"),
        ({"server_group": "cluster-99"}, "There is no server group 'cluster-99' in the snapshot (similar: cluster-9"),
        ({"what_if": {"remove_hosts": ["cpu-a0"]}}, "There is no host 'cpu-a0' in the snapshot (similar: cpu-"),
        ({"mix": {"m1.large": -1}}, "Mix has whole numbers of servers by flavor, not -1 for m1.large."),
        ({"mix": {"m1.large": "many"}}, "Mix has whole numbers of servers by flavor, not 'many' for m1.large."),
        ({"mix": {"m9": 1}}, "There is no flavor 'm9' in the snapshot"),
        ({"flavor": {"vcpus": 0, "ram": 1}}, "Flavor flavor: vcpus has to be a whole number from 1 on, not 0."),
        (
            {"flavor": {"name": "x", "vcpus": 1, "ram": 1, "extra_specs": {"trait:A": "maybe"}}},
            "Flavor x: Nova ignores the extra spec trait:A=maybe: it is 'required' or 'forbidden'.",
        ),
        ({"image": "debian"}, "An image is looked up in the cloud: with a snapshot, give image_properties."),
        (
            {
                "image_properties": {"hw_cpu_policy": "dedicated"},
                "flavors": ["m1.tiny"],
                "scheduler": {"enabled_filters": ["X"]},
            },
            "'X' in enabled_filters is no filter of Nova",
        ),
        ({"new_server_group": {"policy": "affinity", "max_server_per_host": 2}}, "max_server_per_host is for"),
        ({"new_server_group": {"policy": "affinity"}, "server_group": "cluster-1"}, "mutually exclusive"),
    ],
)
def test_questions_that_are_wrong(run_module: Run, options: dict[str, Any], message: str) -> None:
    result = ask(run_module, **options)
    assert result["failed"]
    assert message in result["msg"]
    assert "\n" not in result["msg"] and "exception" not in result


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("{", "is not JSON, or not all of it"),
        (CLOUD.read_text(encoding="utf-8")[:2000], "is not JSON, or not all of it"),
        ('{"flavors": []}', "this is no snapshot of a cloud"),
        ('{"format": "scaleout.nova/cloud-snapshot", "version": 99}', "version 99"),
        (json.dumps({**json.loads(CLOUD.read_text(encoding="utf-8")), "hosts": 3}), "hosts is 3"),
    ],
    ids=["cut at once", "cut later", "foreign", "newer", "bad value"],
)
def test_files_that_are_wrong(run_module: Run, tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "cloud.json"
    path.write_text(content, encoding="utf-8")
    result = ask(run_module, snapshot=str(path))
    assert result["failed"]
    assert message in result["msg"]
    assert str(path) in result["msg"]


def test_a_file_that_there_is_not(run_module: Run) -> None:
    result = ask(run_module, snapshot="/nowhere/cloud.json")
    assert result["failed"] and "/nowhere/cloud.json" in result["msg"]
