package answer

import (
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// Reason says why an address is not offered.
type Reason uint8

// The reasons, in the order in which an address that has several counts.
const (
	// ReasonOutside: it is not in the scope.
	ReasonOutside Reason = iota + 1
	// ReasonEdge: it is the first or the last of a subnet's range.
	ReasonEdge
	// ReasonInUse: somebody has it.
	ReasonInUse
	// ReasonInfrastructure: it is a gateway or a DNS server, or kept by the cloud.
	ReasonInfrastructure
	// ReasonBooked: somebody booked it, or it rests after that.
	ReasonBooked
	// ReasonPool: a director may hand it out.
	ReasonPool
	// ReasonUnsure: it may be somebody's who hides.
	ReasonUnsure
	// ReasonAnswered: a station answered for it on the wire.
	ReasonAnswered
	// ReasonUnscanned: the scans did not ask for it, or proved nothing.
	ReasonUnscanned
	// ReasonNotDelegated: no pool delegates it, or none that was asked for.
	ReasonNotDelegated
)

var reasonNames = [...]string{
	ReasonOutside: "outside", ReasonEdge: "edge", ReasonInUse: "in-use", ReasonInfrastructure: "infrastructure", ReasonBooked: "booked",
	ReasonPool: "pool", ReasonUnsure: "unsure", ReasonAnswered: "answered", ReasonUnscanned: "unscanned",
	ReasonNotDelegated: "not-delegated",
}

// String is the reason's name in JSON.
func (r Reason) String() string {
	if int(r) < len(reasonNames) && reasonNames[r] != "" {
		return reasonNames[r]
	}
	return "unknown"
}

// Obstacle is one thing that keeps an address from being offered.
type Obstacle struct {
	Reason Reason
	// Claim is what takes the address, for reasons that are claims.
	Claim *plan.Claim
	// Subnet is the one whose edge it is.
	Subnet *plan.Subnet
	// Spot is what may have it and hides.
	Spot *plan.BlindSpot
	// Pool excepts it, or delegates it to somebody else or, Elsewhere, in another
	// segment.
	Pool      *Pool
	Elsewhere bool
	// Scan and Heard are what a scan saw at the address.
	Scan  *Scan
	Heard *Heard
}

// Verdict is whether an address may be taken.
type Verdict struct {
	Offer
	// Obstacles are all that stand against it; with none it is free.
	Obstacles []Obstacle
}

// Why returns everything that keeps an address from being offered.
func Why(p *plan.Plan, q Question, a netip.Addr) Verdict {
	f := newFree(p, q)
	v := Verdict{Offer: f.offer(a)}
	if !f.base.Contains(a) {
		v.Obstacles = []Obstacle{{Reason: ReasonOutside}}
		return v
	}
	v.Obstacles = f.ofSubnets(a)
	for _, c := range f.claims {
		if f.takes(c) && c.Range.Contains(a) {
			v.Obstacles = append(v.Obstacles, Obstacle{Reason: reasonOf(c), Claim: c})
		}
	}
	v.Obstacles = append(v.Obstacles, f.ofSpots(a)...)
	v.Obstacles = append(v.Obstacles, f.ofScans(a)...)
	if f.delegated() {
		v.Obstacles = append(v.Obstacles, f.ofPools(a)...)
	}
	slices.SortStableFunc(v.Obstacles, func(x, y Obstacle) int { return int(x.Reason) - int(y.Reason) })
	return v
}

// ofSubnets are the obstacles that lie in the form of subnets.
func (f *free) ofSubnets(a netip.Addr) []Obstacle {
	var list []Obstacle
	for _, s := range f.near {
		if !s.Range.Contains(a) {
			continue
		}
		if a == s.Range.Masked().Addr() || a == netipx.PrefixLastIP(s.Range) {
			list = append(list, Obstacle{Reason: ReasonEdge, Subnet: s})
		}
	}
	return list
}

// ofSpots are the obstacles that hide.
func (f *free) ofSpots(a netip.Addr) []Obstacle {
	var list []Obstacle
	for _, h := range f.hidden {
		if f.AllowUnsure || !h.Range.Contains(a) || !f.takes(h.Claim) {
			continue
		}
		if !slices.ContainsFunc(list, func(o Obstacle) bool { return o.Spot == h.spot }) {
			list = append(list, Obstacle{Reason: ReasonUnsure, Spot: h.spot})
		}
	}
	return list
}

// Unsure reports whether nothing that can be seen stands against the address, and
// yet somebody may have it.
func (v *Verdict) Unsure() bool {
	for _, o := range v.Obstacles {
		if o.Reason != ReasonUnsure {
			return false
		}
	}
	return len(v.Obstacles) > 0
}

// Hidden are the spots that leave the verdict open; none where it is settled.
func (v *Verdict) Hidden() []*plan.BlindSpot {
	if !v.Unsure() {
		return nil
	}
	var list []*plan.BlindSpot
	for _, o := range v.Obstacles {
		list = append(list, o.Spot)
	}
	return list
}

// ofPools says why no wanted pool delegates a; nothing if one does.
func (f *free) ofPools(a netip.Addr) []Obstacle {
	var list []Obstacle
	for i := range f.Pools {
		p := &f.Pools[i]
		if f.wants(p) && f.delegations[i].Contains(a) {
			return nil
		}
		if inside, excepted := p.Names(a); inside {
			list = append(list, Obstacle{Reason: ReasonNotDelegated, Pool: p, Elsewhere: f.wants(p) && !excepted})
		}
	}
	if len(list) == 0 {
		list = append(list, Obstacle{Reason: ReasonNotDelegated})
	}
	return list
}

// Text says what the obstacle to taking a is, as a clause: "instance web/0 of
// deployment cf (director promo) has it".
func (o Obstacle) Text(a netip.Addr) string {
	switch o.Reason {
	case ReasonOutside:
		return "it is not among the addresses that were asked for"
	case ReasonEdge:
		which := "last"
		if a == o.Subnet.Range.Masked().Addr() {
			which = "first"
		}
		return "it is the " + which + " address of " + o.Subnet.Label()
	case ReasonInUse:
		one := netipx.IPRangeFrom(a, a)
		c := narrowed(o.Claim, one)
		return c.Who() + " has it"
	case ReasonInfrastructure:
		if o.Claim.Kind == plan.CloudKept {
			return "it is kept by " + o.Claim.Who()
		}
		return "it is " + o.Claim.Who()
	case ReasonBooked:
		return "there is " + o.Claim.Who()
	case ReasonPool:
		return o.Claim.Who() + " " + PoolUse(o.Claim.Kind)
	case ReasonUnsure:
		return "nobody knows whether it is taken: " + o.Spot.Text()
	case ReasonAnswered:
		return strings.Join(o.Heard.Stations, ", ") + " answered for it in " + o.Scan.File
	case ReasonUnscanned:
		return "no scan proved anything about it: it was not asked for, or only a station answered that answers for everything"
	case ReasonNotDelegated:
		return o.poolText(a)
	}
	return o.Reason.String()
}

// poolText says what the pools have against a.
func (o Obstacle) poolText(a netip.Addr) string {
	if o.Pool == nil {
		return "no pool of the fleet file delegates it"
	}
	if o.Elsewhere {
		return "the pool of " + o.Pool.Label() + " delegates it in segment " + o.Pool.Segment + " only"
	}
	if _, excepted := o.Pool.Names(a); excepted {
		return "the pool of " + o.Pool.Label() + " excepts it"
	}
	return "it is delegated to " + o.Pool.Label() + ", which is not what was asked for"
}

// Label names the pool for people: "team database, for virtual addresses".
func (p *Pool) Label() string {
	label := "team " + p.Team
	if p.Purpose != "" {
		label += ", for " + p.Purpose
	}
	return label
}

// PoolUse says what a director does with the addresses of a pool.
func PoolUse(k plan.Kind) string {
	switch k {
	case plan.StaticPool:
		return "keeps it for static_ips"
	case plan.Compilation:
		return "hands it out by itself, to compilation VMs too"
	default:
		return "hands it out by itself"
	}
}
