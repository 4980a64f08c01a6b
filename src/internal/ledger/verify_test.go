//go:build !race

package ledger_test

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestVerifyRefuses tries what no question could have led to. What the ledger itself
// writes is accepted in every random operation of the conformance suite.
func TestVerifyRefuses(t *testing.T) {
	now := ledgertest.Start.Add(100 * 24 * time.Hour)
	pool := &ledger.Pool{
		Name: "promo", Teams: []string{"blue", "red"}, Quota: 3,
		Delegation: plan.Delegation{
			Ranges: []netipx.IPRange{netipx.MustParseIPRange("10.0.0.1-10.0.0.20")}, Except: []netipx.IPRange{netipx.MustParseIPRange("10.0.0.20-10.0.0.20")},
		},
	}
	event := func(address string, what ledger.What, owner string, more ...func(*ledger.Event)) ledger.Entry {
		e := ledger.Event{At: now, What: what, Owner: owner, Team: "blue", By: "x"}
		for _, m := range more {
			m(&e)
		}
		return ledger.Entry{Range: ledgertest.Single(address), Event: e}
	}
	until := func(d time.Duration) func(*ledger.Event) { return func(e *ledger.Event) { e.Until = now.Add(d) } }
	at := func(d time.Duration) func(*ledger.Event) { return func(e *ledger.Event) { e.At = now.Add(d) } }
	team := func(name string) func(*ledger.Event) { return func(e *ledger.Event) { e.Team = name } }
	number := func(n int) func(*ledger.Event) { return func(e *ledger.Event) { e.Number = n } }
	day := 24 * time.Hour
	// a/b/c has .1, x/y/z had .2, which rests, and a/b/used has .3, which it uses; and it uses .8,
	// which r/e/d has, and .7, which rests.
	before := []ledger.Entry{
		event("10.0.0.1", ledger.WasBooked, "a/b/c", until(day)),
		event("10.0.0.2", ledger.WasBooked, "x/y/z", until(day)), event("10.0.0.2", ledger.WasReleased, "x/y/z", until(7*day)),
		event("10.0.0.3", ledger.WasBooked, "a/b/used", until(day)),
		event("10.0.0.8", ledger.WasBooked, "r/e/d", team("red"), until(day)),
		event("10.0.0.7", ledger.WasBooked, "x/y/z", number(1), until(day)), event("10.0.0.7", ledger.WasReleased, "x/y/z", number(1), until(7*day)),
	}
	all := &netipx.IPSetBuilder{}
	all.AddPrefix(netip.MustParsePrefix("10.0.0.0/24"))
	free, err := all.IPSet()
	if err != nil {
		t.Fatal(err)
	}
	world := &ledger.World{Now: now, Free: []*netipx.IPSet{free}, Users: func(r netip.Prefix, _ string) []ledger.User {
		if r == ledgertest.Single("10.0.0.3") || r == ledgertest.Single("10.0.0.4") || r == ledgertest.Single("10.0.0.8") || r == ledgertest.Single("10.0.0.7") {
			return []ledger.User{{Text: "a/b/used", Is: func(o string) bool { return o == "a/b/used" }}}
		}
		return nil
	}}
	booked := ledger.WasBooked
	for name, c := range map[string]struct {
		entries []ledger.Entry
		want    string // empty: it is accepted
	}{
		"a free address":               {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w", until(day))}, ""},
		"without an end":               {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w")}, ""},
		"one's own rest":               {[]ledger.Entry{event("10.0.0.2", booked, "x/y/z", until(day))}, ""},
		"in use by oneself":            {[]ledger.Entry{event("10.0.0.4", booked, "a/b/used", number(1), until(day))}, ""},
		"somebody's address":           {[]ledger.Entry{event("10.0.0.1", booked, "n/e/w", until(day))}, "cannot follow"},
		"somebody's rest":              {[]ledger.Entry{event("10.0.0.2", booked, "n/e/w", until(day))}, "cannot follow"},
		"a rest that is cut short":     {[]ledger.Entry{event("10.0.0.2", ledger.WasFreed, "x/y/z"), event("10.0.0.2", booked, "n/e/w", until(day))}, "it rests until"},
		"a rest, by who uses it":       {[]ledger.Entry{event("10.0.0.7", ledger.WasFreed, "x/y/z", number(1)), event("10.0.0.7", booked, "a/b/used", number(1), until(day))}, ""},
		"a rest, by who uses another":  {[]ledger.Entry{event("10.0.0.7", ledger.WasFreed, "x/y/z", number(1)), event("10.0.0.7", booked, "n/e/w", until(day))}, "it rests until"},
		"a rest, by another team":      {[]ledger.Entry{event("10.0.0.7", ledger.WasFreed, "x/y/z", number(1)), event("10.0.0.7", booked, "a/b/used", number(1), team("red"), until(day))}, "it rests until"},
		"given back, used by others":   {[]ledger.Entry{event("10.0.0.8", ledger.WasReleased, "r/e/d", team("red"), until(7*day))}, ""},
		"in use by somebody":           {[]ledger.Entry{event("10.0.0.4", booked, "n/e/w", until(day))}, "in use by a/b/used"},
		"outside of the pool":          {[]ledger.Entry{event("10.0.0.21", booked, "n/e/w", until(day))}, "does not delegate"},
		"an exception of the pool":     {[]ledger.Entry{event("10.0.0.20", booked, "n/e/w", until(day))}, "does not delegate"},
		"a block of the pool":          {[]ledger.Entry{{Range: netip.MustParsePrefix("10.0.0.8/30"), Event: event("10.0.0.8", booked, "n/e/w").Event}}, "does not delegate"},
		"adopted, and used":            {[]ledger.Entry{event("10.0.0.4", ledger.WasAdopted, "a/b/used", number(1))}, ""},
		"adopted, and not used":        {[]ledger.Entry{event("10.0.0.5", ledger.WasAdopted, "n/e/w")}, "is not known to use it"},
		"held, booked for another":     {[]ledger.Entry{event("10.0.0.5", ledger.WasHeld, "n/e/w", until(day), team("red")), event("10.0.0.5", booked, "n/e/w")}, "it is held for team"},
		"a foreign team":               {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w", team("green"))}, "not delegated to team"},
		"no team":                      {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w", team(""))}, "not delegated to team"},
		"beyond the quota":             {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w"), event("10.0.0.6", booked, "n/e/w", number(1))}, "its quota is 3"},
		"another team's quota":         {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w", team("red")), event("10.0.0.6", booked, "n/e/w", number(1), team("red"))}, ""},
		"a number twice":               {[]ledger.Entry{event("10.0.0.5", booked, "a/b/c")}, "has 10.0.0.1 already"},
		"of tomorrow":                  {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w", at(day))}, "its time is"},
		"of yesterday":                 {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w", at(-day))}, "its time is"},
		"that is over":                 {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w", until(-time.Hour))}, "its end is over"},
		"renewed to the past":          {[]ledger.Entry{event("10.0.0.1", ledger.WasRenewed, "a/b/c", until(-time.Hour))}, "its end is over"},
		"renewed of another":           {[]ledger.Entry{event("10.0.0.1", ledger.WasRenewed, "x/y/z", until(day))}, "cannot follow"},
		"a release without a rest":     {[]ledger.Entry{event("10.0.0.1", ledger.WasReleased, "a/b/c", until(time.Minute))}, "the pool demands"},
		"a release":                    {[]ledger.Entry{event("10.0.0.1", ledger.WasReleased, "a/b/c", until(7*day))}, ""},
		"a release of what is used":    {[]ledger.Entry{event("10.0.0.3", ledger.WasReleased, "a/b/used", until(7*day))}, "in use"},
		"an end that has not come":     {[]ledger.Entry{event("10.0.0.1", ledger.WasExpired, "a/b/c", until(7*day))}, "its end has not come"},
		"freed without a rest":         {[]ledger.Entry{event("10.0.0.1", ledger.WasFreed, "a/b/c")}, "cannot follow"},
		"an owner that cannot be":      {[]ledger.Entry{event("10.0.0.5", booked, "a//b")}, "no owner"},
		"a line break in an owner":     {[]ledger.Entry{event("10.0.0.5", booked, "a/b\nc")}, "cannot be shown"},
		"an event that is none":        {[]ledger.Entry{event("10.0.0.5", "stolen", "n/e/w")}, "cannot follow"},
		"the second of two is refused": {[]ledger.Entry{event("10.0.0.5", booked, "n/e/w"), event("10.0.0.1", booked, "n/e/w", number(1))}, "cannot follow"},
	} {
		rs := &ledger.Records{}
		if err := rs.Add(before); err != nil {
			t.Fatal(err)
		}
		err := ledger.Verify(pool, rs, world, c.entries, false)
		switch {
		case c.want == "" && err != nil:
			t.Errorf("%s: %v", name, err)
		case c.want != "" && (err == nil || !strings.Contains(err.Error(), c.want)):
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
		if rs.Len() != 5 || rs.At(ledgertest.Single("10.0.0.5")).State != ledger.Free {
			t.Errorf("%s: the records were changed", name)
		}
	}
}
