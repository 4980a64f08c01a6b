// Package servecli is the command line of ipguard-server.
package servecli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/legible"
	"github.com/ipguard/ipguard/src/internal/serve"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// Streams are what the program gets from outside.
type Streams struct {
	Args           []string
	Stdout, Stderr io.Writer
	Environ        []string
}

// version is set when a release is built.
var version = "development"

// The exit codes: as those of ipguard.
const (
	exitUsage  = 2
	exitFailed = 3
)

// usageError is wrong usage.
type usageError struct{ error }

// ownerAlone is the umask of the program: databases, their journals and copies have the
// plans of all teams, and the key that signs what clients show.
const ownerAlone = 0o077

// Run runs the command line until it ends, or ctx does, and returns the exit code.
func Run(ctx context.Context, streams Streams) int {
	syscall.Umask(ownerAlone)
	cmd := newCommand(streams)
	cmd.SetArgs(streams.Args)
	cmd.SetOut(streams.Stdout)
	cmd.SetErr(streams.Stderr)
	err := cmd.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	t := trouble.Of(err)
	fmt.Fprintln(streams.Stderr, "ipguard-server: "+(&trouble.Trouble{At: t.At, Message: t.Message}).Error())
	if t.Hint != "" {
		fmt.Fprintln(streams.Stderr, "hint: "+legible.Text(t.Hint))
	}
	if errors.As(err, &usageError{}) {
		return exitUsage
	}
	return exitFailed
}

// flags are those of the server itself.
type flags struct {
	config, listen, database, fleet string
	demo                            bool
}

func newCommand(streams Streams) *cobra.Command {
	var f flags
	cmd := &cobra.Command{
		Use:   "ipguard-server",
		Short: "one address plan for many teams",
		Long: `ipguard-server keeps what the directors of all teams have, and who booked which address.

Without options it keeps all in the file ipguard-server.db, listens on loopback, and prints a
link that logs in once. --demo shows an example plan, and forgets it at the end.

SIGTERM lets requests under way end. SIGHUP reads the certificate and login again.

Exit codes: 0 it was told to end, 2 wrong usage, 3 it could not start or go on.`,
		Example: `  ipguard-server --demo
  ipguard-server --fleet ipguard.yml
  ipguard-server --config /etc/ipguard/server.yml`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usageError{fmt.Errorf("unknown command %q", args[0])}
			}
			return nil
		},
		SilenceUsage: true, SilenceErrors: true, Version: version,
		RunE: func(cmd *cobra.Command, _ []string) error { return run(cmd.Context(), &f, streams) },
	}
	cmd.SetFlagErrorFunc(func(_ *cobra.Command, err error) error { return usageError{err} })
	cmd.CompletionOptions.DisableDefaultCmd = true
	p := cmd.PersistentFlags()
	p.StringVar(&f.config, "config", "", "`file` with the configuration")
	p.StringVar(&f.database, "database", "", "file of SQLite, or postgres://USER@HOST/NAME (default "+serve.DefaultDatabase+")")
	local := cmd.Flags()
	local.StringVar(&f.listen, "listen", "", "address and port (default "+serve.DefaultListen+")")
	local.StringVar(&f.fleet, "fleet", "", "fleet `file` with segments, pools and directors")
	local.BoolVar(&f.demo, "demo", false, "show an example plan, and forget it at the end")
	cmd.AddCommand(newTokenCommand(&f, streams), newCheckCommand(&f, streams), newBackupCommand(&f, streams), newRestoreCommand(&f, streams), newSchemaCommand(streams))
	return cmd
}

// settings is the configuration with what the command line changes.
func (f *flags) settings() (serve.Config, error) {
	var c serve.Config
	if f.config != "" {
		var errs []*trouble.Trouble
		if c, errs = serve.LoadConfig(f.config); len(errs) > 0 {
			all := make([]error, len(errs))
			for i, e := range errs {
				all[i] = e
			}
			return c, errors.Join(all...)
		}
	}
	for value, to := range map[string]*fleet.Text{f.database: &c.Database, f.listen: &c.Listen, f.fleet: &c.Fleet} {
		if value != "" {
			to.Value = value
		}
	}
	if c.Database.Value == "" {
		c.Database.Value = serve.DefaultDatabase
	}
	return c, serve.CheckDatabase(c.Database.Value)
}

func run(ctx context.Context, f *flags, streams Streams) error {
	config, err := f.settings()
	if err != nil {
		return err
	}
	if f.demo && (f.database != "" || f.fleet != "") {
		return usageError{errors.New("--demo has a database and a fleet file of its own: leave --database and --fleet out")}
	}
	if f.demo {
		folder, err := os.MkdirTemp("", "ipguard-demo")
		if err != nil {
			return err
		}
		defer os.RemoveAll(folder)
		listen := config.Listen
		if config, err = serve.Demo(folder); err != nil {
			return err
		}
		config.Listen = listen
	}
	log := slog.New(slog.NewJSONHandler(streams.Stderr, nil))
	if isNew(config.Database.Value) {
		log.Info("a new database is made", "file", config.Database.Value)
	} else if info, err := os.Stat(config.Database.Value); err == nil && info.Mode().Perm()&ownerAlone != 0 {
		log.Warn("others on this machine can read the database", "hint", "chmod 600 "+config.Database.Value)
	}
	server, err := serve.New(ctx, serve.Options{Config: config, Log: log, Environ: streams.Environ, Now: time.Now, Version: version})
	if err != nil {
		return err
	}
	again := func() {
		switch config, err := f.settings(); {
		case err != nil:
			log.Error("nothing was read again", "error", err)
		case !f.demo:
			server.Reload(config)
		}
	}
	err = listen(ctx, server, again, streams)
	return errors.Join(err, server.Close())
}

func listen(ctx context.Context, server *serve.Server, reload func(), streams Streams) error {
	l, base, err := server.Listen()
	if err != nil {
		return err
	}
	if server.Local() {
		fmt.Fprintf(streams.Stdout, "ipguard-server listens on %s\nopen this link within %.0f minutes, which works once: %s\n", base, serve.LinkLasts.Minutes(), server.OneTimeLink(base))
	} else {
		fmt.Fprintf(streams.Stdout, "ipguard-server listens on %s\n", base)
	}
	again := make(chan os.Signal, 1)
	signal.Notify(again, syscall.SIGHUP)
	defer signal.Stop(again)
	go func() {
		for {
			select {
			case <-again:
				reload()
			case <-ctx.Done():
				return
			}
		}
	}()
	return server.Serve(ctx, l)
}
