package claims

import (
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// indexes are the instances of one group by their addresses, as bosh counts them.
type indexes struct {
	// told says that the director told them: an address that it did not tell is of
	// an instance that nobody knows.
	told bool
	by   map[netip.Addr]int
}

// indexesOf finds out which instance of a group has which of its static addresses:
// what the director told, else what its planner makes of a first deploy
// (placement_planner/index_assigner.rb). Without several zones that is the order of
// static_ips, and there is nothing to find out.
func (b *builder) indexesOf(d *Director, m *bosh.Manifest, g *bosh.Group, cc *bosh.CloudConfig) indexes {
	if told, ok := d.Indexes[m.Name]; ok {
		return indexes{told: true, by: told}
	}
	static := slices.ContainsFunc(g.Networks, func(n *bosh.GroupNetwork) bool { return len(n.Static) > 0 })
	if cc == nil || !static || len(g.AZs) < 2 || g.Instances < 2 || m.Form == bosh.CreateEnv {
		return indexes{}
	}
	alone := *m
	alone.Groups = []*bosh.Group{g}
	by := map[netip.Addr]int{}
	for _, a := range deploy.Check(cc, &alone, deploy.Past{}, bosh.Options{}).Addresses {
		if a.Kind == deploy.StaticAddress {
			by[a.IP.Addr()] = a.Index
		}
	}
	return indexes{by: by}
}

// name writes into a claim which instances its addresses are of. position is the
// place of the first one in static_ips.
func (x indexes) name(c *plan.Claim, position int) {
	c.Index = position
	if x.by == nil {
		return
	}
	count := 1
	if single := c.Subnet == nil || c.Subnet.Prefix == 0 || c.Subnet.Prefix == c.Range.From().BitLen(); single {
		if size := plan.Size(c.Range); size.IsInt64() && size.Int64() <= maxNamed {
			count = int(size.Int64())
		}
	}
	list := make([]int, count)
	consecutive := true
	a := c.Range.From()
	for i := range list {
		index, ok := x.by[a]
		if !ok {
			index = plan.NoIndex
			if !x.told {
				index = position + i
			}
		}
		list[i] = index
		consecutive = consecutive && index == list[0]+i && list[0] != plan.NoIndex
		a = a.Next()
	}
	c.Index = list[0]
	if !consecutive && count > 1 {
		c.SetIndexes((*plan.Indexes)(&list))
	}
}

// maxNamed is how many instances of one entry of static_ips are named one by one.
const maxNamed = 4096

// cloudConfigOf is what the networks of a manifest come from.
func (d *Director) cloudConfigOf(m *bosh.Manifest) *bosh.CloudConfig {
	if m.Own != nil {
		return m.Own
	}
	for _, v := range d.Views {
		if slices.Contains(v.Deployments, m.Name) {
			return v.CloudConfig
		}
	}
	return d.CloudConfig
}
