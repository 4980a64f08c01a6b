package cli

import (
	"fmt"
	"net/netip"

	"github.com/ipguard/ipguard/src/internal/acd"
)

// codeError ends the program with a code. Its error is nil where everything
// worth saying has been said.
type codeError struct {
	code int
	err  error
}

func (e codeError) Error() string {
	if e.err == nil {
		return ""
	}
	return e.err.Error()
}

func (e codeError) Unwrap() error { return e.err }

// exitUsage is the code for a command line that asks for nothing that exists.
const exitUsage = 2

func usage(format string, args ...any) error {
	return codeError{exitUsage, fmt.Errorf(format, args...)}
}

func parseAddresses(words []string) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for _, w := range words {
		a, err := netip.ParseAddr(w)
		if err != nil || a.Zone() != "" || a.IsUnspecified() || a.IsMulticast() {
			return nil, usage("%q is no address of one host", w)
		}
		addresses = append(addresses, a.Unmap())
	}
	return addresses, nil
}

func parseSharings(words []string) (map[netip.Addr]acd.Sharing, error) {
	shared := map[netip.Addr]acd.Sharing{}
	for _, w := range words {
		a, s, err := acd.ParseSharing(w)
		if err != nil {
			return nil, usage("--shared %w", err)
		}
		shared[a] = s
	}
	return shared, nil
}
