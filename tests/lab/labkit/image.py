# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a blank host is made of, and how it is built: debootstrap, a few files, podman import.

The image carries the hash of its recipe as its tag. There is nothing of OpenStack in it, no key and no password.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import tarfile
import time
import urllib.request
from dataclasses import asdict, dataclass
from pathlib import Path

from .machine import Machine, Podman, locked
from .plan import parse_apt_proxies, parse_apt_sources, pick_mirrors, split_certificates

IMAGE = "localhost/scaleout-lab"
IMAGE_LABEL = "scaleout.lab.image"
SUITE = "trixie"
KEEP_IMAGES = 2
PACKAGES = (
    "systemd", "systemd-sysv", "dbus", "python3", "iproute2", "ca-certificates", "sudo", "procps",
    "openssh-server", "iputils-ping",
)  # fmt: skip

# Units that would reach through to the kernel of the machine, or that compete with a play for apt's lock.
MASKED_UNITS = (
    "systemd-modules-load.service", "systemd-binfmt.service", "proc-sys-fs-binfmt_misc.automount",
    "systemd-remount-fs.service", "sys-kernel-debug.mount", "sys-kernel-tracing.mount", "sys-fs-fuse-connections.mount",
    "systemd-udev-trigger.service", "systemd-udevd.service", "systemd-udevd-kernel.socket",
    "systemd-udevd-control.socket", "apt-daily.timer", "apt-daily-upgrade.timer",
)  # fmt: skip

DPKG_FILE = "etc/dpkg/dpkg.cfg.d/lab"
PROXY_FILE = "etc/apt/apt.conf.d/91lab-proxy"
FILES = {
    # Faster installation: a host of the lab is thrown away after a crash, nobody reads manuals on it.
    DPKG_FILE: """\
force-unsafe-io
path-exclude=/usr/share/doc/*
path-include=/usr/share/doc/*/copyright
path-exclude=/usr/share/man/*
path-exclude=/usr/share/info/*
path-exclude=/usr/share/lintian/*
path-exclude=/usr/share/locale/*
path-include=/usr/share/locale/locale.alias
""",
    "etc/apt/apt.conf.d/90lab": """\
Acquire::Languages "none";
Acquire::PDiffs "false";
Acquire::Retries "3";
""",
    "etc/locale.conf": "LANG=C.UTF-8\n",
    "etc/ssh/sshd_config.d/lab.conf": """\
HostKey /etc/ssh/ssh_host_ed25519_key
PasswordAuthentication no
UseDNS no
X11Forwarding no
PrintLastLog no
MaxSessions 100
MaxStartups 100:30:200
PerSourcePenalties no
Match User root
    # Mounted when the host starts, and perhaps not root's: so not an AuthorizedKeysFile.
    AuthorizedKeysCommand /usr/bin/cat /etc/ssh/lab_authorized_keys
    AuthorizedKeysCommandUser root
""",
    "etc/systemd/system/lab-host-key.service": """\
[Unit]
Description=SSH host key of this host, made at its first start
Before=ssh.service
ConditionPathExists=!/etc/ssh/ssh_host_ed25519_key

[Service]
Type=oneshot
ExecStart=/usr/bin/ssh-keygen -q -t ed25519 -N "" -f /etc/ssh/ssh_host_ed25519_key

[Install]
WantedBy=ssh.service
""",
}

# Runs in the new root, once. The stamps of systemd-update-done spare every first start a second of rebuilding caches.
FINISH = """\
set -eu
export DEBIAN_FRONTEND=noninteractive
update-ca-certificates >/dev/null
apt-get -qq update
apt-get -qq -y dist-upgrade
apt-get -qq clean
rm -rf /var/lib/apt/lists/* /var/cache/debconf/*-old /var/log/*.log /var/log/apt
find /usr/share/doc -mindepth 2 ! -name copyright ! -type d -delete
rm -rf /usr/share/man /usr/share/info /usr/share/lintian
find /usr/share/locale -mindepth 1 -maxdepth 1 ! -name locale.alias -exec rm -rf {} +
rm -f /etc/ssh/ssh_host_* /etc/hostname /etc/resolv.conf /var/lib/dbus/machine-id
install -m 0644 /dev/null /etc/ssh/lab_authorized_keys
: > /etc/machine-id
systemctl -q enable ssh.service lab-host-key.service
systemctl -q mask $MASKED_UNITS
systemctl -q set-default multi-user.target
touch /etc/.updated /var/.updated
"""


@dataclass(frozen=True)
class Recipe:
    """All that decides what is in the image."""

    suite: str
    architecture: str
    mirror: str
    security_mirror: str
    packages: tuple[str, ...]
    masked: tuple[str, ...]
    files: dict[str, str]
    finish: str

    @property
    def tag(self) -> str:
        """The hash that names the image."""
        return hashlib.sha256(json.dumps(asdict(self), sort_keys=True).encode()).hexdigest()[:12]

    @property
    def name(self) -> str:
        """The image's full name."""
        return f"{IMAGE}:{self.tag}"


def make_recipe(machine: Machine) -> Recipe:
    """The recipe for hosts that fetch packages the way this machine does: its mirror, its proxies, its certificates."""
    lists = {path.name: path for path in Path("/etc/apt").glob("sources.list*/*")}
    lists["sources.list"] = Path("/etc/apt/sources.list")
    texts = {
        name: path.read_text(errors="replace")
        for name, path in lists.items()
        if path.is_file() and path.suffix in (".list", ".sources")
    }
    mirror, security = pick_mirrors(parse_apt_sources(texts))
    proxies = parse_apt_proxies(machine.output(["apt-config", "dump"], default=""), os.environ)
    files = dict(FILES)
    files[PROXY_FILE] = "".join(f'Acquire::{scheme}::Proxy "{value}";\n' for scheme, value in sorted(proxies.items()))
    for number, certificate in enumerate(_local_certificates()):
        files[f"usr/local/share/ca-certificates/machine-{number}.crt"] = certificate + "\n"
    return Recipe(SUITE, machine.architecture(), mirror, security, PACKAGES, MASKED_UNITS, files, FINISH)


def _local_certificates() -> list[str]:
    """The authorities that this machine trusts beyond those that Debian ships."""
    bundle = Path(os.environ.get("SSL_CERT_FILE") or "/etc/ssl/certs/ca-certificates.crt")
    if not bundle.is_file():
        return []
    shipped: set[str] = set()
    for path in Path("/usr/share/ca-certificates").rglob("*.crt"):
        shipped.update(split_certificates(path.read_text(errors="replace")))
    return [pem for pem in split_certificates(bundle.read_text(errors="replace")) if shipped and pem not in shipped]


def apt_sources(suites: dict[str, str]) -> str:
    """The deb822 sources of a host; suites are suite -> archive."""
    return "\n".join(
        f"Types: deb\nURIs: {uri}\nSuites: {suite}\nComponents: main\n"
        "Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg\n"
        for suite, uri in suites.items()
    )


def _reachable(uri: str, suite: str) -> bool:
    request = urllib.request.Request(f"{uri}/dists/{suite}/InRelease", method="HEAD")
    try:
        with urllib.request.urlopen(request, timeout=10):
            return True
    except OSError:
        return False


def _overlay(files: dict[str, str]) -> bytes:
    """A tar of files that belong to root."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as tar:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            data = text.encode()
            entry.size, entry.mode, entry.mtime = len(data), 0o644, int(time.time())
            tar.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


def ensure_image(machine: Machine, podman: Podman, cache: Path) -> str:
    """Build the image if it is not there; returns its name."""
    recipe = make_recipe(machine)
    if podman.ok("image", "exists", recipe.name):
        return recipe.name
    with locked(cache / "image.lock"):
        if podman.ok("image", "exists", recipe.name):
            return recipe.name
        archive = cache / f"image-{recipe.tag}.tar"
        if not archive.exists():
            _build(machine, recipe, archive)
        podman.run(
            "import", "-q", "--change", 'CMD ["/sbin/init"]', "--change", f"LABEL {IMAGE_LABEL}={recipe.tag}",
            str(archive), recipe.name,
        )  # fmt: skip
        forget_images(podman, cache, keep=KEEP_IMAGES)
    return recipe.name


def _build(machine: Machine, recipe: Recipe, archive: Path) -> None:
    """debootstrap into a directory, finish it there, pack it into the archive."""
    started = time.monotonic()
    machine.say(f"image: building Debian {recipe.suite} from {recipe.mirror}, once; this takes about a minute")
    for value in re.findall(r"https?://(?:127\.[0-9.]+|localhost)[^\"]*", recipe.files[PROXY_FILE]):
        machine.say(f"image: the proxy {value} is this machine's loopback, the hosts will not reach it")
    suites = {recipe.suite: recipe.mirror}
    for suite, uri in (
        (f"{recipe.suite}-updates", recipe.mirror),
        (f"{recipe.suite}-security", recipe.security_mirror),
    ):
        if _reachable(uri, suite):
            suites[suite] = uri
        else:
            machine.say(f"image: {uri} has no {suite}, going on without")
    root = archive.with_suffix(f".{os.getpid()}.d")
    machine.root(["install", "-d", "-m", "0755", str(root)])
    try:
        # Before the rest, because dpkg is to be quick in here too.
        machine.root(["tar", "-C", str(root), "-x"], stdin=_overlay({DPKG_FILE: recipe.files[DPKG_FILE]}))
        command = ["debootstrap", "--variant=minbase", f"--include={','.join(recipe.packages)}"]
        machine.root([*command, recipe.suite, str(root), recipe.mirror], log=archive.with_suffix(".log"))
        files = {**recipe.files, "etc/apt/sources.list.d/debian.sources": apt_sources(suites)}
        machine.root(["tar", "-C", str(root), "-x"], stdin=_overlay(files))
        machine.root(["rm", "-f", f"{root}/etc/apt/sources.list"])
        script = f"MASKED_UNITS='{' '.join(recipe.masked)}'\n{recipe.finish}"
        machine.root(["chroot", str(root), "sh"], stdin=script.encode(), log=archive.with_suffix(".log"))
        partial = archive.with_suffix(".part")
        with partial.open("wb") as out:
            machine.root(["tar", "-C", str(root), "--numeric-owner", "-c", "."], stdout=out)
        partial.rename(archive)
    finally:
        # debootstrap leaves /proc mounted when it fails.
        machine.root(["sh", "-c", 'umount -q "$0/proc" "$0/sys"; rm -rf --one-file-system "$0"', str(root)])
    machine.say(f"image: built in {time.monotonic() - started:.0f} s, {archive.stat().st_size >> 20} MiB")


def forget_images(podman: Podman, cache: Path, keep: int) -> None:
    """Remove all but the newest images, those in use excepted, and their archives."""
    images = podman.json("images", "--filter", f"label={IMAGE_LABEL}", "--format", "json")
    images.sort(key=lambda image: image["Created"], reverse=True)
    for image in images[keep:]:
        podman.ok("rmi", image["Id"])
    archives = sorted(cache.glob("image-*.tar"), key=lambda path: path.stat().st_mtime, reverse=True)
    for path in archives[keep:]:
        path.unlink()
        path.with_suffix(".log").unlink(missing_ok=True)
