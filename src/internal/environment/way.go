package environment

import (
	"cmp"
	"net"
	"net/netip"
	"net/url"
	"strings"
)

// Way is how a director is reached: directly, or by a host that forwards. Private
// networks use the same addresses again and again: the same URL by another jumpbox
// is another director.
type Way struct {
	// Hop is the host and port that forwards; empty: none.
	Hop string
	// Unclear says that it cannot be told where the way leads: by the user's own
	// machine, where a tunnel may lead anywhere, or by a proxy that cannot be read.
	Unclear bool
}

// WayOf reads a proxy as in BOSH_ALL_PROXY. User, password and key say who goes
// there, not where that is. exceptions says that NO_PROXY is set, which may send
// plain SOCKS connections past their proxy (httpclient/socksify.go of bosh-utils).
func WayOf(proxy string, exceptions bool) Way {
	if proxy == "" {
		return Way{}
	}
	parsed, err := url.Parse(strings.TrimPrefix(proxy, "ssh+"))
	if err != nil || parsed.Hostname() == "" {
		return Way{Unclear: true}
	}
	port := "1080" // golang.org/x/net/proxy
	if strings.HasPrefix(proxy, "ssh+") {
		port = "22"
	}
	host := strings.ToLower(strings.TrimSuffix(parsed.Hostname(), "."))
	if ip, err := netip.ParseAddr(host); err == nil {
		host = ip.Unmap().String()
	}
	return Way{
		Hop:     net.JoinHostPort(host, cmp.Or(parsed.Port(), port)),
		Unclear: isThisMachine(host) || exceptions && !strings.HasPrefix(proxy, "ssh+"),
	}
}

func isThisMachine(host string) bool {
	ip, err := netip.ParseAddr(host)
	return err == nil && (ip.IsLoopback() || ip.IsUnspecified()) || host == "localhost" || strings.HasSuffix(host, ".localhost")
}

func (w Way) String() string {
	switch {
	case w.Hop != "":
		return "by " + w.Hop
	case w.Unclear:
		return "by a proxy that cannot be read"
	}
	return "directly"
}

// Likeness is whether two things are one.
type Likeness uint8

// The three answers.
const (
	Other Likeness = iota
	Unsure
	Same
)

// Is compares two ways. With a hop on one side only, or a name here and an address
// there, nothing follows.
func (w Way) Is(o Way) Likeness {
	switch {
	case w.Unclear || o.Unclear:
		return Unsure
	case w == o:
		return Same
	case w.Hop == "" || o.Hop == "" || isAddress(w.Hop) != isAddress(o.Hop):
		return Unsure
	}
	return Other
}

func isAddress(hop string) bool {
	_, err := netip.ParseAddrPort(hop)
	return err == nil
}
