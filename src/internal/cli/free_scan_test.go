package cli

import (
	"bytes"
	"context"
	"net/netip"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/scan"
)

// TestFreeTellsAgeOfScan: a scan is called stale when it is, and so is one that
// another clock dated.
func TestFreeTellsAgeOfScan(t *testing.T) {
	finished := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	r := scan.Result{Version: 1, Prefix: netip.MustParsePrefix("10.8.52.0/22"), Finished: finished, Complete: true}
	var b bytes.Buffer
	if err := r.WriteJSON(&b); err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "seen.json")
	writeFile(t, file, b.Bytes())
	for age, want := range map[time.Duration]string{
		time.Minute:              "0 answered, 1m0s ago (" + file + ")\n",
		time.Hour:                "0 answered, 1h0m0s ago (" + file + ")\n",
		time.Hour + time.Second:  "0 answered, 1h0m1s ago (" + file + "); stale: ",
		72 * time.Hour:           "0 answered, 3 days ago (" + file + "); stale: ",
		-2 * time.Minute:         "0 answered, 2m0s in the future (" + file + "); one of the two clocks is wrong\n",
		-300 * time.Millisecond:  "0 answered, 0s ago (" + file + ")\n",
		-1500 * time.Millisecond: "0 answered, 2s in the future (" + file + ")\n",
	} {
		var stdout, stderr strings.Builder
		code := Main(context.Background(), []string{"free", "VLAN-52", "--scan", file, "--fleet", "../../../manifests-examples/incident/ipguard.yml"},
			Streams{Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Now: func() time.Time { return finished.Add(age) }})
		if code != ExitOK || !strings.Contains(stdout.String(), want) {
			t.Errorf("%s: code %d, want %q\n%s%s", age, code, want, stdout.String(), stderr.String())
		}
	}
}
