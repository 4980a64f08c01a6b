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
	"slices"
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
	// Collected is when the director was asked, or its files were read; the zero time
	// where that is not known.
	Collected time.Time
	// Digest is the SHA-256 of the snapshot's text, in hexadecimal.
	Digest string
	// Text is the snapshot's; nil in lists.
	Text []byte
	// Gone are the parts (networks, deployments, machines of create-env and more) that the
	// version before had and this one has not; of what was pushed just now alone.
	Gone []string
	// Revised are the newest versions of other directors that this one made; of what was
	// pushed just now alone.
	Revised []Push
}

// Server is who pushes what the server asked directors itself.
const Server = "ipguard-server"

// RefusedError says why a snapshot is not taken.
type RefusedError struct{ Message string }

func (e *RefusedError) Error() string { return e.Message }

// Add keeps what it understands of a snapshot as a director's newest version, and nothing
// that stands beside: what is pushed is shown to all. One that says the same as the
// last one is no new version: fresh is false, and what was collected later counts in its
// place. It refuses what is no snapshot, one of another director than that of the
// versions before, and one of a director that was asked before the last one was: a
// *RefusedError. Files beside what the server itself asked the director become one with it,
// and stay when it is asked again. It also refuses files that are only a part of the director, by all signs.
func (s *Store) Add(ctx context.Context, director string, text []byte, by string) (p Push, fresh bool, err error) {
	return s.Tell(ctx, director, text, Pusher{Name: by})
}

// Pusher is who pushes.
type Pusher struct {
	Name string
	// Replaces says that the push stands for all of the director, whatever it lacks.
	Replaces bool
	// May reports whether they may push a director; nil: no other one.
	May func(director string) bool
}

// Tell is Add for a pusher of several directors: what one fleet file said before with others
// of them about addresses of this push counts no more, and Push.Revised are these.
func (s *Store) Tell(ctx context.Context, director string, text []byte, who Pusher) (p Push, fresh bool, err error) {
	by, replaces := who.Name, who.Replaces
	read, err := snapshot.Read(director+".json", text)
	if err == nil {
		read, err = read.Reduced()
	}
	if err != nil {
		return p, false, &RefusedError{err.Error()}
	}
	withoutMarks(read)
	if read, err = snapshot.Read(director+".json", read.Encode()); err != nil { // reduced texts have no places
		return p, false, &RefusedError{err.Error()}
	}
	if read.Collected.Sub(s.Now()) > mostAhead {
		return p, false, &RefusedError{fmt.Sprintf("the snapshot was made at %s, which is not yet: the clock there or here is wrong", read.Collected.UTC().Format(time.RFC3339))}
	}
	for range 20 { // another one may push the same director
		last, err := s.last(ctx, director)
		if err != nil {
			return p, false, err
		}
		both, err := s.beside(ctx, read, last, by, replaces)
		if err != nil {
			return p, false, err
		}
		text = both.Encode()
		sum := sha256.Sum256(text)
		p = Push{Director: director, UUID: both.Director.UUID, At: s.Now().UTC(), By: by, Digest: hex.EncodeToString(sum[:]), Collected: s.notAhead(both.Collected)}
		if last != nil && last.Digest == p.Digest {
			if _, err := s.Text(ctx, director, last.Version); !isDamaged(err) {
				return *last, false, err
			}
		}
		if err := s.mayFollow(ctx, p, last); err != nil {
			return p, false, err
		}
		if again, err := s.same(ctx, &p, last, text); again || err != nil {
			if err == nil || !errors.Is(err, errMoved) {
				return p, false, err
			}
			continue
		}
		if p.Gone, err = s.gone(ctx, text, last, by, replaces || both.Settings.Files != nil); err != nil {
			return p, false, err
		}
		p.Version = 1
		if last != nil {
			p.Version = last.Version + 1
		}
		others, err := s.revise(ctx, director, both, who)
		if err != nil {
			return p, false, err
		}
		if err = s.insert(ctx, append(others, revised{p, text})); err == nil {
			for _, o := range others {
				p.Revised = append(p.Revised, o.push)
			}
			return p, true, nil
		}
		if !s.moved(ctx, append(others, revised{push: p})) {
			return p, false, err // that was not why
		}
	}
	return p, false, errors.New("others push this director all the time")
}

// The clocks of who collects may be apart.
const (
	// mostAhead is how far a snapshot may be from the future, as lint has it.
	mostAhead = time.Hour
	// mostBehind is how much older than the last one it may be.
	mostBehind = 5 * time.Minute
)

// notAhead is when a snapshot was made, or now if that is not yet: a clock that is ahead would
// keep off, for as long, everybody whose clock is right.
func (s *Store) notAhead(made time.Time) time.Time {
	made, now := made.UTC(), s.Now().UTC()
	if made.After(now) {
		return now
	}
	return made
}

// errMoved says that another one pushed in between.
var errMoved = errors.New("another one pushed")

// same reports whether a snapshot says the same as the last version; p is that then. The
// later one stays.
func (s *Store) same(ctx context.Context, p, last *Push, text []byte) (bool, error) {
	if last == nil || last.Retired() {
		return false, nil
	}
	before, err := s.Text(ctx, last.Director, last.Version)
	switch {
	case isDamaged(err):
		return false, nil // this one takes its place
	case err != nil || !snapshot.SameBut(text, before):
		return false, err
	}
	later := *p
	*p = *last
	if !later.Collected.After(last.Collected) {
		return true, nil
	}
	packed, err := pack(text)
	if err != nil {
		return true, err
	}
	result, err := s.Write.ExecContext(ctx, `update push set digest = $1, snapshot = $2, collected = $3 where director = $4 and version = $5 and digest = $6`,
		later.Digest, packed, later.Collected.UnixMicro(), last.Director, last.Version, last.Digest)
	if err != nil {
		return true, err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		*p = later
		return true, errors.Join(err, errMoved)
	}
	p.Digest, p.Collected = later.Digest, later.Collected
	return true, nil
}

// mayFollow refuses the snapshot of another director, and one that is older than what is
// known already: what a pipeline kept and sends again, with files alone as with a director.
func (s *Store) mayFollow(ctx context.Context, p Push, last *Push) error {
	if last != nil && last.UUID != "" && last.UUID != p.UUID {
		return &RefusedError{fmt.Sprintf("director %s has the UUID %s, and this snapshot is of %s%s", p.Director, last.UUID, uuidText(p.UUID), sameUUID(p, last))}
	}
	if last != nil && last.UUID == p.UUID && last.Collected.Sub(p.Collected) > mostBehind {
		return &RefusedError{older(p, last)}
	}
	if p.UUID == "" {
		return nil
	}
	var other string
	err := s.Read.QueryRowContext(ctx, `select director from push where uuid = $1 and director <> $2
and not exists (select 1 from push later where later.director = push.director and later.version > push.version and later.digest = '') limit 1`, p.UUID, p.Director).Scan(&other)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil
	case err != nil:
		return err
	}
	return &RefusedError{fmt.Sprintf("the director with the UUID %s is known as %s", p.UUID, other)}
}

// older says that a push is older than the last one.
func older(p Push, last *Push) string {
	then, now := p.Collected.Format(time.RFC3339), last.Collected.Format(time.RFC3339)
	if p.UUID == "" {
		return fmt.Sprintf("these files were read at %s, and %s pushed what they said at %s: read them again with ipguard push, and see whether both clocks are right", then, last.By, now)
	}
	return fmt.Sprintf("the director was asked at %s, and %s pushed what it said at %s: run ipguard collect, and push again", then, last.By, now)
}

func uuidText(uuid string) string {
	if uuid == "" {
		return "one without a UUID"
	}
	return "the one with " + uuid
}

// sameUUID is what who pushes can do.
func sameUUID(p Push, last *Push) string {
	if p.UUID != "" {
		return ": if it was made anew, an administrator retires the one before (DELETE /api/v1/directors/NAME); else give this one another name"
	}
	return fmt.Sprintf(": %s pushed what the director said at %s; push files together with that (ipguard collect, with snapshot: in the fleet file), or give another director another name",
		last.By, last.Collected.Format(time.RFC3339))
}

// moved reports whether another one pushed some version of a list meanwhile.
func (s *Store) moved(ctx context.Context, list []revised) bool {
	return slices.ContainsFunc(list, func(v revised) bool {
		now, err := s.last(ctx, v.push.Director)
		return err == nil && now != nil && now.Version >= v.push.Version
	})
}

// insert adds versions, all or none.
func (s *Store) insert(ctx context.Context, list []revised) error {
	tx, err := s.Write.BeginTx(ctx, nil)
	if err != nil {
		return err
	}
	defer func() { _ = tx.Rollback() }() // after the commit it does nothing
	for _, v := range list {
		packed, err := pack(v.text)
		if err != nil {
			return err
		}
		p := &v.push
		_, err = tx.ExecContext(ctx, `insert into push (director, version, uuid, at, by_whom, digest, snapshot, collected) values ($1, $2, $3, $4, $5, $6, $7, $8)`,
			p.Director, p.Version, p.UUID, p.At.UnixMicro(), p.By, p.Digest, packed, p.Collected.UnixMicro())
		if err != nil {
			return err
		}
	}
	return tx.Commit()
}

func pack(text []byte) ([]byte, error) {
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	if _, err := w.Write(text); err != nil {
		return nil, err
	}
	err := w.Close()
	return packed.Bytes(), err
}

func (s *Store) last(ctx context.Context, director string) (*Push, error) {
	p := Push{Director: director}
	var at, collected int64
	err := s.Read.QueryRowContext(ctx, `select version, uuid, at, by_whom, digest, collected from push where director = $1 order by version desc limit 1`, director).
		Scan(&p.Version, &p.UUID, &at, &p.By, &p.Digest, &collected)
	if errors.Is(err, sql.ErrNoRows) {
		return nil, nil
	}
	p.At, p.Collected = time.UnixMicro(at).UTC(), known(collected)
	return &p, err
}

// Heads are the newest versions of all directors, by name, without their texts. The list
// is shared, and must not be changed.
func (s *Store) Heads(ctx context.Context) ([]Push, error) {
	return s.heads.Get(ctx, struct{}{}, func(ctx context.Context, _ []struct{}) (map[struct{}][]Push, error) {
		list, err := s.Newest(ctx)
		return map[struct{}][]Push{{}: slices.DeleteFunc(list, Push.Retired)}, err
	})
}

// newestVersions asks for the newest version of each director. It jumps from director to
// director in the index: versions add up for years. The last comparison is no equality, with
// which SQLite would look in the primary key and then read the row, past the snapshot; so
// all is in the index push_head.
const newestVersions = `with recursive known (director) as (
  select min(director) from push
  union all
  select (select min(director) from push where director > known.director) from known where known.director is not null
)
select p.director, p.version, p.uuid, p.at, p.by_whom, p.digest, p.collected from known
join push p on p.director = known.director and p.version >= (select max(version) from push q where q.director = known.director)
order by p.director`

// Newest is Heads with the directors that were retired.
func (s *Store) Newest(ctx context.Context) ([]Push, error) {
	rows, err := s.Read.QueryContext(ctx, newestVersions)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Push
	for rows.Next() {
		var p Push
		var at, collected int64
		if err := rows.Scan(&p.Director, &p.Version, &p.UUID, &at, &p.By, &p.Digest, &collected); err != nil {
			return nil, err
		}
		p.At, p.Collected = time.UnixMicro(at).UTC(), known(collected)
		list = append(list, p)
	}
	return list, rows.Err()
}

// known is a time of the table, of which 0 is none.
func known(micro int64) time.Time {
	if micro == 0 {
		return time.Time{}
	}
	return time.UnixMicro(micro).UTC()
}

// Versions are those of a director behind one, the oldest first, without their texts.
func (s *Store) Versions(ctx context.Context, director string, after int64) ([]Push, error) {
	rows, err := s.Read.QueryContext(ctx, `select version, uuid, at, by_whom, digest, collected from push where director = $1 and version > $2 order by version`, director, after)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var list []Push
	for rows.Next() {
		p := Push{Director: director}
		var at, collected int64
		if err := rows.Scan(&p.Version, &p.UUID, &at, &p.By, &p.Digest, &collected); err != nil {
			return nil, err
		}
		p.At, p.Collected = time.UnixMicro(at).UTC(), known(collected)
		list = append(list, p)
	}
	return list, rows.Err()
}

// Text is the snapshot of one version; nil if there is none. One that is not as it was
// written is a *DamagedError.
func (s *Store) Text(ctx context.Context, director string, version int64) ([]byte, error) {
	var packed []byte
	p := Push{Director: director, Version: version}
	err := s.Read.QueryRowContext(ctx, `select digest, snapshot from push where director = $1 and version = $2`, director, version).Scan(&p.Digest, &packed)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return nil, nil
	case err != nil:
		return nil, err
	case p.Retired():
		return unpack(packed)
	}
	return p.text(packed)
}

func unpack(packed []byte) ([]byte, error) {
	r, err := gzip.NewReader(bytes.NewReader(packed))
	if err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(r, source.MaxFileSize))
}
