# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The items of the OpenStack Security Guide's check lists that apply, each by its number.

Where a service can be asked, it is asked, rather than its configuration read. Left out are the items that want TLS
(Identity-03, -04, Compute-04, -05 and the like): it belongs to the load balancer in front of the APIs.
"""

from __future__ import annotations

import configparser
import http.client
import json
import re

import pytest

# Service, owner and group of its configuration, and the group of hosts that have it.
OWNERS = {
    "keystone": ("keystone", "keystone"),
    "glance": ("root", "glance"),
    "placement": ("root", "placement"),
    "neutron": ("root", "neutron"),
    "nova": ("root", "nova"),
}
PASTE = {"glance": "glance-api-paste.ini", "nova": "api-paste.ini", "neutron": "api-paste.ini"}


def listing(node, service, kind):
    """owner:group, mode and path of every file (or folder) of a service's configuration."""
    found = node.run(f"find /etc/{service} -type {kind} -printf '%u:%g %m %p\\n'").splitlines()
    assert found
    return [line.split(" ", 2) for line in found]


def assert_owner(node, service):
    owner = ":".join(OWNERS[service])
    assert [item for kind in "df" for item in listing(node, service, kind) if item[0] != owner] == []


def assert_closed(node, service):
    """Files 0640, folders 0750, or stricter."""
    too_open = [item for item in listing(node, service, "f") if int(item[1], 8) & ~0o640]
    too_open += [item for item in listing(node, service, "d") if int(item[1], 8) & ~0o750]
    assert too_open == []
    assert node.run(f"stat -c %a /etc/{service}") == "750"


def settings(node, path):
    """A configuration file, as section -> option -> value."""
    parser = configparser.RawConfigParser(strict=False, delimiters=("=",), default_section="no such section")
    parser.read_string(node.run(f"cat {path}"))
    return {name: dict(parser[name]) for name in parser.sections()}


def test_check_compute_01_configuration_belongs_to_root_and_nova(node):
    assert_owner(node, "nova")


def test_check_compute_02_configuration_is_closed(node):
    assert_closed(node, "nova")


def test_check_compute_03_keystone_authenticates(cloud, controller):
    assert "authtoken" in controller.run(
        "grep -A1 'pipeline:oscomputeversions\\|composite:openstack_compute_api_v21' -A4 /etc/nova/api-paste.ini"
    )
    assert cloud.call("nova", "/v2.1/servers").status == 401
    assert cloud.call("nova", "/v2.1/servers", headers={"X-Auth-Token": "guess"}).status == 401
    # What the noauth middleware of old would have let pass.
    assert cloud.call("nova", "/v2.1/servers", headers={"X-Auth-Token": "admin:admin"}).status == 401


def test_check_identity_01_configuration_belongs_to_keystone(controller):
    assert_owner(controller, "keystone")


def test_check_identity_02_configuration_is_closed(controller):
    assert_closed(controller, "keystone")


def test_check_identity_05_request_bodies_are_limited(cloud):
    """The default of max_request_body_size is 114688. The length is announced; the body itself need not be sent."""
    for length, answer in ((114688 + 1, 413), (2, 400)):
        connection = http.client.HTTPConnection(cloud.address, cloud.ports["keystone"], timeout=30)
        connection.putrequest("POST", "/v3/auth/tokens")
        connection.putheader("Content-Type", "application/json")
        connection.putheader("Content-Length", str(length))
        connection.endheaders(b"{}")
        assert connection.getresponse().status == answer
        connection.close()


def test_check_identity_06_there_is_no_admin_token(node, cloud):
    assert (
        node.run(
            "grep -rEil '^[^#]*(admin_token|AdminTokenAuthMiddleware)' /etc/keystone /etc/nova /etc/glance "
            "/etc/placement /etc/neutron 2>/dev/null || true"
        )
        == ""
    )
    assert cloud.call("keystone", "/v3/users", headers={"X-Auth-Token": "ADMIN"}).status == 401


def test_check_identity_07_insecure_debug_is_off(controller, cloud):
    assert settings(controller, "/etc/keystone/keystone.conf")["DEFAULT"]["insecure_debug"].lower() == "false"
    answer = cloud.call("keystone", "/v3/users", headers={"X-Auth-Token": "guess"})
    assert answer.status == 401
    assert json.loads(answer.body)["error"]["message"] == "The request you have made requires authentication."


def test_check_identity_08_tokens_are_fernet(controller, cloud):
    assert settings(controller, "/etc/keystone/keystone.conf")["token"]["provider"] == "fernet"
    assert re.fullmatch(r"gAAAA[A-Za-z0-9_=-]+", cloud.login())
    for keys in ("fernet-keys", "credential-keys"):
        found = controller.run(f"cd /etc/keystone/{keys} && stat -c '%F %U:%G %a' . *").splitlines()
        assert set(found) == {"directory keystone:keystone 700", "regular file keystone:keystone 600"}


@pytest.mark.parametrize("service", ["glance", "placement", "neutron"])
def test_like_compute_01_configuration_belongs_to_root_and_the_service(controller, service):
    assert_owner(controller, service)


@pytest.mark.parametrize("service", ["glance", "placement", "neutron"])
def test_like_compute_02_configuration_is_closed(controller, service):
    assert_closed(controller, service)


@pytest.mark.parametrize(
    ("service", "path"), [("glance", "/v2/images"), ("placement", "/resource_providers"), ("neutron", "/v2.0/networks")]
)
def test_like_compute_03_keystone_authenticates(cloud, service, path):
    assert cloud.call(service, path).status == 401
    assert cloud.call(service, path, headers={"X-Auth-Token": "guess"}).status == 401


def test_the_message_queue_has_no_guest(controller):
    users = controller.run("rabbitmqctl -q list_users --no-table-headers").splitlines()
    names = {line.split("\t")[0] for line in users}
    assert "guest" not in names
    assert {"nova", "nova_cell1", "neutron"} <= names


def test_the_database_wants_a_password(controller):
    """No anonymous user, no remote root, no user without a way to prove who it is."""
    assert controller.sql("select user, host from mysql.user where user = ''") == []
    assert controller.sql("select host from mysql.user where user = 'root' and host not in ('localhost')") == []
    query = (
        "select user from mysql.global_priv where json_value(priv, '$.plugin') = 'mysql_native_password' "
        "and coalesce(json_value(priv, '$.authentication_string'), '') = '' "
        "and coalesce(json_value(priv, '$.account_locked'), 0) = 0"
    )
    assert controller.sql(query) == []
