package lint

// partialSnapshotID is told whatever is judged: what a director did not show may
// concern everybody.
const partialSnapshotID = "partial-snapshot"

var partialSnapshot = Rule{
	ID:        partialSnapshotID,
	Severity:  Info,
	Family:    FamilyFleet,
	Title:     "a director did not show everything that it granted",
	Doc:       page(partialSnapshotID),
	Exception: Never,
	Run: func(f *Facts, report func(Finding)) {
		for _, unseen := range f.Unseen {
			finding := Finding{
				Message: unseen.Message, Suggestion: unseen.Hint,
				Why:    "a conflict with it would not be seen",
				Claims: []Party{{At: unseen.At}},
			}
			if f.Strict {
				finding.Severity = Error
			}
			report(finding)
		}
	},
}
