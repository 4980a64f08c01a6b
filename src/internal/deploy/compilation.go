package deploy

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// predictCompilation tells which addresses the compilation workers would take
// at most, once the instances have theirs, and how many workers get none.
func (r *run) predictCompilation() (missing int) {
	c := r.cc.Compilation
	if c == nil {
		return 0
	}
	network := r.networks[c.Network]
	if network == nil || network.Type != bosh.Manual {
		return 0
	}
	if _, hidden := bosh.VariableIn(c.AZ); hidden {
		return 0
	}
	az := ""
	if r.zones.Has(c.AZ) {
		az = c.AZ
	}
	trial := r.newTrial()
	defer trial.end()
	for i := range min(c.Workers, maxInstances) {
		a, state := trial.allocate(network, az)
		switch state {
		case poolUnknown:
			return 0
		case poolEmpty:
			return c.Workers - i
		}
		r.addPrediction(c.Network, "", i, az, a, CompilationAddress, c.At)
	}
	return 0
}

// warnCompilation reports workers without an address. A lack of them stops no
// deploy at its start, and none at all where releases are compiled already, so it is
// a warning. Whose addresses fill the network is only told of a deployment that has
// some there; what is too small for itself is told of the cloud-config
// (CheckCompilation).
func (r *run) warnCompilation(missing int) {
	c := r.cc.Compilation
	if missing == 0 || r.m.Own == nil && compilationMissing(r.cc, r.Opts) > 0 {
		return
	}
	with := "with all deployments, "
	if slices.ContainsFunc(r.addresses, func(a PredictedAddress) bool { return a.Network == c.Network && a.Kind != CompilationAddress }) {
		with = fmt.Sprintf("with deployment %q, ", r.m.Name)
	}
	r.warnOfCompilation(r.cc, missing, with)
}

// CheckCompilation reports compilation workers for which the network has too few
// addresses, be there no deployment at all.
func CheckCompilation(cc *bosh.CloudConfig, opts bosh.Options) []bosh.Problem {
	d := newDirector(cc, opts)
	if missing := compilationMissing(cc, opts); missing > 0 {
		d.warnOfCompilation(cc, missing, "")
	}
	return d.Problems
}

// compilationMissing is how many workers find no address where nobody else has any.
func compilationMissing(cc *bosh.CloudConfig, opts bosh.Options) int {
	empty := newDirector(cc, opts)
	return (&run{director: empty, m: &bosh.Manifest{}, cc: empty.cc}).predictCompilation()
}

// warnOfCompilation reports at the subnet that compilation VMs are in.
func (d *director) warnOfCompilation(cc *bosh.CloudConfig, missing int, with string) {
	c := cc.Compilation
	at, where := c.At, "network "+strconv.Quote(c.Network)
	az := ""
	if d.zones.Has(c.AZ) {
		az = c.AZ
	}
	subnets := d.subnetsFor(d.networks[c.Network], az)
	if len(subnets) > 0 && subnets[0].RangeAt.IsValid() {
		at = subnets[0].RangeAt
	}
	if len(subnets) == 1 {
		where = fmt.Sprintf("the subnet %s of network %q", subnets[0].Range, c.Network)
	}
	d.Warn(bosh.RuleCompilation, at, "%s%s has %s for %s", with, where, plural.Of(c.Workers-missing, "free address"), plural.Of(c.Workers, "compilation worker")).
		WithCure("fewer workers, a larger range, or fewer reserved and static addresses")
}

// warnHotSwaps reports groups that are updated by create-swap-delete and find
// too few addresses: all their instances are there twice for a while, in all
// such groups at once. Groups with static_ips or vip networks are never updated
// that way.
func (r *run) warnHotSwaps() {
	trial := r.newTrial()
	defer trial.end()
	for _, g := range r.groups {
		if !r.isSwapped(g) {
			continue
		}
		for _, n := range g.networks {
			if missing := r.missingForSwap(g, n, trial); missing > 0 {
				r.Warn(bosh.RuleNotEnoughAddresses, n.At, "instance group %q is updated by create-swap-delete, which makes each instance twice, and network %q has too few free addresses for %d of them", g.Name, n.Name, missing).
					WithCure("a larger range, or vm_strategy: delete-create")
			}
		}
	}
}

func (r *run) isSwapped(g *plannedGroup) bool {
	strategy := g.VMStrategy
	if strategy == "" {
		strategy = r.m.VMStrategy
	}
	if strategy != "create-swap-delete" || !g.sound || g.Lifecycle == "errand" {
		return false
	}
	for _, n := range g.networks {
		if n.isStatic() || n.network.Type == bosh.VIP {
			return false
		}
	}
	return true
}

func (r *run) missingForSwap(g *plannedGroup, n *plannedNetwork, trial *trial) (missing int) {
	if n.network.Type != bosh.Manual {
		return 0
	}
	for i, plan := range g.plans {
		switch _, state := trial.allocate(n.network, plan.az); state {
		case poolUnknown:
			return 0
		case poolEmpty:
			return len(g.plans) - i
		}
	}
	return 0
}

// trial hands out addresses that nobody keeps.
type trial struct {
	*run
	taken takenSpans
	pools map[*pool]bool
}

func (r *run) newTrial() *trial {
	return &trial{run: r, taken: takenSpans{append(ipaddr.Spans(nil), r.taken.v4...), append(ipaddr.Spans(nil), r.taken.v6...)}, pools: map[*pool]bool{}}
}

// end lets the next search begin at the bottom again.
func (t *trial) end() {
	for p := range t.pools {
		p.rewind()
	}
}

type poolState uint8

const (
	poolGave poolState = iota
	poolEmpty
	poolUnknown // something hides behind a variable or cannot work
)

// allocate takes the lowest free block of the subnets that serve a zone.
func (t *trial) allocate(n *bosh.Network, az string) (ipaddr.Addr, poolState) {
	if t.hasHidden(n) {
		return ipaddr.Addr{}, poolUnknown
	}
	for _, s := range t.subnetsFor(n, az) {
		if t.poolError(s) != "" {
			return ipaddr.Addr{}, poolUnknown
		}
		pool := t.pool(s)
		t.pools[pool] = true
		if a, ok := pool.allocate(t.taken.of(pool.block.V6)); ok {
			t.taken.of(a.V6).Add(a.Span())
			return a, poolGave
		}
	}
	return ipaddr.Addr{}, poolEmpty
}
