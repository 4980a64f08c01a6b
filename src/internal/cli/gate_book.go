package cli

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// deployBooking is what the gate books for a deploy: addresses of a pool with
// book: on-deploy that its manifest asks for and nobody booked.
type deployBooking struct {
	pool   *ledger.Pool
	owner  string
	ranges []netip.Prefix
}

// takeBookings takes the findings out that a booking cures which the gate makes by
// itself, if there is nothing else against the change.
func (g *gateRun) takeBookings(result *lint.Result) {
	if len(result.Failures) > 0 {
		return
	}
	var bookings []deployBooking
	var others []lint.Finding
	for _, f := range result.Findings {
		if b, ok := g.bookingFor(f); ok {
			bookings = joinBooking(bookings, b)
			continue
		}
		if f.Severity >= lint.Error {
			return // it is refused anyway
		}
		others = append(others, f)
	}
	if g.bookings = bookings; len(bookings) > 0 {
		result.SetFindings(others)
	}
}

// bookingFor is the booking that cures a finding.
func (g *gateRun) bookingFor(f lint.Finding) (deployBooking, bool) {
	if len(f.Claims) < 2 {
		return deployBooking{}, false
	}
	pools := g.fleet.Fleet.File.Pools
	i := slices.IndexFunc(pools, func(p fleet.Pool) bool {
		switch {
		case p.Book.Value != fleet.BookOnDeploy:
			return false
		case f.Rule == lint.ReleasedInUseID: // it rests for just this owner
			return p.Key() == g.poolOfBooking(f.Claims[1].At)
		}
		return f.Rule == lint.UnbookedStaticID && p.At == f.Claims[1].At
	})
	owner := (&plan.Claim{Kind: f.Claims[0].Kind, Holder: f.Claims[0].Owner.Held()}).OwnerText()
	if i < 0 || owner == "" {
		return deployBooking{}, false
	}
	b := deployBooking{pool: survey.PoolOf(&pools[i]), owner: owner}
	for _, r := range f.Range.Prefixes() {
		b.ranges = append(b.ranges, b.pool.Units(r)...)
	}
	return b, len(b.ranges) <= ledger.MostAtOnce
}

// poolOfBooking is the pool of the booking that stands at a place.
func (g *gateRun) poolOfBooking(at place.Place) string {
	for _, list := range [][]plan.Claim{g.survey.Facts.Plan.Claims, g.survey.Facts.Over} {
		for i := range list {
			if list[i].Booking() != nil && list[i].At == at {
				return list[i].Booking().Pool
			}
		}
	}
	return ""
}

func joinBooking(list []deployBooking, b deployBooking) []deployBooking {
	for i := range list {
		if list[i].pool.Name == b.pool.Name && list[i].owner == b.owner {
			list[i].ranges = append(list[i].ranges, b.ranges...)
			return list
		}
	}
	return append(list, b)
}

// desk is where the gate books.
func (g *gateRun) desk(ctx context.Context) (*desk, error) {
	d := &desk{picture: &picture{Survey: g.survey, Workspace: g.fleet, files: g.files}, flags: &writeFlags{push: g.options.push}, streams: g.streams, seen: g.seen}
	return d, d.openStore(ctx)
}

// book makes the bookings. What was booked when one of them is refused, is given back.
func (g *gateRun) book(ctx context.Context) error {
	if len(g.bookings) == 0 {
		return nil
	}
	d, err := g.desk(ctx)
	if err != nil {
		return err
	}
	for _, b := range g.bookings {
		if err := d.mayBeOwner(b.owner, b.ranges[0]); err != nil {
			return err
		}
	}
	for i := range g.bookings {
		b := &g.bookings[i]
		if err := g.bookOne(ctx, d, b); err != nil {
			g.bookings = g.bookings[:i]
			g.giveBack(ctx)
			return err
		}
	}
	return nil
}

func (g *gateRun) bookOne(ctx context.Context, d *desk, b *deployBooking) error {
	var answered ledger.Answer
	err := d.store.Update(ctx, b.pool.Name, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		if d.foreign {
			return nil, incomplete("run it again", "the checkout was brought up to date while the change was judged")
		}
		team, no := d.teamFor(b.pool, rs.TeamOf(b.owner)) // it counts for the team that the others do
		if no != "" {
			return nil, end(ExitFindings, noMember, "%s", no)
		}
		ask := ledger.Ask{
			For: ledger.Holder{Owner: b.owner, Number: -1}, Team: team, Count: rs.Count(b.owner) + len(b.ranges), Exactly: b.ranges,
			By: d.by, Why: g.what(),
		}
		answered, entries, err = ledger.Book(b.pool, rs, d.world(b.pool, b.owner), ask)
		if answered.Refusal != nil {
			r := d.refusal(where{pool: b.pool}, ask, answered.Refusal)
			return nil, end(ExitFindings, r.Hint, "%s", strings.Join(append([]string{r.Message}, r.Lines...), ": "))
		}
		return entries, err
	})
	if err != nil {
		return storeError(err)
	}
	fmt.Fprintf(g.streams.Stderr, "ipguard: booked %s of pool %s for %s\n", rangesText(b.ranges), b.pool.Name, b.owner)
	return nil
}

func rangesText(ranges []netip.Prefix) string {
	var texts []string
	for _, r := range ranges {
		texts = append(texts, ledger.RangeText(r))
	}
	return someOf(texts)
}

// giveBack releases what was booked for a deploy that was never begun, but for what
// the fleet's files declare without it.
func (g *gateRun) giveBack(ctx context.Context) {
	if len(g.bookings) == 0 {
		return
	}
	d, err := g.desk(ctx)
	if err != nil {
		fmt.Fprintf(g.streams.Stderr, "ipguard: what was booked is not given back: %s\n", err)
		return
	}
	d.picture.Survey = readToAnswer(g.before)
	for _, b := range g.bookings {
		var changed []ledger.Changed
		err := d.store.Update(ctx, b.pool.Name, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
			changed, entries, err = ledger.Release(b.pool, rs, d.look(b.pool).World(b.owner), b.ranges, d.by, "the deploy was not begun")
			return entries, err
		})
		if err != nil {
			fmt.Fprintf(g.streams.Stderr, "ipguard: %s of pool %s stay booked for %s: %s\n", rangesText(b.ranges), b.pool.Name, b.owner, err)
			continue
		}
		var back []netip.Prefix
		for _, c := range changed {
			if len(c.Kept) > 0 {
				fmt.Fprintf(g.streams.Stderr, "ipguard: %s of pool %s stays booked for %s: in use by %s\n", ledger.RangeText(c.Before.Range), b.pool.Name, b.owner, usersText(c.Kept))
				continue
			}
			back = append(back, c.Before.Range)
		}
		if len(back) > 0 {
			fmt.Fprintf(g.streams.Stderr, "ipguard: gave %s of pool %s back\n", rangesText(back), b.pool.Name)
		}
	}
}
