package audit

import (
	"net/netip"
	"slices"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// stray is a promise without a grant, or a grant without a promise.
type stray struct {
	claim *plan.Claim
	at    netipx.IPRange
	// group is the instance group, by its name in the files.
	group, network string
	// reason, where and keepers say of a grant what the files have against it.
	reason  Reason
	where   place.Place
	keepers []*plan.Claim
}

// key is what two strays of a pair have in common.
type key struct {
	director, deployment, group, property, network string
	is4                                            bool
}

func (s stray) key(withNetwork bool) key {
	o := s.claim.Owner()
	k := key{o.Director, o.Deployment, s.group, o.Property, "", s.at.From().Is4()}
	if withNetwork {
		k.network = s.network
	}
	return k
}

// pair makes one drift of a promise and a grant of the same instance group: in the
// same network, else in any. What is left over is unprotected, or drifts alone.
func (c *comparison) pair() {
	c.missing = singles(c.missing)
	for _, withNetwork := range []bool{true, false} {
		waiting := map[key][]stray{}
		for _, s := range c.stray {
			waiting[s.key(withNetwork)] = append(waiting[s.key(withNetwork)], s)
		}
		type part struct {
			claim *plan.Claim
			at    netipx.IPRange
		}
		paired := map[part]bool{}
		c.missing = slices.DeleteFunc(c.missing, func(m stray) bool {
			k := m.key(withNetwork)
			if len(waiting[k]) == 0 || !oneInstance(m) {
				return false
			}
			s := waiting[k][0]
			waiting[k] = waiting[k][1:]
			paired[part{s.claim, s.at}] = true
			c.moved(m, s)
			return true
		})
		c.stray = slices.DeleteFunc(c.stray, func(s stray) bool { return paired[part{s.claim, s.at}] })
	}
	for _, m := range c.missing {
		c.unprotected(m)
	}
	for _, s := range c.stray {
		c.add(s.at, Drift, s.reason, lint.Error, s.keepers, list(s.claim))
		c.found[len(c.found)-1].At = s.where
	}
}

// most is the size of the largest range whose addresses are told one by one; no
// instance group has more instances.
const most = 1 << 12

// singles takes the ranges apart in which each instance gets one address.
func singles(missing []stray) []stray {
	var apart []stray
	for _, m := range missing {
		size := plan.Size(m.at)
		if oneInstance(m) || !size.IsInt64() || size.Int64() > most {
			apart = append(apart, m)
			continue
		}
		for a := m.at.From(); a.IsValid() && !m.at.To().Less(a); a = a.Next() {
			one := m
			one.at = netipx.IPRangeFrom(a, a)
			apart = append(apart, one)
		}
	}
	return apart
}

// oneInstance reports whether one instance gets all addresses of the promise: a
// single one, or the block of a subnet with a prefix.
func oneInstance(m stray) bool {
	if m.at.From() == m.at.To() {
		return true
	}
	s := m.claim.Subnet
	return s != nil && s.Prefix != 0 && s.Prefix != m.at.From().BitLen()
}

func (c *comparison) moved(m, s stray) {
	c.add(s.at, Drift, Moved, lint.Error, nil, nil)
	last := &c.found[len(c.found)-1]
	last.Promised, last.Item.Granted = []plan.Claim{narrowed(m.claim, m.at)}, []plan.Claim{narrowed(s.claim, s.at)}
}

// unprotected tells of a promise that nobody was granted.
func (c *comparison) unprotected(m stray) {
	d := c.byName[m.claim.Owner().Director]
	if m.claim.Owner().Property != "" && slices.Contains(d.Unread, m.claim.Owner().Deployment) || c.mayHave(m) {
		c.leave(m.at, m.claim)
		return
	}
	reason, severity, except := c.whyMissing(d, m), lint.Warning, ""
	switch reason {
	case ErrandNotRun:
		severity = lint.Info
	case NoVM:
		except = d.Name // which still has it in its list
	}
	c.exposed = append(c.exposed, exposed{m.claim, m.at, except})
	rivals, hides := c.rivals(m.at, m.claim, except)
	switch {
	case len(rivals) > 0:
		severity = lint.Error
	case hides:
		c.leave(m.at, m.claim)
		return
	}
	c.add(m.at, Unprotected, reason, severity, list(m.claim), nil)
	c.found[len(c.found)-1].Rivals = rivals
}

// whyMissing says how far a promise came.
func (c *comparison) whyMissing(d *Director, m stray) Reason {
	if m.claim.Owner().Deployment == "" {
		return NotYet
	}
	deployed := manifestNamed(d.Granted, m.claim.Owner().Deployment)
	started := slices.ContainsFunc(d.Granted.Leases, func(l claims.Lease) bool { return l.Deployment == m.claim.Owner().Deployment && !l.Orphan })
	switch {
	case slices.Contains(d.Unread, m.claim.Owner().Deployment):
		return NoVM
	case deployed == nil && !started:
		return NeverDeployed
	case deployed == nil || !asks(deployed, c.manifestOf(d, m), m):
		return NotYet
	case isErrand(c.manifestOf(d, m), m.group):
		return ErrandNotRun
	}
	return NoVM
}

func (c *comparison) manifestOf(d *Director, m stray) *bosh.Manifest {
	return c.files[[2]string{d.Name, m.claim.Owner().Deployment}]
}

// asks reports whether a deployed manifest asks for the address in the group,
// which may have had another name then.
func asks(deployed, file *bosh.Manifest, m stray) bool {
	return slices.ContainsFunc(deployed.Groups, func(g *bosh.Group) bool {
		now := claims.GroupOf(file, g.Name)
		return now != nil && now.Name == m.group && slices.ContainsFunc(g.Networks, func(n *bosh.GroupNetwork) bool {
			return slices.ContainsFunc(n.Static, func(b bosh.Block) bool { return contains(b.Range, m.at.From()) })
		})
	})
}

func contains(r netipx.IPRange, a netip.Addr) bool { return r.IsValid() && r.Contains(a) }

func isErrand(m *bosh.Manifest, group string) bool {
	g := claims.GroupOf(m, group)
	return g != nil && g.Lifecycle == "errand"
}
