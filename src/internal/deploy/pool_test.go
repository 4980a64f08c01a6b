//go:build !race

package deploy

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// A pool hands out the lowest block that is free, by a bool for each address,
// and counts as many as it can hand out.
func TestPoolsHandOutTheLowestFreeBlock(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const size = 64 // a /26, or the last 64 addresses of IPv6
	for range 3000 {
		s := randomSubnet(random, size)
		pool := newPool(s, bosh.Options{})
		var taken ipaddr.Spans
		used := make([]bool, size)
		for range random.IntN(6) {
			n := random.IntN(size)
			used[n] = true
			at := pool.block.Base.Plus(ipaddr.Low(uint64(n)))
			taken.Add(ipaddr.Span{First: at, Last: at})
		}
		blockSize := 1 << (pool.block.Width() - pool.bits())
		free := freeBlocks(s, used, size, blockSize)
		if got := pool.count(&taken); got != uint64(len(free)) {
			t.Fatalf("%+v: %d free, want %v", s, got, free)
		}
		for _, want := range free {
			a, ok := pool.allocate(&taken)
			if !ok || a.Base.Minus(pool.block.Base).Lo != uint64(want) || a.Bits != pool.bits() {
				t.Fatalf("%+v taken %v: %v %v, want +%d", s, used, a, ok, want)
			}
			taken.Add(a.Span())
		}
		if a, ok := pool.allocate(&taken); ok {
			t.Fatalf("%+v: %v beyond the last", s, a)
		}
	}
}

func randomSubnet(random *rand.Rand, size int) *bosh.Subnet {
	s := &bosh.Subnet{Range: netip.MustParsePrefix("10.0.0.192/26"), Prefix: 32 - random.IntN(3)}
	if random.IntN(3) == 0 {
		s = &bosh.Subnet{Range: netip.MustParsePrefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffc0/122"), Prefix: 128 - random.IntN(3)}
	}
	at := func(n int) netip.Addr {
		return ipaddr.AddrOf(ipaddr.NumberOf(s.Range.Addr()).Plus(ipaddr.Low(uint64(n))), s.Range.Addr().Is6())
	}
	s.Gateway = at(random.IntN(size))
	block := func() bosh.Block {
		first := random.IntN(size)
		return bosh.Block{Range: netipx.IPRangeFrom(at(first), at(min(size-1, first+random.IntN(8))))}
	}
	for range random.IntN(4) {
		s.Reserved = append(s.Reserved, block())
	}
	for range random.IntN(4) {
		s.Static = append(s.Static, block())
	}
	return s
}

// freeBlocks tells which blocks are free: all addresses are neither restricted
// nor used, and the first is not static.
func freeBlocks(s *bosh.Subnet, used []bool, size, blockSize int) []int {
	restricted, static := make([]bool, size), make([]bool, size)
	copy(restricted, used)
	restricted[0], restricted[size-1] = true, true
	for n := range size {
		a := ipaddr.AddrOf(ipaddr.NumberOf(s.Range.Addr()).Plus(ipaddr.Low(uint64(n))), s.Range.Addr().Is6())
		restricted[n] = restricted[n] || a == s.Gateway || slices.ContainsFunc(s.Reserved, func(b bosh.Block) bool { return b.Range.Contains(a) })
		static[n] = slices.ContainsFunc(s.Static, func(b bosh.Block) bool { return b.Range.Contains(a) })
	}
	var free []int
	for n := 0; n < size; n += blockSize {
		if !slices.Contains(restricted[n:n+blockSize], true) && !static[n] {
			free = append(free, n)
		}
	}
	return free
}
