package watch

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// guard watches, on one interface, addresses that others have: those of the
// inventory, and those that move and are not here now. It hears what only the peer
// of a rogue hears: requests and packets that are sent to this host alone.
type guard struct {
	at     link.Interface
	others map[netip.Addr]*other
	asking map[*other]bool // of which stations are being asked
	wire   wire
}

type other struct {
	holder    *acd.Holder
	moves     bool
	told      frame.MAC // the kernel's newest word on where it sends
	nextProbe time.Time // of one that moves; two that have it may say nothing of themselves
	voice     voice
}

// reconcileGuards gives each interface the inventory of its subnets.
func (d *daemon) reconcileGuards(wanted []link.Interface) error {
	for index, g := range d.guards {
		if !slices.ContainsFunc(wanted, func(i link.Interface) bool { return i.Index == index }) || len(d.guardedOn(g.at)) == 0 {
			if err := g.wire.Close(); err != nil {
				d.log.Error("closing", "interface", g.at.Name, "error", err.Error())
			}
			delete(d.guards, index)
		}
	}
	for _, i := range wanted {
		if err := d.adoptGuard(i, d.guardedOn(i)); err != nil {
			return err
		}
	}
	return nil
}

// guardedOn are the addresses to be guarded on the interface, each with a prefix
// that holds it.
func (d *daemon) guardedOn(i link.Interface) map[netip.Addr]netip.Prefix {
	guarded := map[netip.Addr]netip.Prefix{}
	add := func(a netip.Addr) {
		here := slices.ContainsFunc(i.Addresses, func(own link.Address) bool { return own.Prefix.Addr() == a })
		n := slices.IndexFunc(i.Addresses, func(own link.Address) bool { return own.Prefix.Contains(a) })
		if n >= 0 && !here && !d.options.Excluded.Address(a) {
			guarded[a] = i.Addresses[n].Prefix
		}
	}
	for a := range d.config.Inventory {
		add(a)
	}
	for a := range d.config.Moving {
		add(a)
	}
	for a := range d.planned {
		add(a)
	}
	return guarded
}

// moves reports whether an address moves between stations, and between which if
// that was declared.
func (d *daemon) moves(a netip.Addr) (bool, []frame.MAC) {
	macs, declared := d.config.Moving[a]
	return declared || d.planned[a], macs
}

func (d *daemon) adoptGuard(i link.Interface, guarded map[netip.Addr]netip.Prefix) error {
	g := d.guards[i.Index]
	if g == nil && len(guarded) == 0 {
		return nil
	}
	if g == nil {
		sockets, err := d.kernel.open(i, link.ARP, link.IPv4, link.IPv6)
		if err != nil {
			return err
		}
		g = &guard{others: map[netip.Addr]*other{}, asking: map[*other]bool{}, wire: sockets}
		d.guards[i.Index] = g
		g.wire.Receive(func(r link.Received) { d.do(func(time.Time) { d.guardFrame(g, r) }) }, func(error) {})
	}
	g.at = i
	for a, o := range g.others {
		if _, ok := guarded[a]; !ok {
			delete(g.others, a)
			delete(g.asking, o)
		}
	}
	for a, prefix := range guarded {
		d.adoptOther(g, a, prefix)
	}
	return g.filter()
}

func (d *daemon) adoptOther(g *guard, a netip.Addr, prefix netip.Prefix) {
	moves, macs := d.moves(a)
	c := acd.HolderConfig{Address: a, MAC: g.at.MAC, Declared: slices.Concat(d.config.Inventory[a], macs), Moves: moves, Latch: d.options.Latch}
	o := g.others[a]
	if o == nil {
		now := d.kernel.now()
		c.Nobodys = acd.Nobodys(prefix, rand.Uint64())
		o = &other{holder: acd.NewHolder(c, d.memory.Learned[a], d.recall(g.at, a, true), now)}
		if moves && d.options.ProbeEvery >= 0 {
			o.nextProbe = now.Add(d.kernel.random(firstProbe))
		}
		g.others[a] = o
	}
	c.Nobodys = o.holder.Nobodys()
	o.moves = moves
	o.holder.Reconfigure(c)
}

// filter has the kernel drop what comes from the right station, except while
// stations are being asked.
func (g *guard) filter() error {
	inventory := map[netip.Addr][]frame.MAC{}
	for a, o := range g.others {
		inventory[a] = o.holder.Stations()
	}
	for o := range g.asking {
		for _, a := range o.holder.Asking() {
			inventory[a] = nil
		}
	}
	return g.wire.SetFilters(map[link.Protocol]link.Filter{
		link.ARP: link.ForeignARP(inventory), link.IPv4: link.ForeignIPv4(inventory), link.IPv6: link.ForeignIPv6(inventory),
	})
}

func (d *daemon) guardFrame(g *guard, r link.Received) {
	claimed, ok := r.Frame.Claims()
	if r.Err != nil || !ok || r.Frame.VLAN != 0 {
		return
	}
	if r.Frame.Kind <= frame.NeighborAdvertisement {
		for o := range g.asking {
			o.holder.Answered(claimed, r.Frame.SenderMAC)
		}
	}
	o := g.others[claimed]
	if o == nil {
		return
	}
	station := acd.Station{MAC: g.at.MAC, Host: d.host.MACs}
	v := acd.JudgePeer(r.Frame, nil, station, claimed, d.allowedBeside(claimed, o))
	if !v.Foreign() {
		return
	}
	if r.Frame.Kind > frame.NeighborAdvertisement && d.isGateway(g.at, r.Frame.SenderMAC) {
		return // a router passes on what the address sends
	}
	d.heardOther(g, claimed, o, evidenceOf(r.Frame, v), r.At)
}

// allowedBeside are the stations that may have the address: those that have it, and
// those that were declared to share it.
func (d *daemon) allowedBeside(a netip.Addr, o *other) []frame.MAC {
	if o.moves {
		return o.holder.Stations()
	}
	return slices.Concat(o.holder.Stations(), d.config.Shared[a].MACs)
}

// neighbor is told by the kernel whom it sends packets for an address to.
func (d *daemon) neighbor(n link.NeighborEvent) {
	d.do(func(now time.Time) {
		g := d.guards[n.Index]
		if g == nil || g.others[n.Address] == nil || d.host.MACs[n.MAC] {
			return
		}
		o := g.others[n.Address]
		if n.MAC == o.told || slices.Contains(d.allowedBeside(n.Address, o), n.MAC) {
			o.told = n.MAC
			return
		}
		o.told = n.MAC
		e := acd.Evidence{Verdict: acd.Claim, How: acd.HowNeighbour, MAC: n.MAC, Source: n.MAC, Reply: true}
		d.heardOther(g, n.Address, o, e, now)
	})
}

// heardOther weighs a claim to another host's address.
func (d *daemon) heardOther(g *guard, a netip.Addr, o *other, e acd.Evidence, now time.Time) {
	before := o.holder.Memory().LastClaim
	related := func() []netip.Addr { return g.related(a, o, e.MAC) }
	d.afterOther(g, a, o, o.holder.Hear(e, related, now), before, now)
}

// related are other guarded addresses of the stations that have this one or speak
// for it, and then those of which nothing is known.
func (g *guard) related(a netip.Addr, o *other, speaker frame.MAC) []netip.Addr {
	stations := append(o.holder.Stations(), speaker)
	var known, unknown []netip.Addr
	for other, x := range g.others {
		has := x.holder.Stations()
		switch {
		case other == a || other.Is4() != a.Is4() || x.moves:
		case len(has) == 0:
			unknown = append(unknown, other)
		case slices.ContainsFunc(has, func(m frame.MAC) bool { return slices.Contains(stations, m) }):
			known = append(known, other)
		}
	}
	return append(known, unknown...)
}

// dueOther does what time brings.
func (d *daemon) dueOther(g *guard, a netip.Addr, o *other, now time.Time) {
	if next := o.holder.Next(); !next.IsZero() && !now.Before(next) {
		d.afterOther(g, a, o, o.holder.Tick(now), time.Time{}, now)
	}
	if !o.nextProbe.IsZero() && !now.Before(o.nextProbe) {
		o.nextProbe = now.Add(minProbeGap + d.kernel.random(minProbeGap/5))
		o.holder.Probe()
		d.sendOther(g, o)
	}
}

func (d *daemon) sendOther(g *guard, o *other) {
	for _, b := range o.holder.Frames() {
		if err := g.wire.Send(b); err != nil {
			d.log.Error("question not sent", "interface", g.at.Name, "error", err.Error())
		}
	}
}

// afterOther sets the filter before it sends, so that no answer is missed, and
// tells what was learned.
func (d *daemon) afterOther(g *guard, a netip.Addr, o *other, changes []acd.Change, before, now time.Time) {
	news := o.holder.News()
	asking := len(o.holder.Asking()) > 0
	if asking != g.asking[o] || len(news) > 0 {
		if g.asking[o] = asking; !asking {
			delete(g.asking, o)
		}
		if err := g.filter(); err != nil {
			d.log.Error("filter", "interface", g.at.Name, "error", err.Error())
		}
	}
	d.sendOther(g, o)
	for _, n := range news {
		d.tellNews(g, a, o, n, now)
	}
	d.tell(place{a, g.at.Name, true}, o.holder.Memory(), &o.voice, changes, before)
}

var newsMessages = map[acd.HolderEvent]string{
	acd.Learned:    "station learned",
	acd.Moved:      "address moved: its former station is silent",
	acd.TwoCards:   "two stations answer for the same addresses: probably one machine with two cards",
	acd.ProxyFound: "a station answers for every address: its answers prove nothing",
}

func (d *daemon) tellNews(g *guard, a netip.Addr, o *other, n acd.HolderNews, now time.Time) {
	d.memory.Learned[a] = o.holder.Stations()
	d.touch(saveDelay)
	attributes := []any{"address", a, "interface", g.at.Name, "event", n.Event.String(), "mac", n.New.String()}
	if !n.Old.IsZero() {
		attributes = append(attributes, "former_mac", n.Old.String())
	}
	d.say(&o.voice, now, func() { d.log.Info(newsMessages[n.Event], attributes...) })
}
