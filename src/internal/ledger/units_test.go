//go:build !race

package ledger

import (
	"math/big"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"
)

// TestUnits holds the walk over addresses and blocks against one that looks at every
// address.
func TestUnits(t *testing.T) {
	rng := rand.New(rand.NewPCG(3, 0))
	for _, base := range []string{"10.0.0.0", "2001:db8::", "255.255.255.0", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ff00"} {
		for range 300 {
			u, free := randomUnits(rng, netip.MustParseAddr(base))
			var all []netip.Prefix
			size := 1 << (u.bitLen(base) - u.bits(netip.MustParseAddr(base)))
			for at := 0; at < 256; at += size {
				whole := true
				for k := range size {
					whole = whole && free[at+k]
				}
				if whole {
					all = append(all, netip.PrefixFrom(plus(netip.MustParseAddr(base), at), u.bits(netip.MustParseAddr(base))))
				}
			}
			if got := u.some(1000); !slices.Equal(got, all) {
				t.Fatalf("%v, blocks of /%d: got %v, want %v", u.ranges, u.block, got, all)
			}
			if got := u.count(); got.Cmp(big.NewInt(int64(len(all)))) != 0 {
				t.Fatalf("%v, blocks of /%d: counted %s, want %d", u.ranges, u.block, got, len(all))
			}
			if len(all) == 0 {
				continue
			}
			start, n := rng.IntN(len(all)), 1+rng.IntN(len(all)+2)
			want := append(slices.Clone(all[start:]), all[:start]...)
			want = want[:min(n, len(want))]
			if got := u.take(n, big.NewInt(int64(start))); !slices.Equal(got, want) {
				t.Fatalf("%v, blocks of /%d, %d from %d: got %v, want %v", u.ranges, u.block, n, start, got, want)
			}
			if got, want := u.run(n), firstRun(all, n); !slices.Equal(got, want) {
				t.Fatalf("%v, blocks of /%d, run of %d: got %v, want %v", u.ranges, u.block, n, got, want)
			}
		}
	}
}

func (u units) bitLen(base string) int { return netip.MustParseAddr(base).BitLen() }

func plus(a netip.Addr, n int) netip.Addr {
	for range n {
		a = a.Next()
	}
	return a
}

// randomUnits are ranges of the 256 addresses from base on, and what they hold.
func randomUnits(rng *rand.Rand, base netip.Addr) (units, [256]bool) {
	var free [256]bool
	var set netipx.IPSetBuilder
	for range 1 + rng.IntN(4) {
		from := rng.IntN(256)
		to := min(from+rng.IntN(80), 255)
		for i := from; i <= to; i++ {
			free[i] = true
			set.Add(plus(base, i))
		}
	}
	u := units{ranges: built(&set).Ranges()}
	if bits := rng.IntN(5); bits > 0 {
		u.block = base.BitLen() - bits
	}
	return u, free
}

func firstRun(all []netip.Prefix, n int) []netip.Prefix {
	for i := 0; i+n <= len(all); i++ {
		follows := true
		for k := 1; k < n; k++ {
			follows = follows && netipx.PrefixLastIP(all[i+k-1]).Next() == all[i+k].Addr()
		}
		if follows {
			return all[i : i+n]
		}
	}
	return nil
}

func TestParseHolder(t *testing.T) {
	for text, want := range map[string]Holder{
		"promo/pgpool/pgpool":   {"promo/pgpool/pgpool", -1},
		"promo/pgpool/pgpool/1": {"promo/pgpool/pgpool", 1},
		"lb/frontend":           {"lb/frontend", -1},
		"lb/frontend/0":         {"lb/frontend", 0},
		"lb/3":                  {"lb", 3},
		"lb/03":                 {"lb/03", -1},
		"3":                     {"3", -1},
		"promo/web/api/01":      {"promo/web/api/01", -1},
		"printer":               {"printer", -1},
		"lb/10.8.52.79":         {"lb/10.8.52.79", -1},
		"10.8.52.79/web":        {"10.8.52.79/web", -1},
		"promo/web/api%2F0/1":   {"promo/web/api%2F0", 1},
		"promo/web/%31":         {"promo/web/%31", -1},
		"promo/web/%2541":       {"promo/web/%2541", -1},
		"promo/100%/a%zz":       {"promo/100%/a%zz", -1},
	} {
		if got, err := ParseHolder(text); err != nil || got != want {
			t.Errorf("%q: got %+v, %v, want %+v", text, got, err, want)
		}
	}
	for _, text := range []string{"", "/", "a//b", " a", "a/ b", "a/", "a\nb", "a\x1b[31m", string(make([]byte, 600)),
		"10.8.52.79", "10.8.52.0/24", "10.8.52.79/40", "10.8.52.4 - 10.8.52.9", "10.8.52.4-10.8.52.9", "2001:db8::1", "::/0", "fe80::1%eth0",
		"promo/web/api%2f0", "promo/web/%61pi/1", "promo/we%62/api", "%612/web/api", "promo/web/%41", "promo/web/(left out)", "promo/web/(left out)/1"} {
		if got, err := ParseHolder(text); err == nil {
			t.Errorf("%q: got %+v, want an error", text, got)
		}
	}
}

// TestSpread: a pool that spreads gives one owner the same address every time, and
// different owners seldom the same.
func TestSpread(t *testing.T) {
	pool := &Pool{Name: "p", Teams: []string{"a"}, Spread: true}
	pool.Ranges = []netipx.IPRange{netipx.MustParseIPRange("10.0.0.0-10.0.255.255")}
	world := &World{Free: []*netipx.IPSet{pool.set()}}
	world.Now = world.Now.AddDate(2026, 0, 0)
	seen := map[netip.Prefix]bool{}
	for i := range 50 {
		ask := Ask{For: Holder{Owner: "promo/web/" + string(rune('А'+i)), Number: -1}, Count: 1, By: "x"}
		first, _, err := Book(pool, &Records{}, world, ask)
		if err != nil {
			t.Fatal(err)
		}
		again, _, _ := Book(pool, &Records{}, world, ask)
		if first.Bookings[0].Range != again.Bookings[0].Range {
			t.Errorf("%s gets %s and then %s", ask.For, first.Bookings[0].Range, again.Bookings[0].Range)
		}
		seen[first.Bookings[0].Range] = true
	}
	if len(seen) < 45 {
		t.Errorf("50 owners chose only %d addresses of 65536", len(seen))
	}
}
