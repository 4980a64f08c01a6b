package bosh

import (
	"slices"
	"sort"

	"go4.org/netipx"
)

// span is an inclusive range of numbers.
type span struct{ first, last u128 }

func (a ipaddr) span() span { return span{a.base, a.last()} }

func (b Block) span() span { return span{numberOf(b.Range.From()), numberOf(b.Range.To())} }

// spans is a set of numbers of one family: sorted spans with gaps between them.
// A set of a million addresses in one range is one span.
type spans []span

// newSpans merges a list.
func newSpans(list []span) spans {
	list = slices.DeleteFunc(slices.Clone(list), func(s span) bool { return s.last.less(s.first) })
	slices.SortFunc(list, func(a, b span) int { return a.first.compare(b.first) })
	merged := list[:0]
	for _, s := range list {
		n := len(merged)
		if n == 0 || merged[n-1].last.less(s.first.dec()) && !s.first.isZero() {
			merged = append(merged, s)
		} else if merged[n-1].last.less(s.last) {
			merged[n-1].last = s.last
		}
	}
	return spans(merged)
}

// find returns the index of the first span that does not end before n.
func (s spans) find(n u128) int {
	return sort.Search(len(s), func(i int) bool { return !s[i].last.less(n) })
}

// contains reports whether n is in the set.
func (s spans) contains(n u128) bool {
	i := s.find(n)
	return i < len(s) && !n.less(s[i].first)
}

// meets returns the first part of r that is in the set.
func (s spans) meets(r span) (span, bool) {
	i := s.find(r.first)
	if i == len(s) || r.last.less(s[i].first) {
		return span{}, false
	}
	part := s[i]
	if part.first.less(r.first) {
		part.first = r.first
	}
	if r.last.less(part.last) {
		part.last = r.last
	}
	return part, true
}

// add puts one span into the set.
func (s *spans) add(r span) {
	below, above := r.first, r.last
	if !below.isZero() {
		below = below.dec()
	}
	if above != lowBits(128) {
		above = above.inc()
	}
	i := s.find(below)
	j := i
	for ; j < len(*s) && !above.less((*s)[j].first); j++ {
		if (*s)[j].first.less(r.first) {
			r.first = (*s)[j].first
		}
		if r.last.less((*s)[j].last) {
			r.last = (*s)[j].last
		}
	}
	*s = slices.Replace(*s, i, j, r)
}

// spanRange is a span as addresses of a family.
func spanRange(s span, v6 bool) netipx.IPRange {
	return netipx.IPRangeFrom(addrOf(s.first, v6), addrOf(s.last, v6))
}
