package plan

import "go4.org/netipx"

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
