# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import errors
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import Nova

PATH = "/compute/v2.1/os-services"
HERE = {"id": "a", "host": "cmp1", "status": "enabled", "state": "up", "forced_down": False}
LOST = {"binary": "nova-compute", "host": "far1", "status": "UNKNOWN"}


def test_hosts_of_a_cell_that_cannot_be_reached_are_an_error(fake: Any) -> None:
    fake.says("GET", PATH, {"body": {"services": [HERE, LOST]}})
    with pytest.raises(errors.UnreachableError, match=r"cannot reach the cell of these compute hosts, .*: far1\.$"):
        Nova(fake.session()).compute_services()
    fake.says("GET", PATH, {"body": {"services": [HERE, LOST]}})
    assert list(Nova(fake.session()).compute_services(["cmp1"])) == ["cmp1"]


def test_a_row_with_less_is_an_answer_of_such_a_host_only(fake: Any) -> None:
    fake.says("GET", PATH, {"body": {"services": [{**LOST, "status": "enabled"}]}})
    with pytest.raises(errors.UnreachableError, match=r"services\[0\]\.id is missing"):
        Nova(fake.session()).compute_services()


def test_a_nova_that_does_not_tell_lost_cells_is_asked_as_before(fake: Any) -> None:
    text = "Version 2.69 is not supported by the API. Minimum is 2.1 and maximum is 2.60."
    fake.says("GET", PATH, {"status": 406, "body": {"x": {"message": text}}}, {"body": {"services": [HERE]}})
    assert list(Nova(fake.session()).compute_services()) == ["cmp1"]
    asked = [headers["OpenStack-API-Version"] for _method, path, headers in fake.log if path.startswith(PATH)]
    assert asked == ["compute 2.69", "compute 2.53"]
