package ledgersql

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// The records of a pool say nothing of other pools, nor of who else has an address: that no
// address is in two pools, or somebody's outside of BOSH, is what the fleet file holds.
// Servers on one database may read different ones, while a change is under way. So the
// database has one row of the fleet file that was loaded last, by whichever server, and what
// a server computed by another is not written.

// Loaded is the fleet file that a server loaded last.
type Loaded struct {
	// Digest is of what it says about giving; empty: none was loaded yet.
	Digest string
	At     time.Time
	// By names the server.
	By string
}

// Tag tells one loading from others, those of the same file included: between two of
// these, addresses may have been given by another one.
func (l Loaded) Tag() string { return fmt.Sprintf("%s-%d", l.Digest, l.At.UnixMicro()) }

// OtherFleetFileError refuses to give anything by a fleet file that does not say what the
// one that was loaded last says.
type OtherFleetFileError struct{ Last Loaded }

func (e *OtherFleetFileError) Error() string {
	return fmt.Sprintf("this server's fleet file is not the one that was loaded last, by %s at %s: nothing is given here until it says the same of pools, segments, directors and what is outside of them",
		e.Last.By, e.Last.At.UTC().Format(time.RFC3339))
}

// GuardFleetFile answers whether a fleet file is the one that was loaded last. PostgreSQL
// adds for share to it: who loads another waits for what is being written, and what comes
// later waits for them.
const GuardFleetFile = `select (pools || '-' || at) = $1 from loaded`

// Load says that this server has loaded a fleet file, of this digest, with these segments.
// What others compute by another one is not written from then on, and what they wrote before
// can be read.
func (s *Store) Load(ctx context.Context, digest, by string, in Segments) error {
	if err := s.load(ctx, digest, by, in); err != nil {
		return fmt.Errorf("the database cannot be told of the fleet file: %w", err)
	}
	_, err := s.readLoaded(ctx)
	return err
}

func (s *Store) load(ctx context.Context, digest, by string, in Segments) error {
	tx, err := s.database.Write().BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	// First of all: it waits for what is being written by others, whose serials count.
	_, err = tx.ExecContext(ctx, `update loaded set pools = $1, at = case when at < $2 then $2 else at + 1 end, by_whom = $3 where pools <> $1`, digest, s.now().UnixMicro(), by)
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
	if err := s.database.SQL().QueryRowContext(ctx, `select pools, at, by_whom from loaded`).Scan(&l.Digest, &at, &l.By); err != nil {
		return l, fmt.Errorf("which fleet file was loaded last cannot be read: %w", err)
	}
	l.At = time.UnixMicro(at).UTC()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.loaded = l
	return l, nil
}

// mayWrite reports whether what was computed under a tag may be written. What was loaded
// last is known from before, and read again if it is something else: the transaction looks
// once more.
func (s *Store) mayWrite(ctx context.Context, tag string) error {
	s.mu.Lock()
	known := s.loaded
	s.mu.Unlock()
	if tag == "" || known.Tag() == tag {
		return nil
	}
	known, err := s.readLoaded(ctx)
	if err == nil && known.Tag() != tag {
		err = &OtherFleetFileError{known}
	}
	return err
}

// Under is the store for what was computed under a tag.
type Under struct {
	store  *Store
	tag    string
	grants int64
}

// Under is the store for what is computed by the fleet file of a tag: updates end with an
// *OtherFleetFileError where another one was loaded later. Without a tag, nothing is looked
// at: what gives no address may be written whatever the fleet file says.
func (s *Store) Under(tag string) *Under { return &Under{store: s, tag: tag} }

// Update is Store.Update.
func (u *Under) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return u.UpdateAt(ctx, pool, -1, change)
}

// UpdateAt is Store.UpdateAt.
func (u *Under) UpdateAt(ctx context.Context, pool string, serial int64, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return u.store.update(&request{ctx: ctx, pool: pool, change: change, answer: make(chan error, 1), at: serial, under: u.tag, grants: u.grants})
}

// isAbout reports whether an error is of one request alone.
func isAbout(err error) bool {
	return errors.As(err, new(*OtherFleetFileError)) || errors.Is(err, ErrNotApproved)
}
