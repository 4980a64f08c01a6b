//go:build !race

package lint

import (
	"os"
	"strings"
	"testing"
)

// TestChange holds which rules a fleet may lower against the page that says so.
func TestChange(t *testing.T) {
	page, err := os.ReadFile("../../../docs/fleet.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(page), "\n## RuleSeverity\n")
	section, _, _ = strings.Cut(section, "\n| key")
	free, guarded, split := strings.Cut(strings.Join(strings.Fields(section), " "), "All other rules guard")
	if !found || !split {
		t.Fatal("docs/fleet.md does not say which rules can be lowered")
	}
	for _, r := range Rules() {
		names := func(text string) bool {
			return strings.Contains(strings.NewReplacer(",", " ", ".", " ").Replace(" "+text+" "), " "+r.ID+" ")
		}
		switch {
		case r.Change() == OnlyWorse && !names(guarded):
			t.Errorf("%s guards, and the page does not say so", r.ID)
		case r.Change() == AnySeverity && (names(guarded) || r.Family == FamilyFleet && !names(free)):
			t.Errorf("%s may be lowered, and the page does not say so", r.ID)
		case r.Severity == Error && r.Family == FamilyFleet && r.Change() != OnlyWorse:
			t.Errorf("%s is an error between owners and could be lowered", r.ID)
		}
	}
}

// TestSeverity holds that no finding of a rule that guards ever gets better.
func TestSeverity(t *testing.T) {
	for _, r := range Rules() {
		for _, own := range []Severity{Error, Warning, Info} {
			for _, wanted := range []Severity{Error, Warning, Info} {
				got := (&Facts{Severities: map[string]Severity{r.ID: wanted}}).severity(&r, own)
				switch {
				case r.Change() == OnlyWorse && got != max(own, wanted), r.Change() == AnySeverity && got != wanted, r.Change() == NoChange && got != own:
					t.Errorf("%s: a finding of %s with %s in the fleet file is %s", r.ID, own, wanted, got)
				}
			}
		}
	}
}
