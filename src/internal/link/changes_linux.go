package link

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// How a burst of changes is reported: when nothing came for settling, and not
// later than burst after its first, however long it lasts.
const (
	settling = 50 * time.Millisecond
	burst    = 500 * time.Millisecond
)

// reopenEvery is how long a failed subscription rests before it is made anew.
const reopenEvery = time.Second

// feed is a socket that the kernel tells news by.
type feed interface {
	Receive() ([]syscall.NetlinkMessage, *unix.SockaddrNetlink, error)
	Close()
}

// subscription keeps one feed open, whatever happens to it.
type subscription struct {
	open func() (feed, error)
	// handle gets each message. lost is called when some never came: everything
	// has to be read again. deaf is called while no feed can be had, and with nil
	// when there is one again.
	handle func(syscall.NetlinkMessage)
	lost   func(error)
	deaf   func(error)
	pause  func(context.Context, time.Duration)
}

// run reads until the context ends.
func (s subscription) run(ctx context.Context, f feed) {
	var current atomic.Pointer[feed]
	current.Store(&f)
	stop := context.AfterFunc(ctx, func() { (*current.Load()).Close() })
	defer stop()
	for ctx.Err() == nil {
		messages, from, err := f.Receive()
		switch {
		case ctx.Err() != nil:
			return
		case err == nil && from.Pid == nl.PidKernel:
			for _, m := range messages {
				s.handle(m)
			}
		case err == nil, errors.Is(err, unix.EINTR), errors.Is(err, unix.EAGAIN):
		case errors.Is(err, unix.ENOBUFS):
			// netlink(7): the kernel had no room and dropped messages; the next ones come.
			s.lost(err)
		default:
			f.Close()
			if f = s.reopen(ctx, err); f == nil {
				return
			}
			current.Store(&f)
			if ctx.Err() != nil {
				f.Close() // it ended before it could have closed this one
				return
			}
			s.deaf(nil)
			s.lost(err)
		}
	}
}

// reopen returns a new feed, or nil when the context ends.
func (s subscription) reopen(ctx context.Context, why error) feed {
	for ctx.Err() == nil {
		f, err := s.open()
		if err == nil {
			return f
		}
		s.deaf(errors.Join(why, err))
		s.pause(ctx, reopenEvery)
	}
	return nil
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-time.After(d):
	case <-ctx.Done():
	}
}

func subscribe(groups ...uint) func() (feed, error) {
	return func() (feed, error) {
		s, err := nl.Subscribe(unix.NETLINK_ROUTE, groups...)
		if err != nil {
			return nil, err
		}
		return s, nil
	}
}

// Follow tells the follower what changes on this host, until the context ends. It
// returns at once; the error says that the kernel tells nothing.
func Follow(ctx context.Context, to Follower) error {
	s := subscription{
		open: subscribe(unix.RTNLGRP_LINK, unix.RTNLGRP_IPV4_IFADDR, unix.RTNLGRP_IPV6_IFADDR, unix.RTNLGRP_IPV4_ROUTE, unix.RTNLGRP_IPV6_ROUTE),
		lost: to.Lost, deaf: to.Deaf, pause: pause,
	}
	news := make(chan struct{}, 1)
	s.handle = func(m syscall.NetlinkMessage) {
		if m.Header.Type == unix.RTM_DELADDR {
			if index, address, ok := removed(m.Data); ok {
				to.Removed(index, address)
			}
		}
		select {
		case news <- struct{}{}:
		default:
		}
	}
	f, err := s.open()
	if err != nil {
		return fmt.Errorf("subscribing to changes of this host: %w", err)
	}
	go s.run(ctx, f)
	go coalesce(ctx, news, to.Changed)
	return nil
}

// removed reads which address an interface has lost (rtnetlink(7), RTM_DELADDR):
// the local one, where a peer is named too.
func removed(b []byte) (index int, address netip.Addr, ok bool) {
	if len(b) < unix.SizeofIfAddrmsg {
		return 0, netip.Addr{}, false
	}
	// The library reads attributes in steps of whole words, the last one, too.
	body := slices.Concat(b[unix.SizeofIfAddrmsg:], make([]byte, unix.RTA_ALIGNTO-1))
	attributes, err := nl.ParseRouteAttr(body[:len(body)/unix.RTA_ALIGNTO*unix.RTA_ALIGNTO])
	if err != nil {
		return 0, netip.Addr{}, false
	}
	for _, a := range attributes {
		local, plain := a.Attr.Type == unix.IFA_LOCAL, a.Attr.Type == unix.IFA_ADDRESS
		if ip, right := netip.AddrFromSlice(a.Value); right && (local || plain && !ok) {
			address, ok = ip.Unmap(), true
		}
	}
	return int(nl.DeserializeIfAddrmsg(b).Index), address, ok
}

// coalesce calls changed once for each burst of news.
func coalesce(ctx context.Context, news <-chan struct{}, changed func()) {
	for {
		select {
		case <-news:
		case <-ctx.Done():
			return
		}
		latest := time.After(burst)
		for quiet := false; !quiet; {
			select {
			case <-news:
			case <-time.After(settling):
				quiet = true
			case <-latest:
				quiet = true
			case <-ctx.Done():
				return
			}
		}
		changed()
	}
}

// NeighborEvents calls the function for every neighbour whose station the
// kernel has learned, until the context ends. It returns at once. When news was
// lost, all neighbours are told again.
func NeighborEvents(ctx context.Context, handle func(NeighborEvent)) error {
	tell := func(n *netlink.Neigh) {
		a, ok := netip.AddrFromSlice(n.IP)
		mac := frame.MACFrom(n.HardwareAddr)
		// What the kernel doubts, or has given up, is no news of who has an address.
		const doubted = netlink.NUD_DELAY | netlink.NUD_PROBE | netlink.NUD_FAILED | netlink.NUD_INCOMPLETE
		if ok && !mac.IsZero() && n.State&doubted == 0 {
			handle(NeighborEvent{Index: n.LinkIndex, Address: a.Unmap(), MAC: mac})
		}
	}
	s := subscription{
		open: subscribe(unix.RTNLGRP_NEIGH),
		handle: func(m syscall.NetlinkMessage) {
			if m.Header.Type != unix.RTM_NEWNEIGH {
				return
			}
			if n, err := netlink.NeighDeserialize(m.Data); err == nil {
				tell(n)
			}
		},
		lost: func(error) {
			neighbors, err := netlink.NeighList(0, 0)
			if err != nil {
				return // what was lost is a hint, and comes again when it is used again
			}
			for _, n := range neighbors {
				tell(&n)
			}
		},
		deaf:  func(error) {},
		pause: pause,
	}
	f, err := s.open()
	if err != nil {
		return fmt.Errorf("subscribing to neighbours: %w", err)
	}
	go s.run(ctx, f)
	return nil
}
