package web

import (
	"net/netip"
	"strings"
	"testing"
)

// TestRow: whatever an owner is called, a row of the grid has its cells and nothing else.
func TestRow(t *testing.T) {
	a := netip.MustParseAddr("fd00::1")
	for _, owner := range []string{"lb/x", `"><script>alert(1)</script>`, `' onmouseover='x`, "a&b <i>", "x\"\u202e\n"} {
		row := string(block{Cells: []cell{newCell(a, "B", "booked", "booked", owner), newCell(a.Next(), "·", "", "not booked", "")}}.Row())
		if n := strings.Count(row, "<"); n != 8 || strings.Count(row, ">") != n || strings.Count(row, `"`) != 2*8 || strings.ContainsAny(row, "'\n\u202e") {
			t.Errorf("%q: %s", owner, row)
		}
		if !strings.Contains(row, `<a href="/addresses/fd00::1" title="fd00::1: booked, `) || !strings.HasSuffix(row, `title="fd00::2: not booked" aria-label="fd00::2: not booked">·</a></td>`) {
			t.Errorf("%q: %s", owner, row)
		}
	}
}
