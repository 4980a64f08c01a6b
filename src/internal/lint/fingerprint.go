package lint

import (
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Fingerprint names what a finding is about so that it is known again in a
// later run: 64 hexadecimal digits made from the rule, the segment, the
// addresses and the owners. Lines, files and wording have no part in it, so a
// finding stays the same when its file is edited above it or moved. A finding
// without addresses is told apart from its neighbours by its message as well;
// else one accepted finding would hide others of the same owner.
//
// It is made of what is shown of all that: who has a list of words could tell from it
// which of them a name is that may not be shown. shown is nil where all may be.
//
// One that stands for others (Folded) has a fingerprint of them all: who compares
// fingerprints sees that one came or went.
func (f Finding) Fingerprint(shown func(string) string) string {
	if shown == nil {
		shown = func(text string) string { return text }
	}
	fields := []string{f.Rule, shown(f.Segment), plan.RangeText(f.Range)}
	if !f.Range.IsValid() {
		fields = append(fields, shown(f.Message))
	}
	seen := map[plan.Owner]bool{}
	var owners []plan.Owner
	for _, c := range f.Claims {
		if o := c.Owner; !seen[o] {
			seen[o] = true
			owners = append(owners, plan.Owner{
				Director: shown(o.Director), Deployment: shown(o.Deployment), InstanceGroup: shown(o.InstanceGroup),
				Network: shown(o.Network), Property: shown(o.Property),
			})
		}
	}
	// Which side is to change first depends on what was linted, not on the
	// conflict.
	slices.SortFunc(owners, compareOwners)
	for _, o := range owners {
		fields = append(fields, o.Director, o.Deployment, o.InstanceGroup, o.Network, o.Property)
	}
	if f.More != nil {
		fields = append(fields, f.More.fingerprints(shown)...)
	}
	sum := sha256.Sum256([]byte(strings.Join(fields, "\x00")))
	return hex.EncodeToString(sum[:])
}

// fingerprints are those of the findings, in an order that nothing but these decides.
func (m *More) fingerprints(shown func(string) string) []string {
	texts := map[string]string{} // there are many findings, and few names in them
	once := func(text string) string {
		if _, known := texts[text]; !known {
			texts[text] = shown(text)
		}
		return texts[text]
	}
	list := make([]string, len(m.others))
	for i, f := range m.others {
		list[i] = f.Fingerprint(once)
	}
	slices.Sort(list)
	return list
}
