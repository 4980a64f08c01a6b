//go:build !linux

package link

import (
	"context"
	"net"
	"net/netip"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// ReadHost says ErrUnsupported.
func ReadHost() (Host, error) { return Host{}, ErrUnsupported }

// Listen says ErrUnsupported.
func Listen(Interface, Protocol, Filter, ...frame.MAC) (*Socket, error) { return nil, ErrUnsupported }

// Holds says ErrUnsupported.
func Holds(int, frame.MAC, netip.Addr) (held, usable bool, err error) {
	return false, false, ErrUnsupported
}

// Station says ErrUnsupported.
func Station(int, netip.Addr) (frame.MAC, error) { return frame.MAC{}, ErrUnsupported }

// Follow says ErrUnsupported.
func Follow(context.Context, Follower) error { return ErrUnsupported }

// NeighborEvents says ErrUnsupported.
func NeighborEvents(context.Context, func(NeighborEvent)) error { return ErrUnsupported }

// Socket cannot be had here.
type Socket struct{ net.PacketConn }

// SetFilter says ErrUnsupported.
func (*Socket) SetFilter(Filter) error { return ErrUnsupported }

// Drops says ErrUnsupported.
func (*Socket) Drops() (uint32, error) { return 0, ErrUnsupported }

// SetReceiveBuffer says ErrUnsupported.
func (*Socket) SetReceiveBuffer(int) error { return ErrUnsupported }

// SendBatch says ErrUnsupported.
func (*Socket) SendBatch([][]byte) (int, error) { return 0, ErrUnsupported }

func abandon([]*Socket) error { return ErrUnsupported }
