# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The options of a question about capacity (documented in the fragment scaleout.nova.question).

What they mean is in _capacity/questions.py.
"""

from __future__ import annotations

import typing as t

QUESTION_ARGUMENTS: t.Mapping[str, t.Mapping[str, t.Any]] = {
    "flavors": {"type": "list", "elements": "str"},
    "flavor": {
        "type": "dict",
        "options": {
            "name": {"type": "str", "default": "flavor"},
            "vcpus": {"type": "int", "required": True},
            "ram": {"type": "int", "required": True},
            "disk": {"type": "int", "default": 0},
            "ephemeral": {"type": "int", "default": 0},
            "swap": {"type": "int", "default": 0},
            "extra_specs": {"type": "dict", "default": {}},
        },
    },
    "project": {"type": "str"},
    "zone": {"type": "str"},
    "aggregate": {"type": "str"},
    "image_properties": {"type": "dict", "default": {}},
    "image_format": {"type": "str"},
    "boot_from_volume": {"type": "bool", "default": False},
    "server_group": {"type": "str"},
    "new_server_group": {
        "type": "dict",
        "options": {
            "policy": {
                "type": "str",
                "required": True,
                "choices": ["affinity", "anti-affinity", "soft-affinity", "soft-anti-affinity"],
            },
            "max_server_per_host": {"type": "int"},
        },
    },
    "scheduler": {
        "type": "dict",
        "options": {
            "enabled_filters": {"type": "list", "elements": "str"},
            "max_instances_per_host": {"type": "int"},
            "enable_isolated_aggregate_filtering": {"type": "bool"},
            "limit_tenants_to_placement_aggregate": {"type": "bool"},
            "placement_aggregate_required_for_tenants": {"type": "bool"},
            "query_placement_for_image_type_support": {"type": "bool"},
            "image_metadata_prefilter": {"type": "bool"},
        },
    },
    "what_if": {
        "type": "dict",
        "options": {
            "remove_hosts": {"type": "list", "elements": "str", "default": []},
            "disable_hosts": {"type": "list", "elements": "str", "default": []},
            "enable_hosts": {"type": "list", "elements": "str", "default": []},
            "ratios": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "resource_class": {"type": "str", "required": True},
                    "allocation_ratio": {"type": "float", "required": True},
                    "hosts": {"type": "list", "elements": "str"},
                    "aggregate": {"type": "str"},
                },
            },
            "aggregates": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "name": {"type": "str", "required": True},
                    "new": {"type": "bool", "default": False},
                    "add_hosts": {"type": "list", "elements": "str", "default": []},
                    "remove_hosts": {"type": "list", "elements": "str", "default": []},
                    "zone": {"type": "str"},
                    "metadata": {"type": "dict", "default": {}},
                },
            },
            "add_hosts": {
                "type": "list",
                "elements": "dict",
                "default": [],
                "options": {
                    "like": {"type": "str", "required": True},
                    "count": {"type": "int", "default": 1},
                    "zone": {"type": "str"},
                },
            },
        },
    },
}

MUTUALLY_EXCLUSIVE = (("server_group", "new_server_group"),)
