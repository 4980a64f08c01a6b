//go:build !vm

package cli

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/serverclient"
)

// wayToDecide is what may become of a request.
type wayToDecide struct{ what, short, long string }

// waysToDecide are all of them.
func waysToDecide() []wayToDecide {
	return []wayToDecide{
		{"approve", "agree to a request, and book what it asks for",
			"approve agrees to a request and books it at once, in the name of who asked. Where no address\nis left it stays approved: who asks again gets them as soon as there are."},
		{"decline", "refuse a request", "decline refuses a request."},
		{"withdraw", "take a request of one's own team back", "withdraw takes a request back that the team has made."},
	}
}

func newDecideCommands(streams Streams) (list []*cobra.Command) {
	for _, d := range waysToDecide() {
		var fleetFile, why string
		cmd := &cobra.Command{
			Use:   d.what + " NUMBER...",
			Short: d.short,
			Long: d.long + ` NUMBER is what ipguard requests tells.

Exit codes: 0 it is done, 1 the server says no, such as to what is decided already, 2 wrong usage,
3 the server could not be asked, or who asks may not decide.`,
			Example: "  ipguard requests " + d.what + " 12 --why \"ticket 4713\"",
			RunE: func(cmd *cobra.Command, args []string) error {
				return runDecide(cmd.Context(), d.what, fleetFile, why, args, streams)
			},
		}
		cmd.Flags().StringVar(&fleetFile, "fleet", "", "fleet file (default: the nearest ipguard.yml, or $IPGUARD_FLEET)")
		cmd.Flags().StringVar(&why, "why", "", "what is said about it")
		list = append(list, cmd)
	}
	return list
}

func runDecide(ctx context.Context, what, fleetFile, why string, args []string, streams Streams) error {
	if len(args) == 0 {
		return usage("ipguard requests lists them", "%s takes the number of a request", what)
	}
	var ids []int64
	for _, arg := range args {
		id, err := strconv.ParseInt(strings.TrimPrefix(arg, "#"), 10, 64)
		if err != nil || id < 1 {
			return usage("ipguard requests lists them", "%s takes numbers of requests, and got %q", what, arg)
		}
		ids = append(ids, id)
	}
	w, err := openWithoutPlan(fleetFile, streams)
	if err != nil {
		return err
	}
	client, err := streams.client(ctx, w.Fleet.File)
	if err != nil {
		return storeError(err)
	}
	for _, id := range ids {
		if err := decide(ctx, client, id, what, why, streams); err != nil {
			return err
		}
	}
	return nil
}

// decide decides about one request, and tells what became of it.
func decide(ctx context.Context, client *serverclient.Client, id int64, what, why string, streams Streams) error {
	decided, err := client.Decide(ctx, id, what, why)
	refused := (*serverclient.RefusedError)(nil)
	switch {
	case errors.As(err, &refused) && refused.Status == http.StatusConflict:
		if err := printTo(streams.Stderr, "ipguard: request %d: %s\n", id, legible.Text(refused.Detail)); err != nil {
			return err
		}
		return exitCode(ExitFindings)
	case errors.As(err, &refused) && refused.Status == http.StatusNotFound:
		return usage("ipguard requests lists them", "%s", refused.Detail)
	case err != nil:
		return storeError(err)
	}
	if err := writeRequests(streams.Stdout, []protocol.Request{decided.Request}); err != nil {
		return err
	}
	for _, b := range decided.Bookings {
		if err := printTo(streams.Stdout, "  %s\n", legible.Text(b.Address)); err != nil {
			return err
		}
	}
	if decided.Waits != "" {
		return printTo(streams.Stderr, "ipguard: request %d is approved, and nothing could be booked yet: %s\n", id, legible.Text(decided.Waits))
	}
	return nil
}
