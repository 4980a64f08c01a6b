// Package conflicts remembers what two directors, or a director and somebody else, claim
// at once: since when, until when, and who was told.
//
//	picture ──Of──▶ conflicts of now ──Record──▶ tables conflict, message
//
// What a picture does not show has not ended if the picture cannot show it: of a party
// whose files could not be read nobody knows. Such a conflict stays open, unsure.
package conflicts

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/central"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Party is one side of a conflict.
type Party struct {
	Owner string `json:"owner"`
	// Director is whose it is; of an address outside of directors, with which it was told.
	Director string `json:"director,omitempty"`
	// Deployment, Kind and Range are those of its claim.
	Deployment string    `json:"deployment,omitempty"`
	Kind       plan.Kind `json:"kind,omitempty"`
	Range      string    `json:"range,omitempty"`
	// At is where it is written, which not everybody may see.
	At string `json:"at,omitempty"`
}

// Conflict is an error of lint between two parties that cannot see each other.
type Conflict struct {
	// Fingerprint is what it is about.
	Fingerprint string    `json:"-"`
	Rule        string    `json:"rule"`
	Range       string    `json:"range,omitempty"`
	Segment     string    `json:"segment,omitempty"`
	Message     string    `json:"message"`
	Parties     []Party   `json:"parties"`
	Opened      time.Time `json:"-"`
	// Seen is when it was seen last.
	Seen time.Time `json:"-"`
	// Ended is the zero time while it is open, and Unsure while it is known to be.
	Ended, Unsure time.Time `json:"-"`
}

// Of are the conflicts that a judged picture shows, in the order of its findings: those
// that touch a range, or, for the zero range, all.
func Of(p *central.Picture, at netipx.IPRange) []Conflict {
	var list []Conflict
	for i := range p.Findings {
		if f := &p.Findings[i]; f.Severity == lint.Error && touches(f.Range, at) && between(f, p.Directors) {
			list = append(list, conflictOf(f, p))
		}
	}
	return list
}

func touches(r, at netipx.IPRange) bool { return !at.IsValid() || r.IsValid() && r.Overlaps(at) }

// Touches reports whether it is about an address of a range; the zero range: of any.
func (c *Conflict) Touches(at netipx.IPRange) bool {
	r, _ := netipx.ParseIPRange(c.Range) // of some rules it has none
	return touches(r, at)
}

// between reports whether a finding has two sides that are not of one director.
func between(f *lint.Finding, directors []string) bool {
	return slices.ContainsFunc(f.Claims, func(o lint.Party) bool { return side(&o, directors) != side(&f.Claims[0], directors) })
}

// side is whose a claim is: a director's, or that of a name outside of all directors. A
// booking for a director's deployment is the director's.
func side(p *lint.Party, directors []string) plan.Owner {
	if p.Owner.Director != "" {
		return plan.Owner{Director: p.Owner.Director}
	}
	if n := plan.ReadOwnerName(p.Owner.Property); n.Parts > 1 && p.Kind == plan.Booked && slices.Contains(directors, n.Director) {
		return plan.Owner{Director: n.Director}
	}
	return plan.Owner{Property: p.Owner.Property}
}

func conflictOf(f *lint.Finding, p *central.Picture) Conflict {
	c := Conflict{Fingerprint: f.Fingerprint(nil), Rule: f.Rule, Segment: f.Segment, Message: legible.Text(f.Message)}
	if f.Range.IsValid() {
		c.Range = f.Range.String()
	}
	for _, party := range f.Claims {
		v := Party{
			Director: p.Teller(party.Owner, party.At), Deployment: party.Owner.Deployment, Kind: party.Kind, At: party.At.String(),
		}
		switch {
		case party.Owner == (plan.Owner{}): // a pool that demands something
			v.Owner = party.Note
		case party.Kind == plan.Booked:
			v.Owner = bookingFor + party.Owner.Property
		case party.Claim != nil: // its number is that of the instance
			v.Owner = party.Claim.Who()
		default:
			v.Owner = (&plan.Claim{Holder: party.Owner.Held(), Kind: party.Kind, Index: plan.NoIndex}).Who()
		}
		if party.Range.IsValid() {
			v.Range = party.Range.String()
		}
		c.Parties = append(c.Parties, v)
	}
	return c
}

// Concerns reports whether a director has a part in it.
func (c *Conflict) Concerns(director string) bool {
	return slices.ContainsFunc(c.Parties, func(p Party) bool { return p.Director == director })
}

// MayGoOn reports whether a conflict that the picture does not show may be there all the
// same: because nothing of the plan as a whole is known, or because of one of its
// parties something cannot be seen where its claim was. It is over when one of them is
// seen to have left, whatever hides of the others.
func (c *Conflict) MayGoOn(p *central.Picture) bool {
	if len(p.Failures) > 0 {
		return true
	}
	at, err := netipx.ParseIPRange(c.Range)
	if err != nil {
		at = netipx.IPRange{}
	}
	hides := false
	for _, party := range c.Parties {
		if party.Director == "" {
			continue // whoever is no director hides nothing, and its claim is no push's
		}
		owner := plan.Owner{Director: party.Director, Deployment: party.Deployment}
		switch {
		case p.Plan.MayHide(owner, party.Kind, at):
			hides = true
		case party.isOutside() && !party.shown(p.Plan, at), !party.isOutside() && !p.Plan.Shows(owner, party.Kind, at):
			return false
		}
	}
	return hides
}

// bookingFor begins what the owner of a booking is called as a party.
const bookingFor = "a booking for "

// isOutside reports whether it is no director's, though it was told with one.
func (p *Party) isOutside() bool { return p.Kind == plan.External || p.Kind == plan.Booked }

// shown reports whether who is outside of directors is seen to have an address of r; with r
// invalid, any.
func (p *Party) shown(in *plan.Plan, r netipx.IPRange) bool {
	return slices.ContainsFunc(in.Claims, func(c plan.Claim) bool {
		return c.Kind == p.Kind && (c.Who() == p.Owner || bookingFor+c.Owner().Property == p.Owner) && (!r.IsValid() || c.Range.Overlaps(r))
	})
}

// changes are what a picture makes of the open conflicts.
type changes struct {
	opened, seen, unsure, ended []Conflict
}

// compare holds the open conflicts against a picture of now. Every open conflict is in
// one of the lists, and every one of now that was not open is opened.
func compare(open []Conflict, p *central.Picture, now time.Time) changes {
	var c changes
	before := map[string]*Conflict{}
	for i := range open {
		before[open[i].Fingerprint] = &open[i]
	}
	shown := map[string]bool{}
	for _, is := range Of(p, netipx.IPRange{}) {
		if shown[is.Fingerprint] {
			continue
		}
		shown[is.Fingerprint] = true
		is.Opened, is.Seen = now, now
		if was := before[is.Fingerprint]; was != nil {
			is.Opened = was.Opened
			c.seen = append(c.seen, is)
			continue
		}
		c.opened = append(c.opened, is)
	}
	for _, was := range open {
		switch {
		case shown[was.Fingerprint]:
		case was.MayGoOn(p):
			if was.Unsure.IsZero() {
				was.Unsure = now
			}
			c.unsure = append(c.unsure, was)
		default:
			was.Ended = now
			c.ended = append(c.ended, was)
		}
	}
	slices.SortFunc(c.ended, func(a, b Conflict) int { return strings.Compare(a.Fingerprint, b.Fingerprint) })
	return c
}

// Digest is the same for pictures that show the same conflicts as of the same pushes.
func Digest(p *central.Picture) string {
	h := sha256.New()
	for _, push := range p.Pushed {
		fmt.Fprintf(h, "%q %d\n", push.Director, push.Version)
	}
	for _, c := range Of(p, netipx.IPRange{}) {
		fmt.Fprintf(h, "%s %q %q\n", c.Fingerprint, c.Message, c.Parties)
	}
	fmt.Fprint(h, len(p.Failures), len(p.Unread))
	return hex.EncodeToString(h.Sum(nil))
}
