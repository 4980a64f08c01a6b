//go:build !race

package jobs

import (
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

const preStart = "/var/vcap/jobs/ipguard-probe/bin/pre-start"

// patientProbe are properties for a machine that may be busy: an answer that
// nobody reads in time would make another outcome.
const patientProbe = "{timeout: 1s, retry_for: 1s, "

// TestPreStart runs the rendered pre-start with the compiled program, on a
// segment with real kernels.
func TestPreStart(t *testing.T) {
	twin := func(t *testing.T, s scene) { s.add("b", macB, victim) }
	for _, test := range []struct {
		name       string
		properties string
		setup      func(t *testing.T, s scene)
		code       int
		last       string // part of the last line of stdout
		loud       bool   // the last line is on stderr too
	}{
		{"no conflict", "", func(*testing.T, scene) {}, 0, "no address of this VM has a second owner that answers", false},
		{"a second host with the same address", "", twin, 1,
			"CONFLICT: 10.9.0.191 on eth0: another station has it: 00:50:56:00:00:0b (VMware), since 20", true},
		{"the same, but only warn", "on_conflict: warn", twin, 0, "CONFLICT: 10.9.0.191 on eth0", true},
		{"the same, but declared", "shared: ['10.9.0.191=00:50:56:00:00:0b']", twin, 0, "no address of this VM has a second owner", false},
		{"the same, but left out", "exclude: {addresses: [10.9.0.191, 'fe80::/10']}", twin, 0, "WARNING: the probe ended with 3", true},
		{"the same on an interface that is left out", "exclude: {interfaces: [eth1]}", func(t *testing.T, s scene) {
			check(t, s.Connect(s.host, macO, third))
			s.add("b", macB, third)
		}, 0, "no address of this VM has a second owner", false},
		{"proxy arp", "", func(t *testing.T, s scene) {
			check(t, s.d.Run("ip", "route", "add", "unreachable", "10.9.0.128/25"))
			for _, key := range []string{"ipv4/ip_forward", "ipv4/conf/eth0/proxy_arp", "ipv4/conf/eth0/proxy_arp_pvlan"} {
				check(t, s.d.Sysctl(key, "1"))
			}
		}, 0, "no address of this VM has a second owner", false},
		{"a host that answers for everybody", "", func(t *testing.T, s scene) {
			check(t, s.add("o", macO, third).Run("ip", "route", "add", "local", "10.9.0.0/24", "dev", "lo"))
		}, 0, "WARNING: not proven that every address has one owner, 1 of them open; the first is proxy: 10.9.0.191 on eth0: 00:50:56:00:00:0f (VMware) answers for every address", true},
		{"a host that answers for everybody, and a probe is required", "require_probe: true", func(t *testing.T, s scene) {
			check(t, s.add("o", macO, third).Run("ip", "route", "add", "local", "10.9.0.0/24", "dev", "lo"))
		}, 1, "FAILED, because require_probe is true: not proven that every address has one owner, 1 of them open", true},
		{"a dead network", "", func(t *testing.T, s scene) { check(t, s.d.SetLink(false)) }, 0, "WARNING: not proven that every address has one owner, 2 of them open", true},
		{"a dead network, and a probe is required", "require_probe: true", func(t *testing.T, s scene) { check(t, s.d.SetLink(false)) },
			1, "FAILED, because require_probe is true: not proven that every address has one owner, 2 of them open", true},
		{"without the promised address", "", func(t *testing.T, s scene) {
			check(t, s.host.DeleteAddress(victim))
			check(t, s.host.AddAddress(third))
		}, 0, "the first is inconclusive: 10.9.0.191: this host is expected to have it, but no interface has it", true},
		{"a virtual address that another holds", "moving_addresses: [10.9.0.7]", func(t *testing.T, s scene) { s.add("b", macB, third) },
			0, "no address of this VM has a second owner", false},
		{"a virtual address that two others hold", "moving_addresses: [10.9.0.7]", func(t *testing.T, s scene) {
			s.add("b", macB, third)
			s.add("o", macO, third)
		}, 1, "CONFLICT: 10.9.0.7 on eth0: another station has it", true},
		{"a second host with the same IPv6 address", "", func(t *testing.T, s scene) {
			check(t, s.host.AddAddress(victim6))
			s.add("b", macB, victim6)
		}, 1, "CONFLICT: 2001:db8:9::bf on eth0: another station has it: 00:50:56:00:00:0b (VMware)", true},
		{"the program is missing", "", func(t *testing.T, s scene) {
			check(t, os.Remove(filepath.Join(s.vcap, "packages/ipguard/bin/ipguard")))
		}, 0, "WARNING: /var/vcap/packages/ipguard/bin/ipguard could not be run", true},
		{"the program fails with the code of a conflict", "", func(_ *testing.T, s scene) {
			s.program([]byte("#!/bin/sh\necho broken >&2\nexit 1\n"))
		}, 0, "WARNING: the probe ended with 1, for the reason above or in pre-start.stderr.log", true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "ip")
			p := properties(t, patientProbe+"}")
			for name, value := range properties(t, test.properties) {
				p[name] = value
			}
			s.install("ipguard-probe", instance{Networks: oneNetwork, Properties: p})
			test.setup(t, s)
			for range 2 { // it may run again
				stdout, stderr, code := s.run(preStart)
				if code != test.code || !strings.Contains(lastLine(stdout), test.last) {
					t.Errorf("code %d, want %d and a last line with %q:\n%s%s", code, test.code, test.last, stdout, stderr)
				}
				// Each is written with its own time.
				_, out, _ := strings.Cut(lastLine(stdout), " ")
				_, loud, _ := strings.Cut(lastLine(stderr), " ")
				if test.loud != (out == loud) {
					t.Errorf("standard error ends with %q", lastLine(stderr))
				}
			}
		})
	}
}

// TestPreStartOnTwoNetworks: on the network without the default route nobody but
// its own gateway, whom the director names, can prove that silence means free.
func TestPreStartOnTwoNetworks(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	storage := netip.MustParsePrefix("10.8.52.191/24")
	check(t, s.Connect(s.host, wirelab.Station(0xa2), storage))
	s.add("gateway", macO, netip.MustParsePrefix("10.8.52.1/24"))
	for _, test := range []struct {
		gateway string
		code    int
		last    string
	}{
		{"10.8.52.1", 0, "no address of this VM has a second owner"},
		{"", 1, "FAILED, because require_probe is true: not proven that every address has one owner, 2 of them open; the first is inconclusive: 10.8.52.191 on eth1"},
	} {
		networks := map[string]any{"storage": map[string]any{"type": "manual", "ip": "10.8.52.191", "gateway": test.gateway}}
		maps.Copy(networks, oneNetwork)
		s.install("ipguard-probe", instance{Networks: networks, Properties: properties(t, patientProbe+"require_probe: true}")})
		if stdout, stderr, code := s.run(preStart); code != test.code || !strings.Contains(lastLine(stdout), test.last) {
			t.Errorf("gateway %q: code %d, want %d and %q:\n%s%s", test.gateway, code, test.code, test.last, stdout, stderr)
		}
	}
}

// TestPreStartSaysWhatToDo reads the whole of the last line.
func TestPreStartSaysWhatToDo(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.install("ipguard-probe", instance{Networks: oneNetwork, Properties: properties(t, patientProbe+"}")})
	s.add("b", macB, victim)
	before := time.Now().UTC().Truncate(time.Second)
	stdout, _, _ := s.run(preStart)
	line := lastLine(stdout)
	_, since, _ := strings.Cut(line, "since ")
	since, todo, _ := strings.Cut(since, "; ")
	if at, err := time.Parse(time.RFC3339, since); err != nil || at.Before(before) || at.After(time.Now()) {
		t.Errorf("since %q (%v), want a time from %s on", since, err, before)
	}
	if want := "to do: ask 'ipguard who 10.9.0.191' where the fleet file is, find that station by its MAC in the hypervisor or switch, and take the address from one of the two"; todo != want {
		t.Errorf("%q, want %q", todo, want)
	}
}

// TestPreStartWithoutRights: a probe that is not allowed is no conflict.
func TestPreStartWithoutRights(t *testing.T) {
	sharedtest.Programs(t, "setpriv")
	for _, test := range []struct {
		required string
		code     int
		last     string
	}{
		{"false", 0, "WARNING: the probe ended with 3, for the reason above or in pre-start.stderr.log; started nevertheless"},
		{"true", 1, "FAILED, because require_probe is true: the probe ended with 3"},
	} {
		t.Run("required "+test.required, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.install("ipguard-probe", instance{Networks: oneNetwork, Properties: properties(t, "require_probe: "+test.required)})
			s.add("b", macB, victim)
			stdout, stderr, code := s.run("setpriv", "--bounding-set=-net_raw", "--inh-caps=-net_raw", preStart)
			if code != test.code || !strings.Contains(lastLine(stdout), test.last) || !strings.Contains(stderr, "CAP_NET_RAW") {
				t.Errorf("code %d, want %d and %q:\n%s%s", code, test.code, test.last, stdout, stderr)
			}
		})
	}
}

// TestPreStartEnds: whatever hangs, pre-start ends, and with what was known.
func TestPreStartEnds(t *testing.T) {
	for _, test := range []struct {
		name, properties, program string
		bound                     time.Duration
		code                      int
		last                      string
	}{
		{"a probe that would take longer", "{retry_for: 1s, deadline: 2s, rfc5227: true}", "", 7 * time.Second, 0, "the probe was interrupted; started nevertheless"},
		{"a program that hangs", "{retry_for: 1s, deadline: 2s}", "#!/bin/sh\nexec sleep 1000\n", 7 * time.Second, 0, "WARNING: the probe did not end within 7 seconds and was ended"},
		{"a program that hangs, and a probe is required", "{retry_for: 1s, deadline: 2s, require_probe: true}", "#!/bin/sh\nexec sleep 1000\n", 7 * time.Second, 1, "FAILED, because require_probe is true: the probe did not end"},
		{"a program that does not let itself be ended", "{retry_for: 1s, deadline: 2s}", "#!/bin/bash\ntrap '' TERM\nwhile :; do read -rt 1000 <> <(:); done\n", 12 * time.Second, 0, "WARNING: the probe did not end within 7 seconds and was ended"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newScene(t)
			s.install("ipguard-probe", instance{Networks: oneNetwork, Properties: properties(t, test.properties)})
			if test.program != "" {
				s.program([]byte(test.program))
			}
			// The bound, and what a busy machine takes to start and end programs.
			const busy = 30 * time.Second
			begin := time.Now()
			stdout, stderr, code := s.run(preStart)
			if took := time.Since(begin); took > test.bound+busy {
				t.Errorf("took %v, more than %v", took, test.bound)
			}
			if code != test.code || !strings.Contains(lastLine(stdout), test.last) {
				t.Errorf("code %d, want %d and %q:\n%s%s", code, test.code, test.last, stdout, stderr)
			}
		})
	}
}

// TestPreStartWaitsForPredecessor: the old VM dies while it is asked again.
func TestPreStartWaitsForPredecessor(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	s.install("ipguard-probe", instance{Networks: oneNetwork, Properties: properties(t, "{retry_for: 1m, deadline: 2m, timeout: 1s}")})
	rogue, err := s.Rogue(wirelab.Normal, macB, victim)
	check(t, err)
	c := s.command(preStart)
	var stdout strings.Builder
	asked := &watchedLines{want: "asking again", then: func() { check(t, rogue.Host.DeleteAddress(victim)) }}
	c.Stdout, c.Stderr = &stdout, asked
	check(t, s.host.Start(c))
	if err := c.Wait(); err != nil || !asked.seen || !strings.Contains(lastLine(stdout.String()), "no address of this VM has a second owner") {
		t.Errorf("%v, asked again: %v:\n%s", err, asked.seen, stdout.String())
	}
}

// watchedLines does something when a text was written for the first time.
type watchedLines struct {
	want string
	then func()
	seen bool
}

func (w *watchedLines) Write(b []byte) (int, error) {
	if !w.seen && strings.Contains(string(b), w.want) {
		w.seen = true
		w.then()
	}
	return len(b), nil
}
