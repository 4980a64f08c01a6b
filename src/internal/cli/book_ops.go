package cli

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/report"
)

// opsFile is an ops file that sets the static_ips of an owner's instance group.
func (d *desk) opsFile(network string, holder ledger.Holder, ranges []netip.Prefix) ([]byte, error) {
	parts := strings.SplitN(holder.Owner, "/", 3)
	if len(parts) < 3 {
		return nil, usage("leave --ops out; --vars NAME prints a vars file", "it is booked, but --ops needs an owner with an instance group, and %s has none", holder)
	}
	if network == "" {
		names := d.networksWith(parts[0], parts[1], ranges)
		if len(names) != 1 {
			hint := "name it with --network NAME"
			if len(names) > 1 {
				hint += ": one of " + someOf(names)
			}
			return nil, usage(hint, "it is booked, but which network of %s the address is of is not certain", holder)
		}
		network = names[0]
	}
	return report.StaticIPsOps(parts[2], network, ranges)
}

// networksWith are the networks of a deployment's director that hold all addresses.
func (d *desk) networksWith(director, deployment string, ranges []netip.Prefix) []string {
	var names []string
	for _, s := range d.Facts.Plan.Subnets {
		if s.Director != director || s.Deployment != "" && s.Deployment != deployment || !s.Range.IsValid() {
			continue
		}
		if !slices.ContainsFunc(ranges, func(r netip.Prefix) bool { return !s.Range.Contains(r.Addr()) }) && !slices.Contains(names, s.Network) {
			names = append(names, s.Network)
		}
	}
	slices.Sort(names)
	return names
}
