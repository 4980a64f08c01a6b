package deploy

import (
	"maps"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
)

// CheckNICGroups reports networks that are to share a network card and cannot. A
// director looks at static addresses alone (networks_to_static_ips.rb); of the others
// the CPI refuses a card in two subnets, in the middle of a deploy. It is an error
// where no subnets of the networks go together in any zone of the group, and a warning
// where only the addresses that the deploy would take do not.
func CheckNICGroups(cc *bosh.CloudConfig, m *bosh.Manifest, addresses []PredictedAddress) []bosh.Problem {
	r := &bosh.Report{At: bosh.Order{Stage: bosh.StageSettings}}
	if cc == nil || m == nil || m.Form != bosh.V2 {
		return nil
	}
	for _, g := range m.Groups {
		for _, card := range cardsOf(cc, g) {
			switch {
			case !card.fits(g):
				p := r.Add(bosh.RuleNICGroup, "", card.uses[1].At, "networks %s of instance group %q share a network card, and no subnets of theirs have the same cloud_properties", card.names(), g.Name)
				p.WithCure("give the networks subnets with the same cloud_properties, or each a nic_group of its own")
			case card.apart(g, addresses):
				p := r.Warn(bosh.RuleNICGroup, card.uses[1].At, "networks %s of instance group %q share a network card, and the addresses that it would get are in subnets with different cloud_properties", card.names(), g.Name)
				p.WithCure("list the subnets of both networks in the same order, with room for the same instances, or use static_ips")
			}
		}
	}
	return r.Problems
}

// card is what networks of one nic_group of a group make.
type card struct {
	uses     []*bosh.GroupNetwork
	networks []*bosh.Network
}

// cardsOf are the cards of a group with several networks that are known; those whose
// addresses are all static are the director's to judge.
func cardsOf(cc *bosh.CloudConfig, g *bosh.Group) []card {
	byNumber := map[int]*card{}
	var order []int
	for _, use := range g.Networks {
		n := cc.Network(use.Name)
		if use.NICGroup == nil || n == nil || n.Type == bosh.VIP {
			continue
		}
		c := byNumber[*use.NICGroup]
		if c == nil {
			c = &card{}
			byNumber[*use.NICGroup], order = c, append(order, *use.NICGroup)
		}
		c.uses, c.networks = append(c.uses, use), append(c.networks, n)
	}
	var list []card
	for _, number := range order {
		c := *byNumber[number]
		static := !slices.ContainsFunc(c.uses, func(use *bosh.GroupNetwork) bool { return !use.StaticGiven })
		if len(c.uses) > 1 && !static && !c.hides() {
			list = append(list, c)
		}
	}
	return list
}

// hides reports whether a variable stands in what is compared.
func (c card) hides() bool {
	return slices.ContainsFunc(c.networks, func(n *bosh.Network) bool {
		return slices.ContainsFunc(n.Subnets, func(s *bosh.Subnet) bool {
			for _, value := range s.CloudProperties {
				if strings.Contains(value, "((") {
					return true
				}
			}
			return s.Incomplete
		})
	})
}

func (c card) names() string {
	var names []string
	for _, use := range c.uses {
		names = append(names, use.Name)
	}
	return strings.Join(names, " and ")
}

// fits reports whether in some zone of the group each network has a subnet with the
// same cloud_properties.
func (c card) fits(g *bosh.Group) bool {
	zones := g.AZs
	if len(zones) == 0 {
		zones = []string{""}
	}
	return slices.ContainsFunc(zones, func(az string) bool {
		return slices.ContainsFunc(c.choices(0, az), func(first *bosh.Subnet) bool {
			for i := range c.networks[1:] {
				if !slices.ContainsFunc(c.choices(i+1, az), func(s *bosh.Subnet) bool { return sameCard(first, s) }) {
					return false
				}
			}
			return true
		})
	})
}

// choices are the subnets from which the group may get an address of a network.
func (c card) choices(i int, az string) []*bosh.Subnet {
	return slices.DeleteFunc(slices.Clone(c.networks[i].Subnets), func(s *bosh.Subnet) bool {
		asked := c.uses[i].Static
		elsewhere := len(asked) > 0 && !slices.ContainsFunc(asked, func(b bosh.Block) bool { return s.Range.IsValid() && s.Range.Contains(b.Range.From()) })
		return !s.Serves(az) || elsewhere
	})
}

func sameCard(a, b *bosh.Subnet) bool { return maps.Equal(a.CloudProperties, b.CloudProperties) }

// apart reports whether an instance would get addresses of subnets that do not go
// together. Those of one zone are told in the order of instances, for each network.
func (c card) apart(g *bosh.Group, addresses []PredictedAddress) bool {
	count := map[[2]string]int{} // instances so far, by network and zone
	subnets := map[string][]*bosh.Subnet{}
	for _, a := range addresses {
		for _, n := range c.networks {
			if a.InstanceGroup != g.Name || a.Network != n.Name {
				continue
			}
			count[[2]string{n.Name, a.AZ}]++
			for _, s := range n.Subnets {
				if s.Range.IsValid() && s.Range.Contains(a.IP.Addr()) {
					subnets[n.Name+"\x00"+a.AZ] = append(subnets[n.Name+"\x00"+a.AZ], s)
				}
			}
		}
	}
	first := c.networks[0].Name
	for key, n := range count {
		if key[0] != first {
			continue
		}
		for _, other := range c.networks[1:] {
			mine, theirs := subnets[first+"\x00"+key[1]], subnets[other.Name+"\x00"+key[1]]
			if len(mine) != n || len(theirs) != n || other.Name == first {
				continue // not all are known
			}
			for i := range mine {
				if !sameCard(mine[i], theirs[i]) {
					return true
				}
			}
		}
	}
	return false
}
