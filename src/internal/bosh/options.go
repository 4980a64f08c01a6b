package bosh

import (
	"net/netip"
	"strconv"
	"strings"
)

// Options say how a director reads, and what its machine and settings add.
// The zero value is the newest director with its default settings.
type Options struct {
	// Form is the wanted form of a manifest; empty to recognise it (a
	// create-env manifest has cloud_provider, a v1 manifest networks or jobs).
	Form Form
	// DirectorVersion is the director's version, e.g. "282.0.9"; empty for the
	// newest that is known (v283.1.6).
	DirectorVersion string
	// DirectorIPs are the addresses of the machine that the director runs on
	// (d/config.rb, director_ips). It never hands them out.
	DirectorIPs []netip.Addr
	// IgnoreMissingGateway is director.ignore_missing_gateway.
	IgnoreMissingGateway bool
	// ManagedNetworks is director.networks.enable_cpi_management.
	ManagedNetworks bool
	// NoConfigServer says that the director has no config server: variables
	// that are left are then Problems, not Unresolved.
	NoConfigServer bool
	// ConfigsUnread says that some cloud-config of the director could not be read: what
	// is in none of the others may stand there.
	ConfigsUnread bool
}

// Versions in which directors changed their mind.
var (
	// prefixDelegation came with v282.0.10 (2025-10-16): reserved and static
	// are kept as blocks and tested by their first address only.
	prefixDelegation = version{282, 0, 10}
	// leakFixed is the first version after those that handed out reserved addresses.
	leakFixed = version{282, 1, 9}
	// v1Removed is the version that refuses manifests of the v1 form.
	v1Removed = version{270, 0, 0}
)

type version [3]int

func parseVersion(s string) (v version, ok bool) {
	// A director that was built from source says "bosh-282.0.9 (00000000)".
	s = strings.TrimPrefix(strings.TrimPrefix(strings.TrimSpace(s), "bosh-"), "v")
	s, _, _ = strings.Cut(s, " ")
	more := true
	for i := 0; i < len(v) && more; i++ {
		var digits string
		digits, s, more = strings.Cut(s, ".")
		if end := strings.IndexFunc(digits, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
			digits = digits[:end]
		}
		n, err := strconv.Atoi(digits)
		if err != nil {
			return v, i > 0
		}
		v[i] = n
	}
	return v, true
}

func (v version) less(o version) bool {
	for i := range v {
		if v[i] != o[i] {
			return v[i] < o[i]
		}
	}
	return false
}

// before reports whether the director is older than v; an empty or unreadable
// version counts as the newest.
func (o Options) before(v version) bool {
	own, ok := parseVersion(o.DirectorVersion)
	return ok && own.less(v)
}

// Single reports whether the director tests reserved and static address by
// address, as those before prefix delegation do.
func (o Options) Single() bool { return o.before(prefixDelegation) }
