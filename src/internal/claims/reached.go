package claims

import (
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// Reached is an address by which a director is reached: somebody has it.
type Reached struct {
	bosh.Block
	// Proxy tells that the machine is one on the way to the director.
	Proxy bool
	// Via is the host of the proxy on the way to the address, a name or an address; empty
	// where there is none, or where nobody can tell which one it is.
	Via string
}

// byAnotherWay reports whether the same URL leads to another director: there is a proxy on
// both ways, and not the same one.
func (r Reached) byAnotherWay(o Reached) bool {
	return r.Via != "" && o.Via != "" && r.Via != o.Via && isAddress(r.Via) == isAddress(o.Via)
}

func isAddress(host string) bool {
	_, err := netip.ParseAddr(host)
	return err == nil
}

// reached claims the addresses by which directors are reached, unless who has them is in the
// plan already: a manifest makes the machine, a director granted it, or a virtual address
// leads to it. A machine of others that surely runs no director, and passes nothing on, is a
// second owner; of one of which nobody knows that, the plan says so.
//
// What is outside of the director's networks may be translated on the way, and tells
// nothing of a segment.
func (b *builder) reached(directors []Director) {
	var wanted []netip.Addr
	for i := range directors {
		for _, r := range directors[i].Reached {
			wanted = append(wanted, r.Range.From())
		}
	}
	if len(wanted) == 0 {
		return
	}
	slices.SortFunc(wanted, netip.Addr.Compare)
	wanted = slices.Compact(wanted)
	held := holders{builder: b, directors: directors, at: b.holdersAt(wanted)}
	for i := range directors {
		d := &directors[i]
		for _, r := range d.Reached {
			on, address := b.subnetsOf(d.Name, r.Range.From()), r.Range.From()
			if len(on) == 0 || held.knownAs(d, r) {
				continue
			}
			held.doubt(d, address)
			for _, s := range on {
				owner := plan.Owner{Director: d.Name, Network: s.Network}
				if r.Proxy {
					owner.Property = "proxy"
				}
				held.at[address] = append(held.at[address], holder{len(b.plan.Claims), &r})
				b.add(plan.DirectorOwn, owner, s, r.Range, r.At)
			}
		}
	}
}

// holder is who has an address: a claim of the plan by its number, and how the director is
// reached there whose machine that is, if it is known by its URL alone.
type holder struct {
	claim   int
	reached *Reached
}

// holders are those of the addresses by which directors are reached.
type holders struct {
	*builder
	directors []Director
	at        map[netip.Addr][]holder
}

func (b *builder) holdersAt(wanted []netip.Addr) map[netip.Addr][]holder {
	at := map[netip.Addr][]holder{}
	for i := range b.plan.Claims {
		c := &b.plan.Claims[i]
		if !c.Kind.InUse() {
			continue
		}
		first, _ := slices.BinarySearchFunc(wanted, c.Range.From(), netip.Addr.Compare)
		for _, address := range wanted[first:] {
			if !c.Range.Contains(address) {
				break
			}
			at[address] = append(at[address], holder{claim: i})
		}
	}
	return at
}

// knownAs reports whether the plan has the machine that is reached, or may have it under
// another name. Of a proxy anybody's machine may be one.
func (h holders) knownAs(d *Director, r Reached) bool {
	list := h.at[r.Range.From()]
	return r.Proxy && len(list) > 0 || slices.ContainsFunc(list, func(o holder) bool { return !h.isAnother(d, r, o) })
}

// isAnother reports whether who has the address is not, or may not be, the director's machine.
func (h holders) isAnother(d *Director, r Reached, o holder) bool {
	c := &h.plan.Claims[o.claim]
	owner := c.Owner()
	switch {
	case owner.Director == d.Name:
		return false
	case c.Kind == plan.DirectorOwn:
		return owner.Property == "" && h.isAnotherDirector(r, owner.Director, o)
	case c.Kind == plan.Static, c.Kind == plan.Lease, c.Kind == plan.CreateEnvVM, c.Kind == plan.VIP:
		groups := h.groupsOf(owner)
		return (len(groups) > 0 || c.Kind == plan.VIP) && !slices.ContainsFunc(groups, func(g *bosh.Group) bool {
			return g.RunsDirector() || g.MayPassOn() && machineElsewhere(d, r)
		})
	}
	return false
}

// isAnotherDirector reports whether the machine of a director that has the address is another
// one: that director is reached there by another way, or says that it has the address and is
// no environment of create-env alone, which may be what makes the machine.
func (h holders) isAnotherDirector(r Reached, name string, o holder) bool {
	if o.reached != nil {
		return r.byAnotherWay(*o.reached)
	}
	i := slices.IndexFunc(h.directors, func(d Director) bool { return d.Name == name })
	return i >= 0 && h.directors[i].CloudConfig != nil && !slices.ContainsFunc(h.directors[i].Reached, func(o Reached) bool {
		return !o.Proxy && o.Range == r.Range && !r.byAnotherWay(o)
	})
}

// machineElsewhere reports whether the director's machine is known to have other addresses:
// by this one, something in front of it is reached.
func machineElsewhere(d *Director, r Reached) bool {
	own := OwnAddresses(d)
	return len(own) > 0 && !slices.ContainsFunc(own, func(a bosh.Block) bool { return a.Range.Contains(r.Range.From()) })
}

// groupsOf are the instance groups, one in each manifest of the deployment, that an owner's
// machines are of: any of those that a property reaches which is of no group.
func (h holders) groupsOf(o plan.Owner) []*bosh.Group {
	var list []*bosh.Group
	for i := range h.directors {
		if h.directors[i].Name != o.Director {
			continue
		}
		for _, m := range slices.Concat(h.directors[i].Deployments, h.directors[i].CreateEnvs) {
			switch g := GroupOf(m, o.InstanceGroup); {
			case m.Name != o.Deployment && (o.Deployment != "" || o.Property == ""):
			case o.InstanceGroup == "" && o.Property != "":
				list = append(list, m.Groups...)
			case g != nil:
				list = append(list, g)
			}
		}
	}
	return list
}

// doubt says of machines at an address that they may be those of the director, or pass on to
// it: a job of theirs hides (hiddenJobs) or is known for that, or nobody tells their group.
func (h holders) doubt(d *Director, address netip.Addr) {
	for _, o := range h.at[address] {
		c := &h.plan.Claims[o.claim]
		groups := h.groupsOf(c.Owner())
		passesOn := slices.ContainsFunc(groups, (*bosh.Group).MayPassOn)
		strays := c.Kind == plan.VIP && len(groups) == 0
		if c.Kind == plan.DirectorOwn || c.RunsDirector || !passesOn && !strays && !slices.ContainsFunc(groups, (*bosh.Group).MayRunDirector) {
			continue
		}
		if passesOn || c.Kind == plan.VIP && c.Owner().InstanceGroup == "" {
			may := *c
			h.plan.BlindSpots = append(h.plan.BlindSpots, plan.BlindSpot{
				Owner: c.Owner(), Reason: plan.Untold, At: c.At, May: []plan.Claim{may},
				Message: c.OwnerText() + " may pass on to director " + d.Name + ", which is reached at " + address.String(),
				Hint:    "if it does, name the addresses of the director's own machine in director_ips",
			})
		}
		c.RunsDirector = true
	}
}

// subnetsOf returns the subnets of the director's own networks that an address lies in, one
// of those that nothing tells apart.
func (b *builder) subnetsOf(director string, address netip.Addr) (list []*plan.Subnet) {
	for _, s := range b.plan.Subnets {
		if s.Director == director && s.Range.IsValid() && s.Range.Contains(address) && !slices.ContainsFunc(list, s.LikeOnWire) {
			list = append(list, s)
		}
	}
	return list
}
