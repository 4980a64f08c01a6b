package bosh

// pool is one subnet as a director hands out its addresses.
type pool struct {
	s     *Subnet
	known bool // the range could be read
	block ipaddr
	// restricted is never handed out, static on request only.
	restricted, static spans
	// next is a block below which none is free.
	next u128
}

func newPool(s *Subnet, opts Options) *pool {
	p := &pool{s: s, known: s.Range.IsValid()}
	if p.known {
		p.block = fromPrefix(s.Range)
		p.next = p.block.base
	}
	var restricted, static []span
	for _, b := range s.Static {
		if b.Range.IsValid() && (!p.known || b.Range.From().Is6() == p.block.v6) {
			static = append(static, b.span())
		}
	}
	p.static = newSpans(static)
	if !p.known {
		return p
	}
	restricted = append(restricted, span{p.block.base, p.block.base}, span{p.block.last(), p.block.last()})
	if s.Gateway.IsValid() && s.Gateway.Is6() == p.block.v6 {
		restricted = append(restricted, span{numberOf(s.Gateway), numberOf(s.Gateway)})
	}
	for _, b := range s.Reserved {
		if b.Range.IsValid() && b.Range.From().Is6() == p.block.v6 {
			restricted = append(restricted, b.span())
		}
	}
	for _, a := range opts.DirectorIPs {
		if a.Is6() == p.block.v6 {
			restricted = append(restricted, span{numberOf(a), numberOf(a)})
		}
	}
	p.restricted = newSpans(restricted)
	return p
}

// bits is the length of the block that each VM gets.
func (p *pool) bits() int {
	if p.s.Prefix <= 0 || p.s.Prefix > p.block.width() {
		return p.block.width()
	}
	return p.s.Prefix
}

// isStatic reports whether n is in the pool for requests. With a prefix only
// the first addresses of its blocks are.
func (p *pool) isStatic(n u128) bool {
	return p.static.contains(n) && p.isBase(n)
}

func (p *pool) isBase(n u128) bool {
	return !p.known || n.and(lowBits(p.block.width()-p.bits())).isZero()
}

// allocate returns the lowest free block (ip_provider/ip_repo.rb,
// find_next_available_ip); ok is false where there is none.
func (p *pool) allocate(taken *spans) (a ipaddr, ok bool) {
	size := lowBits(p.block.width() - p.bits())
	for n := p.next; ; {
		last := n.plus(size)
		if last.less(n) || p.block.last().less(last) || n.less(p.block.base) {
			p.next = p.block.last()
			return ipaddr{}, false
		}
		end, hit := p.obstacle(span{n, last}, taken)
		if !hit {
			p.next = n
			return ipaddr{v6: p.block.v6, base: n, bits: p.bits()}, true
		}
		after := end.inc()
		aligned := after.plus(size).and(size.xor(lowBits(128)))
		if aligned.less(after) || aligned.less(n) || end == lowBits(128) {
			p.next = p.block.last()
			return ipaddr{}, false
		}
		n = aligned
	}
}

// obstacle returns the last address of what keeps a block from being free.
func (p *pool) obstacle(block span, taken *spans) (end u128, hit bool) {
	if i := p.restricted.find(block.first); i < len(p.restricted) && !block.last.less(p.restricted[i].first) {
		end, hit = p.restricted[i].last, true
	}
	if i := p.static.find(block.first); i < len(p.static) && !block.first.less(p.static[i].first) {
		if !hit || end.less(p.static[i].last) {
			end = p.static[i].last
		}
		hit = true
	}
	if i := taken.find(block.first); i < len(*taken) && !block.last.less((*taken)[i].first) {
		if !hit || end.less((*taken)[i].last) {
			end = (*taken)[i].last
		}
		hit = true
	}
	return end, hit
}

// rewind lets the next search begin at the bottom again.
func (p *pool) rewind() { p.next = p.block.base }
