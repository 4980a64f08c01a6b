package report

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Who is the answer to "who has these addresses?".
type Who struct {
	// Holders are in the order of the questions.
	Holders []answer.Holders
	// Changed says who changed a line last, if that is known.
	Changed func(place.Place) (Change, bool)
	// Hidden are the blind spots that may have one of the addresses.
	Hidden   []*plan.BlindSpot
	Failures []trouble.Trouble
	// Stale is the server that does not answer, of which something is used that it said
	// before.
	Stale *lint.Stale
}

// Change is the last change of a line. Commit is empty for a line that is not
// committed.
type Change struct {
	Author place.Name
	Commit string
	When   time.Time
}

// WriteWho writes the answer as text.
func WriteWho(w io.Writer, who Who, options Options) error {
	t := &whoText{painter: color.Painter(options.Color), changed: who.Changed}
	for i := range who.Holders {
		t.holders(&who.Holders[i], len(who.Failures) == 0)
	}
	tellSpots(who.Hidden, func(at, text string) {
		t.line(0, "%s: %s: nobody knows whether that takes it", at, text)
	}, func(text string) { t.line(0, "%s", text) })
	_, err := w.Write(t.out.Bytes())
	return err
}

// whoText lays out text: one paragraph for each question.
type whoText struct {
	out     bytes.Buffer
	painter color.Painter
	changed func(place.Place) (Change, bool)
	told    int // claims of the answer that is written
}

// mostClaims is how many claims the answer to one question names as text.
const mostClaims = 200

// line writes one line, indented by a number of steps.
func (t *whoText) line(steps int, format string, args ...any) {
	t.out.WriteString(strings.Repeat("  ", steps))
	fmt.Fprintf(&t.out, format+"\n", args...)
}

func (t *whoText) holders(h *answer.Holders, whole bool) {
	t.line(0, "%s: %s", t.painter.Paint(bold, legible.Text(h.Title())), t.painter.Paint(bold, standing(h, whole)))
	t.told = 0
	rest := 0
	for i := range h.Segments {
		if t.told == mostClaims {
			rest += len(h.Segments[i].Claims)
			continue
		}
		rest += t.segment(&h.Segments[i])
	}
	if rest > 0 {
		t.line(1, "and %d more %s; --format json has all", rest, plural.Noun(rest, "claim"))
	}
	if len(h.Segments) == 0 && h.Name == "" {
		t.line(1, "no network of the fleet contains it")
	}
	for _, p := range h.Pools {
		t.line(1, "delegated to %s (%s)", legible.Text(p.Label()), position(p.At))
	}
	for i := range h.Nearest {
		c := &h.Nearest[i]
		side := "behind it"
		if c.Range.To().Less(h.Asked.From()) {
			side = "before it"
		}
		t.line(1, "nearest %s, at a distance of %s:", side, h.Distance(c))
		t.claim(c)
	}
}

// standing is the headline of an answer: how many have part in the addresses. whole says
// that all could be read.
func standing(h *answer.Holders, whole bool) string {
	switch {
	case h.Name != "" && h.Nobody() && !whole:
		return "is not known to have an address, or to hand one out"
	case h.Name != "" && h.Nobody():
		return "has no address, and hands none out"
	case h.Nobody() && (len(h.Blind) > 0 || !whole):
		return "nobody is known to have it, or to hand it out"
	case h.Nobody():
		return "nobody has it, and nobody may hand it out"
	}
	var parts []string
	if n := h.InUse(); n > 0 && h.Name != "" {
		parts = append(parts, plural.Of(n, "claim")+" in use")
	} else if n > 0 {
		parts = append(parts, fmt.Sprintf("in use by %d", n))
	}
	if h.KeptByCloud() > 0 {
		parts = append(parts, "kept by the cloud")
	}
	if n := h.Infrastructure(); n > 0 {
		parts = append(parts, fmt.Sprintf("named as gateway or DNS server by %d", n))
	}
	if n := h.Booked(); n > 0 {
		parts = append(parts, fmt.Sprintf("booked by %d", n))
	}
	if n := h.MayHandOut(); n > 0 && h.Name != "" {
		parts = append(parts, plural.Of(n, "pool"))
	} else if n > 0 {
		parts = append(parts, "in "+plural.Of(n, "pool"))
	}
	return strings.Join(parts, ", ")
}

// segment writes the claims of one segment, and returns how many are left out.
func (t *whoText) segment(held *answer.Held) (rest int) {
	switch {
	case held.Name == "":
		t.line(1, "in a segment that is not known, so perhaps in any:")
	case held.Assumed:
		t.line(1, "segment %s (assumed: %s)", legible.Text(held.Name), legible.Text(held.Reason))
	default:
		t.line(1, "segment %s", legible.Text(held.Name))
	}
	if len(held.Claims) == 0 {
		t.line(2, "no claim; it lies in %s", legible.Text(labels(held.Subnets)))
	}
	for i := range held.Claims {
		if t.told == mostClaims {
			return len(held.Claims) - i
		}
		t.told++
		t.claim(&held.Claims[i])
	}
	return 0
}

func labels(subnets []*plan.Subnet) string {
	var words []string
	for _, s := range subnets {
		words = append(words, s.Label())
	}
	return strings.Join(words, ", ")
}

// claim writes one claim in two lines: what it is, and where it is written.
func (t *whoText) claim(c *plan.Claim) {
	what := kindText(c.Kind) + " " + plan.RangeText(c.Range)
	text := c.Who()
	switch {
	case c.Kind.Pool():
		text += " " + answer.PoolUse(c.Kind)
	case c.Kind == plan.Reserved:
		text += " never hands it out"
	case c.Kind == plan.CloudKept:
		text += " gives it to no VM"
	case c.Owner().Network != "" && c.Kind != plan.Gateway && c.Kind != plan.DNS:
		text += ", network " + c.Owner().Network
	}
	t.line(2, "%s: %s", t.painter.Paint(bold, what), legible.Text(text))
	where := position(c.At)
	if c.At.Through != "" {
		where += " through ((" + legible.Text(c.At.Through) + "))"
	}
	if t.changed != nil {
		if change, ok := t.changed(c.At); ok {
			where += ", " + changeText(change)
		}
	}
	t.line(3, "%s", where)
}

// shortCommit is how many digits of a commit's name are shown.
const shortCommit = 12

func changeText(c Change) string {
	if c.Commit == "" {
		return "changed and not committed"
	}
	return fmt.Sprintf("last changed by %s on %s in %s", legible.Text(c.Author.String()), c.When.Format(time.DateOnly), c.Commit[:min(shortCommit, len(c.Commit))])
}
