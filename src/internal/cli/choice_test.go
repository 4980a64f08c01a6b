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

// TestAddressIsNoName: what names an address stands for that address alone, whatever somebody
// called an owner or a pool.
func TestAddressIsNoName(t *testing.T) {
	seed := rand.Uint64()
	rng := rand.New(rand.NewPCG(seed, 0))
	found := 0
	for range 300 {
		address := func() string { return netip.AddrFrom4([4]byte{10, 0, 0, byte(rng.IntN(3))}).String() }
		name := address()
		c := &choice{args: []string{name}, exact: map[string]bool{}, several: map[string][]string{}, wide: map[string]bool{}}
		var list []ledger.Booking
		for i := range 3 {
			owner := address() + []string{"", "/web", "/web/api"}[rng.IntN(3)]
			list = append(list, ledger.Booking{Range: netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}), 32), State: ledger.Booked, Owner: owner})
		}
		c.note(list)
		for _, b := range list {
			is := b.Range.Addr().String() == name
			if has := c.has(address(), b, map[string]bool{}); has != is {
				t.Fatalf("seed %d: %s, %v: %t", seed, name, b, has)
			} else if has {
				found++
			}
		}
		if err := c.check(); err != nil {
			t.Fatalf("seed %d: %s: %v", seed, name, err)
		}
	}
	if found == 0 {
		t.Error("no address was found")
	}
}
