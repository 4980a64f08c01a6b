package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/audit"
	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Audit is the answer to "do the directors have what the files promise?".
type Audit struct {
	// Items are those to tell, sorted by address; Counts has all that were looked at.
	Items  []audit.Item
	Counts map[audit.Verdict]int
	// Unjudged are promises and grants that could not be judged.
	Unjudged []plan.Claim
	// Snapshots are those of the directors that were audited, in their order.
	Snapshots []AuditSnapshot
	// Hidden are the blind spots that leave the answer open.
	Hidden   []*plan.BlindSpot
	Failures []trouble.Trouble
	// Stale is the server that does not answer, of which something is used that it said
	// before.
	Stale *lint.Stale
}

// AuditSnapshot is when a director was asked, and what it did not show.
type AuditSnapshot struct {
	Director  string
	Collected time.Time
	Unseen    []string
}

// WriteAudit writes the audit as text: a paragraph for each item, then what was
// counted. With a width, lines are broken to it.
func WriteAudit(w io.Writer, a Audit, options Options) error {
	t := &auditText{painter: color.Painter(options.Color), shown: options.shown}
	if options.Width > 0 {
		t.width = max(options.Width, minWidth)
	}
	for i := range a.Items {
		if i == mostItems {
			t.line("", "", fmt.Sprintf("and %d more: name a network or a CIDR to see a part, or write all with --format json or csv\n", len(a.Items)-i))
			break
		}
		t.item(&a.Items[i])
	}
	t.claims("", "not judged", a.Unjudged, mostUnjudged)
	tellSpots(a.Hidden, func(at, text string) { t.line("", "", at+": "+text) }, func(text string) { t.line("", "", text) })
	t.summary(a)
	_, err := w.Write(t.out.Bytes())
	return err
}

// How much a text has of an audit: items, owners on one side of an item, and what was not
// judged.
const (
	mostItems    = 1000
	mostOwners   = 20
	mostUnjudged = 100
)

type auditText struct {
	out     bytes.Buffer
	painter color.Painter
	width   int
	shown   func(string) string
}

// line writes text behind a lead; what does not fit stands below, indented by two
// more columns than the lead. The style is of the first words, up to a colon.
func (t *auditText) line(lead, style, text string) {
	width := 0
	if t.width > 0 {
		width = max(t.width-len(lead)-len("  "), minWidth/2)
	}
	for i, part := range wrap(t.shown(text), width) {
		if i > 0 {
			t.out.WriteString(lead + "  " + part + "\n")
			continue
		}
		if head, rest, ok := strings.Cut(part, ": "); ok && style != "" {
			part = t.painter.Paint(style, head) + ": " + rest
		}
		t.out.WriteString(lead + part + "\n")
	}
}

func (t *auditText) item(it *audit.Item) {
	t.line("", severityStyle(it.Severity), it.Verdict.String()+" "+plan.RangeText(it.Range)+": "+legible.Text(it.Explain()))
	t.claims("  ", "promised", it.Promised, mostOwners)
	t.claims("  ", "granted", it.Granted, mostOwners)
	t.claims("  ", "may go to", it.Rivals, mostOwners)
	if it.At.IsValid() {
		t.line("  ", bold, "file: "+position(it.At))
	}
	if cure := it.Cure(); cure != "" {
		t.line("  ", bold, "do: "+legible.Text(cure))
	}
	t.out.WriteByte('\n')
}

// claims writes one side of an item, or of none; of many claims the first.
func (t *auditText) claims(lead, side string, claims []plan.Claim, most int) {
	for i := range claims {
		if i == most {
			t.line(lead, bold, fmt.Sprintf("%s: and %d more", side, len(claims)-i))
			return
		}
		c := &claims[i]
		text := fmt.Sprintf("%s: %s %s", side, plan.RangeText(c.Range), legible.Text(c.Who()))
		if c.Owner().Network != "" && c.Kind.InUse() {
			text += ", network " + legible.Text(c.Owner().Network)
		}
		text += " (" + position(c.At)
		if c.At.Through != "" {
			text += " through ((" + legible.Text(c.At.Through) + "))"
		}
		t.line(lead, bold, text+")")
	}
}

// summary counts, and says how old the picture is.
func (t *auditText) summary(a Audit) {
	parts := make([]string, 0, len(audit.Verdicts()))
	for _, v := range audit.Verdicts() {
		parts = append(parts, fmt.Sprintf("%d %s", a.Counts[v], v))
	}
	text := strings.Join(parts, ", ")
	if n := len(a.Unjudged); n > 0 {
		text += fmt.Sprintf(", %d not judged", n)
	}
	if n := len(a.Failures); n > 0 {
		text += ", " + plural.Of(n, "failure")
	}
	t.line("", "", text+": "+plural.Of(len(a.Snapshots), "director"))
	if len(a.Snapshots) == 0 {
		return
	}
	oldest := a.Snapshots[0]
	for _, s := range a.Snapshots {
		if s.Collected.Before(oldest.Collected) {
			oldest = s
		}
	}
	of := legible.Text(oldest.Director)
	if len(a.Snapshots) > 1 {
		of += fmt.Sprintf(", the oldest of %d", len(a.Snapshots))
	}
	t.line("", "", "as of: "+oldest.Collected.Format(time.RFC3339)+" ("+of+")")
}
