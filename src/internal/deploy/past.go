package deploy

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// Past is what a director's tables hold before the deploys that are judged.
type Past struct {
	Deployments []Deployment
	// Orphans are VMs that belong to no instance any more and hold their addresses
	// until the director deletes them.
	Orphans []Instance
}

// Deployment is one deployment as it is.
type Deployment struct {
	Name string
	// Manifest is that of the last successful deploy; nil if none succeeded.
	Manifest *bosh.Manifest
	// CloudConfig is what that deploy was made with; nil for the present one.
	CloudConfig *bosh.CloudConfig
	// Told says that the director told the instances. Where it did not, they are
	// guessed: Manifest is deployed first.
	Told      bool
	Instances []Instance
}

// Untold is the index of an instance of which nobody told it.
const Untold = -1

// Instance is one row of a director's table of instances.
type Instance struct {
	// Deployment is given for orphans alone.
	Deployment string
	Group, ID  string
	AZ         string // empty for none
	Index      int    // in its group, from 0, or Untold
	// Absent says that it has no VM; then what it holds is not shown.
	Absent bool
	// Addresses are those that its VM has, blocks among them, of networks of all
	// types. An instance without a VM may hold some that nobody tells.
	Addresses []netip.Prefix
}

// restore fills the tables with what a director told.
func (d *director) restore(past Past) {
	for i := range past.Deployments {
		if dep := &past.Deployments[i]; dep.Told {
			d.canonical[bosh.Canonical(dep.Name)] = dep.Name
			d.replace(dep.Name, d.instancesOf(dep))
		}
	}
	for _, o := range past.Orphans {
		i := &instance{deployment: o.Deployment, group: o.Group, id: o.ID, az: o.AZ, orphan: true}
		for _, p := range o.Addresses {
			d.hold(i, ipaddr.FromPrefix(p.Masked()), "", false)
		}
	}
}

// guess deploys the manifests of deployments whose instances nobody told.
func (d *director) guess(past Past) {
	for i := range past.Deployments {
		if dep := &past.Deployments[i]; !dep.Told && dep.Manifest != nil {
			d.deploy(dep.Manifest, false)
			if known := d.deployments[dep.Name]; known != nil {
				for _, i := range known.instances {
					i.guessed = true
				}
			}
		}
	}
}

func (d *director) instancesOf(dep *Deployment) []*instance {
	told := slices.Clone(dep.Instances)
	slices.SortStableFunc(told, func(a, b Instance) int { return cmp.Or(cmp.Compare(a.Index, b.Index), cmp.Compare(a.ID, b.ID)) })
	used := map[string]int{} // the next index of those that were not told
	for _, t := range told {
		used[t.Group] = max(used[t.Group], t.Index+1)
	}
	var list []*instance
	for _, t := range told {
		i := &instance{deployment: dep.Name, group: t.Group, id: t.ID, az: t.AZ, index: t.Index, told: true, unnamed: t.Index < 0}
		if i.unnamed {
			i.index = used[t.Group]
			used[t.Group]++
		}
		rows := leaseReader{d, dep, i}
		for _, p := range t.Addresses {
			rows.add(ipaddr.FromPrefix(p.Masked()))
		}
		if t.Absent {
			d.unshown = append(d.unshown, unshown{i, dep})
		}
		list = append(list, i)
	}
	return list
}

// leaseReader finds out of which network an address is: no director tells it.
type leaseReader struct {
	*director
	dep      *Deployment
	instance *instance
}

func (r leaseReader) add(a ipaddr.Addr) {
	network, ok := r.networkOf(a)
	if !ok {
		return // the IaaS chose it, and no table has it
	}
	if r.hold(r.instance, a, network, false) != nil {
		r.instance.addresses = append(r.instance.addresses, heldAddress{a, network, false})
	}
}

// networkOf looks at the networks of the instance's group, as it was deployed,
// before all others. ok is false for an address of a network of type dynamic.
func (r leaseReader) networkOf(a ipaddr.Addr) (name string, ok bool) {
	cc := r.dep.CloudConfig
	if cc == nil {
		cc = r.cc
	}
	mine := r.groupNetworks(cc)
	for _, candidates := range [][]*bosh.Network{mine, cc.Networks, r.cc.Networks} {
		for _, n := range candidates {
			if n.Type != bosh.Dynamic && r.hasAddress(n, a) {
				return n.Name, true
			}
		}
	}
	for _, n := range mine {
		if n.Type == bosh.Dynamic {
			return "", false
		}
	}
	for _, n := range mine {
		if n.Type == bosh.VIP {
			return n.Name, true
		}
	}
	return "", true
}

// groupNetworks are the networks that the instance's group had.
func (r leaseReader) groupNetworks(cc *bosh.CloudConfig) []*bosh.Network {
	if r.dep.Manifest == nil {
		return nil
	}
	var list []*bosh.Network
	for _, g := range r.dep.Manifest.Groups {
		if g.Name != r.instance.group {
			continue
		}
		for _, use := range g.Networks {
			if n := cc.Network(use.Name); n != nil {
				list = append(list, n)
			}
		}
	}
	return list
}

// hasAddress reports whether an address lies in a subnet of a manual network, or
// is listed by a vip network.
func (r leaseReader) hasAddress(n *bosh.Network, a ipaddr.Addr) bool {
	return slices.ContainsFunc(n.Subnets, func(s *bosh.Subnet) bool {
		if n.Type == bosh.VIP {
			return slices.ContainsFunc(s.Static, func(b bosh.Block) bool { return b.Range.Contains(a.Addr()) })
		}
		return s.Range.IsValid() && s.Range.Contains(a.Addr()) && (s.AZs == nil || r.instance.az == "" || slices.Contains(s.AZs, r.instance.az))
	})
}
