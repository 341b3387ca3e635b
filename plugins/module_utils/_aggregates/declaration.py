# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The declaration of the values of YAML."""

from __future__ import annotations

import collections.abc as c
import typing as t

from .model import Declaration, Needs


def parse(data: c.Mapping[str, t.Any]) -> Declaration:
    """The declaration of ``{"aggregates": [...], "exactly_one_of": [...]}``.

    :raises AggregatesError: names the path of the first bad value: ``aggregates[2] (ssd).goal.share``
    """
    raise NotImplementedError


def needs(declaration: Declaration) -> Needs:
    """What has to be read of the hosts."""
    raise NotImplementedError
