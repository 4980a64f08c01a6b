package addressmap

import (
	"cmp"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// rank orders kinds by what they tell about an address: who answers there, what
// it is for, who may hand it out, who keeps off.
func rank(k plan.Kind) int {
	return slices.IndexFunc(looks, func(l look) bool { return l.kind == k })
}

// Clash says how bad it is in a span.
type Clash uint8

// The clashes: of an address in use, or of pools that overlap.
const (
	NoClash Clash = iota
	PoolClash
	UseClash
)

// ClashOf returns the worst of a span's conflicts.
func (s *Segment) ClashOf(span *Span) Clash {
	worst := NoClash
	for _, i := range span.Conflicts {
		if !s.Conflicts[i].Pools {
			return UseClash
		}
		worst = PoolClash
	}
	return worst
}

// edge is where something begins or has just ended.
type edge struct {
	at     netip.Addr
	begins bool
	list   *[]int // of the sweep; nil for a subnet's range
	index  int
}

// sweep goes over the edges of everything in a segment.
type sweep struct {
	segment             *Segment
	subnets             int // open ranges of subnets
	holdings, conflicts []int
	spans               []Span
}

// spans cuts a segment at every address where a subnet, a holding or a conflict
// begins or ends.
func spans(s *Segment) []Span {
	w := &sweep{segment: s}
	var edges []edge
	add := func(r netipx.IPRange, list *[]int, index int) {
		edges = append(edges, edge{r.From(), true, list, index})
		if next := r.To().Next(); next.IsValid() {
			edges = append(edges, edge{next, false, list, index})
		}
	}
	for _, subnet := range s.Subnets {
		add(netipx.RangeOfPrefix(subnet.Range), nil, 0)
	}
	for i := range s.Holdings {
		add(s.Holdings[i].Range, &w.holdings, i)
	}
	for i := range s.Conflicts {
		for _, r := range s.Conflicts[i].Ranges {
			add(r, &w.conflicts, i)
		}
	}
	slices.SortStableFunc(edges, func(a, b edge) int { return a.at.Compare(b.at) })
	for i, e := range edges {
		w.pass(e)
		if i+1 < len(edges) && edges[i+1].at == e.at {
			continue
		}
		to := netipx.PrefixLastIP(netip.PrefixFrom(e.at, 0))
		if i+1 < len(edges) && edges[i+1].at.BitLen() == e.at.BitLen() {
			to = edges[i+1].at.Prev()
		}
		w.emit(netipx.IPRangeFrom(e.at, to))
		if i+1 < len(edges) && edges[i+1].at.BitLen() != e.at.BitLen() {
			w.subnets, w.holdings, w.conflicts = 0, nil, nil // of the other family nothing is open
		}
	}
	return w.spans
}

func (w *sweep) pass(e edge) {
	change := -1
	if e.begins {
		change = 1
	}
	if e.list == nil {
		w.subnets += change
		return
	}
	if e.begins {
		*e.list = append(*e.list, e.index)
	} else {
		*e.list = slices.DeleteFunc(*e.list, func(i int) bool { return i == e.index })
	}
}

// emit adds a span, unless nothing is there.
func (w *sweep) emit(r netipx.IPRange) {
	if w.subnets == 0 && len(w.holdings) == 0 {
		return
	}
	s := Span{Range: r, Holdings: slices.Clone(w.holdings), Conflicts: slices.Clone(w.conflicts)}
	slices.SortFunc(s.Holdings, func(a, b int) int {
		x, y := &w.segment.Holdings[a], &w.segment.Holdings[b]
		return cmp.Or(cmp.Compare(rank(x.Kind), rank(y.Kind)), cmp.Compare(x.Owner().Director, y.Owner().Director), cmp.Compare(a, b))
	})
	slices.Sort(s.Conflicts)
	if last := len(w.spans) - 1; last >= 0 && w.spans[last].Range.To().Next() == r.From() &&
		slices.Equal(w.spans[last].Holdings, s.Holdings) && slices.Equal(w.spans[last].Conflicts, s.Conflicts) {
		w.spans[last].Range = netipx.IPRangeFrom(w.spans[last].Range.From(), r.To())
		return
	}
	w.spans = append(w.spans, s)
}

// BlockSize is the number of addresses of a block: a /24, or a /120.
const BlockSize = 256

// Block is a block of BlockSize addresses, or a band: several neighbouring ones
// that are all alike.
type Block struct {
	// Range begins and ends at multiples of BlockSize.
	Range netipx.IPRange
	// First and Last are the indexes of the spans in it; a band has one.
	First, Last int
	Band        bool
}

// blocks cuts spans into blocks.
func blocks(spans []Span) []Block {
	var list []Block
	for i, s := range spans {
		first, last := blockOf(s.Range.From()), blockOf(s.Range.To())
		if n := len(list) - 1; n >= 0 && list[n].Range == first {
			list[n].Last = i // goes on where the span before ended
		} else {
			list = append(list, Block{Range: first, First: i, Last: i})
		}
		if first == last {
			continue
		}
		if first.To().Next() != last.From() {
			between := netipx.IPRangeFrom(first.To().Next(), last.From().Prev())
			list = append(list, Block{Range: between, First: i, Last: i, Band: between != blockOf(between.From())})
		}
		list = append(list, Block{Range: last, First: i, Last: i})
	}
	return joined(list, spans)
}

// joined makes bands of neighbouring blocks that one span fills.
func joined(list []Block, spans []Span) []Block {
	filled := func(b Block) bool {
		s := spans[b.First].Range
		return b.First == b.Last && !b.Range.From().Less(s.From()) && !s.To().Less(b.Range.To())
	}
	var result []Block
	for _, b := range list {
		n := len(result) - 1
		if n >= 0 && result[n].First == b.First && filled(result[n]) && filled(b) {
			result[n].Range = netipx.IPRangeFrom(result[n].Range.From(), b.Range.To())
			result[n].Band = true
			continue
		}
		result = append(result, b)
	}
	return result
}

func blockOf(a netip.Addr) netipx.IPRange {
	const bits = 8 // of BlockSize
	return netipx.RangeOfPrefix(netip.PrefixFrom(a, a.BitLen()-bits).Masked())
}
