# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import pytest
from ansible.errors import AnsibleFilterError

from ansible_collections.scaleout.nova.plugins.filter.table import table

ROWS = [{"host": "cpu1", "free_ram": 3, "note": None}, {"host": "cpu20", "free_ram": 12.5, "note": "full"}]


def test_columns_are_aligned_numbers_to_the_right() -> None:
    assert table(ROWS).splitlines() == [
        "host   free ram  note",
        "cpu1          3  -",
        "cpu20      12.5  full",
    ]


def test_columns_choose_order_and_headings() -> None:
    assert table(ROWS, {"note": "why", "host": "where"}, missing="?") == "why   where\n?     cpu1\nfull  cpu20"


def test_a_column_that_no_row_has() -> None:
    assert table([{"a": 1}], ["a", "b"]) == "a  b\n1  -"


def test_nothing_is_an_empty_text() -> None:
    assert table([]) == ""


@pytest.mark.parametrize(
    ("rows", "columns", "message"),
    [
        ({"a": 1}, None, "list of dictionaries, not dict"),
        ("text", None, "not str"),
        ([{"a": 1}, 2], None, "its item 2 is int"),
        ([{"a": 1}], "a", "columns of table"),
    ],
)
def test_bad_input_is_named(rows: object, columns: object, message: str) -> None:
    with pytest.raises(AnsibleFilterError, match=message):
        table(rows, columns)
