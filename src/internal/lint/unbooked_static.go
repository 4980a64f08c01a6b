package lint

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
)

// UnbookedStaticID is the rule that a booking cures.
const UnbookedStaticID = "unbooked-static"

var unbookedStatic = Rule{
	ID:       UnbookedStaticID,
	Severity: Error,
	Family:   FamilyFleet,
	Title:    "a static address of a pool whose addresses have to be booked is not booked",
	Doc:      page(UnbookedStaticID),
	Run:      runUnbookedStatic,
}

func runUnbookedStatic(f *Facts, report func(Finding)) {
	for i := range f.Pools {
		p := &f.Pools[i]
		if !p.Books {
			continue
		}
		list, single := f.unbooked(p)
		for _, u := range list {
			report(Finding{
				Range:      u.Range,
				Message:    fmt.Sprintf("%s, %s, is not booked, as pool %s demands", plan.RangeText(u.Range), who(&u), p.Name),
				Claims:     []Party{party(&u, who(&u)), {At: p.At, Note: "addresses of this pool have to be booked"}},
				Why:        "who looks for an address there sees no booking, and may be given this one before the manifest is merged",
				Suggestion: f.bookThese(p, &u, single[u.OwnerText()]),
			})
		}
	}
}

// unbookedPart is what of a claim lies in a range of the pool, and is neither booked
// nor told of by another rule.
func (f *Facts) unbookedPart(p *Pool, c *plan.Claim, within netipx.IPRange) *netipx.IPSet {
	var set netipx.IPSetBuilder
	if p.Segment != "" && !(&plan.Subnet{Segment: p.Segment}).Meets(c) {
		return built(&set)
	}
	set.AddRange(plan.Intersection(c.Range, within))
	for _, r := range p.Except {
		set.RemoveRange(r)
	}
	for o := range f.Space.Claims(c.Range) {
		if o.Kind == plan.Booked && (o.Booking().State == plan.BookingTaken || plan.Means(o.Booking().Owner, c)) {
			set.RemoveRange(o.Range) // booked, by whomever: booked-by-other tells, or released-in-use
		}
	}
	for _, may := range f.Blindness.Reaching(c.Subnet, c.Range) {
		if may.Kind == plan.Booked {
			set.RemoveRange(may.Range) // its booking may be the one that cannot be read
		}
	}
	for i := range f.Over {
		if o := &f.Over[i]; plan.Means(o.Booking().Owner, c) {
			set.RemoveRange(o.Range) // released-in-use
		}
	}
	return built(&set)
}

// unbooked are the parts of claims that have to be booked and are not, and the addresses
// among them that stand alone, by owner: who books one of them wants all.
func (f *Facts) unbooked(p *Pool) (list []plan.Claim, single map[string][]netip.Addr) {
	single = map[string][]netip.Addr{}
	for part := range f.unbookedParts(p) {
		if p.segmentHides(&part) {
			continue
		}
		list = append(list, part)
		if owner, r := part.OwnerText(), part.Range; r.From() == r.To() && !slices.Contains(single[owner], r.From()) {
			single[owner] = append(single[owner], r.From())
		}
	}
	return list, single
}

// unbookedParts yields what the pool may demand that it is booked, and is not.
func (f *Facts) unbookedParts(p *Pool) iter.Seq[plan.Claim] {
	return func(yield func(plan.Claim) bool) {
		for _, within := range p.Ranges {
			for c := range f.Space.Claims(within) {
				if !isBooked(c.Kind) {
					continue
				}
				for _, r := range f.unbookedPart(p, c, within).Ranges() {
					part := *c
					if part.Range = r; !yield(part) {
						return
					}
				}
			}
		}
	}
}

// isBooked reports whether pools demand bookings of such claims.
func isBooked(kind plan.Kind) bool {
	return kind == plan.Static || kind == plan.CreateEnvVM || kind == plan.VIP
}

// segmentHides reports whether a variable hides whether a claim is in the segment of the pool.
func (p *Pool) segmentHides(c *plan.Claim) bool {
	return p.Segment != "" && contactOf(&plan.Subnet{Segment: p.Segment}, c.Subnet).Relation == plan.Unseen
}

// mayBeUnbooked reports whether what hides in a spot that the run judges may be an
// address that has to be booked, and that its owner has not booked.
func (f *Facts) mayBeUnbooked(spot *plan.BlindSpot) bool {
	if f.Targets.Some && !f.judges(spot.Owner, spot.At) {
		return false
	}
	for i := range spot.May {
		c := &spot.May[i]
		if !isBooked(c.Kind) {
			continue
		}
		for j := range f.Pools {
			p := &f.Pools[j]
			for _, r := range p.Ranges {
				if p.Books && c.Range.Overlaps(r) && !f.unbookedPart(p, c, r).Equal(&netipx.IPSet{}) {
					return true
				}
			}
		}
	}
	return false
}

// mostBooked is how many addresses a command names that books them.
const mostBooked = 16

// bookThese is the command that books what a claim has, with all other single addresses of
// its owner that are not booked: two commands, of which the second is for one address more,
// could not both be followed.
func (f *Facts) bookThese(p *Pool, c *plan.Claim, all []netip.Addr) string {
	owner := c.OwnerText()
	if c.Range.From() != c.Range.To() || owner == "" || len(all) > mostBooked {
		return "book what is in use already:\nipguard adopt " + quotedArgument(p.Name)
	}
	return "book it:\n" + f.bookAddresses(p.Name, owner, all...)
}

// bookAddresses is the command that books addresses for an owner, besides what it has.
func (f *Facts) bookAddresses(pool, owner string, all ...netip.Addr) string {
	options := ""
	for _, a := range all {
		options += " --address " + a.String()
	}
	if n := f.bookedFor(pool, owner); n > 0 {
		options += fmt.Sprintf(" -n %d", n+len(all))
	}
	return BookCommand(pool, owner, options)
}

// bookedFor counts the addresses that an owner has booked in a pool.
func (f *Facts) bookedFor(pool, owner string) int {
	n := 0
	for i := range f.Plan.Claims {
		if b := f.Plan.Claims[i].Booking(); b != nil && b.Pool == pool && seal.Same(b.Owner, owner) && b.State == plan.BookingTaken {
			n++
		}
	}
	return n
}

// quotedArgument is a word as a shell takes it.
func quotedArgument(text string) string {
	plain := func(r rune) bool {
		return r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:%@+,", r)
	}
	if text != "" && !strings.ContainsFunc(text, func(r rune) bool { return !plain(r) }) {
		return text
	}
	return "'" + strings.ReplaceAll(text, "'", `'\''`) + "'"
}
