package cli

import (
	"testing"
	"time"
)

// TestDaysAreUTC: on which day an exception ends does not depend on where lint runs.
func TestDaysAreUTC(t *testing.T) {
	moment := time.Date(2026, 12, 31, 23, 30, 0, 0, time.UTC)
	for _, hours := range []int{-12, 0, 14} {
		there := moment.In(time.FixedZone("there", hours*3600))
		if got := (Streams{Now: func() time.Time { return there }}).today(); got.Format(time.DateOnly) != "2026-12-31" {
			t.Errorf("%d hours from UTC it is %s", hours, got)
		}
	}
}
