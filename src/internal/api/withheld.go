package api

import (
	"fmt"
	"net/netip"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// mostBlind is how many places are named that may hide somebody.
const mostBlind = 3

// noNetwork says why a pool gives nothing of which nobody has told anything.
const noNetwork = "no network that the server was told of holds an address of the pool: whoever has it runs ipguard push, or the pool's segment is another"

// withheld says why addresses of a pool are not free though nobody has them, as somebody
// may know it: the words of other teams' files are theirs. It is empty where nothing hides.
func (a *API) withheld(picture *central.Picture, look *booking.Look, rs *ledger.Records, actor *accounts.Actor) string {
	if len(look.Subnets()) == 0 {
		return noNetwork
	}
	count := free(picture.UnsureLook(look.Pool, look.Now), rs) - free(look, rs)
	if count <= 0 {
		return ""
	}
	return fmt.Sprintf("%d may be somebody's who cannot be seen, and are given to nobody: %s; whoever has that pushes it anew", count, reasonsOf(look.Withheld(), actor))
}

// withheldAddress says the same of one address.
func withheldAddress(picture *central.Picture, r netip.Prefix, actor *accounts.Actor) string {
	spots := picture.Answers.Who(netipx.RangeOfPrefix(r)).Blind
	if len(spots) == 0 {
		return ""
	}
	return "it may be somebody's who cannot be seen: " + reasonsOf(spots, actor)
}

// reasonsOf says why places hide something.
func reasonsOf(spots []*plan.BlindSpot, actor *accounts.Actor) string {
	var reasons []string
	for _, spot := range spots {
		reason := "what director " + spot.Owner.Director + " has cannot all be seen"
		switch {
		case seesFiles(actor, spot.Owner.Director):
			reason = spot.Text()
		case spot.Owner.Director == "":
			reason = "a part of the plan cannot be seen"
		}
		if !strings.Contains(strings.Join(reasons, "\n"), reason) {
			reasons = append(reasons, reason)
		}
	}
	if more := len(reasons) - mostBlind; more > 0 {
		reasons = append(reasons[:mostBlind], fmt.Sprintf("and %d more", more))
	}
	return strings.Join(reasons, "; ")
}
