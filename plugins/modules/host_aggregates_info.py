#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

from __future__ import annotations

DOCUMENTATION = r"""
module: host_aggregates_info
short_description: The host aggregates of a cloud as a declaration
version_added: 0.2.0
description:
  - Returns the host aggregates of a cloud, whoever made them, exactly as M(scaleout.nova.host_aggregates) takes them.
    Given to it, they change nothing.
  - That is the way to adopt a cloud. Save them, make rules of the lists of hosts where there is one, and change what is
    to be changed.
  - Two calls to the API.
notes:
  - The credentials need the role C(admin), or policies that allow to read aggregates and services.
  - Needs Nova of Pike (2.53) or later.
extends_documentation_fragment:
  - scaleout.nova.attributes.info
  - scaleout.nova.cloud
options:
  names:
    description: Aggregates, by name or glob. By default all.
    type: list
    elements: str
seealso:
  - module: scaleout.nova.host_aggregates
author:
  - scaleout.nova contributors (@scaleout-nova)
"""

EXAMPLES = r"""
- name: Read the host aggregates
  scaleout.nova.host_aggregates_info:
    cloud: admin
  register: there

- name: Save them as variables of the inventory, to be changed there
  ansible.builtin.copy:
    content: "{{ {'nova_aggregates': there.aggregates} | ansible.builtin.to_nice_yaml }}"
    dest: aggregates.yml
    mode: '0644'

- name: They change nothing
  scaleout.nova.host_aggregates:
    cloud: admin
    aggregates: "{{ there.aggregates }}"
"""

RETURN = r"""
aggregates:
  description: The aggregates, sorted by name.
  type: list
  elements: dict
  returned: success
  contains:
    name:
      description: Its name.
      type: str
    zone:
      description: Its availability zone, null for none.
      type: str
    metadata:
      description: Its metadata, without the availability zone and without what this collection remembers there.
      type: dict
    images:
      description: Images that it was last told to cache, where M(scaleout.nova.host_aggregates) did that.
      type: list
      elements: str
      returned: when they are remembered by name
    hosts:
      description: Its hosts, by the names of their compute services, sorted.
      type: list
      elements: str
  sample:
    - name: ssd
      zone: null
      metadata: {ssd: 'true'}
      hosts: [cmp1, cmp2]
gone:
  description: Hosts by aggregate that are members, and have no compute service any more.
  type: dict
  returned: success
  sample: {ssd: [cmp9]}
owned:
  description: Names of the aggregates that M(scaleout.nova.host_aggregates) created, by the owner in their mark.
  type: dict
  returned: success
  sample: {scaleout.nova: [ssd]}
calls:
  description: How many HTTP calls it took, the login not counted.
  type: int
  returned: success
  sample: 2
"""

import typing as t

from ansible.module_utils.basic import AnsibleModule

from ansible_collections.scaleout.nova.plugins.module_utils._cloud import aggregates, selection
from ansible_collections.scaleout.nova.plugins.module_utils._cloud import module as cloud_module


def run(module: AnsibleModule) -> dict[str, t.Any]:
    """What the module returns.

    :raises CloudError: see Cloud and rest.Service
    """
    cloud = cloud_module.connect(module)
    found, hosts = aggregates.read_declarable(cloud)
    names = module.params["names"]
    if names is not None:
        chosen, problems = selection.choose(names, [each.name for each in found], "host aggregate")
        if problems:
            raise selection.ProblemsError(problems)
        found = [each for each in found if each.name in chosen]
    gone = {each.name: sorted(set(each.hosts) - hosts) for each in found}
    return {
        "changed": False,
        "aggregates": [aggregates.as_declared(each, hosts) for each in found],
        "gone": {name: missing for name, missing in gone.items() if missing},
        "owned": aggregates.by_owner(found),
        "calls": cloud.calls,
    }


def main() -> None:
    module = AnsibleModule(
        argument_spec={**cloud_module.CLOUD_ARGUMENTS, "names": {"type": "list", "elements": "str"}},
        supports_check_mode=True,
    )
    cloud_module.finish(module, lambda: run(module))


if __name__ == "__main__":
    main()
