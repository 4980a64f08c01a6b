// Package probe asks the wire, once, whether addresses have a second owner.
//
// Run takes the addresses of this host, or those that it is given, sorts them
// by interface (targets.go), plays one acd.Round on each interface at the same
// time (segment.go), and reports every address at the moment that its outcome
// is settled (report.go): a twin in a millisecond, a free address when the last
// wait is over.
package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/oui"
)

// Exit codes of Run.
const (
	ExitFree         = 0
	ExitConflict     = 1
	ExitInconclusive = 3
)

// Options say what to probe and how.
type Options struct {
	// Addresses are probed; none means every address of this host. An address
	// that this host does not have is probed from the interface whose subnet
	// holds it.
	Addresses []netip.Addr
	// Moving are probed besides; while this host does not have one of them, one
	// other station may.
	Moving []netip.Addr
	// Expected are addresses that this host must have. One that it does not have
	// is inconclusive and not probed: it may be another's by now.
	Expected []netip.Addr
	// Interfaces limits the probe to these; none means all that have a wire.
	Interfaces []string
	// Excluded is left out.
	Excluded link.Exclusion
	// Controls are further addresses that must answer, besides gateways and
	// neighbours that the kernel knows.
	Controls []netip.Addr
	// Shared says which other stations may have an address too.
	Shared map[netip.Addr]acd.Sharing
	Timing acd.Timing
	// RetryFor is how long a conflict may last before it is called one, asked
	// again once a second: a predecessor may still be dying.
	RetryFor time.Duration
	// InconclusivePasses makes an outcome that proves nothing exit with 0; it is
	// still said.
	InconclusivePasses bool
	// Deadline, if not zero, ends the probe: what is not settled by then is
	// inconclusive, and a conflict that was to be asked for again is one.
	Deadline time.Duration
	// JSON selects that format; the report then comes when all is settled.
	JSON bool
	// Owners says to whom the plan of the fleet promises addresses, and what of
	// the plan could not be read; may be nil. It is called once at most, with
	// the addresses that others claim, when all is settled: reading a plan takes
	// longer than a round may stand still.
	Owners func([]netip.Addr) (map[netip.Addr][]string, error)
	// OwnersOfAll asks it about every address.
	OwnersOfAll bool
	// Host and Open are link.ReadHost and Open of this package, unless a test
	// puts others in their place.
	Host func() (link.Host, error)
	Open func(link.Interface, []link.Protocol, []frame.MAC) (*link.Port, error)
}

// retryEvery is how long a conflict rests before it is asked for again.
const retryEvery = time.Second

// Run probes and reports. The error says why nothing could be probed at all;
// the code is then ExitInconclusive.
func Run(ctx context.Context, o Options, stdout, stderr io.Writer) (int, error) {
	if o.Host == nil {
		o.Host, o.Open = link.ReadHost, Open
	}
	if o.Deadline > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, o.Deadline)
		defer cancel()
	}
	host, err := o.Host()
	if err != nil {
		return ExitInconclusive, err
	}
	r := newReporter(o, stdout, stderr)
	segments, lost, err := findTargets(host, o)
	r.leftOut(host, segments)
	if err != nil {
		return ExitInconclusive, err
	}
	r.unreached(segments)
	for _, finding := range lost {
		r.settled(finding)
	}
	if err := probeSegments(ctx, segments, o, r); err != nil {
		return ExitInconclusive, err
	}
	if err := r.finish(); err != nil {
		return ExitInconclusive, err
	}
	return r.exitCode(), nil
}

// probeSegments probes all interfaces at once and returns when each is done.
func probeSegments(ctx context.Context, segments []segment, o Options, r *reporter) error {
	settled, done := make(chan Finding), make(chan error)
	for _, s := range segments {
		go func() { done <- s.probe(ctx, o, settled) }()
	}
	var errs []error
	for range len(segments) {
		for waiting := true; waiting; {
			select {
			case f := <-settled:
				r.settled(f)
			case err := <-done:
				errs = append(errs, err)
				waiting = false
			}
		}
	}
	return errors.Join(slices.CompactFunc(errs, func(a, b error) bool { return a != nil && b != nil && a.Error() == b.Error() })...)
}

// Open opens the sockets that a probe needs on an interface.
func Open(i link.Interface, protocols []link.Protocol, groups []frame.MAC) (*link.Port, error) {
	sockets := map[link.Protocol]packetConn{}
	for _, p := range protocols {
		filter, join := link.All(), []frame.MAC(nil)
		if p == link.IPv6 {
			filter, join = link.Neighbors(), groups
		}
		socket, err := link.Listen(i, p, filter, join...)
		if err != nil {
			return nil, errors.Join(err, link.NewPort(sockets).Close())
		}
		sockets[p] = socket
	}
	return link.NewPort(sockets), nil
}

func randomDuration(d time.Duration) time.Duration {
	if d <= 0 {
		return 0
	}
	return rand.N(d)
}

func newNonce() *ndp.Nonce { return ndp.NewNonce() }

// describe names a station as a person would look for it.
func describe(m frame.MAC) string {
	if vendor := oui.Vendor(m); vendor != "" {
		return fmt.Sprintf("%s (%s)", m, vendor)
	}
	return m.String()
}
