//go:build !vm

package cli

import (
	"bytes"
	"fmt"
	"maps"
	"slices"

	"github.com/spf13/pflag"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/bosh"
	"github.com/ipguard/ipguard/src/internal/color"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/workspace"
	"github.com/ipguard/ipguard/src/internal/yamledit"
)

// This file writes what has exactly one safe cure: ranges that end before they begin
// get their order, and pools that two directors may hand out get fence's lines. All is
// tried on the texts first, and written only if the fleet has no finding that it did
// not have.

// fixing is one run of lint --fix or --diff.
type fixing struct {
	streams Streams
	fleet   string
	// before are the texts as they are, after those that change, by path.
	before, after map[string][]byte
	known         []lint.Finding // those of the fleet as it is
}

// fixFirst does what --fix and --diff want before lint does its work; done says that
// nothing is left to do.
func (f *lintFlags) fixFirst(args []string, changed func(string) bool, outputs *outputs, streams Streams) (done bool, err error) {
	if !f.fix && !f.diff {
		return false, nil
	}
	if err := f.checkFix(args, changed); err != nil {
		return true, err
	}
	return f.runFix(outputs, streams)
}

func (f *lintFlags) addFix(flags *pflag.FlagSet) {
	flags.BoolVar(&f.fix, "fix", false, "first write into the files what has one safe cure, and lint what is left")
	flags.BoolVar(&f.diff, "diff", false, "show what --fix would write, and write nothing")
}

// checkFix refuses what --fix cannot be about.
func (f *lintFlags) checkFix(args []string, changed func(string) bool) error {
	switch {
	case f.fix && f.diff:
		return usage("--diff shows what --fix would write", "--fix and --diff contradict each other")
	case f.fleet.none || len(args) > 0 || changed("changed"):
		return usage("ipguard lint --fix", "--fix and --diff are about the whole fleet: what is safe depends on all of it")
	case f.diff && slices.ContainsFunc(f.output.formats, func(format string) bool { return format != "text" }):
		return usage("leave --format out", "--diff prints a diff and no report")
	}
	return nil
}

// runFix works the cures out and shows or writes them. done says that nothing is left
// to do for the command.
func (f *lintFlags) runFix(outputs *outputs, streams Streams) (done bool, err error) {
	run := &fixing{streams: streams, fleet: f.fleet.path, before: map[string][]byte{}, after: map[string][]byte{}}
	now, err := run.look()
	if err != nil {
		return true, err
	}
	if failures := now.told.Failures; len(failures) > 0 {
		fmt.Fprintln(streams.Stderr, "ipguard: nothing is cured: what could not be read may use the same addresses")
		if !f.diff {
			return false, nil // lint says what
		}
		if err := report.WriteFailures(streams.Stderr, failures, report.Options{}); err != nil {
			return true, incomplete("", "cannot write to standard error: %s", err)
		}
		return true, exitCode(ExitIncomplete)
	}
	run.known = now.told.Findings
	if err := run.swapRanges(now); err != nil {
		return true, err
	}
	if err := run.addFence(); err != nil {
		return true, err
	}
	if f.diff {
		return true, run.show(outputs)
	}
	return false, run.write()
}

// look is the fleet with some texts, and what lint says of it.
type look struct {
	*picture
	told *judged
}

// look reads and judges the fleet with the texts as they would be.
func (r *fixing) look() (*look, error) {
	files := r.streams.files()
	for path, text := range r.after {
		files.Keep(path, text)
	}
	w, err := openFleet(r.fleet, workspace.Mode{}, files, r.streams)
	if err != nil {
		return nil, err
	}
	told, read := judgeFleet(w, files, r.streams)
	return &look{&picture{Survey: read, Workspace: w, files: files, failures: told.Failures, pools: poolsOf(w.Fleet.File)}, told}, nil
}

// try takes texts over if the fleet has no new finding with them, and can be read as well.
func (r *fixing) try(texts map[string][]byte, read func(string) ([]byte, error)) (taken bool, err error) {
	old := maps.Clone(r.after)
	for path, text := range texts {
		if _, known := r.before[path]; !known {
			if r.before[path], err = read(path); err != nil {
				return false, err
			}
		}
		r.after[path] = text
	}
	p, err := r.look()
	if err != nil {
		return false, err
	}
	if len(p.told.Failures) > 0 || len(lint.Added(r.known, p.told.Findings)) > 0 {
		r.after = old
		return false, nil
	}
	return true, nil
}

// swapRanges puts ranges in order that end before they begin, where they are written:
// all that can be, else one after the other.
func (r *fixing) swapRanges(p *look) error {
	places := map[string][]yamledit.Place{}
	for _, f := range r.known {
		if f.Rule != bosh.RuleReversedRange || len(f.Claims) == 0 {
			continue
		}
		at := f.Claims[0].At
		place := yamledit.Place{Line: at.Line, Column: at.Column}
		if at.IsValid() && at.Through == "" && at.File != "-" && !slices.Contains(places[at.File], place) {
			places[at.File] = append(places[at.File], place)
		}
	}
	for _, path := range slices.Sorted(maps.Keys(places)) {
		if _, err := r.swap(p, path, places[path]); err != nil {
			return err
		}
	}
	return nil
}

// swap orders some ranges of a file, and if that cannot be done at once, each by itself.
func (r *fixing) swap(p *look, path string, places []yamledit.Place) (bool, error) {
	text, changed := r.after[path]
	if !changed {
		var err error
		if text, err = p.files.Read(path); err != nil {
			return false, incomplete("", "%s", err)
		}
	}
	swapped, refusal := yamledit.SwapRanges(text, places)
	if refusal == nil {
		taken, err := r.try(map[string][]byte{path: swapped}, p.files.Read)
		if taken || err != nil {
			return taken, err
		}
	}
	if len(places) > 1 {
		for _, place := range places {
			if _, err := r.swap(p, path, []yamledit.Place{place}); err != nil {
				return false, err
			}
		}
	}
	return false, nil
}

// addFence adds the lines of reserved that keep directors apart.
func (r *fixing) addFence() error {
	p, err := r.look()
	if err != nil {
		return err
	}
	quiet := r.streams
	var said bytes.Buffer
	quiet.Stderr = &said // fence by itself tells what people have to decide
	run := &fencing{picture: p.picture, streams: quiet, texts: r.after}
	if err := run.compute(); err != nil || run.refused {
		return nil //nolint:nilerr // what has no effect, or a director would refuse, is no safe cure
	}
	texts := map[string][]byte{}
	for _, f := range run.edits.Files {
		texts[f.Path] = f.After
	}
	if len(texts) == 0 {
		return nil
	}
	_, err = r.try(texts, p.files.Read)
	return err
}

// changed are the paths of the files that would be written.
func (r *fixing) changed() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(r.after)), func(path string) bool { return bytes.Equal(r.before[path], r.after[path]) })
}

// show prints the diffs, and what would be left.
func (r *fixing) show(outputs *outputs) error {
	painted, _ := terminal(outputs.color, r.streams)
	paths := r.changed()
	for _, path := range paths {
		if err := printDiff(r.streams, color.Painter(painted), path, r.before[path], r.after[path]); err != nil {
			return err
		}
	}
	p, err := r.look()
	if err != nil {
		return err
	}
	left := len(p.told.Findings)
	switch {
	case len(paths) > 0:
		fmt.Fprintf(r.streams.Stderr, "ipguard: ipguard lint --fix writes this; of %s it leaves %d\n", plural.Of(len(r.known), "finding"), left)
		return exitCode(ExitFindings)
	case left > 0:
		fmt.Fprintf(r.streams.Stderr, "ipguard: nothing has one safe cure; %s for people to decide\n", plural.Of(left, "finding"))
	}
	return outputs.code(p.told.Result)
}

// write writes the files.
func (r *fixing) write() error {
	for _, path := range r.changed() {
		if err := atomicfile.Exchange(path, r.before[path], r.after[path]); err != nil {
			return incomplete("", "cannot write %s: %s", path, err)
		}
		fmt.Fprintf(r.streams.Stderr, "ipguard: wrote %s\n", path)
	}
	return nil
}
