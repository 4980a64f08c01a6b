package cli

import "github.com/spf13/cobra"

func newInitCommand(streams Streams) *cobra.Command { return &cobra.Command{Use: "init"} }
