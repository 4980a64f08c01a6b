//go:build linux

package wirelab

import (
	"net"
	"time"

	"github.com/vishvananda/netlink"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// Inject sends frames from eth0 of the host as they are.
func (h *Host) Inject(frames ...[]byte) error {
	return h.Do(func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		socket, err := link.Listen(link.Interface{Index: l.Attrs().Index, Name: "eth0", MAC: frame.MACFrom(l.Attrs().HardwareAddr)}, link.ARP, link.All())
		if err != nil {
			return err
		}
		defer socket.Close()
		for len(frames) > 0 {
			n, err := socket.SendBatch(frames)
			if err != nil {
				return err
			}
			frames = frames[n:]
		}
		return nil
	})
}

// Listen hands every ARP frame that reaches eth0 of the host to the function.
func (h *Host) Listen(handle func(frame.Frame, time.Time)) (stop func() error, err error) {
	var socket *link.Socket
	err = h.Do(func() error {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			return err
		}
		socket, err = link.Listen(link.Interface{Index: l.Attrs().Index, Name: "eth0", MAC: frame.MACFrom(l.Attrs().HardwareAddr)}, link.ARP, link.All())
		return err
	})
	if err != nil {
		return nil, err
	}
	port := link.NewPort(map[link.Protocol]net.PacketConn{link.ARP: socket})
	port.Receive(func(r link.Received) { handle(r.Frame, r.At) }, func(error) {})
	return port.Close, nil
}
