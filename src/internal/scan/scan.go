// Package scan finds out which stations answer for which addresses of a segment.
//
// IPv4 is swept by ARP probes (sweep.go): they carry no sender address, so that
// no cache of the segment changes, a proxy stays silent, and the twin of one of
// this host's own addresses answers too. Who is silent is asked once more. An
// IPv6 subnet is too wide to sweep: all its hosts are asked for an echo at once, each
// promised address is probed, and what neighbours say is noted (listen6.go). The result (result.go) is then
// held against the plan of the fleet, if there is one.
package scan

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/inventory"
	"github.com/ipguard/ipguard/src/internal/link"
)

// Rates in probes per second. A switch copies each probe to each of its ports:
// 5000/s on a segment of 250 ports were all that one measured bridge could do.
const (
	DefaultRate = 1000
	MaxRate     = 5000 // without the owner's word
	Unlimited   = 0
)

// minBits bounds the size of a sweep: a /12 takes 17 minutes at DefaultRate.
const minBits = 12

// Options say what to scan and how.
type Options struct {
	Prefix netip.Prefix
	// Segment is the fleet's name of the segment, for the result; may be empty.
	Segment string
	// Interface to scan from; empty means the one whose subnet holds Prefix.
	Interface string
	// Rate is in probes per second; Unlimited as fast as the kernel takes them.
	Rate int
	// Listen is how long answers and neighbours are listened for in IPv6.
	Listen time.Duration
	// Inventory is what the fleet's plan promises.
	Inventory inventory.Inventory
	// Shared says which other stations may have an address too.
	Shared map[netip.Addr]acd.Sharing
	// Progress is called now and then with how much is done, of how much, and how
	// many addresses have answered so far; may be nil.
	Progress func(done, total, found int)
}

// Run scans until it is done or the context ends; what is known by then is in
// the result, whose Complete tells the two apart.
func Run(ctx context.Context, o Options) (Result, error) {
	host, err := link.ReadHost()
	if err != nil {
		return Result{}, err
	}
	at, err := choose(host, o)
	if err != nil {
		return Result{}, err
	}
	if o.Progress == nil {
		o.Progress = func(int, int, int) {}
	}
	r := Result{Version: 1, Prefix: o.Prefix.Masked(), Segment: o.Segment, Interface: at.Name, Started: time.Now()}
	found := newSightings(host.MACs)
	if o.Prefix.Addr().Is4() {
		r.Complete, r.Dropped, err = sweep(ctx, o, at, found)
	} else {
		r.Complete, err = listen6(ctx, o, at, found)
	}
	if err != nil {
		return Result{}, err
	}
	r.Finished = time.Now()
	r.Hosts = found.hosts(o, at)
	r.Answered = len(found.at)
	return r, nil
}

func choose(host link.Host, o Options) (link.Interface, error) {
	at, ok := host.Reaching(o.Prefix.Masked().Addr())
	if o.Interface != "" {
		at, ok = host.Find(o.Interface)
	}
	switch {
	case !ok && o.Interface != "":
		return at, fmt.Errorf("no interface %q on this host", o.Interface)
	case !ok:
		return at, fmt.Errorf("%s lies in no subnet of this host's interfaces; name one with --interface", o.Prefix)
	case !at.Wire:
		return at, fmt.Errorf("interface %q resolves no addresses: it is no Ethernet", at.Name)
	case !at.Carrier:
		return at, fmt.Errorf("interface %q is down or has no link", at.Name)
	case o.Prefix.Addr().Is4() && o.Prefix.Bits() < minBits:
		return at, fmt.Errorf("%s is wider than a /%d", o.Prefix, minBits)
	}
	return at, nil
}

// sighting is one station that answered for an address.
type sighting struct {
	mac  frame.MAC
	took time.Duration // from the question; zero if it spoke unasked
}

// sightings are all that answered.
type sightings struct {
	own     map[frame.MAC]bool
	at      map[netip.Addr][]sighting
	proxies map[frame.MAC]bool
	slowest time.Duration
	last    time.Time
}

func newSightings(own map[frame.MAC]bool) *sightings {
	return &sightings{own: own, at: map[netip.Addr][]sighting{}, proxies: map[frame.MAC]bool{}}
}

// maxStations bounds what is remembered of one address.
const maxStations = 16

func (s *sightings) note(a netip.Addr, mac frame.MAC, took time.Duration, now time.Time) {
	if s.own[mac] {
		return
	}
	s.last = now
	seen := s.at[a]
	if len(seen) < maxStations && !slices.ContainsFunc(seen, func(x sighting) bool { return x.mac == mac }) {
		s.at[a] = append(seen, sighting{mac, took})
		s.slowest = max(s.slowest, took)
	}
}
