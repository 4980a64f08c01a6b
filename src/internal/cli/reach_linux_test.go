package cli

import (
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// TestCellNeedsNoOptions: on a host full of containers the bare commands look at
// the one interface that leads out, say once what they leave out, and do what they
// are told to take in.
func TestCellNeedsNoOptions(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	check(t, s.Cell(s.a, victim.Addr(), 60, 5))
	stdout, stderr, code := ipguard(t, s.a, "probe", "--timeout", patientProbe)
	if code != 0 || !strings.Contains(stdout, "free: "+victim.Addr().String()+" on eth0") || strings.Contains(stdout, "docker0") {
		t.Errorf("code %d\n%s%s", code, stdout, stderr)
	}
	for _, want := range []string{"s-0, s-1, s-2 and 57 more (a veth to a container)", "(a bridge without ports)", "silk-vtep (a vxlan interface)", "--include-interface"} {
		if !strings.Contains(stderr, want) {
			t.Errorf("no %q in %s", want, stderr)
		}
	}
	if strings.Count(stderr, "\n") != 2 {
		t.Errorf("it is not said once: %s", stderr)
	}
	for _, args := range [][]string{{"--include-interface", "dock*"}, {"--interface", "docker0"}, {"172.17.0.1"}, {"--expect", "172.17.0.1"}} {
		stdout, _, code = ipguard(t, s.a, append([]string{"probe", "--timeout", "50ms"}, args...)...)
		if code != 3 || !strings.Contains(stdout, "inconclusive: 172.17.0.1 on docker0") {
			t.Errorf("%v: code %d\n%s", args, code, stdout)
		}
	}
	if stdout, _, code = ipguard(t, s.a, "probe", "--exclude-interface", "eth0"); code != 3 || stdout != "" {
		t.Errorf("nothing is left: code %d\n%s", code, stdout)
	}

	w := startWatch(t, s.a, "--listen", "127.0.0.1:9479", "--check-every", "1s", "--probe-every", "1s", "--check-timeout", "100ms")
	kept := 0
	for _, l := range w.seen {
		if strings.HasPrefix(fmt.Sprint(l["msg"]), "interfaces left out") {
			kept++
		}
	}
	if kept != 3 {
		t.Errorf("%d kinds of interfaces were said to be left out, of 3: %v", kept, w.seen)
	}
	time.Sleep(1500 * time.Millisecond) // checks open their sockets
	metrics, _ := w.get("127.0.0.1:9479", "/metrics")
	if lines := strings.Count(metrics, "\n"); lines > 200 {
		t.Errorf("%d lines of metrics", lines)
	}
	if !strings.Contains(metrics, "ipguard_interfaces_left_out 67\n") || strings.Contains(metrics, "docker0") {
		t.Errorf("metrics\n%s", metrics)
	}
	// On a busy machine the sockets of several checks are open at a time: what counts is
	// how few there are between them.
	var open []string
	for range 50 {
		if open = openFiles(t, w.pid); len(open) <= 32 {
			break
		}
		time.Sleep(100 * time.Millisecond)
	}
	if len(open) > 32 {
		t.Errorf("%d descriptors stay open:\n%s", len(open), strings.Join(open, "\n"))
	}
	// Containers come and go; not a word is said of them, and nothing is missed.
	other, err := s.Isolated("more containers")
	check(t, err)
	check(t, s.Containers(s.a, other, "x", 60))
	check(t, s.a.RemoveContainers("x", 60))
	second := netip.MustParsePrefix("10.9.0.55/24")
	check(t, s.a.AddAddress(second))
	w.await("address appeared", "address", second.Addr().String())
	for _, l := range w.seen {
		if name := fmt.Sprint(l["interface"]); l["interface"] != nil && name != "eth0" {
			t.Errorf("%v", l)
		}
	}
}

// TestTwoCardsInOneSegment: the card without the routes is asked about by the same
// gateway; also by the control that the hint speaks of.
func TestTwoCardsInOneSegment(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	second := netip.MustParsePrefix("10.9.0.193/24")
	check(t, s.Connect(s.a, macO, second))
	for _, args := range [][]string{nil, {"--control", peer.Addr().String()}, {"--control", peer.Addr().String(), second.Addr().String()}, {second.Addr().String()}} {
		stdout, stderr, code := ipguard(t, s.a, append([]string{"probe", "--timeout", patientProbe}, args...)...)
		if code != 0 || !strings.Contains(stdout, "free: "+second.Addr().String()+" on eth1: nobody else answers") {
			t.Errorf("%v: code %d\n%s%s", args, code, stdout, stderr)
		}
	}
	if _, stderr, code := ipguard(t, s.a, "probe", "--timeout", patientProbe, "--control", "10.90.0.1"); code != 0 || stderr != "control 10.90.0.1 is not asked: it lies in no subnet of the interfaces that are probed\n" {
		t.Errorf("code %d, a mistyped control: %s", code, stderr)
	}
	// A twin is seen on either.
	add(t, s.Lab, "b", macB, second)
	stdout, _, code := ipguard(t, s.a, "probe", "--timeout", patientProbe)
	if code != 1 || !strings.Contains(stdout, "conflict: "+second.Addr().String()+" on eth1") {
		t.Errorf("code %d\n%s", code, stdout)
	}
	// A segment where nobody is known is unproven still, whatever the other one has.
	check(t, s.Connect(s.a, wirelab.Station(0xa3), netip.MustParsePrefix("10.8.0.1/24")))
	stdout, _, code = ipguard(t, s.a, "probe", "--timeout", "100ms", "10.8.0.1")
	if code != 3 || !strings.Contains(stdout, "nobody answers") && !strings.Contains(stdout, "no gateway and no neighbour") {
		t.Errorf("code %d\n%s", code, stdout)
	}
	if !slices.Contains(strings.Fields(stdout), "eth2:") {
		t.Errorf("%s", stdout)
	}
}

// openFiles are a process's descriptors and what they lead to, without those that it has
// from the gate in other tests, which here is no process that becomes bosh.
func openFiles(t *testing.T, pid int) []string {
	t.Helper()
	folder := fmt.Sprintf("/proc/%d/fd", pid)
	descriptors, err := os.ReadDir(folder)
	check(t, err)
	var list []string
	for _, d := range descriptors {
		to, err := os.Readlink(filepath.Join(folder, d.Name()))
		if err == nil && !strings.Contains(to, "memfd:ipguard") { // one that is closed meanwhile leads nowhere
			list = append(list, d.Name()+" "+to)
		}
	}
	return list
}
