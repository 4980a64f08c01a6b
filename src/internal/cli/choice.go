package cli

import (
	"context"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// choice is which bookings arguments stand for, where something is done to them. An owner
// of just that name comes before all that a word may stand for besides.
type choice struct {
	args []string
	// all admits what stands for several owners.
	all bool
	// exact are the arguments that are whole names of owners.
	exact map[string]bool
	// several are, for every other argument, the owners that it stands for, and wide the
	// arguments that name a pool or a CIDR.
	several map[string][]string
	wide    map[string]bool
}

// choose looks in all pools for what arguments stand for, before anything is written.
func (d *desk) choose(ctx context.Context, args []string, all bool) (*choice, error) {
	c := &choice{args: args, all: all, exact: map[string]bool{}, several: map[string][]string{}, wide: map[string]bool{}}
	var lists [][]ledger.Booking
	pools := d.ledgerPools()
	for _, pool := range pools {
		rs, err := d.store.Records(ctx, pool.Name)
		if err != nil {
			return nil, storeError(err)
		}
		list := slices.DeleteFunc(rs.Sorted(), func(b ledger.Booking) bool { return !b.State.Taken() })
		c.note(list)
		lists = append(lists, list)
	}
	for i, list := range lists {
		for _, b := range list {
			c.has(pools[i].Name, b, map[string]bool{})
		}
	}
	return c, c.check()
}

// note takes notice of the arguments that are whole names of owners of bookings.
func (c *choice) note(list []ledger.Booking) {
	for _, a := range c.args {
		if _, err := parseBlocks("", []string{a}); err == nil {
			continue // an address is no name, whatever somebody called an owner
		}
		c.exact[a] = c.exact[a] || slices.ContainsFunc(list, func(b ledger.Booking) bool { return b.Named(a) })
	}
}

// has reports whether a booking is one of those, and notes which arguments are of use.
func (c *choice) has(pool string, b ledger.Booking, matched map[string]bool) bool {
	found := false
	for _, a := range c.args {
		switch {
		case c.exact[a] && !b.Named(a), !selects(a, pool, b):
			continue
		case !c.exact[a] && !isAddress(a, b):
			c.wide[a] = c.wide[a] || !strings.HasPrefix(b.Owner, strings.TrimSuffix(a, "/")+"/")
			if !slices.Contains(c.several[a], b.Owner) {
				c.several[a] = append(c.several[a], b.Owner)
			}
		}
		matched[a], found = true, true
	}
	return found
}

// isAddress reports whether an argument names just the address or block of a booking.
func isAddress(name string, b ledger.Booking) bool {
	ranges, err := parseBlocks("", []string{name})
	return err == nil && ranges[0] == b.Range
}

// check refuses what stands for more than whoever wrote it may think of.
func (c *choice) check() error {
	for _, a := range c.args {
		if owners := c.several[a]; !c.all && (c.wide[a] || len(owners) > 1 && !strings.Contains(strings.TrimRight(a, "/"), "/")) {
			return usage("name them one by one, or add --all (and --dry-run first)", "%q stands for all that is booked for %s", a, someOf(owners))
		}
	}
	return nil
}
