package deploy

import (
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/ipaddr"
)

// outsiders gather addresses of static_ips that no subnet lists as static: those of one entry
// that follow one another for one reason are reported together, and each of them is told.
type outsiders struct {
	p           *staticPlacement
	n           *plannedNetwork
	first, last staticAddress
	reason      *outsideReason // of them; nil: there are none
}

// outsideReason says what an address is instead of static, and what to do.
type outsideReason struct {
	why, cure, otherwise string
	// another says that another address would do.
	another bool
}

func (o *outsiders) add(a staticAddress) {
	reason := o.p.reasonOutside(o.n, a)
	if o.reason != nil && *o.reason == reason && o.first.at == a.at && o.last.n.Inc() == a.n {
		o.last = a
		return
	}
	o.report()
	o.first, o.last, o.reason = a, a, &reason
}

// report tells of those that were gathered.
func (o *outsiders) report() {
	if o.reason == nil {
		return
	}
	r, p := o.reason, o.p
	addresses := ipaddr.RangeOf(ipaddr.Span{First: o.first.n, Last: o.last.n}, o.first.v6)
	text := ipaddr.AddrOf(o.first.n, o.first.v6).String()
	if o.last.n != o.first.n {
		text += "-" + ipaddr.AddrOf(o.last.n, o.last.v6).String()
	}
	problem := p.Add(bosh.RuleStaticIPOutsidePool, "InstanceGroupNetworkInstanceIpMismatch", o.first.at, "instance group %q asks for %s on network %q, %s", p.g.Name, text, o.n.Name, r.why)
	if problem.Cure = r.cure; r.cure == addToStatic {
		problem.Cure = "add " + text + " to static of the subnet"
	}
	if r.another {
		problem.Instead = p.instead(p.g, o.n.network, r.otherwise)
	}
	problem.Range = addresses
	o.reason = nil
}

// addToStatic is the cure that names the addresses.
const addToStatic = "add to static"

// reasonOutside says what an address that no subnet lists as static is instead.
func (p *staticPlacement) reasonOutside(n *plannedNetwork, a staticAddress) outsideReason {
	address := ipaddr.AddrOf(a.n, a.v6)
	r := outsideReason{why: "which is in no subnet of it", another: true}
	for _, s := range p.having(n.network, a.n, a.v6) {
		if !s.Range.IsValid() || !s.Range.Contains(address) {
			continue
		}
		pool := p.pool(s)
		switch {
		case pool.restricted.Contains(a.n):
			r.why, r.otherwise = "which "+p.restriction(s, a.n), "choose an address of the subnet's static list"
		case pool.static.Contains(a.n):
			r.why, r.cure = "which begins no block of the subnet's prefix", "choose the first address of a block"
			r.another = false
		default:
			r.why, r.cure = "which its subnet hands out dynamically", addToStatic
		}
	}
	return r
}
