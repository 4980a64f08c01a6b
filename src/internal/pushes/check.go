package pushes

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"

	"github.com/ipguard/ipguard/src/internal/turns"
)

// DamagedError says that a push is not in the database as it was written.
type DamagedError struct {
	Director string
	Version  int64
	Cause    error
}

func (e *DamagedError) Error() string {
	return fmt.Sprintf("push %d of director %s is not in the database as it was written (%v): whoever has it pushes it again (ipguard push), or put a backup back with ipguard-server restore", e.Version, e.Director, e.Cause)
}

func (e *DamagedError) Unwrap() error { return e.Cause }

// isDamaged reports whether an error is that.
func isDamaged(err error) bool { return errors.As(err, new(*DamagedError)) }

// errDigest is a text of which the digest was not kept.
var errDigest = errors.New("its digest is another")

// text is what is packed, if it is what the digest is of.
func (p *Push) text(packed []byte) ([]byte, error) {
	text, err := unpack(packed)
	if err == nil {
		if sum := sha256.Sum256(text); hex.EncodeToString(sum[:]) != p.Digest {
			err = errDigest
		}
	}
	if err != nil {
		return nil, &DamagedError{p.Director, p.Version, err}
	}
	return text, nil
}

// Check reads all pushes and holds them against their digests, and against what history
// has recorded of them: a director of which it knows a later version than there is has lost
// pushes. It returns how many there are.
func (s *Store) Check(ctx context.Context) (n int, err error) {
	recorded, _, err := turns.Recorded(ctx, s.Read, "claims")
	if err != nil {
		return 0, err
	}
	heads, err := s.Newest(ctx)
	if err != nil {
		return 0, err
	}
	for _, head := range heads {
		list, err := s.Versions(ctx, head.Director, 0)
		if err != nil {
			return n, err
		}
		for _, p := range list {
			if p.Retired() {
				continue
			}
			if _, err := s.Text(ctx, p.Director, p.Version); err != nil {
				return n, err
			}
		}
		n += len(list)
	}
	for name, last := range recorded {
		i := slices.IndexFunc(heads, func(h Push) bool { return h.Director == name })
		if last.Version > 0 && (i < 0 || heads[i].Version < last.Version) {
			return n, &DamagedError{name, last.Version, errors.New("it is gone, and history knows it")}
		}
	}
	return n, nil
}
