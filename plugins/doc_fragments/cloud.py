# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of all modules that talk to a cloud (plugins/module_utils/_cloud/module.py has their specification)."""

from __future__ import annotations


class ModuleDocFragment:
    """Documentation fragment for the options that say which cloud."""

    DOCUMENTATION = r"""
options:
  cloud:
    description:
      - Name of the cloud in C(clouds.yaml), which is looked for in the working directory, in C(~/.config/openstack) and
        in C(/etc/openstack) of the host and user that the module runs as. Secrets may be in a C(secure.yaml) in one of
        these folders.
      - Without it and without O(auth), the environment variable E(OS_CLOUD) names the cloud, or the other C(OS_*)
        variables describe it.
    type: str
  auth:
    description:
      - The credentials themselves, as below C(auth) in C(clouds.yaml), for example C(auth_url), C(username),
        C(password), C(project_name), C(user_domain_name) and C(project_domain_name).
      - Together with O(cloud) it replaces single values of that cloud. Alone, C(clouds.yaml) and the environment are
        not read at all.
      - Never shown. In the output only its secrets are masked, and those only from 8 characters on.
    type: dict
  auth_type:
    description:
      - How to log in, as in C(clouds.yaml), for example V(password), V(v3applicationcredential) or V(v3token).
      - A password is the default.
    type: str
  region_name:
    description: The region, where the cloud has several.
    type: str
  interface:
    description:
      - Which of the endpoints in the catalog to use.
      - The default is what C(clouds.yaml) says, else V(public).
    type: str
    choices: [public, internal, admin]
  ca_cert:
    description: File with the certificates of the authorities that signed those of the cloud.
    type: path
  validate_certs:
    description:
      - Whether the certificates of the cloud have to be valid.
      - The default is what C(clouds.yaml) says, else V(true).
    type: bool
  api_timeout:
    description:
      - Seconds to wait for one answer of an API.
      - A call that can be repeated without harm is repeated once after a time-out, and up to three times, with pauses
        of 0.5, 1 and 2 seconds, when the service is unreachable, restarting or overloaded.
    type: int
    default: 60
requirements:
  - openstacksdk >= 4.4 (Debian 13 has it as python3-openstacksdk)
"""
