# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What modules make of answers that are JSON, and yet not what the services say: a key is missing, null, or something
else. The answers are those of a real Nova and Placement, recorded once for each module, and one thing is changed at a
time.
"""

from __future__ import annotations

import collections.abc as c
import copy
import dataclasses
import importlib
import json
import random
import re
import signal
import typing as t
import urllib.parse
import uuid
from pathlib import Path

import pytest
from ansible.module_utils.basic import AnsibleModule
from ansible.module_utils.testing import patch_module_args
from keystoneauth1 import session as ksa

from ansible_collections.scaleout.nova.plugins.inventory import computes as plugin
from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import computes
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import CloudError
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions

#: as many changes for each module; all of them (None) take an hour
SAMPLE = 60
#: what Python says of itself, and no operator should have to read
INTERNAL = re.compile(r"Traceback|KeyError|TypeError|AttributeError|NoneType|object has no|indices must be|unexpected:")
OTHERS: tuple[t.Any, ...] = (None, 7, -1, 1.5, "else", "", True, [], {}, [None], {"a": None})


@dataclasses.dataclass(frozen=True)
class Change:
    """One thing changed in the answers to one call: the value below this path is another one, or is not there."""

    call: str
    path: tuple[str | int, ...]
    value: t.Any

    def __str__(self) -> str:
        value = "gone" if self.value is ... else repr(self.value)
        return "%s: %s is %s" % (self.call, list(self.path), value)

    def apply(self, document: t.Any) -> t.Any:
        changed = copy.deepcopy(document)
        if not self.path:
            return self.value
        place = changed
        for step in self.path[:-1]:
            place = place[step]
        if self.value is ...:
            del place[self.path[-1]]
        else:
            place[self.path[-1]] = self.value
        return changed


def changes(call: str, document: t.Any, path: tuple[str | int, ...] = ()) -> c.Iterator[Change]:
    """All of one document, of lists those of the first two elements."""
    if path and isinstance(path[-1], str):
        yield Change(call, path, ...)
    for value in OTHERS:
        if value != document or value.__class__ is not document.__class__:
            yield Change(call, path, value)
    if isinstance(document, dict):
        for key, value in document.items():
            yield from changes(call, value, (*path, key))
    elif isinstance(document, list):
        for number, value in enumerate(document[:2]):
            yield from changes(call, value, (*path, number))


class Answer:
    """What keystoneauth1 would have returned."""

    def __init__(self, status: int, content: bytes, headers: c.Mapping[str, str]) -> None:
        self.status_code, self.content, self.headers = status, content, headers
        self.text = content.decode("utf-8", "replace")

    def json(self) -> t.Any:
        return json.loads(self.content)


class Tape:
    """All answers to reading calls, recorded when they are asked for the first time."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: list[str] = []
        self.change: Change | None = None
        self.real = ksa.Session.request

    def request(self, session: t.Any, url: str, method: str, **options: t.Any) -> t.Any:
        parts = urllib.parse.urlsplit(url)
        if "/identity" in parts.path:
            return self.real(session, url, method, **options)
        query = urllib.parse.urlencode(sorted(dict(options.get("params") or {}).items()))
        version = dict(options.get("headers") or {}).get("OpenStack-API-Version", "")
        call = "%s %s?%s %s" % (method, parts.path, query, version)
        assert method == "GET", call + " would change something"
        if call not in self.answers:
            got = self.real(session, url, method, **options)
            self.answers[call] = Answer(got.status_code, got.content, got.headers)
        self.asked.append(call)
        answer = self.answers[call]
        if self.change is not None and self.change.call == call:
            changed = self.change.apply(answer.json())
            answer = Answer(answer.status_code, json.dumps(changed).encode(), answer.headers)
        return answer


@pytest.fixture
def tape(contents: None, monkeypatch: pytest.MonkeyPatch) -> Tape:
    made = Tape()

    def request(session: t.Any, url: str, method: str, **more: t.Any) -> t.Any:
        return made.request(session, url, method, **more)

    monkeypatch.setattr(ksa.Session, "request", request)
    monkeypatch.setattr(Cloud, "retry_delays", ())
    return made


@pytest.fixture(autouse=True)
def contents(cloud: t.Any, nova: t.Any) -> None:
    """Something of everything: aggregates, a server in a group, a full provider, one that shares, one in a tree."""
    if nova("GET", "/os-aggregates")["aggregates"]:
        return  # an earlier test has made it

    def placement(method: str, path: str, body: t.Any = None) -> t.Any:
        return nova(method, path, body, service="placement")

    for name, zone, hosts in (("az", "east", ["cmp1", "cmp2"]), ("ssd", None, ["cmp2"])):
        made = nova("POST", "/os-aggregates", {"aggregate": {"name": name, "availability_zone": zone}})["aggregate"]
        path = "/os-aggregates/%d/action" % made["id"]
        nova("POST", path, {"set_metadata": {"metadata": {"rack": name}}})
        for host in hosts:
            nova("POST", path, {"add_host": {"host": host}})
    group = nova("POST", "/os-server-groups", {"server_group": {
        "name": "apart", "policy": "anti-affinity", "rules": {"max_server_per_host": 2},
    }})["server_group"]["id"]  # fmt: skip
    image = "70a599e0-31e7-49b7-b260-868f441e862b"
    server = {"name": "one", "imageRef": image, "flavorRef": "1", "networks": "none", "host": "cmp1"}
    nova("POST", "/servers", {"server": server, "os:scheduler_hints": {"group": group}})
    nova.until(lambda: [each["status"] for each in nova.servers()] == ["ACTIVE"])
    placement("PUT", "/traits/CUSTOM_SSD")
    aggregate = str(uuid.uuid4())
    for name, inventory, traits, parent in (
        ("full", {"VCPU": {"total": 1}}, ["CUSTOM_SSD"], None),
        ("pool", {"DISK_GB": {"total": 100}}, ["MISC_SHARES_VIA_AGGREGATE"], None),
        ("card", {"VGPU": {"total": 4, "max_unit": 1}}, [], nova.provider("cmp1")),
    ):
        provider = str(uuid.uuid4())
        path = "/resource_providers/" + provider
        placement("POST", "/resource_providers", {"name": name, "uuid": provider, "parent_provider_uuid": parent})
        placement("PUT", path + "/inventories", {"inventories": inventory, "resource_provider_generation": 0})
        placement("PUT", path + "/traits", {"traits": traits, "resource_provider_generation": 1})
        if name == "pool":
            placement("PUT", path + "/aggregates", {"aggregates": [aggregate], "resource_provider_generation": 2})
        if name == "full":
            placement("PUT", "/allocations/" + str(uuid.uuid4()), {
                "allocations": {provider: {"resources": {"VCPU": 1}}},
                "project_id": "p", "user_id": "u", "consumer_generation": None,
            })  # fmt: skip


@pytest.fixture
def module(
    cloud: t.Any, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> c.Iterator[c.Callable[..., dict[str, t.Any]]]:
    """Runs a module in this process, as Ansible does."""
    said: list[str] = []
    monkeypatch.setattr(AnsibleModule, "warn", lambda self, text: said.append(text))
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT)}

    def run(name: str, check: bool = True, **options: t.Any) -> dict[str, t.Any]:
        found = importlib.import_module("ansible_collections.scaleout.nova.plugins.modules." + name)
        said.clear()
        given = {"auth": cloud.auth(), "region_name": "RegionOne", **options, "_ansible_check_mode": check}
        with patch_module_args(given), pytest.raises(SystemExit):
            found.main()
        return {**json.loads(capfd.readouterr().out), "said": list(said)}

    yield run
    for number, handler in handlers.items():
        signal.signal(number, handler)


def settled(result: dict[str, t.Any]) -> dict[str, t.Any]:
    """A result without what is different each time."""
    volatile = ("seconds", "calls", "invocation", "taken_at", "summary", "path")
    return {key: value for key, value in result.items() if key not in volatile}


def sample(tape: Tape, name: str, number: int | None = SAMPLE) -> list[Change]:
    """Changes of all that was asked for, of each call as many as of any other."""
    chance = random.Random(name)
    calls = list(dict.fromkeys(tape.asked))
    found = [list(changes(call, tape.answers[call].json())) for call in calls if tape.answers[call].status_code == 200]
    if number is None:
        return [change for each in found for change in each]
    return [change for each in found for change in chance.sample(each, min(len(each), -(-number // len(found))))]


def check_sentence(text: str, change: Change) -> None:
    """One sentence of an operator's world, or several, and nothing of ours."""
    assert text.endswith(".") and "\n" not in text and not INTERNAL.search(text), "%s: %s" % (change, text)
    assert len(text) < 2000, change


# Without these a row can be read as well, as they are not always there, or mean the same as nothing.
OPTIONAL = re.compile(
    r"zone|availability_zone|disabled_reason|updated_at|hypervisor_(type|version)|host_ip|running_vms|vcpus|memory_mb|"
    r"local_gb|rules|max_server_per_host|extra_specs|swap|description|project_id|tenant_id|original_name|fault|message|"
    r"OS-.*|os-flavor-access:is_public"
)
#: what is below these is the answer itself
TABLES = {"provider_summaries", "resources", "inventories", "usages", "metadata", "extra_specs", "allocations"}


def has_to_show(change: Change) -> bool:
    """Whether a row has lost something that it has to have: then there is the right result or none."""
    if change.value is not ... or OPTIONAL.fullmatch(str(change.path[-1])):
        return False
    return not TABLES.intersection(map(str, change.path[-2:-1]))


class Cases:
    """A module, and what may be run with one thing changed."""

    modules: t.ClassVar[dict[str, dict[str, t.Any]]] = {
        "capacity_info": {"detail": "hosts"},
        "host_aggregates_info": {},
        "host_aggregates": {
            "aggregates": [
                {"name": "rack", "zone": "west", "hosts": ["cmp3"]},
                {"name": "ssd", "rule": {"any": [{"traits": ["CUSTOM_SSD"]}, {"hypervisor_type": "fake"}]}},
                {"name": "big", "rule": {"inventory": {"VCPU": 4}}},
            ],
            "verify_placement": "declared",
        },
        "resource_provider_inventory": {"hosts": ["cmp1"], "inventories": {"CUSTOM_FPGA": {"total": 2}}},
        "resource_provider_traits": {"hosts": ["cmp1", "cmp2"], "traits": ["CUSTOM_SSD"], "state": "exact"},
        "compute_service": {"hosts": ["cmp1"], "state": "disabled", "disabled_reason": "test"},
        "compute_service_info": {},
        "compute_hosts": {"hosts": ["cmp1", "cmp2"], "map": False},
        "guest_check": {"image": "fakeimage7", "flavor": "m1.tiny", "hosts": ["cmp1"]},
    }


@pytest.mark.parametrize("name", Cases.modules)
def test_modules(module: t.Any, tape: Tape, name: str) -> None:
    options = Cases.modules[name]
    right = module(name, **options)
    assert not right.get("failed"), right["msg"]
    failed = 0
    for change in sample(tape, name):
        tape.change = change
        try:
            result = module(name, **options)
        except Exception as error:
            raise AssertionError(str(change)) from error
        texts = [*([result["msg"]] if result.get("failed") else []), *result["said"]]
        for text in texts:
            check_sentence(text, change)
        complains = result.get("failed") or result["said"] != right["said"]
        if not complains and has_to_show(change):
            assert settled(result) == settled(right), change
        failed += bool(complains)
    assert failed


def test_the_snapshot_is_right_or_stays_as_it_is(module: t.Any, tape: Tape, tmp_path: Path) -> None:
    path = tmp_path / "cloud.json"
    for inventories in ("needed", "all"):
        tape.asked.clear()
        tape.change = None
        options = {"path": str(path), "servers": True, "inventories": inventories}
        assert not module("cloud_snapshot", check=False, **options).get("failed")
        for change in sample(tape, "snapshot " + inventories, SAMPLE and 2 * SAMPLE):
            path.write_text("what was there", encoding="utf-8")
            tape.change = change
            try:
                result = module("cloud_snapshot", check=False, **options)
            except Exception as error:
                raise AssertionError(str(change)) from error
            if result.get("failed"):
                check_sentence(result["msg"], change)
                assert path.read_text(encoding="utf-8") == "what was there", change
            else:
                try:
                    model.load(path)
                except Exception as error:
                    raise AssertionError(str(change)) from error
            assert [each.name for each in tmp_path.iterdir()] == [path.name], change


def test_the_inventory_plugin(cloud: t.Any, tape: Tape) -> None:
    def read() -> list[dict[str, t.Any]]:
        session = Cloud(CloudOptions(auth=cloud.auth(), region_name="RegionOne"))
        return plugin.rows(*computes.read(session, ["CUSTOM_*"]))

    read()
    for change in sample(tape, "inventory", 300):
        tape.change = change
        try:
            for row in read():
                plugin.group_names(row, ("zone", "aggregate", "status", "state", "hypervisor_type", "trait", "cell"))
        except CloudError as error:
            check_sentence(str(error), change)
        except Exception as error:
            raise AssertionError(str(change)) from error


# ---- modules that wait: what passes may pass


def test_hosts_that_cannot_be_read_are_waited_for(run: t.Any, cloud: t.Any) -> None:
    rows = {"hypervisors": [{"id": "x", "hypervisor_hostname": "cmp1", "hypervisor_type": "fake"}]}
    fault = {"path": "/os-hypervisors", "status": 200, "body": rows}
    options = {"hosts": ["cmp1"], "map": False, "interval": 0.2}
    cloud.control("faults", [{**fault, "times": 2}])
    assert run("compute_hosts", timeout=30, **options).code == 0
    cloud.control("faults", [fault])
    result = run("compute_hosts", timeout=2, **options)
    assert result.failed and "hypervisors[0].service is missing, and has to be an object" in result.msg


def test_a_guest_that_cannot_be_read_is_removed(run: t.Any, cloud: t.Any, nova: t.Any) -> None:
    before = len(nova.servers())
    cloud.control(
        "faults", [{"method": "GET", "path": "/servers/(?!detail)", "status": 200, "body": {"server": []}, "times": 3}]
    )
    result = run("guest_check", image="fakeimage7", flavor="m1.tiny", hosts=["cmp1"], interval=0.2, timeout=30)
    assert result.code == 0 and len(nova.servers()) == before
