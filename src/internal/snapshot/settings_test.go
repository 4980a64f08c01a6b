//go:build !race

package snapshot

import (
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"go4.org/netipx"

	"github.com/ipguard/ipguard/src/internal/bosh"
)

func blocksOf(t *testing.T, texts ...string) (list []bosh.Block) {
	t.Helper()
	for _, text := range texts {
		r, err := netipx.ParseIPRange(text)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, bosh.Block{Range: r})
	}
	return list
}

func patternOf(t *testing.T, text string) bosh.Pattern {
	t.Helper()
	p, err := bosh.ParsePattern(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// TestTeamsWords: what a team's fleet file says beside directors comes back as it was, its
// addresses are covered, and it is in what is the same or another.
func TestTeamsWords(t *testing.T) {
	lb, ok := NewExternal("lb of team web", "vlan-52", blocksOf(t, "10.0.0.1-10.0.0.1", "10.0.1.0-10.0.1.255", "fd00::5-fd00::9"))
	if !ok {
		t.Fatal("the owner is no name")
	}
	s := Snapshot{Head: Head{Collected: time.Date(2027, 1, 31, 12, 0, 0, 0, time.UTC)}}
	plain := s.Encode()
	s.Settings = Settings{External: []External{lb}, VIPs: &VIPProperties{Add: []bosh.Pattern{patternOf(t, "x/gate")}, Ignore: []bosh.Pattern{patternOf(t, "idle_vip")}}}
	text := s.Encode()
	if SameBut(plain, text) {
		t.Error("it says the same without them")
	}
	read, err := Read("x.json", text)
	if err != nil {
		t.Fatal(err)
	}
	for _, covered := range []string{"10.0.0.1", "10.0.1.77", "fd00::7"} {
		if a := netip.MustParseAddr(covered); !read.Covers.Contains(a) || !read.Uses.Contains(a) {
			t.Errorf("%s is not covered", a)
		}
	}
	if read.Covers.Contains(netip.MustParseAddr("10.0.0.2")) {
		t.Error("an address of nobody is covered")
	}
	again, err := read.Reduced()
	if err != nil || string(again.Encode()) != string(text) {
		t.Errorf("%v: %s", err, text)
	}
	if e := read.Settings.External; len(e) != 1 || e[0].Owner != lb.Owner || e[0].Segment != "vlan-52" || len(e[0].Addresses) != 3 || !e[0].Addresses[0].At.IsValid() {
		t.Errorf("%+v", e)
	}
	shared := bosh.Patterns{Find: []bosh.Pattern{patternOf(t, "vip")}, Ignore: []bosh.Pattern{patternOf(t, "other")}}
	if p := read.Patterns(shared); !slices.Equal(patternTexts(p.Find), []string{"vip", "x/gate"}) || !slices.Equal(patternTexts(p.Ignore), []string{"idle_vip", "other"}) {
		t.Errorf("%v", p)
	}
	// Of an older one, which did not tell, what was looked for counts.
	older := Snapshot{Head: Head{Kept: Kept{VIPProperties: []string{"vip", "x/gate"}}}}
	if p := older.Patterns(shared); !slices.Equal(patternTexts(p.Find), []string{"vip", "x/gate"}) || len(p.Ignore) != 1 {
		t.Errorf("%v", p)
	}
}

// TestNoSecretInTeamsWords: what is no name, address or pattern is refused, and not quoted.
func TestNoSecretInTeamsWords(t *testing.T) {
	for _, owner := range []string{"", "https://me:hunter2@lb", "two\nlines", strings.Repeat("x", 256)} {
		if _, ok := NewExternal(owner, "", nil); ok {
			t.Errorf("%q is taken for a name", owner)
		}
	}
	for _, settings := range []string{
		`{"external": [{"owner": "lb", "addresses": ["hunter2"]}]}`,
		`{"external": [{"owner": "lb", "addresses": ["10.0.0.9-10.0.0.1"]}]}`,
		`{"external": [{"addresses": ["10.0.0.9"]}]}`,
		`{"external": [{"owner": "https://me:hunter2@lb", "addresses": ["10.0.0.9"]}]}`,
		`{"external": [{"owner": "lb", "segment": "https://me:hunter2@lb", "addresses": ["10.0.0.9"]}]}`,
		`{"external": {"owner": "hunter2"}}`,
		`{"vip_properties": {"add": ["hunter2 hunter2"]}}`,
	} {
		s, err := Read("x.json", []byte(`{"ipguard_snapshot": 1, "collected": "2027-01-31T12:00:00Z", "director": {}, "deployed": 0, "kept": {}, "cloud_configs": [], "deployments": [], "settings": `+settings+`}`))
		if err == nil {
			_, err = s.Reduced()
		}
		if err == nil || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %v", settings, err)
		}
	}
}
