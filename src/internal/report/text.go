package report

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"
	"strings"
	"text/tabwriter"

	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

const (
	minWidth = 40
	// widthWithoutTerminal cuts source lines where the terminal's width is not
	// known: a manifest may be one line of JSON.
	widthWithoutTerminal = 160
)

func writeText(w io.Writer, result lint.Result, options Options) error {
	t := newTextReport(result, options)
	for _, f := range result.Findings {
		t.finding(f)
		t.line("")
	}
	for _, f := range result.Failures {
		t.failure(f)
	}
	if len(result.Failures) > 0 {
		t.line("")
	}
	if options.ShowAddresses {
		t.addresses(result.Addresses)
	}
	if options.Statistics {
		t.statistics(result.Findings)
	}
	if !options.Quiet {
		t.summary(result)
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

// textReport lays findings out for people. Every method writes whole lines.
type textReport struct {
	out     bytes.Buffer
	sources sources
	painter color.Painter
	// wrapAt is where prose is broken, cutAt where source lines are cut; in
	// columns, 0 for never.
	wrapAt, cutAt int
	shown         func(string) string
}

func newTextReport(result lint.Result, options Options) *textReport {
	t := &textReport{sources: newSources(result, options), painter: color.Painter(options.Color), cutAt: widthWithoutTerminal, shown: options.shown}
	if options.Width > 0 {
		t.wrapAt = max(options.Width, minWidth)
		t.cutAt = t.wrapAt
	}
	return t
}

func (t *textReport) line(s string) {
	t.out.WriteString(strings.TrimRight(s, " "))
	t.out.WriteByte('\n')
}

// finding writes the header, one block for each party, and the notes:
//
//	error[rule]: message
//	  --> file:14:17
//	   |
//	14 | source line
//	   |        ^^^^ label
//	   |
//	   = why: …
func (t *textReport) finding(f lint.Finding) {
	t.headline(severityStyle(f.Severity), f.Severity.String()+"["+legible.Text(f.Rule)+"]", legible.Text(f.Told()))
	shown := make([]*excerpt, len(f.Claims)) // nil where there is no line to show
	for i, party := range f.Claims {
		if e, ok := t.sources.excerpt(party.At); ok {
			shown[i] = &e
		}
	}
	g := t.gutterOf(f, shown)
	for i, party := range f.Claims {
		t.party(g, f.Severity, i, party, shown[i])
	}
	if len(f.Claims) > 0 && len(notes(f)) > 0 {
		t.line(g.empty)
	}
	for _, n := range notes(f) {
		t.note(g, n)
	}
}

// hang is how far the second line of a headline or a hint is indented.
const hang = 2

// headline writes "NAME: text", its name in a style, broken at the terminal's width.
func (t *textReport) headline(style, name, text string) {
	parts := []string{name + ": " + t.shown(text)} // what is broken is no longer found
	if t.wrapAt > 0 {
		parts = wrap(parts[0], t.wrapAt-hang)
	}
	for i, part := range parts {
		switch rest, whole := strings.CutPrefix(part, name); {
		case i > 0:
			t.line(strings.Repeat(" ", hang) + t.painter.Paint(bold, part))
		case whole:
			t.line(t.painter.Paint(style, name) + t.painter.Paint(bold, rest))
		default:
			t.line(t.painter.Paint(style, part))
		}
	}
}

// gutter is the column of line numbers of one finding.
type gutter struct {
	width int    // of the longest line number
	empty string // "   |"
}

func (t *textReport) gutterOf(f lint.Finding, shown []*excerpt) gutter {
	width := 1
	for i, c := range f.Claims {
		if shown[i] != nil {
			width = max(width, len(strconv.Itoa(c.At.Line)))
		}
	}
	return gutter{width, strings.Repeat(" ", width+1) + t.painter.Paint(faint, "|")}
}

// party writes one side: the first is marked with carets in the severity's
// colour, the others with dashes.
func (t *textReport) party(g gutter, severity lint.Severity, i int, p lint.Party, e *excerpt) {
	arrow, mark, style := "-->", "^", severityStyle(severity)
	if i > 0 {
		arrow, mark, style = ":::", "-", bold
		t.line(g.empty)
	}
	arrow = strings.Repeat(" ", g.width) + t.painter.Paint(faint, arrow)
	t.line(arrow + " " + cmp.Or(position(p.At), "(no place)"))
	text := label(p)
	if e == nil {
		if text != "" {
			t.below(g, 0, text, style)
		}
		return
	}
	t.line(g.empty)
	t.source(g, p.At, *e, mark, text, style)
}

// source writes a source line, the mark under it and the label beside the mark,
// or below it where there is no room.
func (t *textReport) source(g gutter, at place.Place, e excerpt, mark, text, style string) {
	room := t.cutAt - g.width - len(" | ")
	s := newSnippet(e, room)
	number := fmt.Sprintf("%*d ", g.width, at.Line)
	t.line(t.painter.Paint(faint, number+"|") + " " + s.text)
	marks := strings.Repeat(mark, s.markLen)
	before := g.empty + " " + strings.Repeat(" ", s.markAt)
	if n := textWidth(text); s.markAt+s.markLen+1+n <= room {
		t.line(before + t.painter.Paint(style, strings.TrimRight(marks+" "+text, " ")))
		return
	}
	t.line(before + t.painter.Paint(style, marks))
	t.below(g, min(s.markAt, max(room-textWidth(text), 0)), text, style)
}

// below writes a label on lines of its own, indented by a number of columns.
func (t *textReport) below(g gutter, indent int, text, style string) {
	for _, line := range wrap(t.shown(text), max(t.cutAt-g.width-len(" | ")-indent, 1)) {
		t.line(g.empty + " " + strings.Repeat(" ", indent) + t.painter.Paint(style, line))
	}
}

func (t *textReport) note(g gutter, n note) {
	lead := strings.Repeat(" ", g.width+1) + t.painter.Paint(faint, "=") + " " + t.painter.Paint(bold, n.name+":") + " "
	indent := g.width + 1 + len("= "+n.name+": ")
	for _, line := range lines(t.shown(n.text)) {
		wrapped := []string{line}
		if t.wrapAt > 0 && !(n.verbatim && (isPasteable(line) || !strings.Contains(line, " "))) {
			wrapped = wrap(line, max(t.wrapAt-indent, minWidth/2))
		}
		for _, part := range wrapped {
			t.line(lead + part)
			lead = strings.Repeat(" ", indent)
		}
	}
}

// WriteFailures writes what could not be read or decided, in the words of the
// text format, beside a result that is written elsewhere.
func WriteFailures(w io.Writer, failures []trouble.Trouble, options Options) error {
	t := newTextReport(lint.Result{}, options)
	for _, f := range trouble.Few(failures) {
		t.failure(f)
	}
	_, err := w.Write(t.out.Bytes())
	return err
}

func (t *textReport) failure(f trouble.Trouble) {
	text := legible.Text(f.Message)
	if at := position(f.At); at != "" {
		text = at + ": " + text
	}
	t.headline(red, "failure", text)
	if f.Excerpt != "" {
		number := strconv.Itoa(f.At.Line)
		s := newSnippet(excerpt{line: []rune(f.Excerpt)}, t.cutAt-len(number)-len("  | "))
		t.line("  " + t.painter.Paint(faint, number+" |") + " " + s.text)
	}
	lead := "  " + t.painter.Paint(bold, "hint:") + " "
	for _, line := range lines(t.shown(f.Hint)) {
		if line == "" {
			continue
		}
		broken := []string{line}
		if t.wrapAt > 0 && !isPasteable(line) {
			broken = wrap(line, t.wrapAt-len("  hint: "))
		}
		for _, part := range broken {
			t.line(lead + part)
			lead = strings.Repeat(" ", len("  hint: "))
		}
	}
}

// addresses writes the addresses that the deploy would take, as a table.
func (t *textReport) addresses(addresses []lint.Address) {
	if len(addresses) == 0 {
		t.line("this deploy would take no addresses that are known")
		t.line("")
		return
	}
	t.line("addresses that this deploy would take:")
	table := tabwriter.NewWriter(&t.out, 0, 0, 2, ' ', 0)
	unsure := false
	for _, a := range addresses {
		unsure = unsure || a.Unsure
		instance := "-"
		if a.InstanceGroup != "" {
			instance = legible.Text(a.InstanceGroup)
			if index := indexOf(a); index != nil {
				instance += "/" + strconv.Itoa(*index)
			}
		}
		fmt.Fprintf(table, "  %s\t%s\t%s\tnetwork %s\taz %s\n", addressText(a)+unsureMark(a), legible.Text(a.Kind),
			instance, cmp.Or(legible.Text(a.Network), "-"), cmp.Or(legible.Text(a.AZ), "-"))
	}
	table.Flush() // cannot fail: it writes into memory
	if unsure {
		t.line("  (?) or another one: instances without a VM may have this, and the director does not show it")
	}
	t.line("")
}

func unsureMark(a lint.Address) string {
	if a.Unsure {
		return " (?)"
	}
	return ""
}

// addressText is a predicted address; a block that is more than one address is
// written as a CIDR.
func addressText(a lint.Address) string {
	if a.IP.IsSingleIP() {
		return a.IP.Addr().String()
	}
	return a.IP.String()
}

// summary writes the last line. It says "no findings" only if everything could
// be seen: failures count there too.
// statistics counts the findings of each rule and severity, the worst and most
// frequent first.
func (t *textReport) statistics(findings []lint.Finding) {
	type kind struct {
		severity lint.Severity
		rule     string
	}
	counts := map[kind]int{}
	for _, f := range findings {
		of := kind{f.Severity, f.Rule}
		counts[of]++
		if f.More != nil {
			counts[of] += f.More.Findings
		}
	}
	kinds := slices.SortedFunc(maps.Keys(counts), func(a, b kind) int {
		return cmp.Or(cmp.Compare(b.severity, a.severity), cmp.Compare(counts[b], counts[a]), cmp.Compare(a.rule, b.rule))
	})
	for _, k := range kinds {
		t.line(fmt.Sprintf("%6d  %-7s  %s", counts[k], k.severity, legible.Text(k.rule)))
	}
	if len(kinds) > 0 {
		t.line("")
	}
}

func (t *textReport) summary(result lint.Result) {
	s := result.Summary
	var found []string
	count := func(n int, word, style string) {
		if n > 0 {
			found = append(found, t.painter.Paint(style, plural.Of(n, word)))
		}
	}
	count(s.Errors, "error", red)
	count(s.Warnings, "warning", magenta)
	count(s.Infos, "info", bold)
	if len(found) == 0 {
		found = append(found, "no findings")
	}
	count(len(result.Failures), "failure", red)
	if s.Accepted > 0 {
		found = append(found, fmt.Sprintf("%d accepted", s.Accepted))
	}
	t.line(fmt.Sprintf("%s: %s, %s, %s", strings.Join(found, ", "),
		plural.Of(s.Directors, "director"), plural.Of(s.Deployments, "deployment"), plural.Of(s.Claims, "claim")))
	if e := result.Elsewhere; e != nil && e.Errors > 0 {
		t.line(fmt.Sprintf("between others alone: %s, see %s", plural.Of(e.Errors, "error"), t.shown(e.Page())))
	}
}
