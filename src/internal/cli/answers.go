package cli

import (
	"io"
	"slices"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/answer"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

// answerFlags are those of commands that answer a question about the fleet.
type answerFlags struct {
	fleet, format, color string
}

func (f *answerFlags) add(cmd *cobra.Command) {
	flags := cmd.Flags()
	addFleetFlag(cmd, &f.fleet)
	flags.StringVar(&f.format, "format", "text", "text or json")
	addColorFlag(cmd, &f.color)
}

func (f *answerFlags) check() error {
	if err := checkFormat(f.format); err != nil {
		return err
	}
	return checkColor(f.color)
}

// picture is the fleet as its files tell it, without anything to judge.
type picture struct {
	*survey.Survey
	*workspace.Workspace
	files    *source.Files
	failures []trouble.Trouble
	pools    []answer.Pool
}

// readPicture reads the whole fleet as lint does.
func readPicture(fleetFile string, streams Streams) (*picture, error) {
	files := streams.files()
	defer showProgress(streams, files)()
	w, err := openFleet(fleetFile, workspace.Mode{}, files, streams)
	if err != nil {
		return nil, err
	}
	return newPicture(w, files), nil
}

// newPicture reads all that a workspace names.
func newPicture(w *workspace.Workspace, files *source.Files) *picture {
	read := readToAnswer(w)
	return &picture{Survey: read, Workspace: w, files: files, failures: slices.Concat(w.Troubles, read.Failures), pools: poolsOf(w.Fleet.File)}
}

// readToAnswer reads a fleet for questions: with what a server knows that no file can mend.
func readToAnswer(w *workspace.Workspace) *survey.Survey {
	read := survey.Read(w.Fleet, w.Loader)
	if w.Central != nil {
		survey.AddVanished(read.Facts.Plan, slices.DeleteFunc(slices.Clone(w.Central.Vanished), func(v survey.Vanished) bool { return v.Stopped })) // those that are stopped are read already
	}
	return read
}

// stale is the silence of the fleet file's server: what it said before is used.
func (p *picture) stale() *lint.Stale { return staleOf(p.Workspace) }

func poolsOf(file *fleet.File) []answer.Pool {
	var list []answer.Pool
	for _, p := range file.Pools {
		delegation := survey.DelegationOf(&p)
		if len(delegation.Ranges) > 0 { // else it could not be read, which is said
			list = append(list, answer.Pool{Name: p.Key(), Team: p.Team.Value, Purpose: p.Purpose.Value, Delegation: delegation, At: p.At})
		}
	}
	return list
}

// write writes an answer, and what could not be read to standard error. What
// hides in the picture makes the exit code.
func (f *answerFlags) write(streams Streams, text func(io.Writer, report.Options) error, json func(io.Writer) error, failures []trouble.Trouble, whole bool) error {
	options := report.Options{}
	options.Color, options.Width = terminal(f.color, streams)
	var err error
	if f.format == "json" {
		err = json(streams.Stdout)
	} else {
		err = text(streams.Stdout, options)
	}
	if err != nil {
		return incomplete("", "cannot write to standard output: %s", err)
	}
	if err := report.WriteFailures(streams.Stderr, failures, report.Options{}); err != nil {
		return incomplete("", "cannot write to standard error: %s", err)
	}
	if !whole {
		return exitCode(ExitIncomplete)
	}
	return nil
}

// checkFormat refuses what --format of an answer does not take.
func checkFormat(format string) error {
	if format != "text" && format != "json" {
		return usage("write --format text or --format json", "--format takes text or json, and got %q", format)
	}
	return nil
}
