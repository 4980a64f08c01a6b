package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
)

// path is the way back from one peer to one of our addresses.
type path struct {
	peer     Peer
	machine  *acd.ReturnPath
	failures int // of checks that found a theft
}

// echoSocket sends echo requests from one of our addresses, through the
// kernel's own routing and neighbour cache as every program does, and hears the
// replies. The kernel's ICMP filter lets nothing else through.
type echoSocket struct {
	conn *icmp.PacketConn
	own  netip.Addr
	id   int
}

// listenEcho hands each reply to the function: whose it is and which number.
func listenEcho(own netip.Addr, zone string, handle func(peer netip.Addr, sequence uint16)) (*echoSocket, error) {
	network, address := "ip4:icmp", own.String()
	if own.Is6() {
		network = "ip6:ipv6-icmp"
		if own.IsLinkLocalUnicast() {
			address += "%" + zone
		}
	}
	conn, err := icmp.ListenPacket(network, address)
	if err != nil {
		return nil, fmt.Errorf("echo socket of %s: %w", own, err)
	}
	s := &echoSocket{conn: conn, own: own, id: rand.IntN(1 << 16)}
	if err := s.onlyReplies(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go s.read(handle)
	return s, nil
}

func (s *echoSocket) onlyReplies() error {
	if s.own.Is4() {
		var f ipv4.ICMPFilter
		f.SetAll(true)
		f.Accept(ipv4.ICMPTypeEchoReply)
		return s.conn.IPv4PacketConn().SetICMPFilter(&f)
	}
	var f ipv6.ICMPFilter
	f.SetAll(true)
	f.Accept(ipv6.ICMPTypeEchoReply)
	return s.conn.IPv6PacketConn().SetICMPFilter(&f)
}

func (s *echoSocket) read(handle func(netip.Addr, uint16)) {
	protocol := 1
	if s.own.Is6() {
		protocol = 58
	}
	buffer := make([]byte, 1500)
	for {
		n, from, err := s.conn.ReadFrom(buffer)
		if errors.Is(err, net.ErrClosed) {
			return
		}
		if err != nil {
			continue // an ICMP error that the kernel reports for an earlier request
		}
		m, err := icmp.ParseMessage(protocol, buffer[:n])
		if err != nil {
			continue
		}
		echo, ok := m.Body.(*icmp.Echo)
		address, okAddr := from.(*net.IPAddr)
		if !ok || !okAddr || echo.ID != s.id {
			continue
		}
		if peer, ok := netip.AddrFromSlice(address.IP); ok {
			handle(peer.Unmap(), uint16(echo.Seq))
		}
	}
}

func (s *echoSocket) send(peer netip.Addr, zone string, sequence uint16) error {
	request := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: s.id, Seq: int(sequence), Data: []byte("ipguard return path")}}
	if peer.Is6() {
		request.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := request.Marshal(nil)
	if err != nil {
		return err
	}
	to := &net.IPAddr{IP: peer.AsSlice()}
	if peer.IsLinkLocalUnicast() && peer.Is6() {
		to.Zone = zone
	}
	_, err = s.conn.WriteTo(b, to)
	return err
}

// connects reports whether the peer's answer to a TCP connection from own
// reaches us; a refusal is an answer too.
func connects(ctx context.Context, own netip.Addr, peer Peer, timeout time.Duration) bool {
	dialer := net.Dialer{Timeout: timeout, LocalAddr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(own, 0))}
	conn, err := dialer.DialContext(ctx, "tcp", peer.String())
	if err == nil {
		conn.Close()
		return true
	}
	return errors.Is(err, syscall.ECONNREFUSED)
}

// checkPath asks what the machine wants asked at now.
func (d *daemon) checkPath(s *segment, own *address, p *path, now time.Time) {
	questions, finding := p.machine.Due(now)
	for _, q := range questions {
		if err := d.ask(s, own, p, q); err != nil {
			s.failures++
		}
	}
	d.found(s, own, p, finding, now)
}

func (d *daemon) ask(s *segment, own *address, p *path, q acd.PathQuestion) error {
	a := own.detector.Address()
	if q != acd.AskStation && !d.stillOurs(s, own) {
		return nil
	}
	switch q {
	case acd.AskEcho:
		return d.askEcho(s, own, p)
	case acd.AskStation:
		b, err := frame.Probe(s.at.MAC, p.peer.Address, frame.MAC{}, nil)
		if err != nil {
			return err
		}
		return s.port.Send(b)
	case acd.AskAsOwner:
		b, err := frame.Request(s.at.MAC, a, p.peer.Address, p.machine.Station())
		if err != nil {
			return err
		}
		return s.port.Send(b)
	}
	return nil
}

func (d *daemon) askEcho(s *segment, own *address, p *path) error {
	a, sequence := own.detector.Address(), p.machine.Sequence()
	if p.peer.Port != 0 {
		go func() {
			if connects(d.ctx, a, p.peer, d.options.CheckTimeout) {
				d.do(func(now time.Time) { d.found(s, own, p, p.machine.Echoed(sequence, now), now) })
			}
		}()
		return nil
	}
	if own.echo == nil {
		socket, err := listenEcho(a, s.at.Name, func(peer netip.Addr, sequence uint16) {
			d.do(func(now time.Time) { d.echoed(s, own, peer, sequence, now) })
		})
		if err != nil {
			return err
		}
		own.echo = socket
	}
	return own.echo.send(p.peer.Address, s.at.Name, sequence)
}

func (d *daemon) echoed(s *segment, own *address, peer netip.Addr, sequence uint16, now time.Time) {
	for _, p := range own.paths {
		if p.peer.Address == peer && p.peer.Port == 0 {
			d.found(s, own, p, p.machine.Echoed(sequence, now), now)
		}
	}
}

// resolved tells the paths to a peer that a station answers for it.
func (d *daemon) resolved(s *segment, peer netip.Addr, station frame.MAC) {
	for _, own := range s.own {
		for _, p := range own.paths {
			if p.peer.Address == peer {
				p.machine.Resolved(station)
			}
		}
	}
}

// found acts on the outcome of a check.
func (d *daemon) found(s *segment, own *address, p *path, f acd.PathFinding, now time.Time) {
	if f == 0 {
		return
	}
	if f == acd.PathStolen || f == acd.PathLost {
		p.failures++
		e := acd.Evidence{Verdict: acd.Claim, How: "return-path", Proven: f == acd.PathStolen}
		d.observe(s, own, e, now)
	}
	key := own.detector.Address().String() + " " + p.peer.String()
	if d.pathFindings[key] != f {
		d.pathFindings[key] = f
		d.say(&own.voice, now, func() {
			d.log.Info("return path", "address", own.detector.Address(), "interface", s.at.Name, "peer", p.peer.String(), "finding", f.String())
		})
	}
}
