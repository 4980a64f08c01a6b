package deploy

import (
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
)

// migratedFrom is the line by which a group takes instances over; az is empty where
// they have a zone, or where the group has none.
func migratedFrom(name, az string) string {
	if az == "" {
		return fmt.Sprintf("migrated_from: [{name: %s}]", name)
	}
	return fmt.Sprintf("migrated_from: [{name: %s, az: %s}]", name, az)
}

// cureTaken says how a group can have an address that another instance has.
func (r *run) cureTaken(g *plannedGroup, plan *instancePlan, holder *instance) string {
	switch {
	case holder.orphan:
		return "choose another address, or deploy when the director has deleted the orphaned VM"
	case holder.deployment != r.m.Name && holder.told:
		return fmt.Sprintf("choose another address, or first deploy %s without it", holder.deployment)
	case holder.deployment != r.m.Name:
		return "choose another address"
	case r.isRename(g, holder):
		az := ""
		if holder.az == "" && len(g.AZs) > 0 {
			az = plan.az
		}
		return fmt.Sprintf("if %s was renamed, tell so in %s:\n%s", holder.group, g.Name, migratedFrom(holder.group, az))
	}
	return "choose another address, or deploy twice: no address changes hands within one deploy"
}

// isRename reports whether a group may be another one by a new name: the old one is
// gone, nobody takes its instances over, and the new one had none.
func (r *run) isRename(g *plannedGroup, holder *instance) bool {
	return holder.deployment == r.m.Name && !holder.orphan && r.m.Group(holder.group) == nil && r.claims(holder.group) == 0 &&
		len(g.MigratedFrom) == 0 && r.ownInstances(g) == 0
}

// mayBePast reports whether the holder of an address may be an instance of the group,
// whose former name hides.
func (r *run) mayBePast(g *plannedGroup, holder *instance) bool {
	return g.PastHidden && holder.deployment == r.m.Name && !holder.orphan && r.m.Group(holder.group) == nil && r.claims(holder.group) == 0
}

// hidesPast reports whether some instance of the past may be one of the group.
func (r *run) hidesPast(g *plannedGroup, past *deployment) bool {
	return g.PastHidden && past != nil && slices.ContainsFunc(past.instances, func(i *instance) bool { return r.mayBePast(g, i) })
}

// toldRename reports whether it was told of the group already that it may be that of
// the holder.
func (r *run) toldRename(g *plannedGroup, holder *instance) bool {
	if !r.isRename(g, holder) {
		return false
	}
	if r.renamed[g] == holder.group {
		return true
	}
	if r.renamed == nil {
		r.renamed = map[*plannedGroup]string{}
	}
	r.renamed[g] = holder.group
	return false
}

// claims counts the groups that migrate from a name.
func (r *run) claims(name string) int {
	n := 0
	for _, g := range r.m.Groups {
		if slices.ContainsFunc(g.MigratedFrom, func(from bosh.Migration) bool { return from.Name == name }) {
			n++
		}
	}
	return n
}

// ownInstances counts the instances that the group had by its own name.
func (r *run) ownInstances(g *plannedGroup) int {
	if past := r.deployments[r.m.Name]; past != nil {
		return len(past.byGroup[g.Name])
	}
	return 0
}

// cureZone says how an instance without a zone can keep an address whose subnet has
// some: migrated_from tells its zone, to all instances of its group alike.
func (p *staticPlacement) cureZone(i *instance, existing []*instance) string {
	const cannot = "use another address, or keep its subnet in the zone"
	if i.az != "" {
		return cannot
	}
	var zones []string
	for _, other := range existing {
		if other.group != i.group {
			continue
		}
		if other.az != "" {
			return cannot
		}
		for _, k := range p.keptAddresses(other) {
			of := p.listed(k.network, k.held.address).zones
			if zones == nil {
				zones = slices.Clone(of)
			}
			zones = slices.DeleteFunc(zones, func(az string) bool { return !slices.Contains(of, az) })
		}
	}
	if len(zones) == 0 || zones[0] == "" {
		return "deploy twice: first with other addresses in the zones, then with these; an instance of no zone cannot go to several"
	}
	return fmt.Sprintf("tell the zone of what is there already, in %s:\n%s", p.g.Name, migratedFrom(i.group, zones[0]))
}
