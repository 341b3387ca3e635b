# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The progress callback under a real ansible-playbook: what it prints is the product."""

from __future__ import annotations

import json
import os
import pty
import re
import select
import subprocess
import sys
import time
from pathlib import Path

import pytest

COLLECTIONS = Path(__file__).resolve().parents[4] / "build" / "collections"

INVENTORY = """
[controllers]
ctl1
[computes]
cpu[1:3]
[all:vars]
ansible_connection=local
ansible_python_interpreter={python}
"""

# Without a module, so that nothing has to be copied to a host and run there.
CHANGE = """
- name: Write {{ what | default('it') }}
  ansible.builtin.set_fact: {written: true}
  changed_when: not (again | default(false) | bool)
"""

COPY = """
- name: Write a file
  ansible.builtin.copy: {content: "new\\n", dest: "{{ playbook_dir }}/{{ inventory_hostname }}"}
"""


class Runner:
    """Runs plays in a directory of their own."""

    def __init__(self, where: Path) -> None:
        self.where = where
        (where / "ansible.cfg").write_text("[defaults]\n")
        (where / "hosts").write_text(INVENTORY.format(python=sys.executable))
        self.environment = {key: value for key, value in os.environ.items() if not key.startswith("ANSIBLE_")} | {
            "ANSIBLE_COLLECTIONS_PATH": str(COLLECTIONS),
            "ANSIBLE_STDOUT_CALLBACK": "scaleout.nova.progress",
            "ANSIBLE_INVENTORY": str(where / "hosts"),
            "ANSIBLE_CONFIG": str(where / "ansible.cfg"),
            "ANSIBLE_NOCOLOR": "1",
            "ANSIBLE_LOCALHOST_WARNING": "0",
            "TERM": "xterm",
        }

    def command(self, *options: str) -> list[str]:
        return [sys.executable, "-m", "ansible", "playbook", "play.yml", *options]

    def write(self, text: str) -> None:
        (self.where / "play.yml").write_text(text)

    def tasks(self, tasks: str, hosts: str = "computes") -> None:
        body = "".join(f"    {line}\n" for line in tasks.strip().splitlines())
        self.write(f"- name: The computes\n  hosts: {hosts}\n  gather_facts: false\n  tasks:\n{body}")

    def run(self, *options: str, code: int | None = 0, **environment: str) -> str:
        done = subprocess.run(
            self.command(*options),
            cwd=self.where,
            env=self.environment | environment,
            text=True,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            check=False,
            timeout=120,
        )
        assert code is None or done.returncode == code, done.stdout
        return done.stdout

    def run_on_terminal(self, *options: str, **environment: str) -> str:
        """Everything that a terminal of 80 columns gets to see, control sequences and all."""
        main, side = pty.openpty()
        process = subprocess.Popen(
            ["sh", "-c", 'stty cols 80 rows 24; exec "$@"', "sh", *self.command(*options)],
            cwd=self.where,
            env=self.environment | environment,
            stdin=side,
            stdout=side,
            stderr=side,
            start_new_session=True,
        )
        os.close(side)
        seen = b""
        end = time.monotonic() + 120
        while time.monotonic() < end:
            ready, _write, _error = select.select([main], [], [], 0.2)
            if not ready:
                if process.poll() is not None:
                    break
                continue
            try:
                part = os.read(main, 65536)
            except OSError:
                break
            if not part:
                break
            seen += part
        os.close(main)
        assert process.wait(timeout=10) == 0, seen.decode()
        return seen.decode()


@pytest.fixture
def runner(tmp_path: Path) -> Runner:
    return Runner(tmp_path)


def line_of(output: str, *parts: str) -> str:
    found = [line for line in output.splitlines() if all(part in line for part in parts)]
    assert len(found) == 1, f"{len(found)} lines with {parts}:\n{output}"
    return found[0]


def test_a_change_is_one_line_for_all_its_hosts_and_nothing_else_is_shown(runner: Runner) -> None:
    look = "- name: Look\n  ansible.builtin.set_fact: {looked: true}\n"
    runner.tasks(CHANGE + look + "- name: Not now\n  ansible.builtin.debug:\n  when: false")
    output = runner.run(SCALEOUT_PROGRESS_SLOW_TASK="60")
    assert "The computes\n" in output
    assert re.search(r"^  changed  Write it +cpu1 cpu2 cpu3 +[\d.]+ s$", output, re.MULTILINE)
    assert "Look" not in output and "Not now" not in output
    assert re.search(r"^Recap, ", output, re.MULTILINE)
    assert re.search(r"^  cpu2  ok=2  changed=1$", output, re.MULTILINE)
    assert "Nothing to do" not in output


def test_a_second_run_says_that_there_is_nothing_to_do(runner: Runner) -> None:
    runner.tasks(CHANGE)
    output = runner.run("-e", "again=true", SCALEOUT_PROGRESS_SLOW_TASK="60")
    assert re.search(r"^  nothing to change on cpu1 cpu2 cpu3 \(", output, re.MULTILINE)
    assert "Nothing to do: every host is as declared." in output
    assert "changed=0" in output and "changed=1" not in output


def test_check_mode_says_so_everywhere(runner: Runner) -> None:
    runner.tasks(CHANGE)
    output = runner.run("--check")
    assert output.strip().startswith("Check mode: nothing is changed")
    line_of(output, "would change Write it", "cpu1 cpu2 cpu3")
    assert "Recap (check mode)" in output
    line_of(output, "cpu1", "would_change=1")
    assert "\n  changed" not in output


def test_a_diff_is_a_unified_diff(runner: Runner) -> None:
    for host in ("cpu1", "cpu2", "cpu3"):
        (runner.where / host).write_text("old\n")
    runner.tasks(COPY)
    output = runner.run("--diff")
    # Each host has a file of its own here, so there are three.
    assert output.count("\n-old\n+new\n") == 3
    assert output.count("@@ -1 +1 @@") == 3


def test_a_failure_is_its_message_with_host_task_and_place(runner: Runner) -> None:
    runner.tasks(
        """
- name: Judge
  ansible.builtin.fail:
    msg: |
      2 problems
        - this "quoted"
        - that
"""
    )
    output = runner.run(code=2)
    line_of(output, "FAILED   Judge  ", "cpu")
    assert "           task at play.yml:5\n" in output
    assert '           2 problems\n             - this "quoted"\n             - that\n' in output
    line_of(output, "FAILED", "Judge: the same")
    assert "{" not in output and "Traceback" not in output
    line_of(output, "cpu3", "failed=1", "Judge")


def test_an_undefined_variable_names_the_file_it_is_used_in(runner: Runner) -> None:
    (runner.where / "group_vars").mkdir()
    (runner.where / "group_vars" / "all.yml").write_text("outer: '{{ inner.nothing }}'\n")
    runner.tasks("- name: Use\n  ansible.builtin.debug: {msg: '{{ outer }}'}\n", hosts="ctl1")
    output = runner.run(code=2)
    line_of(output, "error in group_vars/all.yml:1")
    line_of(output, "'inner' is undefined")
    assert "Traceback" not in output


def test_items_are_named_and_what_no_log_hides_stays_hidden(runner: Runner) -> None:
    runner.tasks(
        """
- name: Create the databases
  ansible.builtin.command: echo {{ item.name }}
  loop: [{name: nova, password: topsecret}, {name: nova_api, password: topsecret}]
- name: Set the secrets
  ansible.builtin.command: echo {{ item }}
  loop: [topsecret]
  no_log: true
- name: Fail with secrets
  ansible.builtin.command: sh -c 'echo topsecret; exit 1'
  no_log: true
""",
        hosts="ctl1",
    )
    for options in ((), ("-v",), ("--diff",)):
        output = runner.run(*options, code=2)
        assert "nova, nova_api\n" in output
        assert "(hidden)" in output
        if options != ("-v",):
            assert "topsecret" not in output
        else:
            # With -v the whole result is shown; the items of a loop without no_log belong to it.
            assert "topsecret" not in output.partition("Set the secrets")[2]


def test_messages_of_debug_are_plain(runner: Runner) -> None:
    runner.tasks(
        """
- name: All say
  ansible.builtin.debug:
    msg: |
      cell   hosts
      cell1      3
- name: Each says
  ansible.builtin.debug:
    msg: I am {{ inventory_hostname }}
- name: A variable
  ansible.builtin.debug:
    var: groups.computes
- name: An internal variable
  ansible.builtin.debug:
    var: __internal
  vars: {__internal: seen}
"""
    )
    output = runner.run()
    assert output.count("\n  cell   hosts\n  cell1      3\n") == 1
    assert "\n  cpu1: I am cpu1\n  cpu2: I am cpu2\n  cpu3: I am cpu3\n" in output
    assert "\n  __internal: seen\n" in output
    assert '  groups.computes: [\n    "cpu1",' in output


def test_verbose_shows_results_as_the_default_callback_does(runner: Runner) -> None:
    runner.tasks("- name: Look\n  ansible.builtin.command: echo hello\n  changed_when: false\n", hosts="ctl1")
    output = runner.run("-v")
    assert re.search(r'^  ok \[ctl1\] => \{"changed": false, .*"stdout": "hello"', output, re.MULTILINE)
    assert "task at play.yml:5" in runner.run("-vv")


def test_retries_are_one_quiet_line(runner: Runner) -> None:
    runner.tasks(
        """
- name: Wait for the API
  ansible.builtin.shell: echo >> n; [ $(wc -l < n) -ge 3 ]
  args: {chdir: "{{ playbook_dir }}"}
  register: answer
  until: answer is success
  retries: 5
  delay: 0.1
  changed_when: false
""",
        hosts="ctl1",
    )
    output = runner.run()
    line_of(output, "waiting  Wait for the API...", "ctl1")
    assert "FAILED" not in output


def test_a_delegated_task_and_an_ignored_failure(runner: Runner) -> None:
    runner.tasks(
        """
- name: Map the host
  ansible.builtin.set_fact: {x: 1}
  changed_when: true
  delegate_to: ctl1
- name: Map in a loop
  ansible.builtin.set_fact: {x: 1}
  changed_when: true
  delegate_to: "{{ 'ctl' ~ 1 }}"
  loop: [cell1]
- name: Try
  ansible.builtin.command: /bin/false
  ignore_errors: true
"""
    )
    output = runner.run()
    line_of(output, "changed  Map the host", "cpu1 cpu2 cpu3 -> ctl1")
    line_of(output, "changed  Map in a loop", "cpu1 cpu2 cpu3")
    assert "{{" not in output
    line_of(output, "ignored  Try", "cpu1 cpu2 cpu3")
    line_of(output, "exit code 1 from: /bin/false")
    assert "Nothing to do" not in output


def test_handlers_and_roles_show_the_name_of_the_task_alone(runner: Runner) -> None:
    tasks = runner.where / "roles" / "thing" / "tasks"
    tasks.mkdir(parents=True)
    (tasks / "main.yml").write_text(
        "- name: Do a thing\n  set_fact: {x: 1}\n  changed_when: true\n  notify: Restart it\n"
    )
    handlers = runner.where / "roles" / "thing" / "handlers"
    handlers.mkdir()
    (handlers / "main.yml").write_text("- name: Restart it\n  set_fact: {x: 1}\n  changed_when: true\n")
    runner.tasks("- ansible.builtin.include_role: {name: thing}\n", hosts="ctl1")
    output = runner.run()
    line_of(output, "changed  Do a thing ")
    line_of(output, "changed  Restart it ")
    assert "included" not in output


def test_the_free_strategy_shows_each_host_when_it_is_done(runner: Runner) -> None:
    runner.tasks(CHANGE)
    text = (runner.where / "play.yml").read_text().replace("gather_facts", "strategy: free\n  gather_facts")
    runner.write(text)
    output = runner.run()
    shown = [line for line in output.splitlines() if line.startswith("  changed")]
    assert {host for line in shown for host in ("cpu1", "cpu2", "cpu3") if host in line} == {"cpu1", "cpu2", "cpu3"}


def test_an_unreachable_host_is_said_in_words(runner: Runner) -> None:
    runner.tasks("- name: Look\n  ansible.builtin.stat: {path: /}\n", hosts="ctl1")
    output = runner.run("-e", "ansible_connection=ssh ansible_host=127.0.0.1 ansible_port=1", code=4)
    line_of(output, "UNREACHABLE", "Look", "ctl1")
    assert "Connection refused" in output and "{" not in output


def test_a_playbook_has_the_last_word(runner: Runner) -> None:
    runner.tasks(
        """
- name: Close
  ansible.builtin.set_stats:
    data: {progress_message: "The cloud stands.\\nTry it."}
    per_host: false
""",
        hosts="ctl1",
    )
    output = runner.run()
    assert output.endswith("\nThe cloud stands.\nTry it.\n")
    assert "Nothing to do" not in output


def test_timing_is_written_for_machines(runner: Runner) -> None:
    runner.tasks(CHANGE)
    file = runner.where / "timing.jsonl"
    runner.run(SCALEOUT_TIMING_FILE=str(file))
    lines = [json.loads(line) for line in file.read_text().splitlines()]
    assert sorted(line["host"] for line in lines) == ["cpu1", "cpu2", "cpu3"]
    for line in lines:
        assert line["play"] == "The computes" and line["task"] == "Write it" and line["status"] == "changed"
        assert 0 < line["seconds"] < 60 and abs(line["start"] - time.time()) < 300


def test_a_timing_file_that_cannot_be_written_is_a_warning(runner: Runner) -> None:
    runner.tasks(CHANGE)
    output = runner.run(SCALEOUT_TIMING_FILE="/nonexistent/timing.jsonl")
    assert "The timing file /nonexistent/timing.jsonl cannot be written" in output


def test_a_log_tells_what_it_waits_for(runner: Runner) -> None:
    runner.tasks("- name: Take long\n  ansible.builtin.command: sleep 3\n", hosts="ctl1")
    output = runner.run(SCALEOUT_PROGRESS_HEARTBEAT="1")
    assert re.search(r"^  working  Take long +ctl1 ", output, re.MULTILINE)


def test_the_summary_of_times_can_be_switched_off(runner: Runner) -> None:
    runner.tasks("- name: Take long\n  ansible.builtin.command: sleep 5\n", hosts="ctl1")
    output = runner.run()
    summary = output.partition("Where the time went\n")[2]
    assert "The computes" in summary and "Take long" in summary
    assert "Where the time went" not in runner.run(SCALEOUT_PROGRESS_TIME_SUMMARY="false")


def test_the_live_line_comes_after_the_first_answer_and_leaves_no_trace(runner: Runner) -> None:
    runner.tasks(
        """
- name: First contact
  ansible.builtin.command: sleep 2
- name: Second task
  ansible.builtin.command: sleep 2
""",
        hosts="ctl1",
    )
    seen = runner.run_on_terminal()
    assert "working  First contact" not in seen
    assert "working  Second task  ctl1  1 s" in seen
    screen = ""
    for part in seen.replace("\r\n", "\n").split("\r\033[K"):
        # The erase sequence takes back the line that the cursor is in.
        screen = screen[: screen.rfind("\n") + 1] + part
    assert "working" not in screen
    assert re.search(r"^  changed  Second task +ctl1 ", screen, re.MULTILINE)
    assert max(len(line) for line in screen.splitlines()) < 80


def test_warnings_are_said_once(runner: Runner) -> None:
    (runner.where / "library").mkdir()
    (runner.where / "library" / "complain.py").write_text(
        "from ansible.module_utils.basic import AnsibleModule\n"
        "module = AnsibleModule({})\n"
        "module.warn('The moon is full.')\n"
        "module.deprecate('The old way.', version='9.9.9', collection_name='scaleout.nova')\n"
        "module.exit_json()\n"
    )
    runner.tasks("- name: Warn\n  complain:\n- name: Warn again\n  complain:\n")
    output = runner.run()
    assert line_of(output, "The moon is full.").startswith("  warning  ")
    assert line_of(output, "deprecated: ", "The old way.")
    assert "The old way." not in runner.run(ANSIBLE_DEPRECATION_WARNINGS="false")


def test_a_play_for_nobody_is_not_mentioned(runner: Runner) -> None:
    """A play that is for a group which the inventory may lack; a group that is expected and not there is said."""
    play = "- name: {}\n  hosts: {}\n  gather_facts: false\n  tasks:\n    - ansible.builtin.meta: noop\n"
    pattern = "\"{{ 'backends' if 'backends' in groups else 'all:!all' }}\""
    runner.write(play.format("Servers of their own", pattern) + play.format("Other servers", "controllers:!ctl1"))
    said = runner.run()
    assert "Servers of their own" not in said
    assert "Other servers\n  no host of the inventory matches" in said
    assert "WARN" not in said.upper()
