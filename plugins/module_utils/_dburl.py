# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Read a database through the SQLAlchemy URL of a service's configuration file, without SQLAlchemy.

Passwords stay inside: no message, no `repr` and no description holds one.
"""

from __future__ import annotations

import dataclasses
import importlib
import os
import re
import sqlite3
import typing as t
from urllib.parse import parse_qsl, quote, unquote

CONNECT_TIMEOUT = 10  # seconds

# user:password@ of the first host and of the further ones (oslo.messaging: u:p@host1,u:p@host2)
_CREDENTIALS = re.compile(r"((?:://|,)[^:/@,\s]*:)([^@/\s]*)(?=@)")

_URL = re.compile(r"(?P<scheme>[a-z0-9]+)(?:\+[a-z0-9_]+)?://(?P<netloc>[^/]*)/(?P<path>[^?]*)(?:\?(?P<query>.*))?$")
_TLS_OPTIONS = ("ssl_ca", "ssl_capath", "ssl_cert", "ssl_key", "ssl_cipher")  # of SQLAlchemy's dialects for MySQL

# error codes of MySQL and MariaDB
_NO_SUCH_TABLE = 1146
_NO_SUCH_DATABASE = 1049
_DENIED = (1044, 1045, 1698)


class DatabaseError(Exception):
    """The database cannot be read; the message says which one and why, in words for the operator."""


class Unreachable(DatabaseError):
    """No server, no such database, or it does not let us in: as before the database has been created."""


class NoTable(DatabaseError):
    """The database is there, the table is not: no schema yet."""


class NoDriver(DatabaseError):
    """The Python library for this kind of database is not installed."""


def mask(text: str) -> str:
    """The text with the passwords of the URLs in it replaced by `***`."""
    return _CREDENTIALS.sub(r"\1***", text)


def passwords(text: str) -> set[str]:
    """The passwords of the URLs in a text, as they are written there, decoded and encoded."""
    found: set[str] = set()
    for match in _CREDENTIALS.finditer(text):
        if match.group(2):
            found.update({match.group(2)} | variants(unquote(match.group(2))))
    return found


def variants(password: str) -> set[str]:
    """A password as it is, and as it is written in a URL."""
    return {password, quote(password, safe="")} - {""}


def conceal(text: str, secrets: t.Iterable[str]) -> str:
    """The text with URL passwords and these secrets replaced by `***`."""
    for secret in sorted((secret for secret in secrets if secret), key=len, reverse=True):
        text = text.replace(secret, "***")
    return mask(text)


@dataclasses.dataclass(frozen=True)
class DatabaseUrl:
    """A SQLAlchemy URL, taken apart."""

    dialect: str
    user: str
    password: str = dataclasses.field(repr=False)
    host: str
    port: int
    database: str
    query: dict[str, str] = dataclasses.field(default_factory=dict)

    def __str__(self) -> str:
        if self.dialect == "sqlite":
            return f"database {self.database}"
        where = self.query.get("unix_socket") or f"{self.host} port {self.port}"
        return f"database {self.database} on {where} (as user {self.user})"


def parse_url(url: str) -> DatabaseUrl:
    """Take apart `mysql+pymysql://user:password@host:port/name?options` or `sqlite:////path`.

    :raises DatabaseError: when it is no such URL
    """
    found = _URL.match(url)
    if found is None:
        raise DatabaseError("is not a database URL like mysql+pymysql://user:password@host/name")
    scheme = found.group("scheme")
    query = dict(parse_qsl(found.group("query") or ""))
    if scheme == "sqlite":
        return DatabaseUrl("sqlite", "", "", "", 0, unquote(found.group("path")), query)
    if scheme not in ("mysql", "mariadb"):
        raise DatabaseError(f"is a URL of {scheme}: only mysql (MariaDB) and sqlite can be read")
    credentials, _at, address = found.group("netloc").rpartition("@")
    user, _colon, password = credentials.partition(":")
    place = re.match(r"(?:\[(?P<ipv6>[^\]]*)\]|(?P<host>[^:]*))(?::(?P<port>\d+))?$", address)
    if place is None or not found.group("path"):
        raise DatabaseError("is not a database URL like mysql+pymysql://user:password@host/name")
    host = place.group("ipv6") or place.group("host") or "localhost"
    port = int(place.group("port") or 3306)
    return DatabaseUrl("mysql", unquote(user), unquote(password), host, port, unquote(found.group("path")), query)


class Database:
    """An open connection for reading. Use as a context manager."""

    def __init__(self, url: DatabaseUrl, connection: t.Any, driver: t.Any) -> None:
        self.url = url
        self._connection = connection
        self._driver = driver

    def __enter__(self) -> Database:
        return self

    def __exit__(self, *_exc: object) -> None:
        self._connection.close()

    def rows(self, statement: str) -> list[tuple[t.Any, ...]]:
        """What a SELECT gives, read in a transaction of its own.

        :raises NoTable: when the table is not there
        :raises DatabaseError: for any other error
        """
        try:
            cursor = self._connection.cursor()
            try:
                cursor.execute(statement)
                return [tuple(row) for row in cursor.fetchall()]
            finally:
                cursor.close()
                self._connection.rollback()
        except self._driver.Error as error:
            code = error.args[0] if error.args else None
            if code == _NO_SUCH_TABLE or "no such table" in str(error):
                raise NoTable(f"the {self.url} has no such table") from None
            raise DatabaseError(f"the {self.url} could not be read: {_reason(error)}") from None

    def tables(self) -> list[str]:
        """Names of the tables."""
        sqlite = "SELECT name FROM sqlite_master WHERE type = 'table'"
        return sorted(str(row[0]) for row in self.rows("SHOW TABLES" if self.url.dialect == "mysql" else sqlite))

    def lock(self, name: str, timeout: float) -> bool:
        """Take a named lock of the server, which lasts as long as the connection; sqlite has none and needs none.

        :returns: False when another connection kept it for the whole time (s)
        """
        if self.url.dialect != "mysql":
            return True
        with self._connection.cursor() as cursor:
            cursor.execute("SELECT GET_LOCK(%s, %s)", (name[:64], max(0, int(timeout))))
            row = cursor.fetchone()
        return bool(row and row[0] == 1)


def connect(url: DatabaseUrl) -> Database:
    """Open a connection.

    :raises Unreachable: when there is no server, no such database or no access
    :raises NoDriver: when PyMySQL is not installed
    """
    if url.dialect == "sqlite":
        return _connect_sqlite(url)
    try:
        pymysql = importlib.import_module("pymysql")
    except ImportError:
        raise NoDriver(f"the {url} cannot be read: python3-pymysql is not installed on this host") from None
    tls: dict[str, t.Any] = {key[4:]: value for key, value in url.query.items() if key in _TLS_OPTIONS}
    if tls and "ssl_check_hostname" in url.query:
        tls["check_hostname"] = url.query["ssl_check_hostname"].lower() in ("1", "true", "yes")
    try:
        connection = pymysql.connect(
            host=url.host,
            port=url.port,
            user=url.user,
            password=url.password,
            database=url.database,
            unix_socket=url.query.get("unix_socket"),
            charset="utf8mb4",
            ssl=tls or None,
            connect_timeout=CONNECT_TIMEOUT,
        )
    except pymysql.err.OperationalError as error:
        code = error.args[0] if error.args else None
        if code == _NO_SUCH_DATABASE:
            raise Unreachable(f"the {url} does not exist") from None
        if code in _DENIED:
            raise Unreachable(f"the {url} is refused: {conceal(_reason(error), [url.password])}") from None
        raise Unreachable(f"the {url} is not reachable: {conceal(_reason(error), [url.password])}") from None
    except (pymysql.err.Error, OSError, ValueError, RuntimeError) as error:
        raise DatabaseError(f"the {url} cannot be opened: {conceal(_reason(error), [url.password])}") from None
    return Database(url, connection, pymysql)


def _connect_sqlite(url: DatabaseUrl) -> Database:
    path = url.database if os.path.isabs(url.database) else os.path.abspath(url.database)
    if not os.path.exists(path):
        raise Unreachable(f"the {url} does not exist")
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=CONNECT_TIMEOUT)
    except sqlite3.Error as error:
        raise Unreachable(f"the {url} is not reachable: {error}") from None
    return Database(url, connection, sqlite3)


def _reason(error: Exception) -> str:
    """The text of a driver's error without its number."""
    parts = [str(part) for part in error.args if not isinstance(part, int)]
    return "; ".join(parts) or type(error).__name__
