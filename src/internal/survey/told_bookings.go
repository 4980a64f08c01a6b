package survey

import (
	"fmt"
	"path/filepath"
	"slices"

	"github.com/ipguard/ipguard/src/internal/bookfile"
	"github.com/ipguard/ipguard/src/internal/fleet"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/snapshot"
	"github.com/ipguard/ipguard/src/internal/trouble"
)

// OwnBookings are those that lie in git beside the fleet file, as others are told of them:
// without who booked, and why. One that cannot be read may be of any address.
func (f *Fleet) OwnBookings(shared *fleet.File) (list []snapshot.Booking, troubles []trouble.Trouble) {
	file, now := f.File, f.Snapshots.Now
	read := bookfile.Read(f.Snapshots.Files, filepath.Dir(file.Path))
	for _, t := range read.Troubles {
		troubles = append(troubles, t.Trouble)
	}
	for _, pool := range read.Pools {
		segment := ""
		for _, of := range []*fleet.File{shared, file} {
			if of != nil && len(of.PoolsNamed(pool.Pool)) > 0 {
				segment = of.PoolsNamed(pool.Pool)[0].Segment.Value
			}
		}
		if file.HasSegment(segment) {
			segment = ""
		}
		for i := range pool.Records {
			b, err := pool.Records[i].Booking()
			rests := b.State == ledger.Quarantined && !b.Rested(now)
			if err != nil || !rests && !b.State.Taken() { // of an error the reader told
				continue
			}
			told := snapshot.Booking{Pool: pool.Pool, Owner: b.Owner, Number: b.Number, Segment: segment, Range: b.Range, Since: b.Since, Until: b.Until, Rests: rests}
			if !told.Named() {
				troubles = append(troubles, trouble.Trouble{At: pool.Records[i].At, Message: "the name of this booking's owner, or of its pool, cannot be told to others", Hint: "a name has at most 255 characters on one line, and no URL with a password"})
				continue
			}
			list = append(list, told)
		}
		if len(pool.Records) > 0 && len(file.Directors) == 0 {
			troubles = append(troubles, trouble.Trouble{
				At: pool.Records[0].At, Message: "bookings are told to others with the directors of this file, and it has none",
				Hint: "move the pool and its bookings to the server: ipguard adopt --csv",
			})
		}
	}
	slices.SortFunc(list, func(a, b snapshot.Booking) int { return a.Range.Addr().Compare(b.Range.Addr()) })
	return list, troubles
}

// bookingsBeside are those of a push of a director that is in the fleet file: of pools that
// the file has, its own bookings count.
func (f *Fleet) bookingsBeside(s *snapshot.Snapshot) []snapshot.Booking {
	return slices.DeleteFunc(slices.Clone(s.Settings.Bookings), func(b snapshot.Booking) bool {
		return slices.ContainsFunc(f.File.PoolsNamed(b.Pool), func(p *fleet.Pool) bool { return p.At.File == f.File.Path })
	})
}

// told are the bookings that teams told with their directors, each once: a file of several
// directors tells them with each. Pools of two teams may have one name, so that each is
// called by the director as well.
func (f *Fleet) told(read []judged) []bookfile.PoolBookings {
	seen := map[snapshot.Booking]bool{}
	var list []bookfile.PoolBookings
	at := map[[2]string]int{}
	for i := range read {
		for _, b := range read[i].bookings {
			if !slices.Contains(f.Shared.Segments, b.Segment) {
				b.Segment = "" // it is another one here, or none
			}
			same := b
			if same.At = (place.Place{}); seen[same] {
				continue
			}
			seen[same] = true
			pool := fmt.Sprintf("%s of director %s", b.Pool, f.Directors[i].Name)
			n, known := at[[2]string{pool, b.Segment}]
			if !known {
				n = len(list)
				at[[2]string{pool, b.Segment}] = n
				list = append(list, bookfile.PoolBookings{Pool: pool, Moved: true, Segment: b.Segment})
			}
			list[n].Records = append(list[n].Records, recordOf(b))
		}
	}
	return list
}

// recordOf is a booking as what happened to it.
func recordOf(b snapshot.Booking) ledger.Record {
	taken := ledger.Event{At: b.Since, What: ledger.WasBooked, Owner: b.Owner, Number: b.Number, Until: b.Until}
	r := ledger.Record{Range: b.Range, At: b.At, Events: []ledger.Event{taken}}
	if b.Rests {
		freed := taken
		freed.What = ledger.WasReleased
		r.Events = append(r.Events, freed)
	}
	return r
}
