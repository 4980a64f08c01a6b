package cli

import (
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// storm gives a host so many addresses at once, and takes them away again, that
// the kernel cannot tell anybody about all of them.
func storm(t testing.TB, h *wirelab.Host, n int) {
	t.Helper()
	var batch strings.Builder
	for _, verb := range []string{"add", "del"} {
		for i := range n {
			fmt.Fprintf(&batch, "addr %s 10.77.%d.%d/32 dev lo\n", verb, i/250, 1+i%250)
		}
	}
	check(t, h.Do(func() error {
		c := exec.Command("ip", "-batch", "-")
		c.Stdin = strings.NewReader(batch.String())
		out, err := c.CombinedOutput()
		if err != nil {
			return fmt.Errorf("%w: %s", err, out)
		}
		return nil
	}))
}

// TestWatchIsNeverDeaf: news of this host that the kernel had to drop, also while
// the process was stopped, does not keep the watch from seeing what comes after.
func TestWatchIsNeverDeaf(t *testing.T) {
	for _, stopped := range []bool{false, true} {
		t.Run(fmt.Sprintf("stopped %v", stopped), func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "ip")
			w := startWatch(t, s.a, "--check-every", "0", "--probe-every", "-1s", "--listen", "127.0.0.1:9479")
			second := netip.MustParsePrefix("10.9.0.200/16")
			if stopped {
				check(t, w.signal(syscall.SIGSTOP))
				storm(t, s.a, 1500)
				check(t, s.a.AddAddress(second)) // among what is lost
				check(t, w.signal(syscall.SIGCONT))
				w.await("changes of this host were missed; everything is read again")
				if body, status := w.get("127.0.0.1:9479", "/healthz"); status != 503 || !strings.Contains(body, "changes of this host were missed") {
					t.Errorf("health %d %s", status, body)
				}
				if metrics, _ := w.get("127.0.0.1:9479", "/metrics"); strings.Contains(metrics, "ipguard_host_changes_missed_total 0\n") {
					t.Error("no metric tells that something was missed")
				}
			} else {
				storm(t, s.a, 1500)
				check(t, s.a.AddAddress(second))
			}
			w.await("address appeared", "address", second.Addr().String())
			check(t, s.a.DeleteAddress(second))
			w.await("address left", "address", second.Addr().String())
		})
	}
}

// framesFor notes every ARP frame on the segment that speaks for an address or
// asks for it, and which station sent it.
type framesFor struct {
	mutex sync.Mutex
	seen  []frame.Frame
	at    []time.Time
}

// listenFor hears what reaches one more host of the segment, which is every
// broadcast, and every unicast too: the lab's bridge floods, it learns nothing.
func listenFor(t testing.TB, s scene, address netip.Addr) *framesFor {
	t.Helper()
	f := &framesFor{}
	stop, err := add(t, s.Lab, "ears", wirelab.Station(0xee)).Listen(func(x frame.Frame, at time.Time) {
		f.mutex.Lock()
		defer f.mutex.Unlock()
		if claimed, ok := x.Claims(); ok && claimed == address || x.Target == address {
			f.seen, f.at = append(f.seen, x), append(f.at, at)
		}
	})
	check(t, err)
	t.Cleanup(func() { check(t, stop()) })
	return f
}

// from returns what a station sent after a moment.
func (f *framesFor) from(m frame.MAC, after time.Time) (sent []frame.Frame) {
	f.mutex.Lock()
	defer f.mutex.Unlock()
	for i, x := range f.seen {
		if x.Source == m && f.at[i].After(after) {
			sent = append(sent, x)
		}
	}
	return sent
}

// TestNothingIsSentForALostAddress: an address passes to another host within a
// millisecond, again and again, and its new owner announces it, as programs do that
// move addresses. The former owner's watch defends: not one frame of it may speak
// for the address, or ask for it, once it has gone.
func TestNothingIsSentForALostAddress(t *testing.T) {
	for _, defend := range []string{"once", "always"} {
		t.Run(defend, func(t *testing.T) {
			t.Parallel()
			s := newScene(t, "ip")
			moving := netip.MustParsePrefix("10.9.0.200/16")
			b := add(t, s.Lab, "b", macB)
			ears := listenFor(t, s, moving.Addr())
			w := startWatch(t, s.a, "--interface", "eth0", "--defend", defend, "--check-every", "1s", "--check-timeout", "50ms", "--probe-every", "1s")
			announcement := must(frame.Announcement(macB, moving.Addr()))
			for turn := range 10 {
				check(t, s.a.AddAddress(moving))
				w.await("address appeared", "address", moving.Addr().String())
				if turn == 0 { // once it is defended, so that this test is one
					time.Sleep(100 * time.Millisecond)
					check(t, b.Inject(must(frame.Announcement(macB, moving.Addr()))))
					await(t, "the defence", func() bool { return len(ears.from(macA, time.Time{})) > 0 })
				}
				check(t, s.a.DeleteAddress(moving))
				gone := time.Now()
				for range 5 {
					check(t, b.Inject(announcement))
				}
				w.await("address left", "address", moving.Addr().String())
				time.Sleep(20 * time.Millisecond)
				if sent := ears.from(macA, gone); len(sent) > 0 {
					t.Fatalf("turn %d: %d frames for an address that had gone: %+v", turn, len(sent), sent)
				}
			}
			if state := w.stop(os.Interrupt); state != 0 {
				t.Errorf("ended with %d", state)
			}
			for _, l := range w.seen {
				if l["address"] == moving.Addr().String() && l["msg"] == "address conflict" {
					t.Errorf("a handover is a conflict: %v", l)
				}
			}
		})
	}
}
