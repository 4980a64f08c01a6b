package servecli

import (
	"errors"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/serve"
)

func newBackupCommand(f *flags, streams Streams) *cobra.Command {
	return &cobra.Command{
		Use:   "backup FILE",
		Short: "copy the database of a running server to a new file (SQLite; for PostgreSQL, pg_dump)",
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("backup takes one file, and got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := f.settings()
			if err != nil {
				return err
			}
			d, err := serve.OpenExisting(cmd.Context(), config.Database.Value)
			if err != nil {
				return err
			}
			defer d.Close()
			file, ok := d.(*sqlite.Database)
			if !ok {
				return usageError{errors.New("PostgreSQL is backed up by its own pg_dump")}
			}
			if err := file.Backup(cmd.Context(), args[0], time.Now()); err != nil {
				return err
			}
			_, err = fmt.Fprintln(streams.Stdout, "copied to "+args[0])
			return err
		},
	}
}
