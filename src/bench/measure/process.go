//go:build linux

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"syscall"
	"time"
)

// command is a program to run and what is expected of it.
type command struct {
	args   []string
	folder string
	// exits are the expected exit codes; none means 0 only.
	exits []int
	// env is added to the environment.
	env []string
	// before is done before each run and takes no part in its time; may be nil.
	before func() error
}

// usage is what one run of a program took.
type usage struct {
	wall time.Duration
	cpu  time.Duration // user and system time of all threads
	peak int64         // of resident memory, in bytes, as wait4 reports it
}

// run runs the command on two processors and returns what it printed.
func (c command) run() (usage, []byte, error) {
	var stdout, stderr bytes.Buffer
	cmd := exec.Command(c.args[0], c.args[1:]...)
	cmd.Dir, cmd.Stdout, cmd.Stderr = c.folder, &stdout, &stderr
	cmd.Env = append(append(os.Environ(), "GOMAXPROCS=2", "NO_COLOR=1"), c.env...)
	if c.before != nil {
		if err := c.before(); err != nil {
			return usage{}, nil, err
		}
	}
	start := time.Now()
	err := cmd.Run()
	wall := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		return usage{}, nil, err
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 && !slices.Contains(c.exits, code) {
		return usage{}, nil, fmt.Errorf("%s: exit code %d: %s", strings.Join(c.args, " "), code, firstLines(stderr.String()+stdout.String()))
	}
	rusage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
	cpu := cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return usage{wall: wall, cpu: cpu, peak: rusage.Maxrss * 1024}, stdout.Bytes(), nil
}

func firstLines(text string) string {
	const most = 600
	if len(text) > most {
		return text[:most] + " …"
	}
	return text
}

// series is what the runs of one command took.
type series struct {
	walls, cpus []time.Duration
	peaks       []int64
}

// sideBySide runs all commands in turn: once to warm up, then runs times. Every
// other round is in reverse order.
func sideBySide(runs int, commands ...command) ([]series, error) {
	results := make([]series, len(commands))
	order := make([]int, len(commands))
	for i := range order {
		order[i] = i
	}
	for round := range runs + 1 {
		for _, i := range order {
			u, _, err := commands[i].run()
			if err != nil {
				return nil, err
			}
			if round > 0 {
				results[i].walls = append(results[i].walls, u.wall)
				results[i].cpus = append(results[i].cpus, u.cpu)
				results[i].peaks = append(results[i].peaks, u.peak)
			}
		}
		slices.Reverse(order)
	}
	return results, nil
}
