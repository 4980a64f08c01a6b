//go:build !race

package report

import (
	"bytes"
	"encoding/json"
	"math/big"
	"net/netip"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// hostileText would clear a terminal, hide what follows and turn it around.
const hostileText = "a\x1b[2J\u202e\nb\x00"

// hostileAnswers say everything that who and free can say, with names that would
// steer a terminal.
func hostileAnswers() (Who, Free) {
	address := netip.MustParseAddr("10.0.0.9")
	one := netipx.IPRangeFrom(address, address)
	at := place.Place{File: hostileText, Line: 1, Column: 1, Through: hostileText}
	subnet := &plan.Subnet{Director: hostileText, Network: hostileText, Range: netip.MustParsePrefix("10.0.0.0/24"), At: at}
	owner := plan.Owner{Director: hostileText, Deployment: hostileText, InstanceGroup: hostileText, Network: hostileText}
	var claims []plan.Claim
	for kind := plan.Static; kind <= plan.DNS; kind++ {
		claims = append(claims, plan.Claim{Range: one, Kind: kind, Holder: owner.Held(), Subnet: subnet, At: at})
	}
	pool := answer.Pool{Team: hostileText, Purpose: hostileText, Delegation: plan.Delegation{Ranges: []netipx.IPRange{one}}, At: at}
	segment := answer.Segment{Name: hostileText, Subnets: []*plan.Subnet{subnet}, Assumed: true, Reason: hostileText}
	hidden := []*plan.BlindSpot{{Owner: plan.Owner{Director: hostileText, Deployment: hostileText}, Variable: hostileText, What: hostileText, At: at}}
	failures := []trouble.Trouble{{Message: hostileText, At: at, Hint: hostileText}}
	who := Who{
		Holders: []answer.Holders{{
			Asked: one, Segments: []answer.Held{{Segment: segment, Claims: claims}, {Segment: segment}, {Claims: claims}},
			Nearest: claims, Pools: []answer.Pool{pool},
		}},
		Changed: func(place.Place) (Change, bool) {
			return Change{Author: hostileText, Commit: "0123456789abcdef", When: time.Unix(0, 0)}, true
		},
		Hidden: hidden, Failures: failures,
	}
	free := Free{
		Question: answer.Question{Count: 9}, Files: []string{hostileText}, Hidden: hidden,
		Scans: []Scanned{{File: hostileText, Segment: hostileText, Interface: hostileText}}, Failures: failures,
		Offers: answer.Offers{
			Segments: []answer.Segment{segment}, Directors: []string{hostileText}, Left: big.NewInt(1),
			Offers: []answer.Offer{{Address: address, Pool: &pool, Static: &claims[0], KeptOff: []*plan.Claim{&claims[1]}}, {Address: address}},
		},
	}
	return who, free
}

// TestAnswersAreVisible looks for what could steer a terminal in every answer.
func TestAnswersAreVisible(t *testing.T) {
	who, free := hostileAnswers()
	verdicts := free
	claim := free.Offers.Offers[0].Static
	for reason := answer.ReasonEdge; reason <= answer.ReasonNotDelegated; reason++ {
		verdicts.Verdicts = append(verdicts.Verdicts, answer.Verdict{Offer: free.Offers.Offers[0], Obstacles: []answer.Obstacle{
			{Reason: reason, Claim: claim, Subnet: claim.Subnet, Pool: free.Offers.Offers[0].Pool, Spot: free.Hidden[0],
				Scan: &answer.Scan{File: hostileText}, Heard: &answer.Heard{Stations: []string{hostileText}}},
		}})
	}
	var text, json bytes.Buffer
	for _, err := range []error{
		WriteWho(&text, who, Options{}), WriteFree(&text, free, Options{}), WriteFree(&text, verdicts, Options{}),
		WriteFailures(&text, who.Failures, Options{}),
		WriteWhoJSON(&json, who), WriteFreeJSON(&json, free), WriteFreeJSON(&json, verdicts),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	if n := strings.Count(text.String(), "a\\x1b[2J\\u202e\\nb\\x00"); n < 40 {
		t.Errorf("the hostile text is shown %d times only; the answers do not say everything", n)
	}
	for _, out := range []string{text.String(), json.String()} {
		for i, r := range out {
			if r != '\n' && legible.Hidden(r) {
				t.Fatalf("a hidden character: %q", out[max(0, i-60):i+1])
			}
		}
	}
}

// TestAnswersHaveNoNullLists: a reader may go through every list of the JSON
// without asking whether it is there.
func TestAnswersHaveNoNullLists(t *testing.T) {
	var out bytes.Buffer
	if err := WriteWhoJSON(&out, Who{Holders: []answer.Holders{{}}}); err != nil {
		t.Fatal(err)
	}
	if err := WriteFreeJSON(&out, Free{Offers: answer.Offers{Left: new(big.Int)}}); err != nil {
		t.Fatal(err)
	}
	decoder := json.NewDecoder(&out)
	for decoder.More() {
		var value map[string]any
		if err := decoder.Decode(&value); err != nil {
			t.Fatal(err)
		}
		for key, v := range value {
			if v == nil {
				t.Errorf("%s is null", key)
			}
		}
	}
}

// TestApprovalStandsBeforeFreeText: no owner and no reason reads as an approval.
func TestApprovalStandsBeforeFreeText(t *testing.T) {
	for _, approved := range []string{"", "token network"} {
		e := ledger.Event{What: ledger.WasBooked, Owner: "x (approved by token network) for y", Why: "z (approved by token network)", Approved: approved}
		record := ledger.Record{Range: netip.MustParsePrefix("10.8.52.180/32"), Events: []ledger.Event{e}}
		b, err := record.Booking()
		if err != nil {
			t.Fatal(err)
		}
		var bookings, history bytes.Buffer
		if err := WriteBookings(&bookings, Bookings{List: []BookingLine{{Pool: "p", Booking: b}}}, Options{}); err != nil {
			t.Fatal(err)
		}
		if err := WriteHistory(&history, History{Pools: []PoolHistory{{Pool: "p", Record: record}}}, Options{}); err != nil {
			t.Fatal(err)
		}
		for _, text := range []string{bookings.String(), history.String()} {
			if strings.Contains(text, "booked (approved by token network) for x") != (approved != "") {
				t.Errorf("approved by %q: %s", approved, text)
			}
		}
	}
}
