# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The INI dialect: ours must read and write exactly what oslo.config reads."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from oslo_config import cfg

from ansible_collections.scaleout.nova.plugins.module_utils import _ini


def read_by_oslo(path: Path) -> _ini.Sections | None:
    """What oslo.config itself reads from a file; None when it refuses it."""
    sections: _ini.Sections = {}
    try:
        cfg.ConfigParser(str(path), sections).parse()
    except cfg.ParseError:
        return None
    return sections


def read_by_us(path: Path) -> _ini.Sections | None:
    try:
        return _ini.load(str(path))
    except _ini.IniError:
        return None


PIECES = [
    "[DEFAULT]", "[a b]", "[]", "[x", "k = v", "k=", "=v", "k : v", "k: a=b", "k = a:b", " more", "\tmore", "# c",
    "; c", "  # no comment", "", "   ", "novalue", 'k = "quoted "', "k = 'x'", 'k = "',
    "k = \"a'", "k = $x", "m = 1 # one",
]  # fmt: skip


@pytest.mark.parametrize("seed", range(40))
def test_reads_what_oslo_config_reads(tmp_path: Path, seed: int) -> None:
    pick = random.Random(seed)
    for number in range(25):
        path = tmp_path / f"{number}.conf"
        start = "[DEFAULT]\n" if pick.random() < 0.8 else ""
        path.write_text(start + "\n".join(pick.choices(PIECES, k=pick.randint(1, 7))) + pick.choice(["", "\n"]))
        assert read_by_us(path) == read_by_oslo(path), path.read_text()


VALUES = ["", "x", " x", "x ", '"x"', "'", '""', "a=b:c", "#x", "; x", "[x]", "a,b", "$$", "ü", "{}", "\t"]


def test_writes_what_oslo_config_reads(tmp_path: Path) -> None:
    sections = {"DEFAULT": {f"option_{n}": [value] for n, value in enumerate(VALUES)}, "multi": {"m": VALUES}}
    path = tmp_path / "x.conf"
    path.write_text(_ini.render(sections, ["a comment", "[no section]"]), encoding="utf-8")
    assert read_by_oslo(path) == sections
    assert _ini.load(str(path)) == sections


@pytest.mark.parametrize(
    "sections",
    [{"a": {"b": ["x\ny"]}}, {"a": {"b": ["x\r"]}}, {"a]": {"b": ["x"]}}, {"a": {"b=": ["x"]}}, {"": {"b": ["x"]}},
     {"a": {"b c": ["x"]}}, {"a": {"#b": ["x"]}}],
)  # fmt: skip
def test_refuses_to_write_what_would_be_read_as_something_else(sections: _ini.Sections) -> None:
    with pytest.raises(_ini.IniError):
        _ini.render(sections)


def test_errors_do_not_quote_the_line() -> None:
    with pytest.raises(_ini.IniError) as caught:
        _ini.parse("[DEFAULT]\nhunter2secret\n")
    assert "line 2" in str(caught.value)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    "value", ["plain", "a$$b", r"a\$b", "$name/x", "${name}x", "$other.name-", "x$", "$1", "$own", "100%"]
)
def test_substitutes_as_oslo_config_does(tmp_path: Path, value: str) -> None:
    path = tmp_path / "x.conf"
    path.write_text(f"[DEFAULT]\nname = N\n[other]\nname = O\n[db]\nown = W\nconnection = {value}\n")
    conf = cfg.ConfigOpts()
    conf.register_opts([cfg.StrOpt("name")])
    conf.register_opts([cfg.StrOpt("name")], group="other")
    conf.register_opts([cfg.StrOpt("own"), cfg.StrOpt("connection")], group="db")
    conf(["--config-file", str(path)], project="x")
    assert _ini.get(_ini.load(str(path)), "db", "connection") == conf.db.connection


def test_a_reference_to_nothing_and_to_itself() -> None:
    for value in ("pa$word", "$connection"):
        with pytest.raises(_ini.IniError, match="refers to"):
            _ini.get({"db": {"connection": [value]}}, "db", "connection")


def test_the_last_assignment_and_the_last_file_decide() -> None:
    first = _ini.parse("[db]\na = 1\na = 2\nb = 3\n")
    second = _ini.parse("[db]\nb = 4\n[x]\ny =\n")
    both = _ini.merge(first, second)
    assert (_ini.get(both, "db", "a"), _ini.get(both, "db", "b"), _ini.get(both, "x", "y")) == ("2", "4", "")
    assert _ini.get(both, "db", "nothing") is None
    assert first["db"]["b"] == ["3"]
