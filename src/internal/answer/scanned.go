package answer

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Scan is what a scan of the wire saw: evidence beside the plan. Who answered has
// the address, whatever the plan says; who was silent may have it all the same.
type Scan struct {
	// File is where it was read from.
	File string
	// Prefix is what was asked for.
	Prefix netip.Prefix
	// Segment is the plan's name of the segment; empty if that is not known, and
	// the scan then counts for every segment that has addresses of Prefix.
	Segment string
	// Heard are the addresses that were answered for.
	Heard []Heard
}

// Heard is one address that was answered for.
type Heard struct {
	Address netip.Addr
	// Stations are who answered, as text.
	Stations []string
	// Proxy says that only stations answered that answer for everything, which
	// says nothing about the address.
	Proxy bool
}

// of reports whether the scan was made in the segment of the subnet.
func (s *Scan) of(segments []*plan.Segment, subnet *plan.Subnet) bool {
	return s.Segment == "" || slices.ContainsFunc(segments, func(g *plan.Segment) bool {
		return strings.EqualFold(g.Name, s.Segment) && g.Contains(subnet)
	})
}

// saw reports whether the scan was made in a segment of the scope.
func (f *free) saw(s *Scan) bool {
	return slices.ContainsFunc(f.Scope.Subnets, func(subnet *plan.Subnet) bool {
		return subnet.Range.Overlaps(s.Prefix) && s.of(f.ofPlan(), subnet)
	})
}

// Foreign returns the scans of a question that say nothing about its scope: they
// asked for other addresses, or in another segment.
func Foreign(p *plan.Plan, q Question) []Scan {
	f := newFree(p, q)
	var list []Scan
	for i := range q.Scans {
		if s := &q.Scans[i]; !f.saw(s) || !f.base.OverlapsPrefix(s.Prefix) {
			list = append(list, *s)
		}
	}
	return list
}

// answered is every address that a station was heard for.
func (f *free) answered() *netipx.IPSet {
	var set netipx.IPSetBuilder
	for i := range f.Scans {
		s := &f.Scans[i]
		if !f.saw(s) {
			continue
		}
		for _, h := range s.Heard {
			if !h.Proxy {
				set.Add(h.Address)
			}
		}
	}
	return built(&set)
}

// unscanned is every address of the scope for which, in one of the segments in
// which it would be taken, no scan asked with an outcome that means something.
func (f *free) unscanned() *netipx.IPSet {
	var set netipx.IPSetBuilder
	for _, subnet := range f.Scope.Subnets {
		var missing netipx.IPSetBuilder
		missing.AddPrefix(subnet.Range)
		for i := range f.Scans {
			if s := &f.Scans[i]; s.of(f.ofPlan(), subnet) {
				missing.RemoveSet(s.meaningful())
			}
		}
		set.AddSet(built(&missing))
	}
	return built(&set)
}

// meaningful is every address whose silence or answer says something about it.
func (s *Scan) meaningful() *netipx.IPSet {
	var set netipx.IPSetBuilder
	set.AddPrefix(s.Prefix)
	for _, h := range s.Heard {
		if h.Proxy {
			set.Remove(h.Address)
		}
	}
	return built(&set)
}

// ofScans are what scans have against a; nothing if there are none.
func (f *free) ofScans(a netip.Addr) []Obstacle {
	var list []Obstacle
	for i := range f.Scans {
		s := &f.Scans[i]
		if h := s.heard(a); h != nil && !h.Proxy && f.saw(s) {
			list = append(list, Obstacle{Reason: ReasonAnswered, Scan: s, Heard: h})
		}
	}
	asked := func(subnet *plan.Subnet) bool {
		return slices.ContainsFunc(f.Scans, func(s Scan) bool {
			h := s.heard(a)
			return s.Prefix.Contains(a) && (h == nil || !h.Proxy) && s.of(f.ofPlan(), subnet)
		})
	}
	if len(f.Scans) > 0 && slices.ContainsFunc(f.Scope.Subnets, func(s *plan.Subnet) bool { return s.Range.Contains(a) && !asked(s) }) {
		list = append(list, Obstacle{Reason: ReasonUnscanned})
	}
	return list
}

// heard returns what the scan heard of a, or nil.
func (s *Scan) heard(a netip.Addr) *Heard {
	i := slices.IndexFunc(s.Heard, func(h Heard) bool { return h.Address == a })
	if i < 0 {
		return nil
	}
	return &s.Heard[i]
}
