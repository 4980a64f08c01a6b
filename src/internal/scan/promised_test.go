package scan

import (
	"net/netip"
	"strconv"
	"strings"
	"testing"
)

// TestManyPromises: a thousand files that promise one address are no thousand lines.
func TestManyPromises(t *testing.T) {
	h := Host{Address: netip.MustParseAddr("10.0.0.3"), Status: Silent}
	for i := range 1000 {
		h.Promised = append(h.Promised, "director "+strconv.Itoa(i))
	}
	var out strings.Builder
	if err := (Result{Hosts: []Host{h}, Complete: true}).WriteText(&out); err != nil {
		t.Fatal(err)
	}
	if got := strings.Count(out.String(), "promised to"); got != mostPromised || !strings.Contains(out.String(), "and to 990 more; --format json has all\n") {
		t.Errorf("%d lines:\n%s", got, out.String())
	}
}
