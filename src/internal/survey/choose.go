package survey

import (
	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// chooseFirst decides which snapshots are read before it is known what the judged
// files claim, beside those that are read whatever they cover: those that cover
// addresses which judged directors cover.
func (f *Fleet) chooseFirst() {
	for i := range f.Directors {
		if d := &f.Directors[i]; d.live != nil && d.live.head.Covers != nil && d.hasTarget() {
			f.choose(d.live.head.Covers)
		}
	}
}

// choose chooses the snapshots whose addresses can meet the claimed ones, and
// reports whether there are any that were not chosen before.
func (f *Fleet) choose(claimed *netipx.IPSet) (more bool) {
	for i := range f.Directors {
		d := &f.Directors[i]
		if d.live == nil || d.live.needed {
			continue
		}
		d.live.needed = claimed == nil || d.live.head.Covers == nil || d.live.head.Covers.Overlaps(claimed)
		more = more || d.live.needed
	}
	return more
}

// skipped counts the deployments of snapshots that need not be read.
func (f *Fleet) skipped() int {
	n := 0
	for _, d := range f.Directors {
		if d.live != nil && !d.live.needed {
			n += d.live.head.Deployed
		}
	}
	return n
}

// claimedBy returns the addresses of all subnets and claims of the directors that
// are judged.
func (f *Fleet) claimedBy(p *plan.Plan) *netipx.IPSet {
	judged := map[string]bool{}
	for i := range f.Directors {
		if f.Directors[i].hasTarget() {
			judged[f.Directors[i].Name] = true
		}
	}
	var set netipx.IPSetBuilder
	for _, s := range p.Subnets {
		if judged[s.Director] && s.Range.IsValid() {
			set.AddPrefix(s.Range)
		}
	}
	for _, c := range p.Claims {
		if judged[c.Owner.Director] && c.Range.IsValid() {
			set.AddRange(c.Range)
		}
	}
	for _, spot := range p.BlindSpots {
		for _, c := range spot.May {
			if judged[spot.Owner.Director] {
				set.AddRange(c.Range)
			}
		}
	}
	all, err := set.IPSet()
	if err != nil {
		return nil // then every snapshot is read
	}
	return all
}
