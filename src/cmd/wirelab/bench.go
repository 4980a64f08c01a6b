//go:build linux

package main

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/wirelab"
)

const runs = 7

var (
	macA = wirelab.Station(0xa)
	macB = wirelab.Station(0xb)
	macD = wirelab.Station(0xd)
	macO = wirelab.Station(0xf)

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
		{"watch", b.watch}, {"cell", b.cell}, {"scan", b.scan}, {"fuzz", b.fuzz},
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
