# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Judge a configuration by the option definitions that the installed services bring along.

The definitions come from the entry points `oslo.config.opts` (what `oslo-config-generator` reads), the options of an
identity plugin from keystoneauth. Nothing is imported from oslo.config until they are asked for.
"""

from __future__ import annotations

import contextlib
import dataclasses
import difflib
import importlib
import importlib.metadata
import io
import json
import logging
import re
import typing as t
import warnings

from ansible_collections.scaleout.nova.plugins.module_utils import _dburl, _ini

DEFAULT = "DEFAULT"
_LOADERS = "oslo.config.opts"

# Options that hold a secret by their name, whatever their definition says.
_SECRET_NAME = re.compile(
    r"(?:^|_)(?:password|passwd|secret|key|keys|token|credentials?|transport_url)$|^(?:slave_)?connection$",
    re.IGNORECASE,
)
_HARMLESS = re.compile(r"/|(?:\d{0,7}|true|false)$", re.IGNORECASE)
# The same for files of which the definitions are not at hand: rather one too many.
_SECRET_HINT = re.compile(r"pass|secret|key|token|credential|connection|url", re.IGNORECASE)

Scalar: t.TypeAlias = "str | int | float | bool"
# {section: {option: scalar, list of scalars (or of dictionaries) or dictionary of scalars}}, without null
Config = dict[str, dict[str, t.Any]]


class NotInstalled(Exception):
    """oslo.config or the definitions of a namespace are not on this host (yet)."""


class BadConfig(Exception):
    """The value of the parameter `config` does not have the right shape."""


@dataclasses.dataclass
class Option:
    """An option definition of oslo.config, as far as we need it."""

    section: str
    name: str  # as it is written in a file
    secret: bool
    multi: bool
    type: t.Any
    removal: str | None  # why it will go away
    deprecated: list[tuple[str, str]]  # older (section, name)

    @property
    def is_list(self) -> bool:
        return type(self.type).__name__ == "List"

    @property
    def is_dict(self) -> bool:
        return type(self.type).__name__ == "Dict"


class Definitions:
    """All options of some namespaces."""

    def __init__(self) -> None:
        self.sections: dict[str, dict[str, Option]] = {}
        self.older: dict[tuple[str, str], Option] = {}

    def add(self, section: str, definition: t.Any) -> None:
        """Add an option object of oslo.config; of two definitions of one option the first one counts."""
        option = _option(normal(section), definition)
        self.sections.setdefault(option.section, {}).setdefault(option.name, option)
        for place in option.deprecated:
            self.older.setdefault(place, option)


def _option(section: str, definition: t.Any) -> Option:
    removal = None
    if getattr(definition, "deprecated_for_removal", False):
        reason = " ".join((getattr(definition, "deprecated_reason", None) or "").split())
        removal = reason.partition(". ")[0].rstrip(".")
    return Option(
        section=section,
        name=definition.dest,
        secret=bool(getattr(definition, "secret", False)),
        multi=bool(getattr(definition, "multi", False)),
        type=definition.type,
        removal=removal,
        deprecated=[(normal(old.group or section), old.name or definition.dest) for old in definition.deprecated_opts],
    )


def normal(section: str) -> str:
    """Name of a section as oslo.config compares it."""
    return section if section == DEFAULT else section.lower()


def load_definitions(namespaces: t.Sequence[str]) -> Definitions:
    """Import the option definitions of some namespaces (about a second for all of Nova).

    :raises NotInstalled: when oslo.config or one of the namespaces is missing
    """
    try:
        importlib.import_module("oslo_config.cfg")
    except ImportError:
        raise NotInstalled("oslo.config is not installed on this host (python3-oslo.config)") from None
    found = {point.name: point for point in importlib.metadata.entry_points(group=_LOADERS)}
    missing = [name for name in namespaces if name not in found]
    if missing:
        raise NotInstalled(
            f"no installed package brings the option definitions (entry point {_LOADERS}) of " + ", ".join(missing)
        )
    definitions = Definitions()
    with _quiet():
        for name in namespaces:
            try:
                listed = found[name].load()()
            except Exception as error:  # whatever a service raises while it is imported
                raise NotInstalled(
                    f"the option definitions of {name} cannot be imported: {type(error).__name__}: {error}"
                ) from error
            for group, options in listed:
                for option in options:
                    definitions.add(str(getattr(group, "name", group) or DEFAULT), option)
    return definitions


@contextlib.contextmanager
def _quiet() -> t.Iterator[None]:
    """Keep what services print and log while they are imported out of the module's output."""
    before = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with (
            warnings.catch_warnings(),
            contextlib.redirect_stdout(io.StringIO()),
            contextlib.redirect_stderr(io.StringIO()),
        ):
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)


def did_you_mean(word: str, known: t.Iterable[str], cutoff: float = 0.7) -> str:
    """A remark that names the nearest of some words, or nothing."""
    near = difflib.get_close_matches(word, list(known), n=1, cutoff=cutoff)
    return f" (did you mean {near[0]}?)" if near else ""


# --- from data to text -----------------------------------------------------------------------------------------------


def clean(config: t.Any) -> Config:
    """The parameter without what is null, after a look at its shape.

    :raises BadConfig: when it is no dictionary of dictionaries, or a value is nested too deeply
    """
    if not isinstance(config, dict):
        raise BadConfig(f"config must be a dictionary of sections, not {_kind(config)}")
    cleaned: Config = {}
    for section, options in config.items():
        if options is None:
            continue
        if not isinstance(options, dict):
            raise BadConfig(f"section [{section}] must be a dictionary of options, not {_kind(options)}")
        for option, value in options.items():
            if value is not None:
                _check_shape(f"[{section}] {option}", value)
                cleaned.setdefault(str(section), {})[str(option)] = value
    return cleaned


def _check_shape(place: str, value: t.Any) -> None:
    if isinstance(value, dict):
        inner = list(value.values())
    elif isinstance(value, list):
        inner = [item for item in value if not isinstance(item, dict)]  # a value in JSON, like [pci] alias
    else:
        return
    for item in inner:
        if not isinstance(item, (str, int, float, bool)):
            raise BadConfig(f"{place} is {_kind(value)} that holds {_kind(item)}, where a text or a number is needed")


def _kind(value: t.Any) -> str:
    names = {dict: "a dictionary", list: "a list", str: "a text", bool: "a boolean", int: "a number", float: "a number"}
    return "null" if value is None else names.get(type(value), type(value).__name__)


def scalar(value: Scalar) -> str:
    """A value as oslo.config reads it."""
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _pairs(value: dict[str, Scalar], separator: str = ":") -> str:
    return ",".join(f"{key}{separator}{scalar(item)}" for key, item in value.items())


def _json(value: dict[str, t.Any]) -> str:
    return json.dumps(value, sort_keys=True)


def written(value: t.Any, option: Option | None = None) -> list[str]:
    """The values to assign to an option, one for each line of the file.

    :raises BadConfig: when the kind of the value does not fit the option
    """
    if isinstance(value, list):
        if option is not None and option.multi:
            return [text for item in value for text in written(item, option)]
        if option is not None and not (option.is_list or option.is_dict):
            raise BadConfig("takes one value, not a list")
        if any(isinstance(item, dict) for item in value):
            if option is None:
                return [_json(item) if isinstance(item, dict) else scalar(item) for item in value]
            raise BadConfig("takes a list of texts or numbers, not of dictionaries")
        joined = ",".join(map(scalar, value))
        if option is not None and option.type.bounds:
            joined = f"[{joined}]" if option.is_list else f"{{{joined}}}"
        return [joined]
    if isinstance(value, dict):
        if option is None:
            return [_pairs(value)]
        if option.is_dict:
            joined = _pairs(value, getattr(option.type, "key_value_separator", ":"))
            return [f"{{{joined}}}" if option.type.bounds else joined]
        if option.multi:
            return [_json(value)]
        raise BadConfig("takes no dictionary")
    return [scalar(value)]


def says(current: list[str], value: t.Any, repeated: bool) -> bool:
    """Whether the assignments in a file mean this value, judged without the option's definition.

    :param repeated: the option takes one line for each item of a list
    """
    if repeated and isinstance(value, list):
        return len(current) == len(value) and all(
            have in _forms(want) for have, want in zip(current, value, strict=True)
        )
    return len(current) == 1 and current[0] in _forms(value)


def _forms(value: t.Any) -> list[str]:
    """The ways to write a value on one line."""
    if isinstance(value, dict):
        return [_pairs(value), f"{{{_pairs(value)}}}", _json(value)]
    if isinstance(value, list):
        joined = ",".join(_pairs(item) if isinstance(item, dict) else scalar(item) for item in value)
        return [joined, f"[{joined}]"]
    return [scalar(value)]


# --- the judgement ---------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Verdict:
    """What the definitions say about the configuration of one file."""

    sections: _ini.Sections = dataclasses.field(default_factory=dict)  # what to write
    repeated: set[tuple[str, str]] = dataclasses.field(default_factory=set)  # (section, option): one line per value
    secret: set[tuple[str, str]] = dataclasses.field(default_factory=set)  # (section, option) that hold secrets
    secret_names: set[str] = dataclasses.field(default_factory=set)  # options that are secret in some section
    problems: list[str] = dataclasses.field(default_factory=list)
    warnings: list[str] = dataclasses.field(default_factory=list)


class _Group:
    """The options that a section of the file may hold."""

    def __init__(self, name: str, options: dict[str, Option], older: dict[str, Option]) -> None:
        self.name = name
        self.options = options
        self.older = older

    def add(self, options: t.Iterable[Option]) -> None:
        for option in options:
            self.options.setdefault(option.name, option)
            for section, name in option.deprecated:
                if section == self.name:
                    self.older.setdefault(name, option)


def judge(
    config: Config, like: dict[str, str], definitions: Definitions, unchecked: dict[str, list[str]] | None = None
) -> Verdict:
    """Check every section, option and value of a file, and say how to write them.

    :param like: {section: section whose options it takes}
    :param unchecked: {section: options to take as they are}; `*` stands for all options
    """
    verdict = Verdict()
    unchecked = unchecked or {}
    for known in definitions.sections.values():
        verdict.secret_names.update(option.name for option in known.values() if option.secret)
    referred = {normal(str(options["auth_section"])) for options in config.values() if "auth_section" in options}
    for section, listed in config.items():
        free = unchecked.get(section, [])
        options = {name: value for name, value in listed.items() if name not in free and "*" not in free}
        for name in listed.keys() - options.keys():
            _take(section, name, listed[name], verdict)
        group = _group(section, normal(section) in referred, like, definitions, verdict) if options else None
        if group is None:
            continue
        plugin = options.get("auth_type", options.get("auth_plugin"))
        if plugin is not None and "auth_type" in group.options:
            found = plugin_options(str(plugin), group.name)
            if isinstance(found, str):
                verdict.problems.append(f"[{section}] auth_type = {plugin} {found}")
            else:
                group.add(found)
        for name, value in options.items():
            _judge_option(section, name, value, group, definitions, verdict)
    for parameter, named in (("like", like), ("unchecked", unchecked)):
        for section in named:
            if section not in config:
                verdict.problems.append(f"{parameter} names the section [{section}], which config does not have")
    # in the order of the file, not in that of the checks
    verdict.sections = {
        section: {name: verdict.sections[section][name] for name in options if name in verdict.sections[section]}
        for section, options in config.items()
        if section in verdict.sections
    }
    return verdict


def _take(section: str, name: str, value: t.Any, verdict: Verdict) -> None:
    """Accept an option without a definition."""
    try:
        values = written(value)
    except BadConfig as error:
        verdict.problems.append(f"[{section}] {name} {error}")
        return
    if any(map(_ini.has_line_break, values)):
        verdict.problems.append(f"[{section}] {name}: a value cannot have a line break")
    if secret_by_name(name, value, cautious=True):
        verdict.secret.add((section, name))
    verdict.sections.setdefault(section, {})[name] = values


def _group(
    section: str, referred: bool, like: dict[str, str], definitions: Definitions, verdict: Verdict
) -> _Group | None:
    name = normal(like.get(section, section))
    known = definitions.sections
    older = {option: new for (group, option), new in definitions.older.items() if group == name}
    if name not in known and section in like:
        near = did_you_mean(like[section], known)
        verdict.problems.append(f"like: [{section}] is to be like [{like[section]}], which is no section{near}")
        return None
    if name not in known and not older and not referred:
        near = did_you_mean(section, known)
        verdict.problems.append(f"[{section}] is not a section of this service{near}")
        return None
    group = _Group(name, dict(known.get(name, {})), older)
    # oslo.limit lists the options of the plugins but forgets auth_type.
    if referred or ("auth_url" in group.options and "auth_type" not in group.options):
        group.add(_auth_options(name))
    return group


def _judge_option(
    section: str, name: str, value: t.Any, group: _Group, definitions: Definitions, verdict: Verdict
) -> None:
    place = f"[{section}] {name}"
    option = group.options.get(name)
    if option is None:
        option = group.older.get(name)
        if option is None:
            verdict.problems.append(f"{place} is not an option{_hint(name, group, definitions)}")
            return
        verdict.warnings.append(f"{place} is an old name: write [{option.section}] {option.name}")
    if option.removal is not None:
        why = f": {option.removal}" if option.removal else ""
        verdict.warnings.append(f"{place} will be removed from a coming release{why}")
    secret = holds_secret(name, value, option)
    if secret:
        verdict.secret.add((section, name))
        verdict.secret_names.add(name)
    try:
        values = written(value, option)
        for text in values:
            _check_value(text, value, option, group, definitions)
    except BadConfig as error:
        verdict.problems.append(f"{place} {error}")
        return
    except _Refused as error:
        if secret or passwords_in(value):
            verdict.problems.append(f"{place}: the secret value {error.neutral}")
        else:
            verdict.problems.append(f"{place} = {_shown(value)}: {error}")
        return
    if option.multi and isinstance(value, list):
        verdict.repeated.add((section, name))
    verdict.sections.setdefault(section, {})[name] = values


class _Refused(Exception):
    """The definition does not accept a value; `neutral` says it without a word of the value."""

    def __init__(self, message: str, neutral: str) -> None:
        super().__init__(message)
        self.neutral = neutral


def _check_value(text: str, value: t.Any, option: Option, group: _Group, definitions: Definitions) -> None:
    if _ini.has_line_break(text):
        raise _Refused("a value cannot have a line break", "has a line break")
    names = _ini.references(text)
    for name in names:
        if not _is_option(name, group, definitions):
            raise _Refused(
                f"${name} would be replaced by the option {name}, which does not exist (a dollar sign is written $$)",
                "has a dollar sign, with which oslo.config refers to other options (a dollar sign is written $$)",
            )
    if names:
        return  # what the services make of it depends on the value of the other option
    kind = option.type
    what = str(getattr(kind, "type_name", type(kind).__name__))
    try:
        parsed = kind(text.replace(r"\$", "$$").replace("$$", "$"))
    except (ValueError, TypeError) as error:
        raise _Refused(_reason(error, kind), f"is not valid as {what}") from None
    if isinstance(value, list) and option.is_list and not option.multi and len(parsed) != len(value):
        raise _Refused("an item of a list cannot be empty or have a comma", "has an item that is empty or has a comma")
    if isinstance(value, dict) and option.is_dict and set(parsed) != {str(key).strip() for key in value}:
        raise _Refused("a key or a value cannot have a comma", "has a comma in a key or a value")


def _reason(error: Exception, kind: t.Any) -> str:
    """Why a type of oslo.config refuses a value, in words."""
    choices = getattr(kind, "choices", None) or getattr(getattr(kind, "item_type", None), "choices", None)
    if choices:
        return "must be one of " + ", ".join(map(str, choices))
    text = str(error)
    if text.startswith(("invalid literal for int", "could not convert string to float")):
        return "must be a number"
    return text[:1].lower() + text[1:]


def _is_option(name: str, group: _Group, definitions: Definitions) -> bool:
    section, dot, option = name.partition(".")
    if dot:
        return option in definitions.sections.get(normal(section), {})
    return name in group.options or name in definitions.sections.get(DEFAULT, {})


def _hint(name: str, group: _Group, definitions: Definitions) -> str:
    """Where the option may have been meant to be."""
    dashed = name.replace("-", "_")
    if dashed in group.options:
        return f" (write {dashed})"
    near = difflib.get_close_matches(dashed, [*group.options, *group.older], n=1, cutoff=0.75)
    elsewhere = sorted(section for section, options in definitions.sections.items() if dashed in options)
    if near:
        return f" (did you mean {near[0]}?)"
    if 0 < len(elsewhere) <= 4:
        return f" there, but of [{'], ['.join(elsewhere)}]"
    return did_you_mean(dashed, [*group.options, *group.older], cutoff=0.6)


def plugin_options(plugin: str, section: str) -> list[Option] | str:
    """The options of a keystoneauth plugin, or what is wrong with its name."""
    try:
        loading = importlib.import_module("keystoneauth1.loading")
    except ImportError:
        return "needs keystoneauth1, which is not installed"
    with _quiet():
        known = list(loading.get_available_plugin_names())
        if plugin not in known:
            return "is not a plugin of keystoneauth" + did_you_mean(plugin, known)
        try:
            options = loading.get_plugin_loader(plugin).get_options()
        except Exception as error:  # whatever a plugin raises when it cannot be loaded
            return f"cannot be loaded ({type(error).__name__})"
        return [_option(section, option._to_oslo_opt()) for option in options]


def _auth_options(section: str) -> list[Option]:
    """The options of a section to which the `auth_section` of another one points."""
    try:
        loading = importlib.import_module("keystoneauth1.loading")
    except ImportError:
        return []
    common = [*loading.get_auth_common_conf_options(), *loading.get_session_conf_options()]
    return [_option(section, option) for option in common]


# --- secrets ---------------------------------------------------------------------------------------------------------


def holds_secret(name: str, value: t.Any, option: Option) -> bool:
    """Whether the value of an option must not be shown, by its definition or by its name."""
    numeric = type(option.type).__name__ in ("Integer", "Float", "Boolean", "Port")
    return option.secret or (not numeric and secret_by_name(name, value))


def secret_by_name(name: str, value: t.Any, cautious: bool = False) -> bool:
    """The same without the definition. Paths and small numbers are no secrets.

    :param cautious: rather take an option too many for a secret
    """
    if not isinstance(value, (str, list, dict)) or (isinstance(value, str) and _HARMLESS.match(value)):
        return False
    return (_SECRET_HINT if cautious else _SECRET_NAME).search(name) is not None


def texts(value: t.Any) -> t.Iterator[str]:
    """The texts in a value, whatever its shape."""
    if isinstance(value, dict):
        for item in value.values():
            yield from texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from texts(item)
    elif isinstance(value, str):
        yield value


def passwords_in(value: t.Any) -> set[str]:
    """The passwords of the URLs in a value."""
    return {password for text in texts(value) for password in _dburl.passwords(text)}


def _shown(value: t.Any) -> str:
    if isinstance(value, (dict, list)) or _ini.has_line_break(scalar(value)):
        return json.dumps(value)
    return scalar(value)
