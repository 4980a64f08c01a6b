//go:build !race

package ipaddr

import (
	"math/rand/v2"
	"slices"
	"testing"
)

// A set of spans agrees with a bool for each number.
func TestSpansAgreeWithBools(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	const size = 64
	for range 2000 {
		var oracle [size]bool
		var list []Span
		var grown Spans
		for range random.IntN(8) {
			first := random.IntN(size)
			last := min(size-1, first+random.IntN(12)-2)
			if last < 0 {
				continue
			}
			list = append(list, Span{Low(uint64(first)), Low(uint64(last))})
			for n := first; n <= last; n++ {
				oracle[n] = true
			}
			if last >= first {
				grown.Add(list[len(list)-1])
			}
		}
		merged := NewSpans(list)
		if !slices.Equal(merged, grown) {
			t.Fatalf("%v: merged %v, grown %v", list, merged, grown)
		}
		for n := range size {
			if merged.Contains(Low(uint64(n))) != oracle[n] {
				t.Fatalf("%v: %d: %v", list, n, merged)
			}
		}
		for range 10 {
			first := random.IntN(size)
			last := first + random.IntN(size-first)
			part, ok := merged.Meets(Span{Low(uint64(first)), Low(uint64(last))})
			want := slices.Index(oracle[first:last+1], true)
			if ok != (want >= 0) || ok && part.First.Lo != uint64(first+want) {
				t.Fatalf("%v meets %d-%d: %v %v, want %d", merged, first, last, part, ok, want)
			}
		}
	}
}
