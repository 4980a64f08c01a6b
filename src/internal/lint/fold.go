package lint

import (
	"maps"
	"slices"
	"strconv"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// fold says of which findings only the first are shown where there are many.
type fold struct {
	key func(Finding) string
	// Of more than from findings of one key, the first to are shown.
	from, to int
	// common is what they have in common, in words.
	common string
}

// folds are applied one after the other, each to what the one before left.
var folds = []fold{
	{foldKey, 100, 10, "of the same owners"},
	{addressKey, 100, 10, "about the same addresses"},
	{directorsKey, 100, 20, "of the same directors"},
	{ruleKey, 100, 25, "of the same rule"},
}

// More are the findings that one stands for which are not shown.
type More struct {
	// Findings is how many there are.
	Findings int
	// Addresses are what they are about: sorted, none twice.
	Addresses []netipx.IPRange
	// Owners are whose that is (Party.Name), sorted.
	Owners []string
	common string
	others []*Finding
}

// fewRanges is how many ranges a message names.
const fewRanges = 3

// text is ", and 90 more of the same owners: 10.0.0.10-10.0.0.99".
func (m *More) text() string {
	text := ", and " + grouped(m.Findings) + " more " + m.common
	for i, r := range m.Addresses[:min(len(m.Addresses), fewRanges)] {
		text += [...]string{": ", ", ", ", "}[i] + plan.RangeText(r)
	}
	if n := len(m.Addresses) - fewRanges; n > 0 {
		text += " and " + grouped(n) + " more of such ranges"
	}
	return text
}

// Told is the message, with what else the finding stands for.
func (f *Finding) Told() string {
	text := f.Message
	if f.Whose != "" {
		text += " (of " + f.Whose + ")"
	}
	if f.More != nil {
		text += f.More.text()
	}
	return text
}

// Folded are findings as they are shown: where hundreds say the same of the same
// owners, as of two directors with thousands of subnets in common, or of the same
// addresses, and where thousands are about the same directors or of one rule, the first
// ones, of which the last says how many more there are, and about what. Counts are those
// of all.
func Folded(findings []Finding) []Finding {
	list := make([]standing, len(findings))
	for i := range findings {
		list[i] = standing{Finding: &findings[i]}
	}
	for _, fold := range folds {
		list = fold.apply(list)
	}
	shown := make([]Finding, len(list))
	for i, s := range list {
		shown[i] = s.Advised()
		shown[i].More = s.more()
	}
	return shown
}

// standing is a finding that stands for itself and for others.
type standing struct {
	*Finding
	others []*Finding
	common string
}

func (s *standing) more() *More {
	if len(s.others) == 0 {
		return nil
	}
	m := &More{Findings: len(s.others), common: s.common, others: s.others}
	var addresses netipx.IPSetBuilder
	owners := map[string]bool{}
	for _, f := range s.others {
		if f.Range.IsValid() {
			addresses.AddRange(f.Range)
		}
		for i := range f.Claims {
			owners[f.Claims[i].Name()] = true
		}
	}
	delete(owners, "")
	if set, err := addresses.IPSet(); err == nil { // of valid ranges it is none
		m.Addresses = set.Ranges()
	}
	m.Owners = slices.Sorted(maps.Keys(owners))
	return m
}

// apply folds the findings that have a key in common; those without one stay.
func (fold fold) apply(list []standing) []standing {
	if len(list) <= fold.from {
		return list
	}
	type group struct {
		count, seen int
		hidden      []*Finding
	}
	groups := map[string]*group{}
	of := make([]*group, len(list))
	for i, s := range list {
		key := fold.key(*s.Finding)
		if key == "" {
			continue
		}
		if groups[key] == nil {
			groups[key] = &group{}
		}
		of[i] = groups[key]
		if of[i].count++; of[i].count > fold.to {
			of[i].hidden = append(append(of[i].hidden, s.Finding), s.others...)
		}
	}
	var shown []standing
	for i, s := range list {
		if g := of[i]; g != nil && g.count > fold.from {
			if g.seen++; g.seen > fold.to {
				continue
			}
			if g.seen == fold.to {
				s.others, s.common = append(s.others, g.hidden...), fold.common
				if slices.ContainsFunc(s.Claims, func(p Party) bool { return p.Owner.Director == "" }) {
					s.common = "alike"
				}
			}
		}
		shown = append(shown, s)
	}
	return shown
}

// addressKey is the rule and the addresses of a finding; empty for one that is about none.
func addressKey(f Finding) string {
	if !f.Range.IsValid() {
		return ""
	}
	return ruleKey(f) + f.Range.String()
}

// directorsKey is the rule and whose manifests and configs a finding is about.
func directorsKey(f Finding) string {
	key := []string{ruleKey(f)}
	for _, c := range f.Claims {
		key = append(key, c.Owner.Director, kindKey(c.Kind))
	}
	return strings.Join(key, "\x00")
}

func ruleKey(f Finding) string { return f.Rule + " " + f.Severity.String() + " " }

// foldKey is the rule and the owners of a finding; addresses and places are not part
// of it.
func foldKey(f Finding) string {
	key := []string{f.Rule, f.Severity.String()}
	for _, c := range f.Claims {
		owner := c.Owner
		key = append(key, owner.Director, owner.Deployment, owner.InstanceGroup, owner.Network, owner.Property, kindKey(c.Kind))
	}
	return strings.Join(key, "\x00")
}

func kindKey(k plan.Kind) string { return strconv.Itoa(int(k)) }

// grouped writes a number with a comma before each three digits.
func grouped(n int) string {
	digits := []byte(strconv.Itoa(n))
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = slices.Insert(digits, i, ',')
	}
	return string(digits)
}
