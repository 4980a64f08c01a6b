package bosh

import (
	"fmt"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/spelling"
)

// subnetKeys are the keys of a manual network's subnet that a director reads.
var subnetKeys = []string{"range", "gateway", "reserved", "static", "prefix", "dns", "az", "azs", "cloud_properties", "name", "netmask_bits"}

// mistakenKeys are keys that people wrote for those that there are.
var mistakenKeys = map[string]string{
	"reserved_ips": "reserved", "reserved_ip": "reserved", "excluded": "reserved", "exclude": "reserved", "excludes": "reserved",
	"reserved_ranges": "reserved", "blacklist": "reserved", "static_ips": "static", "static_ip": "static", "static_ranges": "static",
	"cidr": "range", "subnet": "range", "network": "range", "gw": "gateway", "nameservers": "dns", "dns_servers": "dns",
	"availability_zone": "az", "availability_zones": "azs", "zone": "az", "zones": "azs",
}

// warnIgnoredKeys reports keys that a director passes over in silence and that
// somebody meant to have an effect.
func (r *subnetReader) warnIgnoredKeys() {
	if v := r.spec.Field("prefix"); r.spec.Has("prefix") && r.Opts.Single() {
		r.Warn(RulePrefix, v.Place(), "this director's version, %s, passes over prefix: it gives each VM one address", r.Opts.DirectorVersion).
			WithCure("upgrade the director to v282.1.9 or newer, or remove prefix")
	}
	for key := range r.spec.Fields() {
		if isSubnetKey(key.Text()) {
			continue
		}
		meant, ok := mistakenKeys[key.Text()]
		if !ok {
			meant, ok = spelling.Nearest(key.Text(), subnetKeys)
		}
		if !ok {
			continue
		}
		r.Warn(RuleIgnoredKey, key.Place(), "a director passes over %q in a subnet of network %q", key, r.network).
			WithCure("did you mean %s?", meant)
	}
}

func isSubnetKey(key string) bool {
	for _, k := range subnetKeys {
		if k == key {
			return true
		}
	}
	return false
}

// warnEntry reports an entry that means nothing, or not what it says.
func (r *Report) warnEntry(e entry, what string) {
	switch {
	case e.empty():
		r.Warn(RuleReversedRange, e.at, "%s: %q ends before it begins, and so means no address at all", what, e.text).
			WithCure("%s-%s", e.last.Addr(), e.first.Addr())
	case e.open:
		r.Warn(RuleOpenRange, e.at, "%s: %q has no second address; the director takes it for %s alone", what, e.text, e.first.Words()).
			WithCure("%s, or FIRST-LAST", e.first.Words()).About(e.first)
	}
}

// warnUnusable reports addresses of a static block that the director accepts
// there and refuses when an instance asks for them.
func (r *subnetReader) warnUnusable(e entry, b ipaddr.Addr, what string, restricted ipaddr.Spans) {
	part, ok := restricted.Meets(b.Span())
	if !ok {
		return
	}
	first, last := ipaddr.AddrOf(part.First, r.block.V6), ipaddr.AddrOf(part.Last, r.block.V6)
	list := first.String()
	if first != last {
		list = fmt.Sprintf("%s-%s", first, last)
	}
	p := r.Warn(RuleUnusableStatic, e.at, "%s: %s holds %s, which is %s: no instance can have it; directors before v282.0.10 refuse the whole entry", what, b.Words(), list, r.reason(part.First))
	p.WithCure("leave %s out of static", list)
	p.Range = ipaddr.RangeOf(part, r.block.V6)
}

// warnUnaligned reports static addresses that do not begin a block of the
// subnet's prefix: the director drops them without a word.
func (r *subnetReader) warnUnaligned() {
	if r.s.Prefix == r.block.Width() {
		return
	}
	for _, e := range r.static {
		if e.empty() || e.first.V6 != r.block.V6 {
			continue
		}
		for _, b := range cidrs(e) {
			if b.Bits > r.s.Prefix && b.WithBits(r.s.Prefix).Base != b.Base {
				r.Warn(RuleUnusableStatic, e.at, "static of network %s: %s does not begin a block of /%d, and so is dropped", r.network, b.Words(), r.s.Prefix).
					WithCure("%s", b.WithBits(r.s.Prefix).Addr()).About(b)
			}
		}
	}
}
