//go:build !race

package survey_test

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ignore"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestCrowds looks at what hides of random fleets one by one, and all in crowds: the same is
// in doubt, about the same addresses at least, and what is noted beside it is the same.
func TestCrowds(t *testing.T) {
	t.Parallel()
	r := random{rand.New(rand.NewPCG(14, 7))}
	seen, many := 0, 0
	for range scale(t) {
		b := r.blind(t, r.fleet(t), nil)
		if r.chance(2) && !slices.ContainsFunc(b.files, func(f file) bool { return f.doc == nil }) {
			b = r.blind(t, b.madeUp, nil)
		}
		target := r.IntN(len(b.files)+1) - 1
		one, crowd := b.read(target, true), b.read(target, true)
		crowd.Facts.Blindness = crowd.Facts.Blindness.WithCrowdsFrom(0)
		accepts := func(*lint.Finding) bool { return false }
		if r.chance(3) {
			accepts = ignore.Accepting(r.allows(b.directors), time.Now())
		}
		want, _ := one.Facts.Doubts(accepts)
		got, _ := crowd.Facts.Doubts(accepts)
		if len(want) != len(got) {
			t.Fatalf("%s: %d doubts one by one, %d in crowds:\n%v\n%v", b, len(want), len(got), texts(want), texts(got))
		}
		for _, d := range want {
			alike := func(o lint.Doubt) bool {
				return o.Spot.At == d.Spot.At && o.Spot.What == d.Spot.What && o.Allow == d.Allow && o.Unbooked == d.Unbooked && slices.Equal(o.Owners, d.Owners)
			}
			if !slices.ContainsFunc(got, func(o lint.Doubt) bool { return alike(o) && len(less(d.About(), o.About())) == 0 }) {
				t.Fatalf("%s: crowds tell less than %+v:\n%v", b, d.Trouble(), texts(got))
			}
			seen++
			many += min(1, len(d.About())/2)
		}
		if a, b := lint.Run(one.Facts, rules), lint.Run(crowd.Facts, rules); !slices.EqualFunc(a, b, func(x, y lint.Finding) bool { return x.Message == y.Message && x.Severity == y.Severity }) {
			t.Fatalf("other findings:\n%v\n%v", a, b)
		}
	}
	if seen < 20 || many < 5 {
		t.Errorf("only %d doubts were compared, %d of which are about more than one address", seen, many)
	}
}

// allows accept some ranges for some of the directors.
func (r random) allows(directors []string) ignore.Exceptions {
	var e ignore.Exceptions
	for range 1 + r.IntN(3) {
		prefix := netipx.RangeOfPrefix(netip.MustParsePrefix(r.pick("10.0.0.0/25", "10.0.0.0/24", "10.0.0.128/25", "10.0.1.0/24", "0.0.0.0/1")))
		if r.chance(3) {
			prefix = plan.Everywhere().Ranges()[0]
		}
		e.Allowances = append(e.Allowances, ignore.Allowance{
			Rule: lint.HiddenAddressID, Ranges: []netipx.IPRange{prefix}, Owners: []string{r.pick(directors...)}, Until: time.Now().AddDate(1, 0, 0),
		})
	}
	return e
}

func texts(doubts []lint.Doubt) (list []string) {
	for _, d := range doubts {
		list = append(list, d.Trouble().Message)
	}
	return list
}

// less is what of some ranges lies in no others.
func less(of, others []netipx.IPRange) []netipx.IPRange {
	var set netipx.IPSetBuilder
	for _, r := range of {
		set.AddRange(r)
	}
	for _, r := range others {
		set.RemoveRange(r)
	}
	left, err := set.IPSet()
	if err != nil {
		return of
	}
	return left.Ranges()
}
