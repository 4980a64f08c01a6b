package acd

import (
	"time"

	"github.com/ipguard/ipguard/src/internal/frame"
)

// handoverGap is how long a station that has an address may be silent though it is
// asked every second. After more it has given it up.
const handoverGap = holdTime

// maxStrays is how often a station may speak for an address that moves, and be
// silent when it is asked, while another has it all the time.
const maxStrays = 3

// overlaps are the stations that speak for an address that moves while another has
// it, each with how long it does.
type overlaps map[frame.MAC]*overlap

type overlap struct {
	first, last time.Time // of what it says without a gap
	ask         time.Time // when it is asked next; zero once it has given the address up
	strays      int
}

// overlapKind says what an overlap is.
type overlapKind uint8

const (
	handover overlapKind = iota // so far
	split                       // both have had it for longer than a handover takes
	stray                       // it comes and goes, and the address does not move
)

// askSplit is the time between two questions in a split brain.
const askSplit = 4 * time.Second

// note takes down that a station speaks for the address.
func (os overlaps) note(station frame.MAC, now time.Time) overlapKind {
	o := os[station]
	if o == nil {
		if len(os) >= maxStations && !os.evict() {
			return handover
		}
		os[station] = &overlap{first: now, last: now, ask: now}
		return handover
	}
	if now.Sub(o.last) > handoverGap {
		if now.Sub(o.last) > HandoverTime {
			o.strays++
		}
		o.first = now
	}
	o.last = now
	if o.ask.IsZero() {
		o.ask = now
	}
	switch {
	case now.Sub(o.first) >= HandoverTime:
		o.strays = 0
		return split
	case o.strays >= maxStrays:
		return stray
	}
	return handover
}

// evict forgets the station that was silent for longest, if one is.
func (os overlaps) evict() bool {
	var oldest frame.MAC
	for station, o := range os {
		if o.ask.IsZero() && (oldest.IsZero() || o.last.Before(os[oldest].last)) {
			oldest = station
		}
	}
	delete(os, oldest)
	return !oldest.IsZero()
}

// due returns the stations to ask at now.
func (os overlaps) due(now time.Time) (stations []frame.MAC) {
	for station, o := range os {
		switch {
		case o.ask.IsZero() || now.Before(o.ask):
		case now.Sub(o.last) > handoverGap:
			o.ask = time.Time{}
		default:
			o.ask = now.Add(confirmEvery)
			if now.Sub(o.first) >= HandoverTime {
				o.ask = now.Add(askSplit)
			}
			stations = append(stations, station)
		}
	}
	return stations
}

// next is when due has something to do; zero if it has not.
func (os overlaps) next() (next time.Time) {
	for _, o := range os {
		if !o.ask.IsZero() && (next.IsZero() || o.ask.Before(next)) {
			next = o.ask
		}
	}
	return next
}
