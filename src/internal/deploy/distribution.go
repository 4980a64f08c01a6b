package deploy

import (
	"cmp"
	"maps"
	"slices"
)

// distribution decides for each address that could be in several zones, so that
// every network has the same number of addresses in every zone
// (placement_planner/bruteforce_ip_allocation.rb). The director tries all ways;
// which one it finds first decides the zones of the instances, so the order of
// trying is the director's.
type distribution struct {
	networks [][]*staticAddress
	steps    int
}

// The outcomes of a distribution.
type outcome uint8

const (
	spread outcome = iota
	unevenZones
	tooManyZones // to try
)

// maxSteps is how many addresses are looked at before giving up.
const maxSteps = 2_000_000

func (d *distribution) run() outcome {
	if len(d.networks) == 1 {
		d.runOne(d.networks[0])
		return spread
	}
	choice := make([][][]string, len(d.networks))
	for i, list := range d.networks {
		choice[i] = make([][]string, len(list))
		for j, a := range list {
			choice[i][j] = a.zones
		}
	}
	found := d.try(choice)
	switch {
	case found != nil:
		for i, list := range d.networks {
			for j, a := range list {
				a.zones = found[i][j]
			}
		}
		return spread
	case d.steps > maxSteps:
		return tooManyZones
	}
	return unevenZones
}

// runOne is what trying comes to for a single network: each address goes to the
// zone that has the fewest of those before it.
func (d *distribution) runOne(list []*staticAddress) {
	count := map[string]int{}
	for _, a := range list {
		if len(a.zones) > 1 {
			a.zones = []string{slices.MinFunc(a.zones, func(x, y string) int { return cmp.Compare(count[x], count[y]) })}
		}
		if len(a.zones) == 1 {
			count[a.zones[0]]++
		}
	}
}

// try fixes the first open address in each possible way and goes on from there.
// choice holds the zones of each network's addresses.
func (d *distribution) try(choice [][][]string) [][][]string {
	if settled(choice) {
		if even(choice) {
			return choice
		}
		return nil
	}
	count := map[string]int{}
	for i, list := range choice {
		if i > 0 && !fits(choice[i-1], list) {
			return nil
		}
		for j, zones := range list {
			if d.steps++; d.steps > maxSteps {
				return nil
			}
			if len(zones) == 1 {
				count[zones[0]]++
				continue
			}
			sorted := slices.Clone(zones)
			slices.SortStableFunc(sorted, func(a, b string) int { return cmp.Compare(count[a], count[b]) })
			for _, az := range sorted {
				list[j] = []string{az}
				count[az]++
				if found := d.try(copyChoice(choice)); found != nil || d.steps > maxSteps {
					return found
				}
			}
		}
	}
	return nil
}

func copyChoice(choice [][][]string) [][][]string {
	c := make([][][]string, len(choice))
	for i, list := range choice {
		c[i] = slices.Clone(list)
	}
	return c
}

func settled(choice [][][]string) bool {
	for _, list := range choice {
		if slices.ContainsFunc(list, func(zones []string) bool { return len(zones) > 1 }) {
			return false
		}
	}
	return true
}

// even reports whether all networks have the same number of addresses in every
// zone.
func even(choice [][][]string) bool {
	var first map[string]int
	for i, list := range choice {
		count := map[string]int{}
		for _, zones := range list {
			for _, az := range zones {
				count[az]++
			}
		}
		if i == 0 {
			first = count
		} else if !maps.Equal(first, count) {
			return false
		}
	}
	return true
}

// fits reports whether list has an address for each of those of the network
// before, of which the first zone counts.
func fits(before, list [][]string) bool {
	need := map[string]int{}
	for _, zones := range before {
		if len(zones) > 0 {
			need[zones[0]]++
		}
	}
	have := map[string]int{}
	for _, zones := range list {
		for _, az := range zones {
			have[az]++
		}
	}
	for az, n := range need {
		if have[az] < n {
			return false
		}
	}
	return true
}
