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
THINGS = "/compute/v2.1/things"  # nothing is known of them
OK: dict[str, Any] = {"body": {"services": []}}


def test_the_answer_and_the_microversion(fake: Any) -> None:
    row = {"id": 1, "host": "h", "status": "enabled", "state": "up", "forced_down": False, "more": 1}
    fake.says("GET", PATH, {"body": {"services": [row]}})
    nova = Nova(fake.session())
    assert nova.get("/os-services", params={"binary": "nova-compute"}) == {"services": [row]}
    _method, path, headers = fake.log[-1]
    assert path == PATH + "?binary=nova-compute"
    assert headers["OpenStack-API-Version"] == "compute 2.53"
    assert headers["X-Auth-Token"] == "a-token"
    nova.get("/os-services", microversion="2.90")
    assert fake.log[-1][2]["OpenStack-API-Version"] == "compute 2.90"
    assert nova.cloud.calls == 2


def test_the_login_is_made_once_for_all_services(fake: Any) -> None:
    fake.says("GET", PATH, OK)
    body = {"inventories": {}, "resource_provider_generation": 0}
    fake.says("GET", "/placement/resource_providers/x/inventories", {"body": body})
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
    base = fake.url + THINGS
    fake.says(
        "GET",
        THINGS,
        {"body": {"things": [1, 2], "things_links": [{"rel": "next", "href": base + "?marker=2&limit=2"}]}},
        {"body": {"things": [3], "things_links": []}},
    )
    assert list(Nova(fake.session()).pages("/things", "things", {"limit": 2})) == [1, 2, 3]
    assert fake.log[-1][1] == THINGS + "?limit=2&marker=2"
    fake.says(
        "GET", "/image/v2/images", {"body": {"images": ["a"], "next": "/v2/images?marker=a"}}, {"body": {"images": []}}
    )
    assert list(Service(fake.session(), "image").pages("/images", "images")) == ["a"]


def test_pages_that_never_end(fake: Any) -> None:
    link = {"rel": "next", "href": fake.url + THINGS + "?marker=1"}
    fake.says("GET", THINGS, {"body": {"things": [1], "things_links": [link]}})
    with pytest.raises(errors.CloudError, match="without end"):
        list(Nova(fake.session()).pages("/things", "things"))


@pytest.mark.parametrize("links", [5, [None], [{"rel": 5}], [{"rel": "next", "href": {}}]])
def test_pages_whose_links_are_something_else(fake: Any, links: Any) -> None:
    fake.says("GET", THINGS, {"body": {"things": [1], "things_links": links}})
    with pytest.raises(errors.UnreachableError, match="with something that cannot be read: things_links"):
        list(Nova(fake.session()).pages("/things", "things"))


# ---- what answers have to have


@pytest.mark.parametrize(
    ("row", "wrong"),
    [
        ({"generation": ...}, "generation is missing, and has to be a whole number"),
        ({"generation": None}, "generation is null, and has to be a whole number"),
        ({"generation": True}, "generation is true, and has to be a whole number"),
        ({"generation": 10**30}, "generation is a huge number, and has to be a whole number"),
        ({"uuid": ["u"]}, "uuid is a list, and has to be a string that is not empty"),
        ({"name": ""}, "name is '', and has to be a string that is not empty"),
        ({"parent_provider_uuid": 5}, "parent_provider_uuid is 5, and has to be a string"),
    ],
)
def test_a_row_that_is_not_as_it_should_be(fake: Any, row: dict[str, Any], wrong: str) -> None:
    good = {"uuid": "u", "name": "n", "parent_provider_uuid": None, "generation": 3}
    rows = [good, {key: value for key, value in {**good, **row}.items() if value is not ...}]
    fake.says("GET", "/placement/resource_providers", {"body": {"resource_providers": rows}})
    with pytest.raises(errors.UnreachableError) as caught:
        Placement(fake.session()).providers()
    assert str(caught.value).startswith(
        "Placement at %s/placement answered GET /resource_providers with something that cannot be read:"
        " resource_providers[1].%s" % (fake.url, wrong)
    )
    assert fake.calls("/placement/resource_providers") == 1


def test_numbers_that_are_none(fake: Any) -> None:
    path = "/placement/resource_providers/x/inventories"
    held = b'{"total": 1, "reserved": 0, "min_unit": 1, "max_unit": 1, "step_size": 1, "allocation_ratio": %s}'
    for ratio, wrong in (
        (b"NaN", "that is not JSON"),
        (b"1e999", "allocation_ratio is a huge number, and has to be a number"),
    ):
        body = b'{"resource_provider_generation": 1, "inventories": {"VCPU": ' + held % ratio + b"}}"
        fake.says("GET", path, {"raw": body})
        with pytest.raises(errors.UnreachableError, match=wrong):
            Placement(fake.session()).inventories_at("x")


def test_an_answer_to_a_change_is_looked_at_once_it_was_made(fake: Any) -> None:
    fake.says("POST", "/compute/v2.1/servers", {"body": {"server": {}}})
    with pytest.raises(errors.UnreachableError, match=r"POST /servers .* server.id is missing") as caught:
        Nova(fake.session()).post("/servers", {})
    assert caught.value.sent is True and fake.calls("/compute/v2.1/servers") == 1


@pytest.mark.parametrize(
    "body", [[], {"errors": ["x"]}, {"errors": [None]}, {"errors": {}}, {"x": {"message": None}}, 5]
)
def test_an_error_in_a_form_of_its_own(fake: Any, body: Any) -> None:
    fake.says("GET", PATH, {"status": 400, "body": body})
    with pytest.raises(errors.HttpError, match="answered 400 to GET /os-services: without a reason"):
        Nova(fake.session()).get("/os-services")
