package ledgersql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// The records of a pool say nothing of other pools: that no address is in two of them is
// what the fleet file holds. Servers on one database may read different ones, while a
// change of pools is under way. So the database has one row of the pools that were loaded
// last, by whichever server, and what a server computed under others is not written.

// Loaded are the pools that a server loaded last.
type Loaded struct {
	// Pools is their digest; empty: none were loaded yet.
	Pools string
	At    time.Time
	// By names the server.
	By string
}

// Tag tells one loading from others, those of the same pools included: between two of
// these, addresses may have been given under other pools.
func (l Loaded) Tag() string { return fmt.Sprintf("%s-%d", l.Pools, l.At.UnixMicro()) }

// OtherPoolsError refuses to give anything under pools that are not those that were
// loaded last.
type OtherPoolsError struct{ Last Loaded }

func (e *OtherPoolsError) Error() string {
	return fmt.Sprintf("this server's pools are not those that were loaded last, by %s at %s: nothing is given here until its fleet file has the same pools",
		e.Last.By, e.Last.At.UTC().Format(time.RFC3339))
}

// GuardPools answers whether pools are those that were loaded last. PostgreSQL adds for
// share to it: who loads others waits for what is being written, and what comes later
// waits for them.
const GuardPools = `select (pools || '-' || at) = $1 from loaded`

// Load says that this server has loaded pools, in these segments. What others compute under
// other pools is not written from then on, and what they wrote before can be read.
func (s *Store) Load(ctx context.Context, pools, by string, in Segments) error {
	if err := s.load(ctx, pools, by, in); err != nil {
		return fmt.Errorf("the database cannot be told of the pools: %w", err)
	}
	_, err := s.readLoaded(ctx)
	return err
}

func (s *Store) load(ctx context.Context, pools, by string, in Segments) error {
	tx, err := s.database.Write().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	// First of all: it waits for what is being written under others, whose serials count.
	_, err = tx.ExecContext(ctx, `update loaded set pools = $1, at = case when at < $2 then $2 else at + 1 end, by_whom = $3 where pools <> $1`, pools, s.now().UnixMicro(), by)
	if err == nil {
		err = loadSegments(ctx, tx, in)
	}
	if err != nil {
		return errors.Join(err, tx.Rollback())
	}
	return tx.Commit()
}

// Loaded is what was loaded last, by whomever.
func (s *Store) Loaded(ctx context.Context) (Loaded, error) { return s.readLoaded(ctx) }

func (s *Store) readLoaded(ctx context.Context) (l Loaded, err error) {
	var at int64
	if err := s.database.SQL().QueryRowContext(ctx, `select pools, at, by_whom from loaded`).Scan(&l.Pools, &at, &l.By); err != nil {
		return l, fmt.Errorf("which pools were loaded last cannot be read: %w", err)
	}
	l.At = time.UnixMicro(at).UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = l
	return l, nil
}

// mayWrite reports whether what was computed under pools may be written. What was loaded
// last is known from before, and read again if it is something else: the transaction looks
// once more.
func (s *Store) mayWrite(ctx context.Context, pools string) error {
	s.mu.Lock()
	known := s.loaded
	s.mu.Unlock()
	if pools == "" || known.Tag() == pools {
		return nil
	}
	known, err := s.readLoaded(ctx)
	if err == nil && known.Tag() != pools {
		err = &OtherPoolsError{known}
	}
	return err
}

// Under is the store for what was computed under pools.
type Under struct {
	store *Store
	pools string
}

// Under is the store for what is computed under the pools of a tag: updates end with an
// *OtherPoolsError where others were loaded later. Without one, nothing is looked at: what
// gives no address may be written under whatever pools.
func (s *Store) Under(pools string) *Under { return &Under{s, pools} }

// Update is Store.Update.
func (u *Under) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return u.UpdateAt(ctx, pool, -1, change)
}

// UpdateAt is Store.UpdateAt.
func (u *Under) UpdateAt(ctx context.Context, pool string, serial int64, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return u.store.update(&request{ctx: ctx, pool: pool, change: change, answer: make(chan error, 1), at: serial, under: u.pools})
}

// isAbout reports whether an error is of one request alone.
func isAbout(err error) bool { return errors.As(err, new(*OtherPoolsError)) }
