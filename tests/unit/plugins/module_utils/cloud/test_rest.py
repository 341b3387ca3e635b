# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

import time
from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import errors
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.nova import Nova
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.placement import Placement
from ansible_collections.scaleout.nova.plugins.module_utils._cloud.rest import Service

PATH = "/compute/v2.1/os-services"
OK: dict[str, Any] = {"body": {"services": []}}


def test_the_answer_and_the_microversion(fake: Any) -> None:
    fake.says("GET", PATH, {"body": {"services": [1]}})
    nova = Nova(fake.session())
    assert nova.get("/os-services", params={"binary": "nova-compute"}) == {"services": [1]}
    _method, path, headers = fake.log[-1]
    assert path == PATH + "?binary=nova-compute"
    assert headers["OpenStack-API-Version"] == "compute 2.53"
    assert headers["X-Auth-Token"] == "a-token"
    nova.get("/os-services", microversion="2.90")
    assert fake.log[-1][2]["OpenStack-API-Version"] == "compute 2.90"
    assert nova.cloud.calls == 2


def test_the_login_is_made_once_for_all_services(fake: Any) -> None:
    fake.says("GET", PATH, OK)
    fake.says("GET", "/placement/resource_providers/x/inventories", {"body": {"inventories": {}}})
    cloud = fake.session()
    Nova(cloud).get("/os-services")
    assert Placement(cloud).inventories("x") == {}
    assert fake.calls("/v3/auth/tokens") == 1


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_service_is_asked_again(fake: Any, status: int) -> None:
    fake.says("GET", PATH, {"status": status}, {"status": status}, {"status": status}, OK)
    assert Nova(fake.session()).get("/os-services") == {"services": []}
    assert fake.calls(PATH) == 4


def test_not_for_ever(fake: Any) -> None:
    fake.says("GET", PATH, {"status": 503})
    with pytest.raises(errors.UnavailableError) as caught:
        Nova(fake.session()).get("/os-services")
    assert fake.calls(PATH) == 4
    assert str(caught.value).startswith(
        "Nova at %s/compute/v2.1 answered 503 to GET /os-services, 4 times in" % fake.url
    )


def test_retry_after_is_honoured_within_reason(fake: Any) -> None:
    session = fake.session()
    session.retry_delays = (5.0, 0.01)
    fake.says("GET", PATH, {"status": 429, "headers": {"Retry-After": "0"}}, OK)
    started = time.monotonic()
    Nova(session).get("/os-services")
    assert time.monotonic() - started < 2
    fake.says("GET", PATH, {"status": 429, "headers": {"Retry-After": "3600"}}, OK)
    session.retry_delays = (0.01,)
    Nova(session).get("/os-services")
    assert time.monotonic() - started < 2


@pytest.mark.parametrize(("status", "calls"), [(503, 2), (429, 2), (502, 1), (504, 1), (500, 1)])
def test_a_post_is_repeated_only_when_nothing_was_done(fake: Any, status: int, calls: int) -> None:
    fake.says("POST", PATH, {"status": status}, OK)
    nova = Nova(fake.session())
    if calls == 2:
        nova.post("/os-services", {})
    else:
        with pytest.raises(errors.HttpError):
            nova.post("/os-services", {})
    assert fake.calls(PATH) == calls


@pytest.mark.parametrize(("method", "calls"), [("GET", 2), ("POST", 1)])
def test_a_service_that_hangs(fake: Any, method: str, calls: int) -> None:
    fake.says(method, PATH, {"delay": 1.5, **OK})
    nova = Nova(fake.session(api_timeout=1))
    with pytest.raises(errors.UnreachableError) as caught:
        nova.request(method, "/os-services")
    assert fake.calls(PATH) == calls
    assert "did not answer %s /os-services within 1 s (option api_timeout)." % method in str(caught.value)
    assert caught.value.sent


def test_a_connection_that_is_cut(fake: Any) -> None:
    fake.says("GET", PATH, {"cut": True}, OK)
    nova = Nova(fake.session())
    assert nova.get("/os-services") == {"services": []}
    fake.says("POST", PATH, {"cut": True}, OK)
    with pytest.raises(errors.UnreachableError) as caught:
        nova.post("/os-services", {})
    assert caught.value.sent
    assert "the connection was c" in str(caught.value)


@pytest.mark.parametrize("step", [{"raw": b'{"services": [', "length": 400}, {"raw": b'{"services": ['}])
def test_a_reply_that_is_cut_off_is_never_taken_for_the_whole(fake: Any, step: dict[str, Any]) -> None:
    fake.says("GET", PATH, step, OK)
    nova = Nova(fake.session())
    assert nova.get("/os-services") == {"services": []}
    fake.says("GET", PATH, step)
    with pytest.raises(errors.UnreachableError, match=r"cut off|IncompleteRead"):
        nova.get("/os-services")


def test_nobody_there(fake: Any) -> None:
    fake.endpoints["compute"] = "http://127.0.0.1:9/v2.1"
    cloud = fake.session()
    nova = Nova(cloud)
    with pytest.raises(
        errors.UnreachableError, match="does not answer POST /os-services: connection refused"
    ) as caught:
        nova.post("/os-services", {})
    assert not caught.value.sent
    assert cloud.calls == 4  # it never arrived, so it may be repeated


def test_a_role_that_is_missing(fake: Any) -> None:
    detail = "Policy doesn't allow os_compute_api:os-services:list to be performed."
    fake.says("GET", PATH, {"status": 403, "body": {"forbidden": {"code": 403, "message": detail}}})
    with pytest.raises(errors.ForbiddenError) as caught:
        Nova(fake.session()).get("/os-services")
    assert str(caught.value) == (
        "Nova at %s/compute/v2.1 refused GET /os-services to user 'demo' in project 'demo' (403): it takes the"
        " role 'admin' (these credentials have: member), or a policy that allows os_compute_api:os-services:list."
        % fake.url
    )


def test_an_api_that_is_too_old(fake: Any) -> None:
    detail = "Version 2.74 is not supported by the API. Minimum is 2.1 and maximum is 2.60."
    fake.says("GET", PATH, {"status": 406, "body": {"computeFault": {"code": 406, "message": detail}}})
    with pytest.raises(
        errors.HttpError, match=r"has versions 2\.1 to 2\.60 of its API, and GET /os-services needs 2\.74\."
    ):
        Nova(fake.session()).get("/os-services", microversion="2.74")


@pytest.mark.parametrize(
    ("status", "kind"), [(404, errors.NotFoundError), (409, errors.ConflictError), (400, errors.HttpError)]
)
def test_the_service_s_own_words(fake: Any, status: int, kind: type[errors.HttpError]) -> None:
    fake.says("GET", PATH, {"status": status, "body": {"x": {"code": status, "message": "Out of\n luck."}}})
    with pytest.raises(kind, match=r"answered %d to GET /os-services: Out of luck\.$" % status) as caught:
        Nova(fake.session()).get("/os-services")
    assert caught.value.detail == "Out of luck."
    fake.says("GET", PATH, {"status": status, "body": {"errors": [{"title": "Bad", "detail": "No <b>such</b> thing"}]}})
    with pytest.raises(kind, match="No such thing"):
        Nova(fake.session()).get("/os-services")
    fake.says("GET", PATH, {"status": status, "raw": b"<html>"})
    with pytest.raises(kind, match="without a reason"):
        Nova(fake.session()).get("/os-services")


def test_a_token_that_the_service_does_not_take(fake: Any) -> None:
    fake.says("GET", PATH, {"status": 401})
    with pytest.raises(
        errors.AuthError, match=r"Nova at .* does not accept the token that Keystone gave to user 'demo'"
    ):
        Nova(fake.session()).get("/os-services")


def test_a_token_that_ran_out_is_renewed(fake: Any) -> None:
    fake.says("GET", PATH, {"status": 401}, OK)
    assert Nova(fake.session()).get("/os-services") == {"services": []}
    assert fake.calls("/v3/auth/tokens") == 2


def test_pages(fake: Any) -> None:
    base = fake.url + PATH
    fake.says(
        "GET",
        PATH,
        {"body": {"services": [1, 2], "services_links": [{"rel": "next", "href": base + "?marker=2&limit=2"}]}},
        {"body": {"services": [3], "services_links": []}},
    )
    assert list(Nova(fake.session()).pages("/os-services", "services", {"limit": 2})) == [1, 2, 3]
    assert fake.log[-1][1] == PATH + "?limit=2&marker=2"
    fake.says(
        "GET", "/image/v2/images", {"body": {"images": ["a"], "next": "/v2/images?marker=a"}}, {"body": {"images": []}}
    )
    assert list(Service(fake.session(), "image").pages("/images", "images")) == ["a"]


def test_pages_that_never_end(fake: Any) -> None:
    link = {"rel": "next", "href": fake.url + PATH + "?marker=1"}
    fake.says("GET", PATH, {"body": {"services": [1], "services_links": [link]}})
    with pytest.raises(errors.CloudError, match="without end"):
        list(Nova(fake.session()).pages("/os-services", "services"))
