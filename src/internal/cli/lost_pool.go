package cli

import (
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/ledger"
)

// nameBack is what cures a pool that lost its name.
const nameBack = "whoever plans the pools can give the pool its name back; until then nobody can change these bookings, and nobody else gets the addresses"

// lostPool is the pool of a booking that a name stands for, where the fleet file has no such
// pool, and the file that should; empty: there is none.
func (p *picture) lostPool(name string) (pool, file string) {
	return p.lost(func(pool string, b ledger.Booking) bool { return selects(name, pool, b) })
}

// lostPoolAt is lostPool for a booking of an address.
func (p *picture) lostPoolAt(r netip.Prefix) (pool, file string) {
	return p.lost(func(_ string, b ledger.Booking) bool { return b.Range.Overlaps(r) })
}

func (p *picture) lost(is func(pool string, b ledger.Booking) bool) (pool, file string) {
	find := func(pools []bookfile.PoolBookings) string {
		for _, folder := range pools {
			if folder.Moved || len(p.Fleet.File.PoolsNamed(folder.Pool)) > 0 {
				continue
			}
			if slices.ContainsFunc(folder.Records, func(r ledger.Record) bool {
				b, err := r.Booking()
				return err == nil && b.State.Taken() && is(folder.Pool, b)
			}) {
				return folder.Pool
			}
		}
		return ""
	}
	if pool = find(p.Fleet.Bookings); pool != "" {
		return pool, "the server's fleet file"
	}
	return find(bookfile.Read(p.files, folderOf(p.Path)).Pools), p.Path
}
