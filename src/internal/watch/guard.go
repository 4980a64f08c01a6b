package watch

import (
	"errors"
	"net"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// guard watches, on one interface, addresses of other hosts whose stations are
// known. It hears what only the peer of a rogue hears: requests and packets that
// are sent to this host alone.
type guard struct {
	at     link.Interface
	others map[netip.Addr]*other
	ports  []*link.Port
	sets   []func(map[netip.Addr][]frame.MAC) error
}

type other struct {
	expected []frame.MAC
	detector *acd.Detector
	voice    voice
}

// reconcileGuards gives each interface the inventory of its subnets.
func (d *daemon) reconcileGuards(wanted []link.Interface) error {
	for index, g := range d.guards {
		if !slices.ContainsFunc(wanted, func(i link.Interface) bool { return i.Index == index }) || len(d.config.Inventory) == 0 {
			if err := g.close(); err != nil {
				d.log.Error("closing", "interface", g.at.Name, "error", err.Error())
			}
			delete(d.guards, index)
		}
	}
	for _, i := range wanted {
		inventory := map[netip.Addr][]frame.MAC{}
		for a, macs := range d.config.Inventory {
			reached := slices.ContainsFunc(i.Addresses, func(own link.Address) bool { return own.Prefix.Contains(a) && own.Prefix.Addr() != a })
			if !reached {
				continue
			}
			if len(macs) == 0 {
				macs = d.memory.Learned[a]
			}
			inventory[a] = macs
		}
		if err := d.adoptGuard(i, inventory); err != nil {
			return err
		}
	}
	return nil
}

func (d *daemon) adoptGuard(i link.Interface, inventory map[netip.Addr][]frame.MAC) error {
	g := d.guards[i.Index]
	if g == nil && len(inventory) == 0 {
		return nil
	}
	if g == nil {
		g = &guard{others: map[netip.Addr]*other{}}
		if err := g.open(i); err != nil {
			return errors.Join(err, g.close())
		}
		d.guards[i.Index] = g
		for _, p := range g.ports {
			p.Receive(func(r link.Received) { d.do(func(time.Time) { d.guardFrame(g, r) }) }, func(error) {})
		}
	}
	g.at = i
	for a := range g.others {
		if _, ok := inventory[a]; !ok {
			delete(g.others, a)
		}
	}
	for a, macs := range inventory {
		if g.others[a] == nil {
			c := acd.DetectorConfig{Subject: acd.Subject{Address: a}, Latch: d.options.Latch}
			g.others[a] = &other{detector: acd.NewDetector(c, d.recall(i, a, true), time.Time{})}
		}
		g.others[a].expected = macs
	}
	return g.filter()
}

// open opens one socket for each of ARP, IPv4 and IPv6, each with a filter of
// its own that drops what comes from the right station.
func (g *guard) open(i link.Interface) error {
	for _, x := range []struct {
		protocol link.Protocol
		filter   func(map[netip.Addr][]frame.MAC) link.Filter
	}{
		{link.ARP, link.ForeignARP},
		{link.IPv4, link.ForeignIPv4},
		{link.IPv6, link.ForeignIPv6},
	} {
		socket, err := link.Listen(i, x.protocol, x.filter(nil))
		if err != nil {
			return err
		}
		g.ports = append(g.ports, link.NewPort(map[link.Protocol]net.PacketConn{x.protocol: socket}))
		g.sets = append(g.sets, func(m map[netip.Addr][]frame.MAC) error { return socket.SetFilter(x.filter(m)) })
	}
	return nil
}

func (g *guard) filter() error {
	inventory := map[netip.Addr][]frame.MAC{}
	for a, o := range g.others {
		inventory[a] = o.expected
	}
	var errs []error
	for _, set := range g.sets {
		errs = append(errs, set(inventory))
	}
	return errors.Join(errs...)
}

func (g *guard) close() error {
	var errs []error
	for _, p := range g.ports {
		errs = append(errs, p.Close())
	}
	return errors.Join(errs...)
}

func (d *daemon) guardFrame(g *guard, r link.Received) {
	claimed, ok := r.Frame.Claims()
	o := g.others[claimed]
	if r.Err != nil || !ok || o == nil {
		return
	}
	station := acd.Station{MAC: g.at.MAC, Host: d.host.MACs}
	v := acd.JudgePeer(r.Frame, nil, station, claimed, o.expected)
	if v.Foreign() {
		e := acd.Evidence{Verdict: v, How: r.Frame.Kind.String(), MAC: r.Frame.SenderMAC, Source: r.Frame.Source}
		d.guardEvidence(g, claimed, o, e, r.At)
	}
}

// neighbor is told by the kernel whom it sends packets for an address to.
func (d *daemon) neighbor(n link.NeighborEvent) {
	d.do(func(now time.Time) {
		g := d.guards[n.Index]
		if g == nil || g.others[n.Address] == nil || d.host.MACs[n.MAC] {
			return
		}
		o := g.others[n.Address]
		if slices.Contains(o.expected, n.MAC) {
			return
		}
		e := acd.Evidence{Verdict: acd.Claim, How: "neighbour", MAC: n.MAC, Source: n.MAC}
		d.guardEvidence(g, n.Address, o, e, now)
	})
}

// guardEvidence weighs a claim to another host's address. Where no station is
// known yet, the first is believed.
func (d *daemon) guardEvidence(g *guard, a netip.Addr, o *other, e acd.Evidence, now time.Time) {
	if len(o.expected) == 0 {
		o.expected = []frame.MAC{e.MAC}
		d.memory.Learned[a] = o.expected
		d.touch(saveDelay)
		d.log.Info("station learned", "address", a, "interface", g.at.Name, "mac", e.MAC.String())
		if err := g.filter(); err != nil {
			d.log.Error("filter", "interface", g.at.Name, "error", err.Error())
		}
		return
	}
	before := o.detector.Memory().LastClaim
	changes := o.detector.Observe(e, now)
	d.tell(place{a, g.at.Name, true}, o.detector, &o.voice, changes, before)
}
