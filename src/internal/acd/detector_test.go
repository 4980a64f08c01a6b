//go:build !race

package acd

import (
	"encoding/json"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/frame"
)

func at(d time.Duration) time.Time { return start.Add(d) }

func claimBy(m frame.MAC) Evidence {
	return Evidence{Verdict: Claim, How: "arp-request", MAC: m, Source: m}
}

// moment is one observation, or with no evidence one tick, and the state after it.
type moment struct {
	at       time.Duration
	evidence Evidence
	want     State
}

func TestDetectorStates(t *testing.T) {
	suspect := Evidence{Verdict: Suspect, How: "arp-reply", MAC: macB, Source: macN}
	stolen := Evidence{Verdict: Claim, How: "return-path", Proven: true}
	lost := Evidence{Verdict: Claim, How: "return-path"}
	quarter := 15 * time.Minute
	for _, test := range []struct {
		name    string
		moments []moment
	}{
		{"one claim is a suspicion, for as long as conflicts are remembered", []moment{
			{10 * time.Second, claimBy(macB), Suspected},
			{59 * time.Minute, Evidence{}, Suspected},
			{61 * time.Minute, Evidence{}, Clean},
		}},
		{"two claims are a conflict; silence latches it", []moment{
			{10 * time.Second, claimBy(macB), Suspected},
			{10*time.Second + time.Millisecond, claimBy(macB), Conflicted},
			{69 * time.Second, Evidence{}, Conflicted},
			{71 * time.Second, Evidence{}, Latched},
			{time.Hour, Evidence{}, Latched},
			{time.Hour + 11*time.Second, Evidence{}, Clean},
		}},
		{"the incident: one claim every quarter of an hour", []moment{
			{quarter, claimBy(macB), Suspected},
			{2 * quarter, claimBy(macB), Conflicted},
			{2*quarter + time.Minute, Evidence{}, Latched},
			{3 * quarter, claimBy(macB), Conflicted},
			{3*quarter + time.Minute, Evidence{}, Latched},
		}},
		{"two stations, one claim each", []moment{
			{10 * time.Second, claimBy(macB), Suspected},
			{20 * time.Second, claimBy(macN), Conflicted},
		}},
		{"a claim in another's name never becomes more than a suspicion", []moment{
			{10 * time.Second, suspect, Suspected},
			{11 * time.Second, suspect, Suspected},
			{30 * time.Second, suspect, Suspected},
			{40 * time.Second, suspect, Suspected},
			{50 * time.Second, suspect, Suspected},
		}},
		{"what the return path proved needs no second time", []moment{{10 * time.Second, stolen, Conflicted}}},
		{"what it only missed does", []moment{{10 * time.Second, lost, Suspected}, {15 * time.Second, lost, Conflicted}}},
		{"the former owner of an address that we just took", []moment{
			{time.Second, claimBy(macB), Suspected},
			{2 * time.Second, claimBy(macB), Suspected},
			{5 * time.Second, claimBy(macB), Conflicted},
		}},
		{"three changes of owner within a minute", []moment{
			{10 * time.Second, claimBy(macB), Suspected},
			{20 * time.Second, claimBy(macB), Conflicted},
			{30 * time.Second, claimBy(macB), Flapping},
			{91 * time.Second, Evidence{}, Latched},
		}},
		{"many claims without silence are one change of owner", []moment{
			{10 * time.Second, claimBy(macB), Suspected},
			{12 * time.Second, claimBy(macB), Conflicted},
			{14 * time.Second, claimBy(macB), Conflicted},
			{16 * time.Second, claimBy(macB), Conflicted},
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := NewDetector(DetectorConfig{Subject: Subject{Address: own4}, MAC: macA}, Memory{}, start)
			old := Clean
			for _, m := range test.moments {
				var changes []Change
				if m.evidence == (Evidence{}) {
					changes = d.Tick(at(m.at))
				} else {
					changes = d.Observe(m.evidence, at(m.at))
				}
				got := d.Memory().State
				if got != m.want {
					t.Fatalf("%v: %v, want %v", m.at, got, m.want)
				}
				if (len(changes) == 1) != (got != old) || len(changes) == 1 && (changes[0].Old != old || changes[0].New != got) {
					t.Errorf("%v: %v to %v, reported %+v", m.at, old, got, changes)
				}
				old = got
			}
		})
	}
}

func TestDetectorDefends(t *testing.T) {
	for _, test := range []struct {
		name    string
		defence Defence
		sharing Sharing
		claims  []time.Duration
		want    []time.Duration // announcements
	}{
		{"never", NeverDefend, Sharing{}, []time.Duration{10 * time.Second}, nil},
		{"once", DefendOnce, Sharing{}, []time.Duration{10 * time.Second}, []time.Duration{10 * time.Second}},
		{"once, for each attack on its own", DefendOnce, Sharing{}, []time.Duration{10 * time.Second, 25 * time.Second},
			[]time.Duration{10 * time.Second, 25 * time.Second}},
		{"once, then attacked again at once: no war", DefendOnce, Sharing{},
			[]time.Duration{10 * time.Second, 15 * time.Second, 30 * time.Second}, []time.Duration{10 * time.Second}},
		{"always, but no more often than the rfc allows", DefendAlways, Sharing{},
			[]time.Duration{10 * time.Second, 12 * time.Second, 13 * time.Second, 31 * time.Second},
			[]time.Duration{10 * time.Second, 20 * time.Second, 31 * time.Second}},
		{"shared addresses are not fought for", DefendAlways, Sharing{VRRP: true}, []time.Duration{10 * time.Second}, nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := NewDetector(DetectorConfig{Subject: Subject{Address: own4, Sharing: test.sharing}, MAC: macA, Defence: test.defence}, Memory{}, start)
			var got []time.Duration
			collect := func(now time.Duration) {
				for _, b := range d.Frames() {
					f, err := frame.Parse(b)
					if err != nil {
						t.Fatal(err)
					}
					if claimed, ok := f.Claims(); ok && claimed == own4 && f.Target == own4 && f.SenderMAC == macA {
						got = append(got, now)
					}
				}
			}
			for now := time.Duration(0); now < time.Minute; now += time.Second {
				d.Tick(at(now))
				collect(now)
				for _, c := range test.claims {
					if c == now {
						d.Observe(claimBy(macB), at(now))
						collect(now)
					}
				}
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestDetectorRepairs: a rogue that announces itself and asks for the gateway in
// one breath, and what is then said: an announcement, and to the gateway where we
// are.
func TestDetectorRepairs(t *testing.T) {
	asking := claimBy(macB)
	asking.Peer = gateway4
	for _, test := range []struct {
		defence Defence
		want    []string
	}{
		{NeverDefend, nil},
		{DefendOnce, []string{"10s announcement", "10.001s repair"}},
		{DefendAlways, []string{"10s announcement", "10.001s repair", "12s repair", "20s announcement"}},
	} {
		d := NewDetector(DetectorConfig{Subject: Subject{Address: own4}, MAC: macA, Defence: test.defence}, Memory{}, start)
		var got []string
		collect := func(now time.Duration) {
			for _, b := range d.Frames() {
				f, err := frame.Parse(b)
				if err != nil {
					t.Fatal(err)
				}
				switch claimed, ok := f.Claims(); {
				case !ok: // asks the claimant
				case claimed != own4 || f.SenderMAC != macA || f.Kind != frame.ARPRequest:
					t.Errorf("sent %+v", f)
				case f.Target == own4:
					got = append(got, now.String()+" announcement")
				case f.Target == gateway4:
					got = append(got, now.String()+" repair")
				}
			}
		}
		observe := func(e Evidence, now time.Duration) {
			d.Observe(e, at(now))
			collect(now)
		}
		observe(claimBy(macB), 10*time.Second)
		observe(asking, 10*time.Second+time.Millisecond)
		observe(asking, 10*time.Second+2*time.Millisecond) // not more than one a second
		observe(asking, 12*time.Second)                    // another attack: once gives up
		d.Tick(at(20 * time.Second))
		collect(20 * time.Second)
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%d: %s", test.defence, diff)
		}
		if d.Surrendered() != (test.defence == DefendOnce) {
			t.Errorf("%d: surrendered %v", test.defence, d.Surrendered())
		}
	}
}

// TestDetectorAsks: the first claim makes it ask the claimant, and no attack
// makes it ask more often than once a second.
func TestDetectorAsks(t *testing.T) {
	d := NewDetector(DetectorConfig{Subject: Subject{Address: own4}, MAC: macA}, Memory{}, start)
	d.Observe(claimBy(macB), at(10*time.Second))
	frames := d.Frames()
	if len(frames) != 1 {
		t.Fatalf("%d frames", len(frames))
	}
	if f, err := frame.Parse(frames[0]); err != nil || f.Destination != macB || !f.IsProbe() || f.Target != own4 {
		t.Errorf("%+v, %v", f, err)
	}
	for i := range 1000 {
		e := Evidence{Verdict: Suspect, How: "arp-reply", MAC: frame.MAC{2, 0, 0, 0, byte(i >> 8), byte(i)}, Source: macN}
		d.Observe(e, at(11*time.Second).Add(time.Duration(i)*time.Millisecond))
	}
	if n := len(d.Frames()); n > 2 {
		t.Errorf("%d questions within a second", n)
	}
	if m := d.Memory(); len(m.Claimants) != maxStations || m.Others != 1000+1-maxStations {
		t.Errorf("%d claimants, %d others", len(m.Claimants), m.Others)
	}
}

// TestDetectorOfAnotherHost neither probes nor defends what is not ours.
func TestDetectorOfAnotherHost(t *testing.T) {
	d := NewDetector(DetectorConfig{Subject: Subject{Address: own4}, Defence: DefendAlways}, Memory{}, start)
	d.Probe(start)
	d.Observe(claimBy(macB), at(10*time.Second))
	if n := len(d.Frames()); n != 0 {
		t.Errorf("%d frames", n)
	}
}

func TestMemorySurvives(t *testing.T) {
	d := NewDetector(DetectorConfig{Subject: Subject{Address: own4}, MAC: macA}, Memory{}, start)
	d.Observe(claimBy(macB), at(10*time.Second))
	d.Observe(claimBy(macB), at(11*time.Second))
	b, err := json.Marshal(d.Memory())
	if err != nil {
		t.Fatal(err)
	}
	var m Memory
	if err := json.Unmarshal(b, &m); err != nil {
		t.Fatal(err)
	}
	after := NewDetector(DetectorConfig{Subject: Subject{Address: own4}, MAC: macA}, m, at(time.Minute))
	if diff := cmp.Diff(d.Memory(), after.Memory()); diff != "" {
		t.Error(diff)
	}
	if c := after.Tick(at(2 * time.Minute)); len(c) != 1 || c[0].New != Latched {
		t.Errorf("%+v", c)
	}
	if err := json.Unmarshal([]byte(`{"state":"nonsense"}`), &m); err == nil {
		t.Error("a state that does not exist was read")
	}
}

// TestDetectorInvariants drives the machine at random and holds it to what must
// be true at every moment.
func TestDetectorInvariants(t *testing.T) {
	for seed := range uint64(200) {
		random := rand.New(rand.NewPCG(seed, 7))
		d := NewDetector(DetectorConfig{Subject: Subject{Address: own4}, MAC: macA, Defence: Defence(random.IntN(3))}, Memory{}, start)
		now, defended := start, time.Time{}
		for range 300 {
			now = now.Add(time.Duration(random.IntN(20000)) * time.Millisecond)
			if random.IntN(2) == 0 {
				d.Tick(now)
			} else {
				e := claimBy(frame.MAC{2, 0, 0, 0, 0, byte(random.IntN(20))})
				e.Verdict = Verdict(int(Suspect) + random.IntN(2))
				d.Observe(e, now)
				if s := d.Memory().State; s < Suspected {
					t.Fatalf("seed %d: %v right after a claim", seed, s)
				}
			}
			for _, b := range d.Frames() {
				f, err := frame.Parse(b)
				if err != nil {
					t.Fatal(err)
				}
				if _, announces := f.Claims(); announces {
					if !defended.IsZero() && now.Sub(defended) < defendInterval {
						t.Fatalf("seed %d: defended after %v", seed, now.Sub(defended))
					}
					defended = now
				}
			}
			if next := d.Next(); !next.IsZero() && next.Before(now.Add(-defendInterval)) && d.Memory().State == Clean {
				t.Fatalf("seed %d: a clean detector waits for the past", seed)
			}
		}
	}
}
