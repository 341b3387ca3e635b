# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""apt_held with a small dpkg and apt-get of our own: real processes and a real policy, no real packages."""

from __future__ import annotations

import fcntl
import os
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.modules import apt_held

Run = Callable[..., dict[str, Any]]
Tool = Callable[[str, str], Path]

DPKG_QUERY = """#!/bin/sh
[ "$1" != --listfiles ] || { shift; for name; do echo "$HOME/modules/$name/__init__.py"; done; exit; }
cat "$HOME/status"
"""
# Installs what it is asked for: as many words as there are, and asks the policy as a maintainer script does.
APT_GET = """#!/bin/sh
echo "$@" >> "$HOME/calls"
[ -e "$HOME/before" ] && . "$HOME/before"
for word in "$@"; do
    case $word in
    update) touch "$HOME/lists/mirror_Packages"; exit 0 ;;
    install) installing=yes ;;
    -*|*=*) ;;
    *)
        [ -n "$installing" ] || continue
        if [ "$word" = no-such-thing ]; then echo "E: Unable to locate package $word"; exit 100; fi
        "$HOME/sbin/policy-rc.d" "$word.service" start; echo "$word $?" >> "$HOME/policy"
        ! command -v py3compile > /dev/null || py3compile -p "$word"
        printf '%s\\tamd64\\tinstalled\\tok\\t1.0\\t\\n' "$word" >> "$HOME/status" ;;
    esac
done
"""
DPKG = """#!/bin/sh
echo "dpkg $@" >> "$HOME/calls"
"$HOME/sbin/policy-rc.d" half.service start; echo "half $?" >> "$HOME/policy"
sed -i 's/half-configured/installed/' "$HOME/status"
"""
# is-active: what runs is what has a file here.
SYSTEMCTL = """#!/bin/sh
for unit in "$@"; do :; done
[ -e "$HOME/running/$unit" ]
"""


class Host:
    """Where the module believes to be."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.policy = root / "sbin" / "policy-rc.d"
        self.kept = root / "sbin" / "policy-rc.d.kept-by-apt_held"
        for folder in ("sbin", "lists", "running", "updates", "sources.list.d"):
            (root / folder).mkdir()
        (root / "lists" / "mirror_Packages").touch()
        for name in ("calls", "policy"):
            (root / name).touch()
        self.status("base\tamd64\tinstalled\tok\t1.0\tvirtual-base (= 1), other-base")

    def status(self, *lines: str) -> None:
        (self.root / "status").write_text("".join(line + "\n" for line in lines))

    def before(self, script: str) -> None:
        """What apt-get does first."""
        (self.root / "before").write_text(script)

    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()

    def answers(self) -> list[str]:
        """What the policy said to each start."""
        return (self.root / "policy").read_text().splitlines()

    def operators_policy(self, code: int = 0) -> None:
        self.policy.write_text(f"#!/bin/sh\necho operator $1 >> $HOME/policy\nexit {code}\n")
        self.policy.chmod(0o755)


@pytest.fixture
def host(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tool: Tool) -> Host:
    home = tmp_path / "host"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    scripts = {"dpkg-query": DPKG_QUERY, "apt-get": APT_GET, "dpkg": DPKG, "systemctl": SYSTEMCTL}
    for name, script in scripts.items():
        tool(name, script)
    tool("apt-cache", "#!/bin/sh\necho no-such-thong\necho unlike\n")
    monkeypatch.setattr(apt_held, "POLICY", str(home / "sbin" / "policy-rc.d"))
    monkeypatch.setattr(apt_held, "KEPT", str(home / "sbin" / "policy-rc.d.kept-by-apt_held"))
    monkeypatch.setattr(apt_held, "LOCK", str(home / "lock"))
    monkeypatch.setattr(apt_held, "LISTS", str(home / "lists"))
    monkeypatch.setattr(apt_held, "UPDATE_STAMPS", (str(home / "lists"),))
    monkeypatch.setattr(apt_held, "SOURCES", (str(home / "sources.list"), str(home / "sources.list.d")))
    monkeypatch.setattr(apt_held, "STATE", str(home / "state"))
    monkeypatch.setattr(apt_held, "PENDING", str(home / "state" / "pending"))
    monkeypatch.setattr(apt_held, "MODULES", str(home / "modules") + "/")
    monkeypatch.setattr(apt_held, "DPKG_UPDATES", str(home / "updates"))
    host = Host(home)
    age(home / "sources.list.d", 100)
    return host


def age(path: Path, seconds: float) -> None:
    then = time.time() - seconds
    os.utime(path, (then, then))


def test_nothing_missing(host: Host, run_module: Run) -> None:
    age(host.root / "lists", 1e6)
    result = run_module("apt_held", packages=["base", "base:amd64", "virtual-base", "other-base"], diff=True)
    assert not result["changed"] and result["packages"] == [] and "diff" not in result
    assert host.calls() == [] and not host.policy.exists()
    assert result["seconds"] < 1


def test_installs_held_and_lifts(host: Host, run_module: Run) -> None:
    predicted = run_module("apt_held", packages=["base", "nova", "glance"], check=True, diff=True)
    assert host.calls() == []
    result = run_module("apt_held", packages=["base", "nova", "glance"], diff=True)
    assert result["changed"] and result["packages"] == ["nova", "glance"] and result["count"] == 2
    assert {key: predicted[key] for key in ("changed", "packages", "diff")} == {
        key: result[key] for key in ("changed", "packages", "diff")
    }
    assert result["diff"]["after"] == "nova: installed\nglance: installed\n"
    assert host.answers() == ["nova 101", "glance 101"]
    assert len(host.calls()) == 1 and host.calls()[0].endswith("install --no-install-recommends nova glance")
    assert not host.policy.exists()
    assert not run_module("apt_held", packages=["base", "nova", "glance"])["changed"]


def add_modules(host: Host, *names: str) -> None:
    """The Python modules that packages of these names bring."""
    for name in names:
        (host.root / "modules" / name).mkdir(parents=True)
        (host.root / "modules" / name / "__init__.py").write_text("x = 1\n")


def compiled(host: Host) -> list[str]:
    """The packages whose modules have bytecode."""
    return sorted({path.parents[1].name for path in host.root.glob("modules/*/__pycache__/*.pyc")})


def test_modules_are_compiled_at_the_end(host: Host, run_module: Run) -> None:
    add_modules(host, "nova", "glance", "other")
    run_module("apt_held", packages=["nova", "glance"])
    assert compiled(host) == ["glance", "nova"]
    assert not (host.root / "state" / "pending").exists()
    assert not run_module("apt_held", packages=["nova", "glance"])["changed"]


def test_modules_of_a_killed_run_are_compiled_by_the_next(host: Host, run_module: Run) -> None:
    add_modules(host, "base")
    (host.root / "state").mkdir()
    (host.root / "state" / "pending").write_text("base\n")
    assert run_module("apt_held", packages=["base"], check=True)["changed"]
    assert compiled(host) == []
    result = run_module("apt_held", packages=["base"], diff=True)
    assert result["changed"] and result["diff"]["before"] == "Python modules: not compiled\n"
    assert compiled(host) == ["base"]
    assert not run_module("apt_held", packages=["base"])["changed"]


def test_a_module_that_does_not_compile_is_no_failure(host: Host, run_module: Run) -> None:
    add_modules(host, "nova")
    (host.root / "modules" / "nova" / "__init__.py").write_text("print 'as in Python 2'\n")
    assert run_module("apt_held", packages=["nova"])["changed"]


def test_other_uses_of_py3compile_are_not_put_off(host: Host, tmp_path: Path) -> None:
    folder = apt_held.Bytecode.path().partition(":")[0]
    script = Path(folder, "py3compile").read_text()
    assert 'exec /usr/bin/py3compile "$@"' in script
    Path(folder, "py3compile").write_text(script.replace("/usr/bin/py3compile", "/bin/echo"))
    said = subprocess.run(
        [f"{folder}/py3compile", "-p", "nova", "/usr/share/nova"], capture_output=True, text=True, check=True
    )
    assert said.stdout == "-p nova /usr/share/nova\n" and not apt_held.Bytecode.pending()


def test_a_running_service_is_not_held(host: Host, run_module: Run) -> None:
    (host.root / "running" / "nova.service").touch()
    run_module("apt_held", packages=["nova", "glance"])
    assert host.answers() == ["nova 0", "glance 101"]


@pytest.mark.parametrize("link", [False, True])
def test_operators_policy_is_asked_and_kept(host: Host, run_module: Run, link: bool) -> None:
    host.operators_policy(101)
    if link:
        host.policy.rename(host.policy.with_name("real"))
        host.policy.symlink_to("real")
    text = host.policy.read_text()
    (host.root / "running" / "nova.service").touch()
    run_module("apt_held", packages=["nova", "glance"])
    assert host.answers() == ["operator nova.service", "nova 101", "glance 101"]
    assert host.policy.read_text() == text and host.policy.is_symlink() == link
    assert not host.kept.exists()


def test_only_this_installation_is_held(host: Host, run_module: Run) -> None:
    host.operators_policy(0)
    host.before(f"env -u {apt_held.MARK} $HOME/sbin/policy-rc.d ssh.service restart; echo others $? >> $HOME/policy\n")
    run_module("apt_held", packages=["nova"])
    assert host.answers() == ["operator ssh.service", "others 0", "nova 101"]


@pytest.mark.parametrize("operator", [False, True])
def test_leftover_of_a_killed_run(host: Host, run_module: Run, operator: bool) -> None:
    if operator:
        host.operators_policy(0)
    host.before("kill -KILL $PPID; sleep 0.3\n")
    child = os.fork()
    if child == 0:
        try:
            run_module("apt_held", packages=["nova"])
        finally:
            os._exit(0)
    assert os.waitpid(child, 0)[1] == 9
    (host.root / "before").unlink()
    assert apt_held.is_ours(str(host.policy))
    # it holds nobody, and apt-get, which lives on, holds it still
    assert subprocess.run([host.policy, "ssh.service", "start"], check=False).returncode == 0
    result = run_module("apt_held", packages=["base", "nova"])  # waits for that apt-get
    assert not result.get("failed") and result["changed"]
    assert host.answers()[-1] == "nova 101"
    assert [call.endswith("nova") for call in host.calls()] == [True]
    assert host.policy.exists() == operator and not apt_held.is_ours(str(host.policy))
    assert not host.kept.exists()
    assert not run_module("apt_held", packages=["base", "nova"])["changed"]


def test_leftover_alone(host: Host, run_module: Run) -> None:
    host.policy.write_text(f"#!/bin/sh\n# {apt_held.SIGNATURE}\n")
    assert run_module("apt_held", packages=["base"], check=True)["changed"] and host.policy.exists()
    result = run_module("apt_held", packages=["base"], diff=True)
    assert result["changed"] and "left behind" in result["diff"]["before"] and not host.policy.exists()
    assert not run_module("apt_held", packages=["base"])["changed"]


@pytest.mark.parametrize("name", ["TERM", "HUP", "INT"])
def test_a_signal_lifts_the_hold(host: Host, run_module: Run, name: str) -> None:
    host.operators_policy(0)
    text = host.policy.read_text()
    host.before(f"trap 'echo told >> $HOME/calls; exit 1' INT; kill -{name} $PPID; sleep 5 & wait\n")
    result = run_module("apt_held", packages=["nova"])
    assert result["failed"] and f"stopped by SIG{name}" in result["msg"]
    assert host.calls()[-1] == "told"
    assert host.policy.read_text() == text


def test_an_exception_lifts_the_hold(host: Host, run_module: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(_self: object, _names: list[str], _repair: bool) -> tuple[int, str]:
        assert host.policy.exists()
        raise OSError(28, "No space left on device", "/var")

    monkeypatch.setattr(apt_held.Apt, "install", broken)
    result = run_module("apt_held", packages=["nova"])
    assert result["failed"] and result["msg"] == "No space left on device: /var"
    assert not host.policy.exists()


def test_interrupted_installation_is_finished(host: Host, run_module: Run) -> None:
    host.status("base\tamd64\tinstalled\tok\t1.0\t", "half\tamd64\thalf-configured\tok\t1.0\t")
    assert run_module("apt_held", packages=["base"], check=True)["changed"]
    result = run_module("apt_held", packages=["base"], diff=True)
    assert result["changed"] and result["finished"] == ["half"] and result["packages"] == []
    assert host.calls() == ["dpkg --configure -a --force-confdef --force-confold"]
    assert host.answers() == ["half 101"]
    assert not run_module("apt_held", packages=["base"])["changed"]


def test_interrupted_dpkg_journal(host: Host, run_module: Run) -> None:
    (host.root / "updates" / "0001").touch()
    run_module("apt_held", packages=["nova"])
    assert host.calls()[0].startswith("dpkg --configure -a") and "--fix-broken nova" in host.calls()[1]


@pytest.mark.parametrize(
    ("prepare", "updates"),
    [
        (lambda root: None, False),
        (lambda root: age(root / "lists", 3601), True),
        (lambda root: age(root / "lists", 3500), False),
        (lambda root: (root / "lists" / "mirror_Packages").unlink(), True),
        (lambda root: age(root / "sources.list.d", 10) or age(root / "lists", 20), True),
        (lambda root: (root / "sources.list.d" / "new.sources").touch() or age(root / "lists", 1), True),
    ],
)
def test_when_the_lists_are_fetched(
    host: Host, run_module: Run, prepare: Callable[[Path], object], updates: bool
) -> None:
    age(host.root / "sources.list.d", 4000)
    prepare(host.root)
    result = run_module("apt_held", packages=["nova"])
    assert result["cache_updated"] == updates
    assert [("update" in call) for call in host.calls()] == ([True, False] if updates else [False])
    assert not run_module("apt_held", packages=["glance"])["cache_updated"]


def test_an_unknown_package(host: Host, run_module: Run) -> None:
    result = run_module("apt_held", packages=["no-such-thing"])
    assert result["failed"]
    assert result["msg"].startswith("apt knows no such package: no-such-thing (did you mean no-such-thong?).")
    assert ["update" in call for call in host.calls()] == [False, True, False]  # the lists might have been too old
    assert not host.policy.exists()


def test_a_failing_package(host: Host, run_module: Run) -> None:
    host.before('case "$*" in *install*) seq 50; echo "E: postinst says no"; exit 100 ;; esac\n')
    result = run_module("apt_held", packages=["nova"])
    assert result["msg"] == "apt-get could not install nova. E: postinst says no"
    assert len(result["output"]) == 15


def test_a_mirror_that_is_down(host: Host, run_module: Run) -> None:
    age(host.root / "lists", 4000)
    host.before('case "$*" in *update*) echo "E: Failed to fetch http://mirror"; exit 100 ;; esac\n')
    result = run_module("apt_held", packages=["nova"])
    assert result["changed"] and "Failed to fetch http://mirror" in str(result["warnings"])
    (host.root / "lists" / "mirror_Packages").unlink()
    result = run_module("apt_held", packages=["glance"])
    assert result["msg"] == "The package lists cannot be fetched. E: Failed to fetch http://mirror"


def test_a_lock_of_somebody_else(host: Host, run_module: Run) -> None:
    host.before('if [ ! -e $HOME/second ]; then touch $HOME/second; echo "E: Could not get lock /x"; exit 100; fi\n')
    assert run_module("apt_held", packages=["nova"])["changed"]
    host.before('echo "E: Could not get lock /x. It is held by process 7 (apt)"; exit 100\n')
    result = run_module("apt_held", packages=["glance"], lock_timeout=1)
    assert result["failed"] and "It is held by process 7 (apt)" in result["msg"] and "lock_timeout" in result["msg"]
    assert not host.policy.exists()


def test_another_apt_held(host: Host, run_module: Run) -> None:
    with open(host.root / "lock", "w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        result = run_module("apt_held", packages=["nova"], lock_timeout=0)
    assert result["failed"] and "Another apt_held is still installing" in result["msg"]


@pytest.mark.parametrize("name", ["--reinstall", "nova=1.0", "Nova", "a b", "", "x"])
def test_names_that_are_none(host: Host, run_module: Run, name: str) -> None:
    result = run_module("apt_held", packages=["base", name])
    assert result["failed"] and repr(name) in result["msg"]
    assert host.calls() == []
