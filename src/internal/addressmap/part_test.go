//go:build !race

package addressmap

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// TestPart holds that a part of a map says of each address in its blocks what the whole
// says, that it has all blocks of the range, and that its spans and blocks are right.
func TestPart(t *testing.T) {
	plans := 300
	if sharedtest.Short() {
		plans = 40
	}
	for seed := range uint64(plans) {
		r := rand.New(rand.NewPCG(seed, 4))
		m := randomPlan(r)
		whole, part := m.build(), m.build()
		a, b := r.IntN(8*256), r.IntN(8*256)
		at := func(n int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, byte(n >> 8), byte(n)}) }
		asked := netipx.IPRangeFrom(at(min(a, b)), at(max(a, b)))
		part.Within(asked)
		for _, s := range whole.Segments {
			i := slices.IndexFunc(part.Segments, func(p *Segment) bool { return p.Name == s.Name })
			if i < 0 {
				if slices.ContainsFunc(s.Blocks, func(b Block) bool { return b.Range.Overlaps(asked) }) {
					t.Fatalf("seed %d: segment %s is left out, and has addresses of %s", seed, s.Name, asked)
				}
				continue
			}
			checkPart(t, seed, s, part.Segments[i], asked)
		}
	}
}

func checkPart(t *testing.T, seed uint64, whole, part *Segment, asked netipx.IPRange) {
	t.Helper()
	checkBlocks(t, seed, part)
	for _, b := range whole.Blocks {
		has := slices.ContainsFunc(part.Blocks, func(p Block) bool { return p.Range == b.Range && p.Band == b.Band })
		if has != b.Range.Overlaps(asked) {
			t.Fatalf("seed %d: of %s, block %s is drawn: %t", seed, asked, b.Range, has)
		}
		for a := b.Range.From(); has && !b.Range.To().Less(a); a = a.Next() {
			if diff := cmp.Diff(saidOf(whole, a), saidOf(part, a)); diff != "" {
				t.Fatalf("seed %d: %s in part %s: (-whole +part)\n%s", seed, a, asked, diff)
			}
		}
	}
}

// saidOf is all that a segment says of an address.
func saidOf(s *Segment, a netip.Addr) []string {
	var list []string
	for _, h := range s.Holdings {
		if h.Range.Contains(a) {
			list = append(list, fmt.Sprint(h.Kind, h.Range, h.At))
		}
	}
	for _, span := range s.Spans {
		if !span.Range.Contains(a) {
			continue
		}
		list = append(list, span.Range.String())
		for _, i := range span.Holdings {
			list = append(list, fmt.Sprint(s.Holdings[i].Kind, s.Holdings[i].At))
		}
		for _, i := range span.Conflicts {
			list = append(list, s.Conflicts[i].Message)
		}
	}
	for _, subnet := range s.Subnets {
		if subnet.Range.Contains(a) {
			list = append(list, subnet.Label())
		}
	}
	slices.Sort(list)
	return list
}

// TestBounded holds that page and text do not grow with a map that is too large for them,
// say what they leave out, and still mark what they do not tell.
func TestBounded(t *testing.T) {
	sizes := map[int][2]int{}
	counts := []int{8_000, 12_000}
	if sharedtest.Short() {
		counts, sizes[12_000] = counts[:1], [2]int{}
	}
	for _, n := range counts {
		m := &Map{Directors: []string{"a"}}
		for i := range n {
			m.Segments = append(m.Segments, segmentOf(i, 1+i%3))
		}
		m.Segments = append(m.Segments, segmentOf(n, 2*n)) // more than there is room for by itself
		var page, text bytes.Buffer
		if err := WriteHTML(&page, m, PageOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteText(&text, m, TextOptions{}); err != nil {
			t.Fatal(err)
		}
		sizes[n] = [2]int{page.Len(), text.Len()}
		for _, want := range []string{" found no room here: ipguard map CIDR --html FILE draws a part", "are marked, and not told one by one"} {
			if !strings.Contains(page.String(), want) {
				t.Errorf("the page of %d segments lacks %q", n, want)
			}
		}
		if !strings.Contains(text.String(), " more segments: name one, or a CIDR, to draw a part") {
			t.Errorf("the text of %d segments does not say what it leaves out", n)
		}
		alone := &Map{Segments: m.Segments[n:]}
		text.Reset()
		if err := WriteText(&text, alone, TextOptions{}); err != nil || !strings.Contains(text.String(), " more lines from ") {
			t.Errorf("the text of a segment of %d blocks does not say what it leaves out: %v", 2*n, err)
		}
	}
	small, large := sizes[8_000], sizes[12_000]
	for i, what := range []string{"page", "text"} {
		if large[i] > small[i]+small[i]/50 || max(small[i], large[i]) > 5_000_000 {
			t.Errorf("the %s has %d bytes of 8,000 segments, and %d of 12,000", what, small[i], large[i])
		}
	}
	for _, s := range []*Segment{segmentOf(0, 3000).telling(0), segmentOf(0, 3000).telling(20)} {
		for i, span := range s.Spans {
			if len(span.Conflicts) != 1 || !slices.ContainsFunc(s.Conflicts[span.Conflicts[0]].Ranges, func(netipx.IPRange) bool { return true }) {
				t.Fatalf("span %d has conflicts %v of %d", i, span.Conflicts, len(s.Conflicts))
			}
		}
	}
}

// segmentOf is a segment of so many blocks, in each of which one address is a conflict.
func segmentOf(number, n int) *Segment {
	s := &Segment{Name: fmt.Sprintf("segment %d", number)}
	for i := range n {
		first := netip.AddrFrom4([4]byte{byte(10 + i>>16), byte(i >> 8), byte(i), 0})
		r := netipx.IPRangeFrom(first, first)
		s.Holdings = append(s.Holdings, Holding{Claim: plan.Claim{Range: r, Kind: plan.Static, Holder: &plan.Owner{Director: "a"}}})
		s.Conflicts = append(s.Conflicts, Conflict{Ranges: []netipx.IPRange{r}, Rule: "address-claimed-twice", Message: strings.Repeat("m", 100), Cure: strings.Repeat("c", 500)})
		s.Spans = append(s.Spans, Span{Range: r, Holdings: []int{i}, Conflicts: []int{i}})
	}
	s.Blocks = blocks(s.Spans)
	return s
}
