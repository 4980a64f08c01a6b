//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// The plan at scale: so many directors, each with a /16 of its own and so many VMs, in
// deployments of 100.
const (
	largeDirectors = 100
	largeVMs       = 10_000
	perDeployment  = 100
	// largePools delegate a /24 each, in which VMs have half of the addresses.
	largePools = 10
	// perKind is how many questions of a kind are asked.
	perKind = 1000
)

// largeFleet is the server's own fleet file.
func largeFleet() string {
	var b strings.Builder
	b.WriteString("directors: []\nsegments:\n")
	for i := range largePools {
		fmt.Fprintf(&b, "- name: lan-%d\n  subnets: [{range: 10.%d.0.0/16}]\n", i, i)
	}
	b.WriteString("pools:\n")
	for i := range largePools {
		fmt.Fprintf(&b, "- {name: pool-%d, team: t, segment: lan-%d, addresses: [10.%d.39.0/24]}\n", i, i, i)
	}
	return b.String()
}

// largeSnapshot is what the director with a number has.
func largeSnapshot(number int) []byte {
	keep := snapshot.Keep{VIPProperties: bosh.DefaultPatterns().Find}
	s := &snapshot.Snapshot{}
	s.Collected, s.Kept = time.Now().UTC().Truncate(time.Second), keep.Kept()
	s.Director = snapshot.Identity{Name: directorName(number), UUID: fmt.Sprintf("00000000-0000-4000-8000-%012d", number), Version: "283.1.3 (00000000)", CPI: "vsphere"}
	s.CloudConfigs = []snapshot.Config{{ID: "1", Name: "default", Latest: true, Content: keep.ReduceCloudConfig(fmt.Sprintf(`azs: [{name: z1}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.%d.0.0/16, gateway: 10.%d.0.1, azs: [z1], reserved: [10.%d.39.128 - 10.%d.255.254]}]
`, number, number, number, number))}}
	address := netip.AddrFrom4([4]byte{10, byte(number), 0, 112})
	for d := range largeVMs / perDeployment {
		name := fmt.Sprintf("deployment-%03d", d)
		deployment := snapshot.Deployment{Name: name, Manifest: keep.ReduceManifest(fmt.Sprintf(
			"name: %s\ninstance_groups: [{name: web, instances: %d, azs: [z1], networks: [{name: default}]}]\n", name, perDeployment))}
		for i := range perDeployment {
			a, _ := snapshot.NewAddress(address.String())
			deployment.VMs = append(deployment.VMs, snapshot.VM{
				Group: "web", ID: fmt.Sprintf("00000000-0000-4000-8000-%012d", d*perDeployment+i), AZ: "z1", Index: i, Addresses: []snapshot.Address{a},
			})
			address = address.Next()
		}
		s.Deployments = append(s.Deployments, deployment)
	}
	return s.Encode()
}

// measureServer makes a server with 1,000,000 claims, and asks it.
func measureServer(s *settings, t *table) (err error) {
	fleet := filepath.Join(s.work, "large.yml")
	if err := os.WriteFile(fleet, []byte(largeFleet()), 0o644); err != nil {
		return err
	}
	database := filepath.Join(s.work, "large.db")
	last, err := fillServer(database)
	if err != nil {
		return err
	}
	server, err := s.serve(database, fleet)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	client, err := server.connect(server.admin)
	if err != nil {
		return err
	}
	start := time.Now()
	if err := client.push(directorName(largeDirectors-1), string(last)); err != nil {
		return err
	}
	t.add(row{what: "a push: reading and linting 1,000,000 claims of 100 directors", ours: short(time.Since(start)), peers: "-"})
	if err := bookSome(client); err != nil {
		return err
	}
	const hoped = 20 * time.Millisecond
	random := rand.New(rand.NewPCG(1, 1))
	for _, k := range kindsOfQuestion(random) {
		times, err := client.askEach(k)
		if err != nil {
			return err
		}
		last := percentile(times, 99)
		t.add(row{
			what: fmt.Sprintf("99 of 100 answers, of %d: %s", perKind, k.what), ours: fmt.Sprintf("%s (half: %s)", short(last), short(percentile(times, 50))),
			peers: short(hoped), ratio: float64(last) / float64(hoped), target: 1,
		})
	}
	peak, err := server.peak()
	if err != nil {
		return err
	}
	t.add(row{what: "peak of memory, and for each claim", ours: mebibytes(peak), peers: fmt.Sprintf("%d B", peak/(largeDirectors*largeVMs))})
	return nil
}

// fillServer writes what all directors but the last have past the server, which reads the
// whole plan for the answer to each push. It returns what the last one has.
func fillServer(database string) (last []byte, err error) {
	ctx := context.Background()
	d, err := sqlite.Open(ctx, database)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	store := &pushes.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
	for i := range largeDirectors - 1 {
		if _, _, err := store.Add(ctx, directorName(i), largeSnapshot(i), "bench"); err != nil {
			return nil, err
		}
	}
	return largeSnapshot(largeDirectors - 1), nil
}

func directorName(number int) string { return fmt.Sprintf("director-%03d", number) }

func (a *asker) push(director, text string) error {
	status, answer, err := a.ask(http.MethodPut, "/api/v1/directors/"+director+"/snapshot", text)
	if err != nil || status != http.StatusOK {
		return fmt.Errorf("%s was not pushed: status %d: %.300s: %w", director, status, answer, err)
	}
	return nil
}

func bookSome(client *asker) error {
	for i := range largePools {
		for j := range 50 {
			path := fmt.Sprintf("/api/v1/pools/pool-%d/bookings", i)
			if status, text, err := client.ask(http.MethodPost, path, fmt.Sprintf(`{"for": "director-%03d/new-%d/web"}`, i, j)); err != nil || status != http.StatusCreated {
				return fmt.Errorf("nothing was booked: status %d: %.300s: %w", status, text, err)
			}
		}
	}
	return nil
}

// questions of one kind.
type questions struct {
	what string
	path func() string
	// holds is a text that each answer has.
	holds string
}

func kindsOfQuestion(r *rand.Rand) []questions {
	address := func() string {
		return netip.AddrFrom4([4]byte{10, byte(r.IntN(largeDirectors)), byte(1 + r.IntN(38)), byte(r.IntN(256))}).String()
	}
	block := func() string {
		return fmt.Sprintf("10.%d.%d.0/24", r.IntN(largeDirectors), 1+r.IntN(38))
	}
	return []questions{
		{"who has an address (API)", func() string { return "/api/v1/addresses/" + address() }, "deployment deployment-"},
		{"who has the addresses of a /24 (API)", func() string { return "/api/v1/addresses/" + url.PathEscape(block()) }, "deployment deployment-"},
		{"page of an address", func() string { return "/addresses/" + address() }, "deployment deployment-"},
		{"page of a pool of a /24", func() string { return fmt.Sprintf("/pools/pool-%d", r.IntN(largePools)) }, "deployment deployment-"},
		{"all bookings of a pool (API)", func() string { return fmt.Sprintf("/api/v1/bookings?pool=pool-%d", r.IntN(largePools)) }, "/new-"},
	}
}

// askEach asks perKind questions one after the other, and returns their times, sorted.
func (a *asker) askEach(k questions) ([]time.Duration, error) {
	var times []time.Duration
	for range perKind {
		path := k.path()
		start := time.Now()
		text, err := a.get(path)
		times = append(times, time.Since(start))
		if err == nil && !strings.Contains(string(text), k.holds) {
			err = fmt.Errorf("%s: the answer has no %s: %.300s", path, k.holds, text)
		}
		if err != nil {
			return nil, err
		}
	}
	slices.Sort(times)
	return times, nil
}

func (a *asker) get(path string) ([]byte, error) {
	status, text, err := a.ask(http.MethodGet, path, "")
	if err != nil || status != http.StatusOK {
		return nil, fmt.Errorf("%s: status %d: %.300s: %w", path, status, text, err)
	}
	return text, nil
}
