# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash
#
# What both kinds of hosts do. bench.py puts the variables before this and the script of the host behind it, and runs
# all of it with `bash -s`.
set -euo pipefail
export LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive

# When the script fails, so do its background jobs, which would keep the connection open.
trap '[ $? = 0 ] || kill 0' EXIT

# A line for the benchmark: from here on the host is busy with this.
phase() { printf 'PHASE %s %s\n' "$EPOCHREALTIME" "$*"; }

# In one transaction, with no service started: as the roles install, and with the same options.
install_packages() {
  printf '#!/bin/sh\nexit 101\n' > /usr/sbin/policy-rc.d
  chmod 755 /usr/sbin/policy-rc.d
  apt-get -q=2 update
  # shellcheck disable=SC2086 # a list of words
  apt-get -y -q=2 -o Dpkg::Use-Pty=0 -o Dpkg::Options::=--force-confdef -o Dpkg::Options::=--force-confold \
    install --no-install-recommends $PACKAGES
  rm /usr/sbin/policy-rc.d
  systemctl reload dbus # its package was held too, and has not read yet what the others brought for it
}

# How a service signs in at keystone, with the name and the password of its user.
sign_in() {
  printf '%s\n' auth_type=password "auth_url=$IDENTITY_URL" project_name=service project_domain_name=Default \
    user_domain_name=Default "username=$1" "password=$2" region_name=RegionOne
}

# Wait for all the background jobs that are named; fail with the first that failed.
wait_for() {
  local job
  for job in "$@"; do wait "$job"; done
}

# Wait for a job of another shell.
after() { while kill -0 "$1" 2> /dev/null; do sleep 0.1; done; }
