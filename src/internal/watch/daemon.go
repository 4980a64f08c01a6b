package watch

import (
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/oui"
)

// daemon holds all state. Only functions that it runs itself touch it.
type daemon struct {
	ctx          context.Context
	options      Options
	config       Config
	configErr    error
	log          *slog.Logger
	work         chan func(now time.Time)
	host         link.Host
	segments     map[int]*segment
	guards       map[int]*guard
	memory       remembered
	dirty        time.Time // when what has happened must be in the state file; zero if all is
	stateErr     error
	serving      serving
	written      [sha256.Size]byte // of the state file as it was last written
	hooks        *hooks
	owners       *owners
	malformed    uint64
	suppressed   uint64
	pathFindings map[string]acd.PathFinding
	news         news
	churn        voice               // of what comes and goes on this host
	muted        map[*voice]struct{} // that owe the log a count
	kept         []link.Kept         // interfaces that are not watched because they lead nowhere
	keptTold     map[string]bool     // by reason
	// holds is link.Holds, unless a test puts another in its place.
	holds func(index int, station frame.MAC, a netip.Addr) (held, usable bool, err error)
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
		segments: map[int]*segment{}, guards: map[int]*guard{}, pathFindings: map[string]acd.PathFinding{},
		holds: link.Holds, keptTold: map[string]bool{}, muted: map[*voice]struct{}{},
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
	d.news.checked = wall(time.Now())
	for {
		timer.Reset(time.Until(d.next()))
		select {
		case <-d.ctx.Done():
			return
		case f := <-d.work:
			f(time.Now())
		case <-retry.C:
			d.recheck(wall(time.Now()))
		case <-d.options.Reload:
			d.reload()
		case now := <-timer.C:
			d.due(now)
		}
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
	d.log.Info("configuration read again", "shared", len(c.Shared), "peers", len(c.Peers), "guarded", len(c.Inventory))
}

// next returns when due has something to do.
func (d *daemon) next() time.Time {
	next := time.Now().Add(drainEvery)
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
			earlier(other.detector.Next())
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
			d.tell(place{a, g.at.Name, true}, other.detector, &other.voice, other.detector.Tick(now), time.Time{})
		}
	}
	if !d.dirty.IsZero() && !now.Before(d.dirty) {
		d.save()
	}
}

func (d *daemon) dueAddress(s *segment, own *address, now time.Time) {
	changes := own.detector.Tick(now)
	if !own.nextProbe.IsZero() && !now.Before(own.nextProbe) {
		own.nextProbe = now.Add(probeEvery(d.options, own.prefix))
		if s.at.Carrier {
			own.detector.Probe()
		}
	}
	d.sendFor(s, own)
	d.tell(place{own.detector.Address(), s.at.Name, false}, own.detector, &own.voice, changes, time.Time{})
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
func (d *daemon) tell(at place, detector *acd.Detector, v *voice, changes []acd.Change, before time.Time) {
	if len(changes) == 0 {
		if !before.IsZero() {
			d.touch(countsDelay)
		}
		return
	}
	d.touch(saveDelay)
	for _, c := range changes {
		m := detector.Memory()
		attributes := []any{
			"address", at.address, "interface", at.device, "guarded", at.guarded, "state", c.New.String(), "was", c.Old.String(),
			"claims", total(m.Claims), "owner_changes", m.OwnerChanges,
		}
		if c.Evidence.How != "" {
			attributes = append(attributes, "how", c.Evidence.How, "mac", c.Evidence.MAC.String(), "ethernet_source", c.Evidence.Source.String(), "vendor", oui.Vendor(c.Evidence.MAC))
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
	host, err := link.ReadHost()
	if err != nil {
		return err
	}
	d.host, d.news.readAt = host, wall(time.Now())
	wanted := d.wanted()
	for index, s := range d.segments {
		keep := slices.ContainsFunc(wanted, func(i link.Interface) bool { return i.Index == index && i.MAC == s.at.MAC })
		if !keep {
			d.retire(s)
			delete(d.segments, index)
			attributes := []any{"interface", s.at.Name, "closed", closeText(s.port.Close())}
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
		if s, err = openSegment(i); errors.Is(err, link.ErrNotPermitted) || errors.Is(err, link.ErrUnsupported) {
			return err
		} else if err != nil {
			d.log.Error("interface cannot be watched yet", "interface", i.Name, "error", err.Error())
			return nil
		}
		d.segments[i.Index] = s
		s.port.Receive(
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

func (d *daemon) adoptAddresses(s *segment) {
	now := time.Now()
	present := map[netip.Addr]bool{}
	for _, a := range s.at.Addresses {
		ip := a.Prefix.Addr()
		present[ip] = true
		c := acd.DetectorConfig{
			Subject: acd.Subject{Address: ip, Sharing: d.config.Shared[ip]},
			MAC:     s.at.MAC, Defence: d.options.Defence, Latch: d.options.Latch,
		}
		own := s.own[ip]
		if own == nil {
			own = &address{detector: acd.NewDetector(c, d.recall(s.at, ip, false), now)}
			if d.options.ProbeEvery >= 0 {
				own.nextProbe = now.Add(min(firstProbe, probeEvery(d.options, a.Prefix)))
			}
			s.own[ip] = own
			d.sayOfHost("address appeared", "address", ip, "interface", s.at.Name, "state", own.detector.Memory().State.String())
		}
		own.prefix = a.Prefix
		own.detector.Reconfigure(c)
		d.adoptPaths(s, own, now)
	}
	for ip, own := range s.own {
		if !present[ip] {
			d.forget(s, ip, own)
		}
	}
}

// forget ends the watch over an address that the host no longer has: another
// may then have it by right. What was seen stays in memory.
func (d *daemon) forget(s *segment, ip netip.Addr, own *address) {
	d.remember(s.at, ip, false, own.detector.Memory())
	var err error
	if own.echo != nil {
		err = own.echo.conn.Close()
	}
	delete(s.own, ip)
	d.sayOfHost("address left", "address", ip, "interface", s.at.Name, "closed", closeText(err))
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

func (d *daemon) adoptPaths(s *segment, own *address, now time.Time) {
	if d.options.CheckEvery <= 0 {
		return
	}
	var paths []*path
	for _, peer := range s.peers {
		ip := own.detector.Address()
		onLink := own.prefix.Contains(peer.Address) || peer.Address.IsLinkLocalUnicast()
		if peer.Address.Is4() != ip.Is4() || !onLink {
			continue
		}
		n := slices.IndexFunc(own.paths, func(p *path) bool { return p.peer == peer })
		if n >= 0 {
			paths = append(paths, own.paths[n])
			continue
		}
		paths = append(paths, &path{peer: peer, machine: acd.NewReturnPath(d.options.CheckEvery, d.options.CheckTimeout, now)})
	}
	own.paths = paths
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
		errs = append(errs, s.port.Close())
		for _, own := range s.own {
			if own.echo != nil {
				errs = append(errs, own.echo.conn.Close())
			}
		}
	}
	for _, g := range d.guards {
		errs = append(errs, g.close())
	}
	d.hooks.wait()
	return errors.Join(errs...)
}
