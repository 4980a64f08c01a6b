package lint

import (
	"fmt"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/plural"
)

const keptByCloudID = "kept-by-cloud"

var keptByCloud = Rule{
	ID: keptByCloudID, Severity: Warning, Family: FamilyFleet,
	Title: "an address is one that the cloud keeps for itself",
	Doc:   page(keptByCloudID),
	Run:   runKeptByCloud,
}

func runKeptByCloud(f *Facts, report func(Finding)) {
	use, pools := f.inKept()
	told := map[*plan.Subnet]*netipx.IPSetBuilder{}
	for _, k := range use {
		report(f.keptFinding(k))
		if told[k.claim.Subnet] == nil {
			told[k.claim.Subnet] = &netipx.IPSetBuilder{}
		}
		told[k.claim.Subnet].AddRange(k.at)
	}
	for _, s := range f.Plan.Subnets {
		if finding, ok := f.keptInPools(s, pools[s], told[s]); ok {
			report(finding)
		}
		if cloud, length, wrong := wrongBlocks(s); wrong {
			report(blockFinding(s, cloud, length))
		}
	}
}

// kept is a claim with addresses that its cloud keeps.
type kept struct {
	claim *plan.Claim
	at    netipx.IPRange
	// certain: the addresses are the first of the cloud's subnet for certain.
	certain bool
}

// inKept are the addresses in use that a cloud keeps, neighbours of one owner
// joined, and by subnet the pools that hold such addresses.
func (f *Facts) inKept() (use []kept, pools map[*plan.Subnet][]kept) {
	pools = map[*plan.Subnet][]kept{}
	last := map[plan.Owner]int{}
	for i := range f.Plan.Claims {
		c := &f.Plan.Claims[i]
		for _, k := range keptOf(c) {
			j, ok := last[c.Owner()]
			switch {
			case c.Kind.Pool():
				pools[c.Subnet] = append(pools[c.Subnet], k)
			case ok && use[j].claim.Subnet == c.Subnet && use[j].certain == k.certain && use[j].at.To().Next() == k.at.From():
				use[j].at = netipx.IPRangeFrom(use[j].at.From(), k.at.To())
			default:
				last[c.Owner()] = len(use)
				use = append(use, k)
			}
		}
	}
	return use, pools
}

// keptOf are the addresses of a claim that its cloud keeps. What a director has
// granted is no proof, but it stands in the way of one: those are left out.
func keptOf(c *plan.Claim) []kept {
	switch {
	case c.Subnet == nil || !c.Range.IsValid() || !c.Subnet.Range.IsValid():
		return nil
	case c.Kind.Pool() && c.Subnet.Past != "":
		return nil // nobody can change it any more
	case c.Kind != plan.Static && c.Kind != plan.CreateEnvVM && c.Kind != plan.VIP && !c.Kind.Pool():
		return nil
	}
	_, first, end, ok := c.Subnet.KeptBy()
	if !ok {
		return nil
	}
	var list []kept
	for _, part := range []kept{{c, first, c.Subnet.KeepsHead()}, {c, end, false}} {
		var set netipx.IPSetBuilder
		set.AddRange(part.at)
		if !part.certain || c.Kind != plan.CreateEnvVM {
			// The director speaks of these, create-env does not.
			set.Remove(c.Subnet.Range.Masked().Addr())
			set.Remove(netipx.PrefixLastIP(c.Subnet.Range))
			set.Remove(c.Subnet.Gateway)
		}
		for _, r := range built(&set).Ranges() {
			if r.Overlaps(c.Range) {
				list = append(list, kept{c, plan.Intersection(r, c.Range), part.certain})
			}
		}
	}
	return list
}

// keptFinding tells of addresses in use.
func (f *Facts) keptFinding(k kept) Finding {
	c := *k.claim
	c.Range = k.at
	cloud, _, _, _ := c.Subnet.KeptBy()
	finding := Finding{
		Range:   k.at,
		Message: fmt.Sprintf("%s of %s is kept by %s, which gives it to no VM", plan.RangeText(k.at), who(&c), cloud.Name),
		Claims:  []Party{party(&c, who(&c))},
		Why:     keepsWords(c.Subnet, cloud, k.certain) + "; " + cloud.Name + " refuses the VM in the middle of a deploy",
	}
	if k.certain {
		finding.Severity = Error
	}
	finding.Suggestion = f.instead(&c)
	if c.Kind == plan.Static {
		finding.Suggestion = paragraphs(finding.Suggestion, outOfStatic(c.Subnet, k.at), reserveLine(c.Subnet, "", k.at))
	}
	return finding
}

// keepsWords says which addresses the cloud keeps, and how sure it is that these
// are among them.
func keepsWords(s *plan.Subnet, cloud plan.Cloud, certain bool) string {
	text := fmt.Sprintf("%s keeps the first %d and the last %s of each of its subnets (%s)", cloud.Name, cloud.Keeps.First, plural.Of(int(cloud.Keeps.Last), "address"), cloud.Keeps.Source)
	if cloud.Keeps.Last == 1 {
		text = fmt.Sprintf("%s keeps the first %s and the last of each of its subnets (%s)", cloud.Name, plural.Of(int(cloud.Keeps.First), "address"), cloud.Keeps.Source)
	}
	if !certain {
		text += fmt.Sprintf(", unless %s is only a part of one", s.Range.Masked())
	}
	return text
}

// keptInPools tells of what a subnet may hand out, but for addresses that were
// told already.
func (f *Facts) keptInPools(s *plan.Subnet, pools []kept, told *netipx.IPSetBuilder) (Finding, bool) {
	var all, dynamic, static netipx.IPSetBuilder
	certain := true
	for _, k := range pools {
		all.AddRange(k.at)
		if k.claim.Kind == plan.StaticPool {
			static.AddRange(k.at)
		} else {
			dynamic.AddRange(k.at)
		}
		certain = certain && k.certain
	}
	if told != nil {
		set := built(told)
		all.RemoveSet(set)
		static.RemoveSet(set)
	}
	ranges := built(&all).Ranges()
	if len(ranges) == 0 {
		return Finding{}, false
	}
	cloud, _, _, _ := s.KeptBy()
	first := pools[0].claim
	finding := Finding{
		Range:   netipx.IPRangeFrom(ranges[0].From(), ranges[len(ranges)-1].To()),
		Message: fmt.Sprintf("%s (network %s) may hand out %s, kept by %s", side(first), network(first), listRanges(ranges), cloud.Name),
		Claims:  []Party{party(first, poolLabel(first))},
		Why:     keepsWords(s, cloud, certain) + "; " + cloud.Name + " refuses the VM in the middle of a deploy",
	}
	if r := built(&static).Ranges(); len(r) > 0 {
		finding.Suggestion = outOfStatic(s, r...)
	}
	finding.Suggestion = paragraphs(finding.Suggestion, reserveLine(s, "", ranges...))
	return finding, true
}

// wrongBlocks returns the blocks that a subnet's cloud has, where it has none of the size
// that the subnet asks for.
func wrongBlocks(s *plan.Subnet) (cloud plan.Cloud, length int, wrong bool) {
	cloud, length = s.OnlyBlocks()
	return cloud, length, length > 0 && s.Prefix != 0 && s.Prefix != s.Range.Addr().BitLen() && s.Prefix != length
}

// outOfStatic says what a director would refuse to reserve as long as it is there.
func outOfStatic(s *plan.Subnet, ranges ...netipx.IPRange) string {
	return fmt.Sprintf("take %s out of static: of %s", listRanges(ranges), s.Label())
}

// blockFinding tells of blocks that the cloud does not give.
func blockFinding(s *plan.Subnet, cloud plan.Cloud, length int) Finding {
	owner := plan.Owner{Director: s.Director, Deployment: s.Deployment, Network: s.Network}
	return Finding{
		Severity: Error, Range: netipx.RangeOfPrefix(s.Range),
		Message:    fmt.Sprintf("%s gives each VM a /%d, and %s has no blocks of that size", s.Label(), s.Prefix, cloud.Name),
		Claims:     []Party{{Owner: owner, At: s.PrefixAt, Note: "each VM gets a block"}},
		Why:        fmt.Sprintf("%s knows blocks of /%d alone (%s) and refuses the VM in the middle of a deploy", cloud.Name, length, cloud.Keeps.BlocksSource),
		Suggestion: fmt.Sprintf("prefix: %d", length),
	}
}
