package plan

import (
	"fmt"
	"slices"
	"strings"

	"go4.org/netipx"
)

// Segment is a group of subnets that share a broadcast domain, or may do so.
type Segment struct {
	// Name is the fleet file's name of it, else an id that its subnets have in
	// common, else their widest range. No two segments of a plan have the same.
	Name string
	// Assumed says that some of the subnets are in it because nothing proves
	// that they are elsewhere.
	Assumed bool
	// Subnets have a range each and are ordered by it. One that may be in either
	// of two segments is in both.
	Subnets []*Subnet
}

// Contains reports whether the subnet is in the segment.
func (g *Segment) Contains(s *Subnet) bool { return slices.Contains(g.Subnets, s) }

// Hull returns the range from the first to the last address of the segment's
// subnets of the family of the first one.
func (g *Segment) Hull() netipx.IPRange {
	hull := netipx.RangeOfPrefix(g.Subnets[0].Range)
	for _, s := range g.Subnets {
		if r := netipx.RangeOfPrefix(s.Range); r.From().BitLen() == hull.From().BitLen() {
			hull = Union(hull, r)
		}
	}
	return hull
}

// Segments groups the subnets that have a range, in the order of their first
// addresses. What is decided to be one segment is one; what overlaps and is not
// decided is taken for one, unless that would put two subnets together that are
// certainly apart: then the undecided one is in both.
func (p *Plan) Segments() []*Segment {
	var subnets []*Subnet
	for _, s := range p.Subnets {
		if s.Range.IsValid() {
			subnets = append(subnets, s)
		}
	}
	slices.SortStableFunc(subnets, func(a, b *Subnet) int {
		if c := firstOf(a).Compare(firstOf(b)); c != 0 {
			return c
		}
		return a.Range.Bits() - b.Range.Bits()
	})
	g := grouping{subnets: subnets, number: TwinsOf(subnets).numbers(subnets), sets: newDisjointSets(len(subnets)), assumed: map[*Subnet]bool{}}
	g.joinDecided()
	g.joinAssumed()
	return g.segments()
}

// grouping is the work of Segments.
type grouping struct {
	subnets []*Subnet
	number  []int // of each subnet among its twins
	sets    disjointSets
	assumed map[*Subnet]bool // in its segment by assumption
}

// joinDecided joins subnets whose name or id says that they are one segment,
// whatever their ranges.
func (g *grouping) joinDecided() {
	first := map[string]int{}
	for i, s := range g.subnets {
		key := ""
		switch {
		case s.Segment != "":
			key = "segment " + s.Segment
		case s.Identity.Unique && s.Identity.ID != "":
			key = "id " + s.Identity.Scheme + " " + strings.ToLower(s.Identity.ID)
		default:
			continue
		}
		if j, ok := first[key]; ok {
			g.sets.join(i, j)
		} else {
			first[key] = i
		}
	}
}

// joinAssumed joins the groups of subnets that overlap and may meet, unless they
// hold subnets that may not.
func (g *grouping) joinAssumed() {
	members := map[int]*sorted{}
	for i, s := range g.subnets {
		root := g.sets.find(i)
		if members[root] == nil {
			members[root] = &sorted{}
		}
		members[root].add(s)
	}
	for i, j := range g.overlapping() {
		contact := ContactOf(g.subnets[i], g.subnets[j])
		a, b := g.sets.find(i), g.sets.find(j)
		if contact.Relation == Isolated || a == b || members[a].apartFrom(members[b]) {
			continue
		}
		if contact.Relation < Same {
			g.assumed[g.subnets[i]], g.assumed[g.subnets[j]] = true, true
		}
		g.sets.join(a, b)
		root := g.sets.find(a)
		for _, s := range members[b].subnets {
			members[a].add(s)
		}
		members[root] = members[a]
	}
}

// sort is all that decides whether two different subnets with ranges are certainly apart.
type sort struct {
	director, segment string
	perhaps           Perhaps
	ofDirector        bool // in a cloud-config
	identity          Identity
}

func (s *Subnet) sort() sort {
	return sort{s.Director, s.Segment, s.Perhaps, s.Deployment == "", s.Identity}
}

// sorted are subnets of which each is of another sort: one of each sort tells for all, and
// of thousands of subnets there are few.
type sorted struct {
	subnets []*Subnet
	has     map[sort]bool
}

func (l *sorted) add(s *Subnet) {
	if l.has[s.sort()] {
		return
	}
	if l.has == nil {
		l.has = map[sort]bool{}
	}
	l.has[s.sort()] = true
	l.subnets = append(l.subnets, s)
}

// apartFrom reports whether a subnet of one list is certainly not in the segment of one of
// the other.
func (l *sorted) apartFrom(other *sorted) bool {
	return slices.ContainsFunc(l.subnets, func(s *Subnet) bool { return s.apartFrom(other.subnets) })
}

// overlapping yields the pairs of subnets with overlapping ranges; of many twins, the first
// with all others.
func (g *grouping) overlapping() func(yield func(i, j int) bool) {
	return func(yield func(i, j int) bool) {
		for i, s := range g.subnets {
			last := netipx.PrefixLastIP(s.Range)
			for j := i + 1; j < len(g.subnets) && !last.Less(firstOf(g.subnets[j])); j++ {
				if g.number[i] >= kinFirst && g.number[j] >= kinFirst {
					continue // the first of their twins meet
				}
				if !yield(i, j) {
					return
				}
			}
		}
	}
}

func (g *grouping) segments() []*Segment {
	byRoot := map[int]*Segment{}
	var list []*Segment
	for i, s := range g.subnets {
		root := g.sets.find(i)
		if byRoot[root] == nil {
			byRoot[root] = &Segment{}
			list = append(list, byRoot[root])
		}
		segment := byRoot[root]
		segment.Subnets = append(segment.Subnets, s)
		segment.Assumed = segment.Assumed || g.assumed[s]
	}
	for _, segment := range list {
		segment.Name = segment.bestName()
	}
	g.addGuests(byRoot)
	distinctNames(list)
	return list
}

// addGuests puts subnets that may meet one of another segment into that one too.
func (g *grouping) addGuests(byRoot map[int]*Segment) {
	type visit struct {
		guest *Subnet
		to    *Segment
	}
	own := map[*Segment]*sorted{}
	for i, s := range g.subnets {
		segment := byRoot[g.sets.find(i)]
		if own[segment] == nil {
			own[segment] = &sorted{}
		}
		own[segment].add(s)
	}
	shown := map[visit]bool{}
	for i, j := range g.overlapping() {
		a, b := byRoot[g.sets.find(i)], byRoot[g.sets.find(j)]
		if a == b || ContactOf(g.subnets[i], g.subnets[j]).Relation == Isolated {
			continue
		}
		visits := slices.DeleteFunc([]visit{{g.subnets[j], a}, {g.subnets[i], b}}, func(v visit) bool {
			return v.guest.Segment != "" // it is known where that one is
		})
		// If each is certainly apart from one of the others' hosts, the two are
		// shown together all the same.
		certain := slices.DeleteFunc(slices.Clone(visits), func(v visit) bool { return v.guest.apartFrom(own[v.to].subnets) })
		if len(certain) == 0 {
			certain = visits[:min(1, len(visits))]
		}
		for _, v := range certain {
			if !shown[v] {
				shown[v] = true
				v.to.Subnets = append(v.to.Subnets, v.guest)
				v.to.Assumed = true
			}
		}
	}
}

func (s *Subnet) apartFrom(others []*Subnet) bool {
	return slices.ContainsFunc(others, func(o *Subnet) bool { return ContactOf(s, o).Relation == Isolated })
}

func (g *Segment) bestName() string {
	for _, s := range g.Subnets {
		if s.Segment != "" {
			return s.Segment
		}
	}
	widest, common := g.Subnets[0], g.Subnets[0].Identity
	for _, s := range g.Subnets {
		if s.Range.Bits() < widest.Range.Bits() {
			widest = s
		}
		if !strings.EqualFold(s.Identity.ID, common.ID) || s.Identity.Scheme != common.Scheme {
			common = Identity{}
		}
	}
	if common.ID != "" {
		return common.String()
	}
	return widest.Range.Masked().String()
}

// distinctNames adds to names that several segments have: their range, and a
// number where that does not help.
func distinctNames(list []*Segment) {
	for _, more := range []func(g *Segment, n int) string{
		func(g *Segment, _ int) string { return " " + RangeText(g.Hull()) },
		func(_ *Segment, n int) string { return fmt.Sprintf(" #%d", n) },
	} {
		same := map[string][]*Segment{}
		for _, g := range list {
			same[g.Name] = append(same[g.Name], g)
		}
		for _, group := range same {
			if len(group) < 2 {
				continue
			}
			for i, g := range group {
				if suffix := more(g, i+1); !strings.HasSuffix(" "+g.Name, suffix) {
					g.Name += suffix
				}
			}
		}
	}
}
