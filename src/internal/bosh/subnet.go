package bosh

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/ipguard/ipguard/src/internal/ipaddr"
	"github.com/ipguard/ipguard/src/internal/source"
)

// readSubnet reads one subnet of a manual network
// (deployment_plan/manual_network_subnet.rb, parse).
func (r *cloudConfigReader) readSubnet(v source.Value, n *Network, zones Zones, managed bool) *Subnet {
	s := newSubnet(v)
	if managed {
		r.has(v, "name", required)
	}
	rangeText, rangeAt, hasRange := r.text(v, "range", need(managed))
	gatewayText, gatewayAt, hasGateway := r.text(v, "gateway", need(r.Opts.IgnoreMissingGateway || managed))
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
	if r.known && !r.Opts.Single() {
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
	block      ipaddr.Addr // the range; bits < 0 where it is unknown
	known      bool
	restricted []ipaddr.Span // by number; in the range's family
	static     []entry
}

func (r *subnetReader) readRange(text string, at source.Value) {
	r.s.RangeAt = at.Place()
	if r.hidden(at, "the range of network %s", r.network) {
		r.s.Incomplete = true
		return
	}
	block, err := ipaddr.Parse(text)
	if err != nil {
		r.s.Incomplete = true
		r.Add(RuleInvalidRange, err.Class, at.Place(), "the range %q of network %q is no CIDR block: %s", at, r.network, err.Reason).
			WithCure("write an address and a length, such as 10.0.0.0/24, without blanks around it")
		return
	}
	if block.Single() {
		r.s.Incomplete = true
		r.Add(RuleInvalidRange, "NetworkInvalidRange", at.Place(), "the range %q of network %q is one address; it must have two at least", at, r.network).
			WithCure("%s/24", block.Addr()).About(block)
		return
	}
	r.block, r.known = block, true
	r.s.Range = block.Prefix()
	r.s.Prefix = block.Width()
	r.restricted = append(r.restricted, ipaddr.Span{First: block.Base, Last: block.Base}, ipaddr.Span{First: block.Last(), Last: block.Last()})
}

// checkLowRange reports IPv6 ranges that begin below 2^32: the director takes
// their first address for IPv4 and then compares it with the last.
func (r *subnetReader) checkLowRange() {
	if !r.known || r.Opts.Single() || !r.block.V6 || !r.block.Base.IsV4() || r.block.Last().IsV4() {
		return
	}
	r.Add(RuleInvalidRange, ipaddr.ClassInvalidAddress, r.s.RangeAt,
		"the range %s of network %q begins below ::1:0:0, which a director mistakes for IPv4", r.block.Prefix(), r.network).
		WithCure("use another IPv6 range").About(r.block)
}

func (r *subnetReader) readGateway(text string, at source.Value) {
	r.s.GatewayAt = at.Place()
	if r.hidden(at, "the gateway of network %s", r.network) {
		r.s.Incomplete = true
		return
	}
	gateway, err := ipaddr.Parse(text)
	if err != nil {
		r.Add(RuleInvalidGateway, err.Class, at.Place(), "the gateway %q of network %q is no address: %s", at, r.network, err.Reason)
		return
	}
	bad := func(class, reason string) {
		r.Add(RuleInvalidGateway, class, at.Place(), "the gateway %s of network %q %s", at, r.network, reason).About(gateway)
	}
	const class = "NetworkInvalidGateway"
	switch {
	case !gateway.Single():
		bad(class, "is a block; it must be one address")
	case !r.known:
		r.s.Gateway = gateway.Addr()
	case !r.block.V6 && !gateway.Base.IsV4():
		bad(ipaddr.ClassInvalidAddress, "is IPv6 and its range is IPv4")
	case gateway.Base.Less(r.block.Base) || r.block.Last().Less(gateway.Base):
		bad(class, "is outside the range "+r.block.Prefix().String())
	case gateway.Base == r.block.Base:
		bad(class, "is the network's own address, the first of "+r.block.Prefix().String())
	case gateway.Base == r.block.Last():
		bad(class, "is the broadcast address, the last of "+r.block.Prefix().String())
	default:
		r.s.Gateway = ipaddr.AddrOf(gateway.Base, r.block.V6)
		r.restricted = append(r.restricted, ipaddr.Span{First: gateway.Base, Last: gateway.Base})
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
		r.warnEntry(e, what)
		before := len(r.Problems)
		r.checkReserved(e, what)
		if slices.ContainsFunc(r.Problems[before:], Problem.Refusal) {
			r.s.refused = append(r.s.refused, e.at) // and keeps nothing off
			return
		}
		r.s.Reserved = appendBlock(r.s.Reserved, e)
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
		n, err := r.block.Coerced(b)
		if err != nil {
			r.badEntry(e, what, err)
			return
		}
		inside := !n.Less(r.block.Base) && !r.block.Last().Less(n)
		if inside && r.Opts.Single() {
			inside = !r.block.Last().Less(b.Last())
		}
		if !inside {
			r.Add(RuleReservedOutOfRange, "NetworkReservedIpOutOfRange", e.at, "%s: %s is outside the range %s", what, b.Words(), r.block.Prefix()).
				WithCure("remove it, or end the entry at %s", ipaddr.AddrOf(r.block.Last(), r.block.V6)).About(b)
			return
		}
		r.restricted = append(r.restricted, ipaddr.Span{First: n, Last: b.Last()})
		if r.block.Last().Less(b.Last()) {
			r.Warn(RuleReservedTooWide, e.at, "%s: %s reaches beyond the range %s; directors before v282.0.10 refuse it", what, b.Words(), r.block.Prefix()).
				WithCure("%s", r.block.Prefix()).About(b)
		}
	}
}

// endsAtTop reports a range that ends at the last address of its family: to cut
// it into blocks, the director asks for the address behind (d/ip_util.rb,
// ip_range_to_cidr_list).
func (r *subnetReader) endsAtTop(e entry, what string) bool {
	if !e.ranged || e.last.Base != ipaddr.LowBits(e.last.Width()) {
		return false
	}
	r.badEntry(e, what, ipaddr.BadAddress("no address follows its last one, and the director asks for it"))
	return true
}

func (r *subnetReader) badEntry(e entry, what string, err *ipaddr.Error) {
	r.Add(RuleInvalidIPFormat, classIPFormat, e.at, "%s: %q does not belong here: %s", what, e.text, err.Reason)
}

func (r *subnetReader) addDirectorIPs() {
	for _, a := range r.Opts.DirectorIPs {
		if r.known && a.Is6() == r.block.V6 {
			r.restricted = append(r.restricted, ipaddr.Span{First: ipaddr.NumberOf(a), Last: ipaddr.NumberOf(a)})
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
	restricted := ipaddr.NewSpans(r.restricted)
	complete := r.eachEntry(v, what, func(e entry) {
		r.static, r.s.Static = append(r.static, e), appendBlock(r.s.Static, e)
		r.warnEntry(e, what)
		if r.known {
			r.checkStatic(e, what, restricted)
		}
	})
	r.s.Incomplete = r.s.Incomplete || !complete
}

func (r *subnetReader) checkStatic(e entry, what string, restricted ipaddr.Spans) {
	if e.empty() || r.endsAtTop(e, what) {
		return
	}
	const class = "NetworkStaticIpOutOfRange"
	for _, b := range cidrs(e) {
		n, err := r.block.Coerced(b)
		if err != nil {
			r.badEntry(e, what, err)
			return
		}
		tested := ipaddr.Span{First: n, Last: n}
		if r.Opts.Single() {
			tested.Last = b.Last()
		}
		if part, ok := restricted.Meets(tested); ok {
			r.restrictedStatic(e, b, part.First, what)
			return
		}
		if n.Less(r.block.Base) || r.block.Last().Less(tested.Last) {
			r.Add(RuleStaticPoolOutOfRange, class, e.at, "%s: %s is outside the range %s", what, b.Words(), r.block.Prefix()).About(b)
			return
		}
		r.warnUnusable(e, b, what, restricted)
	}
}

func (r *subnetReader) restrictedStatic(e entry, b ipaddr.Addr, n ipaddr.Number, what string) {
	at := ipaddr.AddrOf(n, r.block.V6)
	p := r.Add(RuleStaticPoolOutOfRange, "NetworkStaticIpOutOfRange", e.at, "%s: %s is %s", what, at, r.reason(n)).About(b)
	if !b.Single() {
		p.Message = fmt.Sprintf("%s: %s holds %s, which is %s", what, b.Words(), at, r.reason(n))
	}
	switch {
	case r.reason(n) == reserved:
		p.WithCure("take it out of static or out of reserved")
	case b.Single() && !e.ranged:
		p.WithCure("remove it")
	default:
		p.WithCure("let static begin behind it")
	}
}

// reserved is the reason for what somebody reserved.
const reserved = "reserved"

// reason says why an address of the range is restricted.
func (r *subnetReader) reason(n ipaddr.Number) string {
	switch {
	case n == r.block.Base:
		return "the network's own address"
	case n == r.block.Last():
		return "the broadcast address"
	case r.s.Gateway.IsValid() && n == ipaddr.NumberOf(r.s.Gateway):
		return "the gateway"
	}
	for _, a := range r.Opts.DirectorIPs {
		if a.Is6() == r.block.V6 && ipaddr.NumberOf(a) == n {
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
		r.Add(RuleWrongType, "NoMethodError", v.Place(), "prefix of network %q must be a number, not %s", r.network, v.Kind())
		return
	}
	if r.hidden(v, "the prefix of network %s", r.network) {
		r.s.Incomplete = true
		return
	}
	if leadingInt(text) < r.block.Bits {
		r.s.PrefixError = "NetworkPrefixSizeTooBig"
		r.Add(RulePrefix, "NetworkPrefixSizeTooBig", v.Place(), "prefix %s of network %q asks for a block larger than the range, a /%d", v, r.network, r.block.Bits).
			WithCure("prefix: a number from %d to %d", r.block.Bits, r.block.Width())
		return
	}
	r.s.prefixText = text
	effective, err := r.block.Mask(text)
	if _, plain := ipaddr.SmallNumber(text); err == nil && plain {
		r.s.Prefix = effective.Bits
		r.warnUnaligned()
		return
	}
	class, reason := "NetworkReservationInvalidPrefix", "it is no number"
	if err != nil {
		class, reason = err.Class, err.Reason
	}
	r.s.PrefixError = class
	if len(r.s.Static) > 0 {
		if err == nil {
			class = ipaddr.ClassAddressFamily // its steps through static are fractions
		}
		r.Add(RulePrefix, class, v.Place(), "prefix %s of network %q cannot be used: %s", v, r.network, reason).
			WithCure("prefix: a number from %d to %d", r.block.Bits, r.block.Width())
	}
}

// leadingInt reads a number as String#to_i does.
func leadingInt(s string) int {
	s = strings.TrimLeft(s, " \t\n\v\f\r")
	end := 0
	for end < len(s) && (ipaddr.IsDigit(s[end]) || s[end] == '_' && end > 0 || end == 0 && (s[0] == '-' || s[0] == '+')) {
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
func cidrs(e entry) []ipaddr.Addr {
	b, ok := e.block()
	if !ok {
		return nil
	}
	var list []ipaddr.Addr
	for _, p := range b.Range.Prefixes() {
		list = append(list, ipaddr.FromPrefix(p))
	}
	return list
}
