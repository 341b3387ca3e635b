# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The plan: steps in an order that Nova accepts, and everything that is wrong, before the first of them."""

from __future__ import annotations

import collections.abc as c

from .model import OWNER, Declaration, Facts, Observed, Plan


def plan(
    declaration: Declaration,
    observed: Observed,
    facts: Facts,
    scope: c.Iterable[str] | None = None,
    purge: bool = False,
    owner: str = OWNER,
) -> Plan:
    """What makes the cloud as declared.

    :param scope: hosts that may be moved; None for all that the facts name, or without facts all of the cloud
    :param purge: whether aggregates that carry the mark of the owner and are not declared are deleted
    :param owner: what aggregates that are created are marked with
    """
    raise NotImplementedError
