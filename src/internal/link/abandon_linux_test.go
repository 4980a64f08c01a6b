package link_test

import (
	"net"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

func TestMain(m *testing.M) { os.Exit(wirelab.Main(m, nil)) }

// TestAbandon: the kernel closes abandoned sockets, and readers take it as an end.
func TestAbandon(t *testing.T) {
	lab := wirelab.ForTest(t)
	mac := frame.MAC{0, 0x50, 0x56, 0, 0, 0xa}
	h, err := lab.Host("a", mac)
	if err != nil {
		t.Fatal(err)
	}
	var port *link.Port
	must(t, h.Do(func() error {
		host, err := link.ReadHost()
		if err != nil {
			return err
		}
		at, _ := host.Find("eth0")
		sockets := map[link.Protocol]net.PacketConn{}
		for _, p := range []link.Protocol{link.ARP, link.IPv6} {
			if sockets[p], err = link.Listen(at, p, link.All()); err != nil {
				return err
			}
		}
		port = link.NewPort(sockets)
		return nil
	}))
	if n := packetSockets(t, h); n != 2 {
		t.Fatalf("%d packet sockets, want 2", n)
	}
	port.Receive(func(link.Received) {}, func(err error) { t.Errorf("the reader was told: %v", err) })
	must(t, port.Abandon())
	const patience = 30 * time.Second
	for begin := time.Now(); packetSockets(t, h) > 0; {
		if time.Since(begin) > patience {
			t.Fatalf("%d abandoned sockets are still open", packetSockets(t, h))
		}
	}
}

// packetSockets counts them in the host's namespace (packet(7), /proc/net/packet).
func packetSockets(t *testing.T, h *wirelab.Host) (n int) {
	t.Helper()
	must(t, h.Do(func() error {
		b, err := os.ReadFile("/proc/thread-self/net/packet")
		n = strings.Count(string(b), "\n") - 1 // below a line of names
		return err
	}))
	return n
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
