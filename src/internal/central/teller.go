package central

import (
	"slices"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

// Teller is the director whose files a claim stands in: its own, or, of an address outside
// of directors, the one with which it was pushed. It is empty for what the server's fleet
// file says itself.
func (p *Picture) Teller(kind plan.Kind, owner plan.Owner, at place.Place) string {
	if kind != plan.External {
		return owner.Director
	}
	if i := slices.IndexFunc(p.Pushed, func(o pushes.Push) bool { return nameOf(o) == at.File }); i >= 0 {
		return p.Pushed[i].Director
	}
	return ""
}
