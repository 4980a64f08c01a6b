// Package ledgersql keeps bookings in a database: a ledger.Store for the server.
//
//	Update ─▶ queue ─▶ group: all that wait ─▶ change after change on a cheap copy of the
//	records in memory ─▶ one transaction ─▶ the answers, or once more from the newest
//
// Memory proposes and the database decides. Each event of a pool has a serial, from 1
// without a gap, and (pool, serial) is unique: of two servers that computed on the same
// records, one cannot commit, and computes again on newer ones. Besides, no two bookings
// of an address and no two of an owner's number can be there, by two more unique
// indexes. Nothing is answered before the commit, so that a kill loses nothing that
// somebody was told.
//
// What differs between SQLite and PostgreSQL is in the packages of these names; the
// tables are in migrations. History only grows: triggers refuse all else.
package ledgersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/sharedread"
)

// Database is what a Store needs of SQLite or PostgreSQL.
type Database interface {
	// SQL answers questions. Parameters are $1, $2, ... and appear in this order.
	SQL() *sql.DB
	// Write is for statements that write.
	Write() *sql.DB
	// Append writes events and what became of their addresses, all of them or none.
	// The error is ErrLate if somebody else wrote in between.
	Append(ctx context.Context, events []Event, after []Booking) error
	// Close ends it.
	Close() error
}

// ErrLate says that somebody else wrote an event of that serial, or has the address.
var ErrLate = errors.New("somebody else was faster")

// Store is a ledger.Store on a database. Several may work on one database.
type Store struct {
	database Database
	mu       sync.Mutex
	pools    map[string]*pool
	queue    chan *request
	// closing keeps the queue open for those who are about to wait.
	closing sync.RWMutex
	closed  bool
	done    sync.WaitGroup
	reads   sharedread.Reader[string, reading]
}

// reading is what came of reading a pool.
type reading struct {
	pool *pool
	err  error
}

// pool is what is known of a pool: records that nobody changes any more, and the
// serial of their last event.
type pool struct {
	records *ledger.Records
	serial  int64
}

// longestQueue is how many updates wait at most; more wait to wait.
const longestQueue = 4096

// New returns a store on a database whose tables are there, see Migrate. Close ends
// it and the database.
func New(database Database) *Store {
	s := &Store{database: database, pools: map[string]*pool{}, queue: make(chan *request, longestQueue)}
	s.done.Go(s.work)
	return s
}

// Close lets what waits be written, and closes the database.
func (s *Store) Close() error {
	s.closing.Lock()
	s.closed = true
	close(s.queue)
	s.closing.Unlock()
	s.done.Wait()
	return s.database.Close()
}

// Records implements ledger.Store: what is committed now, by whomever. The records
// are shared: they must not be changed.
func (s *Store) Records(ctx context.Context, name string) (*ledger.Records, error) {
	records, _, err := s.Serial(ctx, name)
	return records, err
}

// Serial is Records, with the serial of the last event; 0 if there is none. A pool's
// serials only grow.
func (s *Store) Serial(ctx context.Context, name string) (*ledger.Records, int64, error) {
	p, err := s.newest(ctx, name)
	if err != nil {
		return nil, 0, err
	}
	return p.records, p.serial, nil
}

// newest is a pool with all that is committed.
func (s *Store) newest(ctx context.Context, name string) (*pool, error) {
	r, err := s.reads.Get(ctx, name, func(ctx context.Context, names []string) (map[string]reading, error) {
		read := map[string]reading{}
		for _, name := range names {
			p, err := s.read(ctx, name)
			read[name] = reading{p, err}
		}
		return read, nil
	})
	return r.pool, errors.Join(err, r.err)
}

func (s *Store) read(ctx context.Context, name string) (*pool, error) {
	s.mu.Lock()
	known := s.pools[name]
	s.mu.Unlock()
	if known == nil {
		known = &pool{records: &ledger.Records{}}
	}
	events, err := eventsAfter(ctx, s.database.SQL(), name, known.serial)
	if err != nil {
		return nil, fmt.Errorf("the bookings of pool %s cannot be read: %w", name, err)
	}
	if len(events) == 0 {
		return known, nil
	}
	next := &pool{records: known.records.Clone(), serial: events[len(events)-1].Serial}
	if err := next.add(known.serial, events); err != nil {
		return nil, fmt.Errorf("the bookings of pool %s are not what was written: %w", name, err)
	}
	s.keep(name, next)
	return next, nil
}

// keep remembers the newer of what is known.
func (s *Store) keep(name string, p *pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.pools[name]; known == nil || known.serial < p.serial {
		s.pools[name] = p
	}
}

// add adds events of the database, which must follow each other without a gap.
func (p *pool) add(after int64, events []Event) error {
	entries := make([]ledger.Entry, len(events))
	for i, e := range events {
		if after++; e.Serial != after {
			return fmt.Errorf("event %d is missing", after)
		}
		entries[i] = e.Entry
	}
	return p.records.Add(entries)
}

var _ ledger.Store = (*Store)(nil)
