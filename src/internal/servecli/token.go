package servecli

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/serve"
)

// isNew reports whether a database will be made, for there is none of that name.
func isNew(name string) bool {
	if serve.IsPostgres(name) {
		return false
	}
	_, err := os.Stat(name)
	return errors.Is(err, fs.ErrNotExist)
}

func newTokenCommand(f *flags, streams Streams) *cobra.Command {
	var scopes []string
	var life string
	cmd := &cobra.Command{
		Use:   "token NAME --scope SCOPE...",
		Short: "make a token for a pipeline, or the first one for an administrator",
		Long: `token makes a token in the server's database and prints it, this once. A scope is
ipguard.read, ipguard.admin, ipguard.teams.NAME.book, ipguard.directors.NAME.push or ipguard.pools.NAME.approve.`,
		Example: `  ipguard-server token ci-promo --scope ipguard.teams.promo.book --scope ipguard.directors.promo.push --life 90d`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) != 1 {
				return usageError{fmt.Errorf("token takes one name, and got %d", len(args))}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			length, ok := fleet.ParseDuration(life)
			if !ok {
				return usageError{fmt.Errorf("--life takes a length of time such as 90d, and got %q", life)}
			}
			config, err := f.settings()
			if err != nil {
				return err
			}
			fresh := isNew(config.Database.Value)
			d, err := serve.Open(cmd.Context(), config.Database.Value)
			if err != nil {
				return err
			}
			defer d.Close()
			store := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
			secret, err := store.Make(cmd.Context(), accounts.Token{Name: args[0], Scopes: scopes, Ends: time.Now().Add(length), By: "ipguard-server token"})
			if err != nil {
				return err
			}
			if fresh {
				fmt.Fprintf(streams.Stderr, "ipguard-server: %s was not there and is made: the token counts for a server on this database alone\n", config.Database.Value)
			}
			_, err = fmt.Fprintln(streams.Stdout, secret)
			return err
		},
	}
	cmd.Flags().StringArrayVar(&scopes, "scope", nil, "what it may do; may be repeated")
	cmd.Flags().StringVar(&life, "life", "30d", "how long it is valid, at most a year")
	return cmd
}
