# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The lab: blank Debian hosts that run systemd, as podman containers. Standard library only.

plan     what should be there: pure functions from inventory and machine settings to data
commands up, down and the others
image    what a blank host is made of, and how it is built
machine  what touches this machine: commands as root, podman, the network, limits
"""
