//go:build linux

package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os/exec"
	"syscall"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// watching is a running watch whose log is read with the time of each line.
type watching struct {
	command *exec.Cmd
	lines   chan map[string]any
}

func (b *benchmark) start(h *wirelab.Host, args ...string) (*watching, error) {
	c := exec.Command(b.program, append([]string{"watch", "--log-format", "json"}, args...)...)
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
