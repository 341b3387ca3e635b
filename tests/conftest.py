# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Makes this checkout importable as ansible_collections.scaleout.nova, in plain pytest as in ansible-test."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest
from ansible.utils.collection_loader._collection_finder import _AnsibleCollectionFinder

COLLECTIONS = Path(__file__).resolve().parents[1] / "build" / "collections"

if not any(isinstance(finder, _AnsibleCollectionFinder) for finder in sys.meta_path):
    _AnsibleCollectionFinder(paths=[str(COLLECTIONS)])._install()


@pytest.fixture(autouse=True)
def on_the_target(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Modules are tested as on a target, also when tests of other plugins have made this process a controller.

    On a controller their warnings and deprecations go to the screen and not into the result.
    """
    if {"modules", "module_utils"}.intersection(request.path.parts):
        monkeypatch.setattr("ansible.module_utils._internal.is_controller", False)
