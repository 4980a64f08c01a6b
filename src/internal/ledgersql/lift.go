package ledgersql

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// Lifting says who lifts the fences of a database, and what is known of what was lost.
type Lifting struct {
	By  string
	Now time.Time
	// Kept are histories that somebody kept of pools, such as a client's cache: what of
	// them is missing is written again.
	Kept map[string][]ledger.Record
	// Written are entries that a client was told are written, in their order.
	Written map[string][]ledger.Entry
}

// Lifted is what came of it.
type Lifted struct {
	Fences []Fence
	// Again are how many events were written again, by pool.
	Again map[string]int
	// Conflicts are what could not be written again, and why.
	Conflicts []string
}

// ErrNotFenced says that there is no fence to lift.
var ErrNotFenced = errors.New("nothing is fenced")

// fenceStep is between the serials before and behind a fence: more than a backup lacks
// events of a pool.
const fenceStep = 1_000_000

// Lift lifts all fences in one transaction: what was kept is there before anybody can take
// its addresses. Serials go on behind those that anybody can have been told of.
func Lift(ctx context.Context, d Database, l Lifting) (done Lifted, err error) {
	err = d.Alone(ctx, func(tx *sql.Tx) error {
		done = Lifted{Again: map[string]int{}}
		if err := l.lift(ctx, tx, &done); err != nil {
			return err
		}
		pools := slices.AppendSeq(slices.Collect(maps.Keys(l.Kept)), maps.Keys(l.Written))
		slices.Sort(pools)
		for _, pool := range slices.Compact(pools) {
			if err := l.again(ctx, tx, pool, &done); err != nil {
				return fmt.Errorf("pool %s: %w", pool, err)
			}
		}
		return nil
	})
	return done, err
}

// lift marks the open fences.
func (l *Lifting) lift(ctx context.Context, tx *sql.Tx, done *Lifted) error {
	fences, err := fencesOf(ctx, tx)
	if err != nil {
		return err
	}
	for _, f := range fences {
		if !f.Open() {
			continue
		}
		var last int64
		if err := tx.QueryRowContext(ctx, `select coalesce(max(serial), 0) from event where $1 = '' or pool = $1`, f.Pool).Scan(&last); err != nil {
			return err
		}
		for _, o := range fences { // an earlier one may have left a gap without events behind it
			last = max(last, o.Next)
		}
		f.Next = (max(last, f.Seen)/fenceStep+1)*fenceStep + 1
		f.Lifted, f.LiftedBy = l.Now, l.By
		if _, err := tx.ExecContext(ctx, `update fence set lifted = $1, lifted_by = $2, next = $3 where number = $4`, l.Now.UnixMicro(), l.By, f.Next, f.Number); err != nil {
			return err
		}
		done.Fences = append(done.Fences, f)
	}
	if len(done.Fences) == 0 {
		return ErrNotFenced
	}
	return nil
}

// again writes what of a pool was kept and is missing.
func (l *Lifting) again(ctx context.Context, tx *sql.Tx, name string, done *Lifted) error {
	fences, err := fencesOf(ctx, tx)
	if err != nil {
		return err
	}
	events, err := eventsFrom(ctx, tx, name, 0)
	if err != nil {
		return err
	}
	p := &pool{records: &ledger.Records{}}
	if err := p.add(name, events, fences); err != nil {
		return err
	}
	missing, conflicts := lost(name, p.records, l.Kept[name], l.Written[name])
	done.Conflicts = append(done.Conflicts, conflicts...)
	if len(missing) == 0 {
		return nil
	}
	if !slices.ContainsFunc(done.Fences, func(f Fence) bool { return f.about(name) }) {
		return errors.New("it lacks events that were kept, and was not fenced: fence it first (ipguard-server restore --mark)")
	}
	before := &pool{records: p.records.Clone()}
	if err := p.records.Add(missing); err != nil {
		return err
	}
	draft := &draft{name: name, before: before, pool: *p, next: nextSerial(fences, name)}
	for _, e := range missing {
		draft.serial = max(draft.serial+1, draft.next)
		draft.events = append(draft.events, Event{Pool: name, Serial: draft.serial, Entry: e})
	}
	done.Again[name] = len(missing)
	return AppendIn(ctx, tx, draft.events, draft.after())
}

// lost are the entries that were kept and that records lack, the oldest first, but for
// addresses that have other events since.
func lost(name string, rs *ledger.Records, kept []ledger.Record, written []ledger.Entry) (missing []ledger.Entry, conflicts []string) {
	after := rs.Clone()
	add := func(entries []ledger.Entry, why string) {
		if why == "" {
			why = inTheWay(after, entries)
		}
		if why == "" {
			if err := after.Add(entries); err != nil {
				why = err.Error()
			}
		}
		if why == "" {
			missing = append(missing, entries...)
			return
		}
		last := entries[len(entries)-1].Event
		conflicts = append(conflicts, fmt.Sprintf("pool %s: %s, %s for %s at %s, %s", name, ledger.RangeText(entries[0].Range), last.What,
			ledger.Holder{Owner: last.Owner, Number: last.Number}, last.At.Format(time.RFC3339), why))
	}
	for _, k := range kept {
		now := rs.Record(k.Range).Events
		common := 0
		for common < min(len(now), len(k.Events)) && sameEvent(now[common], k.Events[common]) {
			common++
		}
		if common == len(k.Events) {
			continue
		}
		var entries []ledger.Entry
		for _, e := range k.Events[common:] {
			entries = append(entries, ledger.Entry{Range: k.Range, Event: e})
		}
		why := ""
		if b := rs.At(k.Range); common < len(now) {
			why = fmt.Sprintf("has other events since %s; now it is %s for %s", now[common].At.Format(time.RFC3339), b.State, b.For())
		}
		add(entries, why)
	}
	for _, e := range written {
		if !slices.ContainsFunc(after.Record(e.Range).Events, func(o ledger.Event) bool { return sameEvent(o, e.Event) }) {
			add([]ledger.Entry{e}, "")
		}
	}
	slices.SortStableFunc(missing, func(a, b ledger.Entry) int { return a.Event.At.Compare(b.Event.At) })
	return missing, conflicts
}

// inTheWay says what keeps an address from getting its events again; empty: nothing.
func inTheWay(rs *ledger.Records, entries []ledger.Entry) string {
	last, r := entries[len(entries)-1].Event, entries[0].Range
	switch last.What {
	case ledger.WasHeld, ledger.WasBooked, ledger.WasAdopted, ledger.WasRenewed:
		h := ledger.Holder{Owner: last.Owner, Number: last.Number}
		if other, has := rs.Of(h); has && other.Range != r {
			return fmt.Sprintf("and %s has %s now", h, ledger.RangeText(other.Range))
		}
	}
	for _, o := range rs.History(r) {
		if b := rs.At(o.Range); o.Range != r && (b.State.Taken() || b.State == ledger.Quarantined) {
			return fmt.Sprintf("overlaps %s, %s for %s now", ledger.RangeText(o.Range), b.State, b.For())
		}
	}
	return ""
}

// sameEvent compares events to the microsecond, as the tables have them.
func sameEvent(a, b ledger.Event) bool {
	of := func(e ledger.Event) string {
		v := Event{Entry: ledger.Entry{Range: netip.PrefixFrom(netip.IPv6Unspecified(), 128), Event: e}}
		return v.digest()
	}
	return of(a) == of(b)
}

// Text says what is known of what was lost.
func (d *Lifted) Text() string {
	var b strings.Builder
	for _, f := range d.Fences {
		pool := "pool " + f.Pool
		if f.Pool == "" {
			pool = "all pools"
		}
		fmt.Fprintf(&b, "%s: lifted; serials go on from %d", pool, f.Next)
		if f.Seen > 0 {
			fmt.Fprintf(&b, "; somebody was told of event %d", f.Seen)
		}
		b.WriteString("\n")
	}
	return b.String()
}
