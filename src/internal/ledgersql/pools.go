package ledgersql

import (
	"context"
	"fmt"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// All are the records of all pools that ever had a booking, by their names, whether or
// not anybody still has such a pool. The records are shared: they must not be changed.
func (s *Store) All(ctx context.Context) (map[string]*ledger.Records, error) {
	all := map[string]*ledger.Records{}
	for last, more := "", true; more; {
		var name *string
		// From one name to the next by the index: select distinct would read all events.
		if err := s.database.SQL().QueryRowContext(ctx, `select min(pool) from event where pool > $1`, last).Scan(&name); err != nil {
			return nil, fmt.Errorf("the names of pools cannot be read: %w", err)
		}
		if more = name != nil; more {
			records, err := s.Records(ctx, *name)
			if err != nil {
				return nil, err
			}
			all[*name], last = records, *name
		}
	}
	return all, nil
}
