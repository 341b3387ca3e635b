# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A list of dictionaries as a table that reads well on a terminal."""

from __future__ import annotations

DOCUMENTATION = r"""
name: table
short_description: A list of dictionaries as a text table
version_added: 0.1.0
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Makes a table of aligned columns, one line for each dictionary, with a line of headings on top.
  - Columns in which all values are numbers are aligned to the right.
options:
  _input:
    description: The rows.
    type: list
    elements: dict
    required: true
  columns:
    description:
      - The keys to show, in this order.
      - A dictionary of key and heading gives them headings. Otherwise a heading is the key with spaces for underscores.
      - By default all keys of the first row.
    type: raw
  missing:
    description: What stands for a value that is null or not there.
    type: str
    default: "-"
"""

EXAMPLES = r"""
- name: Show what was found
  ansible.builtin.debug:
    msg: "{{ [{'host': 'cpu1', 'guests': 3}, {'host': 'cpu2', 'guests': 12}] | scaleout.nova.table }}"
  # host  guests
  # cpu1       3
  # cpu2      12
"""

RETURN = r"""
_value:
  description: The table, without a newline at its end. An empty list gives an empty string.
  type: str
"""

import collections.abc as c
import typing as t

from ansible.errors import AnsibleFilterError


def table(rows: t.Any, columns: t.Any = None, missing: str = "-") -> str:
    """Return the rows as a text table.

    :param rows: list of dictionaries
    :param columns: list of keys, or dictionary of key to heading; by default the keys of the first row
    :param missing: what stands for null
    :raises AnsibleFilterError: the rows are not a list of dictionaries, or the columns not a list or dictionary
    """
    if isinstance(rows, (str, c.Mapping)) or not isinstance(rows, c.Iterable):
        raise AnsibleFilterError(f"table wants a list of dictionaries, not {type(rows).__name__}")
    rows = list(rows)
    for number, row in enumerate(rows, start=1):
        if not isinstance(row, c.Mapping):
            raise AnsibleFilterError(
                f"table wants a list of dictionaries, and its item {number} is {type(row).__name__}"
            )
    if not rows:
        return ""
    if columns is None:
        columns = list(rows[0])
    if isinstance(columns, str) or not isinstance(columns, (c.Mapping, c.Sequence)):
        raise AnsibleFilterError(f"the columns of table are a list or a dictionary, not {type(columns).__name__}")
    headings = columns if isinstance(columns, c.Mapping) else {key: str(key).replace("_", " ") for key in columns}

    lines: list[list[str]] = [[str(heading)] for heading in headings.values()]
    for cells, key in zip(lines, headings, strict=True):
        values = [row.get(key) for row in rows]
        texts = [missing if value is None else str(value) for value in values]
        numbers = all(value is None or _is_number(value) for value in values) and any(
            value is not None for value in values
        )
        width = max(map(len, [cells[0], *texts]))
        cells[:] = [text.rjust(width) if numbers else text.ljust(width) for text in [cells[0], *texts]]
    return "\n".join("  ".join(cells).rstrip() for cells in zip(*lines, strict=True))


def _is_number(value: t.Any) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


class FilterModule:
    """The filter under its name."""

    def filters(self) -> dict[str, t.Callable[..., t.Any]]:
        return {"table": table}
