# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What ``preflight`` makes of what it has read.

Facts, requirements and variables go in, problems come out. No connection and no template engine: values that have to be
evaluated come through a function that is handed in.
"""

from __future__ import annotations

import dataclasses
import difflib
import fnmatch
import importlib
import ipaddress
import re
import typing as t
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path

from ansible.errors import AnsibleError, AnsibleUndefinedVariable
from ansible.module_utils.common.arg_spec import ArgumentSpecValidator
from ansible.module_utils.common.yaml import yaml_load

from ansible_collections.scaleout.nova.plugins.plugin_utils import _progress as words

SECRET_LENGTH = 16
SECRET_CHARACTERS = 6
KNOWN_SECRETS = (
    "admin",
    "changeme",
    "default",
    "keystone",
    "letmein",
    "nova",
    "openstack",
    "password",
    "qwerty",
    "secret",
)

_SENSITIVE = re.compile(r"passw|passphrase|secret|token|private|credential|(^|_)keys?$", re.IGNORECASE)
_HOST_NAME = re.compile(
    r"(?=.{1,253}\.?$)[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?(\.[A-Za-z0-9_]([A-Za-z0-9_-]*[A-Za-z0-9])?)*\.?"
)
_IDENTIFIER = re.compile(r"[A-Za-z_]\w*")

Evaluate = Callable[[t.Any], t.Any]


@dataclasses.dataclass(frozen=True)
class Problem:
    """Something that stands against the deployment."""

    check: str
    text: str
    scope: str = "host"

    def as_dict(self) -> dict[str, str]:
        return dataclasses.asdict(self)


def near(name: str, names: Iterable[str], prefix: str = "") -> str:
    """``: did you mean ...?`` where something similar exists, else nothing. A common prefix makes nothing similar."""
    rests = {other.removeprefix(prefix): other for other in names}
    similar = difflib.get_close_matches(name.removeprefix(prefix), sorted(rests), n=2, cutoff=0.7)
    found = [rests[rest] for rest in similar]
    return f": did you mean {' or '.join(found)}?" if found else ""


def listed(names: Iterable[str]) -> str:
    """``a, b and c``."""
    found = list(names)
    return found[0] if len(found) == 1 else f"{', '.join(found[:-1])} and {found[-1]}" if found else ""


# ---- the host


def host_problems(facts: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> list[Problem]:
    """What the host itself lacks. ``wanted`` are the parameters of the task."""
    return [
        *_os_problems(facts, wanted),
        *_machine_problems(facts, wanted),
        *_disk_problems(facts, wanted),
        *_port_problems(facts, wanted),
    ]


def _os_problems(facts: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> list[Problem]:
    supported = wanted.get("os")
    found = facts["os"]
    if not supported or any(
        entry["id"] == found["id"] and entry.get("version") in (None, "", found["version"]) for entry in supported
    ):
        return []
    names = " or ".join(f"{entry['id']} {entry.get('version') or ''}".strip() for entry in supported)
    name = found["name"] or f"{found['id']} {found['version']}".strip()
    return [Problem("os", f"it runs {name}; supported: {names}")]


def _machine_problems(facts: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> list[Problem]:
    problems = []
    oldest = wanted.get("python")
    if oldest and _version(facts["python"]) < _version(oldest):
        problems.append(Problem("python", f"Python {facts['python']} is too old, at least {oldest} is wanted"))
    if wanted.get("systemd") and not (facts["pid1"] == "systemd" and facts["systemd"]):
        text = f"it was not started by systemd (process 1 is {facts['pid1'] or 'unknown'}), but its services need that"
        problems.append(Problem("systemd", text))
    memory = wanted.get("memory_mib")
    if memory and facts["memory_mib"] < memory:
        problems.append(Problem("memory", f"{facts['memory_mib']} MiB of memory, at least {memory} MiB are wanted"))
    return problems


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])


def _disk_problems(facts: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> list[Problem]:
    problems = []
    for entry in wanted.get("disk_mib") or []:
        found = facts["disk"].get(entry["path"])
        if found and not found["exists"] and found["free_mib"] < entry["mib"]:
            text = f"{found['free_mib']} MiB free in {entry['path']}, at least {entry['mib']} MiB are wanted"
            problems.append(Problem("disk", text))
    return problems


def _port_problems(facts: Mapping[str, t.Any], wanted: Mapping[str, t.Any]) -> list[Problem]:
    problems = []
    for entry in wanted.get("ports") or []:
        for process in facts["ports"].get(str(entry["port"]), ()):
            if set(process["names"]) & set(entry["by"]):
                continue
            who = f"{process['name']} (process {process['pid']})" if process["name"] else "a process that I cannot see"
            problems.append(Problem("ports", f"{who} listens on port {entry['port']} already"))
    return problems


def clock_problems(told: float, before: float, after: float, allowed: float | None) -> list[Problem]:
    """Compare the host's clock with this one, which was read before and after the host was asked."""
    if allowed is None:
        return []
    skew = told - after if told > after else told - before if told < before else 0.0
    if abs(skew) <= allowed:
        return []
    side = "ahead of" if skew > 0 else "behind"
    text = f"its clock is {abs(skew):.1f} s {side} that of the control node, at most {allowed:g} s are allowed"
    return [Problem("clock", f"{text}: set up time synchronisation")]


# ---- names and addresses


def is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False


def is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def address_error(text: t.Any) -> str:
    """Why this is neither an IP address nor a name; empty if it is. Whether the name resolves is not asked."""
    if not isinstance(text, str) or not text:
        return "is neither an IP address nor a name"
    if is_address(text):
        return ""
    if ":" in text or "/" in text or re.fullmatch(r"[\d.]+", text):
        return "is no IP address"
    return "" if _HOST_NAME.fullmatch(text) else "is neither an IP address nor a valid name"


def name_problems(
    facts: Mapping[str, t.Any], resolve: Sequence[str], own_name: str, others: Iterable[str] = ()
) -> list[Problem]:
    """Names that do not resolve on the host, or to an address that leads nowhere.

    ``own_name`` is one of the choices but ``auto``; ``others`` are names of other hosts, which are not on loopback.
    """
    problems = []
    own = facts["hostname"]
    if own_name in ("resolves", "reachable"):
        found = facts["names"][own]
        if not found["addresses"]:
            text = f"its own name, {own}, does not resolve ({found['error']}): add it to /etc/hosts"
            problems.append(Problem("names", text))
        elif own_name == "reachable" and all(is_loopback(address) for address in found["addresses"]):
            text = (
                f"its own name, {own}, resolves to {listed(found['addresses'])}, where no other host reaches it: "
                "give it its real address in /etc/hosts"
            )
            problems.append(Problem("names", text))
    for name in dict.fromkeys(resolve):
        found = facts["names"][name]
        if not found["addresses"]:
            problems.append(Problem("names", f"the name {name} does not resolve ({found['error']})"))
        elif name in set(others) and name != own and all(is_loopback(address) for address in found["addresses"]):
            where = listed(found["addresses"])
            problems.append(Problem("names", f"the name {name} resolves to {where}, but that is another host"))
    return problems


# ---- the inventory


def group_problems(
    groups: Mapping[str, Sequence[str]], wanted: Sequence[Mapping[str, t.Any]], host: str
) -> list[Problem]:
    """What the groups of the inventory lack, and which of them this host should not be in together."""
    problems = []
    for entry in wanted:
        name = entry["name"]
        hosts = groups.get(name, ())
        if len(hosts) < entry["min"]:
            count = f"at least {entry['min']} host{'s' if entry['min'] != 1 else ''}"
            others = [other for other in groups if other not in ("all", "ungrouped", name) and groups[other]]
            has = f"has {len(hosts)}" if hosts else "is empty" if name in groups else "does not exist"
            text = f"the group {name} {has}, it must have {count}{near(name, others) if not hosts else ''}"
            problems.append(Problem("groups", text, "inventory"))
        if entry["max"] is not None and len(hosts) > entry["max"]:
            text = f"the group {name} has {len(hosts)} hosts, at most {entry['max']} are possible"
            problems.append(Problem("groups", text, "inventory"))
        for other in entry["not_with"]:
            if host in hosts and host in groups.get(other, ()):
                problems.append(Problem("groups", f"it is in the groups {name} and {other}, it can only be in one"))
    return problems


# ---- variables


def _tag(*values: t.Any) -> t.Any:
    """What ansible-core knows of where the first of the values comes from, or None. Not every value carries it."""
    try:
        tag = importlib.import_module("ansible._internal._datatag._tags").Origin
    except (ImportError, AttributeError):
        return None
    return next((found for found in map(tag.get_tag, values) if found is not None), None)


def origin(*values: t.Any) -> str:
    """Where the first of the values that knows it comes from: ``file:line``; empty if none does."""
    found = _tag(*values)
    if getattr(found, "path", None):
        line = getattr(found, "line_num", None)
        return words.short_path(f"{found.path}:{line}" if line else str(found.path))
    return str(getattr(found, "description", None) or "").strip("<>")


def place(name: t.Any, value: t.Any) -> str:
    """The variable, with where it is set if that is known."""
    where = origin(name, value)
    return f"{name} ({where})" if where else str(name)


def is_sensitive(name: str, option: Mapping[str, t.Any] | None = None) -> bool:
    """Whether the value of an option is nobody's business."""
    if option is not None and option.get("no_log") is not None:
        return bool(option["no_log"])
    return bool(_SENSITIVE.search(name))


@dataclasses.dataclass(frozen=True)
class Role:
    """A role and the options of its entry points."""

    name: str
    options: Mapping[str, Mapping[str, t.Any]]
    required: frozenset[str] = frozenset()

    @property
    def prefix(self) -> str:
        return self.name.lstrip("_") + "_"


def load_roles(folder: Path) -> dict[str, Role]:
    """The roles in a folder that have argument specifications. What cannot be read is left out."""
    roles: dict[str, Role] = {}
    for path in sorted(folder.glob("*/meta/argument_specs.y*ml")):
        try:
            specs = yaml_load(path.read_text(encoding="utf-8"))["argument_specs"]
            options: dict[str, Mapping[str, t.Any]] = {}
            for entry in sorted(specs, key=lambda entry: entry != "main"):
                for name, option in (specs[entry].get("options") or {}).items():
                    options.setdefault(name, option or {})
            main = (specs.get("main") or {}).get("options") or {}
            required = frozenset(name for name, option in main.items() if (option or {}).get("required"))
        except Exception:  # PyYAML has errors of its own, and a specification can be wrong in many ways
            continue
        name = path.parent.parent.name
        roles[name] = Role(name, options, required)
    return roles


class Variables:
    """The variables of a host, which are evaluated one by one, and may not all be evaluable yet."""

    def __init__(self, raw: Mapping[str, t.Any], evaluate: Evaluate) -> None:
        self.raw = raw
        self._evaluate = evaluate
        self._keys = {str(key): key for key in raw}

    def __contains__(self, name: str) -> bool:
        return name in self._keys

    def __iter__(self) -> t.Iterator[str]:
        return iter(self._keys)

    def place(self, name: str) -> str:
        return place(self._keys.get(name, name), self.raw.get(name))

    def path(self, name: str) -> str:
        """The file that the variable is set in, if that is known."""
        return str(getattr(_tag(self._keys[name], self.raw[name]), "path", None) or "")

    def evaluate(self, name: str) -> t.Any:
        """The value. Raises what the template engine raises."""
        return self._evaluate(self.raw[name])

    def is_early(self, name: str) -> bool:
        """Whether the value depends on something that only comes with time: facts, results of tasks, other hosts."""
        seen: set[str] = set()

        def search(value: t.Any) -> bool:
            if isinstance(value, Mapping):
                return any(search(part) for part in value.values())
            if isinstance(value, (list, tuple)):
                return any(search(part) for part in value)
            if not isinstance(value, str) or ("{{" not in value and "{%" not in value):
                return False
            for word in _IDENTIFIER.findall(value):
                if word.startswith(("ansible_", "__")) or word in ("hostvars", "lookup", "query", "q"):
                    return True
                if word in self._keys and word not in seen:
                    seen.add(word)
                    if search(self.raw[word]):
                        return True
            return False

        return name in self._keys and search(self.raw[name])


def why(error: Exception, sensitive: bool = False) -> str:
    """What is wrong with a value that cannot be evaluated, in one line. Of a secret only which name is undefined."""
    text = " ".join(str(getattr(error, "message", "") or error).split())
    if sensitive and not isinstance(error, AnsibleUndefinedVariable):
        return "cannot be evaluated"
    return f"cannot be evaluated: {text}" if text else "cannot be evaluated"


def unknown_variables(
    variables: Variables,
    roles: Mapping[str, Role],
    ignored: Sequence[str],
    own_folders: tuple[str, ...] = (),
    secrets: Sequence[str] = (),
) -> list[Problem]:
    """Variables that look like inputs of a role, but no role has them. Secrets that are asked for are known."""
    problems = []
    rests: dict[str, list[tuple[str, str]]] = {}
    for role in roles.values():
        for option in role.options:
            if option.startswith(role.prefix):
                rests.setdefault(option[len(role.prefix) :], []).append((role.prefix, option))
    known = {option for role in roles.values() for option in role.options} | set(secrets)
    for name in variables:
        if name in known or name.startswith(("__", "ansible_")) or any(fnmatch.fnmatch(name, p) for p in ignored):
            continue
        value = variables.raw[name]
        if isinstance(value, Mapping) and "changed" in value and "failed" in value:
            continue  # what a task has registered
        if own_folders and variables.path(name).startswith(own_folders):
            continue  # a default of the role itself
        owners = [role for role in roles.values() if name.lstrip("_").startswith(role.prefix)]
        if owners:
            owner = max(owners, key=lambda role: len(role.prefix))
            text = f"{variables.place(name)} is no variable of the role {owner.name}"
            text += near(name, [option for role in owners for option in role.options], owner.prefix)
            problems.append(Problem("variables", text))
            continue
        similar = _with_similar_prefix(name, rests)
        if similar:
            text = f"{variables.place(name)} is no variable of any role: did you mean {listed(similar)}?"
            problems.append(Problem("variables", text))
    return problems


def _with_similar_prefix(name: str, rests: Mapping[str, Sequence[tuple[str, str]]]) -> list[str]:
    """Options that differ from the name in how the role is spelt, as in ``nova_compue_driver``."""
    found = []
    for match in re.finditer("_", name):
        for prefix, option in rests.get(name[match.end() :], ()):
            head = name[: match.end()]
            if head != prefix and difflib.SequenceMatcher(None, head, prefix).ratio() >= 0.85:
                found.append(option)
    return found


def value_problems(
    variables: Variables, roles: Mapping[str, Role], secrets: Iterable[str], own_folders: tuple[str, ...] = ()
) -> list[Problem]:
    """Values of role variables that cannot be evaluated, or that the role would refuse."""
    problems = []
    apart = set(secrets)
    for role in roles.values():
        for name, option in role.options.items():
            if name not in variables or name in apart:
                continue
            if own_folders and variables.path(name).startswith(own_folders):
                continue
            sensitive = is_sensitive(name, option)
            try:
                value = variables.evaluate(name)
            except AnsibleError as error:
                if not (isinstance(error, AnsibleUndefinedVariable) and variables.is_early(name)):
                    problems.append(Problem("variables", f"{variables.place(name)} {why(error, sensitive)}"))
                continue
            for message in spec_errors(name, option, value, sensitive):
                problems.append(Problem("variables", f"{variables.place(name)}: {message}"))
    return problems


def spec_errors(name: str, option: Mapping[str, t.Any], value: t.Any, sensitive: bool) -> list[str]:
    """What an argument specification says against a value, without the parts of it that are secret."""
    spec = {key: part for key, part in option.items() if key != "required"}
    try:
        found = ArgumentSpecValidator({name: spec}).validate({name: value}).error_messages
    except Exception as error:
        found = [str(error)]
    if not found:
        return []
    kind = str(option.get("type", "str"))
    if sensitive:
        choices = " or not one of the choices" if option.get("choices") else ""
        return [f"the value is not of the type {kind}{choices} (it is not shown: it may be a secret)"]
    hidden = sorted(_secret_values(value), key=len, reverse=True)
    if any(len(part) < 4 for part in hidden) and isinstance(value, (Mapping, list)):
        return ["the value is not as the role wants it (details are not shown: they may hold a secret)"]
    messages = []
    for message in found:
        for part in hidden:
            message = message.replace(part, "(secret)")
        messages.append(" ".join(message.split()))
    return messages


def _secret_values(value: t.Any, sensitive: bool = False) -> set[str]:
    if isinstance(value, Mapping):
        return {
            found for key, part in value.items() for found in _secret_values(part, sensitive or is_sensitive(str(key)))
        }
    if isinstance(value, (list, tuple)):
        return {found for part in value for found in _secret_values(part, sensitive)}
    return {str(value)} if sensitive and value not in (None, "", True, False) else set()


def required_problems(
    variables: Variables, roles: Mapping[str, Role], names: Sequence[str], secrets: Iterable[str]
) -> list[Problem]:
    """Options that a role which the host will run cannot do without."""
    apart = set(secrets)
    return [
        Problem("variables", f"{option} is missing: the role {name} needs it")
        for name in names
        if name in roles
        for option in sorted(roles[name].required)
        if option not in variables and option not in apart
    ]


def secret_problems(variables: Variables, names: Sequence[str], command: str) -> list[Problem]:
    """Secrets that are missing, short or known to everybody. Their values go nowhere."""
    problems = []
    create = f"create it with `{command}`"
    missing = [name for name in dict.fromkeys(names) if name not in variables]
    if len(missing) == 1:
        problems.append(Problem("secrets", f"{missing[0]} is missing: {create}", "inventory"))
    elif missing:
        text = f"{len(missing)} are missing, create them with `{command}`: {', '.join(missing)}"
        problems.append(Problem("secrets", text, "inventory"))
    for name in dict.fromkeys(names):
        if name in missing:
            continue
        try:
            value = variables.evaluate(name)
        except AnsibleUndefinedVariable as error:
            problems.append(Problem("secrets", f"{variables.place(name)} {why(error, True)}: {create}"))
            continue
        except AnsibleError as error:
            problems.append(Problem("secrets", f"{variables.place(name)} {why(error, True)}"))
            continue
        wrong = secret_error(value)
        if wrong:
            empty = f", {create}" if value in (None, "") else ""
            problems.append(Problem("secrets", f"{variables.place(name)} {wrong}{empty}"))
    return problems


def secret_error(value: t.Any) -> str:
    """Why a value is no good secret; empty if it will do."""
    if value is None or value == "":
        return "is empty"
    if not isinstance(value, str):
        return "is not text: put it in quotes"
    if len(value) < SECRET_LENGTH:
        return f"is too short: at least {SECRET_LENGTH} characters are wanted"
    plain = re.sub(r"[\W\d_]+", "", value).lower()
    for word in KNOWN_SECRETS:
        plain = plain.replace(word, "")
    if len(set(value)) < SECRET_CHARACTERS or (not plain and not re.fullmatch(r"[\W\d_]+", value)):
        return "is too easy to guess"
    return ""


def address_values(variables: Variables, names: Sequence[str]) -> tuple[dict[str, list[str]], list[Problem]]:
    """The addresses that the named variables hold, and what is wrong with them as text."""
    found: dict[str, list[str]] = {}
    problems = []
    for name in dict.fromkeys(names):
        if name not in variables:
            continue
        try:
            value = variables.evaluate(name)
        except AnsibleError as error:
            if not (isinstance(error, AnsibleUndefinedVariable) and variables.is_early(name)):
                problems.append(Problem("addresses", f"{variables.place(name)} {why(error)}"))
            continue
        for part in value if isinstance(value, list) else [value]:
            wrong = address_error(part)
            if wrong:
                problems.append(Problem("addresses", f"{variables.place(name)}: {part!r} {wrong}"))
            else:
                found.setdefault(name, []).append(str(part))
    return found, problems


def address_problems(
    facts: Mapping[str, t.Any], variables: Variables, addresses: Mapping[str, Sequence[str]], local: Iterable[str]
) -> list[Problem]:
    """Addresses that do not resolve on the host, or that should be its own and are not."""
    problems = []
    for name, values in addresses.items():
        for value in values:
            entry = facts["names"].get(value)
            if entry is not None and not entry["addresses"]:
                text = f"{variables.place(name)}: the name {value} does not resolve here ({entry['error']})"
                problems.append(Problem("addresses", text))
            elif name in local and facts["local"].get(value) is False:
                problems.append(Problem("addresses", f"{variables.place(name)}: this host has no address {value}"))
    return problems


# ---- the report


@dataclasses.dataclass
class Host:
    """What the report knows of a host."""

    name: str
    problems: Sequence[Mapping[str, str]]
    facts: Mapping[str, t.Any]
    endpoint: str = ""


def shared_problems(hosts: Sequence[Host]) -> list[Problem]:
    """Hosts that are one and the same machine, or that look so to each other."""
    problems: list[Problem] = []
    told: set[tuple[str, ...]] = set()

    def alike(key: Callable[[Host], str]) -> Iterable[tuple[str, list[str]]]:
        groups: dict[str, list[str]] = {}
        for host in hosts:
            groups.setdefault(key(host), []).append(host.name)
        for value, names in groups.items():
            names.sort(key=words.natural)
            if value and len(names) > 1 and tuple(names) not in told:
                told.add(tuple(names))
                yield value, names

    for value, names in alike(lambda host: host.endpoint):
        text = f"{listed(names)} are names of one machine: all have the address {value}"
        problems.append(Problem("duplicates", text, "inventory"))
    for _value, names in alike(lambda host: str(host.facts.get("machine", ""))):
        text = (
            f"{listed(names)} have the same machine id: either they are names of one machine, or copies of one; "
            "a copy gets its own with `rm /etc/machine-id; systemd-machine-id-setup`"
        )
        problems.append(Problem("duplicates", text, "inventory"))
    for value, names in alike(lambda host: str(host.facts.get("hostname", ""))):
        text = f"{listed(names)} all call themselves {value}: OpenStack tells hosts apart by this name"
        problems.append(Problem("duplicates", text, "inventory"))
    return problems


def collect(hosts: Sequence[Host]) -> list[dict[str, t.Any]]:
    """All problems, each once, with the hosts that have it. Those of the inventory come first."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for host in hosts:
        for problem in host.problems:
            key = (problem["scope"], problem["check"], problem["text"])
            names = found.setdefault(key, [])
            if problem["scope"] == "host" and host.name not in names:
                names.append(host.name)
    for shared in shared_problems(hosts):
        found.setdefault((shared.scope, shared.check, shared.text), [])
    return [
        {"check": check, "text": text, "hosts": sorted(names, key=words.natural)}
        for (scope, check, text), names in sorted(found.items(), key=lambda entry: entry[0][0] != "inventory")
    ]


def report(problems: Sequence[Mapping[str, t.Any]], hosts: Sequence[str], missing: Sequence[str]) -> str:
    """The one message: the problems under the hosts that have them."""
    away = f"not reached: {listed(sorted(missing, key=words.natural))}" if missing else ""
    if not problems:
        count = "1 host is" if len(hosts) == 1 else f"{len(hosts)} hosts are"
        return f"{count} ready" + (f"; {away}" if away else "")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    lines = [f"{count}; nothing has been changed."]
    blocks: dict[tuple[str, ...], list[Mapping[str, t.Any]]] = {}
    for problem in problems:
        blocks.setdefault(tuple(problem["hosts"]), []).append(problem)
    for names, block in sorted(
        blocks.items(), key=lambda entry: (bool(entry[0]), [words.natural(n) for n in entry[0]])
    ):
        lines.append("")
        lines.append(_heading(names, hosts))
        lines.extend(f"  - {problem['check']}: {problem['text']}" for problem in block)
    if away:
        lines.extend(["", away])
    return "\n".join(lines)


def _heading(names: Sequence[str], hosts: Sequence[str]) -> str:
    if not names:
        return "the inventory"
    if len(names) > 1 and len(names) == len(hosts):
        return f"every host ({words.hosts_text(names, 60)})"
    return words.hosts_text(names, 100)
