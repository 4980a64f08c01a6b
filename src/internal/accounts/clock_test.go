//go:build !race

package accounts_test

import (
	"path/filepath"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
)

// TestClockSteps sets the clock forward and back: what has ended by the clock counts no
// more, and a clock that was wrong for a while takes no token away.
func TestClockSteps(t *testing.T) {
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	s := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: func() time.Time { return now }}
	sessions := accounts.Sessions{Store: s}
	made := func() string {
		t.Helper()
		secret, err := s.Make(t.Context(), accounts.Token{Name: "ci", Scopes: []string{accounts.Read}, Ends: now.Add(time.Hour), By: "test"})
		if err != nil {
			t.Fatal(err)
		}
		return secret
	}
	counts := func(secret string, want bool) {
		t.Helper()
		actor, err := s.Whose(t.Context(), secret)
		list, other := s.Tokens(t.Context())
		if err != nil || other != nil || (actor != nil) != want || want && len(list) != 1 {
			t.Errorf("at %s: %v, %v, %v %v; want it to count: %t", now, actor, list, err, other, want)
		}
	}
	step := func(d time.Duration) {
		t.Helper()
		now = now.Add(d)
		if err := sessions.Sweep(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	first := made()
	if err := sessions.Commit("browser", kept(t, "jane", "link", now), time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	counts(first, true)
	step(300 * 24 * time.Hour)
	counts(first, false)
	step(-300 * 24 * time.Hour)
	counts(first, true)
	if _, found, err := sessions.Find("browser"); err != nil || found {
		t.Errorf("a session that had ended is there again: %v", err) // people log in again
	}
	if _, err := s.Make(t.Context(), accounts.Token{Name: "ci", Scopes: []string{accounts.Read}, Ends: now.Add(time.Hour), By: "test"}); err == nil {
		t.Error("two tokens have one name")
	}
	step(2 * time.Hour)
	counts(first, false)
	second := made()
	counts(second, true)
	step(-90 * time.Minute) // before the end of the first one, which is gone
	counts(first, false)
	step(3 * 366 * 24 * time.Hour)
	step(-3 * 366 * 24 * time.Hour)
	counts(second, false) // it is forgotten in the end
}
