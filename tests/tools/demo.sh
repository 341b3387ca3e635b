#!/usr/bin/env bash
# A cloud on the lab's hosts, and a guest on each compute. Run again, it changes nothing.
set -euo pipefail
cd "$(dirname "$0")/../.."
inventory=${INVENTORY:-inventories/lab}
ansible-playbook -i "$inventory" scaleout.nova.secrets
ansible-playbook -i "$inventory" scaleout.nova.site scaleout.nova.verify scaleout.nova.status
cat << TEXT

What next:
  look       export OS_CLIENT_CONFIG_FILE=$inventory/.clouds.yaml OS_CLOUD=scaleout; .venv/bin/openstack hypervisor list
  run again  make demo     (changes nothing, and says so)
  clean up   make clean    (removes every trace)
TEXT
