package lint

import "fmt"

const hiddenAddressID = "hidden-address"

var hiddenAddress = Rule{
	ID: hiddenAddressID, Severity: Warning, Family: FamilyFleet,
	Title: "an address hides behind a variable that stays unresolved",
	Doc:   page(hiddenAddressID),
	Run:   runHiddenAddress,
}

func runHiddenAddress(f *Facts, report func(Finding)) {
	type key struct{ director, deployment, variable string }
	hides := map[key][]Hidden{}
	var order []key
	for _, h := range f.Hidden {
		k := key{h.Director, h.Deployment, h.Variable}
		if hides[k] == nil {
			order = append(order, k)
		}
		hides[k] = append(hides[k], h)
	}
	for _, k := range order {
		finding := hiddenFinding(hides[k])
		if f.Strict {
			finding.Severity = Error
		}
		report(finding)
	}
}

// hiddenFinding tells of all that one variable of one deployment hides.
func hiddenFinding(list []Hidden) Finding {
	first := list[0]
	what := first.What
	if len(list) > 1 {
		what += fmt.Sprintf(" (and %d more)", len(list)-1)
	}
	finding := Finding{
		Message:    fmt.Sprintf("the variable ((%s)) has no value here and hides %s", first.Variable, what),
		Why:        "what cannot be seen cannot be compared with other directors",
		Suggestion: fmt.Sprintf("give its value as the deploy does: -v %s=…, -l FILE or --vars-store FILE, or vars_files in the fleet file", first.Variable),
	}
	for _, h := range list {
		finding.Claims = append(finding.Claims, Party{Owner: ownerOf(h.Director, h.Deployment), At: h.At, Note: h.What})
	}
	return finding
}
