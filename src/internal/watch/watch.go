// Package watch follows the addresses of this host for as long as it runs and
// says when a second owner shows itself.
//
// One goroutine owns all state and runs whatever happens, one function after the
// other (daemon.go): frames that the kernel's filter let through, answers to
// echoes, changes of interfaces, and the next thing that is due. It keeps, for
// each interface, a segment (segment.go) with one acd.Detector per address and
// one acd.ReturnPath per address and peer (path.go). On a director or a gateway
// it also guards addresses of others (guard.go): such a host alone hears a rogue
// that renews its cache by unicast.
package watch

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// Exit codes of Run.
const (
	ExitStopped  = 0
	ExitBadInput = 2
	ExitBlind    = 3
)

// Options say what to watch and what to do about it.
type Options struct {
	// Interfaces limits the watch to these; none means all that have a wire.
	Interfaces []string
	// Excluded is left out.
	Excluded link.Exclusion
	// ConfigFile is read at the start and on Reload; empty means none.
	ConfigFile string
	// Shared and Peers add to those of the configuration file.
	Shared map[netip.Addr]acd.Sharing
	Peers  []Peer
	// Moving adds to those of the configuration file. Planned returns those of the
	// fleet's plan, and what of the plan could not be read; may be nil. It may take
	// long.
	Moving  Moving
	Planned func() ([]netip.Addr, error)
	// ProbeEvery is the time between two probes of one address. Zero derives it
	// from the size of the subnet; a negative value means never.
	ProbeEvery time.Duration
	// CheckEvery is the time between two checks of one return path, CheckTimeout
	// how long one answer may take. Zero means never.
	CheckEvery, CheckTimeout time.Duration
	Defence                  acd.Defence
	// Latch is how long a conflict is remembered in silence.
	Latch time.Duration
	// OnConflict is a program and its arguments; none means no hook.
	OnConflict []string
	// Owners says to whom the plan of the fleet promises an address, and what of
	// the plan could not be read; may be nil. It may take long.
	Owners func(netip.Addr) ([]string, error)
	// Listen is the address of /metrics and /healthz; empty means none.
	Listen string
	// StateFile keeps what is known over a restart; empty means none.
	StateFile string
	Log       *slog.Logger
	// Reload makes the configuration be read again.
	Reload <-chan os.Signal
	// Started is called when the watch has begun; may be nil.
	Started func(listen net.Addr)
}

// Run watches until the context ends. The error says why it could not begin.
func Run(ctx context.Context, o Options) (int, error) {
	config, err := readConfig(o)
	if err != nil {
		return ExitBadInput, err
	}
	if err := checkListen(o.Listen); err != nil {
		return ExitBadInput, err
	}
	memory, err := readMemory(o.StateFile)
	if err != nil {
		return ExitBlind, err
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	d := newDaemon(ctx, o, config, memory)
	if err := link.Follow(ctx, d.follower()); err != nil {
		return ExitBlind, err
	}
	if err := d.reconcile(); err != nil {
		return ExitBlind, err
	}
	if len(d.segments) == 0 && len(o.Interfaces) > 0 {
		return ExitBlind, fmt.Errorf("none of the interfaces %q can be watched now", o.Interfaces)
	}
	if err := link.NeighborEvents(ctx, d.neighbor); err != nil {
		return ExitBlind, err
	}
	listener := d.serve()
	if o.Started != nil {
		o.Started(listener)
	}
	d.log.Info("watching", "interfaces", len(d.segments), "addresses", d.addressCount(), "guarded", len(d.config.Inventory), "defend", defenceNames[o.Defence])
	giveBack(d.log)
	d.readPlan()
	d.loop()
	d.log.Info("stopped")
	return ExitStopped, d.stop()
}

var defenceNames = map[acd.Defence]string{acd.NeverDefend: "never", acd.DefendOnce: "once", acd.DefendAlways: "always"}

// ParseDefence reads never, once or always.
func ParseDefence(word string) (acd.Defence, error) {
	for d, name := range defenceNames {
		if name == word {
			return d, nil
		}
	}
	return 0, fmt.Errorf("%q is none of never, once and always", word)
}

// giveBack returns memory that was needed once. It fails where there is no /proc;
// the watch is only larger then.
func giveBack(log *slog.Logger) {
	if err := returnMemory(); err != nil {
		log.Warn("memory not given back", "error", err.Error())
	}
}

// filters of one segment.
func segmentFilters(own, peers []netip.Addr) map[link.Protocol]link.Filter {
	var four, six, peers4, peers6 []netip.Addr
	split := func(in []netip.Addr, a, b *[]netip.Addr) {
		for _, x := range in {
			if x.Is4() {
				*a = append(*a, x)
			} else {
				*b = append(*b, x)
			}
		}
	}
	split(own, &four, &six)
	split(peers, &peers4, &peers6)
	return map[link.Protocol]link.Filter{
		link.ARP:  link.AboutARP(four, peers4),
		link.IPv6: link.AboutNeighbors(six, peers6),
	}
}

// allNodes is where answers to duplicate address detection go.
var allNodes = frame.MulticastMAC(netip.IPv6LinkLocalAllNodes())
