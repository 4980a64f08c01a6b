package watch

import (
	"context"
	"io"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// idle returns a daemon that nothing happens to but what a test does.
func idle(t *testing.T, o Options) *daemon {
	t.Helper()
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	memory, err := readMemory(o.StateFile)
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	t.Cleanup(cancel)
	return newDaemon(ctx, o, Config{}, memory)
}

func seen(claims int) acd.Memory {
	return acd.Memory{State: acd.Latched, Claims: map[string]int{"arp-request": claims}}
}

// TestStateFile: what is written is read; what is broken stops the start.
func TestStateFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	first := idle(t, Options{StateFile: file})
	first.memory.Learned[netip.MustParseAddr("10.8.52.190")] = []frame.MAC{{0, 0x50, 0x56, 1, 2, 3}}
	first.remember(link.Interface{Name: "eth0", MAC: frame.MAC{1}}, netip.MustParseAddr("10.8.52.191"), false, seen(3))
	if err := first.writeMemory(); err != nil {
		t.Fatal(err)
	}
	again, err := readMemory(file)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(first.memory, again, cmp.Comparer(func(x, y netip.Addr) bool { return x == y })); diff != "" {
		t.Error(diff)
	}
	for _, broken := range []string{"", "{", `{"version":2}`, `{"version":1,"addresses":[{"memory":{"state":"x"}}]}`} {
		if err := os.WriteFile(file, []byte(broken), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := readMemory(file); err == nil || !strings.Contains(err.Error(), "move it away") {
			t.Errorf("%q: %v", broken, err)
		}
	}
	if entries, err := os.ReadDir(filepath.Dir(file)); err != nil || len(entries) != 1 {
		t.Errorf("left behind: %v, %v", entries, err)
	}
}

// TestMemoryBelongsToTheCard: it follows an interface that is renamed, and one that
// is exchanged under its name; two that trade their names keep their own.
func TestMemoryBelongsToTheCard(t *testing.T) {
	a := netip.MustParseAddr("10.8.52.191")
	card := func(name string, m byte) link.Interface { return link.Interface{Name: name, MAC: frame.MAC{m}} }
	d := idle(t, Options{})
	d.remember(card("eth0", 1), a, false, seen(1))
	for _, at := range []link.Interface{card("eth0", 1), card("ens3", 1), card("eth0", 2)} {
		if m := d.recall(at, a, false); m.Claims["arp-request"] != 1 {
			t.Errorf("%v: %v", at, m)
		}
	}
	if m := d.recall(card("eth1", 2), a, false); m.State != acd.Clean {
		t.Errorf("another card knows %v", m)
	}
	if m := d.recall(card("eth0", 1), a, true); m.State != acd.Clean {
		t.Errorf("a guard knows %v", m)
	}
	d.remember(card("eth1", 2), a, false, seen(2))
	if one, two := d.recall(card("eth1", 1), a, false), d.recall(card("eth0", 2), a, false); one.Claims["arp-request"] != 1 || two.Claims["arp-request"] != 2 {
		t.Errorf("after a trade of names: %v and %v", one, two)
	}
	// A state file of before, without stations.
	d.memory.Addresses = []rememberedAddress{{Interface: "eth0", Address: a, Memory: seen(5)}}
	if m := d.recall(card("eth0", 1), a, false); m.Claims["arp-request"] != 5 {
		t.Errorf("an old entry is not found: %v", m)
	}
	d.remember(card("eth0", 1), a, false, seen(6))
	if len(d.memory.Addresses) != 1 {
		t.Errorf("kept twice: %v", d.memory.Addresses)
	}
}

// TestStateIsWrittenWhenItChanged: addresses that come and go, in any order, leave
// the file alone; one more claim changes it.
func TestStateIsWrittenWhenItChanged(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	d := idle(t, Options{StateFile: file})
	at := link.Interface{Name: "eth0", MAC: frame.MAC{1}}
	d.remember(at, netip.MustParseAddr("10.8.52.1"), false, seen(1))
	d.remember(at, netip.MustParseAddr("10.8.52.2"), false, seen(1))
	d.save()
	written := func() os.FileInfo {
		info, err := os.Stat(file)
		if err != nil {
			t.Fatal(err)
		}
		return info
	}
	before := written()
	for range 300 {
		n := 1 + rand.IntN(250)
		m := acd.Memory{Since: time.Now(), Claims: map[string]int{}}
		if n <= 2 {
			m = seen(1)
		}
		d.remember(at, netip.AddrFrom4([4]byte{10, 8, 52, byte(n)}), false, m)
		d.save()
	}
	if !os.SameFile(before, written()) {
		t.Error("addresses that nobody claimed had the file written")
	}
	d.remember(at, netip.MustParseAddr("10.8.52.1"), false, seen(2))
	d.save()
	if os.SameFile(before, written()) {
		t.Error("a claim was not written")
	}
}

// TestTouch: the sooner of two wishes counts, and none is lost.
func TestTouch(t *testing.T) {
	d := idle(t, Options{StateFile: filepath.Join(t.TempDir(), "missing", "state.json")})
	d.touch(countsDelay)
	late := d.dirty
	d.touch(saveDelay)
	if soon := d.dirty; !soon.Before(late) {
		t.Error("a change waits for counts")
	}
	d.touch(countsDelay)
	if !d.dirty.Before(late) {
		t.Error("counts put off a change")
	}
	d.save()
	if d.stateErr == nil || d.dirty.IsZero() {
		t.Errorf("what could not be written is given up: %v, %v", d.stateErr, d.dirty)
	}
}

// TestLogIsLimited: what comes and goes by the hundred is some lines and a count,
// also when nothing follows; what is said of one address does not silence another.
func TestLogIsLimited(t *testing.T) {
	var log strings.Builder
	d := idle(t, Options{Log: textLog(&log)})
	for n := range 600 {
		d.sayOfHost("address appeared", "n", n)
	}
	if lines := strings.Count(log.String(), "\n"); lines != churnLinesPerMinute {
		t.Errorf("%d lines", lines)
	}
	var other voice
	d.say(&other, time.Now(), func() { d.log.Info("another") })
	if !strings.Contains(log.String(), "msg=another") {
		t.Error("one silenced the other")
	}
	d.unmuteAll(time.Now().Add(59 * time.Second))
	if strings.Contains(log.String(), "left out") {
		t.Error("counted too early")
	}
	d.unmuteAll(time.Now().Add(61 * time.Second))
	d.unmuteAll(time.Now().Add(122 * time.Second))
	if strings.Count(log.String(), `msg="log lines left out" count=540`) != 1 || strings.Count(log.String(), "left out") != 1 {
		t.Errorf("%s", log.String())
	}
	d.sayOfHost("speaks again")
	if !strings.Contains(log.String(), "speaks again") {
		t.Error("silent for good")
	}
}

func textLog(to io.Writer) *slog.Logger { return slog.New(slog.NewTextHandler(to, nil)) }
