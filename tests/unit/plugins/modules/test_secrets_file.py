# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""secrets_file on real files."""

from __future__ import annotations

import base64
import os
import re
import stat
import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from ansible_collections.scaleout.nova.plugins.modules import secrets_file

Run = Callable[..., dict[str, Any]]

KINDS: dict[str, Any] = {
    "a_password": None,
    "short_password": {"length": 16},
    "a_hex": "hex",
    "short_hex": {"kind": "hex", "length": 33},
    "a_uuid": "uuid",
    "a_fernet": {"kind": "fernet"},
}


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_new_file(tmp_path: Path, run_module: Run) -> None:
    path = tmp_path / "new" / "deep" / "secrets.yml"
    predicted = run_module("secrets_file", path=str(path), names=KINDS, check=True, diff=True)
    assert not path.parent.exists()
    result = run_module("secrets_file", path=str(path), names=KINDS, diff=True)
    assert {name: result[name] for name in predicted if name != "invocation"} == {
        name: value for name, value in predicted.items() if name != "invocation"
    }
    assert result["changed"] and result["created"] and result["added"] == list(KINDS)
    assert mode(path) == 0o600 and mode(path.parent) == 0o700
    values = yaml.safe_load(path.read_text())
    assert re.fullmatch(r"[A-Za-z0-9]{40}", values["a_password"])
    assert re.fullmatch(r"[A-Za-z0-9]{16}", values["short_password"])
    assert re.fullmatch(r"[0-9a-f]{64}", values["a_hex"])
    assert re.fullmatch(r"[0-9a-f]{33}", values["short_hex"])
    assert uuid.UUID(values["a_uuid"]).version == 4
    assert len(base64.urlsafe_b64decode(values["a_fernet"])) == 32
    assert all(value not in str(result) for value in values.values())
    before = path.stat()
    again = run_module("secrets_file", path=str(path), names=KINDS, diff=True)
    assert not again["changed"] and again["added"] == [] and "diff" not in again
    assert path.stat() == before


def test_what_is_there_stays(tmp_path: Path, run_module: Run) -> None:
    path = tmp_path / "secrets.yml"
    text = (
        "# mine\n"
        "nova_password: 'as I like it: it is long'   # do not touch\n"
        "other: {a: [1, 2]}\n"
        "sealed: !vault |\n"
        "  $ANSIBLE_VAULT;1.1;AES256\n"
        "  6162\n"
        'derived: "{{ x }}"'  # and no newline at the end
    )
    path.write_text(text)
    path.chmod(0o600)
    names = ["nova_password", "sealed", "derived", "new_one"]
    result = run_module("secrets_file", path=str(path), names=names, diff=True)
    assert result["added"] == ["new_one"] and not result["created"]
    assert path.read_text().startswith(text + "\nnew_one: ")
    assert result["diff"]["before"].splitlines()[1:] == [
        "nova_password: (secret)",
        "sealed: (secret)",
        "derived: (secret)",
    ]
    assert result["diff"]["after"].splitlines()[-1] == "new_one: (secret)"
    assert not run_module("secrets_file", path=str(path), names=names)["changed"]


def test_mode_is_corrected(tmp_path: Path, run_module: Run) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text("a: 0123456789abcdef-\n")
    path.chmod(0o640)
    assert run_module("secrets_file", path=str(path), names=["a"], check=True)["changed"]
    assert mode(path) == 0o640
    result = run_module("secrets_file", path=str(path), names=["a"], diff=True)
    assert result["changed"] and result["added"] == []
    assert result["diff"]["before"].startswith("mode: 0640\n") and result["diff"]["after"].startswith("mode: 0600\n")
    assert mode(path) == 0o600
    assert not run_module("secrets_file", path=str(path), names=["a"])["changed"]


def test_mode_is_corrected_when_something_is_added(tmp_path: Path, run_module: Run) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text("a: 0123456789abcdef-\n")
    path.chmod(0o644)
    run_module("secrets_file", path=str(path), names=["b"])
    assert mode(path) == 0o600


@pytest.mark.parametrize(
    ("line", "kind", "fault"),
    [
        ("a:", None, "a is empty"),
        ("a: ''", None, "a is empty"),
        ("a: hunter2", None, "a is shorter than 12 characters"),
        ("a: 12345678901234567890", None, "a is a int to YAML, not a string (quote it)"),
        ("a: [x]", None, "a is a list to YAML"),
        ("a: notafernetkey-but-long-enough", "fernet", "a is no Fernet key"),
        ("a: notauuid-but-long-enough", "uuid", "a is no UUID"),
        ("a: nothex-but-long-enough", "hex", "a is no hexadecimal number"),
        ("a: abcdef", "hex", "a is shorter than 12 characters"),
    ],
)
def test_values_that_cannot_be_used(tmp_path: Path, run_module: Run, line: str, kind: str | None, fault: str) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(f"{line}\nb: yes\n")
    result = run_module("secrets_file", path=str(path), names={"a": kind, "c": None}, diff=True)
    assert result["failed"] and fault in result["msg"] and str(path) in result["msg"]
    assert "hunter2" not in str(result) and "long-enough" not in str(result)
    assert path.read_text() == f"{line}\nb: yes\n"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{a: 0123456789abcdef-}\n", "add b by hand"),
        ("  a: 0123456789abcdef-\n", "add b by hand"),
        ("a: 0123456789abcdef-\n...\n", "add b by hand"),
        ("- a\n", "must be a dictionary of variables, but it is a list"),
        ("a: 'open\n", "is not valid YAML (line "),
        ("a: 0123456789abcdef-\na: 0123456789abcdef+\n", "has a a second time, in line 2"),
        ("a: 2026-99-99\n", "has a value that YAML takes for a date or a number"),
        ("a: 0123456789abcdef-\nc: |+\n  text\n\n", ""),
        ("a: 0123456789abcdef-\n# the end", ""),
        ("a: 0123456789abcdef-\nc: |\n  text", "add b by hand"),
        ("# nothing yet\n", ""),
        ("? [a, b]\n: c\na: 0123456789abcdef-\n", "is not valid YAML (line 1: found unhashable key)"),
    ],
)
def test_shapes_of_files(tmp_path: Path, run_module: Run, text: str, told: str) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text(text)
    result = run_module("secrets_file", path=str(path), names=["a", "b"])
    if told:
        assert result["failed"] and told in result["msg"]
        assert "0123456789abcdef" not in result["msg"]
        assert path.read_text() == text
    else:
        assert not result.get("failed") and path.read_text().startswith(text)
        assert list(tmp_path.iterdir()) == [path]


def test_encrypted_file(tmp_path: Path, run_module: Run) -> None:
    path = tmp_path / "secrets.yml"
    path.write_text("a: 0123456789abcdef-\n")
    password = tmp_path / "password"
    password.write_text("x")
    vault = Path(sys.executable).with_name("ansible-vault")
    encrypt = [str(vault), "encrypt", str(path), "--vault-password-file", str(password)]
    subprocess.run(encrypt, check=True, capture_output=True)
    text = path.read_text()
    result = run_module("secrets_file", path=str(path), names={"a": None, "b": "uuid"})
    assert result["failed"] and "not known as variables: a, b." in result["msg"]
    assert f"ansible-vault edit {path}" in result["msg"] and "uuid.uuid4()" in result["msg"]
    result = run_module("secrets_file", path=str(path), names={"a": None, "b": "uuid"}, vault_known=["a", "z"])
    assert "not known as variables: b." in result["msg"]
    result = run_module("secrets_file", path=str(path), names=["a", "b"], vault_known=["a", "b"])
    assert not result["changed"] and result["encrypted"] and result["added"] == []
    assert path.read_text() == text


def test_link_stays_a_link(tmp_path: Path, run_module: Run) -> None:
    target = tmp_path / "elsewhere" / "secrets.yml"
    target.parent.mkdir()
    link = tmp_path / "secrets.yml"
    link.symlink_to(target)
    result = run_module("secrets_file", path=str(link), names=["a"])
    assert result["path"] == str(target) and link.is_symlink() and target.exists()


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ("a", "names must be a list of names"),
        ({"a": {"kind": "pin"}}, "the kind of a must be one of password, hex, uuid, fernet, not 'pin'"),
        ({"a": {"length": 8}}, "the length of a must be a number from 16 to 1024, not 8"),
        ({"a": {"kind": "uuid", "length": 20}}, "a has a length, but a uuid has none to choose"),
        ({"a": {"size": 20}}, "a must be a dictionary of kind and length"),
        (["a-b", "1c"], "'a-b' is no name of a variable; '1c' is no name of a variable"),
    ],
)
def test_mistakes_in_names(tmp_path: Path, run_module: Run, names: Any, told: str) -> None:
    result = run_module("secrets_file", path=str(tmp_path / "x" / "secrets.yml"), names=names)
    assert result["failed"] and told in result["msg"]
    assert not (tmp_path / "x").exists()


def test_unwritable(tmp_path: Path, run_module: Run) -> None:
    (tmp_path / "file").write_text("")
    result = run_module("secrets_file", path=str(tmp_path / "file" / "secrets.yml"), names=["a"])
    assert result["failed"] and str(tmp_path / "file") in result["msg"]


def test_two_at_a_time_agree(tmp_path: Path) -> None:
    """As a play does that forgot run_once: every process must end up with the same secrets."""
    path = tmp_path / "secrets.yml"
    script = (
        "import runpy, sys\n"
        "from ansible.module_utils.testing import patch_module_args\n"
        f"with patch_module_args({{'path': {str(path)!r}, 'names': ['a', 'b_' + sys.argv[1]]}}):\n"
        f"    runpy.run_path({secrets_file.__file__!r}, run_name='__main__')\n"
    )
    running = [
        subprocess.Popen([sys.executable, "-c", script, str(number)], stdout=subprocess.PIPE, text=True)
        for number in range(6)
    ]
    outputs = [process.communicate()[0] for process in running]
    assert all(process.returncode == 0 for process in running), outputs
    assert sum('"a"' in output.partition('"added"')[2].partition("]")[0] for output in outputs) == 1
    assert set(yaml.safe_load(path.read_text())) == {"a", *(f"b_{number}" for number in range(6))}
    assert os.listdir(tmp_path) == ["secrets.yml"]
