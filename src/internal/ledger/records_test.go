//go:build !race

package ledger

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestIndexes adds random events to records and to copies of them, for addresses and
// blocks that overlap, and holds each index against a look at all bookings.
func TestIndexes(t *testing.T) {
	seeds := 40
	if sharedtest.Short() {
		seeds = 8
	}
	for seed := range uint64(seeds) {
		rng := rand.New(rand.NewPCG(seed, 17))
		now := time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)
		rs := &Records{}
		var copies []*Records
		var were [][]Booking
		for range 250 {
			if rng.IntN(10) == 0 {
				copies, were = append(copies, rs.Clone()), append(were, rs.Sorted())
				if rng.IntN(2) == 0 { // go on from an older one
					rs = copies[rng.IntN(len(copies))].Clone()
				}
			}
			now = now.Add(time.Duration(rng.IntN(60)) * time.Minute)
			_ = rs.Add([]Entry{randomEntry(rng, rs, now)}) // what cannot follow changes nothing
			checkIndexes(t, rng, rs, now)
			if t.Failed() {
				t.Fatalf("seed %d", seed)
			}
		}
		for i, c := range copies {
			if !slices.Equal(c.Sorted(), were[i]) {
				t.Fatalf("seed %d: a copy changed with the records it was made of", seed)
			}
			checkIndexes(t, rng, c, now)
		}
	}
}

// randomRange is one of 18 addresses in three places, the lowest of IPv6 among them, or a
// block of them.
func randomRange(rng *rand.Rand) netip.Prefix {
	base := []netip.Addr{netip.MustParseAddr("10.0.0.0"), netip.MustParseAddr("255.255.255.238"), netip.MustParseAddr("::")}[rng.IntN(3)]
	bits := base.BitLen() - []int{0, 0, 0, 0, 2, 4}[rng.IntN(6)]
	return netip.PrefixFrom(plus(base, rng.IntN(18)), bits).Masked()
}

func randomEntry(rng *rand.Rand, rs *Records, now time.Time) Entry {
	r := randomRange(rng)
	e := Event{At: now, What: Whats()[rng.IntN(len(Whats()))], Owner: fmt.Sprint("a/b/", rng.IntN(4)), Number: rng.IntN(3), Team: fmt.Sprint("t", rng.IntN(2))}
	if b := rs.At(r); b.State != Free && b.State != Released {
		e.Owner, e.Number, e.Team = b.Owner, b.Number, b.Team
	}
	if rng.IntN(4) > 0 {
		e.Until = now.Add(time.Duration(rng.IntN(600)) * time.Minute)
	}
	return Entry{r, e}
}

func checkIndexes(t *testing.T, rng *rand.Rand, rs *Records, now time.Time) {
	t.Helper()
	all := rs.Sorted()
	checkCounts(t, rng, rs, all)
	where := func(keep func(Booking) bool) []Booking {
		var list []Booking
		for _, b := range all {
			if keep(b) {
				list = append(list, b)
			}
		}
		return list
	}
	same := func(what string, got, want []Booking) {
		t.Helper()
		slices.SortFunc(got, func(a, b Booking) int { return comparePrefixes(a.Range, b.Range) })
		if !slices.Equal(got, want) {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	r := randomRange(rng)
	same("what overlaps", slices.Collect(rs.overlapping(r)), where(func(b Booking) bool { return b.Range.Overlaps(r) }))
	for i := range 4 {
		owner := fmt.Sprint("a/b/", i)
		same("an owner's", rs.of(owner), where(func(b Booking) bool { return b.State.Taken() && b.Owner == owner }))
		same("what rests of an owner", rs.restingOf(owner), where(func(b Booking) bool { return b.State == Quarantined && b.Owner == owner }))
		h := Holder{owner, rng.IntN(3)}
		want := where(func(b Booking) bool { return b.State.Taken() && b.Owner == owner && b.Number == h.Number })
		if got, has := rs.Of(h); has != (len(want) > 0) || has && got != want[0] {
			t.Errorf("%s has %v, want the first of %v", h, got, want)
		}
		team := fmt.Sprint("t", i)
		if n := len(where(func(b Booking) bool { return b.State.Taken() && b.Team == team })); rs.CountTeam(team) != n {
			t.Errorf("team %s has %d, want %d", team, rs.CountTeam(team), n)
		}
	}
	var busy netipx.IPSetBuilder
	for _, b := range all {
		if b.busy() {
			busy.AddPrefix(b.Range)
		}
		if r := rs.Record(b.Range); b != folded(t, r) {
			t.Errorf("%s is %v, and by its history %v", b.Range, b, folded(t, r))
		}
	}
	var runs []netipx.IPRange
	for first, last := range rs.runs.all() {
		runs = append(runs, netipx.IPRangeFrom(first.Addr, last))
	}
	if want := built(&busy).Ranges(); !slices.Equal(runs, want) {
		t.Errorf("runs are %v, want %v", runs, want)
	}
	same("what is over", slices.Collect(rs.ended(false, now)), where(func(b Booking) bool { return b.Over(now) }))
	same("what rested", slices.Collect(rs.ended(true, now)), where(func(b Booking) bool { return b.Rested(now) }))
	checkUnits(t, rs, &World{Now: now, Users: func(r netip.Prefix, _ string) []User {
		return make([]User, int(r.Addr().As16()[15])%5/4) // one of five is in use
	}}, all)
}

func folded(t *testing.T, r Record) Booking {
	t.Helper()
	b, err := r.Booking()
	if err != nil {
		t.Error(err)
	}
	return b
}

// checkUnits compares the units that jumping finds with those that one look at each gives.
func checkUnits(t *testing.T, rs *Records, w *World, all []Booking) {
	t.Helper()
	for _, block := range []int{0, 28, 30} {
		u := units{ranges: []netipx.IPRange{netipx.MustParseIPRange("10.0.0.1-10.0.0.70"), netipx.MustParseIPRange("255.255.255.192-255.255.255.255")}, block: block}
		want := slices.DeleteFunc(u.some(1000), func(p netip.Prefix) bool {
			return slices.ContainsFunc(all, func(b Booking) bool {
				return b.Range.Overlaps(p) && (b.State.Taken() || b.State == Quarantined && (!b.Rested(w.Now) || w.used(b)))
			})
		})
		u.skip = rs.unavailable(w)
		if got := u.some(1000); !slices.Equal(got, want) {
			t.Errorf("blocks of %d: %v may be given, want %v", block, got, want)
		}
	}
}

// checkCounts holds what is counted and looked up against a look at all bookings.
func checkCounts(t *testing.T, rng *rand.Rand, rs *Records, all []Booking) {
	t.Helper()
	taken, resting := 0, 0
	owner := []string{"a", "a/", "a/b", "a/b/1", "a/b/", "b", "a/b/2/3"}[rng.IntN(7)]
	behind := randomRange(rng)
	var below, later []Booking
	for _, b := range all {
		switch {
		case b.State.Taken():
			taken++
			if b.Owner == owner || strings.HasPrefix(b.Owner, strings.TrimSuffix(owner, "/")+"/") {
				below = append(below, b)
			}
		case b.State == Quarantined:
			resting++
		}
		if comparePrefixes(b.Range, behind) > 0 {
			later = append(later, b)
		}
	}
	if rs.Taken() != taken || rs.Resting() != resting {
		t.Errorf("%d are taken and %d rest, and are counted as %d and %d", taken, resting, rs.Taken(), rs.Resting())
	}
	if got := slices.Collect(rs.Behind(behind)); !slices.Equal(got, later) {
		t.Errorf("behind %s are %v, not %v", behind, got, later)
	}
	got := slices.SortedFunc(rs.OwnedBy(owner), func(a, b Booking) int { return comparePrefixes(a.Range, b.Range) })
	if !slices.Equal(got, below) {
		t.Errorf("%s has %v, not %v", owner, got, below)
	}
}
