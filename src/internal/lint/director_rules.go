package lint

import "github.com/ipguard/ipguard/src/internal/plan"

// directorRules report what a director, or the CLI for create-env, says about
// its own files: the problems that the readers found.
func directorRules() []Rule {
	return nil
}

func ownerOf(director, deployment string) plan.Owner {
	return plan.Owner{Director: director, Deployment: deployment}
}
