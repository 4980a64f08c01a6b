package bosh

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
)

// u128 is an address as a number. The director compares addresses as numbers,
// across families; netip.Addr does not.
type u128 struct{ hi, lo uint64 }

const max32 = 1<<32 - 1

func (a u128) isV4() bool         { return a.hi == 0 && a.lo <= max32 }
func (a u128) less(b u128) bool   { return a.hi < b.hi || a.hi == b.hi && a.lo < b.lo }
func (a u128) compare(b u128) int { return cmp.Or(cmp.Compare(a.hi, b.hi), cmp.Compare(a.lo, b.lo)) }
func (a u128) and(b u128) u128    { return u128{a.hi & b.hi, a.lo & b.lo} }
func (a u128) or(b u128) u128     { return u128{a.hi | b.hi, a.lo | b.lo} }
func (a u128) xor(b u128) u128    { return u128{a.hi ^ b.hi, a.lo ^ b.lo} }
func (a u128) isZero() bool       { return a.hi|a.lo == 0 }
func (a u128) dec() u128          { return a.minus(u128{0, 1}) }
func (a u128) inc() u128          { return a.plus(u128{0, 1}) }
func (a u128) trailingZeros() int {
	if a.lo != 0 {
		return bits.TrailingZeros64(a.lo)
	}
	return 64 + bits.TrailingZeros64(a.hi)
}

func (a u128) plus(b u128) u128 {
	lo, carry := bits.Add64(a.lo, b.lo, 0)
	return u128{a.hi + b.hi + carry, lo}
}

func (a u128) minus(b u128) u128 {
	lo, borrow := bits.Sub64(a.lo, b.lo, 0)
	return u128{a.hi - b.hi - borrow, lo}
}

// shift divides by 2 to the nth, n from 0 to 127.
func (a u128) shift(n int) u128 {
	switch {
	case n <= 0:
		return a
	case n >= 64:
		return u128{0, a.hi >> (n - 64)}
	}
	return u128{a.hi >> n, a.lo>>n | a.hi<<(64-n)}
}

// lowBits has the lowest n bits set, 0 to 128.
func lowBits(n int) u128 {
	switch {
	case n <= 0:
		return u128{}
	case n < 64:
		return u128{0, 1<<n - 1}
	case n < 128:
		return u128{1<<(n-64) - 1, ^uint64(0)}
	}
	return u128{^uint64(0), ^uint64(0)}
}

func numberOf(a netip.Addr) u128 {
	if a.Is4() {
		b := a.As4()
		return u128{0, uint64(binary.BigEndian.Uint32(b[:]))}
	}
	b := a.As16()
	return u128{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// addrOf is the address of a family that has the number a.
func addrOf(a u128, v6 bool) netip.Addr {
	if !v6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(a.lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.hi)
	binary.BigEndian.PutUint64(b[8:], a.lo)
	return netip.AddrFrom16(b)
}

// String is the number in decimal, or "more than" the largest that fits.
func (a u128) String() string {
	if a.hi != 0 {
		return "more than " + strconv.FormatUint(^uint64(0), 10)
	}
	return strconv.FormatUint(a.lo, 10)
}
