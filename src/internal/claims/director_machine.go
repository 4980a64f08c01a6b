package claims

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// OwnAddresses are what the director leaves out of its pools because its own
// machine has them (config.rb, director_ips): the declared ones, and those of a
// create-env VM that runs the director job.
func OwnAddresses(d *Director) []bosh.Block {
	own := slices.Clone(d.Addresses)
	for _, m := range d.CreateEnvs {
		own = append(own, DirectorMachine(m)...)
	}
	return own
}

// DirectorMachine returns the static addresses of a create-env VM that runs the
// director job, none for any other VM. Where they hide, one by which create-env reaches the
// VM may be one of them.
func DirectorMachine(m *bosh.Manifest) []bosh.Block {
	var list []bosh.Block
	for _, g := range m.Groups {
		if !g.RunsDirector() {
			continue
		}
		for _, n := range g.Networks {
			list = append(list, n.Static...)
		}
		if !slices.ContainsFunc(m.Gaps, func(gap bosh.Gap) bool {
			return gap.Group == g && (gap.Hides == bosh.HidesStaticIPs || gap.Hides == bosh.HidesUses || gap.Hides == bosh.HidesUseName)
		}) {
			continue
		}
		for _, c := range m.Contacts {
			list = append(list, bosh.Block{Range: c.Range, At: c.At})
		}
	}
	return list
}

// maybeDirector is a VM of create-env of which it hides whether it runs the director.
type maybeDirector struct {
	owner     plan.Owner
	hides     *bosh.Gap
	addresses []bosh.Block
}

func maybeDirectors(d *Director) (list []maybeDirector) {
	for _, m := range d.CreateEnvs {
		for _, g := range m.Groups {
			if g.HiddenJob == nil || g.RunsDirector() {
				continue
			}
			one := maybeDirector{owner: plan.Owner{Director: d.Name, Deployment: m.Name, InstanceGroup: g.Name}, hides: g.HiddenJob}
			for _, n := range g.Networks {
				one.addresses = append(one.addresses, n.Static...)
			}
			list = append(list, one)
		}
	}
	return list
}

// maybeDirectors adds what a director may hand out if machines that may be its own are not:
// for certain, it hands out the rest.
func (b *blindSpots) maybeDirectors(list []maybeDirector) {
	certain := OwnAddresses(b.director)
	for _, m := range list {
		var may []plan.Claim
		for _, s := range b.shared.all() {
			if s.kind != bosh.Manual || !s.Range.IsValid() {
				continue
			}
			restricted := restrictedSet(s.read, certain)
			for _, block := range m.addresses {
				r, inside := within(s.Range, block.Range)
				if inside && !restricted.OverlapsRange(r) && !slices.ContainsFunc(s.read.Static, func(o bosh.Block) bool { return o.Range.Overlaps(r) }) {
					may = append(may, plan.Claim{Range: r, Kind: plan.DynamicPool, Holder: (plan.Owner{Director: s.Director, Network: s.Network}).Held(), Subnet: s.Subnet})
				}
			}
		}
		b.add(m.owner, *m.hides, may)
	}
}

// mayRunDirector notes of instances that hide that they may be directors' machines.
func mayRunDirector(may []plan.Claim) {
	for i := range may {
		may[i].RunsDirector = may[i].Kind == plan.Static
	}
}

// hiddenJobs adds the jobs that hide of instances which have an address of another
// director's machine: the instance is that machine if one of them is a director, and a
// second owner if none is.
func (b *builder) hiddenJobs(directors []Director) {
	var machines []*plan.Claim
	for i := range b.plan.Claims {
		if c := &b.plan.Claims[i]; c.Kind == plan.DirectorOwn {
			machines = append(machines, c)
		}
	}
	if len(machines) == 0 {
		return
	}
	may := map[plan.Owner][]plan.Claim{} // by group
	for i := range b.plan.Claims {
		c := &b.plan.Claims[i]
		if c.RunsDirector && slices.ContainsFunc(machines, func(m *plan.Claim) bool {
			return m.Owner().Director != c.Owner().Director && m.Range.Overlaps(c.Range)
		}) {
			other := *c
			other.RunsDirector = false
			group := plan.Owner{Director: c.Owner().Director, Deployment: c.Owner().Deployment, InstanceGroup: c.Owner().InstanceGroup}
			may[group] = append(may[group], other)
		}
	}
	for i := range directors {
		blind := &blindSpots{builder: b, director: &directors[i]}
		for _, m := range slices.Concat(directors[i].Deployments, directors[i].CreateEnvs) {
			for _, g := range m.Groups {
				owner := plan.Owner{Director: directors[i].Name, Deployment: m.Name, InstanceGroup: g.Name}
				if g.HiddenJob != nil && !g.RunsDirector() && len(may[owner]) > 0 {
					blind.add(owner, *g.HiddenJob, may[owner])
				}
			}
		}
	}
}
