// Package frame turns Ethernet bytes into the few facts that address conflict
// detection asks for, and back.
//
// Parse reads ARP (RFC 826), IPv6 neighbour discovery (RFC 4861) and the source
// of any other IP packet. It knows no sockets and keeps no state: the codecs
// are mdlayher's ethernet, arp and ndp, and what this package adds is the
// validity that the RFCs demand before a message may be believed (hop limit,
// checksum, lengths, group addresses). A frame that breaks it is Malformed and
// carries no facts, so that nothing later can judge by it.
//
// The builders (build.go) make the frames that a probe, an announcement and a
// return-path check send.
package frame

import (
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/ethernet"
)

// MAC is an EUI-48 link-layer address. The zero value means "none".
type MAC [6]byte

// BroadcastMAC reaches every station of a segment.
var BroadcastMAC = MAC{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}

// ParseMAC reads an EUI-48 address in any of the notations of net.ParseMAC.
func ParseMAC(s string) (MAC, error) {
	hw, err := net.ParseMAC(s)
	if err != nil || len(hw) != len(MAC{}) {
		return MAC{}, fmt.Errorf("%q is no Ethernet address (EUI-48)", s)
	}
	return MAC(hw), nil
}

// MACFrom returns the address held by hw; it is zero unless hw has six bytes.
func MACFrom(hw net.HardwareAddr) MAC {
	if len(hw) != len(MAC{}) {
		return MAC{}
	}
	return MAC(hw)
}

// String is the address in lower case with colons.
func (m MAC) String() string { return net.HardwareAddr(m[:]).String() }

// IsZero reports whether m is no address.
func (m MAC) IsZero() bool { return m == MAC{} }

// IsGroup reports whether m names a group of stations (broadcast, multicast).
func (m MAC) IsGroup() bool { return m[0]&1 != 0 }

// IsLocal reports whether m was given by an administrator or a hypervisor, not
// by a manufacturer.
func (m MAC) IsLocal() bool { return m[0]&2 != 0 }

// MarshalText writes the address as String does.
func (m MAC) MarshalText() ([]byte, error) { return []byte(m.String()), nil }

// UnmarshalText reads what ParseMAC reads.
func (m *MAC) UnmarshalText(text []byte) (err error) {
	*m, err = ParseMAC(string(text))
	return err
}

// Kind says what a frame carries.
type Kind uint8

// The kinds of frames.
const (
	ARPRequest Kind = iota + 1
	ARPReply
	NeighborSolicitation
	NeighborAdvertisement
	EchoReply6 // ICMPv6 echo reply
	IPv4       // any IPv4 packet: only Sender and Target are known
	IPv6       // any other IPv6 packet: only Sender and Target are known
)

var kindNames = [...]string{
	ARPRequest: "arp-request", ARPReply: "arp-reply",
	NeighborSolicitation: "neighbor-solicitation", NeighborAdvertisement: "neighbor-advertisement",
	EchoReply6: "echo-reply", IPv4: "ipv4", IPv6: "ipv6",
}

// String is the kind's name in logs and JSON.
func (k Kind) String() string {
	if int(k) < len(kindNames) && kindNames[k] != "" {
		return kindNames[k]
	}
	return "unknown"
}

// IsARP reports whether the frame is an ARP request or reply.
func (k Kind) IsARP() bool { return k == ARPRequest || k == ARPReply }

// Frame is what one Ethernet frame says about addresses.
type Frame struct {
	// Source and Destination are those of the Ethernet header.
	Source, Destination MAC
	// VLAN is the 802.1Q tag found in the bytes; 0 if none or a priority tag.
	// Tags that the kernel took off are judged by the socket's filter.
	VLAN uint16
	Kind Kind
	// Sender is the ARP sender protocol address or the IP source address. The
	// unspecified address marks an ARP probe (RFC 5227, 1.1) or a duplicate
	// address detection (RFC 4862, 5.4.2).
	Sender netip.Addr
	// SenderMAC is the ARP sender hardware address or the link-layer option of a
	// neighbour message; where a message has none it is the Ethernet source.
	SenderMAC MAC
	// Target is the ARP target protocol address, the target of a neighbour
	// message, or the IP destination.
	Target netip.Addr
	// Nonce is that of a solicitation (RFC 3971, 5.3.2; RFC 7527), in hex.
	Nonce string
}

// The ways in which bytes can be no frame for us.
var (
	// ErrMalformed says that the bytes break the RFC of their own protocol.
	ErrMalformed = errors.New("malformed frame")
	// ErrUnsupported says that the frame is of a kind that tells nothing about
	// the owner of an address, RARP for example.
	ErrUnsupported = errors.New("frame of another kind")
)

func malformed(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrMalformed}, args...)...)
}

// Parse reads one Ethernet frame. Bytes after the end of the message (padding)
// are ignored. Errors are ErrMalformed or ErrUnsupported; the frame is then
// the zero value.
func Parse(b []byte) (Frame, error) {
	var eth ethernet.Frame
	if err := eth.UnmarshalBinary(b); err != nil {
		return Frame{}, malformed("ethernet: %v", err)
	}
	f := Frame{Source: MACFrom(eth.Source), Destination: MACFrom(eth.Destination)}
	if f.Source.IsGroup() {
		return Frame{}, malformed("ethernet source %s is a group address", f.Source)
	}
	if eth.VLAN != nil {
		f.VLAN = eth.VLAN.ID
	}
	if eth.ServiceVLAN != nil && eth.ServiceVLAN.ID != 0 {
		f.VLAN = eth.ServiceVLAN.ID
	}
	var err error
	switch eth.EtherType {
	case ethernet.EtherTypeARP:
		err = f.parseARP(eth.Payload)
	case ethernet.EtherTypeIPv4:
		err = f.parseIPv4(eth.Payload)
	case ethernet.EtherTypeIPv6:
		err = f.parseIPv6(eth.Payload)
	default:
		err = fmt.Errorf("%w: ethertype %#04x", ErrUnsupported, uint16(eth.EtherType))
	}
	if err != nil {
		return Frame{}, err
	}
	return f, nil
}

// IsProbe reports whether the frame asks for Target without claiming anything:
// an ARP probe (RFC 5227, 1.1) or a solicitation of duplicate address
// detection (RFC 4862, 5.4.2).
func (f Frame) IsProbe() bool {
	switch f.Kind {
	case ARPRequest, NeighborSolicitation:
		return f.Sender.IsUnspecified()
	}
	return false
}

// Claims returns the address that the sender of the frame says it has, and
// whether there is one.
func (f Frame) Claims() (netip.Addr, bool) {
	claimed := f.Sender
	if f.Kind == NeighborAdvertisement {
		claimed = f.Target
	}
	return claimed, claimed.IsValid() && !claimed.IsUnspecified()
}
