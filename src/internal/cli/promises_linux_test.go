package cli

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/scan"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// promisedFleet promises the victim's address, its neighbour's and a silent
// one, all on the segment of the scene; "away" has the same range elsewhere.
const promisedFleet = `
-- ipguard.yml --
directors:
- {name: promo, cloud_configs: [cloud.yml], deployments: [db.yml]}
- {name: far, cloud_configs: [far.yml], deployments: [far-db.yml]}
segments:
- {name: wire, subnets: [{director: promo}]}
- {name: away, subnets: [{director: far}]}
-- cloud.yml --
azs: [{name: z1}]
vm_types: [{name: small}]
compilation: {workers: 1, az: z1, vm_type: small, network: default}
networks:
- name: default
  type: manual
  subnets:
  - range: 10.9.0.0/24
    gateway: 10.9.0.1
    az: z1
    static: [10.9.0.7 - 10.9.0.9, 10.9.0.190 - 10.9.0.199]
    reserved: [10.9.0.20 - 10.9.0.189]
-- db.yml --
name: pgpool
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- name: db
  azs: [z1]
  instances: 4
  vm_type: small
  stemcell: default
  jobs: []
  networks:
  - name: default
    static_ips: [10.9.0.7, 10.9.0.8, 10.9.0.190, 10.9.0.191]
-- far.yml --
azs: [{name: z1}]
vm_types: [{name: small}]
compilation: {workers: 1, az: z1, vm_type: small, network: default}
networks:
- name: default
  type: manual
  subnets:
  - {range: 10.9.0.0/24, gateway: 10.9.0.1, az: z1, static: [10.9.0.60]}
-- far-db.yml --
name: far-db
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- name: db
  azs: [z1]
  instances: 1
  vm_type: small
  stemcell: default
  jobs: []
  networks: [{name: default, static_ips: [10.9.0.60]}]
`

// promised writes the fleet and returns its folder.
func promised(t *testing.T) string {
	t.Helper()
	return unpack(t, promisedFleet)
}

func unpack(t *testing.T, files string) string {
	t.Helper()
	dir := t.TempDir()
	for _, f := range txtar.Parse([]byte(files)).Files {
		writeFile(t, filepath.Join(dir, f.Name), f.Data)
	}
	return dir
}

// in runs the program in a folder of a host.
func in(t *testing.T, dir string, h *wirelab.Host, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	c := wirelab.Program(args...)
	c.Dir = dir
	return run(t, h, c)
}

// TestProbeTellsPromises: the fleet's plan names who else has an address. It is
// read only for an address that another station has, or if it was asked for,
// and whatever is wrong with it leaves the verdict as it is.
func TestProbeTellsPromises(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	add(t, s.Lab, "b", macB, victim)
	dir, broken, partly := promised(t), promised(t), promised(t)
	writeFile(t, filepath.Join(broken, "ipguard.yml"), []byte("directors: 7\n"))
	check(t, os.Remove(filepath.Join(partly, "far.yml")))
	const owner = "10.9.0.191 is promised to director promo, deployment pgpool, group db, network default (static), "
	for _, test := range []struct {
		name           string
		dir            string
		args           []string
		code           int
		stdout, stderr string // what they contain; empty stderr: nothing
		silent         bool   // nothing is promised on stdout
	}{
		{name: "found", dir: dir, args: []string{"10.9.0.191"}, code: 1, stdout: owner + "db.yml:14:50"},
		{name: "named", dir: t.TempDir(), args: []string{"10.9.0.191", "--fleet", filepath.Join(dir, "ipguard.yml")}, code: 1, stdout: owner},
		{name: "json", dir: dir, args: []string{"10.9.0.191", "--format", "json"}, code: 1, stdout: `"director promo, deployment pgpool, group db`},
		{name: "none", dir: t.TempDir(), args: []string{"10.9.0.191"}, code: 1, stdout: "conflict: 10.9.0.191", silent: true},
		{name: "broken", dir: broken, args: []string{"10.9.0.191"}, code: 1, stdout: "conflict: 10.9.0.191", stderr: "ipguard: the fleet's plan is incomplete: ", silent: true},
		{name: "partly", dir: partly, args: []string{"10.9.0.191"}, code: 1, stdout: owner, stderr: "ipguard: the fleet's plan is incomplete: "},
		{name: "missing", dir: dir, args: []string{"10.9.0.191", "--fleet", "nowhere.yml"}, code: 1, stdout: "conflict: 10.9.0.191", stderr: "nowhere.yml: no such file", silent: true},
		{name: "not needed", dir: broken, args: []string{"10.9.0.190"}, stdout: "free: 10.9.0.190", silent: true},
		{name: "free, but promised", dir: dir, args: []string{"10.9.0.190", "--fleet", "ipguard.yml"}, stdout: "10.9.0.190 is promised to director promo"},
	} {
		t.Run(test.name, func(t *testing.T) {
			stdout, stderr, code := in(t, test.dir, s.a, append([]string{"probe", "--timeout", patientProbe}, test.args...)...)
			if code != test.code || !strings.Contains(stdout, test.stdout) || !strings.Contains(stderr, test.stderr) {
				t.Errorf("code %d\n%s%s", code, stdout, stderr)
			}
			if test.stderr == "" && stderr != "" {
				t.Errorf("stderr %q", stderr)
			}
			if test.silent && strings.Contains(stdout, "promised") {
				t.Errorf("knows what it cannot know: %s", stdout)
			}
		})
	}
}

// TestScanJoinsPlan: every way in which an address can stand to the plan of its
// segment. Of the segment elsewhere with the same range nothing is expected.
func TestScanJoinsPlan(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	eighth := netip.MustParsePrefix("10.9.0.8/24")
	add(t, s.Lab, "b", macB, victim, eighth)
	add(t, s.Lab, "o", macO, third)
	add(t, s.Lab, "e", macN(), eighth, netip.MustParsePrefix("10.9.0.60/24"))
	dir := promised(t)
	of := func(target string) map[string]string {
		stdout, stderr, code := in(t, dir, s.a, "scan", target, "--format", "json", "--rate", "5000")
		r := readScan(t, stdout, stderr)
		if code != ExitFindings || stderr != "" {
			t.Fatalf("code %d: %s%s", code, stdout, stderr)
		}
		got := map[string]string{}
		for _, h := range r.Hosts {
			words := []string{string(h.Status)}
			for _, x := range h.Stations {
				words = append(words, x.MAC.String())
			}
			slices.Sort(words[1:])
			got[h.Address.String()] = fmt.Sprintf("%s, promised to %d", strings.Join(words, " "), len(h.Promised))
		}
		return got
	}
	want := map[string]string{
		"10.9.0.1":   "known 00:50:56:00:00:0d, promised to 1",
		"10.9.0.7":   "known 00:50:56:00:00:0f, promised to 2", // the group, and the pool that it is taken from
		"10.9.0.8":   "twice 00:50:56:00:00:0b 00:50:56:00:00:0e, promised to 2",
		"10.9.0.60":  "unknown 00:50:56:00:00:0e, promised to 0",
		"10.9.0.190": "silent, promised to 2",
		"10.9.0.191": "twice 00:50:56:00:00:0a 00:50:56:00:00:0b, promised to 2",
	}
	if diff := cmp.Diff(want, of("wire")); diff != "" {
		t.Errorf("segment (-want +got):\n%s", diff)
	}
	// A CIDR does not say which segment is meant: the whole fleet is.
	if got := of("10.9.0.0/24")["10.9.0.60"]; got != "known 00:50:56:00:00:0e, promised to 2" {
		t.Errorf("by CIDR: %q", got)
	}
	if _, stderr, code := in(t, dir, s.a, "scan", "wir"); code != ExitUsage || !strings.Contains(stderr, "did you mean wire?") {
		t.Errorf("code %d, %q", code, stderr)
	}
	check(t, os.Remove(filepath.Join(dir, "far.yml")))
	stdout, stderr, code := in(t, dir, s.a, "scan", "10.9.0.4/30", "--fleet", "ipguard.yml")
	if code != ExitIncomplete || !strings.Contains(stdout, "10.9.0.7  known ") || !strings.Contains(stderr, "the fleet's plan is incomplete") {
		t.Errorf("with a part of the plan: code %d\n%s%s", code, stdout, stderr)
	}
}

const promisedFleet6 = `
-- ipguard.yml --
directors:
- {name: six, cloud_configs: [cloud.yml], deployments: [db.yml]}
segments:
- {name: wire, subnets: [{director: six}]}
-- cloud.yml --
azs: [{name: z1}]
vm_types: [{name: small}]
compilation: {workers: 1, az: z1, vm_type: small, network: default}
networks:
- name: default
  type: manual
  subnets:
  - {range: "2001:db8:9::/64", gateway: "2001:db8:9::1", az: z1, static: ["2001:db8:9::7", "2001:db8:9::8", "2001:db8:9::bf"]}
-- db.yml --
name: pgpool
releases: []
stemcells: [{alias: default, os: ubuntu-jammy, version: "1.1"}]
update: {canaries: 1, max_in_flight: 1, canary_watch_time: 1000, update_watch_time: 1000}
instance_groups:
- name: db
  azs: [z1]
  instances: 3
  vm_type: small
  stemcell: default
  jobs: []
  networks:
  - name: default
    static_ips: ["2001:db8:9::7", "2001:db8:9::8", "2001:db8:9::bf"]
`

// TestScan6JoinsPlan: a promised host that drops echoes is found by its address; a
// station that answers for everything proves nothing.
func TestScan6JoinsPlan(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	dir := unpack(t, promisedFleet6)
	quiet := add(t, s.Lab, "q", macO, netip.MustParsePrefix("2001:db8:9::7/64"))
	check(t, quiet.Sysctl("ipv6/icmp/echo_ignore_all", "1"))
	check(t, quiet.Sysctl("ipv6/icmp/echo_ignore_multicast", "1"))
	stdout, stderr, code := in(t, dir, s.a, "scan", "wire", "--format", "json")
	want := map[string]string{"2001:db8:9::1": "known", "2001:db8:9::7": "known", "2001:db8:9::8": "silent", "2001:db8:9::bf": "here"}
	if diff := cmp.Diff(want, statuses(readScan(t, stdout, stderr))); diff != "" || code != ExitOK {
		t.Errorf("code %d (-want +got):\n%s%s", code, diff, stderr)
	}
	answerEverything6(t, add(t, s.Lab, "e", macN()), macN())
	stdout, stderr, _ = in(t, dir, s.a, "scan", "wire", "--format", "json")
	if got := statuses(readScan(t, stdout, stderr)); got["2001:db8:9::8"] != "proxy" || got["2001:db8:9::7"] != "known" {
		t.Errorf("beside a station that answers for everything: %v\n%s", got, stderr)
	}
}

// answerEverything6 makes the host advertise every address that is asked for.
func answerEverything6(t *testing.T, h *wirelab.Host, mac frame.MAC) {
	t.Helper()
	var port *link.Port
	check(t, h.Do(func() error {
		host, err := link.ReadHost()
		if err != nil {
			return err
		}
		at, _ := host.Find("eth0")
		socket, err := link.Listen(at, link.IPv6, link.Neighbors())
		port = link.NewPort(map[link.Protocol]net.PacketConn{link.IPv6: socket})
		return err
	}))
	t.Cleanup(func() { check(t, port.Close()) })
	port.Receive(func(r link.Received) {
		if r.Err == nil && r.Frame.Kind == frame.NeighborSolicitation && r.Frame.IsProbe() {
			if err := port.Send(must(frame.Announcement(mac, r.Frame.Target))); err != nil {
				t.Error(err)
			}
		}
	}, func(err error) { t.Error(err) })
}

func statuses(r scan.Result) map[string]string {
	got := map[string]string{}
	for _, h := range r.Hosts {
		got[h.Address.String()] = string(h.Status)
	}
	return got
}

// TestWatchTellsPromises: the log names who else has the address, after the
// conflict itself.
func TestWatchTellsPromises(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	w := startWatch(t, s.a, "--interface", "eth0", "--check-every", "0", "--fleet", filepath.Join(promised(t), "ipguard.yml"))
	time.Sleep(3 * time.Second) // while an address is new, claims are suspicions at most
	again(t, add(t, s.Lab, "o", macO), must(frame.Announcement(macB, victim.Addr())))
	w.await("address conflict", "address", victim.Addr().String())
	l := w.await("address promised", "address", victim.Addr().String())
	if to := fmt.Sprint(l["to"]); !strings.HasPrefix(to, "director promo, deployment pgpool, group db") {
		t.Errorf("promised to %q", to)
	}
}

// TestWireTellsLeases: who else has an address may stand in no file but in what a
// director granted.
func TestWireTellsLeases(t *testing.T) {
	t.Parallel()
	s := newScene(t, "ip")
	dir := t.TempDir()
	cloud := strings.ReplaceAll(cloudConfigOf("range: 10.9.0.0/24"), "10.0.0.1", "10.9.0.1")
	writeSnapshot(t, filepath.Join(dir, "promo.json"), liveDirector{
		Configs:     []liveConfig{{ID: "1", Content: cloud}},
		Deployments: []liveDeployment{{Name: "pgpool", Manifest: manifestOf("pgpool", "db", "1", ""), VMs: []string{"db 10.9.0.191"}}},
		Orphans:     []string{"old web 10.9.0.190"},
	})
	writeFile(t, filepath.Join(dir, "ipguard.yml"), []byte("directors: [{name: promo, snapshot: promo.json}]\n"))
	w := startWatch(t, s.a, "--interface", "eth0", "--check-every", "0", "--probe-every", "-1s", "--fleet", filepath.Join(dir, "ipguard.yml"))
	time.Sleep(3 * time.Second) // while an address is new, claims are suspicions at most
	add(t, s.Lab, "b", macB, victim)
	const lease = "director promo, deployment pgpool, group db"
	stdout, stderr, code := in(t, dir, s.a, "probe", "10.9.0.191", "10.9.0.190", "--timeout", patientProbe, "--fleet", "ipguard.yml")
	for _, want := range []string{"10.9.0.191 is promised to " + lease, "10.9.0.190 is promised to director promo, deployment old, group web"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("no %q in\n%s%s", want, stdout, stderr)
		}
	}
	if code != ExitFindings {
		t.Errorf("code %d", code)
	}
	again(t, add(t, s.Lab, "o", macO), must(frame.Announcement(macB, victim.Addr())))
	if to := fmt.Sprint(w.await("address promised", "address", victim.Addr().String())["to"]); !strings.HasPrefix(to, lease) {
		t.Errorf("promised to %q", to)
	}
}
