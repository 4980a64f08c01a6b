package lint

import "github.com/ipguard/ipguard/src/internal/place"

// tellApart says whose each of several findings is that have the same words and the same
// place: directors or deployments that read one file have one each. Which of them are accepted
// has no part in it.
func tellApart(findings []Finding) {
	type words struct {
		rule, message string
		severity      Severity
		at            place.Place
	}
	alike := map[words][]*Finding{}
	for i := range findings {
		f := &findings[i]
		if len(f.Claims) > 0 && f.Claims[0].At.IsValid() {
			key := words{f.Rule, f.Message, f.Severity, f.Claims[0].At}
			alike[key] = append(alike[key], f)
		}
	}
	for _, list := range alike {
		owners := map[string]bool{}
		for _, f := range list {
			owners[f.Claims[0].Name()] = true
		}
		if len(owners) < 2 {
			continue
		}
		for _, f := range list {
			f.Whose = f.Claims[0].Name()
		}
	}
}
