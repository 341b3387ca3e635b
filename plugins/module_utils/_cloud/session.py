# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Log in to a cloud and find its services.

Of openstacksdk this uses the reading of clouds.yaml and the environment, and the login plugins below it
(keystoneauth1); the requests themselves are made by the rest module. Works with openstacksdk 4.4 (Debian 13) and later.
"""

from __future__ import annotations

import concurrent.futures
import dataclasses
import logging
import os
import threading
import time
import traceback
import typing as t

from .errors import AuthError, ConfigError, NoServiceError, UnavailableError, UnreachableError, listed

SDK_IMPORT_ERROR: str | None = None
try:
    import requests
    import requests.adapters
    import yaml
    from keystoneauth1 import exceptions as ksa_exceptions
    from keystoneauth1 import session as ksa_session
    from openstack import exceptions as sdk_exceptions
    from openstack.config import loader
except ImportError:
    SDK_IMPORT_ERROR = traceback.format_exc()

T = t.TypeVar("T")
R = t.TypeVar("R")

# Titles for messages, and what has to be in the path of the endpoint.
SERVICES: t.Mapping[str, tuple[str, str]] = {
    "compute": ("Nova", "/v2.1"),
    "placement": ("Placement", ""),
    "image": ("Glance", "/v2"),
}


@dataclasses.dataclass(frozen=True)
class CloudOptions:
    """How to reach a cloud: the options that the modules share (seconds for the time-out of one call)."""

    cloud: str | None = None
    auth: t.Mapping[str, t.Any] | None = None
    auth_type: str | None = None
    region_name: str | None = None
    interface: str | None = None
    ca_cert: str | None = None
    validate_certs: bool | None = None
    api_timeout: int = 60

    @classmethod
    def from_params(cls, params: t.Mapping[str, t.Any]) -> CloudOptions:
        """Out of a module's parameters."""
        return cls(**{field.name: params[field.name] for field in dataclasses.fields(cls) if field.name in params})


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


class Cloud:
    """A session with one cloud. Threads may share it.

    :raises ConfigError: there is no such cloud, or its definition lacks something
    """

    #: seconds to wait before the second, third, ... attempt of a call that failed in passing
    retry_delays: tuple[float, ...] = (0.5, 1.0, 2.0)

    def __init__(self, options: CloudOptions) -> None:
        logging.getLogger("keystoneauth").addHandler(logging.NullHandler())
        logging.getLogger("openstack").addHandler(logging.NullHandler())
        self.options = options
        self._lock = threading.Lock()
        self._endpoints: dict[str, str] = {}
        self._access: t.Any = None
        #: how many HTTP requests were made to services (not the login)
        self.calls = 0
        self._region = self._find_region()
        verify, cert = self._region.get_requests_verify_args()
        transport = requests.Session()
        for scheme in ("http://", "https://"):
            transport.mount(scheme, requests.adapters.HTTPAdapter(pool_maxsize=32))
        self.session = ksa_session.Session(
            auth=self._region.get_auth(),
            session=transport,
            verify=verify,
            cert=cert,
            timeout=options.api_timeout,
            app_name="scaleout.nova",
            connect_retries=0,
        )

    # ---- configuration

    def _find_region(self) -> t.Any:
        options = self.options
        given: dict[str, t.Any] = {}
        if options.auth:
            given["auth"] = dict(options.auth)
        if options.auth_type:
            given["auth_type"] = options.auth_type
        if options.region_name:
            given["region_name"] = options.region_name
        if options.interface:
            given["interface"] = options.interface
        if options.ca_cert:
            given["cacert"] = options.ca_cert
        if options.validate_certs is not None:
            given["verify"] = options.validate_certs
        # With all credentials given, what happens to lie in the environment or in clouds.yaml has no say.
        alone = bool(options.auth) and not options.cloud
        try:
            config = loader.OpenStackConfig(load_yaml_config=not alone, load_envvars=not alone)
        except Exception as error:
            raise ConfigError("clouds.yaml cannot be used: %s." % _one_line(error).rstrip(".")) from error
        name = options.cloud or (None if alone else os.environ.get("OS_CLOUD"))
        if name and name not in config.get_cloud_names():
            raise ConfigError(self._no_such_cloud(name, config))
        try:
            # an empty auth_url would be tried as a URL of its own
            region = config.get_one(cloud=name, **given)
            if not region.config.get("auth", {}).get("auth_url") and region.config.get("auth_type") not in (
                "none",
                "admin_token",
            ):
                raise ConfigError(self._nothing_named(name))
            return region
        except ConfigError:
            raise
        except ksa_exceptions.MissingRequiredOptions as error:
            missing = [option.dest for option in error.options]
            if "auth_url" in missing:
                raise ConfigError(self._nothing_named(name)) from error
            raise ConfigError("The credentials of %s lack %s." % (self._called(name), listed(missing))) from error
        except ksa_exceptions.NoMatchingPlugin as error:
            raise ConfigError(
                "The auth_type '%s' of %s is not known to keystoneauth1." % (error.name, self._called(name))
            ) from error
        except (sdk_exceptions.SDKException, ksa_exceptions.ClientException) as error:
            text = "The definition of %s cannot be used: %s."
            raise ConfigError(text % (self._called(name), _one_line(error).rstrip("."))) from error

    def _no_such_cloud(self, name: str, config: t.Any) -> str:
        where = "option cloud" if self.options.cloud else "environment variable OS_CLOUD"
        if config.config_filename:
            known = listed(each for each in config.get_cloud_names() if each not in ("envvars", "defaults"))
            return "There is no cloud '%s' (%s) in %s, which has: %s." % (name, where, config.config_filename, known)
        seen = _there("OS_CLIENT_CONFIG_FILE", "CONFIG_FILES")
        if seen:
            return "There is no cloud '%s' (%s): %s." % (name, where, _unusable(seen[0]) or "%s defines none" % seen[0])
        return (
            "There is no cloud '%s' (%s): no clouds.yaml was found in the working directory, in ~/.config/openstack or "
            "in /etc/openstack." % (name, where)
        )

    def _nothing_named(self, name: str | None) -> str:
        if self.options.auth or name:
            return "The credentials of %s lack auth_url." % self._called(name)
        return "No cloud was named: give the option cloud or auth, or set OS_CLOUD or the OS_* variables."

    def _called(self, name: str | None) -> str:
        if name:
            return "cloud '%s'" % name
        return "the option auth" if self.options.auth else "the environment (OS_*)"

    @property
    def name(self) -> str:
        """What to call this cloud in a message."""
        name = self._region.name
        if name and name not in ("defaults", "envvars"):
            return "cloud '%s'" % name
        return "the cloud at %s" % self.auth_url

    @property
    def auth_url(self) -> str:
        """Keystone's address as configured."""
        return str(self._region.config.get("auth", {}).get("auth_url") or "(no auth_url)")

    @property
    def described(self) -> dict[str, str]:
        """Which cloud this is, for a file: its name in clouds.yaml where it has one, Keystone's address, the region."""
        name, region = self._region.name, self._region.get_region_name()
        about = {"auth_url": self.auth_url}
        if name and name not in ("defaults", "envvars"):
            about["cloud"] = str(name)
        if region:
            about["region"] = str(region)
        return about

    @property
    def user(self) -> str:
        """Who we are, as far as it is known: "user 'admin' in project 'admin'"."""
        auth = self._region.config.get("auth", {})
        user = getattr(self._access, "username", None) or auth.get("username") or auth.get("user_id")
        project = getattr(self._access, "project_name", None) or auth.get("project_name") or auth.get("project_id")
        text = "user '%s'" % user if user else "the given credentials"
        return text + (" in project '%s'" % project if project else "")

    @property
    def roles(self) -> list[str]:
        """The roles of this login."""
        return sorted(getattr(self._access, "role_names", None) or [])

    @property
    def project_id(self) -> str | None:
        """The project that this login is scoped to."""
        return getattr(self._access, "project_id", None)

    # ---- login

    def login(self) -> None:
        """Get a token, once.

        :raises AuthError: Keystone refused
        :raises UnreachableError: Keystone does not answer
        """
        with self._lock:
            if self._access is not None:
                return
            delays = iter(self.retry_delays)
            attempts = 0
            while True:
                attempts += 1
                try:
                    auth = self.session.auth
                    self._access = auth.get_access(self.session)
                    return
                except (
                    ksa_exceptions.ConnectFailure,
                    ksa_exceptions.UnknownConnectionError,
                    ksa_exceptions.DiscoveryFailure,
                    ksa_exceptions.HttpError,
                ) as error:
                    delay = next(delays, None)
                    passing = self._is_passing(error) and attempts < (2 if _timed_out(error) else 99)
                    if not passing or delay is None:
                        raise self._login_error(error, attempts) from error
                    time.sleep(delay)
                except ksa_exceptions.ClientException as error:
                    raise self._login_error(error, attempts) from error
                except Exception as error:
                    # keystoneauth1 raises a bare Exception for a password that is missing
                    raise self._incomplete(error) from error

    def _incomplete(self, error: BaseException) -> ConfigError:
        """Something is missing, perhaps because it is in a secure.yaml that was passed over."""
        text = "The credentials of %s are not complete: %s." % (self.name, _one_line(error).rstrip("."))
        if self.options.cloud or not self.options.auth:
            reasons = map(_unusable, _there("OS_CLIENT_SECURE_FILE", "SECURE_FILES"))
            text += "".join(" %s." % reason for reason in reasons if reason)
        return ConfigError(text)

    @staticmethod
    def _is_passing(error: BaseException) -> bool:
        if isinstance(error, ksa_exceptions.SSLError):
            return False
        if isinstance(error, ksa_exceptions.HttpError):
            return error.http_status in (429, 502, 503, 504)
        return True

    def _login_error(self, error: t.Any, attempts: int) -> Exception:
        where = "Keystone at %s (%s)" % (self.auth_url, self.name)
        if isinstance(error, ksa_exceptions.SSLError):
            return UnreachableError(ssl_text(where, error), sent=False)
        if isinstance(error, (ksa_exceptions.Unauthorized, ksa_exceptions.Forbidden)):
            return AuthError(
                "%s refused the login of %s: a wrong password, user, project or domain, or no role there."
                % (where, self.user)
            )
        if isinstance(error, ksa_exceptions.HttpError):
            if error.http_status in (429, 502, 503, 504):
                text = "%s answered %s to the login, %d times: it is down or overloaded."
                return UnavailableError(text % (where, error.http_status, attempts), error.http_status)
            return AuthError("%s answered %s to the login: %s" % (where, error.http_status, _one_line(error)))
        if isinstance(error, (ksa_exceptions.MissingAuthPlugin, ksa_exceptions.MissingRequiredOptions)):
            return self._incomplete(error)
        if _timed_out(error):
            text = "%s did not answer the login within %d s (option api_timeout)."
            return UnreachableError(text % (where, self.options.api_timeout))
        if isinstance(error, (ksa_exceptions.ConnectFailure, ksa_exceptions.UnknownConnectionError)) or (
            "Unable to establish connection" in str(error)
        ):
            return UnreachableError("%s does not answer: %s." % (where, connection_text(error)), sent=False)
        return UnreachableError(
            "%s does not answer like a Keystone: %s." % (where, _one_line(error).rstrip(".")), sent=False
        )

    # ---- services

    def endpoint(self, service_type: str) -> str:
        """The address of a service, without a slash at its end.

        :raises NoServiceError: the catalog has none
        """
        self.login()
        with self._lock:
            if service_type in self._endpoints:
                return self._endpoints[service_type]
        title, version = SERVICES[service_type]
        interface = self._region.get_interface(service_type)
        region = self._region.get_region_name(service_type)
        url = self._region.get_endpoint(service_type)
        if not url:
            url = (
                self._access.service_catalog.url_for(service_type=service_type, interface=interface, region_name=region)
                if self._has_endpoint(service_type, interface, region)
                else None
            )
        if not url:
            raise NoServiceError(self._no_service(title, service_type, interface, region))
        url = url.rstrip("/")
        if version and not any(part.startswith("v2") for part in url.split("/")[3:]):
            url += version
        with self._lock:
            self._endpoints[service_type] = url
        return str(url)

    def _has_endpoint(self, service_type: str, interface: t.Any, region: str | None) -> bool:
        try:
            urls = self._access.service_catalog.get_urls(
                service_type=service_type, interface=interface, region_name=region
            )
        except ksa_exceptions.ClientException:
            return False
        return bool(urls)

    def _no_service(self, title: str, service_type: str, interface: t.Any, region: str | None) -> str:
        catalog = self._access.service_catalog.catalog if self._access.has_service_catalog() else []
        wanted = "interface %s" % (interface if isinstance(interface, str) else listed(interface or ["public"]))
        if region:
            wanted += ", region %s" % region
        text = "The catalog of %s has no %s (service type %s, %s)" % (self.name, title, service_type, wanted)
        for entry in catalog:
            if entry.get("type") == service_type:
                there = {
                    "%s in %s" % (each.get("interface"), each.get("region") or each.get("region_id"))
                    for each in entry.get("endpoints", [])
                }
                return "%s; it has it as: %s." % (text, listed(there))
        return "%s; it has: %s." % (text, listed(entry.get("type", "?") for entry in catalog))

    def count_call(self) -> None:
        """One more HTTP request."""
        with self._lock:
            self.calls += 1

    def each(self, function: t.Callable[[T], R], items: t.Iterable[T], workers: int = 8) -> list[R]:
        """function of every item, in order, in at most that many threads; the first error ends it."""
        items = list(items)
        if len(items) < 2 or workers < 2:
            return [function(item) for item in items]
        with concurrent.futures.ThreadPoolExecutor(max_workers=min(workers, len(items))) as pool:
            futures = [pool.submit(function, item) for item in items]
            try:
                return [future.result() for future in futures]
            finally:
                for future in futures:
                    future.cancel()


def _there(variable: str, places: str) -> list[str]:
    """The files that are there of those that openstacksdk looks for."""
    paths = [os.environ.get(variable) or "", *getattr(loader, places, [])]
    return [path for path in paths if os.path.exists(path)]


def _unusable(path: str) -> str:
    """Why openstacksdk passed over a clouds.yaml or secure.yaml, which it does in silence; '' where it did not."""
    try:
        with open(path, encoding="utf-8") as stream:
            yaml.safe_load(stream)
    except OSError as error:
        return "%s cannot be read by this user (%s)" % (path, error.strerror)
    except ValueError:
        return "%s is not valid YAML" % path
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        return "%s is not valid YAML" % path + (" (line %d)" % (mark.line + 1) if mark else "")
    return ""


def _timed_out(error: BaseException) -> bool:
    return isinstance(error, ksa_exceptions.ConnectTimeout) or "timed out" in str(error)


def connection_text(error: BaseException) -> str:
    """Why there is no connection, in a few words."""
    text = str(error)
    for sign, words in (
        ("Connection refused", "connection refused"),
        ("Name or service not known", "its name cannot be resolved"),
        ("Temporary failure in name resolution", "its name cannot be resolved"),
        ("No address associated with hostname", "its name cannot be resolved"),
        ("No route to host", "no route to host"),
        ("Network is unreachable", "network is unreachable"),
        ("RemoteDisconnected", "the connection was closed without an answer"),
        ("Connection reset", "the connection was reset"),
        ("IncompleteRead", "the answer was cut off"),
        ("Connection aborted", "the connection was cut"),
    ):
        if sign in text:
            return words
    return _one_line(error).rstrip(".")


def ssl_text(where: str, error: BaseException) -> str:
    """A certificate that is not trusted, and what helps."""
    text = str(error)
    if "certificate verify failed" in text:
        start = text.rfind("certificate verify failed:")
        reason = text[start + 26 :].split("(_ssl")[0].strip(" :.)") if start >= 0 else "verify failed"
        return (
            "The certificate of %s is not trusted (%s): give its CA with the option ca_cert or cacert in clouds.yaml."
            % (where, reason)
        )
    return "There is no TLS connection to %s: %s." % (where, _one_line(error).rstrip("."))
