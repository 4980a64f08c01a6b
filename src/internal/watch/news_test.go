package watch

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// TestRereads: this host is read again when it is long ago, at each recheck while
// something is wrong, and when the process was stopped or its machine slept; and not
// more often.
func TestRereads(t *testing.T) {
	var log strings.Builder
	d := idle(t, Options{Log: textLog(&log)})
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	reads, failing := 0, error(nil)
	d.kernel.now = func() time.Time { return now }
	d.kernel.readHost = func() (link.Host, error) {
		reads++
		return link.Host{}, failing
	}
	d.refresh()
	d.news.checked = wall(now)
	step := func(name string, gap time.Duration, want int) {
		t.Helper()
		before := reads
		now = now.Add(gap)
		d.recheck(wall(now))
		if reads-before != want {
			t.Errorf("%s: read %d times, want %d", name, reads-before, want)
		}
	}
	for n := range 5 {
		step(fmt.Sprint("quiet ", n), retryOpen, 0)
	}
	step("half a minute", retryOpen, 1)
	step("just read", retryOpen, 0)
	failing = errors.New("no buffer space")
	d.refresh()
	for n := range 40 {
		step(fmt.Sprint("cannot be read ", n), retryOpen, 1)
	}
	if n := strings.Count(log.String(), "interfaces cannot be read"); n != 1 {
		t.Errorf("said %d times", n)
	}
	failing = nil
	step("can be read again", retryOpen, 1)
	d.deaf(errors.New("closed"), now)
	step("deaf", retryOpen, 1)
	step("deaf still", retryOpen, 1)
	d.deaf(nil, now)
	step("hears", retryOpen, 0)
	if strings.Contains(log.String(), "was not run") {
		t.Errorf("%s", log.String())
	}
	step("stopped", 7*time.Minute, 1)
	if !strings.Contains(log.String(), `reason="this process was not run for 7m0s"`) || d.news.lost != 1 {
		t.Errorf("lost %d: %s", d.news.lost, log.String())
	}
}

// sentFrames is a wire that keeps what is sent.
type sentFrames struct{ frames [][]byte }

func (s *sentFrames) Send(b []byte) error                            { s.frames = append(s.frames, b); return nil }
func (s *sentFrames) Receive(func(link.Received), func(error))       {}
func (s *sentFrames) SetFilters(map[link.Protocol]link.Filter) error { return nil }
func (s *sentFrames) Drops() (uint32, error)                         { return 0, nil }
func (s *sentFrames) Close() error                                   { return nil }

// TestReadBack: what is sent for an address, by what the kernel says at that moment.
func TestReadBack(t *testing.T) {
	a := netip.MustParseAddr("10.8.52.191")
	mac := frame.MAC{2, 0, 0, 0, 0, 1}
	for _, test := range []struct {
		name                   string
		held, usable           bool
		err                    error
		asked, claimed, remain bool
	}{
		{"ours", true, true, nil, true, true, true},
		{"ours, but in doubt", true, false, nil, true, false, true},
		{"gone", false, false, nil, false, false, false},
		{"cannot be read", false, false, errors.New("netlink"), false, false, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := idle(t, Options{Defence: acd.DefendAlways})
			d.kernel.holds = func(int, frame.MAC, netip.Addr) (bool, bool, error) { return test.held, test.usable, test.err }
			sent := &sentFrames{}
			s := &segment{at: link.Interface{Index: 2, Name: "eth0", MAC: mac}, wire: sent, own: map[netip.Addr]*address{}}
			began := d.kernel.now().Add(-time.Hour)
			own := &address{detector: acd.NewDetector(acd.DetectorConfig{Subject: acd.Subject{Address: a}, MAC: mac, Defence: acd.DefendAlways}, acd.Memory{}, began)}
			s.own[a] = own
			d.segments[2] = s
			own.detector.Probe(d.kernel.now())
			own.detector.Observe(acd.Evidence{Verdict: acd.Claim, How: "arp-reply", MAC: frame.MAC{4}, Source: frame.MAC{4}}, d.kernel.now())
			d.sendFor(s, own)
			var asked, claimed bool
			for _, b := range sent.frames {
				f, err := frame.Parse(b)
				if err != nil {
					t.Fatal(err)
				}
				if _, claims := f.Claims(); claims {
					claimed = true
				} else {
					asked = true
				}
			}
			if asked != test.asked || claimed != test.claimed || (s.own[a] == own) != test.remain {
				t.Errorf("asked %v, claimed %v, remains %v", asked, claimed, s.own[a] == own)
			}
			if s.own[a] == nil && d.stillOurs(s, own) {
				t.Error("it is ours again without having appeared")
			}
		})
	}
}
