//go:build !race

package pushes_test

import (
	"math/rand/v2"
	"net/netip"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// words are who has each of ten addresses by a fleet file: in no segment, and in one.
type words [2][10]string

var wordsIn = [2]string{"", "va"}

func address(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 7, 0, byte(i)}) }

func (w words) told(director string, with []string, now time.Time) []byte {
	s := snapshot.Snapshot{Head: snapshot.Head{Collected: now, Director: snapshot.Identity{Name: director}}}
	s.Settings.With = with
	for in, list := range w {
		for i, owner := range list {
			if owner == "" {
				continue
			}
			if e, ok := snapshot.NewExternal(owner, wordsIn[in], []bosh.Block{{Range: netipx.IPRangeFrom(address(i), address(i))}}); ok {
				s.Settings.External = append(s.Settings.External, e)
			}
			s.Settings.Bookings = append(s.Settings.Bookings, snapshot.Booking{
				Pool: "p", Segment: wordsIn[in], Range: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 8, 0, byte(i)}), 32), Owner: owner, Since: time.Unix(1e9, 0).UTC(),
			})
		}
	}
	return s.Encode()
}

// TestNewestWordOfOneFile: what a file told with one director takes the place of what it told
// with another about the same address, frees nothing, and touches no other file's word.
func TestNewestWordOfOneFile(t *testing.T) {
	database, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = database.Close() })
	now := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	store := &pushes.Store{Read: database.SQL(), Write: database.Write(), Now: func() time.Time { return now }}
	rng := rand.New(rand.NewPCG(1, 1))
	both, revisions := []string{"a", "b"}, 0
	said := map[string]words{}
	for range 150 {
		now = now.Add(time.Minute)
		me, other := both[0], both[1]
		if rng.IntN(2) == 0 {
			me, other = other, me
		}
		var w words
		for in := range w {
			for i := range w[in] {
				w[in][i] = []string{"", "x", "y", "z"}[rng.IntN(4)]
			}
		}
		with, may := both, true
		switch rng.IntN(6) {
		case 0:
			with = []string{me}
		case 1:
			may = false
		}
		before := said[other]
		p, _, err := store.Tell(t.Context(), me, w.told(me, with, now), pushes.Pusher{Name: "ci", Replaces: true, May: func(string) bool { return may }})
		if err != nil {
			t.Fatal(err)
		}
		said[me] = w
		revisions += len(p.Revised)
		after := read(t, store, other)
		if len(p.Revised) == 0 && after != before {
			t.Fatalf("%v became %v, and nobody is told", before, after)
		}
		if len(with) == 1 || !may {
			if after != before {
				t.Fatalf("another file's word changed: %v, %v", before, after)
			}
		}
		for in := range after {
			for i, owner := range after[in] {
				was := before[in][i]
				if owner != was && (owner != "" || w[in][i] == "" && w[0][i] == "") {
					t.Fatalf("%q: %s was %q's, and is %q's; now %v", wordsIn[in], address(i), was, owner, w)
				}
				if len(p.Revised) > 0 && owner != "" && w[in][i] != "" && w[in][i] != owner {
					t.Fatalf("%q: %s is %q's and %q's", wordsIn[in], address(i), owner, w[in][i])
				}
			}
		}
		said[other] = after
	}
	if revisions < 20 {
		t.Errorf("%d revisions", revisions)
	}
}

// read are the words of a director's newest push: those of externals, which bookings have to be as well.
func read(t *testing.T, store *pushes.Store, director string) (w words) {
	t.Helper()
	list, err := store.Newest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	i := slices.IndexFunc(list, func(p pushes.Push) bool { return p.Director == director })
	if i < 0 {
		return w
	}
	text, err := store.Text(t.Context(), director, list[i].Version)
	if err != nil {
		t.Fatal(err)
	}
	s, err := snapshot.Read("x.json", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range s.Settings.External {
		for _, a := range e.Addresses {
			for at := a.Range.From(); at.Compare(a.Range.To()) <= 0; at = at.Next() {
				w[slices.Index(wordsIn[:], e.Segment)][at.As4()[3]] = e.Owner
			}
		}
	}
	var booked words
	for _, b := range s.Settings.Bookings {
		booked[slices.Index(wordsIn[:], b.Segment)][b.Range.Addr().As4()[3]] = b.Owner
	}
	if booked != w {
		t.Fatalf("bookings are %v, externals %v", booked, w)
	}
	return w
}
