package ledgersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// Fence keeps a pool from being given: events of it that somebody was told of are not in
// the database any more, as after the restore of a backup. It is lifted by whoever knows
// what happened (see Lift), and stays as a row for ever.
type Fence struct {
	// Number is from 1, in the order in which fences were raised.
	Number int64
	// Pool is the pool's name; empty: every pool.
	Pool  string
	Found time.Time
	// Why is what was noticed.
	Why string
	// Seen is the last serial of the pool that somebody was told; 0: nobody knows.
	Seen int64
	// Lifted is when; the zero time: nothing is given yet.
	Lifted   time.Time
	LiftedBy string
	// Next is the first serial after it was lifted. Those between the last event and it
	// may have meant something else, and are never given again.
	Next int64
}

// Open reports whether nothing is given because of it.
func (f *Fence) Open() bool { return f.Lifted.IsZero() }

func (f *Fence) about(pool string) bool { return f.Pool == "" || f.Pool == pool }

// Text is the fence in words.
func (f *Fence) Text() string {
	text := "pool " + f.Pool + " is fenced"
	if f.Pool == "" {
		text = "all pools are fenced"
	}
	return fmt.Sprintf("%s since %s: %s", text, f.Found.Format(time.RFC3339), f.Why)
}

// FencedError refuses to write anything of a pool.
type FencedError struct {
	Fence
	// Fresh says that this question led to it.
	Fresh bool
}

func (e *FencedError) Error() string {
	return e.Text() + "; bookings may be lost, and nothing is given or changed until somebody says what happened (ipguard-server restore --accept)"
}

// querier is a database or a transaction.
type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

// fencesOf reads all fences, the oldest first.
func fencesOf(ctx context.Context, q querier) ([]Fence, error) {
	rows, err := q.QueryContext(ctx, `select number, pool, found, why, seen, lifted, lifted_by, next from fence order by number`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	list := []Fence{}
	for rows.Next() {
		var f Fence
		var found int64
		var lifted sql.NullInt64
		if err := rows.Scan(&f.Number, &f.Pool, &found, &f.Why, &f.Seen, &lifted, &f.LiftedBy, &f.Next); err != nil {
			return nil, err
		}
		f.Found = time.UnixMicro(found).UTC()
		if lifted.Valid {
			f.Lifted = time.UnixMicro(lifted.Int64).UTC()
		}
		list = append(list, f)
	}
	return list, rows.Err()
}

// OpenFence is the fence that keeps a pool from being given; nil: none.
func OpenFence(list []Fence, pool string) *Fence {
	for i := range list {
		if f := &list[i]; f.Open() && f.about(pool) {
			return f
		}
	}
	return nil
}

// nextSerial is the least that the next event of a pool may have.
func nextSerial(list []Fence, pool string) int64 {
	var next int64 = 1
	for i := range list {
		if f := &list[i]; !f.Open() && f.about(pool) {
			next = max(next, f.Next)
		}
	}
	return next
}

// follows reports whether an event may come right after another one: without a gap, but
// for those that a fence left.
func follows(list []Fence, pool string, before, serial int64) bool {
	if serial == before+1 {
		return true
	}
	for i := range list {
		if f := &list[i]; !f.Open() && f.about(pool) && f.Next == serial && serial > before {
			return true
		}
	}
	return false
}

// settled reports whether somebody said of a pool that events up to there may be lost.
func settled(list []Fence, pool string, serial int64) bool { return serial < nextSerial(list, pool) }

// raise fences a pool, unless it is already. seen is the last serial that somebody was
// told, if that is known. With a new fence all sessions end.
func raise(ctx context.Context, tx *sql.Tx, pool, why string, seen int64, now time.Time) error {
	list, err := fencesOf(ctx, tx)
	if err != nil {
		return err
	}
	for _, f := range list {
		if f.Open() && f.Pool == pool {
			_, err := tx.ExecContext(ctx, `update fence set seen = $1 where number = $2`, max(seen, f.Seen), f.Number)
			return err
		}
	}
	if err := endSessions(ctx, tx, now); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `insert into fence (number, pool, found, why, seen) values ($1, $2, $3, $4, $5)`,
		len(list)+1, pool, now.UnixMicro(), why, seen)
	return err
}

// endSessions ends all sessions: one that was ended since is there again in an old database.
func endSessions(ctx context.Context, tx *sql.Tx, now time.Time) error {
	_, err := tx.ExecContext(ctx, `update session set ended = $1 where ended = 0`, now.UnixMicro())
	return err
}

// Raise fences a pool, or with an empty name all of them.
func Raise(ctx context.Context, d Database, pool, why string, now time.Time) error {
	return d.Alone(ctx, func(tx *sql.Tx) error { return raise(ctx, tx, pool, why, 0, now) })
}

// Begin is what a server does with a database before anything else: one that is a copy
// of another, such as a backup that was put back, is fenced.
func Begin(ctx context.Context, d Database, now time.Time) error {
	err := d.Alone(ctx, func(tx *sql.Tx) error {
		why, err := d.Copied(ctx, tx)
		if err != nil || why == "" {
			return err
		}
		// The copy may have an open fence already.
		if err := errors.Join(raise(ctx, tx, "", why, 0, now), endSessions(ctx, tx, now)); err != nil {
			return err
		}
		return d.Adopt(ctx, tx)
	})
	if err != nil {
		return err
	}
	return d.Begin(ctx)
}

// Fences are all that were ever raised, the oldest first.
func (s *Store) Fences(ctx context.Context) ([]Fence, error) { return s.readFences(ctx) }

// Fences are all that were ever raised on a database, the oldest first.
func Fences(ctx context.Context, d Database) ([]Fence, error) { return fencesOf(ctx, d.SQL()) }

// readFences asks the database for the fences, and remembers them.
func (s *Store) readFences(ctx context.Context) ([]Fence, error) {
	list, err := fencesOf(ctx, s.database.SQL())
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fences = list
	return list, nil
}

// knownFences are those that were read last. A newer one is noticed when something is
// written: see Guard.
func (s *Store) knownFences(ctx context.Context) ([]Fence, error) {
	s.mu.Lock()
	list := s.fences
	s.mu.Unlock()
	if list != nil {
		return list, nil
	}
	return s.readFences(ctx)
}

// fence is the open fence of a pool; nil: none.
func (s *Store) fence(ctx context.Context, pool string) (*Fence, error) {
	list, err := s.knownFences(ctx)
	if err != nil || OpenFence(list, pool) == nil {
		return nil, err
	}
	if list, err = s.readFences(ctx); err != nil { // it may have been lifted meanwhile
		return nil, err
	}
	return OpenFence(list, pool), nil
}

// Fenced is the fence that keeps a pool from being given now; nil: none.
func (s *Store) Fenced(ctx context.Context, pool string) (*Fence, error) {
	list, err := s.readFences(ctx)
	return OpenFence(list, pool), err
}

// rolledBack fences a pool whose database lacks an event that was there, or has another
// one in its place, unless somebody accepted that loss already.
func (s *Store) rolledBack(ctx context.Context, pool string, serial int64, digest, why string) (fresh bool, err error) {
	err = s.database.Alone(ctx, func(tx *sql.Tx) error {
		now, err := eventAt(ctx, tx, pool, serial)
		if err != nil || now != nil && now.digest() == digest { // a standby that lags behind, perhaps
			return err
		}
		list, err := fencesOf(ctx, tx)
		if err != nil || settled(list, pool, serial) {
			return err
		}
		fresh = OpenFence(list, pool) == nil
		return raise(ctx, tx, pool, why, serial, s.now())
	})
	if err != nil {
		return false, fmt.Errorf("pool %s has not what it had, and cannot be fenced: %w", pool, err)
	}
	s.forget(pool)
	_, err = s.readFences(ctx)
	return fresh, err
}

// forget forgets what is known of a pool.
func (s *Store) forget(pool string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.pools, pool)
}
