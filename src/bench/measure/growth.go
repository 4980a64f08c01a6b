//go:build linux

package main

import (
	"errors"
	"fmt"
	"math"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/plan"
)

// A shape says how a plan of about n claims is put together.
type shape struct {
	name    string
	members func(n int) []member
	// findings says how many findings there are at least, and at most, for n.
	least, most func(n int) int
}

func none(int) int { return 0 }

var shapes = []shape{
	{"many VLANs, each split among 4 directors", splitVLANs(0), none, none},
	{"one VLAN, split among 100 directors", oneVLAN, none, none},
	{"isolated networks of equal range", isolatedNetworks, none, none},
	{"the same, half of the addresses on vip networks", elasticNetworks, none, none},
	{"many VLANs, one address in 100 claimed twice", splitVLANs(50), func(n int) int { return n / 150 }, func(n int) int { return n / 20 }},
}

// claimsPerDirector is how large directors are, where fleets grow by directors.
const claimsPerDirector = 1000

// splitVLANs has sites of four directors. If every is not 0, every second one also
// uses each such address of its neighbour.
func splitVLANs(every int) func(n int) []member {
	return func(n int) []member {
		count := max(4, n/claimsPerDirector)
		list := make([]member, count)
		for i := range list {
			site := i / 4
			prefix := netip.PrefixFrom(netip.AddrFrom4([4]byte{byte(10 + site/256), byte(site), 0, 0}), 16)
			list[i] = member{number: i, prefix: prefix, property: "name", value: fmt.Sprintf("VLAN-%d", site),
				share: shareOf(prefix, i%4, 4), static: n/count - 6}
			if every == 0 {
				continue
			}
			neighbour := shareOf(prefix, i%4^1, 4).From()
			for j := range list[i].static {
				if j%every == 0 && i%2 == 0 {
					list[i].stolen = append(list[i].stolen, neighbour)
				}
				neighbour = neighbour.Next()
			}
		}
		return list
	}
}

func oneVLAN(n int) []member {
	const directors = 100
	prefix := netip.MustParsePrefix("10.0.0.0/8")
	list := make([]member, directors)
	for i := range list {
		list[i] = member{number: i, prefix: prefix, property: "name", value: "VLAN",
			share: shareOf(prefix, i, directors), static: max(1, n/directors-6)}
	}
	return list
}

func isolatedNetworks(n int) []member {
	prefix := netip.MustParsePrefix("10.0.0.0/16")
	list := make([]member, max(2, n/claimsPerDirector))
	for i := range list {
		list[i] = member{number: i, prefix: prefix, property: "subnet", value: fmt.Sprintf("subnet-%08x", i),
			share: shareOf(prefix, 0, 1), static: n/len(list) - 5}
	}
	return list
}

// elasticNetworks has as many public addresses, which lie in no subnet, as
// static ones.
func elasticNetworks(n int) []member {
	list := isolatedNetworks(n)
	next := netip.MustParseAddr("100.64.0.0")
	for i := range list {
		list[i].static /= 2
		for range list[i].static {
			list[i].elastic = append(list[i].elastic, next)
			next = next.Next()
		}
	}
	return list
}

// measureGrowth times everything that comes after reading: claims, overlaps and
// rules.
func measureGrowth(s *settings, t *table) error {
	sizes := []int{1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000}
	for _, shape := range shapes {
		walls := make([][]time.Duration, len(sizes))
		counts := make([]int, len(sizes))
		for range s.runs {
			for i, n := range sizes {
				wall, count, err := timeOnce(shape, n)
				if err != nil {
					return err
				}
				walls[i] = append(walls[i], wall)
				counts[i] = count
			}
		}
		addGrowth(t, shape.name+", claims", counts, walls)
	}
	return nil
}

// timeOnce builds a plan and times what ipguard does with it.
func timeOnce(shape shape, n int) (time.Duration, int, error) {
	wall, p, findings := afterReading(shape.members(n), func(*plan.Subnet) (string, plan.Perhaps) { return "", plan.Perhaps{} })
	if len(findings) < shape.least(n) || len(findings) > shape.most(n) {
		return 0, 0, fmt.Errorf("%s, %d claims: %d findings, want %d to %d; %w",
			shape.name, len(p.Claims), len(findings), shape.least(n), shape.most(n), errNotComparable)
	}
	return wall, len(p.Claims), nil
}

var errNotComparable = errors.New("a time for a wrong answer says nothing")

// addGrowth adds a row for each size, beside what n·log n predicts from the smallest, and
// one for the exponent of n·log n between the smallest and the largest.
func addGrowth(t *table, name string, counts []int, times [][]time.Duration) {
	work := func(i int) float64 { return float64(counts[i]) * math.Log(float64(counts[i])) }
	first, last := median(times[0]), len(counts)-1
	for i, n := range counts {
		predicted := time.Duration(float64(first) * work(i) / work(0))
		t.add(row{what: fmt.Sprintf("%s: %d", name, n), ours: spread(times[i]), peers: short(predicted), ratio: float64(median(times[i])) / float64(predicted)})
	}
	exponent := math.Log(float64(median(times[last]))/float64(first)) / math.Log(work(last)/work(0))
	t.add(row{what: name + ": exponent of n·log n", ours: fmt.Sprintf("%.2f", exponent), peers: "1", ratio: exponent, target: 1.15})
}
