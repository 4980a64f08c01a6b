package accounts

import (
	"context"
	"fmt"
	"time"
)

// Action is one line of the audit trail.
type Action struct {
	Serial int64
	At     time.Time
	Actor  string
	What   string
	About  string
}

// Note adds a line to the trail. Two at once get different serials: one of them tries
// again.
func (s *Store) Note(ctx context.Context, actor, what, about string) error {
	var err error
	for range 20 {
		_, err = s.Write.ExecContext(ctx, `insert into action (serial, at, actor, what, about)
select coalesce(max(serial), 0) + 1, $1, $2, $3, $4 from action`, s.Now().UnixMicro(), actor, what, about)
		if err == nil || ctx.Err() != nil {
			break
		}
	}
	if err != nil {
		return fmt.Errorf("the audit trail cannot be written: %w", err)
	}
	return nil
}

// Trail lists the actions behind a serial, at most so many, the oldest first.
func (s *Store) Trail(ctx context.Context, after int64, most int) ([]Action, error) {
	rows, err := s.Read.QueryContext(ctx, `select serial, at, actor, what, about from action where serial > $1 order by serial limit $2`, after, most)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Action
	for rows.Next() {
		var a Action
		var at int64
		if err := rows.Scan(&a.Serial, &at, &a.Actor, &a.What, &a.About); err != nil {
			return nil, err
		}
		a.At = time.UnixMicro(at).UTC()
		list = append(list, a)
	}
	return list, rows.Err()
}
