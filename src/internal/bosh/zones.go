package bosh

import (
	"cmp"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/seal"
)

// Zones are the names of the availability zones that a cloud-config defines.
type Zones struct {
	names  []string
	set    map[string]bool
	hidden bool // there may be others
}

// NewZones are the zones of a cloud-config.
func NewZones(cc *CloudConfig) Zones {
	z := Zones{set: make(map[string]bool, len(cc.AZs)), hidden: cc.ZonesHidden}
	for _, az := range cc.AZs {
		z.names = append(z.names, az.Name)
		z.set[az.Name] = true
	}
	return z
}

// Has reports whether the zone is defined, or may be: what hides is not wrong.
func (z Zones) Has(name string) bool {
	return z.set[name] || z.hidden && name != "" || hasVariable(name)
}

// Cure proposes what to write for a zone that is not defined.
func (z Zones) Cure(name string) string {
	if len(z.names) == 0 {
		return "define azs: [{name: " + name + "}]"
	}
	return NearestCure(name, z.names)
}

// CompareZones orders zones as directors do: by their names, whether they may be shown or not.
func (cc *CloudConfig) CompareZones(a, b string) int {
	if !seal.Is(a) && !seal.Is(b) {
		return cmp.Compare(a, b)
	}
	rank := func(name string) int {
		i := slices.IndexFunc(cc.AZs, func(az AZ) bool { return az.Name == name })
		if i < 0 {
			return 0
		}
		return cc.AZs[i].Rank
	}
	return cmp.Or(cmp.Compare(rank(a), rank(b)), cmp.Compare(a, b))
}

// NetworkZones are the zones of a network's subnets, "" for a subnet without any.
type NetworkZones struct {
	everywhere bool // a vip network, or one of which something hides
	Names      []string
	set        map[string]bool
}

// Zones are those that the subnets serve.
func (n *Network) Zones() NetworkZones {
	z := NetworkZones{everywhere: n.Type == VIP || n.Hidden, set: map[string]bool{}}
	for _, s := range n.Subnets {
		z.everywhere = z.everywhere || s.ZonesHidden
		names := s.AZs
		if names == nil {
			names = []string{""}
		}
		for _, name := range names {
			if !z.set[name] {
				z.set[name] = true
				z.Names = append(z.Names, name)
			}
		}
	}
	return z
}

// Serve reports whether there are subnets for all those zones ("" for none), as
// NetworkWithSubnets#has_azs? does.
func (z NetworkZones) Serve(azs []string) bool {
	if z.everywhere || len(z.Names) == 0 && !slices.ContainsFunc(azs, func(az string) bool { return az != "" }) {
		return true
	}
	for _, az := range azs {
		if !z.set[az] {
			return false
		}
	}
	return true
}

// Serves reports whether the subnet may give addresses to an instance in az; an
// instance without zone ("") takes them from every subnet.
func (s *Subnet) Serves(az string) bool {
	return az == "" || slices.Contains(s.AZs, az)
}

// ZoneWords names a zone, or says that there is none.
func ZoneWords(az string) string {
	if az == "" {
		return "no availability zone"
	}
	return "availability zone " + az
}

// JoinZones lists zones; "" is none. Of what is no zone's name it says so.
func JoinZones(list []string) string {
	words := make([]string, len(list))
	for i, az := range list {
		text, isOther := strings.CutPrefix(az, OtherZone)
		switch {
		case isOther && text == "":
			words[i] = "something that is no name"
		case isOther:
			words[i] = text + " (which is no name)"
		default:
			words[i] = cmp.Or(az, "none")
		}
	}
	return strings.Join(words, ", ")
}
