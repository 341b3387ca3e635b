# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options that all modules of a cloud share (documented in the fragment scaleout.nova.cloud), and how they end."""

from __future__ import annotations

import typing as t

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

from . import session
from .errors import CloudError

CLOUD_ARGUMENTS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "cloud": {"type": "str"},
    "auth": {"type": "dict", "no_log": True},
    "auth_type": {"type": "str"},
    "region_name": {"type": "str"},
    "interface": {"type": "str", "choices": ["public", "internal", "admin"]},
    "ca_cert": {"type": "path"},
    "validate_certs": {"type": "bool"},
    "api_timeout": {"type": "int", "default": 60},
}

# What may be shown of auth. Everything else in it is taken for a secret.
PLAIN = frozenset(
    (
        "auth_url",
        "username",
        "user_id",
        "user_domain_name",
        "user_domain_id",
        "project_name",
        "project_id",
        "project_domain_name",
        "project_domain_id",
        "domain_name",
        "domain_id",
        "default_domain",
        "system_scope",
        "trust_id",
        "application_credential_id",
        "application_credential_name",
        "tenant_name",
        "tenant_id",
    )
)
#: shorter secrets are not looked for in the output: "x" would blot out every x
SHORTEST_SECRET = 8
HIDDEN = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"


class MissingLibraryError(CloudError):
    """openstacksdk is not installed for the Python that runs the module."""

    def __init__(self, message: str, trace: str) -> None:
        super().__init__(message)
        self.trace = trace


def hide_secrets(module: AnsibleModule) -> None:
    """Mask in the output what is secret of ``auth``, and only that.

    With ``no_log`` alone Ansible would mask every value of it, so that a user 'admin' or a domain 'default' disappears
    from whatever text they stand in. The parameter itself is gone afterwards.
    """
    auth = module.params.get("auth")
    if not auth:
        return
    secrets = {str(value) for key, value in auth.items() if key not in PLAIN and value is not None}
    plain = {str(value) for key, value in auth.items() if key in PLAIN and value is not None}
    kept = {value for value in module.no_log_values if value not in plain and value not in secrets}
    module.no_log_values = kept | {value for value in secrets if len(value) >= SHORTEST_SECRET}
    module.params["auth"] = HIDDEN


def connect(module: AnsibleModule) -> session.Cloud:
    """The cloud that the parameters name, logged in lazily; the secrets are hidden from then on.

    :raises MissingLibraryError: openstacksdk is not installed
    :raises CloudError: see Cloud
    """
    options = session.CloudOptions.from_params(module.params)
    hide_secrets(module)
    if session.SDK_IMPORT_ERROR is not None:
        raise MissingLibraryError(missing_required_lib("openstacksdk"), session.SDK_IMPORT_ERROR)
    return session.Cloud(options)


def finish(module: AnsibleModule, run: t.Callable[[], t.Mapping[str, t.Any]]) -> None:
    """Run, and end the module with what comes of it: a failure where that has ``msg``, or there is an error."""
    try:
        result = run()
    except CloudError as error:
        fail(module, error)
    if "msg" in result:
        module.fail_json(**result)
    module.exit_json(**result)


def fail(module: AnsibleModule, error: CloudError, **result: t.Any) -> t.NoReturn:
    """End the module with the error."""
    if isinstance(error, MissingLibraryError):
        result["exception"] = error.trace
    module.fail_json(msg=str(error), **result)
    raise AssertionError  # fail_json does not return
