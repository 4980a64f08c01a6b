package cli

import (
	"bytes"
	"encoding/csv"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/scan"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// neighbourhood adds a twin of the victim, a host with many addresses, and a
// machine at an address that D has as well.
func neighbourhood(t *testing.T) scene {
	t.Helper()
	s := newScene(t, "ip")
	add(t, s.Lab, "b", macB, victim)
	o := add(t, s.Lab, "o", macO, third)
	for i := range 40 {
		check(t, o.AddAddress(netip.MustParsePrefix(fmt.Sprintf("10.9.0.%d/24", 50+i))))
	}
	add(t, s.Lab, "e", macN(), netip.MustParsePrefix("10.9.0.60/24"))
	return s
}

func TestScan(t *testing.T) {
	t.Parallel()
	s := neighbourhood(t)
	stdout, stderr, code := ipguard(t, s.a, "scan", "10.9.0.0/24", "--format", "json", "--rate", "5000")
	r := readScan(t, stdout, stderr)
	want := map[string]string{
		"10.9.0.1":   "unknown 00:50:56:00:00:0d",
		"10.9.0.7":   "unknown 00:50:56:00:00:0f",
		"10.9.0.191": "twice 00:50:56:00:00:0a 00:50:56:00:00:0b",
	}
	for i := range 40 {
		want[fmt.Sprintf("10.9.0.%d", 50+i)] = "unknown 00:50:56:00:00:0f"
	}
	got := map[string]string{}
	for _, h := range r.Hosts {
		words := []string{string(h.Status)}
		for _, x := range h.Stations {
			words = append(words, x.MAC.String())
		}
		got[h.Address.String()] = strings.Join(words, " ")
	}
	// Which of two stations answers first is theirs to decide.
	if x := got["10.9.0.60"]; x != "twice 00:50:56:00:00:0e 00:50:56:00:00:0f" && x != "twice 00:50:56:00:00:0f 00:50:56:00:00:0e" {
		t.Errorf("10.9.0.60: %q", x)
	}
	delete(got, "10.9.0.60")
	delete(want, "10.9.0.60")
	for a, w := range want {
		if got[a] != w {
			t.Errorf("%s: %q, want %q", a, got[a], w)
		}
	}
	if len(got) != len(want) || code != 1 || !r.Complete {
		t.Errorf("%d addresses, want %d; code %d; complete %v", len(got), len(want), code, r.Complete)
	}
}

// readScan reads the one result that a scan wrote.
func readScan(t *testing.T, stdout, stderr string) scan.Result {
	t.Helper()
	results, err := scan.Read("stdout", []byte(stdout))
	if err != nil || len(results) != 1 {
		t.Fatalf("%d results, %v: %s%s", len(results), err, stdout, stderr)
	}
	return results[0]
}

func TestScanBehindProxies(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	check(t, s.d.Run("ip", "route", "add", "unreachable", "10.9.0.128/25"))
	check(t, s.d.Sysctl("ipv4/ip_forward", "1"))
	check(t, s.d.Sysctl("ipv4/conf/eth0/proxy_arp", "1"))
	stdout, _, code := ipguard(t, s.a, "scan", "10.9.0.0/24", "--rate", "5000")
	if code != 0 || !strings.Contains(stdout, "1 address of 10.9.0.0/24 answered") {
		t.Errorf("linux proxy: code %d: %s", code, stdout)
	}
	o := add(t, s.Lab, "o", macO, third)
	check(t, o.Run("ip", "route", "add", "local", "10.9.0.0/24", "dev", "lo"))
	stdout, _, code = ipguard(t, s.a, "scan", "10.9.0.0/24", "--rate", "5000")
	if code != 0 || !strings.Contains(stdout, "253 proxy") || !strings.Contains(stdout, "1 unknown") || strings.Contains(stdout, "twice") {
		t.Errorf("a host that answers for everything: code %d: %s", code, stdout)
	}
	// The ends of a part of a subnet are hosts like any; its beginning is not.
	stdout, _, code = ipguard(t, s.a, "scan", "10.9.0.64/26", "--rate", "5000")
	if code != 0 || !strings.Contains(stdout, "64 proxy") || strings.Contains(stdout, "unknown") {
		t.Errorf("a part of the subnet: code %d: %s", code, stdout)
	}
}

func TestScanInterrupted(t *testing.T) {
	t.Parallel()
	s := neighbourhood(t)
	asked := hear(t, s.d, netip.MustParseAddr("10.9.0.40"))
	c := wirelab.Program("scan", "10.9.0.0/24", "--rate", "20")
	var out bytes.Buffer
	c.Stdout = &out
	check(t, s.a.Start(c))
	check(t, <-asked)
	check(t, c.Process.Signal(syscall.SIGINT))
	err := c.Wait()
	if c.ProcessState.ExitCode() != 3 || !strings.Contains(out.String(), "interrupted") || !strings.Contains(out.String(), "10.9.0.1 ") {
		t.Errorf("%v: %s", err, out.String())
	}
}

// TestScanShared: several stations at an address are no finding where they were
// declared, for all but one of them.
func TestScanShared(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	vrrp := frame.MAC{0, 0, 0x5e, 0, 1, 7}
	add(t, s.Lab, "b", macB, third)
	add(t, s.Lab, "v", vrrp, third, netip.MustParsePrefix("10.9.0.5/24"))
	add(t, s.Lab, "o", macO, victim)
	for _, test := range []struct {
		shared []string
		code   int
		want   map[string]string
	}{
		{nil, 1, map[string]string{"10.9.0.5": "unknown", "10.9.0.7": "twice", "10.9.0.191": "twice"}},
		{[]string{"10.9.0.7", "10.9.0.5=vrrp"}, 1, map[string]string{"10.9.0.5": "unknown", "10.9.0.7": "shared", "10.9.0.191": "twice"}},
		{[]string{"10.9.0.7=vrrp", "10.9.0.191=" + macO.String()}, 0, map[string]string{"10.9.0.7": "shared", "10.9.0.191": "shared"}},
		{[]string{"10.9.0.7=" + macO.String(), "10.9.0.191=" + macB.String()}, 1, map[string]string{"10.9.0.7": "twice", "10.9.0.191": "twice"}},
	} {
		args := []string{"scan", "10.9.0.0/24", "--format", "json", "--rate", "5000"}
		for _, word := range test.shared {
			args = append(args, "--shared", word)
		}
		stdout, stderr, code := ipguard(t, s.a, args...)
		got := statuses(readScan(t, stdout, stderr))
		for a, want := range test.want {
			if got[a] != want {
				t.Errorf("%v: %s is %q, want %q", test.shared, a, got[a], want)
			}
		}
		if code != test.code {
			t.Errorf("%v: code %d, want %d", test.shared, code, test.code)
		}
	}
}

// hear tells when the host first hears somebody ask for the address.
func hear(t *testing.T, h *wirelab.Host, target netip.Addr) <-chan error {
	t.Helper()
	var socket *link.Socket
	check(t, h.Do(func() error {
		host, err := link.ReadHost()
		if err != nil {
			return err
		}
		at, _ := host.Find("eth0")
		socket, err = link.Listen(at, link.ARP, link.All())
		return err
	}))
	heard := make(chan error, 1)
	stop := time.AfterFunc(patience, func() { socket.Close() })
	go func() {
		defer stop.Stop()
		for buffer := make([]byte, 1514); ; {
			n, _, err := socket.ReadFrom(buffer)
			if err != nil {
				heard <- fmt.Errorf("nobody asked for %s: %w", target, err)
				return
			}
			if f, err := frame.Parse(buffer[:n]); err == nil && f.Target == target {
				heard <- socket.Close()
				return
			}
		}
	}()
	return heard
}

func TestScanCSV(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	stdout, _, code := ipguard(t, s.a, "scan", "10.9.0.0/30", "--format", "csv", "--interface", "eth0")
	rows, err := csv.NewReader(strings.NewReader(stdout)).ReadAll()
	if err != nil || len(rows) != 2 || rows[1][0] != "10.9.0.1" || rows[1][2] != macD.String() || rows[1][3] != "VMware" || code != 0 {
		t.Errorf("code %d, %v: %q", code, err, rows)
	}
}

// TestScan6: who answers an echo, and the twin of this host's own address.
func TestScan6(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	add(t, s.Lab, "b", macB, victim6)
	stdout, stderr, code := ipguard(t, s.a, "scan", "2001:db8:9::/64", "--format", "json")
	got := map[string]string{}
	for _, h := range readScan(t, stdout, stderr).Hosts {
		words := []string{string(h.Status)}
		for _, x := range h.Stations {
			words = append(words, x.MAC.String())
		}
		slices.Sort(words[1:])
		got[h.Address.String()] = strings.Join(words, " ")
	}
	want := map[string]string{peer6.Addr().String(): "unknown " + macD.String(), victim6.Addr().String(): "twice " + macA.String() + " " + macB.String()}
	if diff := cmp.Diff(want, got); diff != "" || code != ExitFindings {
		t.Errorf("code %d (-want +got):\n%s%s", code, diff, stderr)
	}
}

func TestScanUsage(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	for _, args := range [][]string{
		{"10.9.0.0/24", "--rate", "5001"}, {"10.9.0.0/24", "--rate", "0"}, {"10.9.0.0/24", "--rate", "-1", "--i-own-this-network"},
		{"nonsense"}, {}, {"10.9.0.0/24", "--shared", "10.9.0.7=x"}, {"10.9.0.0/24", "--format", "xml"},
	} {
		if _, stderr, code := ipguard(t, s.a, append([]string{"scan"}, args...)...); code != 2 || stderr == "" {
			t.Errorf("%v: code %d, %q", args, code, stderr)
		}
	}
	for _, args := range [][]string{{"10.0.0.0/8", "--interface", "eth0"}, {"172.16.0.0/24"}, {"10.9.0.0/24", "--interface", "lo"}} {
		if _, stderr, code := ipguard(t, s.a, append([]string{"scan"}, args...)...); code != 3 || stderr == "" {
			t.Errorf("%v: code %d, %q", args, code, stderr)
		}
	}
}
