#!/usr/bin/env bash
# A cloud on the lab's hosts, and a guest on each compute. Run again, it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
inventory=${INVENTORY:-inventories/lab}
ansible-playbook -i "$inventory" scaleout.nova.secrets
ansible-playbook -i "$inventory" scaleout.nova.site scaleout.nova.verify
cat << TEXT

What next:
  OS_CLIENT_CONFIG_FILE=$inventory/clouds.yaml .venv/bin/openstack --os-cloud scaleout hypervisor list
  make demo     again: nothing changes
  make clean    removes every trace
TEXT
