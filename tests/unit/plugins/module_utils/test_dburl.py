# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Database URLs: taken apart as SQLAlchemy does, and no password in any text."""

from __future__ import annotations

import sqlite3
import sys
import types
from collections.abc import Callable
from pathlib import Path

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils import _dburl

URL = "mysql+pymysql://no%40va:p%2Fss%40word@db.example:3307/nova_api?charset=utf8mb4&ssl_ca=/etc/ca.pem"


def test_parts_of_a_url() -> None:
    url = _dburl.parse_url(URL)
    assert (url.dialect, url.user, url.password) == ("mysql", "no@va", "p/ss@word")
    assert (url.host, url.port, url.database) == ("db.example", 3307, "nova_api")
    assert url.query == {"charset": "utf8mb4", "ssl_ca": "/etc/ca.pem"}


def test_defaults_and_ipv6() -> None:
    url = _dburl.parse_url("mysql://u:p@[fd00::1]/x")
    assert (url.host, url.port, url.database) == ("fd00::1", 3306, "x")
    assert _dburl.parse_url("mysql://u@h/x").password == ""


@pytest.mark.parametrize(
    "text", ["", "nonsense", "mysql://u:p@h", "mysql://u:p@h/", "mysql://u:p@h:port/x", "postgresql://u:p@h/x"]
)
def test_what_is_no_url_is_refused_without_its_password(text: str) -> None:
    with pytest.raises(_dburl.DatabaseError) as caught:
        _dburl.parse_url(text)
    assert "u:p@h" not in str(caught.value)


def test_descriptions_have_no_password() -> None:
    url = _dburl.parse_url(URL)
    assert "ss" not in repr(url).replace("ssl_ca", "")
    assert str(url) == "database nova_api on db.example port 3307 (as user no@va)"


def test_masks_every_password_of_a_text() -> None:
    text = "rabbit://a:one@h1:5672,b:two@h2/v and mysql://u:three@h/x and http://plain/"
    assert _dburl.mask(text) == "rabbit://a:***@h1:5672,b:***@h2/v and mysql://u:***@h/x and http://plain/"
    assert _dburl.passwords(text) == {"one", "two", "three"}
    assert _dburl.passwords("mysql://u:a%40b@h/x") == {"a%40b", "a@b"}


def test_conceals_secrets_outside_of_urls() -> None:
    assert _dburl.conceal("failed: a%40b or a@b, mysql://u:x@h/", {"a@b", "a%40b", ""}) == (
        "failed: *** or ***, mysql://u:***@h/"
    )


def test_reads_sqlite(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    url = _dburl.parse_url(f"sqlite:///{path}")
    with pytest.raises(_dburl.Unreachable, match="does not exist"):
        _dburl.connect(url)
    assert not path.exists()
    with sqlite3.connect(path) as made:
        made.execute("CREATE TABLE t (a)")
        made.execute("INSERT INTO t VALUES (1)")
    with _dburl.connect(url) as database:
        assert database.rows("SELECT a FROM t") == [(1,)]
        assert database.tables() == ["t"]
        with pytest.raises(_dburl.NoTable):
            database.rows("SELECT a FROM other")
        with pytest.raises(_dburl.DatabaseError):
            database.rows("INSERT INTO t VALUES (2)")


class DriverError(Exception):
    """pymysql.err.OperationalError, as far as we look at it."""


@pytest.fixture
def answer(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """answer(code, text): what the driver says to an attempt to connect."""

    def make(*arguments: object) -> None:
        def connect(**options: object) -> None:
            assert options["password"] == "secretpw"
            raise DriverError(*arguments)

        errors = types.SimpleNamespace(OperationalError=DriverError, Error=DriverError)
        monkeypatch.setitem(sys.modules, "pymysql", types.SimpleNamespace(connect=connect, err=errors))  # type: ignore[arg-type]

    return make


NOVA = _dburl.parse_url("mysql+pymysql://nova:secretpw@127.0.0.1/nova_api")


@pytest.mark.parametrize(
    ("code", "text", "message"),
    [
        (
            2003,
            "Can't connect (secretpw)",
            r"on 127.0.0.1 port 3306 \(as user nova\) is not reachable: .*\*\*\*",
        ),
        (1049, "Unknown database", "nova_api on 127.0.0.1 port 3306 .* does not exist"),
        (1045, "Access denied for secretpw", "is refused: Access denied for \\*\\*\\*"),
    ],
)
def test_says_why_a_database_cannot_be_read(answer: Callable[..., None], code: int, text: str, message: str) -> None:
    answer(code, text)
    with pytest.raises(_dburl.Unreachable, match=message) as caught:
        _dburl.connect(NOVA)
    assert "secretpw" not in str(caught.value)


def test_without_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pymysql", None)  # type: ignore[arg-type]
    with pytest.raises(_dburl.NoDriver, match="python3-pymysql is not installed"):
        _dburl.connect(NOVA)
