package servecli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/accounts"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/ledgersql"
	"github.com/ipguard/ipguard/src/internal/ledgersql/sqlite"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/protocol"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

type restoreFlags struct {
	accept, mark bool
	replay       []string
	replaces     string
}

func newRestoreCommand(f *flags, streams Streams) *cobra.Command {
	var r restoreFlags
	cmd := &cobra.Command{
		Use:   "restore FILE | --accept [--replay FILE] | --mark",
		Short: "put a backup back, and say what happened to what was booked after it",
		Long: `restore FILE puts a backup in the place of the database of SQLite, while no server works on it.
What was there before is kept beside it. A dump of PostgreSQL is restored by pg_restore.

Bookings that were answered after the backup was made are lost from the database, and are in
manifests and notes still. So all pools are fenced: nothing is given or changed until somebody
says what happened. A server finds that out by itself, too: by the database, by what it had
read before, and by what clients were told. Put back in a way that none of them can see, such
as a snapshot of a whole VM, --mark fences it.

--accept lifts the fences. --replay FILE first writes again what clients kept: plan.json and
seen-*.json in ~/.cache/ipguard of those who used ipguard with this server last. What every
one of them has is best: it may be repeated, and what is there already is not written twice.
What was kept of another server is refused. Where that database is lost and this one takes its
place, --replaces names it.

Exit codes: 0 done, 2 wrong usage, 3 not done, or some bookings have two owners now.`,
		Example: `  ipguard-server restore copy.db
  ipguard-server restore --accept --replay plan.json
  ipguard-server restore --mark --database postgres://ipguard@10.0.1.5/ipguard`,
		Args: func(_ *cobra.Command, args []string) error {
			wishes := len(args)
			for _, wish := range []bool{r.accept, r.mark} {
				if wish {
					wishes++
				}
			}
			switch {
			case wishes != 1:
				return usageError{errors.New("restore takes one file, or --accept, or --mark")}
			case len(r.replay) > 0 && !r.accept:
				return usageError{errors.New("--replay needs --accept: it is written again when the fences are lifted")}
			case r.replaces != "" && len(r.replay) == 0:
				return usageError{errors.New("--replaces needs --replay: it says of which database that is")}
			}
			return nil
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			config, err := f.settings()
			if err != nil {
				return err
			}
			name := config.Database.Value
			switch {
			case r.accept:
				return accept(cmd.Context(), name, &r, streams)
			case r.mark:
				return mark(cmd.Context(), name, streams)
			}
			return putBack(cmd.Context(), args[0], name, streams)
		},
	}
	cmd.Flags().BoolVar(&r.accept, "accept", false, "lift the fences: what is lost is known, and pools are given again")
	cmd.Flags().BoolVar(&r.mark, "mark", false, "fence all pools: the database was put back by other means")
	cmd.Flags().StringArrayVar(&r.replay, "replay", nil, "write again what a client kept in this `file` (plan.json, seen-*.json)")
	cmd.Flags().StringVar(&r.replaces, "replaces", "", "what is written again was kept of the database of this `name`, which is lost")
	return cmd
}

// putBack restores a file.
func putBack(ctx context.Context, from, name string, streams Streams) error {
	if serve.IsPostgres(name) {
		return usageError{errors.New("PostgreSQL is restored by its own pg_restore; the server finds it out")}
	}
	done, err := sqlite.Restore(ctx, from, name, time.Now())
	if err != nil {
		return err
	}
	fmt.Fprintf(streams.Stdout, "%s is restored: %d pools, %d events, %d addresses\n", name, done.Counted.Pools, done.Counted.Events, done.Counted.Addresses)
	if done.Before != "" {
		fmt.Fprintf(streams.Stdout, "what was there before is in %s\n", done.Before)
	} else {
		fmt.Fprintf(streams.Stdout, "no database was there before: %s is new\n", name)
	}
	return onDatabase(ctx, name, func(d ledgersql.Database) error {
		if err := ledgersql.Begin(ctx, d, time.Now()); err != nil {
			return err
		}
		store := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
		if err := store.Note(ctx, by, "restored a backup", from); err != nil {
			return err
		}
		tokens, err := store.Tokens(ctx)
		if err != nil {
			return err
		}
		names := make([]string, len(tokens))
		for i, t := range tokens {
			names[i] = t.Name
		}
		if len(names) > 0 {
			fmt.Fprintf(streams.Stdout, "these tokens count again, also those that were revoked since: %s\n", legible.Text(strings.Join(names, ", ")))
		}
		_, err = fmt.Fprintln(streams.Stdout, "all pools are fenced: nothing is given until ipguard-server restore --accept")
		return err
	})
}

// by is who the audit trail and fences say it was.
const by = "ipguard-server restore"

func onDatabase(ctx context.Context, name string, do func(d ledgersql.Database) error) error {
	if _, err := os.Stat(name); !serve.IsPostgres(name) && err != nil {
		return err
	}
	d, err := serve.Open(ctx, name)
	if err != nil {
		return err
	}
	return errors.Join(do(d), d.Close())
}

func mark(ctx context.Context, name string, streams Streams) error {
	return onDatabase(ctx, name, func(d ledgersql.Database) error {
		if err := ledgersql.Raise(ctx, d, "", "somebody said that the database was put back", time.Now()); err != nil {
			return err
		}
		store := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
		if err := store.Note(ctx, by, "fenced all pools", ""); err != nil {
			return err
		}
		_, err := fmt.Fprintln(streams.Stdout, "all pools are fenced: nothing is given until ipguard-server restore --accept")
		return err
	})
}

// accept lifts the fences, with what clients kept.
func accept(ctx context.Context, name string, r *restoreFlags, streams Streams) error {
	return onDatabase(ctx, name, func(d ledgersql.Database) error {
		origin, err := ledgersql.OriginOf(ctx, d)
		if err != nil {
			return err
		}
		l, err := keptIn(r.replay, &origin, r.replaces)
		if err != nil {
			return err
		}
		l.By, l.Now = by, time.Now()
		done, err := ledgersql.Lift(ctx, d, l)
		if errors.Is(err, ledgersql.ErrNotFenced) {
			return &trouble.Trouble{Message: err.Error(), Hint: "if the database was put back by other means: ipguard-server restore --mark"}
		}
		if err != nil {
			return err
		}
		store := &accounts.Store{Read: d.SQL(), Write: d.Write(), Now: time.Now}
		if err := store.Note(ctx, by, "lifted the fences", strings.TrimSpace(done.Text())); err != nil {
			return err
		}
		fmt.Fprint(streams.Stdout, done.Text())
		for pool, n := range done.Again {
			fmt.Fprintf(streams.Stdout, "pool %s: %d events were written again\n", pool, n)
		}
		if len(done.Conflicts) > 0 {
			return &trouble.Trouble{
				Message: fmt.Sprintf("the fences are lifted, but not all could be written again:\n%s", strings.Join(done.Conflicts, "\n")),
				Hint:    "tell both owners: one of them needs another address",
			}
		}
		return nil
	})
}

// keptFile is what a client keeps of a server: plan.json, or the file beside it with what
// it wrote since.
type keptFile struct {
	Plan *protocol.Plan `json:"plan"`
	// Database is which one the server had; in a plan it stands there.
	Database string                      `json:"database"`
	Written  map[string][]protocol.Entry `json:"written"`
	Pools    map[string]string           `json:"pools"`
}

// keptIn reads what clients kept. Of an address that several plans have, the longest
// history counts. All have to be of the database, or of the lost one that it replaces.
func keptIn(files []string, origin *ledgersql.Origin, replaces string) (l ledgersql.Lifting, err error) {
	l.Kept, l.Written = map[string][]ledger.Record{}, map[string][]ledger.Entry{}
	at := map[string]int{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return l, err
		}
		var kept keptFile
		if err := json.Unmarshal(text, &kept); err != nil || kept.Plan == nil && kept.Pools == nil {
			return l, fmt.Errorf("%s is none of the files that ipguard keeps of a server: plan.json, seen-*.json", file)
		}
		if err := kept.of(file, origin, replaces); err != nil {
			return l, err
		}
		if err := kept.add(&l, at); err != nil {
			return l, fmt.Errorf("%s: %w", file, err)
		}
	}
	return l, nil
}

// of refuses a file that another server's client kept: bookings of strangers would be
// written for good.
func (k *keptFile) of(file string, origin *ledgersql.Origin, replaces string) error {
	database, heads := k.Database, k.Pools
	if k.Plan != nil {
		database, heads = k.Plan.Database, map[string]string{}
		for _, p := range k.Plan.Pools {
			heads[p.Pool] = p.Head
		}
	}
	if replaces != "" && database == replaces {
		return nil
	}
	if database != "" && database != origin.ID {
		return &trouble.Trouble{
			Message: fmt.Sprintf("%s is of another server: its database is %s, and this one is %s; the fences are not lifted", file, database, origin.ID),
			Hint:    "take what was kept of this server; if that database is lost, and this one takes its place: --replaces " + database,
		}
	}
	for pool, head := range heads {
		if head != "" && !origin.Made(pool, head) {
			return &trouble.Trouble{
				Message: fmt.Sprintf("%s is of another server: what it says of pool %s was not said by one on this database; the fences are not lifted", file, pool),
				Hint:    "take what was kept of this server",
			}
		}
	}
	return nil
}

// add adds what is in a file; at is where the history of an address is in the list.
func (k *keptFile) add(l *ledgersql.Lifting, at map[string]int) error {
	for pool, entries := range k.Written {
		for _, e := range entries {
			r, err := protocol.ParseRange(e.Address)
			if err != nil {
				return fmt.Errorf("pool %s: %w", pool, err)
			}
			l.Written[pool] = append(l.Written[pool], ledger.Entry{Range: r, Event: e.Event.Ledger()})
		}
	}
	if k.Plan == nil {
		return nil
	}
	for _, p := range k.Plan.Pools {
		for _, r := range p.Records {
			record, err := r.Ledger()
			if err == nil {
				_, err = record.Booking()
			}
			if err != nil {
				return fmt.Errorf("pool %s: %s: %w", p.Pool, r.Address, err)
			}
			key := p.Pool + " " + record.Range.String()
			i, known := at[key]
			switch list := l.Kept[p.Pool]; {
			case !known:
				at[key] = len(list)
				l.Kept[p.Pool] = append(list, record)
			case len(record.Events) > len(list[i].Events):
				list[i] = record
			}
		}
	}
	return nil
}
