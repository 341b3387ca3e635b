# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Placement's API in types."""

from __future__ import annotations

import typing as t

from .errors import NotFoundError
from .rest import Service
from .session import Cloud


class Placement(Service):
    """The placement API. The microversion 1.29 came with Rocky."""

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "placement", "1.29")

    def inventories(self, provider: str) -> dict[str, dict[str, t.Any]] | None:
        """The inventories of one provider by resource class, None when there is no such provider."""
        try:
            body = self.get("/resource_providers/%s/inventories" % provider)
        except NotFoundError:
            return None
        return t.cast("dict[str, dict[str, t.Any]]", body["inventories"])
