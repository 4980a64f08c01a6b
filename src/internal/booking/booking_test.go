package booking_test

import (
	"fmt"
	"math/rand/v2"
	"net/netip"
	"slices"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/booking"
	"github.com/ipguard/ipguard/src/internal/ledger"
	"github.com/ipguard/ipguard/src/internal/lint"
	"github.com/ipguard/ipguard/src/internal/place"
	"github.com/ipguard/ipguard/src/internal/plan"
	"github.com/ipguard/ipguard/src/internal/seal"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

var now = time.Date(2026, 11, 26, 12, 0, 0, 0, time.UTC)

// world is a random fleet of two directors on one segment of 64 addresses.
type world struct {
	rng     *rand.Rand
	plan    *plan.Plan
	subnets map[string]*plan.Subnet // by director
	pool    *ledger.Pool
	line    int
}

func newWorld(seed uint64) *world {
	w := &world{rng: rand.New(rand.NewPCG(seed, 1)), plan: &plan.Plan{Directors: []string{"a", "b"}}, subnets: map[string]*plan.Subnet{}}
	for _, director := range w.plan.Directors {
		s := &plan.Subnet{Director: director, Network: "default", Range: netip.MustParsePrefix("10.0.0.0/26"), Prefix: 32, Segment: "vlan", At: w.at()}
		w.subnets[director] = s
		w.plan.Subnets = append(w.plan.Subnets, s)
		w.add(plan.Gateway, plan.Owner{Director: director, Network: "default"}, s, 1, 1)
		for from := 2; from < 62; {
			to := min(from+w.rng.IntN(12), 62)
			kind := []plan.Kind{plan.DynamicPool, plan.StaticPool, plan.StaticPool, plan.Reserved, plan.Reserved}[w.rng.IntN(5)]
			w.add(kind, plan.Owner{Director: director, Network: "default"}, s, from, to)
			from = to + 1
		}
	}
	for range w.rng.IntN(12) {
		w.somebody()
	}
	w.pool = &ledger.Pool{Name: "pool", Teams: []string{"t"}, At: w.at()}
	w.pool.Segment = "vlan"
	for range 1 + w.rng.IntN(3) {
		from := w.rng.IntN(64)
		w.pool.Ranges = append(w.pool.Ranges, addresses(from, min(from+w.rng.IntN(30), 63)))
	}
	if w.rng.IntN(3) == 0 {
		from := w.rng.IntN(64)
		w.pool.Except = append(w.pool.Except, addresses(from, min(from+w.rng.IntN(5), 63)))
	}
	return w
}

func (w *world) at() place.Place {
	w.line++
	return place.Place{File: "fleet.yml", Line: w.line, Column: 1}
}

func addresses(from, to int) netipx.IPRange {
	address := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}) }
	return netipx.IPRangeFrom(address(from), address(to))
}

func (w *world) add(kind plan.Kind, owner plan.Owner, s *plan.Subnet, from, to int) {
	w.plan.Claims = append(w.plan.Claims, plan.Claim{Range: addresses(from, to), Kind: kind, Holder: owner.Held(), Subnet: s, At: w.at()})
}

// somebody has an address, or may have some that nobody can see, or has booked one of
// another pool.
func (w *world) somebody() {
	director := w.plan.Directors[w.rng.IntN(2)]
	owner := plan.Owner{Director: director, Deployment: fmt.Sprintf("d%d", w.rng.IntN(3)), InstanceGroup: "web", Network: "default"}
	from := w.rng.IntN(64)
	outside := &plan.Subnet{Network: "x", Segment: "vlan", At: w.at()}
	switch w.rng.IntN(6) {
	case 0, 1:
		w.add(plan.Static, owner, w.subnets[director], from, from)
	case 2:
		w.add(plan.Lease, owner, w.subnets[director], from, from)
	case 3:
		w.add(plan.External, plan.Owner{Property: "lb"}, outside, from, min(from+2, 63))
	case 4:
		may := plan.Claim{Range: addresses(from, min(from+6, 63)), Kind: plan.Static, Holder: owner.Held(), Subnet: w.subnets[director]}
		w.plan.BlindSpots = append(w.plan.BlindSpots, plan.BlindSpot{Owner: owner, What: "static_ips", Variable: "ip", Reason: plan.NoValue, At: w.at(), May: []plan.Claim{may}})
	case 5:
		w.booked("other", "c/d/e", addresses(from, from), outside)
	}
}

func (w *world) booked(pool, owner string, r netipx.IPRange, s *plan.Subnet) {
	w.plan.Claims = append(w.plan.Claims, plan.Claim{
		Range: r, Kind: plan.Booked, Holder: &plan.Owner{Property: owner}, Subnet: s, At: w.at(),
		Detail: &plan.Detail{Booking: &plan.Booking{Pool: pool, Owner: owner, State: plan.BookingTaken, Since: now}},
	})
}

// ask books one address for an owner that has none yet.
func (w *world) ask(t *testing.T, owner string) (netip.Addr, bool) {
	t.Helper()
	look := &booking.Look{Plan: w.plan, Pool: w.pool, Now: now}
	answer, _, err := ledger.Book(w.pool, &ledger.Records{}, look.World(owner), ledger.Ask{For: ledger.Holder{Owner: owner, Number: -1}, Count: 1, By: "x"})
	if err != nil {
		t.Fatal(err)
	}
	if answer.Refusal != nil {
		return netip.Addr{}, false
	}
	return answer.Bookings[0].Range.Addr(), true
}

// errorsAt are the errors of lint that are about an address.
func (w *world) errorsAt(a netip.Addr) []string {
	facts := lint.NewFacts(w.plan)
	facts.Now = now
	var list []string
	for _, f := range lint.Run(facts, lint.Rules()) {
		if f.Severity >= lint.Error && f.Range.IsValid() && f.Range.Contains(a) && f.Rule != "overlapping-pools" {
			list = append(list, f.Rule+": "+f.Message)
		}
	}
	return list
}

// TestBookedIsAccepted: what is given, lint accepts of its owner, and refuses of
// every other; and a walk over single addresses finds nobody else there.
func TestBookedIsAccepted(t *testing.T) {
	plans := 4000
	if sharedtest.Short() {
		plans = 800
	}
	given, refused := 0, 0
	for seed := range uint64(plans) {
		w := newWorld(seed)
		const owner = "a/new/api"
		address, ok := w.ask(t, owner)
		if !ok {
			refused++
			continue
		}
		given++
		if why := w.naive(owner, address); why != "" {
			t.Fatalf("seed %d: %s was given, but %s", seed, address, why)
		}
		r := netipx.IPRangeFrom(address, address)
		before := slices.Clone(w.plan.Claims)
		w.booked("pool", owner, r, &plan.Subnet{Network: "pool", Segment: "vlan", At: w.at()})
		booked := slices.Clone(w.plan.Claims)

		w.deploy("a", "new", r)
		if errors := w.errorsAt(address); len(errors) > 0 {
			t.Fatalf("seed %d: %s was given to %s, and lint refuses it: %q", seed, address, owner, errors)
		}
		w.plan.Claims = booked
		w.deploy("b", "thief", r)
		if errors := w.errorsAt(address); len(errors) == 0 {
			t.Fatalf("seed %d: %s is %s's, and lint lets another have it", seed, address, owner)
		}
		w.plan.Claims = before
	}
	t.Logf("%d given, %d refused", given, refused)
	if given < plans/8 || refused < plans/40 {
		t.Errorf("%d given and %d refused: the fleets are too easy or too hard", given, refused)
	}
}

// deploy lets a deployment have an address: by static_ips where its director's static
// ranges have it, else as a VM of create-env.
func (w *world) deploy(director, deployment string, r netipx.IPRange) {
	owner := plan.Owner{Director: director, Deployment: deployment, InstanceGroup: "api", Network: "default"}
	s := w.subnets[director]
	for _, c := range w.plan.Claims {
		if c.Kind == plan.StaticPool && c.Subnet == s && c.Range.Contains(r.From()) {
			w.plan.Claims = append(w.plan.Claims, plan.Claim{Range: r, Kind: plan.Static, Holder: owner.Held(), Subnet: s, At: w.at()})
			return
		}
	}
	own := &plan.Subnet{Director: director, Deployment: deployment, Network: "default", Range: s.Range, Prefix: 32, Segment: "vlan", At: w.at()}
	w.plan.Subnets = append(w.plan.Subnets, own)
	w.plan.Claims = append(w.plan.Claims, plan.Claim{Range: r, Kind: plan.CreateEnvVM, Holder: owner.Held(), Subnet: own, At: w.at()})
}

// naive looks at one address, and says who or what is there.
func (w *world) naive(owner string, a netip.Addr) string {
	holds := func(list []netipx.IPRange) bool {
		return slices.ContainsFunc(list, func(r netipx.IPRange) bool { return r.Contains(a) })
	}
	if !holds(w.pool.Ranges) || holds(w.pool.Except) {
		return "the pool does not delegate it"
	}
	last := a.As4()[3]
	if last == 0 || last == 63 {
		return "it is the first or the last address"
	}
	for _, c := range w.plan.Claims {
		own := c.Kind == plan.StaticPool && c.Owner().Director == "a"
		if c.Range.Contains(a) && c.Kind != plan.Reserved && !own {
			return c.Who() + " (" + c.Kind.String() + ") is there"
		}
	}
	for _, s := range w.plan.BlindSpots {
		for _, c := range s.May {
			if c.Range.Contains(a) {
				return "nobody knows who is there"
			}
		}
	}
	return ""
}

// TestOwnerKeepsWhatItHas: what an owner uses already is booked before anything else.
func TestOwnerKeepsWhatItHas(t *testing.T) {
	w := newWorld(1)
	w.plan.Claims, w.plan.BlindSpots = nil, nil
	w.pool.Ranges, w.pool.Except = []netipx.IPRange{addresses(10, 60)}, nil
	w.add(plan.Static, plan.Owner{Director: "a", Deployment: "new", InstanceGroup: "api"}, w.subnets["a"], 33, 33)
	if got, ok := w.ask(t, "a/new/api"); !ok || got != netip.MustParseAddr("10.0.0.33") {
		t.Errorf("got %s, want 10.0.0.33, which it has", got)
	}
	if got, ok := w.ask(t, "a/new/db"); !ok || got != netip.MustParseAddr("10.0.0.10") {
		t.Errorf("another group got %s, want the lowest", got)
	}
}

// TestOwnerIsKeptBack: an owner whose deployment's name may not be shown has what it has,
// and books by its true name.
func TestOwnerIsKeptBack(t *testing.T) {
	w := newWorld(1)
	w.plan.Claims, w.plan.BlindSpots = nil, nil
	w.pool.Ranges, w.pool.Except = []netipx.IPRange{addresses(10, 60)}, nil
	w.add(plan.Static, plan.Owner{Director: "a", Deployment: seal.Of("a", "new"), InstanceGroup: seal.Of("a", "api")}, w.subnets["a"], 33, 33)
	for owner, want := range map[string]string{"a/new/api": "10.0.0.33", "a/new": "10.0.0.33", "a/old/api": "10.0.0.10", "a/new/db": "10.0.0.10", "b/new/api": "10.0.0.10"} {
		if got, ok := w.ask(t, owner); !ok || got != netip.MustParseAddr(want) {
			t.Errorf("%s got %s, want %s", owner, got, want)
		}
	}
}

// TestHiddenUser: an address that its owner may use, though nobody can see it, is kept;
// another owner's blind spot keeps nobody's booking.
func TestHiddenUser(t *testing.T) {
	w := newWorld(1)
	w.plan.Claims, w.plan.BlindSpots = nil, nil
	w.pool.Ranges, w.pool.Except = []netipx.IPRange{addresses(10, 60)}, nil
	owner := plan.Owner{Director: "a", Deployment: "web", InstanceGroup: "api"}
	may := plan.Claim{Range: addresses(20, 29), Kind: plan.Static, Holder: owner.Held(), Subnet: w.subnets["a"]}
	w.plan.BlindSpots = []plan.BlindSpot{{Owner: owner, What: "static_ips", Variable: "ip", Reason: plan.NoValue, At: w.at(), May: []plan.Claim{may}}}
	look := &booking.Look{Plan: w.plan, Pool: w.pool, Now: now}
	for _, c := range []struct {
		address, owner string
		kept           bool
	}{
		{"10.0.0.25/32", "a/web/api", true},
		{"10.0.0.35/32", "a/web/api", false},
		{"10.0.0.25/32", "a/web/db", false},
		{"10.0.0.25/32", "lb/frontend", false},
	} {
		r := netip.MustParsePrefix(c.address)
		rs, err := ledger.NewRecords([]ledger.Record{{Range: r, Events: []ledger.Event{{At: now, What: ledger.WasBooked, Owner: c.owner}}}})
		if err != nil {
			t.Fatal(err)
		}
		_, entries, err := ledger.Release(w.pool, rs, look.World(""), []netip.Prefix{r}, "x", "")
		if err != nil || (len(entries) == 0) != c.kept {
			t.Errorf("%s of %s: kept: %t, %v; want kept: %t", c.address, c.owner, len(entries) == 0, err, c.kept)
		}
	}
}

// TestWithheld: where addresses are given to nobody because of what hides, what hides is
// told, be they of a static range of a director or not.
func TestWithheld(t *testing.T) {
	told := 0
	for seed := range uint64(300) {
		w := newWorld(seed)
		withheld := false
		for _, owner := range []string{"nobody", "a/nobody/nobody", "b/nobody/nobody"} {
			count := func(unsure bool) int {
				look := &booking.Look{Plan: w.plan, Pool: w.pool, Now: now, Unsure: unsure}
				return ledger.CountFree(w.pool, &ledger.Records{}, look.World(owner))
			}
			withheld = withheld || count(true) > count(false)
		}
		look := &booking.Look{Plan: w.plan, Pool: w.pool, Now: now}
		if withheld {
			told++
		}
		if spots := look.Withheld(); withheld && len(spots) == 0 {
			t.Fatalf("seed %d: nothing is told to hide, and addresses are given to nobody for it", seed)
		}
	}
	if told < 30 {
		t.Errorf("only %d worlds with something to tell", told)
	}
}
