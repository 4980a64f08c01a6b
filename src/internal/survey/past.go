package survey

import (
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/deploy"
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
func (d *Director) pastOf(past, list []manifest, opts bosh.Options) deploy.Past {
	var known deploy.Past
	isTold := map[string]bool{}
	if d.live != nil {
		known.Orphans = d.live.orphans
		views := map[string]*bosh.CloudConfig{}
		for _, t := range d.live.told {
			isTold[t.name] = true
			known.Deployments = append(known.Deployments, deploy.Deployment{
				Name: t.name, Told: true, Instances: t.instances,
				Manifest: deployedAs(t.name, past, list), CloudConfig: readOnce(views, t.docs, opts),
			})
		}
	}
	for _, m := range past {
		if m.read != nil && !isTold[m.name()] {
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
			if m.entry.Deployed && m.read != nil && m.name() == name {
				return m.read
			}
		}
	}
	return nil
}

// isTold reports whether the director told what instances a deployment has.
func (d *Director) isTold(name string) bool {
	return d.live != nil && slices.ContainsFunc(d.live.told, func(t told) bool { return t.name == name })
}

// indexes are the indexes that the director told, by deployment and address.
func (d *Director) indexes() map[string]map[netip.Addr]int {
	if d.live == nil {
		return nil
	}
	all := map[string]map[netip.Addr]int{}
	for _, t := range d.live.told {
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
