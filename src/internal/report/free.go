package report

import (
	"fmt"
	"io"
	"math/big"
	"net/netip"
	"slices"
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

// Free is the answer to "which addresses may I take?", with what it rests on.
type Free struct {
	Question answer.Question
	answer.Offers
	// Verdicts are set, in place of offers, where single addresses were asked about.
	Verdicts []answer.Verdict
	// Files are all that the answer was made from, and Scans what was seen on the
	// wire besides.
	Files []string
	Said  []Said
	Scans []Scanned
	// Server is what told of others, and AsOf when it did; empty: there is none.
	Server string
	AsOf   time.Time
	// Stale is the server that does not answer, of which something is used that it said
	// before; nil where there is none.
	Stale *lint.Stale
	// Withheld says that addresses are not named because something could not be
	// read: one of them may be taken.
	Withheld bool
	// Hidden are the blind spots that leave the answer open.
	Hidden   []*plan.BlindSpot
	Failures []trouble.Trouble
}

// Said is a snapshot that an answer rests on.
type Said struct {
	Director, File string
	Collected      time.Time
	// Unseen says what the director did not show.
	Unseen []string
}

// text is "promo.json: what director promo said at 2026-11-26T09:00:00Z; it did not show …".
func (s Said) text() string {
	text := fmt.Sprintf("%s: what director %s said at %s", legible.Text(s.File), legible.Text(s.Director), s.Collected.UTC().Format(time.RFC3339))
	if len(s.Unseen) > 0 {
		text += "; it did not show " + legible.Text(strings.Join(s.Unseen, "; ")) + ": what is there may be in use"
	}
	return text
}

// Scanned is a scan of the wire that an answer rests on.
type Scanned struct {
	File      string
	Prefix    netip.Prefix
	Segment   string // empty if that was not told
	Interface string
	Answered  int
	Finished  time.Time
	// Age is how long ago that was; negative if another clock said so.
	Age time.Duration
	// Stale says that much may have changed since.
	Stale bool
}

// WriteFree writes the answer as text: the addresses, one a line, and below
// them what is known of all of them.
func WriteFree(w io.Writer, f Free, options Options) error {
	t := &freeText{Free: f, page: page{painter: color.Painter(options.Color)}}
	switch {
	case f.Verdicts != nil:
		for i := range f.Verdicts {
			t.verdict(&f.Verdicts[i])
		}
	case f.Withheld:
		t.line("%s", t.painter.Paint(bold, "no address is named: something could not be read, so that any of them may be taken"))
	default:
		t.offers()
	}
	t.evidence()
	_, err := w.Write(t.out.Bytes())
	return err
}

type freeText struct {
	Free
	page
}

func (t *freeText) offers() {
	t.column(func(yield func(address, text string) bool) {
		for _, o := range t.Offers.Offers {
			if !yield(o.Address.String(), t.origin(o)) {
				return
			}
		}
	})
	if len(t.Offers.Offers) < t.Question.Count {
		t.shortage()
	}
}

// origin says why just this address may be taken.
func (t *freeText) origin(o answer.Offer) string {
	var parts []string
	if o.Static != nil {
		parts = append(parts, fmt.Sprintf("static address of %s (%s)", legible.Text(o.Static.Subnet.Label()), position(o.Static.At)))
	}
	if o.Pool != nil {
		parts = append(parts, fmt.Sprintf("delegated to %s (%s)", legible.Text(o.Pool.Label()), position(o.Pool.At)))
	}
	for _, c := range o.KeptOff {
		parts = append(parts, fmt.Sprintf("kept off by %s (%s)", legible.Text(c.Who()), position(c.At)))
	}
	if len(parts) == 0 {
		return "named in no file"
	}
	return strings.Join(parts, "; ")
}

// shortage says what became of all other addresses.
func (t *freeText) shortage() {
	if len(t.Offers.Offers) > 0 {
		t.line("")
	}
	text := fmt.Sprintf("only %d of the %d asked for", len(t.Offers.Offers), t.Question.Count)
	switch {
	case t.Question.Contiguous && t.Left.Sign() > 0:
		text = fmt.Sprintf("no run of %s is free; single ones are: %s", plural.Of(t.Question.Count, "address"), t.Left)
	case len(t.Offers.Offers) == 0:
		text = "no address is free"
	}
	t.line("%s", t.painter.Paint(bold, text))
	for _, c := range t.Tally {
		t.line("  %s %s", c.Size, TallyText(c.Reason, c.Size))
	}
	tellSpots(t.Hidden, func(at, text string) { t.line("  %s (%s)", text, at) }, func(text string) { t.line("  %s", text) })
}

// TallyText says what keeps a number of addresses from being offered.
func TallyText(r answer.Reason, n *big.Int) string {
	one := n.IsInt64() && n.Int64() == 1
	choose := func(singular, plural string) string {
		if one {
			return singular
		}
		return plural
	}
	switch r {
	case answer.ReasonEdge:
		return choose("is the first or the last of a subnet", "are the first or the last of a subnet")
	case answer.ReasonInUse:
		return choose("is in use", "are in use")
	case answer.ReasonInfrastructure:
		return choose("is a gateway, a DNS server or kept by the cloud", "are gateways, DNS servers or kept by the cloud")
	case answer.ReasonBooked:
		return choose("is booked, or rests after that", "are booked, or rest after that")
	case answer.ReasonPool:
		return "may be handed out by a director"
	case answer.ReasonUnsure:
		return choose("may be somebody's who hides", "may be those of somebody who hides")
	case answer.ReasonAnswered:
		return "answered when scanned"
	case answer.ReasonUnscanned:
		return choose("was", "were") + " not scanned, or answered by a station that answers for everything"
	case answer.ReasonNotDelegated:
		return choose("is", "are") + " not delegated by a pool that was asked for"
	}
	return r.String()
}

// mostSegments is how many segments an answer names.
const mostSegments = 100

// evidence says what the whole answer rests on.
func (t *freeText) evidence() {
	t.line("")
	for _, s := range t.Segments[:min(len(t.Segments), mostSegments)] {
		text := "segment: " + legible.Text(s.Name)
		if s.Assumed {
			text += " (assumed: " + legible.Text(s.Reason) + ")"
		}
		t.line("%s", text)
	}
	if more := len(t.Segments) - mostSegments; more > 0 {
		t.line("and %d more segments", more)
	}
	if t.Verdicts == nil && !t.Withheld && len(t.Offers.Offers) > 0 {
		t.line("declared by nobody: not among the addresses in use there (%d)", t.InUse)
		t.line("handed out by nobody: in no range that a director may hand out there (%d)", t.Owned)
		if t.keptOff() {
			t.line("kept off: no director hands it out, but somebody had a reason to reserve it; ask whoever wrote the line")
		}
		t.line("left: %s", t.Left)
	}
	for _, s := range t.Scans {
		t.line("%s", s.text())
	}
	if len(t.Scans) > 0 && t.Verdicts == nil && !t.Withheld && len(t.Offers.Offers) > 0 {
		t.line("silent when scanned: but who hides, or was switched off, is silent too")
	}
	t.line("as of: %s", list(t.Files, "files"))
	switch {
	case t.Stale != nil:
		t.line("as of: what %s said at %s, for it does not answer", t.Stale.URL, t.Stale.Since.UTC().Format(time.RFC3339))
	case t.Server != "":
		t.line("as of: what %s says at %s", t.Server, t.AsOf.UTC().Format(time.RFC3339))
	}
	const most = 8
	shown := t.Said
	if len(shown) > most { // those that keep something back first
		shown = slices.Clone(shown)
		slices.SortStableFunc(shown, func(a, b Said) int { return min(len(b.Unseen), 1) - min(len(a.Unseen), 1) })
	}
	for i, s := range shown {
		if i == most {
			t.line("and %s more", plural.Of(len(shown)-most, "snapshot"))
			break
		}
		t.line("as of: %s", s.text())
	}
}

// text is "scanned: 10.8.52.0/24 of segment vlan-52, 12 answered, 5m0s ago (seen.json)".
func (s Scanned) text() string {
	text := "scanned: " + s.Prefix.String()
	if s.Segment != "" {
		text += " of segment " + legible.Text(s.Segment)
	} else {
		text += " (in which segment is not told)"
	}
	text += fmt.Sprintf(", %d answered, ", s.Answered)
	switch age := s.Age.Round(time.Second); {
	case age < 0:
		text += fmt.Sprintf("%s in the future", -age)
	case age >= 48*time.Hour:
		text += fmt.Sprintf("%s ago", plural.Of(int(age/(24*time.Hour)), "day"))
	default:
		text += fmt.Sprintf("%s ago", age)
	}
	text += " (" + legible.Text(s.File) + ")"
	if s.Stale && s.Age > 0 {
		text += "; stale: who came since is not in it"
	} else if s.Stale {
		text += "; one of the two clocks is wrong"
	}
	return text
}

func (t *freeText) keptOff() bool {
	for _, o := range t.Offers.Offers {
		if len(o.KeptOff) > 0 && o.Pool == nil && o.Static == nil {
			return true
		}
	}
	return false
}

// list names things, or the first ones and how many there are.
func list(names []string, what string) string {
	const most = 8
	shown := make([]string, 0, most)
	for _, n := range names[:min(most, len(names))] {
		shown = append(shown, legible.Text(n))
	}
	switch text := strings.Join(shown, ", "); {
	case len(names) == 0:
		return "no " + what
	case len(names) > most:
		return fmt.Sprintf("%d %s (%s, …)", len(names), what, text)
	default:
		return text
	}
}

// verdict answers whether one address is free.
func (t *freeText) verdict(v *answer.Verdict) {
	address := t.painter.Paint(bold, v.Address.String())
	switch {
	case len(v.Obstacles) == 0 && t.Withheld:
		t.line("%s may be free: nothing that could be read is against it, but not all could be read", address)
		return
	case v.Unsure():
		t.line("%s may be free: nothing that could be read is against it, but", address)
	case len(v.Obstacles) == 0:
		t.line("%s is free: %s", address, t.origin(v.Offer))
		return
	}
	if !v.Unsure() {
		t.line("%s is not free:", address)
	}
	for i, o := range v.Obstacles {
		if i == mostClaims {
			t.line("  and %d more; --format json has all", len(v.Obstacles)-i)
			return
		}
		text := legible.Text(o.Text(v.Address))
		if at := obstaclePlace(o); at.IsValid() {
			text += " (" + position(at) + ")"
		}
		t.line("  %s", text)
	}
}

func obstaclePlace(o answer.Obstacle) (at place.Place) {
	switch {
	case o.Spot != nil:
		return o.Spot.At
	case o.Claim != nil:
		return o.Claim.At
	case o.Subnet != nil:
		return o.Subnet.At
	case o.Pool != nil:
		return o.Pool.At
	}
	return at
}
