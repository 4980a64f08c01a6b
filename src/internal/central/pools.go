package central

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// digestOf is the digest of what pools may give: whoever has the same gives no address
// that another one does not see.
func digestOf(file *fleet.File) string {
	h := sha256.New()
	for i := range file.Pools {
		p := survey.PoolOf(&file.Pools[i])
		fmt.Fprintf(h, "%q %q %d %v %v\n", p.Name, p.Segment, p.Block, p.Ranges, p.Except)
	}
	return hex.EncodeToString(h.Sum(nil))[:32]
}

// errMovedOn says that the fleet file changed while a picture was made.
var errMovedOn = errors.New("the fleet file has other pools now")

// load tells other servers of pools that this one did not have before. Who starts has
// loaded its pools, too. Of an old file, read beside a newer one, nothing is told. It
// returns the tag under which addresses may be given.
func (p *Plan) load(ctx context.Context, pools string, in Segments, newest bool) (tag string, err error) {
	if p.Load == nil || p.FleetFile == "" {
		return "", nil
	}
	p.loading.Lock()
	defer p.loading.Unlock()
	if p.loaded != pools {
		if !newest {
			return "", errMovedOn
		}
		if err := p.Load(ctx, pools, in); err != nil {
			return "", err
		}
		p.loaded = pools
	}
	last, tag, err := p.LoadedLast(ctx)
	if err == nil && last != pools {
		tag = pools + "-none" // nothing is given under it
	}
	return tag, err
}

// Loaded is the digest of the pools that this server told others of; empty: of none.
func (p *Plan) Loaded() string {
	p.loading.Lock()
	defer p.loading.Unlock()
	return p.loaded
}

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
