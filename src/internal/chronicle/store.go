package chronicle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/turns"
)

// Store keeps claims in the tables claimant, claim_open and claim_past. Several may work
// on one database.
type Store struct {
	// Read and Write are the database's; they may be one.
	Read, Write *sql.DB
}

// record is what rows of the table recorded are about.
const record = "claims"

// Version is a push that is to be recorded.
type Version struct {
	Director string
	// After and Number are the version before, which has to be recorded already, and
	// this one; both 0 for what the server itself read of a director that nobody pushed.
	After, Number int64
	// Digest tells what the server read itself from what it read before.
	Digest string
	// At is when the server was told.
	At time.Time
}

// Recorded are the versions up to which all is recorded, by director.
func (s *Store) Recorded(ctx context.Context) (map[string]turns.Version, error) {
	versions, _, err := turns.Recorded(ctx, s.Read, record)
	return versions, err
}

// Add records what a version shows. It reports whether it did: not if it is recorded
// already, or the version before is not.
func (s *Store) Add(ctx context.Context, v Version, sight *Sight) (done bool, err error) {
	err = turns.InTurn(ctx, s.Write, func(tx *sql.Tx) error {
		versions, _, err := turns.Recorded(ctx, tx, record)
		if err != nil {
			return err
		}
		last := versions[v.Director]
		if last.Version != v.After || v.Number == 0 && last.Digest == v.Digest {
			return nil
		}
		at := v.At.UTC().Truncate(time.Microsecond)
		if !at.After(last.At) {
			at = last.At.Add(time.Microsecond) // whatever clocks say, what came later is later
		}
		w := writer{ctx: ctx, tx: tx, director: v.Director, ids: map[Claimant]int64{}}
		open, err := w.open()
		if err != nil {
			return err
		}
		if err := w.write(advance(open, sight, at)); err != nil {
			return err
		}
		done = true
		return turns.Note(ctx, tx, record, turns.Version{Director: v.Director, Version: v.Number, Digest: v.Digest, At: at})
	})
	return done && err == nil, err
}

// Granted are the open claims of what a director granted.
func (s *Store) Granted(ctx context.Context, director string) ([]Open, error) {
	rows, err := s.Read.QueryContext(ctx, `select c.owner, o.address, o.length, o.since, o.unsure
from claimant c join claim_open o on o.claimant = c.id where c.director = $1 and c.what = $2`, director, string(Granted))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Open
	for rows.Next() {
		o := Open{Claimant: Claimant{What: Granted}}
		var address []byte
		var length int
		var since int64
		var unsure sql.NullInt64
		if err := rows.Scan(&o.Owner, &address, &length, &since, &unsure); err != nil {
			return nil, err
		}
		if o.Block, err = ledgersql.RangeOf(address, length); err != nil {
			return nil, err
		}
		o.Since, o.Unsure = time.UnixMicro(since).UTC(), known(unsure)
		list = append(list, o)
	}
	return list, rows.Err()
}

// writer writes what became of one director's claims.
type writer struct {
	ctx      context.Context
	tx       *sql.Tx
	director string
	ids      map[Claimant]int64
}

// open are the director's open claims.
func (w *writer) open() ([]Open, error) {
	rows, err := w.tx.QueryContext(w.ctx, `select c.id, c.what, c.owner, o.address, o.length, o.since, o.unsure
from claimant c left join claim_open o on o.claimant = c.id where c.director = $1`, w.director)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Open
	for rows.Next() {
		var (
			o             Open
			id            int64
			address       []byte
			length, since sql.NullInt64
			unsure        sql.NullInt64
			err           error
		)
		if err := rows.Scan(&id, &o.What, &o.Owner, &address, &length, &since, &unsure); err != nil {
			return nil, err
		}
		w.ids[o.Claimant] = id
		if !length.Valid {
			continue
		}
		if o.Block, err = ledgersql.RangeOf(address, int(length.Int64)); err != nil {
			return nil, err
		}
		o.Since, o.Unsure = time.UnixMicro(since.Int64).UTC(), known(unsure)
		list = append(list, o)
	}
	return list, rows.Err()
}

func known(micro sql.NullInt64) time.Time {
	if !micro.Valid {
		return time.Time{}
	}
	return time.UnixMicro(micro.Int64).UTC()
}

func column(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}

func (w *writer) write(c changes) error {
	do := func(n int, statement string, values func(i int) ([]any, error)) error {
		if n == 0 {
			return nil
		}
		prepared, err := w.tx.PrepareContext(w.ctx, statement)
		if err != nil {
			return err
		}
		defer prepared.Close()
		for i := range n {
			v, err := values(i)
			if err != nil {
				return err
			}
			if _, err := prepared.ExecContext(w.ctx, v...); err != nil {
				return err
			}
		}
		return nil
	}
	for _, o := range c.begun {
		if _, err := w.id(o.Claimant); err != nil { // before a statement is prepared
			return err
		}
	}
	return errors.Join(
		do(len(c.gone), `delete from claim_open where address = $1 and length = $2 and claimant = $3`, func(i int) ([]any, error) { return w.key(&c.gone[i]) }),
		do(len(c.past), `insert into claim_past (address, length, claimant, since, until, unsure) values ($1, $2, $3, $4, $5, $6)`, func(i int) ([]any, error) {
			key, err := w.key(&c.past[i].Open)
			return append(key, c.past[i].Since.UnixMicro(), c.past[i].Until.UnixMicro(), column(c.past[i].Unsure)), err
		}),
		do(len(c.begun), `insert into claim_open (address, length, claimant, since, unsure) values ($1, $2, $3, $4, $5)`, func(i int) ([]any, error) {
			key, err := w.key(&c.begun[i])
			return append(key, c.begun[i].Since.UnixMicro(), column(c.begun[i].Unsure)), err
		}),
		do(len(c.turned), `update claim_open set unsure = $1 where address = $2 and length = $3 and claimant = $4`, func(i int) ([]any, error) {
			key, err := w.key(&c.turned[i])
			return append([]any{column(c.turned[i].Unsure)}, key...), err
		}),
	)
}

func (w *writer) key(o *Open) ([]any, error) {
	id, err := w.id(o.Claimant)
	address, length := ledgersql.Columns(o.Block)
	return []any{address, length, id}, err
}

// id is the row of a claimant, which is made if there is none.
func (w *writer) id(c Claimant) (int64, error) {
	if id, ok := w.ids[c]; ok {
		return id, nil
	}
	var id int64
	err := w.tx.QueryRowContext(w.ctx, `insert into claimant (director, what, owner) values ($1, $2, $3) returning id`, w.director, string(c.What), c.Owner).Scan(&id)
	if err == nil {
		w.ids[c] = id
	}
	return id, err
}

// Line is one line of the history of an address.
type Line struct {
	Director string
	Past
	claimant int64
}

// ErrNoCursor is a text that no answer gave as where to go on.
var ErrNoCursor = errors.New("it is no text that an answer gave as next")

// History lists who had any of the addresses of a block, or a block that they lie in, the
// latest beginning first, at most so many, behind the line that after names; next names
// the last one, or is empty if that is all. Until is the zero time of what goes on.
func (s *Store) History(ctx context.Context, asked netip.Prefix, after string, most int) (list []Line, next string, err error) {
	last, err := readCursor(after)
	if err != nil {
		return nil, "", err
	}
	q := question{}
	where := q.where(asked)
	text := `select h.address, h.length, h.claimant, h.since, h.until, h.unsure, c.director, c.what, c.owner from (
select address, length, claimant, since, null as until, unsure from claim_open where ` + where + `
union all select address, length, claimant, since, until, unsure from claim_past where ` + where + `) h
join claimant c on c.id = h.claimant`
	if last != nil {
		text += fmt.Sprintf(` where h.since < %[1]s or h.since = %[1]s and (h.address > %[2]s or h.address = %[2]s and (h.length > %[3]s or h.length = %[3]s and h.claimant > %[4]s))`,
			q.value(last.since), q.value(last.address), q.value(last.length), q.value(last.claimant))
	}
	text += ` order by h.since desc, h.address, h.length, h.claimant limit ` + q.value(most+1)
	rows, err := s.Read.QueryContext(ctx, text, q.values...)
	if err != nil {
		return nil, "", err
	}
	defer rows.Close()
	for rows.Next() {
		l, err := scanLine(rows)
		if err != nil {
			return nil, "", err
		}
		list = append(list, l)
	}
	if err := rows.Err(); err != nil || len(list) <= most {
		return list, "", err
	}
	return list[:most], cursorOf(&list[most-1]), nil
}

func scanLine(rows *sql.Rows) (l Line, err error) {
	var (
		address       []byte
		length        int
		since         int64
		until, unsure sql.NullInt64
	)
	if err := rows.Scan(&address, &length, &l.claimant, &since, &until, &unsure, &l.Director, &l.What, &l.Owner); err != nil {
		return l, err
	}
	l.Since, l.Until, l.Unsure = time.UnixMicro(since).UTC(), known(until), known(unsure)
	l.Block, err = ledgersql.RangeOf(address, length)
	return l, err
}
