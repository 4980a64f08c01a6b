package bosh

import (
	"slices"
	"strings"
)

// zones are the names of the availability zones that a cloud-config defines.
type zones struct {
	names []string
	set   map[string]bool
}

func newZones(azs []AZ) zones {
	z := zones{set: make(map[string]bool, len(azs))}
	for _, az := range azs {
		z.names = append(z.names, az.Name)
		z.set[az.Name] = true
	}
	return z
}

func (z zones) has(name string) bool { return z.set[name] }

func (z zones) cure(name string) string {
	if len(z.names) == 0 {
		return "define azs: [{name: " + name + "}]"
	}
	return nearestCure(name, z.names)
}

// zones lists the zones of all subnets, "" for a subnet without any.
func (n *Network) zones() []string {
	var list []string
	for _, s := range n.Subnets {
		names := s.AZs
		if names == nil {
			names = []string{""}
		}
		for _, name := range names {
			if !slices.Contains(list, name) {
				list = append(list, name)
			}
		}
	}
	return list
}

// serves reports whether the network has subnets for all those zones ("" for
// none), as NetworkWithSubnets#has_azs? does.
func (n *Network) serves(azs []string) bool {
	if n.Type == VIP {
		return true
	}
	own := n.zones()
	if len(own) == 0 && !slices.ContainsFunc(azs, func(az string) bool { return az != "" }) {
		return true
	}
	for _, az := range azs {
		if !slices.Contains(own, az) {
			return false
		}
	}
	return true
}

// serves reports whether the subnet may give addresses to an instance in az; an
// instance without zone ("") takes them from every subnet.
func (s *Subnet) serves(az string) bool {
	return az == "" || slices.Contains(s.AZs, az)
}

func zoneWords(az string) string {
	if az == "" {
		return "no availability zone"
	}
	return "availability zone " + az
}

func joinZones(list []string) string {
	words := make([]string, len(list))
	for i, az := range list {
		if words[i] = az; az == "" {
			words[i] = "none"
		}
	}
	return strings.Join(words, ", ")
}
