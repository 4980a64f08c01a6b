//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/postgres"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
)

// clients is how many book at the same time.
const clients = 200

// mostBookingRuns bounds the runs, each of which writes 20,000 bookings with fsync.
const mostBookingRuns = 3

// measureBookings has 200 clients book 10,000 addresses of one pool that has 10,000
// bookings already, through the server's store, with fsync. The peer is the database
// alone, which gets as many rows in groups of 200. Then the same through the whole server.
func measureBookings(s *settings, t *table) error {
	for _, k := range s.databases() {
		var ours, peers []time.Duration
		for n := range min(s.runs, mostBookingRuns) {
			d, err := k.open(context.Background(), k.url(fmt.Sprintf("bookings%d", n)))
			if err != nil {
				return err
			}
			mine, alone, err := bookMany(d)
			if err != nil {
				return fmt.Errorf("%s: %w", k.name, err)
			}
			ours, peers = append(ours, mine), append(peers, alone)
		}
		t.durations(fmt.Sprintf("10,000 bookings by %d clients in %s, and the rows alone", clients, k.name), ours, peers, 0)
		rate := bookings / median(ours).Seconds()
		t.add(row{
			what: "bookings per second, and those hoped for", ours: fmt.Sprintf("%.0f/s", rate), peers: fmt.Sprintf("%d/s", k.rate),
			ratio: rate / float64(k.rate), target: 1, atLeast: true,
		})
		if err := measureOverHTTP(s, t, k); err != nil {
			return err
		}
	}
	return nil
}

// database is a kind of database.
type database struct {
	name string
	rate int // bookings per second that are hoped for
	// url is how the server is told of a database with a name, and open makes and opens it.
	url  func(name string) string
	open func(ctx context.Context, url string) (ledgersql.Database, error)
}

func (s *settings) databases() []database {
	return []database{
		{
			"SQLite", 2500,
			func(name string) string { return filepath.Join(s.work, name+".db") },
			func(ctx context.Context, path string) (ledgersql.Database, error) { return sqlite.Open(ctx, path) },
		},
		{"PostgreSQL", 4000, s.postgresURL, s.openPostgres},
	}
}

// postgresURL is the URL of a database of the server that scripts/bench started.
func (s *settings) postgresURL(name string) string {
	return strings.Replace(s.postgres, "/postgres?", "/"+name+"?", 1)
}

// openPostgres opens a database of the server that scripts/bench started, and makes it if
// it is not there.
func (s *settings) openPostgres(ctx context.Context, url string) (ledgersql.Database, error) {
	if _, err := s.makePostgres(ctx, url); err != nil {
		return nil, err
	}
	return postgres.Open(ctx, url)
}

// makePostgres makes a database if it is not there.
func (s *settings) makePostgres(ctx context.Context, url string) (*pgx.ConnConfig, error) {
	if s.postgres == "" {
		return nil, errors.New("PostgreSQL is not installed; on Debian: apt-get install postgresql")
	}
	config, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, err
	}
	conn, err := pgx.Connect(ctx, s.postgres)
	if err != nil {
		return nil, err
	}
	defer conn.Close(ctx)
	var known bool
	if err := conn.QueryRow(ctx, "select exists (select from pg_database where datname = $1)", config.Database).Scan(&known); err != nil || known {
		return config, err
	}
	_, err = conn.Exec(ctx, "create database "+pgx.Identifier{config.Database}.Sanitize())
	return config, err
}

// bookMany fills a database with rows, and has clients book as many more. It fails if
// a booking does, if an address was given twice, or if one is missing afterwards.
func bookMany(d ledgersql.Database) (ours, peers time.Duration, err error) {
	store := ledgersql.New(d)
	defer func() { err = errors.Join(err, store.Close()) }()
	ctx := context.Background()
	start := time.Now()
	if err := fill(ctx, d); err != nil {
		return 0, 0, err
	}
	peers = time.Since(start)
	start = time.Now()
	given, err := bookAtOnce(ctx, store)
	ours = time.Since(start)
	if err != nil {
		return 0, 0, err
	}
	distinct := map[netip.Prefix]bool{}
	for _, r := range given {
		distinct[r] = true
	}
	counted, err := ledgersql.Check(ctx, d)
	if err == nil && (len(distinct) != bookings || counted.Addresses != 2*bookings) {
		err = fmt.Errorf("%d bookings were answered with %d addresses, and the database has %d of %d", bookings, len(distinct), counted.Addresses, 2*bookings)
	}
	return ours, peers, err
}

// fill writes 10,000 bookings of the lowest addresses past the ledger.
func fill(ctx context.Context, d ledgersql.Database) error {
	address := netip.MustParseAddr("10.0.0.0")
	var events []ledgersql.Event
	var after []ledgersql.Booking
	for i := range bookings {
		r := netip.PrefixFrom(address, 32)
		owner := fmt.Sprintf("director-00000/deployment-%d/web", i)
		now := time.Now()
		events = append(events, ledgersql.Event{Pool: "pool", Serial: int64(i + 1), Entry: ledger.Entry{Range: r, Event: ledger.Event{
			At: now, What: ledger.WasBooked, Owner: owner, Team: "t", Until: now.Add(24 * time.Hour), By: "bench",
		}}})
		after = append(after, ledgersql.Booking{Pool: "pool", Booking: ledger.Booking{
			Range: r, State: ledger.Booked, Owner: owner, Team: "t", Until: now.Add(24 * time.Hour),
		}})
		address = address.Next()
		if len(events) == clients {
			if err := d.Append(ctx, events, after); err != nil {
				return err
			}
			events, after = nil, nil
		}
	}
	return nil
}

// bookAtOnce has all clients book one address after the other, each for an owner of
// its own.
func bookAtOnce(ctx context.Context, store *ledgersql.Store) ([]netip.Prefix, error) {
	pool := &ledger.Pool{Name: "pool", Teams: []string{"t"}, Quota: 4 * bookings}
	pool.Ranges = []netipx.IPRange{netipx.MustParseIPRange("10.0.0.0-10.0.255.255")}
	var set netipx.IPSetBuilder
	set.AddRange(pool.Ranges[0])
	free, err := set.IPSet()
	if err != nil {
		return nil, err
	}
	given, errs := make([]netip.Prefix, bookings), make([]error, clients)
	var all sync.WaitGroup
	for c := range clients {
		all.Go(func() {
			for i := c; i < bookings && errs[c] == nil; i += clients {
				w := &ledger.World{Now: time.Now(), Free: []*netipx.IPSet{free}}
				ask := ledger.Ask{For: ledger.Holder{Owner: fmt.Sprintf("director-00001/deployment-%d/web", i), Number: -1}, Count: 1, By: "bench"}
				errs[c] = store.Update(ctx, pool.Name, func(rs *ledger.Records) ([]ledger.Entry, error) {
					answer, entries, err := ledger.Book(pool, rs, w, ask)
					if err != nil || answer.Refusal != nil {
						return nil, errors.Join(err, fmt.Errorf("refused: %+v", answer.Refusal))
					}
					given[i] = answer.Bookings[0].Range
					return entries, nil
				})
			}
		})
	}
	all.Wait()
	return given, errors.Join(errs...)
}
