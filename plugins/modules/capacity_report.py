#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: capacity_report
short_description: Write what a cloud can still hold as a page, Markdown, JSON and metrics
version_added: 0.2.0
description:
  - Reads the snapshot of a cloud, works out how many more servers of each flavor fit, and writes that as one
    self-contained HTML page with pictures, as Markdown, as JSON and as a file of metrics for Prometheus.
  - No cloud is contacted. M(scaleout.nova.cloud_snapshot) takes the snapshot.
  - The files follow from the snapshot and the question alone. The same snapshot gives the same files, byte for byte.
notes:
  - Runs where the snapshot is, with the standard library of Python only.
  - A file is replaced as a whole. Whoever reads it sees the old one or the new one.
extends_documentation_fragment:
  - scaleout.nova.attributes
  - scaleout.nova.question
  - ansible.builtin.files
attributes:
  check_mode:
    support: full
  diff_mode:
    support: full
    details:
      - Shows size and checksum of each file, not its content.
  idempotent:
    support: full
options:
  snapshot:
    description: The file that M(scaleout.nova.cloud_snapshot) has written.
    type: path
    required: true
  directory:
    description:
      - Where the report goes, as C(capacity.html), C(capacity.md), C(capacity.json) and C(capacity.prom). It is made
        where it is missing.
      - Without it, only the files that are named singly are written.
    type: path
  html:
    description: The HTML page, where it is to have another path.
    type: path
  markdown:
    description: The Markdown file, where it is to have another path.
    type: path
  json:
    description: The answer as JSON, where it is to have another path.
    type: path
  prometheus:
    description:
      - The file of metrics, where it is to have another path, such as one in the folder of the textfile collector of
        node_exporter.
    type: path
  title:
    description: The heading. By default it names the cloud.
    type: str
seealso:
  - module: scaleout.nova.cloud_snapshot
  - module: scaleout.nova.capacity_info
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Take a snapshot
  scaleout.nova.cloud_snapshot:
    cloud: admin
    path: "{{ playbook_dir }}/cloud.json"

- name: Write the report
  scaleout.nova.capacity_report:
    snapshot: "{{ playbook_dir }}/cloud.json"
    directory: "{{ playbook_dir }}/www"
    title: Our cloud

- name: Only the metrics, for the textfile collector of node_exporter
  scaleout.nova.capacity_report:
    snapshot: "{{ playbook_dir }}/cloud.json"
    prometheus: "{{ playbook_dir }}/textfile/nova_capacity.prom"
    mode: "0644"
"""

RETURN = r"""
summary:
  description: One sentence. How many more fit of the flavor that most servers have, and what runs out first.
  type: str
  returned: success
  sample: Room for 1,204 more m1.large; memory runs out first in zone b.
remarks:
  description: What else has to be known at first sight, as sentences.
  type: list
  elements: str
  returned: success
tables:
  description:
    - The report as rows that the filter P(scaleout.nova.table#filter) shows on a terminal. The keys are the headings.
    - The rows are made to be looked at. To decide something, ask M(scaleout.nova.capacity_info).
  type: dict
  returned: success
  contains:
    flavors:
      description: One row for each flavor.
      type: list
      elements: dict
    resources:
      description: One row for each resource class.
      type: list
      elements: dict
    hosts:
      description: One row for the hosts of a zone that are in the same aggregates.
      type: list
      elements: dict
    closed:
      description: One row for each host that takes no guests.
      type: list
      elements: dict
limits:
  description: What the answer cannot know, as sentences.
  type: list
  elements: str
  returned: success
taken_at:
  description: When the snapshot was taken.
  type: str
  returned: success
  sample: "2026-11-25T06:00:00Z"
files:
  description: The files of the report.
  type: list
  elements: dict
  returned: success
  contains:
    format:
      description: V(html), V(markdown), V(json) or V(prometheus).
      type: str
    path:
      description: Where it is.
      type: str
    changed:
      description: Whether it is new or another one than before.
      type: bool
    size:
      description: Its size in bytes.
      type: int
"""

import dataclasses
import hashlib
import os
import tempfile
import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import model, questions, report
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import CapacityError, QuestionError
from ansible_collections.scaleout.nova.plugins.module_utils._question import MUTUALLY_EXCLUSIVE, QUESTION_ARGUMENTS


@dataclasses.dataclass(frozen=True)
class File:
    """A file of the report, as it is and as it is to be."""

    format: str
    path: str
    before: bytes | None
    after: bytes

    @property
    def changed(self) -> bool:
        return self.before != self.after


def paths(params: t.Mapping[str, t.Any]) -> dict[str, str]:
    """The path of each format that is asked for.

    :raises QuestionError: two of them, or one and the snapshot, are the same file
    """
    found = {}
    for name, file_name in report.FORMATS.items():
        if params[name]:
            found[name] = params[name]
        elif params["directory"]:
            found[name] = os.path.join(params["directory"], file_name)
    taken = {os.path.realpath(params["snapshot"]): "snapshot"}
    for name, path in found.items():
        first = taken.setdefault(os.path.realpath(path), name)
        if first != name:
            raise QuestionError("the options %s and %s cannot both be the file %s" % (first, name, path))
    return found


def read(path: str) -> bytes | None:
    """The content of a file, None where there is none."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except FileNotFoundError:
        return None


def write(module: AnsibleModule, file: File) -> None:
    """Put the file in its place, in one step."""
    os.makedirs(os.path.dirname(file.path) or ".", exist_ok=True)
    descriptor, temporary = tempfile.mkstemp(dir=module.tmpdir)
    with open(descriptor, "wb") as stream:
        stream.write(file.after)
    module.atomic_move(temporary, file.path)


def described(content: bytes | None) -> str:
    """A file on one line of the diff."""
    return (
        "absent"
        if content is None
        else "%d bytes, sha256 %s" % (len(content), hashlib.sha256(content).hexdigest()[:12])
    )


def diff(files: t.Iterable[File]) -> dict[str, str]:
    """Which files change."""
    changed = [file for file in files if file.changed]
    return {
        "before": "".join("%s: %s\n" % (file.path, described(file.before)) for file in changed),
        "after": "".join("%s: %s\n" % (file.path, described(file.after)) for file in changed),
    }


def run(module: AnsibleModule) -> dict[str, t.Any]:
    params = module.params
    snapshot = model.load(params["snapshot"])
    question = questions.Question({**{name: params[name] for name in QUESTION_ARGUMENTS}, "detail": "hosts"})
    answer = question.answer(snapshot)
    # The report says how large a flavor is, also of one that the cloud does not have.
    snapshot = dataclasses.replace(snapshot, flavors=[*snapshot.flavors, *question.new_flavors])
    facts = report.gather(snapshot, answer, title=params["title"] or "", notes=report.notes(params))
    files = [
        File(name, path, read(path), report.render(name, facts, answer).encode())
        for name, path in paths(params).items()
    ]
    changed = False
    for file in files:
        if file.changed and not module.check_mode:
            write(module, file)
        touched = False
        if os.path.exists(file.path):
            arguments = module.load_file_common_arguments(params, path=file.path)
            touched = module.set_fs_attributes_if_different(arguments, False)
        changed |= file.changed or touched
    result: dict[str, t.Any] = {
        "changed": changed,
        "summary": facts.headline,
        "remarks": list(facts.remarks),
        "tables": report.tables(facts),
        "limits": facts.caveats,
        "taken_at": facts.taken_at,
        "files": [
            {"format": file.format, "path": file.path, "changed": file.changed, "size": len(file.after)}
            for file in files
        ],
    }
    if module._diff and any(file.changed for file in files):
        result["diff"] = diff(files)
    return result


def main() -> None:
    module = AnsibleModule(
        argument_spec={
            "snapshot": {"type": "path", "required": True},
            "directory": {"type": "path"},
            **{name: {"type": "path"} for name in report.FORMATS},
            "title": {"type": "str"},
            **QUESTION_ARGUMENTS,
        },
        mutually_exclusive=MUTUALLY_EXCLUSIVE,
        required_one_of=[("directory", *report.FORMATS)],
        add_file_common_args=True,
        supports_check_mode=True,
    )
    try:
        result = run(module)
    except CapacityError as error:
        module.fail_json(msg=questions.sentence(error))
    except OSError as error:
        module.fail_json(msg="The report cannot be written: %s: %s" % (error.filename, error.strerror))
    module.exit_json(**result)


if __name__ == "__main__":
    main()
