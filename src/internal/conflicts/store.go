package conflicts

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/turns"
	"github.com/ipguard/ipguard/src/internal/webhooks"
)

// Store keeps conflicts in the table conflict. Several may work on one database.
type Store struct {
	// Read and Write are the database's; they may be one.
	Read, Write *sql.DB
	Now         func() time.Time
	// Webhooks are the names of those that are told.
	Webhooks []string
	// Told is called when there is something to tell them; nil: nobody is.
	Told func()
}

// ErrOutdated says that a newer picture was recorded already.
var ErrOutdated = errors.New("a newer picture was recorded")

// record is what rows of the table recorded are about.
const record = "conflicts"

// Record writes what a picture of now makes of the conflicts, and what webhooks are to be
// told, all of it or none. The same picture again changes when they were seen last and
// nothing else. The error is ErrOutdated if somebody recorded a newer push than those
// that the picture has.
func (s *Store) Record(ctx context.Context, p *central.Picture) error {
	tells := false
	err := turns.InTurn(ctx, s.Write, func(tx *sql.Tx) error {
		now, err := s.advance(ctx, tx, p)
		if err != nil {
			return err
		}
		open, err := listed(ctx, tx, `select fingerprint, opened, seen, ended, unsure, content from conflict where ended is null`)
		if err != nil {
			return err
		}
		c := compare(open, p, now)
		if err := c.write(ctx, tx); err != nil {
			return err
		}
		if len(c.opened)+len(c.ended) == 0 {
			return nil
		}
		body, err := c.message(now)
		if err != nil {
			return err
		}
		for _, name := range s.Webhooks {
			if err := webhooks.Add(ctx, tx, name, body, now); err != nil {
				return err
			}
			tells = true
		}
		return nil
	})
	if err == nil && tells && s.Told != nil {
		s.Told()
	}
	return err
}

// advance notes which versions are recorded, and returns the time of it: later than all
// that was recorded before, whatever the clock says.
func (s *Store) advance(ctx context.Context, tx *sql.Tx, p *central.Picture) (now time.Time, err error) {
	recorded, last, err := turns.Recorded(ctx, tx, record)
	if err != nil {
		return now, err
	}
	has := map[string]bool{}
	for _, push := range p.Pushed {
		if push.Version < recorded[push.Director].Version {
			return now, ErrOutdated
		}
		has[push.Director] = true
	}
	for director, was := range recorded {
		if director == "" || was.Version == 0 || has[director] {
			continue
		}
		var there int // not if it was retired
		if err := tx.QueryRowContext(ctx, `select count(*) from push p where director = $1 and digest <> ''
and not exists (select 1 from push later where later.director = p.director and later.version > p.version)`, director).Scan(&there); err != nil {
			return now, err
		}
		if there > 0 {
			return now, ErrOutdated
		}
	}
	if now = s.Now().UTC().Truncate(time.Microsecond); !now.After(last) {
		now = last.Add(time.Microsecond)
	}
	for _, push := range p.Pushed {
		if recorded[push.Director].Version == push.Version {
			continue
		}
		if err := turns.Note(ctx, tx, record, turns.Version{Director: push.Director, Version: push.Version, Digest: push.Digest, At: now}); err != nil {
			return now, err
		}
	}
	return now, turns.Note(ctx, tx, record, turns.Version{At: now})
}

func (c *changes) write(ctx context.Context, tx *sql.Tx) error {
	for _, o := range c.opened {
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `insert into conflict (fingerprint, opened, seen, content) values ($1, $2, $3, $4)`,
			o.Fingerprint, o.Opened.UnixMicro(), o.Seen.UnixMicro(), string(text)); err != nil {
			return err
		}
	}
	for _, o := range c.seen {
		text, err := json.Marshal(o)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `update conflict set seen = $1, unsure = null, content = $2 where fingerprint = $3 and ended is null`,
			o.Seen.UnixMicro(), string(text), o.Fingerprint); err != nil {
			return err
		}
	}
	for _, o := range c.unsure {
		if _, err := tx.ExecContext(ctx, `update conflict set unsure = $1 where fingerprint = $2 and ended is null`, o.Unsure.UnixMicro(), o.Fingerprint); err != nil {
			return err
		}
	}
	for _, o := range c.ended {
		if _, err := tx.ExecContext(ctx, `update conflict set ended = $1 where fingerprint = $2 and ended is null`, o.Ended.UnixMicro(), o.Fingerprint); err != nil {
			return err
		}
	}
	return nil
}

// Open are those that are not known to have ended, by fingerprint.
func (s *Store) Open(ctx context.Context) (map[string]Conflict, error) {
	list, err := listed(ctx, s.Read, `select fingerprint, opened, seen, ended, unsure, content from conflict where ended is null`)
	if err != nil {
		return nil, err
	}
	open := make(map[string]Conflict, len(list))
	for _, c := range list {
		open[c.Fingerprint] = c
	}
	return open, nil
}

// CountOpen counts them.
func (s *Store) CountOpen(ctx context.Context) (n int, err error) {
	err = s.Read.QueryRowContext(ctx, `select count(*) from conflict where ended is null`).Scan(&n)
	return n, err
}

// Ended are those that have ended, the latest first, at most so many, behind the one
// that after names; next names the last of them, or is empty if that is all. A text that
// names none is ErrNoCursor.
func (s *Store) Ended(ctx context.Context, after string, most int) (list []Conflict, next string, err error) {
	ended, fingerprint, opened := int64(1)<<62, "", int64(0)
	if after != "" {
		parts := strings.Split(after, ".")
		if len(parts) != 3 {
			return nil, "", ErrNoCursor
		}
		var wrong, wrong2 error
		ended, wrong = strconv.ParseInt(parts[0], 10, 64)
		opened, wrong2 = strconv.ParseInt(parts[2], 10, 64)
		if fingerprint = parts[1]; wrong != nil || wrong2 != nil {
			return nil, "", ErrNoCursor
		}
	}
	list, err = listed(ctx, s.Read, `select fingerprint, opened, seen, ended, unsure, content from conflict
where ended < $1 or ended = $1 and (fingerprint > $2 or fingerprint = $2 and opened > $3)
order by ended desc, fingerprint, opened limit $4`, ended, fingerprint, opened, most+1)
	if err != nil || len(list) <= most {
		return list, "", err
	}
	last := list[most-1]
	return list[:most], fmt.Sprintf("%d.%s.%d", last.Ended.UnixMicro(), last.Fingerprint, last.Opened.UnixMicro()), nil
}

// ErrNoCursor is a text that no list gave as where to go on.
var ErrNoCursor = errors.New("it is no text that an answer gave as next")

type querier interface {
	QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
}

func listed(ctx context.Context, from querier, query string, args ...any) ([]Conflict, error) {
	rows, err := from.QueryContext(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Conflict
	for rows.Next() {
		var (
			c             Conflict
			opened, seen  int64
			ended, unsure sql.NullInt64
			text          string
		)
		if err := rows.Scan(&c.Fingerprint, &opened, &seen, &ended, &unsure, &text); err != nil {
			return nil, err
		}
		if err := json.Unmarshal([]byte(text), &c); err != nil {
			return nil, fmt.Errorf("conflict %s cannot be read: %w", c.Fingerprint, err)
		}
		c.Opened, c.Seen = time.UnixMicro(opened).UTC(), time.UnixMicro(seen).UTC()
		if ended.Valid {
			c.Ended = time.UnixMicro(ended.Int64).UTC()
		}
		if unsure.Valid {
			c.Unsure = time.UnixMicro(unsure.Int64).UTC()
		}
		list = append(list, c)
	}
	return list, rows.Err()
}

// RecordNow records the plan with its bookings as it is now, and returns what was
// recorded.
func RecordNow(ctx context.Context, from *central.Plan, s *Store) (*central.Picture, error) {
	for range 10 { // others may record newer ones all the time
		p, err := from.Read(ctx)
		if err != nil {
			return nil, err
		}
		if p, err = from.Judged(ctx, p, false); err != nil {
			return nil, err
		}
		if err = s.Record(ctx, p); !errors.Is(err, ErrOutdated) {
			return p, err
		}
	}
	return nil, ErrOutdated
}
