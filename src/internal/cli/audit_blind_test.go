//go:build !race

package cli

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestAuditOfWhatHides audits fleets of which something cannot be seen: what cannot
// meet the question does not matter, and nothing hidden is wrong.
func TestAuditOfWhatHides(t *testing.T) {
	static := manifestOf("web", "nginx", "1", ", static_ips: [10.0.0.10]")
	hidden := manifestOf("web", "nginx", "1", ", static_ips: [((ip))]")
	dynamic := manifestOf("web", "nginx", "1", "")
	of := func(file, deployed, want string, vms ...string) auditCase {
		return auditCase{
			files: map[string]string{"a/cc.yml": cloudConfigOf(ofA), "a/m1.yml": file}, want: want,
			live: map[string]liveDirector{"a": liveOf(liveDeployment{Name: "web", Manifest: deployed, VMs: vms})},
		}
	}
	replaced := func(text, from, to string) string {
		if !strings.Contains(text, from) {
			t.Fatalf("%q is not in %s", from, text)
		}
		return strings.Replace(text, from, to, 1)
	}
	// b is a director with a file of its own, and what it granted.
	b := func(c auditCase, file string) auditCase {
		c.files["b/cc.yml"], c.files["b/m1.yml"] = cloudConfigOf(ofB), file
		db := manifestOf("db", "pg", "1", ", static_ips: [10.0.0.100]")
		c.live["b"] = liveDirector{Configs: []liveConfig{{ID: "1", Content: cloudConfigOf(ofB)}},
			Deployments: []liveDeployment{{Name: "db", Manifest: db, VMs: []string{"pg 10.0.0.100"}}}}
		return c
	}
	asPromised := func() auditCase { return of(static, static, "exit 0\n", "nginx 10.0.0.10") }
	const ofDB = "not judged: 10.0.0.100 the VM of pg/0 of deployment db (director b)\n"
	runAuditCases(t, map[string]auditCase{
		"zones": of(replaced(static, "azs: [z1]", "azs: [((z))]"), static, "exit 0\n", "nginx 10.0.0.10"),
		"a number of instances, of an address that is not theirs": of(replaced(static, "instances: 1", "instances: ((n))"), static, "exit 0\n", "nginx 10.0.0.10"),
		"a group's name": of(replaced(dynamic, "name: nginx", "name: ((g))"), dynamic,
			"not judged: 10.0.0.60 the VM of nginx/0 of deployment web (director a)\nexit 3\n", "nginx 10.0.0.60"),
		"a name that a group had before": of(replaced(dynamic, "name: nginx", "name: front, migrated_from: [{name: ((g))}]"), dynamic,
			"not judged: 10.0.0.60 the VM of nginx/0 of deployment web (director a)\nexit 3\n", "nginx 10.0.0.60"),
		"all names that a group had before": of(replaced(dynamic, "name: nginx", "name: front, migrated_from: ((g))"), dynamic,
			"not judged: 10.0.0.60 the VM of nginx/0 of deployment web (director a)\nexit 3\n", "nginx 10.0.0.60"),
		"a name that a group had before, and its address": of(replaced(static, "name: nginx", "name: front, migrated_from: [{name: ((g))}]"), static,
			"not judged: 10.0.0.10 the VM of nginx/0 of deployment web (director a)\nexit 3\n", "nginx 10.0.0.10"),
		"a network's type": withFile(of(dynamic, dynamic, "hidden: the type of network default\nnot judged: 10.0.0.2 the VM of nginx/0 of deployment web (director a)\nexit 3\n", "nginx 10.0.0.2"),
			"a/cc.yml", replaced(cloudConfigOf(ofA), "networks: [{name: default,", "networks: [{name: default, type: ((t)),")),
		"a deployment's name": of(replaced(dynamic, "name: web", "name: ((d))"), dynamic,
			"not judged: 10.0.0.60 the VM of nginx/0 of deployment web (director a)\nexit 3\n", "nginx 10.0.0.60"),
		"a virtual address, at the director": of(withVIP("10.0.0.40"), withVIP("((vip))"),
			"hidden: property keepalived.vip of job keepalived in nginx\nnot judged: 10.0.0.40 the virtual address keepalived.vip of deployment web (director a)\nexit 3\n", "nginx 10.0.0.10"),
		"a pool": withFile(of(dynamic, dynamic, "hidden: reserved of network default\nnot judged: 10.0.0.60 the VM of nginx/0 of deployment web (director a)\nexit 3\n", "nginx 10.0.0.60"),
			"a/cc.yml", replaced(cloudConfigOf(ofA), "reserved: [", "reserved: [((r)), ")),
		"never deployed, and it may be what another has": b(of(hidden, static, "exit 0\n"), manifestOf("db", "pg", "1", ", static_ips: [10.0.0.100]")),
		"an address of another director's deployment": b(asPromised(), manifestOf("db", "pg", "1", ", static_ips: [((ip))]")).
			wants("hidden: static_ips of pg on network default\n" + ofDB + "exit 3\n"),
		"an address of another director's, who is not asked about": b(asPromised(), manifestOf("db", "pg", "1", ", static_ips: [((ip))]")).
			wants("exit 0\n", "--director", "a"),
		"an address of another director's, which is not asked about": b(asPromised(), manifestOf("db", "pg", "1", ", static_ips: [((ip))]")).
			wants("exit 0\n", "10.0.0.10"),
		"a file, elsewhere": b(asPromised(), "name: [").wants("exit 0\n", "172.16.0.0/12"),
		"a file": b(asPromised(), "name: [").
			wants("failure: not valid YAML: a value is missing here, or a bracket that is opened is never closed\n" + ofDB + "exit 3\n"),
		"not deployed, strict": of(hidden, static, "exit 0\n").wants("hidden: static_ips of nginx on network default\nexit 3\n", "--fail-on", "warning"),
	})
}

// wants is the case with other arguments and another end.
func (c auditCase) wants(want string, args ...string) auditCase {
	c.want, c.args = want, strings.Join(args, " ")
	return c
}

func withFile(c auditCase, path, text string) auditCase {
	c.files[path] = text
	return c
}

// TestAuditOfBookings audits a director of which somebody else booked addresses.
func TestAuditOfBookings(t *testing.T) {
	dynamic := manifestOf("web", "nginx", "1", "")
	const (
		pools = "directors:\n- {name: a, snapshot: a.json, cloud_configs: [a/cc.yml], deployments: [a/m1.yml]}\n" +
			"segments: [{name: vlan, subnets: [{range: 10.0.0.0/24}]}]\npools: [{name: p, team: t, segment: vlan, addresses: [10.0.0.10 - 10.0.0.80]}]\n"
		event = "- {at: 2026-01-02T03:04:05Z, what: %s, owner: %s}\n"
	)
	of := func(want string, bookings map[string]string, vms ...string) auditCase {
		c := auditCase{
			fleet: pools, files: map[string]string{"a/cc.yml": cloudConfigOf(ofA), "a/m1.yml": dynamic}, want: want,
			live: map[string]liveDirector{"a": liveOf(liveDeployment{Name: "web", Manifest: dynamic, VMs: vms})},
		}
		for address, text := range bookings {
			c.files["bookings/p/"+address+".yml"] = text
		}
		return c
	}
	booked := func(owner string) string { return fmt.Sprintf(event, "booked", owner) }
	released := booked("a/web/nginx") + "- {at: 2026-01-03T03:04:05Z, what: released, owner: a/web/nginx, until: 2026-01-10T03:04:05Z}\n"
	is := func(owner string) map[string]string { return map[string]string{"10.0.0.60": booked(owner)} }
	const taken = "10.0.0.60 drift booked-by-other error: a booking for lb/frontend (pool p, without an end), and granted to the VM of nginx/0 of deployment web (director a)\nexit 1\n"
	runAuditCases(t, map[string]auditCase{
		"granted to whom it is booked for":   of("exit 0\n", is("a/web/nginx"), "nginx 10.0.0.60"),
		"granted to another":                 of(taken, is("lb/frontend"), "nginx 10.0.0.60"),
		"granted to another, not asked for":  of(taken, is("lb/frontend"), "nginx 10.0.0.60").wants("exit 0\n", "10.0.0.61"),
		"of nobody that a director knows":    of("exit 0\n", map[string]string{"10.0.0.30": booked("lb/frontend")}, "nginx 10.0.0.60"),
		"never seen":                         of("10.0.0.30 unprotected booked-never-seen info: booked for a/web/nginx since 2026-01-02, and neither promised nor granted to it\nexit 0\n", map[string]string{"10.0.0.30": booked("a/web/nginx")}, "nginx 10.0.0.60"),
		"given back, and still in use":       of("10.0.0.60 drift released-in-use error: its booking was given back, and the VM of nginx/0 of deployment web (director a) still has it\nexit 1\n", map[string]string{"10.0.0.60": released}, "nginx 10.0.0.60"),
		"given back, and used by another":    of("exit 0\n", map[string]string{"10.0.0.60": strings.ReplaceAll(released, "a/web/nginx", "lb/frontend")}, "nginx 10.0.0.60"),
		"cannot be read":                     of("failure: not valid YAML: a value is missing here, or a bracket that is opened is never closed\nexit 3\n", map[string]string{"10.0.0.60": "{"}, "nginx 10.0.0.60"),
		"cannot be read, of an unused one":   of("exit 0\n", map[string]string{"10.0.0.30": "{"}, "nginx 10.0.0.60"),
		"cannot be read, and not asked for":  of("exit 0\n", map[string]string{"10.0.0.60": "{"}, "nginx 10.0.0.60").wants("exit 0\n", "10.0.0.61"),
		"never seen, since it was not asked": of("failure: director a has no snapshot: what it granted is unknown\nexit 3\n", map[string]string{"10.0.0.30": booked("a/web/nginx")}).withoutSnapshot(),
	})
}

func (c auditCase) withoutSnapshot() auditCase {
	c.fleet = strings.Replace(c.fleet, "snapshot: a.json, ", "", 1)
	return c
}

// TestP1OfAudit hides any part of deployed fleets in which files and directors came
// apart: no audit ends better for it, and what agreed is not wrong.
func TestP1OfAudit(t *testing.T) {
	blindings := 24 // scripts/test asks for more, without the race detector
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_BLINDINGS")); err == nil {
		blindings = wanted / 100
	} else if sharedtest.Short() {
		blindings = 12
	}
	counts, matter := map[string]int{}, 0
	for seed, done := uint64(2), 0; done < blindings; seed++ {
		r := rand.New(rand.NewPCG(seed, 21))
		t.Chdir(t.TempDir())
		made, err := madefleet.Make(madefleet.Size{Directors: 2, Deployments: 2, StaticAddresses: 6, Seed: seed, AsWritten: true})
		if err != nil {
			continue
		}
		if err := made.Write("."); err != nil {
			t.Fatal(err)
		}
		deployAll(t)
		var files []string
		for _, pattern := range []string{"director-0*/*.yml", "director-0*/deployments/*.yml"} {
			found, err := filepath.Glob(pattern)
			if err != nil {
				t.Fatal(err)
			}
			files = append(files, found...)
		}
		if r.IntN(4) > 0 {
			apart(t, r, files)
		}
		questions := [][]string{{"audit"}, {"audit", "--director", "director-000"}, {"audit", "--fail-on", "warning"}}
		var before []int
		for _, q := range questions {
			before = append(before, quietly(q...))
		}
		for range 12 {
			file, fleetFile := files[r.IntN(len(files))], readFile(t, madefleet.FleetFile)
			text, how := readFile(t, file), ""
			if r.IntN(5) == 0 {
				file = fmt.Sprintf("director-%03d.json", r.IntN(2))
				text = readFile(t, file)
				how = "snapshot " + loseSnapshot(t, r, file, text)
			} else {
				how = hidePart(t, r, file, text)
			}
			i := r.IntN(len(questions))
			after := quietly(questions[i]...)
			if before[i] != ExitOK && after == ExitOK || before[i] == ExitOK && after == ExitFindings && !strings.HasPrefix(how, "gone") {
				t.Errorf("seed %d: %s of %s: %v ended with %d, and ends with %d\n%s", seed, how, file, questions[i], before[i], after, auditNow(t, questions[i]))
			}
			if before[i] == ExitFindings {
				matter++
			}
			counts[strings.Fields(how)[0]]++
			done++
			writeFile(t, file, []byte(text))
			writeFile(t, madefleet.FleetFile, []byte(fleetFile))
		}
	}
	t.Logf("%v, %d of them of what was refused", counts, matter)
	if matter == 0 {
		t.Error("no audit was refused before something was hidden")
	}
}

// loseSnapshot loses a director's snapshot in one way.
func loseSnapshot(t *testing.T, r *rand.Rand, path, text string) string {
	t.Helper()
	how := slices.Sorted(maps.Keys(snapshotBlindings))[r.IntN(len(snapshotBlindings))]
	rest, changed := snapshotBlindings[how](r, strings.TrimSuffix(path, ".json"), []byte(text), readFile(t, madefleet.FleetFile))
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
	if rest != nil {
		writeFile(t, path, rest)
	}
	writeFile(t, madefleet.FleetFile, []byte(changed))
	return how
}

// auditNow is what an audit says now.
func auditNow(t *testing.T, args []string) string {
	t.Helper()
	stdout, stderr, _ := runIn(t, args...)
	return stdout + stderr
}

// apart changes an address of a file, or what a subnet reserves, after it was deployed.
func apart(t *testing.T, r *rand.Rand, files []string) {
	t.Helper()
	for range 40 {
		file := files[r.IntN(len(files))]
		var doc yaml.Node
		if err := yaml.Unmarshal([]byte(readFile(t, file)), &doc); err != nil {
			t.Fatal(err)
		}
		var found []*yaml.Node
		eachNode(&doc, func(key string, n *yaml.Node) {
			if key == "static_ips" || key == "reserved" {
				found = append(found, n)
			}
		})
		if len(found) == 0 {
			continue
		}
		list := found[r.IntN(len(found))]
		if list.Kind != yaml.SequenceNode || len(list.Content) == 0 {
			continue
		}
		list.Content = slices.Delete(list.Content, 0, 1)
		out, err := yaml.Marshal(&doc)
		if err != nil {
			t.Fatal(err)
		}
		writeFile(t, file, out)
		return
	}
}

// eachNode visits the values of all keys.
func eachNode(n *yaml.Node, visit func(key string, n *yaml.Node)) {
	for i, child := range n.Content {
		if n.Kind == yaml.MappingNode && i%2 == 1 {
			visit(n.Content[i-1].Value, child)
		}
		eachNode(child, visit)
	}
}

// hidePart hides a part of a file: all of it, or any value behind a variable.
func hidePart(t *testing.T, r *rand.Rand, file, text string) string {
	t.Helper()
	ways := map[string]func(){
		"gone": func() {
			if err := os.Remove(file); err != nil {
				t.Fatal(err)
			}
		},
		"broken": func() { writeFile(t, file, []byte("a: [")) },
	}
	if r.IntN(8) == 0 {
		how := slices.Sorted(maps.Keys(ways))[r.IntN(len(ways))]
		ways[how]()
		return how
	}
	var doc yaml.Node
	if err := yaml.Unmarshal([]byte(text), &doc); err != nil {
		t.Fatal(err)
	}
	var keys []string
	var values []*yaml.Node
	eachNode(&doc, func(key string, n *yaml.Node) { keys, values = append(keys, key), append(values, n) })
	i := r.IntN(len(values))
	n := values[i]
	if n.Kind == yaml.SequenceNode && len(n.Content) > 0 && r.IntN(2) == 0 {
		n = n.Content[r.IntN(len(n.Content))]
	}
	*n = yaml.Node{Kind: yaml.ScalarNode, Tag: "!!str", Value: "((blind))"}
	out, err := yaml.Marshal(&doc)
	if err != nil {
		t.Fatal(err)
	}
	writeFile(t, file, out)
	return "variable " + keys[i]
}
