package watch

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"

	"golang.org/x/net/icmp"
	"golang.org/x/net/ipv4"
	"golang.org/x/net/ipv6"
)

// echoes sends echo requests from any address of this host.
type echoes interface {
	send(index int, own, peer netip.Addr, sequence uint16) error
	Close() error
}

// echoSocket sends echo requests through the kernel's own neighbour cache, as every
// program does, and hears the replies. One serves all addresses of a family. The
// kernel's ICMP filter lets nothing but replies through.
type echoSocket struct {
	*icmp.PacketConn
	four bool
	id   int
}

// listenEchoes hands each reply to the function: to whom, whose, and which number.
func listenEchoes(four bool, heard func(own, peer netip.Addr, sequence uint16)) (echoes, error) {
	network, any := "ip4:icmp", "0.0.0.0"
	if !four {
		network, any = "ip6:ipv6-icmp", "::"
	}
	conn, err := icmp.ListenPacket(network, any)
	if err != nil {
		return nil, fmt.Errorf("echo socket: %w", err)
	}
	s := &echoSocket{PacketConn: conn, four: four, id: rand.IntN(1 << 16)}
	if err := s.onlyReplies(); err != nil {
		return nil, errors.Join(err, conn.Close())
	}
	go s.read(heard)
	return s, nil
}

func (s *echoSocket) onlyReplies() error {
	if s.four {
		var f ipv4.ICMPFilter
		f.SetAll(true)
		f.Accept(ipv4.ICMPTypeEchoReply)
		c := s.IPv4PacketConn()
		return errors.Join(c.SetICMPFilter(&f), c.SetControlMessage(ipv4.FlagDst, true))
	}
	var f ipv6.ICMPFilter
	f.SetAll(true)
	f.Accept(ipv6.ICMPTypeEchoReply)
	c := s.IPv6PacketConn()
	return errors.Join(c.SetICMPFilter(&f), c.SetControlMessage(ipv6.FlagDst, true))
}

// readFrom reads one reply: to which address it came, and from which.
func (s *echoSocket) readFrom(buffer []byte) (n int, own, peer netip.Addr, err error) {
	var to net.IP
	var from net.Addr
	if s.four {
		var c *ipv4.ControlMessage
		if n, c, from, err = s.IPv4PacketConn().ReadFrom(buffer); c != nil {
			to = c.Dst
		}
	} else {
		var c *ipv6.ControlMessage
		if n, c, from, err = s.IPv6PacketConn().ReadFrom(buffer); c != nil {
			to = c.Dst
		}
	}
	if err != nil {
		return 0, own, peer, err
	}
	own, _ = netip.AddrFromSlice(to)
	if a, ok := from.(*net.IPAddr); ok {
		peer, _ = netip.AddrFromSlice(a.IP)
	}
	return n, own.Unmap(), peer.Unmap(), nil
}

func (s *echoSocket) read(heard func(own, peer netip.Addr, sequence uint16)) {
	protocol := 1
	if !s.four {
		protocol = 58
	}
	buffer := make([]byte, 1500)
	for {
		n, own, peer, err := s.readFrom(buffer)
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
		if echo, ok := m.Body.(*icmp.Echo); ok && echo.ID == s.id {
			heard(own, peer, uint16(echo.Seq))
		}
	}
}

// send sends one from own, by the interface. The kernel refuses it if own is no
// address of this host any more.
func (s *echoSocket) send(index int, own, peer netip.Addr, sequence uint16) error {
	request := icmp.Message{Type: ipv4.ICMPTypeEcho, Body: &icmp.Echo{ID: s.id, Seq: int(sequence), Data: []byte("ipguard return path")}}
	if !s.four {
		request.Type = ipv6.ICMPTypeEchoRequest
	}
	b, err := request.Marshal(nil)
	if err != nil {
		return err
	}
	to := &net.IPAddr{IP: peer.AsSlice()}
	if s.four {
		_, err = s.IPv4PacketConn().WriteTo(b, &ipv4.ControlMessage{Src: own.AsSlice(), IfIndex: index}, to)
	} else {
		_, err = s.IPv6PacketConn().WriteTo(b, &ipv6.ControlMessage{Src: own.AsSlice(), IfIndex: index}, to)
	}
	return err
}
