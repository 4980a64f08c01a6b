package madefleet

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
)

func (d *director) manifestFile(dep *deployment) string {
	if dep.templated {
		return d.name + "/templates/" + dep.name + ".yml"
	}
	return d.name + "/deployments/" + dep.name + ".yml"
}

func (d *director) opsFile(dep *deployment) string  { return d.name + "/ops/" + dep.name + ".yml" }
func (d *director) varsFile(dep *deployment) string { return d.name + "/vars/" + dep.name + ".yml" }
func (d *director) ownFile() string                 { return d.name + "/director.yml" }
func (d *director) ownVarsFile() string             { return d.name + "/vars/director.yml" }
func (d *director) cloudConfigFile() string         { return d.name + "/cloud-config.yml" }

// networksFile is the cloud-config that has the networks: one director in four
// keeps them in one of their own.
func (d *director) networksFile() string {
	if d.twoCloudConfigs() {
		return d.name + "/networks.yml"
	}
	return d.cloudConfigFile()
}

func (d *director) twoCloudConfigs() bool { return d.index%4 == 1 }

// varsInCloudConfig: one director in twenty has gateways in a vars file.
func (d *director) varsInCloudConfig() bool { return !d.asWritten && d.index%20 == 3 }

func (d *director) networkVarsFile() string { return d.name + "/vars/networks.yml" }

// ownTemplated: half of the create-env manifests take the address from a file.
func (d *director) ownTemplated() bool { return !d.asWritten && d.index%2 == 0 }

func writeFleetFile(directors []*director) File {
	p := &page{}
	p.line(0, "directors:")
	for _, d := range directors {
		p.line(0, "- name: %s", d.name)
		p.line(1, "cloud_configs:")
		if d.twoCloudConfigs() {
			p.line(1, "- %s", d.cloudConfigFile())
		}
		if d.varsInCloudConfig() {
			p.line(1, "- {config: %s, vars_files: [%s]}", d.networksFile(), d.networkVarsFile())
		} else {
			p.line(1, "- %s", d.networksFile())
		}
		d.fleetDeployments(p)
		p.line(1, "create_env:")
		p.line(1, "- manifest: %s", d.ownFile())
		if d.ownTemplated() {
			p.line(2, "vars_files: [%s]", d.ownVarsFile())
		}
	}
	return File{Path: FleetFile, Text: p.Bytes()}
}

func (d *director) fleetDeployments(p *page) {
	plain := false
	for _, dep := range d.deployments {
		plain = plain || !dep.templated
	}
	if len(d.deployments) > 0 {
		p.line(1, "deployments:")
	}
	if plain {
		p.line(1, "- %s/deployments/*.yml", d.name)
	}
	for _, dep := range d.deployments {
		if dep.templated {
			p.line(1, "- manifest: %s", d.manifestFile(dep))
			p.line(2, "ops_files: [%s]", d.opsFile(dep))
			p.line(2, "vars_files: [%s]", d.varsFile(dep))
		}
	}
}

// files writes everything that one director has.
func (d *director) files() []File {
	r := rand.New(rand.NewPCG(d.seed, uint64(d.index)<<32|1<<31))
	list := append(d.cloudConfigs(r), d.ownFiles(r)...)
	for _, dep := range d.deployments {
		list = append(list, d.deploymentFiles(dep)...)
	}
	return list
}

func (d *director) cloudConfigs(r *rand.Rand) []File {
	types, networks := &page{r: r}, &page{r: r}
	d.writeTypes(types)
	d.writeNetworks(networks)
	var list []File
	if d.twoCloudConfigs() {
		list = []File{{d.cloudConfigFile(), types.Bytes()}, {d.networksFile(), networks.Bytes()}}
	} else {
		list = []File{{d.cloudConfigFile(), append(types.Bytes(), networks.Bytes()...)}}
	}
	if d.varsInCloudConfig() {
		list = append(list, File{d.networkVarsFile(), d.networkVars()})
	}
	return list
}

// writeTypes writes the parts of a cloud-config that hold no address.
func (d *director) writeTypes(p *page) {
	p.line(0, "azs:")
	for _, zone := range zones {
		p.line(0, "- name: %s", zone)
		p.line(1, "cloud_properties:")
		p.line(2, "datacenters:")
		p.line(2, "- name: %s", d.site)
		p.line(3, "clusters: [%s-%s: {resource_pool: %s}]", d.site, zone, d.name)
	}
	p.line(0, "vm_types:")
	for i, size := range []string{"minimal", "small", "medium", "large", "default"} {
		p.line(0, "- name: %s", size)
		p.line(1, "cloud_properties: {cpu: %d, ram: %d, disk: %d}", 1<<i, 1024<<i, 20480<<i)
	}
	p.line(0, "vm_extensions:")
	for _, name := range services[:10] {
		p.line(0, "- name: %s-extension", name)
		p.line(1, "cloud_properties: {tags: {service: %s}}", name)
	}
	p.line(0, "disk_types:")
	for i := range 6 {
		p.line(0, "- name: %dGB", 5<<i)
		p.line(1, "disk_size: %d", 5120<<i)
	}
	p.line(0, "compilation: {workers: 5, az: z1, vm_type: medium, network: compilation, reuse_compilation_vms: true}")
}

func (d *director) writeNetworks(p *page) {
	p.line(0, "networks:")
	for _, n := range d.networks {
		p.line(0, "- name: %s", n.name)
		if n.subnets == nil {
			p.line(1, "type: vip")
			continue
		}
		p.line(1, "type: manual")
		p.line(1, "subnets:")
		for i, s := range n.subnets {
			gateway := s.at(1).String()
			if d.varsInCloudConfig() {
				gateway = fmt.Sprintf("((%s_gateway_%d))", n.name, i)
			}
			s.write(p, gateway)
		}
	}
}

func (s *subnet) write(p *page, gateway string) {
	p.line(1, "- range: %s", s.prefix)
	p.line(2, "gateway: %s", gateway)
	if len(s.azs) == 1 {
		p.line(2, "az: %s", s.azs[0])
	} else {
		p.list(2, "azs", s.azs)
	}
	p.line(2, `dns: ["%s"]`, s.dns)
	p.line(2, "reserved:")
	for _, r := range s.reserved() {
		p.line(2, "- %s", s.text(r))
	}
	if static := s.static(); len(static) > 0 {
		p.line(2, "static:")
		for _, r := range static {
			p.line(2, "- %s", s.text(r))
		}
	}
	p.line(2, "cloud_properties:")
	p.line(3, "%s", s.identity)
}

func (d *director) networkVars() []byte {
	p := &page{}
	for _, n := range d.networks {
		for i, s := range n.subnets {
			p.line(0, "%s_gateway_%d: %s", n.name, i, s.at(1))
		}
	}
	return p.Bytes()
}

// ownFiles writes the create-env manifest of the director's own VM.
func (d *director) ownFiles(r *rand.Rand) []File {
	p := &page{r: r}
	address := d.own.String()
	if d.ownTemplated() {
		address = "((internal_ip))"
	}
	d.writeOwn(p, d.networks[0].subnets[0], address)
	list := []File{{d.ownFile(), p.Bytes()}}
	if d.ownTemplated() {
		vars := &page{}
		vars.line(0, "internal_ip: %s", d.own)
		vars.line(0, "admin_password: %x", r.Uint64())
		list = append(list, File{d.ownVarsFile(), vars.Bytes()})
	}
	return list
}

func (d *director) writeOwn(p *page, s *subnet, address string) {
	p.line(0, "name: %s", d.name)
	p.releases(services[:3])
	p.line(0, "resource_pools:")
	p.line(0, "- name: vms")
	p.line(1, "network: default")
	p.line(1, "cloud_properties: {cpu: 4, ram: 8192, disk: 65536}")
	p.line(1, "stemcell: {url: https://stemcells.example.com/jammy.tgz, sha1: %040x}", p.r.Uint64())
	p.line(0, "disk_pools: [{name: disks, disk_size: 65536}]")
	p.line(0, "networks:")
	p.line(0, "- name: default")
	p.line(1, "type: manual")
	p.line(1, "subnets:")
	p.line(1, "- range: %s", s.prefix)
	p.line(2, "gateway: %s", s.at(1))
	p.line(2, "dns: [%s]", s.dns)
	p.line(2, "cloud_properties: {%s}", s.identity)
	p.line(0, "instance_groups:")
	p.line(0, "- name: bosh")
	p.line(1, "instances: 1")
	p.line(1, "resource_pool: vms")
	p.line(1, "persistent_disk_pool: disks")
	p.line(1, "networks: [{name: default, static_ips: [%s]}]", address)
	p.line(1, "jobs:")
	for _, name := range []string{"nats", "postgres", "blobstore", "director", "health_monitor"} {
		p.line(1, "- {name: %s, release: %s}", name, services[0])
	}
	p.line(1, "properties:")
	for _, name := range []string{"nats", "blobstore", "director"} {
		p.line(2, "%s:", name)
		p.line(3, "address: %s", address)
		p.properties(3, 25)
	}
	p.line(0, "cloud_provider:")
	p.line(1, "template: {name: %s, release: %s}", services[1], services[1])
	p.line(1, "mbus: https://mbus:((mbus_bootstrap_password))@%s:6868", address)
	p.line(1, "properties:")
	p.properties(2, 10)
}

func (p *page) releases(names []string) {
	p.line(0, "releases:")
	for _, name := range names {
		version := fmt.Sprintf("%d.%d.%d", p.r.IntN(90), p.r.IntN(40), p.r.IntN(20))
		p.line(0, "- name: %s", name)
		p.line(1, "version: %s", version)
		p.line(1, "url: https://releases.example.com/%s?v=%s", name, version)
		p.line(1, "sha1: %040x", p.r.Uint64())
	}
}

func texts(addresses []netip.Addr) []string {
	list := make([]string, len(addresses))
	for i, a := range addresses {
		list[i] = a.String()
	}
	return list
}
