//go:build linux

package wirelab

import (
	"fmt"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Cell gives the host what a Diego cell has besides eth0: links to containers, all
// with one address (silk), an overlay, bridges of containers (garden), and docker's.
// local is the host's address on eth0.
func (l *Lab) Cell(h *Host, local netip.Addr, containers, bridges int) error {
	other, err := l.Isolated("containers of " + h.Name)
	if err != nil {
		return err
	}
	if err := l.Containers(h, other, "s-", containers); err != nil {
		return err
	}
	for i := range bridges {
		if err := h.bridge(fmt.Sprintf("wbrdg-%d", i), fmt.Sprintf("10.254.%d.1/30", i)); err != nil {
			return err
		}
	}
	if err := h.bridge("docker0", "172.17.0.1/16"); err != nil {
		return err
	}
	return h.Do(func() error {
		eth0, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		overlay := &netlink.Vxlan{LinkAttrs: netlink.LinkAttrs{Name: "silk-vtep"}, VxlanId: 1, VtepDevIndex: eth0.Attrs().Index, SrcAddr: local.AsSlice(), Port: 4789}
		return addLink(overlay, netip.MustParsePrefix("10.255.0.0/16"), nil)
	})
}

// Containers gives the host links to containers, which are all in one namespace.
func (l *Lab) Containers(h, other *Host, prefix string, n int) error {
	err := h.Do(func() error {
		for i := range n {
			pair := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: fmt.Sprintf("%s%d", prefix, i)}, PeerName: fmt.Sprintf("%s%d", prefix, i), PeerNamespace: netlink.NsFd(other.nsFD)}
			remote := netip.AddrFrom4([4]byte{10, 255, byte(i / 250), byte(1 + i%250)})
			if err := addLink(pair, netip.MustParsePrefix("169.254.0.1/32"), &remote); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	return other.Do(func() error {
		for i := range n {
			if err := setUp(fmt.Sprintf("%s%d", prefix, i)); err != nil {
				return err
			}
		}
		return nil
	})
}

// RemoveContainers takes them away again.
func (h *Host) RemoveContainers(prefix string, n int) error {
	return h.Do(func() error {
		for i := range n {
			l, err := netlink.LinkByName(fmt.Sprintf("%s%d", prefix, i))
			if err == nil {
				err = netlink.LinkDel(l)
			}
			if err != nil {
				return err
			}
		}
		return nil
	})
}

func (h *Host) bridge(name, address string) error {
	return h.Do(func() error {
		return addLink(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: name}}, netip.MustParsePrefix(address), nil)
	})
}

// addLink makes a link, with an address, and the address of its peer if it has one.
func addLink(l netlink.Link, own netip.Prefix, remote *netip.Addr) error {
	if err := netlink.LinkAdd(l); err != nil {
		return fmt.Errorf("making %s: %w", l.Attrs().Name, err)
	}
	address := ipNet(own)
	if remote != nil {
		address.Peer = ipNet(netip.PrefixFrom(*remote, 32)).IPNet
		address.Scope = unix.RT_SCOPE_LINK
	}
	if err := netlink.AddrAdd(l, address); err != nil {
		return fmt.Errorf("address of %s: %w", l.Attrs().Name, err)
	}
	return netlink.LinkSetUp(l)
}
