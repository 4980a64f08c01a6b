package watch

import (
	"errors"
	"math/rand/v2"
	"net"
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
	port     *link.Port
	sockets  map[link.Protocol]*link.Socket
	own      map[netip.Addr]*address
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
	paths     []*path
	echo      *echoSocket
	voice     voice
	echoes    voice     // of our own frames that come back, which must not hide a conflict
	readBack  time.Time // when this host was last seen to have it
}

// openSegment opens the sockets; nothing passes their filters yet.
func openSegment(at link.Interface) (*segment, error) {
	s := &segment{at: at, sockets: map[link.Protocol]*link.Socket{}, own: map[netip.Addr]*address{}}
	conns := map[link.Protocol]net.PacketConn{}
	for protocol, filter := range segmentFilters(nil, nil) {
		var groups []frame.MAC
		if protocol == link.IPv6 {
			groups = []frame.MAC{allNodes}
		}
		socket, err := link.Listen(at, protocol, filter, groups...)
		if err != nil {
			return nil, errors.Join(err, link.NewPort(conns).Close())
		}
		s.sockets[protocol], conns[protocol] = socket, socket
	}
	s.port = link.NewPort(conns)
	return s, nil
}

// setFilters tells the kernel which frames are worth waking us for.
func (s *segment) setFilters() error {
	var own, peers []netip.Addr
	for a := range s.own {
		own = append(own, a)
	}
	for _, p := range s.peers {
		peers = append(peers, p.Address)
	}
	var errs []error
	for protocol, filter := range segmentFilters(own, peers) {
		errs = append(errs, s.sockets[protocol].SetFilter(filter))
	}
	return errors.Join(errs...)
}

// drain asks the kernel how many frames it threw away since the last time.
func (s *segment) drain(now time.Time) {
	s.drained = now
	for _, socket := range s.sockets {
		n, err := socket.Drops()
		if err != nil {
			s.failures++
			continue
		}
		if n > 0 {
			s.dropped += uint64(n)
			s.lastDrop = now
		}
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
func probeEvery(o Options, prefix netip.Prefix) time.Duration {
	every := o.ProbeEvery
	if every == 0 {
		hostBits := min(prefix.Addr().BitLen()-prefix.Bits(), 16)
		if prefix.Addr().Is6() {
			hostBits = 8 // no IPv6 segment is as full as its subnet is wide
		}
		every = max(minProbeGap, time.Duration(1<<hostBits)*time.Second/broadcastsPerSecond)
	}
	return every - every/5 + rand.N(every*2/5+1)
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
	if r.Frame.VLAN == 0 && slices.ContainsFunc(s.peers, func(p Peer) bool { return p.Address == claimed }) && !s.station.Host[r.Frame.SenderMAC] {
		d.resolved(s, claimed, r.Frame.SenderMAC)
	}
}

func (d *daemon) judge(s *segment, own *address, r link.Received) {
	subject := acd.Subject{Address: own.detector.Address(), Sharing: own.detector.Sharing()}
	v := acd.Judge(r.Frame, nil, s.station, subject)
	if v.Foreign() && d.claimIsLate(s, own, v, r.At) {
		return
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
	e := acd.Evidence{Verdict: v, How: r.Frame.Kind.String(), MAC: r.Frame.SenderMAC, Source: r.Frame.Source}
	asks := r.Frame.Kind == frame.ARPRequest || r.Frame.Kind == frame.NeighborSolicitation
	if peer := r.Frame.Target; asks && peer != subject.Address && own.prefix.Contains(peer) {
		e.Peer = peer
	}
	d.observe(s, own, e, r.At)
}

// observe weighs evidence, sends what the detector wants sent, and tells.
func (d *daemon) observe(s *segment, own *address, e acd.Evidence, now time.Time) {
	before := own.detector.Memory().LastClaim
	changes := own.detector.Observe(e, now)
	d.sendFor(s, own)
	d.tell(place{own.detector.Address(), s.at.Name, false}, own.detector, &own.voice, changes, before)
}
