# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""No secret is where somebody may read it who should not: arguments of processes, logs, output of plays, open files."""

from __future__ import annotations

import json
import os
from pathlib import Path

# Reads secrets from its input into a file for grep, and runs what follows with that file as $secrets.
WITH_SECRETS = 'umask 077; secrets=$(mktemp); trap "rm -f $secrets" EXIT; cat > $secrets; '


def test_secrets_are_long_and_all_different(secrets):
    assert min(len(value) for value in secrets.values()) >= 20
    assert len(set(secrets.values())) == len(secrets)


def test_no_secret_was_in_the_arguments_of_a_process_while_plays_ran(scratch):
    """What the watch of the scenario (watch_arguments.py) saw, on the hosts and on this machine."""
    seen = json.loads((scratch / "arguments.json").read_text())
    # It has looked while the plays were at work: these take a second each.
    assert seen["commands"]["keystone-manage"] and seen["commands"]["nova-manage"]
    assert seen["found"] == []


def test_no_secret_is_in_the_arguments_of_a_process(node, secrets):
    arguments = node.run("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' ' '")
    assert "systemd" in arguments
    assert [name for name, value in secrets.items() if value in arguments] == []


def test_no_secret_is_in_a_log(node, secrets):
    values = "\n".join(secrets.values())
    assert node.feed(WITH_SECRETS + "grep -rlaFf $secrets /var/log || true", values) == ""
    assert node.feed(WITH_SECRETS + "journalctl --no-pager -o verbose | grep -aFf $secrets || true", values) == ""
    assert int(node.run("journalctl --no-pager | wc -l")) > 100


def test_no_secret_is_in_a_file_that_others_may_read(node, secrets):
    """Whatever protects a file, its own mode or a folder's: `nobody` looks for them."""
    values = "\n".join(secrets.values())
    where = "/etc /home /opt /root /run /srv /tmp /usr/local /var"
    look = f"setpriv --reuid nobody --clear-groups grep -rslaF -D skip -f - {where} < $secrets || true"
    assert node.feed(WITH_SECRETS + look, values) == ""
    # The search is able to find something.
    assert "/etc/nova/nova" in node.feed(WITH_SECRETS + "grep -rslaFf $secrets /etc/nova || true", values)


def test_no_secret_is_in_the_output_of_a_play(scratch, secrets):
    """All runs of the scenario, with -vvv, some with --diff."""
    logs = sorted(scratch.glob("*.log"))
    texts = {log.name: log.read_text(errors="replace") for log in logs}
    assert any("EXEC" in text for text in texts.values())
    found = {(log, name) for log, text in texts.items() for name, value in secrets.items() if value in text}
    assert found == set()


def test_access_files_are_for_their_owner(controller):
    assert controller.run("stat -c '%U:%G %a' /etc/openstack/clouds.yaml") == "root:root 600"
    inventory = Path(os.environ["MOLECULE_SCENARIO_DIRECTORY"]) / "inventory"
    for path in (inventory / ".clouds.yaml", inventory / "group_vars" / "all" / "secrets.yml"):
        assert path.stat().st_mode & 0o777 == 0o600
