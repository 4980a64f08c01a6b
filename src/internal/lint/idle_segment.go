package lint

var idleSegment = Rule{
	ID: "idle-segment", Severity: Warning, Family: FamilyFleet,
	Title: "an entry of the fleet file's segments matches nothing",
	Doc:   page("idle-segment"),
	Run: func(f *Facts, report func(Finding)) {
		for _, idle := range f.Idle {
			report(Finding{
				Message: idle.Message, Suggestion: idle.Hint,
				Why:    "what this entry declares is not in force: the networks that it means count as undecided",
				Claims: []Party{{At: idle.At}},
			})
		}
	},
}
