package report

import (
	"io"
	"time"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// The JSON shape of who. As in a report, no field is left out but those that
// are null for "does not apply", and no list is null.
type (
	jsonWho struct {
		Version  int           `json:"version"`
		Answers  []jsonHolders `json:"answers"`
		Hidden   []jsonHidden  `json:"hidden"`
		Failures []jsonFailure `json:"failures"`
		// Stale is there when a server does not answer, and what it said before is used.
		Stale *jsonStale `json:"stale,omitempty"`
	}
	jsonHolders struct {
		Asked string `json:"asked"`
		InUse int    `json:"in_use"`
		// Infrastructure counts gateways and DNS servers.
		Infrastructure int             `json:"infrastructure"`
		Booked         int             `json:"booked"`
		MayHandOut     int             `json:"may_hand_out"`
		Segments       []jsonHeld      `json:"segments"`
		Nearest        []jsonHeldClaim `json:"nearest"`
		Pools          []jsonPool      `json:"pools"`
	}
	jsonSegment struct {
		Segment  string   `json:"segment"` // empty where it is not known
		Assumed  bool     `json:"assumed"`
		Reason   string   `json:"reason"`
		Networks []string `json:"networks"`
	}
	jsonHeld struct {
		jsonSegment
		Claims []jsonHeldClaim `json:"claims"`
	}
	jsonHeldClaim struct {
		jsonClaim
		// Index is the instance's, for a static address of one instance.
		Index      *int        `json:"index"`
		LastChange *jsonChange `json:"last_change"`
	}
	jsonChange struct {
		Author string `json:"author"`
		Date   string `json:"date"`
		// Commit is empty for a line that is not committed.
		Commit string `json:"commit"`
	}
	jsonPool struct {
		Team    string `json:"team"`
		Purpose string `json:"purpose"`
		File    string `json:"file"`
		Line    int    `json:"line"`
	}
	jsonHidden struct {
		Director   string `json:"director"`
		Deployment string `json:"deployment"`
		Variable   string `json:"variable"`
		What       string `json:"what"`
		File       string `json:"file"`
		Line       int    `json:"line"`
		Column     int    `json:"column"`
	}
)

// WriteWhoJSON writes the answer as JSON.
func WriteWhoJSON(w io.Writer, who Who) error {
	out := jsonWho{
		Version: jsonVersion, Answers: make([]jsonHolders, len(who.Holders)),
		Hidden: jsonSpots(who.Hidden), Failures: jsonFailures(who.Failures), Stale: staleJSON(who.Stale),
	}
	for i := range who.Holders {
		out.Answers[i] = who.json(&who.Holders[i])
	}
	return encodeJSON(w, out)
}

func (who *Who) json(h *answer.Holders) jsonHolders {
	j := jsonHolders{
		Asked: h.Title(), InUse: h.InUse(), Infrastructure: h.Infrastructure() + h.KeptByCloud(), Booked: h.Booked(), MayHandOut: h.MayHandOut(),
		Segments: make([]jsonHeld, len(h.Segments)), Nearest: who.claims(h.Nearest), Pools: make([]jsonPool, len(h.Pools)),
	}
	for i, held := range h.Segments {
		j.Segments[i] = jsonHeld{newJSONSegment(held.Segment), who.claims(held.Claims)}
	}
	for i := range h.Pools {
		j.Pools[i] = newJSONPool(&h.Pools[i])
	}
	return j
}

func newJSONPool(p *answer.Pool) jsonPool {
	return jsonPool{Team: p.Team, Purpose: p.Purpose, File: p.At.File, Line: p.At.Line}
}

func newJSONSegment(s answer.Segment) jsonSegment {
	return jsonSegment{Segment: s.Name, Assumed: s.Assumed, Reason: s.Reason, Networks: networks(s.Subnets)}
}

func networks(subnets []*plan.Subnet) []string {
	names := make([]string, len(subnets))
	for i, s := range subnets {
		names[i] = answer.Network(s)
	}
	return names
}

func (who *Who) claims(claims []plan.Claim) []jsonHeldClaim {
	list := make([]jsonHeldClaim, len(claims))
	for i := range claims {
		c := &claims[i]
		list[i] = jsonHeldClaim{jsonClaim: claimJSON(c), LastChange: who.lastChange(c.At)}
		if c.Kind == plan.Static && c.Range.From() == c.Range.To() && c.Index != plan.NoIndex {
			list[i].Index = &c.Index
		}
	}
	return list
}

func claimJSON(c *plan.Claim) jsonClaim {
	return newJSONClaim(lint.Party{Owner: c.Owner(), Kind: c.Kind, Range: c.Range, At: c.At, Note: c.Who()})
}

func (who *Who) lastChange(at place.Place) *jsonChange {
	if who.Changed == nil {
		return nil
	}
	change, ok := who.Changed(at)
	if !ok {
		return nil
	}
	return &jsonChange{Author: change.Author.String(), Date: change.When.Format(time.RFC3339), Commit: change.Commit}
}

func jsonSpots(spots []*plan.BlindSpot) []jsonHidden {
	list := make([]jsonHidden, len(spots))
	for i, s := range spots {
		what := s.What
		if s.Message != "" {
			what = s.Message
		}
		list[i] = jsonHidden{s.Owner.Director, s.Owner.Deployment, s.Variable, what, s.At.File, s.At.Line, s.At.Column}
	}
	return list
}

func jsonFailures(failures []trouble.Trouble) []jsonFailure {
	list := make([]jsonFailure, len(failures))
	for i, f := range failures {
		list[i] = jsonFailure{f.Message, f.At.File, f.At.Line, f.At.Column, f.Hint}
	}
	return list
}
