package ledger

import (
	"cmp"
	"fmt"
	"net/netip"
	"slices"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/plural"
)

// MostAtOnce is the most addresses that one question may be about.
const MostAtOnce = 4096

// Ask is a question for addresses of a pool.
type Ask struct {
	// For is whose they will be. With a number it is about that one address.
	For Holder
	// Team is whose quota they count for; empty: the pool's first.
	Team string
	// Count is how many the owner wants to have, those included that it has
	// already; at least 1.
	Count int
	// Contiguous asks for addresses that follow each other.
	Contiguous bool
	// Exactly are the addresses or blocks that are wanted, if just these are.
	Exactly []netip.Prefix
	// Within narrows the pool to some ranges; none: the whole pool.
	Within []netipx.IPRange
	// Until is when the booking ends; the zero time: as the pool says. Endless: never.
	Until   time.Time
	Endless bool
	// Hold asks for a short time only, until somebody books for the same owner.
	Hold bool
	// BeyondQuota is set where somebody of the pool's owners will have to agree.
	BeyondQuota bool
	By, Why     string
	// Approved is who agreed.
	Approved string
}

// check refuses questions that make no sense.
func (a *Ask) check(p *Pool, now time.Time) error {
	switch {
	case !a.Until.IsZero() && !now.Before(a.Until):
		return fmt.Errorf("a booking cannot end at %s, which is over", a.Until.Format(time.RFC3339))
	case a.Count < 1 || a.Count > MostAtOnce:
		return fmt.Errorf("the number of addresses is from 1 to %d, not %d", MostAtOnce, a.Count)
	case a.For.Number >= 0 && (a.Count != 1 || len(a.Exactly) > 1):
		return fmt.Errorf("%s is one address of its owner, and %d are asked for", a.For, max(a.Count, len(a.Exactly)))
	case len(a.Exactly) > a.Count:
		return fmt.Errorf("%s named, and %d asked for", plural.Of(len(a.Exactly), "address"), a.Count)
	}
	for i, r := range a.Exactly {
		if !p.isUnit(r) {
			return fmt.Errorf("%s is not what the pool gives: %s", r, p.Unit())
		}
		if slices.Contains(a.Exactly[:i], r) {
			return fmt.Errorf("%s is named twice", r)
		}
	}
	return checkNewEvent(a.event(WasBooked, a.For.Owner, time.Unix(1, 0)))
}

func (a *Ask) event(what What, owner string, now time.Time) Event {
	return Event{At: now, What: what, Owner: owner, Team: a.Team, By: a.By, Why: a.Why, Approved: a.Approved}
}

// Unit is what the pool gives: "single addresses", "blocks of /28".
func (p *Pool) Unit() string {
	if p.Block == 0 {
		return "single addresses"
	}
	return fmt.Sprintf("blocks of /%d", p.Block)
}

// isUnit reports whether the pool gives addresses in pieces like r. Its block may have been
// another one when r was booked.
func (p *Pool) isUnit(r netip.Prefix) bool {
	bits := p.Block
	if bits == 0 {
		bits = r.Addr().BitLen()
	}
	return r.Bits() == bits && r == r.Masked()
}

// Units are the addresses or blocks of a range that the pool gives one by one; no
// more than may be asked for at once.
func (p *Pool) Units(r netip.Prefix) []netip.Prefix {
	u := units{ranges: []netipx.IPRange{netipx.RangeOfPrefix(r)}, block: p.Block}
	return u.some(MostAtOnce + 1)
}

// Answer is what came of a question.
type Answer struct {
	// Bookings are what the owner has, by number: as many as were asked for, or
	// none with a Refusal.
	Bookings []Booking
	// New are how many of them were not the owner's before.
	New int
	// Refusal says why not; nil if the owner has them.
	Refusal *Refusal
}

// Reason is why somebody does not get an address.
type Reason string

// The reasons.
const (
	// Exhausted: the pool, or the part that was asked for, has too few free addresses.
	Exhausted Reason = "exhausted"
	// NoRun: there are enough, but they do not follow each other.
	NoRun Reason = "no-run"
	// OverQuota: the team would have more than it may.
	OverQuota Reason = "quota"
	// Taken: somebody else has booked the address, or had it until lately.
	Taken Reason = "taken"
	// InUse: somebody else uses the address.
	InUse Reason = "in-use"
	// NotFree: the address is none that may be given, by what files say of it.
	NotFree Reason = "not-free"
	// NotDelegated: the pool does not delegate the address.
	NotDelegated Reason = "not-delegated"
	// HasOthers: the owner has as many as it asks for, and not these.
	HasOthers Reason = "has-others"
	// NotOfTeam: the pool is not delegated to the team.
	NotOfTeam Reason = "not-of-team"
	// OtherTeam: an owner of that name has addresses of the pool that count for another
	// team.
	OtherTeam Reason = "other-team"
)

// Refusal is a no, with what it rests on.
type Refusal struct {
	Reason Reason
	// Range is the address that the reason is about, if it is about one.
	Range netip.Prefix
	// Blocking are the bookings that stand in the way.
	Blocking []Booking
	// Users are those who use the address.
	Users []User
	// Left is how many addresses could have been given, and Wanted how many were
	// missing to what the owner has.
	Left, Wanted int
	// Next is the booking or the rest that ends first, after which there may be one more.
	Next *Booking
	// Team has as many as it may, which is Quota.
	Team      string
	Has, Most int
}

// Book answers a question on the records as they are. The entries have to be added
// to the store before the answer is given; without entries nothing changes.
func Book(p *Pool, rs *Records, w *World, ask Ask) (Answer, []Entry, error) {
	if ask.Team == "" && len(p.Teams) > 0 {
		ask.Team = p.Teams[0]
	}
	if err := ask.check(p, w.Now); err != nil {
		return Answer{}, nil, err
	}
	q := &question{Ask: ask, pool: p, records: rs, world: w}
	if !slices.Contains(p.Teams, ask.Team) && len(p.Teams) > 0 {
		return q.no(Refusal{Reason: NotOfTeam, Team: ask.Team}), nil, nil
	}
	if other, ok := rs.ofOtherTeam(ask.For.Owner, ask.Team); ok {
		return q.no(Refusal{Reason: OtherTeam, Team: other.Team, Blocking: []Booking{other}}), nil, nil
	}
	q.own = w.ownInOrder()
	q.have = q.inOrder(q.mine())
	if refusal := q.choose(); refusal != nil {
		refusal.Wanted = ask.Count - len(q.have)
		// Ends that are due are written down, so that their addresses begin to rest.
		if refusal.Reason == Exhausted || refusal.Reason == NoRun {
			return q.no(*refusal), due(p, rs, w, ask.By), nil
		}
		return q.no(*refusal), nil, nil
	}
	return q.answer()
}

// question is one Ask on its way to an answer.
type question struct {
	Ask
	pool    *Pool
	records *Records
	world   *World
	// own is what the owner uses, in the order of its instances.
	own []Own
	// have are the bookings that count for the answer already, and chosen what
	// has to be booked besides.
	have   []Booking
	chosen []netip.Prefix
}

func (q *question) no(r Refusal) Answer { return Answer{Refusal: &r} }

// mine returns what the owner has already of what it asks for.
func (q *question) mine() []Booking {
	if q.For.Number >= 0 {
		if b, ok := q.records.Of(q.For); ok {
			return []Booking{b}
		}
		return nil
	}
	return q.records.of(q.For.Owner)
}

// choose finds what is missing, or says why it cannot.
func (q *question) choose() *Refusal {
	if len(q.Exactly) > 0 {
		return q.exactly()
	}
	if len(q.have) >= q.Count {
		q.have = q.have[:q.Count]
		if q.Contiguous && !follow(q.have) {
			return &Refusal{Reason: HasOthers, Blocking: q.have}
		}
		return nil
	}
	if q.Contiguous && len(q.have) > 0 {
		return &Refusal{Reason: HasOthers, Blocking: q.have}
	}
	if r := q.overQuota(q.Count - len(q.have)); r != nil {
		return r
	}
	return q.pick(q.Count - len(q.have))
}

// overQuota says that the team may not have n more.
func (q *question) overQuota(n int) *Refusal {
	if q.pool.Quota == 0 || q.BeyondQuota || n <= 0 {
		return nil
	}
	has := q.records.CountTeam(q.Team)
	if has+n <= q.pool.Quota {
		return nil
	}
	return &Refusal{Reason: OverQuota, Team: q.Team, Has: has, Most: q.pool.Quota}
}

// answer makes the events of what was chosen.
func (q *question) answer() (Answer, []Entry, error) {
	var entries []Entry
	for _, b := range q.have {
		e := q.newEvent(b.Number)
		switch {
		case b.State == Held && !q.Hold: // what was held is booked now, and counts for the same team
			e.Team = b.Team
			entries = append(entries, Entry{b.Range, e})
		case b.Over(q.world.Now) && !q.world.kept(b): // its owner wants it still
			e.What, e.Team = WasRenewed, b.Team
			entries = append(entries, Entry{b.Range, e})
		}
	}
	numbers := q.numbers()
	for i, r := range q.chosen {
		e := q.newEvent(numbers[i])
		if before := q.records.At(r); before.State == Quarantined && (before.Owner != e.Owner || before.Number != e.Number) {
			entries = append(entries, freed(before, q.world.Now, q.By))
		}
		entries = append(entries, Entry{r, e})
	}
	if len(entries) == 0 {
		return Answer{Bookings: q.have}, nil, nil
	}
	// What time brought about is written down by whoever writes.
	entries = append(q.dueBesides(), entries...)
	after, err := preview(q.records, entries)
	if err != nil {
		return Answer{}, nil, err
	}
	answer := Answer{New: len(q.chosen)}
	for _, b := range q.have {
		answer.Bookings = append(answer.Bookings, after(b.Range))
	}
	for _, r := range q.chosen {
		answer.Bookings = append(answer.Bookings, after(r))
	}
	answer.Bookings = q.inOrder(answer.Bookings)
	return answer, entries, nil
}

// dueBesides are the due events of addresses that the answer is not about.
func (q *question) dueBesides() []Entry {
	return slices.DeleteFunc(due(q.pool, q.records, q.world, q.By), func(e Entry) bool {
		return slices.Contains(q.chosen, e.Range) ||
			slices.ContainsFunc(q.have, func(b Booking) bool { return b.Range == e.Range })
	})
}

func freed(b Booking, now time.Time, by string) Entry {
	return Entry{b.Range, Event{At: now, What: WasFreed, Owner: b.Owner, Number: b.Number, Team: b.Team, By: by}}
}

// newEvent is the event by which an address becomes the owner's.
func (q *question) newEvent(number int) Event {
	e := q.event(WasBooked, q.For.Owner, q.world.Now)
	length := q.pool.BookingLength()
	if q.Hold {
		e.What, length = WasHeld, DefaultHold
	}
	e.Number = number
	switch {
	case q.Endless:
	case !q.Until.IsZero():
		e.Until = q.Until
	default:
		e.Until = q.world.Now.Add(length)
	}
	return e
}

// inOrder are bookings in the order of the owner's instances, as it has to write them
// down: those that instances use, and then the others, by number.
func (q *question) inOrder(list []Booking) []Booking {
	slices.SortStableFunc(list, func(a, b Booking) int {
		return cmp.Or(cmp.Compare(q.place(a.Range), q.place(b.Range)), cmp.Compare(a.Number, b.Number))
	})
	return list
}

// place is where a range stands among what the owner uses; behind all where it does not.
func (q *question) place(r netip.Prefix) int {
	if i := slices.IndexFunc(q.own, func(o Own) bool { return o.Range == r }); i >= 0 {
		return i
	}
	return len(q.own)
}

// ofAnother reports whether another instance of the owner uses a range than the one that
// is asked for.
func (q *question) ofAnother(r netip.Prefix) bool {
	i := q.place(r)
	return q.For.Number >= 0 && i < len(q.own) && q.own[i].Number != NoInstance && q.own[i].Number != q.For.Number
}

// numbers are the numbers of what was chosen: that of the instance which uses the address,
// where nobody has it, else the next that nobody has.
func (q *question) numbers() []int {
	list, given := make([]int, len(q.chosen)), map[int]bool{}
	free := func(n int) bool {
		_, has := q.records.Of(Holder{q.For.Owner, n})
		return n >= 0 && !has && !given[n]
	}
	for i, r := range q.chosen {
		list[i] = q.For.Number
		if at := q.place(r); q.For.Number < 0 && at < len(q.own) && free(q.own[at].Number) {
			list[i] = q.own[at].Number
			given[list[i]] = true
		}
	}
	next := 0
	for i := range list {
		if list[i] < 0 {
			for !free(next) {
				next++
			}
			list[i], given[next] = next, true
		}
	}
	return list
}

// preview is what ranges would be after some entries.
func preview(rs *Records, entries []Entry) (func(netip.Prefix) Booking, error) {
	changed, err := rs.folded(entries)
	if err != nil {
		return nil, err
	}
	return func(r netip.Prefix) Booking {
		if h := changed[r]; h != nil {
			return h.now
		}
		return rs.At(r)
	}, nil
}

// follow reports whether bookings are one run of addresses or blocks.
func follow(list []Booking) bool {
	sorted := slices.SortedFunc(slices.Values(list), func(a, b Booking) int { return comparePrefixes(a.Range, b.Range) })
	for i := 1; i < len(sorted); i++ {
		if netipx.PrefixLastIP(sorted[i-1].Range).Next() != sorted[i].Range.Addr() {
			return false
		}
	}
	return true
}
