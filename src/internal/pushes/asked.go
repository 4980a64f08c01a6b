package pushes

import (
	"context"

	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// AddAsked is Add of what a director said when it was asked. What no director tells, as the
// machines of create-env beside it, stays as it was told before.
func (s *Store) AddAsked(ctx context.Context, director string, said *snapshot.Snapshot, by string) (p Push, fresh bool, err error) {
	last, err := s.last(ctx, director)
	if err != nil {
		return p, false, err
	}
	if last != nil && !last.Retired() {
		text, err := s.Text(ctx, director, last.Version)
		if err != nil {
			return p, false, err
		}
		before, err := snapshot.Read(director+".json", text)
		if err != nil {
			return p, false, err
		}
		said.CreateEnvs, said.Settings = before.CreateEnvs, before.Settings
	}
	return s.Add(ctx, director, said.Encode(), by)
}
