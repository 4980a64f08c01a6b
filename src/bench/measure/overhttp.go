//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// bookingFleet is a fleet with one subnet that keeps its addresses for bookings.
const bookingFleet = `directors:
- {name: director-00001, cloud_configs: [cloud-config.yml]}
segments:
- name: bench
  subnets: [{range: 10.0.0.0/16}]
pools:
- {name: pool, team: t, segment: bench, addresses: [10.0.0.0/16], quota: 40000}
`

const bookingCloud = `azs: [{name: z1}]
networks:
- name: default
  type: manual
  subnets: [{range: 10.0.0.0/16, gateway: 10.0.0.1, azs: [z1], reserved: [10.0.0.2 - 10.0.255.254]}]
compilation: {workers: 1, az: z1, network: default, reuse_compilation_vms: true}
`

// asked is what a client saw of one request.
type asked struct {
	address string
	fresh   bool
	took    time.Duration
}

// measureOverHTTP is measureBookings through the whole server: a process of its own, and
// 200 clients that each keep one connection open and have a token of their own. Each
// question is asked again afterwards, and must have the same answer.
func measureOverHTTP(s *settings, t *table, k database) error {
	fleet := filepath.Join(s.work, "booking")
	if err := os.MkdirAll(fleet, 0o755); err != nil {
		return err
	}
	for name, text := range map[string]string{"ipguard.yml": bookingFleet, "cloud-config.yml": bookingCloud} {
		if err := os.WriteFile(filepath.Join(fleet, name), []byte(text), 0o644); err != nil {
			return err
		}
	}
	var times, middles, lasts, busy, peers []time.Duration
	for n := range min(s.runs, mostBookingRuns) {
		all, took, cpu, err := s.bookOverHTTP(k, filepath.Join(fleet, "ipguard.yml"), n)
		if err != nil {
			return fmt.Errorf("%s over HTTP: %w", k.name, err)
		}
		slices.Sort(all)
		times, middles, lasts, busy = append(times, took), append(middles, percentile(all, 50)), append(lasts, percentile(all, 99)), append(busy, cpu/bookings)
		if k.name == "PostgreSQL" {
			peer, err := s.acquire(n)
			if err != nil {
				return err
			}
			peers = append(peers, peer)
		}
	}
	rate := bookings / median(times).Seconds()
	t.add(row{
		what: fmt.Sprintf("the same over HTTP, %d connections: bookings per second, and those hoped for", clients), ours: fmt.Sprintf("%.0f/s", rate),
		peers: fmt.Sprintf("%d/s", k.rate), ratio: rate / float64(k.rate), target: 1, atLeast: true,
	})
	const hoped = 250 * time.Millisecond
	t.add(row{what: "time of half of the answers", ours: spread(middles), peers: "-"})
	last := row{what: "time of 99 of 100 answers, and that hoped for", ours: spread(lasts), peers: short(hoped), ratio: float64(median(lasts)) / float64(hoped)}
	if k.name == "PostgreSQL" {
		last.target = 1
	}
	t.add(last)
	t.add(row{what: "time of the server on processors, each booking", ours: spread(busy), peers: "-"})
	if len(peers) > 0 {
		acquired := 1 / median(peers).Seconds()
		t.add(row{
			what: "bookings per second over HTTP, and of go-ipam within its program", ours: fmt.Sprintf("%.0f/s", rate),
			peers: fmt.Sprintf("%.0f/s", acquired), ratio: rate / acquired, target: 10, atLeast: true,
		})
	}
	// A failure, a duplicate or another answer to the same question ended all.
	t.add(row0("failures, addresses given twice, and other answers when asked again"))
	return nil
}

// acquire is how long go-ipam takes for one address, on a database of the same
// PostgreSQL. Its clients are in each other's way: the number of them counts with which it
// is faster, 200 or 8. It gets fewer addresses, for it slows down with what it has given.
func (s *settings) acquire(n int) (best time.Duration, err error) {
	const addresses = 400
	for _, clients := range []int{clients, 8} {
		name := fmt.Sprintf("goipam%d-%d", n, clients)
		config, err := s.makePostgres(context.Background(), s.postgresURL(name))
		if err != nil {
			return 0, err
		}
		_, out, err := command{
			args: []string{s.goipam, "-database", name, "-clients", strconv.Itoa(clients), "-addresses", strconv.Itoa(addresses)},
			env:  []string{"PGHOST=" + config.Host, "PGUSER=" + config.User, fmt.Sprintf("PGPORT=%d", config.Port)},
		}.run()
		if err != nil {
			return 0, err
		}
		var took, failed int64
		if _, err := fmt.Sscan(string(out), &took, &failed); err != nil {
			return 0, err
		}
		if each := time.Duration(took / addresses); best == 0 || each < best {
			best = each
		}
	}
	return best, nil
}

func row0(what string) row { return row{what: what, ours: "0", peers: "0"} }

// percentile is the time in which so many of a hundred sorted ones ended.
func percentile(sorted []time.Duration, n int) time.Duration {
	return sorted[min(len(sorted)-1, len(sorted)*n/100)]
}

// bookOverHTTP makes a database, starts a server on it, and books.
func (s *settings) bookOverHTTP(k database, fleet string, n int) (times []time.Duration, took, cpu time.Duration, err error) {
	ctx := context.Background()
	url := k.url(fmt.Sprintf("served%d", n))
	d, err := k.open(ctx, url)
	if err != nil {
		return nil, 0, 0, err
	}
	if err := errors.Join(fill(ctx, d), d.Close()); err != nil {
		return nil, 0, 0, err
	}
	server, err := s.serve(url, fleet)
	if err != nil {
		return nil, 0, 0, err
	}
	times, took, cpu, err = server.bookAndAskAgain()
	if err := errors.Join(err, server.stop()); err != nil {
		return nil, 0, 0, err
	}
	if d, err = k.open(ctx, url); err != nil {
		return nil, 0, 0, err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	counted, err := ledgersql.Check(ctx, d)
	if err == nil && counted.Addresses != 2*bookings {
		err = fmt.Errorf("the database has %d bookings of %d", counted.Addresses, 2*bookings)
	}
	return times, took, cpu, err
}

func (v *served) bookAndAskAgain() (times []time.Duration, took, cpu time.Duration, err error) {
	all, err := v.connectAll("ipguard.teams.t.book")
	if err != nil {
		return nil, 0, 0, err
	}
	before, err := v.busy()
	if err != nil {
		return nil, 0, 0, err
	}
	start := time.Now()
	first, err := bookAll(all)
	took = time.Since(start)
	after, other := v.busy()
	cpu = after - before
	if err := errors.Join(err, other); err != nil {
		return nil, 0, 0, err
	}
	given := map[string]bool{}
	for i, a := range first {
		if given[a.address] || !a.fresh {
			return nil, 0, 0, fmt.Errorf("booking %d is %s, which was given before", i, a.address)
		}
		given[a.address] = true
		times = append(times, a.took)
	}
	again, err := bookAll(all)
	if err != nil {
		return nil, 0, 0, err
	}
	for i, a := range again {
		if a.address != first[i].address || a.fresh {
			return nil, 0, 0, fmt.Errorf("booking %d is %s, and was %s", i, a.address, first[i].address)
		}
	}
	return times, took, cpu, nil
}

// connectAll connects all clients, each with a token of its own.
func (v *served) connectAll(scope string) ([]*asker, error) {
	admin, err := v.connect(v.admin)
	if err != nil {
		return nil, err
	}
	ends := time.Now().Add(24 * time.Hour).UTC().Format(time.RFC3339)
	var list []*asker
	for c := range clients {
		token, err := admin.makeToken(fmt.Sprintf("client-%d", c), scope, ends)
		if err != nil {
			return nil, err
		}
		client, err := v.connect(token)
		if err != nil {
			return nil, err
		}
		list = append(list, client)
	}
	return list, nil
}

// bookAll has all clients book one address after the other, each for an owner of its
// own: which client asks for which owner is always the same.
func bookAll(all []*asker) ([]asked, error) {
	answers, errs := make([]asked, bookings), make([]error, len(all))
	var wait sync.WaitGroup
	for c, client := range all {
		wait.Go(func() {
			for i := c; i < bookings && errs[c] == nil; i += len(all) {
				answers[i], errs[c] = client.book(i)
			}
		})
	}
	wait.Wait()
	return answers, errors.Join(errs...)
}

func (a *asker) book(i int) (got asked, err error) {
	start := time.Now()
	status, text, err := a.ask(http.MethodPost, "/api/v1/pools/pool/bookings", fmt.Sprintf(`{"for": "director-00001/deployment-%d/web"}`, i))
	if err != nil || status != http.StatusCreated && status != http.StatusOK {
		return got, fmt.Errorf("booking %d failed: status %d: %s: %w", i, status, text, err)
	}
	got.took, got.fresh = time.Since(start), status == http.StatusCreated
	got.address, err = field(text, "address")
	return got, err
}
