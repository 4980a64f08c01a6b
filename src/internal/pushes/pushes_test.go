//go:build !race

package pushes_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// TestNeverOlder pushes what was made at any time, of a director that tells its UUID and of
// files alone, again and again as pipelines do, and retires some: what counts is never more
// than five minutes older than what was pushed before it, and never of another director.
// Whose clock is ahead keeps nobody off.
func TestNeverOlder(t *testing.T) {
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	begin := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	now := begin
	store := &pushes.Store{Read: d.SQL(), Write: d.Write(), Now: func() time.Time { return now }}
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	before := map[string]pushes.Push{} // what counts, by director
	refused := map[bool]int{}          // by whether there was a UUID
	for range 200 {
		now = now.Add(time.Duration(rng.IntN(180)) * time.Second)
		name := []string{"a", "b"}[rng.IntN(2)]
		if rng.IntN(40) == 0 {
			if _, err := store.Retire(t.Context(), name, "test"); err != nil {
				t.Fatal(err)
			}
			delete(before, name)
			continue
		}
		uuid := ""
		if name == "b" || rng.IntN(100) == 0 {
			uuid = "of " + name
		}
		s := snapshot.Snapshot{Head: snapshot.Head{
			Collected: now.Add(time.Duration(rng.IntN(1600)-1200) * time.Second).Truncate(time.Second), // a clock may be ahead
			Director:  snapshot.Identity{Name: name, UUID: uuid, Version: fmt.Sprint(rng.IntN(3))},
		}}
		p, _, err := store.Add(t.Context(), name, s.Encode(), "test")
		last, known := before[name]
		if errors.As(err, new(*pushes.RefusedError)) {
			older := last.Collected.Sub(s.Collected) > 5*time.Minute
			if !known || !older && last.UUID == uuid {
				t.Fatalf("seed %d: %v, and %s was pushed of %q at %s", seed, err, name, last.UUID, last.Collected)
			}
			refused[uuid != ""]++
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		switch {
		case p.Collected.After(now):
			t.Fatalf("seed %d: %s counts as of %s, and it is %s: until then whose clock is right would be refused", seed, name, p.Collected, now)
		case !known:
		case last.UUID != "" && last.UUID != p.UUID:
			t.Fatalf("seed %d: %s was of %q, and is of %q", seed, name, last.UUID, p.UUID)
		case last.UUID == p.UUID && last.Collected.Sub(p.Collected) > 5*time.Minute:
			t.Fatalf("seed %d: %s with the UUID %q was of %s, and is of %s", seed, name, p.UUID, last.Collected, p.Collected)
		}
		before[name] = p
	}
	if refused[true] < 5 || refused[false] < 5 {
		t.Errorf("seed %d: too little was refused: %v", seed, refused)
	}
}
