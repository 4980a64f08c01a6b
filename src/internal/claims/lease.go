package claims

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Lease is what a director granted to one VM.
type Lease struct {
	Deployment, Group string
	// ID is the instance's id.
	ID, AZ string
	// Orphan tells a VM that belongs to no instance any more and still holds its
	// addresses.
	Orphan bool
	// Index is the instance's in its group, from 0; plan.NoIndex where nobody told it.
	Index  int
	Blocks []bosh.Block
}

// leases are those of one director by deployment, in their order.
type leases struct {
	byDeployment map[string][]Lease
	names        []string
}

func newLeases(d *Director) *leases {
	l := &leases{byDeployment: map[string][]Lease{}}
	for begin, end := 0, 0; begin < len(d.Leases); begin = end {
		name := d.Leases[begin].Deployment
		for end < len(d.Leases) && d.Leases[end].Deployment == name {
			end++
		}
		together := d.Leases[begin:end:end]
		earlier, ok := l.byDeployment[name]
		if !ok {
			l.names = append(l.names, name)
			l.byDeployment[name] = together // nearly always all there are
			continue
		}
		l.byDeployment[name] = append(earlier, together...)
	}
	return l
}

// take returns the leases of a deployment, once.
func (l *leases) take(deployment string) []Lease {
	list := l.byDeployment[deployment]
	delete(l.byDeployment, deployment)
	return list
}

// rest returns the leases that nobody took.
func (l *leases) rest() []Lease {
	var list []Lease
	for _, name := range l.names {
		list = append(list, l.byDeployment[name]...)
	}
	return list
}

// leases adds what was granted and, unless d keeps all, is not promised by the
// manifest in the very same way: there, it would be one claim twice. m is nil for
// deployments without a manifest.
func (b *builder) leases(d *Director, list []Lease, m *bosh.Manifest, known networks) {
	for _, l := range list {
		group := GroupOf(m, l.Group)
		kind := plan.Lease
		if l.Orphan {
			kind = plan.Orphan
		}
		for _, block := range l.Blocks {
			if !d.KeepLeases && !l.Orphan && slices.ContainsFunc(groupsOf(m, group), func(g *bosh.Group) bool { return promised(g, known, block) }) {
				continue
			}
			s := leasedFrom(group, known, l.AZ, block)
			owner := plan.Owner{Director: d.Name, Deployment: l.Deployment, InstanceGroup: l.Group}
			if s != nil {
				owner.Network = s.Network
			}
			b.add(kind, owner, s, block.Range, block.At)
			claim := &b.plan.Claims[len(b.plan.Claims)-1]
			claim.Detail, claim.Index = &plan.Detail{Instance: l.ID}, l.Index
			claim.RunsDirector = !l.Orphan && group != nil && group.MayRunDirector()
		}
	}
}

// GroupOf returns the group of the manifest that an instance belongs to, also
// where the group had another name when the instance was made; nil if there is
// none.
func GroupOf(m *bosh.Manifest, name string) *bosh.Group {
	if m == nil {
		return nil
	}
	for _, g := range m.Groups {
		if g.Name == name || slices.ContainsFunc(g.MigratedFrom, func(from bosh.Migration) bool { return from.Name == name }) {
			return g
		}
	}
	return nil
}

// groupsOf are the groups that an instance may belong to: its own, or else those whose
// names of now or before hide.
func groupsOf(m *bosh.Manifest, own *bosh.Group) []*bosh.Group {
	if own != nil {
		return []*bosh.Group{own}
	}
	var list []*bosh.Group
	if m != nil {
		for _, g := range m.Groups {
			if g.PastHidden {
				list = append(list, g)
			}
		}
	}
	return list
}

// promised reports whether the group asks for the granted address by static_ips, in a
// network that has it, or may have: its name, type or range hides. What is granted may be
// the whole block of an address that was asked for.
func promised(g *bosh.Group, known networks, granted bosh.Block) bool {
	first := granted.Range.From()
	return slices.ContainsFunc(g.Networks, func(n *bosh.GroupNetwork) bool {
		asked := slices.ContainsFunc(n.Static, func(asked bosh.Block) bool { return asked.Range.Contains(first) })
		subnets, named := known[n.Name]
		_, hidden := bosh.VariableIn(n.Name)
		mayBeThere := !named && (hidden || len(known[nameless]) > 0)
		return asked && (mayBeThere || slices.ContainsFunc(subnets, func(s subnet) bool {
			return s.kind != bosh.Dynamic && (!s.Range.IsValid() || s.Range.Contains(first))
		}))
	})
}

// leasedFrom finds the subnet that an address was granted from: one of the
// group's networks that holds it, any other one, or else, since the IaaS chooses
// addresses of dynamic networks, one of these.
func leasedFrom(g *bosh.Group, known networks, az string, block bosh.Block) *plan.Subnet {
	mine := networks{}
	if g != nil {
		for _, n := range g.Networks {
			mine[n.Name] = known[n.Name]
		}
	}
	for _, candidates := range []networks{mine, known} {
		if s := candidates.containing(block.Range.From()); s != nil {
			return s
		}
	}
	for _, kind := range []bosh.NetworkType{bosh.Dynamic, bosh.VIP} {
		for _, s := range mine.all() {
			if s.kind == kind && (az == "" || len(s.read.AZs) == 0 || slices.Contains(s.read.AZs, az)) {
				return s.Subnet
			}
		}
	}
	return nil
}
