package deploy

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// director is what a director knows between two deploys: its networks and, in
// its database, who holds which address.
type director struct {
	bosh.Report
	// doubts are of the last deploy.
	doubts []Doubt
	cc     *bosh.CloudConfig
	zones  bosh.Zones
	pools  map[*bosh.Subnet]*pool
	// networks are those of cc by name, of several the first; served are their
	// zones.
	networks map[string]*bosh.Network
	served   map[*bosh.Network]bosh.NetworkZones
	inZone   map[*bosh.Network]map[string][]*bosh.Subnet
	byRange  map[*bosh.Network]subnetIndex
	// held is the table ip_addresses with its unique index: one holder for each
	// address and prefix length, whatever the network.
	held  map[ipaddr.Addr]*instance
	taken takenSpans
	// unshown are instances of which the director does not show what they hold.
	unshown []unshown
	// deployments by name, and the names by canonical name.
	deployments map[string]*deployment
	canonical   map[string]string
}

type takenSpans struct{ v4, v6 ipaddr.Spans }

func (t *takenSpans) of(v6 bool) *ipaddr.Spans {
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
	id         string // empty where the director would draw it
	index      int
	az         string
	addresses  []heldAddress
	orphan     bool // it is a VM that belongs to no instance any more
	told       bool // the director told of it
	guessed    bool // it is what the last manifest would have made
	unnamed    bool // index is not the director's
}

// heldAddress is an address that an instance keeps until it is gone.
type heldAddress struct {
	address ipaddr.Addr
	network string
	static  bool
}

// name is how bosh calls the instance.
func (i *instance) name() string {
	if i.orphan || i.unnamed {
		return i.group + "/" + i.id
	}
	return fmt.Sprintf("%s/%d", i.group, i.index)
}

// String names the instance for messages.
func (i *instance) String() string {
	switch {
	case i.orphan:
		return fmt.Sprintf("the orphaned VM %s of deployment %q", i.name(), i.deployment)
	case i.guessed:
		return fmt.Sprintf("%s of deployment %q (guessed from its manifest)", i.name(), i.deployment)
	}
	return fmt.Sprintf("%s of deployment %q", i.name(), i.deployment)
}

func newDirector(cc *bosh.CloudConfig, opts bosh.Options) *director {
	if cc == nil {
		cc = &bosh.CloudConfig{}
	}
	d := &director{
		Report: bosh.Report{Opts: opts}, cc: cc, zones: bosh.NewZones(cc), pools: map[*bosh.Subnet]*pool{},
		held: map[ipaddr.Addr]*instance{}, deployments: map[string]*deployment{}, canonical: map[string]string{},
		networks: make(map[string]*bosh.Network, len(cc.Networks)), served: map[*bosh.Network]bosh.NetworkZones{}, inZone: map[*bosh.Network]map[string][]*bosh.Subnet{},
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
func (d *director) deploy(m *bosh.Manifest, last bool) []PredictedAddress {
	if m == nil || m.Form == bosh.CreateEnv {
		return nil
	}
	if m.Own != nil {
		return d.deployOwn(m)
	}
	d.checkDeploymentName(m)
	run := &run{director: d, m: m, cc: d.cc, last: last}
	addresses := run.deploy()
	d.doubts = run.doubts
	return addresses
}

// deployOwn deploys a manifest that brings its own networks. Directors kept the
// addresses of those in memory for each deployment alone
// (ip_provider/in_memory_ip_repo.rb, v262), so nothing is shared.
func (d *director) deployOwn(m *bosh.Manifest) []PredictedAddress {
	own := newDirector(m.Own, d.Opts)
	run := &run{director: own, m: m, cc: m.Own, last: true}
	addresses := run.deploy()
	d.Problems = append(d.Problems, own.Problems...)
	return addresses
}

// checkDeploymentName reports a name that another deployment has already, in
// the eyes of DNS (deployment_plan/deployment_repo.rb).
func (d *director) checkDeploymentName(m *bosh.Manifest) {
	if m.Name == "" {
		return
	}
	c := bosh.Canonical(m.Name)
	other, ok := d.canonical[c]
	if ok && other != m.Name {
		d.At = bosh.Order{Stage: bosh.StageUploadManifest}
		d.Add(bosh.RuleDuplicateName, "DeploymentCanonicalNameTaken", m.NameAt, "the deployment name %q is taken by %q: a director sees both as %q", m.Name, other, c).
			WithCure("give one of the two another name")
		return
	}
	d.canonical[c] = m.Name
}

// zonesOf are the zones that a network serves.
func (d *director) zonesOf(n *bosh.Network) bosh.NetworkZones {
	z, ok := d.served[n]
	if !ok {
		z = n.Zones()
		d.served[n] = z
	}
	return z
}

// subnetsFor are the subnets that may give addresses to an instance in a zone;
// one without zone ("") takes them from every subnet.
func (d *director) subnetsFor(n *bosh.Network, az string) []*bosh.Subnet {
	if az == "" {
		return n.Subnets
	}
	zones, ok := d.inZone[n]
	if !ok {
		zones = map[string][]*bosh.Subnet{}
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
func (d *director) pool(s *bosh.Subnet) *pool {
	p, ok := d.pools[s]
	if !ok {
		p = newPool(s, d.Opts)
		d.pools[s] = p
	}
	return p
}

// hold writes an address into the table. It returns the instance that has it
// already, which may be i itself.
func (d *director) hold(i *instance, a ipaddr.Addr, network string, static bool) *instance {
	if holder, ok := d.held[a]; ok {
		return holder
	}
	d.held[a] = i
	d.taken.of(a.V6).Add(a.Span())
	i.addresses = append(i.addresses, heldAddress{a, network, static})
	return nil
}

// forget replaces the instances of a deployment and frees what nobody of them
// keeps, as a director does when a deploy is through.
func (d *director) forget(name string, now []*instance, released []*instance) {
	d.replace(name, now)
	if len(released) == 0 {
		return
	}
	freed := false
	for _, i := range released {
		for _, a := range i.addresses {
			if d.held[a.address] == i {
				delete(d.held, a.address)
				freed = true
			}
		}
	}
	for _, p := range d.pools {
		p.rewind()
	}
	if !freed { // the rule: a deploy keeps what it has
		return
	}
	var v4, v6 []ipaddr.Span
	for a := range d.held {
		if a.V6 {
			v6 = append(v6, a.Span())
		} else {
			v4 = append(v4, a.Span())
		}
	}
	d.taken = takenSpans{ipaddr.NewSpans(v4), ipaddr.NewSpans(v6)}
}

// replace puts instances in place of those that a deployment had.
func (d *director) replace(name string, now []*instance) {
	remembered := &deployment{instances: now, byGroup: map[string][]*instance{}}
	for _, i := range now {
		remembered.byGroup[i.group] = append(remembered.byGroup[i.group], i)
	}
	d.deployments[name] = remembered
}
