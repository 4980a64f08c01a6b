package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/garbage"
	"github.com/ipguard/ipguard/src/internal/interpolate"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// reading is what reading a fleet takes from outside. From then on, garbage is collected
// rarely: the run is over soon.
func (s Streams) reading(files *source.Files, mode workspace.Mode) workspace.Reading {
	garbage.CollectLess(garbage.Limit)
	return workspace.Reading{Files: files, Environ: s.Environ, Now: s.now(), Mode: mode, Verbatim: s.Verbatim, Central: s.central}
}

// search is where the fleet file is looked for, for commands about some files.
func (s Streams) search(named string, about []string) workspace.Search {
	variable, _ := s.env("IPGUARD_FLEET")
	return workspace.Search{Named: named, Variable: variable, Flag: "--fleet", For: about}
}

// findFleetFile is the path of the fleet file, which must be there unless it is named.
func (s Streams) findFleetFile(named string, about []string) (string, error) {
	path, ok, err := s.searched(s.search(named, about))
	if err == nil && !ok {
		err = incomplete("write one with ipguard init, name it with --fleet FILE, or lint a manifest by itself with --no-fleet",
			"no %s from here up to the root of the repository", fleet.FileName)
	}
	return path, err
}

// searched is the path of the fleet file that counts; of others it is told.
func (s Streams) searched(search workspace.Search) (path string, ok bool, err error) {
	found, ok, err := search.Find()
	if err != nil {
		t := trouble.Of(err)
		return "", false, incomplete(t.Hint, "%s", &t)
	}
	if s.guess != nil && s.guess.settled {
		return found.Path, ok, nil // it was told before
	}
	for _, other := range found.Others {
		fmt.Fprintf(s.Stderr, "ipguard: %s counts, and %s, further up, does not: it names none of the same files (%s names another)\n", found.Path, other, search.Flag)
	}
	return found.Path, ok, nil
}

// openFleet opens the fleet file for a command that is about the whole fleet.
func openFleet(named string, mode workspace.Mode, files *source.Files, streams Streams) (*workspace.Workspace, error) {
	path, err := streams.findFleetFile(named, nil)
	if err != nil {
		return nil, err
	}
	return workspace.Open(path, streams.reading(files, mode)), nil
}

// workspace is what the run sees: the fleet with the arguments in the place of what
// they replace. refusal says why one of them has no place; nil if each has.
func (f *lintFlags) workspace(args []string, changed func(string) bool, files *source.Files, streams Streams) (w *workspace.Workspace, refusal *trouble.Trouble, err error) {
	inputs, err := f.inputs.inputs()
	if err != nil {
		return nil, nil, err
	}
	if err := f.check(args, changed); err != nil {
		return nil, nil, err
	}
	args, f.cloudConfigs = shownPaths(args), shownPaths(f.cloudConfigs)
	if w, err = f.open(args, files, streams); err != nil {
		return nil, nil, err
	}
	if err := knownDirector(w, f.director); err != nil && !f.fleet.none {
		return nil, nil, err
	}
	if refusal := f.inputs.missing(files); refusal != nil {
		return w, refusal, nil // what the manifest is without it, nobody asked
	}
	given := &inputs
	if !anyChanged(changed, inputFlagNames) && !f.fleet.none {
		given = nil
	}
	var concerned []string
	for _, path := range args {
		change := workspace.Change{Director: f.director, Name: f.deployment, Path: path, Inputs: given, DirectorFlag: "--director"}
		if f.createEnv {
			change.Kind = fleet.CreateEnv
		}
		placed, directors, err := w.Apply(change)
		if err != nil {
			refusal, err := placeRefusal(err)
			return w, refusal, err
		}
		w, concerned = placed, append(concerned, directors...)
	}
	if f.version != "" && !fleet.IsVersion(f.version) {
		return nil, nil, usage("bosh env prints it: --director-version 282.1.4", "--director-version takes a version, and got %q", f.version)
	}
	override := workspace.Override{Version: f.version}
	for _, path := range f.cloudConfigs {
		override.CloudConfigs = append(override.CloudConfigs,
			fleet.SourceFile{Path: path, Inputs: withoutOps(inputs), Target: f.fleet.none && len(args) == 0})
	}
	if f.fleet.none {
		concerned = w.Names()
	}
	return w.Override(concerned, override), nil, nil
}

// open opens the fleet file, or makes a fleet of one director without one.
func (f *lintFlags) open(args []string, files *source.Files, streams Streams) (*workspace.Workspace, error) {
	reading := streams.reading(files, workspace.Mode{Strict: f.strict, AllowStale: f.allowStale, CanAllowStale: true})
	if f.fleet.none {
		return workspace.Empty(reading, fleet.Sources{Name: f.director}), nil
	}
	path, err := streams.findFleetFile(f.fleet.path, args)
	if err != nil {
		// A path that was mistyped has no fleet file above it either.
		for _, manifest := range args {
			if _, gone := os.Stat(manifest); manifest != "-" && errors.Is(gone, fs.ErrNotExist) {
				_, unread := files.Read(manifest)
				t := trouble.Of(unread)
				return nil, incomplete(t.Hint, "%s", &t)
			}
		}
		return nil, err
	}
	return workspace.Open(path, reading), nil
}

// placeRefusal parts why a change has no place in the fleet, which is told as what
// could not be decided, from wrong usage.
func placeRefusal(err error) (*trouble.Trouble, error) {
	if wrong := (*workspace.WrongName)(nil); errors.As(err, &wrong) {
		return nil, usage("bosh deploy refuses this as well", "%s", wrong)
	}
	t := trouble.Of(err)
	return &t, nil
}

// refused is what a run has to say that could not put its change into the fleet.
func refused(w *workspace.Workspace, refusal *trouble.Trouble) lint.Result {
	failures := w.Troubles
	if w.Path != "" || len(failures) == 0 {
		failures = append(failures, *refusal)
	}
	return lint.NewResult(nil, failures, lint.Summary{})
}

// knownDirector refuses a name that no director of the fleet file has.
func knownDirector(w *workspace.Workspace, name string) error {
	if name == "" || w.Director(name) != nil || len(w.Troubles) > 0 {
		return nil
	}
	return usage("the fleet file has "+someOf(w.Names()), "the fleet file has no director %q", name)
}

// withoutOps are the inputs of a -c cloud-config: its variables may be given by the
// same flags, its ops are its own.
func withoutOps(inputs interpolate.Inputs) interpolate.Inputs {
	inputs.OpsFiles = nil
	return inputs
}

func shownPaths(paths []string) []string {
	shown := make([]string, len(paths))
	for i, path := range paths {
		shown[i] = fleet.Shown(path)
	}
	return shown
}

var inputFlagNames = []string{"var", "var-file", "vars-file", "vars-env", "vars-store", "ops-file"}

func anyChanged(changed func(string) bool, names []string) bool {
	for _, name := range names {
		if changed(name) {
			return true
		}
	}
	return false
}

// check judges flags that need each other.
func (f *lintFlags) check(args []string, changed func(string) bool) error {
	switch {
	case f.fleet.none && changed("fleet"):
		return usage("leave one of them out", "--fleet and --no-fleet contradict each other")
	case f.fleet.none && len(args) == 0 && len(f.cloudConfigs) == 0:
		return usage("ipguard lint --no-fleet -c CLOUD-CONFIG MANIFEST", "--no-fleet needs a manifest")
	case len(args) == 0 && !f.fleet.none && (anyChanged(changed, inputFlagNames) || changed("cloud-config") || changed("create-env") ||
		changed("deployment") || changed("director") || changed("director-version")):
		return usage("name the manifest: ipguard lint [FLAGS] MANIFEST", "these flags are about a manifest, and none is given")
	case f.createEnv && len(f.cloudConfigs) > 0:
		return usage("leave -c out", "create-env reads no cloud-config")
	case f.deployment != "" && len(args) > 1:
		return usage("lint the manifests one by one", "-d names one deployment, and %d manifests are given", len(args))
	}
	stdin := 0
	for _, arg := range append(append([]string{}, args...), f.cloudConfigs...) {
		if arg == "-" {
			stdin++
		}
	}
	if stdin > 1 {
		return usage("give the others as files", "standard input can only be read once")
	}
	return nil
}
