package lint

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// The rules of this file find addresses that somebody has inside what a
// director may hand out; one rule for each kind, since each is cured elsewhere.

var staticInForeignPool = Rule{
	ID: "static-in-foreign-pool", Severity: Error, Family: FamilyFleet,
	Title: "a static address lies in what another director may hand out",
	Doc:   page("static-in-foreign-pool"),
	Run:   func(f *Facts, report func(Finding)) { f.foreignPools(report, plan.Static, plan.Lease, plan.Orphan) },
}

var createEnvInForeignPool = Rule{
	ID: "create-env-in-foreign-pool", Severity: Error, Family: FamilyFleet,
	Title: "the VM of a create-env manifest lies in what a director may hand out",
	Doc:   page("create-env-in-foreign-pool"),
	Run:   func(f *Facts, report func(Finding)) { f.foreignPools(report, plan.CreateEnvVM, plan.DirectorOwn) },
}

var vipInPool = Rule{
	ID: "vip-in-pool", Severity: Error, Family: FamilyFleet,
	Title: "a virtual address lies in what a director may hand out",
	Doc:   page("vip-in-pool"),
	Run: func(f *Facts, report func(Finding)) {
		f.inPools(report, func(p pooled) bool { return isVIPOfPool(p) && !f.mayBeGateway(p) })
	},
}

var gatewayInPool = Rule{
	ID: "gateway-in-pool", Severity: Error, Family: FamilyFleet,
	Title: "a gateway lies in what a director may hand out",
	Doc:   page("gateway-in-pool"),
	Run: func(f *Facts, report func(Finding)) {
		taken := f.deployedAt(plan.Gateway) // gateway-in-use tells of those
		f.inPools(report, func(p pooled) bool { return isGatewayOfOthers(p, taken) && !f.mayBeGateway(p) })
	},
}

var dnsInPool = Rule{
	ID: "dns-in-pool", Severity: Error, Family: FamilyFleet,
	Title: "a DNS server lies in what a director may hand out",
	Doc:   page("dns-in-pool"),
	Run:   runDNSInPool,
}

// onlyByItself reports whether the director hands the addresses out without being
// asked for them.
func onlyByItself(pool *plan.Claim) bool { return pool.Kind != plan.StaticPool && !pool.EitherPool }

func runDNSInPool(f *Facts, report func(Finding)) {
	deployed := f.deployedAt(plan.DNS)
	f.inPools(func(finding Finding) {
		if finding.Claims[0].Owner.Director == finding.Claims[1].Owner.Director {
			finding.Severity = Warning
		}
		report(finding)
	}, func(p pooled) bool {
		return isResolverOfOthers(p, deployed) && !f.mayBeOfPool(p) && !f.mayBeGateway(p)
	})
}

func isVIPOfPool(p pooled) bool {
	return p.address.Kind == plan.VIP && (foreign(p.overlap) || !leased(p.address) && onlyByItself(p.pool))
}

// isGatewayOfOthers reports whether p is the gateway of another subnet; taken are those that
// a director deploys itself.
func isGatewayOfOthers(p pooled, taken map[ownAddress]bool) bool {
	return p.address.Kind == plan.Gateway && p.address.Subnet != p.pool.Subnet && !taken[p.knownAs()]
}

// isResolverOfOthers reports whether p is a DNS server in what may be handed out by a
// director that does not deploy it.
func isResolverOfOthers(p pooled, deployed map[ownAddress]bool) bool {
	return p.address.Kind == plan.DNS && !deployed[p.knownAs()] && (foreign(p.overlap) || onlyByItself(p.pool))
}

// unjudged are the addresses in pools of which nobody knows whether the pool's director hands
// them out, since a part of what it has hides: a DNS server may be its own, and whatever
// stands there may be the gateway. Each has the kinds that it may be there.
func (f *Facts) unjudged() map[*plan.Claim][]plan.Kind {
	list := map[*plan.Claim][]plan.Kind{}
	resolvers, gateways := f.deployedAt(plan.DNS), f.deployedAt(plan.Gateway)
	for _, o := range f.overlaps() {
		p, ok := asPooled(o)
		if !ok || !onWire(o) || !f.judgesClaim(p.address) && !f.judgesClaim(p.pool) {
			continue
		}
		resolver := isResolverOfOthers(p, resolvers)
		if resolver && f.mayBeOfPool(p) {
			list[p.address] = append(list[p.address], plan.Static)
		}
		if (resolver || isVIPOfPool(p) || isGatewayOfOthers(p, gateways)) && f.mayBeGateway(p) {
			list[p.address] = append(list[p.address], plan.Gateway)
		}
	}
	return list
}

// mayBeGateway reports whether an address in a pool may be the gateway of the pool's subnet,
// which hides, and which its director hands out to nobody. It is asked of what may be one: a
// virtual address, a DNS server, the gateway of another subnet.
func (f *Facts) mayBeGateway(p pooled) bool {
	if f.Blindness == nil || !p.pool.Subnet.HidesGateway() {
		return false
	}
	for _, may := range f.Blindness.Reaching(p.pool.Subnet, p.overlap.Range) {
		if may.Kind == plan.Gateway && may.Subnet == p.pool.Subnet {
			return true
		}
	}
	return false
}

// ownAddress is an address as one director knows it.
type ownAddress struct {
	director string
	address  netip.Addr
}

// knownAs is the address as the pool's director knows it.
func (p pooled) knownAs() ownAddress {
	return ownAddress{p.pool.Owner().Director, p.overlap.Range.From()}
}

// deployedAt returns the gateways or resolvers that a director itself deploys.
func (f *Facts) deployedAt(kind plan.Kind) map[ownAddress]bool {
	deployed := map[ownAddress]bool{}
	for i := range f.overlaps() {
		o := &f.seen[i]
		if o.A.Kind == kind && o.B.Kind.InUse() {
			deployed[ownAddress{o.B.Owner().Director, o.Range.From()}] = true
		}
		if o.B.Kind == kind && o.A.Kind.InUse() {
			deployed[ownAddress{o.A.Owner().Director, o.Range.From()}] = true
		}
	}
	return deployed
}

var externalInPool = Rule{
	ID: "external-in-pool", Severity: Error, Family: FamilyFleet,
	Title: "an address of somebody else lies in what a director may hand out",
	Doc:   page("external-in-pool"),
	Run:   func(f *Facts, report func(Finding)) { f.foreignPools(report, plan.External) },
}

// foreignPools reports addresses of the given kinds in pools of others, but for
// those that the other side uses as well: that is reported as such.
func (f *Facts) foreignPools(report func(Finding), kinds ...plan.Kind) {
	var twice map[*plan.Claim][]rival
	var both commonPools
	f.inPools(report, func(p pooled) bool {
		if !slices.Contains(kinds, p.address.Kind) || !foreign(p.overlap) || sameMachine(p.overlap) || f.mayBeOfPool(p) {
			return false
		}
		if both == nil { // of most fleets there is no such address
			twice, both = claimedTwice(f), f.ownedByBoth()
		}
		return !slices.ContainsFunc(twice[p.address], func(r rival) bool { return r.uses(p) }) && !both.explain(p)
	})
}

// mayBeOfPool reports whether a DNS server, or the machine of a director, may be an
// instance of the pool's director that hides. If it is, its address is handed out to nobody
// else.
func (f *Facts) mayBeOfPool(p pooled) bool {
	if p.address.Kind != plan.DirectorOwn && p.address.Kind != plan.DNS || f.Blindness == nil {
		return false
	}
	for _, may := range f.Blindness.Reaching(p.pool.Subnet, p.overlap.Range) {
		if may.Kind == plan.Static && (may.RunsDirector || p.address.Kind == plan.DNS) && may.Owner().Director == p.pool.Owner().Director {
			return true
		}
	}
	return false
}

// commonPools are the addresses that two networks may both hand out, whichever of
// their versions do.
type commonPools map[[2]plan.Owner][]netipx.IPRange

// networkOf is the network that a claim lies in, all versions of it.
func networkOf(c *plan.Claim) plan.Owner {
	if c.Subnet == nil {
		return plan.Owner{}
	}
	return plan.Owner{Director: c.Subnet.Director, Deployment: c.Subnet.Deployment, Network: c.Subnet.Network}
}

func (f *Facts) ownedByBoth() commonPools {
	common := commonPools{}
	for _, o := range f.overlaps() {
		if o.A.Kind.Pool() && o.B.Kind.Pool() && foreign(o) && onWire(o) {
			for _, pair := range [][2]plan.Owner{{networkOf(o.A), networkOf(o.B)}, {networkOf(o.B), networkOf(o.A)}} {
				common[pair] = append(common[pair], o.Range)
			}
		}
	}
	return common
}

// explain reports whether p is an address that a director granted out of what
// another may hand out too: overlapping-pools tells of the two pools, and each VM
// in them would say the same again.
func (c commonPools) explain(p pooled) bool {
	if p.address.Kind != plan.Lease && p.address.Kind != plan.Orphan {
		return false
	}
	return slices.ContainsFunc(c[[2]plan.Owner{networkOf(p.address), networkOf(p.pool)}], func(r netipx.IPRange) bool {
		return r.Contains(p.overlap.Range.From()) && r.Contains(p.overlap.Range.To())
	})
}

// inPools reports each address in a pool that counts.
func (f *Facts) inPools(report func(Finding), counts func(pooled) bool) {
	var list []pooled
	for _, o := range f.overlaps() {
		p, ok := asPooled(o)
		if ok && onWire(o) && counts(p) {
			list = append(list, p)
		}
	}
	for _, p := range pooledRuns(list) {
		report(f.pooledFinding(p))
	}
}

func (f *Facts) pooledFinding(p pooled) Finding {
	o := p.overlap
	address := *p.address
	address.Range = plan.Union(address.Range, o.Range) // a run of a group's addresses
	owner := who(&address)
	return Finding{
		Range: o.Range, Segment: segmentText(o.Contact),
		Message: fmt.Sprintf("%s, %s, lies in what %s %s on network %s",
			plan.RangeText(o.Range), owner, side(p.pool), use(p.pool.Kind), network(p.pool)),
		Claims: []Party{party(&address, owner), party(p.pool, poolLabel(p.pool))},
		Why:    f.whyAnd("a VM that gets it will fight with whoever has it; ", o.Contact),
		advise: func() string { return paragraphs(f.movePooled(p), f.isolateIfAssumed(o)) },
	}
}

// unlessAskedFor is advice that takes addresses away from a subnet, with what hides of its
// director and may ask for them.
func (f *Facts) unlessAskedFor(advice string, s *plan.Subnet, taken ...netipx.IPRange) string {
	for _, r := range taken {
		if advice == "" {
			break
		}
		if spot := f.Space.MayBeAskedFor(s, r); spot != nil {
			unless := fmt.Sprintf("unless what hides at %s asks for it", spot.At)
			if strings.Contains(advice, "\n") {
				return paragraphs(advice, unless) // below a line to paste
			}
			return advice + ", " + unless
		}
	}
	return advice
}

// movePooled proposes another address, where it is the operator's to choose, or
// else how the pool keeps off.
func (f *Facts) movePooled(p pooled) string {
	keepOff := reserveLine(p.pool.Subnet, f.ofOthersToo(p.pool.Subnet.ReservedAt), p.overlap.Range)
	if p.pool.Kind == plan.StaticPool {
		keepOff = fmt.Sprintf("move %s from static: to reserved: of %s (%s%s)", plan.RangeText(plan.BlocksOf(p.overlap.Range, p.pool.Subnet.Prefix)), p.pool.Subnet.Label(), p.pool.At, f.ofOthersToo(p.pool.At))
	}
	keepOff = f.unlessAskedFor(keepOff, p.pool.Subnet, p.overlap.Range)
	move := ""
	switch p.address.Kind {
	case plan.Static, plan.VIP, plan.CreateEnvVM:
		move = f.instead(p.address)
	}
	if move == "" {
		return keepOff
	}
	return paragraphs(move, "or "+keepOff)
}
