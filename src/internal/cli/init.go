package cli

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/proposal"
)

func newInitCommand(streams Streams) *cobra.Command {
	var dryRun bool
	cmd := &cobra.Command{
		Use:   "init [FOLDER]",
		Short: "write a first ipguard.yml from the manifests and cloud-configs below a folder",
		Long: `init looks for cloud-configs, deployment manifests and create-env manifests below
a folder and writes an ipguard.yml there that names them, with the ops files and
variables that go with them: those that scripts there give to bosh, those of layouts
that it knows (bosh-bootloader, numbered operators files), and those of the same name.
Which files belong to one director is guessed from the folders; comments in the file
say what to check. Nothing is run, and a file that exists is never overwritten.`,
		Example: `  ipguard init
  ipguard init --dry-run ~/deployments`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usage("ipguard init FOLDER", "init takes one folder, and got %d", len(args))
			}
			return nil
		},
		RunE: func(_ *cobra.Command, args []string) error {
			dir := "."
			if len(args) == 1 {
				dir = args[0]
			}
			return runInit(dir, dryRun, streams)
		},
	}
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "print the file in place of writing it")
	return cmd
}

func runInit(dir string, dryRun bool, streams Streams) error {
	path := filepath.Join(dir, fleet.FileName)
	if _, err := os.Lstat(path); err == nil && !dryRun {
		return usage("see what would be written with --dry-run", "%s: %s", path, proposal.ErrExists)
	}
	text, notes, err := proposal.Of(dir)
	for _, note := range notes {
		fmt.Fprintf(streams.Stderr, "ipguard: %s\n", note)
	}
	if err != nil {
		return incomplete("name a folder with manifests and cloud-configs: ipguard init FOLDER", "%s", err)
	}
	text = append(text, proposedPools(path, text, streams)...)
	if dryRun {
		return printTo(streams.Stdout, "%s", text)
	}
	if err := atomicfile.Create(path, atomicfile.Shared, text); err != nil {
		return incomplete("", "cannot write %s: %s", path, err)
	}
	fmt.Fprintf(streams.Stderr, "ipguard: wrote %s\nhint: check its comments, then run ipguard lint\n", path)
	return nil
}
