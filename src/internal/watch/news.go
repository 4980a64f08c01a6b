package watch

import (
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/acd"
	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

// What this host has changes while it is watched, and the kernel's news of it can
// be late, or lost. Four things keep that from doing harm: an address that is
// removed is dropped at once; it is read back before anything is sent for it, and
// before somebody else's claim to it counts; everything is read again when news
// was lost, or when this process was not run for a while; and it is read again
// from time to time in any case.

// news is what the daemon knows about its knowledge of this host.
type news struct {
	lost     uint64    // how often news was lost
	lastLost time.Time // and when
	deaf     error     // why the kernel tells nothing now
	stale    error     // why this host could not be read the last time
	readAt   time.Time // when it was read, by the wall's clock
	checked  time.Time // when recheck last ran, by the wall's clock
	voice    voice
}

const (
	// rereadEvery is how old the picture of this host may get without any news.
	rereadEvery = 30 * time.Second
	// asleep is the gap between two rechecks, of retryOpen each, that shows that
	// the process or its machine was stopped.
	asleep = 2 * retryOpen
	// lostShown is how long lost news, or lost frames, are a reason to be degraded.
	lostShown = time.Minute
)

// wall drops the monotonic part, which stands still while a machine is suspended.
func wall(t time.Time) time.Time { return t.Round(0) }

// follower hears what changes on this host.
func (d *daemon) follower() link.Follower {
	return link.Follower{
		Removed: func(index int, a netip.Addr) { d.do(func(time.Time) { d.removed(index, a) }) },
		Changed: func() { d.do(func(time.Time) { d.refresh() }) },
		Lost:    func(why error) { d.do(func(now time.Time) { d.newsLost(why.Error(), now) }) },
		Deaf:    func(why error) { d.do(func(now time.Time) { d.deaf(why, now) }) },
	}
}

// removed drops an address, unless it is back already.
func (d *daemon) removed(index int, a netip.Addr) {
	if s := d.segments[index]; s != nil && s.own[a] != nil {
		d.stillOurs(s, s.own[a])
	}
}

// newsLost reads everything again.
func (d *daemon) newsLost(why string, now time.Time) {
	d.news.lost++
	d.news.lastLost = now
	d.say(&d.news.voice, now, func() {
		d.log.Warn("changes of this host were missed; everything is read again", "reason", why)
	})
	d.refresh()
}

// deaf notes that the kernel tells nothing; nil says that it does again.
func (d *daemon) deaf(why error, now time.Time) {
	if why != nil && d.news.deaf == nil {
		d.log.Error("the kernel does not tell what changes on this host; it is read every few seconds", "error", why.Error())
	}
	d.news.deaf = why
}

// refresh follows what has changed on this host.
func (d *daemon) refresh() {
	err := d.reconcile()
	if err != nil && d.news.stale == nil {
		d.say(&d.news.voice, d.kernel.now(), func() {
			d.log.Error("interfaces cannot be read; watching what was known", "error", err.Error())
		})
	}
	d.news.stale = err
}

// recheck runs every retryOpen. It reads this host again if that is due: because
// something could not be read or opened, because nobody tells, because this
// process was stopped, or because it is long ago.
func (d *daemon) recheck(now time.Time) {
	d.unmuteAll(d.kernel.now())
	d.serveLate()
	gap := now.Sub(d.news.checked)
	d.news.checked = now
	switch {
	case gap >= asleep:
		d.newsLost("this process was not run for "+gap.Round(time.Second).String(), now)
	case d.news.deaf != nil, d.news.stale != nil, now.Sub(d.news.readAt) >= rereadEvery, d.unopened():
		d.refresh()
	}
}

// unopened reports whether an interface that is wanted is not watched yet.
func (d *daemon) unopened() bool {
	for _, i := range d.wanted() {
		if d.segments[i.Index] == nil {
			return true
		}
	}
	return false
}

// unheard says why the picture of this host may be wrong.
func (n *news) unheard(now time.Time) (reasons []string) {
	switch {
	case n.deaf != nil:
		reasons = append(reasons, "the kernel does not tell what changes on this host")
	case !n.lastLost.IsZero() && now.Sub(n.lastLost) < lostShown:
		reasons = append(reasons, "changes of this host were missed within the last minute")
	}
	if n.stale != nil {
		reasons = append(reasons, "the interfaces of this host cannot be read")
	}
	return reasons
}

// stillOurs reads the address back: whether this host may speak for it. One that has
// gone is dropped at once.
func (d *daemon) stillOurs(s *segment, own *address) bool {
	held, usable := d.readBack(s, own)
	return held && usable
}

// readBack reports whether this host has the address, and whether its kernel uses
// it: one that failed duplicate address detection may be asked for, and not claimed.
func (d *daemon) readBack(s *segment, own *address) (held, usable bool) {
	if s.own[own.detector.Address()] != own {
		return false, false // it left while a question about it was under way
	}
	held, usable, err := d.kernel.holds(s.at.Index, s.at.MAC, own.detector.Address())
	if err != nil {
		s.failures++
		d.say(&d.news.voice, d.kernel.now(), func() {
			d.log.Error("address cannot be read back; nothing is sent for it", "address", own.detector.Address(), "interface", s.at.Name, "error", err.Error())
		})
		return false, false
	}
	own.readBack = d.kernel.now()
	if !held {
		d.forget(s, own.detector.Address(), own)
	}
	return held, usable
}

// sendFor sends what the detector wants sent for its address, if that is still
// ours at the moment of each frame.
func (d *daemon) sendFor(s *segment, own *address) {
	for _, b := range own.detector.Frames() {
		held, usable := d.readBack(s, own)
		if !held || !usable && claims(b) {
			continue
		}
		if err := s.wire.Send(b); err != nil {
			s.failures++
		}
	}
}

// claims reports whether a frame speaks for an address; a question in nobody's name
// does not.
func claims(b []byte) bool {
	f, err := frame.Parse(b)
	if err != nil {
		return true
	}
	_, claims := f.Claims()
	return claims
}

// readBackEvery bounds how often a flood of claims makes us read an address back
// that is known to be in conflict.
const readBackEvery = 100 * time.Millisecond

// claimIsLate reports whether a claim came after the address had left this host:
// its new owner speaks before the kernel's news of that has reached us.
func (d *daemon) claimIsLate(s *segment, own *address, v acd.Verdict, now time.Time) bool {
	settled := own.detector.Memory().State >= acd.Conflicted || v != acd.Claim
	if settled && now.Sub(own.readBack) < readBackEvery {
		return false
	}
	d.stillOurs(s, own)
	return s.own[own.detector.Address()] != own
}
