package lint

// staleSnapshotID is told whatever is judged: what a director granted since may
// concern everybody.
const staleSnapshotID = "stale-snapshot"

var staleSnapshot = Rule{
	ID:        staleSnapshotID,
	Severity:  Warning,
	Family:    FamilyFleet,
	Title:     "a snapshot of a director is older than it may be",
	Doc:       page("stale-snapshot"),
	Exception: Never,
	Run: func(f *Facts, report func(Finding)) {
		for _, stale := range f.Stale {
			report(Finding{
				Message: stale.Message, Suggestion: stale.Hint,
				Why:    "a conflict with what the director granted since would not be seen",
				Claims: []Party{{At: stale.At}},
			})
		}
	},
}
