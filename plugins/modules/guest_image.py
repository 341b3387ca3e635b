#!/usr/bin/python
# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the files of a tiny guest: a kernel, an initramfs with busybox, and a disk that a container can start from."""

from __future__ import annotations

DOCUMENTATION = r"""
module: guest_image
short_description: Build the files of a tiny guest that boots in seconds
version_added: 0.1.0
description:
  - Makes a kernel, a ramdisk and a disk from two packages of the Debian archive, the cloud kernel and
    C(busybox-static), as the apt sources of the host bring them. Nothing is installed.
  - The guest mounts what a user space needs, writes O(marker) to its serial console and then waits. It reaches that
    line in seconds, under emulation too.
  - A virtual machine starts from kernel and ramdisk, and leaves the disk alone. A container (LXC) has the disk as its
    root, a file system with the same busybox and a C(/sbin/init) that writes the same line.
author:
  - The scaleout.nova contributors (@scaleout-nova)
extends_documentation_fragment:
  - scaleout.nova.attributes
attributes:
  check_mode:
    support: full
  diff_mode:
    support: none
  idempotent:
    support: full
    details:
      - The files are made again when O(marker) or the way they are made has changed.
      - A newer kernel in Debian is no reason.
options:
  directory:
    description: Where the files are kept. It is made when it is not there.
    type: path
    required: true
  marker:
    description: The line that the guest writes to its serial console when it is up.
    type: str
    default: "scaleout: the guest is up"
  packages:
    description: The package of the kernel (a metapackage is followed) and that of busybox.
    type: list
    elements: str
    default: [linux-image-cloud-amd64, busybox-static]
  disk_size:
    description: Size of the disk in MiB.
    type: int
    default: 4
requirements:
  - C(apt-get), C(dpkg-deb) and C(mke2fs), on Debian
"""

EXAMPLES = r"""
- name: Files of the tiny guest
  become: true
  scaleout.nova.guest_image:
    directory: /var/lib/scaleout/guest
  register: guest
"""

RETURN = r"""
kernel:
  description: Path of the kernel.
  returned: success
  type: str
  sample: /var/lib/scaleout/guest/kernel
ramdisk:
  description: Path of the initramfs.
  returned: success
  type: str
  sample: /var/lib/scaleout/guest/ramdisk
disk:
  description: Path of the disk.
  returned: success
  type: str
  sample: /var/lib/scaleout/guest/disk
command_line:
  description: What the kernel has to be started with.
  returned: success
  type: str
  sample: console=ttyS0 quiet
"""

import glob
import gzip
import hashlib
import os
import pathlib
import shlex
import shutil
import tempfile

from ansible.module_utils.basic import AnsibleModule

_INIT = """#!/bin/busybox sh
/bin/busybox mount -t proc proc /proc
/bin/busybox mount -t sysfs sys /sys
/bin/busybox mount -t devtmpfs dev /dev
echo {marker} > /dev/ttyS0
exec /bin/busybox sh -c 'while :; do /bin/busybox sleep 3600; done'
"""
# libvirt has mounted all file systems of a container.
_CONTAINER_INIT = """#!/bin/busybox sh
echo {marker} > /dev/console
exec /bin/busybox sh -c 'while :; do /bin/busybox sleep 3600; done'
"""
_COMMAND_LINE = "console=ttyS0 quiet"
_FILES = ("kernel", "ramdisk", "disk")
# Raised when what is made changes, so that files of an older version of this module are made again.
_RECIPE = 2


class BuildError(Exception):
    """The files cannot be made; the message says why."""


def cpio(entries: list[tuple[str, int, bytes]]) -> bytes:
    """Return an archive in the kernel's initramfs format (newc) of (path, mode, content) entries."""
    out = bytearray()
    for number, (path, mode, content) in enumerate([*entries, ("TRAILER!!!", 0, b"")], start=1):
        name = path.encode() + b"\0"
        fields = [number, mode, 0, 0, 1, 0, len(content), 0, 0, 0, 0, len(name), 0]
        out += b"070701" + b"".join(b"%08X" % field for field in fields) + name
        out += b"\0" * (-len(out) % 4) + content
        out += b"\0" * (-len(out) % 4)
    return bytes(out)


def initramfs(busybox: bytes, marker: str) -> bytes:
    """Return the compressed initramfs of the guest."""
    folders = [(name, 0o040755, b"") for name in ("bin", "dev", "proc", "sys")]
    init = _INIT.format(marker=shlex.quote(marker)).encode()
    return gzip.compress(cpio([*folders, ("bin/busybox", 0o100755, busybox), ("init", 0o100755, init)]), mtime=0)


def root_disk(module: AnsibleModule, folder: str, busybox: bytes) -> None:
    """Make the disk in the folder, a file system without partitions."""
    root = pathlib.Path(folder, "container")
    for name in ("bin", "dev", "proc", "sbin", "sys", "tmp"):
        root.joinpath(name).mkdir(parents=True)
    init = _CONTAINER_INIT.format(marker=shlex.quote(module.params["marker"])).encode()
    for name, content in (("bin/busybox", busybox), ("sbin/init", init)):
        root.joinpath(name).write_bytes(content)
        root.joinpath(name).chmod(0o755)
    disk, size = os.path.join(folder, "disk"), "%dM" % module.params["disk_size"]
    command = ["mke2fs", "-q", "-F", "-t", "ext2", "-E", "root_owner=0:0", "-d", str(root), disk, size]
    path = os.environ.get("PATH", "") + ":/usr/sbin:/sbin"
    code, out, err = module.run_command(command, environ_update={"PATH": path})
    if code:
        said = (err.strip() or out.strip()).splitlines()
        raise BuildError(f"mke2fs failed: {said[-1] if said else f'exit code {code}'}, see the option disk_size")


def unpack(module: AnsibleModule, packages: list[str], folder: str) -> None:
    """Fetch the packages, and the kernel that a metapackage stands for, and unpack them into the folder."""

    def run(*command: str) -> str:
        code, out, err = module.run_command(list(command), cwd=folder, environ_update={"LC_ALL": "C"})
        if code:
            said = (err.strip() or out.strip()).splitlines()
            raise BuildError(f"{command[0]} {command[1]} failed: {said[-1] if said else f'exit code {code}'}")
        return out

    names = []
    for name in packages:
        depends = [
            line.split()[1] for line in run("apt-cache", "depends", name).splitlines() if "Depends: linux-" in line
        ]
        names += depends or [name]
    run("apt-get", "download", "-qq", *names)
    for archive in glob.glob(os.path.join(folder, "*.deb")):
        run("dpkg-deb", "-x", archive, os.path.join(folder, "root"))


def find(folder: str, *patterns: str) -> str:
    """Return the first file below the folder that matches."""
    for pattern in patterns:
        for path in sorted(glob.glob(os.path.join(folder, "root", pattern))):
            return path
    raise BuildError(f"the packages do not bring {' or '.join(patterns)}, see the option packages")


def build(module: AnsibleModule, directory: str, stamp: str) -> None:
    """Make the files, each of them whole or not at all, and the stamp last."""
    params = module.params
    os.makedirs(directory, mode=0o755, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=directory) as folder:
        os.chmod(folder, 0o755)  # apt fetches as a user of its own
        unpack(module, params["packages"], folder)
        made = os.path.join(folder, "made")
        os.mkdir(made)
        shutil.copyfile(find(folder, "boot/vmlinuz-*"), os.path.join(made, "kernel"))
        busybox = pathlib.Path(find(folder, "bin/busybox", "usr/bin/busybox")).read_bytes()
        pathlib.Path(made, "ramdisk").write_bytes(initramfs(busybox, params["marker"]))
        root_disk(module, made, busybox)
        pathlib.Path(made, "stamp").write_text(stamp)
        for name in (*_FILES, "stamp"):
            os.replace(os.path.join(made, name), os.path.join(directory, name))


def main() -> None:
    """Entry point."""
    module = AnsibleModule(
        argument_spec={
            "directory": {"type": "path", "required": True},
            "marker": {"type": "str", "default": "scaleout: the guest is up"},
            "packages": {"type": "list", "elements": "str", "default": ["linux-image-cloud-amd64", "busybox-static"]},
            "disk_size": {"type": "int", "default": 4},
        },
        supports_check_mode=True,
    )
    params = module.params
    directory = params["directory"]
    wanted = repr((_RECIPE, params["marker"], params["packages"], params["disk_size"]))
    stamp = hashlib.sha256(wanted.encode()).hexdigest() + "\n"
    paths = {name: os.path.join(directory, name) for name in _FILES}
    try:
        current = pathlib.Path(directory, "stamp").read_text()
    except OSError:
        current = ""
    changed = current != stamp or not all(map(os.path.isfile, paths.values()))
    if changed and not module.check_mode:
        try:
            build(module, directory, stamp)
        except (BuildError, OSError) as error:
            module.fail_json(msg=f"The files of the guest cannot be made in {directory}: {error}.")
    module.exit_json(changed=changed, command_line=_COMMAND_LINE, **paths)


if __name__ == "__main__":
    main()
