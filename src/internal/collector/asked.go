package collector

import (
	"context"
	"database/sql"
	"time"
)

// Asked is what became of it when a server asked a director.
type Asked struct {
	Director string
	// At is when it was asked last, and Answered when it answered last; the zero time:
	// never.
	At, Answered time.Time
	// Error is why it did not answer when it was asked last; empty: it did.
	Error string
}

// Asked are the directors that servers ask, by name, and what became of it. One that a team
// has pushed since is known by that: that it did not answer before is nothing that goes on.
func (c *Collector) Asked(ctx context.Context) (map[string]Asked, error) {
	if c == nil {
		return nil, nil
	}
	all, err := list(ctx, c.Read)
	if err != nil {
		return nil, err
	}
	heads, err := c.Pushes.Heads(ctx)
	if err != nil {
		return nil, err
	}
	for i := range heads {
		name := heads[i].Director
		asked, ok := all[name]
		if !ok || teamsPush(&heads[i]).IsZero() {
			continue // it is not read for nothing
		}
		told, err := c.told(ctx, heads, name)
		if err != nil {
			return nil, err
		}
		if c.isPushed(told) || told.byTeam.After(asked.At) {
			delete(all, name)
		}
	}
	return all, nil
}

// list are all directors that were ever asked, by name.
func list(ctx context.Context, db *sql.DB) (map[string]Asked, error) {
	rows, err := db.QueryContext(ctx, `select director, at, answered, error from asked`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := map[string]Asked{}
	for rows.Next() {
		var a Asked
		var at, answered int64
		if err := rows.Scan(&a.Director, &at, &answered, &a.Error); err != nil {
			return nil, err
		}
		if a.At = time.UnixMicro(at).UTC(); answered != 0 {
			a.Answered = time.UnixMicro(answered).UTC()
		}
		all[a.Director] = a
	}
	return all, rows.Err()
}

// keep writes it; of one that did not answer it stays known when it did.
func keep(ctx context.Context, db *sql.DB, a Asked) error {
	answered := int64(0)
	if !a.Answered.IsZero() {
		answered = a.Answered.UnixMicro()
	}
	_, err := db.ExecContext(ctx, `insert into asked (director, at, answered, error) values ($1, $2, $3, $4)
on conflict (director) do update set at = excluded.at, error = excluded.error,
answered = case when excluded.answered > 0 then excluded.answered else asked.answered end`, a.Director, a.At.UnixMicro(), answered, a.Error)
	return err
}
