//go:build !race

package snapshot

// Texts with everything that a snapshot keeps, and much that it does not.

const manifestText = `
name: web
director_uuid: 00000000-0000-4000-8000-00000000beef
features: {use_dns_addresses: true}
releases: [{name: nginx, version: 1.21.6, url: "https://user:word@example.com/nginx.tgz", sha1: abc}]
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.785"}]
update: {canaries: 1, max_in_flight: 50%, canary_watch_time: 1000-60000, update_watch_time: 1000, vm_strategy: create-swap-delete}
variables: [{name: password, type: password, options: {length: 20}}]
tags: {owner: someone}
instance_groups:
- name: web
  instances: 2
  lifecycle: service
  azs: [z1, z2]
  vm_type: small
  vm_extensions: [lb]
  stemcell: default
  persistent_disk_type: big
  migrated_from: [{name: old, az: z1}]
  update: {max_in_flight: 2, vm_strategy: delete-create, serial: true}
  env: {bosh: {password: hashed, authorized_keys: [key]}}
  networks:
  - {name: default, default: [dns, gateway], static_ips: [10.0.0.10, [10.0.0.11 - 10.0.0.11, null]], nic_group: 1}
  - {name: public, static_ips: 192.168.9.1}
  jobs:
  - name: nginx
    release: nginx
    consumes: {db: {instances: [{address: 10.0.0.99}], properties: {password: linked}}}
    provides: {web: {as: web}}
    properties: &shared
      password: plain
      keepalived: {vip: 10.0.0.9, auth_pass: secret, priority: 100}
      vips: [{ip: 10.0.0.8/24, key: pem}, "10.0.0.7, ((other_vip))", name.example.com]
  - {name: other, release: nginx, properties: *shared}
  properties: {delegate_ip: ((delegate)), user: admin}
- name: smoke
  instances: ((smoke_instances))
  lifecycle: errand
  azs: ((azs))
  jobs: []
  networks: [{name: default, static_ips: ((smoke_ips))}]
addons:
- name: dns
  include: {stemcell: [{os: ubuntu-jammy}]}
  jobs: [{name: bosh-dns, release: bosh-dns, properties: {api: {client: {tls: {private_key: pem}}}}}]
- name: lb
  jobs: [{name: lb, release: lb, properties: {floating_ip: 10.0.0.6, token: abc}}]
properties: {virtual_ip: 10.0.0.5, cc: {db_encryption_key: abc}}
`

const cloudConfigText = `
azs:
- {name: z1, cpi: west, cloud_properties: {datacenters: [{name: dc, clusters: [a: {resource_pool: p}]}]}}
- {name: z2}
networks:
- name: default
  type: manual
  managed: false
  subnets:
  - range: 10.0.0.0/24
    gateway: 10.0.0.1
    reserved: [10.0.0.2 - 10.0.0.4, ["10.0.0.250-10.0.0.254"], "((blocked))", "10.0.0.((last))"]
    static: [10.0.0.5 - 10.0.0.20]
    dns: [10.0.0.1, 8.8.8.8]
    azs: [z1, z2]
    cloud_properties: {name: VLAN-7, site: west, deep: {er: 1, other: 2}, security_groups: [sg], subnet: ((subnet))}
  - range: 10.0.1.0/24
    gateway: 10.0.1.1
    az: z1
    prefix: 28
- {name: dynamic, type: dynamic, dns: [8.8.8.8], cloud_properties: {net_id: 5d4, password: abc}}
- {name: public, type: vip, subnets: [{static: [192.168.9.1], azs: [z1]}]}
vm_types:
- {name: small, cloud_properties: {cpu: 1, allowed_address_pairs: 10.0.0.30, boot_key: pem}}
vm_extensions:
- {name: lb, cloud_properties: {elb: [a], tags: {secret: abc}}}
disk_types: [{name: big, disk_size: 1024, cloud_properties: {encryption_key: abc}}]
compilation: {workers: 4, network: default, az: z1, vm_type: small, vm_extensions: [lb], reuse_compilation_vms: true, env: {password: abc}}
unknown: {key: abc}
`

const createEnvText = `
name: bosh
releases: [{name: bosh, version: 282.0.0, url: "https://user:word@example.com/bosh.tgz", sha1: abc}]
resource_pools: [{name: vms, network: private, env: {bosh: {password: hashed}}, cloud_properties: {key: abc}}]
disk_pools: [{name: disks, disk_size: 1024}]
networks:
- name: private
  type: manual
  subnets: [{range: 10.0.0.0/24, gateway: 10.0.0.1, static: [10.0.0.6], dns: [8.8.8.8], cloud_properties: {name: VLAN-7, key: abc}}]
- {name: public, type: vip}
instance_groups:
- name: bosh
  instances: 1
  resource_pool: vms
  jobs: [{name: director, release: bosh, properties: {password: plain}}]
  networks: [{name: private, static_ips: [10.0.0.6], default: [dns, gateway]}]
  properties: {director: {cpi_job: west, db: {password: plain}}, keepalived: {vip: 10.0.0.9}}
cloud_provider:
  template: {name: west_cpi, release: west}
  mbus: "https://mbus:word@10.0.0.6:6868"
  ssh_tunnel: {host: 10.0.0.6, port: 22, user: vcap, private_key: pem}
  cert: {ca: pem}
  properties: {agent: {mbus: "https://mbus:word@0.0.0.0:6868"}, key: abc}
variables: [{name: password, type: password}]
`

const runtimeConfigText = `
releases: [{name: keepalived, version: 1}]
tags: {secret: abc}
variables: [{name: /x, type: password}]
addons:
- name: dns
  jobs: [{name: dns, release: dns, properties: {key: abc}}]
- name: lb
  include: {deployments: [web], lifecycle: service, jobs: [{name: nginx, release: nginx}], stemcell: [{os: ubuntu-jammy}]}
  exclude: {networks: [public], teams: [a]}
  jobs:
  - {name: keepalived, release: keepalived, properties: {keepalived: {vip: 10.0.0.9, password: abc}}}
  - {name: other, release: keepalived}
`
