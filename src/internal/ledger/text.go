package ledger

import "net/netip"

// RangeText is an address, or a block with its length.
func RangeText(r netip.Prefix) string {
	if r.IsSingleIP() {
		return r.Addr().String()
	}
	return r.String()
}
