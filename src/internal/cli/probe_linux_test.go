package cli

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// outcome is what the tests read of the report.
type outcome struct {
	Address    string
	Interface  string
	Outcome    string
	Reason     string
	ProbesSeen int `json:"probes_seen"`
	Claims     []struct {
		MAC, Vendor string
		Believed    bool
		Source      string `json:"ethernet_source"`
	}
}

// names reports whether the station is among the claims, and believed if that
// is asked; no other may then be believed.
func (o outcome) names(m frame.MAC, believed bool) bool {
	found := false
	for _, c := range o.Claims {
		if c.Believed && c.MAC != m.String() {
			return false
		}
		found = found || c.MAC == m.String() && c.Believed == believed
	}
	return found
}

func outcomesOf(t testing.TB, stdout string) []outcome {
	t.Helper()
	var report struct{ Results []outcome }
	if err := json.Unmarshal([]byte(stdout), &report); err != nil {
		t.Fatalf("%v in %s", err, stdout)
	}
	return report.Results
}

// again injects frames for as long as the test runs: the probe hears them at
// whatever moment it listens.
func again(t *testing.T, h *wirelab.Host, frames ...[]byte) {
	t.Helper()
	stop, done := make(chan struct{}), make(chan error)
	go func() {
		for {
			if err := h.Inject(frames...); err != nil {
				done <- err
				return
			}
			select {
			case <-stop:
				done <- nil
				return
			case <-time.After(10 * time.Millisecond):
			}
		}
	}()
	t.Cleanup(func() {
		close(stop)
		check(t, <-done)
	})
}

func must(b []byte, err error) []byte {
	if err != nil {
		panic(err)
	}
	return b
}

// tag puts an 802.1Q tag into a frame.
func tag(b []byte, vlan byte) []byte {
	return append(append(append([]byte{}, b[:12]...), 0x81, 0, 0, vlan), b[12:]...)
}

// patientProbe is the --timeout of probes here: the machine may be busy, and an
// answer that nobody reads in time would make another outcome.
const patientProbe = "1s"

// TestProbeOnLinks plays, with real kernels, the traps that make a probe see a
// conflict where none is, or miss one.
func TestProbeOnLinks(t *testing.T) {
	t.Parallel()
	claim := must(frame.Announcement(macB, victim.Addr()))
	forged := append([]byte{}, claim...)
	copy(forged[6:12], macO[:])
	for _, test := range []struct {
		name   string
		setup  func(t *testing.T, s scene)
		args   []string
		want   string // outcome of the victim's address
		reason string
		mac    frame.MAC
		// believed says that the station is believed though there is no conflict.
		believed bool
		code     int
	}{
		{name: "free", setup: func(*testing.T, scene) {}, want: "free"},
		{name: "twin", setup: rogue(wirelab.Normal), want: "conflict", mac: macB, code: 1},
		{name: "twin that drops all but arp", setup: rogue(wirelab.Quiet), want: "conflict", mac: macB, code: 1},
		{name: "twin that does not answer arp cannot be seen by asking", setup: rogue(wirelab.Silent), want: "free"},
		{name: "twin that drops all but arp and knows its peer", setup: rogue(wirelab.QCached), want: "conflict", mac: macB, code: 1},
		{name: "twin that answers nothing and knows its peer cannot be seen by asking", setup: rogue(wirelab.Cached), want: "free"},
		{name: "flapping twin", setup: rogue(wirelab.Flapping), want: "conflict", mac: macB, code: 1},
		{name: "two interfaces in one segment", setup: func(t *testing.T, s scene) {
			check(t, s.Connect(s.a, macO, third))
		}, want: "free"},
		{name: "proxy arp", setup: func(t *testing.T, s scene) {
			check(t, s.d.Run("ip", "route", "add", "unreachable", "10.9.0.128/25"))
			check(t, s.d.Sysctl("ipv4/ip_forward", "1"))
			check(t, s.d.Sysctl("ipv4/conf/eth0/proxy_arp", "1"))
			check(t, s.d.Sysctl("ipv4/conf/eth0/proxy_arp_pvlan", "1"))
		}, want: "free"},
		{name: "a station that answers for everything", setup: func(t *testing.T, s scene) {
			o := add(t, s.Lab, "o", macO, third)
			check(t, o.Run("ip", "route", "add", "local", "10.9.0.0/24", "dev", "lo"))
		}, want: "proxy", mac: macO, code: 3},
		{name: "a gateway that answers for everything", setup: func(t *testing.T, s scene) {
			check(t, s.d.Run("ip", "route", "add", "local", "10.9.0.0/24", "dev", "lo"))
		}, want: "proxy", mac: macD, code: 3},
		{name: "a twin beside a station that answers for everything", setup: func(t *testing.T, s scene) {
			check(t, s.d.Run("ip", "route", "add", "local", "10.9.0.0/24", "dev", "lo"))
			rogue(wirelab.Normal)(t, s)
		}, want: "conflict", mac: macB, code: 1},
		{name: "no carrier", setup: func(t *testing.T, s scene) { check(t, s.Unplug(s.a, 0, true)) },
			want: "inconclusive", reason: "no-carrier", code: 3},
		{name: "no carrier, but inconclusive passes", setup: func(t *testing.T, s scene) { check(t, s.Unplug(s.a, 0, true)) },
			args: []string{"--inconclusive", "pass"}, want: "inconclusive", reason: "no-carrier"},
		{name: "isolated port", setup: func(t *testing.T, s scene) {
			check(t, s.Isolate(0))
			check(t, s.Isolate(1))
		}, want: "inconclusive", reason: "no-control", code: 3},
		{name: "nobody to ask", setup: func(t *testing.T, s scene) {
			check(t, s.a.Run("ip", "route", "del", "default"))
			check(t, s.a.Run("ip", "-6", "route", "del", "default"))
		}, want: "inconclusive", reason: "nobody-to-ask", code: 3},
		{name: "somebody is named who must answer", setup: func(t *testing.T, s scene) {
			check(t, s.a.Run("ip", "route", "del", "default"))
		}, args: []string{"--control", peer.Addr().String()}, want: "free"},
		{name: "claim on another vlan of the trunk", setup: func(t *testing.T, s scene) {
			again(t, add(t, s.Lab, "o", macO), tag(claim, 5))
		}, want: "free"},
		{name: "claim with a priority tag", setup: func(t *testing.T, s scene) {
			again(t, add(t, s.Lab, "o", macO), tag(claim, 0))
		}, want: "conflict", mac: macB, code: 1},
		{name: "claim for another in one's own frame", setup: func(t *testing.T, s scene) {
			again(t, add(t, s.Lab, "o", macO), forged)
		}, want: "inconclusive", reason: "mismatched-claim", mac: macB, code: 3},
		{name: "cut short claims", setup: func(t *testing.T, s scene) {
			again(t, add(t, s.Lab, "o", macO), claim[:20], claim[:30], claim[:41])
		}, want: "free"},
		{name: "switch tracks its hosts by probes", setup: func(t *testing.T, s scene) {
			again(t, add(t, s.Lab, "o", macO), must(frame.Probe(macO, victim.Addr(), frame.MAC{}, nil)))
		}, want: "free"},
		{name: "a third machine asks for us", setup: func(t *testing.T, s scene) {
			again(t, add(t, s.Lab, "o", macO, third), must(frame.Request(macO, third.Addr(), victim.Addr(), frame.MAC{})))
		}, want: "free"},
		{name: "shared as declared", setup: rogue(wirelab.Normal), args: []string{"--shared", victim.Addr().String() + "=" + macB.String()},
			want: "shared", mac: macB},
		{name: "an address that moves, held by another", setup: func(t *testing.T, s scene) {
			check(t, s.a.DeleteAddress(victim))
			check(t, s.a.AddAddress(third))
			rogue(wirelab.Normal)(t, s)
		}, args: []string{"--vip", victim.Addr().String()}, want: "held", mac: macB, believed: true},
		{name: "an address that moves, held by two", setup: func(t *testing.T, s scene) {
			check(t, s.a.DeleteAddress(victim))
			check(t, s.a.AddAddress(third))
			rogue(wirelab.Normal)(t, s)
			add(t, s.Lab, "o", macO, victim)
		}, args: []string{"--vip", victim.Addr().String()}, want: "conflict", code: 1},
		{name: "an address that moves, held by this host and another", setup: rogue(wirelab.Normal),
			args: []string{"--vip", victim.Addr().String()}, want: "conflict", mac: macB, code: 1},
		{name: "virtual router, declared", setup: func(t *testing.T, s scene) {
			vrrp := frame.MAC{0, 0, 0x5e, 0, 1, 7}
			add(t, s.Lab, "b", vrrp, victim)
		}, args: []string{"--shared", victim.Addr().String()}, want: "shared", mac: frame.MAC{0, 0, 0x5e, 0, 1, 7}},
		{name: "virtual router of our own on a macvlan", setup: func(t *testing.T, s scene) {
			vrrp := "00:00:5e:00:01:07"
			check(t, s.a.Run("ip", "link", "add", "vrrp", "link", "eth0", "address", vrrp, "type", "macvlan", "mode", "bridge"))
			check(t, s.a.Run("ip", "link", "set", "vrrp", "up"))
			again(t, add(t, s.Lab, "o", macO), must(frame.Announcement(frame.MAC{0, 0, 0x5e, 0, 1, 7}, victim.Addr())))
		}, want: "free"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "nft", "ip")
			test.setup(t, s)
			stdout, stderr, code := ipguard(t, s.a, append([]string{"probe", victim.Addr().String(), "--interface", "eth0", "--timeout", patientProbe, "--format", "json"}, test.args...)...)
			results := outcomesOf(t, stdout)
			if len(results) != 1 {
				t.Fatalf("%d results: %s%s", len(results), stdout, stderr)
			}
			got := results[0]
			if got.Outcome != test.want || got.Reason != test.reason || code != test.code {
				t.Errorf("%s (%s), code %d; want %s (%s), code %d\n%s%s", got.Outcome, got.Reason, code, test.want, test.reason, test.code, stdout, stderr)
			}
			if !test.mac.IsZero() && !got.names(test.mac, test.believed || test.want == "conflict") {
				t.Errorf("claims %+v, want %s", got.Claims, test.mac)
			}
		})
	}
}

func rogue(kind wirelab.RogueKind) func(*testing.T, scene) {
	return func(t *testing.T, s scene) {
		_, err := s.Rogue(kind, macB, victim)
		check(t, err)
	}
}

// TestProbeEverything: without arguments, each address of each interface, both
// families, has its outcome.
func TestProbeEverything(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	second := netip.MustParsePrefix("10.9.0.192/24")
	check(t, s.a.AddAddress(second))
	add(t, s.Lab, "b", macB, second, victim6)
	stdout, stderr, code := ipguard(t, s.a, "probe", "--timeout", patientProbe, "--format", "json")
	got := map[string]string{}
	for _, r := range outcomesOf(t, stdout) {
		got[r.Address] = r.Outcome
	}
	want := map[string]string{victim.Addr().String(): "free", victim6.Addr().String(): "conflict",
		second.Addr().String(): "conflict", "fe80::250:56ff:fe00:a": "free"}
	for a, o := range want {
		if got[a] != o {
			t.Errorf("%s: %q, want %s", a, got[a], o)
		}
	}
	if len(got) != len(want) || code != 1 {
		t.Errorf("code %d, %d addresses: %s%s", code, len(got), stdout, stderr)
	}
}

// TestProbeBeforeTaking: an address that the host does not have yet.
func TestProbeBeforeTaking(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	wanted := netip.MustParsePrefix("10.9.0.50/24")
	add(t, s.Lab, "b", macB, wanted)
	stdout, _, code := ipguard(t, s.a, "probe", "--timeout", patientProbe, wanted.Addr().String(), "10.9.0.51", "172.16.0.1")
	for _, line := range []string{
		"inconclusive: 172.16.0.1: it lies in no subnet of this host's interfaces",
		"conflict: 10.9.0.50 on eth0: another station has it: 00:50:56:00:00:0b (VMware)",
		"hint: take another address",
		"free: 10.9.0.51 on eth0: nobody else answers",
	} {
		if !strings.Contains(stdout, line) {
			t.Errorf("no %q in\n%s", line, stdout)
		}
	}
	if code != 1 {
		t.Errorf("code %d", code)
	}
}

// TestProbeWaitsForPredecessor: the old machine dies while we ask again.
func TestProbeWaitsForPredecessor(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	b := add(t, s.Lab, "b", macB, victim)
	c := wirelab.Program("probe", victim.Addr().String(), "--retry-for", "1m", "--timeout", patientProbe)
	stderr, err := c.StderrPipe()
	check(t, err)
	var stdout bytes.Buffer
	c.Stdout = &stdout
	check(t, s.a.Start(c))
	asked := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if !asked && strings.Contains(lines.Text(), "asking again") {
			asked = true
			check(t, b.DeleteAddress(victim))
		}
	}
	if err := c.Wait(); err != nil || !asked || !strings.HasPrefix(stdout.String(), "free: ") {
		t.Errorf("%v, asked again: %v: %s", err, asked, stdout.String())
	}
}

func TestProbeOfConflictThatStays(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	add(t, s.Lab, "b", macB, victim)
	begin := time.Now()
	stdout, _, code := ipguard(t, s.a, "probe", victim.Addr().String(), "--retry-for", "2s", "--timeout", patientProbe)
	if code != 1 || strings.Count(stdout, "conflict: ") != 1 || time.Since(begin) < time.Second {
		t.Errorf("code %d after %v: %s", code, time.Since(begin), stdout)
	}
}

// TestProbeDeadline: a conflict that was to be asked for again is one when the
// time is over, with the moment at which it was first seen; what was not settled
// is inconclusive.
func TestProbeDeadline(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	add(t, s.Lab, "b", macB, victim)
	stdout, stderr, code := ipguard(t, s.a, "probe", victim.Addr().String(), "10.9.0.51", "--rfc5227", "--retry-for", "10m", "--deadline", "3500ms")
	for _, line := range []string{
		"conflict: 10.9.0.191 on eth0: another station has it: 00:50:56:00:00:0b (VMware), since 20",
		"inconclusive: 10.9.0.51 on eth0: the probe was interrupted",
	} {
		if !strings.Contains(stdout, line) {
			t.Errorf("no %q in\n%s%s", line, stdout, stderr)
		}
	}
	if code != 1 {
		t.Errorf("code %d", code)
	}
}

// TestProbeLeavesOut: interfaces and addresses that are excluded, and addresses
// that are expected.
func TestProbeLeavesOut(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	add(t, s.Lab, "b", macB, victim)
	check(t, s.Connect(s.a, macO, netip.MustParsePrefix("10.9.0.192/24")))
	for _, test := range []struct {
		args []string
		want string // in the output
		code int
	}{
		{[]string{"--exclude", "10.9.0.191", "--exclude-interface", "eth1"}, "free: 2001:db8:9::bf on eth0", 0},
		{[]string{"--exclude", "10.9.0.128/25", "--interface", "eth0"}, "free: 2001:db8:9::bf on eth0", 0},
		{[]string{"--exclude-interface", "eth?"}, "no interface that leads out of this host has an address that could be probed", 3},
		{[]string{"--exclude", "10.9.0.0/24", "--exclude-interface", "eth1", "--expect", "10.9.0.8"}, "", 0},
		{[]string{"--exclude", "10.9.0.191", "--expect", "10.9.0.192", "--expect", "10.9.1.8"}, "inconclusive: 10.9.1.8: this host is expected to have it, but no interface has it", 3},
	} {
		stdout, stderr, code := ipguard(t, s.a, append([]string{"probe", "--timeout", patientProbe}, test.args...)...)
		if code != test.code || !strings.Contains(stdout+stderr, test.want) || strings.Contains(stdout, "10.9.0.191") {
			t.Errorf("%q: code %d: %s%s", test.args, code, stdout, stderr)
		}
	}
}

func TestProbeUsage(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	for _, args := range [][]string{
		{"probe", "nonsense"}, {"probe", "10.9.0.0/24"}, {"probe", "--format", "xml"}, {"probe", "--timeout", "1ms"},
		{"probe", "--inconclusive", "maybe"}, {"probe", "--shared", "x"}, {"probe", "--retry-for", "-1s"},
		{"probe", "--deadline", "-1s"}, {"probe", "--vip", "x"}, {"probe", "--expect", "10.9.0.0/24"}, {"probe", "--exclude", "x"}, {"probe", "--exclude-interface", "["},
		{"probe", "--nonsense"},
	} {
		if _, stderr, code := ipguard(t, s.a, args...); code != 2 || stderr == "" {
			t.Errorf("%v: code %d, %q", args, code, stderr)
		}
	}
	if _, stderr, code := ipguard(t, s.a, "probe", "--interface", "eth9"); code != 3 || !strings.Contains(stderr, `no interface "eth9"`) {
		t.Errorf("code %d, %q", code, stderr)
	}
}

// TestProbeWithoutRights: a user without CAP_NET_RAW is told what is missing.
func TestProbeWithoutRights(t *testing.T) {
	t.Parallel()
	s := newScene(t, "setpriv")
	program, err := os.Executable()
	check(t, err)
	c := wirelab.Program("probe")
	// Root of a user namespace cannot become somebody else, but can drop its rights.
	c.Path, err = exec.LookPath("setpriv")
	check(t, err)
	c.Args = []string{"setpriv", "--bounding-set=-all", "--inh-caps=-all", program, "probe"}
	stdout, stderr, code := run(t, s.a, c)
	if code != 3 || !strings.Contains(stderr, "CAP_NET_RAW") || !strings.Contains(stderr, "hint: ") || stdout != "" {
		t.Errorf("code %d, %q, %q", code, stdout, stderr)
	}
}
