package probe

import (
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
	"github.com/ipguard/ipguard/src/internal/oui"
	"github.com/ipguard/ipguard/src/internal/plural"
)

// Reasons that belong to the run and not to a round.
const (
	NotReached  acd.Reason = "not-reached" // no interface of this host is in its subnet
	Missing     acd.Reason = "missing"     // this host is expected to have it, and has not
	Interrupted acd.Reason = "interrupted" // the run was ended before the address was settled
)

// Finding is the outcome for one address on one interface.
type Finding struct {
	Address   netip.Addr
	Interface string
	Outcome   acd.Outcome
	Reason    acd.Reason
	Claims    []acd.ClaimSeen
	// Controls are the stations that answered for gateways and neighbours.
	Controls map[netip.Addr][]frame.MAC
	// Tentative says that this host does not have the address.
	Tentative bool
	// DADFailed says that the kernel itself saw another owner.
	DADFailed           bool
	Probes              int
	FirstProbe, Settled time.Time
	// Since is when a conflict was first seen, in any of the rounds.
	Since time.Time
	// Again says that the finding will be looked at once more.
	Again bool
}

func (p *play) finding(r acd.Result) Finding {
	a := r.Subject.Address
	f := Finding{
		Address: a, Interface: p.at.Name, Outcome: r.Outcome, Reason: r.Reason, Claims: r.Claims,
		Controls: p.machine.Controls(), Tentative: r.Subject.Tentative, DADFailed: p.dadFailed[a],
		Probes: r.Probes, FirstProbe: r.FirstProbe, Settled: r.Settled,
	}
	if r.Outcome == acd.Conflict {
		f.Since = r.Claims[0].First
		if earlier := p.before[a]; earlier.Outcome == acd.Conflict {
			f.Since = earlier.Since
		}
	}
	return f
}

// reporter prints findings as they come and remembers them for the exit code.
type reporter struct {
	options        Options
	stdout, stderr io.Writer
	findings       []Finding
	kept           []link.Kept
	again          map[place]*asking
	err            error
}

// place names an address on an interface.
type place struct {
	address netip.Addr
	device  string
}

// asking is how often an address was asked for again, and why the last time.
type asking struct {
	why   string
	times int
}

func newReporter(o Options, stdout, stderr io.Writer) *reporter {
	return &reporter{options: o, stdout: stdout, stderr: stderr, again: map[place]*asking{}}
}

// unreached says which controls no interface can ask: a mistyped one would be
// missed by nobody.
func (r *reporter) unreached(segments []segment) {
	for _, c := range r.options.Controls {
		if !slices.ContainsFunc(segments, func(s segment) bool { return slices.Contains(s.controls, c) }) {
			r.write(r.stderr, fmt.Sprintf("control %s is not asked: it lies in no subnet of the interfaces that are probed\n", c))
		}
	}
}

// leftOut says once which interfaces were not probed because they do not lead out
// of this machine, where the run is about all of them.
func (r *reporter) leftOut(host link.Host, segments []segment) {
	if len(r.options.Addresses) > 0 {
		return
	}
	unprobed := link.Host{Interfaces: slices.DeleteFunc(slices.Clone(host.Interfaces), func(i link.Interface) bool {
		return slices.ContainsFunc(segments, func(s segment) bool { return s.at.Index == i.Index })
	})}
	r.kept = unprobed.KeptInside(r.options.Excluded, r.options.Interfaces)
	if len(r.kept) == 0 {
		return
	}
	var kept []string
	for _, k := range r.kept {
		kept = append(kept, k.String())
	}
	r.write(r.stderr, fmt.Sprintf("left out, as they do not lead out of this machine: %s\n  hint: --include-interface NAME probes them too\n", strings.Join(kept, ", ")))
}

func (r *reporter) settled(f Finding) {
	at := place{f.Address, f.Interface}
	if f.Again {
		r.askingAgain(at, headline(f))
		return
	}
	r.askedAgain(at)
	r.findings = append(r.findings, f)
	if !r.options.JSON {
		r.write(r.stdout, text(f, r.options.InconclusivePasses))
	}
}

// askingAgain says why an address is asked for again, once for each reason.
func (r *reporter) askingAgain(at place, why string) {
	if a := r.again[at]; a != nil && a.why == why {
		a.times++
		return
	}
	r.askedAgain(at)
	r.again[at] = &asking{why, 1}
	r.write(r.stderr, fmt.Sprintf("%s on %s: %s; asking again, for %s at most\n", at.address, at.device, why, r.options.RetryFor))
}

// askedAgain says how often that was, when it is over.
func (r *reporter) askedAgain(at place) {
	if a := r.again[at]; a != nil && a.times > 1 {
		r.write(r.stderr, fmt.Sprintf("%s on %s: asked again %s, with the same answer\n", at.address, at.device, plural.Of(a.times, "time")))
	}
	delete(r.again, at)
}

// owners asks to whom the addresses are promised that others claim. That a plan
// could not be read changes no outcome.
func (r *reporter) owners() map[netip.Addr][]string {
	var asked []netip.Addr
	for _, f := range r.findings {
		claimed := f.Outcome == acd.Conflict || f.Outcome == acd.Inconclusive && len(f.Claims) > 0
		if (claimed || r.options.OwnersOfAll) && !slices.Contains(asked, f.Address) {
			asked = append(asked, f.Address)
		}
	}
	if r.options.Owners == nil || len(asked) == 0 {
		return nil
	}
	owners, err := r.options.Owners(asked)
	if err != nil {
		r.write(r.stderr, fmt.Sprintf("ipguard: %s\n", err))
	}
	if !r.options.JSON {
		for _, a := range asked {
			for _, o := range owners[a] {
				r.write(r.stdout, fmt.Sprintf("%s is promised to %s\n", a, o))
			}
		}
	}
	return owners
}

func (r *reporter) write(w io.Writer, s string) {
	if _, err := io.WriteString(w, s); err != nil && r.err == nil {
		r.err = fmt.Errorf("writing the report: %w", err)
	}
}

// finish prints what waits for the end and returns the first error of writing.
func (r *reporter) finish() error {
	owners := r.owners()
	if r.options.JSON {
		encoder := json.NewEncoder(r.stdout)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(r.document(owners)); err != nil && r.err == nil {
			r.err = fmt.Errorf("writing the report: %w", err)
		}
	}
	return r.err
}

// exitCode: a conflict outweighs what is inconclusive, and both outweigh free.
func (r *reporter) exitCode() int {
	has := func(outcomes ...acd.Outcome) bool {
		return slices.ContainsFunc(r.findings, func(f Finding) bool { return slices.Contains(outcomes, f.Outcome) })
	}
	switch {
	case has(acd.Conflict):
		return ExitConflict
	case has(acd.Inconclusive, acd.ProxyAnswers) && !r.options.InconclusivePasses:
		return ExitInconclusive
	}
	return ExitFree
}

// Text. The first line of a finding says all that a log needs: outcome, address,
// interface, and who or why.

func text(f Finding, passes bool) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s: %s", f.Outcome, f.Address)
	if f.Interface != "" {
		fmt.Fprintf(&b, " on %s", f.Interface)
	}
	fmt.Fprintf(&b, ": %s\n", headline(f))
	for _, c := range f.Claims {
		b.WriteString("  " + claimText(f, c) + "\n")
	}
	if f.DADFailed {
		b.WriteString("  the kernel saw another owner too and does not use the address (dadfailed)\n")
	}
	if h := hint(f, passes); h != "" {
		b.WriteString("  hint: " + h + "\n")
	}
	return b.String()
}

func headline(f Finding) string {
	switch f.Outcome {
	case acd.Free:
		return fmt.Sprintf("nobody else answers (asked %s, %s answered)", f.Settled.Sub(f.FirstProbe).Round(time.Millisecond), controlText(f))
	case acd.Conflict:
		return fmt.Sprintf("another station has it: %s, since %s", stations(f), f.Since.UTC().Format(time.RFC3339))
	case acd.Held:
		return "one other station has it, as an address that moves may be: " + stations(f)
	case acd.SharedByRule:
		return "shared as declared with " + stations(f)
	case acd.ProxyAnswers:
		return fmt.Sprintf("%s answers for every address, so an answer proves nothing", stations(f))
	}
	return reasonText(f)
}

func reasonText(f Finding) string {
	switch f.Reason {
	case acd.NoCarrier:
		return "the interface is down or has no link"
	case acd.NoControl:
		return "nobody answers on this segment, not even a gateway or a known neighbour"
	case acd.NobodyToAsk:
		return "no gateway and no neighbour is known that could prove that silence means free"
	case acd.SendFailed:
		return "the kernel did not send our probes"
	case acd.GatewayAnswers:
		return fmt.Sprintf("the gateway itself answers for it: %s", stations(f))
	case acd.Unconfirmed:
		return fmt.Sprintf("%s claimed it, but not when it was asked again", stations(f))
	case acd.MismatchedClaim:
		return fmt.Sprintf("claimed in the name of %s by another station", stations(f))
	case acd.RivalProbe:
		return fmt.Sprintf("%s asks for it at the same time and may be about to take it", stations(f))
	case NotReached:
		return "it lies in no subnet of this host's interfaces"
	case Missing:
		return "this host is expected to have it, but no interface has it"
	case Interrupted:
		return "the probe was interrupted"
	}
	return string(f.Reason)
}

func hint(f Finding, passes bool) string {
	switch {
	case f.Outcome == acd.Conflict && f.Tentative:
		return "take another address"
	case f.Outcome == acd.Conflict:
		return "find the station by its MAC in the switch or hypervisor; one of the two must give the address up"
	case f.Outcome == acd.Inconclusive && passes:
		return "nothing was proven; this is not counted as a failure because inconclusive outcomes may pass"
	case f.Reason == acd.NobodyToAsk:
		return "name an address that must answer with --control"
	case f.Reason == acd.MismatchedClaim:
		return "if that is a load balancer that shares the address, declare it with --shared"
	}
	return ""
}

func stations(f Finding) string {
	var names []string
	for _, c := range f.Claims {
		if f.Outcome == acd.Conflict && !c.Believed {
			continue
		}
		if name := describe(c.MAC); !slices.Contains(names, name) {
			names = append(names, name)
		}
	}
	slices.Sort(names) // two of them answer in any order
	return strings.Join(names, ", ")
}

func claimText(f Finding, c acd.ClaimSeen) string {
	from := ""
	if c.Source != c.MAC {
		from = " sent by " + describe(c.Source)
	}
	if f.Outcome == acd.Conflict && !c.Believed {
		from += " (not believed)"
	}
	return fmt.Sprintf("%s%s: %s, %s, first %s after the first probe, at %s", c.MAC, from, c.Kind, plural.Of(c.Count, "time"),
		c.First.Sub(f.FirstProbe).Round(10*time.Microsecond), c.First.UTC().Format(time.RFC3339Nano))
}

func controlText(f Finding) string {
	var addresses []netip.Addr
	for a := range f.Controls {
		addresses = append(addresses, a)
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	var names []string
	for _, a := range addresses {
		names = append(names, a.String())
	}
	return strings.Join(names, ", ")
}

// JSON.

type document struct {
	Version int           `json:"version"`
	Results []jsonFinding `json:"results"`
	LeftOut []link.Kept   `json:"left_out,omitempty"`
}

type jsonFinding struct {
	Address    netip.Addr    `json:"address"`
	Interface  string        `json:"interface,omitempty"`
	Outcome    string        `json:"outcome"`
	Reason     acd.Reason    `json:"reason,omitempty"`
	Message    string        `json:"message"`
	Tentative  bool          `json:"tentative"`
	DADFailed  bool          `json:"dad_failed"`
	ProbedAt   *time.Time    `json:"probed_at,omitempty"`
	Since      *time.Time    `json:"since,omitempty"`
	SettledMS  float64       `json:"settled_after_ms"`
	Claims     []jsonClaim   `json:"claims"`
	Controls   []jsonControl `json:"controls"`
	ProbesSeen int           `json:"probes_seen"`
	PromisedTo []string      `json:"promised_to,omitempty"`
}

type jsonClaim struct {
	MAC            frame.MAC `json:"mac"`
	EthernetSource frame.MAC `json:"ethernet_source"`
	Vendor         string    `json:"vendor,omitempty"`
	Verdict        string    `json:"verdict"`
	Believed       bool      `json:"believed"`
	Kind           string    `json:"kind"`
	Count          int       `json:"count"`
	First          time.Time `json:"first"`
	Last           time.Time `json:"last"`
}

type jsonControl struct {
	Address netip.Addr  `json:"address"`
	MACs    []frame.MAC `json:"macs"`
}

func (r *reporter) document(owners map[netip.Addr][]string) document {
	d := document{Version: 1, Results: []jsonFinding{}, LeftOut: r.kept}
	for _, f := range r.findings {
		j := jsonFinding{
			Address: f.Address, Interface: f.Interface, Outcome: f.Outcome.String(), Reason: f.Reason, Message: headline(f),
			Tentative: f.Tentative, DADFailed: f.DADFailed, ProbesSeen: f.Probes, PromisedTo: owners[f.Address],
			Claims: []jsonClaim{}, Controls: []jsonControl{},
		}
		if !f.FirstProbe.IsZero() {
			j.ProbedAt = &f.FirstProbe
			j.SettledMS = float64(f.Settled.Sub(f.FirstProbe).Microseconds()) / 1000
		}
		if !f.Since.IsZero() {
			j.Since = &f.Since
		}
		for _, c := range f.Claims {
			j.Claims = append(j.Claims, jsonClaim{MAC: c.MAC, EthernetSource: c.Source, Vendor: oui.Vendor(c.MAC),
				Verdict: c.Verdict.String(), Believed: c.Believed, Kind: c.Kind.String(), Count: c.Count, First: c.First, Last: c.Last})
		}
		for a, macs := range f.Controls {
			j.Controls = append(j.Controls, jsonControl{Address: a, MACs: macs})
		}
		slices.SortFunc(j.Controls, func(a, b jsonControl) int { return a.Address.Compare(b.Address) })
		d.Results = append(d.Results, j)
	}
	return d
}
