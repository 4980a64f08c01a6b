package survey

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/deploy"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
)

// told is what a director told of one deployment's instances.
type told struct {
	name string
	// docs are the cloud-configs that it was deployed with.
	docs      []source.Value
	instances []deploy.Instance
}

// toldBy takes over what a snapshot says of instances.
func toldBy(s *snapshot.Snapshot) (deployments []told, orphans []deploy.Instance) {
	latest := configs(s, func(c snapshot.Config) bool { return c.Latest && c.Team == "" })
	for _, dep := range s.Deployments {
		t := told{name: dep.Name, docs: configs(s, func(c snapshot.Config) bool { return slices.Contains(dep.Pinned, c.ID) })}
		if len(t.docs) == 0 {
			t.docs = append(latest[:len(latest):len(latest)], teamConfigs(s, dep.Teams, nil)...)
		}
		byID := map[string]int{}
		for _, vm := range dep.VMs {
			i, known := byID[vm.ID]
			if !known || vm.ID == "" {
				i = len(t.instances)
				byID[vm.ID] = i
				t.instances = append(t.instances, instanceOf(vm))
				continue
			}
			// A VM that waits to be swapped in or out is of the same instance.
			t.instances[i].Addresses = append(t.instances[i].Addresses, addressesOf(vm)...)
		}
		deployments = append(deployments, t)
	}
	for _, vm := range s.Orphans {
		orphans = append(orphans, instanceOf(vm))
	}
	return deployments, orphans
}

func instanceOf(vm snapshot.VM) deploy.Instance {
	return deploy.Instance{Deployment: vm.Deployment, Group: vm.Group, ID: vm.ID, AZ: vm.AZ, Index: vm.Index, Absent: vm.Absent, Addresses: addressesOf(vm)}
}

// addressesOf are the VM's addresses as blocks; what is no block, no VM has.
func addressesOf(vm snapshot.VM) []netip.Prefix {
	var list []netip.Prefix
	for _, a := range vm.Addresses {
		if p, ok := a.Range.Prefix(); ok {
			list = append(list, p)
		}
	}
	return list
}

// pastOf is what the director had before what is judged: what it told, and for
// deployments of which it told nothing their manifests as they were.
func (d *documents) pastOf(past, list []manifest, opts bosh.Options) deploy.Past {
	known := deploy.Past{Orphans: d.live.orphans}
	views := map[string]*bosh.CloudConfig{}
	for _, t := range d.live.told {
		known.Deployments = append(known.Deployments, deploy.Deployment{
			Name: t.name, Told: true, Instances: t.instances,
			Manifest: deployedAs(t.name, past, list), CloudConfig: readOnce(views, t.docs, opts),
		})
	}
	for _, m := range past {
		if m.read != nil && !d.live.isTold(m.name()) {
			known.Deployments = append(known.Deployments, deploy.Deployment{Name: m.name(), Manifest: m.read})
		}
	}
	return known
}

// readOnce reads cloud-configs, each set of them once.
func readOnce(known map[string]*bosh.CloudConfig, docs []source.Value, opts bosh.Options) *bosh.CloudConfig {
	if len(docs) == 0 {
		return nil
	}
	key := ""
	for _, doc := range docs {
		key += doc.Place().String() + "\n"
	}
	cc, ok := known[key]
	if !ok {
		cc, _, _ = bosh.ReadCloudConfigs(docs, opts)
		known[key] = cc
	}
	return cc
}

// deployedAs is the manifest that the director has of a deployment, nil if it has
// none.
func deployedAs(name string, lists ...[]manifest) *bosh.Manifest {
	for _, list := range lists {
		for _, m := range list {
			if m.text.told && m.read != nil && m.name() == name {
				return m.read
			}
		}
	}
	return nil
}

// isTold reports whether the director told what instances a deployment has.
func (l *live) isTold(name string) bool {
	return slices.ContainsFunc(l.told, func(t told) bool { return t.name == name })
}

// indexes are the indexes that the director told, by deployment and address.
func (l *live) indexes() map[string]map[netip.Addr]int {
	all := map[string]map[netip.Addr]int{}
	for _, t := range l.told {
		by := map[netip.Addr]int{}
		for _, i := range t.instances {
			for _, p := range i.Addresses {
				if i.Index != deploy.Untold {
					by[p.Addr()] = i.Index
				}
			}
		}
		if len(by) > 0 {
			all[t.name] = by
		}
	}
	return all
}

// asStillIs is how an older cloud-config is told from the one that counts.
func asStillIs(deployments []string) string {
	switch len(deployments) {
	case 1:
		return "as " + deployments[0] + " still has it"
	case 2:
		return "as " + deployments[0] + " and " + deployments[1] + " still have it"
	}
	return fmt.Sprintf("as %s and %s still have it", deployments[0], plural.Of(len(deployments)-1, "other"))
}

// otherViews reads the cloud-configs that count beside the one that all get: older
// ones, but not the past of what is judged. A judged cloud-config stands in place
// of all older ones, and a judged deploy leaves the one that it was made with.
func (d *documents) otherViews(opts bosh.Options, past []manifest, list []manifest) []claims.View {
	if slices.ContainsFunc(d.CloudConfigs, isTarget) {
		return nil
	}
	judged := namesIn(list, func(m manifest) bool { return m.text.Target })
	replaced := namesIn(past, func(manifest) bool { return true })
	var views []claims.View
	for _, v := range d.live.views {
		still := slices.DeleteFunc(slices.Clone(v.deployments), func(name string) bool { return judged[name] })
		if len(v.docs) == 0 || v.past == "" && len(still) == 0 {
			continue
		}
		past := v.past
		if past == "" {
			past = asStillIs(still)
		}
		cc, _, _ := bosh.ReadCloudConfigs(v.docs, opts)
		bound := slices.DeleteFunc(still, func(name string) bool { return replaced[name] })
		views = append(views, claims.View{CloudConfig: cc, Deployments: bound, Past: past})
	}
	return views
}

// namesIn are the names of the deployments that count.
func namesIn(list []manifest, counts func(manifest) bool) map[string]bool {
	names := map[string]bool{}
	for _, m := range list {
		if counts(m) {
			names[m.name()] = true
		}
	}
	return names
}

// leases are what the director granted, but for what a judged deploy gives back:
// addresses of groups that are gone, or that ask for all of theirs by static_ips.
func (d *documents) leases(deployments []manifest) []claims.Lease {
	judged := map[string]*bosh.Manifest{}
	for _, m := range deployments {
		if m.text.Target {
			judged[m.read.Name] = m.read
		}
	}
	if len(judged) == 0 {
		return d.live.leases
	}
	return slices.DeleteFunc(slices.Clone(d.live.leases), func(l claims.Lease) bool {
		m, ok := judged[l.Deployment]
		return ok && !l.Orphan && !keeps(m, l.Group)
	})
}

// keeps reports whether instances of a group may keep addresses that the manifest
// does not name.
func keeps(m *bosh.Manifest, group string) bool {
	g := claims.GroupOf(m, group)
	return g != nil && slices.ContainsFunc(g.Networks, func(n *bosh.GroupNetwork) bool { return !n.StaticGiven })
}
