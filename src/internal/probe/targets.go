package probe

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

type packetConn = net.PacketConn

// segment is what is to be probed on one interface.
type segment struct {
	at       link.Interface
	host     map[frame.MAC]bool
	subjects []acd.Subject
	// forbidden are addresses that nobody can have.
	forbidden []netip.Addr
	controls  []netip.Addr
	dadFailed map[netip.Addr]bool
}

// findTargets sorts what is to be probed by interface. lost are the addresses
// that no interface reaches.
func findTargets(host link.Host, o Options) (segments []segment, lost []Finding, err error) {
	for _, name := range o.Interfaces {
		i, ok := host.Find(name)
		if !ok {
			return nil, nil, fmt.Errorf("no interface %q on this host", name)
		}
		if !i.Wire {
			return nil, nil, fmt.Errorf("interface %q resolves no addresses: it is no Ethernet", name)
		}
	}
	for _, i := range host.Interfaces {
		if !o.Excluded.Takes(i, o.Interfaces) && !(o.Excluded.KeptInside(i, o.Interfaces) && asksFor(host, i, o)) {
			continue
		}
		i.Gateways = host.GatewaysWithin(i)
		s := segment{at: i, host: host.MACs, dadFailed: map[netip.Addr]bool{}}
		for _, a := range i.Addresses {
			ip := a.Prefix.Addr()
			named := slices.Contains(o.Addresses, ip) || slices.Contains(o.Moving, ip)
			if (len(o.Addresses) == 0 || named) && !o.Excluded.Address(ip) {
				s.add(acd.Subject{Address: ip, Sharing: o.Shared[ip]}, a.Prefix)
				s.dadFailed[ip] = a.DADFailed
			}
		}
		segments = append(segments, s)
	}
	for _, a := range slices.Concat(o.Addresses, o.Moving) {
		if !isConfigured(host, a) && !o.Excluded.Address(a) && !addTentative(segments, host, a, o) {
			lost = append(lost, Finding{Address: a, Outcome: acd.Inconclusive, Reason: NotReached})
		}
	}
	for _, a := range o.Expected {
		if !isConfigured(host, a) && !o.Excluded.Address(a) {
			lost = append(lost, Finding{Address: a, Outcome: acd.Inconclusive, Reason: Missing})
		}
	}
	segments = slices.DeleteFunc(segments, func(s segment) bool { return len(s.subjects) == 0 })
	for n := range segments {
		for _, c := range o.Controls {
			if segments[n].at.Within(c) {
				segments[n].controls = append(segments[n].controls, c)
			}
		}
	}
	if len(segments) == 0 && len(lost) == 0 {
		return nil, nil, errors.New("no interface that leads out of this host has an address that could be probed")
	}
	return segments, lost, nil
}

// asksFor reports whether the run is about an address of the interface, or of its
// subnets, by name.
func asksFor(host link.Host, i link.Interface, o Options) bool {
	return slices.ContainsFunc(slices.Concat(o.Addresses, o.Moving, o.Expected), func(a netip.Addr) bool {
		if isConfigured(host, a) {
			return slices.ContainsFunc(i.Addresses, func(own link.Address) bool { return own.Prefix.Addr() == a })
		}
		at, ok := host.Reaching(a)
		return ok && at.Index == i.Index
	})
}

func isConfigured(host link.Host, a netip.Addr) bool {
	return slices.ContainsFunc(host.Interfaces, func(i link.Interface) bool {
		return slices.ContainsFunc(i.Addresses, func(own link.Address) bool { return own.Prefix.Addr() == a })
	})
}

// addTentative adds an address that this host does not have to the segment that
// holds it.
func addTentative(segments []segment, host link.Host, a netip.Addr, o Options) bool {
	at, ok := host.Reaching(a)
	n := slices.IndexFunc(segments, func(s segment) bool { return s.at.Index == at.Index })
	if !ok || n < 0 {
		return false
	}
	for _, own := range at.Addresses {
		if own.Prefix.Contains(a) {
			segments[n].add(acd.Subject{Address: a, Tentative: true, Moves: slices.Contains(o.Moving, a), Sharing: o.Shared[a]}, own.Prefix)
			return true
		}
	}
	return false
}

func (s *segment) add(subject acd.Subject, prefix netip.Prefix) {
	if slices.ContainsFunc(s.subjects, func(x acd.Subject) bool { return x.Address == subject.Address }) {
		return
	}
	s.subjects = append(s.subjects, subject)
	if !slices.ContainsFunc(s.forbidden, prefix.Contains) {
		s.forbidden = append(s.forbidden, acd.Nobodys(prefix, rand.Uint64()))
	}
}
