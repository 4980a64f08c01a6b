// Package requests keeps what teams ask for beyond their quota, and what became of it.
//
//	open ──approve──▶ approved ──the addresses are booked──▶ booked
//	  ├──decline──▶ declined         │
//	  └──withdraw──▶ withdrawn ◀─────┘ or declined, while it waits for room
//
// An owner has one request for a pool that is open or approved: who asks the same again
// gets the same one. What a request asks for never changes, so that what is approved is what
// was looked at: who asks for something else takes the open one back, and has a new one. A
// state changes only from the one that it is known to have, so that of two
// who decide at once one decides. What is approved stays so until its addresses are
// booked: whoever booked them and was cut off does it again.
package requests

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// State is what became of a request.
type State string

// The states.
const (
	Open      State = "open"
	Approved  State = "approved"
	Booked    State = "booked"
	Declined  State = "declined"
	Withdrawn State = "withdrawn"
)

// Request is a wish for more than a quota allows.
type Request struct {
	ID    int64
	Pool  string
	Owner string
	Team  string
	// Ask is the question that the quota refused, as JSON.
	Ask   []byte
	At    time.Time
	By    string
	State State
	// Decided is when somebody decided; the zero time: nobody has.
	Decided time.Time
	Judge   string
	Reason  string
}

// Store keeps requests in the table request.
type Store struct {
	Read, Write *sql.DB
	Now         func() time.Time
}

const columns = `id, pool, owner, team, ask, at, by_whom, state, decided, judge, reason`

// Add keeps a request. If its owner has one that is approved, or is open and asks for the
// same, that is the answer, and fresh is false; one that is open and asks for something else
// is taken back.
func (s *Store) Add(ctx context.Context, r Request) (kept Request, fresh bool, err error) {
	for range 20 { // others may add at the same time
		before, found, err := s.Of(ctx, r.Pool, r.Owner)
		if err != nil {
			return r, false, err
		}
		if found && (before.State != Open || string(before.Ask) == string(r.Ask)) {
			return before, false, nil
		}
		var instead int64
		if found {
			instead = before.ID
		}
		err = s.insert(ctx, r, instead)
		if after, found, readErr := s.Of(ctx, r.Pool, r.Owner); readErr == nil && found && after.ID != instead {
			return after, err == nil, nil
		}
		if err != nil && ctx.Err() != nil {
			return r, false, err
		}
	}
	return r, false, errors.New("others ask for this owner all the time")
}

// errDecided says that a request is no longer open.
var errDecided = errors.New("it is decided")

// begin is 2026-01-01, in seconds since 1970.
const begin = "1767225600"

// insert adds a request in place of an open one; 0: there is none. Numbers go on by one; a
// database that was put back (it is fenced as a whole) does not know which were told
// before, and begins anew at the seconds since 2026: a number never means two requests, as
// long as there is less than one a second.
func (s *Store) insert(ctx context.Context, r Request, instead int64) error {
	tx, err := s.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer tx.Rollback()
	now := s.Now().UnixMicro()
	if instead != 0 {
		result, err := tx.ExecContext(ctx, `update request set state = 'withdrawn', decided = $1, judge = $2, reason = $3 where id = $4 and state = 'open'`, now, r.By, AskedAnew, instead)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(err, errDecided)
		}
	}
	_, err = tx.ExecContext(ctx, `insert into request (id, pool, owner, team, ask, at, by_whom, state, judge, reason)
select case when told.least > kept.next then told.least else kept.next end, $1, $2, $3, $4, $5, $6, 'open', '', ''
from (select coalesce(max(id), 0) + 1 as next from request) kept,
     (select coalesce(max(found), 0) / 1000000 - `+begin+` as least from fence where pool = '') told`, r.Pool, r.Owner, r.Team, string(r.Ask), now, r.By)
	if err != nil {
		return err
	}
	return tx.Commit()
}

// AskedAnew is the reason of a request in whose place there is another one.
const AskedAnew = "something else is asked for: see the newer request"

// Of is the owner's request that is open or approved.
func (s *Store) Of(ctx context.Context, pool, owner string) (Request, bool, error) {
	r, err := scan(s.Read.QueryRowContext(ctx, `select `+columns+` from request where pool = $1 and owner = $2 and state in ('open', 'approved')`, pool, owner))
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Get is the request of that id; found is false if there is none.
func (s *Store) Get(ctx context.Context, id int64) (r Request, found bool, err error) {
	r, err = scan(s.Read.QueryRowContext(ctx, `select `+columns+` from request where id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return r, false, nil
	}
	return r, err == nil, err
}

// Move changes the state of a request that has the state from. ok is false if it has
// another one.
func (s *Store) Move(ctx context.Context, id int64, from, to State, by, reason string) (ok bool, err error) {
	if to == Booked { // that is nobody's decision
		return s.change(ctx, `update request set state = $1 where id = $2 and state = $3`, string(to), id, string(from))
	}
	return s.change(ctx, `update request set state = $1, decided = $2, judge = $3, reason = $4 where id = $5 and state = $6`,
		string(to), s.Now().UnixMicro(), by, reason, id, string(from))
}

func (s *Store) change(ctx context.Context, statement string, args ...any) (bool, error) {
	result, err := s.Write.ExecContext(ctx, statement, args...)
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// List lists requests before an id, at most so many, the newest first; 0: from the newest
// one. onlyOpen leaves out what is decided, and by, if it is not empty, what others asked.
func (s *Store) List(ctx context.Context, onlyOpen bool, by string, before int64, most int) ([]Request, error) {
	where, args := `$1 = 0 or id < $1`, []any{before}
	if onlyOpen {
		where = `(` + where + `) and state in ('open', 'approved')`
	}
	if by != "" {
		args = append(args, by)
		where = `(` + where + `) and by_whom = $2`
	}
	args = append(args, most)
	rows, err := s.Read.QueryContext(ctx, fmt.Sprintf(`select %s from request where %s order by id desc limit $%d`, columns, where, len(args)), args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Request
	for rows.Next() {
		r, err := scan(rows)
		if err != nil {
			return nil, err
		}
		list = append(list, r)
	}
	return list, rows.Err()
}

func scan(row interface{ Scan(...any) error }) (r Request, err error) {
	var at int64
	var decided sql.NullInt64
	var ask, state string
	if err := row.Scan(&r.ID, &r.Pool, &r.Owner, &r.Team, &ask, &at, &r.By, &state, &decided, &r.Judge, &r.Reason); err != nil {
		return r, err
	}
	r.Ask, r.State, r.At = []byte(ask), State(state), time.UnixMicro(at).UTC()
	if decided.Valid {
		r.Decided = time.UnixMicro(decided.Int64).UTC()
	}
	return r, nil
}
