package madefleet

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
)

// deploymentFiles writes a manifest and what belongs to it.
func (d *director) deploymentFiles(dep *deployment) []File {
	p := &page{r: rand.New(rand.NewPCG(d.seed, 1<<63|uint64(dep.index))), used: map[string]bool{}}
	p.line(0, "---")
	p.line(0, "name: %s", dep.name)
	p.line(0, "")
	p.update()
	p.addons(len(dep.groups))
	p.line(0, "instance_groups:")
	for i, g := range dep.groups {
		p.group(g, dep.place(i))
	}
	p.line(0, "")
	p.variables(4 * len(dep.groups))
	p.releases(slices.Sorted(maps.Keys(p.used)))
	p.line(0, "stemcells:")
	p.line(0, "- alias: default")
	p.line(1, "os: ubuntu-jammy")
	p.line(1, `version: "1.%d"`, p.r.IntN(900))
	files := []File{{d.manifestFile(dep), p.Bytes()}}
	if dep.templated {
		files = append(files, File{d.opsFile(dep), dep.ops()}, File{d.varsFile(dep), dep.vars(p.r)})
	}
	return files
}

// origin says where a group's addresses come from.
type origin int

const (
	written  origin = iota // they stand in the manifest
	variable               // ((addresses)) stands there
	replaced               // an ops file puts them in
)

// place tells the origin of a group's addresses: in a templated deployment
// variables hold those of the first group, an ops file those of the last one.
func (dep *deployment) place(i int) origin {
	switch {
	case !dep.templated || len(dep.groups[i].static) == 0:
		return written
	case i == 0:
		return variable
	case i == len(dep.groups)-1:
		return replaced
	}
	return written
}

func (dep *deployment) ops() []byte {
	p := &page{}
	last := len(dep.groups) - 1
	g := dep.groups[last]
	if dep.place(last) == replaced {
		path := "/instance_groups/name=" + g.name
		p.line(0, "- {type: replace, path: %s/instances, value: %d}", path, g.instances)
		p.line(0, "- type: replace")
		p.line(1, "path: %s/networks/name=%s/static_ips?", path, g.network.name)
		p.line(1, "value:")
		for _, a := range g.static {
			p.line(1, "- %s", rangeText(a, a))
		}
	}
	p.line(0, `- {type: replace, path: "/tags?/owner", value: team-%d}`, dep.index%17)
	return p.Bytes()
}

func (dep *deployment) vars(r *rand.Rand) []byte {
	p := &page{}
	p.line(0, "system_domain: %s.example.com", dep.name)
	if dep.place(0) == variable {
		p.line(0, "instances: %d", dep.groups[0].instances)
		p.line(0, "addresses:")
		for _, a := range dep.groups[0].static {
			p.line(0, "- %s", rangeText(a, a))
		}
	}
	for _, s := range services {
		p.line(0, "%s_password: %016x", s, r.Uint64())
	}
	return p.Bytes()
}

func (p *page) update() {
	p.line(0, "update:")
	p.line(1, "canaries: %d", 1+p.r.IntN(2))
	p.line(1, "max_in_flight: %d", 1+p.r.IntN(4))
	p.line(1, "canary_watch_time: 30000-1200000")
	p.line(1, "update_watch_time: 5000-1200000")
	p.line(1, "serial: %t", p.r.IntN(2) == 0)
	p.line(0, "")
}

// addons writes none for small deployments.
func (p *page) addons(groups int) {
	if groups < 6 {
		return
	}
	p.line(0, "addons:")
	for _, s := range services[:groups/4] {
		p.line(0, "- name: %s-agent", s)
		p.line(1, "include: {stemcell: [{os: ubuntu-jammy}]}")
		p.line(1, "jobs:")
		p.job(s, 12)
	}
	p.line(0, "")
}

func (p *page) group(g *group, from origin) {
	p.line(0, "- name: %s", g.name)
	p.list(1, "azs", g.azs)
	switch from {
	case variable:
		p.line(1, "instances: ((instances))")
	case replaced:
		p.line(1, "instances: 1")
	default:
		p.line(1, "instances: %d", g.instances)
	}
	p.line(1, "vm_type: %s", pick(p.r, []string{"minimal", "small", "medium", "large"}))
	p.line(1, "stemcell: default")
	if p.r.IntN(3) == 0 {
		p.line(1, "persistent_disk_type: %dGB", 5<<p.r.IntN(6))
	}
	p.line(1, "networks:")
	p.network(g, from)
	p.line(1, "jobs:")
	for range g.jobs {
		p.job(pick(p.r, services), 4+p.r.IntN(22))
	}
	if g.virtual.IsValid() {
		p.line(1, "- name: keepalived")
		p.line(2, "release: %s", p.release("haproxy"))
		p.line(2, "properties:")
		p.line(3, "keepalived:")
		p.line(4, "vip: %s", g.virtual)
		p.line(4, "virtual_router_id: %d", g.router)
	}
}

func (p *page) network(g *group, from origin) {
	p.line(1, "- name: %s", g.network.name)
	if len(g.elastic) > 0 {
		p.line(2, "default: [dns, gateway]")
	}
	switch {
	case from == variable:
		p.line(2, "static_ips: ((addresses))")
	case from == written && len(g.static) > 0:
		p.line(2, "static_ips:")
		p.addresses(g.static)
	}
	if len(g.elastic) > 0 {
		p.line(1, "- name: vip")
		p.list(2, "static_ips", texts(g.elastic))
	}
}

// addresses lists addresses; runs of three and more become ranges, sometimes.
func (p *page) addresses(list []netip.Addr) {
	asRanges := p.r.IntN(2) == 0
	for len(list) > 0 {
		run := 1
		for run < len(list) && list[run] == list[run-1].Next() {
			run++
		}
		if asRanges && run >= 3 {
			p.line(2, "- %s", rangeText(list[0], list[run-1]))
			list = list[run:]
			continue
		}
		p.line(2, "- %s", rangeText(list[0], list[0]))
		list = list[1:]
	}
}

func (p *page) job(name string, lines int) {
	p.line(1, "- name: %s", name)
	p.line(2, "release: %s", p.release(name))
	if p.r.IntN(4) == 0 {
		p.line(2, "consumes: {%s: {from: %s}}", pick(p.r, services), pick(p.r, services))
	}
	p.line(2, "properties:")
	p.properties(3, lines)
}

// release notes that a job needs the release.
func (p *page) release(name string) string {
	p.used[name] = true
	return name
}

// variables writes n definitions.
func (p *page) variables(n int) {
	p.line(0, "variables:")
	for i := range n {
		name := fmt.Sprintf("%s_%d", pick(p.r, services), i)
		if i%3 == 0 {
			p.line(0, "- name: %s_password", name)
			p.line(1, "type: password")
			continue
		}
		p.line(0, "- name: %s_tls", name)
		p.line(1, "type: certificate")
		p.line(1, "update_mode: converge")
		p.line(1, "options:")
		p.line(2, "ca: service_ca")
		p.line(2, "common_name: %s.service.internal", name)
		p.line(2, "alternative_names: [%s.service.internal]", name)
		p.list(2, "extended_key_usage", []string{"client_auth", "server_auth"})
	}
}
