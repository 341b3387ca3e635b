#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make the cell mappings of Nova agree with the configuration files of its cells."""

from __future__ import annotations

DOCUMENTATION = r"""
module: nova_cells
version_added: 0.1.0
short_description: Map the cells of Nova
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Makes sure that cell0 and the given cells are mapped in Nova's API database, with the database and the message queue
    that the configuration file of each cell names.
  - Reads the mappings by SQL and changes them through C(nova-manage), which is started only when there is something to
    change. No password is on a command line, in the results or in a diff.
  - The mapping of cell0 is stored as a template without secrets, which each service fills in with the credentials of
    its own C([database] connection).
  - Cells that are not given are left alone. No cell is deleted, and the name of a cell does not change.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where the configuration, the database or its schema are not there yet, all the cells are predicted to be mapped.
  diff_mode:
    support: full
    details:
      - Passwords are not shown, but it is said whether they change.
  idempotent:
    support: full
options:
  config_file:
    description:
      - Configuration file of the Nova API. It holds C([api_database] connection), and C([database] connection) with the
        user, password and host of the database of cell0.
    type: path
    default: /etc/nova/nova.conf
  cells:
    description:
      - The cells besides cell0.
    type: list
    elements: dict
    default: []
    suboptions:
      name:
        description:
          - Name of the cell.
        type: str
        required: true
      config_file:
        description:
          - Configuration file of the cell, with C([database] connection) and C(transport_url). It is read on top of
            O(config_file), as Nova does with two C(--config-file).
        type: path
        required: true
  cell0_database:
    description:
      - Name of the database of cell0.
    type: str
    default: nova_cell0
  user:
    description:
      - Who runs C(nova-manage). It must be able to read the configuration files.
    type: str
    default: nova
  timeout:
    description:
      - Seconds that one call of C(nova-manage) may take, and seconds to wait for another run that maps cells.
    type: int
    default: 300
requirements:
  - C(nova-manage)
  - PyMySQL, for the Python that runs the module (python3-pymysql)
  - Python 3.11
seealso:
  - name: Cells (v2) of Nova
    description: What a cell mapping is.
    link: https://docs.openstack.org/nova/latest/admin/cells.html
"""

EXAMPLES = r"""
- name: Map cell0 and cell1
  become: true
  scaleout.nova.nova_cells:
    cells:
      - name: cell1
        config_file: /etc/nova/nova-cell1.conf
"""

RETURN = r"""
cells:
  description: The cells that were asked for, cell0 first.
  returned: success
  type: list
  elements: dict
  contains:
    name:
      description: Name of the cell.
      type: str
      sample: cell1
    uuid:
      description:
        - Its UUID, which C(nova-manage cell_v2 discover_hosts) takes.
        - Empty in check mode for a cell that is to be mapped.
      type: str
      sample: 5e0f4a0e-1b4f-4e8e-9d3c-6a3f0e7a2a11
created:
  description: Names of the cells that were mapped.
  returned: success
  type: list
  elements: str
updated:
  description: Names of the cells whose database or message queue was corrected.
  returned: success
  type: list
  elements: str
"""

import concurrent.futures
import dataclasses
import typing as t
from urllib.parse import urlsplit

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils import _dburl, _ini, _process

CELL0 = "cell0"
CELL0_UUID = "00000000-0000-0000-0000-000000000000"
NO_QUEUE = "none:///"
PARALLEL = 2
COLUMNS = "uuid, name, transport_url, database_connection"


class Failure(Exception):
    """What the user is told."""


class NotYet(Failure):
    """Something is missing that an earlier step of a deployment makes; check mode lets it pass."""


@dataclasses.dataclass(frozen=True)
class Mapping:
    """A row of cell_mappings, its templates filled in."""

    uuid: str
    name: str | None
    transport_url: str = dataclasses.field(repr=False)
    database: str = dataclasses.field(repr=False)


@dataclasses.dataclass
class Cell:
    """A cell that must be mapped."""

    name: str
    config_files: list[str]
    transport_url: str = dataclasses.field(default="", repr=False)
    database: str = dataclasses.field(default="", repr=False)
    template: str = ""  # cell0: what is stored in place of the URL of the database
    known: bool = True  # False in check mode, as long as its configuration is not there
    found: Mapping | None = None

    @property
    def is_mapped(self) -> bool:
        if self.found is None:
            return False
        have = (self.found.transport_url, self.found.database)
        return not self.known or have == (self.transport_url, self.database)


# --- URLs ------------------------------------------------------------------------------------------------------------


def fill_in(template: str, url: str) -> str:
    """A stored URL as Nova uses it: a template takes its parts from the configured URL (CellMapping._format_url)."""
    if "{" not in template:
        return template
    parts = urlsplit(url)
    values: dict[str, t.Any] = {
        "username": parts.username,
        "password": parts.password,
        "hostname": parts.hostname,
        "scheme": parts.scheme,
        "query": parts.query,
        "fragment": parts.fragment,
        "path": parts.path.lstrip("/"),
    }
    try:
        values["port"] = parts.port
        _further_hosts(parts.netloc, values)
        return template.format(**values)
    except (KeyError, IndexError, ValueError):
        return template


def _further_hosts(netloc: str, values: dict[str, t.Any]) -> None:
    """username1, password1 and so on of a URL with several hosts (CellMapping._parse_netloc)."""
    if "," not in netloc:
        return
    for index, item in enumerate(netloc.split(","), start=1):
        credentials, _at, address = item.rpartition("@")
        user, _colon, password = credentials.partition(":")
        host, _colon, port = address.rpartition(":") if ":" in address else (address, "", None)
        values.update(
            {f"username{index}": user, f"password{index}": password, f"hostname{index}": host, f"port{index}": port}
        )


def cell0_template(url: str, database: str) -> str:
    """The template that gives the database of cell0 in the place of the one that a URL names."""
    parts = urlsplit(url)
    if not parts.hostname:
        raise Failure("[database] connection has no host: a database on a server is needed for cell0")
    credentials = "{username}:{password}@" if parts.password else "{username}@" if parts.username else ""
    host = "[{hostname}]" if ":" in parts.hostname else "{hostname}"
    port = ":{port}" if parts.port else ""
    return f"{{scheme}}://{credentials}{host}{port}/{database}" + ("?{query}" if parts.query else "")


# --- what is wanted --------------------------------------------------------------------------------------------------


def load(path: str) -> _ini.Sections:
    try:
        return _ini.load(path)
    except FileNotFoundError:
        raise NotYet(f"{path} does not exist: configure Nova first") from None
    except OSError as error:
        raise Failure(f"{path} cannot be read: {error.strerror}") from None
    except _ini.IniError as error:
        raise Failure(str(error)) from None


def setting(sections: _ini.Sections, section: str, option: str, files: list[str]) -> str:
    place = f"[{section}] {option} in {' and '.join(files)}"
    try:
        value = _ini.get(sections, section, option)
    except _ini.IniError as error:
        raise Failure(f"{place} cannot be read: {error}") from None
    if not value:
        raise NotYet(f"{place} is not set")
    return value


def wanted_cell(config_file: str, item: dict[str, str]) -> Cell:
    """What the configuration of a cell says."""
    files = [config_file, item["config_file"]]
    both = _ini.merge(load(config_file), load(item["config_file"]))
    queue = setting(both, "DEFAULT", "transport_url", files)
    return Cell(item["name"], files, queue, setting(both, "database", "connection", files))


def wanted_cell0(config_file: str, database: str) -> Cell:
    """What the configuration of the API says of cell0."""
    url = setting(load(config_file), "database", "connection", [config_file])
    template = cell0_template(url, database)
    return Cell(CELL0, [config_file], NO_QUEUE, fill_in(template, url), template)


def wanted(params: dict[str, t.Any], check_mode: bool) -> list[Cell]:
    """What the configuration files say. In check mode they need not all be there."""
    config_file = params["config_file"]
    cells = []
    for item in [{"name": CELL0}, *params["cells"]]:
        try:
            if item["name"] == CELL0:
                cells.append(wanted_cell0(config_file, params["cell0_database"]))
            else:
                cells.append(wanted_cell(config_file, item))
        except NotYet:
            if not check_mode:
                raise
            cells.append(Cell(item["name"], [config_file], known=False))
    return cells


# --- what is there ---------------------------------------------------------------------------------------------------


def mappings(config_file: str) -> list[Mapping]:
    """The rows of cell_mappings."""
    top = load(config_file)
    api = setting(top, "api_database", "connection", [config_file])
    connection = _ini.get(top, "database", "connection") or ""
    queue = _ini.get(top, "DEFAULT", "transport_url") or ""
    try:
        url = _dburl.parse_url(api)
    except _dburl.DatabaseError as error:
        raise Failure(f"[api_database] connection in {config_file} {error}") from None
    try:
        with _dburl.connect(url) as database:
            rows = database.rows(f"SELECT {COLUMNS} FROM cell_mappings ORDER BY id")
    except _dburl.NoTable:
        raise NotYet(f"the {url} has no schema yet: bring it up first (nova-manage api_db sync)") from None
    except _dburl.Unreachable as error:
        raise NotYet(str(error)) from None
    except _dburl.DatabaseError as error:
        raise Failure(str(error)) from None
    found = []
    for uuid, name, transport_url, database_connection in rows:
        if uuid == CELL0_UUID and str(transport_url).startswith("none:"):
            transport_url = NO_QUEUE
        found.append(
            Mapping(uuid, name, fill_in(transport_url or "", queue), fill_in(database_connection or "", connection))
        )
    return found


def match(cells: list[Cell], rows: list[Mapping]) -> None:
    """Find the mapping of each cell.

    :raises Failure: for a name that is there twice, and for a database or queue that belongs to another cell
    """
    for cell in cells:
        same = [row for row in rows if (row.uuid == CELL0_UUID if cell.name == CELL0 else row.name == cell.name)]
        if len(same) > 1:
            raise Failure(f"{len(same)} cells have the name {cell.name}: {', '.join(row.uuid for row in same)}")
        cell.found = same[0] if same else None
    planned = {cell.found.uuid for cell in cells if cell.found}
    others = [row for row in rows if row.uuid not in planned]
    for cell in cells:
        for row in others if cell.known else []:
            _check_shared(cell, row.name or "without a name", row.uuid, row.transport_url, row.database)
        for other in cells:
            if other is not cell and cell.known and not (cell.is_mapped and other.is_mapped):
                _check_shared(cell, other.name, "to be mapped too", other.transport_url, other.database)


def _check_shared(cell: Cell, name: str, uuid: str, transport_url: str, database: str) -> None:
    """Refuse what nova-manage refuses."""
    if cell.database == database:
        raise Failure(f"the database of {cell.name}, {_dburl.mask(database)}, is that of the cell {name} ({uuid})")
    if cell.transport_url == transport_url:
        queue = _dburl.mask(transport_url)
        raise Failure(f"the message queue of {cell.name}, {queue}, is that of the cell {name} ({uuid})")


# --- mapping ---------------------------------------------------------------------------------------------------------


def command(cell: Cell) -> list[str]:
    """How nova-manage is called; the secrets stay in the configuration files."""
    files = [argument for path in cell.config_files for argument in ("--config-file", path)]
    start = ["nova-manage", *files, "cell_v2"]
    if cell.name == CELL0 and cell.found is None:
        return [*start, "map_cell0", "--database_connection", cell.template]
    if cell.found is None:
        return [*start, "create_cell", "--name", cell.name]
    update = [*start, "update_cell", "--cell_uuid", cell.found.uuid]
    if cell.name == CELL0:
        # Left out, the URLs would become those of the configuration file.
        update += ["--database_connection", cell.template, "--transport-url", NO_QUEUE]
    return update


def apply(cells: list[Cell], user: str, timeout: int, secrets: set[str], lock: int) -> None:
    """Map or correct the cells, a few at a time."""

    def change(cell: Cell) -> None:
        argv = command(cell)
        ended = _process.run_as(user, argv, timeout, keep_open=[lock])
        if ended.code != 0:
            said = _dburl.conceal(ended.last_lines(), secrets) or "(nothing)"
            raise Failure(f"{' '.join(argv)} failed with code {ended.code}; it said last:\n{said}")

    with concurrent.futures.ThreadPoolExecutor(max_workers=PARALLEL) as pool:
        for task in [pool.submit(change, cell) for cell in cells]:
            task.result()


# --- the module ------------------------------------------------------------------------------------------------------


def run(module: AnsibleModule, changes: list[tuple[Cell, Mapping | None]]) -> list[Cell]:
    """Do what the parameters ask for.

    :param changes: filled with the cells to change and their mappings before
    :returns: the cells, with their mappings after
    """
    params = module.params
    names = [CELL0, *(item["name"] for item in params["cells"])]
    for name in names:
        if names.count(name) > 1:
            raise Failure(f"the cell {name} is given twice" if name != CELL0 else "cell0 needs not be given in cells")
    config_file = params["config_file"]
    cells = wanted(params, module.check_mode)
    try:
        rows = mappings(config_file)
    except NotYet:
        if not module.check_mode:
            raise
        rows = []
    match(cells, rows)
    pending = [cell for cell in cells if not cell.is_mapped]
    if module.check_mode or not pending:
        changes.extend((cell, cell.found) for cell in pending)
        return cells
    secrets = secrets_of(cells)
    try:
        with _process.exclusive(f"the cell mappings of {config_file}", params["timeout"]) as lock:
            match(cells, mappings(config_file))  # another run may have mapped them while we waited
            pending = [cell for cell in cells if not cell.is_mapped]
            changes.extend((cell, cell.found) for cell in pending)
            apply(pending, params["user"], params["timeout"], secrets, lock)
    except _process.ProcessError as error:
        raise Failure(str(error)) from None
    match(cells, mappings(config_file))
    wrong = [cell.name for cell in cells if not cell.is_mapped]
    if wrong:
        raise Failure(
            f"nova-manage ended well, but the mapping of {', '.join(wrong)} is not what its configuration says"
        )
    return cells


def secrets_of(cells: list[Cell]) -> set[str]:
    """The passwords of all URLs in the configuration files."""
    files = {path for cell in cells for path in cell.config_files}
    return set().union(*(_dburl.passwords(str(load(path))) for path in files))


def diff_of(changes: list[tuple[Cell, Mapping | None]]) -> dict[str, str]:
    """Before and after, without passwords."""
    before, after = [], []
    for cell, found in changes:
        have = {"transport_url": found.transport_url, "database": found.database} if found else {}
        for key, value in (("transport_url", cell.transport_url), ("database", cell.database)):
            masked = _dburl.mask(value) if value else "(as its configuration file will say)"
            if key in have:
                shown = _dburl.mask(have[key])
                before.append(f"{cell.name}: {key} = {shown}\n")
                masked += " (another password)" if shown == masked and have[key] != value else ""
            after.append(f"{cell.name}: {key} = {masked}\n")
    return {
        "before_header": "cell mappings",
        "after_header": "cell mappings",
        "before": "".join(before),
        "after": "".join(after),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "config_file": {"type": "path", "default": "/etc/nova/nova.conf"},
            "cells": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "config_file": {"type": "path", "required": True},
                },
            },
            "cell0_database": {"type": "str", "default": "nova_cell0"},
            "user": {"type": "str", "default": "nova"},
            "timeout": {"type": "int", "default": 300},
        },
        supports_check_mode=True,
    )
    changes: list[tuple[Cell, Mapping | None]] = []
    try:
        cells = run(module, changes)
    except Failure as error:
        module.fail_json(msg=f"nova_cells: {error}")
    module.exit_json(
        changed=bool(changes),
        cells=[{"name": cell.name, "uuid": cell.found.uuid if cell.found else ""} for cell in cells],
        created=[cell.name for cell, found in changes if found is None],
        updated=[cell.name for cell, found in changes if found is not None],
        diff=diff_of(changes),
    )


if __name__ == "__main__":
    main()
