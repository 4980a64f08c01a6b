package chronicle

import (
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// SightOf is what a push shows: declared by the plan that was made of it alone, granted
// by the director's own words in it.
func SightOf(director string, p *plan.Plan, s *snapshot.Snapshot) *Sight {
	b := sighting{director: director, plan: p, has: map[Claimant]*netipx.IPSetBuilder{}, absent: map[string]bool{}, hidden: map[string]*netipx.IPSet{}}
	b.declared()
	b.external(s)
	b.granted(s)
	b.unseen()
	sight := &Sight{Has: map[Claimant]*netipx.IPSet{}, Hidden: b.hides}
	for claimant, set := range b.has {
		sight.Has[claimant] = built(set)
	}
	return sight
}

// blind is what a push shows that cannot be read: it may have any address.
func blind() *Sight {
	any := plan.Everywhere()
	return &Sight{Has: map[Claimant]*netipx.IPSet{{What: Hidden}: any}, Hidden: func(Claimant) *netipx.IPSet { return any }}
}

// sighting puts a sight together.
type sighting struct {
	director string
	plan     *plan.Plan
	has      map[Claimant]*netipx.IPSetBuilder
	// absent are the owners of granted addresses of which the director does not say
	// whether they hold them still.
	absent map[string]bool
	// orphans says that the director does not show orphaned VMs.
	orphans bool
	// elsewhere are the addresses that the director has not granted to anybody now; nil:
	// not computed yet. What it grants anew has no orphan.
	elsewhere *netipx.IPSet
	// hidden are what hides, by deployment.
	hidden map[string]*netipx.IPSet
}

func (b *sighting) add(c Claimant, r netipx.IPRange) {
	if !r.IsValid() {
		return
	}
	set := b.has[c]
	if set == nil {
		set = &netipx.IPSetBuilder{}
		b.has[c] = set
	}
	set.AddRange(r)
}

// declared takes what files say that somebody answers at. Leases are the director's word.
func (b *sighting) declared() {
	for i := range b.plan.Claims {
		c := &b.plan.Claims[i]
		if c.Owner().Director != b.director {
			continue
		}
		switch c.Kind {
		case plan.Static, plan.CreateEnvVM, plan.VIP, plan.DirectorOwn:
			b.add(Claimant{Declared, ownerOf(c)}, c.Range)
		}
	}
}

// external takes what the director's team says that somebody outside of directors has.
func (b *sighting) external(s *snapshot.Snapshot) {
	for _, e := range s.Settings.External {
		for _, a := range e.Addresses {
			b.add(Claimant{Declared, e.Owner + " (outside of bosh)"}, a.Range)
		}
	}
	for _, o := range s.Settings.Bookings {
		b.add(Claimant{Declared, "a booking for " + o.Owner + " (pool " + o.Pool + ")"}, netipx.RangeOfPrefix(o.Range))
	}
}

// ownerOf is how the chronicle calls the owner of a claim: the index of an instance is
// left out, which changes when a neighbour goes.
func ownerOf(c *plan.Claim) string {
	o := c.Owner()
	parts := []string{o.Deployment, o.InstanceGroup}
	switch {
	case c.Kind == plan.DirectorOwn:
		return "the director's machine"
	case c.Kind == plan.VIP && o.Property != "":
		parts = append(parts, o.Property)
	}
	return joined(parts...)
}

// joined are the parts that are not empty, with slashes between them.
func joined(parts ...string) string {
	var kept []string
	for _, p := range parts {
		if p != "" {
			kept = append(kept, p)
		}
	}
	return strings.Join(kept, "/")
}

// createEnv is the id of the instance that stands in a push for a machine of create-env.
const createEnv = "create-env"

// orphaned begins the owner of an orphaned VM's address.
const orphaned = "orphaned: "

func (b *sighting) granted(s *snapshot.Snapshot) {
	for i := range s.Deployments {
		d := &s.Deployments[i]
		for j := range d.VMs {
			vm := &d.VMs[j]
			claimant := Claimant{Granted, vm.Instance(d.Name)}
			if vm.ID == createEnv {
				claimant = Claimant{Declared, joined(d.Name, vm.Group)}
			}
			for _, a := range vm.Addresses {
				b.add(claimant, a.Range)
			}
			if vm.Absent { // it may hold addresses that the director does not show
				b.absent[claimant.Owner] = true
			}
		}
	}
	for i := range s.Orphans {
		vm := &s.Orphans[i]
		for _, a := range vm.Addresses {
			b.add(Claimant{Granted, orphaned + joined(vm.Deployment, vm.Group)}, a.Range)
		}
	}
	b.orphans = s.HidesOrphans()
}

// unseen takes the addresses that somebody may have whom nothing shows, as who has it:
// that orphaned VMs are not shown to this client says nothing of any address.
func (b *sighting) unseen() {
	nobody := Claimant{What: Hidden}
	add := func(set *netipx.IPSet) {
		for _, r := range set.Ranges() {
			b.add(nobody, r)
		}
	}
	if slices.ContainsFunc(b.plan.Withheld, func(o plan.Owner) bool { return o.Director == b.director }) {
		add(plan.Everywhere())
		return
	}
	add(b.behindBlindSpots(func(string) bool { return true }))
}

// hides are the addresses that a claimant may have although the push does not show it.
func (b *sighting) hides(c Claimant) *netipx.IPSet {
	deployment, _, _ := strings.Cut(strings.TrimPrefix(c.Owner, orphaned), "/")
	switch {
	case c.What == Hidden:
		return nil
	case c.What == Granted && strings.HasPrefix(c.Owner, orphaned):
		if b.orphans {
			return plan.Everywhere()
		}
		return nil
	case c.What == Granted && b.absent[c.Owner]:
		return plan.Everywhere()
	}
	for _, o := range b.plan.Withheld {
		if o.Director == b.director && o.Deployment == deployment {
			return plan.Everywhere()
		}
	}
	if c.What == Granted && b.orphans {
		// The VM may be an orphan now, which keeps its address until it is deleted.
		return b.ungranted()
	}
	if c.What == Granted {
		return nil
	}
	set, ok := b.hidden[deployment]
	if !ok {
		set = b.behindBlindSpots(func(of string) bool { return of == deployment })
		b.hidden[deployment] = set
	}
	return set
}

// ungranted are all addresses but those that the director has granted now.
func (b *sighting) ungranted() *netipx.IPSet {
	if b.elsewhere == nil {
		var set netipx.IPSetBuilder
		set.AddSet(plan.Everywhere())
		for c, has := range b.has {
			if c.What == Granted {
				set.RemoveSet(built(has))
			}
		}
		b.elsewhere = built(&set)
	}
	return b.elsewhere
}

// behindBlindSpots are the addresses that something unseen of some deployments, or of the
// director as a whole, may hold.
func (b *sighting) behindBlindSpots(of func(deployment string) bool) *netipx.IPSet {
	var set netipx.IPSetBuilder
	for i := range b.plan.BlindSpots {
		spot := &b.plan.BlindSpots[i]
		if spot.Owner.Director != b.director || spot.Owner.Deployment != "" && !of(spot.Owner.Deployment) {
			continue
		}
		for j := range spot.May {
			if may := &spot.May[j]; may.Kind.InUse() && may.Range.IsValid() {
				set.AddRange(may.Range)
			}
		}
	}
	return built(&set)
}
