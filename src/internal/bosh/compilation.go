package bosh

// predictCompilation tells which addresses the compilation workers would take
// at most, once the instances have theirs. A lack of them stops no deploy at
// its start, so it is a warning.
func (r *run) predictCompilation() {
	c := r.cc.Compilation
	if c == nil {
		return
	}
	network := findNetwork(r.cc, c.Network)
	if network == nil || network.Type != Manual {
		return
	}
	az := ""
	if r.zones.has(c.AZ) {
		az = c.AZ
	}
	// Workers are released at the end: they must not stay in the table.
	taken := takenSpans{append(spans(nil), r.taken.v4...), append(spans(nil), r.taken.v6...)}
	got := 0
	for ; got < min(c.Workers, maxInstances); got++ {
		a, state := r.allocateFor(network, az, &taken)
		if state == poolUnknown {
			return
		}
		if state == poolEmpty {
			break
		}
		taken.of(a.v6).add(a.span())
		r.addPrediction(c.Network, "", got, az, a, CompilationAddress, c.At)
	}
	for _, s := range network.Subnets {
		r.pool(s).rewind()
	}
	if got < c.Workers {
		r.warn(RuleCompilation, c.At, "with deployment %q, network %q has %d free addresses for %d compilation workers", r.m.Name, c.Network, got, c.Workers).
			cure("fewer workers, a larger range, or fewer reserved and static addresses")
	}
}

type poolState uint8

const (
	poolGave poolState = iota
	poolEmpty
	poolUnknown // something hides behind a variable or cannot work
)

// allocateFor takes the lowest free block of the subnets that serve a zone.
func (r *run) allocateFor(n *Network, az string, taken *takenSpans) (ipaddr, poolState) {
	for _, s := range n.Subnets {
		if s.Incomplete || !s.Range.IsValid() || r.poolError(s) != "" {
			return ipaddr{}, poolUnknown
		}
		if !s.serves(az) {
			continue
		}
		pool := r.pool(s)
		if a, ok := pool.allocate(taken.of(pool.block.v6)); ok {
			return a, poolGave
		}
	}
	return ipaddr{}, poolEmpty
}
