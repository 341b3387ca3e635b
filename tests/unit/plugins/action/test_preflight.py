# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""preflight under a real ansible-playbook, with roles that only exist here."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

COLLECTION = Path(__file__).resolve().parents[4] / "build" / "collections" / "ansible_collections" / "scaleout" / "nova"

SPECS = """
argument_specs:
  main:
    options:
      nova_compute_driver: {type: str, choices: [libvirt, fake]}
      nova_compute_my_ip: {type: str}
      nova_compute_service_password: {type: str, required: true}
"""

PLAY = """
- name: Preflight
  hosts: all
  gather_facts: false
  # Its defaults are among the variables then.
  roles: [{role: scaleout.nova.nova_compute, when: false}]
  pre_tasks:
    - name: Look
      scaleout.nova.preflight: %(wanted)s
      register: __preflight
    - name: Report
      scaleout.nova.preflight: {report: __preflight}
      run_once: true
"""


class Runner:
    """Runs a preflight in a directory of its own."""

    def __init__(self, where: Path) -> None:
        self.where = where
        own = where / "collections" / "ansible_collections" / "scaleout" / "nova"
        own.mkdir(parents=True)
        (own / "plugins").symlink_to(COLLECTION / "plugins")
        for name, text in {"meta/argument_specs.yml": SPECS, "defaults/main.yml": "nova_compute_internal: 1\n"}.items():
            (own / "roles" / "nova_compute" / name).parent.mkdir(parents=True)
            (own / "roles" / "nova_compute" / name).write_text(text)
        (where / "ansible.cfg").write_text("[defaults]\n")
        self.inventory("[controllers]\nctl1\n", "")

    def inventory(self, hosts: str, variables: str) -> None:
        common = f"[all:vars]\nansible_connection=local\nansible_python_interpreter={sys.executable}\n"
        (self.where / "hosts").write_text(hosts + common)
        (self.where / "group_vars").mkdir(exist_ok=True)
        (self.where / "group_vars" / "all.yml").write_text(variables)

    def run(self, wanted: dict[str, Any], *options: str) -> tuple[int, dict[str, Any], str]:
        """The exit code, the report, and all that was printed."""
        (self.where / "play.yml").write_text(PLAY % {"wanted": json.dumps(wanted)})
        environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(self.where / "collections"),
            "ANSIBLE_CONFIG": str(self.where / "ansible.cfg"),
            "ANSIBLE_STDOUT_CALLBACK": "ansible.builtin.default",
            "ANSIBLE_DISPLAY_FAILED_STDERR": "false",
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_NOCOWS": "1",
        }
        command = [sys.executable, "-m", "ansible", "playbook", "-v", "-i", "hosts", "play.yml", *options]
        done = subprocess.run(
            command,
            cwd=self.where,
            env=environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
        lines = done.stdout.partition("TASK [Report]")[2].splitlines()
        found = [line.partition(" => ")[2] for line in lines if line.startswith(("ok: ", "fatal: "))]
        assert found, done.stdout
        return done.returncode, json.loads(found[0]), done.stdout


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def test_a_host_that_is_as_it_should_be(runner: Runner) -> None:
    variables = (
        "nova_compute_driver: fake\n"
        "nova_compute_my_ip: \"{{ ansible_facts['default_ipv4']['address'] }}\"\n"
        "nova_compute_service_password: \"{{ 'Zk3x9QwErT' ~ 'y7uIoP' }}\"\n"
    )
    runner.inventory("[controllers]\nctl1\n", variables)
    wanted = {
        "memory_mib": 1,
        "disk_mib": [{"path": "/nowhere/yet", "mib": 0}],
        "max_clock_skew": 5,
        "resolve": ["localhost"],
        "local_addresses": ["nova_compute_my_ip", "undefined"],
        "groups": [{"name": "controllers", "min": 1}],
        "secrets": ["nova_compute_service_password"],
        "roles": ["nova_compute"],
    }
    code, report, output = runner.run(wanted, "--check")
    assert code == 0, output
    assert report["problems"] == [] and report["msg"] == "1 host is ready"
    assert report["changed"] is False


def test_all_problems_are_in_one_message_and_none_is_a_traceback(runner: Runner) -> None:
    variables = (
        "nova_compute_drver: fake\n"
        "nova_compute_driver: libvrt\n"
        'nova_compute_my_ip: "{{ nothing.here }}"\n'
        "nova_compute_service_password: topsecret\n"
        'other_secret: "{{ 5 + "topsecret" }}"\n'.replace('"topsecret"', "'topsecret'")
        + "vaulted_secret: !vault |\n  $ANSIBLE_VAULT;1.1;AES256\n  6461\n"
        "api_address: 10.0.0.300\n"
    )
    runner.inventory("[controler]\nctl1\nctl2\n", variables)
    wanted = {
        "os": [{"id": "plan9", "version": "4"}],
        "memory_mib": 999999999,
        "addresses": ["api_address"],
        "resolve": ["no-such-host.invalid"],
        "groups": [{"name": "controllers", "min": 1}],
        "secrets": ["nova_compute_service_password", "other_secret", "vaulted_secret", "absent_secret"],
    }
    code, report, output = runner.run(wanted)
    assert code == 2
    text = report["msg"]
    for part in (
        "groups: the group controllers does not exist, it must have at least 1 host: did you mean controler?",
        "variables: nova_compute_drver (group_vars/all.yml:1) is no variable of the role nova_compute: did you mean "
        "nova_compute_driver?",
        "variables: nova_compute_driver (group_vars/all.yml:2): value of nova_compute_driver must be one of: ",
        "variables: nova_compute_my_ip (group_vars/all.yml:3) cannot be evaluated: 'nothing' is undefined",
        "secrets: nova_compute_service_password (group_vars/all.yml:4) is too short",
        "secrets: other_secret (group_vars/all.yml:5) cannot be evaluated",
        "secrets: vaulted_secret (group_vars/all.yml:6) cannot be evaluated",
        "secrets: absent_secret is missing: create it with `ansible-playbook scaleout.nova.secrets -i hosts`",
        "addresses: api_address (group_vars/all.yml:9): '10.0.0.300' is no IP address",
        "os: it runs ",
        "memory: ",
        "names: the name no-such-host.invalid does not resolve",
        "duplicates: ctl1 and ctl2 are names of one machine",
        "every host (ctl1 ctl2)",
        "; nothing has been changed.",
    ):
        assert part in text, f"{part!r} is not in\n{text}"
    assert "nova_compute_internal" not in text
    assert "topsecret" not in output
    assert "Traceback" not in output


def test_a_host_that_runs_no_module_is_a_problem_and_not_an_end(runner: Runner) -> None:
    code, report, _output = runner.run({}, "-e", "ansible_python_interpreter=/no/such/python")
    assert code == 2
    assert "python: no module can be run: " in report["msg"]


def test_wrong_use_is_said_in_a_sentence(runner: Runner) -> None:
    with pytest.raises(AssertionError, match="roles names nova_compte: this collection has no such role"):
        runner.run({"roles": ["nova_compte"]})
    with pytest.raises(AssertionError, match="Unsupported parameters"):
        runner.run({"memory": 5})
