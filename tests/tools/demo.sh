#!/usr/bin/env bash
# A cloud on the lab's hosts with zones and aggregates, a guest on each compute, and what still fits. Run again, it
# changes nothing in the cloud.
set -euo pipefail
cd "$(dirname "$0")/../.."
inventory=${INVENTORY:-inventories/lab}
ansible-playbook -i "$inventory" scaleout.nova.secrets
ansible-playbook -i "$inventory" scaleout.nova.site scaleout.nova.verify scaleout.nova.verify_aggregates scaleout.nova.status
ansible-playbook -i "$inventory" scaleout.nova.capacity -e capacity_directory=build/capacity -e capacity_inventories=all \
  -e '{"capacity_flavor": {"name": "tiny", "vcpus": 1, "ram": 128, "disk": 1}}' # the new cloud has no flavors yet
cat << TEXT

What next:
  look       export OS_CLIENT_CONFIG_FILE=$inventory/.clouds.yaml OS_CLOUD=scaleout; .venv/bin/openstack hypervisor list
  run again  make demo     (changes nothing in the cloud, and says so)
  clean up   make clean    (removes every trace)
TEXT
