package ipaddr

import (
	"slices"
	"sort"

	"go4.org/netipx"
)

// Span is an inclusive range of numbers.
type Span struct{ First, Last Number }

// Span is the block as numbers.
func (a Addr) Span() Span { return Span{a.Base, a.Last()} }

// Spans is a set of numbers of one family: sorted spans with gaps between them.
// A set of a million addresses in one range is one span.
type Spans []Span

// NewSpans merges a list.
func NewSpans(list []Span) Spans {
	list = slices.DeleteFunc(slices.Clone(list), func(s Span) bool { return s.Last.Less(s.First) })
	slices.SortFunc(list, func(a, b Span) int { return a.First.compare(b.First) })
	merged := list[:0]
	for _, s := range list {
		n := len(merged)
		if n == 0 || merged[n-1].Last.Less(s.First.Dec()) && !s.First.IsZero() {
			merged = append(merged, s)
		} else if merged[n-1].Last.Less(s.Last) {
			merged[n-1].Last = s.Last
		}
	}
	return Spans(merged)
}

// Find returns the index of the first span that does not end before n.
func (s Spans) Find(n Number) int {
	return sort.Search(len(s), func(i int) bool { return !s[i].Last.Less(n) })
}

// Contains reports whether n is in the set.
func (s Spans) Contains(n Number) bool {
	i := s.Find(n)
	return i < len(s) && !n.Less(s[i].First)
}

// Meets returns the first part of r that is in the set.
func (s Spans) Meets(r Span) (Span, bool) {
	i := s.Find(r.First)
	if i == len(s) || r.Last.Less(s[i].First) {
		return Span{}, false
	}
	part := s[i]
	if part.First.Less(r.First) {
		part.First = r.First
	}
	if r.Last.Less(part.Last) {
		part.Last = r.Last
	}
	return part, true
}

// Add puts one span into the set.
func (s *Spans) Add(r Span) {
	below, above := r.First, r.Last
	if !below.IsZero() {
		below = below.Dec()
	}
	if above != LowBits(128) {
		above = above.Inc()
	}
	i := s.Find(below)
	j := i
	for ; j < len(*s) && !above.Less((*s)[j].First); j++ {
		if (*s)[j].First.Less(r.First) {
			r.First = (*s)[j].First
		}
		if r.Last.Less((*s)[j].Last) {
			r.Last = (*s)[j].Last
		}
	}
	*s = slices.Replace(*s, i, j, r)
}

// RangeOf is a span as addresses of a family.
func RangeOf(s Span, v6 bool) netipx.IPRange {
	return netipx.IPRangeFrom(AddrOf(s.First, v6), AddrOf(s.Last, v6))
}
