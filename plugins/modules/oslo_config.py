#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Install configuration files of OpenStack services that the services' own option definitions accept."""

from __future__ import annotations

DOCUMENTATION = r"""
module: oslo_config
version_added: 0.1.0
short_description: Install configuration files that an OpenStack service will accept
author:
  - The scaleout.nova contributors (@scaleout-nova)
description:
  - Writes C(.conf) files of services that use oslo.config, such as C(/etc/nova/nova.conf), from dictionaries.
  - Before a file takes the place of the one in use, every section, option and value is checked with the option
    definitions that the installed service brings along (those of C(oslo-config-generator)). A misspelt option stops the
    task with its name, and the service that is running never notices.
  - All files of a call are checked before the first one is replaced. A file is replaced in one step (rename), with its
    owner and mode already set.
  - Files are compared by what they say, so that comments, the order of sections and blank lines make no change. A file
    that already says what is wanted is not checked again, and nothing of OpenStack is imported to find that out.
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
    details:
      - Where oslo.config or the service is not installed yet, the change is predicted without the check of the options,
        and RV(validated) is V(false).
  diff_mode:
    support: full
    details:
      - Shows one line for each option; secrets are not shown, but it is said whether they change.
  idempotent:
    support: full
options:
  files:
    description:
      - The files to install.
      - The whole parameter is kept out of the logs of the target host. In the results of the task only the values of
        options are masked that hold secrets, and only if they have 8 characters or more.
    type: list
    elements: dict
    required: true
    suboptions:
      path:
        description:
          - Where the file goes. The directory must exist. A symbolic link is followed.
        type: path
        required: true
      config:
        description:
          - A dictionary of sections, each a dictionary of options.
          - A value may be a text, a number, a boolean or V(null), which leaves the option out.
          - A list gives an option of several values one line for each, and an option of type list one line with commas.
          - A dictionary gives an option of type dictionary C(key:value) pairs, and each line of an option of several
            values a JSON text (C([pci] alias) of Nova).
          - Values are written as oslo.config reads them. It replaces C($name) by the value of another option, so a
            dollar sign is written C($$). A reference to an option that does not exist is refused. Line breaks are
            refused too.
          - Sections in which C(auth_type) is set also take the options of that keystoneauth plugin.
        type: dict
        required: true
      like:
        description:
          - Sections that the definitions cannot know, each with the section whose options it takes, for example
            C(os_glance_staging_store) with C(file) for the stores of Glance.
        type: dict
        default: {}
      unchecked:
        description:
          - Options that exist although no namespace lists them, as a list of names for each section. They are written
            without a check. C(*) stands for all options of a section.
          - For example C(store_description) and C(weight) of C(file), for a store of Glance.
        type: dict
        default: {}
  namespaces:
    description:
      - Which option definitions apply, as names of entry points of C(oslo.config.opts), for example C(nova.conf) and
        C(keystonemiddleware.auth_token). C(oslo-config-generator) takes the same names.
    type: list
    elements: str
    required: true
  owner:
    description:
      - Owner of the files, by name or number. Left as it is by default (V(root) for a new file).
    type: str
  group:
    description:
      - Group of the files, by name or number. Left as it is by default (that of V(root) for a new file).
    type: str
  mode:
    description:
      - Mode of the files, in octal and quoted.
    type: str
    default: '0640'
  source:
    description:
      - Where the content is decided. It is written into the comment at the top of each file, for whoever is about to
        edit it. Another text alone makes no change.
    type: str
    default: the configuration dictionaries of the inventory
requirements:
  - oslo.config and the service itself, installed for the Python that runs the module
  - Python 3.11
seealso:
  - name: oslo.config
    description: The library that reads these files.
    link: https://docs.openstack.org/oslo.config/latest/
"""

EXAMPLES = r"""
- name: Configure Placement
  become: true
  scaleout.nova.oslo_config:
    files:
      - path: /etc/placement/placement.conf
        config:
          placement_database:
            connection: "mysql+pymysql://placement:{{ placement_db_password }}@192.0.2.10/placement"
          api:
            auth_strategy: keystone
          keystone_authtoken:
            auth_type: password
            auth_url: http://192.0.2.10:5000
            username: placement
            password: "{{ placement_password }}"
            project_name: service
            user_domain_name: Default
            project_domain_name: Default
    namespaces:
      - placement.conf
      - keystonemiddleware.auth_token
      - oslo.log
      - oslo.middleware
      - oslo.policy
    group: placement

- name: Configure Glance with a file store
  become: true
  scaleout.nova.oslo_config:
    files:
      - path: /etc/glance/glance-api.conf
        config:
          DEFAULT:
            enabled_backends:
              file: file
          glance_store:
            default_backend: file
          file:
            filesystem_store_datadir: /var/lib/glance/images
          os_glance_staging_store:
            filesystem_store_datadir: /var/lib/glance/staging
        like:
          os_glance_staging_store: file
    namespaces: [glance.api, glance.multi_store, oslo.db, oslo.log]
    group: glance
"""

RETURN = r"""
validated:
  description:
    - Whether the option definitions have accepted the files in this very run. V(false) when all the files already say
      what is wanted, and in check mode where the service is not installed yet.
  returned: success
  type: bool
  sample: true
files:
  description: What became of each file.
  returned: success
  type: list
  elements: dict
  contains:
    path:
      description: The file.
      type: str
      sample: /etc/nova/nova.conf
    changed:
      description: Whether its content, owner, group or mode was changed.
      type: bool
      sample: false
problems:
  description: Everything that is wrong with the files, one sentence for each problem.
  returned: when the files are refused
  type: list
  elements: str
  sample:
    - '/etc/nova/nova.conf: [libvirt] virt_typ is not an option (did you mean virt_type?)'
"""

import dataclasses
import grp
import os
import pwd
import re
import stat
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils import _dburl, _ini, _oslo

MARK = "Managed by scaleout.nova"
REPEATED = "Options of several values: "
MASKED = "VALUE_SPECIFIED_IN_NO_LOG_PARAMETER"
LEAST_SECRET = 8  # characters: shorter texts would mask half of the output

Place = tuple[str, str]  # (section, option)


@dataclasses.dataclass
class File:
    """One file, as it is and as it is to be."""

    path: str
    config: _oslo.Config
    like: dict[str, str] = dataclasses.field(default_factory=dict)
    unchecked: dict[str, list[str]] = dataclasses.field(default_factory=dict)
    text: str | None = None  # what is there now
    current: _ini.Sections = dataclasses.field(default_factory=dict)
    readable: bool = True  # whether what is there can be parsed
    status: os.stat_result | None = None
    wanted: _ini.Sections | None = None  # set by the slow way only
    verdict: _oslo.Verdict | None = None
    content_changes: bool = False
    attributes_before: list[str] = dataclasses.field(default_factory=list)
    attributes_after: list[str] = dataclasses.field(default_factory=list)

    @property
    def changes(self) -> bool:
        return self.content_changes or bool(self.attributes_after)


class Failure(Exception):
    """What the user is told, with the single problems."""

    def __init__(self, message: str, problems: list[str] | None = None) -> None:
        super().__init__(message)
        self.problems = problems


# --- what is there ---------------------------------------------------------------------------------------------------


def read(file: File) -> None:
    """Fill in what is at the path now."""
    try:
        file.status = os.stat(file.path)
        with open(file.path, encoding="utf-8", errors="surrogateescape") as stream:
            file.text = stream.read()
    except FileNotFoundError:
        return
    except OSError as error:
        raise Failure(f"{file.path} cannot be read: {error.strerror}") from None
    try:
        file.current = _ini.without_empty(_ini.parse(file.text))
    except _ini.IniError:
        file.readable = False


def says_already(file: File) -> bool:
    """Whether the file says what is wanted, judged without option definitions; False when that cannot be told."""
    if file.text is None or not file.readable:
        return False
    header = re.match(rf"# {re.escape(MARK)}[^\n]*\n(?:#[^\n]*\n)*", file.text)
    noted = re.search(rf"^# {re.escape(REPEATED)}(.*)$", header.group(0), re.MULTILINE) if header else None
    repeated = set(re.findall(r"\[([^\]]+)\] (\S+?)(?:,|$)", noted.group(1))) if noted else set()
    seen = 0
    for section, options in file.config.items():
        for option, value in options.items():
            current = file.current.get(section, {}).get(option, [])
            if header is None and isinstance(value, list) and len(value) != 1:
                return False
            if not _oslo.says(current, value, (section, option) in repeated):
                return False
            seen += bool(current)
    return seen == sum(map(len, file.current.values()))


# --- owner and mode --------------------------------------------------------------------------------------------------


def identity(name: str | None, kind: str, check_mode: bool) -> int | None:
    """Number of a user or group; None for "as it is", -1 for one that is still to be made (check mode)."""
    if name is None:
        return None
    if re.fullmatch(r"\d+", name):
        return int(name)
    try:
        return pwd.getpwnam(name).pw_uid if kind == "owner" else grp.getgrnam(name).gr_gid
    except KeyError:
        if check_mode:
            return -1
        raise Failure(
            f"the {kind} {name} of the files does not exist on this host: install the service first"
        ) from None


def mode_number(mode: str) -> int:
    if not re.fullmatch(r"0[0-7]{3,4}", mode):
        raise Failure(f"mode {mode} is not an octal mode in quotes, like '0640'")
    return int(mode, 8)


def name_of(kind: str, number: int) -> str:
    try:
        return pwd.getpwuid(number).pw_name if kind == "owner" else grp.getgrgid(number).gr_name
    except KeyError:
        return str(number)


def compare_attributes(file: File, owner: int | None, group: int | None, mode: int, names: dict[str, str]) -> None:
    """Note what of owner, group and mode is not as wanted."""
    if file.status is None:
        return
    have: dict[str, int] = {"owner": file.status.st_uid, "group": file.status.st_gid}
    for kind, wanted in (("owner", owner), ("group", group)):
        if wanted is not None and wanted != have[kind]:
            file.attributes_before.append(f"{kind}: {name_of(kind, have[kind])}")
            file.attributes_after.append(f"{kind}: {names[kind]}")
    if stat.S_IMODE(file.status.st_mode) != mode:
        file.attributes_before.append(f"mode: {stat.S_IMODE(file.status.st_mode):04o}")
        file.attributes_after.append(f"mode: {mode:04o}")


# --- what is to be ---------------------------------------------------------------------------------------------------


def judge(files: list[File], namespaces: list[str]) -> list[str]:
    """Check the files with the option definitions, all of them before anything is said.

    :returns: warnings
    """
    definitions = _oslo.load_definitions(namespaces)
    problems: list[str] = []
    warnings: list[str] = []
    for file in files:
        verdict = _oslo.judge(file.config, file.like, definitions, file.unchecked)
        problems.extend(f"{file.path}: {problem}" for problem in verdict.problems)
        warnings.extend(f"{file.path}: {warning}" for warning in verdict.warnings)
        file.verdict = verdict
        file.wanted = _ini.without_empty(verdict.sections)
        file.content_changes = not file.readable or file.text is None or file.wanted != file.current
    if problems:
        count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
        raise Failure(f"refused for {count}, and no file was touched:" + listed(problems), problems)
    return warnings


def listed(problems: list[str]) -> str:
    return "".join(f"\n- {problem}" for problem in problems)


def presume(files: list[File]) -> None:
    """The same without definitions: what the files will probably say."""
    for file in files:
        sections: _ini.Sections = {}
        for section, options in file.config.items():
            for option, value in options.items():
                sections.setdefault(section, {})[option] = _oslo.written(value)
        file.wanted = _ini.without_empty(sections)
        file.content_changes = True


def header(file: File, source: str) -> list[str]:
    """The comment at the top of a file."""
    source = " ".join(source.split())
    lines = [f"{MARK}: the next play replaces what is changed here.", f"Change {source} instead."]
    repeated = sorted(file.verdict.repeated) if file.verdict else []
    if repeated:
        lines.append(REPEATED + ", ".join(f"[{section}] {option}" for section, option in repeated))
    return lines


# --- writing ---------------------------------------------------------------------------------------------------------


def install(files: list[File], source: str, owner: int | None, group: int | None, mode: int) -> None:
    """Replace the files whose content changes; correct owner and mode of the others.

    All the new files are on disk before the first one takes its place.
    """
    waiting: list[tuple[str, str]] = []
    try:
        for file in files:
            if file.content_changes:
                target = os.path.realpath(file.path)
                waiting.append((_write_beside(file, target, source, owner, group, mode), target))
        while waiting:
            temporary, target = waiting[0]
            os.rename(temporary, target)
            waiting.pop(0)
            _sync_directory(os.path.dirname(target))
        for file in files:
            if not file.content_changes and file.attributes_after:
                os.chown(file.path, -1 if owner is None else owner, -1 if group is None else group)
                os.chmod(file.path, mode)
    except OSError as error:
        raise Failure(f"{error.filename or 'a file'} could not be written: {error.strerror}") from None
    finally:
        for temporary, _target in waiting:
            if os.path.exists(temporary):
                os.unlink(temporary)


def _write_beside(file: File, target: str, source: str, owner: int | None, group: int | None, mode: int) -> str:
    """Write the new content next to the file, readable by nobody else until owner and mode are set."""
    text = _ini.render(file.wanted or {}, header(file, source))
    if owner is None and file.status is not None:
        owner = file.status.st_uid
    if group is None and file.status is not None:
        group = file.status.st_gid
    directory, name = os.path.split(target)
    descriptor, temporary = tempfile.mkstemp(prefix=f".{name}.", suffix=".new", dir=directory)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogateescape") as stream:
            stream.write(text)
            stream.flush()
            os.fchown(stream.fileno(), -1 if owner is None else owner, -1 if group is None else group)
            os.fchmod(stream.fileno(), mode)
            os.fsync(stream.fileno())
    except BaseException:
        os.unlink(temporary)
        raise
    return temporary


def _sync_directory(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


# --- what is shown ---------------------------------------------------------------------------------------------------


def is_secret(file: File, section: str, option: str, value: t.Any) -> bool:
    """Whether the value of an option must not be shown."""
    if file.verdict is None:
        return _oslo.secret_by_name(option, value, cautious=True)
    judged = (section, option) in file.verdict.secret or option in file.verdict.secret_names
    return judged or _oslo.secret_by_name(option, value)


def secrets_of(files: list[File]) -> set[str]:
    """The texts that must not be in the result: values of secret options and passwords of URLs, if long enough."""
    found: set[str] = set()
    for file in files:
        for source in (file.config, file.current):
            for section, options in source.items():
                for option, value in options.items():
                    found |= _oslo.passwords_in(value)
                    if file.wanted is not None and is_secret(file, section, option, value):
                        found.update(_oslo.texts(value))
    return {secret for secret in found if len(secret) >= LEAST_SECRET}


def diff_of(file: File) -> dict[str, str]:
    """Before and after, a line for each assignment, without secrets."""
    before = _lines(file, file.current, other={})
    after = _lines(
        file, file.wanted if file.content_changes and file.wanted is not None else file.current, file.current
    )
    if file.text is not None and not file.readable:
        before = ["(not a file of oslo.config)"]
    return {
        "before_header": file.path,
        "after_header": file.path,
        "before": "".join(f"{line}\n" for line in [*file.attributes_before, *before]),
        "after": "".join(f"{line}\n" for line in [*file.attributes_after, *after]),
    }


def _lines(file: File, sections: _ini.Sections, other: _ini.Sections) -> list[str]:
    lines = []
    for section in sorted(sections):
        for option in sorted(sections[section]):
            elsewhere = other.get(section, {}).get(option, [])
            for value in sections[section][option]:
                secret = is_secret(file, section, option, value) or bool(_oslo.passwords_in(value))
                shown = _hidden(value, elsewhere) if secret else value
                lines.append(f"[{section}] {option} = {shown}".rstrip())
    return lines


def _hidden(value: str, elsewhere: list[str]) -> str:
    """What is shown of a secret; the words differ when the value does."""
    changed = bool(elsewhere) and value not in elsewhere
    if not _oslo.passwords_in(value):
        return "(another secret)" if changed else "(secret)"
    masked = _dburl.mask(value)
    return f"{masked} (another password)" if changed and masked in map(_dburl.mask, elsewhere) else masked


# --- the module ------------------------------------------------------------------------------------------------------


def run(module: AnsibleModule, files: list[File]) -> dict[str, t.Any]:
    """Do what the parameters ask for; gives the results."""
    params = module.params
    mode = mode_number(params["mode"])
    owner = identity(params["owner"], "owner", module.check_mode)
    group = identity(params["group"], "group", module.check_mode)
    names = {"owner": params["owner"], "group": params["group"]}
    for file in files:
        if not os.path.isdir(os.path.dirname(os.path.realpath(file.path))) and not module.check_mode:
            raise Failure(f"the directory of {file.path} does not exist: install the service or make it first")
        read(file)
        compare_attributes(file, owner, group, mode, names)

    validated = False
    different = [file for file in files if not says_already(file)]
    if different:
        try:
            for warning in judge(different, params["namespaces"]):
                module.warn(warning)
            validated = True
        except _oslo.NotInstalled as error:
            if not module.check_mode:
                raise Failure(f"the files cannot be checked: {error}") from None
            presume(different)
    if not module.check_mode and any(file.changes for file in files):
        install(files, params["source"], owner, group, mode)
    return {
        "changed": any(file.changes for file in files),
        "validated": validated,
        "files": [{"path": file.path, "changed": file.changes} for file in files],
        "diff": [diff_of(file) for file in files if file.changes],
    }


def prepare(parameters: list[dict[str, t.Any]]) -> list[File]:
    """Look at the shape of the parameter C(files)."""
    files: list[File] = []
    problems = []
    for item in parameters:
        if item["path"] in [file.path for file in files]:
            problems.append(f"{item['path']} is given twice")
        like = {str(section): str(other) for section, other in item["like"].items()}
        unchecked = {str(section): names for section, names in item["unchecked"].items()}
        for section, names in unchecked.items():
            if not isinstance(names, list):
                problems.append(f"{item['path']}: unchecked must have a list of options for [{section}]")
        try:
            files.append(File(item["path"], _oslo.clean(item["config"]), like, unchecked))
        except _oslo.BadConfig as error:
            problems.append(f"{item['path']}: {error}")
    if problems:
        raise Failure("refused, and no file was touched:" + listed(problems), problems)
    return files


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "files": {
                "type": "list",
                "elements": "dict",
                "required": True,
                "no_log": True,
                "options": {
                    "path": {"type": "path", "required": True},
                    "config": {"type": "dict", "required": True, "no_log": True},
                    "like": {"type": "dict", "default": {}},
                    "unchecked": {"type": "dict", "default": {}},
                },
            },
            "namespaces": {"type": "list", "elements": "str", "required": True},
            "owner": {"type": "str"},
            "group": {"type": "str"},
            "mode": {"type": "str", "default": "0640"},
            "source": {"type": "str", "default": "the configuration dictionaries of the inventory"},
        },
        supports_check_mode=True,
    )
    shown = [{**item, "config": MASKED} for item in module.params["files"]]
    invocation = {"module_args": {**module.params, "files": shown}}
    files: list[File] = []
    try:
        files = prepare(module.params["files"])
        result = run(module, files)
        # From here on only what is secret is masked, not every "true" and every path of the configuration.
        module.no_log_values = secrets_of(files)
        module.exit_json(invocation=invocation, **result)
    except Failure as error:
        module.no_log_values = secrets_of(files)
        details = {"problems": error.problems} if error.problems else {}
        module.fail_json(msg=f"oslo_config: {error}", invocation=invocation, **details)


if __name__ == "__main__":
    main()
