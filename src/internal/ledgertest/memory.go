// Package ledgertest holds every store of bookings to the same behaviour: Conform
// is the suite, Model a naive ledger that it is compared with, and Memory the
// store that is too simple to be wrong.
package ledgertest

import (
	"context"
	"sync"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Memory keeps records in memory, under one lock.
type Memory struct {
	mu    sync.Mutex
	pools map[string]*ledger.Records
}

// Records implements ledger.Store.
func (m *Memory) Records(_ context.Context, pool string) (*ledger.Records, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.of(pool).Clone(), nil
}

func (m *Memory) of(pool string) *ledger.Records {
	if m.pools == nil {
		m.pools = map[string]*ledger.Records{}
	}
	if m.pools[pool] == nil {
		m.pools[pool] = &ledger.Records{}
	}
	return m.pools[pool]
}

// Update implements ledger.Store.
func (m *Memory) Update(_ context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	entries, err := change(m.of(pool))
	if err != nil || len(entries) == 0 {
		return err
	}
	return m.of(pool).Add(entries)
}
