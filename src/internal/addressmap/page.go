package addressmap

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

//go:embed page/page.html
var pageHTML string

//go:embed page/style.css
var pageCSS string

//go:embed page/script
var scripts embed.FS

// scriptParts are the files of the page's script, in their order. They share one
// scope, which is theirs alone.
var scriptParts = []string{"data.js", "looks.js", "segments.js", "grids.js", "search.js", "start.js"}

// pageScript draws the data of the page.
func pageScript() (string, error) {
	var b strings.Builder
	b.WriteString("\"use strict\";\n(() => {\n")
	for _, name := range scriptParts {
		part, err := scripts.ReadFile("page/script/" + name)
		if err != nil {
			return "", err
		}
		b.Write(part)
	}
	b.WriteString("})();\n")
	return b.String(), nil
}

// PageOptions are what a page says beside the map.
type PageOptions struct {
	// Version is the program's.
	Version string
	// Made is when the page was made; the zero time where that is not said. Commit is
	// the one that the fleet's files were at, with a word about what was changed since;
	// empty if they are in no repository.
	Made   time.Time
	Commit string
	// Failures are what could not be read; the map lacks it, and says so.
	Failures []trouble.Trouble
	// Hidden counts the values that hide behind variables.
	Hidden int
}

// WriteHTML writes the map as one page that loads nothing. Its script and its
// style are allowed by their hashes in a Content-Security-Policy, so that nothing
// else in it can ever run; what comes from files is data, escaped as JSON, and
// the script only sets it as text.
func WriteHTML(w io.Writer, m *Map, options PageOptions) error {
	data, err := json.Marshal(newPage(m, options))
	if err != nil {
		return fmt.Errorf("encode the map: %w", err)
	}
	script, err := pageScript()
	if err != nil {
		return err
	}
	policy := fmt.Sprintf("default-src 'none'; script-src '%s'; style-src '%s'; base-uri 'none'; form-action 'none'", hashOf(script), hashOf(pageCSS))
	_, err = strings.NewReplacer("{{policy}}", policy, "{{style}}", pageCSS, "{{script}}", script, "{{data}}", shownData(data)).WriteString(w, pageHTML)
	return err
}

// shownData writes out, in the texts of JSON, what is invisible or turns the reading
// direction, as all other reports do: a name could show the rest of its line backwards.
func shownData(data []byte) string {
	text := string(data)
	if legible.Text(text) == text {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		shown := legible.Text(string(r))
		if shown != string(r) {
			b.WriteByte('\\') // of the backslash that follows
		}
		b.WriteString(shown)
	}
	return b.String()
}

// hashOf is a source expression of CSP (W3C CSP level 3, section 2.3.1).
func hashOf(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "sha256-" + base64.StdEncoding.EncodeToString(sum[:])
}

// The types below are the data of the page. Names are short since they stand
// there thousands of times; page/script is their only reader.

type page struct {
	Version   string      `json:"version"`
	Made      string      `json:"made,omitempty"`
	Commit    string      `json:"commit,omitempty"`
	Failures  []string    `json:"failures,omitempty"`
	Hidden    int         `json:"hidden"`
	Kinds     []pageKind  `json:"kinds"`
	Owners    [][5]string `json:"owners"` // director, deployment, group, network, property
	Files     []string    `json:"files"`
	Directors []string    `json:"directors"`
	// Count is how many segments there are, Clashes how many conflicts, Lacks what of
	// them the page has not.
	Count    int           `json:"count"`
	Clashes  int           `json:"clashes"`
	Lacks    string        `json:"lacks,omitempty"`
	Segments []pageSegment `json:"segments"`
}

type pageKind struct {
	ID       string `json:"id"`
	Sign     string `json:"sign"`
	Name     string `json:"name"`
	Sentence string `json:"sentence"`
	// Is is use, reference, pool or reserved.
	Is string `json:"is"`
}

type pageSegment struct {
	Name      string         `json:"n"`
	Assumed   bool           `json:"a,omitempty"`
	Ranges    string         `json:"r"`
	Subnets   [][4]string    `json:"t"` // range, director, network, deployment
	Directors []int          `json:"d"`
	Holdings  []pageHolding  `json:"h"`
	Conflicts []pageConflict `json:"c"`
	Blocks    []pageBlock    `json:"b"`
}

// pageHolding is [kind, owner, range, file, line, last line, index of the first
// instance].
type pageHolding [7]any

// pageConflict is [rule, message, ranges, 1 for overlapping pools, cure].
type pageConflict [5]any

// pageBlock is [label, stem, high, band, spans]. The address number n of a block
// is stem followed by n, or, for IPv6, by high*256+n in hexadecimal; high is -1
// for IPv4. A span is [first, length, holdings, conflicts]; that of a band
// stands for all of it.
type pageBlock [5]any

func newPage(m *Map, options PageOptions) *page {
	p := &page{Version: options.Version, Hidden: options.Hidden, Directors: m.Directors, Segments: []pageSegment{}}
	p.Commit = options.Commit
	if !options.Made.IsZero() {
		p.Made = options.Made.UTC().Format("2006-01-02 15:04 UTC")
	}
	for i, f := range options.Failures {
		if i == mostFailures {
			p.Failures = append(p.Failures, fmt.Sprintf("and %d more", len(options.Failures)-i))
			break
		}
		text := f.Message
		if f.At.IsValid() {
			text = f.At.String() + ": " + text
		}
		p.Failures = append(p.Failures, text)
	}
	kinds := map[plan.Kind]int{}
	for i, l := range looks {
		kinds[l.kind] = i
		p.Kinds = append(p.Kinds, pageKind{ID: l.kind.String(), Sign: string(l.sign), Name: l.name, Sentence: l.sentence, Is: classOf(l.kind)})
	}
	owners, files, directors := table[[5]string]{}, table[string]{}, table[string]{}
	for _, d := range m.Directors {
		directors.index(d)
	}
	p.Count = len(m.Segments)
	for _, s := range m.Segments {
		p.Clashes += len(s.Conflicts)
	}
	shown, lacks := fitting(m.Segments)
	p.Lacks = lacks
	for _, s := range shown {
		p.Segments = append(p.Segments, newPageSegment(s, kinds, &owners, &files, &directors))
	}
	p.Owners, p.Files = owners.list, files.list
	return p
}

func classOf(k plan.Kind) string {
	switch {
	case k.InUse():
		return "use"
	case k.Pool():
		return "pool"
	case k == plan.Reserved:
		return "reserved"
	case k == plan.Hidden:
		return "pool" // somebody may take it at any time
	}
	return "reference"
}

// table numbers values.
type table[T comparable] struct {
	list    []T
	numbers map[T]int
}

func (t *table[T]) index(v T) int {
	if i, ok := t.numbers[v]; ok {
		return i
	}
	if t.numbers == nil {
		t.numbers = map[T]int{}
	}
	t.numbers[v] = len(t.list)
	t.list = append(t.list, v)
	return t.numbers[v]
}

func newPageSegment(s *Segment, kinds map[plan.Kind]int, owners *table[[5]string], files, directors *table[string]) pageSegment {
	ps := pageSegment{Name: s.Name, Assumed: s.Assumed, Ranges: subnetRanges(s),
		Subnets: [][4]string{}, Directors: []int{}, Holdings: []pageHolding{}, Conflicts: []pageConflict{}, Blocks: []pageBlock{}}
	for _, d := range s.Directors {
		ps.Directors = append(ps.Directors, directors.index(d))
	}
	for _, t := range s.Subnets {
		ps.Subnets = append(ps.Subnets, [4]string{t.Range.Masked().String(), t.Director, t.Network, t.Deployment})
	}
	for i := range s.Holdings {
		h := &s.Holdings[i]
		o := h.Owner()
		ps.Holdings = append(ps.Holdings, pageHolding{
			kinds[h.Kind], owners.index([5]string{o.Director, o.Deployment, o.InstanceGroup, o.Network, o.Property}),
			rangeWords(h.Range), files.index(h.At.File), h.At.Line, h.LastLine, h.Index,
		})
	}
	for _, c := range s.Conflicts {
		pools := 0
		if c.Pools {
			pools = 1
		}
		ps.Conflicts = append(ps.Conflicts, pageConflict{c.Rule, c.Message, firstRanges(c.Ranges), pools, c.Cure})
	}
	for i := range s.Blocks {
		ps.Blocks = append(ps.Blocks, newPageBlock(s, &s.Blocks[i]))
	}
	return ps
}

// rangeWords is one address, or first-last.
func rangeWords(r netipx.IPRange) string {
	if r.From() == r.To() {
		return r.From().String()
	}
	return r.String()
}

func newPageBlock(s *Segment, b *Block) pageBlock {
	label := plan.RangeText(b.Range)
	stem, high := stemOf(b)
	var cells [][4]any
	for i := b.First; i <= b.Last; i++ {
		span := &s.Spans[i]
		from := offset(b, span.Range.From())
		cells = append(cells, [4]any{from, offset(b, span.Range.To()) - from + 1, notNil(span.Holdings), notNil(span.Conflicts)})
	}
	band := 0
	if b.Band {
		band = 1
	}
	return pageBlock{label, stem, high, band, cells}
}

func notNil(list []int) []int {
	if list == nil {
		return []int{}
	}
	return list
}

// stemOf returns what the texts of all addresses of a block begin with. That of
// the address number 1 ends in a number that is not 0 and so never shortened.
func stemOf(b *Block) (stem string, high int) {
	from := b.Range.From()
	text := from.Next().String()
	if from.Is4() {
		return text[:strings.LastIndexByte(text, '.')+1], -1
	}
	bytes := from.As16()
	return text[:strings.LastIndexByte(text, ':')+1], int(bytes[14])
}
