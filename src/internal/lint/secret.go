package lint

import (
	"regexp"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// quoted matches a value that a message quotes.
var quoted = regexp.MustCompile(`"(?:[^"\\]|\\.)*"`)

// quotesNames are the rules that quote names of networks, zones and groups,
// which their reader needs and which are no secrets.
var quotesNames = map[string]bool{
	bosh.RuleUnknownNetwork: true, bosh.RuleAvailabilityZone: true, bosh.RuleCompilation: true, bosh.RuleDuplicateName: true,
	bosh.RuleInvalidName: true, bosh.RuleNetworkType: true, bosh.RuleNetworkDefaults: true, bosh.RuleMigratedFrom: true,
}

// HideValues takes values of variables out of the words of findings: a message
// about a value that came through a variable may quote it, and it may be a
// password that was put in the wrong place. Addresses stay. line returns a line
// of a file that was read.
func HideValues(findings []Finding, line func(file string, n int) (string, bool)) {
	for i := range findings {
		f := &findings[i]
		if quotesNames[f.Rule] {
			continue
		}
		for _, p := range f.Claims {
			if p.At.Through == "" {
				continue
			}
			text, known := line(p.At.File, p.At.Line)
			hide := func(match string) string {
				value := strings.Trim(match, `"`)
				if value == "" || plan.IsAddressText(value) || known && !strings.Contains(text, value) {
					return match
				}
				return `"…"`
			}
			f.Message = quoted.ReplaceAllStringFunc(f.Message, hide)
			f.Suggestion = quoted.ReplaceAllStringFunc(f.Suggestion, hide)
		}
	}
}
