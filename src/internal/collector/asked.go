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

// List are all directors that were ever asked, by name.
func List(ctx context.Context, db *sql.DB) (map[string]Asked, error) {
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
