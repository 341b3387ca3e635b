# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""ansible-test sanity on a copy of this checkout, without containers. Arguments go to ansible-test.

ansible-test makes a venv per sanity test and fetches pip's installer for it from a host that not every machine reaches.
Here it finds one in its cache that takes the pip that Python brings along. It works in a home of its own, so that
nobody's real ~/.ansible learns of that.
"""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import tree

GET_PIP = '''"""Stands in for get-pip.py."""
import subprocess
import sys

subprocess.check_call([sys.executable, "-m", "ensurepip", "--upgrade"], stdout=subprocess.DEVNULL)
wanted = [item for item in sys.argv[1:] if item not in ("--no-setuptools", "--no-wheel")]
sys.exit(subprocess.call([sys.executable, "-m", "pip", "install", *wanted]))
'''


def prepare_home(home: Path) -> None:
    """Puts into HOME the stand-in for get-pip and the machine's pip settings, of which ansible-test passes none on."""
    internal = Path(sysconfig.get_paths()["purelib"], "ansible_test", "_internal", "python_requirements.py")
    cache = home / ".ansible" / "test" / "cache"
    cache.mkdir(parents=True, exist_ok=True)
    for version in set(re.findall(r"\bpip='([0-9.]+)'", internal.read_text(encoding="utf-8"))):
        (cache / f"get_pip_{version.replace('.', '_')}.py").write_text(GET_PIP, encoding="utf-8")

    settings = configparser.RawConfigParser()
    real_home = Path(os.environ.get("HOME") or "/root")
    settings.read([real_home / ".pip" / "pip.conf", real_home / ".config" / "pip" / "pip.conf"])
    if not settings.has_section("global"):
        settings.add_section("global")
    settings.set("global", "quiet", "2")
    certificates = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("SSL_CERT_FILE")
    if certificates:
        settings.set("global", "cert", certificates)
    for name, value in os.environ.items():
        if name.startswith("PIP_") and name != "PIP_CONFIG_FILE":
            settings.set("global", name.removeprefix("PIP_").lower().replace("_", "-"), value)
    target = home / ".config" / "pip" / "pip.conf"
    target.parent.mkdir(parents=True, exist_ok=True)
    with target.open("w", encoding="utf-8") as file:
        settings.write(file)


def main() -> int:
    """Returns ansible-test's exit code."""
    home = tree.CACHE / "ansible-test"
    prepare_home(home)
    python = f"{sys.version_info.major}.{sys.version_info.minor}"
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("ANSIBLE_", "XDG_", "PYTHON"))
    }
    environment["HOME"] = str(home)
    with tempfile.TemporaryDirectory(prefix="scaleout-sanity-") as folder:
        collection = tree.copy(Path(folder))
        command = ["ansible-test", "sanity", "--local", "--python", python, "--color", "no", *sys.argv[1:]]
        return subprocess.run(
            command, cwd=collection, env=environment, stdin=subprocess.DEVNULL, check=False
        ).returncode


if __name__ == "__main__":
    sys.exit(main())
