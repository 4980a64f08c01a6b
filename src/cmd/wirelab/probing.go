//go:build linux

package main

import (
	"fmt"
	"regexp"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/wirelab"
)

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
