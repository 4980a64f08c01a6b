package bosh

// checkCrowd looks whether the networks of a group with very many instances have
// room for all of them, without planning each.
func (r *run) checkCrowd(g *plannedGroup) {
	for _, n := range g.networks {
		if n.network.Type != Manual || n.isStatic() {
			continue
		}
		free, known := r.countFree(n.network, g.AZs)
		if known && free < uint64(g.Instances) {
			r.add(RuleNotEnoughAddresses, "NetworkReservationNotEnoughCapacity", g.InstancesAt, "network %q has %s for the %d instances of %q", n.Name, counted(int(free), "free address", "es"), g.Instances, g.Name).
				cure("fewer instances, or a larger range")
		}
	}
	r.warn(RuleNotEnoughAddresses, g.InstancesAt, "%q has %d instances: with more than %d in a group, or %d in a manifest, no addresses are predicted", g.Name, g.Instances, maxInstances, maxPlanned)
}

// countFree counts the free blocks of the subnets that serve a group's zones.
func (r *run) countFree(n *Network, azs []string) (free uint64, known bool) {
	for _, s := range n.Subnets {
		if s.Incomplete || !s.Range.IsValid() || r.poolError(s) != "" {
			return 0, false
		}
		serves := len(azs) == 0
		for _, az := range azs {
			serves = serves || s.serves(az)
		}
		if serves {
			pool := r.pool(s)
			more := pool.count(r.taken.of(pool.block.v6))
			if free += more; free < more {
				return ^uint64(0), true
			}
		}
	}
	return free, true
}

// count is the number of free blocks, at most what fits.
func (p *pool) count(taken *spans) (blocks uint64) {
	size := lowBits(p.block.width() - p.bits())
	for n := p.next; !p.block.last().less(n); {
		end, hit := p.obstacle(span{n, n.plus(size)}, taken)
		if !hit {
			end = p.before(n, taken)
			gap := end.minus(n).inc().shift(p.block.width() - p.bits())
			if gap.hi != 0 || blocks+gap.lo < blocks {
				return ^uint64(0)
			}
			blocks += gap.lo
		}
		after := end.plus(size).inc().and(size.xor(lowBits(128)))
		if !n.less(after) {
			break
		}
		n = after
	}
	return blocks
}

// before is the last address before the next obstacle from n on.
func (p *pool) before(n u128, taken *spans) u128 {
	end := p.block.last()
	for _, set := range []spans{p.restricted, *taken} {
		if i := set.find(n); i < len(set) && !end.less(set[i].first) {
			end = set[i].first.dec()
		}
	}
	size := lowBits(p.block.width() - p.bits())
	for i := p.static.find(n); i < len(p.static) && !end.less(p.static[i].first); i++ {
		// Of static only the first addresses of blocks count.
		base := p.static[i].first.plus(size).and(size.xor(lowBits(128)))
		if !p.static[i].last.less(base) && base.dec().less(end) {
			return base.dec()
		}
	}
	return end
}
