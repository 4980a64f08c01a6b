package pushes

import (
	"context"
)

// Retire says of a director that it is no more, or never was: a version without a
// snapshot, so that what was pushed before stays in its history, and the name and the
// UUID are free. It reports whether there was such a director.
func (s *Store) Retire(ctx context.Context, director, by string) (bool, error) {
	for {
		last, err := s.last(ctx, director)
		if err != nil || last == nil || last.Retired() {
			return false, err
		}
		p := Push{Director: director, Version: last.Version + 1, At: s.Now().UTC(), By: by}
		if err = s.insert(ctx, []revised{{push: p}}); err == nil {
			return true, nil
		}
		if now, readErr := s.last(ctx, director); readErr != nil || now.Version == last.Version || ctx.Err() != nil {
			return false, err // not because another one pushed
		}
	}
}

// Retired reports whether the version says that the director is no more.
func (p Push) Retired() bool { return p.Digest == "" }
