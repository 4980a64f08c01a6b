package cli

import (
	"net/netip"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

type renewFlags struct {
	releaseFlags
	until string
}

func newRenewCommand(streams Streams) *cobra.Command {
	var flags renewFlags
	cmd := &cobra.Command{
		Use:   "renew ADDRESS|OWNER...",
		Short: "move the end of bookings",
		Long: `renew moves the end of bookings: from now on by the time that the pool gives, or to
--until. Addresses that are in use do not end anyway.

Exit codes: 0 done, 2 wrong usage, 3 something could not be read, or the repository is in no
state to commit or push.`,
		Example: `  ipguard renew 10.8.52.190
  ipguard renew promo/pgpool --until 90d --push
  ipguard renew lb/frontend --until never`,
		Args: someArgs("renew", "ipguard renew 10.8.52.190"),
		RunE: func(cmd *cobra.Command, args []string) error {
			until, endless, err := parseUntil(flags.until, streams.now().UTC())
			if err != nil {
				return err
			}
			return runChange(cmd.Context(), &flags.releaseFlags, args, streams,
				func(d *desk, pool *ledger.Pool, rs *ledger.Records, w *ledger.World, ranges []netip.Prefix) ([]ledger.Changed, []ledger.Entry, error) {
					end := until.Truncate(1e9)
					if until.IsZero() && !endless {
						end = w.Now.Add(pool.BookingLength())
					}
					return ledger.Renew(pool, rs, w, ranges, end, d.by, flags.why)
				})
		},
	}
	flags.add(cmd)
	cmd.Flags().StringVar(&flags.until, "until", "", "when they end: 24h, 14d, 2027-01-31 (its end) or never (default: as the pool says, else 14d)")
	flags.addOwn(cmd)
	return cmd
}
