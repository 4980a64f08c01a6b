package cli

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"os/signal"
	"syscall"

	"github.com/spf13/pflag"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/link"
)

// hostAddresses reads addresses that one host can have.
func hostAddresses(words []string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for _, w := range words {
		a, err := netip.ParseAddr(w)
		if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return nil, usage("write an address such as 10.8.52.191", "%q is no address of one host", w)
		}
		addresses = append(addresses, a.Unmap())
	}
	return addresses, nil
}

// excludeFlags say what probe and watch leave out.
type excludeFlags struct {
	interfaces, addresses, included []string
}

func (f *excludeFlags) add(flags *pflag.FlagSet) {
	flags.StringSliceVar(&f.interfaces, "exclude-interface", nil, "leave out interfaces of this `name`, which may have * and ?; may be repeated")
	flags.StringSliceVar(&f.addresses, "exclude", nil, "leave out this `address` or CIDR; may be repeated")
	flags.StringSliceVar(&f.included, "include-interface", nil, "take in interfaces of this `name`, which may have * and ?, though they do not lead out of this machine")
}

func (f *excludeFlags) parse() (link.Exclusion, error) {
	e, err := link.ParseExclusion(f.interfaces, f.addresses, f.included)
	if err != nil {
		return e, usage("write --exclude-interface 'docker*' or --exclude 169.254.0.0/16", "what to exclude: %s", err)
	}
	return e, nil
}

func parseSharings(words []string) (map[netip.Addr]acd.Sharing, error) {
	shared := map[netip.Addr]acd.Sharing{}
	for _, w := range words {
		a, s, err := acd.ParseSharing(w)
		if err != nil {
			return nil, usage("write --shared ADDRESS, --shared ADDRESS=vrrp or --shared ADDRESS=MAC,MAC", "--shared %s", err)
		}
		shared[a] = s
	}
	return shared, nil
}

// untilSignal ends the context when the user or the system ends the program:
// what is known by then is still told, and sockets and files are left in order.
func untilSignal(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// endOfWire turns what a wire command returned into the program's end.
func endOfWire(code int, err error) error {
	switch {
	case errors.Is(err, link.ErrNotPermitted):
		return end(code, "run it as root, or once: setcap cap_net_raw+ep ipguard", "%s", err)
	case err != nil:
		return end(code, "", "%s", err)
	case code != ExitOK:
		return exitCode(code)
	}
	return nil
}
