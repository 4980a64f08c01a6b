package ledgersql_test

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
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

// call is what a client asks: book, release or read; its answer is an address, a
// word, or the list of who has which.
type call struct{ what, owner string }

// do makes a call.
func (c call) do(s ledger.Store) (string, error) {
	switch c.what {
	case "book":
		r, err := take(s, c.owner)
		if !r.IsValid() {
			return "exhausted", err
		}
		return r.Addr().String(), err
	case "release":
		said := ""
		err := s.Update(context.Background(), testPool.Name, func(rs *ledger.Records) ([]ledger.Entry, error) {
			b, has := rs.Of(ledger.Holder{Owner: c.owner})
			if said = "nothing"; !has {
				return nil, nil
			}
			said = b.Range.Addr().String()
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
			list = append(list, b.Range.Addr().String()+"="+b.Owner)
		}
	}
	slices.Sort(list)
	return strings.Join(list, " "), nil
}

// has is the model's state: who has, or had last, which address. In the test's time
// no address rests long enough for another owner.
type has map[string]string // address: owner, with "-" before it while it rests

// model is what one ledger on one thread would answer.
var model = porcupine.Model{
	Init:  func() any { return has{} },
	Equal: func(a, b any) bool { return maps.Equal(a.(has), b.(has)) },
	Step: func(state, input, output any) (bool, any) {
		s, c, said := state.(has), input.(call), output.(string)
		next := maps.Clone(s)
		own, rests := "", ""
		for address, owner := range s {
			if owner == c.owner {
				own = address
			} else if owner == "-"+c.owner {
				rests = address
			}
		}
		switch c.what {
		case "read":
			var list []string
			for address, owner := range s {
				if owner[0] != '-' {
					list = append(list, address+"="+owner)
				}
			}
			slices.Sort(list)
			return said == strings.Join(list, " "), s
		case "release":
			if own == "" {
				return said == "nothing", s
			}
			next[own] = "-" + c.owner
			return said == own, next
		}
		switch {
		case own != "":
			return said == own, s
		case rests != "":
			next[rests] = c.owner
			return said == rests, next
		case len(s) == 12:
			return said == "exhausted", s
		}
		next[said] = c.owner
		return s[said] == "" && said != "exhausted", next
	},
	DescribeOperation: func(input, output any) string { return fmt.Sprint(input, " → ", output) },
}

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
				c := call{[]string{"book", "book", "book", "release", "read"}[rng.IntN(5)], fmt.Sprintf("promo/web/api-%d", rng.IntN(16))}
				from := time.Since(start)
				said, err := c.do(stores[client%len(stores)])
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
	for _, k := range kinds(t) {
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

// TestLinearizableFindsFault takes the unique indexes away, and wants the check to
// find that two servers then give one address to two owners.
func TestLinearizableFindsFault(t *testing.T) {
	name := cluster(t).Database(t)
	one, other := store(t, name), store(t, name)
	d := database(t, name)
	defer d.Close()
	for _, statement := range []string{
		"alter table event drop constraint event_pkey", "drop index booking_address", "drop index booking_owner",
	} {
		if _, err := d.Write().Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 20 {
		history, _ := record([]ledger.Store{one, other}, 8, 20, uint64(round))
		if porcupine.CheckOperationsTimeout(model, history, time.Minute) != porcupine.Illegal {
			continue
		}
		owner := map[string]string{}
		for _, o := range history {
			c, said := o.Input.(call), o.Output.(string)
			if before := owner[said]; c.what == "book" && said != "exhausted" && before != "" && before != c.owner {
				t.Logf("round %d: %s was given to %s and to %s", round, said, before, c.owner)
				return
			}
			if c.what == "book" {
				owner[said] = c.owner
			}
		}
	}
	t.Error("without unique indexes, nothing wrong was seen in 20 rounds: the check cannot find it")
}
