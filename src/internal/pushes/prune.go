package pushes

import (
	"context"
	"fmt"
	"time"
)

// What is kept of the versions of a director: the last one, for it counts; those that
// history has not recorded yet, for it is made of them, and afterwards rests on its own
// tables; and for people who want to see what was pushed, the last keptVersions as long
// as they are younger than keptTime. Whoever reads a plan and then its snapshots has
// keptAnyhow to do so.
const (
	keptVersions = 20
	keptTime     = 7 * 24 * time.Hour
	keptAnyhow   = time.Hour
	// atOnce is how many versions one statement takes away: others wait to write meanwhile.
	atOnce = 50
)

// Prune takes away the versions that nobody needs. recorded says up to which version
// history has recorded each director. The newest version of a director stays, and with it
// its number, its UUID, and whether it was retired.
func (s *Store) Prune(ctx context.Context, recorded map[string]int64) (gone int64, err error) {
	heads, err := s.Newest(ctx)
	if err != nil {
		return 0, err
	}
	now := s.Now()
	for _, head := range heads {
		last := min(head.Version-1, recorded[head.Director])
		for {
			result, err := s.Write.ExecContext(ctx, `delete from push where director = $1 and version in (
  select version from push where director = $1 and version <= $2 and at < $3 and (version <= $4 or at < $5) order by version limit $6)`,
				head.Director, last, now.Add(-keptAnyhow).UnixMicro(), head.Version-keptVersions, now.Add(-keptTime).UnixMicro(), atOnce)
			if err != nil {
				return gone, fmt.Errorf("old versions of director %s cannot be taken away: %w", head.Director, err)
			}
			n, err := result.RowsAffected()
			if gone += n; err != nil {
				return gone, err
			}
			if n < atOnce {
				break
			}
		}
	}
	return gone, nil
}
