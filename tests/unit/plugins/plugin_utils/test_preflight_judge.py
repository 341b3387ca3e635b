# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What preflight makes of facts, requirements and variables."""

from __future__ import annotations

import typing as t
from collections.abc import Mapping
from pathlib import Path

import pytest
from ansible.errors import AnsibleTemplateError, AnsibleUndefinedVariable

from ansible_collections.scaleout.nova.plugins.plugin_utils import _preflight as judge

FACTS: dict[str, t.Any] = {
    "os": {"id": "debian", "version": "13", "name": "Debian GNU/Linux 13 (trixie)"},
    "python": "3.13.5",
    "pid1": "systemd",
    "systemd": True,
    "memory_mib": 2000,
    "disk": {"/var": {"free_mib": 100, "exists": False}},
    "time": 1000.0,
    "hostname": "cpu1",
    "machine": "a",
    "names": {"cpu1": {"addresses": ["10.0.0.1"], "error": ""}},
    "local": {},
    "ports": {"3306": [{"pid": 7, "name": "apache2", "names": ["apache2"]}]},
}


def texts(problems: t.Iterable[judge.Problem]) -> list[str]:
    return [problem.text for problem in problems]


def facts(**changed: t.Any) -> dict[str, t.Any]:
    return FACTS | changed


# ---- the host


@pytest.mark.parametrize(
    ("wanted", "text"),
    [
        ({"os": [{"id": "debian", "version": "13"}]}, ""),
        ({"os": [{"id": "debian", "version": None}]}, ""),
        ({"os": []}, ""),
        (
            {"os": [{"id": "debian", "version": "12"}, {"id": "ubuntu"}]},
            "it runs Debian GNU/Linux 13 (trixie); supported: debian 12 or ubuntu",
        ),
        ({"python": "3.13"}, ""),
        ({"python": "3.9"}, ""),
        ({"python": "3.14"}, "Python 3.13.5 is too old, at least 3.14 is wanted"),
        ({"memory_mib": 2000}, ""),
        ({"memory_mib": 2001}, "2000 MiB of memory, at least 2001 MiB are wanted"),
        ({"disk_mib": [{"path": "/var", "mib": 100}]}, ""),
        ({"disk_mib": [{"path": "/var", "mib": 101}]}, "100 MiB free in /var, at least 101 MiB are wanted"),
        ({"ports": [{"port": 3306, "by": ["apache2"]}]}, ""),
        ({"ports": [{"port": 3306, "by": ["mariadbd"]}]}, "apache2 (process 7) listens on port 3306 already"),
        ({"systemd": True}, ""),
    ],
)
def test_requirements(wanted: dict[str, t.Any], text: str) -> None:
    assert texts(judge.host_problems(FACTS, wanted)) == ([text] if text else [])


def test_space_for_an_installation_is_not_asked_for_when_it_is_there() -> None:
    found = facts(disk={"/var": {"free_mib": 1, "exists": True}})
    assert judge.host_problems(found, {"disk_mib": [{"path": "/var", "mib": 101}]}) == []


@pytest.mark.parametrize(("pid1", "running"), [("bash", True), ("systemd", False), ("", False)])
def test_a_host_without_systemd(pid1: str, running: bool) -> None:
    assert len(judge.host_problems(facts(pid1=pid1, systemd=running), {"systemd": True})) == 1


@pytest.mark.parametrize(
    ("told", "allowed", "words"),
    [
        (101.0, 1.0, ""),  # asked between 100 and 102
        (95.1, 5.0, ""),
        (94.0, 5.0, "6.0 s behind"),
        (107.1, 5.0, "5.1 s ahead of"),
        (0.0, None, ""),
    ],
)
def test_the_clock_is_compared_with_the_time_of_asking(told: float, allowed: float | None, words: str) -> None:
    found = texts(judge.clock_problems(told, 100.0, 102.0, allowed))
    assert len(found) == bool(words) and (not words or words in found[0])


# ---- names and addresses


@pytest.mark.parametrize(
    ("own_name", "addresses", "count"),
    [
        ("reachable", ["127.0.1.1"], 1),
        ("reachable", ["127.0.1.1", "10.0.0.1"], 0),
        ("reachable", ["::1"], 1),
        ("reachable", [], 1),
        ("resolves", ["127.0.1.1"], 0),
        ("resolves", [], 1),
        ("ignore", [], 0),
    ],
)
def test_the_own_name(own_name: str, addresses: list[str], count: int) -> None:
    found = facts(names={"cpu1": {"addresses": addresses, "error": "" if addresses else "unknown"}})
    assert len(judge.name_problems(found, [], own_name)) == count


def test_names_of_other_hosts() -> None:
    names = {
        "cpu1": {"addresses": ["10.0.0.1"], "error": ""},
        "ctl1": {"addresses": ["127.0.0.1"], "error": ""},
        "ctl2": {"addresses": [], "error": "Name or service not known"},
    }
    found = texts(judge.name_problems(facts(names=names), ["ctl1", "ctl2", "cpu1"], "ignore", ["ctl1", "ctl2"]))
    assert found == [
        "the name ctl1 resolves to 127.0.0.1, but that is another host",
        "the name ctl2 does not resolve (Name or service not known)",
    ]


@pytest.mark.parametrize("value", ["10.0.0.1", "::1", "2001:db8::1", "ctl1", "ctl1.example.org", "a-b.c_d", "0.0.0.0"])
def test_good_addresses(value: str) -> None:
    assert judge.address_error(value) == ""


@pytest.mark.parametrize("value", ["10.0.0.300", "1.2.3", "10.0.0.0/24", "::x", "", None, 5, "-a", "a b", "ctl1:5000"])
def test_bad_addresses(value: object) -> None:
    assert judge.address_error(value)


# ---- groups


def group(name: str, **changed: t.Any) -> dict[str, t.Any]:
    return {"name": name, "min": 0, "max": None, "not_with": []} | changed


def test_groups() -> None:
    groups = {"all": ["a", "b"], "controler": ["a"], "computes": ["a", "b"], "ungrouped": []}
    found = judge.group_problems(groups, [group("controllers", min=1), group("computes", max=1)], "a")
    assert texts(found) == [
        "the group controllers does not exist, it must have at least 1 host: did you mean controler?",
        "the group computes has 2 hosts, at most 1 are possible",
    ]
    assert {problem.scope for problem in found} == {"inventory"}
    apart = judge.group_problems(groups, [group("computes", not_with=["controler"])], "a")
    assert texts(apart) == ["it is in the groups computes and controler, it can only be in one"]
    assert judge.group_problems(groups, [group("computes", not_with=["controler"])], "b") == []


# ---- variables

ROLES = {
    "nova_compute": judge.Role(
        "nova_compute",
        {
            "nova_compute_driver": {"type": "str", "choices": ["libvirt", "fake"]},
            "nova_compute_workers": {"type": "int"},
            "nova_compute_password": {"type": "int"},
            "nova_compute_units": {
                "type": "list",
                "elements": "dict",
                "options": {"name": {"type": "str", "required": True}, "password": {"type": "int"}},
            },
        },
        frozenset({"nova_compute_password"}),
    ),
    "_service": judge.Role("_service", {"service_name": {"type": "str"}}),
}


class Undefined:
    """Stands for a template that cannot be evaluated."""

    def __init__(self, error: Exception) -> None:
        self.error = error


def variables(values: Mapping[str, t.Any]) -> judge.Variables:
    def evaluate(value: t.Any) -> t.Any:
        if isinstance(value, Undefined):
            raise value.error
        if isinstance(value, str) and "{{" in value:
            raise AnsibleUndefinedVariable("'something' is undefined")
        return value

    return judge.Variables(values, evaluate)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("nova_compute_drver", "no variable of the role nova_compute: did you mean nova_compute_driver?"),
        ("nova_compute_xyzzy", "no variable of the role nova_compute"),
        ("nova_compue_driver", "no variable of any role: did you mean nova_compute_driver?"),
        ("service_nam", "no variable of the role _service: did you mean service_name?"),
        ("_service_other", "no variable of the role _service"),
    ],
)
def test_unknown_variables(name: str, words: str) -> None:
    found = texts(judge.unknown_variables(variables({name: 1}), ROLES, []))
    assert len(found) == 1 and found[0].endswith(words)


@pytest.mark.parametrize(
    "name", ["nova_compute_driver", "__nova_compute_x", "nova_cells", "other", "ansible_nova_compute_x", "driver"]
)
def test_variables_that_are_nobody_elses_business(name: str) -> None:
    assert judge.unknown_variables(variables({name: 1}), ROLES, []) == []


def test_registered_results_and_ignored_names_are_left_alone() -> None:
    values = {"nova_compute_result": {"changed": False, "failed": False}, "nova_compute_site": 1}
    assert judge.unknown_variables(variables(values), ROLES, ["nova_compute_s*"]) == []


def test_a_secret_that_is_asked_for_is_a_known_variable() -> None:
    values = variables({"nova_compute_cell7_password": 1})
    assert len(judge.unknown_variables(values, ROLES, [])) == 1
    assert judge.unknown_variables(values, ROLES, [], (), ["nova_compute_cell7_password"]) == []


def test_values_of_the_wrong_kind() -> None:
    values = {"nova_compute_driver": "libvrt", "nova_compute_workers": "many", "nova_compute_units": [{"nme": 1}]}
    found = texts(judge.value_problems(variables(values), ROLES, []))
    assert any("must be one of: libvirt, fake, got: libvrt" in text for text in found)
    assert any(text.startswith("nova_compute_workers: ") and "int" in text for text in found)
    assert any("nova_compute_units.nme" in text for text in found)


def test_good_values_even_as_text() -> None:
    values = {"nova_compute_driver": "fake", "nova_compute_workers": "4", "nova_compute_units": [{"name": "a"}]}
    assert judge.value_problems(variables(values), ROLES, []) == []


def test_values_that_only_come_with_time_are_left_for_later() -> None:
    values = {
        "nova_compute_workers": "{{ ansible_facts['processor_vcpus'] }}",
        "nova_compute_driver": "{{ indirect }}",
        "indirect": ["{{ __probe.driver }}"],
    }
    assert judge.value_problems(variables(values), ROLES, []) == []
    assert len(judge.value_problems(variables({"nova_compute_driver": "{{ nonsense }}"}), ROLES, [])) == 1


def test_a_value_that_refers_to_itself_ends() -> None:
    assert len(judge.value_problems(variables({"nova_compute_driver": "{{ nova_compute_driver }}"}), ROLES, [])) == 1


def test_no_value_of_a_secret_is_shown() -> None:
    hidden = "topsecretvalue"
    values = {
        "nova_compute_password": hidden,
        "nova_compute_units": [{"name": "a", "password": hidden}, {"name": "b", "password": "ab"}],
    }
    found = judge.value_problems(variables(values), ROLES, [])
    assert len(found) == 2
    assert hidden not in str(found)
    broken = {"nova_compute_password": Undefined(AnsibleTemplateError(f"cannot add 5 and {hidden}"))}
    assert texts(judge.value_problems(variables(broken), ROLES, [])) == ["nova_compute_password cannot be evaluated"]


def test_required_options() -> None:
    found = judge.required_problems(variables({}), ROLES, ["nova_compute"], [])
    assert texts(found) == ["nova_compute_password is missing: the role nova_compute needs it"]
    assert judge.required_problems(variables({}), ROLES, ["nova_compute"], ["nova_compute_password"]) == []
    assert judge.required_problems(variables({"nova_compute_password": 1}), ROLES, ["nova_compute"], []) == []


def test_roles_are_read_from_their_specifications(tmp_path: Path) -> None:
    for name, text in {
        "one": "argument_specs: {main: {options: {one_a: {required: true}, one_b: null}}, x: {options: {one_c: {}}}}",
        "broken": "argument_specs: [",
        "empty": "",
        "odd": "argument_specs: 5",
    }.items():
        (tmp_path / name / "meta").mkdir(parents=True)
        (tmp_path / name / "meta" / "argument_specs.yml").write_text(text)
    roles = judge.load_roles(tmp_path)
    assert set(roles) == {"one"}
    assert set(roles["one"].options) == {"one_a", "one_b", "one_c"}
    assert roles["one"].required == {"one_a"}
    assert judge.load_roles(tmp_path / "absent") == {}


# ---- secrets


@pytest.mark.parametrize("value", ["Zk3x9QwErTy7uIoP", "1827364554637281", "correct horse battery staple"])
def test_good_secrets(value: str) -> None:
    assert judge.secret_error(value) == ""


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ("", "empty"),
        (None, "empty"),
        (1234567890123456789, "quotes"),
        ("short", "too short"),
        ("a" * 20, "easy"),
        ("abababababababababab", "easy"),
        ("password12345678", "easy"),
        ("Secret-Password-2026", "easy"),
        ("openstackopenstack", "easy"),
    ],
)
def test_bad_secrets(value: object, words: str) -> None:
    assert words in judge.secret_error(value)


def test_secrets_are_missing_with_the_way_to_make_them() -> None:
    values = {"short": "abc", "empty": "", "undefined": "{{ x }}", "broken": Undefined(AnsibleTemplateError("abc"))}
    found = judge.secret_problems(variables(values), ["absent", *values, "absent"], "make-them -i x")
    assert texts(found) == [
        "absent is missing: create it with `make-them -i x`",
        "short is too short: at least 16 characters are wanted",
        "empty is empty, create it with `make-them -i x`",
        "undefined cannot be evaluated: 'something' is undefined: create it with `make-them -i x`",
        "broken cannot be evaluated",
    ]


def test_many_missing_secrets_are_one_problem() -> None:
    found = judge.secret_problems(variables({}), ["a", "b"], "make-them")
    assert texts(found) == ["2 are missing, create them with `make-them`: a, b"]


# ---- the report


def host(name: str, *problems: judge.Problem, **changed: t.Any) -> judge.Host:
    return judge.Host(name, [problem.as_dict() for problem in problems], {"machine": name, "hostname": name} | changed)


def test_the_report_groups_hosts_with_the_same_problems() -> None:
    memory = judge.Problem("memory", "too little")
    clock = judge.Problem("clock", "too late")
    groups = judge.Problem("groups", "no controllers", "inventory")
    hosts = [host("cpu10", memory, groups), host("cpu2", memory, clock, groups), host("ctl1", groups)]
    problems = judge.collect(hosts)
    assert judge.report(problems, ["cpu10", "cpu2", "ctl1"], ["cpu3"]) == "\n".join(
        [
            "3 problems; nothing has been changed.",
            "",
            "the inventory",
            "  - groups: no controllers",
            "",
            "cpu2",
            "  - clock: too late",
            "",
            "cpu2 cpu10",
            "  - memory: too little",
            "",
            "not reached: cpu3",
        ]
    )


def test_what_all_hosts_have_is_said_of_every_host() -> None:
    problem = judge.Problem("os", "old")
    problems = judge.collect([host("a", problem), host("b", problem)])
    assert "every host (a b)\n  - os: old" in judge.report(problems, ["a", "b"], [])


def test_no_problem() -> None:
    assert judge.report([], ["a"], []) == "1 host is ready"
    assert judge.report([], ["a", "b"], ["c"]) == "2 hosts are ready; not reached: c"


def test_one_machine_under_two_names() -> None:
    hosts = [host("a", machine="m"), host("b", machine="m"), host("c", hostname="x"), host("d", hostname="x")]
    hosts += [judge.Host("e", [], {}, "10.0.0.1, port 22"), judge.Host("f", [], {}, "10.0.0.1, port 22")]
    found = texts(judge.shared_problems(hosts))
    assert len(found) == 3
    assert found[0] == "e and f are names of one machine: all have the address 10.0.0.1, port 22"
    assert found[1].startswith("a and b have the same machine id")
    assert found[2].startswith("c and d all call themselves x")


def test_one_machine_is_one_problem() -> None:
    hosts = [judge.Host(name, [], {"machine": "m", "hostname": "h"}, "e") for name in ("a", "b")]
    assert len(judge.shared_problems(hosts)) == 1
