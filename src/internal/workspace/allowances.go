package workspace

import (
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ignore"
)

// Allowances are the exceptions that the fleet file makes.
func Allowances(file *fleet.File) []ignore.Allowance {
	var list []ignore.Allowance
	for _, a := range file.Allow {
		if a.Rule.Value == "" {
			continue // it could not be read, which is said
		}
		allowance := ignore.Allowance{Rule: a.Rule.Value, Until: a.Until.Day, At: a.At}
		for _, addresses := range a.Addresses {
			allowance.Ranges = append(allowance.Ranges, addresses.Range)
		}
		for _, owner := range a.Owners {
			allowance.Owners = append(allowance.Owners, owner.Value)
		}
		list = append(list, allowance)
	}
	return list
}
