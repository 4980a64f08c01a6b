package central

import (
	"bytes"
	"context"
	"fmt"
	"net/netip"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/survey"
)

// Grant is an address, or a block, that a director once said that it had granted.
type Grant struct {
	Deployment, Group string
	// Instance tells it apart from others of its group, as snapshot.VM.Instance does.
	Instance string
	Block    netip.Prefix
	// Unsure is since when it cannot be seen whether it is granted; the zero time: the
	// last push that is recorded shows it.
	Unsure time.Time
}

// rest is how long an address is given to nobody after its VM vanished from a director
// that does not show orphaned VMs. bosh deletes an orphan within minutes where its CPI
// can, tries again where it cannot, and keeps what belonged to it for 5 days.
const rest = 5 * 24 * time.Hour

// vanished are the addresses of VMs that a director does not tell any more, by a plan that has
// what it tells now: while it hides orphaned VMs, and of instances that have no VM now.
func (p *Plan) vanished(ctx context.Context, now *plan.Plan, push pushes.Push, name string, text []byte) (list []survey.Vanished, err error) {
	if p.Granted == nil || !bytes.Contains(text, []byte("orphaned VMs")) && !bytes.Contains(text, []byte(`"absent"`)) {
		return nil, nil
	}
	grants, err := p.Granted(ctx, push.Director)
	if err != nil {
		return nil, fmt.Errorf("the history cannot be read: %w", err)
	}
	if len(grants) == 0 {
		return nil, nil
	}
	read, err := snapshot.Read(name, text)
	if err != nil {
		return nil, nil // what is wrong with it is said already
	}
	seen, without := addressesOf(now, push.Director, read), withoutVM(read)
	for _, g := range grants {
		stopped := without[g.Instance]
		if !stopped && (!read.HidesOrphans() || !g.Unsure.IsZero() && p.Now().Sub(g.Unsure) >= rest) {
			continue
		}
		var left netipx.IPSetBuilder
		left.AddPrefix(g.Block)
		left.RemoveSet(seen)
		set, _ := left.IPSet() // prefixes and sets make no error
		for _, r := range set.Ranges() {
			list = append(list, survey.Vanished{Director: push.Director, Deployment: g.Deployment, Group: g.Group, Range: r, Stopped: stopped, At: place.Place{File: name}})
		}
	}
	return list, nil
}

// withoutVM are the instances that have no VM, and whose addresses the director does not show.
func withoutVM(s *snapshot.Snapshot) map[string]bool {
	without := map[string]bool{}
	for i := range s.Deployments {
		d := &s.Deployments[i]
		for j := range d.VMs {
			if d.VMs[j].Absent {
				without[d.VMs[j].Instance(d.Name)] = true
			}
		}
	}
	return without
}

// addressesOf are what a director is seen to have granted, and what it uses by the plan.
func addressesOf(p *plan.Plan, director string, s *snapshot.Snapshot) *netipx.IPSet {
	var seen netipx.IPSetBuilder
	for i := range s.Deployments {
		for j := range s.Deployments[i].VMs {
			for _, a := range s.Deployments[i].VMs[j].Addresses {
				seen.AddRange(a.Range)
			}
		}
	}
	for i := range p.Claims {
		if c := &p.Claims[i]; c.Kind.InUse() && c.Owner().Director == director && c.Range.IsValid() {
			seen.AddRange(c.Range)
		}
	}
	set, _ := seen.IPSet() // ranges that were read make no error
	return set
}
