# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Reports of an answer made by hand, with names that want to be more than names."""

from __future__ import annotations

import copy
import html.parser
import json
import random
import re
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import report
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Flavor, Server, Snapshot
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.report import prometheus, words
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.report.facts import Amounts

Answer = dict[str, Any]
EVIL = '<script>alert("1")</script>\'&|\\`x`*a*[l](http://e.example)'


def amounts(capacity: int, used: int) -> dict[str, int]:
    return {"capacity": capacity, "used": used, "free": max(0, capacity - used)}


def host(zone: str, aggregates: list[str], vcpus: int, memory: int, why_not: str | None = None) -> dict[str, Any]:
    return {
        "zone": zone,
        "aggregates": aggregates,
        "accepts": why_not is None,
        "why_not": why_not,
        "resources": {"VCPU": amounts(64, vcpus), "MEMORY_MB": amounts(131072, memory)},
    }


def limit(name: str, kind: str, hosts: int, more: int | None) -> dict[str, Any]:
    return {"limit": name, "kind": kind, "hosts": hosts, "more": more}


@pytest.fixture
def answer() -> Answer:
    return {
        "flavors": {
            "m1.large": {
                "fits": 1204,
                "proven": True,
                "hosts": {"cpu1": 1200, "cpu10": 4},
                "zones": {"a": 1200, "b": 4},
                "aggregates": {"zone-a": 1200, "zone-b": 4, "fast": 1200},
                "limits": [limit("MEMORY_MB", "resource", 3, 380), limit("host disabled", "rule", 1, 9)],
                "unknown": ["The NUMA layout of the hosts is not known."],
            },
            "gpu.a": {
                "fits": 0,
                "proven": True,
                "hosts": {},
                "zones": {},
                "aggregates": {},
                "limits": [limit("trait CUSTOM_GPU", "trait", 4, None)],
                "unknown": [],
            },
        },
        "resources": {
            "VCPU": {"total": 128, "capacity": 256, "used": 100, "free": 156, "usable": 120},
            "MEMORY_MB": {"total": None, "capacity": 524288, "used": 393216, "free": 131072, "usable": 98304},
            "CUSTOM_LICENCE": {"total": 4, "capacity": 4, "used": 4, "free": 0, "usable": 0},
        },
        "stranded": {"VCPU": {"amount": 39, "hosts": 1, "without": "MEMORY_MB"}},
        "hosts": {
            "cpu10": host("b", ["zone-b"], 60, 131072),
            "cpu1": host("a", ["zone-a", "fast"], 16, 1000),
            "cpu2": host("a", ["zone-a"], 20, 64000),
            "cpu3": host("a", ["zone-a"], 0, 0, "disabled: fan is broken"),
        },
        "limits": ["The cells of hosts cannot be seen."],
        "taken_at": "2026-11-25T06:00:00Z",
    }


@pytest.fixture
def snapshot() -> Snapshot:
    return Snapshot(
        taken_at="2026-11-25T06:00:00Z",
        source={"cloud": "production", "auth_url": "https://cloud.example.org/v3", "region": "RegionOne"},
        parts=("providers", "hosts", "aggregates", "flavors", "servers"),
        flavors=[Flavor("1", "m1.large", 4, 8192, 80), Flavor("2", "gpu.a", 8, 65536, 0)],
        servers=[
            *(Server(f"s{number}", flavor="m1.large", host="cpu1") for number in range(3)),
            Server("s8", flavor="gone", host="cpu2"),
            Server("s9", flavor="m1.large", host="elsewhere"),
        ],
    )


def hostile(answer: Answer, evil: str) -> Answer:
    """The answer with that in all its names."""
    text = json.dumps(answer)
    for name in ("m1.large", "cpu1", "zone-a", "fast", "CUSTOM_LICENCE", "trait CUSTOM_GPU", "fan is broken", "cells"):
        text = text.replace(name, json.dumps(f"{name}{evil}")[1:-1])
    return json.loads(text.replace('"b"', json.dumps(f"b{evil}")))  # type: ignore[no-any-return]


# ---- what it says


def test_the_first_sentence(snapshot: Snapshot, answer: Answer) -> None:
    facts = report.gather(snapshot, answer)
    assert facts.headline == "Room for 1,204 more m1.large; memory runs out first in zone b."
    assert facts.title == "Capacity of production"
    assert facts.source == "production, region RegionOne, https://cloud.example.org/v3"
    assert facts.remarks == (
        "No room at all for gpu.a.",
        "1 of 4 hosts takes no guests.",
        "25 % of the free vCPUs are stranded on hosts with too little memory.",
    )


def test_the_first_sentence_of_other_clouds(snapshot: Snapshot, answer: Answer) -> None:
    large = answer["flavors"]["m1.large"]
    large["proven"] = False
    assert report.gather(snapshot, answer).headline.startswith("Room for at least 1,204 more m1.large;")
    large["zones"] = {"a": 1204}
    snapshot.servers[0].host = "cpu10"
    assert report.gather(snapshot, answer).headline.endswith("m1.large; memory has run out in zone b.")
    snapshot.servers[0].host = "cpu1"
    large["limits"] = [limit("VCPU", "resource", 4, 1)]
    assert report.gather(snapshot, answer).headline.endswith("m1.large; vCPUs run out first.")
    large.update(fits=0, proven=True)
    assert report.gather(snapshot, answer).headline == "No room for another m1.large: vCPUs have run out."
    large["limits"] = []
    assert report.gather(snapshot, answer).headline == "No room for another m1.large."
    answer["flavors"] = {}
    assert report.gather(snapshot, answer).headline == "There are no flavors to count."


def test_the_question_in_words() -> None:
    assert report.notes({"flavors": ["m1.large"], "what_if": None, "zone": None, "image_properties": {}}) == []
    terms = {"zone": "a", "aggregate": "fast", "boot_from_volume": True, "new_server_group": {"policy": "affinity"}}
    assert report.notes(terms) == [
        "The question is about the availability zone a, the aggregate fast and a new server group with the policy"
        " affinity only.",
        "The servers in question boot from volumes.",
    ]
    what_if = {
        "remove_hosts": ["cpu1"],
        "disable_hosts": ["cpu2", "cpu3"],
        "ratios": [
            {"resource_class": "VCPU", "allocation_ratio": 8.0, "hosts": None, "aggregate": None},
            {"resource_class": "MEMORY_MB", "allocation_ratio": 1.5, "aggregate": "fast"},
        ],
        "aggregates": [{"name": "fast"}],
        "add_hosts": [{"like": "cpu1", "count": 10, "zone": "b"}, {"like": "cpu2", "count": 1, "zone": None}],
    }
    assert report.notes({"what_if": what_if}) == [
        "As if cpu1 was not there.",
        "As if cpu2 and cpu3 were disabled.",
        "As if the allocation ratio of VCPU was 8.",
        "As if the allocation ratio of MEMORY_MB was 1.5 on fast.",
        "As if aggregates were different: fast.",
        "As if there were 10 hosts more like cpu1 in zone b.",
        "As if there was 1 host more like cpu2.",
    ]


def test_without_servers_it_is_about_what_there_is_most_room_for(snapshot: Snapshot, answer: Answer) -> None:
    snapshot.servers = []
    snapshot.parts = ("providers", "hosts", "flavors")
    answer["flavors"]["gpu.a"]["fits"] = 2000
    facts = report.gather(snapshot, answer)
    assert facts.headline == "Room for 2,000 more gpu.a." and facts.servers is None


def test_groups_are_by_zone_and_by_what_is_no_zone(snapshot: Snapshot, answer: Answer) -> None:
    groups = report.gather(snapshot, answer).groups
    assert [(one.zone, one.name, [host.name for host in one.hosts], one.closed) for one in groups] == [
        ("a", "in no aggregate", ["cpu2", "cpu3"], 1),
        ("a", "fast", ["cpu1"], 0),
        ("b", "in no aggregate", ["cpu10"], 0),
    ]
    assert groups[0].totals == {"VCPU": Amounts(64, 20, 44), "MEMORY_MB": Amounts(131072, 64000, 67072)}
    assert groups[2].hosts[0].tightest == "MEMORY_MB" and groups[2].hosts[0].resources["MEMORY_MB"].share == 1.0


def test_the_aggregate_of_all_hosts_of_the_only_zone_is_shown(snapshot: Snapshot, answer: Answer) -> None:
    for one in answer["hosts"].values():
        one.update(zone="nova", aggregates=["all"])
    assert [one.name for one in report.gather(snapshot, answer).groups] == ["all"]


def test_tables(snapshot: Snapshot, answer: Answer) -> None:
    tables = report.tables(report.gather(snapshot, answer))
    assert tables["flavors"][0] == {
        "flavor": "m1.large",
        "fits": 1204,
        "zone a": 1200,
        "zone b": 4,
        "limited by": "memory",
        "on hosts": 3,
        "more without it": 380,
    }
    assert tables["flavors"][1]["more without it"] == "any number"
    assert tables["resources"][1] == {
        "resource class": "MEMORY_MB",
        "used %": 75,
        "capacity": 512,
        "used": 384,
        "free": 128,
        "usable": 96,
        "stranded": 0,
        "unit": "GiB",
    }
    assert tables["hosts"][0]["free memory %"] == 51 and tables["hosts"][0]["take no guests"] == 1
    assert tables["closed"] == [{"host": "cpu3", "zone": "a", "why": "disabled: fan is broken"}]


def test_the_order_of_the_answer_does_not_matter(snapshot: Snapshot, answer: Answer) -> None:
    def shuffled(value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        keys = list(value)
        random.Random(1).shuffle(keys)
        return {key: shuffled(value[key]) for key in keys}

    other = shuffled(answer)
    assert list(other) != list(answer)
    for name in report.FORMATS:
        one = report.render(name, report.gather(snapshot, answer), answer)
        assert one == report.render(name, report.gather(snapshot, other), other)


# ---- formats


class Page(html.parser.HTMLParser):
    """Checks that elements are closed in order, and collects them."""

    VOID = frozenset(("meta", "input"))

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None], list[str]]] = []
        self.texts: list[str] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs), list(self.open)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_the_page_is_whole_and_needs_nothing_else(snapshot: Snapshot, answer: Answer) -> None:
    facts = report.gather(snapshot, answer, title="A title", notes=["Asked in the zone a."])
    text = report.render("html", facts, answer)
    page = Page(text)
    tags = {tag for tag, _attributes, _parents in page.elements}
    assert not tags & {"script", "link", "img", "iframe", "object", "base", "form"}
    for _tag, attributes, _parents in page.elements:
        assert not {"src", "href", "srcset", "onclick", "onload"} & set(attributes)
    assert "@import" not in text and set(re.findall(r"url\((.)", text)) == {"#"}
    ids = [attributes["id"] for _tag, attributes, _parents in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", text)) <= set(ids)
    assert set(re.findall(r":has\(#([\w-]+):checked\)", text)) <= set(ids)
    for _tag, attributes, _parents in page.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in ids
    for said in ("A title", "Asked in the zone a.", facts.headline, "disabled: fan is broken", "any number"):
        assert said in page.texts


def test_pictures_can_be_read_aloud(snapshot: Snapshot, answer: Answer) -> None:
    text = report.render("html", report.gather(snapshot, answer), answer)
    pictures = re.findall(r"<svg([^>]*)>(<title>[^<]+</title>)?", text)
    assert len(pictures) > 10
    for attributes, title in pictures:
        assert ('role="img"' in attributes) == bool(title) and (title or 'aria-hidden="true"' in attributes)
    assert "<title>Zone b, in no aggregate: 1 host, 1 of them with nothing left of a resource, 0 taking no" in text
    assert text.count('class="cell off"') == 1
    assert "cpu10\nvCPUs: 60 of 64 used (94 %)\nmemory: 128 GiB of 128 GiB used (100 %)</title>" in text


def test_every_cell_has_a_colour_for_every_choice(snapshot: Snapshot, answer: Answer) -> None:
    text = report.render("html", report.gather(snapshot, answer), answer)
    cells = re.findall(r'class="cell ([^"]+)"', text)
    assert sorted(cells) == ["a1 b1 c0", "a1 b1 c1", "a5 b4 c5", "off"]
    for letter in "bc":
        for level in range(6):
            assert f".hosts:has(#by-{letter}:checked) .{letter}{level}:not(.off)" in text


def test_names_stay_names_in_the_page(snapshot: Snapshot, answer: Answer) -> None:
    evil = hostile(answer, EVIL)
    snapshot.source["cloud"] = EVIL
    snapshot.flavors.append(Flavor("3", f"m1.large{EVIL}", 4, 8192, 80))
    text = report.render("html", report.gather(snapshot, evil, notes=[EVIL]), evil)
    page = Page(text)
    assert "script" not in {tag for tag, _attributes, _parents in page.elements}
    assert f"m1.large{EVIL}" in page.texts and f"zone b{EVIL}" in page.texts and EVIL in page.texts
    plain = Page(report.render("html", report.gather(snapshot, answer, notes=["x"]), answer))
    assert [tag for tag, _attributes, _parents in page.elements] == [
        tag for tag, _attributes, _parents in plain.elements
    ]


def test_names_stay_names_in_markdown(snapshot: Snapshot, answer: Answer) -> None:
    evil = hostile(answer, EVIL)
    text = report.render("markdown", report.gather(snapshot, evil), evil)
    plain = report.render("markdown", report.gather(snapshot, answer), answer)
    assert "MEMORY_MB" in text and "<script" not in text.replace("\\<", "")
    columns = [len(re.findall(r"(?<!\\)\|", line)) for line in text.splitlines() if line.startswith("|")]
    assert columns == [line.count("|") for line in plain.splitlines() if line.startswith("|")]
    assert re.search(r"(?<!\\)[`*\[<]", text.replace("**", "", 2).split("## How many")[1]) is None


UNESCAPED = {"\\n": "\n", "\\\\": "\\", '\\"': '"'}


def parse_metrics(text: str) -> dict[str, dict[tuple[tuple[str, str], ...], float]]:
    """Reads the text format as strictly as Prometheus does; HELP and TYPE have to come right before their metric."""
    assert text.endswith("\n")
    found: dict[str, dict[tuple[tuple[str, str], ...], float]] = {}
    lines = iter(text[:-1].split("\n"))
    current = ""
    label = r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\["\\n])*)"'
    for line in lines:
        if line.startswith("#"):
            help_line = re.fullmatch(r"# HELP ([a-zA-Z_:][a-zA-Z0-9_:]*) (?:[^\\]|\\[\\n])+", line)
            assert help_line and help_line[1] not in found
            current = help_line[1]
            assert next(lines) == f"# TYPE {current} gauge"
            found[current] = {}
            continue
        sample = re.fullmatch(rf"{re.escape(current)}(?:\{{({label}(?:,{label})*)\}})? (-?\d+)", line)
        assert sample, line
        labels = tuple(
            (name, re.sub(r"\\.", lambda match: UNESCAPED[match[0]], value))
            for name, value in re.findall(label, sample[1] or "")
        )
        assert labels not in found[current]
        found[current][labels] = float(line.rpartition(" ")[2])
    assert all(found.values())
    return found


def test_metrics(snapshot: Snapshot, answer: Answer) -> None:
    metrics = parse_metrics(report.render("prometheus", report.gather(snapshot, answer), answer))
    assert list(metrics) == [
        "scaleout_nova_capacity_taken_timestamp_seconds",
        "scaleout_nova_capacity_flavor_fits",
        "scaleout_nova_capacity_flavor_zone_fits",
        "scaleout_nova_capacity_flavor_limit_hosts",
        "scaleout_nova_capacity_flavor_limit_more",
        "scaleout_nova_capacity_resource_capacity",
        "scaleout_nova_capacity_resource_used",
        "scaleout_nova_capacity_resource_free",
        "scaleout_nova_capacity_resource_usable",
        "scaleout_nova_capacity_resource_stranded",
        "scaleout_nova_capacity_resource_zone_capacity",
        "scaleout_nova_capacity_resource_zone_free",
        "scaleout_nova_capacity_hosts",
        "scaleout_nova_capacity_servers",
    ]
    values = {name.removeprefix("scaleout_nova_capacity_"): samples for name, samples in metrics.items()}
    assert values["taken_timestamp_seconds"] == {(): 1795586400}
    assert values["flavor_zone_fits"][("flavor", "m1.large"), ("zone", "b")] == 4
    assert list(values["flavor_limit_more"]) == [
        (("flavor", "m1.large"), ("limit", "MEMORY_MB"), ("kind", "resource")),
        (("flavor", "m1.large"), ("limit", "host disabled"), ("kind", "rule")),
    ]
    assert values["resource_stranded"][(("resource_class", "VCPU"),)] == 39
    assert values["resource_zone_free"][("zone", "a"), ("resource_class", "VCPU")] == 48 + 44
    assert values["hosts"][("zone", "a"), ("takes_guests", "false")] == 1
    assert values["servers"] == {(): 4}


def test_names_stay_names_in_metrics(snapshot: Snapshot, answer: Answer) -> None:
    evil = hostile(answer, EVIL)
    metrics = parse_metrics(report.render("prometheus", report.gather(snapshot, evil), evil))
    fits = metrics["scaleout_nova_capacity_flavor_fits"]
    assert fits[(("flavor", f"m1.large{EVIL}"),)] == 1204


def test_metrics_of_names_that_look_alike(snapshot: Snapshot, answer: Answer) -> None:
    answer["flavors"]["m1\u200b"] = answer["flavors"]["m1\u200c"] = copy.deepcopy(answer["flavors"]["gpu.a"])
    parse_metrics(report.render("prometheus", report.gather(snapshot, answer), answer))


@pytest.mark.parametrize(
    ("taken_at", "seconds"),
    [("1970-01-02T00:00:01Z", 86401), ("yesterday", None), ("", None), ("2026-13-01T00:00:00Z", None)],
)
def test_time(taken_at: str, seconds: int | None) -> None:
    assert prometheus.timestamp(taken_at) == seconds


def test_json_is_the_answer(snapshot: Snapshot, answer: Answer) -> None:
    evil = hostile(answer, EVIL)
    text = report.render("json", report.gather(snapshot, evil), evil)
    assert json.loads(text) == evil
    assert len(text.splitlines()) == 5 * 2 + 1 + 2 + 2 + 3 + 1 + 4 - 1


@pytest.mark.parametrize("name", report.FORMATS)
@pytest.mark.parametrize("odd", ["\ud800", "\0", "\n# HELP x", "\u202egnp.exe", "\r", "\x1b[31m"])
def test_characters_that_nobody_can_see(snapshot: Snapshot, answer: Answer, name: str, odd: str) -> None:
    evil = hostile(answer, odd)
    text = report.render(name, report.gather(snapshot, evil), evil)
    text.encode("utf-8")
    assert odd not in text
    if name == "prometheus":
        parse_metrics(text)


def test_a_cloud_with_nothing_in_it(snapshot: Snapshot) -> None:
    nothing = {"flavors": {}, "resources": {}, "stranded": {}, "hosts": {}, "limits": [], "taken_at": ""}
    facts = report.gather(Snapshot(), nothing)
    assert facts.title == "Capacity" and facts.headline == "There are no flavors to count."
    for name in report.FORMATS:
        assert report.render(name, facts, nothing).endswith("\n") or name == "prometheus"
    Page(report.render("html", facts, nothing))


def test_host_without_resources(snapshot: Snapshot, answer: Answer) -> None:
    answer["hosts"]["cpu2"]["resources"] = {}
    page = report.render("html", report.gather(snapshot, answer), answer)
    assert 'class="cell "' in page or 'class="cell"' in page
    Page(page)


# ---- words


@pytest.mark.parametrize(
    ("resource_class", "number", "text"),
    [
        ("VCPU", 2048, "2,048"),
        ("MEMORY_MB", 0, "0 MiB"),
        ("MEMORY_MB", 512, "512 MiB"),
        ("MEMORY_MB", 1536, "1.5 GiB"),
        ("MEMORY_MB", 119936, "117 GiB"),
        ("MEMORY_MB", 75488 * 1024, "73.7 TiB"),
        ("MEMORY_MB", 3 * 1024**4, "3,072 PiB"),
        ("DISK_GB", 1023, "1,023 GiB"),
        ("DISK_GB", 1024, "1 TiB"),
        ("DISK_GB", -2048, "-2 TiB"),
        ("CUSTOM_X", 1000, "1,000"),
    ],
)
def test_amount(resource_class: str, number: int, text: str) -> None:
    assert words.amount(resource_class, number) == text


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [(1, 2, "50 %"), (0, 5, "0 %"), (5, 5, "100 %"), (1, 1000, "< 1 %"), (999, 1000, "> 99 %"), (1, 0, "-")],
)
def test_percent(part: int, whole: int, text: str) -> None:
    assert words.percent(part, whole) == text


def test_counted() -> None:
    assert [words.counted(number, "host") for number in (0, 1, 1200)] == ["no hosts", "1 host", "1,200 hosts"]


def test_listed() -> None:
    assert words.listed([]) == "" and words.listed(["a"]) == "a" and words.listed(["a", "b", "c"]) == "a, b and c"
    assert words.listed([str(number) for number in range(9)], most=3) == "0, 1, 2 and 6 more"


@pytest.mark.parametrize(("highest", "decades"), [(0, 1), (1, 1), (10, 1), (11, 2), (100, 2), (13193, 5)])
def test_decades(highest: int, decades: int) -> None:
    assert words.decades(highest) == decades


@pytest.mark.parametrize(
    ("amounts", "share"),
    [(Amounts(10, 4, 6), 0.4), (Amounts(0, 0, 0), 1.0), (Amounts(10, 12, 0), 1.0), (Amounts(10, 0, 10), 0.0)],
)
def test_share(amounts: Amounts, share: float) -> None:
    assert amounts.share == pytest.approx(share)
