package madefleet

import (
	"encoding/binary"
	"fmt"
	"math"
	"net/netip"
	"slices"
)

// subnet is one director's share of one VLAN or cloud subnet. Addresses are
// counted from the first of the range, offset 0.
//
//	0        1        2 …     first … staticLast … last        …        end
//	network  gateway  others  static   │ handed out │  others  …  broadcast
type subnet struct {
	azs      []string
	prefix   netip.Prefix
	identity string // the line of cloud_properties that says which network it is
	dns      string

	first, staticLast, last uint64
	next                    uint64 // the next static offset to give away
	// stolen are offsets of others that are not reserved, by planted conflicts;
	// the value tells whether the address is in the static list too.
	stolen map[uint64]bool
}

// infrastructure is how many addresses at the head of a subnet no director may
// hand out: the gateway, virtual addresses, directors' own VMs.
const infrastructure = 256

// staticSize is how many addresses of a share are static, if that is at most
// half of them.
const staticSize = 1024

// sharedSubnet is the share with number slot of four.
func sharedSubnet(prefix netip.Prefix, slot int, identity string, azs ...string) *subnet {
	s := &subnet{azs: azs, prefix: prefix, identity: identity, dns: "172.31.255.53"}
	if prefix.Addr().Is6() {
		s.dns = "fd00:ffff::53"
	}
	quarter := s.end()/4 + 1
	s.first = uint64(slot) * quarter
	s.last = s.first + quarter - 1
	if slot == 0 {
		s.first = infrastructure
	}
	if slot == 3 {
		s.last = s.end() - 1
	}
	return s.share(s.first, s.last)
}

// wholeSubnet is a subnet that one director has for itself.
func wholeSubnet(prefix netip.Prefix, identity string, azs ...string) *subnet {
	s := sharedSubnet(prefix, 0, identity, azs...)
	return s.share(s.first, s.end()-1)
}

// share sets what the director may hand out.
func (s *subnet) share(first, last uint64) *subnet {
	s.first, s.last, s.next = first, last, first
	s.staticLast = first + min(staticSize, (last-first)/2) - 1
	return s
}

// end is the offset of the last address.
func (s *subnet) end() uint64 {
	bits := s.prefix.Addr().BitLen() - s.prefix.Bits()
	if bits >= 64 {
		return math.MaxUint64
	}
	return 1<<bits - 1
}

// at returns the address at an offset.
func (s *subnet) at(offset uint64) netip.Addr {
	if s.prefix.Addr().Is4() {
		b := s.prefix.Addr().As4()
		binary.BigEndian.PutUint32(b[:], binary.BigEndian.Uint32(b[:])+uint32(offset))
		return netip.AddrFrom4(b)
	}
	b := s.prefix.Addr().As16()
	binary.BigEndian.PutUint64(b[8:], binary.BigEndian.Uint64(b[8:])+offset)
	return netip.AddrFrom16(b)
}

// offsetOf is the inverse of at.
func (s *subnet) offsetOf(a netip.Addr) uint64 {
	if a.Is4() {
		from, to := s.prefix.Addr().As4(), a.As4()
		return uint64(binary.BigEndian.Uint32(to[:]) - binary.BigEndian.Uint32(from[:]))
	}
	from, to := s.prefix.Addr().As16(), a.As16()
	return binary.BigEndian.Uint64(to[8:]) - binary.BigEndian.Uint64(from[8:])
}

// owns reports whether a is in the director's share.
func (s *subnet) owns(a netip.Addr) bool {
	return s.prefix.Contains(a) && !a.Less(s.at(s.first)) && !s.at(s.last).Less(a)
}

// take gives away the next static address. Up to half of the static list it may
// leave some out, as lists that grew over years do.
func (s *subnet) take(skip uint64) (netip.Addr, error) {
	if s.next < s.first+staticSize/2 {
		s.next += skip
	}
	if s.next > s.staticLast {
		return netip.Addr{}, fmt.Errorf("%s has no static address left; take more directors or fewer addresses", s.prefix)
	}
	s.next++
	return s.at(s.next - 1), nil
}

// steal takes a stranger's address out of the reserved ranges and, if static,
// into the static list.
func (s *subnet) steal(a netip.Addr, static bool) {
	if s.stolen == nil {
		s.stolen = map[uint64]bool{}
	}
	s.stolen[s.offsetOf(a)] = static
}

// span is an inclusive range of offsets.
type span struct{ from, to uint64 }

// reserved lists what the subnet must not hand out, besides what a director
// never does.
func (s *subnet) reserved() []span {
	rest := []span{{2, s.first - 1}}
	if s.last < s.end()-1 {
		rest = append(rest, span{s.last + 1, s.end() - 1})
	}
	for _, offset := range s.stolenOffsets() {
		var kept []span
		for _, r := range rest {
			if offset < r.from || offset > r.to {
				kept = append(kept, r)
				continue
			}
			if offset > r.from {
				kept = append(kept, span{r.from, offset - 1})
			}
			if offset < r.to {
				kept = append(kept, span{offset + 1, r.to})
			}
		}
		rest = kept
	}
	return rest
}

// static lists what the subnet hands out on request only: nothing where nobody
// ever asked, as in a network for compilation.
func (s *subnet) static() []span {
	var list []span
	if s.next > s.first {
		list = append(list, span{s.first, s.staticLast})
	}
	for _, offset := range s.stolenOffsets() {
		if s.stolen[offset] {
			list = append(list, span{offset, offset})
		}
	}
	return list
}

func (s *subnet) stolenOffsets() []uint64 {
	var offsets []uint64
	for offset := range s.stolen {
		offsets = append(offsets, offset)
	}
	slices.Sort(offsets)
	return offsets
}

// text writes a span as cloud-configs do.
func (s *subnet) text(r span) string { return rangeText(s.at(r.from), s.at(r.to)) }

// rangeText writes a range of addresses as a YAML scalar. IPv6 is quoted: a
// colon at the end of a word would make it a key.
func rangeText(from, to netip.Addr) string {
	text := from.String()
	if from != to {
		text += " - " + to.String()
	}
	if from.Is6() {
		return `"` + text + `"`
	}
	return text
}
