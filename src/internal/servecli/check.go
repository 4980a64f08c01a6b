package servecli

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/chronicle"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/pushes"
	"github.com/ipguard/ipguard/src/internal/serve"
)

func newCheckCommand(f *flags, streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "check",
		Short: "check that the database has what was written: every history, every push, and nothing besides",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			config, err := f.settings()
			if err != nil {
				return err
			}
			d, err := serve.OpenExisting(cmd.Context(), config.Database.Value)
			if err != nil {
				return err
			}
			defer d.Close()
			counted, err := ledgersql.Check(cmd.Context(), d)
			if err != nil {
				return err
			}
			pushed, err := (&pushes.Store{Read: d.SQL()}).Check(cmd.Context())
			if err != nil {
				return err
			}
			if err := (&chronicle.Store{Read: d.SQL()}).Check(cmd.Context()); err != nil {
				return err
			}
			if _, err = fmt.Fprintf(streams.Stdout, "%d pools, %d events, %d addresses, %d pushes: all is as it was written\n", counted.Pools, counted.Events, counted.Addresses, pushed); err != nil {
				return err
			}
			fences, err := ledgersql.Fences(cmd.Context(), d)
			for i := range fences {
				if fences[i].Open() {
					err = errors.Join(err, &ledgersql.FencedError{Fence: fences[i]})
				}
			}
			return err
		},
	}
}
