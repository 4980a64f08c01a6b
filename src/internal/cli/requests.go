//go:build !vm

package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/serverclient"
)

func newRequestsCommand(streams Streams) *cobra.Command {
	var flags answerFlags
	var mine, all bool
	cmd := &cobra.Command{
		Use:   "requests",
		Short: "list what teams ask for beyond their quotas, and what became of it",
		Long: `requests lists what was asked for with ipguard book --request, and nobody has decided yet,
of the fleet file's server. The owners of a pool decide with approve and decline, or on the
server's page of the network team.

Exit codes: 0, 2 wrong usage, 3 the server could not be asked.`,
		Example: `  ipguard requests
  ipguard requests --mine --all
  ipguard requests approve 12`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("ipguard requests approve, decline or withdraw NUMBER", "unknown command %q", "requests "+args[0])
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, _ []string) error {
			return runRequests(cmd.Context(), &flags, mine, all, streams)
		},
	}
	flags.add(cmd)
	cmd.Flags().BoolVar(&mine, "mine", false, "only what I asked for")
	cmd.Flags().BoolVar(&all, "all", false, "those that are decided, too")
	cmd.AddCommand(newDecideCommands(streams)...)
	return cmd
}

func runRequests(ctx context.Context, flags *answerFlags, mine, all bool, streams Streams) error {
	if err := flags.check(); err != nil {
		return err
	}
	w, err := openWithoutPlan(flags.fleet, streams)
	if err != nil {
		return err
	}
	client, err := streams.client(ctx, w.Fleet.File)
	if err != nil {
		return storeError(err)
	}
	list, err := client.Requests(ctx, !all, mine)
	if err != nil {
		return storeError(err)
	}
	if list == nil {
		list = []protocol.Request{}
	}
	return flags.write(streams,
		func(out io.Writer, _ report.Options) error { return writeRequests(out, list) },
		func(out io.Writer) error {
			encoder := json.NewEncoder(legible.NewJSONWriter(out))
			encoder.SetIndent("", "  ")
			return encoder.Encode(map[string]any{"version": 1, "requests": list})
		}, nil, true)
}

func writeRequests(w io.Writer, list []protocol.Request) error {
	if len(list) == 0 {
		return printTo(w, "no requests\n")
	}
	for _, r := range list {
		err := printTo(w, "request %d: %s, %s of pool %s for %s (team %s), by %s at %s, %s%s%s\n", r.ID, legible.Text(r.State), plural.Of(r.Number, "address"),
			legible.Text(r.Pool), legible.Text(r.For), legible.Text(r.Team), legible.Text(r.By), r.At.UTC().Format("2006-01-02 15:04 MST"), wished(r), because(r.Why), decision(r))
		if err != nil {
			return err
		}
	}
	return nil
}

// wished is which addresses a request asks for, and for how long.
func wished(r protocol.Request) string {
	text := "as long as the pool says"
	switch {
	case r.Endless:
		text = "for ever"
	case r.Hold:
		text = "for an hour"
	case r.Until != nil:
		text = "until " + r.Until.UTC().Format("2006-01-02 15:04 MST")
	}
	if len(r.Addresses) > 0 {
		text = "just " + legible.Text(strings.Join(r.Addresses, ", ")) + ", " + text
	}
	return text
}

func because(why string) string {
	if why == "" {
		return ""
	}
	return ": " + legible.Text(why)
}

func decision(r protocol.Request) string {
	if r.Judge == "" {
		return ""
	}
	return "; decided by " + legible.Text(r.Judge) + because(r.Reason)
}

// grantedOf is what a request had booked that was approved before somebody asked again.
func grantedOf(asked serverclient.Decided) *grantedRequest {
	var addresses []string
	for _, b := range asked.Bookings {
		addresses = append(addresses, b.Address)
	}
	text := fmt.Sprintf("request %d was approved by %s, and is booked", asked.ID, asked.Judge)
	if len(addresses) > 0 {
		text += ": " + strings.Join(addresses, ", ")
	}
	return &grantedRequest{text, asked.Given}
}

// waiting says what the owner has asked for already whom the quota refuses, and what to do
// then. What cannot be asked is left out: the no is the same.
func waiting(ctx context.Context, client *serverclient.Client, pool string, ask ledger.Ask, r *report.BookRefusal) {
	list, err := client.Requests(ctx, true, false)
	if err != nil {
		return
	}
	for _, q := range list {
		if q.Pool != pool || q.For != ask.For.String() {
			continue
		}
		text := fmt.Sprintf("request %d of %s for it is %s", q.ID, plural.Of(q.Number, "address"), q.State)
		if q.Judge != "" {
			text += " by " + q.Judge
		}
		r.Lines = append(r.Lines, text)
		if q.State == "approved" {
			r.Hint = "ask again with --request: what is approved is booked then"
		}
	}
}

// request asks the owners of a pool of the server for what its quota refuses, if that is
// wanted, and says what was asked for before.
func (d *desk) request(ctx context.Context, flags *bookFlags, at where, ask ledger.Ask, out report.Book) error {
	pool := at.pool.Name
	if !d.Central.Has(pool) {
		return usage("ask by --beyond-quota --branch NAME and a pull request", "--request is for pools on a server, and %s is in git", pool)
	}
	client, err := d.streams.client(ctx, d.Fleet.File)
	if err != nil {
		return storeError(err)
	}
	if !flags.request {
		waiting(ctx, client, pool, ask, out.Refusal)
		return d.tell(flags, out, ask.For)
	}
	wish := protocol.Ask{For: ask.For.String(), Team: ask.Team, Number: ask.Count, Contiguous: ask.Contiguous, Endless: ask.Endless, Hold: ask.Hold, Why: ask.Why}
	for _, r := range ask.Exactly {
		wish.Addresses = append(wish.Addresses, ledger.RangeText(r))
	}
	if !ask.Until.IsZero() {
		wish.Until = &ask.Until
	}
	asked, err := client.Request(ctx, pool, wish)
	if refused := (*serverclient.RefusedError)(nil); errors.As(err, &refused) && refused.Status == http.StatusConflict {
		if err := printTo(d.streams.Stderr, "ipguard: %s\n", legible.Text(refused.Detail)); err != nil {
			return err
		}
		return exitCode(ExitFindings)
	}
	if err != nil {
		return storeError(err)
	}
	if asked.State == "booked" && d.granted == nil { // it was approved before, and is booked by now
		d.granted = grantedOf(asked)
		d.written += asked.Given
		return d.book(ctx, flags, at, ask) // which may be for more than that
	}
	out.Refusal.Hint = ""
	var code exitCode
	if err := d.tell(flags, out, ask.For); !errors.As(err, &code) || code != ExitFindings {
		return err
	}
	if err := printTo(d.streams.Stderr, "ipguard: request %d is %s: the addresses are booked as soon as an owner of the pool approves (ipguard requests)\n", asked.ID, legible.Text(asked.State)); err != nil {
		return err
	}
	return exitCode(ExitFindings)
}
