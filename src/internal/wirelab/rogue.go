//go:build linux

package wirelab

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// RogueKind says how much of itself a second owner shows.
type RogueKind string

// The kinds of rogues, from the one that every tool finds to the one that no
// station but the peer hears.
const (
	Normal   RogueKind = "normal"   // a whole host: answers everything
	Quiet    RogueKind = "quiet"    // drops ping and TCP, answers ARP
	Silent   RogueKind = "silent"   // answers nothing, asks for its peer by broadcast before it speaks
	Cached   RogueKind = "cached"   // answers nothing and still knows its peer's station
	QCached  RogueKind = "qcached"  // answers ARP and still knows its peer's station
	Flapping RogueKind = "flapping" // its link goes down and up, and it announces itself
)

// RogueKinds are all of them.
var RogueKinds = []RogueKind{Normal, Quiet, Silent, Cached, QCached, Flapping}

// Rogue is a host that has somebody else's address.
type Rogue struct {
	*Host
	Kind    RogueKind
	Address netip.Prefix
}

// Rogue adds a second owner of the address to the segment.
func (l *Lab) Rogue(kind RogueKind, mac frame.MAC, address netip.Prefix) (*Rogue, error) {
	h, err := l.Isolated(string(kind))
	if err != nil {
		return nil, err
	}
	r := &Rogue{Host: h, Kind: kind, Address: address}
	// A packet filter drops what a host hides; ARP is below it.
	if kind != Normal && kind != Flapping {
		for _, rule := range []string{
			"add table inet hide",
			"add chain inet hide input { type filter hook input priority 0; policy drop; }",
			"add rule inet hide input icmpv6 type { nd-neighbor-solicit, nd-neighbor-advert } accept",
		} {
			if err := h.Run("nft", rule); err != nil {
				return nil, err
			}
		}
	}
	if err := l.Connect(h, mac, address); err != nil {
		return nil, err
	}
	// 1 s in place of 5 s before the kernel asks again for a station that it has
	// known: the incident in a fifth of its time.
	for _, family := range []string{"ipv4", "ipv6"} {
		if err := h.Sysctl(family+"/neigh/eth0/delay_first_probe_time", "1"); err != nil {
			return nil, err
		}
	}
	if kind == Silent || kind == Cached {
		if err := h.Sysctl("ipv4/conf/eth0/arp_ignore", "8"); err != nil {
			return nil, err
		}
	}
	if kind == Flapping {
		return r, h.Sysctl("ipv4/conf/eth0/arp_notify", "1")
	}
	return r, nil
}

// remember makes the rogue's kernel know the peer's station by heart, as a host
// does that spoke with it before, or not at all.
func (r *Rogue) remember(peer netip.Addr, station frame.MAC) error {
	return r.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		entry := &netlink.Neigh{LinkIndex: link.Attrs().Index, IP: peer.AsSlice(), HardwareAddr: station[:], State: netlink.NUD_STALE}
		if r.Kind == Cached || r.Kind == QCached {
			return netlink.NeighSet(entry)
		}
		if err := netlink.NeighDel(entry); err != nil {
			return nil // it knew nothing
		}
		return nil
	})
}

// Speak does what the rogue's cron job does every 15 minutes: it sends one
// packet to the time server, here the peer.
func (r *Rogue) Speak(peer netip.Addr, station frame.MAC) error {
	if r.Kind == Flapping {
		if err := r.SetLink(false); err != nil {
			return err
		}
		if err := r.SetLink(true); err != nil {
			return err
		}
	} else if err := r.remember(peer, station); err != nil {
		return fmt.Errorf("%s: neighbour entry: %w", r.Kind, err)
	}
	return r.Do(func() error {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer, 123)))
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write(make([]byte, 48))
		return err
	})
}
