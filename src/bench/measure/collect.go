//go:build linux

package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/pushes"
)

// directors are doubles of the directors of a made fleet, in a process of their
// own.
type directors struct {
	cmd   *exec.Cmd
	stdin io.Closer
	// folder holds the fleet, and live.yml, which names the doubles.
	folder string
}

// clientSecret is what lets ipguard into the doubles.
const clientSecret = "BOSH_CLIENT_SECRET=secret"

// startDirectors makes a fleet and starts its directors, each of which answers
// after latency.
func (s *settings) startDirectors(name string, latency time.Duration, options ...string) (*directors, error) {
	folder, _, err := s.makeFleet(name, append(options, "-as-written")...)
	if err != nil {
		return nil, err
	}
	return s.answering(folder, latency)
}

// answering starts the directors of the fleet of a folder.
func (s *settings) answering(folder string, latency time.Duration) (*directors, error) {
	d := &directors{cmd: exec.Command(s.directors, "-latency", latency.String(), folder), folder: folder}
	d.cmd.Stderr = os.Stderr
	stdin, err := d.cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	d.stdin = stdin
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(stdout).ReadString('\n'); line != "ready\n" {
		d.stop()
		return nil, fmt.Errorf("directors did not start: %w", err)
	}
	return d, nil
}

func (d *directors) stop() {
	d.stdin.Close()
	_ = d.cmd.Wait() // whatever became of it, it is over
}

// collect is the collection of the named directors, or of all. What was collected
// before is taken away, so that each run writes what it finds.
func (s *settings) collect(d *directors, names ...string) command {
	return command{
		args: append([]string{s.ipguard, "collect", "--fleet", "live.yml"}, names...), folder: d.folder, env: []string{clientSecret},
		before: func() error { return os.RemoveAll(filepath.Join(d.folder, "snapshots")) },
	}
}

// measureCollect asks 50 directors with 40 deployments each, and the slowest of
// them alone. Both sides and the doubles share the two processors, and no
// connection is used twice: a handshake for each of some 4,000 answers.
func measureCollect(s *settings, t *table) error {
	d, err := s.startDirectors("collect", 100*time.Millisecond, "-directors", "50", "-deployments", "2000")
	if err != nil {
		return err
	}
	defer d.stop()
	slowest, err := s.slowest(d)
	if err != nil {
		return err
	}
	results, err := sideBySide(s.runs, s.collect(d), s.collect(d, slowest))
	if err != nil {
		return err
	}
	t.durations("time: 50 directors, 2000 deployments, to the slowest director alone", results[0].walls, results[1].walls, 1.5)
	t.durations("time on processors, without the doubles", results[0].cpus, results[1].cpus, 0)
	ours := median(results[0].peaks)
	const gibibyte = 1 << 30
	t.add(row{what: "peak of memory, to 1 GiB", ours: mebibytes(ours), peers: mebibytes(gibibyte), ratio: float64(ours) / gibibyte, target: 1})
	return nil
}

// slowest asks some directors one after the other: those with the largest files,
// which take the longest to answer and to read.
func (s *settings) slowest(d *directors) (string, error) {
	const tried = 5
	sizes := map[string]int64{}
	var names []string
	folders, err := filepath.Glob(filepath.Join(d.folder, "director-*"))
	if err != nil {
		return "", err
	}
	for _, folder := range folders {
		name := filepath.Base(folder)
		names = append(names, name)
		files, err := filepath.Glob(filepath.Join(folder, "*", "*.yml"))
		if err != nil {
			return "", err
		}
		for _, file := range files {
			if info, err := os.Stat(file); err == nil {
				sizes[name] += info.Size()
			}
		}
	}
	slices.SortFunc(names, func(a, b string) int { return int(sizes[b] - sizes[a]) })
	var found string
	var longest time.Duration
	for _, name := range names[:min(tried, len(names))] {
		u, _, err := s.collect(d, name).run()
		if err != nil {
			return "", err
		}
		if u.wall > longest {
			longest, found = u.wall, name
		}
	}
	return found, nil
}

// measureSnapshots lints one manifest against snapshots of a large fleet, and has
// bosh print it; and the same with a server that has these snapshots.
func measureSnapshots(s *settings, t *table) error {
	d, err := s.startDirectors("snapshots", 0)
	if err != nil {
		return err
	}
	defer d.stop()
	if _, _, err := s.collect(d).run(); err != nil {
		return err
	}
	manifests, err := filepath.Glob(filepath.Join(d.folder, "director-000", "deployments", "*.yml"))
	if err != nil || len(manifests) == 0 {
		return fmt.Errorf("no manifests below %s: %v", d.folder, err)
	}
	size := func(path string) int64 {
		info, err := os.Stat(path)
		if err != nil {
			return 0
		}
		return info.Size()
	}
	slices.SortFunc(manifests, func(a, b string) int { return int(size(a) - size(b)) })
	for _, m := range []struct{ what, path string }{
		{"the smallest", manifests[0]}, {"the median", manifests[len(manifests)/2]}, {"the largest", manifests[len(manifests)-1]},
	} {
		lint := command{args: []string{s.ipguard, "lint", "--fleet", "live.yml", "--director", "director-000", m.path}, folder: d.folder}
		print := command{args: []string{s.bosh, "int", m.path}}
		results, err := sideBySide(s.runs, lint, print)
		if err != nil {
			return err
		}
		t.durations(fmt.Sprintf("time: %s manifest of a director, %d kB, against 100 snapshots", m.what, size(m.path)/1000), results[0].walls, results[1].walls, 1)
		t.durations("time on processors", results[0].cpus, results[1].cpus, 0)
	}
	return s.measureWithServer(t, d, manifests[len(manifests)/2])
}

// measureWithServer lints a manifest with a fleet file that names a server and nothing
// else, and with one that names the files of snapshots that the server has. The cache is
// warm: the server is asked whether anything is new, and nothing is.
func (s *settings) measureWithServer(t *table, d *directors, manifest string) (err error) {
	database := filepath.Join(s.work, "snapshots.db")
	if err := keepSnapshots(database, filepath.Join(d.folder, "snapshots")); err != nil {
		return err
	}
	server, err := s.serve(database, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.stop()) }()
	if err := os.WriteFile(filepath.Join(d.folder, "served.yml"), []byte("server: http://"+server.host+"\ndirectors: []\npools: [{name: spare, team: spare, addresses: [192.0.2.0/24]}]\n"), 0o644); err != nil {
		return err
	}
	lint := func(fleet string) command {
		return command{
			args: []string{s.ipguard, "lint", "--fleet", fleet, "--director", "director-000", manifest}, folder: d.folder,
			env: []string{"IPGUARD_TOKEN=" + server.admin, "IPGUARD_SERVER=http://" + server.host, "XDG_CACHE_HOME=" + filepath.Join(s.work, "cache")},
		}
	}
	results, err := sideBySide(s.runs, lint("served.yml"), lint("live.yml"))
	if err != nil {
		return err
	}
	t.durations("time: the median manifest with a server and a warm cache, and with snapshot files", results[0].walls, results[1].walls, 1.1)
	t.durations("time on processors, without the server's", results[0].cpus, results[1].cpus, 0)
	return nil
}

// keepSnapshots writes what a folder has of directors into a server's database.
func keepSnapshots(database, folder string) (err error) {
	ctx := context.Background()
	d, err := sqlite.Open(ctx, database)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, d.Close()) }()
	files, err := filepath.Glob(filepath.Join(folder, "*.json"))
	if err != nil || len(files) == 0 {
		return fmt.Errorf("no snapshots in %s: %w", folder, err)
	}
	store := &pushes.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err == nil {
			_, _, err = store.Add(ctx, strings.TrimSuffix(filepath.Base(file), ".json"), text, "bench")
		}
		if err != nil {
			return err
		}
	}
	return nil
}
