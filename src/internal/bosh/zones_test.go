package bosh

import "testing"

func TestJoinZones(t *testing.T) {
	got := JoinZones([]string{"z1", "", OtherZone + "5", OtherZone})
	if want := "z1, none, 5 (which is no name), something that is no name"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
