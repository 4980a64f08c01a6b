//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"time"

	"github.com/ipguard/ipguard/src/internal/wirelab"
)

// What a host is full of that runs 500 containers.
const (
	cellContainers = 500
	cellBridges    = 20
	cellChurn      = 60 // containers that come and go together
)

// cell runs the bare commands on a host full of containers, and measures what the
// watch holds there after containers have come and gone.
func (b *benchmark) cell() error {
	s, err := newScene()
	if err != nil {
		return err
	}
	defer s.Close()
	if err := s.Cell(s.a, victim.Addr(), cellContainers, cellBridges); err != nil {
		return err
	}
	m, err := contest(s.a, runs, contestant{0, []string{b.program, "probe"}, nil})
	if err != nil {
		return err
	}
	b.must("bare probe on a host with 500 containers, ms", ms(m[0]), 500, "it ends with 0")
	w, err := b.start(s.a, "--listen", "127.0.0.1:9479")
	if err != nil {
		return err
	}
	defer w.end()
	pid := w.command.Process.Pid
	other, err := s.Isolated("more containers")
	if err != nil {
		return err
	}
	before, err := costOf(pid)
	if err != nil {
		return err
	}
	for range runs {
		if err := s.churn(other); err != nil {
			return err
		}
		if _, err := timed(s.a, -1, "curl", "-s", "http://127.0.0.1:9479/metrics"); err != nil {
			return err
		}
	}
	// Long enough for the host to be read again without any news.
	time.Sleep(35 * time.Second)
	after, err := costOf(pid)
	if err != nil {
		return err
	}
	o, err := timed(s.a, 0, "curl", "-s", "http://127.0.0.1:9479/metrics")
	if err != nil {
		return err
	}
	descriptors, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", pid))
	if err != nil {
		return err
	}
	b.must("  rss of watch there, MiB", float64(after.rss)/1024, 16, "%.1f MiB at first; %d times %d containers came and went", float64(before.rss)/1024, runs, cellChurn)
	b.must("  descriptors", float64(len(descriptors)), 32, "")
	b.must("  lines of metrics", float64(bytes.Count(o.out, []byte("\n"))), 200, "")
	b.beside("  cpu of watch for one container that comes and goes, ms", ms(after.cpu-before.cpu)/(runs*cellChurn), "")
	return nil
}

func (s scene) churn(other *wirelab.Host) error {
	if err := s.Containers(s.a, other, "x", cellChurn); err != nil {
		return err
	}
	return s.a.RemoveContainers("x", cellChurn)
}
