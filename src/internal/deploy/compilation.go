package deploy

import (
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
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
// deploy at its start, so it is a warning.
func (r *run) warnCompilation(missing int) {
	if missing == 0 {
		return
	}
	c := r.cc.Compilation
	r.Warn(bosh.RuleCompilation, c.At, "with deployment %q, network %q has %s for %s", r.m.Name, c.Network, bosh.Counted(c.Workers-missing, "free address", "es"), bosh.Counted(c.Workers, "compilation worker", "s")).
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
