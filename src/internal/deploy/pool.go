package deploy

import (
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// pool is one subnet as a director hands out its addresses.
type pool struct {
	s     *bosh.Subnet
	known bool // the range could be read
	block ipaddr.Addr
	// restricted is never handed out, static on request only.
	restricted, static ipaddr.Spans
	// next is a block below which none is free.
	next ipaddr.Number
}

func newPool(s *bosh.Subnet, opts bosh.Options) *pool {
	p := &pool{s: s, known: s.Range.IsValid()}
	if p.known {
		p.block = ipaddr.FromPrefix(s.Range)
		p.next = p.block.Base
	}
	var restricted, static []ipaddr.Span
	for _, b := range s.Static {
		if b.Range.IsValid() && (!p.known || b.Range.From().Is6() == p.block.V6) {
			static = append(static, b.Span())
		}
	}
	p.static = ipaddr.NewSpans(static)
	if !p.known {
		return p
	}
	restricted = append(restricted, ipaddr.Span{First: p.block.Base, Last: p.block.Base}, ipaddr.Span{First: p.block.Last(), Last: p.block.Last()})
	if s.Gateway.IsValid() && s.Gateway.Is6() == p.block.V6 {
		restricted = append(restricted, ipaddr.Span{First: ipaddr.NumberOf(s.Gateway), Last: ipaddr.NumberOf(s.Gateway)})
	}
	for _, b := range s.Reserved {
		if b.Range.IsValid() && b.Range.From().Is6() == p.block.V6 {
			restricted = append(restricted, b.Span())
		}
	}
	for _, a := range opts.DirectorIPs {
		if a.Is6() == p.block.V6 {
			restricted = append(restricted, ipaddr.Span{First: ipaddr.NumberOf(a), Last: ipaddr.NumberOf(a)})
		}
	}
	p.restricted = ipaddr.NewSpans(restricted)
	return p
}

// bits is the length of the block that each VM gets.
func (p *pool) bits() int {
	if p.s.Prefix <= 0 || p.s.Prefix > p.block.Width() {
		return p.block.Width()
	}
	return p.s.Prefix
}

// isStatic reports whether n is in the pool for requests. With a prefix only
// the first addresses of its blocks are.
func (p *pool) isStatic(n ipaddr.Number) bool {
	return p.static.Contains(n) && p.isBase(n)
}

func (p *pool) isBase(n ipaddr.Number) bool {
	return !p.known || n.And(ipaddr.LowBits(p.block.Width()-p.bits())).IsZero()
}

// allocate returns the lowest free block (ip_provider/ip_repo.rb,
// find_next_available_ip); ok is false where there is none.
func (p *pool) allocate(taken *ipaddr.Spans) (a ipaddr.Addr, ok bool) {
	size := ipaddr.LowBits(p.block.Width() - p.bits())
	for n := p.next; ; {
		last := n.Plus(size)
		if last.Less(n) || p.block.Last().Less(last) || n.Less(p.block.Base) {
			p.next = p.block.Last()
			return ipaddr.Addr{}, false
		}
		end, hit := p.obstacle(ipaddr.Span{First: n, Last: last}, taken)
		if !hit {
			p.next = n
			return ipaddr.Addr{V6: p.block.V6, Base: n, Bits: p.bits()}, true
		}
		after := end.Inc()
		aligned := after.Plus(size).And(size.Xor(ipaddr.LowBits(128)))
		if aligned.Less(after) || aligned.Less(n) || end == ipaddr.LowBits(128) {
			p.next = p.block.Last()
			return ipaddr.Addr{}, false
		}
		n = aligned
	}
}

// obstacle returns the last address of what keeps a block from being free.
func (p *pool) obstacle(block ipaddr.Span, taken *ipaddr.Spans) (end ipaddr.Number, hit bool) {
	if i := p.restricted.Find(block.First); i < len(p.restricted) && !block.Last.Less(p.restricted[i].First) {
		end, hit = p.restricted[i].Last, true
	}
	if i := p.static.Find(block.First); i < len(p.static) && !block.First.Less(p.static[i].First) {
		if !hit || end.Less(p.static[i].Last) {
			end = p.static[i].Last
		}
		hit = true
	}
	if i := taken.Find(block.First); i < len(*taken) && !block.Last.Less((*taken)[i].First) {
		if !hit || end.Less((*taken)[i].Last) {
			end = (*taken)[i].Last
		}
		hit = true
	}
	return end, hit
}

// rewind lets the next search begin at the bottom again.
func (p *pool) rewind() { p.next = p.block.Base }
