//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// cost of a process so far.
type cost struct {
	cpu time.Duration
	rss int // KiB
}

func costOf(pid int) (cost, error) {
	var c cost
	tasks, err := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	if err != nil {
		return cost{}, err
	}
	for _, t := range tasks {
		b, err := os.ReadFile(t)
		if err != nil {
			continue // the thread has ended
		}
		ns, err := strconv.ParseInt(strings.Fields(string(b))[0], 10, 64)
		if err != nil {
			return cost{}, err
		}
		c.cpu += time.Duration(ns)
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return cost{}, err
	}
	for line := range strings.SplitSeq(string(status), "\n") {
		if rest, ok := strings.CutPrefix(line, "VmRSS:"); ok {
			if c.rss, err = strconv.Atoi(strings.Fields(rest)[0]); err != nil {
				return cost{}, err
			}
		}
	}
	return c, nil
}

// watch measures what foreign ARP costs, beside arpwatch, and whether a day's
// worth of it makes the process grow.
func (b *benchmark) watch() error {
	s, err := newScene()
	if err != nil {
		return err
	}
	defer s.Close()
	// Without a way out, so that arpwatch does not wait for a name server.
	if err := errors.Join(s.a.Run("ip", "route", "del", "default"), s.a.Run("ip", "-6", "route", "del", "default")); err != nil {
		return err
	}
	w, err := b.start(s.a, "--listen", "127.0.0.1:9479", "--check-every", "0", "--probe-every", "-1s")
	if err != nil {
		return err
	}
	defer w.end()
	o, err := s.Host("o", macO)
	if err != nil {
		return err
	}
	foreign, err := foreignFrames(foreignCount)
	if err != nil {
		return err
	}
	if err := b.costs(s.a, o, w.command.Process.Pid, foreign); err != nil {
		return err
	}
	return b.day(s.a, o, w.command.Process.Pid, foreign)
}

// foreignCount is how many frames of others one run has.
const foreignCount = 40960

// costs measures what the foreign frames that o sends cost our process on host a,
// and what they cost arpwatch.
func (b *benchmark) costs(a, o *wirelab.Host, pid int, foreign [][]byte) error {
	rival, end, err := startArpwatch(a)
	if err != nil {
		return err
	}
	defer end()
	time.Sleep(3 * time.Second)
	if err := o.Inject(foreign...); err != nil { // arpwatch learns its stations
		return err
	}
	time.Sleep(3 * time.Second)
	var ours, theirs []float64
	for range runs {
		before, rivalBefore, err := both(pid, rival)
		if err != nil {
			return err
		}
		if err := paced(o, foreign); err != nil {
			return err
		}
		time.Sleep(200 * time.Millisecond)
		after, rivalAfter, err := both(pid, rival)
		if err != nil {
			return err
		}
		ours = append(ours, float64(after.cpu-before.cpu)/1000/foreignCount)
		theirs = append(theirs, float64(rivalAfter.cpu-rivalBefore.cpu)/1000/foreignCount)
	}
	b.must("cpu per foreign frame / arpwatch", median(ours)/median(theirs), 1.0/15, "%.4f / %.3f us", median(ours), median(theirs))
	if median(theirs) < 0.1 {
		return fmt.Errorf("arpwatch spent %.3f us on a frame: it does not listen", median(theirs))
	}
	return nil
}

// startArpwatch starts arpwatch on host a, and returns its process and what ends it.
func startArpwatch(a *wirelab.Host) (pid int, end func(), err error) {
	data := filepath.Join(os.TempDir(), "wirelab-arpwatch.dat")
	if err := os.WriteFile(data, nil, 0o600); err != nil {
		return 0, nil, err
	}
	rival := exec.Command("arpwatch", "-d", "-N", "-i", "eth0", "-f", data)
	if err := a.Start(rival); err != nil {
		return 0, nil, errors.Join(err, os.Remove(data))
	}
	return rival.Process.Pid, func() {
		_ = rival.Process.Kill() // fails if it has ended already
		_ = rival.Wait()
		os.Remove(data)
	}, nil
}

// day sends what a segment with 20 foreign frames a second carries in a day. After
// each of its 42 parts a rogue claims our address three times, and our metrics are
// read.
func (b *benchmark) day(a, o *wirelab.Host, pid int, foreign [][]byte) error {
	claim, err := frame.Announcement(macB, victim.Addr())
	if err != nil {
		return err
	}
	var first cost
	rounds := 24 * 3600 * 20 / foreignCount
	for i := range rounds {
		if i == rounds/4 { // all code has run and been paged in
			if first, err = costOf(pid); err != nil {
				return err
			}
		}
		if err := o.Inject(foreign...); err != nil {
			return err
		}
		if err := o.Inject(claim, claim, claim); err != nil {
			return err
		}
		if _, err := timed(a, -1, "curl", "-s", "http://127.0.0.1:9479/metrics"); err != nil && i == 0 {
			return err
		}
	}
	last, err := costOf(pid)
	if err != nil {
		return err
	}
	b.must("rss with metrics after a day's frames, MiB", float64(last.rss)/1024, 16, "%.1f MiB after a quarter of it", float64(first.rss)/1024)
	b.must("growth over the rest of the day, MiB", float64(last.rss-first.rss)/1024, 2, "")
	return nil
}

func both(a, b int) (x, y cost, err error) {
	x, err = costOf(a)
	if err != nil {
		return x, y, err
	}
	y, err = costOf(b)
	return x, y, err
}

// foreignFrames are requests of 4096 stations that are not about the victim.
func foreignFrames(n int) ([][]byte, error) {
	var frames [][]byte
	for i := range n {
		station := i % 4096
		m := frame.MAC{2, 0, 0, 1, byte(station >> 8), byte(station)}
		b, err := frame.Request(m, netip.AddrFrom4([4]byte{10, 9, byte(16 + station>>8), byte(station)}), peer.Addr(), frame.MAC{})
		if err != nil {
			return nil, err
		}
		frames = append(frames, b)
	}
	return frames, nil
}

// paced injects about 10 000 frames a second.
func paced(o *wirelab.Host, frames [][]byte) error {
	for part := range slices.Chunk(frames, 100) {
		if err := o.Inject(part...); err != nil {
			return err
		}
		time.Sleep(2 * time.Millisecond)
	}
	return nil
}

// scan compares sweeps; a machine with many addresses stands for many machines.
func (b *benchmark) scan() error {
	s, err := newScene()
	if err != nil {
		return err
	}
	defer s.Close()
	o, err := s.Host("o", macO)
	if err != nil {
		return err
	}
	// Every fourth address of the /16 is alive: 16384 of 65536.
	if err := o.Run("sh", "-c", `i=2; while [ $i -lt 256 ]; do echo "route add local 10.9.$i.64/26 dev lo"; i=$((i+1)); done | ip -batch -; ip route add local 10.9.0.64/26 dev lo; ip route add local 10.9.1.64/26 dev lo`); err != nil {
		return err
	}
	for _, x := range []struct {
		name, prefix string
		alive        int
		limit        float64
		ours, rival  []string
	}{
		{"/24 at the default rate / arp-scan's default", "10.9.7.0/24", 64, 0.5, nil, []string{"-q"}},
		{"/16 at full rate / arp-scan -g -N -B 1000M", "10.9.0.0/16", 256*64 + 1, 1, []string{"--rate", "0", "--i-own-this-network"}, []string{"-q", "-g", "-N", "-B", "1000M"}},
	} {
		missed := 0
		m, err := contest(s.a, runs,
			contestant{0, append([]string{b.program, "scan", x.prefix, "--interface", "eth0", "--format", "csv"}, x.ours...), func(o outcome) error {
				alive := bytes.Count(o.out, []byte("unknown,"))
				missed = max(missed, x.alive-alive)
				return nil
			}},
			contestant{0, append([]string{"arp-scan", "-I", "eth0", x.prefix}, x.rival...), nil})
		if err != nil {
			return err
		}
		b.must(x.name, ms(m[0])/ms(m[1]), x.limit, "%.0f / %.0f ms", ms(m[0]), ms(m[1]))
		b.must("  missed addresses, worst run", float64(missed), 0, "%d alive", x.alive)
	}
	return nil
}
