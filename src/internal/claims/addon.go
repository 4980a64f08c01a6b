package claims

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// This file says on which networks the properties of an addon count, and what a cloud-config
// lets VMs answer for: on those of the instance groups that it goes to.

// deployed is a deployment with the networks that it has.
type deployed struct {
	manifest *bosh.Manifest
	known    networks
}

func (d deployed) isNetwork(name string) bool { return len(d.known[name]) > 0 }

// places are networks of groups that an addon or a VM type goes to.
type places struct {
	// certain are those of groups that it goes to, possible those of groups of which that
	// hides.
	certain, possible networks
	// isCertain and isPossible say that there are such groups, whether or not networks of
	// them are known.
	isCertain, isPossible bool
	// isSomewhere says that a group which it surely goes to hides a network of its own, which
	// is one of the possible ones.
	isSomewhere bool
	// group is one of which it hides, or empty; hidden is what hides it there, where that is
	// the group's own.
	group  string
	hidden *bosh.Gap
}

func newPlaces() places { return places{certain: networks{}, possible: networks{}} }

// take adds the networks of groups that it surely goes to.
func (p *places) take(groups []*bosh.Group, known networks) {
	mine, hides := networksOf(groups, known)
	p.certain.add(mine)
	p.isCertain = p.isCertain || len(mine) > 0 || !hides
	if hides {
		p.isPossible, p.isSomewhere = true, true
		p.possible.add(known)
	}
}

// none reports whether it goes nowhere.
func (p places) none() bool { return !p.isCertain && !p.isPossible }

// all are both.
func (p places) all() networks {
	both := networks{}
	both.add(p.certain)
	both.add(p.possible)
	return both
}

// add takes over what is not there yet.
func (n networks) add(more networks) {
	for name, list := range more {
		if len(n[name]) == 0 {
			n[name] = slices.Clip(list)
			continue
		}
		if len(n[name]) == len(list) && n[name][0].Subnet == list[0].Subnet {
			continue // the very same: one director has one list of each name
		}
		for _, s := range list {
			if !slices.ContainsFunc(n[name], func(o subnet) bool { return o.Subnet == s.Subnet }) {
				n[name] = append(n[name], s)
			}
		}
	}
}

// placesOf finds them among deployments.
func placesOf(placement *bosh.Placement, among []deployed) places {
	p := newPlaces()
	for _, d := range among {
		if hidden := placement.HiddenIn(d.manifest, nil); hidden != nil {
			p.isPossible, p.hidden = true, cmp.Or(p.hidden, hidden)
			p.possible.add(d.known)
		}
		for _, g := range d.manifest.Groups {
			switch placement.Takes(d.manifest, g, d.isNetwork) {
			case bosh.Yes:
				p.take([]*bosh.Group{g}, d.known)
			case bosh.Maybe:
				p.isPossible, p.hidden = true, cmp.Or(p.hidden, placement.HiddenIn(d.manifest, g))
				if mine, hides := networksOf([]*bosh.Group{g}, d.known); hides {
					p.possible.add(d.known)
				} else {
					p.possible.add(mine)
				}
				if p.group == "" {
					p.group = g.Name + " of deployment " + d.manifest.Name
				}
			}
		}
	}
	return p
}

// placesIn are those of an addon of a manifest.
func (b *builder) placesIn(placement *bosh.Placement, m *bosh.Manifest, known networks) places {
	return b.once(placement, func() places { return placesOf(placement, []deployed{{m, known}}) })
}

// placesAmong are those of an addon of a runtime config, of what stands in a cloud-config, or
// of what is of neither.
func (b *builder) placesAmong(placement *bosh.Placement, d *Director, all []deployed, shared networks) places {
	return b.once(placement, func() places { return d.placesOf(placement, all, shared) })
}

// once finds the places of one placement once: it may have thousands of addresses.
func (b *builder) once(placement *bosh.Placement, find func() places) places {
	p, known := b.places[placement]
	if !known || placement == nil {
		p = find()
		b.places[placement] = p
	}
	return p
}

// placesOf are those of what stands in a config; nil goes to all groups. Where the fleet has
// no deployments of the director, or not the ones that an addon is for, it may go to what
// nobody told.
func (d *Director) placesOf(placement *bosh.Placement, all []deployed, shared networks) places {
	if placement == nil {
		return places{certain: shared, isCertain: true}
	}
	if len(d.Deployments) == 0 && len(d.Unread) == 0 {
		named := networks{}
		for _, name := range placement.Networks() {
			if list, ok := shared[name]; ok {
				named[name] = list
			}
		}
		if len(named) == 0 {
			named = shared
		}
		return places{certain: named, isCertain: true}
	}
	p := placesOf(placement, all)
	if p.none() && placement.NamesOthers(d.Deployments) {
		p.isPossible, p.possible = true, shared
	}
	return p
}

// placed adds a virtual address on the networks that it surely is on.
func (b *builder) placed(owner plan.Owner, p places, known networks, vip bosh.PropertyAddress) {
	switch {
	case p.isCertain:
		b.property(owner, p.certain, known, vip)
	case b.alike(p, known, vip.Range.From()):
		b.property(owner, p.possible, known, vip)
	}
}

// alike reports whether an address of a group is in one place, whichever of the possible
// networks the group has.
func (b *builder) alike(p places, known networks, address netip.Addr) bool {
	var first []*plan.Subnet
	for name, list := range p.possible {
		if !slices.ContainsFunc(list, func(s subnet) bool { return s.kind != bosh.VIP }) {
			continue // no machine is on such a network alone
		}
		here := b.carriers(networks{name: list}, known, address)
		if first == nil {
			first = here
		}
		if !slices.Equal(first, here) {
			return false
		}
	}
	return p.isSomewhere && len(first) > 0
}

// mayBePlaced adds a virtual address on networks of which nobody knows whether it goes
// there.
func (b *blindSpots) mayBePlaced(owner plan.Owner, p places, known networks, vip bosh.PropertyAddress) {
	b.mayBeInRange(owner, p.all(), known, vip)
	if !p.isPossible {
		return
	}
	address := vip.Range.From()
	if p.isCertain && slices.Equal(b.carriers(p.certain, known, address), b.carriers(p.all(), known, address)) || !p.isCertain && b.alike(p, known, address) {
		return
	}
	gap := bosh.Gap{Hides: bosh.HidesProperties, Property: vip.Property, Found: []bosh.PropertyAddress{vip}, At: vip.At}
	may := b.onEach(owner, p.possible, known, gap)
	placement := vip.Placement
	if p.isSomewhere && p.group == "" {
		b.plan.BlindSpots = append(b.plan.BlindSpots, plan.BlindSpot{
			Owner: owner, Reason: plan.Untold, At: vip.At, May: located(may, vip.At),
			Message: "no file tells on which network of director " + owner.Director + " " + vip.Property + " counts, since the name of a network hides",
			Hint:    "write the name of the network, or give it its value",
		})
		return
	}
	if placement.Variable != "" {
		gap.What, gap.Variable, gap.At = "the groups of "+placement.What, placement.Variable, placement.At
		b.add(owner, gap, may)
		return
	}
	if p.hidden != nil {
		gap.What, gap.Variable, gap.Template, gap.At = p.hidden.What, p.hidden.Variable, p.hidden.Template, p.hidden.At
		b.add(owner, gap, may)
		return
	}
	message := fmt.Sprintf("%s, which has %s, is for deployments or jobs that no file has", placement.What, vip.Property)
	if p.group != "" {
		message = fmt.Sprintf("no file tells whether %s, which has %s, goes to %s", placement.What, vip.Property, p.group)
	}
	b.plan.BlindSpots = append(b.plan.BlindSpots, plan.BlindSpot{
		Owner: owner, Reason: plan.Untold, At: vip.At, May: located(may, vip.At),
		Message: message,
		Hint:    "choose its groups by what files tell, such as include: {deployments: [NAME]}, with all of them in the fleet file",
	})
}

// onEach is what a property may hold on one of some networks, whichever that is: on each of
// them, and not only on one that has the address in its range.
func (b *blindSpots) onEach(owner plan.Owner, mine, known networks, gap bosh.Gap) (may []plan.Claim) {
	seen := map[*plan.Subnet]bool{}
	for _, name := range slices.Sorted(maps.Keys(mine)) {
		for _, c := range b.ofProperty(owner, networks{name: mine[name]}, known, gap) {
			if !seen[c.Subnet] {
				may = append(may, c)
			}
			seen[c.Subnet] = true
		}
	}
	return may
}

// mayBeInRange adds a virtual address on networks of those that have the property whose range
// hides: it may be the one that holds the address, and not another network of the director.
func (b *blindSpots) mayBeInRange(owner plan.Owner, mine, known networks, vip bosh.PropertyAddress) {
	if len(b.ranges) == 0 {
		return
	}
	taken := b.carriers(mine, known, vip.Range.From())
	for _, s := range mine.all() {
		gap := b.ranges[s.read]
		if gap == nil || gap.Within.IsValid() && !gap.Within.Contains(vip.Range.From()) || slices.ContainsFunc(taken, func(t *plan.Subnet) bool { return t == nil || t == s.Subnet || slices.Contains(t.Among, s.Subnet) }) {
			continue
		}
		may := b.apart(func() { b.property(owner, networks{s.Network: {s}}, networks{}, vip) })
		b.add(owner, bosh.Gap{Hides: bosh.HidesRange, What: gap.What, Variable: gap.Variable, Template: gap.Template, At: gap.At}, may)
	}
}
