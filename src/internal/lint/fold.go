package lint

import (
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Of more than foldFrom findings of one rule about the same owners, the first
// foldTo are shown.
const (
	foldFrom = 100
	foldTo   = 10
)

// Folded are findings as they are shown: where hundreds say the same of the same
// owners, as of two directors with thousands of subnets in common, or of the same
// addresses, the first ones, of which the last says how many more there are. Counts are
// those of all.
func Folded(findings []Finding) []Finding {
	findings = folded(findings, foldKey, "of the same owners")
	return folded(findings, addressKey, "about the same addresses")
}

// addressKey is the rule and the addresses of a finding; empty for one that is about none.
func addressKey(f Finding) string {
	if !f.Range.IsValid() {
		return ""
	}
	return f.Rule + " " + f.Severity.String() + " " + f.Range.String()
}

// folded folds the findings that have a key in common; those without one stay.
func folded(findings []Finding, keyOf func(Finding) string, what string) []Finding {
	if len(findings) <= foldFrom {
		return findings
	}
	count, seen := map[string]int{}, map[string]int{}
	keys := make([]string, len(findings))
	for i, f := range findings {
		keys[i] = keyOf(f)
		count[keys[i]]++
	}
	var shown []Finding
	for i, f := range findings {
		key := keys[i]
		seen[key]++
		switch more := count[key] - foldTo; {
		case key == "" || count[key] <= foldFrom || seen[key] < foldTo:
		case seen[key] > foldTo:
			continue
		default:
			f.Message += ", and " + grouped(more) + " more " + what
		}
		shown = append(shown, f)
	}
	return shown
}

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
