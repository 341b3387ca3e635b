#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Make users, virtual hosts and permissions of RabbitMQ what they should be, without a password on a command line."""

from __future__ import annotations

DOCUMENTATION = r"""
module: rabbitmq_accounts
version_added: 0.1.0
short_description: Users, virtual hosts and permissions of RabbitMQ
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Makes sure that users exist with their passwords, tags and permissions, that the virtual hosts exist on which they
    have them, and that other users do not exist.
  - All accounts together take one reading of the definitions of the server, and one import of definitions where
    something differs, which is then verified. A password is compared with the salted hash that the server keeps, and
    only a salted hash is handed over. It is on no command line, in no file, in no result and in no diff.
  - Works through C(rabbitmqctl) on a host of the RabbitMQ cluster, or, with O(login), through the HTTP API of a server
    that somebody else runs.
  - Virtual hosts and permissions that are not given are left alone, also those of a given user.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where C(rabbitmqctl) is not installed yet, or RabbitMQ is not running yet, everything is predicted to change.
  diff_mode:
    support: full
    details:
      - Of a password it is only said that it changes.
  idempotent:
    support: full
options:
  accounts:
    description:
      - Who may use which virtual host. A user with several virtual hosts is given several times, with the same
        password; its tags are those of all the entries together.
    type: list
    elements: dict
    default: []
    suboptions:
      user:
        description:
          - Name of the user.
        type: str
        required: true
      password:
        description:
          - Its password.
        type: str
        required: true
      vhost:
        description:
          - The virtual host. It is made if it does not exist.
        type: str
        required: true
      tags:
        description:
          - Tags of the user, for example V(administrator) or V(monitoring). They replace the tags that it has.
        type: list
        elements: str
        default: []
      configure:
        description:
          - Regular expression of the names that the user may declare and delete.
        type: str
        default: .*
      write:
        description:
          - Regular expression of the names that the user may write to.
        type: str
        default: .*
      read:
        description:
          - Regular expression of the names that the user may read from.
        type: str
        default: .*
  absent_users:
    description:
      - Users that must not exist, for example V(guest), which every new server has, with a password that everybody
        knows.
    type: list
    elements: str
    default: []
  login:
    description:
      - How to reach the HTTP API of a server that somebody else runs. The plugin C(rabbitmq_management) provides it.
      - Without this option, C(rabbitmqctl) is used, which has to be run by root or by the user rabbitmq.
    type: dict
    suboptions:
      url:
        description:
          - Where the API is, without user and password, for example C(https://mq.example.com:15671).
        type: str
        required: true
      user:
        description:
          - Who logs in. The user needs the tag V(administrator).
        type: str
        required: true
      password:
        description:
          - The password of O(login.user).
        type: str
        required: true
      validate_certs:
        description:
          - Whether the certificate of the server must be valid.
        type: bool
        default: true
      ca_cert:
        description:
          - File with the certificates of the authorities that may have signed that of the server, in PEM format.
            The authorities of the system by default.
        type: path
  timeout:
    description:
      - Seconds to wait for a server that is starting, and seconds that one call may take.
    type: int
    default: 60
requirements:
  - RabbitMQ 3.8.2
  - Python 3.11
seealso:
  - name: Definitions of RabbitMQ
    description: What is read and imported.
    link: https://www.rabbitmq.com/docs/definitions
"""

EXAMPLES = r"""
- name: Accounts of Nova on the RabbitMQ of this host
  become: true
  scaleout.nova.rabbitmq_accounts:
    accounts:
      - user: nova
        password: "{{ nova_rabbitmq_password }}"
        vhost: nova
      - user: nova
        password: "{{ nova_rabbitmq_password }}"
        vhost: nova_cell1
    absent_users: [guest]

- name: An account on a RabbitMQ that another team runs
  scaleout.nova.rabbitmq_accounts:
    accounts:
      - user: nova
        password: "{{ nova_rabbitmq_password }}"
        vhost: nova
    login:
      url: https://mq.example.com:15671
      user: admin
      password: "{{ rabbitmq_admin_password }}"
      ca_cert: /etc/ssl/certs/example.pem
"""

RETURN = r"""
vhosts_created:
  description: The virtual hosts that were made.
  returned: success
  type: list
  elements: str
  sample: [nova]
users_created:
  description: The users that were made.
  returned: success
  type: list
  elements: str
  sample: [nova]
users_updated:
  description: The users whose password or tags were corrected.
  returned: success
  type: list
  elements: str
users_removed:
  description: The users of O(absent_users) that were deleted.
  returned: success
  type: list
  elements: str
  sample: [guest]
permissions_set:
  description: The permissions that were made or corrected.
  returned: success
  type: list
  elements: dict
  contains:
    user:
      description: Name of the user.
      type: str
      sample: nova
    vhost:
      description: Name of the virtual host.
      type: str
      sample: nova
"""

import dataclasses
import os
import re
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils import _rabbitmq
from ansible_collections.scaleout.nova.plugins.module_utils._rabbitmq import Definitions, Permission, Server, State

MASKED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
LEAST_SECRET = 8  # characters: a password like guest, masked everywhere, would hide names
SAFE_NAME = re.compile(r"[A-Za-z0-9_.@:/+][A-Za-z0-9_.@:/+-]*")


class Failure(Exception):
    """What the user is told."""


# --- what is wanted --------------------------------------------------------------------------------------------------


@dataclasses.dataclass
class Account:
    """A user that must exist."""

    password: str = dataclasses.field(repr=False)
    tags: list[str]


@dataclasses.dataclass
class Wanted:
    """What the parameters ask for."""

    vhosts: list[str] = dataclasses.field(default_factory=list)
    users: dict[str, Account] = dataclasses.field(default_factory=dict)
    permissions: dict[tuple[str, str], Permission] = dataclasses.field(default_factory=dict)
    absent: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass
class Plan:
    """What differs."""

    vhosts: list[str]
    created: list[str]
    passwords: list[str]  # users that exist with another password
    tags: list[str]  # users that exist with other tags
    permissions: list[tuple[str, str]]
    absent: list[str]

    @property
    def updated(self) -> list[str]:
        return [*self.passwords, *(name for name in self.tags if name not in self.passwords)]

    @property
    def imports(self) -> bool:
        return bool(self.vhosts or self.created or self.passwords or self.tags or self.permissions)

    def __bool__(self) -> bool:
        return self.imports or bool(self.absent)

    def __str__(self) -> str:
        parts = [f"vhost {name}" for name in self.vhosts]
        parts += [f"user {name}" for name in [*self.created, *self.updated, *self.absent]]
        return ", ".join([*parts, *(f"permissions of {user} on {vhost}" for user, vhost in self.permissions)])


def wanted(params: dict[str, t.Any]) -> Wanted:
    """The parameters, put together.

    :raises Failure: where they contradict each other
    """
    result = Wanted(absent=list(dict.fromkeys(params["absent_users"])))
    for item in params["accounts"]:
        name, vhost = item["user"], item["vhost"]
        for key in ("user", "password", "vhost"):
            if not item[key]:
                raise Failure(f"the {key} of an account in accounts is empty (user '{name}', vhost '{vhost}')")
        if name in result.absent:
            raise Failure(f"the user {name} is both in accounts and in absent_users")
        account = result.users.setdefault(name, Account(item["password"], []))
        if account.password != item["password"]:
            raise Failure(f"the user {name} is in accounts with different passwords: a user has one for all its vhosts")
        account.tags += [tag for tag in item["tags"] if tag not in account.tags]
        if vhost not in result.vhosts:
            result.vhosts.append(vhost)
        permission = Permission(item["configure"], item["write"], item["read"])
        if result.permissions.setdefault((name, vhost), permission) != permission:
            raise Failure(f"the user {name} is in accounts with different permissions on the vhost {vhost}")
    if "" in result.absent:
        raise Failure("a name in absent_users is empty")
    login = params["login"]
    if login and login["user"] in result.absent:
        raise Failure(f"the user {login['user']}, who logs in, cannot delete itself: take it out of absent_users")
    if login and "administrator" not in result.users.get(login["user"], Account("", ["administrator"])).tags:
        raise Failure(f"the user {login['user']}, who logs in, would lose its tag administrator: add it in accounts")
    return result


def compare(want: Wanted, state: State) -> Plan:
    """What differs."""
    there = {name: (account, state.users[name]) for name, account in want.users.items() if name in state.users}
    return Plan(
        vhosts=[name for name in want.vhosts if name not in state.vhosts],
        created=[name for name in want.users if name not in state.users],
        passwords=[
            name
            for name, (account, user) in there.items()
            if not _rabbitmq.matches(account.password, user.algorithm, user.hash)
        ],
        tags=[name for name, (account, user) in there.items() if set(account.tags) != set(user.tags)],
        permissions=[key for key, permission in want.permissions.items() if state.permissions.get(key) != permission],
        absent=[name for name in want.absent if name in state.users or not state.known],
    )


def definitions_for(plan: Plan, want: Wanted, state: State) -> Definitions:
    """What is to be imported: only what differs."""
    result: Definitions = {}
    if plan.vhosts:
        result["vhosts"] = [{"name": name} for name in plan.vhosts]
    for name in [*plan.created, *plan.updated]:
        user = state.users.get(name)
        algorithm, kept = _rabbitmq.USUAL, ""
        if user and name not in plan.passwords:
            algorithm, kept = user.algorithm, user.hash
        elif user and user.algorithm == "rabbit_password_hashing_sha512":
            algorithm = user.algorithm
        result.setdefault("users", []).append(
            {
                "name": name,
                "password_hash": kept
                or _rabbitmq.password_hash(want.users[name].password, algorithm, os.urandom(_rabbitmq.SALT)),
                "hashing_algorithm": algorithm,
                "tags": want.users[name].tags,
            }
        )
    for user_name, vhost in plan.permissions:
        result.setdefault("permissions", []).append(
            {"user": user_name, "vhost": vhost, **want.permissions[user_name, vhost]._asdict()}
        )
    return result


# --- the module ------------------------------------------------------------------------------------------------------


def shown(params: dict[str, t.Any]) -> dict[str, t.Any]:
    """The parameters as the results show them."""
    result = {**params, "accounts": [{**item, "password": MASKED} for item in params["accounts"]]}
    if params["login"]:
        result["login"] = {**params["login"], "password": MASKED}
    return result


def server_of(module: AnsibleModule) -> Server:
    """The server that is meant."""
    login, timeout = module.params["login"], module.params["timeout"]
    if login:
        return _rabbitmq.Api(login, timeout)
    executable = module.get_bin_path("rabbitmqctl")
    if executable is None:
        raise _rabbitmq.NotYet("rabbitmqctl is not installed on this host: install rabbitmq-server, or give login")
    return _rabbitmq.Ctl(executable, timeout)


def run(module: AnsibleModule) -> tuple[Plan, Wanted, State]:
    """Do what the parameters ask for.

    :returns: what was changed, what was asked for, and what was there before
    """
    params = module.params
    want = wanted(params)
    if not want.users and not want.absent:
        return compare(want, State()), want, State()
    if not params["login"]:
        for name in want.absent:
            if not SAFE_NAME.fullmatch(name):
                raise Failure(
                    f"the user '{name}' in absent_users cannot be deleted with rabbitmqctl, whose launcher is a shell "
                    f"script: delete it through the HTTP API (login)"
                )
    predicts = module.check_mode and not params["login"]
    try:
        server = server_of(module)
        state = _rabbitmq.read(server, 0 if predicts else params["timeout"])
    except _rabbitmq.NotYet as error:
        if not predicts:
            raise
        if isinstance(error, _rabbitmq.Starting):
            module.warn("rabbitmq_accounts: RabbitMQ is not running on this host: everything is predicted to change")
        state = State(known=False)
        return compare(want, state), want, state
    plan = compare(want, state)
    if module.check_mode or not plan:
        return plan, want, state
    if plan.imports:
        _rabbitmq.load(server, definitions_for(plan, want, state))
    if isinstance(server, _rabbitmq.Api) and server.user in want.users:
        server.password = want.users[server.user].password
    for name in plan.absent:
        server.delete(name)
    left = compare(want, _rabbitmq.read(server, params["timeout"]))
    if left:
        raise Failure(f"RabbitMQ accepted the changes, but these are not as they should be: {left}")
    return plan, want, state


def diff_of(plan: Plan, want: Wanted, state: State) -> dict[str, str]:
    """Before and after, without passwords."""
    before, after = [], [f"vhost {name}\n" for name in plan.vhosts]
    for name, account in want.users.items():
        tags = f"user {name}: tags = {', '.join(account.tags) or '(none)'}\n"
        if name in plan.created:
            after += [tags, f"user {name}: password: (set)\n"]
        if name in plan.tags:
            before.append(f"user {name}: tags = {', '.join(state.users[name].tags) or '(none)'}\n")
            after.append(tags)
        if name in plan.passwords:
            before.append(f"user {name}: password: (another)\n")
            after.append(f"user {name}: password: (changed)\n")
    for key in plan.permissions:
        text = f"permissions of {key[0]} on {key[1]}: "
        if key in state.permissions:
            before.append(f"{text}{state.permissions[key]}\n")
        after.append(f"{text}{want.permissions[key]}\n")
    before += [f"user {name}\n" for name in plan.absent]
    return {
        "before_header": "RabbitMQ accounts",
        "after_header": "RabbitMQ accounts",
        "before": "".join(before),
        "after": "".join(after),
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "accounts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "user": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "vhost": {"type": "str", "required": True},
                    "tags": {"type": "list", "elements": "str", "default": []},
                    "configure": {"type": "str", "default": ".*"},
                    "write": {"type": "str", "default": ".*"},
                    "read": {"type": "str", "default": ".*"},
                },
            },
            "absent_users": {"type": "list", "elements": "str", "default": []},
            "login": {
                "type": "dict",
                "options": {
                    "url": {"type": "str", "required": True},
                    "user": {"type": "str", "required": True},
                    "password": {"type": "str", "required": True, "no_log": True},
                    "validate_certs": {"type": "bool", "default": True},
                    "ca_cert": {"type": "path"},
                },
            },
            "timeout": {"type": "int", "default": 60},
        },
        supports_check_mode=True,
    )
    # Of what is in the results, only the parameters have passwords: they are shown without, also without short ones.
    module.no_log_values = {value for value in module.no_log_values if len(value) >= LEAST_SECRET}
    invocation = {"module_args": shown(module.params)}
    try:
        plan, want, state = run(module)
    except (Failure, _rabbitmq.RabbitError) as error:
        module.fail_json(msg=f"rabbitmq_accounts: {error}", invocation=invocation)
    module.exit_json(
        changed=bool(plan),
        vhosts_created=plan.vhosts,
        users_created=plan.created,
        users_updated=plan.updated,
        users_removed=plan.absent,
        permissions_set=[{"user": user, "vhost": vhost} for user, vhost in plan.permissions],
        diff=diff_of(plan, want, state),
        invocation=invocation,
    )


if __name__ == "__main__":
    main()
