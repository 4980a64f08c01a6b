package deploy

import (
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// checkCrowd looks whether the networks of a group with very many instances have
// room for all of them, without planning each.
func (r *run) checkCrowd(g *plannedGroup) {
	for _, n := range g.networks {
		if n.network.Type != bosh.Manual || n.isStatic() {
			continue
		}
		free, known := r.countFree(n.network, g.AZs)
		if known && free < uint64(g.Instances) {
			r.Add(bosh.RuleNotEnoughAddresses, "NetworkReservationNotEnoughCapacity", g.InstancesAt, "network %q has %s for the %s of %q", n.Name, plural.Of(int(free), "free address"), g.InstancesText(), g.Name).
				WithCure("fewer instances, or a larger range")
		}
	}
	r.Warn(bosh.RuleNotEnoughAddresses, g.InstancesAt, "%q has %s: with more than %d in a group, or %d in a manifest, no addresses are predicted", g.Name, g.InstancesText(), maxInstances, maxPlanned)
}

// countFree counts the free blocks of the subnets that serve a group's zones.
func (r *run) countFree(n *bosh.Network, azs []string) (free uint64, known bool) {
	for _, s := range n.Subnets {
		if s.Incomplete || !s.Range.IsValid() || r.poolError(s) != "" {
			return 0, false
		}
		serves := len(azs) == 0
		for _, az := range azs {
			serves = serves || s.Serves(az)
		}
		if serves {
			pool := r.pool(s)
			more := pool.count(r.taken.of(pool.block.V6))
			if free += more; free < more {
				return ^uint64(0), true
			}
		}
	}
	return free, true
}

// count is the number of free blocks, at most what fits.
func (p *pool) count(taken *ipaddr.Spans) (blocks uint64) {
	size := ipaddr.LowBits(p.block.Width() - p.bits())
	for n := p.next; !p.block.Last().Less(n); {
		end, hit := p.obstacle(ipaddr.Span{First: n, Last: n.Plus(size)}, taken)
		if !hit {
			end = p.before(n, taken)
			gap := end.Minus(n).Inc().Shift(p.block.Width() - p.bits())
			if gap.Hi != 0 || blocks+gap.Lo < blocks {
				return ^uint64(0)
			}
			blocks += gap.Lo
		}
		after := end.Plus(size).Inc().And(size.Xor(ipaddr.LowBits(128)))
		if !n.Less(after) {
			break
		}
		n = after
	}
	return blocks
}

// before is the last address before the next obstacle from n on.
func (p *pool) before(n ipaddr.Number, taken *ipaddr.Spans) ipaddr.Number {
	end := p.block.Last()
	for _, set := range []ipaddr.Spans{p.restricted, *taken} {
		if i := set.Find(n); i < len(set) && !end.Less(set[i].First) {
			end = set[i].First.Dec()
		}
	}
	size := ipaddr.LowBits(p.block.Width() - p.bits())
	for i := p.static.Find(n); i < len(p.static) && !end.Less(p.static[i].First); i++ {
		// Of static only the first addresses of blocks count.
		base := p.static[i].First.Plus(size).And(size.Xor(ipaddr.LowBits(128)))
		if !p.static[i].Last.Less(base) && base.Dec().Less(end) {
			return base.Dec()
		}
	}
	return end
}
