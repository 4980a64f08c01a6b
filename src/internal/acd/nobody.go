package acd

import (
	"encoding/binary"
	"net/netip"
)

// minHostBits is how many host bits make a random IPv6 address nobody's.
const minHostBits = 32

// Nobodys returns an address of the subnet that nobody can have: of IPv4 the
// network address, of IPv6 a random one. A subnet without such an address gets
// one that is nobody's anywhere (RFC 5737, TEST-NET-1; RFC 3849). Whoever answers
// for it answers for everything.
func Nobodys(subnet netip.Prefix, random uint64) netip.Addr {
	if subnet.Addr().Is4() {
		if subnet.Bits() <= 30 {
			return subnet.Masked().Addr()
		}
		return netip.AddrFrom4([4]byte{192, 0, 2, byte(1 + random%254)})
	}
	base := subnet.Masked().Addr()
	bits := 128 - subnet.Bits()
	if bits < minHostBits {
		base, bits = netip.MustParseAddr("2001:db8::"), 64
	}
	b := base.As16()
	host := random
	if bits < 64 {
		host &= 1<<bits - 1
	}
	low := binary.BigEndian.Uint64(b[8:])
	binary.BigEndian.PutUint64(b[8:], low|host)
	return netip.AddrFrom16(b)
}
