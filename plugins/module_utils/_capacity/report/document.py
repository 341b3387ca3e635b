# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The answer itself as JSON, with a line for each flavor, resource and host, which diffs and greps well."""

from __future__ import annotations

import json
import typing as t


def render(answer: t.Mapping[str, t.Any]) -> str:
    """The text, with a newline at its end."""
    encode = json.JSONEncoder(sort_keys=True).encode
    entries = [f"{encode(key)}: {_value(answer[key], encode)}" for key in sorted(answer)]
    return "{\n" + ",\n".join(entries) + "\n}\n"


def _value(value: t.Any, encode: t.Callable[[t.Any], str]) -> str:
    if not isinstance(value, dict) or not value:
        return encode(value)
    return "{\n" + ",\n".join(f"  {encode(key)}: {encode(value[key])}" for key in sorted(value)) + "\n}"
