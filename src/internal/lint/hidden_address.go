package lint

import (
	"fmt"
)

var hiddenAddress = Rule{
	ID: "hidden-address", Severity: Warning, Family: FamilyFleet,
	Title: "an address hides behind a variable that stays unresolved",
	Doc: `A variable stands where an address is expected and nothing gives its value, so
that ipguard cannot compare the address with anybody's. With --strict this is an
error: a gate should not pass what it cannot see.

Bad:

    static_ips: [((pgpool_ip))]    # and no -v, -l or --vars-store has pgpool_ip

Good: give lint the same variables that the deploy gets, on the command line or
in the fleet file (vars, vars_files, vars_store).`,
	Run: func(f *Facts, report func(Finding)) {
		for _, h := range f.Hidden {
			finding := Finding{
				Message:    fmt.Sprintf("%s hides behind the variable ((%s)), which has no value here", h.What, h.Variable),
				Claims:     []Party{{Owner: ownerOf(h.Director, h.Deployment), At: h.At, Note: "unresolved"}},
				Why:        "what cannot be seen cannot be compared with other directors",
				Suggestion: fmt.Sprintf("give its value as the deploy does: -v %s=…, -l FILE or --vars-store FILE, or vars_files in the fleet file", h.Variable),
			}
			if f.Strict {
				finding.Severity = Error
			}
			report(finding)
		}
	},
}
