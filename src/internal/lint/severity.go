package lint

import "slices"

// Change says which severities a fleet may give the findings of a rule.
type Change uint8

// The changes.
const (
	// AnySeverity: a director refuses by itself what the rule finds, or it is about the
	// files and no address.
	AnySeverity Change = iota
	// OnlyWorse: nobody else guards what the rule finds, or it says what was not seen.
	OnlyWorse
	// NoChange: it is about exceptions.
	NoChange
)

// advice are fleet rules that find nothing which could break a machine.
var advice = []string{"idle-segment", "unlisted-file", "booking-ends", "booking-unused"}

// Change is what a fleet may change about the rule's severity.
func (r *Rule) Change() Change {
	switch {
	case r.Family == FamilyException:
		return NoChange
	case r.Family == FamilyFleet && !slices.Contains(advice, r.ID):
		return OnlyWorse
	}
	return AnySeverity
}

// severity is what a finding of a rule is, for the fleet.
func (f *Facts) severity(r *Rule, own Severity) Severity {
	wanted, given := f.Severities[r.ID]
	if !given || r.Change() == NoChange || r.Change() == OnlyWorse && wanted < own {
		return own
	}
	return wanted
}

// ParseSeverity reads the name of a severity.
func ParseSeverity(name string) (Severity, bool) {
	for _, s := range []Severity{Error, Warning, Info} {
		if s.String() == name {
			return s, true
		}
	}
	return 0, false
}
