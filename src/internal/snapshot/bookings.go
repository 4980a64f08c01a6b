package snapshot

import (
	"net/netip"
	"strconv"
	"time"

	"go4.org/netipx"
	"gopkg.in/yaml.v3"

	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/source"
)

// Booking is an address, or a block, that was taken of a pool of the team's own.
type Booking struct {
	Pool string
	// Owner is DIRECTOR/DEPLOYMENT/GROUP or a free name, and Number tells its addresses apart.
	Owner  string
	Number int
	// Segment is the one that it is in; empty: any.
	Segment string
	Range   netip.Prefix
	// Since is when it was booked. Until is when it ends or, of one that rests, its rest; the
	// zero time: never.
	Since, Until time.Time
	// Rests says that it was given back, and that nobody else gets the address before Until.
	Rests bool
	// At is where the snapshot's file has it.
	At place.Place
}

// Named reports whether its names may be told; one that is none may be a secret.
func (b *Booking) Named() bool {
	return b.Owner != "" && b.Pool != "" && isName(b.Owner) && isName(b.Pool) && isName(b.Segment)
}

func (b Booking) node() *yaml.Node {
	m := newMapping()
	m.text("address", rangeText(netipx.RangeOfPrefix(b.Range)))
	m.text("pool", b.Pool)
	m.text("owner", b.Owner)
	if b.Number != 0 {
		m.put("number", number64(strconv.Itoa(b.Number)))
	}
	m.text("segment", b.Segment)
	for _, moment := range []struct {
		key string
		at  time.Time
	}{{"since", b.Since}, {"until", b.Until}} {
		if !moment.at.IsZero() {
			m.text(moment.key, moment.at.UTC().Format(time.RFC3339))
		}
	}
	m.flag("rests", b.Rests)
	return &m.Node
}

func (r *reader) booking(v source.Value) Booking {
	b := Booking{Pool: v.Field("pool").Text(), Owner: v.Field("owner").Text(), Segment: v.Field("segment").Text(), Rests: v.Field("rests").Bool(), At: v.Place()}
	found, ok := parseWritten(v.Field("address").Text())
	if ok && found.IsValid() {
		b.Range, ok = found.Prefix()
	}
	if !ok || !b.Range.IsValid() || b.Owner == "" || b.Pool == "" {
		r.fail(v, "a booking belongs here: an address, its pool and its owner")
	}
	if n := v.Field("number"); n.Present() {
		var err error
		if b.Number, err = strconv.Atoi(n.Raw()); err != nil || b.Number < 0 {
			r.fail(n, "the number of a booking belongs here")
		}
	}
	moment := func(key string) (at time.Time) {
		if text := v.Field(key); text.Present() {
			var err error
			if at, err = time.Parse(time.RFC3339, text.Text()); err != nil {
				r.fail(text, "a time belongs here")
			}
		}
		return at
	}
	b.Since, b.Until = moment("since"), moment("until")
	if b.Rests && b.Until.IsZero() {
		r.fail(v, "a rest has an end")
	}
	return b
}
