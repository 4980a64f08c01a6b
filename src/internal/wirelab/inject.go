//go:build linux

package wirelab

import (
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
