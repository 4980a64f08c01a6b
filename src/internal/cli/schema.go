package cli

import (
	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/fleet"
)

func newSchemaCommand(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of ipguard.yml, for editors",
		Example: `  ipguard schema > ipguard.schema.json
  # first line of ipguard.yml, for editors with the YAML language server:
  # yaml-language-server: $schema=ipguard.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			return printTo(streams.Stdout, "%s", fleet.Schema())
		},
	}
}
