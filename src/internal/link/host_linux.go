package link

import (
	"cmp"
	"context"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// ReadHost asks the kernel for all interfaces, their addresses, and whom it
// knows beside them.
func ReadHost() (Host, error) {
	links, err := netlink.LinkList()
	if err != nil {
		return Host{}, fmt.Errorf("listing interfaces: %w", err)
	}
	host := Host{MACs: map[frame.MAC]bool{}}
	for _, l := range links {
		host.Interfaces = append(host.Interfaces, readInterface(l, host.MACs))
	}
	slices.SortFunc(host.Interfaces, func(a, b Interface) int { return cmp.Compare(a.Index, b.Index) })
	for _, read := range []func([]Interface) error{readAddresses, readRoutes, readNeighbors} {
		if err := read(host.Interfaces); err != nil {
			return Host{}, err
		}
	}
	return host, nil
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
	}
}

func byIndex(interfaces []Interface, index int) *Interface {
	n, found := slices.BinarySearchFunc(interfaces, index, func(i Interface, want int) int { return cmp.Compare(i.Index, want) })
	if !found {
		return nil
	}
	return &interfaces[n]
}

func readAddresses(interfaces []Interface) error {
	addresses, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("listing addresses: %w", err)
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

func readRoutes(interfaces []Interface) error {
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("listing routes: %w", err)
	}
	for _, r := range routes {
		hops := []*netlink.NexthopInfo{{LinkIndex: r.LinkIndex, Gw: r.Gw}}
		for _, hop := range append(hops, r.MultiPath...) {
			i := byIndex(interfaces, hop.LinkIndex)
			gateway, ok := netip.AddrFromSlice(hop.Gw)
			if gateway = gateway.Unmap(); i != nil && ok && !slices.Contains(i.Gateways, gateway) {
				i.Gateways = append(i.Gateways, gateway)
			}
		}
	}
	return nil
}

// maxNeighbours bounds how many neighbours are worth asking for control.
const maxNeighbours = 3

func readNeighbors(interfaces []Interface) error {
	neighbors, err := netlink.NeighList(0, 0)
	if err != nil {
		return fmt.Errorf("listing neighbours: %w", err)
	}
	const known = netlink.NUD_REACHABLE | netlink.NUD_STALE | netlink.NUD_DELAY | netlink.NUD_PROBE
	count := map[string]int{}
	for _, n := range neighbors {
		i := byIndex(interfaces, n.LinkIndex)
		a, ok := netip.AddrFromSlice(n.IP)
		a = a.Unmap()
		if i == nil || !ok || n.State&known == 0 || a.IsMulticast() || slices.Contains(i.Gateways, a) {
			continue
		}
		family := fmt.Sprint(i.Index, a.Is4())
		if count[family]++; count[family] <= maxNeighbours {
			i.Neighbours = append(i.Neighbours, a)
		}
	}
	return nil
}

// settling is how long a burst of changes may last before it is reported.
const settling = 50 * time.Millisecond

// Changes returns a channel that holds a value after links, addresses or routes
// have changed, once for each burst, until the context ends.
func Changes(ctx context.Context) (<-chan struct{}, error) {
	links, addresses, routes := make(chan netlink.LinkUpdate), make(chan netlink.AddrUpdate), make(chan netlink.RouteUpdate)
	if err := netlink.LinkSubscribe(links, ctx.Done()); err != nil {
		return nil, fmt.Errorf("subscribing to links: %w", err)
	}
	if err := netlink.AddrSubscribe(addresses, ctx.Done()); err != nil {
		return nil, fmt.Errorf("subscribing to addresses: %w", err)
	}
	if err := netlink.RouteSubscribe(routes, ctx.Done()); err != nil {
		return nil, fmt.Errorf("subscribing to routes: %w", err)
	}
	changed := make(chan struct{}, 1)
	go coalesce(ctx, links, addresses, routes, changed)
	return changed, nil
}

func coalesce(ctx context.Context, links chan netlink.LinkUpdate, addresses chan netlink.AddrUpdate, routes chan netlink.RouteUpdate, changed chan<- struct{}) {
	var quiet <-chan time.Time
	note := func(open bool) bool {
		quiet = time.After(settling)
		return open
	}
	for more := true; more; {
		select {
		case _, open := <-links:
			more = note(open)
		case _, open := <-addresses:
			more = note(open)
		case _, open := <-routes:
			more = note(open)
		case <-quiet:
			quiet = nil
			select {
			case changed <- struct{}{}:
			default: // one is waiting already
			}
		case <-ctx.Done():
			return
		}
	}
}

// NeighborEvents calls the function for every neighbour whose station the
// kernel has learned, until the context ends. It returns at once.
func NeighborEvents(ctx context.Context, handle func(NeighborEvent)) error {
	updates := make(chan netlink.NeighUpdate)
	if err := netlink.NeighSubscribe(updates, ctx.Done()); err != nil {
		return fmt.Errorf("subscribing to neighbours: %w", err)
	}
	go func() {
		for u := range updates {
			a, ok := netip.AddrFromSlice(u.IP)
			mac := frame.MACFrom(u.HardwareAddr)
			if ok && u.Type == unix.RTM_NEWNEIGH && !mac.IsZero() {
				handle(NeighborEvent{Index: u.LinkIndex, Address: a.Unmap(), MAC: mac})
			}
		}
	}()
	return nil
}
