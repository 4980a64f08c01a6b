package plan

import (
	"net/netip"

	"go4.org/netipx"
)

// WholeBlocks cuts r down to whole blocks of the given prefix length, in bits;
// false if there is none. A VM with a delegated prefix gets all of a block or
// nothing (ip_provider/ip_repo.rb). A length of 0, or of a single address,
// leaves r as it is.
func WholeBlocks(r netipx.IPRange, bits int) (netipx.IPRange, bool) {
	if bits <= 0 || bits >= r.From().BitLen() {
		return r, true
	}
	from, to := r.From(), r.To()
	if first := netip.PrefixFrom(from, bits); first.Masked().Addr() != from {
		from = netipx.PrefixLastIP(first).Next()
	}
	if last := netip.PrefixFrom(to, bits); netipx.PrefixLastIP(last) != to {
		to = last.Masked().Addr().Prev()
	}
	if !from.IsValid() || !to.IsValid() || to.Less(from) {
		return netipx.IPRange{}, false
	}
	return netipx.IPRangeFrom(from, to), true
}
