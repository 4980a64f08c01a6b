package scan

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/frame"
	"github.com/ipguard/ipguard/src/internal/link"
)

func TestResultRoundTrip(t *testing.T) {
	at := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	want := Result{Version: 1, Prefix: netip.MustParsePrefix("10.9.0.0/24"), Segment: "lan", Interface: "eth0", Started: at, Finished: at, Complete: true, Answered: 1,
		Hosts: []Host{{Address: netip.MustParseAddr("10.9.0.1"), Status: Known, Promised: []string{"director promo"},
			Stations: []Station{{MAC: frame.MAC{0, 0x50, 0x56, 0, 0, 1}, Vendor: "VMware", Milliseconds: 0.1}}}}}
	var b bytes.Buffer
	for range 2 {
		if err := want.WriteJSON(&b); err != nil {
			t.Fatal(err)
		}
	}
	got, err := Read("seen.json", b.Bytes())
	if err != nil {
		t.Fatal(err)
	}
	same := []cmp.Option{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff([]Result{want, want}, got, same...); diff != "" {
		t.Error(diff)
	}
}

// TestReadRefuses: what is no result, and where.
func TestReadRefuses(t *testing.T) {
	const good = `{"version":1,"prefix":"10.9.0.0/24","finished":"2026-01-02T03:04:05Z"}`
	for text, want := range map[string]string{
		"":                           "seen.json:1:1: ",
		"[]":                         "seen.json:1:1: ",
		good + "\n{":                 "seen.json:2:1: ",
		good + "\nx":                 "seen.json:2:1: ",
		"{\n  \"version\": \"1\"}":   "seen.json:2:",
		`{"version":2}`:              "version 2",
		`{"version":1,"prefix":"x"}`: `"x"`,
		`{"version":1}`:              "no prefix",
		good[:len(good)-1] + `,"hosts":[{"address":"10.9.1.1"}]}`:             "10.9.1.1 lies outside",
		`{"version":1,"prefix":"10.9.0.0/24"}`:                                "when it was finished",
		good[:len(good)-1] + `,"hosts":[{"stations":[{"mac":"00:50"}]}]}`:     "00:50",
		good[:len(good)-1] + `,"hosts":[{"address":"10.9.0.1%eth0"}]}`:        "10.9.0.1%eth0",
		good[:len(good)-1] + `,"hosts":[{"address":null, "status":"known"}]}`: "outside",
	} {
		if _, err := Read("seen.json", []byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %q", text, err, want)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add([]byte(`{"version":1,"prefix":"10.9.0.0/24","finished":"2026-01-02T03:04:05Z","hosts":[{"address":"10.9.0.1","status":"known","stations":[{"mac":"00:50:56:00:00:01"}]}]}`))
	f.Add([]byte("{\n\"version\": \"\u00e9\"}"))
	f.Fuzz(func(t *testing.T, text []byte) {
		results, err := Read("f", text)
		if err == nil && len(results) == 0 {
			t.Error("nothing was read, and no error")
		}
		for _, r := range results {
			if err := r.check(); err != nil {
				t.Error(err)
			}
		}
	})
}

// TestCards: two stations that answer for the same addresses are one machine, and
// two that share an address are not.
func TestCards(t *testing.T) {
	a := func(n byte) netip.Addr { return netip.AddrFrom4([4]byte{10, 9, 0, n}) }
	m := func(n byte) frame.MAC { return frame.MAC{0, 0x50, 0x56, 0, 0, n} }
	for _, test := range []struct {
		name string
		has  map[byte][]byte // addresses by station
		want map[byte]Status // by address
	}{
		{"one machine with two cards", map[byte][]byte{1: {20, 21}, 2: {20, 21}}, map[byte]Status{20: Unknown, 21: Unknown}},
		{"with three", map[byte][]byte{1: {20, 21}, 2: {20, 21}, 3: {20, 21}}, map[byte]Status{20: Unknown, 21: Unknown}},
		{"two machines with one address", map[byte][]byte{1: {20}, 2: {20}}, map[byte]Status{20: Twice}},
		{"two machines, one with another address", map[byte][]byte{1: {20, 21}, 2: {20}}, map[byte]Status{20: Twice, 21: Unknown}},
		{"two machines, each with another address", map[byte][]byte{1: {20, 21}, 2: {20, 22}}, map[byte]Status{20: Twice, 21: Unknown, 22: Unknown}},
		{"two cards and a rogue", map[byte][]byte{1: {20, 21}, 2: {20, 21}, 3: {20}}, map[byte]Status{20: Twice, 21: Unknown}},
	} {
		s := newSightings(nil)
		for station, addresses := range test.has {
			for _, n := range addresses {
				s.note(a(n), m(station), time.Millisecond, time.Time{})
			}
		}
		got := map[byte]Status{}
		for _, h := range s.hosts(Options{Prefix: netip.MustParsePrefix("10.9.0.0/24")}, link.Interface{}) {
			got[h.Address.As4()[3]] = h.Status
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s: %s", test.name, diff)
		}
	}
}
