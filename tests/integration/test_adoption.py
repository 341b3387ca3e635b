# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The operator of a cloud that something else deployed: read its aggregates, adopt them, change one thing.

It is done with what docs/aggregates.md and docs/placement.md say, word for word, and nothing besides.
"""

from __future__ import annotations

import importlib
import json
import re
import sqlite3
import sys
import typing as t
from pathlib import Path

import pytest

sys.path.append(str(Path(__file__).parent))
pytest.register_assert_rewrite("doc_examples")
doc: t.Any = importlib.import_module("doc_examples")
Aggregate, HOSTS = doc.Aggregate, doc.HOSTS
EXAMPLES = {example.key: example for example in doc.of_pages()}
ADOPTION = EXAMPLES["docs/aggregates.md: Read what there is"].text
INVENTORY = EXAMPLES["docs/placement.md: # inventories/cloud/computes.yml"].text
APPLY = next(key for key in EXAMPLES if key.startswith("docs/aggregates.md: ansible-playbook -i inventories/cloud"))

#: what YAML, Jinja or Python could take for something else
ODD = {
    "yes": "yes", "no": "no", "true": "true", "True": "True", "null": "null", "none": "~", "empty": "",
    "1": "1", "float": "1.0", "exponent": "1e3", "octal": "012", "hexadecimal": "0x1F", "sexagesimal": "12:30:45",
    "long": "123456789012345678901234567890", "day": "2026-11-25", "list": "[a, b]", "mapping": "{a: b}",
    "colon": "a: b", "hash": "a #b", "star": "*a", "and": "&a", "exclamation": "!a", "percent": "%a", "at": "@a",
    "quote": "it's \"so\"", "space": " a ", "lines": "a\nb\n", "tab": "a\tb", "umlaut": "Größe ☃", "backslash": "a\\nb",
    "jinja": "{{ lookup('env', 'HOME') }}", "block": "{% raw %}", "comment": "{# a #}",
    "with:colon": "x", "with space": "x", "a.b": "x",
}  # fmt: skip
AGGREGATES = {
    "az one": Aggregate(HOSTS[:4], zone="Zone One"),
    "az2": Aggregate(HOSTS[4:], zone="2"),
    "odd": Aggregate(["cpu-a1-1"], metadata=ODD),
    "ssd": Aggregate(["cpu-a1-1", "cpu-b1-1"], metadata={"ssd": "true", "weight": "1.0"}),
    "nobody": Aggregate(metadata={"reserved": "yes"}),
    "nobody in a zone": Aggregate(zone="empty"),
    "yes": Aggregate(["cpu-b2-2"]),
    "old": Aggregate(["cpu-b1-2"]),
}


@pytest.fixture(scope="module")
def running_cloud(new_cloud: t.Any) -> t.Iterator[t.Any]:
    with doc.example_cloud(new_cloud) as cloud:
        yield cloud


@pytest.fixture
def stage(cloud: t.Any, nova: t.Any, tmp_path: Path) -> t.Any:
    """A cloud that nobody has described, and a folder with nothing but access to it."""
    world = doc.World(cloud, nova)
    for name, aggregate in AGGREGATES.items():
        number = world.aggregate(name, aggregate)
        if name == "old":
            # no API would do that: one that Nova has forgotten
            with sqlite3.connect(Path(cloud.directory) / "nova_api.sqlite", timeout=30) as database:
                database.execute("insert into aggregate_hosts (host, aggregate_id) values ('cpu-gone', ?)", [number])
    cloud.control("log")
    made = doc.Stage(tmp_path, cloud)
    made.own()
    return made


def picture(nova: t.Any) -> dict[str, t.Any]:
    """All that Nova says of the aggregates but when they were changed."""
    return {
        row["name"]: {**row, "hosts": sorted(row["hosts"]), "updated_at": ""}
        for row in nova("GET", "/os-aggregates")["aggregates"]
    }


def test_read_adopt_and_change_one_thing(stage: t.Any, cloud: t.Any, nova: t.Any) -> None:
    before = picture(nova)
    assert before["odd"]["metadata"] == ODD and before["old"]["hosts"] == ["cpu-b1-2", "cpu-gone"]
    assert before["nobody in a zone"]["availability_zone"] == "empty"
    cloud.control("log")

    # read
    stage.write("read.yml", ADOPTION)
    done = stage.run("ansible-playbook", "read.yml")
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stdout + done.stderr
    assert doc.writes(cloud) == []

    # adopt, with the values marked that look like templates
    text = (stage.folder / "aggregates.yml").read_text(encoding="utf-8")
    marked, number = re.subn(r"(?m): (?='\{[{%#])", ": !unsafe ", text)
    assert number == 3, text
    stage.write("aggregates.yml", marked)
    stage.write("inventories/cloud/computes.yml", INVENTORY)
    command = EXAMPLES[APPLY].text

    def apply(*options: str) -> tuple[dict[str, t.Any], list[t.Any]]:
        """What host_aggregates says, and the requests that changed something."""
        done = stage.run(
            "bash", "-euc", " ".join([command.replace(" --check --diff", ""), *options]),
            ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        rows = [task for play in json.loads(done.stdout)["plays"] for task in play["tasks"]]
        (answer,) = [
            data
            for row in rows
            for data in row["hosts"].values()
            if row["task"]["name"] == "Host aggregates" and not data.get("skipped")
        ]
        return answer, doc.writes(cloud)

    for options in (["--check", "--diff"], []):
        answer, sent = apply(*options)
        assert answer["changed"] is False and answer["plan"] == [] and sent == []
    assert picture(nova) == before

    # change one thing, and then another one
    def changed(old: str, new: str) -> None:
        text = (stage.folder / "aggregates.yml").read_text(encoding="utf-8")
        assert len(re.findall(old, text)) == 1, text
        stage.write("aggregates.yml", re.sub(old, new, text))

    wanted = before
    for old, new, step, line in (
        (r"weight: '1\.0'", "weight: 1.5", "metadata of aggregate ssd: weight=1.5", "  metadata: weight=1.5"),
        (
            r"(- cpu-b1-1\n)(    metadata:\n +ssd)",
            r"\1    - cpu-b1-2\n\2",
            "add host cpu-b1-2 to aggregate ssd",
            "  host: cpu-b1-2",
        ),
    ):
        changed(old, new)
        predicted, sent = apply("--check", "--diff")
        assert [each["text"] for each in predicted["plan"]] == [step] and sent == []
        (diff,) = predicted["diff"] if isinstance(predicted["diff"], list) else [predicted["diff"]]
        assert set(diff["after"].splitlines()) - set(diff["before"].splitlines()) == {line}
        assert picture(nova) == wanted
        made, sent = apply("--diff")
        assert made["changed"] is True and (made["plan"], made["diff"]) == (predicted["plan"], predicted["diff"])
        assert len(sent) == 1 and [each["text"] for each in made["applied"]] == [step]
        again, sent = apply()
        assert again["changed"] is False and sent == []
        now = picture(nova)
        assert {name for name in now if now[name] != wanted[name]} == {"ssd"}
        wanted = now
    assert wanted["ssd"]["metadata"] == {"ssd": "true", "weight": "1.5"}
    assert wanted["ssd"]["hosts"] == ["cpu-a1-1", "cpu-b1-1", "cpu-b1-2"]
    # and what has no service any more is where it was
    assert wanted["old"]["hosts"] == ["cpu-b1-2", "cpu-gone"]
