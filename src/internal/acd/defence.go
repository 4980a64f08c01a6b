package acd

import (
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// Defence says whether a Detector announces our ownership when it is attacked
// (RFC 5227, 2.4).
type Defence uint8

// The defences.
const (
	// NeverDefend only watches. The address stays as it is.
	NeverDefend Defence = iota
	// DefendOnce announces, and stops if the next claim comes within
	// defendInterval, but not in one burst with the first: (b) of RFC 5227, 2.4,
	// except that the address is kept.
	DefendOnce
	// DefendAlways announces, not more often than every defendInterval: (c) of
	// RFC 5227, 2.4.
	DefendAlways
)

// defend queues an announcement if the policy and the rate allow it. Where the
// rate does not, the peer that was asked is told by itself: a rogue that comes up
// announces itself and asks for its peer at once, and the announcement that
// answers the first is undone by the second.
func (d *Detector) defend(e Evidence, now time.Time) {
	shared := d.config.Subject.Sharing.Declared() || d.config.Subject.Moves
	if d.config.Defence == NeverDefend || d.config.MAC.IsZero() || shared {
		return
	}
	since := now.Sub(d.defended)
	recent := !d.defended.IsZero() && since < defendInterval
	switch {
	case d.surrendered:
	case recent && d.config.Defence == DefendOnce && since >= burstTime:
		d.surrendered = true
	case recent:
		if d.config.Defence == DefendAlways {
			d.defendAt = d.defended.Add(defendInterval)
		}
		d.repair(e.Peer, now)
	default:
		d.announce(now)
	}
}

// repair asks for the peer as the owner of the address, as every host does that
// speaks with it: the peer then knows our station again. It is no announcement, so
// that RFC 5227 does not say how often it may be; who attacks us gains no more
// than one such question a second.
func (d *Detector) repair(peer netip.Addr, now time.Time) {
	if !peer.IsValid() || !d.repaired.IsZero() && now.Sub(d.repaired) < repairEvery {
		return
	}
	if b, err := frame.Request(d.config.MAC, d.config.Subject.Address, peer, frame.MAC{}); err == nil {
		d.queue = append(d.queue, b)
		d.repaired = now
		d.memory.Repairs++
	}
}

func (d *Detector) announce(now time.Time) {
	d.defendAt = time.Time{}
	if b, err := frame.Announcement(d.config.MAC, d.config.Subject.Address); err == nil {
		d.queue = append(d.queue, b)
		d.defended, d.holder = now, d.config.MAC
		d.memory.Defences++
	}
}

// Surrendered reports whether DefendOnce has stopped defending.
func (d *Detector) Surrendered() bool { return d.surrendered }
