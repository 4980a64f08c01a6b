package watch

import (
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// broadcastsPerSecond is how many probes all hosts of a segment together may
// send: each probes every max(minProbeGap, hosts/broadcastsPerSecond).
const (
	broadcastsPerSecond = 5
	minProbeGap         = time.Minute
	firstProbe          = 2 * time.Second // bound of the random wait before the first
)

// segment is one interface that is watched.
type segment struct {
	at       link.Interface
	station  acd.Station
	wire     wire
	own      map[netip.Addr]*address
	busy     map[Peer]*path // the path whose missing echo is looked into
	voice    voice          // of the return paths
	peers    []Peer
	dropped  uint64
	lastDrop time.Time
	failures int
	drained  time.Time
}

// address is one of this host's addresses on a segment.
type address struct {
	prefix    netip.Prefix
	detector  *acd.Detector
	nextProbe time.Time
	since     time.Time
	moves     bool
	sharing   map[frame.MAC]time.Time // stations that share it, since when; zero if that was told
	paths     []*path
	voice     voice
	echoes    voice     // of our own frames that come back, which must not hide a conflict
	readBack  time.Time // when this host was last seen to have it
}

// setFilters tells the kernel which frames are worth waking us for. Who answers for
// an address that nobody can have is worth it.
func (s *segment) setFilters() error {
	var own, peers []netip.Addr
	for a, x := range s.own {
		own = append(own, a)
		peers = append(peers, x.detector.Nobodys())
	}
	for _, p := range s.peers {
		peers = append(peers, p.Address)
	}
	return s.wire.SetFilters(segmentFilters(own, peers))
}

// drain asks the kernel how many frames it threw away since the last time.
func (s *segment) drain(now time.Time) {
	s.drained = now
	n, err := s.wire.Drops()
	if err != nil {
		s.failures++
	}
	if n > 0 {
		s.dropped += uint64(n)
		s.lastDrop = now
	}
}

// degraded says why the segment does not see all that it should; empty if it
// does.
func (s *segment) degraded(now time.Time) string {
	switch {
	case !s.at.Carrier:
		return "no carrier"
	case !s.lastDrop.IsZero() && now.Sub(s.lastDrop) < lostShown:
		return "the kernel dropped frames"
	}
	return ""
}

// probeEvery is the time between two probes of one address of the subnet, give
// or take a fifth.
func (d *daemon) probeEvery(prefix netip.Prefix) time.Duration {
	every := d.options.ProbeEvery
	if every == 0 {
		hostBits := min(prefix.Addr().BitLen()-prefix.Bits(), 16)
		if prefix.Addr().Is6() {
			hostBits = 8 // no IPv6 segment is as full as its subnet is wide
		}
		every = max(minProbeGap, time.Duration(1<<hostBits)*time.Second/broadcastsPerSecond)
	}
	return every - every/5 + d.kernel.random(every*2/5+1)
}

// afterGrace is how long after the time in which a former owner's claims are
// forgiven an address is asked for again, at most: who was there before us has
// answered within it, and only what he says after it counts.
const afterGrace = time.Second

// probeNext returns when an address is asked for after now. That is soon after it
// came, then soon after the grace, whatever the size of the segment, and then as
// often as the segment allows.
func (d *daemon) probeNext(own *address, now time.Time) time.Time {
	next := now.Add(d.probeEvery(own.prefix))
	settled := own.since.Add(acd.GraceTime)
	if again := settled.Add(d.kernel.random(afterGrace)); now.Before(settled) && again.Before(next) {
		next = again
	}
	return next
}

// receive hands a frame to the addresses that it speaks of.
func (d *daemon) receive(s *segment, r link.Received) {
	if r.Err != nil {
		d.malformed++
		return
	}
	claimed, _ := r.Frame.Claims()
	mentioned := []netip.Addr{claimed}
	if r.Frame.Target != claimed {
		mentioned = append(mentioned, r.Frame.Target)
	}
	for _, a := range mentioned {
		if own, ok := s.own[a]; ok {
			d.judge(s, own, r)
		}
	}
	if r.Frame.VLAN != 0 || s.station.Host[r.Frame.SenderMAC] || !claimed.IsValid() {
		return
	}
	for _, own := range s.own {
		if own.detector.Nobodys() == claimed {
			own.detector.NobodyAnswered(r.Frame.SenderMAC, r.At)
		}
	}
	if slices.ContainsFunc(s.peers, func(p Peer) bool { return p.Address == claimed }) {
		d.resolved(s, claimed, r.Frame.SenderMAC, r.At)
	}
}

func (d *daemon) judge(s *segment, own *address, r link.Received) {
	subject := acd.Subject{Address: own.detector.Address(), Sharing: own.detector.Sharing(), Moves: own.moves}
	v := acd.Judge(r.Frame, nil, s.station, subject)
	if v == acd.Shared && own.moves {
		v = acd.Claim // it may have the address, but not at the same time
	}
	if v.Foreign() && d.claimIsLate(s, own, v, r.At) {
		return
	}
	if v == acd.Shared {
		d.sharedBy(s, own, r.Frame.SenderMAC, r.At)
	}
	if !v.Foreign() {
		own.detector.Count(v)
		if v == acd.Echo {
			d.say(&own.echoes, r.At, func() {
				d.log.Warn("our own station's frame came back: a cloned MAC, or a loop", "address", subject.Address, "interface", s.at.Name, "mac", r.Frame.SenderMAC.String())
			})
		}
		return
	}
	e := evidenceOf(r.Frame, v)
	asks := r.Frame.Kind == frame.ARPRequest || r.Frame.Kind == frame.NeighborSolicitation
	if peer := r.Frame.Target; asks && peer != subject.Address && own.prefix.Contains(peer) {
		e.Peer = peer
	}
	if e.Reply && d.isGateway(s.at, e.MAC) {
		own.detector.NobodyAnswered(e.MAC, r.At) // a router that answers for others is a proxy
	}
	d.observe(s, own, e, r.At)
}

// maxSharing bounds how many stations are followed that share an address.
const maxSharing = 8

// sharedBy tells once that a station which was declared by its MAC has the address
// at the same time as this host. That is what sharing means; but who meant an address
// that moves between the two would look at a split brain and never hear of it.
func (d *daemon) sharedBy(s *segment, own *address, station frame.MAC, now time.Time) {
	first, known := own.sharing[station]
	switch {
	case !slices.Contains(own.detector.Sharing().MACs, station) || now.Sub(own.since) < acd.HandoverTime:
	case !known && len(own.sharing) < maxSharing:
		if own.sharing == nil {
			own.sharing = map[frame.MAC]time.Time{}
		}
		own.sharing[station] = now
	case known && !first.IsZero() && now.Sub(first) >= acd.HandoverTime:
		own.sharing[station] = time.Time{} // told
		d.say(&own.voice, now, func() {
			d.log.Warn("a station that may share the address has it at the same time", "address", own.detector.Address(), "interface", s.at.Name, "mac", station.String(),
				"hint", "if it is to move between the two, name it with --vip: both having it is then a conflict")
		})
	}
}

func evidenceOf(f frame.Frame, v acd.Verdict) acd.Evidence {
	reply := f.Kind == frame.ARPReply || f.Kind == frame.NeighborAdvertisement
	return acd.Evidence{Verdict: v, How: f.Kind.String(), MAC: f.SenderMAC, Source: f.Source, Reply: reply}
}

// routers are the stations of an interface's gateways, as the kernel knows them.
type routers struct {
	readAt   time.Time
	stations []frame.MAC
}

// routersFor is how long they are believed: a flood of claims does not make us ask
// the kernel more often.
const routersFor = time.Second

// isGateway reports whether the kernel sends what is for a gateway to the station.
func (d *daemon) isGateway(at link.Interface, station frame.MAC) bool {
	r := d.routers[at.Index]
	if now := d.kernel.now(); now.Sub(r.readAt) >= routersFor {
		r = routers{readAt: now}
		for _, g := range at.Gateways {
			if m, err := d.kernel.station(at.Index, g); err == nil && !m.IsZero() {
				r.stations = append(r.stations, m)
			}
		}
		d.routers[at.Index] = r
	}
	return slices.Contains(r.stations, station)
}

// observe weighs evidence, sends what the detector wants sent, and tells.
func (d *daemon) observe(s *segment, own *address, e acd.Evidence, now time.Time) {
	before := own.detector.Memory().LastClaim
	changes := own.detector.Observe(e, now)
	d.sendFor(s, own)
	d.tell(place{own.detector.Address(), s.at.Name, false}, own.detector.Memory(), &own.voice, changes, before)
}
