package frame

import (
	"encoding/binary"
	"fmt"
	"net"
	"net/netip"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
	"github.com/mdlayher/ndp"
	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv6"
)

// Probe asks who has the target without claiming any address: an ARP probe
// (RFC 5227, 1.1) or a solicitation from :: with a nonce (RFC 4862, 5.4.2;
// RFC 7527). No cache of the segment changes by it. A zero destination sends
// it to everybody, any other only to that station. nonce applies to IPv6; nil
// leaves the option out.
func Probe(source MAC, target netip.Addr, destination MAC, nonce *ndp.Nonce) ([]byte, error) {
	if target.Is4() {
		return arpFrame(arp.OperationRequest, source, netip.IPv4Unspecified(), destination, target)
	}
	var options []ndp.Option
	if nonce != nil {
		options = append(options, nonce)
	}
	group, err := ndp.SolicitedNodeMulticast(target)
	if err != nil {
		return nil, fmt.Errorf("probe for %s: %w", target, err)
	}
	message := &ndp.NeighborSolicitation{TargetAddress: target, Options: options}
	return neighborFrame(source, netip.IPv6Unspecified(), destination, group, message)
}

// Request asks who has the target as the host that has the sender's address.
// Whoever answers may refresh its cache by it (RFC 826), which heals an entry
// that somebody else has taken over.
func Request(source MAC, sender, target netip.Addr, destination MAC) ([]byte, error) {
	if target.Is4() {
		return arpFrame(arp.OperationRequest, source, sender, destination, target)
	}
	group, err := ndp.SolicitedNodeMulticast(target)
	if err != nil {
		return nil, fmt.Errorf("request for %s: %w", target, err)
	}
	message := &ndp.NeighborSolicitation{TargetAddress: target, Options: []ndp.Option{
		&ndp.LinkLayerAddress{Direction: ndp.Source, Addr: source[:]},
	}}
	return neighborFrame(source, sender, destination, group, message)
}

// Announcement tells the whole segment that source has the address: an ARP
// announcement (RFC 5227, 2.3) or an unsolicited advertisement with the
// override flag (RFC 4861, 7.2.6).
func Announcement(source MAC, address netip.Addr) ([]byte, error) {
	if address.Is4() {
		return arpFrame(arp.OperationRequest, source, address, MAC{}, address)
	}
	message := &ndp.NeighborAdvertisement{Override: true, TargetAddress: address, Options: []ndp.Option{
		&ndp.LinkLayerAddress{Direction: ndp.Target, Addr: source[:]},
	}}
	return neighborFrame(source, address, MAC{}, netip.IPv6LinkLocalAllNodes(), message)
}

// AllNodesEcho asks every IPv6 host of the segment for an echo (RFC 4443, 4.1).
func AllNodesEcho(source MAC, sender netip.Addr, id, sequence int) ([]byte, error) {
	src, dst := sender.As16(), netip.IPv6LinkLocalAllNodes().As16()
	request := icmp.Message{Type: ipv6.ICMPTypeEchoRequest, Body: &icmp.Echo{ID: id, Seq: sequence, Data: []byte("ipguard scan")}}
	message, err := request.Marshal(icmp.IPv6PseudoHeader(net.IP(src[:]), net.IP(dst[:])))
	if err != nil {
		return nil, fmt.Errorf("echo request: %w", err)
	}
	return ipv6Frame(source, sender, MAC{}, netip.IPv6LinkLocalAllNodes(), message)
}

func arpFrame(op arp.Operation, source MAC, sender netip.Addr, destination MAC, target netip.Addr) ([]byte, error) {
	packet, err := arp.NewPacket(op, source[:], sender, make(net.HardwareAddr, len(MAC{})), target)
	if err != nil {
		return nil, fmt.Errorf("arp for %s: %w", target, err)
	}
	payload, err := packet.MarshalBinary()
	if err != nil {
		return nil, fmt.Errorf("arp for %s: %w", target, err)
	}
	if destination.IsZero() {
		destination = BroadcastMAC
	}
	return ethernetFrame(source, destination, ethernet.EtherTypeARP, payload)
}

func neighborFrame(source MAC, sender netip.Addr, destination MAC, group netip.Addr, m ndp.Message) ([]byte, error) {
	message, err := ndp.MarshalMessageChecksum(m, sender, group)
	if err != nil {
		return nil, fmt.Errorf("neighbour message: %w", err)
	}
	return ipv6Frame(source, sender, destination, group, message)
}

// ipv6Frame puts an ICMPv6 message into a packet to the group. A destination
// that is not zero replaces the group's own Ethernet address (RFC 2464, 7).
func ipv6Frame(source MAC, sender netip.Addr, destination MAC, group netip.Addr, message []byte) ([]byte, error) {
	header := make([]byte, ipv6.HeaderLen, ipv6.HeaderLen+len(message))
	header[0] = ipv6.Version << 4
	binary.BigEndian.PutUint16(header[4:6], uint16(len(message)))
	header[6], header[7] = protocolICMPv6, ndp.HopLimit
	src, dst := sender.As16(), group.As16()
	copy(header[8:24], src[:])
	copy(header[24:40], dst[:])
	if destination.IsZero() {
		destination = MulticastMAC(group)
	}
	return ethernetFrame(source, destination, ethernet.EtherTypeIPv6, append(header, message...))
}

// MulticastMAC is the Ethernet group address of an IPv6 group (RFC 2464, 7).
func MulticastMAC(group netip.Addr) MAC {
	b := group.As16()
	return MAC{0x33, 0x33, b[12], b[13], b[14], b[15]}
}

func ethernetFrame(source, destination MAC, kind ethernet.EtherType, payload []byte) ([]byte, error) {
	f := ethernet.Frame{Destination: destination[:], Source: source[:], EtherType: kind, Payload: payload}
	return f.MarshalBinary()
}
