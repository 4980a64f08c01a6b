// Package pushes keeps what teams tell of their directors: snapshots, each a new
// version of its director's, of which the last one counts.
package pushes

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/ipguard/ipguard/src/internal/sharedread"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Store keeps them in the table push.
type Store struct {
	Read, Write *sql.DB
	Now         func() time.Time

	heads sharedread.Reader[struct{}, []Push]
}

// Push is one version of what a director has.
type Push struct {
	Director string
	Version  int64
	UUID     string
	At       time.Time
	By       string
	// Digest is the SHA-256 of the snapshot's text, in hexadecimal.
	Digest string
	// Text is the snapshot's; nil in lists.
	Text []byte
}

// RefusedError says why a snapshot is not taken.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return e.Message }

// Add keeps a snapshot as a director's newest version. One that is the same as the
// last one changes nothing: fresh is false. It refuses what is no snapshot, and one of
// another director than that of the versions before: a *RefusedError.
func (s *Store) Add(ctx context.Context, director string, text []byte, by string) (p Push, fresh bool, err error) {
	read, err := snapshot.Read(director+".json", text)
	if err != nil {
		return p, false, &RefusedError{err.Error()}
	}
	sum := sha256.Sum256(text)
	p = Push{Director: director, UUID: read.Director.UUID, At: s.Now().UTC(), By: by, Digest: hex.EncodeToString(sum[:])}
	for range 20 { // another one may push the same director
		last, err := s.last(ctx, director)
		if err != nil {
			return p, false, err
		}
		if last != nil && last.Digest == p.Digest {
			return *last, false, nil
		}
		if err := s.mayFollow(ctx, p, last); err != nil {
			return p, false, err
		}
		p.Version = 1
		if last != nil {
			p.Version = last.Version + 1
		}
		if err = s.insert(ctx, p, text); err == nil {
			return p, true, nil
		}
		if now, readErr := s.last(ctx, director); readErr != nil || now == nil || last != nil && now.Version == last.Version {
			return p, false, err // that was not why
		}
	}
	return p, false, errors.New("others push this director all the time")
}

// mayFollow refuses the snapshot of another director.
func (s *Store) mayFollow(ctx context.Context, p Push, last *Push) error {
	if last != nil && last.UUID != "" && last.UUID != p.UUID {
		return &RefusedError{fmt.Sprintf("director %s has the UUID %s, and this snapshot is of %s", p.Director, last.UUID, uuidText(p.UUID))}
	}
	if p.UUID == "" {
		return nil
	}
	var other string
	err := s.Read.QueryRowContext(ctx, `select director from push where uuid = $1 and director <> $2 limit 1`, p.UUID, p.Director).Scan(&other)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return &RefusedError{fmt.Sprintf("the director with the UUID %s is known as %s", p.UUID, other)}
}

func uuidText(uuid string) string {
	if uuid == "" {
		return "one without a UUID"
	}
	return "the one with " + uuid
}

func (s *Store) insert(ctx context.Context, p Push, text []byte) error {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return err
	}
	if err := w.Close(); err != nil {
		return err
	}
	_, err := s.Write.ExecContext(ctx, `insert into push (director, version, uuid, at, by_whom, digest, snapshot) values ($1, $2, $3, $4, $5, $6, $7)`,
		p.Director, p.Version, p.UUID, p.At.UnixMicro(), p.By, p.Digest, packed.Bytes())
	return err
}

func (s *Store) last(ctx context.Context, director string) (*Push, error) {
	p := Push{Director: director}
	var at int64
	err := s.Read.QueryRowContext(ctx, `select version, uuid, at, by_whom, digest from push where director = $1 order by version desc limit 1`, director).
		Scan(&p.Version, &p.UUID, &at, &p.By, &p.Digest)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	p.At = time.UnixMicro(at).UTC()
	return &p, err
}

// Heads are the newest versions of all directors, by name, without their texts. The list
// is shared, and must not be changed.
func (s *Store) Heads(ctx context.Context) ([]Push, error) {
	return s.heads.Get(ctx, struct{}{}, func(ctx context.Context, _ []struct{}) (map[struct{}][]Push, error) {
		list, err := s.readHeads(ctx)
		return map[struct{}][]Push{{}: list}, err
	})
}

// readHeads jumps from director to director in the index: versions add up for years.
func (s *Store) readHeads(ctx context.Context) ([]Push, error) {
	rows, err := s.Read.QueryContext(ctx, `with recursive known (director) as (
  select min(director) from push
  union all
  select (select min(director) from push where director > known.director) from known where known.director is not null
)
select p.director, p.version, p.uuid, p.at, p.by_whom, p.digest from known
join push p on p.director = known.director and p.version = (select max(version) from push q where q.director = known.director)
order by p.director`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Push
	for rows.Next() {
		var p Push
		var at int64
		if err := rows.Scan(&p.Director, &p.Version, &p.UUID, &at, &p.By, &p.Digest); err != nil {
			return nil, err
		}
		p.At = time.UnixMicro(at).UTC()
		list = append(list, p)
	}
	return list, rows.Err()
}

// Text is the snapshot of one version; nil if there is none.
func (s *Store) Text(ctx context.Context, director string, version int64) ([]byte, error) {
	var packed []byte
	err := s.Read.QueryRowContext(ctx, `select snapshot from push where director = $1 and version = $2`, director, version).Scan(&packed)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, source.MaxFileSize))
}
