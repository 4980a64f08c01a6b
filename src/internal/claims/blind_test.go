//go:build !race

package claims_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/source"
)

const cloudConfig = `
azs: [{name: z1}]
vm_types: [{name: small}]
networks:
- name: default
  subnets:
  - range: 10.0.0.0/28
    gateway: 10.0.0.1
    az: z1
    reserved: [10.0.0.2 - 10.0.0.3]
    static: [10.0.0.4 - 10.0.0.5]
    dns: [10.0.0.2]
    cloud_properties: {subnet: subnet-1}
- name: second
  subnets: [{range: 10.0.1.0/29, gateway: 10.0.1.1, az: z1, static: [10.0.1.2], cloud_properties: {subnet: subnet-2}}]
- {name: public, type: vip}
- {name: listed, type: vip, subnets: [{static: [10.9.0.1], az: z1}]}
- {name: cloud, type: dynamic, cloud_properties: {subnet: subnet-3}}
compilation: {workers: 1, network: default, az: z1}
`

const manifest = `
name: web
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- name: web
  instances: 1
  azs: [z1]
  jobs: [{name: ha, release: ha, properties: {keepalived: {vip: 10.0.0.9}}}]
  networks: [{name: NETWORK, static_ips: [ADDRESS]}]
`

const createEnv = `
name: director
networks:
- name: private
  type: manual
  subnets: [{range: 10.0.0.0/28, gateway: 10.0.0.1, cloud_properties: {subnet: subnet-1}}]
- {name: public, type: vip}
resource_pools: [{name: vms, network: private}]
instance_groups:
- {name: director, instances: 1, resource_pool: vms, jobs: [], networks: [{name: NETWORK, static_ips: [ADDRESS]}]}
cloud_provider: {template: {name: cpi, release: cpi}}
`

// TestExtents holds what may hide: for each place that can hide, the claims that a
// value there could make.
func TestExtents(t *testing.T) {
	const all = "0.0.0.0/0, ::/0"
	web := strings.NewReplacer("NETWORK", "default", "ADDRESS", "10.0.0.4").Replace(manifest)
	env := strings.NewReplacer("NETWORK", "private", "ADDRESS", "10.0.0.4").Replace(createEnv)
	for name, c := range map[string]struct {
		cc, manifest, env string
		from, to          string
		want              string
	}{
		"static_ips of a manual network": {from: "static_ips: [10.0.0.4]", to: "static_ips: [((x))]", want: "static 10.0.0.4/31"},
		"static_ips of a bare vip network": {
			manifest: strings.NewReplacer("NETWORK", "public", "ADDRESS", "((x))").Replace(manifest), want: "vip " + all},
		"static_ips of a vip network that lists its addresses": {
			manifest: strings.NewReplacer("NETWORK", "listed", "ADDRESS", "((x))").Replace(manifest), want: ""},
		"static_ips of a dynamic network": {
			manifest: strings.NewReplacer("NETWORK", "cloud", "ADDRESS", "((x))").Replace(manifest), want: ""},
		"static_ips under a wrong key": {from: "static_ips: [10.0.0.4]", to: "static_ip: [10.0.0.4]", want: "static 10.0.0.4"},
		"the name of a network, its address is known": {from: "name: default, static_ips", to: "name: ((x)), static_ips",
			want: "static 10.0.0.4; vip 10.0.0.4, 10.0.0.9"},
		"networks of a group": {from: "networks: [{name: default, static_ips: [10.0.0.4]}]", to: "networks: ((x))",
			want: "static 10.0.0.4/31, 10.0.1.2; vip " + all},
		"instances":    {from: "instances: 1", to: "instances: ((x))", want: ""},
		"azs":          {from: "azs: [z1]\n  jobs", to: "azs: ((x))\n  jobs", want: ""},
		"a group name": {from: "- name: web", to: "- name: ((x))", want: ""},
		"a virtual address": {from: "vip: 10.0.0.9", to: "vip: ((x))",
			want: "vip " + all},
		"a password": {from: "keepalived: {vip: 10.0.0.9}", to: "password: ((x))", want: ""},
		"jobs":       {from: "jobs: [{name: ha, release: ha, properties: {keepalived: {vip: 10.0.0.9}}}]", to: "jobs: ((x))", want: "vip " + all},
		"a group": {from: web[strings.Index(web, "instance_groups:"):], to: "instance_groups: ((x))\n",
			want: "static 10.0.0.4/31, 10.0.1.2; vip " + all},
		"reserved": {cc: "reserved: [((x))]", want: "compilation 10.0.0.2/31, 10.0.0.6-10.0.0.14"},
		"static":   {cc: "static: [((x))]", want: "compilation 10.0.0.4-10.0.0.14"},
		"gateway":  {cc: "gateway: ((x))", want: "gateway 10.0.0.1-10.0.0.14"},
		"dns":      {cc: "dns: [((x))]", want: "dns 10.0.0.0/28"},
		"a range": {cc: "range: ((x))",
			want: "dns 10.0.0.2; dynamic-pool 0.0.0.0-10.0.0.0, 10.0.0.6-255.255.255.255; static-pool 10.0.0.4/31"},
		"prefix":                   {cc: "prefix: ((x))", want: "compilation 10.0.0.6-10.0.0.14; static 10.0.0.0/28"},
		"static_ips of create-env": {from: "env", env: strings.NewReplacer("NETWORK", "private", "ADDRESS", "((x))").Replace(createEnv), want: "create-env 10.0.0.0/28"},
		"static_ips of create-env on a vip network": {from: "env", env: strings.NewReplacer("NETWORK", "public", "ADDRESS", "((x))").Replace(createEnv), want: "vip " + all},
		"networks of create-env": {from: "env", env: strings.Replace(env, env[strings.Index(env, "networks:"):strings.Index(env, "resource_pools")], "networks: ((x))\n", 1),
			want: "dns " + all + "; gateway " + all},
	} {
		t.Run(name, func(t *testing.T) {
			cc, m, e := cloudConfig, web, env
			switch {
			case c.cc != "":
				key, _, _ := strings.Cut(c.cc, ":")
				cc = replaceLine(t, cc, key, c.cc)
			case c.manifest != "":
				m = c.manifest
			case c.env != "":
				e = c.env
			default:
				if m = strings.Replace(m, c.from, c.to, 1); m == web {
					t.Fatal("nothing was replaced")
				}
			}
			if diff := cmp.Diff(c.want, extents(t, cc, m, e)); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// replaceLine puts a line in the place of the first subnet's line with that key.
func replaceLine(t *testing.T, text, key, line string) string {
	t.Helper()
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		if trimmed := strings.TrimLeft(l, " -"); strings.HasPrefix(trimmed, key+":") && strings.HasPrefix(l, "  ") {
			lines[i] = l[:len(l)-len(trimmed)] + line
			return strings.Join(lines, "\n")
		}
	}
	return strings.Replace(text, "    az: z1\n", "    az: z1\n    "+line+"\n", 1)
}

// extents are what may hide in a fleet of one director and one VM of create-env.
func extents(t *testing.T, cc, m, e string) string {
	t.Helper()
	p := built(t, cc, m, e)
	sets := map[plan.Kind]*netipx.IPSetBuilder{}
	for _, spot := range p.BlindSpots {
		for _, c := range spot.May {
			if sets[c.Kind] == nil {
				sets[c.Kind] = &netipx.IPSetBuilder{}
			}
			sets[c.Kind].AddRange(c.Range)
		}
	}
	var parts []string
	for kind, b := range sets {
		set, err := b.IPSet()
		if err != nil {
			t.Fatal(err)
		}
		var ranges []string
		for _, r := range set.Ranges() {
			ranges = append(ranges, plan.RangeText(r))
		}
		parts = append(parts, fmt.Sprint(kind, " ", strings.Join(ranges, ", ")))
	}
	slices.Sort(parts)
	return strings.Join(parts, "; ")
}

// TestManyHidden: of a thousand virtual addresses that hide in one place each meets a few
// others, and not a thousand.
func TestManyHidden(t *testing.T) {
	meetings := func(n int) int {
		var vips []string
		for i := range n {
			vips = append(vips, fmt.Sprintf("((v%d))", i))
		}
		m := strings.NewReplacer("{vip: 10.0.0.9}", "{vips: ["+strings.Join(vips, ", ")+"]}", "NETWORK", "default", "ADDRESS", "10.0.0.4").Replace(manifest)
		p := built(t, cloudConfig, m, strings.NewReplacer("NETWORK", "private", "ADDRESS", "10.0.0.12").Replace(createEnv))
		if len(p.BlindSpots) != n {
			t.Fatalf("%d spots of %d", len(p.BlindSpots), n)
		}
		blindness, met := plan.NewBlindness(p), 0
		for i := range p.BlindSpots {
			for range blindness.Meetings(&p.BlindSpots[i]) {
				met++
			}
		}
		return met
	}
	if few, many := meetings(50), meetings(200); few == 0 || many > 5*few {
		t.Errorf("50 have %d meetings, 200 have %d", few, many)
	}
}

// built is the plan of that fleet.
func built(t *testing.T, cc, m, e string) *plan.Plan {
	t.Helper()
	read := func(name, text string) source.Value {
		doc, err := source.Parse(name, []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return doc.Root()
	}
	config, _, _ := bosh.ReadCloudConfigs([]source.Value{read("cc.yml", cc)}, bosh.Options{})
	of := func(name, text string, form bosh.Form) *bosh.Manifest {
		doc := read(name, text)
		made, _, _ := bosh.ReadManifest(doc, bosh.Options{Form: form})
		vips, err := bosh.FindVIPs(doc, bosh.DefaultPatterns())
		if err != nil {
			t.Fatal(err)
		}
		made.VIPs, made.Gaps = vips.Found, append(made.Gaps, vips.Gaps...)
		return made
	}
	return claims.Build([]claims.Director{
		{Name: "a", CloudConfig: config, Deployments: []*bosh.Manifest{of("web.yml", m, "")}},
		{Name: "b", CreateEnvs: []*bosh.Manifest{of("env.yml", e, bosh.CreateEnv)}},
	}, nil, func(*plan.Subnet) (string, plan.Perhaps) { return "", plan.Perhaps{} })
}
