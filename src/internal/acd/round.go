package acd

import (
	"maps"
	"net/netip"
	"slices"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/mdlayher/ndp"
)

// Outcome is what a Round found out about one address.
type Outcome uint8

// The outcomes.
const (
	// Free: nobody but this host has it, and silence was proven to mean that.
	Free Outcome = iota + 1
	// Conflict: another station has it, and said so again when it was asked.
	Conflict
	// SharedByRule: only stations that were declared to share it claimed it.
	SharedByRule
	// ProxyAnswers: only stations that answer for every address claimed it.
	ProxyAnswers
	// Inconclusive: nothing was proven; Reason says why.
	Inconclusive
	// Held: one other station has an address that moves, and this host has not.
	Held
)

var outcomeNames = [...]string{Free: "free", Conflict: "conflict", SharedByRule: "shared", ProxyAnswers: "proxy", Inconclusive: "inconclusive", Held: "held"}

// String is the outcome's name in text and JSON.
func (o Outcome) String() string {
	if int(o) < len(outcomeNames) && outcomeNames[o] != "" {
		return outcomeNames[o]
	}
	return "pending"
}

// Reason says why an outcome is Inconclusive.
type Reason string

// The reasons.
const (
	NoCarrier       Reason = "no-carrier"       // the interface is down or has no link
	NoControl       Reason = "no-control"       // nobody answers, not even whom we know to be there
	NobodyToAsk     Reason = "nobody-to-ask"    // no gateway or neighbour is known that could prove that frames get through
	SendFailed      Reason = "send-failed"      // the kernel did not take our frames
	GatewayAnswers  Reason = "gateway-answers"  // the gateway's own MAC answers for it
	Unconfirmed     Reason = "unconfirmed"      // claimed, but not again when asked
	MismatchedClaim Reason = "mismatched-claim" // claimed by a station that is not the frame's sender
	RivalProbe      Reason = "rival-probe"      // somebody else probes for it at the same time
)

// ClaimSeen is one station's claim to one address.
type ClaimSeen struct {
	// MAC is the station that the message speaks of, Source the one that the
	// Ethernet frame came from.
	MAC, Source frame.MAC
	Verdict     Verdict
	Kind        frame.Kind
	First, Last time.Time
	Count       int
	// Believed says that the station has the address: it repeated its claim, and
	// is none that answers for everything.
	Believed bool
	asked    int
	firm     int // how many of Count were of verdict Claim: a rival's probe is none
}

// Result is what is known about one subject.
type Result struct {
	Subject Subject
	Outcome Outcome
	Reason  Reason
	// Claims are those of other stations, at most maxClaims, first seen first.
	Claims []ClaimSeen
	// Probes counts probes of others for the address.
	Probes int
	// FirstProbe and Settled are zero if it did not come to that.
	FirstProbe, Settled time.Time
}

// maxClaims bounds what a segment full of liars can make us remember.
const maxClaims = 16

// RoundConfig is what a Round is to find out, and from where.
type RoundConfig struct {
	Station  Station
	Subjects []Subject
	// Gateways and Neighbours are expected to answer; an answer of any of them
	// proves that frames get out to the segment and back. A gateway's own MAC is
	// besides no believable second owner of an address; a neighbour's is.
	Gateways, Neighbours []netip.Addr
	// Forbidden are addresses of the segment that nobody can have: whoever
	// answers for one answers for everything.
	Forbidden []netip.Addr
	Carrier   bool
	Timing    Timing
	// Random returns a duration in [0, d); tests make it predictable.
	Random func(d time.Duration) time.Duration
	// Nonce makes the nonce of one IPv6 probe; nil leaves it out.
	Nonce func() *ndp.Nonce
}

// Round probes addresses on one interface once. Drive it so: send what Due
// returns, hand every frame to Receive, and call Due again at Next. It is done
// when Next reports false.
type Round struct {
	config   RoundConfig
	results  []Result
	controls map[netip.Addr][]frame.MAC // who answered for each gateway and neighbour
	proxies  map[frame.MAC]bool
	nonces   map[string]bool
	queue    [][]byte
	sent     int // probes of each address so far
	next     time.Time
	failed   bool
	done     bool
}

// NewRound returns a Round that starts at now, or within the start delay after.
func NewRound(config RoundConfig, now time.Time) *Round {
	r := &Round{
		config: config, controls: map[netip.Addr][]frame.MAC{}, proxies: map[frame.MAC]bool{},
		nonces: map[string]bool{}, next: now.Add(config.Random(config.Timing.StartDelay)),
	}
	for _, s := range config.Subjects {
		r.results = append(r.results, Result{Subject: s})
	}
	if !config.Carrier {
		r.finish(now)
	}
	return r
}

// Next returns when Due has to be called again, and false once all is settled.
func (r *Round) Next() (time.Time, bool) { return r.next, !r.done }

// Results returns what is known now, in the order of the subjects. An outcome
// of zero is not settled yet.
func (r *Round) Results() []Result {
	results := slices.Clone(r.results)
	for i := range results {
		results[i].Claims = slices.Clone(results[i].Claims)
	}
	return results
}

// controlled reports whether somebody answered a control question, so that
// frames get out to the segment and back. Where gateways of the address's own
// family are known, one of that family has to answer: a switch may let ARP pass
// and lose multicast.
func (r *Round) controlled(a netip.Addr) bool {
	sameFamily := func(c netip.Addr) bool { return c.Is4() == a.Is4() }
	if !slices.ContainsFunc(r.config.Gateways, sameFamily) {
		return len(r.controls) > 0
	}
	for c := range r.controls {
		if sameFamily(c) {
			return true
		}
	}
	return false
}

// Controls returns who answered for each control address.
func (r *Round) Controls() map[netip.Addr][]frame.MAC { return maps.Clone(r.controls) }

// Failed records that the kernel did not take a frame: nothing that is silent
// after that is proven free.
func (r *Round) Failed() { r.failed = true }

// Due returns the frames to send at now.
func (r *Round) Due(now time.Time) [][]byte {
	if !r.done && !now.Before(r.next) {
		if r.sent < r.config.Timing.Probes {
			r.probeAll(now)
		} else {
			r.finish(now)
		}
	}
	frames := r.queue
	r.queue = nil
	return frames
}

// probeAll asks for everything that is still open. The forbidden addresses come
// first: a station that answers for everything has then said so by the time
// that its answer for a subject arrives.
func (r *Round) probeAll(now time.Time) {
	for _, a := range r.config.Forbidden {
		r.ask(a, frame.MAC{})
	}
	for _, a := range slices.Concat(r.config.Gateways, r.config.Neighbours) {
		if len(r.controls[a]) == 0 {
			r.ask(a, frame.MAC{})
		}
	}
	for i := range r.results {
		if r.results[i].Outcome != 0 {
			continue
		}
		if r.sent == 0 {
			r.results[i].FirstProbe = now
		}
		r.ask(r.results[i].Subject.Address, frame.MAC{})
	}
	r.sent++
	t := r.config.Timing
	if r.sent < t.Probes {
		r.next = now.Add(t.MinGap + r.config.Random(t.MaxGap-t.MinGap))
	} else {
		r.next = now.Add(t.Wait)
	}
}

// ask queues one probe; a zero destination asks everybody.
func (r *Round) ask(target netip.Addr, destination frame.MAC) {
	var nonce *ndp.Nonce
	if target.Is6() && r.config.Nonce != nil {
		nonce = r.config.Nonce()
		r.nonces[nonce.String()] = true
	}
	b, err := frame.Probe(r.config.Station.MAC, target, destination, nonce)
	if err != nil {
		r.failed = true
		return
	}
	r.queue = append(r.queue, b)
}

// Receive judges one frame, or the error of reading it, and returns the most
// telling verdict over all subjects. Call Due afterwards: a claim is answered
// with a question at once.
func (r *Round) Receive(f frame.Frame, err error, now time.Time) Verdict {
	if err != nil || f.VLAN != 0 {
		return Judge(f, err, r.config.Station, Subject{})
	}
	r.noteControl(f)
	verdict := Unrelated
	for i := range r.results {
		v := Judge(f, err, r.config.Station, r.results[i].Subject)
		if r.nonces[f.Nonce] && f.Nonce != "" && (v == Probe || v == Rival) {
			v = Echo
		}
		r.note(&r.results[i], v, f, now)
		verdict = max(verdict, v)
	}
	return verdict
}

// noteControl remembers who answers for control and forbidden addresses. Only
// an answer counts as a control: what somebody says by himself shows that we
// hear, not that we are heard.
func (r *Round) noteControl(f frame.Frame) {
	claimed, ok := f.Claims()
	if !ok || r.config.Station.Host[f.SenderMAC] || f.Kind > frame.NeighborAdvertisement {
		return
	}
	if slices.Contains(r.config.Forbidden, claimed) && len(r.proxies) < maxClaims {
		r.proxies[f.SenderMAC] = true
	}
	answer := f.Kind == frame.NeighborAdvertisement || f.Kind == frame.ARPReply && f.Destination == r.config.Station.MAC
	asked := slices.Contains(r.config.Gateways, claimed) || slices.Contains(r.config.Neighbours, claimed)
	macs := r.controls[claimed]
	if answer && asked && !slices.Contains(macs, f.SenderMAC) && len(macs) < maxClaims {
		r.controls[claimed] = append(macs, f.SenderMAC)
	}
}

func (r *Round) note(result *Result, v Verdict, f frame.Frame, now time.Time) {
	switch {
	case r.done:
	case v == Probe:
		result.Probes++
	case v == Rival || v == Shared || v.Foreign():
		r.noteClaim(result, v, f, now)
	}
}

// noteClaim counts a station's claim and asks that station again, until it has
// said the same thing often enough to be believed.
func (r *Round) noteClaim(result *Result, v Verdict, f frame.Frame, now time.Time) {
	i := slices.IndexFunc(result.Claims, func(c ClaimSeen) bool { return c.MAC == f.SenderMAC && c.Source == f.Source })
	if i < 0 {
		if len(result.Claims) == maxClaims {
			return
		}
		i = len(result.Claims)
		result.Claims = append(result.Claims, ClaimSeen{MAC: f.SenderMAC, Source: f.Source, Verdict: v, Kind: f.Kind, First: now})
	}
	c := &result.Claims[i]
	c.Count++
	c.Last, c.Verdict = now, max(c.Verdict, v)
	if v == Claim {
		c.firm++
	}
	if !v.Foreign() || result.Outcome != 0 {
		return
	}
	if r.believes(*c) {
		c.Believed = true
		if !result.mayStillBeHeld() {
			settle(result, Conflict, "", now)
			r.checkDone()
		}
		return
	}
	if c.asked < confirmations {
		c.asked++
		for _, a := range r.config.Forbidden {
			if a.Is4() == result.Subject.Address.Is4() {
				r.ask(a, c.Source)
			}
		}
		r.ask(result.Subject.Address, c.Source)
	}
}

// believes reports whether a claim proves a conflict.
func (r *Round) believes(c ClaimSeen) bool {
	return c.firm > confirmations && !r.proxies[c.MAC] && !r.isGateway(c.MAC)
}

// mayStillBeHeld reports whether the address moves, and only one station has been
// believed to have it.
func (x *Result) mayStillBeHeld() bool {
	if !x.Subject.Moves || !x.Subject.Tentative {
		return false
	}
	var holder frame.MAC
	for _, c := range x.Claims {
		if c.Believed && !holder.IsZero() && c.MAC != holder {
			return false
		}
		if c.Believed {
			holder = c.MAC
		}
	}
	return true
}

// isGateway reports whether the station answered for a gateway's address.
func (r *Round) isGateway(m frame.MAC) bool {
	return slices.ContainsFunc(r.config.Gateways, func(a netip.Addr) bool { return slices.Contains(r.controls[a], m) })
}

func settle(result *Result, o Outcome, reason Reason, now time.Time) {
	result.Outcome, result.Reason, result.Settled = o, reason, now
}

func (r *Round) checkDone() {
	r.done = !slices.ContainsFunc(r.results, func(x Result) bool { return x.Outcome == 0 })
}

// finish settles what is open when the last wait is over.
func (r *Round) finish(now time.Time) {
	for i := range r.results {
		if r.results[i].Outcome == 0 {
			o, reason := r.conclude(r.results[i])
			settle(&r.results[i], o, reason, now)
		}
	}
	r.done = true
}

// conclude weighs the claims that did not settle a subject by themselves. The
// gravest decides.
func (r *Round) conclude(result Result) (Outcome, Reason) {
	if !r.config.Carrier {
		return Inconclusive, NoCarrier
	}
	weigh := func(match func(ClaimSeen) bool) bool { return slices.ContainsFunc(result.Claims, match) }
	open := func(c ClaimSeen) bool { return c.Verdict.Foreign() && !r.proxies[c.MAC] && !c.Believed }
	switch {
	case weigh(func(c ClaimSeen) bool { return open(c) && r.isGateway(c.MAC) }):
		return Inconclusive, GatewayAnswers
	case weigh(func(c ClaimSeen) bool { return open(c) && c.Verdict == Suspect }):
		return Inconclusive, MismatchedClaim
	case weigh(open):
		return Inconclusive, Unconfirmed
	case weigh(func(c ClaimSeen) bool { return c.Verdict == Rival }):
		return Inconclusive, RivalProbe
	case weigh(func(c ClaimSeen) bool { return c.Believed }):
		return Held, ""
	case weigh(func(c ClaimSeen) bool { return c.Verdict.Foreign() }):
		return ProxyAnswers, ""
	case weigh(func(c ClaimSeen) bool { return c.Verdict == Shared }):
		return SharedByRule, ""
	case r.failed:
		return Inconclusive, SendFailed
	case r.controlled(result.Subject.Address):
		return Free, ""
	case len(r.config.Gateways)+len(r.config.Neighbours) == 0:
		return Inconclusive, NobodyToAsk
	}
	return Inconclusive, NoControl
}
