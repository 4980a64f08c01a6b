package lint

import (
	"fmt"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Doubt is a blind spot because of which a run cannot say that all is well: what
// hides there may be what a rule would refuse, or nobody can tell what it is.
type Doubt struct {
	Spot *plan.BlindSpot
	// Met is what it can meet; nil where it is in doubt whatever it meets.
	Met *plan.Meeting
	// Unbooked says that it may be an address that has to be booked, and is not.
	Unbooked bool
	// Clause says, where none of these does, what nobody knows.
	Clause string
	// Allow is the rule by which somebody who knows better may say so, of all that can be
	// met at the place; empty if nobody may. Owners are those that have to be named.
	Allow  string
	Owners []plan.Owner
	meets  met
}

// Trouble is the doubt as the user is told of it.
func (d Doubt) Trouble() trouble.Trouble {
	f := trouble.Trouble{Message: d.Spot.Text(), At: d.Spot.At, Hint: d.Spot.Hint, Excerpt: d.Spot.Excerpt}
	switch {
	case d.Clause != "":
		f.Message += ": nobody knows whether " + d.Clause
	case d.Met != nil:
		f.Message += ": nobody knows whether it takes " + metText(d.Met)
	}
	if d.Unbooked {
		f.Message += ": nobody knows whether it is an address that has to be booked"
	}
	if f.Hint == "" && d.Spot.Message == "" {
		f.Hint = spotCure(d.Spot)
	}
	if d.Spot.Owner.Director != "" && d.Allow != "" {
		f.Hint = strings.TrimPrefix(f.Hint+"; where you know better, "+d.allowLine(), "; ")
	}
	return f
}

func metText(m *plan.Meeting) string {
	what := plan.RangeText(m.Range)
	switch {
	case m.With != nil && m.With.Variable != "":
		return fmt.Sprintf("an address that ((%s)) at %s takes as well", m.With.Variable, m.With.At)
	case m.With != nil:
		return fmt.Sprintf("an address that somebody takes at %s, where it hides as well", m.With.At)
	case m.Other.Kind.Pool():
		return fmt.Sprintf("%s, which %s %s on network %s", what, side(m.Other), use(m.Other.Kind), network(m.Other))
	}
	return what + ", " + who(m.Other)
}

// spotCure says how the spot could be seen.
func spotCure(s *plan.BlindSpot) string {
	if s.Variable != "" {
		return fmt.Sprintf("give its value as the deploy does: -v %s=…, -l FILE or --vars-store FILE, or vars_files in the fleet file", s.Variable)
	}
	if s.Reason == plan.Ambiguous {
		return "write the address that the VM has, such as 10.0.0.5, or all of them as a range, such as 10.0.0.5-10.0.0.9"
	}
	if s.Reason == plan.Unreadable {
		return "it looks like an address: write one, or a range, such as 10.0.0.5 or 10.0.0.5-10.0.0.9" + ifNoAddress(s.Owner.Property)
	}
	return "write it as the director reads it"
}

// ifNoAddress says how a property is left out that holds no addresses, if a fleet file can
// say so: those that the CPI reads are always looked at.
func ifNoAddress(property string) string {
	if _, err := bosh.ParsePattern(property); err != nil || strings.Contains(property, ".cloud_properties.") {
		return ""
	}
	return "; if it is none, vip_properties: {ignore: [" + property + "]} in the fleet file"
}

// About are the addresses that it is about: of very many, all between the first and the last.
func (d Doubt) About() []netipx.IPRange { return d.meets.ranges() }

// allowLine is the entry of allow that says that they do not meet.
func (d Doubt) allowLine() string {
	var owners, ranges []string
	for _, o := range d.Owners {
		owner := o.Director
		if o.Deployment != "" {
			owner += "/" + o.Deployment
		}
		if owner = yamlText(owner); !slices.Contains(owners, owner) {
			owners = append(owners, owner)
		}
	}
	for _, r := range d.About() {
		text := strings.ReplaceAll(plan.RangeText(r), " ", "")
		if strings.HasPrefix(text, ":") || strings.HasSuffix(text, ":") {
			text = `"` + text + `"` // to YAML a colon there ends a key
		}
		ranges = append(ranges, text)
	}
	return fmt.Sprintf("allow: [{rule: %s, addresses: [%s], owners: [%s], until: YYYY-MM-DD, reason: …}] in the fleet file",
		d.Allow, strings.Join(ranges, ", "), strings.Join(owners, ", "))
}

// met are the addresses that a doubt is about. Of very many the first and the last are
// remembered: an exception is for a while, and for a person to read.
type met struct {
	few       []netipx.IPRange
	four, six netipx.IPRange
}

// manyMet is of how many ranges each is remembered, and shownMet how many are shown.
const manyMet, shownMet = 256, 12

func (m *met) add(r netipx.IPRange) {
	whole := &m.four
	if r.From().Is6() {
		whole = &m.six
	}
	switch {
	case !whole.IsValid():
		*whole = r
	case r.From().Less(whole.From()):
		*whole = netipx.IPRangeFrom(r.From(), whole.To())
	}
	if whole.To().Less(r.To()) {
		*whole = netipx.IPRangeFrom(whole.From(), r.To())
	}
	if len(m.few) <= manyMet && !slices.Contains(m.few, r) {
		m.few = append(m.few, r)
	}
}

// settled reports whether more of what lies in r would change nothing.
func (m *met) settled() bool { return len(m.few) > manyMet }

// ranges are those to show: few, and then all between the first and the last.
func (m *met) ranges() []netipx.IPRange {
	var set netipx.IPSetBuilder
	for _, r := range m.few {
		set.AddRange(r)
	}
	if list := built(&set).Ranges(); !m.settled() && len(list) <= shownMet {
		return list
	}
	return slices.DeleteFunc([]netipx.IPRange{m.four, m.six}, func(r netipx.IPRange) bool { return !r.IsValid() })
}
