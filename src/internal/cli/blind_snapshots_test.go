//go:build !race

package cli

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/ipguard/ipguard/src/internal/madefleet"
	"github.com/ipguard/ipguard/src/internal/sharedtest"
)

// snapshotBlindings are the ways in which a snapshot can be lost; each returns what is
// left of the file (nil for nothing) and of the fleet file.
var snapshotBlindings = map[string]func(r *rand.Rand, director string, snapshot []byte, file string) ([]byte, string){
	"missing": func(_ *rand.Rand, _ string, _ []byte, file string) ([]byte, string) { return nil, file },
	"stale": func(_ *rand.Rand, director string, snapshot []byte, file string) ([]byte, string) {
		line := "  snapshot: " + director + ".json\n"
		return snapshot, strings.Replace(file, line, line+"  max_age: 1h\n", 1)
	},
	"cut off": func(r *rand.Rand, _ string, snapshot []byte, file string) ([]byte, string) {
		return snapshot[:r.IntN(len(snapshot)-2)], file // its last bytes are a bracket and a line end
	},
	"edited": func(r *rand.Rand, _ string, snapshot []byte, file string) ([]byte, string) {
		edited := bytes.Clone(snapshot)
		at := r.IntN(len(edited) - 1)
		for edited[at] == ' ' || edited[at] == '\n' {
			at = r.IntN(len(edited) - 1)
		}
		edited[at] = "0123456789abcdefx"[r.IntN(17)]
		if bytes.Equal(edited, snapshot) {
			edited[at] = '~'
		}
		return edited, file
	},
	"line gone": func(r *rand.Rand, _ string, snapshot []byte, file string) ([]byte, string) {
		lines := bytes.SplitAfter(snapshot, []byte("\n"))
		gone := r.IntN(len(lines) - 1)
		return bytes.Join(append(append([][]byte{}, lines[:gone]...), lines[gone+1:]...), nil), file
	},
}

// TestP1OnSnapshots loses snapshots of random fleets in every way: what was refused
// because of one is refused or undecided without it, and an address that was not free
// is not free.
func TestP1OnSnapshots(t *testing.T) {
	blindings := 20 // scripts/test asks for more, without the race detector
	if wanted, err := strconv.Atoi(os.Getenv("IPGUARD_BLINDINGS")); err == nil {
		blindings = wanted / 40
	} else if sharedtest.Short() {
		blindings = 6
	}
	counts := map[string]int{}
	done, because := 0, 0
	for seed := uint64(1); done < blindings; seed++ {
		r := rand.New(rand.NewPCG(seed, 11))
		t.Chdir(t.TempDir())
		made, err := madefleet.Make(madefleet.Size{Directors: 3, Deployments: 3, StaticAddresses: 12 + r.IntN(12), Conflicts: 3 + r.IntN(3), Seed: seed, AsWritten: true})
		if err != nil {
			continue
		}
		if err := made.Write("."); err != nil {
			t.Fatal(err)
		}
		snapshotsOf(t, madefleet.FleetFile)
		n, m := blindSnapshots(t, r, counts)
		done, because = done+n, because+m
	}
	t.Logf("%d blindings, %d of what the run was refused for; %v", done, because, counts)
	if because == 0 || done >= 200 && because < done/2 { // few blindings say little of how they are mixed
		t.Errorf("only %d of %d blindings hid what a run was refused for", because, done)
	}
}

// blindSnapshots loses each snapshot of the fleet in the working directory in each way.
func blindSnapshots(t *testing.T, r *rand.Rand, counts map[string]int) (done, because int) {
	t.Helper()
	file := readFile(t, madefleet.FleetFile)
	questions := [][]string{{"lint"}}
	manifests, err := filepath.Glob("director-0*/deployments/*.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range manifests {
		questions = append(questions, []string{"lint", "--director", filepath.Dir(filepath.Dir(m)), m})
	}
	for director := range 3 {
		name := fmt.Sprintf("director-%03d", director)
		snapshot := []byte(readFile(t, name+".json"))
		writeFile(t, "without.yml", []byte(withoutDirector(file, name)))
		refused := refusedBecauseOf(questions)
		if len(refused) == 0 && r.IntN(4) > 0 {
			continue
		}
		for _, way := range slices.Sorted(maps.Keys(snapshotBlindings)) {
			blind := snapshotBlindings[way]
			args := questions[r.IntN(len(questions))]
			isCause := len(refused) > 0 && r.IntN(10) > 0
			if isCause {
				args = refused[r.IntN(len(refused))]
			}
			before := quietly(args...)
			rest, changed := blind(r, name, snapshot, file)
			if err := os.Remove(name + ".json"); err != nil {
				t.Fatal(err)
			}
			if rest != nil {
				writeFile(t, name+".json", rest)
			}
			writeFile(t, madefleet.FleetFile, []byte(changed))
			after := quietly(args...)
			if before != ExitOK && after == ExitOK || before == ExitOK && after == ExitFindings {
				t.Errorf("snapshot of %s %s: %v ended with %d, and ends with %d", name, way, args, before, after)
			}
			if isCause {
				because++
			}
			done++
			counts[way]++
			writeFile(t, name+".json", snapshot)
			writeFile(t, madefleet.FleetFile, []byte(file))
		}
	}
	return done, because
}

// refusedBecauseOf are the questions that are refused with all of the fleet, and pass
// without the director that without.yml does not name.
func refusedBecauseOf(questions [][]string) (list [][]string) {
	for _, args := range questions {
		if quietly(args...) == ExitFindings && quietly(append(args, "--fleet", "without.yml")...) == ExitOK {
			list = append(list, args)
		}
	}
	return list
}

// withoutDirector is a fleet file without one of its directors.
func withoutDirector(file, name string) string {
	entry := regexp.MustCompile(`(?m)^- name: ` + regexp.QuoteMeta(name) + `\n(?: .*\n)*`)
	return entry.ReplaceAllString(file, "")
}

func quietly(args ...string) int {
	return Main(context.Background(), args, Streams{
		Stdin: strings.NewReader(""), Stdout: io.Discard, Stderr: io.Discard, Now: func() time.Time { return collectedAt.Add(26 * time.Hour) },
	})
}
