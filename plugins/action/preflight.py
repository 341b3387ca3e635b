# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The part of ``preflight`` that runs on the control node; its documentation is with the module."""

from __future__ import annotations

import os
import shlex
import time
import typing as t
from collections.abc import Mapping
from pathlib import Path

from ansible.errors import AnsibleActionFail, AnsibleError
from ansible.plugins.action import ActionBase

from ansible_collections.scaleout.nova.plugins.modules.preflight import ARGUMENT_SPEC
from ansible_collections.scaleout.nova.plugins.plugin_utils import _preflight as judge

ROLES_FOLDER = Path(__file__).parents[2] / "roles"
# Where the defaults of the roles come from, as ansible-core may name it.
OWN_FOLDERS = (f"{ROLES_FOLDER}{os.sep}", f"{ROLES_FOLDER.resolve()}{os.sep}")

# Read when the plugin is loaded: that is once, in the process that all workers are forked from.
ROLES = judge.load_roles(ROLES_FOLDER)


class ActionModule(ActionBase):
    """Collects the problems of one host, or reports those of all."""

    _supports_check_mode = True
    _supports_async = False

    def run(self, tmp: str | None = None, task_vars: dict[str, t.Any] | None = None) -> dict[str, t.Any]:
        result: dict[str, t.Any] = super().run(tmp, task_vars)
        result["changed"] = False
        _validation, wanted = self.validate_argument_spec(ARGUMENT_SPEC)
        found = task_vars or {}
        if wanted["report"]:
            result.update(self._report(wanted["report"], found))
        else:
            result.update(self._look(wanted, found))
        return result

    # ---- one host

    def _look(self, wanted: Mapping[str, t.Any], task_vars: Mapping[str, t.Any]) -> dict[str, t.Any]:
        missing = [name for name in wanted["roles"] if name not in ROLES]
        if missing:
            raise AnsibleActionFail(
                f"roles names {judge.listed(missing)}: this collection has no such role with argument specifications."
            )
        groups = task_vars.get("groups", {})
        host = task_vars.get("inventory_hostname", "")
        variables = judge.Variables(task_vars, self._templar.template)
        problems = judge.group_problems(groups, wanted["groups"] or [], host)
        if wanted["role_variables"]:
            problems += judge.unknown_variables(
                variables, ROLES, wanted["ignore_variables"], OWN_FOLDERS, wanted["secrets"]
            )
            problems += judge.value_problems(variables, ROLES, wanted["secrets"], OWN_FOLDERS)
            problems += judge.required_problems(variables, ROLES, wanted["roles"], wanted["secrets"])
        problems += judge.secret_problems(variables, wanted["secrets"], self._secrets_command(task_vars))
        local_names = set(wanted["local_addresses"])
        names = [*wanted["addresses"], *(name for name in wanted["local_addresses"] if name not in wanted["addresses"])]
        addresses, found = judge.address_values(variables, names)
        problems += found

        to_resolve = [value for values in addresses.values() for value in values if not judge.is_address(value)]
        before = time.time()
        read = self._execute_module(
            module_name="scaleout.nova.preflight",
            module_args={
                "disk_mib": wanted["disk_mib"],
                "resolve": [*wanted["resolve"], *to_resolve],
                "local_addresses": [
                    value for name, values in addresses.items() if name in local_names for value in values
                ],
                "ports": wanted["ports"],
            },
            task_vars=task_vars,
        )
        after = time.time()
        result = {key: read[key] for key in ("ansible_facts", "warnings", "deprecations") if key in read}
        facts = read.get("facts")
        if read.get("failed") or not isinstance(facts, Mapping):
            reason = " ".join(str(read.get("msg") or "no answer").split())
            problems.append(judge.Problem("python", f"no module can be run: {reason}"))
            return {**result, "problems": [problem.as_dict() for problem in problems], "facts": {}}

        own_name = wanted["own_name"]
        if own_name == "auto":
            own_name = "reachable" if len(groups.get("all", ())) > 1 else "resolves"
        others = [name for name in groups.get("all", ()) if name != host]
        problems += judge.host_problems(facts, wanted)
        problems += judge.clock_problems(facts["time"], before, after, wanted["max_clock_skew"])
        problems += judge.name_problems(facts, wanted["resolve"], own_name, others)
        problems += judge.address_problems(facts, variables, addresses, local_names)
        return {**result, "problems": [problem.as_dict() for problem in problems], "facts": dict(facts)}

    def _secrets_command(self, task_vars: Mapping[str, t.Any]) -> str:
        """How to make what is missing, with the inventory that is in use."""
        sources = task_vars.get("ansible_inventory_sources") or ()
        here = os.getcwd() + os.sep
        shown = [str(source).removeprefix(here) for source in ([sources] if isinstance(sources, str) else sources)]
        options = " ".join(f"-i {shlex.quote(source)}" for source in shown)
        return f"ansible-playbook scaleout.nova.secrets {options}".strip()

    # ---- all hosts

    def _report(self, name: str, task_vars: Mapping[str, t.Any]) -> dict[str, t.Any]:
        there = [str(host) for host in task_vars.get("ansible_play_hosts") or ()]
        away = [str(host) for host in task_vars.get("ansible_play_hosts_all") or () if host not in there]
        hosts: list[judge.Host] = []
        for host in there:
            variables = task_vars["hostvars"][host]
            looked = variables.get(name)
            if not isinstance(looked, Mapping) or "problems" not in looked:
                continue
            problems = [dict(problem) for problem in looked["problems"]]
            try:
                endpoint = self._endpoint(host, variables)
            except AnsibleError as error:
                endpoint = ""
                text = f"the address of the host {judge.why(error)}"
                problems.append(judge.Problem("addresses", text).as_dict())
            hosts.append(judge.Host(host, problems, looked.get("facts") or {}, endpoint))
        if not hosts:
            raise AnsibleActionFail(
                f"report names {name!r}, but no host has registered a result of scaleout.nova.preflight under it."
            )
        problems = judge.collect(hosts)
        names = [host.name for host in hosts]
        return {"failed": bool(problems), "problems": problems, "msg": judge.report(problems, names, away)}

    def _endpoint(self, host: str, variables: Mapping[str, t.Any]) -> str:
        """Where Ansible finds a host, as text: two hosts with the same are one."""
        kind = str(variables.get("ansible_connection") or "ssh").rpartition(".")[2]
        if kind == "local":
            return "of this control node (connection local)"
        address = str(variables.get("ansible_host") or host)
        if kind in ("ssh", "smart", "paramiko", "paramiko_ssh", "libssh"):
            return f"{address}, port {variables.get('ansible_port') or 22}"
        return f"{address}, connection {kind}"
