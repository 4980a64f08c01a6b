// Package link is the only one that touches the wire: it lists this host's
// interfaces, and sends and receives whole Ethernet frames on them.
//
// Sockets are packet sockets (AF_PACKET, by mdlayher/packet) that want nothing
// but CAP_NET_RAW; interfaces, routes and neighbours come from rtnetlink (by
// vishvananda/netlink), which wants nothing at all. Each socket has a filter
// that the kernel runs (filter.go), so that a frame which is not about us costs
// this process nothing. Elsewhere than on Linux every function says
// ErrUnsupported.
//
// Everything above takes a Port over any net.PacketConn, so that tests need
// neither rights nor a network.
package link

import (
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"slices"
	"sync/atomic"
	"time"

	"github.com/mdlayher/packet"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// ErrUnsupported says that this build cannot reach the wire.
var ErrUnsupported = errors.New("address conflicts can be seen on the wire on Linux only")

// ErrNotPermitted says that the process may not open a packet socket.
var ErrNotPermitted = errors.New("opening a packet socket needs the capability CAP_NET_RAW")

// Address is one address of an interface.
type Address struct {
	// Prefix is the address with the length of its subnet.
	Prefix netip.Prefix
	// DADFailed says that the kernel itself saw another owner (RFC 4862, 5.4.5)
	// and does not use the address.
	DADFailed bool
}

// Interface is one network interface of this host.
type Interface struct {
	Index int
	Name  string
	MAC   frame.MAC
	// Up is the administrator's wish, Carrier says whether there is a link.
	Up, Carrier bool
	// Wire says that addresses are resolved here at all: Ethernet, and neither
	// loopback nor point-to-point.
	Wire      bool
	Addresses []Address
	Nature    Nature
	// Inside says why the interface does not lead out of this machine, such as "a
	// bridge without ports". It is empty if it does, or if that cannot be told.
	Inside string
	// Gateways are the routers that routes of this interface name; Neighbours
	// are other addresses that the kernel knows a station for.
	Gateways, Neighbours []netip.Addr
}

// Host is a snapshot of this host's interfaces.
type Host struct {
	Interfaces []Interface
	// MACs are all link-layer addresses of this host: of every link, the
	// permanent ones, and those of enslaved links.
	MACs map[frame.MAC]bool
}

// Find returns the interface of that name.
func (h Host) Find(name string) (Interface, bool) {
	i := slices.IndexFunc(h.Interfaces, func(i Interface) bool { return i.Name == name })
	if i < 0 {
		return Interface{}, false
	}
	return h.Interfaces[i], true
}

// Reaching returns the interface in whose subnet the address lies; the longest
// prefix wins, then the interface that has a carrier.
func (h Host) Reaching(address netip.Addr) (Interface, bool) {
	best, length := -1, -1
	for n, i := range h.Interfaces {
		for _, a := range i.Addresses {
			bits := a.Prefix.Bits()
			better := bits > length || bits == length && i.Carrier && !h.Interfaces[best].Carrier
			if i.Wire && a.Prefix.Contains(address) && better {
				best, length = n, bits
			}
		}
	}
	if best < 0 {
		return Interface{}, false
	}
	return h.Interfaces[best], true
}

// GatewaysWithin are the gateways of all interfaces that lie in a subnet of this
// one, its own first: one of two cards in a segment may have all the routes.
func (h Host) GatewaysWithin(i Interface) []netip.Addr {
	gateways := slices.Clone(i.Gateways)
	for _, other := range h.Interfaces {
		for _, g := range other.Gateways {
			if i.Within(g) && !slices.Contains(gateways, g) {
				gateways = append(gateways, g)
			}
		}
	}
	return gateways
}

// Within reports whether an address of another lies in a subnet of the interface.
// That of link-local addresses is on every interface, and says nothing.
func (i Interface) Within(a netip.Addr) bool {
	return !a.IsLinkLocalUnicast() && slices.ContainsFunc(i.Addresses, func(own Address) bool {
		return own.Prefix.Contains(a) && own.Prefix.Addr() != a
	})
}

func byIndex(interfaces []Interface, index int) *Interface {
	n, found := slices.BinarySearchFunc(interfaces, index, func(i Interface, want int) int { return cmp.Compare(i.Index, want) })
	if !found {
		return nil
	}
	return &interfaces[n]
}

// Protocol is an Ethernet type to receive.
type Protocol uint16

// The protocols that tell about addresses.
const (
	ARP  Protocol = 0x0806
	IPv4 Protocol = 0x0800
	IPv6 Protocol = 0x86dd
)

// Received is one frame, or the error of reading it.
type Received struct {
	Frame frame.Frame
	Err   error // of package frame
	At    time.Time
}

// Port sends and receives frames of several protocols on one interface.
type Port struct {
	sockets map[Protocol]net.PacketConn
	closed  atomic.Bool
}

// NewPort returns a port over sockets that carry whole Ethernet frames; it owns
// them from now on.
func NewPort(sockets map[Protocol]net.PacketConn) *Port { return &Port{sockets: sockets} }

// Send sends one Ethernet frame by the socket of its type.
func (p *Port) Send(b []byte) error {
	if len(b) < 14 {
		return fmt.Errorf("a frame of %d bytes", len(b))
	}
	socket, ok := p.sockets[Protocol(binary.BigEndian.Uint16(b[12:14]))]
	if !ok {
		return fmt.Errorf("no socket for frames of type %#04x", b[12:14])
	}
	_, err := socket.WriteTo(b, &packet.Addr{HardwareAddr: net.HardwareAddr(b[:6])})
	return err
}

// maxFailures is how many reads in a row may fail before a socket is given up.
const maxFailures = 16

// Receive hands every frame to the function, one goroutine per socket, until
// the port is closed. It returns at once. When a socket fails for another
// reason than being closed, failed is called; that its interface went down is
// such a reason, and the socket works again when it comes up.
func (p *Port) Receive(handle func(Received), failed func(error)) {
	for _, socket := range p.sockets {
		go func() {
			buffer := make([]byte, 1514)
			for failures := 0; failures < maxFailures; {
				n, _, err := socket.ReadFrom(buffer)
				switch {
				case err != nil && p.closed.Load():
					return
				case err != nil:
					failures++
					failed(err)
					continue
				}
				failures = 0
				f, err := frame.Parse(buffer[:n])
				handle(Received{Frame: f, Err: err, At: time.Now()})
			}
		}()
	}
}

// Socket returns the socket of a protocol, nil if there is none.
func (p *Port) Socket(protocol Protocol) net.PacketConn { return p.sockets[protocol] }

// Close closes all sockets. The kernel takes 4 to 16 ms for each; whoever is in
// a hurry calls Abandon.
func (p *Port) Close() error {
	p.closed.Store(true)
	var errs []error
	for _, socket := range p.sockets {
		errs = append(errs, socket.Close())
	}
	return errors.Join(errs...)
}

// Abandon closes all sockets and does not wait for it, where the kernel lets it.
func (p *Port) Abandon() error {
	var sockets []*Socket
	for _, socket := range p.sockets {
		s, ok := socket.(*Socket)
		if !ok {
			return p.Close() // a test's
		}
		sockets = append(sockets, s)
	}
	p.closed.Store(true)
	return abandon(sockets)
}

// Follower is told what changes on this host. Its functions are called one at a
// time by each of two goroutines, and may wait.
type Follower struct {
	// Removed is called at once when an interface has lost an address.
	Removed func(index int, address netip.Addr)
	// Changed is called after interfaces, addresses or routes have changed, once
	// for each burst of changes.
	Changed func()
	// Lost is called when the kernel could not tell everything, and when it tells
	// again: what was known has to be read anew.
	Lost func(why error)
	// Deaf is called while the kernel tells nothing, and with nil when it does again.
	Deaf func(why error)
}

// NeighborEvent says that the kernel now sends what is for an address to a
// station.
type NeighborEvent struct {
	Index   int // of the interface
	Address netip.Addr
	MAC     frame.MAC
}
