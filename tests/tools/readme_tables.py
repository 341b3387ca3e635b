# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Writes the tables of inputs in roles/*/README.md from each role's meta/argument_specs.yml.

With --check it changes nothing and fails when a table is not current. Either way it fails when the argument specs and
defaults/main.yml contradict each other.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
BEGIN = "<!-- BEGIN INPUTS: `make tables` writes this part from meta/argument_specs.yml -->"
END = "<!-- END INPUTS -->"
LONGEST_DEFAULT = 60  # characters
UNSET = object()


class Loader(yaml.SafeLoader):
    """Reads Ansible's own tags (!vault, !unsafe) as the plain values behind them."""


Loader.add_multi_constructor("!", lambda loader, _suffix, node: loader.construct_scalar(node))


def load(path: Path) -> dict[str, Any]:
    """The YAML mapping in PATH, empty when there is no such file."""
    return (yaml.load(path.read_text(encoding="utf-8"), Loader) or {}) if path.is_file() else {}


def markdown(text: str) -> str:
    """Ansible's documentation markup as Markdown, fit for a table's cell."""
    text = re.sub(r"\bL\(([^,)]+),\s*([^)]+)\)", r"[\1](\2)", text)
    text = re.sub(r"\bU\(([^)]+)\)", r"<\1>", text)
    text = re.sub(r"\bB\(([^)]+)\)", r"**\1**", text)
    text = re.sub(r"\bI\(([^)]+)\)", r"*\1*", text)
    text = re.sub(r"\b(?:O|V|C|M|P|E|RV)\(((?:\\.|[^)\\])*)\)", lambda found: f"`{found[1]}`".replace("\\", ""), text)
    return " ".join(text.split()).replace("|", "\\|")


def paragraphs(value: Any) -> list[str]:
    """A description, which is a string or a list of strings."""
    return [markdown(str(item)) for item in (value if isinstance(value, list) else [value] if value else [])]


def literal(value: Any) -> str:
    """A default value, as code."""
    if isinstance(value, str) and value:
        text = value
    else:
        text = json.dumps(value, ensure_ascii=False)
    if len(text) > LONGEST_DEFAULT or "\n" in text:
        return "[see](defaults/main.yml)"
    return "`" + text.replace("|", "\\|") + "`"


def must_be_given(value: Any) -> bool:
    """Whether a default is `undef()`, which stops the play with a hint."""
    return isinstance(value, str) and re.match(r"\{\{\s*undef\(", value) is not None


def rows(options: dict[str, Any], defaults: dict[str, Any], prefix: str = "") -> Iterator[str]:
    """The rows of the table, with the nested options under their parent."""
    for name, spec in options.items():
        default = spec.get("default", defaults.get(name, UNSET))
        if spec.get("required") or must_be_given(default):
            default_text = "**required**"
        else:
            default_text = "" if default is UNSET else literal(default)
        kind = spec.get("type", "str")
        if "elements" in spec:
            kind += " of " + spec["elements"]
        text = " ".join(paragraphs(spec.get("description")))
        if "choices" in spec:
            text += " One of " + ", ".join(literal(choice) for choice in spec["choices"]) + "."
        yield f"| `{prefix}{name}` | {kind} | {default_text} | {text.strip()} |"
        if spec.get("options"):
            yield from rows(spec["options"], {}, f"{prefix}{name}{'[]' if kind.startswith('list') else ''}.")


def tables(specs: dict[str, Any], defaults: dict[str, Any]) -> str:
    """The generated part of a README: one table per entry point."""
    lines = [BEGIN]
    for entry, spec in sorted(specs.items(), key=lambda item: (item[0] != "main", item[0])):
        lines += ["", "## Inputs" if entry == "main" else f"## Inputs of `tasks_from: {entry}`", ""]
        options = spec.get("options") or {}
        if options:
            lines += ["| Variable | Type | Default | What it means |", "|---|---|---|---|"]
            lines += rows(options, defaults)
        else:
            lines += ["None."]
    return "\n".join([*lines, "", END])


def contradictions(specs: dict[str, Any], defaults: dict[str, Any]) -> Iterator[str]:
    """Where a role's argument specs and its defaults say different things."""
    options: dict[str, Any] = {}
    for spec in specs.values():
        options.update(spec.get("options") or {})
    for name, value in defaults.items():
        if name.startswith("__"):
            continue
        if name not in options:
            yield f"{name} is in defaults/main.yml and not in meta/argument_specs.yml"
            continue
        declared = options[name].get("default", UNSET)
        templated = isinstance(value, str) and "{{" in value
        if declared is not UNSET and not templated and declared != value:
            yield f"{name} is {value!r} in defaults/main.yml and {declared!r} in meta/argument_specs.yml"


def readme(role: str, current: str, specs: dict[str, Any], defaults: dict[str, Any]) -> str:
    """The README with its tables brought up to date; a new one where there is none."""
    part = tables(specs, defaults)
    if BEGIN in current and END in current:
        before, rest = current.split(BEGIN, 1)
        return before + part + rest.split(END, 1)[1]
    if current:
        return current.rstrip() + "\n\n" + part + "\n"
    main: dict[str, Any] = specs.get("main") or next(iter(specs.values()), {})
    about = [markdown(main.get("short_description") or ""), *paragraphs(main.get("description"))]
    return "\n\n".join([f"# scaleout.nova.{role}", *(text for text in about if text), part]) + "\n"


def main(arguments: list[str], root: Path = ROOT) -> int:
    """Returns the exit code."""
    checking = "--check" in arguments
    failed = False
    for path in sorted(root.glob("roles/*/meta/argument_specs.yml")):
        role = path.parent.parent
        specs = load(path).get("argument_specs") or {}
        defaults = load(role / "defaults" / "main.yml")
        for problem in contradictions(specs, defaults):
            print(f"roles/{role.name}: {problem}")
            failed = True
        target = role / "README.md"
        current = target.read_text(encoding="utf-8") if target.is_file() else ""
        wanted = readme(role.name, current, specs, defaults)
        if current == wanted:
            continue
        if checking:
            print(f"roles/{role.name}/README.md is not current: run `make tables`")
            failed = True
        else:
            target.write_text(wanted, encoding="utf-8")
            print(f"roles/{role.name}/README.md written")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
