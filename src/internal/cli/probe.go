package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/probe"
)

const probeLong = `Asks the wire whether an address has a second owner, and waits for the answer.

Without arguments it asks for every address of this host, IPv4 and IPv6, on all
interfaces at once. It may run on a host that already has the addresses: the
question carries none, so no cache of the segment changes by it.

Silence counts as free only if a gateway or a neighbour answered meanwhile; an
answer counts as a conflict only if the station repeats it and does not answer
for an address that nobody can have.

An address that moves between the hosts of a cluster is named with --vip: one
other host may have it, two may not, and none as long as this host has it.

Exit codes: 0 free, 1 conflict, 2 usage, 3 inconclusive.`

type probeFlags struct {
	interfaces, controls, shared []string
	vips, expected               []string
	exclude                      excludeFlags
	timeout, retryFor            time.Duration
	startDelay, deadline         time.Duration
	rfc5227                      bool
	inconclusive, format, fleet  string
}

func newProbeCommand(streams Streams) *cobra.Command {
	var f probeFlags
	c := &cobra.Command{
		Use:   "probe [ADDRESS...]",
		Short: "ask the wire whether an address has a second owner",
		Long:  probeLong,
		Example: `  ipguard probe
  ipguard probe 10.8.52.191 --retry-for 30s --inconclusive pass
  ipguard probe --vip 10.8.52.200 --exclude-interface 'docker*'
  ipguard probe --shared 10.8.52.200=vrrp`,
		RunE: func(c *cobra.Command, args []string) error {
			o, err := f.options(args)
			if err != nil {
				return err
			}
			o.Owners, o.OwnersOfAll = promises{f.fleet, streams}.owners, f.fleet != ""
			ctx, stop := untilSignal(c.Context())
			defer stop()
			return endOfWire(probe.Run(ctx, o, streams.Stdout, streams.Stderr))
		},
	}
	flags := c.Flags()
	flags.StringSliceVar(&f.interfaces, "interface", nil, "probe only on this `interface`; may be repeated")
	f.exclude.add(flags)
	flags.StringSliceVar(&f.vips, "vip", nil, "an `address` that moves between hosts, to probe besides: one other host may have it")
	flags.StringSliceVar(&f.expected, "expect", nil, "an `address` that this host must have; inconclusive if it has not")
	flags.StringSliceVar(&f.controls, "control", nil, "an `address` that must answer, besides gateways and known neighbours")
	flags.StringArrayVar(&f.shared, "shared", nil, "`ADDRESS[=MAC,...]` that others may have too; vrrp stands for virtual routers")
	flags.DurationVar(&f.timeout, "timeout", 200*time.Millisecond, "how long silence must last, from 20ms to 10s")
	flags.BoolVar(&f.rfc5227, "rfc5227", false, "use the timing of RFC 5227: 4 to 7 seconds")
	flags.DurationVar(&f.startDelay, "start-delay", 0, "wait a random time up to this first, so that hosts do not probe together")
	flags.DurationVar(&f.retryFor, "retry-for", 0, "how long a conflict may last before it is called one")
	flags.DurationVar(&f.deadline, "deadline", 0, "end after this time; what is not settled by then is inconclusive")
	flags.StringVar(&f.inconclusive, "inconclusive", "fail", "exit with 3 (fail) or 0 (pass) when nothing could be proven")
	flags.StringVar(&f.fleet, "fleet", "", "fleet `file` that tells to whom an address is promised (default: ipguard.yml, if there is one)")
	flags.StringVar(&f.format, "format", "text", "text or json")
	return c
}

func (f probeFlags) options(args []string) (o probe.Options, err error) {
	if o.Addresses, err = hostAddresses(args); err != nil {
		return o, err
	}
	if o.Controls, err = hostAddresses(f.controls); err != nil {
		return o, err
	}
	if o.Moving, err = hostAddresses(f.vips); err != nil {
		return o, err
	}
	if o.Expected, err = hostAddresses(f.expected); err != nil {
		return o, err
	}
	if o.Shared, err = parseSharings(f.shared); err != nil {
		return o, err
	}
	if o.Excluded, err = f.exclude.parse(); err != nil {
		return o, err
	}
	switch {
	case f.timeout < 20*time.Millisecond || f.timeout > 10*time.Second:
		return o, usage("", "--timeout %s is not from 20ms to 10s", f.timeout)
	case f.retryFor < 0 || f.startDelay < 0 || f.deadline < 0:
		return o, usage("", "a duration must not be negative")
	case f.inconclusive != "pass" && f.inconclusive != "fail":
		return o, usage("", "--inconclusive %q is neither pass nor fail", f.inconclusive)
	case f.format != "text" && f.format != "json":
		return o, usage("", "--format %q is neither text nor json", f.format)
	}
	o.Timing = acd.Scaled(f.timeout)
	if f.rfc5227 {
		o.Timing = acd.RFC5227Timing()
	}
	o.Timing.StartDelay = max(o.Timing.StartDelay, f.startDelay)
	o.Interfaces, o.RetryFor, o.Deadline = f.interfaces, f.retryFor, f.deadline
	o.InconclusivePasses, o.JSON = f.inconclusive == "pass", f.format == "json"
	return o, nil
}
