package scan

import (
	"context"
	"encoding/binary"
	"errors"
	"net/netip"
	"slices"
	"sync"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

const (
	batch       = 32                     // frames of one system call; more gain nothing
	passes      = 2                      // the second only for those that stayed silent
	minQuiet    = 100 * time.Millisecond // silence that ends a pass
	quietFactor = 5                      // or this many times the slowest answer
	receiveRoom = 8 << 20                // bytes for answers that come faster than they are read
	targetAt    = 14 + 24                // of the target address in an ARP frame
)

// sweeper asks for every address of an IPv4 prefix.
type sweeper struct {
	options Options
	socket  *link.Socket
	mutex   sync.Mutex // guards found
	found   *sightings
	subnets []netip.Prefix // of the segment, to know which addresses nobody can have
	mac     frame.MAC      // of this host
	base    uint32
	sentAt  []time.Duration // since begin, by address; 0 if never
	begin   time.Time
	buffers [batch][]byte
}

// sweep reports whether it came to its end, and how many frames the kernel
// dropped meanwhile.
func sweep(ctx context.Context, o Options, at link.Interface, found *sightings) (complete bool, dropped uint32, err error) {
	segment := subnets(o.Prefix, at)
	socket, err := link.Listen(at, link.ARP, link.ARPFrom(widest(o.Prefix.Masked(), segment)))
	if err != nil {
		return false, 0, err
	}
	s := &sweeper{options: o, socket: socket, found: found, subnets: segment, mac: at.MAC, begin: time.Now()}
	if err := socket.SetReceiveBuffer(receiveRoom); err != nil {
		return false, 0, errors.Join(err, socket.Close())
	}
	size := uint32(1) << (32 - o.Prefix.Bits())
	network := o.Prefix.Masked().Addr().As4()
	s.base, s.sentAt = binary.BigEndian.Uint32(network[:]), make([]time.Duration, size)
	if err := s.prepare(); err != nil {
		return false, 0, errors.Join(err, socket.Close())
	}
	ended := make(chan struct{})
	go s.read(ended)
	complete, err = s.run(ctx, size)
	dropped, statsErr := socket.Drops()
	err = errors.Join(err, statsErr, socket.Close())
	<-ended
	return complete, dropped, err
}

func (s *sweeper) prepare() error {
	for i := range s.buffers {
		b, err := frame.Probe(s.mac, s.options.Prefix.Masked().Addr(), frame.MAC{}, nil)
		if err != nil {
			return err
		}
		s.buffers[i] = b
	}
	return nil
}

// run makes all passes. The subnets' network addresses are asked for too, and so
// are their broadcast addresses, if they are in the prefix: nobody can have them,
// so whoever answers for one answers for everything.
func (s *sweeper) run(ctx context.Context, size uint32) (complete bool, err error) {
	targets := make([]uint32, size)
	for i := range targets {
		targets[i] = uint32(i)
	}
	for n := range passes {
		if err := s.askForNobody(); err != nil {
			return false, err
		}
		if complete, err = s.pass(ctx, n, targets); !complete || err != nil {
			return false, err
		}
		if !s.quiet(ctx) {
			return false, nil
		}
		targets = s.silent(targets)
	}
	return s.compare(ctx)
}

// compares is how often stations are asked for each other's addresses.
const compares = 3

// compare asks the stations of an address that has two, each by itself, for all
// addresses that any of them answered for: an answer may have been lost, and what
// they all answer for tells whether they are one machine.
func (s *sweeper) compare(ctx context.Context) (complete bool, err error) {
	for range compares {
		frames, err := s.comparisons()
		if err != nil || len(frames) == 0 {
			return err == nil, err
		}
		for len(frames) > 0 {
			n, err := s.socket.SendBatch(frames[:min(batch, len(frames))])
			if err != nil || ctx.Err() != nil {
				return false, err
			}
			frames = frames[n:]
			if !sleep(ctx, time.Millisecond) {
				return false, nil
			}
		}
		if !s.quiet(ctx) {
			return false, nil
		}
	}
	return true, nil
}

// comparisons are the questions that compare still has.
func (s *sweeper) comparisons() (frames [][]byte, err error) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if !s.found.anyTwice() {
		return nil, nil
	}
	answers := s.found.answersFor()
	open := map[question]bool{}
	for _, seen := range s.found.at {
		for _, x := range seen {
			for _, y := range seen {
				for _, a := range answers[y.mac] {
					if x != y && !s.found.proxies[x.mac] && !s.found.proxies[y.mac] && !slices.Contains(answers[x.mac], a) {
						open[question{a, x.mac}] = true
					}
				}
			}
		}
	}
	for q := range open {
		b, err := frame.Probe(s.mac, q.address, q.station, nil)
		if err != nil {
			return nil, err
		}
		if frames = append(frames, b); len(frames) == maxComparisons {
			break
		}
	}
	return frames, nil
}

// question is for an address, of one station alone.
type question struct {
	address netip.Addr
	station frame.MAC
}

// maxComparisons bounds what a segment full of liars can make us ask.
const maxComparisons = 1024

// askForNobody asks for the network addresses that lie outside of the prefix.
func (s *sweeper) askForNobody() error {
	for _, p := range s.subnets {
		if p.Bits() > 30 || s.options.Prefix.Contains(p.Addr()) {
			continue
		}
		b, err := frame.Probe(s.mac, p.Addr(), frame.MAC{}, nil)
		if err != nil {
			return err
		}
		if _, err := s.socket.SendBatch([][]byte{b}); err != nil {
			return err
		}
	}
	return nil
}

func (s *sweeper) silent(targets []uint32) (silent []uint32) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for _, t := range targets {
		if len(s.found.at[s.address(t)]) == 0 {
			silent = append(silent, t)
		}
	}
	return silent
}

func (s *sweeper) address(offset uint32) netip.Addr {
	return netip.AddrFrom4([4]byte(binary.BigEndian.AppendUint32(nil, s.base+offset)))
}

// pass sends one probe for each target, not faster than the rate. It is the n-th,
// from 0.
func (s *sweeper) pass(ctx context.Context, n int, targets []uint32) (complete bool, err error) {
	begin, size := time.Now(), batch
	if rate := s.options.Rate; rate != Unlimited {
		size = max(1, min(batch, rate/100))
	}
	for sent := 0; sent < len(targets); {
		if rate := s.options.Rate; rate != Unlimited {
			due := begin.Add(time.Duration(sent) * time.Second / time.Duration(rate))
			if !sleep(ctx, time.Until(due)) {
				return false, nil
			}
		}
		taken, err := s.send(targets[sent:min(len(targets), sent+size)])
		if err != nil || ctx.Err() != nil {
			return false, err
		}
		sent += taken
		s.progress(n, sent, len(targets))
	}
	return true, nil
}

func (s *sweeper) send(targets []uint32) (int, error) {
	now := time.Since(s.begin)
	s.mutex.Lock()
	for i, t := range targets {
		binary.BigEndian.PutUint32(s.buffers[i][targetAt:], s.base+t)
		s.sentAt[t] = now
	}
	s.mutex.Unlock()
	return s.socket.SendBatch(s.buffers[:len(targets)])
}

// progress tells how far the scan is: each pass is as much of it, however few are
// left to be asked.
func (s *sweeper) progress(n, sent, targets int) {
	s.mutex.Lock()
	found := len(s.found.at)
	s.mutex.Unlock()
	size := len(s.sentAt)
	s.options.Progress(n*size+size*sent/targets, passes*size, found)
}

// quiet waits until no answer has come for long enough.
func (s *sweeper) quiet(ctx context.Context) bool {
	begin := time.Now()
	for {
		s.mutex.Lock()
		last, wait := s.found.last, max(minQuiet, quietFactor*s.found.slowest)
		s.mutex.Unlock()
		if last.Before(begin) {
			last = begin
		}
		left := time.Until(last.Add(wait))
		if left <= 0 {
			return true
		}
		if !sleep(ctx, left) {
			return false
		}
	}
}

func sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	select {
	case <-time.After(d):
		return true
	case <-ctx.Done():
		return false
	}
}

// read notes who answers until the socket is closed.
func (s *sweeper) read(ended chan<- struct{}) {
	defer close(ended)
	buffer := make([]byte, 1514)
	for {
		n, _, err := s.socket.ReadFrom(buffer)
		if err != nil {
			// Closed, or the interface went down, which ends the sending too.
			return
		}
		if f, err := frame.Parse(buffer[:n]); err == nil && f.VLAN == 0 {
			s.note(f)
		}
	}
}

func (s *sweeper) note(f frame.Frame) {
	a, ok := f.Claims()
	if !ok || !f.Kind.IsARP() {
		return
	}
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if slices.ContainsFunc(s.subnets, func(p netip.Prefix) bool { return nobodys(p, a) }) {
		s.found.proxies[f.SenderMAC] = true
	}
	if !s.options.Prefix.Contains(a) {
		return
	}
	now := time.Now()
	four := a.As4()
	offset := binary.BigEndian.Uint32(four[:]) - s.base
	var took time.Duration
	if asked := s.sentAt[offset]; asked > 0 && f.Kind == frame.ARPReply {
		took = now.Sub(s.begin) - asked
	}
	s.found.note(a, f.SenderMAC, took, now)
}

// subnets are those of the interface that meet the prefix. A part of a subnet
// has no network and broadcast address of its own: its ends are hosts like any.
// Of a prefix that the interface has no address in nothing better is known.
func subnets(prefix netip.Prefix, at link.Interface) (list []netip.Prefix) {
	for _, own := range at.Addresses {
		if p := own.Prefix.Masked(); p.Overlaps(prefix) {
			list = append(list, p)
		}
	}
	if len(list) == 0 {
		list = append(list, prefix)
	}
	return list
}

// widest is the widest of prefixes that hold p, which is one of them.
func widest(p netip.Prefix, prefixes []netip.Prefix) netip.Prefix {
	for _, other := range prefixes {
		if other.Bits() < p.Bits() && other.Contains(p.Addr()) {
			p = other
		}
	}
	return p
}

// nobodys reports whether a is the subnet's network or broadcast address.
func nobodys(subnet netip.Prefix, a netip.Addr) bool {
	r := netipx.RangeOfPrefix(subnet)
	return subnet.Bits() <= 30 && (a == r.From() || a == r.To())
}
