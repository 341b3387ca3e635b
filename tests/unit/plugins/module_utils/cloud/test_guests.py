# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import dataclasses
import subprocess
import sys
import time

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud.errors import listed, near
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.guests import GRACE, Owner, _started


def test_an_owner_survives_being_written_down() -> None:
    owner = Owner.this(60)
    assert Owner.parse("temporary, made by guest_check: %s" % owner) == owner
    assert owner.alive
    assert len(str(owner)) <= 255
    assert Owner.parse("made by hand") is None


def test_an_owner_whose_process_is_gone_is_dead() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    owner = dataclasses.replace(Owner.this(60), pid=process.pid, started=_started(process.pid))
    seen = [owner.alive]
    process.kill()
    time.sleep(0.1)
    seen.append(owner.alive)  # as a zombie
    process.communicate()
    seen.append(owner.alive)
    assert seen == [True, False, False]


def test_a_process_number_that_was_given_out_again_is_not_the_owner() -> None:
    owner = Owner.this(60)
    assert not dataclasses.replace(owner, started="12345").alive


@pytest.mark.parametrize(("seconds", "alive"), [(60, True), (-GRACE + 60, True), (-GRACE - 60, False)])
def test_an_owner_on_another_machine_has_its_time(seconds: float, alive: bool) -> None:
    owner = dataclasses.replace(Owner.this(0), node="another-machine", until=int(time.time() + seconds))
    assert owner.alive is alive


def test_names_alike() -> None:
    assert near("cpu1", ["cpu1.lab.example", "ctl1"]).startswith(" (similar: cpu1.lab.example")
    assert near("m1.tny", ["m1.tiny", "gpu"]) == " (similar: m1.tiny)"
    assert near("x", ["abc"]) == ""


def test_lists_of_names() -> None:
    assert listed([]) == "none"
    assert listed(["b", "a"]) == "a, b"
    assert listed(map(str, range(5)), limit=3) == "0, 1, 2 and 2 more"
