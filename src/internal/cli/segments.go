package cli

import (
	"errors"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/ignore"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// segmentsNamed returns the segments that a name of ipguard map stands for, or a
// segment's, network's or range's as ipguard free takes it; all for no name.
func (p *picture) segmentsNamed(name string) ([]*plan.Segment, error) {
	segments := p.Facts.Plan.Segments()
	if name == "" {
		return segments, nil
	}
	for _, g := range segments {
		if strings.EqualFold(g.Name, name) {
			return []*plan.Segment{g}, nil
		}
	}
	scope, err := answer.Find(p.Facts.Plan, name)
	if notFound := (*answer.NotFound)(nil); errors.As(err, &notFound) {
		return nil, p.unknownName(notFound)
	}
	asked := map[*plan.Subnet]bool{}
	for _, s := range scope.Subnets {
		asked[s] = inScope(s, scope)
	}
	var named []*plan.Segment
	for _, g := range segments {
		if slices.ContainsFunc(g.Subnets, func(s *plan.Subnet) bool { return asked[s] }) {
			named = append(named, g)
		}
	}
	return named, nil
}

// subnetsOf are the subnets of some segments.
func subnetsOf(segments []*plan.Segment) map[*plan.Subnet]bool {
	list := map[*plan.Subnet]bool{}
	for _, g := range segments {
		for _, s := range g.Subnets {
			list[s] = true
		}
	}
	return list
}

// findings are what lint says of facts about the picture, but for what is
// accepted.
func (p *picture) findings(facts *lint.Facts, streams Streams) []lint.Finding {
	findings := lint.Run(facts, lint.Rules())
	findings, _ = ignore.Judge(findings, exceptions(p.Fleet.File, p.files), streams.today(), ignore.Part)
	return findings
}

func inScope(s *plan.Subnet, scope answer.Scope) bool {
	return !scope.Within.IsValid() || netipx.RangeOfPrefix(s.Range).Overlaps(scope.Within)
}
