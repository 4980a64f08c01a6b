package link

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/vishvananda/netlink/nl"
	"golang.org/x/sys/unix"
)

// scriptedFeed is a kernel's socket: it says one thing after the other, and fails
// where the script says so.
type scriptedFeed struct {
	next   chan any // a message's number, or an error
	closed atomic.Bool
	end    chan struct{}
}

func newScriptedFeed() *scriptedFeed {
	return &scriptedFeed{next: make(chan any), end: make(chan struct{})}
}

func (f *scriptedFeed) Receive() ([]syscall.NetlinkMessage, *unix.SockaddrNetlink, error) {
	select {
	case x := <-f.next:
		if err, failed := x.(error); failed {
			return nil, nil, err
		}
		return []syscall.NetlinkMessage{{Header: syscall.NlMsghdr{Seq: x.(uint32)}}}, &unix.SockaddrNetlink{Pid: nl.PidKernel}, nil
	case <-f.end:
		return nil, nil, errors.New("closed")
	}
}

func (f *scriptedFeed) Close() {
	if f.closed.CompareAndSwap(false, true) {
		close(f.end)
	}
}

// TestNeverDeaf plays kernels that drop news, close sockets and refuse new ones, at
// random. What must hold: whoever missed something is told so after it was missed,
// and before he hears the next message; he never stays deaf; nothing leaks.
func TestNeverDeaf(t *testing.T) {
	for seed := range uint64(200) {
		synctest.Test(t, func(t *testing.T) { playFeed(t, seed) })
	}
}

func playFeed(t *testing.T, seed uint64) {
	random := rand.New(rand.NewPCG(seed, 1))
	ctx, cancel := context.WithCancel(t.Context())
	var feeds []*scriptedFeed
	var said []string
	refusals := 0
	s := subscription{
		open: func() (feed, error) {
			if refusals > 0 {
				refusals--
				return nil, syscall.EMFILE
			}
			feeds = append(feeds, newScriptedFeed())
			return feeds[len(feeds)-1], nil
		},
		handle: func(m syscall.NetlinkMessage) { said = append(said, fmt.Sprint(m.Header.Seq)) },
		lost:   func(error) { said = append(said, "lost") },
		deaf: func(err error) {
			if err != nil {
				said = append(said, "deaf")
			} else {
				said = append(said, "hears")
			}
		},
		pause: pause,
	}
	f, err := s.open()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() { s.run(ctx, f); close(done) }()
	var want []string
	for n := range uint32(30) {
		now := feeds[len(feeds)-1]
		switch random.IntN(6) {
		case 0:
			now.next <- unix.ENOBUFS
			want = append(want, "lost")
		case 1:
			now.next <- unix.EINTR
		case 2:
			refusals = random.IntN(4)
			for range refusals {
				want = append(want, "deaf")
			}
			want = append(want, "hears", "lost")
			now.next <- unix.ENETDOWN
			time.Sleep(10 * reopenEvery)
		default:
			now.next <- n
			want = append(want, fmt.Sprint(n))
		}
		synctest.Wait()
	}
	if !slices.Equal(said, want) {
		t.Errorf("seed %d: told %v\nwant %v", seed, said, want)
	}
	cancel()
	<-done
	for i, f := range feeds {
		if !f.closed.Load() {
			t.Errorf("seed %d: feed %d of %d was left open", seed, i, len(feeds))
		}
	}
}

// TestCoalesce: changes that never pause are told nevertheless, and one alone soon.
func TestCoalesce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		news, told := make(chan struct{}, 1), []time.Duration{}
		begin := time.Now()
		go coalesce(ctx, news, func() { told = append(told, time.Since(begin)) })
		news <- struct{}{}
		time.Sleep(time.Second)
		synctest.Wait()
		if !slices.Equal(told, []time.Duration{settling}) {
			t.Errorf("one change was told after %v", told)
		}
		told, begin = nil, time.Now()
		for time.Since(begin) < 5*time.Second {
			news <- struct{}{}
			time.Sleep(settling / 2)
		}
		synctest.Wait()
		if len(told) < 9 || told[0] > burst {
			t.Errorf("a storm of 5 s was told at %v", told)
		}
	})
}

func addressMessage(attributes ...*nl.RtAttr) []byte {
	m := nl.NewIfAddrmsg(unix.AF_INET)
	m.Index = 7
	b := slices.Clone(m.Serialize())
	for _, a := range attributes {
		b = append(b, a.Serialize()...)
	}
	return b
}

// TestRemoved: where an address has a peer, the local one is the one that went.
func TestRemoved(t *testing.T) {
	peer, local := netip.MustParseAddr("10.255.0.9"), netip.MustParseAddr("169.254.0.1")
	six := netip.MustParseAddr("2001:db8::1")
	for _, test := range []struct {
		message []byte
		want    netip.Addr
	}{
		{addressMessage(nl.NewRtAttr(unix.IFA_ADDRESS, peer.AsSlice()), nl.NewRtAttr(unix.IFA_LOCAL, local.AsSlice())), local},
		{addressMessage(nl.NewRtAttr(unix.IFA_LOCAL, local.AsSlice()), nl.NewRtAttr(unix.IFA_ADDRESS, peer.AsSlice())), local},
		{addressMessage(nl.NewRtAttr(unix.IFA_ADDRESS, six.AsSlice())), six},
		{addressMessage(), netip.Addr{}},
		{[]byte{1, 2, 3}, netip.Addr{}},
	} {
		if index, a, ok := removed(test.message); a != test.want || ok != test.want.IsValid() || ok && index != 7 {
			t.Errorf("%x: %v on %d, %v; want %v", test.message, a, index, ok, test.want)
		}
	}
}

// FuzzRemoved: whatever the message holds, an address is told exactly if one is there.
func FuzzRemoved(f *testing.F) {
	f.Add(addressMessage(nl.NewRtAttr(unix.IFA_LOCAL, []byte{10, 0, 0, 1})))
	f.Add([]byte{1, 2, 3})
	f.Add(append(make([]byte, unix.SizeofIfAddrmsg), 9, 0, 2, 0, 10, 0, 0, 1, 7, 0)) // the last attribute ends within a word
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, a, ok := removed(b); ok != a.IsValid() {
			t.Errorf("%v, but the address is %v", ok, a)
		}
	})
}
