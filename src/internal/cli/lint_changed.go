package cli

import (
	"context"
	"fmt"
	"path/filepath"

	"github.com/ipguard/ipguard/src/internal/changed"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// judgeChanged lints what a change touches, as git knows it.
func (f *lintFlags) judgeChanged(args []string, given func(string) bool, files *source.Files, streams Streams) (*judged, error) {
	revision, err := f.revision(args, given)
	if err != nil {
		return nil, err
	}
	w, err := f.open(nil, files, streams)
	if err != nil {
		return nil, err
	}
	if w.Path == "" {
		return &judged{Result: lint.NewResult(nil, w.Troubles, lint.Summary{}), workspace: w}, nil
	}
	since, err := changed.Since(context.Background(), filepath.Dir(w.Path), revision)
	if err != nil {
		return &judged{Result: lint.NewResult(nil, append(w.Troubles, trouble.Of(err)), lint.Summary{}), workspace: w}, nil
	}
	touched, of, whole := w.Touched(since.Has, since.Paths())
	say := func(format string, args ...any) {
		if !f.output.quiet {
			fmt.Fprintf(streams.Stderr, "ipguard: since %s, %s, %s\n", since.Base, begin(since, revision), fmt.Sprintf(format, args...))
		}
	}
	switch {
	case whole:
		say("%s changed (%s), and the fleet file, a snapshot or a booking is among them: all of the fleet is judged", plural.Of(len(of), "file"), someOf(of))
		j, read := judgeFleet(w, files, streams)
		if f.output.addresses {
			j.Addresses = predicted(read, false)
		}
		return j, nil
	case !touched.HasTarget():
		say("nothing changed that the fleet file names")
		return &judged{Result: lint.NewResult(nil, w.Troubles, lint.Summary{Directors: len(w.Fleet.Directors)}), workspace: w}, nil
	}
	say("%s of the fleet changed: %s", plural.Of(len(of), "file"), someOf(of))
	j, read := judgeFleet(touched, files, streams)
	if f.output.addresses {
		j.Addresses = predicted(read, true)
	}
	return j, nil
}

// begin says what the base of a change is.
func begin(since *changed.Files, revision string) string {
	if since.Of == "HEAD" && revision == "" {
		return "the last commit"
	}
	return "where HEAD left " + since.Of
}

// revision is that of --changed, be it given with an equals sign or as an argument.
func (f *lintFlags) revision(args []string, given func(string) bool) (string, error) {
	revision := f.changed
	if revision == sinceMain {
		revision = ""
	}
	switch {
	case len(args) > 1 || len(args) == 1 && revision != "":
		return "", usage("ipguard lint --changed REV", "--changed takes one commit or branch, and no manifests: it finds them")
	case given("changed") && f.changed == "":
		return "", usage("ipguard lint --changed REV, or --changed alone", "--changed= names no commit")
	case f.fleet.none:
		return "", usage("leave one of them out", "--changed is about the files of a fleet, and --no-fleet says that there is none")
	case anyChanged(given, inputFlagNames) || given("cloud-config") || given("create-env") || given("deployment") || given("director") || given("director-version"):
		return "", usage("leave them out: the fleet file has the inputs of each manifest", "these flags are about one manifest, and --changed is about all that a change touches")
	case len(args) == 1:
		revision = args[0]
	}
	return revision, nil
}
