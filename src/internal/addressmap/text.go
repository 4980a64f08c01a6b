package addressmap

import (
	"bytes"
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"slices"
	"strings"
	"unicode/utf8"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// TextOptions say how wide the map may be, and whether it may have colour.
type TextOptions struct {
	// Width is that of the terminal, in columns; 0 for no terminal.
	Width int
	Color bool
}

// SGR codes of what is no kind of claim.
const (
	conflictColor    = "1;31"
	barConflictColor = "1;97;41"
	unclaimedColor   = "2"
)

const (
	defaultWidth = 80
	leastCells   = 16
	leastNotes   = 10
	// mostConflicts is how many conflicts a segment names.
	mostConflicts = 10
	// mostSegments is how many segments a terminal shows.
	mostSegments = 500
	// mostBlocks is how many lines of blocks it shows, of all segments together.
	mostBlocks = 2000
)

// WriteText draws the map for a terminal: for each segment one line for each
// block, with a bar in which every sign stands for the same number of addresses.
func WriteText(w io.Writer, m *Map, options TextOptions) error {
	t := &text{width: options.Width, painter: color.Painter(options.Color), wrap: options.Width > 0, seen: map[rune]bool{}}
	if t.width <= 0 {
		t.width = defaultWidth
	}
	for i, s := range m.Segments {
		if i == mostSegments || t.blocks >= mostBlocks {
			t.out.WriteString("\n")
			t.line("and " + plural.Of(len(m.Segments)-i, "more segment") + ": name one, or a CIDR, to draw a part")
			break
		}
		if i > 0 {
			t.out.WriteString("\n")
		}
		t.segment(s)
	}
	if len(m.Segments) == 0 {
		t.out.WriteString("no addresses\n")
	}
	t.legend()
	_, err := w.Write(t.out.Bytes())
	return err
}

type text struct {
	out     bytes.Buffer
	width   int
	wrap    bool
	painter color.Painter
	seen    map[rune]bool // the signs that the legend has to explain
	// blocks counts those that are drawn.
	blocks int
}

func (t *text) segment(s *Segment) {
	t.header(s)
	drawn := s.Blocks[:min(len(s.Blocks), mostBlocks-t.blocks)]
	t.blocks += len(drawn)
	label := 0
	for _, b := range drawn {
		label = max(label, len(b.label()))
	}
	cells := leastCells
	for cells*2 <= t.width-label-leastNotes-4 && cells < BlockSize {
		cells *= 2
	}
	if len(s.Blocks) > 0 {
		t.line(strings.Repeat(" ", label+2) + ruler(cells, s.Blocks[0].Range.From().Is4()))
	}
	for i := range drawn {
		t.block(s, &drawn[i], label, cells)
	}
	if more := s.Blocks[len(drawn):]; len(more) > 0 {
		t.line(fmt.Sprintf("and %s from %s on: ipguard map CIDR draws a part", plural.Of(len(more), "more line"), more[0].Range.From()))
	}
	for i, c := range s.Conflicts {
		if i == mostConflicts {
			t.line(fmt.Sprintf("%c and %d more conflicts: ipguard lint tells them all", signConflict, len(s.Conflicts)-i))
			break
		}
		t.conflict(c)
	}
}

// painted is a text and its SGR code, or "".
type painted struct{ color, text string }

func (t *text) header(s *Segment) {
	parts := []painted{{"1", clean(s.Name)}}
	add := func(color, text string) { parts = append(parts, painted{color, text}) }
	if ranges := subnetRanges(s); ranges != "" && ranges != s.Name {
		add("", ranges)
	}
	if len(s.Directors) > 0 {
		add("", some(s.Directors, 4))
	}
	if s.Assumed {
		add("", "taken for one segment")
	}
	if n := len(s.Conflicts); n > 0 {
		add(conflictColor, plural.Of(n, "conflict"))
	}
	line, width := "", 0
	for _, part := range parts {
		n := utf8.RuneCountInString(part.text)
		switch {
		case line != "" && t.wrap && width+2+n > t.width:
			t.line(line)
			line, width = "  ", 2
		case line != "":
			line, width = line+"  ", width+2
		}
		line, width = line+t.painter.Paint(part.color, part.text), width+n
	}
	t.line(line)
}

// subnetRanges are the widest ranges of the segment's subnets.
func subnetRanges(s *Segment) string {
	var set netipx.IPSetBuilder
	for _, subnet := range s.Subnets {
		set.AddPrefix(subnet.Range)
	}
	var words []string
	for _, r := range built(&set).Ranges() {
		words = append(words, plan.RangeText(r))
	}
	return some(words, 3)
}

// some joins words; of many the first.
func some(words []string, most int) string {
	shown := words
	if len(words) > most+1 {
		shown = words[:most]
	}
	text := clean(strings.Join(shown, ", "))
	if len(shown) < len(words) {
		text += fmt.Sprintf(" and %d more", len(words)-most)
	}
	return text
}

// label names a block: its CIDR, or where a band begins.
func (b *Block) label() string {
	if b.Band {
		return b.Range.From().String() + " …"
	}
	return plan.RangeText(b.Range)
}

func (t *text) block(s *Segment, b *Block, label, cells int) {
	bar := make([]rune, cells)
	for i := range bar {
		bar[i] = signOutside
	}
	for i := b.First; i <= b.Last; i++ {
		span := &s.Spans[i]
		from, to := 0, cells-1
		if !b.Band {
			from, to = offset(b, span.Range.From())*cells/BlockSize, offset(b, span.Range.To())*cells/BlockSize
		}
		sign := s.sign(span)
		for j := from; j <= to; j++ {
			if precedence(sign) > precedence(bar[j]) {
				bar[j] = sign
			}
		}
	}
	padded := b.label() + strings.Repeat(" ", label-utf8.RuneCountInString(b.label()))
	notes := ""
	if room := t.width - label - cells - 4; room >= leastNotes {
		notes = "  " + cut(s.notes(b), room)
	}
	t.line(padded + "  " + t.paintBar(bar) + notes)
}

// offset is the number of an address in its block; below and above it, the first
// and the last.
func offset(b *Block, a netip.Addr) int {
	switch {
	case a.Less(b.Range.From()):
		return 0
	case b.Range.To().Less(a):
		return BlockSize - 1
	}
	bytes := a.AsSlice()
	return int(bytes[len(bytes)-1])
}

// sign is how a span is drawn.
func (s *Segment) sign(span *Span) rune {
	clash := s.ClashOf(span)
	if clash == UseClash {
		return signConflict
	}
	if len(span.Holdings) == 0 {
		return signUnclaimed
	}
	kind := s.Holdings[span.Holdings[0]].Kind
	if clash == PoolClash && kind.Pool() {
		return signOverlap
	}
	return lookOf(kind).sign
}

// precedence decides which of several signs a cell shows.
func precedence(sign rune) int {
	switch sign {
	case signOutside:
		return 0
	case signUnclaimed:
		return 1
	case signConflict:
		return 2*len(looks) + 4
	case signOverlap: // before pools, behind what is in use
		return 2*(len(looks)-slices.IndexFunc(looks, func(l look) bool { return l.kind.Pool() })) + 3
	}
	for i, l := range looks {
		if l.sign == sign {
			return 2 * (len(looks) - i + 1)
		}
	}
	return 1
}

// notes tell how many addresses of a block each director has, in use or to hand
// out; of a band, what it is.
func (s *Segment) notes(b *Block) string {
	if b.Band {
		span := &s.Spans[b.First]
		text := "to " + b.Range.To().String() + ": "
		if len(span.Holdings) == 0 {
			return text + "unclaimed"
		}
		h := s.Holdings[span.Holdings[0]]
		return text + lookOf(h.Kind).name + " of " + clean(ownerName(h.Owner()))
	}
	counts := map[string]*big.Int{}
	var names []string
	for i := b.First; i <= b.Last; i++ {
		size := plan.Size(plan.Intersection(s.Spans[i].Range, b.Range))
		for _, name := range s.holders(&s.Spans[i]) {
			if counts[name] == nil {
				counts[name] = new(big.Int)
				names = append(names, name)
			}
			counts[name].Add(counts[name], size)
		}
	}
	slices.Sort(names)
	var parts []string
	for _, name := range names {
		parts = append(parts, fmt.Sprintf("%s %s", clean(name), counts[name]))
	}
	return strings.Join(parts, ", ")
}

// holders are those who use the addresses of a span or may hand them out.
func (s *Segment) holders(span *Span) []string {
	var names []string
	for _, i := range span.Holdings {
		h := &s.Holdings[i]
		if name := ownerName(h.Owner()); (h.Kind.InUse() || h.Kind.Pool()) && !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	return names
}

func ownerName(o plan.Owner) string {
	switch {
	case o.Director != "":
		return o.Director
	case o.Deployment != "":
		return o.Deployment
	}
	return o.Property
}

func (t *text) conflict(c Conflict) {
	width := 0
	if t.wrap {
		width = t.width - 2
	}
	lead := t.painter.Paint(conflictColor, string(signConflict)) + " "
	for _, line := range wrapped(clean(c.Message)+" ["+c.Rule+"]", width) {
		t.line(lead + line)
		lead = "  "
	}
}

// wrapped breaks a text at blanks, such that no line is wider, if that is
// possible; 0 is any width.
func wrapped(text string, width int) []string {
	if width <= 0 {
		return []string{text}
	}
	var lines []string
	line := ""
	for _, word := range strings.Fields(text) {
		switch {
		case line == "":
			line = word
		case utf8.RuneCountInString(line)+1+utf8.RuneCountInString(word) <= width:
			line += " " + word
		default:
			lines, line = append(lines, line), word
		}
	}
	return append(lines, line)
}

// ruler marks quarters of a block above its bar.
func ruler(cells int, is4 bool) string {
	ticks := 4
	if cells < 32 {
		ticks = 2
	}
	var b strings.Builder
	for i := range ticks {
		mark := fmt.Sprintf(".%d", i*BlockSize/ticks)
		if !is4 {
			mark = fmt.Sprintf("%02x", i*BlockSize/ticks)
		}
		b.WriteString(mark + strings.Repeat(" ", cells/ticks-len(mark)))
	}
	return b.String()
}

// legend explains the signs that were used.
func (t *text) legend() {
	if len(t.seen) == 0 {
		return
	}
	line, width := "", 0
	add := func(sign rune, color, name string) {
		if !t.seen[sign] {
			return
		}
		n := 2 + utf8.RuneCountInString(name)
		switch {
		case width > 0 && width+3+n > t.width:
			t.line(line)
			line, width = "", 0
		case width > 0:
			line, width = line+"   ", width+3
		}
		line, width = line+t.painter.Paint(color, string(sign))+" "+name, width+n
	}
	t.out.WriteString("\n")
	add(signConflict, conflictColor, "conflict")
	add(signOverlap, conflictColor, "pools overlap")
	for _, l := range looks {
		add(l.sign, l.color, l.name)
	}
	add(signUnclaimed, unclaimedColor, "unclaimed")
	t.line(line)
}

func (t *text) line(s string) {
	t.out.WriteString(strings.TrimRight(s, " "))
	t.out.WriteByte('\n')
}

// paintBar colours runs of equal signs.
func (t *text) paintBar(bar []rune) string {
	var b strings.Builder
	for i := 0; i < len(bar); {
		j := i
		for j < len(bar) && bar[j] == bar[i] {
			j++
		}
		t.seen[bar[i]] = true
		run := string(bar[i:j])
		switch bar[i] {
		case signOutside:
			b.WriteString(run)
		case signUnclaimed:
			b.WriteString(t.painter.Paint(unclaimedColor, run))
		case signOverlap:
			b.WriteString(t.painter.Paint(conflictColor, run))
		case signConflict:
			b.WriteString(t.painter.Paint(barConflictColor, run))
		default:
			b.WriteString(t.painter.Paint(colorOf(bar[i]), run))
		}
		i = j
	}
	return b.String()
}

func colorOf(sign rune) string {
	for _, l := range looks {
		if l.sign == sign {
			return l.color
		}
	}
	return "0"
}

// cut shortens a text to a width.
func cut(s string, width int) string {
	if utf8.RuneCountInString(s) <= width {
		return s
	}
	return string([]rune(s)[:width-1]) + "…"
}

// clean is a name as a terminal may show it.
func clean(s string) string { return legible.Text(s) }
