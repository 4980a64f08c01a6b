//go:build !race

package ledger_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestClockSteps lets servers book whose clocks go back and forth by up to a year. What
// was written justifies each event, by the times that stand there: nothing ends before its
// end was written, and nothing is given to others before it rested. The order is that of
// the events, for their times may go back.
func TestClockSteps(t *testing.T) {
	back, gave := 0, 0
	for seed := range uint64(60) {
		rng := rand.New(rand.NewPCG(seed, 3))
		pool := &ledger.Pool{
			Name: "p", Teams: []string{"blue"}, Until: 30 * 24 * time.Hour, Quarantine: 7 * 24 * time.Hour,
			Delegation: plan.Delegation{Ranges: []netipx.IPRange{netipx.MustParseIPRange("10.0.0.1-10.0.0.6")}},
		}
		var set netipx.IPSetBuilder
		set.AddRange(pool.Ranges[0])
		free, err := set.IPSet()
		if err != nil {
			t.Fatal(err)
		}
		var store ledgertest.Memory
		clocks := [2]time.Time{ledgertest.Start, ledgertest.Start}
		for range 120 {
			i := rng.IntN(2)
			switch rng.IntN(4) {
			case 0: // right for a while, then wrong
				clocks[i] = clocks[i].Add(time.Duration(rng.Int64N(int64(365 * 24 * time.Hour))))
			case 1:
				clocks[i] = ledgertest.Start.Add(time.Duration(rng.Int64N(int64(60 * 24 * time.Hour))))
			default:
				clocks[i] = clocks[i].Add(time.Duration(rng.Int64N(int64(5 * 24 * time.Hour))))
			}
			w := &ledger.World{Now: clocks[i], Free: []*netipx.IPSet{free}}
			err := store.Update(context.Background(), pool.Name, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
				owner := fmt.Sprintf("one/web/w%d", rng.IntN(9))
				mine, has := rs.Of(ledger.Holder{Owner: owner})
				switch {
				case has && rng.IntN(3) == 0:
					_, entries, err = ledger.Release(pool, rs, w, []netip.Prefix{mine.Range}, "x", "")
				case has && rng.IntN(3) == 0:
					_, entries, err = ledger.Renew(pool, rs, w, []netip.Prefix{mine.Range}, clocks[i].Add(24*time.Hour), "x", "")
				default:
					_, entries, err = ledger.Book(pool, rs, w, ledger.Ask{For: ledger.Holder{Owner: owner, Number: -1}, Count: 1, By: "x"})
				}
				return entries, err
			})
			if err != nil {
				t.Fatalf("seed %d: %v", seed, err)
			}
		}
		rs, err := store.Records(context.Background(), pool.Name)
		if err != nil {
			t.Fatal(err)
		}
		for b := range rs.All() {
			events := rs.Record(b.Range).Events
			for i, e := range events {
				if i > 0 && e.At.Before(events[i-1].At) {
					back++
				}
			}
			n, err := justified(pool, events)
			if err != nil {
				t.Fatalf("seed %d: %s: %v", seed, b.Range, err)
			}
			gave += n
		}
	}
	if back < 100 || gave < 50 {
		t.Errorf("clocks went back %d times, and %d addresses were given to others: too little happened", back, gave)
	}
}

// justified reads one history from its beginning, and knows of it only the owner, the end,
// and whether it rests. It counts how often the address went to somebody else.
func justified(pool *ledger.Pool, events []ledger.Event) (gave int, err error) {
	owner, until, rests := "", time.Time{}, false
	for i, e := range events {
		wrong := func(why string) error {
			return fmt.Errorf("event %d, %s of %s at %s: %s", i, e.What, e.Owner, e.At, why)
		}
		switch e.What {
		case ledger.WasBooked:
			if owner != "" && owner != e.Owner {
				return gave, wrong("it is of " + owner)
			}
			owner, until, rests = e.Owner, e.Until, false
		case ledger.WasRenewed:
			until = e.Until
		case ledger.WasExpired, ledger.WasReleased:
			if e.What == ledger.WasExpired && e.At.Before(until) {
				return gave, wrong("it ends at " + until.String())
			}
			if e.Until.Sub(e.At) < pool.QuarantineLength() {
				return gave, wrong("it rests too short")
			}
			until, rests = e.Until, true
		case ledger.WasFreed:
			if !rests || e.At.Before(until) {
				return gave, wrong("it rests until " + until.String())
			}
			owner, gave = "", gave+1
		}
	}
	return gave, nil
}
