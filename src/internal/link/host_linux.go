package link

import (
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// ReadHost asks the kernel for all interfaces, their addresses, and whom it
// knows beside them.
func ReadHost() (Host, error) {
	host := Host{MACs: map[frame.MAC]bool{}}
	err := whole(func() error {
		clear(host.MACs)
		host.Interfaces = host.Interfaces[:0]
		return readLinks(&host)
	})
	if err != nil {
		return Host{}, fmt.Errorf("listing interfaces: %w", err)
	}
	slices.SortFunc(host.Interfaces, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	for _, part := range []struct {
		what string
		read func([]Interface) error
	}{{"addresses", readAddresses}, {"routes", readRoutes}, {"neighbours", readNeighbors}} {
		if err := whole(func() error { return part.read(host.Interfaces) }); err != nil {
			return Host{}, fmt.Errorf("listing %s: %w", part.what, err)
		}
	}
	judgeReach(host.Interfaces)
	return host, nil
}

// readTries is how often a list is asked for that the kernel changed under our
// hands. A host on which containers come and go does that often.
const readTries = 8

// whole repeats a read until it was not interrupted. Half a list is worse than
// none: what is missing in it would be taken for gone.
func whole(read func() error) (err error) {
	for range readTries {
		if err = read(); !errors.Is(err, netlink.ErrDumpInterrupted) {
			return err
		}
	}
	return err
}

// skipStatistics is RTEXT_FILTER_SKIP_STATS of linux/rtnetlink.h: the counters are
// most of what the kernel tells about a link.
const skipStatistics = 1 << 3

// readLinks takes one link after the other, so that a host with many needs no
// memory for all of their messages at once.
func readLinks(host *Host) error {
	request := nl.NewNetlinkRequest(unix.RTM_GETLINK, unix.NLM_F_DUMP)
	request.AddData(nl.NewIfInfomsg(unix.AF_UNSPEC))
	request.AddData(nl.NewRtAttr(unix.IFLA_EXT_MASK, nl.Uint32Attr(skipStatistics)))
	var malformed error
	err := request.ExecuteIter(unix.NETLINK_ROUTE, unix.RTM_NEWLINK, func(message []byte) bool {
		l, err := netlink.LinkDeserialize(nil, message)
		if err != nil {
			malformed = err
			return false
		}
		host.Interfaces = append(host.Interfaces, readInterface(l, host.MACs))
		return true
	})
	return errors.Join(malformed, err)
}

// readInterface also notes every link-layer address that the link has or had.
func readInterface(l netlink.Link, macs map[frame.MAC]bool) Interface {
	attrs := l.Attrs()
	own := []frame.MAC{frame.MACFrom(attrs.HardwareAddr), frame.MACFrom(attrs.PermHWAddr)}
	if slave, ok := attrs.Slave.(*netlink.BondSlave); ok {
		own = append(own, frame.MACFrom(slave.PermHardwareAddr))
	}
	for _, m := range own {
		if !m.IsZero() {
			macs[m] = true
		}
	}
	flags := attrs.RawFlags
	return Interface{
		Index: attrs.Index, Name: attrs.Name, MAC: own[0],
		Up:      flags&unix.IFF_UP != 0,
		Carrier: flags&unix.IFF_UP != 0 && flags&unix.IFF_RUNNING != 0,
		Wire:    flags&(unix.IFF_LOOPBACK|unix.IFF_NOARP|unix.IFF_POINTOPOINT) == 0 && !own[0].IsZero(),
		Nature:  Nature{Kind: kind(l), Lower: attrs.ParentIndex, Master: attrs.MasterIndex, Elsewhere: attrs.NetNsID >= 0},
	}
}

// kind is the word of rtnetlink; the library says "device" where there is none.
func kind(l netlink.Link) string {
	if k := l.Type(); k != "device" {
		return k
	}
	return ""
}

func readAddresses(interfaces []Interface) error {
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return err
	}
	for n := range interfaces {
		interfaces[n].Addresses = nil
	}
	for _, a := range addresses {
		i := byIndex(interfaces, a.LinkIndex)
		ip, ok := netip.AddrFromSlice(a.IP)
		if i == nil || !ok {
			continue
		}
		bits, _ := a.Mask.Size()
		i.Addresses = append(i.Addresses, Address{
			Prefix:    netip.PrefixFrom(ip.Unmap(), bits),
			DADFailed: a.Flags&unix.IFA_F_DADFAILED != 0,
		})
	}
	return nil
}

// readRoutes reads all tables: with several cards each may have one of its own.
func readRoutes(interfaces []Interface) error {
	for n := range interfaces {
		interfaces[n].Gateways, interfaces[n].Nature.Default = nil, false
	}
	all := &netlink.Route{Table: unix.RT_TABLE_UNSPEC}
	return netlink.RouteListFilteredIter(netlink.FAMILY_ALL, all, netlink.RT_FILTER_TABLE, func(r netlink.Route) bool {
		hops := []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw}}
		for _, hop := range append(hops, r.MultiPath...) {
			i := byIndex(interfaces, hop.LinkIndex)
			if i == nil {
				continue
			}
			i.Nature.Default = i.Nature.Default || isDefault(r)
			gateway, ok := netip.AddrFromSlice(hop.Gw)
			if gateway = gateway.Unmap(); ok && !slices.Contains(i.Gateways, gateway) {
				i.Gateways = append(i.Gateways, gateway)
			}
		}
		return true
	})
}

func isDefault(r netlink.Route) bool {
	if r.Table != unix.RT_TABLE_MAIN || r.Type != unix.RTN_UNICAST {
		return false
	}
	if r.Dst == nil {
		return true
	}
	ones, _ := r.Dst.Mask.Size()
	return ones == 0
}

// maxNeighbours bounds how many neighbours are worth asking for control.
const maxNeighbours = 3

func readNeighbors(interfaces []Interface) error {
	neighbors, err := netlink.NeighList(0, 0)
	if err != nil {
		return err
	}
	const known = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE
	type family struct {
		index int
		four  bool
	}
	count := map[family]int{}
	for n := range interfaces {
		interfaces[n].Neighbours = nil
	}
	for _, n := range neighbors {
		i := byIndex(interfaces, n.LinkIndex)
		a, ok := netip.AddrFromSlice(n.IP)
		a = a.Unmap()
		if i == nil || !ok || n.State&known == 0 || a.IsMulticast() || slices.Contains(i.Gateways, a) {
			continue
		}
		f := family{i.Index, a.Is4()}
		if count[f]++; count[f] <= maxNeighbours {
			i.Neighbours = append(i.Neighbours, a)
		}
	}
	return nil
}

// Holds reports whether the interface still has the address and the station that
// it is spoken for with: both may have gone since the last ReadHost, and another
// may have the address by right. usable is false while the kernel itself does not
// use the address, because it may be another's (RFC 4862, 5.4).
func Holds(index int, station frame.MAC, address netip.Addr) (held, usable bool, err error) {
	l, err := netlink.LinkByIndex(index)
	if _, gone := errors.AsType[netlink.LinkNotFoundError](err); gone {
		return false, false, nil
	}
	if err != nil {
		return false, false, fmt.Errorf("reading interface %d: %w", index, err)
	}
	if frame.MACFrom(l.Attrs().HardwareAddr) != station {
		return false, false, nil
	}
	family := netlink.FAMILY_V4
	if address.Is6() {
		family = netlink.FAMILY_V6
	}
	var addresses []netlink.Addr
	err = whole(func() (err error) {
		addresses, err = netlink.AddrList(l, family)
		return err
	})
	if err != nil {
		return false, false, fmt.Errorf("reading the addresses of %s: %w", l.Attrs().Name, err)
	}
	for _, a := range addresses {
		if ip, ok := netip.AddrFromSlice(a.IP); ok && ip.Unmap() == address {
			return true, a.Flags&(unix.IFA_F_TENTATIVE|unix.IFA_F_DADFAILED) == 0, nil
		}
	}
	return false, false, nil
}

// Station returns the station that the kernel sends what is for the address to;
// zero if it knows none.
func Station(index int, address netip.Addr) (frame.MAC, error) {
	family := netlink.FAMILY_V4
	if address.Is6() {
		family = netlink.FAMILY_V6
	}
	var neighbors []netlink.Neigh
	err := whole(func() (err error) {
		neighbors, err = netlink.NeighList(index, family)
		return err
	})
	if err != nil {
		return frame.MAC{}, fmt.Errorf("listing neighbours: %w", err)
	}
	const sends = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_PERMANENT
	for _, n := range neighbors {
		if ip, ok := netip.AddrFromSlice(n.IP); ok && ip.Unmap() == address && n.State&sends != 0 {
			return frame.MACFrom(n.HardwareAddr), nil
		}
	}
	return frame.MAC{}, nil
}
