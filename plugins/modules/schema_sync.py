#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Bring the database schemas of a service to what its installed code needs."""

from __future__ import annotations

DOCUMENTATION = r"""
module: schema_sync
version_added: 0.1.0
short_description: Bring database schemas of an OpenStack service to the version of its code
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Compares the version that a database is at with the newest migrations of the installed code, and runs the service's
    own command (such as C(nova-manage api_db sync)) only where they differ.
  - The versions are read from the migration files and, by SQL, from the table in which Alembic keeps them. On a host
    where nothing is to be done no command of the service is started, which saves some seconds for each schema.
  - Schemas of one call are brought up two at a time. Two runs do not work on the same database at the same time.
  - After the command the versions are read again, and the task fails when they are still behind.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where the code, the configuration file or the database are not there yet, the change is predicted.
  diff_mode:
    support: full
  idempotent:
    support: full
options:
  name:
    description:
      - The service, for messages.
    type: str
    required: true
  schemas:
    description:
      - The schemas of the service.
    type: list
    elements: dict
    required: true
    suboptions:
      name:
        description:
          - Name of the schema, for messages and results. No two schemas of a call may have the same.
        type: str
        required: true
      migrations:
        description:
          - Directory of the Alembic migrations in the installed code. Migrations in the directories below it count too.
        type: path
        required: true
      config:
        description:
          - Configuration file of the service that holds the URL of the database.
          - Neither the module nor its results show the password in it.
        type: path
        required: true
      section:
        description:
          - Section of the configuration file that holds the URL.
        type: str
        default: database
      option:
        description:
          - Option that holds the URL. C(mysql) (MariaDB) and C(sqlite) are understood.
        type: str
        default: connection
      version_table:
        description:
          - Table in which Alembic keeps the version.
        type: str
        default: alembic_version
      command:
        description:
          - The command that brings this one schema up, as a list. It must bring up no other one.
        type: list
        elements: str
        required: true
      user:
        description:
          - Who runs the command. By default the user that runs the module.
        type: str
  timeout:
    description:
      - Seconds that the command of a schema may take, and seconds to wait for another run that works on the same
        database.
    type: int
    default: 900
requirements:
  - PyMySQL for MariaDB and MySQL, for the Python that runs the module (python3-pymysql)
  - Python 3.11
"""

EXAMPLES = r"""
- name: Bring up the schema of Keystone
  become: true
  scaleout.nova.schema_sync:
    name: keystone
    schemas:
      - name: keystone
        migrations: /usr/lib/python3/dist-packages/keystone/common/sql/migrations
        config: /etc/keystone/keystone.conf
        command: [keystone-manage, db_sync]
        user: keystone

- name: Bring up the schemas of Nova
  become: true
  scaleout.nova.schema_sync:
    name: nova
    schemas:
      - name: nova_api
        migrations: /usr/lib/python3/dist-packages/nova/db/api/migrations
        config: /etc/nova/nova.conf
        section: api_database
        command: [nova-manage, api_db, sync]
        user: nova
      - name: nova_cell0
        migrations: /usr/lib/python3/dist-packages/nova/db/main/migrations
        config: /etc/nova/nova.conf
        command: [nova-manage, db, sync, --local_cell]
        user: nova
"""

RETURN = r"""
schemas:
  description: What became of each schema, by its name.
  returned: success
  type: dict
  contains:
    changed:
      description: Whether the schema was brought up.
      type: bool
    before:
      description: The versions that it was at. None for a database without a schema.
      type: list
      elements: str
    after:
      description: The versions that it is at.
      type: list
      elements: str
    seconds:
      description: How long the command took. 0 where nothing was to be done.
      type: float
    reason:
      description: In check mode, what is not there yet, so that the change is only presumed. Otherwise empty.
      type: str
  sample:
    nova_api:
      changed: true
      before: []
      after: [b30f573d3377]
      seconds: 6.2
      reason: ''
"""

import ast
import concurrent.futures
import dataclasses
import os
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils import _dburl, _ini, _process

PARALLEL = 2
_ASSIGNMENT = re.compile(r"^(revision|down_revision|depends_on)[ \t]*(?::[^=\n]*)?=[ \t]*", re.MULTILINE)


class Failure(Exception):
    """What the user is told."""


class NotYet(Failure):
    """Something is missing that an earlier step of a deployment makes; check mode lets it pass."""


@dataclasses.dataclass
class Migrations:
    """The migrations of a schema in the installed code."""

    directory: str
    needs: dict[str, set[str]] = dataclasses.field(default_factory=dict)  # revision: those that come before it

    @property
    def heads(self) -> list[str]:
        """The revisions that no other one is built on."""
        return sorted(self.needs.keys() - set().union(*self.needs.values()))

    def reached(self, versions: t.Iterable[str]) -> set[str]:
        """All revisions that a database at these versions has gone through."""
        found: set[str] = set()
        waiting = list(versions)
        while waiting:
            revision = waiting.pop()
            if revision not in found:
                found.add(revision)
                waiting.extend(self.needs.get(revision, ()))
        return found


@dataclasses.dataclass
class Schema:
    """A schema and what is known of it."""

    name: str
    migrations: str
    config: str
    section: str
    option: str
    version_table: str
    command: list[str]
    user: str | None
    code: Migrations = dataclasses.field(default_factory=lambda: Migrations(""))
    url: _dburl.DatabaseUrl = dataclasses.field(init=False)  # known after observe()
    before: list[str] = dataclasses.field(default_factory=list)
    after: list[str] = dataclasses.field(default_factory=list)
    changed: bool = False
    seconds: float = 0.0
    reason: str = ""  # why it could not be read, in check mode


# --- what the code needs ---------------------------------------------------------------------------------------------


def read_migrations(directory: str) -> Migrations:
    """Read the revisions from the files of an Alembic environment, without importing them.

    :raises NotYet: when the directory is not there
    :raises Failure: when there is no migration in it, or one that cannot be read
    """
    if not os.path.isdir(directory):
        raise NotYet(f"the migrations {directory} do not exist: install the service first")
    found = Migrations(directory)
    versions = os.path.join(directory, "versions")
    for folder, subfolders, names in os.walk(versions if os.path.isdir(versions) else directory):
        subfolders[:] = [name for name in subfolders if name != "__pycache__"]
        for name in names:
            if name.endswith(".py"):
                _read_migration(os.path.join(folder, name), found)
    if not found.needs:
        raise Failure(f"there are no Alembic migrations in {directory}")
    return found


def _read_migration(path: str, found: Migrations) -> None:
    with open(path, encoding="utf-8") as stream:
        text = stream.read()
    values: dict[str, t.Any] = {}
    for match in _ASSIGNMENT.finditer(text):
        values.setdefault(match.group(1), _literal(text[match.end() :], path, match.group(1)))
    revision = values.get("revision")
    if not isinstance(revision, str):
        return  # a module that is no migration
    before: set[str] = set()
    for name in ("down_revision", "depends_on"):
        value = values.get(name)
        before.update([value] if isinstance(value, str) else value or ())
    found.needs[revision] = before


def _literal(text: str, path: str, name: str) -> t.Any:
    """The Python literal at the beginning of a text."""
    lines = text.splitlines()[:20]
    for count in range(1, len(lines) + 1):
        try:
            return ast.literal_eval("\n".join(lines[:count]))
        except (SyntaxError, ValueError):
            continue
    raise Failure(f"{name} in the migration {path} is not written as a constant")


# --- what the database is at -----------------------------------------------------------------------------------------


def read_url(schema: Schema) -> _dburl.DatabaseUrl:
    """The database that the service's configuration names."""
    place = f"[{schema.section}] {schema.option} in {schema.config}"
    try:
        value = _ini.get(_ini.load(schema.config), schema.section, schema.option)
    except FileNotFoundError:
        raise NotYet(f"{schema.config} does not exist: configure the service first") from None
    except OSError as error:
        raise Failure(f"{schema.config} cannot be read: {error.strerror}") from None
    except _ini.IniError as error:
        raise Failure(f"{place} cannot be read: {error}") from None
    if not value:
        raise NotYet(f"{place} is not set: it must be the URL of the database")
    try:
        return _dburl.parse_url(value)
    except _dburl.DatabaseError as error:
        raise Failure(f"{place} {error}") from None


def read_versions(database: _dburl.Database, schema: Schema) -> list[str]:
    """The rows of the version table; none where there is no such table."""
    try:
        return sorted(str(row[0]) for row in database.rows(f"SELECT version_num FROM {schema.version_table}"))
    except _dburl.NoTable:
        return []


def is_current(schema: Schema, versions: list[str]) -> bool:
    """Whether the code needs nothing that the database does not have.

    :raises Failure: when the database is ahead of the code
    """
    unknown = sorted(set(versions) - schema.code.needs.keys())
    if unknown:
        raise Failure(
            f"the {schema.url} is at version {', '.join(unknown)}, which the installed code ({schema.migrations}) "
            "does not know: it was brought up by a newer release"
        )
    return set(schema.code.heads) <= schema.code.reached(versions)


def observe(schema: Schema) -> None:
    """Fill in what the code needs and what the database is at."""
    schema.code = read_migrations(schema.migrations)
    schema.url = read_url(schema)
    try:
        with _dburl.connect(schema.url) as database:
            schema.before = read_versions(database, schema)
    except _dburl.Unreachable as error:
        raise NotYet(str(error)) from None
    except _dburl.DatabaseError as error:
        raise Failure(str(error)) from None
    schema.after = schema.before


# --- bringing it up --------------------------------------------------------------------------------------------------


def bring_up(schema: Schema, timeout: int) -> None:
    """Run the command, unless another run has done so while we waited for it."""
    purpose = f"schema of the {schema.url}"
    try:
        with _process.exclusive(purpose, timeout) as lock, _dburl.connect(schema.url) as database:
            if not database.lock(f"scaleout.nova.{schema.url.database}", timeout):
                raise Failure(f"another host has been working on the {purpose} for {timeout} s")
            versions = read_versions(database, schema)
            schema.before = schema.after = versions
            if is_current(schema, versions):
                return
            half_made = not versions and bool(database.tables())
            schema.changed = True
            ended = _process.run_as(schema.user, schema.command, timeout, keep_open=[lock])
            schema.seconds = round(ended.seconds, 1)
            schema.after = read_versions(database, schema)
    except (_process.ProcessError, _dburl.DatabaseError) as error:
        raise Failure(_dburl.mask(str(error))) from None
    if ended.code == 0 and is_current(schema, schema.after):
        return
    said = _dburl.conceal(ended.last_lines(), _dburl.variants(schema.url.password)) or "(nothing)"
    command = _dburl.mask(" ".join(schema.command))
    if half_made:
        said += (
            f"\nThe {schema.url} had tables but no version before, as after a first run that was cut off. "
            "If there is no data in it, drop and create the database, and run again."
        )
    if ended.code != 0:
        raise Failure(f"{command} failed with code {ended.code} on the {schema.url}; it said last:\n{said}")
    have, need = ", ".join(schema.after) or "no version", ", ".join(schema.code.heads)
    raise Failure(f"{command} ended well, but the {schema.url} is at {have} and not at {need}; it said last:\n{said}")


def bring_up_all(schemas: list[Schema], timeout: int) -> list[str]:
    """Bring up schemas, a few at a time.

    :returns: what went wrong
    """
    problems = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        tasks = {schema.name: pool.submit(bring_up, schema, timeout) for schema in schemas}
        for name, task in tasks.items():
            try:
                task.result()
            except Failure as error:
                problems.append(f"{name}: {error}")
    return problems


# --- the module ------------------------------------------------------------------------------------------------------


def run(module: AnsibleModule, schemas: list[Schema]) -> None:
    """Do what the parameters ask for."""
    names = [schema.name for schema in schemas]
    problems = [f"the schema {name} is given twice" for name in sorted(set(names)) if names.count(name) > 1]
    for schema in schemas:
        if not re.fullmatch(r"\w+", schema.version_table):
            problems.append(f"{schema.name}: {schema.version_table} cannot be the name of a version_table")
        if not schema.command:
            problems.append(f"{schema.name}: command is empty")
    behind = []
    for schema in schemas if not problems else []:
        try:
            observe(schema)
            if not is_current(schema, schema.before):
                behind.append(schema)
        except NotYet as error:
            if module.check_mode:
                schema.reason = str(error)
                behind.append(schema)
            else:
                problems.append(f"{schema.name}: {error}")
        except Failure as error:
            problems.append(f"{schema.name}: {error}")
    if problems:
        raise Failure(listed(problems))
    if module.check_mode:
        for schema in behind:
            schema.changed = True
            schema.after = schema.code.heads
    else:
        problems = bring_up_all(behind, module.params["timeout"])
        if problems:
            raise Failure(listed(problems))


def listed(problems: list[str]) -> str:
    """One problem as it is, several ones line by line."""
    return problems[0] if len(problems) == 1 else "".join(f"\n- {problem}" for problem in problems)


def versions_text(schemas: list[Schema], after: bool) -> str:
    lines = []
    for schema in schemas:
        versions = ", ".join(schema.after if after else schema.before)
        if not versions:
            versions = "(the newest version)" if after else "(no schema)"
        lines.append(f"{schema.name}: {versions}\n")
    return "".join(lines)


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "name": {"type": "str", "required": True},
            "schemas": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "options": {
                    "name": {"type": "str", "required": True},
                    "migrations": {"type": "path", "required": True},
                    "config": {"type": "path", "required": True},
                    "section": {"type": "str", "default": "database"},
                    "option": {"type": "str", "default": "connection"},
                    "version_table": {"type": "str", "default": "alembic_version"},
                    "command": {"type": "list", "elements": "str", "required": True},
                    "user": {"type": "str"},
                },
            },
            "timeout": {"type": "int", "default": 900},
        },
        supports_check_mode=True,
    )
    schemas = [Schema(**item) for item in module.params["schemas"]]
    try:
        run(module, schemas)
    except Failure as error:
        module.fail_json(msg=f"schema_sync of {module.params['name']}: {error}")
    changed = [schema for schema in schemas if schema.changed]
    header = f"schemas of {module.params['name']}"
    module.exit_json(
        changed=bool(changed),
        schemas={
            schema.name: {
                "changed": schema.changed,
                "before": schema.before,
                "after": schema.after,
                "seconds": schema.seconds,
                "reason": schema.reason,
            }
            for schema in schemas
        },
        diff={
            "before_header": header,
            "after_header": header,
            "before": versions_text(changed, after=False),
            "after": versions_text(changed, after=True),
        },
    )


if __name__ == "__main__":
    main()
