package cli

import (
	"math/rand/v2"
	"net/netip"
	"testing"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// TestWhatStandsForAll: all of a director is given back only with --all, whichever way it
// is written; a deployment, a group and a free name are not all of a director.
func TestWhatStandsForAll(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	words := []string{"red", "web", "db"}
	word := func() string { return words[rng.IntN(len(words))] }
	refused, taken := 0, 0
	for range 300 {
		var list []ledger.Booking
		owners := map[string]bool{}
		for i := range 1 + rng.IntN(4) {
			owner := word() + "/" + word() + "/" + word()
			list = append(list, ledger.Booking{Range: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32), State: ledger.Booked, Owner: owner})
			owners[owner] = true
		}
		director, slash := word(), []string{"", "/"}[rng.IntN(2)]
		name := director
		if rng.IntN(2) == 0 {
			name += "/" + word()
		}
		c := &choice{args: []string{name + slash}, exact: map[string]bool{}, several: map[string][]string{}, wide: map[string]bool{}}
		found := 0
		for _, b := range list {
			if c.has("pool", b, map[string]bool{}) {
				found++
			}
		}
		below := 0 // owners of the director
		for owner := range owners {
			if len(owner) > len(director) && owner[:len(director)+1] == director+"/" {
				below++
			}
		}
		err := c.check()
		if want := name == director && below > 1; (err != nil) != want {
			t.Fatalf("seed %d: %q of %v: %v", seed, name+slash, owners, err)
		}
		if err != nil {
			refused++
		} else if found > 0 {
			taken++
		}
	}
	if refused < 10 || taken < 10 {
		t.Errorf("seed %d: %d refused, %d taken", seed, refused, taken)
	}
}
