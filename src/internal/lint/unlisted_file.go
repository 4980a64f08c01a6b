package lint

import (
	"fmt"
	"strings"

	"github.com/ipguard/ipguard/src/internal/place"
)

// Unlisted is a manifest or config that lies beside those that the fleet file names.
type Unlisted struct {
	// Path is as it is shown; Line is how the fleet file would name it, below Key of
	// a director.
	Path, Line, Key string
	// Director has files in that folder.
	Director string
}

// UnlistedShown is how many of them a finding names.
const UnlistedShown = 5

var unlistedFile = Rule{
	ID: "unlisted-file", Severity: Info, Family: FamilyFleet,
	Title:     "manifests or configs beside those of the fleet file, which does not name them",
	Doc:       page("unlisted-file"),
	Exception: Never,
	Run: func(f *Facts, report func(Finding)) {
		if len(f.Unlisted) == 0 {
			return
		}
		finding := Finding{Why: "what they claim is in no plan: a conflict with it is not seen"}
		var paths []string
		lines := []string{"name them in the fleet file, or move them to where nobody takes them for files of the fleet:"}
		for _, u := range f.Unlisted[:min(UnlistedShown, len(f.Unlisted))] {
			paths = append(paths, u.Path)
			lines = append(lines, fmt.Sprintf("%s: [%s]", u.Key, u.Line))
			finding.Claims = append(finding.Claims, Party{At: place.Place{File: u.Path, Line: 1, Column: 1}, Note: "beside files of director " + u.Director})
		}
		if rest := len(f.Unlisted) - UnlistedShown; rest > 0 {
			paths = append(paths, fmt.Sprintf("%d more", rest))
		}
		finding.Message = "beside its files lie manifests or configs that the fleet file does not name: " + strings.Join(paths, ", ")
		finding.Suggestion = strings.Join(lines, "\n")
		report(finding)
	},
}
