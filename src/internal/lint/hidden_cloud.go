package lint

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// keptDoubts are variables that hide whether a subnet is of a cloud that keeps an address in
// use there, or has no blocks of the size that is asked for: what kept-by-cloud would be
// certain of. Each subnet is told of once.
func (f *Facts) keptDoubts(_ *pairJudge, accepts func(*Finding) bool) (doubts []Doubt, accepted []Finding) {
	told := map[*plan.Subnet]int{}
	for i := range f.Plan.Claims {
		c := f.Plan.Claims[i]
		if c.Subnet == nil || c.Kind.Pool() || !f.judgesClaim(&c) {
			continue
		}
		subnet := c.Subnet
		if c.Subnet = subnet.IfCloudKeeps(); c.Subnet == nil {
			continue
		}
		for _, k := range keptOf(&c) {
			if !k.certain {
				continue
			}
			finding := f.keptFinding(k)
			finding.Rule = keptByCloudID
			if accepts(&finding) {
				accepted = append(accepted, finding)
				continue
			}
			n, known := told[subnet]
			if !known {
				n = len(doubts)
				told[subnet] = n
				cloud, _, _, _ := c.Subnet.KeptBy()
				doubts = append(doubts, Doubt{
					Spot: hiddenIdentity(subnet), Allow: keptByCloudID, Owners: []plan.Owner{c.Owner()},
					Clause: fmt.Sprintf("it is a subnet of %s, which keeps %s, %s", cloud.Name, plan.RangeText(k.at), who(&c)),
				})
			}
			doubts[n].meets.add(k.at)
		}
	}
	return append(doubts, f.blockDoubts()...), accepted
}

// blockDoubts are those that hide whether the cloud has blocks of the size that is asked for.
func (f *Facts) blockDoubts() (doubts []Doubt) {
	for _, s := range f.Plan.Subnets {
		perhaps := s.IfCloudKeeps()
		if perhaps == nil || !f.judges(plan.Owner{Director: s.Director, Deployment: s.Deployment, Network: s.Network}, s.At) {
			continue
		}
		if cloud, length, wrong := wrongBlocks(perhaps); wrong {
			doubts = append(doubts, Doubt{Spot: hiddenIdentity(s), Clause: fmt.Sprintf(
				"it is a subnet of %s, which has blocks of /%d and not of /%d", cloud.Name, length, s.Prefix)})
		}
	}
	return doubts
}
