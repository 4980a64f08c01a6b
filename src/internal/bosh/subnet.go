package bosh

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/source"
)

// readSubnet reads one subnet of a manual network
// (deployment_plan/manual_network_subnet.rb, parse).
func (r *cloudConfigReader) readSubnet(v source.Value, n *Network, zones zones, managed bool) *Subnet {
	s := newSubnet(v)
	if managed {
		r.has(v, "name", required)
	}
	rangeText, rangeAt, hasRange := r.text(v, "range", need(managed))
	gatewayText, gatewayAt, hasGateway := r.text(v, "gateway", need(r.opts.IgnoreMissingGateway || managed))
	subnet := subnetReader{cloudConfigReader: r, network: n.Name, spec: v, s: s}
	if hasRange {
		subnet.readRange(rangeText, rangeAt)
	} else {
		s.Incomplete = true
	}
	// A managed subnet without range gets all addresses from the IaaS; what
	// else is written there is not looked at.
	if hasRange || !managed {
		if hasGateway {
			subnet.readGateway(gatewayText, gatewayAt)
		}
		subnet.readAddresses()
	}
	s.DNS = r.readDNS(v, n.Name)
	r.readZones(v, s, n.Name, zones)
	r.integer(v, "netmask_bits", optional)
	r.object(v, "cloud_properties", optional)
	s.CloudProperties = cloudProperties(v)
	subnet.warnIgnoredKeys()
	return s
}

// readAddresses reads what depends on the range.
func (r *subnetReader) readAddresses() {
	r.readReserved()
	r.addDirectorIPs()
	r.checkLowRange()
	r.readStatic()
	if r.known && !r.opts.single() {
		r.readPrefix()
	}
}

// subnetReader reads one subnet. All entries are kept as they were written;
// restricted is what a director keeps of them.
type subnetReader struct {
	*cloudConfigReader
	network    string
	spec       source.Value
	s          *Subnet
	block      ipaddr // the range; bits < 0 where it is unknown
	known      bool
	restricted []span // by number; in the range's family
	static     []entry
}

func (r *subnetReader) readRange(text string, at source.Value) {
	r.s.RangeAt = at.Place()
	if r.hidden(at, "the range of network %s", r.network) {
		r.s.Incomplete = true
		return
	}
	block, err := parseIPAddr(text)
	if err != nil {
		r.s.Incomplete = true
		r.add(RuleInvalidRange, err.class, at.Place(), "the range %q of network %q is no CIDR block: %s", text, r.network, err.reason).
			cure("write an address and a length, such as 10.0.0.0/24, without blanks around it")
		return
	}
	if block.single() {
		r.s.Incomplete = true
		r.add(RuleInvalidRange, "NetworkInvalidRange", at.Place(), "the range %q of network %q is one address; it must have two at least", text, r.network).
			cure("%s/24", block.addr()).about(block)
		return
	}
	r.block, r.known = block, true
	r.s.Range = block.prefix()
	r.s.Prefix = block.width()
	r.restricted = append(r.restricted, span{block.base, block.base}, span{block.last(), block.last()})
}

// checkLowRange reports IPv6 ranges that begin below 2^32: the director takes
// their first address for IPv4 and then compares it with the last.
func (r *subnetReader) checkLowRange() {
	if !r.known || r.opts.single() || !r.block.v6 || !r.block.base.isV4() || r.block.last().isV4() {
		return
	}
	r.add(RuleInvalidRange, classInvalidAddress, r.s.RangeAt,
		"the range %s of network %q begins below ::1:0:0, which a director mistakes for IPv4", r.block.prefix(), r.network).
		cure("use another IPv6 range").about(r.block)
}

func (r *subnetReader) readGateway(text string, at source.Value) {
	r.s.GatewayAt = at.Place()
	if r.hidden(at, "the gateway of network %s", r.network) {
		r.s.Incomplete = true
		return
	}
	gateway, err := parseIPAddr(text)
	if err != nil {
		r.add(RuleInvalidGateway, err.class, at.Place(), "the gateway %q of network %q is no address: %s", text, r.network, err.reason)
		return
	}
	bad := func(class, reason string) {
		r.add(RuleInvalidGateway, class, at.Place(), "the gateway %s of network %q %s", text, r.network, reason).about(gateway)
	}
	const class = "NetworkInvalidGateway"
	switch {
	case !gateway.single():
		bad(class, "is a block; it must be one address")
	case !r.known:
		r.s.Gateway = gateway.addr()
	case !r.block.v6 && !gateway.base.isV4():
		bad(classInvalidAddress, "is IPv6 and its range is IPv4")
	case gateway.base.less(r.block.base) || r.block.last().less(gateway.base):
		bad(class, "is outside the range "+r.block.prefix().String())
	case gateway.base == r.block.base:
		bad(class, "is the network's own address, the first of "+r.block.prefix().String())
	case gateway.base == r.block.last():
		bad(class, "is the broadcast address, the last of "+r.block.prefix().String())
	default:
		r.s.Gateway = addrOf(gateway.base, r.block.v6)
		r.restricted = append(r.restricted, span{gateway.base, gateway.base})
	}
}

func (r *subnetReader) readReserved() {
	v := r.spec.Field("reserved")
	if !v.Present() {
		return
	}
	what := "reserved of network " + r.network
	r.s.ReservedAt = v.Place()
	complete := r.eachEntry(v, what, func(e entry) {
		r.s.Reserved = appendBlock(r.s.Reserved, e)
		r.warnEntry(e, what)
		r.checkReserved(e, what)
	})
	r.s.Incomplete = r.s.Incomplete || !complete
}

// checkReserved tests what a director tests: each block by its first address,
// before v282.0.10 each address.
func (r *subnetReader) checkReserved(e entry, what string) {
	if e.empty() || !r.known || r.endsAtTop(e, what) {
		return
	}
	for _, b := range cidrs(e) {
		n, err := r.block.coerced(b)
		if err != nil {
			r.badEntry(e, what, err)
			return
		}
		inside := !n.less(r.block.base) && !r.block.last().less(n)
		if inside && r.opts.single() {
			inside = !r.block.last().less(b.last())
		}
		if !inside {
			r.add(RuleReservedOutOfRange, "NetworkReservedIpOutOfRange", e.at, "%s: %s is outside the range %s", what, words(b), r.block.prefix()).
				cure("remove it, or end the entry at %s", addrOf(r.block.last(), r.block.v6)).about(b)
			return
		}
		r.restricted = append(r.restricted, span{n, b.last()})
		if r.block.last().less(b.last()) {
			r.warn(RuleReservedTooWide, e.at, "%s: %s reaches beyond the range %s; directors before v282.0.10 refuse it", what, words(b), r.block.prefix()).
				cure("%s", r.block.prefix()).about(b)
		}
	}
}

// endsAtTop reports a range that ends at the last address of its family: to cut
// it into blocks, the director asks for the address behind (d/ip_util.rb,
// ip_range_to_cidr_list).
func (r *subnetReader) endsAtTop(e entry, what string) bool {
	if !e.ranged || e.last.base != lowBits(e.last.width()) {
		return false
	}
	r.badEntry(e, what, badAddress("no address follows its last one, and the director asks for it"))
	return true
}

func (r *subnetReader) badEntry(e entry, what string, err *addressError) {
	r.add(RuleInvalidIPFormat, classIPFormat, e.at, "%s: %q does not belong here: %s", what, e.text, err.reason)
}

func (r *subnetReader) addDirectorIPs() {
	for _, a := range r.opts.DirectorIPs {
		if r.known && a.Is6() == r.block.v6 {
			r.restricted = append(r.restricted, span{numberOf(a), numberOf(a)})
		}
	}
}

func (r *subnetReader) readStatic() {
	v := r.spec.Field("static")
	if !v.Present() {
		return
	}
	what := "static of network " + r.network
	r.s.StaticAt = v.Place()
	restricted := newSpans(r.restricted)
	complete := r.eachEntry(v, what, func(e entry) {
		r.static, r.s.Static = append(r.static, e), appendBlock(r.s.Static, e)
		r.warnEntry(e, what)
		if r.known {
			r.checkStatic(e, what, restricted)
		}
	})
	r.s.Incomplete = r.s.Incomplete || !complete
}

func (r *subnetReader) checkStatic(e entry, what string, restricted spans) {
	if e.empty() || r.endsAtTop(e, what) {
		return
	}
	const class = "NetworkStaticIpOutOfRange"
	for _, b := range cidrs(e) {
		n, err := r.block.coerced(b)
		if err != nil {
			r.badEntry(e, what, err)
			return
		}
		tested := span{n, n}
		if r.opts.single() {
			tested.last = b.last()
		}
		if part, ok := restricted.meets(tested); ok {
			r.restrictedStatic(e, b, part.first, what)
			return
		}
		if n.less(r.block.base) || r.block.last().less(tested.last) {
			r.add(RuleStaticPoolOutOfRange, class, e.at, "%s: %s is outside the range %s", what, words(b), r.block.prefix()).about(b)
			return
		}
		r.warnUnusable(e, b, what, restricted)
	}
}

func (r *subnetReader) restrictedStatic(e entry, b ipaddr, n u128, what string) {
	at := addrOf(n, r.block.v6)
	p := r.add(RuleStaticPoolOutOfRange, "NetworkStaticIpOutOfRange", e.at, "%s: %s is %s", what, at, r.reason(n)).about(b)
	if !b.single() {
		p.Message = fmt.Sprintf("%s: %s holds %s, which is %s", what, words(b), at, r.reason(n))
	}
	switch {
	case r.reason(n) == reserved:
		p.cure("take it out of static or out of reserved")
	case b.single() && !e.ranged:
		p.cure("remove it")
	default:
		p.cure("let static begin behind it")
	}
}

// reserved is the reason for what somebody reserved.
const reserved = "reserved"

// reason says why an address of the range is restricted.
func (r *subnetReader) reason(n u128) string {
	switch {
	case n == r.block.base:
		return "the network's own address"
	case n == r.block.last():
		return "the broadcast address"
	case r.s.Gateway.IsValid() && n == numberOf(r.s.Gateway):
		return "the gateway"
	}
	for _, a := range r.opts.DirectorIPs {
		if a.Is6() == r.block.v6 && numberOf(a) == n {
			return "the director's own"
		}
	}
	return reserved
}

// readPrefix reads the length of the block that each VM gets.
func (r *subnetReader) readPrefix() {
	v := r.spec.Field("prefix")
	if k := v.Kind(); k == source.Absent || k == source.Nil {
		return
	}
	r.s.PrefixAt = v.Place()
	text, ok := v.Coerced()
	if !ok {
		r.s.PrefixError = "NoMethodError"
		r.add(RuleWrongType, "NoMethodError", v.Place(), "prefix of network %q must be a number, not %s", r.network, v.Kind())
		return
	}
	if r.hidden(v, "the prefix of network %s", r.network) {
		r.s.Incomplete = true
		return
	}
	if leadingInt(text) < r.block.bits {
		r.s.PrefixError = "NetworkPrefixSizeTooBig"
		r.add(RulePrefix, "NetworkPrefixSizeTooBig", v.Place(), "prefix %s of network %q asks for a block larger than the range, a /%d", text, r.network, r.block.bits).
			cure("prefix: a number from %d to %d", r.block.bits, r.block.width())
		return
	}
	r.s.prefixText = text
	effective, err := r.block.mask(text)
	if _, plain := smallNumber(text); err == nil && plain {
		r.s.Prefix = effective.bits
		r.warnUnaligned()
		return
	}
	class, reason := "NetworkReservationInvalidPrefix", "it is no number"
	if err != nil {
		class, reason = err.class, err.reason
	}
	r.s.PrefixError = class
	if len(r.s.Static) > 0 {
		if err == nil {
			class = classAddressFamily // its steps through static are fractions
		}
		r.add(RulePrefix, class, v.Place(), "prefix %s of network %q cannot be used: %s", text, r.network, reason).
			cure("prefix: a number from %d to %d", r.block.bits, r.block.width())
	}
}

// leadingInt reads a number as String#to_i does.
func leadingInt(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < len(s) && (isDigit(s[end]) || s[end] == '_' && end > 0 || end == 0 && (s[0] == '-' || s[0] == '+')) {
		end++
	}
	n, err := strconv.ParseInt(strings.ReplaceAll(s[:end], "_", ""), 10, 64)
	if err != nil && n == 0 {
		return 0
	}
	return int(n)
}

// prefixWords is the prefix as a director compares it: as text.
func prefixWords(s *Subnet) string {
	if s.prefixText != "" {
		return s.prefixText
	}
	return strconv.Itoa(s.Prefix)
}

// cidrs cuts an entry into the aligned blocks that the director makes of it.
func cidrs(e entry) []ipaddr {
	b, ok := e.block()
	if !ok {
		return nil
	}
	var list []ipaddr
	for _, p := range b.Range.Prefixes() {
		list = append(list, fromPrefix(p))
	}
	return list
}

// words is a block as a person writes it.
func words(b ipaddr) string {
	if b.single() {
		return b.addr().String()
	}
	return b.prefix().String()
}
