//go:build !race

package cli

import (
	"encoding/json"
	"fmt"
	"maps"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// bookingBlindings hide a booking; each returns what then stands in its file.
var bookingBlindings = map[string]func(r *rand.Rand, text string) string{
	"unreadable": func(*rand.Rand, string) string { return "{" },
	"cut off": func(r *rand.Rand, text string) string {
		for {
			if cut := text[:1+r.IntN(len(text)-2)]; strings.Count(cut, "\n") != strings.Count(text, "\n")-1 || !strings.HasSuffix(cut, "}\n") {
				return cut
			}
		}
	},
	"misspelt": func(r *rand.Rand, text string) string {
		key := []string{"at", "what", "owner"}[r.IntN(3)]
		return strings.Replace(text, key+":", key[:len(key)-1]+":", 1)
	},
	"conflict markers": func(_ *rand.Rand, text string) string {
		return "<<<<<<< HEAD\n" + text + "=======\n" + strings.ReplaceAll(text, "api", "db") + ">>>>>>> theirs\n"
	},
	"hidden": func(r *rand.Rand, text string) string {
		at := strings.Index(text, []string{"what: ", "owner: "}[r.IntN(2)])
		from := at + strings.Index(text[at:], " ") + 1
		return text[:from] + "((blind))" + text[from+strings.IndexByte(text[from:], ','):]
	},
	"empty": func(*rand.Rand, string) string { return "" },
}

// bookingQuestions are what is asked of that fleet.
func bookingQuestions(changes []string) [][]string {
	list := [][]string{{"lint"}}
	for _, c := range changes {
		list = append(list, []string{"lint", "--director", "a", c})
	}
	for n := 100; n <= 104; n++ {
		address := fmt.Sprintf("10.0.0.%d", n)
		list = append(list, []string{"free", address, "--why", address}, []string{"who", address})
	}
	return list
}

// TestP1OfBookings hides bookings in each way: no run ends better for it, and no lint of
// a change is refused for it that was not.
func TestP1OfBookings(t *testing.T) {
	t.Chdir(t.TempDir())
	questions := bookingQuestions(writeBookedFleet(t, ", book: required"))
	var before []int
	for _, q := range questions {
		before = append(before, quietly(q...))
	}
	r := rand.New(rand.NewPCG(1, 41))
	counts := map[string]int{}
	for range bookingBlindingsCount(t) {
		writeBookings(t)
		address := slices.Sorted(maps.Keys(bookedAddresses()))[r.IntN(len(bookedAddresses()))]
		how := slices.Sorted(maps.Keys(bookingBlindings))[r.IntN(len(bookingBlindings))]
		text := bookingBlindings[how](r, bookedAddresses()[address])
		writeFile(t, filepath.Join("bookings/p", address+".yml"), []byte(text))
		for range 3 {
			i := r.IntN(len(questions))
			after := quietly(questions[i]...)
			if before[i] != ExitOK && after == ExitOK || before[i] == ExitOK && after == ExitFindings {
				t.Errorf("booking of %s is %s: %v ended with %d, and ends with %d\n%s", address, how, questions[i], before[i], after, text)
			}
			counts[how]++
		}
	}
	t.Log(counts)
}

func bookingBlindingsCount(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(os.Getenv("IPGUARD_BLINDINGS"))
	if err != nil {
		return 20 // scripts/test asks for more, without the race detector
	}
	return n / 100
}

// TestP3OfBookings fills the file of a booking with every booking that it may be. Where
// none of them changes how lint of a change ends, and what it finds, neither does a file
// that cannot be read.
func TestP3OfBookings(t *testing.T) {
	t.Chdir(t.TempDir())
	changes := writeBookedFleet(t, "")
	addresses := slices.Sorted(maps.Keys(bookedAddresses()))
	if os.Getenv("IPGUARD_BLINDINGS") == "" {
		addresses = addresses[:2] // scripts/test asks for all, without the race detector
	}
	var fills []string
	for _, owner := range []string{"a/web/api", "a/shop/api", "b/other/api", "lb/frontend", "a", "a/web"} {
		booked := fmt.Sprintf(bookedEvent, "booked", owner)
		fills = append(fills, booked, fmt.Sprintf(bookedEvent, "adopted", owner), booked+fmt.Sprintf(bookedEvent, "released", owner),
			booked+fmt.Sprintf(bookedEvent, "released", owner)+fmt.Sprintf(bookedEvent, "freed", owner))
	}
	same, differing := 0, 0
	for _, address := range addresses {
		path := filepath.Join("bookings/p", address+".yml")
		for _, change := range changes {
			verdicts := map[string]bool{}
			for _, text := range fills {
				writeFile(t, path, []byte(text))
				verdicts[verdictOfLint(t, change)] = true
			}
			if len(verdicts) > 1 {
				differing++
				continue
			}
			same++
			writeFile(t, path, []byte("{"))
			if now := verdictOfLint(t, change); !verdicts[now] {
				t.Errorf("no booking of %s changes how lint of %s ends, and one that cannot be read does:\n%s\nbefore: %v", address, change, now, slices.Collect(maps.Keys(verdicts)))
			}
		}
		writeBookings(t)
	}
	t.Logf("%d compared, %d where it matters", same, differing)
	if same < 8 || differing < 4 {
		t.Errorf("only %d compared, and %d where it matters", same, differing)
	}
}

// verdictOfLint is how lint of a change ends, and its errors with their addresses and
// places.
func verdictOfLint(t *testing.T, change string) string {
	t.Helper()
	output, code := lintChange(t, change)
	var result struct {
		Findings []struct {
			Rule, Severity, Addresses string
			Claims                    []struct {
				File string
				Line int
			}
		}
	}
	if err := json.Unmarshal([]byte(output), &result); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	text := fmt.Sprintf("exit %d\n", code)
	for _, f := range result.Findings {
		if f.Severity == "error" {
			text += fmt.Sprintln(f.Rule, f.Addresses, f.Claims)
		}
	}
	return text
}
