//go:build !race

package claims_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/source"
)

const blocksConfig = `
azs: [{name: z1}]
vm_types: [{name: small}]
networks:
- name: default
  subnets:
  - range: 10.0.0.0/26
    gateway: 10.0.0.1
    az: z1
    prefix: 28
    reserved: [RESERVED]
    static: [STATIC]
compilation: {workers: 1, network: default, az: z1}
`

// A director that gives each VM a block keeps, of static, the blocks that begin there; what
// begins none is dropped, and what of the rest is reserved is not looked at.
func TestStaticPoolsAreBlocks(t *testing.T) {
	for name, c := range map[string]struct{ reserved, static, want string }{
		"the first address":            {"", "10.0.0.32", "compilation 10.0.0.16/28; static-pool 10.0.0.32/28"},
		"all of it":                    {"", "10.0.0.32/28", "static-pool 10.0.0.32/28; compilation 10.0.0.16/28"},
		"more than one":                {"", "10.0.0.16 - 10.0.0.40", "static-pool 10.0.0.16-10.0.0.47"},
		"none":                         {"", "10.0.0.33 - 10.0.0.47", "compilation 10.0.0.16-10.0.0.47"},
		"a reserved one in the middle": {"10.0.0.40", "10.0.0.32", "static-pool 10.0.0.32/28; compilation 10.0.0.16/28"},
		"reserved from the middle on":  {"10.0.0.40 - 10.0.0.47", "10.0.0.32", "static-pool 10.0.0.32/28; compilation 10.0.0.16/28"},
		"its first address reserved":   {"10.0.0.32", "10.0.0.32 - 10.0.0.40", "compilation 10.0.0.16/28"},
		"with the last address":        {"", "10.0.0.48", "compilation 10.0.0.16-10.0.0.47; static-pool 10.0.0.48/28"},
		"with the first address":       {"", "10.0.0.0 - 10.0.0.15", "compilation 10.0.0.16-10.0.0.47"},
	} {
		t.Run(name, func(t *testing.T) {
			doc, err := source.Parse("cc.yml", []byte(strings.NewReplacer("RESERVED", c.reserved, "STATIC", c.static).Replace(blocksConfig)))
			if err != nil {
				t.Fatal(err)
			}
			config, _, _ := bosh.ReadCloudConfigs([]source.Value{doc.Root()}, bosh.Options{})
			p := claims.Build([]claims.Director{{Name: "a", CloudConfig: config}}, nil, func(*plan.Subnet) (string, plan.Perhaps) { return "", plan.Perhaps{} })
			var pools []string
			for i := range p.Claims {
				if k := p.Claims[i].Kind; k.Pool() {
					pools = append(pools, k.String()+" "+plan.RangeText(p.Claims[i].Range))
				}
			}
			if diff := cmp.Diff(sortedParts(c.want), sortedParts(strings.Join(pools, "; "))); diff != "" {
				t.Errorf("(-want +got):\n%s", diff)
			}
		})
	}
}

// What hides of static may begin any block whose first address is not restricted.
func TestHiddenStaticPoolsAreBlocks(t *testing.T) {
	web := strings.NewReplacer("name: NETWORK, static_ips: [ADDRESS]", "name: default", "keepalived: {vip: 10.0.0.9}", "").Replace(manifest)
	env := strings.NewReplacer("NETWORK", "private", "ADDRESS", "10.0.0.4").Replace(createEnv)
	cc := strings.NewReplacer("RESERVED", "10.0.0.40", "STATIC", "((x))").Replace(blocksConfig)
	const want = "compilation 10.0.0.16/28; static-pool 10.0.0.16-10.0.0.63"
	if diff := cmp.Diff(want, extents(t, cc, web, env)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func sortedParts(text string) []string {
	parts := strings.Split(text, "; ")
	slices.Sort(parts)
	return parts
}
