package frame

import (
	"encoding/binary"
	"net/netip"

	"github.com/mdlayher/ndp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

const (
	protocolICMPv6 = 58
	headerLength4  = 20
	icmpv6EchoSize = 8
)

// parseIPv4 reads source and destination of an IPv4 header (RFC 791, 3.1).
func (f *Frame) parseIPv4(b []byte) error {
	if len(b) < headerLength4 || b[0]>>4 != ipv4.Version || int(b[0]&0x0f)*4 < headerLength4 {
		return malformed("ipv4: no header in %d bytes", len(b))
	}
	f.Kind, f.SenderMAC = IPv4, f.Source
	f.Sender = netip.AddrFrom4([4]byte(b[12:16]))
	f.Target = netip.AddrFrom4([4]byte(b[16:20]))
	return nil
}

// parseIPv6 reads the header (RFC 8200, 3) and, where neighbour discovery
// follows it directly, that message. Extension headers and fragments make it a
// plain packet: RFC 6980 forbids fragmented neighbour discovery.
func (f *Frame) parseIPv6(b []byte) error {
	if len(b) < ipv6.HeaderLen || b[0]>>4 != ipv6.Version {
		return malformed("ipv6: no header in %d bytes", len(b))
	}
	f.Kind, f.SenderMAC = IPv6, f.Source
	f.Sender = netip.AddrFrom16([16]byte(b[8:24]))
	f.Target = netip.AddrFrom16([16]byte(b[24:40]))
	if f.Sender.IsMulticast() {
		return malformed("ipv6: source %s names a group", f.Sender)
	}
	if b[6] != protocolICMPv6 {
		return nil
	}
	length := int(binary.BigEndian.Uint16(b[4:6]))
	if length < 4 || len(b) < ipv6.HeaderLen+length {
		return malformed("icmpv6: %d bytes announced, %d there", length, len(b)-ipv6.HeaderLen)
	}
	message := b[ipv6.HeaderLen : ipv6.HeaderLen+length]
	switch ipv6.ICMPType(message[0]) {
	case ipv6.ICMPTypeNeighborSolicitation, ipv6.ICMPTypeNeighborAdvertisement:
		return f.parseNeighbor(message, b[7])
	case ipv6.ICMPTypeEchoReply:
		if length < icmpv6EchoSize || !validChecksum(f.Sender, f.Target, message) {
			return malformed("icmpv6: echo reply cut short or with a wrong checksum")
		}
		f.Kind = EchoReply6
	}
	return nil
}

// parseNeighbor reads a neighbour message and checks what RFC 4861, 7.1.1 and
// 7.1.2, ask for before it may be believed.
func (f *Frame) parseNeighbor(message []byte, hopLimit uint8) error {
	destination := f.Target
	if hopLimit != ndp.HopLimit {
		return malformed("neighbour message with hop limit %d: it came from beyond a router", hopLimit)
	}
	if message[1] != 0 {
		return malformed("neighbour message with code %d", message[1])
	}
	if !validChecksum(f.Sender, destination, message) {
		return malformed("neighbour message with a wrong checksum")
	}
	parsed, err := ndp.ParseMessage(message)
	if err != nil {
		return malformed("neighbour message: %v", err)
	}
	switch m := parsed.(type) {
	case *ndp.NeighborSolicitation:
		return f.solicitation(m, destination)
	case *ndp.NeighborAdvertisement:
		return f.advertisement(m, destination)
	}
	return malformed("neighbour message of type %d", message[0])
}

func (f *Frame) solicitation(m *ndp.NeighborSolicitation, destination netip.Addr) error {
	f.Kind, f.Target = NeighborSolicitation, m.TargetAddress
	own, err := ndp.SolicitedNodeMulticast(m.TargetAddress)
	if err != nil || m.TargetAddress.IsMulticast() {
		return malformed("solicitation for %s", m.TargetAddress)
	}
	for _, option := range m.Options {
		switch o := option.(type) {
		case *ndp.LinkLayerAddress:
			if o.Direction == ndp.Source {
				f.SenderMAC = MACFrom(o.Addr)
			}
		case *ndp.Nonce:
			f.Nonce = o.String()
		}
	}
	if f.Sender.IsUnspecified() && destination != own {
		return malformed("solicitation from :: sent to %s", destination)
	}
	return f.checkLinkLayer()
}

func (f *Frame) advertisement(m *ndp.NeighborAdvertisement, destination netip.Addr) error {
	f.Kind, f.Target = NeighborAdvertisement, m.TargetAddress
	if m.TargetAddress.IsMulticast() || m.TargetAddress.IsUnspecified() {
		return malformed("advertisement of %s", m.TargetAddress)
	}
	if f.Sender.IsUnspecified() {
		return malformed("advertisement without a source address")
	}
	if destination.IsMulticast() && m.Solicited {
		return malformed("solicited advertisement sent to a group")
	}
	for _, option := range m.Options {
		if o, ok := option.(*ndp.LinkLayerAddress); ok && o.Direction == ndp.Target {
			f.SenderMAC = MACFrom(o.Addr)
		}
	}
	return f.checkLinkLayer()
}

func (f *Frame) checkLinkLayer() error {
	if f.SenderMAC.IsZero() || f.SenderMAC == BroadcastMAC {
		return malformed("neighbour message from link-layer address %s", f.SenderMAC)
	}
	return nil
}

// validChecksum reports whether the message's ones' complement sum over the
// pseudo-header (RFC 8200, 8.1) and itself is all ones.
func validChecksum(source, destination netip.Addr, message []byte) bool {
	var sum uint32
	add := func(b []byte) {
		for ; len(b) > 1; b = b[2:] {
			sum += uint32(binary.BigEndian.Uint16(b))
		}
		if len(b) == 1 {
			sum += uint32(b[0]) << 8
		}
	}
	src, dst := source.As16(), destination.As16()
	add(src[:])
	add(dst[:])
	add(message)
	sum += uint32(len(message)) + protocolICMPv6
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return sum == 0xffff
}
