package ledgertest

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Conform holds a store to what the ledger needs of it. open returns a new, empty
// store; operations is how many random ones are compared with the model.
func Conform(t *testing.T, open func(t *testing.T) ledger.Store, operations int) {
	t.Run("nothing is kept of an unknown pool", func(t *testing.T) { unknownPool(t, open(t)) })
	t.Run("what was added comes back whole", func(t *testing.T) { comesBack(t, open(t)) })
	t.Run("an error writes nothing", func(t *testing.T) { errorsWriteNothing(t, open(t)) })
	t.Run("what cannot follow is refused whole", func(t *testing.T) { refusesMisordered(t, open(t)) })
	t.Run("pools do not see each other", func(t *testing.T) { poolsApart(t, open(t)) })
	t.Run("updates at once lose nothing", func(t *testing.T) { atOnce(t, open(t)) })
	t.Run("random operations agree with the model", func(t *testing.T) { Random(t, open(t), 1, operations) })
}

// Start is when the suite's clock begins.
var Start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// Single is the block of one address.
func Single(text string) netip.Prefix {
	a := netip.MustParseAddr(text)
	return netip.PrefixFrom(a, a.BitLen())
}

func booked(address, owner string, number int) ledger.Entry {
	return ledger.Entry{Range: Single(address), Event: ledger.Event{
		At: Start, What: ledger.WasBooked, Owner: owner, Number: number, Team: "blue", By: "Jane Doe <jane@example.com>",
		Until: Start.Add(time.Hour), Why: `a "reason": with #, ' and – dashes`,
	}}
}

func add(t *testing.T, s ledger.Store, pool string, entries ...ledger.Entry) {
	t.Helper()
	if err := s.Update(context.Background(), pool, func(*ledger.Records) ([]ledger.Entry, error) { return entries, nil }); err != nil {
		t.Fatal(err)
	}
}

func records(t *testing.T, s ledger.Store, pool string) *ledger.Records {
	t.Helper()
	rs, err := s.Records(context.Background(), pool)
	if err != nil {
		t.Fatal(err)
	}
	return rs
}

func unknownPool(t *testing.T, s ledger.Store) {
	if rs := records(t, s, "none"); rs.Len() != 0 {
		t.Errorf("%d records", rs.Len())
	}
}

func comesBack(t *testing.T, s ledger.Store) {
	first, second := booked("10.0.0.5", "promo/web/api", 1), booked("2001:db8::5", "lb/frontend", 0)
	second.Event.Until = time.Time{} // never
	block := ledger.Entry{Range: netip.MustParsePrefix("10.0.0.16/28"), Event: first.Event}
	block.Event.Number, block.Event.Why = 2, ""
	add(t, s, "one", first, second, block)
	released := ledger.Event{At: Start.Add(time.Minute), What: ledger.WasReleased, Owner: "promo/web/api", Number: 1, Until: Start.Add(time.Hour)}
	add(t, s, "one", ledger.Entry{Range: first.Range, Event: released})
	rs := records(t, s, "one")
	if rs.Len() != 3 {
		t.Fatalf("%d records, want 3", rs.Len())
	}
	for r, want := range map[netip.Prefix][]ledger.Event{
		first.Range: {first.Event, released}, second.Range: {second.Event}, block.Range: {block.Event},
	} {
		history := rs.History(r)
		if len(history) != 1 {
			t.Fatalf("%s has %d histories", r, len(history))
		}
		if !slices.EqualFunc(history[0].Events, want, sameEvent) {
			t.Errorf("%s: got %+v, want %+v", r, history[0].Events, want)
		}
	}
}

func sameEvent(a, b ledger.Event) bool {
	same := a.At.Equal(b.At) && a.Until.Equal(b.Until)
	a.At, a.Until, b.At, b.Until = time.Time{}, time.Time{}, time.Time{}, time.Time{}
	return same && a == b
}

func errorsWriteNothing(t *testing.T, s ledger.Store) {
	add(t, s, "one", booked("10.0.0.5", "a/b/c", 0))
	refusal := errors.New("no")
	err := s.Update(context.Background(), "one", func(*ledger.Records) ([]ledger.Entry, error) {
		return []ledger.Entry{booked("10.0.0.6", "a/b/c", 1)}, refusal
	})
	if !errors.Is(err, refusal) {
		t.Errorf("the error of the change is lost: %v", err)
	}
	if n := records(t, s, "one").Len(); n != 1 {
		t.Errorf("%d records, want the one from before", n)
	}
}

func refusesMisordered(t *testing.T, s ledger.Store) {
	add(t, s, "one", booked("10.0.0.5", "a/b/c", 0))
	err := s.Update(context.Background(), "one", func(*ledger.Records) ([]ledger.Entry, error) {
		return []ledger.Entry{booked("10.0.0.6", "a/b/c", 1), booked("10.0.0.5", "x/y/z", 0)}, nil
	})
	var misordered *ledger.MisorderedError
	if !errors.As(err, &misordered) {
		t.Errorf("an address was booked twice: %v", err)
	}
	if n := records(t, s, "one").Len(); n != 1 {
		t.Errorf("%d records: a part of what was refused is there", n)
	}
}

func poolsApart(t *testing.T, s ledger.Store) {
	add(t, s, "one", booked("10.0.0.5", "a/b/c", 0))
	add(t, s, "two", booked("10.0.0.5", "x/y/z", 0))
	add(t, s, "two/three %2F ü", booked("10.0.0.5", "x/y/z", 0))
	for pool, owner := range map[string]string{"one": "a/b/c", "two": "x/y/z", "two/three %2F ü": "x/y/z"} {
		if got := records(t, s, pool).At(Single("10.0.0.5")).Owner; got != owner {
			t.Errorf("pool %q: owner %q, want %q", pool, got, owner)
		}
	}
}

// atOnce lets several take the lowest free address again and again.
func atOnce(t *testing.T, s ledger.Store) {
	const workers, each = 4, 3
	var group sync.WaitGroup
	errs := make(chan error, workers*each)
	for w := range workers {
		group.Go(func() {
			for n := range each {
				errs <- s.Update(context.Background(), "one", func(rs *ledger.Records) ([]ledger.Entry, error) {
					a := netip.MustParseAddr("10.0.0.1")
					for rs.At(netip.PrefixFrom(a, 32)).State != ledger.Free {
						a = a.Next()
					}
					return []ledger.Entry{booked(a.String(), fmt.Sprintf("a/b/%d-%d", w, n), 0)}, nil
				})
			}
		})
	}
	group.Wait()
	close(errs)
	for err := range errs {
		if err != nil {
			t.Error(err)
		}
	}
	rs := records(t, s, "one")
	owners := map[string]bool{}
	for b := range rs.All() {
		owners[b.Owner] = true
	}
	if rs.Len() != workers*each || len(owners) != workers*each {
		t.Errorf("%d addresses of %d owners, want %d", rs.Len(), len(owners), workers*each)
	}
}
