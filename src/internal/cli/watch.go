package cli

import (
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/atomicfile"
	"github.com/ipguard/ipguard/src/internal/watch"
)

const watchLong = `Watches this host's addresses for as long as it runs and logs each change of
state: clean, suspect, conflict, flapping, latched, and proxy, where only a
station has answered that answers for every address.

It listens, with a filter that the kernel runs; it asks for each address now and
then; and it checks that what gateways and peers send still arrives here, which
alone shows a rogue that neither answers nor speaks to this host. On a director
or gateway, with an inventory in the configuration file, it guards addresses of
others too.

An address that moves between machines, one owner at a time, is named with --vip;
those of the fleet's plan are known. That it changes hands is no conflict, and two
machines that both keep it are one.

If a fleet file is found, or named with --fleet, the log also tells to whom the
fleet promises an address that has come into conflict.

SIGHUP reads the configuration again, SIGTERM ends it. The configuration:

  shared: [10.8.52.200=vrrp]        # others may have these too
  vips: [10.8.52.201]               # others may have these instead
  peers: [10.8.52.10, "10.8.52.11:25555"]
  inventory:                        # addresses of others and their stations
    10.8.52.191: 00:50:56:01:02:03
    10.8.52.190:                    # nothing: the first one seen is believed

Exit codes: 0 ended by a signal, 2 usage, 3 cannot watch.`

// gcPercent keeps the watch's resident memory near what it needs.
const gcPercent = 25

type watchFlags struct {
	interfaces, shared, peers []string
	vips                      []string
	exclude                   excludeFlags
	config, state, listen     string
	fleet                     string
	probeEvery, checkEvery    time.Duration
	checkTimeout, latch       time.Duration
	defend, onConflict        string
	logFormat, pidFile        string
}

func newWatchCommand(streams Streams) *cobra.Command {
	var f watchFlags
	c := &cobra.Command{
		Use:   "watch",
		Short: "watch this host's addresses for a second owner",
		Long:  watchLong,
		Example: `  ipguard watch --state /var/vcap/store/ipguard/state.json --listen 127.0.0.1:9479
  ipguard watch --defend once --on-conflict /usr/local/bin/page`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 0 {
				return usage("ipguard watch", "watch takes no arguments, and got %q", args[0])
			}
			return nil
		},
		RunE: func(c *cobra.Command, _ []string) error {
			o, err := f.options(streams)
			if err != nil {
				return err
			}
			reload := make(chan os.Signal, 1)
			signal.Notify(reload, syscall.SIGHUP)
			defer signal.Stop(reload)
			o.Reload = reload
			if f.pidFile != "" {
				if err := atomicfile.Write(f.pidFile, atomicfile.Shared, []byte(strconv.Itoa(os.Getpid())+"\n")); err != nil {
					return incomplete("", "cannot write the process id: %s", err)
				}
				defer os.Remove(f.pidFile)
			}
			// It is idle nearly always: rather a collection more than a page more.
			debug.SetGCPercent(gcPercent)
			ctx, stop := untilSignal(c.Context())
			defer stop()
			code, err := watch.Run(ctx, o)
			notifySystemd("STOPPING=1")
			return endOfWire(code, err)
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.interfaces, "interface", nil, "watch only this `interface`; may be repeated")
	f.exclude.add(flags)
	flags.StringVar(&f.config, "config", "", "configuration `file`")
	flags.StringArrayVar(&f.shared, "shared", nil, "`ADDRESS[=MAC,...]` that others may have too; vrrp stands for virtual routers")
	flags.StringArrayVar(&f.vips, "vip", nil, "`ADDRESS[=MAC,...]` that moves between machines, one owner at a time")
	flags.StringSliceVar(&f.peers, "peer", nil, "`ADDRESS[:PORT]` whose answers must reach us, besides gateways; with a port by TCP")
	flags.DurationVar(&f.probeEvery, "probe-every", 0, "time between two probes of an address; 0 derives it from the subnet's size, -1s never")
	flags.DurationVar(&f.checkEvery, "check-every", 5*time.Second, "time between two checks of a return path; 0 never")
	flags.DurationVar(&f.checkTimeout, "check-timeout", 200*time.Millisecond, "how long a peer's answer may take")
	flags.DurationVar(&f.latch, "latch", acd.DefaultLatch, "how long a conflict is remembered in silence")
	flags.StringVar(&f.defend, "defend", "never", "announce our ownership when it is claimed: never, once or always")
	flags.StringVar(&f.onConflict, "on-conflict", "", "`program` and arguments to run, without a shell, when an address comes into conflict")
	flags.StringVar(&f.listen, "listen", "", "`address` of /metrics and /healthz")
	flags.StringVar(&f.fleet, "fleet", "", "fleet `file` that tells to whom an address is promised (default: ipguard.yml, if there is one)")
	flags.StringVar(&f.state, "state", "", "`file` that keeps what was seen over a restart")
	flags.StringVar(&f.logFormat, "log-format", "text", "text or json")
	flags.StringVar(&f.pidFile, "pid-file", "", "`file` for the process id, as monit wants it")
	return c
}

func (f watchFlags) options(streams Streams) (o watch.Options, err error) {
	if o.Shared, err = parseSharings(f.shared); err != nil {
		return o, err
	}
	if o.Moving, err = watch.ParseMoving(f.vips); err != nil {
		return o, usage("write --vip 10.8.52.200 or --vip 10.8.52.200=00:50:56:01:02:03,00:50:56:01:02:04", "--vip %s", err)
	}
	for _, word := range f.peers {
		p, err := watch.ParsePeer(word)
		if err != nil {
			return o, usage("write --peer 10.8.52.10 or --peer 10.8.52.10:25555", "--peer %s", err)
		}
		o.Peers = append(o.Peers, p)
	}
	if o.Excluded, err = f.exclude.parse(); err != nil {
		return o, err
	}
	if o.Defence, err = watch.ParseDefence(f.defend); err != nil {
		return o, usage("", "--defend %s", err)
	}
	switch {
	case f.probeEvery > 0 && f.probeEvery < time.Second:
		return o, usage("", "--probe-every %s is less than a second", f.probeEvery)
	case f.checkEvery < 0 || f.checkEvery > 0 && f.checkEvery < 3*f.checkTimeout:
		return o, usage("", "--check-every %s is shorter than a check, three times --check-timeout", f.checkEvery)
	case f.checkTimeout < 10*time.Millisecond:
		return o, usage("", "--check-timeout %s is less than 10ms", f.checkTimeout)
	case f.latch < time.Minute:
		return o, usage("", "--latch %s is less than a minute", f.latch)
	}
	switch f.logFormat {
	case "text":
		o.Log = slog.New(slog.NewTextHandler(streams.Stderr, nil))
	case "json":
		o.Log = slog.New(slog.NewJSONHandler(streams.Stderr, nil))
	default:
		return o, usage("", "--log-format %q is neither text nor json", f.logFormat)
	}
	o.Interfaces, o.ConfigFile, o.StateFile, o.Listen = f.interfaces, f.config, f.state, f.listen
	o.ProbeEvery, o.CheckEvery, o.CheckTimeout, o.Latch = f.probeEvery, f.checkEvery, f.checkTimeout, f.latch
	o.OnConflict = strings.Fields(f.onConflict)
	o.Owners = func(a netip.Addr) ([]string, error) {
		owners, err := promises{f.fleet, streams}.owners([]netip.Addr{a})
		return owners[a], err
	}
	o.Planned = promises{f.fleet, streams}.virtual
	o.Started = func(listen net.Addr) {
		if listen != nil {
			o.Log.Info("metrics", "address", listen.String())
		}
		notifySystemd("READY=1")
	}
	return o, nil
}

// notifySystemd tells the service manager how far we are (sd_notify(3)). Without
// one there is nobody to tell, and nothing can be done if it does not listen.
func notifySystemd(state string) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return
	}
	conn, err := net.Dial("unixgram", name)
	if err != nil {
		return
	}
	defer conn.Close()
	_, _ = io.WriteString(conn, state)
}
