package cli

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/baseline"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/regularfile"
	"github.com/ipguard/ipguard/src/internal/report"
)

// baselineFile is the name of a baseline, beside its fleet file.
const baselineFile = "ipguard-baseline.json"

func newBaselineCommand(streams Streams) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "baseline",
		Short: "accept the findings of today, so that only new ones stop a pipeline",
		Long: `baseline keeps today's findings in a file beside the fleet file, and reports those
that are not in it. A finding is known again by its rule, segment, addresses and
owners, wherever its lines move. An entry whose finding is gone is reported, so
that the file only gets shorter.`,
		Example: `  ipguard baseline write
  ipguard baseline check`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("ipguard baseline write, ipguard baseline check", "unknown command %q", "baseline "+args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(newBaselineWriteCommand(streams), newBaselineCheckCommand(streams))
	return cmd
}

func newBaselineWriteCommand(streams Streams) *cobra.Command {
	var flags lintFlags
	var path string
	cmd := &cobra.Command{
		Use:   "write",
		Short: "write all findings of the fleet into the baseline",
		Example: `  ipguard baseline write
  ipguard baseline write --fleet prod/ipguard.yml --baseline prod/accepted.json`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runBaselineWrite(&flags, path, cmd.Flags().Changed, streams)
		},
	}
	addFleetFlag(cmd, &flags.fleet.path)
	cmd.Flags().BoolVar(&flags.strict, "strict", false, "as for the baseline check that follows")
	addBaselineFlag(cmd, &path)
	return cmd
}

func newBaselineCheckCommand(streams Streams) *cobra.Command {
	var flags lintFlags
	var path string
	cmd := &cobra.Command{
		Use:   "check [MANIFEST...]",
		Short: "lint, and report only what is not in the baseline",
		Long: `check lints as ipguard lint does, with the same arguments, and leaves out what is in
the baseline. Where it judges the whole fleet it also reports entries whose finding
is gone.`,
		Example: `  ipguard baseline check
  ipguard baseline check promo/pgpool.yml
  ipguard baseline check --format sarif=new.sarif --format text`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runBaselineCheck(&flags, path, args, cmd.Flags().Changed, streams)
		},
	}
	flags.add(cmd)
	addBaselineFlag(cmd, &path)
	return cmd
}

func addBaselineFlag(cmd *cobra.Command, path *string) {
	cmd.Flags().StringVar(path, "baseline", "", "the baseline (default: "+baselineFile+" beside the fleet file)")
}

// baselinePath is where the baseline is.
func (j *judged) baselinePath(path string) string {
	if path != "" {
		return path
	}
	return filepath.Join(filepath.Dir(j.workspace.Path), baselineFile)
}

func runBaselineWrite(flags *lintFlags, path string, changed func(string) bool, streams Streams) error {
	j, err := flags.judge(nil, changed, streams.files(), streams)
	if err != nil {
		return err
	}
	if len(j.Failures) > 0 {
		if err := report.WriteFailures(streams.Stderr, j.Failures, report.Options{}); err != nil {
			return incomplete("", "cannot write to standard error: %s", err)
		}
		return incomplete("", "no baseline was written: not all of the fleet could be read")
	}
	text, err := baseline.Text(j.Findings, streams.shown)
	if err != nil {
		return incomplete("", "cannot write a baseline: %s", err)
	}
	text = streams.names.Shown(text)
	path = j.baselinePath(path)
	before, err := regularfile.Read(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		err = atomicfile.Create(path, atomicfile.Shared, text)
	case err == nil:
		err = atomicfile.Exchange(path, before, text)
	}
	if err != nil {
		return incomplete("", "cannot write %s: %s", path, err)
	}
	fmt.Fprintf(streams.Stderr, "ipguard: wrote %s with %s\n", path, plural.Of(len(j.Findings), "finding"))
	return nil
}

func runBaselineCheck(flags *lintFlags, path string, args []string, changed func(string) bool, streams Streams) error {
	outputs, err := flags.output.parse()
	if err != nil {
		return err
	}
	if flags.fleet.none && path == "" {
		return usage("name it with --baseline FILE", "without a fleet file there is no baseline beside it")
	}
	files := streams.files()
	j, err := flags.judge(args, changed, files, streams)
	if err != nil {
		return err
	}
	path = j.baselinePath(path)
	text, err := files.Read(path)
	if err != nil {
		return incomplete("ipguard baseline write makes it", "%s", err)
	}
	known, err := baseline.Parse(path, text)
	if err != nil {
		return incomplete("ipguard baseline write makes it anew", "%s: %s", path, err)
	}
	fresh, accepted := known.Judge(j.Findings, j.whole, streams.shown)
	j.SetFindings(fresh)
	j.Summary.Accepted += accepted
	return outputs.write(j.Result, files, streams)
}
