package ledgersql

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

// A head is how far somebody knows a pool, as a text: the serial of its last event, that
// event's digest, and a signature. Shown later, it proves that a server on this database
// told so: one that has no such event any more was rolled back. A serial alone proves
// less, for a database that was rolled back reaches it again.
//
//	105-0f3a9c11d2b4e867-5be1d9f60a3c7724

// headWord is how many hexadecimal digits of a digest stand in a head.
const headWord = 16

// digest is of what the event says. Whoever agreed to it counts where somebody did: the digests
// of all other events are those that were told before there was such a column.
func (e *Event) digest() string {
	h := sha256.New()
	values := e.Values()
	if e.Event.Approved == "" {
		values = values[:len(values)-1]
	}
	for _, v := range values {
		fmt.Fprintf(h, "%T %q\n", v, fmt.Sprint(v))
	}
	return hex.EncodeToString(h.Sum(nil))[:headWord]
}

// Origin is what tells a database from others.
type Origin struct {
	// ID is told to clients.
	ID     string
	secret string
}

// OriginOf reads it.
func OriginOf(ctx context.Context, d Database) (o Origin, err error) {
	err = d.SQL().QueryRowContext(ctx, `select id, secret from origin`).Scan(&o.ID, &o.secret)
	return o, err
}

func (o *Origin) sign(pool string, serial int64, digest string) string {
	h := hmac.New(sha256.New, []byte(o.secret))
	fmt.Fprintf(h, "%q %d %s", pool, serial, digest)
	return hex.EncodeToString(h.Sum(nil))[:headWord]
}

// head is the text for a pool's last event.
func (o *Origin) head(pool string, last *Event) string {
	if last == nil {
		return "0"
	}
	digest := last.digest()
	return strconv.FormatInt(last.Serial, 10) + "-" + digest + "-" + o.sign(pool, last.Serial, digest)
}

// ErrForeign says that a head is none that a server on this database made.
var ErrForeign = errors.New("this was not said by a server on this database")

// read takes a head apart.
func (o *Origin) read(pool, head string) (serial int64, digest string, err error) {
	if head == "0" {
		return 0, "", nil
	}
	number, rest, _ := strings.Cut(head, "-")
	digest, signature, _ := strings.Cut(rest, "-")
	serial, err = strconv.ParseInt(number, 10, 64)
	if err != nil || serial < 1 || !hmac.Equal([]byte(signature), []byte(o.sign(pool, serial, digest))) {
		return 0, "", ErrForeign
	}
	return serial, digest, nil
}

// Made reports whether a head of a pool was told by a server on this database, or is that
// of a pool without events.
func (o *Origin) Made(pool, head string) bool {
	_, _, err := o.read(pool, head)
	return err == nil
}

// origin reads the database's origin once.
func (s *Store) origin(ctx context.Context) (*Origin, error) {
	s.mu.Lock()
	known := s.originKnown
	s.mu.Unlock()
	if known != nil {
		return known, nil
	}
	o, err := OriginOf(ctx, s.database)
	if err != nil {
		return nil, fmt.Errorf("the database does not say which one it is: %w", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.originKnown = &o
	return &o, nil
}

// Identity tells this database from others.
func (s *Store) Identity(ctx context.Context) (string, error) {
	o, err := s.origin(ctx)
	if err != nil {
		return "", err
	}
	return o.ID, nil
}

// Saw takes notice of a head that somebody was told, and returns its serial. Where the
// database has no such event, and nobody accepted that, the pool is fenced: the error is
// a *FencedError. A head of another database is ErrForeign.
func (s *Store) Saw(ctx context.Context, pool, head string) (int64, error) {
	o, err := s.origin(ctx)
	if err != nil {
		return 0, err
	}
	serial, digest, err := o.read(pool, head)
	if err != nil || serial == 0 {
		return serial, err
	}
	s.mu.Lock()
	known := s.pools[pool]
	s.mu.Unlock()
	if known != nil && known.last != nil && known.serial == serial && known.last.digest() == digest {
		return serial, nil
	}
	event, err := eventAt(ctx, s.database.SQL(), pool, serial)
	if err != nil {
		return 0, err
	}
	if event != nil && event.digest() == digest {
		return serial, nil
	}
	why := fmt.Sprintf("a client was told of event %d, which is not in the database", serial)
	if event != nil {
		why = fmt.Sprintf("a client was told of another event %d than the one in the database", serial)
	}
	fresh, err := s.rolledBack(ctx, pool, serial, digest, why)
	if err != nil {
		return 0, err
	}
	if f, err := s.fence(ctx, pool); err != nil || f != nil {
		if err == nil {
			err = &FencedError{*f, fresh}
		}
		return 0, err
	}
	return serial, nil // its loss was accepted
}

// eventAt is one event of a pool; nil if there is none of that serial.
func eventAt(ctx context.Context, q querier, pool string, serial int64) (*Event, error) {
	rows, err := q.QueryContext(ctx, selectEvents+` where pool = $1 and serial = $2`, pool, serial)
	if err != nil {
		return nil, err
	}
	list, err := scanEvents(rows, pool)
	if err != nil || len(list) == 0 {
		return nil, err
	}
	return &list[0], nil
}

// scanEvents reads rows of selectEvents to their end.
func scanEvents(rows *sql.Rows, pool string) ([]Event, error) {
	defer rows.Close()
	var list []Event
	for rows.Next() {
		e, err := scanEvent(rows)
		if err != nil {
			return nil, err
		}
		e.Pool = pool
		list = append(list, e)
	}
	return list, rows.Err()
}
