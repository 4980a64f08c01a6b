//go:build linux

// Package wirelab makes small Ethernet segments out of network namespaces: real
// kernels' ARP and neighbour discovery on a bridge, and nothing that leaves the
// machine. Tests and the incident lab run on it.
//
// A Lab is a bridge; each Host is a namespace with one or more links to it and
// one operating system thread that lives in it. Host.Do runs a function on that
// thread; sockets opened there, and processes started there, stay in the
// namespace. Everything is gone when the Lab is closed.
package wirelab

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// Lab is one segment.
type Lab struct {
	hub   *Host
	hosts []*Host
	ports int
}

// Host is one network namespace.
type Host struct {
	Name  string
	work  chan func()
	nsFD  int
	links int
}

// New makes an empty segment. The error is that of unshare(2) where the process
// may not make namespaces.
func New() (*Lab, error) {
	hub, err := newHost("hub")
	if err != nil {
		return nil, err
	}
	l := &Lab{hub: hub, hosts: []*Host{hub}}
	err = hub.Do(func() error {
		off := uint32(0)
		bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "segment"}, AgeingTime: &off}
		if err := netlink.LinkAdd(bridge); err != nil {
			return fmt.Errorf("making the bridge: %w", err)
		}
		return netlink.LinkSetUp(bridge)
	})
	if err != nil {
		return nil, errors.Join(err, l.Close())
	}
	return l, nil
}

// Close ends all hosts and with them their links.
func (l *Lab) Close() error {
	var errs []error
	for _, h := range l.hosts {
		close(h.work)
		errs = append(errs, unix.Close(h.nsFD))
	}
	return errors.Join(errs...)
}

// newHost starts a thread in a namespace of its own.
func newHost(name string) (*Host, error) {
	h := &Host{Name: name, work: make(chan func())}
	ready := make(chan error)
	go func() {
		// The thread is never unlocked: it ends with the goroutine and takes the
		// namespaces with it: also the shared memory of programs that were killed.
		runtime.LockOSThread()
		err := unix.Unshare(unix.CLONE_NEWNET | unix.CLONE_NEWIPC)
		if err == nil {
			h.nsFD, err = unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
		}
		ready <- err
		if err != nil {
			return
		}
		for f := range h.work {
			f()
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("making a network namespace: %w", err)
	}
	return h, h.Do(func() error { return setUp("lo") })
}

// Do runs f in the namespace and returns its error. f must not call Do.
func (h *Host) Do(f func() error) error {
	done := make(chan error)
	h.work <- func() { done <- f() }
	return <-done
}

// Start starts the command in the namespace.
func (h *Host) Start(c *exec.Cmd) error { return h.Do(c.Start) }

// Run runs a program in the namespace; its output is part of the error.
func (h *Host) Run(name string, args ...string) error {
	return h.Do(func() error {
		if out, err := exec.Command(name, args...).CombinedOutput(); err != nil {
			return fmt.Errorf("%s %s: %w: %s", name, strings.Join(args, " "), err, out)
		}
		return nil
	})
}

// Sysctl sets a value below /proc/sys/net in the namespace.
func (h *Host) Sysctl(key, value string) error {
	return h.Do(func() error { return os.WriteFile("/proc/sys/net/"+key, []byte(value), 0) })
}

// Station is the MAC of the lab's machine n: one that VMware gives out, so that a
// vendor is known.
func Station(n byte) frame.MAC { return frame.MAC{0, 0x50, 0x56, 0, 0, n} }

// Host adds a host with one link, eth0, to the segment.
func (l *Lab) Host(name string, mac frame.MAC, addresses ...netip.Prefix) (*Host, error) {
	h, err := newHost(name)
	if err != nil {
		return nil, err
	}
	l.hosts = append(l.hosts, h)
	return h, l.Connect(h, mac, addresses...)
}

// Isolated adds a host outside the segment; Connect joins it.
func (l *Lab) Isolated(name string) (*Host, error) {
	h, err := newHost(name)
	if err == nil {
		l.hosts = append(l.hosts, h)
	}
	return h, err
}

// Connect gives the host one more link to the segment: eth0, eth1, and so on.
// IPv6 addresses are set without duplicate address detection, so that a twin can
// have one.
func (l *Lab) Connect(h *Host, mac frame.MAC, addresses ...netip.Prefix) error {
	device := fmt.Sprintf("eth%d", h.links)
	port := fmt.Sprintf("port%d", l.ports)
	h.links++
	l.ports++
	err := l.hub.Do(func() error {
		pair := &netlink.Veth{
			LinkAttrs: netlink.LinkAttrs{Name: port}, PeerName: device,
			PeerHardwareAddr: mac[:], PeerNamespace: netlink.NsFd(h.nsFD),
		}
		if err := netlink.LinkAdd(pair); err != nil {
			return fmt.Errorf("making the link of %s: %w", h.Name, err)
		}
		bridge, err := netlink.LinkByName("segment")
		if err != nil {
			return err
		}
		if err := netlink.LinkSetMaster(pair, bridge); err != nil {
			return err
		}
		return netlink.LinkSetUp(pair)
	})
	if err != nil {
		return err
	}
	err = h.Do(func() error {
		for _, a := range addresses {
			if err := addAddress(device, a); err != nil {
				return err
			}
		}
		if err := setUp(device); err != nil {
			return err
		}
		if err := awaitCarrier(device, true); err != nil {
			return err
		}
		for _, a := range addresses {
			if err := awaitGroup(device, a.Addr()); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	// The bridge forwards only once it has noticed too.
	return l.hub.Do(func() error { return awaitCarrier(port, true) })
}

// carrierPatience is far more than the second for which the kernel may put off
// such news, with all of a machine's links in one queue.
const carrierPatience = 30 * time.Second

// awaitCarrier waits for the kernel to notice that a link came or went, which it
// does in its own time.
func awaitCarrier(device string, carrier bool) error {
	for begin := time.Now(); time.Since(begin) < carrierPatience; {
		link, err := netlink.LinkByName(device)
		if err != nil {
			return err
		}
		if (link.Attrs().RawFlags&unix.IFF_RUNNING != 0) == carrier {
			return nil
		}
		time.Sleep(time.Millisecond)
	}
	return fmt.Errorf("the carrier of %s is not %v after %s", device, carrier, carrierPatience)
}

// Unplug takes the carrier from eth0 of the host, or gives it back. port counts
// all links of the segment in the order of Connect.
func (l *Lab) Unplug(h *Host, port int, unplugged bool) error {
	name := fmt.Sprintf("port%d", port)
	err := l.hub.Do(func() error {
		link, err := netlink.LinkByName(name)
		if err != nil {
			return err
		}
		if unplugged {
			return netlink.LinkSetDown(link)
		}
		return netlink.LinkSetUp(link)
	})
	if err != nil {
		return err
	}
	if err := h.Do(func() error { return awaitCarrier("eth0", !unplugged) }); err != nil {
		return err
	}
	// The bridge forwards only once it has noticed too.
	return l.hub.Do(func() error { return awaitCarrier(name, !unplugged) })
}

// Isolate keeps the bridge from passing anything between two isolated links.
func (l *Lab) Isolate(number int) error {
	return l.hub.Do(func() error {
		link, err := netlink.LinkByName(fmt.Sprintf("port%d", number))
		if err != nil {
			return err
		}
		return netlink.LinkSetIsolated(link, true)
	})
}

// AddAddress gives the host an address on eth0.
func (h *Host) AddAddress(a netip.Prefix) error {
	return h.Do(func() error {
		if err := addAddress("eth0", a); err != nil {
			return err
		}
		return awaitGroup("eth0", a.Addr())
	})
}

// DeleteAddress takes it away again.
func (h *Host) DeleteAddress(a netip.Prefix) error {
	return h.Do(func() error {
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.AddrDel(link, ipNet(a))
	})
}

func addAddress(device string, a netip.Prefix) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	address := ipNet(a)
	if a.Addr().Is6() {
		address.Flags = unix.IFA_F_NODAD
	}
	if err := netlink.AddrAdd(link, address); err != nil {
		return fmt.Errorf("address %s on %s: %w", a, device, err)
	}
	return nil
}

// awaitGroup waits until the kernel has joined the solicited-node group (RFC 4291,
// section 2.7.1) of an IPv6 address. It does so after the address is there, in a
// queue of work that a busy machine makes wait, and hears no question before.
func awaitGroup(device string, a netip.Addr) error {
	if a.Is4() {
		return nil
	}
	of := a.As16()
	group := fmt.Sprintf("ff0200000000000000000001ff%x", of[13:])
	for end := time.Now().Add(carrierPatience); ; time.Sleep(time.Millisecond) {
		groups, err := os.ReadFile("/proc/thread-self/net/igmp6")
		if err != nil {
			return err
		}
		for line := range strings.Lines(string(groups)) {
			if f := strings.Fields(line); len(f) > 2 && f[1] == device && f[2] == group {
				return nil
			}
		}
		if time.Now().After(end) {
			return fmt.Errorf("%s does not listen for %s after %s", device, a, carrierPatience)
		}
	}
}

func ipNet(a netip.Prefix) *netlink.Addr {
	address, err := netlink.ParseAddr(a.String())
	if err != nil {
		panic("a valid prefix does not parse: " + err.Error())
	}
	return address
}

// Gateway sets the default route.
func (h *Host) Gateway(a netip.Addr) error {
	return h.Do(func() error { return netlink.RouteAdd(&netlink.Route{Gw: a.AsSlice()}) })
}

// SetLink sets eth0 up or down.
func (h *Host) SetLink(up bool) error {
	return h.Do(func() error {
		if up {
			return setUp("eth0")
		}
		link, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		return netlink.LinkSetDown(link)
	})
}

func setUp(device string) error {
	link, err := netlink.LinkByName(device)
	if err != nil {
		return err
	}
	return netlink.LinkSetUp(link)
}
