package bosh

import (
	"fmt"
)

// director is what a director knows between two deploys: its networks and, in
// its database, who holds which address.
type director struct {
	report
	cc    *CloudConfig
	zones zones
	pools map[*Subnet]*pool
	// networks are those of cc by name, of several the first; served are their
	// zones.
	networks map[string]*Network
	served   map[*Network]networkZones
	inZone   map[*Network]map[string][]*Subnet
	// held is the table ip_addresses with its unique index: one holder for each
	// address and prefix length, whatever the network.
	held  map[ipaddr]*instance
	taken takenSpans
	// deployments by name, and the names by canonical name.
	deployments map[string]*deployment
	canonical   map[string]string
}

type takenSpans struct{ v4, v6 spans }

func (t *takenSpans) of(v6 bool) *spans {
	if v6 {
		return &t.v6
	}
	return &t.v4
}

// deployment is what a director remembers of one.
type deployment struct {
	instances []*instance
	byGroup   map[string][]*instance
}

// instance is one row of the table instances with its addresses.
type instance struct {
	deployment string
	group      string
	index      int
	az         string
	addresses  []heldAddress
}

// heldAddress is an address that an instance keeps until it is gone.
type heldAddress struct {
	address ipaddr
	network string
	static  bool
}

func (i *instance) String() string {
	return fmt.Sprintf("%s/%d of deployment %q", i.group, i.index, i.deployment)
}

func newDirector(cc *CloudConfig, opts Options) *director {
	if cc == nil {
		cc = &CloudConfig{}
	}
	d := &director{
		report: report{opts: opts}, cc: cc, zones: newZones(cc.AZs), pools: map[*Subnet]*pool{},
		held: map[ipaddr]*instance{}, deployments: map[string]*deployment{}, canonical: map[string]string{},
		networks: make(map[string]*Network, len(cc.Networks)), served: map[*Network]networkZones{}, inZone: map[*Network]map[string][]*Subnet{},
	}
	for _, n := range cc.Networks {
		if _, taken := d.networks[n.Name]; !taken {
			d.networks[n.Name] = n
		}
	}
	return d
}

// deploy judges one manifest and, as far as it could be deployed, remembers it.
// Behind the last one it tells what would be short of addresses.
func (d *director) deploy(m *Manifest, last bool) []PredictedAddress {
	if m == nil || m.Form == CreateEnv {
		return nil
	}
	if m.Own != nil {
		return d.deployOwn(m)
	}
	d.checkDeploymentName(m)
	run := &run{director: d, m: m, cc: d.cc, last: last}
	return run.deploy()
}

// deployOwn deploys a manifest that brings its own networks. Directors kept the
// addresses of those in memory for each deployment alone
// (ip_provider/in_memory_ip_repo.rb, v262), so nothing is shared.
func (d *director) deployOwn(m *Manifest) []PredictedAddress {
	own := newDirector(m.Own, d.opts)
	run := &run{director: own, m: m, cc: m.Own, last: true}
	addresses := run.deploy()
	d.problems = append(d.problems, own.problems...)
	return addresses
}

// checkDeploymentName reports a name that another deployment has already, in
// the eyes of DNS (deployment_plan/deployment_repo.rb).
func (d *director) checkDeploymentName(m *Manifest) {
	if m.Name == "" {
		return
	}
	c := canonical(m.Name)
	other, ok := d.canonical[c]
	if ok && other != m.Name {
		d.at = order{stage: stageUploadManifest}
		d.add(RuleDuplicateName, "DeploymentCanonicalNameTaken", m.NameAt, "the deployment name %q is taken by %q: a director sees both as %q", m.Name, other, c).
			cure("give one of the two another name")
		return
	}
	d.canonical[c] = m.Name
}

// zonesOf are the zones that a network serves.
func (d *director) zonesOf(n *Network) networkZones {
	z, ok := d.served[n]
	if !ok {
		z = n.zones()
		d.served[n] = z
	}
	return z
}

// subnetsFor are the subnets that may give addresses to an instance in a zone;
// one without zone ("") takes them from every subnet.
func (d *director) subnetsFor(n *Network, az string) []*Subnet {
	if az == "" {
		return n.Subnets
	}
	zones, ok := d.inZone[n]
	if !ok {
		zones = map[string][]*Subnet{}
		for _, s := range n.Subnets {
			for _, az := range s.AZs {
				if list := zones[az]; len(list) == 0 || list[len(list)-1] != s {
					zones[az] = append(list, s)
				}
			}
		}
		d.inZone[n] = zones
	}
	return zones[az]
}

// pool returns what is free in a subnet.
func (d *director) pool(s *Subnet) *pool {
	p, ok := d.pools[s]
	if !ok {
		p = newPool(s, d.opts)
		d.pools[s] = p
	}
	return p
}

// hold writes an address into the table. It returns the instance that has it
// already, which may be i itself.
func (d *director) hold(i *instance, a ipaddr, network string, static bool) *instance {
	if holder, ok := d.held[a]; ok {
		return holder
	}
	d.held[a] = i
	d.taken.of(a.v6).add(a.span())
	i.addresses = append(i.addresses, heldAddress{a, network, static})
	return nil
}

// forget replaces the instances of a deployment and frees what nobody of them
// keeps, as a director does when a deploy is through.
func (d *director) forget(name string, now []*instance, released []*instance) {
	remembered := &deployment{instances: now, byGroup: map[string][]*instance{}}
	for _, i := range now {
		remembered.byGroup[i.group] = append(remembered.byGroup[i.group], i)
	}
	d.deployments[name] = remembered
	if len(released) == 0 {
		return
	}
	for _, i := range released {
		for _, a := range i.addresses {
			if d.held[a.address] == i {
				delete(d.held, a.address)
			}
		}
	}
	var v4, v6 []span
	for a := range d.held {
		if a.v6 {
			v6 = append(v6, a.span())
		} else {
			v4 = append(v4, a.span())
		}
	}
	d.taken = takenSpans{newSpans(v4), newSpans(v6)}
	for _, p := range d.pools {
		p.rewind()
	}
}
