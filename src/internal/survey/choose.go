package survey

import (
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/snapshot"
)

// part says what of a director counts.
type part uint8

const (
	// filesOnly are its files; its snapshot need not be read.
	filesOnly part = iota + 1
	// configsOnly are its files and, of its snapshot, the latest cloud-configs.
	configsOnly
	// withoutRuntime leaves out runtime configs: there are none in files.
	withoutRuntime
	everything
)

// input is one director to read, with its snapshot if there is one.
type input struct {
	*fleet.Sources
	snapshot opened
	of       part
}

// inputs are all directors; of those whose snapshots need not be read, the files.
// Nothing is left of a snapshot of which nobody knows whether its head fits the rest.
func (f *Fleet) inputs(all []opened, needed func(*fleet.Sources, *snapshot.Head) bool) []input {
	list := make([]input, len(all))
	for i, o := range all {
		list[i] = input{Sources: &f.Directors[i], snapshot: o, of: everything}
		// Where an addon of a file goes, the deployments tell.
		if o.there && o.whole == nil && o.head.Sealed && len(f.Directors[i].RuntimeConfigs) == 0 && !needed(list[i].Sources, &o.head) {
			list[i].of = filesOnly
		}
	}
	return list
}

// besideTargets chooses, before it is known what the judged files claim, snapshots
// that are read anyway.
func (f *Fleet) besideTargets(all []opened) func(*fleet.Sources, *snapshot.Head) bool {
	var judged []*netipx.IPSet
	for i, o := range all {
		if o.head.Covers != nil && hasTarget(&f.Directors[i]) {
			judged = append(judged, o.head.Covers)
		}
	}
	return func(_ *fleet.Sources, h *snapshot.Head) bool {
		return h.Covers == nil || h.Uses == nil && slices.ContainsFunc(judged, h.Covers.Overlaps)
	}
}

// asked is what must be known of other directors.
type asked struct {
	// covered are all addresses of the judged directors, and claimed those that what is
	// judged claims, or may claim where it hides. Nil: any.
	covered, claimed *netipx.IPSet
	// routers are its virtual routers, which meet others in a segment whatever the
	// addresses.
	routers []*plan.Claim
	file    *fleet.File
}

// asked is computed of a plan that has at least the judged directors.
func (f *Fleet) asked(p *plan.Plan, targets lint.Targets) asked {
	judged := map[string]bool{}
	for i := range f.Directors {
		judged[f.Directors[i].Name] = judged[f.Directors[i].Name] || hasTarget(&f.Directors[i])
	}
	a := asked{file: f.File}
	var covered, claimed netipx.IPSetBuilder
	for _, s := range p.Subnets {
		if judged[s.Director] && s.Range.IsValid() {
			covered.AddPrefix(s.Range)
		}
	}
	claim := func(owner plan.Owner, c *plan.Claim, isTarget bool) {
		if !c.Range.IsValid() || !judged[owner.Director] {
			return
		}
		covered.AddRange(c.Range)
		if isTarget && c.Kind != plan.Reserved && c.Kind != plan.CloudKept {
			claimed.AddRange(c.Range)
			if slices.ContainsFunc(c.Routers(), func(r plan.Router) bool { return r.ID > 0 }) {
				a.routers = append(a.routers, c)
			}
		}
	}
	for i := range p.Claims {
		claim(p.Claims[i].Owner(), &p.Claims[i], targets.Match(p.Claims[i].Owner(), p.Claims[i].At))
	}
	for _, spot := range p.BlindSpots {
		for i := range spot.May {
			claim(spot.Owner, &spot.May[i], spot.Judged || targets.Match(spot.Owner, spot.At))
		}
	}
	a.covered, a.claimed = builtOrAny(&covered), builtOrAny(&claimed)
	return a
}

// builtOrAny is nil where the set cannot be built.
func builtOrAny(b *netipx.IPSetBuilder) *netipx.IPSet {
	set, err := b.IPSet()
	if err != nil {
		return nil
	}
	return set
}

// meets reports whether something in a snapshot may meet what is judged.
func (a asked) meets(d *fleet.Sources, h *snapshot.Head) bool {
	if h.Covers == nil || h.Uses == nil {
		return a.covers(d, h)
	}
	return a.claimed == nil || h.Uses.Overlaps(a.claimed) ||
		slices.ContainsFunc(a.routers, func(c *plan.Claim) bool {
			return slices.ContainsFunc(c.Routers(), func(r plan.Router) bool { return a.sharesRouter(r.ID, c.Subnet, d, h) })
		})
}

// sharesRouter reports whether a virtual router with the id of a judged one may be in
// the segment of its subnet: where nobody knows the subnet of one of the two, where ranges overlap,
// and where the fleet file or cloud_properties may say so.
func (a asked) sharesRouter(id int, s *plan.Subnet, d *fleet.Sources, h *snapshot.Head) bool {
	switch {
	case !slices.Contains(h.Routers, id):
		return false
	case s == nil || !s.Range.IsValid() || slices.Contains(h.Unplaced, id) || h.Covers.OverlapsPrefix(s.Range):
		return true
	case s.Segment != "" && a.file.MayHold(s.Segment, d.Name, h.Covers):
		return true
	}
	for _, name := range s.CloudProperties {
		if slices.ContainsFunc(h.Segments, func(other string) bool { return hides(name) || hides(other) || seal.SameFold(name, other) }) {
			return true
		}
	}
	return false
}

// hides reports whether a value of cloud_properties is not known.
func hides(value string) bool { return strings.Contains(value, "((") || value == seal.LeftOut }

// covers reports whether a snapshot covers addresses of the judged directors.
func (a asked) covers(_ *fleet.Sources, h *snapshot.Head) bool {
	return h.Covers == nil || a.covered == nil || h.Covers.Overlaps(a.covered)
}
