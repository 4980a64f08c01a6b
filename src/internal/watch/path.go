package watch

import (
	"context"
	"errors"
	"net"
	"net/netip"
	"syscall"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
)

// path is the way back from one peer to one of our addresses.
type path struct {
	peer     Peer
	machine  *acd.ReturnPath
	told     acd.PathFinding // that the log has
	failures int             // of checks that found a theft
}

// connect connects to the peer by TCP from own, and calls answered if the peer's
// answer reaches us within the timeout; a refusal is an answer too. It returns at once.
func connect(ctx context.Context, own netip.Addr, peer Peer, timeout time.Duration, answered func()) {
	go func() {
		dialer := net.Dialer{Timeout: timeout, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0))}
		conn, err := dialer.DialContext(ctx, "tcp", peer.String())
		if err == nil {
			conn.Close()
		}
		if err == nil || errors.Is(err, syscall.ECONNREFUSED) {
			answered()
		}
	}()
}

// checksPerSecond bounds how often one peer is asked on behalf of addresses that
// this host has besides its own, however many these are.
const checksPerSecond = 4

// checkPath asks what the machine wants asked at now. Where an echo is missing, the
// reason is looked into for one address after the other: a peer that has ceased to
// answer has so for all.
func (d *daemon) checkPath(s *segment, own *address, p *path, now time.Time) {
	if other := s.busy[p.peer]; other != nil && other != p && other.machine.Examining() && !p.machine.Examining() {
		p.machine.Postpone(now.Add(d.options.CheckTimeout + d.kernel.random(d.options.CheckTimeout)))
		return
	}
	if !p.machine.Examining() {
		d.lookUp(s, p)
	}
	questions, finding := p.machine.Due(now)
	if p.machine.Examining() {
		s.busy[p.peer] = p
	}
	for _, q := range questions {
		if err := d.ask(s, own, p, q, now); err != nil {
			s.failures++
		}
	}
	d.found(s, own, p, finding, now)
}

// lookUp tells the machine whom the kernel sends to.
func (d *daemon) lookUp(s *segment, p *path) {
	station, err := d.kernel.station(s.at.Index, p.peer.Address)
	if err != nil {
		s.failures++
	}
	p.machine.SentTo(station)
}

func (d *daemon) ask(s *segment, own *address, p *path, q acd.PathQuestion, now time.Time) error {
	if q != acd.AskStation && q != acd.AskAnyStation && !d.stillOurs(s, own) {
		return nil
	}
	var b []byte
	var err error
	switch q {
	case acd.AskEcho:
		return d.askEcho(s, own, p)
	case acd.AskStation:
		b, err = frame.Probe(s.at.MAC, p.peer.Address, p.machine.Station(), nil)
	case acd.AskAnyStation:
		b, err = frame.Probe(s.at.MAC, p.peer.Address, frame.MAC{}, nil)
	case acd.AskAsOwner:
		b, err = frame.Request(s.at.MAC, own.detector.Address(), p.peer.Address, p.machine.Station())
	case acd.AskRival:
		own.detector.Probe(now)
		d.sendFor(s, own)
		return nil
	}
	if err != nil {
		return err
	}
	return s.wire.Send(b)
}

func (d *daemon) askEcho(s *segment, own *address, p *path) error {
	a, sequence := own.detector.Address(), p.machine.Sequence()
	if p.peer.Port != 0 {
		d.kernel.connect(d.ctx, a, p.peer, d.options.CheckTimeout, func() {
			d.do(func(now time.Time) { d.found(s, own, p, p.machine.Echoed(sequence, now), now) })
		})
		return nil
	}
	socket := d.echoes[a.Is4()]
	if socket == nil {
		var err error
		socket, err = d.kernel.echoes(a.Is4(), func(own, peer netip.Addr, sequence uint16) {
			d.do(func(now time.Time) { d.echoed(own, peer, sequence, now) })
		})
		if err != nil {
			return err
		}
		d.echoes[a.Is4()] = socket
	}
	return socket.send(s.at.Index, a, p.peer.Address, sequence)
}

// echoed hands a reply to the path that waits for it.
func (d *daemon) echoed(to, peer netip.Addr, sequence uint16, now time.Time) {
	for _, s := range d.segments {
		own := s.own[to]
		if own == nil {
			continue
		}
		for _, p := range own.paths {
			if p.peer.Address != peer || p.peer.Port != 0 {
				continue
			}
			if p.machine.Station().IsZero() { // the kernel has asked for it just for this echo
				d.lookUp(s, p)
			}
			d.found(s, own, p, p.machine.Echoed(sequence, now), now)
		}
	}
}

// resolved tells the paths to a peer that a station answers for it.
func (d *daemon) resolved(s *segment, peer netip.Addr, station frame.MAC, now time.Time) {
	for _, own := range s.own {
		for _, p := range own.paths {
			if p.peer.Address == peer {
				d.found(s, own, p, p.machine.Resolved(station, now), now)
				if p.machine.Examining() && !now.Before(p.machine.Next()) {
					d.checkPath(s, own, p, now)
				}
			}
		}
	}
}

// found acts on the outcome of a check.
func (d *daemon) found(s *segment, own *address, p *path, f acd.PathFinding, now time.Time) {
	if f == 0 {
		return
	}
	if f == acd.PathDiverted && d.stillOurs(s, own) {
		p.failures++
		d.observe(s, own, acd.Evidence{Verdict: acd.Claim, How: "return-path"}, now)
	}
	if p.told != f {
		p.told = f
		d.say(&s.voice, now, func() {
			d.log.Info("return path", "address", own.detector.Address(), "interface", s.at.Name, "peer", p.peer.String(), "finding", f.String())
		})
	}
}
