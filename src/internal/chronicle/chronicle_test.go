//go:build !race

package chronicle

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/databasetest"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// seen is one push as the oracle keeps it: for each address, who has it and who may.
type seen struct {
	director    string
	at          time.Time
	has, hidden map[netip.Addr]map[Claimant]bool
}

// lines are the history of one address, by looking at all pushes from the first to the
// last.
func lines(all []seen, address netip.Addr) (list []string) {
	type who struct {
		director string
		Claimant
	}
	type life struct{ since, unsure time.Time }
	open := map[who]life{}
	tell := func(w who, l life, until time.Time) {
		list = append(list, fmt.Sprintf("%s %s %s %d %d %d", w.director, w.What, w.Owner, l.since.UnixMicro(), l.unsure.UnixMicro(), until.UnixMicro()))
	}
	for _, s := range all {
		for _, c := range claimants {
			w := who{s.director, c}
			l, was := open[w]
			switch {
			case s.has[address][c]:
				if l.unsure = (time.Time{}); !was {
					l.since = s.at
				}
				open[w] = l
			case was && s.hidden[address][c]:
				if l.unsure.IsZero() {
					l.unsure = s.at
				}
				open[w] = l
			case was:
				tell(w, l, s.at)
				delete(open, w)
			}
		}
	}
	for w, l := range open {
		tell(w, l, time.Time{})
	}
	slices.Sort(list)
	return list
}

var claimants = []Claimant{{Declared, "web/api"}, {Declared, "db/pg"}, {Granted, "web/api/0"}}

// world are the addresses of the test: few, so that blocks part and meet.
func world() (list []netip.Addr) {
	for a, n := netip.MustParseAddr("10.0.0.250"), 0; n < 14; a, n = a.Next(), n+1 {
		list = append(list, a)
	}
	for a, n := netip.MustParseAddr("fd00::fffe"), 0; n < 6; a, n = a.Next(), n+1 {
		list = append(list, a)
	}
	return list
}

// randomSight is a sight near the one before, and the same as the oracle has it.
func randomSight(random *rand.Rand, before *seen) (*Sight, seen) {
	s := seen{has: map[netip.Addr]map[Claimant]bool{}, hidden: map[netip.Addr]map[Claimant]bool{}}
	sight := &Sight{Has: map[Claimant]*netipx.IPSet{}}
	hidden := map[Claimant]*netipx.IPSet{}
	for _, c := range claimants {
		var has, may netipx.IPSetBuilder
		changes, hides := random.IntN(3), random.IntN(3) == 0
		for _, a := range world() {
			if s.has[a] == nil {
				s.has[a], s.hidden[a] = map[Claimant]bool{}, map[Claimant]bool{}
			}
			is := before != nil && before.has[a][c]
			if random.IntN(6) < changes {
				is = random.IntN(2) == 0
			}
			if s.has[a][c] = is; is {
				has.Add(a)
			}
			if s.hidden[a][c] = hides && random.IntN(2) == 0; s.hidden[a][c] {
				may.Add(a)
			}
		}
		if set := built(&has); len(set.Ranges()) > 0 {
			sight.Has[c] = set
		}
		hidden[c] = built(&may)
	}
	sight.Hidden = func(c Claimant) *netipx.IPSet { return hidden[c] }
	return sight, s
}

// TestRandomPushes records random pushes of two directors by two servers at once, some of
// them twice, some in the wrong order, and asks for the history of each address: what is
// kept says the same as all pushes, looked at one after the other.
func TestRandomPushes(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, d ledgersql.Database) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		random := rand.New(rand.NewPCG(seed, 0))
		store := &Store{Read: d.SQL(), Write: d.Write()}
		now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
		last, versions, times := map[string]*seen{}, map[string]int64{}, map[string]time.Time{}
		var all []seen
		pushes := 120
		if sharedtest.Short() {
			pushes = 40
		}
		for range pushes {
			director := []string{"promo", "west"}[random.IntN(2)]
			now = now.Add(time.Duration(random.IntN(5)-1) * time.Second) // clocks step back, too
			sight, s := randomSight(random, last[director])
			v := Version{Director: director, After: versions[director], Number: versions[director] + 1, At: now}
			late := v
			late.After, late.Number = v.Number, v.Number+1
			add(t, store, late, sight, 0, 1) // the one before is not there yet
			add(t, store, v, sight, 1, 1+random.IntN(2))
			add(t, store, v, sight, 0, 1) // again
			if s.director, s.at = director, now; !now.After(times[director]) {
				s.at = times[director].Add(time.Microsecond)
			}
			versions[director], times[director], last[director] = v.Number, s.at, &s
			all = append(all, s)
		}
		compare := 0
		for _, a := range world() {
			want, got := lines(all, a), asked(t, store, a)
			if compare += len(want); !slices.Equal(want, got) {
				t.Fatalf("%s:\n got %v\nwant %v", a, got, want)
			}
		}
		if compare < pushes {
			t.Errorf("only %d lines were compared", compare)
		}
		blocks(t, store, all)
		checked(t, store, d)
		unchangeable(t, d)
	})
}

// add records a version by so many servers at once, of which so many may do it.
func add(t *testing.T, store *Store, v Version, sight *Sight, want, servers int) {
	t.Helper()
	var mu sync.Mutex
	var group sync.WaitGroup
	done := 0
	for range servers {
		group.Go(func() {
			did, err := store.Add(t.Context(), v, sight)
			mu.Lock()
			defer mu.Unlock()
			if err != nil {
				t.Error(err)
			}
			if did {
				done++
			}
		})
	}
	group.Wait()
	if done != want {
		t.Fatalf("version %d behind %d of %s was recorded %d times, want %d", v.Number, v.After, v.Director, done, want)
	}
}

// asked is the history of one address, page by page.
func asked(t *testing.T, store *Store, a netip.Addr) (list []string) {
	t.Helper()
	var before time.Time
	for after := ""; ; {
		page, next, err := store.History(t.Context(), netip.PrefixFrom(a, a.BitLen()), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, l := range page {
			if !before.IsZero() && l.Since.After(before) {
				t.Fatalf("%s: the history is not in order", a)
			}
			before = l.Since
			list = append(list, fmt.Sprintf("%s %s %s %d %d %d", l.Director, l.What, l.Owner, l.Since.UnixMicro(), l.Unsure.UnixMicro(), l.Until.UnixMicro()))
		}
		if after = next; next == "" {
			slices.Sort(list)
			return list
		}
	}
}

// blocks asks for blocks: each line of an address in it is there.
func blocks(t *testing.T, store *Store, all []seen) {
	t.Helper()
	for _, text := range []string{"10.0.0.252/30", "10.0.0.0/16", "10.0.1.0/31", "fd00::/112", "0.0.0.0/0"} {
		block := netip.MustParsePrefix(text)
		got := map[string]bool{}
		for after := ""; ; {
			page, next, err := store.History(t.Context(), block, after, 50)
			if err != nil {
				t.Fatal(err)
			}
			for _, l := range page {
				if !l.Block.Overlaps(block) {
					t.Fatalf("%s: %s is not in it", block, l.Block)
				}
				for a := l.Block.Addr(); l.Block.Contains(a); a = a.Next() {
					got[fmt.Sprintf("%s: %s %s %s %d %d %d", a, l.Director, l.What, l.Owner, l.Since.UnixMicro(), l.Unsure.UnixMicro(), l.Until.UnixMicro())] = true
				}
			}
			if after = next; next == "" {
				break
			}
		}
		for _, a := range world() {
			if !block.Contains(a) {
				continue
			}
			for _, line := range lines(all, a) {
				if !got[a.String()+": "+line] {
					t.Fatalf("%s: %s: %s is missing", block, a, line)
				}
			}
		}
	}
}

// unchangeable: the database refuses to change what is past.
func unchangeable(t *testing.T, d ledgersql.Database) {
	t.Helper()
	for _, statement := range []string{`update claim_past set until = until + 1`, `delete from claim_past`} {
		if _, err := d.Write().ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s is done", statement)
		}
	}
}

// checked: all times are those of pushes, and one that is changed is found out.
func checked(t *testing.T, store *Store, d ledgersql.Database) {
	t.Helper()
	if err := store.Check(t.Context()); err != nil {
		t.Error(err)
	}
	const future = 1 << 60
	for _, column := range []string{"since", "unsure"} {
		var address []byte
		var length, claimant int64
		var was *int64
		first := d.SQL().QueryRowContext(t.Context(), `select address, length, claimant, `+column+` from claim_open order by address, length, claimant limit 1`)
		if err := first.Scan(&address, &length, &claimant, &was); err != nil {
			t.Fatal(err)
		}
		set := func(at *int64) {
			t.Helper()
			if _, err := d.Write().ExecContext(t.Context(), `update claim_open set `+column+` = $1 where address = $2 and length = $3 and claimant = $4`, at, address, length, claimant); err != nil {
				t.Fatal(err)
			}
		}
		for _, wrong := range []int64{future, 1} {
			if set(&wrong); column == "since" && wrong == 1 {
				continue // history does not keep when each push came
			}
			if err := store.Check(t.Context()); err == nil {
				t.Errorf("%s is %d, and nobody sees it", column, wrong)
			}
		}
		set(was)
	}
	if err := store.Check(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestCursor: a text that no answer gave is refused.
func TestCursor(t *testing.T) {
	for _, text := range []string{"x", "1.2.3", "1.00.1.1", "1.zz.1.1", "-.00000000000000000000000000000000.1.1", "1.00000000000000000000000000000000.129.1"} {
		if _, err := readCursor(text); err == nil {
			t.Errorf("%q is read", text)
		}
	}
	l := Line{claimant: 7, Past: Past{Open: Open{Block: netip.MustParsePrefix("10.0.0.0/30"), Since: time.UnixMicro(5)}}}
	if c, err := readCursor(cursorOf(&l)); err != nil || c.since != 5 || c.claimant != 7 || c.length != 126 {
		t.Errorf("%+v, %v", c, err)
	}
}
