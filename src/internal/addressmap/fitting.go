package addressmap

import (
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plural"
)

// How much a page has: a browser has to hold it, and a person to look at it.
const (
	// mostWeight is that of all blocks together.
	mostWeight = 100_000
	// mostTold is how many conflicts are told one by one; of more it is only shown where
	// they are.
	mostTold = 1000
	// mostRanges is how many ranges one conflict names, mostFailures how many failures
	// the page.
	mostRanges   = 100
	mostFailures = 100
)

// fitting are the segments, or parts of them, that a page has room for; those with
// conflicts come first, and all stay in their order. lacks says what is left out, and how
// to see it; empty if nothing is.
func fitting(segments []*Segment) (shown []*Segment, lacks string) {
	parts := make([]*Segment, len(segments))
	room, blocks := mostWeight, 0
	for _, conflicts := range []bool{true, false} {
		for i, s := range segments {
			if (len(s.Conflicts) > 0) != conflicts {
				continue
			}
			n := 0
			for n < len(s.Blocks) && room > 0 {
				room -= s.weight(&s.Blocks[n])
				n++
			}
			if blocks += len(s.Blocks) - n; n > 0 || len(s.Blocks) == 0 {
				parts[i] = s.part(s.Blocks[:n])
			}
		}
	}
	told, untold := mostTold, 0
	for _, s := range parts {
		if s == nil {
			continue
		}
		if rest := len(s.Conflicts) - told; rest > 0 {
			s, untold = s.telling(told), untold+rest
		}
		told = max(0, told-len(s.Conflicts))
		shown = append(shown, s)
	}
	var words []string
	if n := len(segments) - len(shown); n > 0 {
		words = append(words, plural.Of(n, "segment"))
	}
	if blocks > 0 {
		words = append(words, plural.Of(blocks, "line")+" of ipguard map")
	}
	if len(words) > 0 {
		lacks = strings.Join(words, " and ") + " found no room here: ipguard map CIDR --html FILE draws a part. "
	}
	if untold > 0 {
		lacks += plural.Of(untold, "more conflict") + " are marked, and not told one by one: ipguard lint tells them."
	}
	return shown, strings.TrimSpace(lacks)
}

// telling is the segment with so many of its conflicts as they are; one stands for all
// others about pools, and one for all others.
func (s *Segment) telling(most int) *Segment {
	told := *s
	told.Conflicts = slices.Clone(s.Conflicts[:most])
	rest := map[bool]int{} // by whether they are about pools: the number of the one that stands for them
	for _, c := range s.Conflicts[most:] {
		n, ok := rest[c.Pools]
		if !ok {
			n = len(told.Conflicts)
			rest[c.Pools] = n
			told.Conflicts = append(told.Conflicts, Conflict{Pools: c.Pools, Rule: c.Rule, Severity: c.Severity, Message: "a conflict that ipguard lint tells"})
		}
		if other := &told.Conflicts[n]; len(other.Ranges) < mostRanges {
			other.Ranges = append(other.Ranges, c.Ranges...)
		}
	}
	told.Spans = slices.Clone(s.Spans)
	for i := range told.Spans {
		span := &told.Spans[i]
		var numbers []int
		for _, n := range span.Conflicts {
			if n >= most {
				n = rest[s.Conflicts[n].Pools]
			}
			if !slices.Contains(numbers, n) {
				numbers = append(numbers, n)
			}
		}
		span.Conflicts = numbers
	}
	return &told
}

// firstRanges are the first ranges of many, in words.
func firstRanges(ranges []netipx.IPRange) []string {
	var words []string
	for _, r := range ranges[:min(len(ranges), mostRanges)] {
		words = append(words, rangeWords(r))
	}
	return words
}
