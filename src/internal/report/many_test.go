//go:build !race

package report

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// TestManyWhoHaveAnAddress has a thousand claims of one address: as text, the first are
// named and the others counted.
func TestManyWhoHaveAnAddress(t *testing.T) {
	address := netip.MustParseAddr("10.0.0.5")
	claim := &plan.Claim{Kind: plan.External, Range: netipx.IPRangeFrom(address, address), Holder: plan.Owner{Property: "x"}.Held(), Subnet: &plan.Subnet{}}
	for n, lines := range map[int]int{mostClaims: mostClaims + 1, mostClaims + 1: mostClaims + 2, 1000: mostClaims + 2} {
		verdict := answer.Verdict{Offer: answer.Offer{Address: address}}
		history := History{Asked: address.String(), Unread: true}
		for range n {
			verdict.Obstacles = append(verdict.Obstacles, answer.Obstacle{Reason: answer.ReasonInUse, Claim: claim})
			history.Claims = append(history.Claims, ClaimLine{Text: "x has it", Place: "ipguard.yml:1:1"})
		}
		why := &freeText{page: page{painter: color.Painter(false)}}
		why.verdict(&verdict)
		var past bytes.Buffer
		if err := WriteHistory(&past, history, Options{}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(why.out.String(), "\n"); got != lines {
			t.Errorf("%d obstacles are %d lines, want %d", n, got, lines)
		}
		if got := strings.Count(past.String(), "\n"); got != lines+1 {
			t.Errorf("%d claims are %d lines, want %d", n, got, lines+1)
		}
	}
}
