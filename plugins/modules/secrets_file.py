#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: secrets_file
short_description: Make the secrets of a cloud, once, in a file of variables
version_added: 0.1.0
description:
  - Sees to it that a YAML file of variables holds a secret under each of the given names. What is missing is made with
    the random numbers of the operating system and appended; what is there, comments and all, stays as it is.
  - The file is for its owner alone (mode 0600). One that others can read is corrected.
  - No value is ever returned, logged or shown in a diff.
notes:
  - Runs where the file is, on the control node, with the Python that runs Ansible (it needs PyYAML).
  - A file that is encrypted as a whole with C(ansible-vault) is never changed. The module then only finds out whether
    anything is missing, see O(vault_known). Values that are encrypted one by one are left alone.
  - A value that contains a Jinja template is not examined.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows names, never values.
  idempotent:
    support: full
options:
  path:
    description:
      - The file. Directories above it are made (mode 0700) where they are missing.
    type: path
    required: true
  names:
    description:
      - A list of the names of variables, each of which gets a password.
      - Or a dictionary of them, with what each is to be. That is a dictionary of C(kind) and C(length), or only the
        kind, or V(null) for a password.
      - C(kind) is C(password) (letters and digits, safe in URLs; C(length) 40), C(hex) (C(length) 64), C(uuid),
        or C(fernet) (a key of 32 bytes in URL-safe Base64).
    type: raw
    required: true
  min_length:
    description:
      - A password that is in the file already must be at least that long.
    type: int
    default: 12
  vault_known:
    description:
      - Names that are known as variables, which tells that an encrypted file has them. With a file that is not
        encrypted it has no effect.
    type: list
    elements: str
    default: []
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Make the secrets that are missing
  scaleout.nova.secrets_file:
    path: "{{ inventory_dir }}/secrets.yml"
    names:
      mariadb_root_password:
      nova_database_password:
      nova_metadata_secret: {kind: hex, length: 64}
      libvirt_secret_uuid: uuid
    vault_known: "{{ hostvars[inventory_hostname].keys() | select('match', '.*_(password|secret|uuid)$') }}"
  delegate_to: localhost
  run_once: true
"""

RETURN = r"""
path:
  description: The file, with links resolved.
  type: str
  returned: always
created:
  description: Whether the file was made.
  type: bool
  returned: always
added:
  description: Names of the secrets that were made (in check mode, that would be).
  type: list
  elements: str
  returned: always
  sample: [nova_database_password]
encrypted:
  description: Whether the file is encrypted as a whole.
  type: bool
  returned: always
"""

import base64
import dataclasses
import fcntl
import os
import re
import secrets
import stat
import string
import tempfile
import traceback
import typing as t
import uuid

from ansible.module_utils.basic import AnsibleModule, missing_required_lib

try:
    import yaml  # type: ignore[import-untyped,unused-ignore]
except ImportError:
    YAML_ERROR: str | None = traceback.format_exc()
else:
    YAML_ERROR = None

HEADER = """\
---
# Secrets, made once by scaleout.nova.secrets_file and never changed by it. To encrypt them: ansible-vault encrypt FILE
"""
VAULT_HEADER = "$ANSIBLE_VAULT;"
VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
ALPHABET = string.ascii_letters + string.digits
LENGTHS = {"password": 40, "hex": 64}
KINDS = ("password", "hex", "uuid", "fernet")
SHORTEST = 16  # that is made here; what is there already may be as short as min_length


class Failure(Exception):
    """Something that the user is told."""


@dataclasses.dataclass
class Wanted:
    """A secret that has to be in the file."""

    name: str
    kind: str = "password"
    length: int = 0

    def make(self) -> str:
        if self.kind == "uuid":
            return str(uuid.UUID(bytes=secrets.token_bytes(16), version=4))
        if self.kind == "fernet":
            return base64.urlsafe_b64encode(secrets.token_bytes(32)).decode()
        if self.kind == "hex":
            return secrets.token_hex(self.length)[: self.length]
        return "".join(secrets.choice(ALPHABET) for _number in range(self.length))

    def fault(self, value: t.Any, min_length: int) -> str:
        """What is wrong with a value that is in the file; it is not shown."""
        if isinstance(value, Sealed):
            return ""
        if value is None or value == "":
            return "is empty"
        if not isinstance(value, str):
            return f"is a {type(value).__name__} to YAML, not a string (quote it)"
        if "{{" in value or "{%" in value:
            return ""
        if self.kind == "fernet":
            try:
                right = len(base64.urlsafe_b64decode(value.encode())) == 32
            except ValueError:
                right = False
            return "" if right else "is no Fernet key (32 bytes in URL-safe Base64)"
        if self.kind == "uuid":
            try:
                uuid.UUID(value)
            except ValueError:
                return "is no UUID"
            return ""
        if self.kind == "hex" and not re.fullmatch(r"[0-9A-Fa-f]+", value):
            return "is no hexadecimal number"
        return f"is shorter than {min_length} characters" if len(value) < min_length else ""


class Sealed:
    """A value that this module cannot read (C(!vault), and other tags)."""


def read_names(names: t.Any) -> list[Wanted]:
    if isinstance(names, list):
        names = dict.fromkeys(map(str, names))
    if not isinstance(names, dict):
        raise Failure("names must be a list of names, or a dictionary of names and what they are to be.")
    wanted, problems = [], []
    for name, what in names.items():
        what = {"kind": what} if isinstance(what, str) else what or {}
        if not isinstance(what, dict) or set(what) - {"kind", "length"}:
            problems.append(f"{name} must be a dictionary of kind and length, a kind, or nothing")
            continue
        kind = what.get("kind") or "password"
        length = what.get("length")
        if not VARIABLE.fullmatch(str(name)):
            problems.append(f"{name!r} is no name of a variable")
        elif kind not in KINDS:
            problems.append(f"the kind of {name} must be one of {', '.join(KINDS)}, not {kind!r}")
        elif length is not None and kind not in LENGTHS:
            problems.append(f"{name} has a length, but a {kind} has none to choose")
        elif length is not None and not (isinstance(length, int) and SHORTEST <= length <= 1024):
            problems.append(f"the length of {name} must be a number from {SHORTEST} to 1024, not {length!r}")
        else:
            wanted.append(Wanted(str(name), kind, length or LENGTHS.get(kind, 0)))
    if problems:
        raise Failure(f"names is wrong: {'; '.join(problems)}.")
    return wanted


def parse(text: str, path: str) -> dict[str, t.Any]:
    """The variables in the file. A message about what is wrong never quotes from it."""

    def construct_mapping(loader: t.Any, node: t.Any, deep: bool = False) -> t.Any:
        seen: set[str] = set()
        for key, _value in node.value:
            if isinstance(key.value, str):
                if key.value in seen:
                    line = key.start_mark.line + 1
                    raise Failure(f"{path} has {key.value} a second time, in line {line}; take one of them out.")
                seen.add(key.value)
        return yaml.SafeLoader.construct_mapping(loader, node, deep=deep)

    # As safe as its parent. It also refuses what is there twice, and passes over tags that it does not know.
    loader: t.Any = type("Loader", (yaml.SafeLoader,), {"construct_mapping": construct_mapping})
    loader.add_multi_constructor("!", lambda loader, suffix, node: Sealed())
    try:
        content = yaml.load(text, Loader=loader)
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = f" (line {mark.line + 1}: {getattr(error, 'problem', '')})" if mark else ""
        raise Failure(f"{path} is not valid YAML{where}.") from None
    except ValueError:  # a date that is none, for example
        raise Failure(
            f"{path} has a value that YAML takes for a date or a number, and cannot read; quote it."
        ) from None
    if content is None:
        return {}
    if not isinstance(content, dict):
        raise Failure(f"{path} must be a dictionary of variables, but it is a {type(content).__name__}.")
    return content


def extend(text: str, lines: list[str], path: str) -> str:
    """The text with lines appended, once it is sure that it then says the same and more."""
    before = parse(text, path)
    longer = text + ("" if not text or text.endswith("\n") else "\n") + "".join(lines)
    try:
        after = parse(longer, path)
    except Failure:
        after = {}
    opaque = {name for name, value in before.items() if isinstance(value, Sealed)}
    same = all(name in after and (name in opaque or after[name] == value) for name, value in before.items())
    if not same or len(after) != len(before) + len(lines):
        raise Failure(
            f"Nothing can be appended to {path}, because it does not end as a dictionary with one variable to a line"
            f" (braces, indented names, or a document marker at its end); add {', '.join(name_of(lines))} by hand."
        )
    return longer


def name_of(lines: list[str]) -> list[str]:
    return [line.partition(":")[0] for line in lines]


def replace(path: str, text: str, owner: os.stat_result | None) -> None:
    """Put the new content in place in one move; the old one stays whole until then."""
    descriptor, temporary = tempfile.mkstemp(prefix=".secrets-", dir=os.path.dirname(path))  # mode 0600
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as stream:
            if owner is not None and os.geteuid() == 0:
                os.fchown(stream.fileno(), owner.st_uid, owner.st_gid)
            stream.write(text)
            stream.flush()
            os.fsync(stream.fileno())
        os.replace(temporary, path)
    except BaseException:
        os.unlink(temporary)
        raise


def check_vault(path: str, wanted: list[Wanted], known: list[str]) -> None:
    missing = [one for one in wanted if one.name not in known]
    if missing:
        names = ", ".join(one.name for one in missing)
        kinds = sorted({one.kind for one in missing})
        recipes = {
            "password": 'python3 -c "import secrets; print(secrets.token_hex(20))"',
            "hex": 'python3 -c "import secrets; print(secrets.token_hex(32))"',
            "uuid": 'python3 -c "import uuid; print(uuid.uuid4())"',
            "fernet": 'python3 -c "import base64, os; print(base64.urlsafe_b64encode(os.urandom(32)).decode())"',
        }
        how = "; ".join(f"a {kind}: {recipes[kind]}" for kind in kinds)
        raise Failure(
            f"{path} is encrypted, and these secrets are not known as variables: {names}. If it has them, load it"
            f" (vars_files or group_vars, with the vault password); if not, add them with: ansible-vault edit {path}"
            f" (to make {how})."
        )


def run(module: AnsibleModule) -> dict[str, t.Any]:
    path = os.path.realpath(module.params["path"])
    wanted = read_names(module.params["names"])
    directory = os.path.dirname(path)
    if not os.path.isdir(directory):
        if module.check_mode:
            return outcome(module, path, None, [], wanted, False)
        os.makedirs(directory, mode=0o700, exist_ok=True)
    lock = os.open(directory, os.O_RDONLY)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)  # several hosts may be at this one file
        return bring_about(module, path, wanted)
    finally:
        os.close(lock)


def bring_about(module: AnsibleModule, path: str, wanted: list[Wanted]) -> dict[str, t.Any]:
    try:
        status: os.stat_result | None = os.stat(path)
        with open(path, encoding="utf-8") as stream:
            text = stream.read()
    except FileNotFoundError:
        status, text = None, ""
    except UnicodeDecodeError:
        raise Failure(f"{path} is not a text file in UTF-8.") from None
    encrypted = text.startswith(VAULT_HEADER)
    there: dict[str, t.Any] = {}
    missing: list[Wanted] = []
    if encrypted:
        check_vault(path, wanted, module.params["vault_known"])
    else:
        there = parse(text, path)
        missing = [one for one in wanted if one.name not in there]
        min_length = module.params["min_length"]
        faults = {one.name: one.fault(there[one.name], min_length) for one in wanted if one.name in there}
        wrong = [f"{name} {fault}" for name, fault in faults.items() if fault]
        if wrong:
            raise Failure(
                f"{path} has secrets that cannot be used: {'; '.join(wrong)}. Correct them, or take their lines out"
                " to have new ones made."
            )
    if missing or status is None:
        lines = [f'{one.name}: "{one.make()}"\n' for one in missing]
        longer = extend(text or HEADER, lines, path)
        if not module.check_mode:
            replace(path, longer, status)
    elif stat.S_IMODE(status.st_mode) & 0o177 and not module.check_mode:
        os.chmod(path, 0o600)
    present = [one.name for one in wanted if one.name in there]
    return outcome(module, path, status, present, missing, encrypted)


def outcome(
    module: AnsibleModule,
    path: str,
    status: os.stat_result | None,
    present: list[str],
    missing: list[Wanted],
    encrypted: bool,
) -> dict[str, t.Any]:
    added = [one.name for one in missing]
    mode = stat.S_IMODE(status.st_mode) if status else 0o600
    open_to_others = bool(mode & 0o177)
    result: dict[str, t.Any] = {
        "changed": bool(added) or status is None or open_to_others,
        "path": path,
        "created": status is None,
        "added": added,
        "encrypted": encrypted,
    }
    if module._diff and result["changed"]:
        was = ([f"mode: {mode:04o}"] if status else []) + [f"{name}: (secret)" for name in present]
        becomes = ["mode: 0600"] + [f"{name}: (secret)" for name in present + added]
        result["diff"] = {
            "before_header": path,
            "after_header": path,
            "before": "".join(f"{line}\n" for line in was),
            "after": "".join(f"{line}\n" for line in becomes),
        }
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "path": {"type": "path", "required": True},
            "names": {"type": "raw", "required": True},
            "min_length": {"type": "int", "default": 12},
            "vault_known": {"type": "list", "elements": "str", "default": []},
        },
        supports_check_mode=True,
    )
    if YAML_ERROR is not None:
        module.fail_json(msg=missing_required_lib("PyYAML"), exception=YAML_ERROR)
    try:
        result = run(module)
    except Failure as failure:
        module.fail_json(msg=str(failure))
    except OSError as error:
        module.fail_json(msg=f"{error.filename or module.params['path']}: {error.strerror}")
    module.exit_json(**result)


if __name__ == "__main__":
    main()
