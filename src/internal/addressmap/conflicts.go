package addressmap

import (
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// claimKey finds the claims that a party of a finding stands for.
type claimKey struct {
	owner plan.Owner
	kind  plan.Kind
	at    place.Place
}

// conflict puts a finding into the segments that its parties share, or else into
// those of any.
func (b *builder) conflict(f lint.Finding) {
	if !f.Range.IsValid() || len(f.Claims) < 2 {
		return
	}
	var parties [][]*draft
	subnets := make([]*plan.Subnet, 0, len(f.Claims))
	for _, party := range f.Claims {
		claims := b.claimsAt[claimKey{party.Owner, party.Kind, party.At}]
		if len(claims) == 0 {
			continue
		}
		var drafts []*draft
		for _, c := range claims {
			drafts = append(drafts, b.ofClaim[c]...)
		}
		parties = append(parties, drafts)
		subnets = append(subnets, claims[0].Subnet)
	}
	if len(parties) < 2 {
		return // a finding about one value, such as a wrong gateway
	}
	c := Conflict{Ranges: b.exact(f, subnets), Pools: ofPools(f), Rule: f.Rule, Severity: f.Severity, Message: f.Message, Cure: f.Advised().Suggestion}
	shared := intersection(parties)
	if len(shared) == 0 { // one list of addresses that covers several segments
		shared = slices.Concat(parties...)
	}
	for i, d := range shared {
		if !slices.Contains(shared[:i], d) {
			d.segment.Conflicts = append(d.segment.Conflicts, c)
		}
	}
}

func intersection(lists [][]*draft) []*draft {
	var shared []*draft
	for _, d := range lists[0] {
		if !slices.ContainsFunc(lists[1:], func(other []*draft) bool { return !slices.Contains(other, d) }) {
			shared = append(shared, d)
		}
	}
	return shared
}

// exact returns the addresses that a finding is about. One about two pools names
// the range from their first common address to the last; between those there may
// be others.
func (b *builder) exact(f lint.Finding, subnets []*plan.Subnet) []netipx.IPRange {
	if !ofPools(f) {
		return []netipx.IPRange{f.Range}
	}
	ranges := []netipx.IPRange{f.Range}
	for _, s := range subnets {
		var common []netipx.IPRange
		for _, r := range ranges {
			common = append(common, plan.Within(b.pools(s), r)...)
		}
		ranges = common
	}
	if len(ranges) > 0 {
		return ranges
	}
	return []netipx.IPRange{f.Range}
}

// ofPools reports whether a finding is about pools alone.
func ofPools(f lint.Finding) bool {
	return !slices.ContainsFunc(f.Claims, func(p lint.Party) bool { return !p.Kind.Pool() })
}

// pools is what a subnet may hand out; sorted and disjoint.
func (b *builder) pools(s *plan.Subnet) []netipx.IPRange {
	if b.poolsOfIt == nil {
		sets := map[*plan.Subnet]*netipx.IPSetBuilder{}
		for i := range b.plan.Claims {
			if c := &b.plan.Claims[i]; c.Kind.Pool() {
				if sets[c.Subnet] == nil {
					sets[c.Subnet] = &netipx.IPSetBuilder{}
				}
				sets[c.Subnet].AddRange(c.Range)
			}
		}
		b.poolsOfIt = map[*plan.Subnet][]netipx.IPRange{}
		for s, set := range sets {
			b.poolsOfIt[s] = built(set).Ranges()
		}
	}
	return b.poolsOfIt[s]
}

// built returns the builder's set. A builder fails only on invalid ranges, which
// claims and findings never have here.
func built(set *netipx.IPSetBuilder) *netipx.IPSet {
	s, err := set.IPSet()
	if err != nil {
		return &netipx.IPSet{}
	}
	return s
}
