package scan

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// echoes is how often all nodes are asked for an echo.
const echoes = 3

// listen6 asks all IPv6 hosts of the segment for an echo, from each address that
// this host has in the prefix, and notes who answers or speaks of itself.
func listen6(ctx context.Context, o Options, at link.Interface, found *sightings) (complete bool, err error) {
	groups := []frame.MAC{frame.MulticastMAC(netip.IPv6LinkLocalAllNodes())}
	socket, err := link.Listen(at, link.IPv6, link.Neighbors(), groups...)
	if err != nil {
		return false, err
	}
	port := link.NewPort(map[link.Protocol]net.PacketConn{link.IPv6: socket})
	defer port.Close()
	received := make(chan link.Received, 64)
	done := make(chan struct{})
	defer close(done)
	port.Receive(func(r link.Received) {
		select {
		case received <- r:
		case <-done:
		}
	}, func(error) {})
	tick := time.NewTicker(o.Listen / echoes)
	defer tick.Stop()
	begin, id := time.Now(), rand.IntN(1<<16)
	for asked := 0; ; asked++ {
		if err := askAll(port, at, o.Prefix, id, asked); err != nil {
			return false, err
		}
		if !listen(ctx, received, tick.C, o, found, begin) {
			return false, nil
		}
		o.Progress(asked+1, echoes, len(found.at))
		if asked+1 == echoes {
			return true, nil
		}
	}
}

func askAll(port *link.Port, at link.Interface, within netip.Prefix, id, sequence int) error {
	for _, own := range at.Addresses {
		if !within.Contains(own.Prefix.Addr()) || own.Prefix.Addr().Is4() {
			continue
		}
		b, err := frame.AllNodesEcho(at.MAC, own.Prefix.Addr(), id, sequence)
		if err != nil {
			return err
		}
		if err := port.Send(b); err != nil {
			return err
		}
	}
	return nil
}

func listen(ctx context.Context, received <-chan link.Received, tick <-chan time.Time, o Options, found *sightings, begin time.Time) bool {
	for {
		select {
		case r := <-received:
			if r.Err != nil || r.Frame.VLAN != 0 || r.Frame.Kind == frame.IPv6 {
				continue
			}
			if a, ok := r.Frame.Claims(); ok && o.Prefix.Contains(a) {
				found.note(a, r.Frame.SenderMAC, r.At.Sub(begin), r.At)
			}
		case <-tick:
			return true
		case <-ctx.Done():
			return false
		}
	}
}
