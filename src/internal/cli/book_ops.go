package cli

import (
	"errors"
	"io/fs"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/report"
)

// opsFile is an ops file that sets the static_ips of an owner's instance group.
func (d *desk) opsFile(network string, holder ledger.Holder, ranges []netip.Prefix) ([]byte, error) {
	owner := plan.ReadOwnerName(holder.Owner)
	if owner.Parts < 3 {
		return nil, usage("leave --ops out; --vars NAME prints a vars file", "it is booked, but --ops needs an owner with an instance group, and %s has none", holder)
	}
	if network == "" {
		names := d.networksWith(owner.Director, owner.Deployment, ranges)
		if len(names) != 1 {
			hint := "name it with --network NAME"
			if len(names) > 1 {
				hint += ": one of " + someOf(names)
			}
			return nil, usage(hint, "it is booked, but which network of %s the address is of is not certain", holder)
		}
		network = names[0]
		if !d.streams.names.MayBeShown(network) {
			return nil, incomplete("name it with --network NAME", "it is booked, but the name of its network, %s, came through a variable and may be a secret: it is not written down", network)
		}
	}
	return report.StaticIPsOps(owner.Group, network, ranges)
}

// checkOps refuses, before anything is booked, what --ops cannot be used for: an owner
// without an instance group, a file that somebody else wrote, a folder that is not there.
func (f *bookFlags) checkOps(holder ledger.Holder) error {
	if f.ops == "" {
		return nil
	}
	if strings.Count(holder.Owner, "/") < 2 {
		return usage("leave --ops out; --vars NAME prints a vars file", "--ops needs an owner with an instance group, and %s has none", holder)
	}
	if info, err := os.Stat(filepath.Dir(f.ops)); err != nil || !info.IsDir() {
		return usage("name a file in a folder that is there", "--ops %s: there is no such folder", f.ops)
	}
	text, err := regularfile.Read(f.ops)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil || !report.IsStaticIPsOps(text):
		return usage("name a file that is not there yet, or one that ipguard wrote", "--ops would overwrite %s, which is no ops file of ipguard's", f.ops)
	}
	return nil
}

// mayBeOwner refuses to book an address for an owner of whom a name came through a variable:
// bookings are committed, and pushed.
func (d *desk) mayBeOwner(owner string, r netip.Prefix) error {
	if d.streams.names.MayBeShown(owner) {
		return nil
	}
	return incomplete("write the name into the manifest itself, or book the address for an owner that you name: ipguard book POOL --address "+ledger.RangeText(r)+" --for OWNER",
		"%s would be booked for %s, and a part of that name came through a variable and may be a secret: nothing is booked", ledger.RangeText(r), owner)
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
