//go:build !race

package servecli_test

import (
	"strings"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ipguard/ipguard/src/internal/ledgersql/postgres"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
	"github.com/ipguard/ipguard/src/internal/postgrestest"
)

// TestKillFindsFault takes away what keeps two servers from giving one address twice, and
// wants the same check to find that they do.
func TestKillFindsFault(t *testing.T) {
	t.Parallel()
	c := postgrestest.Start(t)
	for range 5 {
		name := c.Database(t)
		f := newFight(t, name, name)
		d, err := postgres.Open(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		for _, statement := range []string{"alter table event drop constraint event_pkey", "drop index booking_address", "drop index booking_owner"} {
			if _, err := d.Write().Exec(statement); err != nil {
				t.Fatal(err)
			}
		}
		_ = d.Close()
		done := make(chan struct{})
		go func() { // servers that notice answer no more
			for end := time.Now().Add(5 * time.Second); f.answered() < 150 && time.Now().Before(end); time.Sleep(time.Millisecond) {
			}
			close(done)
		}()
		f.clients(done, 0)
		owner := map[string]string{}
		for _, o := range f.history {
			c, said := o.Input.(ledgertest.Call), o.Output.(string)
			if address, _, ok := strings.Cut(said, "@"); ok && c.What == "book" {
				if before := owner[address]; before != "" && before != c.Owner {
					if porcupine.CheckOperationsTimeout(ledgertest.Linear(fightAddresses), f.history, time.Minute) == porcupine.Illegal {
						t.Logf("%s was given to %s and to %s", address, before, c.Owner)
						return
					}
				}
				owner[address] = c.Owner
			}
		}
	}
	t.Error("without unique indexes, nothing wrong was seen: the check cannot find it")
}
