package cli

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"
)

// Run runs the program and returns its exit code.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	root := &cobra.Command{Use: "ipguard", SilenceUsage: true, SilenceErrors: true}
	root.AddCommand(newProbeCommand(), newWatchCommand(), newScanCommand(nil))
	root.SetArgs(args)
	root.SetOut(stdout)
	root.SetErr(stderr)
	err := root.ExecuteContext(ctx)
	var code codeError
	switch {
	case errors.As(err, &code):
		if code.err != nil {
			fmt.Fprintln(stderr, "ipguard:", code.err)
		}
		return code.code
	case err != nil:
		fmt.Fprintln(stderr, "ipguard:", err)
		return exitUsage
	}
	return 0
}
