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

// networkZones are the zones of a network's subnets, "" for a subnet without any.
type networkZones struct {
	everywhere bool // a vip network
	names      []string
	set        map[string]bool
}

func (n *Network) zones() networkZones {
	z := networkZones{everywhere: n.Type == VIP, set: map[string]bool{}}
	for _, s := range n.Subnets {
		names := s.AZs
		if names == nil {
			names = []string{""}
		}
		for _, name := range names {
			if !z.set[name] {
				z.set[name] = true
				z.names = append(z.names, name)
			}
		}
	}
	return z
}

// serve reports whether there are subnets for all those zones ("" for none), as
// NetworkWithSubnets#has_azs? does.
func (z networkZones) serve(azs []string) bool {
	if z.everywhere || len(z.names) == 0 && !slices.ContainsFunc(azs, func(az string) bool { return az != "" }) {
		return true
	}
	for _, az := range azs {
		if !z.set[az] {
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
