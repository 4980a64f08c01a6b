package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/oui"
)

// daemon holds all state. Only functions that it runs itself touch it.
type daemon struct {
	ctx        context.Context
	options    Options
	config     Config
	configErr  error
	log        *slog.Logger
	kernel     kernel
	work       chan func(now time.Time)
	host       link.Host
	segments   map[int]*segment
	guards     map[int]*guard
	memory     remembered
	dirty      time.Time // when what has happened must be in the state file; zero if all is
	stateErr   error
	serving    serving
	written    [sha256.Size]byte // of the state file as it was last written
	hooks      *hooks
	owners     *owners
	malformed  uint64
	suppressed uint64
	echoes     map[bool]echoes     // of IPv4 and of IPv6
	planned    map[netip.Addr]bool // what moves by the plan
	routers    map[int]routers     // by interface
	news       news
	churn      voice               // of what comes and goes on this host
	muted      map[*voice]struct{} // that owe the log a count
	kept       []link.Kept         // interfaces that are not watched because they lead nowhere
	keptTold   map[string]bool     // by reason
}

// Delays of what need not be done at once.
const (
	saveDelay   = time.Second // of a changed state
	countsDelay = time.Minute // of counts alone, which change with each frame of a rogue
	drainEvery  = 10 * time.Second
	retryOpen   = 5 * time.Second
)

func newDaemon(ctx context.Context, o Options, c Config, m remembered) *daemon {
	d := &daemon{
		ctx: ctx, options: o, config: c, log: o.Log, memory: m, work: make(chan func(time.Time), 256),
		segments: map[int]*segment{}, guards: map[int]*guard{}, echoes: map[bool]echoes{}, planned: map[netip.Addr]bool{}, routers: map[int]routers{},
		kernel: kernel{time.Now, link.ReadHost, link.Holds, openSockets, link.Station, listenEchoes, connect, rand.N[time.Duration]}, keptTold: map[string]bool{}, muted: map[*voice]struct{}{},
	}
	d.hooks = startHooks(ctx, o.OnConflict, o.Log)
	d.owners = startOwners(ctx, o.Owners, o.Log)
	return d
}

// do has the loop run f; it waits while the loop is busy.
func (d *daemon) do(f func(now time.Time)) {
	select {
	case d.work <- f:
	case <-d.ctx.Done():
	}
}

// loop runs whatever happens until the context ends.
func (d *daemon) loop() {
	timer := time.NewTimer(0)
	retry := time.NewTicker(retryOpen)
	defer retry.Stop()
	d.news.checked = wall(d.kernel.now())
	for {
		timer.Reset(time.Until(d.next()))
		select {
		case <-d.ctx.Done():
			return
		case f := <-d.work:
			f(time.Now())
		case <-retry.C:
			d.recheck(wall(d.kernel.now()))
		case <-d.options.Reload:
			d.reload()
		case now := <-timer.C:
			d.catchUp()
			d.due(now)
		}
	}
}

// catchUp runs what has happened already: on a busy machine an answer may wait here
// while its time runs out.
func (d *daemon) catchUp() {
	for range len(d.work) {
		(<-d.work)(d.kernel.now())
	}
}

func (d *daemon) reload() {
	c, err := readConfig(d.options)
	d.configErr = err
	if err != nil {
		d.log.Error("configuration kept as it was", "error", err.Error())
		return
	}
	d.config = c
	d.refresh()
	d.readPlan()
	d.log.Info("configuration read again", "shared", len(c.Shared), "peers", len(c.Peers), "guarded", len(c.Inventory))
}

// next returns when due has something to do.
func (d *daemon) next() time.Time {
	next := d.kernel.now().Add(drainEvery)
	earlier := func(t time.Time) {
		if !t.IsZero() && t.Before(next) {
			next = t
		}
	}
	earlier(d.dirty)
	for _, s := range d.segments {
		for _, own := range s.own {
			earlier(own.nextProbe)
			earlier(own.detector.Next())
			for _, p := range own.paths {
				earlier(p.machine.Next())
			}
		}
	}
	for _, g := range d.guards {
		for _, other := range g.others {
			earlier(other.holder.Next())
			earlier(other.nextProbe)
		}
	}
	return next
}

// due does everything whose time has come.
func (d *daemon) due(now time.Time) {
	for _, s := range d.segments {
		for _, own := range s.own {
			d.dueAddress(s, own, now)
		}
		if now.Sub(s.drained) >= drainEvery {
			s.drain(now)
		}
	}
	for _, g := range d.guards {
		for a, other := range g.others {
			d.dueOther(g, a, other, now)
		}
	}
	if !d.dirty.IsZero() && !now.Before(d.dirty) {
		d.save()
	}
}

func (d *daemon) dueAddress(s *segment, own *address, now time.Time) {
	if own.detector.Weighing(now) && !d.stillOurs(s, own) {
		return // who claims it has it by right now
	}
	changes := own.detector.Tick(now)
	if !own.nextProbe.IsZero() && !now.Before(own.nextProbe) {
		own.nextProbe = d.probeNext(own, now)
		if s.at.Carrier {
			own.detector.Probe(now)
		}
	}
	d.sendFor(s, own)
	d.tell(place{own.detector.Address(), s.at.Name, false}, own.detector.Memory(), &own.voice, changes, time.Time{})
	for _, p := range own.paths {
		if !now.Before(p.machine.Next()) {
			d.checkPath(s, own, p, now)
		}
	}
}

// place names an address on an interface.
type place struct {
	address netip.Addr
	device  string
	guarded bool
}

// tell logs changes of state, runs the hook and remembers. before is the time
// of the claim before the one that caused them.
func (d *daemon) tell(at place, m acd.Memory, v *voice, changes []acd.Change, before time.Time) {
	if len(changes) == 0 {
		if !before.IsZero() {
			d.touch(countsDelay)
		}
		return
	}
	d.touch(saveDelay)
	for _, c := range changes {
		attributes := []any{
			"address", at.address, "interface", at.device, "guarded", at.guarded, "state", c.New.String(), "was", c.Old.String(),
			"claims", total(m.Claims), "owner_changes", m.OwnerChanges,
		}
		if c.Evidence.How != "" {
			attributes = append(attributes, "how", c.Evidence.How, "mac", c.Evidence.MAC.String(), "ethernet_source", c.Evidence.Source.String(), "vendor", oui.Vendor(c.Evidence.MAC))
		}
		if !c.Evidence.Beside.IsZero() {
			attributes = append(attributes, "beside", c.Evidence.Beside.String())
		}
		if !before.IsZero() {
			attributes = append(attributes, "since_last_claim", c.At.Sub(before).Round(time.Millisecond).String())
		}
		level := slog.LevelInfo
		if c.New >= acd.Suspected {
			level = slog.LevelWarn
		}
		d.say(v, c.At, func() { d.log.Log(d.ctx, level, "address "+c.New.String(), attributes...) })
		if c.New >= acd.Conflicted {
			d.hooks.run(at, c, m)
			if c.Old < acd.Conflicted {
				d.owners.tell(at)
			}
		}
	}
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// wanted are the interfaces that should be watched now.
func (d *daemon) wanted() (wanted []link.Interface) {
	for _, i := range d.host.Interfaces {
		excluded := d.options.Excluded
		i.Addresses = slices.DeleteFunc(slices.Clone(i.Addresses), func(a link.Address) bool { return excluded.Address(a.Prefix.Addr()) })
		if i.Up && excluded.Takes(i, d.options.Interfaces) && len(i.Addresses) > 0 {
			wanted = append(wanted, i)
		}
	}
	return wanted
}

// reconcile makes the segments what the host's interfaces and the configuration
// say. Only missing rights are an error; an interface that cannot be opened now
// is tried again.
func (d *daemon) reconcile() error {
	host, err := d.kernel.readHost()
	if err != nil {
		return err
	}
	d.host, d.news.readAt = host, wall(d.kernel.now())
	wanted := d.wanted()
	for index, s := range d.segments {
		keep := slices.ContainsFunc(wanted, func(i link.Interface) bool { return i.Index == index && i.MAC == s.at.MAC })
		if !keep {
			d.retire(s)
			delete(d.segments, index)
			attributes := []any{"interface", s.at.Name, "closed", closeText(s.wire.Close())}
			if now, ok := host.Find(s.at.Name); ok && now.Inside != "" {
				attributes = append(attributes, "reason", "it does not lead out of this machine any more: "+now.Inside)
			}
			d.sayOfHost("interface left", attributes...)
		}
	}
	for _, i := range wanted {
		if err := d.adopt(i); err != nil {
			return err
		}
	}
	d.tellKept()
	return d.reconcileGuards(wanted)
}

// tellKept says which interfaces are not watched because of where they lead: once
// for each reason, however many containers come and go.
func (d *daemon) tellKept() {
	d.kept = d.host.KeptInside(d.options.Excluded, d.options.Interfaces)
	for _, k := range d.kept {
		if !d.keptTold[k.Why] {
			d.keptTold[k.Why] = true
			d.log.Info("interfaces left out: they do not lead out of this machine", "interfaces", k.String(), "hint", "--include-interface NAME watches them too")
		}
	}
}

func closeText(err error) string {
	if err != nil {
		return err.Error()
	}
	return "yes"
}

// adopt opens the interface if that is new, and gives it the addresses and peers
// that it now has.
func (d *daemon) adopt(i link.Interface) error {
	s := d.segments[i.Index]
	if s == nil {
		var err error
		if s, err = d.openSegment(i); errors.Is(err, link.ErrNotPermitted) || errors.Is(err, link.ErrUnsupported) {
			return err
		} else if err != nil {
			d.log.Error("interface cannot be watched yet", "interface", i.Name, "error", err.Error())
			return nil
		}
		d.segments[i.Index] = s
		s.wire.Receive(
			func(r link.Received) { d.do(func(time.Time) { d.receive(s, r) }) },
			func(error) { d.do(func(time.Time) { s.failures++ }) },
		)
	}
	if s.at.Name != i.Name {
		d.log.Info("interface renamed", "interface", i.Name, "was", s.at.Name)
	}
	if s.at.Carrier != i.Carrier && s.at.Name == i.Name && len(s.own) > 0 {
		d.sayOfHost("carrier", "interface", i.Name, "carrier", i.Carrier)
	}
	s.at, s.station = i, acd.Station{MAC: i.MAC, Host: d.host.MACs}
	s.peers = d.peersOf(i)
	d.adoptAddresses(s)
	if err := s.setFilters(); err != nil {
		return fmt.Errorf("filters of %s: %w", i.Name, err)
	}
	return nil
}

func (d *daemon) openSegment(at link.Interface) (*segment, error) {
	sockets, err := d.kernel.open(at, link.ARP, link.IPv6)
	if err != nil {
		return nil, err
	}
	return &segment{at: at, wire: sockets, own: map[netip.Addr]*address{}, busy: map[Peer]*path{}}, nil
}

func (d *daemon) adoptAddresses(s *segment) {
	now := d.kernel.now()
	present := map[netip.Addr]bool{}
	for _, a := range s.at.Addresses {
		ip := a.Prefix.Addr()
		present[ip] = true
		c := d.detectorConfig(s, a)
		own := s.own[ip]
		if own == nil {
			c.Nobodys = acd.Nobodys(a.Prefix, rand.Uint64())
			own = &address{detector: acd.NewDetector(c, d.recall(s.at, ip, false), now), since: now}
			if d.options.ProbeEvery >= 0 {
				own.nextProbe = now.Add(min(d.kernel.random(firstProbe), d.probeEvery(a.Prefix)))
			}
			s.own[ip] = own
			d.sayOfHost("address appeared", "address", ip, "interface", s.at.Name, "state", own.detector.Memory().State.String())
		}
		own.prefix, own.moves = a.Prefix, c.Subject.Moves
		c.Nobodys = own.detector.Nobodys()
		own.detector.Reconfigure(c)
		d.adoptPaths(s, own, now)
	}
	for ip, own := range s.own {
		if !present[ip] {
			d.forget(s, ip, own)
		}
	}
}

// detectorConfig is what is to be followed of an address of this host. One that it
// has besides its first may be about to move away, though nobody has said that it
// does.
func (d *daemon) detectorConfig(s *segment, a link.Address) acd.DetectorConfig {
	ip := a.Prefix.Addr()
	moves, macs := d.moves(ip)
	sharing := d.config.Shared[ip]
	sharing.MACs = slices.Concat(sharing.MACs, macs)
	return acd.DetectorConfig{
		Subject: acd.Subject{Address: ip, Sharing: sharing, Moves: moves},
		MAC:     s.at.MAC, Defence: d.options.Defence, Latch: d.options.Latch,
		MayLeave: !moves && !isFirst(s.at, ip),
	}
}

// isFirst reports whether the address is the first of its family on the interface,
// or one that the interface gave itself.
func isFirst(i link.Interface, ip netip.Addr) bool {
	for _, a := range i.Addresses {
		if first := a.Prefix.Addr(); first.Is4() == ip.Is4() && !first.IsLinkLocalUnicast() {
			return first == ip || ip.IsLinkLocalUnicast()
		}
	}
	return true
}

// forget ends the watch over an address that the host no longer has: another
// may then have it by right. What was seen stays in memory.
func (d *daemon) forget(s *segment, ip netip.Addr, own *address) {
	d.remember(s.at, ip, false, own.detector.Memory())
	delete(s.own, ip)
	d.sayOfHost("address left", "address", ip, "interface", s.at.Name)
}

func (d *daemon) retire(s *segment) {
	for ip, own := range s.own {
		d.forget(s, ip, own)
	}
}

// peersOf are the gateways of the interface and the peers within its subnets.
func (d *daemon) peersOf(i link.Interface) (peers []Peer) {
	for _, g := range i.Gateways {
		peers = append(peers, Peer{Address: g})
	}
	for _, p := range d.config.Peers {
		within := slices.ContainsFunc(i.Addresses, func(a link.Address) bool { return a.Prefix.Contains(p.Address) })
		if !within {
			continue
		}
		peers = slices.DeleteFunc(peers, func(g Peer) bool { return g.Address == p.Address })
		peers = append(peers, p)
	}
	return peers
}

// adoptPaths gives an address the ways back from the peers in its subnet. One that
// others may have has none: a peer may rightly answer another, and to tell it where
// we are would take an address back that is about to move.
func (d *daemon) adoptPaths(s *segment, own *address, now time.Time) {
	if d.options.CheckEvery <= 0 || own.moves || d.config.Shared[own.detector.Address()].Declared() {
		own.paths = nil
		return
	}
	every := d.checkEvery(s, own)
	var paths []*path
	for _, peer := range s.peers {
		ip := own.detector.Address()
		onLink := own.prefix.Contains(peer.Address) || peer.Address.IsLinkLocalUnicast()
		if peer.Address.Is4() != ip.Is4() || !onLink {
			continue
		}
		n := slices.IndexFunc(own.paths, func(p *path) bool { return p.peer == peer })
		if n >= 0 {
			own.paths[n].machine.SetEvery(every)
			paths = append(paths, own.paths[n])
			continue
		}
		start := now
		if !isFirst(s.at, ip) {
			start = now.Add(d.kernel.random(every))
		}
		paths = append(paths, &path{peer: peer, machine: acd.NewReturnPath(every, d.options.CheckTimeout, start)})
	}
	own.paths = paths
}

// checkEvery is the time between two checks of a way back to the address. The
// first address of the interface is checked as often as was asked for; the others
// share checksPerSecond.
func (d *daemon) checkEvery(s *segment, own *address) time.Duration {
	if isFirst(s.at, own.detector.Address()) {
		return d.options.CheckEvery
	}
	return max(d.options.CheckEvery, time.Duration(len(s.at.Addresses))*time.Second/checksPerSecond)
}

func (d *daemon) addressCount() (n int) {
	for _, s := range d.segments {
		n += len(s.own)
	}
	return n
}

// stop closes everything and writes the state file for the last time.
func (d *daemon) stop() error {
	d.save()
	errs := []error{d.stateErr}
	for _, s := range d.segments {
		errs = append(errs, s.wire.Close())
	}
	for _, e := range d.echoes {
		errs = append(errs, e.Close())
	}
	for _, g := range d.guards {
		errs = append(errs, g.wire.Close())
	}
	d.hooks.wait()
	return errors.Join(errs...)
}
