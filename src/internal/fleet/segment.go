package fleet

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"go4.org/netipx"
)

// SegmentOf returns the name of the segment that the file gives a subnet, or "".
// A subnet that two segments claim is in neither: it counts as undecided, which
// is the harmless mistake, and CheckSegments says so.
func (f *File) SegmentOf(s *plan.Subnet) string {
	names := f.segmentsOf(s)
	if len(names) != 1 {
		return ""
	}
	return names[0]
}

// segmentsOf are the segments with an entry that matches. One that names the
// deployment of the subnet is about nothing else, and goes before those that would
// match a network of that name in a cloud-config, too.
func (f *File) segmentsOf(s *plan.Subnet) []string {
	var names, ofDeployment []string
	for _, segment := range f.Segments {
		matches := func(m Match) bool { return m.Matches(s) }
		if slices.ContainsFunc(segment.Subnets, matches) {
			names = append(names, segment.Name.Value)
		}
		if slices.ContainsFunc(segment.Subnets, func(m Match) bool { return m.Deployment.Value != "" && matches(m) }) {
			ofDeployment = append(ofDeployment, segment.Name.Value)
		}
	}
	if len(ofDeployment) > 0 {
		return ofDeployment
	}
	return names
}

// SegmentsOf are the segment that the file gives a subnet, or "", and those that it gives it
// perhaps.
func (f *File) SegmentsOf(s *plan.Subnet) (string, plan.Perhaps) {
	if name := f.SegmentOf(s); name != "" && !f.mayGoBefore(s, name) {
		return name, plan.Perhaps{}
	}
	return "", f.perhapsIn(s)
}

// mayGoBefore reports whether an entry that names the deployment puts the subnet into another
// segment if the deployment's name, which hides, is that.
func (f *File) mayGoBefore(s *plan.Subnet, name string) bool {
	return hides(s.Deployment) && slices.ContainsFunc(f.Segments, func(segment Segment) bool {
		return segment.Name.Value != name && slices.ContainsFunc(segment.Subnets, func(m Match) bool {
			key, _, may := m.mayMatch(s)
			return may && key != "" && m.Deployment.Value != ""
		})
	})
}

// perhapsIn are the segments that the file gives a subnet without one if what hides of it
// has the values that their entries ask for.
func (f *File) perhapsIn(s *plan.Subnet) (p plan.Perhaps) {
	if !hidesNames(s) {
		return p
	}
	var names []string
	for _, segment := range f.Segments {
		for _, m := range segment.Subnets {
			if key, value, ok := m.mayMatch(s); ok && key != "" {
				p.Hidden, p.HiddenKey = value, key
				names = append(names, segment.Name.Value)
			}
		}
	}
	slices.Sort(names)
	p.Segments = strings.Join(slices.Compact(names), ", ")
	return p
}

// hidesNames reports whether a variable, or nothing, stands in what entries ask for.
func hidesNames(s *plan.Subnet) bool {
	for path, value := range s.CloudProperties {
		if hides(path) || hides(value) {
			return true
		}
	}
	return hides(s.Network) || hides(s.Deployment) || s.RangeHidden != ""
}

func hides(name string) bool { return strings.Contains(name, "((") || name == seal.LeftOut }

// Matches reports whether everything that the match gives is true of s.
func (m Match) Matches(s *plan.Subnet) bool {
	key, _, ok := m.mayMatch(s)
	return ok && key == ""
}

// mayMatch reports whether everything that the match gives is true of s, or may be: then
// key is what a variable hides, of several the first by name, and value what stands there.
func (m Match) mayMatch(s *plan.Subnet) (key, value string, ok bool) {
	perhaps := func(name, got string) {
		if key == "" || name < key {
			key, value = name, got
		}
	}
	is := func(name, wanted, got string) bool {
		switch {
		case seal.Same(wanted, got):
			return true
		case !hides(got) || got != seal.LeftOut && !bosh.MayBeOne(wanted, got):
			return false
		}
		perhaps(name, got)
		return true
	}
	for _, part := range [][3]string{
		{"director", m.Director.Value, s.Director}, {"name", m.Network.Value, s.Network}, {"deployment", m.Deployment.Value, s.Deployment},
	} {
		if part[1] != "" && !is(part[0], part[1], part[2]) {
			return "", "", false
		}
	}
	switch r := m.Range.Prefix; {
	case !r.IsValid():
	case s.RangeWithin.IsValid() && r.Bits() <= s.RangeWithin.Bits() && r.Contains(s.RangeWithin.Addr()):
	case s.RangeWithin.IsValid() && !r.Overlaps(s.RangeWithin):
		return "", "", false
	case s.RangeHidden != "":
		perhaps("range", s.RangeHidden)
	default:
		if !s.Range.IsValid() || r.Bits() > s.Range.Bits() || !r.Contains(s.Range.Addr()) {
			return "", "", false
		}
	}
	for path, wanted := range m.CloudProperties.Scalars {
		switch got, has := s.CloudProperties[path]; {
		case has && is(path, wanted, got):
		case has:
			return "", "", false
		default:
			hiding, may := mayHave(s.CloudProperties, path, wanted)
			if !may {
				return "", "", false
			}
			perhaps("cloud_properties", hiding)
		}
	}
	return key, value, m.saysSomething()
}

// mayHave reports whether properties that do not name a path may have a value there: a whole
// map hides that the path leads through, or the name of one of its steps. Of several variables
// hiding is the first.
func mayHave(properties map[string]string, path, wanted string) (hiding string, may bool) {
	for _, at := range slices.Sorted(maps.Keys(properties)) {
		switch value := properties[at]; {
		case hidesAll(value) && (at == "" || strings.HasPrefix(path, at+".")):
			return value, true
		case !hides(at):
		case bosh.MayBeOne(path, at) && (seal.Same(wanted, value) || hides(value) && bosh.MayBeOne(wanted, value)),
			hidesAll(value) && bosh.MayBeOne(path, at+".((any))"):
			return at, true
		}
	}
	return "", false
}

// hidesAll reports whether a value is a variable and nothing else, which may be a map.
func hidesAll(value string) bool {
	return strings.HasPrefix(value, "((") && strings.Index(value, "))") == len(value)-len("))")
}

// mayBeOf reports whether s matches, or may.
func (m Match) mayBeOf(s *plan.Subnet) bool {
	_, _, ok := m.mayMatch(s)
	return ok
}

// HasSegment reports whether the file defines a segment of that name.
func (f *File) HasSegment(name string) bool {
	return slices.ContainsFunc(f.Segments, func(s Segment) bool { return s.Name.Value == name && name != "" })
}

// CloudProperties are the paths by which segments tell subnets of a director apart; of
// any, where it has no name.
func (f *File) CloudProperties(director string) (paths []string) {
	for _, s := range f.Segments {
		for _, m := range s.Subnets {
			if director == "" || m.Director.Value == "" || m.Director.Value == director {
				paths = append(paths, slices.Sorted(maps.Keys(m.CloudProperties.Scalars))...)
			}
		}
	}
	return paths
}

// MayHold reports whether a segment may hold a subnet of a director that has addresses
// of covered alone.
func (f *File) MayHold(segment, director string, covered *netipx.IPSet) bool {
	for _, s := range f.Segments {
		if s.Name.Value == segment && slices.ContainsFunc(s.Subnets, func(m Match) bool {
			return (m.Director.Value == "" || m.Director.Value == director) && (!m.Range.Prefix.IsValid() || covered.OverlapsPrefix(m.Range.Prefix))
		}) {
			return true
		}
	}
	return false
}

// saysSomething tells a match from one that could not be read: that one must
// not match everything.
func (m Match) saysSomething() bool {
	return m.Director.Value != "" || m.Network.Value != "" || m.Deployment.Value != "" ||
		m.Range.Prefix.IsValid() || len(m.CloudProperties.Scalars) > 0
}

// CheckSegments holds the file's segments against all subnets of the fleet. It
// returns contradictions, which are subnets that two segments claim, and idle
// matches, which no subnet fits, and none of those that stand for any that nobody sees:
// what they were to declare is not in force.
func (f *File) CheckSegments(subnets, unseen []*plan.Subnet) (contradictions, idle []*trouble.Trouble) {
	for _, s := range subnets {
		if names := f.segmentsOf(s); len(names) > 1 {
			contradictions = append(contradictions, &trouble.Trouble{
				At:      s.At,
				Message: fmt.Sprintf("the fleet file puts %s into two segments, %s and %s", s.Label(), names[0], names[1]),
				Hint:    "describe the segments so that each subnet matches one; until then it counts as undecided",
			})
		}
	}
	for _, segment := range f.Segments {
		for _, m := range segment.Subnets {
			if m.saysSomething() && !slices.ContainsFunc(subnets, m.mayBeOf) && !slices.ContainsFunc(unseen, m.mayBeOf) {
				idle = append(idle, &trouble.Trouble{
					At:      m.At,
					Message: fmt.Sprintf("no subnet matches this entry of segment %s", segment.Name.Value),
					Hint:    "compare it with the networks of the cloud-configs, letter by letter",
				})
			}
		}
	}
	return contradictions, idle
}
