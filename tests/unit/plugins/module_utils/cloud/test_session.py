# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import json
import threading
from pathlib import Path
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import errors
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.session import Cloud, CloudOptions


@pytest.fixture
def clouds(fake: Any, tmp_path: Path) -> Path:
    """A clouds.yaml where it is looked for (JSON is YAML)."""
    path = tmp_path / "clouds.yaml"
    definitions = {
        "lab": {"auth": fake.auth()},
        "prod": {"auth": fake.auth(password="wrong"), "region_name": "south"},
        "half": {"auth": {"auth_url": fake.url + "/v3", "username": "demo", "project_name": "demo"}},
        "odd": {"auth": fake.auth(), "auth_type": "v9magic"},
        "empty": {},
        "fixed": {"auth": fake.auth(), "compute_endpoint_override": "http://elsewhere:8774/v2.1/"},
    }
    path.write_text(json.dumps({"clouds": definitions}), encoding="utf-8")
    return path


def login(**options: Any) -> Cloud:
    cloud = Cloud(CloudOptions(**{"api_timeout": 5, **options}))
    cloud.retry_delays = (0.01, 0.01, 0.01)
    cloud.login()
    return cloud


def test_by_name(fake: Any, clouds: Path) -> None:
    cloud = login(cloud="lab")
    assert cloud.name == "cloud 'lab'"
    assert cloud.user == "user 'demo' in project 'demo'"
    assert cloud.roles == ["member"]
    assert cloud.project_id == "p"


def test_by_the_environment(fake: Any, clouds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OS_CLOUD", "lab")
    assert login().name == "cloud 'lab'"
    monkeypatch.setenv("OS_CLOUD", "lub")
    with pytest.raises(errors.ConfigError, match=r"^There is no cloud 'lub' \(environment variable OS_CLOUD\) in "):
        login()


def test_by_credentials_alone(fake: Any, clouds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    # nothing of this has a say
    monkeypatch.setenv("OS_CLOUD", "no such cloud")
    monkeypatch.setenv("OS_USERNAME", "somebody-else")
    cloud = login(auth=fake.auth())
    assert cloud.user == "user 'demo' in project 'demo'"
    assert cloud.name == "the cloud at %s/v3" % fake.url


def test_credentials_over_a_cloud(fake: Any, clouds: Path) -> None:
    assert login(cloud="prod", auth={"password": fake.auth()["password"]}).name == "cloud 'prod'"


def test_no_such_cloud(fake: Any, clouds: Path) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        login(cloud="lub")
    assert str(caught.value) == (
        "There is no cloud 'lub' (option cloud) in %s, which has: empty, fixed, half, lab, odd, prod." % clouds
    )


def test_no_clouds_at_all(fake: Any) -> None:
    with pytest.raises(errors.ConfigError, match=r"no clouds\.yaml was found in the working directory"):
        login(cloud="lab")
    with pytest.raises(
        errors.ConfigError, match=r"^No cloud was named: give the option cloud or auth, or set OS_CLOUD"
    ):
        login()


def test_a_clouds_yaml_that_is_none(fake: Any, clouds: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    clouds.write_text("clouds: [a, {\n", encoding="utf-8")
    # openstacksdk before 4.5 says so, later ones pass over the file
    with pytest.raises(errors.ConfigError, match=r"( is not valid YAML \(line 2\)|cannot be used: .* line 2)"):
        login(cloud="lab")
    clouds.rename(clouds.parent / "mine.yaml")
    monkeypatch.setenv("OS_CLIENT_CONFIG_FILE", str(clouds.parent / "mine.yaml"))
    with pytest.raises(errors.ConfigError, match=r"( is not valid YAML \(line 2\)|cannot be used: .* line 2)"):
        login(cloud="lab")
    monkeypatch.delenv("OS_CLIENT_CONFIG_FILE")
    clouds.write_text("- a list\n", encoding="utf-8")
    with pytest.raises(errors.ConfigError, match=r"^clouds\.yaml cannot be used: .* is empty or not a valid mapping\."):
        login(cloud="lab")


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("empty", "The credentials of cloud 'empty' lack auth_url."),
        ("odd", "The auth_type 'v9magic' of cloud 'odd' is not known to keystoneauth1."),
    ],
)
def test_a_definition_that_lacks_something(fake: Any, clouds: Path, name: str, text: str) -> None:
    with pytest.raises(errors.ConfigError) as caught:
        login(cloud=name)
    assert str(caught.value) == text


def test_a_password_that_is_missing(fake: Any, clouds: Path) -> None:
    with pytest.raises(errors.CloudError) as caught:
        login(cloud="half")
    assert str(caught.value) == "The credentials of cloud 'half' are not complete: password is a required attribute."


def test_a_password_that_is_in_secure_yaml(fake: Any, clouds: Path) -> None:
    secure = clouds.parent / "secure.yaml"
    secure.write_text(json.dumps({"clouds": {"half": {"auth": {"password": fake.auth()["password"]}}}}), "utf-8")
    login(cloud="half")
    # openstacksdk passes over it
    secure.write_text("clouds:\n  half: [\n", encoding="utf-8")
    with pytest.raises(
        errors.ConfigError, match=r"complete: password is .*\. .*/secure\.yaml is not valid YAML \(line 3\)\.$"
    ):
        login(cloud="half")


def test_a_wrong_password(fake: Any, clouds: Path) -> None:
    with pytest.raises(errors.AuthError) as caught:
        login(cloud="prod")
    assert str(caught.value) == (
        "Keystone at %s/v3 (cloud 'prod') refused the login of user 'demo' in project 'demo': a wrong password, user,"
        " project or domain, or no role there." % fake.url
    )
    assert fake.calls("/v3/auth/tokens") == 1


def test_a_keystone_that_is_down(fake: Any) -> None:
    auth = fake.auth(auth_url="http://127.0.0.1:9/v3")
    with pytest.raises(
        errors.UnreachableError, match=r"^Keystone at http://127\.0\.0\.1:9/v3 .* does not answer: conn"
    ):
        login(auth=auth)
    auth = fake.auth(auth_url="http://keystone.invalid/v3")
    with pytest.raises(errors.UnreachableError, match="its name cannot be resolved"):
        login(auth=auth)


def test_a_keystone_that_is_busy(fake: Any) -> None:
    fake.says("POST", "/v3/auth/tokens", {"status": 503})
    with pytest.raises(errors.UnavailableError, match="answered 503 to the login, 4 times"):
        login(auth=fake.auth())


def test_a_keystone_that_hangs(fake: Any) -> None:
    fake.says("POST", "/v3/auth/tokens", {"status": 503, "delay": 1.5})
    with pytest.raises(errors.UnreachableError, match=r"did not answer the login within 1 s \(option api_timeout\)"):
        login(auth=fake.auth(), api_timeout=1)


def test_something_that_is_no_keystone(fake: Any) -> None:
    for path in ("/", "/v3"):
        fake.says("GET", path, {"raw": b"hello"})
    fake.says("POST", "/auth/tokens", {"status": 405})
    with pytest.raises(errors.CloudError, match="Keystone at"):
        login(auth=fake.auth(auth_url=fake.url))


def test_endpoints(fake: Any, clouds: Path) -> None:
    cloud = login(cloud="lab")
    assert cloud.endpoint("compute") == fake.url + "/compute/v2.1"
    assert cloud.endpoint("placement") == fake.url + "/placement"
    assert cloud.endpoint("image") == fake.url + "/image/v2"
    assert login(cloud="fixed").endpoint("compute") == "http://elsewhere:8774/v2.1"
    fake.endpoints["compute"] = "/compute/"
    assert login(cloud="lab").endpoint("compute") == fake.url + "/compute/v2.1"
    fake.endpoints["compute"] = "/compute/v2.1/project"
    assert login(cloud="lab").endpoint("compute") == fake.url + "/compute/v2.1/project"


def test_a_service_that_is_not_in_the_catalog(fake: Any, clouds: Path) -> None:
    del fake.endpoints["placement"]
    with pytest.raises(errors.NoServiceError) as caught:
        login(cloud="lab").endpoint("placement")
    assert str(caught.value) == (
        "The catalog of cloud 'lab' has no Placement (service type placement, interface public); it has:"
        " compute, image."
    )


def test_a_service_that_is_not_in_the_region(fake: Any, clouds: Path) -> None:
    with pytest.raises(errors.NoServiceError) as caught:
        login(cloud="lab", region_name="south").endpoint("compute")
    assert str(caught.value) == (
        "The catalog of cloud 'lab' has no Nova (service type compute, interface public, region south); it has it as:"
        " public in north."
    )


def test_each_keeps_the_order_and_the_bound(fake: Any) -> None:
    cloud = fake.session()
    running: set[int] = set()
    most = []
    lock = threading.Lock()
    gate = threading.Barrier(3, timeout=10)

    def work(number: int) -> int:
        with lock:
            running.add(number)
            most.append(len(running))
        gate.wait()
        with lock:
            running.discard(number)
        return number * number

    assert cloud.each(work, range(6), workers=3) == [0, 1, 4, 9, 16, 25]
    assert max(most) == 3


def test_each_gives_the_first_error(fake: Any) -> None:
    def work(number: int) -> int:
        raise errors.CloudError("number %d" % number)

    with pytest.raises(errors.CloudError, match="number 0"):
        fake.session().each(work, range(4))
