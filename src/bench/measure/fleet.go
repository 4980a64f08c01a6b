//go:build linux

package main

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"

	"go4.org/netipx"
)

// report is the part of ipguard's JSON that is looked at here.
type report struct {
	Findings []struct {
		Rule, Severity, Addresses, Message string
	}
	Failures []struct{ Message, File string }
	Summary  struct{ Errors, Warnings, Directors, Deployments, Claims int }
}

// lintFleet lints a whole fleet once.
func (s *settings) lintFleet(folder string) (report, error) {
	var r report
	_, out, err := command{args: []string{s.ipguard, "lint", "--format", "json"}, folder: folder, exits: []int{1, 3}}.run()
	if err != nil {
		return r, err
	}
	if err := json.Unmarshal(out, &r); err != nil {
		return r, fmt.Errorf("ipguard lint --format json: %w", err)
	}
	if len(r.Failures) > 0 {
		return r, fmt.Errorf("%d files of the made fleet could not be read or decided, the first: %s: %s",
			len(r.Failures), r.Failures[0].File, r.Failures[0].Message)
	}
	return r, nil
}

// makeFleet writes a made fleet and returns its folder and its planted addresses.
func (s *settings) makeFleet(name string, options ...string) (string, []netip.Addr, error) {
	folder := filepath.Join(s.work, name)
	_, out, err := command{args: append(append([]string{s.fleet}, options...), folder)}.run()
	if err != nil {
		return "", nil, err
	}
	var planted []netip.Addr
	for line := range strings.Lines(string(out)) {
		address, _, _ := strings.Cut(line, "\t")
		a, err := netip.ParseAddr(address)
		if err != nil {
			return "", nil, fmt.Errorf("fleet printed %q: %w", line, err)
		}
		planted = append(planted, a)
	}
	return folder, planted, nil
}

// measureFleet lints two large fleets, which have no conflict, and parses their
// files. In one every file is used as it is written; in the other one manifest
// in twenty goes through the bosh CLI's engine, with ops files and variables,
// which alone costs several times what its parsing does. Memory has a limit of
// its own, 1 GiB.
func measureFleet(s *settings, t *table) error {
	if err := s.measureOneFleet(t, "as written", 1.3, "-as-written"); err != nil {
		return err
	}
	return s.measureOneFleet(t, "5 % with ops and variables", 1.3)
}

func (s *settings) measureOneFleet(t *table, kind string, target float64, options ...string) error {
	folder, _, err := s.makeFleet("fleet"+strings.Join(options, ""), options...)
	if err != nil {
		return err
	}
	clean, err := s.lintFleet(folder)
	if err != nil {
		return err
	}
	if len(clean.Findings) > 0 {
		return fmt.Errorf("%d findings in a fleet without conflicts, the first about %s", len(clean.Findings), clean.Findings[0].Addresses)
	}
	lint := command{args: []string{s.ipguard, "lint"}, folder: folder}
	parse := command{args: []string{s.yamlnodes, folder}}
	results, err := sideBySide(s.runs, lint, parse)
	if err != nil {
		return err
	}
	what := fmt.Sprintf("%s: %d directors, %d deployments, %d claims", kind, clean.Summary.Directors, clean.Summary.Deployments, clean.Summary.Claims)
	t.durations("time: "+what, results[0].walls, results[1].walls, target)
	// On a busy machine the time on the processors says more than the clock.
	t.durations("time on processors", results[0].cpus, results[1].cpus, 0)
	const gibibyte = 1 << 30
	ours := median(results[0].peaks)
	t.add(row{what: "peak of memory, to 1 GiB", ours: mebibytes(ours), peers: mebibytes(gibibyte), ratio: float64(ours) / gibibyte, target: 1})
	return nil
}

func mebibytes(n int64) string { return fmt.Sprintf("%d MiB", n>>20) }

// measurePlanted counts the planted conflicts that ipguard finds, and the
// findings that are about one of them: nothing else is wrong.
func measurePlanted(s *settings, t *table) error {
	folder, planted, err := s.makeFleet("planted", "-conflicts", "100")
	if err != nil {
		return err
	}
	r, err := s.lintFleet(folder)
	if err != nil {
		return err
	}
	reported := map[netip.Addr]bool{}
	touching := 0
	for _, f := range r.Findings {
		if f.Addresses == "" {
			continue // about something else
		}
		addresses, err := parseRange(f.Addresses)
		if err != nil {
			return fmt.Errorf("a finding about %q: %w", f.Addresses, err)
		}
		touches := false
		for _, a := range planted {
			if addresses.Contains(a) {
				touches = true
				reported[a] = reported[a] || f.Severity == "error"
			}
		}
		if touches {
			touching++
		}
	}
	found := 0
	for _, a := range planted {
		if reported[a] {
			found++
		}
	}
	t.add(row{what: "conflicts found, as errors", ours: fmt.Sprint(found), peers: fmt.Sprint(len(planted)),
		ratio: float64(found) / float64(len(planted)), target: 1, atLeast: true})
	t.add(row{what: "findings about them, of all findings", ours: fmt.Sprint(touching), peers: fmt.Sprint(len(r.Findings)),
		ratio: float64(touching) / float64(max(1, len(r.Findings))), target: 1, atLeast: true})
	return nil
}

// parseRange reads an address, a CIDR or first-last.
func parseRange(text string) (netipx.IPRange, error) {
	if a, err := netip.ParseAddr(text); err == nil {
		return netipx.IPRangeFrom(a, a), nil
	}
	if p, err := netip.ParsePrefix(text); err == nil {
		return netipx.RangeOfPrefix(p), nil
	}
	return netipx.ParseIPRange(strings.Join(slices.Collect(strings.FieldsSeq(text)), ""))
}
