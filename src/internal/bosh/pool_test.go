package bosh

import (
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"

	"go4.org/netipx"
)

// A set of spans agrees with a bool for each number.
func TestSpansAgreeWithBools(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const size = 64
	for range 2000 {
		var oracle [size]bool
		var list []span
		var grown spans
		for range random.IntN(8) {
			first := random.IntN(size)
			last := min(size-1, first+random.IntN(12)-2)
			if last < 0 {
				continue
			}
			list = append(list, span{u128{0, uint64(first)}, u128{0, uint64(last)}})
			for n := first; n <= last; n++ {
				oracle[n] = true
			}
			if last >= first {
				grown.add(list[len(list)-1])
			}
		}
		merged := newSpans(list)
		if !slices.Equal(merged, grown) {
			t.Fatalf("%v: merged %v, grown %v", list, merged, grown)
		}
		for n := range size {
			if merged.contains(u128{0, uint64(n)}) != oracle[n] {
				t.Fatalf("%v: %d: %v", list, n, merged)
			}
		}
		for range 10 {
			first := random.IntN(size)
			last := first + random.IntN(size-first)
			part, ok := merged.meets(span{u128{0, uint64(first)}, u128{0, uint64(last)}})
			want := slices.Index(oracle[first:last+1], true)
			if ok != (want >= 0) || ok && part.first.lo != uint64(first+want) {
				t.Fatalf("%v meets %d-%d: %v %v, want %d", merged, first, last, part, ok, want)
			}
		}
	}
}

// A pool hands out the lowest block that is free, by a bool for each address,
// and counts as many as it can hand out.
func TestPoolsHandOutTheLowestFreeBlock(t *testing.T) {
	random := rand.New(rand.NewPCG(3, 4))
	const size = 64 // a /26, or the last 64 addresses of IPv6
	for range 3000 {
		s := randomSubnet(random, size)
		pool := newPool(s, Options{})
		var taken spans
		used := make([]bool, size)
		for range random.IntN(6) {
			n := random.IntN(size)
			used[n] = true
			at := pool.block.base.plus(u128{0, uint64(n)})
			taken.add(span{at, at})
		}
		blockSize := 1 << (pool.block.width() - pool.bits())
		free := freeBlocks(s, used, size, blockSize)
		if got := pool.count(&taken); got != uint64(len(free)) {
			t.Fatalf("%+v: %d free, want %v", s, got, free)
		}
		for _, want := range free {
			a, ok := pool.allocate(&taken)
			if !ok || a.base.minus(pool.block.base).lo != uint64(want) || a.bits != pool.bits() {
				t.Fatalf("%+v taken %v: %v %v, want +%d", s, used, a, ok, want)
			}
			taken.add(a.span())
		}
		if a, ok := pool.allocate(&taken); ok {
			t.Fatalf("%+v: %v beyond the last", s, a)
		}
	}
}

func randomSubnet(random *rand.Rand, size int) *Subnet {
	s := &Subnet{Range: netip.MustParsePrefix("10.0.0.192/26"), Prefix: 32 - random.IntN(3)}
	if random.IntN(3) == 0 {
		s = &Subnet{Range: netip.MustParsePrefix("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffc0/122"), Prefix: 128 - random.IntN(3)}
	}
	at := func(n int) netip.Addr {
		return addrOf(numberOf(s.Range.Addr()).plus(u128{0, uint64(n)}), s.Range.Addr().Is6())
	}
	s.Gateway = at(random.IntN(size))
	block := func() Block {
		first := random.IntN(size)
		return Block{Range: netipx.IPRangeFrom(at(first), at(min(size-1, first+random.IntN(8))))}
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
func freeBlocks(s *Subnet, used []bool, size, blockSize int) []int {
	restricted, static := make([]bool, size), make([]bool, size)
	copy(restricted, used)
	restricted[0], restricted[size-1] = true, true
	for n := range size {
		a := addrOf(numberOf(s.Range.Addr()).plus(u128{0, uint64(n)}), s.Range.Addr().Is6())
		restricted[n] = restricted[n] || a == s.Gateway || slices.ContainsFunc(s.Reserved, func(b Block) bool { return b.Range.Contains(a) })
		static[n] = slices.ContainsFunc(s.Static, func(b Block) bool { return b.Range.Contains(a) })
	}
	var free []int
	for n := 0; n < size; n += blockSize {
		if !slices.Contains(restricted[n:n+blockSize], true) && !static[n] {
			free = append(free, n)
		}
	}
	return free
}
