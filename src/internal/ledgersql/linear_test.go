package ledgersql_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// testPool has few addresses, so that they run out.
var testPool = &ledger.Pool{
	Name: "promo", Teams: []string{"blue"}, Until: 24 * time.Hour, Quarantine: 24 * time.Hour,
	Delegation: plan.Delegation{Ranges: []netipx.IPRange{netipx.MustParseIPRange("10.0.0.1-10.0.0.12")}},
}

func world(pool *ledger.Pool) *ledger.World {
	var set netipx.IPSetBuilder
	for _, r := range pool.Ranges {
		set.AddRange(r)
	}
	free, err := set.IPSet()
	if err != nil {
		panic(err)
	}
	return &ledger.World{Now: ledgertest.Start, Free: []*netipx.IPSet{free}}
}

// takeOf books one address; the zero prefix if there is none.
func takeOf(s ledger.Store, pool *ledger.Pool, owner string) (netip.Prefix, error) {
	var got netip.Prefix
	err := s.Update(context.Background(), pool.Name, func(rs *ledger.Records) ([]ledger.Entry, error) {
		answer, entries, err := ledger.Book(pool, rs, world(pool), ledger.Ask{For: ledger.Holder{Owner: owner, Number: -1}, Count: 1, By: "x"})
		got = netip.Prefix{}
		if err == nil && answer.Refusal == nil {
			got = answer.Bookings[0].Range
		}
		return entries, err
	})
	return got, err
}

func take(s ledger.Store, owner string) (netip.Prefix, error) { return takeOf(s, testPool, owner) }

// inTurn asks one store after the other.
type inTurn struct {
	stores []ledger.Store
	next   atomic.Int64
}

func (i *inTurn) one() ledger.Store { return i.stores[int(i.next.Add(1))%len(i.stores)] }

func (i *inTurn) Records(ctx context.Context, pool string) (*ledger.Records, error) {
	return i.one().Records(ctx, pool)
}

func (i *inTurn) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return i.one().Update(ctx, pool, change)
}

// do makes a call. Nobody looks at ends.
func do(s ledger.Store, c ledgertest.Call) (string, error) {
	switch c.What {
	case "book":
		r, err := take(s, c.Owner)
		if !r.IsValid() {
			return ledgertest.Exhausted, err
		}
		return ledgertest.Said(r.Addr().String(), 0), err
	case "release":
		said := ""
		err := s.Update(context.Background(), testPool.Name, func(rs *ledger.Records) ([]ledger.Entry, error) {
			b, has := rs.Of(ledger.Holder{Owner: c.Owner})
			if said = ledgertest.Nothing; !has {
				return nil, nil
			}
			said = ledgertest.Said(b.Range.Addr().String(), 0)
			_, entries, err := ledger.Release(testPool, rs, world(testPool), []netip.Prefix{b.Range}, "x", "")
			return entries, err
		})
		return said, err
	}
	rs, err := s.Records(context.Background(), testPool.Name)
	if err != nil {
		return "", err
	}
	var list []string
	for b := range rs.All() {
		if b.State.Taken() {
			list = append(list, ledgertest.Held(b.Range.Addr().String(), b.Owner, 0))
		}
	}
	return ledgertest.List(list), nil
}

// model is what one ledger on one thread would answer.
var model = ledgertest.Linear(12)

// record lets clients ask the stores at the same time, and writes down what they saw.
// Who gets an error stops.
func record(stores []ledger.Store, clients, calls int, seed uint64) ([]porcupine.Operation, []error) {
	var mu sync.Mutex
	var history []porcupine.Operation
	var errs []error
	var group sync.WaitGroup
	start := time.Now()
	for client := range clients {
		group.Go(func() {
			rng := rand.New(rand.NewPCG(seed, uint64(client)))
			for range calls {
				c := ledgertest.Call{What: []string{"book", "book", "book", "release", "read"}[rng.IntN(5)], Owner: fmt.Sprintf("promo/web/api-%d", rng.IntN(16))}
				from := time.Since(start)
				said, err := do(stores[client%len(stores)], c)
				to := time.Since(start)
				mu.Lock()
				if err != nil {
					errs = append(errs, err)
					mu.Unlock()
					return
				}
				history = append(history, porcupine.Operation{ClientId: client, Input: c, Call: int64(from), Output: said, Return: int64(to)})
				mu.Unlock()
			}
		})
	}
	group.Wait()
	return history, errs
}

// TestLinearizable: what clients of two servers on one database see at the same time
// is what one ledger on one thread could have answered.
func TestLinearizable(t *testing.T) {
	for _, k := range kinds() {
		t.Run(k.name, func(t *testing.T) {
			for round := range 4 {
				name := k.empty(t)
				history, errs := record([]ledger.Store{store(t, name), store(t, name)}, 8, 30, uint64(round))
				if len(errs) > 0 {
					t.Fatal(errs)
				}
				if result := porcupine.CheckOperationsTimeout(model, history, time.Minute); result != porcupine.Ok {
					t.Errorf("round %d, %d calls: %s", round, len(history), result)
				}
			}
		})
	}
}
