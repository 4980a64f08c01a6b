package scan

import (
	"bytes"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/ipguard/ipguard/src/internal/frame"
)

func TestResultRoundTrip(t *testing.T) {
	want := Result{Version: 1, Prefix: netip.MustParsePrefix("10.9.0.0/24"), Interface: "eth0", Complete: true, Answered: 1,
		Hosts: []Host{{Address: netip.MustParseAddr("10.9.0.1"), Status: Known, Promised: []string{"director promo"},
			Stations: []Station{{MAC: frame.MAC{0, 0x50, 0x56, 0, 0, 1}, Vendor: "VMware", Milliseconds: 0.1}}}}}
	var b bytes.Buffer
	if err := want.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	got, err := Read(&b)
	if err != nil {
		t.Fatal(err)
	}
	same := []cmp.Option{cmp.Comparer(func(a, b netip.Addr) bool { return a == b }), cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })}
	if diff := cmp.Diff(want, got, same...); diff != "" {
		t.Error(diff)
	}
	for _, text := range []string{"", "[]", `{"version":2}`, `{"version":1,"prefix":"x"}`} {
		if _, err := Read(strings.NewReader(text)); err == nil {
			t.Errorf("%q was read", text)
		}
	}
}

func FuzzRead(f *testing.F) {
	f.Add(`{"version":1,"prefix":"10.9.0.0/24","hosts":[{"address":"10.9.0.1","status":"known","stations":[{"mac":"00:50:56:00:00:01"}]}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		if r, err := Read(strings.NewReader(text)); err == nil && r.Version != 1 {
			t.Errorf("version %d", r.Version)
		}
	})
}
