package probe

import (
	"context"
	"net/netip"
	"slices"
	"time"

	"github.com/mdlayher/ndp"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// probe plays rounds on the interface until every address is settled, and hands
// each finding over when it is. The error says that no socket could be opened.
func (s segment) probe(ctx context.Context, o Options, settled chan<- Finding) error {
	port, err := o.Open(s.at, s.protocols(), s.groups())
	if err != nil {
		return err
	}
	// The kernel takes longer to close a socket than a twin takes to answer.
	defer func() { _ = port.Abandon() }() // all is said by then
	received, broken := make(chan link.Received, 64), make(chan error, 2)
	stop := make(chan struct{})
	defer close(stop)
	port.Receive(func(r link.Received) {
		select {
		case received <- r:
		case <-stop:
		}
	}, func(err error) { broken <- err })

	deadline := time.Now().Add(o.RetryFor)
	before := map[netip.Addr]Finding{}
	for subjects := s.subjects; len(subjects) > 0; {
		last := !time.Now().Add(retryEvery).Before(deadline)
		p := play{segment: s, port: port, received: received, broken: broken, before: before}
		again := p.round(ctx, o, subjects, last, settled)
		subjects = nil
		for _, a := range again {
			subjects = append(subjects, a.subject)
			before[a.subject.Address] = a.finding
		}
		if len(again) > 0 && !rest(ctx) {
			for _, a := range again {
				a.finding.Again = false
				settled <- a.finding
			}
			return nil
		}
	}
	return nil
}

// rest waits for the next round; false if the run ends before.
func rest(ctx context.Context) bool {
	select {
	case <-time.After(retryEvery):
		return true
	case <-ctx.Done():
		return false
	}
}

// unsettled is a subject that has to be asked for again, and what it would be if
// it could not.
type unsettled struct {
	subject acd.Subject
	finding Finding
}

func (s segment) protocols() (p []link.Protocol) {
	for _, x := range s.subjects {
		want := link.ARP
		if x.Address.Is6() {
			want = link.IPv6
		}
		if !slices.Contains(p, want) {
			p = append(p, want)
		}
	}
	// Where IPv6 has nobody to ask, an IPv4 gateway proves that frames pass.
	if !slices.Contains(p, link.ARP) && len(s.ofFamily(s.at.Gateways, false)) == 0 && len(s.ofFamily(s.at.Gateways, true)) > 0 {
		p = append(p, link.ARP)
	}
	return p
}

// groups are the Ethernet groups that neighbour discovery is heard by: all
// nodes, where answers to a probe go, and the solicited-node groups, where
// others probe. The kernel has joined them only for addresses that it has.
func (s segment) groups() []frame.MAC {
	groups := []frame.MAC{frame.MulticastMAC(netip.IPv6LinkLocalAllNodes())}
	for _, x := range s.subjects {
		if x.Address.Is4() {
			continue
		}
		if group, err := ndp.SolicitedNodeMulticast(x.Address); err == nil && !slices.Contains(groups, frame.MulticastMAC(group)) {
			groups = append(groups, frame.MulticastMAC(group))
		}
	}
	return groups
}

func (s segment) ofFamily(addresses []netip.Addr, four bool) (out []netip.Addr) {
	for _, a := range addresses {
		if a.Is4() == four {
			out = append(out, a)
		}
	}
	return out
}

// play is one round under way.
type play struct {
	segment
	port     *link.Port
	received <-chan link.Received
	broken   <-chan error
	machine  *acd.Round
	reported map[netip.Addr]bool
	before   map[netip.Addr]Finding // of the round before, where it is asked again
}

// round probes the subjects once. It returns those that have to be asked again:
// conflicts, and claims that were not confirmed, unless it is the last round.
func (p *play) round(ctx context.Context, o Options, subjects []acd.Subject, last bool, settled chan<- Finding) (again []unsettled) {
	p.reported = map[netip.Addr]bool{}
	p.machine = acd.NewRound(p.config(o, subjects), time.Now())
	report := func(reason acd.Reason) {
		for _, r := range p.machine.Results() {
			if p.reported[r.Subject.Address] || r.Outcome == 0 && reason == "" {
				continue
			}
			if r.Outcome == 0 {
				r.Outcome, r.Reason, r.Settled = acd.Inconclusive, reason, time.Now()
			}
			p.reported[r.Subject.Address] = true
			f := p.finding(r)
			if earlier := p.before[f.Address]; r.Reason == Interrupted && earlier.Outcome == acd.Conflict {
				f = earlier // seen, and not unseen since
				f.Again = false
			}
			if !last && ctx.Err() == nil && (r.Outcome == acd.Conflict || r.Reason == acd.Unconfirmed) {
				f.Again = true
				again = append(again, unsettled{r.Subject, f})
			}
			settled <- f
		}
	}
	for {
		next, more := p.machine.Next()
		p.send(p.machine.Due(time.Now()))
		report("")
		if !more {
			return again
		}
		if err := p.wait(ctx, next); err != nil {
			report(Interrupted)
			return again
		}
	}
}

func (p *play) send(frames [][]byte) {
	for _, b := range frames {
		if p.port.Send(b) != nil {
			p.machine.Failed()
		}
	}
}

// wait hands what arrives to the round, until its next moment.
func (p *play) wait(ctx context.Context, next time.Time) error {
	timer := time.NewTimer(time.Until(next))
	defer timer.Stop()
	select {
	case r := <-p.received:
		p.machine.Receive(r.Frame, r.Err, r.At)
	case <-p.broken:
		p.machine.Failed()
		<-timer.C
	case <-timer.C:
	case <-ctx.Done():
		return ctx.Err()
	}
	return nil
}

func (p *play) config(o Options, subjects []acd.Subject) acd.RoundConfig {
	c := acd.RoundConfig{
		Station:   acd.Station{MAC: p.at.MAC, Host: p.host},
		Subjects:  subjects,
		Forbidden: p.forbidden,
		Carrier:   p.at.Carrier,
		Timing:    o.Timing,
		Random:    randomDuration,
		Nonce:     newNonce,
	}
	for _, protocol := range p.protocols() {
		four := protocol == link.ARP
		c.Gateways = append(c.Gateways, p.ofFamily(p.at.Gateways, four)...)
		c.Neighbours = append(c.Neighbours, p.ofFamily(slices.Concat(p.at.Neighbours, p.controls), four)...)
	}
	// An address that is itself in question proves nothing about others.
	inQuestion := func(a netip.Addr) bool {
		return slices.ContainsFunc(p.subjects, func(s acd.Subject) bool { return s.Address == a })
	}
	c.Gateways = slices.DeleteFunc(c.Gateways, inQuestion)
	c.Neighbours = slices.DeleteFunc(c.Neighbours, inQuestion)
	return c
}
