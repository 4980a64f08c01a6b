package chronicle

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
)

// Check holds the times of all claims against those of the pushes that made them: a claim
// begins with a push that is recorded, is unsure since a later one, and ends with a later one.
// The error says of which director it is not so.
func (s *Store) Check(ctx context.Context) error {
	for _, wrong := range []string{
		`select c.director, count(*) from claim_open o join claimant c on c.id = o.claimant
left join recorded r on r.record = $1 and r.director = c.director
where r.at is null or o.since > r.at or o.unsure is not null and (o.unsure < o.since or o.unsure > r.at) group by c.director order by c.director`,
		`select c.director, count(*) from claim_past o join claimant c on c.id = o.claimant
left join recorded r on r.record = $1 and r.director = c.director
where r.at is null or o.until < o.since or o.until > r.at or o.unsure is not null and (o.unsure < o.since or o.unsure > o.until) group by c.director order by c.director`,
	} {
		var director string
		var n int64
		err := s.Read.QueryRowContext(ctx, wrong, record).Scan(&director, &n)
		if err == nil {
			return fmt.Errorf("the history of director %s has %d claims whose times no push has: put a backup back with ipguard-server restore", director, n)
		}
		if !errors.Is(err, sql.ErrNoRows) {
			return err
		}
	}
	return nil
}
