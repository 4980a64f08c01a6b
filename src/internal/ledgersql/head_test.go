package ledgersql_test

import (
	"net/netip"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
)

// TestDigestsStay: clients show the digests that older servers told them. One that came out in
// another way would be taken for an event that the database lost.
func TestDigestsStay(t *testing.T) {
	at := time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)
	e := ledgersql.Event{Pool: "promo", Serial: 7, Entry: ledger.Entry{Range: netip.MustParsePrefix("10.8.52.180/32"), Event: ledger.Event{
		At: at, What: ledger.WasBooked, Owner: "promo/web", Number: 1, Team: "promo", Until: at.Add(time.Hour), By: "token promo", Why: "ticket 9",
	}}}
	const before = "a6624e3b70756a03"
	if got := e.Digest(); got != before {
		t.Errorf("the digest is %s, and was %s", got, before)
	}
	e.Event.Approved = "token network"
	if e.Digest() == before {
		t.Error("the digest does not tell who agreed")
	}
}
