package bookfile

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

var address = netip.MustParsePrefix("10.0.0.5/32")

func TestParseErrors(t *testing.T) {
	const good = "- {at: 2026-01-02T03:04:05Z, what: booked, owner: a/b/c}\n"
	for name, c := range map[string]struct{ text, want string }{
		"empty":           {"", "x.yml:1:1: the file is empty"},
		"no list":         {"at: 1\n", "x.yml:1:1: a booking's file is a list of events"},
		"empty list":      {"[]\n", "x.yml:1:1: a booking's file is a list of events"},
		"no mapping":      {"- x\n", "x.yml:1:3: an event is a mapping"},
		"no owner":        {"- {at: 2026-01-02T03:04:05Z, what: booked}\n", `x.yml:1:3: the event has no "owner"`},
		"unknown key":     {"- {at: 2026-01-02T03:04:05Z, what: booked, owner: a, wheN: 1}\n", `x.yml:1:54: an event has no "wheN"`},
		"key twice":       {"- {at: 2026-01-02T03:04:05Z, what: booked, owner: a, owner: b}\n", `x.yml:1:54: "owner" stands twice`},
		"no time":         {"- {at: today, what: booked, owner: a}\n", `x.yml:1:8: "today" is no time`},
		"no event":        {"- {at: 2026-01-02T03:04:05Z, what: boked, owner: a}\n", `x.yml:1:36: "boked" is no event; there are held, booked,`},
		"negative number": {"- {at: 2026-01-02T03:04:05Z, what: booked, owner: a, number: -1}\n", "x.yml:1:62: a number is 0 or above"},
		"null":            {"- {at: 2026-01-02T03:04:05Z, what: booked, owner: }\n", `"owner" takes one value`},
		"owner of signs":  {"- {at: 2026-01-02T03:04:05Z, what: booked, owner: \"a\\e[31m\"}\n", "an owner has characters that cannot be shown"},
		"booked twice":    {good + good, `x.yml:2:3: "booked" of a/b/c cannot follow: before it the address is booked, of a/b/c`},
		"renewed first":   {"- {at: 2026-01-02T03:04:05Z, what: renewed, owner: a/b/c}\n", `x.yml:1:3: "renewed" cannot follow: before it the address is free`},
		"second document": {good + "---\n" + good, "which may be a second document"},
		"conflict":        {"<<<<<<< HEAD\n" + good + "=======\n" + good + ">>>>>>> x\n", "x.yml:"},
	} {
		_, err := parse("x.yml", address, []byte(c.text))
		var told *trouble.Trouble
		if !errors.As(err, &told) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want a trouble with %q", name, err, c.want)
		}
	}
}

// FuzzParse: what is read can be added to, and is then read again, with one event more.
func FuzzParse(f *testing.F) {
	f.Add("- {at: 2026-01-02T03:04:05Z, what: booked, owner: a/b/c}\n", "why: #")
	f.Add("# comment\n- at: 2026-01-02T03:04:05Z\n  what: adopted\n  owner: lb\n  number: 3\n  until: 2027-01-02T03:04:05+01:00", "|")
	f.Add("- at: '2026-01-02T03:04:05Z'\n  what: held\n  owner: \"x: y\"\n  by: J <j@x>\n\n\n", "\u2028")
	f.Add("[{at: 2026-01-02T03:04:05Z, what: booked, owner: a/b/c}]\n", "flow")
	f.Add("  - {at: 2026-01-02T03:04:05Z, what: booked, owner: a/b/c}\n", "indented")
	f.Fuzz(func(t *testing.T, content, why string) {
		record, err := parse("x.yml", address, []byte(content))
		if err != nil {
			var told *trouble.Trouble
			if !errors.As(err, &told) {
				t.Fatalf("an error without a place: %v", err)
			}
			return
		}
		b, err := record.Booking()
		if err != nil {
			t.Fatal(err)
		}
		e := ledger.Event{At: time.Unix(2e9, 0).UTC(), What: ledger.WasRenewed, Owner: b.Owner, Number: b.Number, Until: time.Unix(3e9, 0).UTC(), Why: why}
		if !b.State.Taken() {
			e.What = ledger.WasAdopted
			if b.State == ledger.Quarantined && !b.Rested(e.At) {
				return
			}
		}
		after, err := appended([]byte(content), "pool", address, []ledger.Event{e})
		if err != nil {
			return // a reason that is not kept
		}
		if !strings.HasPrefix(string(after), content) {
			t.Fatalf("a byte before the new event was touched: %q", after)
		}
		again, err := parse("x.yml", address, after)
		if err != nil || len(again.Events) != len(record.Events)+1 || again.Events[len(record.Events)] != e {
			t.Fatalf("%q and one event more is read as %+v, %v", content, again, err)
		}
	})
}
