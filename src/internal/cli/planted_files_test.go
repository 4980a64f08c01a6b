package cli

// token is what is planted, as the beginning of all tokens.
const token = "tok!S3cr3t"

// plantedFiles is a fleet: two directors in files, one that is asked, a create-env VM, a
// pool with a booking, everything in one segment, with findings of many rules.
var plantedFiles = map[string]string{
	"served.fleet": `server: http://127.0.0.1:1
directors:
- {name: a, cloud_configs: [cc.yml], deployments: [m.yml]}
`,
	"ipguard.yml": `directors:
- name: a
  cloud_configs: [{config: cc.yml, INPUTS}]
  runtime_configs: [{config: rc.yml, INPUTS}]
  deployments: [{manifest: m.yml, ops_files: [ops.yml], INPUTS}]
  environment: {target: "https://alias:` + token + `0@127.0.0.1:1", ca_cert: ca.pem, client: ipguard, proxy: "socks5://u:` + token + `0b@127.0.0.1:1"}
- {name: b, cloud_configs: [cb.yml], deployments: [n.yml]}
- {name: c, create_env: [{manifest: e.yml, INPUTS}]}
- {name: live, snapshot: live.json, environment: {target: "URL", ca_cert: ca.pem, client: ipguard}}
pools:
- {name: p, team: t, addresses: [10.8.52.100 - 10.8.52.118], book: required}
gate: {override_log: override.log}
`,
	"cc.yml": `azs: [{name: z1}, {name: z2}]
vm_types: [{name: small}]
networks:
- name: default
  type: manual
  subnets:
  - range: 10.8.52.0/24
    gateway: 10.8.52.1
    dns: [10.8.52.2]
    azs: [z1, z2]
    reserved: [10.8.52.2 - 10.8.52.19, 10.8.52.100 - 10.8.52.254]
    static: [10.8.52.20 - 10.8.52.39]
    cloud_properties: {name: VLAN-52}
- {name: floating, type: vip}
- name: iaas
  type: dynamic
  subnets: [{az: z1, dns: [10.8.52.3], cloud_properties: {name: x}}]
compilation: {workers: 1, network: default, az: z1, vm_type: small}
`,
	"m.yml": `name: web
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.785"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-60000, update_watch_time: 1000-60000, serial: true, vm_strategy: delete-create}
instance_groups:
- name: ga
  instances: 1
  azs: [z1]
  lifecycle: service
  vm_type: small
  stemcell: default
  migrated_from: [{name: old, az: z1}]
  jobs: [{name: keepalived, release: lb, properties: {keepalived: {vip: 10.8.52.50}}}]
  networks:
  - name: default
    static_ips: [10.8.52.30]
    default: [dns, gateway]
  - {name: floating, static_ips: [10.8.52.99]}
`,
	"ops.yml": `- type: replace
  path: /instance_groups/-
  value: {name: go, instances: 1, azs: [z1], vm_type: small, stemcell: default, jobs: [], networks: [{name: default, static_ips: [10.8.52.31]}]}
- type: replace
  path: /instance_groups/name=ga/properties?
  value: {password: x}
`,
	"rc.yml": `releases: [{name: lb, version: "1"}]
addons: [{name: lb, jobs: [{name: keepalived, release: lb, properties: {keepalived: {vip: 10.8.52.130}}}], include: {deployments: [web], instance_groups: [ga]}}]
`,
	"e.yml": `name: ce
releases: []
networks:
- name: private
  type: manual
  subnets: [{range: 10.8.52.0/24, gateway: 10.8.52.1, dns: [10.8.52.2], cloud_properties: {name: VLAN-52}}]
resource_pools:
- {name: vms, network: private, stemcell: {url: "file:///stemcell.tgz", sha1: "0000"}}
instance_groups:
- name: jumpbox
  instances: 1
  resource_pool: vms
  jobs: []
  networks:
  - {name: private, static_ips: [10.8.52.30]}
cloud_provider:
  template: {name: vsphere_cpi, release: cpi}
  mbus: https://mbus:` + token + `1@10.8.52.30:6868
  properties: {}
`,
	"cb.yml": `azs: [{name: z1}]
networks:
- name: default
  subnets:
  - {range: 10.8.52.0/24, gateway: 10.8.52.1, az: z1, reserved: [10.8.52.2 - 10.8.52.119], static: [10.8.52.120 - 10.8.52.139], cloud_properties: {name: VLAN-52, password: "` + token + `2"}}
compilation: {workers: 1, network: default, az: z1}
`,
	"n.yml": `name: db
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000-60000, update_watch_time: 1000-60000}
instance_groups:
- {name: gb, instances: 1, azs: [z1], jobs: [], properties: {pass: "` + token + `3"}, networks: [{name: default, static_ips: [10.8.52.130]}]} # ` + token + `4
`,
	"bookings/p/10.8.52.105.yml": `- {at: 2026-01-02T03:04:05Z, what: booked, owner: lb/front, by: Ann <ann@example.org>, why: "see https://ann:` + token + `5@wiki/1"}
`,
	"bosh-config": `environments:
- {alias: lab, url: "https://u:` + token + `6@127.0.0.1:1", username: admin, password: "` + token + `7", refresh_token: "` + token + `8", ca_cert: "` + token + `9"}
`,
	"owners.csv": "address,owner,note\n10.8.52.106,lb/back," + token + "10\n",
}
