package cli

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// TestSplitGateOptions takes the gate's options out of bosh's.
func TestSplitGateOptions(t *testing.T) {
	for line, want := range map[string]struct {
		options gateOptions
		boshs   string
		wrong   bool
	}{
		"":                                    {},
		"deploy m.yml":                        {boshs: "deploy m.yml"},
		"--ipguard-fleet f deploy":            {options: gateOptions{fleet: "f"}, boshs: "deploy"},
		"d --ipguard-fleet=f -n m":            {options: gateOptions{fleet: "f"}, boshs: "d -n m"},
		"d m --ipguard-override x":            {options: gateOptions{reason: "x", override: true}, boshs: "d m"},
		"d --ipguard-override=-x m":           {options: gateOptions{reason: "-x", override: true}, boshs: "d m"},
		"--ipguard-director a d":              {options: gateOptions{director: "a"}, boshs: "d"},
		"ssh -- --ipguard-fleet f":            {boshs: "ssh -- --ipguard-fleet f"},
		"--ipguard-fleet a -- b":              {options: gateOptions{fleet: "a"}, boshs: "-- b"},
		"--ipguard-fleet a --ipguard-fleet=b": {options: gateOptions{fleet: "b"}},
		"d --ipguard-override":                {wrong: true},
		"d --ipguard-override=":               {wrong: true},
		"d --ipguard-override --recreate":     {wrong: true},
		"d --ipguard-override -- m":           {wrong: true},
		"d --ipguard-unknown x":               {wrong: true},
		"d --ipguard-":                        {wrong: true},
	} {
		options, boshs, err := splitGateOptions(strings.Fields(line))
		switch {
		case want.wrong:
			if err == nil {
				t.Errorf("%s: want an error, got %+v, %q", line, options, boshs)
			}
		case err != nil || options != want.options || !slices.Equal(boshs, strings.Fields(want.boshs)):
			t.Errorf("%s: got %+v, %q, %v", line, options, boshs, err)
		}
	}
}

// deadBosh is the path of a program that cannot be run: one that can would take the
// place of the test's process, which then counts as passed.
func deadBosh(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "bosh")
	writeFile(t, path, []byte("none"))
	if err := os.Chmod(path, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// TestGateStaleSnapshot: the gate has no flag for snapshots that are too old, so no
// hint speaks of one.
func TestGateStaleSnapshot(t *testing.T) {
	t.Chdir(t.TempDir())
	urls := doubles(t, twoDirectors()...)
	liveFleet(t, urls, ", max_age: 24h")
	if code, _, stderr := runMain(t, "collect"); code != ExitOK {
		t.Fatalf("collect: exit %d: %s", code, stderr)
	}
	writeFile(t, "m.yml", []byte("name: new\ninstance_groups: []\nupdate: {canaries: 1, max_in_flight: 1, canary_watch_time: 1, update_watch_time: 1}\nreleases: []\nstemcells: []\n"))
	var stdout, stderr bytes.Buffer
	code := Main(context.Background(), []string{"bosh", "-e", urls[0], "-d", "new", "deploy", "m.yml"}, Streams{
		Stdin: strings.NewReader(""), Stdout: &stdout, Stderr: &stderr, Environ: []string{"IPGUARD_BOSH=" + deadBosh(t)},
		Now: func() time.Time { return time.Now().Add(48 * time.Hour) },
	})
	want := "promo.json is 2d old, and may be 1d: what director promo granted since is unknown\n  hint: run ipguard collect promo\n"
	if code != ExitIncomplete || stdout.Len() > 0 || !strings.Contains(stderr.String(), want) {
		t.Errorf("exit %d\n%s%s", code, stdout.String(), stderr.String())
	}
}
