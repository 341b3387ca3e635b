# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What Nova asks of Placement for a server of a flavor, and what it cannot be seen to ask for.

Written after nova/scheduler/utils.py (ResourceRequest), nova/scheduler/request_filter.py and the checks of
nova/virt/hardware.py (numa_get_constraints), as of Nova 2026.1. What Nova refuses with an error is a FlavorError here;
what it passes over with a warning in its log is passed over here as well, and remarked.
"""

from __future__ import annotations

import collections.abc as c
import dataclasses
import re
import typing as t

from .errors import FlavorError
from .groups import Request, RequestGroup, all_of, amounts
from .model import Flavor
from .scheduler import Scheduler

#: os_resource_classes.STANDARDS
STANDARD_CLASSES = frozenset(
    (
        "VCPU",
        "MEMORY_MB",
        "DISK_GB",
        "PCI_DEVICE",
        "SRIOV_NET_VF",
        "NUMA_SOCKET",
        "NUMA_CORE",
        "NUMA_THREAD",
        "NUMA_MEMORY_MB",
        "IPV4_ADDRESS",
        "VGPU",
        "VGPU_DISPLAY_HEAD",
        "NET_BW_EGR_KILOBIT_PER_SEC",
        "NET_BW_IGR_KILOBIT_PER_SEC",
        "PCPU",
        "MEM_ENCRYPTION_CONTEXT",
        "FPGA",
        "PGPU",
        "NET_PACKET_RATE_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_EGR_KILOPACKET_PER_SEC",
        "NET_PACKET_RATE_IGR_KILOPACKET_PER_SEC",
    )
)
HYPERTHREADING = "HW_CPU_HYPERTHREADING"
STATUS_DISABLED = "COMPUTE_STATUS_DISABLED"
TPM_SECRET_SECURITY = "COMPUTE_SECURITY_TPM_SECRET_SECURITY_"
#: os_traits.compute.image
IMAGE_TYPES = frozenset(
    ("AKI", "AMI", "ARI", "ISO", "QCOW2", "RAW", "VDI", "VHD", "VHDX", "VMDK", "PLOOP")
)  # fmt: skip
#: ``request_filter.transform_image_metadata``
IMAGE_METADATA_TRAITS = {
    "hw_cdrom_bus": "COMPUTE_STORAGE_BUS",
    "hw_disk_bus": "COMPUTE_STORAGE_BUS",
    "hw_video_model": "COMPUTE_GRAPHICS_MODEL",
    "hw_vif_model": "COMPUTE_NET_VIF_MODEL",
    "hw_architecture": "HW_ARCH",
    "hw_emulation_architecture": "COMPUTE_ARCH",
}
#: ``ImageMetaProps._legacy_property_map``, and ``fields.Architecture`` and ``fields.VIFModel``: what Nova reads as what
LEGACY_PROPERTIES = {
    "architecture": "hw_architecture",
    "hypervisor_type": "img_hv_type",
    "vm_mode": "hw_vm_mode",
    "vmware_ostype": "os_distro",
}
LEGACY_ARCHITECTURES = {"amd64": "x86_64", **dict.fromkeys(("i386", "i486", "i586", "x86_32", "x86_32p"), "i686")}
LEGACY_VALUES: dict[str, dict[str, str]] = {
    "hw_architecture": LEGACY_ARCHITECTURES,
    "hw_emulation_architecture": LEGACY_ARCHITECTURES,
    "hw_vif_model": {
        "virtuale1000": "e1000",
        "virtuale1000e": "e1000e",
        "virtualpcnet32": "pcnet",
        "virtualsriovethernetcard": "sriov",
        "virtualvmxnet": "vmxnet",
        "virtualvmxnet3": "vmxnet3",
    },
}
#: those of os_traits.compute.arch
EMULATED_ARCHITECTURES = frozenset(("aarch64", "mipsel", "ppc64le", "s390x", "x86_64"))
#: ``hardware.MemEncryptionConfig``: the trait, and whether the firmware has to be stateless.
MEMORY_ENCRYPTION = {
    "amd-sev": ("HW_CPU_X86_AMD_SEV", False),
    "amd-sev-es": ("HW_CPU_X86_AMD_SEV_ES", False),
    "amd-sev-snp": ("HW_CPU_X86_AMD_SEV_SNP", True),
    "intel-tdx": ("HW_CPU_X86_INTEL_TDX", True),
}

SOUND_MODELS = ("sb16", "es1370", "pcspk", "ac97", "ich6", "ich9", "usb", "virtio")

#: ``ResourceRequest.XS_KEYPAT``
GRANULAR = re.compile(r"(resources|trait)([a-zA-Z0-9_-]{1,64})?:(.*)", re.DOTALL)
TRUE = frozenset(("1", "t", "true", "on", "y", "yes"))


@dataclasses.dataclass(frozen=True, slots=True)
class Image:
    """The properties of an image, as Glance has them (min_ram, min_disk and size among them), and its disk format where
    that matters."""

    properties: t.Mapping[str, str] = dataclasses.field(default_factory=dict)
    disk_format: str = ""
    name: str = ""


@dataclasses.dataclass(frozen=True, slots=True)
class Demand:
    """What a server of a flavor asks for."""

    flavor: Flavor
    image: Image
    request: Request
    #: what of the flavor or image is passed over by Nova, in sentences
    ignored: tuple[str, ...] = ()
    #: what no API shows of the hosts, though the scheduler looks at it, in sentences
    unknown: tuple[str, ...] = ()
    #: whether it asks for PCPU by its CPU policy (``cpu_pinning_requested``)
    pinned: bool = False

    @property
    def amounts(self) -> dict[str, int]:
        """What one server asks for by resource class, in all groups together."""
        found: dict[str, int] = {}
        for group in self.request.groups:
            for name, amount in group.resources:
                found[name] = found.get(name, 0) + amount
        return found


def demand(
    flavor: Flavor,
    image: Image | None = None,
    boot_from_volume: bool = False,
    scheduler: Scheduler | None = None,
    cloud_traits: c.Set[str] = frozenset(),
) -> Demand:
    """What Nova asks for.

    :param boot_from_volume: the root disk is a volume and needs nothing of the host
    :param scheduler: its configuration
    :param cloud_traits: all traits that any provider has, to tell what a Nova of an older release does not ask for
    :raises FlavorError: Nova would refuse the flavor, or the flavor with this image
    """
    image = _as_nova_reads(image or Image())
    builder = _Builder(flavor, image)
    builder.build(boot_from_volume)
    _prefilters(builder, boot_from_volume, scheduler or Scheduler(), cloud_traits)
    return Demand(flavor, image, builder.request(), tuple(builder.ignored), tuple(_unknown(builder)), builder.pinned)


def _as_nova_reads(image: Image) -> Image:
    """The image with properties under their present names (``ImageMetaProps.from_dict``)."""
    properties = dict(image.properties)
    for old, new in LEGACY_PROPERTIES.items():
        if old in properties:
            properties.setdefault(new, properties[old])
    for key, names in LEGACY_VALUES.items():
        if (value := properties.get(key)) is not None:
            properties[key] = names.get(value.lower(), value)
    return dataclasses.replace(image, properties=properties)


class _Metadata:
    """The extra specs of the flavor beside the properties of the image."""

    def __init__(self, flavor: Flavor, image: Image) -> None:
        self.flavor = flavor
        self.image = image

    def error(self, text: str) -> FlavorError:
        """The flavor or image is refused because of that."""
        return FlavorError("flavor %s: %s" % (self.flavor.name, text))

    def pair(self, key: str, prefix: str = "hw") -> tuple[str | None, str | None]:
        """``hw:key`` of the flavor and ``hw_key`` of the image (``_get_flavor_image_meta``)."""
        return (
            self.flavor.extra_specs.get("%s:%s" % (prefix, key)),
            self.image.properties.get("%s_%s" % (prefix, key)),
        )

    def one(self, key: str, prefix: str = "hw", choices: t.Sequence[str] = ()) -> str | None:
        """The one value that flavor and image agree upon (``_get_unique_flavor_image_meta``).

        :raises FlavorError: they do not, or it is none of the choices
        """
        flavor, image = self.pair(key, prefix)
        if flavor and image and flavor != image:
            raise self.conflict(key, prefix)
        value = flavor or image
        if value and choices and value not in choices:
            raise self.choice("%s:%s" % (prefix, key) if flavor else "%s_%s" % (prefix, key), value, choices)
        return value or None

    def conflict(self, key: str, prefix: str = "hw") -> FlavorError:
        """The error of two values that contradict each other."""
        flavor, image = self.pair(key, prefix)
        return self.error(
            "the extra spec %s:%s=%s contradicts %s_%s=%s of the image" % (prefix, key, flavor, prefix, key, image)
        )

    def choice(self, key: str, value: str, choices: t.Sequence[str]) -> FlavorError:
        """The error of a value that is none of the choices."""
        return self.error("%s has to be one of %s, not '%s'" % (key, ", ".join(choices), value))

    def flag(self, key: str) -> bool:
        """A switch that flavor and image may both set, to the same.

        :raises FlavorError: they set it differently
        """
        flavor, image = (None if value is None else is_true(value) for value in self.pair(key))
        if flavor is not None and image is not None and flavor != image:
            raise self.conflict(key)
        return bool(flavor or image)


def is_true(value: str) -> bool:
    """``oslo_utils.strutils.bool_from_string``"""
    return value.strip().lower() in TRUE


@dataclasses.dataclass(slots=True)
class _Part:
    """A request group that is being put together."""

    resources: dict[str, int] = dataclasses.field(default_factory=dict)
    required: set[str] = dataclasses.field(default_factory=set)
    forbidden: set[str] = dataclasses.field(default_factory=set)


class _Builder(_Metadata):
    """``ResourceRequest.from_request_spec``, step by step."""

    def __init__(self, flavor: Flavor, image: Image) -> None:
        super().__init__(flavor, image)
        self.parts: dict[str, _Part] = {"": _Part()}
        self.group_policy = ""
        self.root_required: set[str] = set()
        self.root_forbidden: set[str] = set()
        self.ignored: list[str] = []
        self.numa = self.pinned = False

    def build(self, boot_from_volume: bool) -> None:
        """All that comes from the flavor and the image."""
        self.extra_specs()
        self.image_traits()
        self.cpus()
        self.sizes(boot_from_volume)
        self.memory_encryption()
        self.persistent_memory()
        self.features()
        self.image_sizes(boot_from_volume)

    def request(self) -> Request:
        """The request, without resources of which nothing is asked, and without groups that are empty then.

        :raises FlavorError: Placement would refuse it
        """
        groups = []
        for suffix, part in self.parts.items():
            resources = amounts(part.resources)
            if resources:
                groups.append(RequestGroup(suffix, resources, all_of(part.required), frozenset(part.forbidden)))
            elif part.required or part.forbidden:
                name = "the numbered group '%s'" % suffix if suffix else "the unnumbered group"
                raise self.error("%s has traits and no resources, which Placement refuses" % name)
            clash = sorted(part.required & part.forbidden)
            if clash:
                raise self.error("the trait %s is both required and forbidden" % clash[0])
        if not groups:
            raise self.error("it asks for no resources at all")
        if sum(1 for group in groups if group.suffix) > 1 and not self.group_policy:
            raise self.error("it has several numbered groups and no group_policy, which Placement refuses")
        return Request(
            groups=tuple(groups),
            isolate=self.group_policy == "isolate",
            root_required=frozenset(self.root_required),
            root_forbidden=frozenset(self.root_forbidden),
        )

    # What the flavor says in so many words

    def extra_specs(self) -> None:
        """``_process_extra_specs``: resources, traits, group policy."""
        for key, value in self.flavor.extra_specs.items():
            if key == "group_policy":
                if value in ("none", "isolate"):
                    self.group_policy = value
                else:
                    self.ignore(key, value, "it is 'none' or 'isolate'")
                continue
            match = GRANULAR.match(key)
            if match is None:
                continue
            kind, suffix, name = match.groups()
            if kind == "resources":
                self.explicit_resource(key, value, suffix or "", name)
            else:
                self.explicit_trait(key, value, suffix or "", name)

    def explicit_resource(self, key: str, value: str, suffix: str, name: str) -> None:
        """``RequestGroup.add_resource``"""
        if name not in STANDARD_CLASSES and not name.startswith("CUSTOM_"):
            self.ignore(key, value, "there is no resource class %s" % name)
            return
        try:
            amount = int(value)
        except ValueError:
            amount = -1
        if amount < 0:
            self.ignore(key, value, "an amount is a whole number from 0 on")
            return
        self.part(suffix).resources[name] = amount

    def explicit_trait(self, key: str, value: str, suffix: str, name: str) -> None:
        """``RequestGroup.add_trait``"""
        if value == "required":
            self.part(suffix).required.add(name)
        elif value == "forbidden":
            self.part(suffix).forbidden.add(name)
        else:
            self.ignore(key, value, "it is 'required' or 'forbidden'")

    def image_traits(self) -> None:
        """``_process_image_meta``"""
        for key, value in self.image.properties.items():
            if key.startswith("trait:") and value == "required":
                self.require(key[6:])

    def part(self, suffix: str) -> _Part:
        return self.parts.setdefault(suffix, _Part())

    def add(self, name: str, amount: int) -> None:
        """A resource of the unnumbered group."""
        self.parts[""].resources[name] = amount

    def require(self, trait: str) -> None:
        """A trait of the unnumbered group."""
        self.parts[""].required.add(trait)

    def ignore(self, key: str, value: str, reason: str) -> None:
        """Nova logs a warning and goes on."""
        self.ignored.append("Nova ignores the extra spec %s=%s: %s." % (key, value, reason))

    def asked(self, name: str) -> bool:
        """Whether any group names the class, be it with 0 (``merged_resources``)."""
        return any(name in part.resources for part in self.parts.values())

    # CPUs

    def cpus(self) -> None:
        """``_translate_pinning_policies`` with the checks of ``numa_get_constraints``."""
        policy = self.cpu_policy()
        threads = self.thread_policy()
        emulator = self.flavor.extra_specs.get("hw:emulator_threads_policy")
        if emulator and emulator not in ("share", "isolate"):
            raise self.choice("hw:emulator_threads_policy", emulator, ("share", "isolate"))
        dedicated = self.dedicated_mask()
        realtime = self.realtime_mask(bool(emulator))
        explicit = self.explicit_cpus(policy, emulator == "isolate")
        self.check_cpus(explicit or policy, threads, emulator == "isolate", dedicated, realtime)

        extra = 1 if emulator == "isolate" else 0
        if policy == "dedicated":
            self.pinned = True
            self.add("PCPU", self.flavor.vcpus + extra)
        elif policy == "mixed":
            pinned = len(dedicated or realtime)
            self.add("VCPU", self.flavor.vcpus - pinned)
            self.add("PCPU", pinned + extra)
        if threads == "require":
            self.require(HYPERTHREADING)
        elif threads == "isolate":
            self.parts[""].forbidden.add(HYPERTHREADING)
        self.check_numa((explicit or policy) in ("dedicated", "mixed"))

    def cpu_policy(self) -> str | None:
        """``get_cpu_policy_constraint``"""
        choices = ("dedicated", "shared", "mixed")
        flavor, image = self.pair("cpu_policy")
        for key, value in (("hw:cpu_policy", flavor), ("hw_cpu_policy of the image", image)):
            if value and value not in choices:
                raise self.choice(key, value, choices)
        if (flavor == "mixed" and image == "dedicated") or (flavor == "shared" and image in ("mixed", "dedicated")):
            raise self.conflict("cpu_policy")
        return flavor or image or None

    def thread_policy(self) -> str | None:
        """``get_cpu_thread_policy_constraint``"""
        choices = ("prefer", "isolate", "require")
        flavor, image = self.pair("cpu_thread_policy")
        for key, value in (("hw:cpu_thread_policy", flavor), ("hw_cpu_thread_policy of the image", image)):
            if value and value not in choices:
                raise self.choice(key, value, choices)
        if flavor in (None, "prefer"):
            return flavor or image or None
        if image and image != flavor:
            raise self.conflict("cpu_thread_policy")
        return flavor

    def dedicated_mask(self) -> set[int]:
        """``get_dedicated_cpu_constraint``"""
        mask = self.flavor.extra_specs.get("hw:cpu_dedicated_mask")
        if not mask:
            return set()
        cpus = self.cpu_mask("hw:cpu_dedicated_mask", mask)
        if not 0 < len(cpus) < self.flavor.vcpus:
            raise self.error("hw:cpu_dedicated_mask=%s has to leave some of its CPUs shared, and not all" % mask)
        return cpus

    def realtime_mask(self, emulator_policy: bool) -> set[int]:
        """``get_realtime_cpu_constraint``"""
        if not is_true(self.flavor.extra_specs.get("hw:cpu_realtime", "")):
            return set()
        flavor, image = self.pair("cpu_realtime_mask")
        mask = image or flavor
        everything = set(range(self.flavor.vcpus))
        cpus = self.cpu_mask("hw:cpu_realtime_mask", mask) if mask else everything
        if not cpus or (cpus == everything and not emulator_policy):
            raise self.error(
                "hw:cpu_realtime needs a hw:cpu_realtime_mask that leaves out a CPU, or hw:emulator_threads_policy"
            )
        return cpus

    def cpu_mask(self, key: str, mask: str, of_all: bool = True) -> set[int]:
        """``hardware.parse_cpu_spec``; one ``of_all`` that begins with ^ leaves CPUs out of all that there are."""
        text = "0-%d,%s" % (self.flavor.vcpus - 1, mask) if of_all and mask.strip().startswith("^") else mask
        taken: set[int] = set()
        left_out: set[int] = set()
        for rule in filter(None, (each.strip() for each in text.split(","))):
            match = re.fullmatch(r"(\^?)(\d+)(?:\s*-\s*(\d+))?", rule)
            if match is None or (match[3] and int(match[3]) < int(match[2])):
                raise self.error("%s=%s is no list of CPUs such as '0-3,^2'" % (key, mask))
            (left_out if match[1] else taken).update(range(int(match[2]), int(match[3] or match[2]) + 1))
        cpus = taken - left_out
        if cpus and max(cpus) >= self.flavor.vcpus:
            raise self.error("%s=%s names CPU %d, and it has %d" % (key, mask, max(cpus), self.flavor.vcpus))
        return cpus

    def explicit_cpus(self, policy: str | None, isolated: bool) -> str | None:
        """The policy that follows from ``resources:VCPU`` or ``resources:PCPU``."""
        vcpus, pcpus = (sum(part.resources.get(name, 0) for part in self.parts.values()) for name in ("VCPU", "PCPU"))
        if policy and (vcpus or pcpus):
            raise self.error("resources:VCPU and resources:PCPU cannot be used together with a CPU policy")
        if vcpus and pcpus:
            raise self.error("resources:VCPU and resources:PCPU cannot be used together")
        if pcpus and pcpus != self.flavor.vcpus + isolated:
            raise self.error("resources:PCPU has to be %d, not %d" % (self.flavor.vcpus + isolated, pcpus))
        return "dedicated" if pcpus else "shared" if vcpus else None

    def check_cpus(
        self, policy: str | None, threads: str | None, isolated: bool, dedicated: set[int], realtime: set[int]
    ) -> None:
        """The sanity checks of ``numa_get_constraints``."""
        explicit = any(HYPERTHREADING in part.required | part.forbidden for part in self.parts.values())
        if threads and explicit:
            raise self.error("trait:%s and a CPU thread policy cannot be used together" % HYPERTHREADING)
        if policy in (None, "shared"):
            for name, wrong in (
                ("a CPU thread policy", threads or explicit),
                ("hw:emulator_threads_policy=isolate", isolated),
                ("hw:cpu_dedicated_mask", dedicated),
                ("hw:cpu_realtime", realtime),
            ):
                if wrong:
                    raise self.error("%s needs a CPU policy of dedicated or mixed" % name)
        elif policy == "dedicated" and dedicated:
            raise self.error("hw:cpu_dedicated_mask needs hw:cpu_policy=mixed")
        elif policy == "mixed" and bool(dedicated) == bool(realtime):
            raise self.error("hw:cpu_policy=mixed needs one of hw:cpu_dedicated_mask and hw:cpu_realtime_mask")

    def check_numa(self, pinned: bool) -> None:
        """Whether the guest has a NUMA topology, and a possible one."""
        flavor_nodes, image_nodes = self.pair("numa_nodes")
        if flavor_nodes and image_nodes:
            raise self.error("NUMA nodes are given by the flavor and by the image")
        nodes = flavor_nodes or image_nodes or ""
        if nodes and (not nodes.isdecimal() or int(nodes) < 1):
            raise self.error("hw:numa_nodes has to be a whole number from 1 on, not '%s'" % nodes)
        pages = self.page_size()
        if self.flag("locked_memory") and not pages:
            raise self.error("hw:locked_memory needs hw:mem_page_size")
        self.numa = pinned or bool(nodes or pages or self.persistent_labels())
        cpus, memory = (self.numa_parts(part) if self.numa else [] for part in ("cpus", "mem"))
        if cpus or memory:
            self.check_numa_parts(int(nodes or 1), cpus, memory)
        elif int(nodes or 1) > 1:
            for size, what in ((self.flavor.vcpus, "CPUs"), (self.flavor.ram_mib, "MiB of memory")):
                if size % int(nodes):
                    raise self.error("its %d %s cannot be divided among %s NUMA nodes" % (size, what, nodes))

    def numa_parts(self, part: str) -> list[str]:
        """``hw:numa_cpus.N`` or ``hw:numa_mem.N``, N from 0 on (``_get_numa_cpu_constraint``)."""
        found: tuple[list[str], list[str]] = ([], [])  # of the flavor, of the image
        for number, values in enumerate(found):
            while (value := self.pair("numa_%s.%d" % (part, len(values)))[number]) is not None:
                values.append(value)
        if all(found):
            raise self.error("hw:numa_%s.0 is given by the flavor and by the image" % part)
        return found[0] or found[1]

    def check_numa_parts(self, nodes: int, cpus: list[str], memory: list[str]) -> None:
        """``_get_numa_topology_manual``"""
        if not len(cpus) == len(memory) == nodes:
            raise self.error("hw:numa_cpus.N and hw:numa_mem.N are given for each of its NUMA nodes (%d)" % nodes)
        listed = [self.cpu_mask("hw:numa_cpus.%d" % node, text, False) for node, text in enumerate(cpus)]
        if sorted(cpu for each in listed for cpu in each) != list(range(self.flavor.vcpus)):
            raise self.error("hw:numa_cpus.N have to name each of its %d CPUs once" % self.flavor.vcpus)
        if not all(each.strip().isdecimal() for each in memory) or sum(map(int, memory)) != self.flavor.ram_mib:
            raise self.error("hw:numa_mem.N have to add up to its %d MiB of memory" % self.flavor.ram_mib)

    def page_size(self) -> str | None:
        """``_get_numa_pagesize_constraint``; Placement knows nothing of page sizes."""
        flavor, image = self.pair("mem_page_size")
        for value in filter(None, (flavor, image)):
            if not re.fullmatch(r"any|large|small|\d+|\d+(\.\d+)?([KMGT]i?)?[bB]", value):
                raise self.error("hw:mem_page_size is any, large, small or a size such as 2MB, not '%s'" % value)
        if image and flavor not in ("any", "large"):
            raise self.error("hw_mem_page_size of the image needs hw:mem_page_size=any or large")
        return flavor

    # Memory, disk and what else takes resources

    def sizes(self, boot_from_volume: bool) -> None:
        """CPUs, MiB of memory and GiB of disk, where the extra specs do not name them."""
        flavor = self.flavor
        if not self.asked("VCPU") and not self.asked("PCPU"):
            self.add("VCPU", flavor.vcpus)
        if not self.asked("MEMORY_MB"):
            self.add("MEMORY_MB", flavor.ram_mib)
        if not self.asked("DISK_GB"):
            swap_gib = -(-flavor.swap_mib // 1024)
            self.add("DISK_GB", flavor.ephemeral_gib + swap_gib + (0 if boot_from_volume else flavor.root_gib))

    def image_sizes(self, boot_from_volume: bool) -> None:
        """``API._validate_flavor_image_nostatus``: min_ram in MiB, min_disk in GiB and size in bytes of the image."""
        disk = 0 if boot_from_volume else self.flavor.root_gib  # of a root disk of 0 Nova does not look at the size
        for key, has, unit, what in (
            ("min_ram", self.flavor.ram_mib, 1, "MiB of memory"),
            ("min_disk", disk or None, 1, "GiB of root disk"),
            ("size", disk or None, 1 << 30, "GiB of root disk"),
        ):
            wanted = self.image.properties.get(key) or "0"
            if not wanted.isdecimal():
                raise self.error("%s of the image has to be a whole number, not '%s'" % (key, wanted))
            if has is not None and int(wanted) > has * unit:
                raise self.error("its %d %s are too little for the image, whose %s is %s" % (has, what, key, wanted))

    def memory_encryption(self) -> None:
        """``_translate_mem_encryption_request``"""
        if not self.flag("mem_encryption"):
            return
        model = self.one("mem_encryption_model", choices=tuple(MEMORY_ENCRYPTION)) or "amd-sev"
        trait, stateless = MEMORY_ENCRYPTION[model]
        properties = self.image.properties
        if properties.get("hw_firmware_type") != "uefi":
            raise self.error("memory encryption needs an image with hw_firmware_type=uefi")
        if "q35" not in properties.get("hw_machine_type", "q35"):
            raise self.error("memory encryption needs an image with hw_machine_type=q35")
        if stateless and not is_true(properties.get("hw_firmware_stateless", "")):
            raise self.error("memory encryption %s needs an image with hw_firmware_stateless=true" % model)
        if model == "intel-tdx" and properties.get("hw_video_model") != "none":
            raise self.error("memory encryption %s needs an image with hw_video_model=none" % model)
        self.add("MEM_ENCRYPTION_CONTEXT", 1)
        self.require(trait)

    def persistent_labels(self) -> list[str]:
        """``get_vpmems``"""
        labels = self.flavor.extra_specs.get("hw:pmem", "").split(",")
        return [label.strip() for label in labels if label.strip()]

    def persistent_memory(self) -> None:
        """``_translate_vpmems_request``"""
        labels = self.persistent_labels()
        for label in labels:
            name = "CUSTOM_" + re.sub("[^0-9A-Za-z]+", "_", "PMEM_NAMESPACE_" + label).upper()
            self.add(name, labels.count(label))

    # Features of the hypervisor

    def features(self) -> None:
        """vTPM, PCI affinity, secure boot, physical address bits, firmware: traits of the unnumbered group."""
        version = self.one("tpm_version", choices=("1.2", "2.0"))
        if version:
            model = self.one("tpm_model", choices=("tpm-tis", "tpm-crb")) or "tpm-tis"
            if model == "tpm-crb" and version != "2.0":
                raise self.error("the TPM model tpm-crb needs hw:tpm_version=2.0")
            self.require("COMPUTE_SECURITY_TPM_%s" % ("CRB" if model == "tpm-crb" else "TIS"))
            self.require("COMPUTE_SECURITY_TPM_%s" % version.replace(".", "_"))
        if self.one("pci_numa_affinity_policy", choices=("required", "legacy", "preferred", "socket")) == "socket":
            self.require("COMPUTE_SOCKET_PCI_NUMA_AFFINITY")
        if self.one("secure_boot", "os", ("required", "disabled", "optional")) == "required":
            self.require("COMPUTE_SECURITY_UEFI_SECURE_BOOT")
        address_mode = self.one("maxphysaddr_mode", choices=("passthrough", "emulate"))
        if address_mode:
            suffix = {"passthrough": "PASSTHROUGH", "emulate": "EMULATED"}[address_mode]
            self.require("COMPUTE_ADDRESS_SPACE_%s" % suffix)
        properties = self.image.properties
        if properties.get("hw_firmware_type") == "uefi" and is_true(properties.get("hw_firmware_stateless", "")):
            self.require("COMPUTE_SECURITY_STATELESS_FIRMWARE")


def _prefilters(builder: _Builder, boot_from_volume: bool, scheduler: Scheduler, cloud_traits: c.Set[str]) -> None:
    """The traits that nova/scheduler/request_filter.py asks of the root provider.

    ``owner_nova_filter`` is left out: a host of Nova has that trait. The filters on aggregates are in rules.py, and
    those on ports and routed networks need a server's ports.
    """
    root = builder.root_required
    builder.root_forbidden.add(STATUS_DISABLED)  # compute_status_filter
    if builder.flavor.extra_specs.get("accel:device_profile"):  # accelerators_filter
        root.add("COMPUTE_ACCELERATORS")
    if builder.flag("virtio_packed_ring"):  # packed_virtqueue_filter
        root.add("COMPUTE_NET_VIRTIO_PACKED")
    if builder.flag("ephemeral_encryption"):  # ephemeral_encryption_filter
        root.add("COMPUTE_EPHEMERAL_ENCRYPTION")
        form = builder.one("ephemeral_encryption_format", choices=("plain", "luks", "luksv2"))
        if form:
            root.add("COMPUTE_EPHEMERAL_ENCRYPTION_%s" % form.upper())
    if builder.one("sound_model", choices=SOUND_MODELS) == "virtio":  # virtio_sound_filter
        root.add("COMPUTE_SOUND_MODEL_VIRTIO")
    if builder.one("tpm_version") and any(trait.startswith(TPM_SECRET_SECURITY) for trait in cloud_traits):
        # tpm_secret_security_filter, in Nova from 2026.1 on
        security = builder.flavor.extra_specs.get("hw:tpm_secret_security") or "user"
        root.add(TPM_SECRET_SECURITY + security.upper())
    image = builder.image
    image_type = image.disk_format.upper()
    if scheduler.query_placement_for_image_type_support and image_type in IMAGE_TYPES and not boot_from_volume:
        root.add("COMPUTE_IMAGE_TYPE_%s" % image_type)  # require_image_type_support
    if scheduler.image_metadata_prefilter:  # transform_image_metadata
        # One that makes no trait keeps Nova from asking for any. COMPUTE_VIOMMU_AUTO should be ..._VIOMMU_MODEL_AUTO.
        emulated = image.properties.get("hw_emulation_architecture", "x86_64").lower()
        if "hw_viommu_model" not in image.properties and emulated in EMULATED_ARCHITECTURES:
            root.update(
                "%s_%s" % (prefix, image.properties[key].replace("-", "_").upper())
                for key, prefix in IMAGE_METADATA_TRAITS.items()
                if key in image.properties
            )


def _unknown(builder: _Builder) -> c.Iterator[str]:
    """What decides as well, and is shown by no API."""
    specs, properties = builder.flavor.extra_specs, builder.image.properties
    if builder.numa:
        yield "The guest has a NUMA topology, and the free CPUs and pages of each NUMA node are not shown by any API."
    if specs.get("pci_passthrough:alias"):
        yield (
            "The PCI devices behind pci_passthrough:alias=%s are not shown by any API." % specs["pci_passthrough:alias"]
        )
    if specs.get("accel:device_profile"):
        yield "The resources behind accel:device_profile=%s are known to Cyborg alone." % specs["accel:device_profile"]
    hidden = sorted(
        key
        for key in specs
        if key == "hw:maxphysaddr_bits" or (key.startswith("capabilities:") and key != "capabilities:hypervisor_type")
    )
    if hidden:
        yield "The capabilities of hosts that %s asks for are not shown by any API." % ", ".join(hidden)
    kinds = sorted(key for key in ("hw_architecture", "img_hv_type", "hw_vm_mode") if properties.get(key))
    if kinds:
        yield "Which hosts support %s of the image is not shown by any API." % ", ".join(kinds)
