package plan

import (
	"net/netip"
	"strings"

	"go4.org/netipx"
)

// RangeText is how addresses are written to the user, in messages and in every
// output format: one address, a CIDR where the range is exactly a prefix of
// more than one address, else first-last. An invalid range is empty text.
func RangeText(r netipx.IPRange) string {
	if !r.IsValid() {
		return ""
	}
	if r.From() == r.To() {
		return r.From().String()
	}
	if prefix, ok := r.Prefix(); ok {
		return prefix.String()
	}
	return r.String()
}

// IsAddressText reports whether s, which may be quoted, is an address, a CIDR or
// a range and nothing else: text that can be shown where it may be a secret.
func IsAddressText(s string) bool {
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
