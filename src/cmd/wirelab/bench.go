//go:build linux

package main

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

const runs = 7

var (
	macA = frame.MAC{0, 0x50, 0x56, 0, 0, 0xa}
	macB = frame.MAC{0, 0x50, 0x56, 0, 0, 0xb}
	macD = frame.MAC{0, 0x50, 0x56, 0, 0, 0xd}
	macO = frame.MAC{0, 0x50, 0x56, 0, 0, 0xf}

	victim  = netip.MustParsePrefix("10.9.0.191/16")
	victim6 = netip.MustParsePrefix("2001:db8:9::bf/64")
	peer    = netip.MustParsePrefix("10.9.0.1/16")
	peer6   = netip.MustParsePrefix("2001:db8:9::1/64")
)

// bound is one thing that must hold; value and limit have the same unit.
type bound struct {
	name         string
	value, limit float64
	note         string
}

type benchmark struct {
	program string
	bounds  []bound
}

func (b *benchmark) must(name string, value, limit float64, format string, args ...any) {
	x := bound{name, value, limit, fmt.Sprintf(format, args...)}
	b.bounds = append(b.bounds, x)
	mark := "met   "
	if !(x.value <= x.limit) { // nor if it is no number

		mark = "MISSED"
	}
	fmt.Printf("%s %-58s %10.4g  (bound %.4g)  %s\n", mark, x.name, x.value, x.limit, x.note)
}

// beside tells what a peer takes that no bound is set for.
func (b *benchmark) beside(name string, value float64, format string, args ...any) {
	fmt.Printf("beside %-58s %10.4g  %s\n", name, value, fmt.Sprintf(format, args...))
}

// bench measures everything, or what is named.
func bench(program string, only []string) error {
	program, err := filepath.Abs(program)
	if err != nil {
		return err
	}
	b := &benchmark{program: program}
	parts := []struct {
		name string
		run  func() error
	}{
		{"probe", b.probe}, {"dad", b.dad}, {"detect", b.detect}, {"traps", b.traps}, {"defend", b.defend},
		{"watch", b.watch}, {"scan", b.scan}, {"fuzz", b.fuzz},
	}
	var names []string
	for _, part := range parts {
		names = append(names, part.name)
	}
	for _, name := range only {
		if !slices.Contains(names, name) {
			return fmt.Errorf("no part %q; there are %s", name, strings.Join(names, " "))
		}
	}
	for _, part := range parts {
		if len(only) > 0 && !slices.Contains(only, part.name) {
			continue
		}
		if err := part.run(); err != nil {
			return fmt.Errorf("%s: %w", part.name, err)
		}
	}
	missed := slices.DeleteFunc(slices.Clone(b.bounds), func(x bound) bool { return x.value <= x.limit })
	if len(missed) > 0 {
		return fmt.Errorf("%d of %d bounds are missed", len(missed), len(b.bounds))
	}
	fmt.Printf("all %d bounds are met\n", len(b.bounds))
	return nil
}

type scene struct {
	*wirelab.Lab
	a, d *wirelab.Host
}

func newScene() (s scene, err error) {
	if s.Lab, err = wirelab.New(); err != nil {
		return s, err
	}
	var errs [4]error
	s.a, errs[0] = s.Host("a", macA, victim, victim6)
	s.d, errs[1] = s.Host("d", macD, peer, peer6)
	errs[2] = s.a.Gateway(peer.Addr())
	errs[3] = s.a.Gateway(peer6.Addr())
	return s, errors.Join(errs[:]...)
}

func median[T cmp.Ordered](values []T) T {
	sorted := slices.Sorted(slices.Values(values))
	return sorted[len(sorted)/2]
}

// outcome of a command.
type outcome struct {
	took    time.Duration
	out     []byte
	printed time.Time // when the first of out came
}

// firstWrite is a buffer that notes when it was first written to.
type firstWrite struct {
	text []byte
	at   time.Time
}

func (w *firstWrite) Write(b []byte) (int, error) {
	if w.at.IsZero() {
		w.at = time.Now()
	}
	w.text = append(w.text, b...)
	return len(b), nil
}

// timed runs a command in the host. The wanted code -1 stands for any.
func timed(h *wirelab.Host, wantCode int, name string, args ...string) (outcome, error) {
	c := exec.Command(name, args...)
	var out firstWrite
	var errs bytes.Buffer
	c.Stdout, c.Stderr = &out, &errs
	begin := time.Now()
	if err := h.Start(c); err != nil {
		return outcome{}, err
	}
	err := c.Wait()
	took := time.Since(begin)
	if code := c.ProcessState.ExitCode(); wantCode >= 0 && code != wantCode {
		return outcome{}, fmt.Errorf("%s %v ended with %d, want %d: %w: %s%s", name, args, code, wantCode, err, out.text, errs.Bytes())
	}
	return outcome{took, out.text, out.at}, nil
}

// contest runs the commands in turn, n times, and returns the median time of each.
func contest(h *wirelab.Host, n int, commands ...contestant) ([]time.Duration, error) {
	times := make([][]time.Duration, len(commands))
	for range n {
		for i, c := range commands {
			o, err := timed(h, c.code, c.words[0], c.words[1:]...)
			if err == nil && c.check != nil {
				err = c.check(o)
			}
			if err != nil {
				return nil, err
			}
			times[i] = append(times[i], o.took)
		}
	}
	var medians []time.Duration
	for _, t := range times {
		medians = append(medians, median(t))
	}
	return medians, nil
}

type contestant struct {
	code  int
	words []string
	check func(outcome) error
}

func ms(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }

// twinRuns are more than runs: they are short, and what a process's end takes
// varies by the kernel's ticks.
const twinRuns = 21

func (b *benchmark) probe() error {
	s, err := newScene()
	if err != nil {
		return err
	}
	defer s.Close()
	ip := victim.Addr().String()
	m, err := contest(s.a, runs,
		contestant{0, []string{b.program, "probe", ip}, nil},
		contestant{0, []string{"arping", "-q", "-D", "-c", "2", "-w", "2", "-I", "eth0", ip}, nil})
	if err != nil {
		return err
	}
	b.must("free verdict / arping -D -c 2 -w 2", ms(m[0])/ms(m[1]), 1.0/8, "%.0f / %.0f ms", ms(m[0]), ms(m[1]))
	if _, err := s.Host("b", macB, victim); err != nil {
		return err
	}
	var printed []float64
	m, err = contest(s.a, twinRuns,
		contestant{1, []string{b.program, "probe", ip}, func(o outcome) error {
			begin, err := firstProbe(o.out)
			printed = append(printed, ms(o.printed.Sub(begin)))
			return err
		}},
		contestant{1, []string{"arping", "-q", "-D", "-c", "1", "-w", "1", "-I", "eth0", ip}, nil})
	if err != nil {
		return err
	}
	b.must("twin: from the first probe to the printed verdict, ms", median(printed), 2, "confirmed twice; slowest %.2f", slices.Max(printed))
	b.must("twin: whole process / arping -D -c 1", ms(m[0])/ms(m[1]), 1, "%.1f / %.1f ms, %d runs", ms(m[0]), ms(m[1]), twinRuns)
	return nil
}

var firstClaim = regexp.MustCompile(`first (\S+) after the first probe, at (\S+)`)

// firstProbe reads from a verdict when the first probe was sent.
func firstProbe(out []byte) (time.Time, error) {
	found := firstClaim.FindSubmatch(out)
	if found == nil {
		return time.Time{}, fmt.Errorf("the verdict does not say when it was probed: %s", out)
	}
	after, err := time.ParseDuration(string(found[1]))
	if err != nil {
		return time.Time{}, err
	}
	at, err := time.Parse(time.RFC3339Nano, string(found[2]))
	return at.Add(-after), err
}

// dad compares IPv6 with the time until the kernel lets an address be used, and
// with ndisc6, which has no duplicate address detection, but can ask.
func (b *benchmark) dad() error {
	s, err := newScene()
	if err != nil {
		return err
	}
	defer s.Close()
	var ours, kernels, ndiscs []time.Duration
	for i := range runs {
		free := fmt.Sprintf("2001:db8:9::%x", 0x100+i)
		o, err := timed(s.a, 0, b.program, "probe", free)
		if err != nil {
			return err
		}
		ours = append(ours, o.took)
		kernel, err := kernelTakes(s.a, fmt.Sprintf("2001:db8:9::%x/64", 0x200+i))
		if err != nil {
			return err
		}
		kernels = append(kernels, kernel)
		if o, err = timed(s.a, 2, "ndisc6", "-q", "-r", "1", free, "eth0"); err != nil {
			return err
		}
		ndiscs = append(ndiscs, o.took)
	}
	b.must("ipv6: free verdict / kernel's detection", ms(median(ours))/ms(median(kernels)), 1.0/5, "%.0f / %.0f ms", ms(median(ours)), ms(median(kernels)))
	b.beside("ipv6: free verdict / ndisc6 -r 1", ms(median(ours))/ms(median(ndiscs)), "%.0f / %.0f ms", ms(median(ours)), ms(median(ndiscs)))
	if _, err := s.Host("b", macB, victim6); err != nil {
		return err
	}
	ip := victim6.Addr().String()
	var printed []float64
	m, err := contest(s.a, twinRuns,
		contestant{1, []string{b.program, "probe", ip}, func(o outcome) error {
			begin, err := firstProbe(o.out)
			printed = append(printed, ms(o.printed.Sub(begin)))
			return err
		}},
		contestant{0, []string{"ndisc6", "-q", "-1", ip, "eth0"}, nil})
	if err != nil {
		return err
	}
	b.must("ipv6 twin: from the first probe to the printed verdict, ms", median(printed), 2, "confirmed twice; slowest %.2f", slices.Max(printed))
	b.beside("ipv6 twin: whole process / ndisc6 -1", ms(m[0])/ms(m[1]), "%.1f / %.1f ms, which shows a station and no verdict", ms(m[0]), ms(m[1]))
	return nil
}

// kernelTakes gives the host an address and returns how long the kernel keeps it
// tentative.
func kernelTakes(h *wirelab.Host, address string) (time.Duration, error) {
	begin := time.Now()
	if err := h.Run("ip", "-6", "addr", "add", address, "dev", "eth0"); err != nil {
		return 0, err
	}
	for tentative := true; tentative; time.Sleep(2 * time.Millisecond) {
		o, err := timed(h, 0, "ip", "-6", "addr", "show", "dev", "eth0", "tentative")
		if err != nil {
			return 0, err
		}
		tentative = len(o.out) > 0
	}
	return time.Since(begin), nil
}

// watching is a running watch whose log is read with the time of each line.
type watching struct {
	command *exec.Cmd
	lines   chan map[string]any
}

func (b *benchmark) start(h *wirelab.Host, args ...string) (*watching, error) {
	c := exec.Command(b.program, append([]string{"watch", "--interface", "eth0", "--log-format", "json"}, args...)...)
	stderr, err := c.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := h.Start(c); err != nil {
		return nil, err
	}
	w := &watching{c, make(chan map[string]any, 1000)}
	go func() {
		for s := bufio.NewScanner(stderr); s.Scan(); {
			l := map[string]any{}
			if json.Unmarshal(s.Bytes(), &l) == nil {
				w.lines <- l
			}
		}
		close(w.lines)
	}()
	_, err = w.await(10*time.Second, func(l map[string]any) bool { return l["msg"] == "watching" })
	return w, err
}

func (w *watching) await(patience time.Duration, match func(map[string]any) bool) (map[string]any, error) {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for {
		select {
		case l, open := <-w.lines:
			if !open {
				return nil, errors.New("watch ended")
			}
			if match(l) {
				return l, nil
			}
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
}

func (w *watching) end() error {
	if err := w.command.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	for range w.lines {
	}
	return w.command.Wait()
}

// together runs f as often as there are runs, at once: these parts mostly wait,
// and each has a lab of its own.
func together(f func() (float64, error)) ([]float64, error) {
	type measured struct {
		value float64
		err   error
	}
	outcomes := make(chan measured)
	for range runs {
		go func() {
			value, err := f()
			outcomes <- measured{value, err}
		}()
	}
	var values []float64
	var errs []error
	for range runs {
		o := <-outcomes
		values, errs = append(values, o.value), append(errs, o.err)
	}
	return values, errors.Join(errs...)
}

// detect plays each rogue and measures how long the watch takes to say so: the
// ones that the segment hears by listening alone, the others by probes and the
// return path.
func (b *benchmark) detect() error {
	found := 0
	const every = time.Second
	for _, kind := range wirelab.RogueKinds {
		hidden := kind == wirelab.Cached || kind == wirelab.QCached
		args := []string{"--probe-every", "-1s", "--check-every", "0"}
		if hidden {
			args = []string{"--probe-every", "60s", "--check-every", every.String(), "--check-timeout", "100ms"}
		}
		times, err := together(func() (float64, error) {
			d, err := b.detectOnce(kind, args...)
			return ms(d), err
		})
		if err != nil {
			return fmt.Errorf("%s: %w", kind, err)
		}
		found++
		if hidden {
			b.must(string(kind)+": ms after the theft", median(times), ms(every)+500, "checks every %s", every)
		} else {
			b.must(string(kind)+": passive, ms after its first broadcast", median(times), 10, "")
		}
	}
	b.must("kinds of rogues that are not found", float64(len(wirelab.RogueKinds)-found), 0, "%d of 6 found", found)
	return nil
}

// detectOnce returns the time from the moment that the segment or, for those
// that only it hears, the director is told, to the watch's log line.
func (b *benchmark) detectOnce(kind wirelab.RogueKind, args ...string) (time.Duration, error) {
	s, err := newScene()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	w, err := b.start(s.a, args...)
	if err != nil {
		return 0, err
	}
	defer w.end()
	time.Sleep(3500 * time.Millisecond)
	heard := make(chan time.Time, 1)
	stop, err := listenForClaims(s.d, heard)
	if err != nil {
		return 0, err
	}
	defer stop()
	r, err := s.Rogue(kind, macB, victim)
	if err != nil {
		return 0, err
	}
	if err := r.Speak(peer.Addr(), macD); err != nil {
		return 0, err
	}
	l, err := w.await(20*time.Second, func(l map[string]any) bool {
		return (l["state"] == "suspect" || l["state"] == "conflict") && l["address"] == victim.Addr().String()
	})
	if err != nil {
		return 0, err
	}
	said, err := time.Parse(time.RFC3339Nano, fmt.Sprint(l["time"]))
	if err != nil {
		return 0, err
	}
	select {
	case at := <-heard:
		return max(0, said.Sub(at)), nil // an active probe may find it before it speaks
	case <-time.After(10 * time.Second):
		return 0, nil
	}
}

// listenForClaims reports when B's first claim reaches D.
func listenForClaims(d *wirelab.Host, heard chan<- time.Time) (stop func() error, err error) {
	return d.Listen(func(f frame.Frame, at time.Time) {
		if claimed, ok := f.Claims(); ok && claimed == victim.Addr() && f.SenderMAC == macB {
			select {
			case heard <- at:
			default:
			}
		}
	})
}

// defend measures how long TCP stands still while each rogue steals.
func (b *benchmark) defend() error {
	const span = 20 * time.Second
	for _, kind := range []wirelab.RogueKind{wirelab.Normal, wirelab.Quiet, wirelab.Silent, wirelab.Flapping} {
		stalls := map[string]float64{}
		type measured struct {
			defence string
			times   []float64
			err     error
		}
		outcomes := make(chan measured)
		for _, defence := range []string{"never", "once", "always"} {
			go func() {
				times, err := together(func() (float64, error) {
					stall, err := b.stall(kind, defence, span)
					return stall.Seconds(), err
				})
				outcomes <- measured{defence, times, err}
			}()
		}
		for range 3 {
			o := <-outcomes
			if o.err != nil {
				return fmt.Errorf("%s, defend %s: %w", kind, o.defence, o.err)
			}
			stalls[o.defence] = median(o.times)
		}
		for _, defence := range []string{"once", "always"} {
			b.must(fmt.Sprintf("%s: stall with defend %s / never", kind, defence), stalls[defence]/stalls["never"], 1.0/50,
				"%.2f / %.1f s of %s", stalls[defence], stalls["never"], span)
		}
	}
	return nil
}

func (b *benchmark) stall(kind wirelab.RogueKind, defence string, span time.Duration) (stall time.Duration, err error) {
	s, err := newScene()
	if err != nil {
		return 0, err
	}
	defer s.Close()
	w, err := b.start(s.a, "--defend", defence, "--check-every", "0", "--probe-every", "-1s")
	if err != nil {
		return 0, err
	}
	defer w.end()
	h, err := wirelab.StartHeartbeat(s.a, s.d, netip.AddrPortFrom(peer.Addr(), 4222))
	if err != nil {
		return 0, err
	}
	time.Sleep(3500 * time.Millisecond)
	r, err := s.Rogue(kind, macB, victim)
	if err != nil {
		return 0, err
	}
	h.Reset()
	if err := r.Speak(peer.Addr(), macD); err != nil {
		return 0, err
	}
	time.Sleep(span)
	stall, _ = h.Stop()
	return stall, nil
}
