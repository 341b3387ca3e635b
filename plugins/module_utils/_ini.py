# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read and write the INI dialect of oslo.config, without oslo.config.

The grammar is that of oslo_config/iniparser.py: a line is a section, a comment (# or ; in the first column), an
assignment with = or :, or (indented) the continuation of the assignment before it. An option that is assigned several
times keeps all its values in order; quotes around a whole value are removed.
"""

from __future__ import annotations

import re
import typing as t

# {section: {option: [values, one per assignment]}}
Sections = dict[str, dict[str, list[str]]]

_QUOTES = ('"', "'")
# string.Template with the identifiers that oslo.config allows (ConfigOpts.Template)
_REFERENCE = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][._a-z0-9]*)|\{(?P<braced>[_a-z][._a-z0-9]*)\})", re.IGNORECASE
)


class IniError(ValueError):
    """The text is not an oslo.config file, or the value asked for cannot be read from it."""


def parse(text: str) -> Sections:
    """Parse the text of a configuration file.

    :raises IniError: with the number of the first line that is wrong; it never quotes the line, which may hold a secret
    """
    sections: Sections = {}
    current: dict[str, list[str]] | None = None
    values: list[str] | None = None
    for number, raw in enumerate(text.split("\n"), start=1):
        line = raw.rstrip()
        if not line:
            values = None
        elif line[0] in " \t":
            if values is None:
                raise IniError(f"line {number} continues nothing")
            values[-1] += "\n" + line.lstrip()
        elif line[0] == "[":
            values = None
            if not line.endswith("]") or len(line) <= 2:
                raise IniError(f"line {number} is not a section name in brackets")
            current = sections.setdefault(line[1:-1], {})
        elif line[0] in "#;":
            values = None
        else:
            found = re.match(r"([^:=]*)[:=](.*)", line)
            if found is None:
                raise IniError(f"line {number} is neither a section nor an assignment")
            key = found.group(1).strip()
            if not key:
                raise IniError(f"line {number} assigns to an option without a name")
            if current is None:
                raise IniError(f"line {number} assigns an option before the first section")
            value = found.group(2).strip()
            if value and value[0] == value[-1] and value[0] in _QUOTES:
                value = value[1:-1]
            values = current.setdefault(key, [])
            values.append(value)
    return sections


def load(path: str) -> Sections:
    """Parse a file.

    :raises OSError: when it cannot be read
    :raises IniError: when it is not an oslo.config file
    """
    with open(path, encoding="utf-8", errors="surrogateescape") as stream:
        text = stream.read()
    try:
        return parse(text)
    except IniError as error:
        raise IniError(f"{path}: {error}") from None


def render(sections: Sections, header: t.Sequence[str] = ()) -> str:
    """The text of a file with these options; `parse` gives the same options back.

    :param header: lines of the comment at the top
    :raises IniError: when a name or a value cannot be written in this format
    """
    lines = [f"# {line}".rstrip() for line in header]
    for section, options in sections.items():
        if not any(options.values()):
            continue
        if not section or "]" in section or has_line_break(section) or section != section.strip():
            raise IniError(f"{section!r} cannot be the name of a section")
        if lines:
            lines.append("")
        lines.append(f"[{section}]")
        for option, values in options.items():
            if not option or re.search(r"[:=\s]", option) or option[0] in "#;[":
                raise IniError(f"[{section}] {option!r} cannot be the name of an option")
            for value in values:
                if has_line_break(value):
                    raise IniError(f"[{section}] {option}: the value has a line break")
                lines.append(f"{option} = {_quote(value)}".rstrip())
    return "\n".join(lines) + "\n"


def has_line_break(value: str) -> bool:
    """Whether the value would end before its end in a file."""
    return "\n" in value or "\r" in value


def _quote(value: str) -> str:
    if value and (value != value.strip() or (value[0] == value[-1] and value[0] in _QUOTES)):
        return f'"{value}"'
    return value


def merge(*layers: Sections) -> Sections:
    """Several files as one process reads them: the last one that sets an option decides."""
    merged: Sections = {}
    for layer in layers:
        for section, options in layer.items():
            merged.setdefault(section, {}).update(options)
    return merged


def without_empty(sections: Sections) -> Sections:
    """The same without sections that set nothing, for comparing two files by what they say."""
    kept: Sections = {}
    for section, options in sections.items():
        set_options = {option: values for option, values in options.items() if values}
        if set_options:
            kept[section] = set_options
    return kept


def references(value: str) -> list[str]:
    """Names of the options that `$name` and `${section.name}` in a value refer to."""
    found = _REFERENCE.finditer(value.replace(r"\$", "$$"))
    return [match.group("named") or match.group("braced") for match in found if match.group("escaped") is None]


def get(sections: Sections, section: str, option: str) -> str | None:
    """The value of an option as the service reads it: the last assignment, with references to other options replaced.

    :returns: None when the option is not set
    :raises IniError: for a reference to an option that the file does not set
    """
    return _get(sections, section, option, depth=0)


def _get(sections: Sections, section: str, option: str, depth: int) -> str | None:
    values = sections.get(section, {}).get(option)
    if not values:
        return None
    if depth > 8:
        raise IniError(f"[{section}] {option} refers to itself")

    def substitute(match: re.Match[str]) -> str:
        if match.group("escaped") is not None:
            return "$"
        name = match.group("named") or match.group("braced")
        group, dot, rest = name.partition(".")
        places = [(group, rest)] if dot else [(section, name), ("DEFAULT", name)]
        for place in places:
            if place == (section, option):
                continue
            found = _get(sections, place[0], place[1], depth + 1)
            if found is not None:
                return found
        raise IniError(f"[{section}] {option} refers to ${name}, which is not set there (a dollar sign is written $$)")

    return _REFERENCE.sub(substitute, values[-1].replace(r"\$", "$$"))
