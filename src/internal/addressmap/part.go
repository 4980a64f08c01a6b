package addressmap

import (
	"slices"

	"go4.org/netipx"
)

// Within leaves out the blocks that have no address of a range, and what lies in none of
// the others. A band stays whole.
func (m *Map) Within(r netipx.IPRange) {
	var segments []*Segment
	for _, s := range m.Segments {
		var blocks []Block
		for _, b := range s.Blocks {
			if b.Range.Overlaps(r) {
				blocks = append(blocks, b)
			}
		}
		if len(blocks) > 0 {
			segments = append(segments, s.part(blocks))
		}
	}
	m.Segments = segments
}

// part is the segment with some of its blocks, which are in their order, and with what
// lies in them.
func (s *Segment) part(blocks []Block) *Segment {
	if len(blocks) == len(s.Blocks) {
		return s
	}
	part := &Segment{Name: s.Name, Assumed: s.Assumed, Directors: s.Directors}
	holdings, conflicts := renumbering{}, renumbering{}
	last := -1 // the span of s that the part's last one is: two blocks may share one
	for _, b := range blocks {
		first := len(part.Spans)
		if b.First == last {
			first--
		}
		for i := b.First; i <= b.Last; i++ {
			if i == last {
				continue
			}
			span := s.Spans[i]
			part.Spans = append(part.Spans, Span{span.Range, holdings.of(span.Holdings), conflicts.of(span.Conflicts)})
		}
		last = b.Last
		part.Blocks = append(part.Blocks, Block{Range: b.Range, First: first, Last: len(part.Spans) - 1, Band: b.Band})
	}
	for _, i := range holdings.old {
		part.Holdings = append(part.Holdings, s.Holdings[i])
	}
	for _, i := range conflicts.old {
		c := s.Conflicts[i]
		c.Ranges = part.of(c.Ranges)
		part.Conflicts = append(part.Conflicts, c)
	}
	for _, subnet := range s.Subnets {
		if len(part.of([]netipx.IPRange{netipx.RangeOfPrefix(subnet.Range)})) > 0 {
			part.Subnets = append(part.Subnets, subnet)
		}
	}
	return part
}

// of are those of sorted ranges that have an address of some block, each whole.
func (s *Segment) of(ranges []netipx.IPRange) []netipx.IPRange {
	var list []netipx.IPRange
	for _, r := range ranges {
		i, _ := slices.BinarySearchFunc(s.Blocks, r, func(b Block, r netipx.IPRange) int { return b.Range.To().Compare(r.From()) })
		if i < len(s.Blocks) && s.Blocks[i].Range.Overlaps(r) {
			list = append(list, r)
		}
	}
	return list
}

// renumbering gives numbers that are used new ones, from 0 in the order of their first use.
type renumbering struct {
	new map[int]int
	old []int // by the new number
}

func (n *renumbering) of(numbers []int) []int {
	list := make([]int, len(numbers))
	for i, old := range numbers {
		if _, ok := n.new[old]; !ok {
			if n.new == nil {
				n.new = map[int]int{}
			}
			n.new[old] = len(n.old)
			n.old = append(n.old, old)
		}
		list[i] = n.new[old]
	}
	return list
}

// weight is how much there is to tell of a block.
func (s *Segment) weight(b *Block) int {
	n := 4 // of the block itself
	for i := b.First; i <= b.Last; i++ {
		n += 1 + len(s.Spans[i].Holdings) + len(s.Spans[i].Conflicts)
	}
	return n
}
