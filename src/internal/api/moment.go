package api

import (
	"context"
	"maps"
	"sync"

	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// oneMoment is what was read for one page. The questions of a page are answered by the same
// plan and the same bookings, as they were after the page was asked for.
type oneMoment struct {
	mu      sync.Mutex
	picture *central.Picture
	pools   map[string]ledgersql.Known
	fences  []ledgersql.Fence
}

type momentKey struct{}

// AtOneMoment makes what is asked with the context be answered by one reading of the plan
// and one of each pool, at the first question about them. It is for questions alone, not
// for changes.
func AtOneMoment(ctx context.Context) context.Context {
	return context.WithValue(ctx, momentKey{}, &oneMoment{pools: map[string]ledgersql.Known{}})
}

// read is the plan of now, or of the page's moment.
func (a *API) read(ctx context.Context) (*central.Picture, error) {
	m, ok := ctx.Value(momentKey{}).(*oneMoment)
	if !ok {
		return a.Plan.Read(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.picture == nil {
		picture, err := a.Plan.Read(ctx)
		if err != nil {
			return nil, err
		}
		m.picture = picture
	}
	return m.picture, nil
}

// known is what is committed of pools now, or at the page's moment, by their names.
func (a *API) known(ctx context.Context, pools ...*ledger.Pool) (map[string]ledgersql.Known, error) {
	m, ok := ctx.Value(momentKey{}).(*oneMoment)
	if !ok {
		m = &oneMoment{pools: map[string]ledgersql.Known{}}
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	var missing []string
	for _, p := range pools {
		if _, ok := m.pools[p.Name]; !ok {
			missing = append(missing, p.Name)
		}
	}
	if len(missing) > 0 {
		all, err := a.Ledger.KnownAll(ctx, missing)
		if err != nil {
			return nil, err
		}
		maps.Copy(m.pools, all)
	}
	return m.pools, nil
}

// fencesNow are all fences of now, or of the page's moment.
func (a *API) fencesNow(ctx context.Context) ([]ledgersql.Fence, error) {
	m, ok := ctx.Value(momentKey{}).(*oneMoment)
	if !ok {
		return a.Ledger.Fences(ctx)
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.fences == nil {
		list, err := a.Ledger.Fences(ctx)
		if err != nil {
			return nil, err
		}
		m.fences = list
	}
	return m.fences, nil
}

// recordsNow are what is committed of one pool, as known has it. They are shared: they
// must not be changed.
func (a *API) recordsNow(ctx context.Context, pool *ledger.Pool) (*ledger.Records, error) {
	all, err := a.known(ctx, pool)
	return all[pool.Name].Records, err
}
