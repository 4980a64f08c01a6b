package bosh

import (
	"net/netip"
	"strconv"
	"strings"
)

// addressWithin is the smallest block of whole octets that an address lies in of which a
// variable hides the end: 10.3.((x)).1 lies in 10.3.0.0/16, whatever x is. It is not valid
// where nobody knows one.
func addressWithin(text string) netip.Prefix {
	head, _, hidden := strings.Cut(text, "((")
	octets := strings.Split(strings.TrimSpace(head), ".")
	octets = octets[:len(octets)-1] // of the last one, the variable may be a part
	if !hidden || len(octets) == 0 || len(octets) > 3 {
		return netip.Prefix{}
	}
	first, err := netip.ParseAddr(strings.Join(octets, ".") + strings.Repeat(".0", 4-len(octets)))
	if err != nil {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(first, 8*len(octets))
}

// blockWithin is addressWithin for a block: its mask has to be written, since one that hides
// may be that of a larger block.
func blockWithin(text string) netip.Prefix {
	end := text[strings.LastIndex(text, "))")+1:]
	_, mask, masked := strings.Cut(end, "/")
	bits, err := strconv.Atoi(strings.TrimSpace(mask))
	within := addressWithin(text)
	if !masked || err != nil || bits < 0 || !within.IsValid() {
		return netip.Prefix{}
	}
	return netip.PrefixFrom(within.Addr(), min(bits, within.Bits())).Masked()
}
