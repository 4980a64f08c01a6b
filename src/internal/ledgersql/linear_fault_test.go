//go:build !race

package ledgersql_test

import (
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgertest"
)

// TestLinearizableFindsFault takes the unique indexes away, and wants the check to
// find that two servers then give one address to two owners.
func TestLinearizableFindsFault(t *testing.T) {
	name := shared.Cluster(t).Database(t)
	one, other := store(t, name), store(t, name)
	d := database(t, name)
	defer d.Close()
	for _, statement := range []string{
		"alter table event drop constraint event_pkey", "drop index booking_address", "drop index booking_owner",
	} {
		if _, err := d.Write().Exec(statement); err != nil {
			t.Fatal(err)
		}
	}
	for round := range 20 {
		history, _ := record([]ledger.Store{one, other}, 8, 20, uint64(round))
		if porcupine.CheckOperationsTimeout(model, history, time.Minute) != porcupine.Illegal {
			continue
		}
		owner := map[string]string{}
		for _, o := range history {
			c, said := o.Input.(ledgertest.Call), o.Output.(string)
			if before := owner[said]; c.What == "book" && said != ledgertest.Exhausted && before != "" && before != c.Owner {
				t.Logf("round %d: %s was given to %s and to %s", round, said, before, c.Owner)
				return
			}
			if c.What == "book" {
				owner[said] = c.Owner
			}
		}
	}
	t.Error("without unique indexes, nothing wrong was seen in 20 rounds: the check cannot find it")
}
