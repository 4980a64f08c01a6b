package survey

import (
	"fmt"
	"iter"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// A name may come through a variable of which only one of two knows the value: the command
// line and not the fleet file, the director and not the file. Both are manifests of one
// deployment then, which is not in conflict with its own past. That they are one is told by
// the file that both were made of, or by an address that both ask for: their director would
// refuse it to a second deployment. An address that no director guards tells nothing.

// withKnownNames are the director's deployments, with names of deployments and groups in
// the place of variables where another manifest of the same deployment tells them.
func (d *documents) withKnownNames(j *judged) []manifest {
	if !slices.ContainsFunc(d.deployments, manifest.hidesName) {
		return d.deployments
	}
	list := slices.Clone(d.deployments)
	taken := map[int]bool{}
	for _, higher := range byRank(list) {
		for rank := range list[higher].rank() {
			lower, sure := formerSelf(list, higher, rank, taken)
			if lower < 0 {
				continue
			}
			if !sure {
				j.failures = append(j.failures, maybeOne(d.Name, list[higher], list[lower]))
			}
			taken[lower] = true
			if _, hides := bosh.VariableIn(list[lower].name()); hides {
				list[lower] = list[lower].called(list[higher].name())
			} else {
				list[higher] = list[higher].called(list[lower].name())
			}
		}
	}
	for i := range list {
		for k := range list {
			if isFormer(list[k], list[i]) {
				list[i], list[k] = withKnownGroups(list[i], list[k])
			}
		}
	}
	return list
}

// hidesName reports whether a variable stands in the name of the manifest or of a group.
func (m manifest) hidesName() bool {
	hides := func(name string) bool { _, hides := bosh.VariableIn(name); return hides }
	return m.read != nil && (hides(m.name()) || slices.ContainsFunc(m.read.Groups, func(g *bosh.Group) bool { return hides(g.Name) }))
}

// byRank are the indexes of manifests that could be read, highest ranks first.
func byRank(list []manifest) []int {
	var order []int
	for i, m := range list {
		if m.read != nil {
			order = append(order, i)
		}
	}
	slices.SortStableFunc(order, func(a, b int) int { return list[b].rank() - list[a].rank() })
	return order
}

// isFormer reports whether one manifest is what another one of its name replaces.
func isFormer(lower, m manifest) bool {
	return lower.read != nil && m.read != nil && lower.rank() < m.rank() && lower.name() == m.name()
}

// formerSelf is the index of the manifest of a lower rank that a judged one, or a file, stands
// in place of though its name is another text; -1 if there is none. sure is false where that
// cannot be known, and it would matter.
func formerSelf(list []manifest, higher, rank int, taken map[int]bool) (lower int, sure bool) {
	m := list[higher]
	if slices.ContainsFunc(list, func(o manifest) bool { return o.rank() == rank && isFormer(o, m) }) {
		return -1, true
	}
	lower = -1
	for i, other := range list {
		if other.read == nil || taken[i] || other.rank() != rank || !oneHides(other.name(), m.name()) {
			continue
		}
		if slices.ContainsFunc(list, func(o manifest) bool { return isFormer(other, o) }) {
			continue // another one stands in its place
		}
		switch {
		case asksForSame(other.read.Groups, m.read.Groups):
			return i, true
		case sure: // nothing is surer but that
		case !other.text.told && other.text.Path == m.text.Path:
			lower, sure = i, true
		case lower < 0 && sameVIP(other.read, m.read):
			lower = i
		}
	}
	return lower, sure
}

// oneHides reports whether two names are not the same text and may be the same name.
func oneHides(a, b string) bool { return a != b && bosh.MayBeOne(a, b) }

func maybeOne(director string, a, b manifest) trouble.Trouble {
	variable, _ := bosh.VariableIn(b.name() + a.name())
	hint := fmt.Sprintf("give ((%s)) its value in the fleet file, as the deploy does: vars: {%s: …}", variable, variable)
	if tool := bosh.TemplateIn("((" + variable + "))"); tool != "" {
		hint = bosh.TemplateHint(tool)
	}
	return trouble.Trouble{
		Message: fmt.Sprintf("whether %s and %s are manifests of one deployment of director %s is unknown, and both have a virtual address: the name hides behind ((%s))", a.text.Path, b.text.Path, director, variable),
		At:      a.read.NameAt,
		Hint:    hint,
	}
}

// called is the manifest under another name.
func (m manifest) called(name string) manifest {
	read := *m.read
	read.Name, m.read = name, &read
	if m.text.Name != "" {
		m.text.Name = name
	}
	return m
}

// withKnownGroups gives groups whose names hide in one of two manifests of a deployment the
// names of the other: first where both ask for an address, then in their order.
func withKnownGroups(m, past manifest) (manifest, manifest) {
	for _, counts := range []func(a, b []*bosh.Group) bool{asksForSame, func(_, _ []*bosh.Group) bool { return true }} {
		for i, g := range m.read.Groups {
			if past.read.Group(g.Name) != nil {
				continue
			}
			for k, p := range past.read.Groups {
				if m.read.Group(p.Name) != nil || !oneHides(g.Name, p.Name) || !counts([]*bosh.Group{g}, []*bosh.Group{p}) {
					continue
				}
				if _, hides := bosh.VariableIn(p.Name); hides {
					past = past.withGroup(k, g.Name)
				} else {
					m = m.withGroup(i, p.Name)
				}
				break
			}
		}
	}
	return m, past
}

// withGroup is the manifest with another name for one of its groups.
func (m manifest) withGroup(i int, name string) manifest {
	read, was, now := *m.read, m.read.Groups[i], *m.read.Groups[i]
	now.Name = name
	read.Groups, read.VIPs, read.Gaps = slices.Clone(read.Groups), slices.Clone(read.VIPs), slices.Clone(read.Gaps)
	read.Groups[i] = &now
	for k := range read.VIPs {
		if v := &read.VIPs[k]; v.Group == was.Name {
			v.Group = name
		}
	}
	for k := range read.Gaps {
		gap := &read.Gaps[k]
		if gap.Group == was {
			gap.Group = &now
		}
		if gap.GroupName == was.Name {
			gap.GroupName = name
		}
	}
	m.read = &read
	return m
}

// asksForSame reports whether two lists of groups have a static address in common.
func asksForSame(a, b []*bosh.Group) bool {
	var mine netipx.IPSetBuilder
	for r := range staticOf(a) {
		mine.AddRange(r)
	}
	set, err := mine.IPSet()
	if err != nil {
		return false // nobody asks for ranges that are none
	}
	for r := range staticOf(b) {
		if set.OverlapsRange(r) {
			return true
		}
	}
	return false
}

// staticOf are the addresses that groups ask for.
func staticOf(groups []*bosh.Group) iter.Seq[netipx.IPRange] {
	return func(yield func(netipx.IPRange) bool) {
		for _, g := range groups {
			for _, n := range g.Networks {
				for _, block := range n.Static {
					if !yield(block.Range) {
						return
					}
				}
			}
		}
	}
}

// sameVIP reports whether two manifests have a virtual address in common.
func sameVIP(a, b *bosh.Manifest) bool {
	return slices.ContainsFunc(a.VIPs, func(v bosh.PropertyAddress) bool {
		return slices.ContainsFunc(b.VIPs, func(o bosh.PropertyAddress) bool { return v.Range.Overlaps(o.Range) })
	})
}
