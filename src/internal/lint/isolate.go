package lint

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/lazyregexp"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// isolateIfAssumed offers the lines that end a finding which rests on an
// assumption.
func (f *Facts) isolateIfAssumed(o plan.Overlap) string {
	if o.Contact.Relation != plan.Assumed {
		return ""
	}
	return f.isolateLines(o.A.Subnet, o.B.Subnet)
}

// isolateLines are the fleet-file lines that would declare two subnets isolated.
// Nothing is proposed where the fleet file could not tell the two apart.
func (f *Facts) isolateLines(a, b *plan.Subnet) string {
	key := [2]*plan.Subnet{a, b}
	text, ok := f.isolating[key]
	if !ok {
		text = f.isolated(a, b)
		if f.isolating == nil {
			f.isolating = map[[2]*plan.Subnet]string{}
		}
		f.isolating[key] = text
	}
	return text
}

func (f *Facts) isolated(a, b *plan.Subnet) string {
	if a == nil || b == nil || a.Segment != "" && b.Segment != "" {
		return ""
	}
	var text strings.Builder
	text.WriteString("if the two are isolated, say so in the fleet file:\nsegments:")
	for _, s := range []*plan.Subnet{a, b} {
		if s.Segment != "" {
			fmt.Fprintf(&text, "\n# %s is segment %s already", s.Label(), s.Segment)
			continue
		}
		name := f.segmentNames()[match(s)]
		if name == "" || match(a) == match(b) {
			return ""
		}
		fmt.Fprintf(&text, "\n- {name: %s, subnets: [{%s}]}", yamlText(name), match(s))
	}
	return text.String()
}

// match is how the fleet file describes the subnet and no other; empty where it
// cannot. A network may have subnets in several segments, so that its name alone
// would say too much, and nobody could paste one that is not shown.
func match(s *plan.Subnet) string {
	if s.Director == "" || s.Network == "" || seal.Words().MatchString(s.Network+" "+s.Deployment) {
		return ""
	}
	text := "director: " + yamlText(s.Director) + ", network: " + yamlText(s.Network)
	if s.Deployment != "" {
		text += ", deployment: " + yamlText(s.Deployment)
	}
	if s.Range.IsValid() {
		text += ", range: " + yamlText(s.Range.Masked().String())
	}
	return text
}

// segmentNames proposes a name for the segment of each subnet that the fleet file
// does not name yet, by its match. No two have the same, nor one that is taken.
func (f *Facts) segmentNames() map[string]string {
	if f.proposed != nil {
		return f.proposed
	}
	f.proposed = map[string]string{}
	taken, next := map[string]bool{}, map[string]int{} // next is the number to try next for a base
	for _, name := range f.Segments {
		taken[name] = true
	}
	keys := make(map[*plan.Subnet]string, len(f.Plan.Subnets))
	for _, s := range f.Plan.Subnets {
		keys[s] = match(s)
	}
	subnets := slices.SortedFunc(slices.Values(f.Plan.Subnets), func(a, b *plan.Subnet) int { return strings.Compare(keys[a], keys[b]) })
	for _, s := range subnets {
		key := keys[s]
		if key == "" || s.Segment != "" || f.proposed[key] != "" {
			continue
		}
		base := s.Director + "-" + s.Network
		if s.Deployment != "" && s.Deployment != s.Director {
			base = s.Director + "-" + s.Deployment + "-" + s.Network
		}
		name := base
		for n := max(2, next[base]); taken[name]; n++ {
			name = fmt.Sprintf("%s-%d", base, n)
			next[base] = n + 1
		}
		taken[name] = true
		f.proposed[key] = name
	}
	return f.proposed
}

var (
	plainText = lazyregexp.New(`^([A-Za-z][A-Za-z0-9._/-]*|[0-9]+\.[0-9.]+/[0-9]+|[0-9]+\.[0-9]+\.[0-9.]+( - [0-9.]+)?)$`)
	yamlWords = lazyregexp.New(`(?i)^(true|false|yes|no|on|off|null|y|n)$`)
)

// yamlText is a string as YAML takes it for that, also between brackets: quoted
// where it would be taken for anything else.
func yamlText(text string) string {
	if plainText().MatchString(text) && !yamlWords().MatchString(text) {
		return text
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return text // strings make no errors
	}
	return string(quoted)
}
