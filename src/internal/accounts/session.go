package accounts

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/alexedwards/scs/v2"
)

// What a session keeps of who logged in, all as text but SessionSince.
const (
	SessionActor  = "name"
	SessionScopes = "scopes"
	// SessionThrough is the door through which it began.
	SessionThrough = "through"
	// SessionSince is when, in microseconds since 1970 (int64).
	SessionSince = "since"
)

// Sessions keeps the sessions of browsers; it is a store of scs. What it gets as token
// is the digest of what the browser has.
type Sessions struct{ *Store }

// Find returns what is kept of a session.
func (s Sessions) Find(token string) (content []byte, found bool, err error) {
	return s.FindCtx(context.Background(), token)
}

// FindCtx is Find.
func (s Sessions) FindCtx(ctx context.Context, token string) (content []byte, found bool, err error) {
	var ends int64
	err = s.Read.QueryRowContext(ctx, `select content, ends from session where digest = $1 and ended = 0`, token).Scan(&content, &ends)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, false, nil
	}
	if err != nil || !s.Now().Before(time.UnixMicro(ends)) {
		return nil, false, err
	}
	return content, true, nil
}

// Commit keeps a session.
func (s Sessions) Commit(token string, content []byte, ends time.Time) error {
	return s.CommitCtx(context.Background(), token, content, ends)
}

// CommitCtx is Commit. scs reckons ends by the clock of the machine; what is kept is
// reckoned by the server's, which Find asks. A session that was ended stays so, though a
// request that was under way writes it once more when it is answered.
func (s Sessions) CommitCtx(ctx context.Context, token string, content []byte, ends time.Time) error {
	_, values, err := scs.GobCodec{}.Decode(content)
	if err != nil {
		return fmt.Errorf("a session cannot be read: %w", err)
	}
	actor, _ := values[SessionActor].(string)
	through, _ := values[SessionThrough].(string)
	since, _ := values[SessionSince].(int64)
	ends = s.Now().Add(time.Until(ends))
	_, err = s.Write.ExecContext(ctx, `insert into session (digest, content, ends, actor, through, since) values ($1, $2, $3, $4, $5, $6)
on conflict (digest) do update set content = excluded.content, ends = excluded.ends, actor = excluded.actor, through = excluded.through, since = excluded.since`, token, content, ends.UnixMicro(), actor, through, since)
	return err
}

// Delete ends a session.
func (s Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// DeleteCtx is Delete.
func (s Sessions) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.end(ctx, `digest = $2`, token)
	return err
}

// end ends sessions before their time, and says how many. Their rows stay for a while, so
// that they stay ended, see CommitCtx.
func (s *Store) end(ctx context.Context, which string, of ...any) (n int64, err error) {
	result, err := s.Write.ExecContext(ctx, `update session set ended = $1 where ended = 0 and `+which, append([]any{s.Now().UnixMicro()}, of...)...)
	if err != nil {
		return 0, fmt.Errorf("sessions cannot be ended: %w", err)
	}
	return result.RowsAffected()
}

// EndOthers ends the sessions of people who came in through none of these doors, and says
// how many.
func (s *Store) EndOthers(ctx context.Context, doors []string) (n int64, err error) {
	var places []string
	var values []any
	for i, door := range doors {
		places, values = append(places, fmt.Sprintf("$%d", i+2)), append(values, door)
	}
	return s.end(ctx, `through <> '' and through not in (`+strings.Join(places, ", ")+`)`, values...)
}

// EndOf ends all sessions of somebody, and says how many there were.
func (s *Store) EndOf(ctx context.Context, actor, by string) (n int64, err error) {
	n, err = s.end(ctx, `actor = $2 and actor <> '' and ends > $3`, actor, s.Now().UnixMicro())
	if err != nil || n == 0 {
		return n, err
	}
	return n, s.Note(ctx, by, "ended sessions", actor)
}

// LoggedIn are the sessions of one who is logged in.
type LoggedIn struct {
	Actor  string
	Number int
	// Since is when the first of them began, and Until when the last one ends without
	// another request.
	Since, Until time.Time
}

// LoggedIn lists who is logged in with a browser, by name.
func (s *Store) LoggedIn(ctx context.Context) ([]LoggedIn, error) {
	rows, err := s.Read.QueryContext(ctx, `select actor, count(*), min(since), max(ends) from session
where ended = 0 and actor <> '' and ends > $1 group by actor order by actor`, s.Now().UnixMicro())
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []LoggedIn
	for rows.Next() {
		var l LoggedIn
		var since, until int64
		if err := rows.Scan(&l.Actor, &l.Number, &since, &until); err != nil {
			return nil, err
		}
		l.Since, l.Until = time.UnixMicro(since).UTC(), time.UnixMicro(until).UTC()
		list = append(list, l)
	}
	return list, rows.Err()
}

// For how long what has ended is kept. A clock that was wrong for a minute must not take
// all tokens away; and of a session that was ended no request may be under way any more.
const (
	tokenKept   = LongestToken
	sessionKept = time.Hour
)

// Sweep forgets sessions that have ended, and tokens that ended long ago.
func (s Sessions) Sweep(ctx context.Context) error {
	now := s.Now()
	_, err := s.Write.ExecContext(ctx, `delete from session where ends <= $1 and ended <= $2`, now.UnixMicro(), now.Add(-sessionKept).UnixMicro())
	_, other := s.Write.ExecContext(ctx, `delete from token where ends <= $1`, now.Add(-tokenKept).UnixMicro())
	return errors.Join(err, other)
}
