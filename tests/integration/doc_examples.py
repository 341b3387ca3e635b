# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The examples of the documentation, as they stand there, and a stage on which they are played.

Examples are the EXAMPLES of each plugin and the fenced blocks of README.md, docs and the READMEs of roles. The stage is
a folder with a clouds.yaml, an inventory and what else an example presumes, beside a loopback cloud with the compute
hosts of inventories/example.
"""

from __future__ import annotations

import ast
import collections
import contextlib
import dataclasses
import fnmatch
import json
import os
import re
import shutil
import subprocess
import sys
import textwrap
import typing as t
import urllib.error
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[2]
COLLECTIONS = ROOT / "build" / "collections"
COMMANDS = Path(sys.executable).parent
SNAPSHOT = ROOT / "playbooks" / "files" / "example-cloud.json"
HOSTS = ["cpu-%s-%d" % (rack, number) for rack in ("a1", "a2", "b1", "b2") for number in (1, 2)]
RACKS = {host: host.split("-")[1] for host in HOSTS}
#: one of Nova's test images; under another name it serves as any
IMAGE = "155d900f-4e14-4e4c-a73d-069cbf4541e6"
#: names under which the examples know the cloud
CLOUDS = ("admin", "mycloud")
#: modules that change nothing, and so are run once
READERS = {
    "ansible.builtin.assert",
    "ansible.builtin.debug",
    "scaleout.nova.capacity_info",
    "scaleout.nova.compute_service_info",
    "scaleout.nova.host_aggregates_info",
}
#: what is between the marks of a fence, and the language
FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
Kind = t.Literal["tasks", "plays", "inventory", "variables", "command", "text"]


# ---- what there is


@dataclasses.dataclass(frozen=True)
class Example:
    """Something that a reader may copy."""

    place: str  # modules/host_aggregates, docs/capacity.md
    kind: Kind
    text: str
    output: str = ""  # what a command is said to print

    @property
    def key(self) -> str:
        """Where it is and how it begins."""
        first = next(line for line in self.text.splitlines() if line.strip())
        return "%s: %s" % (self.place, first.removeprefix("- name: ").split(" #")[0].strip())

    @property
    def tasks(self) -> list[str]:
        """The text of each task by itself."""
        lines = self.text.splitlines(keepends=True)
        starts = [node.start_mark.line for node in t.cast("yaml.SequenceNode", yaml.compose(self.text)).value]
        ends = [*starts[1:], len(lines)]
        return ["".join(lines[start:end]) for start, end in zip(starts, ends, strict=True)]


def kind_of(text: str) -> Kind:
    """What a text in YAML is."""
    loaded = yaml.safe_load(text)
    if isinstance(loaded, list):
        return "plays" if "hosts" in loaded[0] else "tasks"
    return "inventory" if "plugin" in loaded else "variables"


def commands(place: str, language: str, text: str) -> Iterator[Example]:
    """The commands of a block, each with what it is said to print; or the block, if it has none."""
    if language == "sh":
        for line in text.splitlines():
            if line.strip() and not line.startswith("#"):
                yield Example(place, "command", line)
        return
    parts = re.split(r"^\$ ", text, flags=re.MULTILINE)
    if len(parts) == 1:
        yield Example(place, "text", text)
    for part in parts[1:]:
        command = re.match(r"(.*\\\n)*.*", part)
        assert command is not None
        yield Example(place, "command", command[0], part[command.end() :])


def of_page(path: Path) -> Iterator[Example]:
    """The blocks of a page."""
    place = str(path.relative_to(ROOT))
    for _indent, language, text in FENCE.findall(path.read_text(encoding="utf-8")):
        block = textwrap.dedent(text)
        if language in ("yaml", "yml"):
            yield Example(place, kind_of(block), block)
        else:
            yield from commands(place, language, block)


def of_plugin(path: Path) -> Iterator[Example]:
    """The EXAMPLES of a plugin; those of an inventory plugin are files of their own."""
    place = "%s/%s" % (path.parent.name, path.stem)
    for statement in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "EXAMPLES":
            for text in re.split(r"^---\n", ast.literal_eval(statement.value), flags=re.MULTILINE):
                yield Example(place, kind_of(text), text.strip("\n") + "\n")


def of_plugins() -> list[Example]:
    """Every example of a module, a filter or an inventory plugin."""
    kinds = ("modules", "filter", "inventory")
    paths = [path for kind in kinds for path in sorted((ROOT / "plugins" / kind).glob("*.py"))]
    return [example for path in paths for example in of_plugin(path)]


def of_pages() -> list[Example]:
    """Every block of the pages that somebody reads."""
    paths = [ROOT / "README.md", *sorted(ROOT.glob("docs/*.md")), *sorted(ROOT.glob("roles/*/README.md"))]
    return [example for path in paths for example in of_page(path)]


# ---- the world that an example presumes


@dataclasses.dataclass(frozen=True)
class Aggregate:
    """A host aggregate that somebody made."""

    hosts: Sequence[str] = ()
    zone: str | None = None
    metadata: Mapping[str, str] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Given:
    """What is there before, besides the hosts of inventories/example, each in the rack of its name."""

    aggregates: Mapping[str, Aggregate] = dataclasses.field(default_factory=dict)
    traits: Mapping[str, Sequence[str]] = dataclasses.field(default_factory=dict)  # the hosts that have them
    ratios: Mapping[str, float] = dataclasses.field(default_factory=dict)  # on all hosts, by resource class
    providers: Sequence[str] = ()  # resource providers that are no hosts
    unmapped: Sequence[str] = ()  # compute hosts that have just been installed, in the group computes
    dead: Sequence[str] = ()  # compute hosts that do not run
    images: Sequence[str] = ()
    console: str = ""  # what guests say
    inventory: t.Literal["ours", "copied", "to be copied"] = "ours"  # inventories/mine, from inventories/example
    snapshot: bool = False  # whether the bundled snapshot is there as cloud.json
    files: Mapping[str, str] = dataclasses.field(default_factory=dict)  # by path: other examples, by key
    lines: Mapping[str, str] = dataclasses.field(default_factory=dict)  # by path: text
    #: tasks whose changes are none, or none that can be repeated: predicted, made, made again
    changes: Mapping[str, tuple[bool, bool, bool]] = dataclasses.field(default_factory=dict)
    #: words that would be too much for a test, and what is played in their place
    instead: Mapping[str, str] = dataclasses.field(default_factory=dict)


#: of several examples: why one does not run here, and what is there before
HOST = "changes the host that it runs on, which Molecule does with hosts of its own"
SSD = {"ssd": Aggregate(["cpu-a1-1", "cpu-b1-1"], metadata={"ssd": "true"})}
ZONES = {
    "az1": Aggregate(HOSTS[:4], zone="az1"),
    "az2": Aggregate(HOSTS[4:], zone="az2"),
}
GENERAL = {"general": Aggregate(["cpu-a1-1", "cpu-a1-2", "cpu-a2-1"])}
SAVED = Given(snapshot=True)


@contextlib.contextmanager
def example_cloud(new_cloud: t.Any) -> Iterator[t.Any]:
    """A loopback cloud with the hosts of inventories/example."""
    with new_cloud(0) as cloud:
        for host in HOSTS:
            cloud.control("computes", {"host": host})
        yield cloud


def writes(cloud: t.Any) -> list[t.Any]:
    """The requests that were to change something, since the last time that anybody asked for requests."""
    return [row for row in cloud.control("log") if row[0] != "GET" and "/auth/tokens" not in row[1]]


class World:
    """The loopback cloud, as given."""

    def __init__(self, cloud: t.Any, api: t.Any) -> None:
        self.cloud, self.api = cloud, api
        self.started: list[str] = []
        self.flavors = {row["id"] for row in api("GET", "/flavors?is_public=None")["flavors"]}

    def placement(self, method: str, path: str, body: t.Any = None) -> t.Any:
        return self.api(method, path, body, service="placement")

    def build(self, given: Given) -> None:
        for host in (*given.unmapped, *given.dead):
            self.cloud.control("computes", {"host": host, "mapped": host not in given.unmapped})
            self.started.append(host)
        for host in given.dead:
            self.cloud.control("computes/stop", {"host": host})
        for name, aggregate in given.aggregates.items():
            self.aggregate(name, aggregate)
        for trait, hosts in given.traits.items():
            self.placement("PUT", "/traits/" + trait)
            for host in hosts:
                path = "/resource_providers/%s/traits" % self.api.provider(host)
                held = self.placement("GET", path)
                self.placement("PUT", path, {**held, "traits": [*held["traits"], trait]})
        for resource_class, ratio in given.ratios.items():
            for host in HOSTS:
                path = "/resource_providers/%s/inventories" % self.api.provider(host)
                held = self.placement("GET", path)
                held["inventories"][resource_class]["allocation_ratio"] = ratio
                self.placement("PUT", path, held)
        for name in given.providers:
            self.placement("POST", "/resource_providers", {"name": name})
        self.cloud.control(
            "faults",
            [
                {
                    "method": "GET",
                    "path": r"^/image/v2/images\?.*name=" + re.escape(name),
                    "status": 200,
                    "body": {"images": [{"id": IMAGE, "name": name, "status": "active", "visibility": "public"}]},
                }
                for name in given.images
            ],
        )
        if given.console:
            self.cloud.control("guests", {"host": "*", "console": given.console})

    def aggregate(self, name: str, aggregate: Aggregate) -> int:
        body = {"name": name, **({"availability_zone": aggregate.zone} if aggregate.zone else {})}
        number = int(self.api("POST", "/os-aggregates", {"aggregate": body})["aggregate"]["id"])
        path = "/os-aggregates/%d/action" % number
        if aggregate.metadata:
            self.api("POST", path, {"set_metadata": {"metadata": dict(aggregate.metadata)}})
        for host in aggregate.hosts:
            self.api("POST", path, {"add_host": {"host": host}})
        return number

    def clear(self) -> None:
        """As it was before, whatever an example has made of it."""
        if not writes(self.cloud) and not self.started:
            return
        self.cloud.control("faults", [])
        self.cloud.control("guests/reset", {})
        self.api.clear()
        for row in self.api("GET", "/os-aggregates")["aggregates"]:
            for host in row["hosts"]:
                self.api("POST", "/os-aggregates/%d/action" % row["id"], {"remove_host": {"host": host}})
            self.api("DELETE", "/os-aggregates/%d" % row["id"])
        for host in self.started:
            self.cloud.control("computes/stop", {"host": host})
            with contextlib.suppress(urllib.error.HTTPError, IndexError):  # one that was never mapped, one that is gone
                self.api("DELETE", "/os-services/" + self.api.service(host))
        self.started.clear()
        for row in self.api("GET", "/os-services?binary=nova-compute")["services"]:
            if row["status"] != "enabled" or row["forced_down"]:
                self.api("PUT", "/os-services/" + row["id"], {"status": "enabled", "forced_down": False})
        for row in self.placement("GET", "/resource_providers")["resource_providers"]:
            if row["name"] not in HOSTS:
                with contextlib.suppress(urllib.error.HTTPError):  # that of a host that comes and goes
                    self.placement("DELETE", "/resource_providers/" + row["uuid"])
        for trait in self.placement("GET", "/traits?name=startswith:CUSTOM_")["traits"]:
            having = self.placement("GET", "/resource_providers?required=" + trait)["resource_providers"]
            for row in having:
                path = "/resource_providers/%s/traits" % row["uuid"]
                held = self.placement("GET", path)
                kept = [name for name in held["traits"] if name != trait]
                self.placement("PUT", path, {**held, "traits": kept})
            self.placement("DELETE", "/traits/" + trait)
        for row in self.api("GET", "/flavors?is_public=None")["flavors"]:
            if row["id"] not in self.flavors:
                self.api("DELETE", "/flavors/" + row["id"])


# ---- the stage


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What came of a task in one of its runs."""

    task: str
    phase: str  # predicted, made, again
    changed: bool
    data: dict[str, t.Any]


@dataclasses.dataclass
class Stage:
    """A folder in which an operator works."""

    folder: Path
    cloud: t.Any

    def own(self) -> None:
        """Write what every operator has: access to a cloud."""
        access = {"auth": self.cloud.auth(), "region_name": "RegionOne"}
        self.write(".config/openstack/clouds.yaml", yaml.safe_dump({"clouds": dict.fromkeys(CLOUDS, access)}))
        self.write("ansible.cfg", "")
        installed = self.folder / ".ansible" / "collections"
        installed.mkdir(parents=True)
        (installed / "ansible_collections").symlink_to(ROOT / "build" / "collections" / "ansible_collections")

    def set(self, given: Given, examples: Mapping[str, Example]) -> None:
        """Write what the operator of the examples has: an inventory besides, and what is given."""
        self.own()
        if given.inventory != "ours":
            name = "mine" if given.inventory == "copied" else "example"
            shutil.copytree(ROOT / "inventories" / "example", self.folder / "inventories" / name)
            return
        inventory = yaml.safe_load((ROOT / "inventories" / "example" / "hosts.yml").read_text(encoding="utf-8"))
        children = inventory["all"]["children"]
        children["controllers"]["hosts"]["ctl1"] = {
            "ansible_connection": "local",
            "ansible_python_interpreter": "{{ ansible_playbook_python }}",
        }
        children["computes"]["hosts"] = {
            **{host: {"rack": rack} for host, rack in RACKS.items()}, **dict.fromkeys(given.unmapped)
        }  # fmt: skip
        children["fast_disks"] = {"hosts": dict.fromkeys(["cpu-a1-1", "cpu-b1-1"])}
        self.write("inventories/mine/hosts.yml", yaml.safe_dump(inventory))
        if given.snapshot:
            (self.folder / "cloud.json").symlink_to(SNAPSHOT)
        for path, key in given.files.items():
            self.write(path, examples[key].text)
        for path, text in given.lines.items():
            self.write(path, text)

    def write(self, path: str, text: str) -> None:
        where = self.folder / path
        where.parent.mkdir(parents=True, exist_ok=True)
        where.write_text(text, encoding="utf-8")

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command in this folder, with nothing of the environment that would lead it to another cloud."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("OS_", "ANSIBLE_"))}
        ours = {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_CONFIG": str(self.folder / "ansible.cfg"),
            "ANSIBLE_INVENTORY_UNPARSED_WARNING": "false",
            "ANSIBLE_LOCALHOST_WARNING": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_NOCOWS": "1",
            "ANSIBLE_PIPELINING": "true",
            "HOME": str(self.folder),
            "PATH": "%s:%s" % (COMMANDS, kept["PATH"]),
            "PWD": str(self.folder),
        }
        return subprocess.run(
            command, cwd=self.folder, env={**kept, **ours, **environment}, stdin=subprocess.DEVNULL,
            capture_output=True, text=True, check=False,
        )  # fmt: skip

    def play(self, playbook: str, phase: str, *arguments: str) -> list[Outcome]:
        """Runs a playbook of this folder. A task named like a phase says which one begins."""
        done = self.run(
            "ansible-playbook", "-i", "inventories/mine", "--diff", playbook, *arguments,
            ANSIBLE_STDOUT_CALLBACK="ansible.posix.json",
        )  # fmt: skip
        assert done.stdout.lstrip().startswith("{"), done.stdout + done.stderr
        outcomes = []
        for row in (task for play in json.loads(done.stdout)["plays"] for task in play["tasks"]):
            name = row["task"]["name"]
            if name in ("predicted", "made", "again"):
                phase = name
                continue
            for data in row["hosts"].values():
                assert not data.get("failed") and not data.get("unreachable"), "%s (%s): %s" % (
                    name, phase, data.get("msg") or data,
                )  # fmt: skip
                if not data.get("skipped"):
                    outcomes.append(Outcome(name, phase, data["changed"], data))
        assert done.returncode == 0, done.stdout + done.stderr
        return outcomes

    def tasks(self, texts: Sequence[str]) -> list[Outcome]:
        """Each task in check mode, for real, and again, before the next; those that only read once."""
        steps: list[dict[str, t.Any]] = []
        for number, text in enumerate(texts):
            file = "task-%d.yml" % number
            self.write(file, text)
            (task,) = yaml.safe_load(text)
            for phase in ("made",) if READERS.intersection(task) else ("predicted", "made", "again"):
                apply = {"check_mode": True} if phase == "predicted" else {}
                steps.append({"name": phase, "ansible.builtin.include_tasks": {"file": file, "apply": apply}})
        play = {
            "hosts": "localhost",
            "gather_facts": False,
            # where this controller's Nova is
            "module_defaults": {
                "scaleout.nova.compute_hosts": {
                    "config_files": [self.cloud.config_file],
                    "nova_manage": self.cloud.nova_manage,
                    "nova_user": "",
                }
            },
            "tasks": steps,
        }
        self.write("play.yml", yaml.safe_dump([play], sort_keys=False))
        return self.play("play.yml", "")

    def plays(self, text: str) -> list[Outcome]:
        """Whole plays: in check mode, for real, and again."""
        self.write("play.yml", text)
        return [
            outcome
            for phase, arguments in (("predicted", ["--check"]), ("made", []), ("again", []))
            for outcome in self.play("play.yml", phase, *arguments)
        ]


# ---- what is played, and how


def matching(patterns: Iterable[str], key: str) -> list[str]:
    """The patterns that the name of an example matches, the name itself before any pattern."""
    return [pattern for pattern in patterns if pattern == key] or [
        pattern for pattern in patterns if fnmatch.fnmatchcase(key, pattern)
    ]


def words(text: str) -> list[str]:
    """Lines, without how wide they are set."""
    return [" ".join(line.split()) for line in text.splitlines()]


@dataclasses.dataclass(frozen=True)
class Catalogue:
    """Examples of which each runs here, or is known not to.

    :param elsewhere: what does not run here (names or patterns), and why
    :param stages: what is there before, where that is more than eight hosts
    """

    examples: Mapping[str, Example]
    elsewhere: Mapping[str, str]
    stages: Mapping[str, Given]

    def given(self, key: str) -> Given:
        return next((self.stages[pattern] for pattern in matching(self.stages, key)), Given())

    def here(self, *kinds: Kind) -> list[str]:
        """Names of the examples of a kind that run here; what two pages say in the same words, once."""
        found: dict[str, str] = {}
        for key, example in self.examples.items():
            if example.kind in kinds and not matching(self.elsewhere, key):
                found.setdefault(key.partition(": ")[2] if example.kind == "command" else key, key)
        return list(found.values())

    @contextlib.contextmanager
    def stage(self, key: str, cloud: t.Any, api: t.Any, folder: Path) -> Iterator[Stage]:
        """The stage of an example, in a world that is cleared afterwards."""
        world = World(cloud, api)
        world.build(self.given(key))
        stage = Stage(folder, cloud)
        stage.set(self.given(key), {example.key: example for example in of_pages()})
        yield stage
        world.clear()

    def nothing_is_left_out(self, *used: str) -> None:
        """No entry is stale, none says what another one says, and what is no example by itself is part of one."""
        counted = collections.Counter(example.key for example in (*of_plugins(), *of_pages()))
        assert [key for key, number in counted.items() if number > 1] == []
        for patterns in (self.elsewhere, self.stages):
            assert [pattern for pattern in patterns if not fnmatch.filter(self.examples, pattern)] == []
            assert [key for key in self.examples if len(matching(patterns, key)) > 1] == []
        assert [key for key in self.examples if matching(self.elsewhere, key) and matching(self.stages, key)] == []
        parts = {key for given in self.stages.values() for key in given.files.values()}
        assert set(self.here("variables", "text")) - parts == set(used)

    def as_promised(self, key: str, outcomes: Sequence[Outcome]) -> None:
        """Check mode predicted what was changed, and once was enough."""
        seen: dict[str, dict[str, Outcome]] = collections.defaultdict(dict)
        for outcome in outcomes:
            seen[outcome.task][outcome.phase] = outcome
        given = self.given(key)
        for task, phases in seen.items():
            if phases["made"].data["action"] in READERS:
                assert not any(outcome.changed for outcome in phases.values()), task
                continue
            changed = tuple(phases[phase].changed for phase in ("predicted", "made", "again"))
            assert changed == given.changes.get(task, (True, True, False)), task
            if "diff" in phases["made"].data and task not in given.changes:
                assert phases["made"].data["diff"] == phases["predicted"].data["diff"], task
        assert set(given.changes) <= set(seen)

    def play_tasks(self, key: str, stage: Stage) -> None:
        """Tasks; what a comment below a task promises is what it says."""
        texts = self.examples[key].tasks
        for old, new in self.given(key).instead.items():
            assert sum(old in text for text in texts) == 1
            texts = [text.replace(old, new) for text in texts]
        outcomes = stage.tasks(texts)
        self.as_promised(key, outcomes)
        made = [outcome for outcome in outcomes if outcome.phase == "made"]
        assert len(made) == len(texts)
        for text, outcome in zip(texts, made, strict=True):
            promised = "\n".join(re.findall(r"^  # (.*)$", text, re.MULTILINE))
            if not promised:
                continue
            said = outcome.data["msg"]
            if isinstance(said, str):
                assert set(words(promised)) <= set(words(said))
            else:
                assert yaml.safe_load("{%s}" % promised if isinstance(said, dict) else promised) == said

    def play_plays(self, key: str, stage: Stage) -> None:
        """Whole plays."""
        self.as_promised(key, stage.plays(self.examples[key].text))

    def play_inventory(self, key: str, stage: Stage) -> None:
        """An inventory of the hosts of the cloud, read twice."""
        stage.write("inventories/cloud/computes.yml", self.examples[key].text)
        wanted = yaml.safe_load(self.examples[key].text)
        for _once_more in range(2):
            done = stage.run("ansible-inventory", "-i", "inventories/cloud/computes.yml", "--list")
            assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
            found = json.loads(done.stdout)
            variables = found["_meta"]["hostvars"]
            assert sorted(variables) == HOSTS
            for group in wanted.get("groups", {}):
                assert sorted(found[group]["hosts"]) == HOSTS
            for keyed in wanted.get("keyed_groups", []):
                assert [name for name in found if name.startswith(keyed["prefix"] + "_")]
            for name in wanted.get("compose", {}):
                assert all(name in variables[host] for host in HOSTS)
            assert {name for name in found if name.startswith("trait_")} == {
                "trait_" + name for name in self.given(key).traits
            }
        cached = list(stage.folder.glob(".cache/scaleout-nova/inventory/*"))
        assert bool(cached) is wanted.get("cache", False)

    def play_command(self, key: str, stage: Stage) -> None:
        """A command: playbooks change nothing when they are run again, and nothing at all in check mode."""
        example = self.examples[key]
        stage.cloud.control("log")
        playbook, check = example.text.startswith("ansible-playbook"), "--check" in key
        for again in range(2 if playbook and not check else 1):
            done = stage.run("bash", "-euc", example.text, OS_CLOUD="admin")
            assert done.returncode == 0, done.stdout + done.stderr
            recaps = re.findall(r"changed=(\d+)", done.stdout)
            assert not again or set(recaps) == {"0"}, done.stdout
        if check:
            assert writes(stage.cloud) == []
        said = iter(words(done.stdout))
        for line in filter(None, words(example.output)):
            assert line == "..." or line in said, (line, done.stdout)  # each after the one before
