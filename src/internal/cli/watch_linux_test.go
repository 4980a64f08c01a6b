package cli

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/mdlayher/arp"
	"github.com/mdlayher/ethernet"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// watcher is a running "ipguard watch".
type watcher struct {
	t     testing.TB
	host  *wirelab.Host
	lines chan line
	seen  []line
	stop  func(os.Signal) int
	pid   int
	// signal sends a signal that does not end it.
	signal func(os.Signal) error
}

// line is one line of its log.
type line map[string]any

func (l line) is(message string, pairs ...string) bool {
	for i := 0; i < len(pairs); i += 2 {
		if fmt.Sprint(l[pairs[i]]) != pairs[i+1] {
			return false
		}
	}
	return l["msg"] == message
}

func startWatch(t testing.TB, h *wirelab.Host, args ...string) *watcher {
	t.Helper()
	return startWatchIn(t, h, nil, args...)
}

// startWatchIn adds to the watch's environment.
func startWatchIn(t testing.TB, h *wirelab.Host, environment []string, args ...string) *watcher {
	t.Helper()
	c := wirelab.Program(append([]string{"watch", "--log-format", "json"}, args...)...)
	c.Env = append(c.Env, environment...)
	stderr, err := c.StderrPipe()
	check(t, err)
	check(t, h.Start(c))
	w := &watcher{t: t, host: h, lines: make(chan line, 1000), pid: c.Process.Pid}
	go func() {
		for s := bufio.NewScanner(stderr); s.Scan(); {
			l := line{}
			if json.Unmarshal(s.Bytes(), &l) != nil {
				l = line{"msg": s.Text()}
			}
			w.lines <- l
		}
		close(w.lines)
	}()
	w.signal = c.Process.Signal
	ended := false
	w.stop = func(signal os.Signal) int {
		if !ended {
			ended = true
			check(t, c.Process.Signal(signal))
			for range w.lines {
			}
			if err := c.Wait(); err != nil {
				t.Logf("watch: %v", err)
			}
		}
		return c.ProcessState.ExitCode()
	}
	t.Cleanup(func() { w.stop(syscall.SIGTERM) })
	w.await("watching")
	return w
}

// patience is far longer than anything here takes; what is measured is measured
// by the bench.
const patience = time.Minute

// await returns the first line, seen or to come, that has this message and
// attributes.
func (w *watcher) await(message string, pairs ...string) line {
	w.t.Helper()
	for i, l := range w.seen {
		if l.is(message, pairs...) {
			w.seen = w.seen[i+1:]
			return l
		}
	}
	timeout := time.After(patience)
	for {
		select {
		case l, open := <-w.lines:
			if !open {
				w.t.Fatalf("watch ended before it said %q %v; it said %v", message, pairs, w.seen)
			}
			if l.is(message, pairs...) {
				return l
			}
			w.seen = append(w.seen, l)
		case <-timeout:
			w.t.Fatalf("watch never said %q %v; it said %v", message, pairs, w.seen)
		}
	}
}

// silent fails if the watch says something of that kind.
func (w *watcher) silent(d time.Duration, messages ...string) {
	w.t.Helper()
	timeout := time.After(d)
	for {
		select {
		case l := <-w.lines:
			for _, m := range messages {
				if l["msg"] == m {
					w.t.Errorf("%v", l)
				}
			}
		case <-timeout:
			return
		}
	}
}

// get asks the watch over HTTP, from within its host.
func (w *watcher) get(address, path string) (body string, status int) {
	w.t.Helper()
	check(w.t, w.host.Do(func() error {
		// Without keep-alive, and without goroutines that would dial elsewhere.
		conn, err := dialHere(address)
		if err != nil {
			return err
		}
		defer conn.Close()
		request, err := http.NewRequest("GET", "http://"+address+path, nil)
		if err != nil {
			return err
		}
		request.Close = true
		if err := request.Write(conn); err != nil {
			return err
		}
		response, err := http.ReadResponse(bufio.NewReader(conn), request)
		if err != nil {
			return err
		}
		defer response.Body.Close()
		b, err := io.ReadAll(response.Body)
		body, status = string(b), response.StatusCode
		return err
	}))
	return body, status
}

// TestIncident plays the incident with each kind of rogue and each way to see
// it. Only the way back from the peer shows them all.
func TestIncident(t *testing.T) {
	passive := []string{"--probe-every", "-1s", "--check-every", "0"}
	probing := []string{"--probe-every", "1s", "--check-every", "0"}
	returning := []string{"--probe-every", "-1s", "--check-every", "1s", "--check-timeout", "100ms"}
	all := []string{"--probe-every", "1s", "--check-every", "1s", "--check-timeout", "100ms"}
	for _, test := range []struct {
		kind  wirelab.RogueKind
		how   string
		args  []string
		state string
	}{
		{wirelab.Normal, "arp-request", passive, "conflict"},
		{wirelab.Quiet, "arp-request", passive, "conflict"},
		{wirelab.Silent, "arp-request", passive, "suspect"},
		{wirelab.Flapping, "arp-request", passive, "suspect"},
		{wirelab.QCached, "arp-reply", probing, "conflict"},
		{wirelab.Silent, "return-path", returning, "conflict"},
		{wirelab.Cached, "return-path", returning, "conflict"},
		{wirelab.QCached, "return-path", returning, "conflict"},
		{wirelab.Normal, "", all, "conflict"},
		{wirelab.Quiet, "", all, "conflict"},
		{wirelab.Silent, "", all, "conflict"},
		{wirelab.Cached, "", all, "conflict"},
		{wirelab.QCached, "", all, "conflict"},
		{wirelab.Flapping, "", all, "conflict"},
	} {
		name := string(test.kind) + " by " + test.how
		if test.how == "" {
			name = string(test.kind) + " by all"
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "nft")
			args := append([]string{"--interface", "eth0"}, test.args...)
			w := startWatch(t, s.a, args...)
			if test.how == "return-path" || test.how == "" {
				w.await("return path", "address", victim.Addr().String(), "finding", "good")
			}
			if test.state == "conflict" { // past the time in which a former owner's claims are forgiven
				time.Sleep(3 * time.Second)
			}
			r, err := s.Rogue(test.kind, macB, victim)
			check(t, err)
			speakOften(t, r, peer.Addr())
			if test.how == "return-path" {
				// The rogue's broadcasts, if it sends any, may be noticed first.
				w.await("return path", "address", victim.Addr().String(), "finding", "diverted")
				w.await("address conflict", "address", victim.Addr().String())
				return
			}
			pairs := []string{"address", victim.Addr().String()}
			if test.how != "" {
				pairs = append(pairs, "state", test.state)
			}
			l := w.await("address "+test.state, pairs...)
			if test.how != "" && l["mac"] != macB.String() {
				t.Errorf("%v names the wrong station", l)
			}
		})
	}
}

// speakOften has the rogue speak until the test ends, as its cron job does: one
// theft may heal by itself, before anybody can prove it.
func speakOften(t *testing.T, r *wirelab.Rogue, to netip.Addr) {
	t.Helper()
	check(t, r.Speak(to, macD))
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(5 * time.Second):
			}
			if err := r.Speak(to, macD); err != nil {
				done <- err
				return
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		check(t, <-done)
	})
}

// TestPeerGuards: on the director, the cached rogue is seen by the first thing
// that it says, though no other station hears it.
func TestPeerGuards(t *testing.T) {
	for _, kind := range wirelab.RogueKinds {
		t.Run(string(kind), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "nft", "ip")
			config := filepath.Join(t.TempDir(), "watch.yml")
			check(t, os.WriteFile(config, []byte("inventory:\n  "+victim.Addr().String()+": "+macA.String()+"\n"), 0o600))
			w := startWatch(t, s.d, "--interface", "eth0", "--config", config, "--check-every", "0")
			r, err := s.Rogue(kind, macB, victim)
			check(t, err)
			check(t, r.Speak(peer.Addr(), macD))
			l := w.await("address suspect", "address", victim.Addr().String(), "guarded", "true")
			if l["mac"] != macB.String() {
				t.Errorf("%v", l)
			}
			// The victim's own traffic is what the inventory says.
			if stdout, _, code := ipguard(t, s.a, "probe", victim.Addr().String(), "--timeout", patientProbe); kind == wirelab.Cached && code != 0 {
				t.Errorf("the victim can see this one by asking: %s", stdout)
			}
		})
	}
}

// TestWatchIgnores are the traps in which a watcher must say nothing.
func TestWatchIgnores(t *testing.T) {
	t.Parallel()
	claim := must(frame.Announcement(macB, victim.Addr()))
	for _, test := range []struct {
		name   string
		frames [][]byte
		args   []string
	}{
		{"another vlan of the trunk", [][]byte{tag(claim, 5)}, nil},
		{"cut short", [][]byte{claim[:20], claim[:30], claim[:41]}, nil},
		{"a switch that tracks its hosts", [][]byte{must(frame.Probe(macO, victim.Addr(), frame.MAC{}, nil))}, nil},
		{"somebody asks for us", [][]byte{must(frame.Request(macO, third.Addr(), victim.Addr(), frame.MAC{}))}, nil},
		{"declared as shared", [][]byte{claim}, []string{"--shared", victim.Addr().String() + "=" + macB.String()}},
		{"reverse arp of a live migration", [][]byte{append([]byte{255, 255, 255, 255, 255, 255, 0, 0x50, 0x56, 0, 0, 0xb, 0x80, 0x35}, claim[14:]...)}, nil},
		{"our own second interface", [][]byte{must(frame.Announcement(macO, victim.Addr()))}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "ip")
			if test.name == "our own second interface" {
				check(t, s.Connect(s.a, macO))
			}
			w := startWatch(t, s.a, append([]string{"--interface", "eth0"}, test.args...)...)
			again(t, add(t, s.Lab, "o", macN()), test.frames...)
			w.silent(500*time.Millisecond, "address suspect", "address conflict", "address flapping")
		})
	}
}

func macN() frame.MAC { return wirelab.Station(0xe) }

// TestWatchPeerDown: a peer that is gone is no theft.
func TestWatchPeerDown(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	w := startWatch(t, s.a, "--interface", "eth0", "--check-every", "1s", "--check-timeout", "100ms", "--probe-every", "-1s")
	w.await("return path", "address", victim.Addr().String(), "finding", "good")
	check(t, s.d.SetLink(false))
	w.await("return path", "address", victim.Addr().String(), "finding", "peer-silent")
	w.silent(1500*time.Millisecond, "address suspect", "address conflict")
}

// TestWatchDeafPeer: a peer that answers no echo is no theft either, and can be
// asked by TCP.
func TestWatchDeafPeer(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	check(t, s.d.Sysctl("ipv4/icmp_echo_ignore_all", "1"))
	args := []string{"--interface", "eth0", "--check-every", "1s", "--check-timeout", "100ms", "--probe-every", "-1s"}
	w := startWatch(t, s.a, args...)
	w.await("return path", "address", victim.Addr().String(), "finding", "no-echo")
	w.silent(1500*time.Millisecond, "address suspect", "address conflict")
	w.stop(syscall.SIGTERM)
	w = startWatch(t, s.a, append(args, "--peer", peer.Addr().String()+":22")...)
	w.await("return path", "peer", peer.Addr().String()+":22", "finding", "good")
}

// TestWatchLife: reload, hook, metrics, state over a restart, and the end.
func TestWatchLife(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	dir := t.TempDir()
	config, state, hooked := filepath.Join(dir, "watch.yml"), filepath.Join(dir, "state.json"), filepath.Join(dir, "hooked")
	hook := filepath.Join(dir, "hook")
	check(t, os.WriteFile(hook, []byte("#!/bin/sh\necho \"$IPGUARD_ADDRESS $IPGUARD_STATE $IPGUARD_MAC $1\" >> "+hooked+"\n"), 0o700))
	check(t, os.WriteFile(config, nil, 0o600))
	args := []string{"--interface", "eth0", "--config", config, "--state", state, "--listen", "127.0.0.1:9479",
		"--on-conflict", hook + " $(id)", "--check-every", "0", "--pid-file", filepath.Join(dir, "pid")}
	w := startWatch(t, s.a, args...)
	time.Sleep(3 * time.Second)
	o := add(t, s.Lab, "o", macO)
	claim := must(frame.Announcement(macB, victim.Addr()))
	check(t, o.Inject(claim))
	w.await("address suspect", "address", victim.Addr().String())
	check(t, o.Inject(claim))
	w.await("address conflict", "address", victim.Addr().String(), "mac", macB.String(), "vendor", "VMware")

	metrics, status := w.get("127.0.0.1:9479", "/metrics")
	for _, want := range []string{
		`ipguard_conflict{address="10.9.0.191",interface="eth0",guarded="false"} 1`,
		`ipguard_state{address="10.9.0.191",interface="eth0",guarded="false",state="conflict"} 1`,
		`ipguard_claims_total{address="10.9.0.191",interface="eth0",guarded="false",kind="arp-request"} 2`,
		`ipguard_claimant_info{address="10.9.0.191",interface="eth0",guarded="false",mac="00:50:56:00:00:0b"} 1`,
		`ipguard_conflict{address="2001:db8:9::bf",interface="eth0",guarded="false"} 0`,
	} {
		if !strings.Contains(metrics, want+"\n") {
			t.Errorf("no %s in\n%s", want, metrics)
		}
	}
	if _, health := w.get("127.0.0.1:9479", "/healthz"); status != 200 || health != 200 {
		t.Errorf("metrics %d, health %d", status, health)
	}
	await(t, "the hook", func() bool {
		b, err := os.ReadFile(hooked)
		return err == nil && string(b) == "10.9.0.191 conflict 00:50:56:00:00:0b $(id)\n"
	})

	check(t, s.Unplug(s.a, 0, true))
	w.await("carrier", "carrier", "false")
	if body, health := w.get("127.0.0.1:9479", "/healthz"); health != 503 || !strings.Contains(body, "no carrier") {
		t.Errorf("without carrier: %d %s", health, body)
	}
	check(t, s.Unplug(s.a, 0, false))
	w.await("carrier", "carrier", "true")

	if code := w.stop(syscall.SIGTERM); code != 0 {
		t.Errorf("ended with %d", code)
	}
	if _, err := os.Stat(filepath.Join(dir, "pid")); err == nil {
		t.Error("the pid file was left")
	}
	w = startWatch(t, s.a, args...)
	w.host = s.a
	metrics, _ = w.get("127.0.0.1:9479", "/metrics")
	if want := `ipguard_claims_total{address="10.9.0.191",interface="eth0",guarded="false",kind="arp-request"} 2`; !strings.Contains(metrics, want) {
		t.Errorf("after a restart no %s in\n%s", want, metrics)
	}
}

func await(t testing.TB, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(patience); time.Now().Before(end); time.Sleep(10 * time.Millisecond) {
		if done() {
			return
		}
	}
	t.Errorf("%s did not happen", what)
}

// TestWatchFollowsHost: addresses and interfaces that come and go, a
// configuration that is read again, and one that cannot be.
func TestWatchFollowsHost(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	config := filepath.Join(t.TempDir(), "watch.yml")
	check(t, os.WriteFile(config, nil, 0o600))
	c := []string{"--config", config, "--check-every", "0", "--probe-every", "-1s"}
	w := startWatch(t, s.a, c...)
	second := netip.MustParsePrefix("10.9.0.200/24")
	check(t, s.a.AddAddress(second))
	w.await("address appeared", "address", second.Addr().String())
	time.Sleep(3 * time.Second)
	o := add(t, s.Lab, "o", macO)
	check(t, o.Inject(must(frame.Announcement(macB, second.Addr()))))
	w.await("address suspect", "address", second.Addr().String())

	// Once it has left, another may have it.
	check(t, s.a.DeleteAddress(second))
	w.await("address left", "address", second.Addr().String())
	check(t, o.Inject(must(frame.Announcement(macB, second.Addr()))))
	w.silent(300*time.Millisecond, "address suspect", "address conflict")

	check(t, s.Connect(s.a, wirelab.Station(0xa2), netip.MustParsePrefix("10.9.1.5/24")))
	w.await("address appeared", "address", "10.9.1.5", "interface", "eth1")
	check(t, s.a.Run("ip", "link", "del", "eth1"))
	w.await("interface left", "interface", "eth1")

	check(t, os.WriteFile(config, []byte("shared: [nonsense]\n"), 0o600))
	check(t, w.signal(syscall.SIGHUP))
	w.await("configuration kept as it was")
	check(t, os.WriteFile(config, []byte("shared: [\""+victim.Addr().String()+"="+macB.String()+"\"]\n"), 0o600))
	check(t, w.signal(syscall.SIGHUP))
	w.await("configuration read again", "shared", "1")
	check(t, o.Inject(must(frame.Announcement(macB, victim.Addr()))))
	w.silent(300*time.Millisecond, "address suspect", "address conflict")
}

// TestWatchDefends: the announcement is on the wire at once after the claim.
func TestWatchDefends(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	w := startWatch(t, s.a, "--interface", "eth0", "--defend", "once", "--check-every", "0", "--probe-every", "-1s")
	time.Sleep(3 * time.Second)
	// The director now believes B; the victim's announcement wins it back.
	station := func() string {
		var out []byte
		check(t, s.d.Do(func() (err error) {
			out, err = commandOutput("ip", "neigh", "show", victim.Addr().String())
			return err
		}))
		return string(out)
	}
	check(t, s.a.Do(func() error {
		conn, err := net.DialUDP("udp", nil, net.UDPAddrFromAddrPort(netip.AddrPortFrom(peer.Addr(), 9)))
		if err != nil {
			return err
		}
		defer conn.Close()
		_, err = conn.Write([]byte("who I am"))
		return err
	}))
	await(t, "the director knows A", func() bool { return strings.Contains(station(), macA.String()) })
	time.Sleep(1100 * time.Millisecond) // the kernel keeps a new entry for a second
	o := add(t, s.Lab, "o", macB)
	theft := arpFrom(t, macB, victim.Addr(), peer.Addr())
	check(t, o.Inject(theft))
	w.await("address suspect", "mac", macB.String())
	time.Sleep(1100 * time.Millisecond)
	await(t, "the director knows A again", func() bool { return strings.Contains(station(), macA.String()) })
}

func arpFrom(t testing.TB, m frame.MAC, sender, target netip.Addr) []byte {
	t.Helper()
	p, err := arp.NewPacket(arp.OperationRequest, m[:], sender, make([]byte, 6), target)
	check(t, err)
	payload, err := p.MarshalBinary()
	check(t, err)
	f := ethernet.Frame{Source: m[:], Destination: ethernet.Broadcast, EtherType: ethernet.EtherTypeARP, Payload: payload}
	return must(f.MarshalBinary())
}

func TestWatchUsage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, args := range [][]string{
		{"--defend", "maybe"}, {"--probe-every", "10ms"}, {"--check-every", "10ms"}, {"--latch", "1s"}, {"--peer", "x"}, {"--vip", "x"},
		{"--shared", "x"}, {"--log-format", "x"}, {"argument"}, {"--config", "/nonexistent"},
	} {
		if _, stderr, code := ipguard(t, s.a, append([]string{"watch"}, args...)...); code != 2 || stderr == "" {
			t.Errorf("%v: code %d, %q", args, code, stderr)
		}
	}
}

// TestWatchLeavesOut: nothing is said of interfaces and addresses that are
// excluded.
func TestWatchLeavesOut(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	check(t, s.Connect(s.a, macO, netip.MustParsePrefix("10.9.0.192/24")))
	w := startWatch(t, s.a, "--exclude", victim.Addr().String(), "--exclude-interface", "eth1", "--check-every", "0", "--probe-every", "-1s")
	o := add(t, s.Lab, "o", macN())
	again(t, o, must(frame.Announcement(macB, victim.Addr())), must(frame.Announcement(macB, netip.MustParseAddr("10.9.0.192"))))
	w.silent(500*time.Millisecond, "address suspect", "address conflict", "address flapping")
	for _, l := range w.seen {
		if l["address"] == victim.Addr().String() || l["interface"] == "eth1" {
			t.Errorf("%v", l)
		}
	}
}
