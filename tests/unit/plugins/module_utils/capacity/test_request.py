# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nova asks for. tests/integration/test_nova_requests.py compares the whole with Nova's own code."""

from __future__ import annotations

from typing import Any

import pytest

from ansible_collections.scaleout.nova.plugins.module_utils._capacity.errors import FlavorError
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.model import Flavor
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.request import Image, demand
from ansible_collections.scaleout.nova.plugins.module_utils._capacity.scheduler import Scheduler


def of(specs: dict[str, str] | None = None, properties: dict[str, str] | None = None, **more: Any) -> Any:
    """The demand of a flavor of 4 CPUs, 4096 MiB and 20 GiB."""
    sizes = {key: more.pop(key) for key in ("ephemeral_gib", "swap_mib", "root_gib") if key in more}
    flavor = Flavor("1", "m1", 4, 4096, **{"root_gib": 20, **sizes}, extra_specs=specs or {})
    return demand(flavor, Image(properties or {}), **more)


#: four CPUs and 4096 MiB in two unequal nodes
BY_HAND = {
    "hw:numa_nodes": "2",
    "hw:numa_cpus.0": "0-1,3",
    "hw:numa_cpus.1": "2",
    "hw:numa_mem.0": "3072",
    "hw:numa_mem.1": "1024",
}


@pytest.mark.parametrize(
    ("specs", "amounts"),
    [
        ({}, {"VCPU": 4, "MEMORY_MB": 4096, "DISK_GB": 20}),
        ({"resources:VCPU": "0"}, {"MEMORY_MB": 4096, "DISK_GB": 20}),
        (
            {"resources:MEMORY_MB": "0", "resources:VCPU": "0", "resources:CUSTOM_IRON": "1"},
            {"DISK_GB": 20, "CUSTOM_IRON": 1},
        ),
        ({"resources:VGPU": "1"}, {"VCPU": 4, "MEMORY_MB": 4096, "DISK_GB": 20, "VGPU": 1}),
        ({"resources1:DISK_GB": "5"}, {"VCPU": 4, "MEMORY_MB": 4096, "DISK_GB": 5}),
        ({"hw:cpu_policy": "dedicated"}, {"PCPU": 4, "MEMORY_MB": 4096, "DISK_GB": 20}),
        (
            {"hw:cpu_policy": "dedicated", "hw:emulator_threads_policy": "isolate"},
            {"PCPU": 5, "MEMORY_MB": 4096, "DISK_GB": 20},
        ),
        (
            {"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "^0"},
            {"VCPU": 1, "PCPU": 3, "MEMORY_MB": 4096, "DISK_GB": 20},
        ),
        (
            {"hw:cpu_policy": "mixed", "hw:cpu_realtime": "yes", "hw:cpu_realtime_mask": "2-3"},
            {"VCPU": 2, "PCPU": 2, "MEMORY_MB": 4096, "DISK_GB": 20},
        ),
        (
            {"hw:pmem": "6GB, 6GB,big"},
            {
                "VCPU": 4,
                "MEMORY_MB": 4096,
                "DISK_GB": 20,
                "CUSTOM_PMEM_NAMESPACE_6GB": 2,
                "CUSTOM_PMEM_NAMESPACE_BIG": 1,
            },
        ),
    ],
)
def test_resources(specs: dict[str, str], amounts: dict[str, int]) -> None:
    assert of(specs).amounts == amounts


def test_disk_has_ephemeral_and_swap_rounded_up_to_gib() -> None:
    assert of(ephemeral_gib=3, swap_mib=1025).amounts["DISK_GB"] == 20 + 3 + 2


def test_boot_from_volume_leaves_the_other_disks() -> None:
    assert of(ephemeral_gib=3, swap_mib=1, boot_from_volume=True).amounts["DISK_GB"] == 4
    assert "DISK_GB" not in of(boot_from_volume=True).amounts


def test_groups_and_their_policy() -> None:
    specs = {
        "resources1:VGPU": "1",
        "trait1:CUSTOM_FAST": "required",
        "resources_B:VGPU": "2",
        "group_policy": "isolate",
    }
    request = of(specs).request
    assert request.isolate
    by_suffix = {group.suffix: group for group in request.groups}
    assert by_suffix["1"].resources == (("VGPU", 1),)
    assert by_suffix["1"].required == (frozenset({"CUSTOM_FAST"}),)
    assert by_suffix["_B"].resources == (("VGPU", 2),)


def test_traits_of_flavor_and_image() -> None:
    specs = {"trait:A": "required", "trait:B": "forbidden"}
    group = of(specs, {"trait:C": "required", "trait:D": "maybe"}).request.groups[0]
    assert group.required == (frozenset({"A"}), frozenset({"C"}))
    assert group.forbidden == {"B"}


@pytest.mark.parametrize(
    ("specs", "properties", "trait"),
    [
        ({"hw:tpm_version": "2.0", "hw:tpm_model": "tpm-crb"}, {}, "COMPUTE_SECURITY_TPM_CRB"),
        ({}, {"hw_tpm_version": "1.2"}, "COMPUTE_SECURITY_TPM_TIS"),
        ({"os:secure_boot": "required"}, {}, "COMPUTE_SECURITY_UEFI_SECURE_BOOT"),
        ({"hw:pci_numa_affinity_policy": "socket"}, {}, "COMPUTE_SOCKET_PCI_NUMA_AFFINITY"),
        ({"hw:maxphysaddr_mode": "emulate"}, {}, "COMPUTE_ADDRESS_SPACE_EMULATED"),
        (
            {"hw:mem_encryption": "true", "hw:mem_encryption_model": "amd-sev-es"},
            {"hw_firmware_type": "uefi"},
            "HW_CPU_X86_AMD_SEV_ES",
        ),
    ],
)
def test_traits_of_features(specs: dict[str, str], properties: dict[str, str], trait: str) -> None:
    assert frozenset({trait}) in of(specs, properties).request.groups[0].required


@pytest.mark.parametrize(
    ("specs", "trait"),
    [
        ({"accel:device_profile": "fpga"}, "COMPUTE_ACCELERATORS"),
        ({"hw:virtio_packed_ring": "true"}, "COMPUTE_NET_VIRTIO_PACKED"),
        ({"hw:ephemeral_encryption": "true"}, "COMPUTE_EPHEMERAL_ENCRYPTION"),
        ({"hw:sound_model": "virtio"}, "COMPUTE_SOUND_MODEL_VIRTIO"),
    ],
)
def test_traits_of_the_root(specs: dict[str, str], trait: str) -> None:
    request = of(specs).request
    assert trait in request.root_required
    assert request.root_forbidden == {"COMPUTE_STATUS_DISABLED"}


def test_a_trait_that_older_releases_do_not_ask_for() -> None:
    trait = "COMPUTE_SECURITY_TPM_SECRET_SECURITY_USER"
    assert not of({"hw:tpm_version": "2.0"}).request.root_required
    assert of({"hw:tpm_version": "2.0"}, cloud_traits=frozenset({trait})).request.root_required == {trait}


@pytest.mark.parametrize(
    ("properties", "traits"),
    [
        ({"architecture": "amd64"}, {"HW_ARCH_X86_64"}),
        ({"architecture": "amd64", "hw_architecture": "aarch64"}, {"HW_ARCH_AARCH64"}),
        ({"hw_vif_model": "VirtualVmxnet3"}, {"COMPUTE_NET_VIF_MODEL_VMXNET3"}),
        # Nova logs what makes no trait that there is as an error, and asks for none of the others either
        ({"hw_disk_bus": "virtio", "hw_viommu_model": "auto"}, set()),
        ({"hw_disk_bus": "virtio", "hw_emulation_architecture": "sparc"}, set()),
    ],
)
def test_properties_of_images_as_nova_reads_them(properties: dict[str, str], traits: set[str]) -> None:
    assert of(properties=properties, scheduler=Scheduler(image_metadata_prefilter=True)).request.root_required == traits


def test_prefilters_of_the_image_are_off_by_default() -> None:
    image = Image({"hw_disk_bus": "virtio"}, "qcow2")
    flavor = Flavor("1", "m1", 1, 512, 1)
    assert not demand(flavor, image).request.root_required
    both = Scheduler(query_placement_for_image_type_support=True, image_metadata_prefilter=True)
    assert demand(flavor, image, scheduler=both).request.root_required == {
        "COMPUTE_IMAGE_TYPE_QCOW2",
        "COMPUTE_STORAGE_BUS_VIRTIO",
    }
    assert demand(flavor, image, True, both).request.root_required == {"COMPUTE_STORAGE_BUS_VIRTIO"}


@pytest.mark.parametrize(
    ("specs", "properties", "words"),
    [
        ({"hw:cpu_policy": "pinned"}, {}, "hw:cpu_policy has to be one of dedicated, shared, mixed, not 'pinned'"),
        (
            {"hw:cpu_policy": "shared"},
            {"hw_cpu_policy": "dedicated"},
            "contradicts hw_cpu_policy=dedicated of the image",
        ),
        ({"hw:cpu_policy": "mixed"}, {}, "needs one of hw:cpu_dedicated_mask and hw:cpu_realtime_mask"),
        ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "0-9"}, {}, "names CPU 9, and it has 4"),
        ({"hw:cpu_policy": "mixed", "hw:cpu_dedicated_mask": "a"}, {}, "no list of CPUs"),
        ({"hw:cpu_thread_policy": "isolate"}, {}, "a CPU thread policy needs a CPU policy"),
        ({"resources:PCPU": "3"}, {}, "resources:PCPU has to be 4, not 3"),
        ({"resources:VCPU": "4", "hw:cpu_policy": "dedicated"}, {}, "cannot be used together with a CPU policy"),
        ({"hw:numa_nodes": "3"}, {}, "4 CPUs cannot be divided among 3 NUMA nodes"),
        ({"hw:numa_nodes": "1", "hw:numa_cpus.0": "0-3"}, {}, "given for each of its NUMA nodes (1)"),
        ({**BY_HAND, "hw:numa_nodes": "3"}, {}, "given for each of its NUMA nodes (3)"),
        ({**BY_HAND, "hw:numa_cpus.1": "1"}, {}, "hw:numa_cpus.N have to name each of its 4 CPUs once"),
        ({**BY_HAND, "hw:numa_cpus.0": "0-2"}, {}, "hw:numa_cpus.N have to name each of its 4 CPUs once"),
        ({**BY_HAND, "hw:numa_mem.0": "1024"}, {}, "hw:numa_mem.N have to add up to its 4096 MiB of memory"),
        (BY_HAND, {"hw_numa_mem.0": "1024"}, "hw:numa_mem.0 is given by the flavor and by the image"),
        ({"hw:mem_page_size": "huge"}, {}, "any, large, small or a size"),
        ({}, {"hw_mem_page_size": "2048"}, "needs hw:mem_page_size=any or large"),
        ({"hw:locked_memory": "true"}, {}, "needs hw:mem_page_size"),
        ({"hw:mem_encryption": "true"}, {}, "hw_firmware_type=uefi"),
        ({"hw:tpm_version": "1.2", "hw:tpm_model": "tpm-crb"}, {}, "needs hw:tpm_version=2.0"),
        ({"resources1:VGPU": "1", "resources2:VGPU": "1"}, {}, "no group_policy"),
        ({"trait1:A": "required"}, {}, "has traits and no resources"),
        ({"trait:A": "forbidden"}, {"trait:A": "required"}, "the trait A is both required and forbidden"),
        ({}, {"min_ram": "9000"}, "its 4096 MiB of memory are too little for the image, whose min_ram is 9000"),
        ({}, {"min_disk": "50"}, "its 20 GiB of root disk are too little for the image, whose min_disk is 50"),
        ({}, {"size": "30000000000"}, "too little for the image, whose size is 30000000000"),
        ({}, {"min_ram": "much"}, "min_ram of the image has to be a whole number, not 'much'"),
        (
            {"resources:VCPU": "0", "resources:MEMORY_MB": "0", "resources:DISK_GB": "0"},
            {},
            "asks for no resources at all",
        ),
    ],
)
def test_what_is_refused(specs: dict[str, str], properties: dict[str, str], words: str) -> None:
    with pytest.raises(FlavorError) as caught:
        of(specs, properties)
    assert words in str(caught.value)
    assert str(caught.value).startswith("flavor m1: ")
    assert "\n" not in str(caught.value)


def test_numa_nodes_by_hand() -> None:
    assert of(BY_HAND).amounts == of().amounts
    assert of({"hw:numa_cpus.0": "9"}).amounts == of().amounts, "Nova does not look at them without NUMA"


@pytest.mark.parametrize(
    ("key", "value"),
    [("resources:VCPU", "two"), ("resources:NONSENSE", "1"), ("trait:A", "preferred"), ("group_policy", "any")],
)
def test_what_nova_ignores_is_remarked(key: str, value: str) -> None:
    found = of({key: value})
    assert found.amounts == of().amounts
    (remark,) = found.ignored
    assert "%s=%s" % (key, value) in remark


@pytest.mark.parametrize(
    ("specs", "properties", "words"),
    [
        ({"hw:cpu_policy": "dedicated"}, {}, "NUMA"),
        ({"hw:mem_page_size": "1GB"}, {}, "NUMA"),
        ({"hw:numa_nodes": "2"}, {}, "NUMA"),
        ({"pci_passthrough:alias": "gpu:1"}, {}, "gpu:1"),
        ({"accel:device_profile": "fpga"}, {}, "Cyborg"),
        ({"capabilities:cpu_info:features": "<in> avx"}, {}, "capabilities:cpu_info:features"),
        ({}, {"hw_architecture": "aarch64"}, "hw_architecture"),
    ],
)
def test_what_cannot_be_seen_is_named(specs: dict[str, str], properties: dict[str, str], words: str) -> None:
    (sentence,) = of(specs, properties).unknown
    assert words in sentence
    assert not of().unknown
