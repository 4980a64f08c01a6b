//go:build !race

package ledger_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestBlockChanges books and releases while the pool gives blocks now of one length and now
// of another: what is given is of the length of now, two owners never have one address, and
// what the ledger answers, the store of others accepts.
func TestBlockChanges(t *testing.T) {
	for seed := range uint64(15) {
		rng := rand.New(rand.NewPCG(seed, 14))
		rs, err := ledger.NewRecords(nil)
		if err != nil {
			t.Fatal(err)
		}
		now := time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)
		whole := netipx.MustParseIPRange("10.0.0.0-10.0.0.63")
		for step := range 120 {
			now = now.Add(time.Duration(rng.IntN(12)) * time.Hour)
			pool := &ledger.Pool{Name: "p", Until: 48 * time.Hour, Quarantine: 24 * time.Hour, Delegation: plan.Delegation{Ranges: []netipx.IPRange{whole}}}
			pool.Block = []int{0, 28, 29, 30}[rng.IntN(4)]
			owner := fmt.Sprintf("lb/o%d", rng.IntN(4))
			var free netipx.IPSetBuilder
			free.AddRange(whole)
			set, err := free.IPSet()
			if err != nil {
				t.Fatal(err)
			}
			world := &ledger.World{Now: now, Free: []*netipx.IPSet{set}}
			var entries []ledger.Entry
			if rng.IntN(3) == 0 {
				var mine []netip.Prefix
				for b := range rs.OwnedBy(owner) {
					mine = append(mine, b.Range)
				}
				_, entries, err = ledger.Release(pool, rs, world, mine, "x", "")
			} else {
				_, entries, err = ledger.Book(pool, rs, world, ledger.Ask{For: ledger.Holder{Owner: owner, Number: -1}, Count: rs.Count(owner) + 1 + rng.IntN(2), Until: now.Add(48 * time.Hour), By: "x"})
			}
			if err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			for _, e := range entries {
				if bits := map[bool]int{true: 32, false: pool.Block}[pool.Block == 0]; e.Event.What == ledger.WasBooked && e.Range.Bits() != bits {
					t.Fatalf("seed %d, step %d: %s of a pool of /%d", seed, step, e.Range, bits)
				}
			}
			if err := ledger.Verify(pool, rs, world, entries, false); err != nil {
				t.Fatalf("seed %d, step %d: block %d, %+v: %v", seed, step, pool.Block, entries, err)
			}
			if err := rs.Add(entries); err != nil {
				t.Fatalf("seed %d, step %d: %v", seed, step, err)
			}
			var taken []ledger.Booking
			for b := range rs.All() {
				for _, o := range taken {
					if b.State.Taken() && o.Range.Overlaps(b.Range) {
						t.Fatalf("seed %d, step %d: %s of %s and %s of %s", seed, step, b.Range, b.Owner, o.Range, o.Owner)
					}
				}
				if b.State.Taken() {
					taken = append(taken, b)
				}
			}
		}
	}
}
