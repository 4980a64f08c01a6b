package ledgersql

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/netip"
	"time"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// request is one Update that waits for its answer.
type request struct {
	ctx    context.Context
	pool   string
	change func(*ledger.Records) ([]ledger.Entry, error)
	answer chan error
	// at is the serial that the pool must have; negative: any.
	at int64
	// under is the tag of the fleet file that the change rests on; empty: on none.
	under string
	// grants is the approved request that is booked; 0: none.
	grants int64
}

// ErrMoved says that the pool has had events since the serial that was named.
var ErrMoved = errors.New("the pool has changed meanwhile")

// errClosed says that the server stops.
var errClosed = errors.New("the store is closed: nothing was written")

// Update implements ledger.Store. Once its change was called, it ends only when it is
// known what became of it, whatever ctx says.
func (s *Store) Update(ctx context.Context, pool string, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return s.UpdateAt(ctx, pool, -1, change)
}

// UpdateAt is Update for a pool whose last event has just this serial; ErrMoved if it
// has another. A negative serial is any.
func (s *Store) UpdateAt(ctx context.Context, pool string, serial int64, change func(*ledger.Records) ([]ledger.Entry, error)) error {
	return s.update(&request{ctx: ctx, pool: pool, change: change, answer: make(chan error, 1), at: serial})
}

func (s *Store) update(r *request) error {
	if err := s.wait(r); err != nil {
		return err
	}
	return <-r.answer
}

// wait puts a request into the queue, which whoever closes the store does not close
// meanwhile.
func (s *Store) wait(r *request) error {
	s.closing.RLock()
	defer s.closing.RUnlock()
	if s.closed {
		return errClosed
	}
	select {
	case <-r.ctx.Done():
		return r.ctx.Err()
	case s.queue <- r:
		return nil
	}
}

// largestGroup is how many updates go into one transaction.
const largestGroup = 512

// work writes group after group until the store is closed and nobody waits.
func (s *Store) work() {
	for first := range s.queue {
		s.group(s.waiting(first))
	}
}

// waiting is the first request with all that wait behind it.
func (s *Store) waiting(first *request) []*request {
	list := []*request{first}
	for len(list) < largestGroup {
		select {
		case r, more := <-s.queue:
			if !more {
				return list
			}
			list = append(list, r)
		default:
			return list
		}
	}
	return list
}

// How often and how patiently a group is tried again that came too late.
const (
	mostTries    = 100
	firstPause   = time.Millisecond
	longestPause = 200 * time.Millisecond
	// longestGroup is after how long nobody knows what became of a group, because the
	// database does not answer.
	longestGroup = 20 * time.Second
)

// group writes what the requests want, and answers them.
func (s *Store) group(list []*request) {
	// Not of one of the callers: who goes away must not undo the others'.
	ctx, cancel := context.WithTimeout(context.Background(), longestGroup)
	defer cancel()
	errs := make([]error, len(list))
	err := ErrLate
	for try := 0; errors.Is(err, ErrLate) && try < mostTries; try++ {
		if errors.Is(err, ErrGuarded) {
			if readErr := s.readGuards(ctx); readErr != nil {
				err = readErr
				break
			}
		}
		if try > 0 {
			most := min(firstPause<<min(try, 16), longestPause)
			time.Sleep(rand.N(most))
		}
		err = s.try(ctx, list, errs)
	}
	if err != nil {
		err = fmt.Errorf("bookings cannot be written: %w", err)
	}
	for i, r := range list {
		if errs[i] != nil {
			r.answer <- errs[i]
			continue
		}
		r.answer <- err
	}
}

// readGuards reads again what guards look at.
func (s *Store) readGuards(ctx context.Context) error {
	_, err := s.readFences(ctx)
	if err == nil {
		_, err = s.readLoaded(ctx)
	}
	return err
}

// try is one attempt for the whole group. It fills in the errors of single requests.
func (s *Store) try(ctx context.Context, list []*request, errs []error) error {
	pools := map[string]*draft{}
	clear(errs)
	under := ""
	for i, r := range list {
		if err := s.mayWrite(ctx, r.under); isAbout(err) {
			errs[i] = err
			continue
		} else if err != nil {
			return err
		}
		if err := s.mayGrant(ctx, r.grants); isAbout(err) {
			errs[i] = err
			continue
		} else if err != nil {
			return err
		}
		under = cmp.Or(under, r.under) // if others were loaded in between, the database refuses
		d := pools[r.pool]
		if d == nil {
			known, err := s.newest(ctx, r.pool)
			if err != nil {
				return err
			}
			if d, err = s.draft(ctx, r.pool, known); err != nil {
				return err
			}
			pools[r.pool] = d
		}
		errs[i] = d.apply(r)
	}
	var events []Event
	var after []Booking
	for _, d := range pools {
		events = append(events, d.events...)
		after = append(after, d.after()...)
	}
	if len(events) == 0 {
		return nil
	}
	events[0].Under = under
	if err := s.database.Append(ctx, events, after); err != nil {
		return err
	}
	for _, d := range pools {
		s.keep(d.name, &d.pool)
	}
	return nil
}

// draft is a pool as it would be after the group.
type draft struct {
	pool
	name   string
	before *pool
	// fence is the one that keeps the pool from being given; nil: none.
	fence *Fence
	// next is the least serial of the next event.
	next   int64
	events []Event
}

func (s *Store) draft(ctx context.Context, name string, known *pool) (*draft, error) {
	fence, err := s.fence(ctx, name)
	if err != nil {
		return nil, err
	}
	fences, err := s.knownFences(ctx)
	if err != nil {
		return nil, err
	}
	return &draft{name: name, before: known, pool: *known, fence: fence, next: nextSerial(fences, name)}, nil
}

// apply lets a request see what is there, those before it in the group included, and
// adds what it wants.
func (d *draft) apply(r *request) error {
	if err := r.ctx.Err(); err != nil {
		return err
	}
	if d.fence != nil {
		return &FencedError{Fence: *d.fence}
	}
	if r.at >= 0 && r.at != d.serial {
		return ErrMoved
	}
	entries, err := called(r.change, d.records)
	if err != nil || len(entries) == 0 {
		return err
	}
	for _, e := range entries {
		if err := ledger.CheckEvent(e.Event); err != nil {
			return err
		}
	}
	if d.records == d.before.records {
		d.records = d.records.Clone()
	}
	if err := d.records.Add(entries); err != nil {
		return err
	}
	for i, e := range entries {
		d.serial = max(d.serial+1, d.next)
		event := Event{Pool: d.name, Serial: d.serial, Entry: e}
		if len(d.events) == 0 {
			event.Guard = &Guard{Before: d.before.last}
		}
		if i == 0 {
			event.Grants = r.grants
		}
		d.events = append(d.events, event)
		d.last = &event
	}
	return nil
}

// called calls a change; one that panics must not take the others' answers with it.
func called(change func(*ledger.Records) ([]ledger.Entry, error), rs *ledger.Records) (entries []ledger.Entry, err error) {
	defer func() {
		if reason := recover(); reason != nil {
			entries, err = nil, fmt.Errorf("a booking failed: %v", reason)
		}
	}()
	return change(rs)
}

// after is what became of each address that the group touched.
func (d *draft) after() []Booking {
	touched := map[netip.Prefix]bool{}
	var list []Booking
	for _, e := range d.events {
		if touched[e.Range] {
			continue
		}
		touched[e.Range] = true
		list = append(list, Booking{Pool: d.name, Known: d.before.records.At(e.Range).State != ledger.Free, Booking: d.records.At(e.Range)})
	}
	return list
}
