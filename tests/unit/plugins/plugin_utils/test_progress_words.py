# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The words and columns of the progress callback."""

from __future__ import annotations

import types

import pytest

from ansible_collections.scaleout.nova.plugins.plugin_utils import _progress as words


def result(host: str, seconds: float = 1.0, label: str = "") -> words.HostResult:
    return words.HostResult(host=host, label=label or host, status="changed", seconds=seconds)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.0, "0 s"),
        (0.42, "0.4 s"),
        (9.94, "9.9 s"),
        (9.96, "10 s"),
        (59.4, "59 s"),
        (59.7, "1 min 00 s"),
        (182, "3 min 02 s"),
        (3600 + 5 * 60 + 59, "1 h 05 min"),
    ],
)
def test_duration(seconds: float, text: str) -> None:
    assert words.duration(seconds) == text


@pytest.mark.parametrize(
    ("hosts", "text"),
    [
        (["cpu3", "cpu1", "cpu2"], "cpu[1:3]"),
        (["cpu1", "cpu3", "ctl1"], "cpu1 cpu3 ctl1"),
        (["cpu9", "cpu10", "cpu11"], "cpu[9:11]"),
        (["cpu08", "cpu09", "cpu10"], "cpu[08:10]"),
        (["cpu09", "cpu010"], "cpu09 cpu010"),
        (["r1-cpu1", "r1-cpu2", "r2-cpu3"], "r1-cpu[1:2] r2-cpu3"),
        (["a1.example", "a2.example"], "a1.example a2.example"),
        (["localhost"], "localhost"),
        ([], ""),
    ],
)
def test_hosts_are_folded(hosts: list[str], text: str) -> None:
    folded = words.fold_hosts(hosts)
    assert folded == text.replace("a1.example a2.example", "a[1:2].example")


def test_hosts_are_named_folded_or_counted_by_the_room_there_is() -> None:
    hosts = [f"cpu{number}" for number in range(1, 5)]
    assert words.hosts_text(hosts, 28) == "cpu1 cpu2 cpu3 cpu4"
    assert words.hosts_text(hosts, 12) == "cpu[1:4]"
    assert words.hosts_text(["alpha", "beta", "gamma"], 8) == "3 hosts"
    assert words.hosts_text(["a-very-long-host-name.example"], 8) == "a-very-long-host-name.example"


def test_a_delegate_is_said_once() -> None:
    assert words.hosts_text(["cpu2 -> ctl1", "cpu1 -> ctl1"]) == "cpu1 cpu2 -> ctl1"
    assert words.hosts_text(["cpu2 -> ctl1", "cpu1"]) == "cpu1, cpu2 -> ctl1"


def test_times_are_told_apart_only_where_they_differ_much() -> None:
    assert words.times_text([result("a", 3.0), result("b", 4.0)]) == ("4.0 s", "")
    assert words.times_text([result("a", 12.0), result("b", 3.0)]) == ("12 s", "b 3.0 s, a 12 s")
    many = [result(f"cpu{number}", float(number)) for number in range(1, 21)]
    assert words.times_text(many) == ("20 s", "cpu1 1.0 s, slowest cpu20 20 s, cpu19 19 s, cpu18 18 s")


def test_a_line_has_columns_while_everything_fits() -> None:
    line = words.task_line("changed", "Write nova.conf", "cpu1 cpu2", "1.2 s", 100)
    assert len(line) == 100
    assert line.startswith("  changed  Write nova.conf ")
    assert line.endswith(" 1.2 s")


def test_a_line_that_does_not_fit_loses_nothing_in_a_log_and_is_cut_on_a_terminal() -> None:
    name = "A name " * 20
    log = words.task_line("ok", name, "cpu1", "1.2 s", 80)
    assert name in log and log.endswith("cpu1  1.2 s")
    screen = words.task_line("ok", name, "cpu1", "1.2 s", 80, fit=True)
    assert len(screen) == 80 and "..." in screen and screen.endswith("cpu1  1.2 s")


def test_wide_characters_count_twice() -> None:
    assert words.text_width("計算") == 4
    assert words.pad("計算", 6) == "計算  "
    assert words.text_width(words.cut("計算" * 10, 12)) <= 12


@pytest.mark.parametrize(
    ("item", "label"),
    [
        ("nova", "nova"),
        ({"name": "nova", "password": "topsecret"}, "nova"),
        ({"password": "topsecret"}, "{...}"),
        ({"key": "DEFAULT", "value": {"a": 1}}, "DEFAULT"),
        (["nova", "topsecret"], "nova, ..."),
        ("first\nsecond", "first"),
        (5, "5"),
        ("", ""),
    ],
)
def test_an_item_is_named_without_what_may_be_secret(item: object, label: str) -> None:
    assert words.item_label(item) == label


def test_the_text_of_a_failure_is_its_message_in_lines() -> None:
    assert words.failure_text({"msg": "2 problems\n  - this\n  - that\n"}) == ["2 problems", "  - this", "  - that"]
    assert words.failure_text({"msg": "Task failed: it is so"}) == ["it is so"]
    assert words.failure_text({"msg": ["a", "b"]}) == ["a", "b"]
    assert words.failure_text({}) == ["failed without a message"]


@pytest.mark.parametrize("message", ["non-zero return code", "The command exited with a non-zero return code."])
def test_the_text_of_a_failed_command_is_its_output(message: str) -> None:
    found = words.failure_text({"msg": message, "cmd": ["nova-manage", "db"], "rc": 2, "stderr": "No such table\n"})
    assert found == ["exit code 2 from: nova-manage db", "No such table"]


def test_long_output_is_cut_to_its_end() -> None:
    stderr = "\n".join(f"line {number}" for number in range(100))
    found = words.failure_text({"msg": "non-zero return code", "cmd": "x", "rc": 1, "stderr": stderr, "stdout": ""})
    assert found[1] == "... (80 lines before)"
    assert found[-1] == "line 99"


def test_output_that_the_message_has_already_is_not_repeated() -> None:
    found = words.failure_text({"msg": "apt says: E: no such package", "stderr": "E: no such package", "rc": 100})
    assert found == ["apt says: E: no such package"]


@pytest.mark.parametrize("mark", [{"censored": "hidden"}, {"_ansible_no_log": True}])
def test_nothing_is_shown_of_a_failure_with_no_log(mark: dict[str, object]) -> None:
    text = " ".join(words.failure_text({"msg": "topsecret", "stderr": "topsecret", **mark}))
    assert "topsecret" not in text and words.HIDDEN in text


def test_the_origin_of_an_error_is_the_deepest_one_known() -> None:
    event = types.SimpleNamespace
    inner = event(formatted_source_context="Origin: /x/group_vars/all.yml:12:7\n\n12 a: b", chain=None)
    outer = event(formatted_source_context="Origin: /x/site.yml:3:1\n", chain=event(event=inner))
    assert words.origin_of(event(event=outer)) == "/x/group_vars/all.yml:12:7"
    assert words.origin_of(None) == ""


def test_paths_are_shown_from_here_or_from_the_collection(monkeypatch: pytest.MonkeyPatch, tmp_path: object) -> None:
    monkeypatch.chdir(str(tmp_path))
    assert words.short_path(f"{tmp_path}/site.yml:3") == "site.yml:3"
    assert words.short_path("/a/ansible_collections/scaleout/nova/roles/x/tasks/main.yml:3") == (
        "scaleout/nova/roles/x/tasks/main.yml:3"
    )
    assert words.short_path("/elsewhere/a.yml:1") == "/elsewhere/a.yml:1"


def test_items_are_set_in_lines() -> None:
    assert words.items_text(["nova", "nova_api", "nova_cell0"], 16) == ["nova, nova_api,", "nova_cell0"]
    assert words.items_text([], 16) == []
