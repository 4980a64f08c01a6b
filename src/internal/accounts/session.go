package accounts

import (
	"context"
	"database/sql"
	"errors"
	"time"
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
	err = s.Read.QueryRowContext(ctx, `select content, ends from session where digest = $1`, token).Scan(&content, &ends)
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
// reckoned by the server's, which Find asks.
func (s Sessions) CommitCtx(ctx context.Context, token string, content []byte, ends time.Time) error {
	ends = s.Now().Add(time.Until(ends))
	_, err := s.Write.ExecContext(ctx, `insert into session (digest, content, ends) values ($1, $2, $3)
on conflict (digest) do update set content = excluded.content, ends = excluded.ends`, token, content, ends.UnixMicro())
	return err
}

// Delete ends a session.
func (s Sessions) Delete(token string) error { return s.DeleteCtx(context.Background(), token) }

// DeleteCtx is Delete.
func (s Sessions) DeleteCtx(ctx context.Context, token string) error {
	_, err := s.Write.ExecContext(ctx, `delete from session where digest = $1`, token)
	return err
}

// keptAfterEnd is for how long a token that has ended is kept: a clock that was wrong for
// a minute must not take all tokens away.
const keptAfterEnd = LongestToken

// Sweep forgets sessions that have ended, and tokens that ended long ago.
func (s Sessions) Sweep(ctx context.Context) error {
	now := s.Now()
	_, err := s.Write.ExecContext(ctx, `delete from session where ends <= $1`, now.UnixMicro())
	_, other := s.Write.ExecContext(ctx, `delete from token where ends <= $1`, now.Add(-keptAfterEnd).UnixMicro())
	return errors.Join(err, other)
}
