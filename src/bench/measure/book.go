//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// bookings is how many addresses of the pool are booked.
const bookings = 10_000

// measureBook chooses an address for a new owner in a fleet of 100 directors, 40,000
// static addresses and 10,000 bookings. The peer is free, asked about the same pool.
// Neither reads files or runs git.
func measureBook(s *settings, t *table) error {
	p, pool, records, err := bookedPlan()
	if err != nil {
		return err
	}
	var ours, peers []time.Duration
	for n := range s.runs {
		runtime.GC()
		start := time.Now()
		look := &booking.Look{Plan: p, Pool: pool, Now: time.Now()}
		ask := ledger.Ask{For: ledger.Holder{Owner: fmt.Sprintf("director-00000/new/run-%d", n), Number: -1}, Count: 1, By: "bench"}
		answered, _, err := ledger.Book(pool, records, look.World(ask.For.Owner), ask)
		ours = append(ours, time.Since(start))
		if err != nil || answered.New != 1 {
			return fmt.Errorf("nothing was chosen: %+v, %w", answered.Refusal, err)
		}
		runtime.GC()
		start = time.Now()
		q := answer.Question{Scope: answer.Scope{Subnets: look.Subnets()}, Count: 1, Pools: []answer.Pool{{Team: "t", Delegation: pool.Delegation}}}
		offers := answer.Free(p, q)
		peers = append(peers, time.Since(start))
		if len(offers.Offers) != 1 || offers.Offers[0].Address != answered.Bookings[0].Range.Addr() {
			return fmt.Errorf("free proposes %v, and book gives %v", offers.Offers, answered.Bookings)
		}
	}
	t.durations("choosing an address to book, and proposing one", ours, peers, 1.2)
	return nil
}

// bookedPlan is a plan of 25 sites with 4 directors each, who reserve the upper half
// of their VLAN. There lies the pool of the first site.
func bookedPlan() (*plan.Plan, *ledger.Pool, *ledger.Records, error) {
	var directors []claims.Director
	for i := range 100 {
		prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{10, byte(i / 4), 0, 0}), 16)
		m := member{number: i, prefix: prefix, property: "name", value: fmt.Sprintf("VLAN-%d", i/4), share: shareOf(prefix, i%4, 8), static: 400}
		directors = append(directors, m.director())
	}
	p := claims.Build(directors, nil, func(s *plan.Subnet) (string, plan.Perhaps) { return s.Identity.ID, plan.Perhaps{} })
	pool := &ledger.Pool{Name: "pool", Teams: []string{"t"}}
	pool.Segment = "VLAN-0"
	pool.Ranges = []netipx.IPRange{netipx.MustParseIPRange("10.0.128.0-10.0.255.254")}
	subnet := &plan.Subnet{Network: pool.Name, Segment: pool.Segment}
	p.Subnets = append(p.Subnets, subnet)
	var list []ledger.Record
	since := time.Now().Add(-time.Hour)
	address := netip.MustParseAddr("10.0.128.0")
	for i := range bookings {
		r := netip.PrefixFrom(address, 32)
		owner := fmt.Sprintf("director-00000/deployment-%d/web", i/4)
		list = append(list, ledger.Record{Range: r, Events: []ledger.Event{{At: since, What: ledger.WasBooked, Owner: owner, Number: i % 4, Team: "t"}}})
		p.Claims = append(p.Claims, plan.Claim{
			Range: netipx.RangeOfPrefix(r), Kind: plan.Booked, Holder: &plan.Owner{Property: owner}, Subnet: subnet,
			Detail: &plan.Detail{Booking: &plan.Booking{Pool: pool.Name, Owner: owner, Number: i % 4, State: plan.BookingTaken, Since: since}},
		})
		if address = address.Next(); i%3 == 2 {
			address = address.Next() // a gap now and then
		}
	}
	records, err := ledger.NewRecords(list)
	return p, pool, records, err
}
