package servecli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/serve"
)

func newSchemaCommand(streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "schema",
		Short: "print the JSON Schema of the configuration, for editors",
		Example: `  ipguard-server schema > server.schema.json
  # first line of the configuration, for editors with the YAML language server:
  # yaml-language-server: $schema=server.schema.json`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			_, err := fmt.Fprint(streams.Stdout, serve.Schema())
			return err
		},
	}
}
