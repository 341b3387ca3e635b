# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""oslo_config: files that the service's own definitions accept, and only those."""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils import _ini

Run = Callable[..., dict[str, Any]]

SERVICE = """
from keystoneauth1 import loading
from oslo_config import cfg, types

def list_opts():
    print("services print while they are imported")
    return [
        (None, [
            cfg.BoolOpt("debug"),
            cfg.StrOpt("my_ip", default="127.0.0.1"),
            cfg.StrOpt("state_path"),
            cfg.IntOpt("workers", min=1),
            cfg.FloatOpt("ratio"),
            cfg.StrOpt("transport_url", secret=True),
            cfg.ListOpt("filters"),
            cfg.ListOpt("apis", item_type=types.String(choices=["a", "b"])),
            cfg.ListOpt("plugins", bounds=True),
            cfg.DictOpt("backends"),
            cfg.MultiStrOpt("alias"),
            cfg.MultiStrOpt("driver"),
            cfg.StrOpt("new_name", deprecated_name="old_name", deprecated_group="olden"),
            cfg.StrOpt("leaving", deprecated_for_removal=True, deprecated_reason="It is of no use. Really."),
        ]),
        (cfg.OptGroup("virt"), [
            cfg.StrOpt("virt_type", choices=["kvm", "qemu"]),
            cfg.StrOpt("path"),
            cfg.StrOpt("hidden", secret=True),
            cfg.URIOpt("endpoint"),
            cfg.IntOpt("max_active_keys"),
            cfg.StrOpt("key_repository"),
        ]),
        ("database", [cfg.StrOpt("connection", secret=True)]),
        ("auth", loading.get_auth_common_conf_options() + loading.get_session_conf_options()),
        ("store", [cfg.StrOpt("datadir")]),
    ]
"""


@pytest.fixture
def service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An installed service that brings its option definitions along; the path of its entry points."""
    site = tmp_path / "site"
    info = site / "fakeservice-1.0.dist-info"
    info.mkdir(parents=True)
    (site / "fakeservice_opts.py").write_text(SERVICE)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: fakeservice\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[oslo.config.opts]\nfake.conf = fakeservice_opts:list_opts\n")
    monkeypatch.syspath_prepend(str(site))
    return info / "entry_points.txt"


@pytest.fixture
def install(run_module: Run, service: Path, tmp_path: Path) -> Run:
    """install(config): run the module on one file."""

    def run(config: Any, path: Path = tmp_path / "x.conf", **options: Any) -> dict[str, Any]:
        file = {"path": str(path), "config": config}
        file.update({key: options.pop(key) for key in ("like", "unchecked") if key in options})
        return run_module("oslo_config", **{"files": [file], "namespaces": ["fake.conf"], "diff": True} | options)

    return run


def content(path: Path) -> _ini.Sections:
    return _ini.load(str(path))


def leftovers(folder: Path) -> list[str]:
    return [name for name in os.listdir(folder) if name.startswith(".")]


FULL: dict[str, dict[str, Any]] = {
    "DEFAULT": {
        "debug": True,
        "my_ip": "192.0.2.1",
        "state_path": "/var/lib/fake",
        "workers": 2,
        "ratio": 1.5,
        "transport_url": "rabbit://nova:rabbitpw1@192.0.2.1:5672/",
        "filters": ["One", "Two"],
        "apis": ["a", "b"],
        "plugins": ["x", "y"],
        "backends": {"one": "file", "two": "rbd"},
        "alias": [{"name": "gpu", "ids": [1, 2]}, "plain"],
        "driver": ["noop", "log"],
        "leaving": None,
    },
    "virt": {"virt_type": "qemu", "path": "$state_path/$my_ip", "key_repository": "/etc/fake/keys", "hidden": ""},
    "database": {"connection": "mysql+pymysql://nova:databasepw1@192.0.2.1/nova"},
    "auth": {"auth_type": "password", "username": "nova", "password": "servicepw1", "auth_url": "http://192.0.2.1"},
    "virtually_nothing": None,
}


def test_writes_every_kind_of_value(install: Run, tmp_path: Path) -> None:
    result = install(FULL)
    assert result["changed"] and result["validated"], result
    read = content(tmp_path / "x.conf")
    assert read["DEFAULT"] == {
        "debug": ["true"],
        "my_ip": ["192.0.2.1"],
        "state_path": ["/var/lib/fake"],
        "workers": ["2"],
        "ratio": ["1.5"],
        "transport_url": ["rabbit://nova:rabbitpw1@192.0.2.1:5672/"],
        "filters": ["One,Two"],
        "apis": ["a,b"],
        "plugins": ["[x,y]"],
        "backends": ["one:file,two:rbd"],
        "alias": ['{"ids": [1, 2], "name": "gpu"}', "plain"],
        "driver": ["noop", "log"],
    }
    assert read["virt"]["hidden"] == [""]
    assert sorted(read) == ["DEFAULT", "auth", "database", "virt"]
    assert (tmp_path / "x.conf").read_text().startswith("# Managed by scaleout.nova")


def test_says_where_to_change_the_content(install: Run, tmp_path: Path) -> None:
    install({"DEFAULT": {"debug": True}}, source="nova_config of the inventory")
    assert "# Change nova_config of the inventory instead.\n" in (tmp_path / "x.conf").read_text()


def test_the_second_run_changes_nothing_and_needs_no_definitions(install: Run, service: Path, tmp_path: Path) -> None:
    install(FULL)
    before = (tmp_path / "x.conf").stat()
    service.write_text("[oslo.config.opts]\n")  # a look at the definitions would fail now
    result = install(FULL)
    assert not result["changed"] and not result["validated"], result
    assert result["diff"] == []
    assert (tmp_path / "x.conf").stat().st_ino == before.st_ino


def test_a_hand_edit_with_the_same_meaning_is_no_change(install: Run, tmp_path: Path) -> None:
    install(FULL)
    path = tmp_path / "x.conf"
    path.write_text(path.read_text().replace("debug = true", "# why not\n\ndebug: true") + "\n[empty]\n")
    assert not install(FULL)["changed"]
    # also where nothing says that a human did not write the whole file
    path.write_text(path.read_text().replace("# Managed", "# managed"))
    assert not install(FULL)["changed"]


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("debug = true", "debug = false"),
        ("debug = true\n", ""),
        ("driver = noop\ndriver = log", "driver = log\ndriver = noop"),
        ("driver = noop\ndriver = log", "driver = noop,log"),
        ("filters = One,Two", "filters = One\nfilters = Two"),
        ("[virt]", "[virt]\nendpoint = http://x"),
        ("[virt]", "[virt]\nunknown_option = 1"),
        ("[virt]", "not an assignment\n[virt]"),
    ],
)
def test_a_hand_edit_with_another_meaning_is_put_right(install: Run, tmp_path: Path, old: str, new: str) -> None:
    install(FULL)
    path = tmp_path / "x.conf"
    right = content(path)
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    assert install(FULL)["changed"]
    assert content(path) == right
    assert not install(FULL)["changed"]


def refused(result: dict[str, Any]) -> list[str]:
    assert result.get("failed"), result
    assert "no file was touched" in result["msg"]
    return [re.sub(r"^/\S*: ", "", problem) for problem in result["problems"]]


@pytest.mark.parametrize(
    ("config", "problem"),
    [
        ({"DEFAULT": {"debgu": True}}, "[DEFAULT] debgu is not an option (did you mean debug?)"),
        ({"DEFAULT": {"virt_type": "qemu"}}, "[DEFAULT] virt_type is not an option there, but of [virt]"),
        ({"vrit": {"virt_type": "qemu"}}, "[vrit] is not a section of this service (did you mean virt?)"),
        ({"virt": {"virt-type": "qemu"}}, "[virt] virt-type is not an option (write virt_type)"),
        ({"virt": {"virt_type": "xen"}}, "[virt] virt_type = xen: must be one of kvm, qemu"),
        ({"DEFAULT": {"apis": ["a", "c"]}}, '[DEFAULT] apis = ["a", "c"]: must be one of a, b'),
        ({"DEFAULT": {"workers": "two"}}, "[DEFAULT] workers = two: must be a number"),
        ({"DEFAULT": {"workers": 0}}, "[DEFAULT] workers = 0: should be greater than or equal to 1"),
        ({"DEFAULT": {"debug": "maybe"}}, "[DEFAULT] debug = maybe: unexpected boolean value 'maybe'"),
        ({"DEFAULT": {"filters": ["a", "b,c"]}}, "cannot be empty or have a comma"),
        ({"DEFAULT": {"backends": {"a": "b,c:d"}}}, "a key or a value cannot have a comma"),
        ({"DEFAULT": {"backends": "nonsense"}}, "[DEFAULT] backends = nonsense: value should be NAME:VALUE pairs"),
        ({"DEFAULT": {"my_ip": ["a", "b"]}}, "[DEFAULT] my_ip takes one value, not a list"),
        ({"DEFAULT": {"my_ip": {"a": "b"}}}, "[DEFAULT] my_ip takes no dictionary"),
        ({"DEFAULT": {"my_ip": "a\nb"}}, '[DEFAULT] my_ip = "a\\nb": a value cannot have a line break'),
        ({"virt": {"path": "$nothing/x"}}, "$nothing would be replaced by the option nothing, which does not exist"),
        ({"virt": {"path": "${virt.nothing}"}}, "which does not exist (a dollar sign is written $$)"),
        ({"auth": {"auth_type": "passwrd"}}, "is not a plugin of keystoneauth (did you mean password?)"),
        ({"virt": {"auth_type": "password", "username": "x"}}, "[virt] username is not an option"),
        ({"DEFAULT": "debug = true"}, "section [DEFAULT] must be a dictionary of options, not a text"),
        ({"DEFAULT": {"filters": [["a"]]}}, "[DEFAULT] filters is a list that holds a list"),
        ({"DEFAULT": {"backends": {"a": None}}}, "[DEFAULT] backends is a dictionary that holds null"),
    ],
)
def test_refuses(install: Run, tmp_path: Path, config: Any, problem: str) -> None:
    problems = refused(install(config))
    assert any(problem in item for item in problems), problems
    assert not (tmp_path / "x.conf").exists()
    assert not leftovers(tmp_path)


def test_tells_all_the_problems_at_once_and_touches_no_file(run_module: Run, service: Path, tmp_path: Path) -> None:
    good, bad = tmp_path / "good.conf", tmp_path / "bad.conf"
    good.write_text("[DEFAULT]\ndebug = false\n")
    result = run_module(
        "oslo_config",
        files=[
            {"path": str(good), "config": {"DEFAULT": {"debug": True}}},
            {"path": str(bad), "config": {"DEFAULT": {"debgu": True, "workers": "x"}, "nothing": {"a": 1}}},
        ],
        namespaces=["fake.conf"],
    )
    assert len(refused(result)) == 3
    assert all(problem in result["msg"] for problem in result["problems"])
    assert content(good) == {"DEFAULT": {"debug": ["false"]}}
    assert not bad.exists()


def test_a_file_that_cannot_be_written_leaves_nothing_behind(
    run_module: Run, service: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rename(source: str, target: str) -> None:
        raise OSError(28, "No space left on device", target)

    monkeypatch.setattr(os, "rename", rename)
    files = [{"path": str(tmp_path / name), "config": {"DEFAULT": {"debug": True}}} for name in ("a", "b")]
    result = run_module("oslo_config", files=files, namespaces=["fake.conf"])
    assert "could not be written: No space left on device" in result["msg"]
    assert not leftovers(tmp_path)


def test_sections_like_others_and_unchecked_options(install: Run, tmp_path: Path) -> None:
    config = {"fast": {"datadir": "/fast", "description": "a store"}, "free": {"x": [1, 2]}}
    assert len(refused(install(config))) == 2
    result = install(config, like={"fast": "store"}, unchecked={"fast": ["description"], "free": ["*"]})
    assert result["changed"], result
    assert content(tmp_path / "x.conf") == {
        "fast": {"datadir": ["/fast"], "description": ["a store"]},
        "free": {"x": ["1,2"]},
    }
    (tmp_path / "x.conf").unlink()
    problems = refused(install(config, like={"fast": "stroe", "other": "store"}, unchecked={"free": ["*"]}))
    assert problems == [
        "like: [fast] is to be like [stroe], which is no section (did you mean store?)",
        "like names the section [other], which config does not have",
    ]


def test_old_names_are_taken_with_a_warning(install: Run, tmp_path: Path) -> None:
    result = install({"olden": {"old_name": "x"}, "DEFAULT": {"leaving": "y"}})
    warnings = " ".join(map(str, result["warnings"]))
    assert "[olden] old_name is an old name: write [DEFAULT] new_name" in warnings
    assert "[DEFAULT] leaving will be removed from a coming release: It is of no use" in warnings
    assert content(tmp_path / "x.conf") == {"olden": {"old_name": ["x"]}, "DEFAULT": {"leaving": ["y"]}}


def test_auth_section(install: Run) -> None:
    config = {"auth": {"auth_section": "common"}, "common": {"auth_type": "password", "username": "x"}}
    assert install(config)["changed"]


# --- owner, mode, directory ------------------------------------------------------------------------------------------


def test_mode_of_a_new_file_and_of_an_old_one(install: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    install({"DEFAULT": {"debug": True}})
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    path.chmod(0o644)
    result = install({"DEFAULT": {"debug": True}}, check=True)
    assert result["changed"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o644
    result = install({"DEFAULT": {"debug": True}})
    assert result["changed"] and not result["validated"]
    assert "mode: 0644" in result["diff"][0]["before"] and "mode: 0640" in result["diff"][0]["after"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o640
    assert not install({"DEFAULT": {"debug": True}})["changed"]


def test_the_mode_needs_quotes(install: Run) -> None:
    assert "mode 416 is not an octal mode in quotes" in install({"DEFAULT": {"debug": True}}, mode=416)["msg"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")
def test_owner_and_group(install: Run, tmp_path: Path) -> None:
    path = tmp_path / "x.conf"
    install({"DEFAULT": {"debug": True}}, owner="nobody", group="65533")
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65533)
    install({"DEFAULT": {"debug": False}})  # kept when not given
    assert (path.stat().st_uid, path.stat().st_gid) == (65534, 65533)
    result = install({"DEFAULT": {"debug": False}}, owner="root", group="root")
    assert result["changed"] and "owner: nobody" in result["diff"][0]["before"]
    assert (path.stat().st_uid, path.stat().st_gid) == (0, 0)


def test_an_owner_or_a_directory_that_is_not_there_yet(install: Run, tmp_path: Path) -> None:
    config = {"DEFAULT": {"debug": True}}
    assert "the owner no-such-user of the files does not exist" in install(config, owner="no-such-user")["msg"]
    assert install(config, owner="no-such-user", check=True)["changed"]
    path = tmp_path / "etc" / "x.conf"
    assert f"the directory of {path} does not exist" in install(config, path=path)["msg"]
    assert install(config, path=path, check=True)["changed"]
    assert not path.parent.exists()


def test_a_link_stays_a_link(install: Run, tmp_path: Path) -> None:
    (tmp_path / "link.conf").symlink_to("real.conf")
    assert install({"DEFAULT": {"debug": True}}, path=tmp_path / "link.conf")["changed"]
    assert (tmp_path / "link.conf").is_symlink()
    assert content(tmp_path / "real.conf") == {"DEFAULT": {"debug": ["true"]}}


# --- check mode ------------------------------------------------------------------------------------------------------


def test_check_mode_tells_the_same_and_writes_nothing(install: Run, tmp_path: Path) -> None:
    predicted = install(FULL, check=True)
    assert not (tmp_path / "x.conf").exists() and not leftovers(tmp_path)
    real = install(FULL)
    for key in ("changed", "validated", "files", "diff"):
        assert predicted[key] == real[key]
    assert not install(FULL, check=True)["changed"]
    assert refused(install({"DEFAULT": {"debgu": True}}, check=True))


def test_where_the_service_is_not_installed_yet(install: Run, tmp_path: Path) -> None:
    result = install(FULL, namespaces=["fake.conf", "missing.conf"])
    assert "entry point oslo.config.opts) of missing.conf" in result["msg"]
    result = install(FULL, namespaces=["fake.conf", "missing.conf"], check=True)
    assert result["changed"] and not result["validated"]
    assert "[DEFAULT] filters = One,Two\n" in result["diff"][0]["after"]
    assert "servicepw1" not in str(result)
    assert not (tmp_path / "x.conf").exists()


# --- secrets ---------------------------------------------------------------------------------------------------------

SECRETS = ("rabbitpw1", "databasepw1", "servicepw1")


def test_no_secret_in_results_and_logs(install: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    logged: list[str] = []
    monkeypatch.setattr(AnsibleModule, "log", lambda _self, msg, log_args=None: logged.append(f"{msg} {log_args}"))
    config = {**FULL, "virt": {"hidden": "it's \\ hidden\""}}
    result = install(config)
    assert result["changed"]
    assert "files=NOT_LOGGING_PARAMETER" in logged[0]
    for secret in (*SECRETS, "hidden\\", 'hidden"', "it's"):
        assert secret not in str(result)
        assert secret not in " ".join(logged)
    lines = result["diff"][0]["after"].splitlines()
    assert "[virt] hidden = (secret)" in lines
    assert "[auth] password = (secret)" in lines
    assert "[database] connection = mysql+pymysql://nova:***@192.0.2.1/nova" in lines
    # what is no secret can be seen, although config is kept out of the logs
    assert "[DEFAULT] debug = true" in lines
    assert "[auth] auth_url = http://192.0.2.1" in lines


def test_a_diff_says_that_a_secret_changes(install: Run) -> None:
    install(FULL)
    other = {**FULL, "auth": {**FULL["auth"], "password": "servicepw2"}}
    other["database"] = {"connection": "mysql+pymysql://nova:databasepw2@192.0.2.1/nova"}
    result = install(other)
    before, after = result["diff"][0]["before"].splitlines(), result["diff"][0]["after"].splitlines()
    assert sorted(set(before) - set(after)) == [
        "[auth] password = (secret)",
        "[database] connection = mysql+pymysql://nova:***@192.0.2.1/nova",
    ]
    assert sorted(set(after) - set(before)) == [
        "[auth] password = (another secret)",
        "[database] connection = mysql+pymysql://nova:***@192.0.2.1/nova (another password)",
    ]
    assert not any(secret in str(result) for secret in (*SECRETS, "servicepw2", "databasepw2"))


@pytest.mark.parametrize(
    "config",
    [
        {"virt": {"hidden": "topsecret1$there"}},
        {"virt": {"hidden": "topsecret1\n"}},
        {"virt": {"endpoint": "nonsense://u:topsecret1@h$there"}},
        {"auth": {"auth_type": "password", "password": ["topsecret1", "x"]}},
        {"DEFAULT": {"debug": True}, "nothing": {"password": "topsecret1"}},
    ],
)
def test_no_secret_in_an_error(install: Run, config: Any) -> None:
    result = install(config)
    assert refused(result)
    assert "topsecret1" not in str(result)


def test_a_short_secret_does_not_mask_the_output(install: Run) -> None:
    result = install({"virt": {"hidden": "a"}, "DEFAULT": {"state_path": "/var/data"}})
    assert "[DEFAULT] state_path = /var/data\n" in result["diff"][0]["after"]
    assert "[virt] hidden = (secret)" in result["diff"][0]["after"]


def test_paths_and_numbers_are_no_secrets(install: Run) -> None:
    result = install({"virt": {"max_active_keys": "3", "key_repository": "/etc/fake/keys"}})
    assert "[virt] max_active_keys = 3\n[virt] key_repository" not in result["diff"][0]["after"]
    assert result["diff"][0]["after"] == "[virt] key_repository = /etc/fake/keys\n[virt] max_active_keys = 3\n"
