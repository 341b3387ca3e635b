# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""One call to a service: its microversion, its time-out, a bounded number of retries, and its error in words."""

from __future__ import annotations

import dataclasses
import json
import re
import time
import typing as t
import urllib.parse

from .errors import (
    AuthError,
    CloudError,
    ConflictError,
    ForbiddenError,
    HttpError,
    NotFoundError,
    UnavailableError,
    UnreachableError,
    listed,
)
from .session import SERVICES, Cloud, connection_text, ssl_text
from .shapes import STRING, Answers, Kind, Maybe, Row, Rows, ShapeError

try:
    from keystoneauth1 import exceptions as ksa_exceptions
except ImportError:
    pass  # session.SDK_IMPORT_ERROR says so

IDEMPOTENT = frozenset(("GET", "HEAD", "PUT", "DELETE"))
PASSING = frozenset((429, 502, 503, 504))
#: how a list that comes in pages tells where the next one is
LINKS = Maybe(Rows(Row({"rel": Maybe(STRING), "href": Maybe(STRING)})))
#: a Retry-After of more than so many seconds is not honoured
LONGEST_PAUSE = 10.0

Params = t.Union[t.Mapping[str, t.Any], t.Sequence[tuple[str, t.Any]], None]  # noqa: UP007


@dataclasses.dataclass(frozen=True)
class Reply:
    """An answer. ``body`` is the decoded JSON, None where there is none."""

    status: int
    body: t.Any
    headers: t.Mapping[str, str]


class Service:
    """The REST API of one service of a cloud.

    :param service_type: as in the catalog: compute, placement, image
    :param microversion: what calls ask for unless they say otherwise, as in '2.53'
    """

    #: What answers have to have. Every one is looked at as it arrives, so that whoever reads its rows may rely on it.
    ANSWERS: t.ClassVar[Answers] = {}

    def __init__(self, cloud: Cloud, service_type: str, microversion: str | None = None) -> None:
        self.cloud = cloud
        self.type = service_type
        self.title = SERVICES[service_type][0]
        self.microversion = microversion

    @property
    def where(self) -> str:
        """'Nova at http://...', for messages."""
        return "%s at %s" % (self.title, self.cloud.endpoint(self.type))

    def get(self, path: str, params: Params = None, microversion: str | None = None) -> t.Any:
        """GET: the decoded body."""
        return self.request("GET", path, params=params, microversion=microversion).body

    def part(
        self, path: str, key: str, kind: type = list, params: Params = None, microversion: str | None = None
    ) -> t.Any:
        """GET: what the decoded body has below the key.

        :raises UnreachableError: there is no such thing in it
        """
        return self._part(self.get(path, params=params, microversion=microversion), path, key, kind)

    def _part(self, body: t.Any, path: str, key: str, kind: type) -> t.Any:
        found = body.get(key) if isinstance(body, dict) else None
        if not isinstance(found, kind):
            raise self._without("GET " + path, key)
        return found

    def _without(self, call: str, key: str) -> UnreachableError:
        text = "%s answered %s without %s: the answer is cut off, or something else answers there."
        return UnreachableError(text % (self.where, call, key))

    def _check_answer(self, method: str, path: str, body: t.Any) -> None:
        """Look at an answer to a call that is among :attr:`ANSWERS`.

        :raises UnreachableError: it does not look like one
        """
        parts = path.split("/")
        for pattern, kinds in self.ANSWERS.items():
            wanted, _space, there = pattern.partition(" ")
            names = there.split("/")
            if wanted != method or len(names) != len(parts):
                continue
            if all(name in ("*", part) for name, part in zip(names, parts, strict=True)):
                self._check(method + " " + path, body, kinds)
                return

    def _check(self, call: str, body: t.Any, kinds: t.Mapping[str, Kind]) -> None:
        for key, kind in kinds.items():
            value = body.get(key) if isinstance(body, dict) else None
            if value is None and not (kind.optional and isinstance(body, dict)):
                raise self._without(call, key)
            try:
                kind.check(value)
            except ShapeError as error:
                text = "%s answered %s with something that cannot be read: %s."
                raise UnreachableError(text % (self.where, call, error.below(key))) from error

    def post(self, path: str, body: t.Any, microversion: str | None = None) -> t.Any:
        """POST: the decoded body. Not repeated when it may have been carried out."""
        return self.request("POST", path, body=body, microversion=microversion).body

    def put(self, path: str, body: t.Any, microversion: str | None = None) -> t.Any:
        """PUT: the decoded body."""
        return self.request("PUT", path, body=body, microversion=microversion).body

    def delete(self, path: str, microversion: str | None = None) -> None:
        """DELETE."""
        self.request("DELETE", path, microversion=microversion)

    def pages(
        self, path: str, key: str, params: t.Mapping[str, t.Any] | None = None, microversion: str | None = None
    ) -> t.Iterator[t.Any]:
        """Every element of a list that comes in pages (by marker, Nova's and Glance's manner)."""
        query = dict(params or {})
        while True:
            body = self.get(path, params=query, microversion=microversion)
            elements = self._part(body, path, key, list)
            self._check("GET " + path, body, {"next": Maybe(STRING), key + "_links": LINKS})
            yield from elements
            following = body.get("next") or next(
                (link.get("href") for link in body.get(key + "_links") or () if link.get("rel") == "next"), None
            )
            if not following or not elements:
                return
            marker = urllib.parse.parse_qs(urllib.parse.urlsplit(following).query).get("marker")
            if not marker or marker[0] == query.get("marker"):
                raise HttpError("%s gives pages of %s without end." % (self.where, path), 200)
            query["marker"] = marker[0]

    def request(
        self,
        method: str,
        path: str,
        params: Params = None,
        body: t.Any = None,
        microversion: str | None = None,
        repeat: bool | None = None,
    ) -> Reply:
        """One call.

        A call that cannot do harm a second time (GET, PUT, DELETE, or what ``repeat`` says) is repeated a few times
        when the service is busy, restarting or cut us off, and once after a time-out; any other one only when it surely
        never arrived.

        :param path: below the endpoint, as in '/os-services'
        :raises HttpError: the service answered 4xx or 5xx; see its subclasses
        :raises UnreachableError: no complete answer
        """
        url = self.cloud.endpoint(self.type) + path
        wanted = microversion or self.microversion
        headers = {"Accept": "application/json"}
        if wanted:
            headers["OpenStack-API-Version"] = "%s %s" % (self.type, wanted)
        repeatable = method in IDEMPOTENT if repeat is None else repeat
        delays = iter(self.cloud.retry_delays)
        started = time.monotonic()
        attempts = 0
        timeouts = 0
        while True:
            attempts += 1
            error: CloudError
            pause: float | None = None
            again = False
            self.cloud.count_call()
            try:
                response = self.cloud.session.request(
                    url, method, params=params, json=body, headers=headers, raise_exc=False, log=False
                )
            except ksa_exceptions.SSLError as failure:
                raise UnreachableError(ssl_text(self.where, failure), sent=False) from failure
            except ksa_exceptions.ConnectTimeout as failure:
                timeouts += 1
                text = "%s did not answer %s %s within %d s (option api_timeout)."
                error = UnreachableError(text % (self.where, method, path, self.cloud.options.api_timeout))
                error.__cause__ = failure
                again = repeatable and timeouts < 2
            except (ksa_exceptions.ConnectFailure, ksa_exceptions.UnknownConnectionError) as failure:
                sent = "NewConnectionError" not in str(failure) and "Connection refused" not in str(failure)
                text = "%s does not answer %s %s: %s."
                error = UnreachableError(text % (self.where, method, path, connection_text(failure)), sent=sent)
                error.__cause__ = failure
                again = repeatable or not sent
            except ksa_exceptions.Unauthorized as failure:
                # The token ran out and Keystone does not give another one.
                raise AuthError("Keystone does not let %s in any more." % self.cloud.user) from failure
            except ksa_exceptions.ClientException as failure:
                text = "%s cannot be asked %s %s: %s."
                raise UnreachableError(
                    text % (self.where, method, path, " ".join(str(failure).split()).rstrip("."))
                ) from failure
            else:
                if response.status_code < 400:
                    try:
                        reply = Reply(response.status_code, _decode(response), response.headers)
                    except (ValueError, RecursionError) as failure:
                        text = "%s answered %s %s with something that is not JSON (%d bytes, perhaps cut off)."
                        error = UnreachableError(text % (self.where, method, path, len(response.content)))
                        error.__cause__ = failure
                        again = repeatable
                    else:
                        self._check_answer(method, path, reply.body)
                        return reply
                else:
                    # 429 and 503 say that nothing was done; the gateways' own ones do not
                    again = response.status_code in (429, 503) or (repeatable and response.status_code in PASSING)
                    pause = _retry_after(response)
                    error = self._error(method, path, response, attempts, time.monotonic() - started, wanted)
            delay = next(delays, None) if again else None
            if delay is None:
                raise error
            time.sleep(delay if pause is None else pause)

    def _error(
        self, method: str, path: str, response: t.Any, attempts: int, seconds: float, wanted: str | None
    ) -> CloudError:
        status = response.status_code
        detail = _detail(response)
        call = "%s %s" % (method, path)
        if status == 401:
            return AuthError(
                "%s does not accept the token that Keystone gave to %s: its [keystone_authtoken] or"
                " its clock is wrong." % (self.where, self.cloud.user)
            )
        if status == 403:
            policy = re.search(r"Policy does(?:n't| not) allow (\S+) to be performed", detail)
            if policy or not detail:
                need = "it takes the role 'admin' (these credentials have: %s)" % listed(self.cloud.roles)
                need += ", or a policy that allows %s" % policy.group(1) if policy else ""
            else:
                need = detail.rstrip(".")
            return ForbiddenError(
                "%s refused %s to %s (403): %s." % (self.where, call, self.cloud.user, need), status, detail
            )
        if status == 406 and wanted:
            limits = re.search(r"Minimum is ([\d.]+\d) and maximum is ([\d.]+\d)", detail)
            there = "versions %s to %s" % limits.groups() if limits else "no such version"
            text = "%s has %s of its API, and %s needs %s." % (self.where, there, call, wanted)
            return HttpError(text, status, detail)
        if status in PASSING:
            times = "%d times in %.0f s" % (attempts, seconds) if attempts > 1 else "once"
            text = "%s answered %d to %s, %s: it is down, restarting or overloaded."
            return UnavailableError(text % (self.where, status, call, times), status, detail)
        kind = {404: NotFoundError, 409: ConflictError}.get(status, HttpError)
        text = "%s answered %d to %s: %s." % (self.where, status, call, detail.rstrip(".") or "without a reason")
        return kind(text, status, detail)


def _decode(response: t.Any) -> t.Any:
    if not response.content:
        return None
    return json.loads(response.content, parse_constant=_no_constant)


def _no_constant(name: str) -> t.NoReturn:
    raise ValueError("%s is no JSON" % name)


def _retry_after(response: t.Any) -> float | None:
    try:
        seconds = float(response.headers.get("Retry-After", ""))
    except ValueError:
        return None
    return seconds if 0 <= seconds <= LONGEST_PAUSE else None


def _detail(response: t.Any) -> str:
    """The text within the error documents of the OpenStack services, on one line."""
    try:
        body = json.loads(response.content)
    except (ValueError, RecursionError):
        return ""
    found = ""
    if isinstance(body, dict):
        errors = body.get("errors")
        if isinstance(errors, list) and errors and isinstance(errors[0], dict):
            found = str(errors[0].get("detail") or errors[0].get("title") or "")
        elif isinstance(body.get("message"), str):
            found = body["message"]
        else:
            for value in body.values():
                if isinstance(value, dict) and isinstance(value.get("message"), str):
                    found = value["message"]
                    break
    return " ".join(re.sub(r"<[^<>]*>", " ", found).split())[:500]
