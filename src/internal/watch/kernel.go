package watch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// kernel is all that the daemon asks the kernel for, and its clock: the seam at
// which a test puts hosts, a wire and an hour of its own.
type kernel struct {
	now      func() time.Time
	readHost func() (link.Host, error)
	// holds is link.Holds.
	holds func(index int, station frame.MAC, a netip.Addr) (held, usable bool, err error)
	// open listens to protocols on an interface; nothing passes yet.
	open func(at link.Interface, protocols ...link.Protocol) (wire, error)
	// station is link.Station.
	station func(index int, a netip.Addr) (frame.MAC, error)
	// echoes sends and hears echoes for all addresses of a family.
	echoes func(four bool, heard func(own, peer netip.Addr, sequence uint16)) (echoes, error)
	// connect asks a peer by TCP, and calls answered if it answers.
	connect func(ctx context.Context, own netip.Addr, peer Peer, timeout time.Duration, answered func())
	// random returns a duration in [0, d).
	random func(d time.Duration) time.Duration
}

// wire is the sockets of one interface.
type wire interface {
	Send(b []byte) error
	Receive(handle func(link.Received), failed func(error))
	// SetFilters tells the kernel which frames of each protocol are worth waking us
	// for.
	SetFilters(map[link.Protocol]link.Filter) error
	// Drops returns how many frames the kernel threw away since the last call.
	Drops() (uint32, error)
	Close() error
}

// sockets are the kernel's.
type sockets struct {
	*link.Port
	of map[link.Protocol]*link.Socket
}

func openSockets(at link.Interface, protocols ...link.Protocol) (wire, error) {
	s := sockets{of: map[link.Protocol]*link.Socket{}}
	conns := map[link.Protocol]net.PacketConn{}
	nothing := emptyFilters()
	for _, protocol := range protocols {
		var groups []frame.MAC
		if protocol == link.IPv6 {
			groups = []frame.MAC{allNodes}
		}
		socket, err := link.Listen(at, protocol, nothing[protocol], groups...)
		if err != nil {
			return nil, errors.Join(err, link.NewPort(conns).Close())
		}
		s.of[protocol], conns[protocol] = socket, socket
	}
	s.Port = link.NewPort(conns)
	return s, nil
}

func emptyFilters() map[link.Protocol]link.Filter {
	return map[link.Protocol]link.Filter{
		link.ARP: link.AboutARP(nil, nil), link.IPv4: link.ForeignIPv4(nil), link.IPv6: link.AboutNeighbors(nil, nil),
	}
}

// SetFilters implements wire.
func (s sockets) SetFilters(filters map[link.Protocol]link.Filter) error {
	var errs []error
	for protocol, filter := range filters {
		errs = append(errs, s.of[protocol].SetFilter(filter))
	}
	return errors.Join(errs...)
}

// Drops implements wire.
func (s sockets) Drops() (total uint32, err error) {
	var errs []error
	for _, socket := range s.of {
		n, err := socket.Drops()
		total += n
		errs = append(errs, err)
	}
	return total, errors.Join(errs...)
}
