package ledgertest

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/ledger"
)

// The size of the random fleet: small, so that everything collides.
const (
	cells     = 24
	firstCell = "10.0.0.32"
)

var (
	owners = []string{"promo/web/api", "promo/web/db", "west/web/api", "lb/frontend", "promo/pg"}
	teams  = []string{"blue", "red"}
)

// Random does operations on a store and on the model, and compares every answer and
// every address after each of them: its state, its owner, and all states that it
// was ever in.
func Random(t *testing.T, s ledger.Store, seed uint64, operations int) {
	t.Helper()
	done := map[string]int{}
	for epoch := 0; epoch*epochLength < operations; epoch++ {
		r := newRun(t, s, seed, epoch)
		for n := range min(epochLength, operations-epoch*epochLength) {
			what := r.step()
			if t.Failed() {
				t.Fatalf("seed %d, epoch %d, operation %d: %s\n%s", seed, epoch, n, what, r.model)
			}
		}
		for what, n := range r.done {
			done[what] += n
		}
	}
	for _, what := range slices.Sorted(maps.Keys(done)) {
		t.Logf("%s: %d", what, done[what])
	}
}

// epochLength is after how many operations the next pool begins, so that no history
// grows too long to be compared whole.
const epochLength = 250

type run struct {
	t     *testing.T
	store ledger.Store
	model *Model
	pool  *ledger.Pool
	rng   *rand.Rand
	done  map[string]int
	// compared is how many events of each address were held against the model's.
	compared [cells]int
}

func newRun(t *testing.T, s ledger.Store, seed uint64, epoch int) *run {
	first := netip.MustParseAddr(firstCell)
	r := &run{t: t, store: s, rng: rand.New(rand.NewPCG(seed, uint64(epoch))), done: map[string]int{}}
	r.pool = &ledger.Pool{Name: fmt.Sprintf("random-%d-%d", seed, epoch), Teams: teams, Quota: 7 + epoch%8, Until: 5 * time.Hour, Quarantine: 3 * time.Hour}
	r.pool.Ranges = []netipx.IPRange{netipx.IPRangeFrom(first, address(cells-1))}
	r.model = &Model{quota: r.pool.Quota, until: r.pool.Until, quarantine: r.pool.Quarantine, now: Start, cells: make([]cell, cells)}
	for i := range r.model.cells {
		r.model.cells[i].listed = i%7 != 3
	}
	return r
}

func address(i int) netip.Addr {
	a := netip.MustParseAddr(firstCell)
	for range i {
		a = a.Next()
	}
	return a
}

func prefix(i int) netip.Prefix { return netip.PrefixFrom(address(i), 32) }

func index(p netip.Prefix) int {
	a, b := p.Addr().As4(), address(0).As4()
	return int(a[3]) - int(b[3])
}

// world is the model's, as the ledger wants it for an owner.
func (r *run) world(owner string) *ledger.World {
	var set netipx.IPSetBuilder
	users := map[netip.Prefix]string{}
	var own []ledger.Own
	for i := range r.model.cells {
		c := &r.model.cells[i]
		if c.listed && c.other == "" && (c.user == "" || c.user == owner) {
			set.Add(address(i))
		}
		if c.user != "" && c.user == owner {
			own = append(own, ledger.Own{Range: prefix(i), Number: c.index})
		}
		users[prefix(i)] = c.user
	}
	free, err := set.IPSet()
	if err != nil {
		r.t.Fatal(err)
	}
	elsewhere := func(p netip.Prefix) []ledger.Booking {
		if other := r.model.cells[index(p)].other; other != "" {
			return []ledger.Booking{{Range: p, State: ledger.Booked, Owner: other}}
		}
		return nil
	}
	return &ledger.World{Now: r.model.now, Free: []*netipx.IPSet{free}, Own: own, Elsewhere: elsewhere, Users: func(p netip.Prefix, _ string) []ledger.User {
		if user := users[p]; user != "" {
			return []ledger.User{{Text: user, Is: func(o string) bool { return o == user }}}
		}
		return nil
	}}
}

// step does one operation, and compares.
func (r *run) step() string {
	type operation struct {
		name   string
		weight int
		do     func() string
	}
	list := []operation{
		{"book", 40, r.book}, {"renew", 8, r.renew}, {"release", 8, r.release}, {"adopt", 6, r.adopt},
		{"declare", 10, r.declare}, {"other pool", 2, r.otherPool}, {"clock", 20, r.clock}, {"cloud-config", 3, r.list},
	}
	total := 0
	for _, o := range list {
		total += o.weight
	}
	at := r.rng.IntN(total)
	for _, o := range list {
		if at -= o.weight; at < 0 {
			what := o.do()
			r.done[o.name]++
			r.compare()
			return o.name + " " + what
		}
	}
	return ""
}

func (r *run) owner() string { return owners[r.rng.IntN(len(owners))] }

// teamOf is the team that an owner belongs to, mostly.
func (r *run) teamOf(owner string) string {
	if r.rng.IntN(6) == 0 {
		return teams[r.rng.IntN(2)]
	}
	return teams[len(owner)%2]
}

func (r *run) book() string {
	owner := r.owner()
	a := bookAsk{owner: owner, number: -1, team: r.teamOf(owner), count: 1, hold: r.rng.IntN(5) == 0, endless: r.rng.IntN(9) == 0}
	switch r.rng.IntN(6) {
	case 0:
		a.number = r.rng.IntN(3)
	case 1:
		a.count, a.contiguous = 1+r.rng.IntN(6), r.rng.IntN(2) == 0
	case 2:
		for range 1 + r.rng.IntN(2) {
			if i := r.rng.IntN(cells); !slices.Contains(a.exactly, i) {
				a.exactly = append(a.exactly, i)
			}
		}
		a.count, a.contiguous = len(a.exactly)+r.rng.IntN(2), r.rng.IntN(5) == 0
	case 3:
		a.until = r.model.now.Add(time.Duration(1+r.rng.IntN(8)) * time.Hour)
	}
	r.ask(a)
	if r.rng.IntN(2) == 0 && !r.t.Failed() { // once more: the same answer, and nothing new
		r.done["again"]++
		r.compare()
		if fresh := r.ask(a); fresh > 0 {
			r.t.Errorf("asking again gave %d more", fresh)
		}
	}
	return fmt.Sprintf("%+v", a)
}

// ask asks both.
func (r *run) ask(a bookAsk) (fresh int) {
	ask := ledger.Ask{
		For: ledger.Holder{Owner: a.owner, Number: a.number}, Team: a.team, Count: a.count, Contiguous: a.contiguous,
		Hold: a.hold, Until: a.until, Endless: a.endless, By: "somebody",
	}
	for _, i := range a.exactly {
		ask.Exactly = append(ask.Exactly, prefix(i))
	}
	var answer ledger.Answer
	r.update(a.owner, func(rs *ledger.Records) (entries []ledger.Entry, err error) {
		answer, entries, err = ledger.Book(r.pool, rs, r.world(a.owner), ask)
		return entries, err
	})
	got, no := []int(nil), ""
	for _, b := range answer.Bookings {
		got = append(got, index(b.Range))
	}
	if answer.Refusal != nil {
		no = string(answer.Refusal.Reason)
	}
	want, wantFresh, wantNo := r.model.book(a)
	if !slices.Equal(got, want) || answer.New != wantFresh || no != wantNo {
		r.t.Errorf("got %v, %d new, refusal %q; the model has %v, %d new, refusal %q", got, answer.New, no, want, wantFresh, wantNo)
	}
	r.done["answer "+no]++
	return answer.New
}

// update changes the store. What the ledger itself computed, a store that takes entries
// from others has to accept (ledger.Verify).
func (r *run) update(owner string, change func(*ledger.Records) ([]ledger.Entry, error)) {
	err := r.store.Update(context.Background(), r.pool.Name, func(rs *ledger.Records) ([]ledger.Entry, error) {
		entries, err := change(rs)
		if err == nil && len(entries) > 0 {
			r.done["verified"]++
			if refused := ledger.Verify(r.pool, rs, r.world(owner), entries, owner == ""); refused != nil {
				r.t.Errorf("what the ledger wrote is refused: %v", refused)
			}
		}
		return entries, err
	})
	if err != nil {
		r.t.Error(err)
	}
}

// some are one to three addresses, mostly ones that somebody has.
func (r *run) some() []int {
	var list []int
	for range 1 + r.rng.IntN(3) {
		i := r.rng.IntN(cells)
		for tries := 0; tries < 10 && !r.model.cells[i].taken(); tries++ {
			i = r.rng.IntN(cells)
		}
		list = append(list, i)
	}
	slices.Sort(list)
	return slices.Compact(list)
}

func prefixes(list []int) []netip.Prefix {
	var result []netip.Prefix
	for _, i := range list {
		result = append(result, prefix(i))
	}
	return result
}

func (r *run) renew() string {
	list, until := r.some(), r.model.now.Add(time.Duration(1+r.rng.IntN(9))*time.Hour)
	if r.rng.IntN(6) == 0 {
		until = time.Time{}
	}
	fails := r.change(func(rs *ledger.Records) ([]ledger.Changed, []ledger.Entry, error) {
		return ledger.Renew(r.pool, rs, r.world(""), prefixes(list), until, "somebody", "")
	})
	if _, want := r.model.renew(list, until); fails != want {
		r.t.Errorf("renew %v fails: %t, the model: %t", list, fails, want)
	}
	return fmt.Sprint(list, until)
}

func (r *run) release() string {
	list := r.some()
	fails := r.change(func(rs *ledger.Records) ([]ledger.Changed, []ledger.Entry, error) {
		return ledger.Release(r.pool, rs, r.world(""), prefixes(list), "somebody", "")
	})
	if _, want := r.model.release(list); fails != want {
		r.t.Errorf("release %v fails: %t, the model: %t", list, fails, want)
	}
	return fmt.Sprint(list)
}

func (r *run) change(do func(*ledger.Records) ([]ledger.Changed, []ledger.Entry, error)) (fails bool) {
	r.update("", func(rs *ledger.Records) ([]ledger.Entry, error) {
		_, entries, err := do(rs)
		fails = err != nil
		return entries, nil
	})
	return fails
}

// adopt books what is in use: what the model's manifests declare, and an address
// that two have.
func (r *run) adopt() string {
	var list []int
	var of []string
	var indexes []int
	var found []ledger.Found
	add := func(i int, owner string) {
		index := -1
		if owner == r.model.cells[i].user {
			index = max(r.model.cells[i].index, -1)
		}
		list, of, indexes = append(list, i), append(of, owner), append(indexes, index)
		found = append(found, ledger.Found{Range: prefix(i), For: ledger.Holder{Owner: owner, Number: index}})
	}
	for i := range r.model.cells {
		c := &r.model.cells[i]
		if r.rng.IntN(20) == 0 { // a file of somebody else's names whom it likes
			add(i, r.owner())
		}
		if c.user == "" || r.rng.IntN(3) == 0 {
			continue
		}
		add(i, c.user)
		if r.rng.IntN(8) == 0 {
			add(i, r.owner())
		}
	}
	var adoptions []ledger.Adoption
	for _, again := range []bool{false, true} {
		written := 0
		r.update("", func(rs *ledger.Records) (entries []ledger.Entry, err error) {
			adoptions, entries, err = ledger.Adopt(r.pool, rs, r.world(""), found, "somebody")
			written = len(entries)
			return entries, err
		})
		want := r.model.adopt(list, of, indexes)
		for k, a := range adoptions {
			if string(a.Status) != want[k] {
				r.t.Errorf("adopting %s for %s: %s, the model: %s", a.Found.Range, a.Found.For, a.Status, want[k])
			}
		}
		if again && written > 0 {
			r.t.Errorf("adopting again wrote %d events", written)
		}
	}
	return fmt.Sprint(list, of)
}

// declare makes a manifest promise an address, or promise it no more: that of a
// booking to its owner, mostly, and sometimes to another.
func (r *run) declare() string {
	i := r.rng.IntN(cells)
	c := &r.model.cells[i]
	switch {
	case c.user != "":
		c.user = ""
	case c.taken() && r.rng.IntN(4) > 0:
		c.user, c.index = c.owner, c.number
	case r.rng.IntN(2) == 0:
		c.user, c.index = r.owner(), r.rng.IntN(6)-2
	}
	if r.rng.IntN(4) == 0 { // the manifest has another order than the bookings
		c.index = r.rng.IntN(6) - 2
	}
	return fmt.Sprint(i, c.user, c.index)
}

// otherPool lets another pool have an address that nobody has here, or have it no more.
func (r *run) otherPool() string {
	i := r.rng.IntN(cells)
	c := &r.model.cells[i]
	switch {
	case c.other != "":
		c.other = ""
	case !c.taken():
		c.other = r.owner()
	}
	return fmt.Sprint(i, c.other)
}

// clock lets time pass, or sets the clock back.
func (r *run) clock() string {
	by := time.Duration(r.rng.IntN(90)) * time.Minute
	switch r.rng.IntN(12) {
	case 0:
		by = -by
	case 1:
		by *= 8
	}
	r.model.now = r.model.now.Add(by)
	return by.String()
}

// list makes a network hand an address out, or not any more.
func (r *run) list() string {
	i := r.rng.IntN(cells)
	r.model.cells[i].listed = !r.model.cells[i].listed
	return fmt.Sprint(i)
}

// compare holds all addresses against the model's.
func (r *run) compare() {
	rs, err := r.store.Records(context.Background(), r.pool.Name)
	if err != nil {
		r.t.Error(err)
		return
	}
	taken := map[ledger.Holder]netip.Prefix{}
	for i := range r.model.cells {
		c, b := &r.model.cells[i], rs.At(prefix(i))
		if string(b.State) != c.state || b.Owner != c.owner || b.Number != c.number || b.Team != c.team || !b.Until.Equal(c.until) {
			r.t.Errorf("%s is %s of %s/%d (%s) until %s; the model has %s of %s/%d (%s) until %s",
				b.Range, b.State, b.Owner, b.Number, b.Team, b.Until, c.state, c.owner, c.number, c.team, c.until)
		}
		if other, twice := taken[ledger.Holder{Owner: b.Owner, Number: b.Number}]; twice && b.State.Taken() {
			r.t.Errorf("%s and %s are both of %s", other, b.Range, b.For())
		}
		if b.State.Taken() {
			taken[ledger.Holder{Owner: b.Owner, Number: b.Number}] = b.Range
		}
		r.compareHistory(i, rs)
	}
}

// compareHistory holds all states that an address was ever in against the model's.
func (r *run) compareHistory(i int, rs *ledger.Records) {
	var states []string
	record := rs.Record(prefix(i))
	if n := len(record.Events); n == len(r.model.cells[i].states) && n == r.compared[i] {
		return // no event since, and they only grow
	}
	r.compared[i] = len(record.Events)
	for n := range record.Events {
		part := ledger.Record{Range: record.Range, Events: record.Events[:n+1]}
		b, err := part.Booking()
		if err != nil {
			r.t.Error(err)
		}
		states = append(states, string(b.State))
	}
	if !slices.Equal(states, r.model.cells[i].states) {
		r.t.Errorf("%s was %v; the model's was %v", prefix(i), states, r.model.cells[i].states)
	}
}
