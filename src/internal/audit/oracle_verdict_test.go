//go:build !race

package audit

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
)

// promise is one address that a file gives to a group.
type promise struct {
	d                 *randomDirector
	deployment, group string
	address           netip.Addr
}

func (p promise) String() string { return p.d.name + "/" + p.deployment + "/" + p.group }

// grant is one address that a director gave to a VM.
type grant struct {
	d *randomDirector
	randomLease
}

func (g grant) String() string { return g.d.name + "/" + g.deployment + "/" + g.group + "/" + g.id }

// verdicts gathers lines as TestCompareAgainstOracle writes them.
type verdicts struct {
	f        *randomFleetOf
	lines    []string
	missing  []promise
	stray    []grant
	reasons  map[string]Reason // of strays
	unjudged int
}

func (f *randomFleetOf) oracle() (lines []string, unjudged int) {
	v := &verdicts{f: f, reasons: map[string]Reason{}}
	for _, a := range append(addressesOf("n"), addressesOf("m")...) {
		v.address(a)
	}
	v.pairs()
	return v.lines, v.unjudged
}

func (v *verdicts) add(a netip.Addr, verdict Verdict, r Reason, promised string, granted ...grant) {
	var names []string
	for _, g := range granted {
		names = append(names, g.String())
	}
	slices.Sort(names)
	line := fmt.Sprintf("%s %s %s promised=%s granted=%s", a, verdict, r, promised, strings.Join(names, ","))
	v.lines = append(v.lines, line)
}

// at returns who is promised an address and who has it.
func (v *verdicts) at(a netip.Addr) (promises []promise, grants []grant) {
	for _, d := range v.f.all {
		for _, name := range []string{"x", "y"} {
			for _, group := range []string{"g", "h"} {
				if d.files && slices.Contains(d.file[name][group].static, a) {
					promises = append(promises, promise{d, name, group, a})
				}
			}
		}
		for _, l := range d.leases {
			if d.live && l.address == a {
				grants = append(grants, grant{d, l})
			}
		}
	}
	return promises, grants
}

func (v *verdicts) address(a netip.Addr) {
	promises, grants := v.at(a)
	told := map[grant]bool{}
	var twice []string // who is promised what was granted twice
	defer func() {
		if twice != nil {
			v.add(a, Drift, GrantedTwice, strings.Join(twice, ","), grants...)
		}
	}()
	for _, p := range promises {
		var own, rivals []grant
		living := false
		for _, g := range grants {
			switch {
			case g.d == p.d && g.deployment == p.deployment && g.group == p.group && !g.orphan:
				own, told[g] = append(own, g), true
			case g.d == p.d || !v.f.isolated:
				rivals, told[g] = append(rivals, g), true
				living = living || !g.orphan
			}
		}
		switch {
		case own != nil && rivals != nil:
			twice = append(twice, p.String()) // by two directors at most, so these are all
		case own != nil:
			v.add(a, Agreed, AsPromised, p.String(), own...)
		case living:
			v.add(a, Drift, OtherOwner, p.String(), rivals...)
		case rivals != nil:
			v.add(a, Orphan, Orphaned, p.String(), rivals...)
		case p.d.live:
			v.missing = append(v.missing, p)
		}
	}
	v.unpromised(a, grants, told)
}

// unpromised decides about grants that no promise has to do with; there are at most
// two, of two directors.
func (v *verdicts) unpromised(a netip.Addr, grants []grant, told map[grant]bool) {
	for i, g := range grants {
		switch {
		case told[g]:
		case !v.f.isolated && len(grants) == 2:
			v.add(a, Drift, GrantedTwice, "", grants...)
			told[grants[1-i]] = true
		case g.orphan:
			v.add(a, Orphan, Orphaned, "", g)
		default:
			v.single(a, g)
		}
	}
}

// single decides about one grant by the files of its director.
func (v *verdicts) single(a netip.Addr, g grant) {
	groups, described := g.d.file[g.deployment]
	group, known := groups[g.group]
	switch {
	case (!g.d.files || !described) && g.d.partial:
		v.unjudged++
	case !g.d.files || len(g.d.file) == 0: // nothing was promised, as far as is known
	case !described:
		v.add(a, Ghost, NoDeployment, "", g)
	case !known:
		v.add(a, Ghost, NoGroup, "", g)
	case !networkRanges[group.network].Contains(a):
		v.drift(g, NoNetwork)
	case len(group.static) > 0:
		v.drift(g, Withdrawn)
	case g.d.reserved[a] || g.d.static[a]:
		v.drift(g, NotHandedOut)
	default:
		v.add(a, Agreed, FromPool, "", g)
	}
}

func (v *verdicts) drift(g grant, r Reason) {
	v.stray = append(v.stray, g)
	v.reasons[g.String()] = r
}

// pairs puts what is left over together: first in one network, then in any, the
// lower address first.
func (v *verdicts) pairs() {
	network := func(a netip.Addr) bool { return networkRanges["n"].Contains(a) }
	slices.SortFunc(v.missing, func(a, b promise) int { return a.address.Compare(b.address) })
	slices.SortFunc(v.stray, func(a, b grant) int { return a.address.Compare(b.address) })
	for _, any := range []bool{false, true} {
		var left []promise
		for _, p := range v.missing {
			i := slices.IndexFunc(v.stray, func(g grant) bool {
				return g.d == p.d && g.deployment == p.deployment && g.group == p.group && (any || network(g.address) == network(p.address))
			})
			if i < 0 {
				left = append(left, p)
				continue
			}
			v.add(v.stray[i].address, Drift, Moved, p.String()+" "+p.address.String(), v.stray[i])
			v.stray = slices.Delete(v.stray, i, i+1)
		}
		v.missing = left
	}
	for _, p := range v.missing {
		v.add(p.address, Unprotected, p.why(), p.String())
	}
	for _, g := range v.stray {
		v.add(g.address, Drift, v.reasons[g.String()], "", g)
	}
}

func (p promise) why() Reason {
	group, deployed := p.d.deployed[p.deployment]
	started := slices.ContainsFunc(p.d.leases, func(l randomLease) bool { return l.deployment == p.deployment && !l.orphan })
	switch {
	case !deployed && !started:
		return NeverDeployed
	case !slices.Contains(group[p.group].static, p.address):
		return NotYet
	}
	return NoVM
}
