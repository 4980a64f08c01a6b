package acd

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// ParseSharing reads ADDRESS=MAC[,MAC…]. The word vrrp in place of a MAC allows
// the virtual router addresses; an address alone means ADDRESS=vrrp.
func ParseSharing(text string) (netip.Addr, Sharing, error) {
	name, list, given := strings.Cut(text, "=")
	address, err := netip.ParseAddr(name)
	if err != nil {
		return netip.Addr{}, Sharing{}, fmt.Errorf("%q: %q is no address", text, name)
	}
	if !given {
		return address, Sharing{VRRP: true}, nil
	}
	var s Sharing
	for word := range strings.SplitSeq(list, ",") {
		if word == "vrrp" {
			s.VRRP = true
			continue
		}
		m, err := frame.ParseMAC(word)
		if err != nil {
			return netip.Addr{}, Sharing{}, fmt.Errorf("%q: %w", text, err)
		}
		s.MACs = append(s.MACs, m)
	}
	return address, s, nil
}
