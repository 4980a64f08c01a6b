package ipaddr

import (
	"cmp"
	"encoding/binary"
	"math/bits"
	"net/netip"
	"strconv"
)

// Number is an address as a number. The director compares addresses as numbers,
// across families; netip.Addr does not.
type Number struct{ Hi, Lo uint64 }

const max32 = 1<<32 - 1

// Low is a number of 64 bits.
func Low(n uint64) Number { return Number{Lo: n} }

// IsV4 reports whether an IPv4 address has the number.
func (a Number) IsV4() bool { return a.Hi == 0 && a.Lo <= max32 }

// Less reports whether a comes before b.
func (a Number) Less(b Number) bool { return a.Hi < b.Hi || a.Hi == b.Hi && a.Lo < b.Lo }

func (a Number) compare(b Number) int {
	return cmp.Or(cmp.Compare(a.Hi, b.Hi), cmp.Compare(a.Lo, b.Lo))
}

// And has the bits that both have.
func (a Number) And(b Number) Number { return Number{a.Hi & b.Hi, a.Lo & b.Lo} }

func (a Number) or(b Number) Number { return Number{a.Hi | b.Hi, a.Lo | b.Lo} }

// Xor has the bits that one of the two has.
func (a Number) Xor(b Number) Number { return Number{a.Hi ^ b.Hi, a.Lo ^ b.Lo} }

// IsZero reports whether the number is 0.
func (a Number) IsZero() bool { return a.Hi|a.Lo == 0 }

// Dec is the number before; like Inc, Plus and Minus it wraps around at 128 bits.
func (a Number) Dec() Number { return a.Minus(Low(1)) }

// Inc is the number after.
func (a Number) Inc() Number { return a.Plus(Low(1)) }

func (a Number) trailingZeros() int {
	if a.Lo != 0 {
		return bits.TrailingZeros64(a.Lo)
	}
	return 64 + bits.TrailingZeros64(a.Hi)
}

// Plus adds.
func (a Number) Plus(b Number) Number {
	lo, carry := bits.Add64(a.Lo, b.Lo, 0)
	return Number{a.Hi + b.Hi + carry, lo}
}

// Minus subtracts.
func (a Number) Minus(b Number) Number {
	lo, borrow := bits.Sub64(a.Lo, b.Lo, 0)
	return Number{a.Hi - b.Hi - borrow, lo}
}

// Shift divides by 2 to the nth, n from 0 to 127.
func (a Number) Shift(n int) Number {
	switch {
	case n <= 0:
		return a
	case n >= 64:
		return Low(a.Hi >> (n - 64))
	}
	return Number{a.Hi >> n, a.Lo>>n | a.Hi<<(64-n)}
}

// LowBits has the lowest n bits set, 0 to 128.
func LowBits(n int) Number {
	switch {
	case n <= 0:
		return Number{}
	case n < 64:
		return Low(1<<n - 1)
	case n < 128:
		return Number{1<<(n-64) - 1, ^uint64(0)}
	}
	return Number{^uint64(0), ^uint64(0)}
}

// NumberOf is the number of an address of either family.
func NumberOf(a netip.Addr) Number {
	if a.Is4() {
		b := a.As4()
		return Low(uint64(binary.BigEndian.Uint32(b[:])))
	}
	b := a.As16()
	return Number{binary.BigEndian.Uint64(b[:8]), binary.BigEndian.Uint64(b[8:])}
}

// AddrOf is the address of a family that has the number a.
func AddrOf(a Number, v6 bool) netip.Addr {
	if !v6 {
		var b [4]byte
		binary.BigEndian.PutUint32(b[:], uint32(a.Lo))
		return netip.AddrFrom4(b)
	}
	var b [16]byte
	binary.BigEndian.PutUint64(b[:8], a.Hi)
	binary.BigEndian.PutUint64(b[8:], a.Lo)
	return netip.AddrFrom16(b)
}

// String is the number in decimal, or "more than" the largest that fits.
func (a Number) String() string {
	if a.Hi != 0 {
		return "more than " + strconv.FormatUint(^uint64(0), 10)
	}
	return strconv.FormatUint(a.Lo, 10)
}
