package plan

import (
	"iter"
	"slices"

	"go4.org/netipx"
)

// rangeIndex finds what overlaps a range among sorted things that have one: a tree in
// which the middle of each part knows how far the part reaches. However long some of the
// ranges are, a question costs no more than its answers and the logarithm of all.
type rangeIndex[T any] struct {
	items   []T
	rangeOf func(T) netipx.IPRange
	// furthest is, for the middle of each part, the item of the part that reaches furthest.
	furthest []int32
}

type claimIndex = rangeIndex[*Claim]

// newClaimIndex takes over the list. Claims of one first address keep their order.
func newClaimIndex(claims []*Claim) *claimIndex {
	claims = slices.DeleteFunc(claims, func(c *Claim) bool { return !c.Range.IsValid() })
	return newRangeIndex(claims, func(c *Claim) netipx.IPRange { return c.Range })
}

// newRangeIndex takes over the list, whose ranges are valid. What has one first address
// keeps its order.
func newRangeIndex[T any](items []T, rangeOf func(T) netipx.IPRange) *rangeIndex[T] {
	slices.SortStableFunc(items, func(a, b T) int { return rangeOf(a).From().Compare(rangeOf(b).From()) })
	x := &rangeIndex[T]{items: items, rangeOf: rangeOf, furthest: make([]int32, len(items))}
	x.measure(0, len(items))
	return x
}

// measure returns the item from lo to below hi that reaches furthest, if there is one.
func (x *rangeIndex[T]) measure(lo, hi int) (best int32) {
	middle := (lo + hi) / 2
	best = int32(middle)
	for _, part := range [][2]int{{lo, middle}, {middle + 1, hi}} {
		if part[0] < part[1] {
			if other := x.measure(part[0], part[1]); x.rangeOf(x.items[best]).To().Less(x.rangeOf(x.items[other]).To()) {
				best = other
			}
		}
	}
	if lo < hi {
		x.furthest[middle] = best
	}
	return best
}

// overlapping yields what overlaps r, by first addresses.
func (x *rangeIndex[T]) overlapping(r netipx.IPRange) iter.Seq[T] {
	return func(yield func(T) bool) { x.walk(0, len(x.items), r, yield) }
}

// walk yields what overlaps r of a part; it reports whether more is wanted.
func (x *rangeIndex[T]) walk(lo, hi int, r netipx.IPRange, yield func(T) bool) bool {
	middle := (lo + hi) / 2
	if lo >= hi || x.rangeOf(x.items[x.furthest[middle]]).To().Less(r.From()) {
		return true
	}
	if !x.walk(lo, middle, r, yield) {
		return false
	}
	own := x.rangeOf(x.items[middle])
	if r.To().Less(own.From()) {
		return true // so does all behind it
	}
	if !own.To().Less(r.From()) && !yield(x.items[middle]) {
		return false
	}
	return x.walk(middle+1, hi, r, yield)
}
