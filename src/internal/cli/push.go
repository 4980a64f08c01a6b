//go:build !vm

package cli

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/plural"
	"github.com/ipguard/ipguard/src/internal/report"
	"github.com/ipguard/ipguard/src/internal/serverclient"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/survey"
	"github.com/ipguard/ipguard/src/internal/trouble"
	"github.com/ipguard/ipguard/src/internal/workspace"
)

func newPushCommand(streams Streams) *cobra.Command {
	var fleetFile string
	var replaces bool
	cmd := &cobra.Command{
		Use:   "push [DIRECTOR...]",
		Short: "tell the fleet file's server what the directors have",
		Long: `push tells the server of the fleet file (server:) what its directors have, or those named:
the snapshot of each, and what its files promise, in the form that ipguard collect writes.
No secret is in it. Other teams' lint, free and who know it from then on.

The same again changes nothing. A director whose files cannot all be read is not pushed.
Files that lack all that was pushed of their director, or what another one pushed (a network of the
cloud-config, a runtime-config, a deployment, a machine of create-env, director_ips, an external
address, a pattern of vip_properties), are taken for a part of it, and refused, unless --replaces
says that they stand for all. What is gone is told. What a director said may lack all that directors
tell: networks, runtime-configs and deployments.

What hides and may collide is told, too, and decides nothing here: ipguard lint ends with 3.

Exit codes: 0 all is told, 1 it is, and collides with what others have, 2 wrong usage, 3
something could not be read, or the server does not take it.`,
		Example: `  ipguard push
  ipguard push promo`,
		RunE: func(cmd *cobra.Command, args []string) error {
			return runPush(cmd.Context(), fleetFile, args, replaces, streams)
		},
	}
	addFleetFlag(cmd, &fleetFile)
	cmd.Flags().BoolVar(&replaces, "replaces", false, "the files stand for all of the director, though they lack what was pushed before")
	return cmd
}

func runPush(ctx context.Context, fleetFile string, names []string, replaces bool, streams Streams) error {
	w, err := openWithoutPlan(fleetFile, streams)
	if err != nil {
		return err
	}
	for _, n := range names {
		if !slices.Contains(w.Names(), n) {
			return usage("the fleet file has "+someOf(w.Names()), "the fleet file has no director %q", n)
		}
	}
	client, err := streams.client(ctx, w.Fleet.File)
	if err != nil {
		return storeError(err)
	}
	return pushAll(ctx, w, client, names, replaces, streams)
}

// openWithoutPlan opens a fleet file that names a server, which is not asked for what
// others have.
func openWithoutPlan(fleetFile string, streams Streams) (*workspace.Workspace, error) {
	path, err := streams.findFleetFile(fleetFile, nil)
	if err != nil {
		return nil, err
	}
	files := streams.files()
	reading := streams.reading(files, workspace.Mode{})
	reading.Central = func(*fleet.File) (*workspace.Central, error) {
		return &workspace.Central{File: &fleet.File{}, Unasked: true}, nil
	}
	w := workspace.Open(path, reading)
	if len(w.Troubles) > 0 {
		if err := report.WriteFailures(streams.Stderr, w.Troubles, report.Options{}); err != nil {
			return nil, incomplete("", "cannot write to standard error: %s", err)
		}
		return nil, incomplete("see above", "something could not be read: the server was not asked")
	}
	if w.Fleet.File.Server.URL.Value == "" {
		return nil, usage("add server: https://... to "+path, "the fleet file names no server")
	}
	return w, nil
}

// pushAll pushes director after director: one that is not taken costs the others
// nothing.
func pushAll(ctx context.Context, w *workspace.Workspace, client *serverclient.Client, names []string, replaces bool, streams Streams) error {
	keep, shared, err := wantedBy(ctx, w, client)
	if err != nil {
		return storeError(err)
	}
	team, troubles := w.Team(shared)
	if len(troubles) > 0 {
		if err := report.WriteFailures(streams.Stderr, troubles, report.Options{}); err != nil {
			return incomplete("", "cannot write to standard error: %s", err)
		}
		return incomplete("see above", "what the fleet file says of addresses outside of directors cannot be told: nothing was pushed")
	}
	var failed error
	collides, told := false, []toldDirector{}
	for i := range w.Fleet.Directors {
		d := w.Fleet.Directors[i]
		if len(names) > 0 && !slices.Contains(names, d.Name) {
			continue
		}
		pushed, err := push(ctx, w, client, d, keep, team, replaces)
		if err != nil {
			failed = errors.Join(failed, err)
			if err := tellNotPushed(streams, d.Name, err); err != nil {
				return err
			}
			continue
		}
		how := "unchanged"
		if pushed.New {
			how = "new"
		}
		if err := printTo(streams.Stdout, "%s: version %d on %s, %s\n", d.Name, pushed.Version, client.URL, how); err != nil {
			return err
		}
		for _, part := range pushed.Gone {
			if err := printTo(streams.Stdout, "%s: %s is not in it any more\n", d.Name, legible.Text(part)); err != nil {
				return err
			}
		}
		told = append(told, toldDirector{d, pushed})
	}
	for i, t := range told {
		if len(t.pushed.Conflicts) > 0 && i < len(told)-1 { // those told later may have ended them: the same again says what there is now
			if t.pushed, err = push(ctx, w, client, t.director, keep, team, replaces); err != nil {
				return storeError(err)
			}
		}
		collides = collides || len(t.pushed.Conflicts) > 0
		if err := tellConflicts(streams, t); err != nil {
			return err
		}
	}
	switch {
	case failed != nil:
		return incomplete("see above", "not all directors were pushed")
	case collides:
		return exitCode(ExitFindings)
	}
	return nil
}

// toldDirector is a director of which the server was told.
type toldDirector struct {
	director fleet.Sources
	pushed   serverclient.Pushed
}

func tellConflicts(streams Streams, t toldDirector) error {
	if len(t.pushed.Conflicts) == 0 {
		return nil
	}
	if err := printTo(streams.Stdout, "%s: %s with what others have:\n", t.director.Name, plural.Of(len(t.pushed.Conflicts), "conflict")); err != nil {
		return err
	}
	for _, c := range t.pushed.Conflicts {
		text := c.Message
		if c.Unsure != nil {
			text += "; since " + c.Unsure.UTC().Format(time.RFC3339) + " a part of the plan cannot be read, and it may go on"
		}
		if err := printTo(streams.Stdout, "  %s\n", legible.Text(text)); err != nil {
			return err
		}
	}
	return nil
}

// tellNotPushed says why a director was not pushed, and what cures it.
func tellNotPushed(streams Streams, director string, why error) error {
	text := fmt.Sprintf("ipguard: director %s is not pushed: %s\n", director, why)
	if hint := trouble.Of(why).Hint; hint != "" {
		text += "  hint: " + legible.Text(hint) + "\n"
	}
	return printTo(streams.Stderr, "%s", text)
}

// wantedBy is what a snapshot has to keep: for the team's own fleet file, and for the
// server's, which other teams read it by. Where the server cannot tell, shared is nil, and
// it is pushed without: they are told what it lacks. Nothing is pushed to a server that may have lost
// what it knew: that nothing collides there proves nothing.
func wantedBy(ctx context.Context, w *workspace.Workspace, client *serverclient.Client) (keep snapshot.Keep, shared *fleet.File, err error) {
	keep = workspace.Keep(w.Fleet.File)
	shared, err = client.Shared(ctx)
	lost, told := (*serverclient.FencedError)(nil), (*trouble.Trouble)(nil)
	switch {
	case errors.As(err, &lost), errors.As(err, &told):
		return keep, nil, err
	case err != nil:
		return keep, nil, nil
	}
	asked := workspace.Keep(shared)
	keep.VIPProperties = slices.Concat(keep.VIPProperties, asked.VIPProperties)
	keep.CloudProperties = slices.Concat(keep.CloudProperties, asked.CloudProperties)
	return keep, shared, nil
}

func push(ctx context.Context, w *workspace.Workspace, client *serverclient.Client, d fleet.Sources, keep snapshot.Keep, team *survey.Team, replaces bool) (serverclient.Pushed, error) {
	s, err := survey.Promised(d, w.Loader, w.Fleet.Snapshots.Files, keep, team, w.Fleet.Snapshots.Now)
	if err != nil {
		return serverclient.Pushed{}, err
	}
	return client.Push(ctx, d.Name, s.Encode(), replaces)
}
