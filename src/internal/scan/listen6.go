package scan

import (
	"context"
	"math/rand/v2"
	"net"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// echoes is how often all nodes are asked for an echo.
const echoes = 3

// listener6 listens on one IPv6 segment.
type listener6 struct {
	options  Options
	at       link.Interface
	port     *link.Port
	found    *sightings
	received chan link.Received
	begin    time.Time
	nobodys  netip.Addr
}

// listen6 asks all IPv6 hosts of the segment for an echo, from each address that
// this host has in the prefix, and notes who answers or speaks of itself. A host
// may drop echoes, but it has to answer who asks for its address (RFC 4861,
// 7.2.4): so those that the plan promises are probed one by one, and those of this
// host, which may have a twin.
//
// Nobody is asked for the groups that he listens to: a query makes this host a
// rival of the segment's querier, which then may be silent for minutes (RFC 3810,
// 7.6.2), and switches that snoop would forget groups meanwhile.
func listen6(ctx context.Context, o Options, at link.Interface, found *sightings) (complete bool, err error) {
	groups := []frame.MAC{frame.MulticastMAC(netip.IPv6LinkLocalAllNodes())}
	socket, err := link.Listen(at, link.IPv6, link.Neighbors(), groups...)
	if err != nil {
		return false, err
	}
	port := link.NewPort(map[link.Protocol]net.PacketConn{link.IPv6: socket})
	defer port.Close()
	l := &listener6{options: o, at: at, port: port, found: found, received: make(chan link.Received, 64), begin: time.Now(),
		nobodys: acd.Nobodys(o.Prefix, rand.Uint64())}
	done := make(chan struct{})
	defer close(done)
	port.Receive(func(r link.Received) {
		select {
		case l.received <- r:
		case <-done:
		}
	}, func(error) {})
	return l.run(ctx)
}

func (l *listener6) run(ctx context.Context) (complete bool, err error) {
	tick := time.NewTicker(l.options.Listen / echoes)
	defer tick.Stop()
	id := rand.IntN(1 << 16)
	for asked := range echoes {
		if err := l.askAll(id, asked); err != nil {
			return false, err
		}
		if complete, err := l.probe(ctx); !complete || err != nil {
			return false, err
		}
		if !l.listen(ctx, tick.C) {
			return false, nil
		}
		l.options.Progress(asked+1, echoes, len(l.found.at))
	}
	return true, nil
}

func (l *listener6) askAll(id, sequence int) error {
	for _, own := range l.at.Addresses {
		if !l.options.Prefix.Contains(own.Prefix.Addr()) || own.Prefix.Addr().Is4() {
			continue
		}
		b, err := frame.AllNodesEcho(l.at.MAC, own.Prefix.Addr(), id, sequence)
		if err != nil {
			return err
		}
		if err := l.port.Send(b); err != nil {
			return err
		}
	}
	return nil
}

// probe asks for each promised or own address that nobody was heard at yet, not
// faster than the rate, and for one that nobody can have.
func (l *listener6) probe(ctx context.Context) (complete bool, err error) {
	targets := []netip.Addr{l.nobodys}
	for _, own := range l.at.Addresses {
		if a := own.Prefix.Addr(); l.options.Prefix.Contains(a) {
			targets = append(targets, a)
		}
	}
	targets = append(targets, l.options.Inventory.Promised(l.options.Prefix)...)
	rate := MaxRate
	if r := l.options.Rate; r != Unlimited {
		rate = min(r, MaxRate)
	}
	pace := time.NewTicker(time.Second / time.Duration(rate))
	defer pace.Stop()
	for _, a := range targets {
		if len(l.found.at[a]) > 0 {
			continue
		}
		b, err := frame.Probe(l.at.MAC, a, frame.MAC{}, nil)
		if err != nil {
			return false, err
		}
		if err := l.port.Send(b); err != nil {
			return false, err
		}
		if !l.listen(ctx, pace.C) {
			return false, nil
		}
	}
	return true, nil
}

// listen notes what is heard until the next tick; false if the scan was ended.
func (l *listener6) listen(ctx context.Context, tick <-chan time.Time) bool {
	for {
		select {
		case r := <-l.received:
			l.note(r)
		case <-tick:
			return true
		case <-ctx.Done():
			return false
		}
	}
}

func (l *listener6) note(r link.Received) {
	if r.Err != nil || r.Frame.VLAN != 0 || r.Frame.Kind == frame.IPv6 {
		return
	}
	a, ok := r.Frame.Claims()
	if ok && a == l.nobodys {
		l.found.proxies[r.Frame.SenderMAC] = true
	}
	if ok && a != l.nobodys && l.options.Prefix.Contains(a) {
		l.found.note(a, r.Frame.SenderMAC, r.At.Sub(l.begin), r.At)
	}
}
