package ledger

import (
	"math/big"
	"net/netip"
	"time"

	"go4.org/netipx"
)

// units are the addresses, or the blocks of one size, in sorted ranges.
type units struct {
	ranges []netipx.IPRange
	block  int // length of a block; 0: single addresses
	// skip leaves units out, as if they were in no range; nil: none.
	skip skipping
}

func (u units) bits(a netip.Addr) int {
	if u.block == 0 || u.block > a.BitLen() {
		return a.BitLen()
	}
	return u.block
}

// first is the first unit of r that begins at or behind a.
func (u units) first(r netipx.IPRange, a netip.Addr) (netip.Prefix, bool) {
	p := netip.PrefixFrom(a, u.bits(a)).Masked()
	if p.Addr().Less(a) {
		next := netipx.PrefixLastIP(p).Next()
		if !next.IsValid() {
			return p, false
		}
		p = netip.PrefixFrom(next, p.Bits())
	}
	last := netipx.PrefixLastIP(p)
	return p, !r.To().Less(last) && !p.Addr().Less(r.From())
}

// each visits the units in order until visit returns false.
func (u units) each(visit func(netip.Prefix) bool) {
	for _, r := range u.ranges {
		for a := r.From(); a.IsValid(); {
			p, ok := u.first(r, a)
			if !ok {
				break
			}
			a = netipx.PrefixLastIP(p).Next()
			if u.skip != nil {
				if past, skip := u.skip(p); skip {
					a = past
					continue
				}
			}
			if !visit(p) {
				return
			}
		}
	}
}

// take returns up to n units from the one at position start on, and from the
// beginning when the end is reached.
func (u units) take(n int, start *big.Int) []netip.Prefix {
	if start == nil || start.Sign() == 0 {
		return u.some(n)
	}
	behind := u.from(start)
	list := behind.some(n)
	if len(list) < n {
		for _, p := range u.some(n) { // up to n before them, or the very same
			if len(list) < n && !contains(list, p) {
				list = append(list, p)
			}
		}
	}
	return list
}

func contains(list []netip.Prefix, p netip.Prefix) bool {
	for _, o := range list {
		if o == p {
			return true
		}
	}
	return false
}

func (u units) some(n int) []netip.Prefix {
	var list []netip.Prefix
	if n <= 0 {
		return nil
	}
	u.each(func(p netip.Prefix) bool {
		list = append(list, p)
		return len(list) < n
	})
	return list
}

// run returns the lowest n units that follow each other, or none.
func (u units) run(n int) []netip.Prefix {
	var list []netip.Prefix
	u.each(func(p netip.Prefix) bool {
		if len(list) > 0 && netipx.PrefixLastIP(list[len(list)-1]).Next() != p.Addr() {
			list = list[:0]
		}
		list = append(list, p)
		return len(list) < n
	})
	if len(list) < n {
		return nil
	}
	return list
}

// whole is r cut to whole units; ok is false if it has none.
func (u units) whole(r netipx.IPRange) (first netip.Prefix, count *big.Int, ok bool) {
	first, ok = u.first(r, r.From())
	if !ok {
		return first, nil, false
	}
	size := new(big.Int).Sub(number(r.To()), number(first.Addr()))
	size.Add(size, big.NewInt(1))
	return first, size.Rsh(size, uint(first.Addr().BitLen()-first.Bits())), true
}

// count is how many units there are, those to skip included.
func (u units) count() *big.Int {
	total := new(big.Int)
	for _, r := range u.ranges {
		if _, n, ok := u.whole(r); ok {
			total.Add(total, n)
		}
	}
	return total
}

// from returns the units from a position on.
func (u units) from(position *big.Int) units {
	left := new(big.Int).Set(position)
	for i, r := range u.ranges {
		first, n, ok := u.whole(r)
		if !ok {
			continue
		}
		if left.Cmp(n) >= 0 {
			left.Sub(left, n)
			continue
		}
		offset := left.Lsh(left, uint(first.Addr().BitLen()-first.Bits()))
		at := address(offset.Add(offset, number(first.Addr())), first.Addr())
		rest := append([]netipx.IPRange{netipx.IPRangeFrom(at, r.To())}, u.ranges[i+1:]...)
		return units{ranges: rest, block: u.block, skip: u.skip}
	}
	return units{block: u.block}
}

// number is an address as a number of its family.
func number(a netip.Addr) *big.Int { return new(big.Int).SetBytes(a.AsSlice()) }

// address is the address of that number, of like's family.
func address(n *big.Int, like netip.Addr) netip.Addr {
	bytes := make([]byte, like.BitLen()/8)
	a, _ := netip.AddrFromSlice(n.FillBytes(bytes))
	return a
}

// freeFrom is when others can have the address at the earliest, if nobody renews.
func (b *Booking) freeFrom(p *Pool) time.Time {
	if b.State == Quarantined {
		return b.Until
	}
	return b.Until.Add(p.QuarantineLength())
}
