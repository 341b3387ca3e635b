# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Nova's cells and host mappings, read from the API database; written by nova-manage alone."""

from __future__ import annotations

import dataclasses
import os
import typing as t

from .. import _dburl, _ini, _process
from .errors import CloudError, listed, near

HOSTS = (
    "SELECT host_mappings.host, cell_mappings.name, cell_mappings.uuid FROM host_mappings"
    " JOIN cell_mappings ON host_mappings.cell_id = cell_mappings.id"
)
CELLS = "SELECT name, uuid, disabled FROM cell_mappings"
CELL0 = "00000000-0000-0000-0000-000000000000"
#: seconds for one nova-manage, which spends several of them on starting
NOVA_MANAGE_TIMEOUT = 300
PURPOSE = "nova host mappings"


class NotThereError(CloudError):
    """Nova is not set up on this controller yet: no configuration, no database, no schema."""


class BusyError(CloudError):
    """Another run holds the lock."""


@dataclasses.dataclass(frozen=True)
class Cell:
    """A cell as cell_mappings has it."""

    name: str
    uuid: str

    def __str__(self) -> str:
        return self.name or self.uuid


class Mappings:
    """The API database of a controller.

    :param config_files: as given to nova-manage, the last one that sets an option decides
    """

    def __init__(self, config_files: t.Sequence[str], nova_manage: str, user: str | None) -> None:
        self.config_files = list(config_files)
        self.nova_manage = nova_manage
        self.user = user

    def _connect(self) -> _dburl.Database:
        missing = [path for path in self.config_files if not os.path.exists(path)]
        if missing:
            raise NotThereError("There is no %s on this host: compute_hosts runs on a controller." % missing[0])
        files = " ".join(self.config_files)
        try:
            url = _ini.get(_ini.merge(*(_ini.load(path) for path in self.config_files)), "api_database", "connection")
        except (_ini.IniError, OSError) as error:
            raise CloudError("[api_database] connection cannot be read: %s." % error) from error
        if not url:
            raise CloudError("%s does not set [api_database] connection." % files)
        try:
            return _dburl.connect(_dburl.parse_url(url))
        except _dburl.Unreachable as error:
            raise NotThereError(
                "The host mappings cannot be read: %s ([api_database] of %s)." % (error, files)
            ) from error
        except _dburl.DatabaseError as error:
            raise CloudError("The host mappings cannot be read: %s ([api_database] of %s)." % (error, files)) from error

    def _rows(self, database: _dburl.Database, statement: str) -> list[tuple[t.Any, ...]]:
        try:
            return database.rows(statement)
        except _dburl.NoTable as error:
            raise NotThereError("The host mappings cannot be read: %s." % error) from error
        except _dburl.DatabaseError as error:
            raise CloudError("The host mappings cannot be read: %s." % error) from error

    def read(self) -> dict[str, Cell]:
        """Every host that is mapped, and its cell.

        :raises NotThereError: as on a controller that is not set up yet
        """
        with self._connect() as database:
            return self._read(database)

    def read_if_there(self) -> dict[str, Cell] | None:
        """The same; None on a host that is no controller, or may not read."""
        if not all(os.access(path, os.R_OK) for path in self.config_files):
            return None
        try:
            return self.read()
        except CloudError:
            return None

    def _read(self, database: _dburl.Database) -> dict[str, Cell]:
        return {str(host): Cell(str(name or ""), str(uuid)) for host, name, uuid in self._rows(database, HOSTS)}

    def cell(self, name: str) -> Cell:
        """The cell of that name, or UUID.

        :raises NotThereError: there is none at all besides cell0
        :raises CloudError: there is none of that name, or several
        """
        with self._connect() as database:
            cells = [Cell(str(row[0] or ""), str(row[1])) for row in self._rows(database, CELLS)]
        found = [cell for cell in cells if name in (cell.name, cell.uuid)]
        if len(found) == 1:
            if found[0].uuid == CELL0:
                raise CloudError("The cell '%s' (option cell) is cell0, which has no hosts." % name)
            return found[0]
        if found:
            uuids = listed(cell.uuid for cell in found)
            raise CloudError(
                "There are %d cells called '%s' (option cell): give a UUID (%s)." % (len(found), name, uuids)
            )
        names = [str(cell) for cell in cells]
        if not [cell for cell in cells if cell.uuid != CELL0]:
            raise NotThereError("There is no cell '%s' (option cell): Nova has no cells yet." % name)
        raise CloudError(
            "There is no cell '%s' (option cell); there are: %s%s." % (name, listed(names), near(name, names))
        )

    def discover(self, cell: Cell, hosts: t.Collection[str], timeout: float) -> dict[str, Cell]:
        """Have nova-manage map what is not mapped in the cell, unless somebody else did while we waited for our turn.

        One run at a time: on this host by a lock file that nova-manage inherits, among controllers by a lock of the
        database server.

        :param hosts: those that are wanted; nova-manage maps every service of the cell that it finds
        :param timeout: seconds to wait for the turn
        :returns: the mappings afterwards
        """
        try:
            with _process.exclusive(PURPOSE, timeout) as lock, self._connect() as database:
                if not database.lock("scaleout.nova " + PURPOSE, timeout):
                    raise BusyError("Another controller has been mapping hosts for %.0f s." % timeout)
                mappings = self._read(database)
                if all(host in mappings for host in hosts):
                    return mappings
                # by service, not by compute node: then it does not matter how far nova-compute is with its start
                command = [self.nova_manage]
                for path in self.config_files:
                    command += ["--config-file", path]
                command += ["cell_v2", "discover_hosts", "--cell_uuid", cell.uuid, "--by-service"]
                finished = _process.run_as(self.user, command, NOVA_MANAGE_TIMEOUT, keep_open=[lock])
                mappings = self._read(database)
                # 2: another discoverer (Nova's scheduler can be one) was faster with a host; the rest is tried again
                if finished.code not in (0, 2):
                    text = _dburl.mask(finished.last_lines(3)).replace("\n", " / ")
                    raise CloudError("nova-manage cell_v2 discover_hosts failed (%d): %s" % (finished.code, text))
                return mappings
        except _process.ProcessError as error:
            raise CloudError("The hosts could not be mapped: %s." % error) from error
