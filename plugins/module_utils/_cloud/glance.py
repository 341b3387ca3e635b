# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Glance's API, as far as images have to be found."""

from __future__ import annotations

import typing as t

from .errors import CloudError, NotFoundError, listed, near
from .rest import Service
from .session import Cloud
from .shapes import NAME, STRING, Answers, Maybe, Row, Rows

# an image need not have a name
_IMAGE = {"id": NAME, "name": Maybe(STRING), "status": Maybe(STRING)}


class Glance(Service):
    """The image API, version 2."""

    ANSWERS: t.ClassVar[Answers] = {"GET /images": {"images": Rows(Row(_IMAGE))}, "GET /images/*": _IMAGE}

    def __init__(self, cloud: Cloud) -> None:
        super().__init__(cloud, "image")

    def find(self, name_or_id: str) -> dict[str, t.Any]:
        """The image of this name or ID.

        :raises CloudError: there is none, or more than one, or it is not active
        """
        found = [
            image for image in self.pages("/images", "images", {"name": name_or_id}) if image.get("name") == name_or_id
        ]
        if not found:
            try:
                found = [self.get("/images/" + name_or_id)]
            except NotFoundError:
                pass
        if not found:
            names = [image.get("name") or "" for image in self.pages("/images", "images", {"limit": 100})]
            raise CloudError("There is no image '%s' in %s%s." % (name_or_id, self.cloud.name, near(name_or_id, names)))
        if len(found) > 1:
            ids = listed(image["id"] for image in found)
            raise CloudError(
                "There are %d images called '%s' in %s: name one by its ID (%s)."
                % (len(found), name_or_id, self.cloud.name, ids)
            )
        image = found[0]
        if image.get("status") != "active":
            raise CloudError("The image '%s' is not active but %s." % (name_or_id, image.get("status")))
        return t.cast("dict[str, t.Any]", image)
