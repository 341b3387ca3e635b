#!/usr/bin/env bash
# The capacity report of the bundled example; arguments go to ansible-playbook, so that -e capacity_snapshot=FILE works.
set -euo pipefail
cd "$(dirname "$0")/../.."
export ANSIBLE_LOCALHOST_WARNING=false ANSIBLE_INVENTORY_UNPARSED_WARNING=false # it needs no inventory
ansible-playbook scaleout.nova.capacity -e capacity_snapshot=example -e capacity_directory=build/capacity "$@"
