# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
#
# A compute node with the packages and services of the role, and nothing else.

configure() {
  cat > /etc/nova/nova.conf << CONF
[DEFAULT]
host=$HOST
my_ip=$ADDRESS
log_dir=/var/log/nova
state_path=/var/lib/nova
transport_url=rabbit://nova_cell1:$nova_controller_cell1_messaging_password@$CONTROLLER:5672/nova_cell1
reserved_host_memory_mb=$RESERVED_MEMORY
[oslo_concurrency]
lock_path=/var/lib/nova/tmp
[oslo_messaging_rabbit]
rabbit_quorum_queue=true
[vnc]
server_listen=$ADDRESS
server_proxyclient_address=$ADDRESS
[glance]
region_name=RegionOne
[placement]
$(sign_in nova "$nova_controller_service_password")
[neutron]
$(sign_in nova "$nova_controller_service_password")
[service_user]
send_service_user_token=true
$(sign_in nova "$nova_controller_service_password")
CONF
  printf '[DEFAULT]\ncompute_driver=libvirt.LibvirtDriver\n[libvirt]\nvirt_type=%s\n' "$VIRT_TYPE" > /etc/nova/nova-compute.conf
}

main() {
  phase packages
  install_packages
  phase configuration
  configure
  phase waits for the controller
  until (: < "/dev/tcp/$CONTROLLER/8775") 2> /dev/null; do sleep 0.5; done
  phase services
  systemctl start libvirtd.socket nova-compute
}

main < /dev/null
phase end
