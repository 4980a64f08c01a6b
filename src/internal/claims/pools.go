package claims

import (
	"fmt"
	"iter"
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// This file owns what a manual subnet sets aside, keeps for static_ips and hands out by itself.

// manual adds what a manual subnet says about its addresses.
func (b *builder) manual(s *plan.Subnet, read *bosh.Subnet, owner plan.Owner, own []bosh.Block, pool plan.Kind, handsOut bool) {
	if !read.Range.IsValid() {
		if read.Gateway.IsValid() && b.parts[read].has(bosh.HidesRange) {
			b.add(plan.Gateway, owner, s, netipx.IPRangeFrom(read.Gateway, read.Gateway), read.GatewayAt)
		}
		return
	}
	if read.Gateway.IsValid() {
		b.add(plan.Gateway, owner, s, netipx.IPRangeFrom(read.Gateway, read.Gateway), read.GatewayAt)
	}
	for _, dns := range read.DNS {
		if netipx.RangeOfPrefix(read.Range).Overlaps(dns.Range) {
			b.add(plan.DNS, owner, s, dns.Range, dns.At)
		}
	}
	b.plan.Claims = slices.Grow(b.plan.Claims, 2*len(read.Reserved)) // and about as many gaps
	b.blocks(plan.Reserved, owner, s, read.Reserved)
	b.keptByCloud(s, owner, read)
	if !handsOut {
		return
	}
	restricted := restrictedRanges(read, own)
	b.staticPool(s, read, owner, restricted)
	before := len(b.plan.Claims)
	b.dynamicPool(s, read, owner, restricted, pool)
	hidden := b.parts[read]
	if hidden.has(bosh.HidesStatic) {
		for i := before; i < len(b.plan.Claims); i++ {
			b.pending[read] = append(b.pending[read], b.plan.Claims[i])
			b.plan.Claims[i].EitherPool = true
		}
		b.mayBeStatic(s, read, owner, restricted)
	}
	if hidden.has(bosh.HidesReserved) || hidden.has(bosh.HidesPrefix) {
		b.setAside(read, before)
	}
}

// keptByCloud adds what the cloud is certain to keep beside what no director hands
// out anyway.
func (b *builder) keptByCloud(s *plan.Subnet, owner plan.Owner, read *bosh.Subnet) {
	if r, ok := keptBesideGateway(s); ok {
		b.add(plan.CloudKept, owner, s, r, read.RangeAt)
	}
	perhaps := s.IfCloudKeeps()
	if perhaps == nil {
		return
	}
	if r, ok := keptBesideGateway(perhaps); ok {
		variable, _ := bosh.VariableIn(s.Identity.Hidden)
		spot := plan.BlindSpot{
			Owner: owner, What: fmt.Sprintf("the %s of network %s", s.Identity.HiddenKey, s.Network), Variable: variable, Reason: plan.NoValue, At: s.At,
			May: []plan.Claim{{Range: r, Kind: plan.CloudKept, Holder: owner.Held(), Subnet: s, At: read.RangeAt}},
		}
		if variable == "" {
			spot.Reason = plan.Withheld
		}
		b.plan.BlindSpots = append(b.plan.BlindSpots, spot)
	}
}

// keptBesideGateway are the first addresses of a subnet that its cloud keeps for certain,
// after the gateway.
func keptBesideGateway(s *plan.Subnet) (netipx.IPRange, bool) {
	_, first, _, ok := s.KeptBy()
	if !ok || !s.KeepsHead() || first.To().Compare(s.Gateway) <= 0 {
		return netipx.IPRange{}, false
	}
	return netipx.IPRangeFrom(s.Gateway.Next(), first.To()), true
}

// restrictedRanges are what the subnet never hands out, merged.
func restrictedRanges(read *bosh.Subnet, own []bosh.Block) []netipx.IPRange {
	list := make([]netipx.IPRange, 0, len(read.Reserved)+len(own)+3)
	whole := netipx.RangeOfPrefix(read.Range)
	for _, a := range []netip.Addr{whole.From(), whole.To(), read.Gateway} {
		if a.IsValid() {
			list = append(list, netipx.IPRangeFrom(a, a))
		}
	}
	for _, blocks := range [][]bosh.Block{read.Reserved, own} {
		for _, block := range blocks {
			list = append(list, block.Range)
		}
	}
	return merged(list)
}

// restrictedSet is the same as a set.
func restrictedSet(read *bosh.Subnet, own []bosh.Block) *netipx.IPSet {
	var set netipx.IPSetBuilder
	for _, r := range restrictedRanges(read, own) {
		set.AddRange(r)
	}
	return built(&set)
}

// merged sorts ranges and joins those that overlap or follow each other. It reuses the
// slice: of a million entries there is one list.
func merged(list []netipx.IPRange) []netipx.IPRange {
	slices.SortFunc(list, func(a, b netipx.IPRange) int { return a.From().Compare(b.From()) })
	kept := list[:0]
	for _, r := range list {
		if n := len(kept); n > 0 && r.From().Compare(kept[n-1].To()) <= 0 || n > 0 && r.From() == kept[n-1].To().Next() {
			if kept[n-1].To().Less(r.To()) {
				kept[n-1] = netipx.IPRangeFrom(kept[n-1].From(), r.To())
			}
			continue
		}
		kept = append(kept, r)
	}
	return kept
}

// gaps yields what of a range lies in none of the taken ones, which are merged.
func gaps(whole netipx.IPRange, taken []netipx.IPRange) iter.Seq[netipx.IPRange] {
	return func(yield func(netipx.IPRange) bool) {
		from := whole.From()
		first, _ := slices.BinarySearchFunc(taken, from, func(r netipx.IPRange, from netip.Addr) int { return r.To().Compare(from) })
		for _, r := range taken[first:] {
			if whole.To().Less(r.From()) {
				break
			}
			if from.Less(r.From()) && !yield(netipx.IPRangeFrom(from, r.From().Prev())) {
				return
			}
			if from = r.To().Next(); !from.IsValid() || whole.To().Less(from) {
				return
			}
		}
		yield(netipx.IPRangeFrom(from, whole.To()))
	}
}

// built returns the builder's set. A builder fails only on invalid addresses,
// and readers hand on valid ones alone.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}

func (b *builder) staticPool(s *plan.Subnet, read *bosh.Subnet, owner plan.Owner, restricted []netipx.IPRange) {
	for _, block := range read.Static {
		inside, ok := within(read.Range, block.Range)
		if !ok {
			continue
		}
		for r := range gaps(inside, restricted) { // the rest of a block is not looked at
			if r, ok := plan.BlocksFrom(r, read.Prefix); ok {
				b.add(plan.StaticPool, owner, s, r, block.At)
			}
		}
	}
}

// staticBlocks yields what a subnet keeps for static_ips: the blocks that its entries begin.
func staticBlocks(read *bosh.Subnet) iter.Seq[bosh.Block] {
	return func(yield func(bosh.Block) bool) {
		for _, block := range read.Static {
			r, ok := plan.BlocksFrom(block.Range, read.Prefix)
			block.Range = r
			if ok && !yield(block) {
				return
			}
		}
	}
}

// mayBeStatic sets aside what a hidden entry of static may keep beside what the subnet hands
// out anyway: blocks of which but the first address is restricted.
func (b *builder) mayBeStatic(s *plan.Subnet, read *bosh.Subnet, owner plan.Owner, restricted []netipx.IPRange) {
	before := len(b.plan.Claims)
	for r := range gaps(netipx.RangeOfPrefix(read.Range), restricted) {
		whole, _ := plan.WholeBlocks(r, read.Prefix)
		if blocks, ok := plan.BlocksFrom(r, read.Prefix); ok && blocks != whole {
			b.add(plan.StaticPool, owner, s, blocks, read.RangeAt)
		}
	}
	b.setAside(read, before)
}

func (b *builder) dynamicPool(s *plan.Subnet, read *bosh.Subnet, owner plan.Owner, restricted []netipx.IPRange, kind plan.Kind) {
	taken := restricted
	if len(read.Static) > 0 {
		for block := range staticBlocks(read) {
			taken = append(taken, block.Range)
		}
		taken = merged(taken)
	}
	for r := range gaps(netipx.RangeOfPrefix(read.Range), taken) {
		if r, ok := plan.WholeBlocks(r, read.Prefix); ok {
			b.add(kind, owner, s, r, read.RangeAt)
		}
	}
}

func within(p netip.Prefix, r netipx.IPRange) (netipx.IPRange, bool) {
	if !p.IsValid() || !r.IsValid() {
		return netipx.IPRange{}, false
	}
	whole := netipx.RangeOfPrefix(p)
	if !whole.Overlaps(r) {
		return netipx.IPRange{}, false
	}
	return plan.Intersection(whole, r), true
}
