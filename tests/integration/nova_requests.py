# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Asks Nova's own code for the request of flavors and images made up from seeds, and compares ours with it.

Runs with the Python of the loopback's venv, which has Nova and no Ansible; the collection has to be in PYTHONPATH:

    python tests/integration/nova_requests.py FIRST COUNT

Prints a line of JSON for each difference, and at the end one with how many were accepted and refused.
"""

from __future__ import annotations

import json
import random
import sys
from typing import Any

from nova import conf, context, exception, objects
from nova.scheduler import request_filter
from nova.scheduler.utils import ResourceRequest
from nova.virt import hardware

from ansible_collections.scaleout.nova.plugins.module_utils._capacity import request as ours
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import FlavorError
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Flavor
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.scheduler import Scheduler

CONF = conf.CONF
PREFILTERS = (
    "require_image_type_support",
    "compute_status_filter",
    "transform_image_metadata",
    "accelerators_filter",
    "packed_virtqueue_filter",
    "ephemeral_encryption_filter",
    "virtio_sound_filter",
    "tpm_secret_security_filter",
)
CLOUD_TRAITS = frozenset(("COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER",))

EXTRA_SPECS: dict[str, tuple[str, ...]] = {
    "hw:cpu_policy": ("dedicated", "mixed", "shared", "wrong"),
    "hw:cpu_thread_policy": ("prefer", "isolate", "require", "wrong"),
    "hw:emulator_threads_policy": ("share", "isolate", "wrong"),
    "hw:cpu_dedicated_mask": ("0", "0-1", "^0", "0-3,^2", "0-40", "nonsense", "3-1"),
    "hw:cpu_realtime": ("yes", "no"),
    "hw:cpu_realtime_mask": ("^0", "1-3", "0-99"),
    "hw:numa_nodes": ("1", "2", "3", "0", "two"),
    "hw:numa_cpus.0": ("0", "0-1", "0-3", "^0", "7,0-6"),
    "hw:numa_cpus.1": ("1", "2-3"),
    "hw:numa_mem.0": ("512", "1000", "2048"),
    "hw:numa_mem.1": ("2048",),
    "hw:mem_page_size": ("large", "small", "any", "2048", "2MB", "1GB", "huge"),
    "hw:locked_memory": ("true", "false"),
    "hw:pmem": ("small", "small,small,large", ","),
    "hw:mem_encryption": ("true", "false"),
    "hw:mem_encryption_model": ("amd-sev", "amd-sev-es", "amd-sev-snp", "intel-tdx"),
    "hw:tpm_version": ("1.2", "2.0", "3.0"),
    "hw:tpm_model": ("tpm-tis", "tpm-crb", "wrong"),
    "hw:tpm_secret_security": ("user", "host", "deployment"),
    "hw:pci_numa_affinity_policy": ("required", "socket", "wrong"),
    "os:secure_boot": ("required", "disabled", "optional", "wrong"),
    "hw:maxphysaddr_mode": ("passthrough", "emulate", "wrong"),
    "hw:virtio_packed_ring": ("true", "false"),
    "hw:ephemeral_encryption": ("true", "false"),
    "hw:ephemeral_encryption_format": ("luks", "luksv2", "wrong"),
    "hw:sound_model": ("virtio", "ich9", "wrong"),
    "accel:device_profile": ("fpga",),
    "resources:VCPU": ("0", "2", "8"),
    "resources:PCPU": ("0", "2", "4", "5"),
    "resources:MEMORY_MB": ("0", "100", "many"),
    "resources:DISK_GB": ("0", "7", "-1"),
    "resources:VGPU": ("1", "2"),
    "resources:NOTHING": ("1",),
    "resources:CUSTOM_THING": ("3",),
    "resources1:VGPU": ("1",),
    "resources2:VGPU": ("1", "0"),
    "resources_NET:CUSTOM_BANDWIDTH": ("10",),
    "resources1:VCPU": ("2",),
    "trait:HW_CPU_X86_AVX2": ("required", "forbidden", "preferred"),
    "trait:HW_CPU_HYPERTHREADING": ("required", "forbidden"),
    "trait1:CUSTOM_GPU_FAST": ("required", "forbidden"),
    "trait_NET:CUSTOM_NET_UP": ("required",),
    "group_policy": ("none", "isolate", "wrong"),
    "quota:cpu_shares": ("10",),
}
IMAGE_PROPERTIES: dict[str, tuple[str, ...]] = {
    "hw_cpu_policy": ("dedicated", "mixed", "shared"),
    "hw_cpu_thread_policy": ("prefer", "isolate", "require"),
    "hw_cpu_realtime_mask": ("^0", "1-2"),
    "hw_numa_nodes": ("1", "2"),
    "hw_mem_page_size": ("large", "2048"),
    "hw_mem_encryption": ("true", "false"),
    "hw_mem_encryption_model": ("amd-sev", "amd-sev-es"),
    "hw_firmware_type": ("uefi", "bios"),
    "hw_firmware_stateless": ("true", "false"),
    "hw_machine_type": ("q35", "pc"),
    "hw_tpm_version": ("1.2", "2.0"),
    "hw_tpm_model": ("tpm-tis", "tpm-crb"),
    "hw_pci_numa_affinity_policy": ("required", "socket"),
    "os_secure_boot": ("required", "disabled"),
    "hw_maxphysaddr_mode": ("passthrough", "emulate"),
    "hw_virtio_packed_ring": ("true", "false"),
    "hw_ephemeral_encryption": ("true", "false"),
    "hw_ephemeral_encryption_format": ("luks", "plain"),
    "hw_sound_model": ("virtio", "usb"),
    "hw_video_model": ("none", "virtio"),
    "hw_disk_bus": ("virtio", "scsi"),
    "hw_vif_model": ("virtio", "e1000", "VirtualVmxnet3"),
    "hw_architecture": ("x86_64", "amd64"),
    "architecture": ("x86_64", "i386"),
    "hw_emulation_architecture": ("aarch64", "i686"),
    "hw_viommu_model": ("auto", "intel"),
    "trait:HW_CPU_X86_AVX2": ("required",),
    "trait:HW_CPU_HYPERTHREADING": ("required",),
}

Case = dict[str, Any]
Answer = dict[str, Any]


def case(seed: int) -> Case:
    """A flavor, an image and options; most have few extra specs, so that they say something."""
    dice = random.Random(seed)

    def some(choices: dict[str, tuple[str, ...]], most: int) -> dict[str, str]:
        return {key: dice.choice(choices[key]) for key in dice.sample(sorted(choices), dice.randint(0, most))}

    return {
        "vcpus": dice.choice((1, 2, 4, 4, 8)),
        "ram": dice.choice((512, 1000, 4096)),
        "root": dice.choice((0, 1, 20)),
        "ephemeral": dice.choice((0, 0, 5)),
        "swap": dice.choice((0, 0, 1, 1024, 1500)),
        "extra_specs": some(EXTRA_SPECS, dice.choice((2, 4, 6))),
        "properties": some(IMAGE_PROPERTIES, dice.choice((0, 1, 4))),
        "disk_format": dice.choice(("qcow2", "raw")),
        "boot_from_volume": dice.random() < 0.3,
        "image_type": dice.random() < 0.2,
        "image_metadata": dice.random() < 0.2,
    }


def nova_answer(given: Case) -> Answer | None:
    """The request of Nova's code; None where Nova, or Placement after it, would refuse."""
    CONF.set_override("query_placement_for_image_type_support", given["image_type"], "scheduler")
    CONF.set_override("image_metadata_prefilter", given["image_metadata"], "scheduler")
    flavor = objects.Flavor(
        id=1,
        flavorid="1",
        name="f",
        vcpus=given["vcpus"],
        memory_mb=given["ram"],
        root_gb=given["root"],
        ephemeral_gb=given["ephemeral"],
        swap=given["swap"],
        extra_specs=given["extra_specs"],
        is_public=True,
        disabled=False,
    )
    image = objects.ImageMeta.from_dict(
        {"id": "1", "name": "i", "disk_format": given["disk_format"], "properties": dict(given["properties"])}
    )
    spec = objects.RequestSpec(
        context.RequestContext(),
        flavor=flavor,
        image=image,
        is_bfv=given["boot_from_volume"],
        requested_resources=[],
        request_level_params=objects.RequestLevelParams(),
        requested_destination=None,
        pci_requests=None,
        requested_networks=objects.NetworkRequestList(objects=[]),
    )
    try:
        hardware.numa_get_constraints(flavor, image)
        for name in PREFILTERS:
            getattr(request_filter, name)(spec._context, spec)
        found = ResourceRequest.from_request_spec(spec)
    except exception.NovaException:
        return None
    groups = {
        ident or "": {
            "resources": dict(group.resources),
            "required": sorted(group.required_traits),
            "forbidden": sorted(group.forbidden_traits),
        }
        for ident, group in found._rg_by_id.items()
    }
    if placement_refuses(groups, found.group_policy):
        return None
    return {
        "groups": groups,
        "isolate": found.group_policy == "isolate",
        "root_required": sorted(found._root_required),
        "root_forbidden": sorted(found._root_forbidden),
    }


def placement_refuses(groups: dict[str, Any], policy: str | None) -> bool:
    """400 in placement/lib.py: groups of traits alone, several groups without a policy, contradictions, no groups."""
    return (
        not groups
        or any(not group["resources"] for group in groups.values())
        or any(set(group["required"]) & set(group["forbidden"]) for group in groups.values())
        or (sum(1 for suffix in groups if suffix) > 1 and policy is None)
    )


def our_answer(given: Case) -> Answer | None:
    """The same of ours."""
    flavor = Flavor(
        "1",
        "f",
        given["vcpus"],
        given["ram"],
        given["root"],
        given["ephemeral"],
        given["swap"],
        extra_specs=given["extra_specs"],
    )
    image = ours.Image(given["properties"], given["disk_format"])
    scheduler = Scheduler(
        query_placement_for_image_type_support=given["image_type"], image_metadata_prefilter=given["image_metadata"]
    )
    try:
        found = ours.demand(flavor, image, given["boot_from_volume"], scheduler, CLOUD_TRAITS).request
    except FlavorError:
        return None
    return {
        "groups": {
            group.suffix: {
                "resources": dict(group.resources),
                "required": sorted(trait for alternatives in group.required for trait in alternatives),
                "forbidden": sorted(group.forbidden),
            }
            for group in found.groups
        },
        "isolate": found.isolate,
        "root_required": sorted(found.root_required),
        "root_forbidden": sorted(found.root_forbidden),
    }


def main() -> None:
    first, count = int(sys.argv[1]), int(sys.argv[2])
    CONF([], project="nova", version="")
    objects.register_all()
    accepted = 0
    for seed in range(first, first + count):
        given = case(seed)
        theirs, mine = nova_answer(given), our_answer(given)
        accepted += theirs is not None
        if theirs != mine:
            print(json.dumps({"seed": seed, "case": given, "nova": theirs, "ours": mine}))
    print(json.dumps({"accepted": accepted, "refused": count - accepted}))


if __name__ == "__main__":
    main()
