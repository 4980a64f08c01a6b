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
// A database that lost events which somebody was told of, such as a backup that was put
// back, is found out and fenced (Fence): by what the database knows of itself (Begin), by
// what this server had read (newest, Guard), and by what clients were told (Saw).
//
// What differs between SQLite and PostgreSQL is in the packages of these names; the
// tables are in migrations. History only grows: triggers refuse all else.
package ledgersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/sharedread"
)

// Database is what a Store needs of SQLite or PostgreSQL.
type Database interface {
	// SQL answers questions. Parameters are $1, $2, ... and appear in this order.
	SQL() *sql.DB
	// Write is for statements that write. None of them is committed once the file was
	// replaced, see ErrReplaced.
	Write() *sql.DB
	// Append writes events and what became of their addresses, all of them or none.
	// The error is ErrLate if somebody else wrote in between, and ErrGuarded if a guard
	// of them says no; ErrFull if there is no room.
	Append(ctx context.Context, events []Event, after []Booking) error
	// Alone runs f in a transaction while nobody else writes events.
	Alone(ctx context.Context, f func(tx *sql.Tx) error) error
	// Copied says how it is known that this is a copy of another database, such as a
	// backup that was put back; empty: it is none, as far as can be known.
	Copied(ctx context.Context, tx *sql.Tx) (how string, err error)
	// Adopt makes a copy one that is worked on.
	Adopt(ctx context.Context, tx *sql.Tx) error
	// Begin keeps track, from now on, of what Copied has to know.
	Begin(ctx context.Context) error
	// Explain is the error of a statement; it is ErrFull, too, if there was no room, and
	// ErrReplaced.
	Explain(err error) error
	// Replaced is ErrReplaced if it is so now, and asks the database nothing.
	Replaced() error
	// Writable says why nothing can be written now, as far as can be known without writing:
	// ErrFull, ErrReadOnly or ErrReplaced, or that the database does not answer.
	Writable(ctx context.Context) error
	// Close ends it.
	Close() error
}

// ErrLate says that somebody else wrote an event of that serial, or has the address.
var ErrLate = errors.New("somebody else was faster")

// ErrFull says that there is no room for what should be written: nothing of it was.
var ErrFull = errors.New("the database has no room left")

// ErrReplaced says that another file is in the place of the database's, or none: what is
// written now goes with the one that was there.
var ErrReplaced = errors.New("the database's file was replaced or removed while the server works on it: stop the server, and put a backup back with ipguard-server restore")

// ErrReadOnly says that the database lets nobody write.
var ErrReadOnly = errors.New("the database takes no writes")

// ErrGuarded says that what a group rests on is not so any more; it is an ErrLate.
var ErrGuarded = fmt.Errorf("%w: what was read is not there any more, or the pool is fenced", ErrLate)

// Allowed reads what a guard says, from a row of either database; no row is a no.
func Allowed(row interface{ Scan(dest ...any) error }) error {
	var ok bool
	if err := row.Scan(&ok); err != nil && !errors.Is(err, sql.ErrNoRows) {
		return err
	}
	if !ok {
		return ErrGuarded
	}
	return nil
}

// Store is a ledger.Store on a database. Several may work on one database.
type Store struct {
	database Database
	now      func() time.Time
	mu       sync.Mutex
	pools    map[string]*pool
	// fences are those that were read last; nil: none were read yet.
	fences []Fence
	// loaded is what was read last of the fleet file that was loaded last.
	loaded      Loaded
	originKnown *Origin
	queue       chan *request
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

// pool is what is known of a pool: records that nobody changes any more, and their last
// event with its serial; nil and 0 if there is none.
type pool struct {
	records *ledger.Records
	serial  int64
	last    *Event
}

// longestQueue is how many updates wait at most; more wait to wait.
const longestQueue = 4096

// New returns a store on a database whose tables are there, see Migrate. Close ends
// it and the database.
func New(database Database) *Store { return NewAt(database, time.Now) }

// NewAt is New with a clock, which tells when a fence is raised.
func NewAt(database Database, now func() time.Time) *Store {
	s := &Store{database: database, now: now, pools: map[string]*pool{}, queue: make(chan *request, longestQueue)}
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

// Explain is the error of a statement on the database, of whatever table; it is ErrFull,
// too, if there was no room, and ErrReplaced.
func (s *Store) Explain(err error) error { return s.database.Explain(err) }

// Records implements ledger.Store: what is committed now, by whomever. The records
// are shared: they must not be changed.
func (s *Store) Records(ctx context.Context, name string) (*ledger.Records, error) {
	p, err := s.newest(ctx, name)
	if err != nil {
		return nil, err
	}
	return p.records, nil
}

// Known is what is committed of a pool.
type Known struct {
	// Records are shared: they must not be changed.
	Records *ledger.Records
	// Serial is of the last event; 0 if there is none. A pool's serials only grow.
	Serial int64
	// Head is how far this is, as a text that can be shown to Saw later.
	Head string
}

// Known returns what is committed of a pool now, by whomever.
func (s *Store) Known(ctx context.Context, name string) (Known, error) {
	o, err := s.origin(ctx)
	if err != nil {
		return Known{}, err
	}
	p, err := s.newest(ctx, name)
	if err != nil {
		return Known{}, err
	}
	return Known{p.records, p.serial, o.head(name, p.last)}, nil
}

// KnownAll is Known for several pools, by their names.
func (s *Store) KnownAll(ctx context.Context, names []string) (map[string]Known, error) {
	o, err := s.origin(ctx)
	if err != nil {
		return nil, err
	}
	found, err := s.reads.GetAll(ctx, names, s.readAll)
	if err != nil {
		return nil, err
	}
	all := make(map[string]Known, len(found))
	for name, r := range found {
		if r.err != nil {
			return nil, r.err
		}
		all[name] = Known{r.pool.records, r.pool.serial, o.head(name, r.pool.last)}
	}
	return all, nil
}

// newest is a pool with all that is committed.
func (s *Store) newest(ctx context.Context, name string) (*pool, error) {
	r, err := s.reads.Get(ctx, name, s.readAll)
	return r.pool, errors.Join(err, r.err)
}

// readAll reads what is new of pools, by one question for many.
func (s *Store) readAll(ctx context.Context, names []string) (map[string]reading, error) {
	all := make(map[string]reading, len(names))
	for some := range slices.Chunk(names, mostAsked) {
		known := s.knownOf(some)
		events, err := eventsOf(ctx, s.database.SQL(), known)
		if err != nil {
			return nil, fmt.Errorf("the bookings cannot be read: %w", err)
		}
		for name, p := range known {
			next, err := s.follow(ctx, name, p, events[name])
			all[name] = reading{next, err}
		}
	}
	return all, nil
}

// knownOf is what is known of pools without a question.
func (s *Store) knownOf(names []string) map[string]*pool {
	s.mu.Lock()
	defer s.mu.Unlock()
	known := make(map[string]*pool, len(names))
	for _, name := range names {
		if known[name] = s.pools[name]; known[name] == nil {
			known[name] = &pool{records: &ledger.Records{}}
		}
	}
	return known
}

// read reads what is new of one pool.
func (s *Store) read(ctx context.Context, name string) (*pool, error) {
	all, err := s.readAll(ctx, []string{name})
	return all[name].pool, errors.Join(err, all[name].err)
}

// follow is a pool with the events from its last one on.
func (s *Store) follow(ctx context.Context, name string, known *pool, events []Event) (*pool, error) {
	if known.last != nil { // the first is the last one that is known, if nobody rolled the database back
		if len(events) == 0 || events[0].digest() != known.last.digest() {
			why := fmt.Sprintf("event %d, which this server had read, is not in the database any more", known.serial)
			if _, err := s.rolledBack(ctx, name, known.serial, known.last.digest(), why); err != nil {
				return nil, err
			}
			return s.read(ctx, name)
		}
		events = events[1:]
	}
	if len(events) == 0 {
		return known, nil
	}
	next := &pool{records: known.records.Clone(), serial: known.serial, last: known.last}
	if err := s.add(ctx, next, name, events); err != nil {
		return nil, fmt.Errorf("the bookings of pool %s are not what was written: %w", name, err)
	}
	s.keep(name, next)
	return next, nil
}

// add adds events of the database to a pool. Gaps are those that fences left.
func (s *Store) add(ctx context.Context, p *pool, name string, events []Event) error {
	fences, err := s.knownFences(ctx)
	if err != nil {
		return err
	}
	if missing(p.serial, name, events, fences) != 0 { // a fence may have been lifted meanwhile
		if fences, err = s.readFences(ctx); err != nil {
			return err
		}
	}
	return p.add(name, events, fences)
}

// keep remembers the newer of what is known.
func (s *Store) keep(name string, p *pool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if known := s.pools[name]; known == nil || known.serial < p.serial {
		s.pools[name] = p
	}
}

// missing is the serial of the first event that should be there; 0: none is missing.
func missing(after int64, name string, events []Event, fences []Fence) int64 {
	for _, e := range events {
		if !follows(fences, name, after, e.Serial) {
			return after + 1
		}
		after = e.Serial
	}
	return 0
}

// add adds events of the database, which must follow each other without a gap, but for
// those that fences left.
func (p *pool) add(name string, events []Event, fences []Fence) error {
	if serial := missing(p.serial, name, events, fences); serial != 0 {
		return fmt.Errorf("event %d is missing", serial)
	}
	entries := make([]ledger.Entry, len(events))
	for i := range events {
		entries[i] = events[i].Entry
	}
	if err := p.records.Add(entries); err != nil {
		return err
	}
	if len(events) > 0 {
		p.last = &events[len(events)-1]
		p.serial = p.last.Serial
	}
	return nil
}

var _ ledger.Store = (*Store)(nil)
