//go:build !race

package claims_test

import (
	"net/netip"
	"slices"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Who has the address at which a director answers is its machine, a second owner, or may be
// either: by what is known of it, and not by how the director of it told.
func TestWhoHasTheAddressOfADirector(t *testing.T) {
	at := func(address string) bosh.Block {
		a := netip.MustParseAddr(address)
		return bosh.Block{Range: netipx.IPRangeFrom(a, a)}
	}
	read := func(text string) source.Value {
		doc, err := source.Parse("f.yml", []byte(text))
		if err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		return doc.Root()
	}
	config, _, _ := bosh.ReadCloudConfigs([]source.Value{read(cloudConfig)}, bosh.Options{})
	group := func(template, jobs, network string, form bosh.Form) []*bosh.Manifest {
		text := strings.NewReplacer("NETWORK", network, "ADDRESS", "10.0.0.4").Replace(template)
		text = strings.NewReplacer("[{name: ha, release: ha, properties: {keepalived: {vip: 10.0.0.9}}}]", jobs, "jobs: []", "jobs: "+jobs).Replace(text)
		m, _, _ := bosh.ReadManifest(read(text), bosh.Options{Form: form})
		return []*bosh.Manifest{m}
	}
	leased := func(jobs string, l claims.Lease) claims.Director {
		m := group(manifest, jobs, "default", "")
		m[0].Groups[0].Networks[0].Static = nil
		l.Deployment, l.Blocks = "web", []bosh.Block{at("10.0.0.4")}
		return claims.Director{CloudConfig: config, Deployments: m, Leases: []claims.Lease{l}}
	}
	// leads has a virtual address: of its group, or of the whole deployment.
	leads := func(jobs, of, vip string) claims.Director {
		m := group(manifest, jobs, "default", "")
		m[0].Groups[0].Networks[0].Static = nil
		if vip != "" {
			m[0].VIPs = []bosh.PropertyAddress{{Range: at(vip).Range, Property: "keepalived.vip", Group: of}}
		}
		return claims.Director{CloudConfig: config, Deployments: m}
	}
	everywhere := func(d claims.Director, address string) claims.Director {
		d.CloudVIPs = []bosh.PropertyAddress{{Range: at(address).Range, Property: "keepalived.vip"}}
		return d
	}
	const machine, second, unsure = "its machine", "a second owner", "either"
	for name, c := range map[string]struct {
		other claims.Director
		own   string
		proxy bool
		via   string
		want  string
	}{
		"nobody else":                    {want: second},
		"a director deployed by another": {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[{name: director}]", "default", "")}, want: machine},
		"another VM":                     {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[{name: pgpool}]", "default", "")}, want: second},
		"a VM without jobs":              {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[]", "default", "")}, want: second},
		"a hidden job":                   {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[{name: nats}, {name: ((x))}]", "default", "")}, want: unsure},
		"hidden jobs":                    {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "((x))", "default", "")}, want: unsure},
		"a proxy before it":              {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[{name: haproxy}]", "default", "")}, want: unsure},
		"a proxy, the machine elsewhere": {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[{name: haproxy}]", "default", "")}, own: "10.0.0.6", want: machine},
		"another VM, and the machine elsewhere": {
			other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[{name: pgpool}]", "default", "")}, own: "10.0.0.6", want: second},
		"a jumpbox":                         {other: claims.Director{CloudConfig: config, Deployments: group(manifest, "[{name: ssh}]", "default", "")}, proxy: true, want: machine},
		"a director made by create-env":     {other: claims.Director{CreateEnvs: group(createEnv, "[{name: director}]", "private", bosh.CreateEnv)}, want: machine},
		"another VM of create-env":          {other: claims.Director{CreateEnvs: group(createEnv, "[{name: pgpool}]", "private", bosh.CreateEnv)}, want: second},
		"a hidden job of create-env":        {other: claims.Director{CreateEnvs: group(createEnv, "[{name: ((x))}]", "private", bosh.CreateEnv)}, want: unsure},
		"hidden jobs of create-env":         {other: claims.Director{CreateEnvs: group(createEnv, "((x))", "private", bosh.CreateEnv)}, want: unsure},
		"a proxy of create-env":             {other: claims.Director{CreateEnvs: group(createEnv, "[{name: nginx}]", "private", bosh.CreateEnv)}, want: unsure},
		"granted to a director":             {other: leased("[{name: director}]", claims.Lease{Group: "web"}), want: machine},
		"granted to another VM":             {other: leased("[{name: pgpool}]", claims.Lease{Group: "web"}), want: second},
		"granted to a hidden job":           {other: leased("[{name: ((x))}]", claims.Lease{Group: "web"}), want: unsure},
		"granted to who knows":              {other: leased("[{name: pgpool}]", claims.Lease{Group: "gone"}), want: machine},
		"the machine of another":            {other: claims.Director{CloudConfig: config, Addresses: []bosh.Block{at("10.0.0.4")}}, want: second},
		"the machine, by create-env":        {other: claims.Director{Addresses: []bosh.Block{at("10.0.0.4")}}, want: machine},
		"reached by the same way":           {other: claims.Director{CloudConfig: config, Reached: []claims.Reached{{Block: at("10.0.0.4"), Via: "j1"}}}, via: "j1", want: machine},
		"reached by another way":            {other: claims.Director{CloudConfig: config, Reached: []claims.Reached{{Block: at("10.0.0.4"), Via: "j1"}}}, via: "j2", want: second},
		"reached who knows how":             {other: claims.Director{CloudConfig: config, Reached: []claims.Reached{{Block: at("10.0.0.4"), Via: "j1"}}}, want: machine},
		"a name and an address":             {other: claims.Director{CloudConfig: config, Reached: []claims.Reached{{Block: at("10.0.0.4"), Via: "j1"}}}, via: "10.9.9.9", want: machine},
		"a virtual address":                 {other: leads("[{name: pgpool}]", "web", "10.0.0.4"), want: second},
		"of directors":                      {other: leads("[{name: keepalived}, {name: director}]", "web", "10.0.0.4"), want: machine},
		"of a proxy":                        {other: leads("[{name: keepalived}, {name: haproxy}]", "web", "10.0.0.4"), want: unsure},
		"of a proxy, the machine elsewhere": {other: leads("[{name: keepalived}, {name: haproxy}]", "web", "10.0.0.4"), own: "10.0.0.6", want: machine},
		"of a hidden job":                   {other: leads("[{name: pgpool}, {name: ((x))}]", "web", "10.0.0.4"), want: unsure},
		"of a deployment":                   {other: leads("[{name: pgpool}]", "", "10.0.0.4"), want: second},
		"of a deployment with directors":    {other: leads("[{name: director}]", "", "10.0.0.4"), want: machine},
		"of a deployment that hides":        {other: leads("[{name: ((x))}]", "", "10.0.0.4"), want: unsure},
		"of all":                            {other: everywhere(leads("[{name: pgpool}]", "", ""), "10.0.0.4"), want: second},
		"of all, and one hides":             {other: everywhere(leads("[{name: ((x))}]", "", ""), "10.0.0.4"), want: unsure},
		"of whom nobody told":               {other: everywhere(claims.Director{CloudConfig: config}, "10.0.0.4"), want: unsure},
		"somebody else's":                   {other: claims.Director{CloudConfig: config, Externals: []claims.External{{Owner: "lb", Blocks: []bosh.Block{at("10.0.0.4")}}}}, want: machine},
	} {
		t.Run(name, func(t *testing.T) {
			c.other.Name = "a"
			answers := claims.Director{Name: "b", CloudConfig: config, Reached: []claims.Reached{{Block: at("10.0.0.4"), Proxy: c.proxy, Via: c.via}}}
			if c.own != "" {
				answers.Addresses = []bosh.Block{at(c.own)}
			}
			p := claims.Build([]claims.Director{c.other, answers}, nil, func(*plan.Subnet) (string, plan.Perhaps) { return "", plan.Perhaps{} })
			got := machine
			for _, o := range p.Overlaps(func(x, y *plan.Claim) bool { return x.Kind.InUse() && y.Kind.InUse() }) {
				if o.Foreign() && o.Range == at("10.0.0.4").Range && o.SameMachine() {
					got = unsure
				}
			}
			claimed := slices.ContainsFunc(p.Claims, func(c plan.Claim) bool {
				return c.Kind == plan.DirectorOwn && c.Owner().Director == "b" && c.Range == at("10.0.0.4").Range
			})
			told := slices.ContainsFunc(p.BlindSpots, func(s plan.BlindSpot) bool {
				return slices.ContainsFunc(s.May, func(m plan.Claim) bool {
					return m.Range == at("10.0.0.4").Range && !m.RunsDirector
				})
			})
			if claimed && got != unsure {
				got = second
			}
			if got != c.want || told != (got == unsure) {
				t.Errorf("%s (claimed %t, told that it is not known %t), want %s", got, claimed, told, c.want)
			}
		})
	}
}
