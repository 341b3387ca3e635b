# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of all modules: their secrets, and that specification and documentation are one."""

from __future__ import annotations

import types
from typing import Any

import yaml

from ansible_collections.scaleout.nova.plugins.doc_fragments import cloud as fragment
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import CloudOptions


def hidden(auth: dict[str, Any], others: set[str] | None = None) -> Any:
    values = {str(value) for value in auth.values()} | (others or set())
    module: Any = types.SimpleNamespace(params={"auth": auth}, no_log_values=values)
    cloud_module.hide_secrets(module)
    return module


def test_only_secrets_are_masked() -> None:
    module = hidden(
        {"username": "admin", "user_domain_name": "default", "password": "correct-horse", "token": "x" * 20}
    )
    assert module.no_log_values == {"correct-horse", "x" * 20}
    assert module.params["auth"] == cloud_module.HIDDEN


def test_a_secret_of_one_character_does_not_blot_out_the_output_nor_is_it_shown() -> None:
    module = hidden({"username": "admin", "password": "x"})
    assert module.no_log_values == set()
    assert "x" not in str(module.params["auth"]).lower()


def test_what_is_unknown_is_a_secret() -> None:
    assert hidden({"passcode_of_some_plugin": "123456789"}).no_log_values == {"123456789"}


def test_masks_of_other_options_stay() -> None:
    assert hidden({"username": "admin"}, {"another-secret"}).no_log_values == {"another-secret"}


def test_a_password_that_is_also_the_user_s_name_is_a_secret() -> None:
    assert hidden({"username": "administrator", "password": "administrator"}).no_log_values == {"administrator"}


def test_the_fragment_documents_the_options() -> None:
    documented = yaml.safe_load(fragment.ModuleDocFragment.DOCUMENTATION)["options"]
    for name, spec in cloud_module.CLOUD_ARGUMENTS.items():
        for key in ("type", "default", "choices"):
            assert documented[name].get(key) == spec.get(key), (name, key)
    assert set(documented) == set(cloud_module.CLOUD_ARGUMENTS)


def test_options_from_parameters() -> None:
    params = {name: spec.get("default") for name, spec in cloud_module.CLOUD_ARGUMENTS.items()}
    params.update(cloud="lab", hosts=["a"], interface="internal")
    assert CloudOptions.from_params(params) == CloudOptions(cloud="lab", interface="internal", api_timeout=60)
