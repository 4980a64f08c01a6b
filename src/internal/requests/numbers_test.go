//go:build !race

package requests_test

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/requests"
)

// TestNumbersMeanOneRequest asks, and puts the database back to what it was some requests
// before, again and again: no number is told with two meanings.
func TestNumbersMeanOneRequest(t *testing.T) {
	d, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "x.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	now := time.Date(2026, 11, 27, 0, 0, 0, 0, time.UTC)
	store := &requests.Store{Read: d.SQL(), Write: d.Write(), Now: func() time.Time { return now }}
	random := rand.New(rand.NewPCG(12, 1))
	told, restored := map[int64]string{}, 0
	for i := range 300 {
		now = now.Add(time.Duration(1+random.IntN(90)) * time.Second)
		if random.IntN(15) == 0 {
			restored++
			if _, err := d.Write().ExecContext(t.Context(), `delete from request where id > (select coalesce(max(id), 0) from request) - $1`, random.IntN(20)); err != nil {
				t.Fatal(err)
			}
			if _, err := d.Write().ExecContext(t.Context(), `insert into fence (number, pool, found, why, seen, lifted) values ($1, '', $2, 'a backup was put back', 0, $2)`, restored, now.UnixMicro()); err != nil {
				t.Fatal(err)
			}
			continue
		}
		owner := fmt.Sprintf("lb/%d", i)
		r, _, err := store.Add(t.Context(), requests.Request{Pool: "p", Owner: owner, Team: "t", Ask: json.RawMessage(`{}`), By: "somebody"})
		if err != nil {
			t.Fatal(err)
		}
		if before, ok := told[r.ID]; ok {
			t.Fatalf("number %d is of %s, and was of %s", r.ID, owner, before)
		}
		told[r.ID] = owner
	}
	if restored < 5 || told[1] == "" {
		t.Fatalf("%d restores; the first number is of %q", restored, told[1])
	}
}
