package ipaddr

import (
	"net/netip"
	"strings"
)

// IsText reports whether s, which may be quoted, is an address, a CIDR or
// a range and nothing else: text that can be shown where it may be a secret.
func IsText(s string) bool {
	s = strings.Trim(s, `"'`)
	from, to, isRange := strings.Cut(s, "-")
	return isAddress(from) && (!isRange || isAddress(to))
}

func isAddress(s string) bool {
	s = strings.Trim(s, " \t")
	if addr, err := netip.ParseAddr(s); err == nil {
		return addr.Zone() == "" // a zone may be any text
	}
	_, err := netip.ParsePrefix(s)
	return err == nil
}
