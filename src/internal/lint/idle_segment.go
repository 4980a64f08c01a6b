package lint

var idleSegment = Rule{
	ID: "idle-segment", Severity: Warning, Family: FamilyFleet,
	Title: "an entry of the fleet file's segments matches nothing",
	Doc: `An entry of segments in the fleet file matches no subnet, so that what it was to
declare is not in force: usually a network was renamed, or a name is misspelt.

Bad:

    segments:
    - {name: lab, subnets: [{director: lab, network: defualt}]}

Good: compare the entry with the cloud-configs, letter by letter, or remove it.`,
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
