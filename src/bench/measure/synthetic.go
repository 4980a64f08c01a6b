//go:build linux

package main

import (
	"fmt"
	"net/netip"
	"runtime"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/claims"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
)

// member is one director of a made plan, as package bosh would have read it:
// one network with one subnet, of which it has a share, and static addresses.
type member struct {
	number int
	// prefix is the subnet, segment what its cloud_properties say of it.
	prefix          netip.Prefix
	property, value string
	// share is what the director may hand out; all else is reserved. The first
	// addresses are static, that many, and each is in use.
	share  netipx.IPRange
	static int
	// stolen are addresses of others that it uses as well.
	stolen []netip.Addr
	// elastic are addresses on a vip network, which has no range.
	elastic []netip.Addr
}

func (m member) name() string { return fmt.Sprintf("director-%05d", m.number) }

// afterReading times everything that comes after reading: claims, overlaps and
// rules.
func afterReading(members []member, segmentsOf claims.SegmentsOf) (time.Duration, *plan.Plan, []lint.Finding) {
	directors := make([]claims.Director, len(members))
	for i, m := range members {
		directors[i] = m.director()
	}
	runtime.GC()
	start := time.Now()
	p := claims.Build(directors, nil, segmentsOf)
	findings := lint.Run(lint.NewFacts(p), lint.Rules())
	return time.Since(start), p, findings
}

// director returns what claims.Build takes.
func (m member) director() claims.Director {
	name := m.name()
	used := make([]netip.Addr, 0, m.static+len(m.stolen))
	for a := m.share.From(); len(used) < m.static; a = a.Next() {
		used = append(used, a)
	}
	static := netipx.IPRangeFrom(used[0], used[len(used)-1])
	used = append(used, m.stolen...)
	at := func(line int) place.Place { return place.Place{File: name + ".yml", Line: line, Column: 5} }
	subnet := &bosh.Subnet{
		At: at(1), Range: m.prefix, RangeAt: at(2), Gateway: m.prefix.Addr().Next(), GatewayAt: at(3),
		Prefix: m.prefix.Addr().BitLen(), CloudProperties: map[string]string{m.property: m.value},
		Static: []bosh.Block{{Range: static, At: at(4)}}, ReservedAt: at(5),
	}
	first, last := m.prefix.Addr().Next().Next(), netipx.PrefixLastIP(m.prefix)
	for _, r := range [][2]netip.Addr{{first, m.share.From().Prev()}, {m.share.To().Next(), last}} {
		if r[0].Compare(r[1]) <= 0 {
			subnet.Reserved = append(subnet.Reserved, bosh.Block{Range: netipx.IPRangeFrom(r[0], r[1]), At: at(6)})
		}
	}
	networks := []*bosh.Network{{Name: "default", Type: bosh.Manual, At: at(7), Subnets: []*bosh.Subnet{subnet}}}
	manifests := deployments("default", used, at)
	if len(m.elastic) > 0 {
		networks = append(networks, &bosh.Network{Name: "vip", Type: bosh.VIP, At: at(8)})
		manifests = append(manifests, deployments("vip", m.elastic, at)...)
	}
	return claims.Director{Name: name, CloudConfig: &bosh.CloudConfig{Networks: networks}, Deployments: manifests}
}

// deployments deals the addresses out to groups of ten and deployments of ten
// groups.
func deployments(network string, used []netip.Addr, at func(int) place.Place) []*bosh.Manifest {
	var list []*bosh.Manifest
	for i, a := range used {
		if i%100 == 0 {
			list = append(list, &bosh.Manifest{Name: fmt.Sprintf("%s-%d", network, i/100), Form: bosh.V2})
		}
		m := list[len(list)-1]
		if i%10 == 0 {
			m.Groups = append(m.Groups, &bosh.Group{Name: fmt.Sprintf("group-%d", i/10%10), Networks: []*bosh.GroupNetwork{{Name: network}}})
		}
		n := m.Groups[len(m.Groups)-1].Networks[0]
		n.Static = append(n.Static, bosh.Block{Range: netipx.IPRangeFrom(a, a), At: at(10 + i)})
	}
	return list
}

// shareOf returns the share with a number of a subnet split into equal ones,
// less the subnet's first two addresses and its last one.
func shareOf(prefix netip.Prefix, number, of int) netipx.IPRange {
	bits := prefix.Bits()
	for 1<<(bits-prefix.Bits()) < of {
		bits++
	}
	part := netip.PrefixFrom(prefix.Addr(), bits)
	for range number {
		part = netip.PrefixFrom(netipx.PrefixLastIP(part).Next(), bits)
	}
	from, to := part.Addr(), netipx.PrefixLastIP(part)
	if from == prefix.Addr() {
		from = from.Next().Next()
	}
	if to == netipx.PrefixLastIP(prefix) {
		to = to.Prev()
	}
	return netipx.IPRangeFrom(from, to)
}
