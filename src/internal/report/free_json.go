package report

import (
	"io"
	"time"

	"github.com/ipguard/ipguard/src/internal/answer"
)

// The JSON shape of free.
type (
	jsonFree struct {
		Version    int           `json:"version"`
		Asked      string        `json:"asked"`
		Count      int           `json:"count"`
		Contiguous bool          `json:"contiguous"`
		Withheld   bool          `json:"withheld"`
		Free       []jsonOffer   `json:"free"`
		Verdicts   []jsonVerdict `json:"verdicts"`
		Segments   []jsonSegment `json:"segments"`
		// MoreSegments counts those that are left out.
		MoreSegments int      `json:"more_segments,omitempty"`
		Directors    []string `json:"directors"`
		InUse        int      `json:"in_use"`
		MayHandOut   int      `json:"may_hand_out"`
		// Left counts all free addresses; a number too large for some readers is text.
		Left    string        `json:"left"`
		Refused []jsonRefused `json:"refused"`
		Files   []string      `json:"files"`
		// Snapshots are what directors said of themselves, and when.
		Snapshots []jsonSaid    `json:"snapshots"`
		Scans     []jsonScanned `json:"scans"`
		Hidden    []jsonHidden  `json:"hidden"`
		Failures  []jsonFailure `json:"failures"`
		// Server is there where one told of others: its URL, and when it did.
		Server *jsonServer `json:"server,omitempty"`
		// Stale is there when a server does not answer, and what it said before is used.
		Stale *jsonStale `json:"stale,omitempty"`
	}
	jsonServer struct {
		URL  string `json:"url"`
		AsOf string `json:"as_of"`
	}
	jsonOffer struct {
		Address string      `json:"address"`
		Pool    *jsonPool   `json:"pool"`
		Static  *jsonClaim  `json:"static"`
		KeptOff []jsonClaim `json:"kept_off"`
	}
	jsonVerdict struct {
		Address   string         `json:"address"`
		Free      bool           `json:"free"`
		Offer     *jsonOffer     `json:"offer"`
		Obstacles []jsonObstacle `json:"obstacles"`
	}
	jsonObstacle struct {
		Reason string     `json:"reason"`
		Text   string     `json:"text"`
		Claim  *jsonClaim `json:"claim"`
		File   string     `json:"file"`
		Line   int        `json:"line"`
		Column int        `json:"column"`
	}
	jsonSaid struct {
		Director  string   `json:"director"`
		File      string   `json:"file"`
		Collected string   `json:"collected"`
		Unseen    []string `json:"unseen"`
	}
	jsonScanned struct {
		File      string    `json:"file"`
		Prefix    string    `json:"prefix"`
		Segment   string    `json:"segment"`
		Interface string    `json:"interface"`
		Answered  int       `json:"answered"`
		Finished  time.Time `json:"finished"`
		Stale     bool      `json:"stale"`
	}
	jsonRefused struct {
		Reason string `json:"reason"`
		Count  string `json:"count"`
	}
)

// WriteFreeJSON writes the answer as JSON.
func WriteFreeJSON(w io.Writer, f Free) error {
	segments := f.Segments[:min(len(f.Segments), mostSegments)]
	out := jsonFree{
		Version: jsonVersion, Asked: f.Question.Scope.Name, Count: f.Question.Count, Contiguous: f.Question.Contiguous, Withheld: f.Withheld,
		Free: []jsonOffer{}, Verdicts: []jsonVerdict{}, Segments: make([]jsonSegment, len(segments)), MoreSegments: len(f.Segments) - len(segments), Directors: append([]string{}, f.Directors...),
		InUse: f.InUse, MayHandOut: f.Owned, Left: f.Left.String(), Refused: make([]jsonRefused, len(f.Tally)),
		Files: append([]string{}, f.Files...), Snapshots: make([]jsonSaid, len(f.Said)), Scans: make([]jsonScanned, len(f.Scans)), Hidden: jsonSpots(f.Hidden), Failures: jsonFailures(f.Failures), Stale: staleJSON(f.Stale),
	}
	if f.Server != "" {
		out.Server = &jsonServer{f.Server, f.AsOf.UTC().Format(time.RFC3339)}
	}
	for i, s := range segments {
		out.Segments[i] = newJSONSegment(s)
	}
	for i, t := range f.Said {
		out.Snapshots[i] = jsonSaid{t.Director, t.File, t.Collected.UTC().Format(time.RFC3339), append([]string{}, t.Unseen...)}
	}
	for i, c := range f.Tally {
		out.Refused[i] = jsonRefused{c.Reason.String(), c.Size.String()}
	}
	for i, s := range f.Scans {
		out.Scans[i] = jsonScanned{s.File, s.Prefix.String(), s.Segment, s.Interface, s.Answered, s.Finished, s.Stale}
	}
	for _, v := range f.Verdicts {
		out.Verdicts = append(out.Verdicts, verdictJSON(v, f.Withheld))
	}
	if f.Verdicts == nil && !f.Withheld {
		for _, o := range f.Offers.Offers {
			out.Free = append(out.Free, offerJSON(o))
		}
	}
	return encodeJSON(w, out)
}

func offerJSON(o answer.Offer) jsonOffer {
	j := jsonOffer{Address: o.Address.String(), KeptOff: []jsonClaim{}}
	if o.Pool != nil {
		pool := newJSONPool(o.Pool)
		j.Pool = &pool
	}
	if o.Static != nil {
		static := claimJSON(o.Static)
		j.Static = &static
	}
	for _, c := range o.KeptOff {
		j.KeptOff = append(j.KeptOff, claimJSON(c))
	}
	return j
}

func verdictJSON(v answer.Verdict, withheld bool) jsonVerdict {
	j := jsonVerdict{Address: v.Address.String(), Free: len(v.Obstacles) == 0 && !withheld, Obstacles: []jsonObstacle{}}
	if j.Free {
		offer := offerJSON(v.Offer)
		j.Offer = &offer
	}
	for _, o := range v.Obstacles {
		at := obstaclePlace(o)
		obstacle := jsonObstacle{Reason: o.Reason.String(), Text: o.Text(v.Address), File: at.File, Line: at.Line, Column: at.Column}
		if o.Claim != nil {
			claim := claimJSON(o.Claim)
			obstacle.Claim = &claim
		}
		j.Obstacles = append(j.Obstacles, obstacle)
	}
	return j
}
