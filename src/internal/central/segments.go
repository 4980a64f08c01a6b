package central

import (
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

// Segments are those of a fleet file, and which pool is in which.
type Segments struct {
	// Meant is, by a segment's name, what the fleet file says of it.
	Meant map[string]string
	// OfPool is the segment's name of each pool; empty: the pool names none.
	OfPool map[string]string
}

// segmentsOf are the segments of a fleet file, as the database keeps them.
func segmentsOf(file *fleet.File) Segments {
	s := Segments{Meant: map[string]string{}, OfPool: map[string]string{}}
	for i := range file.Segments {
		var entries []string
		for _, m := range file.Segments[i].Subnets {
			entries = append(entries, fmt.Sprintf("%q %q %q %v %q", m.Director.Value, m.Network.Value, m.Deployment.Value, m.Range.Prefix, m.CloudProperties.Scalars))
		}
		slices.Sort(entries)
		s.Meant[file.Segments[i].Name.Value] = strings.Join(entries, "\n")
	}
	for i := range file.Pools {
		if p := &file.Pools[i]; p.Key() != "" {
			s.OfPool[p.Key()] = p.Segment.Value
		}
	}
	return s
}
