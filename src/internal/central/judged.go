package central

import (
	"context"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// judged is a picture judged with bookings, which change more often than what was pushed.
type judged struct {
	of     *Picture
	booked map[string]*ledger.Records
	// at is by the plan's clock; made and took are of real time.
	at     time.Time
	made   time.Time
	took   time.Duration
	result *Picture
}

// busy is how long judging may take without being done seldom.
const busy = 50 * time.Millisecond

// Judged is a picture whose findings are those of the bookings as well: as lint of a team
// has them, which sees the bookings. With lately, bookings of the last moments may be
// missing, so that a server whose bookings change all the time does nothing else.
func (p *Plan) Judged(ctx context.Context, picture *Picture, lately bool) (*Picture, error) {
	if p.Booked == nil {
		return picture, nil
	}
	p.judging.Lock() // others would do the same work
	defer p.judging.Unlock()
	if was := p.judged; lately && was.of == picture && was.took > busy && time.Since(was.made) < 20*was.took {
		return was.result, nil
	}
	booked, err := p.Booked(ctx)
	if err != nil {
		return nil, fmt.Errorf("the bookings cannot be read: %w", err)
	}
	if p.judged.of == picture && maps.Equal(p.judged.booked, booked) && p.Now().Sub(p.judged.at) < fresh {
		return p.judged.result, nil
	}
	start := time.Now()
	facts := survey.BookingFacts(picture.Plan, picture.file, slices.Concat(recordsOf(booked), picture.movedOf(booked), picture.Told), p.Now())
	facts.Severities = picture.severities
	found := p.accepted(picture.file, lint.Run(facts, lint.BookingRules()))
	p.judged = judged{picture, booked, p.Now(), time.Now(), time.Since(start), picture.with(found)}
	return p.judged.result, nil
}

// recordsOf are all bookings, with a place.
func recordsOf(booked map[string]*ledger.Records) []bookfile.PoolBookings {
	var list []bookfile.PoolBookings
	for _, name := range slices.Sorted(maps.Keys(booked)) {
		pool := bookfile.PoolBookings{Pool: name}
		for b := range booked[name].All() {
			record := booked[name].Record(b.Range)
			record.At = bookingsAt(name)
			pool.Records = append(pool.Records, record)
		}
		list = append(list, pool)
	}
	return list
}

// movedOf are those of the picture's moved bookings that are still taken, or rest.
func (p *Picture) movedOf(booked map[string]*ledger.Records) []bookfile.PoolBookings {
	var list []bookfile.PoolBookings
	for _, moved := range p.Moved {
		if rs := booked[moved.Pool]; rs != nil {
			moved.Records = kept(moved.Pool, rs, func(r netip.Prefix) bool {
				return slices.ContainsFunc(moved.Records, func(o ledger.Record) bool { return o.Range == r })
			})
			list = append(list, moved)
		}
	}
	return list
}

// bookingsAt is where the bookings of a pool are written.
func bookingsAt(pool string) place.Place { return place.Place{File: "the bookings of pool " + pool} }

// with is the picture with more findings.
func (p *Picture) with(found []lint.Finding) *Picture {
	return &Picture{
		Tag: p.Tag, Plan: p.Plan, outside: p.outside, Pools: p.Pools, Lost: p.Lost, Moved: p.Moved, Told: p.Told, Damaged: p.Damaged, Vanished: p.Vanished, Required: p.Required, Findings: lint.Sort(slices.Concat(p.Findings, found)),
		Under: p.Under, Failures: p.Failures, Unread: p.Unread, InFleetFile: p.InFleetFile, Strangers: p.Strangers, Shared: p.Shared, Pushed: p.Pushed, Own: p.Own,
		Directors: p.Directors, maxAges: p.maxAges, Answers: p.Answers, file: p.file, severities: p.severities,
	}
}
