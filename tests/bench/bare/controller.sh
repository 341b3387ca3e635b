# Copyright: (c) 2026, scaleout.nova contributors
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
# shellcheck shell=bash disable=SC2154
#
# A controller with the packages, schemas and services of the roles, and nothing else: nothing is validated, asked or
# checked, and nothing can be run twice. Whatever can go on at a time does.

configure() {
  local uwsgi="s/^processes *=.*/processes = $WORKERS/"
  sed -i "$uwsgi" /etc/{keystone/keystone,placement/placement-api,neutron/neutron-api}-uwsgi.ini \
    /etc/nova/nova-api{,-metadata}-uwsgi.ini
  printf '[mysqld]\nbind-address=0.0.0.0\nskip-name-resolve=1\nmax_connections=1000\n' > /etc/mysql/mariadb.conf.d/60-bench.cnf

  cat > /etc/keystone/keystone.conf << CONF
[DEFAULT]
log_dir=/var/log/keystone
[database]
connection=$(database keystone "$keystone_database_password")
[cache]
enabled=true
backend=oslo_cache.memcache_pool
memcache_servers=127.0.0.1:11211
CONF
  cat > /etc/placement/placement.conf << CONF
[DEFAULT]
log_dir=/var/log/placement
[api]
auth_strategy=keystone
[placement_database]
connection=$(database placement "$placement_database_password")
[keystone_authtoken]
memcached_servers=127.0.0.1:11211
$(sign_in placement "$placement_service_password")
CONF
  cat > /etc/glance/glance-api.conf << CONF
[DEFAULT]
log_dir=/var/log/glance
enabled_backends=file:file
workers=$WORKERS
[glance_store]
default_backend=file
[file]
filesystem_store_datadir=/var/lib/glance/images
[os_glance_staging_store]
filesystem_store_datadir=/var/lib/glance/staging
[os_glance_tasks_store]
filesystem_store_datadir=/var/lib/glance/tasks
[database]
connection=$(database glance "$glance_database_password")
[paste_deploy]
flavor=keystone
[keystone_authtoken]
memcached_servers=127.0.0.1:11211
$(sign_in glance "$glance_service_password")
CONF
  install -d -o glance -g glance /var/lib/glance/{images,staging,tasks}
  cat > /etc/neutron/neutron.conf << CONF
[DEFAULT]
log_dir=/var/log/neutron
core_plugin=ml2
service_plugins=router
auth_strategy=keystone
notify_nova_on_port_status_changes=false
notify_nova_on_port_data_changes=false
transport_url=$(queue neutron "$neutron_messaging_password")
[database]
connection=$(database neutron "$neutron_database_password")
[oslo_concurrency]
lock_path=/var/lock/neutron
[keystone_authtoken]
memcached_servers=127.0.0.1:11211
$(sign_in neutron "$neutron_service_password")
CONF
  printf '%s\n' '[ml2]' type_drivers=vxlan tenant_network_types= mechanism_drivers= '[ml2_type_vxlan]' vni_ranges=1:1000 \
    > /etc/neutron/plugins/ml2/ml2_conf.ini
  nova_conf nova "$nova_controller_messaging_password" nova_cell0 "$nova_controller_cell0_database_password" \
    > /etc/nova/nova.conf
  printf '[api_database]\nconnection=%s\n' "$(database nova_api "$nova_controller_api_database_password")" >> /etc/nova/nova.conf
  nova_conf nova_cell1 "$nova_controller_cell1_messaging_password" nova_cell1 "$nova_controller_cell1_database_password" \
    > /etc/nova/nova-cell1.conf
  chgrp nova /etc/nova/nova-cell1.conf
  chmod 640 /etc/nova/nova-cell1.conf
  unit notify nova-conductor
  unit simple nova-novncproxy
  systemctl daemon-reload
}

# The SQLAlchemy URL of a database, by name (also that of its user) and password.
database() { printf 'mysql+pymysql://%s:%s@%s/%s?charset=utf8' "$1" "$2" "$CONTROLLER" "$1"; }

# The URL of a virtual host of the message queue, by name (also that of its user) and password.
queue() { printf 'rabbit://%s:%s@%s:5672/%s' "$1" "$2" "$CONTROLLER" "$1"; }

# A nova.conf: queue and password, database and password.
nova_conf() {
  cat << CONF
[DEFAULT]
log_dir=/var/log/nova
state_path=/var/lib/nova
my_ip=$ADDRESS
transport_url=$(queue "$1" "$2")
[database]
connection=$(database "$3" "$4")
[oslo_concurrency]
lock_path=/var/lib/nova/tmp
[oslo_messaging_rabbit]
rabbit_quorum_queue=true
[scheduler]
workers=$WORKERS
[conductor]
workers=$WORKERS
[vnc]
novncproxy_host=0.0.0.0
[glance]
region_name=RegionOne
[placement]
$(sign_in nova "$nova_controller_service_password")
[neutron]
$(sign_in nova "$nova_controller_service_password")
[service_user]
send_service_user_token=true
$(sign_in nova "$nova_controller_service_password")
[keystone_authtoken]
memcached_servers=127.0.0.1:11211
service_token_roles_required=true
$(sign_in nova "$nova_controller_service_password")
CONF
}

# A service of cell1, as the role defines it.
unit() {
  printf '%s\n' '[Service]' "Type=$1" NotifyAccess=all User=nova Group=nova 'WorkingDirectory=~' \
    "ExecStart=/usr/bin/$2 --config-file=/etc/nova/nova-cell1.conf" > "/etc/systemd/system/$2@cell1.service"
}

databases() {
  local name password
  systemctl start mariadb
  while read -r name password; do
    printf "CREATE DATABASE %s CHARACTER SET utf8mb3; CREATE USER %s@'%%' IDENTIFIED BY '%s'; GRANT ALL ON %s.* TO %s@'%%';\n" \
      "$name" "$name" "$password" "$name" "$name"
  done << LIST | mariadb
keystone $keystone_database_password
glance $glance_database_password
placement $placement_database_password
neutron $neutron_database_password
nova_api $nova_controller_api_database_password
nova_cell0 $nova_controller_cell0_database_password
nova_cell1 $nova_controller_cell1_database_password
LIST
}

message_queue() {
  local name password vhosts='' users='' rights=''
  systemctl start rabbitmq-server memcached
  while read -r name password; do
    vhosts+=",{\"name\":\"$name\"}"
    users+=",{\"name\":\"$name\",\"password\":\"$password\",\"tags\":\"\"}"
    rights+=",{\"user\":\"$name\",\"vhost\":\"$name\",\"configure\":\".*\",\"write\":\".*\",\"read\":\".*\"}"
  done << LIST
neutron $neutron_messaging_password
nova $nova_controller_messaging_password
nova_cell1 $nova_controller_cell1_messaging_password
LIST
  install -m 640 -g rabbitmq /dev/null /run/definitions.json
  printf '{"vhosts":[%s],"users":[%s],"permissions":[%s]}' "${vhosts#,}" "${users#,}" "${rights#,}" > /run/definitions.json
  rabbitmqctl -q import_definitions /run/definitions.json
}

as() { setpriv --reuid="$1" --regid="$1" --init-groups --reset-env "${@:2}"; }

identity() {
  as keystone keystone-manage db_sync
  keystone-manage fernet_setup --keystone-user=keystone --keystone-group=keystone
  keystone-manage credential_setup --keystone-user=keystone --keystone-group=keystone
  OS_BOOTSTRAP_PASSWORD=$keystone_admin_password keystone-manage bootstrap --bootstrap-service-name=keystone \
    --bootstrap-region-id=RegionOne --bootstrap-{public,internal,admin}-url="$IDENTITY_URL"
  systemctl start keystone
  cloud_api register
}

image() {
  as glance glance-manage db_sync
  systemctl start glance-api
}

placement() {
  as placement placement-manage db sync
  systemctl start placement-api
}

network() {
  as neutron neutron-db-manage --config-file=/etc/neutron/neutron.conf --config-file=/etc/neutron/plugins/ml2/ml2_conf.ini \
    upgrade heads
  after "$queues"
  systemctl start neutron-api
}

compute() {
  local cell=(--config-file=/etc/nova/nova.conf --config-file=/etc/nova/nova-cell1.conf) jobs=()
  as nova nova-manage db sync --local_cell & jobs+=($!)
  as nova nova-manage "${cell[@]}" db sync --local_cell & jobs+=($!)
  as nova nova-manage api_db sync
  as nova nova-manage cell_v2 map_cell0 \
    --database_connection '{scheme}://{username}:{password}@{hostname}/nova_cell0?{query}'
  as nova nova-manage "${cell[@]}" cell_v2 create_cell --name cell1
  wait_for "${jobs[@]}"
  after "$queues"
  after "$users" # without one of its own, Nova does not start
  systemctl start nova-conductor nova-conductor@cell1 nova-novncproxy@cell1 nova-scheduler nova-api
  systemctl start nova-api-metadata # computes wait for this one
}

# ADDRESS of the controller, names of the computes in COMPUTES, passwords: from the environment.
cloud_api() { python3 /run/cloud_api.py "$@"; }

main() {
  local queues users jobs=()
  phase packages
  install_packages
  phase configuration
  configure
  phase database server
  message_queue & queues=$!
  databases
  phase schemas and services
  identity & users=$!
  image & jobs+=($!)
  placement & jobs+=($!)
  network & jobs+=($!)
  compute & jobs+=($!)
  wait_for "$queues" "$users" "${jobs[@]}"
  phase APIs answer
  cloud_api wait-apis
  phase computes come up
  cloud_api wait-computes
  as nova nova-manage cell_v2 discover_hosts
  cloud_api wait-hypervisors
}

main < /dev/null
phase end
