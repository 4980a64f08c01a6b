package cli

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/inventory"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// promises knows, from the fleet's files, to whom an address is promised. The
// wire commands tell it beside what they see. They run on machines without a
// fleet file as well, where it knows nothing and says nothing.
type promises struct {
	fleet   string // as of --fleet; empty means the one that is found, if any
	streams Streams
}

// read reads the plan of the fleet; nil if no fleet file is named or found.
func (p promises) read() (*picture, error) {
	file, ok, err := p.streams.searched(p.streams.search(p.fleet, nil))
	if err != nil || !ok {
		return nil, err
	}
	return readPicture(file, p.streams)
}

// owners names those to whom the addresses are promised. The error says what of
// the plan could not be read; what could be is returned nevertheless.
func (p promises) owners(addresses []netip.Addr) (map[netip.Addr][]string, error) {
	read, err := p.read()
	if err != nil {
		return nil, fmt.Errorf("the fleet's plan is unknown: %w", err)
	}
	if read == nil {
		return nil, nil
	}
	plan := inventory.New(read.Facts.Plan)
	owners := map[netip.Addr][]string{}
	var asked []netipx.IPRange
	for _, a := range addresses {
		owners[a] = plan.Owners(a)
		asked = append(asked, netipx.IPRangeFrom(a, a))
	}
	return owners, read.gaps(asked...)
}

// virtual are the addresses that move between machines by the plan. The error says
// what of the plan could not be read; what could be is returned nevertheless.
func (p promises) virtual() ([]netip.Addr, error) {
	read, err := p.read()
	if err != nil {
		return nil, fmt.Errorf("the fleet's plan is unknown: %w", err)
	}
	if read == nil {
		return nil, nil
	}
	return inventory.New(read.Facts.Plan).Virtual(), read.gaps()
}

// gaps says in one line what is missing in the picture of some addresses, or of all
// if none are named; nil if nothing is.
func (p *picture) gaps(of ...netipx.IPRange) error {
	var parts []string
	if n := len(p.failures); n > 0 {
		first := p.failures[0].Message
		if at := p.failures[0].At; at.File != "" {
			first = at.String() + ": " + first
		}
		parts = append(parts, fmt.Sprintf("failures: %d, the first: %s", n, first))
	}
	hidden := slices.DeleteFunc(p.blindSpots(), func(s *plan.BlindSpot) bool {
		return len(of) > 0 && !slices.ContainsFunc(s.May, func(c plan.Claim) bool { return slices.ContainsFunc(of, c.Range.Overlaps) })
	})
	if n := len(hidden); n > 0 {
		parts = append(parts, fmt.Sprintf("parts that nobody can see: %d, the first at %s: %s", n, hidden[0].At, hidden[0].Text()))
	}
	if len(parts) == 0 {
		return nil
	}
	return fmt.Errorf("the fleet's plan is incomplete: %s; ipguard lint shows all", strings.Join(parts, "; "))
}
