//go:build !race

package conflicts

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/databasetest"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

// snapshotOf is one picture and when it was recorded, as the oracle keeps it.
type snapshotOf struct {
	// left says that b is seen to have the address no more, whatever a hides.
	shown, hidden, left map[int]bool
	at                  time.Time
}

// life is one conflict of the oracle, from its beginning.
type life struct{ opened, ended time.Time }

// lives are those of one address, by looking at all pictures from the first to the last.
func lives(all []snapshotOf, address int) (list []life) {
	open := false
	for _, s := range all {
		switch {
		case s.shown[address] && !open:
			open = true
			list = append(list, life{opened: s.at})
		case open && !s.shown[address] && (!s.hidden[address] || s.left[address]):
			open = false
			list[len(list)-1].ended = s.at
		}
	}
	return list
}

func addressOf(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(n)}) }

// pictureOf shows and hides conflicts of a and b at addresses.
func pictureOf(versions [2]int64, s snapshotOf) *central.Picture {
	p := &central.Picture{Plan: &plan.Plan{}}
	for i, name := range []string{"a", "b"} {
		if versions[i] > 0 {
			p.Pushed = append(p.Pushed, pushes.Push{Director: name, Version: versions[i]})
		}
	}
	for n := range 5 {
		at := netipx.IPRangeFrom(addressOf(n), addressOf(n))
		if s.shown[n] {
			p.Findings = append(p.Findings, lint.Finding{Rule: "r", Severity: lint.Error, Range: at, Claims: []lint.Party{
				{Owner: plan.Owner{Director: "a", Deployment: "x"}, Kind: plan.Static, Range: at}, {Owner: plan.Owner{Director: "b", Deployment: "y"}, Kind: plan.Lease, Range: at},
			}})
		}
		if !s.left[n] {
			p.Plan.Claims = append(p.Plan.Claims, plan.Claim{Holder: &plan.Owner{Director: "b", Deployment: "y"}, Kind: plan.Static, Range: at})
		}
		if s.hidden[n] {
			p.Plan.BlindSpots = append(p.Plan.BlindSpots, plan.BlindSpot{Owner: plan.Owner{Director: "a"}, May: []plan.Claim{{Kind: plan.Static, Range: at}}})
		}
	}
	return p
}

// TestRandomPictures records random pictures by two servers, of which one may be behind,
// and holds what is kept against all pictures.
func TestRandomPictures(t *testing.T) {
	databasetest.Each(t, func(t *testing.T, d ledgersql.Database) {
		for _, director := range []string{"a", "b"} {
			if _, err := d.Write().Exec(`insert into push (director, version, uuid, at, by_whom, digest, snapshot) values ($1, 1, '', 0, '', 'x', $2)`, director, []byte{}); err != nil {
				t.Fatal(err)
			}
		}
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		play(t, d, rand.New(rand.NewPCG(seed, 0)))
	})
}

func play(t *testing.T, d ledgersql.Database, random *rand.Rand) {
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	store := &Store{Read: d.SQL(), Write: d.Write(), Now: func() time.Time { return now }, Webhooks: []string{"ops"}}
	var all []snapshotOf
	var versions [2]int64
	outdated, begun, over := 0, 0, 0
	for step := range 150 {
		now = now.Add(time.Duration(random.IntN(3)) * time.Second) // two at one moment, too
		if random.IntN(10) == 0 {
			now = now.Add(-time.Minute) // a clock that steps back
		}
		s := snapshotOf{shown: map[int]bool{}, hidden: map[int]bool{}, left: map[int]bool{}}
		for n := range 5 {
			s.shown[n], s.hidden[n], s.left[n] = random.IntN(3) == 0, random.IntN(3) == 0, random.IntN(3) == 0
		}
		mine := versions
		if i := random.IntN(2); random.IntN(5) == 0 && mine[i] > 0 {
			mine[i]-- // a server that has not seen the last push
		} else {
			mine[i] += int64(random.IntN(2))
		}
		err := store.Record(t.Context(), pictureOf(mine, s))
		if behind := mine[0] < versions[0] || mine[1] < versions[1]; behind {
			if outdated++; !errors.Is(err, ErrOutdated) {
				t.Fatalf("step %d: recorded a picture of %v after %v: %v", step, mine, versions, err)
			}
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		versions = mine
		s.at = now
		if len(all) > 0 && !now.After(all[len(all)-1].at) {
			s.at = all[len(all)-1].at.Add(time.Microsecond)
		}
		all = append(all, s)
		compareWithOracle(t, store, all, step)
	}
	for n := range 5 {
		for _, l := range lives(all, n) {
			begun++
			if !l.ended.IsZero() {
				over++
			}
		}
	}
	if outdated == 0 || begun < 20 || over < 10 {
		t.Errorf("%d outdated, %d begun, %d over: this test tests little", outdated, begun, over)
	}
}

func compareWithOracle(t *testing.T, store *Store, all []snapshotOf, step int) {
	t.Helper()
	var want []string
	for n := range 5 {
		for _, l := range lives(all, n) {
			want = append(want, fmt.Sprintf("%s %d %d", addressOf(n), l.opened.UnixMicro(), l.ended.UnixMicro()))
		}
	}
	var got []string
	add := func(c Conflict) {
		got = append(got, fmt.Sprintf("%s %d %d", netipx.MustParseIPRange(c.Range).From(), c.Opened.UnixMicro(), c.Ended.UnixMicro()))
	}
	open, err := store.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range open {
		add(c)
		if last := all[len(all)-1]; last.shown[int(netipx.MustParseIPRange(c.Range).From().As4()[3])] != c.Unsure.IsZero() {
			t.Fatalf("step %d: %s is unsure since %s", step, c.Range, c.Unsure)
		}
	}
	for after := ""; ; {
		list, next, err := store.Ended(t.Context(), after, 3)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range list {
			add(c)
		}
		if after = next; next == "" {
			break
		}
	}
	slices.Sort(want)
	slices.Sort(got)
	if !slices.Equal(want, got) {
		t.Fatalf("step %d:\n got %v\nwant %v", step, got, want)
	}
}
