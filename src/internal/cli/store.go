package cli

import (
	"context"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// stores are where bookings are kept: those of a pool of the fleet file in git, those
// of a pool of its server there.
type stores struct {
	central *workspace.Central
	server  ledger.Store
	git     *bookfile.Store
}

func (s *stores) of(pool string) ledger.Store {
	if s.central.Has(pool) {
		return s.server
	}
	return s.git
}

// Records implements ledger.Store.
func (s *stores) Records(ctx context.Context, pool string) (*ledger.Records, error) {
	return s.of(pool).Records(ctx, pool)
}

// Update implements ledger.Store.
func (s *stores) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return s.of(pool).Update(ctx, pool, change)
}

var _ ledger.Store = (*stores)(nil)

// asked is the store of a fleet file's server, and who asks it.
type asked struct {
	store  ledger.Store
	url    string
	who    string
	scopes []string
}
