package cli

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// TestIncident6 plays the incident in IPv6, with the rogues that there can be: a
// host that has an address answers who asks for it.
func TestIncident6(t *testing.T) {
	for _, test := range []struct {
		name string
		kind wirelab.RogueKind
		args []string
		how  string
	}{
		{"normal by listening", wirelab.Normal, []string{"--probe-every", "-1s", "--check-every", "0"}, "neighbor-solicitation"},
		{"qcached by probing", wirelab.QCached, []string{"--probe-every", "1s", "--check-every", "0"}, "neighbor-advertisement"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "nft")
			w := startWatch(t, s.a, append([]string{"--interface", "eth0"}, test.args...)...)
			r, err := s.Rogue(test.kind, macB, victim6)
			check(t, err)
			speakOften(t, r, peer6.Addr())
			l := w.await("address suspect", "address", victim6.Addr().String(), "how", test.how)
			if l["mac"] != macB.String() {
				t.Errorf("%v names the wrong station", l)
			}
		})
	}
}

// TestReturnPath6: a theft by a solicitation to the director alone is found and
// healed. Linux renews its cache from a link-local address, so that this rogue is
// played by hand.
func TestReturnPath6(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	w := startWatch(t, s.a, "--interface", "eth0", "--probe-every", "-1s", "--check-every", "1s", "--check-timeout", "100ms")
	w.await("return path", "address", victim6.Addr().String(), "finding", "good")
	// Once may be a coincidence, twice is none.
	o := add(t, s.Lab, "o", macB)
	for _, state := range []string{"suspect", "conflict"} {
		check(t, o.Inject(must(frame.Request(macB, victim6.Addr(), peer6.Addr(), macD))))
		l := w.await("address "+state, "address", victim6.Addr().String())
		if l["how"] != "return-path" {
			t.Errorf("%v", l)
		}
		w.await("return path", "address", victim6.Addr().String(), "finding", "good")
	}
}

// TestPeerGuards6: on the director, the first packet gives the rogue away. The
// inventory comes with a reload.
func TestPeerGuards6(t *testing.T) {
	t.Parallel()
	s := newScene(t, "nft", "ip")
	config := filepath.Join(t.TempDir(), "watch.yml")
	writeFile(t, config, nil)
	w := startWatch(t, s.d, "--interface", "eth0", "--config", config, "--check-every", "0", "--probe-every", "-1s")
	writeFile(t, config, []byte("inventory:\n  \""+victim6.Addr().String()+"\": "+macA.String()+"\n"))
	check(t, w.signal(syscall.SIGHUP))
	w.await("configuration read again", "guarded", "1")
	// The victim's own packets are what the inventory says.
	check(t, s.a.Do(func() error { return sendUDP(peer6.Addr()) }))
	w.silent(300*time.Millisecond, "address suspect", "address conflict")
	r, err := s.Rogue(wirelab.QCached, macB, victim6)
	check(t, err)
	check(t, r.Speak(peer6.Addr(), macD))
	l := w.await("address suspect", "address", victim6.Addr().String(), "guarded", "true")
	if l["mac"] != macB.String() || l["how"] != "ipv6" {
		t.Errorf("%v", l)
	}
}

func sendUDP(to netip.Addr) error {
	conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(to, 9)))
	if err != nil {
		return err
	}
	defer conn.Close()
	_, err = conn.Write([]byte("who I am"))
	return err
}

// TestWatchDefends6: the advertisement is on the wire after the claim, and the
// director believes it.
func TestWatchDefends6(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	station := func() string {
		var out []byte
		check(t, s.d.Do(func() (err error) {
			out, err = commandOutput("ip", "-6", "neigh", "show", victim6.Addr().String())
			return err
		}))
		return string(out)
	}
	theft := must(frame.Announcement(macB, victim6.Addr()))
	o := add(t, s.Lab, "o", macB)
	know := func(m frame.MAC) {
		await(t, "the director knows "+m.String(), func() bool { return strings.Contains(station(), m.String()) })
	}
	check(t, s.a.Do(func() error { return sendUDP(peer6.Addr()) }))
	know(macA)
	check(t, o.Inject(theft)) // without a watch, the theft lasts
	know(macB)
	check(t, s.a.Do(func() error { return sendUDP(peer6.Addr()) }))
	w := startWatch(t, s.a, "--interface", "eth0", "--defend", "once", "--check-every", "0", "--probe-every", "-1s", "--listen", "127.0.0.1:9479")
	check(t, o.Inject(theft))
	w.await("address suspect", "address", victim6.Addr().String(), "mac", macB.String())
	know(macA)
	const want = `ipguard_defences_total{address="2001:db8:9::bf",interface="eth0",guarded="false"} 1`
	if metrics, _ := w.get("127.0.0.1:9479", "/metrics"); !strings.Contains(metrics, want+"\n") {
		t.Errorf("no %s in\n%s", want, metrics)
	}
}

// TestWatchLogLimit: an attack cannot fill the disk; what is left out is counted.
func TestWatchLogLimit(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	w := startWatch(t, s.a, "--interface", "eth0", "--check-every", "0", "--probe-every", "-1s", "--listen", "127.0.0.1:9479")
	o := add(t, s.Lab, "o", macO)
	echo := must(frame.Announcement(macA, victim.Addr())) // each is worth a line
	const frames, lines = 100, 6
	for range frames {
		check(t, o.Inject(echo))
	}
	address := `{address="10.9.0.191",interface="eth0",guarded="false"}`
	var metrics string
	await(t, "all frames are counted", func() bool {
		metrics, _ = w.get("127.0.0.1:9479", "/metrics")
		return strings.Contains(metrics, "ipguard_mac_echo_total"+address+" 100\n")
	})
	if !strings.Contains(metrics, "ipguard_log_lines_suppressed_total 94\n") {
		t.Errorf("what was left out is not counted:\n%s", metrics)
	}
	check(t, w.signal(syscall.SIGTERM))
	w.await("stopped")
	said := 0
	for _, l := range w.seen {
		if strings.HasPrefix(l["msg"].(string), "our own station's frame came back") {
			said++
		}
	}
	if said != lines {
		t.Errorf("%d lines, want %d", said, lines)
	}
}

// TestWatchNotifiesSystemd: a service of Type=notify knows when the watch has
// begun, and that it is about to end.
func TestWatchNotifiesSystemd(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	path := filepath.Join(t.TempDir(), "notify")
	socket, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"})
	check(t, err)
	defer socket.Close()
	check(t, socket.SetReadDeadline(time.Now().Add(patience)))
	read := func() string {
		b := make([]byte, 100)
		n, err := socket.Read(b)
		check(t, err)
		return string(b[:n])
	}
	w := startWatchIn(t, s.a, []string{"NOTIFY_SOCKET=" + path}, "--interface", "eth0", "--check-every", "0")
	if got := read(); got != "READY=1" {
		t.Errorf("at first %q", got)
	}
	if code := w.stop(os.Interrupt); code != 0 {
		t.Errorf("ended with %d", code)
	}
	if got := read(); got != "STOPPING=1" {
		t.Errorf("at last %q", got)
	}
}
