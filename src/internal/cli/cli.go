// Package cli is ipguard's command line: it reads arguments, calls the packages
// that work, and turns what they say into text and an exit code.
//
// What every command keeps to:
//
//   - standard output is the result, standard error the talk around it;
//   - all flags are judged before any work begins;
//   - messages are lower case, without a full stop; where the user can act, a
//     line "hint: …" follows;
//   - the exit code is one of those below, in every format;
//   - colour on a terminal only, and never with NO_COLOR set.
//
// One file per command.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/ipguard/ipguard/src/internal/source"
	"github.com/ipguard/ipguard/src/internal/spelling"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Exit codes, the same for every command.
const (
	// ExitOK: nothing was found at or above --fail-on.
	ExitOK = 0
	// ExitFindings: something was found.
	ExitFindings = 1
	// ExitUsage: the command line is wrong.
	ExitUsage = 2
	// ExitIncomplete: something could not be read or decided.
	ExitIncomplete = 3
)

// Streams are what a command reads, writes and may look at.
type Streams struct {
	Stdin          io.Reader
	Stdout, Stderr io.Writer
	// Environ is the environment, as of os.Environ.
	Environ []string
	// Now is the clock; time.Now if it is nil.
	Now func() time.Time
	// Verbatim says that files are what directors got and not what bosh is given, as
	// recorded ones are.
	Verbatim bool
	// guess, where it is not nil, lets the run begin before the server has answered.
	guess *guess
	// arguments are the command line.
	arguments []string
	// names are shown as they may be in all that is written.
	names *source.Names
}

// shown is a text with names as they may be shown.
func (s Streams) shown(text string) string { return string(s.names.Shown([]byte(text))) }

// files returns a store of texts that notes which names may not be shown.
func (s Streams) files() *source.Files {
	files := source.NewFiles(s.Stdin)
	files.Names = s.names
	files.Named = s.named
	return files
}

// named reports whether a path stands in the command line, alone or behind a flag. How it
// was resolved since does not matter.
func (s Streams) named(path string) bool {
	real, err := filepath.Abs(path)
	if err != nil {
		return false
	}
	return slices.ContainsFunc(s.arguments, func(argument string) bool {
		_, value, _ := strings.Cut(argument, "=")
		for _, named := range []string{argument, value, argument[strings.LastIndex(argument, "=")+1:]} {
			if at, err := filepath.Abs(named); named != "" && err == nil && at == real {
				return true
			}
		}
		return false
	})
}

// shown writes to w what may be shown; it knows the terminal that w is.
type shown struct {
	io.Writer
	to io.Writer
}

// now is the time of the clock.
func (s Streams) now() time.Time {
	if s.Now != nil {
		return s.Now()
	}
	return time.Now()
}

// today is the day of the clock, at midnight UTC.
func (s Streams) today() time.Time {
	year, month, day := s.now().UTC().Date()
	return time.Date(year, month, day, 0, 0, 0, 0, time.UTC)
}

// env returns an environment variable.
func (s Streams) env(name string) (string, bool) {
	for _, e := range slices.Backward(s.Environ) {
		if value, ok := strings.CutPrefix(e, name+"="); ok {
			return value, true
		}
	}
	return "", false
}

// Main runs the program and returns its exit code.
func Main(ctx context.Context, args []string, streams Streams) int {
	streams.names, streams.arguments = &source.Names{}, args
	streams.Stdout = shown{streams.names.Writer(streams.Stdout), streams.Stdout}
	streams.Stderr = shown{streams.names.Writer(streams.Stderr), streams.Stderr}
	root := newRoot(streams)
	root.SetArgs(args)
	cmd, err := root.ExecuteContextC(ctx)
	var code exitCode
	switch {
	case err == nil:
		return ExitOK
	case errors.As(err, &code):
		return int(code)
	}
	fmt.Fprintf(streams.Stderr, "ipguard: %s\n", strings.TrimSuffix(err.Error(), "."))
	var told *ending
	if errors.As(err, &told) {
		if told.code == ExitUsage && told.Hint == "" {
			told.Hint = "see " + cmd.CommandPath() + " --help"
		}
		if told.Hint != "" {
			hint(streams.Stderr, "%s", told.Hint)
		}
		return told.code
	}
	fmt.Fprintf(streams.Stderr, "hint: see %s --help\n", cmd.CommandPath())
	return ExitUsage
}

// Run is Main for the real process.
func Run(ctx context.Context) int {
	return Main(ctx, os.Args[1:], Streams{Stdin: os.Stdin, Stdout: os.Stdout, Stderr: os.Stderr, Environ: os.Environ()})
}

// exitCode ends a command whose output is already complete.
type exitCode int

func (e exitCode) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// ending ends a command with what is wrong and an exit code.
type ending struct {
	trouble.Trouble
	code int
}

func end(code int, hint, format string, args ...any) error {
	return &ending{trouble.Trouble{Message: fmt.Sprintf(format, args...), Hint: hint}, code}
}

// usage is a wrong command line; without a hint it is ipguard --help.
func usage(hint, format string, args ...any) error {
	return end(ExitUsage, hint, format, args...)
}

// incomplete is something that could not be read; hint may be empty.
func incomplete(hint, format string, args ...any) error {
	return end(ExitIncomplete, hint, format, args...)
}

// flagHint says what to do about a flag that is wrong.
func flagHint(cmd *cobra.Command, err error) string {
	var unknown *pflag.NotExistError
	if errors.As(err, &unknown) {
		var names []string
		cmd.Flags().VisitAll(func(f *pflag.Flag) { names = append(names, f.Name) })
		if near, ok := spelling.Nearest(unknown.GetSpecifiedName(), names); ok {
			return "did you mean --" + near + "?"
		}
	}
	return "see " + cmd.CommandPath() + " --help"
}

// Commands is the tree of all commands, for those who describe it.
func Commands(streams Streams) *cobra.Command { return newRoot(streams) }

func newRoot(streams Streams) *cobra.Command {
	version := false
	root := &cobra.Command{
		Use:   "ipguard",
		Short: "find IP addresses that two BOSH directors both believe to be theirs",
		Long: `ipguard finds IP addresses that two BOSH directors both believe to be theirs.

Directors cannot see each other: each hands out addresses of a shared network as
if it were alone. ipguard reads the manifests and cloud-configs of all of them,
and refuses a deploy that overlaps another director's.

Exit codes: 0 nothing found, 1 findings, 2 wrong usage, 3 something could not be
read or decided.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		Args: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return nil
			}
			hint := "see ipguard --help for the commands"
			var names []string
			for _, c := range cmd.Commands() {
				names = append(names, c.Name())
			}
			if near, ok := spelling.Nearest(args[0], names); ok {
				hint = "did you mean ipguard " + near + "?"
			} else if onVM {
				hint += "; a program of a BOSH release has no others, the one for desks has"
			}
			return usage(hint, "unknown command %q", args[0])
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			if version {
				_, err := fmt.Fprintln(streams.Stdout, versionLine())
				return err
			}
			return cmd.Help()
		},
	}
	// Not cobra's own: its template keeps the linker from leaving out code, 3 MB of it.
	root.Flags().BoolVar(&version, "version", false, "print the version")
	root.SetIn(streams.Stdin)
	root.SetOut(streams.Stdout)
	root.SetErr(streams.Stderr)
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage(flagHint(cmd, err), "%s", err)
	})
	root.AddCommand(
		newLintCommand(streams),
		newWhoCommand(streams),
		newFreeCommand(streams),
		newRulesCommand(streams),
		newExplainCommand(streams),
		newProbeCommand(streams), newWatchCommand(streams), newScanCommand(streams),
		newCollectCommand(streams),
		newVersionCommand(streams),
	)
	root.AddCommand(deskCommands(streams)...)
	root.CompletionOptions.DisableDefaultCmd = true
	addCompletions(root, streams)
	return root
}
