package frame

import (
	"fmt"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"
)

const hardwareEthernet = 1 // IANA: ARP hardware type "Ethernet (10Mb)"

// parseARP reads an ARP packet for IPv4 over Ethernet (RFC 826).
func (f *Frame) parseARP(b []byte) error {
	var p arp.Packet
	if err := p.UnmarshalBinary(b); err != nil {
		return malformed("arp: %v", err)
	}
	if p.HardwareType != hardwareEthernet || p.ProtocolType != uint16(ethernet.EtherTypeIPv4) {
		return fmt.Errorf("%w: arp for hardware %d, protocol %#04x", ErrUnsupported, p.HardwareType, p.ProtocolType)
	}
	if p.HardwareAddrLength != 6 || p.IPLength != 4 {
		return malformed("arp: address lengths %d and %d, want 6 and 4", p.HardwareAddrLength, p.IPLength)
	}
	switch p.Operation {
	case arp.OperationRequest:
		f.Kind = ARPRequest
	case arp.OperationReply:
		f.Kind = ARPReply
	default:
		return fmt.Errorf("%w: arp operation %d", ErrUnsupported, uint16(p.Operation))
	}
	f.Sender, f.SenderMAC, f.Target = p.SenderIP, MACFrom(p.SenderHardwareAddr), p.TargetIP
	switch {
	case f.SenderMAC.IsZero() || f.SenderMAC == BroadcastMAC:
		return malformed("arp: sender hardware address %s", f.SenderMAC)
	case f.Kind == ARPReply && f.Sender.IsUnspecified():
		return malformed("arp: reply without a sender address")
	case f.Sender.IsMulticast() || f.Sender.As4() == [4]byte{255, 255, 255, 255}:
		return malformed("arp: sender address %s names a group", f.Sender)
	}
	return nil
}
